/* Jobs without memory: one allocation fails while a session ends or while a worker works, whichever
 * it is, or all from there on. What was said to be kept is kept, with the power gone too; what was
 * not is whole or is not there; and a worker with memory brings all. */
#include "scenario.h"

#include "akosha/akosha.h"
#include "base/units.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES 3000
#define ROUNDS_MAX 50000
#define HOME_STRIDE 11
#define RESTORED AKS_WORLD_HOME "/restored"

/* A receiver whose token stands in a variable of whoever enqueues. */
static const char with_secret[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
    "  retry = akosha.retry.exponential { first = 2 }, targets = {\n"
    "    http = akosha.http { url = 'https://put.example.org/upload',\n"
    "                         token = akosha.secret 'akosha-token' } } }\n";

struct story {
    bool lasting;                       /* there is no memory from there on */
    bool alone;                         /* nobody else has the seat, and nothing is queued */
    unsigned step;                      /* tries each so manieth allocation */
};

static struct aks_error err;

static void
give_up(struct aks_world *world, int64_t round, const char *what, const char *why)
{
    fail_msg("allocation %lld: %s: %s\n%s%s", (long long)round, what, why,
        aks_world_story(world, AKS_STORY_REQUESTS), aks_world_log(world));
}

static struct aks_world *
make(struct failing_alloc *memory, const char *policy)
{
    struct aks_world_options options = { .alloc = &memory->alloc, .seed = 5, .small = true };
    struct aks_world *world = NULL;

    failing_alloc_init(memory);
    if (aks_world_new(&options, &world, &err) != AKS_OK ||
        aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err) != AKS_OK ||
        aks_world_learn(world, &err) != AKS_OK)
        fail_msg("%s", err.message);
    scenario_put(world, "a.bin", 1, BYTES);
    return world;
}

static void
run_dry(struct failing_alloc *memory, int64_t round, bool lasting)
{
    memory->fail_at = memory->seen + round;
    memory->lasting = lasting;
}

/* Memory is there again; true if there was such an allocation. */
static bool
rain(struct failing_alloc *memory)
{
    bool failed = memory->seen > memory->fail_at;

    memory->lasting = false;
    memory->fail_at = -1;
    return failed;
}

static struct akosha_report *
status(struct aks_world *world, const char *job_id)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;

    if (akosha_status(aks_sim_port(aks_world_sim(world)), NULL, job_id, &report, &error)
        != AKOSHA_OK)
        fail_msg("%s", error.message);
    return report;
}

/* How many jobs wait. None is half there. */
static int64_t
queued(struct aks_world *world)
{
    struct akosha_report *report = status(world, NULL);
    int64_t count = akosha_report_number(report, "queue", -1);

    assert_true(akosha_report_number(report, "damaged", 0) <= 0);
    akosha_report_free(report);
    return count;
}

static bool
job_is(struct aks_world *world, const char *job_id, const char *path, const char *text)
{
    struct akosha_report *report = status(world, job_id);
    const char *found = akosha_report_text(report, path);
    bool is = found != NULL && strcmp(found, text) == 0;

    akosha_report_free(report);
    return is;
}

/* A worker with memory, and the way back. */
static void
come_home(struct aks_world *world, int64_t round)
{
    const struct aks_world_restore_options options = { .to = RESTORED };
    json_t *report = NULL;
    const char *outcome;

    aks_world_advance(world, 3600 * AKS_NS_PER_S);
    if (aks_world_worker(world, NULL, &report, &err) != AKS_OK || report == NULL)
        give_up(world, round, "the next worker", err.message);
    outcome = json_string_value(json_object_get(report, "outcome"));
    if (outcome == NULL || strcmp(outcome, "done") != 0)
        give_up(world, round, "the next worker is not done", outcome != NULL ? outcome : "");
    json_decref(report);
    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        give_up(world, round, "after the next worker", err.message);
    report = NULL;
    (void)aks_world_restore(world, &options, &report, &err);
    json_decref(report);
    if (aks_laws_restored(world, RESTORED, &err) != AKS_OK)
        give_up(world, round, "restored", err.message);
    assert_int_equal(queued(world), 0);
}

/* --- a session ends --------------------------------------------------------------------------- */

/* Names that its worker has to be handed the values of are known for ever, or lost. */
static bool
takes_all_along(struct aks_world *world, const char *job_id)
{
    char path[256];
    const char *text;
    size_t len = 0;

    (void)snprintf(path, sizeof(path), AKS_WORLD_STATE "/queue/%s.json", job_id);
    text = aks_files_sim_look(aks_sim_files(aks_world_sim(world)), path, &len);
    return text != NULL && memmem(text, len, AKS_WORLD_TOKEN_VARIABLE,
        strlen(AKS_WORLD_TOKEN_VARIABLE)) != NULL;
}

static bool
enqueue_without(const struct story *story, int64_t round)
{
    struct failing_alloc memory;
    struct aks_world *world = make(&memory, with_secret);
    struct akosha_enqueue_options options = { .port = aks_sim_port(aks_world_sim(world)),
        .policy = AKS_WORLD_POLICY };
    struct akosha_enqueued enqueued = { 0 };
    struct akosha_error error = { 0 };
    char before[AKS_WORLD_JOB_ID_BYTES] = "";
    bool failed;
    int64_t others;
    int code;

    if (!story->alone && aks_world_enqueue(world, NULL, before, &err) != AKS_OK)
        fail_msg("%s", err.message);
    others = !story->alone;
    scenario_put(world, "a.bin", 2, BYTES);
    run_dry(&memory, round, story->lasting);
    code = akosha_enqueue(&options, &enqueued, &error);
    failed = rain(&memory);
    if (code == AKOSHA_OK) {
        if (!job_is(world, enqueued.job_id, "job.state", "waiting"))
            give_up(world, round, enqueued.job_id, "the job is not there");
        if (!takes_all_along(world, enqueued.job_id))
            give_up(world, round, enqueued.job_id, "its secret is not taken along");
        if (!enqueued.worker && enqueued.worker_error.message[0] == '\0')
            give_up(world, round, enqueued.job_id, "nobody knows why there is no worker");
        aks_world_owe(world, NULL);
        assert_int_equal(queued(world), others + 1);
    } else {
        if (strstr(error.message, "memory") == NULL)
            give_up(world, round, "enqueue", error.message);
        assert_string_equal(enqueued.job_id, "");
        assert_in_range(queued(world), others, others + 1);
    }
    others = queued(world);
    aks_sim_kill(aks_world_sim(world));
    aks_world_restart(world, true);
    assert_int_equal(queued(world), others);
    /* Bringing it takes long, and is the same each time. */
    if (others > 0 && (!failed || code != AKOSHA_OK || round % HOME_STRIDE == 0))
        come_home(world, round);
    aks_world_free(world);
    assert_int_equal(memory.outstanding, 0);
    return failed;
}

static void
lives_through(const struct story *story, bool (*try)(const struct story *story, int64_t round))
{
    for (int64_t round = 0; round < ROUNDS_MAX; round += story->step) {
        if (!try(story, round))
            return;
    }
    fail_msg("still allocating after %d rounds", ROUNDS_MAX);
}

static void
session_that_ends_lives_through_it(void **state)
{
    struct story story = { .alone = true, .step = 1 };

    lives_through(&story, enqueue_without);
    story.alone = false;
    story.step = 2;
    lives_through(&story, enqueue_without);
    story.lasting = true;
    story.step = 5;
    lives_through(&story, enqueue_without);
}

/* --- a worker --------------------------------------------------------------------------------- */

/* Waiting, or told by what it was: brought, or done for by the newer one of the same source. Where
 * there was no memory to say what became of a job that has ended, what it owed tells. */
static void
check_job(struct aks_world *world, int64_t round, const char *job_id, bool newer)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;

    if (akosha_status(aks_sim_port(aks_world_sim(world)), NULL, job_id, &report, &error)
        == AKOSHA_USAGE)
        return;
    akosha_report_free(report);
    if (!job_is(world, job_id, "job.state", "waiting") &&
        !job_is(world, job_id, "job.outcome", "stored") &&
        !job_is(world, job_id, "job.outcome", "unchanged") &&
        (newer || !job_is(world, job_id, "job.outcome", "superseded")))
        give_up(world, round, job_id, "it is lost");
}

static bool
work_without(const struct story *story, int64_t round)
{
    struct failing_alloc memory;
    struct aks_world *world = make(&memory, scenario_policy);
    char jobs[2][AKS_WORLD_JOB_ID_BYTES];
    /* Without an end it looks until there is memory again. */
    struct aks_world_worker_options options = { .for_ms = 60 * AKS_MS_PER_S };
    json_t *report = NULL;
    enum aks_status worked;
    bool failed;

    for (uint64_t i = 0; i < 2; i++) {
        scenario_put(world, "a.bin", 10 + i, BYTES);
        if (aks_world_enqueue(world, NULL, jobs[i], &err) != AKS_OK)
            fail_msg("%s", err.message);
        aks_world_advance(world, AKS_NS_PER_S);
    }
    aks_error_clear(&err);
    run_dry(&memory, round, story->lasting);
    worked = aks_world_worker(world, &options, &report, &err);
    failed = rain(&memory);
    if (report == NULL && (worked == AKS_OK || err.message[0] == '\0'))
        give_up(world, round, "the worker", "it says nothing");
    if (report != NULL && json_integer_value(json_object_get(report, "exit_code")) == 0 &&
        queued(world) > 0 &&
        strcmp(json_string_value(json_object_get(report, "outcome")), "busy") != 0)
        give_up(world, round, "the worker", "it says that it is done");
    json_decref(report);
    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        give_up(world, round, "after the worker", err.message);
    for (size_t i = 0; i < 2; i++)
        check_job(world, round, jobs[i], i == 1);
    (void)queued(world);
    come_home(world, round);
    aks_world_free(world);
    assert_int_equal(memory.outstanding, 0);
    return failed;
}

static void
worker_lives_through_it(void **state)
{
    struct story story = { .step = 41 };

    lives_through(&story, work_without);
    story.lasting = true;
    story.step = 113;
    lives_through(&story, work_without);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_that_ends_lives_through_it),
        cmocka_unit_test(worker_lives_through_it),
    };

    return cmocka_run_group_tests_name("worker_memory", tests, NULL, NULL);
}
