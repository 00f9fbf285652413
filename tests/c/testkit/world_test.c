/* A world runs the engine that ships, dies where it is told to, and tells the same story twice. */
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)

static void
world_stores_a_source_in_parts(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);
    size_t len = 0;

    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_REQUESTS, "  0.0  cloud  part 4  PUT 5120 -> 200");
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "part 5");
    scenario_run_is(world, "unchanged");
    assert_non_null(aks_files_sim_look(aks_sim_files(aks_world_sim(world)),
        AKS_WORLD_STATE "/audit.jsonl", &len));
    assert_true(len > 0);
    aks_world_free(world);
}

/* The process died in the middle of an upload: the transfers that were under way stayed, with their
 * timers, and closing the engine stopped at its own check. The same would have happened where the
 * system's wait fails.
 *
 * Wherever it dies, and whatever the disk keeps of it, the next run brings everything. */
static void
world_recovers_from_a_death_at_every_step(void **state)
{
    struct aks_world *world = scenario_new(2, scenario_policy, BYTES);
    struct aks_error err = { 0 };
    uint64_t steps;

    scenario_run_is(world, "stored");
    steps = aks_world_steps(world);
    assert_true(steps > 100);
    aks_world_free(world);
    for (uint64_t step = 1; step <= steps; step++) {
        for (int power = 0; power < 2; power++) {
            json_t *report;

            world = scenario_new(2, scenario_policy, BYTES);
            aks_world_crash_at(world, step);
            assert_null(scenario_run(world));
            assert_true(aks_world_died(world));
            aks_world_restart(world, power == 1);
            if (aks_laws_check(world, NULL, &err) != AKS_OK)
                fail_msg("step %llu: %s", (unsigned long long)step, err.message);
            report = scenario_run(world);
            assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 0);
            json_decref(report);
            aks_world_free(world);
        }
    }
}

/* A job that was kept is there after a loss of power at rest, and is delivered later. */
static void
world_keeps_a_queued_job_through_a_loss_of_power(void **state)
{
    struct aks_world *world = scenario_new(3, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "", "probe");
    json_t *report;

    aks_fault_rule_status(rule, AKS_REFUSED);
    scenario_run_is(world, "queued");
    aks_world_restart(world, true);
    aks_world_calm(world, true);
    aks_world_advance(world, INT64_C(3600) * 1000000000);
    report = scenario_run(world);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    json_decref(report);
    aks_world_free(world);
}

static char *
story_of(uint64_t seed)
{
    struct aks_world *world = scenario_new(seed, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "", "", 500, "InternalError");
    char *story;

    rule->rate = 0.4;
    json_decref(scenario_run(world));
    story = strdup(aks_world_story(world, AKS_STORY_EVENTS));
    aks_world_free(world);
    return story;
}

static void
same_seed_tells_the_same_story_and_another_seed_another_one(void **state)
{
    char *first = story_of(7);
    char *second = story_of(7);
    char *third = story_of(8);

    assert_string_equal(first, second);
    assert_string_not_equal(first, third);
    free(first);
    free(second);
    free(third);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(world_stores_a_source_in_parts),
        cmocka_unit_test(world_recovers_from_a_death_at_every_step),
        cmocka_unit_test(world_keeps_a_queued_job_through_a_loss_of_power),
        cmocka_unit_test(same_seed_tells_the_same_story_and_another_seed_another_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
