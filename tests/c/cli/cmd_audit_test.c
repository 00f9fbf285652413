/* What was done, as it is shown, and the verdict on a log as it is told. */
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

#define LOG "home/.local/state/akosha-sync/audit.jsonl"
#define POLICY "home/.config/akosha-sync/policy.lua"
#define TEXT "return require \"akosha\".policy { api = 1, targets = { here = " \
    "require \"akosha\".dir { path = \"~/target\" } }, route = { \"here\" } }\n"

/* One upload, which is three records. */
static int
set_up(void **state)
{
    struct command_testing *testing;
    int rc = command_set_up(state);

    testing = *state;
    (void)command_write(testing, POLICY, TEXT);
    (void)command_write(testing, "work/a.txt", "a memory");
    command_run(testing, "run", "--quiet", "a.txt", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    return rc;
}

/* The log without its ${line}-th line. */
static void
drop_line(struct command_testing *testing, int line)
{
    char *text = temp_folder_read(testing->folder, LOG, NULL);
    char *from = text;
    const char *to;

    for (int i = 1; i < line; i++)
        from = strchr(from, '\n') + 1;
    to = strchr(from, '\n') + 1;
    memmove(from, to, strlen(to) + 1);
    (void)command_write(testing, LOG, text);
    free(text);
}

static void
records_are_shown_one_in_a_line(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "audit", "show", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "Z  #1  upload_sent  here  upload 20");
    command_prints(testing, "  1 file\n20");
    command_prints(testing, "Z  #3  job  job 20");
    command_prints(testing, "  stored\n");
    command_tells(testing, NULL);
}

static void
of_many_some_are_shown_and_it_is_said(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "audit", "show", "-n", "1", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_null(strstr(testing->out, "#2"));
    command_prints(testing, "#3  job");
    command_tells(testing, "there are older ones: -n N shows more of them");
    command_run(testing, "audit", "show", "--event", "upload_success", "--json", NULL);
    document = command_json(testing);
    assert_int_equal(json_array_size(command_at(document, "records")), 1);
    assert_string_equal(command_text(document, "records.0.event"), "upload_success");
    assert_string_equal(command_text(document, "chain"), "fits");
    json_decref(document);
    command_run(testing, "audit", "show", "--since", "1d", "--job", "nobody", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
}

static void
what_is_asked_in_a_wrong_way_is_refused(void **state)
{
    static const struct {
        const char *words[5];
        int code;
        const char *told;
    } cases[] = {
        { { "audit", "show", "-n", "0" }, AKOSHA_USAGE, "-n is a number of records: 0" },
        { { "audit", "show", "-n", "x" }, AKOSHA_USAGE, "-n is a number of records: x" },
        { { "audit", "show", "-n", "1x" }, AKOSHA_USAGE, "-n is a number of records: 1x" },
        { { "audit", "show", "-n", "10001" }, AKOSHA_USAGE, "1 to 10000" },
        { { "audit", "show", "--since", "noon" }, AKOSHA_USAGE, "--since is a date" },
        { { "audit", "show", "--target", "here" }, AKOSHA_USAGE, "audit show takes no --target" },
        { { "audit", "verify", "--job", "a" }, AKOSHA_USAGE, "are for audit show" },
        { { "audit", "verify", "-n", "1" }, AKOSHA_USAGE, "are for audit show" },
        { { "audit", "rewrite" }, AKOSHA_USAGE, "audit show or audit verify, not audit rewrite" },
        { { "audit", "verify", "--target", "there" }, AKOSHA_SETTINGS, "no target of that name" },
    };
    struct command_testing *testing = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const *words = cases[i].words;

        command_run(testing, words[0], words[1], words[2], words[3], NULL);
        assert_int_equal(testing->code, cases[i].code);
        command_tells(testing, cases[i].told);
    }
}

static void
a_log_that_holds_says_by_what(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "audit", "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "3 records in 1 file, 1 to 3\n"
        "the chain holds; its end is proven by what state.db remembers\n");
    command_run(testing, "audit", "verify", "--target", "here", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "here: 1 of 1 uploads hold a head that fits\n");
    command_prints(testing, ", and by the heads above\n");
    command_run(testing, "audit", "verify", "--quiet", NULL);
    command_prints(testing, NULL);
}

static void
a_line_that_is_missing_is_named(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    drop_line(testing, 2);
    command_run(testing, "audit", "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    command_prints(testing, "does not fit: audit.jsonl, line 2: dropped\n");
    command_tells(testing, "akosha-sync: the audit log does not fit: audit.jsonl, line 2, ");
    command_tells(testing, "\nhint: keep the files as they are");
    command_run(testing, "audit", "verify", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    document = command_json(testing);
    assert_string_equal(command_text(document, "fault.kind"), "dropped");
    json_decref(document);
    command_run(testing, "audit", "show", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "warning: the log is not what it was: akosha-sync audit verify");
}

/* What a target holds is of a log that is gone. */
static void
heads_that_do_not_fit_are_counted_by_what_they_say(void **state)
{
    struct command_testing *testing = *state;

    drop_line(testing, 3);
    drop_line(testing, 2);
    drop_line(testing, 1);
    command_run(testing, "audit", "verify", "--target", "here", NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    command_prints(testing, "0 records in 1 file\n");
    command_prints(testing, "here: 0 of 1 uploads hold a head that fits\n  1 ");
    command_prints(testing, "does not fit: ");
}

/* As a crash leaves it, and as the next record tells of it. */
static void
a_torn_end_is_no_fault(void **state)
{
    struct command_testing *testing = *state;
    char *text = temp_folder_read(testing->folder, LOG, NULL);
    char torn[64 * 1024];

    (void)snprintf(torn, sizeof(torn), "%s{\"seq\":4,\"pr", text);
    free(text);
    (void)command_write(testing, LOG, torn);
    command_run(testing, "audit", "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "the last line is torn, as a crash leaves it");
    (void)command_write(testing, "work/a.txt", "another memory");
    command_run(testing, "run", "--quiet", "a.txt", NULL);
    command_run(testing, "audit", "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "1 torn line, each left by a crash and told by the record behind it\n");
}

static void
a_target_that_cannot_be_asked_is_told(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, POLICY, "return require \"akosha\".policy { api = 1, targets = { "
        "here = require \"akosha\".dir { path = \"~/file\" } }, route = { \"here\" } }\n");
    (void)command_write(testing, "home/file", "no folder");
    command_run(testing, "audit", "verify", "--target", "here", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_prints(testing, "\nhere: ");
    command_prints(testing, "3 records in 1 file");
    /* No verdict on what nobody has looked at. */
    command_run(testing, "audit", "verify", "--target", "there", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    assert_string_equal(testing->out,
        "the log was not read to its end: whether it fits is not known\n");
}

/* Of what targets hold, only how much it is: there is nothing to hold it against. */
static void
a_log_that_cannot_be_read_says_nothing_of_heads(void **state)
{
    struct command_testing *testing = *state;

    assert_int_equal(unlink(temp_folder_join(testing->folder, LOG)), 0);
    assert_int_equal(mkdir(temp_folder_join(testing->folder, LOG), 0700), 0);
    command_run(testing, "audit", "verify", "--target", "here", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    assert_string_equal(testing->out, "here: 1 uploads\n"
        "the log was not read to its end: whether it fits is not known\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, command_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_shown_one_in_a_line),
        TEST(of_many_some_are_shown_and_it_is_said),
        TEST(what_is_asked_in_a_wrong_way_is_refused),
        TEST(a_log_that_holds_says_by_what),
        TEST(a_line_that_is_missing_is_named),
        TEST(heads_that_do_not_fit_are_counted_by_what_they_say),
        TEST(a_torn_end_is_no_fault),
        TEST(a_target_that_cannot_be_asked_is_told),
        TEST(a_log_that_cannot_be_read_says_nothing_of_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
