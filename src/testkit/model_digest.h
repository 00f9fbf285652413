/* Digests that servers make and nobody trusts any more: in the tree they are needed by the models
 * alone. */
#ifndef AKS_TESTKIT_MODEL_DIGEST_H
#define AKS_TESTKIT_MODEL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define AKS_MODEL_MD5_BYTES 16
#define AKS_MODEL_SHA1_BYTES 20

/** RFC 1321. */
void aks_model_digest_md5(const void *data, size_t len, uint8_t ret_digest[AKS_MODEL_MD5_BYTES]);
/** FIPS 180-4. */
void aks_model_digest_sha1(const void *data, size_t len, uint8_t ret_digest[AKS_MODEL_SHA1_BYTES]);
/** CRC-32 of Ethernet and zlib (reflected EDB88320), as x-amz-checksum-crc32. */
uint32_t aks_model_digest_crc32(const void *data, size_t len);

#endif
