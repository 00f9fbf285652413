/* The way back in worlds: what a fleet, a list and a verify say of places that hold much, little,
 * somebody else's things, or do not answer; and what is known again where the state was lost. */
#include "base/units.h"
#include "testkit/live.h"
#include "testkit/memory_database.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RESTORED AKS_WORLD_HOME "/restored"
#define FOLDER AKS_WORLD_HOME "/backup/systems/"
#define DAY_NS (INT64_C(86400) * AKS_NS_PER_S)

static const char folder_policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, system_id = '%s', sources = { 'a.bin' }, compress = 'none',\n"
    "  targets = { folder = akosha.dir { path = '~/backup' } }, route = 'folder' }\n";

static const char cloud_policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
    "  retry = akosha.retry.exponential { first = 2, jitter = 'none', tries = 2 } }\n";

static void
put(struct aks_world *world, const char *path, const char *text)
{
    struct aks_error err = { 0 };

    if (aks_world_put(world, path, text, strlen(text), &err) != AKS_OK)
        fail_msg("%s", err.message);
}

/* From now on this machine is that system. */
static void
become(struct aks_world *world, const char *system_id)
{
    char text[512];

    (void)snprintf(text, sizeof(text), folder_policy, system_id);
    put(world, AKS_WORLD_POLICY, text);
}

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static const json_t *
target_of(const json_t *report, size_t i)
{
    return json_array_get(json_object_get(report, "targets"), i);
}

static json_int_t
number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void
check(struct aks_world *world, const json_t *report, struct aks_error *err)
{
    if (report == NULL)
        fail_msg("%s", err->message);
    if (aks_laws_check(world, report, err) != AKS_OK)
        fail_msg("%s\n%s", err->message, aks_world_log(world));
}

static json_t *
fleet(struct aks_world *world, const char *stale)
{
    const struct aks_world_fleet_options options = { .stale = stale };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    (void)aks_world_fleet(world, &options, &report, &err);
    check(world, report, &err);
    return report;
}

static json_t *
list(struct aks_world *world)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;

    (void)aks_world_list(world, NULL, &report, &err);
    check(world, report, &err);
    return report;
}

static json_t *
verify(struct aks_world *world, const char *upload_id)
{
    const struct aks_world_restore_options options = { .upload_id = upload_id };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    (void)aks_world_verify(world, &options, &report, &err);
    check(world, report, &err);
    return report;
}

static json_t *
restore(struct aks_world *world, bool force)
{
    const struct aks_world_restore_options options = { .to = RESTORED, .force = force };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    (void)aks_world_restore(world, &options, &report, &err);
    check(world, report, &err);
    return report;
}

/* The id of what a run stores. */
static void
store(struct aks_world *world, uint64_t seed, char ret_id[64])
{
    json_t *report;

    scenario_put(world, "a.bin", seed, 900);
    report = scenario_run(world);
    assert_string_equal(text_of(report, "outcome"), "stored");
    (void)snprintf(ret_id, 64, "%s", text_of(report, "upload_id"));
    json_decref(report);
}

/* --- fleets ----------------------------------------------------------------------------------- */

static void
each_system_is_as_fresh_as_its_newest_manifest(void **state)
{
    struct aks_world *world = scenario_new(3, cloud_policy, 10);
    char ids[3][64];
    const json_t *systems;
    json_t *report;

    become(world, "desk");
    report = fleet(world, NULL);
    assert_int_equal(number(report, "systems"), 0);
    assert_int_equal(number(report, "exit_code"), 0);
    json_decref(report);
    store(world, 1, ids[0]);
    aks_world_advance(world, DAY_NS);
    store(world, 2, ids[1]);
    aks_world_advance(world, 3 * DAY_NS);
    become(world, "lap_top");
    store(world, 3, ids[2]);
    aks_world_advance(world, 3600 * AKS_NS_PER_S);
    put(world, FOLDER "none/20261123T064500Z-000001/a.bin", "half");
    put(world, FOLDER "not a system/20261123T064500Z-000001/a.bin", "somebody's");
    put(world, FOLDER "a file", "somebody's");
    report = fleet(world, NULL);
    systems = json_object_get(target_of(report, 0), "systems");
    assert_int_equal(json_array_size(systems), 3);
    assert_string_equal(text_of(json_array_get(systems, 0), "system_id"), "desk");
    assert_string_equal(text_of(json_array_get(systems, 0), "upload_id"), ids[1]);
    assert_int_equal(number(json_array_get(systems, 0), "uploads"), 2);
    assert_int_equal(number(json_array_get(systems, 0), "age_s") / 3600, 73);
    assert_true(json_is_true(json_object_get(json_array_get(systems, 0), "stale")));
    assert_string_equal(text_of(json_array_get(systems, 1), "system_id"), "lap_top");
    assert_string_equal(text_of(json_array_get(systems, 1), "upload_id"), ids[2]);
    assert_int_equal(number(json_array_get(systems, 1), "bytes"), 900);
    assert_true(json_is_false(json_object_get(json_array_get(systems, 1), "stale")));
    assert_string_equal(text_of(json_array_get(systems, 2), "reason"),
        "none of its newest uploads is complete");
    assert_int_equal(number(report, "stale"), 2);
    assert_int_equal(number(report, "exit_code"), 1);
    json_decref(report);
    report = fleet(world, "4d");
    assert_int_equal(number(report, "stale"), 1);
    json_decref(report);
    aks_world_free(world);
}

/* Only so many are looked at: what a fleet's machines begin in vain makes nobody wait. */
static void
a_system_that_only_begins_uploads_is_stale(void **state)
{
    struct aks_world *world = scenario_new(3, cloud_policy, 10);
    const json_t *system;
    char path[256];
    char id[64];
    json_t *report;

    become(world, "desk");
    store(world, 1, id);
    for (int i = 0; i < 5; i++) {
        report = fleet(world, NULL);
        system = json_array_get(json_object_get(target_of(report, 0), "systems"), 0);
        assert_string_equal(text_of(system, "upload_id"), id);
        json_decref(report);
        (void)snprintf(path, sizeof(path), FOLDER "desk/20270101T00000%dZ-000001/a.bin", i);
        put(world, path, "half");
    }
    report = fleet(world, NULL);
    system = json_array_get(json_object_get(target_of(report, 0), "systems"), 0);
    assert_true(json_is_null(json_object_get(system, "upload_id")));
    assert_int_equal(number(system, "uploads"), 6);
    json_decref(report);
    aks_world_free(world);
}

static void
more_systems_than_a_fleet_has_are_refused(void **state)
{
    struct aks_world *world = scenario_new(3, cloud_policy, 10);
    char path[256];
    json_t *report;

    become(world, "desk");
    for (int i = 0; i <= 1000; i++) {
        (void)snprintf(path, sizeof(path), FOLDER "s%04d/x", i);
        put(world, path, "");
    }
    report = fleet(world, NULL);
    assert_int_equal(number(report, "exit_code"), 1);
    assert_non_null(strstr(text_of(json_object_get(report, "error"), "message"),
        "more than 1000 systems"));
    json_decref(report);
    aks_world_free(world);
}

/* --- who does not answer ---------------------------------------------------------------------- */

static void
what_is_refused_is_told_with_its_code(void **state)
{
    static const struct {
        int status;
        const char *code;
        json_int_t exit_code;
        const char *failure;
    } cases[] = { { 403, "AccessDenied", 6, "forbidden" }, { 503, "SlowDown", 1, "throttled" } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_world *world = scenario_new(5, cloud_policy, 10);
        char id[64];
        json_t *reports[3];

        store(world, 1, id);
        (void)scenario_reply(world, "cloud", "list", cases[i].status, cases[i].code);
        reports[0] = list(world);
        reports[1] = fleet(world, NULL);
        reports[2] = verify(world, NULL);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(number(reports[j], "exit_code"), cases[i].exit_code);
            assert_string_equal(text_of(json_object_get(reports[j], "error"), "failure"),
                cases[i].failure);
            json_decref(reports[j]);
        }
        aks_world_calm(world, true);
        reports[0] = list(world);
        assert_int_equal(number(reports[0], "exit_code"), 0);
        json_decref(reports[0]);
        aks_world_free(world);
    }
}

/* That the network went says nothing of an upload: it is neither proven nor corrupt. */
static void
what_could_not_be_read_is_not_called_corrupt(void **state)
{
    struct aks_world *world = scenario_new(5, cloud_policy, 10);
    const json_t *object;
    char id[64];
    json_t *report;

    store(world, 1, id);
    /* The first that is got is the manifest; then the object, in two tries. */
    scenario_reply(world, "cloud", "get", 503, "SlowDown")->nth = 2;
    scenario_reply(world, "cloud", "get", 503, "SlowDown")->nth = 3;
    report = verify(world, NULL);
    assert_int_equal(number(report, "exit_code"), 1);
    object = json_array_get(json_object_get(target_of(report, 0), "objects"), 0);
    assert_string_equal(text_of(object, "outcome"), "unknown");
    assert_string_equal(text_of(json_object_get(object, "error"), "failure"), "throttled");
    json_decref(report);
    aks_world_calm(world, true);
    report = verify(world, id);
    assert_int_equal(number(report, "exit_code"), 0);
    json_decref(report);
    aks_world_free(world);
}

/* --- what is somebody else's ------------------------------------------------------------------ */

static void
a_manifest_of_another_upload_is_not_taken_for_this_ones(void **state)
{
    struct aks_world *world = scenario_new(5, cloud_policy, 10);
    char ids[2][64];
    char path[256];
    char *copy;
    const char *data;
    size_t len = 0;
    json_t *report;

    become(world, "desk");
    store(world, 1, ids[0]);
    store(world, 2, ids[1]);
    (void)snprintf(path, sizeof(path), FOLDER "desk/%s/manifest.json", ids[0]);
    data = aks_files_sim_look(aks_sim_files(aks_world_sim(world)), path, &len);
    copy = strndup(data, len);
    (void)snprintf(path, sizeof(path), FOLDER "desk/%s/manifest.json", ids[1]);
    put(world, path, copy);
    free(copy);
    report = verify(world, ids[1]);
    assert_int_equal(number(report, "exit_code"), 5);
    assert_non_null(strstr(text_of(json_object_get(report, "error"), "message"),
        "its manifest is that of upload"));
    json_decref(report);
    report = verify(world, "../desk");
    assert_non_null(strstr(text_of(json_object_get(report, "error"), "message"), "holds no "
        "complete upload ../desk"));
    json_decref(report);
    aks_world_free(world);
}

/* --- a place that cannot be listed ------------------------------------------------------------ */

/* What was stored from here is known here: the newest of it is verified and comes back. */
static void
what_cannot_be_listed_is_known_from_here(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin', 'c.bin' },\n"
        "  targets = { put = akosha.http { url = 'https://put.example.org/upload' } } }\n";
    struct aks_world *world = scenario_new(5, policy, 300);
    struct aks_error err = { 0 };
    char ids[3][64];
    json_t *report;

    scenario_put(world, "b.bin", 7, 400);
    scenario_put(world, "c.bin", 8, 500);
    store(world, 1, ids[0]);
    aks_world_advance(world, DAY_NS);
    scenario_put(world, "c.bin", 9, 500);
    store(world, 2, ids[1]);
    aks_world_advance(world, DAY_NS);
    store(world, 3, ids[2]);
    report = verify(world, NULL);
    assert_int_equal(number(report, "exit_code"), 0);
    assert_string_equal(text_of(target_of(report, 0), "upload_id"), ids[2]);
    json_decref(report);
    report = verify(world, ids[0]);
    assert_int_equal(number(report, "exit_code"), 0);
    json_decref(report);
    report = restore(world, false);
    assert_int_equal(number(report, "exit_code"), 0);
    json_decref(report);
    assert_int_equal(aks_laws_restored(world, RESTORED, &err), AKS_OK);
    report = list(world);
    assert_int_equal(number(report, "exit_code"), 3);
    assert_int_equal(json_array_size(json_object_get(report, "targets")), 0);
    json_decref(report);
    aks_world_free(world);
}

/* --- encryption ------------------------------------------------------------------------------- */

static void
what_was_plain_before_the_policy_encrypted_is_told(void **state)
{
    static const char sealed[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = 'cloud',\n"
        "  encrypt = akosha.age { passphrase = akosha.secret 'key' } }\n";
    struct aks_world *world = scenario_new(5, cloud_policy, 10);
    const char *note;
    char id[64];
    json_t *report;

    store(world, 1, id);
    put(world, AKS_WORLD_POLICY, sealed);
    report = verify(world, id);
    assert_int_equal(number(report, "exit_code"), 0);
    note = json_string_value(json_array_get(json_object_get(report, "notes"), 0));
    assert_non_null(note);
    assert_non_null(strstr(note, "was not encrypted, though the policy encrypts"));
    assert_non_null(strstr(note, "a.bin"));
    json_decref(report);
    aks_world_free(world);
}

/* --- databases -------------------------------------------------------------------------------- */

static const json_t *
first_file(const json_t *report)
{
    return json_array_get(json_object_get(report, "files"), 0);
}

/* Nobody on this machine can open it: its bytes are proven all the same, and that is told. */
static void
a_database_that_nobody_here_can_open_comes_back_as_it_was(void **state)
{
    const struct aks_world_pace busy = { .first = 1, .every = 50, .acts = 1 };
    struct aks_world *world = live_new(AKS_WRITER_DUCKDB, 9, 4);
    struct aks_error err = { 0 };
    char law[512];
    bool stored = false;
    const json_t *object;
    json_t *report;

    assert_int_equal(aks_world_writer_acts(world, 0, 40, &err), AKS_OK);
    if (!live_run(world, law, sizeof(law), &stored))
        fail_msg("%s", law);
    assert_true(stored);
    report = verify(world, NULL);
    assert_int_equal(number(report, "exit_code"), 0);
    object = json_array_get(json_object_get(target_of(report, 0), "objects"), 0);
    assert_string_equal(text_of(object, "outcome"), "proven");
    assert_non_null(strstr(text_of(object, "unread"), "DuckDB"));
    json_decref(report);
    report = restore(world, false);
    assert_int_equal(number(report, "exit_code"), 0);
    assert_string_equal(text_of(first_file(report), "outcome"), "restored");
    assert_non_null(strstr(text_of(first_file(report), "unread"), "DuckDB"));
    json_decref(report);
    assert_int_equal(aks_laws_restored(world, RESTORED, &err), AKS_OK);
    /* Where the state was lost its manifest tells of both, main and log. */
    (void)aks_files_sim_remove(aks_sim_files(aks_world_sim(world)), AKS_WORLD_STATE "/state.db",
        NULL);
    (void)aks_files_sim_remove(aks_sim_files(aks_world_sim(world)),
        AKS_WORLD_STATE "/state.db-wal", NULL);
    if (!live_run(world, law, sizeof(law), &stored))
        fail_msg("%s", law);
    assert_true(stored);
    assert_non_null(strstr(aks_world_log(world), "the newest manifests tell of 1 files"));
    aks_world_writer_pace(world, 0, &busy);
    report = restore(world, true);
    assert_int_equal(number(report, "exit_code"), 0);
    json_decref(report);
    aks_world_free(world);
}

static void
a_database_of_sqlite_is_opened_before_it_gets_its_name(void **state)
{
    struct aks_world *world = live_new(AKS_WRITER_SQLITE_WAL, 9, 4);
    struct aks_error err = { 0 };
    char law[512];
    bool stored = false;
    json_t *report;

    assert_int_equal(aks_world_writer_acts(world, 0, 30, &err), AKS_OK);
    if (!live_run(world, law, sizeof(law), &stored))
        fail_msg("%s", law);
    assert_true(stored);
    report = restore(world, false);
    assert_int_equal(number(report, "exit_code"), 0);
    assert_string_equal(text_of(first_file(report), "opened"), "quick_check");
    json_decref(report);
    assert_int_equal(aks_laws_restored(world, RESTORED, &err), AKS_OK);
    aks_world_free(world);
}

/* Its bytes are what they were, and prove nothing of what is in them: the one who asks for it back
 * is told before it takes the place of anything. */
static void
a_database_that_does_not_open_gets_no_name(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'm.db' }, compress = 'none',\n"
        "  memories = 'none', targets = { cloud = akosha.s3 { bucket = 'memories' } } }\n";
    struct aks_world *world = scenario_new(5, policy, 10);
    struct aks_error err = { 0 };
    char noise[600];
    size_t len = 0;
    json_t *report;

    memset(noise, 0x5a, sizeof(noise));
    memory_database_put(world, "m.db", 1, 400, 100);
    /* A page in the middle. */
    assert_int_equal(aks_world_edit(world, "m.db", 5 * 4096, noise, sizeof(noise), &err), AKS_OK);
    report = scenario_run(world);
    assert_string_equal(text_of(report, "outcome"), "stored");
    json_decref(report);
    report = verify(world, NULL);
    assert_int_equal(number(report, "exit_code"), 0);
    json_decref(report);
    report = restore(world, false);
    assert_int_equal(number(report, "exit_code"), 5);
    assert_string_equal(text_of(first_file(report), "outcome"), "failed");
    assert_non_null(strstr(text_of(json_object_get(report, "error"), "message"), "m.db"));
    json_decref(report);
    assert_null(aks_files_sim_look(aks_sim_files(aks_world_sim(world)), RESTORED "/m.db", &len));
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_system_is_as_fresh_as_its_newest_manifest),
        cmocka_unit_test(a_system_that_only_begins_uploads_is_stale),
        cmocka_unit_test(more_systems_than_a_fleet_has_are_refused),
        cmocka_unit_test(what_is_refused_is_told_with_its_code),
        cmocka_unit_test(what_could_not_be_read_is_not_called_corrupt),
        cmocka_unit_test(a_manifest_of_another_upload_is_not_taken_for_this_ones),
        cmocka_unit_test(what_cannot_be_listed_is_known_from_here),
        cmocka_unit_test(what_was_plain_before_the_policy_encrypted_is_told),
        cmocka_unit_test(a_database_that_nobody_here_can_open_comes_back_as_it_was),
        cmocka_unit_test(a_database_of_sqlite_is_opened_before_it_gets_its_name),
        cmocka_unit_test(a_database_that_does_not_open_gets_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
