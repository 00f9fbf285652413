#include "engine/transfer.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/sample.h"

#include <stdio.h>
#include <string.h>

/* What must stay free beside a compressed copy: state database and queue write there too. */
#define SCRATCH_MARGIN_BYTES (4 * AKS_MIB)

enum transfer_state {
    TRANSFER_WAITING, TRANSFER_SAMPLING, TRANSFER_SENDING, TRANSFER_FINISHING, TRANSFER_ABORTING,
    TRANSFER_DONE
};

struct sent_part {
    struct aks_transfer *transfer;
    struct aks_part *part;              /* NULL: this place is free */
};

struct aks_transfer {
    struct aks_transfer_options options;
    enum transfer_state state;
    struct aks_timer timer;
    struct aks_snapshot snapshot;       /* until the pipeline takes it over */
    struct aks_sample *sample;              /* while it is with a worker */
    struct aks_compress_settings compress;
    bool raw_only;                      /* a codec was tried and cannot be used here */
    char *key;
    struct aks_pipeline *pipeline;
    struct aks_target_object *object;
    struct sent_part sent[AKS_PIPELINE_PARTS_MAX];
    unsigned in_flight;
    int64_t acked_bytes;
    unsigned restarts;
    bool restart;                       /* after aborting */
    bool cancelled;
    bool dropped;                       /* freed while a worker had its sample */
    bool told_read;
    struct aks_object_digest digest;
    struct aks_outcome outcome;
    struct aks_transfer_result result;
};

static void begin(void *ctx);
static void pump(struct aks_transfer *transfer);

int64_t
aks_transfer_part_bytes(int64_t bytes, int64_t part_bytes, bool encoded)
{
    /* What a codec cannot shrink grows by less than 1 % and 1 MiB. */
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
    status = aks_loop_set(options->loop, &transfer->timer, 0, begin, transfer, err);
    if (status != AKS_OK) {
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
    aks_pipeline_free(transfer->pipeline);
    transfer->pipeline = NULL;
    aks_snapshot_close(&transfer->snapshot);
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
    begin(transfer);
}

static void
abort_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_transfer *transfer = ctx;

    if (outcome->status != AKS_OK)
        transfer->options.left(transfer->options.ctx, &outcome->error);
    aborted(transfer);
}

static void
abort_timed_out(void *ctx)
{
    struct aks_transfer *transfer = ctx;
    struct aks_error err;

    (void)aks_error_set(&err, AKS_TIMEOUT,
        "%s: no time left to take back what was sent of %s (%s)",
        transfer->options.target->settings->name, transfer->options.source->name, transfer->key);
    transfer->options.left(transfer->options.ctx, &err);
    aborted(transfer);
}

/* The try is over without success: gives back what was sent, then ends or begins anew. */
static void
abandon(struct aks_transfer *transfer)
{
    const struct aks_target_class *class = transfer->options.target->class;
    int64_t limit_ms = transfer->cancelled ? AKS_TRANSFER_ABORT_INTERRUPTED_MS
        : AKS_TRANSFER_ABORT_MS;

    aks_loop_clear(transfer->options.loop, &transfer->timer);
    transfer->state = TRANSFER_ABORTING;
    if (transfer->object == NULL) {
        aborted(transfer);
        return;
    }
    if (aks_loop_set(transfer->options.loop, &transfer->timer, limit_ms, abort_timed_out, transfer,
            NULL) != AKS_OK) {
        aborted(transfer);
        return;
    }
    class->abort(transfer->object, abort_done, transfer);
}

static void
fail(struct aks_transfer *transfer, const struct aks_outcome *outcome)
{
    const struct aks_transfer_options *options = &transfer->options;

    if (transfer->state == TRANSFER_ABORTING || transfer->state == TRANSFER_DONE)
        return;
    transfer->outcome = *outcome;
    transfer->restart = outcome->verdict == AKS_RESTART &&
        transfer->restarts < AKS_TRANSFER_RESTARTS_MAX;
    /* There was room for a compressed copy when it was begun, and there is none any more. */
    if (outcome->status == AKS_NO_SPACE && transfer->compress.codec != AKS_CODEC_NONE &&
        options->target->settings->kind == AKS_TARGET_HTTP && outcome->http_status == 0) {
        aks_log_write(options->log, AKS_LOG_WARNING, "%s is sent uncompressed: %s",
            options->source->name, outcome->error.message);
        transfer->raw_only = true;
        transfer->restart = true;
    }
    abandon(transfer);
}

/* A failure that no attempt has asked the policy about yet. */
static void
fail_asking(struct aks_transfer *transfer, const char *operation, const struct aks_error *err)
{
    const struct aks_transfer_options *options = &transfer->options;
    struct aks_failure_facts facts = { 0 };
    struct aks_retry_answer answer;
    struct aks_outcome outcome;
    struct aks_error own = *err;

    facts.target = options->target->settings->name;
    facts.operation = operation;
    facts.source = options->source->name;
    facts.failure = err->status;
    facts.transient = aks_status_transient(err->status);
    facts.retry_after_ms = -1;
    facts.attempt = transfer->restarts + 1;
    aks_outcome_failed(&outcome, err);
    if (aks_ask_retry(options->ask, &facts, &answer, &own) != AKS_OK) {
        aks_outcome_failed(&outcome, &own);
        answer.verdict = AKS_GIVE_UP;
    }
    /* Waiting for a source that changes is the same as reading it again. */
    outcome.verdict = answer.verdict == AKS_WAIT ? AKS_RESTART : answer.verdict;
    fail(transfer, &outcome);
}

/* Were the bytes that finish sent those of the digest? */
static bool
still_the_same(const struct aks_transfer *transfer, struct aks_error *err)
{
    return !transfer->options.target->class->reads_in_finish || transfer->digest.whole.bytes < 0 ||
        aks_snapshot_check(aks_pipeline_snapshot(transfer->pipeline), err) == AKS_OK;
}

static void
finish_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_transfer *transfer = ctx;
    struct aks_error err;

    if (transfer->state != TRANSFER_FINISHING)
        return;
    if (outcome->status != AKS_OK) {
        fail(transfer, outcome);
        return;
    }
    if (!still_the_same(transfer, &err)) {
        fail_asking(transfer, "snapshot", &err);
        return;
    }
    aks_outcome_ok(&transfer->outcome);
    end(transfer);
}

/* Every part is stored: is the source still what was read? Then the object may come into being. */
static void
finish(struct aks_transfer *transfer)
{
    const struct aks_snapshot *snapshot = aks_pipeline_snapshot(transfer->pipeline);
    const struct aks_pipeline_result *bytes = aks_pipeline_result(transfer->pipeline);
    struct aks_error err;

    if (aks_snapshot_check(snapshot, &err) != AKS_OK) {
        fail_asking(transfer, "snapshot", &err);
        return;
    }
    transfer->result.key = transfer->key;
    transfer->result.codec = transfer->compress.codec;
    transfer->result.bytes = *bytes;
    transfer->result.info = snapshot->info;
    transfer->result.info_racy = aks_snapshot_racy(snapshot);
    transfer->result.snapshot_writer = snapshot->writer;
    transfer->result.snapshot_method = snapshot->method;
    transfer->result.taken_at_ms = snapshot->taken_at_ms;
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
        fail(transfer, outcome);
    else
        pump(transfer);
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

static void
pump(struct aks_transfer *transfer)
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
        send(transfer, part);
    }
    state = aks_pipeline_state(transfer->pipeline, &err);
    if (state == AKS_PIPELINE_FAILED) {
        fail_asking(transfer, "read", &err);
        return;
    }
    if (state != AKS_PIPELINE_ENDED)
        return;
    tell_read(transfer);
    if (transfer->in_flight == 0)
        finish(transfer);
}

static void
pipeline_changed(void *ctx)
{
    pump(ctx);
}

static enum aks_status
open_object(struct aks_transfer *transfer, struct aks_error *err)
{
    const struct aks_transfer_options *options = &transfer->options;
    const struct aks_target_class *class = options->target->class;
    struct aks_pipeline_options pipeline = { 0 };
    struct aks_object_spec spec = { 0 };
    bool encoded = transfer->compress.codec != AKS_CODEC_NONE;
    int64_t bytes = transfer->snapshot.info.bytes;
    enum aks_status status;

    aks_mem_free(options->port->alloc, transfer->key);
    transfer->key = aks_mem_printf(options->port->alloc, "%s%s%s", options->folder,
        options->source->name, aks_codec_suffix(transfer->compress.codec));
    if (transfer->key == NULL)
        return aks_error_memory(err, "starting a transfer");
    spec.key = transfer->key;
    spec.content_type = aks_codec_content_type(transfer->compress.codec);
    spec.source = options->source->name;
    spec.bytes = encoded ? -1 : bytes;
    spec.part_bytes = aks_transfer_part_bytes(bytes, options->ask->policy->settings->part_bytes,
        encoded);
    transfer->result.part_bytes = spec.part_bytes;
    status = class->open(options->target, &spec, &transfer->object, err);
    if (status != AKS_OK)
        return status;
    pipeline.port = options->port;
    pipeline.loop = options->loop;
    pipeline.pool = options->pool;
    pipeline.codec = transfer->compress.codec;
    pipeline.level = transfer->compress.level;
    pipeline.part_bytes = spec.part_bytes;
    pipeline.check = class->part_check(options->target);
    pipeline.changed = pipeline_changed;
    pipeline.ctx = transfer;
    return aks_pipeline_new(&pipeline, &transfer->snapshot, &transfer->pipeline, err);
}

static void
start_sending(struct aks_transfer *transfer)
{
    struct aks_error err;

    transfer->state = TRANSFER_SENDING;
    if (open_object(transfer, &err) != AKS_OK)
        fail_asking(transfer, "open", &err);
}

/* An http target keeps what a codec makes in a file until it knows the length. Where there is no
 * room for that, the bytes go as they are. */
static bool
room_for_copy(const struct aks_transfer *transfer)
{
    const struct aks_files *files = &transfer->options.port->files;
    int64_t bytes;

    if (transfer->compress.codec == AKS_CODEC_NONE ||
        transfer->options.target->settings->kind != AKS_TARGET_HTTP)
        return true;
    return files->free_bytes(files->ctx, transfer->options.scratch_folder, &bytes,
        NULL) != AKS_OK || bytes >= transfer->snapshot.info.bytes + SCRATCH_MARGIN_BYTES;
}

/* The codec is known when the sample has been looked at, or where nobody asks. */
static void
choose_codec(struct aks_transfer *transfer, double ratio)
{
    const struct aks_transfer_options *options = &transfer->options;
    struct aks_compress_facts facts = { 0 };
    struct aks_outcome outcome;
    struct aks_error err;

    facts.source.name = options->source->name;
    facts.source.path = options->source->path;
    facts.source.kind = aks_source_kind_name(options->source->kind);
    facts.source.bytes = transfer->snapshot.info.bytes;
    facts.source.age_ms = transfer->snapshot.taken_at_ms -
        transfer->snapshot.info.mtime_ns / AKS_NS_PER_MS;
    facts.target = *options->target_facts;
    facts.sample_ratio = ratio;
    if (aks_ask_compress(options->ask, &facts, &transfer->compress, &err) != AKS_OK) {
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        fail(transfer, &outcome);
        return;
    }
    transfer->result.codec_reason = NULL;
    if (transfer->compress.codec == AKS_CODEC_NONE && ratio < AKS_SAMPLE_RATIO_MIN && ratio > 0)
        transfer->result.codec_reason = "a sample does not shrink";
    if (transfer->raw_only || !room_for_copy(transfer)) {
        transfer->compress.codec = AKS_CODEC_NONE;
        transfer->result.codec_reason = "no room for a compressed copy";
    }
    start_sending(transfer);
}

static void
take_sample(void *arg)
{
    struct aks_transfer *transfer = arg;

    aks_sample_take(transfer->sample, &transfer->snapshot, transfer->options.port->alloc);
}

static void
sample_taken(void *arg)
{
    struct aks_transfer *transfer = arg;
    struct aks_error err = transfer->sample->error;
    double ratio = aks_sample_ratio(transfer->sample);

    aks_mem_free(transfer->options.port->alloc, transfer->sample);
    transfer->sample = NULL;
    if (transfer->dropped)
        aks_transfer_free(transfer);
    else if (transfer->cancelled)
        abandon(transfer);
    else if (err.status != AKS_OK)
        fail_asking(transfer, "read", &err);
    else
        choose_codec(transfer, ratio);
}

static bool
wants_sample(const struct aks_transfer *transfer)
{
    const struct aks_policy *policy = transfer->options.ask->policy;

    if (transfer->raw_only || transfer->snapshot.info.bytes == 0)
        return false;
    if (policy->decide.compress != NULL)
        return true;
    return policy->settings->compress.codec != AKS_CODEC_NONE && !policy->settings->compress.always;
}

static void
begin(void *ctx)
{
    struct aks_transfer *transfer = ctx;
    const struct aks_transfer_options *options = &transfer->options;
    const struct aks_work *work = &options->port->work;
    struct aks_error err;

    if (aks_snapshot_take(options->port, options->source, &transfer->snapshot, &err) != AKS_OK) {
        struct aks_outcome outcome;

        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        transfer->state = TRANSFER_SAMPLING;
        fail(transfer, &outcome);
        return;
    }
    transfer->state = TRANSFER_SAMPLING;
    if (!wants_sample(transfer)) {
        /* Nothing shrinks nothing; else nobody will look at the ratio. */
        choose_codec(transfer, transfer->snapshot.info.bytes == 0 ? 1 : 0);
        return;
    }
    transfer->sample = aks_mem_new(options->port->alloc, sizeof(*transfer->sample));
    if (transfer->sample == NULL) {
        (void)aks_error_memory(&err, "looking at a sample");
        fail_asking(transfer, "read", &err);
        return;
    }
    if (work->submit(work->ctx, take_sample, sample_taken, transfer, &err) != AKS_OK) {
        aks_mem_free(options->port->alloc, transfer->sample);
        transfer->sample = NULL;
        fail_asking(transfer, "read", &err);
    }
}

static void
fire_abandon(void *ctx)
{
    abandon(ctx);
}

void
aks_transfer_cancel(struct aks_transfer *transfer)
{
    struct aks_error err;

    if (transfer->cancelled || transfer->state == TRANSFER_DONE)
        return;
    transfer->cancelled = true;
    (void)aks_error_set(&err, AKS_CANCELLED, "source %s: interrupted",
        transfer->options.source->path);
    aks_outcome_failed(&transfer->outcome, &err);
    transfer->outcome.verdict = AKS_GIVE_UP;
    /* A sample is with a worker: its completion goes on. */
    if (transfer->sample != NULL)
        return;
    aks_loop_clear(transfer->options.loop, &transfer->timer);
    if (transfer->state == TRANSFER_ABORTING) {
        /* It is on its way out; from now on with less time. */
        if (aks_loop_set(transfer->options.loop, &transfer->timer,
                AKS_TRANSFER_ABORT_INTERRUPTED_MS, abort_timed_out, transfer, NULL) != AKS_OK)
            aborted(transfer);
        return;
    }
    transfer->state = TRANSFER_ABORTING;
    /* Not from inside this call, where there is memory for a timer: done may free its caller. */
    if (aks_loop_set(transfer->options.loop, &transfer->timer, 0, fire_abandon, transfer,
            NULL) != AKS_OK)
        abandon(transfer);
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
    aks_mem_free(transfer->options.port->alloc, transfer->key);
    aks_mem_free(transfer->options.port->alloc, transfer);
}
