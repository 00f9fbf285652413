/* A restore that is killed, or loses its power, at each of its steps in turn: at no moment is there
 * a file under its name that is not whole, and the next restore brings all of it. */
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)
#define RESTORED AKS_WORLD_HOME "/restored"
#define STEPS_MAX 5000

static const char *const policies[] = {
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud' }\n",
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' },\n"
    "  compress = { codec = 'zstd', always = true },\n"
    "  targets = { folder = akosha.dir { path = '~/backup' } }, route = 'folder' }\n",
};

static struct aks_world *
stored(size_t policy)
{
    struct aks_world *world = scenario_new(23, policies[policy], BYTES);

    scenario_put(world, "b.bin", 24, 700);
    scenario_run_is(world, "stored");
    return world;
}

static void
fail_at(uint64_t step, struct aks_world *world, const char *why)
{
    fail_msg("at step %d: %s\n%s%s", (int)step, why, aks_world_story(world, AKS_STORY_REQUESTS),
        aks_world_log(world));
}

/* What has its name is whole. */
static void
check_named(uint64_t step, struct aks_world *world, const char *name)
{
    char path[256];
    size_t len = 0;
    size_t source_len = 0;
    const void *data;
    const void *source;

    (void)snprintf(path, sizeof(path), "%s/%s", RESTORED, name);
    data = aks_files_sim_look(aks_sim_files(aks_world_sim(world)), path, &len);
    (void)snprintf(path, sizeof(path), "%s/%s", AKS_WORLD_HOME, name);
    source = aks_files_sim_look(aks_sim_files(aks_world_sim(world)), path, &source_len);
    if (data != NULL && (len != source_len || memcmp(data, source, len) != 0))
        fail_at(step, world, "a file has its name and is not whole");
}

static void
restore(uint64_t step, struct aks_world *world, bool power)
{
    const struct aks_world_restore_options options = { .to = RESTORED };
    struct aks_error err = { 0 };
    json_t *report = NULL;
    enum aks_status status = aks_world_restore(world, &options, &report, &err);

    if (aks_world_died(world))
        aks_world_restart(world, power);
    else if (status != AKS_OK)
        fail_at(step, world, err.message);
    json_decref(report);
    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        fail_at(step, world, err.message);
    check_named(step, world, "a.bin");
    check_named(step, world, "b.bin");
}

static uint64_t
die_at(size_t policy, uint64_t step, bool power)
{
    struct aks_world *world = stored(policy);
    struct aks_error err = { 0 };
    uint64_t began = aks_world_steps(world);

    aks_world_crash_at(world, step);
    restore(step, world, power);
    began = aks_world_steps(world) - began;
    aks_world_crash_at(world, 0);
    /* Whatever is there may be written over: it is asked for, or it is the same. */
    if (step > 0)
        restore(step, world, power);
    if (aks_laws_restored(world, RESTORED, &err) != AKS_OK)
        fail_at(step, world, err.message);
    aks_world_free(world);
    return began;
}

static void
at_every_step(size_t policy)
{
    uint64_t steps = die_at(policy, 0, false);

    assert_true(steps > 20);
    assert_true(steps < STEPS_MAX);
    for (uint64_t step = 1; step <= steps; step++) {
        (void)die_at(policy, step, false);
        (void)die_at(policy, step, true);
    }
}

static void
from_a_bucket(void **state)
{
    at_every_step(0);
}

static void
from_a_folder_and_packed(void **state)
{
    at_every_step(1);
}

/* Where "a.bin" has come back as it is now. */
static void
newest_comes_back(struct aks_world *world)
{
    const struct aks_world_restore_options options = { .to = RESTORED };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_world_restore(world, &options, &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    json_decref(report);
    if (aks_laws_restored(world, RESTORED, &err) != AKS_OK)
        fail_at(0, world, err.message);
    check_named(0, world, "a.bin");
}

/* Also where the state was lost meanwhile, and the bucket alone tells what was there before. */
static void
newest_is_the_last_that_was_stored_whatever_the_clock_says(void **state)
{
    for (int lost = 0; lost < 2; lost++) {
        for (size_t policy = 0; policy < 2; policy++) {
            struct aks_world *world = stored(policy);

            aks_sim_agenda(aks_world_sim(world))->skew_ms -= INT64_C(3600000);
            if (lost) {
                (void)aks_files_sim_remove(aks_sim_files(aks_world_sim(world)),
                    AKS_WORLD_STATE "/state.db", NULL);
                (void)aks_files_sim_remove(aks_sim_files(aks_world_sim(world)),
                    AKS_WORLD_STATE "/state.db-wal", NULL);
            }
            scenario_put(world, "a.bin", 77, BYTES);
            scenario_run_is(world, "stored");
            newest_comes_back(world);
            aks_world_free(world);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_is_the_last_that_was_stored_whatever_the_clock_says),
        cmocka_unit_test(from_a_bucket),
        cmocka_unit_test(from_a_folder_and_packed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
