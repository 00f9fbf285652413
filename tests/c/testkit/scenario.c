#include "testkit/scenario.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char scenario_policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
    "                                  endpoint = 'https://s3.example.org' },\n"
    "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
    "  route = { 'cloud', 'http' }, compress = 'none',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";

bool scenario_md5_etags;

struct aks_world *
scenario_new(uint64_t seed, const char *policy, size_t bytes)
{
    struct aks_world_options options = { 0 };
    struct aks_error err = { 0 };
    struct aks_world *world = NULL;

    options.alloc = aks_alloc_system();
    options.seed = seed;
    options.small = true;
    options.md5_etags = scenario_md5_etags;
    if (aks_world_new(&options, &world, &err) != AKS_OK ||
        aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err) != AKS_OK)
        fail_msg("%s", err.message);
    scenario_put(world, "a.bin", seed, bytes);
    return world;
}

void
scenario_put(struct aks_world *world, const char *name, uint64_t seed, size_t bytes)
{
    struct aks_error err = { 0 };
    struct aks_rng rng;
    char *data = malloc(bytes + 1);

    assert_non_null(data);
    aks_rng_init(&rng, seed);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(aks_rng_next(&rng) >> 32);
    if (aks_world_put(world, name, data, bytes, &err) != AKS_OK)
        fail_msg("%s", err.message);
    free(data);
}

struct aks_fault_rule *
scenario_fault(struct aks_world *world, enum aks_fault_kind kind, const char *target,
    const char *operation)
{
    struct aks_fault_rule rule;

    aks_fault_rule_init(&rule, kind);
    (void)snprintf(rule.target, sizeof(rule.target), "%s", target);
    (void)snprintf(rule.operation, sizeof(rule.operation), "%s", operation);
    return aks_fault_plan_add(aks_world_plan(world), &rule);
}

struct aks_fault_rule *
scenario_reply(struct aks_world *world, const char *target, const char *operation, int status,
    const char *code)
{
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_REPLY, target, operation);

    rule->http_status = status;
    (void)snprintf(rule->http_code, sizeof(rule->http_code), "%s", code);
    return rule;
}

static void
give_story(struct aks_world *world, const char *message)
{
    fail_msg("%s\n%s%s%s", message, aks_world_story(world, AKS_STORY_REQUESTS),
        aks_world_story(world, AKS_STORY_DECISIONS), aks_world_log(world));
}

json_t *
scenario_run(struct aks_world *world)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_world_run(world, NULL, &report, &err) != AKS_OK && report == NULL)
        give_story(world, err.message);
    if (!aks_world_died(world) && aks_laws_check(world, report, &err) != AKS_OK)
        give_story(world, err.message);
    return report;
}

void
scenario_run_is(struct aks_world *world, const char *outcome)
{
    json_t *report = scenario_run(world);
    const char *found = json_string_value(json_object_get(report, "outcome"));

    if (found == NULL || strcmp(found, outcome) != 0)
        give_story(world, found != NULL ? found : "no outcome");
    json_decref(report);
}

/* A line, or with ${whole} false any text. */
static bool
tells(struct aks_world *world, enum aks_world_story which, const char *text, bool whole)
{
    const char *story = aks_world_story(world, which);
    size_t len = strlen(text);

    for (const char *at = strstr(story, text); at != NULL; at = strstr(at + 1, text)) {
        if (!whole || ((at == story || at[-1] == '\n') && at[len] == '\n'))
            return true;
    }
    return false;
}

void
scenario_tells(struct aks_world *world, enum aks_world_story which, const char *line)
{
    if (!tells(world, which, line, true))
        give_story(world, line);
}

void
scenario_does_not_tell(struct aks_world *world, enum aks_world_story which, const char *text)
{
    if (tells(world, which, text, false))
        give_story(world, text);
}
