/* Secrets as a person names them on the command line: what is told is where, never what. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PLANTED "planted-value-of-this-test"
#define SECRETS "home/.config/akosha-sync/secrets.json"

static void
assert_nowhere(const struct command_testing *testing)
{
    assert_null(strstr(testing->out, PLANTED));
    assert_null(strstr(testing->err, PLANTED));
}

static void
secret_is_added_listed_and_removed(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "secret", "list", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_tells(testing, "there are no secrets: akosha-sync secret add --help");
    command_set(testing, "THE_TOKEN", PLANTED);
    command_run(testing, "secret", "add", "token", "--env", "THE_TOKEN", "--host",
        "akosha.example:8682", "--host", "other.example", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "added secret token: akosha.secret \"token\" in a policy\n");
    command_tells(testing, NULL);
    command_run(testing, "secret", "list", NULL);
    assert_string_equal(testing->out, "token\n  env      THE_TOKEN\n"
        "  hosts    akosha.example:8682 other.example\n  value    found\n");
    command_set(testing, "THE_TOKEN", NULL);
    command_run(testing, "secret", "list", NULL);
    command_prints(testing, "\n  value    not found: ");
    assert_nowhere(testing);
    command_run(testing, "secret", "remove", "token", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "removed secret token; its value is where it was\n");
    command_run(testing, "secret", "remove", "token", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "token");
    command_prints(testing, NULL);
}

static void
secrets_are_documents_with_json(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, "work/token", PLANTED "\n");
    command_run(testing, "secret", "add", "token", "--file", "token", "--host", "h", "--json",
        NULL);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "found")));
    json_decref(document);
    command_run(testing, "secret", "add", "asked", "--command", "pass show \"akosha\"", "--host",
        "h", "--json", NULL);
    document = command_json(testing);
    assert_true(json_is_null(command_at(document, "found")));
    json_decref(document);
    command_run(testing, "secret", "add", "later", "--env", "LATER", "--host", "h", "--json", NULL);
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "found")));
    json_decref(document);
    command_tells(testing, "warning: ");
    command_run(testing, "secret", "list", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_int_equal(json_array_size(command_at(document, "secrets")), 3);
    assert_string_equal(command_text(document, "secrets.0.name"), "asked");
    assert_string_equal(command_text(document, "secrets.0.where"), "pass show \"akosha\"");
    assert_true(json_is_string(command_at(document, "secrets.1.reason")));
    assert_string_equal(command_text(document, "secrets.2.where"),
        command_path(testing, "work/token"));
    assert_true(json_is_null(command_at(document, "secrets.2.reason")));
    assert_string_equal(command_text(document, "secrets.2.hosts.0"), "h");
    json_decref(document);
    command_run(testing, "secret", "remove", "token", "--json", NULL);
    document = command_json(testing);
    assert_string_equal(command_text(document, "name"), "token");
    json_decref(document);
    assert_nowhere(testing);
    command_run(testing, "secret", "remove", "token", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "success")));
    json_decref(document);
}

static void
quiet_person_hears_of_failures_alone(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "secret", "list", "--quiet", NULL);
    command_tells(testing, NULL);
    command_run(testing, "secret", "add", "token", "--env", "NONE", "--host", "h", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_prints(testing, NULL);
    command_run(testing, "secret", "add", "token", "--env", "NONE", "--host", "h", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "token");
    command_run(testing, "secret", "remove", "token", "--quiet", NULL);
    command_prints(testing, NULL);
}

static void
secret_is_replaced_by_force_alone(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "secret", "add", "token", "--env", "ONE", "--host", "h", NULL);
    command_run(testing, "secret", "add", "token", "--env", "TWO", "--host", "h", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "--force");
    command_run(testing, "secret", "add", "token", "--env", "TWO", "--host", "h", "--force", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "secret", "list", NULL);
    command_prints(testing, "  env      TWO\n");
}

static void
secrets_that_others_read_are_refused(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    assert_int_equal(chmod(command_write(testing, "work/token", PLANTED), 0644), 0);
    command_run(testing, "secret", "add", "token", "--file", "token", "--host", "h", NULL);
    assert_int_equal(testing->code, AKOSHA_REFUSED);
    command_tells(testing, "hint: ");
    assert_false(command_has(testing, SECRETS));
    command_run(testing, "secret", "add", "token", "--env", "ONE", "--host", "h", NULL);
    assert_int_equal(chmod(command_path(testing, SECRETS), 0644), 0);
    command_run(testing, "secret", "list", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_REFUSED);
    command_tells(testing, "secrets.json");
    document = command_json(testing);
    assert_string_equal(command_text(document, "error.failure"), "forbidden");
    assert_int_equal(json_array_size(command_at(document, "secrets")), 0);
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), AKOSHA_REFUSED);
    json_decref(document);
}

static void
secret_that_others_came_to_read_says_how_to_mend_it(void **state)
{
    struct command_testing *testing = *state;
    const char *path = command_write(testing, "work/token", PLANTED);

    command_run(testing, "secret", "add", "token", "--file", "token", "--host", "h", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_int_equal(chmod(path, 0604), 0);
    command_run(testing, "secret", "list", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  value    not found: ");
    command_prints(testing, "           chmod ");
    assert_nowhere(testing);
}

static void
command_line_that_says_no_secret(void **state)
{
    static const struct {
        const char *words[7];
        const char *message;
    } wrong[] = {
        { { "add" }, "an argument is missing: akosha-sync secret add NAME" },
        { { "add", "a", "b", "--env", "X", "--host", "h" }, "one argument too many: b" },
        { { "add", "token", "--host", "h" }, "say where the value is" },
        { { "add", "token", "--env", "X", "--file", "y" }, "say where the value is" },
        { { "add", "token", "--env", "X" }, "say where it may be sent" },
        { { "add", "no name", "--env", "X", "--host", "h" }, "a secret's name has 1 to 63" },
        { { "remove" }, "an argument is missing: akosha-sync secret remove NAME" },
        { { "remove", "token", "--force" }, "are for secret add, not for secret remove" },
        { { "list", "token" }, "one argument too many: token" },
        { { "list", "--host", "h" }, "are for secret add, not for secret list" },
        { { "show" }, "secret add, secret list or secret remove, not secret show" },
    };
    struct command_testing *testing = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const *words = wrong[i].words;

        command_run(testing, "secret", words[0], words[1], words[2], words[3], words[4], words[5],
            words[6], NULL);
        assert_int_equal(testing->code, AKOSHA_USAGE);
        command_tells(testing, wrong[i].message);
        command_prints(testing, NULL);
    }
    assert_false(command_has(testing, SECRETS));
}

/* The secret is there, and it could not be told: that is not nothing. */
static void
output_and_log_that_cannot_be_written_are_told(void **state)
{
    struct command_testing *testing = *state;

    testing->to = "/dev/full";
    command_run(testing, "secret", "add", "token", "--env", "ONE", "--host", "h", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
    testing->to = NULL;
    (void)command_write(testing, "work/state", "a file");
    command_run(testing, "secret", "add", "another", "--env", "ONE", "--host", "h", "--state",
        "state", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "it is done, and could not be noted");
    command_run(testing, "secret", "list", NULL);
    command_prints(testing, "another\n");
    command_prints(testing, "token\n");
}

int
main(void)
{
#define SECRET_TEST(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
    const struct CMUnitTest tests[] = {
        SECRET_TEST(secret_is_added_listed_and_removed),
        SECRET_TEST(secrets_are_documents_with_json),
        SECRET_TEST(quiet_person_hears_of_failures_alone),
        SECRET_TEST(secret_is_replaced_by_force_alone),
        SECRET_TEST(secrets_that_others_read_are_refused),
        SECRET_TEST(secret_that_others_came_to_read_says_how_to_mend_it),
        SECRET_TEST(command_line_that_says_no_secret),
        SECRET_TEST(output_and_log_that_cannot_be_written_are_told),
    };

    return cmocka_run_group_tests_name("cmd_secret", tests, NULL, NULL);
}
