/* init --undo where its record is not as this version writes it, or leads to where nothing can be
 * looked at. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define POLICY "home/.config/akosha-sync/policy.lua"
#define RECORD "home/.config/akosha-sync/init.json"
#define SETTINGS "home/.claude/settings.json"

/* Where a folder was, a file is now: nothing of ours can be in it. */
static void
undo_passes_over_what_is_below_a_file(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(unlink(command_path(testing, SETTINGS)), 0);
    assert_int_equal(rmdir(command_path(testing, "home/.claude")), 0);
    (void)command_write(testing, "home/.claude", "a file");
    command_run(testing, "init", "--undo", "--yes", NULL);
    command_tells(testing, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "settings.json: nothing of ours is in it");
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, RECORD));
    command_holds(testing, "home/.claude", "a file");
    /* Not even a record is there. */
    assert_int_equal(rmdir(command_path(testing, "home/.config/akosha-sync")), 0);
    (void)command_write(testing, "home/.config/akosha-sync", "a file");
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    /* But there init cannot write: nothing is changed. */
    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "Not a directory");
}

static void
undo_ends_with_one_code_whatever_could_not_be_looked_at(void **state)
{
    struct command_testing *testing = *state;
    char name[300];
    char record[1024];
    json_t *told;

    /* No file can have that name, so that it cannot be told whether there is one. */
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(record, sizeof(record), "{\"schema\": 1, \"hooks\": {}, \"files\": "
        "{\"/%s\": {\"text\": \"x\"}}}", name);
    (void)command_write(testing, RECORD, record);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "File name too long");
    command_run(testing, "init", "--undo", "--yes", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    told = command_json(testing);
    assert_int_equal(json_integer_value(command_at(told, "exit_code")), AKOSHA_SETTINGS);
    assert_string_equal(command_text(told, "error.failure"), "state");
    json_decref(told);
    assert_true(command_has(testing, RECORD));
}

static void
undo_takes_away_what_an_older_init_added(void **state)
{
    struct command_testing *testing = *state;
    json_t *record;
    json_t *hook;
    json_t *file;
    const char *path;
    const char *settings = command_path(testing, SETTINGS);
    char *text;

    (void)command_write(testing, SETTINGS, "{\"a\": 1}");
    command_run(testing, "init", "--yes", NULL);
    record = json_load_file(command_path(testing, RECORD), 0, NULL);
    /* It knew of one hook, and of the texts of files alone. */
    hook = json_deep_copy(json_object_get(json_object_get(record, "hooks"), settings));
    assert_non_null(hook);
    (void)json_object_set_new(hook, "settings", json_string(settings));
    (void)json_object_set_new(record, "hook", hook);
    (void)json_object_del(record, "hooks");
    path = command_path(testing, POLICY);
    file = json_incref(json_object_get(json_object_get(json_object_get(record, "files"), path),
        "text"));
    assert_true(json_is_string(file));
    (void)json_object_set_new(json_object_get(record, "files"), path, file);
    text = json_dumps(record, 0);
    (void)command_write(testing, RECORD, text);
    free(text);
    json_decref(record);
    command_run(testing, "init", "--undo", "--yes", NULL);
    command_tells(testing, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_holds(testing, SETTINGS, "{\"a\": 1}");
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, RECORD));
}

static void
undo_leaves_a_record_that_it_does_not_know(void **state)
{
    static const char *const records[] = { "{ cut", "", "[1]", "{\"schema\": 2}", "{}" };
    struct command_testing *testing = *state;
    char *settings;

    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        (void)command_write(testing, RECORD, records[i]);
        command_run(testing, "init", "--undo", "--yes", NULL);
        assert_int_equal(testing->code, AKOSHA_SETTINGS);
        command_tells(testing, "init.json is left alone: it is not what this version writes");
        command_holds(testing, RECORD, records[i]);
    }
    /* What can be found without it goes. */
    command_run(testing, "init", "--yes", NULL);
    assert_true(command_has(testing, SETTINGS));
    (void)command_write(testing, RECORD, "{\"schema\": 2}");
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    settings = temp_folder_read(testing->folder, SETTINGS, NULL);
    assert_null(strstr(settings, "session-end"));
    free(settings);
    command_holds(testing, RECORD, "{\"schema\": 2}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(undo_passes_over_what_is_below_a_file),
        TEST(undo_ends_with_one_code_whatever_could_not_be_looked_at),
        TEST(undo_takes_away_what_an_older_init_added),
        TEST(undo_leaves_a_record_that_it_does_not_know),
    };

    return cmocka_run_group_tests_name("init's record", tests, NULL, NULL);
}
