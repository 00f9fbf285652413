/* An upload: one run's sources to one target under one upload id. It exists for readers once its
 * manifest is written, after everything else. */
#include "base/encode.h"
#include "engine/run_upload_internal.h"

#include <stdio.h>
#include <string.h>

void
aks_run_upload_called(void *ctx, const struct aks_outcome *outcome)
{
    struct call *call = ctx;

    call->outcome = *outcome;
    call->done = true;
}

enum aks_status
aks_run_upload_wait(struct upload *upload, struct call *call)
{
    struct aks_error err;

    if (aks_run_drive(upload->run, &call->done, &err) != AKS_OK) {
        aks_outcome_failed(&upload->outcome, &err);
        upload->outcome.verdict = AKS_GIVE_UP;
    } else {
        upload->outcome = call->outcome;
    }
    return upload->outcome.status;
}

enum aks_status
aks_run_upload_failed(struct upload *upload, const struct aks_error *err,
    enum aks_verdict verdict)
{
    aks_outcome_failed(&upload->outcome, err);
    upload->outcome.verdict = verdict;
    return err->status;
}

/* Failures that say something of one source only; all others condemn the target. */
static bool
concerns_source(enum aks_status status)
{
    return status == AKS_SOURCE_MISSING || status == AKS_SOURCE_BUSY ||
        status == AKS_SOURCE_CHANGED || status == AKS_SOURCE_UNREADABLE ||
        status == AKS_TOO_LARGE || status == AKS_CONFLICT;
}

enum aks_status
aks_run_upload_row(struct upload *upload, struct aks_copy *copy,
    const struct aks_transfer_result *result, struct aks_error *err)
{
    const struct aks_port *port = upload->run->engine->port;
    struct aks_item *item = copy->item;
    struct aks_stored *row = &copy->row;

    aks_stored_fini(port->alloc, row);
    memset(row, 0, sizeof(*row));
    row->source = aks_mem_strdup(port->alloc, item->source.path);
    row->name = aks_mem_strdup(port->alloc, item->source.name);
    row->kind = aks_mem_strdup(port->alloc, aks_source_kind_name(item->source.kind));
    row->key = aks_mem_strdup(port->alloc, result->key);
    row->upload_id = aks_mem_strdup(port->alloc, upload->upload_id);
    row->codec = aks_mem_strdup(port->alloc, aks_codec_name(result->codec));
    if (row->source == NULL || row->name == NULL || row->kind == NULL || row->key == NULL ||
        row->upload_id == NULL || row->codec == NULL)
        return aks_error_memory(err, "recording an upload");
    row->bytes = result->bytes.plain_bytes;
    aks_hex_encode(result->bytes.plain_sha256, AKS_SHA256_BYTES, row->sha256);
    row->stored_bytes = result->bytes.stored_bytes;
    aks_hex_encode(result->bytes.stored_sha256, AKS_SHA256_BYTES, row->stored_sha256);
    row->part_bytes = result->part_bytes;
    row->parts = result->bytes.parts;
    row->taken_at_ms = result->taken_at_ms;
    row->stored_at_ms = port->clock.wall_ms(port->clock.ctx);
    row->checked_at_ms = row->stored_at_ms;
    row->info = result->info;
    row->info_racy = result->info_racy;
    copy->codec_reason = result->codec_reason;
    memcpy(item->sha256, row->sha256, sizeof(item->sha256));
    item->info = row->info;
    item->info_racy = row->info_racy;
    return AKS_OK;
}

static void start_transfers(struct upload *upload);

static void
transfer_read(void *ctx)
{
    struct slot *slot = ctx;

    slot->upload->reading = false;
    start_transfers(slot->upload);
}

/* Readers never see it, but it takes room there until somebody removes it. */
static void
transfer_left(void *ctx, const struct aks_error *left)
{
    struct slot *slot = ctx;
    struct aks_error err;

    aks_log_write(slot->upload->run->engine->log, AKS_LOG_WARNING, "%s", left->message);
    if (aks_run_commit_audit(slot->upload, "upload_left", left, &err) != AKS_OK)
        aks_log_write(slot->upload->run->engine->log, AKS_LOG_WARNING, "%s", err.message);
}

static void
cancel_all(struct upload *upload)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (upload->slots[i].transfer != NULL)
            aks_transfer_cancel(upload->slots[i].transfer);
    }
}

static void
condemn(struct upload *upload, const struct aks_outcome *outcome)
{
    if (upload->condemned)
        return;
    upload->condemned = true;
    upload->outcome = *outcome;
    cancel_all(upload);
}

static void
transfer_done(void *ctx)
{
    struct slot *slot = ctx;
    struct upload *upload = slot->upload;
    struct aks_copy *copy = slot->copy;
    const struct aks_outcome *outcome = aks_transfer_outcome(slot->transfer);
    struct aks_error err;

    if (outcome->status == AKS_OK) {
        const struct aks_transfer_result *result = aks_transfer_result(slot->transfer);

        upload->run->sent_bytes += result->bytes.stored_bytes;
        if (aks_run_upload_row(upload, copy, result, &err) == AKS_OK) {
            copy->state = AKS_COPY_STORED;
            upload->run->progress.files_done++;
            upload->run->progress.bytes_done += result->bytes.plain_bytes;
        } else {
            copy->error = err;
        }
    } else {
        copy->error = outcome->error;
        copy->item->gave_up = outcome->verdict == AKS_GIVE_UP && outcome->status != AKS_CANCELLED;
        if (!concerns_source(outcome->status) && outcome->status != AKS_CANCELLED)
            condemn(upload, outcome);
    }
    aks_transfer_free(slot->transfer);
    slot->transfer = NULL;
    upload->transfers[slot - upload->slots] = NULL;
    upload->under_way--;
    start_transfers(upload);
}

static void
start_transfer(struct upload *upload, struct slot *slot, struct aks_copy *copy)
{
    struct aks_transfer_options options = { 0 };
    struct aks_run *run = upload->run;
    struct aks_error err;

    slot->upload = upload;
    slot->copy = copy;
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.pool = &run->pool;
    options.target = upload->target;
    options.target_facts = &upload->facts;
    options.source = &copy->item->source;
    if (copy->item->settings != NULL && copy->item->settings->compress_given)
        options.compress = &copy->item->settings->compress;
    options.folder = upload->folder;
    options.scratch_folder = run->engine->scratch_folder;
    options.read = transfer_read;
    options.left = transfer_left;
    options.done = transfer_done;
    options.ctx = slot;
    if (aks_transfer_new(&options, &slot->transfer, &err) != AKS_OK) {
        copy->error = err;
        return;
    }
    upload->transfers[slot - upload->slots] = slot->transfer;
    upload->under_way++;
    upload->reading = true;
    run->progress.source = copy->item->source.name;
}

/* May the next source be begun? Under a budget they go one by one, so that it is overdrawn by one
 * source at most; and when it is used up, those that are left have to wait. */
static bool
within_budget(struct upload *upload)
{
    struct aks_error err;

    if (upload->run->targets[upload->index].link.meter == NULL || upload->next == 0 ||
        upload->next == upload->count)
        return true;
    if (upload->under_way > 0)
        return false;
    if (!aks_run_budget_ends(upload->run, upload->index, &err))
        return true;
    while (upload->next < upload->count)
        upload->copies[upload->next++]->error = err;
    return false;
}

static struct slot *
free_slot(struct upload *upload)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (upload->slots[i].transfer == NULL)
            return &upload->slots[i];
    }
    return NULL;
}

/* As many as can be begun now; one that cannot be for want of memory leaves its slot to the next.
 */
static void
start_transfers(struct upload *upload)
{
    while (!upload->condemned && within_budget(upload) && !upload->reading &&
        upload->next < upload->count) {
        struct slot *slot = free_slot(upload);

        if (slot == NULL)
            break;
        start_transfer(upload, slot, upload->copies[upload->next++]);
    }
    if (upload->under_way == 0 && (upload->next == upload->count || upload->condemned))
        upload->done = true;
}

/* The loop cannot be turned: nobody will ever be told that these are done. */
static void
drop_all(struct upload *upload)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        aks_transfer_free(upload->slots[i].transfer);
        upload->slots[i].transfer = NULL;
        upload->transfers[i] = NULL;
    }
    upload->under_way = 0;
}

/* All items, side by side as far as memory allows. */
static enum aks_status
send_items(struct upload *upload)
{
    struct aks_run *run = upload->run;
    struct aks_error err;
    enum aks_status status;

    aks_outcome_ok(&upload->outcome);
    run->transfers = upload->transfers;
    run->transfer_count = TRANSFERS_MAX;
    start_transfers(upload);
    status = aks_run_drive(run, &upload->done, &err);
    if (status != AKS_OK) {
        struct aks_outcome outcome;

        /* The run ends: every transfer cleans up within its limit, which is waited for here. */
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        condemn(upload, &outcome);
        start_transfers(upload);
        while (!upload->done) {
            if (aks_loop_turn(&run->engine->loop, &err) != AKS_OK)
                break;
        }
        drop_all(upload);
        upload->outcome = outcome;
    }
    run->transfers = NULL;
    run->transfer_count = 0;
    run->progress.source = NULL;
    return upload->outcome.status;
}

static size_t
stored_count(const struct upload *upload)
{
    size_t count = 0;

    for (size_t i = 0; i < upload->count; i++)
        count += upload->copies[i]->state == AKS_COPY_STORED;
    return count;
}

enum aks_status
aks_run_upload_target(struct upload *upload, struct aks_error *err)
{
    struct aks_target_options options = { 0 };
    struct aks_run *run = upload->run;
    enum aks_status status;

    upload->settings = &run->settings->targets[upload->index];
    upload->class = aks_target_class_of(upload->settings->kind);
    aks_run_target_facts(run, upload->index, &upload->facts);
    (void)snprintf(upload->folder, sizeof(upload->folder), "systems/%s/%s/", run->system_id,
        upload->upload_id);
    status = aks_run_throttle_begin(run, err);
    if (status != AKS_OK)
        return status;
    status = aks_run_budget_begin(run, upload->index, err);
    if (status != AKS_OK)
        return status;
    aks_link_begin(&run->targets[upload->index].link, aks_run_throttle_gate(run));
    options.port = &run->targets[upload->index].link.port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.state = run->engine->state;
    options.settings = upload->settings;
    options.system_id = run->system_id;
    options.upload_id = upload->upload_id;
    options.scratch_folder = run->engine->scratch_folder;
    options.probe_ms = run->settings->probe_ms;
    options.lingering = &run->pool.lingering;
    return upload->class->create(&options, &upload->target, err);
}

static enum aks_status
available(struct upload *upload)
{
    struct call call = { 0 };

    upload->class->available(upload->target, aks_run_upload_called, &call);
    return aks_run_upload_wait(upload, &call);
}

enum aks_status
aks_run_upload(struct aks_run *run, size_t index, struct aks_copy **copies, size_t count,
    struct aks_outcome *outcome)
{
    struct upload upload = { 0 };
    struct aks_error err;
    enum aks_status status;

    upload.run = run;
    upload.index = index;
    upload.copies = copies;
    upload.count = count;
    (void)snprintf(upload.upload_id, sizeof(upload.upload_id), "%s", run->upload_id);
    run->progress.target = run->settings->targets[index].name;
    run->targets[index].used = true;

    status = aks_run_upload_target(&upload, &err);
    if (status != AKS_OK)
        (void)aks_run_upload_failed(&upload, &err, AKS_NEXT_TARGET);
    if (status == AKS_OK)
        status = available(&upload);
    if (status == AKS_OK)
        status = send_items(&upload);
    if (status == AKS_OK && stored_count(&upload) > 0)
        status = aks_run_commit(&upload);
    if (status != AKS_OK) {
        struct aks_error ignored;

        for (size_t i = 0; i < count; i++)
            copies[i]->state = AKS_COPY_OPEN;
        /* A log that cannot be written must not hide why the upload failed. */
        (void)aks_run_commit_audit(&upload, "upload_failure", &upload.outcome.error, &ignored);
    }
    if (upload.target != NULL)
        upload.class->free(upload.target);
    aks_run_health_measured(run, index, aks_link_rate(&run->targets[index].link));
    (void)aks_run_commit_end(&upload);
    run->progress.target = NULL;
    *outcome = upload.outcome;
    return status;
}
