/* What session-buddy's settings come to, where it is written, and what is told of each. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <glob.h>
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

#define POLICY "home/.config/akosha-sync/policy.lua"
#define USUAL "work/settings/session-buddy.yaml"
#define LOCAL "work/settings/local.yaml"
#define THEIRS "-- mine\n"

static void
settings_are_shown_and_nothing_is_written(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, USUAL, "log_level: INFO\nakosha_cloud_bucket: memories\n"
        "akosha_chunk_size_mb: 2\nakosha_cloud_buckett: x\n");
    (void)command_write(testing, LOCAL, "akosha_cloud_region: eu-west-1\n");
    command_set(testing, "SESSION_BUDDY_AKOSHA_MAX_RETRIES", "5");
    command_run(testing, "migrate", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_prints(testing, "settings/session-buddy.yaml is read\nsettings/local.yaml is read\n");
    command_prints(testing, "akosha_cloud_bucket = memories  (settings/session-buddy.yaml, line 2)"
        "\n    now: ");
    command_prints(testing, "akosha_cloud_region = eu-west-1  (settings/local.yaml, line 1)");
    command_prints(testing, "akosha_max_retries = 5  (SESSION_BUDDY_AKOSHA_MAX_RETRIES)");
    command_prints(testing, "akosha_cloud_endpoint = \"\"  (default)");
    command_prints(testing, "    before: ");
    command_prints(testing,
        "akosha_cloud_buckett (settings/session-buddy.yaml): unknown, left out");
    command_prints(testing, "1 setting of session-buddy's other parts is none of this");
    command_prints(testing, "cloud = akosha.s3 { bucket = \"memories\", region = \"eu-west-1\" },");
    command_prints(testing, "policy.lua would be written with --write; nothing is\n");
    assert_false(command_has(testing, POLICY));
}

static void
no_file_is_no_error_where_none_is_named(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "migrate", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "no file is read: name session-buddy's, akosha-sync migrate FILE");
    command_prints(testing, "[\"local\"] = akosha.dir { path = ");
    command_run(testing, "migrate", "--mcp", "http://127.0.0.1:7/mcp", NULL);
    command_prints(testing, "url = \"http://127.0.0.1:7/mcp\"");
    command_set(testing, "AKOSHA_MCP_URL", "http://127.0.0.1:8/mcp");
    command_run(testing, "migrate", "--quiet", NULL);
    command_prints(testing, NULL);
    command_run(testing, "migrate", NULL);
    command_prints(testing, "url = \"http://127.0.0.1:8/mcp\"");
}

static void
a_file_that_is_named_has_to_be_there(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "migrate", "nowhere.yaml", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "nowhere.yaml: ");
    command_prints(testing, NULL);
    command_run(testing, "migrate", "--json", testing->home, NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "is no file");
    command_prints(testing, "\"exit_code\": 3");
}

static void
a_file_that_is_wrong_is_told_with_its_line(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, "work/a.yaml", "akosha_cloud_bucket: x\nakosha_max_retries: 11\n");
    command_run(testing, "migrate", "a.yaml", "--write", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "a.yaml, line 2");
    assert_false(command_has(testing, POLICY));
}

static void
it_is_written_once_and_passes_check(void **state)
{
    struct command_testing *testing = *state;
    struct stat info;
    json_t *told;

    (void)command_write(testing, "work/a.yaml", "akosha_cloud_bucket: memories\n"
        "akosha_cloud_endpoint: https://s3.example.org\n");
    command_run(testing, "migrate", "a.yaml", "--write", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    told = command_json(testing);
    assert_true(json_is_true(command_at(told, "policy.written")));
    assert_string_equal(command_text(told, "policy.path"), command_path(testing, POLICY));
    assert_string_equal(command_text(told, "read.0"), "a.yaml");
    assert_string_equal(command_text(told, "settings.0.name"), "akosha_cloud_bucket");
    assert_string_equal(command_text(told, "settings.0.value"), "memories");
    assert_int_equal(json_integer_value(command_at(told, "settings.0.line")), 1);
    assert_true(json_is_null(command_at(told, "settings.2.from")));
    assert_true(json_is_null(command_at(told, "error")));
    command_holds(testing, POLICY, command_text(told, "policy.text"));
    json_decref(told);
    assert_int_equal(stat(command_path(testing, POLICY), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    command_run(testing, "check", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    /* What is there stays, even if it is the same. */
    command_run(testing, "migrate", "a.yaml", "--write", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "policy.lua is there already, and stays as it is\n"
        "hint: --force replaces it, --to FILE writes elsewhere");
}

static void
what_force_replaces_is_kept(void **state)
{
    struct command_testing *testing = *state;
    glob_t kept;
    char *held;

    (void)command_write(testing, "work/mine.lua", THEIRS);
    command_run(testing, "migrate", "--to", "mine.lua", "--force", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "mine.lua is written, and passes check\n");
    assert_int_equal(glob(command_path(testing, "work/mine.lua.akosha-sync-*.bak"), 0, NULL,
        &kept), 0);
    assert_int_equal(kept.gl_pathc, 1);
    command_holds(testing, kept.gl_pathv[0] + strlen(temp_folder_path(testing->folder)) + 1,
        THEIRS);
    globfree(&kept);
    held = temp_folder_read(testing->folder, "work/mine.lua", NULL);
    assert_non_null(strstr(held, "return akosha.policy {"));
    free(held);
    command_run(testing, "migrate", "--to", "mine.lua", "--write", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "usage: --write and --to exclude each other");
}

static void
a_policy_that_would_not_load_is_not_written(void **state)
{
    struct command_testing *testing = *state;

    command_set(testing, "XDG_CONFIG_HOME", command_path(testing, "config"));
    (void)command_write(testing, "work/a.yaml", "akosha_cloud_bucket: Not_A_Bucket\n");
    command_run(testing, "migrate", "a.yaml", "--write", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "the policy that these settings come to is refused: ");
    assert_false(command_has(testing, "config/akosha-sync/policy.lua"));
    assert_false(command_has(testing, "config/akosha-sync/policy.lua.checked.lua"));
}

static void
a_folder_that_cannot_be_made_keeps_it(void **state)
{
    struct command_testing *testing = *state;

    (void)command_write(testing, "home/.config", "in the way");
    command_run(testing, "migrate", "--write", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "cannot look at ");
    command_holds(testing, "home/.config", "in the way");
}

#define WITH_HOME(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_HOME(settings_are_shown_and_nothing_is_written),
        WITH_HOME(no_file_is_no_error_where_none_is_named),
        WITH_HOME(a_file_that_is_named_has_to_be_there),
        WITH_HOME(a_file_that_is_wrong_is_told_with_its_line),
        WITH_HOME(it_is_written_once_and_passes_check),
        WITH_HOME(what_force_replaces_is_kept),
        WITH_HOME(a_policy_that_would_not_load_is_not_written),
        WITH_HOME(a_folder_that_cannot_be_made_keeps_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
