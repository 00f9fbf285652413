/* Uploads that are cut half way are gone on with by the next process: what was acknowledged is not
 * sent again, and what nobody goes on with is given back. */
#include "testkit/s3_model.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Parts of a small world have 5 KiB: eight of them. */
#define PART 5120
#define BYTES ((size_t)(8 * PART))
/* What was under way when the process died is sent again where nobody can tell whether it arrived:
 * the servers of worlds do not name parts by their MD5. */
#define IN_FLIGHT 4
#define WRITES 8                        /* of the state, behind a failure */
#define TAKEN_BACK_TRIES 4              /* of an object that is taken back, while 503 answers */
#define HOUR_NS (INT64_C(3600) * 1000000000)

static unsigned
open_uploads(struct aks_world *world)
{
    return aks_s3_model_uploads_open(aks_world_target(world, "cloud")->s3);
}

static struct aks_fault_rule *
dies(struct aks_world *world, const char *operation, bool served)
{
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_DIES, "cloud", operation);

    rule->times = 1;
    rule->served = served;
    return rule;
}

/* What is sent again for one death: parts in flight at most, whether it was the process or the
 * power. */
static void
upload_that_is_cut_half_way_is_gone_on_with(void **state)
{
    static const char *const places[] = { "create", "part 1", "part 5", "part 8", "complete" };

    for (size_t i = 0; i < 4 * sizeof(places) / sizeof(places[0]); i++) {
        struct aks_world *world = scenario_new(i, scenario_policy, BYTES);
        const struct aks_world_again *again;

        (void)dies(world, places[i / 4], i % 2 == 0);
        assert_null(scenario_run(world));
        aks_world_restart(world, i % 4 >= 2);
        scenario_run_is(world, "stored");
        again = aks_world_again(world);
        if (again->parts_again > IN_FLIGHT || again->parts > 8 + IN_FLIGHT)
            fail_msg("%s, %s, %s: %u parts, %u again\n%s", places[i / 4],
                i % 2 == 0 ? "served" : "not served", i % 4 >= 2 ? "power lost" : "killed",
                again->parts, again->parts_again, aks_world_story(world, AKS_STORY_REQUESTS));
        assert_int_equal(open_uploads(world), 0);
        aks_world_free(world);
    }
}

/* The source has changed since: the new run sends what there is now, and gives the other back. */
static void
upload_of_a_source_that_has_changed_is_given_back(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);

    (void)dies(world, "part 5", true);
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    assert_int_equal(open_uploads(world), 1);
    scenario_put(world, "a.bin", 77, BYTES);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    assert_true(aks_world_again(world)->parts_again <= IN_FLIGHT);
    aks_world_free(world);
}

/* Somebody has aborted it meanwhile. */
static void
upload_that_is_gone_begins_anew(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);

    (void)dies(world, "part 5", true);
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    aks_s3_model_forget_uploads(aks_world_target(world, "cloud")->s3);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* The network is gone for good: what was sent stays, and the next run goes on. */
static void
upload_that_could_not_be_ended_is_kept_and_gone_on_with(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "part 6", 500, "InternalError");
    struct aks_fault_rule *http = scenario_reply(world, "http", "", 500, "");

    rule->times = 1000;
    http->times = 1000;
    scenario_run_is(world, "queued");
    assert_int_equal(open_uploads(world), 1);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    assert_true(aks_world_again(world)->parts_again <= IN_FLIGHT);
    aks_world_free(world);
}

/* Another target has it: what is half sent is given back by the next run. */
static void
upload_that_another_target_has_satisfied_is_given_back(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "part 6", 500, "InternalError");

    rule->times = 3;
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 1);
    aks_world_advance(world, HOUR_NS);      /* the target is asked again */
    scenario_put(world, "a.bin", 5, 100);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

static bool
when_taking_back_has_failed(void *ctx, const struct aks_fault_step *step)
{
    const struct aks_fault_rule *taken_back = ctx;

    return taken_back->struck == TAKEN_BACK_TRIES;
}

/* A run whose disk is full at one write after taking back has failed; was it the one of it? */
static bool
not_moved_aside(uint32_t nth)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'b.bin', 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *part = scenario_reply(world, "cloud", "part 5", 413, "EntityTooLarge");
    struct aks_fault_rule *abort = scenario_reply(world, "cloud", "abort", 503, "SlowDown");
    struct aks_fault_rule *full = scenario_fault(world, AKS_FAULT_FAIL, "state.db-wal", "write");
    bool is_it;

    scenario_put(world, "b.bin", 2, BYTES);
    part->times = 1;
    abort->times = TAKEN_BACK_TRIES;
    full->disk = true;
    full->verb[0] = '\0';
    full->status = AKS_NO_SPACE;
    full->when = when_taking_back_has_failed;
    full->when_ctx = abort;
    full->nth = nth;
    scenario_run_is(world, "partial");
    is_it = strstr(aks_world_log(world), "cannot keep what is being sent") != NULL;
    assert_int_equal(full->struck, 1);
    assert_int_equal(open_uploads(world), 0);
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "other  DELETE");
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
    return is_it;
}

/* The disk is full when it is to be written down that an object could not be taken back, and the
 * upload is committed without it: its id is not forgotten with the upload. */
static void
object_that_could_not_be_moved_aside_outlives_the_commit(void **state)
{
    unsigned count = 0;

    /* What is noted of the server's health comes before it. */
    for (uint32_t nth = 1; nth <= WRITES; nth++)
        count += not_moved_aside(nth);
    assert_in_range(count, 1, WRITES - 1);
}

static bool
after_the_third(void *ctx, const struct aks_fault_step *step)
{
    return aks_world_again(ctx)->parts >= 3;
}

/* When the upload has been begun. */
static bool
while_sending(void *ctx, const struct aks_fault_step *step)
{
    struct aks_world *world = ctx;

    return strstr(aks_world_story(world, AKS_STORY_REQUESTS), "create") != NULL;
}

/* Where the journal cannot be written no part goes out, nothing is believed that is not so, and
 * what is owed stays owed. */
static void
full_disk_at_the_journal_sends_nothing_unknown(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);
    struct aks_fault_rule *http = scenario_reply(world, "http", "", 500, "");
    struct aks_fault_rule rule;
    struct aks_fault_rule *full;
    json_t *report;

    aks_fault_rule_init(&rule, AKS_FAULT_FAIL);
    rule.disk = true;
    (void)snprintf(rule.target, sizeof(rule.target), "state.db-wal");
    (void)snprintf(rule.operation, sizeof(rule.operation), "write");
    rule.status = AKS_NO_SPACE;
    rule.when = while_sending;
    rule.when_ctx = world;
    full = aks_fault_plan_add(aks_world_plan(world), &rule);
    assert_non_null(full);
    http->times = 1000;
    report = scenario_run(world);
    assert_string_not_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    json_decref(report);
    assert_true(full->struck > 0);
    assert_int_equal(aks_world_again(world)->parts, 0);
    assert_int_equal(open_uploads(world), 0);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* Credentials end after the third part: what was sent waits in the journal, and is not sent again
 * by the run that has new ones. */
static void
credentials_that_expire_half_way_cost_the_parts_that_were_refused(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "part", 403, "ExpiredToken");

    rule->when = after_the_third;
    rule->when_ctx = world;
    scenario_run_is(world, "queued");
    assert_int_equal(open_uploads(world), 1);
    assert_true(aks_world_again(world)->parts >= 3);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "stored");
    assert_int_equal(aks_world_again(world)->parts, 8);
    assert_int_equal(aks_world_again(world)->parts_again, 0);
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* Begun anew under the same id, after the first try could not be taken back: that the upload is
 * complete since says nothing of the first try, which is given back all the same, and nothing else
 * is. */
static void
try_that_could_not_be_taken_back_is_given_back_later(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' },\n"
        "  retry = function(failure)\n"
        "    if failure.operation == 'part 5' then return akosha.restart end\n"
        "  end }\n";
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *part = scenario_reply(world, "cloud", "part 5", 500, "InternalError");
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "abort", 503, "SlowDown");

    part->times = 1;
    rule->times = TAKEN_BACK_TRIES;
    scenario_run_is(world, "stored");
    assert_int_equal(rule->struck, TAKEN_BACK_TRIES);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "unchanged");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* The answer to a first try's create is lost: the token without an id that is left must not cost
 * the second try, under the same key, what it has sent. When that is complete, what was lost is
 * given back. */
static void
stray_of_a_key_is_looked_for_when_nothing_of_that_key_is_under_way(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' },\n"
        "  retry = function(failure)\n"
        "    if failure.operation == 'create' then return akosha.restart end\n"
        "  end }\n";
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *lost = scenario_fault(world, AKS_FAULT_LOST, "cloud", "create");
    struct aks_fault_rule *part = scenario_reply(world, "cloud", "part", 403, "AccessDenied");

    lost->times = 1;
    part->when = after_the_third;
    part->when_ctx = world;
    scenario_run_is(world, "queued");
    assert_int_equal(lost->struck, 1);
    assert_int_equal(open_uploads(world), 2);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "stored");
    assert_int_equal(aks_world_again(world)->parts_again, 0);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "unchanged");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* What a target refuses to give back stays in the journal, and the next ones are given back. */
static void
upload_that_is_refused_to_be_given_back_holds_up_no_other(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);
    struct aks_fault_rule *rule;

    for (unsigned i = 0; i < 3; i++) {
        (void)dies(world, "part 5", true);
        assert_null(scenario_run(world));
        aks_world_restart(world, false);
        scenario_put(world, "a.bin", 77 + i, BYTES);
        assert_int_equal(open_uploads(world), i + 1);
    }
    rule = scenario_reply(world, "cloud", "abort", 403, "AccessDenied");
    rule->times = 1;
    scenario_run_is(world, "stored");
    assert_int_equal(rule->struck, 1);
    assert_int_equal(open_uploads(world), 1);
    scenario_run_is(world, "unchanged");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* So does one object of an upload; of a target that is in trouble nothing more is asked. */
static void
object_that_is_refused_to_be_given_back_holds_up_no_other(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'b.bin', 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";

    for (int trouble = 0; trouble < 2; trouble++) {
        struct aks_world *world = scenario_new(1, policy, BYTES);
        struct aks_fault_rule *rule;

        scenario_put(world, "b.bin", 2, 700);
        (void)dies(world, "part 6", true);
        assert_null(scenario_run(world));
        aks_world_restart(world, false);
        scenario_put(world, "a.bin", 3, 700);
        scenario_put(world, "b.bin", 4, 700);
        rule = scenario_reply(world, "cloud", "abort", trouble != 0 ? 503 : 403,
            trouble != 0 ? "SlowDown" : "AccessDenied");
        rule->times = trouble != 0 ? TAKEN_BACK_TRIES : 1;
        scenario_run_is(world, "stored");
        assert_int_equal(rule->struck, rule->times);
        assert_int_equal(open_uploads(world), 1);
        assert_int_equal(strstr(aks_world_story(world, AKS_STORY_REQUESTS),
            "cloud  other  DELETE 0 -> 204") != NULL, trouble == 0);
        aks_world_free(world);
    }
}

/* The process dies before it hears that the manifest is there, and the source changes: the upload
 * is nobody's any more, and readers see it. */
static void
upload_that_nobody_knows_to_be_complete_stays_whole(void **state)
{
    struct aks_world *world = scenario_new(1, scenario_policy, BYTES);

    (void)dies(world, "manifest", true);
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    scenario_put(world, "a.bin", 77, BYTES);
    scenario_run_is(world, "stored");       /* and no manifest names what is not there */
    assert_int_equal(open_uploads(world), 0);
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "remove");
    aks_world_free(world);
}

/* One of two sources has changed since: what was sent of the other is not sent again, and goes into
 * the new upload from where it lies. */
static void
source_that_has_not_changed_goes_on_in_the_upload_of_one_that_has(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'b.bin', 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";

    for (int power = 0; power < 2; power++) {
        const struct aks_world_restore_options options = { .to = AKS_WORLD_HOME "/restored" };
        struct aks_world *world = scenario_new(1, policy, 2 * BYTES);
        struct aks_error err = { 0 };
        json_t *report = NULL;
        unsigned before;

        scenario_put(world, "b.bin", 2, 700);
        (void)dies(world, "part 14", true);
        assert_null(scenario_run(world));
        before = aks_world_again(world)->parts;
        assert_true(before > 2 * IN_FLIGHT);
        aks_world_restart(world, power == 1);
        scenario_put(world, "b.bin", 3, 700);
        scenario_run_is(world, "stored");
        if (aks_world_again(world)->parts > 16 + IN_FLIGHT ||
            aks_world_again(world)->parts_again > IN_FLIGHT)
            fail_msg("%s", aks_world_story(world, AKS_STORY_REQUESTS));
        assert_int_equal(open_uploads(world), 0);
        assert_int_equal(aks_world_restore(world, &options, &report, &err), AKS_OK);
        json_decref(report);
        if (aks_laws_restored(world, options.to, &err) != AKS_OK)
            fail_msg("%s", err.message);
        aks_world_free(world);
    }
}

/* As before, but one of its two sources has changed, and that one alone: what is carried over into
 * another upload is not taken away where it lies, since a manifest names it there. */
static void
complete_upload_stays_whole_where_one_of_two_has_changed(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'b.bin', 'a.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";

    for (int round = 0; round < 8; round++) {
        bool single = (round & 1) != 0;
        bool power = (round & 2) != 0;
        bool twice = (round & 4) != 0;
        struct aks_world *world = scenario_new(1, policy, single ? 900 : BYTES);

        scenario_put(world, "b.bin", 2, 700);
        (void)dies(world, "manifest", true);
        assert_null(scenario_run(world));
        aks_world_restart(world, power);
        scenario_put(world, "b.bin", 3, 700);
        if (twice) {
            (void)dies(world, "manifest", false);
            assert_null(scenario_run(world));
            aks_world_restart(world, power);
            scenario_put(world, "a.bin", 78, single ? 900 : BYTES);
        }
        scenario_run_is(world, "stored");
        aks_world_advance(world, HOUR_NS);
        scenario_run_is(world, "unchanged");
        assert_int_equal(open_uploads(world), 0);
        aks_world_free(world);
    }
}

/* Runs; ${target} has to have stored something, and *ret_id is under which id. */
static void
is_stored_under(struct aks_world *world, const char *target, char ret_id[64])
{
    json_t *report = scenario_run(world);

    assert_non_null(report);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    assert_string_equal(json_string_value(json_object_get(report, "target")), target);
    (void)snprintf(ret_id, 64, "%s", json_string_value(json_object_get(report, "upload_id")));
    json_decref(report);
}

/* What was cut is gone on with after another target has taken a newer state of things: not under
 * the id of before, or whoever asks for the newest would get the older one. */
static void
upload_that_a_later_one_has_overtaken_gets_a_later_id(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "    http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  route = { 'cloud', 'http' } }\n";
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *away;
    char between[64];
    char last[64];

    scenario_put(world, "b.bin", 2, 700);
    (void)dies(world, "part 5", true);
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    scenario_put(world, "b.bin", 3, 700);
    away = scenario_reply(world, "cloud", "", 500, "InternalError");
    away->times = 1000;
    is_stored_under(world, "http", between);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_put(world, "b.bin", 4, 700);
    is_stored_under(world, "cloud", last);
    assert_true(strcmp(last, between) > 0);
    assert_true(aks_world_again(world)->parts_again <= IN_FLIGHT);
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* Each in a time of its own: a worker goes on with the job whose run died, once while the cloud is
 * away, once while the other one is. */
static void
worker_comes_twice(struct aks_world *world)
{
    const struct aks_world_worker_options once = { .once = true };
    struct aks_fault_rule *cloud = scenario_reply(world, "cloud", "", 500, "InternalError");
    struct aks_fault_rule *http = scenario_reply(world, "http", "", 500, "");
    struct aks_error err = { 0 };

    cloud->from_ns = HOUR_NS / 2;
    cloud->until_ns = HOUR_NS * 3 / 2;
    http->from_ns = HOUR_NS * 3 / 2;
    for (unsigned i = 0; i < 2; i++) {
        json_t *report = NULL;

        aks_world_advance(world, HOUR_NS);
        scenario_put(world, "b.bin", 4 + i, 700);
        aks_world_owe(world, NULL);
        if (aks_world_worker(world, &once, &report, &err) != AKS_OK ||
            aks_laws_check(world, report, &err) != AKS_OK)
            fail_msg("%s", err.message);
        json_decref(report);
    }
    http->until_ns = HOUR_NS * 2;
    aks_world_advance(world, HOUR_NS);
}

/* Its own job goes on with it, and has sent a newer state of what was not begun of it to another
 * target meanwhile: that comes under a later id than what was begun. */
static void
upload_that_a_later_one_has_overtaken_takes_nothing_in(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "    http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  route = akosha.route.all { 'http', 'cloud' } }\n";
    const struct aks_world_restore_options back = { .to = AKS_WORLD_HOME "/restored" };
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_error err = { 0 };
    json_t *report = NULL;

    scenario_put(world, "b.bin", 2, 700);
    (void)dies(world, "part 1", true);
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    worker_comes_twice(world);
    assert_true(aks_world_again(world)->parts_again <= IN_FLIGHT);
    assert_int_equal(open_uploads(world), 0);
    if (aks_world_restore(world, &back, &report, &err) != AKS_OK ||
        aks_laws_restored(world, back.to, &err) != AKS_OK)
        fail_msg("%s\n%s", err.message, aks_world_story(world, AKS_STORY_REQUESTS));
    json_decref(report);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upload_that_is_cut_half_way_is_gone_on_with),
        cmocka_unit_test(upload_of_a_source_that_has_changed_is_given_back),
        cmocka_unit_test(upload_that_is_gone_begins_anew),
        cmocka_unit_test(upload_that_could_not_be_ended_is_kept_and_gone_on_with),
        cmocka_unit_test(upload_that_another_target_has_satisfied_is_given_back),
        cmocka_unit_test(full_disk_at_the_journal_sends_nothing_unknown),
        cmocka_unit_test(try_that_could_not_be_taken_back_is_given_back_later),
        cmocka_unit_test(stray_of_a_key_is_looked_for_when_nothing_of_that_key_is_under_way),
        cmocka_unit_test(upload_that_is_refused_to_be_given_back_holds_up_no_other),
        cmocka_unit_test(object_that_is_refused_to_be_given_back_holds_up_no_other),
        cmocka_unit_test(object_that_could_not_be_moved_aside_outlives_the_commit),
        cmocka_unit_test(upload_that_nobody_knows_to_be_complete_stays_whole),
        cmocka_unit_test(source_that_has_not_changed_goes_on_in_the_upload_of_one_that_has),
        cmocka_unit_test(complete_upload_stays_whole_where_one_of_two_has_changed),
        cmocka_unit_test(upload_that_a_later_one_has_overtaken_gets_a_later_id),
        cmocka_unit_test(upload_that_a_later_one_has_overtaken_takes_nothing_in),
        cmocka_unit_test(credentials_that_expire_half_way_cost_the_parts_that_were_refused),
    };

    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
