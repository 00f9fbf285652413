#include "engine/snapshot.h"

#include "base/alloc.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

/* SQLite's lock bytes (sqlite.org/fileformat2.html, os.h): RESERVED is what a writer holds. */
#define SQLITE_RESERVED_BYTE INT64_C(0x40000001)

static enum aks_status
busy(struct aks_error *err, const char *path, const char *why)
{
    (void)aks_error_set(err, AKS_SOURCE_BUSY, "source %s: %s", path, why);
    aks_error_hint(err, "it is kept in the queue; the next run after its program has closed it "
        "takes it up");
    return AKS_SOURCE_BUSY;
}

/* Is there a file named ${path}${suffix} with anything in it? */
static bool
companion(const struct aks_port *port, const char *path, const char *suffix)
{
    char name[AKS_PATH_BYTES + 16];
    struct aks_file_info info;

    (void)snprintf(name, sizeof(name), "%s%s", path, suffix);
    return port->files.stat(port->files.ctx, name, true, &info, NULL) == AKS_OK && info.bytes > 0;
}

static enum aks_status
check_duckdb(const struct aks_port *port, const char *path, struct aks_file *file,
    struct aks_error *err)
{
    if (port->files.locked_by_writer(file, 0, 0))
        return busy(err, path, "a program has this DuckDB database open for writing");
    if (companion(port, path, ".wal") || companion(port, path, ".wal.checkpoint") ||
        companion(port, path, ".wal.recovery"))
        return busy(err, path,
            "this DuckDB database has a WAL with changes that are not in it yet");
    return AKS_OK;
}

static enum aks_status
check_sqlite(const struct aks_port *port, const char *path, struct aks_file *file,
    struct aks_error *err)
{
    if (port->files.locked_by_writer(file, SQLITE_RESERVED_BYTE, 1))
        return busy(err, path, "a program is writing to this SQLite database");
    if (companion(port, path, "-wal"))
        return busy(err, path,
            "this SQLite database has a WAL with changes that are not in it yet");
    if (companion(port, path, "-journal"))
        return busy(err, path, "this SQLite database has a rollback journal");
    return AKS_OK;
}

static enum aks_status
check_writer(const struct aks_port *port, const struct aks_source *source, struct aks_file *file,
    struct aks_error *err)
{
    switch (source->kind) {
    case AKS_SOURCE_DUCKDB:
        return check_duckdb(port, source->path, file, err);
    case AKS_SOURCE_SQLITE:
        return check_sqlite(port, source->path, file, err);
    case AKS_SOURCE_FILE:
        break;
    }
    return AKS_OK;
}

enum aks_status
aks_snapshot_take(const struct aks_port *port, const struct aks_source *source,
    struct aks_snapshot *ret_snapshot, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_snapshot snapshot = { 0 };
    enum aks_status status;

    snapshot.port = port;
    snapshot.method = "identity";
    snapshot.taken_at_ms = port->clock.wall_ms(port->clock.ctx);
    status = files->open(files->ctx, source->path, AKS_FILE_READ, &snapshot.file, err);
    if (status == AKS_NOT_FOUND)
        return aks_error_set(err, AKS_SOURCE_MISSING, "source %s: no such file", source->path);
    if (status != AKS_OK)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: cannot be opened for reading",
            source->path);
    status = check_writer(port, source, snapshot.file, err);
    if (status == AKS_OK)
        status = files->info(snapshot.file, &snapshot.info, err);
    if (status == AKS_OK && snapshot.info.type != AKS_FILE_REGULAR)
        status = aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: is no regular file any more",
            source->path);
    if (status == AKS_OK) {
        snapshot.path = aks_mem_strdup(port->alloc, source->path);
        if (snapshot.path == NULL)
            status = aks_error_memory(err, "taking a snapshot");
    }
    if (status != AKS_OK) {
        files->close(snapshot.file);
        return status;
    }
    *ret_snapshot = snapshot;
    return AKS_OK;
}

enum aks_status
aks_snapshot_check(const struct aks_snapshot *snapshot, struct aks_error *err)
{
    const struct aks_files *files = &snapshot->port->files;
    struct aks_file_info now;
    struct aks_file_info named;

    if (files->info(snapshot->file, &now, NULL) == AKS_OK &&
        files->stat(files->ctx, snapshot->path, true, &named, NULL) == AKS_OK &&
        aks_source_same(&now, &snapshot->info) && aks_source_same(&named, &snapshot->info))
        return AKS_OK;
    return aks_error_set(err, AKS_SOURCE_CHANGED, "source %s: changed while it was read",
        snapshot->path);
}

bool
aks_snapshot_racy(const struct aks_snapshot *snapshot)
{
    int64_t mtime_ms = snapshot->info.mtime_ns / AKS_NS_PER_MS;

    return snapshot->taken_at_ms - mtime_ms < AKS_SNAPSHOT_RACY_MS;
}

int64_t
aks_snapshot_settle_ms(const struct aks_snapshot *snapshot)
{
    int64_t stamp_ns = snapshot->info.mtime_ns > snapshot->info.ctime_ns
        ? snapshot->info.mtime_ns : snapshot->info.ctime_ns;
    int64_t age_ms = snapshot->taken_at_ms - stamp_ns / AKS_NS_PER_MS;

    /* A stamp far from this clock is another machine's, or a person's: it says nothing of now. */
    if (age_ms >= AKS_SNAPSHOT_TICK_MS || age_ms < -AKS_SNAPSHOT_TICK_MS)
        return 0;
    return age_ms < 0 ? AKS_SNAPSHOT_TICK_MS : AKS_SNAPSHOT_TICK_MS - age_ms;
}

void
aks_snapshot_close(struct aks_snapshot *snapshot)
{
    if (snapshot->port != NULL) {
        snapshot->port->files.close(snapshot->file);
        aks_mem_free(snapshot->port->alloc, snapshot->path);
    }
    memset(snapshot, 0, sizeof(*snapshot));
}

enum aks_status
aks_snapshot_read(const struct aks_snapshot *snapshot, int64_t offset, void *data, size_t len,
    struct aks_error *err)
{
    const struct aks_files *files = &snapshot->port->files;
    uint8_t *bytes = data;

    while (len > 0) {
        size_t got = 0;
        enum aks_status status = files->read(snapshot->file, offset, bytes, len, &got, err);

        if (status != AKS_OK)
            return aks_error_set(err, AKS_SOURCE_UNREADABLE,
                "source %s: reading failed at byte %lld", snapshot->path, (long long)offset);
        if (got == 0)
            return aks_error_set(err, AKS_SOURCE_CHANGED,
                "source %s: became shorter while it was read", snapshot->path);
        bytes += got;
        offset += (int64_t)got;
        len -= got;
    }
    return AKS_OK;
}
