/* A first file of tests of a policy: where it is written, and that it passes. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char policy[] = "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.txt' },\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } } }\n";

static void
first_test_lies_where_tests_are_looked_for(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/policies/mine.lua", policy);
    command_run(testing, "test", "--new", "policies/mine.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "wrote tests/lua/mine_test.lua\n"
        "next: akosha-sync test tests/lua/mine_test.lua\n");
    assert_true(command_has(testing, "work/tests/lua/mine_test.lua"));
    command_run(testing, "test", "--json", "--jobs", "1", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "success")));
    json_decref(document);
}

static void
folder_and_form_are_the_persons(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/mine.lua", policy);
    command_run(testing, "test", "--new", "mine.lua", "checks/", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_string_equal(command_text(document, "file"), "checks/mine_test.lua");
    json_decref(document);
    assert_true(command_has(testing, "work/checks/mine_test.lua"));
    (void)command_write(testing, "work/odd", policy);
    command_run(testing, "test", "--new", "./odd", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    assert_true(command_has(testing, "work/tests/lua/odd_test.lua"));
}

static void
tests_that_are_there_stay(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, "work/mine.lua", policy);
    (void)command_write(testing, "work/tests/lua/mine_test.lua", "-- mine");
    command_run(testing, "test", "--new", "mine.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "tests/lua/mine_test.lua is there already, and stays as it is\n"
        "hint: akosha-sync test tests/lua/mine_test.lua runs it\n");
    command_holds(testing, "work/tests/lua/mine_test.lua", "-- mine");
}

static void
policy_that_cannot_be_tested_is_told(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "test", "--new", "none.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "cannot read the policy none.lua: no such file");
    (void)command_write(testing, "outside.lua", policy);
    command_run(testing, "test", "--new", "../outside.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "../outside.lua lies outside the working folder, and tests read below "
        "it only\nhint: run this in the folder that the policy lies in, or above it\n");
    document = command_json(testing);
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), AKOSHA_USAGE);
    json_decref(document);
    (void)command_write(testing, "work/bad.lua", "return 1 +");
    command_run(testing, "test", "--new", "bad.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "bad.lua:1: ");
    assert_false(command_has(testing, "work/tests"));
}

static void
tests_that_cannot_be_written_are_told(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, "work/mine.lua", policy);
    (void)command_write(testing, "work/tests", "a file");
    command_run(testing, "test", "--new", "mine.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "work/tests");
    command_holds(testing, "work/tests", "a file");
    command_run(testing, "test", "--new", "mine.lua", "a", "b", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    testing->to = "/dev/full";
    command_run(testing, "test", "--new", "mine.lua", "checks", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
}

int
main(void)
{
#define NEW_TEST(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
    const struct CMUnitTest tests[] = {
        NEW_TEST(first_test_lies_where_tests_are_looked_for),
        NEW_TEST(folder_and_form_are_the_persons),
        NEW_TEST(tests_that_are_there_stay),
        NEW_TEST(policy_that_cannot_be_tested_is_told),
        NEW_TEST(tests_that_cannot_be_written_are_told),
    };

    return cmocka_run_group_tests_name("cmd_test_new", tests, NULL, NULL);
}
