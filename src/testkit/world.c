#include "testkit/world.h"

#include "base/check.h"
#include "base/units.h"
#include "testkit/world_internal.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 2

static int64_t
now_ns(const struct aks_world *world)
{
    return aks_sim_agenda(world->sim)->now_ns;
}

/* Beyond every limit: the process is ended, and the law on bounds is broken. */
static void
out_of_bounds(struct aks_world *world, const char *what, struct aks_sim_fault *ret_fault)
{
    (void)snprintf(world->broken, sizeof(world->broken), "bounded: a run took more than %s", what);
    ret_fault->dies = true;
}

/* Every step of the machine: counted, told, and maybe made to go wrong. */
static void
on_step(void *ctx, const struct aks_sim_step *step, struct aks_sim_fault *ret_fault)
{
    struct aks_world *world = ctx;
    char name[AKS_OPERATION_NAME_BYTES];
    struct aks_fault_step seen = { step, "", step->verb, 0 };
    const struct aks_world_target *target;

    if (world->learning || world->writing)
        return;
    world->steps++;
    world->run_steps++;
    aks_world_writers_step(world);
    seen.now_ns = now_ns(world);
    if (step->request != NULL) {
        target = aks_world_target_of(world, step->request);
        seen.target = target != NULL ? target->name : "";
        seen.operation = aks_operation_name(step->request->method, step->request->url, name);
    }
    if (world->run_steps > AKS_WORLD_STEPS_MAX)
        out_of_bounds(world, "2,000,000 steps", ret_fault);
    else if (seen.now_ns - world->run_began_ns > AKS_WORLD_RUN_NS_MAX)
        out_of_bounds(world, "30 days", ret_fault);
    else if (world->crash_at != 0 && world->steps >= world->crash_at)
        ret_fault->dies = true;
    else if (!world->calm)
        (void)aks_fault_plan_ask(&world->plan, &seen, ret_fault);
    if (step->place == AKS_SIM_DISK && ret_fault->status != AKS_OK)
        world->disk_trouble = true;
    /* A manifest in a folder; or the job's end: what is owed may be somewhere already. */
    if (step->place == AKS_SIM_DISK &&
        ((strcmp(step->verb, "rename") == 0 && strstr(step->subject, "/manifest.json") != NULL) ||
            (strcmp(step->verb, "unlink") == 0 && strstr(step->subject, "/queue/2") != NULL)))
        world->committed = true;
    if (ret_fault->dies) {
        world->died = true;
        world->crash_at = 0;
    }
    if (step->place == AKS_SIM_NETWORK)
        aks_world_sent_step(world, &seen, ret_fault);
    aks_world_story_step(world, &seen, ret_fault);
}

static enum aks_status
make_machine(struct aks_world *world, struct aks_error *err)
{
    struct aks_sim_options options = { 0 };
    enum aks_status status;

    options.alloc = world->alloc;
    options.seed = world->options.seed;
    options.wall_ms = world->options.start_ms != 0 ? world->options.start_ms : AKS_WORLD_WALL_MS;
    options.utc_offset_s = world->options.utc_offset_s;
    options.hook = (struct aks_sim_hook) { on_step, world };
    options.host_name = "laptop-7";
    options.home = AKS_WORLD_HOME;
    options.working_folder = AKS_WORLD_HOME;
    options.width = WIDTH;
    status = aks_sim_new(&options, &world->sim, err);
    if (status == AKS_OK)
        status = aks_sim_variable(world->sim, "AWS_ACCESS_KEY_ID", AKS_WORLD_ACCESS_KEY, err);
    if (status == AKS_OK)
        status = aks_sim_variable(world->sim, "AWS_SECRET_ACCESS_KEY", AKS_WORLD_SECRET_KEY, err);
    if (status == AKS_OK)
        status = aks_sim_variable(world->sim, AKS_WORLD_TOKEN_VARIABLE, AKS_WORLD_TOKEN, err);
    return status;
}

enum aks_status
aks_world_new(const struct aks_world_options *options, struct aks_world **ret_world,
    struct aks_error *err)
{
    struct aks_world *world = aks_mem_new(options->alloc, sizeof(*world));
    enum aks_status status;

    if (world == NULL)
        return aks_error_memory(err, "making a world");
    world->alloc = options->alloc;
    world->options = *options;
    aks_secret_list_init(&world->known, options->alloc);
    if (world->options.latency_ns == 0)
        world->options.latency_ns = AKS_NS_PER_MS / 2;
    aks_fault_plan_init(&world->plan, options->seed);
    aks_world_story_init(world);
    status = make_machine(world, err);
    if (status != AKS_OK) {
        aks_world_free(world);
        return status;
    }
    *ret_world = world;
    return AKS_OK;
}

void
aks_world_free(struct aks_world *world)
{
    if (world == NULL)
        return;
    aks_world_writers_fini(world);
    aks_sim_free(world->sim);
    aks_world_targets_fini(world);
    aks_world_files_fini(world);
    aks_world_sent_fini(world);
    aks_world_secrets_fini(world);
    aks_world_story_fini(world);
    aks_mem_free(world->alloc, world);
}

struct aks_sim *
aks_world_sim(struct aks_world *world)
{
    return world->sim;
}

struct aks_fault_plan *
aks_world_plan(struct aks_world *world)
{
    return &world->plan;
}

enum aks_status
aks_world_variable(struct aks_world *world, const char *name, const char *value,
    struct aks_error *err)
{
    world->learnt = false;
    return aks_sim_variable(world->sim, name, value, err);
}

enum aks_status
aks_world_usual_variables(struct aks_world *world, struct aks_error *err)
{
    enum aks_status status = aks_world_variable(world, "AKOSHA_CLOUD_BUCKET", "memories", err);

    return status != AKS_OK ? status
        : aks_world_variable(world, "AKOSHA_HTTP_URL", "https://akosha.example/upload", err);
}

bool
aks_world_died(const struct aks_world *world)
{
    return world->died;
}

void
aks_world_restart(struct aks_world *world, bool power)
{
    aks_world_writers_die(world, power);
    aks_sim_restart(world->sim, power);
    world->died = false;
    aks_world_story_event(world, power ? "restart after a loss of power" : "restart");
}

void
aks_world_advance(struct aks_world *world, int64_t ns)
{
    aks_sim_pass(world->sim, ns);
}

void
aks_world_sleep(struct aks_world *world, int64_t ns)
{
    aks_sim_pass(world->sim, ns);
    aks_sim_agenda(world->sim)->slept_ns += ns;
}

void
aks_world_crash_at(struct aks_world *world, uint64_t step)
{
    world->crash_at = step > 0 ? world->steps + step : 0;
}

bool
aks_world_crash_due(const struct aks_world *world)
{
    return world->crash_at != 0;
}

uint64_t
aks_world_steps(const struct aks_world *world)
{
    return world->steps;
}

void
aks_world_calm(struct aks_world *world, bool calm)
{
    world->calm = calm;
}
