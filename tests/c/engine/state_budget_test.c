/* What was spent of budgets, as the state database keeps it. */
#include "state_fixture.h"

#include <stdio.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct aks_spent
spent_of(struct aks_state *opened, const char *place, const char *period)
{
    struct aks_spent spent = { -1, -1 };

    assert_int_equal(aks_state_budget_get(opened, place, period, &spent, &err), AKS_OK);
    return spent;
}

static void
budgets_are_counted_by_place_and_period(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_state *other = open_state();
    struct aks_spent spent = spent_of(opened, T, "2026-11-26");
    bool left;

    assert_int_equal(spent.bytes, 0);
    assert_int_equal(spent.tries, 0);
    for (int i = 0; i < 3; i++) {
        /* Two processes, of which together only two get a try. */
        assert_int_equal(aks_state_budget_try(i % 2 == 0 ? opened : other, T, "2026-11-26", NOW,
            100, 2, &left, &err), AKS_OK);
        assert_int_equal(left, i < 2);
    }
    assert_int_equal(aks_state_budget_spend(opened, T, "2026-11-26", NOW, 70, &err), AKS_OK);
    assert_int_equal(aks_state_budget_spend(other, T, "2026-11-26", NOW - 5, 50, &err), AKS_OK);
    assert_int_equal(aks_state_budget_spend(opened, T, "2026-11-26", NOW, -20, &err), AKS_OK);
    aks_state_close(opened);
    spent = spent_of(other, T, "2026-11-26");
    assert_int_equal(spent.bytes, 100);
    assert_int_equal(spent.tries, 2);
    assert_int_equal(aks_state_budget_try(other, T, "2026-11-26", NOW, 100, -1, &left, &err),
        AKS_OK);
    assert_false(left);
    assert_int_equal(aks_state_budget_try(other, T, "2026-11-26", NOW, -1, -1, &left, &err),
        AKS_OK);
    assert_true(left);
    assert_int_equal(spent_of(other, T, "2026-11-27").bytes, 0);
    assert_int_equal(spent_of(other, "elsewhere", "2026-11-26").tries, 0);
    aks_state_close(other);
}

/* Also where the clock ran a year ahead meanwhile. */
static void
budgets_of_long_ago_are_forgotten_and_those_of_now_are_not(void **state)
{
    struct aks_state *opened = open_state();
    char period[AKS_STATE_PERIOD_BYTES];
    bool left;

    assert_int_equal(aks_state_fact_put(opened, T, "region", "here", NOW, &err), AKS_OK);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(period, sizeof(period), "day %d", i);
        assert_int_equal(aks_state_budget_try(opened, T, period, NOW + i, -1, -1, &left, &err),
            AKS_OK);
    }
    assert_int_equal(aks_state_budget_try(opened, T, "ahead", NOW * 2, -1, -1, &left, &err),
        AKS_OK);
    assert_int_equal(spent_of(opened, T, "day 299").tries, 1);
    assert_int_equal(spent_of(opened, T, "day 0").tries, 0);
    aks_state_close(opened);
    assert_int_equal(raw("SELECT count(*) FROM facts"), 201);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(budgets_are_counted_by_place_and_period),
        TEST(budgets_of_long_ago_are_forgotten_and_those_of_now_are_not),
    };

    return cmocka_run_group_tests_name("budgets", tests, NULL, NULL);
}
