/* Each library that makes gzip members by itself, whichever of them codec_gzip.c would choose. */
#include "base/rng.h"
#include "data/codec.h"
#include "data/codec_gzip_engines.h"
#include "support/failing_alloc.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define BLOCK AKS_CODEC_BLOCK_BYTES
#define CANARY_BYTES ((size_t)4096)
#define CANARY 0x5c

static const struct aks_gzip_engine *const engines[] = {
    &aks_gzip_engine_zlib,
#if AKS_HAVE_ISAL
    &aks_gzip_engine_isal,
#endif
#if AKS_HAVE_LIBDEFLATE
    &aks_gzip_engine_libdeflate,
#endif
};

#define ENGINES (sizeof(engines) / sizeof(engines[0]))

static void
assert_member_of(const uint8_t *member, size_t len, const uint8_t *plain, size_t plain_len)
{
    uint8_t *back = malloc(plain_len + 1);
    z_stream stream = { .next_in = (uint8_t *)(uintptr_t)member, .avail_in = (uInt)len,
        .next_out = back, .avail_out = (uInt)(plain_len + 1) };

    assert_non_null(back);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, plain_len);
    assert_memory_equal(back, plain, plain_len);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    free(back);
}

/* No flags, so no name; no time. */
static void
assert_header_is_bare(const uint8_t *member)
{
    static const uint8_t expected[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0 };

    assert_memory_equal(member, expected, sizeof(expected));
}

static void
try_level(const struct aks_gzip_engine *engine, int level, const uint8_t *plain, uint8_t *out)
{
    static const size_t lengths[] = { 0, 1, 300, 65536, BLOCK - 1, BLOCK };
    void *state = NULL;

    assert_int_equal(engine->open(aks_alloc_system(), level, &state, NULL), AKS_OK);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t room = aks_gzip_stored_bytes(lengths[i]);
        size_t written = 0;

        memset(out, CANARY, room + CANARY_BYTES);
        assert_int_equal(engine->encode(state, plain, lengths[i], out, room, &written, NULL),
            AKS_OK);
        assert_true(written > 0 && written <= room);
        assert_header_is_bare(out);
        assert_member_of(out, written, plain, lengths[i]);
        assert_int_equal(out[room], CANARY);
    }
    engine->close(state);
}

static void
every_engine_makes_members_that_zlib_reads(void **state)
{
    uint8_t *plain = malloc(BLOCK);
    uint8_t *out = malloc(2 * BLOCK);
    struct aks_rng rng;

    assert_non_null(plain);
    assert_non_null(out);
    aks_rng_init(&rng, 41);
    sample_fill(SAMPLE_ROWS, &rng, plain, BLOCK);
    for (size_t i = 0; i < ENGINES; i++) {
        for (int level = engines[i]->level_min; level <= engines[i]->level_max; level++)
            try_level(engines[i], level, plain, out);
        engines[i]->close(NULL);
    }
    free(plain);
    free(out);
}

/* Too little room is how a block that does not shrink shows: it must be told, and nothing written
 * behind it, at any amount of room. */
static void
every_engine_says_when_there_is_no_room_and_keeps_to_it(void **state)
{
    uint8_t *plain = malloc(BLOCK);
    uint8_t *out = malloc(2 * BLOCK);
    struct aks_rng rng;

    assert_non_null(plain);
    assert_non_null(out);
    aks_rng_init(&rng, 42);
    for (size_t i = 0; i < ENGINES; i++) {
        for (int round = 0; round < 120; round++) {
            int levels = engines[i]->level_max - engines[i]->level_min;
            int level = engines[i]->level_min + (int)sample_below(&rng, (size_t)levels);
            size_t len = sample_below(&rng, round % 20 == 0 ? BLOCK : 50000);
            size_t room = sample_below(&rng, aks_gzip_stored_bytes(len));
            size_t written = 0;
            void *engine = NULL;

            sample_fill((enum sample_kind)sample_below(&rng, SAMPLE_KINDS - 1), &rng, plain, len);
            assert_int_equal(engines[i]->open(aks_alloc_system(), level, &engine, NULL), AKS_OK);
            memset(out, CANARY, room + CANARY_BYTES);
            assert_int_equal(engines[i]->encode(engine, plain, len, out, room, &written, NULL),
                AKS_OK);
            assert_true(written <= room);
            for (size_t j = 0; j < CANARY_BYTES; j++)
                assert_int_equal(out[room + j], CANARY);
            if (written > 0)
                assert_member_of(out, written, plain, len);
            /* The next block must not notice. */
            assert_int_equal(engines[i]->encode(engine, "aaaaaaaaaaaaaaaa", 16, out, 2 * BLOCK,
                &written, NULL), AKS_OK);
            assert_member_of(out, written, (const uint8_t *)"aaaaaaaaaaaaaaaa", 16);
            engines[i]->close(engine);
        }
    }
    free(plain);
    free(out);
}

static void
stored_members_are_read_at_each_side_of_their_blocks(void **state)
{
    static const size_t lengths[] = { 0, 1, 65534, 65535, 65536, 131070, 131071, BLOCK - 1, BLOCK };
    uint8_t *plain = malloc(BLOCK);
    uint8_t *out = malloc(2 * BLOCK);
    struct aks_rng rng;

    assert_non_null(plain);
    assert_non_null(out);
    aks_rng_init(&rng, 43);
    sample_fill(SAMPLE_NOISE, &rng, plain, BLOCK);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t bytes = aks_gzip_stored_bytes(lengths[i]);

        out[bytes] = CANARY;
        aks_gzip_store(plain, lengths[i], out);
        assert_int_equal(out[bytes], CANARY);
        assert_header_is_bare(out);
        assert_member_of(out, bytes, plain, lengths[i]);
    }
    free(plain);
    free(out);
}

static void
levels_go_to_the_engine_that_is_best_at_them(void **state)
{
    for (int level = AKS_CODEC_GZIP_LEVEL_MIN; level <= AKS_CODEC_GZIP_LEVEL_MAX; level++) {
        const struct aks_gzip_engine *engine = aks_gzip_engine_of(level);
        const struct aks_gzip_engine *expected = &aks_gzip_engine_zlib;

#if AKS_HAVE_LIBDEFLATE
        expected = &aks_gzip_engine_libdeflate;
#endif
#if AKS_HAVE_ISAL
        if (level <= 2)
            expected = &aks_gzip_engine_isal;
#endif
        assert_ptr_equal(engine, expected);
        assert_true(level >= engine->level_min && level <= engine->level_max);
    }
}

static int
open_engine(void *ctx, const struct aks_alloc *alloc)
{
    const struct aks_gzip_engine *const *engine = ctx;
    struct aks_error err;
    void *state = NULL;

    if ((*engine)->open(alloc, (*engine)->level_max, &state, &err) != AKS_OK) {
        assert_int_equal(err.status, AKS_LIMIT);
        assert_null(state);
    }
    (*engine)->close(state);
    return 0;
}

static void
every_engine_survives_any_allocation_that_fails(void **state)
{
    for (size_t i = 0; i < ENGINES; i++) {
        const struct aks_gzip_engine *engine = engines[i];

        failing_alloc_loop(open_engine, &engine, 100);
    }
}

/* Half of it shrinks: such blocks showed that what ISA-L's faster levels write depends on where the
 * stream lies, once in thirty blocks. */
static void
half_random(struct aks_rng *rng, uint8_t *plain)
{
    for (size_t i = 0; i < BLOCK; i++)
        plain[i] = i % 1024 < 512 ? 'x' : (uint8_t)(aks_rng_next(rng) >> 32);
}

static void
try_two_encoders(const struct aks_gzip_engine *engine, int level, unsigned rounds)
{
    size_t room = aks_encoder_bound(AKS_CODEC_GZIP, BLOCK);
    uint8_t *plain = malloc(BLOCK);
    uint8_t *out[2] = { malloc(room), malloc(room) };
    void *used = NULL;
    struct aks_rng rng;

    assert_true(plain != NULL && out[0] != NULL && out[1] != NULL);
    aks_rng_init(&rng, (uint64_t)level);
    assert_int_equal(engine->open(aks_alloc_system(), level, &used, NULL), AKS_OK);
    for (unsigned i = 0; i < rounds; i++) {
        void *fresh = NULL;
        size_t len[2];

        half_random(&rng, plain);
        memset(out[0], (int)i, room);
        memset(out[1], 255 - (int)i, room);
        assert_int_equal(engine->open(aks_alloc_system(), level, &fresh, NULL), AKS_OK);
        assert_int_equal(engine->encode(used, plain, BLOCK, out[0], room, &len[0], NULL), AKS_OK);
        assert_int_equal(engine->encode(fresh, plain, BLOCK, out[1], room, &len[1], NULL), AKS_OK);
        engine->close(fresh);
        assert_int_equal(len[0], len[1]);
        assert_memory_equal(out[0], out[1], len[0]);
    }
    engine->close(used);
    free(out[0]);
    free(out[1]);
    free(plain);
}

static void
same_bytes_give_the_same_member(void **state)
{
    for (size_t i = 0; i < ENGINES; i++) {
        /* Only the fast ones are tried often. */
        for (int level = engines[i]->level_min; level <= engines[i]->level_max; level++)
            try_two_encoders(engines[i], level, engines[i]->level_max <= 2 ? 150 : 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_engine_makes_members_that_zlib_reads),
        cmocka_unit_test(every_engine_says_when_there_is_no_room_and_keeps_to_it),
        cmocka_unit_test(stored_members_are_read_at_each_side_of_their_blocks),
        cmocka_unit_test(same_bytes_give_the_same_member),
        cmocka_unit_test(levels_go_to_the_engine_that_is_best_at_them),
        cmocka_unit_test(every_engine_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("codec_gzip", tests, NULL, NULL);
}
