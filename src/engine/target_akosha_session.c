/* A session with an MCP server: initialize, then notifications/initialized; DELETE at its end, as
 * servers keep sessions for ever by default. */
#include "engine/target_akosha_internal.h"

#include <stdio.h>
#include <string.h>

static void
forget_session(struct akosha_target *target)
{
    target->ready = false;
    target->session[0] = '\0';
    target->protocol[0] = '\0';
}

/* The name of the session goes into headers. */
static bool
take_session(struct akosha_target *target, const struct aks_http_reply *reply)
{
    const char *name = aks_http_reply_header(reply, "mcp-session-id");

    target->session[0] = '\0';
    if (name == NULL)
        return true;
    if (strlen(name) >= sizeof(target->session))
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    }
    (void)snprintf(target->session, sizeof(target->session), "%s", name);
    return true;
}

static void
initialized(struct akosha_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *outcome)
{
    if (outcome->status != AKS_OK) {
        forget_session(call->target);
        aks_akosha_call_tried(call, outcome);
        return;
    }
    call->target->ready = true;
    call->then(call);
}

static void
tell_initialized(struct akosha_call *call)
{
    struct aks_error err;

    aks_akosha_plain(call);
    aks_buf_init(&call->text, call->target->port->alloc, AKS_ROWS_ENVELOPE_BYTES);
    aks_jsonrpc_notify(&call->text, "notifications/initialized");
    if (aks_buf_status(&call->text, "a request", &err) != AKS_OK) {
        aks_akosha_call_ended(call, &err);
        return;
    }
    aks_akosha_body(call);
    aks_akosha_post(call, "notifications/initialized", 0, initialized);
}

static enum aks_status
take_answer(struct akosha_call *call, const struct aks_http_reply *reply, struct aks_error *err)
{
    struct akosha_target *target = call->target;

    if (call->answer.failed)
        return aks_error_set(err, AKS_SETTINGS, "the server refuses a session: %s (%lld)",
            call->answer.words, (long long)call->answer.code);
    if (aks_jsonrpc_protocol(call->answer.result, target->protocol, err) != AKS_OK)
        return AKS_BAD_REPLY;
    if (!take_session(target, reply))
        return aks_error_set(err, AKS_BAD_REPLY, "the session has a name that none may have");
    return AKS_OK;
}

static void
session_made(struct akosha_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *outcome)
{
    struct aks_error err;

    if (outcome->status == AKS_OK && take_answer(call, reply, &err) != AKS_OK) {
        forget_session(call->target);
        aks_akosha_failed(call, &err, outcome);
    }
    if (outcome->status == AKS_OK)
        tell_initialized(call);
    else
        aks_akosha_call_tried(call, outcome);
}

void
aks_akosha_session(struct akosha_call *call, void (*then)(struct akosha_call *call))
{
    struct akosha_target *target = call->target;
    struct aks_error err;

    if (target->ready) {
        then(call);
        return;
    }
    call->then = then;
    forget_session(target);
    aks_akosha_plain(call);
    aks_buf_init(&call->text, target->port->alloc, AKS_ROWS_ENVELOPE_BYTES);
    aks_jsonrpc_initialize(&call->text, ++target->last_id, "akosha-sync", AKS_VERSION);
    if (aks_buf_status(&call->text, "a request", &err) != AKS_OK) {
        aks_akosha_call_ended(call, &err);
        return;
    }
    aks_akosha_body(call);
    aks_akosha_post(call, "initialize", target->last_id, session_made);
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void
left(struct akosha_call *call)
{
    struct aks_outcome ok;

    forget_session(call->target);
    aks_outcome_ok(&ok);
    aks_akosha_call_tried(call, &ok);
}

static void
session_deleted(struct akosha_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *outcome)
{
    left(call);
}

static void
delete_session(struct akosha_call *call)
{
    struct akosha_target *target = call->target;

    if (target->session[0] == '\0') {
        left(call);
        return;
    }
    aks_akosha_plain(call);
    call->spec.connect_timeout_ms = call->leave_ms;
    call->spec.answer_timeout_ms = call->leave_ms;
    call->spec.stall_timeout_ms = call->leave_ms;
    aks_akosha_header(call, "mcp-session-id", target->session);
    aks_akosha_header(call, "mcp-protocol-version", target->protocol);
    aks_akosha_request(call, "DELETE", "the end of a session", session_deleted);
}

void
aks_akosha_leave(struct aks_target *base, int64_t deadline_ms, aks_done *done, void *ctx)
{
    struct akosha_target *target = (struct akosha_target *)base;
    struct akosha_call *call;

    aks_akosha_call_cancel(&target->call);
    call = aks_akosha_call_new(base);
    call->leave_ms = deadline_ms;
    aks_akosha_call_once(call, delete_session, done, ctx);
}
