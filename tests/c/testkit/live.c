#include "testkit/live.h"

#include "testkit/laws.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'memory.db' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";

struct aks_world *
live_new(enum aks_writer_kind kind, uint64_t seed, unsigned session)
{
    struct aks_world_options options = { .alloc = aks_alloc_system(), .seed = seed, .small = true,
        .quiet = true };
    struct aks_world_writer writer = { .kind = kind, .path = LIVE_DATABASE, .seed = seed,
        .session = session };
    struct aks_error err = { 0 };
    struct aks_world *world = NULL;

    if (aks_world_new(&options, &world, &err) != AKS_OK ||
        aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err) != AKS_OK ||
        aks_world_writer(world, &writer, NULL, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return world;
}

bool
live_run(struct aks_world *world, char *ret_law, size_t law_bytes, bool *ret_stored)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;
    const char *outcome;
    bool lawful;

    (void)aks_world_run(world, NULL, &report, &err);
    lawful = aks_laws_check(world, report, &err) == AKS_OK;
    outcome = json_string_value(json_object_get(report, "outcome"));
    *ret_stored = outcome != NULL && (strcmp(outcome, "stored") == 0 ||
        strcmp(outcome, "unchanged") == 0);
    if (!lawful)
        (void)snprintf(ret_law, law_bytes, "%s", err.message);
    json_decref(report);
    return lawful;
}
