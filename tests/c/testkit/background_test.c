/* Sources are enqueued, a worker brings them, and somewhere in between the process is killed, or
 * the power goes: at each step of the whole story in turn. Whoever comes next goes on: everything
 * that was enqueued comes back as it was, nothing is left open, and nothing that the server has is
 * sent to it again. */
#include "testkit/scenario.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)       /* four parts */
#define RESTORED AKS_WORLD_HOME "/restored"
#define CALM_WORKERS_MAX 4
#define PARTS_IN_FLIGHT 3
#define STEPS_MAX 20000

struct story {
    const char *policy;
    bool database;
    bool power;
    bool md5;                           /* ETags of parts are */
    uint64_t die_at;                    /* of its steps; 0: not at all */
};

static const char plain[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";

static const char packed[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' },\n"
    "  compress = { codec = 'zstd', always = true },\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";

static const char live[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'memory.db' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";

static void
give_up(const struct story *story, struct aks_world *world, const char *what)
{
    fail_msg("%s at step %d: %s\n%s%s", story->power ? "power lost" : "killed", (int)story->die_at,
        what, aks_world_story(world, AKS_STORY_REQUESTS), aks_world_log(world));
}

static struct aks_world *
world_of(const struct story *story)
{
    struct aks_world *world;
    const struct aks_world_writer writer = { .kind = AKS_WRITER_DUCKDB, .seed = 4,
        .path = AKS_WORLD_HOME "/memory.db", .pace = { 30, 61, 3 } };
    struct aks_error err = { 0 };

    scenario_md5_etags = story->md5;
    world = scenario_new(17, story->policy, BYTES);
    scenario_put(world, "b.bin", 18, 700);
    if (story->database && (aks_world_writer(world, &writer, NULL, &err) != AKS_OK ||
            aks_world_writer_acts(world, 0, 20, &err) != AKS_OK))
        fail_msg("%s", err.message);
    return world;
}

static void
lawful(const struct story *story, struct aks_world *world, const json_t *report)
{
    struct aks_error err = { 0 };

    if (aks_laws_check(world, report, &err) != AKS_OK)
        give_up(story, world, err.message);
}

/* After a death the next process finds what it left. */
static void
go_on(const struct story *story, struct aks_world *world)
{
    if (!aks_world_died(world))
        return;
    aks_world_restart(world, story->power);
    lawful(story, world, NULL);
}

static bool
enqueue(const struct story *story, struct aks_world *world)
{
    char job_id[AKS_WORLD_JOB_ID_BYTES];
    struct aks_error err = { 0 };

    if (aks_world_enqueue(world, NULL, job_id, &err) != AKS_OK)
        give_up(story, world, err.message);
    go_on(story, world);
    return job_id[0] != '\0';
}

static bool
work(const struct story *story, struct aks_world *world)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;
    bool done;

    if (aks_world_worker(world, NULL, &report, &err) != AKS_OK && report == NULL)
        give_up(story, world, err.message);
    done = report != NULL &&
        strcmp(json_string_value(json_object_get(report, "outcome")), "done") == 0;
    json_decref(report);
    go_on(story, world);
    return done;
}

static void
bring_back(const struct story *story, struct aks_world *world)
{
    const struct aks_world_restore_options options = { .to = RESTORED };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_world_restore(world, &options, &report, &err) != AKS_OK && report == NULL)
        give_up(story, world, err.message);
    json_decref(report);
    if (aks_laws_restored(world, RESTORED, &err) != AKS_OK)
        give_up(story, world, err.message);
}

static void
check_again(const struct story *story, struct aks_world *world)
{
    const struct aks_world_again *again = aks_world_again(world);
    char what[256];

    /* Where ETags tell nothing, what was stored and not heard of cannot be told from damage. */
    /* A power cut may take along what was known of an upload that is complete; a database that goes
     * on changing may be worth a newer upload. Then it costs bytes, and nothing else. */
    if (story->power || story->database)
        return;
    if ((again->parts_known == 0 || !story->md5) && again->parts_again <= PARTS_IN_FLIGHT &&
        again->objects_again <= 1)
        return;
    (void)snprintf(what, sizeof(what), "sent again: %u parts that were there, %u parts and %u "
        "objects in all", again->parts_known, again->parts_again, again->objects_again);
    give_up(story, world, what);
}

/* Returns how many steps it took, but for the peace at the end. */
static uint64_t
live_through(const struct story *story)
{
    struct aks_world *world = world_of(story);
    struct aks_error err = { 0 };
    bool done = false;
    uint64_t steps;

    aks_world_crash_at(world, story->die_at);
    if (!enqueue(story, world))
        (void)enqueue(story, world);    /* nothing was promised; the person asks again */
    (void)work(story, world);
    steps = aks_world_steps(world);
    aks_world_calm(world, true);
    aks_world_crash_at(world, 0);
    if (aks_world_writers_rest(world, &err) != AKS_OK)
        fail_msg("%s", err.message);
    for (int i = 0; !done && i < CALM_WORKERS_MAX; i++) {
        done = work(story, world);
        aks_world_advance(world, 3600 * AKS_NS_PER_S);
    }
    if (!done)
        give_up(story, world, "all is well, and the queue does not come to an end");
    if (aks_laws_nothing_open(world, false, &err) != AKS_OK ||
        aks_laws_no_snapshots(world, &err) != AKS_OK)
        give_up(story, world, err.message);
    check_again(story, world);
    bring_back(story, world);
    aks_world_free(world);
    return steps;
}

static void
at_every_step(const char *policy, bool database, bool power, bool md5, uint64_t stride)
{
    struct story story = { policy, database, power, md5, 0 };
    uint64_t steps = live_through(&story);

    assert_true(steps > 100);
    assert_true(steps < STEPS_MAX);
    for (story.die_at = 1; story.die_at <= steps; story.die_at += stride)
        (void)live_through(&story);
}

static void
killed_at_every_step(void **state)
{
    at_every_step(plain, false, false, true, 1);
}

static void
power_lost_at_every_step(void **state)
{
    at_every_step(plain, false, true, true, 1);
}

static void
killed_while_it_packs(void **state)
{
    at_every_step(packed, false, false, false, 2);
}

static void
power_lost_while_it_packs(void **state)
{
    at_every_step(packed, false, true, true, 2);
}

static void
killed_with_a_live_database(void **state)
{
    at_every_step(live, true, false, true, 3);
}

static void
power_lost_with_a_live_database(void **state)
{
    at_every_step(live, true, true, false, 3);
}

/* Times of the requests that were asked, one after the other; how many. */
static size_t
times_of(struct aks_world *world, double *ret_s, size_t max)
{
    const char *at = aks_world_story(world, AKS_STORY_REQUESTS);
    size_t count = 0;

    for (; *at != '\0' && count < max; count++) {
        ret_s[count] = strtod(at, NULL);
        at += strcspn(at, "\n");
        at += *at != '\0';
    }
    return count;
}

/* A server that is down for ten minutes: the worker stays until the job is brought. */
static void
worker_waits_until_the_job_is_brought(void **state)
{
    const struct story story = { plain, false, false, true, 0 };
    struct aks_world *world = world_of(&story);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "cloud", "");

    aks_fault_rule_status(rule, AKS_REFUSED);
    rule->until_ns = 600 * AKS_NS_PER_S;
    assert_true(enqueue(&story, world));
    assert_true(work(&story, world));
    assert_true(aks_sim_agenda(aks_world_sim(world))->now_ns > 600 * AKS_NS_PER_S);
    bring_back(&story, world);
    aks_world_free(world);
}

/* What a server asks for, over the end of a try, and over the end of a process. */
static void
job_is_not_tried_before_its_time(void **state)
{
    for (int again = 0; again <= 1; again++) {
        const struct story story = { plain, false, false, true, 0 };
        const struct aks_world_worker_options minute = { .for_ms = 60 * AKS_MS_PER_S };
        struct aks_world *world = world_of(&story);
        struct aks_fault_rule *rule = scenario_reply(world, "cloud", "", 503, "SlowDown");
        struct aks_error err = { 0 };
        json_t *report = NULL;
        double times[64];
        size_t count;

        rule->retry_after_s = 600;
        rule->times = 1;
        assert_true(enqueue(&story, world));
        if (again != 0)
            (void)aks_world_worker(world, &minute, &report, &err);
        json_decref(report);
        assert_true(work(&story, world));
        count = times_of(world, times, 64);
        assert_true(count > 5);
        for (size_t i = 1; i < count; i++) {
            if (times[i] < 600)
                give_up(&story, world, "a job was tried before its time");
        }
        aks_world_free(world);
    }
}

static void
count_manifests(void *ctx, const char *key, const void *data, size_t len)
{
    *(unsigned *)ctx += strstr(key, "/manifest.json") != NULL;
}

/* Five sessions end together: one upload of the newest state. */
static void
five_jobs_of_the_same_sources_are_one_upload(void **state)
{
    const struct story story = { plain, false, false, true, 0 };
    struct aks_world *world = world_of(&story);
    unsigned manifests = 0;

    for (uint64_t i = 0; i < 5; i++) {
        scenario_put(world, "a.bin", 40 + i, BYTES);
        assert_true(enqueue(&story, world));
    }
    assert_true(work(&story, world));
    aks_world_objects(world, aks_world_target(world, "cloud"), count_manifests, &manifests);
    if (manifests != 1)
        give_up(&story, world, "five jobs were more than one upload");
    bring_back(&story, world);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_waits_until_the_job_is_brought),
        cmocka_unit_test(job_is_not_tried_before_its_time),
        cmocka_unit_test(five_jobs_of_the_same_sources_are_one_upload),
        cmocka_unit_test(killed_at_every_step),
        cmocka_unit_test(power_lost_at_every_step),
        cmocka_unit_test(killed_while_it_packs),
        cmocka_unit_test(power_lost_while_it_packs),
        cmocka_unit_test(killed_with_a_live_database),
        cmocka_unit_test(power_lost_with_a_live_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
