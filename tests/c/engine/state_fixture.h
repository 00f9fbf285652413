/* What the tests of the state share: a folder, the real ports, a look behind the module's back. */
#ifndef AKS_TESTS_STATE_FIXTURE_H
#define AKS_TESTS_STATE_FIXTURE_H

#include "engine/state.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define T "s3:bucket"
#define NOW INT64_C(1795000000000)

static struct aks_os *os;
static const struct aks_port *port;
static struct temp_folder *folder;
static struct aks_error err;

static int
setup(void **state)
{
    folder = temp_folder_new();
    return aks_os_open(aks_alloc_system(), &os, &err) == AKS_OK && (port = aks_os_port(os)) != NULL
        ? 0 : -1;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    temp_folder_free(folder);
    return 0;
}

static enum aks_status
try_open(struct aks_state **ret)
{
    return aks_state_open(aks_alloc_system(), &port->files, temp_folder_path(folder), ret, &err);
}

static struct aks_state *
open_state(void)
{
    struct aks_state *opened = NULL;

    if (try_open(&opened) != AKS_OK)
        fail_msg("%s", err.message);
    return opened;
}

/* Runs SQL on the database behind the module's back; the first column of the first row, or -1. */
static int64_t
raw(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;

    assert_int_equal(sqlite3_open(temp_folder_join(folder, "state.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return value;
}

/* As before version 6. */
static inline void
drop_sums(void)
{
    (void)raw("ALTER TABLE stored DROP COLUMN row_sum");
    (void)raw("ALTER TABLE uploads DROP COLUMN row_sum");
    (void)raw("ALTER TABLE objects DROP COLUMN row_sum");
}

/* Rows own their texts when they are read, not when they are put. */
static char *
borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline struct aks_stored
row_of(const char *source, int64_t bytes)
{
    struct aks_stored row = { .source = borrowed(source), .name = borrowed("reflection.duckdb"),
        .kind = borrowed("duckdb"), .key = borrowed("systems/a/b"),
        .upload_id = borrowed("20261123T084512Z-3f9a2c"), .codec = borrowed("zstd"),
        .bytes = bytes, .stored_bytes = 2, .part_bytes = 3, .parts = 4, .taken_at_ms = 5,
        .stored_at_ms = 6, .checked_at_ms = 7, .info_racy = true };
    struct aks_file_info info = { AKS_FILE_REGULAR, 0644, 4294967295u, UINT64_MAX, 9, 10, -11, 12 };

    row.info = info;
    memset(row.sha256, 'a', 64);
    memset(row.stored_sha256, 'b', 64);
    return row;
}

/* Of a source what row_of says. */
static inline void
put_source(struct aks_state *opened, const char *source)
{
    struct aks_stored row = row_of(source, 1);

    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
}

static inline enum aks_status
has_source(struct aks_state *opened, const char *source)
{
    struct aks_stored got;
    enum aks_status status = aks_state_stored_get(opened, T, source, &got, &err);

    aks_stored_fini(aks_alloc_system(), &got);
    return status;
}

#endif
