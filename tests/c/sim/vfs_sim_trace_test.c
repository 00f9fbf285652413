/* One seeded trace of SQL goes to SQLite's own VFS on real files, to ours on simulated files, and
 * to ours on real files. They may not differ in a result, a row or a word. */
#include "base/buf.h"
#include "base/rng.h"
#include "os/os.h"
#include "sim/disk.h"
#include "sim/vfs_sim.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 32
#define STEPS 400
#define SIDES 3
#define CONNECTIONS 3
#define SQL_BYTES 512
#define ANSWER_BYTES (4 * 1024 * 1024)

/* One way to keep the database, with the connections to it. */
struct side {
    const struct aks_files *files;
    const char *vfs;
    const char *path;
    sqlite3 *db[CONNECTIONS];
    sqlite3_stmt *cursor[CONNECTIONS];  /* a reader in the middle of its rows */
    struct aks_buf answer;
};

struct trace {
    struct disk disk;
    struct aks_vfs_sim *on_sim;
    struct aks_vfs_sim *on_real;
    struct aks_files real;
    struct temp_folder *folder[2];
    struct side sides[SIDES];
    struct aks_rng rng;
    uint64_t seed;
    unsigned step;
    char sql[SQL_BYTES];
};

static uint64_t
draw(struct trace *trace, uint64_t below)
{
    return aks_rng_next(&trace->rng) % below;
}

static void
compare_answers(struct trace *trace)
{
    const struct side *first = &trace->sides[0];

    for (size_t i = 1; i < SIDES; i++) {
        assert_int_equal(trace->sides[i].answer.failed, AKS_OK);
        if (strcmp(first->answer.data, trace->sides[i].answer.data) != 0)
            fail_msg("seed %llu step %u, %s: SQLite's own says\n%.500s\nside %zu says\n%.500s",
                (unsigned long long)trace->seed, trace->step, trace->sql, first->answer.data, i,
                trace->sides[i].answer.data);
    }
}

static void
add_row(struct side *side, sqlite3_stmt *stmt)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const char *text = (const char *)sqlite3_column_text(stmt, i);

        aks_buf_printf(&side->answer, "%s|", text != NULL ? text : "NULL");
    }
    aks_buf_putc(&side->answer, '\n');
}

static void
run_one(struct side *side, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        add_row(side, stmt);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(stmt);
    aks_buf_printf(&side->answer, "%d: %s\n", rc, sqlite3_errmsg(db));
}

/* The same statement on the same connection of each side. */
static void
run_all(struct trace *trace, size_t which, const char *sql)
{
    (void)snprintf(trace->sql, sizeof(trace->sql), "%zu: %s", which, sql);
    for (size_t i = 0; i < SIDES; i++) {
        aks_buf_reset(&trace->sides[i].answer);
        run_one(&trace->sides[i], trace->sides[i].db[which], sql);
    }
    compare_answers(trace);
}

static void
connect_all(struct trace *trace, size_t which)
{
    static const char pragmas[] = "PRAGMA synchronous = %s";
    char sql[SQL_BYTES];

    for (size_t i = 0; i < SIDES; i++) {
        struct side *side = &trace->sides[i];

        assert_int_equal(sqlite3_open_v2(side->path, &side->db[which],
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, side->vfs),
            SQLITE_OK);
    }
    (void)snprintf(sql, sizeof(sql), pragmas, trace->seed % 8 == 0 ? "FULL" : "OFF");
    run_all(trace, which, sql);
    /* So few that statements spill into the journal and temporary files. */
    run_all(trace, which, "PRAGMA cache_size = 8");
    run_all(trace, which, "PRAGMA temp_store = 1");
}

static void
end_cursors(struct trace *trace, size_t which)
{
    for (size_t i = 0; i < SIDES; i++) {
        (void)sqlite3_finalize(trace->sides[i].cursor[which]);
        trace->sides[i].cursor[which] = NULL;
    }
}

static void
close_all(struct trace *trace, size_t which)
{
    end_cursors(trace, which);
    for (size_t i = 0; i < SIDES; i++) {
        assert_int_equal(sqlite3_close(trace->sides[i].db[which]), SQLITE_OK);
        trace->sides[i].db[which] = NULL;
    }
}

/* A reader that stands still in the middle keeps its snapshot, or its lock. */
static void
move_cursors(struct trace *trace, size_t which)
{
    (void)snprintf(trace->sql, sizeof(trace->sql), "%zu: a reader's next row", which);
    for (size_t i = 0; i < SIDES; i++) {
        struct side *side = &trace->sides[i];
        int rc = SQLITE_OK;

        aks_buf_reset(&side->answer);
        if (side->cursor[which] == NULL)
            rc = sqlite3_prepare_v2(side->db[which], "SELECT source, bytes FROM stored", -1,
                &side->cursor[which], NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(side->cursor[which]);
        if (rc == SQLITE_ROW)
            add_row(side, side->cursor[which]);
        aks_buf_printf(&side->answer, "%d: %s\n", rc, sqlite3_errmsg(side->db[which]));
    }
    compare_answers(trace);
}

static const char *
draw_write(struct trace *trace, char sql[SQL_BYTES])
{
    unsigned key = (unsigned)draw(trace, 60);
    unsigned bytes = (unsigned)draw(trace, draw(trace, 10) == 0 ? 30000 : 600);

    switch (draw(trace, 6)) {
    case 0:
    case 1:
        (void)snprintf(sql, SQL_BYTES, "INSERT OR REPLACE INTO stored VALUES('s3:bucket',"
            " x'%02x', hex(zeroblob(%u)), %u)", key, bytes, bytes);
        break;
    case 2:
        (void)snprintf(sql, SQL_BYTES, "INSERT INTO runs(outcome, report)"
            " SELECT 'stored', name FROM stored WHERE bytes > %u", bytes);
        break;
    case 3:
        (void)snprintf(sql, SQL_BYTES, "UPDATE stored SET bytes = bytes + 1, name = name || 'x'"
            " WHERE source < x'%02x'", key);
        break;
    case 4:
        (void)snprintf(sql, SQL_BYTES, "DELETE FROM stored WHERE source > x'%02x'", key + 30);
        break;
    default:
        (void)snprintf(sql, SQL_BYTES, "DELETE FROM runs WHERE id %% 3 = %u", key % 3);
        break;
    }
    return sql;
}

static const char *
draw_other(struct trace *trace)
{
    static const char *const others[] = { "BEGIN", "BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE",
        "COMMIT", "COMMIT", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s",
        "SELECT count(*), sum(bytes), total(length(name)) FROM stored",
        "SELECT hex(source), bytes FROM stored ORDER BY bytes DESC, source LIMIT 20",
        "SELECT count(*), max(id), total(length(report)) FROM runs",
        "SELECT count(*) FROM (SELECT DISTINCT report || outcome FROM runs ORDER BY 1)",
        "PRAGMA integrity_check", "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(FULL)",
        "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA journal_mode = WAL", "PRAGMA journal_mode = DELETE",
        "PRAGMA journal_mode = TRUNCATE", "PRAGMA journal_mode = PERSIST", "VACUUM",
        "CREATE INDEX by_name ON stored (name)", "DROP INDEX by_name", "PRAGMA page_count",
        "PRAGMA freelist_count" };

    return others[draw(trace, sizeof(others) / sizeof(others[0]))];
}

static void
one_step(struct trace *trace)
{
    size_t which = draw(trace, CONNECTIONS);
    uint64_t what = draw(trace, 100);
    char sql[SQL_BYTES];

    if (what < 40) {
        run_all(trace, which, draw_write(trace, sql));
    } else if (what < 80) {
        run_all(trace, which, draw_other(trace));
    } else if (what < 92) {
        move_cursors(trace, which);
    } else if (what < 96) {
        end_cursors(trace, which);
    } else {
        close_all(trace, which);
        connect_all(trace, which);
    }
}

static enum aks_status
add_name(void *ctx, const char *name, struct aks_error *err)
{
    /* The shared memory of SQLite's own VFS is a file. */
    if (strstr(name, "-shm") == NULL)
        aks_buf_printf(ctx, "%s\n", name);
    return AKS_OK;
}

static void
compare_folders(struct trace *trace)
{
    (void)snprintf(trace->sql, sizeof(trace->sql), "the folder");
    for (size_t i = 0; i < SIDES; i++) {
        struct side *side = &trace->sides[i];
        char folder[1024];

        (void)snprintf(folder, sizeof(folder), "%s", side->path);
        *strrchr(folder, '/') = '\0';
        aks_buf_reset(&side->answer);
        assert_int_equal(side->files->list(side->files->ctx, folder, add_name, &side->answer,
            NULL), AKS_OK);
    }
    compare_answers(trace);
}

static void
set_up(struct trace *trace, const struct aks_port *port, uint64_t seed)
{
    const struct aks_alloc *alloc = aks_alloc_system();

    memset(trace, 0, sizeof(*trace));
    trace->seed = seed;
    aks_rng_init(&trace->rng, seed);
    disk_init(&trace->disk, alloc, seed);
    trace->real = port->files;
    for (size_t i = 0; i < 2; i++)
        trace->folder[i] = temp_folder_new();
    assert_int_equal(aks_files_sim_make_folders(trace->disk.sim, "/home/state", NULL), AKS_OK);
    assert_int_equal(aks_vfs_sim_new(alloc, trace->disk.files, &trace->disk.clock, seed,
        &trace->on_sim, NULL), AKS_OK);
    assert_int_equal(aks_vfs_sim_new(alloc, &trace->real, &trace->disk.clock, seed,
        &trace->on_real, NULL), AKS_OK);
    trace->sides[0] = (struct side){ .files = &port->files, .vfs = "unix",
        .path = temp_folder_join(trace->folder[0], "state.db") };
    trace->sides[1] = (struct side){ .files = trace->disk.files,
        .vfs = trace->disk.files->sqlite_vfs, .path = "/home/state/state.db" };
    trace->sides[2] = (struct side){ .files = &trace->real, .vfs = trace->real.sqlite_vfs,
        .path = temp_folder_join(trace->folder[1], "state.db") };
    for (size_t i = 0; i < SIDES; i++)
        aks_buf_init(&trace->sides[i].answer, alloc, ANSWER_BYTES);
}

static void
tear_down(struct trace *trace)
{
    for (size_t i = 0; i < SIDES; i++)
        aks_buf_fini(&trace->sides[i].answer);
    aks_vfs_sim_free(trace->on_sim);
    aks_vfs_sim_free(trace->on_real);
    assert_null(trace->disk.files->sqlite_vfs);
    assert_int_equal(aks_files_sim_open_count(trace->disk.sim), 0);
    disk_fini(&trace->disk);
    for (size_t i = 0; i < 2; i++)
        temp_folder_free(trace->folder[i]);
}

static void
sql_has_the_same_results_on_every_vfs(void **state)
{
    static struct trace trace;
    struct aks_os *os = NULL;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        set_up(&trace, aks_os_port(os), seed);
        for (size_t i = 0; i < CONNECTIONS; i++)
            connect_all(&trace, i);
        run_all(&trace, 0, seed % 2 == 0 ? "PRAGMA journal_mode = WAL"
            : "PRAGMA journal_mode = DELETE");
        run_all(&trace, 0, "CREATE TABLE stored (target TEXT NOT NULL, source BLOB NOT NULL,"
            " name TEXT, bytes INTEGER NOT NULL, PRIMARY KEY (target, source)) STRICT,"
            " WITHOUT ROWID");
        run_all(&trace, 0, "CREATE TABLE runs (id INTEGER PRIMARY KEY, outcome TEXT NOT NULL,"
            " report TEXT NOT NULL) STRICT");
        for (trace.step = 0; trace.step < STEPS; trace.step++)
            one_step(&trace);
        for (size_t i = 0; i < CONNECTIONS; i++)
            end_cursors(&trace, i);
        run_all(&trace, 0, "SELECT * FROM stored");
        compare_folders(&trace);
        for (size_t i = 0; i < CONNECTIONS; i++)
            close_all(&trace, i);
        compare_folders(&trace);
        tear_down(&trace);
    }
    aks_os_close(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_has_the_same_results_on_every_vfs),
    };

    return cmocka_run_group_tests_name("vfs trace", tests, NULL, NULL);
}
