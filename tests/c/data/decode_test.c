#include "base/rng.h"
#include "data/decoder.h"
#include "support/failing_alloc.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCK AKS_CODEC_BLOCK_BYTES

struct text {
    uint8_t *data;
    size_t len;
    size_t room;
};

static enum aks_status
collect(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    struct text *text = ctx;

    assert_true(len > 0 && len <= text->room - text->len);
    memcpy(text->data + text->len, data, len);
    text->len += len;
    return AKS_OK;
}

static void
text_new(struct text *text, size_t room)
{
    text->data = malloc(room + 1);
    text->len = 0;
    text->room = room;
    assert_non_null(text->data);
}

/* ${len} bytes in blocks of ${block}, as the pipeline makes them. */
static void
encode(enum aks_codec codec, const uint8_t *plain, size_t len, size_t block, struct text *ret)
{
    struct aks_encoder *encoder = NULL;
    size_t done = 0;

    text_new(ret, len + 100 + (len / block + 1) * (aks_encoder_bound(codec, block) - block + 100));
    assert_int_equal(aks_encoder_new(aks_alloc_system(), codec, AKS_CODEC_LEVEL_DEFAULT, &encoder,
        NULL), AKS_OK);
    do {
        size_t take = len - done < block ? len - done : block;
        size_t wrote;

        assert_int_equal(aks_encoder_block(encoder, plain + done, take, ret->data + ret->len,
            aks_encoder_bound(codec, take), &wrote, NULL), AKS_OK);
        ret->len += wrote;
        done += take;
    } while (done < len);
    aks_encoder_free(encoder);
}

/* Feeds in pieces of ${piece} bytes; what feed or end say. */
static enum aks_status
decode(enum aks_codec codec, const uint8_t *data, size_t len, size_t piece, int64_t bytes,
    struct text *ret, struct aks_error *err)
{
    struct aks_decoder *decoder = NULL;
    enum aks_status status;

    text_new(ret, (size_t)bytes);
    status = aks_decoder_new(aks_alloc_system(), codec, bytes, &decoder, err);
    for (size_t at = 0; at < len && status == AKS_OK; at += piece)
        status = aks_decoder_feed(decoder, data + at, len - at < piece ? len - at : piece, collect,
            ret, err);
    if (status == AKS_OK)
        status = aks_decoder_end(decoder, err);
    aks_decoder_free(decoder);
    return status;
}

static void
fill_rows(uint8_t *plain, size_t len)
{
    struct aks_rng rng;

    aks_rng_init(&rng, 1);
    sample_fill(SAMPLE_ROWS, &rng, plain, len);
}

static const enum aks_codec codecs[] = { AKS_CODEC_NONE, AKS_CODEC_GZIP, AKS_CODEC_ZSTD };

static void
packed(enum aks_codec codec, const uint8_t *plain, size_t len, size_t block, struct text *ret)
{
    if (codec != AKS_CODEC_NONE) {
        encode(codec, plain, len, block, ret);
        return;
    }
    text_new(ret, len);
    memcpy(ret->data, plain, len);
    ret->len = len;
}

static void
what_was_packed_comes_back_whatever_the_pieces(void **state)
{
    const size_t sizes[] = { 0, 1, 1000, 300000 };
    const size_t pieces[] = { 1, 7, 4096, 1000000 };
    uint8_t *plain = malloc(300000);

    assert_non_null(plain);
    fill_rows(plain, 300000);
    for (size_t c = 0; c < 3; c++) {
        for (size_t s = 0; s < 4; s++) {
            struct text stored;

            packed(codecs[c], plain, sizes[s], 70000, &stored);
            for (size_t p = 0; p < 4; p++) {
                struct text back;
                struct aks_error err;

                assert_int_equal(decode(codecs[c], stored.data, stored.len, pieces[p],
                    (int64_t)sizes[s], &back, &err), AKS_OK);
                assert_int_equal(back.len, sizes[s]);
                assert_memory_equal(back.data, plain, sizes[s]);
                free(back.data);
            }
            free(stored.data);
        }
    }
    free(plain);
}

static void
expect_corrupt(enum aks_codec codec, const uint8_t *data, size_t len, int64_t bytes,
    const char *words)
{
    struct text back;
    struct aks_error err = { 0 };

    assert_int_equal(decode(codec, data, len, 1000, bytes, &back, &err), AKS_CORRUPT);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" does not have \"%s\"", err.message, words);
    assert_true(back.len <= (size_t)bytes);
    free(back.data);
}

static void
what_is_cut_or_has_something_behind_it_is_corrupt(void **state)
{
    uint8_t plain[5000];

    fill_rows(plain, sizeof(plain));
    for (size_t c = 1; c < 3; c++) {
        struct text stored;

        encode(codecs[c], plain, sizeof(plain), 2000, &stored);
        expect_corrupt(codecs[c], stored.data, stored.len - 1, 5000, "ends in the middle");
        expect_corrupt(codecs[c], stored.data, 3, 5000, "ends in the middle");
        expect_corrupt(codecs[c], stored.data, 0, 5000, "0 bytes and not to the 5000");
        memcpy(stored.data + stored.len, "garbage", 7);
        expect_corrupt(codecs[c], stored.data, stored.len + 7, 5000, "behind its end");
        stored.data[stored.len / 2] ^= 0x10;
        expect_corrupt(codecs[c], stored.data, stored.len, 5000, "");
        expect_corrupt(codecs[c], plain, sizeof(plain), 5000, "it is no ");
        free(stored.data);
    }
}

/* It stops at the first byte too much: the other 64 MiB are never unpacked. */
static void
what_unpacks_to_more_than_was_declared_is_stopped(void **state)
{
    uint8_t *zeros = calloc(64, BLOCK);

    assert_non_null(zeros);
    for (size_t c = 0; c < 3; c++) {
        struct text stored;

        packed(codecs[c], zeros, 64 * BLOCK, BLOCK, &stored);
        expect_corrupt(codecs[c], stored.data, stored.len, 1000, "more than the 1000 bytes");
        expect_corrupt(codecs[c], stored.data, stored.len, 0, "more than the 0 bytes");
        expect_corrupt(codecs[c], stored.data, stored.len, 64 * (int64_t)BLOCK - 1, "more than");
        expect_corrupt(codecs[c], stored.data, stored.len, 64 * (int64_t)BLOCK + 1, "and not to");
        free(stored.data);
    }
    free(zeros);
}

/* A frame header (RFC 8878, 3.1.1) that asks for a window of 1 GiB. */
static void
a_window_that_is_too_large_is_refused(void **state)
{
    static const uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00 };

    expect_corrupt(AKS_CODEC_ZSTD, frame, sizeof(frame), 1000, "");
}

static void
boundaries_are_where_a_decoder_may_begin_anew(void **state)
{
    uint8_t plain[10000];

    fill_rows(plain, sizeof(plain));
    for (size_t c = 1; c < 3; c++) {
        struct aks_decoder *decoder;
        struct text stored;
        struct text back;
        struct text rest;
        int64_t at_stored;
        int64_t at_plain;

        encode(codecs[c], plain, sizeof(plain), 3000, &stored);
        text_new(&back, sizeof(plain));
        assert_int_equal(aks_decoder_new(aks_alloc_system(), codecs[c], 10000, &decoder, NULL),
            AKS_OK);
        aks_decoder_boundary(decoder, &at_stored, &at_plain);
        assert_true(at_stored == 0 && at_plain == 0);
        assert_int_equal(aks_decoder_feed(decoder, stored.data, stored.len - 5, collect, &back,
            NULL), AKS_OK);
        aks_decoder_boundary(decoder, &at_stored, &at_plain);
        assert_int_equal(at_plain, 9000);
        aks_decoder_free(decoder);
        assert_int_equal(decode(codecs[c], stored.data + at_stored, stored.len - (size_t)at_stored,
            10, 1000, &rest, NULL), AKS_OK);
        assert_memory_equal(rest.data, plain + 9000, 1000);
        free(rest.data);
        free(back.data);
        free(stored.data);
    }
}

static enum aks_status
refuse(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    return aks_error_set(err, AKS_NO_SPACE, "the disk is full");
}

static void
what_its_owner_says_ends_the_feeding(void **state)
{
    uint8_t plain[1000];

    fill_rows(plain, sizeof(plain));
    for (size_t c = 0; c < 3; c++) {
        struct aks_decoder *decoder;
        struct text stored;

        packed(codecs[c], plain, sizeof(plain), 1000, &stored);
        assert_int_equal(aks_decoder_new(aks_alloc_system(), codecs[c], 1000, &decoder, NULL),
            AKS_OK);
        assert_int_equal(aks_decoder_feed(decoder, stored.data, stored.len, refuse, NULL, NULL),
            AKS_NO_SPACE);
        aks_decoder_free(decoder);
        free(stored.data);
    }
    aks_decoder_free(NULL);
}

static int
decode_with(void *ctx, const struct aks_alloc *alloc)
{
    const struct text *stored = ctx;
    struct aks_decoder *decoder = NULL;
    struct text back;
    struct aks_error err;
    enum aks_status status;

    text_new(&back, 1000);
    status = aks_decoder_new(alloc, AKS_CODEC_GZIP, 1000, &decoder, &err);
    if (status == AKS_OK)
        status = aks_decoder_feed(decoder, stored->data, stored->len, collect, &back, &err);
    assert_true(status == AKS_OK || status == AKS_LIMIT);
    aks_decoder_free(decoder);
    free(back.data);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    uint8_t plain[1000];
    struct text stored;

    fill_rows(plain, sizeof(plain));
    encode(AKS_CODEC_GZIP, plain, sizeof(plain), 1000, &stored);
    failing_alloc_loop(decode_with, &stored, 100);
    free(stored.data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_back_whatever_the_pieces),
        cmocka_unit_test(what_is_cut_or_has_something_behind_it_is_corrupt),
        cmocka_unit_test(what_unpacks_to_more_than_was_declared_is_stopped),
        cmocka_unit_test(a_window_that_is_too_large_is_refused),
        cmocka_unit_test(boundaries_are_where_a_decoder_may_begin_anew),
        cmocka_unit_test(what_its_owner_says_ends_the_feeding),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
