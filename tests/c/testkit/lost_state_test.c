/* A state that was lost, or of which rows are not what was written: what the targets tell is
 * believed instead, nothing that is there is sent again, and nothing is taken for gone. */
#include "base/units.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES ((size_t)(4 * 5120))
#define DAY_NS (24 * 3600 * AKS_NS_PER_S)

/* Two targets have to hold it; ${more} is said of the policy. */
static struct aks_world *
mirror_whose_state_is_lost(const char *more)
{
    struct aks_files_sim *files;
    struct aks_fault_rule *refuses;
    struct aks_world *world;
    char policy[1024];

    (void)snprintf(policy, sizeof(policy),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none', %s\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  route = akosha.route.all { 'http', 'cloud' },\n"
        "  retry = akosha.retry.fixed { first = 1, tries = 3 } }\n", more);
    world = scenario_new(1, policy, BYTES);
    scenario_run_is(world, "stored");
    aks_world_advance(world, DAY_NS);
    files = aks_sim_files(aks_world_sim(world));
    assert_int_equal(aks_files_sim_remove(files, AKS_WORLD_STATE "/state.db", NULL), AKS_OK);
    (void)aks_files_sim_remove(files, AKS_WORLD_STATE "/state.db-wal", NULL);
    refuses = scenario_reply(world, "http", "", 403, "");
    refuses->times = 1000;
    return world;
}

static void
what_is_found_to_be_there_is_not_sent_again_where_another_target_refuses(void **state)
{
    static const char *const policies[] = { "",
        "dedup = function(facts) if facts.stored then return 'skip' end return 'upload' end," };

    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct aks_world *world = mirror_whose_state_is_lost(policies[i]);
        unsigned parts = aks_world_again(world)->parts;

        assert_int_equal(parts, 4);
        json_decref(scenario_run(world));
        assert_int_equal(aks_world_again(world)->parts, parts);
        aks_world_free(world);
    }
}

/* Behind the program's back, as a medium that fails. */
static void
rot(struct aks_world *world, const char *sql)
{
    struct aks_files_sim *files = aks_sim_files(aks_world_sim(world));
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(AKS_WORLD_STATE "/state.db", &db, SQLITE_OPEN_READWRITE,
        aks_files_sim_port(files)->sqlite_vfs), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
is_restored(struct aks_world *world, const char *folder)
{
    const struct aks_world_restore_options back = { .to = folder };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_world_restore(world, &back, &report, &err) != AKS_OK ||
        aks_laws_restored(world, folder, &err) != AKS_OK)
        fail_msg("%s\n%s", err.message, aks_world_log(world));
    json_decref(report);
}

/* One source's row is not what was written, and then another source alone is brought: its manifest
 * still names both, so that nothing prunes the only copy. */
static void
row_that_is_not_what_was_written_takes_no_source_out_of_manifests(void **state)
{
    static const char policy[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";
    static const char *const rots[] = {
        "UPDATE stored SET file_mode = file_mode + 1 WHERE CAST(source AS TEXT) LIKE '%a.bin'",
        "UPDATE stored SET key = 'Z' || key WHERE CAST(source AS TEXT) LIKE '%a.bin'",
        "UPDATE stored SET upload_id = '3' || substr(upload_id, 2)"
        " WHERE CAST(source AS TEXT) LIKE '%a.bin'",
    };
    const char *const b = "/home/person/b.bin";
    const struct aks_world_run_options only = { .sources = &b, .source_count = 1 };
    const struct aks_world_prune_options prune = { .keep = "last=1", .apply = true };

    for (size_t i = 0; i < sizeof(rots) / sizeof(rots[0]); i++) {
        struct aks_world *world = scenario_new(1, policy, 900);
        struct aks_error err = { 0 };
        json_t *report = NULL;

        scenario_put(world, "b.bin", 9, 700);
        scenario_run_is(world, "stored");
        aks_world_advance(world, DAY_NS);
        rot(world, rots[i]);
        scenario_put(world, "b.bin", 10, 700);
        if (aks_world_run(world, &only, &report, &err) != AKS_OK)
            fail_msg("%s", err.message);
        assert_true(strncmp(json_string_value(json_object_get(report, "upload_id")), "2026", 4) ==
            0);
        json_decref(report);
        report = NULL;
        is_restored(world, AKS_WORLD_HOME "/restored");
        aks_world_advance(world, 40 * DAY_NS);
        if (aks_world_prune(world, &prune, &report, &err) != AKS_OK)
            fail_msg("%s", err.message);
        json_decref(report);
        is_restored(world, AKS_WORLD_HOME "/again");
        aks_world_free(world);
    }
}

/* A target of which nothing is known has its manifests looked up: that of an upload that is gone on
 * with is asked for once, by who does. */
static void
manifest_of_what_is_gone_on_with_is_asked_for_once(void **state)
{
    static const char policy[] = "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin', 'b.bin' }, compress = 'none',\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *rule;

    scenario_put(world, "b.bin", 2, 700);
    scenario_reply(world, "cloud", "list", 403, "AccessDenied")->times = 1;
    rule = scenario_fault(world, AKS_FAULT_DIES, "cloud", "part 3");
    rule->times = 1;
    rule->served = true;
    assert_null(scenario_run(world));
    aks_world_restart(world, false);
    rule = scenario_reply(world, "cloud", "get", 404, "NoSuchKey");
    rule->times = 1000;
    scenario_run_is(world, "stored");
    assert_int_equal(rule->struck, 1);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_to_be_there_is_not_sent_again_where_another_target_refuses),
        cmocka_unit_test(manifest_of_what_is_gone_on_with_is_asked_for_once),
        cmocka_unit_test(row_that_is_not_what_was_written_takes_no_source_out_of_manifests),
    };

    return cmocka_run_group_tests_name("lost_state", tests, NULL, NULL);
}
