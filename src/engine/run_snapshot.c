/* The snapshot of an item: taken once in a run, before anything of it is compared by its digest or
 * sent, on a worker, and removed when nothing is owed of it any more. */
#include "base/check.h"
#include "base/units.h"
#include "engine/run.h"
#include "engine/state_snapshots.h"

#include <stdatomic.h>
#include <string.h>

/* How long a busy source is waited for before anybody is asked what to do about it. */
#define FIRST_WAIT_MS 200

struct aks_taking {
    struct aks_run *run;
    struct aks_item *item;
    const struct aks_stored *row;       /* what a target has of it, or NULL */
    struct aks_snapshot_options options;
    char id[32];
    bool recorded;                      /* it was taken for an upload that is gone on with */
    struct aks_snapshot *snapshot;      /* its owner's once it is taken */
    struct aks_error error;
    int64_t waited_ms;
    bool asked;                         /* the policy was, */
    enum aks_busy busy;                 /* and this is what it wants if waiting is of no use */
    atomic_bool stop;
    bool left;                          /* nobody waits any more */
    void (*done)(void *ctx, const struct aks_error *err);
    void *ctx;
};

static bool
stopped(void *ctx)
{
    struct aks_taking *taking = ctx;

    return atomic_load(&taking->stop) || atomic_load(&taking->run->engine->interrupted) != 0;
}

/* Nothing of ${snapshot} is left. What cannot be removed now stays known, and is tried again when
 * the next run begins. */
static void
discard(struct aks_run *run, struct aks_snapshot *snapshot)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_error err;

    if (snapshot->folder != NULL &&
        (aks_snapshot_remove(run->engine->port, snapshot, &err) != AKS_OK ||
            aks_state_snapshot_forget(run->engine->state, snapshot->id, &err) != AKS_OK))
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "a snapshot could not be removed: %s",
            err.message);
    aks_snapshot_fini(snapshot);
    aks_mem_free(alloc, snapshot);
}

/* What is read in place makes no folder, and nothing has to be known of it. */
static bool
makes_folder(const struct aks_taking *taking)
{
    return taking->item->source.kind != AKS_SOURCE_FILE || taking->options.copy;
}

/* What has become of the folder that was planned. */
static enum aks_status
note_taken(const struct aks_taking *taking, struct aks_error *err)
{
    const struct aks_run *run = taking->run;

    if (!makes_folder(taking))
        return AKS_OK;
    if (taking->snapshot->in_place)
        return aks_state_snapshot_forget(run->engine->state, taking->snapshot->id, err);
    return aks_state_snapshot_put(run->engine->state, run->job_id, taking->snapshot, err);
}

static void
end(struct aks_taking *taking)
{
    struct aks_error err = taking->error;

    if (err.status == AKS_OK && taking->snapshot->unverified > 0)
        aks_log_write(taking->run->engine->log, AKS_LOG_WARNING, "%s: %lld blocks do not have "
            "their checksums, and its list of free blocks is none that is known here: it is taken "
            "as it is; ask DuckDB whether they matter", taking->item->source.name,
            (long long)taking->snapshot->unverified);
    if (err.status == AKS_OK && !taking->left) {
        taking->item->snapshot = taking->snapshot;
        taking->item->snapshot_kept = false;
    } else if (taking->recorded) {
        /* The upload that was begun with it is still gone on with. */
        aks_snapshot_fini(taking->snapshot);
        aks_mem_free(taking->options.port->alloc, taking->snapshot);
    } else {
        discard(taking->run, taking->snapshot);
    }
    if (taking->left)
        taking->run->pool.lingering--;
    else
        taking->done(taking->ctx, err.status == AKS_OK ? NULL : &err);
    aks_mem_free(taking->options.port->alloc, taking);
}

static void
take(void *arg)
{
    struct aks_taking *taking = arg;

    if ((taking->recorded ? aks_snapshot_reopen(taking->options.port, taking->snapshot,
            &taking->error) : aks_snapshot_take(&taking->options, taking->snapshot,
            &taking->error)) == AKS_OK)
        aks_error_clear(&taking->error);
}

static void
facts_of(const struct aks_taking *taking, struct aks_snapshot_facts *ret_facts)
{
    const struct aks_clock *clock = &taking->run->engine->port->clock;
    const struct aks_stored *row = taking->row;
    int64_t wall_ms = clock->wall_ms(clock->ctx);

    memset(ret_facts, 0, sizeof(*ret_facts));
    aks_run_item_facts(taking->item, wall_ms, &ret_facts->source);
    ret_facts->failure = taking->error.status;
    ret_facts->why = taking->error.message;
    ret_facts->waited_ms = taking->waited_ms;
    ret_facts->stored_ms = -1;
    ret_facts->older_ms = -1;
    if (row == NULL || row->source == NULL)
        return;
    ret_facts->stored_ms = wall_ms - row->stored_at_ms;
    ret_facts->older_ms = wall_ms - row->taken_at_ms;
}

/* The source is busy. Is it worth another try, as long as the policy says? If not, what it wants
 * then is known. */
static bool
wait_longer(struct aks_taking *taking)
{
    struct aks_run *run = taking->run;
    struct aks_item *item = taking->item;
    enum aks_status failure = taking->error.status;
    struct aks_snapshot_facts facts;
    int64_t more_ms = 0;
    struct aks_error err;

    if ((failure != AKS_SOURCE_BUSY && failure != AKS_SOURCE_CHANGED) || taking->left ||
        stopped(taking))
        return false;
    if (!taking->asked) {
        taking->asked = true;
        facts_of(taking, &facts);
        if (aks_ask_snapshot(&run->ask, &facts,
                aks_settings_snapshot(run->settings, item->settings), &taking->busy, &more_ms,
                &err) != AKS_OK) {
            taking->error = err;
            return false;
        }
        taking->options.wait_ms = more_ms;
        if (more_ms > 0)
            return true;
    }
    if (taking->busy == AKS_BUSY_SKIP)
        item->reason = "it is busy, and the policy skips it then";
    else if (taking->busy == AKS_BUSY_OLDER)
        item->reason = "it is busy, and the policy leaves it at the earlier copy";
    return false;
}

static void taken(void *arg);

/* Where it will be is known before the first byte of it is there. */
static enum aks_status
plan(struct aks_taking *taking, struct aks_error *err)
{
    struct aks_run *run = taking->run;
    struct aks_item *item = taking->item;
    enum aks_status status = aks_engine_new_id(run->engine, taking->id, err);

    taking->options.port = run->engine->port;
    taking->options.source = &item->source;
    taking->options.folder = run->engine->snapshot_folder;
    taking->options.id = taking->id;
    taking->options.copy = item->changing;
    taking->options.wait_ms = FIRST_WAIT_MS;
    taking->options.stopped = stopped;
    taking->options.ctx = taking;
    if (status == AKS_OK)
        status = aks_snapshot_plan(&taking->options, taking->snapshot, err);
    if (status == AKS_OK && makes_folder(taking))
        status = aks_state_snapshot_put(run->engine->state, run->job_id, taking->snapshot, err);
    return status;
}

/* The snapshot of before is not any more what was taken: the next one is taken of the source. True
 * if it is under way. */
static bool
plan_anew(struct aks_taking *taking)
{
    struct aks_run *run = taking->run;
    const struct aks_work *work = &run->engine->port->work;
    struct aks_error err;

    aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s is taken anew: %s",
        taking->item->source.name, taking->error.message);
    aks_snapshot_fini(taking->snapshot);
    memset(taking->snapshot, 0, sizeof(*taking->snapshot));
    taking->recorded = false;
    aks_error_clear(&taking->error);
    if (plan(taking, &err) == AKS_OK &&
        work->submit(work->ctx, take, taken, taking, &err) == AKS_OK)
        return true;
    taking->error = err;
    return false;
}

static void
taken(void *arg)
{
    struct aks_taking *taking = arg;
    struct aks_run *run = taking->run;
    const struct aks_work *work = &run->engine->port->work;
    struct aks_error err;

    if (taking->recorded && taking->error.status != AKS_OK && plan_anew(taking))
        return;
    taking->waited_ms += taking->snapshot->waited_ms;
    if (taking->error.status == AKS_OK && note_taken(taking, &err) != AKS_OK)
        taking->error = err;
    if (wait_longer(taking)) {
        if (work->submit(work->ctx, take, taken, taking, &err) == AKS_OK)
            return;
        taking->error = err;
    }
    end(taking);
}

enum aks_status
aks_run_snapshot_begin(struct aks_run *run, struct aks_item *item, const struct aks_stored *row,
    void (*done)(void *ctx, const struct aks_error *err), void *ctx,
    struct aks_taking **ret_taking, struct aks_error *err)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    const struct aks_work *work = &run->engine->port->work;
    struct aks_taking *taking = aks_mem_new(alloc, sizeof(*taking));
    enum aks_status status;

    AKS_CHECK(item->snapshot == NULL && !run->options->dry_run);
    if (taking == NULL)
        return aks_error_memory(err, "taking a snapshot");
    taking->snapshot = aks_mem_new(alloc, sizeof(*taking->snapshot));
    taking->run = run;
    taking->item = item;
    taking->row = row;
    taking->done = done;
    taking->ctx = ctx;
    atomic_init(&taking->stop, false);
    taking->options.port = run->engine->port;
    taking->recorded = taking->snapshot != NULL && !item->changing &&
        aks_run_resume_snapshot(run, item, taking->snapshot);
    if (taking->snapshot == NULL)
        status = aks_error_memory(err, "taking a snapshot");
    else
        status = taking->recorded ? AKS_OK : plan(taking, err);
    /* It is written down again, as this job's. */
    taking->options.copy = taking->options.copy || taking->recorded;
    if (status == AKS_OK)
        status = work->submit(work->ctx, take, taken, taking, err);
    if (status == AKS_OK) {
        *ret_taking = taking;
        return AKS_OK;
    }
    if (taking->snapshot != NULL)
        discard(run, taking->snapshot);
    aks_mem_free(alloc, taking);
    return status;
}

void
aks_run_snapshot_stop(struct aks_taking *taking)
{
    atomic_store(&taking->stop, true);
}

void
aks_run_snapshot_leave(struct aks_taking *taking)
{
    atomic_store(&taking->stop, true);
    taking->left = true;
    taking->run->pool.lingering++;
}

struct waiting {
    bool done;
    struct aks_error error;
};

static void
wait_done(void *ctx, const struct aks_error *err)
{
    struct waiting *waiting = ctx;

    if (err != NULL)
        waiting->error = *err;
    waiting->done = true;
}

enum aks_status
aks_run_snapshot(struct aks_run *run, struct aks_copy *copy, struct aks_error *err)
{
    struct waiting waiting = { 0 };
    struct aks_taking *taking;
    enum aks_status status;

    if (copy->item->snapshot != NULL)
        return AKS_OK;
    status = aks_run_snapshot_begin(run, copy->item, &copy->row, wait_done, &waiting, &taking,
        err);
    if (status != AKS_OK)
        return status;
    run->progress.source = copy->item->source.name;
    status = aks_run_drive(run, &waiting.done, err);
    run->progress.source = NULL;
    if (status != AKS_OK) {
        /* It ends with the next piece that it copies. */
        if (!waiting.done)
            aks_run_snapshot_stop(taking);
        while (!waiting.done) {
            if (aks_loop_turn(&run->engine->loop, NULL) != AKS_OK) {
                aks_run_snapshot_leave(taking);
                break;
            }
        }
        return status;
    }
    if (waiting.error.status != AKS_OK)
        *err = waiting.error;
    return waiting.error.status;
}

/* What is at ${path}, if there is a file. False if there is no memory. */
static bool
look_at(const struct aks_port *port, struct aks_snapshot *seen, enum aks_snapshot_role role,
    const char *suffix)
{
    const struct aks_files *files = &port->files;
    char *path = aks_mem_printf(port->alloc, "%s%s", seen->source, suffix);
    struct aks_file_info *info = &seen->sources[role].info;

    if (path == NULL)
        return false;
    /* An empty log is none, to a snapshot too. */
    seen->sources[role].there = files->stat(files->ctx, path, true, info, NULL) == AKS_OK &&
        info->type == AKS_FILE_REGULAR && (info->bytes > 0 || role == AKS_SNAPSHOT_MAIN);
    seen->files[role].there = seen->sources[role].there;
    seen->files[role].bytes = info->bytes;
    seen->files[role].path = path;
    return true;
}

enum aks_status
aks_run_snapshot_look(const struct aks_run *run, const struct aks_item *item,
    struct aks_snapshot *ret_seen, struct aks_error *err)
{
    const struct aks_port *port = run->engine->port;
    const struct aks_files *files = &port->files;
    const char *suffix = aks_source_wal_suffix(item->source.kind);
    struct aks_file_info again;

    memset(ret_seen, 0, sizeof(*ret_seen));
    ret_seen->alloc = port->alloc;
    ret_seen->kind = item->source.kind;
    ret_seen->method = "identity";
    ret_seen->in_place = true;
    ret_seen->source = aks_mem_strdup(port->alloc, item->source.path);
    if (ret_seen->source == NULL || !look_at(port, ret_seen, AKS_SNAPSHOT_MAIN, "") ||
        (suffix != NULL && !look_at(port, ret_seen, AKS_SNAPSHOT_WAL, suffix))) {
        aks_snapshot_fini(ret_seen);
        return aks_error_memory(err, "looking at a source");
    }
    /* A log that was emptied into its database meanwhile is none of it. */
    if (files->stat(files->ctx, item->source.path, true, &again, NULL) != AKS_OK ||
        !aks_source_same(&again, &ret_seen->sources[AKS_SNAPSHOT_MAIN].info))
        ret_seen->sources[AKS_SNAPSHOT_MAIN].there = false;
    return AKS_OK;
}

void
aks_run_snapshot_drop(struct aks_run *run, struct aks_item *item)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;

    if (item->snapshot == NULL)
        return;
    if (!item->snapshot_kept && !aks_run_resume_needs(run, item->snapshot)) {
        discard(run, item->snapshot);
    } else {
        aks_snapshot_fini(item->snapshot);
        aks_mem_free(alloc, item->snapshot);
    }
    item->snapshot = NULL;
    item->snapshot_kept = false;
}

void
aks_run_snapshot_outrun(struct aks_run *run, struct aks_item *item)
{
    item->changing = true;
    item->retaken++;
    aks_run_snapshot_drop(run, item);
}

void
aks_run_snapshot_drop_settled(struct aks_run *run)
{
    for (size_t i = 0; i < run->item_count; i++) {
        if (run->items[i].state != AKS_ITEM_PENDING)
            aks_run_snapshot_drop(run, &run->items[i]);
    }
}
