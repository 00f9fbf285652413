#include "engine/dir_place.h"
#include "engine/target_dir_internal.h"
#include "support/faulty_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
a_disk_that_does_not_answer_is_a_timeout(void **state)
{
    struct target_world *world = dir_place_world(state);
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
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct aks_object_spec spec = { .key = KEY, .content_type = "x/y",
        .source = "reflection.duckdb", .bytes = 41700000, .part_bytes = 1000 };
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
    assert_false(dir_place_exists(world->target.path));
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
    struct target_world *world = dir_place_world(state);
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
    assert_int_equal(dir_place_count(dir_place_below(world, TARGET_WORLD_FOLDER), hidden), 0);
}

/* Whatever fails, and wherever: success means there and whole, failure leaves nothing half. */
static void
every_file_operation_may_fail(void **state)
{
    struct target_world *world = dir_place_world(state);
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
        if (dir_place_read(world, KEY, &data, NULL) == AKS_OK)
            assert_int_equal(data.len, 2500);
        aks_buf_fini(&data);
    }
}

/* A disk that fails once is no reason to fail. */
static void
what_fails_once_is_tried_again(void **state)
{
    struct target_world *world = dir_place_world(state);
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
        (TARGET_WORLD_FOLDER "reflection.duckdb"), ("systems/other/" STALE) };
    struct target_world *world = dir_place_world(state);
    const char *fresh = dir_place_below(world, TARGET_WORLD_FOLDER ".fresh.0123456789abcdef.part");
    struct target_drive drive;

    dir_place_make_folders(world);
    assert_int_equal(mkdir(dir_place_below(world, "systems/" TARGET_WORLD_SYSTEM
        "/20260101T000000Z-000000"), 0700), 0);
    assert_int_equal(mkdir(dir_place_below(world, "systems/other"), 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        dir_place_write(dir_place_below(world, gone[i]), "half");
        dir_place_set_age(dir_place_below(world, gone[i]), 86400 + 60);
        dir_place_write(dir_place_below(world, stay[i]), "whole");
        dir_place_set_age(dir_place_below(world, stay[i]), 86400 * 9);
    }
    dir_place_write(fresh, "half");
    dir_place_set_age(fresh, 86400 - 60);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 10, true, NULL), AKS_OK);
    while (((struct dir_target *)drive.target)->sweep != NULL)
        assert_int_equal(aks_loop_turn(&world->loop, NULL), AKS_OK);
    target_drive_end(&drive);
    for (size_t i = 0; i < 3; i++) {
        assert_false(dir_place_exists(dir_place_below(world, gone[i])));
        assert_true(dir_place_exists(dir_place_below(world, stay[i])));
    }
    assert_true(dir_place_exists(fresh));
}

static void
what_is_swept_lies_in_the_folder_of_the_layout(void **state)
{
    static const char uploads[] = "systems/" TARGET_WORLD_SYSTEM "/uploads";
    static const char upload[] = "systems/" TARGET_WORLD_SYSTEM "/uploads/" TARGET_WORLD_UPLOAD;
    static const char gone[] =
        "systems/" TARGET_WORLD_SYSTEM "/uploads/" TARGET_WORLD_UPLOAD "/" STALE;
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;

    world->target.layout = AKS_LAYOUT_ORIGINAL;
    dir_place_make_folders(world);
    assert_int_equal(mkdir(dir_place_below(world, uploads), 0700), 0);
    assert_int_equal(mkdir(dir_place_below(world, upload), 0700), 0);
    dir_place_write(dir_place_below(world, gone), "half");
    dir_place_set_age(dir_place_below(world, gone), 86400 + 60);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 10, true, NULL), AKS_OK);
    while (((struct dir_target *)drive.target)->sweep != NULL)
        assert_int_equal(aks_loop_turn(&world->loop, NULL), AKS_OK);
    target_drive_end(&drive);
    assert_false(dir_place_exists(dir_place_below(world, gone)));
}

/* The file was there and gone again when it was to get its name: only a new upload helps. */
static void
a_file_that_vanishes_starts_the_upload_over(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_object_spec spec = { .key = KEY, .content_type = "x/y",
        .source = "reflection.duckdb", .bytes = 0, .part_bytes = 1000 };
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
    assert_int_equal(dir_place_count(dir_place_below(world, TARGET_WORLD_FOLDER), hidden), 1);
    assert_true(aks_target_dir_temporary(hidden));
    (void)snprintf(path, sizeof(path), TARGET_WORLD_FOLDER "%s", hidden);
    assert_int_equal(unlink(dir_place_below(world, path)), 0);
    call.calls = 0;
    aks_target_dir.finish(object, &digest, target_drive_done, &call);
    assert_int_equal(target_drive_wait(&call), AKS_NOT_FOUND);
    outcome = call.outcome;
    assert_int_equal(outcome.verdict, AKS_RESTART);
    aks_target_dir.object_free(object);
    target_drive_end(&drive);
}

/* A file that lost bytes on its way to the medium is not given its name. */
static void
a_file_that_is_not_whole_gets_no_name(void **state)
{
    struct target_world *world = dir_place_world(state);
    struct target_drive drive;
    struct target_upload upload;
    struct aks_outcome outcome;
    char hidden[256] = "";
    char path[512];

    target_drive_begin(&drive, &world->at);
    target_upload_open(&upload, &drive, KEY, 100, true);
    target_upload_send(&upload, 0, target_drive_done);
    assert_int_equal(target_drive_wait(&upload.calls[0]), AKS_OK);
    assert_int_equal(dir_place_count(dir_place_below(world, TARGET_WORLD_FOLDER), hidden), 1);
    (void)snprintf(path, sizeof(path), TARGET_WORLD_FOLDER "%s", hidden);
    assert_int_equal(truncate(dir_place_below(world, path), 99), 0);
    assert_int_equal(target_upload_finish(&upload, &outcome), AKS_CORRUPT);
    assert_false(dir_place_exists(dir_place_below(world, KEY)));
    target_upload_end(&upload);
    target_drive_end(&drive);
    assert_int_equal(dir_place_count(dir_place_below(world, TARGET_WORLD_FOLDER), NULL), 0);
}

/* What is done to files, in order: "sync", "name", and each folder that is synced. */
struct order {
    const struct aks_files *real;
    const char *root;
    char text[1024];
};

/* The port's sync knows nothing of where it was called from. */
static struct order *noted;

static void
add_to_order(const char *what)
{
    size_t len = strlen(noted->text);

    (void)snprintf(noted->text + len, sizeof(noted->text) - len, "%s\n", what);
}

static enum aks_status
noted_sync(struct aks_file *file, struct aks_error *err)
{
    add_to_order("sync");
    return noted->real->sync(file, err);
}

static enum aks_status
noted_rename(void *ctx, const char *from, const char *to, struct aks_error *err)
{
    add_to_order("name");
    return noted->real->rename(ctx, from, to, err);
}

static enum aks_status
noted_sync_folder(void *ctx, const char *path, struct aks_error *err)
{
    size_t len = strlen(noted->root);

    if (strncmp(path, noted->root, len) == 0)
        add_to_order(path[len] == '/' ? path + len : "root");
    else
        add_to_order("above");
    return noted->real->sync_folder(ctx, path, err);
}

/* Bytes, then the name, then whatever leads to the name: so no power cut shows half of it. */
static void
bytes_are_on_the_medium_before_the_name_is(void **state)
{
    struct target_world *world = dir_place_world(state);
    const struct aks_files real = world->port.files;
    struct order order = { &real, world->target.path, "" };
    struct target_drive drive;

    noted = &order;
    world->port.files.sync = noted_sync;
    world->port.files.rename = noted_rename;
    world->port.files.sync_folder = noted_sync_folder;
    target_world_calm(world);
    target_drive_begin(&drive, &world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 100, true, NULL), AKS_OK);
    /* "deep" and "deep/tree" were made, each in a folder above; then all below once. */
    assert_string_equal(order.text, "above\nabove\nsync\nname\n"
        "/systems/" TARGET_WORLD_SYSTEM "/" TARGET_WORLD_UPLOAD "\n"
        "/systems/" TARGET_WORLD_SYSTEM "\n/systems\nroot\n");
    order.text[0] = '\0';
    assert_int_equal(target_drive_put(&drive, MANIFEST, "x", true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "y", false, NULL), AKS_OK);
    assert_string_equal(order.text,
        "sync\nname\n/systems/" TARGET_WORLD_SYSTEM "/" TARGET_WORLD_UPLOAD "\n"
        "sync\nname\n/systems/" TARGET_WORLD_SYSTEM "/" TARGET_WORLD_UPLOAD "\n");
    target_drive_end(&drive);
    world->port.files = real;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CONFORMANCE_TEST(a_disk_that_does_not_answer_is_a_timeout,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(too_little_room_is_known_before_anything_is_written,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(a_full_disk_is_told_with_the_verdict_of_the_policy,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(every_file_operation_may_fail,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(what_fails_once_is_tried_again,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(what_crashed_runs_left_is_swept_after_a_day,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(what_is_swept_lies_in_the_folder_of_the_layout,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(a_file_that_vanishes_starts_the_upload_over,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(a_file_that_is_not_whole_gets_no_name,
            dir_place_set_up, dir_place_tear_down),
        TARGET_CONFORMANCE_TEST(bytes_are_on_the_medium_before_the_name_is,
            dir_place_set_up, dir_place_tear_down),
    };

    return cmocka_run_group_tests_name("target_dir_faults", tests, NULL, NULL);
}
