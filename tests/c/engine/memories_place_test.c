/* Rows behind which a cursor does not move: what comes after them is not hidden by them. */
#include "engine/memories.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW INT64_C(1795000000000)      /* 2026-11-18 */
#define TABLE "conversations_v2"
#define CREATE "CREATE TABLE " TABLE " (id TEXT, content TEXT, timestamp TEXT);" \
    "INSERT INTO " TABLE " VALUES "

static struct aks_os *os;
static struct temp_folder *folder;
static struct aks_error err;
static struct aks_memories_result result;
static char text[64 * 1024];

static int
setup(void **state)
{
    folder = temp_folder_new();
    return aks_os_open(aks_alloc_system(), &os, &err) == AKS_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    temp_folder_free(folder);
    return 0;
}

static void
run(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(temp_folder_join(folder, "memory.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What is behind ${after}, if it is not NULL, as lines in text. */
static void
export(const struct aks_memories_mark *after)
{
    struct aks_snapshot snapshot = { .kind = AKS_SOURCE_SQLITE };
    struct aks_memories_options options = { .port = aks_os_port(os), .snapshot = &snapshot,
        .source_name = "memory.db", .system_id = "laptop-7", .after = after,
        .after_count = after != NULL, .wall_ms = NOW, .rows_max = AKS_MEMORIES_ROWS_MAX };
    struct aks_memories_file *file;
    char main[512];
    char scratch[512];
    char out[512];
    int64_t bytes;
    FILE *lines;

    (void)snprintf(main, sizeof(main), "%s", temp_folder_join(folder, "memory.db"));
    (void)snprintf(scratch, sizeof(scratch), "%s", temp_folder_path(folder));
    (void)snprintf(out, sizeof(out), "%s", temp_folder_join(folder, "out"));
    snapshot.source = main;
    snapshot.files[AKS_SNAPSHOT_MAIN].there = true;
    snapshot.files[AKS_SNAPSHOT_MAIN].path = main;
    options.scratch = scratch;
    assert_int_equal(aks_memories_file_new(options.port, out, AKS_MEMORIES_PUSH, &file, &err),
        AKS_OK);
    assert_int_equal(aks_memories_export(&options, file, &result, &err), AKS_OK);
    assert_int_equal(aks_memories_file_end(file, &bytes, &err), AKS_OK);
    aks_memories_file_free(file);
    lines = fopen(out, "r");
    assert_non_null(lines);
    text[fread(text, 1, sizeof(text) - 1, lines)] = '\0';
    (void)fclose(lines);
    assert_int_equal(unlink(out), 0);
}

static void
a_time_that_cannot_be_read_does_not_hide_what_comes(void **state)
{
    char table[] = TABLE;
    char at[] = "2026-01-01T00:00:00";
    char id[] = "a";
    struct aks_memories_mark mark = { .table = table, .cursor = { at, id } };

    run(CREATE "('a', 'x', '2026-01-01T00:00:00'), ('b', 'y', 'unknown')");
    export(NULL);
    assert_int_equal(result.rows, 2);
    assert_string_equal(result.tables[0].to.id, "a");
    assert_non_null(strstr(text, "\n[\"" TABLE "\",null,null,\""));
    aks_memories_result_fini(&result);
    export(&mark);
    assert_int_equal(result.rows, 1);
    assert_string_equal(result.tables[0].to.id, "a");
    aks_memories_result_fini(&result);
    /* Where none can be read their order is as good as any. */
    run("UPDATE " TABLE " SET timestamp = 'spring ' || id");
    export(NULL);
    assert_string_equal(result.tables[0].to.id, "b");
    aks_memories_result_fini(&result);
}

static void
an_id_that_no_cursor_can_hold_is_left_out(void **state)
{
    run(CREATE "('a', 'x', '2026-01-01'), (printf('%05000d', 7), 'y', '2026-01-02')");
    export(NULL);
    assert_int_equal(result.rows, 1);
    assert_int_equal(result.skipped[AKS_MEMORIES_NO_ID], 1);
    assert_string_equal(result.tables[0].to.id, "a");
    aks_memories_result_fini(&result);
}

static void
a_line_of_the_future_has_no_place(void **state)
{
    struct aks_memories_push push;

    run(CREATE "('b', 'y', '9999-01-01T00:00:00')");
    export(NULL);
    assert_int_equal(result.rows, 1);
    assert_null(result.tables[0].to.id);
    aks_memories_result_fini(&result);
    assert_int_equal(aks_memories_push_read(aks_alloc_system(), text, strlen(text), &push, &err),
        AKS_OK);
    assert_null(push.cursor.at);
    assert_null(push.cursor.id);
    assert_string_equal(push.memory_id, "laptop-7/memory.db/" TABLE "/b");
    aks_memories_push_fini(aks_alloc_system(), &push);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_time_that_cannot_be_read_does_not_hide_what_comes),
        TEST(an_id_that_no_cursor_can_hold_is_left_out),
        TEST(a_line_of_the_future_has_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
