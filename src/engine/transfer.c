#include "engine/transfer.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/units.h"
#include "engine/transfer_internal.h"

#include <stdio.h>
#include <string.h>

int64_t
aks_transfer_part_bytes(int64_t bytes, int64_t part_bytes, bool encoded)
{
    /* What a codec cannot shrink, and what is encrypted, grows by less than 1 % and 1 MiB. */
    int64_t most = encoded ? bytes + bytes / 100 + AKS_MIB : bytes;
    int64_t least = (most + AKS_PARTS_MAX - 1) / AKS_PARTS_MAX;

    if (least <= part_bytes)
        return part_bytes;
    return (least + AKS_MIB - 1) / AKS_MIB * AKS_MIB;
}

enum aks_status
aks_transfer_new(const struct aks_transfer_options *options, struct aks_transfer **ret_transfer,
    struct aks_error *err)
{
    struct aks_transfer *transfer = aks_mem_new(options->port->alloc, sizeof(*transfer));
    enum aks_status status;

    if (transfer == NULL)
        return aks_error_memory(err, "starting a transfer");
    transfer->options = *options;
    for (size_t i = 0; i < AKS_PIPELINE_PARTS_MAX; i++)
        transfer->sent[i].transfer = transfer;
    transfer->name = aks_mem_printf(options->port->alloc, "%s%s", options->source->name,
        options->role == AKS_SNAPSHOT_WAL ? aks_source_wal_suffix(options->source->kind) : "");
    status = transfer->name == NULL ? aks_error_memory(err, "starting a transfer")
        : aks_loop_set(options->loop, &transfer->timer, 0, aks_transfer_begin, transfer, err);
    if (status != AKS_OK) {
        aks_mem_free(options->port->alloc, transfer->name);
        aks_mem_free(options->port->alloc, transfer);
        return status;
    }
    *ret_transfer = transfer;
    return AKS_OK;
}

const struct aks_outcome *
aks_transfer_outcome(const struct aks_transfer *transfer)
{
    AKS_CHECK(transfer->state == TRANSFER_DONE);
    return &transfer->outcome;
}

const struct aks_transfer_result *
aks_transfer_result(const struct aks_transfer *transfer)
{
    AKS_CHECK(transfer->state == TRANSFER_DONE);
    AKS_CHECK(transfer->outcome.status == AKS_OK);
    return &transfer->result;
}

static void
tell_read(struct aks_transfer *transfer)
{
    if (transfer->told_read)
        return;
    transfer->told_read = true;
    transfer->options.read(transfer->options.ctx);
}

/* Lets go of everything that belongs to one try. Nothing of it is in use any more. */
static void
release(struct aks_transfer *transfer)
{
    aks_loop_clear(transfer->options.loop, &transfer->timer);
    /* By the object's class: of a transfer that was dropped, the target may be gone. */
    if (transfer->object != NULL)
        transfer->object->class->object_free(transfer->object);
    transfer->object = NULL;
    for (size_t i = 0; i < AKS_PIPELINE_PARTS_MAX; i++)
        transfer->sent[i].part = NULL;
    transfer->in_flight = 0;
    transfer->differed = transfer->differed || transfer->entry.differs;
    aks_journal_entry_fini(&transfer->entry);
    aks_pipeline_free(transfer->pipeline);
    transfer->pipeline = NULL;
    aks_view_close(&transfer->view);
}

static void
end(struct aks_transfer *transfer)
{
    release(transfer);
    tell_read(transfer);
    transfer->state = TRANSFER_DONE;
    transfer->options.done(transfer->options.ctx);
}

static void
aborted(struct aks_transfer *transfer)
{
    release(transfer);
    if (!transfer->restart || transfer->cancelled) {
        end(transfer);
        return;
    }
    transfer->restart = false;
    transfer->restarts++;
    transfer->acked_bytes = 0;
    aks_transfer_begin(transfer);
}

static void
abort_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_transfer *transfer = ctx;

    if (outcome->status != AKS_OK)
        transfer->options.left(transfer->options.ctx, &outcome->error);
    aks_journal_entry_dropped(&transfer->entry, outcome->status == AKS_OK);
    aborted(transfer);
}

static void
abort_timed_out(void *ctx)
{
    struct aks_transfer *transfer = ctx;
    struct aks_error err;

    (void)aks_error_set(&err, AKS_TIMEOUT,
        "%s: no time left to take back what was sent of %s (%s)",
        transfer->options.target->settings->name, transfer->name, transfer->key);
    transfer->options.left(transfer->options.ctx, &err);
    aks_journal_entry_dropped(&transfer->entry, false);
    aborted(transfer);
}

/* The try is over without success: gives back what was sent, if it is not kept, then ends or begins
 * anew. */
void
aks_transfer_abandon(struct aks_transfer *transfer)
{
    const struct aks_target_class *class = transfer->options.target->class;
    int64_t limit_ms = transfer->hurried ? AKS_TRANSFER_ABORT_INTERRUPTED_MS
        : AKS_TRANSFER_ABORT_MS;

    aks_loop_clear(transfer->options.loop, &transfer->timer);
    transfer->state = TRANSFER_ABORTING;
    if (transfer->object == NULL || aks_transfer_journal_keeps(transfer)) {
        aborted(transfer);
        return;
    }
    if (aks_loop_set(transfer->options.loop, &transfer->timer, limit_ms, abort_timed_out, transfer,
            NULL) != AKS_OK) {
        aks_journal_entry_dropped(&transfer->entry, false);
        aborted(transfer);
        return;
    }
    class->abort(transfer->object, abort_done, transfer);
}

void
aks_transfer_fail(struct aks_transfer *transfer, const struct aks_outcome *outcome)
{
    const struct aks_transfer_options *options = &transfer->options;

    if (transfer->state == TRANSFER_ABORTING || transfer->state == TRANSFER_DONE)
        return;
    transfer->outcome = *outcome;
    transfer->restart = outcome->verdict == AKS_RESTART && !options->once &&
        outcome->status != AKS_SOURCE_CHANGED && transfer->restarts < AKS_TRANSFER_RESTARTS_MAX;
    /* There was room for a compressed copy when it was begun, and there is none any more. */
    if (outcome->status == AKS_NO_SPACE && transfer->compress.codec != AKS_CODEC_NONE &&
        options->seal == NULL &&
        options->target->settings->kind == AKS_TARGET_HTTP && outcome->http_status == 0) {
        aks_log_write(options->log, AKS_LOG_WARNING, "%s is sent uncompressed: %s",
            transfer->name, outcome->error.message);
        transfer->raw_only = true;
        transfer->restart = !options->once;
    }
    aks_transfer_abandon(transfer);
}

/* A failure that no attempt has asked the policy about yet. */
void
aks_transfer_fail_asking(struct aks_transfer *transfer, const char *operation,
    const struct aks_error *err)
{
    const struct aks_transfer_options *options = &transfer->options;
    struct aks_failure_facts facts = { 0 };
    struct aks_retry_answer answer;
    struct aks_outcome outcome;
    struct aks_error own = *err;

    facts.target = options->target->settings->name;
    facts.operation = operation;
    facts.source = transfer->name;
    facts.failure = err->status;
    facts.transient = aks_status_transient(err->status);
    facts.retry_after_ms = -1;
    facts.attempt = options->retaken + transfer->restarts + 1;
    aks_outcome_failed(&outcome, err);
    if (aks_ask_retry(options->ask, &facts, &answer, &own) != AKS_OK) {
        aks_outcome_failed(&outcome, &own);
        answer.verdict = AKS_GIVE_UP;
    }
    /* Waiting for a source that changes is the same as reading it again. */
    outcome.verdict = answer.verdict == AKS_WAIT ? AKS_RESTART : answer.verdict;
    aks_transfer_fail(transfer, &outcome);
}

/* Were the bytes that finish sent those of the digest? */
static bool
still_the_same(const struct aks_transfer *transfer, struct aks_error *err)
{
    return !transfer->options.target->class->reads_in_finish || transfer->digest.whole.bytes < 0 ||
        aks_view_check(aks_pipeline_view(transfer->pipeline), err) == AKS_OK;
}

static void
finish_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_transfer *transfer = ctx;
    struct aks_error err;

    if (transfer->state != TRANSFER_FINISHING)
        return;
    if (outcome->status != AKS_OK) {
        aks_transfer_fail(transfer, outcome);
        return;
    }
    if (!still_the_same(transfer, &err)) {
        aks_transfer_fail_asking(transfer, "snapshot", &err);
        return;
    }
    transfer->result.kept_bytes = transfer->object->kept_bytes;
    aks_journal_entry_stored(&transfer->entry, &transfer->result.bytes);
    aks_outcome_ok(&transfer->outcome);
    end(transfer);
}

/* Were the bytes that were read those of the snapshot? A copy that somebody has changed is worth as
 * little as a source that was written to. */
static bool
of_snapshot(const struct aks_transfer *transfer, struct aks_error *err)
{
    const struct aks_transfer_options *options = &transfer->options;
    const char *wanted = options->snapshot->files[options->role].sha256;
    char hex[AKS_SHA256_HEX_BYTES];

    if (aks_view_check(aks_pipeline_view(transfer->pipeline), err) != AKS_OK)
        return false;
    aks_hex_encode(aks_pipeline_result(transfer->pipeline)->plain_sha256, AKS_SHA256_BYTES, hex);
    if (wanted[0] == '\0' || strcmp(wanted, hex) == 0)
        return true;
    (void)aks_error_set(err, AKS_SOURCE_CHANGED,
        "source %s: its snapshot is not any more what was taken", options->source->path);
    return false;
}

/* Every part is stored: is the source still what was read? Then the object may come into being. */
static void
finish(struct aks_transfer *transfer)
{
    const struct aks_pipeline_result *bytes = aks_pipeline_result(transfer->pipeline);
    struct aks_error err;

    if (!of_snapshot(transfer, &err)) {
        aks_transfer_fail_asking(transfer, "snapshot", &err);
        return;
    }
    transfer->result.key = transfer->key;
    transfer->result.codec = transfer->compress.codec;
    transfer->result.bytes = *bytes;
    transfer->digest.bytes = bytes->stored_bytes;
    memcpy(transfer->digest.sha256, bytes->stored_sha256, AKS_SHA256_BYTES);
    transfer->digest.whole = aks_pipeline_whole(transfer->pipeline);
    transfer->state = TRANSFER_FINISHING;
    transfer->options.target->class->finish(transfer->object, &transfer->digest, finish_done,
        transfer);
}

static void
send_done(void *ctx, const struct aks_outcome *outcome)
{
    struct sent_part *sent = ctx;
    struct aks_transfer *transfer = sent->transfer;
    struct aks_part *part = sent->part;

    if (transfer->state != TRANSFER_SENDING)
        return;
    AKS_CHECK(part != NULL && transfer->in_flight > 0);
    transfer->in_flight--;
    sent->part = NULL;
    if (outcome->status == AKS_OK)
        transfer->acked_bytes += part->body.bytes;
    aks_pipeline_give(transfer->pipeline, part);
    if (outcome->status != AKS_OK)
        aks_transfer_fail(transfer, outcome);
    else
        aks_transfer_pump(transfer);
}

static void
send(struct aks_transfer *transfer, struct aks_part *part)
{
    struct sent_part *sent = transfer->sent;

    AKS_CHECK(transfer->in_flight < AKS_PIPELINE_PARTS_MAX);
    while (sent->part != NULL)
        sent++;
    sent->part = part;
    transfer->in_flight++;
    transfer->options.target->class->send(transfer->object, part, send_done, sent);
}

/* Nothing is under way; what only reading needed goes. */
static void
hold(struct aks_transfer *transfer)
{
    transfer->result.bytes = *aks_pipeline_result(transfer->pipeline);
    aks_pipeline_trim(transfer->pipeline);
    transfer->state = TRANSFER_HELD;
    transfer->options.held(transfer->options.ctx);
}

void
aks_transfer_finish(struct aks_transfer *transfer)
{
    AKS_CHECK(transfer->state == TRANSFER_HELD);
    finish(transfer);
}

const struct aks_pipeline_result *
aks_transfer_sent(const struct aks_transfer *transfer)
{
    AKS_CHECK(transfer->state >= TRANSFER_HELD);
    return &transfer->result.bytes;
}

enum aks_codec
aks_transfer_codec(const struct aks_transfer *transfer)
{
    AKS_CHECK(transfer->state >= TRANSFER_HELD);
    return transfer->compress.codec;
}

void
aks_transfer_pump(struct aks_transfer *transfer)
{
    struct aks_target *target = transfer->options.target;
    enum aks_pipeline_state state;
    struct aks_error err;

    if (transfer->state != TRANSFER_SENDING)
        return;
    while (transfer->in_flight < target->class->parts_in_flight(target) &&
        transfer->in_flight < AKS_PIPELINE_PARTS_MAX) {
        struct aks_part *part = aks_pipeline_take(transfer->pipeline);

        if (part == NULL)
            break;
        if (!aks_transfer_journal_part(transfer, part))
            return;
        send(transfer, part);
    }
    state = aks_pipeline_state(transfer->pipeline, &err);
    if (state == AKS_PIPELINE_FAILED) {
        aks_transfer_fail_asking(transfer, "read", &err);
        return;
    }
    if (state != AKS_PIPELINE_ENDED)
        return;
    tell_read(transfer);
    if (transfer->in_flight == 0 && transfer->options.held != NULL)
        hold(transfer);
    else if (transfer->in_flight == 0)
        finish(transfer);
}

static void
fire_abandon(void *ctx)
{
    aks_transfer_abandon(ctx);
}

/* It is on its way out, and the time for that changes. */
static void
hurry(struct aks_transfer *transfer)
{
    /* It has not begun yet: then it begins with little time. */
    if (transfer->timer.node.place != 0 && transfer->timer.fire == fire_abandon)
        return;
    aks_loop_clear(transfer->options.loop, &transfer->timer);
    if (aks_loop_set(transfer->options.loop, &transfer->timer, AKS_TRANSFER_ABORT_INTERRUPTED_MS,
            abort_timed_out, transfer, NULL) != AKS_OK)
        aborted(transfer);
}

/* True if there is still something to be stopped. */
static bool
mark_stopped(struct aks_transfer *transfer)
{
    struct aks_error err;

    if (transfer->cancelled || transfer->state == TRANSFER_DONE)
        return false;
    transfer->cancelled = true;
    (void)aks_error_set(&err, AKS_CANCELLED, "source %s: interrupted",
        transfer->options.source->path);
    aks_outcome_failed(&transfer->outcome, &err);
    transfer->outcome.verdict = AKS_GIVE_UP;
    return true;
}

/* Not from inside this call, where there is memory for a timer: done may free its caller. */
static void
abandon_soon(struct aks_transfer *transfer)
{
    aks_loop_clear(transfer->options.loop, &transfer->timer);
    transfer->state = TRANSFER_ABORTING;
    if (aks_loop_set(transfer->options.loop, &transfer->timer, 0, fire_abandon, transfer,
            NULL) != AKS_OK)
        aks_transfer_abandon(transfer);
}

void
aks_transfer_cancel(struct aks_transfer *transfer)
{
    if (transfer->state == TRANSFER_DONE || transfer->hurried)
        return;
    transfer->hurried = true;
    /* A sample is with a worker: its completion goes on. */
    if (!mark_stopped(transfer) && transfer->state != TRANSFER_ABORTING)
        return;
    if (transfer->sample != NULL)
        return;
    if (transfer->state == TRANSFER_ABORTING)
        hurry(transfer);
    else
        abandon_soon(transfer);
}

void
aks_transfer_give_up(struct aks_transfer *transfer)
{
    if (!mark_stopped(transfer) || transfer->sample != NULL)
        return;
    if (transfer->state != TRANSFER_ABORTING)
        abandon_soon(transfer);
}

int64_t
aks_transfer_progress(const struct aks_transfer *transfer)
{
    int64_t plain = 0;
    int64_t stored = 0;

    if (transfer->pipeline == NULL)
        return 0;
    if (transfer->compress.codec == AKS_CODEC_NONE)
        return transfer->acked_bytes;
    aks_pipeline_progress(transfer->pipeline, &plain, &stored);
    return stored > 0 ? (int64_t)((double)plain * (double)transfer->acked_bytes / (double)stored)
        : 0;
}

void
aks_transfer_free(struct aks_transfer *transfer)
{
    if (transfer == NULL)
        return;
    if (transfer->sample != NULL) {
        /* A worker still looks at it; its completion, if there is ever one, ends both. */
        aks_loop_clear(transfer->options.loop, &transfer->timer);
        transfer->dropped = true;
        return;
    }
    release(transfer);
    aks_mem_free(transfer->options.port->alloc, transfer->name);
    aks_mem_free(transfer->options.port->alloc, transfer->key);
    aks_mem_free(transfer->options.port->alloc, transfer);
}
