#include "os/http_curl_internal.h"

#include <string.h>
#include <strings.h>

/* What has come keeps the connection alive, if it is enough. */
static void
note_arrival(struct aks_http_call *call, size_t len)
{
    call->arrived += (int64_t)len;
    if (call->arrived - call->arrived_noted < AKS_HTTP_REPLY_PACE_BYTES)
        return;
    call->arrived_noted = call->arrived;
    call->active_ns = call->engine->clock->now_ns(call->engine->clock->ctx);
}

/* "HTTP/1.1 403 Forbidden": 403, or 0 if it is nothing of the kind. */
static int
parse_status(const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    const char *end = line + len;
    int status = 0;

    if (space == NULL || end - space < 4)
        return 0;
    for (const char *at = space + 1; at < space + 4; at++) {
        if (*at < '0' || *at > '9')
            return 0;
        status = status * 10 + (*at - '0');
    }
    return status;
}

static void
trim(const char **text, size_t *len)
{
    while (*len > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL)
        (*len)--;
}

/* Each status line begins the headers anew: 100 Continue and the like come before the answer. */
static void
begin_headers(struct aks_http_call *call, const char *line, size_t len)
{
    int status = parse_status(line, len);

    aks_buf_reset(&call->header_text);
    call->reply.header_count = 0;
    call->headers_done = false;
    call->interim = status >= 100 && status < 200;
    call->reply.status = status >= 200 ? status : 0;
    if (call->interim && ++call->interims > AKS_HTTP_REPLY_INTERIM_MAX)
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "more than %d interim answers and no reply",
            AKS_HTTP_REPLY_INTERIM_MAX);
    if (call->interim)
        return;
    call->arrived_noted = call->arrived;
    call->active_ns = call->engine->clock->now_ns(call->engine->clock->ctx);
}

/* A value that goes on in the next line is one value, with a space between. */
static void
continue_header(struct aks_http_call *call, const char *text, size_t len)
{
    if (call->reply.header_count == 0)
        return;
    call->header_text.len--;
    aks_buf_putc(&call->header_text, ' ');
    aks_buf_append(&call->header_text, text, len);
    aks_buf_putc(&call->header_text, '\0');
}

static bool
is_text(const char *data, size_t len, const char *text)
{
    return len == strlen(text) && strncasecmp(data, text, len) == 0;
}

static void
add_header(struct aks_http_call *call, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    const char *value;
    size_t value_len;

    if (colon == NULL || colon == line)
        return;
    value = colon + 1;
    value_len = len - (size_t)(value - line);
    trim(&value, &value_len);
    /* libcurl would unpack what nobody asked for. */
    if (is_text(line, (size_t)(colon - line), "Transfer-Encoding")
        && !is_text(value, value_len, "chunked"))
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply is coded in a way that nobody "
            "asked for");
    aks_buf_append(&call->header_text, line, (size_t)(colon - line));
    aks_buf_putc(&call->header_text, '\0');
    aks_buf_append(&call->header_text, value, value_len);
    aks_buf_putc(&call->header_text, '\0');
    call->reply.header_count++;
}

/* What was gathered is not whole and is forgotten. */
static size_t
refuse_headers(struct aks_http_call *call, size_t line_len)
{
    bool room = call->header_text.len + line_len < AKS_HTTP_REPLY_HEADER_BYTES_MAX;

    if (room && call->reply.header_count <= AKS_HTTP_REPLY_HEADERS_MAX)
        aks_http_curl_verdict_fail(call, AKS_LIMIT, "out of memory while reading the reply");
    else
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply has more than %d headers or "
            "%d bytes of them", AKS_HTTP_REPLY_HEADERS_MAX, AKS_HTTP_REPLY_HEADER_BYTES_MAX);
    aks_buf_reset(&call->header_text);
    call->reply.header_count = 0;
    return 0;
}

/* A header after a chunked body: nothing that we read. */
static void
count_trailer(struct aks_http_call *call)
{
    if (++call->trailers > AKS_HTTP_REPLY_HEADERS_MAX)
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply has more than %d headers after "
            "its body", AKS_HTTP_REPLY_HEADERS_MAX);
}

size_t
aks_http_curl_reply_header(char *data, size_t size, size_t count, void *arg)
{
    struct aks_http_call *call = arg;
    size_t len = size * count;
    const char *text = data;
    size_t text_len = len;
    bool folded = len > 0 && (data[0] == ' ' || data[0] == '\t');

    if (!call->interim)
        note_arrival(call, len);
    trim(&text, &text_len);
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0 && (!call->headers_done || call->interim))
        begin_headers(call, text, text_len);
    else if (call->headers_done)
        count_trailer(call);
    else if (text_len == 0)
        call->headers_done = true;
    else if (memchr(text, '\0', text_len) != NULL)
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply has a NUL in its headers");
    else if (memchr(text, '\r', text_len) != NULL)
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply has half a line end in its "
            "headers");
    else if (folded)
        continue_header(call, text, text_len);
    else
        add_header(call, text, text_len);
    if (call->reply.transport != AKS_OK)
        return 0;
    if (call->header_text.failed != AKS_OK
        || call->reply.header_count > AKS_HTTP_REPLY_HEADERS_MAX)
        return refuse_headers(call, len);
    return len;
}

static void
look_if_enough(struct aks_http_call *call)
{
    const struct aks_http_request *request = &call->request;
    const struct aks_clock *clock = call->engine->clock;

    if (request->enough != NULL &&
        request->enough(request->enough_ctx, call->reply.body.data, call->reply.body.len))
        call->enough_ns = clock->now_ns(clock->ctx);
}

size_t
aks_http_curl_reply_body(char *data, size_t size, size_t count, void *arg)
{
    struct aks_http_call *call = arg;
    size_t len = size * count;

    note_arrival(call, len);
    if (call->enough_ns != 0)
        return len;
    if (len > call->request.reply_bytes_max - call->reply.body.len) {
        aks_http_curl_verdict_fail(call, AKS_TOO_LARGE, "the reply is longer than the %zu bytes "
            "that are expected at most", call->request.reply_bytes_max);
        return 0;
    }
    aks_buf_append(&call->reply.body, data, len);
    if (call->reply.body.failed != AKS_OK) {
        aks_http_curl_verdict_fail(call, AKS_LIMIT, "out of memory while reading the reply");
        return 0;
    }
    look_if_enough(call);
    return len;
}

void
aks_http_curl_reply_finish(struct aks_http_call *call)
{
    struct aks_http_reply *reply = &call->reply;
    const char *at = call->header_text.data;

    if (reply->header_count == 0)
        return;
    call->reply_headers = aks_mem_array(call->engine->alloc, reply->header_count,
        sizeof(*call->reply_headers));
    if (call->reply_headers == NULL) {
        reply->header_count = 0;
        aks_http_curl_verdict_fail(call, AKS_LIMIT, "out of memory while reading the reply");
        return;
    }
    for (size_t i = 0; i < reply->header_count; i++) {
        call->reply_headers[i].name = at;
        at += strlen(at) + 1;
        call->reply_headers[i].value = at;
        at += strlen(at) + 1;
    }
    reply->headers = call->reply_headers;
}
