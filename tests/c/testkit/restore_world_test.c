/* A restore that is killed, or loses its power, at each of its steps in turn: at no moment is there
 * a file under its name that is not whole, and the next restore brings all of it. */
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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

/* --- what came before it was cut off ---------------------------------------------------------- */

#define LONG_BYTES (2 * (size_t)1024 * 1024 + 77)

/* Nothing is tried twice. */
static const char once_policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
    "  retry = akosha.retry.exponential { tries = 1 } }\n";

/* Plain bytes that were there already; -1: it failed. */
static json_int_t
restore_again(struct aks_world *world)
{
    const struct aks_world_restore_options options = { .to = RESTORED };
    struct aks_error err = { 0 };
    json_t *report = NULL;
    json_int_t resumed = -1;
    const json_t *file;

    if (aks_world_restore(world, &options, &report, &err) != AKS_OK)
        fail_at(0, world, err.message);
    if (aks_laws_check(world, report, &err) != AKS_OK)
        fail_at(0, world, err.message);
    file = json_array_get(json_object_get(report, "files"), 0);
    if (json_is_true(json_object_get(report, "success")))
        resumed = json_integer_value(json_object_get(json_object_get(file, "main"),
            "resumed_bytes"));
    json_decref(report);
    return resumed;
}

/* A restore that got so far as two of three ranges. */
static struct aks_world *
cut_off(void)
{
    struct aks_world *world = scenario_new(31, once_policy, LONG_BYTES);
    struct aks_fault_rule *rule;

    scenario_run_is(world, "stored");
    rule = scenario_reply(world, "cloud", "get", 503, "SlowDown");
    /* The manifest is the first that is got, and the ranges are asked for side by side. */
    rule->nth = 4;
    assert_int_equal(restore_again(world), -1);
    assert_int_equal(rule->struck, 1);
    aks_world_calm(world, true);
    return world;
}

struct found {
    char part[256];
    char record[256];
};

static void
find_part(void *ctx, const char *path, int64_t bytes)
{
    struct found *found = ctx;
    size_t len = strlen(path);

    if (strncmp(path, RESTORED "/", sizeof(RESTORED)) != 0 || path[len - 1] == '/')
        return;
    if (len > 5 && strcmp(path + len - 5, ".json") == 0)
        (void)snprintf(found->record, sizeof(found->record), "%s", path);
    else
        (void)snprintf(found->part, sizeof(found->part), "%s", path);
}

static void
find(struct aks_world *world, struct found *found)
{
    memset(found, 0, sizeof(*found));
    aks_files_sim_each(aks_sim_files(aks_world_sim(world)), find_part, found);
    assert_true(found->part[0] != '\0' && found->record[0] != '\0');
}

/* All is there, and nothing beside it. */
static void
end_whole(struct aks_world *world)
{
    struct found found = { .record = "" };
    struct aks_error err = { 0 };

    if (aks_laws_restored(world, RESTORED, &err) != AKS_OK)
        fail_at(0, world, err.message);
    aks_files_sim_each(aks_sim_files(aks_world_sim(world)), find_part, &found);
    assert_string_equal(found.record, "");
    assert_string_equal(found.part, RESTORED "/a.bin");
    aks_world_free(world);
}

static void
what_came_is_not_asked_for_again(void **state)
{
    struct aks_world *world = cut_off();
    json_int_t resumed = restore_again(world);

    assert_true(resumed > 0 && resumed < (json_int_t)LONG_BYTES);
    end_whole(world);
}

static void
a_record_that_tells_nothing_costs_work_and_no_more(void **state)
{
    static const char *const texts[] = { "no JSON", "{\"format\": \"akosha-restore/1\"}" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct aks_world *world = cut_off();
        struct aks_error err = { 0 };
        struct found found;

        find(world, &found);
        assert_int_equal(aks_world_put(world, found.record, texts[i], strlen(texts[i]), &err),
            AKS_OK);
        assert_int_equal(restore_again(world), 0);
        end_whole(world);
    }
}

/* A number in the record that is none of this object's. */
static void
a_record_of_more_than_there_can_be_is_not_believed(void **state)
{
    static const char *const fields[] = { "stored", "plain" };
    static const json_int_t numbers[] = { (json_int_t)LONG_BYTES + 1, -1 };

    for (size_t i = 0; i < 2; i++) {
        struct aks_world *world = cut_off();
        struct aks_error err = { 0 };
        struct found found;
        const char *data;
        size_t len = 0;
        json_t *record;
        char *text;

        find(world, &found);
        data = aks_files_sim_look(aks_sim_files(aks_world_sim(world)), found.record, &len);
        record = json_loadb(data, len, 0, NULL);
        assert_int_equal(json_object_set_new(record, fields[i], json_integer(numbers[i])), 0);
        text = json_dumps(record, 0);
        assert_int_equal(aks_world_put(world, found.record, text, strlen(text), &err), AKS_OK);
        free(text);
        json_decref(record);
        assert_int_equal(restore_again(world), 0);
        end_whole(world);
    }
}

/* The record says more than the medium kept. */
static void
a_part_that_is_shorter_than_its_record_begins_anew(void **state)
{
    struct aks_world *world = cut_off();
    struct aks_error err = { 0 };
    struct found found;

    find(world, &found);
    assert_int_equal(aks_world_put(world, found.part, "short", 5, &err), AKS_OK);
    assert_int_equal(restore_again(world), 0);
    end_whole(world);
}

/* Digests are of every byte, also of those that were there. */
static void
a_part_that_was_mangled_is_read_again(void **state)
{
    struct aks_world *world = cut_off();
    struct aks_error err = { 0 };
    struct found found;

    find(world, &found);
    assert_int_equal(aks_world_edit(world, found.part, 1000, "mangled", 7, &err), AKS_OK);
    assert_int_equal(restore_again(world), 0);
    end_whole(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_is_the_last_that_was_stored_whatever_the_clock_says),
        cmocka_unit_test(what_came_is_not_asked_for_again),
        cmocka_unit_test(a_record_that_tells_nothing_costs_work_and_no_more),
        cmocka_unit_test(a_record_of_more_than_there_can_be_is_not_believed),
        cmocka_unit_test(a_part_that_is_shorter_than_its_record_begins_anew),
        cmocka_unit_test(a_part_that_was_mangled_is_read_again),
        cmocka_unit_test(from_a_bucket),
        cmocka_unit_test(from_a_folder_and_packed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
