/* DuckDB: main file and WAL by the seqlock of the header pages, without a lock. A lock of ours,
 * even a shared one, would make an agent's next open fail.
 *
 * Blocks that the active header uses are never overwritten, and a checkpoint ends with a header
 * page; so what was copied while the headers stayed as they were is the database of one moment. The
 * WAL goes first: it may point at blocks that were written into the main file before it. If it has
 * vanished, or is another, a checkpoint was at its end, and its changes may be in the main file. */
#include "data/duckdb_blocks.h"
#include "engine/snapshot_internal.h"

#include <string.h>

/* Headers or blocks that do not hold may be those of a moment. */
#define DOUBTS_MAX 3

struct duckdb {
    struct aks_snapshot_take *take;
    struct aks_snapshot_open main;
    char *wal_path;
    bool wal_there;
    struct aks_file_info wal;
    bool writer;
    uint8_t head[AKS_DUCKDB_HEADERS_BYTES];
    struct aks_duckdb_file file;
};

static enum aks_status
changed(const struct duckdb *duckdb, struct aks_error *err)
{
    return aks_snapshot_busy(duckdb->take, err,
        "a program writes to this DuckDB database and leaves no moment to copy it");
}

static enum aks_status
read_head(const struct duckdb *duckdb, struct aks_file *file,
    uint8_t ret[AKS_DUCKDB_HEADERS_BYTES], struct aks_error *err)
{
    const struct aks_files *files = duckdb->take->files;
    size_t len = 0;

    while (len < AKS_DUCKDB_HEADERS_BYTES) {
        size_t got = 0;

        if (files->read(file, (int64_t)len, ret + len, AKS_DUCKDB_HEADERS_BYTES - len, &got,
                NULL) != AKS_OK)
            return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: reading failed",
                duckdb->take->snapshot->source);
        if (got == 0)
            return aks_snapshot_busy(duckdb->take, err, "this DuckDB database has no headers yet");
        len += got;
    }
    return AKS_OK;
}

/* While a checkpoint runs beside commits, or one was cut off, there is a second log, and only
 * DuckDB knows how the three belong together. */
static enum aks_status
check_checkpoint(const struct duckdb *duckdb, struct aks_error *err)
{
    static const char *const endings[] = { ".checkpoint", ".recovery" };
    const struct aks_files *files = duckdb->take->files;

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        char *path = aks_mem_printf(duckdb->take->snapshot->alloc, "%s%s", duckdb->wal_path,
            endings[i]);
        struct aks_file_info info;
        bool there;

        if (path == NULL)
            return aks_error_memory(err, "taking a snapshot");
        there = files->stat(files->ctx, path, false, &info, NULL) != AKS_NOT_FOUND;
        aks_mem_free(duckdb->take->snapshot->alloc, path);
        if (!there)
            continue;
        (void)aks_snapshot_busy(duckdb->take, err, "a checkpoint of this DuckDB database is under "
            "way, or was cut off");
        if (!duckdb->writer)
            aks_error_hint(err, "no program has it open: open it once with DuckDB, which ends the "
                "checkpoint; it is kept in the queue");
        return AKS_SOURCE_BUSY;
    }
    return AKS_OK;
}

/* What there is before anything is copied. */
static enum aks_status
look(struct duckdb *duckdb, struct aks_error *err)
{
    struct aks_snapshot_take *take = duckdb->take;
    enum aks_status status = aks_snapshot_source(take, &duckdb->main, err);
    struct aks_error why;

    if (status != AKS_OK)
        return status;
    duckdb->writer = take->files->locked_by_writer(duckdb->main.file, 0, 0);
    status = read_head(duckdb, duckdb->main.file, duckdb->head, err);
    if (status == AKS_OK && aks_duckdb_file_parse(duckdb->head, sizeof(duckdb->head),
            &duckdb->file, &why) != AKS_OK)
        status = aks_error_set(err, AKS_CORRUPT, "source %s: %s", take->snapshot->source,
            why.message);
    if (status == AKS_OK)
        status = aks_snapshot_companion(take->files, duckdb->wal_path, &duckdb->wal_there,
            &duckdb->wal, err);
    return status == AKS_OK ? check_checkpoint(duckdb, err) : status;
}

static enum aks_status
copy_wal(struct duckdb *duckdb, struct aks_error *err)
{
    const struct aks_files *files = duckdb->take->files;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    enum aks_status status;

    if (!duckdb->wal_there) {
        aks_snapshot_drop(duckdb->take, AKS_SNAPSHOT_WAL);
        return AKS_OK;
    }
    status = files->open(files->ctx, duckdb->wal_path, AKS_FILE_READ, &file, err);
    if (status == AKS_NOT_FOUND)
        return changed(duckdb, err);
    if (status == AKS_OK)
        status = files->info(file, &info, err);
    if (status != AKS_OK) {
        files->close(file);
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: its WAL cannot be read",
            duckdb->take->snapshot->source);
    }
    if (info.inode != duckdb->wal.inode || info.device != duckdb->wal.device)
        status = changed(duckdb, err);
    else
        status = aks_snapshot_copy(duckdb->take, file, AKS_SNAPSHOT_WAL, info.bytes, err);
    files->close(file);
    return status;
}

/* Up to its size of now: the WAL that was just copied may point behind that of before. */
static enum aks_status
copy_main(struct duckdb *duckdb, struct aks_error *err)
{
    const struct aks_files *files = duckdb->take->files;
    struct aks_file_info info;

    if (files->info(duckdb->main.file, &info, NULL) != AKS_OK)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: reading failed",
            duckdb->take->snapshot->source);
    return aks_snapshot_copy(duckdb->take, duckdb->main.file, AKS_SNAPSHOT_MAIN, info.bytes, err);
}

/* Is the copy as long as the headers say? Free blocks at the end may have been cut off: then it is
 * as long as the file is now. */
static bool
long_enough(const struct duckdb *duckdb)
{
    const struct aks_files *files = duckdb->take->files;
    int64_t bytes = duckdb->take->snapshot->files[AKS_SNAPSHOT_MAIN].bytes;
    struct aks_file_info now;

    return bytes >= duckdb->file.bytes ||
        (files->info(duckdb->main.file, &now, NULL) == AKS_OK && bytes >= now.bytes);
}

/* Is there still the WAL that was copied, and at least as long? Where there was none, one that has
 * come since holds what was committed after the copy. */
static bool
wal_stayed(const struct duckdb *duckdb)
{
    const struct aks_snapshot *snapshot = duckdb->take->snapshot;
    struct aks_file_info now;
    bool there = false;

    if (!duckdb->wal_there)
        return true;
    return aks_snapshot_companion(duckdb->take->files, duckdb->wal_path, &there, &now,
            NULL) == AKS_OK && there && now.inode == duckdb->wal.inode &&
        now.device == duckdb->wal.device && now.bytes >= snapshot->files[AKS_SNAPSHOT_WAL].bytes;
}

static bool
main_stayed(struct duckdb *duckdb)
{
    const struct aks_snapshot_take *take = duckdb->take;
    uint8_t head[AKS_DUCKDB_HEADERS_BYTES];
    struct aks_file_info named;

    return read_head(duckdb, duckdb->main.file, head, NULL) == AKS_OK &&
        memcmp(head, duckdb->head, sizeof(head)) == 0 &&
        take->files->stat(take->files->ctx, take->snapshot->source, false, &named, NULL) ==
            AKS_OK &&
        named.device == duckdb->main.info.device && named.inode == duckdb->main.info.inode;
}

struct reading {
    const struct duckdb *duckdb;
    struct aks_file *copy;
};

/* As much as there is. */
static enum aks_status
read_copy(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    const struct reading *reading = ctx;
    const struct aks_snapshot_take *take = reading->duckdb->take;
    uint8_t *at = data;
    size_t got = 1;

    *ret_len = 0;
    if (aks_snapshot_stopped(take))
        return aks_error_set(err, AKS_CANCELLED, "the snapshot is not wanted any more");
    while (got > 0 && *ret_len < len) {
        if (take->files->read(reading->copy, offset + (int64_t)*ret_len, at + *ret_len,
                len - *ret_len, &got, NULL) != AKS_OK)
            return aks_error_set(err, AKS_STATE, "source %s: its copy cannot be read",
                take->snapshot->source);
        *ret_len += got;
    }
    return AKS_OK;
}

/* Every block that is in use. Where a writer was, or was cut off with a log, which those are is not
 * known from the main file alone: so this is asked only of a database that was closed in peace. */
static enum aks_status
check_blocks(struct duckdb *duckdb, struct aks_file *copy, struct aks_error *err)
{
    struct aks_snapshot_take *take = duckdb->take;
    struct reading reading = { duckdb, copy };
    const struct aks_duckdb_blocks blocks = { take->snapshot->alloc, &duckdb->file, read_copy,
        &reading };
    struct aks_error why;
    enum aks_status status = aks_duckdb_blocks_check(&blocks, &take->snapshot->unverified, &why);

    if (status == AKS_OK)
        return AKS_OK;
    *err = why;
    if (status == AKS_CORRUPT) {
        (void)aks_error_set(err, status, "source %s: %s: this DuckDB database is damaged",
            take->snapshot->source, why.message);
        aks_error_hint(err, "ask DuckDB itself, or restore an earlier upload; it is kept in the "
            "queue");
    }
    return status;
}

/* Does the copy begin with the headers, and do its blocks hold? */
static enum aks_status
check_copy(struct duckdb *duckdb, struct aks_error *err)
{
    const struct aks_files *files = duckdb->take->files;
    const struct aks_snapshot *snapshot = duckdb->take->snapshot;
    uint8_t head[AKS_DUCKDB_HEADERS_BYTES];
    struct aks_file *copy = NULL;
    enum aks_status status = files->open(files->ctx, snapshot->files[AKS_SNAPSHOT_MAIN].path,
        AKS_FILE_READ, &copy, err);

    if (status != AKS_OK)
        return aks_error_set(err, AKS_STATE, "source %s: its copy cannot be read",
            snapshot->source);
    status = read_head(duckdb, copy, head, err);
    if (status == AKS_OK && memcmp(head, duckdb->head, sizeof(head)) != 0)
        status = changed(duckdb, err);
    if (status == AKS_OK && !duckdb->writer && !duckdb->wal_there && !duckdb->file.encrypted)
        status = check_blocks(duckdb, copy, err);
    files->close(copy);
    return status;
}

static enum aks_status
copy(struct duckdb *duckdb, struct aks_error *err)
{
    struct aks_snapshot_take *take = duckdb->take;
    enum aks_status status = aks_snapshot_place(take, duckdb->main.file, err);

    if (status != AKS_OK)
        return status;
    aks_snapshot_note(take, &duckdb->main.info, duckdb->wal_there, &duckdb->wal);
    status = copy_wal(duckdb, err);
    if (status == AKS_OK)
        status = copy_main(duckdb, err);
    if (status == AKS_OK && !long_enough(duckdb))
        status = changed(duckdb, err);
    if (status == AKS_OK)
        status = check_checkpoint(duckdb, err);
    if (status == AKS_OK && (!main_stayed(duckdb) || !wal_stayed(duckdb)))
        status = changed(duckdb, err);
    duckdb->writer = duckdb->writer || take->files->locked_by_writer(duckdb->main.file, 0, 0);
    if (status == AKS_OK)
        status = check_copy(duckdb, err);
    take->snapshot->method = "seqlock";
    take->snapshot->writer = duckdb->writer;
    return status;
}

/* Where there is no room for a copy, and nobody writes. */
static enum aks_status
read_in_place(struct duckdb *duckdb, struct aks_error *err)
{
    struct aks_snapshot_take *take = duckdb->take;
    struct aks_error no_space = *err;

    if (duckdb->writer || !aks_snapshot_settled(take, &duckdb->main.info) ||
        (duckdb->wal_there && !aks_snapshot_settled(take, &duckdb->wal))) {
        *err = no_space;
        return AKS_NO_SPACE;
    }
    return aks_snapshot_in_place(take, &duckdb->main, duckdb->wal_there, &duckdb->wal, err);
}

static enum aks_status
attempt(struct duckdb *duckdb, struct aks_error *err)
{
    enum aks_status status = look(duckdb, err);

    if (status == AKS_OK)
        status = copy(duckdb, err);
    if (status == AKS_NO_SPACE)
        status = read_in_place(duckdb, err);
    duckdb->take->files->close(duckdb->main.file);
    duckdb->main.file = NULL;
    return status;
}

enum aks_status
aks_snapshot_duckdb(struct aks_snapshot_take *take, struct aks_error *err)
{
    const struct aks_alloc *alloc = take->snapshot->alloc;
    struct duckdb *duckdb = aks_mem_new(alloc, sizeof(*duckdb));
    unsigned doubts = 0;
    enum aks_status status;
    enum aks_status again;

    if (duckdb == NULL)
        return aks_error_memory(err, "taking a snapshot");
    duckdb->take = take;
    duckdb->wal_path = aks_snapshot_wal_path(alloc, AKS_SOURCE_DUCKDB, take->snapshot->source);
    status = duckdb->wal_path != NULL ? AKS_OK : aks_error_memory(err, "taking a snapshot");
    while (status == AKS_OK) {
        status = attempt(duckdb, err);
        if (status == AKS_OK)
            break;
        again = status == AKS_CORRUPT && ++doubts < DOUBTS_MAX ? AKS_SOURCE_BUSY : status;
        if (aks_snapshot_again(take, &again, err))
            status = AKS_OK;
        else if (again == AKS_CANCELLED)
            status = again;
    }
    aks_mem_free(alloc, duckdb->wal_path);
    aks_mem_free(alloc, duckdb);
    return status;
}
