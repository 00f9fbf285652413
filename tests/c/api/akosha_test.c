/* The public header: what an embedder sees, over the real ports but for what a process is told. */
#include "akosha/akosha.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define VARIABLES_MAX 4
#define TEXT_BYTES 1024
#define ROUNDS_MAX 50000
/* A prime, so that every kind of allocation has its turn; all of them would take long. */
#define STRIDE 3

struct world {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    const char *variables[VARIABLES_MAX];   /* "NAME=value" */
    const char *home;
    const char *working_folder;
    struct akosha_options options;
    struct akosha *engine;
    struct akosha_policy *policy;
    struct akosha_report *report;
    struct akosha_error error;
    unsigned lines;                         /* logged */
    unsigned shown;                         /* progress */
};

static const char *
env_get(void *ctx, const char *name)
{
    const struct world *world = ctx;
    size_t len = strlen(name);

    for (size_t i = 0; i < VARIABLES_MAX && world->variables[i] != NULL; i++) {
        if (strncmp(world->variables[i], name, len) == 0 && world->variables[i][len] == '=')
            return world->variables[i] + len + 1;
    }
    return NULL;
}

static const char *
env_at(void *ctx, unsigned i)
{
    const struct world *world = ctx;

    return i < VARIABLES_MAX ? world->variables[i] : NULL;
}

static const char *
env_host_name(void *ctx)
{
    return "test-1";
}

static const char *
env_home(void *ctx)
{
    const struct world *world = ctx;

    return world->home;
}

static const char *
env_working_folder(void *ctx)
{
    const struct world *world = ctx;

    return world->working_folder;
}

static void
note_line(void *ctx, enum akosha_log_level level, const char *text)
{
    struct world *world = ctx;

    assert_true(text[0] != '\0');
    world->lines++;
}

static void
note_progress(void *ctx, const struct akosha_progress *progress)
{
    struct world *world = ctx;

    assert_true(progress->files_done <= progress->files_total);
    world->shown++;
}

static void
use_port(struct world *world, struct aks_os *os)
{
    world->port = *aks_os_port(os);
    world->port.environment = (struct aks_environment) { env_get, env_at, env_host_name, env_home,
        env_working_folder, world };
}

static const char *
write_policy_to(struct world *world, const char *name, const char *target)
{
    char text[TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.txt' },\n"
        "  targets = { folder = akosha.dir { path = '%s/%s' } },\n"
        "  retry = function() return akosha.give_up end }\n", temp_folder_path(world->folder),
        target);
    return temp_folder_write(world->folder, name, text, strlen(text));
}

static const char *
write_policy(struct world *world, const char *name)
{
    return write_policy_to(world, name, "target");
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    world->home = temp_folder_path(world->folder);
    world->working_folder = world->home;
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    use_port(world, world->os);
    world->options.port = &world->port;
    world->options.state_folder = temp_folder_join(world->folder, "state");
    world->options.log_level = AKOSHA_LOG_DEBUG;
    world->options.log = note_line;
    world->options.log_ctx = world;
    world->options.progress = note_progress;
    world->options.progress_ctx = world;
    temp_folder_write(world->folder, "a.txt", "some text", 9);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    akosha_report_free(world->report);
    akosha_policy_free(world->policy);
    akosha_close(world->engine);
    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static void
open_and_load(struct world *world)
{
    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(world->engine, write_policy(world, "p.lua"), NULL, 0,
        &world->policy, &world->error), AKOSHA_OK);
}

static int
run(struct world *world)
{
    static const struct akosha_run_options options;

    akosha_report_free(world->report);
    world->report = NULL;
    return akosha_run(world->engine, world->policy, &options, &world->report, &world->error);
}

static bool
exists(struct world *world, const char *name)
{
    struct stat info;

    return stat(temp_folder_join(world->folder, name), &info) == 0;
}

static void
engine_syncs_and_lists(void **state)
{
    struct world *world = *state;

    open_and_load(world);
    assert_string_equal(akosha_policy_path(world->policy), temp_folder_join(world->folder,
        "p.lua"));
    assert_int_equal(run(world), AKOSHA_OK);
    assert_string_equal(akosha_report_text(world->report, "outcome"), "stored");
    assert_string_equal(world->error.failure, "ok");
    assert_string_equal(world->error.message, "");
    assert_true(world->lines > 0);
    assert_int_equal(run(world), AKOSHA_OK);
    assert_string_equal(akosha_report_text(world->report, "outcome"), "unchanged");
    akosha_report_free(world->report);
    assert_int_equal(akosha_list(world->engine, world->policy, NULL, &world->report,
        &world->error), AKOSHA_OK);
    assert_int_equal(akosha_report_number(world->report, "targets.0.uploads", -1), 1);
    assert_string_equal(akosha_report_text(world->report, "targets.0.uploads.0.objects.0.name"),
        "a.txt");
    assert_true(strlen(akosha_version()) > 0);
}

static void
report_is_read_by_paths(void **state)
{
    struct world *world = *state;
    char name[100];

    open_and_load(world);
    assert_int_equal(run(world), AKOSHA_OK);
    assert_string_equal(akosha_report_text(world->report, "files.0.outcome"), "stored");
    assert_int_equal(akosha_report_number(world->report, "files", -1), 1);
    assert_int_equal(akosha_report_number(world->report, "files.0.bytes", -1), 9);
    assert_int_equal(akosha_report_number(world->report, "success", -1), 1);
    assert_true(akosha_report_number(world->report, "duration_s", -1) >= 0);
    assert_int_equal(akosha_report_number(world->report, "files.7.bytes", -1), -1);
    assert_int_equal(akosha_report_number(world->report, "outcome", -1), -1);
    assert_null(akosha_report_text(world->report, "files"));
    assert_null(akosha_report_text(world->report, "no.such.path"));
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_null(akosha_report_text(world->report, name));
    assert_null(strchr(akosha_report_json(world->report, false), '\n'));
    assert_non_null(strchr(akosha_report_json(world->report, true), '\n'));
}

static void
state_lies_where_xdg_says(void **state)
{
    struct world *world = *state;
    char variable[TEXT_BYTES];

    world->options.state_folder = NULL;
    (void)snprintf(variable, sizeof(variable), "XDG_STATE_HOME=%s/xdg",
        temp_folder_path(world->folder));
    world->variables[0] = variable;
    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    assert_true(exists(world, "xdg/akosha-sync/state.db"));
    akosha_close(world->engine);
    /* A relative folder there is to be ignored. */
    world->variables[0] = "XDG_STATE_HOME=xdg";
    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    assert_true(exists(world, ".local/state/akosha-sync/state.db"));
}

static void
relative_state_folder_lies_in_the_working_folder(void **state)
{
    struct world *world = *state;

    world->options.state_folder = "sub/state";
    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    assert_true(exists(world, "sub/state/state.db"));
    akosha_close(world->engine);
    world->engine = NULL;
    world->working_folder = "";
    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error),
        AKOSHA_NOT_KEPT);
    assert_non_null(strstr(world->error.message, "sub/state"));
    assert_string_equal(world->error.failure, "state");
}

static void
state_folder_that_cannot_be_is_told(void **state)
{
    struct world *world = *state;

    world->options.state_folder = temp_folder_join(world->folder, "a.txt/state");
    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error),
        AKOSHA_NOT_KEPT);
    assert_int_equal(world->error.code, AKOSHA_NOT_KEPT);
    assert_non_null(strstr(world->error.message, "a.txt"));
    akosha_close(NULL);
}

static void
policy_is_found_in_its_order(void **state)
{
    struct world *world = *state;
    char config[TEXT_BYTES];
    char named[TEXT_BYTES];

    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(world->engine, NULL, NULL, 0, &world->policy,
        &world->error), AKOSHA_OK);
    assert_string_equal(akosha_policy_path(world->policy), "built-in default");
    akosha_policy_free(world->policy);

    assert_int_equal(mkdir(temp_folder_join(world->folder, "akosha-sync"), 0700), 0);
    (void)write_policy(world, "akosha-sync/policy.lua");
    (void)snprintf(config, sizeof(config), "XDG_CONFIG_HOME=%s", temp_folder_path(world->folder));
    world->variables[0] = config;
    world->variables[1] = "AKOSHA_POLICY=";
    assert_int_equal(akosha_policy_load(world->engine, NULL, NULL, 0, &world->policy,
        &world->error), AKOSHA_OK);
    assert_non_null(strstr(akosha_policy_path(world->policy), "akosha-sync/policy.lua"));
    akosha_policy_free(world->policy);

    (void)snprintf(named, sizeof(named), "AKOSHA_POLICY=%s", write_policy(world, "named.lua"));
    world->variables[1] = named;
    assert_int_equal(akosha_policy_load(world->engine, NULL, NULL, 0, &world->policy,
        &world->error), AKOSHA_OK);
    assert_non_null(strstr(akosha_policy_path(world->policy), "named.lua"));
}

static void
wrong_policy_is_told(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "bad.lua", "return 1 +", 10);
    static const char *const allow[] = { "AWS_SECRET_ACCESS_KEY" };

    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(world->engine, path, NULL, 0, &world->policy,
        &world->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(world->error.message, "bad.lua"));
    assert_int_equal(akosha_policy_load(world->engine, temp_folder_join(world->folder, "none.lua"),
        NULL, 0, &world->policy, &world->error), AKOSHA_SETTINGS);
    assert_int_equal(akosha_policy_load(world->engine, write_policy(world, "p.lua"), allow, 1,
        &world->policy, &world->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(world->error.message, allow[0]));
    assert_null(world->policy);
}

static void
failures_have_their_codes(void **state)
{
    struct world *world = *state;
    char job[64];
    int code;

    open_and_load(world);
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    code = run(world);
    assert_int_not_equal(code, AKOSHA_OK);
    assert_int_equal(world->error.code, code);
    assert_true(world->error.message[0] != '\0');
    (void)snprintf(job, sizeof(job), "%s", akosha_report_text(world->report, "job_id"));
    assert_int_equal(akosha_cancel(world->engine, job, &world->error), AKOSHA_OK);
    assert_int_equal(akosha_cancel(world->engine, job, &world->error), AKOSHA_USAGE);
    assert_non_null(strstr(world->error.message, job));
    akosha_report_free(world->report);
    assert_int_equal(akosha_list(world->engine, world->policy, "nowhere", &world->report,
        &world->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(world->error.message, "nowhere"));
    assert_int_equal(remove(temp_folder_join(world->folder, "a.txt")), 0);
    assert_int_equal(run(world), AKOSHA_SOURCE);
    assert_string_equal(world->error.failure, "source_missing");
    temp_folder_write(world->folder, "a.txt", "some text", 9);
    akosha_interrupt(world->engine, SIGTERM);
    assert_int_equal(run(world), 128 + SIGTERM);
}

static void
sources_of_the_caller_lie_in_its_folder(void **state)
{
    static const char *const sources[] = { "a.txt" };
    struct akosha_run_options options = { 0 };
    struct world *world = *state;

    open_and_load(world);
    options.sources = sources;
    options.source_count = 1;
    options.target = "folder";
    options.dry_run = true;
    assert_int_equal(akosha_run(world->engine, world->policy, &options, &world->report,
        &world->error), AKOSHA_OK);
    assert_string_equal(akosha_report_text(world->report, "files.0.outcome"), "skipped");
    assert_false(exists(world, "target"));
}

static int
run_source(struct world *world, const char *source)
{
    struct akosha_run_options options = { 0 };

    options.sources = &source;
    options.source_count = 1;
    akosha_report_free(world->report);
    world->report = NULL;
    return akosha_run(world->engine, world->policy, &options, &world->report, &world->error);
}

static void
next_run_takes_up_what_is_left_in_the_queue(void **state)
{
    struct world *world = *state;

    open_and_load(world);
    temp_folder_write(world->folder, "b.txt", "other text", 10);
    temp_folder_write(world->folder, "target", "a file where a folder should be", 31);
    assert_int_not_equal(run_source(world, "a.txt"), AKOSHA_OK);
    assert_non_null(akosha_report_text(world->report, "job_id"));
    assert_int_not_equal(run_source(world, "b.txt"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(world->report, "jobs", -1), 1);
    assert_string_equal(akosha_report_text(world->report, "jobs.0.outcome"), "queued");
    assert_int_equal(remove(temp_folder_join(world->folder, "target")), 0);
    assert_int_equal(run_source(world, "b.txt"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(world->report, "jobs", -1), 1);
    assert_string_equal(akosha_report_text(world->report, "jobs.0.outcome"), "stored");
    assert_int_equal(run_source(world, "b.txt"), AKOSHA_OK);
    assert_int_equal(akosha_report_number(world->report, "jobs", -1), -1);
}

static void
damaged_upload_is_listed_as_such(void **state)
{
    struct world *world = *state;
    char name[TEXT_BYTES];

    open_and_load(world);
    assert_int_equal(run(world), AKOSHA_OK);
    (void)snprintf(name, sizeof(name), "target/systems/test-1/%s/manifest.json",
        akosha_report_text(world->report, "upload_id"));
    temp_folder_write(world->folder, name, "{ no manifest", 13);
    assert_int_equal(mkdir(temp_folder_join(world->folder, "target/systems/test-1/20260101T000000Z"
        "-000001"), 0700), 0);
    assert_int_equal(mkdir(temp_folder_join(world->folder, "target/systems/test-1/\xff"), 0700),
        0);
    akosha_report_free(world->report);
    (void)akosha_list(world->engine, world->policy, "folder", &world->report, &world->error);
    assert_string_equal(world->error.message, "");
    assert_true(akosha_report_number(world->report, "targets.0.uploads", -1) >= 2);
    assert_int_equal(akosha_report_number(world->report, "targets.0.uploads.0.complete", -1), 0);
    assert_int_equal(akosha_report_number(world->report, "targets.0.uploads.1.complete", -1), 0);
    assert_non_null(akosha_report_text(world->report, "targets.0.uploads.0.reason"));
    assert_non_null(akosha_report_text(world->report, "targets.0.uploads.1.reason"));
}

/* A loaded policy may run again: what its task kept of the run before stands for nothing then, and
 * not for whatever lies in the same place now. */
static void
what_a_task_kept_of_an_earlier_run_is_refused(void **state)
{
    static const char *const uses[] = { "ctx:open('folder', kept.s)", "ctx:checksum(kept.s)",
        "ctx:open('folder', kept.c)", "ctx:send(kept.u)", "ctx:abort(kept.u)", "ctx:join(kept.h)",
        "ctx:log(kept.s.name)", "ctx:log(kept.u.target)", "ctx:log(kept.c.codec)" };
    static const struct akosha_run_options options;
    struct world *world = *state;
    char text[TEXT_BYTES];

    assert_int_equal(akosha_open(&world->options, &world->engine, &world->error), AKOSHA_OK);
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        (void)snprintf(text, sizeof(text), "local akosha = require 'akosha' local kept\n"
            "return akosha.task { api = 1, sources = { 'a.txt' },\n"
            "  targets = { folder = akosha.dir { path = '%s/target' } },\n"
            "  run = function(ctx)\n"
            "    if kept then ctx:spawn(function() ctx:sleep(0) end) %s end\n"
            "    kept = { s = ctx:snapshot(ctx:sources()[1]) }\n"
            "    kept.c, kept.u = ctx:compress(kept.s, 'gzip'), ctx:open('folder', kept.s)\n"
            "    kept.h = ctx:spawn(function() ctx:sleep(60) end)\n"
            "    error 'over'\n"
            "  end }\n", temp_folder_path(world->folder), uses[i]);
        assert_int_equal(akosha_policy_load(world->engine, temp_folder_write(world->folder,
            "p.lua", text, strlen(text)), NULL, 0, &world->policy, &world->error), AKOSHA_OK);
        (void)akosha_run(world->engine, world->policy, &options, &world->report, &world->error);
        assert_non_null(strstr(world->error.message, "over"));
        akosha_report_free(world->report);
        (void)akosha_run(world->engine, world->policy, &options, &world->report, &world->error);
        if (strstr(world->error.message, "is of an earlier run") == NULL)
            fail_msg("%s: %s", uses[i], world->error.message);
        akosha_report_free(world->report);
        world->report = NULL;
        akosha_policy_free(world->policy);
        world->policy = NULL;
    }
}

/* Opens, loads, runs, lists and closes; whatever fails says so. */
static void
use_everything(struct world *world, const char *policy)
{
    static const struct akosha_run_options options;
    struct akosha_report *report = NULL;

    if (akosha_open(&world->options, &world->engine, &world->error) != AKOSHA_OK)
        goto out;
    if (akosha_policy_load(world->engine, policy, NULL, 0, &world->policy, &world->error) !=
        AKOSHA_OK)
        goto out;
    (void)akosha_run(world->engine, world->policy, &options, &report, &world->error);
    akosha_report_free(report);
    report = NULL;
    (void)akosha_list(world->engine, world->policy, NULL, &report, &world->error);
    akosha_report_free(report);
out:
    assert_true(world->error.code == AKOSHA_OK || world->error.message[0] != '\0');
    akosha_policy_free(world->policy);
    world->policy = NULL;
    akosha_close(world->engine);
    world->engine = NULL;
}

static void
engine_survives_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    for (int64_t round = 0; round < ROUNDS_MAX; round += STRIDE) {
        struct failing_alloc failing;
        struct aks_os *os = NULL;
        const char *policy;
        char target[32];

        (void)snprintf(target, sizeof(target), "target-%lld", (long long)round);
        policy = write_policy_to(world, "p.lua", target);
        temp_folder_write(world->folder, "a.txt", &round, sizeof(round));
        failing_alloc_init(&failing);
        failing.fail_at = round;
        if (aks_os_open(&failing.alloc, &os, NULL) == AKS_OK) {
            use_port(world, os);
            use_everything(world, policy);
            aks_os_close(os);
        }
        assert_int_equal(failing.outstanding, 0);
        if (failing.seen <= round)
            return;
    }
    fail_msg("still allocating after %d rounds", ROUNDS_MAX);
}

int
main(void)
{
#define API_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        API_TEST(engine_syncs_and_lists),
        API_TEST(report_is_read_by_paths),
        API_TEST(state_lies_where_xdg_says),
        API_TEST(relative_state_folder_lies_in_the_working_folder),
        API_TEST(state_folder_that_cannot_be_is_told),
        API_TEST(policy_is_found_in_its_order),
        API_TEST(wrong_policy_is_told),
        API_TEST(failures_have_their_codes),
        API_TEST(sources_of_the_caller_lie_in_its_folder),
        API_TEST(next_run_takes_up_what_is_left_in_the_queue),
        API_TEST(damaged_upload_is_listed_as_such),
        API_TEST(what_a_task_kept_of_an_earlier_run_is_refused),
        API_TEST(engine_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("akosha", tests, NULL, NULL);
}
