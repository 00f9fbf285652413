/* Rows of SQLite: what is a line, where a read begins and ends, and that nothing that stands in a
 * name or a cursor is taken for a statement. */
#include "engine/rows_internal.h"
#include "snapshot_fixture.h"
#include "support/failing_alloc.h"

#include <sqlite3.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define EVIL "a\"b'c; DROP TABLE t;--[]`%s\\"

static char lines[8192];                /* of the last read, each with a newline */
static const char *value_one;           /* the second value of its last row */
static char value_text[256];

static void
execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static enum aks_status
keep(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *error)
{
    size_t used = strlen(lines);

    assert_true(used + len + 2 < sizeof(lines));
    assert_int_equal(strlen(line), len);
    (void)snprintf(lines + used, sizeof(lines) - used, "%s\n", line);
    (void)snprintf(value_text, sizeof(value_text), "%.*s", (int)values[0].len, values[0].data);
    value_one = value_text;
    return AKS_OK;
}

static struct aks_rows *
open_rows(const char *path)
{
    struct aks_rows_options rows_options = { .port = &port, .kind = AKS_SOURCE_SQLITE,
        .main = path, .scratch = temp_folder_join(folder, "scratch") };
    struct aks_rows *rows = NULL;

    if (aks_rows_open(&rows_options, &rows, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return rows;
}

static enum aks_status
read_rows(struct aks_rows *rows, const struct aks_rows_query *query, int64_t *ret_rows)
{
    lines[0] = '\0';
    return aks_rows_read(rows, query, keep, NULL, ret_rows, &err);
}

static void
reads(struct aks_rows *rows, const struct aks_rows_query *query, const char *expected)
{
    int64_t read = -1;
    int64_t counted = -1;
    int64_t expected_rows = 0;

    for (const char *c = expected; *c != '\0'; c++)
        expected_rows += *c == '\n';
    if (read_rows(rows, query, &read) != AKS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(lines, expected);
    assert_int_equal(read, expected_rows);
    assert_int_equal(aks_rows_count(rows, query, &counted, &err), AKS_OK);
    if (query->limit == 0)
        assert_int_equal(counted, expected_rows);
}

static void
values_are_json(void **state)
{
    static const char *const columns[] = { "v", "id" };
    const char *path = temp_folder_join(folder, "x.db");
    const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 2,
        .id = "id" };
    struct aks_rows *rows;

    execute(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
        "INSERT INTO t (v) VALUES (NULL), (-7), (0.1), (1e300 * 1e300), "
        "('\"\\' || char(10, 1, 233)), (x'0000803f0000c07f000020c1'), (x'010203'), "
        "(CAST(x'41ff42' AS TEXT)), (x'');");
    rows = open_rows(path);
    reads(rows, &query, "{\"v\":null,\"id\":1}\n{\"v\":-7,\"id\":2}\n{\"v\":0.1,\"id\":3}\n"
        "{\"v\":null,\"id\":4}\n{\"v\":\"\\\"\\\\\\u000a\\u0001\xc3\xa9\",\"id\":5}\n"
        "{\"v\":[1,null,-10],\"id\":6}\n{\"v\":null,\"id\":7}\n"
        "{\"v\":\"A\xef\xbf\xbd" "B\",\"id\":8}\n{\"v\":null,\"id\":9}\n");
    assert_string_equal(value_one, "null");
    assert_memory_equal(aks_rows_reader(rows), "SQLite 3.", 9);
    aks_rows_close(rows);
}

static void
columns_are_those_of_the_catalog(void **state)
{
    const char *path = temp_folder_join(folder, "x.db");
    struct aks_rows_table table;
    struct aks_rows *rows;
    bool there = true;

    execute(path, "CREATE TABLE \"" "a\"\"b\" (id TEXT, n INTEGER, r REAL, at TIMESTAMP, e BLOB);"
        "CREATE VIEW v AS SELECT 1 AS id;");
    rows = open_rows(path);
    assert_int_equal(aks_rows_columns(rows, "a\"b", &there, &table, &err), AKS_OK);
    assert_true(there);
    assert_int_equal(table.count, 5);
    assert_int_equal(aks_rows_table_find(&table, "id")->form, AKS_ROWS_TEXT);
    assert_int_equal(aks_rows_table_find(&table, "n")->form, AKS_ROWS_NUMBER);
    assert_int_equal(aks_rows_table_find(&table, "r")->form, AKS_ROWS_NUMBER);
    assert_int_equal(aks_rows_table_find(&table, "at")->form, AKS_ROWS_TIME);
    assert_int_equal(aks_rows_table_find(&table, "e")->form, AKS_ROWS_VECTOR);
    assert_string_equal(aks_rows_table_find(&table, "at")->type, "TIMESTAMP");
    assert_null(aks_rows_table_find(&table, "N"));
    aks_rows_table_fini(&table);
    /* No table is an answer; what a view does is its writer's will. */
    assert_int_equal(aks_rows_columns(rows, "nothing", &there, &table, &err), AKS_OK);
    assert_false(there);
    aks_rows_table_fini(&table);
    assert_int_equal(aks_rows_columns(rows, "v", &there, &table, &err), AKS_OK);
    assert_false(there);
    aks_rows_table_fini(&table);
    aks_rows_close(rows);
}

static void
what_is_not_there_is_told(void **state)
{
    static const char *const columns[] = { "id", "nothing" };
    const char *path = temp_folder_join(folder, "x.db");
    struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 2,
        .id = "id" };
    struct aks_rows *rows;
    int64_t count;

    execute(path, "CREATE TABLE t (id TEXT); INSERT INTO t VALUES ('a');");
    rows = open_rows(path);
    assert_int_equal(read_rows(rows, &query, &count), AKS_NOT_FOUND);
    assert_string_equal(err.message, "table t has no column nothing");
    query.table = "u";
    assert_int_equal(read_rows(rows, &query, &count), AKS_NOT_FOUND);
    assert_string_equal(err.message, "there is no table u");
    assert_int_equal(count, 0);
    aks_rows_close(rows);
}

#define ROW(id) "{\"id\":\"" id "\"}\n"

static void
a_read_begins_behind_its_cursor_and_ends_at_another(void **state)
{
    static const char *const columns[] = { "id" };
    const char *path = temp_folder_join(folder, "x.db");
    struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 1,
        .at = "at", .id = "id" };
    struct aks_rows *rows;

    execute(path, "CREATE TABLE t (id TEXT, at TEXT); INSERT INTO t VALUES ('d', '2'), ('a', '2'),"
        "('c', '1'), ('z', NULL), ('y', NULL), ('b', '3'), (NULL, '2');");
    rows = open_rows(path);
    reads(rows, &query, ROW("y") ROW("z") ROW("c") ROW("a") ROW("d") ROW("b"));
    query.after = (struct aks_rows_cursor) { NULL, "y" };
    reads(rows, &query, ROW("z") ROW("c") ROW("a") ROW("d") ROW("b"));
    query.after = (struct aks_rows_cursor) { NULL, "z" };
    reads(rows, &query, ROW("c") ROW("a") ROW("d") ROW("b"));
    query.after = (struct aks_rows_cursor) { "2", "a" };
    reads(rows, &query, ROW("d") ROW("b"));
    query.after = (struct aks_rows_cursor) { "3", "b" };
    reads(rows, &query, "");
    query.after = (struct aks_rows_cursor) { NULL, NULL };
    query.until = (struct aks_rows_cursor) { NULL, "y" };
    reads(rows, &query, ROW("y"));
    query.until = (struct aks_rows_cursor) { "2", "a" };
    reads(rows, &query, ROW("y") ROW("z") ROW("c") ROW("a"));
    query.after = (struct aks_rows_cursor) { "1", "c" };
    query.until = (struct aks_rows_cursor) { "2", "d" };
    reads(rows, &query, ROW("a") ROW("d"));
    query.limit = 1;
    reads(rows, &query, ROW("a"));
    query = (struct aks_rows_query) { .table = "t", .columns = columns, .column_count = 1,
        .id = "id", .after = { NULL, "b" }, .until = { NULL, "y" } };
    reads(rows, &query, ROW("c") ROW("d") ROW("y"));
    aks_rows_close(rows);
}

/* Numbers are compared as numbers, though a cursor is a text. */
static void
a_cursor_of_numbers_is_one(void **state)
{
    static const char *const columns[] = { "id" };
    const char *path = temp_folder_join(folder, "x.db");
    const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 1,
        .at = "at", .id = "id", .after = { "9.5", "3" } };
    struct aks_rows *rows;

    execute(path, "CREATE TABLE t (id INTEGER, at REAL); INSERT INTO t VALUES (1, 10), (2, 9.5),"
        "(10, 9.5), (3, 9.5), (4, 100.25);");
    rows = open_rows(path);
    reads(rows, &query, "{\"id\":10}\n{\"id\":1}\n{\"id\":4}\n");
    aks_rows_close(rows);
}

/* A column without a type holds what it is given: numbers before texts, as SQLite orders them. The
 * text of a cursor is a number where no row has it as a text. */
static void
a_cursor_in_a_column_without_a_type_is_what_its_row_was(void **state)
{
    static const char *const columns[] = { "id" };
    const char *path = temp_folder_join(folder, "x.db");
    struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 1,
        .id = "id", .after = { NULL, "9" } };
    struct aks_rows *rows;

    execute(path, "CREATE TABLE t (id, at); INSERT INTO t VALUES (9, 9.5), (10, 9.5), (11, 100.25),"
        "('a', NULL), ('b', '2026');"
        "CREATE TABLE texts (id BLOB, at); INSERT INTO texts VALUES ('017', 1), ('18', 2), "
        "('9', 3);");
    rows = open_rows(path);
    reads(rows, &query, "{\"id\":10}\n{\"id\":11}\n" ROW("a") ROW("b"));
    query.after.id = "a";
    reads(rows, &query, ROW("b"));
    query.until.id = "11";
    query.after.id = "9";
    reads(rows, &query, "{\"id\":10}\n{\"id\":11}\n");
    query.until.id = NULL;
    query.at = "at";
    query.after = (struct aks_rows_cursor) { "9.5", "9" };
    reads(rows, &query, "{\"id\":10}\n{\"id\":11}\n" ROW("b"));
    query.after = (struct aks_rows_cursor) { "9.5", "11" };
    reads(rows, &query, "{\"id\":11}\n" ROW("b"));
    query.table = "texts";
    query.at = NULL;
    query.after = (struct aks_rows_cursor) { NULL, "18" };
    reads(rows, &query, ROW("9"));
    aks_rows_close(rows);
}

static void
names_and_cursors_are_no_statements(void **state)
{
    static const char *const columns[] = { EVIL };
    const char *path = temp_folder_join(folder, "x.db");
    struct aks_rows_query query = { .table = EVIL, .columns = columns, .column_count = 1,
        .at = EVIL, .id = EVIL };
    struct aks_buf sql;
    struct aks_rows *rows;

    aks_buf_init(&sql, aks_alloc_system(), 1000);
    aks_buf_puts(&sql, "CREATE TABLE ");
    aks_rows_sql_name(&sql, EVIL);
    aks_buf_puts(&sql, " (");
    aks_rows_sql_name(&sql, EVIL);
    aks_buf_puts(&sql, "); INSERT INTO ");
    aks_rows_sql_name(&sql, EVIL);
    aks_buf_puts(&sql, " VALUES (");
    aks_rows_sql_text(&sql, EVIL);
    aks_buf_puts(&sql, "); CREATE TABLE t (id);");
    execute(path, sql.data);
    aks_buf_fini(&sql);
    rows = open_rows(path);
    reads(rows, &query, "{\"a\\\"b'c; DROP TABLE t;--[]`%s\\\\\":\"a\\\"b'c; DROP TABLE t;--[]`%s"
        "\\\\\"}\n");
    query.until = (struct aks_rows_cursor) { EVIL, EVIL };
    reads(rows, &query, "{\"a\\\"b'c; DROP TABLE t;--[]`%s\\\\\":\"a\\\"b'c; DROP TABLE t;--[]`%s"
        "\\\\\"}\n");
    query.after = query.until;
    reads(rows, &query, "");
    aks_rows_close(rows);
}

/* Of a DuckDB: numbers are sorted once, rows a page at a time. */
static void
pages_end_where_the_rows_do(void **state)
{
    static const char *const columns[] = { "id" };
    static char name[] = "id";
    static char type[] = "VARCHAR";
    static const struct aks_rows_column column = { name, type, AKS_ROWS_TEXT };
    const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 1,
        .id = "id", .after = { NULL, "o'" } };
    const struct aks_rows_plan plan = { .kind = AKS_SOURCE_DUCKDB,
        .query = &query, .columns = { &column }, .id = &column };
    struct aks_buf sql;

    aks_buf_init(&sql, aks_alloc_system(), 10000);
    aks_rows_sql_read_pages(&sql, &plan, 25, 20);
#define ORDER " ORDER BY main.\"t\".\"id\""
#define PAGE(from, to) "COPY (SELECT \"id\" AS \"id\" FROM main.\"t\" WHERE rowid IN (SELECT r " \
    "FROM temp.main.\"akosha-sync order\" WHERE n > " from " AND n <= " to ")" ORDER \
    ") TO '/dev/stdout' (FORMAT JSON); "
    assert_string_equal(sql.data, "CREATE TEMP TABLE \"akosha-sync order\" AS SELECT rowid AS r, "
        "row_number() OVER (" ORDER ") AS n FROM main.\"t\" WHERE \"id\" IS NOT NULL AND "
        "\"id\" > 'o'''; " PAGE("0", "20") PAGE("20", "25"));
    aks_buf_fini(&sql);
}

/* The log counts, wherever it lies, and neither file is touched. */
static void
a_log_is_read_too(void **state)
{
    static const char *const columns[] = { "id" };
    const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 1,
        .id = "id" };
    const char *path = temp_folder_join(folder, "live.db");
    struct aks_rows_options rows_options = { .port = &port, .kind = AKS_SOURCE_SQLITE,
        .main = temp_folder_join(folder, "main"), .wal = temp_folder_join(folder, "wal"),
        .scratch = temp_folder_join(folder, "scratch") };
    struct aks_rows *rows = NULL;
    sqlite3 *db = NULL;
    size_t len;
    char *bytes;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (id); "
        "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (1);", NULL, NULL, NULL),
        SQLITE_OK);
    bytes = temp_folder_read(folder, "live.db", &len);
    (void)temp_folder_write(folder, "main", bytes, len);
    free(bytes);
    bytes = temp_folder_read(folder, "live.db-wal", &len);
    (void)temp_folder_write(folder, "wal", bytes, len);
    free(bytes);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    for (int in_place = 0; in_place < 2; in_place++) {
        rows_options.in_place = in_place == 1;
        if (aks_rows_open(&rows_options, &rows, &err) != AKS_OK)
            fail_msg("%s", err.message);
        reads(rows, &query, "{\"id\":1}\n");
        aks_rows_close(rows);
    }
    bytes = temp_folder_read(folder, "main", &len);
    assert_true(len > 0);
    free(bytes);
    /* Of the copies nothing is left: the folder is empty. */
    assert_int_equal(rmdir(rows_options.scratch), 0);
}

static void
what_is_damaged_or_takes_too_long_is_told(void **state)
{
    static const char *const columns[] = { "id" };
    const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 1,
        .id = "id" };
    const char *path = temp_folder_join(folder, "x.db");
    struct aks_rows_options rows_options = { .port = &port, .kind = AKS_SOURCE_SQLITE,
        .main = temp_folder_write(folder, "bad", "this is no database at all, whatever it says",
        44), .scratch = temp_folder_join(folder, "scratch") };
    struct aks_rows *rows = NULL;

    assert_int_equal(aks_rows_open(&rows_options, &rows, &err), AKS_CORRUPT);
    assert_null(rows);
    execute(path, "CREATE TABLE t (id TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
        "i + 1 FROM n WHERE i < 200000) INSERT INTO t SELECT 'x' || i FROM n;");
    rows = open_rows(path);
    rows->timeout_ms = 0;
    assert_int_equal(read_rows(rows, &query, NULL), AKS_TIMEOUT);
    aks_rows_close(rows);
}

static enum aks_status
pass(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *error)
{
    return AKS_OK;
}

static int
read_with(void *ctx, const struct aks_alloc *alloc)
{
    static const char *const columns[] = { "id", "v" };
    const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 2,
        .at = "v", .id = "id" };
    struct aks_rows_options rows_options = { .port = &port, .kind = AKS_SOURCE_SQLITE,
        .main = ctx, .in_place = true, .scratch = temp_folder_join(folder, "scratch") };
    struct aks_rows *rows = NULL;
    enum aks_status status;
    int64_t count;

    port.alloc = alloc;
    status = aks_rows_open(&rows_options, &rows, &err);
    if (status == AKS_OK)
        status = aks_rows_read(rows, &query, pass, NULL, NULL, &err);
    if (status == AKS_OK)
        status = aks_rows_count(rows, &query, &count, &err);
    aks_rows_close(rows);
    port.alloc = aks_alloc_system();
    assert_true(status == AKS_OK || status == AKS_LIMIT);
    return 0;
}

static void
without_memory_nothing_is_left(void **state)
{
    const char *path = temp_folder_join(folder, "x.db");

    execute(path, "CREATE TABLE t (id TEXT, v TEXT); INSERT INTO t VALUES ('a', 'b');");
    failing_alloc_loop(read_with, (void *)(uintptr_t)path, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_json),
        TEST(columns_are_those_of_the_catalog),
        TEST(what_is_not_there_is_told),
        TEST(a_read_begins_behind_its_cursor_and_ends_at_another),
        TEST(a_cursor_of_numbers_is_one),
        TEST(a_cursor_in_a_column_without_a_type_is_what_its_row_was),
        TEST(names_and_cursors_are_no_statements),
        TEST(pages_end_where_the_rows_do),
        TEST(a_log_is_read_too),
        TEST(what_is_damaged_or_takes_too_long_is_told),
        TEST(without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
