/* A run in a world, put to the same policy and to others: the world's machine stands for the real
 * one. */
#include "testkit/explain.h"

#include "support/failing_alloc.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 40
#define OTHER AKS_WORLD_HOME "/other.lua"
#define RECORD AKS_WORLD_HOME "/report.json"
#define TARGETS "  targets = { cloud = akosha.s3 { bucket = 'memories',\n" \
    "                                  endpoint = 'https://s3.example.org' },\n" \
    "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
#define BEGIN "local akosha = require 'akosha'\n" \
    "return akosha.policy { api = 1, sources = { 'a.bin', 'b.txt' },\n" TARGETS

/* Everything is a function, and every wait has chance in it. */
static const char functions[] = BEGIN
    "  route = function(source, targets, now)\n"
    "    local even = now.clock.hour % 2 == 0\n"
    "    if now.history[1] and now.history[1].ago > 7500 then return 'http' end\n"
    "    return targets.cloud.healthy and source.size > 100 and\n"
    "      (even and { 'cloud', 'http' } or { 'http', 'cloud' }) or 'http'\n"
    "  end,\n"
    "  dedup = function(facts) return facts.stored and 'reuse' or nil end,\n"
    "  compress = function(facts) return facts.sample_ratio > 2 and 'gzip' or nil end,\n"
    "  throttle = function(now) return 100000 + 1000 * now.clock.hour end,\n"
    "  retry = function(failure)\n"
    "    if failure.attempt == 1 then return akosha.retry.exponential { first = 3 } end\n"
    "    return akosha.retry.decorrelated { tries = 4 }:decide(failure)\n"
    "  end }\n";
static const char settings[] = BEGIN "  retry = akosha.retry.linear { jitter = 'equal' } }\n";
/* Sources have codecs of their own. */
static const char codecs[] = "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { { path = '~/a.bin', codec = 'none' },\n"
    "  { glob = '*.txt', codec = { codec = 'gzip', always = true } } },\n" TARGETS " }\n";
static const char other[] = BEGIN
    "  route = 'http',\n"
    "  retry = function(failure)\n"
    "    if failure.name == 'throttled' then\n"
    "      return akosha.wait(7)\n"
    "    end\n"
    "    return math.random() < 0.5 and akosha.next_target or akosha.give_up\n"
    "  end }\n";

/* A world whose second run is over: parts were throttled, the other target was down. */
static struct aks_world *
world_of(uint64_t seed, const char *policy)
{
    struct aks_world *world = scenario_new(seed, policy, 25000);
    static const char text[] = "the same again and the same again and the same again and the same "
        "again and the same again and the same again and the same again and the same again and the "
        "same again";

    assert_int_equal(aks_world_put(world, "b.txt", text, strlen(text), NULL), AKS_OK);
    json_decref(scenario_run(world));
    /* Two hours or so later, when something is stored and a run is known. */
    aks_world_advance(world, INT64_C(7000) * 1000000000);
    scenario_put(world, "a.bin", seed + 1, 26000);
    assert_int_equal(aks_world_put(world, "b.txt", text, strlen(text) - 9, NULL), AKS_OK);
    scenario_reply(world, "cloud", "part", 503, "SlowDown")->times = 3;
    scenario_reply(world, "http", "", 500, "")->times = 2;
    json_decref(scenario_run(world));
    aks_world_calm(world, true);
    return world;
}

static enum aks_status
replay(struct aks_world *world, const char *policy, const char *run, json_t **ret_replay,
    struct aks_error *err)
{
    struct aks_explain_options options = { .real = aks_sim_port(aks_world_sim(world)),
        .policy = AKS_WORLD_POLICY, .run = run, .state = AKS_WORLD_STATE };
    json_t *explanation = NULL;
    enum aks_status status = AKS_OK;

    if (policy != NULL) {
        options.policy = OTHER;
        status = aks_world_put(world, OTHER, policy, strlen(policy), err);
    }
    if (status == AKS_OK)
        status = aks_explain(&options, &explanation, err);
    if (status != AKS_OK)
        return status;
    *ret_replay = json_incref(json_object_get(explanation, "replay"));
    json_decref(explanation);
    return AKS_OK;
}

static json_t *
replayed(struct aks_world *world, const char *policy, const char *run)
{
    struct aks_error err = { 0 };
    json_t *replay_of = NULL;

    if (replay(world, policy, run, &replay_of, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return replay_of;
}

static int
count(const json_t *replay_of, const char *name)
{
    return (int)json_integer_value(json_object_get(replay_of, name));
}

static const char *
text_at(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text != NULL ? text : "";
}

/* The first question of that kind whose answer would be other, or cannot be known. */
static const json_t *
find(const json_t *replay_of, const char *question, const char *failure)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(replay_of, "questions"), i, row) {
        const json_t *facts = json_object_get(row, "facts");

        if (strcmp(text_at(row, "question"), question) == 0 &&
            (failure == NULL || strcmp(text_at(facts, "failure"), failure) == 0) &&
            !json_is_true(json_object_get(row, "same")))
            return row;
    }
    fail_msg("no other answer to %s", question);
    return NULL;
}

static void
same_policy_answers_the_same(void **state)
{
    static const char *const policies[] = { functions, settings, other, codecs };
    int waits = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct aks_world *world = world_of(seed, policies[seed % 4]);
        json_t *replay_of;
        const json_t *row;
        size_t i;

        /* The time and the history that count are those of then. */
        aks_world_advance(world, INT64_C(13) * 3600 * 1000000000);
        replay_of = replayed(world, NULL, "last");

        if (count(replay_of, "different") + count(replay_of, "unanswerable") > 0)
            fail_msg("seed %d: %s", (int)seed, json_dumps(replay_of, JSON_INDENT(1)));
        assert_true(count(replay_of, "same") >= 5);
        assert_true(json_is_true(json_object_get(replay_of, "complete")));
        json_array_foreach(json_object_get(replay_of, "questions"), i, row)
            waits += strncmp(text_at(row, "was"), "wait ", 5) == 0;
        json_decref(replay_of);
        aks_world_free(world);
    }
    assert_true(waits > SEEDS);
}

static void
other_policy_is_told_with_its_line(void **state)
{
    struct aks_world *world = world_of(1, settings);
    json_t *replay_of = replayed(world, other, "last");
    const json_t *row = find(replay_of, "retry", "throttled");

    assert_string_equal(text_at(row, "was"), "wait 1.0 to 2.0");
    assert_string_equal(text_at(row, "would_be"), "wait 7.0");
    assert_string_equal(text_at(row, "by"), "policy");
    assert_int_equal(json_integer_value(json_object_get(row, "line")), 9);
    row = find(replay_of, "route", NULL);
    assert_string_equal(text_at(row, "was"), "cloud, http");
    assert_string_equal(text_at(row, "would_be"), "http");
    assert_string_equal(text_at(row, "by"), "default");
    assert_int_equal(json_integer_value(json_object_get(row, "line")), 6);
    json_decref(replay_of);
    /* The other way round: the same schedule with other bounds, and a function's gzip. */
    replay_of = replayed(world, functions, "last");
    row = find(replay_of, "retry", "throttled");
    assert_string_equal(text_at(row, "would_be"), "wait 0.0 to 3.0");
    row = find(replay_of, "compress", NULL);
    assert_string_equal(text_at(row, "was"), "zstd");
    assert_string_equal(text_at(row, "would_be"), "gzip");
    assert_int_equal(json_integer_value(json_object_get(row, "line")), 13);
    json_decref(replay_of);
    aks_world_free(world);
}

static void
what_chance_decides_is_told_as_that(void **state)
{
    struct aks_world *world = world_of(1, settings);
    json_t *replay_of = replayed(world, BEGIN
        "  retry = function(failure)\n"
        "    if math.random() < 0.5 then return akosha.restart end\n"
        "    return akosha.wait(math.random() * 1000) end }\n", "last");
    const json_t *row = find(replay_of, "retry", NULL);

    assert_non_null(strstr(text_at(row, "would_be"), "wait about "));
    assert_non_null(strstr(text_at(row, "would_be"), "restart"));
    assert_non_null(strstr(text_at(row, "would_be"), " or "));
    json_decref(replay_of);
    aks_world_free(world);
}

static void
policy_that_fails_is_told_and_asked_on(void **state)
{
    struct aks_world *world = world_of(1, settings);
    json_t *replay_of = replayed(world, BEGIN
        "  route = function(source)\n"
        "    if source.name == 'a.bin' then return source.nothing.here end\n"
        "    return 'http' end }\n", "last");
    const json_t *row = find(replay_of, "route", NULL);

    assert_int_equal(strncmp(text_at(row, "would_be"), "fails: " OTHER ":7: in route: ",
        strlen("fails: " OTHER ":7: in route: ")), 0);
    assert_int_equal(count(replay_of, "unanswerable"), 0);
    json_decref(replay_of);
    aks_world_free(world);
}

/* Writes the last report into a file, as ${change} leaves it. */
static void
write_record(struct aks_world *world, void (*change)(json_t *report))
{
    const char *text = NULL;
    json_t *document;
    json_t *report;
    char *dump;

    assert_int_equal(aks_world_state(world, &text, NULL), AKS_OK);
    document = json_loads(text, 0, NULL);
    report = json_object_get(document, "last_run");
    change(report);
    dump = json_dumps(report, 0);
    assert_int_equal(aks_world_put(world, RECORD, dump, strlen(dump), NULL), AKS_OK);
    free(dump);
    json_decref(document);
}

/* As reports were before all facts were kept. */
static void
make_old(json_t *report)
{
    static const char *const later[] = { "path", "kind", "age", "bytes", "target", "targets",
        "stored" };
    json_t *decision;
    size_t i;

    (void)json_object_del(report, "asked");
    json_array_foreach(json_object_get(report, "decisions"), i, decision) {
        (void)json_object_del(decision, "chance");
        for (size_t j = 0; j < sizeof(later) / sizeof(later[0]); j++)
            (void)json_object_del(json_object_get(decision, "facts"), later[j]);
    }
}

static void
what_an_old_record_lacks_is_said(void **state)
{
    struct aks_world *world = world_of(1, functions);
    json_t *replay_of;
    const json_t *row;

    write_record(world, make_old);
    replay_of = replayed(world, settings, RECORD);
    assert_true(json_is_false(json_object_get(replay_of, "complete")));
    assert_int_equal(count(replay_of, "unanswerable"), 0);
    json_decref(replay_of);
    replay_of = replayed(world, functions, RECORD);
    row = find(replay_of, "route", NULL);
    assert_true(json_is_null(json_object_get(row, "same")));
    assert_true(json_is_null(json_object_get(row, "would_be")));
    assert_string_equal(text_at(row, "why"), "not recorded: path");
    /* Failures were always kept whole, and chance is given its due. */
    assert_int_equal(count(replay_of, "different"), 0);
    assert_true(count(replay_of, "same") > 0);
    json_decref(replay_of);
    aks_world_free(world);
}

static void
steps_of_a_task_are_no_questions(void **state)
{
    static const char task[] = "local akosha = require 'akosha'\n"
        "return akosha.task { api = 1, sources = { 'a.bin', 'b.txt' },\n" TARGETS
        "  run = function(ctx)\n"
        "    for _, source in ipairs(ctx:sources()) do\n"
        "      local upload = assert(ctx:open('http', assert(ctx:snapshot(source))))\n"
        "      assert(ctx:send(upload))\n"
        "      assert(ctx:finish(upload))\n"
        "    end\n"
        "    assert(ctx:commit 'http')\n"
        "  end }\n";
    const json_t *row;
    size_t i;
    struct aks_world *world = world_of(1, task);
    json_t *replay_of = replayed(world, NULL, "last");

    assert_true(count(replay_of, "steps") > 0);
    assert_int_equal(count(replay_of, "different") + count(replay_of, "unanswerable"), 0);
    assert_true(count(replay_of, "same") > 0);
    assert_true(json_is_true(json_object_get(replay_of, "task")));
    json_decref(replay_of);
    replay_of = replayed(world, settings, "last");
    assert_true(json_is_false(json_object_get(replay_of, "task")));
    assert_true(count(replay_of, "steps") > 0);
    json_decref(replay_of);
    aks_world_free(world);
    /* Where things go is nothing that a task is asked. */
    world = world_of(1, settings);
    replay_of = replayed(world, task, "last");
    assert_true(json_array_size(json_object_get(replay_of, "questions")) > 0);
    json_array_foreach(json_object_get(replay_of, "questions"), i, row) {
        assert_string_not_equal(text_at(row, "question"), "route");
        assert_string_not_equal(text_at(row, "question"), "dedup");
    }
    json_decref(replay_of);
    aks_world_free(world);
}

/* A run in which a source stayed busy. */
static void
add_busy(json_t *report)
{
    json_t *decision = json_pack("{s:f, s:s, s:n, s:s, s:s, s:{s:s, s:s, s:s, s:i, s:f, s:s, s:s,"
        " s:f, s:n, s:f, s:s}}", "at_s", 5.0, "question", "snapshot", "target", "answer", "queue",
        "by", "default", "facts", "source", "a.bin", "path", AKS_WORLD_HOME "/a.bin", "kind",
        "duckdb", "bytes", 26000, "age", 1.0, "failure", "source_busy", "why", "a writer holds it",
        "waited", 5.0, "stored", "older", 60.0, "clock", "2026-11-26T02:03+01:00");

    assert_non_null(decision);
    assert_int_equal(json_array_append_new(json_object_get(report, "decisions"), decision), 0);
}

static void
assert_busy(struct aks_world *world, const char *policy, const char *would_be)
{
    json_t *replay_of = replayed(world, policy, RECORD);
    const json_t *row;
    size_t found = 0;
    size_t i;

    json_array_foreach(json_object_get(replay_of, "questions"), i, row) {
        if (strcmp(text_at(row, "question"), "snapshot") != 0)
            continue;
        assert_string_equal(text_at(row, "was"), "queue");
        assert_string_equal(text_at(row, "would_be"), would_be);
        assert_int_equal(json_is_true(json_object_get(row, "same")),
            strcmp(would_be, "queue") == 0);
        found++;
    }
    assert_int_equal(found, 1);
    json_decref(replay_of);
}

static void
what_becomes_of_a_busy_source_is_asked_again(void **state)
{
    struct aks_world *world = world_of(1, settings);

    write_record(world, add_busy);
    assert_busy(world, settings, "queue");
    assert_busy(world, BEGIN " snapshot = 'older' }", "older");
    assert_busy(world, "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { { path = '~/a.bin',\n"
        "  snapshot = akosha.snapshot { busy = 'skip', wait = 7 } } },\n" TARGETS " }\n",
        "skip after 2.0");
    assert_busy(world, BEGIN " snapshot = function(f) return f.older == 60 and f.waited == 5 and\n"
        "  not f.stored and f.name == 'source_busy' and 'skip' end }", "skip");
    aks_world_free(world);
}

static void
target_that_nothing_is_known_of_is_said(void **state)
{
    struct aks_world *world = world_of(1, settings);
    json_t *replay_of = replayed(world, "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, route = function() return 'disk' end,\n"
        "  targets = { disk = akosha.dir { path = '/disk' } } }\n", "last");

    assert_string_equal(text_at(find(replay_of, "route", NULL), "why"),
        "nothing is recorded of the target \"disk\"");
    assert_string_equal(text_at(find(replay_of, "retry", NULL), "why"),
        "the policy has no target \"cloud\"");
    assert_int_equal(count(replay_of, "different") + count(replay_of, "same"), 0);
    json_decref(replay_of);
    aks_world_free(world);
}

static void
make_newer(json_t *report)
{
    (void)json_object_set_new(report, "schema", json_integer(2));
}

static void
make_something_else(json_t *report)
{
    (void)json_object_del(report, "decisions");
}

static void
make_bad_decision(json_t *report)
{
    (void)json_object_set_new(json_array_get(json_object_get(report, "decisions"), 0), "facts",
        json_integer(1));
}

static void
make_long(json_t *report)
{
    json_t *decisions = json_object_get(report, "decisions");

    while (json_array_size(decisions) < 10001)
        (void)json_array_append(decisions, json_array_get(decisions, 0));
}

static void
assert_refused(struct aks_world *world, const char *run, const char *words)
{
    struct aks_error err = { 0 };
    json_t *replay_of = NULL;

    assert_int_equal(replay(world, NULL, run, &replay_of, &err), AKS_NOT_FOUND);
    if (strstr(err.message, words) == NULL)
        fail_msg("%s: %s", run, err.message);
}

static void
what_is_no_record_is_refused(void **state)
{
    static const struct {
        void (*change)(json_t *report);
        const char *words;
    } records[] = {
        { make_newer, "is of schema 2" },
        { make_something_else, "is no report of a run" },
        { make_bad_decision, "no question, no answer or no facts" },
        { make_long, "questions: at most 10000" },
    };
    static char huge[9 * 1024 * 1024];
    struct aks_world *world = world_of(1, settings);
    struct aks_world *fresh = scenario_new(1, settings, 10);

    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        write_record(world, records[i].change);
        assert_refused(world, RECORD, records[i].words);
    }
    assert_refused(world, "20260101T000000Z-000000", "no run 20260101T000000Z-000000 is known");
    assert_refused(world, "nowhere.json", "nowhere.json is no run: ");
    assert_refused(world, AKS_WORLD_POLICY, "is no report: line 1");
    assert_refused(world, AKS_WORLD_HOME, "is no run: ");
    assert_int_equal(aks_world_put(world, RECORD, "a\0b", 3, NULL), AKS_OK);
    assert_refused(world, RECORD, "is no report: it is no text");
    assert_int_equal(aks_world_put(world, RECORD, huge, sizeof(huge), NULL), AKS_OK);
    assert_refused(world, RECORD, "is no run: ");
    assert_refused(fresh, "last", "no run last is known: there is no " AKS_WORLD_STATE "/state.db");
    aks_world_free(fresh);
    aks_world_free(world);
}

static void
run_is_found_by_its_id(void **state)
{
    struct aks_world *world = world_of(1, settings);
    json_t *last = replayed(world, NULL, "last");
    json_t *same = replayed(world, NULL, text_at(last, "run_id"));

    assert_true(json_equal(last, same));
    json_decref(same);
    json_decref(last);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_policy_answers_the_same),
        cmocka_unit_test(other_policy_is_told_with_its_line),
        cmocka_unit_test(what_chance_decides_is_told_as_that),
        cmocka_unit_test(policy_that_fails_is_told_and_asked_on),
        cmocka_unit_test(what_an_old_record_lacks_is_said),
        cmocka_unit_test(steps_of_a_task_are_no_questions),
        cmocka_unit_test(what_becomes_of_a_busy_source_is_asked_again),
        cmocka_unit_test(target_that_nothing_is_known_of_is_said),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(run_is_found_by_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
