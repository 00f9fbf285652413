/* Does a target hold a source's bytes already? As run_compare and run_confirm, one after the other,
 * but nothing else waits meanwhile. */
#include "base/check.h"
#include "engine/target_key.h"
#include "engine/task_internal.h"
#include "wire/manifest.h"

#include <stdio.h>
#include <string.h>

static void
failed(struct aks_task_request *request, const struct aks_error *err)
{
    struct aks_item *item = &request->task->run->items[request->source];

    if (item->state == AKS_ITEM_PENDING && err->status != AKS_CANCELLED)
        item->error = *err;
    aks_task_done_failed(request, err);
}

/* The target has it: then it is not owed. */
static void
keep(struct aks_task *task, struct aks_item *item, struct aks_copy *copy, struct aks_stored *row)
{
    bool stored = copy->state == AKS_COPY_STORED;

    aks_item_learn(item, row);
    if (!stored || !aks_item_row_holds(item, &copy->row)) {
        aks_stored_fini(task->alloc, &copy->row);
        copy->row = *row;
        memset(row, 0, sizeof(*row));
        copy->state = AKS_COPY_UNCHANGED;
    }
    if (item->state == AKS_ITEM_STORED)
        return;
    item->state = AKS_ITEM_UNCHANGED;
    aks_error_clear(&item->error);
}

static void
settle(struct aks_task_request *request, bool held)
{
    struct aks_task *task = request->task;
    struct aks_item *item = &task->run->items[request->source];
    struct aks_stored *row = request->reading->row;

    request->held = held;
    if (held) {
        memcpy(request->sha256, row->sha256, sizeof(row->sha256));
        request->bytes = row->bytes;
    }
    if (held)
        keep(task, item, aks_task_copy(item, request->target), row);
    aks_task_note(task, "held", request->target, item, held ? "yes" : "no");
    aks_task_done_ok(request);
}

/* Old beliefs are checked against the target's manifests before anything is left out because of
 * them. */
static void
confirm_if_old(struct aks_task_request *request)
{
    const struct aks_run *run = request->task->run;
    const struct aks_clock *clock = &run->engine->port->clock;
    int64_t age_ms = clock->wall_ms(clock->ctx) - request->reading->row->checked_at_ms;

    /* Below 0 where the clock was wrong once: then nobody knows how old it is. */
    if (run->options->dry_run || (age_ms >= 0 && age_ms < AKS_RUN_BELIEF_MS))
        settle(request, true);
    else
        aks_task_place_enter(request);
}

static enum aks_status
remember(const struct place *place, struct aks_stored *row, bool holds, struct aks_error *err)
{
    const struct aks_run *run = place->task->run;
    const struct aks_clock *clock = &run->engine->port->clock;
    const char *identity = run->targets[place->upload.index].identity;

    if (!holds) {
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s does not hold %s any more, which it "
            "once did", place->upload.settings->name, row->name);
        return aks_state_stored_forget(run->engine->state, identity, row->source, err);
    }
    row->checked_at_ms = clock->wall_ms(clock->ctx);
    return aks_state_stored_put(run->engine->state, identity, row, 1, err);
}

static void
manifest_got(void *ctx, const struct aks_outcome *outcome)
{
    struct place *place = ctx;
    struct aks_task_request *request = place->now;
    struct aks_error err = outcome->error;
    enum aks_status status = outcome->status;
    struct aks_stored *row;
    bool holds = false;

    if (request == NULL)
        return;     /* the task is over */
    row = request->reading->row;
    if (status == AKS_OK)
        holds = aks_run_confirm_names(place->task->alloc, &place->text, row);
    aks_buf_fini(&place->text);
    if (status == AKS_OK || status == AKS_NOT_FOUND)
        status = remember(place, row, holds, &err);
    else
        aks_run_health_heard(place->task->run, place->upload.index, outcome);
    place->now = NULL;
    if (status == AKS_OK)
        settle(request, holds);
    else
        aks_task_done_failed(request, &err);
    aks_task_place_leave(place);
}

void
aks_task_confirm(struct place *place)
{
    const struct aks_stored *row = place->now->reading->row;

    (void)aks_target_key_upload(place->upload.settings, place->task->run->system_id,
        row->upload_id, AKS_MANIFEST_NAME, place->key, sizeof(place->key));
    aks_buf_init(&place->text, place->task->alloc, AKS_MANIFEST_BYTES_MAX);
    place->upload.class->get(place->upload.target, place->key, &place->text, manifest_got, place);
}

/* The digests are known. Same bytes under new stamps: the next run need not read them again. */
static void
compare_digests(struct aks_task_request *request)
{
    struct aks_task *task = request->task;
    const struct aks_run *run = task->run;
    struct aks_stored *row = request->reading->row;
    const struct aks_task_snapshot *taken = &request->content.snapshot;
    const struct aks_snapshot *files;
    struct aks_error err;

    if (strcmp(request->sha256, row->sha256) != 0 || strcmp(taken->wal_sha256,
            row->wal.sha256) != 0) {
        settle(request, false);
        return;
    }
    files = aks_task_taken_use(task, taken, &err);
    if (files == NULL) {
        failed(request, &err);
        return;
    }
    row->info = files->sources[AKS_SNAPSHOT_MAIN].info;
    row->info_racy = files->racy;
    row->wal_there = files->sources[AKS_SNAPSHOT_WAL].there;
    row->wal_info = files->sources[AKS_SNAPSHOT_WAL].info;
    aks_task_taken_let(task, taken);
    if (!run->options->dry_run && aks_state_stored_put(run->engine->state,
        run->targets[request->target].identity, row, 1, &err) != AKS_OK)
        aks_task_done_failed(request, &err);
    else
        confirm_if_old(request);
}

static void
digest_known(struct aks_task_request *request, const struct aks_outcome *outcome)
{
    if (outcome->status == AKS_OK)
        compare_digests(request);
    else
        failed(request, &outcome->error);
}

/* What is read in place is digested first; a log that is read so is as good as another one. */
static void
snapshot_taken(struct aks_task_request *request, const struct aks_error *err)
{
    const struct aks_task_snapshot *taken = &request->content.snapshot;
    const struct aks_snapshot *files;
    struct aks_view view;
    struct aks_error own;

    if (err != NULL) {
        failed(request, err);
        return;
    }
    files = aks_task_taken_use(request->task, taken, &own);
    if (files == NULL) {
        failed(request, &own);
        return;
    }
    memcpy(request->sha256, files->files[AKS_SNAPSHOT_MAIN].sha256, sizeof(request->sha256));
    aks_task_taken_let(request->task, taken);
    if (request->sha256[0] != '\0')
        compare_digests(request);
    else if (aks_task_taken_view(request->task, taken, AKS_SNAPSHOT_MAIN, &view, &own) != AKS_OK ||
        aks_task_read(request, &view, digest_known, &own) == NULL)
        failed(request, &own);
}

/* By what stat tells, or by the digest where that proves nothing. */
static void
compare(struct aks_task_request *request)
{
    struct aks_run *run = request->task->run;
    const struct aks_stored *row = request->reading->row;
    struct aks_snapshot seen;
    struct aks_error err;
    bool same_stamps;
    bool same_sizes;

    if (aks_run_snapshot_look(run, &run->items[request->source], &seen, &err) != AKS_OK) {
        failed(request, &err);
        return;
    }
    same_stamps = aks_run_compare_stamps(row, &seen);
    same_sizes = aks_run_compare_sizes(row, &seen);
    aks_snapshot_fini(&seen);
    if (same_stamps)
        confirm_if_old(request);
    else if (!same_sizes)
        settle(request, false);
    else
        aks_task_taken_take(request, snapshot_taken);
}

void
aks_task_held(struct aks_task_request *request)
{
    struct aks_task *task = request->task;
    struct aks_run *run = task->run;
    struct reading *reading = aks_mem_new(task->alloc, sizeof(*reading));
    struct aks_error err;
    enum aks_status status;

    request->reading = reading;
    if (reading != NULL) {
        reading->task = task;
        reading->row = aks_mem_new(task->alloc, sizeof(*reading->row));
    }
    if (aks_task_copy(&run->items[request->source], request->target) == NULL) {
        aks_task_done_failed(request, &run->items[request->source].error);
        return;
    }
    if (reading == NULL || reading->row == NULL) {
        (void)aks_error_memory(&err, "looking what a target holds");
        aks_task_done_failed(request, &err);
        return;
    }
    status = aks_state_stored_get(run->engine->state, run->targets[request->target].identity,
        run->items[request->source].source.path, reading->row, &err);
    if (status == AKS_OK) {
        compare(request);
        return;
    }
    memset(reading->row, 0, sizeof(*reading->row));
    if (status == AKS_NOT_FOUND)
        settle(request, false);
    else
        aks_task_done_failed(request, &err);
}
