/* Figures over time as they are told: stretches of time, percentiles, rates, and that a database
 * that cannot be read, or memory that is missing, is never told as a day without runs. */
#include "engine/stats.h"

#include "engine/state_figures.h"
#include "state_fixture.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <stdio.h>
#include <sys/stat.h>

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

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
put(struct aks_state *opened, int64_t ago_ms, int64_t duration_ms, const char *outcome,
    const char *failure)
{
    struct aks_run_figures figures = { .at_ms = NOW - ago_ms, .duration_ms = duration_ms,
        .source_bytes = 100, .plain_bytes = 80, .stored_bytes = 20, .sent_bytes = 21,
        .memories = 3, .memory_bytes = 1000 + duration_ms, .fallback = failure[0] != '\0' };

    (void)snprintf(figures.outcome, sizeof(figures.outcome), "%s", outcome);
    (void)snprintf(figures.method, sizeof(figures.method), "%s",
        failure[0] != '\0' ? "none" : "cloud");
    (void)snprintf(figures.failure, sizeof(figures.failure), "%s", failure);
    if (aks_state_figures_put(opened, &figures, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

/* Three of today, one of which failed; one of this week, one of last month. */
static void
fill(void)
{
    struct aks_state *opened = open_state();

    put(opened, HOUR, 100, "stored", "");
    put(opened, 2 * HOUR, 300, "unchanged", "");
    put(opened, 3 * HOUR, 200, "queued", "offline");
    put(opened, 3 * DAY, 5000, "stored", "");
    put(opened, 40 * DAY, 9000, "partial", "forbidden");
    aks_state_close(opened);
}

static json_t *
ask(void)
{
    json_t *report = NULL;

    if (aks_stats_report(&mine, temp_folder_path(folder), &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

static void
periods_end_now_and_add_up(void **state)
{
    json_t *report;

    fill();
    report = ask();
    assert_string_equal(json_look_text(report, "periods.0.period"), "day");
    assert_string_equal(json_look_text(report, "periods.1.period"), "week");
    assert_string_equal(json_look_text(report, "periods.2.period"), "all");
    assert_string_equal(json_look_text(report, "periods.0.since"), "2026-11-17T11:06:40.000Z");
    assert_true(json_is_null(json_look(report, "periods.2.since")));
    assert_int_equal(json_look_number(report, "periods.0.runs"), 3);
    assert_int_equal(json_look_number(report, "periods.1.runs"), 4);
    assert_int_equal(json_look_number(report, "periods.2.runs"), 5);
    assert_int_equal(json_look_number(report, "periods.0.outcomes.queued"), 1);
    assert_int_equal(json_look_number(report, "periods.0.failures.offline"), 1);
    assert_null(json_look(report, "periods.0.failures.forbidden"));
    assert_int_equal(json_look_number(report, "periods.2.failures.forbidden"), 1);
    assert_int_equal(json_look_number(report, "periods.2.methods.none"), 2);
    assert_int_equal(json_look_number(report, "periods.0.bytes.sent"), 63);
    assert_int_equal(json_look_number(report, "periods.2.bytes.source"), 500);
    assert_int_equal(json_look_number(report, "periods.2.bytes.plain"), 400);
    assert_int_equal(json_look_number(report, "periods.2.bytes.stored"), 100);
    assert_int_equal(json_look_number(report, "periods.2.memories"), 15);
    assert_int_equal(json_look_number(report, "periods.0.memory_peak_bytes"), 1300);
    assert_int_equal(json_look_number(report, "periods.2.memory_peak_bytes"), 10000);
    assert_true(json_is_null(json_look(report, "error")));
    json_decref(report);
}

/* By nearest rank, so that each is a duration that there was; of rates the whole is what came to a
 * target at all. */
static void
durations_and_rates_are_of_what_there_was(void **state)
{
    json_t *report;

    fill();
    report = ask();
    assert_float_equal(json_look_real(report, "periods.0.durations.p50_s"), 0.2, 1e-9);
    assert_float_equal(json_look_real(report, "periods.0.durations.p95_s"), 0.3, 1e-9);
    assert_float_equal(json_look_real(report, "periods.0.durations.max_s"), 0.3, 1e-9);
    assert_float_equal(json_look_real(report, "periods.2.durations.p50_s"), 0.3, 1e-9);
    assert_float_equal(json_look_real(report, "periods.2.durations.p99_s"), 9.0, 1e-9);
    assert_int_equal(json_look_number(report, "periods.2.durations.runs"), 5);
    assert_float_equal(json_look_real(report, "periods.2.ratio"), 0.25, 1e-9);
    assert_int_equal(json_look_number(report, "periods.2.fallbacks"), 2);
    assert_float_equal(json_look_real(report, "periods.2.fallback_rate"), 2.0 / 3, 1e-9);
    json_decref(report);
}

/* What is older than the days that are told is in none of them. */
static void
days_are_told_one_by_one_up_to_today(void **state)
{
    int64_t runs = 0;
    json_t *report;

    fill();
    report = ask();
    assert_int_equal(json_array_size(json_look(report, "days")), AKS_STATS_DAYS);
    assert_string_equal(json_look_text(report, "days.29.day"), "2026-11-18");
    assert_int_equal(json_look_number(report, "days.29.runs"), 3);
    assert_int_equal(json_look_number(report, "days.29.undelivered"), 1);
    assert_int_equal(json_look_number(report, "days.29.sent_bytes"), 63);
    assert_string_equal(json_look_text(report, "days.26.day"), "2026-11-15");
    assert_int_equal(json_look_number(report, "days.26.runs"), 1);
    assert_int_equal(json_look_number(report, "days.26.undelivered"), 0);
    for (int i = 0; i < AKS_STATS_DAYS; i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "days.%d.runs", i);
        runs += json_look_number(report, path);
    }
    assert_int_equal(runs, 4);
    json_decref(report);
}

static void
without_runs_there_is_no_rate_and_no_duration(void **state)
{
    json_t *report = ask();
    struct stat info;

    assert_int_equal(json_look_number(report, "periods.2.runs"), 0);
    assert_true(json_is_null(json_look(report, "periods.2.ratio")));
    assert_true(json_is_null(json_look(report, "periods.2.fallback_rate")));
    assert_true(json_is_null(json_look(report, "periods.2.memory_peak_bytes")));
    assert_true(json_is_null(json_look(report, "periods.0.durations.p50_s")));
    assert_int_equal(json_look_number(report, "days.29.runs"), 0);
    assert_int_equal(stat(temp_folder_join(folder, "state.db"), &info), -1);
    json_decref(report);
}

/* Figures that cannot be read are not figures of nothing: who asks is told, and by the exit code
 * too. */
static void
a_database_that_cannot_be_read_is_a_failure(void **state)
{
    static const char noise[] = "this is no database at all, whatever its name says it might be";
    json_t *report = NULL;

    (void)temp_folder_write(folder, "state.db", noise, sizeof(noise));
    assert_int_equal(aks_stats_report(&mine, temp_folder_path(folder), &report, &err), AKS_STATE);
    assert_null(report);
    assert_non_null(strstr(err.message, "state.db"));
}

static void
one_without_a_table_of_figures_is_a_failure_too(void **state)
{
    json_t *report = NULL;

    fill();
    (void)raw("DROP TABLE sums");
    assert_int_equal(aks_stats_report(&mine, temp_folder_path(folder), &report, &err), AKS_STATE);
    assert_null(report);
}

/* --- without memory --------------------------------------------------------------------------- */

static char *whole;                     /* the document as it should be */

static int
whole_or_nothing(json_t *report, enum aks_status status)
{
    char *text = report != NULL ? json_dumps(report, JSON_SORT_KEYS) : NULL;
    int rc = status == AKS_OK ? text == NULL || strcmp(text, whole) != 0
        : report != NULL || status == AKS_NOT_FOUND;

    free(text);
    json_decref(report);
    return rc;
}

static int
ask_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port own = mine;
    json_t *report = NULL;
    enum aks_status status;

    own.alloc = alloc;
    status = aks_stats_report(&own, temp_folder_path(folder), &report, &err);
    json_look_fail_no_more();
    return whole_or_nothing(report, status);
}

static void
without_memory_there_are_all_figures_or_none(void **state)
{
    json_t *report;

    fill();
    report = ask();
    whole = json_dumps(report, JSON_SORT_KEYS);
    json_decref(report);
    failing_alloc_loop(ask_in, NULL, 200);
    json_look_fail_each(ask_in, NULL);
    free(whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(periods_end_now_and_add_up),
        TEST(durations_and_rates_are_of_what_there_was),
        TEST(days_are_told_one_by_one_up_to_today),
        TEST(without_runs_there_is_no_rate_and_no_duration),
        TEST(a_database_that_cannot_be_read_is_a_failure),
        TEST(one_without_a_table_of_figures_is_a_failure_too),
        TEST(without_memory_there_are_all_figures_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
