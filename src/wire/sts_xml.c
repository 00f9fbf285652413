#include "wire/sts_xml.h"

#include "wire/xml.h"

#include <stdbool.h>
#include <string.h>

/* --- credentials ------------------------------------------------------------------------------ */

struct credentials_reader {
    aks_sts_xml_text *each;
    void *ctx;
    bool response;                      /* the root's name says so */
    bool seen;
};

static bool
ends_in(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static enum aks_status
credentials_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct credentials_reader *reader = ctx;

    if (depth == 1)
        reader->response = ends_in(name, "Response");
    if (depth == 3 && strcmp(name, "Credentials") == 0) {
        if (reader->seen)
            return aks_error_set(err, AKS_BAD_REPLY, "the answer has credentials twice");
        reader->seen = true;
    }
    return AKS_OK;
}

static enum aks_status
credentials_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    const struct credentials_reader *reader = ctx;

    if (!reader->response || element->depth != 4 || !element->leaf ||
        strcmp(element->parent, "Credentials") != 0)
        return AKS_OK;
    if (element->text_cut)
        return aks_error_set(err, AKS_BAD_REPLY, "a text of the answer is longer than %d bytes",
            AKS_S3_XML_TEXT_MAX);
    return reader->each(reader->ctx, element->name, element->text, err);
}

enum aks_status
aks_sts_xml_credentials(const char *xml, size_t len, aks_sts_xml_text *each, void *ctx,
    struct aks_error *err)
{
    struct credentials_reader reader = { each, ctx, false, false };
    struct aks_xml_handler handler = { &reader, credentials_begin, credentials_end };
    enum aks_status status;

    if (len > AKS_STS_XML_BYTES_MAX)
        return aks_error_set(err, AKS_BAD_REPLY, "the answer is longer than %d bytes",
            AKS_STS_XML_BYTES_MAX);
    status = aks_xml_read(xml, len, "read an answer of STS", &handler, err);
    if (status == AKS_OK && !(reader.response && reader.seen))
        status = aks_error_set(err, AKS_BAD_REPLY, "the answer has no credentials in it");
    return status;
}

/* --- errors ----------------------------------------------------------------------------------- */

struct error_reader {
    struct aks_s3_error *error;
    int depth;                          /* of what is in <Error>; 0: it is no error */
};

static enum aks_status
error_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct error_reader *reader = ctx;

    (void)err;
    if (depth == 1)
        reader->depth = strcmp(name, "Error") == 0 ? 2 : strcmp(name, "ErrorResponse") == 0 ? 3 : 0;
    return AKS_OK;
}

/* Control characters are blanks, and too much is cut: it is for a message of one line. */
static void
copy(const char *text, char *ret_text, size_t bytes)
{
    size_t len = strlen(text);

    if (ret_text[0] != '\0')
        return;
    if (len >= bytes)
        len = bytes - 1;
    for (size_t i = 0; i < len; i++)
        ret_text[i] = (unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f ? ' '
            : text[i];
    ret_text[len] = '\0';
}

static enum aks_status
error_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    const struct error_reader *reader = ctx;
    struct aks_s3_error *error = reader->error;

    (void)err;
    if (reader->depth == 0 || !element->leaf)
        return AKS_OK;
    if (strcmp(element->name, "RequestId") == 0)
        copy(element->text, error->request_id, sizeof(error->request_id));
    if (element->depth != reader->depth || strcmp(element->parent, "Error") != 0)
        return AKS_OK;
    if (strcmp(element->name, "Code") == 0)
        copy(element->text, error->code, sizeof(error->code));
    else if (strcmp(element->name, "Message") == 0)
        copy(element->text, error->message, sizeof(error->message));
    return AKS_OK;
}

enum aks_status
aks_sts_xml_error(const char *xml, size_t len, struct aks_s3_error *ret_error,
    struct aks_error *err)
{
    struct error_reader reader = { ret_error, 0 };
    struct aks_xml_handler handler = { &reader, error_begin, error_end };
    enum aks_status status;

    memset(ret_error, 0, sizeof(*ret_error));
    ret_error->max_allowed_skew_ms = -1;
    status = aks_xml_read(xml, len, "read an error of STS", &handler, err);
    if (status == AKS_OK && reader.depth == 0)
        status = aks_error_set(err, AKS_NOT_FOUND, "read an error of STS: the answer is none");
    return status;
}
