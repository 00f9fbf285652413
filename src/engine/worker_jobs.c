#include "engine/worker_jobs.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

void
aks_worker_jobs_init(struct aks_worker_jobs *jobs, const struct aks_alloc *alloc)
{
    memset(jobs, 0, sizeof(*jobs));
    jobs->alloc = alloc;
}

void
aks_worker_jobs_fini(struct aks_worker_jobs *jobs)
{
    aks_mem_free(jobs->alloc, jobs->jobs);
    jobs->jobs = NULL;
    jobs->count = 0;
}

struct aks_worker_job *
aks_worker_jobs_find(struct aks_worker_jobs *jobs, const char *id)
{
    size_t low = 0;
    size_t high = jobs->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(jobs->jobs[middle].id, id);

        if (order == 0)
            return &jobs->jobs[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool
same_file(const struct aks_file_info *a, const struct aks_file_info *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
        a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static int64_t
due_ns(const struct aks_port *port, const struct aks_job *job)
{
    int64_t now_ns = port->clock.now_ns(port->clock.ctx);
    int64_t wait_ms = job->not_before_ms - port->clock.wall_ms(port->clock.ctx);

    if (job->not_before_ms == 0 || wait_ms < 0)
        return now_ns;
    if (wait_ms > job->wait_ms)
        wait_ms = job->wait_ms;
    return now_ns + wait_ms * AKS_NS_PER_MS;
}

static void
not_read(const struct aks_port *port, const struct aks_error *err, struct aks_worker_job *known)
{
    int64_t wait_ms = (int64_t)AKS_WORKER_READ_AGAIN_MS << known->unread;

    if (!known->damaged)
        known->unread++;
    known->due_ns = port->clock.now_ns(port->clock.ctx) + wait_ms * AKS_NS_PER_MS;
    known->exit_code = 1;
    (void)snprintf(known->failure, sizeof(known->failure), "%s", aks_status_name(err->status));
    (void)snprintf(known->message, sizeof(known->message), "%s", err->message);
}

/* Reads the job anew; false if it has gone meanwhile. */
static bool
read_job(const struct aks_port *port, const char *folder, struct aks_worker_job *known)
{
    struct aks_job job;
    struct aks_error err;
    enum aks_status status;

    aks_job_init(&job, port->alloc);
    status = aks_queue_look(port, folder, known->id, &job, &known->damaged, &err);
    if (status == AKS_OK) {
        known->enqueued_at_ms = job.enqueued_at_ms;
        known->due_ns = due_ns(port, &job);
        known->expects = job.handed_count > 0 && job.tries == 0;
        if (known->unread > 0)
            known->exit_code = 0;
        known->unread = 0;
    } else if (status != AKS_NOT_FOUND) {
        not_read(port, &err, known);
    }
    aks_job_fini(&job);
    return status != AKS_NOT_FOUND;
}

/* Is it time to try again what could not be read? */
static bool
read_again(const struct aks_worker_job *known, const struct aks_port *port)
{
    return known->unread > 0 && known->unread < AKS_WORKER_READS_MAX &&
        known->due_ns <= port->clock.now_ns(port->clock.ctx);
}

/* Fills ${ret_job} with what is known of ${id}, read if it is not; false if it is not there. */
static bool
look(struct aks_worker_jobs *jobs, const struct aks_port *port, const char *folder,
    const char *id, struct aks_worker_job *ret_job)
{
    const struct aks_worker_job *known = aks_worker_jobs_find(jobs, id);
    char *path = aks_mem_printf(port->alloc, "%s/%s.json", folder, id);
    struct aks_file_info info = { 0 };
    enum aks_status status = path == NULL ? AKS_LIMIT
        : port->files.stat(port->files.ctx, path, false, &info, NULL);

    aks_mem_free(port->alloc, path);
    if (status == AKS_NOT_FOUND)
        return false;
    if (known != NULL)
        *ret_job = *known;
    if (known != NULL && status != AKS_OK)
        return true;            /* nothing new is known of it */
    if (known != NULL && same_file(&known->info, &info) && !read_again(known, port))
        return true;
    if (known != NULL && !same_file(&known->info, &info))
        ret_job->unread = 0;
    (void)snprintf(ret_job->id, sizeof(ret_job->id), "%s", id);
    ret_job->info = info;
    return read_job(port, folder, ret_job);
}

static void
tell_gone(const struct aks_worker_jobs *before, struct aks_worker_jobs *now,
    void (*gone)(void *ctx, const char *id), void *ctx)
{
    for (size_t i = 0; i < before->count; i++) {
        if (aks_worker_jobs_find(now, before->jobs[i].id) == NULL)
            gone(ctx, before->jobs[i].id);
    }
}

enum aks_status
aks_worker_jobs_scan(struct aks_worker_jobs *jobs, const struct aks_port *port,
    const char *folder, void (*gone)(void *ctx, const char *id), void *ctx, struct aks_error *err)
{
    struct aks_worker_jobs now = { .alloc = jobs->alloc };
    char **ids = NULL;
    size_t count = 0;
    enum aks_status status = aks_queue_list(port, folder, &ids, &count, err);

    if (status != AKS_OK)
        return status;
    now.jobs = aks_mem_array(jobs->alloc, count > 0 ? count : 1, sizeof(*now.jobs));
    if (now.jobs == NULL)
        status = aks_error_memory(err, "looking at the queue");
    for (size_t i = 0; i < count && status == AKS_OK; i++) {
        if (look(jobs, port, folder, ids[i], &now.jobs[now.count]))
            now.count++;
        else
            memset(&now.jobs[now.count], 0, sizeof(now.jobs[0]));
    }
    for (size_t i = 0; i < count; i++)
        aks_mem_free(port->alloc, ids[i]);
    aks_mem_free(port->alloc, ids);
    if (status != AKS_OK)
        return status;
    tell_gone(jobs, &now, gone, ctx);
    aks_worker_jobs_fini(jobs);
    *jobs = now;
    return AKS_OK;
}

struct aks_worker_job *
aks_worker_jobs_next(struct aks_worker_jobs *jobs, int64_t now_ns, bool once)
{
    struct aks_worker_job *newest = NULL;

    for (size_t i = 0; i < jobs->count; i++) {
        struct aks_worker_job *job = &jobs->jobs[i];

        if (job->damaged || job->unread > 0 || (once ? job->tried : job->due_ns > now_ns))
            continue;
        /* Of two of one moment the later id, as supersession has it. */
        if (newest == NULL || job->enqueued_at_ms >= newest->enqueued_at_ms)
            newest = job;
    }
    return newest;
}

static bool
hopeless(const struct aks_worker_job *job)
{
    return job->damaged || job->unread >= AKS_WORKER_READS_MAX;
}

int64_t
aks_worker_jobs_due_ns(const struct aks_worker_jobs *jobs)
{
    int64_t next_ns = INT64_MAX;

    for (size_t i = 0; i < jobs->count; i++) {
        if (!hopeless(&jobs->jobs[i]) && jobs->jobs[i].due_ns < next_ns)
            next_ns = jobs->jobs[i].due_ns;
    }
    return next_ns;
}

size_t
aks_worker_jobs_left(const struct aks_worker_jobs *jobs)
{
    size_t left = 0;

    for (size_t i = 0; i < jobs->count; i++)
        left += !hopeless(&jobs->jobs[i]);
    return left;
}
