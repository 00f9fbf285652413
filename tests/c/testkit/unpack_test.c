#include "testkit/unpack.h"

#include "data/codec.h"
#include "support/failing_alloc.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN_BYTES ((size_t)300000)

static const enum aks_codec codecs[] = { AKS_CODEC_GZIP, AKS_CODEC_ZSTD };

static uint8_t plain[PLAIN_BYTES];

/* ${plain} as members or frames of ${block} bytes each; an empty one where there are none. */
static void
pack(enum aks_codec codec, size_t len, size_t block, struct aks_buf *out)
{
    struct aks_encoder *encoder;
    size_t bound = aks_encoder_bound(codec, block);
    uint8_t *piece = malloc(bound);
    size_t done = 0;

    assert_non_null(piece);
    aks_buf_init(out, aks_alloc_system(), 16 * PLAIN_BYTES);
    assert_int_equal(aks_encoder_new(aks_alloc_system(), codec, AKS_CODEC_LEVEL_DEFAULT, &encoder,
        NULL), AKS_OK);
    do {
        size_t more = len - done < block ? len - done : block;
        size_t packed;

        assert_int_equal(aks_encoder_block(encoder, plain + done, more, piece, bound, &packed,
            NULL), AKS_OK);
        aks_buf_append(out, piece, packed);
        done += more;
    } while (done < len);
    assert_int_equal(out->failed, AKS_OK);
    aks_encoder_free(encoder);
    free(piece);
}

static enum aks_status
unpack(enum aks_codec codec, const void *data, size_t len, size_t limit, size_t *ret_len)
{
    struct aks_buf out;
    struct aks_error err;
    enum aks_status status;

    aks_buf_init(&out, aks_alloc_system(), limit);
    status = aks_unpack(aks_codec_name(codec), data, len, &out, &err);
    *ret_len = out.len;
    if (status == AKS_OK)
        assert_memory_equal(out.data, plain, out.len);
    else
        assert_int_equal(err.status, status);
    aks_buf_fini(&out);
    return status;
}

static int
setup(void **state)
{
    struct aks_rng rng;

    aks_rng_init(&rng, 1);
    sample_fill(SAMPLE_ROWS, &rng, plain, sizeof(plain));
    return 0;
}

static void
files_of_one_member_and_of_many_unpack(void **state)
{
    static const size_t lens[] = { 0, 1, 65535, 65536, 65537, 131072, PLAIN_BYTES };
    static const size_t blocks[] = { 7000, 65536, PLAIN_BYTES };

    for (size_t i = 0; i < 2 * 7 * 3; i++) {
        enum aks_codec codec = codecs[i % 2];
        size_t wanted = lens[i / 2 % 7];
        struct aks_buf packed;
        size_t len;

        pack(codec, wanted, blocks[i / 14], &packed);
        assert_int_equal(unpack(codec, packed.data, packed.len, PLAIN_BYTES, &len), AKS_OK);
        assert_int_equal(len, wanted);
        aks_buf_fini(&packed);
    }
}

/* At every byte of a file of a few small members, where one member's end is the file's end too. */
static void
cut_files_are_corrupt_but_between_members(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct aks_buf packed;
        unsigned whole = 0;

        pack(codecs[i], 300, 100, &packed);
        for (size_t cut = 0; cut < packed.len; cut++) {
            /* Of its own, so that reading over its end is seen. */
            void *data = malloc(cut > 0 ? cut : 1);
            size_t len;
            enum aks_status status;

            assert_non_null(data);
            memcpy(data, packed.data, cut);
            status = unpack(codecs[i], data, cut, PLAIN_BYTES, &len);
            if (status == AKS_OK) {
                assert_int_equal(len % 100, 0);
                whole++;
            } else {
                assert_int_equal(status, AKS_CORRUPT);
            }
            free(data);
        }
        assert_int_equal(whole, 2);
        aks_buf_fini(&packed);
    }
}

static void
bytes_behind_the_end_are_corrupt(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct aks_buf packed;
        size_t len;

        pack(codecs[i], 1000, 1000, &packed);
        aks_buf_puts(&packed, "and more");
        assert_int_equal(unpack(codecs[i], packed.data, packed.len, PLAIN_BYTES, &len),
            AKS_CORRUPT);
        aks_buf_fini(&packed);
    }
}

/* A flipped bit is seen, or changes nothing but the header that is not looked at: our zstd frames
 * have checksums, as gzip's members have. */
static void
changed_bytes_never_unpack_to_something_else(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct aks_buf packed;
        unsigned seen = 0;

        pack(codecs[i], 2000, 1000, &packed);
        for (size_t at = 0; at < packed.len; at++) {
            size_t len;

            packed.data[at] ^= 0x10;
            seen += unpack(codecs[i], packed.data, packed.len, PLAIN_BYTES, &len) == AKS_CORRUPT;
            packed.data[at] ^= 0x10;
        }
        assert_true(seen > packed.len * 9 / 10);
        aks_buf_fini(&packed);
    }
}

static void
garbage_and_the_other_codec_are_corrupt(void **state)
{
    struct aks_buf packed;
    size_t len;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(unpack(codecs[i], plain, 5000, PLAIN_BYTES, &len), AKS_CORRUPT);
        assert_int_equal(unpack(codecs[i], "", 0, PLAIN_BYTES, &len), AKS_CORRUPT);
        pack(codecs[i], 1000, 1000, &packed);
        assert_int_equal(unpack(codecs[1 - i], packed.data, packed.len, PLAIN_BYTES, &len),
            AKS_CORRUPT);
        aks_buf_fini(&packed);
    }
}

static void
none_is_as_it_is_and_others_are_no_codecs(void **state)
{
    struct aks_buf out;
    struct aks_error err;

    aks_buf_init(&out, aks_alloc_system(), 100);
    aks_buf_puts(&out, "before ");
    assert_int_equal(aks_unpack("none", "after", 5, &out, &err), AKS_OK);
    assert_string_equal(out.data, "before after");
    assert_int_equal(aks_unpack("none", "", 0, &out, &err), AKS_OK);
    assert_int_equal(aks_unpack("GZIP", "", 0, &out, &err), AKS_CORRUPT);
    assert_string_equal(err.message, "\"GZIP\" is no codec");
    assert_int_equal(aks_unpack("none", plain, 100, &out, &err), AKS_LIMIT);
    aks_buf_fini(&out);
}

static void
more_than_there_is_room_for_is_a_limit_and_not_corrupt(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct aks_buf packed;
        size_t len;

        pack(codecs[i], PLAIN_BYTES, 100000, &packed);
        assert_int_equal(unpack(codecs[i], packed.data, packed.len, PLAIN_BYTES, &len), AKS_OK);
        assert_int_equal(unpack(codecs[i], packed.data, packed.len, PLAIN_BYTES - 1, &len),
            AKS_LIMIT);
        assert_int_equal(unpack(codecs[i], packed.data, packed.len, 10, &len), AKS_LIMIT);
        aks_buf_fini(&packed);
    }
}

static int
unpack_with(void *ctx, const struct aks_alloc *alloc)
{
    const struct aks_buf *packed = ctx;
    struct aks_buf out;
    enum aks_status status;

    aks_buf_init(&out, alloc, PLAIN_BYTES);
    status = aks_unpack("gzip", packed->data, packed->len, &out, NULL);
    aks_buf_fini(&out);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
want_of_memory_is_a_limit_and_not_corrupt(void **state)
{
    struct aks_buf packed;

    pack(AKS_CODEC_GZIP, PLAIN_BYTES, 100000, &packed);
    failing_alloc_loop(unpack_with, &packed, 50);
    aks_buf_fini(&packed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_one_member_and_of_many_unpack),
        cmocka_unit_test(cut_files_are_corrupt_but_between_members),
        cmocka_unit_test(bytes_behind_the_end_are_corrupt),
        cmocka_unit_test(changed_bytes_never_unpack_to_something_else),
        cmocka_unit_test(garbage_and_the_other_codec_are_corrupt),
        cmocka_unit_test(none_is_as_it_is_and_others_are_no_codecs),
        cmocka_unit_test(more_than_there_is_room_for_is_a_limit_and_not_corrupt),
        cmocka_unit_test(want_of_memory_is_a_limit_and_not_corrupt),
    };

    return cmocka_run_group_tests_name("unpacking", tests, setup, NULL);
}
