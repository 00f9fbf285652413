#include "support/faulty_files.h"

#include <stdlib.h>

/* Files of the real port are seen by their pointers only, so this type may have the name. */
struct aks_file {
    struct aks_file *real;
    struct faulty_files *faulty;
};

static bool
fails(struct faulty_files *faulty, const char *verb, struct aks_error *err)
{
    int64_t call = faulty->seen++;

    if (faulty->fail_at < 0 || call < faulty->fail_at ||
        (call > faulty->fail_at && !faulty->dead_after))
        return false;
    (void)aks_error_set(err, faulty->status, "cannot %s: made to fail", verb);
    return true;
}

static enum aks_status
faulty_open(void *ctx, const char *path, enum aks_file_open how, struct aks_file **ret_file,
    struct aks_error *err)
{
    struct faulty_files *faulty = ctx;
    struct aks_file *file;
    enum aks_status status;

    if (fails(faulty, "open", err))
        return faulty->status;
    file = calloc(1, sizeof(*file));
    if (file == NULL)
        abort();
    file->faulty = faulty;
    status = faulty->real->open(faulty->real->ctx, path, how, &file->real, err);
    if (status != AKS_OK) {
        free(file);
        return status;
    }
    *ret_file = file;
    return AKS_OK;
}

static void
faulty_close(struct aks_file *file)
{
    if (file == NULL)
        return;
    file->faulty->real->close(file->real);
    free(file);
}

static enum aks_status
faulty_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    if (fails(file->faulty, "read", err))
        return file->faulty->status;
    return file->faulty->real->read(file->real, offset, data, len, ret_len, err);
}

static enum aks_status
faulty_write(struct aks_file *file, int64_t offset, const void *data, size_t len,
    struct aks_error *err)
{
    if (fails(file->faulty, "write", err)) {
        (void)file->faulty->real->write(file->real, offset, data, len / 2, NULL);
        return file->faulty->status;
    }
    return file->faulty->real->write(file->real, offset, data, len, err);
}

static enum aks_status
faulty_truncate(struct aks_file *file, int64_t bytes, struct aks_error *err)
{
    if (fails(file->faulty, "truncate", err))
        return file->faulty->status;
    return file->faulty->real->truncate(file->real, bytes, err);
}

static enum aks_status
faulty_sync(struct aks_file *file, struct aks_error *err)
{
    if (fails(file->faulty, "sync", err))
        return file->faulty->status;
    return file->faulty->real->sync(file->real, err);
}

static enum aks_status
faulty_info(struct aks_file *file, struct aks_file_info *ret_info, struct aks_error *err)
{
    if (fails(file->faulty, "stat", err))
        return file->faulty->status;
    return file->faulty->real->info(file->real, ret_info, err);
}

static enum aks_status
faulty_lock(struct aks_file *file, struct aks_error *err)
{
    if (fails(file->faulty, "lock", err))
        return file->faulty->status;
    return file->faulty->real->lock(file->real, err);
}

static enum aks_status
faulty_lock_wait(struct aks_file *file, int64_t timeout_ms, struct aks_error *err)
{
    if (fails(file->faulty, "lock", err))
        return file->faulty->status;
    return file->faulty->real->lock_wait(file->real, timeout_ms, err);
}

static bool
faulty_locked_by_writer(struct aks_file *file, int64_t start, int64_t len)
{
    return file->faulty->real->locked_by_writer(file->real, start, len);
}

static bool
faulty_clone(struct aks_file *from, struct aks_file *to)
{
    return !fails(to->faulty, "clone", NULL) && from->faulty->real->clone(from->real, to->real);
}

static enum aks_status
faulty_stat(void *ctx, const char *path, bool follow_links, struct aks_file_info *ret_info,
    struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "stat", err))
        return faulty->status;
    return faulty->real->stat(faulty->real->ctx, path, follow_links, ret_info, err);
}

static enum aks_status
faulty_resolve(void *ctx, const char *path, const struct aks_alloc *alloc, char **ret_path,
    struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "resolve", err))
        return faulty->status;
    return faulty->real->resolve(faulty->real->ctx, path, alloc, ret_path, err);
}

static enum aks_status
faulty_rename(void *ctx, const char *from, const char *to, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "rename", err))
        return faulty->status;
    return faulty->real->rename(faulty->real->ctx, from, to, err);
}

static enum aks_status
faulty_unlink(void *ctx, const char *path, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "remove", err))
        return faulty->status;
    return faulty->real->unlink(faulty->real->ctx, path, err);
}

static enum aks_status
faulty_make_folder(void *ctx, const char *path, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "make", err))
        return faulty->status;
    return faulty->real->make_folder(faulty->real->ctx, path, err);
}

static enum aks_status
faulty_remove_folder(void *ctx, const char *path, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "remove", err))
        return faulty->status;
    return faulty->real->remove_folder(faulty->real->ctx, path, err);
}

static enum aks_status
faulty_sync_folder(void *ctx, const char *path, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "sync", err))
        return faulty->status;
    return faulty->real->sync_folder(faulty->real->ctx, path, err);
}

static enum aks_status
faulty_list(void *ctx, const char *path,
    enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
    void *each_ctx, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "list", err))
        return faulty->status;
    return faulty->real->list(faulty->real->ctx, path, each, each_ctx, err);
}

static enum aks_status
faulty_free_bytes(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    struct faulty_files *faulty = ctx;

    if (fails(faulty, "ask the size of", err))
        return faulty->status;
    return faulty->real->free_bytes(faulty->real->ctx, path, ret_bytes, err);
}

static bool
faulty_may_clone(void *ctx, const char *path)
{
    const struct faulty_files *faulty = ctx;

    return faulty->real->may_clone(faulty->real->ctx, path);
}

void
faulty_files_init(struct faulty_files *faulty, const struct aks_files *real,
    enum aks_status status)
{
    const struct aks_files files = {
        .open = faulty_open, .close = faulty_close, .read = faulty_read, .write = faulty_write,
        .truncate = faulty_truncate, .sync = faulty_sync, .info = faulty_info, .lock = faulty_lock,
        .lock_wait = faulty_lock_wait, .locked_by_writer = faulty_locked_by_writer,
        .clone = faulty_clone, .may_clone = faulty_may_clone,
        .stat = faulty_stat, .resolve = faulty_resolve, .rename = faulty_rename,
        .unlink = faulty_unlink, .make_folder = faulty_make_folder,
        .remove_folder = faulty_remove_folder, .sync_folder = faulty_sync_folder,
        .list = faulty_list, .free_bytes = faulty_free_bytes,
        .sqlite_vfs = real->sqlite_vfs, .ctx = faulty,
    };

    faulty->files = files;
    faulty->real = real;
    faulty->status = status;
    faulty_files_arm(faulty, -1, false);
}

void
faulty_files_arm(struct faulty_files *faulty, int64_t fail_at, bool dead_after)
{
    faulty->fail_at = fail_at;
    faulty->dead_after = dead_after;
    faulty->seen = 0;
}
