/* What is finished at a target and in no manifest yet, and the manifests of it. */
#include "base/check.h"
#include "engine/task_internal.h"

#include <stdio.h>
#include <string.h>

static void
free_pending(const struct aks_alloc *alloc, struct pending *pending)
{
    aks_stored_fini(alloc, &pending->copy.row);
    aks_mem_free(alloc, pending);
}

/* Of two copies of one source the later one counts. */
static void
replace(struct place *place, size_t source)
{
    struct pending **at = &place->pending;

    while (*at != NULL) {
        struct pending *pending = *at;

        if (pending->source != source) {
            at = &pending->next;
            continue;
        }
        *at = pending->next;
        free_pending(place->task->alloc, pending);
    }
}

enum aks_status
aks_task_commit_add(struct object *object, struct aks_error *err)
{
    struct place *place = object->place;
    struct aks_task *task = object->task;
    struct aks_item *item = &task->run->items[object->source];
    struct pending *pending = aks_mem_new(task->alloc, sizeof(*pending));
    struct pending **last = &place->pending;

    if (pending == NULL)
        return aks_error_memory(err, "recording an upload");
    pending->source = object->source;
    pending->copy = object->copy;
    memset(&object->copy.next, 0, sizeof(object->copy.next));
    aks_run_object_end(&place->upload, &pending->copy);
    replace(place, object->source);
    while (*last != NULL)
        last = &(*last)->next;
    *last = pending;
    if (item->state == AKS_ITEM_PENDING)
        (void)aks_error_set(&item->error, AKS_UNDELIVERED, "source %s: it was sent to %s, and the "
            "task ended without committing it", item->source.path, place->upload.settings->name);
    return AKS_OK;
}

/* --- the manifest ----------------------------------------------------------------------------- */

/* The source itself is stored now. */
static void
settle(struct place *place, struct pending *pending)
{
    const struct aks_alloc *alloc = place->task->alloc;
    struct aks_run *run = place->task->run;
    struct aks_item *item = &run->items[pending->source];
    struct aks_copy *copy = aks_task_copy(item, place->upload.index);

    aks_stored_fini(alloc, &copy->row);
    copy->row = pending->copy.row;
    memset(&pending->copy.row, 0, sizeof(pending->copy.row));
    copy->codec_reason = pending->copy.codec_reason;
    memcpy(copy->sent, pending->copy.sent, sizeof(copy->sent));
    copy->state = AKS_COPY_STORED;
    aks_error_clear(&copy->error);
    aks_item_learn(item, &copy->row);
    if (item->state != AKS_ITEM_STORED) {
        run->progress.files_done++;
        run->progress.bytes_done += item->source.info.bytes;
    }
    item->state = AKS_ITEM_STORED;
    aks_error_clear(&item->error);
}

static void
free_batch(struct place *place)
{
    aks_mem_free(place->task->alloc, place->copies);
    place->copies = NULL;
    place->upload.copies = NULL;
    place->upload.count = 0;
}

/* What the manifest names is not pending any more, and not stored yet. All of it is found under the
 * manifest's id. */
static enum aks_status
begin_batch(struct place *place, struct aks_error *err)
{
    const struct aks_alloc *alloc = place->task->alloc;
    size_t count = 0;

    for (struct pending *at = place->pending; at != NULL; at = at->next) {
        char *id = aks_mem_strdup(alloc, place->upload.upload_id);

        if (id == NULL)
            return aks_error_memory(err, "committing an upload");
        aks_mem_free(alloc, at->copy.row.upload_id);
        at->copy.row.upload_id = id;
        count++;
    }
    place->copies = aks_mem_array(alloc, count, sizeof(struct aks_copy *));
    if (place->copies == NULL)
        return aks_error_memory(err, "committing an upload");
    count = 0;
    for (struct pending *at = place->pending; at != NULL; at = at->next)
        place->copies[count++] = &at->copy;
    place->upload.copies = place->copies;
    place->upload.count = count;
    place->batch = place->pending;
    place->pending = NULL;
    return AKS_OK;
}

/* In vain: it is pending again, but for what was sent once more meanwhile. */
static void
return_batch(struct place *place, const struct aks_error *err)
{
    struct pending *later = place->pending;
    struct pending **last = &place->pending;

    place->pending = place->batch;
    place->batch = NULL;
    for (struct pending *at = later; at != NULL; at = at->next)
        replace(place, at->source);
    for (; *last != NULL; last = &(*last)->next) {
        struct aks_item *item = &place->task->run->items[(*last)->source];

        if (item->state == AKS_ITEM_PENDING)
            item->error = *err;
    }
    *last = later;
}

static void
settle_batch(struct place *place)
{
    const struct aks_alloc *alloc = place->task->alloc;

    while (place->batch != NULL) {
        struct pending *pending = place->batch;

        place->batch = pending->next;
        settle(place, pending);
        free_pending(alloc, pending);
    }
    (void)snprintf(place->committed, sizeof(place->committed), "%s", place->upload.upload_id);
}

static void
committed(void *ctx, const struct aks_outcome *outcome)
{
    struct place *place = ctx;
    struct aks_task_request *request = place->now;
    struct aks_run *run = place->task->run;
    struct aks_error ignored;

    if (run->ask.policy_error.status == AKS_OK)
        aks_run_health_note(run, place->upload.index, outcome);
    aks_task_note(place->task, "commit", place->upload.index, NULL,
        outcome->status == AKS_OK ? place->upload.upload_id : aks_status_name(outcome->status));
    if (outcome->status == AKS_OK) {
        settle_batch(place);
    } else {
        return_batch(place, &outcome->error);
        (void)aks_run_commit_audit(&place->upload, "upload_failure", &outcome->error, &ignored);
    }
    free_batch(place);
    /* Nobody waits for it where the task is over. */
    if (request == NULL)
        return;
    (void)snprintf(request->upload_id, sizeof(request->upload_id), "%s", place->committed);
    aks_task_done(request, outcome);
    aks_task_place_leave(place);
}

static void
done_at_once(struct place *place, struct aks_task_request *request, const struct aks_error *err)
{
    if (err == NULL)
        aks_task_done_ok(request);
    else
        aks_task_done_failed(request, err);
    aks_task_place_leave(place);
}

void
aks_task_commit(struct place *place, struct aks_task_request *request)
{
    struct aks_error err;

    if (place->task->run->options->dry_run)
        aks_task_note(place->task, "commit", place->upload.index, NULL, "not in a dry run");
    /* Whoever was here before has taken it along. */
    (void)snprintf(request->upload_id, sizeof(request->upload_id), "%s", place->committed);
    if (place->pending == NULL) {
        done_at_once(place, request, NULL);
        return;
    }
    /* Never twice under one id, whatever became of the first. */
    if ((place->spent && aks_task_place_new_id(place, &err) != AKS_OK) ||
        begin_batch(place, &err) != AKS_OK) {
        done_at_once(place, request, &err);
        return;
    }
    place->spent = true;
    aks_run_commit_begin(&place->upload, committed, place);
}

/* The task is over: what was not committed is forgotten, and stays owed. */
void
aks_task_commit_end(struct place *place)
{
    const struct aks_alloc *alloc = place->task->alloc;
    struct aks_run *run = place->task->run;
    struct aks_error err;

    if (aks_run_commit_end(&place->upload))
        settle_batch(place);
    if (place->batch != NULL)
        return_batch(place, &run->ask.policy_error);
    free_batch(place);
    if (place->pending != NULL) {
        (void)aks_error_set(&err, AKS_UNDELIVERED,
            "%s: objects were sent that no manifest names: the task ended without committing them",
            place->upload.settings->name);
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", err.message);
        (void)aks_run_commit_audit(&place->upload, "upload_left", &err, NULL);
    }
    while (place->pending != NULL) {
        struct pending *pending = place->pending;

        place->pending = pending->next;
        free_pending(alloc, pending);
    }
}
