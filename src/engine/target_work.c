#include "engine/target_work.h"

#include "base/check.h"

#include <sched.h>

/* What is copied at once: the owner of a body waits for one such read at most when it leaves. */
#define COPY_BYTES ((size_t)256 * 1024)

enum guard_state { GUARD_FREE, GUARD_HELD, GUARD_LEFT };

struct copy_job {
    struct aks_target_work work;        /* first */
    struct aks_body body;               /* borrowed: only under the guard */
    struct aks_target_file *file;
    int64_t offset;
    char data[COPY_BYTES];
};

static void
free_work(struct aks_target_work *work)
{
    if (work->release != NULL)
        work->release(work);
    aks_mem_free(work->port->alloc, work);
}

static void
run_work(void *arg)
{
    struct aks_target_work *work = arg;

    if (aks_target_work_left(work))
        return;
    /* What went wrong on the way to success is nobody's business. */
    if (work->run(work, &work->error) == AKS_OK)
        aks_error_clear(&work->error);
}

static void
work_done(void *arg)
{
    struct aks_target_work *work = arg;

    if (!aks_target_work_left(work))
        work->done(work->ctx, work);
    else if (work->lingering != NULL)
        (*work->lingering)--;
    free_work(work);
}

enum aks_status
aks_target_work_begin(struct aks_target_work *work, aks_target_work_done *done, void *ctx,
    struct aks_error *err)
{
    const struct aks_work *port = &work->port->work;
    enum aks_status status;

    work->done = done;
    work->ctx = ctx;
    atomic_init(&work->guard, GUARD_FREE);
    status = port->submit(port->ctx, run_work, work_done, work, err);
    if (status != AKS_OK)
        free_work(work);
    return status;
}

bool
aks_target_work_left(struct aks_target_work *work)
{
    return atomic_load(&work->guard) == GUARD_LEFT;
}

bool
aks_target_work_hold(struct aks_target_work *work)
{
    int expected = GUARD_FREE;

    return atomic_compare_exchange_strong(&work->guard, &expected, GUARD_HELD);
}

void
aks_target_work_let(struct aks_target_work *work)
{
    atomic_store(&work->guard, GUARD_FREE);
}

/* The wait is for one read of COPY_BYTES or one rename; a lock to sleep on would be dearer. */
void
aks_target_work_leave(struct aks_target_work *work, unsigned *lingering)
{
    int expected = GUARD_FREE;

    if (work == NULL)
        return;
    while (!atomic_compare_exchange_strong(&work->guard, &expected, GUARD_LEFT)) {
        AKS_CHECK(expected == GUARD_HELD);
        expected = GUARD_FREE;
        (void)sched_yield();
    }
    work->lingering = lingering;
    if (lingering != NULL)
        (*lingering)++;
}

static enum aks_status
read_guarded(struct copy_job *job, int64_t done, size_t *ret_len, struct aks_error *err)
{
    int64_t left = job->body.bytes - done;
    size_t want = left < (int64_t)COPY_BYTES ? (size_t)left : COPY_BYTES;
    enum aks_status status;

    if (!aks_target_work_hold(&job->work))
        return aks_error_set(err, AKS_CANCELLED, "copying was cancelled");
    status = job->body.read(job->body.ctx, done, job->data, want, ret_len, err);
    aks_target_work_let(&job->work);
    return status;
}

static enum aks_status
run_copy(struct aks_target_work *work, struct aks_error *err)
{
    struct copy_job *job = (struct copy_job *)work;
    const struct aks_files *files = &work->port->files;
    int64_t done = 0;

    while (done < job->body.bytes) {
        size_t len = 0;
        enum aks_status status = read_guarded(job, done, &len, err);

        if (status == AKS_OK)
            status = files->write(job->file->handle, job->offset + done, job->data, len, err);
        if (status != AKS_OK)
            return status;
        done += (int64_t)len;
    }
    return AKS_OK;
}

static void
release_copy(struct aks_target_work *work)
{
    aks_target_file_drop(((struct copy_job *)work)->file);
}

struct aks_target_work *
aks_target_work_copy(const struct aks_port *port, const struct aks_body *body,
    struct aks_target_file *file, int64_t offset)
{
    struct copy_job *job = aks_mem_resize(port->alloc, NULL, sizeof(*job));

    if (job == NULL)
        return NULL;
    /* Not zeroed as a whole: the buffer need not be. */
    job->work = (struct aks_target_work) { 0 };
    job->work.port = port;
    job->work.run = run_copy;
    job->work.release = release_copy;
    job->body = *body;
    job->file = aks_target_file_use(file);
    job->offset = offset;
    return &job->work;
}

enum aks_status
aks_target_file_create(const struct aks_port *port, const char *path,
    struct aks_target_file **ret_file, struct aks_error *err)
{
    struct aks_target_file *file = aks_mem_new(port->alloc, sizeof(*file));
    enum aks_status status;

    if (file == NULL)
        return aks_error_memory(err, "creating a file");
    file->port = port;
    file->users = 1;
    status = port->files.open(port->files.ctx, path, AKS_FILE_CREATE, &file->handle, err);
    if (status != AKS_OK) {
        aks_mem_free(port->alloc, file);
        return status;
    }
    *ret_file = file;
    return AKS_OK;
}

struct aks_target_file *
aks_target_file_use(struct aks_target_file *file)
{
    AKS_CHECK(file->users > 0);
    file->users++;
    return file;
}

void
aks_target_file_drop(struct aks_target_file *file)
{
    if (file == NULL || --file->users > 0)
        return;
    file->port->files.close(file->handle);
    aks_mem_free(file->port->alloc, file);
}
