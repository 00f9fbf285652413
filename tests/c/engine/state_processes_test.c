#include "support/temp_folder.h"
#include "state_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 20

/* Starts ${count} processes, lets them go all at once, and asserts that each ends with 0. */
static void
run_processes(int count, int (*body)(int number))
{
    int start[2];
    pid_t pids[PROCESSES];
    int failed = 0;
    int result;

    assert_int_equal(pipe(start), 0);
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            char byte;

            (void)close(start[1]);
            _exit(read(start[0], &byte, 1) == 0 ? body(i) : 99);
        }
    }
    (void)close(start[0]);
    (void)close(start[1]);
    for (int i = 0; i < count; i++) {
        assert_int_equal(waitpid(pids[i], &result, 0), pids[i]);
        failed += !WIFEXITED(result) || WEXITSTATUS(result) != 0;
    }
    assert_int_equal(failed, 0);
}

static int
tell(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, err.message);
    return 1;
}

static int
make_and_write(int number)
{
    struct aks_state *opened = NULL;
    char source[32];
    struct aks_stored row;

    if (try_open(&opened) != AKS_OK)
        return tell("open");
    for (int i = 0; i < 5; i++) {
        (void)snprintf(source, sizeof(source), "/%d/%d", number, i);
        row = row_of(source, i);
        if (aks_state_stored_put(opened, T, &row, 1, &err) != AKS_OK)
            return tell("put");
        if (aks_state_breaker_failed(opened, T, NOW, AKS_SERVER, -1, &err) != AKS_OK)
            return tell("breaker");
        if (aks_state_run_put(opened, "run", NOW, "stored", "{}", &err) != AKS_OK)
            return tell("run");
    }
    aks_state_close(opened);
    return 0;
}

static void
state_is_made_by_twenty_processes_at_once_and_loses_nothing(void **state)
{
    struct aks_breaker breaker;
    struct aks_state *opened;

    run_processes(PROCESSES, make_and_write);
    assert_int_equal(raw("SELECT count(*) FROM stored"), PROCESSES * 5);
    assert_int_equal(raw("SELECT count(*) FROM runs"), PROCESSES * 5);
    opened = open_state();
    assert_int_equal(aks_state_breaker_get(opened, T, NOW, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.failures, PROCESSES * 5);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static int
only_make(int number)
{
    struct aks_state *opened = NULL;

    if (try_open(&opened) != AKS_OK)
        return tell("open");
    aks_state_close(opened);
    return 0;
}

static void
state_is_made_at_once_by_many_again_and_again(void **state)
{
    for (int i = 0; i < 10; i++) {
        run_processes(8, only_make);
        assert_int_equal(raw("PRAGMA user_version"), AKS_STATE_VERSION);
        (void)unlink(temp_folder_join(folder, "state.db"));
        (void)unlink(temp_folder_join(folder, "state.db-wal"));
        (void)unlink(temp_folder_join(folder, "state.db-shm"));
    }
}

/* Puts batches of ten rows that all carry the batch's number, and says each number when it is
 * kept. */
static void
write_batches(int told)
{
    struct aks_state *opened = open_state();

    for (unsigned char batch = 1; batch < 255; batch++) {
        char names[10][16];
        struct aks_stored rows[10];

        for (int i = 0; i < 10; i++) {
            (void)snprintf(names[i], sizeof(names[i]), "/%d", i);
            rows[i] = row_of(names[i], batch);
        }
        if (aks_state_stored_put(opened, T, rows, 10, &err) != AKS_OK ||
            write(told, &batch, 1) != 1)
            _exit(1);
    }
    _exit(0);
}

static void
state_keeps_whole_batches_when_its_process_is_killed(void **state)
{
    for (int round = 0; round < 5; round++) {
        int told[2];
        unsigned char batch = 0;
        int result;
        pid_t pid;

        assert_int_equal(pipe(told), 0);
        pid = fork();
        if (pid == 0)
            write_batches(told[1]);
        (void)close(told[1]);
        for (int i = 0; i < 3 + round * 7; i++)
            assert_int_equal(read(told[0], &batch, 1), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (read(told[0], &batch, 1) == 1)
            continue;
        (void)close(told[0]);
        assert_int_equal(waitpid(pid, &result, 0), pid);

        assert_int_equal(raw("SELECT count(*) FROM stored"), 10);
        assert_int_equal(raw("SELECT count(DISTINCT bytes) FROM stored"), 1);
        assert_true(raw("SELECT min(bytes) FROM stored") >= batch);
    }
}

/* Returns 0 if the rows met the end of the space, as the file size limit plays it. */
static int
fill_up(int number)
{
    struct rlimit limit = { 160 * 1024, 160 * 1024 };
    struct aks_state *opened = NULL;
    enum aks_status status = AKS_OK;

    if (try_open(&opened) != AKS_OK)
        return tell("open");
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    for (int i = 0; i < 1000 && status == AKS_OK; i++) {
        char source[32];
        struct aks_stored row;

        (void)snprintf(source, sizeof(source), "/%d", i);
        row = row_of(source, i);
        status = aks_state_stored_put(opened, T, &row, 1, &err);
    }
    if (status != AKS_NO_SPACE || strlen(err.hint) == 0)
        return tell("put");
    aks_state_close(opened);
    return 0;
}

/* There is room for nothing, not even for SQLite's shared memory. */
static int
open_without_room(int number)
{
    struct rlimit limit = { 4096, 4096 };
    struct aks_state *opened = NULL;

    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    if (try_open(&opened) != AKS_NO_SPACE || strstr(err.message, "no space left") == NULL)
        return tell("open");
    return 0;
}

static void
state_that_cannot_be_opened_for_want_of_room_says_so(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_stored row = row_of("/before", 1);

    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    aks_state_close(opened);
    assert_int_equal(unlink(temp_folder_join(folder, "state.db-shm")), 0);
    run_processes(1, open_without_room);
    (void)unlink(temp_folder_join(folder, "state.db-shm"));
    opened = open_state();
    assert_null(aks_state_aside(opened));
    aks_state_close(opened);
}

static void
state_tells_a_full_disk_and_keeps_what_it_had(void **state)
{
    struct aks_state *opened;
    struct aks_stored row = row_of("/before", 1);
    struct aks_stored got;
    int64_t rows;

    run_processes(1, fill_up);
    rows = raw("SELECT count(*) FROM stored");
    assert_in_range(rows, 5, 999);
    opened = open_state();
    assert_int_equal(aks_state_stored_get(opened, T, "/4", &got, &err), AKS_OK);
    aks_stored_fini(aks_alloc_system(), &got);
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT count(*) FROM stored"), rows + 1);
}

static void
state_does_not_wait_for_ever_for_another_process(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_stored row = row_of("/a", 1);
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(temp_folder_join(folder, "state.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "another process"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    (void)sqlite3_close(other);
    aks_state_close(opened);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_is_made_by_twenty_processes_at_once_and_loses_nothing),
        TEST(state_is_made_at_once_by_many_again_and_again),
        TEST(state_keeps_whole_batches_when_its_process_is_killed),
        TEST(state_that_cannot_be_opened_for_want_of_room_says_so),
        TEST(state_tells_a_full_disk_and_keeps_what_it_had),
        TEST(state_does_not_wait_for_ever_for_another_process),
    };

    return cmocka_run_group_tests_name("state_processes", tests, NULL, NULL);
}
