/* Is the body what its headers say? */
#include "testkit/s3_model_internal.h"

#include "base/encode.h"
#include "data/digest.h"
#include "testkit/model_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX "x-amz-checksum-"

static void
put_be(uint64_t value, size_t bytes, uint8_t *ret_sum)
{
    for (size_t i = 0; i < bytes; i++)
        ret_sum[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void
sum_crc32(const void *data, size_t len, uint8_t *ret_sum)
{
    put_be(aks_model_digest_crc32(data, len), 4, ret_sum);
}

static void
sum_crc32c(const void *data, size_t len, uint8_t *ret_sum)
{
    put_be(aks_crc32c(0, data, len), 4, ret_sum);
}

static void
sum_crc64nvme(const void *data, size_t len, uint8_t *ret_sum)
{
    put_be(aks_crc64nvme(0, data, len), 8, ret_sum);
}

static void
sum_sha1(const void *data, size_t len, uint8_t *ret_sum)
{
    aks_model_digest_sha1(data, len, ret_sum);
}

static void
sum_sha256(const void *data, size_t len, uint8_t *ret_sum)
{
    aks_sha256(data, len, ret_sum);
}

static const struct aks_s3_algorithm algorithms[] = {
    { "CRC32", PREFIX "crc32", "ChecksumCRC32", 4, true, true, sum_crc32 },
    { "CRC32C", PREFIX "crc32c", "ChecksumCRC32C", 4, true, true, sum_crc32c },
    { "CRC64NVME", PREFIX "crc64nvme", "ChecksumCRC64NVME", 8, false, true, sum_crc64nvme },
    { "SHA1", PREFIX "sha1", "ChecksumSHA1", AKS_MODEL_SHA1_BYTES, true, false, sum_sha1 },
    { "SHA256", PREFIX "sha256", "ChecksumSHA256", AKS_SHA256_BYTES, true, false, sum_sha256 },
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

const struct aks_s3_algorithm *
aks_s3_model_checksum_named(const char *name)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (strcasecmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    }
    return NULL;
}

const struct aks_s3_algorithm *
aks_s3_model_checksum_element(const char *element)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (strcmp(algorithms[i].element, element) == 0)
            return &algorithms[i];
    }
    return NULL;
}

void
aks_s3_model_checksum_of(const struct aks_s3_algorithm *algorithm, const void *data, size_t len,
    struct aks_s3_sum *ret_sum)
{
    memset(ret_sum, 0, sizeof(*ret_sum));
    ret_sum->algorithm = algorithm;
    algorithm->sum(data, len, ret_sum->bytes);
}

const char *
aks_s3_model_checksum_text(const struct aks_s3_model *model, const struct aks_s3_sum *sum,
    char ret_text[AKS_S3_MODEL_SUM_TEXT_BYTES])
{
    char parts[24] = "";
    struct aks_buf text;

    if (sum->parts > 0)
        (void)snprintf(parts, sizeof(parts), "-%zu", sum->parts);
    aks_buf_init(&text, model->alloc, AKS_S3_MODEL_SUM_TEXT_BYTES);
    aks_base64_encode(sum->bytes, sum->algorithm->bytes, &text);
    (void)snprintf(ret_text, AKS_S3_MODEL_SUM_TEXT_BYTES, "%.44s%.6s", text.data, parts);
    aks_buf_fini(&text);
    return ret_text;
}

const char *
aks_s3_model_checksum_type(const struct aks_s3_sum *sum)
{
    return sum->parts > 0 ? "COMPOSITE" : "FULL_OBJECT";
}

void
aks_s3_model_checksum_headers(struct aks_s3_call *call, const struct aks_s3_sum *sum, bool typed)
{
    char text[AKS_S3_MODEL_SUM_TEXT_BYTES];

    if (sum->algorithm == NULL)
        return;
    aks_sim_reply_header(call->reply, sum->algorithm->header, "%s",
        aks_s3_model_checksum_text(call->model, sum, text));
    if (typed)
        aks_sim_reply_header(call->reply, "x-amz-checksum-type", "%s",
            aks_s3_model_checksum_type(sum));
}

static bool
refuse(struct aks_s3_call *call, const char *code)
{
    aks_s3_model_reply_error(call, code);
    return false;
}

static bool
check_payload_hash(struct aks_s3_call *call)
{
    const struct aks_sim_request *request = call->request;
    const char *claimed = aks_s3_model_request_header(call, "x-amz-content-sha256");
    uint8_t wanted[AKS_SHA256_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    if (claimed == NULL ||
        (call->operation == AKS_S3_COMPLETE_UPLOAD && call->traits->trusts_lists))
        return true;
    if (strcmp(claimed, "UNSIGNED-PAYLOAD") == 0)
        return request->tls || !call->traits->unsigned_needs_tls ||
            refuse(call, "InvalidRequest");
    /* In chunks, with a signature each or with trailers: many compatible servers have none of it,
     * and neither do we send it. */
    if (strncmp(claimed, "STREAMING-", strlen("STREAMING-")) == 0)
        return refuse(call, "NotImplemented");
    if (!aks_hex_decode(claimed, wanted, sizeof(wanted)))
        return refuse(call, call->traits->bad_payload_hash);
    aks_sha256(request->body, request->body_len, digest);
    memcpy(call->sha256, digest, sizeof(digest));
    call->sha256_known = true;
    return memcmp(digest, wanted, sizeof(digest)) == 0 ||
        refuse(call, "XAmzContentSHA256Mismatch");
}

static bool
check_md5(struct aks_s3_call *call)
{
    const char *claimed = aks_s3_model_request_header(call, "content-md5");
    uint8_t wanted[AKS_MODEL_MD5_BYTES];
    uint8_t digest[AKS_MODEL_MD5_BYTES];

    if (claimed == NULL || call->traits->ignores_checksums)
        return true;
    if (!aks_model_text_base64_decode(claimed, wanted, sizeof(wanted)))
        return refuse(call, "InvalidDigest");
    aks_model_digest_md5(call->request->body, call->request->body_len, digest);
    return memcmp(digest, wanted, sizeof(digest)) == 0 || refuse(call, "BadDigest");
}

static bool
takes_body(enum aks_s3_operation operation)
{
    return operation == AKS_S3_PUT_OBJECT || operation == AKS_S3_UPLOAD_PART ||
        operation == AKS_S3_COMPLETE_UPLOAD;
}

static bool
check_length(struct aks_s3_call *call)
{
    const char *text = aks_s3_model_request_header(call, "content-length");
    int64_t length = 0;

    if (text == NULL && takes_body(call->operation) && call->traits->needs_length)
        return refuse(call, "MissingContentLength");
    if (text != NULL && !aks_model_text_number(text, INT64_MAX, &length))
        return refuse(call, "InvalidRequest");
    if (length > AKS_S3_MODEL_PUT_BYTES_MAX) {
        aks_s3_model_reply_error_with(call, "EntityTooLarge", "<ProposedSize>%" PRId64
            "</ProposedSize>", length);
        return false;
    }
    return text == NULL || (size_t)length == call->request->body_len ||
        refuse(call, "IncompleteBody");
}

bool
aks_s3_model_checksum_body(struct aks_s3_call *call)
{
    return check_length(call) && check_payload_hash(call) && check_md5(call);
}

/* x-amz-sdk-checksum-algorithm names what must be there. */
static bool
check_sdk(struct aks_s3_call *call, const struct aks_s3_sum *sum)
{
    const char *named = aks_s3_model_request_header(call, "x-amz-sdk-checksum-algorithm");

    return named == NULL || !call->traits->demands_sdk_checksum || (sum->algorithm != NULL &&
        strcasecmp(sum->algorithm->name, named) == 0) || refuse(call, "InvalidRequest");
}

bool
aks_s3_model_checksum_claimed(struct aks_s3_call *call, bool of_body, struct aks_s3_sum *ret_sum)
{
    uint8_t bytes[AKS_S3_MODEL_SUM_BYTES];

    memset(ret_sum, 0, sizeof(*ret_sum));
    if (call->traits->ignores_checksums)
        return true;
    for (size_t i = 0; i < ALGORITHMS; i++) {
        const char *text = aks_s3_model_request_header(call, algorithms[i].header);

        if (text == NULL)
            continue;
        if (ret_sum->algorithm != NULL)
            return refuse(call, call->traits->wrong_checksum);
        ret_sum->algorithm = &algorithms[i];
        if (!aks_model_text_base64_decode(text, ret_sum->bytes, algorithms[i].bytes))
            return refuse(call, call->traits->wrong_checksum);
    }
    if (!of_body)
        return true;
    if (ret_sum->algorithm != NULL) {
        if (ret_sum->algorithm->sum == sum_sha256 && call->sha256_known)
            memcpy(bytes, call->sha256, sizeof(call->sha256));
        else
            ret_sum->algorithm->sum(call->request->body, call->request->body_len, bytes);
        if (memcmp(bytes, ret_sum->bytes, ret_sum->algorithm->bytes) != 0)
            return refuse(call, call->traits->bad_checksum);
    }
    return check_sdk(call, ret_sum);
}
