/* Does what was restored open? Asked of the parts, before they get their names; nothing is written
 * to them. */
#include "base/buf.h"
#include "base/encode.h"
#include "data/duckdb_blocks.h"
#include "engine/restore_internal.h"
#include "engine/snapshot_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* So many steps of SQLite's machine go by until it is asked whether it should end: a millisecond
 * or so. */
#define STEPS 100000

static int
interrupted(void *ctx)
{
    const struct restore *restore = ctx;

    return atomic_load(&restore->reader.engine->interrupted) != 0;
}

/* Without a log nothing may be made beside the file, so SQLite is told that nobody will change
 * it. With one it needs its index of the log beside it. */
static enum aks_status
uri_of(const struct restore_item *item, struct aks_buf *uri, struct aks_error *err)
{
    const char *part = item->objects[RESTORE_MAIN].part;

    aks_buf_puts(uri, "file:");
    aks_percent_encode(part, strlen(part), true, uri);
    aks_buf_puts(uri, item->there[RESTORE_WAL] ? "?mode=ro" : "?mode=ro&immutable=1");
    return aks_buf_status(uri, "a path", err);
}

static enum aks_status
bad(const struct restore_item *item, const char *words, struct aks_error *err)
{
    enum aks_status status = aks_error_set(err, AKS_CORRUPT, "%s is byte for byte what was stored, "
        "but SQLite finds that it is damaged: %s", item->objects[RESTORE_MAIN].of.name, words);

    aks_error_hint(err, "restore an older upload (--upload ID), or salvage %s with sqlite3's "
        ".recover", item->objects[RESTORE_MAIN].part);
    return status;
}

static enum aks_status
quick_check(struct restore *restore, const struct restore_item *item, sqlite3 *db,
    struct aks_error *err)
{
    sqlite3_stmt *stmt = NULL;
    enum aks_status status = AKS_OK;
    int persist = 1;
    int rc;

    /* Closing must leave the log as it is: it is one half of what was restored. */
    (void)sqlite3_file_control(db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
    sqlite3_progress_handler(db, STEPS, interrupted, restore);
    /* Whoever can write to the target may have made it. */
    rc = aks_snapshot_sqlite_distrust(db);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_INTERRUPT)
        status = aks_error_set(err, AKS_CANCELLED, "interrupted");
    else if (rc != SQLITE_ROW)
        status = bad(item, sqlite3_errmsg(db), err);
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        status = bad(item, (const char *)sqlite3_column_text(stmt, 0), err);
    (void)sqlite3_finalize(stmt);
    return status;
}

/* SQLite's own files beside the parts: the index of the log, and nothing else. */
static void
tidy(const struct restore *restore, const struct restore_item *item)
{
    const struct aks_files *files = &restore->port->files;
    char path[AKS_PATH_BYTES];

    if (snprintf(path, sizeof(path), "%s-shm", item->objects[RESTORE_MAIN].part) <
        (int)sizeof(path))
        (void)files->unlink(files->ctx, path, NULL);
}

static enum aks_status
sizes_hold(const struct restore *restore, const struct restore_item *item, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;

    for (int role = 0; role < RESTORE_ROLES; role++) {
        const struct restore_object *object = &item->objects[role];
        struct aks_file_info info;
        enum aks_status status;

        if (!item->there[role])
            continue;
        status = files->stat(files->ctx, object->part, false, &info, err);
        if (status == AKS_OK && info.bytes != object->of.bytes)
            status = aks_error_set(err, AKS_CORRUPT, "%s was changed while it was looked at",
                object->part);
        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

static enum aks_status
open_sqlite(struct restore *restore, const struct restore_item *item, struct aks_error *err)
{
    const struct aks_port *port = restore->port;
    sqlite3 *db = NULL;
    struct aks_buf uri;
    enum aks_status status;
    int rc;

    aks_buf_init(&uri, port->alloc, 4 * AKS_PATH_BYTES);
    status = uri_of(item, &uri, err);
    if (status == AKS_OK) {
        rc = sqlite3_open_v2(uri.data, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI |
            SQLITE_OPEN_NOMUTEX, port->files.sqlite_vfs);
        if (rc == SQLITE_OK)
            status = quick_check(restore, item, db, err);
        else
            status = bad(item, db != NULL ? sqlite3_errmsg(db) : "no memory", err);
        (void)sqlite3_close(db);
        tidy(restore, item);
    }
    aks_buf_fini(&uri);
    if (status == AKS_OK)
        status = sizes_hold(restore, item, err);
    return status;
}

/* DuckDB */

static enum aks_status
read_exactly(struct restore *restore, struct aks_file *file, int64_t offset, void *data, size_t len,
    struct aks_error *err)
{
    size_t done = 0;

    if (interrupted(restore))
        return aks_error_set(err, AKS_CANCELLED, "interrupted");
    while (done < len) {
        size_t got = 0;
        enum aks_status status = restore->port->files.read(file, offset + (int64_t)done,
            (char *)data + done, len - done, &got, err);

        if (status != AKS_OK)
            return status;
        if (got == 0)
            return aks_error_set(err, AKS_CORRUPT, "the file is shorter than its headers say");
        done += got;
    }
    return AKS_OK;
}

struct reading {
    struct restore *restore;
    const struct restore_object *main;
};

/* As much as there is. */
static enum aks_status
read_part(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    const struct reading *reading = ctx;
    int64_t left = reading->main->of.bytes - offset;

    *ret_len = left <= 0 ? 0 : left < (int64_t)len ? (size_t)left : len;
    return read_exactly(reading->restore, reading->main->file, offset, data, *ret_len, err);
}

/* Those that are in use. *ret_how tells whether it is known of all of them. */
static enum aks_status
check_blocks(struct restore *restore, const struct restore_object *main,
    const struct aks_duckdb_file *duckdb, const char **ret_how, struct aks_error *err)
{
    struct reading reading = { restore, main };
    const struct aks_duckdb_blocks blocks = { restore->port->alloc, duckdb, read_part, &reading };
    int64_t unknown = 0;
    enum aks_status status = aks_duckdb_blocks_check(&blocks, &unknown, err);

    *ret_how = unknown == 0 ? "checksums" : "headers";
    if (status == AKS_OK && unknown > 0)
        aks_restore_note(restore, "%s: %lld blocks do not have their checksums, and its list of "
            "free blocks is none that is known here: ask DuckDB whether they matter",
            main->of.name, (long long)unknown);
    return status;
}

static enum aks_status
open_duckdb(struct restore *restore, const struct restore_item *item, const char **ret_how,
    struct aks_error *err)
{
    const struct restore_object *main = &item->objects[RESTORE_MAIN];
    char head[AKS_DUCKDB_HEADERS_BYTES];
    struct aks_duckdb_file duckdb;
    enum aks_status status = AKS_OK;

    if (main->of.bytes < (int64_t)sizeof(head))
        status = aks_error_set(err, AKS_CORRUPT, "it is too short for its headers");
    if (status == AKS_OK)
        status = read_exactly(restore, main->file, 0, head, sizeof(head), err);
    if (status == AKS_OK)
        status = aks_duckdb_file_parse(head, sizeof(head), &duckdb, err);
    *ret_how = "headers";
    /* Where an agent was writing, or was cut off, a block that no header leads to may be half
     * written. Which those are its log tells as well, so blocks are looked at only where the
     * database had been closed in peace. */
    if (status == AKS_OK && !duckdb.encrypted && !main->of.snapshot_writer &&
        !item->there[RESTORE_WAL]) {
        status = check_blocks(restore, main, &duckdb, ret_how, err);
    }
    if (status == AKS_CORRUPT) {
        (void)aks_error_wrap(err, "%s is byte for byte what was stored, but no sound DuckDB "
            "database", main->of.name);
        aks_error_hint(err, "restore an older upload (--upload ID); what came is kept in %s",
            main->part);
    }
    return status;
}

enum aks_status
aks_restore_open(struct restore *restore, const struct restore_item *item, const char **ret_how,
    struct aks_error *err)
{
    const struct restore_object *main = &item->objects[RESTORE_MAIN];

    *ret_how = NULL;
    /* An empty file is a database of either kind that nothing was written to yet. */
    if (main->of.bytes == 0)
        return AKS_OK;
    if (strcmp(main->of.kind, "sqlite") == 0) {
        *ret_how = "quick_check";
        return open_sqlite(restore, item, err);
    }
    if (strcmp(main->of.kind, "duckdb") == 0)
        return open_duckdb(restore, item, ret_how, err);
    return AKS_OK;
}
