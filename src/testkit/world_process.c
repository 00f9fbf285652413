/* Processes of a world: each opens the engine on what the one before left, does one thing, and ends
 * or dies. */
#include "api/api_internal.h"
#include "base/check.h"
#include "testkit/world_internal.h"

#include <jansson.h>
#include <stdio.h>

static int64_t
now_ns(const struct aks_world *world)
{
    return aks_sim_agenda(world->sim)->now_ns;
}

static void
on_log(void *ctx, enum akosha_log_level level, const char *text)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    struct aks_world *world = ctx;

    aks_buf_printf(&world->log, "%s: %s\n", names[level], text);
}

/* As a program tells it: message and, where there is one, the hint. */
static enum aks_status
took(const struct akosha_error *error, struct aks_error *err)
{
    enum aks_status status = AKS_INTERNAL;

    (void)aks_status_from_name(error->failure, &status);
    if (status == AKS_OK)
        status = AKS_INTERNAL;
    (void)aks_error_set(err, status, "%s", error->message);
    if (error->hint[0] != '\0')
        aks_error_hint(err, "%s", error->hint);
    return status;
}

static int
open_engine(struct aks_world *world, struct akosha **ret_engine, struct akosha_error *error)
{
    struct akosha_options options = { 0 };
    int code;

    options.port = aks_sim_port(world->sim);
    options.log_level = AKOSHA_LOG_DEBUG;
    options.log = on_log;
    options.log_ctx = world;
    options.part_divisor = world->options.small ? AKS_WORLD_SMALL : 1;
    code = akosha_open(&options, ret_engine, error);
    if (code == AKOSHA_OK) {
        (*ret_engine)->script.lines = world->options.lines;
        (*ret_engine)->limits = world->options.limits;
    }
    return code;
}

static const char *
policy_path(struct aks_world *world)
{
    size_t len;

    return aks_files_sim_look(aks_sim_files(world->sim), AKS_WORLD_POLICY, &len) != NULL
        ? AKS_WORLD_POLICY : NULL;
}

static int
run_engine(struct aks_world *world, const struct aks_world_run_options *options,
    struct json_t **ret_report, struct akosha_error *error)
{
    struct akosha_run_options run = { 0 };
    struct akosha *engine = NULL;
    struct akosha_policy *policy = NULL;
    struct akosha_report *report = NULL;
    int code = open_engine(world, &engine, error);

    if (options != NULL) {
        run.sources = options->sources;
        run.source_count = options->source_count;
        run.target = options->target;
        run.no_fallback = options->no_fallback;
        run.dry_run = options->dry_run;
    }
    if (code == AKOSHA_OK)
        code = akosha_policy_load(engine, policy_path(world), NULL, 0, &policy, error);
    if (code == AKOSHA_OK)
        code = akosha_run(engine, policy, &run, &report, error);
    if (report != NULL)
        *ret_report = json_incref(report->json);
    akosha_report_free(report);
    akosha_policy_free(policy);
    akosha_close(engine);
    return code;
}

/* Counts anew what is counted for each process. */
static enum aks_status
begin(struct aks_world *world, const char *what, struct aks_error *err)
{
    enum aks_status status;

    AKS_CHECK(!world->died);
    aks_error_clear(err);
    /* What is wrong with a policy is for the run to say. */
    status = aks_world_learn(world, err);
    if (status != AKS_OK && status != AKS_POLICY && status != AKS_SETTINGS)
        return status;
    aks_error_clear(err);
    world->run_steps = 0;
    world->sent = false;
    world->committed = false;
    world->disk_trouble = world->full;
    /* Who starts a run wants targets asked, whatever they said to the one before. */
    world->wait_count = 0;
    world->begun_count = 0;
    world->run_began_ns = now_ns(world);
    world->process++;
    world->process_began_ns = world->run_began_ns;
    for (size_t i = 0; i < world->writer_count; i++)
        world->writers[i].since = aks_writer_committed(world->writers[i].writer);
    aks_world_story_event(world, "%s", what);
    return AKS_OK;
}

/* Tells how it ended. Of a process that died nothing is known. */
static enum aks_status
end(struct aks_world *world, enum aks_status status, json_t **ret_report, struct aks_error *err)
{
    if (world->died) {
        json_decref(*ret_report);
        *ret_report = NULL;
        aks_error_clear(err);
        aks_world_story_event(world, "died");
        return AKS_OK;
    }
    aks_world_story_report(world, *ret_report);
    /* The run could load the policy after all: learning it had been short of memory. */
    if (*ret_report != NULL) {
        (void)aks_world_learn(world, NULL);
        return AKS_OK;
    }
    if (status != AKS_OK)
        aks_world_story_event(world, "failed: %s", err->message);
    return status;
}

enum aks_status
aks_world_run(struct aks_world *world, const struct aks_world_run_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    struct akosha_error error = { 0 };
    enum aks_status status;
    int code;

    *ret_report = NULL;
    status = begin(world, "run", err);
    if (status != AKS_OK)
        return status;
    code = run_engine(world, options, ret_report, &error);
    if (code != AKOSHA_OK || *ret_report == NULL)
        status = took(&error, err);
    return end(world, status, ret_report, err);
}

static int
enqueue(struct aks_world *world, const struct aks_world_run_options *options,
    struct akosha_enqueued *ret_enqueued, struct akosha_error *error)
{
    struct akosha_enqueue_options enqueue = { .port = aks_sim_port(world->sim),
        .policy = policy_path(world) };

    if (options != NULL) {
        enqueue.sources = options->sources;
        enqueue.source_count = options->source_count;
        enqueue.target = options->target;
        enqueue.no_fallback = options->no_fallback;
    }
    return akosha_enqueue(&enqueue, ret_enqueued, error);
}

enum aks_status
aks_world_enqueue(struct aks_world *world, const struct aks_world_run_options *options,
    char ret_job_id[AKS_WORLD_JOB_ID_BYTES], struct aks_error *err)
{
    struct akosha_enqueued enqueued = { 0 };
    struct akosha_error error = { 0 };
    json_t *none = NULL;
    enum aks_status status;

    ret_job_id[0] = '\0';
    status = begin(world, "enqueue", err);
    if (status != AKS_OK)
        return status;
    if (enqueue(world, options, &enqueued, &error) != AKOSHA_OK)
        status = took(&error, err);
    if (status == AKS_OK && !world->died) {
        (void)snprintf(ret_job_id, AKS_WORLD_JOB_ID_BYTES, "%s", enqueued.job_id);
        aks_world_story_event(world, "enqueued");
        aks_world_owe(world, options);
    }
    return end(world, status, &none, err);
}

/* What a process that does one thing with the engine has in common with others. */
static enum aks_status
with_engine(struct aks_world *world, const char *what,
    int (*act)(struct aks_world *world, struct akosha *engine, const void *options,
        struct akosha_report **ret_report, struct akosha_error *error),
    const void *options, json_t **ret_report, struct aks_error *err)
{
    struct akosha_report *report = NULL;
    struct akosha_error error = { 0 };
    struct akosha *engine = NULL;
    enum aks_status status;
    int code;

    *ret_report = NULL;
    status = begin(world, what, err);
    if (status != AKS_OK)
        return status;
    code = open_engine(world, &engine, &error);
    if (code == AKOSHA_OK)
        code = act(world, engine, options, &report, &error);
    if (report != NULL)
        *ret_report = json_incref(report->json);
    akosha_report_free(report);
    akosha_close(engine);
    if (code != AKOSHA_OK || *ret_report == NULL)
        status = took(&error, err);
    return end(world, status, ret_report, err);
}

static int
work(struct aks_world *world, struct akosha *engine, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    const struct aks_world_worker_options *own = options;
    struct akosha_worker_options worker = { .once = own->once, .until_empty = !own->once,
        .inherited = true, .for_ms = own->for_ms };

    return akosha_worker(engine, &worker, ret_report, error);
}

enum aks_status
aks_world_worker(struct aks_world *world, const struct aks_world_worker_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    static const struct aks_world_worker_options usual = { 0 };

    return with_engine(world, "worker", work, options != NULL ? options : &usual, ret_report, err);
}

/* The way back: each loads the policy and does one thing with it. */

typedef int back_act(struct akosha *engine, struct akosha_policy *policy, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error);

struct back {
    back_act *act;
    const void *options;
};

static int
go_back(struct aks_world *world, struct akosha *engine, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    const struct back *back = options;
    struct akosha_policy *policy = NULL;
    int code = akosha_policy_load(engine, policy_path(world), NULL, 0, &policy, error);

    if (code == AKOSHA_OK)
        code = back->act(engine, policy, back->options, ret_report, error);
    akosha_policy_free(policy);
    return code;
}

static enum aks_status
with_policy(struct aks_world *world, const char *what, back_act *act, const void *options,
    json_t **ret_report, struct aks_error *err)
{
    const struct back back = { act, options };

    return with_engine(world, what, go_back, &back, ret_report, err);
}

static int
restore(struct akosha *engine, struct akosha_policy *policy, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    const struct aks_world_restore_options *own = options;
    struct akosha_restore_options restore = { .to = own->to, .upload_id = own->upload_id,
        .target = own->target, .force = own->force };

    return akosha_restore(engine, policy, &restore, ret_report, error);
}

enum aks_status
aks_world_restore(struct aks_world *world, const struct aks_world_restore_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    return with_policy(world, "restore", restore, options, ret_report, err);
}

static int
verify(struct akosha *engine, struct akosha_policy *policy, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    const struct aks_world_restore_options *own = options;
    struct akosha_verify_options verify = { .upload_id = own->upload_id, .target = own->target };

    return akosha_verify(engine, policy, &verify, ret_report, error);
}

enum aks_status
aks_world_verify(struct aks_world *world, const struct aks_world_restore_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    return with_policy(world, "verify", verify, options, ret_report, err);
}

static int
prune(struct akosha *engine, struct akosha_policy *policy, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    const struct aks_world_prune_options *own = options;
    struct akosha_prune_options prune = { .keep = own->keep, .target = own->target,
        .apply = own->apply };

    return akosha_prune(engine, policy, &prune, ret_report, error);
}

enum aks_status
aks_world_prune(struct aks_world *world, const struct aks_world_prune_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    return with_policy(world, "prune", prune, options, ret_report, err);
}

static int
list(struct akosha *engine, struct akosha_policy *policy, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    return akosha_list(engine, policy, options, ret_report, error);
}

enum aks_status
aks_world_list(struct aks_world *world, const char *target, struct json_t **ret_report,
    struct aks_error *err)
{
    return with_policy(world, "list", list, target, ret_report, err);
}

static int
fleet(struct akosha *engine, struct akosha_policy *policy, const void *options,
    struct akosha_report **ret_report, struct akosha_error *error)
{
    const struct aks_world_fleet_options *own = options;

    return akosha_fleet(engine, policy, own->target, own->stale, ret_report, error);
}

enum aks_status
aks_world_fleet(struct aks_world *world, const struct aks_world_fleet_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    return with_policy(world, "fleet", fleet, options, ret_report, err);
}
