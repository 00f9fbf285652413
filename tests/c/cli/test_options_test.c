/* What `test` is asked for, right and wrong. */
#include "cli/test_options.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int
do_nothing(const struct aks_args *args)
{
    return 0;
}

const struct aks_command aks_commands[] = {
    { "run", "run", "", "", "", "", 0, -1, do_nothing },
    { "test", "test", "", "", "", "filter seed jobs timeout format report coverage list new", 0, -1,
        do_nothing },
    { NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};

/* Takes the blank-separated ${line} apart; -1, or the exit code. */
static int
read_line(const char *line, struct aks_test_options *ret)
{
    static char copy[512];
    char program[] = "akosha-sync";
    char command[] = "test";
    char *argv[32] = { program, command };
    char *rest = NULL;
    int argc = 2;
    struct aks_args args;
    int code;

    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    aks_args_parse(argc, argv, &args, &code);
    return code >= 0 ? code : aks_test_options_read(&args, ret);
}

static void
without_options_there_is_a_sensible_run(void **state)
{
    struct aks_test_options options;

    assert_int_equal(read_line("", &options), -1);
    assert_false(options.seeded);
    assert_int_equal(options.jobs, 0);
    assert_int_equal(options.test_ms_max, 60000);
    assert_int_equal(options.format, AKS_TEST_FORMAT_TEXT);
}

static void
options_are_taken_as_they_are_given(void **state)
{
    struct aks_test_options options;

    assert_int_equal(read_line("--seed 9223372036854775807 --jobs=16 --timeout 3600 --format tap "
        "--report a.tap --coverage --filter x t/a", &options), -1);
    assert_true(options.seeded);
    assert_int_equal(options.seed, INT64_MAX);
    assert_int_equal(options.jobs, 16);
    assert_int_equal(options.test_ms_max, 3600000);
    assert_int_equal(options.format, AKS_TEST_FORMAT_TAP);
    assert_int_equal(options.report_format, AKS_TEST_FORMAT_TAP);
    assert_int_equal(read_line("--report tap.xml --format junit --seed 0", &options), -1);
    assert_int_equal(options.report_format, AKS_TEST_FORMAT_JUNIT);
    assert_int_equal(options.format, AKS_TEST_FORMAT_JUNIT);
    assert_int_equal(options.seed, 0);
    assert_int_equal(read_line("--list --json", &options), -1);
    assert_int_equal(read_line("--new p.lua tests", &options), -1);
}

static void
wrong_options_are_a_wrong_command_line(void **state)
{
    static const char *const lines[] = { "--seed -1", "--seed x", "--seed 1.5", "--seed 0x10",
        "--seed 9223372036854775808", "--seed 99999999999999999999999", "--jobs 0", "--jobs 17",
        "--jobs many", "--timeout 0", "--timeout 3601", "--timeout 1s", "--format xml",
        "--format TAP", "--json --format tap", "--list --coverage", "--list --report a.xml",
        "--new p.lua --list", "--new p.lua --seed 1", "--new p.lua a b", "--filter", "--report=",
        "--policy p.lua" };
    struct aks_test_options options;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (read_line(lines[i], &options) != AKOSHA_USAGE)
            fail_msg("taken: %s", lines[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_there_is_a_sensible_run),
        cmocka_unit_test(options_are_taken_as_they_are_given),
        cmocka_unit_test(wrong_options_are_a_wrong_command_line),
    };

    return cmocka_run_group_tests_name("test_options", tests, NULL, NULL);
}
