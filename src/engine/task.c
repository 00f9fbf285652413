#include "engine/task.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/task_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define TRANSFERS_SHOWN (AKS_TASK_UPLOADS_MAX * AKS_SNAPSHOT_ROLES)

static int64_t
loop_ms(const struct aks_task *task)
{
    return aks_loop_now_ms(&task->run->engine->loop);
}

/* --- the end of a request --------------------------------------------------------------------- */

/* Out of every list; what it waited for may still be under way. */
static void
forget(struct aks_task_request *request)
{
    aks_loop_clear(&request->task->run->engine->loop, &request->timer);
    *request->link = request->next;
    if (request->next != NULL)
        request->next->link = request->link;
    aks_task_read_free(request->reading);
    request->reading = NULL;
    if (request->taking != NULL)
        aks_run_snapshot_leave(request->taking);
    request->taking = NULL;
    aks_target_work_leave(request->work, &request->task->run->pool.lingering);
    request->work = NULL;
}

void
aks_task_done(struct aks_task_request *request, const struct aks_outcome *outcome)
{
    struct aks_task *task = request->task;

    forget(request);
    request->outcome = *outcome;
    task->wake = true;
    if (!task->closed)
        request->done(request->ctx);
}

void
aks_task_done_ok(struct aks_task_request *request)
{
    struct aks_outcome outcome;

    aks_outcome_ok(&outcome);
    aks_task_done(request, &outcome);
}

void
aks_task_done_failed(struct aks_task_request *request, const struct aks_error *err)
{
    struct aks_outcome outcome;

    aks_outcome_failed(&outcome, err);
    outcome.verdict = AKS_GIVE_UP;
    aks_task_done(request, &outcome);
}

void
aks_task_done_refused(struct aks_task_request *request, const char *why)
{
    struct aks_error err;

    (void)aks_error_set(&err, AKS_POLICY, "%s", why);
    aks_task_done_failed(request, &err);
}

void
aks_task_note(struct aks_task *task, const char *what, size_t target, const struct aks_item *item,
    const char *answer)
{
    const struct aks_run *run = task->run;
    json_t *facts = json_object();

    if (item != NULL) {
        (void)json_object_set_new(facts, "operation", json_sprintf("%s %s", what,
            item->source.name));
        (void)json_object_set_new(facts, "source", json_string(item->source.name));
    }
    aks_ask_note(&task->run->ask, what, target < run->settings->target_count
            ? run->settings->targets[target].name : NULL, facts, answer);
}

struct aks_copy *
aks_task_copy(struct aks_item *item, size_t index)
{
    for (size_t i = 0; i < item->copy_count; i++) {
        if (item->copies[i].target == index)
            return &item->copies[i];
    }
    return NULL;
}

/* --- the beginning of one --------------------------------------------------------------------- */

static void
fire_done(void *ctx)
{
    aks_task_done_ok(ctx);
}

void
aks_task_wait(struct aks_task_request *request, int64_t ms, void (*then)(void *ctx))
{
    struct aks_error err;

    if (aks_loop_set(&request->task->run->engine->loop, &request->timer, ms, then, request,
            &err) != AKS_OK)
        aks_task_done_failed(request, &err);
}

static void
dispatch(struct aks_task_request *request)
{
    switch (request->operation) {
    case AKS_TASK_PROBE:
    case AKS_TASK_OPEN:
    case AKS_TASK_COMMIT:
        aks_task_place_enter(request);
        return;
    case AKS_TASK_HELD:
        aks_task_held(request);
        return;
    case AKS_TASK_SNAPSHOT:
        aks_task_snapshot(request);
        return;
    case AKS_TASK_CHECKSUM:
        aks_task_checksum(request);
        return;
    case AKS_TASK_SAMPLE:
        aks_task_sample(request);
        return;
    case AKS_TASK_SEND:
        aks_task_send(request);
        return;
    case AKS_TASK_FINISH:
        aks_task_finish(request);
        return;
    case AKS_TASK_ABORT:
        aks_task_abort(request);
        return;
    case AKS_TASK_SLEEP:
        /* But for those that only want the engine to have its turn. */
        if (request->task->run->options->dry_run && request->ms > 0) {
            request->task->slept_ms += request->ms;
            aks_task_done_ok(request);
            return;
        }
        aks_task_wait(request, request->ms, fire_done);
        return;
    }
}

static bool
names_target(enum aks_task_operation operation)
{
    return operation == AKS_TASK_PROBE || operation == AKS_TASK_HELD ||
        operation == AKS_TASK_OPEN || operation == AKS_TASK_COMMIT;
}

void
aks_task_begin(struct aks_task *task, struct aks_task_request *request)
{
    char why[128 + AKS_TARGET_NAME_BYTES];

    AKS_CHECK(!task->closed);
    request->task = task;
    request->next = task->requests;
    request->link = &task->requests;
    if (request->next != NULL)
        request->next->link = &request->next;
    task->requests = request;
    request->reading = NULL;
    request->work = NULL;
    request->taking = NULL;
    aks_outcome_ok(&request->outcome);
    if (names_target(request->operation) && !aks_task_target_allowed(task, request->target)) {
        (void)snprintf(why, sizeof(why), "this run may not use that target: %s is left out by "
            "--target or --no-fallback", task->run->settings->targets[request->target].name);
        aks_task_done_refused(request, why);
        return;
    }
    dispatch(request);
}

/* --- what there is ---------------------------------------------------------------------------- */

size_t
aks_task_source_count(const struct aks_task *task)
{
    return task->run->item_count;
}

void
aks_task_source_facts(const struct aks_task *task, size_t index,
    struct aks_source_facts *ret_facts)
{
    const struct aks_clock *clock = &task->run->engine->port->clock;

    AKS_CHECK(index < task->run->item_count);
    aks_run_item_facts(&task->run->items[index], clock->wall_ms(clock->ctx), ret_facts);
}

bool
aks_task_source_wanted(const struct aks_task *task, size_t index)
{
    AKS_CHECK(index < task->run->item_count);
    return task->run->items[index].state != AKS_ITEM_SKIPPED || task->reasons[index] != NULL;
}

size_t
aks_task_target_count(const struct aks_task *task)
{
    return task->run->settings->target_count;
}

void
aks_task_target_facts(const struct aks_task *task, size_t index,
    struct aks_target_facts *ret_facts)
{
    AKS_CHECK(index < task->run->settings->target_count);
    aks_run_target_facts(task->run, index, ret_facts);
}

bool
aks_task_target_allowed(const struct aks_task *task, size_t index)
{
    const struct aks_run_options *options = task->run->options;
    const struct aks_settings *settings = task->run->settings;

    AKS_CHECK(index < settings->target_count);
    if (options->target != NULL)
        return strcmp(settings->targets[index].name, options->target) == 0;
    return !options->no_fallback || index == settings->route.targets[0];
}

const struct aks_clock_facts *
aks_task_clock(struct aks_task *task)
{
    /* Not the one that questions are told of, whose changes others wait for. */
    (void)aks_now_look(&task->now, &task->run->engine->port->clock);
    return &task->now.facts.clock;
}

int64_t
aks_task_now_ms(const struct aks_task *task)
{
    return loop_ms(task) - task->started_ms + task->slept_ms;
}

enum aks_status
aks_task_skip(struct aks_task *task, size_t source, const char *reason, struct aks_error *err)
{
    struct aks_item *item = &task->run->items[source];
    char *copy;

    if (item->state == AKS_ITEM_STORED || item->state == AKS_ITEM_UNCHANGED)
        return aks_error_set(err, AKS_POLICY, "%s is stored already", item->source.name);
    copy = aks_mem_strdup(task->alloc, reason);
    if (copy == NULL)
        return aks_error_memory(err, "leaving a source out");
    aks_mem_free(task->alloc, task->reasons[source]);
    task->reasons[source] = copy;
    item->reason = copy;
    item->state = AKS_ITEM_SKIPPED;
    aks_error_clear(&item->error);
    aks_task_note(task, "skip", SIZE_MAX, item, copy);
    return AKS_OK;
}

/* --- its life --------------------------------------------------------------------------------- */

void
aks_task_free(struct aks_task *task)
{
    const struct aks_alloc *alloc;

    if (task == NULL)
        return;
    alloc = task->alloc;
    for (size_t i = 0; task->reasons != NULL && i < task->run->item_count; i++)
        aks_mem_free(alloc, task->reasons[i]);
    aks_mem_free(alloc, task->reasons);
    aks_mem_free(alloc, task->objects);
    aks_mem_free(alloc, task->transfers);
    json_decref(task->state);
    aks_mem_free(alloc, task);
}

static enum aks_status
make(struct aks_run *run, struct aks_task **ret_task, struct aks_error *err)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_task *task = aks_mem_new(alloc, sizeof(*task));

    if (task == NULL)
        return aks_error_memory(err, "beginning a task");
    task->run = run;
    task->alloc = alloc;
    task->line_last = &task->line;
    task->finish_last = &task->finish_line;
    task->reasons = aks_mem_array(alloc, run->item_count, sizeof(*task->reasons));
    task->objects = aks_mem_array(alloc, AKS_TASK_UPLOADS_MAX, sizeof(*task->objects));
    task->transfers = aks_mem_array(alloc, TRANSFERS_SHOWN, sizeof(struct aks_transfer *));
    *ret_task = task;
    if (task->reasons == NULL || task->objects == NULL || task->transfers == NULL)
        return aks_error_memory(err, "beginning a task");
    task->started_ms = loop_ms(task);
    for (size_t i = 0; i < run->settings->target_count; i++)
        aks_task_place_init(task, i);
    run->transfers = task->transfers;
    run->transfer_count = TRANSFERS_SHOWN;
    return AKS_OK;
}

static void
too_long(void *ctx)
{
    struct aks_task *task = ctx;
    struct aks_run *run = task->run;
    struct aks_error err;
    char text[AKS_UNITS_TEXT_BYTES];

    (void)aks_error_set(&err, AKS_LIMIT, "%s: the task goes on for more than %s",
        run->settings->policy_path,
        aks_units_duration(run->options->policy->task->limit_ms, text));
    if (run->ask.policy_error.status == AKS_OK)
        run->ask.policy_error = err;
    task->wake = true;
}

static enum aks_status
drive(struct aks_task *task, struct aks_error *err)
{
    struct aks_run *run = task->run;
    const struct aks_policy_task *policy = run->options->policy->task;
    enum aks_status status = aks_loop_set(&run->engine->loop, &task->deadline, policy->limit_ms,
        too_long, task, err);

    while (status == AKS_OK) {
        bool ended = false;

        status = policy->step(policy->ctx, task, &ended, err);
        if (status != AKS_OK && run->ask.policy_error.status == AKS_OK)
            run->ask.policy_error = *err;
        if (status != AKS_OK || ended)
            break;
        task->wake = false;
        status = aks_run_drive(run, &task->wake, err);
    }
    return status;
}

/* What is still owed says why. */
static void
settle(struct aks_task *task)
{
    struct aks_run *run = task->run;

    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];

        if (item->state != AKS_ITEM_PENDING || item->error.status != AKS_OK ||
            run->options->dry_run)
            continue;
        if (task->last.status != AKS_OK)
            item->error = task->last;
        else
            (void)aks_error_set(&item->error, AKS_UNDELIVERED,
                "source %s: the task ended without delivering it", item->source.path);
    }
}

static void
end(struct aks_task *task)
{
    struct aks_run *run = task->run;
    const struct aks_policy_task *policy = run->options->policy->task;

    task->closed = true;
    aks_loop_clear(&run->engine->loop, &task->deadline);
    while (task->requests != NULL)
        forget(task->requests);
    for (size_t i = 0; i < AKS_TARGETS_MAX; i++)
        task->places[i].now = task->places[i].first = NULL;
    policy->end(policy->ctx);
    task->line = NULL;
    task->line_last = &task->line;
    if (task->objects != NULL && task->transfers != NULL)
        aks_task_upload_end(task);
    for (size_t i = 0; i < run->settings->target_count; i++)
        aks_task_place_fini(&task->places[i]);
    aks_task_taken_fini(task);
    run->transfers = NULL;
    run->transfer_count = 0;
    run->progress.source = NULL;
    run->progress.target = NULL;
}

enum aks_status
aks_task_run(struct aks_run *run, struct aks_error *err)
{
    enum aks_status status;

    status = make(run, &run->task, err);
    if (status == AKS_OK) {
        /* Owed work is durable before anything is sent. */
        if (!run->job_written && !run->options->dry_run) {
            aks_run_keep(run);
            aks_run_supersede(run);
        }
        status = drive(run->task, err);
    }
    if (run->task != NULL) {
        end(run->task);
        settle(run->task);
    }
    return status;
}
