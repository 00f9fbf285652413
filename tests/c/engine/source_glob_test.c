#include "engine/source_glob.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    struct aks_files files;
    const char *closed;             /* a folder that may not be listed, or NULL */
    char **paths;
    size_t count;
    size_t names_left;
    struct aks_error err;
};

static enum aks_status
list(void *ctx, const char *path,
    enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
    void *each_ctx, struct aks_error *err)
{
    struct world *world = ctx;

    if (world->closed != NULL && strcmp(path, world->closed) == 0)
        return aks_error_set(err, AKS_FORBIDDEN, "cannot list %s: Permission denied", path);
    return world->files.list(world->files.ctx, path, each, each_ctx, err);
}

static enum aks_status
stat_as_ever(void *ctx, const char *path, bool follow_links, struct aks_file_info *ret_info,
    struct aks_error *err)
{
    struct world *world = ctx;

    return world->files.stat(world->files.ctx, path, follow_links, ret_info, err);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = *aks_os_port(world->os);
    world->files = world->port.files;
    world->port.files.list = list;
    world->port.files.stat = stat_as_ever;
    world->port.files.ctx = world;
    *state = world;
    return 0;
}

static void
forget(struct world *world)
{
    aks_source_glob_free(aks_alloc_system(), world->paths, world->count);
    world->paths = NULL;
    world->count = 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    forget(world);
    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static void
put(struct world *world, const char *name)
{
    (void)temp_folder_write(world->folder, name, "x", 1);
}

static void
make(struct world *world, const char *name)
{
    assert_int_equal(mkdir(temp_folder_join(world->folder, name), 0700), 0);
}

static enum aks_status
find_at_most(struct world *world, const char *pattern, size_t max, size_t names)
{
    forget(world);
    world->names_left = names;
    return aks_source_glob(&world->port, temp_folder_join(world->folder, pattern), max,
        &world->names_left, &world->paths, &world->count, &world->err);
}

/* The names of what is found, below the folder. */
static const char *
found(struct world *world, const char *pattern)
{
    static char text[1000];
    size_t skip = strlen(temp_folder_path(world->folder)) + 1;

    assert_int_equal(find_at_most(world, pattern, 100, AKS_SOURCE_GLOB_NAMES_MAX), AKS_OK);
    text[0] = '\0';
    for (size_t i = 0; i < world->count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, world->paths[i] + skip);
    }
    return text;
}

static void
files_are_found_in_byte_order_of_their_paths(void **state)
{
    struct world *world = *state;

    make(world, "a");
    make(world, "a-b");
    make(world, "a/deep");
    put(world, "a/x.db");
    put(world, "a-b/x.db");
    put(world, "a/deep/y.db");
    put(world, "b.db");
    put(world, "B.db");
    put(world, "\xff.db");
    assert_string_equal(found(world, "*/x.db"), "a-b/x.db a/x.db");
    assert_string_equal(found(world, "?.db"), "B.db b.db \xff.db");
    assert_string_equal(found(world, "a/*/[xy].db"), "a/deep/y.db");
    assert_string_equal(found(world, "*/*/*/*"), "");
    assert_string_equal(found(world, "none/*.db"), "");
    assert_string_equal(found(world, "b.db/*"), "");
}

static void
only_files_are_found(void **state)
{
    struct world *world = *state;

    make(world, "folder.db");
    assert_int_equal(mkfifo(temp_folder_join(world->folder, "pipe.db"), 0600), 0);
    put(world, "real");
    assert_int_equal(symlink("real", temp_folder_join(world->folder, "link.db")), 0);
    assert_int_equal(symlink("nowhere", temp_folder_join(world->folder, "broken.db")), 0);
    assert_int_equal(symlink("loop.db", temp_folder_join(world->folder, "loop.db")), 0);
    assert_int_equal(symlink("folder.db", temp_folder_join(world->folder, "way")), 0);
    put(world, "folder.db/inner.db");
    /* What cannot be found out about a loop of links is told when it is opened. */
    assert_string_equal(found(world, "*.db"), "link.db loop.db");
    assert_string_equal(found(world, "w*/*.db"), "way/inner.db");
}

static void
what_belongs_to_a_database_is_not_found(void **state)
{
    static const char *const names[] = { "m.db", "m.db-wal", "m.db-shm", "m.db-journal",
        "r.duckdb", "r.duckdb.wal", "r.duckdb.wal.checkpoint", "r.duckdb.wal.recovery",
        ".hidden.db", "wal", "a b.db" };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        put(world, names[i]);
    make(world, "r.duckdb.tmp");
    put(world, "r.duckdb.tmp/duckdb_temp_storage-0");
    assert_string_equal(found(world, "*"), "a b.db m.db r.duckdb wal");
    assert_string_equal(found(world, "*/*"), "");
    assert_string_equal(found(world, ".*"), ".hidden.db");
    assert_string_equal(found(world, "m.db*"), "m.db");
}

static void
a_name_with_a_line_end_is_one_like_any_other(void **state)
{
    struct world *world = *state;

    put(world, "a\nb.db");
    assert_string_equal(found(world, "a*.db"), "a\nb.db");
}

static void
a_folder_that_cannot_be_listed_is_told_and_the_rest_kept(void **state)
{
    struct world *world = *state;

    make(world, "a");
    make(world, "b");
    put(world, "a/x.db");
    put(world, "b/y.db");
    world->closed = temp_folder_join(world->folder, "b");
    assert_int_equal(find_at_most(world, "*/*.db", 100, 100), AKS_SOURCE_UNREADABLE);
    assert_non_null(strstr(world->err.message, "/*/*.db: cannot list "));
    assert_int_equal(world->count, 1);
}

static void
limits_are_kept(void **state)
{
    struct world *world = *state;

    for (char name[] = "a.db"; name[0] <= 'e'; name[0]++)
        put(world, name);
    assert_int_equal(find_at_most(world, "*.db", 3, 100), AKS_OK);
    assert_int_equal(world->count, 4);
    assert_int_equal(find_at_most(world, "*.db", 100, 5), AKS_OK);
    assert_int_equal(world->count, 5);
    assert_int_equal(world->names_left, 0);
    assert_int_equal(find_at_most(world, "*.db", 100, 4), AKS_SOURCE_UNREADABLE);
    assert_non_null(strstr(world->err.message, "more than 100000 names"));
}

static int
finds(void *ctx, const struct aks_alloc *alloc)
{
    struct world *world = ctx;
    struct aks_port port = world->port;
    size_t names = 100;
    enum aks_status status;
    char **paths;
    size_t count;

    port.alloc = alloc;
    status = aks_source_glob(&port, temp_folder_join(world->folder, "*/*.db"), 100, &names, &paths,
        &count, NULL);
    aks_source_glob_free(alloc, paths, count);
    assert_true(status == AKS_OK || status == AKS_LIMIT);
    return 0;
}

static void
every_failure_to_allocate_is_survived(void **state)
{
    struct world *world = *state;

    make(world, "a");
    put(world, "a/x.db");
    put(world, "a/y.db");
    failing_alloc_loop(finds, world, 20);
}

int
main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(files_are_found_in_byte_order_of_their_paths),
        WITH_WORLD(only_files_are_found),
        WITH_WORLD(what_belongs_to_a_database_is_not_found),
        WITH_WORLD(a_name_with_a_line_end_is_one_like_any_other),
        WITH_WORLD(a_folder_that_cannot_be_listed_is_told_and_the_rest_kept),
        WITH_WORLD(limits_are_kept),
        WITH_WORLD(every_failure_to_allocate_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
