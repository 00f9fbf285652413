#include "data/cpu.h"
#include "data/digest.h"
#include "data/digest_internal.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUFFER_BYTES ((size_t)20000)
#define ROUNDS 400
/* The parts of which the table of values in S3's documentation and tests is made. */
#define PART_1 65536
#define PART_2 1024

typedef uint32_t crc32c_function(uint32_t crc, const void *data, size_t len);
typedef uint64_t crc64_function(uint64_t crc, const void *data, size_t len);

static crc32c_function *const crc32c_functions[] = {
    aks_crc32c,
    aks_crc32c_table,
#if AKS_CPU_X86_64
    aks_crc32c_sse42,
#endif
};

static crc64_function *const crc64_functions[] = {
    aks_crc64nvme,
    aks_crc64nvme_table,
#if AKS_CPU_X86_64
    aks_crc64nvme_clmul,
    aks_crc64nvme_wide,
#endif
};

/* How many of them this processor can run: the last ones need instructions. */
static size_t
crc32c_count(void)
{
    return aks_cpu_has(AKS_CPU_CRC32C) ? sizeof(crc32c_functions) / sizeof(crc32c_functions[0]) : 2;
}

static size_t
crc64_count(void)
{
    return aks_cpu_has(AKS_CPU_CLMUL_WIDE) ? 4 : aks_cpu_has(AKS_CPU_CLMUL) ? 3 : 2;
}

/* Bit by bit, from the definition. */
static uint64_t
crc_by_bits(uint64_t polynomial, uint64_t ones, const uint8_t *p, size_t len)
{
    uint64_t crc = ones;

    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
    }
    return crc ^ ones;
}

static uint8_t *
noise_new(struct aks_rng *rng, uint64_t seed)
{
    uint8_t *bytes = malloc(BUFFER_BYTES);

    assert_non_null(bytes);
    aks_rng_init(rng, seed);
    sample_fill(SAMPLE_NOISE, rng, bytes, BUFFER_BYTES);
    return bytes;
}

static void
crc32c_has_its_check_values(void **state)
{
    uint8_t *letters = malloc(PART_1 + PART_2);

    assert_non_null(letters);
    memset(letters, 'a', PART_1 + PART_2);
    for (size_t i = 0; i < crc32c_count(); i++) {
        crc32c_function *crc = crc32c_functions[i];

        assert_int_equal(crc(0, NULL, 0), 0);
        assert_int_equal(crc(0, "123456789", 9), 0xe3069283);
        /* base64 TpXtPw==, OrlqYg==, sOO8/Q== */
        assert_int_equal(crc(0, letters, PART_1), 0x4e95ed3f);
        assert_int_equal(crc(0, letters, PART_2), 0x3ab96a62);
        assert_int_equal(crc(0, letters, PART_1 + PART_2), 0xb0e3bcfd);
    }
    free(letters);
}

static void
crc64nvme_has_its_check_values(void **state)
{
    uint8_t *letters = malloc(PART_1 + PART_2);

    assert_non_null(letters);
    memset(letters, 'a', PART_1 + PART_2);
    for (size_t i = 0; i < crc64_count(); i++) {
        crc64_function *crc = crc64_functions[i];

        assert_true(crc(0, NULL, 0) == 0);
        assert_true(crc(0, "123456789", 9) == UINT64_C(0xae8b14860a799888));
        /* base64 XFY1fKkSG7U=, p8jnstQU/6I=, pRf+emrnL+A= */
        assert_true(crc(0, letters, PART_1) == UINT64_C(0x5c56357ca9121bb5));
        assert_true(crc(0, letters, PART_2) == UINT64_C(0xa7c8e7b2d414ffa2));
        assert_true(crc(0, letters, PART_1 + PART_2) == UINT64_C(0xa517fe7a6ae72fe0));
    }
    free(letters);
}

static void
crc32c_is_the_same_in_each_way_at_any_length_and_place(void **state)
{
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 21);

    for (int round = 0; round < ROUNDS; round++) {
        size_t from = sample_below(&rng, 64);
        size_t len = sample_below(&rng, round < ROUNDS / 2 ? 300 : BUFFER_BYTES - 64);
        size_t cut = sample_below(&rng, len);
        uint32_t expected = (uint32_t)crc_by_bits(0x82f63b78, UINT32_MAX, bytes + from, len);

        for (size_t i = 0; i < crc32c_count(); i++) {
            crc32c_function *crc = crc32c_functions[i];

            assert_int_equal(crc(0, bytes + from, len), expected);
            assert_int_equal(crc(crc(0, bytes + from, cut), bytes + from + cut, len - cut),
                expected);
        }
    }
    free(bytes);
}

static void
crc64nvme_is_the_same_in_each_way_at_any_length_and_place(void **state)
{
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 22);

    for (int round = 0; round < ROUNDS; round++) {
        size_t from = sample_below(&rng, 64);
        size_t len = sample_below(&rng, round < ROUNDS / 2 ? 300 : BUFFER_BYTES - 64);
        size_t cut = sample_below(&rng, len);
        uint64_t expected = crc_by_bits(UINT64_C(0x9a6c9329ac4bc9b5), UINT64_MAX, bytes + from,
            len);

        for (size_t i = 0; i < crc64_count(); i++) {
            crc64_function *crc = crc64_functions[i];

            assert_true(crc(0, bytes + from, len) == expected);
            assert_true(crc(crc(0, bytes + from, cut), bytes + from + cut, len - cut) == expected);
        }
    }
    free(bytes);
}

static void
crc64nvme_combine_joins_two_parts(void **state)
{
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 23);

    for (int round = 0; round < ROUNDS; round++) {
        size_t len = sample_below(&rng, BUFFER_BYTES);
        size_t cut = sample_below(&rng, len);
        uint64_t a = aks_crc64nvme(0, bytes, cut);
        uint64_t b = aks_crc64nvme(0, bytes + cut, len - cut);

        assert_true(aks_crc64nvme_combine(a, b, (int64_t)(len - cut)) ==
            aks_crc64nvme(0, bytes, len));
    }
    free(bytes);
}

/* One value is in S3's table; for parts beyond any buffer, joining must at least be associative. */
static void
crc64nvme_combine_holds_for_parts_of_terabytes(void **state)
{
    const uint64_t a = UINT64_C(0x5c56357ca9121bb5);
    const uint64_t b = UINT64_C(0xa7c8e7b2d414ffa2);
    const uint64_t c = UINT64_C(0x0123456789abcdef);
    const int64_t b_bytes = INT64_C(5) << 40;
    const int64_t c_bytes = (INT64_C(7) << 40) + 12345;

    assert_true(aks_crc64nvme_combine(a, b, PART_2) == UINT64_C(0xa517fe7a6ae72fe0));
    assert_true(aks_crc64nvme_combine(a, 0, 0) == a);
    assert_true(aks_crc64nvme_combine(aks_crc64nvme_combine(a, b, b_bytes), c, c_bytes) ==
        aks_crc64nvme_combine(a, aks_crc64nvme_combine(b, c, c_bytes), b_bytes + c_bytes));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_has_its_check_values),
        cmocka_unit_test(crc64nvme_has_its_check_values),
        cmocka_unit_test(crc32c_is_the_same_in_each_way_at_any_length_and_place),
        cmocka_unit_test(crc64nvme_is_the_same_in_each_way_at_any_length_and_place),
        cmocka_unit_test(crc64nvme_combine_joins_two_parts),
        cmocka_unit_test(crc64nvme_combine_holds_for_parts_of_terabytes),
    };

    return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
