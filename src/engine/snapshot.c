#include "engine/snapshot_internal.h"

#include "base/check.h"
#include "base/units.h"

#include <string.h>

static bool
harmless(const char *id)
{
    size_t len = strlen(id);

    return len > 0 && len <= AKS_SNAPSHOT_ID_BYTES_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

/* A reflink needs one file system. Where the source's has them and the state folder is on another,
 * a folder beside the source is worth a try. */
static bool
wants_beside(const struct aks_snapshot_options *options)
{
    const struct aks_files *files = &options->port->files;
    struct aks_file_info info;
    char parent[AKS_PATH_BYTES];
    char *slash;

    if (files->stat(files->ctx, options->folder, true, &info, NULL) != AKS_OK) {
        size_t len = strlen(options->folder);

        if (len >= sizeof(parent))
            return false;
        memcpy(parent, options->folder, len + 1);
        slash = strrchr(parent, '/');
        if (slash == NULL || slash == parent)
            return false;
        *slash = '\0';
        if (files->stat(files->ctx, parent, true, &info, NULL) != AKS_OK)
            return false;
    }
    return info.device != options->source->info.device &&
        files->may_clone(files->ctx, options->source->path);
}

enum aks_status
aks_snapshot_plan(const struct aks_snapshot_options *options, struct aks_snapshot *ret_snapshot,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = options->port->alloc;
    const char *path = options->source->path;
    const char *slash = strrchr(path, '/');
    struct aks_snapshot snapshot = { .alloc = alloc, .kind = options->source->kind,
        .method = "identity" };

    AKS_CHECK(harmless(options->id));
    AKS_CHECK(slash != NULL);
    memset(ret_snapshot, 0, sizeof(*ret_snapshot));
    snapshot.id = aks_mem_strdup(alloc, options->id);
    snapshot.source = aks_mem_strdup(alloc, path);
    snapshot.folder = aks_mem_printf(alloc, "%s/%s", options->folder, options->id);
    if (wants_beside(options))
        snapshot.beside = aks_mem_printf(alloc, "%.*s/" AKS_SNAPSHOT_BESIDE_PREFIX "%s",
            (int)(slash - path), path, options->id);
    if (snapshot.id == NULL || snapshot.source == NULL || snapshot.folder == NULL) {
        aks_snapshot_fini(&snapshot);
        return aks_error_memory(err, "planning a snapshot");
    }
    *ret_snapshot = snapshot;
    return AKS_OK;
}

/* As after plan. */
static void
reset(struct aks_snapshot *snapshot)
{
    for (size_t role = 0; role < AKS_SNAPSHOT_ROLES; role++)
        aks_mem_free(snapshot->alloc, snapshot->files[role].path);
    memset(snapshot->files, 0, sizeof(snapshot->files));
    memset(snapshot->sources, 0, sizeof(snapshot->sources));
    snapshot->method = "identity";
    snapshot->in_place = false;
    snapshot->writer = false;
    snapshot->racy = false;
    snapshot->taken_at_ms = 0;
}

static enum aks_status
run(struct aks_snapshot_take *take, struct aks_error *err)
{
    switch (take->snapshot->kind) {
    case AKS_SOURCE_DUCKDB:
        return aks_snapshot_duckdb(take, err);
    case AKS_SOURCE_SQLITE:
        return aks_snapshot_sqlite(take, err);
    case AKS_SOURCE_FILE:
        break;
    }
    return aks_snapshot_file(take, err);
}

/* Of the two places that were planned one is used, or none. */
static void
settle_place(struct aks_snapshot_take *take)
{
    struct aks_snapshot *snapshot = take->snapshot;
    char *other = snapshot->beside;

    if (take->folder == snapshot->beside) {
        other = snapshot->folder;
        snapshot->folder = snapshot->beside;
    }
    snapshot->beside = NULL;
    aks_mem_free(snapshot->alloc, other);
    if (!snapshot->in_place)
        return;
    aks_mem_free(snapshot->alloc, snapshot->folder);
    snapshot->folder = NULL;
}

enum aks_status
aks_snapshot_take(const struct aks_snapshot_options *options, struct aks_snapshot *snapshot,
    struct aks_error *err)
{
    const struct aks_clock *clock = &options->port->clock;
    struct aks_snapshot_take take = { .options = options, .files = &options->port->files,
        .snapshot = snapshot, .started_ns = clock->now_ns(clock->ctx) };
    struct aks_error own;
    enum aks_status status;

    AKS_CHECK(snapshot->id != NULL && snapshot->folder != NULL);
    if (err == NULL)
        err = &own;
    take.buffer = aks_mem_resize(snapshot->alloc, NULL, AKS_SNAPSHOT_BUFFER_BYTES);
    if (take.buffer == NULL)
        return aks_error_memory(err, "taking a snapshot");
    status = run(&take, err);
    snapshot->waited_ms = take.waited_ns / AKS_NS_PER_MS;
    if (status == AKS_OK && !snapshot->in_place)
        status = aks_snapshot_digest(&take, err);
    if ((status != AKS_OK || snapshot->in_place) && take.folder != NULL)
        (void)aks_snapshot_place_remove(take.files, snapshot->alloc, take.folder, NULL);
    if (status == AKS_OK)
        settle_place(&take);
    else
        reset(snapshot);
    aks_mem_free(snapshot->alloc, take.buffer);
    return status;
}

void
aks_snapshot_fini(struct aks_snapshot *snapshot)
{
    if (snapshot->alloc == NULL)
        return;
    reset(snapshot);
    aks_mem_free(snapshot->alloc, snapshot->id);
    aks_mem_free(snapshot->alloc, snapshot->source);
    aks_mem_free(snapshot->alloc, snapshot->folder);
    aks_mem_free(snapshot->alloc, snapshot->beside);
    memset(snapshot, 0, sizeof(*snapshot));
}

enum aks_status
aks_snapshot_open_view(const struct aks_port *port, const struct aks_snapshot *snapshot,
    enum aks_snapshot_role role, struct aks_view *ret_view, struct aks_error *err)
{
    enum aks_status status;

    AKS_CHECK(snapshot->files[role].there);
    status = aks_view_open(port, snapshot->files[role].path, ret_view, err);
    if (status != AKS_OK)
        return status;
    if (ret_view->info.bytes != snapshot->files[role].bytes ||
        (snapshot->in_place && !aks_source_same(&ret_view->info, &snapshot->sources[role].info))) {
        aks_view_close(ret_view);
        return aks_error_set(err, AKS_SOURCE_CHANGED,
            "source %s: changed since the snapshot was taken", snapshot->source);
    }
    ret_view->copied = !snapshot->in_place;
    ret_view->source_racy = snapshot->racy;
    ret_view->source_info = snapshot->sources[role].info;
    ret_view->method = snapshot->method;
    ret_view->writer = snapshot->writer;
    ret_view->taken_at_ms = snapshot->taken_at_ms;
    return AKS_OK;
}

int64_t
aks_snapshot_bytes(const struct aks_snapshot *snapshot)
{
    int64_t bytes = 0;

    for (size_t role = 0; role < AKS_SNAPSHOT_ROLES; role++) {
        if (snapshot->files[role].there)
            bytes += snapshot->files[role].bytes;
    }
    return bytes;
}

bool
aks_snapshot_still(const struct aks_port *port, const struct aks_snapshot *snapshot)
{
    const struct aks_files *files = &port->files;
    struct aks_file_info info;
    bool there = false;
    bool same;
    char *wal;

    if (files->stat(files->ctx, snapshot->source, false, &info, NULL) != AKS_OK ||
        !aks_source_same(&info, &snapshot->sources[AKS_SNAPSHOT_MAIN].info))
        return false;
    if (snapshot->kind == AKS_SOURCE_FILE)
        return true;
    wal = aks_snapshot_wal_path(port->alloc, snapshot->kind, snapshot->source);
    same = wal != NULL && aks_snapshot_companion(files, wal, &there, &info, NULL) == AKS_OK &&
        there == snapshot->sources[AKS_SNAPSHOT_WAL].there &&
        (!there || aks_source_same(&info, &snapshot->sources[AKS_SNAPSHOT_WAL].info));
    aks_mem_free(port->alloc, wal);
    return same;
}

enum aks_status
aks_snapshot_remove(const struct aks_port *port, const struct aks_snapshot *snapshot,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (snapshot->folder != NULL)
        status = aks_snapshot_place_remove(&port->files, port->alloc, snapshot->folder, err);
    if (snapshot->beside != NULL && status == AKS_OK)
        status = aks_snapshot_place_remove(&port->files, port->alloc, snapshot->beside, err);
    return status;
}

static enum aks_status
check_file(const struct aks_port *port, const struct aks_snapshot *snapshot, size_t role,
    uint8_t *buffer, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    const char *path = snapshot->files[role].path;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    struct aks_file_info folder;
    char hex[AKS_SHA256_HEX_BYTES];
    enum aks_status status = files->stat(files->ctx, snapshot->folder, false, &folder, err);

    if (status == AKS_OK)
        status = files->stat(files->ctx, path, false, &info, err);
    if (status != AKS_OK)
        return status;
    if (folder.type != AKS_FILE_FOLDER || (folder.mode & 077) != 0 || folder.uid != info.uid ||
        info.type != AKS_FILE_REGULAR || info.bytes != snapshot->files[role].bytes)
        return aks_error_set(err, AKS_CORRUPT, "snapshot %s: is not the file that was made", path);
    status = files->open(files->ctx, path, AKS_FILE_READ, &file, err);
    if (status == AKS_OK)
        status = aks_snapshot_digest_of(port, file, info.bytes, buffer, hex, err);
    files->close(file);
    if (status == AKS_OK && strcmp(hex, snapshot->files[role].sha256) != 0)
        return aks_error_set(err, AKS_CORRUPT, "snapshot %s: does not have its digest any more",
            path);
    return status;
}

enum aks_status
aks_snapshot_reopen(const struct aks_port *port, const struct aks_snapshot *snapshot,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    uint8_t *buffer;

    if (!snapshot->files[AKS_SNAPSHOT_MAIN].there)
        return aks_error_set(err, AKS_NOT_FOUND, "snapshot %s was not taken", snapshot->id);
    if (snapshot->in_place)
        return aks_snapshot_still(port, snapshot) ? AKS_OK : aks_error_set(err, AKS_SOURCE_CHANGED,
            "source %s: changed since the snapshot was taken", snapshot->source);
    if (snapshot->folder == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "snapshot %s has no folder", snapshot->id);
    buffer = aks_mem_resize(port->alloc, NULL, AKS_SNAPSHOT_BUFFER_BYTES);
    if (buffer == NULL)
        return aks_error_memory(err, "reading a snapshot");
    for (size_t role = 0; role < AKS_SNAPSHOT_ROLES && status == AKS_OK; role++) {
        if (snapshot->files[role].there)
            status = check_file(port, snapshot, role, buffer, err);
    }
    aks_mem_free(port->alloc, buffer);
    return status;
}
