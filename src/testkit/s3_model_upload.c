/* Multipart uploads that are open, and some that were. */
#include "testkit/s3_model_internal.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PARTS 8

static void
drop_parts(const struct aks_s3_model *model, struct aks_s3_upload *upload)
{
    for (size_t i = 0; i < upload->part_count; i++)
        aks_mem_free(model->alloc, upload->parts[i].data);
    aks_mem_free(model->alloc, upload->parts);
    upload->parts = NULL;
    upload->part_count = 0;
    upload->part_room = 0;
}

static void
free_upload(void *ctx, void *item)
{
    const struct aks_s3_model *model = ctx;
    struct aks_s3_upload *upload = item;

    drop_parts(model, upload);
    aks_s3_model_store_drop_kept(model, &upload->kept);
    aks_mem_free(model->alloc, upload->key);
    aks_mem_free(model->alloc, upload);
}

struct aks_s3_upload *
aks_s3_model_upload_new(struct aks_s3_model *model, const char *key, int64_t wall_ms)
{
    struct aks_s3_upload *upload = aks_mem_new(model->alloc, sizeof(*upload));

    if (upload == NULL)
        return NULL;
    upload->id = upload->id_text;
    /* The order is in it, so that no two are the same. */
    (void)snprintf(upload->id_text, sizeof(upload->id_text), "%016" PRIx64 "%016" PRIx64,
        aks_rng_next(&model->rng), ++model->order);
    upload->order = model->order;
    upload->begun_at_ms = wall_ms;
    upload->key = aks_mem_strdup(model->alloc, key);
    if (upload->key == NULL || model->uploads.count >= AKS_S3_MODEL_UPLOADS_MAX ||
        !aks_model_set_reserve(&model->uploads)) {
        free_upload(model, upload);
        return NULL;
    }
    aks_model_set_add(&model->uploads, upload);
    return upload;
}

struct aks_s3_upload *
aks_s3_model_upload_of(struct aks_s3_call *call)
{
    const char *id = aks_s3_model_request_parameter(call, "uploadId");
    struct aks_s3_upload *upload = aks_model_set_find(&call->model->uploads, id != NULL ? id : "");

    if (upload != NULL && !upload->done && strcmp(upload->key, call->key) == 0)
        return upload;
    aks_s3_model_reply_error(call, "NoSuchUpload");
    return NULL;
}

/* Place of the first part whose number is not below ${number}. */
static size_t
part_from(const struct aks_s3_upload *upload, unsigned number)
{
    size_t first = 0;
    size_t end = upload->part_count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (upload->parts[middle].number < number)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

struct aks_s3_model_part *
aks_s3_model_upload_part(const struct aks_s3_upload *upload, unsigned number)
{
    size_t at = part_from(upload, number);

    return at < upload->part_count && upload->parts[at].number == number ? &upload->parts[at]
        : NULL;
}

static bool
reserve_part(const struct aks_s3_model *model, struct aks_s3_upload *upload)
{
    size_t room = upload->part_room > 0 ? 2 * upload->part_room : FIRST_PARTS;
    struct aks_s3_model_part *parts;

    if (upload->part_count < upload->part_room)
        return true;
    parts = aks_mem_resize(model->alloc, upload->parts, room * sizeof(*parts));
    if (parts == NULL)
        return false;
    upload->parts = parts;
    upload->part_room = room;
    return true;
}

struct aks_s3_model_part *
aks_s3_model_upload_put(struct aks_s3_model *model, struct aks_s3_upload *upload, unsigned number,
    void *data, size_t len)
{
    struct aks_s3_model_part *part = aks_s3_model_upload_part(upload, number);
    size_t at = part_from(upload, number);

    if (part == NULL) {
        if (!reserve_part(model, upload)) {
            aks_mem_free(model->alloc, data);
            return NULL;
        }
        part = &upload->parts[at];
        memmove(part + 1, part, (upload->part_count - at) * sizeof(*part));
        upload->part_count++;
    } else {
        aks_mem_free(model->alloc, part->data);
    }
    memset(part, 0, sizeof(*part));
    part->number = number;
    part->data = data;
    part->len = len;
    aks_s3_model_store_digest(model, data, len, part->md5);
    return part;
}

void
aks_s3_model_upload_remove(struct aks_s3_model *model, struct aks_s3_upload *upload)
{
    AKS_CHECK(upload != NULL);
    if (upload->done)
        model->done_count--;
    (void)aks_model_set_take(&model->uploads, upload->id);
    free_upload(model, upload);
}

void
aks_s3_model_forget_uploads(struct aks_s3_model *model)
{
    while (model->uploads.count > 0)
        aks_s3_model_upload_remove(model, model->uploads.items[0]);
}

static struct aks_s3_upload *
oldest_done(const struct aks_s3_model *model)
{
    struct aks_s3_upload *oldest = NULL;

    for (size_t i = 0; i < model->uploads.count; i++) {
        struct aks_s3_upload *upload = model->uploads.items[i];

        if (upload->done && (oldest == NULL || upload->order < oldest->order))
            oldest = upload;
    }
    return oldest;
}

void
aks_s3_model_upload_completed(struct aks_s3_model *model, struct aks_s3_upload *upload)
{
    if (!model->traits.completes_again) {
        aks_s3_model_upload_remove(model, upload);
        return;
    }
    drop_parts(model, upload);
    upload->done = true;
    upload->order = ++model->order;
    if (++model->done_count > AKS_S3_MODEL_DONE_MAX)
        aks_s3_model_upload_remove(model, oldest_done(model));
}

void
aks_s3_model_upload_fini(struct aks_s3_model *model)
{
    aks_model_set_fini(&model->uploads, free_upload, model);
}
