#include "engine/classify.h"

#include "base/utf8.h"
#include "engine/classify_internal.h"
#include "wire/dates.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a status alone means, where no code says more. */
static enum aks_status
status_of_http(int http)
{
    switch (http) {
    case 401: case 407:
        return AKS_AUTH_INVALID;
    case 402: case 403: case 451:
        return AKS_FORBIDDEN;
    case 404: case 410:
        return AKS_NOT_FOUND;
    case 408:
        return AKS_TIMEOUT;
    case 409: case 412: case 423:
        return AKS_CONFLICT;
    case 413:
        return AKS_TOO_LARGE;
    case 421: case 425:
        return AKS_SERVER;
    case 429: case 509:
        return AKS_THROTTLED;
    case 501: case 505:
        return AKS_SETTINGS;
    case 507:
        return AKS_NO_SPACE;
    case 511:
        return AKS_OFFLINE;
    default:
        break;
    }
    if (http >= 400 && http < 500)
        return AKS_SETTINGS;
    return http >= 500 && http < 600 ? AKS_SERVER : AKS_BAD_REPLY;
}

static const char *
hint_of_http(enum aks_dialect dialect, int http)
{
    if (http >= 300 && http < 400)
        return "put the final address (for S3: the bucket's region) into the policy";
    switch (http) {
    case 401:
        return dialect == AKS_DIALECT_S3
            ? "check the access key and that it belongs to this endpoint"
            : "check the target's token";
    case 403:
        return dialect == AKS_DIALECT_S3
            ? "check what the bucket's and the user's policy allow (akosha-sync bucket-policy)"
            : "the server does not allow this: check its rules for this address";
    case 407:
        return "the proxy wants to know who asks: check https_proxy";
    case 404: case 405: case 410:
        return dialect == AKS_DIALECT_S3 ? "check bucket, endpoint and region of this target"
            : "check the URL, and that the server takes PUT there";
    case 413:
        return "the server limits the size of a request: raise that limit";
    case 507:
        return "make room in the storage, or raise its quota";
    case 511:
        return "the network wants a log-in first: open a browser";
    default:
        return NULL;
    }
}

/* Server's words on one line, without control characters: those of ASCII, and in two bytes those
 * that some terminals obey as well (U+0080 to U+009F). */
static void
clean(char *text)
{
    aks_utf8_mend(text);
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = ' ';
        else if (*c == 0xc2 && c[1] < 0xa0)
            c[0] = c[1] = ' ';
    }
}

static bool
parse_ms(const char *text, int64_t *ret_ms)
{
    char *end;
    long long ms;

    if (!isdigit((unsigned char)text[0]))
        return false;
    ms = strtoll(text, &end, 10);
    if (*end != '\0')
        return false;
    *ret_ms = ms > AKS_RETRY_AFTER_MS_MAX ? AKS_RETRY_AFTER_MS_MAX : (int64_t)ms;
    return true;
}

static void
read_retry_after(const struct aks_http_reply *reply, int64_t wall_ms, struct aks_outcome *outcome)
{
    const char *text = aks_http_reply_header(reply, "x-amz-retry-after");
    int64_t ms;

    if (text != NULL && parse_ms(text, &ms)) {
        outcome->retry_after_ms = ms;
        return;
    }
    text = aks_http_reply_header(reply, "retry-after");
    if (text != NULL && aks_date_retry_after(text, wall_ms, &ms))
        outcome->retry_after_ms = ms;
}

static const char *
first_byte(const struct aks_http_reply *reply)
{
    const char *text = reply->body.data;
    size_t len = reply->body.len;

    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    return len > 0 ? text : NULL;
}

/* Reads <Error> if that is what the body is. */
static bool
read_s3_error(const struct aks_http_reply *reply, struct aks_s3_error *s3)
{
    const char *start = first_byte(reply);
    const char *id;

    if (start == NULL || *start != '<' ||
        aks_s3_xml_error(reply->body.data, reply->body.len, s3, NULL) != AKS_OK) {
        memset(s3, 0, sizeof(*s3));
        s3->max_allowed_skew_ms = -1;
        return false;
    }
    clean(s3->code);
    clean(s3->message);
    clean(s3->request_id);
    id = aks_http_reply_header(reply, "x-amz-request-id");
    if (s3->request_id[0] == '\0' && id != NULL) {
        (void)snprintf(s3->request_id, sizeof(s3->request_id), "%s", id);
        clean(s3->request_id);
    }
    return true;
}

static void
fail_by_s3(const struct aks_http_reply *reply, const struct aks_s3_error *s3, const char *what,
    struct aks_outcome *outcome)
{
    const struct aks_s3_meaning *meaning = aks_classify_s3_code(s3->code);
    enum aks_status status;
    struct aks_error err;
    const char *hint;

    /* An error in a reply that began as a success is one that came up on the way. */
    if (meaning != NULL)
        status = meaning->status;
    else
        status = reply->status < 300 ? AKS_SERVER : status_of_http(reply->status);
    /* The only sign of an expired presigned or signed request is in the words. */
    if (strcmp(s3->code, "AccessDenied") == 0 && strstr(s3->message, "has expired") != NULL) {
        status = AKS_CLOCK_SKEW;
        meaning = aks_classify_s3_code("RequestExpired");
    }
    (void)aks_error_set(&err, status, "%s: %s%s%s (HTTP %d%s%s)", what,
        s3->code[0] != '\0' ? s3->code : "an error without a code",
        s3->message[0] != '\0' ? ": " : "", s3->message, reply->status,
        s3->request_id[0] != '\0' ? ", request " : "", s3->request_id);
    aks_outcome_failed(outcome, &err);
    hint = meaning != NULL ? meaning->hint : hint_of_http(AKS_DIALECT_S3, reply->status);
    if (hint != NULL)
        aks_error_hint(&outcome->error, "%s", hint);
    if (s3->region[0] != '\0' && status == AKS_SETTINGS)
        aks_error_hint(&outcome->error, "set `region` of this target to \"%s\"", s3->region);
}

static void
fail_by_status(enum aks_dialect dialect, const struct aks_http_reply *reply, const char *what,
    struct aks_outcome *outcome)
{
    const char *id = aks_http_reply_header(reply, "x-amz-request-id");
    const char *hint = hint_of_http(dialect, reply->status);
    enum aks_status status = status_of_http(reply->status);
    struct aks_error err;
    char request[128 + sizeof(", request ")] = "";

    if (id != NULL) {
        (void)snprintf(request, sizeof(request), ", request %.128s", id);
        clean(request);
    }
    if (reply->status >= 300 && reply->status < 400)
        (void)aks_error_set(&err, status,
            "%s: the server answers with a redirect (HTTP %d%s), which is not followed", what,
            reply->status, request);
    else if (status == AKS_BAD_REPLY)
        (void)aks_error_set(&err, status,
            "%s: the server answers with HTTP %d, which means nothing here",
            what, reply->status);
    else
        (void)aks_error_set(&err, status, "%s: the server answers with HTTP %d (%s%s)", what,
            reply->status, aks_status_name(status), request);
    aks_outcome_failed(outcome, &err);
    if (hint != NULL)
        aks_error_hint(&outcome->error, "%s", hint);
}

static void
fail_by_transport(const struct aks_http_reply *reply, const char *what, struct aks_outcome *outcome)
{
    struct aks_error err = reply->error;

    /* A port that does not know what happened has at least no reply. */
    err.status = reply->transport == AKS_INTERNAL ? AKS_BAD_REPLY : reply->transport;
    clean(err.message);
    (void)aks_error_wrap(&err, "%s", what);
    aks_outcome_failed(outcome, &err);
}

/* A server that refuses often hangs up before it has read what we send: then its status says
 * more than how the connection ended. */
static bool
status_counts(const struct aks_http_reply *reply)
{
    if (reply->transport == AKS_OK)
        return true;
    return reply->status >= 300 && (reply->transport == AKS_BAD_REPLY ||
        reply->transport == AKS_STALLED || reply->transport == AKS_TIMEOUT ||
        reply->transport == AKS_TOO_LARGE);
}

void
aks_classify(enum aks_dialect dialect, const struct aks_http_reply *reply, const char *what,
    int64_t wall_ms, struct aks_outcome *ret_outcome, struct aks_s3_error *ret_s3)
{
    struct aks_s3_error own;
    struct aks_s3_error *s3 = ret_s3 != NULL ? ret_s3 : &own;
    bool success = reply->status >= 200 && reply->status < 300;
    bool told = false;

    memset(s3, 0, sizeof(*s3));
    s3->max_allowed_skew_ms = -1;
    if (!status_counts(reply)) {
        fail_by_transport(reply, what, ret_outcome);
        ret_outcome->http_status = reply->status;
        return;
    }
    if (dialect == AKS_DIALECT_S3)
        told = read_s3_error(reply, s3);
    if (told)
        fail_by_s3(reply, s3, what, ret_outcome);
    else if (success)
        aks_outcome_ok(ret_outcome);
    else
        fail_by_status(dialect, reply, what, ret_outcome);
    ret_outcome->http_status = reply->status;
    if (ret_outcome->status == AKS_OK)
        return;
    read_retry_after(reply, wall_ms, ret_outcome);
    /* A server that names a time to come back is one that has too much to do, not a broken one. */
    if (ret_outcome->status == AKS_SERVER && reply->status == 503 &&
        ret_outcome->retry_after_ms >= 0) {
        ret_outcome->status = AKS_THROTTLED;
        ret_outcome->error.status = AKS_THROTTLED;
    }
}
