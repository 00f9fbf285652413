/* A database is written between any two steps of the engine that takes it, at each of them in turn:
 * what a target gets is one committed state, and no older than the run. */
#include "testkit/live.h"

#include "base/units.h"
#include "testkit/laws.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS_MAX 3000                  /* of one run */
#define LAW_BYTES 1024

struct tally {
    unsigned stored;
    unsigned queued;
};

static uint64_t
steps_of_a_run(enum aks_writer_kind kind, uint64_t seed)
{
    struct aks_world *world = live_new(kind, seed, 0);
    char law[LAW_BYTES] = "";
    bool stored = false;
    uint64_t steps;

    if (!live_run(world, law, sizeof(law), &stored) || !stored)
        fail_msg("a quiet database is not stored: %s", law);
    steps = aks_world_steps(world);
    aks_world_free(world);
    assert_true(steps < STEPS_MAX);
    return steps;
}

/* One world in which the writer, after ${before} acts, acts at the steps that ${pace} says. */
static void
write_at(enum aks_writer_kind kind, uint64_t seed, unsigned session, unsigned before,
    const struct aks_world_pace *pace, struct tally *tally)
{
    struct aks_world *world = live_new(kind, seed, session);
    struct aks_error err = { 0 };
    char law[LAW_BYTES] = "";
    bool stored = false;

    if (aks_world_writer_acts(world, 0, before, &err) != AKS_OK)
        fail_msg("%s", err.message);
    aks_world_writer_pace(world, 0, pace);
    if (!live_run(world, law, sizeof(law), &stored))
        fail_msg("kind %d, seed %d, %u acts before, %u at step %d: %s", kind, (int)seed, before,
            pace->acts, (int)pace->first, law);
    tally->stored += stored;
    tally->queued += !stored;
    /* Nobody writes any more: whatever became of the run, the last state comes home now. */
    aks_world_writer_pace(world, 0, &(struct aks_world_pace){ 0 });
    if (aks_world_writers_rest(world, &err) != AKS_OK)
        fail_msg("%s", err.message);
    aks_world_advance(world, 3600 * AKS_NS_PER_S);
    if (!live_run(world, law, sizeof(law), &stored) || !stored)
        fail_msg("kind %d, seed %d, %u acts before, %u at step %d, then a quiet run: %s", kind,
            (int)seed, before, pace->acts, (int)pace->first, law);
    aks_world_free(world);
}

/* Some acts at once, at each step in turn: the beginning, the middle and the end of a transaction,
 * a whole checkpoint. */
static void
at_every_step(enum aks_writer_kind kind)
{
    static const unsigned acts[] = { 1, 4, 9, 40 };     /* by turns */
    struct tally tally = { 0, 0 };
    uint64_t seed = 7;
    uint64_t steps = steps_of_a_run(kind, seed);

    for (uint64_t step = 1; step <= steps + 20; step++) {
        const struct aks_world_pace pace = { step, 0, acts[step % 4] };

        write_at(kind, seed + step % 5, 0, (unsigned)(step * 7 % 53), &pace, &tally);
    }
    /* Once is no reason to give up; but half a transaction that goes no further may be. */
    assert_true(tally.stored > (kind == AKS_WRITER_SQLITE_ROLLBACK ? 1 : 3) * tally.queued);
}

/* All the time: some so fast that there is no moment to copy, most slower. */
static void
all_the_time(enum aks_writer_kind kind)
{
    struct tally tally = { 0, 0 };

    for (uint64_t seed = 1; seed <= 60; seed++) {
        const struct aks_world_pace pace = { 1 + seed % 7, 5 + seed * 7 % 150,
            1 + (unsigned)seed % 5 };

        write_at(kind, seed, seed % 3 == 0 ? 5 : 0, (unsigned)seed % 40, &pace, &tally);
    }
    assert_true(tally.stored > 10);
}

static void
duckdb_writes_at_every_step(void **state)
{
    at_every_step(AKS_WRITER_DUCKDB);
}

static void
sqlite_with_a_log_writes_at_every_step(void **state)
{
    at_every_step(AKS_WRITER_SQLITE_WAL);
}

static void
sqlite_with_a_journal_writes_at_every_step(void **state)
{
    at_every_step(AKS_WRITER_SQLITE_ROLLBACK);
}

static void
duckdb_writes_all_the_time(void **state)
{
    all_the_time(AKS_WRITER_DUCKDB);
}

static void
sqlite_with_a_log_writes_all_the_time(void **state)
{
    all_the_time(AKS_WRITER_SQLITE_WAL);
}

static void
sqlite_with_a_journal_writes_all_the_time(void **state)
{
    all_the_time(AKS_WRITER_SQLITE_ROLLBACK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duckdb_writes_at_every_step),
        cmocka_unit_test(sqlite_with_a_log_writes_at_every_step),
        cmocka_unit_test(sqlite_with_a_journal_writes_at_every_step),
        cmocka_unit_test(duckdb_writes_all_the_time),
        cmocka_unit_test(sqlite_with_a_log_writes_all_the_time),
        cmocka_unit_test(sqlite_with_a_journal_writes_all_the_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
