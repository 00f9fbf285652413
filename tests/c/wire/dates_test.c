#include "wire/dates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOV_6_1994_MS INT64_C(784111777000)     /* the example of RFC 9110: 08:49:37 */

static const struct {
    int64_t wall_ms;
    const char *iso;
    const char *compact;
} known[] = {
    { 0, "1970-01-01T00:00:00.000Z", "19700101T000000Z" },
    { 1, "1970-01-01T00:00:00.001Z", "19700101T000000Z" },
    { INT64_C(951782400000), "2000-02-29T00:00:00.000Z", "20000229T000000Z" },
    { INT64_C(951868799999), "2000-02-29T23:59:59.999Z", "20000229T235959Z" },
    { INT64_C(1369353600000), "2013-05-24T00:00:00.000Z", "20130524T000000Z" },
    { INT64_C(1795423512345), "2026-11-23T08:45:12.345Z", "20261123T084512Z" },
    { INT64_C(4107542400000), "2100-03-01T00:00:00.000Z", "21000301T000000Z" },
    { INT64_C(253402300799999), "9999-12-31T23:59:59.999Z", "99991231T235959Z" },
};

static void
dates_are_written_as_iso_and_compact(void **state)
{
    char text[AKS_DATE_BYTES];

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_string_equal(aks_date_iso(known[i].wall_ms, text), known[i].iso);
        assert_string_equal(aks_date_compact(known[i].wall_ms, text), known[i].compact);
    }
}

static void
dates_outside_of_four_digit_years_are_moved_inside(void **state)
{
    char text[AKS_DATE_BYTES];

    assert_string_equal(aks_date_iso(-1, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(aks_date_iso(INT64_MIN, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(aks_date_iso(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(aks_date_compact(INT64_MAX, text), "99991231T235959Z");
}

static void
dates_survive_writing_and_reading_on_every_day_of_400_years(void **state)
{
    for (int64_t day = 0; day < 146097; day++) {
        int64_t wall_ms = day * INT64_C(86400000) + day % 86400 * 1000 + day % 1000;
        int64_t read_ms = -1;
        char text[AKS_DATE_BYTES];

        (void)aks_date_iso(wall_ms, text);
        assert_true(aks_date_parse_iso(text, strlen(text), &read_ms));
        assert_int_equal(read_ms, wall_ms);
    }
}

static void
iso_takes_offsets_fractions_and_leaves_out_seconds(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } good[] = {
        { "1994-11-06T08:49:37Z", NOV_6_1994_MS },
        { "1994-11-06t08:49:37z", NOV_6_1994_MS },
        { "1994-11-06T08:49:37+00:00", NOV_6_1994_MS },
        { "1994-11-06T08:49:37-00:00", NOV_6_1994_MS },
        { "1994-11-06T09:49:37+01:00", NOV_6_1994_MS },
        { "1994-11-06T14:34:37+0545", NOV_6_1994_MS },
        { "1994-11-06T00:49:37-08", NOV_6_1994_MS },
        { "1994-11-05T19:19:37-13:30", NOV_6_1994_MS },
        { "1994-11-06T08:49Z", NOV_6_1994_MS - 37000 },
        { "1994-11-06T08:49:37.5Z", NOV_6_1994_MS + 500 },
        { "1994-11-06T08:49:37,25Z", NOV_6_1994_MS + 250 },
        { "1994-11-06T08:49:37.123456789Z", NOV_6_1994_MS + 123 },
        { "1994-11-06T08:49:37.0009+00:00", NOV_6_1994_MS },
        { "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
        { "1969-12-31T23:59:59Z", -1000 },
        { "0000-03-01T00:00:00Z", INT64_C(-62162035200000) },
        { "2000-02-29T00:00:00Z", INT64_C(951782400000) },
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t wall_ms = 12345;

        if (!aks_date_parse_iso(good[i].text, strlen(good[i].text), &wall_ms))
            fail_msg("refused: %s", good[i].text);
        assert_int_equal(wall_ms, good[i].wall_ms);
    }
}

static void
iso_refuses_everything_else(void **state)
{
    static const char *const bad[] = {
        "", "Z", "1994", "1994-11-06", "1994-11-06T08:49:37", "1994-11-06 08:49:37Z",
        "1994-11-06T08:49:37 Z", " 1994-11-06T08:49:37Z", "1994-11-06T08:49:37Z ",
        "1994-11-06T08:49:37.Z", "1994-11-06T08:49.5Z", "1994-11-06T08:49:37.1234567890Z",
        "1994-13-06T08:49:37Z", "1994-00-06T08:49:37Z", "1994-11-31T08:49:37Z",
        "1994-11-00T08:49:37Z", "1900-02-29T00:00:00Z", "2023-02-29T00:00:00Z",
        "1994-11-06T24:00:00Z", "1994-11-06T08:60:37Z", "1994-11-06T08:49:61Z",
        "1994-11-06T08:49:37+24:00", "1994-11-06T08:49:37+01:60", "1994-11-06T08:49:37+1:00",
        "1994-11-06T08:49:37+01:0", "1994-11-06T08:49:37+01:", "1994-11-06T08:49:37+",
        "1994-11-06T08:49:37+01:00x", "1994-11-06T08:49:37ZZ", "994-11-06T08:49:37Z",
        "19941106T084937Z", "+1994-11-06T08:49:37Z", "1994-11-06T0x:49:37Z", "now",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t wall_ms;

        if (aks_date_parse_iso(bad[i], strlen(bad[i]), &wall_ms))
            fail_msg("taken: %s", bad[i]);
    }
}

static void
iso_looks_at_no_byte_behind_the_length(void **state)
{
    int64_t wall_ms;

    assert_true(aks_date_parse_iso("1994-11-06T08:49:37Zgarbage", 20, &wall_ms));
    assert_int_equal(wall_ms, NOV_6_1994_MS);
    for (size_t len = 0; len < 20; len++)
        assert_false(aks_date_parse_iso("1994-11-06T08:49:37Z", len, &wall_ms));
    assert_false(aks_date_parse_iso("1994-11-06T08:49:37\0", 20, &wall_ms));
}

static void
http_dates_come_in_three_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } good[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", NOV_6_1994_MS },
        { "Sunday, 06-Nov-94 08:49:37 GMT", NOV_6_1994_MS },
        { "Sun Nov  6 08:49:37 1994", NOV_6_1994_MS },
        { " \tSun, 06 Nov 1994 08:49:37 GMT\t ", NOV_6_1994_MS },
        { "Sun Nov 16 08:49:37 1994", NOV_6_1994_MS + INT64_C(864000000) },
        { "Mon, 06 Nov 1994 08:49:37 GMT", NOV_6_1994_MS },     /* the wrong day of the week */
        { "Sat, 31 Dec 2016 23:59:60 GMT", INT64_C(1483228800000) },
        { "Friday, 24-May-13 00:00:00 GMT", INT64_C(1369353600000) },
        { "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
        { "Tuesday, 01-Jan-69 00:00:00 GMT", INT64_C(3124224000000) },
        { "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000) },
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t wall_ms = 12345;

        if (!aks_date_parse_http(good[i].text, &wall_ms))
            fail_msg("refused: %s", good[i].text);
        assert_int_equal(wall_ms, good[i].wall_ms);
    }
}

static void
http_dates_in_other_forms_are_refused(void **state)
{
    static const char *const bad[] = {
        "", " ", "Sun", "Sunday", "Sun,", "06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37", "Sun Nov 6 08:49:37 1994", "Sun Nov   6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94", "Sun Nov  6 08:49:37 1994 GMT", "Sun Nov 00 08:49:37 1994",
        "1994-11-06T08:49:37Z", "784111777", "Xyz, 06 Nov 1994 08:49:37 GMT",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t wall_ms;

        if (aks_date_parse_http(bad[i], &wall_ms))
            fail_msg("taken: %s", bad[i]);
    }
}

static void
retry_after_is_seconds_or_a_date_and_clamped(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        { "0", 0 },
        { "1", 1000 },
        { " 120\t", 120000 },
        { "0000000000000000000000000000005", 5000 },
        { "86400", AKS_RETRY_AFTER_MS_MAX },
        { "86401", AKS_RETRY_AFTER_MS_MAX },
        { "99999999999999999999999999999999999999", AKS_RETRY_AFTER_MS_MAX },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
        { "Sun, 06 Nov 1994 08:49:38 GMT", 1000 },
        { "Sun, 06 Nov 1994 08:49:36 GMT", 0 },
        { "Sun Nov  6 08:50:37 1994", 60000 },
        { "Mon, 07 Nov 1994 08:49:37 GMT", AKS_RETRY_AFTER_MS_MAX },
        { "Mon, 07 Nov 1994 08:49:36 GMT", AKS_RETRY_AFTER_MS_MAX - 1000 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", AKS_RETRY_AFTER_MS_MAX },
    };
    static const char *const bad[] = { "", " ", "-1", "+1", "1.5", "1 s", "1,2", "0x10", "soon",
        "Sun, 06 Nov 1994", "1e3" };
    int64_t ms;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ms = -1;
        if (!aks_date_retry_after(good[i].text, NOV_6_1994_MS, &ms))
            fail_msg("refused: %s", good[i].text);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (aks_date_retry_after(bad[i], NOV_6_1994_MS, &ms))
            fail_msg("taken: %s", bad[i]);
    }
}

static void
retry_after_stands_clocks_that_are_far_off(void **state)
{
    int64_t ms = -1;

    assert_true(aks_date_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MIN, &ms));
    assert_int_equal(ms, AKS_RETRY_AFTER_MS_MAX);
    assert_true(aks_date_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MAX, &ms));
    assert_int_equal(ms, 0);
}

static void
a_date_has_its_day_of_the_week(void **state)
{
    static const struct {
        const char *iso;
        int weekday;
    } days[] = {
        { "1970-01-01T00:00:00Z", 3 }, { "2000-02-29T23:59:59Z", 1 }, { "2026-11-22T12:00:00Z", 6 },
        { "2026-11-23T00:00:00Z", 0 }, { "9999-12-31T23:59:59Z", 4 },
    };
    struct aks_date_civil civil;
    int64_t wall_ms;

    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        assert_true(aks_date_parse_iso(days[i].iso, strlen(days[i].iso), &wall_ms));
        aks_date_civil(wall_ms, &civil);
        assert_int_equal(civil.weekday, days[i].weekday);
    }
    aks_date_civil(INT64_C(951868799999), &civil);
    assert_int_equal(civil.year, 2000);
    assert_int_equal(civil.month, 2);
    assert_int_equal(civil.day, 29);
    assert_int_equal(civil.hour, 23);
    assert_int_equal(civil.minute, 59);
    assert_int_equal(civil.second, 59);
    aks_date_civil(INT64_MIN, &civil);
    assert_int_equal(civil.year, 1970);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_as_iso_and_compact),
        cmocka_unit_test(dates_outside_of_four_digit_years_are_moved_inside),
        cmocka_unit_test(dates_survive_writing_and_reading_on_every_day_of_400_years),
        cmocka_unit_test(a_date_has_its_day_of_the_week),
        cmocka_unit_test(iso_takes_offsets_fractions_and_leaves_out_seconds),
        cmocka_unit_test(iso_refuses_everything_else),
        cmocka_unit_test(iso_looks_at_no_byte_behind_the_length),
        cmocka_unit_test(http_dates_come_in_three_forms),
        cmocka_unit_test(http_dates_in_other_forms_are_refused),
        cmocka_unit_test(retry_after_is_seconds_or_a_date_and_clamped),
        cmocka_unit_test(retry_after_stands_clocks_that_are_far_off),
    };

    return cmocka_run_group_tests_name("dates", tests, NULL, NULL);
}
