#include "engine/decide_default.h"

#include <string.h>

/* The wait before the try after failure number ${attempt}, before the server's wish. */
static void
schedule(const struct aks_retry_settings *settings, unsigned attempt, struct aks_rng *rng,
    struct aks_retry_answer *ret)
{
    double wait = (double)settings->first_ms;

    for (unsigned i = 1; i < attempt && wait < (double)settings->cap_ms; i++)
        wait *= settings->factor;
    if (wait > (double)settings->cap_ms)
        wait = (double)settings->cap_ms;
    ret->most_ms = (int64_t)wait;
    ret->least_ms = ret->most_ms;
    switch (settings->jitter) {
    case AKS_JITTER_NONE:
        break;
    case AKS_JITTER_FULL:
        ret->least_ms = 0;
        wait *= aks_rng_unit(rng);
        break;
    case AKS_JITTER_EQUAL:
        ret->least_ms /= 2;
        wait = wait / 2 + wait / 2 * aks_rng_unit(rng);
        break;
    }
    ret->wait_ms = (int64_t)wait;
}

/* ${ms}, or what the server asked for. */
static int64_t
asked_for(int64_t ms, const struct aks_failure_facts *facts)
{
    return ms < facts->retry_after_ms ? facts->retry_after_ms : ms;
}

/* The upload this concerns is gone or was written by another: only a new one can help. Of a whole
 * route it is not known when the source will stand still, so that waits by the schedule. */
static bool
wants_restart(const struct aks_failure_facts *facts)
{
    bool upload_step = strncmp(facts->operation, "part", 4) == 0 ||
        strcmp(facts->operation, "complete") == 0;

    if (strcmp(facts->operation, AKS_OPERATION_ROUTE) == 0)
        return false;
    return facts->failure == AKS_SOURCE_CHANGED ||
        (upload_step && (facts->failure == AKS_NOT_FOUND || facts->failure == AKS_CONFLICT));
}

void
aks_decide_default_retry(const struct aks_retry_settings *settings,
    const struct aks_failure_facts *facts, struct aks_rng *rng, struct aks_retry_answer *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->verdict = AKS_NEXT_TARGET;
    if (facts->corrected) {
        ret->verdict = AKS_WAIT;
        return;
    }
    if (strcmp(facts->operation, AKS_OPERATION_PROBE) == 0)
        return;
    if (wants_restart(facts)) {
        ret->verdict = AKS_RESTART;
        return;
    }
    if (!facts->transient || facts->attempt >= settings->tries ||
        facts->retry_after_ms > AKS_RETRY_ASKED_MS_MAX)
        return;
    ret->verdict = AKS_WAIT;
    schedule(settings, facts->attempt, rng, ret);
    ret->wait_ms = asked_for(ret->wait_ms, facts);
    ret->least_ms = asked_for(ret->least_ms, facts);
    ret->most_ms = asked_for(ret->most_ms, facts);
}

void
aks_decide_default_snapshot(const struct aks_snapshot_settings *settings,
    const struct aks_snapshot_facts *facts, enum aks_busy *ret_busy, int64_t *ret_more_ms)
{
    *ret_busy = settings->busy;
    if (settings->busy == AKS_BUSY_OLDER && facts->older_ms < 0)
        *ret_busy = AKS_BUSY_QUEUE;
    *ret_more_ms = settings->wait_ms > facts->waited_ms ? settings->wait_ms - facts->waited_ms : 0;
}
