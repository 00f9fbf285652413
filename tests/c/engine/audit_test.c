#include "engine/audit.h"

#include "base/encode.h"
#include "data/digest.h"
#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"
#include "support/temp_folder.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROCESSES 20
#define RECORDS 50
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static struct aks_os *os;
static struct aks_port port;
static struct temp_folder *folder;
static struct aks_error err;

static int
setup(void **state)
{
    folder = temp_folder_new();
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

static struct aks_audit *
open_audit(void)
{
    struct aks_audit *audit = NULL;

    if (aks_audit_open(&port, temp_folder_path(folder), &audit, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return audit;
}

static void
append(const char *event)
{
    struct aks_audit *audit = open_audit();

    if (aks_audit_append(audit, event, NULL, &err) != AKS_OK)
        fail_msg("%s", err.message);
    aks_audit_close(audit);
}

/* What a verifier found in the whole log. */
struct found {
    int lines;
    int healed;
    json_int_t seq;         /* of the last record */
    char head[65];          /* digest of the last line */
    char last_event[64];
};

/* One line: a record that holds the line before, or something that the record after it tells of. */
static void
verify_line(const char *line, size_t len, struct found *found, bool *spoilt)
{
    json_t *record = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *event = json_string_value(json_object_get(record, "event"));
    uint8_t digest[32];

    if (record == NULL || event == NULL) {
        *spoilt = true;
    } else {
        assert_string_equal(json_string_value(json_object_get(record, "prev")), found->head);
        assert_int_equal(json_integer_value(json_object_get(record, "seq")), found->seq + 1);
        assert_int_equal(strlen(json_string_value(json_object_get(record, "at"))), 24);
        if (*spoilt)
            assert_string_equal(event, "healed");
        *spoilt = false;
        found->healed += strcmp(event, "healed") == 0;
        found->seq++;
        (void)snprintf(found->last_event, sizeof(found->last_event), "%s", event);
    }
    json_decref(record);
    aks_sha256(line, len, digest);
    aks_hex_encode(digest, 32, found->head);
    found->lines++;
}

static struct found
verify(void)
{
    struct found found = { 0, 0, 0, ZEROS, "" };
    bool spoilt = false;
    size_t len;
    char *log = temp_folder_read(folder, "audit.jsonl", &len);

    for (size_t start = 0; start < len;) {
        const char *end = memchr(log + start, '\n', len - start);

        assert_non_null(end);
        verify_line(log + start, (size_t)(end - log) - start, &found, &spoilt);
        start = (size_t)(end - log) + 1;
    }
    assert_false(spoilt);
    free(log);
    return found;
}

static void
audit_records_hold_the_line_before_each(void **state)
{
    struct aks_audit *audit = open_audit();
    json_t *fields = json_pack("{s:s, s:i, s:{s:b}}", "key", "line\nend \xe2\x82\xac", "bytes", 5,
        "more", "yes", 1);
    struct stat info;
    struct found found;
    char head[65];
    size_t len;
    char *log;

    assert_int_equal(stat(temp_folder_join(folder, "audit.jsonl"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(aks_audit_head(audit, head, &err), AKS_OK);
    assert_string_equal(head, ZEROS);
    assert_int_equal(aks_audit_append(audit, "stored", fields, &err), AKS_OK);
    assert_int_equal(aks_audit_append(audit, "run", NULL, &err), AKS_OK);
    json_decref(fields);
    found = verify();
    assert_int_equal(found.lines, 2);
    assert_int_equal(found.seq, 2);
    assert_int_equal(aks_audit_head(audit, head, &err), AKS_OK);
    assert_string_equal(head, found.head);
    aks_audit_close(audit);
    log = temp_folder_read(folder, "audit.jsonl", &len);
    assert_memory_equal(log, "{\"seq\":1,\"prev\":\"" ZEROS "\",\"at\":\"2", 90);
    assert_non_null(strstr(log,
        "\",\"event\":\"stored\",\"key\":\"line\\nend \xe2\x82\xac\",\"bytes\":5,"
        "\"more\":{\"yes\":true}}\n"));
    free(log);
}

static void
audit_finds_the_last_line_however_long_it_is(void **state)
{
    static const size_t lengths[] = { 3900, 4000, 4096, 4200, 8192, 65000 };
    struct aks_audit *audit = open_audit();
    char *text = malloc(AKS_AUDIT_RECORD_BYTES_MAX);
    struct stat before;
    struct stat after;
    json_t *fields;

    assert_non_null(text);
    for (size_t i = 0; i < 200 + sizeof(lengths) / sizeof(lengths[0]); i++) {
        /* Two hundred that go over the size of the piece which is read first byte by byte. */
        size_t len = i < 200 ? 3850 + i : lengths[i - 200];

        memset(text, 'x', len);
        text[len] = '\0';
        fields = json_pack("{s:s}", "text", text);
        assert_int_equal(aks_audit_append(audit, "long", fields, &err), AKS_OK);
        json_decref(fields);
    }
    assert_int_equal(verify().lines, 206);

    /* One byte over the bound, and not a byte of it is written. */
    assert_int_equal(stat(temp_folder_join(folder, "audit.jsonl"), &before), 0);
    memset(text, 'x', AKS_AUDIT_RECORD_BYTES_MAX - 1);
    text[AKS_AUDIT_RECORD_BYTES_MAX - 1] = '\0';
    fields = json_pack("{s:s}", "text", text);
    assert_int_equal(aks_audit_append(audit, "long", fields, &err), AKS_LIMIT);
    json_decref(fields);
    assert_int_equal(stat(temp_folder_join(folder, "audit.jsonl"), &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    fields = json_pack("{s:s}", "prev", "forged");
    assert_int_equal(aks_audit_append(audit, "forged", fields, &err), AKS_INTERNAL);
    json_decref(fields);
    aks_audit_close(audit);
    free(text);
}

/* The longest record there can be is found again, and so is the one before. */
static void
audit_takes_a_record_of_exactly_the_bound(void **state)
{
    struct aks_audit *audit = open_audit();
    size_t fits = 0;
    json_t *fields;
    char *text;

    for (size_t len = AKS_AUDIT_RECORD_BYTES_MAX - 200; len < AKS_AUDIT_RECORD_BYTES_MAX; len++) {
        enum aks_status status;

        text = malloc(len + 1);
        assert_non_null(text);
        memset(text, 'x', len);
        text[len] = '\0';
        fields = json_pack("{s:s}", "t", text);
        status = aks_audit_append(audit, "e", fields, &err);
        json_decref(fields);
        free(text);
        if (status != AKS_OK) {
            assert_int_equal(status, AKS_LIMIT);
            break;
        }
        fits++;
    }
    assert_in_range(fits, 10, 199);
    assert_int_equal(aks_audit_append(audit, "after", NULL, &err), AKS_OK);
    assert_int_equal(verify().lines, fits + 1);
    aks_audit_close(audit);
}

/* A log that ends anywhere, as a crash leaves it, goes on with a chain that holds. */
static void
audit_heals_a_log_that_is_torn_anywhere(void **state)
{
    size_t second;
    size_t len;
    char *log;

    append("first");
    second = strlen(log = temp_folder_read(folder, "audit.jsonl", NULL));
    free(log);
    append("second");
    log = temp_folder_read(folder, "audit.jsonl", &len);
    for (size_t cut = 1; cut <= len; cut++) {
        /* With or without its line end. */
        bool whole = cut == second || cut == second - 1 || cut == len || cut == len - 1;
        struct found found;

        (void)temp_folder_write(folder, "audit.jsonl", log, cut);
        append("after");
        found = verify();
        assert_int_equal(found.healed, whole ? 0 : 1);
        assert_string_equal(found.last_event, "after");
    }
    free(log);
}

/* The healing itself may be torn, again and again; and zeros may stand where data should. */
static void
audit_heals_what_was_torn_while_it_healed(void **state)
{
    static const char zeros[300];
    struct found found;
    size_t len;
    char *log;

    append("first");
    for (int i = 0; i < 5; i++) {
        char *torn;

        log = temp_folder_read(folder, "audit.jsonl", &len);
        torn = malloc(len + 40);
        assert_non_null(torn);
        memcpy(torn, log, len);
        memcpy(torn + len, i == 0 ? "{\"seq\":2,\"prev\":\"00" : "\n{\"seq\":2,\"prev\":\"0", 19);
        (void)temp_folder_write(folder, "audit.jsonl", torn, len + 19);
        free(torn);
        free(log);
    }
    log = temp_folder_read(folder, "audit.jsonl", &len);
    log = realloc(log, len + sizeof(zeros) + 1);
    assert_non_null(log);
    memcpy(log + len, zeros, sizeof(zeros));
    log[len + sizeof(zeros)] = '\n';
    (void)temp_folder_write(folder, "audit.jsonl", log, len + sizeof(zeros) + 1);
    free(log);
    append("after");
    found = verify();
    assert_int_equal(found.healed, 1);
    assert_int_equal(found.seq, 3);
}

static void
assert_damaged(const void *log, size_t len)
{
    struct aks_audit *audit = NULL;
    char head[65];
    size_t after;
    char *left;

    (void)temp_folder_write(folder, "audit.jsonl", log, len);
    audit = open_audit();
    assert_int_equal(aks_audit_append(audit, "x", NULL, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "damaged"));
    assert_non_null(strstr(err.hint, "move it away"));
    assert_int_equal(aks_audit_head(audit, head, &err), AKS_STATE);
    aks_audit_close(audit);
    left = temp_folder_read(folder, "audit.jsonl", &after);
    assert_int_equal(after, len);
    assert_memory_equal(left, log, len);
    free(left);
}

static void
audit_does_not_touch_what_no_crash_has_done(void **state)
{
    size_t len = 2 * AKS_AUDIT_RECORD_BYTES_MAX;
    char *log = malloc(len);

    assert_non_null(log);
    memset(log, '\n', len);
    assert_damaged(log, len);
    assert_damaged("no\nlog\nof\nours\nat\nall\nbut\nlines\nof\ntext\n", 40);
    memset(log, 'x', len);
    assert_damaged(log, len);
    log[len - 1] = '\n';
    assert_damaged(log, len);
    free(log);
}

static void
audit_refuses_what_is_no_file(void **state)
{
    struct aks_audit *audit = NULL;

    assert_int_equal(aks_audit_open(&port, temp_folder_join(folder, "none"), &audit, &err),
        AKS_STATE);
    assert_non_null(strstr(err.hint, "--state"));
    assert_int_equal(symlink("/dev/null", temp_folder_join(folder, "audit.jsonl")), 0);
    assert_int_equal(aks_audit_open(&port, temp_folder_path(folder), &audit, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "symbolic link"));
    assert_int_equal(unlink(temp_folder_join(folder, "audit.jsonl")), 0);
    assert_int_equal(mkdir(temp_folder_join(folder, "audit.jsonl"), 0700), 0);
    assert_int_equal(aks_audit_open(&port, temp_folder_path(folder), &audit, &err), AKS_STATE);
    assert_null(audit);
}

/* Whatever call fails, with or without the power going: either the record was promised and is
 * there, or the log can be gone on with. */
static void
audit_goes_on_after_any_failure(void **state)
{
    struct faulty_files faulty;

    faulty_files_init(&faulty, &port.files, AKS_NO_SPACE);
    append("first");
    for (int dead = 0; dead < 2; dead++) {
        enum aks_status status = AKS_STATE;

        for (int64_t call = 0; status != AKS_OK; call++) {
            struct aks_port failing = port;
            struct aks_audit *audit = NULL;
            json_int_t seq = verify().seq;

            assert_true(call < 30);
            failing.files = faulty.files;
            faulty_files_arm(&faulty, -1, false);
            assert_int_equal(aks_audit_open(&failing, temp_folder_path(folder), &audit, &err),
                AKS_OK);
            faulty_files_arm(&faulty, call, dead != 0);
            status = aks_audit_append(audit, "tried", NULL, &err);
            assert_true(status == AKS_OK || status == AKS_NO_SPACE);
            aks_audit_close(audit);
            if (status != AKS_OK && dead == 0)
                assert_int_equal(verify().seq, seq);
            append("after");
            assert_string_equal(verify().last_event, "after");
        }
    }
    assert_true(verify().healed > 0);
}

static void
audit_tells_a_full_disk(void **state)
{
    int result;
    pid_t pid;

    append("first");
    pid = fork();
    if (pid == 0) {
        struct rlimit limit = { 1000, 1000 };
        struct aks_audit *audit = open_audit();
        enum aks_status status = AKS_OK;

        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(1);
        for (int i = 0; i < 100 && status == AKS_OK; i++)
            status = aks_audit_append(audit, "one more", NULL, &err);
        _exit(status == AKS_NO_SPACE && err.hint[0] != '\0' ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &result, 0), pid);
    assert_int_equal(result, 0);
    assert_int_equal(verify().healed, 0);
    append("after");
    assert_in_range(verify().lines, 5, 10);
}

static void
audit_waits_for_another_process_and_not_for_ever(void **state)
{
    const struct aks_files *files = &port.files;
    struct aks_audit *audit = open_audit();
    struct aks_file *file = NULL;

    assert_int_equal(files->open(files->ctx, temp_folder_join(folder, "audit.jsonl"),
        AKS_FILE_APPEND, &file, &err), AKS_OK);
    assert_int_equal(files->lock_wait(file, 0, &err), AKS_OK);
    assert_int_equal(aks_audit_append(audit, "x", NULL, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "another process"));
    files->close(file);
    assert_int_equal(aks_audit_append(audit, "x", NULL, &err), AKS_OK);
    aks_audit_close(audit);
}

static void
audit_holds_under_twenty_processes_at_once(void **state)
{
    pid_t pids[PROCESSES];
    int failed = 0;
    struct found found;
    int result;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct aks_audit *audit = open_audit();
            json_t *fields = json_pack("{s:i}", "process", i);

            /* On a slow disk some do not get the lock in time: no failure of the chain. */
            for (int j = 0; j < RECORDS;) {
                if (aks_audit_append(audit, "record", fields, &err) == AKS_OK)
                    j++;
                else if (strstr(err.message, "another process") == NULL)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &result, 0), pids[i]);
        failed += !WIFEXITED(result) || WEXITSTATUS(result) != 0;
    }
    assert_int_equal(failed, 0);
    found = verify();
    assert_int_equal(found.lines, PROCESSES * RECORDS);
    assert_int_equal(found.seq, PROCESSES * RECORDS);
    assert_int_equal(found.healed, 0);
}

static int
open_append(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port failing = port;
    struct aks_audit *audit = NULL;
    char head[65];

    failing.alloc = alloc;
    if (aks_audit_open(&failing, temp_folder_path(folder), &audit, &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    if (aks_audit_append(audit, "x", NULL, &err) != AKS_OK && err.status != AKS_LIMIT)
        return 2;
    if (aks_audit_head(audit, head, &err) != AKS_OK && err.status != AKS_LIMIT)
        return 3;
    aks_audit_close(audit);
    return 0;
}

static void
audit_survives_any_allocation_that_fails(void **state)
{
    append("first");
    failing_alloc_loop(open_append, NULL, 100);
    assert_int_equal(verify().healed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What a disk was asked for, one letter each. */
static char asked[64];

static enum aks_status
write_noted(struct aks_file *file, int64_t offset, const void *data, size_t len,
    struct aks_error *why)
{
    const char *text = data;

    assert_true(strlen(asked) < sizeof(asked) - 1);
    strcat(asked, len > 0 && text[len - 1] == '\n' &&
        memchr(text, '\n', len) == text + len - 1 ? "r" : "?");
    return aks_os_port(os)->files.write(file, offset, data, len, why);
}

static enum aks_status
sync_noted(struct aks_file *file, struct aks_error *why)
{
    assert_true(strlen(asked) < sizeof(asked) - 1);
    strcat(asked, "s");
    return aks_os_port(os)->files.sync(file, why);
}

/* Or the power could take a record and leave the one behind it. */
static void
each_record_lasts_before_the_next_one_is_written(void **state)
{
    const struct aks_audit_event events[] = { { "one", NULL }, { "two", NULL } };
    struct aks_audit *audit;

    port.files.write = write_noted;
    port.files.sync = sync_noted;
    asked[0] = '\0';
    audit = open_audit();
    assert_int_equal(aks_audit_append_all(audit, events, 2, NULL, &err), AKS_OK);
    assert_string_equal(asked, "rsrs");
    assert_int_equal(aks_audit_append_all(audit, events, 1, NULL, &err), AKS_OK);
    assert_string_equal(asked, "rsrsrs");
    aks_audit_close(audit);
    /* Whoever wrote that may have been killed before its sync. */
    append("three");
    assert_string_equal(asked, "rsrsrssrs");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(audit_records_hold_the_line_before_each),
        TEST(audit_finds_the_last_line_however_long_it_is),
        TEST(audit_takes_a_record_of_exactly_the_bound),
        TEST(audit_heals_a_log_that_is_torn_anywhere),
        TEST(audit_heals_what_was_torn_while_it_healed),
        TEST(audit_does_not_touch_what_no_crash_has_done),
        TEST(audit_refuses_what_is_no_file),
        TEST(audit_goes_on_after_any_failure),
        TEST(audit_tells_a_full_disk),
        TEST(audit_waits_for_another_process_and_not_for_ever),
        TEST(each_record_lasts_before_the_next_one_is_written),
        TEST(audit_holds_under_twenty_processes_at_once),
        TEST(audit_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
