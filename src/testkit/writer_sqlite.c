/* SQLite itself as the writer: on the simulated files, as another process that has the database
 * open. The first row holds the state's count, the others that of the last transaction of their
 * group, so that a mixture of two states is seen. */
#include "sim/vfs_sim.h"
#include "testkit/writer_internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 25
#define GROUPS 3                        /* one of them is changed by a transaction, and slot 0 */
#define PAD_BYTES 700
#define REST_ACTS_MAX 100

enum phase { PHASE_IDLE, PHASE_HALF, PHASE_WHOLE, PHASE_COMMITTED };

struct writer_sqlite {
    sqlite3 *db;                        /* NULL: closed */
    enum phase phase;
    unsigned in_session;
};

static void
pad_of(int slot, uint64_t count, char ret_pad[PAD_BYTES])
{
    for (int i = 0; i < PAD_BYTES; i++)
        ret_pad[i] = (char)('a' + ((uint64_t)(slot + i) + count * 7) % 26);
}

/* What a slot holds once there were ${count} transactions; the first one made them all. */
static uint64_t
count_of(int slot, uint64_t count)
{
    uint64_t behind = (count + GROUPS - (uint64_t)slot % GROUPS) % GROUPS;

    return slot == 0 ? count : count > behind ? count - behind : 1;
}

static enum aks_status
failed(sqlite3 *db, struct aks_error *err)
{
    return aks_error_set(err, AKS_STATE, "a writer's SQLite: %s (%d)", sqlite3_errmsg(db),
        sqlite3_extended_errcode(db));
}

static int
run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int
set_slots(sqlite3 *db, int from, int to, uint64_t count)
{
    sqlite3_stmt *stmt = NULL;
    char pad[PAD_BYTES];
    int rc = sqlite3_prepare_v2(db, "INSERT INTO state VALUES (?1, ?2, ?3) ON CONFLICT (slot) DO"
        " UPDATE SET count = ?2, pad = ?3", -1, &stmt, NULL);

    for (int slot = from; rc == SQLITE_OK && slot < to; slot++) {
        if (count_of(slot, count) != count)
            continue;
        pad_of(slot, count, pad);
        (void)sqlite3_bind_int(stmt, 1, slot);
        (void)sqlite3_bind_int64(stmt, 2, (sqlite3_int64)count);
        (void)sqlite3_bind_blob(stmt, 3, pad, sizeof(pad), SQLITE_STATIC);
        rc = sqlite3_step(stmt);
        rc = rc == SQLITE_DONE ? sqlite3_reset(stmt) : rc;
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* Small pages and hardly any cache, so that a transaction reaches the file before its commit; and
 * no automatic checkpoint, as it would hide in a commit. */
static enum aks_status
open_database(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_sqlite *sqlite = writer->sqlite;
    const char *vfs = aks_files_sim_port(writer->options.files)->sqlite_vfs;
    bool wal = writer->options.kind == AKS_WRITER_SQLITE_WAL;
    int rc = sqlite3_open_v2(writer->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        vfs);

    if (rc == SQLITE_OK)
        rc = run(sqlite->db, "PRAGMA page_size = 1024; PRAGMA cache_size = 4;"
            " PRAGMA synchronous = EXTRA; PRAGMA wal_autocheckpoint = 0;");
    if (rc == SQLITE_OK)
        rc = run(sqlite->db, wal ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE");
    /* What a death has left of a transaction is rolled back when something is read. */
    if (rc == SQLITE_OK)
        rc = run(sqlite->db, "SELECT count(*) FROM sqlite_schema");
    sqlite->phase = PHASE_IDLE;
    sqlite->in_session = 0;
    if (rc == SQLITE_OK || rc == SQLITE_BUSY)
        return AKS_OK;
    (void)failed(sqlite->db, err);
    (void)sqlite3_close(sqlite->db);
    sqlite->db = NULL;
    return AKS_STATE;
}

/* Told to come back, or short of room: the transaction is given up and begun again. */
static enum aks_status
later(struct aks_writer *writer, int rc, struct aks_error *err)
{
    struct writer_sqlite *sqlite = writer->sqlite;

    writer->waited++;
    if (rc == SQLITE_BUSY)
        return AKS_OK;
    if (rc != SQLITE_FULL && rc != SQLITE_IOERR && rc != SQLITE_CANTOPEN)
        return failed(sqlite->db, err);
    (void)run(sqlite->db, "ROLLBACK");
    sqlite->phase = PHASE_IDLE;
    return AKS_OK;
}

static int
checkpoint(struct aks_writer *writer)
{
    static const char *const ways[] = { "PRAGMA wal_checkpoint(PASSIVE)",
        "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(TRUNCATE)" };
    uint64_t way = aks_rng_next(&writer->rng) % 6;

    return way < 3 && writer->options.kind == AKS_WRITER_SQLITE_WAL
        ? run(writer->sqlite->db, ways[way]) : SQLITE_OK;
}

static void
close_database(struct writer_sqlite *sqlite)
{
    (void)sqlite3_close(sqlite->db);
    sqlite->db = NULL;
    sqlite->phase = PHASE_IDLE;
}

static enum aks_status
act_open(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_sqlite *sqlite = writer->sqlite;
    uint64_t next = writer->committed + 1;
    enum phase then = PHASE_IDLE;
    int rc = SQLITE_OK;

    switch (sqlite->phase) {
    case PHASE_IDLE:
        rc = run(sqlite->db, "BEGIN IMMEDIATE");
        if (rc == SQLITE_OK)
            rc = set_slots(sqlite->db, 0, SLOTS / 2, next);
        then = PHASE_HALF;
        break;
    case PHASE_HALF:
        rc = set_slots(sqlite->db, SLOTS / 2, SLOTS, next);
        then = PHASE_WHOLE;
        break;
    case PHASE_WHOLE:
        rc = run(sqlite->db, "COMMIT");
        if (rc == SQLITE_OK) {
            writer->committed = next;
            sqlite->in_session++;
        }
        then = PHASE_COMMITTED;
        break;
    case PHASE_COMMITTED:
        rc = checkpoint(writer);
        break;
    }
    rc &= 0xff;
    if (rc == SQLITE_BUSY && sqlite->phase == PHASE_COMMITTED)
        rc = SQLITE_OK;                 /* another time */
    if (rc != SQLITE_OK)
        return later(writer, rc, err);
    sqlite->phase = then;
    return AKS_OK;
}

enum aks_status
aks_writer_sqlite_act(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_sqlite *sqlite = writer->sqlite;

    if (sqlite->db == NULL)
        return open_database(writer, err);
    if (writer->options.session != 0 && sqlite->phase == PHASE_IDLE &&
        sqlite->in_session >= writer->options.session) {
        close_database(sqlite);
        return AKS_OK;
    }
    return act_open(writer, err);
}

enum aks_status
aks_writer_sqlite_rest(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_sqlite *sqlite = writer->sqlite;
    enum aks_status status = sqlite->db == NULL ? open_database(writer, err) : AKS_OK;

    for (int i = 0; status == AKS_OK && sqlite->phase != PHASE_IDLE && i < REST_ACTS_MAX; i++)
        status = act_open(writer, err);
    if (status == AKS_OK && sqlite->phase != PHASE_IDLE)
        status = failed(sqlite->db, err);
    close_database(sqlite);
    /* A full disk may have left something to be rolled back. */
    if (status == AKS_OK)
        status = open_database(writer, err);
    close_database(sqlite);
    return status;
}

void
aks_writer_sqlite_stop(struct aks_writer *writer)
{
    close_database(writer->sqlite);
}

enum aks_status
aks_writer_sqlite_new(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_sqlite *sqlite = aks_mem_new(writer->options.alloc, sizeof(*sqlite));
    enum aks_status status;

    if (sqlite == NULL)
        return aks_error_memory(err, "making a writer");
    writer->sqlite = sqlite;
    status = open_database(writer, err);
    if (status != AKS_OK)
        return status;
    if (run(sqlite->db, "CREATE TABLE state (slot INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
            " pad BLOB NOT NULL)") != SQLITE_OK || set_slots(sqlite->db, 0, SLOTS, 1) != SQLITE_OK)
        return failed(sqlite->db, err);
    writer->committed = 1;
    return aks_writer_sqlite_rest(writer, err);
}

void
aks_writer_sqlite_free(struct aks_writer *writer)
{
    if (writer->sqlite == NULL)
        return;
    close_database(writer->sqlite);
    aks_mem_free(writer->options.alloc, writer->sqlite);
    writer->sqlite = NULL;
}

/* Which state a copy is. */

/* A disk of its own, on which SQLite may write what it likes. */
struct bench {
    struct aks_files_sim *files;
    struct aks_vfs_sim *vfs;
    struct aks_clock clock;
    struct aks_sim_hook hook;
    sqlite3 *db;
};

static int64_t
no_time(void *ctx)
{
    return 1;
}

static void
no_fault(void *ctx, const struct aks_sim_step *step, struct aks_sim_fault *ret_fault)
{
}

static void
no_advance(void *ctx, int64_t ns)
{
}

static enum aks_status
lay_out(struct bench *bench, const struct aks_alloc *alloc, const void *main, size_t main_len,
    const void *wal, size_t wal_len, struct aks_error *err)
{
    enum aks_status status;

    bench->clock.now_ns = no_time;
    bench->clock.wall_ms = no_time;
    bench->hook.step = no_fault;
    status = aks_files_sim_new(alloc, &bench->clock, &bench->hook, no_advance, NULL, 1,
        &bench->files, err);
    if (status == AKS_OK)
        status = aks_vfs_sim_new(alloc, aks_files_sim_port(bench->files), &bench->clock, 1,
            &bench->vfs, err);
    if (status == AKS_OK)
        status = aks_files_sim_put(bench->files, "/copy.db", main, main_len, 0, err);
    if (status == AKS_OK && wal != NULL)
        status = aks_files_sim_put(bench->files, "/copy.db-wal", wal, wal_len, 0, err);
    if (status == AKS_OK && sqlite3_open_v2("/copy.db", &bench->db, SQLITE_OPEN_READWRITE,
            aks_files_sim_port(bench->files)->sqlite_vfs) != SQLITE_OK)
        status = aks_error_set(err, AKS_CORRUPT, "no state of the database: it does not open");
    return status;
}

static enum aks_status
wrong(sqlite3 *db, const char *why, struct aks_error *err)
{
    return aks_error_set(err, AKS_CORRUPT, "no state of the database: %s (%s)", why,
        sqlite3_errmsg(db));
}

static enum aks_status
check_rows(sqlite3 *db, uint64_t *ret_count, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    sqlite3_stmt *stmt = NULL;
    char pad[PAD_BYTES];
    int slot = 0;
    int rc = sqlite3_prepare_v2(db, "SELECT slot, count, pad FROM state ORDER BY slot", -1, &stmt,
        NULL);

    while (rc == SQLITE_OK && status == AKS_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 1);

        *ret_count = slot == 0 ? count : *ret_count;
        pad_of(slot, count, pad);
        if (count != count_of(slot, *ret_count))
            status = wrong(db, "rows of two states", err);
        else if (sqlite3_column_int(stmt, 0) != slot ||
            sqlite3_column_bytes(stmt, 2) != PAD_BYTES ||
            memcmp(sqlite3_column_blob(stmt, 2), pad, sizeof(pad)) != 0)
            status = wrong(db, "a row holds other bytes than it was given", err);
        slot++;
        rc = SQLITE_OK;
    }
    if (status == AKS_OK && (rc != SQLITE_DONE || slot != SLOTS))
        status = wrong(db, "rows are missing", err);
    (void)sqlite3_finalize(stmt);
    return status;
}

static enum aks_status
check_pages(sqlite3 *db, struct aks_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool fine = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;

    (void)sqlite3_finalize(stmt);
    return fine ? AKS_OK : wrong(db, "its pages do not belong together", err);
}

enum aks_status
aks_writer_sqlite_state(const struct aks_alloc *alloc, const void *main, size_t main_len,
    const void *wal, size_t wal_len, uint64_t *ret_count, struct aks_error *err)
{
    struct bench bench = { 0 };
    enum aks_status status = lay_out(&bench, alloc, main, main_len, wal, wal_len, err);

    if (status == AKS_OK)
        status = check_rows(bench.db, ret_count, err);
    if (status == AKS_OK)
        status = check_pages(bench.db, err);
    (void)sqlite3_close(bench.db);
    aks_vfs_sim_free(bench.vfs);
    aks_files_sim_free(bench.files);
    return status;
}
