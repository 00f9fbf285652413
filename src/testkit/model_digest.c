#include "testkit/model_digest.h"

#include <endian.h>
#include <string.h>

#define BLOCK_BYTES 64
#define LENGTH_AT 56        /* of the last block: the number of bits */

typedef void compress_fn(uint32_t *state, const uint8_t *block);

static uint32_t
rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static uint32_t
load_le(const uint8_t *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return le32toh(word);
}

static uint32_t
load_be(const uint8_t *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return be32toh(word);
}

/* Whole blocks out of ${data}, then the padding that both digests have: a one bit, zeroes, and the
 * number of bits, ${big} or little endian. */
static void
digest(compress_fn *compress, uint32_t *state, const uint8_t *data, size_t len, int big)
{
    uint8_t last[2 * BLOCK_BYTES] = { 0 };
    uint64_t bits = 8 * (uint64_t)len;
    size_t whole = len / BLOCK_BYTES * BLOCK_BYTES;
    size_t rest = len - whole;
    size_t last_bytes = rest < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES;

    for (size_t at = 0; at < whole; at += BLOCK_BYTES)
        compress(state, data + at);
    if (rest > 0)
        memcpy(last, data + whole, rest);
    last[rest] = 0x80;
    bits = big ? htobe64(bits) : htole64(bits);
    memcpy(last + last_bytes - sizeof(bits), &bits, sizeof(bits));
    for (size_t at = 0; at < last_bytes; at += BLOCK_BYTES)
        compress(state, last + at);
}

static const uint32_t md5_sines[BLOCK_BYTES] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
/* The four ways of mixing. */
#define MD5_F(b, c, d) (((b) & (c)) | (~(b) & (d)))
#define MD5_G(b, c, d) (((d) & (b)) | (~(d) & (c)))
#define MD5_H(b, c, d) ((b) ^ (c) ^ (d))
#define MD5_I(b, c, d) ((c) ^ ((b) | ~(d)))
#define MD5_STEP(mix, a, b, c, d, i, at, turns) \
    (a) = (b) + rotate((a) + mix(b, c, d) + md5_sines[i] + \
        load_le(block + 4 * (size_t)((at) % 16)), turns)
/* Steps i to i + 3; step i takes word (times * i + plus) mod 16. */
#define MD5_FOUR(mix, i, times, plus, t0, t1, t2, t3) \
    MD5_STEP(mix, a, b, c, d, i, (times) * (i) + (plus), t0); \
    MD5_STEP(mix, d, a, b, c, (i) + 1, (times) * ((i) + 1) + (plus), t1); \
    MD5_STEP(mix, c, d, a, b, (i) + 2, (times) * ((i) + 2) + (plus), t2); \
    MD5_STEP(mix, b, c, d, a, (i) + 3, (times) * ((i) + 3) + (plus), t3)

/* Written out, as a loop would take twice as long, and large worlds spend a third of their time
 * here. */
static void
md5_compress(uint32_t *state, const uint8_t *block)
{
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];

    MD5_FOUR(MD5_F, 0, 1, 0, 7, 12, 17, 22);
    MD5_FOUR(MD5_F, 4, 1, 0, 7, 12, 17, 22);
    MD5_FOUR(MD5_F, 8, 1, 0, 7, 12, 17, 22);
    MD5_FOUR(MD5_F, 12, 1, 0, 7, 12, 17, 22);
    MD5_FOUR(MD5_G, 16, 5, 1, 5, 9, 14, 20);
    MD5_FOUR(MD5_G, 20, 5, 1, 5, 9, 14, 20);
    MD5_FOUR(MD5_G, 24, 5, 1, 5, 9, 14, 20);
    MD5_FOUR(MD5_G, 28, 5, 1, 5, 9, 14, 20);
    MD5_FOUR(MD5_H, 32, 3, 5, 4, 11, 16, 23);
    MD5_FOUR(MD5_H, 36, 3, 5, 4, 11, 16, 23);
    MD5_FOUR(MD5_H, 40, 3, 5, 4, 11, 16, 23);
    MD5_FOUR(MD5_H, 44, 3, 5, 4, 11, 16, 23);
    MD5_FOUR(MD5_I, 48, 7, 0, 6, 10, 15, 21);
    MD5_FOUR(MD5_I, 52, 7, 0, 6, 10, 15, 21);
    MD5_FOUR(MD5_I, 56, 7, 0, 6, 10, 15, 21);
    MD5_FOUR(MD5_I, 60, 7, 0, 6, 10, 15, 21);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void
aks_model_digest_md5(const void *data, size_t len, uint8_t ret_digest[AKS_MODEL_MD5_BYTES])
{
    uint32_t state[] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };

    digest(md5_compress, state, data, len, 0);
    for (size_t i = 0; i < sizeof(state) / sizeof(state[0]); i++) {
        state[i] = htole32(state[i]);
        memcpy(ret_digest + 4 * i, &state[i], sizeof(state[i]));
    }
}

static void
sha1_compress(uint32_t *state, const uint8_t *block)
{
    uint32_t words[80];
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    uint32_t e = state[4];

    for (size_t i = 0; i < 16; i++)
        words[i] = load_be(block + 4 * i);
    for (size_t i = 16; i < 80; i++)
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    for (size_t i = 0; i < 80; i++) {
        uint32_t next;

        if (i < 20)
            next = ((b & c) | (~b & d)) + 0x5a827999;
        else if (i < 40)
            next = (b ^ c ^ d) + 0x6ed9eba1;
        else if (i < 60)
            next = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
        else
            next = (b ^ c ^ d) + 0xca62c1d6;
        next += rotate(a, 5) + e + words[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void
aks_model_digest_sha1(const void *data, size_t len, uint8_t ret_digest[AKS_MODEL_SHA1_BYTES])
{
    uint32_t state[] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };

    digest(sha1_compress, state, data, len, 1);
    for (size_t i = 0; i < sizeof(state) / sizeof(state[0]); i++) {
        state[i] = htobe32(state[i]);
        memcpy(ret_digest + 4 * i, &state[i], sizeof(state[i]));
    }
}

uint32_t
aks_model_digest_crc32(const void *data, size_t len)
{
    /* Four bits at a time. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
        0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
        0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *p = data;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
