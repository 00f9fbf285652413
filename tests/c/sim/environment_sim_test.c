#include "sim/environment_sim.h"

#include "sim/sim.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct aks_sim_options options = { .host_name = "laptop-7", .home = "/home/person",
    .working_folder = "/work" };

static struct aks_environment_sim environment;
static struct aks_environment port;

static int
setup(void **state)
{
    port = aks_environment_sim_port(&environment);
    return aks_environment_sim_init(&environment, aks_alloc_system(), &options, NULL);
}

static int
teardown(void **state)
{
    aks_environment_sim_fini(&environment);
    return 0;
}

static void
set(const char *name, const char *value)
{
    assert_int_equal(aks_environment_sim_set(&environment, name, value, NULL), AKS_OK);
}

static void
person_and_machine_are_as_made(void **state)
{
    assert_string_equal(port.host_name(port.ctx), "laptop-7");
    assert_string_equal(port.home(port.ctx), "/home/person");
    assert_string_equal(port.working_folder(port.ctx), "/work");
    assert_string_equal(port.get(port.ctx, "HOME"), "/home/person");
    assert_string_equal(port.at(port.ctx, 0), "HOME=/home/person");
    assert_null(port.at(port.ctx, 1));
}

static void
variables_are_set_replaced_and_removed(void **state)
{
    assert_null(port.get(port.ctx, "A"));
    set("A", NULL);
    set("A", "1");
    assert_string_equal(port.get(port.ctx, "A"), "1");
    set("A", "another=value");
    assert_string_equal(port.get(port.ctx, "A"), "another=value");
    set("A", "");
    assert_string_equal(port.get(port.ctx, "A"), "");
    set("A", NULL);
    assert_null(port.get(port.ctx, "A"));
    assert_string_equal(port.at(port.ctx, 0), "HOME=/home/person");
    assert_null(port.at(port.ctx, 1));
}

/* Names that begin alike, with bytes before and after '='. */
static void
names_that_begin_alike_are_told_apart(void **state)
{
    static const char *const names[] = { "AA", "A", "A.B", "A1", "ABC", "A_", "HOM", "HOME_" };
    static const char *const sorted[] = { "A.B=2", "A1=3", "A=1", "AA=0", "ABC=4", "A_=5", "HOM=6",
        "HOME=/home/person", "HOME_=7" };
    char value[2] = "0";

    for (unsigned i = 0; i < 8; i++, value[0]++)
        set(names[i], value);
    for (unsigned i = 0; i < 9; i++)
        assert_string_equal(port.at(port.ctx, i), sorted[i]);
    assert_null(port.at(port.ctx, 9));
    value[0] = '0';
    for (unsigned i = 0; i < 8; i++, value[0]++)
        assert_string_equal(port.get(port.ctx, names[i]), value);
    for (unsigned i = 0; i < 8; i++) {
        set(names[i], NULL);
        assert_null(port.get(port.ctx, names[i]));
    }
    assert_string_equal(port.at(port.ctx, 0), "HOME=/home/person");
}

static void
names_that_no_variable_can_have_are_refused(void **state)
{
    struct aks_error err;

    assert_int_equal(aks_environment_sim_set(&environment, "A=B", "1", &err), AKS_SETTINGS);
    assert_string_equal(err.message, "\"A=B\" cannot be a variable's name");
    assert_int_equal(aks_environment_sim_set(&environment, "", "1", &err), AKS_SETTINGS);
    assert_int_equal(aks_environment_sim_set(&environment, "", NULL, &err), AKS_SETTINGS);
}

static void
variables_have_a_maximum(void **state)
{
    char name[16];
    struct aks_error err;

    for (unsigned i = 1; i < AKS_SIM_VARIABLES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "N%u", i);
        set(name, "1");
    }
    assert_int_equal(aks_environment_sim_set(&environment, "ONE_MORE", "1", &err), AKS_LIMIT);
    assert_string_equal(err.message, "a simulated environment holds 256 variables");
    set("N7", "another");
    assert_string_equal(port.get(port.ctx, "N7"), "another");
    set("N7", NULL);
    set("ONE_MORE", "1");
    assert_string_equal(port.get(port.ctx, "ONE_MORE"), "1");
}

static int
make_and_set(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_environment_sim own;
    enum aks_status status = aks_environment_sim_init(&own, alloc, &options, NULL);

    if (status == AKS_OK)
        status = aks_environment_sim_set(&own, "A", "1", NULL);
    if (status == AKS_OK)
        status = aks_environment_sim_set(&own, "A", "2", NULL);
    aks_environment_sim_fini(&own);
    aks_environment_sim_fini(&own);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
environment_without_memory_keeps_nothing(void **state)
{
    failing_alloc_loop(make_and_set, NULL, 30);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(person_and_machine_are_as_made),
        TEST(variables_are_set_replaced_and_removed),
        TEST(names_that_begin_alike_are_told_apart),
        TEST(names_that_no_variable_can_have_are_refused),
        TEST(variables_have_a_maximum),
        cmocka_unit_test(environment_without_memory_keeps_nothing),
    };

    return cmocka_run_group_tests_name("simulated environment", tests, NULL, NULL);
}
