/* What check says of a policy: each problem with its line, one document with --json, and what an
 * editor is given. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "local akosha = require 'akosha'\n"
#define TARGETS "  targets = { here = akosha.dir { path = './here' } } }\n"

static const char fine[] = BEGIN "return akosha.policy { api = 1,\n" TARGETS;
/* Of two targets the route names one. */
static const char warned[] = BEGIN "return akosha.policy { api = 1, route = 'here',\n"
    "  targets = { here = akosha.dir { path = '/a' }, there = akosha.dir { path = '/b' } } }\n";
static const char broken[] = BEGIN "return akosha.policy { api = 1,\n"
    "  rout = 'here',\n" "  part_size = 3,\n" TARGETS;

static void
policy_that_is_fine_is_said_to_be(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/p.lua", fine);
    command_run(testing, "check", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "p.lua: fine\n");
    command_tells(testing, NULL);
    command_run(testing, "check", "--policy", "p.lua", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_run(testing, "check", "--policy", "p.lua", "--json", NULL);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "success")));
    assert_int_equal(json_array_size(command_at(document, "problems")), 0);
    assert_int_equal(strlen(command_text(document, "policy.sha256")), 64);
    assert_null(command_at(document, "error"));
    json_decref(document);
    assert_false(command_has(testing, "home/.local"));
}

static void
warnings_are_counted_and_leave_it_fine(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/p.lua", warned);
    command_run(testing, "check", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "p.lua: fine, 1 warning\n");
    command_tells(testing, "p.lua:2: akosha.policy: route: ");
    command_run(testing, "check", "--policy", "p.lua", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_run(testing, "check", "--policy", "p.lua", "--json", NULL);
    document = command_json(testing);
    assert_string_equal(command_text(document, "problems.0.severity"), "warning");
    assert_string_equal(command_text(document, "problems.0.field"), "route");
    json_decref(document);
}

static void
all_that_is_wrong_is_told_with_its_line(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/p.lua", broken);
    command_run(testing, "check", "--policy", "p.lua", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "p.lua:3: akosha.policy: unknown field \"rout\"");
    command_tells(testing, "p.lua:4: akosha.policy: part_size: ");
    command_prints(testing, NULL);
    command_run(testing, "check", "--policy", "p.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    document = command_json(testing);
    assert_int_equal(json_array_size(command_at(document, "problems")), 2);
    assert_int_equal(json_integer_value(command_at(document, "problems.0.line")), 3);
    assert_string_equal(command_text(document, "problems.1.field"), "part_size");
    assert_string_equal(command_text(document, "error.failure"), "policy");
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), 3);
    json_decref(document);
}

static void
what_is_no_policy_is_one_error(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "check", "--policy", "none.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "none.lua");
    document = command_json(testing);
    assert_int_equal(json_array_size(command_at(document, "problems")), 0);
    assert_true(json_is_null(command_at(document, "policy.sha256")));
    assert_non_null(strstr(command_text(document, "error.message"), "none.lua"));
    json_decref(document);
    (void)command_write(testing, "work/p.lua", "return {\n");
    command_run(testing, "check", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "p.lua:2: ");
}

/* It is not a line of the policy that is wrong, but what this machine knows of the secret. */
static void
problem_without_a_line_has_none(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/p.lua", BEGIN "return akosha.policy { api = 1,\n"
        "  targets = { web = akosha.http { url = 'https://h.example/up',\n"
        "    token = akosha.secret 'the-token' } } }\n");
    command_run(testing, "check", "--policy", "p.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "p.lua: there is no secret the-token ");
    document = command_json(testing);
    assert_true(json_is_null(command_at(document, "problems.0.line")));
    assert_string_equal(command_text(document, "problems.0.field"), "targets.web");
    json_decref(document);
}

static void
built_in_policy_is_fine_and_has_no_file(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "check", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "built-in default: fine\n");
    command_run(testing, "check", "--luarc", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "--luarc: the built-in default has no file for .luarc.json to lie "
        "beside\nhint: name a policy with --policy\n");
    document = command_json(testing);
    assert_string_equal(command_text(document, "error.hint"), "name a policy with --policy");
    assert_null(command_at(document, "editor"));
    json_decref(document);
}

static void
editor_is_told_what_there_is(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/policies/p.lua", fine);
    command_run(testing, "check", "--policy", "policies/p.lua", "--luarc", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "work/policies/.luarc.json: written; the annotations are /");
    assert_true(command_has(testing, "work/policies/.luarc.json"));
    /* What is there is somebody's own. */
    (void)command_write(testing, "work/policies/.luarc.json", "{}");
    command_run(testing, "check", "--policy", "policies/p.lua", "--luarc", "--json", "--quiet",
        NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, ".luarc.json: is there already, and stays as it is");
    command_holds(testing, "work/policies/.luarc.json", "{}");
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "editor.kept")));
    assert_non_null(strstr(command_text(document, "editor.annotations"), "akosha/types.lua"));
    json_decref(document);
}

static void
editor_is_told_even_where_the_policy_is_wrong(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/p.lua", broken);
    command_run(testing, "check", "--policy", command_path(testing, "work/p.lua"), "--luarc",
        "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "editor.kept")));
    assert_string_equal(command_text(document, "error.failure"), "policy");
    json_decref(document);
    assert_true(command_has(testing, "work/.luarc.json"));
}

static void
check_refuses_what_is_no_option_of_it(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "check", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_run(testing, "check", "--limit", "memory=some", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "memory");
    command_run(testing, "check", "--allow-env", "AWS_SECRET_ACCESS_KEY", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "AWS_SECRET_ACCESS_KEY");
    testing->to = "/dev/full";
    command_run(testing, "check", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
}

int
main(void)
{
#define CHECK_TEST(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
    const struct CMUnitTest tests[] = {
        CHECK_TEST(policy_that_is_fine_is_said_to_be),
        CHECK_TEST(warnings_are_counted_and_leave_it_fine),
        CHECK_TEST(all_that_is_wrong_is_told_with_its_line),
        CHECK_TEST(what_is_no_policy_is_one_error),
        CHECK_TEST(problem_without_a_line_has_none),
        CHECK_TEST(built_in_policy_is_fine_and_has_no_file),
        CHECK_TEST(editor_is_told_what_there_is),
        CHECK_TEST(editor_is_told_even_where_the_policy_is_wrong),
        CHECK_TEST(check_refuses_what_is_no_option_of_it),
    };

    return cmocka_run_group_tests_name("cmd_check", tests, NULL, NULL);
}
