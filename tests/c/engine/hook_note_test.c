/* What hooks failed with, kept in real folders. */
#include "engine/hook_note.h"

#include "engine/secret_place.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *
state_folder(struct secret_place *place)
{
    static char path[SECRET_PLACE_PATH_BYTES];

    (void)snprintf(path, sizeof(path), "%s/state", temp_folder_path(place->folder));
    return path;
}

static enum aks_status
keep(struct secret_place *place, enum aks_status status, const char *message, const char *hint)
{
    struct aks_error failed;
    struct aks_error err;

    (void)aks_error_set(&failed, status, "%s", message);
    aks_error_hint(&failed, "%s", hint);
    return aks_hook_note_write(&place->port, state_folder(place), &failed, &err);
}

static void
assert_note(struct secret_place *place, const char *failure, const char *message, int times)
{
    json_t *note = aks_hook_note_read(&place->port, state_folder(place));

    assert_non_null(note);
    assert_string_equal(json_string_value(json_object_get(note, "failure")), failure);
    assert_string_equal(json_string_value(json_object_get(note, "message")), message);
    assert_int_equal(json_integer_value(json_object_get(note, "times")), times);
    assert_non_null(json_string_value(json_object_get(note, "since")));
    assert_null(json_object_get(note, "state"));
    json_decref(note);
}

static void
the_last_one_is_kept_and_how_often(void **state)
{
    struct secret_place *place = *state;
    char path[SECRET_PLACE_PATH_BYTES];
    struct stat info;

    assert_null(aks_hook_note_read(&place->port, state_folder(place)));
    assert_int_equal(keep(place, AKS_POLICY, "cannot read the policy", "write one"), AKS_OK);
    assert_note(place, "policy", "cannot read the policy", 1);
    assert_int_equal(keep(place, AKS_NO_SPACE, "the disk is full", ""), AKS_OK);
    assert_note(place, "no_space", "the disk is full", 2);
    (void)snprintf(path, sizeof(path), "%s/hook.json", state_folder(place));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    aks_hook_note_clear(&place->port, state_folder(place));
    assert_null(aks_hook_note_read(&place->port, state_folder(place)));
    assert_int_equal(access(path, F_OK), -1);
}

static void
what_is_no_note_is_nothing(void **state)
{
    static const char *const texts[] = { "", "no json", "[]", "{}", "{\"failed_at\": 1}",
        "{\"failed_at\": \"a\", \"since\": \"a\", \"failure\": \"state\", \"message\": \"m\"}",
        "{\"failed_at\": \"a\", \"since\": \"a\", \"failure\": \"state\", \"message\": \"m\","
        " \"times\": 1, \"state\": \"/of/another\"}" };
    struct secret_place *place = *state;

    assert_int_equal(mkdir(state_folder(place), 0700), 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        (void)temp_folder_write(place->folder, "state/hook.json", texts[i], strlen(texts[i]));
        assert_null(aks_hook_note_read(&place->port, state_folder(place)));
        assert_int_equal(keep(place, AKS_STATE, "new", ""), AKS_OK);
        assert_note(place, "state", "new", 1);
    }
}

static void
nothing_of_it_grows(void **state)
{
    struct secret_place *place = *state;
    char path[SECRET_PLACE_PATH_BYTES];
    struct stat info;

    for (int i = 0; i < 50; i++)
        assert_int_equal(keep(place, AKS_STATE, "again", "hint"), AKS_OK);
    assert_note(place, "state", "again", 50);
    (void)snprintf(path, sizeof(path), "%s/hook.json", state_folder(place));
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size < 1024);
}

/* Where nothing can be written in the state folder, the login's own folder has it. */
static void
a_full_disk_is_told_all_the_same(void **state)
{
    struct secret_place *place = *state;
    char file[SECRET_PLACE_PATH_BYTES];
    char runtime[SECRET_PLACE_PATH_BYTES];

    /* No folder can be made below a file, whoever runs this. */
    secret_place_file(place, "file", "", 0600, file);
    (void)snprintf(file, sizeof(file), "%s/file/state", temp_folder_path(place->folder));
    (void)snprintf(runtime, sizeof(runtime), "%s/run", temp_folder_path(place->folder));
    assert_int_equal(mkdir(runtime, 0700), 0);
    for (int i = 0; i < 2; i++) {
        struct aks_error failed;
        struct aks_error err;
        json_t *note;

        (void)aks_error_set(&failed, AKS_NO_SPACE, "no room for a job");
        assert_int_equal(aks_hook_note_write(&place->port, file, &failed, &err),
            i == 0 ? AKS_STATE : AKS_OK);
        secret_place_set(place, "XDG_RUNTIME_DIR", runtime);
        note = aks_hook_note_read(&place->port, file);
        assert_int_equal(note != NULL, i == 1);
        json_decref(note);
        /* One of another state folder is not meant. */
        assert_null(aks_hook_note_read(&place->port, state_folder(place)));
    }
    aks_hook_note_clear(&place->port, file);
    assert_null(aks_hook_note_read(&place->port, file));
}

/* A note that was said to be kept is there, and what cannot be kept leaves the one before. */
static int
try_without_memory(void *ctx, const struct aks_alloc *alloc)
{
    struct secret_place *place = ctx;
    const struct aks_alloc *before = place->port.alloc;
    enum aks_status status;
    json_t *note;

    assert_int_equal(keep(place, AKS_STATE, "before", "hint"), AKS_OK);
    place->port.alloc = alloc;
    status = keep(place, AKS_NO_SPACE, "message", "hint");
    json_decref(aks_hook_note_read(&place->port, state_folder(place)));
    place->port.alloc = before;
    assert_true(status == AKS_OK || status == AKS_LIMIT || status == AKS_STATE);
    note = aks_hook_note_read(&place->port, state_folder(place));
    if (note == NULL)
        fail_msg("the note is gone: %s", aks_status_name(status));
    assert_string_equal(json_string_value(json_object_get(note, "message")),
        status == AKS_OK ? "message" : "before");
    json_decref(note);
    place->port.alloc = alloc;
    aks_hook_note_clear(&place->port, state_folder(place));
    place->port.alloc = before;
    aks_hook_note_clear(&place->port, state_folder(place));
    assert_null(aks_hook_note_read(&place->port, state_folder(place)));
    return 0;
}

static void
lives_without_memory(void **state)
{
    failing_alloc_loop(try_without_memory, *state, 200);
}

/* Whatever fails, what was there is there, or the new one is. */
static void
lives_with_a_bad_disk(void **state)
{
    struct secret_place *place = *state;
    struct faulty_files faulty;
    struct aks_files real = place->port.files;

    assert_int_equal(keep(place, AKS_STATE, "first", ""), AKS_OK);
    faulty_files_init(&faulty, &real, AKS_NO_SPACE);
    for (int64_t i = 0; i < 40; i++) {
        json_t *note;

        faulty_files_arm(&faulty, i, (i & 1) != 0);
        place->port.files = faulty.files;
        (void)keep(place, AKS_STATE, "then", "");
        place->port.files = real;
        note = aks_hook_note_read(&place->port, state_folder(place));
        assert_non_null(note);
        json_decref(note);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_one_is_kept_and_how_often, secret_set_up,
            secret_tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_note_is_nothing, secret_set_up,
            secret_tear_down),
        cmocka_unit_test_setup_teardown(nothing_of_it_grows, secret_set_up, secret_tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_all_the_same, secret_set_up,
            secret_tear_down),
        cmocka_unit_test_setup_teardown(lives_without_memory, secret_set_up, secret_tear_down),
        cmocka_unit_test_setup_teardown(lives_with_a_bad_disk, secret_set_up, secret_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
