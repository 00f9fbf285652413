/* Days that went wrong once, and days that must not: each test begins with its story. */
#include "testkit/scenario.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)

/* Found by seed 41 of the soak. The first target answered its probe with 503 and Retry-After: 19;
 * the second one failed too; and the next round through the route, less than a second later, asked
 * the first one again. */
static void
retry_after_of_a_probe_holds_for_the_next_round(void **state)
{
    struct aks_world *world = scenario_new(41, scenario_policy, BYTES);
    struct aks_fault_rule *cloud = scenario_reply(world, "cloud", "probe", 503, "SlowDown");
    struct aks_fault_rule *http = scenario_reply(world, "http", "probe", 503, "");

    cloud->retry_after_s = 19;
    cloud->times = 1;
    http->retry_after_s = 25;
    http->times = 1;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  http  route  throttled -> wait 19.0");
    scenario_tells(world, AKS_STORY_REQUESTS, " 19.0  cloud  manifest  PUT 1305 -> 200");
    aks_world_free(world);
}

/* Found by the same seed. Only the shorter wait counts: the other target is still left alone. */
static void
target_that_wants_longer_is_passed_over(void **state)
{
    struct aks_world *world = scenario_new(42, scenario_policy, BYTES);
    struct aks_fault_rule *cloud = scenario_reply(world, "cloud", "probe", 503, "SlowDown");
    struct aks_fault_rule *http = scenario_reply(world, "http", "probe", 503, "");

    cloud->retry_after_s = 30;
    cloud->times = 1;
    http->retry_after_s = 5;
    http->times = 1;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  http  route  throttled -> wait 5.0");
    scenario_tells(world, AKS_STORY_REQUESTS, "  5.0  http  put  PUT 20480 -> 201");
    aks_world_free(world);
}

static size_t
jobs_of(const json_t *report)
{
    return json_array_size(json_object_get(report, "jobs"));
}

/* Found by seed 2856. A run left a job; the next run of the same source, in the same millisecond by
 * the clock, wrote a job of its own; and then the older one was taken up and superseded the newer
 * one, with its older policy. */
static void
newer_job_supersedes_the_older_one_of_the_same_moment(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct aks_world *world = scenario_new(seed, scenario_policy, BYTES);
        struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "", "");
        json_t *report;

        aks_fault_rule_status(rule, AKS_DNS);
        scenario_run_is(world, "queued");
        report = scenario_run(world);
        assert_string_equal(json_string_value(json_object_get(report, "outcome")), "queued");
        assert_int_equal(jobs_of(report), 0);
        json_decref(report);
        aks_world_free(world);
    }
}

/* Found by seed 3389. The clock was an hour ahead when the first job was written, so that it looked
 * newer than the second one. */
static void
job_from_the_future_is_superseded_by_the_next_run(void **state)
{
    struct aks_world *world = scenario_new(3389, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "", "");
    json_t *report;

    aks_fault_rule_status(rule, AKS_DNS);
    aks_sim_agenda(aks_world_sim(world))->skew_ms = 3600 * AKS_MS_PER_S;
    scenario_run_is(world, "queued");
    aks_sim_agenda(aks_world_sim(world))->skew_ms = 0;
    report = scenario_run(world);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "queued");
    assert_int_equal(jobs_of(report), 0);
    json_decref(report);
    aks_world_free(world);
}

/* Found by the soak. A person's run asks its first target even where every breaker is open; a job
 * of the queue, taken up in the same process, asked too, and a server that had just said
 * Retry-After was asked once more. */
static void
job_of_the_queue_does_not_ask_where_every_breaker_is_open(void **state)
{
    struct aks_world *world = scenario_new(5, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "", "probe", 503, "SlowDown");
    const char *other[] = { "b.bin" };
    struct aks_world_run_options options = { other, 1, NULL, false, false };
    struct aks_error err = { 0 };
    json_t *report = NULL;
    const json_t *job;

    rule->retry_after_s = 120;
    scenario_put(world, "b.bin", 6, 100);
    scenario_run_is(world, "queued");
    assert_int_equal(aks_world_run(world, &options, &report, &err), AKS_OK);
    if (aks_laws_check(world, report, &err) != AKS_OK)
        fail_msg("%s\n%s", err.message, aks_world_story(world, AKS_STORY_REQUESTS));
    assert_int_equal(jobs_of(report), 1);
    job = json_array_get(json_object_get(report, "jobs"), 0);
    assert_string_equal(json_string_value(json_object_get(job, "outcome")), "queued");
    assert_non_null(strstr(json_string_value(json_object_get(job, "reason")), "not asked before"));
    json_decref(report);
    aks_world_free(world);
}

/* Found by seed 2331. What was half sent was to be taken back; the server answered 503 and
 * Retry-After, and was asked again 100 ms later. */
static void
upload_is_taken_back_no_sooner_than_the_server_asks(void **state)
{
    struct aks_world *world = scenario_new(2331, scenario_policy, BYTES);
    struct aks_fault_rule *part = scenario_reply(world, "cloud", "part 2", 403, "AccessDenied");
    struct aks_fault_rule *take_back = scenario_reply(world, "cloud", "abort", 503, "SlowDown");

    part->times = 1;
    take_back->times = 1;
    take_back->retry_after_s = 4;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_REQUESTS, "  4.0  cloud  abort  DELETE 0 -> 204");
    assert_int_equal(aks_s3_model_uploads_open(aks_world_target(world, "cloud")->s3), 0);
    aks_world_free(world);
}

/* An error inside a 200 is no success, and the upload is there in the end. */
static void
error_inside_a_success_is_an_error(void **state)
{
    struct aks_world *world = scenario_new(9, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "complete", 200, "InternalError");

    rule->times = 1;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  cloud  complete  server -> wait 2.0");
    aks_world_free(world);
}

/* The server completed, and its answer was lost: looking settles it, and nothing is sent twice. */
static void
lost_answer_to_complete_is_settled_by_looking(void **state)
{
    struct aks_world *world = scenario_new(10, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_LOST, "cloud", "complete");

    rule->times = 1;
    scenario_run_is(world, "stored");
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "abort");
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "http");
    aks_world_free(world);
}

/* A lid is closed for nine hours in the middle of a wait: it is over when the lid opens. */
static void
wait_is_over_after_a_lid_was_closed(void **state)
{
    struct aks_world *world = scenario_new(11, scenario_policy, BYTES);
    struct aks_fault_rule *part = scenario_reply(world, "cloud", "part 1", 503, "SlowDown");
    struct aks_fault_rule *lid = scenario_fault(world, AKS_FAULT_SLOW, "", "read");

    part->times = 1;
    lid->disk = true;
    lid->delay_ns = 9 * 3600 * AKS_NS_PER_S;
    lid->nth = 1;
    (void)strcpy(lid->target, "/a.bin");
    scenario_run_is(world, "stored");
    assert_true(aks_sim_agenda(aks_world_sim(world))->now_ns >= lid->delay_ns);
    aks_world_free(world);
}

/* A cloud that cannot be reached is left alone for a while; a laptop that was closed and opened
 * again is somewhere else, and asks it at once. */
static void
cloud_that_could_not_be_reached_is_asked_again_after_sleep(void **state)
{
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        struct aks_world *world = scenario_new(12, scenario_policy, BYTES);
        struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "cloud", "probe");
        json_t *report;

        rule->times = 1;
        rule->status = AKS_REFUSED;
        scenario_run_is(world, "stored");
        scenario_put(world, "a.bin", 13, BYTES);
        if (sleeps == 1)
            aks_world_sleep(world, 20 * AKS_NS_PER_S);
        else
            aks_world_advance(world, 20 * AKS_NS_PER_S);
        report = scenario_run(world);
        assert_string_equal(json_string_value(json_object_get(report, "target")),
            sleeps == 1 ? "cloud" : "http");
        json_decref(report);
        aks_world_free(world);
    }
}

/* Three tries, the first included, then the next target: whatever one server does, a run ends. */
static void
tries_end_with_the_third_one(void **state)
{
    struct aks_world *world = scenario_new(15, scenario_policy, BYTES);

    (void)scenario_reply(world, "cloud", "create", 500, "InternalError");
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  cloud  create  server -> wait 2.0");
    scenario_tells(world, AKS_STORY_DECISIONS, "  2.0  cloud  create  server -> wait 4.0");
    scenario_tells(world, AKS_STORY_DECISIONS, "  6.0  cloud  create  server -> next_target");
    scenario_tells(world, AKS_STORY_REQUESTS, "  6.0  http  put  PUT 20480 -> 201");
    aks_world_free(world);
}

/* S3 refuses what is signed at another time than its own; its reply tells which that is. */
static void
clock_that_is_an_hour_off_is_corrected_from_the_reply(void **state)
{
    struct aks_world *world = scenario_new(12, scenario_policy, BYTES);

    aks_sim_agenda(aks_world_sim(world))->skew_ms = -3600 * AKS_MS_PER_S;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  cloud  probe  clock_skew -> wait 0.0");
    scenario_does_not_tell(world, AKS_STORY_REQUESTS, "http");
    aks_world_free(world);
}

/* A token expires after the second part: nothing else of that cloud works, and the next target has
 * everything. */
static void
token_that_expires_half_way_leads_to_the_next_target(void **state)
{
    struct aks_world *world = scenario_new(13, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "cloud", "", 403, "ExpiredToken");

    /* Two probes, a Create, and two parts go before. */
    rule->from_ns = 6 * AKS_NS_PER_MS + AKS_NS_PER_MS / 2;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_REQUESTS, "  0.0  http  put  PUT 20480 -> 201");
    aks_world_free(world);
}

/* Somebody writes into the source while it is read: what is stored is one state or the other. */
static bool
write_meanwhile(void *ctx, const struct aks_fault_step *step)
{
    struct aks_world *world = ctx;
    struct aks_error err;

    if (strcmp(step->operation, "part 3") == 0)
        (void)aks_world_edit(world, "a.bin", 3, "changed", 7, &err);
    return false;
}

static void
source_that_changes_while_it_is_read_is_read_again(void **state)
{
    struct aks_world *world = scenario_new(14, scenario_policy, BYTES);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_SILENT, "cloud", "part 3");

    rule->when = write_meanwhile;
    rule->when_ctx = world;
    (void)strcpy(rule->verb, "serve");
    json_decref(scenario_run(world));
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  cloud  snapshot  source_changed -> restart");
    aks_world_free(world);
}

static bool
write_before_the_second_put(void *ctx, const struct aks_fault_step *step)
{
    struct aks_world *world = ctx;
    struct aks_error err;

    (void)aks_world_edit(world, "a.bin", 3, "changed", 7, &err);
    (void)aks_world_edit(world, "b.bin", 3, "changed", 7, &err);
    return true;
}

/* Found by seed 1999. An http target reads raw bytes again while they are sent, after the source
 * was last looked at: what was written meanwhile went out under the digest of what had been there.
 * Of two sources the second one gets a connection of its own, so there is time to write. */
static void
source_that_changes_while_it_is_put_is_put_again(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { http = akosha.http { url = 'https://put.example.org/upload',\n"
        "                                   tus = false } } }\n";
    struct aks_world *world = scenario_new(1999, policy, BYTES);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_SLOW, "http", "put");

    scenario_put(world, "b.bin", 7, BYTES);
    rule->when = write_before_the_second_put;
    rule->when_ctx = world;
    rule->times = 1;
    (void)strcpy(rule->verb, "connect");
    scenario_run_is(world, "stored");
    assert_int_equal(rule->struck, 1);
    scenario_tells(world, AKS_STORY_DECISIONS, "  0.0  http  snapshot  source_changed -> restart");
    aks_world_free(world);
}

/* Another byte before every read: what is hashed and what is copied never agree. */
static bool
write_each_time(void *ctx, const struct aks_fault_step *step)
{
    struct aks_world *world = ctx;
    uint64_t steps = aks_world_steps(world);
    struct aks_error err;

    (void)aks_world_edit(world, "a.bin", 3, &steps, sizeof(steps), &err);
    return false;
}

/* Found by seed 1103. A source was written to, and again within the same tick of the clock that
 * stamps files, while a folder target copied it: the stamps were the same, the bytes were not, and
 * the manifest said so of the old ones. Now nothing is read before the tick is over. */
static void
source_that_was_just_written_to_is_read_when_its_stamps_can_tell(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
        "  targets = { folder = akosha.dir { path = '/mnt/backup' } } }\n";
    struct aks_world *world = scenario_new(1103, policy, BYTES);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_SLOW, "/a.bin", "read");
    struct aks_error err;
    json_t *report;

    assert_int_equal(aks_files_sim_make_folders(aks_sim_files(aks_world_sim(world)), "/mnt/backup",
        &err), AKS_OK);
    rule->disk = true;
    rule->when = write_each_time;
    rule->when_ctx = world;
    report = scenario_run(world);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "queued");
    json_decref(report);
    scenario_tells(world, AKS_STORY_DECISIONS,
        "  0.0  folder  snapshot  source_changed -> restart");
    aks_world_free(world);
}

/* The process dies when Create arrives, and the power is lost: a job has to be left. */
static void
die_at_create(struct aks_world *world)
{
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_DIES, "cloud", "create");
    struct aks_error err = { 0 };

    rule->times = 1;
    rule->served = true;
    assert_null(scenario_run(world));
    aks_world_restart(world, true);
    if (aks_laws_check(world, NULL, &err) != AKS_OK)
        fail_msg("%s", err.message);
    scenario_run_is(world, "stored");
}

/* On a new machine the state folder and those above it had just been made, and nobody had made
 * their names last: a loss of power took all of them, and the job that was synced in them. */
static void
job_on_a_new_machine_survives_a_loss_of_power(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct aks_world *world = scenario_new(seed, scenario_policy, BYTES);

        die_at_create(world);
        aks_world_free(world);
    }
}

/* Is it the step after the one that made the queue's folder? */
static bool
behind_the_queue(void *ctx, const struct aks_fault_step *step)
{
    bool *made = ctx;
    const char *path = step->step->subject;
    size_t len = strlen(path);
    bool behind = *made;

    *made = strcmp(step->operation, "make_folder") == 0 && len > 6 &&
        strcmp(path + len - 6, "/queue") == 0;
    return behind;
}

/* Found by seed 2946. A process made the queue's folder and died before it had made its name last;
 * the next one found it and trusted it; then the power was lost, and the folder with its job. */
static void
queue_that_a_dead_process_made_is_made_to_last(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct aks_world *world = scenario_new(seed, scenario_policy, BYTES);
        struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_DIES, "", "");
        bool made = false;

        rule->disk = true;
        rule->times = 1;
        rule->when = behind_the_queue;
        rule->when_ctx = &made;
        assert_null(scenario_run(world));
        aks_world_restart(world, false);
        die_at_create(world);
        aks_world_free(world);
    }
}

/* Found by seed 56160. The manifest was written and every answer to it lost, and looking at it
 * failed as well; so the run began again, under the same upload id. Its objects were those of a
 * committed upload now, and when one of them could not be put again, what was taken back was what
 * the manifest named. Now it looks for the manifest before it goes on, and believes it. */
static void
upload_that_may_be_committed_is_left_alone(void **state)
{
    struct aks_world *world = scenario_new(56160, scenario_policy, 100);
    struct aks_fault_rule *lost = scenario_reply(world, "cloud", "manifest", 500, "InternalError");
    struct aks_fault_rule *unseen = scenario_reply(world, "cloud", "get", 500, "InternalError");
    struct aks_fault_rule *http = scenario_fault(world, AKS_FAULT_FAIL, "http", "");
    struct aks_fault_rule *again = scenario_reply(world, "cloud", "put", 500, "InternalError");

    lost->served = true;
    lost->times = 3;
    unseen->times = 3;
    aks_fault_rule_status(http, AKS_REFUSED);
    again->from_ns = AKS_NS_PER_S;
    again->served = true;
    scenario_run_is(world, "stored");
    assert_int_equal(again->struck, 0);
    aks_world_free(world);
}

/* As above, but only one of the two sources found a place at the next target, and what is encrypted
 * never goes on: the other one is sent again. Under the id whose manifest may be there it would be
 * put over the object that the manifest names. */
static void
upload_that_may_be_committed_is_not_written_over(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  route = function(source)\n"
        "    return source.name == 'a.bin' and { 'cloud', 'http' } or 'cloud'\n"
        "  end,\n"
        "  encrypt = akosha.age { recipients =\n"
        "    'age19ljhmg68e43yx9fgm2k9lwefquc0la5y4lzvlshdjzv47kxt8d6qr9vf4p' },\n"
        "  retry = akosha.retry.exponential { first = 2, jitter = 'none' } }\n";
    struct aks_world *world = scenario_new(56160, policy, 100);
    struct aks_fault_rule *lost = scenario_reply(world, "cloud", "manifest", 500, "InternalError");

    scenario_put(world, "b.bin", 7, 100);
    lost->served = true;
    lost->times = 3;
    scenario_run_is(world, "stored");
    scenario_tells(world, AKS_STORY_REQUESTS, "  8.0  cloud  manifest  PUT 1308 -> 200");
    aks_world_free(world);
}

/* Found by seed 90447. What was believed of the cloud was old, so it was asked, and said
 * Retry-After: for the next source it was asked again at once, and then for the upload. */
static void
retry_after_of_a_question_holds_for_what_follows_it(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  route = { 'cloud', 'http' }, retry = akosha.retry.none() }\n";
    struct aks_world *world = scenario_new(90447, policy, BYTES);
    struct aks_fault_rule *rule;

    scenario_put(world, "b.bin", 7, BYTES);
    scenario_run_is(world, "stored");
    rule = scenario_reply(world, "cloud", "get", 503, "SlowDown");
    rule->retry_after_s = 9;
    aks_world_advance(world, INT64_C(8) * 24 * 3600 * AKS_NS_PER_S);
    scenario_run_is(world, "stored");
    assert_int_equal(rule->struck, 1);
    aks_world_free(world);
}

/* Found on the way from seeds 201487 and 350088. A server that was asked for tus wanted to be left
 * alone: the transfer of that object waited, and those that began after it asked at once. */
static void
retry_after_of_one_object_holds_for_those_that_begin_after_it(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { '*.bin' }, route = 'http',\n"
        "  targets = { http = akosha.http { url = 'https://put.example.org/u', tus = true } },\n"
        "  compress = 'none', retry = akosha.retry.exponential() }\n";
    struct aks_world *world = scenario_new(201487, policy, BYTES);
    struct aks_fault_rule *rule = scenario_reply(world, "http", "options", 503, "");
    char name[] = "b.bin";

    for (; name[0] <= 'z'; name[0]++)
        scenario_put(world, name, (uint64_t)name[0], BYTES);
    rule->retry_after_s = 28;
    rule->times = 1;
    scenario_run_is(world, "stored");
    assert_int_equal(rule->struck, 1);
    aks_world_free(world);
}

/* Found by seed 355695. On a full disk it cannot be noted that a server wants to be left alone: a
 * job that was taken up after the run, in the same process, asked it again. */
static void
job_leaves_alone_what_the_run_before_it_was_told_to(void **state)
{
    struct aks_world *world = scenario_new(355695, scenario_policy, BYTES);
    struct aks_fault_rule *rule;
    const char *other[] = { "b.bin" };
    struct aks_world_run_options options = { .sources = other, .source_count = 1 };
    char job[AKS_WORLD_JOB_ID_BYTES];
    struct aks_error err = { 0 };
    json_t *report;

    scenario_run_is(world, "stored");
    scenario_put(world, "a.bin", 5, BYTES);
    scenario_put(world, "b.bin", 6, 100);
    assert_int_equal(aks_world_enqueue(world, &options, job, &err), AKS_OK);
    rule = scenario_reply(world, "", "probe", 503, "SlowDown");
    rule->retry_after_s = 120;
    aks_world_room(world, 0);
    report = scenario_run(world);
    assert_int_equal(jobs_of(report), 1);
    json_decref(report);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_after_of_a_probe_holds_for_the_next_round),
        cmocka_unit_test(target_that_wants_longer_is_passed_over),
        cmocka_unit_test(newer_job_supersedes_the_older_one_of_the_same_moment),
        cmocka_unit_test(job_from_the_future_is_superseded_by_the_next_run),
        cmocka_unit_test(job_of_the_queue_does_not_ask_where_every_breaker_is_open),
        cmocka_unit_test(upload_is_taken_back_no_sooner_than_the_server_asks),
        cmocka_unit_test(error_inside_a_success_is_an_error),
        cmocka_unit_test(lost_answer_to_complete_is_settled_by_looking),
        cmocka_unit_test(tries_end_with_the_third_one),
        cmocka_unit_test(clock_that_is_an_hour_off_is_corrected_from_the_reply),
        cmocka_unit_test(token_that_expires_half_way_leads_to_the_next_target),
        cmocka_unit_test(source_that_changes_while_it_is_read_is_read_again),
        cmocka_unit_test(source_that_changes_while_it_is_put_is_put_again),
        cmocka_unit_test(source_that_was_just_written_to_is_read_when_its_stamps_can_tell),
        cmocka_unit_test(job_on_a_new_machine_survives_a_loss_of_power),
        cmocka_unit_test(queue_that_a_dead_process_made_is_made_to_last),
        cmocka_unit_test(upload_that_may_be_committed_is_left_alone),
        cmocka_unit_test(upload_that_may_be_committed_is_not_written_over),
        cmocka_unit_test(retry_after_of_a_question_holds_for_what_follows_it),
        cmocka_unit_test(retry_after_of_one_object_holds_for_those_that_begin_after_it),
        cmocka_unit_test(job_leaves_alone_what_the_run_before_it_was_told_to),
        cmocka_unit_test(wait_is_over_after_a_lid_was_closed),
        cmocka_unit_test(cloud_that_could_not_be_reached_is_asked_again_after_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
