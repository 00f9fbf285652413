/* What arrives of a request, and what comes back: copies, since a client that has died or lost
 * interest takes its own with it. */
#include "base/check.h"
#include "sim/network_sim_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Until the body is read its length alone is known; nothing may be read through it. */
static const uint8_t nothing[1];

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

/* The host of that name, the longest ending that stands for it, or nobody. */
static const struct aks_sim_host *
find_host(const struct aks_network_sim *network, const char *name)
{
    const struct aks_sim_host *wild = &network->nowhere;

    for (size_t i = 0; i < network->host_count; i++) {
        const struct aks_sim_host *host = &network->hosts[i];

        if (strcasecmp(host->name, name) == 0)
            return host;
        if (host->name[0] == '.' && ends_with(name, host->name) &&
            strlen(host->name) > strlen(wild->name))
            wild = host;
    }
    return wild;
}

/* Cuts "scheme://authority/path?query" up in place. */
static void
cut_url(struct aks_http_call *call, char *url)
{
    struct aks_sim_request *copy = &call->copy;
    char *authority = strstr(url, "://");
    const char *usual;
    char *query;
    char *path;

    AKS_CHECK(authority != NULL);
    copy->tls = strncasecmp(url, "https://", 8) == 0;
    usual = copy->tls ? ":443" : ":80";
    authority += 3;
    query = strchr(authority, '?');
    copy->query = "";
    if (query != NULL) {
        *query = '\0';
        copy->query = query + 1;
    }
    path = strchr(authority, '/');
    copy->path = "/";
    if (path != NULL) {
        /* The authority moves down by one, so that both can end. */
        memmove(authority - 1, authority, (size_t)(path - authority));
        path[-1] = '\0';
        authority--;
        copy->path = path;
    }
    /* Host: has no port where it is the usual one. */
    if (ends_with(authority, usual))
        authority[strlen(authority) - strlen(usual)] = '\0';
    copy->host = authority;
}

static void
name_with_port(const struct aks_sim_request *copy, char ret_name[AKS_SIM_HOST_BYTES])
{
    const char *bracket = strrchr(copy->host, ']');
    bool port = strchr(bracket != NULL ? bracket : copy->host, ':') != NULL;

    (void)snprintf(ret_name, AKS_SIM_HOST_BYTES, "%s%s", copy->host,
        port ? "" : copy->tls ? ":443" : ":80");
    for (char *at = ret_name; *at != '\0'; at++)
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 'a' - 'A') : *at;
}

static size_t
text_bytes(const struct aks_http_request *request)
{
    size_t bytes = strlen(request->method) + strlen(request->url) + 2;

    for (size_t i = 0; i < request->header_count; i++)
        bytes += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 2;
    return bytes;
}

static char *
put(char **at, const char *text)
{
    char *own = *at;
    size_t len = strlen(text) + 1;

    memcpy(own, text, len);
    *at += len;
    return own;
}

enum aks_status
aks_network_sim_copy_head(struct aks_http_call *call, struct aks_error *err)
{
    const struct aks_http_request *request = call->request;
    struct aks_sim_request *copy = &call->copy;
    enum aks_status status = aks_network_sim_check(request, err);
    char *at;
    char *url;

    if (status != AKS_OK)
        return status;
    call->copy.body = nothing;
    call->text = aks_mem_resize(call->network->alloc, NULL, text_bytes(request));
    if (call->text == NULL)
        return aks_error_memory(err, "submitting a request");
    at = call->text;
    copy->method = put(&at, request->method);
    url = put(&at, request->url);
    for (size_t i = 0; i < request->header_count; i++) {
        call->headers[i].name = put(&at, request->headers[i].name);
        call->headers[i].value = put(&at, request->headers[i].value);
    }
    copy->header_count = request->header_count;
    copy->headers = call->headers;
    copy->body_len = request->body != NULL ? (size_t)request->body->bytes : 0;
    if (copy->body_len > 0 || strcmp(copy->method, "PUT") == 0 ||
        strcmp(copy->method, "POST") == 0 || strcmp(copy->method, "PATCH") == 0) {
        (void)snprintf(call->length, sizeof(call->length), "%zu", copy->body_len);
        call->headers[copy->header_count].name = "Content-Length";
        call->headers[copy->header_count++].value = call->length;
    }
    cut_url(call, url);
    name_with_port(copy, call->name);
    call->host = find_host(call->network, call->name);
    return AKS_OK;
}

enum aks_status
aks_network_sim_copy_body(struct aks_http_call *call)
{
    const struct aks_body *body = call->request->body;
    struct aks_error *err = &call->told.error;
    uint8_t *data;
    size_t done = 0;

    if (call->copy.body_len == 0)
        return AKS_OK;
    data = aks_mem_resize(call->network->alloc, NULL, call->copy.body_len);
    if (data == NULL) {
        call->told.transport = aks_error_memory(err, "sending a request");
        return call->told.transport;
    }
    call->copy.body = data;
    while (done < call->copy.body_len) {
        size_t len = 0;

        call->told.transport = body->read(body->ctx, (int64_t)done, data + done,
            call->copy.body_len - done, &len, err);
        if (call->told.transport != AKS_OK)
            return call->told.transport;
        AKS_CHECK(len > 0 && len <= call->copy.body_len - done);
        done += len;
    }
    return AKS_OK;
}

void
aks_network_sim_copy_fini(struct aks_http_call *call)
{
    if (call->copy.body != nothing)
        aks_mem_free(call->network->alloc, (void *)(uintptr_t)call->copy.body);
    call->copy.body = nothing;
    aks_mem_free(call->network->alloc, call->text);
    call->text = NULL;
}

void
aks_network_sim_instead(struct aks_http_call *call)
{
    const struct aks_sim_fault *fault = &call->fault;
    struct aks_sim_reply *reply = &call->reply;

    aks_buf_reset(&reply->body);
    reply->header_count = 0;
    reply->status = fault->http_status;
    if (fault->http_code != NULL) {
        aks_sim_reply_header(reply, "Content-Type", "application/xml");
        aks_buf_printf(&reply->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s"
            "</Code><Message>as the plan of faults has it</Message></Error>", fault->http_code);
    }
    if (fault->retry_after_s >= 0)
        aks_sim_reply_header(reply, "Retry-After", "%" PRId64, fault->retry_after_s);
}

void
aks_network_sim_tell_head(struct aks_http_call *call)
{
    struct aks_sim_reply *reply = &call->reply;
    struct aks_http_reply *told = &call->told;
    bool length = reply->status == 204 || reply->status == 304;

    for (size_t i = 0; i < reply->header_count; i++) {
        call->told_headers[i].name = reply->headers[i].name;
        call->told_headers[i].value = reply->headers[i].value;
        length = length || strcasecmp(reply->headers[i].name, "Content-Length") == 0;
    }
    told->header_count = reply->header_count;
    if (!length) {
        (void)snprintf(call->told_length, sizeof(call->told_length), "%zu", reply->body.len);
        call->told_headers[told->header_count].name = "Content-Length";
        call->told_headers[told->header_count++].value = call->told_length;
    }
    told->headers = call->told_headers;
    told->status = reply->status;
    if (strcmp(call->copy.method, "HEAD") == 0 && reply->body.failed == AKS_OK)
        aks_buf_reset(&reply->body);
}

void
aks_network_sim_tell_body(struct aks_http_call *call)
{
    struct aks_sim_reply *reply = &call->reply;
    struct aks_http_reply *told = &call->told;

    if (aks_buf_status(&reply->body, "a simulated reply", &told->error) != AKS_OK)
        told->transport = AKS_LIMIT;
    else if (reply->body.len > call->request->reply_bytes_max)
        told->transport = aks_error_set(&told->error, AKS_TOO_LARGE, "%s %s: the reply is longer "
            "than the %zu bytes that are expected at most", call->copy.method, call->name,
            call->request->reply_bytes_max);
}

void
aks_network_sim_serve_piece(struct aks_http_call *call)
{
    const struct aks_sim_host *host = call->host;
    struct aks_network_sim *network = call->network;
    int64_t bytes = call->fault.bytes;

    if (host->serve == NULL || !host->takes_pieces || bytes <= 0 ||
        (uint64_t)bytes >= call->copy.body_len)
        return;
    call->copy.body_len = (size_t)bytes;
    call->copy.partial = true;
    call->copy.unheard = true;
    host->serve(host->ctx, network->wall_ms(network->wall_ctx) + host->skew_ms, &call->copy,
        &call->reply);
    aks_buf_reset(&call->reply.body);
}

bool
aks_network_sim_never_ends(const struct aks_http_call *call)
{
    const struct aks_http_request *request = call->request;
    const struct aks_buf *body = &call->reply.body;

    return call->reply.open &&
        (request->enough == NULL || !request->enough(request->enough_ctx, body->data, body->len));
}
