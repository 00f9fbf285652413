#include "testkit/fleet.h"

#include "base/check.h"
#include "base/units.h"
#include "testkit/fleet_internal.h"

#include <string.h>

#define WALL_MS INT64_C(1795416300000)          /* as in a world */
#define MOST_PER_CENT 99

static int64_t
share(int64_t per_s, unsigned machines)
{
    int64_t own = per_s * machines / AKS_FLEET_MACHINES;

    return own > 0 ? own : 1;
}

void
aks_fleet_options_init(struct aks_fleet_options *options, const struct aks_alloc *alloc,
    unsigned machines)
{
    struct aks_settings settings;

    aks_settings_init(&settings, alloc);
    memset(options, 0, sizeof(*options));
    options->alloc = alloc;
    options->seed = 1;
    options->machines = machines;
    options->retry = settings.retry;
    options->window_ms = AKS_MS_PER_S;
    options->latency_ns_min = 5 * AKS_NS_PER_MS;
    options->latency_ns_max = 50 * AKS_NS_PER_MS;
    options->bytes_max = AKS_MIB;
    options->up_bytes_per_s = INT64_C(2500000);
    options->writes_per_s = share(AKS_FLEET_WRITES_PER_S, machines);
    options->reads_per_s = share(AKS_FLEET_READS_PER_S, machines);
}

static int64_t
now_ns(void *ctx)
{
    const struct fleet *fleet = ctx;

    return fleet->agenda.now_ns;
}

static int64_t
wall_ms(void *ctx)
{
    const struct fleet *fleet = ctx;

    return aks_agenda_wall_ms(&fleet->agenda);
}

static enum aks_status
wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct fleet *fleet = ctx;

    (void)aks_agenda_step(&fleet->agenda, timeout_ns);
    if (fleet->error.status != AKS_OK && err != NULL)
        *err = fleet->error;
    return fleet->error.status;
}

void
aks_fleet_fail(struct fleet *fleet, const struct aks_error *err)
{
    if (fleet->error.status == AKS_OK)
        fleet->error = *err;
}

/* From when the first session may end. */
static int64_t
passed_ms(const struct fleet *fleet)
{
    return fleet->agenda.now_ns / AKS_NS_PER_MS;
}

void
aks_fleet_delivered(struct fleet *fleet)
{
    struct aks_fleet_figures *figures = fleet->figures;
    uint64_t machines = fleet->options.machines;
    uint64_t delivered = ++figures->delivered;

    if (figures->half_ms < 0 && delivered * 2 >= machines)
        figures->half_ms = passed_ms(fleet);
    if (figures->most_ms < 0 && delivered * 100 >= machines * MOST_PER_CENT)
        figures->most_ms = passed_ms(fleet);
    if (delivered == machines)
        figures->all_ms = passed_ms(fleet);
}

void
aks_fleet_ended(struct fleet *fleet, bool delivered)
{
    fleet->figures->queued += !delivered;
    fleet->figures->ended_ms = passed_ms(fleet);
    AKS_CHECK(fleet->running > 0);
    fleet->running--;
}

/* ${below} > 0. */
static int64_t
draw(struct aks_rng *rng, int64_t below)
{
    return (int64_t)(aks_rng_next(rng) % (uint64_t)below);
}

static enum aks_status
make_machines(struct fleet *fleet, struct aks_error *err)
{
    const struct aks_fleet_options *options = &fleet->options;
    struct aks_rng rng;

    aks_rng_init(&rng, options->seed);
    fleet->machines = aks_mem_array(options->alloc, options->machines, sizeof(*fleet->machines));
    if (fleet->machines == NULL)
        return aks_error_memory(err, "making a fleet");
    for (unsigned i = 0; i < options->machines; i++) {
        struct fleet_machine *machine = &fleet->machines[i];

        machine->fleet = fleet;
        machine->number = i;
        machine->request.machine = i;
        machine->seed = aks_rng_next(&rng);
        if (options->jitter_seed != 0)
            machine->seed = options->jitter_seed;
        machine->latency_ns = options->latency_ns_min +
            draw(&rng, options->latency_ns_max - options->latency_ns_min + 1);
        machine->bytes = 1 + draw(&rng, options->bytes_max);
        machine->marked = !options->first;
        if (aks_agenda_enter(&fleet->agenda, &machine->entry,
                draw(&rng, options->window_ms * AKS_NS_PER_MS + 1), aks_fleet_machine_begin,
                machine) != AKS_OK)
            return aks_error_memory(err, "making a fleet");
        fleet->running++;
    }
    return AKS_OK;
}

static void
init(struct fleet *fleet, const struct aks_fleet_options *options,
    struct aks_fleet_figures *figures)
{
    AKS_CHECK(options->machines >= 1 && options->machines <= AKS_FLEET_MACHINES_MAX);
    AKS_CHECK(options->latency_ns_min >= 0 && options->latency_ns_min <= options->latency_ns_max);
    AKS_CHECK(options->latency_ns_max <= AKS_FLEET_LATENCY_NS_MAX);
    AKS_CHECK(options->bytes_max > 0 && options->bytes_max <= AKS_PART_BYTES_MIN);
    AKS_CHECK(options->window_ms >= 0);
    memset(figures, 0, sizeof(*figures));
    figures->half_ms = -1;
    figures->most_ms = -1;
    figures->all_ms = -1;
    fleet->figures = figures;
    fleet->options = *options;
    fleet->port.alloc = options->alloc;
    fleet->port.clock = (struct aks_clock) { .now_ns = now_ns, .wall_ms = wall_ms,
        .ctx = fleet };
    fleet->port.events = (struct aks_events) { wait, NULL, fleet };
    aks_agenda_init(&fleet->agenda, options->alloc, options->seed, WALL_MS);
    aks_loop_init(&fleet->loop, &fleet->port);
    aks_settings_init(&fleet->settings, options->alloc);
    fleet->settings.retry = options->retry;
    fleet->policy.settings = &fleet->settings;
    aks_fleet_bucket_init(&fleet->bucket, options);
}

enum aks_status
aks_fleet_run(const struct aks_fleet_options *options, struct aks_fleet_figures *ret_figures,
    struct aks_error *err)
{
    struct fleet *fleet = aks_mem_new(options->alloc, sizeof(*fleet));
    enum aks_status status;

    if (fleet == NULL)
        return aks_error_memory(err, "making a fleet");
    init(fleet, options, ret_figures);
    status = make_machines(fleet, err);
    /* It ends: rounds, tries and waits have the engine's own limits. */
    while (status == AKS_OK && fleet->running > 0)
        status = aks_loop_turn(&fleet->loop, err);
    ret_figures->burst_100ms = fleet->bucket.all.most_100ms;
    ret_figures->burst_1s = fleet->bucket.all.most_1s;
    ret_figures->again_100ms = fleet->bucket.again.most_100ms;
    ret_figures->again_1s = fleet->bucket.again.most_1s;
    for (unsigned i = 0; fleet->machines != NULL && i < options->machines; i++) {
        if (fleet->machines[i].fleet != NULL)
            aks_fleet_machine_stop(&fleet->machines[i]);
    }
    aks_mem_free(options->alloc, fleet->machines);
    aks_loop_fini(&fleet->loop);
    aks_agenda_fini(&fleet->agenda);
    aks_settings_fini(&fleet->settings);
    aks_mem_free(options->alloc, fleet);
    return status;
}
