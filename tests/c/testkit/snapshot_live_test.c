/* A snapshot is taken while the database is written between any two of its steps, at each of them
 * and at each pair of them: what comes out is one committed state, no older than the moment at
 * which it was asked for; or the source was busy, and nothing is left. */
#include "engine/snapshot.h"
#include "sim/sim.h"
#include "testkit/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define DATABASE "/home/person/memory.db"
#define SNAPSHOTS "/home/person/state/snapshots"
#define STEPS_MAX 2000
#define MOMENTS 2
#define READ_BYTES 10000                /* so that a copy takes many steps */

struct bench {
    struct aks_sim *sim;
    struct aks_writer *writer;
    struct aks_source source;
    struct aks_snapshot snapshot;
    bool writing;
    bool unseen;                        /* half a block of a writer that nobody sees is damage */
    uint64_t steps;
    struct moment {
        uint64_t step;                  /* 0: never */
        unsigned acts;
    } moments[MOMENTS];
};

struct tally {
    unsigned taken;
    unsigned with_log;
    unsigned busy;
};

static void
acts(struct bench *bench, unsigned count)
{
    struct aks_error err = { 0 };

    bench->writing = true;
    for (unsigned i = 0; i < count; i++) {
        if (aks_writer_act(bench->writer, &err) != AKS_OK)
            fail_msg("%s", err.message);
    }
    bench->writing = false;
}

static void
on_step(void *ctx, const struct aks_sim_step *step, struct aks_sim_fault *ret_fault)
{
    struct bench *bench = ctx;

    if (bench->writing || bench->writer == NULL)
        return;
    bench->steps++;
    for (int i = 0; i < MOMENTS; i++) {
        if (bench->steps == bench->moments[i].step)
            acts(bench, bench->moments[i].acts);
    }
}

static void
open_bench(struct bench *bench, enum aks_writer_kind kind, uint64_t seed, bool unseen,
    unsigned before)
{
    struct aks_sim_options machine = { .alloc = aks_alloc_system(), .seed = seed,
        .wall_ms = 1795416300000, .host_name = "laptop-7", .home = "/home/person",
        .working_folder = "/home/person", .hook = { on_step, bench } };
    struct aks_writer_options options = { .alloc = aks_alloc_system(), .kind = kind,
        .path = DATABASE, .seed = seed, .unseen = unseen };
    struct aks_error err = { 0 };

    memset(bench, 0, sizeof(*bench));
    bench->unseen = unseen;
    assert_int_equal(aks_sim_new(&machine, &bench->sim, &err), AKS_OK);
    options.files = aks_sim_files(bench->sim);
    aks_files_sim_set_read_max(options.files, READ_BYTES);
    if (aks_writer_new(&options, &bench->writer, &err) != AKS_OK ||
        aks_files_sim_make_folders(options.files, "/home/person/state", &err) != AKS_OK ||
        aks_source_inspect(aks_sim_port(bench->sim), DATABASE, &bench->source, &err) != AKS_OK)
        fail_msg("%s", err.message);
    acts(bench, before);
    bench->steps = 0;
}

static void
close_bench(struct bench *bench)
{
    bench->writing = true;
    aks_snapshot_fini(&bench->snapshot);
    aks_source_fini(aks_alloc_system(), &bench->source);
    aks_writer_free(bench->writer);
    aks_sim_free(bench->sim);
}

static const void *
file_of(struct bench *bench, enum aks_snapshot_role role, size_t *ret_len)
{
    *ret_len = 0;
    return bench->snapshot.files[role].there
        ? aks_files_sim_look(aks_sim_files(bench->sim), bench->snapshot.files[role].path, ret_len)
        : NULL;
}

static void
leftovers(void *ctx, const char *path, int64_t bytes)
{
    size_t len = strlen(path);

    if (strncmp(path, SNAPSHOTS "/", sizeof(SNAPSHOTS)) == 0 && path[len - 1] != '/')
        (*(unsigned *)ctx)++;
}

/* A header is half written, and its writer does not go on: the database has no state now. */
static bool
is_torn(struct bench *bench)
{
    size_t main_len;
    const void *main = aks_files_sim_look(aks_sim_files(bench->sim), DATABASE, &main_len);
    uint64_t count;

    return aks_writer_state(aks_alloc_system(), aks_writer_kind(bench->writer), main, main_len,
        NULL, 0, &count, NULL) != AKS_OK;
}

static void
take(struct bench *bench, struct tally *tally)
{
    const struct aks_snapshot_options options = { .port = aks_sim_port(bench->sim),
        .source = &bench->source, .folder = SNAPSHOTS, .id = "job-1", .wait_ms = 2000 };
    struct aks_error err = { 0 };
    uint64_t since = aks_writer_committed(bench->writer);
    uint64_t count = 0;
    unsigned left = 0;
    size_t main_len;
    size_t wal_len;
    const void *main;
    const void *wal;
    enum aks_status status = aks_snapshot_plan(&options, &bench->snapshot, &err);

    if (status == AKS_OK)
        status = aks_snapshot_take(&options, &bench->snapshot, &err);
    if (status == AKS_SOURCE_BUSY || status == AKS_SOURCE_CHANGED ||
        (status == AKS_CORRUPT && (bench->unseen || is_torn(bench)))) {
        tally->busy++;
        aks_files_sim_each(aks_sim_files(bench->sim), leftovers, &left);
        assert_int_equal(left, 0);
        return;
    }
    if (status != AKS_OK)
        fail_msg("moments %d and %d: %s: %s", (int)bench->moments[0].step,
            (int)bench->moments[1].step, aks_status_name(status), err.message);
    main = file_of(bench, AKS_SNAPSHOT_MAIN, &main_len);
    wal = file_of(bench, AKS_SNAPSHOT_WAL, &wal_len);
    assert_non_null(main);
    if (aks_writer_state(aks_alloc_system(), aks_writer_kind(bench->writer), main, main_len, wal,
            wal_len, &count, &err) != AKS_OK || count < since)
        fail_msg("%u acts at step %d, %u at step %d: %s, state %d, was %d", bench->moments[0].acts,
            (int)bench->moments[0].step, bench->moments[1].acts, (int)bench->moments[1].step,
            err.message, (int)count, (int)since);
    tally->taken++;
    tally->with_log += wal != NULL && wal_len > 0;
}

static uint64_t
steps_of(enum aks_writer_kind kind)
{
    struct tally tally = { 0 };
    struct bench bench;
    uint64_t steps;

    open_bench(&bench, kind, 1, false, 9);
    take(&bench, &tally);
    steps = bench.steps;
    close_bench(&bench);
    assert_true(steps < STEPS_MAX);
    return steps;
}

static void
at_every_step(enum aks_writer_kind kind, bool unseen)
{
    static const unsigned counts[] = { 1, 2, 3, 5, 9, 17, 60 };
    struct tally tally = { 0 };
    uint64_t steps = steps_of(kind);

    for (uint64_t step = 1; step <= steps; step++) {
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            for (uint64_t seed = 1; seed <= 6; seed++) {
                struct bench bench;

                open_bench(&bench, kind, seed, unseen, (unsigned)(step * 5 + seed * 11) % 61);
                bench.moments[0] = (struct moment) { step, counts[i] };
                take(&bench, &tally);
                close_bench(&bench);
            }
        }
    }
    /* What stops half-way is in every reader's way, and does not go on here. */
    assert_true(tally.taken > tally.busy / 2);
    assert_true(kind == AKS_WRITER_SQLITE_ROLLBACK || tally.with_log > tally.taken / 4);
}

/* Two moments: the second one meets what the first one made it do. */
static void
at_every_two_steps(enum aks_writer_kind kind)
{
    struct tally tally = { 0 };
    uint64_t steps = steps_of(kind);
    uint64_t stride = 1 + steps / 40;

    for (uint64_t first = 1; first <= steps; first += stride) {
        for (uint64_t second = first + 1; second <= steps; second += stride) {
            struct bench bench;

            open_bench(&bench, kind, first + second, false, (unsigned)(first * 3 + second) % 67);
            bench.moments[0] = (struct moment) { first, 1 + (unsigned)second % 13 };
            bench.moments[1] = (struct moment) { second, 1 + (unsigned)first % 29 };
            take(&bench, &tally);
            close_bench(&bench);
        }
    }
    assert_true(tally.taken > tally.busy / 4);
}

static void
duckdb(void **state)
{
    at_every_step(AKS_WRITER_DUCKDB, false);
    at_every_two_steps(AKS_WRITER_DUCKDB);
}

/* Locks do not tell: another machine, or a file system without them. */
static void
duckdb_whose_locks_do_not_tell(void **state)
{
    at_every_step(AKS_WRITER_DUCKDB, true);
}

static void
sqlite_with_a_log(void **state)
{
    at_every_step(AKS_WRITER_SQLITE_WAL, false);
    at_every_two_steps(AKS_WRITER_SQLITE_WAL);
}

static void
sqlite_with_a_journal(void **state)
{
    at_every_step(AKS_WRITER_SQLITE_ROLLBACK, false);
    at_every_two_steps(AKS_WRITER_SQLITE_ROLLBACK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duckdb),
        cmocka_unit_test(duckdb_whose_locks_do_not_tell),
        cmocka_unit_test(sqlite_with_a_log),
        cmocka_unit_test(sqlite_with_a_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
