/* Rows that are not what was written: the database is damaged, and nothing of it is believed. */
#include "engine/state_journal.h"
#include "state_fixture.h"

#include <stdio.h>
#include <unistd.h>

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

/* It is set aside where it is opened; who has it open learns it where it reads. */
static void
is_damaged(struct aks_state *opened, bool reads)
{
    struct aks_journal_upload *uploads;
    size_t count;

    assert_true(reads);
    assert_non_null(strstr(err.message, "malformed"));
    aks_state_close(opened);
    opened = open_state();
    assert_non_null(aks_state_aside(opened));
    assert_int_equal(aks_state_journal_uploads(opened, NULL, &uploads, &count, &err), AKS_OK);
    assert_int_equal(count, 0);
    aks_mem_free(aks_alloc_system(), uploads);
    assert_int_equal(unlink(aks_state_aside(opened)), 0);
    aks_state_close(opened);
    opened = open_state();
    assert_null(aks_state_aside(opened));
    aks_state_close(opened);
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

    struct aks_stored got;
    struct aks_stored *all;
    size_t count;

    rows[0].wal.key = borrowed("systems/a/b.wal");
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        struct aks_state *opened = open_state();

        assert_int_equal(aks_state_stored_put(opened, T, rows, 2, &err), AKS_OK);
        assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err), AKS_OK);
        aks_stored_fini(aks_alloc_system(), &got);
        aks_state_close(opened);
        opened = open_state();
        assert_null(aks_state_aside(opened));
        rot("stored", columns[i].name, columns[i].number);
        assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err), AKS_STATE);
        is_damaged(opened, aks_state_stored_all(opened, T, &all, &count, &err) == AKS_STATE);
    }
}

/* What a release before has written has no sum. */
static void
row_without_a_sum_is_believed(void **state)
{
    struct aks_stored rows[2] = { row_of("/a", 1), row_of("/b", 2) };
    struct aks_state *opened = open_state();
    struct aks_stored got;

    assert_int_equal(aks_state_stored_put(opened, T, rows, 2, &err), AKS_OK);
    (void)raw("UPDATE stored SET row_sum = NULL, bytes = 7");
    aks_state_close(opened);
    opened = open_state();
    assert_null(aks_state_aside(opened));
    assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err), AKS_OK);
    assert_int_equal(got.bytes, 7);
    aks_stored_fini(aks_alloc_system(), &got);
    aks_state_close(opened);
}

static enum aks_status
objects_of(struct aks_state *opened, int64_t upload)
{
    struct aks_journal_object *objects = NULL;
    size_t found = 0;
    enum aks_status status = aks_state_journal_objects(opened, upload, &objects, &found, &err);

    for (size_t i = 0; i < found; i++)
        aks_journal_object_fini(aks_alloc_system(), &objects[i]);
    aks_mem_free(aks_alloc_system(), objects);
    return status;
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
        assert_int_equal(objects_of(opened, upload.id), AKS_OK);
        assert_int_equal(aks_state_journal_token(opened, object.id, "another", &err), AKS_OK);
        assert_int_equal(objects_of(opened, upload.id), AKS_OK);
        assert_int_equal(raw("SELECT row_sum NOT NULL FROM objects"), 1);
        assert_int_equal(aks_state_journal_stored(opened, &object, &err), AKS_OK);
        assert_int_equal(objects_of(opened, upload.id), AKS_OK);
        aks_state_close(opened);
        assert_int_equal(raw("SELECT row_sum NOT NULL FROM objects"), 1);
        opened = open_state();
        assert_null(aks_state_aside(opened));
        rot("objects", columns[i].name, columns[i].number);
        /* A change does not make it whole. */
        assert_int_equal(aks_state_journal_token(opened, object.id, "third", &err), AKS_OK);
        assert_int_equal(aks_state_journal_stored(opened, &object, &err), AKS_OK);
        is_damaged(opened, objects_of(opened, upload.id) == AKS_STATE);
    }
}

static void
upload_of_the_journal_is_only_believed_if_it_is_what_was_written(void **state)
{
    static const char *const rots[] = {
        "UPDATE uploads SET upload_id = '3' || substr(upload_id, 2)",
        "UPDATE uploads SET target = target || 'x'",
        "UPDATE uploads SET begun_at_ms = begun_at_ms + 1",
    };

    for (size_t i = 0; i < sizeof(rots) / sizeof(rots[0]); i++) {
        struct aks_state *opened = open_state();
        struct aks_journal_upload upload = { .target = T, .job_id = "20261123T084512Z-000001",
            .upload_id = "20261123T084512Z-3f9a2c", .begun_at_ms = NOW };
        struct aks_journal_object object = { .source = borrowed("/a"), .key = borrowed("systems/a"),
            .codec = borrowed("zstd"), .codec_version = borrowed("1"),
            .snapshot = borrowed("snap") };
        struct aks_journal_upload *uploads;
        size_t count;

        assert_int_equal(aks_state_journal_begin(opened, &upload, &object, NULL, 0, &err), AKS_OK);
        assert_int_equal(aks_state_journal_adopt(opened, upload.id, "another", &err), AKS_OK);
        assert_int_equal(aks_state_journal_leave(opened, object.id, &err), AKS_OK);
        aks_state_close(opened);
        opened = open_state();
        assert_null(aks_state_aside(opened));
        (void)raw(rots[i]);
        is_damaged(opened,
            aks_state_journal_uploads(opened, NULL, &uploads, &count, &err) == AKS_STATE);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(row_of_what_is_stored_is_only_believed_if_it_is_what_was_written),
        TEST(row_without_a_sum_is_believed),
        TEST(upload_of_the_journal_is_only_believed_if_it_is_what_was_written),
        TEST(object_of_the_journal_is_only_believed_if_it_is_what_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
