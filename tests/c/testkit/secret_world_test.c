/* A policy with a token, in a world whose server wants it: it is sent, and is nowhere else. */
#include "api/api_internal.h"
#include "engine/secret_store.h"
#include "script/reach.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)

/* Looks for a value wherever its code runs, and keeps what it finds where a walk sees it. */
static const char curious[] =
    "local akosha = require 'akosha'\n"
    "seen = {}\n"
    "local secret = akosha.secret 'akosha-token'\n"
    "local function look(what, ...)\n"
    "  for _, value in ipairs { ... } do\n"
    "    seen[#seen + 1] = what .. ': ' .. tostring(value)\n"
    "    if type(value) == 'table' then\n"
    "      for k, v in pairs(value) do look(what .. '.' .. tostring(k), v) end\n"
    "    end\n"
    "  end\n"
    "  akosha.log(what, ...)\n"
    "end\n"
    "look('handle', secret, getmetatable(secret), pcall(string.format, '%s', secret))\n"
    "for _, name in ipairs { 'PLANTED_TOKEN', 'AKOSHA_TOKEN', 'AWS_SECRET_ACCESS_KEY' } do\n"
    "  look(name, select(2, pcall(akosha.env, name)))\n"
    "end\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
    "  targets = { http = akosha.http { url = 'https://put.example.org/upload', token = secret },\n"
    "    cloud = akosha.s3 { bucket = 'memories', endpoint = 'https://s3.example.org' } },\n"
    "  route = function(source, targets)\n"
    "    look('route', secret, source, targets)\n"
    "    return { 'http', 'cloud' }\n"
    "  end,\n"
    "  dedup = function(facts) look('dedup', secret, facts) end,\n"
    "  retry = function(failure)\n"
    "    look('retry', secret, failure)\n"
    "    if failure.attempt < 2 then return akosha.wait(1) end\n"
    "  end,\n"
    "  finished = function(report) look('finished', secret, report) error(secret) end }\n";

static const char plain[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none', targets = {\n"
    "  http = akosha.http { url = 'https://put.example.org/upload',\n"
    "    token = akosha.secret 'akosha-token' } } }\n";

static const char *const hosts[] = { "put.example.org" };

/* One process that keeps its policy in hand: what it holds at the end is walked over. */
static void
walk_after_a_run(struct aks_world *world, int code)
{
    struct akosha_options options = { .port = aks_sim_port(aks_world_sim(world)) };
    struct akosha_run_options run = { 0 };
    struct akosha_policy *policy = NULL;
    struct akosha_report *report = NULL;
    struct akosha *engine = NULL;
    struct akosha_error error;
    lua_State *L;
    const char *found;

    assert_int_equal(aks_world_learn(world, NULL), AKS_OK);
    assert_int_equal(akosha_open(&options, &engine, &error), AKOSHA_OK);
    if (akosha_policy_load(engine, AKS_WORLD_POLICY, NULL, 0, &policy, &error) != AKOSHA_OK)
        fail_msg("%s", error.message);
    assert_int_equal(akosha_run(engine, policy, &run, &report, &error), code);
    assert_null(strstr(akosha_report_json(report, false), "planted"));
    L = reach_vm(policy->policy);
    /* The walk sees what the policy kept, and so would see a value. */
    assert_non_null(reach_find(L, REACH_POLICY, "finished.outcome: "));
    assert_non_null(reach_find(L, REACH_POLICY, "handle: akosha.secret: akosha-token"));
    for (int how = REACH_POLICY; how <= REACH_ALL; how++) {
        found = reach_find(L, (enum reach_how)how, "planted");
        if (found != NULL)
            fail_msg("a value is in reach: %s", found);
    }
    akosha_report_free(report);
    akosha_policy_free(policy);
    akosha_close(engine);
}

static void
no_value_is_in_reach_of_a_policy(void **state)
{
    struct aks_world *world = scenario_new(1, curious, BYTES);

    walk_after_a_run(world, AKOSHA_OK);
    aks_world_free(world);
}

static void
nor_where_its_server_refuses_it(void **state)
{
    static const int statuses[] = { 401, 403, 308 };

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct aks_world *world = scenario_new(1, curious, BYTES);
        char answered[16];

        (void)scenario_reply(world, "http", "", statuses[i], "");
        walk_after_a_run(world, AKOSHA_OK);     /* the cloud has it */
        (void)snprintf(answered, sizeof(answered), "answers %d", statuses[i]);
        assert_non_null(strstr(aks_world_story(world, AKS_STORY_EVENTS), answered));
        aks_world_free(world);
    }
}

/* All stories and the log, with the laws. */
static void
the_laws_hold_for_a_curious_policy(void **state)
{
    struct aks_world *world = scenario_new(1, curious, BYTES);

    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_REQUESTS, "  0.0  http  put  PUT 20480 -> 201");
    assert_non_null(strstr(aks_world_log(world), "policy: handle akosha.secret: akosha-token"));
    aks_world_free(world);
}

/* What breaks the law is seen by it. */
static void
a_value_that_stands_somewhere_breaks_a_law(void **state)
{
    struct aks_world *world = scenario_new(1, plain, BYTES);
    struct aks_error err;
    json_t *report = scenario_run(world);

    assert_int_equal(aks_laws_check(world, report, &err), AKS_OK);
    assert_int_equal(aks_world_put(world, "somewhere", AKS_WORLD_TOKEN, strlen(AKS_WORLD_TOKEN),
        &err), AKS_OK);
    assert_int_not_equal(aks_laws_check(world, report, &err), AKS_OK);
    assert_non_null(strstr(err.message, "nothing leaked: a secret stands in"));
    json_decref(report);
    aks_world_free(world);
}

static void
a_program_is_asked_once_for_a_whole_run(void **state)
{
    const struct aks_sim_program pass = { .name = "pass", .output = AKS_WORLD_TOKEN "\n",
        .takes_ms = 3000 };
    const struct aks_secret_entry entry = { "akosha-token", AKS_SECRET_COMMAND, "pass show akosha",
        (const char **)(uintptr_t)hosts, 1 };
    struct aks_world *world = scenario_new(1, plain, BYTES);
    struct aks_sim *sim = aks_world_sim(world);

    assert_int_equal(aks_sim_program(sim, &pass, NULL), AKS_OK);
    assert_int_equal(aks_world_secret(world, "akosha-token", &entry, NULL), AKS_OK);
    scenario_run_is(world, "stored");
    assert_int_equal(aks_sim_program_starts(sim, "pass"), 1);
    /* The probe's second is its server's alone. */
    scenario_tells(world, AKS_STORY_REQUESTS, "  3.0  http  probe  HEAD 0 -> 403");
    scenario_run_is(world, "unchanged");
    assert_int_equal(aks_sim_program_starts(sim, "pass"), 1);
    aks_world_free(world);
}

static void
a_program_that_does_not_tell_is_no_reason_to_ask_the_server(void **state)
{
    static const struct aks_sim_program programs[] = { { .name = "pass", .output = "" },
        { .name = "pass", .output = "x", .exit_code = 1 },
        { .name = "pass", .output = AKS_WORLD_TOKEN, .takes_ms = 3600 * 1000 },
        { .name = "other", .output = "x" } };
    const struct aks_secret_entry entry = { "akosha-token", AKS_SECRET_COMMAND, "pass show akosha",
        (const char **)(uintptr_t)hosts, 1 };

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        struct aks_world *world = scenario_new(1, plain, BYTES);
        json_t *report;

        assert_int_equal(aks_sim_program(aks_world_sim(world), &programs[i], NULL), AKS_OK);
        assert_int_equal(aks_world_secret(world, "akosha-token", &entry, NULL), AKS_OK);
        report = scenario_run(world);
        assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 6);
        assert_string_equal(json_string_value(json_object_get(report, "outcome")), "queued");
        assert_string_equal(aks_world_story(world, AKS_STORY_REQUESTS), "");
        json_decref(report);
        aks_world_free(world);
    }
}

static void
bound_elsewhere_nothing_is_sent_anywhere(void **state)
{
    static const char *const elsewhere[] = { "other.example", "put.example.org:8443",
        "example.org" };

    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        const struct aks_secret_entry entry = { "akosha-token", AKS_SECRET_ENV,
            AKS_WORLD_TOKEN_VARIABLE, (const char **)(uintptr_t)&elsewhere[i], 1 };
        struct aks_world *world = scenario_new(1, curious, BYTES);
        json_t *report;

        assert_int_equal(aks_world_secret(world, "akosha-token", &entry, NULL), AKS_OK);
        report = scenario_run(world);
        assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 6);
        assert_string_equal(aks_world_story(world, AKS_STORY_REQUESTS), "");
        json_decref(report);
        aks_world_free(world);
    }
}

/* A job of the queue carries the name; what it stands for is found when the job is taken up. */
static void
a_job_knows_the_name_alone(void **state)
{
    struct aks_world *world = scenario_new(1, plain, BYTES);

    assert_int_equal(aks_world_secret(world, "akosha-token", NULL, NULL), AKS_OK);
    scenario_run_is(world, "queued");
    aks_world_free(world);
    world = scenario_new(1, plain, BYTES);
    assert_int_equal(aks_world_variable(world, AKS_WORLD_TOKEN_VARIABLE, "", NULL), AKS_OK);
    scenario_run_is(world, "queued");
    assert_int_equal(aks_world_variable(world, AKS_WORLD_TOKEN_VARIABLE, AKS_WORLD_TOKEN, NULL),
        AKS_OK);
    scenario_run_is(world, "stored");
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_value_is_in_reach_of_a_policy),
        cmocka_unit_test(nor_where_its_server_refuses_it),
        cmocka_unit_test(the_laws_hold_for_a_curious_policy),
        cmocka_unit_test(a_value_that_stands_somewhere_breaks_a_law),
        cmocka_unit_test(a_program_is_asked_once_for_a_whole_run),
        cmocka_unit_test(a_program_that_does_not_tell_is_no_reason_to_ask_the_server),
        cmocka_unit_test(bound_elsewhere_nothing_is_sent_anywhere),
        cmocka_unit_test(a_job_knows_the_name_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
