#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct aks_os *os;
static const struct aks_port *port;

static int
setup(void **state)
{
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    port = aks_os_port(os);
    return 0;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    return 0;
}

static void
variables_are_found_by_name_and_by_place(void **state)
{
    unsigned found = 0;
    unsigned count = 0;
    const char *entry;

    assert_int_equal(setenv("AKOSHA_TEST_VARIABLE", "some value", 1), 0);
    assert_string_equal(port->environment.get(port->environment.ctx, "AKOSHA_TEST_VARIABLE"),
        "some value");
    while ((entry = port->environment.at(port->environment.ctx, count)) != NULL) {
        found += strcmp(entry, "AKOSHA_TEST_VARIABLE=some value") == 0;
        count++;
    }
    assert_int_equal(found, 1);
    assert_null(port->environment.at(port->environment.ctx, count + 1000));
    assert_int_equal(unsetenv("AKOSHA_TEST_VARIABLE"), 0);
    assert_null(port->environment.get(port->environment.ctx, "AKOSHA_TEST_VARIABLE"));
}

static void
home_is_the_variable_or_else_the_password_file_s(void **state)
{
    const char *variable = getenv("HOME");
    char *before = variable != NULL ? strdup(variable) : NULL;
    const char *home;

    assert_int_equal(setenv("HOME", "/home/of/a/test", 1), 0);
    assert_string_equal(port->environment.home(port->environment.ctx), "/home/of/a/test");
    assert_int_equal(unsetenv("HOME"), 0);
    home = port->environment.home(port->environment.ctx);
    assert_true(home[0] == '/' || home[0] == '\0');
    assert_string_not_equal(home, "/home/of/a/test");
    assert_int_equal(setenv("HOME", "of/a/test", 1), 0);
    home = port->environment.home(port->environment.ctx);
    assert_true(home[0] == '/' || home[0] == '\0');
    assert_int_equal(unsetenv("HOME"), 0);
    if (before != NULL)
        assert_int_equal(setenv("HOME", before, 1), 0);
    free(before);
}

static void
host_name_and_working_folder_are_the_system_s(void **state)
{
    char host[256] = { 0 };
    char *folder = getcwd(NULL, 0);

    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    assert_string_equal(port->environment.host_name(port->environment.ctx), host);
    assert_non_null(folder);
    assert_string_equal(port->environment.working_folder(port->environment.ctx), folder);
    free(folder);
}

static void
clocks_go_forward_and_know_the_year(void **state)
{
    int64_t before_ns = port->clock.now_ns(port->clock.ctx);
    int64_t wall_ms = port->clock.wall_ms(port->clock.ctx);

    assert_true(before_ns > 0);
    assert_true(port->clock.now_ns(port->clock.ctx) >= before_ns);
    /* From 2020 to 2200: milliseconds, and not seconds or microseconds. */
    assert_true(wall_ms > INT64_C(1577836800000));
    assert_true(wall_ms < INT64_C(7258118400000));
}

static int32_t
offset_in(const char *zone, int64_t wall_ms)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    return aks_clock_utc_offset_s(&port->clock, wall_ms);
}

/* Zones that are written out, so that the machine needs no files of them. */
static void
local_time_is_that_of_the_zone_and_of_the_season(void **state)
{
    static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";
    const char *variable = getenv("TZ");
    char *before = variable != NULL ? strdup(variable) : NULL;
    int64_t winter_ms = INT64_C(1795416300000);     /* 2026-11-23T06:45:00Z */
    int64_t summer_ms = INT64_C(1784000000000);     /* in July */
    int64_t change_ms = INT64_C(1774746000000);     /* 2026-03-29T01:00:00Z */

    assert_int_equal(offset_in("UTC0", winter_ms), 0);
    assert_int_equal(offset_in(berlin, winter_ms), 3600);
    assert_int_equal(offset_in(berlin, summer_ms), 7200);
    assert_int_equal(offset_in(berlin, change_ms - 1), 3600);
    assert_int_equal(offset_in(berlin, change_ms), 7200);
    assert_int_equal(offset_in("NST3:30", winter_ms), -12600);
    assert_int_equal(unsetenv("TZ"), 0);
    if (before != NULL)
        assert_int_equal(setenv("TZ", before, 1), 0);
    free(before);
}

static void
entropy_fills_all_of_it_and_differently(void **state)
{
    unsigned char one[1000] = { 0 };
    unsigned char two[1000] = { 0 };
    unsigned zeros = 0;

    assert_int_equal(port->entropy.fill(port->entropy.ctx, one, sizeof(one), NULL), AKS_OK);
    assert_int_equal(port->entropy.fill(port->entropy.ctx, two, sizeof(two), NULL), AKS_OK);
    assert_int_equal(port->entropy.fill(port->entropy.ctx, two, 0, NULL), AKS_OK);
    assert_memory_not_equal(one, two, sizeof(one));
    for (size_t i = 0; i < sizeof(one); i++)
        zeros += one[i] == 0;
    /* About 4 of 1000 are zero by chance. */
    assert_true(zeros < 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_found_by_name_and_by_place),
        cmocka_unit_test(home_is_the_variable_or_else_the_password_file_s),
        cmocka_unit_test(host_name_and_working_folder_are_the_system_s),
        cmocka_unit_test(clocks_go_forward_and_know_the_year),
        cmocka_unit_test(local_time_is_that_of_the_zone_and_of_the_season),
        cmocka_unit_test(entropy_fills_all_of_it_and_differently),
    };

    return cmocka_run_group_tests_name("environment", tests, setup, teardown);
}
