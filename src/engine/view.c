#include "engine/view.h"

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
aks_view_open(const struct aks_port *port, const char *path, struct aks_view *ret_view,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_view view = { 0 };
    enum aks_status status;

    view.port = port;
    view.method = "identity";
    view.taken_at_ms = port->clock.wall_ms(port->clock.ctx);
    status = files->open(files->ctx, path, AKS_FILE_READ, &view.file, err);
    if (status == AKS_NOT_FOUND)
        return aks_error_set(err, AKS_SOURCE_MISSING, "source %s: no such file", path);
    if (status != AKS_OK)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: cannot be opened for reading",
            path);
    status = files->info(view.file, &view.info, err);
    if (status == AKS_OK && view.info.type != AKS_FILE_REGULAR)
        status = aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: is no regular file any more",
            path);
    view.source_info = view.info;
    if (status == AKS_OK) {
        view.path = aks_mem_strdup(port->alloc, path);
        if (view.path == NULL)
            status = aks_error_memory(err, "opening a source");
    }
    if (status != AKS_OK) {
        files->close(view.file);
        return status;
    }
    *ret_view = view;
    return AKS_OK;
}

enum aks_status
aks_view_take(const struct aks_port *port, const struct aks_source *source,
    struct aks_view *ret_view, struct aks_error *err)
{
    enum aks_status status = aks_view_open(port, source->path, ret_view, err);

    if (status != AKS_OK)
        return status;
    status = check_writer(port, source, ret_view->file, err);
    if (status != AKS_OK)
        aks_view_close(ret_view);
    return status;
}

enum aks_status
aks_view_check(const struct aks_view *view, struct aks_error *err)
{
    const struct aks_files *files = &view->port->files;
    struct aks_file_info now;
    struct aks_file_info named;

    if (files->info(view->file, &now, NULL) == AKS_OK &&
        files->stat(files->ctx, view->path, true, &named, NULL) == AKS_OK &&
        aks_source_same(&now, &view->info) && aks_source_same(&named, &view->info))
        return AKS_OK;
    return aks_error_set(err, AKS_SOURCE_CHANGED, "source %s: changed while it was read",
        view->path);
}

bool
aks_view_racy(const struct aks_view *view)
{
    int64_t mtime_ms = view->info.mtime_ns / AKS_NS_PER_MS;

    if (view->copied)
        return view->source_racy;
    return view->taken_at_ms - mtime_ms < AKS_VIEW_RACY_MS;
}

int64_t
aks_view_settle_ms(const struct aks_view *view)
{
    int64_t stamp_ns = view->info.mtime_ns > view->info.ctime_ns
        ? view->info.mtime_ns : view->info.ctime_ns;
    int64_t age_ms = view->taken_at_ms - stamp_ns / AKS_NS_PER_MS;

    if (view->copied)
        return 0;
    /* A stamp far from this clock is another machine's, or a person's: it says nothing of now. */
    if (age_ms >= AKS_VIEW_TICK_MS || age_ms < -AKS_VIEW_TICK_MS)
        return 0;
    return age_ms < 0 ? AKS_VIEW_TICK_MS : AKS_VIEW_TICK_MS - age_ms;
}

void
aks_view_close(struct aks_view *view)
{
    if (view->port != NULL) {
        view->port->files.close(view->file);
        aks_mem_free(view->port->alloc, view->path);
    }
    memset(view, 0, sizeof(*view));
}

enum aks_status
aks_view_read(const struct aks_view *view, int64_t offset, void *data, size_t len,
    struct aks_error *err)
{
    const struct aks_files *files = &view->port->files;
    uint8_t *bytes = data;

    while (len > 0) {
        size_t got = 0;
        enum aks_status status = files->read(view->file, offset, bytes, len, &got, err);

        if (status != AKS_OK)
            return aks_error_set(err, AKS_SOURCE_UNREADABLE,
                "source %s: reading failed at byte %lld", view->path, (long long)offset);
        if (got == 0)
            return aks_error_set(err, AKS_SOURCE_CHANGED,
                "source %s: became shorter while it was read", view->path);
        bytes += got;
        offset += (int64_t)got;
        len -= got;
    }
    return AKS_OK;
}
