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

    printf("%s\n%s%s%s\n", json_dumps(report, JSON_INDENT(1)), aks_world_story(world, AKS_STORY_EVENTS),
        aks_world_story(world, AKS_STORY_REQUESTS), aks_world_log(world));
    assert_string_equal(text(report, "outcome"), "stored");
    json_decref(report);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(world_stores_a_source_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
