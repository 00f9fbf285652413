#include "engine/attempt.h"

#include "base/check.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

void
aks_outcome_ok(struct aks_outcome *outcome)
{
    memset(outcome, 0, sizeof(*outcome));
    outcome->retry_after_ms = -1;
}

void
aks_outcome_failed(struct aks_outcome *outcome, const struct aks_error *err)
{
    AKS_CHECK(err->status != AKS_OK);
    aks_outcome_ok(outcome);
    outcome->status = err->status;
    outcome->error = *err;
}

void
aks_attempt_asked(int64_t *until_ns, int64_t now_ns, int64_t retry_after_ms)
{
    int64_t asked_ns = now_ns + retry_after_ms * AKS_NS_PER_MS;

    if (retry_after_ms > 0 && *until_ns < asked_ns)
        *until_ns = asked_ns;
}

static void
finish(struct aks_attempt *attempt)
{
    /* By copies: done may free or begin the attempt again. */
    struct aks_outcome outcome = attempt->outcome;
    aks_done *done = attempt->done;
    void *done_ctx = attempt->done_ctx;

    attempt->busy = false;
    done(done_ctx, &outcome);
}

static void
fire_finish(void *ctx)
{
    finish(ctx);
}

/* ${fire} from a later turn. Where no memory is left for a timer there is nothing better than
 * failing now. */
static void
later(struct aks_attempt *attempt, int64_t delay_ms, void (*fire)(void *ctx))
{
    struct aks_error err;

    if (aks_loop_set(attempt->loop, &attempt->timer, delay_ms, fire, attempt, &err) == AKS_OK)
        return;
    aks_outcome_failed(&attempt->outcome, &err);
    attempt->outcome.verdict = AKS_GIVE_UP;
    finish(attempt);
}

static int64_t
now_ns(const struct aks_attempt *attempt)
{
    const struct aks_clock *clock = &attempt->loop->port->clock;

    return clock->now_ns(clock->ctx);
}

/* What another attempt waits for because the server asked for it holds for this one too, at its
 * first try and at every later one: while this one waited, another may have been asked for more. */
static void
fire_start(void *ctx)
{
    struct aks_attempt *attempt = ctx;
    int64_t left_ns = attempt->hold != NULL && !attempt->at_once
        ? attempt->hold->until_ns - now_ns(attempt) : 0;

    if (left_ns > 0) {
        later(attempt, (left_ns + AKS_NS_PER_MS - 1) / AKS_NS_PER_MS, fire_start);
        return;
    }
    if (attempt->tries == 0)
        attempt->started_ns = now_ns(attempt);
    attempt->tries++;
    attempt->start(attempt->ctx);
}

/* The server is left alone for as long as it asks, or for less where the policy thinks so. */
static void
hold_others(struct aks_attempt *attempt, int64_t wait_ms)
{
    int64_t asked_ms = attempt->outcome.retry_after_ms;
    int64_t until_ns = now_ns(attempt) + (asked_ms < wait_ms ? asked_ms : wait_ms) * AKS_NS_PER_MS;

    if (attempt->hold != NULL && asked_ms > 0 && attempt->hold->until_ns < until_ns)
        attempt->hold->until_ns = until_ns;
}

void
aks_attempt_begin(struct aks_attempt *attempt, const struct aks_attempt_options *options,
    aks_done *done, void *done_ctx)
{
    AKS_CHECK(!attempt->busy);
    memset(attempt, 0, sizeof(*attempt));
    attempt->loop = options->loop;
    attempt->ask = options->ask;
    attempt->target = options->target;
    attempt->source = options->source;
    attempt->start = options->start;
    attempt->throttled = options->throttled;
    attempt->ctx = options->ctx;
    attempt->done = done;
    attempt->done_ctx = done_ctx;
    (void)snprintf(attempt->operation, sizeof(attempt->operation), "%s", options->operation);
    attempt->hold = options->hold;
    attempt->at_once = options->at_once;
    attempt->busy = true;
    later(attempt, 0, fire_start);
}

static bool
server_is_slow(enum aks_status status)
{
    return status == AKS_THROTTLED || status == AKS_STALLED || status == AKS_TIMEOUT;
}

void
aks_attempt_tried(struct aks_attempt *attempt, const struct aks_outcome *outcome)
{
    struct aks_failure_facts facts = { 0 };
    struct aks_retry_answer answer;
    struct aks_error err;

    AKS_CHECK(attempt->busy);
    AKS_CHECK(attempt->timer.node.place == 0);
    attempt->outcome = *outcome;
    if (outcome->status == AKS_OK) {
        later(attempt, 0, fire_finish);
        return;
    }
    if (attempt->hold != NULL && attempt->at_once)
        aks_attempt_asked(&attempt->hold->give_back_ns, now_ns(attempt), outcome->retry_after_ms);
    if (attempt->throttled != NULL && server_is_slow(outcome->status))
        attempt->throttled(attempt->ctx);

    facts.target = attempt->target;
    facts.operation = attempt->operation;
    facts.source = attempt->source;
    facts.failure = outcome->status;
    facts.transient = aks_status_transient(outcome->status);
    facts.corrected = outcome->corrected;
    facts.http_status = outcome->http_status;
    facts.retry_after_ms = outcome->retry_after_ms;
    facts.attempt = attempt->tries;
    facts.elapsed_ms = (now_ns(attempt) - attempt->started_ns) / AKS_NS_PER_MS;
    if (outcome->status == AKS_CANCELLED) {
        attempt->outcome.verdict = AKS_GIVE_UP;
        later(attempt, 0, fire_finish);
        return;
    }
    if (aks_ask_retry(attempt->ask, &facts, &answer, &err) != AKS_OK) {
        /* The policy itself failed: the run fails closed with its error, not with ours. */
        aks_outcome_failed(&attempt->outcome, &err);
        attempt->outcome.verdict = AKS_GIVE_UP;
        later(attempt, 0, fire_finish);
        return;
    }
    attempt->outcome.verdict = answer.verdict;
    if (answer.verdict == AKS_WAIT) {
        if (!attempt->at_once)
            hold_others(attempt, answer.wait_ms);
        later(attempt, answer.wait_ms, fire_start);
    } else {
        if (attempt->hold != NULL && !attempt->at_once)
            aks_attempt_asked(&attempt->hold->asked_ns, now_ns(attempt), outcome->retry_after_ms);
        later(attempt, 0, fire_finish);
    }
}

void
aks_attempt_cancel(struct aks_attempt *attempt)
{
    if (!attempt->busy)
        return;
    aks_loop_clear(attempt->loop, &attempt->timer);
    attempt->busy = false;
}
