#include "engine/decide.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"
#include "state_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
assert_same_row(const struct aks_stored *a, const struct aks_stored *b)
{
    assert_string_equal(a->source, b->source);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->kind, b->kind);
    assert_string_equal(a->upload_id, b->upload_id);
    assert_string_equal(a->codec, b->codec);
    assert_string_equal(a->sha256, b->sha256);
    assert_string_equal(a->stored_sha256, b->stored_sha256);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->stored_bytes, b->stored_bytes);
    assert_int_equal(a->part_bytes, b->part_bytes);
    assert_int_equal(a->parts, b->parts);
    assert_int_equal(a->taken_at_ms, b->taken_at_ms);
    assert_int_equal(a->stored_at_ms, b->stored_at_ms);
    assert_int_equal(a->checked_at_ms, b->checked_at_ms);
    assert_int_equal(a->info_racy, b->info_racy);
    assert_int_equal(a->info.type, b->info.type);
    assert_int_equal(a->info.mode, b->info.mode);
    assert_int_equal(a->info.uid, b->info.uid);
    assert_true(a->info.device == b->info.device);
    assert_true(a->info.inode == b->info.inode);
    assert_int_equal(a->info.bytes, b->info.bytes);
    assert_int_equal(a->info.mtime_ns, b->info.mtime_ns);
    assert_int_equal(a->info.ctime_ns, b->info.ctime_ns);
    assert_int_equal(a->writer, b->writer);
}

static void
state_is_made_for_this_user_alone_in_wal_mode(void **state)
{
    static const char *const names[] = { "state.db", "state.db-wal", "state.db-shm", "state.lock" };
    mode_t before = umask(0);
    struct aks_state *opened = open_state();

    (void)umask(before);
    for (size_t i = 0; i < 4; i++) {
        struct stat info;

        assert_int_equal(stat(temp_folder_join(folder, names[i]), &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
    }
    aks_state_close(opened);
    assert_int_equal(raw("PRAGMA user_version"), AKS_STATE_VERSION);
    assert_true(raw("PRAGMA application_id") != 0);
    assert_int_equal(raw("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}

static void
state_gives_back_rows_as_they_were_put(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_stored row = row_of("/home/\x01\xff\xc3 name", 1);
    struct aks_stored got;

    assert_int_equal(aks_state_stored_get(opened, T, row.source, &got, &err), AKS_NOT_FOUND);
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    aks_state_close(opened);

    opened = open_state();
    assert_int_equal(aks_state_stored_get(opened, T, row.source, &got, &err), AKS_OK);
    assert_same_row(&got, &row);
    assert_string_equal(got.key, row.key);
    aks_stored_fini(aks_alloc_system(), &got);

    row.key = NULL;
    row.bytes = INT64_MAX;
    row.sha256[0] = '\0';
    assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
    assert_int_equal(aks_state_stored_get(opened, T, row.source, &got, &err), AKS_OK);
    assert_same_row(&got, &row);
    assert_null(got.key);
    aks_stored_fini(aks_alloc_system(), &got);
    assert_int_equal(aks_state_stored_get(opened, "dir:/x", row.source, &got, &err), AKS_NOT_FOUND);
    aks_state_close(opened);
}

static void
state_lists_the_rows_of_one_place_in_order(void **state)
{
    struct aks_state *opened = open_state();
    char names[50][32];
    struct aks_stored rows[50];
    struct aks_stored *got;
    size_t count;

    for (int i = 0; i < 50; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "/s/%02d", 49 - i);
        rows[i] = row_of(names[i], i);
    }
    assert_int_equal(aks_state_stored_put(opened, T, rows, 50, &err), AKS_OK);
    assert_int_equal(aks_state_stored_put(opened, "dir:/x", rows, 1, &err), AKS_OK);
    assert_int_equal(aks_state_stored_forget(opened, T, "/s/07", &err), AKS_OK);
    assert_int_equal(aks_state_stored_forget(opened, T, "/s/none", &err), AKS_OK);
    assert_int_equal(aks_state_stored_all(opened, T, &got, &count, &err), AKS_OK);
    assert_int_equal(count, 49);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || strcmp(got[i - 1].source, got[i].source) < 0);
        assert_string_not_equal(got[i].source, "/s/07");
    }
    for (size_t i = 0; i < count; i++)
        aks_stored_fini(aks_alloc_system(), &got[i]);
    aks_mem_free(aks_alloc_system(), got);
    assert_int_equal(aks_state_stored_all(opened, "nowhere", &got, &count, &err), AKS_OK);
    assert_int_equal(count, 0);
    assert_null(got);
    assert_int_equal(aks_state_stored_put(opened, T, NULL, 0, &err), AKS_OK);
    aks_state_close(opened);
}

static void
breaker_opens_longer_with_each_failure_and_closes_with_a_success(void **state)
{
    static const int64_t minutes[] = { 1, 2, 4, 8, 15, 15, 15 };
    struct aks_state *opened = open_state();
    struct aks_breaker breaker;

    assert_int_equal(aks_state_breaker_get(opened, T, NOW, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.failures, 0);
    assert_int_equal(breaker.open_until_ms, 0);
    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
        assert_int_equal(aks_state_breaker_failed(opened, T, NOW, AKS_THROTTLED, -1, &err), AKS_OK);
        assert_int_equal(aks_state_breaker_get(opened, T, NOW, &breaker, &err), AKS_OK);
        assert_int_equal(breaker.failures, i + 1);
        assert_int_equal(breaker.open_until_ms, NOW + minutes[i] * 60000);
        assert_int_equal(breaker.reason, AKS_THROTTLED);
    }
    assert_int_equal(aks_state_breaker_get(opened, "other", NOW, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.failures, 0);
    assert_int_equal(aks_state_breaker_succeeded(opened, T, NOW + 5, &err), AKS_OK);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW + 6, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.failures, 0);
    assert_int_equal(breaker.open_until_ms, 0);
    assert_int_equal(breaker.last_success_ms, NOW + 5);
    assert_int_equal(aks_state_breaker_failed(opened, T, NOW + 7, AKS_DNS, -1, &err), AKS_OK);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW + 7, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.failures, 1);
    assert_int_equal(breaker.last_success_ms, NOW + 5);
    aks_state_close(opened);
}

static void
breaker_is_closed_after_its_time_and_when_the_clock_was_set_back(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_breaker breaker;

    assert_int_equal(aks_state_breaker_failed(opened, T, NOW, AKS_REFUSED, -1, &err), AKS_OK);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW + 59999, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.open_until_ms, NOW + 60000);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW + 60000, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.open_until_ms, 0);
    assert_int_equal(breaker.failures, 1);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW - 840000, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.open_until_ms, NOW + 60000);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW - 840001, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.open_until_ms, 0);
    /* What only a newer program writes, or a damaged disk, is no reason to fall over. */
    aks_state_close(opened);
    (void)raw("UPDATE breakers SET reason = 'of the future', failures = -5");
    opened = open_state();
    assert_int_equal(aks_state_breaker_get(opened, T, NOW, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.reason, AKS_INTERNAL);
    assert_int_equal(aks_state_breaker_failed(opened, T, NOW, AKS_REFUSED, -1, &err), AKS_OK);
    assert_int_equal(aks_state_breaker_get(opened, T, NOW, &breaker, &err), AKS_OK);
    assert_int_equal(breaker.failures, 1);
    aks_state_close(opened);
}

static void
facts_are_forgotten_with_age_and_cut_to_size(void **state)
{
    struct aks_state *opened = open_state();
    char value[8];

    assert_int_equal(aks_state_fact_get(opened, T, "region", NOW, 1000, value, 8, &err),
        AKS_NOT_FOUND);
    assert_string_equal(value, "");
    assert_int_equal(aks_state_fact_put(opened, T, "region", "old", NOW - 5, &err), AKS_OK);
    assert_int_equal(aks_state_fact_put(opened, T, "region", "eu-central-1", NOW, &err), AKS_OK);
    assert_int_equal(aks_state_fact_get(opened, T, "region", NOW + 999, 1000, value, 8, &err),
        AKS_OK);
    assert_string_equal(value, "eu-cent");
    assert_int_equal(aks_state_fact_get(opened, T, "region", NOW + 1000, 1000, value, 8, &err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_state_fact_get(opened, T, "region", NOW - 1, 1000, value, 8, &err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_state_fact_get(opened, T, "other", NOW, 1000, value, 8, &err),
        AKS_NOT_FOUND);
    aks_state_close(opened);
}

static void
history_gives_the_newest_report_and_stays_bounded(void **state)
{
    struct aks_state *opened = open_state();
    char *report;
    char text[2000];

    assert_int_equal(aks_state_run_last(opened, &report, &err), AKS_NOT_FOUND);
    assert_null(report);
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < AKS_STATE_RUNS_MAX + 120; i++) {
        (void)snprintf(text + 1900, 100, "{\"run\": %d}", i);
        assert_int_equal(aks_state_run_put(opened, "run", NOW, "unchanged", text, &err), AKS_OK);
    }
    assert_int_equal(aks_state_run_last(opened, &report, &err), AKS_OK);
    assert_string_equal(report, text);
    aks_mem_free(aks_alloc_system(), report);
    aks_state_close(opened);
    assert_in_range(raw("SELECT count(*) FROM runs"), AKS_STATE_RUNS_MAX - 100, AKS_STATE_RUNS_MAX);
}

static void
history_gives_the_report_of_a_run(void **state)
{
    struct aks_state *opened = open_state();
    char *report;

    assert_int_equal(aks_state_run_put(opened, "a", NOW, "stored", "{\"a\": 1}", &err), AKS_OK);
    assert_int_equal(aks_state_run_put(opened, "b", NOW, "stored", "{\"b\": 1}", &err), AKS_OK);
    assert_int_equal(aks_state_run_get(opened, "a", &report, &err), AKS_OK);
    assert_string_equal(report, "{\"a\": 1}");
    aks_mem_free(aks_alloc_system(), report);
    assert_int_equal(aks_state_run_get(opened, "c", &report, &err), AKS_NOT_FOUND);
    assert_null(report);
    assert_non_null(strstr(err.message, "no run c is known"));
    aks_state_close(opened);
}

/* Also by processes that come and go one by one, of which none is told what the ones before have
 * done. */
static void
log_of_the_database_stays_short(void **state)
{
    struct stat info;

    for (int i = 0; i < 400; i++) {
        struct aks_state *opened = open_state();

        assert_int_equal(aks_state_run_put(opened, "run", NOW, "unchanged", "{}", &err), AKS_OK);
        aks_state_close(opened);
        assert_int_equal(stat(temp_folder_join(folder, "state.db-wal"), &info), 0);
        assert_true(info.st_size < 140 * 4200);
    }
}

static void
history_is_bounded_in_bytes_too(void **state)
{
    struct aks_state *opened = open_state();
    size_t len = 4 * 1024 * 1024;
    char *report = malloc(2 * len + 2);

    assert_non_null(report);
    memset(report, 'x', 2 * len + 1);
    report[2 * len + 1] = '\0';
    assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", report, &err), AKS_LIMIT);
    report[len] = '\0';
    for (int i = 0; i < 50; i++)
        assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", i < 49 ? "{}" : report,
            &err), AKS_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", i < 20 ? report : "{}",
            &err), AKS_OK);
    free(report);
    aks_state_close(opened);
    /* 64 MiB hold 15 reports of 4 MiB beside the small ones. */
    assert_in_range(raw("SELECT count(*) FROM runs"), 45, 46);
    assert_true(raw("SELECT sum(report_bytes) FROM runs") <= 64 * 1024 * 1024);
}

static void
assert_refused(const char *words)
{
    struct aks_state *opened = NULL;

    assert_int_equal(try_open(&opened), AKS_STATE);
    assert_null(opened);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, err.message);
    assert_true(strlen(err.hint) > 0);
}

static void
state_refuses_what_is_not_its_own_and_leaves_it_alone(void **state)
{
    aks_state_close(open_state());
    (void)raw("PRAGMA user_version = 99");
    assert_refused("version 99");
    assert_int_equal(raw("PRAGMA user_version"), 99);
    (void)raw("PRAGMA user_version = 7");
    aks_state_close(open_state());
    (void)raw("PRAGMA application_id = 7");
    assert_refused("another program");
    (void)raw("PRAGMA application_id = 0");
    assert_refused("another program");
    (void)raw("PRAGMA user_version = 0");
    assert_refused("another program");
    assert_int_equal(raw("PRAGMA user_version"), 0);

    assert_int_equal(unlink(temp_folder_join(folder, "state.db")), 0);
    (void)unlink(temp_folder_join(folder, "state.db-wal"));
    (void)unlink(temp_folder_join(folder, "state.db-shm"));
    (void)raw("PRAGMA application_id = 7");     /* begun by another program, without a table yet */
    assert_refused("another program");
    assert_int_equal(raw("PRAGMA application_id"), 7);
}

static void
state_says_so_when_a_digest_cannot_be_one(void **state)
{
    static const char *const damages[] = {
        "UPDATE stored SET row_sum = NULL, stored_sha256 = printf('%065d', 1)",
        "UPDATE stored SET row_sum = NULL, stored_sha256 = printf('%063d', 1)",
        "UPDATE stored SET row_sum = NULL, stored_sha256 = printf('ZZZZ%060d', 1)",
    };
    struct aks_stored row = row_of("/a", 1);
    struct aks_stored got;
    struct aks_stored *rows;
    size_t count;

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct aks_state *opened = open_state();

        assert_int_equal(aks_state_stored_put(opened, T, &row, 1, &err), AKS_OK);
        aks_state_close(opened);
        (void)raw(damages[i]);
        opened = open_state();
        assert_int_equal(aks_state_stored_get(opened, T, "/a", &got, &err), AKS_STATE);
        assert_null(got.source);
        assert_int_equal(aks_state_stored_all(opened, T, &rows, &count, &err), AKS_STATE);
        assert_non_null(strstr(err.message, "malformed"));
        aks_state_close(opened);
    }
}

/* Of the folder, and whether there is a file. */
#define LOOKS 2

static void
state_tells_what_is_wrong_with_its_folder(void **state)
{
    struct faulty_files faulty;
    struct aks_state *opened = NULL;

    assert_int_equal(aks_state_open(aks_alloc_system(), &port->files, "/nonexistent/folder",
        &opened, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "/nonexistent/folder"));
    assert_int_equal(aks_state_open(aks_alloc_system(), &port->files,
        temp_folder_write(folder, "file", "", 0), &opened, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "no folder"));

    /* A folder that may not be written: stat works, making the file does not. */
    faulty_files_init(&faulty, &port->files, AKS_FORBIDDEN);
    faulty_files_arm(&faulty, LOOKS, true);
    assert_int_equal(aks_state_open(aks_alloc_system(), &faulty.files, temp_folder_path(folder),
        &opened, &err), AKS_STATE);
    assert_non_null(strstr(err.hint, "--state"));
    faulty.status = AKS_NO_SPACE;
    faulty_files_arm(&faulty, LOOKS, true);
    assert_int_equal(aks_state_open(aks_alloc_system(), &faulty.files, temp_folder_path(folder),
        &opened, &err), AKS_NO_SPACE);

    assert_int_equal(mkdir(temp_folder_join(folder, "state.db"), 0700), 0);
    assert_refused("unable to open");
}

/* Whatever call fails while the database is made, the next try makes it. */
static void
state_can_be_made_after_any_failure_to(void **state)
{
    struct faulty_files faulty;
    struct aks_state *opened = NULL;
    enum aks_status status = AKS_STATE;

    faulty_files_init(&faulty, &port->files, AKS_FORBIDDEN);
    for (int64_t call = 0; status != AKS_OK; call++) {
        assert_true(call < 20);
        faulty_files_arm(&faulty, call, true);
        status = aks_state_open(aks_alloc_system(), &faulty.files, temp_folder_path(folder),
            &opened, &err);
        assert_true(status == AKS_OK || status == AKS_STATE);
    }
    aks_state_close(opened);
    aks_state_close(open_state());
}

static int
use_all(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_state *opened = NULL;
    struct aks_stored rows[2] = { row_of("/a", 1), row_of("/b", 2) };
    struct aks_stored got;
    struct aks_stored *all = NULL;
    size_t count = 0;
    char *report = NULL;

    if (aks_state_open(alloc, &port->files, temp_folder_path(folder), &opened, &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    if (aks_state_stored_put(opened, T, rows, 2, &err) != AKS_OK ||
        aks_state_run_put(opened, "run", NOW, "stored", "{}", &err) != AKS_OK)
        return 1;
    if (aks_state_stored_get(opened, T, "/a", &got, &err) == AKS_OK)
        aks_stored_fini(alloc, &got);
    if (aks_state_stored_all(opened, T, &all, &count, &err) != AKS_OK && err.status != AKS_LIMIT)
        return 1;
    for (size_t i = 0; i < count; i++)
        aks_stored_fini(alloc, &all[i]);
    aks_mem_free(alloc, all);
    if (aks_state_run_last(opened, &report, &err) != AKS_OK && err.status != AKS_LIMIT)
        return 1;
    aks_mem_free(alloc, report);
    if (aks_state_run_get(opened, "run", &report, &err) != AKS_OK && err.status != AKS_LIMIT)
        return 1;
    aks_mem_free(alloc, report);
    aks_state_close(opened);
    return 0;
}

static void
state_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(use_all, NULL, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void
the_last_runs_are_told_the_newest_first(void **state)
{
    static const char report[] = "{\"duration_s\": 1.25, \"bytes\": {\"sent\": 4096}, \"method\":"
        " \"cloud\", \"target\": null, \"error\": {\"failure\": \"offline\"}}";
    struct aks_history_facts runs[4];
    struct aks_state *opened = open_state();
    char *large = malloc(AKS_STATE_RECENT_BYTES_MAX + 2);
    size_t count = 7;

    assert_non_null(large);
    memset(large, ' ', AKS_STATE_RECENT_BYTES_MAX + 1);
    memcpy(large, report, sizeof(report) - 1);
    large[AKS_STATE_RECENT_BYTES_MAX + 1] = '\0';
    assert_int_equal(aks_state_runs_recent(opened, runs, 4, &count, &err), AKS_OK);
    assert_int_equal(count, 0);
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(aks_state_run_put(opened, "old", NOW, "stored", "{}", &err), AKS_OK);
    assert_int_equal(aks_state_run_put(opened, "a", NOW + 1, "partial", report, &err), AKS_OK);
    assert_int_equal(aks_state_run_put(opened, "b", NOW + 2, "queued", "no JSON", &err), AKS_OK);
    assert_int_equal(aks_state_run_put(opened, "c", NOW + 3, "stored", large, &err), AKS_OK);
    free(large);
    assert_int_equal(aks_state_runs_recent(opened, runs, 4, &count, &err), AKS_OK);
    assert_int_equal(count, 4);
    assert_int_equal(runs[0].started_at_ms, NOW + 3);
    assert_string_equal(runs[0].outcome, "stored");
    assert_int_equal(runs[0].duration_ms, -1);
    assert_string_equal(runs[1].outcome, "queued");
    assert_int_equal(runs[1].sent_bytes, -1);
    assert_int_equal(runs[2].started_at_ms, NOW + 1);
    assert_int_equal(runs[2].duration_ms, 1250);
    assert_int_equal(runs[2].sent_bytes, 4096);
    assert_string_equal(runs[2].method, "cloud");
    assert_string_equal(runs[2].target, "");
    assert_string_equal(runs[2].failure, "offline");
    assert_string_equal(runs[3].method, "");
    aks_state_close(opened);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_is_made_for_this_user_alone_in_wal_mode),
        TEST(state_gives_back_rows_as_they_were_put),
        TEST(state_lists_the_rows_of_one_place_in_order),
        TEST(breaker_opens_longer_with_each_failure_and_closes_with_a_success),
        TEST(breaker_is_closed_after_its_time_and_when_the_clock_was_set_back),
        TEST(facts_are_forgotten_with_age_and_cut_to_size),
        TEST(history_gives_the_newest_report_and_stays_bounded),
        TEST(history_gives_the_report_of_a_run),
        TEST(the_last_runs_are_told_the_newest_first),
        TEST(log_of_the_database_stays_short),
        TEST(history_is_bounded_in_bytes_too),
        TEST(state_refuses_what_is_not_its_own_and_leaves_it_alone),
        TEST(state_says_so_when_a_digest_cannot_be_one),
        TEST(state_tells_what_is_wrong_with_its_folder),
        TEST(state_can_be_made_after_any_failure_to),
        TEST(state_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
