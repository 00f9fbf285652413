/* Figures as Prometheus reads them: each series that alerts look at is there from the start, the
 * text is of its format whatever a name holds, and nothing that could not be read is told as 0. */
#include "engine/metrics.h"

#include "engine/queue.h"
#include "engine/state_figures.h"
#include "engine/state_proofs.h"
#include "state_fixture.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR INT64_C(3600000)

static struct aks_port mine;

static int64_t
now_ms(void *ctx)
{
    return NOW;
}

static int
begin(void **state)
{
    int rc = setup(state);

    mine = *port;
    mine.clock.wall_ms = now_ms;
    return rc;
}

static void
put_run(struct aks_state *opened, int64_t ago_ms, int64_t duration_ms, const char *failure)
{
    struct aks_run_figures figures = { .at_ms = NOW - ago_ms, .duration_ms = duration_ms,
        .source_bytes = 100, .plain_bytes = 80, .stored_bytes = 20, .sent_bytes = 21,
        .memories = 3, .memory_bytes = 100000 - duration_ms, .fallback = failure[0] == '\0' };

    (void)snprintf(figures.outcome, sizeof(figures.outcome), "%s",
        failure[0] == '\0' ? "stored" : "queued");
    (void)snprintf(figures.method, sizeof(figures.method), "%s",
        failure[0] == '\0' ? "http" : "none");
    (void)snprintf(figures.failure, sizeof(figures.failure), "%s", failure);
    assert_int_equal(aks_state_figures_put(opened, &figures, &err), AKS_OK);
}

static void
put_target(struct aks_state *opened, const char *identity, const char *name, unsigned failures)
{
    assert_int_equal(aks_state_fact_put(opened, identity, AKS_STATE_FACT_NAME, name, NOW, &err),
        AKS_OK);
    if (failures == 0)
        assert_int_equal(aks_state_breaker_succeeded(opened, identity, NOW - HOUR, &err), AKS_OK);
    for (unsigned i = 0; i < failures; i++)
        assert_int_equal(aks_state_breaker_failed(opened, identity, NOW, AKS_OFFLINE, 60000,
            &err), AKS_OK);
}

static void
put_job(const char *id, int64_t ago_ms, unsigned tries)
{
    char *sources[] = { borrowed("/home/ada/reflection.duckdb") };
    struct aks_job job;

    aks_job_init(&job, aks_alloc_system());
    (void)snprintf(job.id, sizeof(job.id), "%s", id);
    job.enqueued_at_ms = NOW - ago_ms;
    job.sources = sources;
    job.source_count = 1;
    job.tries = tries;
    job.policy.path = borrowed("/home/ada/policy.lua");
    job.policy.text = borrowed("return {}");
    job.policy.text_len = 9;
    if (aks_queue_put(port, temp_folder_join(folder, "queue"), &job, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static void
fill(void)
{
    struct aks_state *opened = open_state();
    struct aks_proof proof = { .target = "s3:bucket", .upload_id = "20261101T000000Z-3f9a2c",
        .how = AKS_PROOF_DRILL, .at_ms = NOW - 7 * HOUR };
    struct aks_stored row = row_of("/home/ada/reflection.duckdb", 1);

    row.stored_at_ms = NOW - 2 * HOUR;
    put_run(opened, 3 * HOUR, 400, "");
    put_run(opened, 2 * HOUR, 70000, "offline");
    assert_int_equal(aks_state_proof_put(opened, &proof, &err), AKS_OK);
    assert_int_equal(aks_state_stored_put(opened, "s3:bucket", &row, 1, &err), AKS_OK);
    assert_int_equal(aks_state_sum_add(opened, NOW, AKS_STATE_SUM_NOTIFIED "failing", 2, &err),
        AKS_OK);
    aks_state_close(opened);
}

static json_t *
ask(void)
{
    json_t *report = NULL;

    if (aks_metrics_report(&mine, temp_folder_path(folder), "1.2.3", &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

/* Asserts that the text has the line "akosha_sync_NAME VALUE". */
static void
has(const json_t *report, const char *line)
{
    char wanted[256];

    (void)snprintf(wanted, sizeof(wanted), "\nakosha_sync_%s\n", line);
    if (strstr(json_look_text(report, "text"), wanted) == NULL)
        fail_msg("no line is akosha_sync_%s:\n%s", line, json_look_text(report, "text"));
}

static void
runs_are_counted(void **state)
{
    json_t *report;

    fill();
    report = ask();
    has(report, "build_info{version=\"1.2.3\"} 1");
    has(report, "state_readable 1");
    has(report, "runs_total{outcome=\"stored\"} 1");
    has(report, "runs_total{outcome=\"queued\"} 1");
    has(report, "run_methods_total{method=\"http\"} 1");
    has(report, "run_failures_total{failure=\"offline\"} 1");
    has(report, "fallbacks_total 1");
    has(report, "notifications_total{event=\"failing\"} 2");
    has(report, "source_bytes_total 200");
    has(report, "plain_bytes_total 160");
    has(report, "stored_bytes_total 40");
    has(report, "sent_bytes_total 42");
    has(report, "memories_delivered_total 6");
    json_decref(report);
}

/* A rate needs the 0 before the first. */
static void
what_has_not_happened_is_there_with_0(void **state)
{
    json_t *report = ask();

    has(report, "state_readable 1");
    has(report, "runs_total{outcome=\"failed\"} 0");
    has(report, "run_failures_total{failure=\"no_space\"} 0");
    has(report, "notifications_total{event=\"well\"} 0");
    has(report, "last_success_timestamp_seconds 0");
    has(report, "last_proven_restore_timestamp_seconds 0");
    has(report, "queue_oldest_age_seconds 0");
    has(report, "worker_running 0");
    has(report, "run_duration_seconds_bucket{le=\"+Inf\"} 0");
    json_decref(report);
}

/* Buckets of a histogram hold all below them. */
static void
durations_are_a_histogram(void **state)
{
    json_t *report;
    const char *line;
    int64_t before = 0;
    unsigned buckets = 0;

    fill();
    report = ask();
    has(report, "run_duration_seconds_bucket{le=\"0.1\"} 0");
    has(report, "run_duration_seconds_bucket{le=\"0.5\"} 1");
    has(report, "run_duration_seconds_bucket{le=\"60\"} 1");
    has(report, "run_duration_seconds_bucket{le=\"+Inf\"} 2");
    has(report, "run_duration_seconds_sum 70.4");
    has(report, "run_duration_seconds_count 2");
    line = json_look_text(report, "text");
    while ((line = strstr(line, "_bucket{le=")) != NULL) {
        int64_t now = strtoll(strchr(line, '}') + 2, NULL, 10);

        assert_true(now >= before);
        before = now;
        buckets++;
        line++;
    }
    assert_int_equal(buckets, AKS_STATE_DURATIONS + 1);
    json_decref(report);
}

/* A run has ended when it has ended, and a success is one after which nothing was owed. */
static void
times_are_seconds_since_1970(void **state)
{
    json_t *report;
    char line[128];

    fill();
    report = ask();
    (void)snprintf(line, sizeof(line), "last_run_timestamp_seconds %" PRId64,
        (NOW - 2 * HOUR) / 1000 + 70);
    has(report, line);
    (void)snprintf(line, sizeof(line), "last_success_timestamp_seconds %" PRId64 ".4",
        (NOW - 3 * HOUR) / 1000);
    has(report, line);
    (void)snprintf(line, sizeof(line), "last_stored_timestamp_seconds %" PRId64,
        (NOW - 2 * HOUR) / 1000);
    has(report, line);
    (void)snprintf(line, sizeof(line), "last_proven_restore_timestamp_seconds %" PRId64,
        (NOW - 7 * HOUR) / 1000);
    has(report, line);
    has(report, "run_memory_peak_bytes 30000");
    json_decref(report);
}

static void
the_queue_needs_no_database(void **state)
{
    json_t *report;

    put_job("20261118T010000Z-3f9a2c", 2 * HOUR, 7);
    put_job("20261118T020000Z-3f9a2c", HOUR, 3);
    (void)temp_folder_write(folder, "queue/20261118T030000Z-3f9a2c.json", "{", 1);
    (void)temp_folder_write(folder, "state.db", "no database, whatever it is called", 35);
    report = ask();
    has(report, "state_readable 0");
    has(report, "queue_jobs 2");
    has(report, "queue_damaged_jobs 1");
    has(report, "queue_oldest_age_seconds 7200");
    has(report, "queue_tries 7");
    /* What is in the database is not told as 0. */
    assert_null(strstr(json_look_text(report, "text"), "runs_total"));
    assert_null(strstr(json_look_text(report, "text"), "timestamp_seconds{"));
    json_decref(report);
}

static void
a_database_without_its_tables_is_not_readable(void **state)
{
    json_t *report;

    fill();
    (void)raw("DROP TABLE sums");
    report = ask();
    has(report, "state_readable 0");
    assert_null(strstr(json_look_text(report, "text"), "runs_total"));
    json_decref(report);
}

/* Where two policies call two places alike the worse one is told, and once. */
static void
targets_are_told_by_name_the_worse_one_of_two(void **state)
{
    struct aks_state *opened = open_state();
    json_t *report;
    char line[128];

    put_target(opened, "s3:a", "cloud", 0);
    put_target(opened, "s3:b", "cloud", 3);
    put_target(opened, "dir:c", "local", 0);
    aks_state_close(opened);
    report = ask();
    has(report, "target_healthy{target=\"cloud\"} 0");
    has(report, "target_failures{target=\"cloud\"} 3");
    has(report, "target_last_success_timestamp_seconds{target=\"cloud\"} 0");
    has(report, "target_healthy{target=\"local\"} 1");
    (void)snprintf(line, sizeof(line), "target_last_success_timestamp_seconds{target=\"local\"} %"
        PRId64, (NOW - HOUR) / 1000);
    has(report, line);
    assert_null(strstr(strstr(json_look_text(report, "text"), "target_healthy{target=\"cloud\"")
        + 1, "target_healthy{target=\"cloud\""));
    json_decref(report);
}

/* A name that a person gave a target may be anything: it stays within its quotes, and what looks
 * like a secret does not leave. */
static void
a_label_is_never_more_than_a_label(void **state)
{
    struct aks_state *opened = open_state();
    json_t *report;

    put_target(opened, "s3:a", "a\"} 1\nakosha_sync_forged \\", 0);
    put_target(opened, "s3:b", "AKIAIOSFODNN7EXAMPLE", 0);
    aks_state_close(opened);
    report = ask();
    has(report, "target_healthy{target=\"a\\\"} 1\\nakosha_sync_forged \\\\\"} 1");
    assert_null(strstr(json_look_text(report, "text"), "\nakosha_sync_forged"));
    assert_null(strstr(json_look_text(report, "text"), "AKIAIOSFODNN7EXAMPLE"));
    json_decref(report);
}

/* --- without memory --------------------------------------------------------------------------- */

static char *whole;

/* All of it; or a failure; or a database that is said not to be readable. */
static int
ask_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port own = mine;
    json_t *report = NULL;
    enum aks_status status;
    int rc;

    own.alloc = alloc;
    status = aks_metrics_report(&own, temp_folder_path(folder), "1.2.3", &report, &err);
    json_look_fail_no_more();
    rc = status == AKS_OK ? strcmp(json_look_text(report, "text"), whole) != 0 &&
        strstr(json_look_text(report, "text"), "state_readable 0") == NULL : report != NULL;
    json_decref(report);
    return rc;
}

static void
without_memory_there_is_no_figure_that_is_wrong(void **state)
{
    json_t *report;

    fill();
    report = ask();
    whole = strdup(json_look_text(report, "text"));
    json_decref(report);
    failing_alloc_loop(ask_in, NULL, 500);
    json_look_fail_each(ask_in, NULL);
    free(whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_are_counted),
        TEST(what_has_not_happened_is_there_with_0),
        TEST(durations_are_a_histogram),
        TEST(times_are_seconds_since_1970),
        TEST(the_queue_needs_no_database),
        TEST(a_database_without_its_tables_is_not_readable),
        TEST(targets_are_told_by_name_the_worse_one_of_two),
        TEST(a_label_is_never_more_than_a_label),
        TEST(without_memory_there_is_no_figure_that_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
