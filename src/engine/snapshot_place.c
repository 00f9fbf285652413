/* Where a copy lies. Both places are planned, and known to the state database, before either is
 * made. */
#include "engine/snapshot_internal.h"

#include "base/check.h"

#include <string.h>

/* main and WAL, and what SQLite may leave beside a private copy. */
#define FILES_MAX 16

enum aks_status
aks_snapshot_place_folder(const struct aks_files *files, const char *folder, struct aks_error *err)
{
    struct aks_file_info info;
    enum aks_status status = files->make_folder(files->ctx, folder, err);

    if (status != AKS_CONFLICT)
        return status;
    status = files->stat(files->ctx, folder, false, &info, err);
    if (status == AKS_OK && info.type != AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_STATE, "cannot keep snapshots in %s: it is no folder",
            folder);
    return status;
}

/* Tried with a file that is thrown away again: what a reflink gives is known only by making one. */
static bool
can_clone_into(struct aks_snapshot_take *take, const char *folder, struct aks_file *main)
{
    const struct aks_files *files = take->files;
    char *path = aks_mem_printf(take->snapshot->alloc, "%s/try", folder);
    struct aks_file *file = NULL;
    bool clones = false;

    if (path != NULL && files->open(files->ctx, path, AKS_FILE_CREATE, &file, NULL) == AKS_OK) {
        clones = files->clone(main, file);
        files->close(file);
        (void)files->unlink(files->ctx, path, NULL);
    }
    aks_mem_free(take->snapshot->alloc, path);
    return clones;
}

/* An id is a snapshot's own: what lies there is left of an earlier try to take it. */
static enum aks_status
make_anew(struct aks_snapshot_take *take, const char *folder, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    enum aks_status status = files->make_folder(files->ctx, folder, err);

    if (status != AKS_CONFLICT)
        return status;
    status = aks_snapshot_place_remove(files, take->snapshot->alloc, folder, err);
    return status == AKS_OK ? files->make_folder(files->ctx, folder, err) : status;
}

static enum aks_status
failed(const struct aks_snapshot_take *take, const struct aks_error *why, struct aks_error *err)
{
    enum aks_status status = why->status == AKS_NO_SPACE || why->status == AKS_LIMIT ? why->status
        : AKS_STATE;

    (void)aks_error_set(err, status, "source %s: %s", take->snapshot->source, why->message);
    aks_error_hint(err, "%s", status == AKS_NO_SPACE
        ? "free some space there; --state DIR names another place"
        : "this user must be able to write there; --state DIR names another place");
    return status;
}

enum aks_status
aks_snapshot_place(struct aks_snapshot_take *take, struct aks_file *main, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    struct aks_snapshot *snapshot = take->snapshot;
    struct aks_error why;
    enum aks_status status;

    if (take->folder != NULL)
        return AKS_OK;
    if (snapshot->beside != NULL && make_anew(take, snapshot->beside, NULL) == AKS_OK) {
        if (can_clone_into(take, snapshot->beside, main)) {
            take->folder = snapshot->beside;
            return AKS_OK;
        }
        (void)aks_snapshot_place_remove(files, snapshot->alloc, snapshot->beside, NULL);
    }
    status = aks_snapshot_place_folder(files, take->options->folder, &why);
    if (status == AKS_OK)
        status = make_anew(take, snapshot->folder, &why);
    if (status != AKS_OK)
        return failed(take, &why, err);
    take->folder = snapshot->folder;
    return AKS_OK;
}

struct removal {
    const struct aks_files *files;
    const struct aks_alloc *alloc;
    const char *folder;
    unsigned count;
};

static enum aks_status
remove_file(void *ctx, const char *name, struct aks_error *err)
{
    struct removal *removal = ctx;
    char *path;
    enum aks_status status;

    if (++removal->count > FILES_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s holds more than a snapshot does",
            removal->folder);
    path = aks_mem_printf(removal->alloc, "%s/%s", removal->folder, name);
    if (path == NULL)
        return aks_error_memory(err, "removing a snapshot");
    status = removal->files->unlink(removal->files->ctx, path, err);
    aks_mem_free(removal->alloc, path);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

enum aks_status
aks_snapshot_place_remove(const struct aks_files *files, const struct aks_alloc *alloc,
    const char *folder, struct aks_error *err)
{
    struct removal removal = { .files = files, .alloc = alloc, .folder = folder };
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, folder, false, &info, err);

    if (status == AKS_NOT_FOUND)
        return AKS_OK;
    if (status == AKS_OK && info.type != AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_STATE, "%s is no folder of a snapshot", folder);
    if (status == AKS_OK)
        status = files->list(files->ctx, folder, remove_file, &removal, err);
    if (status == AKS_OK)
        status = files->remove_folder(files->ctx, folder, err);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}
