/* memories.json in worlds: what of it is left where somebody dies while it is sent, and what is
 * known of it where the state was lost. */
#include "base/units.h"
#include "testkit/memory_database.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 120                        /* several parts of a small world */
#define ROW_BYTES 200
#define STEPS_MAX 3000
#define STRIDE 13

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'm.db' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud' }\n";

static struct aks_world *
world_new(unsigned rows)
{
    struct aks_world *world = scenario_new(5, policy, 1);

    memory_database_put(world, "m.db", 1, rows, ROW_BYTES);
    return world;
}

static void
give_up(struct aks_world *world, uint64_t step, const char *why)
{
    fail_msg("at step %d: %s\n%s%s", (int)step, why, aks_world_story(world, AKS_STORY_REQUESTS),
        aks_world_log(world));
}

static uint64_t
die_at(uint64_t step, bool power)
{
    struct aks_world *world = world_new(ROWS);
    struct aks_error err = { 0 };
    uint64_t began = aks_world_steps(world);

    aks_world_crash_at(world, step);
    json_decref(scenario_run(world));
    began = aks_world_steps(world) - began;
    aks_world_crash_at(world, 0);
    if (aks_world_died(world))
        aks_world_restart(world, power);
    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        give_up(world, step, err.message);
    /* Two runs: one brings what is owed, and gives back; the other finds all of it there. */
    for (int i = 0; i < 2; i++)
        json_decref(scenario_run(world));
    if (aks_laws_nothing_open(world, true, &err) != AKS_OK)
        give_up(world, step, err.message);
    aks_world_free(world);
    return began;
}

static void
nothing_half_sent_is_left_of_who_died(void **state)
{
    uint64_t steps = die_at(0, false);

    assert_in_range(steps, 50, STEPS_MAX);
    for (uint64_t step = 1; step <= steps; step += STRIDE)
        (void)die_at(step, step / STRIDE % 2 == 0);
}

/* What fails while it is sent is given back at once: nobody goes on with it. */
static void
what_fails_on_the_way_is_given_back(void **state)
{
    static const char packed[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'm.db' }, route = 'cloud',\n"
        "  compress = { codec = 'zstd', always = true },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } } }\n";
    struct aks_world *world = scenario_new(5, packed, 1);
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "part 2", 503, "SlowDown");
    struct aks_error err = { 0 };

    /* Packed, the database itself has no second part. */
    memory_database_put(world, "m.db", 1, ROWS, ROW_BYTES);
    scenario_run_is(world, "queued");
    assert_true(rule->struck > 0);
    if (aks_laws_nothing_open(world, true, &err) != AKS_OK)
        give_up(world, 0, err.message);
    aks_world_calm(world, true);
    scenario_run_is(world, "stored");
    if (aks_laws_nothing_open(world, true, &err) != AKS_OK)
        give_up(world, 0, err.message);
    aks_world_free(world);
}

/* --- the state was lost ----------------------------------------------------------------------- */

static void
expect(struct aks_world *world, unsigned rows, int64_t days, const char *mode, json_int_t sent)
{
    json_t *report;
    const json_t *told;

    aks_world_advance(world, days * 86400 * AKS_NS_PER_S);
    memory_database_put(world, "m.db", 1, rows, ROW_BYTES);
    report = scenario_run(world);
    told = json_object_get(json_array_get(json_object_get(report, "targets"), 0), "memories_file");
    assert_string_equal(json_string_value(json_object_get(told, "mode")), mode);
    assert_int_equal(json_integer_value(json_object_get(told, "rows")), sent);
    json_decref(report);
}

static void
lose_state(struct aks_world *world)
{
    struct aks_files_sim *files = aks_sim_files(aks_world_sim(world));

    (void)aks_files_sim_remove(files, AKS_WORLD_STATE "/state.db", NULL);
    (void)aks_files_sim_remove(files, AKS_WORLD_STATE "/state.db-wal", NULL);
}

/* All rows go every 30 days, also where when they went last is known from manifests alone: not
 * counted from the last upload of new ones. */
static void
who_lost_the_state_sends_all_when_they_are_due(void **state)
{
    struct aks_world *world = world_new(1);

    expect(world, 10, 0, "all", 10);
    expect(world, 12, 20, "new", 2);
    lose_state(world);
    expect(world, 13, 5, "new", 1);
    expect(world, 14, 6, "all", 14);
    expect(world, 15, 1, "new", 1);
    aks_world_free(world);
}

/* Where the newest manifests do not tell, all go at once: 30 days are promised. */
static void
who_cannot_tell_when_all_went_sends_all(void **state)
{
    struct aks_world *world = world_new(1);

    expect(world, 10, 0, "all", 10);
    for (unsigned i = 1; i <= 4; i++)
        expect(world, 10 + i, 1, "new", 1);
    lose_state(world);
    expect(world, 15, 1, "all", 15);
    expect(world, 16, 1, "new", 1);
    aks_world_free(world);
}

struct manifest {
    char key[512];
    char text[16384];
};

static void
note_manifest(void *ctx, const struct aks_s3_object *object)
{
    struct manifest *manifest = ctx;

    if (strstr(object->key, "/manifest.json") == NULL)
        return;
    assert_in_range(object->len, 1, sizeof(manifest->text) - 1);
    (void)snprintf(manifest->key, sizeof(manifest->key), "%s", object->key);
    memcpy(manifest->text, object->data, object->len);
    manifest->text[object->len] = '\0';
}

/* In the newest manifest ${old} becomes ${new}, which is no longer. */
static void
change_manifest(struct aks_world *world, const char *old, const char *new)
{
    struct aks_s3_model *model = aks_world_target(world, "cloud")->s3;
    struct manifest manifest = { .key = "" };
    bool found = false;

    aks_s3_model_each(model, note_manifest, &manifest);
    for (char *at = manifest.text; (at = strstr(at, old)) != NULL; at += strlen(new)) {
        memmove(at + strlen(new), at + strlen(old), strlen(at + strlen(old)) + 1);
        memcpy(at, new, strlen(new));
        found = true;
    }
    assert_true(found);
    assert_int_equal(aks_s3_model_put(model, manifest.key, manifest.text, strlen(manifest.text),
        0, NULL), AKS_OK);
}

static struct aks_world *
world_of_all(void)
{
    static const char all[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'm.db' }, compress = 'none',\n"
        "  memories = 'all',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud' }\n";

    return scenario_new(5, all, 1);
}

/* Where a manifest tells of the first part of all rows, the rest is owed, and nothing of it goes
 * twice: all go again when the last has gone. */
static void
who_lost_the_state_between_parts_goes_on_behind_the_first(void **state)
{
    struct aks_world *world = world_of_all();

    expect(world, 10, 0, "all", 10);
    change_manifest(world, "\"complete\": true", "\"complete\":false");
    lose_state(world);
    expect(world, 11, 1, "new", 1);
    expect(world, 12, 1, "all", 12);
    lose_state(world);
    expect(world, 13, 1, "all", 13);
    aks_world_free(world);
}

/* A table that is gone owes nothing for ever. */
static void
a_table_that_is_gone_does_not_hold_up_the_others(void **state)
{
    struct aks_world *world = world_of_all();

    expect(world, 10, 0, "all", 10);
    change_manifest(world, "\"complete\": true", "\"complete\":false");
    change_manifest(world, "conversations_v2", "conversations_v0");
    lose_state(world);
    expect(world, 11, 1, "all", 11);
    expect(world, 12, 1, "new", 1);
    expect(world, 13, 31, "all", 13);
    expect(world, 14, 1, "all", 14);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_lost_the_state_sends_all_when_they_are_due),
        cmocka_unit_test(who_cannot_tell_when_all_went_sends_all),
        cmocka_unit_test(who_lost_the_state_between_parts_goes_on_behind_the_first),
        cmocka_unit_test(a_table_that_is_gone_does_not_hold_up_the_others),
        cmocka_unit_test(what_fails_on_the_way_is_given_back),
        cmocka_unit_test(nothing_half_sent_is_left_of_who_died),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
