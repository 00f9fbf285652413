/* Beginning, filling and giving up a multipart upload. */
#include "testkit/s3_model_internal.h"

#include "base/encode.h"
#include "testkit/model_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
refuse(struct aks_s3_call *call, const char *code)
{
    aks_s3_model_reply_error(call, code);
    return false;
}

/* x-amz-checksum-algorithm and -type of Create; NULL ${ret_algorithm} if none is asked for. */
static bool
read_algorithm(struct aks_s3_call *call, const struct aks_s3_algorithm **ret_algorithm,
    bool *ret_composite)
{
    const char *name = aks_s3_model_request_header(call, "x-amz-checksum-algorithm");
    const char *type = aks_s3_model_request_header(call, "x-amz-checksum-type");
    const char *wrong = call->traits->wrong_checksum;
    const struct aks_s3_algorithm *algorithm;

    *ret_algorithm = NULL;
    *ret_composite = false;
    if (call->traits->ignores_checksums || (name == NULL && type == NULL))
        return true;
    algorithm = name != NULL ? aks_s3_model_checksum_named(name) : NULL;
    if (algorithm == NULL)
        return refuse(call, wrong);
    *ret_algorithm = algorithm;
    *ret_composite = algorithm->composite;
    if (type == NULL)
        return true;
    *ret_composite = strcasecmp(type, "COMPOSITE") == 0 && algorithm->composite;
    if (strcasecmp(type, "COMPOSITE") == 0)
        return algorithm->composite || call->traits->crc64_composite || refuse(call, wrong);
    return (strcasecmp(type, "FULL_OBJECT") == 0 && algorithm->full) || refuse(call, wrong);
}

static void
tell_upload(struct aks_s3_call *call, const struct aks_s3_upload *upload)
{
    struct aks_buf *out = aks_s3_model_reply_xml(call, "InitiateMultipartUploadResult");

    aks_s3_model_reply_element(out, "Bucket", call->model->options.bucket);
    aks_s3_model_reply_element(out, "Key", call->key);
    aks_s3_model_reply_element(out, "UploadId", upload->id);
    aks_buf_puts(out, "</InitiateMultipartUploadResult>");
    call->reply->status = 200;
    if (upload->algorithm == NULL)
        return;
    aks_sim_reply_header(call->reply, "x-amz-checksum-algorithm", "%s", upload->algorithm->name);
    aks_sim_reply_header(call->reply, "x-amz-checksum-type", "%s",
        upload->composite ? "COMPOSITE" : "FULL_OBJECT");
}

void
aks_s3_model_multipart_create(struct aks_s3_call *call)
{
    const struct aks_s3_algorithm *algorithm;
    struct aks_s3_upload *upload;
    struct aks_s3_kept kept;
    bool composite;

    if (!aks_s3_model_condition_write(call, call->traits->creates_conditional) ||
        !read_algorithm(call, &algorithm, &composite) || !aks_s3_model_store_keep(call, &kept))
        return;
    upload = aks_s3_model_upload_new(call->model, call->key, call->wall_ms);
    if (upload == NULL) {
        aks_s3_model_store_drop_kept(call->model, &kept);
        aks_s3_model_reply_full(call);
        return;
    }
    upload->kept = kept;
    upload->algorithm = algorithm;
    upload->composite = composite;
    tell_upload(call, upload);
}

/* partNumber, 1 to 10000. */
static bool
read_number(struct aks_s3_call *call, unsigned *ret_number)
{
    const char *text = aks_s3_model_request_parameter(call, "partNumber");
    int64_t number = 0;

    if (text == NULL || !aks_model_text_number(text, INT32_MAX, &number) || number < 1)
        return refuse(call, call->traits->bad_part_number);
    if (number > AKS_S3_MODEL_PARTS_MAX)
        return refuse(call, "InvalidArgument");
    *ret_number = (unsigned)number;
    return true;
}

/* Takes a part in; NULL if there was no memory, which the reply says. */
static struct aks_s3_model_part *
put_part(struct aks_s3_call *call, struct aks_s3_upload *upload, unsigned number, const void *data,
    size_t len)
{
    struct aks_s3_model_part *part = NULL;
    void *copy = aks_s3_model_store_copy(call->model, data, len);

    if (copy != NULL)
        part = aks_s3_model_upload_put(call->model, upload, number, copy, len);
    if (part == NULL) {
        aks_s3_model_reply_full(call);
        return NULL;
    }
    part->stored_at_ms = call->wall_ms;
    return part;
}

static const char *
part_etag(const struct aks_s3_model_part *part, char ret_etag[AKS_S3_MODEL_ETAG_BYTES])
{
    char hex[2 * AKS_MODEL_MD5_BYTES + 1];

    aks_hex_encode(part->md5, sizeof(part->md5), hex);
    (void)snprintf(ret_etag, AKS_S3_MODEL_ETAG_BYTES, "\"%s\"", hex);
    return ret_etag;
}

void
aks_s3_model_multipart_part(struct aks_s3_call *call)
{
    const struct aks_sim_request *request = call->request;
    struct aks_s3_model_part *part;
    struct aks_s3_upload *upload;
    struct aks_s3_sum sum;
    char etag[AKS_S3_MODEL_ETAG_BYTES];
    unsigned number;

    if (!read_number(call, &number))
        return;
    upload = aks_s3_model_upload_of(call);
    if (upload == NULL || !aks_s3_model_checksum_claimed(call, true, &sum))
        return;
    if (sum.algorithm == NULL && upload->algorithm != NULL && !upload->composite &&
        call->traits->sums_parts)
        aks_s3_model_checksum_of(upload->algorithm, request->body, request->body_len, &sum);
    if (upload->algorithm != NULL && sum.algorithm != upload->algorithm) {
        aks_s3_model_reply_error(call, call->traits->wrong_checksum);
        return;
    }
    part = put_part(call, upload, number, request->body, request->body_len);
    if (part == NULL)
        return;
    part->sum = sum;
    call->reply->status = 200;
    aks_sim_reply_header(call->reply, "ETag", "%s", part_etag(part, etag));
    aks_s3_model_checksum_headers(call, &sum, false);
}

/* The object that x-amz-copy-source names: "[/]bucket/key", encoded. */
static const struct aks_s3_stored *
find_source(struct aks_s3_call *call)
{
    const struct aks_s3_model *model = call->model;
    const char *source = aks_s3_model_request_header(call, "x-amz-copy-source");
    size_t bucket_len = strlen(model->options.bucket);
    char text[AKS_SIM_REPLY_HEADER_BYTES * 4];
    const struct aks_s3_stored *stored;

    source += *source == '/';
    if (strlen(source) >= sizeof(text) || strchr(source, '?') != NULL ||
        !aks_model_text_percent_decode(source, strlen(source), text)) {
        aks_s3_model_reply_error(call, "InvalidArgument");
        return NULL;
    }
    if (strncmp(text, model->options.bucket, bucket_len) != 0 || text[bucket_len] != '/') {
        aks_s3_model_reply_error(call, "NoSuchBucket");
        return NULL;
    }
    stored = aks_s3_model_store_find(model, text + bucket_len + 1);
    if (stored == NULL)
        aks_s3_model_reply_error(call, "NoSuchKey");
    return stored;
}

static bool
check_source(struct aks_s3_call *call, const struct aks_s3_stored *stored)
{
    const char *match = aks_s3_model_request_header(call, "x-amz-copy-source-if-match");
    const char *none_match = aks_s3_model_request_header(call, "x-amz-copy-source-if-none-match");

    return ((match == NULL || aks_model_text_same_etag(match, stored->etag)) &&
        (none_match == NULL || !aks_model_text_same_etag(none_match, stored->etag))) ||
        refuse(call, "PreconditionFailed");
}

/* x-amz-copy-source-range has both its ends, and both inside. */
static bool
copy_range(struct aks_s3_call *call, const struct aks_s3_stored *stored, size_t *ret_first,
    size_t *ret_len)
{
    const char *text = aks_s3_model_request_header(call, "x-amz-copy-source-range");
    enum aks_model_range range = aks_model_text_range(text, stored->shown.len, ret_first, ret_len);
    const char *last;
    int64_t number;

    if (text == NULL)
        return true;
    last = strchr(text, '-');
    if (range != AKS_MODEL_RANGE_PART || last == NULL)
        return refuse(call, "InvalidArgument");
    if (last[1] == '\0')
        return call->traits->copies_open_ranges || refuse(call, "InvalidArgument");
    return (text[strlen("bytes=")] != '-' &&
        aks_model_text_number(last + 1, (int64_t)stored->shown.len - 1, &number)) ||
        refuse(call, "InvalidArgument");
}

static void
tell_copy(struct aks_s3_call *call, const struct aks_s3_model_part *part)
{
    struct aks_buf *out = aks_s3_model_reply_xml(call, "CopyPartResult");
    char text[AKS_S3_MODEL_SUM_TEXT_BYTES];
    char etag[AKS_S3_MODEL_ETAG_BYTES];

    aks_s3_model_reply_date(out, "LastModified", part->stored_at_ms);
    aks_s3_model_reply_element(out, "ETag", part_etag(part, etag));
    if (part->sum.algorithm != NULL)
        aks_s3_model_reply_element(out, part->sum.algorithm->element,
            aks_s3_model_checksum_text(call->model, &part->sum, text));
    aks_buf_puts(out, "</CopyPartResult>");
    call->reply->status = 200;
}

void
aks_s3_model_multipart_copy(struct aks_s3_call *call)
{
    const struct aks_s3_stored *stored;
    struct aks_s3_model_part *part;
    struct aks_s3_upload *upload;
    unsigned number;
    size_t first;
    size_t len;

    if (!read_number(call, &number))
        return;
    stored = find_source(call);
    if (stored == NULL)
        return;
    upload = aks_s3_model_upload_of(call);
    if (upload == NULL || !check_source(call, stored) || !copy_range(call, stored, &first, &len))
        return;
    if (upload->algorithm != NULL && !call->traits->copies_into_sums) {
        aks_s3_model_reply_error(call, "InvalidArgument");
        return;
    }
    part = put_part(call, upload, number, (const char *)stored->shown.data + first, len);
    if (part == NULL)
        return;
    if (upload->algorithm != NULL)
        aks_s3_model_checksum_of(upload->algorithm, part->data, part->len, &part->sum);
    tell_copy(call, part);
}

void
aks_s3_model_multipart_abort(struct aks_s3_call *call)
{
    struct aks_s3_upload *upload = aks_s3_model_upload_of(call);

    if (upload != NULL)
        aks_s3_model_upload_remove(call->model, upload);
    else if (!call->traits->aborts_unknown)
        return;
    /* What may stand there is the refusal. */
    aks_buf_reset(&call->reply->body);
    call->reply->header_count = 0;
    call->reply->status = 204;
}
