#include "engine/enqueue.h"

#include "base/redact.h"
#include "base/units.h"
#include "engine/engine.h"
#include "engine/job_compare.h"
#include "engine/job_variables.h"
#include "engine/policy_text.h"
#include "engine/private_folder.h"
#include "engine/source.h"

#include <stdio.h>
#include <string.h>

/* Of a worker's own environment: what programs need that secrets are kept in. */
#define WORKER_VARIABLES_MAX 128

/* --- the job ---------------------------------------------------------------------------------- */

static enum aks_status
fill_sources(const struct aks_enqueue_options *options, struct aks_job *job, struct aks_error *err)
{
    const struct aks_port *port = options->port;
    const char *folder = port->environment.working_folder(port->environment.ctx);
    enum aks_status status = AKS_OK;

    if (options->source_count == 0)
        return AKS_OK;
    if (options->source_count > AKS_SOURCES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "%zu sources are over the limit of %d",
            options->source_count, AKS_SOURCES_MAX);
    job->sources = aks_mem_array(port->alloc, options->source_count, sizeof(*job->sources));
    if (job->sources == NULL)
        return aks_error_memory(err, "making a job");
    while (job->source_count < options->source_count && status == AKS_OK) {
        status = aks_source_absolute(port, options->sources[job->source_count], folder,
            &job->sources[job->source_count], err);
        job->source_count += status == AKS_OK;
    }
    return status;
}

/* What relative sources of the policy are relative to. */
static enum aks_status
fill_folder(const struct aks_enqueue_options *options, struct aks_job *job, struct aks_error *err)
{
    const struct aks_port *port = options->port;
    const char *path = job->policy.path;
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    const char *working = port->environment.working_folder(port->environment.ctx);

    if (options->source_count > 0)
        return AKS_OK;
    if (slash != NULL)
        job->folder = aks_mem_strndup(port->alloc, path,
            slash == path ? 1 : (size_t)(slash - path));
    else
        job->folder = aks_mem_strdup(port->alloc, working[0] == '/' ? working : "/");
    return job->folder != NULL ? AKS_OK : aks_error_memory(err, "making a job");
}

static enum aks_status
fill_job(const struct aks_enqueue_options *options, struct aks_job *job, struct aks_error *err)
{
    const struct aks_port *port = options->port;
    char id[32];
    enum aks_status status = aks_engine_make_id(port, id, err);

    (void)snprintf(job->id, sizeof(job->id), "%s", id);
    job->enqueued_at_ms = port->clock.wall_ms(port->clock.ctx);
    job->no_fallback = options->no_fallback;
    if (status == AKS_OK && options->policy != NULL)
        status = aks_policy_text_read(port, options->policy, &job->policy, err);
    job->policy.limits = options->limits;
    if (status == AKS_OK)
        status = aks_policy_environment_collect(port, options->allow, options->allow_count,
            &job->environment, err);
    if (status == AKS_OK)
        status = aks_job_variables_collect(port, job, err);
    if (status == AKS_OK)
        status = fill_sources(options, job, err);
    if (status == AKS_OK)
        status = fill_folder(options, job, err);
    if (status == AKS_OK && options->target != NULL) {
        job->target = aks_mem_strdup(port->alloc, options->target);
        if (job->target == NULL)
            status = aks_error_memory(err, "making a job");
    }
    return status;
}

/* --- the queue -------------------------------------------------------------------------------- */

static void
free_ids(const struct aks_alloc *alloc, char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, ids[i]);
    aks_mem_free(alloc, ids);
}

/* A job is later than those that it finds, also where the clock was once ahead of now: only those
 * whose names say so are looked into. */
static void
settle_age(const struct aks_port *port, const char *folder, char *const *ids, size_t count,
    struct aks_job *job)
{
    for (size_t i = count; i > 0 && strcmp(ids[i - 1], job->id) > 0; i--) {
        struct aks_job other;

        aks_job_init(&other, port->alloc);
        if (aks_queue_get(port, folder, ids[i - 1], &other, NULL) == AKS_OK &&
            other.enqueued_at_ms >= job->enqueued_at_ms)
            job->enqueued_at_ms = other.enqueued_at_ms + 1;
        aks_job_fini(&other);
    }
}

static enum aks_status
add_replaced(struct aks_job *job, const char *id, struct aks_error *err)
{
    if (job->replaces == NULL)
        job->replaces = aks_mem_array(job->alloc, AKS_QUEUE_JOBS_MAX, sizeof(*job->replaces));
    if (job->replaces == NULL)
        return aks_error_memory(err, "making room in the queue");
    if (job->replaces_count == AKS_QUEUE_JOBS_MAX)
        return AKS_OK;
    job->replaces[job->replaces_count] = aks_mem_strdup(job->alloc, id);
    if (job->replaces[job->replaces_count] == NULL)
        return aks_error_memory(err, "making room in the queue");
    job->replaces_count++;
    return AKS_OK;
}

/* Which of ${ids} does ${job} for as well? */
static enum aks_status
find_covered(const struct aks_port *port, const char *folder, char *const *ids, size_t count,
    struct aks_job *job, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < count && status == AKS_OK; i++) {
        struct aks_job other;

        aks_job_init(&other, port->alloc);
        if (aks_queue_get(port, folder, ids[i], &other, NULL) == AKS_OK &&
            aks_job_covers(job, &other)) {
            status = add_replaced(job, other.id, err);
            for (size_t j = 0; j < other.replaces_count && status == AKS_OK; j++)
                status = add_replaced(job, other.replaces[j], err);
        }
        aks_job_fini(&other);
    }
    return status;
}

/* The new one is there before the others go. ${err} says that the queue is full, and is what is
 * told if it stays so. */
static enum aks_status
put_instead(const struct aks_port *port, const char *folder, char *const *ids, size_t count,
    struct aks_job *job, struct aks_error *err)
{
    struct aks_error full = *err;
    enum aks_status status = find_covered(port, folder, ids, count, job, err);

    if (status == AKS_OK && job->replaces_count == 0) {
        *err = full;
        return AKS_LIMIT;
    }
    if (status == AKS_OK)
        status = aks_queue_put_instead(port, folder, job, err);
    for (size_t i = 0; i < job->replaces_count && status == AKS_OK; i++)
        (void)aks_queue_remove(port, folder, job->replaces[i], NULL);
    return status;
}

static enum aks_status
put(const struct aks_enqueue_options *options, struct aks_job *job, struct aks_error *err)
{
    const struct aks_port *port = options->port;
    char *folder = aks_mem_printf(port->alloc, "%s/queue", options->state_folder);
    struct aks_file_info info;
    char **ids = NULL;
    size_t count = 0;
    enum aks_status status;

    if (folder == NULL)
        return aks_error_memory(err, "making a job");
    status = aks_private_folder_check_all(port, options->state_folder, err);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        status = aks_engine_state_failure(status, options->state_folder, err);
    else
        status = aks_queue_list(port, folder, &ids, &count, err);
    if (status == AKS_OK && count == 0 &&
        port->files.stat(port->files.ctx, folder, true, &info, NULL) != AKS_OK)
        status = aks_engine_make_state_folder(port, options->state_folder, true, err);
    if (status == AKS_OK) {
        settle_age(port, folder, ids, count, job);
        status = aks_queue_put_beside(port, folder, job, count, err);
        if (status == AKS_LIMIT && count >= AKS_QUEUE_JOBS_MAX)
            status = put_instead(port, folder, ids, count, job, err);
    }
    free_ids(port->alloc, ids, count);
    aks_mem_free(port->alloc, folder);
    return status;
}

/* --- the worker ------------------------------------------------------------------------------- */

static bool
passes(const char *pair)
{
    static const char *const names[] = { "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=",
        "TZ=", "TMPDIR=", "DISPLAY=", "WAYLAND_DISPLAY=", "XAUTHORITY=",
        "DBUS_SESSION_BUS_ADDRESS=", "SSH_AUTH_SOCK=", "GNUPGHOME=", "PASSWORD_STORE_DIR=", "LC_",
        "http_proxy=", "https_proxy=", "HTTPS_PROXY=", "all_proxy=", "ALL_PROXY=", "no_proxy=",
        "NO_PROXY=", "XDG_", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
        "LSAN_OPTIONS=" };

    if (aks_redact_assigned_secret(pair, strcspn(pair, "=")))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* A variable that has to be handed over is none of a process's, whatever it is called. */
static bool
handed(const struct aks_job *job, const char *pair)
{
    size_t len = strcspn(pair, "=");

    for (size_t i = 0; i < job->handed_count; i++) {
        if (strlen(job->handed[i]) == len && strncmp(job->handed[i], pair, len) == 0)
            return true;
    }
    return false;
}

static enum aks_status
start(const struct aks_enqueue_options *options, const struct aks_job *job, struct aks_seat *seat,
    struct aks_error *err)
{
    const struct aks_environment *environment = &options->port->environment;
    const struct aks_background *background = &options->port->background;
    const char *const argv[] = { "akosha-sync", "worker", "--until-empty", "--inherited", "--state",
        options->state_folder, NULL };
    const char *env[WORKER_VARIABLES_MAX + 1];
    const char *pair;
    size_t count = 0;

    for (unsigned i = 0; (pair = environment->at(environment->ctx, i)) != NULL; i++) {
        if (count < WORKER_VARIABLES_MAX && passes(pair) && !handed(job, pair))
            env[count++] = pair;
    }
    env[count] = NULL;
    return background->start(background->ctx, seat, argv, env, err);
}

/* Who has the seat is told; where nobody has it, a worker is started that finds it told. ${ret} is
 * then set. AKS_NOT_FOUND: somebody has it and cannot be told, now. */
static enum aks_status
tell_or_start(const struct aks_enqueue_options *options, const struct aks_job *job,
    const struct aks_buf *message, struct aks_enqueued *ret)
{
    const struct aks_background *background = &options->port->background;
    struct aks_seat *seat = NULL;
    struct aks_error *err = &ret->worker_error;
    enum aks_status status = background->take(background->ctx, options->state_folder, &seat, err);

    if (status != AKS_OK && status != AKS_CONFLICT)
        return status;
    if (status == AKS_OK) {
        (void)background->tell(background->ctx, options->state_folder, message->data,
            message->len, NULL);
        status = start(options, job, seat, err);
        if (status == AKS_OK)
            ret->worker = AKS_ENQUEUE_WORKER_STARTED;
        return status;
    }
    status = background->tell(background->ctx, options->state_folder, message->data, message->len,
        err);
    if (status == AKS_OK)
        ret->worker = AKS_ENQUEUE_WORKER_TOLD;
    return status;
}

/* The job is durable: whatever happens here is no failure of it. */
static void
see_to_worker(const struct aks_enqueue_options *options, const struct aks_job *job,
    struct aks_enqueued *ret)
{
    const struct aks_events *events = &options->port->events;
    struct aks_secret_wipe wipe;
    struct aks_buf message;
    enum aks_status status;

    aks_secret_wipe_init(&wipe, options->port->alloc);
    aks_buf_init(&message, &wipe.alloc, AKS_BACKGROUND_BYTES_MAX);
    status = aks_job_variables_message(options->port, job, &message, &ret->worker_error);
    if (status != AKS_OK)
        aks_buf_reset(&message);
    status = tell_or_start(options, job, &message, ret);
    for (unsigned i = 1; i < AKS_ENQUEUE_TELLS_MAX && status == AKS_NOT_FOUND; i++) {
        (void)events->wait(events->ctx, AKS_ENQUEUE_TELL_MS * AKS_NS_PER_MS, NULL);
        status = tell_or_start(options, job, &message, ret);
    }
    aks_buf_fini(&message);
}

enum aks_status
aks_enqueue(const struct aks_enqueue_options *options, struct aks_enqueued *ret_enqueued,
    struct aks_error *err)
{
    struct aks_job job;
    enum aks_status status;

    memset(ret_enqueued, 0, sizeof(*ret_enqueued));
    aks_job_init(&job, options->port->alloc);
    status = fill_job(options, &job, err);
    if (status == AKS_OK)
        status = put(options, &job, err);
    if (status == AKS_OK) {
        (void)snprintf(ret_enqueued->id, sizeof(ret_enqueued->id), "%s", job.id);
        ret_enqueued->handed = job.handed_count;
        if (!options->no_worker)
            see_to_worker(options, &job, ret_enqueued);
    }
    aks_job_fini(&job);
    return status;
}
