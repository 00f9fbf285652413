/* What a person is told by the commands of the way back, and what a script gets: list, verify,
 * restore, prune and fleet, of folders that hold what was really brought there. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

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
#define ONE "local akosha = require \"akosha\"\n" \
    "return akosha.policy { api = 1, system_id = \"laptop-7\", sources = { \"~/a.txt\", " \
    "\"~/b.txt\" },\n  targets = { here = akosha.dir { path = \"~/target\" } } }\n"
/* One cannot be a folder, one cannot be listed, and one takes rows. */
#define FOUR "local akosha = require \"akosha\"\n" \
    "return akosha.policy { api = 1, system_id = \"laptop-7\", sources = { \"~/a.txt\", " \
    "\"~/b.txt\" },\n  targets = { here = akosha.dir { path = \"~/target\" },\n" \
    "    broken = akosha.dir { path = \"~/a.txt\" },\n" \
    "    put = akosha.http { url = \"http://127.0.0.1:9/up\" },\n" \
    "    akosha = akosha.mcp { url = \"http://127.0.0.1:9/mcp\" } },\n" \
    "  route = { \"here\", \"broken\", \"put\", \"akosha\" } }\n"
#define TARGET "home/target/systems/laptop-7"
#define ID_BYTES 64

/* The id of an upload of a.txt with ${text} in it and of b.txt. */
static void
store(struct command_testing *testing, const char *text, char ret_id[ID_BYTES])
{
    json_t *report;

    (void)command_write(testing, "home/a.txt", text);
    if (!command_has(testing, "home/b.txt"))
        (void)command_write(testing, "home/b.txt", "what stays the same");
    command_run(testing, "run", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    report = command_json(testing);
    (void)snprintf(ret_id, ID_BYTES, "%s", command_text(report, "upload_id"));
    json_decref(report);
}

/* Every field that the schema of ${name} says an answer (or, where it has "success" false and no
 * more, a failure) has. */
static void
has_its_fields(const json_t *document, const char *name)
{
    char path[512];
    json_t *schema;
    const json_t *required;
    const json_t *field;
    size_t i;

    (void)snprintf(path, sizeof(path), "%s/docs/schema/%s.json", AKS_SOURCE_FOLDER, name);
    schema = json_load_file(path, 0, NULL);
    assert_non_null(schema);
    required = command_at(schema, json_object_size(document) == 4 ? "$defs.failure.required"
        : "$defs.report.required");
    assert_true(json_array_size(required) >= 4);
    json_array_foreach(required, i, field) {
        if (json_object_get(document, json_string_value(field)) == NULL)
            fail_msg("%s --json has no %s", name, json_string_value(field));
    }
    json_decref(schema);
}

static void
upload_path(const char *id, const char *name, char ret_path[256])
{
    (void)snprintf(ret_path, 256, "%s/%s%s%s", TARGET, id, name[0] != '\0' ? "/" : "", name);
}

/* --- list ------------------------------------------------------------------------------------- */

static void
uploads_are_listed_with_their_files(void **state)
{
    struct command_testing *testing = *state;
    char first[ID_BYTES];
    char second[ID_BYTES];
    char line[256];
    json_t *listed;

    (void)command_write(testing, POLICY, ONE);
    command_run(testing, "list", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "here (dir): 0 uploads of laptop-7\n");
    store(testing, "the first", first);
    store(testing, "the second one", second);
    command_run(testing, "list", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    command_prints(testing, "here (dir): 2 uploads of laptop-7\n");
    (void)snprintf(line, sizeof(line), "  %s  2 files, 28 B, stored as 28 B\n", first);
    command_prints(testing, line);
    command_prints(testing, "      a.txt                                   9 B  sha256 ");
    command_prints(testing, "      b.txt                                  19 B  sha256 ");
    command_run(testing, "list", "--quiet", NULL);
    assert_string_equal(testing->out, "");
    command_run(testing, "list", "--json", NULL);
    listed = command_json(testing);
    has_its_fields(listed, "list");
    assert_string_equal(command_text(listed, "targets.0.uploads.1.upload_id"), second);
    json_decref(listed);
}

/* A database and its log are one file of two objects: the files behind it are told, too. */
static void
a_log_is_listed_with_its_database(void **state)
{
    struct command_testing *testing = *state;
    char id[ID_BYTES];
    char path[256];
    char *text;
    json_t *manifest;
    json_t *object;

    (void)command_write(testing, POLICY, ONE);
    store(testing, "a text", id);
    upload_path(id, "manifest.json", path);
    manifest = json_load_file(command_path(testing, path), 0, NULL);
    object = json_array_get(json_object_get(manifest, "objects"), 0);
    assert_int_equal(json_object_set_new(object, "kind", json_string("duckdb")), 0);
    object = json_deep_copy(object);
    assert_int_equal(json_object_set_new(object, "role", json_string("wal")), 0);
    assert_int_equal(json_object_set_new(object, "name", json_string("a.txt.wal")), 0);
    assert_int_equal(json_array_insert_new(json_object_get(manifest, "objects"), 1, object), 0);
    text = json_dumps(manifest, 0);
    (void)command_write(testing, path, text);
    free(text);
    json_decref(manifest);
    command_run(testing, "list", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  2 files, ");
    command_prints(testing, "      a.txt  ");
    command_prints(testing, "      b.txt  ");
    assert_null(strstr(testing->out, "a.txt.wal"));
}

static void
what_is_not_complete_says_why(void **state)
{
    struct command_testing *testing = *state;
    char id[ID_BYTES];
    char path[256];
    char line[256];

    (void)command_write(testing, POLICY, ONE);
    store(testing, "a text", id);
    upload_path(id, "manifest.json", path);
    (void)command_write(testing, path, "{ no manifest");
    (void)command_write(testing, TARGET "/20200101T000000Z-000001/a.txt", "half");
    command_run(testing, "list", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "  20200101T000000Z-000001  incomplete: it has no manifest: it was "
        "never finished\n");
    (void)snprintf(line, sizeof(line), "  %s  incomplete: upload %s in here: ", id, id);
    command_prints(testing, line);
    command_run(testing, "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    command_tells(testing, id);
}

/* What one target does not tell keeps nobody from telling of the others. */
static void
a_target_that_fails_is_told_beside_the_others(void **state)
{
    struct command_testing *testing = *state;
    char id[ID_BYTES];
    json_t *listed;

    (void)command_write(testing, POLICY, FOUR);
    store(testing, "a text", id);
    command_run(testing, "list", NULL);
    assert_int_not_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "here (dir): 1 upload of laptop-7\n");
    command_prints(testing, "broken (dir): cannot use target broken: ");
    assert_null(strstr(testing->out, "broken (dir): 0 uploads"));
    assert_null(strstr(testing->out, "put (http)"));
    command_tells(testing, "a.txt");
    command_run(testing, "list", "--json", NULL);
    listed = command_json(testing);
    has_its_fields(listed, "list");
    assert_true(json_is_null(command_at(listed, "targets.1.error")));
    assert_int_equal(json_array_size(command_at(listed, "targets.0.uploads")), 0);
    assert_string_equal(command_text(listed, "targets.0.error.message"),
        command_text(listed, "error.message"));
    json_decref(listed);
    command_run(testing, "fleet", NULL);
    assert_int_not_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "here (dir): 1 system\n");
    command_prints(testing, "broken (dir): cannot use target broken: ");
    command_run(testing, "prune", "--keep", "last=1", NULL);
    assert_int_not_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "here: 1 of 1 uploads stay; ");
    command_prints(testing, "broken: cannot use target broken: ");
}

/* Nobody asks it, so it need not be there. */
static void
a_target_of_rows_is_passed_over(void **state)
{
    static const char *const commands[] = { "list", "fleet", "verify", "prune", "restore" };
    struct command_testing *testing = *state;
    char id[ID_BYTES];

    (void)command_write(testing, POLICY, "local akosha = require \"akosha\"\n"
        "return akosha.policy { api = 1, sources = { \"~/a.txt\", \"~/b.txt\" },\n"
        "  targets = { here = akosha.dir { path = \"~/target\" },\n"
        "    akosha = akosha.mcp { url = \"http://127.0.0.1:9/mcp\" } },\n"
        "  route = { \"here\", \"akosha\" }, keep = { last = 1 } }\n");
    store(testing, "a text", id);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        bool restores = strcmp(commands[i], "restore") == 0;

        command_run(testing, commands[i], restores ? "--to" : NULL, "back", NULL);
        assert_int_equal(testing->code, AKOSHA_OK);
        assert_null(strstr(testing->err, "akosha:"));
        command_run(testing, commands[i], "--target", "akosha", restores ? "--to" : NULL, "back",
            NULL);
        assert_int_equal(testing->code, AKOSHA_SETTINGS);
        command_tells(testing, "target akosha");
    }
}

/* What was looked at nowhere is not proven. */
static void
rows_alone_are_no_way_back(void **state)
{
    static const char *const commands[] = { "list", "fleet", "verify", "prune", "restore" };
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, POLICY, "local akosha = require \"akosha\"\n"
        "return akosha.policy { api = 1, sources = { \"~/a.txt\" }, keep = { last = 1 },\n"
        "  targets = { akosha = akosha.mcp { url = \"http://127.0.0.1:9/mcp\" } } }\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        command_run(testing, commands[i], "--json", strcmp(commands[i], "restore") == 0 ? "--to"
            : NULL, "back", NULL);
        assert_int_equal(testing->code, AKOSHA_SETTINGS);
        document = command_json(testing);
        assert_int_equal(json_integer_value(command_at(document, "exit_code")), 3);
        assert_string_equal(command_text(document, "error.failure"), "settings");
        assert_non_null(strstr(command_text(document, "error.message"),
            ": the policy has no target "));
        json_decref(document);
    }
    command_run(testing, "verify", NULL);
    command_tells(testing, "verify: the policy has no target that holds files");
    command_run(testing, "restore", "--to", "back", NULL);
    command_tells(testing, "restore: the policy has no target that holds files");
    /* And there is nothing that --apply would do. */
    command_run(testing, "prune", NULL);
    command_tells(testing, "the policy has no target whose uploads can be listed");
    assert_null(strstr(testing->err, "--apply"));
}

/* --- verify ----------------------------------------------------------------------------------- */

static void
what_verifies_is_told_and_what_does_not(void **state)
{
    struct command_testing *testing = *state;
    char id[ID_BYTES];
    char path[256];
    char line[256];
    json_t *document;

    (void)command_write(testing, POLICY, ONE);
    command_run(testing, "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_QUEUED);
    command_prints(testing, "here: here holds no complete upload of laptop-7\n");
    store(testing, "nine bytes", id);
    command_run(testing, "verify", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    (void)snprintf(line, sizeof(line), "here: upload %s\n  proven   a.txt  10 B\n  proven   b.txt  "
        "19 B\n", id);
    assert_string_equal(testing->out, line);
    upload_path(id, "a.txt", path);
    (void)command_write(testing, path, "nine bytez");
    command_run(testing, "verify", "--quick", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_run(testing, "verify", "--upload", id, NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    command_prints(testing, "  corrupt  a.txt  10 B: ");
    command_prints(testing, "  proven   b.txt  19 B\n");
    command_tells(testing, "a.txt");
    (void)command_write(testing, path, "more than nine");
    command_run(testing, "verify", "--quick", NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    command_tells(testing, "14 bytes are stored there, and not the 10 that were");
    assert_int_equal(unlink(command_path(testing, path)), 0);
    command_run(testing, "verify", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_INTEGRITY);
    document = command_json(testing);
    has_its_fields(document, "verify");
    assert_string_equal(command_text(document, "targets.0.objects.0.outcome"), "corrupt");
    assert_non_null(strstr(command_text(document, "error.message"), "is not there any more"));
    json_decref(document);
}

/* --- restore ---------------------------------------------------------------------------------- */

static void
what_comes_back_is_told(void **state)
{
    struct command_testing *testing = *state;
    char first[ID_BYTES];
    char second[ID_BYTES];
    char line[512];
    json_t *document;

    (void)command_write(testing, POLICY, ONE);
    store(testing, "the first", first);
    store(testing, "the second", second);
    command_run(testing, "restore", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "restore needs --to DIR");
    command_run(testing, "restore", "--to", "", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_run(testing, "restore", "--to", "back", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    (void)snprintf(line, sizeof(line), "restored  %s/back/a.txt  10 B of %s from here, taken 20",
        testing->work, second);
    command_prints(testing, line);
    command_holds(testing, "work/back/a.txt", "the second");
    command_holds(testing, "work/back/b.txt", "what stays the same");
    command_run(testing, "restore", "--to", "then", "--upload", first, "a.txt", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_holds(testing, "work/then/a.txt", "the first");
    assert_false(command_has(testing, "work/then/b.txt"));
    (void)command_write(testing, "work/back/a.txt", "somebody's own");
    command_run(testing, "restore", "--to", "back", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_QUEUED);
    document = command_json(testing);
    has_its_fields(document, "restore");
    assert_non_null(strstr(command_text(document, "error.message"), "back/a.txt"));
    json_decref(document);
    command_run(testing, "restore", "--to", "back", NULL);
    command_prints(testing, "a.txt");
    command_holds(testing, "work/back/a.txt", "somebody's own");
    command_run(testing, "restore", "--to", "back", "--force", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_holds(testing, "work/back/a.txt", "the second");
}

/* --- prune ------------------------------------------------------------------------------------ */

static void
what_would_go_is_told_and_goes_when_it_is_wanted(void **state)
{
    struct command_testing *testing = *state;
    char ids[3][ID_BYTES];
    char path[256];
    char line[512];
    json_t *document;

    (void)command_write(testing, POLICY, ONE);
    store(testing, "the first", ids[0]);
    store(testing, "the second", ids[1]);
    store(testing, "the third", ids[2]);
    command_run(testing, "prune", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "prune needs --keep RULES");
    command_tells(testing, "usage: ");
    command_run(testing, "prune", "--keep", "last=1", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, "nothing was removed: --apply does it");
    command_prints(testing, "here: 2 of 3 uploads stay; 47 B stored now, 37 B then\n");
    (void)snprintf(line, sizeof(line), "  keep     %s  a kept upload names an object of it\n"
        "  remove   %s  no rule keeps it\n  keep     %s  the newest\n", ids[0], ids[1], ids[2]);
    command_prints(testing, line);
    upload_path(ids[1], "manifest.json", path);
    assert_true(command_has(testing, path));
    command_run(testing, "prune", "--keep", "last=1", "--apply", "--json", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    document = command_json(testing);
    has_its_fields(document, "prune");
    assert_string_equal(command_text(document, "targets.0.uploads.1.outcome"), "removed");
    json_decref(document);
    assert_false(command_has(testing, path));
    command_run(testing, "audit", "show", "--json", NULL);
    command_prints(testing, "\"pruned\"");
    command_run(testing, "prune", "--keep", "last=1", "--credentials", "profile:cleaner",
        "--target", "here", NULL);
    assert_int_equal(testing->code, AKOSHA_SETTINGS);
    command_tells(testing, "only s3 targets have");
}

/* --- fleet ------------------------------------------------------------------------------------ */

static void
systems_are_told_by_their_age(void **state)
{
    struct command_testing *testing = *state;
    char id[ID_BYTES];
    json_t *document;

    (void)command_write(testing, POLICY, ONE);
    command_run(testing, "fleet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_string_equal(testing->out, "here (dir): 0 systems\n");
    store(testing, "a text", id);
    command_run(testing, "fleet", NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_prints(testing, "here (dir): 1 system\n");
    command_prints(testing, "laptop-7");
    (void)command_write(testing, "home/target/systems/laptop-8/20260101T000000Z-000001/a", "half");
    (void)command_write(testing, "home/target/systems/no system/x", "somebody's own");
    command_run(testing, "fleet", NULL);
    assert_int_equal(testing->code, AKOSHA_QUEUED);
    command_prints(testing, "stale: none of its newest uploads is complete");
    assert_null(strstr(testing->out, "no system"));
    command_tells(testing, "1 of 2 systems is stale");
    command_run(testing, "fleet", "--json", "--stale", "36h", NULL);
    document = command_json(testing);
    has_its_fields(document, "fleet");
    assert_int_equal(json_integer_value(command_at(document, "stale_after_s")), 36 * 3600);
    assert_string_equal(command_text(document, "targets.0.systems.0.upload_id"), id);
    assert_true(json_is_null(command_at(document, "targets.0.systems.1.upload_id")));
    json_decref(document);
    command_run(testing, "fleet", "--stale", "soon", NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "90m, 36h or 2d");
}

/* --- what cannot be begun --------------------------------------------------------------------- */

static void
what_cannot_be_begun_is_a_document_of_its_own(void **state)
{
    static const char *const commands[] = { "list", "fleet", "verify", "prune", "restore" };
    struct command_testing *testing = *state;
    json_t *document;

    (void)command_write(testing, POLICY, "return 7\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        command_run(testing, commands[i], "--json", strcmp(commands[i], "restore") == 0 ? "--to"
            : NULL, "back", NULL);
        assert_int_equal(testing->code, AKOSHA_SETTINGS);
        document = command_json(testing);
        has_its_fields(document, commands[i]);
        assert_true(json_is_false(command_at(document, "success")));
        assert_int_equal(json_integer_value(command_at(document, "exit_code")), 3);
        assert_string_equal(command_text(document, "error.failure"), "policy");
        json_decref(document);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uploads_are_listed_with_their_files),
        TEST(a_log_is_listed_with_its_database),
        TEST(what_is_not_complete_says_why),
        TEST(a_target_that_fails_is_told_beside_the_others),
        TEST(a_target_of_rows_is_passed_over),
        TEST(rows_alone_are_no_way_back),
        TEST(what_verifies_is_told_and_what_does_not),
        TEST(what_comes_back_is_told),
        TEST(what_would_go_is_told_and_goes_when_it_is_wanted),
        TEST(systems_are_told_by_their_age),
        TEST(what_cannot_be_begun_is_a_document_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
