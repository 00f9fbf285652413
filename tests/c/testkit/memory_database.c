#include "testkit/memory_database.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* 2026-01-01T00:00:00Z, and a minute for each row from there on. */
#define INSERT "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)" \
    " INSERT INTO conversations_v2 SELECT printf('m%06d', i), printf('row %d ', i) ||" \
    " substr(printf('%.*c', ?3, 'x'), 1, ?3)," \
    " strftime('%Y-%m-%dT%H:%M:%SZ', 1767225600 + 60 * i, 'unixepoch') FROM n WHERE i <= ?2"

static void
fill(sqlite3 *db, unsigned first, unsigned last, size_t bytes)
{
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_exec(db, "CREATE TABLE conversations_v2 (id TEXT PRIMARY KEY,"
        " content TEXT, timestamp TEXT)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, INSERT, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(stmt, 1, first), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(stmt, 2, last), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(stmt, 3, (sqlite3_int64)bytes), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

void
memory_database_put(struct aks_world *world, const char *name, unsigned first, unsigned last,
    size_t bytes)
{
    struct aks_error err = { 0 };
    sqlite3_int64 len = 0;
    sqlite3 *db = NULL;
    unsigned char *data;

    assert_int_equal(sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE |
        SQLITE_OPEN_CREATE, "unix"), SQLITE_OK);
    fill(db, first, last, bytes);
    data = sqlite3_serialize(db, "main", &len, 0);
    assert_non_null(data);
    if (aks_world_put(world, name, data, (size_t)len, &err) != AKS_OK)
        fail_msg("%s", err.message);
    sqlite3_free(data);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
