/* How far rows have been brought: cursors, what an upload is about to take, and the step from the
 * version that had none. */
#include "engine/state_memories.h"
#include "state_fixture.h"
#include "support/failing_alloc.h"

#define UPLOAD "20261123T084512Z-3f9a2c"
#define LATER "20261124T084512Z-3f9a2c"

static struct aks_memories_mark
mark_of(const char *source, const char *table, const char *at, const char *id, int64_t all_at_ms)
{
    return (struct aks_memories_mark){ .source = borrowed(source), .table = borrowed(table),
        .upload_id = borrowed(""), .cursor = { borrowed(at), borrowed(id) },
        .all_at_ms = all_at_ms };
}

static void
assert_mark(struct aks_state *opened, const char *source, const char *table, const char *at,
    const char *id, int64_t all_at_ms)
{
    struct aks_memories_cursor want = { borrowed(at), borrowed(id) };
    struct aks_memories_mark got;

    assert_int_equal(aks_state_memories_get(opened, T, source, table, &got, &err), AKS_OK);
    assert_string_equal(got.source, source);
    assert_string_equal(got.table, table);
    assert_string_equal(got.upload_id, "");
    assert_true(aks_memories_cursor_equal(&got.cursor, &want));
    assert_int_equal(got.all_at_ms, all_at_ms);
    aks_memories_mark_fini(aks_alloc_system(), &got);
}

static void
cursor_is_one_place_s_and_source_s_and_table_s(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_memories_mark marks[] = {
        mark_of("/a", "conversations_v2", "2026-01-05T08:00:00", "01KE", 7),
        mark_of("/a", "reflections_v2", NULL, "9", 0),
        mark_of("/b", "conversations_v2", NULL, NULL, 0),
    };
    struct aks_memories_mark got;

    assert_int_equal(aks_state_memories_put(opened, T, marks, 3, &err), AKS_OK);
    assert_mark(opened, "/a", "conversations_v2", "2026-01-05T08:00:00", "01KE", 7);
    assert_mark(opened, "/a", "reflections_v2", NULL, "9", 0);
    assert_mark(opened, "/b", "conversations_v2", NULL, NULL, 0);
    assert_int_equal(aks_state_memories_get(opened, T, "/b", "reflections_v2", &got, &err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_state_memories_get(opened, "dir:other", "/a", "reflections_v2", &got,
        &err), AKS_NOT_FOUND);
    aks_state_close(opened);
}

static void
moving_a_cursor_leaves_when_all_were_sent(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_memories_mark first = mark_of("/a", "t", "1", "1", 7);
    struct aks_memories_mark second = mark_of("/a", "t", "2", "2", 0);
    struct aks_memories_mark third = mark_of("/a", "t", "3", "3", 5);

    assert_int_equal(aks_state_memories_put(opened, T, &first, 1, &err), AKS_OK);
    assert_int_equal(aks_state_memories_put(opened, T, &second, 1, &err), AKS_OK);
    assert_mark(opened, "/a", "t", "2", "2", 7);
    /* A clock that was set back. */
    assert_int_equal(aks_state_memories_put(opened, T, &third, 1, &err), AKS_OK);
    assert_mark(opened, "/a", "t", "3", "3", 5);
    aks_state_close(opened);
}

static void
what_an_upload_takes_counts_once_it_is_there(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_memories_mark first = mark_of("/a", "t", "1", "1", 7);
    struct aks_memories_mark second = mark_of("/a", "t", "2", "2", 0);
    struct aks_memories_mark other = mark_of("/a", "u", "2", "2", 0);
    struct aks_memories_mark *begun;
    size_t count;

    assert_int_equal(aks_state_memories_put(opened, T, &first, 1, &err), AKS_OK);
    assert_int_equal(aks_state_memories_begin(opened, T, UPLOAD, &other, 1, &err), AKS_OK);
    assert_int_equal(aks_state_memories_begin(opened, T, UPLOAD, &second, 1, &err), AKS_OK);
    aks_state_close(opened);
    opened = open_state();
    assert_mark(opened, "/a", "t", "1", "1", 7);
    assert_int_equal(aks_state_memories_begun(opened, T, &begun, &count, &err), AKS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(begun[0].upload_id, UPLOAD);
    assert_string_equal(begun[0].table, "t");
    assert_string_equal(begun[0].cursor.id, "2");
    aks_memories_marks_free(aks_alloc_system(), begun, count);

    assert_int_equal(aks_state_memories_end(opened, T, LATER, true, &err), AKS_OK);
    assert_mark(opened, "/a", "t", "1", "1", 7);
    assert_int_equal(aks_state_memories_end(opened, T, UPLOAD, true, &err), AKS_OK);
    assert_mark(opened, "/a", "t", "2", "2", 7);
    assert_int_equal(aks_state_memories_begin(opened, T, LATER, &first, 1, &err), AKS_OK);
    assert_int_equal(aks_state_memories_end(opened, T, LATER, false, &err), AKS_OK);
    assert_mark(opened, "/a", "t", "2", "2", 7);
    assert_int_equal(aks_state_memories_begun(opened, T, &begun, &count, &err), AKS_OK);
    assert_int_equal(count, 0);
    aks_memories_marks_free(aks_alloc_system(), begun, count);
    aks_state_close(opened);
}

static void
all_marks_come_in_order(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_memories_mark marks[] = { mark_of("/b", "t", "1", "1", 0),
        mark_of("/a", "u", "1", "1", 0), mark_of("/a", "t", "1", "1", 0) };
    struct aks_memories_mark *got;
    size_t count;

    assert_int_equal(aks_state_memories_put(opened, T, marks, 3, &err), AKS_OK);
    assert_int_equal(aks_state_memories_begin(opened, T, UPLOAD, marks, 1, &err), AKS_OK);
    assert_int_equal(aks_state_memories_all(opened, T, &got, &count, &err), AKS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(got[0].table, "t");
    assert_string_equal(got[1].table, "u");
    assert_string_equal(got[2].source, "/b");
    aks_memories_marks_free(aks_alloc_system(), got, count);
    aks_state_close(opened);
}

static void
version_3_gets_its_table(void **state)
{
    struct aks_memories_mark mark = mark_of("/a", "t", "1", "1", 0);
    struct aks_stored row = row_of("/a", 1);
    struct aks_state *opened = open_state();

    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    aks_state_close(opened);
    (void)raw("DROP TABLE memories");
    (void)raw("DROP TABLE figures");
    (void)raw("DROP TABLE sums");
    drop_sums();
    (void)raw("PRAGMA user_version = 3");
    opened = open_state();
    assert_int_equal(aks_state_stored_get(opened, T, "/a", &row, &err), AKS_OK);
    aks_stored_fini(aks_alloc_system(), &row);
    assert_int_equal(aks_state_memories_put(opened, T, &mark, 1, &err), AKS_OK);
    assert_mark(opened, "/a", "t", "1", "1", 0);
    aks_state_close(opened);
    assert_int_equal(raw("PRAGMA user_version"), AKS_STATE_VERSION);
}

static int
read_all(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_memories_mark *got = NULL;
    struct aks_memories_mark one;
    struct aks_state *opened = NULL;
    size_t count = 0;
    enum aks_status status = aks_state_open(alloc, &port->files, temp_folder_path(folder), &opened,
        &err);

    if (status == AKS_OK)
        status = aks_state_memories_all(opened, T, &got, &count, &err);
    aks_memories_marks_free(alloc, got, count);
    if (status == AKS_OK)
        status = aks_state_memories_get(opened, T, "/a", "t", &one, &err);
    if (status == AKS_OK)
        aks_memories_mark_fini(alloc, &one);
    aks_state_close(opened);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : -1;
}

static void
without_memory_a_mark_is_whole_or_none(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_memories_mark marks[] = { mark_of("/a", "t", "1", "1", 0),
        mark_of("/b", "t", NULL, "1", 0) };

    assert_int_equal(aks_state_memories_put(opened, T, marks, 2, &err), AKS_OK);
    aks_state_close(opened);
    failing_alloc_loop(read_all, NULL, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cursor_is_one_place_s_and_source_s_and_table_s),
        TEST(moving_a_cursor_leaves_when_all_were_sent),
        TEST(what_an_upload_takes_counts_once_it_is_there),
        TEST(all_marks_come_in_order),
        TEST(version_3_gets_its_table),
        TEST(without_memory_a_mark_is_whole_or_none),
    };

    return cmocka_run_group_tests_name("state_memories", tests, NULL, NULL);
}
