/* How a transfer begins: a view of the snapshot, a look at a sample, the codec, and the object. */
#include "base/check.h"
#include "base/units.h"
#include "engine/transfer_internal.h"

#include <string.h>

/* What must stay free beside a compressed copy: state database and queue write there too. */
#define SCRATCH_MARGIN_BYTES (4 * AKS_MIB)

static void
pipeline_changed(void *ctx)
{
    aks_transfer_pump(ctx);
}

/* Where the object lies: in the folder of its upload, or, of one that an earlier upload has begun,
 * in that one's. NULL without memory. */
static char *
key_of(const struct aks_transfer *transfer, bool encrypted)
{
    const struct aks_transfer_options *options = &transfer->options;
    const struct aks_journal_object *before = options->journal == NULL ? NULL
        : aks_journal_object(options->journal, options->source->path, options->role);
    char *key = aks_mem_printf(options->port->alloc, "%s%s%s%s", options->folder, transfer->name,
        aks_codec_suffix(transfer->compress.codec), encrypted ? AKS_ENCRYPTION_AGE_SUFFIX : "");
    const char *slash = key != NULL ? strrchr(key, '/') : NULL;
    const char *earlier = before != NULL && before->key != NULL ? strrchr(before->key, '/') : NULL;

    if (slash == NULL || earlier == NULL || strcmp(slash, earlier) != 0)
        return key;
    aks_mem_free(options->port->alloc, key);
    return aks_mem_strdup(options->port->alloc, before->key);
}

static enum aks_status
open_object(struct aks_transfer *transfer, struct aks_error *err)
{
    const struct aks_transfer_options *options = &transfer->options;
    const struct aks_target_class *class = options->target->class;
    struct aks_pipeline_options pipeline = { 0 };
    struct aks_object_spec spec = { 0 };
    bool encrypted = options->seal != NULL;
    bool encoded = encrypted || transfer->compress.codec != AKS_CODEC_NONE;
    int64_t bytes = transfer->view.info.bytes;
    enum aks_status status;

    aks_mem_free(options->port->alloc, transfer->key);
    transfer->key = key_of(transfer, encrypted);
    if (transfer->key == NULL)
        return aks_error_memory(err, "starting a transfer");
    spec.key = transfer->key;
    /* Of what is encrypted there is no type that anybody has registered. */
    spec.content_type = aks_codec_content_type(encrypted ? AKS_CODEC_NONE
        : transfer->compress.codec);
    spec.source = transfer->name;
    spec.bytes = encoded ? -1 : bytes;
    spec.part_bytes = aks_transfer_part_bytes(bytes, options->ask->policy->settings->part_bytes,
        encoded);
    transfer->result.part_bytes = spec.part_bytes;
    transfer->result.encryption = encrypted ? AKS_ENCRYPTION_AGE : AKS_ENCRYPTION_NONE;
    pipeline.check = class->part_check(options->target);
    status = aks_transfer_journal(transfer, &spec, &pipeline.check, err);
    if (status == AKS_OK)
        status = class->open(options->target, &spec, &transfer->object, err);
    if (status != AKS_OK)
        return status;
    pipeline.port = options->port;
    pipeline.loop = options->loop;
    pipeline.pool = options->pool;
    pipeline.codec = transfer->compress.codec;
    pipeline.level = transfer->compress.level;
    pipeline.seal = options->seal;
    pipeline.part_bytes = spec.part_bytes;
    pipeline.changed = pipeline_changed;
    pipeline.ctx = transfer;
    return aks_pipeline_new(&pipeline, &transfer->view, &transfer->pipeline, err);
}

static void
start_sending(struct aks_transfer *transfer)
{
    struct aks_error err;

    transfer->state = TRANSFER_SENDING;
    if (open_object(transfer, &err) != AKS_OK)
        aks_transfer_journal_failed(transfer, "open", &err);
}

/* An http target keeps what a codec makes in a file until it knows the length. Where there is no
 * room for that, the bytes go as they are; but what is encrypted never does. */
static bool
room_for_copy(const struct aks_transfer *transfer)
{
    const struct aks_files *files = &transfer->options.port->files;
    int64_t bytes;

    if (transfer->compress.codec == AKS_CODEC_NONE || transfer->options.seal != NULL ||
        transfer->options.target->settings->kind != AKS_TARGET_HTTP)
        return true;
    return files->free_bytes(files->ctx, transfer->options.scratch_folder, &bytes,
        NULL) != AKS_OK || bytes >= transfer->view.info.bytes + SCRATCH_MARGIN_BYTES;
}

/* What the policy's table says. */
static const struct aks_compress_settings *
settled_codec(const struct aks_transfer *transfer)
{
    const struct aks_transfer_options *options = &transfer->options;

    return options->compress != NULL ? options->compress
        : &options->ask->policy->settings->compress;
}

static void
leave_room(struct aks_transfer *transfer)
{
    if (!transfer->raw_only && room_for_copy(transfer))
        return;
    transfer->compress.codec = AKS_CODEC_NONE;
    transfer->result.codec_reason = "no room for a compressed copy";
}

/* The codec is known when the sample has been looked at, or where nobody asks. */
static void
choose_codec(struct aks_transfer *transfer, double ratio)
{
    const struct aks_transfer_options *options = &transfer->options;
    struct aks_compress_facts facts = { 0 };
    struct aks_outcome outcome;
    struct aks_error err;

    if (options->chosen != NULL) {
        transfer->compress = *options->chosen;
        transfer->result.codec_reason = options->codec_reason;
        leave_room(transfer);
        start_sending(transfer);
        return;
    }
    facts.source.name = transfer->name;
    facts.source.path = options->source->path;
    facts.source.kind = aks_source_kind_name(options->source->kind);
    facts.source.bytes = transfer->view.info.bytes;
    facts.source.age_ms = transfer->view.taken_at_ms -
        transfer->view.source_info.mtime_ns / AKS_NS_PER_MS;
    facts.target = *options->target_facts;
    facts.sample_ratio = ratio;
    if (aks_ask_compress(options->ask, &facts, settled_codec(transfer), &transfer->compress,
            &err) != AKS_OK) {
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        aks_transfer_fail(transfer, &outcome);
        return;
    }
    transfer->result.codec_reason = NULL;
    if (transfer->compress.codec == AKS_CODEC_NONE && ratio < AKS_SAMPLE_RATIO_MIN && ratio > 0)
        transfer->result.codec_reason = "a sample does not shrink";
    leave_room(transfer);
    start_sending(transfer);
}

static void
take_sample(void *arg)
{
    struct aks_transfer *transfer = arg;

    aks_sample_take(transfer->sample, &transfer->view, transfer->options.port->alloc);
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
        aks_transfer_abandon(transfer);
    else if (err.status != AKS_OK)
        aks_transfer_fail_asking(transfer, "read", &err);
    else
        choose_codec(transfer, ratio);
}

static bool
wants_sample(const struct aks_transfer *transfer)
{
    const struct aks_policy *policy = transfer->options.ask->policy;

    if (transfer->raw_only || transfer->view.info.bytes == 0 ||
        transfer->options.chosen != NULL)
        return false;
    if (policy->decide.compress != NULL)
        return true;
    return settled_codec(transfer)->codec != AKS_CODEC_NONE && !settled_codec(transfer)->always;
}

static void
refuse(struct aks_transfer *transfer, const struct aks_error *err)
{
    struct aks_outcome outcome;

    aks_outcome_failed(&outcome, err);
    outcome.verdict = AKS_GIVE_UP;
    transfer->state = TRANSFER_SAMPLING;
    aks_transfer_fail(transfer, &outcome);
}

void
aks_transfer_begin(void *ctx)
{
    struct aks_transfer *transfer = ctx;
    const struct aks_transfer_options *options = &transfer->options;
    const struct aks_work *work = &options->port->work;
    struct aks_error err;

    if (aks_snapshot_open_view(options->port, options->snapshot, options->role, &transfer->view,
            &err) != AKS_OK) {
        transfer->state = TRANSFER_SAMPLING;
        if (err.status == AKS_SOURCE_CHANGED)
            aks_transfer_fail_asking(transfer, "snapshot", &err);
        else
            refuse(transfer, &err);
        return;
    }
    transfer->state = TRANSFER_SAMPLING;
    if (!wants_sample(transfer)) {
        /* Nothing shrinks nothing; else nobody will look at the ratio. */
        choose_codec(transfer, transfer->view.info.bytes == 0 ? 1 : 0);
        return;
    }
    transfer->sample = aks_mem_new(options->port->alloc, sizeof(*transfer->sample));
    if (transfer->sample == NULL) {
        (void)aks_error_memory(&err, "looking at a sample");
        aks_transfer_fail_asking(transfer, "read", &err);
        return;
    }
    if (work->submit(work->ctx, take_sample, sample_taken, transfer, &err) != AKS_OK) {
        aks_mem_free(options->port->alloc, transfer->sample);
        transfer->sample = NULL;
        aks_transfer_fail_asking(transfer, "read", &err);
    }
}
