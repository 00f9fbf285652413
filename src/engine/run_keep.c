/* The queue's part of a run: what is owed is durable before anything is sent, and stays so until it
 * is delivered. */
#include "base/check.h"
#include "engine/policy_text.h"
#include "engine/queue.h"
#include "engine/run.h"
#include "engine/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool
owed(const struct aks_run *run, const struct aks_item *item)
{
    if (item->source.path == NULL || item->pattern)
        return false;
    if (item->state == AKS_ITEM_PENDING)
        return true;
    if (item->state != AKS_ITEM_FAILED)
        return false;
    /* A job that was taken up is done with a source that has vanished since: there is nothing to
     * bring. */
    return run->options->job == NULL || item->error.status != AKS_SOURCE_MISSING;
}

static void
free_ids(const struct aks_alloc *alloc, char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, ids[i]);
    aks_mem_free(alloc, ids);
}

/* A run is later than every job that it finds, whatever the clocks said when those were written:
 * else a clock that was once ahead lets old jobs, with old policies, win over new ones. */
static void
settle_age(struct aks_run *run)
{
    const struct aks_port *port = run->engine->port;
    char **ids = NULL;
    size_t count = 0;

    if (run->aged)
        return;
    run->aged = true;
    run->enqueued_at_ms = run->started_at_ms;
    if (run->options->job != NULL) {
        run->enqueued_at_ms = run->options->job->enqueued_at_ms;
        return;
    }
    if (aks_queue_list(port, run->engine->queue_folder, &ids, &count, NULL) != AKS_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        struct aks_job job;

        aks_job_init(&job, port->alloc);
        if (aks_queue_get(port, run->engine->queue_folder, ids[i], &job, NULL) == AKS_OK &&
            job.enqueued_at_ms >= run->enqueued_at_ms)
            run->enqueued_at_ms = job.enqueued_at_ms + 1;
        aks_job_fini(&job);
    }
    free_ids(port->alloc, ids, count);
}

static enum aks_status
copy_string(const struct aks_alloc *alloc, const char *text, char **ret_copy)
{
    *ret_copy = text != NULL ? aks_mem_strdup(alloc, text) : NULL;
    return text != NULL && *ret_copy == NULL ? AKS_LIMIT : AKS_OK;
}

/* The run's job as it stands: what is owed, and why. */
static enum aks_status
fill_job(const struct aks_run *run, size_t count, struct aks_job *job, struct aks_error *err)
{
    const struct aks_run_options *options = run->options;
    const struct aks_alloc *alloc = run->engine->port->alloc;
    const struct aks_item *first = NULL;
    enum aks_status status;

    (void)snprintf(job->id, sizeof(job->id), "%s", run->job_id);
    job->enqueued_at_ms = run->enqueued_at_ms;
    job->tries = (options->job != NULL ? options->job->tries : 0) + 1;
    job->no_fallback = options->no_fallback;
    job->sources = aks_mem_array(alloc, count, sizeof(char *));
    if (job->sources == NULL)
        return aks_error_memory(err, "keeping what is owed");
    for (size_t i = 0; i < run->item_count; i++) {
        if (!owed(run, &run->items[i]))
            continue;
        if (first == NULL)
            first = &run->items[i];
        if (copy_string(alloc, run->items[i].source.path,
            &job->sources[job->source_count]) != AKS_OK)
            return aks_error_memory(err, "keeping what is owed");
        job->source_count++;
        job->mirror = job->mirror || run->items[i].mirror;
    }
    if (copy_string(alloc, options->target, &job->target) != AKS_OK)
        return aks_error_memory(err, "keeping what is owed");
    if (first != NULL && first->error.status != AKS_OK &&
        (copy_string(alloc, aks_status_name(first->error.status), &job->reason) != AKS_OK ||
            copy_string(alloc, first->error.message, &job->message) != AKS_OK))
        return aks_error_memory(err, "keeping what is owed");
    status = aks_policy_text_copy(alloc, options->policy_text, &job->policy, err);
    if (status == AKS_OK)
        status = aks_policy_environment_copy(alloc, options->environment, &job->environment, err);
    return status;
}

static enum aks_status
write_job(struct aks_run *run, size_t count, struct aks_error *err)
{
    struct aks_job job;
    enum aks_status status;

    aks_job_init(&job, run->engine->port->alloc);
    status = fill_job(run, count, &job, err);
    if (status == AKS_OK)
        status = aks_queue_put(run->engine->port, run->engine->queue_folder, &job, err);
    aks_job_fini(&job);
    return status;
}

void
aks_run_keep(struct aks_run *run)
{
    struct aks_error err;
    enum aks_status status = AKS_OK;
    size_t count = 0;

    for (size_t i = 0; i < run->item_count; i++)
        count += owed(run, &run->items[i]);
    aks_error_clear(&run->keep_error);
    settle_age(run);
    if (count > 0) {
        status = write_job(run, count, &err);
        if (status == AKS_OK)
            run->job_written = true;
        else if (!run->job_written)
            run->keep_error = err;
        /* An older version of the job that is still there names at least as much. */
        return;
    }
    if (!run->job_written)
        return;
    status = aks_queue_remove(run->engine->port, run->engine->queue_folder, run->job_id, &err);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        aks_log_write(run->engine->log, AKS_LOG_WARNING,
            "job %s is done but could not be removed: %s", run->job_id, err.message);
    run->job_written = false;
}

/* One target alone, for once, is not what a mirror owes. */
static bool
owes_more(const struct aks_run *run, const struct aks_job *job)
{
    return job->mirror && run->options->target != NULL;
}

/* Is ${path} taken care of by this run: delivered, or in its own job? */
static bool
taken_over(const struct aks_run *run, const char *path)
{
    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];

        if (item->source.path == NULL || strcmp(item->source.path, path) != 0)
            continue;
        /* What a policy leaves out is not delivered; the job has a policy of its own. */
        if (item->state == AKS_ITEM_SKIPPED)
            return false;
        return !owed(run, item) || run->job_written;
    }
    return false;
}

/* Takes the sources that this run has out of ${job}; true if that changed it. */
static bool
take_out(const struct aks_run *run, struct aks_job *job)
{
    size_t left = 0;
    size_t before = job->source_count;

    for (size_t i = 0; i < before; i++) {
        if (taken_over(run, job->sources[i]))
            aks_mem_free(job->alloc, job->sources[i]);
        else
            job->sources[left++] = job->sources[i];
    }
    job->source_count = left;
    return left != before;
}

/* Is ${job} older than this run's? Of two of one moment the ids decide, so that not each removes
 * the other. */
static bool
older(const struct aks_run *run, const struct aks_job *job)
{
    if (job->enqueued_at_ms != run->enqueued_at_ms)
        return job->enqueued_at_ms < run->enqueued_at_ms;
    return strcmp(job->id, run->job_id) < 0;
}

static void
supersede_job(struct aks_run *run, const char *id)
{
    const struct aks_port *port = run->engine->port;
    struct aks_job job;
    struct aks_error err;
    enum aks_status status;

    aks_job_init(&job, port->alloc);
    status = aks_queue_get(port, run->engine->queue_folder, id, &job, &err);
    /* A job that is newer than this run's is not superseded by it. */
    if (status == AKS_OK && older(run, &job) && !owes_more(run, &job) && take_out(run, &job))
        status = job.source_count == 0
            ? aks_queue_remove(port, run->engine->queue_folder, id, &err)
            : aks_queue_put(port, run->engine->queue_folder, &job, &err);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "job %s: %s", id, err.message);
    aks_job_fini(&job);
}

void
aks_run_supersede(struct aks_run *run)
{
    const struct aks_port *port = run->engine->port;
    struct aks_error err;
    char **ids = NULL;
    size_t count = 0;

    settle_age(run);
    if (aks_queue_list(port, run->engine->queue_folder, &ids, &count, &err) != AKS_OK) {
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "the queue cannot be read: %s",
            err.message);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ids[i], run->job_id) != 0)
            supersede_job(run, ids[i]);
    }
    free_ids(port->alloc, ids, count);
}

/* Is every source of the run known by its path? */
static bool
all_known(const struct aks_run *run)
{
    for (size_t i = 0; i < run->item_count; i++) {
        if (run->items[i].source.path == NULL)
            return false;
    }
    return run->item_count > 0;
}

void
aks_run_keep_at_end(struct aks_run *run, bool loaded, const struct aks_error *run_error)
{
    /* A job that no try could ever begin would stand in the queue for ever. */
    if (run->options->dry_run || (!loaded && run_error->status == AKS_SETTINGS))
        return;
    /* What is owed is not known: a job of the queue stays as it is, and there is no other. */
    if (!loaded && !all_known(run)) {
        if (!run->job_written)
            run->keep_error = *run_error;
        return;
    }
    aks_run_keep(run);
    aks_run_supersede(run);
}

static void
note_leftover(json_t *report, const char *id, const char *outcome, const char *reason)
{
    json_t *jobs = json_object_get(report, "jobs");

    if (jobs == NULL) {
        jobs = json_array();
        (void)json_object_set_new(report, "jobs", jobs);
    }
    (void)json_array_append_new(jobs,
        json_pack("{s:s, s:s, s:o}", "job_id", id, "outcome", outcome, "reason",
            reason != NULL ? aks_text_json(reason) : json_null()));
}

static void
run_job(struct aks_engine *engine, const struct aks_job *job, json_t *report)
{
    struct aks_run_options options = { 0 };
    struct aks_policy *policy = NULL;
    struct aks_error err;
    json_t *own = NULL;
    enum aks_status status;

    status = engine->loader.load(engine->loader.ctx, &job->policy, &job->environment, &policy,
        &err);
    if (status == AKS_OK) {
        options.policy = policy;
        options.policy_text = &job->policy;
        options.environment = &job->environment;
        options.sources = (const char *const *)job->sources;
        options.source_count = job->source_count;
        options.source_folder = "/";
        options.target = job->target;
        options.no_fallback = job->no_fallback;
        options.job = job;
        status = aks_run(engine, &options, &own, &err);
    }
    if (status != AKS_OK)
        note_leftover(report, job->id, "queued", err.message);
    else
        note_leftover(report, job->id, json_string_value(json_object_get(own, "outcome")),
            json_string_value(json_object_get(json_object_get(own, "error"), "message")));
    json_decref(own);
    if (policy != NULL)
        policy->free(policy);
}

void
aks_run_leftovers(struct aks_engine *engine, json_t *report)
{
    const struct aks_port *port = engine->port;
    const char *current = json_string_value(json_object_get(report, "job_id"));
    struct aks_error err;
    char **ids = NULL;
    size_t count = 0;

    if (aks_queue_list(port, engine->queue_folder, &ids, &count, &err) != AKS_OK)
        return;
    for (size_t i = 0; i < count && atomic_load(&engine->interrupted) == 0; i++) {
        struct aks_job job;

        if (current != NULL && strcmp(ids[i], current) == 0)
            continue;
        aks_job_init(&job, port->alloc);
        if (aks_queue_get(port, engine->queue_folder, ids[i], &job, &err) == AKS_OK)
            run_job(engine, &job, report);
        else
            note_leftover(report, ids[i], "failed", err.message);
        aks_job_fini(&job);
    }
    free_ids(port->alloc, ids, count);
}
