/* A batch of memories: a call of Akosha's tool, and what its answer means. */
#include "base/check.h"
#include "engine/target_akosha_internal.h"

#include <string.h>

static void call_tool(struct akosha_call *call);

/* The envelope is in call->text: its beginning, then as its last bytes its end; the batch's items
 * go between the two and are copied nowhere. */
#define END_LEN (sizeof("]}}}") - 1)

static size_t
copy_piece(const char *piece, size_t piece_len, int64_t offset, void *data, size_t len)
{
    size_t left = piece_len - (size_t)offset;

    if (len > left)
        len = left;
    memcpy(data, piece + offset, len);
    return len;
}

static enum aks_status
read_call(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    const struct akosha_call *call = ctx;
    int64_t begin = (int64_t)(call->text.len - END_LEN);
    int64_t items = (int64_t)call->batch->len;

    if (offset < begin)
        *ret_len = copy_piece(call->text.data, (size_t)begin, offset, data, len);
    else if (offset < begin + items)
        *ret_len = copy_piece(call->batch->items, (size_t)items, offset - begin, data, len);
    else
        *ret_len = copy_piece(call->text.data + begin, END_LEN, offset - begin - items, data, len);
    return AKS_OK;
}

/* Not for what is wrong with the server or the tool, but for what is in the batch. */
static bool
is_about_batch(const char *words)
{
    return aks_store_fate_of(words) == AKS_STORE_REFUSED;
}

static const char not_shown[] = "the server's words are not shown: it repeats a secret";

static void
refuse(struct akosha_call *call, const char *words)
{
    struct aks_outcome ok;

    call->ret_result->refused = true;
    aks_jsonrpc_words(aks_akosha_repeats(call, words) ? not_shown : words,
        call->ret_result->words);
    aks_outcome_ok(&ok);
    aks_akosha_call_tried(call, &ok);
}

static enum aks_status
no_tool(struct aks_error *err, const char *words)
{
    (void)aks_error_set(err, AKS_SETTINGS, "the server does not offer %s: %s", AKS_AKOSHA_TOOL,
        words);
    aks_error_hint(err, "check the URL, and that AKOSHA_TOOL_PROFILE is `full` on Akosha's side");
    return AKS_SETTINGS;
}

/* What a failure of the whole call says; AKS_OK: the batch is refused, for what is in it. -32602
 * (invalid params) is also what servers say of a tool that they do not have. */
static enum aks_status
judge_failure(const char *words, int64_t code, struct aks_error *err)
{
    if (strcasestr(words, "unknown tool") != NULL || strcasestr(words, "tool not found") != NULL ||
        code == -32601)
        return no_tool(err, words);
    if (code == -32602 || is_about_batch(words))
        return AKS_OK;
    return aks_error_set(err, AKS_SERVER, "the server failed: %s", words);
}

/* What is told of single memories goes into the log and the report. */
static void
hide_words(struct akosha_call *call)
{
    for (size_t i = 0; i < call->batch->count; i++) {
        struct aks_store_memory *memory = &call->batch->memories[i];

        if (aks_akosha_repeats(call, memory->words))
            aks_jsonrpc_words(not_shown, memory->words);
    }
}

/* The tool has answered. */
static void
read_tool(struct akosha_call *call)
{
    const struct aks_rows_batch *batch = call->batch;
    struct aks_jsonrpc_tool tool = { 0 };
    struct aks_outcome outcome;
    struct aks_error err;
    enum aks_status status = aks_jsonrpc_tool(call->answer.result, &tool, &err);

    if (status == AKS_OK && tool.failed) {
        status = judge_failure(tool.words, 0, &err);
        if (status == AKS_OK) {
            refuse(call, tool.words);
            return;                     /* a tool that failed holds no value */
        }
    } else if (status == AKS_OK) {
        status = aks_store_answer_read(tool.value, batch->memories, batch->count,
            &call->ret_result->answer, &err);
        hide_words(call);
        if (status == AKS_OK && call->ret_result->answer.failed == batch->count)
            status = aks_error_set(&err, AKS_SERVER, "none of %zu memories was stored: %s",
                batch->count, batch->memories[0].words);
    }
    aks_jsonrpc_tool_fini(&tool);
    aks_outcome_ok(&outcome);
    if (status != AKS_OK)
        aks_akosha_failed(call, &err, &outcome);
    aks_akosha_call_tried(call, &outcome);
}

/* The session has ended on the other side: another one, once. */
static bool
restart(struct akosha_call *call, const struct aks_outcome *outcome)
{
    if (outcome->http_status != 404 || call->target->session[0] == '\0' || call->restarted)
        return false;
    call->restarted = true;
    call->target->ready = false;
    aks_log_write(call->target->options.log, AKS_LOG_INFO,
        "target %s: the session has ended there, and is begun anew",
        call->target->base.settings->name);
    aks_akosha_session(call, call_tool);
    return true;
}

static void
answered(struct akosha_call *call, const struct aks_http_reply *reply, struct aks_outcome *outcome)
{
    struct aks_error err;

    if (restart(call, outcome))
        return;
    if (outcome->status == AKS_TOO_LARGE && outcome->http_status == 413) {
        call->ret_result->too_large = true;
        refuse(call, "the server limits the size of a request (HTTP 413)");
        return;
    }
    if (outcome->status != AKS_OK) {
        aks_akosha_call_tried(call, outcome);
        return;
    }
    if (!call->answer.failed) {
        read_tool(call);
        return;
    }
    if (judge_failure(call->answer.words, call->answer.code, &err) == AKS_OK) {
        refuse(call, call->answer.words);
        return;
    }
    aks_akosha_failed(call, &err, outcome);
    aks_akosha_call_tried(call, outcome);
}

static void
call_tool(struct akosha_call *call)
{
    struct akosha_target *target = call->target;
    struct aks_error err;

    /* What an earlier try said of them says nothing of this one. */
    for (size_t i = 0; i < call->batch->count; i++) {
        call->batch->memories[i].fate = AKS_STORE_STORED;
        call->batch->memories[i].words[0] = '\0';
    }
    aks_akosha_plain(call);
    aks_buf_init(&call->text, target->port->alloc, AKS_ROWS_ENVELOPE_BYTES);
    aks_jsonrpc_call_begin(&call->text, ++target->last_id, AKS_AKOSHA_TOOL, "memories");
    aks_jsonrpc_call_end(&call->text);
    if (aks_buf_status(&call->text, "a request", &err) != AKS_OK) {
        aks_akosha_call_ended(call, &err);
        return;
    }
    call->body = (struct aks_body) { (int64_t)(call->text.len + call->batch->len), read_call,
        call };
    AKS_CHECK(call->body.bytes <= (int64_t)AKS_ROWS_BATCH_BYTES_MAX);
    aks_akosha_post(call, AKS_AKOSHA_TOOL, target->last_id, answered);
}

static void
start_push(struct akosha_call *call)
{
    aks_akosha_session(call, call_tool);
}

void
aks_akosha_push(struct aks_target *base, const struct aks_rows_batch *batch,
    struct aks_rows_result *ret_result, aks_done *done, void *ctx)
{
    struct akosha_call *call = aks_akosha_call_new(base);

    AKS_CHECK(batch->count > 0 && batch->count <= AKS_ROWS_BATCH_MAX);
    memset(ret_result, 0, sizeof(*ret_result));
    call->batch = batch;
    call->ret_result = ret_result;
    aks_akosha_call_begin(call, start_push, "push", batch->source, done, ctx);
}
