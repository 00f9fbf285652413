/* Whose a folder is, and what in it is a link. Another user is played by a port that says so. */
#include "engine/private_folder.h"

#include "os/os.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SOMEBODY 4321               /* neither root nor who runs tests */

struct world {
    struct aks_os *os;
    struct aks_port port;
    struct temp_folder *folder;
    const char *path;               /* the state folder */
    struct aks_error err;
};

static int
setup(void **state)
{
    static struct world world;

    memset(&world, 0, sizeof(world));
    assert_int_equal(aks_os_open(aks_alloc_system(), &world.os, NULL), AKS_OK);
    world.port = *aks_os_port(world.os);
    world.folder = temp_folder_new();
    world.path = temp_folder_join(world.folder, "state");
    assert_int_equal(mkdir(world.path, 0700), 0);
    *state = &world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    temp_folder_free(world->folder);
    aks_os_close(world->os);
    return 0;
}

static const char *
inside(struct world *world, const char *name)
{
    char path[100];

    (void)snprintf(path, sizeof(path), "state/%s", name);
    return temp_folder_join(world->folder, path);
}

static void
assert_refused(struct world *world, enum aks_status status, const char *message, const char *hint)
{
    assert_int_equal(status, AKS_FORBIDDEN);
    assert_non_null(strstr(world->err.message, message));
    assert_non_null(strstr(world->err.hint, hint));
}

static void
a_folder_of_ours_is_fine(void **state)
{
    struct world *world = *state;
    const char *link = temp_folder_join(world->folder, "link");

    assert_int_equal(aks_private_folder_check_all(&world->port, world->path, &world->err), AKS_OK);
    assert_int_equal(symlink(world->path, link), 0);
    assert_int_equal(aks_private_folder_check_all(&world->port, link, &world->err), AKS_OK);
    assert_int_equal(aks_private_folder_check_settings(&world->port, link, &world->err), AKS_OK);
    assert_int_equal(aks_private_folder_check(&world->port,
            temp_folder_join(world->folder, "nothing"), &world->err), AKS_NOT_FOUND);
    assert_int_equal(aks_private_folder_check_settings(&world->port,
            temp_folder_join(world->folder, "nothing"), &world->err), AKS_NOT_FOUND);
}

static void
a_folder_of_somebody_else_is_refused(void **state)
{
    struct world *world = *state;
    const char *link = temp_folder_join(world->folder, "link");

    assert_int_equal(symlink(world->path, link), 0);
    world->port.files.uid = SOMEBODY;
    assert_refused(world, aks_private_folder_check(&world->port, world->path, &world->err),
        "belongs to somebody else", "run it as that user");
    /* Root may have put a link there, and settings too: then what they lead to counts. */
    assert_refused(world, aks_private_folder_check(&world->port, link, &world->err),
        "belongs to somebody else", "run it as that user");
    if (geteuid() != 0)
        assert_refused(world, aks_private_folder_check_settings(&world->port, world->path,
                &world->err), "belongs to somebody else", "run it as that user");
    else
        assert_int_equal(aks_private_folder_check_settings(&world->port, world->path, &world->err),
            AKS_OK);
}

static void
a_folder_that_others_may_change_is_refused(void **state)
{
    static const mode_t modes[] = { 0720, 0702, 01777 };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(world->path, modes[i]), 0);
        assert_refused(world, aks_private_folder_check(&world->port, world->path, &world->err),
            "can be written by others (mode ", "chmod 700 '");
    }
    assert_refused(world, aks_private_folder_check_settings(&world->port, world->path,
            &world->err), "can be written by others (mode 1777)", "chmod go-w '");
    /* A group of one's own writes into many a folder of settings. */
    assert_int_equal(chmod(world->path, 0775), 0);
    assert_int_equal(aks_private_folder_check_settings(&world->port, world->path, &world->err),
        AKS_OK);
    assert_int_equal(chmod(world->path, 0755), 0);
    assert_int_equal(aks_private_folder_check(&world->port, world->path, &world->err), AKS_OK);
}

static void
what_is_no_folder_is_refused(void **state)
{
    struct world *world = *state;
    const char *file = temp_folder_write(world->folder, "file", "x", 1);

    assert_refused(world, aks_private_folder_check(&world->port, file, &world->err),
        "is no folder", "");
}

static void
links_among_what_is_ours_are_refused(void **state)
{
    static const char *const names[] = { "queue", "scratch", "snapshots", "drill", "state.db",
        "state.db-wal", "state.db-shm", "state.lock", "audit.jsonl", "worker.lock",
        "delivery.lock" };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *link = inside(world, names[i]);

        assert_int_equal(symlink("/nowhere", link), 0);
        assert_refused(world, aks_private_folder_check_all(&world->port, world->path, &world->err),
            "is a link, which is not followed here", "move it away");
        assert_non_null(strstr(world->err.message, names[i]));
        assert_int_equal(unlink(link), 0);
    }
    assert_int_equal(mkdir(inside(world, "queue"), 0700), 0);
    assert_int_equal(symlink("/nowhere", inside(world, "queue/.lock")), 0);
    assert_refused(world, aks_private_folder_check_all(&world->port, world->path, &world->err),
        "queue/.lock is a link", "move it away");
    assert_int_equal(unlink(inside(world, "queue/.lock")), 0);
    /* Of a person's own we know nothing. */
    assert_int_equal(symlink("/nowhere", inside(world, "mine")), 0);
    assert_int_equal(aks_private_folder_check_all(&world->port, world->path, &world->err), AKS_OK);
}

static void
a_file_of_somebody_else_among_them_is_refused(void **state)
{
    struct world *world = *state;

    (void)temp_folder_write(world->folder, "state/audit.jsonl", "", 0);
    assert_int_equal(aks_private_folder_check_all(&world->port, world->path, &world->err), AKS_OK);
    if (geteuid() != 0)
        return;             /* nobody else can give a file away */
    assert_int_equal(chown(inside(world, "audit.jsonl"), SOMEBODY, SOMEBODY), 0);
    assert_refused(world, aks_private_folder_check_all(&world->port, world->path, &world->err),
        "audit.jsonl belongs to somebody else (user 4321)", "run it as that user");
}

static void
an_open_folder_above_is_found(void **state)
{
    struct world *world = *state;
    const char *deep = inside(world, "a/b");

    assert_int_equal(mkdir(inside(world, "a"), 0700), 0);
    assert_int_equal(aks_private_folder_open_parent(&world->port, deep), 0);
    assert_int_equal(chmod(world->path, 01777), 0);
    assert_int_equal(aks_private_folder_open_parent(&world->port, deep), 0);
    assert_int_equal(chmod(world->path, 0777), 0);
    assert_int_equal(aks_private_folder_open_parent(&world->port, deep), strlen(world->path));
    /* It is about what lies above. */
    assert_int_equal(aks_private_folder_open_parent(&world->port, world->path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_of_ours_is_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_somebody_else_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_others_may_change_is_refused, setup,
            teardown),
        cmocka_unit_test_setup_teardown(what_is_no_folder_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(links_among_what_is_ours_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_somebody_else_among_them_is_refused, setup,
            teardown),
        cmocka_unit_test_setup_teardown(an_open_folder_above_is_found, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
