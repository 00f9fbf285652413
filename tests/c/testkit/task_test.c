/* Policies that steer by themselves, in worlds: the laws hold whatever they do, and whenever they
 * are cut short. */
#include "base/units.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (12 * (size_t)1024)
#define POLICY_BYTES 8192

#define HEAD                                                                                       \
    "local akosha = require 'akosha'\n"                                                            \
    "return akosha.task { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"           \
    "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"                                     \
    "                                  endpoint = 'https://s3.example.org' },\n"                   \
    "              http = akosha.http { url = 'https://put.example.org/upload' },\n"               \
    "              folder = akosha.dir { path = '/mnt/backup' } },\n"                              \
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none' },\n"                         \
    "  run = function(ctx)\n"
#define TAIL "  end }\n"

/* Both sources to all targets side by side; whatever fails, the rest goes on. tick is called before
 * each step. */
#define EVERYTHING                                                                                 \
    "local function deliver(source, target)\n"                                                     \
    "  tick()\n"                                                                                   \
    "  local snapshot = ctx:snapshot(source)\n"                                                    \
    "  tick()\n"                                                                                   \
    "  if not snapshot or not ctx:checksum(snapshot) then return end\n"                            \
    "  tick()\n"                                                                                   \
    "  local content = ctx:compress(snapshot, 'zstd')\n"                                           \
    "  tick()\n"                                                                                   \
    "  local upload <close> = content and ctx:open(target, content)\n"                             \
    "  tick()\n"                                                                                   \
    "  if not upload or not ctx:send(upload) then return end\n"                                    \
    "  tick()\n"                                                                                   \
    "  if ctx:finish(upload) then tick() ctx:commit(target) end\n"                                 \
    "  tick()\n"                                                                                   \
    "end\n"                                                                                        \
    "local all = {}\n"                                                                             \
    "for _, source in ipairs(ctx:sources()) do\n"                                                  \
    "  for _, target in ipairs(ctx:targets()) do\n"                                                \
    "    all[#all + 1] = ctx:spawn(deliver, source, target.name)\n"                                \
    "  end\n"                                                                                      \
    "end\n"                                                                                        \
    "ctx:audit { begun = #all }\n"                                                                 \
    "for _, one in ipairs(all) do ctx:join(one) end\n"                                             \
    "ctx.state.runs = (ctx.state.runs or 0) + 1\n"

static void
put_policy(struct aks_world *world, const char *policy)
{
    struct aks_error err = { 0 };

    if (aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static struct aks_world *
make(uint64_t seed, const char *policy)
{
    struct aks_world *world = scenario_new(seed, policy, BYTES);
    struct aks_error err = { 0 };

    scenario_put(world, "b.bin", seed + 1, 100);
    if (aks_files_sim_make_folders(aks_sim_files(aks_world_sim(world)), "/mnt/backup",
            &err) != AKS_OK)
        fail_msg("%s", err.message);
    return world;
}

static json_int_t
exit_code(const json_t *report)
{
    return json_integer_value(json_object_get(report, "exit_code"));
}

/* Nothing is wrong any more, and a policy that does not steer finds all, or brings it. */
static void
come_home(struct aks_world *world, const char *when)
{
    static const char plain[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
        "                                  endpoint = 'https://s3.example.org' } } }\n";
    json_t *report;

    aks_world_calm(world, true);
    aks_world_advance(world, 3600 * AKS_NS_PER_S);
    put_policy(world, plain);
    report = scenario_run(world);
    if (exit_code(report) != 0)
        fail_msg("%s: %s", when, aks_world_log(world));
    json_decref(report);
}

static void
laws_hold(struct aks_world *world, const char *when)
{
    struct aks_error err = { 0 };

    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        fail_msg("%s: %s\n%s", when, err.message, aks_world_story(world, AKS_STORY_REQUESTS));
}

/* --- cut short -------------------------------------------------------------------------------- */

static void
task_is_killed_at_every_step(void **state)
{
    static const char policy[] = HEAD "local function tick() end\n" EVERYTHING TAIL;
    struct aks_world *world = make(2, policy);
    uint64_t steps;

    scenario_run_is(world, "stored");
    steps = aks_world_steps(world);
    assert_true(steps > 200);
    aks_world_free(world);
    for (uint64_t step = 1; step <= steps; step++) {
        char when[32];

        (void)snprintf(when, sizeof(when), "step %llu", (unsigned long long)step);
        world = make(2, policy);
        aks_world_crash_at(world, step);
        assert_null(scenario_run(world));
        aks_world_restart(world, step % 2 == 1);
        laws_hold(world, when);
        come_home(world, when);
        aks_world_free(world);
    }
}

/* Every step of its own may be where it fails: exit code 3, and what is not there is queued. */
static void
task_fails_at_each_of_its_steps(void **state)
{
    static const char format[] = HEAD "local left = %d\n"
        "local function tick() left = left - 1 if left == 0 then error 'here' end end\n"
        EVERYTHING TAIL;
    char policy[POLICY_BYTES];
    json_int_t code = 3;

    for (int at = 1; code == 3; at++) {
        struct aks_world *world;
        json_t *report;

        (void)snprintf(policy, sizeof(policy), format, at);
        world = make(3, policy);
        report = scenario_run(world);
        code = exit_code(report);
        assert_true(code == 3 || (code == 0 && at > 40));
        if (code == 3)
            assert_non_null(strstr(json_string_value(json_object_get(json_object_get(report,
                "error"), "message")), "in run: here"));
        json_decref(report);
        come_home(world, policy);
        aks_world_free(world);
    }
}

/* A target that refuses one kind of request for ever does not keep the others from being served. */
static void
each_kind_of_request_fails(void **state)
{
    static const char *const operations[] = { "probe", "create", "part 1", "part 2", "complete",
        "put", "manifest", "marker" };
    static const char policy[] = HEAD "local function tick() end\n" EVERYTHING TAIL;

    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        for (int status = 403; status <= 503; status += 100) {
            struct aks_world *world = make(4, policy);
            struct aks_fault_rule *rule = scenario_reply(world, "cloud", operations[i], status,
                status == 403 ? "AccessDenied" : "SlowDown");
            json_t *report;

            rule->retry_after_s = status == 503 ? 7 : -1;
            report = scenario_run(world);
            assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
            assert_int_equal(exit_code(report), 0);
            json_decref(report);
            come_home(world, operations[i]);
            aks_world_free(world);
        }
    }
}

/* --- what is not committed -------------------------------------------------------------------- */

/* Finished, and the task ends: no manifest names it, the work is queued, and the log says so. */
static void
what_is_not_committed_is_not_stored(void **state)
{
    static const char policy[] = HEAD
        "local upload = ctx:open('cloud', ctx:snapshot 'a.bin')\n"
        "ctx:send(upload) ctx:finish(upload)\n"
        "ctx:skip('b.bin', 'not asked for')\n" TAIL;
    struct aks_world *world = make(5, policy);
    json_t *report = scenario_run(world);
    const json_t *file = json_array_get(json_object_get(report, "files"), 0);

    assert_int_equal(exit_code(report), 1);
    assert_string_equal(json_string_value(json_object_get(file, "outcome")), "queued");
    assert_string_equal(json_string_value(json_object_get(file, "reason")), "undelivered");
    assert_non_null(strstr(json_string_value(json_object_get(file, "message")),
        "it was sent to cloud, and the task ended without committing it"));
    file = json_array_get(json_object_get(report, "files"), 1);
    assert_string_equal(json_string_value(json_object_get(file, "outcome")), "skipped");
    assert_string_equal(json_string_value(json_object_get(file, "reason")), "not asked for");
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "manifest");
    json_decref(report);
    come_home(world, "uncommitted");
    aks_world_free(world);
}

/* Sent, and the task fails: the bucket does not keep what nobody will finish. */
static void
what_is_left_open_is_given_back(void **state)
{
    static const char policy[] = HEAD
        "local upload = ctx:open('cloud', ctx:snapshot 'a.bin')\n"
        "ctx:send(upload)\n"
        "error 'half'\n" TAIL;
    struct aks_world *world = make(9, policy);
    json_t *report = scenario_run(world);

    assert_int_equal(exit_code(report), 3);
    scenario_tells(world, AKS_STORY_REQUESTS, "  0.0  cloud  abort  DELETE 0 -> 204");
    json_decref(report);
    come_home(world, "left open");
    aks_world_free(world);
}

/* Nothing that was committed is added to: each commit is an upload of its own. */
static void
each_commit_is_another_upload(void **state)
{
    static const char policy[] = HEAD
        "local open = ctx:open('cloud', ctx:snapshot 'b.bin')\n"
        "local function send(name)\n"
        "  local upload = ctx:open('cloud', ctx:snapshot(name))\n"
        "  ctx:send(upload)\n"
        "  ctx:finish(upload)\n"
        "  return ctx:commit 'cloud'\n"
        "end\n"
        "assert(ctx:commit 'cloud' == true)\n"
        "local first = send 'a.bin'\n"
        "assert(ctx:commit 'cloud' == first)\n"
        "local second = send 'a.bin'\n"
        "assert(first ~= second)\n"
        /* Begun before either of them, and named by the third. */
        "ctx:send(open) ctx:finish(open)\n"
        "local third = ctx:commit 'cloud'\n"
        "assert(third ~= first and third ~= second)\n" TAIL;
    struct aks_world *world = make(6, policy);
    unsigned manifests = 0;

    scenario_run_is(world, "stored");
    for (const char *at = aks_world_story(world, AKS_STORY_REQUESTS);
        (at = strstr(at, "  cloud  manifest  PUT")) != NULL; at++)
        manifests++;
    assert_int_equal(manifests, 3);
    come_home(world, "three uploads");
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "409");
    aks_world_free(world);
}

/* --- two hundred ------------------------------------------------------------------------------ */

#define CROWD 200
#define WAITS (3 * CROWD)

static int
by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Two hundred that sleep and upload at once, three times each: each is served in its turn, none
 * waits longer than twice the median, and every buffer comes back (which the engine checks itself
 * when the run ends). */
static void
two_hundred_are_served_alike(void **state)
{
    static const char head[] =
        "local akosha = require 'akosha'\n"
        "local sources = {}\n"
        "for i = 1, 200 do sources[i] = ('crowd/%03d.bin'):format(i) end\n"
        "return akosha.task { api = 1, sources = sources,\n"
        "  compress = { codec = 'gzip', always = true },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
        "                                  endpoint = 'https://s3.example.org' } },\n"
        "  run = function(ctx)\n"
        "    local all = {}\n"
        "    for i, source in ipairs(ctx:sources()) do\n"
        "      all[i] = ctx:spawn(function()\n"
        "        for _ = 1, 3 do\n"
        "          assert(ctx:sleep(0.01))\n"
        "          local began = ctx:now()\n"
        "          local upload = assert(ctx:open('cloud', assert(ctx:snapshot(source))))\n"
        "          assert(ctx:send(upload))\n"
        "          assert(ctx:finish(upload))\n"
        "          ctx:log('waited', ctx:now() - began)\n"
        "        end\n"
        "      end)\n"
        "    end\n"
        "    for _, one in ipairs(all) do ctx:join(one) end\n"
        "    assert(ctx:commit 'cloud')\n"
        "  end }\n";
    struct aks_world *world = scenario_new(7, head, 0);
    double waited[WAITS];
    size_t count = 0;
    double median;

    for (int i = 1; i <= CROWD; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "crowd/%03d.bin", i);
        scenario_put(world, name, (uint64_t)i, 6000);
    }
    scenario_run_is(world, "stored");
    for (const char *at = aks_world_log(world); (at = strstr(at, "policy: waited ")) != NULL; at++)
        waited[count++ % WAITS] = strtod(at + strlen("policy: waited "), NULL);
    assert_int_equal(count, WAITS);
    qsort(waited, count, sizeof(waited[0]), by_value);
    median = (waited[WAITS / 2 - 1] + waited[WAITS / 2]) / 2;
    assert_true(median > 0);
    if (waited[WAITS - 1] > 2 * median)
        fail_msg("one waited %.3f s, the median is %.3f s", waited[WAITS - 1], median);
    print_message("median %.3f s, longest %.3f s\n", median, waited[WAITS - 1]);
    aks_world_free(world);
}

/* --- by chance -------------------------------------------------------------------------------- */

/* Any of its functions at any time, on anything, several at once; what makes no sense is an error
 * that it catches. */
static const char any[] = HEAD
    "local snapshots, contents, uploads, spawned = {}, {}, {}, {}\n"
    "local function one(list) return list[math.random(#list)] end\n"
    "local function put(list, value) list[#list + 1] = value end\n"
    "local function source() return one(ctx:sources()) end\n"
    "local function target() return one(ctx:targets()).name end\n"
    "local codecs = { 'none', 'gzip', 'zstd', { codec = 'zstd', always = true } }\n"
    "local ops = {\n"
    "  function() ctx:probe(target()) end,\n"
    "  function() ctx:held(source(), target()) end,\n"
    "  function() put(snapshots, ctx:snapshot(source())) end,\n"
    "  function() ctx:checksum(one(snapshots)) end,\n"
    "  function() put(contents, ctx:compress(one(snapshots), one(codecs))) end,\n"
    "  function() put(uploads, ctx:open(target(), one(snapshots))) end,\n"
    "  function() put(uploads, ctx:open(target(), one(contents))) end,\n"
    "  function() ctx:send(one(uploads)) end,\n"
    "  function() ctx:send(one(uploads)) end,\n"
    "  function() ctx:finish(one(uploads)) end,\n"
    "  function() ctx:finish(one(uploads)) end,\n"
    "  function() ctx:commit(target()) end,\n"
    "  function() ctx:commit(target()) end,\n"
    "  function() ctx:abort(one(uploads)) end,\n"
    "  function() ctx:sleep(math.random(0, 3)) end,\n"
    "  function() local gone <close> = one(uploads) end,\n"
    "  function() ctx:audit { n = math.random(9) } end,\n"
    "  function() ctx.state.n = math.random(9) end,\n"
    "  function() if math.random(9) == 1 then ctx:skip(source(), 'by chance') end end,\n"
    "  function() ctx:join(one(spawned)) end,\n"
    "}\n"
    "local function walk(steps)\n"
    "  for _ = 1, steps do pcall(one(ops)) end\n"
    "  if math.random(8) == 1 then error 'by chance' end\n"
    "end\n"
    "for _ = 1, math.random(0, 5) do put(spawned, ctx:spawn(walk, math.random(40))) end\n"
    "walk(math.random(60))\n"
    "for _, one in ipairs(spawned) do pcall(ctx.join, ctx, one) end\n" TAIL;

static void
day_by_chance(uint64_t seed)
{
    static const char *const targets[] = { "cloud", "http" };
    struct aks_fault_draw draw = { targets, 2, 4, true, true, false };
    struct aks_world *world = make(seed, any);
    struct aks_error err = { 0 };
    struct aks_rng rng;
    char when[32];

    (void)snprintf(when, sizeof(when), "seed %llu", (unsigned long long)seed);
    aks_rng_init(&rng, seed);
    aks_fault_plan_draw(aks_world_plan(world), &draw, &rng);
    if (aks_rng_next(&rng) % 3 == 0)
        aks_world_crash_at(world, 1 + aks_rng_next(&rng) % 400);
    for (int run = 0; run < 2; run++) {
        json_t *report = NULL;

        /* Where the disk fails it may not even begin. */
        (void)aks_world_run(world, NULL, &report, &err);
        if (aks_world_died(world))
            aks_world_restart(world, aks_rng_next(&rng) % 2 == 0);
        if (aks_laws_check(world, report, &err) != AKS_OK)
            fail_msg("%s: %s\n%s%s%s", when, err.message,
                aks_world_story(world, AKS_STORY_REQUESTS),
                aks_world_story(world, AKS_STORY_DECISIONS), aks_world_log(world));
        json_decref(report);
        aks_world_crash_at(world, 0);
        aks_world_advance(world, 60 * AKS_NS_PER_S);
    }
    come_home(world, when);
    aks_world_free(world);
}

static void
tasks_by_chance_on_bad_days(void **state)
{
    const char *count = getenv("AKS_TASK_DAYS");
    uint64_t days = count != NULL ? strtoull(count, NULL, 10) : 300;

    for (uint64_t seed = 1; seed <= days; seed++)
        day_by_chance(seed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_is_killed_at_every_step),
        cmocka_unit_test(task_fails_at_each_of_its_steps),
        cmocka_unit_test(each_kind_of_request_fails),
        cmocka_unit_test(what_is_not_committed_is_not_stored),
        cmocka_unit_test(what_is_left_open_is_given_back),
        cmocka_unit_test(each_commit_is_another_upload),
        cmocka_unit_test(two_hundred_are_served_alike),
        cmocka_unit_test(tasks_by_chance_on_bad_days),
    };

    return cmocka_run_group_tests_name("tasks", tests, NULL, NULL);
}
