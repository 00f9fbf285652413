#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
sizes_have_three_digits_at_most(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        { 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 99949, "99.9 kB" },
        { 99950, "100 kB" }, { 999499, "999 kB" }, { 999500, "1.0 MB" }, { 41700000, "41.7 MB" },
        { INT64_C(8589934592), "8.6 GB" }, { INT64_MAX, "9.2 EB" },
    };
    char text[AKS_UNITS_TEXT_BYTES];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(aks_units_bytes(cases[i].bytes, text), cases[i].text);
}

static void
durations_are_as_people_say_them(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "0.00 s" }, { 410, "0.41 s" }, { 10000, "10.0 s" }, { 59900, "59.9 s" },
        { 60000, "1 min 0 s" }, { 125000, "2 min 5 s" }, { 3600000, "1 h 0 min" },
        { 11040000, "3 h 4 min" },
    };
    char text[AKS_UNITS_TEXT_BYTES];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(aks_units_duration(cases[i].ms, text), cases[i].text);
}

static void
every_number_fits(void **state)
{
    char text[AKS_UNITS_TEXT_BYTES];

    assert_true(strlen(aks_units_duration(INT64_MAX, text)) < AKS_UNITS_TEXT_BYTES - 1);
    assert_true(strlen(aks_units_bytes(INT64_MIN, text)) < AKS_UNITS_TEXT_BYTES - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_three_digits_at_most),
        cmocka_unit_test(durations_are_as_people_say_them),
        cmocka_unit_test(every_number_fits),
    };

    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
