/* Whole runs without Lua: settings in C, real files, folder targets. */
#include "engine/run.h"

#include "engine/queue.h"
#include "os/os.h"
#include "support/temp_folder.h"
#include "wire/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>

#include <cmocka.h>
#include <jansson.h>

struct world {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_engine *engine;
    struct aks_settings settings;
    struct aks_policy policy;
    struct aks_policy_text text;
    struct aks_policy_environment environment;
    enum aks_verdict verdict;           /* what the policy answers to every failure */
    unsigned asked;
    enum aks_status policy_fails;
    json_t *report;
};

static enum aks_status
no_loader(void *ctx, const struct aks_policy_text *text,
    const struct aks_policy_environment *environment, struct aks_policy **ret_policy,
    struct aks_error *err)
{
    return aks_error_set(err, AKS_POLICY, "this policy cannot be loaded any more");
}

static enum aks_status
answer_retry(void *ctx, const struct aks_failure_facts *facts, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    struct world *world = ctx;

    world->asked++;
    if (world->policy_fails != AKS_OK)
        return aks_error_set(err, world->policy_fails, "the policy itself fails");
    ret->verdict = world->verdict;
    ret->wait_ms = 0;
    return AKS_OK;
}

static void
add_target(struct world *world, const char *name, const char *path)
{
    struct aks_target_settings *target;

    world->settings.targets = realloc(world->settings.targets,
        (world->settings.target_count + 1) * sizeof(*target));
    target = &world->settings.targets[world->settings.target_count];
    memset(target, 0, sizeof(*target));
    target->kind = AKS_TARGET_DIR;
    target->name = strdup(name);
    target->path = strdup(path);
    world->settings.route.targets[world->settings.route.count++] = world->settings.target_count++;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct aks_engine_options options = { 0 };

    world->folder = temp_folder_new();
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    options.port = aks_os_port(world->os);
    options.state_folder = temp_folder_join(world->folder, "state/deep");
    options.loader.load = no_loader;
    assert_int_equal(aks_engine_open(&options, &world->engine, NULL), AKS_OK);
    aks_settings_init(&world->settings, aks_alloc_system());
    world->settings.system_id = strdup("test-1");
    world->settings.policy_path = strdup("test.lua");
    memset(world->settings.policy_sha256, 'a', 64);
    world->policy.settings = &world->settings;
    world->policy.decide.retry = answer_retry;
    world->policy.decide.ctx = world;
    world->text.path = strdup("/test.lua");
    world->text.text = strdup("return 1");
    world->text.text_len = 8;
    add_target(world, "local", temp_folder_join(world->folder, "target"));
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    json_decref(world->report);
    aks_engine_close(world->engine);
    aks_os_close(world->os);
    aks_settings_fini(&world->settings);
    free(world->text.path);
    free(world->text.text);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static void
run_with(struct world *world, const char *const *sources, size_t count, bool dry_run)
{
    struct aks_run_options options = { 0 };

    json_decref(world->report);
    options.policy = &world->policy;
    options.policy_text = &world->text;
    options.environment = &world->environment;
    options.sources = sources;
    options.source_count = count;
    options.source_folder = temp_folder_path(world->folder);
    options.dry_run = dry_run;
    assert_int_equal(aks_run(world->engine, &options, &world->report, NULL), AKS_OK);
}

static void
run(struct world *world, const char *source)
{
    run_with(world, &source, 1, false);
}

static const char *
text(const struct world *world, const char *name)
{
    return json_string_value(json_object_get(world->report, name));
}

static const char *
file_text(const struct world *world, size_t index, const char *name)
{
    return json_string_value(json_object_get(
        json_array_get(json_object_get(world->report, "files"), index), name));
}

static int
code(const struct world *world)
{
    return (int)json_integer_value(json_object_get(world->report, "exit_code"));
}

static size_t
jobs(const struct world *world)
{
    char **ids = NULL;
    size_t count = 0;

    assert_int_equal(aks_queue_list(aks_os_port(world->os), world->engine->queue_folder, &ids,
        &count, NULL), AKS_OK);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
    return count;
}

static bool
exists(struct world *world, const char *name)
{
    struct stat info;

    return stat(temp_folder_join(world->folder, name), &info) == 0;
}

static void
source_is_stored_with_its_manifest_and_found_unchanged(void **state)
{
    struct world *world = *state;
    struct aks_manifest manifest;
    char key[256];
    char *json;
    size_t len;

    temp_folder_write(world->folder, "a.txt", "some text, some text, some text", 31);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "stored");
    assert_int_equal(code(world), 0);
    assert_int_equal(jobs(world), 0);
    assert_string_equal(text(world, "method"), "local");
    (void)snprintf(key, sizeof(key), "target/%s", file_text(world, 0, "key"));
    assert_true(exists(world, key));

    (void)snprintf(key, sizeof(key), "target/systems/test-1/%s/manifest.json",
        text(world, "upload_id"));
    json = temp_folder_read(world->folder, key, &len);
    aks_manifest_init(&manifest, aks_alloc_system());
    assert_int_equal(aks_manifest_read(json, len, &manifest, NULL), AKS_OK);
    assert_int_equal(manifest.object_count, 1);
    assert_string_equal(manifest.objects[0].sha256, file_text(world, 0, "sha256"));
    assert_int_equal(manifest.objects[0].bytes, 31);
    aks_manifest_fini(&manifest);
    free(json);

    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "unchanged");
    assert_int_equal(code(world), 0);
}

static void
same_bytes_under_new_stamps_are_unchanged_and_new_bytes_are_not(void **state)
{
    struct world *world = *state;
    struct utimbuf old = { 1000000000, 1000000000 };

    temp_folder_write(world->folder, "a.txt", "first", 5);
    run(world, "a.txt");
    assert_int_equal(utime(temp_folder_join(world->folder, "a.txt"), &old), 0);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "unchanged");
    temp_folder_write(world->folder, "a.txt", "other", 5);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "stored");
}

static void
manifest_names_earlier_objects_by_their_keys(void **state)
{
    struct world *world = *state;
    struct aks_manifest manifest;
    char first_key[256];
    char key[256];
    char *json;
    size_t len;

    temp_folder_write(world->folder, "a.txt", "a", 1);
    temp_folder_write(world->folder, "b.txt", "b", 1);
    run(world, "a.txt");
    (void)snprintf(first_key, sizeof(first_key), "%s", file_text(world, 0, "key"));
    run(world, "b.txt");
    (void)snprintf(key, sizeof(key), "target/systems/test-1/%s/manifest.json",
        text(world, "upload_id"));
    json = temp_folder_read(world->folder, key, &len);
    aks_manifest_init(&manifest, aks_alloc_system());
    assert_int_equal(aks_manifest_read(json, len, &manifest, NULL), AKS_OK);
    assert_int_equal(manifest.object_count, 2);
    assert_string_equal(manifest.objects[1].key, first_key);
    aks_manifest_fini(&manifest);
    free(json);
}

static void
source_that_is_missing_keeps_the_rest_going(void **state)
{
    static const char *const sources[] = { "a.txt", "none.txt" };
    struct world *world = *state;

    temp_folder_write(world->folder, "a.txt", "a", 1);
    run_with(world, sources, 2, false);
    assert_string_equal(text(world, "outcome"), "partial");
    assert_int_equal(code(world), 4);
    assert_string_equal(file_text(world, 0, "outcome"), "stored");
    assert_string_equal(file_text(world, 1, "reason"), "source_missing");
    assert_int_equal(jobs(world), 1);
}

static void
sources_that_need_not_be_there_are_skipped_if_one_is(void **state)
{
    struct world *world = *state;
    struct aks_run_options options = { 0 };

    world->settings.sources = calloc(2, sizeof(*world->settings.sources));
    world->settings.sources[0].path = strdup("none.txt");
    world->settings.sources[1].path = strdup("a.txt");
    world->settings.source_count = 2;
    world->settings.skip_missing = true;
    options.policy = &world->policy;
    options.policy_text = &world->text;
    options.environment = &world->environment;
    options.source_folder = temp_folder_path(world->folder);
    assert_int_equal(aks_run(world->engine, &options, &world->report, NULL), AKS_OK);
    assert_int_equal(code(world), 4);
    assert_non_null(strstr(json_string_value(json_object_get(json_object_get(world->report,
        "error"), "hint")), "not one of the sources is there"));
    json_decref(world->report);
    temp_folder_write(world->folder, "a.txt", "a", 1);
    assert_int_equal(aks_run(world->engine, &options, &world->report, NULL), AKS_OK);
    assert_int_equal(code(world), 0);
    assert_string_equal(text(world, "outcome"), "stored");
    assert_string_equal(file_text(world, 0, "outcome"), "skipped");
}

static void
target_that_cannot_be_used_leads_to_the_next_one(void **state)
{
    struct world *world = *state;

    world->verdict = AKS_NEXT_TARGET;
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    temp_folder_write(world->folder, "a.txt", "a", 1);
    add_target(world, "other", temp_folder_join(world->folder, "other"));
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "stored");
    assert_string_equal(text(world, "target"), "other");
    assert_int_equal(code(world), 0);
    assert_true(world->asked > 0);
}

static void
work_stays_queued_where_no_target_takes_it(void **state)
{
    struct world *world = *state;

    world->verdict = AKS_GIVE_UP;
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    temp_folder_write(world->folder, "a.txt", "a", 1);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "queued");
    assert_true(code(world) != 0);
    assert_int_equal(jobs(world), 1);
    /* A second run of the same source supersedes the job: there is still one. */
    run(world, "a.txt");
    assert_int_equal(jobs(world), 1);
    assert_int_equal(remove(temp_folder_join(world->folder, "target")), 0);
    run(world, "a.txt");
    assert_int_equal(code(world), 0);
    assert_int_equal(jobs(world), 0);
}

/* The run of a job of that id, of the same moment as every other here. */
static void
run_job_of_one_moment(struct world *world, const char *id, const char *source)
{
    struct aks_run_options options = { 0 };
    struct aks_job job;

    aks_job_init(&job, aks_os_port(world->os)->alloc);
    (void)snprintf(job.id, sizeof(job.id), "%s", id);
    job.enqueued_at_ms = 1;
    assert_int_equal(aks_queue_put(aks_os_port(world->os), world->engine->queue_folder, &job, NULL),
        AKS_OK);
    json_decref(world->report);
    options.policy = &world->policy;
    options.policy_text = &world->text;
    options.environment = &world->environment;
    options.sources = &source;
    options.source_count = 1;
    options.source_folder = temp_folder_path(world->folder);
    options.job = &job;
    assert_int_equal(aks_run(world->engine, &options, &world->report, NULL), AKS_OK);
    aks_job_fini(&job);
}

static void
jobs_of_one_moment_do_not_remove_each_other(void **state)
{
    static const char first[] = "20260101T000000Z-000001";
    static const char second[] = "20260101T000000Z-000002";
    struct world *world = *state;

    world->verdict = AKS_GIVE_UP;
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    temp_folder_write(world->folder, "a.txt", "a", 1);
    run_job_of_one_moment(world, second, "a.txt");
    run_job_of_one_moment(world, first, "a.txt");
    assert_int_equal(jobs(world), 2);
    run_job_of_one_moment(world, second, "a.txt");
    assert_int_equal(jobs(world), 1);
}

static void
policy_that_waits_for_ever_meets_a_limit(void **state)
{
    struct world *world = *state;

    world->verdict = AKS_WAIT;
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    temp_folder_write(world->folder, "a.txt", "a", 1);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "queued");
    assert_true(world->asked <= (AKS_RUN_ROUNDS_MAX + 1) * (AKS_RETRY_TRIES_MAX + 1));
}

static void
policy_that_fails_stops_everything_and_loses_nothing(void **state)
{
    struct world *world = *state;

    world->policy_fails = AKS_POLICY;
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    temp_folder_write(world->folder, "a.txt", "a", 1);
    add_target(world, "other", temp_folder_join(world->folder, "other"));
    run(world, "a.txt");
    assert_int_equal(code(world), 3);
    assert_int_equal(jobs(world), 1);
    assert_false(exists(world, "other/systems"));
}

static void
dry_run_leaves_no_trace(void **state)
{
    static const char *const sources[] = { "a.txt" };
    struct world *world = *state;

    temp_folder_write(world->folder, "a.txt", "a", 1);
    run_with(world, sources, 1, true);
    assert_int_equal(code(world), 0);
    assert_string_equal(file_text(world, 0, "outcome"), "skipped");
    assert_false(exists(world, "target"));
    assert_int_equal(jobs(world), 0);
}

static void
interrupted_run_keeps_its_work(void **state)
{
    struct world *world = *state;

    temp_folder_write(world->folder, "a.txt", "a", 1);
    aks_engine_interrupt(world->engine, 2);
    run(world, "a.txt");
    assert_int_equal(code(world), 130);
    assert_int_equal(jobs(world), 1);
    assert_false(exists(world, "target/systems/test-1"));
}

static void
sources_of_one_name_get_names_of_their_own(void **state)
{
    static const char *const sources[] = { "one/x.db", "two/x.db" };
    struct world *world = *state;

    assert_int_equal(mkdir(temp_folder_join(world->folder, "one"), 0700), 0);
    assert_int_equal(mkdir(temp_folder_join(world->folder, "two"), 0700), 0);
    temp_folder_write(world->folder, "one/x.db", "1", 1);
    temp_folder_write(world->folder, "two/x.db", "2", 1);
    run_with(world, sources, 2, false);
    assert_int_equal(code(world), 0);
    assert_string_not_equal(file_text(world, 0, "name"), file_text(world, 1, "name"));
    assert_int_equal(strlen(file_text(world, 0, "name")), strlen("x-01234567.db"));
}

static void
bucket_that_lost_its_uploads_is_noticed_when_the_belief_is_old(void **state)
{
    struct world *world = *state;
    struct aks_stored row;
    char identity[65];
    char manifest[256];

    temp_folder_write(world->folder, "a.txt", "a", 1);
    run(world, "a.txt");
    (void)snprintf(manifest, sizeof(manifest), "target/systems/test-1/%s/manifest.json",
        text(world, "upload_id"));
    aks_target_identity(&world->settings.targets[0], "/nowhere", "test-1", identity);
    assert_int_equal(aks_state_stored_get(world->engine->state, identity,
        temp_folder_join(world->folder, "a.txt"), &row, NULL), AKS_OK);
    row.checked_at_ms -= AKS_RUN_BELIEF_MS + 1;
    assert_int_equal(aks_state_stored_put(world->engine->state, identity, &row, 1, NULL), AKS_OK);
    aks_stored_fini(aks_alloc_system(), &row);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "unchanged");

    assert_int_equal(aks_state_stored_get(world->engine->state, identity,
        temp_folder_join(world->folder, "a.txt"), &row, NULL), AKS_OK);
    row.checked_at_ms -= AKS_RUN_BELIEF_MS + 1;
    assert_int_equal(aks_state_stored_put(world->engine->state, identity, &row, 1, NULL), AKS_OK);
    aks_stored_fini(aks_alloc_system(), &row);
    assert_int_equal(remove(temp_folder_join(world->folder, manifest)), 0);
    run(world, "a.txt");
    assert_string_equal(text(world, "outcome"), "stored");
}

int
main(void)
{
#define RUN_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RUN_TEST(source_is_stored_with_its_manifest_and_found_unchanged),
        RUN_TEST(same_bytes_under_new_stamps_are_unchanged_and_new_bytes_are_not),
        RUN_TEST(manifest_names_earlier_objects_by_their_keys),
        RUN_TEST(source_that_is_missing_keeps_the_rest_going),
        RUN_TEST(sources_that_need_not_be_there_are_skipped_if_one_is),
        RUN_TEST(target_that_cannot_be_used_leads_to_the_next_one),
        RUN_TEST(work_stays_queued_where_no_target_takes_it),
        RUN_TEST(jobs_of_one_moment_do_not_remove_each_other),
        RUN_TEST(policy_that_waits_for_ever_meets_a_limit),
        RUN_TEST(policy_that_fails_stops_everything_and_loses_nothing),
        RUN_TEST(dry_run_leaves_no_trace),
        RUN_TEST(interrupted_run_keeps_its_work),
        RUN_TEST(sources_of_one_name_get_names_of_their_own),
        RUN_TEST(bucket_that_lost_its_uploads_is_noticed_when_the_belief_is_old),
    };

    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
