/* Work in the background, as an embedder sees it: kept, told, brought, dropped. No worker of
 * another process is started. */
#include "akosha/akosha.h"

#include "api_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROUNDS_MAX 20000
/* A prime, so that every kind of allocation has its turn; all of them would take long. */
#define STRIDE 13

static int
enqueue(struct api_place *place, const char *policy, struct akosha_enqueued *ret_enqueued)
{
    const struct akosha_enqueue_options options = { .port = place->options.port,
        .state_folder = place->options.state_folder, .policy = policy, .no_worker = true };

    return akosha_enqueue(&options, ret_enqueued, &place->error);
}

static int
work(struct api_place *place)
{
    static const struct akosha_worker_options options = { .once = true };

    return akosha_worker(place->engine, &options, api_place_report(place), &place->error);
}

static int
status(struct api_place *place, const char *job_id)
{
    return akosha_status(place->options.port, place->options.state_folder, job_id,
        api_place_report(place), &place->error);
}

static void
job_is_kept_and_brought(void **state)
{
    struct api_place *place = *state;
    struct akosha_enqueued enqueued;

    /* Before there is anything. */
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "queue", -1), 0);
    assert_false(api_place_exists(place, "state"));
    assert_int_equal(enqueue(place, api_place_policy(place, "p.lua"), &enqueued), AKOSHA_OK);
    assert_false(enqueued.worker);
    assert_int_equal(enqueued.worker_error.code, 0);
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "queue.0.job_id"), enqueued.job_id);
    assert_string_equal(akosha_report_text(place->report, "queue.0.state"), "waiting");
    assert_int_equal(status(place, enqueued.job_id), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "job.state"), "waiting");

    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(work(place), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "outcome"), "done");
    assert_string_equal(akosha_report_text(place->report, "jobs.0.outcome"), "stored");
    assert_int_equal(status(place, enqueued.job_id), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "job.state"), "ended");
    assert_string_equal(akosha_report_text(place->report, "job.outcome"), "stored");
    assert_string_equal(akosha_report_text(place->report, "report.outcome"), "stored");
}

static void
job_that_cannot_be_brought_waits_and_is_cancelled(void **state)
{
    struct api_place *place = *state;
    struct akosha_enqueued enqueued;

    temp_folder_write(place->folder, "target", "a file where a folder should be", 31);
    assert_int_equal(enqueue(place, api_place_policy(place, "p.lua"), &enqueued), AKOSHA_OK);
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_not_equal(work(place), AKOSHA_OK);
    assert_non_null(strstr(place->error.message, "target"));
    assert_int_equal(status(place, enqueued.job_id), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "job.state"), "waiting");
    assert_int_equal(akosha_report_number(place->report, "job.tries", -1), 1);
    assert_non_null(akosha_report_text(place->report, "job.reason"));
    assert_int_equal(akosha_cancel(place->engine, enqueued.job_id, &place->error), AKOSHA_OK);
    assert_int_equal(status(place, enqueued.job_id), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "job.outcome"), "cancelled");
    assert_int_equal(akosha_report_number(place->report, "job.tries", -1), 1);
    assert_int_equal(work(place), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "jobs", -1), 0);
}

static void
damaged_job_is_told_and_can_be_cancelled(void **state)
{
    static const char id[] = "20260101T000000Z-00abcd";
    struct api_place *place = *state;
    struct akosha_enqueued enqueued;
    char name[API_PLACE_TEXT_BYTES];

    assert_int_equal(enqueue(place, api_place_policy(place, "p.lua"), &enqueued), AKOSHA_OK);
    (void)snprintf(name, sizeof(name), "state/queue/%s.json", id);
    temp_folder_write(place->folder, name, "{ no job", 8);
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "queue", -1), 1);
    assert_string_equal(akosha_report_text(place->report, "damaged.0.job_id"), id);
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(akosha_cancel(place->engine, id, &place->error), AKOSHA_OK);
    assert_false(api_place_exists(place, name));
}

static void
nothing_is_known_of_a_job(void **state)
{
    struct api_place *place = *state;

    assert_int_equal(status(place, "20200101T000000Z-000001"), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "20200101T000000Z-000001"));
    assert_null(place->report);
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(akosha_cancel(place->engine, "../../a.txt", &place->error), AKOSHA_USAGE);
    assert_true(api_place_exists(place, "a.txt"));
}

/* What its maker can mend is told as settings, all else as not kept. */
static void
what_cannot_be_enqueued_is_told(void **state)
{
    static const char *const wrong_limit = "memory=none";
    static const char *const secret = "AWS_SECRET_ACCESS_KEY";
    struct api_place *place = *state;
    struct akosha_enqueue_options options = { .port = &place->port, .no_worker = true,
        .state_folder = place->options.state_folder };
    struct akosha_enqueued enqueued;

    options.limits = &wrong_limit;
    options.limit_count = 1;
    assert_int_equal(akosha_enqueue(&options, &enqueued, &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "none"));
    options.limit_count = 0;
    options.policy = temp_folder_join(place->folder, "none.lua");
    assert_int_equal(akosha_enqueue(&options, &enqueued, &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "none.lua"));
    options.policy = api_place_policy(place, "p.lua");
    options.allow = &secret;
    options.allow_count = 1;
    assert_int_equal(akosha_enqueue(&options, &enqueued, &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, secret));
    options.allow_count = 0;
    options.state_folder = temp_folder_join(place->folder, "a.txt/state");
    assert_int_equal(akosha_enqueue(&options, &enqueued, &place->error), AKOSHA_NOT_KEPT);
    assert_string_equal(enqueued.job_id, "");
    assert_int_equal(place->error.code, AKOSHA_NOT_KEPT);
}

static void
limit_is_checked_before_anything(void **state)
{
    static const char *const wrong = "time=soon";
    struct api_place *place = *state;

    assert_int_equal(akosha_limit_check("memory=64MiB", &place->error), AKOSHA_OK);
    assert_int_equal(akosha_limit_check(wrong, &place->error), AKOSHA_USAGE);
    assert_int_equal(place->error.code, AKOSHA_USAGE);
    assert_int_equal(akosha_limit_check("sleep=3", &place->error), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "sleep"));
    place->options.limits = &wrong;
    place->options.limit_count = 1;
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_USAGE);
    assert_false(api_place_exists(place, "state"));
}

/* A folder that others can write to could tell anything. */
static void
status_of_a_folder_of_others(void **state)
{
    struct api_place *place = *state;
    struct akosha_enqueued enqueued;

    assert_int_equal(enqueue(place, api_place_policy(place, "p.lua"), &enqueued), AKOSHA_OK);
    assert_int_equal(chmod(place->options.state_folder, 0777), 0);
    assert_int_equal(status(place, NULL), AKOSHA_NOT_KEPT);
    assert_non_null(strstr(place->error.message, "state"));
    assert_int_equal(akosha_stats(place->options.port, place->options.state_folder,
        api_place_report(place), &place->error), AKOSHA_NOT_KEPT);
    assert_int_equal(chmod(place->options.state_folder, 0700), 0);
    assert_int_equal(status(place, NULL), AKOSHA_OK);
}

static int
note(struct api_place *place, const struct akosha_error *failed)
{
    return akosha_hook_note(place->options.port, place->options.state_folder, failed,
        &place->error);
}

static void
failed_hook_is_told_until_one_succeeds(void **state)
{
    struct akosha_error failed = { AKOSHA_NOT_KEPT, "no_space", "no room for the job",
        "make some" };
    struct api_place *place = *state;

    assert_int_equal(note(place, &failed), AKOSHA_OK);
    failed.failure = NULL;
    (void)snprintf(failed.message, sizeof(failed.message), "something else");
    failed.hint[0] = '\0';
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "hook.failure"), "no_space");
    assert_string_equal(akosha_report_text(place->report, "hook.message"), "no room for the job");
    assert_string_equal(akosha_report_text(place->report, "hook.hint"), "make some");
    assert_int_equal(note(place, &failed), AKOSHA_OK);
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "hook.failure"), "internal");
    assert_int_equal(akosha_report_number(place->report, "hook.times", -1), 2);
    assert_null(akosha_report_text(place->report, "hook.hint"));
    failed.failure = "ok";
    assert_int_equal(note(place, &failed), AKOSHA_OK);
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "hook.failure"), "internal");
    assert_int_equal(note(place, NULL), AKOSHA_OK);
    assert_int_equal(status(place, NULL), AKOSHA_OK);
    assert_null(akosha_report_text(place->report, "hook.failure"));
    place->working_folder = "";
    place->options.state_folder = "state";
    assert_int_equal(note(place, &failed), AKOSHA_NOT_KEPT);
}

/* A job is there once it was said to be, whatever fails; a policy is what it was. */
static void
queue_survives_any_allocation_that_fails(void **state)
{
    struct api_place *place = *state;
    const char *policy = api_place_policy(place, "p.lua");
    struct akosha_error failed = { AKOSHA_NOT_KEPT, "no_space", "no room for the job", "" };

    for (int64_t round = 0; round < ROUNDS_MAX; round += STRIDE) {
        struct failing_alloc failing;
        struct akosha_enqueued enqueued;
        struct aks_os *os = NULL;
        int code;

        failing_alloc_init(&failing);
        failing.fail_at = round;
        memset(&enqueued, 0, sizeof(enqueued));
        if (aks_os_open(&failing.alloc, &os, NULL) == AKS_OK) {
            api_place_use(place, os);
            code = api_place_told(place, enqueue(place, policy, &enqueued));
            assert_int_equal(code == AKOSHA_OK, enqueued.job_id[0] != '\0');
            (void)api_place_told(place, status(place, NULL));
            (void)api_place_told(place, note(place, &failed));
            (void)api_place_told(place, note(place, NULL));
            if (api_place_told(place, akosha_open(&place->options, &place->engine,
                &place->error)) == AKOSHA_OK) {
                (void)api_place_told(place, work(place));
                if (enqueued.job_id[0] != '\0')
                    (void)api_place_told(place, akosha_cancel(place->engine, enqueued.job_id,
                        &place->error));
            }
            (void)api_place_report(place);
            akosha_close(place->engine);
            place->engine = NULL;
            aks_os_close(os);
            api_place_use(place, place->os);
            if (enqueued.job_id[0] != '\0')
                assert_int_equal(status(place, enqueued.job_id), AKOSHA_OK);
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
        API_TEST(job_is_kept_and_brought),
        API_TEST(job_that_cannot_be_brought_waits_and_is_cancelled),
        API_TEST(damaged_job_is_told_and_can_be_cancelled),
        API_TEST(nothing_is_known_of_a_job),
        API_TEST(what_cannot_be_enqueued_is_told),
        API_TEST(limit_is_checked_before_anything),
        API_TEST(status_of_a_folder_of_others),
        API_TEST(failed_hook_is_told_until_one_succeeds),
        API_TEST(queue_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
