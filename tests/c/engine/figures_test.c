/* Figures over time: sums that go on when the rows are gone. Spans of time as they are written. */
#include "engine/freshness.h"
#include "engine/state_figures.h"
#include "state_fixture.h"

#include <stdio.h>

#define DAY INT64_C(86400000)

static struct aks_run_figures
run_at(int64_t at_ms, const char *failure)
{
    struct aks_run_figures figures = { .at_ms = at_ms, .duration_ms = 250, .source_bytes = 100,
        .plain_bytes = 80, .stored_bytes = 40, .sent_bytes = 41, .memory_bytes = 1000,
        .fallback = failure[0] != '\0' };

    (void)snprintf(figures.outcome, sizeof(figures.outcome), "%s",
        failure[0] == '\0' ? "stored" : "queued");
    (void)snprintf(figures.method, sizeof(figures.method), "cloud");
    (void)snprintf(figures.failure, sizeof(figures.failure), "%s", failure);
    return figures;
}

static void
put(struct aks_state *opened, const struct aks_run_figures *figures)
{
    if (aks_state_figures_put(opened, figures, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

struct wanted {
    const char *name;
    int64_t value;
    int64_t days;
};

static void
look(void *ctx, int64_t day, const char *name, int64_t value)
{
    struct wanted *wanted = ctx;

    if (strcmp(name, wanted->name) != 0)
        return;
    wanted->days++;
    if (strncmp(name, AKS_STATE_SUM_MAX, 4) == 0)
        wanted->value = value > wanted->value ? value : wanted->value;
    else
        wanted->value += value;
}

static int64_t
sum(struct aks_state *opened, const char *name, int64_t *ret_days)
{
    struct wanted wanted = { name, 0, 0 };

    assert_int_equal(aks_state_sums_each(opened, AKS_STATE_DAY_BEFORE, look, &wanted, &err),
        AKS_OK);
    if (ret_days != NULL)
        *ret_days = wanted.days;
    return wanted.value;
}

static void
count_rows(void *ctx, const struct aks_run_figures *figures)
{
    ++*(int *)ctx;
    assert_int_equal(figures->duration_ms, 250);
}

static void
runs_add_up_by_day(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_run_figures figures = run_at(NOW, "");
    struct aks_run_figures last;
    int64_t days;
    int rows = 0;

    put(opened, &figures);
    figures = run_at(NOW + DAY, "offline");
    figures.memory_bytes = 500;
    put(opened, &figures);
    assert_int_equal(sum(opened, AKS_STATE_SUM_RUNS, &days), 2);
    assert_int_equal(days, 2);
    assert_int_equal(sum(opened, AKS_STATE_SUM_OUTCOME "stored", NULL), 1);
    assert_int_equal(sum(opened, AKS_STATE_SUM_FAILURE "offline", &days), 1);
    assert_int_equal(days, 1);
    assert_int_equal(sum(opened, AKS_STATE_SUM_SENT_BYTES, NULL), 82);
    assert_int_equal(sum(opened, AKS_STATE_SUM_DURATION "500", NULL), 2);
    assert_int_equal(sum(opened, AKS_STATE_SUM_DURATION "100", NULL), 0);
    assert_int_equal(sum(opened, AKS_STATE_SUM_DURATION "1000", NULL), 0);
    assert_int_equal(sum(opened, AKS_STATE_SUM_FALLBACKS, NULL), 1);
    assert_int_equal(sum(opened, AKS_STATE_SUM_MEMORY_BYTES, NULL), 1000);
    assert_int_equal(aks_state_figures_each(opened, NOW + 1, count_rows, &rows, &err), AKS_OK);
    assert_int_equal(rows, 1);
    assert_int_equal(aks_state_figures_last(opened, false, &last, &err), AKS_OK);
    assert_string_equal(last.failure, "offline");
    assert_int_equal(aks_state_figures_last(opened, true, &last, &err), AKS_OK);
    assert_int_equal(last.at_ms, NOW);
    assert_int_equal(last.memory_bytes, 1000);
    aks_state_close(opened);
}

/* 50 runs a time, as that is when old days are added up. */
static void
old_days_are_added_up_and_nothing_gets_smaller(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_run_figures figures;
    int64_t days;

    for (int64_t i = 0; i < 50; i++) {
        figures = run_at(NOW + i * DAY, "");
        figures.memory_bytes = 2000 - i;
        put(opened, &figures);
    }
    assert_int_equal(sum(opened, AKS_STATE_SUM_RUNS, &days), 50);
    assert_int_equal(days, 50);
    for (int64_t i = 0; i < 50; i++) {
        figures = run_at(NOW + (AKS_STATE_DAYS_MAX + 20) * DAY, "");
        figures.memory_bytes = 7;
        put(opened, &figures);
    }
    assert_int_equal(sum(opened, AKS_STATE_SUM_RUNS, &days), 100);
    assert_int_equal(days, 1 + 30 + 1);
    assert_int_equal(sum(opened, AKS_STATE_SUM_MEMORY_BYTES, NULL), 2000);
    assert_int_equal(sum(opened, AKS_STATE_SUM_STORED_BYTES, NULL), 4000);
    aks_state_close(opened);
}

static void
rows_are_bounded(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_run_figures figures = run_at(NOW, "");

    for (int i = 0; i < 49; i++)
        put(opened, &figures);
    assert_int_equal(raw("UPDATE figures SET id = id + 1000000 - 49"), -1);
    put(opened, &figures);
    assert_int_equal(raw("SELECT count(*) FROM figures"), 50);
    assert_int_equal(raw("UPDATE figures SET id = id - 30000 WHERE id < 999990"), -1);
    for (int i = 0; i < 50; i++)
        put(opened, &figures);
    assert_in_range(raw("SELECT count(*) FROM figures"), 50, 70);
    assert_int_equal(sum(opened, AKS_STATE_SUM_RUNS, NULL), 100);
    aks_state_close(opened);
}

static void
an_older_database_has_none(void **state)
{
    struct aks_state *opened = NULL;
    struct aks_run_figures last;
    int rows = 0;

    aks_state_close(open_state());
    (void)raw("DROP TABLE figures");
    (void)raw("DROP TABLE sums");
    drop_sums();
    (void)raw("PRAGMA user_version = 4");
    assert_int_equal(aks_state_open_reading(aks_alloc_system(), &port->files,
        temp_folder_path(folder), &opened, &err), AKS_OK);
    assert_int_equal(aks_state_figures_each(opened, 0, count_rows, &rows, &err), AKS_OK);
    assert_int_equal(aks_state_figures_last(opened, true, &last, &err), AKS_OK);
    assert_int_equal(last.at_ms, 0);
    assert_int_equal(sum(opened, AKS_STATE_SUM_RUNS, NULL), 0);
    assert_int_equal(rows, 0);
    aks_state_close(opened);
    opened = open_state();
    assert_int_equal(raw("SELECT count(*) FROM sums"), 0);
    aks_state_close(opened);
}

static void
spans_are_minutes_hours_or_days(void **state)
{
    static const char *const wrong[] = { "", "2", "d", "0d", "-1d", "2w", "2d ", "99999999d",
        "3661d", "2.5h", "0x2d" };
    int64_t ms = 0;

    assert_int_equal(aks_freshness_parse("90m", &ms, &err), AKS_OK);
    assert_int_equal(ms, 90 * 60000);
    assert_int_equal(aks_freshness_parse("36h", &ms, &err), AKS_OK);
    assert_int_equal(ms, 36 * 3600000);
    assert_int_equal(aks_freshness_parse("3660d", &ms, &err), AKS_OK);
    assert_int_equal(ms, 3660 * DAY);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(aks_freshness_parse(wrong[i], &ms, &err), AKS_SETTINGS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_add_up_by_day),
        TEST(old_days_are_added_up_and_nothing_gets_smaller),
        TEST(rows_are_bounded),
        TEST(an_older_database_has_none),
        TEST(spans_are_minutes_hours_or_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
