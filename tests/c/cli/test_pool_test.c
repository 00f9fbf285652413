/* Processes that run tests, some of which end badly. The suite here is one that does what the names
 * of its files say. */
#include "cli/test_pool.h"

#include "base/units.h"
#include "os/os.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GRACE_MS 300

struct world {
    struct aks_os *os;
    struct aks_test_pool_options options;
    struct aks_test_results results;
    struct aks_error err;
    char done[256];                 /* paths, in the order they were told in */
};

/* --- a suite of the test's own ---------------------------------------------------------------- */

static void
say(const struct aks_suite_options *options, const char *name, enum aks_suite_outcome outcome)
{
    struct aks_suite_result result = { options->file, name, outcome,
        outcome == AKS_SUITE_PASSED ? "" : "it was so", 3, options->seed };

    options->result(options->ctx, &result);
}

static void
end_badly(const struct aks_suite_options *options, const char *file)
{
    if (strcmp(file, "killed") == 0)
        (void)raise(SIGKILL);
    if (strcmp(file, "exits") == 0)
        _exit(3);
    if (strcmp(file, "exits_well") == 0)
        _exit(0);
    if (strcmp(file, "hangs") == 0) {
        for (;;)
            (void)pause();
    }
    for (int i = 0; strcmp(file, "prints") == 0 && i < 1000; i++)
        options->output(options->ctx, "0123456789\n");
}

static void
fill_coverage(const struct aks_suite_options *options)
{
    struct aks_suite_decision decision = { "p.lua", "retry", "throttled", "wait 2.0", true };

    if (options->line == NULL)
        return;
    for (int line = 1; line <= 9; line++)
        options->active(options->ctx, "p.lua", line);
    options->line(options->ctx, "p.lua", options->file[0] == 'g' ? 1 : 5);
    options->decision(options->ctx, &decision);
}

enum aks_status
aks_suite_run(const struct aks_suite_options *options, size_t *ret_count, struct aks_error *err)
{
    static const char *const names[] = { "TestX.test_1", "TestX.test_2", "TestX.test_3" };

    *ret_count = 0;
    if (strcmp(options->file, "broken") == 0) {
        (void)aks_error_set(err, AKS_POLICY, "broken:3: unexpected symbol");
        aks_error_hint(err, "mend it");
        return AKS_POLICY;
    }
    if (strcmp(options->file, "dies_loading") == 0)
        (void)raise(SIGKILL);
    for (size_t i = 0; i < 3 && strcmp(options->file, "empty") != 0; i++) {
        if (options->filter != NULL && strstr(names[i], options->filter) == NULL)
            continue;
        if (!options->wanted(options->ctx, names[i]))
            continue;
        options->begin(options->ctx, names[i]);
        (*ret_count)++;
        if (i == 1 || strcmp(options->file, "dies_always") == 0)
            end_badly(options, strcmp(options->file, "dies_always") == 0 ? "exits"
                : options->file);
        say(options, names[i], i == 1 && strcmp(options->file, "fails") == 0 ? AKS_SUITE_FAILED
            : AKS_SUITE_PASSED);
    }
    fill_coverage(options);
    return AKS_OK;
}

/* ---------------------------------------------------------------------------------------------- */

static void
on_done(void *ctx, const struct aks_test_file *file)
{
    struct world *world = ctx;

    (void)strncat(world->done, file->path, sizeof(world->done) - strlen(world->done) - 2);
    (void)strncat(world->done, " ", 2);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, &world->err), AKS_OK);
    world->options.alloc = aks_alloc_system();
    world->options.real = aks_os_port(world->os);
    world->options.here = "/";
    world->options.jobs = 2;
    world->options.test_ms_max = 60000;
    world->options.grace_ms = GRACE_MS;
    world->options.done = on_done;
    world->options.ctx = world;
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_test_results_fini(&world->results);
    aks_os_close(world->os);
    free(world);
    return 0;
}

/* Runs the blank-separated files. */
static enum aks_status
run(struct world *world, const char *files)
{
    char *copy = strdup(files);
    char *paths[16];
    char *rest = NULL;
    size_t count = 0;
    enum aks_status status;
    bool covered = world->results.covered;
    bool filtered = world->options.filter != NULL;

    assert_non_null(copy);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        paths[count++] = word;
    assert_int_equal(aks_test_results_init(&world->results, aks_alloc_system(), paths, count,
        &world->err), AKS_OK);
    world->results.seed = 7;
    world->results.covered = covered;
    world->results.filtered = filtered;
    status = aks_test_pool_run(&world->options, &world->results, &world->err);
    free(copy);
    return status;
}

static void
assert_counts(struct world *world, size_t passed, size_t failed, int code)
{
    struct aks_test_counts counts = aks_test_results_count(&world->results, NULL);

    assert_int_equal(counts.passed, passed);
    assert_int_equal(counts.failed, failed);
    assert_int_equal(aks_test_results_code(&world->results), code);
}

static const struct aks_test_case *
find_case(struct world *world, size_t file, const char *name)
{
    for (size_t i = 0; i < world->results.files[file].count; i++) {
        if (strcmp(world->results.files[file].cases[i].name, name) == 0)
            return &world->results.files[file].cases[i];
    }
    fail_msg("no test %s", name);
    return NULL;
}

static void
files_are_told_in_their_order_by_any_number_of_processes(void **state)
{
    for (size_t jobs = 1; jobs <= AKS_TEST_POOL_JOBS_MAX; jobs++) {
        struct world *world = *state;

        world->done[0] = '\0';
        world->options.jobs = jobs;
        assert_int_equal(run(world, "a b killed c fails d"), AKS_OK);
        assert_string_equal(world->done, "a b killed c fails d ");
        assert_counts(world, 16, 2, 1);
        aks_test_results_fini(&world->results);
    }
}

/* The test that takes its process along is in error, and those after it run in another. */
static void
a_process_that_dies_is_one_test(void **state)
{
    static const char *const files[] = { "killed", "exits", "exits_well" };
    static const char *const says[] = { "signal 9", "exit code 3", "nothing said" };
    struct world *world = *state;

    for (size_t i = 0; i < 3; i++) {
        const struct aks_test_case *lost;

        assert_int_equal(run(world, files[i]), AKS_OK);
        assert_counts(world, 2, 1, 1);
        lost = find_case(world, 0, "TestX.test_2");
        assert_int_equal(lost->outcome, AKS_SUITE_ERROR);
        assert_non_null(strstr(lost->message, says[i]));
        assert_int_equal(find_case(world, 0, "TestX.test_3")->outcome, AKS_SUITE_PASSED);
        aks_test_results_fini(&world->results);
    }
}

static void
a_file_whose_processes_die_again_and_again_ends(void **state)
{
    struct world *world = *state;

    assert_int_equal(run(world, "dies_always a"), AKS_OK);
    assert_counts(world, 3, 3, 1);
    aks_test_results_fini(&world->results);
    assert_int_equal(run(world, "dies_loading a"), AKS_OK);
    assert_counts(world, 3, 1, 1);
    assert_non_null(strstr(find_case(world, 0, "(the whole file)")->message, "signal 9"));
}

static void
a_process_that_hangs_is_killed_and_others_go_on(void **state)
{
    struct world *world = *state;

    world->options.test_ms_max = 1;
    assert_int_equal(run(world, "a hangs b"), AKS_OK);
    assert_counts(world, 8, 1, 1);
    assert_non_null(strstr(find_case(world, 1, "TestX.test_2")->message, "did not end within"));
    assert_non_null(strstr(find_case(world, 1, "TestX.test_2")->message, "--timeout"));
}

static void
a_file_that_cannot_be_run_is_told_with_its_reason(void **state)
{
    struct world *world = *state;

    assert_int_equal(run(world, "a broken fails"), AKS_OK);
    assert_counts(world, 5, 2, 3);
    assert_int_equal(world->results.files[1].error.status, AKS_POLICY);
    assert_string_equal(world->results.files[1].error.message, "broken:3: unexpected symbol");
    assert_string_equal(world->results.files[1].error.hint, "mend it");
}

static void
a_file_without_tests_is_no_pass_unless_filtered(void **state)
{
    struct world *world = *state;

    assert_int_equal(run(world, "a empty"), AKS_OK);
    assert_counts(world, 3, 1, 3);
    assert_string_equal(world->results.files[1].error.message, "empty: no tests in this file");
    aks_test_results_fini(&world->results);
    world->options.filter = "test_3";
    assert_int_equal(run(world, "a empty"), AKS_OK);
    assert_counts(world, 1, 0, 0);
    aks_test_results_fini(&world->results);
    world->options.filter = "none such";
    assert_int_equal(run(world, "a empty"), AKS_OK);
    assert_counts(world, 0, 0, 2);
}

static void
what_a_test_prints_stays_with_it_and_has_an_end(void **state)
{
    struct world *world = *state;

    assert_int_equal(run(world, "prints"), AKS_OK);
    assert_counts(world, 3, 0, 0);
    assert_int_equal(strlen(find_case(world, 0, "TestX.test_2")->output), 11000);
    assert_string_equal(find_case(world, 0, "TestX.test_3")->output, "");
}

static void
listing_runs_nothing(void **state)
{
    struct world *world = *state;

    world->options.list = true;
    assert_int_equal(run(world, "killed fails"), AKS_OK);
    assert_int_equal(world->results.files[0].count, 3);
    assert_string_equal(world->results.files[1].cases[2].name, "TestX.test_3");
    assert_int_equal(aks_test_results_code(&world->results), 0);
}

static void
coverage_of_all_processes_is_put_together(void **state)
{
    struct world *world = *state;
    const struct aks_test_policy *policy;
    int active;
    int reached;

    world->results.covered = true;
    assert_int_equal(run(world, "a good"), AKS_OK);
    assert_int_equal(world->results.coverage.count, 1);
    policy = &world->results.coverage.policies[0];
    aks_test_coverage_count(policy, &active, &reached);
    assert_int_equal(active, 9);
    assert_int_equal(reached, 2);
    assert_int_equal(policy->tried[AKS_THROTTLED], 2);
}

static void
an_interruption_ends_everything(void **state)
{
    static volatile sig_atomic_t stop = SIGINT;
    struct world *world = *state;

    world->options.stop = &stop;
    assert_int_equal(run(world, "hangs hangs hangs"), AKS_CANCELLED);
}

static int
pool_in(void *ctx, const struct aks_alloc *alloc)
{
    struct world *world = ctx;
    char path[] = "a";
    char *paths[] = { path };
    struct aks_test_results results;

    world->options.alloc = alloc;
    if (aks_test_results_init(&results, alloc, paths, 1, &world->err) == AKS_OK)
        (void)aks_test_pool_run(&world->options, &results, &world->err);
    aks_test_results_fini(&results);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    failing_alloc_loop(pool_in, *state, 200);
}

int
main(void)
{
#define POOL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        POOL_TEST(files_are_told_in_their_order_by_any_number_of_processes),
        POOL_TEST(a_process_that_dies_is_one_test),
        POOL_TEST(a_file_whose_processes_die_again_and_again_ends),
        POOL_TEST(a_process_that_hangs_is_killed_and_others_go_on),
        POOL_TEST(a_file_that_cannot_be_run_is_told_with_its_reason),
        POOL_TEST(a_file_without_tests_is_no_pass_unless_filtered),
        POOL_TEST(what_a_test_prints_stays_with_it_and_has_an_end),
        POOL_TEST(listing_runs_nothing),
        POOL_TEST(coverage_of_all_processes_is_put_together),
        POOL_TEST(an_interruption_ends_everything),
        POOL_TEST(any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("test_pool", tests, NULL, NULL);
}
