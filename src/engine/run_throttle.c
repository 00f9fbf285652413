/* How many bytes a second a run may send over the network, in all: as the settings say, or as the
 * policy answers when the first upload begins and every AKS_RUN_THROTTLE_MS after that. */
#include "base/units.h"
#include "engine/run.h"

static int64_t
now_ns(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->now_ns(clock->ctx);
}

static size_t
take(void *ctx, size_t want, int64_t *ret_at_ns)
{
    struct aks_run *run = ctx;

    return aks_throttle_take(&run->throttle.bucket, want, now_ns(run), ret_at_ns);
}

static void ask_again(void *ctx);

static enum aks_status
ask(struct aks_run *run, struct aks_error *err)
{
    struct aks_run_throttle *throttle = &run->throttle;
    int64_t bytes_per_s = 0;
    enum aks_status status = aks_ask_throttle(&run->ask, &bytes_per_s, err);

    if (status != AKS_OK)
        return status;
    aks_throttle_set(&throttle->bucket, bytes_per_s, now_ns(run));
    return aks_loop_set(&run->engine->loop, &throttle->timer, AKS_RUN_THROTTLE_MS, ask_again, run,
        err);
}

/* A policy that fails here ends the run where it is driven. A timer that cannot be set for want of
 * memory leaves the rate as it is. */
static void
ask_again(void *ctx)
{
    struct aks_run *run = ctx;
    struct aks_error err;

    if (ask(run, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "the throttle: %s", err.message);
}

enum aks_status
aks_run_throttle_begin(struct aks_run *run, struct aks_error *err)
{
    struct aks_run_throttle *throttle = &run->throttle;

    if (throttle->gate.take != NULL)
        return AKS_OK;
    if (run->options->policy->decide.throttle != NULL) {
        enum aks_status status = ask(run, err);

        if (status != AKS_OK)
            return status;
    } else if (run->settings->throttle_bytes_per_s == 0) {
        return AKS_OK;
    } else {
        aks_throttle_set(&throttle->bucket, run->settings->throttle_bytes_per_s, now_ns(run));
    }
    throttle->gate = (struct aks_http_gate) { take, run };
    return AKS_OK;
}

void
aks_run_throttle_end(struct aks_run *run)
{
    aks_loop_clear(&run->engine->loop, &run->throttle.timer);
}

const struct aks_http_gate *
aks_run_throttle_gate(const struct aks_run *run)
{
    return run->throttle.gate.take != NULL ? &run->throttle.gate : NULL;
}
