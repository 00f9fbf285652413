/* Files of tests and what is said of them, above all of bad ones. The suite reads a simulated disk,
 * so that LuaUnit can be missing; its clock moves when somebody looks. */
#include "base/units.h"
#include "sim/sim.h"
#include "support/failing_alloc.h"
#include "testkit/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LUAUNIT "/usr/share/lua/5.4/luaunit.lua"
#define TOLD_MAX 64

struct told {
    char name[64];
    enum aks_suite_outcome outcome;
    char message[4096];
    uint64_t seed;
};

struct place {
    struct aks_sim *sim;
    struct aks_port port;
    int64_t now_ns;
    int64_t look_ns;                    /* that pass when somebody looks at the clock */
    struct aks_suite_options options;
    struct told told[TOLD_MAX];
    size_t told_count;
    char output[4096];
    char decisions[4096];
    char lines[4096];
    struct aks_error err;
    size_t count;
};

static char *luaunit;
static size_t luaunit_len;

/* --- a place ---------------------------------------------------------------------------------- */

static int64_t
look(void *ctx)
{
    struct place *place = ctx;

    place->now_ns += place->look_ns;
    return place->now_ns;
}

static void
on_result(void *ctx, const struct aks_suite_result *result)
{
    struct place *place = ctx;
    struct told *told = &place->told[place->told_count++ % TOLD_MAX];

    (void)snprintf(told->name, sizeof(told->name), "%s", result->name);
    (void)snprintf(told->message, sizeof(told->message), "%s", result->message);
    told->outcome = result->outcome;
    told->seed = result->seed;
    assert_string_equal(result->file, place->options.file);
    assert_true((result->outcome == AKS_SUITE_PASSED) == (result->message[0] == '\0'));
}

static void
on_output(void *ctx, const char *text)
{
    struct place *place = ctx;
    size_t len = strlen(place->output);

    (void)snprintf(place->output + len, sizeof(place->output) - len, "%s", text);
}

static void
on_decision(void *ctx, const struct aks_suite_decision *decision)
{
    struct place *place = ctx;
    size_t len = strlen(place->decisions);

    (void)snprintf(place->decisions + len, sizeof(place->decisions) - len, "%s %s %s %s %d\n",
        decision->policy, decision->question, decision->failure, decision->answer,
        decision->by_policy);
}

static void
tell_line(struct place *place, const char *what, const char *file, int line)
{
    size_t len = strlen(place->lines);

    (void)snprintf(place->lines + len, sizeof(place->lines) - len, "%s %s:%d\n", what, file, line);
}

static void
on_line(void *ctx, const char *file, int line)
{
    tell_line(ctx, "ran", file, line);
}

static void
on_active(void *ctx, const char *file, int line)
{
    tell_line(ctx, "can", file, line);
}

static void
put(struct place *place, const char *path, const char *text)
{
    struct aks_error err;

    assert_int_equal(aks_files_sim_put(aks_sim_files(place->sim), path, text, strlen(text), 0,
        &err), AKS_OK);
}

static struct place *
place_new(const struct aks_alloc *alloc)
{
    struct aks_sim_options options = { .alloc = aks_alloc_system(), .seed = 1,
        .host_name = "here", .home = "/home/me", .working_folder = "/home/me/work" };
    struct place *place = calloc(1, sizeof(*place));
    struct aks_error err;

    assert_non_null(place);
    assert_int_equal(aks_sim_new(&options, &place->sim, &err), AKS_OK);
    assert_int_equal(aks_files_sim_put(aks_sim_files(place->sim), LUAUNIT, luaunit, luaunit_len, 0,
        &err), AKS_OK);
    place->port = *aks_sim_port(place->sim);
    place->port.clock.now_ns = look;
    place->port.clock.ctx = place;
    place->look_ns = AKS_NS_PER_MS / 100;
    place->options.alloc = alloc;
    place->options.real = &place->port;
    place->options.file = "tests/a_test.lua";
    place->options.root = "/home/me/work";
    place->options.seed = 7;
    place->options.result = on_result;
    place->options.output = on_output;
    place->options.ctx = place;
    return place;
}

static void
place_free(struct place *place)
{
    aks_sim_free(place->sim);
    free(place);
}

static enum aks_status
run(struct place *place, const char *text)
{
    if (text != NULL)
        put(place, "/home/me/work/tests/a_test.lua", text);
    place->told_count = 0;
    place->output[0] = '\0';
    return aks_suite_run(&place->options, &place->count, &place->err);
}

static void
expect(const struct place *place, size_t i, const char *name, enum aks_suite_outcome outcome,
    const char *part)
{
    const struct told *told = &place->told[i];

    if (i >= place->told_count || strcmp(told->name, name) != 0 || told->outcome != outcome ||
        strstr(told->message, part) == NULL)
        fail_msg("%zu of %zu: %s, %d: %s", i, place->told_count, told->name, (int)told->outcome,
            told->message);
}

#define LU "local lu = require 'luaunit'\n"
#define SIM LU "local sim = require 'akosha.testing'\n"
#define POLICY "policy_text = [[local akosha = require 'akosha'\n" \
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n" \
    "targets = { cloud = akosha.s3 { bucket = 'memories', endpoint = 'https://s3.example' } },\n" \
    "retry = function() return akosha.wait(3) end }]], small = true"

/* --- tests of tests --------------------------------------------------------------------------- */

static void
each_test_is_told_with_its_outcome(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    assert_int_equal(run(place, LU
        "TestA = {}\n"
        "function TestA:test_passes() lu.assertEquals(1, 1) end\n"
        "function TestA:test_fails() lu.assertEquals({ 1, 2 }, { 1, 3 }) end\n"
        "function TestA:test_errs() local x = nil; x.y = 1 end\n"
        "function TestA:test_is_not_tried() lu.runOnlyIf(false, 'not today') end\n"
        "function TestA:test_ends_early() lu.success() end\n"
        "function test_alone() print('seen', 1); io.write('w'); io.stderr:write('e') end\n"
        "function helper() end\n"
        "return lu.LuaUnit.run()\n"), AKS_OK);
    assert_int_equal(place->count, 6);
    expect(place, 0, "TestA.test_ends_early", AKS_SUITE_PASSED, "");
    expect(place, 1, "TestA.test_errs", AKS_SUITE_ERROR, "tests/a_test.lua:5: attempt to index");
    expect(place, 2, "TestA.test_fails", AKS_SUITE_FAILED, "tests/a_test.lua:4: expected: {1, 3}");
    expect(place, 3, "TestA.test_is_not_tried", AKS_SUITE_SKIPPED, "not today");
    expect(place, 4, "TestA.test_passes", AKS_SUITE_PASSED, "");
    expect(place, 5, "test_alone", AKS_SUITE_PASSED, "");
    assert_string_equal(place->output, "seen\t1\nwe");
    assert_int_equal(place->told[5].seed, 7);
    place_free(place);
}

static void
fixtures_are_luaunit_s(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    assert_int_equal(run(place, LU
        "local log = ''\n"
        "TestA = { setUp = function() log = log .. 'u' end,\n"
        "  tearDown = function() log = log .. 'd' end,\n"
        "  setupClass = function() log = log .. 'C' end,\n"
        "  teardownClass = function() print(log) end }\n"
        "function TestA:test_1() log = log .. '1' end\n"
        "function TestA:test_2() log = log .. '2'; error('x') end\n"
        "TestB = { setUp = function() error('no ground') end,\n"
        "  tearDown = function() print('torn') end }\n"
        "function TestB:test_1() print('never') end\n"
        "TestC = { setupClass = function() error('no class') end }\n"
        "function TestC:test_1() print('never') end\n"
        "TestD = { teardownClass = function() error('left over') end }\n"
        "function TestD:test_1() end\n"
        "os.exit(lu.LuaUnit.run())\n"), AKS_OK);
    expect(place, 2, "TestB.test_1", AKS_SUITE_ERROR, "no ground");
    expect(place, 3, "TestC.test_1", AKS_SUITE_ERROR, "TestC.setupClass: ");
    expect(place, 4, "TestD.test_1", AKS_SUITE_PASSED, "");
    expect(place, 5, "TestD.teardownClass", AKS_SUITE_ERROR, "left over");
    assert_string_equal(place->output, "Cu1du2d\ntorn\n");
    place_free(place);
}

static void
the_usual_ends_of_a_file_are_harmless(void **state)
{
    static const char *const ends[] = { "", "return lu.LuaUnit.run()", "os.exit(lu.LuaUnit.run())",
        "lu.LuaUnit:run()", "os.exit(lu.run())",
        "local r = lu.LuaUnit.new()\nr:setOutputType('tap')\nos.exit(r:runSuite())" };
    struct place *place = place_new(aks_alloc_system());

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char text[512];

        (void)snprintf(text, sizeof(text), "#!/usr/bin/lua\n" LU "function test_it() end\n%s\n",
            ends[i]);
        assert_int_equal(run(place, text), AKS_OK);
        assert_int_equal(place->count, 1);
    }
    assert_int_equal(run(place, LU "local T = {}\nfunction T:test_listed() end\n"
        "os.exit(lu.LuaUnit.new():runSuiteByInstances({ { 'T', T } }))"), AKS_OK);
    expect(place, 0, "T.test_listed", AKS_SUITE_PASSED, "");
    place_free(place);
}

static void
a_filter_chooses_tests(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    place->options.filter = "A.test_b";
    assert_int_equal(run(place, "TestA = {}\nfunction TestA:test_a() end\n"
        "function TestA:test_b() end\nfunction TestA:test_bb() end\nfunction test_b() end\n"),
        AKS_OK);
    assert_int_equal(place->count, 2);
    expect(place, 1, "TestA.test_bb", AKS_SUITE_PASSED, "");
    place_free(place);
}

static void
chance_is_the_seed_s(void **state)
{
    static const char text[] = "function test_a() print(math.random(1 << 40)) end\n"
        "function test_b() print(math.random(1 << 40)) end\n";
    struct place *place = place_new(aks_alloc_system());
    char first[sizeof(place->output)];

    assert_int_equal(run(place, text), AKS_OK);
    (void)snprintf(first, sizeof(first), "%s", place->output);
    assert_int_equal(run(place, text), AKS_OK);
    assert_string_equal(place->output, first);
    place->options.filter = "test_b";
    assert_int_equal(run(place, text), AKS_OK);
    assert_string_equal(place->output, strchr(first, '\n') + 1);
    place->options.seed = 8;
    assert_int_equal(run(place, text), AKS_OK);
    assert_string_not_equal(place->output, strchr(first, '\n') + 1);
    place_free(place);
}

/* --- bad input -------------------------------------------------------------------------------- */

static void
a_test_without_an_end_is_ended(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    place->options.test_ms_max = 2000;
    place->look_ns = AKS_NS_PER_S / 10;
    assert_int_equal(run(place, LU
        "TestA = { tearDown = function() print('torn') end }\n"
        "function TestA:test_1() while true do end end\n"
        "function TestA:test_2() while true do pcall(function() while true do end end) end end\n"
        "function TestA:test_3() local f = coroutine.wrap(function() while true do end end)\n"
        "  f() end\n"
        "function TestA:test_4() end\n"), AKS_OK);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = { "TestA.test_1", "TestA.test_2", "TestA.test_3" };

        expect(place, i, names[i], AKS_SUITE_ERROR, "it runs for more than 2.00 s");
        expect(place, i, names[i], AKS_SUITE_ERROR, "tests/a_test.lua:");
    }
    expect(place, 3, "TestA.test_4", AKS_SUITE_PASSED, "");
    assert_string_equal(place->output, "torn\ntorn\ntorn\ntorn\n");
    place_free(place);
}

static void
a_property_without_an_end_is_ended(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    place->options.test_ms_max = 2000;
    place->look_ns = AKS_NS_PER_S / 10;
    assert_int_equal(run(place, SIM "function test_a() sim.forall { seeds = 1000000, " POLICY
        ", faults = { rules_max = 0 } } end\nfunction test_b() end\n"), AKS_OK);
    expect(place, 0, "test_a", AKS_SUITE_ERROR, "it runs for more than 2.00 s");
    expect(place, 1, "test_b", AKS_SUITE_PASSED, "");
    place_free(place);
}

static void
a_test_that_takes_all_memory_is_ended(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    assert_int_equal(run(place, LU
        "function test_a() local s = ('x'):rep(1 << 30) end\n"
        "function test_b() end\n"
        "function test_c() require 'akosha.testing'.world { files = {\n"
        "  a = require 'akosha.testing'.bytes(1 << 30) } } end\n"), AKS_OK);
    expect(place, 0, "test_a", AKS_SUITE_ERROR, "it needs more than 1024 MiB of memory");
    expect(place, 1, "test_b", AKS_SUITE_PASSED, "");
    expect(place, 2, "test_c", AKS_SUITE_ERROR, "1024 MiB of memory");
    place_free(place);
}

static void
what_does_not_load_is_said_with_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *message;
        enum aks_status status;
    } bad[] = {
        { "x = = 1", "tests/a_test.lua:1: unexpected symbol", AKS_POLICY },
        { "\nerror('on purpose')", "tests/a_test.lua:2: on purpose", AKS_POLICY },
        { "error({})", "tests/a_test.lua: table: ", AKS_POLICY },
        { "\nwhile true do end", "tests/a_test.lua:2: it runs for more than 2.00 s", AKS_POLICY },
        { "local s = ('x'):rep(1 << 30)", "MiB of memory", AKS_LIMIT },
        { "require 'socket'", "tests/a_test.lua:1: require \"socket\" is refused: tests have no "
            "network", AKS_POLICY },
        { "dofile '/etc/passwd'", "No such file", AKS_POLICY },
        { "dofile '/home/me/secret.lua'", "lies outside /home/me/work", AKS_POLICY },
        { "os.exit(0)", "os.exit is refused", AKS_POLICY },
        { "\033Lua", "a_test.lua", AKS_POLICY },
    };
    struct place *place = place_new(aks_alloc_system());

    put(place, "/home/me/secret.lua", "return 1");
    place->options.test_ms_max = 2000;
    place->look_ns = AKS_NS_PER_S / 10;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum aks_status status = run(place, bad[i].text);

        if (status != bad[i].status || strstr(place->err.message, bad[i].message) == NULL)
            fail_msg("%s: %s: %s", bad[i].text, aks_status_name(status), place->err.message);
        assert_int_equal(place->count, 0);
    }
    place_free(place);
}

static void
what_is_not_there_is_said(void **state)
{
    struct place *place = place_new(aks_alloc_system());
    struct aks_error err;

    assert_int_equal(run(place, NULL), AKS_NOT_FOUND);
    assert_non_null(strstr(place->err.message, "tests/a_test.lua"));
    place->options.root = "/none";
    assert_int_equal(run(place, ""), AKS_NOT_FOUND);
    place->options.root = "/home/me/work";
    assert_int_equal(run(place, ""), AKS_OK);
    assert_int_equal(place->count, 0);
    assert_int_equal(aks_files_sim_remove(aks_sim_files(place->sim), LUAUNIT, &err), AKS_OK);
    assert_int_equal(run(place, "function test_a() end"), AKS_SETTINGS);
    assert_string_equal(place->err.message,
        "tests/a_test.lua: LuaUnit, which tests are written with, is not installed");
    assert_string_equal(place->err.hint, "apt install lua-unit");
    place_free(place);
}

static void
what_was_planned_has_to_happen(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    assert_int_equal(run(place, SIM
        "local function world() return sim.world { " POLICY " } end\n"
        "function test_1() local w = world()\n"
        "  w.target.cloud:on('part', 99):fail 'refused':once()\n  w:run() end\n"
        "function test_2() local w = world()\n"
        "  w.target.cloud:on('part', 99):fail 'refused':maybe()\n  w:run() end\n"
        "function test_3() local w = world()\n"
        "  w.target.cloud:on 'put'\n  w:run() end\n"
        "function test_4() local w = world()\n  w:crash_at(1000000)\n  w:run() end\n"
        "function test_5() local w = world()\n  w:crash_at 'complete'\n"
        "  w = nil\n  collectgarbage() end\n"
        "function test_6() local w = world()\n  w:crash_at 'complete'\n  error 'first' end\n"),
        AKS_OK);
    expect(place, 0, "test_1", AKS_SUITE_FAILED, "planned but did not happen: "
        "tests/a_test.lua:8: world.target[\"cloud\"]:on(\"part\", 99):fail \"refused\":once()");
    expect(place, 1, "test_2", AKS_SUITE_PASSED, "");
    expect(place, 2, "test_3", AKS_SUITE_FAILED, "says where, and not what");
    expect(place, 3, "test_4", AKS_SUITE_FAILED, "planned but did not happen: world:crash_at");
    expect(place, 4, "test_5", AKS_SUITE_FAILED, "planned but did not happen: ");
    expect(place, 5, "test_6", AKS_SUITE_ERROR, "first");
    place_free(place);
}

static void
a_world_ends_with_its_test(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    assert_int_equal(run(place, SIM "local w\n"
        "function test_1() w = sim.world { " POLICY " } end\n"
        "function test_2() w:run() end\n"
        "function test_3() for i = 1, 200 do sim.world { " POLICY " } end end\n"), AKS_OK);
    expect(place, 1, "test_2", AKS_SUITE_ERROR, "this world is gone");
    expect(place, 2, "test_3", AKS_SUITE_PASSED, "");
    place_free(place);
}

static void
an_error_in_a_plan_s_function_is_the_test_s(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    place->options.test_ms_max = 2000;
    assert_int_equal(run(place, SIM
        "function test_1() local w = sim.world { " POLICY " }\n"
        "  w.network:on 'any':slow(1):when(function(s) error('mine') end)\n  w:run() end\n"
        "function test_2() local w = sim.world { " POLICY " }\n"
        "  coroutine.wrap(function()\n"
        "    w.network:on 'put':slow(1):when(function(s) return s.operation == 'put' end)\n"
        "    lu.assertEquals(w:run().outcome, 'stored')\n  end)() end\n"), AKS_OK);
    expect(place, 0, "test_1", AKS_SUITE_ERROR, "in :when: tests/a_test.lua:7: mine");
    expect(place, 1, "test_2", AKS_SUITE_PASSED, "");
    place_free(place);
}

/* --- what is told ----------------------------------------------------------------------------- */

static void
decisions_and_lines_of_policies_are_told(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    place->options.decision = on_decision;
    place->options.line = on_line;
    place->options.active = on_active;
    put(place, "/home/me/work/policies/mine.lua", "local akosha = require 'akosha'\n"
        "require 'beside'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
        "    endpoint = 'https://s3.example' } },\n"
        "  retry = function(failure)\n"
        "    return akosha.wait(3)\n"
        "  end }\n");
    put(place, "/home/me/work/policies/beside.lua", "return 1\n");
    assert_int_equal(run(place, SIM
        "function test_1() local w = sim.world { policy = 'policies/mine.lua', small = true }\n"
        "  w.target.cloud:on 'put':reply { status = 429 }:once()\n"
        "  lu.assertEquals(w:run().outcome, 'stored') end\n"
        "function test_2() sim.world { policy = '../../secret.lua' } end\n"
        "function test_3() sim.world { policy = 'policies/none.lua' } end\n"), AKS_OK);
    expect(place, 0, "test_1", AKS_SUITE_PASSED, "");
    assert_string_equal(place->decisions, "policies/mine.lua retry throttled wait 3.0 1\n");
    assert_non_null(strstr(place->lines, "can policies/mine.lua:7\n"));
    assert_non_null(strstr(place->lines, "ran policies/mine.lua:7\n"));
    assert_non_null(strstr(place->lines, "ran policies/beside.lua:1\n"));
    expect(place, 2, "test_3", AKS_SUITE_ERROR, "policies/none.lua");
    place_free(place);
}

static void
a_policy_outside_the_root_is_not_read(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    put(place, "/home/me/secret.lua", "return 1");
    assert_int_equal(run(place, SIM
        "function test_1() sim.world { policy = '/home/me/secret.lua' } end\n"
        "function test_2() sim.world { policy = '../secret.lua' } end\n"), AKS_OK);
    expect(place, 0, "test_1", AKS_SUITE_ERROR, "/home/me/secret.lua lies outside /home/me/work");
    expect(place, 1, "test_2", AKS_SUITE_ERROR, "../secret.lua lies outside /home/me/work");
    place_free(place);
}

/* --- memory ----------------------------------------------------------------------------------- */

static int
run_without_memory(void *ctx, const struct aks_alloc *alloc)
{
    struct place *place = ctx;
    enum aks_status status;

    place->options.alloc = alloc;
    status = run(place, "function test_a() local sim = require 'akosha.testing'\n"
        "  local w = sim.world { small = true, policy_text = '', files = { a = sim.bytes(9) } }\n"
        "  w.disk:on('write', 'x'):fail 'no_space':maybe()\n  w:plan() w:log() end");
    assert_true(status == AKS_OK || status == AKS_LIMIT || status == AKS_SETTINGS ||
        status == AKS_POLICY || status == AKS_INTERNAL);
    return 0;
}

/* LuaUnit's 3600 lines take some thousand allocations: a small one stands in for it. */
static void
no_memory_ends_in_a_message_and_leaks_nothing(void **state)
{
    struct place *place = place_new(aks_alloc_system());

    put(place, LUAUNIT, "local M = { FAILURE_PREFIX = '', LuaUnit = {} }\n"
        "function M.LuaUnit.new() return M.LuaUnit end\n"
        "function M.LuaUnit.isTestName(s) return s:sub(1, 4) == 'test' end\n"
        "function M.LuaUnit:protectedCall(_, f) f(); return { status = 'SUCCESS' } end\n"
        "return M");
    failing_alloc_loop(run_without_memory, place, 20000);
    assert_int_equal(place->count, 1);
    place_free(place);
}

static int
read_luaunit(void **state)
{
    FILE *file = fopen(LUAUNIT, "rb");

    if (file == NULL)
        file = fopen("/usr/share/lua/5.3/luaunit.lua", "rb");
    luaunit = malloc(1024 * 1024);
    if (file == NULL || luaunit == NULL)
        return -1;
    luaunit_len = fread(luaunit, 1, 1024 * 1024, file);
    return fclose(file);
}

static int
forget_luaunit(void **state)
{
    free(luaunit);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_test_is_told_with_its_outcome),
        cmocka_unit_test(fixtures_are_luaunit_s),
        cmocka_unit_test(the_usual_ends_of_a_file_are_harmless),
        cmocka_unit_test(a_filter_chooses_tests),
        cmocka_unit_test(chance_is_the_seed_s),
        cmocka_unit_test(a_test_without_an_end_is_ended),
        cmocka_unit_test(a_property_without_an_end_is_ended),
        cmocka_unit_test(a_test_that_takes_all_memory_is_ended),
        cmocka_unit_test(what_does_not_load_is_said_with_its_line),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(what_was_planned_has_to_happen),
        cmocka_unit_test(a_world_ends_with_its_test),
        cmocka_unit_test(an_error_in_a_plan_s_function_is_the_test_s),
        cmocka_unit_test(decisions_and_lines_of_policies_are_told),
        cmocka_unit_test(a_policy_outside_the_root_is_not_read),
        cmocka_unit_test(no_memory_ends_in_a_message_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, read_luaunit, forget_luaunit);
}
