/* The snapshots of a task. A source may have several: coroutines take them at different moments. */
#include "base/check.h"
#include "engine/task_internal.h"

#include <string.h>

/* Of one source, beside those that uploads read. Each may be a copy of it. */
#define SNAPSHOTS_MAX 3

static void
drop(struct aks_task *task, struct taken *taken)
{
    struct aks_item *item = &task->run->items[taken->source];
    struct taken **at = &task->taken;

    while (*at != taken)
        at = &(*at)->next;
    *at = taken->next;
    /* As an item's own it would be given back. */
    AKS_CHECK(item->snapshot == NULL);
    item->snapshot = taken->snapshot;
    aks_run_snapshot_drop(task->run, item);
    aks_mem_free(task->alloc, taken);
}

static struct taken *
last_of(const struct aks_task *task, size_t source)
{
    for (struct taken *at = task->taken; at != NULL; at = at->next) {
        if (at->source == source && at->last)
            return at;
    }
    return NULL;
}

/* Makes room for one more of the source: the oldest that nobody reads goes. */
static void
make_room(struct aks_task *task, size_t source)
{
    struct taken *oldest = NULL;
    unsigned count = 0;

    for (struct taken *at = task->taken; at != NULL; at = at->next) {
        if (at->source != source || at->users > 0)
            continue;
        oldest = at;
        count++;
    }
    if (count >= SNAPSHOTS_MAX)
        drop(task, oldest);
}

/* ${snapshot}, which is taken over, is the source's from now on. */
static enum aks_status
add(struct aks_task *task, size_t source, struct aks_snapshot *snapshot, struct aks_error *err)
{
    struct taken *taken = aks_mem_new(task->alloc, sizeof(*taken));
    struct taken *before = last_of(task, source);

    if (taken == NULL) {
        struct aks_item *item = &task->run->items[source];

        item->snapshot = snapshot;
        aks_run_snapshot_drop(task->run, item);
        return aks_error_memory(err, "taking a snapshot");
    }
    if (before != NULL)
        before->last = false;
    make_room(task, source);
    taken->source = source;
    taken->snapshot = snapshot;
    taken->id = ++task->taken_count;
    taken->last = true;
    taken->next = task->taken;
    task->taken = taken;
    return AKS_OK;
}

static struct taken *
find(const struct aks_task *task, const struct aks_task_snapshot *snapshot)
{
    for (struct taken *at = task->taken; at != NULL; at = at->next) {
        if (at->id == snapshot->id)
            return at;
    }
    return NULL;
}

void
aks_task_taken_fini(struct aks_task *task)
{
    while (task->taken != NULL)
        drop(task, task->taken);
}

struct aks_snapshot *
aks_task_taken_use(struct aks_task *task, const struct aks_task_snapshot *snapshot,
    struct aks_error *err)
{
    struct taken *taken = find(task, snapshot);

    if (taken == NULL) {
        (void)aks_error_set(err, AKS_SOURCE_CHANGED,
            "source %s: newer snapshots of it were taken since",
            task->run->items[snapshot->source].source.path);
        return NULL;
    }
    taken->users++;
    return taken->snapshot;
}

void
aks_task_taken_let(struct aks_task *task, const struct aks_task_snapshot *snapshot)
{
    struct taken *taken = find(task, snapshot);

    AKS_CHECK(taken != NULL && taken->users > 0);
    taken->users--;
}

enum aks_status
aks_task_taken_view(struct aks_task *task, const struct aks_task_snapshot *snapshot,
    enum aks_snapshot_role role, struct aks_view *ret_view, struct aks_error *err)
{
    const struct aks_port *port = task->run->engine->port;
    struct aks_item *item = &task->run->items[snapshot->source];
    const struct aks_snapshot *files = aks_task_taken_use(task, snapshot, err);
    enum aks_status status;

    if (files == NULL)
        return err->status;
    status = aks_snapshot_open_view(port, files, role, ret_view, err);
    if (status == AKS_OK && aks_view_check(ret_view, err) != AKS_OK) {
        aks_view_close(ret_view);
        item->changing = true;
        status = aks_error_set(err, AKS_SOURCE_CHANGED,
            "source %s: changed since the snapshot was taken", item->source.path);
    }
    aks_task_taken_let(task, snapshot);
    return status;
}

static void
describe(const struct taken *taken, struct aks_task_snapshot *ret_snapshot)
{
    const struct aks_snapshot *snapshot = taken->snapshot;

    memset(ret_snapshot, 0, sizeof(*ret_snapshot));
    ret_snapshot->source = taken->source;
    ret_snapshot->id = taken->id;
    ret_snapshot->info = snapshot->sources[AKS_SNAPSHOT_MAIN].info;
    ret_snapshot->bytes = snapshot->files[AKS_SNAPSHOT_MAIN].bytes;
    ret_snapshot->taken_at_ms = snapshot->taken_at_ms;
    ret_snapshot->wal = snapshot->files[AKS_SNAPSHOT_WAL].there;
    if (!ret_snapshot->wal)
        return;
    ret_snapshot->wal_bytes = snapshot->files[AKS_SNAPSHOT_WAL].bytes;
    memcpy(ret_snapshot->wal_sha256, snapshot->files[AKS_SNAPSHOT_WAL].sha256,
        sizeof(ret_snapshot->wal_sha256));
}

static void
then(struct aks_task_request *request, const struct aks_error *err)
{
    if (err == NULL) {
        const struct taken *taken = last_of(request->task, request->source);

        AKS_CHECK(taken != NULL);
        describe(taken, &request->content.snapshot);
    }
    request->then(request, err);
}

static void
taking_done(void *ctx, const struct aks_error *err)
{
    struct aks_task_request *request = ctx;
    struct aks_item *item = &request->task->run->items[request->source];
    struct aks_snapshot *snapshot = item->snapshot;
    struct aks_error own;

    request->taking = NULL;
    item->snapshot = NULL;
    if (err == NULL && add(request->task, request->source, snapshot, &own) != AKS_OK)
        err = &own;
    then(request, err);
}

/* A dry run takes none: it looks. */
static enum aks_status
look(struct aks_task_request *request, struct aks_error *err)
{
    struct aks_task *task = request->task;
    const struct aks_item *item = &task->run->items[request->source];
    struct aks_snapshot *seen = aks_mem_new(task->alloc, sizeof(*seen));
    enum aks_status status;

    if (seen == NULL)
        return aks_error_memory(err, "looking at a source");
    status = aks_run_snapshot_look(task->run, item, seen, err);
    if (status == AKS_OK && !seen->sources[AKS_SNAPSHOT_MAIN].there) {
        aks_snapshot_fini(seen);
        status = aks_error_set(err, AKS_SOURCE_MISSING, "source %s: no such file",
            item->source.path);
    }
    if (status == AKS_OK)
        return add(task, request->source, seen, err);
    aks_mem_free(task->alloc, seen);
    return status;
}

void
aks_task_taken_take(struct aks_task_request *request,
    void (*after)(struct aks_task_request *request, const struct aks_error *err))
{
    struct aks_task *task = request->task;
    struct aks_run *run = task->run;
    const struct taken *last = last_of(task, request->source);
    enum aks_status status;
    struct aks_error err;

    request->then = after;
    /* It is still what was taken, be it by another coroutine. */
    if (last != NULL && aks_snapshot_still(run->engine->port, last->snapshot)) {
        then(request, NULL);
        return;
    }
    if (run->options->dry_run) {
        status = look(request, &err);
        then(request, status == AKS_OK ? NULL : &err);
        return;
    }
    status = aks_run_snapshot_begin(run, &run->items[request->source], NULL, taking_done, request,
        &request->taking, &err);
    if (status != AKS_OK)
        then(request, &err);
}
