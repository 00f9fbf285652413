/* What init writes, what it leaves alone, and what its undoing leaves behind. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <fcntl.h>
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
#define RECORD "home/.config/akosha-sync/init.json"
#define SETTINGS "home/.claude/settings.json"
#define UNIT "home/.config/systemd/user/akosha-sync-worker.service"
#define THEIRS "return require(\"akosha\").policy { api = 1, sources = {} } -- mine\n"

static char *
text_of(struct command_testing *testing, const char *name)
{
    return temp_folder_read(testing->folder, name, NULL);
}

static void
has(struct command_testing *testing, const char *name, const char *part)
{
    char *text = text_of(testing, name);

    if (strstr(text, part) == NULL)
        fail_msg("%s has no \"%s\" in it: %s", name, part, text);
    free(text);
}

/* How often our hook stands in these settings. */
static size_t
hooks(struct command_testing *testing, const char *name)
{
    char *text = command_has(testing, name) ? text_of(testing, name) : strdup("");
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, " hook session-end")) != NULL; at++)
        count++;
    free(text);
    return count;
}

/* Writes over what stands there, in place. */
static void
put(struct command_testing *testing, const char *name, const char *text)
{
    (void)command_write(testing, name, text);
}

/* --- what it writes --------------------------------------------------------------------------- */

static void
all_of_it_is_written_once(void **state)
{
    struct command_testing *testing = *state;
    char *text;

    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "+    [\"local\"] = akosha.dir { path = \"~/.local/share/");
    command_prints(testing, "local reachable: the folder can be written");
    has(testing, POLICY, "{ path = \"~/.claude/data/reflection.duckdb\" }");
    assert_int_equal(hooks(testing, SETTINGS), 1);
    text = text_of(testing, POLICY);
    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "policy.lua: as it is\n");
    command_prints(testing, "settings.json: as it is\n");
    command_holds(testing, POLICY, text);
    assert_int_equal(hooks(testing, SETTINGS), 1);
    free(text);
}

static void
options_become_targets(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--yes", "--no-hook", "--quiet", "--bucket", "memories",
        "--region", "eu-west-1", "--prefix", "team", "--system-id", "laptop-7",
        "--credentials", "environment", "--endpoint", "http://127.0.0.1:9", "--dir", "backup",
        NULL);
    has(testing, POLICY, "cloud = akosha.s3 { bucket = \"memories\", region = \"eu-west-1\", "
        "endpoint = \"http://127.0.0.1:9\", prefix = \"team\", credentials = \"environment\" },");
    has(testing, POLICY, "system_id = \"laptop-7\"");
    /* A folder is meant from where one stands. */
    has(testing, POLICY, "/backup\" },");
    assert_false(command_has(testing, SETTINGS));
}

static void
settings_of_the_environment_become_targets(void **state)
{
    struct command_testing *testing = *state;

    command_set(testing, "AKOSHA_HTTP_URL", "https://akosha.example/upload");
    command_set(testing, "AKOSHA_CLOUD_ENDPOINT", "https://nobody.example");
    command_set(testing, "SESSION_BUDDY_AKOSHA_SYSTEM_ID", "desk");
    command_set(testing, "AKOSHA_SYSTEM_ID", "");
    command_run(testing, "init", "--dry-run", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "http = akosha.http { url = \"https://akosha.example/upload\" },");
    command_prints(testing, "system_id = \"desk\"");
    /* Without a bucket it is nobody's address. */
    assert_null(strstr(testing->out, "nobody.example"));
    command_set(testing, "AKOSHA_HTTP_URL", NULL);
    command_set(testing, "XDG_DATA_HOME", "/data/of/mine");
    command_run(testing, "init", "--dry-run", NULL);
    command_prints(testing, "akosha.dir { path = \"/data/of/mine/akosha-sync\" }");
}

static void
databases_are_found_and_nothing_else(void **state)
{
    struct command_testing *testing = *state;

    put(testing, "home/.claude/data/notes.db", "x");
    put(testing, "home/.claude/data/notes.txt", "x");
    put(testing, "home/.claude/data/.hidden.db", "x");
    put(testing, "home/.claude/data/a folder.db/inside", "x");
    put(testing, "home/elsewhere.sqlite", "x");
    assert_int_equal(symlink("../../elsewhere.sqlite", command_path(testing,
        "home/.claude/data/linked.sqlite")), 0);
    assert_int_equal(symlink("nowhere", command_path(testing, "home/.claude/data/lost.db")), 0);
    command_run(testing, "init", "--dry-run", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "{ path = \"~/.claude/data/notes.db\" }");
    command_prints(testing, "{ path = \"~/.claude/data/linked.sqlite\" }");
    assert_null(strstr(testing->out, "notes.txt"));
    assert_null(strstr(testing->out, "/.hidden.db"));
    /* No database is a folder, and a link to nothing none. */
    assert_null(strstr(testing->out, "a folder.db"));
    assert_null(strstr(testing->out, "lost.db"));
}

static void
the_hook_is_called_as_init_was(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--yes", "--quiet", "--policy", "it's mine.lua", "--state",
        "a state", "--settings", "other.json", "--dir", "/tmp", NULL);
    assert_true(command_has(testing, "work/it's mine.lua"));
    assert_false(command_has(testing, SETTINGS));
    has(testing, "work/other.json", "akosha-sync hook session-end --policy '");
    has(testing, "work/other.json", "/it'\\\\''s mine.lua' --state '");
    has(testing, "work/other.json", "/a state'\"");
}

static void
one_document_tells_all_of_it(void **state)
{
    struct command_testing *testing = *state;
    json_t *told;

    command_run(testing, "init", "--yes", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    told = command_json(testing);
    assert_true(json_is_true(command_at(told, "changed")));
    assert_string_equal(command_text(told, "changes.0.what"), "policy");
    assert_string_equal(command_text(told, "changes.0.action"), "written");
    assert_non_null(strstr(command_text(told, "changes.0.diff"), "+return akosha.policy {"));
    assert_string_equal(command_text(told, "changes.1.what"), "hook");
    assert_null(command_at(told, "changes.2"));
    assert_int_equal(json_integer_value(command_at(told, "doctor.exit_code")), 0);
    json_decref(told);
    command_run(testing, "init", "--undo", "--yes", "--json", NULL);
    told = command_json(testing);
    assert_string_equal(command_text(told, "changes.0.action"), "removed");
    assert_true(json_is_null(command_at(told, "doctor")));
    assert_true(json_is_null(command_at(told, "command")));
    json_decref(told);
}

static void
a_target_that_doctor_cannot_reach_makes_the_exit_code(void **state)
{
    struct command_testing *testing = *state;
    json_t *told;

    put(testing, "work/a file", "");
    command_run(testing, "init", "--yes", "--json", "--dir", "a file", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    told = command_json(testing);
    assert_true(json_is_false(command_at(told, "success")));
    assert_true(json_is_true(command_at(told, "changed")));
    assert_int_equal(json_integer_value(command_at(told, "exit_code")), AKOSHA_SETTINGS);
    json_decref(told);
    assert_true(command_has(testing, POLICY));
}

/* --- what it leaves alone --------------------------------------------------------------------- */

static void
nothing_is_done_where_nobody_can_be_asked(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "usage: nothing is changed, as nobody can be asked here\n"
        "hint: --yes does it without asking, --dry-run only shows it");
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, "home/.claude"));
    command_run(testing, "init", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_prints(testing, "\"exit_code\": 2");
    command_run(testing, "init", "--dry-run", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "\"changed\": false");
    assert_false(command_has(testing, POLICY));
}

static void
a_policy_that_would_not_load_is_not_written(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--yes", "--http", "http://elsewhere.example", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "the policy that these settings come to is refused: url: akosha.http: ");
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, SETTINGS));
    assert_false(command_has(testing, POLICY ".checked.lua"));
}

static void
a_policy_that_is_there_stays(void **state)
{
    struct command_testing *testing = *state;

    put(testing, POLICY, THEIRS);
    command_run(testing, "init", "--yes", "--dir", "/tmp", NULL);
    command_prints(testing, "policy.lua: there is one already, which stays");
    command_tells(testing, "policy.lua stays as it is; --force replaces it");
    command_holds(testing, POLICY, THEIRS);
    assert_int_equal(hooks(testing, SETTINGS), 1);
}

static void
settings_that_are_no_json_stop_it_before_anything_is_written(void **state)
{
    struct command_testing *testing = *state;

    put(testing, SETTINGS, "{ mine");
    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "settings.json: the agent's settings are left alone: they are no JSON, "
        "at line 1, column ");
    command_holds(testing, SETTINGS, "{ mine");
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, RECORD));
}

static void
a_full_disk_or_a_folder_in_the_way_is_told(void **state)
{
    struct command_testing *testing = *state;

    put(testing, SETTINGS, "{}\n");
    put(testing, SETTINGS ".akosha-sync.fresh/x", "");
    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_NOT_KEPT);
    command_tells(testing, "cannot write ");
    command_holds(testing, SETTINGS, "{}\n");
    testing->to = "/dev/full";
    command_run(testing, "init", "--dry-run", NULL);
    testing->to = NULL;
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output: No space left on device");
}

/* --- the way back ----------------------------------------------------------------------------- */

static void
undo_takes_away_what_was_added(void **state)
{
    struct command_testing *testing = *state;

    put(testing, SETTINGS, "{ \"model\": \"opus\" }\n");
    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(hooks(testing, SETTINGS), 1);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "-return akosha.policy {");
    command_holds(testing, SETTINGS, "{ \"model\": \"opus\" }\n");
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, RECORD));
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "settings.json: nothing of ours is in it");
}

static void
undo_takes_the_hook_out_of_all_settings_it_was_added_to(void **state)
{
    struct command_testing *testing = *state;

    put(testing, "work/a.json", "{\"a\": 1}");
    command_run(testing, "init", "--yes", "--settings", "a.json", NULL);
    command_run(testing, "init", "--yes", NULL);
    command_run(testing, "init", "--yes", "--settings", "b.json", NULL);
    assert_int_equal(hooks(testing, "work/a.json"), 1);
    assert_int_equal(hooks(testing, "work/b.json"), 1);
    assert_int_equal(hooks(testing, SETTINGS), 1);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_holds(testing, "work/a.json", "{\"a\": 1}");
    assert_false(command_has(testing, "work/b.json"));
    assert_false(command_has(testing, SETTINGS));
    assert_false(command_has(testing, RECORD));
}

static void
undo_brings_back_what_force_replaced(void **state)
{
    struct command_testing *testing = *state;

    put(testing, POLICY, THEIRS);
    assert_int_equal(chmod(command_path(testing, POLICY), 0640), 0);
    command_run(testing, "init", "--yes", "--force", NULL);
    has(testing, POLICY, "akosha.dir");
    /* Once more, with another target: it is still theirs that was there before. */
    command_run(testing, "init", "--yes", "--force", "--dir", "/tmp", NULL);
    has(testing, POLICY, "\"/tmp\"");
    command_run(testing, "init", "--undo", "--yes", NULL);
    command_tells(testing, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_holds(testing, POLICY, THEIRS);
    assert_false(command_has(testing, RECORD));
}

static void
undo_without_what_was_kept_takes_ours_away(void **state)
{
    struct command_testing *testing = *state;
    glob_t kept;

    put(testing, POLICY, THEIRS);
    command_run(testing, "init", "--yes", "--force", NULL);
    assert_int_equal(glob(command_path(testing, POLICY ".akosha-sync-*.bak"), 0, NULL, &kept), 0);
    assert_int_equal(kept.gl_pathc, 1);
    assert_int_equal(unlink(kept.gl_pathv[0]), 0);
    globfree(&kept);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_false(command_has(testing, POLICY));
}

static void
undo_leaves_what_a_person_has_changed(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--yes", NULL);
    put(testing, POLICY, THEIRS);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "policy.lua: it was changed since, and stays");
    command_holds(testing, POLICY, THEIRS);
    assert_int_equal(hooks(testing, SETTINGS), 0);
}

static void
undo_does_the_rest_where_settings_cannot_be_read(void **state)
{
    struct command_testing *testing = *state;
    json_t *told;
    char *ours;

    command_run(testing, "init", "--yes", NULL);
    command_run(testing, "init", "--yes", "--settings", "a.json", NULL);
    ours = text_of(testing, SETTINGS);
    put(testing, SETTINGS, "{ broken");
    command_run(testing, "init", "--undo", "--yes", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "settings.json: the agent's settings are left alone: they are no JSON");
    command_tells(testing, "hint: mend them first");
    told = command_json(testing);
    assert_true(json_is_false(command_at(told, "success")));
    assert_true(json_is_true(command_at(told, "changed")));
    json_decref(told);
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, "work/a.json"));
    /* Once they can be read, the rest goes. */
    put(testing, SETTINGS, ours);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_false(command_has(testing, SETTINGS));
    assert_false(command_has(testing, RECORD));
    free(ours);
}

static void
undo_does_the_rest_where_a_policy_is_a_link_now(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(unlink(command_path(testing, POLICY)), 0);
    assert_int_equal(symlink("/nowhere", command_path(testing, POLICY)), 0);
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "policy.lua is left alone: it is a link");
    assert_false(command_has(testing, SETTINGS));
    assert_true(command_has(testing, RECORD));
}

static void
undo_of_nothing_needs_nobody(void **state)
{
    struct command_testing *testing = *state;

    command_run(testing, "init", "--undo", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_false(command_has(testing, "home/.config"));
}

static void
a_record_that_is_no_json_is_none(void **state)
{
    struct command_testing *testing = *state;

    put(testing, RECORD, "{ what");
    command_run(testing, "init", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    has(testing, RECORD, "\"schema\": 1");
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_false(command_has(testing, SETTINGS));
}

static void
a_record_that_grew_too_long_is_refused(void **state)
{
    struct command_testing *testing = *state;
    char record[2048] = "{\"schema\": 1, \"hooks\": {";

    for (int i = 0; i < 24; i++) {
        size_t len = strlen(record);

        (void)snprintf(record + len, sizeof(record) - len, "%s\"/none/%d.json\": {\"added\": "
            "\"hooks\", \"blank\": \"\"}", i > 0 ? ", " : "", i);
    }
    strcat(record, "}}");
    put(testing, RECORD, record);
    command_run(testing, "init", "--yes", "--settings", "one-more.json", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "init has written 24 files already\n"
        "hint: akosha-sync init --undo takes them away");
    assert_int_equal(hooks(testing, "work/one-more.json"), 0);
    /* None of them is there any more: nobody has to be asked. */
    command_run(testing, "init", "--undo", "--quiet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_false(command_has(testing, RECORD));
}

/* --- units of systemd ------------------------------------------------------------------------- */

/* A systemctl that notes what it was asked, and then ends with ${code}. */
static void
give_systemctl(struct command_testing *testing, int code)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "#!/bin/sh\necho \"$@\" >>'%s'\nexit %d\n",
        command_path(testing, "systemctl.log"), code);
    put(testing, "bin/systemctl", text);
    assert_int_equal(chmod(command_path(testing, "bin/systemctl"), 0755), 0);
    (void)snprintf(text, sizeof(text), "%s:/bin:/usr/bin", command_path(testing, "bin"));
    command_set(testing, "PATH", text);
}

static void
units_are_written_enabled_and_taken_away(void **state)
{
    struct command_testing *testing = *state;
    const char *path = getenv("PATH");
    char *before = strdup(path != NULL ? path : "/bin");

    give_systemctl(testing, 0);
    command_run(testing, "init", "--yes", "--systemd", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    has(testing, UNIT, "ExecStart=\"/");
    has(testing, UNIT, "/akosha-sync\" worker --until-empty");
    has(testing, SETTINGS, " hook session-end --no-worker\"");
    /* A unit that a person has changed stays, with and without a policy of theirs. */
    put(testing, UNIT, "[Unit]\n");
    command_run(testing, "init", "--yes", "--systemd", NULL);
    command_prints(testing, "akosha-sync-worker.service: there is one already, which stays");
    command_run(testing, "init", "--undo", "--yes", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_holds(testing, UNIT, "[Unit]\n");
    assert_false(command_has(testing, "home/.config/systemd/user/akosha-sync-worker.timer"));
    command_holds(testing, "systemctl.log", "--user daemon-reload\n"
        "--user enable --now akosha-sync-worker.path akosha-sync-worker.timer\n"
        "--user disable --now akosha-sync-worker.path akosha-sync-worker.timer\n");
    command_set(testing, "PATH", before);
    free(before);
}

static void
a_systemd_that_does_not_take_them_is_told(void **state)
{
    struct command_testing *testing = *state;

    give_systemctl(testing, 1);
    command_run(testing, "init", "--yes", "--systemd", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "warning: systemctl --user did not take the units; where it runs: "
        "systemctl --user enable --now ");
    assert_true(command_has(testing, UNIT));
}

#define WITH_HOME(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_HOME(all_of_it_is_written_once),
        WITH_HOME(options_become_targets),
        WITH_HOME(settings_of_the_environment_become_targets),
        WITH_HOME(databases_are_found_and_nothing_else),
        WITH_HOME(the_hook_is_called_as_init_was),
        WITH_HOME(one_document_tells_all_of_it),
        WITH_HOME(a_target_that_doctor_cannot_reach_makes_the_exit_code),
        WITH_HOME(nothing_is_done_where_nobody_can_be_asked),
        WITH_HOME(a_policy_that_would_not_load_is_not_written),
        WITH_HOME(a_policy_that_is_there_stays),
        WITH_HOME(settings_that_are_no_json_stop_it_before_anything_is_written),
        WITH_HOME(a_full_disk_or_a_folder_in_the_way_is_told),
        WITH_HOME(undo_takes_away_what_was_added),
        WITH_HOME(undo_takes_the_hook_out_of_all_settings_it_was_added_to),
        WITH_HOME(undo_brings_back_what_force_replaced),
        WITH_HOME(undo_without_what_was_kept_takes_ours_away),
        WITH_HOME(undo_leaves_what_a_person_has_changed),
        WITH_HOME(undo_does_the_rest_where_settings_cannot_be_read),
        WITH_HOME(undo_does_the_rest_where_a_policy_is_a_link_now),
        WITH_HOME(undo_of_nothing_needs_nobody),
        WITH_HOME(a_record_that_is_no_json_is_none),
        WITH_HOME(units_are_written_enabled_and_taken_away),
        WITH_HOME(a_systemd_that_does_not_take_them_is_told),
        WITH_HOME(a_record_that_grew_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
