#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The first numbers of splitmix64 from seed 1234567, as its authors' reference code gives them. */
static void
numbers_are_those_of_splitmix64(void **state)
{
    static const uint64_t expected[] = { UINT64_C(6457827717110365317),
        UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821) };
    struct aks_rng rng;

    aks_rng_init(&rng, 1234567);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_true(aks_rng_next(&rng) == expected[i]);
}

static void
units_are_below_one_and_spread(void **state)
{
    struct aks_rng rng;
    unsigned low = 0;

    aks_rng_init(&rng, 1);
    for (unsigned i = 0; i < 10000; i++) {
        double unit = aks_rng_unit(&rng);

        assert_true(unit >= 0 && unit < 1);
        low += unit < 0.5;
    }
    assert_in_range(low, 4500, 5500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_splitmix64),
        cmocka_unit_test(units_are_below_one_and_spread),
    };

    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
