#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

unsigned char
http_try_byte(int64_t offset)
{
    uint64_t x = (uint64_t)offset * 0x9e3779b97f4a7c15u;

    return (unsigned char)(x >> 56);
}

static enum aks_status
read_body(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    struct http_try *try_ = ctx;
    unsigned char *bytes = data;

    try_->reads++;
    assert_in_range(offset, 0, try_->body.bytes - 1);
    assert_true(len > 0);
    assert_true((int64_t)len <= try_->body.bytes - offset);
    if (try_->fail_at >= 0 && offset + (int64_t)len > try_->fail_at)
        return aks_error_set(err, AKS_SOURCE_CHANGED, "the source has become shorter");
    /* Fewer than asked for, at times. */
    if (len > 1000 && try_->reads % 3 == 0)
        len -= 7;
    for (size_t i = 0; i < len; i++)
        bytes[i] = http_try_byte(offset + (int64_t)i);
    *ret_len = len;
    return AKS_OK;
}

void
http_try_init(struct http_try *try_, const struct aks_port *port, const char *method,
    const char *url)
{
    memset(try_, 0, sizeof(*try_));
    (void)snprintf(try_->url, sizeof(try_->url), "%s", url);
    try_->port = port;
    try_->fail_at = -1;
    try_->request.method = method;
    try_->request.url = try_->url;
    try_->request.connect_timeout_ms = 60 * 1000;
    try_->request.answer_timeout_ms = 60 * 1000;
    try_->request.stall_timeout_ms = 60 * 1000;
    try_->request.reply_bytes_max = 1024 * 1024;
}

void
http_try_set_body(struct http_try *try_, int64_t bytes)
{
    try_->body.bytes = bytes;
    try_->body.read = read_body;
    try_->body.ctx = try_;
    try_->request.body = &try_->body;
}

static void
completed(void *ctx, const struct aks_http_reply *reply)
{
    struct http_try *try_ = ctx;
    size_t len = 0;

    try_->done++;
    try_->call = NULL;
    try_->transport = reply->transport;
    try_->error = reply->error;
    try_->phase = reply->phase;
    try_->status = reply->status;
    try_->sent_bytes = reply->sent_bytes;
    try_->duration_ns = reply->duration_ns;
    try_->header_count = reply->header_count;
    for (size_t i = 0; i < reply->header_count && len < sizeof(try_->headers); i++)
        len += (size_t)snprintf(try_->headers + len, sizeof(try_->headers) - len, "%s=%s\n",
            reply->headers[i].name, reply->headers[i].value);
    try_->body_len = reply->body.len;
    len = reply->body.len < sizeof(try_->reply) ? reply->body.len : sizeof(try_->reply) - 1;
    memcpy(try_->reply, reply->body.data, len);
    try_->reply[len] = '\0';
    if (try_->ended != NULL)
        try_->ended(try_);
}

enum aks_status
http_try_begin(struct http_try *try_)
{
    const struct aks_http *http = &try_->port->http;
    enum aks_status status = http->submit(http->ctx, &try_->request, completed, try_, &try_->call,
        &try_->error);

    assert_int_equal(try_->done, 0);
    return status;
}

void
http_try_wait(struct http_try *try_)
{
    const struct aks_events *events = &try_->port->events;

    while (try_->done == 0)
        assert_int_equal(events->wait(events->ctx, -1, &try_->error), AKS_OK);
    assert_int_equal(try_->done, 1);
}

void
http_try_run(struct http_try *try_)
{
    enum aks_status status = http_try_begin(try_);

    if (status != AKS_OK)
        fail_msg("submit: %s", try_->error.message);
    http_try_wait(try_);
}

void
http_try_cancel(struct http_try *try_)
{
    try_->port->http.cancel(try_->port->http.ctx, try_->call);
    try_->call = NULL;
}
