#include "base/units.h"
#include "engine/target_dir_internal.h"
#include "engine/target_world.h"
#include "support/faulty_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEY TARGET_WORLD_FOLDER "reflection.duckdb.zst"
#define MANIFEST TARGET_WORLD_FOLDER "manifest.json"
#define STALE ".reflection.duckdb.zst.0123456789abcdef.part"

/* Looks into the folder with nothing but the C library. */
static enum aks_status
read_file(void *ctx, const char *key, struct aks_buf *ret_data, struct aks_error *err)
{
    const struct target_world *world = ctx;
    char path[4096];
    char data[4096];
    size_t len;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", world->target.path, key);
    file = fopen(path, "rb");
    if (file == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "no file %s", path);
    while ((len = fread(data, 1, sizeof(data), file)) > 0)
        aks_buf_append(ret_data, data, len);
    (void)fclose(file);
    return aks_buf_status(ret_data, path, err);
}

static int
set_up(void **state)
{
    struct target_world *world = target_world_new(AKS_TARGET_DIR);

    world->target.path = strdup(temp_folder_join(world->folder, "deep/tree"));
    assert_non_null(world->target.path);
    world->at.read = read_file;
    world->at.ctx = world;
    *state = &world->at;
    return 0;
}

static int
tear_down(void **state)
{
    const struct target_case *at = *state;
    struct target_world *world = at->ctx;

    free(world->target.path);
    target_world_free(world);
    return 0;
}

static struct target_world *
world_of(void **state)
{
    const struct target_case *at = *state;

    return at->ctx;
}

/* How many names there are below ${path}, and the last of those that begin with a dot. */
static unsigned
count_names(const char *path, char ret_hidden[256])
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    if (folder == NULL)
        return 0;
    while ((entry = readdir(folder)) != NULL) {
        char inner[4096];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (entry->d_name[0] == '.' && ret_hidden != NULL)
            (void)snprintf(ret_hidden, 256, "%s", entry->d_name);
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        count += count_names(inner, ret_hidden);
    }
    (void)closedir(folder);
    return count;
}

static const char *
below(struct target_world *world, const char *name)
{
    char path[1024];

    (void)snprintf(path, sizeof(path), "deep/tree/%s", name);
    return temp_folder_join(world->folder, path);
}

static void
make_folders(struct target_world *world)
{
    assert_int_equal(mkdir(temp_folder_join(world->folder, "deep"), 0700), 0);
    assert_int_equal(mkdir(below(world, ""), 0700), 0);
    assert_int_equal(mkdir(below(world, "systems"), 0700), 0);
    assert_int_equal(mkdir(below(world, "systems/" TARGET_WORLD_SYSTEM), 0700), 0);
    assert_int_equal(mkdir(below(world, TARGET_WORLD_FOLDER), 0700), 0);
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void
set_age(const char *path, int64_t age_s)
{
    struct timespec times[2];

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
    times[0].tv_sec -= age_s;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool
exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

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
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct stat info;

    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{}", true, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_int_equal(stat(below(world, KEY), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(below(world, MANIFEST), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(below(world, "systems/" TARGET_WORLD_SYSTEM), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(temp_folder_join(world->folder, "deep"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    /* systems, its two folders, two files: no temporary file stays. */
    assert_int_equal(count_names(world->target.path, NULL), 5);
}

static void
home_is_put_for_the_tilde(void **state)
{
    struct target_world *world = world_of(state);
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
    struct target_world *world = world_of(state);
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
        "a/./b", "a/", "", "a b", "a\nb", "systems/" STALE };
    struct target_world *world = world_of(state);
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
links_are_followed_to_the_root_and_not_below_it(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_buf data;

    aks_buf_init(&data, aks_alloc_system(), 100);
    make_folders(world);
    assert_int_equal(mkdir(temp_folder_join(world->folder, "elsewhere"), 0700), 0);
    (void)temp_folder_write(world->folder, "elsewhere/file", "s", 1);
    assert_int_equal(symlink(temp_folder_join(world->folder, "elsewhere"), below(world,
        "systems/link")), 0);
    assert_int_equal(symlink(temp_folder_join(world->folder, "elsewhere/file"), below(world,
        "systems/file")), 0);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_put(&drive, "systems/link/new", "x", false, &outcome),
        AKS_FORBIDDEN);
    assert_non_null(strstr(outcome.error.message, "symbolic link"));
    assert_int_equal(target_drive_upload(&drive, "systems/link/new", 10, true, NULL),
        AKS_FORBIDDEN);
    assert_int_equal(target_drive_get(&drive, "systems/link/file", &data, NULL), AKS_FORBIDDEN);
    assert_int_equal(target_drive_get(&drive, "systems/file", &data, NULL), AKS_NOT_FOUND);
    assert_false(exists(temp_folder_join(world->folder, "elsewhere/new")));
    /* A name that is a link is replaced, not followed. */
    assert_int_equal(target_drive_put(&drive, "systems/file", "new", false, NULL), AKS_OK);
    assert_int_equal(target_drive_get(&drive, "systems/file", &data, NULL), AKS_OK);
    assert_string_equal(data.data, "new");
    target_drive_end(&drive);
    assert_int_equal(symlink(below(world, ""), temp_folder_join(world->folder, "to-tree")), 0);
    free(world->target.path);
    world->target.path = strdup(temp_folder_join(world->folder, "to-tree"));
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, KEY, "x", false, NULL), AKS_OK);
    assert_true(exists(below(world, KEY)));
    target_drive_end(&drive);
    aks_buf_fini(&data);
}

static void
a_place_that_is_no_folder_is_not_available(void **state)
{
    struct target_world *world = world_of(state);
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
    struct target_world *world = world_of(state);
    struct target_drive drive;

    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_true(exists(world->target.path));
    assert_int_equal(count_names(world->target.path, NULL), 0);
}

static void
a_disk_that_does_not_answer_is_a_timeout(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_world_calm(world);
    world->calm.stuck = true;
    world->options.probe_ms = 20;
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_TIMEOUT);
    assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
    assert_int_equal(world->lingering, 1);
    world->calm.stuck = false;
    target_drive_end(&drive);
}

static enum aks_status
little_room(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    *ret_bytes = 4000000;
    return AKS_OK;
}

static void
too_little_room_is_known_before_anything_is_written(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct aks_object_spec spec = { KEY, "x/y", "reflection.duckdb", 41700000, 1000 };
    struct aks_target_object *object = NULL;
    struct aks_error err;

    world->port.files.free_bytes = little_room;
    target_drive_begin(&drive, &world->at);
    assert_int_equal(aks_target_dir.open(drive.target, &spec, &object, &err), AKS_NO_SPACE);
    assert_non_null(strstr(err.message, "it has 41.7 MB"));
    assert_non_null(strstr(err.message, "has room for 4.0 MB"));
    assert_true(err.hint[0] != '\0');
    spec.bytes = 4000000;
    assert_int_equal(aks_target_dir.open(drive.target, &spec, &object, &err), AKS_OK);
    aks_target_dir.object_free(object);
    spec.bytes = -1;
    assert_int_equal(aks_target_dir.open(drive.target, &spec, &object, &err), AKS_OK);
    aks_target_dir.object_free(object);
    target_drive_end(&drive);
    assert_false(exists(world->target.path));
}

static enum aks_status
no_space(struct aks_file *file, int64_t offset, const void *data, size_t len,
    struct aks_error *err)
{
    return aks_error_set(err, AKS_NO_SPACE, "cannot write: the disk is full");
}

static void
a_full_disk_is_told_with_the_verdict_of_the_policy(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;
    char hidden[256] = "";

    world->port.files.write = no_space;
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, true, &outcome), AKS_NO_SPACE);
    assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
    assert_string_equal(outcome.error.message,
        "cannot store " KEY " in target place: cannot write: the disk is full");
    assert_int_equal(target_drive_put(&drive, MANIFEST, "x", true, &outcome), AKS_NO_SPACE);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "x", false, &outcome), AKS_NO_SPACE);
    target_drive_end(&drive);
    assert_int_equal(count_names(below(world, TARGET_WORLD_FOLDER), hidden), 0);
}

/* Whatever fails, and wherever: success means there and whole, failure leaves nothing that is half. */
static void
every_file_operation_may_fail(void **state)
{
    struct target_world *world = world_of(state);
    const struct aks_files real = world->port.files;
    struct faulty_files faulty;
    bool failed = true;

    target_world_calm(world);
    for (int64_t at = 0; failed; at++) {
        struct target_drive drive;
        struct aks_outcome outcome;
        struct aks_buf data;
        enum aks_status status;
        char name[64];

        /* A tree of its own: what stays of the one before would be swept here. */
        assert_true(at < 500);
        (void)snprintf(name, sizeof(name), "deep-%d/tree", (int)at);
        free(world->target.path);
        world->target.path = strdup(temp_folder_join(world->folder, name));
        faulty_files_init(&faulty, &real, AKS_STATE);
        faulty_files_arm(&faulty, at, true);
        world->port.files = faulty.files;
        target_drive_begin(&drive, &world->at);
        status = target_drive_upload(&drive, KEY, 2500, true, &outcome);
        failed = status != AKS_OK;
        target_drive_end(&drive);
        world->port.files = real;
        if (status == AKS_OK) {
            target_drive_begin(&drive, &world->at);
            target_drive_check(&drive, KEY, 2500);
            target_drive_end(&drive);
            continue;
        }
        aks_buf_init(&data, aks_alloc_system(), 4096);
        if (read_file(world, KEY, &data, NULL) == AKS_OK)
            assert_int_equal(data.len, 2500);
        aks_buf_fini(&data);
    }
}

/* A disk that fails once is no reason to fail. */
static void
what_fails_once_is_tried_again(void **state)
{
    struct target_world *world = world_of(state);
    const struct aks_files real = world->port.files;
    struct faulty_files faulty;

    target_world_calm(world);
    for (int64_t at = 0; at < 40; at++) {
        struct target_drive drive;
        char name[64];

        (void)snprintf(name, sizeof(name), "deep-%d/tree", (int)at);
        free(world->target.path);
        world->target.path = strdup(temp_folder_join(world->folder, name));
        faulty_files_init(&faulty, &real, AKS_NO_SPACE);
        faulty_files_arm(&faulty, at, false);
        world->port.files = faulty.files;
        target_drive_begin(&drive, &world->at);
        assert_int_equal(target_drive_upload(&drive, KEY, 2500, true, NULL), AKS_OK);
        target_drive_check(&drive, KEY, 2500);
        assert_int_equal(target_drive_put(&drive, MANIFEST, "x", true, NULL), AKS_OK);
        target_drive_end(&drive);
    }
    world->port.files = real;
}

static void
what_crashed_runs_left_is_swept_after_a_day(void **state)
{
    static const char *const gone[] = { TARGET_WORLD_FOLDER STALE,
        "systems/" TARGET_WORLD_SYSTEM "/20260101T000000Z-000000/" STALE,
        ".probe.0123456789abcdef.part" };
    static const char *const stay[] = { TARGET_WORLD_FOLDER ".x.0123456789abcdef.part.gz",
        TARGET_WORLD_FOLDER "reflection.duckdb", "systems/other/" STALE };
    struct target_world *world = world_of(state);
    const char *fresh = below(world, TARGET_WORLD_FOLDER ".fresh.0123456789abcdef.part");
    struct target_drive drive;

    make_folders(world);
    assert_int_equal(mkdir(below(world, "systems/" TARGET_WORLD_SYSTEM
        "/20260101T000000Z-000000"), 0700), 0);
    assert_int_equal(mkdir(below(world, "systems/other"), 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        write_file(below(world, gone[i]), "half");
        set_age(below(world, gone[i]), 86400 + 60);
        write_file(below(world, stay[i]), "whole");
        set_age(below(world, stay[i]), 86400 * 9);
    }
    write_file(fresh, "half");
    set_age(fresh, 86400 - 60);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 10, true, NULL), AKS_OK);
    while (((struct dir_target *)drive.target)->sweep != NULL)
        assert_int_equal(aks_loop_turn(&world->loop, NULL), AKS_OK);
    target_drive_end(&drive);
    for (size_t i = 0; i < 3; i++) {
        assert_false(exists(below(world, gone[i])));
        assert_true(exists(below(world, stay[i])));
    }
    assert_true(exists(fresh));
}

/* The answer to the first try was lost with the process; the second says the same. */
static void
creating_the_same_again_is_success(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 2}", true, &outcome),
        AKS_CONFLICT);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 12}", true, NULL), AKS_CONFLICT);
    target_drive_end(&drive);
    assert_int_equal(count_names(below(world, TARGET_WORLD_FOLDER), NULL), 1);
}

static void
only_one_of_two_that_create_the_same_name_succeeds(void **state)
{
    struct target_world *world = world_of(state);
    const struct aks_files *files = &world->port.files;
    const char *meeting;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_file *other = NULL;

    make_folders(world);
    meeting = below(world, TARGET_WORLD_FOLDER ".manifest.json." AKS_TARGET_DIR_MEETING ".part");
    assert_int_equal(files->open(files->ctx, meeting, AKS_FILE_LOCK, &other, NULL), AKS_OK);
    assert_int_equal(files->lock(other, NULL), AKS_OK);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "ours", true, &outcome), AKS_CONFLICT);
    assert_non_null(strstr(outcome.error.message, "being written by another process"));
    assert_false(exists(below(world, MANIFEST)));
    /* The other dies; what it had written is no part of ours. */
    assert_int_equal(files->write(other, 0, "longer than ours", 16, NULL), AKS_OK);
    files->close(other);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "ours", true, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_false(exists(meeting));
    {
        struct stat info;

        assert_int_equal(stat(below(world, MANIFEST), &info), 0);
        assert_int_equal(info.st_size, 4);
    }
}

static void
list_shows_neither_links_nor_what_is_not_whole(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;

    make_folders(world);
    write_file(below(world, TARGET_WORLD_FOLDER STALE), "half");
    write_file(below(world, TARGET_WORLD_FOLDER "not a key"), "x");
    assert_int_equal(symlink("/etc/passwd", below(world, TARGET_WORLD_FOLDER "link")), 0);
    assert_int_equal(mkfifo(below(world, TARGET_WORLD_FOLDER "fifo"), 0600), 0);
    target_drive_begin(&drive, &world->at);
    target_drive_end(&drive);
    /* The suite's own look at an empty folder finds nothing. */
    target_lists_one_level_or_says_that_it_cannot(state);
}

/* The file was there and gone again when it was to get its name: only a new upload helps. */
static void
a_file_that_vanishes_starts_the_upload_over(void **state)
{
    struct target_world *world = world_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_object_spec spec = { KEY, "x/y", "reflection.duckdb", 0, 1000 };
    struct aks_object_digest digest = { 0 };
    struct aks_part part = { .number = 1, .last = true };
    struct aks_target_object *object = NULL;
    struct target_call call = { .drive = &drive };
    char hidden[256] = "";
    char path[512];

    target_drive_begin(&drive, &world->at);
    assert_int_equal(aks_target_dir.open(drive.target, &spec, &object, NULL), AKS_OK);
    aks_target_dir.send(object, &part, target_drive_done, &call);
    assert_int_equal(target_drive_wait(&call), AKS_OK);
    assert_int_equal(count_names(below(world, TARGET_WORLD_FOLDER), hidden), 1);
    assert_true(aks_target_dir_temporary(hidden));
    (void)snprintf(path, sizeof(path), TARGET_WORLD_FOLDER "%s", hidden);
    assert_int_equal(unlink(below(world, path)), 0);
    call.calls = 0;
    aks_target_dir.finish(object, &digest, target_drive_done, &call);
    assert_int_equal(target_drive_wait(&call), AKS_NOT_FOUND);
    outcome = call.outcome;
    assert_int_equal(outcome.verdict, AKS_RESTART);
    aks_target_dir.object_free(object);
    target_drive_end(&drive);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CONFORMANCE_TESTS(set_up, tear_down),
        cmocka_unit_test(names_of_temporary_files_are_told_exactly),
        TARGET_CONFORMANCE_TEST(folders_and_files_are_for_their_owner_alone, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(home_is_put_for_the_tilde, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_path_that_means_nothing_is_refused, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(keys_cannot_lead_out_of_the_tree, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(links_are_followed_to_the_root_and_not_below_it, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_place_that_is_no_folder_is_not_available, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(asking_whether_it_is_available_leaves_only_the_folder, set_up,
            tear_down),
        TARGET_CONFORMANCE_TEST(a_disk_that_does_not_answer_is_a_timeout, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(too_little_room_is_known_before_anything_is_written, set_up,
            tear_down),
        TARGET_CONFORMANCE_TEST(a_full_disk_is_told_with_the_verdict_of_the_policy, set_up,
            tear_down),
        TARGET_CONFORMANCE_TEST(every_file_operation_may_fail, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(what_fails_once_is_tried_again, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(what_crashed_runs_left_is_swept_after_a_day, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(creating_the_same_again_is_success, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(only_one_of_two_that_create_the_same_name_succeeds, set_up,
            tear_down),
        TARGET_CONFORMANCE_TEST(list_shows_neither_links_nor_what_is_not_whole, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_file_that_vanishes_starts_the_upload_over, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("target_dir", tests, NULL, NULL);
}
