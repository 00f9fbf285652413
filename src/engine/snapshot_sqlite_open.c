/* Where SQLite itself opens something: the source, for reading alone; and a private copy, to roll
 * it back. */
#include "engine/snapshot_sqlite.h"

#include "base/units.h"

#include <string.h>

/* Called while a lock is waited for; 0 gives up. */
static int
busy(void *ctx, int tries)
{
    struct aks_snapshot_take *take = ctx;
    const struct aks_clock *clock = &take->options->port->clock;
    int64_t waited_ms = (clock->now_ns(clock->ctx) - take->started_ns) / AKS_NS_PER_MS;

    if (aks_snapshot_stopped(take) || waited_ms >= take->options->wait_ms ||
        tries >= AKS_SNAPSHOT_TRIES_MAX)
        return 0;
    clock->pause_ms(clock->ctx, tries < 10 ? 2 : AKS_SNAPSHOT_PAUSE_FIRST_MS);
    take->waited_ns = clock->now_ns(clock->ctx) - take->started_ns;
    return 1;
}

int
aks_snapshot_sqlite_distrust(sqlite3 *db)
{
    static const struct {
        int option;
        int value;
    } options[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },
        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
        { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
        { SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
    };
    int rc = SQLITE_OK;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(db, options[i].option, options[i].value, (int *)NULL);
    return rc;
}

/* The schema's version stands in the first page: to read it is to read, without a look at what a
 * schema says. */
static const char touch[] = "PRAGMA schema_version";

int
aks_snapshot_sqlite_begin(struct aks_snapshot_sqlite *sqlite, sqlite3 **ret_db)
{
    struct aks_snapshot_take *take = sqlite->take;
    int rc = sqlite3_open_v2(take->snapshot->source, ret_db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        take->files->sqlite_vfs);

    if (rc == SQLITE_OK)
        rc = aks_snapshot_sqlite_distrust(*ret_db);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_handler(*ret_db, busy, take);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*ret_db, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*ret_db, touch, NULL, NULL, NULL);
    return rc;
}

void
aks_snapshot_sqlite_end(sqlite3 *db)
{
    if (db != NULL && sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    (void)sqlite3_close(db);
}

/* --- a journal that nobody rolls back --------------------------------------------------------- */

static enum aks_status
copy_journal(struct aks_snapshot_sqlite *sqlite, const char *from, const char *to,
    struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    const struct aks_files *files = take->files;
    struct aks_file *source = NULL;
    struct aks_file *copy = NULL;
    int64_t offset = 0;
    size_t got = 1;
    enum aks_status status = files->open(files->ctx, from, AKS_FILE_READ, &source, err);

    if (status == AKS_NOT_FOUND)
        return aks_snapshot_busy(take, err, "this SQLite database is being rolled back");
    if (status == AKS_OK)
        status = files->open(files->ctx, to, AKS_FILE_REPLACE, &copy, err);
    while (status == AKS_OK && got > 0) {
        status = files->read(source, offset, take->buffer, AKS_SNAPSHOT_BUFFER_BYTES, &got, err);
        if (status == AKS_OK && got > 0)
            status = files->write(copy, offset, take->buffer, got, err);
        offset += (int64_t)got;
        if (aks_snapshot_stopped(take))
            status = aks_error_set(err, AKS_CANCELLED, "the snapshot is not wanted any more");
    }
    files->close(copy);
    files->close(source);
    return status;
}

static enum aks_status
roll_back(struct aks_snapshot_take *take, struct aks_error *err)
{
    struct aks_snapshot *snapshot = take->snapshot;
    struct aks_file_info info;
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(snapshot->files[AKS_SNAPSHOT_MAIN].path, &db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        take->files->sqlite_vfs);

    if (rc == SQLITE_OK)
        rc = aks_snapshot_sqlite_distrust(db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, touch, NULL, NULL, NULL);
    (void)sqlite3_close(db);
    if (rc == SQLITE_FULL)
        return aks_error_set(err, AKS_NO_SPACE, "source %s: no room to roll its copy back in %s",
            snapshot->source, take->folder);
    if (rc != SQLITE_OK)
        return aks_error_set(err, AKS_CORRUPT, "source %s: its copy cannot be rolled back: %s",
            snapshot->source, sqlite3_errstr(rc));
    if (take->files->stat(take->files->ctx, snapshot->files[AKS_SNAPSHOT_MAIN].path, false, &info,
            err) != AKS_OK)
        return aks_error_set(err, AKS_STATE, "source %s: its copy cannot be read",
            snapshot->source);
    snapshot->files[AKS_SNAPSHOT_MAIN].bytes = info.bytes;
    return AKS_OK;
}

/* As root SQLite gives a journal to the database's owner when it looks at it: its ctime says
 * nothing. */
static bool
journal(const struct aks_files *files, const char *path, struct aks_file_info *ret_info)
{
    bool there = false;

    if (aks_snapshot_companion(files, path, &there, ret_info, NULL) != AKS_OK)
        return false;
    ret_info->ctime_ns = ret_info->mtime_ns;
    return there;
}

/* Neither main file nor journal may change meanwhile: whoever opens the database for writing rolls
 * it back first. */
static enum aks_status
copy_both(struct aks_snapshot_sqlite *sqlite, const char *from, const char *to,
    struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    struct aks_file_info before;
    struct aks_file_info after;
    enum aks_status status;

    if (!journal(take->files, from, &before) ||
        !aks_snapshot_settled(take, &sqlite->main.info) || !aks_snapshot_settled(take, &before))
        return aks_snapshot_busy(take, err, "this SQLite database is being rolled back");
    aks_snapshot_note(take, &sqlite->main.info, false, NULL);
    status = copy_journal(sqlite, from, to, err);
    if (status == AKS_OK)
        status = aks_snapshot_copy(take, sqlite->main.file, AKS_SNAPSHOT_MAIN,
            sqlite->main.info.bytes, err);
    if (status == AKS_OK && (!aks_snapshot_source_same(take, &sqlite->main) ||
            !journal(take->files, from, &after) || !aks_source_same(&before, &after)))
        status = aks_snapshot_busy(take, err, "this SQLite database is being rolled back");
    return status;
}

enum aks_status
aks_snapshot_sqlite_recover(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    const struct aks_alloc *alloc = take->snapshot->alloc;
    char *from = aks_mem_printf(alloc, "%s-journal", take->snapshot->source);
    char *to = aks_mem_printf(alloc, "%s/main-journal", take->folder);
    enum aks_status status;

    if (from == NULL || to == NULL)
        status = aks_error_memory(err, "taking a snapshot");
    else
        status = copy_both(sqlite, from, to, err);
    if (status == AKS_OK)
        status = roll_back(take, err);
    if (to != NULL)
        (void)take->files->unlink(take->files->ctx, to, NULL);
    take->snapshot->method = "backup";
    aks_mem_free(alloc, from);
    aks_mem_free(alloc, to);
    return status;
}
