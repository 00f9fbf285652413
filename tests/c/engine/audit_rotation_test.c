/* The audit log in several files: with small bounds, as it is with large ones. */
#include "base/rng.h"
#include "engine/audit_chain.h"
#include "engine/audit_read.h"
#include "os/os.h"
#include "support/faulty_files.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALL_FILE 2000
#define FILES_KEPT 3

static struct aks_os *os;
static struct aks_port port;
static struct temp_folder *folder;
static struct aks_error err;
/* What a state would remember, whether it can, and whether it is asked. */
static struct aks_audit_mark remembered;
static enum aks_status memory = AKS_OK;
static bool knows;
static enum aks_audit_told told;

static int
setup(void **state)
{
    folder = temp_folder_new();
    memset(&remembered, 0, sizeof(remembered));
    memory = AKS_OK;
    knows = false;
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK)
        return -1;
    port = *aks_os_port(os);
    return 0;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    temp_folder_free(folder);
    return 0;
}

struct whole {
    struct aks_audit_chain chain;
};

static enum aks_status
check_line(void *ctx, const char *file, int64_t number, const char *text, size_t len, bool ended,
    struct aks_error *ret_err)
{
    struct whole *whole = ctx;

    aks_audit_chain_line(&whole->chain, file, number, text, len, ended, NULL, NULL);
    return AKS_OK;
}

/* What the log is by the verifier of the program; *ret_files tells how many files it has. */
static struct aks_audit_fault
verdict(int64_t *ret_files, int64_t *ret_records)
{
    struct whole whole;
    struct aks_audit_read read = { .port = &port, .folder = temp_folder_path(folder),
        .line = check_line, .ctx = &whole };

    assert_int_equal(aks_audit_chain_init(&whole.chain, port.alloc, NULL, "", &err), AKS_OK);
    if (aks_audit_read(&read, &err) != AKS_OK)
        fail_msg("%s", err.message);
    aks_audit_chain_removal(&whole.chain, &(struct aks_audit_removal){ .known = knows,
        .seq = remembered.seq, .since_seq = 0 });
    memcpy(whole.chain.removal.digest, remembered.digest, sizeof(remembered.digest));
    aks_audit_chain_end(&whole.chain);
    told = whole.chain.told;
    aks_audit_chain_fini(&whole.chain);
    if (ret_files != NULL)
        *ret_files = read.files;
    if (ret_records != NULL)
        *ret_records = whole.chain.last.seq;
    return whole.chain.fault;
}

static void
assert_fits(void)
{
    struct aks_audit_fault fault = verdict(NULL, NULL);

    if (fault.kind != AKS_AUDIT_FITS)
        fail_msg("%s line %lld: %s: %s", fault.place.file, (long long)fault.place.line,
            aks_audit_fault_name(fault.kind), fault.why);
}

/* Before a file goes: what is behind the last removal is still there. */
static enum aks_status
remember(void *ctx, const struct aks_audit_mark *removed)
{
    char name[64];

    if (memory != AKS_OK)
        return memory;
    assert_true(removed->seq > remembered.seq);
    assert_true(removed->found_seq > removed->seq);
    (void)snprintf(name, sizeof(name), "audit-%012lld.jsonl", (long long)remembered.seq + 1);
    if (knows)
        assert_int_equal(access(temp_folder_join(folder, name), F_OK), 0);
    remembered = *removed;
    return AKS_OK;
}

static enum aks_status
append_small(const struct aks_port *ports, int count)
{
    enum aks_status status = AKS_OK;

    for (int i = 0; i < count && status == AKS_OK; i++) {
        struct aks_audit *audit = NULL;

        status = aks_audit_open(ports, temp_folder_path(folder), &audit, &err);
        if (status != AKS_OK)
            break;
        aks_audit_bound(audit, SMALL_FILE, FILES_KEPT);
        aks_audit_memory(audit, remember, NULL);
        status = aks_audit_append(audit, "small", NULL, &err);
        aks_audit_close(audit);
    }
    return status;
}

static void
audit_goes_on_in_another_file_with_the_same_chain(void **state)
{
    struct aks_audit_fault fault;
    int64_t files;
    int64_t records;
    char *first;

    assert_int_equal(append_small(&port, 40), AKS_OK);
    assert_int_equal(verdict(&files, &records).kind, AKS_AUDIT_FITS);
    assert_in_range(files, 3, FILES_KEPT + 1);
    assert_int_equal(records, 40 + files - 1);
    first = temp_folder_read(folder, "audit-000000000001.jsonl", NULL);
    assert_non_null(first);
    free(first);

    /* The oldest go away, and the log says so. */
    assert_int_equal(append_small(&port, 200), AKS_OK);
    assert_int_equal(verdict(&files, &records).kind, AKS_AUDIT_FITS);
    assert_int_equal(files, FILES_KEPT + 1);
    assert_int_equal(access(temp_folder_join(folder, "audit-000000000001.jsonl"), F_OK), -1);

    /* One more goes away, and nothing says so. */
    for (int seq = 1; seq < 400; seq++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "audit-%012d.jsonl", seq);
        if (unlink(temp_folder_join(folder, name)) == 0)
            break;
    }
    fault = verdict(&files, NULL);
    assert_int_equal(files, FILES_KEPT);
    assert_int_equal(fault.kind, AKS_AUDIT_DROPPED);
    assert_int_equal(fault.place.line, 1);
    assert_non_null(strstr(fault.why, "nothing in it says"));
}

/* Nothing goes that is not remembered before, and then it is proven. */
static void
audit_removes_only_what_is_remembered(void **state)
{
    int64_t files;

    knows = true;
    memory = AKS_NO_SPACE;
    assert_int_equal(append_small(&port, 120), AKS_OK);
    assert_int_equal(verdict(&files, NULL).kind, AKS_AUDIT_FITS);
    assert_true(files > FILES_KEPT + 1);
    assert_int_equal(told, AKS_AUDIT_TOLD_BY_NOBODY);
    memory = AKS_OK;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(append_small(&port, 5), AKS_OK);
        assert_fits();
    }
    assert_int_equal(verdict(&files, NULL).kind, AKS_AUDIT_FITS);
    assert_int_equal(files, FILES_KEPT + 1);
    assert_int_equal(told, AKS_AUDIT_TOLD_BY_STATE);
    /* The memory is of what happens next, or is lost. */
    remembered.seq += 5;
    assert_fits();
    knows = false;
    assert_fits();
    assert_int_equal(told, AKS_AUDIT_TOLD_BY_LOG);
    knows = true;
    remembered.seq = 1;
    assert_int_equal(verdict(NULL, NULL).kind, AKS_AUDIT_DROPPED);
}

/* The newest file is gone, or empty, or its first record is torn: the chain goes on. */
static void
audit_goes_on_wherever_a_crash_stopped_a_rotation(void **state)
{
    const char *path = temp_folder_join(folder, "audit.jsonl");

    assert_int_equal(append_small(&port, 9), AKS_OK);
    for (int round = 0; round < 4; round++) {
        char name[64];
        int64_t records;

        assert_int_equal(verdict(NULL, &records).kind, AKS_AUDIT_FITS);
        /* As if the file had just reached its bound. */
        (void)snprintf(name, sizeof(name), "audit-%012d.jsonl", round == 0 ? 1 : 0);
        if (round == 0) {
            assert_int_equal(rename(path, temp_folder_join(folder, name)), 0);
        } else {
            assert_int_equal(unlink(path), 0);
            if (round == 2)
                (void)temp_folder_write(folder, "audit.jsonl", "", 0);
            if (round == 3)
                (void)temp_folder_write(folder, "audit.jsonl", "{\"seq\":11,\"pre", 14);
        }
        assert_fits();
        assert_int_equal(append_small(&port, 1), AKS_OK);
        assert_fits();
    }
}

/* Whatever call fails, with or without the power going, while files change their names. */
static void
audit_rotates_after_any_failure(void **state)
{
    struct faulty_files faulty;

    faulty_files_init(&faulty, &port.files, AKS_NO_SPACE);
    for (int dead = 0; dead < 2; dead++) {
        for (int64_t call = 0; call < 160; call++) {
            struct aks_port failing = port;

            failing.files = faulty.files;
            faulty_files_arm(&faulty, call, dead != 0);
            (void)append_small(&failing, 9);
            faulty_files_arm(&faulty, -1, false);
            assert_fits();
            assert_int_equal(append_small(&port, 1), AKS_OK);
            assert_fits();
        }
    }
}

/* Processes that do nothing but append, and rotate all the time, are killed. AKS_AUDIT_KILLS: how
 * often. */
static void
audit_verifies_whenever_its_writers_are_killed(void **state)
{
    const char *wanted = getenv("AKS_AUDIT_KILLS");
    int kills = wanted != NULL ? atoi(wanted) : 60;
    struct aks_rng rng;
    int64_t records;

    aks_rng_init(&rng, 29);
    for (int i = 0; i < kills; i++) {
        pid_t pids[2];

        for (int j = 0; j < 2; j++) {
            pids[j] = fork();
            if (pids[j] == 0)
                _exit(append_small(&port, 1000000) == AKS_OK ? 0 : 1);
        }
        (void)usleep((useconds_t)(aks_rng_next(&rng) % 20000));
        for (int j = 0; j < 2; j++) {
            (void)kill(pids[j], SIGKILL);
            assert_int_equal(waitpid(pids[j], NULL, 0), pids[j]);
        }
        assert_fits();
    }
    assert_int_equal(append_small(&port, 1), AKS_OK);
    assert_int_equal(verdict(NULL, &records).kind, AKS_AUDIT_FITS);
    print_message("%d kills, %lld records\n", kills, (long long)records);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(audit_goes_on_in_another_file_with_the_same_chain),
        TEST(audit_removes_only_what_is_remembered),
        TEST(audit_goes_on_wherever_a_crash_stopped_a_rotation),
        TEST(audit_rotates_after_any_failure),
        TEST(audit_verifies_whenever_its_writers_are_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
