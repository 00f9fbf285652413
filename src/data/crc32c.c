/* CRC-32C: by the crc32 instruction of SSE4.2, else by tables. */
#include "data/crc_table.h"
#include "data/digest.h"
#include "data/digest_internal.h"

#include <endian.h>
#include <string.h>

#if AKS_CPU_X86_64
#include <nmmintrin.h>
#endif

static const uint32_t table[AKS_CRC_SLICES][256] = {
    AKS_CRC_TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
        0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    AKS_CRC_TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8,
        0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    AKS_CRC_TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5,
        0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    AKS_CRC_TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6,
        0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    AKS_CRC_TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91,
        0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    AKS_CRC_TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f,
        0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    AKS_CRC_TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53,
        0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    AKS_CRC_TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da,
        0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

static uint64_t
load_word(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

uint32_t
aks_crc32c_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), p += sizeof(uint64_t)) {
        uint64_t word = load_word(p) ^ crc;

        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
            table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^
            table[2][(word >> 40) & 0xff] ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
    }
    for (; len > 0; len--, p++)
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
    return ~crc;
}

#if AKS_CPU_X86_64
__attribute__((target("sse4.2"))) uint32_t
aks_crc32c_sse42(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t wide = ~crc;

    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), p += sizeof(uint64_t))
        wide = _mm_crc32_u64(wide, load_word(p));
    crc = (uint32_t)wide;
    for (; len > 0; len--, p++)
        crc = _mm_crc32_u8(crc, *p);
    return ~crc;
}
#endif

uint32_t
aks_crc32c(uint32_t crc, const void *data, size_t len)
{
#if AKS_CPU_X86_64
    if (aks_cpu_has(AKS_CPU_CRC32C))
        return aks_crc32c_sse42(crc, data, len);
#endif
    return aks_crc32c_table(crc, data, len);
}
