/* Giving back what was sent, without asking the policy. */
#include "engine/target_s3_object.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* So long an answer to Create is waited for that is on its way while everything ends: the id
 * in it is the only thing by which the upload can be given back. */
#define PATIENCE_MS 2000

/* A server that is still busy with parts whose connections were cut may answer 500 or 503 at first,
 * or agree and then keep such a part all the same, as AWS warns: so it is told again. One that
 * does not answer at all is not asked again: there is somewhere else to go. */
#define DELETES_MAX 4
#define DELETES_AGREED 2
#define DELETE_AGAIN_MS 100             /* doubles */

static void
end(struct aks_s3_object *object, const struct aks_outcome *outcome)
{
    aks_loop_clear(object->s3->options.loop, &object->patience);
    object->done(object->done_ctx, outcome);
}

/* Nothing is left that could be deleted by its name. */
static void
end_without(struct aks_s3_object *object)
{
    struct aks_outcome outcome;
    struct aks_error err;

    aks_outcome_ok(&outcome);
    if (object->create_lost) {
        (void)aks_error_set(&err, AKS_TIMEOUT,
            "%s: an upload of %s may have been begun whose id never came, so it stays there",
            object->s3->base.settings->name, object->source);
        aks_error_hint(&err,
            "let a lifecycle rule of the bucket drop unfinished uploads after some days");
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
    }
    end(object, &outcome);
}

static void delete(void *ctx);

/* Says what stays there by all that a person needs to remove it. */
static void
end_left(struct aks_s3_object *object, struct aks_outcome *outcome)
{
    if (object->upload_id != NULL)
        (void)aks_error_wrap(&outcome->error, "%s: upload %s of %s stays there",
            object->s3->base.settings->name, object->upload_id, object->key);
    outcome->verdict = AKS_GIVE_UP;
    end(object, outcome);
}

void
aks_s3_abort_ended(struct aks_s3_object *object, const struct aks_outcome *given)
{
    struct aks_outcome outcome = *given;

    if (outcome.status == AKS_OK)
        end_without(object);
    else
        end_left(object, &outcome);
}

static unsigned
deletes_max(const struct aks_s3_object *object, enum aks_status status)
{
    if (status == AKS_SERVER || status == AKS_THROTTLED)
        return DELETES_MAX;
    return status == AKS_OK && object->cut ? DELETES_AGREED : 1;
}

static void
deleted(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    struct aks_outcome outcome = answer->outcome;
    const struct aks_clock *clock = &object->s3->options.port->clock;
    int64_t wait_ms = (int64_t)DELETE_AGAIN_MS << (object->deletes - 1);

    /* Whoever waits for the abort has a limit of its own, and may not wait so long. */
    aks_attempt_asked(&object->s3->base.hold.give_back_ns, clock->now_ns(clock->ctx),
        outcome.retry_after_ms);
    if (wait_ms < outcome.retry_after_ms)
        wait_ms = outcome.retry_after_ms;
    if (object->deletes < deletes_max(object, outcome.status) &&
        aks_loop_set(object->s3->options.loop, &object->patience, wait_ms, delete, object,
            NULL) == AKS_OK)
        return;
    if (outcome.status == AKS_NOT_FOUND && strcmp(answer->s3.code, "NoSuchBucket") != 0) {
        aks_outcome_ok(&outcome);
        /* It may have been put together by a process that nobody heard of. */
        if (object->known.token != NULL && object->shape == AKS_S3_MULTIPART) {
            aks_s3_resume_abort(object);
            return;
        }
    }
    aks_s3_abort_ended(object, &outcome);
}

static void
delete(void *ctx)
{
    struct aks_s3_object *object = ctx;
    struct aks_sigv4_pair query = { "uploadId", object->upload_id };
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    object->deletes++;
    (void)snprintf(what, sizeof(what), "DELETE of what was sent of %s", object->source);
    request.method = "DELETE";
    request.key = object->key;
    request.query = &query;
    request.query_count = object->shape == AKS_S3_MULTIPART ? 1 : 0;
    request.connect_ms = AKS_S3_ABORT_MS;
    request.answer_ms = AKS_S3_ABORT_MS;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, deleted, object);
}

void
aks_s3_abort_created(struct aks_s3_object *object)
{
    aks_loop_clear(object->s3->options.loop, &object->patience);
    if (object->upload_id != NULL)
        delete(object);
    else
        end_without(object);
}

static void
patience_ended(void *ctx)
{
    struct aks_s3_object *object = ctx;

    aks_s3_step_hang_up(&object->step);
    object->create_lost = true;
    end_without(object);
}

/* In a later turn, since nothing may be told from inside abort. */
static void
abort_begin(void *ctx)
{
    struct aks_s3_object *object = ctx;
    bool single = object->shape == AKS_S3_SINGLE;

    if (single && object->known.keep_whole)
        end_without(object);
    else if (object->upload_id != NULL || single)
        delete(object);
    else if (object->known.token != NULL)
        aks_s3_resume_abort(object);
    else
        end_without(object);
}

void
aks_s3_abort(struct aks_target_object *base, aks_done *done, void *ctx)
{
    struct aks_s3_object *object = (struct aks_s3_object *)base;
    struct aks_loop *loop = object->s3->options.loop;
    bool wait = object->creating && object->upload_id == NULL && object->step.call != NULL;
    struct aks_outcome outcome;
    struct aks_error err;
    enum aks_status status;

    AKS_CHECK(!object->aborting);
    object->aborting = true;
    object->done = done;
    object->done_ctx = ctx;
    if (wait) {
        /* The request goes on alone; its attempt and the sends that wait for it are over. */
        aks_attempt_cancel(&object->step.attempt);
        for (size_t i = 0; i < AKS_S3_PARTS_MAX; i++)
            object->sends[i].state = AKS_S3_SEND_IDLE;
        status = aks_loop_set(loop, &object->patience, PATIENCE_MS, patience_ended, object, &err);
    } else {
        for (size_t i = 0; i < AKS_S3_PARTS_MAX; i++)
            object->cut = object->cut || object->sends[i].state == AKS_S3_SEND_GOING;
        aks_s3_object_stop(object);
        status = aks_loop_set(loop, &object->relay, 0, abort_begin, object, &err);
    }
    if (status == AKS_OK)
        return;
    aks_outcome_failed(&outcome, &err);
    outcome.verdict = AKS_GIVE_UP;
    end(object, &outcome);
}
