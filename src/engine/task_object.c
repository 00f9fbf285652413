/* The life of an upload of a task: its place in the lines, its end, and the end of all of them. */
#include "base/check.h"
#include "engine/task_internal.h"

#include <stddef.h>
#include <string.h>

static struct aks_item *
item_of(const struct object *object)
{
    return &object->task->run->items[object->source];
}

struct object *
aks_task_object(const struct aks_task *task, struct aks_task_upload upload)
{
    struct object *object = &task->objects[upload.slot];

    AKS_CHECK(upload.slot < AKS_TASK_UPLOADS_MAX);
    return object->state != OBJECT_FREE && object->generation == upload.generation ? object : NULL;
}

struct aks_transfer **
aks_task_object_shown(const struct object_file *file)
{
    const struct object *object = file->object;
    ptrdiff_t slot = object - object->task->objects;

    return &object->task->transfers[slot * AKS_SNAPSHOT_ROLES + (file - object->files)];
}

void
aks_task_object_forget(struct object_file *file)
{
    if (file->transfer == NULL)
        return;
    aks_transfer_free(file->transfer);
    file->transfer = NULL;
    *aks_task_object_shown(file) = NULL;
}

bool
aks_task_object_alive(const struct object *object)
{
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES; i++) {
        if (object->files[i].transfer != NULL)
            return true;
    }
    return false;
}

/* --- turns ------------------------------------------------------------------------------------ */

void
aks_task_object_stop_reading(struct object *object)
{
    if (!object->reads)
        return;
    object->reads = false;
    object->task->reading = false;
}

void
aks_task_object_stop_sending(struct object *object)
{
    aks_task_object_stop_reading(object);
    if (!object->sends)
        return;
    object->sends = false;
    object->task->sending--;
}

void
aks_task_object_leave_lines(struct object *object)
{
    struct aks_task *task = object->task;
    struct object **at = &task->finish_line;

    aks_task_line_leave(task, &object->reader);
    if (!object->in_line)
        return;
    object->in_line = false;
    while (*at != object)
        at = &(*at)->behind;
    *at = object->behind;
    if (task->finish_last == &object->behind)
        task->finish_last = at;
}

/* The upload is over, and its slot free. */
static void
release(struct object *object)
{
    struct aks_task *task = object->task;

    aks_task_object_leave_lines(object);
    aks_task_object_stop_sending(object);
    if (object->state == OBJECT_FINISHING)
        task->finishing--;
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES; i++)
        aks_task_object_forget(&object->files[i]);
    aks_stored_fini(task->alloc, &object->copy.next);
    if (object->snapshot != NULL)
        aks_task_taken_let(task, &object->content.snapshot);
    object->snapshot = NULL;
    object->state = OBJECT_FREE;
    object->request = object->abort = NULL;
    task->open_count--;
    aks_task_line_go_on(task);
    aks_task_finish_go_on(task);
}

void
aks_task_object_end(struct object *object, const struct aks_outcome *outcome)
{
    struct aks_task_request *request = object->request;
    struct aks_task_request *given_up = object->abort;

    release(object);
    if (request != NULL)
        aks_task_done(request, outcome);
    if (given_up != NULL)
        aks_task_done_ok(given_up);
}

/* Failures that say something of one source only. */
static bool
concerns_source(enum aks_status status)
{
    return status == AKS_SOURCE_MISSING || status == AKS_SOURCE_BUSY ||
        status == AKS_SOURCE_CHANGED || status == AKS_SOURCE_UNREADABLE ||
        status == AKS_TOO_LARGE || status == AKS_CONFLICT || status == AKS_CANCELLED;
}

void
aks_task_object_end_failed(struct object *object, const struct aks_outcome *outcome)
{
    struct aks_run *run = object->task->run;
    struct aks_item *item = item_of(object);

    if (outcome->status != AKS_CANCELLED) {
        aks_task_note(object->task, object->finish ? "finish" : "send",
            object->place->upload.index, item, aks_status_name(outcome->status));
        if (item->state == AKS_ITEM_PENDING)
            item->error = outcome->error;
        /* What is taken next is a copy. */
        item->changing = item->changing || outcome->status == AKS_SOURCE_CHANGED;
    }
    if (!concerns_source(outcome->status) && run->ask.policy_error.status == AKS_OK)
        aks_run_health_note(run, object->place->upload.index, outcome);
    else
        aks_run_health_heard(run, object->place->upload.index, outcome);
    aks_task_object_end(object, outcome);
}

/* --- the end of the task ---------------------------------------------------------------------- */

static void
stop(struct object *object, bool interrupted)
{
    struct aks_outcome ok;

    object->request = object->abort = NULL;
    if (!aks_task_object_alive(object)) {
        aks_outcome_ok(&ok);
        aks_task_object_end(object, &ok);
        return;
    }
    if (object->state == OBJECT_FINISHING)
        object->task->finishing--;
    object->state = OBJECT_ABORTING;
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES; i++) {
        struct aks_transfer *transfer = object->files[i].transfer;

        if (transfer == NULL || object->state == OBJECT_FREE)
            continue;
        if (interrupted)
            aks_transfer_cancel(transfer);
        else
            aks_transfer_give_up(transfer);
    }
}

static void
stop_all(struct aks_task *task, bool interrupted)
{
    for (size_t i = 0; i < AKS_TASK_UPLOADS_MAX; i++) {
        if (task->objects[i].state != OBJECT_FREE)
            stop(&task->objects[i], interrupted);
    }
}

void
aks_task_upload_end(struct aks_task *task)
{
    struct aks_engine *engine = task->run->engine;
    bool hurried = atomic_load(&engine->interrupted) != 0;

    task->finish_line = NULL;
    task->finish_last = &task->finish_line;
    for (size_t i = 0; i < AKS_TASK_UPLOADS_MAX; i++)
        task->objects[i].in_line = task->objects[i].reader.waiting = false;
    stop_all(task, hurried);
    while (task->open_count > 0) {
        if (aks_loop_turn(&engine->loop, NULL) != AKS_OK)
            break;
        if (!hurried && atomic_load(&engine->interrupted) != 0) {
            hurried = true;
            stop_all(task, true);
        }
    }
    /* The loop cannot be turned: nobody will ever be told that these are done. */
    for (size_t i = 0; i < AKS_TASK_UPLOADS_MAX; i++) {
        if (task->objects[i].state != OBJECT_FREE)
            release(&task->objects[i]);
    }
}
