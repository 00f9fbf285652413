/* One target in one task: made when it is first needed, probed before anything is sent there, and
 * asked for one small thing at a time. */
#include "base/check.h"
#include "engine/target_key.h"
#include "engine/task_internal.h"

#include <stdio.h>
#include <string.h>

void
aks_task_place_init(struct aks_task *task, size_t index)
{
    struct place *place = &task->places[index];

    place->task = task;
    place->last = &place->first;
    place->id_count = 1;
    place->upload.run = task->run;
    place->upload.index = index;
    place->upload.settings = &task->run->settings->targets[index];
    (void)snprintf(place->upload.upload_id, sizeof(place->upload.upload_id), "%s",
        task->run->upload_id);
}

void
aks_task_place_fini(struct place *place)
{
    const struct aks_alloc *alloc;

    if (place->task == NULL)
        return;
    alloc = place->task->alloc;
    if (place->made) {
        aks_run_health_held(place->task->run, place->upload.index, &place->upload.target->hold);
        place->upload.class->free(place->upload.target);
    }
    aks_task_commit_end(place);
    aks_buf_fini(&place->text);
    aks_mem_free(alloc, place->begun);
    place->begun = NULL;
}

enum aks_status
aks_task_place_new_id(struct place *place, struct aks_error *err)
{
    struct upload *upload = &place->upload;
    enum aks_status status = aks_engine_upload_id(place->task->run->engine, upload->upload_id,
        upload->upload_id, err);

    if (status != AKS_OK)
        return status;
    (void)aks_target_key_upload(upload->settings, place->task->run->system_id,
        upload->upload_id, "", upload->folder, sizeof(upload->folder));
    place->id_count++;
    place->spent = false;
    return AKS_OK;
}

static enum aks_status
make(struct place *place, struct aks_error *err)
{
    struct aks_task *task = place->task;
    enum aks_status status;

    if (place->begun == NULL)
        place->begun = aks_mem_array(task->alloc, task->run->item_count, sizeof(unsigned));
    if (place->begun == NULL)
        return aks_error_memory(err, "opening a target");
    status = aks_run_upload_target(&place->upload, err);
    place->made = status == AKS_OK;
    return status;
}

/* The target can be asked, and it is ${request}'s turn. */
static void
serve(struct place *place, struct aks_task_request *request)
{
    switch (request->operation) {
    case AKS_TASK_OPEN:
        aks_task_open(place, request);
        return;
    case AKS_TASK_COMMIT:
        aks_task_commit(place, request);
        return;
    case AKS_TASK_HELD:
        aks_task_confirm(place);
        return;
    case AKS_TASK_PROBE:
    case AKS_TASK_SNAPSHOT:
    case AKS_TASK_CHECKSUM:
    case AKS_TASK_SAMPLE:
    case AKS_TASK_SEND:
    case AKS_TASK_FINISH:
    case AKS_TASK_ABORT:
    case AKS_TASK_SLEEP:
        break;
    }
    place->now = NULL;
    aks_task_done_ok(request);
    aks_task_place_leave(place);
}

/* Whoever waited for the same answer has it. */
static void
fail_line(struct place *place, const struct aks_outcome *outcome)
{
    struct aks_task_request **at = &place->first;

    while (*at != NULL) {
        struct aks_task_request *request = *at;

        if (request->operation == AKS_TASK_COMMIT) {
            at = &request->behind;
            continue;
        }
        *at = request->behind;
        aks_task_done(request, outcome);
    }
    place->last = at;
}

static void
fail(struct place *place, struct aks_task_request *request, const struct aks_outcome *outcome)
{
    struct aks_task *task = place->task;

    task->last = outcome->error;
    aks_run_health_note(task->run, place->upload.index, outcome);
    aks_task_note(task, "probe", place->upload.index, NULL, aks_status_name(outcome->status));
    fail_line(place, outcome);
    aks_task_done(request, outcome);
    aks_task_place_leave(place);
}

static void
probed(void *ctx, const struct aks_outcome *outcome)
{
    struct place *place = ctx;
    struct aks_task_request *request = place->now;

    if (request == NULL)
        return;     /* the task is over */
    place->available = outcome->status == AKS_OK;
    if (!place->available) {
        fail(place, request, outcome);
        return;
    }
    if (request->operation == AKS_TASK_PROBE)
        aks_task_note(place->task, "probe", place->upload.index, NULL, "ok");
    serve(place, request);
}

static void
begin_turn(void *ctx)
{
    struct place *place = ctx;
    struct aks_task_request *request = place->now;
    struct aks_run *run = place->task->run;
    int64_t left_ms = aks_run_health_left_alone_ms(run, place->upload.index);
    struct aks_outcome outcome;
    struct aks_error err;

    /* It asked for that, and nobody may come earlier. */
    if (left_ms > 0 && aks_loop_set(&run->engine->loop, &request->timer, left_ms, begin_turn,
            place, NULL) == AKS_OK)
        return;
    if (!place->made && make(place, &err) != AKS_OK) {
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        fail(place, request, &outcome);
        return;
    }
    /* A dry run contacts nobody. */
    if ((place->available && request->operation != AKS_TASK_PROBE) ||
        run->options->dry_run)
        serve(place, request);
    else
        place->upload.class->available(place->upload.target, probed, place);
}

/* Not from inside itself: what is done at once would make it as deep as the line is long. */
static void
go_on(struct place *place)
{
    if (place->going)
        return;
    place->going = true;
    while (place->now == NULL && place->first != NULL && !place->task->closed) {
        place->now = place->first;
        place->first = place->now->behind;
        if (place->first == NULL)
            place->last = &place->first;
        begin_turn(place);
    }
    place->going = false;
}

void
aks_task_place_enter(struct aks_task_request *request)
{
    struct place *place = &request->task->places[request->target];

    request->behind = NULL;
    *place->last = request;
    place->last = &request->behind;
    go_on(place);
}

void
aks_task_place_leave(struct place *place)
{
    place->now = NULL;
    go_on(place);
}
