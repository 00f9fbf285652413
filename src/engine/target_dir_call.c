/* One operation of a dir target: tries as jobs on a worker, until one succeeds or the policy
 * wants no more. */
#include "base/check.h"
#include "base/units.h"
#include "engine/target_dir_internal.h"

#include <string.h>

struct dir_call *
aks_target_dir_call_new(struct dir_target *target)
{
    size_t i = 0;

    while (i < AKS_TARGET_DIR_CALLS_MAX && target->calls[i].busy)
        i++;
    AKS_CHECK(i < AKS_TARGET_DIR_CALLS_MAX);
    aks_target_dir_call_init(&target->calls[i], target, NULL);
    return &target->calls[i];
}

void
aks_target_dir_call_init(struct dir_call *call, struct dir_target *target,
    struct dir_object *object)
{
    AKS_CHECK(!call->busy);
    memset(call, 0, sizeof(*call));
    call->target = target;
    call->object = object;
}

void
aks_target_dir_call_words(const struct dir_call *call, struct aks_error *err)
{
    const char *name = call->target->base.settings->name;

    if (call->key == NULL)
        (void)aks_error_wrap(err, "cannot %s target %s", call->verb->words, name);
    else
        (void)aks_error_wrap(err, "cannot %s %s in target %s", call->verb->words, call->key, name);
}

static void
leave(struct dir_call *call)
{
    if (call->work == NULL)
        return;
    aks_target_work_leave(call->work, call->target->options.lingering);
    if (call->verb->ended != NULL)
        call->verb->ended(call, call->work);
    call->work = NULL;
}

static void
tried(struct dir_call *call, const struct aks_error *err)
{
    struct aks_outcome outcome;
    struct aks_error worded;

    aks_loop_clear(call->target->options.loop, &call->deadline);
    if (err->status == AKS_OK) {
        aks_outcome_ok(&outcome);
    } else {
        worded = *err;
        aks_target_dir_call_words(call, &worded);
        aks_outcome_failed(&outcome, &worded);
    }
    aks_attempt_tried(&call->attempt, &outcome);
}

static void
worked(void *ctx, struct aks_target_work *work)
{
    struct dir_call *call = ctx;
    struct aks_error err = work->error;

    call->work = NULL;
    if (call->verb->ended != NULL)
        call->verb->ended(call, work);
    if (err.status == AKS_OK && call->verb->took != NULL &&
        call->verb->took(call, work, &err) == AKS_OK)
        aks_error_clear(&err);
    tried(call, &err);
}

static void
too_late(void *ctx)
{
    struct dir_call *call = ctx;
    char text[AKS_UNITS_TEXT_BYTES];
    struct aks_error err;

    leave(call);
    (void)aks_error_set(&err, AKS_TIMEOUT, "%s does not answer within %s", call->target->root,
        aks_units_duration(call->verb->deadline_ms(call), text));
    tried(call, &err);
}

static void
start(void *ctx)
{
    struct dir_call *call = ctx;
    struct aks_target_work *work;
    struct aks_error err;

    aks_error_clear(&err);
    if (call->verb->deadline_ms != NULL && aks_loop_set(call->target->options.loop,
            &call->deadline, call->verb->deadline_ms(call), too_late, call, &err) != AKS_OK) {
        tried(call, &err);
        return;
    }
    work = call->verb->prepare(call, &err);
    if (work != NULL && aks_target_work_begin(work, worked, call, &err) == AKS_OK)
        call->work = work;
    else
        tried(call, &err);
}

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct dir_call *call = ctx;

    call->busy = false;
    call->done(call->ctx, outcome);
}

void
aks_target_dir_call_begin(struct dir_call *call, const struct dir_verb *verb,
    const char *operation, const char *source, aks_done *done, void *ctx)
{
    const struct aks_target_options *options = &call->target->options;
    struct aks_attempt_options attempt = { 0 };

    call->verb = verb;
    call->done = done;
    call->ctx = ctx;
    call->busy = true;
    attempt.loop = options->loop;
    attempt.ask = options->ask;
    attempt.target = options->settings->name;
    attempt.source = source;
    attempt.operation = operation;
    attempt.start = start;
    attempt.ctx = call;
    aks_attempt_begin(&call->attempt, &attempt, call_done, call);
}

void
aks_target_dir_call_cancel(struct dir_call *call)
{
    if (!call->busy)
        return;
    aks_attempt_cancel(&call->attempt);
    aks_loop_clear(call->target->options.loop, &call->deadline);
    leave(call);
    call->busy = false;
}
