#include "engine/put_server.h"

#include "base/encode.h"
#include "data/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define BODY_BYTES_MAX ((size_t)1024 * 1024)

struct aks_http_call {
    struct aks_http_call *next;
    struct aks_http_request request;
    aks_http_done *done;
    void *ctx;
    bool silent;
};

static const char *
header(const struct aks_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

static const char *
path_of(const struct put_server *server, const struct aks_http_request *request)
{
    size_t len = strlen(server->base);

    assert_memory_equal(request->url, server->base, len);
    assert_true(request->url[len] == '/');
    return request->url + len;
}

static void
note(struct put_server *server, const struct aks_http_request *request)
{
    size_t len = strlen(server->log);

    assert_true(len < sizeof(server->log) - 300);
    (void)snprintf(server->log + len, sizeof(server->log) - len, "%s %s%s\n", request->method,
        path_of(server, request), header(request, "If-None-Match") != NULL ? " create" : "");
    server->requests++;
    server->last = *request;
    (void)snprintf(server->ca_file, sizeof(server->ca_file), "%s",
        request->ca_file != NULL ? request->ca_file : "");
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct put_server *server = ctx;
    struct aks_http_call *call = calloc(1, sizeof(*call));
    struct aks_http_call **end = &server->first;

    assert_non_null(call);
    assert_null(header(request, "Expect"));
    assert_null(header(request, "Content-Length"));
    assert_true(request->connect_timeout_ms > 0 && request->answer_timeout_ms > 0);
    assert_true(request->reply_bytes_max > 0);
    call->request = *request;
    call->done = done;
    call->ctx = done_ctx;
    while (*end != NULL)
        end = &(*end)->next;
    *end = call;
    note(server, request);
    *ret_call = call;
    return AKS_OK;
}

static void
take_out(struct put_server *server, struct aks_http_call *call)
{
    struct aks_http_call **at = &server->first;

    while (*at != call) {
        assert_non_null(*at);
        at = &(*at)->next;
    }
    *at = call->next;
}

static void
cancel(void *ctx, struct aks_http_call *call)
{
    struct put_server *server = ctx;

    take_out(server, call);
    server->cancelled++;
    free(call);
}

void
put_server_init(struct put_server *server, const char *base)
{
    memset(server, 0, sizeof(*server));
    server->base = base;
    server->http = (struct aks_http) { submit, cancel, server };
}

void
put_server_fini(struct put_server *server)
{
    assert_null(server->first);
    for (size_t i = 0; i < server->file_count; i++) {
        free(server->files[i].path);
        free(server->files[i].data);
    }
}

static struct put_server_file *
find(const struct put_server *server, const char *path)
{
    for (size_t i = 0; i < server->file_count; i++) {
        if (strcmp(server->files[i].path, path) == 0)
            return (struct put_server_file *)(uintptr_t)&server->files[i];
    }
    return NULL;
}

const struct put_server_file *
put_server_find(const struct put_server *server, const char *key)
{
    char path[1024];

    (void)snprintf(path, sizeof(path), "/%s", key);
    return find(server, path);
}

static void
keep(struct put_server *server, const char *path, char *data, size_t len)
{
    struct put_server_file *file = find(server, path);

    if (file == NULL) {
        assert_true(server->file_count < PUT_SERVER_FILES_MAX);
        file = &server->files[server->file_count++];
        file->path = strdup(path);
        assert_non_null(file->path);
    } else {
        free(file->data);
    }
    file->data = data;
    file->len = len;
}

void
put_server_keep(struct put_server *server, const char *key, const void *data, size_t len)
{
    char *copy = malloc(len + 1);
    char path[1024];

    assert_non_null(copy);
    memcpy(copy, data, len);
    (void)snprintf(path, sizeof(path), "/%s", key);
    keep(server, path, copy, len);
}

/* Content-Digest must be there and right (RFC 9530). */
static void
check_digest(const struct aks_http_request *request, const char *data, size_t len)
{
    uint8_t digest[AKS_SHA256_BYTES];
    struct aks_buf text;

    aks_sha256(data, len, digest);
    aks_buf_init(&text, aks_alloc_system(), 100);
    aks_buf_puts(&text, "sha-256=:");
    aks_base64_encode(digest, sizeof(digest), &text);
    aks_buf_puts(&text, ":");
    assert_non_null(header(request, "Content-Digest"));
    assert_string_equal(header(request, "Content-Digest"), text.data);
    aks_buf_fini(&text);
}

static enum aks_status
read_body(const struct aks_http_request *request, char **ret_data, size_t *ret_len,
    struct aks_error *err)
{
    size_t bytes = request->body != NULL ? (size_t)request->body->bytes : 0;
    char *data = malloc(bytes + 1);
    size_t len = 0;

    assert_non_null(data);
    assert_true(bytes < BODY_BYTES_MAX);
    assert_true(request->body == NULL || bytes > 0);
    while (len < bytes) {
        size_t want = bytes - len < 777 ? bytes - len : 777;
        size_t got = 0;
        enum aks_status status = request->body->read(request->body->ctx, (int64_t)len, data + len,
            want, &got, err);

        if (status != AKS_OK) {
            free(data);
            return status;
        }
        assert_true(got > 0 && got <= want);
        len += got;
    }
    *ret_data = data;
    *ret_len = len;
    return AKS_OK;
}

static void
answer_put(struct put_server *server, const struct aks_http_request *request,
    struct aks_http_reply *reply)
{
    const char *path = path_of(server, request);
    const struct put_server_file *there = find(server, path);
    const char *condition = header(request, "If-None-Match");
    char *data = NULL;
    size_t len = 0;

    reply->transport = read_body(request, &data, &len, &reply->error);
    if (reply->transport != AKS_OK)
        return;
    check_digest(request, data, len);
    assert_non_null(header(request, "Content-Type"));
    server->body_bytes += (int64_t)len;
    assert_true(condition == NULL || strcmp(condition, "*") == 0);
    if (there != NULL && condition != NULL && !server->ignores_conditions) {
        free(data);
        reply->status = 412;
        return;
    }
    reply->status = there != NULL ? 204 : 201;
    keep(server, path, data, len);
}

static void
answer_get(struct put_server *server, const struct aks_http_request *request,
    struct aks_http_reply *reply, char length[32])
{
    const struct put_server_file *file = find(server, path_of(server, request));

    reply->status = file != NULL ? 200 : 404;
    if (file == NULL)
        return;
    (void)snprintf(length, 32, "%zu", file->len);
    if (strcmp(request->method, "GET") != 0)
        return;
    if (file->len > request->reply_bytes_max) {
        reply->transport = aks_error_set(&reply->error, AKS_TOO_LARGE, "the reply is too large");
        return;
    }
    aks_buf_append(&reply->body, file->data, file->len);
}

static void
answer_delete(struct put_server *server, const struct aks_http_request *request,
    struct aks_http_reply *reply)
{
    struct put_server_file *file = find(server, path_of(server, request));

    reply->status = file != NULL ? 204 : 404;
    if (file == NULL)
        return;
    free(file->path);
    free(file->data);
    *file = server->files[--server->file_count];
}

static const struct put_server_fault *
next_fault(struct put_server *server, const struct aks_http_request *request)
{
    const struct put_server_fault *fault = server->faults;

    if (fault == NULL || fault->method == NULL || strcmp(fault->method, request->method) != 0)
        return NULL;
    server->faults++;
    return fault;
}

/* What stands in Authorization but "Bearer ", or "". */
static const char *
token_of(const struct aks_http_request *request)
{
    const char *value = header(request, "Authorization");

    if (value == NULL)
        return "";
    assert_memory_equal(value, "Bearer ", strlen("Bearer "));
    return value + strlen("Bearer ");
}

static bool
may_ask(struct put_server *server, const struct aks_http_request *request,
    struct aks_http_reply *reply)
{
    bool may = strcmp(token_of(request), server->token != NULL ? server->token : "") == 0;

    if (server->token == NULL)
        assert_true(may);
    server->authorized += server->token != NULL && may;
    if (may)
        return true;
    if (server->refused != NULL)
        server->refused(server->refused_ctx);
    reply->status = 401;
    return false;
}

static void
answer(struct put_server *server, const struct aks_http_request *request,
    struct aks_http_reply *reply, char length[32])
{
    bool put = strcmp(request->method, "PUT") == 0;

    if (!may_ask(server, request, reply))
        return;
    if (!put && server->takes_only_put)
        reply->status = 405;
    else if (put)
        answer_put(server, request, reply);
    else if (strcmp(request->method, "DELETE") == 0)
        answer_delete(server, request, reply);
    else
        answer_get(server, request, reply, length);
}

bool
put_server_deliver(void *ctx)
{
    struct put_server *server = ctx;
    struct aks_http_call *call = server->first;
    const struct put_server_fault *fault;
    struct aks_http_header headers[4];
    char repeated[256];
    struct aks_http_reply reply = { 0 };
    char length[32] = "";

    while (call != NULL && call->silent)
        call = call->next;
    if (call == NULL)
        return false;
    fault = next_fault(server, &call->request);
    if (fault != NULL && fault->silent) {
        call->silent = true;
        return false;
    }
    aks_buf_init(&reply.body, aks_alloc_system(), BODY_BYTES_MAX);
    if (fault == NULL || fault->takes_effect)
        answer(server, &call->request, &reply, length);
    if (fault != NULL) {
        reply.status = fault->status;
        reply.transport = fault->transport;
        if (fault->transport != AKS_OK)
            (void)aks_error_set(&reply.error, fault->transport, "the connection ended");
        (void)snprintf(length, sizeof(length), "%s", fault->length != NULL ? fault->length : "");
        if (fault->location != NULL)
            headers[reply.header_count++] =
                (struct aks_http_header) { "location", fault->location };
        if (fault->retry_after != NULL)
            headers[reply.header_count++] =
                (struct aks_http_header) { "retry-after", fault->retry_after };
    }
    if (server->repeats_token && (reply.status == 401 || reply.status == 403)) {
        (void)snprintf(repeated, sizeof(repeated), "%s", token_of(&call->request));
        headers[reply.header_count++] =
            (struct aks_http_header) { "x-amz-request-id", repeated };
    }
    if (length[0] != '\0')
        headers[reply.header_count++] = (struct aks_http_header) { "content-length", length };
    reply.headers = headers;
    take_out(server, call);
    call->done(call->ctx, &reply);
    free(call);
    aks_buf_fini(&reply.body);
    return true;
}
