/* Snapshots of SQLite databases beside another process that has them open: locks of one process do
 * not see each other. */
#include "snapshot_fixture.h"
#include "support/failing_alloc.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NAME "memory.db"
#define ROWS 400

/* The other process: does what it is told, a step for each byte that it gets. */
struct other {
    pid_t child;
    int to;
    int from;
};

static sqlite3 *theirs;

static void
sql(const char *text)
{
    if (sqlite3_exec(theirs, text, NULL, NULL, NULL) != SQLITE_OK)
        _exit(1);
}

static void
fill_rows(void)
{
    sql("CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
    sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
        " INSERT INTO t SELECT i, hex(zeroblob(500)) FROM n");
}

static void
child_runs(void (*const *steps)(void), int in, int out)
{
    char byte;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sqlite3_open(temp_folder_join(folder, NAME), &theirs) != SQLITE_OK ||
        sqlite3_busy_timeout(theirs, 1000) != SQLITE_OK)
        _exit(1);
    while (read(in, &byte, 1) == 1) {
        (*steps++)();
        if (write(out, "x", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

/* ${steps} ends with NULL. */
static struct other
begin(void (*const *steps)(void))
{
    struct other other;
    int to[2];
    int from[2];

    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    other.child = fork();
    if (other.child == 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        child_runs(steps, to[0], from[1]);
    }
    assert_int_equal(close(to[0]), 0);
    assert_int_equal(close(from[1]), 0);
    other.to = to[1];
    other.from = from[0];
    return other;
}

static void
step(const struct other *other)
{
    char byte;

    assert_int_equal(write(other->to, "x", 1), 1);
    assert_int_equal(read(other->from, &byte, 1), 1);
}

/* It is killed: nothing is closed in peace. */
static void
end(const struct other *other)
{
    assert_int_equal(kill(other->child, SIGKILL), 0);
    assert_int_equal(waitpid(other->child, NULL, 0), other->child);
    assert_int_equal(close(other->to), 0);
    assert_int_equal(close(other->from), 0);
}

static void
in_wal_mode(void)
{
    sql("PRAGMA journal_mode = WAL");
    fill_rows();
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
}

static void
in_rollback_mode(void)
{
    fill_rows();
}

static void
add_one(void)
{
    sql("INSERT INTO t (text) VALUES ('more')");
}

static void
begin_immediate(void)
{
    sql("BEGIN IMMEDIATE");
    sql("DELETE FROM t WHERE i > 10");
}

static void
begin_exclusive(void)
{
    sql("BEGIN EXCLUSIVE");
    sql("DELETE FROM t WHERE i > 10");
}

static void
commit(void)
{
    sql("COMMIT");
}

/* So many pages that some are in the main file before the commit. */
static void
spill(void)
{
    sql("PRAGMA cache_size = 5");
    sql("BEGIN IMMEDIATE");
    sql("UPDATE t SET text = text || 'changed'");
}

static void
close_it(void)
{
    (void)sqlite3_close(theirs);
    theirs = NULL;
}

static void
exclusive_mode(void)
{
    sql("PRAGMA locking_mode = EXCLUSIVE");
    sql("PRAGMA journal_mode = WAL");
    fill_rows();
}

/* Which of the database's files there are. */
static void
names_of(char ret[512])
{
    static const char *const names[] = { NAME, NAME "-wal", NAME "-shm", NAME "-journal" };
    size_t len = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (there(temp_folder_join(folder, names[i])))
            len += (size_t)snprintf(ret + len, 512 - len, "%s ", names[i]);
    }
}

/* Opens a copy of the snapshot elsewhere: its rows, or -1 if it does not hold together. */
static int64_t
rows_of_snapshot(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t rows = -1;
    size_t len;
    char *data = temp_folder_read(folder, "snapshots/job-1/main", &len);

    (void)temp_folder_write(folder, "look.db", data, len);
    free(data);
    (void)unlink(temp_folder_join(folder, "look.db-wal"));
    if (snapshot.files[AKS_SNAPSHOT_WAL].there) {
        data = temp_folder_read(folder, "snapshots/job-1/wal", &len);
        (void)temp_folder_write(folder, "look.db-wal", data, len);
        free(data);
    }
    assert_int_equal(sqlite3_open(temp_folder_join(folder, "look.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*), (SELECT group_concat(integrity_check)"
        " FROM pragma_integrity_check), sum(text LIKE '%changed') FROM t", -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    if (strcmp((const char *)sqlite3_column_text(stmt, 1), "ok") == 0 &&
        sqlite3_column_int64(stmt, 2) == 0)
        rows = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return rows;
}

static void
look_at_source(void)
{
    inspect(temp_folder_join(folder, NAME));
    assert_int_equal(source.kind, AKS_SOURCE_SQLITE);
}

static void
a_wal_that_is_open_is_copied_with_the_main_file(void **state)
{
    void (*const steps[])(void) = { in_wal_mode, add_one, add_one, NULL };
    struct other other = begin(steps);
    char before[512];
    char after[512];

    step(&other);
    step(&other);
    look_at_source();
    names_of(before);
    must_take();
    names_of(after);
    assert_string_equal(after, before);
    assert_string_equal(snapshot.method, "transaction");
    assert_true(snapshot.files[AKS_SNAPSHOT_WAL].there);
    assert_int_equal(rows_of_snapshot(), ROWS + 1);
    assert_true(aks_snapshot_still(&port, &snapshot));
    step(&other);
    assert_false(aks_snapshot_still(&port, &snapshot));
    end(&other);
}

static const struct aks_files *real_files;
static const struct other *acting;      /* takes a step before the next large read */
static unsigned copies;                 /* of the main file */

static enum aks_status
watched_open(void *ctx, const char *path, enum aks_file_open how, struct aks_file **ret_file,
    struct aks_error *error)
{
    if (how == AKS_FILE_CREATE && strcmp(strrchr(path, '/'), "/main") == 0)
        copies++;
    return real_files->open(ctx, path, how, ret_file, error);
}

static enum aks_status
watched_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *error)
{
    if (acting != NULL && len > 1000) {
        const struct other *other = acting;

        acting = NULL;
        step(other);
    }
    return real_files->read(file, offset, data, len, ret_len, error);
}

static void
checkpoint_it(void)
{
    sql("PRAGMA wal_checkpoint");
}

/* All of it is in the main file already: then a reader is not in the way of a writer who begins
 * the log anew, and what was copied of it would be some of the old and some of the new. */
static void
a_wal_that_is_begun_anew_while_it_is_copied_is_copied_again(void **state)
{
    void (*const steps[])(void) = { in_wal_mode, add_one, checkpoint_it, add_one, NULL };
    struct other other = begin(steps);

    step(&other);
    step(&other);
    step(&other);
    look_at_source();
    real_files = &aks_os_port(os)->files;
    port.files.open = watched_open;
    port.files.read = watched_read;
    acting = &other;
    copies = 0;
    must_take();
    assert_null(acting);
    assert_int_equal(copies, 2);
    assert_int_equal(rows_of_snapshot(), ROWS + 2);
    end(&other);
}

static void
at_rest_nothing_is_left_beside_it(void **state)
{
    void (*const steps[])(void) = { in_wal_mode, close_it, NULL };
    struct other other = begin(steps);
    char names[512];

    step(&other);
    step(&other);
    end(&other);
    look_at_source();
    must_take();
    names_of(names);
    assert_string_equal(names, NAME " ");
    assert_string_equal(snapshot.method, "identity");
    assert_false(snapshot.in_place);
    assert_false(snapshot.files[AKS_SNAPSHOT_WAL].there);
    assert_int_equal(rows_of_snapshot(), ROWS);
}

/* As after a crash and a copy by hand: a WAL, and no -shm that anybody could have open. */
static void
a_wal_that_nobody_has_open_is_copied_as_it_lies(void **state)
{
    void (*const steps[])(void) = { in_wal_mode, add_one, NULL };
    struct other other = begin(steps);
    char names[512];

    step(&other);
    step(&other);
    end(&other);
    assert_int_equal(unlink(temp_folder_join(folder, NAME "-shm")), 0);
    look_at_source();
    must_take();
    names_of(names);
    assert_string_equal(names, NAME " " NAME "-wal ");
    assert_int_equal(rows_of_snapshot(), ROWS + 1);
}

static void
in_rollback_mode_what_is_not_committed_is_not_in_it(void **state)
{
    void (*const steps[])(void) = { in_rollback_mode, begin_immediate, commit, NULL };
    struct other other = begin(steps);

    step(&other);
    step(&other);
    look_at_source();
    must_take();
    assert_string_equal(snapshot.method, "transaction");
    assert_true(snapshot.writer);
    assert_int_equal(rows_of_snapshot(), ROWS);
    step(&other);           /* it was not in the way */
    must_take();
    assert_int_equal(rows_of_snapshot(), 10);
    end(&other);
}

static void
one_that_is_locked_for_itself_is_waited_for_and_told(void **state)
{
    void (*const steps[])(void) = { in_rollback_mode, begin_exclusive, commit, NULL };
    struct other other = begin(steps);

    step(&other);
    step(&other);
    look_at_source();
    options.wait_ms = 100;
    assert_int_equal(take(), AKS_SOURCE_BUSY);
    assert_non_null(strstr(err.message, "leaves no moment"));
    assert_false(there(temp_folder_join(folder, "snapshots/job-1")));
    step(&other);
    must_take();
    assert_int_equal(rows_of_snapshot(), 10);
    end(&other);
}

static void
a_wal_of_somebody_who_is_alone_is_busy(void **state)
{
    void (*const steps[])(void) = { exclusive_mode, NULL };
    struct other other = begin(steps);

    step(&other);
    look_at_source();
    options.wait_ms = 60;
    assert_int_equal(take(), AKS_SOURCE_BUSY);
    end(&other);
    (void)usleep(30000);
    must_take();
    assert_int_equal(rows_of_snapshot(), ROWS);
}

static void
what_a_crash_left_half_done_is_rolled_back_in_the_copy_alone(void **state)
{
    void (*const steps[])(void) = { in_rollback_mode, spill, NULL };
    struct other other = begin(steps);
    size_t len[2];
    char *before;
    char *after;

    step(&other);
    step(&other);
    end(&other);
    age(temp_folder_join(folder, NAME));
    age(temp_folder_join(folder, NAME "-journal"));
    look_at_source();
    before = temp_folder_read(folder, NAME, &len[0]);
    must_take();
    after = temp_folder_read(folder, NAME, &len[1]);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(before, after, len[0]);
    free(before);
    free(after);
    assert_true(there(temp_folder_join(folder, NAME "-journal")));
    assert_false(there(temp_folder_join(folder, "snapshots/job-1/main-journal")));
    assert_string_equal(snapshot.method, "backup");
    assert_int_equal(rows_of_snapshot(), ROWS);
    assert_int_equal(aks_snapshot_reopen(&port, &snapshot, &err), AKS_OK);
}

/* Where SQLite may not read it, it is copied as it lies there; but never beside a journal, with
 * which half of a transaction may be in the main file, however long nothing has moved. */
static void
as_it_lies_there_nothing_is_copied_that_a_journal_says_is_half_written(void **state)
{
    void (*const steps[])(void) = { in_rollback_mode, spill, NULL };
    struct other other = begin(steps);

    step(&other);
    port.files.sqlite_vfs = "no-such-vfs";
    age(temp_folder_join(folder, NAME));
    look_at_source();
    must_take();
    assert_string_equal(snapshot.method, "identity");
    assert_int_equal(rows_of_snapshot(), ROWS);
    step(&other);
    end(&other);
    age(temp_folder_join(folder, NAME));
    age(temp_folder_join(folder, NAME "-journal"));
    look_at_source();
    options.wait_ms = 30;
    assert_int_equal(take(), AKS_SOURCE_BUSY);
    assert_false(there(temp_folder_join(folder, "snapshots/job-1/main")));
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
    return status == AKS_OK || status == AKS_LIMIT || status == AKS_SOURCE_CHANGED ||
        status == AKS_SOURCE_BUSY || status == AKS_SOURCE_UNREADABLE ? 0 : -1;
}

static void
without_memory_it_is_not_taken(void **state)
{
    void (*const steps[])(void) = { in_wal_mode, add_one, NULL };
    struct other other = begin(steps);

    step(&other);
    step(&other);
    look_at_source();
    options.wait_ms = 0;
    failing_alloc_loop(take_with, NULL, 300);
    end(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wal_that_is_open_is_copied_with_the_main_file),
        TEST(a_wal_that_is_begun_anew_while_it_is_copied_is_copied_again),
        TEST(at_rest_nothing_is_left_beside_it),
        TEST(a_wal_that_nobody_has_open_is_copied_as_it_lies),
        TEST(in_rollback_mode_what_is_not_committed_is_not_in_it),
        TEST(one_that_is_locked_for_itself_is_waited_for_and_told),
        TEST(a_wal_of_somebody_who_is_alone_is_busy),
        TEST(what_a_crash_left_half_done_is_rolled_back_in_the_copy_alone),
        TEST(as_it_lies_there_nothing_is_copied_that_a_journal_says_is_half_written),
        TEST(without_memory_it_is_not_taken),
    };

    return cmocka_run_group_tests_name("snapshot_sqlite", tests, NULL, NULL);
}
