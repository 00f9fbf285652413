/* One operation of an akosha target: tries made of requests, until one succeeds or the policy wants
 * no more; and how an answer is found in a reply, whichever of two types it has. */
#include "base/check.h"
#include "engine/bearer.h"
#include "engine/classify.h"
#include "engine/target_akosha_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WHAT_BYTES 128

struct akosha_call *
aks_akosha_call_new(struct aks_target *base)
{
    struct akosha_target *target = (struct akosha_target *)base;
    struct akosha_call *call = &target->call;

    AKS_CHECK(!call->busy);
    memset(call, 0, sizeof(*call));
    call->target = target;
    return call;
}

/* What one request needed. */
static void
forget(struct akosha_call *call)
{
    aks_buf_fini(&call->text);
    aks_sse_fini(&call->sse);
    aks_jsonrpc_answer_fini(&call->answer);
}

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct akosha_call *call = ctx;

    forget(call);
    call->busy = false;
    call->done(call->ctx, outcome);
}

/* --- the token -------------------------------------------------------------------------------- */

static void
token_found(void *ctx, struct aks_target_work *work)
{
    struct akosha_call *call = ctx;
    struct aks_bearer *bearer = (struct aks_bearer *)work;
    struct akosha_target *target = call->target;
    struct aks_error err = work->error;

    call->work = NULL;
    if (err.status != AKS_OK) {
        (void)aks_error_wrap(&err, "cannot use target %s", target->base.settings->name);
        aks_akosha_call_ended(call, &err);
        return;
    }
    target->token = bearer->secret;
    bearer->secret = NULL;
    call->start(call);
}

static void
start_try(void *ctx)
{
    struct akosha_call *call = ctx;
    struct akosha_target *target = call->target;
    struct aks_error err;

    if (target->base.settings->token == NULL || target->token != NULL)
        call->start(call);
    else if (aks_bearer_begin(target->port, target->base.settings, token_found, call, &call->work,
            &err) != AKS_OK)
        aks_akosha_call_ended(call, &err);
}

static void
found_again(void *ctx, struct aks_target_work *work)
{
    struct akosha_call *call = ctx;
    struct aks_bearer *bearer = (struct aks_bearer *)work;
    struct akosha_target *target = call->target;

    call->work = NULL;
    if (work->error.status == AKS_OK && !aks_secret_equal(bearer->secret, target->token)) {
        aks_log_write(target->options.log, AKS_LOG_INFO, "target %s: the secret %s was read again",
            target->base.settings->name, target->base.settings->token);
        aks_secret_free(target->token);
        target->token = bearer->secret;
        bearer->secret = NULL;
        call->refused.corrected = true;
    }
    aks_attempt_tried(&call->attempt, &call->refused);
}

/* The server does not know the token: it is looked for once more in an operation. */
static bool
renew_token(struct akosha_call *call, const struct aks_outcome *outcome)
{
    struct akosha_target *target = call->target;

    if (outcome->http_status != 401 || target->token == NULL || call->renewed || !call->attempts)
        return false;
    call->renewed = true;
    call->refused = *outcome;
    return aks_bearer_begin(target->port, target->base.settings, found_again, call, &call->work,
        NULL) == AKS_OK;
}

/* --- tries ------------------------------------------------------------------------------------ */

void
aks_akosha_call_begin(struct akosha_call *call, void (*start)(struct akosha_call *call),
    const char *operation, const char *source, aks_done *done, void *ctx)
{
    const struct aks_target_options *options = &call->target->options;
    struct aks_attempt_options attempt = { 0 };

    call->start = start;
    call->done = done;
    call->ctx = ctx;
    call->busy = true;
    call->attempts = true;
    attempt.loop = options->loop;
    attempt.ask = options->ask;
    attempt.target = options->settings->name;
    attempt.source = source;
    attempt.operation = operation;
    attempt.start = start_try;
    attempt.ctx = call;
    aks_attempt_begin(&call->attempt, &attempt, call_done, call);
}

static void
start_once(void *ctx)
{
    struct akosha_call *call = ctx;

    call->start(call);
}

void
aks_akosha_call_once(struct akosha_call *call, void (*start)(struct akosha_call *call),
    aks_done *done, void *ctx)
{
    struct aks_error err;

    call->start = start;
    call->done = done;
    call->ctx = ctx;
    call->busy = true;
    if (aks_loop_set(call->target->options.loop, &call->attempt.timer, 0, start_once, call,
            &err) != AKS_OK)
        aks_akosha_call_ended(call, &err);
}

bool
aks_akosha_repeats(const struct akosha_call *call, const char *words)
{
    return call->target->token != NULL && aks_secret_shows(call->target->token, words);
}

void
aks_akosha_call_tried(struct akosha_call *call, const struct aks_outcome *outcome)
{
    struct aks_outcome told = *outcome;

    aks_loop_clear(call->target->options.loop, &call->deadline);
    /* A server that repeats the token, whatever its status, does not get it into a log or a
     * report. */
    if (told.status != AKS_OK && aks_akosha_repeats(call, told.error.message))
        (void)aks_error_set(&told.error, told.status, "%s of %s: the server's answer (HTTP %d) is "
            "not shown: it repeats a secret", call->what, call->target->base.settings->name,
            told.http_status);
    if (!call->attempts)
        call_done(call, &told);
    else if (!renew_token(call, &told))
        aks_attempt_tried(&call->attempt, &told);
}

void
aks_akosha_call_ended(struct akosha_call *call, const struct aks_error *err)
{
    struct aks_outcome outcome;

    if (err->status == AKS_OK)
        aks_outcome_ok(&outcome);
    else
        aks_outcome_failed(&outcome, err);
    aks_akosha_call_tried(call, &outcome);
}

void
aks_akosha_call_cancel(struct akosha_call *call)
{
    const struct aks_target_options *options;

    if (!call->busy)
        return;
    options = &call->target->options;
    if (call->attempts)
        aks_attempt_cancel(&call->attempt);
    else
        aks_loop_clear(options->loop, &call->attempt.timer);
    aks_loop_clear(options->loop, &call->deadline);
    if (call->request != NULL)
        options->port->http.cancel(options->port->http.ctx, call->request);
    call->request = NULL;
    aks_target_work_leave(call->work, options->lingering);
    call->work = NULL;
    forget(call);
    call->busy = false;
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *
what_of(const struct akosha_call *call, char text[WHAT_BYTES])
{
    (void)snprintf(text, WHAT_BYTES, "%s of %s", call->what, call->target->base.settings->name);
    return text;
}

void
aks_akosha_failed(const struct akosha_call *call, struct aks_error *err,
    struct aks_outcome *ret_outcome)
{
    char what[WHAT_BYTES];

    (void)aks_error_wrap(err, "%s", what_of(call, what));
    aks_outcome_failed(ret_outcome, err);
}

/* Called for what has come of a reply: is the answer in it? A reply of the other type has no events
 * in it, as a JSON text has no raw line end within a string. */
static bool
has_answer(void *ctx, const char *data, size_t len)
{
    struct akosha_call *call = ctx;
    enum aks_sse_found found;

    while (!call->found && call->stream_error.status == AKS_OK) {
        if (aks_sse_next(&call->sse, data, len, &found, &call->stream_error) != AKS_OK)
            break;
        if (found == AKS_SSE_MORE)
            return false;
        if (call->sse.data.len == 0)
            continue;
        call->found = aks_jsonrpc_read(call->sse.data.data, call->sse.data.len, call->id,
            &call->answer, &call->event_error) == AKS_JSONRPC_ANSWER;
    }
    return true;
}

static bool
is_type(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);

    return type != NULL && strncasecmp(type, wanted, len) == 0 &&
        (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

/* The answer to call->id out of a reply that is a success. */
static enum aks_status
find_answer(struct akosha_call *call, const struct aks_http_reply *reply, struct aks_error *err)
{
    const char *type = aks_http_reply_header(reply, "Content-Type");

    aks_error_clear(err);
    if (is_type(type, "text/event-stream")) {
        (void)has_answer(call, reply->body.data, reply->body.len);
        if (call->found)
            return AKS_OK;
        *err = call->stream_error.status != AKS_OK ? call->stream_error : call->event_error;
        return err->status != AKS_OK ? err->status
            : aks_error_set(err, AKS_BAD_REPLY, "the stream ended without an answer");
    }
    if (!is_type(type, "application/json")) {
        (void)aks_error_set(err, AKS_BAD_REPLY, "the answer is neither JSON nor a stream of events "
            "(Content-Type %.64s)", type != NULL ? type : "none");
        aks_error_hint(err, "check the URL: Akosha's is http://HOST:8682/mcp");
        return AKS_BAD_REPLY;
    }
    switch (aks_jsonrpc_read(reply->body.data, reply->body.len, call->id, &call->answer, err)) {
    case AKS_JSONRPC_ANSWER:
        return AKS_OK;
    case AKS_JSONRPC_OTHER:
        return aks_error_set(err, AKS_BAD_REPLY, "the answer is to another request");
    case AKS_JSONRPC_BAD:
        break;
    }
    return err->status;
}

/* What a server says beside a status that means a failure. */
static void
add_words(const struct akosha_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *outcome)
{
    const char *type = aks_http_reply_header(reply, "Content-Type");
    struct aks_jsonrpc_answer answer;
    struct aks_error err = outcome->error;

    if (reply->transport != AKS_OK || reply->status < 400 || !is_type(type, "application/json"))
        return;
    if (aks_jsonrpc_read(reply->body.data, reply->body.len, call->id, &answer, NULL) ==
        AKS_JSONRPC_ANSWER && answer.failed) {
        (void)aks_error_set(&outcome->error, err.status, "%s: %s", err.message, answer.words);
        aks_error_hint(&outcome->error, "%s", err.hint);
    }
    aks_jsonrpc_answer_fini(&answer);
}

static void
judge(const struct akosha_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *ret_outcome)
{
    const struct aks_clock *clock = &call->target->port->clock;
    char what[WHAT_BYTES];

    aks_classify(AKS_DIALECT_HTTP, reply, what_of(call, what), clock->wall_ms(clock->ctx),
        ret_outcome, NULL);
    if (ret_outcome->status == AKS_OK)
        return;
    if (reply->status == 404 || reply->status == 405)
        aks_error_hint(&ret_outcome->error, "check the URL: Akosha's is http://HOST:8682/mcp");
    add_words(call, reply, ret_outcome);
}

static void
reply_came(void *ctx, const struct aks_http_reply *reply)
{
    struct akosha_call *call = ctx;
    struct aks_outcome outcome;
    struct aks_error err;

    call->request = NULL;
    judge(call, reply, &outcome);
    if (outcome.status == AKS_OK && call->id != 0 &&
        find_answer(call, reply, &err) != AKS_OK) {
        aks_akosha_failed(call, &err, &outcome);
        outcome.http_status = reply->status;
    }
    call->answered(call, reply, &outcome);
}

/* --- requests --------------------------------------------------------------------------------- */

void
aks_akosha_plain(struct akosha_call *call)
{
    struct akosha_target *target = call->target;

    forget(call);
    memset(&call->spec, 0, sizeof(call->spec));
    call->found = false;
    call->id = 0;
    aks_error_clear(&call->stream_error);
    aks_error_clear(&call->event_error);
    aks_sse_init(&call->sse, target->port->alloc);
    call->spec.url = target->base.settings->url;
    call->spec.headers = call->headers;
    call->spec.ca_file = target->ca_file;
    call->spec.pins = target->base.settings->pins;
    call->spec.connect_timeout_ms = AKS_AKOSHA_CONNECT_MS;
    call->spec.answer_timeout_ms = AKS_AKOSHA_ANSWER_MS;
    call->spec.stall_timeout_ms = AKS_AKOSHA_STALL_MS;
    call->spec.reply_bytes_max = AKS_AKOSHA_REPLY_BYTES_MAX;
}

void
aks_akosha_header(struct akosha_call *call, const char *name, const char *value)
{
    AKS_CHECK(call->spec.header_count < AKS_AKOSHA_HEADERS_MAX);
    call->headers[call->spec.header_count++] = (struct aks_http_header) { name, value };
}

void
aks_akosha_request(struct akosha_call *call, const char *method, const char *what,
    akosha_answered *answered)
{
    struct akosha_target *target = call->target;
    const struct aks_http *http = &target->port->http;
    struct aks_error err;

    call->what = what;
    call->answered = answered;
    call->spec.method = method;
    if (target->token != NULL)
        aks_akosha_header(call, "Authorization", aks_secret_reveal(target->token));
    if (http->submit(http->ctx, &call->spec, reply_came, call, &call->request, &err) == AKS_OK)
        return;
    call->request = NULL;
    (void)aks_error_wrap(&err, "cannot use target %s", target->base.settings->name);
    aks_akosha_call_ended(call, &err);
}

void
aks_akosha_post(struct akosha_call *call, const char *what, int64_t id, akosha_answered *answered)
{
    const struct akosha_target *target = call->target;

    call->id = id;
    call->spec.body = &call->body;
    if (id != 0) {
        call->spec.enough = has_answer;
        call->spec.enough_ctx = call;
    }
    aks_akosha_header(call, "Content-Type", "application/json");
    aks_akosha_header(call, "Accept", "application/json, text/event-stream");
    if (target->session[0] != '\0')
        aks_akosha_header(call, "mcp-session-id", target->session);
    if (target->protocol[0] != '\0')
        aks_akosha_header(call, "mcp-protocol-version", target->protocol);
    aks_akosha_request(call, "POST", what, answered);
}

static enum aks_status
read_text(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    const struct akosha_call *call = ctx;
    size_t left = call->text.len - (size_t)offset;

    *ret_len = len < left ? len : left;
    memcpy(data, call->text.data + offset, *ret_len);
    return AKS_OK;
}

void
aks_akosha_body(struct akosha_call *call)
{
    call->body = (struct aks_body) { (int64_t)call->text.len, read_text, call };
}
