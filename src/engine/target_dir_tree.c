/* The tree of a dir target: its temporary names, its folders, and what crashed runs left in it. */
#include "base/check.h"
#include "base/units.h"
#include "engine/target_dir_internal.h"
#include "engine/target_key.h"

#include <stdio.h>
#include <string.h>

#define TEMPORARY_SUFFIX ".part"
#define TEMPORARY_TAIL_LEN (1 + 2 * AKS_TARGET_DIR_RANDOM_BYTES + sizeof(TEMPORARY_SUFFIX) - 1)
/* File systems take 255 bytes a name; a temporary name needs 24 of them for itself. */
#define TEMPORARY_STEM_MAX 200
/* No upload takes so long that its file, which is written to all the time, could be so old. */
#define STALE_MS AKS_MS_PER_DAY

bool
aks_target_dir_temporary(const char *name)
{
    size_t len = strlen(name);
    const char *tail;
    uint8_t random[AKS_TARGET_DIR_RANDOM_BYTES];

    if (name[0] != '.' || len < 2 + TEMPORARY_TAIL_LEN)
        return false;
    tail = name + len - TEMPORARY_TAIL_LEN;
    if (tail[0] != '.' || strcmp(tail + 1 + sizeof(random) * 2, TEMPORARY_SUFFIX) != 0)
        return false;
    for (size_t i = 1; i <= sizeof(random) * 2; i++) {
        if (strchr("0123456789abcdef", tail[i]) == NULL)
            return false;
    }
    return true;
}

char *
aks_target_dir_temporary_path(const struct aks_alloc *alloc, const char *path,
    const char *random_hex)
{
    const char *slash = strrchr(path, '/');

    AKS_CHECK(slash != NULL);
    return aks_mem_printf(alloc, "%.*s/.%.*s.%s" TEMPORARY_SUFFIX, (int)(slash - path), path,
        TEMPORARY_STEM_MAX, slash + 1, random_hex);
}

char *
aks_target_dir_folder_of(const struct aks_alloc *alloc, const char *path)
{
    const char *slash = strrchr(path, '/');

    AKS_CHECK(slash != NULL);
    return aks_mem_strndup(alloc, path, (size_t)(slash - path));
}

static enum aks_status
make_folder(const struct aks_port *port, const char *path, bool follow,
    struct aks_file_info *ret_info, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    enum aks_status status = files->make_folder(files->ctx, path, err);

    /* Another may have made it meanwhile. */
    if (status != AKS_OK && status != AKS_CONFLICT)
        return status;
    return files->stat(files->ctx, path, follow, ret_info, err);
}

/* One level of the way: ${path} is a folder, or is made one. */
static enum aks_status
step(const struct aks_port *port, const char *path, bool below, bool make, bool *ret_made,
    struct aks_error *err)
{
    struct aks_file_info info;
    enum aks_status status = port->files.stat(port->files.ctx, path, !below, &info, err);

    *ret_made = false;
    if (status == AKS_NOT_FOUND && make) {
        status = make_folder(port, path, !below, &info, err);
        *ret_made = status == AKS_OK;
    }
    if (status != AKS_OK || info.type == AKS_FILE_FOLDER)
        return status;
    if (info.type == AKS_FILE_LINK)
        return aks_error_set(err, AKS_FORBIDDEN,
            "%s is a symbolic link, and links inside a target are not followed", path);
    return aks_error_set(err, below ? AKS_FORBIDDEN : AKS_SETTINGS, "%s is not a folder", path);
}

/* The folder that ${path} stands in, by cutting it there. */
static enum aks_status
sync_parent(const struct aks_port *port, char *path, struct aks_error *err)
{
    char *slash = strrchr(path, '/');
    enum aks_status status;

    AKS_CHECK(slash != NULL);
    if (slash == path)
        return port->files.sync_folder(port->files.ctx, "/", err);
    *slash = '\0';
    status = port->files.sync_folder(port->files.ctx, path, err);
    *slash = '/';
    return status;
}

enum aks_status
aks_target_dir_way(const struct aks_port *port, const char *root, const char *folder, bool make,
    struct aks_error *err)
{
    char *way = aks_mem_strdup(port->alloc, folder);
    size_t root_len = strlen(root);
    size_t at = root_len;
    enum aks_status status = AKS_OK;
    struct aks_file_info info;

    if (way == NULL)
        return aks_error_memory(err, "making folders");
    AKS_CHECK(strncmp(folder, root, root_len) == 0);
    /* Whatever leads to the root is the person's own choice; usually it is there. */
    if (make)
        status = port->files.stat(port->files.ctx, root, true, &info, err);
    if (status == AKS_NOT_FOUND) {
        status = AKS_OK;
        at = 1;
    }
    for (bool more = true; more && status == AKS_OK; at++) {
        char after = way[at];
        bool made = false;

        if (after != '/' && after != '\0')
            continue;
        way[at] = '\0';
        status = step(port, way, at > root_len, make, &made, err);
        /* Above the root nobody comes by again to do this. */
        if (status == AKS_OK && made && at <= root_len)
            status = sync_parent(port, way, err);
        way[at] = after;
        more = after != '\0';
    }
    aks_mem_free(port->alloc, way);
    return status;
}

enum aks_status
aks_target_dir_sync(const struct aks_port *port, const char *root, const char *folder, bool way,
    struct aks_error *err)
{
    size_t root_len = strlen(root);
    char *at = aks_mem_strdup(port->alloc, folder);
    enum aks_status status;

    if (at == NULL)
        return aks_error_memory(err, "making names last");
    do {
        char *slash = strrchr(at, '/');

        status = port->files.sync_folder(port->files.ctx, at, err);
        if (slash == NULL || strlen(at) <= root_len)
            break;
        *slash = '\0';
    } while (way && status == AKS_OK);
    aks_mem_free(port->alloc, at);
    return status;
}

/* Sweeping: root, the folder of this system's uploads, and the folders in that. */

struct sweep_job {
    struct aks_target_work work;        /* first */
    char *root;
    char *uploads;                      /* root/systems/<id>, as target_key.h has it */
    int64_t before_ns;                  /* wall clock: older is stale */
};

struct sweep_folder {
    struct sweep_job *job;
    const char *path;
    bool deeper;
};

static enum aks_status sweep_folder(struct sweep_job *job, const char *path, bool deeper);

static enum aks_status
sweep_name(void *ctx, const char *name, struct aks_error *err)
{
    const struct sweep_folder *folder = ctx;
    struct sweep_job *job = folder->job;
    const struct aks_files *files = &job->work.port->files;
    char path[AKS_PATH_BYTES];
    struct aks_file_info info;
    int len = snprintf(path, sizeof(path), "%s/%s", folder->path, name);

    if (aks_target_work_left(&job->work))
        return aks_error_set(err, AKS_CANCELLED, "sweeping was cancelled");
    if (len < 0 || (size_t)len >= sizeof(path) ||
        (!folder->deeper && !aks_target_dir_temporary(name)))
        return AKS_OK;
    if (files->stat(files->ctx, path, false, &info, NULL) != AKS_OK)
        return AKS_OK;
    if (info.type == AKS_FILE_FOLDER && folder->deeper)
        return sweep_folder(job, path, false);
    /* What cannot be removed is tried again next time. */
    if (info.type == AKS_FILE_REGULAR && info.mtime_ns < job->before_ns &&
        aks_target_dir_temporary(name))
        (void)files->unlink(files->ctx, path, NULL);
    return AKS_OK;
}

/* A folder that cannot be read has nothing that can be removed: only leaving ends the sweep. */
static enum aks_status
sweep_folder(struct sweep_job *job, const char *path, bool deeper)
{
    const struct aks_files *files = &job->work.port->files;
    struct sweep_folder folder = { job, path, deeper };

    if (files->list(files->ctx, path, sweep_name, &folder, NULL) == AKS_CANCELLED)
        return AKS_CANCELLED;
    return AKS_OK;
}

static enum aks_status
run_sweep(struct aks_target_work *work, struct aks_error *err)
{
    struct sweep_job *job = (struct sweep_job *)work;

    (void)sweep_folder(job, job->root, false);
    if (aks_target_dir_way(work->port, job->root, job->uploads, false, err) == AKS_OK)
        (void)sweep_folder(job, job->uploads, true);
    return AKS_OK;
}

static void
release_sweep(struct aks_target_work *work)
{
    struct sweep_job *job = (struct sweep_job *)work;

    aks_mem_free(work->port->alloc, job->root);
    aks_mem_free(work->port->alloc, job->uploads);
}

struct aks_target_work *
aks_target_dir_sweep(const struct aks_port *port, const char *root,
    const struct aks_target_settings *settings, const char *system_id)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    size_t len = aks_target_key_uploads(settings, system_id, folder);
    struct sweep_job *job = aks_mem_new(port->alloc, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->work.port = port;
    job->work.run = run_sweep;
    job->work.release = release_sweep;
    job->before_ns = (port->clock.wall_ms(port->clock.ctx) - STALE_MS) * AKS_NS_PER_MS;
    job->root = aks_mem_strdup(port->alloc, root);
    job->uploads = aks_mem_printf(port->alloc, "%s/%.*s", root, (int)len - 1, folder);
    if (job->root != NULL && job->uploads != NULL)
        return &job->work;
    release_sweep(&job->work);
    aks_mem_free(port->alloc, job);
    return NULL;
}
