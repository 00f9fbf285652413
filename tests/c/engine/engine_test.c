/* The engine opened and closed, and what it is called. */
#include "engine/engine.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct world {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    const char *variable;           /* of AKOSHA_SYSTEM_ID */
    const char *older;              /* of SESSION_BUDDY_AKOSHA_SYSTEM_ID */
    const char *host_name;
};

static const char *
env_get(void *ctx, const char *name)
{
    const struct world *world = ctx;

    if (strcmp(name, "AKOSHA_SYSTEM_ID") == 0)
        return world->variable;
    return strcmp(name, "SESSION_BUDDY_AKOSHA_SYSTEM_ID") == 0 ? world->older : NULL;
}

static const char *
env_host_name(void *ctx)
{
    const struct world *world = ctx;

    return world->host_name;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    world->host_name = "";
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = *aks_os_port(world->os);
    world->port.environment.get = env_get;
    world->port.environment.host_name = env_host_name;
    world->port.environment.ctx = world;
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static void
assert_system_id(struct world *world, const struct aks_settings *settings, const char *expected)
{
    char id[AKS_SYSTEM_ID_BYTES];

    aks_engine_system_id(&world->port, settings, id);
    assert_string_equal(id, expected);
}

static void
system_is_called_what_is_nearest(void **state)
{
    struct aks_settings settings = { 0 };
    struct world *world = *state;
    char own[] = "own";

    assert_system_id(world, &settings, "unknown-system");
    world->host_name = "host.example";
    assert_system_id(world, &settings, "host-example");
    world->older = "older";
    assert_system_id(world, &settings, "older");
    world->variable = "a/b \xc3\xa9_9";
    assert_system_id(world, &settings, "a-b---_9");
    world->variable = "";
    assert_system_id(world, &settings, "older");
    settings.system_id = own;
    assert_system_id(world, &settings, "own");
}

static enum aks_status
open_at(struct world *world, const struct aks_alloc *alloc, const char *name,
    struct aks_error *err)
{
    struct aks_engine_options options = { 0 };
    struct aks_engine *engine = NULL;
    struct aks_audit *audit = NULL;
    struct aks_port port = world->port;
    enum aks_status status;

    port.alloc = alloc;
    options.port = &port;
    options.state_folder = temp_folder_join(world->folder, name);
    status = aks_engine_open(&options, &engine, err);
    if (status == AKS_OK)
        status = aks_engine_audit(engine, &audit, err);
    aks_engine_close(engine);
    return status;
}

static void
state_folder_is_made_for_its_owner_alone(void **state)
{
    struct world *world = *state;
    struct stat info;

    assert_int_equal(open_at(world, aks_alloc_system(), "a/b/c", NULL), AKS_OK);
    assert_int_equal(stat(temp_folder_join(world->folder, "a/b/c"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(stat(temp_folder_join(world->folder, "a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void
state_folder_below_a_file_is_told(void **state)
{
    struct world *world = *state;
    struct aks_error err;

    temp_folder_write(world->folder, "file", "x", 1);
    assert_int_equal(open_at(world, aks_alloc_system(), "file/state", &err), AKS_STATE);
    assert_non_null(strstr(err.message, "file"));
}

static int
open_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_error err;
    enum aks_status status = open_at(ctx, alloc, "state", &err);

    assert_true(status == AKS_OK || status == AKS_LIMIT || status == AKS_STATE);
    return 0;
}

static void
engine_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(open_in, *state, 100);
}

int
main(void)
{
#define ENGINE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(system_is_called_what_is_nearest),
        ENGINE_TEST(state_folder_is_made_for_its_owner_alone),
        ENGINE_TEST(state_folder_below_a_file_is_told),
        ENGINE_TEST(engine_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
