/* Sessions that end, and the worker that brings what they owe, in simulated worlds. */
#include "scenario.h"

#include "akosha/akosha.h"
#include "base/units.h"
#include "engine/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES 3000
#define TEST(name) cmocka_unit_test(name)

static struct aks_error err;

static void
enqueue(struct aks_world *world, char job_id[AKS_WORLD_JOB_ID_BYTES])
{
    if (aks_world_enqueue(world, NULL, job_id, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_true(job_id[0] != '\0');
}

/* A worker, for so long at most; what it says of itself. */
static void
work(struct aks_world *world, int64_t for_ms, const char *outcome)
{
    struct aks_world_worker_options options = { .for_ms = for_ms };
    json_t *report = NULL;

    (void)aks_world_worker(world, &options, &report, &err);
    assert_non_null(report);
    if (strcmp(json_string_value(json_object_get(report, "outcome")), outcome) != 0)
        fail_msg("%s, not %s: %s", json_string_value(json_object_get(report, "outcome")), outcome,
            aks_world_story(world, AKS_STORY_EVENTS));
    json_decref(report);
}

/* A text out of the status of a job, or with NULL of everything; "" if there is none. */
static const char *
status(struct aks_world *world, const char *job_id, const char *path)
{
    static char text[1024];
    struct akosha_report *report = NULL;
    struct akosha_error error;
    const char *found = NULL;

    if (akosha_status(aks_sim_port(aks_world_sim(world)), NULL, job_id, &report, &error)
        == AKOSHA_OK)
        found = akosha_report_text(report, path);
    (void)snprintf(text, sizeof(text), "%s", found != NULL ? found : "");
    akosha_report_free(report);
    return text;
}

static int64_t
queued(struct aks_world *world)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int64_t count;

    assert_int_equal(akosha_status(aks_sim_port(aks_world_sim(world)), NULL, NULL, &report, &error),
        AKOSHA_OK);
    count = akosha_report_number(report, "queue", -1);
    akosha_report_free(report);
    return count;
}

static void
count_manifest(void *ctx, const char *key, const void *data, size_t len)
{
    size_t *count = ctx;

    *count += strstr(key, "/manifest.json") != NULL;
}

static size_t
uploads(struct aks_world *world)
{
    size_t count = 0;

    aks_world_objects(world, aks_world_target(world, "cloud"), count_manifest, &count);
    return count;
}

static void
five_sessions_that_end_together_are_one_upload_and_five_jobs_told_so(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);
    char jobs[5][AKS_WORLD_JOB_ID_BYTES];
    unsigned superseded = 0;

    for (uint64_t i = 0; i < 5; i++) {
        scenario_put(world, "a.bin", 10 + i, BYTES);
        enqueue(world, jobs[i]);
    }
    assert_int_equal(aks_sim_worker_starts(aks_world_sim(world)), 1);
    assert_int_equal(queued(world), 5);
    work(world, 0, "done");
    assert_int_equal(uploads(world), 1);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(status(world, jobs[i], "job.state"), "ended");
        superseded += strcmp(status(world, jobs[i], "job.outcome"), "superseded") == 0;
    }
    assert_int_equal(superseded, 4);
    assert_int_equal(queued(world), 0);
    aks_world_free(world);
}

static void
wait_of_a_job_lasts_beyond_its_process_and_clocks_that_step_do_not_count(void **state)
{
    static const int64_t steps_ms[] = { 0, -INT64_C(366) * AKS_MS_PER_DAY,
        INT64_C(366) * AKS_MS_PER_DAY };

    for (size_t i = 0; i < sizeof(steps_ms) / sizeof(steps_ms[0]); i++) {
        struct aks_world *world = scenario_new(2, scenario_policy, BYTES);
        char job[AKS_WORLD_JOB_ID_BYTES];

        (void)scenario_reply(world, "cloud", "", 503, "");
        (void)scenario_reply(world, "http", "", 503, "");
        enqueue(world, job);
        work(world, 30 * AKS_MS_PER_S, "waiting");
        assert_true(status(world, job, "job.not_before")[0] != '\0');
        aks_world_calm(world, true);
        /* Another process, before it is due. */
        if (steps_ms[i] == 0)
            work(world, 1, "waiting");
        aks_sim_agenda(aks_world_sim(world))->skew_ms += steps_ms[i];
        work(world, AKS_MS_PER_DAY, "done");
        assert_string_equal(status(world, job, "job.outcome"), "stored");
        aks_world_free(world);
    }
}

/* Found by seeds 315296 and 357176. A job was written, and its folder could not be synced; a worker
 * saw it all the same, began to send, and with the power the job was gone. */
static void
job_that_was_not_made_to_last_is_by_whoever_brings_it(void **state)
{
    struct aks_world *world = scenario_new(315296, scenario_policy, BYTES);
    struct aks_world_worker_options options = { .for_ms = 60 * AKS_MS_PER_S };
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "/queue", "sync_folder");
    char job[AKS_WORLD_JOB_ID_BYTES];
    json_t *report = NULL;

    rule->disk = true;
    rule->status = AKS_STATE;
    rule->times = 1;
    assert_int_not_equal(aks_world_enqueue(world, NULL, job, &err), AKS_OK);
    assert_int_equal(rule->struck, 1);
    (void)scenario_fault(world, AKS_FAULT_DIES, "cloud", "put");
    (void)aks_world_worker(world, &options, &report, &err);
    assert_true(aks_world_died(world));
    aks_world_restart(world, true);
    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(queued(world), 1);
    aks_world_free(world);
}

/* As many jobs like ${job_id} as there is room for, put there by hand: to enqueue each would take
 * as long as all other tests together. */
static void
fill_queue(struct aks_world *world, const char *job_id)
{
    struct aks_files_sim *files = aks_sim_files(aks_world_sim(world));
    char path[256];
    size_t len;
    const char *found;
    char *text;
    char *id;

    (void)snprintf(path, sizeof(path), AKS_WORLD_STATE "/queue/%s.json", job_id);
    found = aks_files_sim_look(files, path, &len);
    assert_non_null(found);
    text = strndup(found, len);
    assert_non_null(text);
    id = strstr(text, job_id);
    assert_non_null(id);
    for (int64_t i = queued(world); i < AKS_QUEUE_JOBS_MAX; i++) {
        char other[32];

        (void)snprintf(other, sizeof(other), "20200101T000000Z-%06x", (unsigned)i);
        memcpy(id, other, strlen(other));
        (void)snprintf(path, sizeof(path), AKS_WORLD_STATE "/queue/%s.json", other);
        assert_int_equal(aks_world_put(world, path, text, strlen(text), &err), AKS_OK);
    }
    free(text);
    assert_int_equal(queued(world), AKS_QUEUE_JOBS_MAX);
}

static void
queue_that_is_full_drops_nothing_but_what_a_new_job_does_for(void **state)
{
    struct aks_world *world = scenario_new(3, scenario_policy, BYTES);
    const char *const other = "/home/person/other.bin";
    const char *const third = "/home/person/third.bin";
    struct aks_world_run_options options = { .sources = &other, .source_count = 1 };
    char job[AKS_WORLD_JOB_ID_BYTES];
    char first[AKS_WORLD_JOB_ID_BYTES];

    scenario_put(world, "other.bin", 4, BYTES);
    scenario_put(world, "third.bin", 5, BYTES);
    enqueue(world, first);
    assert_int_equal(aks_world_enqueue(world, &options, job, &err), AKS_OK);
    fill_queue(world, job);
    options.sources = &third;
    assert_int_not_equal(aks_world_enqueue(world, &options, job, &err), AKS_OK);
    assert_int_equal(queued(world), AKS_QUEUE_JOBS_MAX);
    options.sources = &other;
    assert_int_equal(aks_world_enqueue(world, &options, job, &err), AKS_OK);
    assert_int_equal(queued(world), 2);
    assert_string_equal(status(world, first, "job.state"), "waiting");
    aks_world_free(world);
}

static void
credentials_that_were_handed_over_are_gone_with_the_power_and_the_job_says_so(void **state)
{
    struct aks_world *world = scenario_new(4, scenario_policy, BYTES);
    char job[AKS_WORLD_JOB_ID_BYTES];

    (void)scenario_reply(world, "http", "", 503, "");
    enqueue(world, job);
    assert_int_equal(aks_world_variable(world, "AWS_ACCESS_KEY_ID", NULL, &err), AKS_OK);
    assert_int_equal(aks_world_variable(world, "AWS_SECRET_ACCESS_KEY", NULL, &err), AKS_OK);
    aks_sim_kill(aks_world_sim(world));
    aks_world_restart(world, true);
    work(world, AKS_MS_PER_S, "waiting");
    assert_string_equal(status(world, job, "job.state"), "waiting");
    assert_int_equal(aks_world_variable(world, "AWS_ACCESS_KEY_ID", AKS_WORLD_ACCESS_KEY, &err),
        AKS_OK);
    assert_int_equal(aks_world_variable(world, "AWS_SECRET_ACCESS_KEY", AKS_WORLD_SECRET_KEY, &err),
        AKS_OK);
    work(world, AKS_MS_PER_DAY, "done");
    assert_string_equal(status(world, job, "job.outcome"), "stored");
    aks_world_free(world);
}

static void
credentials_of_the_caller_alone_reach_a_worker_that_has_none(void **state)
{
    struct aks_world *world = scenario_new(5, scenario_policy, BYTES);
    char job[AKS_WORLD_JOB_ID_BYTES];

    enqueue(world, job);
    assert_int_equal(aks_world_variable(world, "AWS_ACCESS_KEY_ID", NULL, &err), AKS_OK);
    assert_int_equal(aks_world_variable(world, "AWS_SECRET_ACCESS_KEY", NULL, &err), AKS_OK);
    work(world, AKS_MS_PER_S, "done");
    assert_string_equal(status(world, job, "job.outcome"), "stored");
    assert_int_equal(uploads(world), 1);
    aks_world_free(world);
}

/* The disk fails when a job is read, ${times} times (0: always). */
static struct aks_fault_rule *
reading_fails(struct aks_world *world, uint32_t times)
{
    struct aks_fault_rule rule;

    aks_fault_rule_init(&rule, AKS_FAULT_FAIL);
    rule.disk = true;
    rule.status = AKS_STATE;
    rule.times = times;
    (void)snprintf(rule.target, sizeof(rule.target), ".json");
    (void)snprintf(rule.operation, sizeof(rule.operation), "read");
    return aks_fault_plan_add(aks_world_plan(world), &rule);
}

static void
job_that_cannot_be_read_for_a_moment_is_looked_at_again_by_the_same_worker(void **state)
{
    struct aks_world *world = scenario_new(6, scenario_policy, BYTES);
    char job[AKS_WORLD_JOB_ID_BYTES];
    struct aks_fault_rule *rule;

    enqueue(world, job);
    rule = reading_fails(world, 3);
    work(world, 0, "done");
    assert_int_equal(rule->struck, 3);
    assert_string_equal(status(world, job, "job.outcome"), "stored");
    aks_world_free(world);
}

/* It does not look for ever, and does not say that it is done. */
static void
job_that_cannot_be_read_at_all_is_told_and_left(void **state)
{
    struct aks_world *world = scenario_new(7, scenario_policy, BYTES);
    char job[AKS_WORLD_JOB_ID_BYTES];
    json_t *report = NULL;
    struct aks_world_worker_options options = { 0 };

    enqueue(world, job);
    (void)reading_fails(world, 0);
    (void)aks_world_worker(world, &options, &report, &err);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 1);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "waiting");
    assert_non_null(strstr(json_string_value(json_object_get(json_object_get(report, "error"),
        "message")), "cannot read the job"));
    json_decref(report);
    aks_world_calm(world, true);
    work(world, 0, "done");
    assert_string_equal(status(world, job, "job.outcome"), "stored");
    aks_world_free(world);
}

static bool
when_a_job_was_not_read(void *ctx, const struct aks_fault_step *step)
{
    const struct aks_fault_rule *reading = ctx;

    return reading->struck > 0;
}

/* A job that could not be read is due again, and then nothing can be seen: it looks now and then,
 * not without a pause. */
static void
queue_that_cannot_be_looked_at_is_not_looked_at_without_a_pause(void **state)
{
    struct aks_world *world = scenario_new(9, scenario_policy, BYTES);
    char job[AKS_WORLD_JOB_ID_BYTES];
    struct aks_fault_rule *listing;

    enqueue(world, job);
    listing = scenario_fault(world, AKS_FAULT_FAIL, "/queue", "list");
    listing->disk = true;
    listing->status = AKS_STATE;
    listing->times = 10000;
    listing->when = when_a_job_was_not_read;
    listing->when_ctx = reading_fails(world, 0);
    work(world, 60 * AKS_MS_PER_S, "waiting");
    assert_true(listing->struck > 10 && listing->struck < 100);
    aks_world_calm(world, true);
    work(world, 0, "done");
    assert_string_equal(status(world, job, "job.outcome"), "stored");
    aks_world_free(world);
}

static void
job_that_is_damaged_is_told_and_does_not_hold_up_the_others(void **state)
{
    static const char damaged[] = AKS_WORLD_STATE "/queue/20200101T000000Z-000001.json";
    struct aks_world *world = scenario_new(8, scenario_policy, BYTES);
    char job[AKS_WORLD_JOB_ID_BYTES];

    enqueue(world, job);
    assert_int_equal(aks_world_put(world, damaged, "{", 1, &err), AKS_OK);
    work(world, 0, "waiting");
    assert_string_equal(status(world, job, "job.outcome"), "stored");
    aks_world_free(world);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(five_sessions_that_end_together_are_one_upload_and_five_jobs_told_so),
        TEST(job_that_was_not_made_to_last_is_by_whoever_brings_it),
        TEST(wait_of_a_job_lasts_beyond_its_process_and_clocks_that_step_do_not_count),
        TEST(queue_that_is_full_drops_nothing_but_what_a_new_job_does_for),
        TEST(credentials_that_were_handed_over_are_gone_with_the_power_and_the_job_says_so),
        TEST(credentials_of_the_caller_alone_reach_a_worker_that_has_none),
        TEST(job_that_cannot_be_read_for_a_moment_is_looked_at_again_by_the_same_worker),
        TEST(job_that_cannot_be_read_at_all_is_told_and_left),
        TEST(queue_that_cannot_be_looked_at_is_not_looked_at_without_a_pause),
        TEST(job_that_is_damaged_is_told_and_does_not_hold_up_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
