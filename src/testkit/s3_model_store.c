/* What is stored: objects, and what was said of them. */
#include "testkit/s3_model_internal.h"

#include "base/encode.h"
#include "data/digest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define META_PREFIX "x-amz-meta-"

void *
aks_s3_model_store_copy(const struct aks_s3_model *model, const void *data, size_t len)
{
    void *copy = aks_mem_resize(model->alloc, NULL, len + 1);

    if (copy != NULL && len > 0)
        memcpy(copy, data, len);
    return copy;
}

void
aks_s3_model_store_drop_kept(const struct aks_s3_model *model, struct aks_s3_kept *kept)
{
    aks_mem_free(model->alloc, kept->content_type);
    aks_mem_free(model->alloc, kept->meta);
    memset(kept, 0, sizeof(*kept));
}

/* Appends a header's name in lower case and its value, each with its NUL. */
static void
append_meta(struct aks_buf *out, const struct aks_http_header *header)
{
    for (const char *at = header->name; *at != '\0'; at++)
        aks_buf_putc(out, *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at);
    aks_buf_putc(out, '\0');
    aks_buf_append(out, header->value, strlen(header->value) + 1);
}

static bool
is_meta(const struct aks_http_header *header)
{
    return strncasecmp(header->name, META_PREFIX, strlen(META_PREFIX)) == 0;
}

/* Counts the metadata of a request and its bytes with their NULs; false over a limit. */
static bool
measure_meta(const struct aks_s3_call *call, size_t *ret_count, size_t *ret_bytes)
{
    const struct aks_sim_request *request = call->request;

    *ret_count = 0;
    *ret_bytes = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        size_t name = strlen(request->headers[i].name);
        size_t value = strlen(request->headers[i].value);

        if (!is_meta(&request->headers[i]))
            continue;
        if (name >= sizeof(call->reply->headers[0].name) || value > AKS_S3_MODEL_META_VALUE_MAX ||
            ++*ret_count > AKS_S3_MODEL_META_MAX)
            return false;
        *ret_bytes += name + value + 2;
    }
    return *ret_bytes <= AKS_S3_MODEL_META_BYTES_MAX;
}

static bool
keep_meta(struct aks_s3_call *call, struct aks_s3_kept *kept)
{
    const struct aks_sim_request *request = call->request;
    struct aks_buf meta;
    size_t bytes;

    if (!measure_meta(call, &kept->meta_count, &bytes)) {
        aks_s3_model_reply_error(call, "MetadataTooLarge");
        return false;
    }
    aks_buf_init(&meta, call->model->alloc, AKS_S3_MODEL_META_BYTES_MAX);
    for (size_t i = 0; i < request->header_count; i++) {
        if (is_meta(&request->headers[i]))
            append_meta(&meta, &request->headers[i]);
    }
    kept->meta = aks_buf_take(&meta);
    aks_buf_fini(&meta);
    if (kept->meta == NULL)
        aks_s3_model_reply_full(call);
    return kept->meta != NULL;
}

bool
aks_s3_model_store_keep(struct aks_s3_call *call, struct aks_s3_kept *ret_kept)
{
    const char *content_type = aks_s3_model_request_header(call, "content-type");

    memset(ret_kept, 0, sizeof(*ret_kept));
    if (content_type == NULL)
        content_type = "binary/octet-stream";
    if (strlen(content_type) > AKS_S3_MODEL_META_VALUE_MAX) {
        aks_s3_model_reply_error(call, "InvalidArgument");
        return false;
    }
    if (!keep_meta(call, ret_kept)) {
        aks_s3_model_store_drop_kept(call->model, ret_kept);
        return false;
    }
    ret_kept->content_type = aks_mem_strdup(call->model->alloc, content_type);
    if (ret_kept->content_type == NULL) {
        aks_s3_model_store_drop_kept(call->model, ret_kept);
        aks_s3_model_reply_full(call);
        return false;
    }
    return true;
}

static void
free_stored(void *ctx, void *item)
{
    const struct aks_s3_model *model = ctx;
    struct aks_s3_stored *stored = item;

    aks_mem_free(model->alloc, (void *)(uintptr_t)stored->shown.key);
    aks_mem_free(model->alloc, (void *)(uintptr_t)stored->shown.data);
    aks_s3_model_store_drop_kept(model, &stored->kept);
    aks_mem_free(model->alloc, stored);
}

struct aks_s3_stored *
aks_s3_model_store_find(const struct aks_s3_model *model, const char *key)
{
    return aks_model_set_find(&model->objects, key);
}

void
aks_s3_model_store_digest(const struct aks_s3_model *model, const void *data, size_t len,
    uint8_t ret_digest[AKS_MODEL_MD5_BYTES])
{
    uint64_t crc[2];

    if (!model->options.quick_etags) {
        aks_model_digest_md5(data, len, ret_digest);
        return;
    }
    crc[0] = aks_crc64nvme(0, data, len);
    crc[1] = (uint64_t)len;
    memcpy(ret_digest, crc, AKS_MODEL_MD5_BYTES);
}

static void
name_by_digest(const struct aks_s3_model *model, struct aks_s3_stored *stored)
{
    uint8_t md5[AKS_MODEL_MD5_BYTES];
    char hex[2 * AKS_MODEL_MD5_BYTES + 1];

    aks_s3_model_store_digest(model, stored->shown.data, stored->shown.len, md5);
    aks_hex_encode(md5, sizeof(md5), hex);
    (void)snprintf(stored->etag, sizeof(stored->etag), "\"%s\"", hex);
}

struct aks_s3_stored *
aks_s3_model_store_put(struct aks_s3_model *model, const char *key, void *data, size_t len,
    struct aks_s3_kept *kept, int64_t wall_ms)
{
    struct aks_s3_stored *stored = aks_mem_new(model->alloc, sizeof(*stored));
    char *own_key = aks_mem_strdup(model->alloc, key);
    void *before;

    if (stored == NULL || own_key == NULL || model->objects.count >= AKS_S3_MODEL_OBJECTS_MAX ||
        !aks_model_set_reserve(&model->objects)) {
        aks_mem_free(model->alloc, stored);
        aks_mem_free(model->alloc, own_key);
        aks_mem_free(model->alloc, data);
        return NULL;
    }
    stored->kept = *kept;
    memset(kept, 0, sizeof(*kept));
    stored->shown.key = own_key;
    stored->shown.data = data;
    stored->shown.len = len;
    stored->shown.etag = stored->etag;
    stored->shown.content_type = stored->kept.content_type;
    stored->shown.stored_at_ms = wall_ms;
    name_by_digest(model, stored);
    before = aks_model_set_take(&model->objects, key);
    if (before != NULL)
        free_stored(model, before);
    aks_model_set_add(&model->objects, stored);
    return stored;
}

bool
aks_s3_model_store_remove(struct aks_s3_model *model, const char *key)
{
    void *stored = aks_model_set_take(&model->objects, key);

    if (stored != NULL)
        free_stored(model, stored);
    return stored != NULL;
}

void
aks_s3_model_store_fini(struct aks_s3_model *model)
{
    aks_model_set_fini(&model->objects, free_stored, model);
}
