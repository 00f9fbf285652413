/* The public header: what an embedder sees, over the real ports but for what a process is told. */
#include "akosha/akosha.h"

#include "api_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROUNDS_MAX 50000
/* A prime, so that every kind of allocation has its turn; all of them would take long. */
#define STRIDE 3

static void
engine_syncs_and_lists(void **state)
{
    struct api_place *place = *state;

    api_place_open(place);
    assert_string_equal(akosha_policy_path(place->policy), temp_folder_join(place->folder,
        "p.lua"));
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "outcome"), "stored");
    assert_string_equal(place->error.failure, "ok");
    assert_string_equal(place->error.message, "");
    assert_true(place->lines > 0);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "outcome"), "unchanged");
    assert_int_equal(akosha_list(place->engine, place->policy, NULL, api_place_report(place),
        &place->error), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "targets.0.uploads", -1), 1);
    assert_string_equal(akosha_report_text(place->report, "targets.0.uploads.0.objects.0.name"),
        "a.txt");
    assert_true(strlen(akosha_version()) > 0);
}

static void
report_is_read_by_paths(void **state)
{
    struct api_place *place = *state;
    char name[100];

    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "files.0.outcome"), "stored");
    assert_int_equal(akosha_report_number(place->report, "files", -1), 1);
    assert_int_equal(akosha_report_number(place->report, "files.0.bytes", -1), 9);
    assert_int_equal(akosha_report_number(place->report, "success", -1), 1);
    assert_true(akosha_report_number(place->report, "duration_s", -1) >= 0);
    assert_int_equal(akosha_report_number(place->report, "files.7.bytes", -1), -1);
    assert_int_equal(akosha_report_number(place->report, "outcome", -1), -1);
    assert_null(akosha_report_text(place->report, "files"));
    assert_null(akosha_report_text(place->report, "no.such.path"));
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_null(akosha_report_text(place->report, name));
    assert_null(strchr(akosha_report_json(place->report, false), '\n'));
    assert_non_null(strchr(akosha_report_json(place->report, true), '\n'));
}

static void
state_lies_where_xdg_says(void **state)
{
    struct api_place *place = *state;
    char variable[API_PLACE_TEXT_BYTES];

    place->options.state_folder = NULL;
    (void)snprintf(variable, sizeof(variable), "XDG_STATE_HOME=%s/xdg",
        temp_folder_path(place->folder));
    place->variables[0] = variable;
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_true(api_place_exists(place, "xdg/akosha-sync/state.db"));
    akosha_close(place->engine);
    /* A relative folder there is to be ignored. */
    place->variables[0] = "XDG_STATE_HOME=xdg";
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_true(api_place_exists(place, ".local/state/akosha-sync/state.db"));
}

static void
relative_state_folder_lies_in_the_working_folder(void **state)
{
    struct api_place *place = *state;

    place->options.state_folder = "sub/state";
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_true(api_place_exists(place, "sub/state/state.db"));
    akosha_close(place->engine);
    place->engine = NULL;
    place->working_folder = "";
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error),
        AKOSHA_NOT_KEPT);
    assert_non_null(strstr(place->error.message, "sub/state"));
    assert_string_equal(place->error.failure, "state");
}

static void
state_folder_that_cannot_be_is_told(void **state)
{
    struct api_place *place = *state;

    place->options.state_folder = temp_folder_join(place->folder, "a.txt/state");
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error),
        AKOSHA_NOT_KEPT);
    assert_int_equal(place->error.code, AKOSHA_NOT_KEPT);
    assert_non_null(strstr(place->error.message, "a.txt"));
    akosha_close(NULL);
}

static void
policy_is_found_in_its_order(void **state)
{
    struct api_place *place = *state;
    char config[API_PLACE_TEXT_BYTES];
    char named[API_PLACE_TEXT_BYTES];

    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(place->engine, NULL, NULL, 0, &place->policy,
        &place->error), AKOSHA_OK);
    assert_string_equal(akosha_policy_path(place->policy), "built-in default");
    akosha_policy_free(place->policy);

    assert_int_equal(mkdir(temp_folder_join(place->folder, "akosha-sync"), 0700), 0);
    (void)api_place_policy(place, "akosha-sync/policy.lua");
    (void)snprintf(config, sizeof(config), "XDG_CONFIG_HOME=%s", temp_folder_path(place->folder));
    place->variables[0] = config;
    place->variables[1] = "AKOSHA_POLICY=";
    assert_int_equal(akosha_policy_load(place->engine, NULL, NULL, 0, &place->policy,
        &place->error), AKOSHA_OK);
    assert_non_null(strstr(akosha_policy_path(place->policy), "akosha-sync/policy.lua"));
    akosha_policy_free(place->policy);

    (void)snprintf(named, sizeof(named), "AKOSHA_POLICY=%s", api_place_policy(place, "named.lua"));
    place->variables[1] = named;
    assert_int_equal(akosha_policy_load(place->engine, NULL, NULL, 0, &place->policy,
        &place->error), AKOSHA_OK);
    assert_non_null(strstr(akosha_policy_path(place->policy), "named.lua"));
}

/* It says where data goes, and nobody has named it: it must be this user's alone. */
static void
policy_that_others_may_change_is_not_found(void **state)
{
    struct api_place *place = *state;
    const char *path;

    assert_int_equal(mkdir(temp_folder_join(place->folder, ".config"), 0700), 0);
    assert_int_equal(mkdir(temp_folder_join(place->folder, ".config/akosha-sync"), 0700), 0);
    path = api_place_policy(place, ".config/akosha-sync/policy.lua");
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(akosha_policy_load(place->engine, NULL, NULL, 0, &place->policy,
        &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "cannot use the policy "));
    assert_non_null(strstr(place->error.message, path));
    assert_non_null(strstr(place->error.hint, "chmod"));
    /* Whoever names it has looked at it. */
    assert_int_equal(akosha_policy_load(place->engine, path, NULL, 0, &place->policy,
        &place->error), AKOSHA_OK);
    akosha_policy_free(place->policy);
    place->policy = NULL;
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(akosha_policy_load(place->engine, NULL, NULL, 0, &place->policy,
        &place->error), AKOSHA_OK);
    assert_string_equal(akosha_policy_path(place->policy), path);
}

static void
wrong_policy_is_told(void **state)
{
    struct api_place *place = *state;
    const char *path = temp_folder_write(place->folder, "bad.lua", "return 1 +", 10);
    static const char *const allow[] = { "AWS_SECRET_ACCESS_KEY" };

    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(place->engine, path, NULL, 0, &place->policy,
        &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "bad.lua"));
    assert_int_equal(akosha_policy_load(place->engine, temp_folder_join(place->folder, "none.lua"),
        NULL, 0, &place->policy, &place->error), AKOSHA_SETTINGS);
    assert_int_equal(akosha_policy_load(place->engine, api_place_policy(place, "p.lua"), allow, 1,
        &place->policy, &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, allow[0]));
    assert_null(place->policy);
}

static void
failures_have_their_codes(void **state)
{
    struct api_place *place = *state;
    char job[64];
    int code;

    api_place_open(place);
    temp_folder_write(place->folder, "target", "a file where a folder should be", 31);
    code = api_place_run(place);
    assert_int_not_equal(code, AKOSHA_OK);
    assert_int_equal(place->error.code, code);
    assert_true(place->error.message[0] != '\0');
    (void)snprintf(job, sizeof(job), "%s", akosha_report_text(place->report, "job_id"));
    assert_int_equal(akosha_cancel(place->engine, job, &place->error), AKOSHA_OK);
    assert_int_equal(akosha_cancel(place->engine, job, &place->error), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, job));
    assert_int_equal(akosha_list(place->engine, place->policy, "nowhere", api_place_report(place),
        &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "nowhere"));
    assert_int_equal(remove(temp_folder_join(place->folder, "a.txt")), 0);
    assert_int_equal(api_place_run(place), AKOSHA_SOURCE);
    assert_string_equal(place->error.failure, "source_missing");
    temp_folder_write(place->folder, "a.txt", "some text", 9);
    akosha_interrupt(place->engine, SIGTERM);
    assert_int_equal(api_place_run(place), 128 + SIGTERM);
}

static void
sources_of_the_caller_lie_in_its_folder(void **state)
{
    static const char *const sources[] = { "a.txt" };
    struct akosha_run_options options = { 0 };
    struct api_place *place = *state;

    api_place_open(place);
    options.sources = sources;
    options.source_count = 1;
    options.target = "folder";
    options.dry_run = true;
    assert_int_equal(akosha_run(place->engine, place->policy, &options, &place->report,
        &place->error), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "files.0.outcome"), "skipped");
    assert_false(api_place_exists(place, "target"));
}

static int
run_source(struct api_place *place, const char *source)
{
    struct akosha_run_options options = { 0 };

    options.sources = &source;
    options.source_count = 1;
    akosha_report_free(place->report);
    place->report = NULL;
    return akosha_run(place->engine, place->policy, &options, &place->report, &place->error);
}

static void
next_run_takes_up_what_is_left_in_the_queue(void **state)
{
    struct api_place *place = *state;

    api_place_open(place);
    temp_folder_write(place->folder, "b.txt", "other text", 10);
    temp_folder_write(place->folder, "target", "a file where a folder should be", 31);
    assert_int_not_equal(run_source(place, "a.txt"), AKOSHA_OK);
    assert_non_null(akosha_report_text(place->report, "job_id"));
    assert_int_not_equal(run_source(place, "b.txt"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "jobs", -1), 1);
    assert_string_equal(akosha_report_text(place->report, "jobs.0.outcome"), "queued");
    assert_int_equal(remove(temp_folder_join(place->folder, "target")), 0);
    assert_int_equal(run_source(place, "b.txt"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "jobs", -1), 1);
    assert_string_equal(akosha_report_text(place->report, "jobs.0.outcome"), "stored");
    assert_int_equal(run_source(place, "b.txt"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "jobs", -1), -1);
}

static void
damaged_upload_is_listed_as_such(void **state)
{
    struct api_place *place = *state;
    char name[API_PLACE_TEXT_BYTES];

    api_place_open(place);
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    (void)snprintf(name, sizeof(name), "target/systems/test-1/%s/manifest.json",
        akosha_report_text(place->report, "upload_id"));
    temp_folder_write(place->folder, name, "{ no manifest", 13);
    assert_int_equal(mkdir(temp_folder_join(place->folder, "target/systems/test-1/20260101T000000Z"
        "-000001"), 0700), 0);
    assert_int_equal(mkdir(temp_folder_join(place->folder, "target/systems/test-1/\xff"), 0700),
        0);
    akosha_report_free(place->report);
    (void)akosha_list(place->engine, place->policy, "folder", &place->report, &place->error);
    assert_string_equal(place->error.message, "");
    assert_true(akosha_report_number(place->report, "targets.0.uploads", -1) >= 2);
    assert_int_equal(akosha_report_number(place->report, "targets.0.uploads.0.complete", -1), 0);
    assert_int_equal(akosha_report_number(place->report, "targets.0.uploads.1.complete", -1), 0);
    assert_non_null(akosha_report_text(place->report, "targets.0.uploads.0.reason"));
    assert_non_null(akosha_report_text(place->report, "targets.0.uploads.1.reason"));
}

/* A loaded policy may run again: what its task kept of the run before stands for nothing then, and
 * not for whatever lies in the same place now. */
static void
what_a_task_kept_of_an_earlier_run_is_refused(void **state)
{
    static const char *const uses[] = { "ctx:open('folder', kept.s)", "ctx:checksum(kept.s)",
        "ctx:open('folder', kept.c)", "ctx:send(kept.u)", "ctx:abort(kept.u)", "ctx:join(kept.h)",
        "ctx:log(kept.s.name)", "ctx:log(kept.u.target)", "ctx:log(kept.c.codec)" };
    static const struct akosha_run_options options;
    struct api_place *place = *state;
    char text[API_PLACE_TEXT_BYTES];

    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        (void)snprintf(text, sizeof(text), "local akosha = require 'akosha' local kept\n"
            "return akosha.task { api = 1, sources = { 'a.txt' },\n"
            "  targets = { folder = akosha.dir { path = '%s/target' } },\n"
            "  run = function(ctx)\n"
            "    if kept then ctx:spawn(function() ctx:sleep(0) end) %s end\n"
            "    kept = { s = ctx:snapshot(ctx:sources()[1]) }\n"
            "    kept.c, kept.u = ctx:compress(kept.s, 'gzip'), ctx:open('folder', kept.s)\n"
            "    kept.h = ctx:spawn(function() ctx:sleep(60) end)\n"
            "    error 'over'\n"
            "  end }\n", temp_folder_path(place->folder), uses[i]);
        assert_int_equal(akosha_policy_load(place->engine, temp_folder_write(place->folder,
            "p.lua", text, strlen(text)), NULL, 0, &place->policy, &place->error), AKOSHA_OK);
        (void)akosha_run(place->engine, place->policy, &options, &place->report, &place->error);
        assert_non_null(strstr(place->error.message, "over"));
        akosha_report_free(place->report);
        (void)akosha_run(place->engine, place->policy, &options, &place->report, &place->error);
        if (strstr(place->error.message, "is of an earlier run") == NULL)
            fail_msg("%s: %s", uses[i], place->error.message);
        akosha_report_free(place->report);
        place->report = NULL;
        akosha_policy_free(place->policy);
        place->policy = NULL;
    }
}

/* Opens, loads, runs, lists and closes; whatever fails says so. */
static void
use_everything(struct api_place *place, const char *policy)
{
    static const struct akosha_run_options options;
    int code = api_place_told(place, akosha_open(&place->options, &place->engine, &place->error));

    if (code == AKOSHA_OK)
        code = api_place_told(place, akosha_policy_load(place->engine, policy, NULL, 0,
            &place->policy, &place->error));
    if (code == AKOSHA_OK) {
        (void)api_place_told(place, akosha_run(place->engine, place->policy, &options,
            api_place_report(place), &place->error));
        (void)api_place_told(place, akosha_list(place->engine, place->policy, NULL,
            api_place_report(place), &place->error));
    }
    (void)api_place_report(place);
    akosha_policy_free(place->policy);
    place->policy = NULL;
    akosha_close(place->engine);
    place->engine = NULL;
}

static void
engine_survives_any_allocation_that_fails(void **state)
{
    struct api_place *place = *state;

    for (int64_t round = 0; round < ROUNDS_MAX; round += STRIDE) {
        struct failing_alloc failing;
        struct aks_os *os = NULL;
        const char *policy;
        char target[32];

        (void)snprintf(target, sizeof(target), "target-%lld", (long long)round);
        policy = api_place_policy_to(place, "p.lua", target);
        temp_folder_write(place->folder, "a.txt", &round, sizeof(round));
        failing_alloc_init(&failing);
        failing.fail_at = round;
        if (aks_os_open(&failing.alloc, &os, NULL) == AKS_OK) {
            api_place_use(place, os);
            use_everything(place, policy);
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
        API_TEST(engine_syncs_and_lists),
        API_TEST(report_is_read_by_paths),
        API_TEST(state_lies_where_xdg_says),
        API_TEST(relative_state_folder_lies_in_the_working_folder),
        API_TEST(state_folder_that_cannot_be_is_told),
        API_TEST(policy_is_found_in_its_order),
        API_TEST(policy_that_others_may_change_is_not_found),
        API_TEST(wrong_policy_is_told),
        API_TEST(failures_have_their_codes),
        API_TEST(sources_of_the_caller_lie_in_its_folder),
        API_TEST(next_run_takes_up_what_is_left_in_the_queue),
        API_TEST(damaged_upload_is_listed_as_such),
        API_TEST(what_a_task_kept_of_an_earlier_run_is_refused),
        API_TEST(engine_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("akosha", tests, NULL, NULL);
}
