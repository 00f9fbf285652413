/* Memories that are pushed to Akosha, on good days and on bad ones: what arrives, what is owed, and
 * that nothing is pushed twice (a law of every world). */
#include "testkit/scenario.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#define HOUR_NS (3600 * AKS_NS_PER_S)
#define SOURCE AKS_WORLD_HOME "/notes.db"

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'notes.db' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
    "              akosha = akosha.mcp { url = 'https://akosha.example:8682/mcp' } },\n"
    "  %s retry = akosha.retry.fixed { first = 1, tries = 3 } }\n";

static void
put_bytes(struct aks_world *world, sqlite3 *db)
{
    sqlite3_int64 len = 0;
    unsigned char *bytes = sqlite3_serialize(db, "main", &len, 0);

    assert_non_null(bytes);
    assert_int_equal(aks_world_put(world, SOURCE, bytes, (size_t)len, NULL), AKS_OK);
    sqlite3_free(bytes);
}

/* A SQLite database that ${sql} makes. */
static void
put_sql(struct aks_world *world, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    put_bytes(world, db);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A SQLite database with conversations ${first} to ${first} + ${count}. */
static void
put_database(struct aks_world *world, unsigned first, unsigned count)
{
    static const char insert[] = "INSERT INTO conversations_v2 VALUES (printf('c%05d', ?1), "
        "printf('conversation %d', ?1), printf('2026-01-01T00:%02d:%02d', ?1 / 60, ?1 % 60))";
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE conversations_v2 (id TEXT PRIMARY KEY, "
        "content TEXT, timestamp TEXT)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, insert, -1, &statement, NULL), SQLITE_OK);
    for (unsigned i = first; i < first + count; i++) {
        assert_int_equal(sqlite3_bind_int(statement, 1, (int)i), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        assert_int_equal(sqlite3_reset(statement), SQLITE_OK);
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    put_bytes(world, db);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct aks_world *
make(const char *fields, unsigned rows)
{
    char text[1024];
    struct aks_world *world;

    (void)snprintf(text, sizeof(text), policy, fields);
    world = scenario_new(1, text, 10);
    put_database(world, 0, rows);
    return world;
}

struct counted {
    size_t count;
};

static void
count_memory(void *ctx, const char *id, const void *data, size_t len)
{
    ((struct counted *)ctx)->count++;
}

static size_t
memories(struct aks_world *world)
{
    const struct aks_world_target *target = aks_world_target(world, "akosha");
    struct counted counted = { 0 };

    assert_non_null(target);
    aks_mcp_model_each(target->mcp, count_memory, &counted);
    return counted.count;
}

static const json_t *
of_target(const json_t *report, const char *name)
{
    const json_t *target;
    size_t i;

    json_array_foreach(json_object_get(report, "targets"), i, target) {
        if (strcmp(json_string_value(json_object_get(target, "name")), name) == 0)
            return target;
    }
    return NULL;
}

/* What this run says that it has pushed. */
static void
pushed_is(const json_t *report, int stored, int there, int refused)
{
    const json_t *told = json_object_get(of_target(report, "akosha"), "memories");

    assert_non_null(told);
    assert_int_equal(json_integer_value(json_object_get(told, "stored")), stored);
    assert_int_equal(json_integer_value(json_object_get(told, "there")), there);
    assert_int_equal(json_integer_value(json_object_get(told, "refused")), refused);
}

static const char *
first_name(const json_t *report, const char *list)
{
    const json_t *file = json_array_get(json_object_get(report, "files"), 0);
    const char *name = json_string_value(json_array_get(json_object_get(file, list), 0));

    return name != NULL ? name : "";
}

/* A run that ends so; the report is to be given back. */
static json_t *
run_is(struct aks_world *world, const char *outcome, int code)
{
    json_t *report = scenario_run(world);

    assert_non_null(report);
    if (strcmp(json_string_value(json_object_get(report, "outcome")), outcome) != 0)
        fail_msg("%s\n%s", json_dumps(report, JSON_INDENT(1)), aks_world_log(world));
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), code);
    return report;
}

static void
cloud_is_gone_until(struct aks_world *world, int64_t until_ns)
{
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "cloud", "");

    aks_fault_rule_status(rule, AKS_OFFLINE);
    rule->until_ns = until_ns;
}

static void
rows_arrive_at_once_and_the_file_when_the_cloud_is_back(void **state)
{
    struct aks_world *world = make("", 1200);
    json_t *report;

    cloud_is_gone_until(world, 60 * AKS_NS_PER_S);
    report = run_is(world, "partial", 1);
    pushed_is(report, 1200, 0, 0);
    assert_string_equal(first_name(report, "targets"), "akosha");
    assert_string_equal(first_name(report, "pending"), "cloud");
    assert_true(json_is_null(json_object_get(report, "target")));
    assert_true(json_is_string(json_object_get(report, "job_id")));
    assert_string_equal(json_string_value(json_object_get(of_target(report, "akosha"),
        "delivers")), "rows");
    json_decref(report);
    assert_int_equal(memories(world), 1200);
    assert_int_equal(aks_mcp_model_sessions(aks_world_target(world, "akosha")->mcp), 0);
    aks_world_advance(world, HOUR_NS);
    report = run_is(world, "stored", 0);
    assert_string_equal(json_string_value(json_object_get(report, "target")), "cloud");
    assert_string_equal(first_name(report, "pending"), "");
    assert_true(json_is_null(json_object_get(report, "job_id")));
    json_decref(report);
    json_decref(run_is(world, "unchanged", 0));
    assert_int_equal(memories(world), 1200);
    aks_world_free(world);
}

static void
only_what_is_new_follows(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 300);
    json_t *report = run_is(world, "stored", 0);

    pushed_is(report, 300, 0, 0);
    assert_string_equal(json_string_value(json_object_get(report, "target")), "akosha");
    assert_string_equal(json_string_value(json_object_get(report, "method")), "http");
    json_decref(report);
    json_decref(run_is(world, "unchanged", 0));
    put_database(world, 0, 320);
    report = run_is(world, "stored", 0);
    pushed_is(report, 20, 0, 0);
    json_decref(report);
    assert_int_equal(memories(world), 320);
    aks_world_free(world);
}

/* The answer to one batch is lost, and the server forgets its sessions meanwhile. */
static void
batch_without_an_answer_is_sent_again_and_counts_as_stored(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 1200);
    struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_LOST, "akosha", "push");
    json_t *report;

    rule->nth = 4;
    report = run_is(world, "stored", 0);
    pushed_is(report, 700, 500, 0);
    json_decref(report);
    assert_int_equal(memories(world), 1200);
    aks_world_free(world);
}

/* Dead at every step of a push, one after the other. */
static void
whoever_is_killed_goes_on_behind_what_was_acknowledged(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 1100);
    unsigned deaths = 0;
    json_t *report = NULL;
    const char *outcome;

    for (uint64_t step = 40; report == NULL; step += 37) {
        aks_world_crash_at(world, step);
        report = scenario_run(world);
        if (report != NULL)
            break;
        deaths++;
        aks_world_restart(world, deaths % 2 == 0);
        assert_true(deaths < 500);
    }
    assert_true(deaths > 3);
    /* Who died last may have noted the last row, and nothing was left for this one. */
    outcome = json_string_value(json_object_get(report, "outcome"));
    assert_true(strcmp(outcome, "stored") == 0 || strcmp(outcome, "unchanged") == 0);
    json_decref(report);
    assert_int_equal(memories(world), 1100);
    aks_world_free(world);
}

static void
both_and_all_want_the_file_and_the_rows(void **state)
{
    static const char *const fields[] = { "deliver = 'both',",
        "route = akosha.route.all { 'cloud', 'akosha' },",
        "deliver = 'both', route = { 'akosha', 'cloud' }," };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct aks_world *world = make(fields[i], 30);
        struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_FAIL, "akosha", "");
        json_t *report;

        aks_fault_rule_status(rule, AKS_REFUSED);
        rule->until_ns = 60 * AKS_NS_PER_S;
        report = run_is(world, "partial", 1);
        assert_string_equal(first_name(report, "targets"), "cloud");
        assert_string_equal(first_name(report, "pending"), "akosha");
        json_decref(report);
        aks_world_advance(world, HOUR_NS);
        report = run_is(world, "stored", 0);
        pushed_is(report, 30, 0, 0);
        assert_string_equal(first_name(report, "pending"), "");
        json_decref(report);
        json_decref(run_is(world, "unchanged", 0));
        aks_world_free(world);
    }
}

static void
source_without_rows_is_owed_as_a_file(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = { 'akosha', 'cloud' },", 0);
    json_t *report;

    /* Its table is empty. */
    report = run_is(world, "stored", 0);
    assert_string_equal(json_string_value(json_object_get(report, "target")), "cloud");
    json_decref(report);
    scenario_put(world, "notes.db", 3, 5000);
    json_decref(run_is(world, "stored", 0));
    aks_world_free(world);
    world = make("route = 'akosha',", 0);
    put_sql(world, "CREATE TABLE other (id TEXT)");
    report = run_is(world, "queued", 1);
    assert_non_null(strstr(json_string_value(json_object_get(json_object_get(report, "error"),
        "message")), "no table that memories come from"));
    json_decref(report);
    aks_world_free(world);
}

static void
file_that_no_target_takes_is_owed_in_words(void **state)
{
    struct aks_world *world = make("deliver = 'files', route = 'akosha',", 20);
    json_t *report = run_is(world, "partial", 3);

    pushed_is(report, 20, 0, 0);
    assert_non_null(strstr(json_string_value(json_object_get(json_object_get(report, "error"),
        "message")), "no target of the route takes files"));
    json_decref(report);
    aks_world_free(world);
}

/* A proxy in front takes half a MiB and no more. */
static void
server_that_takes_less_gets_less(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 600);
    struct aks_fault_rule *rule = scenario_reply(world, "akosha", "push", 413, "");
    json_t *report;

    rule->nth = 3;
    report = run_is(world, "stored", 0);
    pushed_is(report, 600, 0, 0);
    json_decref(report);
    assert_int_equal(memories(world), 600);
    aks_world_free(world);
}

#define NOTES "CREATE TABLE conversations_v2 (id TEXT PRIMARY KEY, content TEXT, timestamp TEXT);" \
    "INSERT INTO conversations_v2 VALUES ('b', 'x', '2026-01-02 00:00:00'), " \
    "('c', 'y', '2026-01-03T00:00:00')"

/* A clock was wrong, or a program writes its time in another form: such rows stand in front of the
 * cursor. They come when all rows come again, and the others with them, which do no harm. */
static void
rows_with_an_older_time_arrive_within_a_month(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 0);
    json_t *report;

    put_sql(world, NOTES);
    json_decref(run_is(world, "stored", 0));
    put_sql(world, NOTES ", ('a', 'late', '2026-01-01 00:00:00'), ('d', 'z', NULL), "
        "('e', 'z', '2026-01-03 09:00:00')");
    report = run_is(world, "stored", 0);
    pushed_is(report, 0, 0, 0);
    json_decref(report);
    assert_int_equal(memories(world), 2);
    aks_world_advance(world, 31 * 24 * HOUR_NS);
    /* Nothing is sent of what has not changed. */
    json_decref(run_is(world, "unchanged", 0));
    put_sql(world, NOTES ", ('a', 'late', '2026-01-01 00:00:00'), ('d', 'z', NULL), "
        "('e', 'z', '2026-01-03 09:00:00'), ('f', 'new', '2026-01-04')");
    report = run_is(world, "stored", 0);
    pushed_is(report, 4, 2, 0);
    json_decref(report);
    assert_int_equal(memories(world), 6);
    put_sql(world, NOTES ", ('g', 'new', '2026-01-05')");
    report = run_is(world, "stored", 0);
    pushed_is(report, 1, 0, 0);
    json_decref(report);
    aks_world_free(world);
}

/* Dead at every step of it, it goes on where it was, and sends nothing else again. */
static void
coming_again_of_all_rows_goes_on_behind_what_was_acknowledged(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 1100);
    unsigned deaths = 0;
    json_t *report = NULL;

    json_decref(run_is(world, "stored", 0));
    aks_world_advance(world, 31 * 24 * HOUR_NS);
    put_database(world, 0, 1101);
    for (uint64_t step = 40; report == NULL; step += 41) {
        aks_world_crash_at(world, step);
        report = scenario_run(world);
        if (report != NULL)
            break;
        deaths++;
        aks_world_restart(world, deaths % 2 == 0);
        assert_true(deaths < 500);
    }
    assert_true(deaths > 3);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    json_decref(report);
    assert_int_equal(memories(world), 1101);
    aks_world_crash_at(world, 0);
    put_database(world, 0, 1102);
    report = run_is(world, "stored", 0);
    pushed_is(report, 1, 0, 0);
    json_decref(report);
    aks_world_free(world);
}

/* A table that is there and empty is delivered by that, where nobody takes its file. */
static void
empty_table_is_no_failure(void **state)
{
    struct aks_world *world = make("route = 'akosha',", 0);
    json_t *report = run_is(world, "stored", 0);

    pushed_is(report, 0, 0, 0);
    json_decref(report);
    put_database(world, 0, 3);
    report = run_is(world, "stored", 0);
    pushed_is(report, 3, 0, 0);
    json_decref(report);
    aks_world_free(world);
    world = make("deliver = 'any', route = { 'akosha', 'cloud' },", 0);
    cloud_is_gone_until(world, 60 * AKS_NS_PER_S);
    report = run_is(world, "queued", 1);
    assert_null(strstr(aks_world_log(world), "no table that memories come from"));
    json_decref(report);
    aks_world_advance(world, HOUR_NS);
    json_decref(run_is(world, "stored", 0));
    aks_world_free(world);
}

/* From the request on behind those that are left. */
static bool
none_is_left(void *ctx, const struct aks_fault_step *step)
{
    unsigned *left = ctx;

    return *left == 0 || (*left)-- == 0;
}

/* What a server took of a batch that was too large for it is noted, though the rest fails. */
static void
half_of_a_batch_is_not_sent_again(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 40);
    struct aks_fault_rule *rule = scenario_reply(world, "akosha", "push", 413, "");
    unsigned left = 4;      /* two begin a session, one is too large, one is the first half */
    json_t *report;

    rule->nth = 3;
    rule = scenario_reply(world, "akosha", "push", 503, "");
    rule->when = none_is_left;
    rule->when_ctx = &left;
    rule->until_ns = 60 * AKS_NS_PER_S;
    report = run_is(world, "queued", 1);
    pushed_is(report, 20, 0, 0);
    json_decref(report);
    aks_world_advance(world, HOUR_NS);
    report = run_is(world, "stored", 0);
    pushed_is(report, 20, 0, 0);
    json_decref(report);
    assert_int_equal(memories(world), 40);
    aks_world_free(world);
}

/* Not the memory is too large, the limit is too small: whoever sets it right gets all of them. */
static void
server_that_takes_next_to_nothing_gets_all_of_it_later(void **state)
{
    struct aks_world *world = make("deliver = 'any', route = 'akosha',", 40);
    struct aks_fault_rule *rule = scenario_reply(world, "akosha", "push", 413, "");
    const json_t *error;
    unsigned left = 2;
    json_t *report;

    rule->when = none_is_left;
    rule->when_ctx = &left;
    rule->until_ns = 60 * AKS_NS_PER_S;
    report = run_is(world, "queued", 1);
    error = json_object_get(report, "error");
    assert_string_equal(json_string_value(json_object_get(error, "failure")), "too_large");
    assert_non_null(strstr(json_string_value(json_object_get(error, "hint")),
        "client_max_body_size"));
    json_decref(report);
    aks_world_advance(world, HOUR_NS);
    report = run_is(world, "stored", 0);
    json_decref(report);
    assert_int_equal(memories(world), 40);
    aks_world_free(world);
}

/* A token is looked for once more where the server does not know it, and shows nowhere (a law). */
static void
token_goes_along_and_is_looked_for_once_more(void **state)
{
    static const char with_token[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'notes.db' }, targets = {\n"
        "  akosha = akosha.mcp { url = 'https://akosha.example:8682/mcp',\n"
        "                        token = akosha.secret 'akosha-token' } },\n"
        "  route = 'akosha', retry = akosha.retry.fixed { first = 1, tries = 3 } }\n";
    struct aks_world *world = scenario_new(1, with_token, 10);
    struct aks_fault_rule *rule;
    json_t *report;

    put_database(world, 0, 12);
    rule = scenario_reply(world, "akosha", "push", 401, "");
    rule->until_ns = 60 * AKS_NS_PER_S;
    report = run_is(world, "queued", 6);
    assert_string_equal(json_string_value(json_object_get(json_object_get(report, "error"),
        "failure")), "auth_invalid");
    json_decref(report);
    assert_int_equal(memories(world), 0);
    aks_world_advance(world, HOUR_NS);
    report = run_is(world, "stored", 0);
    pushed_is(report, 12, 0, 0);
    json_decref(report);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_arrive_at_once_and_the_file_when_the_cloud_is_back),
        cmocka_unit_test(only_what_is_new_follows),
        cmocka_unit_test(batch_without_an_answer_is_sent_again_and_counts_as_stored),
        cmocka_unit_test(whoever_is_killed_goes_on_behind_what_was_acknowledged),
        cmocka_unit_test(both_and_all_want_the_file_and_the_rows),
        cmocka_unit_test(source_without_rows_is_owed_as_a_file),
        cmocka_unit_test(file_that_no_target_takes_is_owed_in_words),
        cmocka_unit_test(server_that_takes_less_gets_less),
        cmocka_unit_test(rows_with_an_older_time_arrive_within_a_month),
        cmocka_unit_test(coming_again_of_all_rows_goes_on_behind_what_was_acknowledged),
        cmocka_unit_test(empty_table_is_no_failure),
        cmocka_unit_test(token_goes_along_and_is_looked_for_once_more),
        cmocka_unit_test(half_of_a_batch_is_not_sent_again),
        cmocka_unit_test(server_that_takes_next_to_nothing_gets_all_of_it_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
