/* A state database of the release before is brought to this one's version, and what it says stays
 * true; what came with that version. */
#include "state_fixture.h"

#include <stdio.h>
#include <unistd.h>

/* As version 1 made it. */
static const char version_1[] =
    "PRAGMA journal_mode = WAL; PRAGMA application_id = %lld; PRAGMA user_version = 1;"
    "CREATE TABLE stored ("
    "  target TEXT NOT NULL, source BLOB NOT NULL, name TEXT, kind TEXT, key TEXT, upload_id TEXT,"
    "  bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, codec TEXT,"
    "  stored_bytes INTEGER NOT NULL, stored_sha256 TEXT NOT NULL,"
    "  part_bytes INTEGER NOT NULL, parts INTEGER NOT NULL,"
    "  taken_at_ms INTEGER NOT NULL, stored_at_ms INTEGER NOT NULL, checked_at_ms INTEGER NOT NULL,"
    "  file_type INTEGER NOT NULL, file_mode INTEGER NOT NULL, file_uid INTEGER NOT NULL,"
    "  file_device INTEGER NOT NULL, file_inode INTEGER NOT NULL, file_bytes INTEGER NOT NULL,"
    "  file_mtime_ns INTEGER NOT NULL, file_ctime_ns INTEGER NOT NULL, file_racy INTEGER NOT NULL,"
    "  PRIMARY KEY (target, source)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE breakers ("
    "  target TEXT NOT NULL PRIMARY KEY, failures INTEGER NOT NULL, open_until_ms INTEGER NOT NULL,"
    "  last_success_ms INTEGER NOT NULL, reason TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE facts ("
    "  target TEXT NOT NULL, fact TEXT NOT NULL, value TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (target, fact)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE runs ("
    "  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, started_at_ms INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL, report_bytes INTEGER NOT NULL, report TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO stored VALUES ('" T "', CAST('/a' AS BLOB), 'a.db', 'sqlite', 'systems/x/y/a.db',"
    "  'y', 11, lower(hex(zeroblob(32))), 'none', 12, '',"
    " 13, 14, 15, 16, 17, 0, 18, 19, 20, 21, 22, 23, 24, 0);"
    "INSERT INTO facts VALUES ('" T "', 'region', 'eu', %lld);";

static void
make_version_1(void)
{
    sqlite3 *db = NULL;
    char sql[sizeof(version_1) + 64];
    char *why = NULL;
    int64_t id;

    /* What marks it as this program's is no secret, but it is said in one place only. */
    aks_state_close(open_state());
    id = raw("PRAGMA application_id");
    assert_int_equal(unlink(temp_folder_join(folder, "state.db")), 0);
    (void)unlink(temp_folder_join(folder, "state.db-wal"));
    (void)unlink(temp_folder_join(folder, "state.db-shm"));
    (void)snprintf(sql, sizeof(sql), version_1, (long long)id, (long long)NOW);
    assert_int_equal(sqlite3_open(temp_folder_join(folder, "state.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
state_of_the_release_before_is_upgraded(void **state)
{
    struct aks_state *opened;
    struct aks_stored row;
    char region[8];

    make_version_1();
    for (int i = 0; i < 2; i++) {
        opened = open_state();
        assert_int_equal(aks_state_stored_get(opened, T, "/a", &row, &err), AKS_OK);
        assert_string_equal(row.key, "systems/x/y/a.db");
        assert_int_equal(row.bytes, 11);
        assert_int_equal(row.checked_at_ms, 17);
        assert_int_equal(row.info.inode, 21);
        assert_int_equal(row.info.ctime_ns, 24);
        assert_null(row.method);
        assert_false(row.wal_there);
        assert_null(row.wal.key);
        aks_stored_fini(aks_alloc_system(), &row);
        assert_int_equal(aks_state_fact_get(opened, T, "region", NOW + 1, 1000, region,
            sizeof(region), &err), AKS_OK);
        assert_string_equal(region, "eu");
        row = row_of("/b", 1);
        row.wal_there = true;
        assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
        aks_state_close(opened);
        assert_int_equal(raw("PRAGMA user_version"), AKS_STATE_VERSION);
    }
}

static void
assert_same_wal(const struct aks_stored *a, const struct aks_stored *b)
{
    assert_string_equal(a->method, b->method);
    assert_int_equal(a->wal_there, b->wal_there);
    assert_string_equal(a->wal.key, b->wal.key);
    assert_string_equal(a->wal.codec, b->wal.codec);
    assert_string_equal(a->wal.sha256, b->wal.sha256);
    assert_string_equal(a->wal.stored_sha256, b->wal.stored_sha256);
    assert_int_equal(a->wal.bytes, b->wal.bytes);
    assert_int_equal(a->wal.stored_bytes, b->wal.stored_bytes);
    assert_int_equal(a->wal.part_bytes, b->wal.part_bytes);
    assert_int_equal(a->wal.parts, b->wal.parts);
    assert_int_equal(a->wal_info.type, b->wal_info.type);
    assert_int_equal(a->wal_info.mode, b->wal_info.mode);
    assert_int_equal(a->wal_info.uid, b->wal_info.uid);
    assert_true(a->wal_info.device == b->wal_info.device);
    assert_true(a->wal_info.inode == b->wal_info.inode);
    assert_int_equal(a->wal_info.bytes, b->wal_info.bytes);
    assert_int_equal(a->wal_info.mtime_ns, b->wal_info.mtime_ns);
    assert_int_equal(a->wal_info.ctime_ns, b->wal_info.ctime_ns);
}

static void
state_gives_back_the_log_of_a_row(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_stored row = row_of("/a", 1);
    struct aks_file_info info = { AKS_FILE_REGULAR, 0600, 21, 22, 23, 24, 25, -26 };
    struct aks_stored got;

    row.method = borrowed("seqlock");
    row.writer = true;
    row.wal_there = true;
    row.wal_info = info;
    row.wal = (struct aks_stored_wal){ .key = borrowed("systems/a/b.wal"),
        .codec = borrowed("none"), .bytes = 31, .stored_bytes = 32, .part_bytes = 33,
        .parts = 34 };
    memset(row.wal.sha256, 'c', 64);
    memset(row.wal.stored_sha256, 'd', 64);
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err), AKS_OK);
    assert_int_equal(got.writer, row.writer);
    assert_same_wal(&got, &row);
    aks_stored_fini(aks_alloc_system(), &got);

    row = row_of("/a", 1);
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err), AKS_OK);
    assert_null(got.method);
    assert_false(got.wal_there);
    assert_null(got.wal.key);
    assert_string_equal(got.wal.sha256, "");
    aks_stored_fini(aks_alloc_system(), &got);
    aks_state_close(opened);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_of_the_release_before_is_upgraded),
        TEST(state_gives_back_the_log_of_a_row),
    };

    return cmocka_run_group_tests_name("state_upgrade", tests, NULL, NULL);
}
