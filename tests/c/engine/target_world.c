#include "engine/target_world.h"

#include <stdlib.h>
#include <string.h>

struct calm_job {
    struct calm_job *next;
    aks_work_fn *fn;
    aks_work_done *done;
    void *arg;
};

static enum aks_status
calm_submit(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    struct calm_work *calm = ctx;
    struct calm_job *job = calloc(1, sizeof(*job));

    assert_non_null(job);
    job->fn = fn;
    job->done = done;
    job->arg = arg;
    if (calm->first == NULL)
        calm->first = job;
    else
        calm->last->next = job;
    calm->last = job;
    return AKS_OK;
}

static unsigned
calm_width(void *ctx)
{
    return 1;
}

/* One job a turn, so that a test can stop between two. */
static bool
calm_deliver(struct calm_work *calm)
{
    struct calm_job *job = calm->first;

    if (job == NULL || calm->stuck)
        return false;
    calm->first = job->next;
    job->fn(job->arg);
    job->done(job->arg);
    free(job);
    return true;
}

static enum aks_status
world_wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct target_world *world = ctx;
    const struct aks_events *events = &aks_os_port(world->os)->events;
    bool delivered = calm_deliver(&world->calm);

    if (world->deliver != NULL && world->deliver(world->deliver_ctx))
        delivered = true;
    return events->wait(events->ctx, delivered ? 0 : timeout_ns, err);
}

static void
world_wake(void *ctx)
{
    struct target_world *world = ctx;
    const struct aks_events *events = &aks_os_port(world->os)->events;

    events->wake(events->ctx);
}

static void
fill_settings(struct target_world *world, enum aks_target_kind kind)
{
    static char name[] = "place";

    aks_settings_init(&world->settings, aks_alloc_system());
    world->settings.retry.first_ms = 0;
    world->settings.retry.jitter = AKS_JITTER_NONE;
    world->settings.retry.tries = TARGET_WORLD_TRIES;
    world->policy.settings = &world->settings;
    world->target.kind = kind;
    world->target.name = name;
}

struct target_world *
target_world_new(enum aks_target_kind kind)
{
    struct target_world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = *aks_os_port(world->os);
    world->port.events = (struct aks_events) { world_wait, world_wake, world };
    world->folder = temp_folder_new();
    fill_settings(world, kind);
    aks_loop_init(&world->loop, &world->port);
    assert_int_equal(aks_ask_init(&world->ask, &world->loop, &world->policy, NULL, 1, NULL),
        AKS_OK);
    world->options.port = &world->port;
    world->options.loop = &world->loop;
    world->options.ask = &world->ask;
    world->options.settings = &world->target;
    world->options.system_id = TARGET_WORLD_SYSTEM;
    world->options.upload_id = TARGET_WORLD_UPLOAD;
    world->options.scratch_folder = temp_folder_path(world->folder);
    world->options.probe_ms = AKS_PROBE_MS_MAX;
    world->options.lingering = &world->lingering;
    world->at.class = aks_target_class_of(kind);
    world->at.options = &world->options;
    world->at.folder = TARGET_WORLD_FOLDER;
    world->at.part_bytes = 1000;
    world->at.create_only_holds = true;
    return world;
}

void
target_world_calm(struct target_world *world)
{
    world->calm.work = (struct aks_work) { calm_submit, calm_width, &world->calm };
    world->port.work = world->calm.work;
}

void
target_world_free(struct target_world *world)
{
    assert_int_equal(world->lingering, 0);
    assert_null(world->calm.first);
    aks_loop_fini(&world->loop);
    aks_ask_fini(&world->ask);
    aks_settings_fini(&world->settings);
    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
}
