#include "testkit/model_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST_BYTES 256
#define URL_BYTES 4096
#define BODY_BYTES ((size_t)1 << 26)

struct aks_http_call {
    struct model_http *server;
    struct aks_http_call *next;
    const struct aks_http_request *request;
    aks_http_done *done;
    void *done_ctx;
};

/* What a handler sees, and what it says. */
struct exchange {
    struct aks_sim_request request;
    struct aks_sim_reply reply;
    struct aks_http_header headers[AKS_HTTP_HEADERS_MAX + 1];
    struct aks_http_header answers[AKS_SIM_REPLY_HEADERS_MAX];
    char host[HOST_BYTES];
    char path[URL_BYTES];
    char query[URL_BYTES];
    char length[24];
    uint8_t *body;
};

static void
copy(char *to, size_t bytes, const char *from, size_t len)
{
    assert_true(len < bytes);
    memcpy(to, from, len);
    to[len] = '\0';
}

static void
read_url(struct exchange *exchange, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    const char *path = host + strcspn(host, "/?");
    const char *query = strchr(path, '?');

    exchange->request.tls = strncmp(url, "https:", 6) == 0;
    copy(exchange->host, sizeof(exchange->host), host, (size_t)(path - host));
    copy(exchange->path, sizeof(exchange->path), path, strcspn(path, "?"));
    copy(exchange->query, sizeof(exchange->query), query != NULL ? query + 1 : "",
        query != NULL ? strlen(query + 1) : 0);
    exchange->request.host = exchange->host;
    exchange->request.path = exchange->path[0] != '\0' ? exchange->path : "/";
    exchange->request.query = exchange->query;
}

/* What the source says if it cannot be read. */
static enum aks_status
read_body(struct exchange *exchange, const struct aks_body *body, struct aks_error *err)
{
    size_t bytes = body != NULL ? (size_t)body->bytes : 0;
    enum aks_status status = AKS_OK;
    size_t len = 0;

    exchange->body = malloc(bytes + 1);
    assert_non_null(exchange->body);
    for (size_t at = 0; status == AKS_OK && at < bytes; at += len)
        status = body->read(body->ctx, (int64_t)at, exchange->body + at, bytes - at, &len, err);
    exchange->request.body = exchange->body;
    exchange->request.body_len = bytes;
    return status;
}

/* Content-Length is the port's. */
static void
list_headers(struct exchange *exchange, const struct aks_http_request *request)
{
    size_t count = request->header_count;

    memcpy(exchange->headers, request->headers, count * sizeof(*request->headers));
    if (request->body != NULL || strcmp(request->method, "PUT") == 0 ||
        strcmp(request->method, "POST") == 0) {
        (void)snprintf(exchange->length, sizeof(exchange->length), "%zu",
            exchange->request.body_len);
        exchange->headers[count++] = (struct aks_http_header) { "Content-Length",
            exchange->length };
    }
    exchange->request.method = request->method;
    exchange->request.headers = exchange->headers;
    exchange->request.header_count = count;
}

static void
take_out(struct aks_http_call *call)
{
    struct aks_http_call **link = &call->server->calls;

    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
}

static void
finish(struct aks_http_call *call, struct exchange *exchange, struct aks_http_reply *reply)
{
    reply->status = exchange->reply.status;
    reply->phase = AKS_HTTP_DONE;
    for (size_t i = 0; i < exchange->reply.header_count; i++)
        exchange->answers[i] = (struct aks_http_header) { exchange->reply.headers[i].name,
            exchange->reply.headers[i].value };
    reply->headers = exchange->answers;
    reply->header_count = exchange->reply.header_count;
    reply->body = exchange->reply.body;
    if (reply->transport == AKS_OK && reply->body.len > call->request->reply_bytes_max)
        reply->transport = aks_error_set(&reply->error, AKS_TOO_LARGE, "a long reply");
    call->done(call->done_ctx, reply);
}

bool
model_http_deliver(void *ctx)
{
    struct model_http *server = ctx;
    struct aks_http_call *call = server->calls;
    struct aks_http_reply reply = { 0 };
    struct exchange *exchange;

    if (call == NULL)
        return false;
    take_out(call);
    exchange = calloc(1, sizeof(*exchange));
    assert_non_null(exchange);
    aks_buf_init(&exchange->reply.body, aks_alloc_system(), BODY_BYTES);
    read_url(exchange, call->request->url);
    reply.transport = read_body(exchange, call->request->body, &reply.error);
    if (reply.transport == AKS_OK) {
        list_headers(exchange, call->request);
        server->serve(server->serve_ctx, server->clock->wall_ms(server->clock->ctx),
            &exchange->request, &exchange->reply);
    }
    finish(call, exchange, &reply);
    aks_buf_fini(&exchange->reply.body);
    free(exchange->body);
    free(exchange);
    free(call);
    return true;
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct model_http *server = ctx;
    struct aks_http_call **last = &server->calls;
    struct aks_http_call *call = calloc(1, sizeof(*call));

    assert_non_null(call);
    call->server = server;
    call->request = request;
    call->done = done;
    call->done_ctx = done_ctx;
    while (*last != NULL)
        last = &(*last)->next;
    *last = call;
    *ret_call = call;
    return AKS_OK;
}

static void
cancel(void *ctx, struct aks_http_call *call)
{
    take_out(call);
    free(call);
}

void
model_http_init(struct model_http *server, aks_sim_serve *serve, void *serve_ctx,
    const struct aks_clock *clock)
{
    memset(server, 0, sizeof(*server));
    server->http.submit = submit;
    server->http.cancel = cancel;
    server->http.ctx = server;
    server->serve = serve;
    server->serve_ctx = serve_ctx;
    server->clock = clock;
}

void
model_http_fini(struct model_http *server)
{
    assert_null(server->calls);
}
