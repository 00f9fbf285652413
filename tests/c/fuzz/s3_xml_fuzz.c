/* Every answer of S3 through every reader. */
#include "base/check.h"
#include "wire/s3_xml.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_printable(const char *text, size_t bytes)
{
    AKS_CHECK(memchr(text, '\0', bytes) != NULL);
    for (; *text != '\0'; text++)
        AKS_CHECK((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void
read_error(const char *xml, size_t len)
{
    struct aks_s3_error error;
    struct aks_error err;
    enum aks_status status;

    aks_error_clear(&err);
    status = aks_s3_xml_error(xml, len, &error, &err);
    AKS_CHECK(status == AKS_OK || status == AKS_NOT_FOUND || status == AKS_BAD_REPLY);
    AKS_CHECK(err.status == status);
    AKS_CHECK(error.max_allowed_skew_ms >= -1);
    check_printable(error.code, sizeof(error.code));
    check_printable(error.message, sizeof(error.message));
    check_printable(error.region, sizeof(error.region));
    check_printable(error.endpoint, sizeof(error.endpoint));
    check_printable(error.bucket, sizeof(error.bucket));
    check_printable(error.request_id, sizeof(error.request_id));
    check_printable(error.server_time, sizeof(error.server_time));
}

static void
read_listing(const char *xml, size_t len)
{
    struct aks_s3_listing listing;
    enum aks_status status = aks_s3_xml_listing(aks_alloc_system(), xml, len, &listing, NULL);

    AKS_CHECK(status == AKS_OK || status == AKS_BAD_REPLY);
    AKS_CHECK(listing.key_count <= AKS_S3_LISTING_MAX);
    AKS_CHECK(listing.prefix_count <= AKS_S3_LISTING_MAX);
    for (size_t i = 0; i < listing.key_count; i++) {
        AKS_CHECK(listing.keys[i][0] != '\0' && strlen(listing.keys[i]) <= AKS_S3_KEY_MAX);
        AKS_CHECK(listing.sizes[i] >= 0);
    }
    for (size_t i = 0; i < listing.prefix_count; i++)
        AKS_CHECK(listing.prefixes[i][0] != '\0');
    if (status == AKS_OK)
        AKS_CHECK(listing.truncated == (listing.continuation != NULL));
    aks_s3_listing_fini(&listing);
}

static enum aks_status
check_part(void *ctx, const struct aks_s3_listed_part *part, struct aks_error *err)
{
    uint32_t *last = ctx;

    AKS_CHECK(part->number > *last && part->bytes >= 0 && part->etag[0] != '\0');
    check_printable(part->etag, sizeof(part->etag));
    check_printable(part->crc64nvme, sizeof(part->crc64nvme));
    *last = part->number;
    return AKS_OK;
}

static enum aks_status
check_upload(void *ctx, const char *key, const char *upload_id, struct aks_error *err)
{
    AKS_CHECK(key[0] != '\0' && strlen(key) <= AKS_S3_KEY_MAX && upload_id[0] != '\0');
    check_printable(upload_id, AKS_S3_UPLOAD_ID_MAX + 1);
    return AKS_OK;
}

static void
read_uploads(const char *xml, size_t len)
{
    uint32_t last = 3;
    uint32_t next = 0;
    enum aks_status status = aks_s3_xml_parts(xml, len, 3, check_part, &last, &next, NULL);

    AKS_CHECK(status == AKS_OK || status == AKS_BAD_REPLY);
    AKS_CHECK(next == 0 || (status == AKS_OK && next > 3 && next >= last));
    (void)aks_s3_xml_uploads(xml, len, check_upload, NULL, NULL);
}

static void
read_bucket(const char *xml, size_t len)
{
    struct aks_s3_bucket bucket = { 0 };
    enum aks_status status = aks_s3_xml_bucket(xml, len, "systems/x/", &bucket, NULL);

    AKS_CHECK(status == AKS_OK || status == AKS_BAD_REPLY);
    check_printable(bucket.encryption, sizeof(bucket.encryption));
    check_printable(bucket.versioning, sizeof(bucket.versioning));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *xml = (const char *)data;
    char etag[48];
    char *id = NULL;

    read_error(xml, len);
    read_listing(xml, len);
    read_uploads(xml, len);
    read_bucket(xml, len);
    if (aks_s3_xml_upload_id(aks_alloc_system(), xml, len, &id, NULL) == AKS_OK) {
        AKS_CHECK(id[0] != '\0');
        check_printable(id, AKS_S3_UPLOAD_ID_MAX + 1);
    }
    aks_mem_free(aks_alloc_system(), id);
    if (aks_s3_xml_complete(xml, len, etag, sizeof(etag), NULL) == AKS_OK) {
        AKS_CHECK(etag[0] != '\0');
        check_printable(etag, sizeof(etag));
    }
    return 0;
}
