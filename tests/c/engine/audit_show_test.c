/* Which records `audit show` finds, in which order, how many of them, and what it says of the
 * chain while it is at it. */
#include "engine/audit_show.h"

#include "engine/audit_place.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define UPLOAD "20261118T010000Z-3f9a2c"

static struct aks_error err;

static json_t *
show(struct audit_place *place, const struct aks_audit_show_options *options)
{
    json_t *report = NULL;

    if (aks_audit_show(place->engine, options, &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

/* The events that are found, with commas. */
static const char *
events(const json_t *report, char text[256])
{
    const json_t *record;
    size_t len = 0;
    size_t i;

    text[0] = '\0';
    json_array_foreach(json_look(report, "records"), i, record)
        len += (size_t)snprintf(text + len, 256 - len, "%s%s", i > 0 ? "," : "",
            json_look_text(record, "event"));
    assert_true(len < 256);
    return text;
}

static void
finds(struct audit_place *place, const struct aks_audit_show_options *options, const char *wanted)
{
    json_t *report = show(place, options);
    char text[256];

    assert_string_equal(events(report, text), wanted);
    json_decref(report);
}

/* Four records, an hour between each. */
static void
fill(struct audit_place *place)
{
    audit_place_note(place, "one", "upload_id", UPLOAD);
    place->wall_ms += HOUR;
    audit_place_note(place, "two", "job_id", "job-7");
    place->wall_ms += HOUR;
    audit_place_note(place, "three", "run_id", "job-7");
    place->wall_ms += HOUR;
    audit_place_note(place, "four", NULL, NULL);
}

static void
all_are_found_the_oldest_first(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_show_options options = { 0 };
    json_t *report;
    char text[256];

    fill(place);
    report = show(place, &options);
    assert_string_equal(events(report, text), "one,two,three,four");
    assert_int_equal(json_look_number(report, "records.0.seq"), 1);
    assert_string_equal(json_look_text(report, "records.3.at"), "2026-11-18T14:06:40.000Z");
    assert_string_equal(json_look_text(report, "chain"), "fits");
    assert_true(json_is_false(json_look(report, "more")));
    json_decref(report);
}

static void
of_many_the_newest_are_found(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_show_options options = { .records_max = 2 };
    json_t *report;
    char text[256];

    fill(place);
    report = show(place, &options);
    assert_string_equal(events(report, text), "three,four");
    assert_true(json_is_true(json_look(report, "more")));
    assert_string_equal(json_look_text(report, "chain"), "fits");
    json_decref(report);
    options.records_max = 4;
    report = show(place, &options);
    assert_true(json_is_false(json_look(report, "more")));
    json_decref(report);
}

/* A run's own job has the id of the run. */
static void
they_are_found_by_what_they_are_about(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_show_options event = { .event = "two" };
    struct aks_audit_show_options upload = { .upload_id = UPLOAD };
    struct aks_audit_show_options job = { .job_id = "job-7" };
    struct aks_audit_show_options both = { .job_id = "job-7", .event = "three" };
    struct aks_audit_show_options none = { .upload_id = "other" };

    fill(place);
    finds(place, &event, "two");
    finds(place, &upload, "one");
    finds(place, &job, "two,three");
    finds(place, &both, "three");
    finds(place, &none, "");
}

static void
since_is_a_date_a_time_or_how_long_ago(void **state)
{
    struct audit_place *place = *state;
    static const struct {
        const char *since;
        const char *found;
    } cases[] = {
        { "2026-11-18", "one,two,three,four" }, { "2026-11-19", "" },
        { "2026-11-18T12:06:40Z", "two,three,four" }, { "2026-11-18T12:06:40.001Z", "three,four" },
        { "60m", "three,four" }, { "7200s", "two,three,four" }, { "1h", "three,four" },
        { "1d", "one,two,three,four" }, { "0s", "four" }, { "36500d", "one,two,three,four" },
    };

    fill(place);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_audit_show_options options = { .since = cases[i].since };

        finds(place, &options, cases[i].found);
    }
}

static void
what_is_no_time_and_no_number_is_refused(void **state)
{
    struct audit_place *place = *state;
    static const char *const wrong[] = { "", "d", "7", "7w", "-1d", "1.5h", "7d ", "36501d",
        "9999999999s", "2026-11-31", "2026-13-01", "yesterday", "2026-11-18T12:06:40" };
    static const int64_t numbers[] = { -1, AKS_AUDIT_SHOW_RECORDS_MAX + 1 };
    json_t *report = NULL;

    fill(place);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct aks_audit_show_options options = { .since = wrong[i] };

        if (aks_audit_show(place->engine, &options, &report, &err) != AKS_SETTINGS)
            fail_msg("it was taken: %s", wrong[i]);
        assert_non_null(strstr(err.message, "--since"));
        assert_null(report);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct aks_audit_show_options options = { .records_max = numbers[i] };

        assert_int_equal(aks_audit_show(place->engine, &options, &report, &err), AKS_SETTINGS);
        assert_non_null(strstr(err.message, "1 to 10000"));
    }
}

static void
without_a_log_nothing_is_found(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_show_options options = { 0 };
    json_t *report = show(place, &options);

    assert_int_equal(json_array_size(json_look(report, "records")), 0);
    assert_string_equal(json_look_text(report, "chain"), "fits");
    json_decref(report);
}

/* What is shown of a log that was touched is shown, and that it was. */
static void
a_log_that_was_touched_is_shown_and_told(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_show_options options = { 0 };
    json_t *report;
    char text[256];

    fill(place);
    audit_place_change(place, 2, NULL);
    report = show(place, &options);
    assert_string_equal(events(report, text), "one,three,four");
    assert_string_equal(json_look_text(report, "chain"), "dropped");
    json_decref(report);
    audit_place_change(place, 2, "no record at all");
    report = show(place, &options);
    assert_string_equal(events(report, text), "one,four");
    json_decref(report);
    audit_place_change(place, 3, NULL);
    audit_place_change(place, 2, NULL);
    report = show(place, &options);
    assert_string_equal(events(report, text), "one");
    assert_string_equal(json_look_text(report, "chain"), "truncated");
    json_decref(report);
}

static void
who_interrupts_gets_nothing(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_show_options options = { 0 };
    json_t *report = NULL;

    fill(place);
    aks_engine_interrupt(place->engine, 2);
    assert_int_equal(aks_audit_show(place->engine, &options, &report, &err), AKS_CANCELLED);
    assert_null(report);
}

/* All that are wanted, or a failure. */
static int
show_in(void *ctx, const struct aks_alloc *alloc)
{
    struct audit_place *place = ctx;
    struct aks_audit_show_options options = { .records_max = 3 };
    json_t *report = NULL;
    char text[256];
    int rc = 0;

    if (audit_place_open(place, alloc) == AKS_OK &&
        aks_audit_show(place->engine, &options, &report, &err) == AKS_OK)
        rc = strcmp(events(report, text), "two,three,four") != 0 ||
            strcmp(json_look_text(report, "chain"), "fits") != 0;
    json_decref(report);
    aks_engine_close(place->engine);
    place->engine = NULL;
    return rc;
}

static void
without_memory_nothing_is_missing_unseen(void **state)
{
    struct audit_place *place = *state;

    fill(place);
    failing_alloc_loop(show_in, place, 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, audit_place_set_up, audit_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_are_found_the_oldest_first),
        TEST(of_many_the_newest_are_found),
        TEST(they_are_found_by_what_they_are_about),
        TEST(since_is_a_date_a_time_or_how_long_ago),
        TEST(what_is_no_time_and_no_number_is_refused),
        TEST(without_a_log_nothing_is_found),
        TEST(a_log_that_was_touched_is_shown_and_told),
        TEST(who_interrupts_gets_nothing),
        TEST(without_memory_nothing_is_missing_unseen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
