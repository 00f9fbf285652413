#include "engine/state_journal.h"
#include "support/failing_alloc.h"
#include "state_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define UPLOAD "20261123T084512Z-3f9a2c"
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct aks_journal_upload
upload_of(const char *upload_id)
{
    struct aks_journal_upload upload = { .target = T, .job_id = "20261123T084512Z-000001",
        .begun_at_ms = NOW };

    (void)snprintf(upload.upload_id, sizeof(upload.upload_id), "%s", upload_id);
    return upload;
}

static struct aks_journal_object
object_of(const char *source, int role)
{
    struct aks_journal_object object = { .source = borrowed(source), .role = role,
        .key = borrowed("systems/a/b/reflection.duckdb.zst"), .token = borrowed("nonce"),
        .codec = borrowed("zstd"), .level = 3, .codec_version = borrowed("zstd 1.5.4"),
        .part_bytes = 5 << 20, .check = 2, .snapshot = borrowed("20261123T084512Z-snap"),
        .info_racy = true, .taken_at_ms = NOW - 5 };
    struct aks_file_info info = { AKS_FILE_REGULAR, 0644, 4294967295u, UINT64_MAX, 9, 10, -11, 12 };

    object.info = info;
    memset(object.snapshot_sha256, 'c', 64);
    return object;
}

static struct aks_journal_part
part_of(uint32_t number)
{
    struct aks_journal_part part = { .number = number, .bytes = 1000 + number,
        .crc64nvme = UINT64_MAX - number };

    memset(part.sha256, (int)number, sizeof(part.sha256));
    return part;
}

static void
begin(struct aks_state *opened, struct aks_journal_upload *upload,
    struct aks_journal_object *object)
{
    struct aks_journal_part parts[2] = { part_of(1), part_of(2) };

    if (aks_state_journal_begin(opened, upload, object, parts, 2, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_true(upload->id != 0 && object->id != 0);
}

/* The one object of the one upload. */
static struct aks_journal_object
only_object(struct aks_state *opened)
{
    struct aks_journal_upload *uploads;
    struct aks_journal_object *objects;
    struct aks_journal_object object;
    size_t count;

    assert_int_equal(aks_state_journal_uploads(opened, T, &uploads, &count, &err), AKS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(aks_state_journal_objects(opened, uploads[0].id, &objects, &count, &err),
        AKS_OK);
    assert_int_equal(count, 1);
    object = objects[0];
    aks_mem_free(aks_alloc_system(), objects);
    aks_mem_free(aks_alloc_system(), uploads);
    return object;
}

static void
what_was_begun_is_found_by_the_next_process(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/home/\x01\xff\xc3 name", 1);
    struct aks_journal_object got;
    struct aks_journal_part *parts;
    size_t count;

    begin(opened, &upload, &object);
    assert_int_equal(aks_state_journal_part_stored(opened, object.id, 2, "tag", &err), AKS_OK);
    aks_state_close(opened);

    opened = open_state();
    got = only_object(opened);
    assert_int_equal(got.id, object.id);
    assert_string_equal(got.source, object.source);
    assert_int_equal(got.role, 1);
    assert_string_equal(got.key, object.key);
    assert_string_equal(got.token, "nonce");
    assert_string_equal(got.codec, "zstd");
    assert_string_equal(got.codec_version, "zstd 1.5.4");
    assert_int_equal(got.level, 3);
    assert_int_equal(got.part_bytes, 5 << 20);
    assert_int_equal(got.check, 2);
    assert_string_equal(got.snapshot, object.snapshot);
    assert_string_equal(got.snapshot_sha256, object.snapshot_sha256);
    assert_memory_equal(&got.info, &object.info, sizeof(got.info));
    assert_true(got.info_racy && !got.stored && got.taken_at_ms == NOW - 5);
    assert_int_equal(aks_state_journal_known(opened, got.id, &parts, &count, &err), AKS_OK);
    assert_int_equal(count, 2);
    assert_null(parts[0].tag);
    assert_string_equal(parts[1].tag, "tag");
    for (uint32_t i = 0; i < 2; i++) {
        struct aks_journal_part part = part_of(i + 1);

        assert_int_equal(parts[i].number, i + 1);
        assert_int_equal(parts[i].bytes, part.bytes);
        assert_true(parts[i].crc64nvme == part.crc64nvme);
        assert_memory_equal(parts[i].sha256, part.sha256, sizeof(part.sha256));
    }
    aks_journal_parts_free(aks_alloc_system(), parts, count);
    aks_journal_object_fini(aks_alloc_system(), &got);
    aks_state_close(opened);
}

static void
a_new_token_forgets_the_tags_and_keeps_the_digests(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_part part = part_of(3);
    struct aks_journal_object got;
    struct aks_journal_part *parts;
    size_t count;
    char *long_token = malloc(AKS_JOURNAL_TOKEN_BYTES_MAX + 2);

    begin(opened, &upload, &object);
    assert_int_equal(aks_state_journal_parts(opened, object.id, &part, 1, &err), AKS_OK);
    assert_int_equal(aks_state_journal_part_stored(opened, object.id, 1, "tag", &err), AKS_OK);
    assert_int_equal(aks_state_journal_token(opened, object.id, "nonce id", &err), AKS_OK);
    got = only_object(opened);
    assert_string_equal(got.token, "nonce id");
    aks_journal_object_fini(aks_alloc_system(), &got);
    assert_int_equal(aks_state_journal_known(opened, object.id, &parts, &count, &err), AKS_OK);
    assert_int_equal(count, 3);
    assert_null(parts[0].tag);
    aks_journal_parts_free(aks_alloc_system(), parts, count);

    assert_non_null(long_token);
    memset(long_token, 'x', AKS_JOURNAL_TOKEN_BYTES_MAX + 1);
    long_token[AKS_JOURNAL_TOKEN_BYTES_MAX + 1] = '\0';
    assert_int_equal(aks_state_journal_token(opened, object.id, long_token, &err), AKS_LIMIT);
    free(long_token);
    aks_state_close(opened);
}

static void
an_object_in_another_shape_takes_the_place_of_the_former(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_object again = object_of("/a", 0);
    struct aks_journal_object got;

    object.token = NULL;
    begin(opened, &upload, &object);
    again.level = 4;
    begin(opened, &upload, &again);
    got = only_object(opened);
    assert_int_equal(got.id, again.id);
    assert_true(got.id != object.id);
    assert_int_equal(got.level, 4);
    aks_journal_object_fini(aks_alloc_system(), &got);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT count(*) FROM parts"), 2);
}

/* What it was found by is not lost with it: it may be half sent. */
static void
a_former_object_with_a_token_stays_to_be_given_back(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_object again = object_of("/a", 0);
    struct aks_journal_upload *uploads;
    size_t count;

    begin(opened, &upload, &object);
    assert_int_equal(aks_state_journal_token(opened, object.id, "nonce id", &err), AKS_OK);
    begin(opened, &upload, &again);
    assert_int_equal(aks_state_journal_uploads(opened, T, &uploads, &count, &err), AKS_OK);
    assert_int_equal(count, 2);
    assert_true(!uploads[0].given_up && uploads[1].given_up);
    assert_string_equal(uploads[1].upload_id, UPLOAD);
    aks_mem_free(aks_alloc_system(), uploads);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT count(*) FROM objects JOIN uploads ON uploads.id = upload"
        " WHERE given_up = 1 AND token = 'nonce id'"), 1);
    assert_int_equal(raw("SELECT count(*) FROM objects JOIN uploads ON uploads.id = upload"
        " WHERE given_up = 0 AND token = 'nonce'"), 1);
}

static bool
shares(struct aks_state *opened, int64_t upload)
{
    bool is_shared = false;

    assert_int_equal(aks_state_journal_shares(opened, upload, &is_shared, &err), AKS_OK);
    return is_shared;
}

/* Of one key, at one target, in an upload that may be gone on with. */
static void
an_upload_that_was_left_knows_who_goes_on_under_its_key(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_upload elsewhere = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_object again = object_of("/a", 0);
    struct aks_journal_object other = object_of("/b", 0);
    struct aks_journal_object there = object_of("/a", 0);

    begin(opened, &upload, &object);
    other.key = borrowed("systems/a/b/other");
    begin(opened, &upload, &other);
    assert_int_equal(aks_state_journal_leave(opened, object.id, &err), AKS_OK);
    elsewhere.target[0] = 'x';
    begin(opened, &elsewhere, &there);
    assert_false(shares(opened, upload.id));
    assert_false(shares(opened, upload.id + 1));
    begin(opened, &upload, &again);
    assert_false(shares(opened, upload.id));
    assert_true(shares(opened, upload.id + 1));
    assert_int_equal(aks_state_journal_give_up(opened, upload.id, &err), AKS_OK);
    assert_false(shares(opened, upload.id + 1));
    aks_state_close(opened);
}

/* Begun, and no part of what was committed after all: nobody but the journal knows of it. */
static void
what_was_left_of_a_committed_upload_is_given_back(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object whole = object_of("/a", 0);
    struct aks_journal_object left = object_of("/b", 0);
    struct aks_journal_upload *uploads;
    size_t count;

    left.key = borrowed("systems/a/b/other");
    begin(opened, &upload, &whole);
    begin(opened, &upload, &left);
    assert_int_equal(aks_state_journal_stored(opened, &whole, &err), AKS_OK);
    assert_int_equal(aks_state_journal_committed(opened, upload.id, &err), AKS_OK);
    assert_int_equal(aks_state_journal_uploads(opened, NULL, &uploads, &count, &err), AKS_OK);
    assert_int_equal(count, 1);
    assert_true(uploads[0].given_up);
    aks_mem_free(aks_alloc_system(), uploads);
    assert_int_equal(aks_state_journal_stored(opened, &left, &err), AKS_OK);
    assert_int_equal(aks_state_journal_committed(opened, upload.id, &err), AKS_OK);
    assert_int_equal(aks_state_journal_uploads(opened, NULL, &uploads, &count, &err), AKS_OK);
    assert_int_equal(count, 0);
    aks_mem_free(aks_alloc_system(), uploads);
    aks_state_close(opened);
}

static void
what_is_forgotten_leaves_nothing_and_no_id_comes_twice(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_upload other = upload_of("20261123T084512Z-3f9a2d");
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_object kept = object_of("/a", 0);
    struct aks_journal_upload *uploads;
    size_t count;
    int64_t id;

    begin(opened, &upload, &object);
    begin(opened, &other, &kept);
    assert_int_equal(aks_state_journal_give_up(opened, other.id, &err), AKS_OK);
    assert_int_equal(aks_state_journal_forget(opened, upload.id, &err), AKS_OK);
    assert_int_equal(aks_state_journal_uploads(opened, NULL, &uploads, &count, &err), AKS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(uploads[0].upload_id, other.upload_id);
    assert_string_equal(uploads[0].target, T);
    assert_string_equal(uploads[0].job_id, other.job_id);
    assert_true(uploads[0].given_up && uploads[0].begun_at_ms == NOW);
    aks_mem_free(aks_alloc_system(), uploads);
    assert_int_equal(aks_state_journal_uploads(opened, "elsewhere", &uploads, &count, &err),
        AKS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(aks_state_journal_forget(opened, other.id, &err), AKS_OK);
    id = other.id;
    other = upload_of(UPLOAD);
    begin(opened, &other, &kept);
    assert_true(other.id > id);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT count(*) FROM parts"), 2);
    assert_int_equal(raw("SELECT count(*) FROM objects"), 1);
}

static void
an_object_that_is_stored_has_its_sizes_and_digests(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_object got;

    begin(opened, &upload, &object);
    object.bytes = 77;
    object.stored_bytes = 55;
    object.parts = 2;
    memset(object.sha256, 'd', 64);
    memset(object.stored_sha256, 'e', 64);
    assert_int_equal(aks_state_journal_stored(opened, &object, &err), AKS_OK);
    got = only_object(opened);
    assert_true(got.stored && got.bytes == 77 && got.stored_bytes == 55 && got.parts == 2);
    assert_string_equal(got.sha256, object.sha256);
    assert_string_equal(got.stored_sha256, object.stored_sha256);
    aks_journal_object_fini(aks_alloc_system(), &got);
    assert_int_equal(aks_state_journal_forget_object(opened, object.id, &err), AKS_OK);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT count(*) FROM parts"), 0);
    assert_int_equal(raw("SELECT count(*) FROM objects"), 0);
}

static void
rows_that_were_damaged_are_refused(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_object *objects;
    struct aks_journal_upload *uploads;
    struct aks_journal_part *parts;
    size_t count;

    begin(opened, &upload, &object);
    (void)raw("UPDATE parts SET sha256 = x'00' WHERE number = 2");
    assert_int_equal(aks_state_journal_known(opened, object.id, &parts, &count, &err), AKS_STATE);
    assert_int_equal(count, 0);
    (void)raw("UPDATE parts SET sha256 = zeroblob(32), number = 10001 WHERE number = 2");
    assert_int_equal(aks_state_journal_known(opened, object.id, &parts, &count, &err), AKS_STATE);
    (void)raw("UPDATE objects SET row_sum = NULL,"
        " snapshot_sha256 = printf('%.*c', 65, 'x')");
    assert_int_equal(aks_state_journal_objects(opened, upload.id, &objects, &count, &err),
        AKS_STATE);
    assert_null(objects);
    (void)raw("UPDATE uploads SET upload_id = printf('%.*c', 40, 'x')");
    assert_int_equal(aks_state_journal_uploads(opened, T, &uploads, &count, &err), AKS_STATE);
    assert_null(uploads);
    aks_state_close(opened);
}

static int
use_all(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_state *opened = NULL;
    struct aks_journal_upload upload = upload_of(UPLOAD);
    struct aks_journal_object object = object_of("/a", 0);
    struct aks_journal_part parts[2] = { part_of(1), part_of(2) };
    struct aks_journal_upload *uploads = NULL;
    struct aks_journal_object *objects = NULL;
    struct aks_journal_part *known = NULL;
    size_t count;

    if (aks_state_open(alloc, &port->files, temp_folder_path(folder), &opened, &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    (void)snprintf(upload.upload_id, sizeof(upload.upload_id), "%d", (*(int *)ctx)++);
    if (aks_state_journal_begin(opened, &upload, &object, parts, 2, &err) != AKS_OK ||
        aks_state_journal_part_stored(opened, object.id, 1, "tag", &err) != AKS_OK)
        return 1;
    if (aks_state_journal_uploads(opened, T, &uploads, &count, &err) != AKS_OK &&
        err.status != AKS_LIMIT)
        return 1;
    aks_mem_free(alloc, uploads);
    if (aks_state_journal_objects(opened, upload.id, &objects, &count, &err) != AKS_OK &&
        err.status != AKS_LIMIT)
        return 1;
    for (size_t i = 0; i < count; i++)
        aks_journal_object_fini(alloc, &objects[i]);
    aks_mem_free(alloc, objects);
    if (aks_state_journal_known(opened, object.id, &known, &count, &err) != AKS_OK &&
        err.status != AKS_LIMIT)
        return 1;
    aks_journal_parts_free(alloc, known, count);
    if (aks_state_journal_forget(opened, upload.id, &err) != AKS_OK)
        return 1;
    aks_state_close(opened);
    return 0;
}

static void
the_journal_survives_any_allocation_that_fails(void **state)
{
    int round = 0;

    failing_alloc_loop(use_all, &round, 200);
    assert_int_equal(raw("SELECT count(*) FROM uploads"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_begun_is_found_by_the_next_process),
        TEST(a_new_token_forgets_the_tags_and_keeps_the_digests),
        TEST(an_object_in_another_shape_takes_the_place_of_the_former),
        TEST(a_former_object_with_a_token_stays_to_be_given_back),
        TEST(an_upload_that_was_left_knows_who_goes_on_under_its_key),
        TEST(what_was_left_of_a_committed_upload_is_given_back),
        TEST(what_is_forgotten_leaves_nothing_and_no_id_comes_twice),
        TEST(an_object_that_is_stored_has_its_sizes_and_digests),
        TEST(rows_that_were_damaged_are_refused),
        TEST(the_journal_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
