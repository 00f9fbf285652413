/* Commands that bring, keep, drop: what a person reads of a run, a job and a worker. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGIN "local akosha = require 'akosha'\nreturn akosha.policy { api = 1,\n"
#define HERE "here = akosha.dir { path = './here' }, "
#define THERE "there = akosha.dir { path = './there' } "

static void
put_sources(struct command_testing *testing)
{
    (void)command_write(testing, "work/a.txt", "some text, some text, some text, some text, some "
        "text, some text, some text, some text, some text, some text, some text, some text");
    (void)command_write(testing, "work/b.txt", "other text");
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'a.txt', 'b.txt' },\n"
        "  compress = 'gzip', targets = { " HERE "},\n"
        "  retry = function() return akosha.give_up end }\n");
}

/* The id of the job that ${policy} was enqueued as. */
static const char *
enqueue(struct command_testing *testing, char ret_id[64])
{
    command_run(testing, "enqueue", "--policy", "p.lua", "--no-worker", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    (void)snprintf(ret_id, 64, "%.*s", (int)strcspn(testing->out, "\n"), testing->out);
    return ret_id;
}

static void
run_says_what_became_of_each_file(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    put_sources(testing);
    command_run(testing, "run", "--policy", "p.lua", "--dry-run", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "skipped   a.txt");
    assert_false(command_has(testing, "work/here"));
    command_run(testing, "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "stored    a.txt  130 B -> ");
    command_prints(testing, " (gzip) in here\n");
    command_prints(testing, "stored    b.txt  10 B -> 10 B (none) in here");
    command_run(testing, "run", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "unchanged a.txt  in here\n");
    command_run(testing, "run", "--policy", "p.lua", "--quiet", NULL);
    command_prints(testing, NULL);
    command_run(testing, "run", "--policy", "p.lua", "--json", "b.txt", NULL);
    document = command_json(testing);
    assert_int_equal(json_array_size(command_at(document, "files")), 1);
    assert_string_equal(command_text(document, "outcome"), "unchanged");
    json_decref(document);
}

static void
copy_database(struct command_testing *testing, const char *from, const char *name)
{
    static char bytes[8 << 20];
    FILE *file = fopen(from, "rb");
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    assert_true(len > 0 && len < sizeof(bytes));
    (void)fclose(file);
    (void)temp_folder_write(testing->folder, name, bytes, len);
}

static void
database_is_told_with_its_log(void **state)
{
    struct command_testing *testing = *state;

    copy_database(testing, AKS_TEST_DATA "/databases/reflection.duckdb", "work/r.duckdb");
    copy_database(testing, AKS_TEST_DATA "/databases/reflection.live.duckdb.wal",
        "work/r.duckdb.wal");
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'r.duckdb' },\n"
        "  compress = 'none', targets = { " HERE "} }\n");
    command_run(testing, "run", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "stored    r.duckdb  7.1 MB -> 7.1 MB (none), its log 261 kB "
        "-> 261 kB in here\n");
}

static void
mirror_says_who_is_owed_a_copy(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/there", "a file where a folder should be");
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'a.txt' }, targets = { " HERE
        THERE "},\n  route = akosha.route.all { 'here', 'there' },\n"
        "  retry = function() return akosha.give_up end }\n");
    command_run(testing, "run", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_prints(testing, "partial   a.txt  in here, owed to there");
    command_tells(testing, "there is not a folder");
    command_tells(testing, "kept in the queue as job 20");
    assert_int_equal(unlink(command_path(testing, "work/there")), 0);
    command_run(testing, "run", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "stored    a.txt");
    command_prints(testing, " in here, there");
}

static void
further_failures_are_told_once_each(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'none.db', 'gone.db', 'a.txt' "
        "},\n  targets = { " HERE "} }\n");
    command_run(testing, "run", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SOURCE);
    command_tells(testing, "none.db");
    command_tells(testing, "also: ");
    command_tells(testing, "gone.db");
    command_prints(testing, "stored    a.txt");
    command_run(testing, "run", "--policy", "p.lua", "--quiet", NULL);
    assert_null(strstr(testing->err, "also: "));
}

/* What was written for a machine that has no databases yet, or has them elsewhere. */
static void
where_no_source_is_there_a_person_is_told_what_to_do(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "run", NULL);
    assert_int_equal(testing->code, AKOSHA_SOURCE);
    command_tells(testing, "/home/.claude/data/reflection.duckdb: no such file\n"
        "hint: not one of the sources is there: name this machine's in the policy's `sources` (the "
        "built-in policy reads AKOSHA_SOURCES)\n");
    command_set(testing, "AKOSHA_SOURCES", command_write(testing, "work/a.txt", "text"));
    command_run(testing, "run", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "stored    a.txt");
}

static void
talkative_run_tells_its_steps_and_leaves_the_result_alone(void **state)
{
    struct command_testing *testing = *state;
    char *quiet;

    put_sources(testing);
    command_run(testing, "run", "--policy", "p.lua", NULL);
    command_tells(testing, NULL);
    command_run(testing, "run", "--policy", "p.lua", NULL);
    quiet = strdup(testing->out);
    command_run(testing, "run", "--policy", "p.lua", "--verbose", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, quiet);
    free(quiet);
    command_tells(testing, " s: dedup here: reuse (default)\n");
    assert_null(strstr(testing->err, "akosha-sync: "));
}

static void
job_of_an_earlier_run_is_told(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/here", "a file where a folder should be");
    command_run(testing, "run", "--policy", "p.lua", "a.txt", NULL);
    assert_int_not_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "queued    a.txt");
    command_run(testing, "run", "--policy", "p.lua", "b.txt", NULL);
    command_prints(testing, "queued    job 20");
    assert_int_equal(unlink(command_path(testing, "work/here")), 0);
    command_run(testing, "run", "--policy", "p.lua", "b.txt", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "stored    job 20");
}

static void
policy_that_is_wrong_ends_a_run(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "run", "--policy", "none.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "none.lua");
    document = command_json(testing);
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), AKOSHA_SETTINGS);
    json_decref(document);
    put_sources(testing);
    command_run(testing, "run", "--policy", "p.lua", "--target", "nowhere", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "nowhere");
    command_run(testing, "run", "--policy", "p.lua", "--state", "a.txt/state", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "a.txt");
    testing->to = "/dev/full";
    command_run(testing, "run", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_run(testing, "run", "--policy", "p.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
}

static void
job_is_enqueued_brought_and_known(void **state)
{
    struct command_testing *testing = *state;
    char ids[2][64];
    json_t *document;

    put_sources(testing);
    (void)enqueue(testing, ids[0]);
    command_run(testing, "enqueue", "--policy", "p.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "warning: the job is kept, but there is no worker to bring it: ");
    document = command_json(testing);
    (void)snprintf(ids[1], sizeof(ids[1]), "%s", command_text(document, "job_id"));
    json_decref(document);
    command_run(testing, "worker", "--once", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "stored    job ");
    command_prints(testing, ids[1]);
    command_run(testing, "status", ids[1], NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "stored");
    command_run(testing, "worker", "--until-empty", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_string_equal(command_text(document, "outcome"), "done");
    json_decref(document);
}

static void
worker_tells_why_a_job_waits(void **state)
{
    struct command_testing *testing = *state;
    char id[64];

    put_sources(testing);
    (void)command_write(testing, "work/here", "a file where a folder should be");
    (void)enqueue(testing, id);
    command_run(testing, "worker", "--once", NULL);
    assert_int_not_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "queued    job ");
    command_prints(testing, ": ");
    command_tells(testing, "here is not a folder");
    command_run(testing, "worker", "--once", "--quiet", NULL);
    command_prints(testing, NULL);
    command_run(testing, "cancel", id, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "cancelled job ");
    command_run(testing, "worker", "--once", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
}

static void
job_is_cancelled_once(void **state)
{
    struct command_testing *testing = *state;
    char id[64];
    json_t *document;

    put_sources(testing);
    (void)enqueue(testing, id);
    command_run(testing, "cancel", id, "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_string_equal(command_text(document, "job_id"), id);
    json_decref(document);
    command_run(testing, "cancel", id, "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "there is no such job in the queue");
    document = command_json(testing);
    assert_true(json_is_false(command_at(document, "success")));
    json_decref(document);
    (void)enqueue(testing, id);
    command_run(testing, "cancel", id, "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, NULL);
    command_run(testing, "cancel", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
}

static void
what_cannot_be_enqueued_is_told(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "enqueue", "--policy", "none.lua", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    document = command_json(testing);
    assert_int_equal(json_integer_value(command_at(document, "exit_code")), AKOSHA_SETTINGS);
    json_decref(document);
    put_sources(testing);
    command_run(testing, "enqueue", "--policy", "p.lua", "--state", "a.txt/state", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_run(testing, "worker", "--once", "--until-empty", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "--once and --until-empty exclude each other");
    testing->to = "/dev/full";
    command_run(testing, "enqueue", "--policy", "p.lua", "--no-worker", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
}

static void
bucket_is_told_what_it_needs(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    command_run(testing, "bucket-policy", "--bucket", "memories", "--prefix", "team",
        "--system-id", "laptop-7", "--document", "identity", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_string_equal(command_text(document, "Version"), "2012-10-17");
    json_decref(document);
    command_prints(testing, "arn:aws:s3:::memories/team/systems/laptop-7/");
    command_run(testing, "bucket-policy", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "--bucket");
    command_prints(testing, "\"exit_code\": 2");
    testing->to = "/dev/full";
    command_run(testing, "bucket-policy", "--bucket", "memories", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output");
}

int
main(void)
{
#define RUN_TEST(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
    const struct CMUnitTest tests[] = {
        RUN_TEST(run_says_what_became_of_each_file),
        RUN_TEST(database_is_told_with_its_log),
        RUN_TEST(mirror_says_who_is_owed_a_copy),
        RUN_TEST(further_failures_are_told_once_each),
        RUN_TEST(where_no_source_is_there_a_person_is_told_what_to_do),
        RUN_TEST(talkative_run_tells_its_steps_and_leaves_the_result_alone),
        RUN_TEST(job_of_an_earlier_run_is_told),
        RUN_TEST(policy_that_is_wrong_ends_a_run),
        RUN_TEST(job_is_enqueued_brought_and_known),
        RUN_TEST(worker_tells_why_a_job_waits),
        RUN_TEST(job_is_cancelled_once),
        RUN_TEST(what_cannot_be_enqueued_is_told),
        RUN_TEST(bucket_is_told_what_it_needs),
    };

    return cmocka_run_group_tests_name("cmd_run", tests, NULL, NULL);
}
