/* Writers behave as the databases that they stand for, and what is no state of theirs is seen. */
#include "testkit/writer.h"

#include "base/rng.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH "/home/person/memory.duckdb"
#define ACTS 600

struct copy {
    char *main;
    size_t main_len;
    char *wal;                          /* NULL: there was none */
    size_t wal_len;
};

struct bench {
    struct aks_sim *sim;
    struct aks_writer *writer;
    struct aks_rng rng;
};

static void
open_bench(struct bench *bench, enum aks_writer_kind kind, uint64_t seed, unsigned session)
{
    struct aks_sim_options machine = { .alloc = aks_alloc_system(), .seed = seed,
        .wall_ms = 1795416300000, .host_name = "laptop-7", .home = "/home/person",
        .working_folder = "/home/person" };
    struct aks_writer_options options = { .alloc = aks_alloc_system(), .kind = kind,
        .path = PATH, .seed = seed, .session = session };
    struct aks_error err = { 0 };

    aks_rng_init(&bench->rng, seed);
    assert_int_equal(aks_sim_new(&machine, &bench->sim, &err), AKS_OK);
    options.files = aks_sim_files(bench->sim);
    if (aks_writer_new(&options, &bench->writer, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(aks_writer_committed(bench->writer), 1);
}

static void
close_bench(struct bench *bench)
{
    aks_writer_free(bench->writer);
    aks_sim_free(bench->sim);
}

static void
act(struct bench *bench)
{
    struct aks_error err = { 0 };

    if (aks_writer_act(bench->writer, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static char *
take(struct bench *bench, const char *path, size_t *ret_len)
{
    const void *data = aks_files_sim_look(aks_sim_files(bench->sim), path, ret_len);
    char *own = data != NULL ? malloc(*ret_len + 1) : NULL;

    if (own != NULL)
        memcpy(own, data, *ret_len);
    return own;
}

static void
take_main(struct bench *bench, struct copy *copy)
{
    copy->main = take(bench, PATH, &copy->main_len);
    assert_non_null(copy->main);
}

static void
take_wal(struct bench *bench, struct copy *copy)
{
    char *path = aks_writer_wal_path(aks_alloc_system(), aks_writer_kind(bench->writer), PATH);

    copy->wal = take(bench, path, &copy->wal_len);
    aks_mem_free(aks_alloc_system(), path);
}

static void
drop_copy(struct copy *copy)
{
    free(copy->main);
    free(copy->wal);
    memset(copy, 0, sizeof(*copy));
}

static enum aks_status
state_of(struct bench *bench, const struct copy *copy, uint64_t *ret_count)
{
    struct aks_error err = { 0 };

    return aks_writer_state(aks_alloc_system(), aks_writer_kind(bench->writer), copy->main,
        copy->main_len, copy->wal, copy->wal_len, ret_count, &err);
}

static bool
is_there(struct bench *bench, const char *path)
{
    size_t len;

    return aks_files_sim_look(aks_sim_files(bench->sim), path, &len) != NULL;
}

/* A moment's picture, whatever goes on: what is committed, all of it and nothing else. While a
 * header is half written there is none; commits that pass a checkpoint are elsewhere. */
static void
every_moment_of_duckdb_is_a_committed_state(void **state)
{
    unsigned torn = 0;
    unsigned whole = 0;

    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct bench bench = { 0 };

        open_bench(&bench, AKS_WRITER_DUCKDB, seed, seed % 2 == 0 ? 7 : 0);
        for (int i = 0; i < ACTS; i++) {
            struct copy copy = { 0 };
            uint64_t count = 0;

            act(&bench);
            take_main(&bench, &copy);
            take_wal(&bench, &copy);
            if (state_of(&bench, &copy, &count) != AKS_OK)
                torn++;
            else if (!is_there(&bench, PATH ".wal.checkpoint"))
                assert_int_equal(count, aks_writer_committed(bench.writer));
            whole += count > 0;
            drop_copy(&copy);
        }
        assert_true(aks_writer_committed(bench.writer) > 50);
        close_bench(&bench);
    }
    assert_true(torn > 0);
    assert_true(torn * 20 < whole);
}

static void
rested_writer_leaves_one_file_and_all_of_it(void **state)
{
    for (int kind = AKS_WRITER_DUCKDB; kind <= AKS_WRITER_SQLITE_ROLLBACK; kind++) {
        struct bench bench = { 0 };
        struct copy copy = { 0 };
        struct aks_error err = { 0 };
        uint64_t count = 0;

        open_bench(&bench, (enum aks_writer_kind)kind, 3, 5);
        for (int i = 0; i < ACTS; i++)
            act(&bench);
        if (aks_writer_rest(bench.writer, &err) != AKS_OK)
            fail_msg("%s", err.message);
        take_main(&bench, &copy);
        take_wal(&bench, &copy);
        assert_null(copy.wal);
        assert_int_equal(state_of(&bench, &copy, &count), AKS_OK);
        assert_int_equal(count, aks_writer_committed(bench.writer));
        assert_true(count > 50);
        assert_int_equal(aks_files_sim_open_count(aks_sim_files(bench.sim)), 0);
        drop_copy(&copy);
        close_bench(&bench);
    }
}

/* What the measurements say of copies that take their time: main before log is wrong now and then;
 * log before main, with a header that did not change, never. */
static void
copy_of_duckdb_in_the_wrong_order_is_seen_to_be_none(void **state)
{
    unsigned wrong[2] = { 0, 0 };
    unsigned taken[2] = { 0, 0 };

    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct bench bench = { 0 };

        open_bench(&bench, AKS_WRITER_DUCKDB, seed, 0);
        for (uint64_t i = aks_rng_next(&bench.rng) % 60; i > 0; i--)
            act(&bench);
        for (int wal_first = 0; wal_first <= 1; wal_first++) {
            struct copy before = { 0 };
            struct copy copy = { 0 };
            uint64_t count;

            take_main(&bench, &before);
            wal_first != 0 ? take_wal(&bench, &copy) : take_main(&bench, &copy);
            for (uint64_t i = aks_rng_next(&bench.rng) % 30; i > 0; i--)
                act(&bench);
            wal_first != 0 ? take_main(&bench, &copy) : take_wal(&bench, &copy);
            if (wal_first == 0 || (memcmp(before.main, copy.main, 12288) == 0 &&
                    !is_there(&bench, PATH ".wal.checkpoint"))) {
                taken[wal_first]++;
                wrong[wal_first] += state_of(&bench, &copy, &count) != AKS_OK;
            }
            drop_copy(&before);
            drop_copy(&copy);
        }
        close_bench(&bench);
    }
    assert_true(wrong[0] > 10);
    assert_true(taken[1] > 50);
    assert_int_equal(wrong[1], 0);
}

/* The worst that can be: it opens, and the session is in it twice. */
static void
new_main_file_with_an_old_log_is_seen(void **state)
{
    struct bench bench = { 0 };
    struct copy copy = { 0 };
    struct aks_error err = { 0 };
    uint64_t count;

    open_bench(&bench, AKS_WRITER_DUCKDB, 5, 0);
    while (!is_there(&bench, PATH ".wal") || aks_writer_committed(bench.writer) < 3)
        act(&bench);
    take_wal(&bench, &copy);
    assert_int_equal(aks_writer_rest(bench.writer, &err), AKS_OK);
    take_main(&bench, &copy);
    assert_int_equal(aks_writer_state(aks_alloc_system(), AKS_WRITER_DUCKDB, copy.main,
        copy.main_len, copy.wal, copy.wal_len, &count, &err), AKS_CORRUPT);
    assert_non_null(strstr(err.message, "applied twice"));
    drop_copy(&copy);
    close_bench(&bench);
}

/* A log that is cut is read up to its last whole commit; a flipped byte is an error. */
static void
log_of_duckdb_is_read_as_duckdb_reads_it(void **state)
{
    struct bench bench = { 0 };
    struct copy copy = { 0 };
    uint64_t count = 0;
    uint64_t cut_count = 0;

    open_bench(&bench, AKS_WRITER_DUCKDB, 9, 0);
    while (!is_there(&bench, PATH ".wal"))
        act(&bench);
    take_main(&bench, &copy);
    take_wal(&bench, &copy);
    while (state_of(&bench, &copy, &count) != AKS_OK || count < 2) {
        act(&bench);
        drop_copy(&copy);
        take_main(&bench, &copy);
        take_wal(&bench, &copy);
    }
    copy.wal_len -= 3;
    assert_int_equal(state_of(&bench, &copy, &cut_count), AKS_OK);
    assert_int_equal(cut_count, count - 1);
    copy.wal_len += 3;
    copy.wal[copy.wal_len - 3] ^= 1;
    assert_int_equal(state_of(&bench, &copy, &cut_count), AKS_CORRUPT);
    drop_copy(&copy);
    close_bench(&bench);
}

/* Killed at every act: what was committed is there, and it goes on. */
static void
writer_that_dies_keeps_what_it_committed(void **state)
{
    for (int kind = AKS_WRITER_DUCKDB; kind <= AKS_WRITER_SQLITE_ROLLBACK; kind++) {
        struct bench bench = { 0 };
        struct aks_error err = { 0 };

        open_bench(&bench, (enum aks_writer_kind)kind, 11, 6);
        for (int i = 0; i < 200; i++) {
            struct copy copy = { 0 };
            uint64_t count = 0;
            uint64_t before = aks_writer_committed(bench.writer);

            for (int acts = 0; acts < i % 23; acts++)
                act(&bench);
            aks_writer_stop(bench.writer);
            assert_true(aks_writer_committed(bench.writer) >= before);
            if (aks_writer_rest(bench.writer, &err) != AKS_OK)
                fail_msg("%s", err.message);
            before = aks_writer_committed(bench.writer);
            take_main(&bench, &copy);
            if (state_of(&bench, &copy, &count) != AKS_OK || count != before)
                fail_msg("kind %d, round %d: %d instead of %d", kind, i, (int)count, (int)before);
            drop_copy(&copy);
        }
        close_bench(&bench);
    }
}

/* Main file and log of SQLite, plainly copied one after the other, are wrong now and then. */
static void
plain_copy_of_sqlite_is_seen_to_be_none(void **state)
{
    for (int kind = AKS_WRITER_SQLITE_WAL; kind <= AKS_WRITER_SQLITE_ROLLBACK; kind++) {
        unsigned wrong = 0;
        unsigned right = 0;

        for (uint64_t seed = 1; seed <= 200; seed++) {
            struct bench bench = { 0 };
            struct copy copy = { 0 };
            uint64_t count;

            open_bench(&bench, (enum aks_writer_kind)kind, seed, 0);
            for (uint64_t i = aks_rng_next(&bench.rng) % 40; i > 0; i--)
                act(&bench);
            take_main(&bench, &copy);
            for (uint64_t i = aks_rng_next(&bench.rng) % 12; i > 0; i--)
                act(&bench);
            take_wal(&bench, &copy);
            if (state_of(&bench, &copy, &count) != AKS_OK)
                wrong++;
            else
                right++;
            drop_copy(&copy);
            close_bench(&bench);
        }
        assert_true(wrong > 5);
        assert_true(right > 5);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_moment_of_duckdb_is_a_committed_state),
        cmocka_unit_test(rested_writer_leaves_one_file_and_all_of_it),
        cmocka_unit_test(copy_of_duckdb_in_the_wrong_order_is_seen_to_be_none),
        cmocka_unit_test(new_main_file_with_an_old_log_is_seen),
        cmocka_unit_test(log_of_duckdb_is_read_as_duckdb_reads_it),
        cmocka_unit_test(writer_that_dies_keeps_what_it_committed),
        cmocka_unit_test(plain_copy_of_sqlite_is_seen_to_be_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
