/* The queue's part of a run: what is owed is durable before anything is sent, and stays so until it
 * is delivered. */
#include "base/check.h"
#include "engine/job_compare.h"
#include "engine/job_end.h"
#include "engine/job_variables.h"
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

static enum aks_status
copy_strings(const struct aks_alloc *alloc, char *const *texts, size_t count, char ***ret,
    size_t *ret_count)
{
    if (count == 0)
        return AKS_OK;
    *ret = aks_mem_array(alloc, count, sizeof(**ret));
    while (*ret != NULL && *ret_count < count) {
        if (copy_string(alloc, texts[*ret_count], &(*ret)[*ret_count]) != AKS_OK)
            return AKS_LIMIT;
        (*ret_count)++;
    }
    return *ret != NULL ? AKS_OK : AKS_LIMIT;
}

/* What belongs to the job whatever became of it: where it came from, and its upload. */
static enum aks_status
fill_origin(const struct aks_run *run, struct aks_job *job, struct aks_error *err)
{
    const struct aks_job *taken_up = run->options->job;
    const struct aks_alloc *alloc = run->engine->port->alloc;

    if (copy_string(alloc, run->upload_id, &job->upload_id) != AKS_OK)
        return aks_error_memory(err, "keeping what is owed");
    if (taken_up == NULL)
        return aks_job_variables_collect(run->engine->port, job, err);
    job->variables_known = taken_up->variables_known;
    if (copy_string(alloc, taken_up->folder, &job->folder) != AKS_OK ||
        copy_strings(alloc, taken_up->handed, taken_up->handed_count, &job->handed,
            &job->handed_count) != AKS_OK)
        return aks_error_memory(err, "keeping what is owed");
    return aks_policy_environment_copy(alloc, &taken_up->variables, &job->variables, err);
}

/* When it is tried again. */
static void
fill_wait(const struct aks_run *run, struct aks_job *job)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    job->rounds = run->park_ms > 0 ? run->rounds : 0;
    if (run->wait_ms <= 0)
        return;
    job->wait_ms = run->wait_ms;
    job->not_before_ms = clock->wall_ms(clock->ctx) + run->wait_ms;
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
    fill_wait(run, job);
    status = fill_origin(run, job, err);
    if (status == AKS_OK)
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
        status = (run->job_written ? aks_queue_replace : aks_queue_put)(run->engine->port,
            run->engine->queue_folder, &job, err);
    aks_job_fini(&job);
    return status;
}

static bool
any_state(const struct aks_run *run, enum aks_item_state state)
{
    for (size_t i = 0; i < run->item_count; i++) {
        if (run->items[i].state == state)
            return true;
    }
    return false;
}

/* Nothing of it is owed any more. */
static void
end_job(struct aks_run *run)
{
    bool vanished = !any_state(run, AKS_ITEM_STORED) && !any_state(run, AKS_ITEM_UNCHANGED) &&
        any_state(run, AKS_ITEM_FAILED);
    struct aks_job_ending ending = { .id = run->job_id, .enqueued_at_ms = run->enqueued_at_ms,
        .tries = (run->options->job != NULL ? run->options->job->tries : 0) + 1,
        .run_id = run->run_id, .outcome = any_state(run, AKS_ITEM_STORED) ? "stored"
            : any_state(run, AKS_ITEM_UNCHANGED) ? "unchanged" : vanished ? "vanished" : "skipped",
        .reason = vanished ? aks_status_name(AKS_SOURCE_MISSING) : NULL };
    struct aks_error err;
    enum aks_status status;

    aks_job_end_tell(run->engine, &ending);
    status = aks_queue_remove(run->engine->port, run->engine->queue_folder, run->job_id, &err);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        aks_log_write(run->engine->log, AKS_LOG_WARNING,
            "job %s is done but could not be removed: %s", run->job_id, err.message);
    run->job_written = false;
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
    if (run->job_gone)
        return;
    if (count > 0) {
        status = write_job(run, count, &err);
        if (status == AKS_OK) {
            run->job_written = true;
        } else if (status == AKS_NOT_FOUND && run->job_written) {
            aks_log_write(run->engine->log, AKS_LOG_INFO, "job %s is not in the queue any more: it "
                "was cancelled, or a newer one has superseded it", run->job_id);
            run->job_gone = true;
            run->job_written = false;
        }
        else if (!run->job_written)
            run->keep_error = err;
        /* An older version of the job that is still there names at least as much. */
        return;
    }
    if (run->job_written)
        end_job(run);
}

/* One target alone, for once, is not what a mirror owes. */
static bool
owes_more(const struct aks_run *run, const struct aks_job *job)
{
    return job->mirror && run->options->target != NULL;
}

static bool
by_rows_alone(const struct aks_item *item)
{
    if (item->state != AKS_ITEM_STORED && item->state != AKS_ITEM_UNCHANGED)
        return false;
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (!copy->rows &&
            (copy->state == AKS_COPY_STORED || copy->state == AKS_COPY_UNCHANGED))
            return false;
    }
    return true;
}

/* Is ${path} taken care of by this run: delivered, or in its own job? */
static bool
taken_over(const struct aks_run *run, const char *path)
{
    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];

        if (item->source.path == NULL || strcmp(item->source.path, path) != 0)
            continue;
        /* What a policy leaves out is not delivered; the job has a policy of its own. Nor is a file
         * whose rows alone were: an older job may owe it. */
        if (item->state == AKS_ITEM_SKIPPED || by_rows_alone(item))
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

/* Does ${job} mean the sources of its policy, and this run does too, of the same? Which files these
 * are need not be found out then. */
static bool
same_question(const struct aks_run *run, const struct aks_job *job)
{
    const struct aks_run_options *options = run->options;

    const struct aks_job_terms terms = { options->policy_text, options->environment,
        options->source_folder, options->target, options->no_fallback };

    if (job->source_count > 0 || options->sources != NULL || run->item_count == 0 ||
        !aks_job_same_terms(job, &terms, true))
        return false;
    for (size_t i = 0; i < run->item_count; i++) {
        if (run->items[i].pattern)
            continue;
        if (run->items[i].source.path == NULL || !taken_over(run, run->items[i].source.path))
            return false;
    }
    return true;
}

static enum aks_status
end_superseded(struct aks_run *run, const struct aks_job *job, struct aks_error *err)
{
    struct aks_job_ending ending = { .id = job->id, .enqueued_at_ms = job->enqueued_at_ms,
        .tries = job->tries, .outcome = "superseded", .by = run->job_id, .run_id = run->run_id };

    aks_job_end_replaced(run->engine, job);
    aks_job_end_tell(run->engine, &ending);
    return aks_queue_remove(run->engine->port, run->engine->queue_folder, job->id, err);
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
    if (status == AKS_OK && older(run, &job) && !owes_more(run, &job) &&
        (same_question(run, &job) || take_out(run, &job)))
        status = job.source_count == 0 ? end_superseded(run, &job, &err)
            : aks_queue_replace(port, run->engine->queue_folder, &job, &err);
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
    if (run_error->status != AKS_CANCELLED)
        run->wait_ms = aks_run_wait_ms(run);
    aks_run_keep(run);
    aks_run_supersede(run);
}
