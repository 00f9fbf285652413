/* Files of tests in real folders. */
#include "cli/test_find.h"

#include "os/files_posix.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct temp_folder *folder;
    struct aks_files files;
    struct aks_test_find find;
    struct aks_error err;
};

static void
make_folder(struct world *world, const char *name)
{
    assert_int_equal(mkdir(temp_folder_join(world->folder, name), 0700), 0);
}

static void
make_file(struct world *world, const char *name)
{
    (void)temp_folder_write(world->folder, name, "", 0);
}

static void
make_link(struct world *world, const char *to, const char *name)
{
    assert_int_equal(symlink(to, temp_folder_join(world->folder, name)), 0);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    aks_files_posix_init(&world->files, aks_alloc_system());
    aks_test_find_init(&world->find, aks_alloc_system(), &world->files,
        temp_folder_path(world->folder));
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_test_find_fini(&world->find);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static void
assert_found(struct world *world, const char *const *expected, size_t count)
{
    for (size_t i = 0; i < count && i < world->find.count; i++)
        assert_string_equal(world->find.paths[i], expected[i]);
    assert_int_equal(world->find.count, count);
}

static enum aks_status
add(struct world *world, const char *path)
{
    return aks_test_find_add(&world->find, &path, 1, &world->err);
}

static void
assert_wrong(struct world *world, const char *path, const char *says)
{
    assert_int_equal(add(world, path), AKS_SETTINGS);
    assert_non_null(strstr(world->err.message, says));
}

static void
tests_of_a_folder_are_found_in_order(void **state)
{
    static const char *const expected[] = { "t/a_test.lua", "t/b/c/deep_test.lua", "t/z_test.lua" };
    struct world *world = *state;

    make_folder(world, "t");
    make_folder(world, "t/b");
    make_folder(world, "t/b/c");
    make_file(world, "t/z_test.lua");
    make_file(world, "t/a_test.lua");
    make_file(world, "t/b/c/deep_test.lua");
    make_file(world, "t/helper.lua");
    make_file(world, "t/_test.lua");
    make_file(world, "t/a_test.lua.orig");
    assert_int_equal(add(world, "t"), AKS_OK);
    assert_found(world, expected, 3);
}

static void
paths_that_are_named_count_once(void **state)
{
    static const char *const expected[] = { "t/a_test.lua", "t/other.lua" };
    static const char *const paths[] = { "./t", "t/other.lua", "t/", "t/a_test.lua",
        ".//t/../t/other.lua" };
    struct world *world = *state;

    make_folder(world, "t");
    make_file(world, "t/a_test.lua");
    make_file(world, "t/other.lua");
    assert_int_equal(aks_test_find_add(&world->find, paths, 4, &world->err), AKS_OK);
    assert_found(world, expected, 2);
}

static void
hidden_names_are_passed_over(void **state)
{
    static const char *const expected[] = { "t/a_test.lua" };
    struct world *world = *state;

    make_folder(world, "t");
    make_folder(world, "t/.git");
    make_file(world, "t/.git/b_test.lua");
    make_file(world, "t/.c_test.lua");
    make_file(world, "t/a_test.lua");
    assert_int_equal(add(world, "t"), AKS_OK);
    assert_found(world, expected, 1);
}

static void
links_lead_to_files_within_the_folder_only(void **state)
{
    static const char *const expected[] = { "t/a_test.lua", "t/inside_test.lua" };
    struct world *world = *state;

    make_folder(world, "t");
    make_folder(world, "tt");
    make_file(world, "t/a_test.lua");
    make_file(world, "outside_test.lua");
    make_file(world, "tt/sibling_test.lua");
    make_link(world, "a_test.lua", "t/inside_test.lua");
    make_link(world, "../outside_test.lua", "t/outside_test.lua");
    make_link(world, "../tt/sibling_test.lua", "t/sibling_test.lua");
    make_link(world, "nowhere", "t/dangling_test.lua");
    make_link(world, ".", "t/loop");
    make_link(world, "loop_test.lua", "t/loop_test.lua");
    assert_int_equal(add(world, "t"), AKS_OK);
    assert_found(world, expected, 2);
}

static void
a_link_that_is_named_is_followed(void **state)
{
    static const char *const expected[] = { "l/a_test.lua" };
    struct world *world = *state;

    make_folder(world, "t");
    make_file(world, "t/a_test.lua");
    make_link(world, "t", "l");
    assert_int_equal(add(world, "l"), AKS_OK);
    assert_found(world, expected, 1);
}

static void
where_nothing_is_it_says_what_was_looked_for(void **state)
{
    struct world *world = *state;

    make_folder(world, "t");
    make_file(world, "t/helper.lua");
    assert_wrong(world, "t", "no tests: no *_test.lua in t");
    assert_non_null(strstr(world->err.hint, "--new"));
    assert_wrong(world, "absent", "no tests: there is no absent");
    assert_wrong(world, "t/helper.lua/x", "no tests: there is no t/helper.lua/x");
    assert_wrong(world, "", "an empty path");
    assert_int_equal(mkfifo(temp_folder_join(world->folder, "pipe_test.lua"), 0600), 0);
    assert_wrong(world, "pipe_test.lua", "neither a file nor a folder");
}

static void
one_empty_folder_beside_a_full_one_is_told(void **state)
{
    static const char *const paths[] = { "t", "empty" };
    struct world *world = *state;

    make_folder(world, "t");
    make_folder(world, "empty");
    make_file(world, "t/a_test.lua");
    assert_int_equal(aks_test_find_add(&world->find, paths, 2, &world->err), AKS_SETTINGS);
    assert_non_null(strstr(world->err.message, "in empty"));
}

static void
folders_in_folders_have_an_end(void **state)
{
    struct world *world = *state;
    char path[4 * AKS_TEST_FIND_DEPTH_MAX] = "t";

    make_folder(world, path);
    for (int i = 1; i < AKS_TEST_FIND_DEPTH_MAX; i++) {
        (void)strncat(path, "/d", sizeof(path) - strlen(path) - 1);
        make_folder(world, path);
    }
    make_file(world, "t/a_test.lua");
    assert_int_equal(add(world, "t"), AKS_OK);
    (void)strncat(path, "/d", sizeof(path) - strlen(path) - 1);
    make_folder(world, path);
    assert_int_equal(add(world, "t"), AKS_LIMIT);
    assert_non_null(strstr(world->err.message, "16 folders within each other"));
}

static void
files_have_an_end(void **state)
{
    struct world *world = *state;
    char name[64];

    make_folder(world, "t");
    for (int i = 0; i <= AKS_TEST_FIND_FILES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "t/%05d_test.lua", i);
        make_file(world, name);
    }
    assert_int_equal(add(world, "t"), AKS_LIMIT);
    assert_non_null(strstr(world->err.message, "more than 4096 files"));
}

static int
find_in(void *ctx, const struct aks_alloc *alloc)
{
    struct world *world = ctx;
    struct aks_files files;
    struct aks_test_find find;
    const char *path = "t";

    aks_files_posix_init(&files, alloc);
    aks_test_find_init(&find, alloc, &files, temp_folder_path(world->folder));
    (void)aks_test_find_add(&find, &path, 1, &world->err);
    aks_test_find_fini(&find);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    struct world *world = *state;

    make_folder(world, "t");
    make_file(world, "t/a_test.lua");
    make_link(world, "a_test.lua", "t/b_test.lua");
    failing_alloc_loop(find_in, world, 200);
}

int
main(void)
{
#define FIND_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FIND_TEST(tests_of_a_folder_are_found_in_order),
        FIND_TEST(paths_that_are_named_count_once),
        FIND_TEST(hidden_names_are_passed_over),
        FIND_TEST(links_lead_to_files_within_the_folder_only),
        FIND_TEST(a_link_that_is_named_is_followed),
        FIND_TEST(where_nothing_is_it_says_what_was_looked_for),
        FIND_TEST(one_empty_folder_beside_a_full_one_is_told),
        FIND_TEST(folders_in_folders_have_an_end),
        FIND_TEST(files_have_an_end),
        FIND_TEST(any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("test_find", tests, NULL, NULL);
}
