/* CRC-64/NVME: by folding with carry-less multiplication, else by tables.
 *
 * Polynomials are held reflected, as the CRC is defined: the lowest bit is the highest power
 * of x. */
#include "base/check.h"
#include "data/crc_table.h"
#include "data/digest.h"
#include "data/digest_internal.h"

#include <endian.h>
#include <string.h>

#if AKS_CPU_X86_64
#include <immintrin.h>
#endif

#define POLYNOMIAL UINT64_C(0x9a6c9329ac4bc9b5)
/* x^0 and x^1, reflected. */
#define ONE (UINT64_C(1) << 63)
#define X (UINT64_C(1) << 62)

static const uint64_t table[AKS_CRC_SLICES][256] = {
    AKS_CRC_TABLE(0x7f6ef0c830358979, 0xfedde190606b12f2, 0xc962e5739841b68f, 0xa61cecb46814fe75,
        0x78e0ff3b88be6f81, 0xf1c1fe77117cdf02, 0xd75adabd7a6e2d6f, 0x9a6c9329ac4bc9b5),
    AKS_CRC_TABLE(0x8776a97d73bddf69, 0x3a3474a9bfec2db9, 0x7468e9537fd85b72, 0xe8d1d2a6ffb0b6e4,
        0xe57a831ea7f6fea3, 0xfe2c206e177a6e2d, 0xc881668f76634f31, 0xa5dbeb4db4510d09),
    AKS_CRC_TABLE(0xff6e4e1f4e4038be, 0xca05ba6dc417e217, 0xa0d25288d0b85745, 0x757d8342f9e73de1,
        0xeafb0685f3ce7bc2, 0xe12f2b58bf0b64ef, 0xf68770e226815ab5, 0xd9d7c79715952601),
    AKS_CRC_TABLE(0x8211147cbaf96306, 0x30fb0eaa2d655567, 0x61f61d545acaaace, 0xc3ec3aa8b595559c,
        0xb301530233bd3853, 0x52db80573fede3cd, 0xa5b700ae7fdbc79a, 0x7fb7270fa7201c5f),
    AKS_CRC_TABLE(0x373d15f784905d1e, 0x6e7a2bef0920ba3c, 0xdcf457de12417478, 0x8d3189ef7c157b9b,
        0x2eba358da0bd645d, 0x5d746b1b417ac8ba, 0xbae8d63682f59174, 0x41088a3e5d7cb183),
    AKS_CRC_TABLE(0xe9742a79ef04a5d4, 0xe63172a0869ed8c3, 0xf8bbc31255aa22ed, 0xc5aea077f3c3d6b1,
        0xbf8466bcbf103e09, 0x4bd1eb2a26b7ef79, 0x97a3d6544d6fdef2, 0x1b9e8afbc2482e8f),
    AKS_CRC_TABLE(0xfc5d27f6bf353971, 0xcc6369be26fde189, 0xac1ff52f156c5079, 0x6ce6cc0d724f3399,
        0xd9cd981ae49e6732, 0x8742166691ab5d0f, 0x3a5d0a9e7bc12975, 0x74ba153cf78252ea),
    AKS_CRC_TABLE(0x21e9761e252621ac, 0x43d2ec3c4a4c4358, 0x87a5d878949886b0, 0x3b9296a271a69e0b,
        0x77252d44e34d3c16, 0xee4a5a89c69a782c, 0xe84d9340d5a36333, 0xe44200d2f3d1550d),
};

/* Advances ${crc}, which is as it is between the two inversions, over ${len} bytes. */
static uint64_t
advance(uint64_t crc, const uint8_t *p, size_t len)
{
    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), p += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, p, sizeof(word));
        word = le64toh(word) ^ crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
            table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^
            table[2][(word >> 40) & 0xff] ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
    }
    for (; len > 0; len--, p++)
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
    return crc;
}

uint64_t
aks_crc64nvme_table(uint64_t crc, const void *data, size_t len)
{
    return ~advance(~crc, data, len);
}

#if AKS_CPU_X86_64

/* A lane is 16 bytes: its low half stands 64 powers of x above its high half. To carry a lane
 * forward over D bits, its halves are multiplied by x^(D+64) and x^D mod P; a product of
 * two reflected factors comes out one power too high, so the factors are x^(D+63), x^(D-1). */
#define LANE_BYTES 16
#define LANES 4
#define FOLD_2048_LOW UINT64_C(0x37ccd3e14069cabc)
#define FOLD_2048_HIGH UINT64_C(0xa043808c0f782663)
#define FOLD_512_LOW UINT64_C(0x0c32cdb31e18a84a)
#define FOLD_512_HIGH UINT64_C(0x62242240ace5045a)
#define FOLD_128_LOW UINT64_C(0xeadc41fd2ba3d420)
#define FOLD_128_HIGH UINT64_C(0x21e9761e252621ac)

__attribute__((target("pclmul"), always_inline)) static inline __m128i
fold(__m128i lane, __m128i factors, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(lane, factors, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, factors, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((always_inline)) static inline __m128i
load_lane(const uint8_t *p, size_t lane)
{
    return _mm_loadu_si128((const void *)(p + lane * LANE_BYTES));
}

/* What is left of all the bytes but ${p} is one lane, which as a message has the same CRC: the
 * tables finish it. */
__attribute__((target("pclmul"), noinline)) static uint64_t
finish_lane(__m128i lane, const uint8_t *p, size_t len)
{
    const __m128i by_128 = _mm_set_epi64x((int64_t)FOLD_128_HIGH, (int64_t)FOLD_128_LOW);
    uint8_t last[LANE_BYTES];

    for (; len >= LANE_BYTES; len -= LANE_BYTES, p += LANE_BYTES)
        lane = fold(lane, by_128, load_lane(p, 0));
    _mm_storeu_si128((void *)last, lane);
    return ~advance(advance(0, last, sizeof(last)), p, len);
}

/* Four lanes, because one multiplication takes as long as four can be started in. */
__attribute__((target("pclmul"))) uint64_t
aks_crc64nvme_clmul(uint64_t crc, const void *data, size_t len)
{
    const __m128i by_512 = _mm_set_epi64x((int64_t)FOLD_512_HIGH, (int64_t)FOLD_512_LOW);
    const __m128i by_128 = _mm_set_epi64x((int64_t)FOLD_128_HIGH, (int64_t)FOLD_128_LOW);
    const uint8_t *p = data;
    __m128i a, b, c, d;

    if (len < LANES * LANE_BYTES)
        return aks_crc64nvme_table(crc, data, len);
    a = _mm_xor_si128(load_lane(p, 0), _mm_set_epi64x(0, (int64_t)~crc));
    b = load_lane(p, 1);
    c = load_lane(p, 2);
    d = load_lane(p, 3);
    p += LANES * LANE_BYTES;
    len -= LANES * LANE_BYTES;
    for (; len >= LANES * LANE_BYTES; len -= LANES * LANE_BYTES, p += LANES * LANE_BYTES) {
        a = fold(a, by_512, load_lane(p, 0));
        b = fold(b, by_512, load_lane(p, 1));
        c = fold(c, by_512, load_lane(p, 2));
        d = fold(d, by_512, load_lane(p, 3));
    }
    return finish_lane(fold(fold(fold(a, by_128, b), by_128, c), by_128, d), p, len);
}

/* The same with four lanes in each register. */
#define WIDE_BYTES (LANES * LANE_BYTES)

__attribute__((target("avx512f,vpclmulqdq"), always_inline)) static inline __m512i
fold_wide(__m512i lanes, __m512i factors, __m512i next)
{
    __m512i low = _mm512_clmulepi64_epi128(lanes, factors, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(lanes, factors, 0x11);

    return _mm512_ternarylogic_epi64(low, high, next, 0x96);    /* exclusive or of all three */
}

__attribute__((target("avx512f"), always_inline)) static inline __m512i
load_wide(const uint8_t *p, size_t place)
{
    return _mm512_loadu_si512((const void *)(p + place * WIDE_BYTES));
}

__attribute__((target("avx512f,vpclmulqdq,pclmul"))) uint64_t
aks_crc64nvme_wide(uint64_t crc, const void *data, size_t len)
{
    const __m512i by_2048 = _mm512_broadcast_i32x4(
        _mm_set_epi64x((int64_t)FOLD_2048_HIGH, (int64_t)FOLD_2048_LOW));
    const __m512i by_512 = _mm512_broadcast_i32x4(
        _mm_set_epi64x((int64_t)FOLD_512_HIGH, (int64_t)FOLD_512_LOW));
    const __m128i by_128 = _mm_set_epi64x((int64_t)FOLD_128_HIGH, (int64_t)FOLD_128_LOW);
    const uint8_t *p = data;
    uint8_t last[LANE_BYTES];
    __m512i a, b, c, d;
    __m128i lane;

    if (len < 4 * WIDE_BYTES)
        return aks_crc64nvme_clmul(crc, data, len);
    a = _mm512_xor_si512(load_wide(p, 0),
        _mm512_zextsi128_si512(_mm_set_epi64x(0, (int64_t)~crc)));
    b = load_wide(p, 1);
    c = load_wide(p, 2);
    d = load_wide(p, 3);
    p += 4 * WIDE_BYTES;
    len -= 4 * WIDE_BYTES;
    for (; len >= 4 * WIDE_BYTES; len -= 4 * WIDE_BYTES, p += 4 * WIDE_BYTES) {
        a = fold_wide(a, by_2048, load_wide(p, 0));
        b = fold_wide(b, by_2048, load_wide(p, 1));
        c = fold_wide(c, by_2048, load_wide(p, 2));
        d = fold_wide(d, by_2048, load_wide(p, 3));
    }
    a = fold_wide(fold_wide(fold_wide(a, by_512, b), by_512, c), by_512, d);
    lane = fold(_mm512_extracti32x4_epi32(a, 0), by_128, _mm512_extracti32x4_epi32(a, 1));
    lane = fold(lane, by_128, _mm512_extracti32x4_epi32(a, 2));
    lane = fold(lane, by_128, _mm512_extracti32x4_epi32(a, 3));
    _mm_storeu_si128((void *)last, lane);
    /* Else every SSE instruction from here on, SHA-256's among them, waits for the upper halves. */
    _mm256_zeroupper();
    return finish_lane(load_lane(last, 0), p, len);
}

#endif

uint64_t
aks_crc64nvme(uint64_t crc, const void *data, size_t len)
{
#if AKS_CPU_X86_64
    if (aks_cpu_has(AKS_CPU_CLMUL_WIDE))
        return aks_crc64nvme_wide(crc, data, len);
    if (aks_cpu_has(AKS_CPU_CLMUL))
        return aks_crc64nvme_clmul(crc, data, len);
#endif
    return aks_crc64nvme_table(crc, data, len);
}

/* ${a} times ${b}, mod the polynomial. */
static uint64_t
multiply(uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    for (uint64_t power = ONE; power != 0; power >>= 1) {
        if ((b & power) != 0)
            product ^= a;
        a = (a & 1) != 0 ? (a >> 1) ^ POLYNOMIAL : a >> 1;
    }
    return product;
}

/* The inversions before and after cancel out, as both CRCs have them: what remains is A's CRC moved
 * up by the bits of B. */
uint64_t
aks_crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, int64_t b_bytes)
{
    uint64_t square = X;

    AKS_CHECK(b_bytes >= 0);
    /* x^8 is the first square that counts: a byte. */
    for (int i = 0; i < 3; i++)
        square = multiply(square, square);
    for (uint64_t left = (uint64_t)b_bytes; left != 0; left >>= 1) {
        if ((left & 1) != 0)
            crc_a = multiply(crc_a, square);
        square = multiply(square, square);
    }
    return crc_a ^ crc_b;
}
