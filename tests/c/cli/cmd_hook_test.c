/* What an agent's session end comes to, and what of it anybody hears. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SESSION_END "{\"hook_event_name\": \"SessionEnd\", \"reason\": \"exit\"}"
#define STOP "{\"hook_event_name\": \"Stop\"}"

/* How many jobs wait, and the first one's id. */
static size_t
jobs(struct command_testing *testing)
{
    json_t *document;
    size_t count;

    command_run(testing, "status", "--json", NULL);
    document = command_json(testing);
    count = json_array_size(command_at(document, "queue"));
    json_decref(document);
    return count;
}

static void
say(struct command_testing *testing, const char *event)
{
    testing->in = command_write(testing, "event", event);
}

static void
a_session_that_ends_makes_a_job_and_says_nothing(void **state)
{
    struct command_testing *testing = *state;

    say(testing, SESSION_END);
    command_run(testing, "hook", "session-end", "--no-worker", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_prints(testing, NULL);
    assert_int_equal(jobs(testing), 1);
    command_run(testing, "hook", "session-end", "--no-worker", "--verbose", NULL);
    command_tells(testing, "the agent says: SessionEnd\njob 20");
    command_prints(testing, NULL);
    assert_int_equal(jobs(testing), 2);
}

static void
a_turn_that_ends_makes_one_only_where_it_is_asked_for(void **state)
{
    struct command_testing *testing = *state;

    say(testing, STOP);
    command_run(testing, "hook", "session-end", "--no-worker", "--verbose", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "nothing is done: a turn ended and not a session (--on-stop takes "
        "both)");
    assert_int_equal(jobs(testing), 0);
    command_run(testing, "hook", "session-end", "--no-worker", "--on-stop", NULL);
    assert_int_equal(jobs(testing), 1);
}

static void
the_switch_of_the_original_holds_and_ours_goes_before_it(void **state)
{
    struct command_testing *testing = *state;

    command_set(testing, "SESSION_BUDDY_AKOSHA_UPLOAD_ON_SESSION_END", "False");
    command_run(testing, "hook", "session-end", "--no-worker", "--verbose", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "nothing is done: AKOSHA_UPLOAD_ON_SESSION_END says so");
    assert_int_equal(jobs(testing), 0);
    command_set(testing, "AKOSHA_UPLOAD_ON_SESSION_END", "true");
    command_run(testing, "hook", "session-end", "--no-worker", NULL);
    assert_int_equal(jobs(testing), 1);
}

static void
whatever_goes_wrong_ends_with_0_and_status_tells_it(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "hook", "session-end", "--policy", "nowhere.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_run(testing, "status", NULL);
    command_prints(testing, "nowhere.lua");
    command_run(testing, "hook", "sesion-end", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_run(testing, "status", NULL);
    command_prints(testing, "there is hook session-end, and no hook sesion-end");
    command_run(testing, "hook", "session-end", "--no-such-option", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "status", NULL);
    command_prints(testing, "--no-such-option");
    /* One that goes well takes it back. */
    command_run(testing, "hook", "session-end", "--no-worker", NULL);
    command_run(testing, "status", NULL);
    assert_null(strstr(testing->out, "--no-such-option"));
}

static void
a_job_without_a_worker_is_kept_and_told(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "hook", "session-end", "--verbose", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "akosha-sync: cannot start akosha-sync: it is not there");
    assert_int_equal(jobs(testing), 1);
    command_run(testing, "status", NULL);
    command_prints(testing, "cannot start akosha-sync");
}

static void
sources_that_an_agent_hands_over_are_none(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "hook", "session-end", "--no-worker", "/etc/passwd", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "status", "--json", NULL);
    document = command_json(testing);
    assert_int_equal(json_array_size(command_at(document, "queue")), 1);
    assert_null(strstr(testing->out, "/etc/passwd"));
    json_decref(document);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_that_ends_makes_a_job_and_says_nothing,
            command_set_up, command_tear_down),
        cmocka_unit_test_setup_teardown(a_turn_that_ends_makes_one_only_where_it_is_asked_for,
            command_set_up, command_tear_down),
        cmocka_unit_test_setup_teardown(the_switch_of_the_original_holds_and_ours_goes_before_it,
            command_set_up, command_tear_down),
        cmocka_unit_test_setup_teardown(whatever_goes_wrong_ends_with_0_and_status_tells_it,
            command_set_up, command_tear_down),
        cmocka_unit_test_setup_teardown(a_job_without_a_worker_is_kept_and_told, command_set_up,
            command_tear_down),
        cmocka_unit_test_setup_teardown(sources_that_an_agent_hands_over_are_none, command_set_up,
            command_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
