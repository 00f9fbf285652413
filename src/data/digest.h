/* Streaming digests: SHA-256, HMAC and MD5 (OpenSSL), CRC32C and CRC64NVME (ours).
 * All contexts may be used on any thread, by one thread at a time. */
#ifndef AKS_DATA_DIGEST_H
#define AKS_DATA_DIGEST_H

#include "base/alloc.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define AKS_SHA256_BYTES 32
#define AKS_SHA256_HEX_BYTES 65     /* with the NUL */
/* SHA-256 of nothing, in hex. */
#define AKS_SHA256_EMPTY_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct aks_sha256;

/** NULL if there is no memory. May be used again after aks_sha256_final. */
struct aks_sha256 *aks_sha256_new(const struct aks_alloc *alloc);
void aks_sha256_free(struct aks_sha256 *sha);
void aks_sha256_reset(struct aks_sha256 *sha);
void aks_sha256_update(struct aks_sha256 *sha, const void *data, size_t len);
/** The same as updating ${a} and then ${b}, two different objects, with the same bytes. Costs
 * hardly more than one update where the processor has SHA-NI and both have taken the same number of
 * bytes mod 64: so for the digest of a file and that of the part it is cut into. */
void aks_sha256_update_two(struct aks_sha256 *a, struct aks_sha256 *b, const void *data,
    size_t len);
/** Writes the digest and resets. */
void aks_sha256_final(struct aks_sha256 *sha, uint8_t ret_digest[AKS_SHA256_BYTES]);
/** In one go, without allocating from ${alloc} and without OpenSSL's slow first start (0.6 ms). */
void aks_sha256(const void *data, size_t len, uint8_t ret_digest[AKS_SHA256_BYTES]);
/** RFC 2104. */
void aks_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t ret_mac[AKS_SHA256_BYTES]);

/* MD5 protects nothing; it is what most S3 servers name a part by (its ETag), and so tells whether
 * a part that is there is the one that was sent. */
#define AKS_MD5_BYTES 16

struct aks_md5;

/** NULL if there is no memory. May be used again after aks_md5_final. */
struct aks_md5 *aks_md5_new(const struct aks_alloc *alloc);
void aks_md5_free(struct aks_md5 *md5);
void aks_md5_update(struct aks_md5 *md5, const void *data, size_t len);
/** Writes the digest and resets. */
void aks_md5_final(struct aks_md5 *md5, uint8_t ret_digest[AKS_MD5_BYTES]);

/** CRC-32C (Castagnoli, reflected 82F63B78), as x-amz-checksum-crc32c; start with 0. */
uint32_t aks_crc32c(uint32_t crc, const void *data, size_t len);
/** CRC-64/NVME (reflected 9A6C9329AC4BC9B5), as x-amz-checksum-crc64nvme; start with 0. With
 * carry-less multiplication where the processor has it. */
uint64_t aks_crc64nvme(uint64_t crc, const void *data, size_t len);
/** CRC of A followed by B, from the CRC of each and the length of B. */
uint64_t aks_crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, int64_t b_bytes);

#endif
