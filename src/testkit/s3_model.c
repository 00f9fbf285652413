#include "testkit/s3_model_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "testkit/model_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOKENS_PER_WRITE 1000

static enum aks_status
copy_options(struct aks_s3_model *model, const struct aks_s3_model_options *options,
    struct aks_error *err)
{
    const char **const texts[] = {
        &model->options.region, &model->options.bucket, &model->options.access_key,
        &model->options.secret_key, &model->options.session_token,
        &model->options.credentials_allowed,
    };
    bool full = false;

    model->options = *options;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = *texts[i];

        *texts[i] = aks_mem_strdup(model->alloc, text);
        full = full || (text != NULL && *texts[i] == NULL);
    }
    return full ? aks_error_memory(err, "making a model of S3") : AKS_OK;
}

enum aks_status
aks_s3_model_new(const struct aks_alloc *alloc, const struct aks_s3_model_options *options,
    struct aks_s3_model **ret_model, struct aks_error *err)
{
    struct aks_s3_model *model = aks_mem_new(alloc, sizeof(*model));
    enum aks_status status;

    AKS_CHECK(options->region != NULL && options->bucket != NULL);
    AKS_CHECK(options->access_key != NULL && options->secret_key != NULL);
    AKS_CHECK(options->rate_per_s >= 0 && options->part_bytes_min >= 0);
    *ret_model = NULL;
    if (model == NULL)
        return aks_error_memory(err, "making a model of S3");
    model->alloc = alloc;
    aks_model_set_init(&model->objects, alloc);
    aks_model_set_init(&model->uploads, alloc);
    aks_buf_init(&model->canonical, alloc, AKS_SIGV4_CANONICAL_BYTES_MAX);
    aks_rng_init(&model->rng, options->seed);
    aks_s3_model_profile(options->profile, &model->traits);
    model->tokens = options->rate_per_s * TOKENS_PER_WRITE;
    status = copy_options(model, options, err);
    if (status != AKS_OK) {
        aks_s3_model_free(model);
        return status;
    }
    *ret_model = model;
    return AKS_OK;
}

static void
free_text(const struct aks_s3_model *model, const char *text)
{
    aks_mem_free(model->alloc, (void *)(uintptr_t)text);
}

void
aks_s3_model_free(struct aks_s3_model *model)
{
    if (model == NULL)
        return;
    aks_s3_model_store_fini(model);
    aks_s3_model_upload_fini(model);
    free_text(model, model->options.region);
    free_text(model, model->options.bucket);
    free_text(model, model->options.access_key);
    free_text(model, model->options.secret_key);
    free_text(model, model->options.session_token);
    free_text(model, model->options.credentials_allowed);
    aks_mem_free(model->alloc, model->text);
    aks_buf_fini(&model->canonical);
    aks_mem_free(model->alloc, model);
}

void
aks_s3_model_set_expiry(struct aks_s3_model *model, int64_t expires_at_ms)
{
    model->options.expires_at_ms = expires_at_ms;
}

void
aks_s3_model_fail_inside(struct aks_s3_model *model, const char *operation, const char *code,
    unsigned times)
{
    int len = snprintf(model->fail_operation, sizeof(model->fail_operation), "%s", operation);

    AKS_CHECK(len > 0 && (size_t)len < sizeof(model->fail_operation));
    len = snprintf(model->fail_code, sizeof(model->fail_code), "%s", code);
    AKS_CHECK(len > 0 && (size_t)len < sizeof(model->fail_code));
    model->fail_times = times;
}

static void
head_bucket(struct aks_s3_call *call)
{
    call->reply->status = 200;
    if (call->traits->tells_region)
        aks_sim_reply_header(call->reply, "x-amz-bucket-region", "%s",
            call->model->options.region);
}

/* The first region's name is no name. */
static void
bucket_location(struct aks_s3_call *call)
{
    struct aks_buf *out = aks_s3_model_reply_xml(call, "LocationConstraint");
    const char *region = call->model->options.region;

    aks_model_text_xml(strcmp(region, "us-east-1") == 0 ? "" : region, out);
    aks_buf_puts(out, "</LocationConstraint>");
    call->reply->status = 200;
}

static void (*const operations[])(struct aks_s3_call *call) = {
    [AKS_S3_PUT_OBJECT] = aks_s3_model_object_put,
    [AKS_S3_GET_OBJECT] = aks_s3_model_object_get,
    [AKS_S3_HEAD_OBJECT] = aks_s3_model_object_get,
    [AKS_S3_DELETE_OBJECT] = aks_s3_model_object_delete,
    [AKS_S3_CREATE_UPLOAD] = aks_s3_model_multipart_create,
    [AKS_S3_UPLOAD_PART] = aks_s3_model_multipart_part,
    [AKS_S3_UPLOAD_PART_COPY] = aks_s3_model_multipart_copy,
    [AKS_S3_COMPLETE_UPLOAD] = aks_s3_model_complete,
    [AKS_S3_ABORT_UPLOAD] = aks_s3_model_multipart_abort,
    [AKS_S3_LIST_PARTS] = aks_s3_model_list_parts,
    [AKS_S3_LIST_OBJECTS] = aks_s3_model_list_objects,
    [AKS_S3_LIST_UPLOADS] = aks_s3_model_list_uploads,
    [AKS_S3_HEAD_BUCKET] = head_bucket,
    [AKS_S3_BUCKET_LOCATION] = bucket_location,
};

/* One second's writes may come at once; then as many as time brings. */
static bool
too_fast(struct aks_s3_call *call)
{
    struct aks_s3_model *model = call->model;
    int64_t rate = model->options.rate_per_s;
    int64_t tokens_max = rate * TOKENS_PER_WRITE;
    int64_t passed_ms = call->wall_ms - model->tokens_at_ms;

    if (rate == 0 || !aks_s3_model_request_writes(call->operation))
        return false;
    if (passed_ms > AKS_MS_PER_S)
        passed_ms = AKS_MS_PER_S;
    if (passed_ms > 0) {
        model->tokens += passed_ms * rate * TOKENS_PER_WRITE / AKS_MS_PER_S;
        model->tokens_at_ms = call->wall_ms;
    }
    if (model->tokens > tokens_max)
        model->tokens = tokens_max;
    if (model->tokens < TOKENS_PER_WRITE)
        return true;
    model->tokens -= TOKENS_PER_WRITE;
    return false;
}

/* Why the request is refused before its operation begins; NULL if it is not. */
static const char *
objection(struct aks_s3_call *call)
{
    const struct aks_s3_model_options *options = &call->model->options;
    const char *name = aks_s3_model_request_name(call->operation);

    if (call->operation == AKS_S3_NO_OPERATION)
        return "NotImplemented";
    if (aks_model_text_lists(options->credentials_allowed, name))
        return "AccessDenied";
    if (strcmp(call->bucket, options->bucket) != 0)
        return "NoSuchBucket";
    if (strlen(call->key) > AKS_S3_KEY_MAX && !call->traits->any_key_length)
        return "KeyTooLongError";
    return too_fast(call) ? call->traits->too_fast : NULL;
}

static void
serve(struct aks_s3_call *call)
{
    struct aks_s3_model *model = call->model;
    const char *why;

    if (!aks_s3_model_request_read(call) || !aks_s3_model_auth(call))
        return;
    why = objection(call);
    if (why != NULL) {
        aks_s3_model_reply_error(call, why);
        return;
    }
    if (!aks_s3_model_checksum_body(call))
        return;
    if (model->fail_times > 0 &&
        strcmp(model->fail_operation, aks_s3_model_request_name(call->operation)) == 0) {
        model->fail_times--;
        aks_s3_model_reply_error_inside(call, model->fail_code);
        return;
    }
    operations[call->operation](call);
}

void
aks_s3_model_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct aks_s3_model *model = ctx;
    struct aks_s3_call call = { 0 };

    call.model = model;
    call.traits = &model->traits;
    call.request = request;
    call.reply = reply;
    call.wall_ms = wall_ms;
    (void)snprintf(call.request_id, sizeof(call.request_id), "%016" PRIX64,
        aks_rng_next(&model->rng));
    serve(&call);
    aks_s3_model_reply_end(&call);
}

const struct aks_s3_object *
aks_s3_model_object(struct aks_s3_model *model, const char *key)
{
    struct aks_s3_stored *stored = aks_s3_model_store_find(model, key);

    return stored != NULL ? &stored->shown : NULL;
}

void
aks_s3_model_each(struct aks_s3_model *model,
    void (*each)(void *ctx, const struct aks_s3_object *object), void *ctx)
{
    for (size_t i = 0; i < model->objects.count; i++) {
        const struct aks_s3_stored *stored = model->objects.items[i];

        each(ctx, &stored->shown);
    }
}

unsigned
aks_s3_model_uploads_open(const struct aks_s3_model *model)
{
    return (unsigned)(model->uploads.count - model->done_count);
}

enum aks_status
aks_s3_model_put(struct aks_s3_model *model, const char *key, const void *data, size_t len,
    int64_t wall_ms, struct aks_error *err)
{
    void *copy = aks_s3_model_store_copy(model, data, len);
    struct aks_s3_stored *stored = NULL;
    struct aks_s3_kept kept = { 0 };

    kept.content_type = aks_mem_strdup(model->alloc, "binary/octet-stream");
    kept.meta = aks_mem_strdup(model->alloc, "");
    if (copy != NULL && kept.content_type != NULL && kept.meta != NULL) {
        stored = aks_s3_model_store_put(model, key, copy, len, &kept, wall_ms);
        copy = NULL;
    }
    aks_mem_free(model->alloc, copy);
    aks_s3_model_store_drop_kept(model, &kept);
    return stored != NULL ? AKS_OK : aks_error_memory(err, "putting an object into a model of S3");
}

enum aks_status
aks_s3_model_remove(struct aks_s3_model *model, const char *key, struct aks_error *err)
{
    return aks_s3_model_store_remove(model, key) ? AKS_OK
        : aks_error_set(err, AKS_NOT_FOUND, "the model of S3 has no %s", key);
}
