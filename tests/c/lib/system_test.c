/* The ports that the library opens for a program that is not ours. */
#include "akosha/akosha.h"

#include "support/temp_folder.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* From opening the ports to the report, as docs/embedding.md has it. */
static void
engine_runs_on_the_ports_of_the_library(void **state)
{
    static const char policy_text[] = "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.txt' },\n"
        "  targets = { folder = akosha.dir { path = './target' } } }\n";
    static const struct akosha_run_options run;
    struct temp_folder *folder = temp_folder_new();
    struct akosha_options options = { 0 };
    struct akosha_system *system = NULL;
    struct akosha *engine = NULL;
    struct akosha_policy *policy = NULL;
    struct akosha_report *report = NULL;
    struct akosha_error error;

    temp_folder_write(folder, "a.txt", "some text", 9);
    assert_int_equal(akosha_system_open(&system, &error), AKOSHA_OK);
    options.port = akosha_system_port(system);
    options.state_folder = temp_folder_join(folder, "state");
    assert_int_equal(akosha_open(&options, &engine, &error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(engine, temp_folder_write(folder, "p.lua", policy_text,
        strlen(policy_text)), NULL, 0, &policy, &error), AKOSHA_OK);
    assert_int_equal(akosha_run(engine, policy, &run, &report, &error), AKOSHA_OK);
    assert_string_equal(akosha_report_text(report, "outcome"), "stored");
    akosha_report_free(report);
    akosha_policy_free(policy);
    akosha_close(engine);
    akosha_system_close(system);
    temp_folder_free(folder);
}

static void
nobody(int number)
{
}

/* Where its program handles a signal, it stays its program's. */
static void
signals_that_somebody_handles_are_left_alone(void **state)
{
    struct sigaction mine = { .sa_handler = nobody };
    struct sigaction is;
    struct akosha_system *system = NULL;
    struct akosha_error error;

    assert_int_equal(sigaction(SIGPIPE, &mine, NULL), 0);
    assert_int_equal(akosha_system_open(&system, &error), AKOSHA_OK);
    assert_int_equal(sigaction(SIGPIPE, NULL, &is), 0);
    assert_ptr_equal(is.sa_handler, nobody);
    akosha_system_close(system);
    akosha_system_close(NULL);
    mine.sa_handler = SIG_DFL;
    assert_int_equal(sigaction(SIGPIPE, &mine, NULL), 0);
}

static void
without_a_descriptor_there_is_no_system(void **state)
{
    struct akosha_system *system = NULL;
    struct akosha_error error = { 0 };
    struct rlimit limit;
    struct rlimit few;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(akosha_system_open(&system, &error), AKOSHA_NOT_KEPT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_null(system);
    assert_int_equal(error.code, AKOSHA_NOT_KEPT);
    assert_true(error.message[0] != '\0');
    assert_non_null(error.failure);
    /* And with one there is again. */
    assert_int_equal(akosha_system_open(&system, &error), AKOSHA_OK);
    akosha_system_close(system);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_runs_on_the_ports_of_the_library),
        cmocka_unit_test(signals_that_somebody_handles_are_left_alone),
        cmocka_unit_test(without_a_descriptor_there_is_no_system),
    };

    return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
