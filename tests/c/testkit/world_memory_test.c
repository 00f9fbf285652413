/* The whole engine without memory: one allocation of a run fails, whichever it is, or all from
 * there on; nothing is lost, half seen or kept; and the next run, with memory, brings all. */
#include "base/units.h"
#include "engine/transfer_internal.h"
#include "support/failing_alloc.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_MAX 50000
#define GZIP "{ codec = 'gzip', always = true }"
#define ZSTD "{ codec = 'zstd', always = true }"
/* For nobody: its secret is 01 and zeros. */
#define ENCRYPT ", encrypt = akosha.age { recipients = " \
    "'age19ljhmg68e43yx9fgm2k9lwefquc0la5y4lzvlshdjzv47kxt8d6qr9vf4p' }"

/* Fails from one allocation on, until it is told to stop. */
struct drought {
    struct aks_alloc alloc;
    struct failing_alloc counts;
    int64_t fail_at;
    bool once;
};

struct story {
    const char *targets;                /* the route */
    const char *compress;
    bool steers;                        /* the policy is a task that goes to all of them */
    size_t bytes;
    unsigned fails;                     /* requests that are refused, so that it tries again */
    bool queued;                        /* there is a job of the run before */
    uint64_t died_at;                   /* the process before died at this step; 0: none did */
    bool once;                          /* one allocation fails, not all from there on */
    unsigned step;                      /* tries each so manieth allocation */
};

static void *
dry_resize(void *ctx, void *p, size_t bytes)
{
    struct drought *drought = ctx;
    const struct aks_alloc *counts = &drought->counts.alloc;
    int64_t seen = drought->counts.seen;

    if (bytes > 0 && drought->fail_at >= 0 &&
        (drought->once ? seen == drought->fail_at : seen >= drought->fail_at)) {
        drought->counts.seen++;
        return NULL;
    }
    return counts->resize(counts->ctx, p, bytes);
}

static void
tell(struct aks_world *world, int64_t round, const char *what, const struct aks_error *err)
{
    fail_msg("allocation %lld: %s: %s: %s\n%s%s", (long long)round, what,
        aks_status_name(err->status), err->message, aks_world_story(world, AKS_STORY_REQUESTS),
        aks_world_log(world));
}

static void
check(struct aks_world *world, const json_t *report, int64_t round, const char *what)
{
    struct aks_error err = { 0 };

    if (aks_laws_check(world, report, &err) != AKS_OK)
        tell(world, round, what, &err);
}

static void
write_policy(const struct story *story, char *policy, size_t bytes)
{
    static const char run[] = "run = function(ctx)\n"
        "  local function deliver(target)\n"
        "    local snapshot = assert(ctx:snapshot 'a.bin')\n"
        "    local digest = assert(ctx:checksum(snapshot))\n"
        "    local content = assert(ctx:compress(snapshot, 'zstd'))\n"
        "    local upload <close> = assert(ctx:open(target, content))\n"
        "    assert(ctx:send(upload) and upload.sha256 == digest)\n"
        "    assert(ctx:finish(upload))\n"
        "    ctx:audit { target = target, n = 1 }\n"
        "    ctx.state[target] = digest\n"
        "    return assert(ctx:commit(target))\n"
        "  end\n"
        "  local all = {}\n"
        "  for i, target in ipairs { %s } do\n"
        "    if not ctx:held('a.bin', target) then all[#all + 1] = ctx:spawn(deliver, target) end\n"
        "  end\n"
        "  for _, one in ipairs(all) do ctx:join(one) end\n"
        "end";
    char route[sizeof(run) + 64];

    (void)snprintf(route, sizeof(route), story->steers ? run : "route = { %s }", story->targets);
    (void)snprintf(policy, bytes,
        "local akosha = require 'akosha'\n"
        "return akosha.%s { api = 1, sources = { 'a.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
        "                                  endpoint = 'https://s3.example.org' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' },\n"
        "              folder = akosha.dir { path = '/mnt/backup' } },\n"
        "  %s, compress = %s, retry = akosha.retry.exponential { first = 2 } }\n",
        story->steers ? "task" : "policy", route, story->compress);
}

static enum aks_status
put_files(const struct story *story, struct aks_world *world, struct aks_error *err)
{
    char policy[2048];
    char *data = calloc(1, story->bytes + 1);
    enum aks_status status;

    assert_non_null(data);
    for (size_t i = 0; i < story->bytes; i++)
        data[i] = (char)(i * i >> 7);
    write_policy(story, policy, sizeof(policy));
    status = aks_files_sim_make_folders(aks_sim_files(aks_world_sim(world)), "/mnt/backup", err);
    if (status == AKS_OK)
        status = aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), err);
    if (status == AKS_OK)
        status = aks_world_put(world, "a.bin", data, story->bytes, err);
    free(data);
    return status;
}

static enum aks_status
make(const struct story *story, const struct aks_alloc *alloc, struct aks_world **ret_world,
    struct aks_error *err)
{
    struct aks_world_options options = { .alloc = alloc, .seed = 3, .small = true };
    enum aks_status status = aks_world_new(&options, ret_world, err);
    struct aks_fault_rule *rule;

    if (status != AKS_OK)
        return status;
    rule = scenario_reply(*ret_world, "", "", 500, "InternalError");
    rule->times = story->fails;
    if (story->fails == 0)
        rule->rate = 0;
    return put_files(story, *ret_world, err);
}

/* What was before, with all the memory that it wanted. */
static void
prepare(const struct story *story, struct aks_world *world)
{
    json_t *report = NULL;

    if (story->queued) {
        struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "", "");

        aks_fault_rule_status(rule, AKS_DNS);
        assert_int_equal(aks_world_run(world, NULL, &report, NULL), AKS_OK);
        assert_string_equal(json_string_value(json_object_get(report, "outcome")), "queued");
        json_decref(report);
        rule->rate = 0;
        aks_world_advance(world, 3600 * AKS_NS_PER_S);
    }
    if (story->died_at > 0) {
        aks_world_crash_at(world, story->died_at);
        assert_int_equal(aks_world_run(world, NULL, &report, NULL), AKS_OK);
        assert_true(aks_world_died(world));
        aks_world_restart(world, true);
    }
}

static json_int_t
exit_code(const json_t *report)
{
    return json_integer_value(json_object_get(report, "exit_code"));
}

/* A task may fail when its source is stored already. */
static bool
is_stored(const json_t *report)
{
    const json_t *file = json_array_get(json_object_get(report, "files"), 0);
    const char *outcome = json_string_value(json_object_get(file, "outcome"));

    return outcome != NULL && strcmp(outcome, "stored") == 0;
}

/* What a run without memory may say: that it could not begin, or that all is there, is queued, or
 * is neither, which has an exit code of its own. */
static void
check_end(struct aks_world *world, enum aks_status status, const json_t *report, int64_t round,
    const struct aks_error *err)
{
    static const json_int_t lost = 7;

    if (report == NULL && status != AKS_LIMIT && status != AKS_STATE && status != AKS_POLICY)
        tell(world, round, "the run", err);
    if (report != NULL && exit_code(report) != 0 && exit_code(report) != lost &&
        !is_stored(report) && json_is_null(json_object_get(report, "job_id")))
        tell(world, round, "no job was kept", err);
    check(world, report, round, "after the run");
}

/* With memory again. */
static void
come_home(struct aks_world *world, int64_t round)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;

    aks_world_advance(world, 3600 * AKS_NS_PER_S);
    if (aks_world_run(world, NULL, &report, &err) != AKS_OK || exit_code(report) != 0)
        tell(world, round, "the next run", &err);
    check(world, report, round, "after the next run");
    json_decref(report);
}

/* false: there was no such allocation. */
static bool
without_one(const struct story *story, int64_t round)
{
    bool prepared = story->queued || story->died_at > 0;
    struct drought drought = { .fail_at = -1, .once = story->once };
    struct aks_world *world = NULL;
    struct aks_error err = { 0 };
    json_t *report = NULL;
    enum aks_status status;
    bool failed = true;

    drought.alloc = (struct aks_alloc) { dry_resize, &drought };
    failing_alloc_init(&drought.counts);
    if (!prepared)
        drought.fail_at = round;
    status = make(story, &drought.alloc, &world, &err);
    if (status != AKS_OK) {
        assert_int_equal(status, AKS_LIMIT);
    } else {
        if (prepared) {
            prepare(story, world);
            drought.fail_at = drought.counts.seen + round;
        }
        status = aks_world_run(world, NULL, &report, &err);
        failed = drought.counts.seen > drought.fail_at;
        drought.fail_at = -1;
        check_end(world, status, report, round, &err);
        json_decref(report);
        come_home(world, round);
    }
    aks_world_free(world);
    assert_int_equal(drought.counts.outstanding, 0);
    return failed;
}

static void
lives_through(const struct story *story)
{
    for (int64_t round = 0; round < ROUNDS_MAX; round += story->step) {
        if (!without_one(story, round))
            return;
    }
    fail_msg("still allocating after %d rounds", ROUNDS_MAX);
}

static void
upload_in_parts_lives_through_it(void **state)
{
    const struct story story = { .targets = "'cloud'", .compress = "'none'", .bytes = 12000,
        .once = true, .step = 3 };

    lives_through(&story);
}

static void
upload_that_is_tried_again_and_falls_back_lives_through_it(void **state)
{
    const struct story story = { .targets = "'cloud', 'http'", .compress = ZSTD, .bytes = 12000,
        .fails = 4, .once = true, .step = 7 };

    lives_through(&story);
}

static void
small_upload_lives_through_it(void **state)
{
    const struct story story = { .targets = "'cloud'", .compress = GZIP, .bytes = 100,
        .once = true, .step = 7 };

    lives_through(&story);
}

static void
put_lives_through_it(void **state)
{
    const struct story story = { .targets = "'http'", .compress = GZIP, .bytes = 12000,
        .fails = 1, .once = true, .step = 7 };

    lives_through(&story);
}

static void
copy_into_a_folder_lives_through_it(void **state)
{
    const struct story story = { .targets = "'folder'", .compress = ZSTD, .bytes = 12000,
        .once = true, .step = 7 };

    lives_through(&story);
}

static void
encrypted_upload_lives_through_it(void **state)
{
    const struct story story = { .targets = "'cloud', 'http'", .compress = ZSTD ENCRYPT,
        .bytes = 12000, .once = true, .step = 7 };

    lives_through(&story);
}

static void
job_that_is_taken_up_lives_through_it(void **state)
{
    const struct story story = { .targets = "'cloud', 'http'", .compress = "'none'",
        .bytes = 12000, .queued = true, .once = true, .step = 7 };

    lives_through(&story);
}

static void
recovery_after_a_loss_of_power_lives_through_it(void **state)
{
    const struct story story = { .targets = "'cloud'", .compress = "'none'", .bytes = 20000,
        .died_at = 150, .once = true, .step = 7 };

    lives_through(&story);
}

static void
task_lives_through_it(void **state)
{
    struct story story = { .targets = "'cloud', 'http', 'folder'", .steers = true,
        .compress = "'none'", .bytes = 12000, .once = true, .step = 7 };

    lives_through(&story);
    story.once = false;
    story.step = 11;
    lives_through(&story);
}

/* From one allocation on there is none at all. */
static void
run_that_gets_no_memory_any_more_ends(void **state)
{
    struct story story = { .targets = "'cloud', 'http'", .compress = ZSTD, .bytes = 12000,
        .fails = 2, .step = 11 };

    lives_through(&story);
    story.targets = "'folder'";
    lives_through(&story);
    story.targets = "'http'";
    story.queued = true;
    lives_through(&story);
}

/* --- one kind --------------------------------------------------------------------------------- */

#define MANY 6                          /* more than are under way side by side */

static void *
no_transfer(void *ctx, void *p, size_t bytes)
{
    const struct failing_alloc *counts = ctx;

    if (counts->fail_at < 0 && bytes == sizeof(struct aks_transfer))
        return NULL;
    return counts->alloc.resize(counts->alloc.ctx, p, bytes);
}

/* Not one upload of many can be begun: that ends it, and nothing waits for them. */
static void
uploads_that_cannot_begin_are_told(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'more-*.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
        "                                  endpoint = 'https://s3.example.org' } },\n"
        "  retry = function() return akosha.give_up end }\n";
    struct failing_alloc counts;
    struct aks_alloc alloc = { no_transfer, &counts };
    struct aks_world_options options = { .alloc = &alloc, .seed = 3, .small = true };
    struct aks_world *world = NULL;
    struct aks_error err = { 0 };
    json_t *report = NULL;
    json_t *file;
    size_t i;

    failing_alloc_init(&counts);
    assert_int_equal(aks_world_new(&options, &world, &err), AKS_OK);
    assert_int_equal(aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), &err), AKS_OK);
    for (unsigned n = 0; n < MANY; n++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "more-%u.bin", n);
        assert_int_equal(aks_world_put(world, name, name, strlen(name), &err), AKS_OK);
    }
    assert_int_equal(aks_world_run(world, NULL, &report, &err), AKS_OK);
    assert_int_equal(json_array_size(json_object_get(report, "files")), MANY);
    json_array_foreach(json_object_get(report, "files"), i, file)
        assert_string_equal(json_string_value(json_object_get(file, "reason")), "limit");
    json_decref(report);
    counts.fail_at = INT64_MAX;
    come_home(world, 0);
    aks_world_free(world);
    assert_int_equal(counts.outstanding, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upload_in_parts_lives_through_it),
        cmocka_unit_test(upload_that_is_tried_again_and_falls_back_lives_through_it),
        cmocka_unit_test(small_upload_lives_through_it),
        cmocka_unit_test(put_lives_through_it),
        cmocka_unit_test(encrypted_upload_lives_through_it),
        cmocka_unit_test(copy_into_a_folder_lives_through_it),
        cmocka_unit_test(job_that_is_taken_up_lives_through_it),
        cmocka_unit_test(recovery_after_a_loss_of_power_lives_through_it),
        cmocka_unit_test(task_lives_through_it),
        cmocka_unit_test(run_that_gets_no_memory_any_more_ends),
        cmocka_unit_test(uploads_that_cannot_begin_are_told),
    };

    return cmocka_run_group_tests_name("worlds without memory", tests, NULL, NULL);
}
