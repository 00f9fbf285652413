/* Rows that are not what was written: nothing that they say is believed. */
#include "engine/state_journal.h"
#include "state_fixture.h"

#include <stdio.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SQL_BYTES 200

struct column {
    const char *name;
    bool number;
};

/* The column of one row becomes another value of its kind, as on a medium that fails. */
static void
rot(const char *table, const char *column, bool number)
{
    char sql[SQL_BYTES];

    (void)snprintf(sql, sizeof(sql), number
            ? "UPDATE %s SET %s = %s + 1 WHERE source = CAST('/a' AS BLOB)"
            : "UPDATE %s SET %s = 'Z' || substr(%s, 2) WHERE source = CAST('/a' AS BLOB)",
        table, column, column);
    (void)raw(sql);
}

static void
stored_is(struct aks_state *opened, bool believed)
{
    struct aks_stored got;
    struct aks_stored *rows = NULL;
    size_t count = 0;

    assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err),
        believed ? AKS_OK : AKS_NOT_FOUND);
    aks_stored_fini(aks_alloc_system(), &got);
    assert_int_equal(aks_state_stored_all(opened, T, &rows, &count, &err), AKS_OK);
    assert_int_equal(count, believed ? 2 : 1);
    for (size_t i = 0; i < count; i++)
        aks_stored_fini(aks_alloc_system(), &rows[i]);
    aks_mem_free(aks_alloc_system(), rows);
    assert_int_equal(aks_state_check(opened, &err), believed ? AKS_OK : AKS_STATE);
    if (!believed)
        assert_non_null(strstr(err.message, "1 of its rows are not what was written"));
}

static void
row_of_what_is_stored_is_only_believed_if_it_is_what_was_written(void **state)
{
    static const struct column columns[] = {
        { "key", false }, { "name", false }, { "kind", false }, { "upload_id", false },
        { "codec", false }, { "sha256", false }, { "stored_sha256", false },
        { "wal_key", false }, { "bytes", true }, { "stored_bytes", true }, { "parts", true },
        { "taken_at_ms", true }, { "file_mtime_ns", true }, { "wal_bytes", true },
        { "wal_there", true }, { "encryption", true }, { "row_sum", true },
    };
    struct aks_stored rows[2] = { row_of("/a", 1), row_of("/b", 2) };

    rows[0].wal.key = borrowed("systems/a/b.wal");
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        struct aks_state *opened = open_state();

        assert_int_equal(aks_state_stored_put(opened, T, rows, 2, &err), AKS_OK);
        stored_is(opened, true);
        aks_state_close(opened);
        rot("stored", columns[i].name, columns[i].number);
        opened = open_state();
        stored_is(opened, false);
        aks_state_close(opened);
    }
}

/* What a release before has written has no sum. */
static void
row_without_a_sum_is_believed(void **state)
{
    struct aks_stored rows[2] = { row_of("/a", 1), row_of("/b", 2) };
    struct aks_state *opened = open_state();

    assert_int_equal(aks_state_stored_put(opened, T, rows, 2, &err), AKS_OK);
    (void)raw("UPDATE stored SET row_sum = NULL, bytes = 7");
    stored_is(opened, true);
    aks_state_close(opened);
}

static void
objects_are(struct aks_state *opened, int64_t upload, size_t count)
{
    struct aks_journal_object *objects = NULL;
    size_t found = 0;

    assert_int_equal(aks_state_journal_objects(opened, upload, &objects, &found, &err), AKS_OK);
    assert_int_equal(found, count);
    for (size_t i = 0; i < found; i++)
        aks_journal_object_fini(aks_alloc_system(), &objects[i]);
    aks_mem_free(aks_alloc_system(), objects);
    assert_int_equal(aks_state_check(opened, &err), count == 1 ? AKS_OK : AKS_STATE);
}

/* Each change of it takes its sum along. */
static void
object_of_the_journal_is_only_believed_if_it_is_what_was_written(void **state)
{
    static const struct column columns[] = {
        { "key", false }, { "token", false }, { "codec", false }, { "snapshot", false },
        { "snapshot_sha256", false }, { "sha256", false }, { "role", true },
        { "part_bytes", true }, { "file_bytes", true }, { "stored", true }, { "bytes", true },
        { "encryption", true },
    };

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        struct aks_state *opened = open_state();
        struct aks_journal_upload upload = { .target = T, .job_id = "20261123T084512Z-000001",
            .upload_id = "20261123T084512Z-3f9a2c", .begun_at_ms = NOW };
        struct aks_journal_object object = { .source = borrowed("/a"), .key = borrowed("systems/a"),
            .token = borrowed("nonce"), .codec = borrowed("zstd"), .codec_version = borrowed("1"),
            .snapshot = borrowed("snap") };

        memset(object.snapshot_sha256, 'c', 64);
        memset(object.sha256, 'd', 64);
        assert_int_equal(aks_state_journal_begin(opened, &upload, &object, NULL, 0, &err), AKS_OK);
        objects_are(opened, upload.id, 1);
        assert_int_equal(aks_state_journal_token(opened, object.id, "another", &err), AKS_OK);
        objects_are(opened, upload.id, 1);
        assert_int_equal(aks_state_journal_stored(opened, &object, &err), AKS_OK);
        objects_are(opened, upload.id, 1);
        aks_state_close(opened);
        rot("objects", columns[i].name, columns[i].number);
        opened = open_state();
        objects_are(opened, upload.id, 0);
        assert_int_equal(aks_state_journal_forget(opened, upload.id, &err), AKS_OK);
        aks_state_close(opened);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(row_of_what_is_stored_is_only_believed_if_it_is_what_was_written),
        TEST(row_without_a_sum_is_believed),
        TEST(object_of_the_journal_is_only_believed_if_it_is_what_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
