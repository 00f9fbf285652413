#include "engine/dir_place.h"
#include "engine/target_dir_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
names_of_temporary_files_are_told_exactly(void **state)
{
    static const char *const ours[] = { STALE, ".a.0000000000000000.part",
        "..x.fedcba9876543210.part" };
    static const char *const others[] = { "reflection.duckdb.zst", ".part", "..part",
        ".0123456789abcdef.part", "..0123456789abcdef.part", "a.0123456789abcdef.part",
        ".a.0123456789abcdeF.part", ".a.0123456789abcde.part", ".a.0123456789abcdef.par",
        ".a.0123456789abcdef.part.gz", ".a.0123456789abcdef_part", "" };
    char *path;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(aks_target_dir_temporary(ours[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(aks_target_dir_temporary(others[i]));
    path = aks_target_dir_temporary_path(aks_alloc_system(), "/a/b", "0123456789abcdef");
    assert_string_equal(path, "/a/.b.0123456789abcdef.part");
    aks_mem_free(aks_alloc_system(), path);
}

static void
folders_and_files_are_for_their_owner_alone(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct stat info;

    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{}", true, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_int_equal(stat(dir_place_below(world, KEY), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(dir_place_below(world, MANIFEST), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(dir_place_below(world, "systems/" TARGET_WORLD_SYSTEM), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(temp_folder_join(world->folder, "deep"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    /* systems, its two folders, two files: no temporary file stays. */
    assert_int_equal(dir_place_count(world->target.path, NULL), 5);
}

static void
home_is_put_for_the_tilde(void **state)
{
    struct target_world *world = dir_place_world(state);
    const char *home = world->port.environment.home(world->port.environment.ctx);
    struct dir_target *target;
    struct target_drive drive;
    char expected[4096];

    free(world->target.path);
    world->target.path = strdup("~/a/b//");
    (void)snprintf(expected, sizeof(expected), "%s/a/b", home);
    target_drive_begin(&drive, &world->at);
    target = (struct dir_target *)drive.target;
    assert_string_equal(target->root, expected);
    target_drive_end(&drive);
    free(world->target.path);
    world->target.path = strdup("/");
    target_drive_begin(&drive, &world->at);
    target = (struct dir_target *)drive.target;
    assert_string_equal(target->root, "/.");
    target_drive_end(&drive);
}

static const char *
no_home(void *ctx)
{
    return "";
}

static void
a_path_that_means_nothing_is_refused(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct aks_target *target = NULL;
    struct aks_error err;

    world->port.environment.home = no_home;
    free(world->target.path);
    world->target.path = strdup("~/backup");
    assert_int_equal(aks_target_dir.create(&world->options, &target, &err), AKS_SETTINGS);
    assert_string_equal(err.message,
        "cannot use target place: ~/backup: there is no home folder to put for ~");
    free(world->target.path);
    world->target.path = strdup("backup");
    assert_int_equal(aks_target_dir.create(&world->options, &target, &err), AKS_SETTINGS);
    assert_string_equal(err.message, "cannot use target place: backup is not an absolute path");
    assert_null(target);
}

/* A key out of somebody else's manifest must not lead out of the tree. */
static void
keys_cannot_lead_out_of_the_tree(void **state)
{
    static const char *const keys[] = { "../secret", "systems/../../secret", "/etc/passwd", "a//b",
        "a/./b", "a/", "", "a b", "a\nb", ("systems/" STALE) };
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_buf data;

    aks_buf_init(&data, aks_alloc_system(), 100);
    (void)temp_folder_write(world->folder, "secret", "s", 1);
    target_drive_begin(&drive, &world->at);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_int_equal(target_drive_get(&drive, keys[i], &data, &outcome), AKS_SETTINGS);
        assert_int_equal(target_drive_put(&drive, keys[i], "x", false, &outcome), AKS_SETTINGS);
        assert_int_equal(target_drive_upload(&drive, keys[i], 1, true, &outcome), AKS_SETTINGS);
    }
    target_drive_end(&drive);
    aks_buf_fini(&data);
}

static void
link_to(const char *there, const char *path)
{
    assert_int_equal(symlink(there, path), 0);
}

static void
links_are_followed_to_the_root_and_not_below_it(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_buf data;

    aks_buf_init(&data, aks_alloc_system(), 100);
    dir_place_make_folders(world);
    assert_int_equal(mkdir(temp_folder_join(world->folder, "elsewhere"), 0700), 0);
    (void)temp_folder_write(world->folder, "elsewhere/file", "s", 1);
    link_to(temp_folder_join(world->folder, "elsewhere"), dir_place_below(world, "systems/link"));
    link_to(temp_folder_join(world->folder, "elsewhere/file"),
        dir_place_below(world, "systems/file"));
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_put(&drive, "systems/link/new", "x", false, &outcome),
        AKS_FORBIDDEN);
    assert_non_null(strstr(outcome.error.message, "symbolic link"));
    assert_int_equal(target_drive_upload(&drive, "systems/link/new", 10, true, NULL),
        AKS_FORBIDDEN);
    assert_int_equal(target_drive_get(&drive, "systems/link/file", &data, NULL), AKS_FORBIDDEN);
    assert_int_equal(target_drive_get(&drive, "systems/file", &data, NULL), AKS_NOT_FOUND);
    assert_false(dir_place_exists(temp_folder_join(world->folder, "elsewhere/new")));
    /* A name that is a link is replaced, not followed. */
    assert_int_equal(target_drive_put(&drive, "systems/file", "new", false, NULL), AKS_OK);
    assert_int_equal(target_drive_get(&drive, "systems/file", &data, NULL), AKS_OK);
    assert_string_equal(data.data, "new");
    target_drive_end(&drive);
    link_to(dir_place_below(world, ""), temp_folder_join(world->folder, "to-tree"));
    free(world->target.path);
    world->target.path = strdup(temp_folder_join(world->folder, "to-tree"));
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, KEY, "x", false, NULL), AKS_OK);
    assert_true(dir_place_exists(dir_place_below(world, KEY)));
    target_drive_end(&drive);
    aks_buf_fini(&data);
}

static void
a_place_that_is_no_folder_is_not_available(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    (void)temp_folder_write(world->folder, "deep", "x", 1);
    target_drive_begin(&drive, &world->at);
    assert_int_not_equal(target_drive_available(&drive, &outcome), AKS_OK);
    target_drive_end(&drive);
    free(world->target.path);
    world->target.path = strdup(temp_folder_join(world->folder, "deep"));
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_SETTINGS);
    assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
    assert_non_null(strstr(outcome.error.message, "is not a folder"));
    target_drive_end(&drive);
}

static void
asking_whether_it_is_available_leaves_only_the_folder(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;

    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_true(dir_place_exists(world->target.path));
    assert_int_equal(dir_place_count(world->target.path, NULL), 0);
}

/* The answer to the first try was lost with the process; the second says the same. */
static void
creating_the_same_again_is_success(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 2}", true, &outcome),
        AKS_CONFLICT);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 12}", true, NULL), AKS_CONFLICT);
    target_drive_end(&drive);
    assert_int_equal(dir_place_count(dir_place_below(world, TARGET_WORLD_FOLDER), NULL), 1);
}

static void
only_one_of_two_that_create_the_same_name_succeeds(void **state)
{
    struct target_world *world = dir_place_world(state);
    const struct aks_files *files = &world->port.files;
    const char *meeting;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_file *other = NULL;

    dir_place_make_folders(world);
    meeting = dir_place_below(world,
        TARGET_WORLD_FOLDER ".manifest.json." AKS_TARGET_DIR_MEETING ".part");
    assert_int_equal(files->open(files->ctx, meeting, AKS_FILE_LOCK, &other, NULL), AKS_OK);
    assert_int_equal(files->lock(other, NULL), AKS_OK);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "ours", true, &outcome), AKS_CONFLICT);
    assert_non_null(strstr(outcome.error.message, "being written by another process"));
    assert_false(dir_place_exists(dir_place_below(world, MANIFEST)));
    /* The other dies; what it had written is no part of ours. */
    assert_int_equal(files->write(other, 0, "longer than ours", 16, NULL), AKS_OK);
    files->close(other);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "ours", true, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_false(dir_place_exists(meeting));
    {
        struct stat info;

        assert_int_equal(stat(dir_place_below(world, MANIFEST), &info), 0);
        assert_int_equal(info.st_size, 4);
    }
}

static void
list_shows_neither_links_nor_what_is_not_whole(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;

    dir_place_make_folders(world);
    dir_place_write(dir_place_below(world, TARGET_WORLD_FOLDER STALE), "half");
    dir_place_write(dir_place_below(world, TARGET_WORLD_FOLDER "not a key"), "x");
    assert_int_equal(symlink("/etc/passwd", dir_place_below(world, TARGET_WORLD_FOLDER "link")), 0);
    assert_int_equal(mkfifo(dir_place_below(world, TARGET_WORLD_FOLDER "fifo"), 0600), 0);
    target_drive_begin(&drive, &world->at);
    target_drive_end(&drive);
    /* The suite's own look at an empty folder finds nothing. */
    target_lists_one_level_or_says_that_it_cannot(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CONFORMANCE_TESTS(dir_place_set_up, dir_place_tear_down),
        cmocka_unit_test(names_of_temporary_files_are_told_exactly),
        TARGET_CONFORMANCE_TEST(folders_and_files_are_for_their_owner_alone, dir_place_set_up,
            dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(home_is_put_for_the_tilde, dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(a_path_that_means_nothing_is_refused, dir_place_set_up,
            dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(keys_cannot_lead_out_of_the_tree, dir_place_set_up,
            dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(links_are_followed_to_the_root_and_not_below_it, dir_place_set_up,
            dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(a_place_that_is_no_folder_is_not_available, dir_place_set_up,
            dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(asking_whether_it_is_available_leaves_only_the_folder,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(creating_the_same_again_is_success, dir_place_set_up,
            dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(only_one_of_two_that_create_the_same_name_succeeds,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(list_shows_neither_links_nor_what_is_not_whole, dir_place_set_up,
            dir_place_tear_down),
    };

    return cmocka_run_group_tests_name("target_dir", tests, NULL, NULL);
}
