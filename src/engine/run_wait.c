/* When a job that is still owed is tried again. */
#include "base/units.h"
#include "engine/run.h"

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

/* How long target ${index} is not to be asked, whoever said so. */
static int64_t
target_wait_ms(const struct aks_run *run, size_t index)
{
    int64_t wait_ms = aks_run_health_left_alone_ms(run, index);
    int64_t until_ms = aks_run_budget_until_ms(run, index);
    int64_t breaker_ms = aks_run_health_open_until_ms(run, index);

    if (breaker_ms > until_ms)
        until_ms = breaker_ms;
    if (until_ms - wall_ms(run) > wait_ms)
        wait_ms = until_ms - wall_ms(run);
    return wait_ms;
}

/* Until one of the targets may be asked that the item is still owed to. */
static int64_t
item_wait_ms(const struct aks_run *run, const struct aks_item *item)
{
    int64_t least_ms = -1;

    for (size_t i = 0; i < item->copy_count; i++) {
        int64_t wait_ms;

        if (!aks_item_copy_owed(&item->copies[i]))
            continue;
        wait_ms = target_wait_ms(run, item->copies[i].target);
        if (least_ms < 0 || wait_ms < least_ms)
            least_ms = wait_ms;
    }
    return least_ms > 0 ? least_ms : 0;
}

static int64_t
doubled_ms(unsigned tries, int64_t most_ms)
{
    int64_t wait_ms = AKS_RUN_WAIT_FIRST_MS;

    for (unsigned i = 1; i < tries && wait_ms < most_ms; i++)
        wait_ms *= 2;
    return wait_ms < most_ms ? wait_ms : most_ms;
}

int64_t
aks_run_wait_ms(const struct aks_run *run)
{
    int64_t asked_ms = -1;
    int64_t wait_ms;
    bool transient = false;

    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];
        int64_t ms;

        if (item->state != AKS_ITEM_FAILED)
            continue;
        ms = item_wait_ms(run, item);
        transient = transient || aks_status_transient(item->error.status);
        if (asked_ms < 0 || ms < asked_ms)
            asked_ms = ms;
    }
    wait_ms = doubled_ms((run->options->job != NULL ? run->options->job->tries : 0) + 1,
        transient ? AKS_RUN_WAIT_TRANSIENT_MS : AKS_RUN_WAIT_LASTING_MS);
    if (run->park_ms > 0)
        wait_ms = run->park_ms;
    if (asked_ms > wait_ms)
        wait_ms = asked_ms;
    return wait_ms < AKS_JOB_WAIT_MS_MAX ? wait_ms : AKS_JOB_WAIT_MS_MAX;
}
