/* An object of a dir target from behind: what it is, a range of its bytes, and taking it away. */
#include "base/check.h"
#include "engine/target_dir_internal.h"

#include <stdio.h>
#include <string.h>

struct read_job {
    struct aks_target_work work;        /* first */
    char *root;
    char *folder;
    char *path;
    bool is_folder;                     /* of remove: the key ended in '/' */
    char etag[AKS_TARGET_ETAG_BYTES];   /* wanted, or "" */
    int64_t offset;
    size_t len;
    char *data;
    struct aks_target_stat stat;
};

enum aks_status
aks_target_dir_open_object(const struct aks_port *port, const char *root, const char *folder,
    const char *path, struct aks_file **ret_file, struct aks_file_info *ret_info,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *file = NULL;
    struct aks_file_info there;
    enum aks_status status;

    status = aks_target_dir_way(port, root, folder, false, err);
    if (status == AKS_OK)
        status = files->stat(files->ctx, path, false, &there, err);
    if (status != AKS_OK)
        return status;
    if (there.type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_NOT_FOUND, "%s is no regular file", path);
    status = files->open(files->ctx, path, AKS_FILE_READ, &file, err);
    if (status == AKS_OK)
        status = files->info(file, ret_info, err);
    /* Opening follows links: it must be the very file that was looked at. */
    if (status == AKS_OK && (ret_info->inode != there.inode || ret_info->device != there.device))
        status = aks_error_set(err, AKS_BAD_REPLY, "%s was replaced while it was opened", path);
    if (status != AKS_OK) {
        files->close(file);
        return status;
    }
    *ret_file = file;
    return AKS_OK;
}

static void
tell(const struct aks_file_info *info, struct aks_target_stat *ret_stat)
{
    ret_stat->bytes = info->bytes;
    (void)snprintf(ret_stat->etag, sizeof(ret_stat->etag), "\"%llx-%llx-%llx-%llx\"",
        (unsigned long long)info->device, (unsigned long long)info->inode,
        (unsigned long long)info->bytes, (unsigned long long)info->mtime_ns);
}

static void
release(struct aks_target_work *work)
{
    struct read_job *job = (struct read_job *)work;
    const struct aks_alloc *alloc = work->port->alloc;

    aks_mem_free(alloc, job->root);
    aks_mem_free(alloc, job->folder);
    aks_mem_free(alloc, job->path);
    aks_mem_free(alloc, job->data);
}

/* The places of ${call}'s key; "x/" is the folder x. */
static enum aks_status
fill(struct read_job *job, const struct dir_call *call, struct aks_error *err)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    size_t len = strlen(call->key);
    enum aks_status status;
    char *key;

    job->is_folder = len > 1 && call->key[len - 1] == '/';
    key = aks_mem_strndup(alloc, call->key, job->is_folder ? len - 1 : len);
    if (key == NULL)
        return aks_error_memory(err, "reading an object");
    status = aks_target_dir_path(call->target, key, &job->path, err);
    aks_mem_free(alloc, key);
    if (status != AKS_OK)
        return status;
    job->root = aks_mem_strdup(alloc, call->target->root);
    job->folder = aks_target_dir_folder_of(alloc, job->path);
    if (job->root == NULL || job->folder == NULL)
        return aks_error_memory(err, "reading an object");
    return AKS_OK;
}

static struct read_job *
prepare(struct dir_call *call, enum aks_status (*run)(struct aks_target_work *work,
    struct aks_error *err), struct aks_error *err)
{
    const struct aks_port *port = call->target->port;
    struct read_job *job = aks_mem_new(port->alloc, sizeof(*job));

    if (job == NULL) {
        (void)aks_error_memory(err, "reading an object");
        return NULL;
    }
    job->work.port = port;
    job->work.run = run;
    job->work.release = release;
    if (fill(job, call, err) == AKS_OK)
        return job;
    release(&job->work);
    aks_mem_free(port->alloc, job);
    return NULL;
}

/* stat */

static enum aks_status
run_stat(struct aks_target_work *work, struct aks_error *err)
{
    struct read_job *job = (struct read_job *)work;
    const struct aks_files *files = &work->port->files;
    struct aks_file_info info;
    enum aks_status status;

    status = aks_target_dir_way(work->port, job->root, job->folder, false, err);
    if (status == AKS_OK)
        status = files->stat(files->ctx, job->path, false, &info, err);
    if (status == AKS_OK && info.type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_NOT_FOUND, "%s is no regular file", job->path);
    if (status == AKS_OK)
        tell(&info, &job->stat);
    return status;
}

static struct aks_target_work *
prepare_stat(struct dir_call *call, struct aks_error *err)
{
    struct read_job *job = prepare(call, run_stat, err);

    return job != NULL ? &job->work : NULL;
}

static enum aks_status
took_stat(struct dir_call *call, struct aks_target_work *work, struct aks_error *err)
{
    *call->ret_stat = ((const struct read_job *)work)->stat;
    return AKS_OK;
}

static const struct dir_verb stat_verb = { "look at", prepare_stat, took_stat, NULL, NULL };

void
aks_target_dir_stat(struct aks_target *base, const char *key, struct aks_target_stat *ret_stat,
    aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);

    call->key = key;
    call->ret_stat = ret_stat;
    aks_target_dir_call_begin(call, &stat_verb, "stat", NULL, done, ctx);
}

/* get_range */

static enum aks_status
read_range(const struct read_job *job, struct aks_file *file, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    size_t done = 0;

    while (done < job->len) {
        size_t got = 0;
        enum aks_status status = files->read(file, job->offset + (int64_t)done, job->data + done,
            job->len - done, &got, err);

        if (status != AKS_OK)
            return status;
        if (got == 0)
            return aks_error_set(err, AKS_CORRUPT, "%s is shorter than it should be", job->path);
        done += got;
    }
    return AKS_OK;
}

static enum aks_status
run_range(struct aks_target_work *work, struct aks_error *err)
{
    struct read_job *job = (struct read_job *)work;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    enum aks_status status;

    status = aks_target_dir_open_object(work->port, job->root, job->folder, job->path, &file, &info,
        err);
    if (status != AKS_OK)
        return status;
    tell(&info, &job->stat);
    if (job->etag[0] != '\0' && strcmp(job->etag, job->stat.etag) != 0)
        status = aks_error_set(err, AKS_CONFLICT, "%s was replaced while it was read", job->path);
    if (status == AKS_OK)
        status = read_range(job, file, err);
    work->port->files.close(file);
    return status;
}

static struct aks_target_work *
prepare_range(struct dir_call *call, struct aks_error *err)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    struct read_job *job = prepare(call, run_range, err);

    if (job == NULL)
        return NULL;
    aks_target_etag(call->etag, job->etag);
    job->offset = call->offset;
    job->len = call->range_len;
    job->data = aks_mem_resize(alloc, NULL, job->len);
    if (job->data != NULL)
        return &job->work;
    (void)aks_error_memory(err, "reading an object");
    release(&job->work);
    aks_mem_free(alloc, job);
    return NULL;
}

static enum aks_status
took_range(struct dir_call *call, struct aks_target_work *work, struct aks_error *err)
{
    memcpy(call->ret_bytes, ((const struct read_job *)work)->data, call->range_len);
    return AKS_OK;
}

static const struct dir_verb range_verb = { "read", prepare_range, took_range, NULL, NULL };

void
aks_target_dir_get_range(struct aks_target *base, const char *key, const char *etag,
    int64_t offset, void *data, size_t len, aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);

    AKS_CHECK(offset >= 0);
    AKS_CHECK(len > 0 && len <= AKS_TARGET_RANGE_MAX);
    call->key = key;
    call->etag = etag;
    call->offset = offset;
    call->ret_bytes = data;
    call->range_len = len;
    aks_target_dir_call_begin(call, &range_verb, "read", NULL, done, ctx);
}

/* remove */

static enum aks_status
run_remove(struct aks_target_work *work, struct aks_error *err)
{
    struct read_job *job = (struct read_job *)work;
    const struct aks_files *files = &work->port->files;
    enum aks_status status = aks_target_dir_way(work->port, job->root, job->folder, false, err);

    if (status == AKS_OK)
        status = job->is_folder ? files->remove_folder(files->ctx, job->path, err)
            : files->unlink(files->ctx, job->path, err);
    /* A folder in which something is left stays. */
    if (status == AKS_NOT_FOUND || (status == AKS_CONFLICT && job->is_folder))
        return AKS_OK;
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, job->folder, err);
    return status;
}

static struct aks_target_work *
prepare_remove(struct dir_call *call, struct aks_error *err)
{
    struct read_job *job = prepare(call, run_remove, err);

    return job != NULL ? &job->work : NULL;
}

static const struct dir_verb remove_verb = { "remove", prepare_remove, NULL, NULL, NULL };

void
aks_target_dir_remove(struct aks_target *base, const char *key, aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);
    struct dir_target *target = (struct dir_target *)base;

    /* What was made last on the medium may go now: it is not taken for granted any more. */
    aks_mem_free(target->port->alloc, target->synced);
    target->synced = NULL;
    call->key = key;
    aks_target_dir_call_begin(call, &remove_verb, "remove", NULL, done, ctx);
}
