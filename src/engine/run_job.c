#include "engine/run_job.h"

#include "engine/audit_note.h"
#include "engine/delivery.h"
#include "engine/drill.h"
#include "engine/job_end.h"
#include "engine/job_variables.h"
#include "engine/run.h"
#include "engine/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Relative sources of a policy are its folder's. */
static const char *
source_folder(const struct aks_job *job, char ret_folder[AKS_PATH_BYTES])
{
    const char *slash = job->policy.path != NULL ? strrchr(job->policy.path, '/') : NULL;

    if (job->folder != NULL)
        return job->folder;
    if (slash == NULL || slash == job->policy.path)
        return "/";
    (void)snprintf(ret_folder, AKS_PATH_BYTES, "%.*s", (int)(slash - job->policy.path),
        job->policy.path);
    return ret_folder;
}

/* It cannot be tried: when it is again, and why not now. */
static void
put_off(struct aks_engine *engine, struct aks_job *job, const struct aks_error *why)
{
    const struct aks_clock *clock = &engine->port->clock;
    const struct aks_alloc *alloc = engine->port->alloc;
    struct aks_error err;

    job->tries++;
    job->wait_ms = AKS_RUN_WAIT_LASTING_MS;
    job->not_before_ms = clock->wall_ms(clock->ctx) + job->wait_ms;
    aks_mem_free(alloc, job->reason);
    aks_mem_free(alloc, job->message);
    job->reason = aks_mem_strdup(alloc, aks_status_name(why->status));
    job->message = aks_mem_strdup(alloc, why->message);
    if (aks_queue_replace(engine->port, engine->queue_folder, job, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "job %s: %s", job->id, err.message);
}

static enum aks_status
run_loaded(struct aks_engine *engine, const struct aks_job *job, const struct aks_policy *policy,
    bool park, json_t **ret_report, struct aks_error *err)
{
    struct aks_run_options options = { 0 };
    char folder[AKS_PATH_BYTES];

    options.policy = policy;
    options.policy_text = &job->policy;
    options.environment = &job->environment;
    options.sources = job->source_count > 0 ? (const char *const *)job->sources : NULL;
    options.source_count = job->source_count;
    options.source_folder = job->source_count > 0 ? "/" : source_folder(job, folder);
    options.target = job->target;
    options.no_fallback = job->no_fallback;
    options.job = job;
    options.park = park;
    return aks_run(engine, &options, ret_report, err);
}

/* A run that could not begin has kept nothing: the next try is put off here. */
static void
put_off_untried(struct aks_engine *engine, const struct aks_job *job, const json_t *report)
{
    const json_t *error = json_object_get(report, "error");
    const char *failure = json_string_value(json_object_get(error, "failure"));
    const char *message = json_string_value(json_object_get(error, "message"));
    struct aks_error why = { .status = AKS_INTERNAL };
    struct aks_job now;

    if (failure == NULL || message == NULL)
        return;
    (void)aks_status_from_name(failure, &why.status);
    (void)snprintf(why.message, sizeof(why.message), "%s", message);
    aks_job_init(&now, engine->port->alloc);
    if (aks_queue_get(engine->port, engine->queue_folder, job->id, &now, NULL) == AKS_OK &&
        now.tries == job->tries)
        put_off(engine, &now, &why);
    aks_job_fini(&now);
}

/* Gives the delivery back. */
static enum aks_status
run_read(struct aks_engine *engine, struct aks_job *job, const struct aks_run_job_options *options,
    json_t **ret_report, struct aks_error *err)
{
    struct aks_job_environment environment;
    struct aks_environment port;
    struct aks_policy *policy = NULL;
    enum aks_status status;

    aks_job_end_replaced(engine, job);
    aks_job_environment_init(&environment, &engine->process->environment, job, options->handed,
        &port);
    aks_engine_environment(engine, &port);
    status = engine->loader.load(engine->loader.ctx, &job->policy, &job->environment, &policy,
        err);
    if (status == AKS_OK)
        status = run_loaded(engine, job, policy, options->park, ret_report, err);
    else
        aks_audit_note_refused(engine, status == AKS_LIMIT, job->policy.path, NULL, err);
    if (status != AKS_OK && policy == NULL && options->park)
        put_off(engine, job, err);
    if (options->park && *ret_report != NULL && atomic_load(&engine->interrupted) == 0)
        put_off_untried(engine, job, *ret_report);
    /* Nobody has to wait for what comes now. */
    aks_delivery_give(engine);
    if (options->park && policy != NULL && atomic_load(&engine->interrupted) == 0)
        (void)aks_drill_when_due(engine, policy);
    if (policy != NULL)
        policy->free(policy);
    aks_engine_environment(engine, NULL);
    return status;
}

enum aks_status
aks_run_job(struct aks_engine *engine, const char *id, const struct aks_run_job_options *options,
    json_t **ret_report, struct aks_error *err)
{
    const struct aks_files *files = &engine->port->files;
    struct aks_job job;
    enum aks_status status;

    *ret_report = NULL;
    aks_job_init(&job, engine->port->alloc);
    status = aks_delivery_take(engine, err);
    if (status != AKS_OK)
        return status;
    /* Read when it is our turn: somebody else may have brought it meanwhile. */
    status = aks_queue_get(engine->port, engine->queue_folder, id, &job, err);
    /* Whoever made it may have died, or have failed, before its name was synced. Where that fails
     * here too, bringing it is all that can be done for it. */
    if (status == AKS_OK)
        (void)files->sync_folder(files->ctx, engine->queue_folder, NULL);
    if (status == AKS_OK)
        status = run_read(engine, &job, options, ret_report, err);
    else
        aks_delivery_give(engine);
    aks_job_fini(&job);
    return status;
}

void
aks_run_job_note(json_t *report, const char *id, const json_t *own, const struct aks_error *err)
{
    json_t *jobs = json_object_get(report, "jobs");
    const char *outcome = json_string_value(json_object_get(own, "outcome"));
    const char *reason = json_string_value(json_object_get(json_object_get(own, "error"),
        "message"));

    if (own == NULL) {
        outcome = err->status == AKS_STATE ? "failed" : "queued";
        reason = err->message;
    }
    if (jobs == NULL) {
        jobs = json_array();
        (void)json_object_set_new(report, "jobs", jobs);
    }
    if (json_array_size(jobs) >= AKS_QUEUE_JOBS_MAX)
        (void)json_array_remove(jobs, 0);
    (void)json_array_append_new(jobs, json_pack("{s:s, s:s, s:o}", "job_id", id, "outcome",
        outcome != NULL ? outcome : "failed", "reason",
        reason != NULL ? aks_text_json(reason) : json_null()));
}

void
aks_run_leftovers(struct aks_engine *engine, json_t *report)
{
    static const struct aks_run_job_options options = { NULL, false };
    const struct aks_port *port = engine->port;
    const char *current = json_string_value(json_object_get(report, "job_id"));
    struct aks_error err;
    char **ids = NULL;
    size_t count = 0;

    if (aks_queue_list(port, engine->queue_folder, &ids, &count, &err) != AKS_OK)
        return;
    /* The newest first: what older ones have in common with it is then superseded. */
    for (size_t i = count; i > 0 && atomic_load(&engine->interrupted) == 0; i--) {
        const char *id = ids[i - 1];
        json_t *own = NULL;
        enum aks_status status;

        if (current != NULL && strcmp(id, current) == 0)
            continue;
        status = aks_run_job(engine, id, &options, &own, &err);
        if (status != AKS_NOT_FOUND && status != AKS_CANCELLED)
            aks_run_job_note(report, id, own, &err);
        json_decref(own);
    }
    for (size_t i = 0; i < count; i++)
        aks_mem_free(port->alloc, ids[i]);
    aks_mem_free(port->alloc, ids);
}
