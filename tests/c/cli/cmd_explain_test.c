/* What a person reads of what a policy would decide: of worlds, and of runs that were recorded. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGIN "local akosha = require 'akosha'\nreturn akosha.policy { api = 1,\n"
#define CLOUD "cloud = akosha.s3 { bucket = 'memories' }, "
#define FAR "far = akosha.http { url = 'https://far.example/x' }, "
#define HERE "here = akosha.dir { path = './here' }, "
#define NIGHT "2026-11-27 22:00"

/* Line 5 routes small sources, line 6 the others. */
static const char functions[] = BEGIN
    "  sources = { 'a.txt', 'b.txt' }, targets = { " CLOUD FAR "},\n"
    "  route = function(source)\n"
    "    if source.size < 10 then return 'far' end\n"
    "    return { 'cloud', 'far' } end,\n"
    "  retry = function(failure)\n"
    "    if failure.name == 'throttled' then return akosha.wait(7) end end,\n"
    "  compress = function(facts) return 'gzip' end,\n"
    "  throttle = function(now) return 1024 * now.clock.hour end }\n";

static void
put_sources(struct command_testing *testing)
{
    (void)command_write(testing, "work/a.txt", "the same and the same and the same and the same "
        "and the same and the same and the same and the same and the same and the same again");
    (void)command_write(testing, "work/b.txt", "small");
    command_set(testing, "TZ", "UTC");
}

static void
explain(struct command_testing *testing, const char *policy)
{
    (void)command_write(testing, "work/p.lua", policy);
    command_run(testing, "explain", "--policy", "p.lua", "--at", NIGHT, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
}

static void
plan_says_whose_decision_each_was(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    explain(testing, functions);
    command_prints(testing, "When nothing goes wrong, at " NIGHT ":\n");
    command_prints(testing, "  source   size  route                codec          unchanged  "
        "parts  goes to\n");
    command_prints(testing, "  b.txt     5 B  far (policy)         ");
    command_prints(testing, "  a.txt   131 B  cloud, far (policy)  gzip (policy)  reuse      "
        "1      cloud\n");
    command_prints(testing, "\nHeld up to: 22528 bytes/s (policy, line 10)\n");
    command_prints(testing, "\nIt ends: stored");
    assert_null(strstr(testing->out, "With "));
}

static void
events_are_told_with_what_they_led_to(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/p.lua", functions);
    command_run(testing, "explain", "--policy", "p.lua", "--at", NIGHT, "--event",
        "cloud: throttled x2, retry_after=9", "--event", "far: dns x1", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "\nWith cloud: throttled x2, retry_after=9 (it happened 2 times)\n"
        "and  far: dns x1 (it happened once):\n\n");
    command_prints(testing, "  at s  target  about     because ");
    command_prints(testing, "   0.0  -       route     b.txt ");
    command_prints(testing, " policy, line 5\n");
    command_prints(testing, " policy, line 6\n");
    command_prints(testing, "throttled, attempt 1, http 429, asks for 9.0 s  wait 7.0 ");
    command_prints(testing, " policy, line 8\n");
    command_prints(testing, "a.txt: a sample shrinks to 1/");
}

static void
nothing_has_to_be_decided_where_nothing_comes_of_it(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'a.txt' }, targets = { " HERE
        CLOUD "}, route = { 'here' } }\n");
    command_run(testing, "explain", "--policy", "p.lua", "--event", "cloud: dns", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "With cloud: dns (it never came to that):\n\n  Nothing had to be "
        "decided.\n\nIt ends: stored in here after ");
}

/* A schedule is a value of the settings; a function may stand in a module beside the policy. */
static void
answers_of_settings_and_of_modules_have_their_lines(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/rules.lua", "local akosha = require 'akosha'\n"
        "return function(failure)\n  if failure.attempt < 3 then return akosha.wait(3) end\nend\n");
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'a.txt' },\n"
        "  targets = { " CLOUD "},\n  retry = require 'rules' }\n");
    command_run(testing, "explain", "--policy", "p.lua", "--event", "cloud: throttled x1", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  wait 3.0  rules.lua, line 3\n");
    (void)command_write(testing, "work/p.lua", BEGIN "sources = { 'a.txt' },\n"
        "  targets = { " CLOUD "},\n"
        "  retry = akosha.retry.fixed { first = 5, tries = 2 } }\n");
    command_run(testing, "explain", "--policy", "p.lua", "--event", "cloud: throttled", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  wait 5.0 ");
    command_prints(testing, "settings, line 5\n");
    command_prints(testing, "It ends: queued after ");
    command_prints(testing, " s: ");
}

static void
mirror_goes_to_each_of_its_targets(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    explain(testing, BEGIN "sources = { 'a.txt', 'none.db' }, missing = 'skip', targets = { " HERE
        CLOUD "}, route = akosha.route.all { 'here', 'cloud' } }\n");
    command_prints(testing, "  cloud, here\n");
    command_prints(testing, "none.db  not there  ");
    command_prints(testing, "skipped\n");
}

static void
what_is_made_up_is_said(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    explain(testing, BEGIN "sources = { 'none.db' }, targets = { " CLOUD "} }\n");
    command_prints(testing, "none.db  8.4 MB  ");
    command_prints(testing, " 2 at most  cloud\n");
    command_prints(testing, "\nNone of the sources is there: each is taken to have 8 MiB.\n");
}

static void
large_source_is_simulated_with_fewer_bytes(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    assert_int_equal(truncate(command_path(testing, "work/a.txt"), (off_t)300 << 20), 0);
    explain(testing, BEGIN "sources = { 'a.txt' }, targets = { " HERE "} }\n");
    command_prints(testing, "a.txt   315 MB  ");
    command_prints(testing, "\nLarge sources are simulated with fewer bytes than they have, and so "
        "shown to the policy.\n");
}

static void
budget_is_told_with_what_this_takes_of_it(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    explain(testing, BEGIN "sources = { 'a.txt' }, targets = { " CLOUD FAR "},\n"
        "budget = { far = akosha.budget { bytes = 5000, per = 'month' },\n"
        "  cloud = akosha.budget { tries = 9 } } }\n");
    command_prints(testing, "Budget of far each month, nothing spent before: 5000 bytes (this "
        "takes 0)\n");
    command_prints(testing, "Budget of cloud each day, nothing spent before: 9 tries (this takes 1)"
        "\n");
    explain(testing, BEGIN "sources = { 'a.txt', 'b.txt' }, targets = { " CLOUD "},\n"
        "budget = akosha.budget { bytes = 5000, tries = 1 } }\n");
    command_prints(testing, "Budget of all targets each day, nothing spent before: 5000 bytes "
        "(this takes ");
    command_prints(testing, " 1 try (this takes 1)\n");
}

static void
rate_of_the_settings_is_theirs(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    explain(testing, BEGIN "sources = { 'a.txt' }, targets = { " CLOUD "}, throttle = 20480 }\n");
    command_prints(testing, "Held up to: 20480 bytes/s (settings");
}

static void
task_steers_by_itself(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    explain(testing, "local akosha = require 'akosha'\n"
        "return akosha.task { api = 1, sources = { 'a.txt' }, targets = { " HERE "},\n"
        "  run = function(ctx)\n"
        "    local upload = ctx:open('here', ctx:snapshot(ctx:sources()[1]))\n"
        "    ctx:send(upload) ctx:finish(upload) ctx:commit('here')\n"
        "  end }\n");
    command_prints(testing, "(task)");
    command_prints(testing, "It ends: stored in here");
}

/* Of a recorded run: with and without what would be the same. */
static void
run_is_put_to_another_policy(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/then.lua", BEGIN "sources = { 'a.txt', 'b.txt' }, targets = "
        "{" HERE "there = akosha.dir { path = './there' } },\n  route = { 'here', 'there' } }\n");
    (void)command_write(testing, "work/now.lua", BEGIN "targets = { " HERE
        "there = akosha.dir { path = './there' } },\n"
        "  route = function(source)\n"
        "    if source.size < 10 then return 'there' end\n"
        "    return { 'here', 'there' } end }\n");
    command_run(testing, "run", "--policy", "then.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "explain", "--policy", "now.lua", "--replay", "last", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "then.lua and ended: stored. Put to ");
    command_prints(testing, "  at s  target  about  because  was          would be  by\n"
        "   0.0  -       route  b.txt    here, there  there     policy, line 5\n\n");
    command_prints(testing, " 1 differently, and 0 cannot be put to it.\nEach question stands by "
        "itself: where another answer would have led is not known.\n");
    assert_null(strstr(testing->out, "dedup"));
    command_run(testing, "explain", "--policy", "now.lua", "--replay", "last", "--verbose", NULL);
    command_prints(testing, "   0.0  -       route ");
    command_prints(testing, "a.txt: changed, or new");
    command_run(testing, "explain", "--policy", "then.lua", "--replay", "last", NULL);
    command_prints(testing, ":\n\nOf 6 questions 6 would be answered as they were, 0 differently, "
        "and 0 cannot be put to it.\n");
}

#define REPORT_BEGIN "{\"schema\": 1, \"run_id\": \"20261126T100000Z-abcdef\", \"started_at\": " \
    "\"2026-11-26T10:00:00.000Z\", \"outcome\": \"queued\", \"success\": false, \"policy\": " \
    "{\"path\": \"/then.lua\", \"sha256\": \"00\"}, \"files\": [], "

/* Runs of older versions, of tasks, and such as asked more than was kept. */
static void
records_say_what_they_lack(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/p.lua", BEGIN "targets = { " CLOUD "} }\n");
    (void)command_write(testing, "work/old.json", REPORT_BEGIN "\"decisions\": ["
        "{\"at_s\": 0.5, \"question\": \"retry\", \"target\": \"cloud\", \"facts\": {\"failure\": "
        "\"throttled\", \"attempt\": 1, \"operation\": \"part 2\", \"http_status\": 503, "
        "\"retry_after\": 4.0}, \"answer\": \"wait 2.0\", \"by\": \"policy\"},\n"
        "{\"at_s\": 0.6, \"question\": \"whim\", \"target\": null, \"facts\": {}, "
        "\"answer\": \"yes\", \"by\": \"policy\"}]}");
    command_run(testing, "explain", "--policy", "p.lua", "--replay", "old.json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  part 2  throttled, attempt 1, http 503, asks for 4.0 s  wait 2.0  ");
    command_prints(testing, "  whim    -  ");
    command_prints(testing, "a question that this program does not know\n");
    command_prints(testing, "The record has only what was decided, not what the settings answered: "
        "it is of an older version.\n");
    (void)command_write(testing, "work/task.json", REPORT_BEGIN "\"asked\": [], "
        "\"decisions_dropped\": 7, \"decisions\": ["
        "{\"at_s\": 0.0, \"question\": \"probe\", \"target\": \"cloud\", \"facts\": {}, "
        "\"answer\": \"ok\", \"by\": \"task\"},\n"
        "{\"at_s\": 6.1, \"question\": \"snapshot\", \"target\": null, \"facts\": "
        "{\"source\": \"/a.db\", \"failure\": \"source_busy\", \"waited\": 6.04}, "
        "\"answer\": \"queue\", \"by\": \"default\"}]}");
    command_run(testing, "explain", "--policy", "p.lua", "--replay", "task.json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  /a.db: source_busy, waited 6.0 s  queue  ");
    command_prints(testing, "Of 1 question ");
    command_prints(testing, "It was a task: its 1 step was no question.\n"
        "7 more were asked, and not recorded.\n");
    assert_null(strstr(testing->out, "older version"));
    (void)command_write(testing, "work/t.lua", "local akosha = require 'akosha'\n"
        "return akosha.task { api = 1, targets = { " HERE "}, run = function() end }\n");
    command_run(testing, "explain", "--policy", "t.lua", "--replay", "task.json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "The policy is a task: it steers by itself, and what it would do is "
        "not asked here.\n");
}

static void
explain_json_is_one_document(void **state)
{
    struct command_testing *testing = *state;
    json_t *document;

    put_sources(testing);
    (void)command_write(testing, "work/p.lua", functions);
    command_run(testing, "explain", "--policy", "p.lua", "--at", NIGHT, "--json", "--event",
        "cloud: dns x1", "a.txt", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    assert_true(json_is_true(command_at(document, "success")));
    assert_int_equal(json_array_size(command_at(document, "plan")), 1);
    assert_string_equal(command_text(document, "plan.0.source"), "a.txt");
    assert_string_equal(command_text(document, "plan.0.route_by"), "policy");
    assert_int_equal(json_integer_value(command_at(document, "events.0.happened")), 1);
    json_decref(document);
}

static void
what_cannot_be_explained_is_one_error(void **state)
{
    static const struct {
        const char *words[4];
        int code;
        const char *message;
    } wrong[] = {
        { { "--event", "cloud: throtled" }, AKOSHA_USAGE, "did you mean \"throttled\"?" },
        { { "--event", "clod: dns" }, AKOSHA_USAGE, "did you mean \"cloud\"?" },
        { { "--at", "now" }, AKOSHA_USAGE, "expected local time" },
        { { "--replay", "last" }, AKOSHA_USAGE, "last" },
        { { "--replay", "last", "--event", "dns" }, AKOSHA_USAGE,
            "--replay and --event exclude each other" },
        { { "--replay", "last", "--at", NIGHT }, AKOSHA_USAGE,
            "--replay and --at exclude each other" },
        { { "--replay", "last", "a.txt" }, AKOSHA_USAGE,
            "--replay takes the sources of its run: a.txt" },
        { { "--limit", "memory=some" }, AKOSHA_USAGE, "memory" },
        { { "--policy", "none.lua" }, AKOSHA_SETTINGS, "none.lua" },
    };
    struct command_testing *testing = *state;

    put_sources(testing);
    (void)command_write(testing, "work/p.lua", functions);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const *words = wrong[i].words;

        command_run(testing, "explain", "--policy", "p.lua", words[0], words[1], words[2],
            words[3], NULL);
        assert_int_equal(testing->code, wrong[i].code);
        command_tells(testing, wrong[i].message);
        command_prints(testing, NULL);
    }
    command_run(testing, "explain", "--policy", "p.lua", "--json", "--event", "nothing", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_prints(testing, "\"exit_code\": 2");
}

static void
folder_of_a_glob_that_cannot_be_listed(void **state)
{
    struct command_testing *testing = *state;

    put_sources(testing);
    assert_int_equal(symlink("round", command_path(testing, "work/round")), 0);
    (void)command_write(testing, "work/p.lua", BEGIN
        "sources = { { glob = 'round/*.db' } }, targets = { " HERE "} }\n");
    command_run(testing, "explain", "--policy", "p.lua", NULL);
    assert_int_equal(testing->code, AKOSHA_SOURCE);
    command_tells(testing, "round");
}

int
main(void)
{
#define EXPLAIN_TEST(test) \
    cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
    const struct CMUnitTest tests[] = {
        EXPLAIN_TEST(plan_says_whose_decision_each_was),
        EXPLAIN_TEST(events_are_told_with_what_they_led_to),
        EXPLAIN_TEST(nothing_has_to_be_decided_where_nothing_comes_of_it),
        EXPLAIN_TEST(answers_of_settings_and_of_modules_have_their_lines),
        EXPLAIN_TEST(mirror_goes_to_each_of_its_targets),
        EXPLAIN_TEST(what_is_made_up_is_said),
        EXPLAIN_TEST(large_source_is_simulated_with_fewer_bytes),
        EXPLAIN_TEST(budget_is_told_with_what_this_takes_of_it),
        EXPLAIN_TEST(rate_of_the_settings_is_theirs),
        EXPLAIN_TEST(task_steers_by_itself),
        EXPLAIN_TEST(run_is_put_to_another_policy),
        EXPLAIN_TEST(records_say_what_they_lack),
        EXPLAIN_TEST(explain_json_is_one_document),
        EXPLAIN_TEST(what_cannot_be_explained_is_one_error),
        EXPLAIN_TEST(folder_of_a_glob_that_cannot_be_listed),
    };

    return cmocka_run_group_tests_name("cmd_explain", tests, NULL, NULL);
}
