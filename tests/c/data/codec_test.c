#include "data/codec.h"
#include "data/codec_gzip_engines.h"
#include "support/failing_alloc.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK AKS_CODEC_BLOCK_BYTES
#define CANARY_BYTES ((size_t)4096)
#define CANARY 0xa7

static const struct {
    enum aks_codec codec;
    int level;
} usual[] = {
    { AKS_CODEC_GZIP, 1 },
    { AKS_CODEC_GZIP, 2 },
    { AKS_CODEC_GZIP, 3 },
    { AKS_CODEC_GZIP, 6 },
    { AKS_CODEC_ZSTD, -1 },
    { AKS_CODEC_ZSTD, 1 },
    { AKS_CODEC_ZSTD, 3 },
};

#define USUAL (sizeof(usual) / sizeof(usual[0]))

/* A block's bytes, and room for what may come of them with canaries behind. */
struct bench {
    struct aks_rng rng;
    uint8_t *plain;
    uint8_t *out;
    uint8_t *back;
};

static struct bench *
bench_new(uint64_t seed)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    aks_rng_init(&bench->rng, seed);
    bench->plain = malloc(BLOCK);
    bench->out = malloc(2 * BLOCK);
    bench->back = malloc(BLOCK + 1);
    assert_non_null(bench->plain);
    assert_non_null(bench->out);
    assert_non_null(bench->back);
    return bench;
}

static void
bench_free(struct bench *bench)
{
    free(bench->plain);
    free(bench->out);
    free(bench->back);
    free(bench);
}

static size_t
decode_gzip(const uint8_t *data, size_t len, uint8_t *back, size_t back_bytes)
{
    z_stream stream = { .next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)len,
        .next_out = back, .avail_out = (uInt)back_bytes };
    int code = Z_OK;

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    while (stream.avail_in > 0) {
        code = inflate(&stream, Z_FINISH);
        assert_int_equal(code, Z_STREAM_END);
        assert_int_equal(inflateReset(&stream), Z_OK);
    }
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return back_bytes - stream.avail_out;
}

static size_t
decode(enum aks_codec codec, const uint8_t *data, size_t len, uint8_t *back, size_t back_bytes)
{
    size_t decoded;

    if (codec == AKS_CODEC_GZIP)
        return decode_gzip(data, len, back, back_bytes);
    decoded = ZSTD_decompress(back, back_bytes, data, len);
    assert_false(ZSTD_isError(decoded));
    return decoded;
}

static struct aks_encoder *
encoder_new(enum aks_codec codec, int level)
{
    struct aks_encoder *encoder = NULL;
    struct aks_error err;

    assert_int_equal(aks_encoder_new(aks_alloc_system(), codec, level, &encoder, &err), AKS_OK);
    assert_non_null(encoder);
    return encoder;
}

/* Encodes the first ${len} plain bytes with just the bound as room, and reads them back. */
static size_t
encode_and_check(struct bench *bench, enum aks_codec codec, struct aks_encoder *encoder, size_t len)
{
    size_t bound = aks_encoder_bound(codec, len);
    size_t written = 0;
    struct aks_error err;

    assert_true(bound + CANARY_BYTES <= 2 * BLOCK);
    memset(bench->out, CANARY, bound + CANARY_BYTES);
    assert_int_equal(aks_encoder_block(encoder, len > 0 ? bench->plain : NULL, len, bench->out,
        bound, &written, &err), AKS_OK);
    assert_true(written > 0 && written <= bound);
    for (size_t i = 0; i < CANARY_BYTES; i++)
        assert_int_equal(bench->out[bound + i], CANARY);
    assert_int_equal(decode(codec, bench->out, written, bench->back, BLOCK + 1), len);
    assert_memory_equal(bench->back, bench->plain, len);
    return written;
}

static void
codecs_have_names_suffixes_and_types(void **state)
{
    enum aks_codec codec = AKS_CODEC_NONE;

    for (int i = AKS_CODEC_NONE; i <= AKS_CODEC_ZSTD; i++) {
        assert_true(aks_codec_from_name(aks_codec_name((enum aks_codec)i), &codec));
        assert_int_equal(codec, i);
    }
    assert_false(aks_codec_from_name("gz", &codec));
    assert_false(aks_codec_from_name("", &codec));
    assert_string_equal(aks_codec_name(AKS_CODEC_ZSTD), "zstd");
    assert_string_equal(aks_codec_suffix(AKS_CODEC_NONE), "");
    assert_string_equal(aks_codec_suffix(AKS_CODEC_GZIP), ".gz");
    assert_string_equal(aks_codec_suffix(AKS_CODEC_ZSTD), ".zst");
    assert_string_equal(aks_codec_content_type(AKS_CODEC_NONE), "application/octet-stream");
    assert_string_equal(aks_codec_content_type(AKS_CODEC_GZIP), "application/gzip");
    assert_string_equal(aks_codec_content_type(AKS_CODEC_ZSTD), "application/zstd");
}

static void
version_names_the_library_that_does_the_work(void **state)
{
    char expected[64];

    (void)snprintf(expected, sizeof(expected), "zstd %s", ZSTD_versionString());
    assert_string_equal(aks_codec_version(AKS_CODEC_ZSTD, 19), expected);
    assert_string_equal(aks_codec_version(AKS_CODEC_NONE, AKS_CODEC_LEVEL_DEFAULT), "none");
    assert_ptr_equal(aks_codec_version(AKS_CODEC_GZIP, AKS_CODEC_LEVEL_DEFAULT),
        aks_codec_version(AKS_CODEC_GZIP, AKS_CODEC_GZIP_LEVEL));
    (void)snprintf(expected, sizeof(expected), "zlib %s", zlibVersion());
    assert_string_equal(aks_gzip_engine_zlib.version(), expected);
#if AKS_HAVE_ISAL
    assert_ptr_equal(strstr(aks_codec_version(AKS_CODEC_GZIP, 2), "isa-l 2."),
        aks_codec_version(AKS_CODEC_GZIP, 2));
#endif
#if AKS_HAVE_LIBDEFLATE
    assert_ptr_equal(strstr(aks_codec_version(AKS_CODEC_GZIP, 3), "libdeflate 1."),
        aks_codec_version(AKS_CODEC_GZIP, 3));
#endif
}

static void
levels_that_do_not_exist_are_refused_with_a_hint(void **state)
{
    static const struct {
        enum aks_codec codec;
        int level;
        const char *message;
    } refused[] = {
        { AKS_CODEC_GZIP, 0, "cannot compress with gzip at level 0: it has levels 1 to 9" },
        { AKS_CODEC_GZIP, 10, "cannot compress with gzip at level 10: it has levels 1 to 9" },
        { AKS_CODEC_ZSTD, 0,
            "cannot compress with zstd at level 0: it has levels -7 to -1 and 1 to 19" },
        { AKS_CODEC_ZSTD, 20,
            "cannot compress with zstd at level 20: it has levels -7 to -1 and 1 to 19" },
        { AKS_CODEC_ZSTD, -8,
            "cannot compress with zstd at level -8: it has levels -7 to -1 and 1 to 19" },
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct aks_encoder *encoder = NULL;
        struct aks_error err;

        assert_int_equal(aks_encoder_new(aks_alloc_system(), refused[i].codec, refused[i].level,
            &encoder, &err), AKS_SETTINGS);
        assert_null(encoder);
        assert_string_equal(err.message, refused[i].message);
        assert_non_null(strstr(err.hint, "default"));
    }
    aks_encoder_free(NULL);
}

static void
each_level_gives_back_what_it_took(void **state)
{
    struct bench *bench = bench_new(31);

    sample_fill(SAMPLE_ROWS, &bench->rng, bench->plain, BLOCK);
    for (int codec = AKS_CODEC_GZIP; codec <= AKS_CODEC_ZSTD; codec++) {
        int min = codec == AKS_CODEC_GZIP ? AKS_CODEC_GZIP_LEVEL_MIN : AKS_CODEC_ZSTD_LEVEL_MIN;
        int max = codec == AKS_CODEC_GZIP ? AKS_CODEC_GZIP_LEVEL_MAX : AKS_CODEC_ZSTD_LEVEL_MAX;

        for (int level = min; level <= max; level++) {
            struct aks_encoder *encoder;

            if (codec == AKS_CODEC_ZSTD && level == 0)
                continue;
            encoder = encoder_new((enum aks_codec)codec, level);
            assert_true(encode_and_check(bench, (enum aks_codec)codec, encoder, 200000) < 150000);
            aks_encoder_free(encoder);
        }
    }
    bench_free(bench);
}

/* Noise is what an encoder makes longer, so it is where a bound is tried. */
static void
bound_holds_for_noise_rows_and_zeros_of_awkward_lengths(void **state)
{
    static const size_t lengths[] = { 0, 1, 2, 15, 16, 17, 255, 4096, 32767, 32768, 32769, 65535,
        65536, 65537, 131070, 131071, 131072, 131073, BLOCK - 1, BLOCK };
    struct bench *bench = bench_new(32);

    for (size_t i = 0; i < USUAL; i++) {
        struct aks_encoder *encoder = encoder_new(usual[i].codec, usual[i].level);

        for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
            sample_fill((enum sample_kind)kind, &bench->rng, bench->plain, BLOCK);
            for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++)
                (void)encode_and_check(bench, usual[i].codec, encoder, lengths[j]);
        }
        aks_encoder_free(encoder);
    }
    bench_free(bench);
}

static void
bound_holds_for_random_lengths_and_mixtures(void **state)
{
    struct bench *bench = bench_new(33);

    for (size_t i = 0; i < USUAL; i++) {
        struct aks_encoder *encoder = encoder_new(usual[i].codec, usual[i].level);

        for (int round = 0; round < 60; round++) {
            enum sample_kind kind = (enum sample_kind)sample_below(&bench->rng, SAMPLE_KINDS - 1);
            size_t len = sample_below(&bench->rng, round % 10 == 0 ? BLOCK : 70000);

            sample_fill(kind, &bench->rng, bench->plain, len);
            (void)encode_and_check(bench, usual[i].codec, encoder, len);
        }
        aks_encoder_free(encoder);
    }
    bench_free(bench);
}

static void
bound_grows_with_the_length_and_stays_near_it(void **state)
{
    for (int codec = AKS_CODEC_GZIP; codec <= AKS_CODEC_ZSTD; codec++) {
        size_t last = 0;

        for (size_t len = 0; len <= BLOCK; len += 1021) {
            size_t bound = aks_encoder_bound((enum aks_codec)codec, len);

            assert_true(bound > last && bound > len);
            assert_true(bound <= len + len / 128 + 128);
            last = bound;
        }
    }
}

/* An upload that is taken up again makes blocks anew, with encoders that had other things to do
 * before, in other buffers: they must be the bytes that were sent. */
static void
a_block_gives_the_same_bytes_whatever_the_encoder_did_before(void **state)
{
    struct bench *bench = bench_new(34);
    uint8_t *other = malloc(BLOCK + 1);
    uint8_t *out = malloc(2 * BLOCK);
    struct aks_error err;

    assert_non_null(other);
    assert_non_null(out);
    sample_fill(SAMPLE_MIXED, &bench->rng, bench->plain, BLOCK);
    memcpy(other + 1, bench->plain, BLOCK);
    for (int codec = AKS_CODEC_GZIP; codec <= AKS_CODEC_ZSTD; codec++) {
        for (int level = 1; level <= (codec == AKS_CODEC_GZIP ? 9 : 19); level++) {
            struct aks_encoder *fresh = encoder_new((enum aks_codec)codec, level);
            struct aks_encoder *used = encoder_new((enum aks_codec)codec, level);
            size_t len = level > 9 ? BLOCK / 8 : BLOCK / 2;
            size_t written = 0;
            size_t expected;

            for (size_t i = 0; i < 3; i++)
                assert_int_equal(aks_encoder_block(used, other + 1 + i * 40000, 100000 + 3 * i, out,
                    2 * BLOCK, &written, &err), AKS_OK);
            expected = encode_and_check(bench, (enum aks_codec)codec, fresh, len);
            assert_int_equal(aks_encoder_block(used, other + 1, len, out, 2 * BLOCK, &written,
                &err), AKS_OK);
            assert_int_equal(written, expected);
            assert_memory_equal(out, bench->out, written);
            aks_encoder_free(fresh);
            aks_encoder_free(used);
        }
    }
    free(other);
    free(out);
    bench_free(bench);
}

static void
blocks_joined_are_one_file(void **state)
{
    static const size_t lengths[] = { 70000, 0, 1, 65536, 300 };
    struct bench *bench = bench_new(35);

    sample_fill(SAMPLE_MIXED, &bench->rng, bench->plain, BLOCK);
    for (size_t i = 0; i < USUAL; i++) {
        struct aks_encoder *encoder = encoder_new(usual[i].codec, usual[i].level);
        size_t from = 0;
        size_t to = 0;

        for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
            size_t written = 0;

            assert_int_equal(aks_encoder_block(encoder, bench->plain + from, lengths[j],
                bench->out + to, 2 * BLOCK - to, &written, NULL), AKS_OK);
            from += lengths[j];
            to += written;
        }
        assert_int_equal(decode(usual[i].codec, bench->out, to, bench->back, BLOCK + 1), from);
        assert_memory_equal(bench->back, bench->plain, from);
        aks_encoder_free(encoder);
    }
    bench_free(bench);
}

static void
zstd_frames_tell_their_size_and_carry_a_checksum(void **state)
{
    struct bench *bench = bench_new(36);
    struct aks_encoder *encoder = encoder_new(AKS_CODEC_ZSTD, AKS_CODEC_LEVEL_DEFAULT);
    size_t written;

    sample_fill(SAMPLE_ROWS, &bench->rng, bench->plain, BLOCK);
    written = encode_and_check(bench, AKS_CODEC_ZSTD, encoder, BLOCK);
    assert_true(ZSTD_getFrameContentSize(bench->out, written) == BLOCK);
    /* Bit 2 of the byte after the magic number: RFC 8878, 3.1.1.1.1. */
    assert_true((bench->out[4] & 4) != 0);
    bench->out[written - 1] ^= 1;
    assert_true(ZSTD_isError(ZSTD_decompress(bench->back, BLOCK, bench->out, written)));
    aks_encoder_free(encoder);
    bench_free(bench);
}

static void
sample_tells_what_shrinks_from_what_does_not(void **state)
{
    struct bench *bench = bench_new(37);
    uint8_t *two = calloc(2, BLOCK);
    size_t compressed = 1;

    assert_non_null(two);
    assert_int_equal(aks_codec_sample(aks_alloc_system(), NULL, 0, &compressed, NULL), AKS_OK);
    assert_int_equal(compressed, 0);
    sample_fill(SAMPLE_NOISE, &bench->rng, bench->plain, BLOCK);
    assert_int_equal(aks_codec_sample(aks_alloc_system(), bench->plain, 100000, &compressed, NULL),
        AKS_OK);
    assert_true(compressed > 100000 && compressed < 100100);
    sample_fill(SAMPLE_ROWS, &bench->rng, bench->plain, BLOCK);
    assert_int_equal(aks_codec_sample(aks_alloc_system(), bench->plain, BLOCK, &compressed, NULL),
        AKS_OK);
    assert_true(compressed > BLOCK / 10 && compressed < BLOCK * 3 / 4);
    assert_int_equal(aks_codec_sample(aks_alloc_system(), two, 2 * BLOCK, &compressed, NULL),
        AKS_OK);
    assert_true(compressed > 0 && compressed < 1000);
    free(two);
    bench_free(bench);
}

static int
make_encoder(void *ctx, const struct aks_alloc *alloc)
{
    const int *which = ctx;
    struct aks_encoder *encoder = NULL;
    struct aks_error err;
    enum aks_status status;

    aks_error_clear(&err);
    status = aks_encoder_new(alloc, usual[*which].codec, usual[*which].level, &encoder, &err);
    if (status != AKS_OK) {
        assert_int_equal(status, AKS_LIMIT);
        assert_int_equal(err.status, AKS_LIMIT);
        assert_non_null(strstr(err.message, "out of memory"));
        assert_null(encoder);
    }
    aks_encoder_free(encoder);
    return 0;
}

static int
take_sample(void *ctx, const struct aks_alloc *alloc)
{
    size_t compressed = 12345;
    enum aks_status status = aks_codec_sample(alloc, "abcabc", 6, &compressed, NULL);

    assert_true(status == AKS_OK ? compressed < 30 : compressed == 12345 && status == AKS_LIMIT);
    return 0;
}

static void
encoders_survive_any_allocation_that_fails(void **state)
{
    for (int i = 0; i < (int)USUAL; i++)
        failing_alloc_loop(make_encoder, &i, 100);
    failing_alloc_loop(take_sample, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_have_names_suffixes_and_types),
        cmocka_unit_test(version_names_the_library_that_does_the_work),
        cmocka_unit_test(levels_that_do_not_exist_are_refused_with_a_hint),
        cmocka_unit_test(each_level_gives_back_what_it_took),
        cmocka_unit_test(bound_holds_for_noise_rows_and_zeros_of_awkward_lengths),
        cmocka_unit_test(bound_holds_for_random_lengths_and_mixtures),
        cmocka_unit_test(bound_grows_with_the_length_and_stays_near_it),
        cmocka_unit_test(a_block_gives_the_same_bytes_whatever_the_encoder_did_before),
        cmocka_unit_test(blocks_joined_are_one_file),
        cmocka_unit_test(zstd_frames_tell_their_size_and_carry_a_checksum),
        cmocka_unit_test(sample_tells_what_shrinks_from_what_does_not),
        cmocka_unit_test(encoders_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
