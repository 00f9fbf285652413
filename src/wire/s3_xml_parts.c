/* What a server has of multipart uploads: ListParts and ListMultipartUploads. */
#include "wire/s3_xml.h"

#include "wire/xml.h"

#include <stdio.h>
#include <string.h>

#define SIZE_DIGITS_MAX 18      /* below INT64_MAX, above every object */
#define NUMBER_DIGITS_MAX 9     /* below UINT32_MAX, far above every part number */

/* Digits alone; -1 for anything else. */
static int64_t
parse_digits(const struct aks_xml_element *element, size_t digits_max)
{
    int64_t number = 0;

    if (element->text_len == 0 || element->text_len > digits_max)
        return -1;
    for (size_t i = 0; i < element->text_len; i++) {
        if (element->text[i] < '0' || element->text[i] > '9')
            return -1;
        number = number * 10 + (element->text[i] - '0');
    }
    return number;
}

/* Printable ASCII, of so many bytes, that may stand in quotes. */
static bool
copy_token(const struct aks_xml_element *element, bool quoted, char *ret_text, size_t bytes)
{
    const char *text = element->text;
    size_t len = element->text_len;

    if (quoted && len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    if (element->text_cut || len == 0 || len >= bytes)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= 0x20 || text[i] > 0x7e)
            return false;
    }
    memcpy(ret_text, text, len);
    ret_text[len] = '\0';
    return true;
}

/* ListParts */

struct parts_reader {
    struct aks_s3_listed_part part;     /* the one that is open */
    aks_s3_part_listed *each;
    void *ctx;
    uint32_t after;                     /* the number before */
    uint32_t next;                      /* as told */
    size_t count;
    bool truncated;
};

static enum aks_status
bad_parts(struct aks_error *err, const char *why)
{
    return aks_error_set(err, AKS_BAD_REPLY, "list parts: %s", why);
}

static enum aks_status
end_part(struct parts_reader *reader, struct aks_error *err)
{
    const struct aks_s3_listed_part *part = &reader->part;

    if (part->number == 0 || part->bytes < 0 || part->etag[0] == '\0')
        return bad_parts(err, "a part without number, size or ETag");
    if (part->number <= reader->after)
        return bad_parts(err, "the parts are not in order");
    if (++reader->count > AKS_S3_LISTED_PARTS_MAX)
        return bad_parts(err, "more than 1000 parts on one page");
    reader->after = part->number;
    return reader->each(reader->ctx, part, err);
}

static enum aks_status
read_part_field(struct parts_reader *reader, const struct aks_xml_element *element,
    struct aks_error *err)
{
    struct aks_s3_listed_part *part = &reader->part;
    int64_t number;

    if (strcmp(element->name, "PartNumber") == 0) {
        number = parse_digits(element, NUMBER_DIGITS_MAX);
        if (number < 1)
            return bad_parts(err, "a <PartNumber> is no number");
        part->number = (uint32_t)number;
    } else if (strcmp(element->name, "Size") == 0) {
        part->bytes = parse_digits(element, SIZE_DIGITS_MAX);
        if (part->bytes < 0)
            return bad_parts(err, "a <Size> is no number");
    } else if (strcmp(element->name, "ETag") == 0) {
        if (!copy_token(element, true, part->etag, sizeof(part->etag)))
            return bad_parts(err, "an <ETag> is empty, too long or no text");
    } else if (strcmp(element->name, "ChecksumCRC64NVME") == 0) {
        (void)copy_token(element, false, part->crc64nvme, sizeof(part->crc64nvme));
    }
    return AKS_OK;
}

static enum aks_status
read_parts_field(struct parts_reader *reader, const struct aks_xml_element *element,
    struct aks_error *err)
{
    int64_t number;

    if (strcmp(element->name, "IsTruncated") == 0) {
        reader->truncated = strcmp(element->text, "true") == 0;
        if (!reader->truncated && strcmp(element->text, "false") != 0)
            return bad_parts(err, "<IsTruncated> is neither true nor false");
    } else if (strcmp(element->name, "NextPartNumberMarker") == 0 && element->text_len > 0) {
        number = parse_digits(element, NUMBER_DIGITS_MAX);
        if (number < 0)
            return bad_parts(err, "a <NextPartNumberMarker> is no number");
        reader->next = (uint32_t)number;
    }
    return AKS_OK;
}

static enum aks_status
parts_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct parts_reader *reader = ctx;

    if (depth == 1 && strcmp(name, "ListPartsResult") != 0)
        return bad_parts(err, "the answer is no <ListPartsResult>");
    if (depth == 2 && strcmp(name, "Part") == 0) {
        memset(&reader->part, 0, sizeof(reader->part));
        reader->part.bytes = -1;
    }
    return AKS_OK;
}

static enum aks_status
parts_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct parts_reader *reader = ctx;

    if (element->depth == 2 && strcmp(element->name, "Part") == 0)
        return end_part(reader, err);
    if (element->depth == 2 && element->leaf)
        return read_parts_field(reader, element, err);
    if (element->depth == 3 && element->leaf && strcmp(element->parent, "Part") == 0)
        return read_part_field(reader, element, err);
    return AKS_OK;
}

enum aks_status
aks_s3_xml_parts(const char *xml, size_t len, uint32_t after, aks_s3_part_listed *each, void *ctx,
    uint32_t *ret_after, struct aks_error *err)
{
    struct parts_reader reader = { .each = each, .ctx = ctx, .after = after };
    struct aks_xml_handler handler = { &reader, parts_begin, parts_end };
    enum aks_status status = aks_xml_read(xml, len, "list parts", &handler, err);

    *ret_after = 0;
    if (status != AKS_OK || !reader.truncated)
        return status;
    /* The last number of the page is where it goes on; who says less would never end. */
    if (reader.next < reader.after)
        reader.next = reader.after;
    if (reader.next <= after)
        return bad_parts(err, "the page is truncated and does not say how it goes on");
    *ret_after = reader.next;
    return AKS_OK;
}

/* ListMultipartUploads */

struct uploads_reader {
    aks_s3_upload_listed *each;
    void *ctx;
    size_t count;
    char key[AKS_S3_KEY_MAX + 1];       /* of the one that is open */
    char upload_id[AKS_S3_UPLOAD_ID_MAX + 1];
};

static enum aks_status
uploads_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct uploads_reader *reader = ctx;

    if (depth == 1 && strcmp(name, "ListMultipartUploadsResult") != 0)
        return aks_error_set(err, AKS_BAD_REPLY,
            "list uploads: the answer is no <ListMultipartUploadsResult>");
    if (depth == 2) {
        reader->key[0] = '\0';
        reader->upload_id[0] = '\0';
    }
    return AKS_OK;
}

static enum aks_status
uploads_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct uploads_reader *reader = ctx;

    if (element->depth == 3 && element->leaf && strcmp(element->parent, "Upload") == 0) {
        if (strcmp(element->name, "UploadId") == 0 &&
            !copy_token(element, false, reader->upload_id, sizeof(reader->upload_id)))
            return aks_error_set(err, AKS_BAD_REPLY, "list uploads: an <UploadId> is no text");
        /* A key that is too long is none of ours. */
        if (strcmp(element->name, "Key") == 0 && element->text_len < sizeof(reader->key))
            (void)snprintf(reader->key, sizeof(reader->key), "%s", element->text);
        return AKS_OK;
    }
    if (element->depth != 2 || strcmp(element->name, "Upload") != 0)
        return AKS_OK;
    if (++reader->count > AKS_S3_LISTED_UPLOADS_MAX)
        return aks_error_set(err, AKS_BAD_REPLY, "list uploads: more than 1000 on one page");
    if (reader->key[0] == '\0' || reader->upload_id[0] == '\0')
        return AKS_OK;
    return reader->each(reader->ctx, reader->key, reader->upload_id, err);
}

enum aks_status
aks_s3_xml_uploads(const char *xml, size_t len, aks_s3_upload_listed *each, void *ctx,
    struct aks_error *err)
{
    struct uploads_reader reader = { .each = each, .ctx = ctx };
    struct aks_xml_handler handler = { &reader, uploads_begin, uploads_end };

    return aks_xml_read(xml, len, "list uploads", &handler, err);
}
