/* OpenSSL's low-level functions, as in data/digest_sha256.c: EVP may refuse these digests, and
 * would load its providers for them. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "testkit/model_digest.h"

#include "base/check.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <zlib.h>

_Static_assert(MD5_DIGEST_LENGTH == AKS_MODEL_MD5_BYTES, "an MD5 has 16 bytes");
_Static_assert(SHA_DIGEST_LENGTH == AKS_MODEL_SHA1_BYTES, "a SHA-1 has 20 bytes");

void
aks_model_digest_md5(const void *data, size_t len, uint8_t ret_digest[AKS_MODEL_MD5_BYTES])
{
    MD5_CTX state;

    AKS_CHECK(MD5_Init(&state) == 1);
    AKS_CHECK(MD5_Update(&state, data, len) == 1);
    AKS_CHECK(MD5_Final(ret_digest, &state) == 1);
}

void
aks_model_digest_sha1(const void *data, size_t len, uint8_t ret_digest[AKS_MODEL_SHA1_BYTES])
{
    SHA_CTX state;

    AKS_CHECK(SHA1_Init(&state) == 1);
    AKS_CHECK(SHA1_Update(&state, data, len) == 1);
    AKS_CHECK(SHA1_Final(ret_digest, &state) == 1);
}

uint32_t
aks_model_digest_crc32(const void *data, size_t len)
{
    /* zlib's answer to a null pointer is the sum of nothing: 0, as for no bytes. */
    return (uint32_t)crc32_z(0, data, len);
}
