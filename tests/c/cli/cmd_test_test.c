/* What a person, a build server and an editor read of tests of policies. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "local lu, sim = require 'luaunit', require 'akosha.testing'\n" \
    "TestMine = {}\n"
#define PASSES "function TestMine:test_passes() lu.assertEquals(1 + 1, 2) end\n"
#define FAILS "function TestMine:test_fails()\n  lu.assertEquals(1 + 1, 3)\nend\n"

static const char policy[] = "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.txt' },\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } },\n"
    "  retry = function(failure)\n"
    "    if failure.name == 'throttled' then return akosha.wait(7) end\n"
    "    if failure.name == 'dns' then\n"
    "      return akosha.give_up\n"
    "    end end }\n";
static const char of_policy[] = BEGIN
    "function TestMine:test_waits()\n"
    "  local world = sim.world { policy = 'mine.lua', files = { ['a.txt'] = 'text' } }\n"
    "  world.target.cloud:on('manifest'):reply { status = 503 }:once()\n"
    "  lu.assertEquals(world:run().outcome, 'stored')\nend\n";

static void
tests_that_pass_end_with_0(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/tests/lua/one_test.lua", BEGIN PASSES);
    command_run(testing, "test", "--seed", "7", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "tests/lua/one_test.lua  ok: 1 passed, 0 failed\n");
    command_prints(testing, "seed 7");
    command_prints(testing, "1 passed, 0 failed");
    command_run(testing, "test", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_run(testing, "test", "--json", NULL);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "success")));
    json_decref(document);
    /* For programs the results alone; what is none of them is on the other stream. */
    command_run(testing, "test", "--format", "tap", "--seed", "7", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "1..1\n");
    assert_null(strstr(testing->out, "1 passed"));
    command_tells(testing, "1 passed, 0 failed");
}

static void
tests_that_fail_end_with_1_and_are_told(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/one_test.lua", BEGIN PASSES FAILS);
    command_run(testing, "test", "one_test.lua", NULL);
    assert_int_equal(testing->code, 1);
    command_prints(testing, "one_test.lua:5: ");
    command_prints(testing, "expected: 3, actual: 2");
    command_prints(testing, "1 passed, 1 failed");
    command_run(testing, "test", "one_test.lua", "--quiet", NULL);
    assert_int_equal(testing->code, 1);
    command_prints(testing, "expected: 3, actual: 2");
    command_run(testing, "test", "one_test.lua", "--json", NULL);
    assert_int_equal(testing->code, 1);
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "success")));
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), 1);
    json_decref(document);
    command_run(testing, "test", "one_test.lua", "--filter", "passes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "1 passed, 0 failed");
}

static void
report_is_a_file_beside_the_results(void **state)
{
    struct command_testing *testing = *state;
    char *report;

    (void)command_write(testing, "work/one_test.lua", BEGIN PASSES FAILS);
    command_run(testing, "test", "one_test.lua", "--report", "results.xml", NULL);
    assert_int_equal(testing->code, 1);
    report = temp_folder_read(testing->folder, "work/results.xml", NULL);
    assert_non_null(strstr(report, "<testsuite"));
    assert_non_null(strstr(report, "<failure"));
    free(report);
    command_run(testing, "test", "one_test.lua", "--report", "results.tap", NULL);
    report = temp_folder_read(testing->folder, "work/results.tap", NULL);
    assert_non_null(strstr(report, "not ok "));
    free(report);
    command_run(testing, "test", "one_test.lua", "--format", "junit", NULL);
    command_prints(testing, "<testsuite");
    /* Nobody waits for tests whose report cannot be written. */
    command_run(testing, "test", "one_test.lua", "--report", "none/results.xml", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "the report: ");
    command_prints(testing, NULL);
}

static void
tests_are_listed_without_running(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/one_test.lua", BEGIN PASSES FAILS);
    command_run(testing, "test", "--list", "one_test.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "TestMine.test_passes\n");
    command_prints(testing, "TestMine.test_fails\n");
    command_run(testing, "test", "--list", "--json", "one_test.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "success")));
    json_decref(document);
}

static void
what_cannot_be_run_is_told_once(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, "work/a_test.lua", "return 1 +");
    (void)command_write(testing, "work/b_test.lua", BEGIN PASSES);
    command_run(testing, "test", "a_test.lua", "b_test.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "a_test.lua:1: ");
    command_prints(testing, "b_test.lua  ok: 1 passed, 0 failed\n");
    command_run(testing, "test", "b_test.lua", "--filter", "nothing", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "no tests: none of 1 file has one whose name contains \"nothing\"");
    (void)command_write(testing, "work/c_test.lua", "-- none");
    command_run(testing, "test", "c_test.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "c_test.lua: no tests in this file\nhint: LuaUnit runs functions named "
        "test... of global tables named Test...");
    command_prints(testing, "\"exit_code\": 3");
    command_run(testing, "test", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "tests/lua");
    command_run(testing, "test", "--format", "html", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    testing->to = "/dev/full";
    command_run(testing, "test", "b_test.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
}

static void
coverage_names_the_lines_that_no_test_reached(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, "work/mine.lua", policy);
    (void)command_write(testing, "work/tests/lua/mine_test.lua", of_policy);
    command_run(testing, "test", "--coverage", "--seed", "3", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "\nmine.lua: 6 of 7 lines, 85.7 %\n    never reached    7\n");
    command_run(testing, "test", "--coverage", "--format", "tap", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "mine.lua");
    command_run(testing, "test", "--verbose", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "test_waits");
}

int
main(void)
{
#define TEST_TEST(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
    const struct CMUnitTest tests[] = {
        TEST_TEST(tests_that_pass_end_with_0),
        TEST_TEST(tests_that_fail_end_with_1_and_are_told),
        TEST_TEST(report_is_a_file_beside_the_results),
        TEST_TEST(tests_are_listed_without_running),
        TEST_TEST(what_cannot_be_run_is_told_once),
        TEST_TEST(coverage_names_the_lines_that_no_test_reached),
    };

    return cmocka_run_group_tests_name("cmd_test", tests, NULL, NULL);
}
