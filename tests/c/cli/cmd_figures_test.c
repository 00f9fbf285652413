/* Figures as a person reads them, and as Prometheus does: `stats` and `metrics`. */
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
#include <unistd.h>

#include <cmocka.h>

#define STATE "home/.local/state/akosha-sync"
#define POLICY "home/.config/akosha-sync/policy.lua"
/* What goes there is there, and where nobody listens nothing. */
#define TEXT "return require \"akosha\".policy { api = 1, targets = { here = " \
    "require \"akosha\".dir { path = \"~/target\" } }, route = { \"here\" } }\n"
#define REFUSED "return require \"akosha\".policy { api = 1, targets = { cloud = " \
    "require \"akosha\".http { url = \"http://127.0.0.1:9/up\" } }, route = { \"cloud\" } }\n"

static void
run(struct command_testing *testing, const char *policy, const char *memory, int code)
{
    (void)command_write(testing, POLICY, policy);
    (void)command_write(testing, "work/a.txt", memory);
    command_run(testing, "run", "--quiet", "a.txt", NULL);
    assert_int_equal(testing->code, code);
}

static void
without_runs_there_is_nothing_to_tell(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "stats", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "no run has been counted yet\n");
    command_tells(testing, NULL);
    assert_false(command_has(testing, STATE));
}

static void
runs_are_told_by_day_week_and_all_time(void **state)
{
    struct command_testing *testing = *state;

    run(testing, TEXT, "first", AKOSHA_OK);
    run(testing, TEXT, "second", AKOSHA_OK);
    run(testing, REFUSED, "third", AKOSHA_QUEUED);
    command_run(testing, "stats", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "        runs  p50     p95     p99     sent  ");
    command_prints(testing, "\n  day      3  ");
    command_prints(testing, "\n  week     3  ");
    command_prints(testing, "\n  all      3  ");
    /* Of the two that came to a target. */
    command_prints(testing, "100 %, 0 %");
    command_prints(testing, "\nfailures, all:\n  refused            1\n");
    command_prints(testing, "runs of each day (UTC):\n");
    /* At midnight they are of two days. */
    command_prints(testing, "######### 1 undelivered\n");
    command_run(testing, "stats", "--quiet", NULL);
    command_prints(testing, NULL);
}

static void
a_script_gets_one_document(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    run(testing, TEXT, "first", AKOSHA_OK);
    command_run(testing, "stats", "--json", NULL);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "success")));
    assert_int_equal(json_integer_value(command_at(document, "periods.2.runs")), 1);
    assert_int_equal(json_integer_value(command_at(document, "periods.2.bytes.source")), 5);
    assert_int_equal(json_array_size(command_at(document, "days")), 30);
    json_decref(document);
}

/* Zeros would say that nothing was done. */
static void
a_damaged_database_is_a_failure_and_no_page_of_zeros(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    run(testing, TEXT, "first", AKOSHA_OK);
    (void)command_write(testing, STATE "/state.db", "no database at all, whatever it is called");
    (void)unlink(command_path(testing, STATE "/state.db-wal"));
    (void)unlink(command_path(testing, STATE "/state.db-shm"));
    command_run(testing, "stats", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_prints(testing, NULL);
    command_tells(testing, "state.db: file is not a database\nhint: ");
    command_run(testing, "stats", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "success")));
    assert_string_equal(command_text(document, "error.failure"), "state");
    assert_null(command_at(document, "periods"));
    json_decref(document);
    /* A monitor wants to hear of it in its own way. */
    command_run(testing, "metrics", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "\nakosha_sync_state_readable 0\n");
}

static void
a_state_folder_that_others_may_write_is_not_looked_at(void **state)
{
    struct command_testing *testing = *state;

    run(testing, TEXT, "first", AKOSHA_OK);
    assert_int_equal(chmod(command_path(testing, STATE), 0777), 0);
    command_run(testing, "stats", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_prints(testing, NULL);
    command_run(testing, "metrics", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_prints(testing, NULL);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void
metrics_are_printed_or_written_to_a_file(void **state)
{
    struct command_testing *testing = *state;
    struct stat info;
    json_t *document;
    char *text;

    run(testing, TEXT, "first", AKOSHA_OK);
    command_run(testing, "metrics", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "\nakosha_sync_runs_total{outcome=\"stored\"} 1\n");
    command_prints(testing, "# TYPE akosha_sync_run_duration_seconds histogram\n");
    command_run(testing, "metrics", "--textfile", "here.prom", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    text = temp_folder_read(testing->folder, "work/here.prom", NULL);
    assert_non_null(strstr(text, "\nakosha_sync_runs_total{outcome=\"stored\"} 1\n"));
    free(text);
    /* The collector is another user, whatever the umask is. */
    assert_int_equal(stat(command_path(testing, "work/here.prom"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    command_run(testing, "metrics", "--json", NULL);
    document = command_json(testing);
    assert_string_equal(command_text(document, "metrics.0.name"), "akosha_sync_build_info");
    json_decref(document);
}

static void
a_file_that_cannot_be_written_is_an_error(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "metrics", "--textfile", "no/such/here.prom", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "no/such/here.prom");
    document = command_json(testing);
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), AKOSHA_NOT_KEPT);
    json_decref(document);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_runs_there_is_nothing_to_tell),
        TEST(runs_are_told_by_day_week_and_all_time),
        TEST(a_script_gets_one_document),
        TEST(a_damaged_database_is_a_failure_and_no_page_of_zeros),
        TEST(a_state_folder_that_others_may_write_is_not_looked_at),
        TEST(metrics_are_printed_or_written_to_a_file),
        TEST(a_file_that_cannot_be_written_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
