/* The ways in which the digests can be computed, so that a test can hold each against the others on
 * one machine. Users include data/digest.h, which chooses. */
#ifndef AKS_DATA_DIGEST_INTERNAL_H
#define AKS_DATA_DIGEST_INTERNAL_H

#include "data/cpu.h"

#include <stddef.h>
#include <stdint.h>

#define AKS_SHA256_BLOCK_BYTES 64
#define AKS_SHA256_WORDS 8

uint32_t aks_crc32c_table(uint32_t crc, const void *data, size_t len);
uint64_t aks_crc64nvme_table(uint64_t crc, const void *data, size_t len);

#if AKS_CPU_X86_64
/** Needs AKS_CPU_CRC32C. */
uint32_t aks_crc32c_sse42(uint32_t crc, const void *data, size_t len);
/** Needs AKS_CPU_CLMUL. */
uint64_t aks_crc64nvme_clmul(uint64_t crc, const void *data, size_t len);
/** Needs AKS_CPU_CLMUL_WIDE. */
uint64_t aks_crc64nvme_wide(uint64_t crc, const void *data, size_t len);
/** Compresses the same ${blocks} blocks of 64 bytes into two states. Needs AKS_CPU_SHA. */
void aks_sha256_pair_compress(uint32_t a[AKS_SHA256_WORDS], uint32_t b[AKS_SHA256_WORDS],
    const void *data, size_t blocks);
#endif

#endif
