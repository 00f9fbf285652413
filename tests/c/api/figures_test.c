/* What an embedder asks about: figures, a fleet, this machine, a bucket's documents. */
#include "akosha/akosha.h"

#include "api_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_MAX 60000
/* A prime, so that every kind of allocation has its turn; all of them would take long. */
#define STRIDE 41

static int
stats(struct api_place *place)
{
    return akosha_stats(place->options.port, place->options.state_folder, api_place_report(place),
        &place->error);
}

static int
metrics(struct api_place *place)
{
    return akosha_metrics(place->options.port, place->options.state_folder,
        api_place_report(place), &place->error);
}

static int
fleet(struct api_place *place, const char *target, const char *stale)
{
    return akosha_fleet(place->engine, place->policy, target, stale, api_place_report(place),
        &place->error);
}

static int
bucket_policy(struct api_place *place, const struct akosha_bucket_policy_options *options)
{
    return akosha_bucket_policy(place->options.port, options, api_place_report(place),
        &place->error);
}

static void
figures_tell_what_runs_brought(void **state)
{
    struct api_place *place = *state;

    assert_int_equal(stats(place), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "periods.0.runs", -1), 0);
    assert_int_equal(metrics(place), AKOSHA_OK);
    assert_false(api_place_exists(place, "state"));
    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_int_equal(stats(place), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "periods.0.period"), "day");
    assert_int_equal(akosha_report_number(place->report, "periods.0.runs", -1), 2);
    assert_int_equal(metrics(place), AKOSHA_OK);
    assert_non_null(strstr(akosha_report_text(place->report, "text"), akosha_version()));
    assert_non_null(strstr(akosha_report_text(place->report, "text"), "# TYPE akosha_sync_"));
}

static void
fleet_tells_how_fresh_a_system_is(void **state)
{
    struct api_place *place = *state;

    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_int_equal(fleet(place, NULL, NULL), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "targets.0.systems.0.system_id"),
        "test-1");
    assert_int_equal(fleet(place, "folder", "36h"), AKOSHA_OK);
    assert_int_equal(fleet(place, "elsewhere", NULL), AKOSHA_SETTINGS);
    assert_int_equal(fleet(place, NULL, "a while"), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "a while"));
    assert_int_equal(place->error.code, AKOSHA_USAGE);
    assert_null(place->report);
}

static void
figures_of_a_folder_that_is_not_known(void **state)
{
    const struct akosha_support_options support = { .port = &((struct api_place *)*state)->port,
        .state_folder = "state" };
    struct api_place *place = *state;

    place->working_folder = "";
    place->options.state_folder = "state";
    assert_int_equal(stats(place), AKOSHA_NOT_KEPT);
    assert_non_null(strstr(place->error.message, "the working folder"));
    assert_int_equal(metrics(place), AKOSHA_NOT_KEPT);
    assert_int_equal(akosha_support(&support, api_place_report(place), &place->error),
        AKOSHA_NOT_KEPT);
    assert_null(place->report);
}

/* A real number is read as it is, or cut to a whole one. */
static void
report_has_real_numbers(void **state)
{
    struct api_place *place = *state;
    double took;

    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    took = akosha_report_real(place->report, "duration_s", -1);
    assert_true(took >= 0);
    assert_int_equal(akosha_report_number(place->report, "duration_s", -1), (int64_t)took);
    assert_true(akosha_report_real(place->report, "bytes.source", -1) == 9);
    assert_true(akosha_report_real(place->report, "outcome", -1) == -1);
    assert_true(akosha_report_real(place->report, "none", 7) == 7);
}

static void
bucket_is_told_what_it_needs(void **state)
{
    struct akosha_bucket_policy_options options = { .bucket = "memories", .prefix = "team" };
    struct api_place *place = *state;
    const char *text;

    assert_int_equal(bucket_policy(place, &options), AKOSHA_OK);
    text = akosha_report_json(place->report, false);
    assert_non_null(strstr(text, "\"Deny\""));
    assert_null(strstr(text, "\"Allow\""));
    options.document = "identity";
    assert_int_equal(bucket_policy(place, &options), AKOSHA_OK);
    text = akosha_report_json(place->report, false);
    assert_non_null(strstr(text, "arn:aws:s3:::memories/team/systems/test-1/"));
    assert_null(strstr(text, "s3:DeleteObject"));
    options.use = "prune";
    options.system_id = "laptop-7";
    assert_int_equal(bucket_policy(place, &options), AKOSHA_OK);
    text = akosha_report_json(place->report, false);
    assert_non_null(strstr(text, "s3:DeleteObject"));
    assert_non_null(strstr(text, "systems/laptop-7/"));
    options.document = "all";
    assert_int_equal(bucket_policy(place, &options), AKOSHA_OK);
    assert_non_null(strstr(akosha_report_json(place->report, false), "lifecycle"));
}

static void
document_that_would_stand_for_more_is_refused(void **state)
{
    static const struct {
        struct akosha_bucket_policy_options options;
        const char *message;
    } wrong[] = {
        { { .prefix = "team" }, "--bucket" },
        { { .bucket = "memories", .document = "everything" }, "everything" },
        { { .bucket = "memories", .use = "all" }, "--for" },
        { { .bucket = "mem*" }, "bucket: " },
        { { .bucket = "memories", .prefix = "${aws:userid}" }, "prefix" },
        { { .bucket = "memories", .system_id = "a/b" }, "system id: " },
        { { .bucket = "memories", .principal = "*" }, "principal" },
    };
    struct api_place *place = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(bucket_policy(place, &wrong[i].options), AKOSHA_USAGE);
        if (strstr(place->error.message, wrong[i].message) == NULL)
            fail_msg("%s: %s", wrong[i].message, place->error.message);
        assert_int_equal(place->error.code, AKOSHA_USAGE);
        assert_null(place->report);
    }
}

static void
doctor_looks_with_or_without_a_policy(void **state)
{
    struct akosha_doctor_options options = { NULL, "folder" };
    struct akosha_error policy_error = { AKOSHA_SETTINGS, "policy", "line 3: what is this",
        "mend it" };
    struct api_place *place = *state;

    api_place_open(place);
    assert_int_equal(akosha_doctor(place->engine, place->policy, &options,
        api_place_report(place), &place->error), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "system_id"), "test-1");
    assert_int_equal(akosha_report_number(place->report, "counts.problem", -1), 0);
    options.policy_error = &policy_error;
    options.target = NULL;
    assert_int_equal(akosha_doctor(place->engine, NULL, &options, api_place_report(place),
        &place->error), AKOSHA_SETTINGS);
    assert_int_equal(akosha_report_number(place->report, "counts.problem", -1), 1);
    assert_non_null(strstr(place->error.message, "line 3: what is this"));
    assert_string_equal(place->error.hint, "mend it");
}

static void
support_has_the_program_and_the_policy(void **state)
{
    struct api_place *place = *state;
    const struct akosha_support_options options = { .port = &place->port,
        .state_folder = place->options.state_folder, .policy = api_place_policy(place, "p.lua"),
        .build = "a build", .system = "a system" };
    const char *text;

    assert_int_equal(akosha_support(&options, api_place_report(place), &place->error), AKOSHA_OK);
    text = akosha_report_json(place->report, true);
    assert_non_null(strstr(text, akosha_version()));
    assert_non_null(strstr(text, "a build"));
    assert_non_null(strstr(text, "a system"));
    assert_non_null(strstr(text, "p.lua"));
    assert_false(api_place_exists(place, "state"));
}

/* Whatever fails says so. */
static void
use_everything(struct api_place *place)
{
    static const struct akosha_bucket_policy_options bucket = { .bucket = "memories",
        .document = "all" };
    const struct akosha_support_options support = { .port = &place->port,
        .state_folder = place->options.state_folder, .policy = "p.lua" };
    struct akosha_error policy_error = { AKOSHA_SETTINGS, "policy", "wrong", "" };
    const struct akosha_doctor_options doctor = { &policy_error, NULL };

    (void)api_place_told(place, bucket_policy(place, &bucket));
    (void)api_place_told(place, stats(place));
    (void)api_place_told(place, metrics(place));
    (void)api_place_told(place, akosha_support(&support, api_place_report(place), &place->error));
    if (api_place_told(place, akosha_open(&place->options, &place->engine, &place->error)) ==
        AKOSHA_OK) {
        (void)api_place_told(place, akosha_doctor(place->engine, NULL, &doctor,
            api_place_report(place), &place->error));
        if (api_place_told(place, akosha_policy_load(place->engine, "p.lua", NULL, 0,
            &place->policy, &place->error)) == AKOSHA_OK)
            (void)api_place_told(place, fleet(place, NULL, "2d"));
    }
    (void)api_place_report(place);
    akosha_policy_free(place->policy);
    place->policy = NULL;
    akosha_close(place->engine);
    place->engine = NULL;
}

static void
figures_survive_any_allocation_that_fails(void **state)
{
    struct api_place *place = *state;

    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    akosha_policy_free(place->policy);
    akosha_close(place->engine);
    place->policy = NULL;
    place->engine = NULL;
    for (int64_t round = 0; round < ROUNDS_MAX; round += STRIDE) {
        struct failing_alloc failing;
        struct aks_os *os = NULL;

        failing_alloc_init(&failing);
        failing.fail_at = round;
        if (aks_os_open(&failing.alloc, &os, NULL) == AKS_OK) {
            api_place_use(place, os);
            use_everything(place);
            aks_os_close(os);
        }
        assert_int_equal(failing.outstanding, 0);
        if (failing.seen <= round)
            return;
    }
    fail_msg("still allocating after %d rounds", ROUNDS_MAX);
}

int
main(void)
{
#define API_TEST(test) cmocka_unit_test_setup_teardown(test, api_place_set_up, api_place_tear_down)
    const struct CMUnitTest tests[] = {
        API_TEST(figures_tell_what_runs_brought),
        API_TEST(fleet_tells_how_fresh_a_system_is),
        API_TEST(figures_of_a_folder_that_is_not_known),
        API_TEST(report_has_real_numbers),
        API_TEST(bucket_is_told_what_it_needs),
        API_TEST(document_that_would_stand_for_more_is_refused),
        API_TEST(doctor_looks_with_or_without_a_policy),
        API_TEST(support_has_the_program_and_the_policy),
        API_TEST(figures_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
