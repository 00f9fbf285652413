/* `support` and `doctor`: what leaves for a bug report, and what is wrong with this machine. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define POLICY "home/.config/akosha-sync/policy.lua"
#define TEXT "local akosha = require \"akosha\"\n" \
    "return akosha.policy { api = 1, targets = { here = akosha.dir { path = \"~/quokka-7\" } }," \
    " route = { \"here\" } }\n"

static int
set_up(void **state)
{
    int rc = command_set_up(state);

    (void)command_write(*state, POLICY, TEXT);
    command_set(*state, "AWS_SECRET_ACCESS_KEY", "planted/value+of+a+test==");
    return rc;
}

/* --- support ---------------------------------------------------------------------------------- */

static void
a_bundle_is_printed_without_names(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "support", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_string_equal(command_text(document, "format"), "akosha-sync-support/1");
    assert_string_equal(command_text(document, "names"), "removed");
    assert_non_null(strstr(command_text(document, "program.system"), "Linux "));
    assert_non_null(strstr(command_text(document, "policy.text"), "akosha.policy"));
    json_decref(document);
    assert_null(strstr(testing->out, "planted/value"));
    assert_null(strstr(testing->out, testing->home));
    command_run(testing, "support", "--keep-names", NULL);
    command_prints(testing, "quokka-7");
    assert_null(strstr(testing->out, "planted/value"));
}

static void
a_bundle_is_written_for_its_owner_alone_and_over_nothing(void **state)
{
    struct command_testing *testing = *state;
    struct stat info;
    json_t *document;
    char *text;

    command_run(testing, "support", "--output", "bundle.json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "bundle.json\n");
    command_tells(testing, "read it before you send it: it holds no secrets and no names");
    assert_int_equal(stat(command_path(testing, "work/bundle.json"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    text = temp_folder_read(testing->folder, "work/bundle.json", NULL);
    document = json_loads(text, 0, NULL);
    assert_non_null(document);
    json_decref(document);
    command_run(testing, "support", "--output", "bundle.json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "there is something already at bundle.json");
    command_holds(testing, "work/bundle.json", text);
    free(text);
}

static void
a_script_gets_the_name_of_the_file(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "support", "--output", "a \"b\".json", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_string_equal(command_text(document, "file"), "a \"b\".json");
    assert_true(json_integer_value(command_at(document, "bytes")) > 500);
    json_decref(document);
    command_run(testing, "support", "--output", "other.json", "--quiet", NULL);
    command_prints(testing, NULL);
    command_tells(testing, NULL);
    assert_true(command_has(testing, "work/other.json"));
}

static void
a_bundle_that_cannot_be_written_is_an_error(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "support", "--output", "no/such/bundle.json", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "no/such/bundle.json");
    command_prints(testing, NULL);
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void
a_machine_that_is_well_is_told_line_by_line(void **state)
{
    struct command_testing *testing = *state;
    const char *warning;
    const char *disk;

    (void)command_write(testing, "work/a.txt", "a memory");
    command_run(testing, "run", "--quiet", "a.txt", NULL);
    command_run(testing, "doctor", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "ok       here reachable: the folder can be written\n");
    command_prints(testing, "ok       state_database: it is whole\n");
    command_prints(testing, "warning  restore: nothing was ever restored from here");
    command_prints(testing, "\n         hint: ");
    command_prints(testing, " 0 problems\n");
    /* What is to be done stands last. */
    warning = strstr(testing->out, "\nwarning");
    disk = strstr(testing->out, "ok       disk");
    assert_non_null(warning);
    assert_non_null(disk);
    assert_true(warning > disk);
    command_run(testing, "doctor", "--quiet", NULL);
    command_prints(testing, NULL);
}

static void
a_policy_that_cannot_be_loaded_is_a_finding(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, POLICY, "return 7\n");
    command_run(testing, "doctor", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_prints(testing, "problem  policy: ");
    command_prints(testing, "unknown  targets: ");
    command_prints(testing, "ok       state_database");
    command_tells(testing, "policy.lua");
    command_run(testing, "doctor", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "success")));
    assert_int_equal(json_integer_value(command_at(document, "counts.problem")), 1);
    json_decref(document);
}

/* Wherever the doctor is called, sources of a policy are where the policy says. */
static void
sources_are_looked_for_beside_their_policy(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, POLICY, "local akosha = require \"akosha\"\n"
        "return akosha.policy { api = 1, sources = { \"a.txt\", \"b.txt\" }, targets = { here = "
        "akosha.dir { path = \"~/quokka-7\" } }, route = { \"here\" } }\n");
    (void)command_write(testing, "home/.config/akosha-sync/a.txt", "a memory");
    command_run(testing, "doctor", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "ok       sources: there: 1 of 2, patterns: 0\n");
}

static void
one_target_is_examined_where_it_is_named(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "doctor", "--target", "here", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "here reachable");
    command_run(testing, "doctor", "--target", "there", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "--target there: the policy has no target of that name");
    command_prints(testing, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, command_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bundle_is_printed_without_names),
        TEST(a_bundle_is_written_for_its_owner_alone_and_over_nothing),
        TEST(a_script_gets_the_name_of_the_file),
        TEST(a_bundle_that_cannot_be_written_is_an_error),
        TEST(a_machine_that_is_well_is_told_line_by_line),
        TEST(a_policy_that_cannot_be_loaded_is_a_finding),
        TEST(sources_are_looked_for_beside_their_policy),
        TEST(one_target_is_examined_where_it_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
