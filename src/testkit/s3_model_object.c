/* Objects in one piece. */
#include "testkit/s3_model_internal.h"

#include "testkit/model_text.h"

#include <string.h>
#include <strings.h>

void
aks_s3_model_object_put(struct aks_s3_call *call)
{
    const struct aks_sim_request *request = call->request;
    struct aks_s3_stored *stored = NULL;
    struct aks_s3_kept kept;
    struct aks_s3_sum sum;
    void *data;

    if (!aks_s3_model_condition_write(call, call->traits->puts_conditional) ||
        !aks_s3_model_checksum_claimed(call, true, &sum) || !aks_s3_model_store_keep(call, &kept))
        return;
    data = aks_s3_model_store_copy(call->model, request->body, request->body_len);
    if (data != NULL)
        stored = aks_s3_model_store_put(call->model, call->key, data, request->body_len, &kept,
            call->wall_ms);
    if (stored == NULL) {
        aks_s3_model_store_drop_kept(call->model, &kept);
        aks_s3_model_reply_full(call);
        return;
    }
    if (sum.algorithm == NULL && call->traits->adds_crc64)
        aks_s3_model_checksum_of(aks_s3_model_checksum_named("CRC64NVME"), request->body,
            request->body_len, &sum);
    stored->sum = sum;
    call->reply->status = 200;
    aks_sim_reply_header(call->reply, "ETag", "%s", stored->etag);
    aks_s3_model_checksum_headers(call, &sum, true);
}

static void
tell_kept(struct aks_s3_call *call, const struct aks_s3_stored *stored)
{
    const char *at = stored->kept.meta;

    aks_sim_reply_header(call->reply, "Content-Type", "%s", stored->kept.content_type);
    for (size_t i = 0; i < stored->kept.meta_count; i++) {
        const char *value = at + strlen(at) + 1;

        aks_sim_reply_header(call->reply, at, "%s", value);
        at = value + strlen(value) + 1;
    }
}

static void
tell_object(struct aks_s3_call *call, const struct aks_s3_stored *stored)
{
    const char *mode = aks_s3_model_request_header(call, "x-amz-checksum-mode");
    char date[AKS_MODEL_DATE_BYTES];

    aks_sim_reply_header(call->reply, "ETag", "%s", stored->etag);
    aks_sim_reply_header(call->reply, "Last-Modified", "%s",
        aks_model_text_http_date(stored->shown.stored_at_ms, date));
    aks_sim_reply_header(call->reply, "Accept-Ranges", "bytes");
    tell_kept(call, stored);
    if (mode != NULL && strcasecmp(mode, "ENABLED") == 0)
        aks_s3_model_checksum_headers(call, &stored->sum, true);
}

/* GET and HEAD. */
void
aks_s3_model_object_get(struct aks_s3_call *call)
{
    const struct aks_s3_stored *stored = aks_s3_model_store_find(call->model, call->key);
    const char *denied = call->model->options.credentials_allowed;
    size_t first = 0;
    size_t len = 0;
    enum aks_model_range range;

    if (stored == NULL) {
        aks_s3_model_reply_error(call, call->traits->hides_absence &&
            aks_model_text_lists(denied, "ListObjectsV2") ? "AccessDenied" : "NoSuchKey");
        return;
    }
    if (!aks_s3_model_condition_read(call, stored))
        return;
    range = aks_model_text_range(aks_s3_model_request_header(call, "range"), stored->shown.len,
        &first, &len);
    if (range == AKS_MODEL_RANGE_OUTSIDE) {
        aks_s3_model_reply_error_with(call, "InvalidRange",
            "<ActualObjectSize>%zu</ActualObjectSize>", stored->shown.len);
        return;
    }
    call->reply->status = range == AKS_MODEL_RANGE_PART ? 206 : 200;
    if (range == AKS_MODEL_RANGE_PART)
        aks_sim_reply_header(call->reply, "Content-Range", "bytes %zu-%zu/%zu", first,
            first + len - 1, stored->shown.len);
    tell_object(call, stored);
    aks_sim_reply_header(call->reply, "Content-Length", "%zu", len);
    if (call->operation == AKS_S3_GET_OBJECT)
        aks_buf_append(&call->reply->body, (const char *)stored->shown.data + first, len);
}

void
aks_s3_model_object_delete(struct aks_s3_call *call)
{
    (void)aks_s3_model_store_remove(call->model, call->key);
    call->reply->status = 204;
}
