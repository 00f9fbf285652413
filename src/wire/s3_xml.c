#include "wire/s3_xml.h"

#include "wire/xml.h"

#include <string.h>

#define SKEW_DIGITS_MAX 15      /* 31,000 years: what is longer is no skew */

static bool
is_child(const struct aks_xml_element *element, const char *name)
{
    return element->depth == 2 && element->leaf && strcmp(element->name, name) == 0;
}

/* Decimal digits alone, at most 18 of them; -1 for anything else. */
static int64_t
parse_digits(const char *text, size_t digits_max)
{
    int64_t number = 0;
    size_t len = strlen(text);

    if (len == 0 || len > digits_max)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* Copies with control characters (the C1 ones are two bytes) as blanks, cut between characters. */
static void
copy_clean(const char *text, char *ret_text, size_t bytes)
{
    size_t len = strlen(text);

    if (len >= bytes) {
        len = bytes - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool c1 = c == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0;

        ret_text[i] = c < 0x20 || c == 0x7f || c1 ? ' ' : text[i];
        if (c1)
            ret_text[++i] = ' ';
    }
    ret_text[len] = '\0';
}

/* <Error> */

struct error_reader {
    struct aks_s3_error *error;
    bool is_error;
};

static enum aks_status
error_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct error_reader *reader = ctx;

    (void)err;
    if (depth == 1)
        reader->is_error = strcmp(name, "Error") == 0;
    return AKS_OK;
}

/* The first element of a name counts: a second one is no S3's. */
static enum aks_status
error_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct error_reader *reader = ctx;
    struct aks_s3_error *error = reader->error;
    const struct {
        const char *name;
        char *text;
        size_t bytes;
    } fields[] = {
        { "Code", error->code, sizeof(error->code) },
        { "Message", error->message, sizeof(error->message) },
        { "Region", error->region, sizeof(error->region) },
        { "Endpoint", error->endpoint, sizeof(error->endpoint) },
        { "Bucket", error->bucket, sizeof(error->bucket) },
        { "BucketName", error->bucket, sizeof(error->bucket) },
        { "RequestId", error->request_id, sizeof(error->request_id) },
        { "ServerTime", error->server_time, sizeof(error->server_time) },
    };

    (void)err;
    if (!reader->is_error)
        return AKS_OK;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (is_child(element, fields[i].name) && fields[i].text[0] == '\0')
            copy_clean(element->text, fields[i].text, fields[i].bytes);
    }
    if (is_child(element, "MaxAllowedSkewMilliseconds") && error->max_allowed_skew_ms < 0)
        error->max_allowed_skew_ms = parse_digits(element->text, SKEW_DIGITS_MAX);
    return AKS_OK;
}

enum aks_status
aks_s3_xml_error(const char *xml, size_t len, struct aks_s3_error *ret_error,
    struct aks_error *err)
{
    struct error_reader reader = { ret_error, false };
    struct aks_xml_handler handler = { &reader, error_begin, error_end };
    enum aks_status status;

    memset(ret_error, 0, sizeof(*ret_error));
    ret_error->max_allowed_skew_ms = -1;
    status = aks_xml_read(xml, len, "read an error of S3", &handler, err);
    if (status == AKS_OK && !reader.is_error)
        status = aks_error_set(err, AKS_NOT_FOUND, "read an error of S3: the answer is none");
    return status;
}

/* The one text that an answer is about. */

struct text_reader {
    const char *what;
    const char *root;
    const char *other_root;             /* that some servers write instead, or NULL */
    const char *child;
    size_t bytes_max;
    size_t len;
    char text[AKS_S3_XML_TEXT_MAX + 1];
};

static enum aks_status
bad_root(const char *what, const char *name, const char *wanted, struct aks_error *err)
{
    char clean[AKS_XML_NAME_BYTES];

    copy_clean(name, clean, sizeof(clean));
    return aks_error_set(err, AKS_BAD_REPLY, "%s: the answer is <%s>, not <%s>", what, clean,
        wanted);
}

static enum aks_status
text_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    const struct text_reader *reader = ctx;

    if (depth == 1 && strcmp(name, reader->root) != 0 &&
        (reader->other_root == NULL || strcmp(name, reader->other_root) != 0))
        return bad_root(reader->what, name, reader->root, err);
    return AKS_OK;
}

static enum aks_status
text_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct text_reader *reader = ctx;

    if (!is_child(element, reader->child))
        return AKS_OK;
    if (reader->len > 0)
        return aks_error_set(err, AKS_BAD_REPLY, "%s: <%s> comes twice", reader->what,
            reader->child);
    if (element->text_cut || element->text_len > reader->bytes_max)
        return aks_error_set(err, AKS_BAD_REPLY, "%s: <%s> is over %zu bytes long", reader->what,
            reader->child, reader->bytes_max);
    for (size_t i = 0; i < element->text_len; i++) {
        if (element->text[i] <= 0x20 || element->text[i] > 0x7e)
            return aks_error_set(err, AKS_BAD_REPLY, "%s: <%s> has control characters, blanks or"
                " bytes outside of ASCII", reader->what, reader->child);
    }
    memcpy(reader->text, element->text, element->text_len + 1);
    reader->len = element->text_len;
    return AKS_OK;
}

static enum aks_status
read_text(struct text_reader *reader, const char *xml, size_t len, struct aks_error *err)
{
    struct aks_xml_handler handler = { reader, text_begin, text_end };
    enum aks_status status = aks_xml_read(xml, len, reader->what, &handler, err);

    if (status == AKS_OK && reader->len == 0)
        status = aks_error_set(err, AKS_BAD_REPLY, "%s: the answer has no <%s>", reader->what,
            reader->child);
    return status;
}

enum aks_status
aks_s3_xml_upload_id(const struct aks_alloc *alloc, const char *xml, size_t len,
    char **ret_upload_id, struct aks_error *err)
{
    struct text_reader reader = { .what = "begin a multipart upload",
        .root = "InitiateMultipartUploadResult",
        /* rclone serve s3 */
        .other_root = "InitiateMultipartUpload", .child = "UploadId",
        .bytes_max = AKS_S3_UPLOAD_ID_MAX };
    enum aks_status status = read_text(&reader, xml, len, err);

    *ret_upload_id = NULL;
    if (status != AKS_OK)
        return status;
    *ret_upload_id = aks_mem_strndup(alloc, reader.text, reader.len);
    return *ret_upload_id != NULL ? AKS_OK : aks_error_memory(err, "reading an upload id");
}

enum aks_status
aks_s3_xml_complete(const char *xml, size_t len, char *ret_etag, size_t etag_bytes,
    struct aks_error *err)
{
    struct text_reader reader = { .what = "complete a multipart upload",
        .root = "CompleteMultipartUploadResult", .child = "ETag", .bytes_max = AKS_S3_ETAG_MAX };
    enum aks_status status = read_text(&reader, xml, len, err);
    const char *etag = reader.text;

    ret_etag[0] = '\0';
    if (status != AKS_OK)
        return status;
    if (reader.len >= 2 && etag[0] == '"' && etag[reader.len - 1] == '"') {
        etag++;
        reader.len -= 2;
    }
    if (reader.len == 0)
        return aks_error_set(err, AKS_BAD_REPLY, "%s: <ETag> is empty", reader.what);
    if (reader.len >= etag_bytes)
        reader.len = etag_bytes - 1;
    memcpy(ret_etag, etag, reader.len);
    ret_etag[reader.len] = '\0';
    return AKS_OK;
}

/* What we send. */

static void
append_escaped(const char *text, struct aks_buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '&')
            aks_buf_puts(out, "&amp;");
        else if (*text == '<')
            aks_buf_puts(out, "&lt;");
        else if (*text == '>')
            aks_buf_puts(out, "&gt;");
        else if (*text == '"')
            aks_buf_puts(out, "&quot;");
        else
            aks_buf_putc(out, *text);
    }
}

void
aks_s3_xml_complete_body(const struct aks_s3_part_tag *parts, size_t count, struct aks_buf *out)
{
    aks_buf_puts(out,
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < count; i++) {
        aks_buf_printf(out, "<Part><PartNumber>%u</PartNumber><ETag>&quot;", parts[i].number);
        append_escaped(parts[i].etag, out);
        aks_buf_puts(out, "&quot;</ETag>");
        if (parts[i].crc64nvme != NULL) {
            aks_buf_puts(out, "<ChecksumCRC64NVME>");
            append_escaped(parts[i].crc64nvme, out);
            aks_buf_puts(out, "</ChecksumCRC64NVME>");
        }
        aks_buf_puts(out, "</Part>");
    }
    aks_buf_puts(out, "</CompleteMultipartUpload>");
}
