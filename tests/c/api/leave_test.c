/* What an embedder tells somebody else's program: documents made fit to leave, what the last runs
 * did, and the policy as text. */
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

#define ROUNDS_MAX 20000
#define STRIDE 7
#define TOLD "{\"path\": \"/home/nobody-here/notes.db\", \"bucket\": \"secret-bucket-of-mine\"," \
    " \"header\": \"Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789\", \"bytes\": 7}"

static struct akosha_leaving *
leaving_open(struct api_place *place, const char *policy, bool keep_names)
{
    const struct akosha_leaving_options options = { .port = place->options.port,
        .state_folder = place->options.state_folder, .policy = policy,
        .keep_names = keep_names };
    struct akosha_leaving *leaving = NULL;

    assert_int_equal(akosha_leaving_open(&options, &leaving, &place->error), AKOSHA_OK);
    return leaving;
}

static const char *
bucket_policy(struct api_place *place)
{
    static const char text[] = "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, targets = { cloud = akosha.s3 { bucket ="
        " 'secret-bucket-of-mine' } } }\n";

    return temp_folder_write(place->folder, "b.lua", text, strlen(text));
}

static void
secrets_and_names_do_not_leave(void **state)
{
    struct api_place *place = *state;
    struct akosha_leaving *leaving = leaving_open(place, bucket_policy(place), false);
    const char *text;

    assert_int_equal(akosha_leaving_document(leaving, TOLD, api_place_report(place),
        &place->error), AKOSHA_OK);
    text = akosha_report_json(place->report, false);
    assert_null(strstr(text, "secret-bucket-of-mine"));
    assert_null(strstr(text, "abcdefghijklmnopqrstuvwxyz0123456789"));
    assert_int_equal(akosha_report_number(place->report, "bytes", -1), 7);
    akosha_leaving_close(leaving);
    /* Who wants names has them; secrets nobody has. */
    leaving = leaving_open(place, bucket_policy(place), true);
    assert_int_equal(akosha_leaving_document(leaving, TOLD, api_place_report(place),
        &place->error), AKOSHA_OK);
    text = akosha_report_json(place->report, false);
    assert_non_null(strstr(text, "secret-bucket-of-mine"));
    assert_null(strstr(text, "abcdefghijklmnopqrstuvwxyz0123456789"));
    akosha_leaving_close(leaving);
    akosha_leaving_close(NULL);
}

/* Then nothing leaves at all. */
static void
what_is_no_document_does_not_leave(void **state)
{
    static const char *const wrong[] = { "", "no JSON", "{\"a\": 1", "7" };
    struct api_place *place = *state;
    struct akosha_leaving *leaving = leaving_open(place, NULL, false);

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_not_equal(akosha_leaving_document(leaving, wrong[i], api_place_report(place),
            &place->error), AKOSHA_OK);
        assert_null(place->report);
        assert_non_null(strstr(place->error.message, "it is no JSON"));
    }
    akosha_leaving_close(leaving);
}

/* A policy that cannot be found names nothing: what there is leaves without its names. */
static void
a_policy_that_is_not_there_keeps_nobody_from_telling(void **state)
{
    struct api_place *place = *state;
    struct akosha_leaving *leaving = leaving_open(place, temp_folder_join(place->folder,
        "none.lua"), false);

    assert_int_equal(akosha_leaving_document(leaving, "[\"a text\"]", api_place_report(place),
        &place->error), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "0"), "a text");
    akosha_leaving_close(leaving);
}

static int
history(struct api_place *place, int64_t runs_max, const char *outcome)
{
    const struct akosha_history_options options = { .port = place->options.port,
        .state_folder = place->options.state_folder, .runs_max = runs_max, .outcome = outcome };

    return akosha_history(&options, api_place_report(place), &place->error);
}

static void
last_runs_are_told_the_newest_first(void **state)
{
    struct api_place *place = *state;
    char first[64];

    assert_int_equal(history(place, 0, NULL), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "runs", -1), 0);
    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    (void)snprintf(first, sizeof(first), "%s", akosha_report_text(place->report, "run_id"));
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_int_equal(history(place, 0, NULL), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "runs", -1), 2);
    assert_string_equal(akosha_report_text(place->report, "runs.1.run_id"), first);
    assert_string_equal(akosha_report_text(place->report, "runs.0.outcome"), "unchanged");
    assert_int_equal(history(place, 1, NULL), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "runs", -1), 1);
    assert_int_equal(history(place, 200, "stored"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "runs", -1), 1);
    assert_string_equal(akosha_report_text(place->report, "runs.0.run_id"), first);
    assert_int_equal(history(place, 201, NULL), AKOSHA_USAGE);
    assert_int_equal(place->error.code, AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "1 to 200"));
    assert_null(place->report);
    assert_int_equal(history(place, -1, NULL), AKOSHA_USAGE);
}

static void
a_policy_is_shown_as_it_is_written(void **state)
{
    static const char module[] = "return { 'a.txt' }\n";
    struct api_place *place = *state;
    const char *path;
    char *text;

    assert_int_equal(akosha_policy_show(place->options.port, NULL, api_place_report(place),
        &place->error), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "path"), "built-in default");
    assert_non_null(strstr(akosha_report_text(place->report, "text"), "akosha.policy"));
    path = api_place_policy(place, "p.lua");
    (void)temp_folder_write(place->folder, "mine.lua", module, strlen(module));
    assert_int_equal(akosha_policy_show(place->options.port, path, api_place_report(place),
        &place->error), AKOSHA_OK);
    text = temp_folder_read(place->folder, "p.lua", NULL);
    assert_string_equal(akosha_report_text(place->report, "text"), text);
    assert_string_equal(akosha_report_text(place->report, "path"), path);
    assert_int_equal(strlen(akosha_report_text(place->report, "sha256")), 64);
    assert_string_equal(akosha_report_text(place->report, "modules.0"), "mine");
    free(text);
    path = temp_folder_join(place->folder, "none.lua");
    assert_int_equal(akosha_policy_show(place->options.port, path, api_place_report(place),
        &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "none.lua"));
    assert_null(place->report);
}

/* Without memory nothing half redacted leaves. */
static void
tell_everything(struct api_place *place, const char *policy)
{
    const struct akosha_leaving_options options = { .port = place->options.port,
        .state_folder = place->options.state_folder, .policy = policy };
    struct akosha_leaving *leaving = NULL;

    if (akosha_leaving_open(&options, &leaving, &place->error) == AKOSHA_OK &&
        akosha_leaving_document(leaving, TOLD, api_place_report(place), &place->error) ==
            AKOSHA_OK)
        assert_null(strstr(akosha_report_json(place->report, false), "secret-bucket-of-mine"));
    akosha_leaving_close(leaving);
    if (history(place, 0, NULL) != AKOSHA_OK)
        assert_true(place->error.message[0] != '\0' && place->report == NULL);
    if (akosha_policy_show(place->options.port, policy, api_place_report(place), &place->error) !=
        AKOSHA_OK)
        assert_true(place->error.message[0] != '\0' && place->report == NULL);
    (void)api_place_report(place);
}

static void
nothing_leaves_where_an_allocation_fails(void **state)
{
    struct api_place *place = *state;
    char policy[API_PLACE_TEXT_BYTES];
    int64_t round = 0;

    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    akosha_policy_free(place->policy);
    akosha_close(place->engine);
    place->policy = NULL;
    place->engine = NULL;
    (void)snprintf(policy, sizeof(policy), "%s", bucket_policy(place));
    for (; round < ROUNDS_MAX; round += STRIDE) {
        struct failing_alloc failing;
        struct aks_os *os = NULL;

        failing_alloc_init(&failing);
        failing.fail_at = round;
        if (aks_os_open(&failing.alloc, &os, NULL) == AKS_OK) {
            api_place_use(place, os);
            tell_everything(place, policy);
            aks_os_close(os);
        }
        assert_int_equal(failing.outstanding, 0);
        if (failing.seen <= round)
            break;
    }
    assert_true(round < ROUNDS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, api_place_set_up, api_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(secrets_and_names_do_not_leave),
        TEST(what_is_no_document_does_not_leave),
        TEST(a_policy_that_is_not_there_keeps_nobody_from_telling),
        TEST(last_runs_are_told_the_newest_first),
        TEST(a_policy_is_shown_as_it_is_written),
        TEST(nothing_leaves_where_an_allocation_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
