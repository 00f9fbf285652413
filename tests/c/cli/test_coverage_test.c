/* Lines and decisions, put together out of what several processes saw. */
#include "cli/test_coverage.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int
set_up(void **state)
{
    struct aks_test_coverage *coverage = calloc(1, sizeof(*coverage));

    assert_non_null(coverage);
    aks_test_coverage_init(coverage, aks_alloc_system());
    *state = coverage;
    return 0;
}

static int
tear_down(void **state)
{
    aks_test_coverage_fini(*state);
    free(*state);
    return 0;
}

static void
mark(struct aks_test_coverage *coverage, const char *file, const char *active, const char *reached)
{
    struct aks_error err = { 0 };

    assert_int_equal(aks_test_coverage_ranges(coverage, file, active, AKS_TEST_ACTIVE, &err),
        AKS_OK);
    assert_int_equal(aks_test_coverage_ranges(coverage, file, reached, AKS_TEST_REACHED, &err),
        AKS_OK);
}

static void
assert_never_reached(const struct aks_test_policy *policy, const char *expected)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 1000);
    assert_int_equal(aks_test_coverage_write(policy, AKS_TEST_ACTIVE | AKS_TEST_REACHED,
        AKS_TEST_ACTIVE, true, ", ", 1, 1000, &out), 0);
    assert_string_equal(out.data, expected);
    aks_buf_fini(&out);
}

static void
lines_of_several_processes_are_united(void **state)
{
    struct aks_test_coverage *coverage = *state;
    int active;
    int reached;

    mark(coverage, "b.lua", "1-10,20", "1-3");
    mark(coverage, "a.lua", "1", "1");
    mark(coverage, "b.lua", "1-10,20", "3-5,20");
    assert_int_equal(coverage->count, 2);
    assert_string_equal(coverage->policies[0].file, "a.lua");
    aks_test_coverage_count(&coverage->policies[1], &active, &reached);
    assert_int_equal(active, 11);
    assert_int_equal(reached, 6);
    assert_never_reached(&coverage->policies[1], "6-10");
    assert_never_reached(&coverage->policies[0], "");
}

static void
ranges_reach_across_lines_that_cannot_run(void **state)
{
    struct aks_test_coverage *coverage = *state;

    mark(coverage, "a.lua", "2,4,7-8,12,15,300", "12");
    assert_never_reached(&coverage->policies[0], "2-8, 15-300");
}

static void
reached_without_active_is_not_counted(void **state)
{
    struct aks_test_coverage *coverage = *state;
    int active;
    int reached;

    mark(coverage, "a.lua", "1-2", "1-3");
    aks_test_coverage_count(&coverage->policies[0], &active, &reached);
    assert_int_equal(active, 2);
    assert_int_equal(reached, 2);
}

static void
only_all_lines_are_a_hundred_percent(void **state)
{
    assert_true(aks_test_coverage_percent(10000, 9999) < 100);
    assert_true(aks_test_coverage_percent(3, 3) >= 100);
    assert_true(aks_test_coverage_percent(0, 0) >= 100);
    assert_true(aks_test_coverage_percent(3, 0) <= 0);
}

static void
ranges_come_in_pieces_that_fit(void **state)
{
    struct aks_test_coverage *coverage = *state;
    struct aks_test_coverage again;
    struct aks_error err = { 0 };
    struct aks_buf out;
    int from = 1;
    int pieces = 0;

    for (int line = 1; line <= AKS_TEST_COVERAGE_LINES_MAX; line += 2)
        assert_int_equal(aks_test_coverage_line(coverage, "a.lua", line, AKS_TEST_REACHED, &err),
            AKS_OK);
    aks_test_coverage_init(&again, aks_alloc_system());
    aks_buf_init(&out, aks_alloc_system(), 1000);
    while (from > 0) {
        aks_buf_reset(&out);
        from = aks_test_coverage_write(&coverage->policies[0], AKS_TEST_REACHED, AKS_TEST_REACHED,
            false, ",", from, 1000, &out);
        assert_int_equal(aks_buf_status(&out, "ranges", &err), AKS_OK);
        assert_int_equal(aks_test_coverage_ranges(&again, "a.lua", out.data, AKS_TEST_REACHED,
            &err), AKS_OK);
        pieces++;
    }
    assert_true(pieces > 50);
    assert_int_equal(again.policies[0].line_count, coverage->policies[0].line_count);
    assert_memory_equal(again.policies[0].marks, coverage->policies[0].marks,
        (size_t)again.policies[0].line_count + 1);
    aks_buf_fini(&out);
    aks_test_coverage_fini(&again);
}

static void
hostile_ranges_are_refused(void **state)
{
    static const char *const ranges[] = { "", ",", "0", "-", "1-", "-3", "3-2", "a", "1,,2", "1,",
        "1 2", "1-2-3", "20001", "1-20001", "99999999999999999999", "+1", "0x10" };
    struct aks_test_coverage *coverage = *state;

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct aks_error err = { 0 };

        if (aks_test_coverage_ranges(coverage, "a.lua", ranges[i], AKS_TEST_ACTIVE, &err) == AKS_OK)
            fail_msg("taken: %s", ranges[i]);
        assert_int_equal(err.status, AKS_BAD_REPLY);
    }
}

static void
lines_beyond_the_limit_are_passed_over(void **state)
{
    struct aks_test_coverage *coverage = *state;
    struct aks_error err = { 0 };

    assert_int_equal(aks_test_coverage_line(coverage, "a.lua", AKS_TEST_COVERAGE_LINES_MAX + 1,
        AKS_TEST_ACTIVE, &err), AKS_OK);
    assert_int_equal(aks_test_coverage_line(coverage, "a.lua", 0, AKS_TEST_ACTIVE, &err), AKS_OK);
    assert_int_equal(aks_test_coverage_line(coverage, "a.lua", -1, AKS_TEST_ACTIVE, &err), AKS_OK);
    assert_int_equal(coverage->policies[0].line_count, 0);
}

static void
decisions_are_added_up(void **state)
{
    struct aks_test_coverage *coverage = *state;
    const struct aks_test_policy *policy;
    struct aks_error err = { 0 };

    (void)aks_test_coverage_decision(coverage, "a.lua", "retry", "throttled", 2, &err);
    (void)aks_test_coverage_decision(coverage, "a.lua", "retry", "throttled", 1, &err);
    (void)aks_test_coverage_decision(coverage, "a.lua", "route", "", 1, &err);
    (void)aks_test_coverage_decision(coverage, "a.lua", "none such", "none such", 1, &err);
    assert_int_equal(coverage->count, 1);
    policy = &coverage->policies[0];
    assert_true(policy->asked_any);
    assert_int_equal(policy->tried[AKS_THROTTLED], 3);
    assert_int_equal(policy->tried[AKS_SERVER], 0);
    for (size_t i = 0; i < AKS_TEST_COVERAGE_QUESTIONS; i++) {
        const char *question = aks_test_coverage_questions[i];

        assert_int_equal(policy->asked[i], strcmp(question, "retry") == 0 ? 3
            : strcmp(question, "route") == 0 ? 1 : 0);
    }
}

static void
failures_of_the_way_are_expected_and_others_are_not(void **state)
{
    assert_true(aks_test_coverage_expected(AKS_OFFLINE));
    assert_true(aks_test_coverage_expected(AKS_THROTTLED));
    assert_true(aks_test_coverage_expected(AKS_CORRUPT));
    assert_false(aks_test_coverage_expected(AKS_OK));
    assert_false(aks_test_coverage_expected(AKS_SOURCE_MISSING));
    assert_false(aks_test_coverage_expected(AKS_POLICY));
}

static void
files_have_an_end(void **state)
{
    struct aks_test_coverage *coverage = *state;
    struct aks_error err = { 0 };
    char file[32];

    for (int i = 0; i < AKS_TEST_COVERAGE_FILES_MAX; i++) {
        (void)snprintf(file, sizeof(file), "%d.lua", i);
        assert_int_equal(aks_test_coverage_line(coverage, file, 1, AKS_TEST_ACTIVE, &err), AKS_OK);
    }
    assert_int_equal(aks_test_coverage_line(coverage, "one more", 1, AKS_TEST_ACTIVE, &err),
        AKS_LIMIT);
}

static int
coverage_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_test_coverage coverage;
    struct aks_error err = { 0 };

    aks_test_coverage_init(&coverage, alloc);
    (void)aks_test_coverage_ranges(&coverage, "a.lua", "1-1000", AKS_TEST_ACTIVE, &err);
    (void)aks_test_coverage_decision(&coverage, "b.lua", "route", "", 1, &err);
    aks_test_coverage_fini(&coverage);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    failing_alloc_loop(coverage_in, NULL, 50);
}

int
main(void)
{
#define COVERAGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        COVERAGE_TEST(lines_of_several_processes_are_united),
        COVERAGE_TEST(ranges_reach_across_lines_that_cannot_run),
        COVERAGE_TEST(reached_without_active_is_not_counted),
        COVERAGE_TEST(only_all_lines_are_a_hundred_percent),
        COVERAGE_TEST(ranges_come_in_pieces_that_fit),
        COVERAGE_TEST(hostile_ranges_are_refused),
        COVERAGE_TEST(lines_beyond_the_limit_are_passed_over),
        COVERAGE_TEST(decisions_are_added_up),
        COVERAGE_TEST(failures_of_the_way_are_expected_and_others_are_not),
        COVERAGE_TEST(files_have_an_end),
        COVERAGE_TEST(any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("test_coverage", tests, NULL, NULL);
}
