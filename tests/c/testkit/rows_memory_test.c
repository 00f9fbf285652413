/* Rows without memory: one allocation of a run fails, whichever it is. Nothing is lost, nothing
 * comes twice, and the next run, with memory, brings every row exactly once. */
#include "base/units.h"
#include "support/failing_alloc.h"
#include "testkit/memory_database.h"
#include "testkit/rows_held.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_MAX 50000
#define ROWS 5
#define LATER 2                         /* that come for the second run */
#define ALL (ROWS + LATER + 1)          /* after the third */

/* Fails one allocation. */
struct drought {
    struct aks_alloc alloc;
    struct failing_alloc counts;
    int64_t fail_at;
};

struct story {
    const char *route;                  /* one target */
    bool halves;                        /* the first batch is too large for the server */
    int64_t pause_ns;                   /* before the second run */
    unsigned step;                      /* tries each so manieth allocation */
};

static void *
dry_resize(void *ctx, void *p, size_t bytes)
{
    struct drought *drought = ctx;
    const struct aks_alloc *counts = &drought->counts.alloc;

    if (bytes > 0 && drought->counts.seen == drought->fail_at) {
        drought->counts.seen++;
        return NULL;
    }
    return counts->resize(counts->ctx, p, bytes);
}

static void
check(struct aks_world *world, const json_t *report, int64_t round, const char *what)
{
    struct aks_error err = { 0 };

    if (aks_laws_check(world, report, &err) != AKS_OK)
        fail_msg("allocation %lld: %s: %s\n%s", (long long)round, what, err.message,
            aks_world_log(world));
}

/* A machine whose rows have been brought once. */
static struct aks_world *
make(const struct story *story, const struct aks_alloc *alloc)
{
    struct aks_world_options options = { .alloc = alloc, .seed = 3, .small = true };
    struct aks_fault_rule *rule;
    struct aks_world *world = NULL;
    char policy[1024];

    (void)snprintf(policy, sizeof(policy), "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'notes.db' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "              akosha = akosha.mcp { url = 'https://akosha.example:8682/mcp' } },\n"
        "  route = '%s', retry = akosha.retry.fixed { first = 1, tries = 3 } }\n", story->route);
    assert_int_equal(aks_world_new(&options, &world, NULL), AKS_OK);
    assert_int_equal(aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), NULL), AKS_OK);
    memory_database_put(world, "notes.db", 1, ROWS, 20);
    scenario_run_is(world, "stored");
    aks_world_advance(world, story->pause_ns);
    memory_database_put(world, "notes.db", 1, ROWS + LATER, 20);
    if (story->halves) {
        rule = scenario_reply(world, "akosha", "push", 413, "");
        rule->nth = 3;
    }
    return world;
}

static void
every_row_is_there(struct aks_world *world, const struct story *story, int64_t round)
{
    bool again = story->pause_ns > 30 * 24 * 3600 * AKS_NS_PER_S;
    struct rows_held held = rows_held_at(world, story->route);

    if (json_object_size(held.texts) != ALL || (!again && held.count != ALL))
        fail_msg("allocation %lld: %zu memories are there, %zu of them different\n%s",
            (long long)round, held.count, json_object_size(held.texts), aks_world_log(world));
    rows_held_fini(&held);
}

/* false: there was no such allocation. */
static bool
without_one(const struct story *story, int64_t round)
{
    struct drought drought = { .fail_at = -1 };
    struct aks_world *world;
    struct aks_error err = { 0 };
    json_t *report = NULL;
    bool failed;

    drought.alloc = (struct aks_alloc) { dry_resize, &drought };
    failing_alloc_init(&drought.counts);
    world = make(story, &drought.alloc);
    drought.fail_at = drought.counts.seen + round;
    (void)aks_world_run(world, NULL, &report, &err);
    failed = drought.counts.seen > drought.fail_at;
    drought.fail_at = -1;
    check(world, report, round, "after the run");
    json_decref(report);
    /* What failed for want of memory may have been the rows alone: another change brings them. */
    aks_world_plan(world)->count = 0;
    aks_world_advance(world, 3600 * AKS_NS_PER_S);
    memory_database_put(world, "notes.db", 1, ALL, 20);
    report = scenario_run(world);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 0);
    json_decref(report);
    every_row_is_there(world, story, round);
    aks_world_free(world);
    assert_int_equal(drought.counts.outstanding, 0);
    return failed;
}

static void
lives_through(const struct story *story)
{
    for (int64_t round = 0; round < ROUNDS_MAX; round += story->step) {
        if (!without_one(story, round))
            return;
    }
    fail_msg("still allocating after %d rounds", ROUNDS_MAX);
}

static void
push_lives_through_it(void **state)
{
    const struct story story = { .route = "akosha", .pause_ns = AKS_NS_PER_S, .step = 37 };

    lives_through(&story);
}

static void
push_in_halves_lives_through_it(void **state)
{
    const struct story story = { .route = "akosha", .halves = true,
        .pause_ns = 31 * 24 * 3600 * AKS_NS_PER_S, .step = 61 };

    lives_through(&story);
}

static void
document_lives_through_it(void **state)
{
    const struct story story = { .route = "cloud", .pause_ns = AKS_NS_PER_S, .step = 61 };

    lives_through(&story);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push_lives_through_it),
        cmocka_unit_test(push_in_halves_lives_through_it),
        cmocka_unit_test(document_lives_through_it),
    };

    return cmocka_run_group_tests_name("rows_memory", tests, NULL, NULL);
}
