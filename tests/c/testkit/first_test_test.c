/* A first test of a policy is what the policy does. */
#include "testkit/first_test.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Each round makes worlds and runs the engine in them: not every allocation, but some of each
 * part. */
#define FAILURES_STEP 211
#define FAILURES_MAX 40000

#define HEAD "local akosha = require 'akosha'\nreturn akosha.policy { api = 1, "
#define CLOUD "cloud = akosha.s3 { bucket = 'memories' }, "
#define HTTP "far = akosha.http { url = 'https://far.example/x' }, "

struct world {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_buf out;
    struct aks_error err;
};

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, &world->err), AKS_OK);
    aks_buf_init(&world->out, aks_alloc_system(), AKS_FIRST_TEST_BYTES_MAX);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_buf_fini(&world->out);
    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static enum aks_status
write(struct world *world, const char *name, const char *text)
{
    const char *path = temp_folder_write(world->folder, name, text, strlen(text));

    aks_buf_reset(&world->out);
    return aks_first_test_write(aks_os_port(world->os), path, &world->out, &world->err);
}

static void
assert_has(struct world *world, const char *text)
{
    if (strstr(world->out.data, text) == NULL)
        fail_msg("no \"%s\" in\n%s", text, world->out.data);
}

static void
assert_lacks(struct world *world, const char *text)
{
    if (strstr(world->out.data, text) != NULL)
        fail_msg("\"%s\" in\n%s", text, world->out.data);
}

static void
every_target_of_the_route_has_its_test(void **state)
{
    struct world *world = *state;

    assert_int_equal(write(world, "my-policy.lua", HEAD "sources = { 'a.bin' }, targets = { " CLOUD
        HTTP "}, route = { 'far', 'cloud' } }"), AKS_OK);
    assert_has(world, "TestMyPolicy = {}");
    assert_has(world, "TestMyPolicy:test_stores_in_far()");
    assert_has(world, "TestMyPolicy:test_a_second_run_is_unchanged()");
    assert_has(world, "TestMyPolicy:test_falls_back_to_cloud()");
    assert_has(world, "TestMyPolicy:test_without_an_answer_it_is_queued()");
    assert_has(world, "TestMyPolicy:test_waits_as_long_as_asked_by_far()");
    assert_has(world, "lu.assertTrue(world:now() >= 40)");
}

static void
what_the_policy_does_is_written_down_whatever_it_is(void **state)
{
    struct world *world = *state;

    assert_int_equal(write(world, "p.lua", HEAD "sources = { 'a.bin' }, targets = { " CLOUD HTTP
        "}, route = { 'cloud', 'far' }, dedup = 'always',\n"
        "retry = function() return akosha.next_target end }"), AKS_OK);
    assert_has(world, "TestP:test_does_not_wait_for_cloud()");
    assert_has(world, "lu.assertTrue(world:now() < 40)");
    assert_has(world, "TestP:test_a_second_run_is_stored()");
}

static void
a_policy_without_sources_is_given_one(void **state)
{
    struct world *world = *state;

    assert_int_equal(write(world, "p.lua", HEAD "targets = { d = akosha.dir { path = '/d' } } }"),
        AKS_OK);
    assert_has(world, "files = { [\"example.bin\"] = sim.bytes(20 * sim.KiB) }");
    assert_has(world, "world:run { sources = { \"example.bin\" } }");
    assert_has(world, "TestP:test_stores_in_d()");
    assert_lacks(world, "refused");
}

static void
a_policy_that_does_not_load_is_told_by_its_own_path(void **state)
{
    struct world *world = *state;

    assert_int_equal(write(world, "p.lua", "return {\n  x = = 1 }"), AKS_POLICY);
    assert_non_null(strstr(world->err.message, "/p.lua:2: unexpected symbol"));
    assert_null(strstr(world->err.message, "/home/person"));
    assert_int_equal(write(world, "q.lua", HEAD "targets = { c = akosha.s3 { "
        "bucket = akosha.env 'AKOSHA_OTHER' } } }"), AKS_POLICY);
    assert_non_null(strstr(world->err.hint, "a test sets variables with sim.world { env = {"));
    assert_int_equal(aks_first_test_write(aks_os_port(world->os),
        temp_folder_join(world->folder, "absent.lua"), &world->out, &world->err), AKS_POLICY);
}

static void
modules_beside_the_policy_come_along(void **state)
{
    static const char module[] = "return { bucket = 'from-a-module' }";
    struct world *world = *state;

    (void)temp_folder_write(world->folder, "names.lua", module, strlen(module));
    assert_int_equal(write(world, "p.lua",
        "local akosha, names = require 'akosha', require 'names'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = names.bucket } } }"), AKS_OK);
    assert_has(world, "TestP:test_stores_in_cloud()");
}

static void
allocations_may_fail(void **state)
{
    static const char text[] = HEAD "sources = { 'a.bin' }, targets = { " CLOUD "} }";
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "p.lua", text, strlen(text));
    struct failing_alloc failing;
    struct aks_port port = *aks_os_port(world->os);
    enum aks_status status = AKS_LIMIT;
    bool failed = true;

    failing_alloc_init(&failing);
    port.alloc = &failing.alloc;
    for (int64_t at = 0; failed; at += FAILURES_STEP) {
        failing.seen = 0;
        failing.fail_at = at;
        aks_buf_reset(&world->out);
        status = aks_first_test_write(&port, path, &world->out, &world->err);
        assert_int_equal(failing.outstanding, 0);
        assert_true(at < FAILURES_MAX);
        failed = failing.seen > at;
    }
    assert_int_equal(status, AKS_OK);
}

int
main(void)
{
#define FIRST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FIRST_TEST(every_target_of_the_route_has_its_test),
        FIRST_TEST(what_the_policy_does_is_written_down_whatever_it_is),
        FIRST_TEST(a_policy_without_sources_is_given_one),
        FIRST_TEST(a_policy_that_does_not_load_is_told_by_its_own_path),
        FIRST_TEST(modules_beside_the_policy_come_along),
        FIRST_TEST(allocations_may_fail),
    };

    return cmocka_run_group_tests_name("first_test", tests, NULL, NULL);
}
