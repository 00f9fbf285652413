#include "script/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
distance_counts_edits_whatever_the_letter_case(void **state)
{
    assert_int_equal(aks_nearest_distance("", ""), 0);
    assert_int_equal(aks_nearest_distance("retry", "RETRY"), 0);
    assert_int_equal(aks_nearest_distance("rety", "retry"), 1);
    assert_int_equal(aks_nearest_distance("retrry", "retry"), 1);
    assert_int_equal(aks_nearest_distance("retYr", "retry"), 1);
    assert_int_equal(aks_nearest_distance("retrx", "retry"), 1);
    assert_int_equal(aks_nearest_distance("", "abc"), 3);
    assert_int_equal(aks_nearest_distance("kitten", "sitting"), 3);
}

static void
distance_does_not_look_at_names_that_are_too_long(void **state)
{
    char name[AKS_NEAREST_NAME_BYTES + 2];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_true(aks_nearest_distance(name, name) > 0);
    name[AKS_NEAREST_NAME_BYTES] = '\0';
    assert_int_equal(aks_nearest_distance(name, name), 0);
}

static const char *
nearest(const char *name)
{
    static const char *const names[] = { "api", "sources", "targets", "route", "retry", "probe" };
    struct aks_nearest best = { NULL, 0 };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        aks_nearest_offer(&best, name, names[i]);
    return best.name;
}

static void
the_nearest_name_is_kept_and_nothing_that_is_far(void **state)
{
    assert_string_equal(nearest("retyr"), "retry");
    assert_string_equal(nearest("source"), "sources");
    assert_string_equal(nearest("TARGETS"), "targets");
    assert_string_equal(nearest("apu"), "api");
    assert_null(nearest("xyz"));
    assert_null(nearest("compress"));
    assert_null(nearest(""));
}

/* "fixed" would do as well, but for "first". */
static void
of_two_that_are_near_the_nearer_is_kept(void **state)
{
    static const char *const names[] = { "fixed", "first", "fixed" };

    for (size_t begin = 0; begin < 2; begin++) {
        struct aks_nearest best = { NULL, 0 };

        for (size_t i = begin; i < begin + 2; i++)
            aks_nearest_offer(&best, "firsd", names[i]);
        assert_string_equal(best.name, "first");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_edits_whatever_the_letter_case),
        cmocka_unit_test(distance_does_not_look_at_names_that_are_too_long),
        cmocka_unit_test(the_nearest_name_is_kept_and_nothing_that_is_far),
        cmocka_unit_test(of_two_that_are_near_the_nearer_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
