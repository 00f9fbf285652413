/* A world runs the engine that ships. */
#include "testkit/laws.h"
#include "testkit/world.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories', endpoint = 'https://s3.example.org' },\n"
    "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
    "  route = { 'cloud', 'http' }, compress = 'none',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";

static struct aks_world *
world_new(uint64_t seed, size_t bytes)
{
    struct aks_world_options options = { aks_alloc_system(), seed, true, AKS_S3_STRICT, 0, 0, false,
        NULL };
    struct aks_error err = { 0 };
    struct aks_world *world = NULL;
    char *data = malloc(bytes + 1);

    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(i * 31 + seed);
    assert_int_equal(aks_world_new(&options, &world, &err), AKS_OK);
    assert_int_equal(aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err), AKS_OK);
    assert_int_equal(aks_world_put(world, "a.bin", data, bytes, &err), AKS_OK);
    free(data);
    return world;
}

static json_t *
run(struct aks_world *world)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_world_run(world, NULL, &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

static void
lawful(struct aks_world *world, const json_t *report)
{
    struct aks_error err = { 0 };

    if (aks_laws_check(world, report, &err) != AKS_OK)
        fail_msg("%s\n%s", err.message, aks_world_story(world, AKS_STORY_EVENTS));
}

static const char *
text(const json_t *report, const char *name)
{
    const char *found = json_string_value(json_object_get(report, name));

    return found != NULL ? found : "";
}

static void
world_stores_a_source_in_parts(void **state)
{
    struct aks_world *world = world_new(1, 20 * 1024);
    json_t *report = run(world);

    assert_string_equal(text(report, "outcome"), "stored");
    lawful(world, report);
    json_decref(report);
    aks_world_free(world);
}

/* Wherever the process dies, and whatever the disk keeps of it, the next run brings everything. */
static void
world_recovers_from_a_death_at_every_step(void **state)
{
    uint64_t steps;
    struct aks_world *world = world_new(2, 20 * 1024);
    json_t *report = run(world);

    lawful(world, report);
    steps = aks_world_steps(world);
    json_decref(report);
    aks_world_free(world);
    for (uint64_t step = 1; step <= steps; step++) {
        for (int power = 0; power < 2; power++) {
            world = world_new(2, 20 * 1024);
            aks_world_crash_at(world, step);
            report = run(world);
            assert_null(report);
            assert_true(aks_world_died(world));
            aks_world_restart(world, power == 1);
            lawful(world, NULL);
            report = run(world);
            lawful(world, report);
            if (json_integer_value(json_object_get(report, "exit_code")) != 0)
                fail_msg("step %llu, power %d: %s\n%s%s", (unsigned long long)step, power,
                    json_dumps(report, JSON_INDENT(1)), aks_world_story(world, AKS_STORY_EVENTS),
                    aks_world_log(world));
            json_decref(report);
            aks_world_free(world);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(world_stores_a_source_in_parts),
        cmocka_unit_test(world_recovers_from_a_death_at_every_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
