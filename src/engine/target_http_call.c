/* One operation of an http target: tries made of requests or of work, until one succeeds or
 * the policy wants no more. */
#include "base/check.h"
#include "base/units.h"
#include "engine/classify.h"
#include "engine/target_http_internal.h"

#include <stdio.h>
#include <string.h>

#define WHAT_BYTES 512

struct http_call *
aks_target_http_call_new(struct http_target *target)
{
    size_t i = 0;

    while (i < AKS_TARGET_HTTP_CALLS_MAX && target->calls[i].busy)
        i++;
    AKS_CHECK(i < AKS_TARGET_HTTP_CALLS_MAX);
    aks_target_http_call_init(&target->calls[i], target, NULL);
    return &target->calls[i];
}

void
aks_target_http_call_init(struct http_call *call, struct http_target *target,
    struct http_object *object)
{
    AKS_CHECK(!call->busy);
    memset(call, 0, sizeof(*call));
    call->target = target;
    call->object = object;
}

static void
start_try(void *ctx)
{
    aks_target_http_token_start(ctx);
}

static void
forget(struct http_call *call)
{
    const struct aks_alloc *alloc = call->target->port->alloc;

    aks_mem_free(alloc, call->url);
    call->url = NULL;
    aks_target_http_token_drop(alloc, call->token);
    call->token = NULL;
}

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct http_call *call = ctx;

    forget(call);
    call->busy = false;
    call->done(call->ctx, outcome);
}

void
aks_target_http_call_begin(struct http_call *call, void (*start)(struct http_call *call),
    const char *operation, const char *source, aks_done *done, void *ctx)
{
    const struct aks_target_options *options = &call->target->options;
    struct aks_attempt_options attempt = { 0 };

    call->start = start;
    call->done = done;
    call->ctx = ctx;
    call->busy = true;
    attempt.loop = options->loop;
    attempt.ask = options->ask;
    attempt.target = options->settings->name;
    attempt.source = source;
    attempt.operation = operation;
    attempt.start = start_try;
    attempt.ctx = call;
    /* Nobody waits for long to be rid of something. */
    attempt.hold = &call->target->base.hold;
    attempt.at_once = strcmp(operation, "abort") == 0;
    aks_attempt_begin(&call->attempt, &attempt, call_done, call);
}

void
aks_target_http_call_tried(struct http_call *call, const struct aks_outcome *outcome)
{
    aks_loop_clear(call->target->options.loop, &call->deadline);
    if (!aks_target_http_token_renew(call, outcome))
        aks_attempt_tried(&call->attempt, outcome);
}

void
aks_target_http_call_ended(struct http_call *call, const struct aks_error *err)
{
    struct aks_outcome outcome;

    if (err->status == AKS_OK)
        aks_outcome_ok(&outcome);
    else
        aks_outcome_failed(&outcome, err);
    aks_target_http_call_tried(call, &outcome);
}

void
aks_target_http_call_cancel(struct http_call *call)
{
    const struct aks_port *port;

    if (!call->busy)
        return;
    port = call->target->port;
    aks_attempt_cancel(&call->attempt);
    aks_loop_clear(call->target->options.loop, &call->deadline);
    if (call->request != NULL)
        port->http.cancel(port->http.ctx, call->request);
    call->request = NULL;
    aks_target_work_leave(call->work, call->target->options.lingering);
    call->work = NULL;
    forget(call);
    call->busy = false;
}

static const char *
what_of(const struct http_call *call, char text[WHAT_BYTES])
{
    (void)snprintf(text, WHAT_BYTES, "%s of %s to %s", call->spec.method,
        call->key != NULL ? call->key : "the address", call->target->base.settings->name);
    return text;
}

void
aks_target_http_judge(const struct http_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *ret_outcome)
{
    const struct aks_clock *clock = &call->target->port->clock;
    char what[WHAT_BYTES];

    aks_classify(AKS_DIALECT_HTTP, reply, what_of(call, what), clock->wall_ms(clock->ctx),
        ret_outcome, NULL);
    /* A server that repeats the token does not get it into a log or a report. */
    if (ret_outcome->status != AKS_OK && call->token != NULL &&
        aks_secret_shows(call->token->header, ret_outcome->error.message))
        (void)aks_error_set(&ret_outcome->error, ret_outcome->status,
            "%s: the server's answer (HTTP %d) is not shown: it repeats a secret",
            what_of(call, what), reply->status);
}

static void
reply_came(void *ctx, const struct aks_http_reply *reply)
{
    struct http_call *call = ctx;

    call->request = NULL;
    call->answered(call, reply);
}

static enum aks_status
make_url(struct http_call *call, struct aks_error *err)
{
    const struct aks_target_settings *settings = call->target->base.settings;

    if (call->url != NULL)
        return AKS_OK;
    if (call->key != NULL && !aks_target_key_valid(call->key))
        return aks_error_set(err, AKS_SETTINGS, "cannot use target %s: \"%s\" is not a valid key",
            settings->name, call->key);
    call->url = aks_mem_printf(call->target->port->alloc, "%s/%s", settings->url,
        call->key != NULL ? call->key : "");
    return call->url != NULL ? AKS_OK : aks_error_memory(err, "addressing an object");
}

void
aks_target_http_plain(struct http_call *call)
{
    memset(&call->spec, 0, sizeof(call->spec));
    call->spec.headers = call->headers;
    call->spec.ca_file = call->target->ca_file;
    call->spec.pins = call->target->base.settings->pins;
    call->spec.connect_timeout_ms = AKS_TARGET_HTTP_CONNECT_MS;
    call->spec.stall_timeout_ms = AKS_TARGET_HTTP_STALL_MS;
    call->spec.answer_timeout_ms = AKS_TARGET_HTTP_ANSWER_MS;
    call->spec.reply_bytes_max = AKS_TARGET_HTTP_REPLY_BYTES_MAX;
}

/* The address is the target's own, and the secret was found for it. */
static void
add_token(struct http_call *call)
{
    const struct aks_alloc *alloc = call->target->port->alloc;

    aks_target_http_token_drop(alloc, call->token);
    call->token = aks_target_http_token_use(call->target->token);
    if (call->token == NULL)
        return;
    AKS_CHECK(call->spec.header_count < AKS_TARGET_HTTP_HEADERS_MAX);
    call->headers[call->spec.header_count++] = (struct aks_http_header) { "Authorization",
        aks_secret_reveal(call->token->header) };
}

enum aks_status
aks_target_http_submit(struct http_call *call, const char *method, http_answered *answered,
    struct aks_error *err)
{
    const struct aks_http *http = &call->target->port->http;
    enum aks_status status = make_url(call, err);

    if (status != AKS_OK)
        return status;
    call->spec.method = method;
    call->spec.url = call->url;
    call->answered = answered;
    add_token(call);
    status = http->submit(http->ctx, &call->spec, reply_came, call, &call->request, err);
    if (status == AKS_OK)
        return AKS_OK;
    call->request = NULL;
    (void)aks_error_wrap(err, "cannot use target %s", call->target->base.settings->name);
    return status;
}

void
aks_target_http_request(struct http_call *call, const char *method, http_answered *answered)
{
    struct aks_error err;

    if (aks_target_http_submit(call, method, answered, &err) != AKS_OK)
        aks_target_http_call_ended(call, &err);
}

/* Storing */

/* Content-Digest of RFC 9530, which few receivers look at, and those that do check it. */
static enum aks_status
make_digest(struct http_call *call, struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, call->target->port->alloc, sizeof(call->digest) - 1);
    aks_buf_puts(&text, "sha-256=:");
    aks_base64_encode(call->sha256, sizeof(call->sha256), &text);
    aks_buf_putc(&text, ':');
    status = aks_buf_status(&text, "a digest", err);
    if (status == AKS_OK)
        memcpy(call->digest, text.data, text.len + 1);
    aks_buf_fini(&text);
    return status;
}

static bool
content_length(const struct aks_http_reply *reply, int64_t *ret_bytes)
{
    /* What a tus server has of an upload it tells in words of its own. */
    const char *offset = aks_http_reply_header(reply, "Upload-Offset");
    const char *text = offset != NULL ? offset : aks_http_reply_header(reply, "Content-Length");
    int64_t bytes = 0;

    if (text == NULL || text[0] == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || bytes > (INT64_MAX - 9) / 10)
            return false;
        bytes = bytes * 10 + (*text - '0');
    }
    *ret_bytes = bytes;
    return true;
}

/* A receiver may take PUT and nothing else, so only an answer that contradicts counts. */
static void
looked(struct http_call *call, const struct aks_http_reply *reply)
{
    const char *name = call->target->base.settings->name;
    struct aks_outcome outcome;
    struct aks_error err;
    int64_t bytes;

    aks_error_clear(&err);
    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status == AKS_NOT_FOUND) {
        (void)aks_error_set(&err, AKS_BAD_REPLY,
            "PUT of %s to %s: the server took it, and now says that it is not there (HTTP %d)",
            call->key, name, reply->status);
        aks_error_hint(&err, "check that the URL is one where files are kept");
    } else if (outcome.status == AKS_OK && content_length(reply, &bytes) &&
        bytes != call->body.bytes) {
        (void)aks_error_set(&err, AKS_CORRUPT,
            "PUT of %s to %s: %lld bytes were sent, and the server has %lld", call->key, name,
            (long long)call->body.bytes, (long long)bytes);
    }
    aks_target_http_call_ended(call, &err);
}

void
aks_target_http_look(struct http_call *call)
{
    aks_target_http_plain(call);
    aks_target_http_request(call, "HEAD", looked);
}

/* Was it our own earlier try, whose answer was lost, that made the object? */
static void
compared(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;
    struct aks_error err;
    bool same;

    aks_target_http_judge(call, reply, &outcome);
    same = outcome.status == AKS_OK && reply->body.len == (size_t)call->body.bytes &&
        memcmp(reply->body.data, call->content, reply->body.len) == 0;
    if (!same && (outcome.status == AKS_OK || outcome.status == AKS_TOO_LARGE)) {
        (void)aks_error_set(&err, AKS_CONFLICT, "PUT of %s to %s: it is there already", call->key,
            call->target->base.settings->name);
        aks_outcome_failed(&outcome, &err);
    }
    aks_target_http_call_tried(call, &outcome);
}

static void
compare(struct http_call *call)
{
    aks_target_http_plain(call);
    /* One more byte than ours is already another object. */
    call->spec.reply_bytes_max = (size_t)call->body.bytes + 1;
    aks_target_http_request(call, "GET", compared);
}

static void
stored(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (reply->status >= 300)
        call->unknown--;
    if (outcome.status == AKS_OK)
        aks_target_http_look(call);
    else if (call->create_only && reply->status == 412)
        compare(call);
    else
        aks_target_http_call_tried(call, &outcome);
}

void
aks_target_http_store(struct http_call *call)
{
    struct aks_error err;
    size_t count = 0;

    if (make_digest(call, &err) != AKS_OK) {
        aks_target_http_call_ended(call, &err);
        return;
    }
    aks_target_http_plain(call);
    if (call->content_type != NULL)
        call->headers[count++] = (struct aks_http_header) { "Content-Type", call->content_type };
    call->headers[count++] = (struct aks_http_header) { "Content-Digest", call->digest };
    if (call->create_only)
        call->headers[count++] = (struct aks_http_header) { "If-None-Match", "*" };
    AKS_CHECK(count <= AKS_TARGET_HTTP_HEADERS_MAX);
    call->spec.header_count = count;
    call->spec.body = call->body.bytes > 0 ? &call->body : NULL;
    call->unknown++;
    aks_target_http_request(call, "PUT", stored);
}
