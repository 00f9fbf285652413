/* What is new of a source, as lines in a scratch file: a job on a worker. */
#include "base/check.h"
#include "engine/run_push_internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct export_job {
    struct aks_memories_options options;
    const struct aks_port *port;
    struct aks_memories_result result;
    char path[AKS_PATH_BYTES];
    int64_t bytes;
    atomic_bool stop;
    bool done;
    struct aks_error error;
};

static bool
stopped(void *ctx)
{
    struct export_job *job = ctx;

    return atomic_load(&job->stop);
}

static enum aks_status
write_file(struct export_job *job, struct aks_error *err)
{
    struct aks_memories_file *file = NULL;
    enum aks_status status;

    status = aks_memories_file_new(job->port, job->path, AKS_MEMORIES_PUSH, &file, err);
    if (status == AKS_OK)
        status = aks_memories_export(&job->options, file, &job->result, err);
    if (status == AKS_OK)
        status = aks_memories_file_end(file, &job->bytes, err);
    aks_memories_file_free(file);
    return status;
}

static void
run_export(void *arg)
{
    struct export_job *job = arg;

    if (write_file(job, &job->error) == AKS_OK)
        aks_error_clear(&job->error);
}

static void
export_done(void *arg)
{
    struct export_job *job = arg;

    job->done = true;
}

/* The job owns nothing of the run's, but the run waits for it: nobody walks away while it reads a
 * snapshot that would be removed. An interrupt makes it end soon. */
static enum aks_status
wait_for(struct aks_run *run, struct export_job *job, struct aks_error *err)
{
    enum aks_status status = aks_run_drive(run, &job->done, err);

    if (status == AKS_OK)
        return AKS_OK;
    atomic_store(&job->stop, true);
    while (!job->done) {
        if (aks_loop_turn(&run->engine->loop, NULL) != AKS_OK)
            break;
    }
    return status;
}

static void
fill_options(struct push *push, struct export_job *job)
{
    struct aks_run *run = push->upload->run;
    const struct aks_item *item = push->copy->item;

    job->port = run->engine->port;
    job->options.port = job->port;
    job->options.scratch = run->engine->snapshot_folder;
    job->options.snapshot = item->snapshot;
    job->options.source_name = item->source.name;
    job->options.system_id = run->system_id;
    job->options.settings = &run->settings->memories;
    job->options.after = push->marks;
    job->options.after_count = push->mark_count;
    job->options.wall_ms = push->wall_ms;
    job->options.rows_max = AKS_PUSH_ROWS_MAX;
    job->options.stopped = stopped;
    job->options.ctx = job;
}

/* Once it is open it needs no name: a crash leaves nothing. */
static enum aks_status
open_file(struct push *push, const struct export_job *job, struct aks_error *err)
{
    const struct aks_files *files = &job->port->files;
    enum aks_status status;

    status = files->open(files->ctx, job->path, AKS_FILE_READ_OWN, &push->file, err);
    (void)files->unlink(files->ctx, job->path, NULL);
    return status;
}

enum aks_status
aks_run_push_export(struct push *push, struct aks_error *err)
{
    struct aks_run *run = push->upload->run;
    const struct aks_port *port = run->engine->port;
    struct export_job *job = aks_mem_new(port->alloc, sizeof(*job));
    char id[32];
    enum aks_status status;

    if (job == NULL)
        return aks_error_memory(err, "reading memories");
    atomic_init(&job->stop, false);
    fill_options(push, job);
    status = aks_engine_new_id(run->engine, id, err);
    (void)snprintf(job->path, sizeof(job->path), "%s/%s.memories", run->engine->scratch_folder, id);
    if (status == AKS_OK)
        status = port->work.submit(port->work.ctx, run_export, export_done, job, err);
    if (status == AKS_OK)
        status = wait_for(run, job, err);
    if (status == AKS_OK && job->error.status != AKS_OK) {
        *err = job->error;
        status = err->status;
    }
    if (status == AKS_OK) {
        push->taken = job->result;
        memset(&job->result, 0, sizeof(job->result));
        push->bytes = job->bytes;
        push->offset = 0;
        status = open_file(push, job, err);
    } else {
        (void)port->files.unlink(port->files.ctx, job->path, NULL);
    }
    aks_memories_result_fini(&job->result);
    aks_mem_free(port->alloc, job);
    return status;
}

void
aks_run_push_export_end(struct push *push)
{
    const struct aks_files *files = &push->upload->run->engine->port->files;

    if (push->file != NULL)
        files->close(push->file);
    push->file = NULL;
    aks_memories_result_fini(&push->taken);
    memset(&push->taken, 0, sizeof(push->taken));
}
