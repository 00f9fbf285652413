/* Mirrors on bad days: what is enough, what stays owed, what is brought later, and that no more is
 * said than is there. tests/lua/routes/mirror_test.lua has the many cases; these are the ones that
 * mutants meet first. */
#include "testkit/scenario.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)
#define HOUR_NS (3600 * AKS_NS_PER_S)

static struct aks_world *
make(const char *route)
{
    char policy[1024];

    (void)snprintf(policy, sizeof(policy),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' },\n"
        "              other = akosha.s3 { bucket = 'other-bucket' } },\n"
        "  route = %s, retry = akosha.retry.fixed { first = 1, tries = 3 } }\n", route);
    return scenario_new(1, policy, BYTES);
}

/* "http other": the names of a list of the first file, one after the other. */
static const char *
names(const json_t *report, const char *list, char ret_text[128])
{
    const json_t *file = json_array_get(json_object_get(report, "files"), 0);
    const json_t *name;
    size_t i;

    ret_text[0] = '\0';
    json_array_foreach(json_object_get(file, list), i, name)
        (void)snprintf(ret_text + strlen(ret_text), 128 - strlen(ret_text), "%s%s",
            i > 0 ? " " : "", json_string_value(name));
    return ret_text;
}

static void
run_is(struct aks_world *world, const char *outcome, int code, const char *targets,
    const char *pending)
{
    char text[128];
    json_t *report = scenario_run(world);

    assert_non_null(report);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), outcome);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), code);
    assert_string_equal(names(report, "targets", text), targets);
    assert_string_equal(names(report, "pending", text), pending);
    /* What is owed is in a job, whatever it is called. */
    assert_int_equal(json_is_string(json_object_get(report, "job_id")), pending[0] != '\0');
    json_decref(report);
}

static void
one_that_fails_leaves_all_of_them_owed(void **state)
{
    struct aks_world *world = make("akosha.route.all { 'cloud', 'http', 'other' }");
    struct aks_fault_rule *rule = scenario_reply(world, "http", "put", 403, "");

    rule->until_ns = 60 * AKS_NS_PER_S;
    run_is(world, "partial", 6, "cloud other", "http");
    run_is(world, "partial", 6, "cloud other", "http");
    aks_world_advance(world, HOUR_NS);
    run_is(world, "stored", 0, "cloud other http", "");
    run_is(world, "unchanged", 0, "cloud other http", "");
    aks_world_free(world);
}

static void
quorum_is_content_and_the_third_one_is_brought_it_later(void **state)
{
    struct aks_world *world = make("akosha.route.quorum(2, { 'cloud', 'http', 'other' })");
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "cloud", "");

    aks_fault_rule_status(rule, AKS_OFFLINE);
    rule->until_ns = 60 * AKS_NS_PER_S;
    run_is(world, "stored", 0, "other http", "");
    run_is(world, "unchanged", 0, "other http", "");
    aks_world_advance(world, HOUR_NS);
    run_is(world, "stored", 0, "cloud other http", "");
    aks_world_free(world);
}

static void
quorum_that_is_not_reached_is_owed(void **state)
{
    struct aks_world *world = make("akosha.route.quorum(2, { 'cloud', 'http', 'other' })");
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "", 403, "AccessDenied");
    struct aks_fault_rule *too = scenario_reply(world, "other", "", 403, "AccessDenied");

    rule->until_ns = 60 * AKS_NS_PER_S;
    too->until_ns = 60 * AKS_NS_PER_S;
    run_is(world, "partial", 6, "http", "cloud other");
    aks_world_advance(world, HOUR_NS);
    run_is(world, "stored", 0, "cloud other http", "");
    aks_world_free(world);
}

struct hand {
    struct aks_world *world;
    bool done;
};

static bool
change_source(void *ctx, const struct aks_fault_step *step)
{
    struct hand *hand = ctx;

    if (!hand->done)
        scenario_put(hand->world, "a.bin", 99, BYTES + 1);
    hand->done = true;
    return false;
}

/* The first copy is of another content than the second one: it does not count, and is made anew. */
static void
copy_of_an_older_content_does_not_count(void **state)
{
    struct aks_world *world = make("akosha.route.all { 'cloud', 'other' }");
    struct hand hand = { world, false };
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_SLOW, "other", "probe");

    rule->when = change_source;
    rule->when_ctx = &hand;
    run_is(world, "stored", 0, "cloud other", "");
    assert_true(hand.done);
    assert_non_null(strstr(aks_world_story(world, AKS_STORY_DECISIONS),
        "  cloud  route  source_changed -> wait 1.0\n"));
    aks_world_free(world);
}

/* Dead between the first upload and the second. */
static void
death_between_two_targets_loses_neither(void **state)
{
    struct aks_world *world = make("akosha.route.all { 'cloud', 'http', 'other' }");
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_DIES, "http", "put");

    rule->times = 1;
    assert_null(scenario_run(world));
    assert_true(aks_world_died(world));
    aks_world_restart(world, true);
    run_is(world, "stored", 0, "cloud other http", "");
    aks_world_free(world);
}

static void
use_policy(struct aks_world *world, const char *sources, const char *route)
{
    char policy[1024];
    struct aks_error err = { 0 };

    (void)snprintf(policy, sizeof(policy),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { %s }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  route = akosha.route.all { %s } }\n", sources, route);
    if (aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err) != AKS_OK)
        fail_msg("%s", err.message);
}

/* Of one target in the report. */
static const char *
upload_id_of(const json_t *report, const char *target)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(report, "targets"), i, row) {
        if (strcmp(json_string_value(json_object_get(row, "name")), target) == 0)
            return json_string_value(json_object_get(row, "upload_id"));
    }
    return "none";
}

/* One target goes on with an upload of which the other has committed one of the same id: that is
 * never added to. */
static void
what_one_goes_on_with_is_not_added_to_at_another(void **state)
{
    struct aks_world *world = make("'cloud'");
    struct aks_fault_rule *dies = scenario_fault(world, AKS_FAULT_DIES, "cloud", "part 4");
    json_t *report;
    char before[64];

    dies->times = 1;
    dies->served = true;
    scenario_put(world, "b.bin", 2, 700);
    scenario_put(world, "c.bin", 3, 700);
    use_policy(world, "'b.bin', 'a.bin'", "'http', 'cloud'");
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    aks_world_advance(world, HOUR_NS);
    use_policy(world, "'b.bin', 'a.bin', 'c.bin'", "'cloud', 'http'");
    report = scenario_run(world);
    (void)snprintf(before, sizeof(before), "%s", upload_id_of(report, "cloud"));
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    assert_true(strcmp(upload_id_of(report, "http"), before) > 0);
    json_decref(report);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_fails_leaves_all_of_them_owed),
        cmocka_unit_test(quorum_is_content_and_the_third_one_is_brought_it_later),
        cmocka_unit_test(quorum_that_is_not_reached_is_owed),
        cmocka_unit_test(copy_of_an_older_content_does_not_count),
        cmocka_unit_test(death_between_two_targets_loses_neither),
        cmocka_unit_test(what_one_goes_on_with_is_not_added_to_at_another),
    };

    return cmocka_run_group_tests_name("mirrors", tests, NULL, NULL);
}
