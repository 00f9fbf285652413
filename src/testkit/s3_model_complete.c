/* Completing a multipart upload: the list of parts is held against what is there
 * (docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html). */
#include "testkit/s3_model_internal.h"

#include "base/encode.h"
#include "testkit/model_text.h"
#include "wire/xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PART_BYTES_MIN (5 * INT64_C(1048576))   /* S3's own */
#define LIST_STEP 64

struct listed {
    unsigned number;
    char etag[AKS_S3_MODEL_ETAG_BYTES];
    const struct aks_s3_algorithm *algorithm;   /* NULL: no checksum was given */
    char sum[AKS_S3_MODEL_SUM_TEXT_BYTES];
};

struct list {
    struct aks_s3_call *call;
    struct listed *parts;
    size_t count;
    size_t room;
    bool malformed;
    bool full;                          /* no memory */
};

static bool
refuse(struct aks_s3_call *call, const char *code)
{
    aks_s3_model_reply_error(call, code);
    return false;
}

static enum aks_status
list_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct list *list = ctx;
    const struct aks_alloc *alloc = list->call->model->alloc;
    struct listed *parts;

    (void)err;
    if (depth == 1 && strcmp(name, "CompleteMultipartUpload") != 0)
        list->malformed = true;
    if (depth != 2 || strcmp(name, "Part") != 0)
        return AKS_OK;
    if (list->count == AKS_S3_MODEL_PARTS_MAX) {
        list->malformed = true;
        return AKS_LIMIT;
    }
    if (list->count == list->room) {
        parts = aks_mem_resize(alloc, list->parts, (list->room + LIST_STEP) * sizeof(*parts));
        if (parts == NULL) {
            list->full = true;
            return AKS_LIMIT;
        }
        list->parts = parts;
        list->room += LIST_STEP;
    }
    memset(&list->parts[list->count++], 0, sizeof(*list->parts));
    return AKS_OK;
}

static enum aks_status
list_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct list *list = ctx;
    struct listed *part = list->count > 0 ? &list->parts[list->count - 1] : NULL;
    const struct aks_s3_algorithm *algorithm = aks_s3_model_checksum_element(element->name);
    int64_t number;

    (void)err;
    if (element->depth != 3 || part == NULL || strcmp(element->parent, "Part") != 0)
        return AKS_OK;
    if (strcmp(element->name, "PartNumber") == 0) {
        if (aks_model_text_number(element->text, AKS_S3_MODEL_PARTS_MAX, &number))
            part->number = (unsigned)number;
        else
            list->malformed = true;
    } else if (strcmp(element->name, "ETag") == 0) {
        if (element->text_len < sizeof(part->etag))
            memcpy(part->etag, element->text, element->text_len + 1);
    } else if (algorithm != NULL && element->text_len < sizeof(part->sum)) {
        part->algorithm = algorithm;
        memcpy(part->sum, element->text, element->text_len + 1);
    }
    return AKS_OK;
}

/* False if it has refused. */
static bool
read_list(struct aks_s3_call *call, struct list *ret_list)
{
    const struct aks_sim_request *request = call->request;
    struct aks_xml_handler handler = { ret_list, list_begin, list_end };
    enum aks_status status;

    ret_list->call = call;
    if (request->body_len == 0)
        return refuse(call, call->traits->empty_list);
    status = aks_xml_read((const char *)request->body, request->body_len, "a list of parts",
        &handler, NULL);
    if (ret_list->full) {
        aks_s3_model_reply_full(call);
        return false;
    }
    if (status != AKS_OK || ret_list->malformed)
        return refuse(call, "MalformedXML");
    return ret_list->count > 0 || refuse(call, call->traits->empty_list);
}

static bool
ascends(const struct list *list, size_t i)
{
    unsigned number = list->parts[i].number;
    unsigned before = i > 0 ? list->parts[i - 1].number : 0;

    return number > before || (number == before && number > 0 &&
        list->call->traits->repeated_parts);
}

/* Is the checksum in the list that of the part? */
static bool
check_sum(const struct list *list, size_t i, const struct aks_s3_upload *upload,
    const struct aks_s3_model_part *part)
{
    struct aks_s3_call *call = list->call;
    const struct listed *listed = &list->parts[i];
    char text[AKS_S3_MODEL_SUM_TEXT_BYTES];

    if (call->traits->ignores_checksums)
        return true;
    if (listed->algorithm == NULL)
        return upload->algorithm == NULL || !call->traits->list_needs_checksums ||
            refuse(call, call->traits->missing_in_list);
    if (part->sum.algorithm != listed->algorithm ||
        strcmp(aks_s3_model_checksum_text(call->model, &part->sum, text), listed->sum) != 0)
        return refuse(call, "InvalidPart");
    return true;
}

/* All but the last must be large enough, and where the profile says so of one size. */
static bool
check_size(const struct list *list, size_t i, const struct aks_s3_model_part *part,
    size_t first_len)
{
    struct aks_s3_call *call = list->call;
    int64_t min = call->model->options.part_bytes_min;
    bool last = i + 1 == list->count;

    if (min == 0)
        min = PART_BYTES_MIN;
    if (!last && (int64_t)part->len < min && !call->traits->no_part_minimum) {
        aks_s3_model_reply_error_with(call, "EntityTooSmall", "<ProposedSize>%zu</ProposedSize>"
            "<MinSizeAllowed>%" PRId64 "</MinSizeAllowed>", part->len, min);
        return false;
    }
    if (call->traits->equal_parts && (last ? part->len > first_len : part->len != first_len))
        return refuse(call, "InvalidPart");
    return true;
}

static bool
check_list(const struct list *list, const struct aks_s3_upload *upload, size_t *ret_len)
{
    struct aks_s3_call *call = list->call;
    size_t first_len = 0;

    *ret_len = 0;
    for (size_t i = 0; call->traits->order_first && i < list->count; i++) {
        if (!ascends(list, i))
            return refuse(call, "InvalidPartOrder");
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct aks_s3_model_part *part = aks_s3_model_upload_part(upload,
            list->parts[i].number);
        char hex[2 * AKS_MODEL_MD5_BYTES + 1];

        if (!ascends(list, i))
            return refuse(call, "InvalidPartOrder");
        if (part == NULL)
            return refuse(call, "InvalidPart");
        aks_hex_encode(part->md5, sizeof(part->md5), hex);
        if (!aks_model_text_same_etag(list->parts[i].etag, hex))
            return refuse(call, "InvalidPart");
        if (i == 0)
            first_len = part->len;
        if (!check_sum(list, i, upload, part) || !check_size(list, i, part, first_len))
            return false;
        *ret_len += part->len;
    }
    return true;
}

static bool
check_object_size(struct aks_s3_call *call, size_t len)
{
    const char *text = aks_s3_model_request_header(call, "x-amz-mp-object-size");
    int64_t size;

    return text == NULL || !call->traits->needs_object_size ||
        (aks_model_text_number(text, INT64_MAX, &size) && size == (int64_t)len) ||
        refuse(call, "InvalidRequest");
}

/* The parts in one piece; NULL without memory. */
static char *
join(const struct list *list, const struct aks_s3_upload *upload, size_t len)
{
    char *data = aks_mem_resize(list->call->model->alloc, NULL, len + 1);
    size_t at = 0;

    for (size_t i = 0; data != NULL && i < list->count; i++) {
        const struct aks_s3_model_part *part = aks_s3_model_upload_part(upload,
            list->parts[i].number);

        memcpy(data + at, part->data, part->len);
        at += part->len;
    }
    return data;
}

/* Of the sums of the parts; false without memory. */
static bool
compose_sum(const struct list *list, const struct aks_s3_upload *upload,
    struct aks_s3_sum *ret_sum)
{
    bool whole;
    struct aks_buf sums;

    aks_buf_init(&sums, list->call->model->alloc, AKS_S3_MODEL_PARTS_MAX * AKS_S3_MODEL_SUM_BYTES);
    for (size_t i = 0; i < list->count; i++)
        aks_buf_append(&sums, aks_s3_model_upload_part(upload, list->parts[i].number)->sum.bytes,
            upload->algorithm->bytes);
    aks_s3_model_checksum_of(upload->algorithm, sums.data, sums.len, ret_sum);
    ret_sum->parts = list->count;
    whole = sums.failed == AKS_OK;
    aks_buf_fini(&sums);
    return whole;
}

static bool
make_sum(const struct list *list, const struct aks_s3_upload *upload, const char *data, size_t len,
    struct aks_s3_sum *ret_sum)
{
    const struct aks_s3_algorithm *algorithm = upload->algorithm;

    memset(ret_sum, 0, sizeof(*ret_sum));
    if (upload->composite)
        return compose_sum(list, upload, ret_sum);
    if (algorithm == NULL && list->call->traits->adds_crc64)
        algorithm = aks_s3_model_checksum_named("CRC64NVME");
    if (algorithm != NULL)
        aks_s3_model_checksum_of(algorithm, data, len, ret_sum);
    return true;
}

/* What the request says of the whole object. */
static bool
check_whole(struct aks_s3_call *call, const struct aks_s3_upload *upload,
    const struct aks_s3_sum *sum)
{
    const char *type = aks_s3_model_request_header(call, "x-amz-checksum-type");
    struct aks_s3_sum claimed;

    if (!aks_s3_model_checksum_claimed(call, false, &claimed))
        return false;
    if (call->traits->ignores_checksums)
        return true;
    if (type != NULL && upload->algorithm != NULL &&
        strcasecmp(type, aks_s3_model_checksum_type(sum)) != 0)
        return refuse(call, call->traits->wrong_type);
    if (claimed.algorithm == NULL || claimed.algorithm != sum->algorithm)
        return true;
    return memcmp(claimed.bytes, sum->bytes, sum->algorithm->bytes) == 0 ||
        refuse(call, call->traits->bad_checksum);
}

/* MD5 of the MD5s in the list, and how many. */
static void
list_etag(const struct list *list, struct aks_buf *md5s, char ret_etag[AKS_S3_MODEL_ETAG_BYTES])
{
    uint8_t md5[AKS_MODEL_MD5_BYTES];
    char hex[2 * AKS_MODEL_MD5_BYTES + 1];

    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->parts[i].etag;

        (void)snprintf(hex, sizeof(hex), "%s", text + (text[0] == '"'));
        if (!aks_hex_decode(hex, md5, sizeof(md5)))
            memset(md5, 0, sizeof(md5));
        aks_buf_append(md5s, md5, sizeof(md5));
    }
    aks_model_digest_md5(md5s->data, md5s->len, md5);
    aks_hex_encode(md5, sizeof(md5), hex);
    (void)snprintf(ret_etag, AKS_S3_MODEL_ETAG_BYTES, "\"%s-%zu\"", hex, list->count);
}

static void
tell_completed(struct aks_s3_call *call, const char *etag, const struct aks_s3_sum *sum)
{
    struct aks_buf *out = aks_s3_model_reply_xml(call, "CompleteMultipartUploadResult");
    char text[AKS_S3_MODEL_SUM_TEXT_BYTES];

    aks_buf_puts(out, "<Location>");
    aks_buf_printf(out, "%s://", call->request->tls ? "https" : "http");
    aks_model_text_xml(call->request->host, out);
    aks_model_text_xml(call->path, out);
    aks_buf_puts(out, "</Location>");
    aks_s3_model_reply_element(out, "Bucket", call->model->options.bucket);
    aks_s3_model_reply_element(out, "Key", call->key);
    aks_s3_model_reply_element(out, "ETag", etag);
    if (sum->algorithm != NULL) {
        aks_s3_model_reply_element(out, sum->algorithm->element,
            aks_s3_model_checksum_text(call->model, sum, text));
        if (call->traits->sums_in_headers)
            aks_s3_model_checksum_headers(call, sum, true);
        else
            aks_s3_model_reply_element(out, "ChecksumType", aks_s3_model_checksum_type(sum));
    }
    aks_buf_puts(out, "</CompleteMultipartUploadResult>");
    call->reply->status = 200;
}

/* The list holds: makes the object. */
static void
store(const struct list *list, struct aks_s3_upload *upload, size_t len, const char *etag)
{
    struct aks_s3_call *call = list->call;
    struct aks_s3_stored *stored;
    struct aks_s3_sum sum;
    char *data = join(list, upload, len);

    if (data == NULL) {
        aks_s3_model_reply_full(call);
        return;
    }
    if (!make_sum(list, upload, data, len, &sum)) {
        aks_mem_free(call->model->alloc, data);
        aks_s3_model_reply_full(call);
        return;
    }
    if (!check_whole(call, upload, &sum)) {
        aks_mem_free(call->model->alloc, data);
        return;
    }
    stored = aks_s3_model_store_put(call->model, call->key, data, len, &upload->kept,
        call->wall_ms);
    if (stored == NULL) {
        aks_s3_model_reply_full(call);
        return;
    }
    memcpy(stored->etag, etag, sizeof(stored->etag));
    stored->sum = sum;
    aks_s3_model_upload_completed(call->model, upload);
    tell_completed(call, stored->etag, &sum);
}

/* The answer to a Complete may have been lost, so the same list is answered again, if only without
 * checksums. */
static bool
was_completed(struct aks_s3_call *call, const char *etag)
{
    const char *id = aks_s3_model_request_parameter(call, "uploadId");
    const struct aks_s3_upload *upload = aks_model_set_find(&call->model->uploads, id);
    const struct aks_s3_stored *stored = aks_s3_model_store_find(call->model, call->key);
    const struct aks_s3_sum none = { 0 };

    if (upload == NULL || !upload->done || strcmp(upload->key, call->key) != 0 || stored == NULL ||
        (strcmp(stored->etag, etag) != 0 && !call->traits->completes_any_list))
        return false;
    tell_completed(call, etag, &none);
    return true;
}

void
aks_s3_model_complete(struct aks_s3_call *call)
{
    struct list list = { 0 };
    struct aks_s3_upload *upload;
    char etag[AKS_S3_MODEL_ETAG_BYTES];
    struct aks_buf md5s;
    size_t len;

    aks_buf_init(&md5s, call->model->alloc, AKS_S3_MODEL_PARTS_MAX * AKS_MODEL_MD5_BYTES);
    if (!read_list(call, &list))
        goto out;
    list_etag(&list, &md5s, etag);
    if (md5s.failed != AKS_OK) {
        aks_s3_model_reply_full(call);
        goto out;
    }
    if (was_completed(call, etag))
        goto out;
    upload = aks_s3_model_upload_of(call);
    if (upload != NULL && aks_s3_model_condition_write(call, call->traits->completes_conditional) &&
        check_list(&list, upload, &len) && check_object_size(call, len))
        store(&list, upload, len, etag);

out:
    aks_buf_fini(&md5s);
    aks_mem_free(call->model->alloc, list.parts);
}
