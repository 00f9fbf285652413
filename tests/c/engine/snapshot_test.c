/* Snapshots of what is no database, and what holds for all of them: where they lie, what is kept of
 * them, what a crash leaves. */
#include "base/encode.h"
#include "snapshot_fixture.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static unsigned
permissions(const char *path)
{
    struct stat info;

    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

static struct aks_state *
open_state(void)
{
    struct aks_state *state = NULL;

    if (aks_state_open(port.alloc, &port.files, temp_folder_path(folder), &state, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return state;
}

static void
a_file_is_read_where_it_lies(void **state)
{
    struct aks_view view;
    const char *path = put_bytes("notes.bin");
    uint8_t byte;

    must_take();
    assert_true(snapshot.in_place);
    assert_string_equal(snapshot.method, "identity");
    assert_string_equal(snapshot.files[AKS_SNAPSHOT_MAIN].path, path);
    assert_false(snapshot.files[AKS_SNAPSHOT_WAL].there);
    assert_int_equal(aks_snapshot_bytes(&snapshot), SOURCE_BYTES);
    assert_null(snapshot.folder);
    assert_false(there(options.folder));
    assert_true(aks_snapshot_still(&port, &snapshot));
    assert_int_equal(aks_snapshot_open_view(&port, &snapshot, AKS_SNAPSHOT_MAIN, &view, &err),
        AKS_OK);
    assert_false(view.copied);
    assert_int_equal(aks_view_read(&view, 5, &byte, 1, &err), AKS_OK);
    assert_int_equal(aks_view_check(&view, &err), AKS_OK);
    (void)temp_folder_write(folder, "notes.bin", "short", 5);
    assert_int_equal(aks_view_check(&view, &err), AKS_SOURCE_CHANGED);
    aks_view_close(&view);
    assert_false(aks_snapshot_still(&port, &snapshot));
    assert_int_equal(aks_snapshot_open_view(&port, &snapshot, AKS_SNAPSHOT_MAIN, &view, &err),
        AKS_SOURCE_CHANGED);
}

static void
a_copy_is_private_and_stays_as_it_was(void **state)
{
    struct aks_view view;
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];
    size_t len;
    char *bytes;

    (void)put_bytes("notes.bin");
    options.copy = true;
    must_take();
    assert_false(snapshot.in_place);
    assert_int_equal(permissions(options.folder), 0700);
    assert_int_equal(permissions(snapshot.folder), 0700);
    assert_int_equal(permissions(snapshot.files[AKS_SNAPSHOT_MAIN].path), 0600);
    (void)temp_folder_write(folder, "notes.bin", "other", 5);
    bytes = temp_folder_read(folder, "snapshots/job-1/main", &len);
    assert_int_equal(len, SOURCE_BYTES);
    aks_sha256(bytes, len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, snapshot.files[AKS_SNAPSHOT_MAIN].sha256);
    free(bytes);
    assert_int_equal(aks_snapshot_open_view(&port, &snapshot, AKS_SNAPSHOT_MAIN, &view, &err),
        AKS_OK);
    assert_true(view.copied);
    assert_int_equal(view.source_info.inode, source.info.inode);
    assert_int_equal(aks_view_settle_ms(&view), 0);
    assert_false(aks_view_racy(&view));
    assert_int_equal(aks_view_check(&view, &err), AKS_OK);
    aks_view_close(&view);
    assert_int_equal(aks_snapshot_remove(&port, &snapshot, &err), AKS_OK);
    assert_false(there(snapshot.folder));
    assert_int_equal(aks_snapshot_remove(&port, &snapshot, &err), AKS_OK);
}

/* A file that is written to with each read of it. */
static const struct aks_files *real_files;
static unsigned writes_left;

static enum aks_status
read_and_write(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *error)
{
    if (writes_left > 0) {
        int fd = open(source.path, O_WRONLY);

        writes_left--;
        assert_int_equal(pwrite(fd, "x", 1, 100), 1);
        assert_int_equal(close(fd), 0);
    }
    return real_files->read(file, offset, data, len, ret_len, error);
}

static void
a_copy_of_a_moment_in_which_it_was_written_to_is_not_taken(void **state)
{
    (void)put_bytes("notes.bin");
    real_files = &aks_os_port(os)->files;
    port.files.read = read_and_write;
    options.copy = true;
    writes_left = 2;
    must_take();
    assert_int_equal(writes_left, 0);
    assert_true(aks_snapshot_still(&port, &snapshot));
    writes_left = UINT_MAX;
    options.wait_ms = 100;
    options.id = "job-2";
    assert_true(take() == AKS_SOURCE_CHANGED || err.status == AKS_SOURCE_BUSY);
    assert_false(there(temp_folder_join(folder, "snapshots/job-2")));
}

static bool
yes(void *ctx)
{
    return true;
}

static void
who_is_not_wanted_any_more_stops(void **state)
{
    (void)put_bytes("notes.bin");
    options.copy = true;
    options.stopped = yes;
    assert_int_equal(take(), AKS_CANCELLED);
    assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
}

static void
a_source_that_was_replaced_by_a_link_is_not_followed(void **state)
{
    const char *path = put_bytes("notes.bin");
    const char *secret = temp_folder_write(folder, "secret", "secret", 6);

    age(secret);
    options.wait_ms = 0;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("secret", path), 0);
    assert_int_equal(take(), AKS_SOURCE_CHANGED);
    assert_non_null(strstr(err.message, "replaced by a link"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(take(), AKS_SOURCE_MISSING);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(take(), AKS_SOURCE_UNREADABLE);
}

static enum aks_status
no_room(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *error)
{
    *ret_bytes = AKS_SNAPSHOT_MARGIN_BYTES + SOURCE_BYTES - 1;
    return AKS_OK;
}

static void
without_room_for_a_copy_a_file_is_read_where_it_lies(void **state)
{
    (void)put_bytes("notes.bin");
    port.files.free_bytes = no_room;
    options.copy = true;
    must_take();
    assert_true(snapshot.in_place);
    assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
}

/* --- a file system that can share bytes, and is not that of the state folder ------------------ */

static bool clones;

static bool
may_clone(void *ctx, const char *path)
{
    return true;
}

static bool
clone_by_copying(struct aks_file *from, struct aks_file *to)
{
    static uint8_t bytes[SOURCE_BYTES];
    size_t len;

    return clones && port.files.read(from, 0, bytes, sizeof(bytes), &len, NULL) == AKS_OK &&
        port.files.write(to, 0, bytes, len, NULL) == AKS_OK;
}

static void
elsewhere(void)
{
    (void)put_bytes("notes.bin");
    source.info.device++;
    port.files.may_clone = may_clone;
    port.files.clone = clone_by_copying;
    options.copy = true;
}

static void
a_reflink_lies_beside_its_source(void **state)
{
    const char *beside = temp_folder_join(folder, ".akosha-sync-job-1");

    elsewhere();
    clones = true;
    port.files.free_bytes = no_room;        /* it takes none */
    assert_int_equal(aks_snapshot_plan(&options, &snapshot, &err), AKS_OK);
    assert_string_equal(snapshot.beside, beside);
    assert_false(there(beside));
    assert_int_equal(aks_snapshot_take(&options, &snapshot, &err), AKS_OK);
    assert_string_equal(snapshot.folder, beside);
    assert_null(snapshot.beside);
    assert_int_equal(permissions(beside), 0700);
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_MAIN].bytes, SOURCE_BYTES);
    assert_false(there(options.folder));
    assert_int_equal(aks_snapshot_reopen(&port, &snapshot, &err), AKS_OK);
    assert_int_equal(aks_snapshot_remove(&port, &snapshot, &err), AKS_OK);
    assert_false(there(beside));
}

static void
where_no_reflink_can_be_made_nothing_is_left_beside_the_source(void **state)
{
    const char *beside = temp_folder_join(folder, ".akosha-sync-job-1");

    elsewhere();
    clones = false;
    must_take();
    assert_false(there(beside));
    assert_string_equal(snapshot.folder, temp_folder_join(folder, "snapshots/job-1"));
    clones = true;
    (void)temp_folder_write(folder, ".akosha-sync-job-1", "somebody's", 10);
    must_take();
    assert_true(there(beside));
    assert_string_equal(snapshot.folder, temp_folder_join(folder, "snapshots/job-1"));
}

/* Both places are known before either is made. */
static void
what_lies_beside_a_source_is_swept_too(void **state)
{
    struct aks_state *kept = open_state();
    unsigned left = 99;

    elsewhere();
    clones = true;
    assert_int_equal(aks_snapshot_plan(&options, &snapshot, &err), AKS_OK);
    assert_int_equal(aks_state_snapshot_put(kept, NULL, &snapshot, &err), AKS_OK);
    assert_int_equal(aks_snapshot_take(&options, &snapshot, &err), AKS_OK);
    assert_true(there(temp_folder_join(folder, ".akosha-sync-job-1/main")));
    assert_int_equal(aks_snapshot_sweep(&port, kept, options.folder, NULL, NULL, &left, &err),
        AKS_OK);
    assert_int_equal(left, 0);
    assert_false(there(temp_folder_join(folder, ".akosha-sync-job-1")));
    aks_state_close(kept);
}

static void
snapshots_are_kept_and_found_again(void **state)
{
    struct aks_state *kept = open_state();
    struct aks_snapshot_row row;

    (void)put_bytes("notes.bin");
    options.copy = true;
    assert_int_equal(aks_snapshot_plan(&options, &snapshot, &err), AKS_OK);
    assert_int_equal(aks_state_snapshot_put(kept, "job", &snapshot, &err), AKS_OK);
    assert_int_equal(aks_state_snapshot_get(kept, "job-1", &row, &err), AKS_OK);
    assert_false(row.taken);
    assert_int_equal(aks_snapshot_reopen(&port, &row.snapshot, &err), AKS_NOT_FOUND);
    aks_state_snapshot_row_fini(port.alloc, &row);
    assert_int_equal(aks_snapshot_take(&options, &snapshot, &err), AKS_OK);
    assert_int_equal(aks_state_snapshot_put(kept, "job", &snapshot, &err), AKS_OK);
    aks_state_close(kept);
    kept = open_state();
    assert_int_equal(aks_state_snapshot_get(kept, "job-1", &row, &err), AKS_OK);
    assert_true(row.taken);
    assert_string_equal(row.job, "job");
    assert_string_equal(row.snapshot.source, source.path);
    assert_string_equal(row.snapshot.folder, snapshot.folder);
    assert_int_equal(row.snapshot.files[AKS_SNAPSHOT_MAIN].bytes, SOURCE_BYTES);
    assert_int_equal(row.snapshot.sources[AKS_SNAPSHOT_MAIN].info.inode, source.info.inode);
    assert_int_equal(aks_snapshot_reopen(&port, &row.snapshot, &err), AKS_OK);
    assert_true(aks_snapshot_still(&port, &row.snapshot));
    /* Somebody, or a power cut, has altered it. */
    assert_int_equal(truncate(snapshot.files[AKS_SNAPSHOT_MAIN].path, SOURCE_BYTES - 1), 0);
    assert_int_equal(truncate(snapshot.files[AKS_SNAPSHOT_MAIN].path, SOURCE_BYTES), 0);
    assert_int_equal(aks_snapshot_reopen(&port, &row.snapshot, &err), AKS_CORRUPT);
    assert_int_equal(unlink(snapshot.files[AKS_SNAPSHOT_MAIN].path), 0);
    assert_int_equal(aks_snapshot_reopen(&port, &row.snapshot, &err), AKS_NOT_FOUND);
    aks_state_snapshot_row_fini(port.alloc, &row);
    assert_int_equal(aks_state_snapshot_forget(kept, "job-1", &err), AKS_OK);
    assert_int_equal(aks_state_snapshot_get(kept, "job-1", &row, &err), AKS_NOT_FOUND);
    aks_state_close(kept);
}

static bool
keeps_two(void *ctx, const char *id, const char *job)
{
    assert_string_equal(job, "job");
    return strcmp(id, "job-2") == 0;
}

static void
what_a_crash_left_is_removed_and_what_is_owed_stays(void **state)
{
    static const char *const ids[] = { "job-1", "job-2", "job-3" };
    struct aks_state *kept = open_state();
    struct aks_snapshot_row row;
    unsigned left = 99;

    (void)put_bytes("notes.bin");
    options.copy = true;
    for (size_t i = 0; i < 3; i++) {
        options.id = ids[i];
        aks_snapshot_fini(&snapshot);
        assert_int_equal(aks_snapshot_plan(&options, &snapshot, &err), AKS_OK);
        if (i < 2)
            assert_int_equal(aks_state_snapshot_put(kept, "job", &snapshot, &err), AKS_OK);
        assert_int_equal(aks_snapshot_take(&options, &snapshot, &err), AKS_OK);
    }
    assert_int_equal(aks_snapshot_sweep(&port, kept, options.folder, keeps_two, NULL, &left, &err),
        AKS_OK);
    assert_int_equal(left, 0);
    assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
    assert_true(there(temp_folder_join(folder, "snapshots/job-2/main")));
    assert_false(there(temp_folder_join(folder, "snapshots/job-3")));
    assert_true(there(source.path));
    assert_int_equal(aks_state_snapshot_get(kept, "job-1", &row, &err), AKS_NOT_FOUND);
    assert_int_equal(aks_snapshot_sweep(&port, kept, options.folder, NULL, NULL, &left, &err),
        AKS_OK);
    assert_false(there(temp_folder_join(folder, "snapshots/job-2")));
    assert_int_equal(rmdir(options.folder), 0);
    assert_int_equal(aks_snapshot_sweep(&port, kept, options.folder, NULL, NULL, &left, &err),
        AKS_OK);
    aks_state_close(kept);
}

static void
whatever_call_fails_nothing_is_left(void **state)
{
    struct faulty_files faulty;
    bool failed = true;

    (void)put_bytes("notes.bin");
    options.copy = true;
    options.wait_ms = 0;
    faulty_files_init(&faulty, &aks_os_port(os)->files, AKS_STATE);
    port.files = faulty.files;
    for (int64_t call = 0; failed; call++) {
        assert_true(call < 100);
        aks_snapshot_fini(&snapshot);
        assert_int_equal(aks_snapshot_plan(&options, &snapshot, &err), AKS_OK);
        faulty_files_arm(&faulty, call, false);
        (void)aks_snapshot_take(&options, &snapshot, &err);
        failed = faulty.seen > call;
        faulty_files_arm(&faulty, -1, false);
        /* What could not be removed is known to whoever planned it. */
        assert_int_equal(aks_snapshot_remove(&port, &snapshot, &err), AKS_OK);
        assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
    }
    assert_string_equal(snapshot.method, "identity");
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_MAIN].bytes, SOURCE_BYTES);
}

static int
take_with(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port own = *aks_os_port(os);
    struct aks_snapshot taken = { 0 };
    enum aks_status status;

    own.alloc = alloc;
    options.port = &own;
    status = aks_snapshot_plan(&options, &taken, NULL);
    if (status == AKS_OK)
        status = aks_snapshot_take(&options, &taken, NULL);
    (void)aks_snapshot_remove(&port, &taken, NULL);
    aks_snapshot_fini(&taken);
    options.port = &port;
    return status == AKS_OK || status == AKS_LIMIT || status == AKS_SOURCE_CHANGED ? 0 : -1;
}

static void
without_memory_it_is_not_taken(void **state)
{
    (void)put_bytes("notes.bin");
    options.copy = true;
    options.wait_ms = 0;
    failing_alloc_loop(take_with, NULL, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_where_it_lies),
        TEST(a_copy_is_private_and_stays_as_it_was),
        TEST(a_copy_of_a_moment_in_which_it_was_written_to_is_not_taken),
        TEST(who_is_not_wanted_any_more_stops),
        TEST(a_source_that_was_replaced_by_a_link_is_not_followed),
        TEST(without_room_for_a_copy_a_file_is_read_where_it_lies),
        TEST(a_reflink_lies_beside_its_source),
        TEST(where_no_reflink_can_be_made_nothing_is_left_beside_the_source),
        TEST(what_lies_beside_a_source_is_swept_too),
        TEST(snapshots_are_kept_and_found_again),
        TEST(what_a_crash_left_is_removed_and_what_is_owed_stays),
        TEST(whatever_call_fails_nothing_is_left),
        TEST(without_memory_it_is_not_taken),
    };

    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
