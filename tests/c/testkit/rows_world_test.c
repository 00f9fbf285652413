/* Worlds with rows: databases grow, targets and disks fail, processes die, and in the end every row
 * of every source is at each target exactly once. */
#include "testkit/rows_held.h"
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

#define SEEDS 12
#define ROUNDS 3
#define TRIES_MAX 40
#define DAY_NS (24 * 3600 * AKS_NS_PER_S)
#define SOURCES 2

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.db', 'b.db' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
    "              akosha = akosha.mcp { url = 'https://akosha.example:8682/mcp' } },\n"
    "  route = akosha.route.all { 'cloud', 'akosha' }, deliver = 'both',\n"
    "  memories = { table = 'notes', id = 'id', text = 'body', at = 'at' },\n"
    "  retry = akosha.retry.fixed { first = 1, tries = 3 } }\n";

/* Conversations have their time as a text, reflections as a number; notes have neither a type nor
 * ids that anybody else could not have. */
static const char tables[] =
    "CREATE TABLE conversations_v2 (id TEXT, content TEXT, timestamp TEXT);"
    "CREATE TABLE reflections_v2 (id TEXT, content TEXT, timestamp INTEGER);"
    "CREATE TABLE notes (id, body TEXT, at)";

static const char *const inserts[] = {
    "INSERT INTO conversations_v2 VALUES (printf('%s-c%d', ?1, ?2), printf('%s c %d', ?1, ?2),"
        " strftime('%Y-%m-%dT%H:%M:%S', ?3, 'unixepoch'))",
    "INSERT INTO reflections_v2 VALUES (printf('%s-r%d', ?1, ?2), printf('%s r %d', ?1, ?2),"
        " ?3 * 1000)",
    "INSERT INTO notes VALUES (?2, printf('%s n %d', ?1, ?2), ?3)",
};

static const char *const names[SOURCES] = { "a.db", "b.db" };

struct place {
    struct aks_world *world;
    struct aks_rng rng;
    sqlite3 *sources[SOURCES];
    int rows;                           /* so far, of all */
    bool late;                          /* some have a time stamp of before */
    unsigned deaths;
};

static unsigned
below(struct place *place, unsigned bound)
{
    return (unsigned)(aks_rng_next(&place->rng) % bound);
}

/* --- what there is ---------------------------------------------------------------------------- */

static void
insert(struct place *place, size_t source, size_t table, int64_t at_s)
{
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(place->sources[source], inserts[table], -1, &statement,
        NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(statement, 1, names[source], -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int(statement, 2, place->rows++), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(statement, 3, at_s), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static void
put(struct place *place, size_t source)
{
    sqlite3_int64 len = 0;
    unsigned char *bytes = sqlite3_serialize(place->sources[source], "main", &len, 0);

    assert_non_null(bytes);
    assert_int_equal(aks_world_put(place->world, names[source], bytes, (size_t)len, NULL), AKS_OK);
    sqlite3_free(bytes);
}

/* Some rows more, of the second ${round}. */
static void
grow(struct place *place, unsigned round)
{
    for (size_t source = 0; source < SOURCES; source++) {
        if (below(place, 4) == 0 && round > 0)
            continue;
        for (size_t table = 0; table < sizeof(inserts) / sizeof(inserts[0]); table++) {
            unsigned count = below(place, 6) == 0 ? below(place, 700) : below(place, 20);

            for (unsigned i = 0; i < count; i++)
                insert(place, source, table, 1700000000 + place->rows -
                    (place->late && below(place, 9) == 0 ? 100000 : 0));
        }
        put(place, source);
    }
}

/* --- the law ---------------------------------------------------------------------------------- */

/* Each row of ${source} is held exactly once; ${again}: or more often. Returns how many there
 * are. */
static size_t
check_source(const struct rows_held *held, sqlite3 *source, bool again, uint64_t seed)
{
    sqlite3_stmt *statement = NULL;
    size_t rows = 0;

    assert_int_equal(sqlite3_prepare_v2(source, "SELECT content FROM conversations_v2 UNION ALL "
        "SELECT content FROM reflections_v2 UNION ALL SELECT body FROM notes", -1, &statement,
        NULL), SQLITE_OK);
    for (; sqlite3_step(statement) == SQLITE_ROW; rows++) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        json_int_t times = json_integer_value(json_object_get(held->texts, text));

        if (times < 1 || (times > 1 && !again))
            fail_msg("seed %d: %s holds \"%s\" %d times", (int)seed, held->target, text,
                (int)times);
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return rows;
}

static void
every_row_is_there(struct place *place, const char *target, bool again, uint64_t seed)
{
    struct rows_held held = rows_held_at(place->world, target);
    size_t rows = 0;

    for (size_t i = 0; i < SOURCES; i++)
        rows += check_source(&held, place->sources[i], again, seed);
    if (rows != json_object_size(held.texts) || (!again && rows != held.count))
        fail_msg("seed %d: %s holds %zu memories of %zu rows", (int)seed, target, held.count,
            rows);
    rows_held_fini(&held);
}

/* --- a life ----------------------------------------------------------------------------------- */

static void
misfortune(struct place *place)
{
    static const char *const targets[] = { "cloud", "akosha" };
    const struct aks_fault_draw draw = { .targets = targets, .target_count = 2, .rules_max = 4,
        .crashes = true, .disk = false, .transient = true };
    struct aks_fault_plan *plan = aks_world_plan(place->world);

    plan->count = 0;
    aks_fault_plan_draw(plan, &draw, &place->rng);
    aks_fault_plan_rewind(plan, aks_rng_next(&place->rng));
    aks_world_crash_at(place->world, below(place, 3) == 0 ? 1 + below(place, 900) : 0);
}

/* Runs until everything is delivered: some tries with misfortune, then a quiet one. */
static void
deliver(struct place *place, unsigned bad, uint64_t seed)
{
    for (unsigned try = 0;; try++) {
        json_t *report;
        bool done;

        if (try < bad) {
            misfortune(place);
        } else {
            aks_world_plan(place->world)->count = 0;
            aks_world_crash_at(place->world, 0);
        }
        report = scenario_run(place->world);
        if (report == NULL) {
            place->deaths++;
            aks_world_restart(place->world, below(place, 2) == 0);
            continue;
        }
        done = json_integer_value(json_object_get(report, "exit_code")) == 0;
        json_decref(report);
        if (done)
            return;
        if (try == TRIES_MAX)
            fail_msg("seed %d: %s", (int)seed, aks_world_log(place->world));
        aks_world_advance(place->world, 3600 * AKS_NS_PER_S);
    }
}

static unsigned
live(uint64_t seed)
{
    struct place place = { .world = scenario_new(seed, policy, 10), .late = seed % 2 == 0 };

    aks_rng_init(&place.rng, seed);
    for (size_t i = 0; i < SOURCES; i++) {
        assert_int_equal(sqlite3_open(":memory:", &place.sources[i]), SQLITE_OK);
        assert_int_equal(sqlite3_exec(place.sources[i], tables, NULL, NULL, NULL), SQLITE_OK);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        grow(&place, round);
        deliver(&place, below(&place, 4), seed);
        if (!place.late) {
            every_row_is_there(&place, "akosha", false, seed);
            every_row_is_there(&place, "cloud", false, seed);
        }
        aks_world_advance(place.world, DAY_NS);
    }
    /* A month later all rows come again with the next change, and with them one of the future. */
    aks_world_advance(place.world, 31 * DAY_NS);
    for (size_t i = 0; i < SOURCES; i++) {
        insert(&place, i, 0, 1800000000);
        put(&place, i);
    }
    deliver(&place, below(&place, 3), seed);
    every_row_is_there(&place, "akosha", false, seed);
    every_row_is_there(&place, "cloud", true, seed);
    for (size_t i = 0; i < SOURCES; i++)
        assert_int_equal(sqlite3_close(place.sources[i]), SQLITE_OK);
    aks_world_free(place.world);
    return place.deaths;
}

static void
every_row_arrives_exactly_once(void **state)
{
    unsigned deaths = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        deaths += live(seed);
    assert_true(deaths > SEEDS / 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_arrives_exactly_once),
    };

    return cmocka_run_group_tests_name("rows_world", tests, NULL, NULL);
}
