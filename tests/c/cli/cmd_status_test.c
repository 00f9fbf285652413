/* What a person is told of the queue: what waits and why, what became of a job, what is known of
 * targets, and what a script gets. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STATE "home/.local/state/akosha-sync"
#define POLICY "home/.config/akosha-sync/policy.lua"
/* Nobody listens there. */
#define REFUSED "return require \"akosha\".policy { api = 1, targets = { cloud = " \
    "require \"akosha\".http { url = \"http://127.0.0.1:9/up\" } }, route = { \"cloud\" } }\n"
#define DIR_POLICY "return require \"akosha\".policy { api = 1, targets = { here = " \
    "require \"akosha\".dir { path = \"~/target\" } }, route = { \"here\" } }\n"
#define UNKNOWN "20261118T010000Z-3f9a2c"

/* Makes the source a.txt, and the id of the job that is enqueued for it. */
static void
enqueue(struct command_testing *testing, char ret_id[64])
{
    (void)command_write(testing, "work/a.txt", "a memory");
    command_run(testing, "enqueue", "--no-worker", "a.txt", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    (void)snprintf(ret_id, 64, "%.*s", (int)strcspn(testing->out, "\n"), testing->out);
}

static void
where_nothing_was_ever_done_nothing_is_made(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "status", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "now: nothing\nqueue: 0 jobs\nlast stored: never\n"
        "last proven restore: never\n");
    command_tells(testing, NULL);
    assert_false(command_has(testing, STATE));
}

static void
a_job_that_waits_is_told_with_its_sources(void **state)
{
    struct command_testing *testing = *state;
    char line[256];
    char id[64];

    (void)command_write(testing, POLICY, DIR_POLICY);
    enqueue(testing, id);
    command_run(testing, "status", NULL);
    command_prints(testing, "queue: 1 job, the oldest since 20");
    (void)snprintf(line, sizeof(line), "\n  %s  waiting, since 20", id);
    command_prints(testing, line);
    (void)snprintf(line, sizeof(line), "\n    %s/a.txt\n", testing->work);
    command_prints(testing, line);
    command_run(testing, "status", id, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    (void)snprintf(line, sizeof(line), "  %s  waiting, since 20", id);
    command_prints(testing, line);
}

/* Those of the policy, where the command named none. */
static void
a_job_without_sources_is_told_with_its_policy(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, POLICY, DIR_POLICY);
    command_run(testing, "enqueue", "--no-worker", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "status", NULL);
    command_prints(testing, "    the sources of ");
    command_prints(testing, "policy.lua\n");
}

static void
what_failed_says_why_and_when_it_is_tried_again(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;
    char id[64];

    (void)command_write(testing, POLICY, REFUSED);
    enqueue(testing, id);
    command_run(testing, "worker", "--once", NULL);
    assert_int_equal(testing->code, AKOSHA_QUEUED);
    command_run(testing, "status", NULL);
    command_prints(testing, ", tried 1 time, not before 20");
    command_prints(testing, "\n    refused: ");
    command_prints(testing, "\nlast run: 20");
    command_prints(testing, ", queued\nlast stored: never\n");
    command_prints(testing, "targets:\n  cloud        refused, 1 time in a row; not asked before");
    command_run(testing, "status", "--json", NULL);
    document = command_json(testing);
    assert_string_equal(command_text(document, "queue.0.job_id"), id);
    assert_string_equal(command_text(document, "queue.0.reason"), "refused");
    assert_string_equal(command_text(document, "queue.0.state"), "waiting");
    assert_int_equal(json_integer_value(command_at(document, "queue.0.tries")), 1);
    assert_true(json_is_false(command_at(document, "targets.0.healthy")));
    assert_true(json_is_true(command_at(document, "success")));
    json_decref(document);
}

static void
what_has_ended_is_told_by_its_id(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;
    char line[256];
    char id[64];

    (void)command_write(testing, POLICY, DIR_POLICY);
    enqueue(testing, id);
    command_run(testing, "worker", "--once", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "status", id, NULL);
    (void)snprintf(line, sizeof(line), "%s  stored at 20", id);
    command_prints(testing, line);
    command_prints(testing, ", in run 20");
    command_run(testing, "status", id, "--json", NULL);
    document = command_json(testing);
    assert_string_equal(command_text(document, "job.state"), "ended");
    assert_string_equal(command_text(document, "job.outcome"), "stored");
    assert_string_equal(command_text(document, "report.outcome"), "stored");
    json_decref(document);
    enqueue(testing, id);
    command_run(testing, "cancel", id, NULL);
    command_run(testing, "status", id, NULL);
    (void)snprintf(line, sizeof(line), "%s  cancelled at 20", id);
    command_prints(testing, line);
    command_run(testing, "status", NULL);
    command_prints(testing, "targets:\n  here         healthy\n");
    command_prints(testing, "last stored: 20");
}

/* Nobody can tell, which is not never. */
static void
a_state_that_cannot_be_read_is_no_state_without_anything(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, STATE "/state.db", "This is no database, and was none before it.");
    command_run(testing, "status", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "last stored: not known\nlast proven restore: not known\n");
    command_tells(testing, "file is not a database");
}

static void
a_job_that_was_superseded_says_by_which(void **state)
{
    struct command_testing *testing = *state;
    char first[64];

    (void)command_write(testing, POLICY, DIR_POLICY);
    enqueue(testing, first);
    command_run(testing, "run", "a.txt", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "status", first, NULL);
    command_prints(testing, "  superseded at 20");
    command_prints(testing, ", by job 20");
}

static void
a_job_that_nobody_knows_is_an_error(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "status", UNKNOWN, NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_prints(testing, NULL);
    command_tells(testing, "akosha-sync: nothing is known of a job " UNKNOWN);
    command_tells(testing, "\nhint: a job is named by what enqueue printed");
    command_run(testing, "status", UNKNOWN, "--json", NULL);
    document = command_json(testing);
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), AKOSHA_USAGE);
    json_decref(document);
}

static void
a_file_that_is_no_job_is_told_and_left_alone(void **state)
{
    struct command_testing *testing = *state;
    char id[64];

    (void)command_write(testing, POLICY, DIR_POLICY);
    enqueue(testing, id);
    (void)command_write(testing, STATE "/queue/" UNKNOWN ".json", "{");
    command_run(testing, "status", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "queue: 1 job, ");
    command_prints(testing, "  " UNKNOWN "  damaged, and left alone: ");
    assert_true(command_has(testing, STATE "/queue/" UNKNOWN ".json"));
}

/* The queue needs no database: it is told, and that the rest is not known. */
static void
a_damaged_database_hides_no_job(void **state)
{
    struct command_testing *testing = *state;
    char id[64];

    (void)command_write(testing, POLICY, DIR_POLICY);
    enqueue(testing, id);
    (void)command_write(testing, STATE "/state.db", "no database at all, whatever it is called");
    command_run(testing, "status", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, id);
    command_tells(testing, "state.db: file is not a database\nhint: ");
    /* Errors only. */
    command_run(testing, "status", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_tells(testing, "state.db: file is not a database");
}

static void
a_quiet_one_says_nothing_where_nothing_is_wrong(void **state)
{
    struct command_testing *testing = *state;
    char id[64];

    (void)command_write(testing, POLICY, DIR_POLICY);
    enqueue(testing, id);
    command_run(testing, "status", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_tells(testing, NULL);
    command_run(testing, "status", id, "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_run(testing, "status", "--quiet", "--json", NULL);
    json_decref(command_json(testing));
}

/* A hook never fails its agent: here is where it says so. */
static void
a_hook_that_failed_is_told_until_one_succeeds(void **state)
{
    struct command_testing *testing = *state;

    testing->in = command_write(testing, "event", "{\"hook_event_name\": \"SessionEnd\"}");
    command_set(testing, "AKOSHA_POLICY", "/no/such/policy.lua");
    command_run(testing, "hook", "session-end", "--no-worker", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "hook", "session-end", "--no-worker", NULL);
    command_run(testing, "status", NULL);
    command_prints(testing, "hook: failed 2 times since 20");
    command_prints(testing, ", last at 20");
    command_prints(testing, "/no/such/policy.lua");
    command_set(testing, "AKOSHA_POLICY", NULL);
    (void)command_write(testing, POLICY, DIR_POLICY);
    command_run(testing, "hook", "session-end", "--no-worker", NULL);
    command_run(testing, "status", NULL);
    assert_null(strstr(testing->out, "hook: "));
}

static void
a_restore_that_was_made_is_known(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, POLICY, DIR_POLICY);
    (void)command_write(testing, "work/a.txt", "a memory");
    command_run(testing, "run", "a.txt", NULL);
    command_run(testing, "restore", "--to", "back", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "status", NULL);
    command_prints(testing, "last proven restore: 20");
}

/* --- what others do --------------------------------------------------------------------------- */

/* Another process, which holds the lock ${name} of the state folder with ${text} in it. */
struct other {
    pid_t pid;
    int ends;                           /* closed: it ends */
};

static void
hold(const char *path, const int ends[2], int begun)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char byte = 0;

    (void)close(ends[1]);
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
        _exit(1);
    (void)!write(begun, &byte, 1);
    (void)!read(ends[0], &byte, 1);
    _exit(0);
}

static struct other
begin_other(struct command_testing *testing, const char *name, const char *text)
{
    struct other other;
    char path[128];
    int begun[2];
    int ends[2];
    char byte;

    (void)snprintf(path, sizeof(path), STATE "/%s", name);
    (void)command_write(testing, path, text);
    assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fflush(NULL);
    other.pid = fork();
    assert_true(other.pid >= 0);
    if (other.pid == 0)
        hold(command_path(testing, path), ends, begun[1]);
    (void)close(begun[1]);
    (void)close(ends[0]);
    other.ends = ends[1];
    assert_int_equal(read(begun[0], &byte, 1), 1);
    (void)close(begun[0]);
    return other;
}

static void
end_other(const struct other *other)
{
    int status;

    (void)close(other->ends);
    assert_int_equal(waitpid(other->pid, &status, 0), other->pid);
    assert_int_equal(status, 0);
}

static void
what_is_going_on_is_told_as_far_as_it_is_known(void **state)
{
    static const struct {
        const char *text;
        const char *told;
    } cases[] = {
        { "{\"target\": \"cloud\", \"source\": \"a.db\", \"bytes_done\": 1000000, "
            "\"bytes_total\": 4000000, \"bytes_per_s\": 500000, \"remaining_s\": 6}",
            "now: 1.0 MB of 4.0 MB to cloud: a.db, 500 kB/s, 6.00 s left\n" },
        { "{\"target\": \"cloud\", \"bytes_done\": 0, \"bytes_total\": 10}",
            "now: 0 B of 10 B to cloud\n" },
        { "{\"run_id\": \"one\"}", "now: at work\n" },
        { "half a te", "now: at work\n" },
    };
    struct command_testing *testing = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct other other = begin_other(testing, "delivery.lock", cases[i].text);

        command_run(testing, "status", NULL);
        end_other(&other);
        command_prints(testing, cases[i].told);
    }
    /* Who is gone does nothing, whatever was left behind. */
    command_run(testing, "status", NULL);
    command_prints(testing, "now: nothing\n");
}

static void
a_worker_that_waits_is_told(void **state)
{
    struct command_testing *testing = *state;
    struct other other = begin_other(testing, "worker.lock", "");

    command_run(testing, "status", NULL);
    end_other(&other);
    command_prints(testing, "now: nothing; a worker waits for work\n");
}

static void
an_output_that_takes_nothing_is_an_error(void **state)
{
    struct command_testing *testing = *state;

    testing->to = "/dev/full";
    command_run(testing, "status", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_nothing_was_ever_done_nothing_is_made),
        TEST(a_job_that_waits_is_told_with_its_sources),
        TEST(a_job_without_sources_is_told_with_its_policy),
        TEST(what_failed_says_why_and_when_it_is_tried_again),
        TEST(what_has_ended_is_told_by_its_id),
        TEST(a_state_that_cannot_be_read_is_no_state_without_anything),
        TEST(a_job_that_was_superseded_says_by_which),
        TEST(a_job_that_nobody_knows_is_an_error),
        TEST(a_file_that_is_no_job_is_told_and_left_alone),
        TEST(a_damaged_database_hides_no_job),
        TEST(a_quiet_one_says_nothing_where_nothing_is_wrong),
        TEST(a_hook_that_failed_is_told_until_one_succeeds),
        TEST(a_restore_that_was_made_is_known),
        TEST(what_is_going_on_is_told_as_far_as_it_is_known),
        TEST(a_worker_that_waits_is_told),
        TEST(an_output_that_takes_nothing_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
