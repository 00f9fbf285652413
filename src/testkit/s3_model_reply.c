/* What a request is answered with. */
#include "testkit/s3_model_internal.h"

#include "base/check.h"
#include "testkit/model_text.h"
#include "wire/dates.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XML_BEGIN "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define EXTRA_BYTES 4096

/* Statuses and words: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. */
static const struct {
    const char *code;
    int status;
    const char *message;
} errors[] = {
    { "AccessDenied", 403, "Access Denied." },
    { "AuthorizationHeaderMalformed", 400, "The authorization header is malformed." },
    { "AuthorizationParametersError", 400, "The authorization header is malformed." },
    { "AuthorizationQueryParametersError", 400, "The authorization header is malformed." },
    { "BadDigest", 400, "The checksum you specified did not match what we received." },
    { "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size" },
    { "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size" },
    { "ExpiredToken", 400, "The provided token has expired." },
    { "IncompleteBody", 400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header." },
    { "InternalError", 500, "We encountered an internal error. Please try again." },
    { "InvalidAccessKeyId", 403,
        "The AWS Access Key Id you provided does not exist in our records." },
    { "InvalidArgument", 400, "Invalid Argument" },
    { "InvalidDigest", 400, "The Content-MD5 you specified is not valid." },
    { "InvalidPart", 400, "One or more of the specified parts could not be found." },
    { "InvalidPartOrder", 400, "The list of parts was not in ascending order." },
    { "InvalidRange", 416, "The requested range is not satisfiable" },
    { "InvalidRequest", 400, "Invalid Request" },
    { "InvalidToken", 400, "The provided token is malformed or otherwise invalid." },
    { "InvalidTokenId", 403, "The security token included in the request is invalid" },
    { "InvalidURI", 400, "Couldn't parse the specified URI." },
    { "KeyTooLongError", 400, "Your key is too long" },
    { "MalformedXML", 400, "The XML you provided was not well-formed." },
    { "MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size" },
    { "MissingContentLength", 411, "You must provide the Content-Length HTTP header." },
    { "NoSuchBucket", 404, "The specified bucket does not exist" },
    { "NoSuchKey", 404, "The specified key does not exist." },
    { "NoSuchUpload", 404, "The specified multipart upload does not exist. The upload ID may be "
        "invalid, or the upload may have been aborted or completed." },
    { "NotImplemented", 501,
        "A header you provided implies functionality that is not implemented" },
    { "PermanentRedirect", 301,
        "The bucket you are attempting to access must be addressed using the specified endpoint." },
    { "PreconditionFailed", 412,
        "At least one of the pre-conditions you specified did not hold" },
    { "RequestTimeTooSkewed", 403,
        "The difference between the request time and the server's time is too large." },
    { "SignatureDoesNotMatch", 403,
        "The request signature we calculated does not match the signature you provided." },
    { "SlowDown", 503, "Please reduce your request rate." },
    { "SlowDownWrite", 503, "Resource requested is unwritable, please reduce your request rate" },
    { "TooManyRequests", 429, "Reduce your concurrent request rate for the same object." },
    { "Unauthorized", 401, "Unauthorized" },
    { "XAdminUserNotFound", 404, "No user exists with the provided access key ID." },
    { "XAmzContentChecksumMismatch", 400,
        "The provided 'x-amz-checksum' header does not match what was computed." },
    { "XAmzContentSHA256Mismatch", 400,
        "The provided 'x-amz-content-sha256' header does not match what was computed." },
};

static size_t
error_row(const char *code)
{
    size_t i = 0;

    while (i < sizeof(errors) / sizeof(errors[0]) && strcmp(errors[i].code, code) != 0)
        i++;
    return i;
}

struct aks_buf *
aks_s3_model_reply_xml(struct aks_s3_call *call, const char *root)
{
    struct aks_buf *out = &call->reply->body;

    aks_buf_reset(out);
    aks_buf_puts(out, XML_BEGIN);
    if (strcmp(root, "Error") == 0)
        aks_buf_puts(out, "<Error>");
    else
        aks_buf_printf(out, "<%s xmlns=\"" NAMESPACE "\">", root);
    aks_sim_reply_header(call->reply, "Content-Type", "application/xml");
    return out;
}

void
aks_s3_model_reply_element(struct aks_buf *out, const char *name, const char *text)
{
    aks_buf_printf(out, "<%s>", name);
    aks_model_text_xml(text, out);
    aks_buf_printf(out, "</%s>", name);
}

void
aks_s3_model_reply_number(struct aks_buf *out, const char *name, int64_t number)
{
    aks_buf_printf(out, "<%s>%" PRId64 "</%s>", name, number, name);
}

void
aks_s3_model_reply_date(struct aks_buf *out, const char *name, int64_t wall_ms)
{
    char date[AKS_DATE_BYTES];

    aks_buf_printf(out, "<%s>%s</%s>", name, aks_date_iso(wall_ms, date), name);
}

/* HEAD has no body, so what it means is its status alone. */
static void
write_error(struct aks_s3_call *call, int status, const char *code, const char *extra)
{
    size_t row = error_row(code);
    struct aks_buf *out;

    call->reply->status = status;
    if (strcmp(call->request->method, "HEAD") == 0) {
        aks_buf_reset(&call->reply->body);
        return;
    }
    out = aks_s3_model_reply_xml(call, "Error");
    aks_s3_model_reply_element(out, "Code", code);
    aks_s3_model_reply_element(out, "Message",
        row < sizeof(errors) / sizeof(errors[0]) ? errors[row].message : "Planned by the test.");
    aks_s3_model_reply_element(out, "Resource", call->path != NULL ? call->path : "/");
    aks_s3_model_reply_element(out, "RequestId", call->request_id);
    aks_buf_printf(out, "%s</Error>", extra);
}

void
aks_s3_model_reply_error(struct aks_s3_call *call, const char *code)
{
    size_t row = error_row(code);

    AKS_CHECK(row < sizeof(errors) / sizeof(errors[0]));
    write_error(call, errors[row].status, code, "");
}

void
aks_s3_model_reply_error_with(struct aks_s3_call *call, const char *code, const char *format, ...)
{
    size_t row = error_row(code);
    char extra[EXTRA_BYTES];
    va_list args;
    int len;

    AKS_CHECK(row < sizeof(errors) / sizeof(errors[0]));
    va_start(args, format);
    len = vsnprintf(extra, sizeof(extra), format, args);
    va_end(args);
    /* Half an element would be no XML. */
    write_error(call, errors[row].status, code, len < EXTRA_BYTES ? extra : "");
}

void
aks_s3_model_reply_error_inside(struct aks_s3_call *call, const char *code)
{
    write_error(call, 200, code, "");
}

void
aks_s3_model_reply_full(struct aks_s3_call *call)
{
    aks_s3_model_reply_error(call, "InternalError");
}

void
aks_s3_model_reply_end(struct aks_s3_call *call)
{
    struct aks_sim_reply *reply = call->reply;
    char date[AKS_MODEL_DATE_BYTES];
    bool told = false;

    if (reply->body.failed != AKS_OK) {
        aks_buf_reset(&reply->body);
        reply->header_count = 0;
        reply->status = 500;
    }
    for (size_t i = 0; i < reply->header_count; i++)
        told = told || strcmp(reply->headers[i].name, "Content-Length") == 0;
    if (!told && reply->status != 204 && reply->status != 304)
        aks_sim_reply_header(reply, "Content-Length", "%zu", reply->body.len);
    aks_sim_reply_header(reply, "Date", "%s", aks_model_text_http_date(call->wall_ms, date));
    aks_sim_reply_header(reply, "Server", "%s", call->traits->server);
    aks_sim_reply_header(reply, "x-amz-request-id", "%s", call->request_id);
}
