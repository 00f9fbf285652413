/* Snapshots of DuckDB databases, beside a writer that does its worst between two calls of ours.
 * Real ones have their turn in tests/real/test_live.py. */
#include "data/duckdb_file.h"
#include "snapshot_fixture.h"
#include "support/failing_alloc.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_duckdb, teardown)
#define NAME "reflection.duckdb"

static const struct aks_files *real_files;
static void (*act)(void);               /* what the writer does, before a read of a large piece */
static unsigned acts_left;
static char made[256];                  /* names of what was made, in order */

static enum aks_status
no_lock(struct aks_file *file, struct aks_error *error)
{
    fail_msg("a lock was taken");
    return AKS_STATE;
}

static enum aks_status
no_lock_wait(struct aks_file *file, int64_t timeout_ms, struct aks_error *error)
{
    return no_lock(file, error);
}

static enum aks_status
watched_open(void *ctx, const char *path, enum aks_file_open how, struct aks_file **ret_file,
    struct aks_error *error)
{
    if (how == AKS_FILE_CREATE) {
        size_t len = strlen(made);

        (void)snprintf(made + len, sizeof(made) - len, "%s ", strrchr(path, '/') + 1);
    }
    return real_files->open(ctx, path, how, ret_file, error);
}

static enum aks_status
watched_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *error)
{
    enum aks_status status = real_files->read(file, offset, data, len, ret_len, error);

    if (acts_left > 0 && len > AKS_DUCKDB_HEADERS_BYTES) {
        acts_left--;
        act();
    }
    return status;
}

static int
set_up_duckdb(void **state)
{
    char path[512];
    uint8_t *data;
    size_t len;
    FILE *from;

    if (setup(state) != 0)
        return -1;
    real_files = &aks_os_port(os)->files;
    port.files.lock = no_lock;
    port.files.lock_wait = no_lock_wait;
    port.files.open = watched_open;
    port.files.read = watched_read;
    acts_left = 0;
    made[0] = '\0';
    (void)snprintf(path, sizeof(path), "%s/databases/" NAME, AKS_TEST_DATA);
    from = fopen(path, "rb");
    data = malloc(16u << 20);
    if (from == NULL || data == NULL)
        return -1;
    len = fread(data, 1, 16u << 20, from);
    (void)fclose(from);
    (void)put_source(NAME, data, len);
    free(data);
    return source.kind == AKS_SOURCE_DUCKDB ? 0 : -1;
}

/* --- what a writer does ----------------------------------------------------------------------- */

static void
patch(const char *path, int64_t offset, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, offset), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static void
seal(uint8_t *page)
{
    uint64_t sum = aks_duckdb_file_checksum(page + 8, AKS_DUCKDB_PAGE_BYTES - 8);

    memcpy(page, &sum, sizeof(sum));
}

/* The other header page, with a higher iteration. */
static void
checkpoint(void)
{
    uint8_t head[AKS_DUCKDB_HEADERS_BYTES];
    struct aks_duckdb_file file;
    uint64_t iteration;
    uint8_t *page;
    int fd = open(source.path, O_RDONLY);

    assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
    assert_int_equal(close(fd), 0);
    assert_int_equal(aks_duckdb_file_parse(head, sizeof(head), &file, NULL), AKS_OK);
    page = head + (size_t)(3 - file.active) * AKS_DUCKDB_PAGE_BYTES;
    memcpy(page, head + (size_t)file.active * AKS_DUCKDB_PAGE_BYTES, AKS_DUCKDB_PAGE_BYTES);
    iteration = file.iteration + 1;
    memcpy(page + 8, &iteration, sizeof(iteration));
    seal(page);
    patch(source.path, page - head, page, AKS_DUCKDB_PAGE_BYTES);
}

static const char *
put_wal(const char *text)
{
    return temp_folder_write(folder, NAME ".wal", text, strlen(text));
}

static void
wal_grows(void)
{
    (void)put_wal("a commit; another commit");
}

static void
wal_goes(void)
{
    assert_int_equal(unlink(temp_folder_join(folder, NAME ".wal")), 0);
}

static void
wal_is_another(void)
{
    const char *new_path = temp_folder_write(folder, "new", "the next log", 12);

    assert_int_equal(rename(new_path, temp_folder_join(folder, NAME ".wal")), 0);
}

static void
source_is_another(void)
{
    size_t len;
    char *data = temp_folder_read(folder, NAME, &len);
    const char *new_path = temp_folder_write(folder, "new", data, len);

    free(data);
    assert_int_equal(rename(new_path, source.path), 0);
}

static bool
begins_like_the_source(void)
{
    char *copy = temp_folder_read(folder, "snapshots/job-1/main", NULL);
    char *original = temp_folder_read(folder, NAME, NULL);
    bool same = memcmp(copy, original, AKS_DUCKDB_HEADERS_BYTES) == 0;

    free(copy);
    free(original);
    return same;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void
main_and_wal_are_copied_the_wal_first_and_nothing_is_locked(void **state)
{
    char *wal;

    (void)put_wal("a commit");
    must_take();
    assert_string_equal(made, "wal main ");
    assert_string_equal(snapshot.method, "seqlock");
    assert_false(snapshot.in_place);
    assert_false(snapshot.writer);
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_MAIN].bytes, source.info.bytes);
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_WAL].bytes, 8);
    wal = temp_folder_read(folder, "snapshots/job-1/wal", NULL);
    assert_string_equal(wal, "a commit");
    free(wal);
    assert_true(aks_snapshot_still(&port, &snapshot));
    assert_int_equal(aks_snapshot_reopen(&port, &snapshot, &err), AKS_OK);
    (void)put_wal("a commit; more");
    assert_false(aks_snapshot_still(&port, &snapshot));
    wal_goes();
    assert_false(aks_snapshot_still(&port, &snapshot));
}

static void
a_copy_across_a_checkpoint_is_thrown_away(void **state)
{
    act = checkpoint;
    acts_left = 3;
    must_take();
    assert_int_equal(acts_left, 0);
    assert_true(begins_like_the_source());
    acts_left = UINT_MAX;
    options.wait_ms = 150;
    assert_int_equal(take(), AKS_SOURCE_BUSY);
    assert_non_null(strstr(err.message, "leaves no moment"));
    assert_non_null(strstr(err.hint, "queue"));
    assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
}

static void
a_wal_that_grows_is_taken_and_one_that_goes_is_not(void **state)
{
    (void)put_wal("a commit");
    act = wal_grows;
    acts_left = 1;
    must_take();
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_WAL].bytes, 8);
    act = wal_goes;
    acts_left = 1;
    must_take();
    assert_false(snapshot.files[AKS_SNAPSHOT_WAL].there);
    assert_false(there(temp_folder_join(folder, "snapshots/job-1/wal")));
    (void)put_wal("a commit");
    act = wal_is_another;
    acts_left = 1;
    must_take();
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_WAL].bytes, 12);
}

static void
a_source_that_is_replaced_meanwhile_is_copied_anew(void **state)
{
    act = source_is_another;
    acts_left = 1;
    must_take();
    assert_int_not_equal(snapshot.sources[AKS_SNAPSHOT_MAIN].info.inode, source.info.inode);
}

static void
a_checkpoint_that_was_cut_off_is_waited_for_and_told(void **state)
{
    static const char *const endings[] = { NAME ".wal.checkpoint", NAME ".wal.recovery" };

    options.wait_ms = 60;
    for (size_t i = 0; i < 2; i++) {
        const char *path = temp_folder_write(folder, endings[i], "", 0);

        assert_int_equal(take(), AKS_SOURCE_BUSY);
        assert_non_null(strstr(err.message, "cut off"));
        assert_non_null(strstr(err.hint, "open it once with DuckDB"));
        assert_int_equal(unlink(path), 0);
    }
    must_take();
}

static void
a_block_that_does_not_hold_is_an_error_where_nobody_was_writing(void **state)
{
    patch(source.path, AKS_DUCKDB_HEADERS_BYTES + 262144 + 5000, "damage", 6);
    age(source.path);
    assert_int_equal(take(), AKS_CORRUPT);
    assert_non_null(strstr(err.message, "block 1 "));
    assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
    /* A writer that was cut off may have left it so, in free space. */
    (void)put_wal("a commit");
    must_take();
}

static void
headers_that_do_not_hold_are_an_error(void **state)
{
    patch(source.path, 5000, "damage", 6);
    assert_int_equal(take(), AKS_CORRUPT);
    assert_non_null(strstr(err.message, "page 1"));
    assert_int_equal(truncate(source.path, 5000), 0);
    options.wait_ms = 30;
    assert_int_equal(take(), AKS_SOURCE_BUSY);
}

/* DuckDB cuts free blocks off its file after it has counted them in the header. */
static void
a_file_that_is_shorter_than_its_headers_say_is_taken(void **state)
{
    assert_int_equal(truncate(source.path, source.info.bytes - 262144), 0);
    must_take();
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_MAIN].bytes, source.info.bytes - 262144);
}

static void
of_an_encrypted_database_the_headers_must_stay_and_no_more_is_asked(void **state)
{
    uint8_t page[AKS_DUCKDB_PAGE_BYTES];
    int fd = open(source.path, O_RDONLY);

    assert_int_equal(pread(fd, page, sizeof(page), 0), sizeof(page));
    assert_int_equal(close(fd), 0);
    page[20] |= 1;
    seal(page);
    patch(source.path, 0, page, sizeof(page));
    patch(source.path, 5000, "secret", 6);
    patch(source.path, AKS_DUCKDB_HEADERS_BYTES + 5000, "secret", 6);
    must_take();
    assert_string_equal(snapshot.method, "seqlock");
}

static enum aks_status
no_room(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *error)
{
    *ret_bytes = AKS_SNAPSHOT_MARGIN_BYTES;
    return AKS_OK;
}

/* Another process that has the database open for writing, as DuckDB does. */
static pid_t
writer_begins(int *ret_fd)
{
    int way[2];
    pid_t child;
    char byte;

    assert_int_equal(pipe(way), 0);
    child = fork();
    if (child == 0) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = open(source.path, O_RDWR);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0 || write(way[1], "x", 1) != 1)
            _exit(1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(close(way[1]), 0);
    assert_int_equal(read(way[0], &byte, 1), 1);
    *ret_fd = way[0];
    return child;
}

static void
writer_ends(pid_t child, int fd)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(close(fd), 0);
}

static void
a_writer_is_seen_and_without_room_only_a_database_at_rest_is_read_in_place(void **state)
{
    pid_t child;
    int fd;

    (void)put_wal("a commit");
    age(temp_folder_join(folder, NAME ".wal"));
    child = writer_begins(&fd);
    must_take();
    assert_true(snapshot.writer);
    assert_int_equal(aks_snapshot_remove(&port, &snapshot, &err), AKS_OK);
    port.files.free_bytes = no_room;
    assert_int_equal(take(), AKS_NO_SPACE);
    assert_non_null(strstr(err.message, "no room for a copy"));
    writer_ends(child, fd);
    must_take();
    assert_true(snapshot.in_place);
    assert_string_equal(snapshot.method, "identity");
    assert_string_equal(snapshot.files[AKS_SNAPSHOT_WAL].path,
        temp_folder_join(folder, NAME ".wal"));
    assert_true(aks_snapshot_still(&port, &snapshot));
}

static enum aks_status
short_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *error)
{
    return real_files->read(file, offset, data, len < 5000 ? len : 5000, ret_len, error);
}

static void
short_reads_are_read_on(void **state)
{
    port.files.read = short_read;
    must_take();
    assert_int_equal(snapshot.files[AKS_SNAPSHOT_MAIN].bytes, source.info.bytes);
}

static void
a_wal_that_is_a_link_is_not_followed(void **state)
{
    assert_int_equal(symlink("/etc/passwd", temp_folder_join(folder, NAME ".wal")), 0);
    assert_int_equal(take(), AKS_SOURCE_UNREADABLE);
    assert_non_null(strstr(err.message, "no regular file"));
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
    (void)put_wal("a commit");
    options.wait_ms = 0;
    failing_alloc_loop(take_with, NULL, 300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(main_and_wal_are_copied_the_wal_first_and_nothing_is_locked),
        TEST(a_copy_across_a_checkpoint_is_thrown_away),
        TEST(a_wal_that_grows_is_taken_and_one_that_goes_is_not),
        TEST(a_source_that_is_replaced_meanwhile_is_copied_anew),
        TEST(a_checkpoint_that_was_cut_off_is_waited_for_and_told),
        TEST(a_block_that_does_not_hold_is_an_error_where_nobody_was_writing),
        TEST(headers_that_do_not_hold_are_an_error),
        TEST(a_file_that_is_shorter_than_its_headers_say_is_taken),
        TEST(of_an_encrypted_database_the_headers_must_stay_and_no_more_is_asked),
        TEST(a_writer_is_seen_and_without_room_only_a_database_at_rest_is_read_in_place),
        TEST(short_reads_are_read_on),
        TEST(a_wal_that_is_a_link_is_not_followed),
        TEST(without_memory_it_is_not_taken),
    };

    return cmocka_run_group_tests_name("snapshot_duckdb", tests, NULL, NULL);
}
