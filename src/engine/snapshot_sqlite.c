/* SQLite: main file and WAL in a read transaction of our own, which lets writers go on in WAL mode
 * and holds them up for the copy alone in rollback mode. Nothing is written to the person's
 * database and no checkpoint is made.
 *
 * In WAL mode, while we read, a checkpoint brings nothing into the main file that is newer than
 * what we see, so main and WAL belong together. Only if all of the WAL was in the main file already
 * may a writer begin it anew meanwhile: its header tells.
 *
 * Locks of SQLite are the process's: closing any descriptor of the main file would take them away.
 * Ours is opened before SQLite's and closed after it.
 *
 * Where nobody can have the database open (WAL mode, and no -shm), and where SQLite may not read it
 * (a folder that cannot be written), stamps before and after say whether the copy is of one moment;
 * so SQLite leaves no files behind where there were none.
 *
 * sqlite.org/fileformat2.html, sqlite.org/lockingv3.html, sqlite.org/walformat.html */
#include "engine/snapshot_sqlite.h"

#include "base/units.h"

#include <string.h>

#define HEAD_BYTES 100
#define WAL_HEAD_BYTES 32
#define WRITE_VERSION_AT 18             /* 2: WAL */
#define READ_VERSION_AT 19
/* What SQLite locks: PENDING, RESERVED, and 510 bytes that readers share. */
#define LOCKS_AT INT64_C(0x40000000)
#define LOCKS_BYTES 512

static enum aks_status
changed(const struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    return aks_snapshot_busy(sqlite->take, err,
        "a program writes to this SQLite database and leaves no moment to copy it");
}

static bool
exists(const struct aks_snapshot_sqlite *sqlite, const char *ending)
{
    const struct aks_files *files = sqlite->take->files;
    const struct aks_alloc *alloc = sqlite->take->snapshot->alloc;
    char *path = aks_mem_printf(alloc, "%s%s", sqlite->take->snapshot->source, ending);
    struct aks_file_info info;
    bool there = path == NULL ||
        files->stat(files->ctx, path, false, &info, NULL) != AKS_NOT_FOUND;

    aks_mem_free(alloc, path);
    return there;
}

static enum aks_status
look(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    enum aks_status status = aks_snapshot_source(take, &sqlite->main, err);
    uint8_t head[HEAD_BYTES] = { 0 };
    size_t got = 0;

    if (status != AKS_OK)
        return status;
    if (take->files->read(sqlite->main.file, 0, head, sizeof(head), &got, NULL) != AKS_OK)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: reading failed",
            take->snapshot->source);
    sqlite->writer = take->files->locked_by_writer(sqlite->main.file, LOCKS_AT, LOCKS_BYTES);
    status = aks_snapshot_companion(take->files, sqlite->wal_path, &sqlite->wal_there,
        &sqlite->wal_info, err);
    sqlite->wal_mode = sqlite->wal_there || head[WRITE_VERSION_AT] == 2 ||
        head[READ_VERSION_AT] == 2;
    sqlite->at_rest = sqlite->wal_mode && !exists(sqlite, "-shm");
    if (status != AKS_OK || !sqlite->wal_there)
        return status;
    status = take->files->open(take->files->ctx, sqlite->wal_path, AKS_FILE_READ, &sqlite->wal,
        err);
    if (status == AKS_NOT_FOUND)
        return changed(sqlite, err);
    return status == AKS_OK ? AKS_OK : aks_error_set(err, AKS_SOURCE_UNREADABLE,
        "source %s: its WAL cannot be read", take->snapshot->source);
}

/* --- by stamps -------------------------------------------------------------------------------- */

/* As root SQLite gives the log to the database's owner whenever it opens it, so only its mtime and
 * size tell of a write. */
static struct aks_file_info
by_mtime(const struct aks_file_info *info)
{
    struct aks_file_info own = *info;

    own.ctime_ns = own.mtime_ns;
    return own;
}

static bool
wal_same(const struct aks_snapshot_sqlite *sqlite)
{
    struct aks_file_info before = by_mtime(&sqlite->wal_info);
    struct aks_file_info now;
    bool there = false;

    if (aks_snapshot_companion(sqlite->take->files, sqlite->wal_path, &there, &now, NULL) !=
            AKS_OK || there != sqlite->wal_there)
        return false;
    now = by_mtime(&now);
    return !there || aks_source_same(&now, &before);
}

static bool
wal_settled(const struct aks_snapshot_sqlite *sqlite)
{
    struct aks_file_info info = by_mtime(&sqlite->wal_info);

    return !sqlite->wal_there || aks_snapshot_settled(sqlite->take, &info);
}

static enum aks_status
copy_files(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    struct aks_file_info info;
    enum aks_status status = AKS_OK;

    if (!sqlite->wal_there)
        aks_snapshot_drop(take, AKS_SNAPSHOT_WAL);
    else if (take->files->info(sqlite->wal, &info, NULL) != AKS_OK)
        status = changed(sqlite, err);
    else
        status = aks_snapshot_copy(take, sqlite->wal, AKS_SNAPSHOT_WAL, info.bytes, err);
    if (status == AKS_OK && take->files->info(sqlite->main.file, &info, NULL) != AKS_OK)
        status = changed(sqlite, err);
    if (status == AKS_OK)
        status = aks_snapshot_copy(take, sqlite->main.file, AKS_SNAPSHOT_MAIN, info.bytes, err);
    return status;
}

/* In rollback mode a journal is that of a transaction of which the main file may hold a part,
 * however still it is: one that goes on, or one that died. */
static bool
half_written(const struct aks_snapshot_sqlite *sqlite)
{
    return !sqlite->wal_mode && exists(sqlite, "-journal");
}

static enum aks_status
copy_still(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    enum aks_status status;

    if (sqlite->writer || half_written(sqlite) ||
        !aks_snapshot_settled(take, &sqlite->main.info) || !wal_settled(sqlite))
        return changed(sqlite, err);
    aks_snapshot_note(take, &sqlite->main.info, sqlite->wal_there, &sqlite->wal_info);
    status = copy_files(sqlite, err);
    if (status == AKS_OK && (half_written(sqlite) ||
            !aks_snapshot_source_same(take, &sqlite->main) || !wal_same(sqlite)))
        status = changed(sqlite, err);
    take->snapshot->method = "identity";
    return status;
}

/* --- in a read transaction -------------------------------------------------------------------- */

static bool
wal_head(const struct aks_snapshot_sqlite *sqlite, struct aks_file *file,
    uint8_t ret[WAL_HEAD_BYTES])
{
    size_t got = 0;

    return sqlite->take->files->read(file, 0, ret, WAL_HEAD_BYTES, &got, NULL) == AKS_OK &&
        got == WAL_HEAD_BYTES;
}

/* In rollback mode every reader is in a writer's way: what a disk has to fetch is fetched first. */
static void
warm(struct aks_snapshot_sqlite *sqlite)
{
    struct aks_snapshot_take *take = sqlite->take;
    int64_t offset = 0;
    size_t got = 1;

    while (got > 0 && offset < sqlite->main.info.bytes && !aks_snapshot_stopped(take)) {
        if (take->files->read(sqlite->main.file, offset, take->buffer, AKS_SNAPSHOT_BUFFER_BYTES,
                &got, NULL) != AKS_OK)
            return;
        offset += (int64_t)got;
    }
}

/* The WAL's header before and after the copy, and that of the copy. */
static enum aks_status
copy_with_wal(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_file_info named;
    uint8_t before[WAL_HEAD_BYTES];
    uint8_t after[WAL_HEAD_BYTES];
    bool there = false;
    enum aks_status status;

    if (!wal_head(sqlite, sqlite->wal, before))
        return changed(sqlite, err);
    status = copy_files(sqlite, err);
    if (status != AKS_OK)
        return status;
    if (!wal_head(sqlite, sqlite->wal, after) || memcmp(before, after, sizeof(before)) != 0 ||
        aks_snapshot_companion(sqlite->take->files, sqlite->wal_path, &there, &named, NULL) !=
            AKS_OK || !there || named.inode != sqlite->wal_info.inode ||
        named.device != sqlite->wal_info.device)
        return changed(sqlite, err);
    sqlite->writer = sqlite->writer || !aks_source_same(&named, &sqlite->wal_info);
    return AKS_OK;
}

/* The lock keeps every writer out; where a file system has none, the stamps tell. */
static enum aks_status
copy_without_wal(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    const struct aks_files *files = sqlite->take->files;
    struct aks_file_info before;
    struct aks_file_info after;
    enum aks_status status;

    if (files->info(sqlite->main.file, &before, NULL) != AKS_OK)
        return changed(sqlite, err);
    status = copy_files(sqlite, err);
    if (status == AKS_OK && (files->info(sqlite->main.file, &after, NULL) != AKS_OK ||
            !aks_source_same(&before, &after)))
        status = changed(sqlite, err);
    return status;
}

/* Is the path still the file that both of us opened? */
static bool
same_file(const struct aks_snapshot_sqlite *sqlite)
{
    const struct aks_files *files = sqlite->take->files;
    struct aks_file_info named;

    return files->stat(files->ctx, sqlite->take->snapshot->source, false, &named, NULL) ==
            AKS_OK &&
        named.device == sqlite->main.info.device && named.inode == sqlite->main.info.inode;
}

/* A first commit may have made the WAL, or a change of mode, between our look and the lock. */
static bool
still_without_wal(const struct aks_snapshot_sqlite *sqlite)
{
    struct aks_file_info info;
    bool there = false;

    return aks_snapshot_companion(sqlite->take->files, sqlite->wal_path, &there, &info,
        NULL) == AKS_OK && !there;
}

/* SQLite has opened the log meanwhile: stamps of now are those to be remembered. */
static bool
look_at_wal_again(struct aks_snapshot_sqlite *sqlite)
{
    uint64_t device = sqlite->wal_info.device;
    uint64_t inode = sqlite->wal_info.inode;
    bool there = false;

    return aks_snapshot_companion(sqlite->take->files, sqlite->wal_path, &there, &sqlite->wal_info,
            NULL) == AKS_OK && there && sqlite->wal_info.device == device &&
        sqlite->wal_info.inode == inode;
}

static enum aks_status
copy_locked(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;
    enum aks_status status;

    if (!same_file(sqlite) || (!sqlite->wal_there && !still_without_wal(sqlite)) ||
        (sqlite->wal_there && !look_at_wal_again(sqlite)))
        return changed(sqlite, err);
    aks_snapshot_note(take, &sqlite->main.info, sqlite->wal_there, &sqlite->wal_info);
    if (sqlite->wal_there)
        status = copy_with_wal(sqlite, err);
    else
        status = copy_without_wal(sqlite, err);
    if (status == AKS_OK && !sqlite->wal_there && !still_without_wal(sqlite))
        status = changed(sqlite, err);
    take->snapshot->method = "transaction";
    return status;
}

static enum aks_status
copy_in_transaction(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    enum aks_status status;
    sqlite3 *db = NULL;
    int rc;

    if (!sqlite->wal_mode)
        warm(sqlite);
    rc = aks_snapshot_sqlite_begin(sqlite, &db);
    switch (rc & 0xff) {
    case SQLITE_OK:
        status = copy_locked(sqlite, err);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        status = changed(sqlite, err);
        break;
    case SQLITE_NOMEM:
        status = aks_error_memory(err, "taking a snapshot");
        break;
    default:
        /* It may not be read as SQLite does it, or is damaged: then as it lies there. */
        status = AKS_NOT_FOUND;
        break;
    }
    aks_snapshot_sqlite_end(db);
    if (status != AKS_NOT_FOUND)
        return status;
    return rc == SQLITE_READONLY_ROLLBACK ? aks_snapshot_sqlite_recover(sqlite, err)
        : copy_still(sqlite, err);
}

/* --- tries ------------------------------------------------------------------------------------ */

static enum aks_status
copy(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    enum aks_status status = aks_snapshot_place(sqlite->take, sqlite->main.file, err);

    if (status == AKS_OK)
        status = sqlite->at_rest ? copy_still(sqlite, err) : copy_in_transaction(sqlite, err);
    if (status == AKS_OK && sqlite->at_rest && exists(sqlite, "-shm"))
        status = changed(sqlite, err);
    sqlite->take->snapshot->writer = sqlite->writer;
    return status;
}

static enum aks_status
read_in_place(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    struct aks_snapshot_take *take = sqlite->take;

    if (sqlite->writer || exists(sqlite, "-journal") ||
        !aks_snapshot_settled(take, &sqlite->main.info) || !wal_settled(sqlite))
        return AKS_NO_SPACE;    /* and ${err} tells where */
    return aks_snapshot_in_place(take, &sqlite->main, sqlite->wal_there, &sqlite->wal_info, err);
}

static enum aks_status
attempt(struct aks_snapshot_sqlite *sqlite, struct aks_error *err)
{
    const struct aks_files *files = sqlite->take->files;
    enum aks_status status;

    sqlite->wal = NULL;
    status = look(sqlite, err);
    if (status == AKS_OK)
        status = copy(sqlite, err);
    if (status == AKS_NO_SPACE)
        status = read_in_place(sqlite, err);
    files->close(sqlite->wal);
    files->close(sqlite->main.file);
    return status;
}

enum aks_status
aks_snapshot_sqlite(struct aks_snapshot_take *take, struct aks_error *err)
{
    struct aks_snapshot_sqlite sqlite = { .take = take };
    enum aks_status status;

    sqlite.wal_path = aks_snapshot_wal_path(take->snapshot->alloc, AKS_SOURCE_SQLITE,
        take->snapshot->source);
    if (sqlite.wal_path == NULL)
        return aks_error_memory(err, "taking a snapshot");
    do {
        status = attempt(&sqlite, err);
    } while (status != AKS_OK && aks_snapshot_again(take, &status, err));
    aks_mem_free(take->snapshot->alloc, sqlite.wal_path);
    return status;
}
