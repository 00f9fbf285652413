/* Small objects of a dir target in one go, and what is in a folder. */
#include "base/check.h"
#include "base/units.h"
#include "engine/target_dir_internal.h"

#include <stdio.h>
#include <string.h>

#define READ_BYTES ((size_t)64 * 1024)
/* Another may take the meeting file away between our opening and locking it; so often in a row
 * it does not. */
#define MEETINGS_MAX 10

struct put_job {
    struct aks_target_work work;        /* first */
    char *root;
    char *folder;
    char *path;
    char *temporary;
    char *content;
    size_t len;
    bool create_only;
    bool way;
};

struct get_job {
    struct aks_target_work work;        /* first */
    char *root;
    char *folder;
    char *path;
    struct aks_buf content;
};

struct list_entry {
    char *name;
    bool is_folder;
    int64_t bytes;
};

struct list_job {
    struct aks_target_work work;        /* first */
    char *root;
    char *folder;
    struct list_entry *entries;
    size_t count;
    size_t capacity;
};

/* put */

static enum aks_status
write_whole(const struct put_job *job, struct aks_file *file, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    enum aks_status status = AKS_OK;

    if (job->len > 0)
        status = files->write(file, 0, job->content, job->len, err);
    if (status == AKS_OK)
        status = files->sync(file, err);
    return status;
}

/* From here on readers see it, unless the owner has left. */
static enum aks_status
name_it(struct put_job *job, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    enum aks_status status;

    if (!aks_target_work_hold(&job->work))
        return aks_error_set(err, AKS_CANCELLED, "storing was cancelled");
    status = files->rename(files->ctx, job->temporary, job->path, err);
    aks_target_work_let(&job->work);
    return status;
}

static enum aks_status
put_over(struct put_job *job, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    struct aks_file *file = NULL;
    enum aks_status status;

    status = files->open(files->ctx, job->temporary, AKS_FILE_CREATE, &file, err);
    if (status != AKS_OK)
        return status;
    status = write_whole(job, file, err);
    if (status == AKS_OK)
        status = name_it(job, err);
    if (status != AKS_OK)
        (void)files->unlink(files->ctx, job->temporary, NULL);
    files->close(file);
    return status;
}

/* Opens and locks the meeting file. Whoever had it before may have given it the object's name
 * or removed it: then what was opened is not what is there now. */
static enum aks_status
meet(const struct put_job *job, struct aks_file **ret_file, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;

    for (int i = 0; i < MEETINGS_MAX; i++) {
        struct aks_file *file = NULL;
        struct aks_file_info opened;
        struct aks_file_info there;
        enum aks_status status;

        status = files->open(files->ctx, job->temporary, AKS_FILE_LOCK, &file, err);
        if (status != AKS_OK)
            return status;
        /* Of the failures only this one says that there is another; some file systems have no
         * locks. */
        if (files->lock(file, err) == AKS_CONFLICT) {
            files->close(file);
            break;
        }
        status = files->info(file, &opened, err);
        if (status == AKS_OK &&
            files->stat(files->ctx, job->temporary, false, &there, NULL) == AKS_OK &&
            there.inode == opened.inode && there.device == opened.device) {
            *ret_file = file;
            return AKS_OK;
        }
        files->close(file);
        if (status != AKS_OK)
            return status;
    }
    return aks_error_set(err, AKS_CONFLICT, "%s is being written by another process", job->path);
}

/* Our own earlier try is there if it is the same, byte for byte. */
static enum aks_status
compare(const struct put_job *job, const struct aks_file_info *info, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    struct aks_file *file = NULL;
    char data[4096];
    size_t done = 0;
    bool same = info->type == AKS_FILE_REGULAR && info->bytes == (int64_t)job->len &&
        files->open(files->ctx, job->path, AKS_FILE_READ, &file, NULL) == AKS_OK;

    while (same && done < job->len) {
        size_t got = 0;

        same = files->read(file, (int64_t)done, data, sizeof(data), &got, NULL) == AKS_OK &&
            got > 0 && got <= job->len - done && memcmp(data, job->content + done, got) == 0;
        done += got;
    }
    files->close(file);
    return same ? AKS_OK : aks_error_set(err, AKS_CONFLICT, "%s is there already", job->path);
}

/* The port has no renaming that keeps what is there, so all who create one name meet at one
 * temporary file, whose lock makes looking and renaming one step. */
static enum aks_status
put_new(struct put_job *job, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    enum aks_status status = meet(job, &file, err);

    if (status != AKS_OK)
        return status;
    status = files->stat(files->ctx, job->path, false, &info, err);
    if (status == AKS_OK) {
        status = compare(job, &info, err);
        (void)files->unlink(files->ctx, job->temporary, NULL);
        files->close(file);
        return status;
    }
    if (status == AKS_NOT_FOUND)
        status = files->truncate(file, 0, err);
    if (status == AKS_OK)
        status = write_whole(job, file, err);
    if (status == AKS_OK)
        status = name_it(job, err);
    if (status != AKS_OK)
        (void)files->unlink(files->ctx, job->temporary, NULL);
    files->close(file);
    return status;
}

static enum aks_status
run_put(struct aks_target_work *work, struct aks_error *err)
{
    struct put_job *job = (struct put_job *)work;
    enum aks_status status;

    status = aks_target_dir_way(work->port, job->root, job->folder, true, err);
    if (status == AKS_OK)
        status = job->create_only ? put_new(job, err) : put_over(job, err);
    if (status == AKS_OK)
        status = aks_target_dir_sync(work->port, job->root, job->folder, job->way, err);
    return status;
}

static void
release_put(struct aks_target_work *work)
{
    struct put_job *job = (struct put_job *)work;
    const struct aks_alloc *alloc = work->port->alloc;

    aks_mem_free(alloc, job->root);
    aks_mem_free(alloc, job->folder);
    aks_mem_free(alloc, job->path);
    aks_mem_free(alloc, job->temporary);
    aks_mem_free(alloc, job->content);
}

static enum aks_status
fill_put(struct put_job *job, const struct dir_call *call, struct aks_error *err)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    char random[AKS_TARGET_DIR_RANDOM_HEX_BYTES] = AKS_TARGET_DIR_MEETING;
    enum aks_status status;

    status = aks_target_dir_path(call->target, call->key, &job->path, err);
    if (status == AKS_OK && !call->create_only)
        status = aks_target_dir_random(call->target->port, random, err);
    if (status != AKS_OK)
        return status;
    job->root = aks_mem_strdup(alloc, call->target->root);
    job->folder = aks_target_dir_folder_of(alloc, job->path);
    job->temporary = aks_target_dir_temporary_path(alloc, job->path, random);
    job->content = aks_mem_strndup(alloc, call->content, call->len);
    if (job->root == NULL || job->folder == NULL || job->temporary == NULL || job->content == NULL)
        return aks_error_memory(err, "storing an object");
    job->len = call->len;
    job->create_only = call->create_only;
    job->way = !aks_target_dir_is_synced(call->target, job->folder);
    return AKS_OK;
}

static struct aks_target_work *
prepare_put(struct dir_call *call, struct aks_error *err)
{
    const struct aks_port *port = call->target->port;
    struct put_job *job = aks_mem_new(port->alloc, sizeof(*job));

    if (job == NULL) {
        (void)aks_error_memory(err, "storing an object");
        return NULL;
    }
    job->work.port = port;
    job->work.run = run_put;
    job->work.release = release_put;
    if (fill_put(job, call, err) == AKS_OK)
        return &job->work;
    release_put(&job->work);
    aks_mem_free(port->alloc, job);
    return NULL;
}

static enum aks_status
took_put(struct dir_call *call, struct aks_target_work *work, struct aks_error *err)
{
    aks_target_dir_synced(call->target, ((struct put_job *)work)->folder);
    return AKS_OK;
}

static const struct dir_verb put_verb = { "store", prepare_put, took_put, NULL, NULL };

void
aks_target_dir_put(struct aks_target *base, const char *key, const char *content_type,
    const void *data, size_t len, bool create_only, aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);

    call->key = key;
    call->content = data;
    call->len = len;
    call->create_only = create_only;
    aks_target_dir_call_begin(call, &put_verb, "put", NULL, done, ctx);
}

/* get */

static enum aks_status
read_all(struct get_job *job, struct aks_file *file, struct aks_error *err)
{
    const struct aks_files *files = &job->work.port->files;
    char data[READ_BYTES];
    size_t got = 0;
    enum aks_status status;

    do {
        status = files->read(file, (int64_t)job->content.len, data, sizeof(data), &got, err);
        if (status != AKS_OK)
            return status;
        if (got > job->content.bytes_max - job->content.len)
            return aks_error_set(err, AKS_TOO_LARGE, "%s is larger than %zu bytes", job->path,
                job->content.bytes_max);
        aks_buf_append(&job->content, data, got);
        status = aks_buf_status(&job->content, job->path, err);
    } while (status == AKS_OK && got > 0);
    return status;
}

static enum aks_status
run_get(struct aks_target_work *work, struct aks_error *err)
{
    struct get_job *job = (struct get_job *)work;
    const struct aks_files *files = &work->port->files;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    enum aks_status status;

    status = aks_target_dir_open_object(work->port, job->root, job->folder, job->path, &file, &info,
        err);
    if (status == AKS_OK)
        status = read_all(job, file, err);
    files->close(file);
    return status;
}

static void
release_get(struct aks_target_work *work)
{
    struct get_job *job = (struct get_job *)work;

    aks_mem_free(work->port->alloc, job->root);
    aks_mem_free(work->port->alloc, job->folder);
    aks_mem_free(work->port->alloc, job->path);
    aks_buf_fini(&job->content);
}

static struct aks_target_work *
prepare_get(struct dir_call *call, struct aks_error *err)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    struct get_job *job = aks_mem_new(alloc, sizeof(*job));
    enum aks_status status;

    if (job == NULL) {
        (void)aks_error_memory(err, "reading an object");
        return NULL;
    }
    job->work.port = call->target->port;
    job->work.run = run_get;
    job->work.release = release_get;
    aks_buf_init(&job->content, alloc, call->ret_data->bytes_max);
    status = aks_target_dir_path(call->target, call->key, &job->path, err);
    if (status == AKS_OK) {
        job->root = aks_mem_strdup(alloc, call->target->root);
        job->folder = aks_target_dir_folder_of(alloc, job->path);
        if (job->root != NULL && job->folder != NULL)
            return &job->work;
        (void)aks_error_memory(err, "reading an object");
    }
    release_get(&job->work);
    aks_mem_free(alloc, job);
    return NULL;
}

static enum aks_status
took_get(struct dir_call *call, struct aks_target_work *work, struct aks_error *err)
{
    const struct get_job *job = (const struct get_job *)work;

    aks_buf_reset(call->ret_data);
    aks_buf_append(call->ret_data, job->content.data, job->content.len);
    return aks_buf_status(call->ret_data, call->key, err);
}

static const struct dir_verb get_verb = { "read", prepare_get, took_get, NULL, NULL };

void
aks_target_dir_get(struct aks_target *base, const char *key, struct aks_buf *ret_data,
    aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);

    call->key = key;
    call->ret_data = ret_data;
    aks_target_dir_call_begin(call, &get_verb, "get", NULL, done, ctx);
}

/* list */

static enum aks_status
list_name(void *ctx, const char *name, struct aks_error *err)
{
    struct list_job *job = ctx;
    const struct aks_port *port = job->work.port;
    char path[AKS_PATH_BYTES];
    struct aks_file_info info;
    struct list_entry *entry;
    int len = snprintf(path, sizeof(path), "%s/%s", job->folder, name);

    /* What is no key is not ours, and neither are links and the like. */
    if (len < 0 || (size_t)len >= sizeof(path) || !aks_target_key_valid(name) ||
        aks_target_dir_temporary(name))
        return AKS_OK;
    if (port->files.stat(port->files.ctx, path, false, &info, NULL) != AKS_OK ||
        (info.type != AKS_FILE_REGULAR && info.type != AKS_FILE_FOLDER))
        return AKS_OK;
    if (job->count == job->capacity) {
        size_t capacity = job->capacity > 0 ? 2 * job->capacity : 64;
        void *grown = aks_mem_resize(port->alloc, job->entries, capacity * sizeof(*job->entries));

        if (grown == NULL)
            return aks_error_memory(err, "listing a folder");
        job->entries = grown;
        job->capacity = capacity;
    }
    entry = &job->entries[job->count];
    entry->name = aks_mem_strdup(port->alloc, name);
    if (entry->name == NULL)
        return aks_error_memory(err, "listing a folder");
    entry->is_folder = info.type == AKS_FILE_FOLDER;
    entry->bytes = entry->is_folder ? 0 : info.bytes;
    job->count++;
    return AKS_OK;
}

/* A folder that is not there has nothing in it, as in every store where folders are only names. */
static enum aks_status
run_list(struct aks_target_work *work, struct aks_error *err)
{
    struct list_job *job = (struct list_job *)work;
    const struct aks_files *files = &work->port->files;
    enum aks_status status;

    status = aks_target_dir_way(work->port, job->root, job->folder, false, err);
    if (status == AKS_OK)
        status = files->list(files->ctx, job->folder, list_name, job, err);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

static void
release_list(struct aks_target_work *work)
{
    struct list_job *job = (struct list_job *)work;
    const struct aks_alloc *alloc = work->port->alloc;

    for (size_t i = 0; i < job->count; i++)
        aks_mem_free(alloc, job->entries[i].name);
    aks_mem_free(alloc, job->entries);
    aks_mem_free(alloc, job->root);
    aks_mem_free(alloc, job->folder);
}

/* "systems/x/" below the root; "" is the root itself. */
static enum aks_status
list_folder(const struct dir_call *call, char **ret_folder, struct aks_error *err)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    size_t len = strlen(call->key);
    enum aks_status status = AKS_OK;
    char *key;

    if (len == 0) {
        *ret_folder = aks_mem_strdup(alloc, call->target->root);
        return *ret_folder != NULL ? AKS_OK : aks_error_memory(err, "listing a folder");
    }
    if (call->key[len - 1] == '/')
        len--;
    key = aks_mem_strndup(alloc, call->key, len);
    if (key == NULL)
        return aks_error_memory(err, "listing a folder");
    status = aks_target_dir_path(call->target, key, ret_folder, err);
    aks_mem_free(alloc, key);
    return status;
}

static struct aks_target_work *
prepare_list(struct dir_call *call, struct aks_error *err)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    struct list_job *job = aks_mem_new(alloc, sizeof(*job));

    if (job == NULL) {
        (void)aks_error_memory(err, "listing a folder");
        return NULL;
    }
    job->work.port = call->target->port;
    job->work.run = run_list;
    job->work.release = release_list;
    if (list_folder(call, &job->folder, err) == AKS_OK) {
        job->root = aks_mem_strdup(alloc, call->target->root);
        if (job->root != NULL)
            return &job->work;
        (void)aks_error_memory(err, "listing a folder");
    }
    release_list(&job->work);
    aks_mem_free(alloc, job);
    return NULL;
}

static enum aks_status
took_list(struct dir_call *call, struct aks_target_work *work, struct aks_error *err)
{
    const struct list_job *job = (const struct list_job *)work;

    for (size_t i = 0; i < job->count; i++) {
        enum aks_status status = call->each(call->each_ctx, job->entries[i].name,
            job->entries[i].is_folder, job->entries[i].bytes, err);

        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

static const struct dir_verb list_verb = { "list", prepare_list, took_list, NULL, NULL };

void
aks_target_dir_list(struct aks_target *base, const char *folder, aks_target_entry *each,
    void *each_ctx, aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);

    call->key = folder;
    call->each = each;
    call->each_ctx = each_ctx;
    aks_target_dir_call_begin(call, &list_verb, "list", NULL, done, ctx);
}
