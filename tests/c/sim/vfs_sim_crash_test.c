/* SQLite keeps its word on the simulated disk: whenever the power goes, every transaction that was
 * committed is there and none by halves. And the disk is bad enough to show if it does not. */
#include "base/rng.h"
#include "sim/disk.h"
#include "sim/vfs_sim.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 1500
#define DEATHS 3
#define TRANSACTIONS 12
#define STEPS_MAX 160
#define PATH "/home/state/state.db"

/* What a seed finds after a loss of power. */
enum verdict { FINE, CORRUPT, LOST, HALF };

struct world {
    struct disk disk;
    struct aks_files files;         /* the port, or what is broken of it */
    struct aks_vfs_sim *vfs;
    struct aks_rng rng;
    uint64_t seed;
    sqlite3 *db;
    sqlite3 *reader;
    bool made;                      /* the tables were committed */
    int committed;                  /* the last transaction that was */
    int attempted;
};

static enum aks_status
ignore_sync(struct aks_file *file, struct aks_error *err)
{
    return AKS_OK;
}

static enum aks_status
ignore_sync_folder(void *ctx, const char *path, struct aks_error *err)
{
    return AKS_OK;
}

static int
exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int64_t
number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

static int
open_database(struct world *world, sqlite3 **ret_db)
{
    /* A journal that is deleted may come back with the power unless its folder is synced: EXTRA. */
    static const char *const modes[] = {
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA",
        "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL",
        "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL",
    };
    int rc = sqlite3_open_v2(PATH, ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        world->files.sqlite_vfs);

    if (rc == SQLITE_OK)
        rc = exec(*ret_db, "PRAGMA cache_size = 6");
    if (rc == SQLITE_OK)
        rc = exec(*ret_db, modes[world->seed % 4]);
    return rc;
}

static void
close_databases(struct world *world)
{
    assert_int_equal(sqlite3_close(world->reader), SQLITE_OK);
    assert_int_equal(sqlite3_close(world->db), SQLITE_OK);
    world->reader = NULL;
    world->db = NULL;
}

/* Transaction ${n} leaves ${n} in meta and n % 4 + 1 rows, whatever else it moves about. */
static int
transaction(struct world *world, int n)
{
    char sql[512];
    int rc = exec(world->db, "BEGIN IMMEDIATE");

    world->attempted = n;
    for (int i = 0; i <= n % 4 && rc == SQLITE_OK; i++) {
        (void)snprintf(sql, sizeof(sql), "INSERT INTO rows(tx, text) VALUES(%d,"
            " hex(zeroblob(%u)))", n, (unsigned)(aks_rng_next(&world->rng) % 4000));
        rc = exec(world->db, sql);
    }
    (void)snprintf(sql, sizeof(sql), "UPDATE rows SET text = text || 'x' WHERE tx %% 3 = %d;"
        " UPDATE meta SET n = %d", n % 3, n);
    if (rc == SQLITE_OK)
        rc = exec(world->db, sql);
    if (rc == SQLITE_OK)
        rc = exec(world->db, "COMMIT");
    return rc;
}

/* Until the process dies, or for long enough. */
static void
live(struct world *world)
{
    int rc = open_database(world, &world->db);

    if (rc == SQLITE_OK && !world->made) {
        rc = exec(world->db, "BEGIN; CREATE TABLE IF NOT EXISTS meta (n INTEGER NOT NULL) STRICT;"
            " CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, tx INTEGER NOT NULL,"
            " text TEXT NOT NULL) STRICT; INSERT INTO meta SELECT 0 WHERE NOT EXISTS"
            " (SELECT * FROM meta); COMMIT");
        world->made = rc == SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        rc = open_database(world, &world->reader);
    for (int i = 0; i < TRANSACTIONS && rc == SQLITE_OK; i++) {
        rc = transaction(world, world->committed + 1);
        if (rc == SQLITE_OK)
            world->committed = world->attempted;
        if (rc == SQLITE_OK && aks_rng_next(&world->rng) % 4 == 0)
            rc = exec(world->db, aks_rng_next(&world->rng) % 2 == 0
                ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA wal_checkpoint(PASSIVE)");
        (void)number(world->reader, "SELECT count(*) FROM rows");
    }
    close_databases(world);
}

/* Looks at what is left, and takes what it finds for committed. */
static enum verdict
judge(struct world *world)
{
    enum verdict verdict = FINE;
    int n;
    sqlite3_stmt *stmt = NULL;

    if (open_database(world, &world->db) != SQLITE_OK ||
        sqlite3_prepare_v2(world->db, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        verdict = CORRUPT;
    (void)sqlite3_finalize(stmt);
    n = (int)number(world->db, "SELECT n FROM meta");
    if (!world->made) {
        close_databases(world);
        return verdict;
    }
    if (verdict == FINE && n != world->committed && n != world->attempted)
        verdict = LOST;
    if (verdict == FINE && (number(world->db, "SELECT count(*) FROM (SELECT tx FROM rows"
        " GROUP BY tx HAVING count(*) <> tx % 4 + 1)") != 0 ||
        number(world->db, "SELECT count(DISTINCT tx) FROM rows") != n ||
        number(world->db, "SELECT coalesce(max(tx), 0) FROM rows") != n))
        verdict = HALF;
    world->committed = n;
    close_databases(world);
    return verdict;
}

static enum verdict
run(uint64_t seed, bool keeps_syncs, bool power)
{
    static struct world world;
    enum verdict verdict = FINE;

    memset(&world, 0, sizeof(world));
    world.seed = seed;
    aks_rng_init(&world.rng, seed);
    disk_init(&world.disk, aks_alloc_system(), seed);
    assert_int_equal(aks_files_sim_make_folders(world.disk.sim, "/home/state", NULL), AKS_OK);
    world.files = *world.disk.files;
    if (!keeps_syncs) {
        world.files.sync = ignore_sync;
        world.files.sync_folder = ignore_sync_folder;
    }
    assert_int_equal(aks_vfs_sim_new(aks_alloc_system(), &world.files, &world.disk.clock, seed,
        &world.vfs, NULL), AKS_OK);
    for (unsigned i = 0; i < DEATHS && verdict == FINE; i++) {
        disk_die(&world.disk, (int64_t)(aks_rng_next(&world.rng) % STEPS_MAX),
            (int64_t)(aks_rng_next(&world.rng) % 5000));
        live(&world);
        world.disk.fault_in = -1;
        aks_files_sim_crash(world.disk.sim, power);
        verdict = judge(&world);
    }
    aks_vfs_sim_free(world.vfs);
    disk_fini(&world.disk);
    return verdict;
}

static void
committed_transactions_are_there_whenever_the_power_goes(void **state)
{
    static const char *const words[] = { "", "is corrupt", "has lost a transaction",
        "has half of a transaction" };

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        enum verdict verdict = run(seed, true, true);

        if (verdict != FINE)
            fail_msg("seed %llu: the database %s", (unsigned long long)seed, words[verdict]);
    }
}

static void
committed_transactions_are_there_whenever_the_process_is_killed(void **state)
{
    for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
        assert_int_equal(run(seed, true, false), FINE);
        assert_int_equal(run(seed, false, false), FINE);    /* the kernel has all of it */
    }
}

static void
syncs_that_are_dropped_are_found_out(void **state)
{
    unsigned counts[4] = { 0 };

    for (uint64_t seed = 0; seed < SEEDS / 4; seed++)
        counts[run(seed, false, true)]++;
    assert_true(counts[LOST] > 20);
    assert_true(counts[CORRUPT] > 20);
    assert_true(counts[FINE] < SEEDS / 8);
}

/* Every step of a transaction fails once, and life goes on: no death, no power lost. */
static void
failures_of_the_disk_are_told_and_leave_the_database_whole(void **state)
{
    static const enum aks_status statuses[] = { AKS_STATE, AKS_NO_SPACE, AKS_FORBIDDEN };
    static struct world world;

    for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
        memset(&world, 0, sizeof(world));
        world.seed = seed;
        aks_rng_init(&world.rng, seed);
        disk_init(&world.disk, aks_alloc_system(), seed);
        assert_int_equal(aks_files_sim_make_folders(world.disk.sim, "/home/state", NULL), AKS_OK);
        world.files = *world.disk.files;
        assert_int_equal(aks_vfs_sim_new(aks_alloc_system(), &world.files, &world.disk.clock,
            seed, &world.vfs, NULL), AKS_OK);
        disk_arm(&world.disk, NULL, (int64_t)(aks_rng_next(&world.rng) % STEPS_MAX),
            (struct aks_sim_fault){ .status = statuses[seed % 3],
                .bytes = (int64_t)(aks_rng_next(&world.rng) % 3000) });
        live(&world);
        world.disk.fault_in = -1;
        assert_int_equal(judge(&world), FINE);
        aks_vfs_sim_free(world.vfs);
        disk_fini(&world.disk);
    }
}

static int
use_vfs(void *ctx, const struct aks_alloc *alloc)
{
    struct disk disk;
    struct aks_vfs_sim *vfs = NULL;
    struct aks_error err;
    sqlite3 *db = NULL;

    if (disk_try(&disk, alloc, 1) != AKS_OK)
        return 0;
    if (aks_vfs_sim_new(alloc, disk.files, &disk.clock, 1, &vfs, &err) != AKS_OK) {
        disk_fini(&disk);
        return err.status == AKS_LIMIT && err.message[0] != '\0' ? 0 : 1;
    }
    if (sqlite3_open_v2("/db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
            disk.files->sqlite_vfs) == SQLITE_OK)
        (void)exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE a (b); INSERT INTO a VALUES(1);"
            " PRAGMA temp_store = 1; PRAGMA cache_size = 1; CREATE TEMP TABLE t AS"
            " WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 9)"
            " SELECT i, zeroblob(9000) AS z FROM n; SELECT * FROM t ORDER BY z, i DESC");
    if (sqlite3_close(db) != SQLITE_OK)
        return 1;
    aks_vfs_sim_free(vfs);
    disk_fini(&disk);
    return 0;
}

static void
vfs_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(use_vfs, NULL, 400);
}

static void
vfs_tells_the_time_of_the_world_and_no_other(void **state)
{
    struct disk disk;
    struct aks_vfs_sim *vfs = NULL;
    sqlite3 *db = NULL;

    disk_init(&disk, aks_alloc_system(), 1);
    assert_int_equal(aks_vfs_sim_new(aks_alloc_system(), disk.files, &disk.clock, 5, &vfs, NULL),
        AKS_OK);
    assert_int_equal(sqlite3_open_v2("/db", &db, SQLITE_OPEN_READWRITE,
        disk.files->sqlite_vfs), SQLITE_CANTOPEN);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_false(disk_has(&disk, "/db"));
    assert_int_equal(sqlite3_open_v2("/db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        disk.files->sqlite_vfs), SQLITE_OK);
    assert_int_equal(number(db, "SELECT strftime('%s', 'now')"), DISK_WALL_MS / 1000);
    disk.now_ns += INT64_C(90000000000);
    assert_int_equal(number(db, "SELECT strftime('%s', 'now')"), DISK_WALL_MS / 1000 + 90);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    aks_vfs_sim_free(vfs);
    disk_fini(&disk);
}

static void
empty_file_is_as_good_as_none_and_a_disk_that_does_not_answer_is_not(void **state)
{
    struct disk disk;
    struct aks_vfs_sim *vfs = NULL;
    sqlite3_vfs *base;
    int there = -1;

    disk_init(&disk, aks_alloc_system(), 1);
    assert_int_equal(aks_vfs_sim_new(aks_alloc_system(), disk.files, &disk.clock, 5, &vfs, NULL),
        AKS_OK);
    base = sqlite3_vfs_find(disk.files->sqlite_vfs);
    assert_non_null(base);
    assert_int_equal(aks_files_sim_put(disk.sim, "/j", "", 0, 0, NULL), AKS_OK);
    assert_int_equal(base->xAccess(base, "/j", SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
    assert_int_equal(there, 0);
    assert_int_equal(base->xAccess(base, "/k", SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
    assert_int_equal(there, 0);
    assert_int_equal(aks_files_sim_put(disk.sim, "/j", "x", 1, 0, NULL), AKS_OK);
    assert_int_equal(base->xAccess(base, "/j", SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
    assert_int_equal(there, 1);
    disk_arm(&disk, "stat", 0, (struct aks_sim_fault){ .status = AKS_STATE });
    assert_int_equal(base->xAccess(base, "/j", SQLITE_ACCESS_EXISTS, &there),
        SQLITE_IOERR_ACCESS);
    aks_vfs_sim_free(vfs);
    disk_fini(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_transactions_are_there_whenever_the_power_goes),
        cmocka_unit_test(committed_transactions_are_there_whenever_the_process_is_killed),
        cmocka_unit_test(syncs_that_are_dropped_are_found_out),
        cmocka_unit_test(failures_of_the_disk_are_told_and_leave_the_database_whole),
        cmocka_unit_test(vfs_survives_any_allocation_that_fails),
        cmocka_unit_test(vfs_tells_the_time_of_the_world_and_no_other),
        cmocka_unit_test(empty_file_is_as_good_as_none_and_a_disk_that_does_not_answer_is_not),
    };

    return cmocka_run_group_tests_name("vfs and death", tests, NULL, NULL);
}
