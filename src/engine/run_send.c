/* The objects of an upload: copy by copy, as far as memory allows side by side. Of each the
 * snapshot is taken first, then the main file is begun, then its log. */
#include "base/check.h"
#include "engine/run_upload_internal.h"

/* Failures that say something of one source only; all others condemn the target. */
static bool
concerns_source(enum aks_status status)
{
    return status == AKS_SOURCE_MISSING || status == AKS_SOURCE_BUSY ||
        status == AKS_SOURCE_CHANGED || status == AKS_SOURCE_UNREADABLE ||
        status == AKS_TOO_LARGE || status == AKS_CONFLICT;
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
    if (upload->taking != NULL)
        aks_run_snapshot_stop(upload->taking);
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

/* --- one copy --------------------------------------------------------------------------------- */

static void
fail_copy(struct upload *upload, struct aks_copy *copy, const struct aks_error *err)
{
    if (copy->error.status == AKS_OK && !copy->again)
        copy->error = *err;
    if (upload->now == copy)
        upload->now = NULL;
    /* One of its objects is of no use without the other. */
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (upload->slots[i].transfer != NULL && upload->slots[i].copy == copy)
            aks_transfer_give_up(upload->slots[i].transfer);
    }
}

/* The source has changed while it was read: it is read once more, from a snapshot of its own,
 * unless that was tried often enough. */
static bool
begins_anew(const struct upload *upload, const struct aks_copy *copy,
    const struct aks_outcome *outcome)
{
    return outcome->status == AKS_SOURCE_CHANGED && outcome->verdict == AKS_RESTART &&
        !upload->condemned && copy->error.status == AKS_OK &&
        copy->item->retaken < AKS_TRANSFER_RESTARTS_MAX;
}

/* Of two files that are read in place, neither may have changed while the other was read. */
static bool
of_one_moment(const struct upload *upload, const struct aks_copy *copy)
{
    const struct aks_snapshot *snapshot = copy->item->snapshot;

    return !snapshot->in_place || !snapshot->files[AKS_SNAPSHOT_WAL].there ||
        aks_snapshot_still(upload->run->engine->port, snapshot);
}

/* Nothing of it is under way any more: it is stored, or has failed, or begins anew. */
static void
settle_copy(struct upload *upload, struct aks_copy *copy)
{
    struct aks_run *run = upload->run;

    if (upload->now == copy || copy->under_way > 0 || copy->state == AKS_COPY_STORED)
        return;
    if (copy->error.status != AKS_OK && copy->error.status != AKS_SOURCE_CHANGED)
        return;
    if (copy->error.status == AKS_OK && !copy->again && !of_one_moment(upload, copy)) {
        copy->again = copy->item->retaken < AKS_TRANSFER_RESTARTS_MAX;
        if (!copy->again)
            (void)aks_error_set(&copy->error, AKS_SOURCE_CHANGED,
                "source %s: changed while it was read", copy->item->source.path);
    }
    if (copy->again || copy->error.status != AKS_OK) {
        aks_run_snapshot_outrun(run, copy->item);
        return;
    }
    aks_run_object_end(upload, copy);
    aks_item_learn(copy->item, &copy->row);
    run->progress.files_done++;
    run->progress.bytes_done += copy->row.bytes + copy->row.wal.bytes;
}

static void
transfer_ok(struct slot *slot)
{
    struct upload *upload = slot->upload;
    struct aks_copy *copy = slot->copy;
    const struct aks_transfer_result *result = aks_transfer_result(slot->transfer);
    struct aks_error err;

    upload->run->sent_bytes += result->bytes.stored_bytes - result->kept_bytes;
    if (aks_run_object_add(upload, copy, copy->item->snapshot, slot->role, result, &err) != AKS_OK)
        fail_copy(upload, copy, &err);
}

static void
transfer_done(void *ctx)
{
    struct slot *slot = ctx;
    struct upload *upload = slot->upload;
    struct aks_copy *copy = slot->copy;
    struct aks_transfer *transfer = slot->transfer;
    const struct aks_outcome *outcome = aks_transfer_outcome(transfer);

    if (outcome->status == AKS_OK) {
        transfer_ok(slot);
    } else {
        copy->again = copy->again || begins_anew(upload, copy, outcome);
        /* What was given up for its other half says nothing new. */
        if (!copy->again && copy->error.status == AKS_OK)
            copy->item->gave_up = outcome->verdict == AKS_GIVE_UP &&
                outcome->status != AKS_CANCELLED;
        fail_copy(upload, copy, &outcome->error);
        if (aks_transfer_differs(transfer)) {
            upload->differs = true;
            condemn(upload, outcome);
        } else if (!concerns_source(outcome->status) && outcome->status != AKS_CANCELLED)
            condemn(upload, outcome);
    }
    aks_transfer_free(transfer);
    slot->transfer = NULL;
    upload->transfers[slot - upload->slots] = NULL;
    upload->under_way--;
    copy->under_way--;
    settle_copy(upload, copy);
    start_transfers(upload);
}

static void
start_transfer(struct upload *upload, struct slot *slot, struct aks_copy *copy,
    enum aks_snapshot_role role)
{
    struct aks_transfer_options options = { 0 };
    struct aks_run *run = upload->run;
    const struct aks_item *item = copy->item;
    struct aks_error err;

    slot->upload = upload;
    slot->copy = copy;
    slot->role = role;
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.pool = &run->pool;
    options.target = upload->target;
    options.target_facts = &upload->facts;
    options.source = &item->source;
    options.snapshot = item->snapshot;
    options.role = role;
    options.retaken = item->retaken;
    if (item->settings != NULL && item->settings->compress_given)
        options.compress = &item->settings->compress;
    options.journal = upload->journalled ? &upload->journal : NULL;
    options.seal = aks_seal_of(&run->seal);
    options.folder = upload->folder;
    options.scratch_folder = run->engine->scratch_folder;
    options.read = transfer_read;
    options.left = transfer_left;
    options.done = transfer_done;
    options.ctx = slot;
    if (aks_transfer_new(&options, &slot->transfer, &err) != AKS_OK) {
        fail_copy(upload, copy, &err);
        return;
    }
    upload->transfers[slot - upload->slots] = slot->transfer;
    upload->under_way++;
    copy->under_way++;
    upload->reading = true;
    run->progress.source = item->source.name;
}

/* --- which comes next ------------------------------------------------------------------------- */

static void
snapshot_taken(void *ctx, const struct aks_error *err)
{
    struct upload *upload = ctx;
    struct aks_copy *copy = upload->now;

    upload->taking = NULL;
    upload->reading = false;
    upload->under_way--;
    if (err != NULL) {
        upload->now = NULL;
        aks_run_walk_refused(copy, err);
    }
    start_transfers(upload);
}

/* What is read in place is of use as long as nobody has written to it since, which nobody has to be
 * told. */
static bool
is_stale(const struct upload *upload, const struct aks_copy *copy)
{
    const struct aks_snapshot *snapshot = copy->item->snapshot;

    return upload->role == AKS_SNAPSHOT_MAIN && snapshot->in_place && !upload->fresh &&
        !aks_snapshot_still(upload->run->engine->port, snapshot);
}

static void
take_snapshot(struct upload *upload, struct aks_copy *copy)
{
    struct aks_error err;

    aks_run_snapshot_drop(upload->run, copy->item);
    upload->fresh = true;
    if (aks_run_snapshot_begin(upload->run, copy->item, &copy->row, snapshot_taken, upload,
            &upload->taking, &err) != AKS_OK) {
        upload->now = NULL;
        aks_run_walk_refused(copy, &err);
        return;
    }
    upload->under_way++;
    upload->reading = true;
    upload->run->progress.source = copy->item->source.name;
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

/* The copy whose objects are begun next, as upload->now; false: none now. */
static bool
choose_copy(struct upload *upload)
{
    if (upload->now != NULL)
        return true;
    upload->role = AKS_SNAPSHOT_MAIN;
    upload->fresh = false;
    for (size_t i = 0; i < upload->next; i++) {
        if (upload->copies[i]->again && upload->copies[i]->under_way == 0) {
            upload->now = upload->copies[i];
            upload->now->again = false;
            return true;
        }
    }
    if (!within_budget(upload) || upload->next == upload->count)
        return false;
    upload->now = upload->copies[upload->next++];
    return true;
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

/* The next step of upload->now. */
static void
begin_object(struct upload *upload, struct slot *slot)
{
    struct aks_copy *copy = upload->now;
    const struct aks_snapshot *snapshot = copy->item->snapshot;
    enum aks_snapshot_role role = upload->role;
    struct aks_error err;

    if (snapshot == NULL || is_stale(upload, copy)) {
        take_snapshot(upload, copy);
        return;
    }
    if (role == AKS_SNAPSHOT_MAIN) {
        if (aks_run_object_begin(upload, copy, snapshot, &err) != AKS_OK) {
            fail_copy(upload, copy, &err);
            return;
        }
        upload->run->progress.bytes_total += snapshot->files[AKS_SNAPSHOT_WAL].bytes;
    }
    if (aks_run_object_wanted(copy, snapshot, role))
        start_transfer(upload, slot, copy, role);
    if (upload->now == NULL)
        return;
    if (role == AKS_SNAPSHOT_MAIN) {
        upload->role = AKS_SNAPSHOT_WAL;
        return;
    }
    upload->now = NULL;
    settle_copy(upload, copy);
}

static bool
is_over(const struct upload *upload)
{
    if (upload->under_way > 0)
        return false;
    if (upload->condemned)
        return true;
    for (size_t i = 0; i < upload->next; i++) {
        if (upload->copies[i]->again)
            return false;
    }
    return upload->next == upload->count && upload->now == NULL;
}

/* As many as can be begun now; one that cannot be for want of memory leaves its slot to the next.
 */
static void
start_transfers(struct upload *upload)
{
    while (!upload->condemned && !upload->reading && choose_copy(upload)) {
        struct slot *slot = free_slot(upload);

        if (slot == NULL)
            break;
        begin_object(upload, slot);
    }
    if (is_over(upload))
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
    if (upload->taking != NULL)
        aks_run_snapshot_leave(upload->taking);
    upload->taking = NULL;
    upload->under_way = 0;
}

enum aks_status
aks_run_send(struct upload *upload)
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
    for (size_t i = 0; i < upload->count; i++) {
        upload->copies[i]->under_way = 0;
        upload->copies[i]->again = false;
    }
    run->transfers = NULL;
    run->transfer_count = 0;
    run->progress.source = NULL;
    return upload->outcome.status;
}
