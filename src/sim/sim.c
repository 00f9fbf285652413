#include "sim/sim.h"

#include "base/check.h"
#include "base/units.h"
#include "sim/sim_internal.h"
#include "sim/vfs_sim.h"

#include <string.h>

#define WIDTH_USUAL 2

/* Every step of the disk and the network comes by here first. */
static void
step(void *ctx, const struct aks_sim_step *what, struct aks_sim_fault *ret_fault)
{
    struct aks_sim *sim = ctx;

    if (sim->dead) {
        ret_fault->status = AKS_STATE;
        return;
    }
    if (sim->above.step == NULL)
        return;
    sim->above.step(sim->above.ctx, what, ret_fault);
    if (ret_fault->dies)
        sim->dead = true;
}

static void
advance(void *ctx, int64_t ns)
{
    struct aks_sim *sim = ctx;

    aks_agenda_pass(&sim->agenda, ns);
}

static int64_t
now_ns(void *ctx)
{
    const struct aks_sim *sim = ctx;

    return sim->agenda.now_ns;
}

static int64_t
wall_ms(void *ctx)
{
    const struct aks_sim *sim = ctx;

    return aks_agenda_wall_ms(&sim->agenda);
}

static int32_t
utc_offset_s(void *ctx, int64_t wall_ms)
{
    const struct aks_sim *sim = ctx;

    return sim->utc_offset_s;
}

static int64_t
true_ms(void *ctx)
{
    const struct aks_sim *sim = ctx;

    return aks_agenda_true_ms(&sim->agenda);
}

static int64_t
slept_ms(void *ctx)
{
    const struct aks_sim *sim = ctx;

    return sim->agenda.slept_ns / AKS_NS_PER_MS;
}

/* Work runs on the one thread of the world: time passes, and what is due waits. */
static void
pause_ms(void *ctx, int64_t ms)
{
    advance(ctx, ms * AKS_NS_PER_MS);
}

static enum aks_status
fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    struct aks_sim *sim = ctx;
    uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(aks_rng_next(&sim->entropy) >> 56);
    return AKS_OK;
}

/* A process that died unwinds: work that it waits for has to end, and nothing else happens. */
static enum aks_status
wait_dead(struct aks_sim *sim, struct aks_error *err)
{
    aks_work_sim_drain(&sim->work);
    return aks_error_set(err, AKS_STATE, "the simulated process has died");
}

static enum aks_status
wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct aks_sim *sim = ctx;

    if (sim->dead)
        return wait_dead(sim, err);
    if (sim->woken) {
        sim->woken = false;
        timeout_ns = 0;
    }
    if (timeout_ns < 0 && aks_heap_first(&sim->agenda.heap) == NULL)
        return aks_error_set(err, AKS_INTERNAL, "nothing is under way in the simulated world, and "
            "the engine waits for ever");
    (void)aks_agenda_step(&sim->agenda, timeout_ns);
    aks_background_sim_deliver(&sim->background);
    return sim->dead ? wait_dead(sim, err) : AKS_OK;
}

static void
wake(void *ctx)
{
    struct aks_sim *sim = ctx;

    sim->woken = true;
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct aks_sim *sim = ctx;
    const struct aks_http *http = aks_network_sim_port(sim->network);

    if (sim->dead)
        return aks_error_set(err, AKS_STATE, "the simulated process has died");
    return http->submit(http->ctx, request, done, done_ctx, ret_call, err);
}

static void
cancel(void *ctx, struct aks_http_call *call)
{
    struct aks_sim *sim = ctx;
    const struct aks_http *http = aks_network_sim_port(sim->network);

    http->cancel(http->ctx, call);
}

static void
fill_port(struct aks_sim *sim)
{
    struct aks_port *port = &sim->port;

    port->alloc = sim->alloc;
    port->clock = (struct aks_clock) { now_ns, wall_ms, utc_offset_s, pause_ms, slept_ms, sim };
    port->http = (struct aks_http) { submit, cancel, sim };
    port->entropy = (struct aks_entropy) { fill, sim };
    port->work = aks_work_sim_port(&sim->work);
    port->environment = aks_environment_sim_port(&sim->environment);
    port->process = aks_process_sim_port(&sim->process);
    port->background = aks_background_sim_port(&sim->background);
    port->events = (struct aks_events) { wait, wake, sim };
}

static enum aks_status
make_disk(struct aks_sim *sim, const struct aks_sim_options *options, struct aks_error *err)
{
    uint64_t seed = aks_rng_next(&sim->entropy);
    struct aks_files *files;
    enum aks_status status = aks_files_sim_new(sim->alloc, &sim->port.clock, &sim->hook, advance,
        sim, seed, &sim->files, err);

    if (status != AKS_OK)
        return status;
    files = aks_files_sim_port(sim->files);
    status = aks_vfs_sim_new(sim->alloc, files, &sim->port.clock, seed, &sim->vfs, err);
    if (status == AKS_OK)
        status = aks_files_sim_make_folders(sim->files, options->home, err);
    if (status == AKS_OK)
        status = aks_files_sim_make_folders(sim->files, options->working_folder, err);
    sim->port.files = *files;
    return status;
}

enum aks_status
aks_sim_new(const struct aks_sim_options *options, struct aks_sim **ret_sim, struct aks_error *err)
{
    struct aks_sim *sim = aks_mem_new(options->alloc, sizeof(*sim));
    enum aks_status status;

    if (sim == NULL)
        return aks_error_memory(err, "making a simulated machine");
    sim->alloc = options->alloc;
    sim->utc_offset_s = options->utc_offset_s;
    sim->above = options->hook;
    sim->hook = (struct aks_sim_hook) { step, sim };
    aks_rng_init(&sim->entropy, options->seed);
    aks_agenda_init(&sim->agenda, sim->alloc, aks_rng_next(&sim->entropy), options->wall_ms);
    aks_work_sim_init(&sim->work, sim->alloc, &sim->agenda, aks_rng_next(&sim->entropy),
        options->width > 0 ? options->width : WIDTH_USUAL);
    aks_process_sim_init(&sim->process, sim->alloc, &sim->agenda, &sim->dead);
    aks_background_sim_init(&sim->background, sim->alloc, &sim->dead, &sim->woken);
    fill_port(sim);
    status = aks_environment_sim_init(&sim->environment, sim->alloc, options, err);
    if (status == AKS_OK)
        status = make_disk(sim, options, err);
    if (status == AKS_OK)
        status = aks_network_sim_new(sim->alloc, &sim->agenda, &sim->hook, true_ms, sim,
            &sim->network, err);
    if (status != AKS_OK) {
        aks_sim_free(sim);
        return status;
    }
    *ret_sim = sim;
    return AKS_OK;
}

void
aks_sim_free(struct aks_sim *sim)
{
    const struct aks_alloc *alloc;

    if (sim == NULL)
        return;
    alloc = sim->alloc;
    aks_network_sim_free(sim->network);
    aks_vfs_sim_free(sim->vfs);
    if (sim->files != NULL)
        aks_files_sim_free(sim->files);
    aks_work_sim_fini(&sim->work);
    aks_environment_sim_fini(&sim->environment);
    aks_process_sim_fini(&sim->process);
    aks_background_sim_fini(&sim->background);
    aks_agenda_fini(&sim->agenda);
    aks_mem_free(alloc, sim);
}

const struct aks_port *
aks_sim_port(const struct aks_sim *sim)
{
    return &sim->port;
}

struct aks_files_sim *
aks_sim_files(struct aks_sim *sim)
{
    return sim->files;
}

struct aks_network_sim *
aks_sim_network(struct aks_sim *sim)
{
    return sim->network;
}

struct aks_agenda *
aks_sim_agenda(struct aks_sim *sim)
{
    return &sim->agenda;
}

enum aks_status
aks_sim_variable(struct aks_sim *sim, const char *name, const char *value, struct aks_error *err)
{
    return aks_environment_sim_set(&sim->environment, name, value, err);
}

void
aks_sim_utc_offset(struct aks_sim *sim, int32_t utc_offset_s)
{
    sim->utc_offset_s = utc_offset_s;
}

enum aks_status
aks_sim_program(struct aks_sim *sim, const struct aks_sim_program *program, struct aks_error *err)
{
    return aks_process_sim_set(&sim->process, program, err);
}

unsigned
aks_sim_program_starts(const struct aks_sim *sim, const char *name)
{
    return aks_process_sim_starts(&sim->process, name);
}

bool
aks_sim_worker_started(const struct aks_sim *sim)
{
    return sim->background.seat == AKS_SIM_SEAT_STARTED;
}

unsigned
aks_sim_worker_starts(const struct aks_sim *sim)
{
    return sim->background.starts;
}

unsigned
aks_sim_work_under_way(const struct aks_sim *sim)
{
    return sim->work.under_way;
}

void
aks_sim_kill(struct aks_sim *sim)
{
    sim->dead = true;
}

bool
aks_sim_dead(const struct aks_sim *sim)
{
    return sim->dead;
}

void
aks_sim_restart(struct aks_sim *sim, bool power)
{
    AKS_CHECK(sim->work.under_way == 0);
    aks_files_sim_crash(sim->files, power);
    aks_network_sim_crash(sim->network);
    aks_background_sim_crash(&sim->background, power);
    sim->dead = false;
    sim->woken = false;
}

void
aks_sim_pass(struct aks_sim *sim, int64_t ns)
{
    struct aks_agenda *agenda = &sim->agenda;
    int64_t until_ns = ns < INT64_MAX - agenda->now_ns ? agenda->now_ns + ns : INT64_MAX;

    AKS_CHECK(ns >= 0);
    while (aks_agenda_step(agenda, until_ns > agenda->now_ns ? until_ns - agenda->now_ns : 0))
        continue;
}
