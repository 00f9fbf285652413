/* Old uploads are forgotten, in worlds where that goes wrong at every step: what is needed stays,
 * what stays can be restored, and what was cut off goes on the next time. */
#include "base/units.h"
#include "testkit/memory_database.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RESTORED AKS_WORLD_HOME "/restored"
#define SEEDS 3
#define STEPS_MAX 3000
#define STRIDE 29                       /* the steps of a removal repeat */
#define ID_BYTES 40

static const char *const policies[] = {
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin', 'm.db' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories', prefix = 'p' } }, route = 'cloud' }\n",
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin', 'm.db' }, memories = 'all',\n"
    "  targets = { folder = akosha.dir { path = '~/backup' } }, route = 'folder',\n"
    "  keep = { last = 2 } }\n",
};

struct place {
    struct aks_world *world;
    struct aks_rng rng;
    unsigned first;                     /* rows of m.db */
    unsigned last;
    char verified[ID_BYTES];            /* the newest upload that was verified; "": none */
};

static void
give_up(const struct place *place, const char *why)
{
    fail_msg("%s\n%s%s%s", why, aks_world_story(place->world, AKS_STORY_EVENTS),
        aks_world_story(place->world, AKS_STORY_REQUESTS), aks_world_log(place->world));
}

static uint64_t
below(struct place *place, uint64_t bound)
{
    return aks_rng_next(&place->rng) % bound;
}

static void
check_laws(const struct place *place, const json_t *report)
{
    struct aks_error err = { 0 };

    if (aks_laws_check(place->world, report, &err) != AKS_OK)
        give_up(place, err.message);
}

static void
put_rows(struct place *place)
{
    memory_database_put(place->world, "m.db", place->first, place->last, 40);
}

static void
place_init(struct place *place, uint64_t seed, size_t policy)
{
    memset(place, 0, sizeof(*place));
    aks_rng_init(&place->rng, seed * 1000 + policy);
    place->world = scenario_new(seed, policies[policy], 3000);
    scenario_put(place->world, "b.bin", seed + 1, 500);
    place->first = 1;
    place->last = 5;
    put_rows(place);
}

/* Brings what is there now, and says when: days go by before. */
static void
store(struct place *place, int64_t days)
{
    json_t *report;

    aks_world_advance(place->world, days * 86400 * AKS_NS_PER_S);
    report = scenario_run(place->world);
    json_decref(report);
}

/* Some of the sources change; now and then none does. */
static void
change(struct place *place)
{
    if (below(place, 3) > 0)
        scenario_put(place->world, "a.bin", aks_rng_next(&place->rng), 1000 + below(place, 9000));
    if (below(place, 4) == 0)
        scenario_put(place->world, "b.bin", aks_rng_next(&place->rng), 100 + below(place, 900));
    if (below(place, 3) > 0) {
        place->last += 1 + (unsigned)below(place, 30);
        put_rows(place);
    }
}

/* Reads the newest upload from end to end. */
static void
verify(struct place *place)
{
    const struct aks_world_restore_options options = { .to = NULL };
    struct aks_error err = { 0 };
    json_t *report = NULL;
    const char *id;

    if (aks_world_verify(place->world, &options, &report, &err) != AKS_OK)
        give_up(place, err.message);
    check_laws(place, report);
    id = json_string_value(json_object_get(json_array_get(json_object_get(report, "targets"), 0),
        "upload_id"));
    if (id != NULL && json_is_true(json_object_get(report, "success")))
        (void)snprintf(place->verified, sizeof(place->verified), "%s", id);
    json_decref(report);
}

/* The report, or NULL after a death. */
static json_t *
prune(const struct place *place, const char *keep, bool apply)
{
    const struct aks_world_prune_options options = { .keep = keep, .apply = apply };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_world_prune(place->world, &options, &report, &err) != AKS_OK)
        give_up(place, err.message);
    check_laws(place, aks_world_died(place->world) ? NULL : report);
    return report;
}

static void
check_needed(const struct place *place, const json_t *before)
{
    struct aks_error err = { 0 };

    if (aks_laws_pruned(place->world, before,
            place->verified[0] != '\0' ? place->verified : NULL, &err) != AKS_OK)
        give_up(place, err.message);
}

/* Everything there is in the newest of each source, and each upload by its name. */
static void
check_restores(const struct place *place, const json_t *now)
{
    struct aks_world_restore_options options = { .to = RESTORED, .force = true };
    struct aks_error err = { 0 };
    json_t *report = NULL;
    const char *name;
    const char *id;
    json_t *target;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)now, name, target) {
        json_object_foreach(json_object_get(target, "uploads"), id, value) {
            options.upload_id = id;
            options.target = name;
            if (aks_world_restore(place->world, &options, &report, &err) != AKS_OK ||
                !json_is_true(json_object_get(report, "success")))
                give_up(place, err.message);
            check_laws(place, report);
            json_decref(report);
        }
    }
    options.upload_id = NULL;
    options.target = NULL;
    if (aks_world_restore(place->world, &options, &report, &err) != AKS_OK ||
        aks_laws_restored(place->world, RESTORED, &err) != AKS_OK)
        give_up(place, err.message);
    check_laws(place, report);
    json_decref(report);
}

/* What a prune that came to its end says is what there is. */
static void
check_told(const struct place *place, const json_t *report, const json_t *now)
{
    const json_t *row;
    size_t i;
    const json_t *target = json_array_get(json_object_get(report, "targets"), 0);
    const json_t *has = json_object_get(json_object_get(now,
        json_string_value(json_object_get(target, "name"))), "uploads");
    size_t kept = 0;

    if (!json_is_true(json_object_get(report, "success")))
        give_up(place, "a calm prune failed");
    json_array_foreach(json_object_get(target, "uploads"), i, row) {
        const char *id = json_string_value(json_object_get(row, "upload_id"));
        bool keeps = strcmp(json_string_value(json_object_get(row, "outcome")), "keep") == 0;

        kept += keeps && json_is_true(json_object_get(row, "complete"));
        if ((json_object_get(has, id) != NULL) !=
            (keeps && json_is_true(json_object_get(row, "complete"))))
            give_up(place, id);
    }
    assert_int_equal(kept, json_object_size(has));
}

/* --- anything may happen ---------------------------------------------------------------------- */

static const char *
draw_rules(struct place *place, char ret[64])
{
    (void)snprintf(ret, 64, "last=%u", 1 + (unsigned)below(place, 3));
    if (below(place, 2) == 0)
        (void)snprintf(ret + strlen(ret), 64 - strlen(ret), ",daily=%u",
            1 + (unsigned)below(place, 4));
    if (below(place, 3) == 0)
        (void)snprintf(ret + strlen(ret), 64 - strlen(ret), ",weekly=%u",
            1 + (unsigned)below(place, 3));
    return ret;
}

static void
draw_trouble(struct place *place)
{
    struct aks_fault_draw draw = { 0 };

    draw.rules_max = 4;
    draw.transient = true;
    draw.disk = below(place, 2) == 0;
    aks_fault_plan_init(aks_world_plan(place->world), aks_rng_next(&place->rng));
    aks_fault_plan_draw(aks_world_plan(place->world), &draw, &place->rng);
    aks_world_calm(place->world, false);
    if (below(place, 2) == 0)
        aks_world_crash_at(place->world, 1 + below(place, 400));
}

/* Weeks of a life: sources change, uploads come, some are verified, and old ones are forgotten
 * while things go wrong. */
static void
live(uint64_t seed, size_t policy)
{
    struct place place;
    json_t *before;
    json_t *now;
    json_t *report;
    char rules[64];

    place_init(&place, seed, policy);
    for (uint64_t i = 3 + below(&place, 6); i > 0; i--) {
        store(&place, (int64_t)below(&place, 12) * (int64_t)below(&place, 4));
        if (below(&place, 4) == 0)
            verify(&place);
        change(&place);
    }
    store(&place, 1);
    before = aks_laws_before_prune(place.world);
    (void)draw_rules(&place, rules);
    for (uint64_t i = 1 + below(&place, 3); i > 0; i--) {
        draw_trouble(&place);
        report = prune(&place, rules, true);
        aks_world_crash_at(place.world, 0);
        json_decref(report);
        if (aks_world_died(place.world))
            aks_world_restart(place.world, below(&place, 2) == 0);
        check_laws(&place, NULL);
        check_needed(&place, before);
    }
    aks_world_calm(place.world, true);
    report = prune(&place, rules, true);
    check_needed(&place, before);
    now = aks_laws_before_prune(place.world);
    check_told(&place, report, now);
    check_restores(&place, now);
    change(&place);
    store(&place, 40);
    store(&place, 0);
    json_decref(report);
    json_decref(before);
    json_decref(now);
    aks_world_free(place.world);
}

static void
what_is_needed_stays_whatever_goes_wrong(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        live(seed, 0);
        live(seed, 1);
    }
}

/* --- each step -------------------------------------------------------------------------------- */

static void
four_uploads(struct place *place, size_t policy)
{
    place_init(place, 7, policy);
    for (unsigned i = 0; i < 4; i++) {
        store(place, i == 3 ? 31 : 2);
        scenario_put(place->world, "a.bin", 100 + i, 800);
        place->last += 3;
        put_rows(place);
    }
}

static uint64_t
die_at(size_t policy, uint64_t step, bool power)
{
    struct place place;
    uint64_t began;
    json_t *before;
    json_t *now;
    json_t *report;

    four_uploads(&place, policy);
    before = aks_laws_before_prune(place.world);
    began = aks_world_steps(place.world);
    aks_world_crash_at(place.world, step);
    report = prune(&place, "last=1", true);
    began = aks_world_steps(place.world) - began;
    json_decref(report);
    aks_world_crash_at(place.world, 0);
    if (aks_world_died(place.world))
        aks_world_restart(place.world, power);
    check_laws(&place, NULL);
    check_needed(&place, before);
    report = prune(&place, "last=1", true);
    now = aks_laws_before_prune(place.world);
    check_told(&place, report, now);
    check_needed(&place, before);
    /* What is believed of the target is still true. */
    scenario_run_is(place.world, "stored");
    json_decref(report);
    json_decref(before);
    json_decref(now);
    aks_world_free(place.world);
    return began;
}

static void
at_every_step(size_t policy)
{
    uint64_t steps = die_at(policy, 0, false);

    assert_in_range(steps, 20, STEPS_MAX);
    for (uint64_t step = 1; step <= steps; step += STRIDE)
        (void)die_at(policy, step, step / STRIDE % 2 == 0);
}

static void
one_that_is_cut_off_in_a_bucket_goes_on(void **state)
{
    at_every_step(0);
}

static void
one_that_is_cut_off_in_a_folder_goes_on(void **state)
{
    at_every_step(1);
}

/* --- what is told ----------------------------------------------------------------------------- */

static const json_t *
upload_at(const json_t *report, size_t i)
{
    return json_array_get(json_object_get(json_array_get(json_object_get(report, "targets"), 0),
        "uploads"), i);
}

static const char *
outcome_at(const json_t *report, size_t i)
{
    return json_string_value(json_object_get(upload_at(report, i), "outcome"));
}

static const char *
reason_at(const json_t *report, size_t i)
{
    return json_string_value(json_object_get(upload_at(report, i), "reason"));
}

static json_int_t
stored_bytes(const json_t *report, const char *name)
{
    return json_integer_value(json_object_get(json_array_get(json_object_get(report, "targets"),
        0), name));
}

static void
it_is_only_told_until_it_is_wanted(void **state)
{
    struct place place;
    json_t *before;
    json_t *now;
    json_t *told;
    json_t *done;

    four_uploads(&place, 0);
    before = aks_laws_before_prune(place.world);
    told = prune(&place, "last=1", false);
    now = aks_laws_before_prune(place.world);
    assert_true(json_equal(before, now));
    json_decref(now);
    assert_true(json_is_false(json_object_get(told, "applied")));
    /* The last of the four came a month after the others, with all rows. */
    assert_string_equal(outcome_at(told, 1), "remove");
    assert_string_equal(reason_at(told, 1), "no rule keeps it");
    assert_string_equal(reason_at(told, 0), "a kept upload names an object of it");
    assert_string_equal(reason_at(told, 3), "the newest");
    assert_true(stored_bytes(told, "stored_bytes_after") < stored_bytes(told, "stored_bytes"));
    done = prune(&place, "last=1", true);
    assert_string_equal(outcome_at(done, 1), "removed");
    assert_string_equal(outcome_at(done, 2), "removed");
    assert_int_equal(stored_bytes(done, "stored_bytes_after"),
        stored_bytes(told, "stored_bytes_after"));
    json_decref(done);
    done = prune(&place, "last=1", true);
    assert_int_equal(stored_bytes(done, "stored_bytes"), stored_bytes(told, "stored_bytes_after"));
    json_decref(done);
    json_decref(told);
    json_decref(before);
    aks_world_free(place.world);
}

/* A key that may not delete: nothing half gone looks complete, and it is told what helps. */
static void
who_may_not_delete_is_told(void **state)
{
    struct aks_fault_rule *rule;
    struct place place;
    json_t *before;
    json_t *report;
    const json_t *error;

    four_uploads(&place, 0);
    before = aks_laws_before_prune(place.world);
    rule = scenario_reply(place.world, "cloud", "other", 403, "AccessDenied");
    report = prune(&place, "last=1", true);
    assert_true(rule->struck > 0);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 6);
    error = json_object_get(report, "error");
    assert_string_equal(json_string_value(json_object_get(error, "failure")), "forbidden");
    assert_non_null(strstr(json_string_value(json_object_get(error, "hint")), "--credentials"));
    assert_string_equal(outcome_at(report, 1), "failed");
    assert_string_equal(outcome_at(report, 2), "remove");
    json_decref(report);
    check_needed(&place, before);
    aks_world_calm(place.world, true);
    report = prune(&place, "last=1", true);
    assert_string_equal(outcome_at(report, 1), "removed");
    assert_string_equal(reason_at(report, 1), "its removal has begun");
    json_decref(report);
    json_decref(before);
    aks_world_free(place.world);
}

/* The rows of a database that was emptied are in the upload that took them, and nowhere else. */
static void
memories_of_an_emptied_database_stay(void **state)
{
    struct place place;
    json_t *before;
    json_t *report;

    place_init(&place, 11, 1);
    place.last = 30;
    put_rows(&place);
    store(&place, 1);
    /* Nothing of the first is needed but its memories. */
    scenario_put(place.world, "a.bin", 12, 700);
    scenario_put(place.world, "b.bin", 13, 700);
    place.first = 100;
    place.last = 104;
    put_rows(&place);
    store(&place, 1);
    before = aks_laws_before_prune(place.world);
    report = prune(&place, "last=1", true);
    assert_string_equal(outcome_at(report, 0), "keep");
    assert_string_equal(reason_at(report, 0), "no kept upload holds its memories");
    check_needed(&place, before);
    json_decref(report);
    json_decref(before);
    aks_world_free(place.world);
}

/* A proof alone keeps the first: it was read to its end, and the one behind it was not. */
static void
the_newest_that_was_verified_stays(void **state)
{
    struct place place;
    json_t *before;
    json_t *report;

    place_init(&place, 12, 1);
    store(&place, 1);
    verify(&place);
    for (uint64_t i = 0; i < 2; i++) {
        scenario_put(place.world, "a.bin", 20 + i, 700);
        scenario_put(place.world, "b.bin", 30 + i, 700);
        place.last += 2;
        put_rows(&place);
        store(&place, 1);
    }
    before = aks_laws_before_prune(place.world);
    report = prune(&place, "last=1", true);
    assert_string_equal(reason_at(report, 0), "the newest that was verified");
    assert_string_equal(outcome_at(report, 1), "removed");
    check_needed(&place, before);
    json_decref(report);
    json_decref(before);
    aks_world_free(place.world);
}

static void
wrong(struct place *place, const struct aks_world_prune_options *options, enum aks_status status,
    const char *text)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;
    const json_t *error;

    if (aks_world_prune(place->world, options, &report, &err) != AKS_OK) {
        assert_int_equal(err.status, status);
        assert_non_null(strstr(err.message, text));
        return;
    }
    error = json_object_get(report, "error");
    assert_string_equal(json_string_value(json_object_get(error, "failure")),
        aks_status_name(status));
    assert_non_null(strstr(json_string_value(json_object_get(error, "message")), text));
    assert_int_equal(json_array_size(json_object_get(report, "targets")), 0);
    json_decref(report);
}

static void
what_cannot_be_pruned_says_why(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, route = 'put',\n"
        "  targets = { put = akosha.http { url = 'https://put.example.org/upload' } } }\n";
    struct place place = { .world = NULL };
    struct aks_world_prune_options options = { .keep = "last=1", .target = "nobody" };

    place_init(&place, 3, 0);
    store(&place, 0);
    wrong(&place, &options, AKS_SETTINGS, "--target nobody: the policy has no target of that name");
    options.target = NULL;
    options.keep = "last=0";
    wrong(&place, &options, AKS_SETTINGS, "--keep last=0: ");
    options.keep = NULL;
    wrong(&place, &options, AKS_SETTINGS, "prune needs --keep RULES");
    aks_world_free(place.world);
    place.world = scenario_new(3, policy, 100);
    options.keep = "last=1";
    wrong(&place, &options, AKS_SETTINGS, "no target whose uploads can be listed");
    options.target = "put";
    wrong(&place, &options, AKS_SETTINGS, "what target put holds cannot be listed");
    aks_world_free(place.world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_only_told_until_it_is_wanted),
        cmocka_unit_test(who_may_not_delete_is_told),
        cmocka_unit_test(memories_of_an_emptied_database_stay),
        cmocka_unit_test(the_newest_that_was_verified_stays),
        cmocka_unit_test(what_cannot_be_pruned_says_why),
        cmocka_unit_test(one_that_is_cut_off_in_a_bucket_goes_on),
        cmocka_unit_test(one_that_is_cut_off_in_a_folder_goes_on),
        cmocka_unit_test(what_is_needed_stays_whatever_goes_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
