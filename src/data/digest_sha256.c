/* SHA-256 by OpenSSL's low-level functions, and HMAC on top of them.
 *
 * The low-level functions are deprecated since 3.0, but present in every 3.x and no slower. EVP,
 * which is to replace them, loads providers and configuration at its first use: 0.6 to 0.9 ms, a
 * seventh of the time that a run with nothing to do may take. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/check.h"
#include "data/digest.h"
#include "data/digest_internal.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#define BLOCK_BITS (8 * (uint64_t)AKS_SHA256_BLOCK_BYTES)

_Static_assert(SHA256_CBLOCK == AKS_SHA256_BLOCK_BYTES, "a block of SHA-256 has 64 bytes");
_Static_assert(SHA256_DIGEST_LENGTH == AKS_SHA256_BYTES, "a SHA-256 has 32 bytes");

struct aks_sha256 {
    SHA256_CTX state;
    const struct aks_alloc *alloc;
};

struct aks_sha256 *
aks_sha256_new(const struct aks_alloc *alloc)
{
    struct aks_sha256 *sha = aks_mem_new(alloc, sizeof(*sha));

    if (sha == NULL)
        return NULL;
    sha->alloc = alloc;
    aks_sha256_reset(sha);
    return sha;
}

void
aks_sha256_free(struct aks_sha256 *sha)
{
    if (sha == NULL)
        return;
    /* It may still hold the last bytes of something that is nobody else's business. */
    OPENSSL_cleanse(&sha->state, sizeof(sha->state));
    aks_mem_free(sha->alloc, sha);
}

void
aks_sha256_reset(struct aks_sha256 *sha)
{
    AKS_CHECK(SHA256_Init(&sha->state) == 1);
}

void
aks_sha256_update(struct aks_sha256 *sha, const void *data, size_t len)
{
    AKS_CHECK(SHA256_Update(&sha->state, data, len) == 1);
}

#if AKS_CPU_X86_64

/* Takes the whole blocks, at ${p}, of two states that have nothing buffered. */
static void
update_blocks(SHA256_CTX *a, SHA256_CTX *b, const uint8_t *p, size_t blocks)
{
    SHA256_CTX *both[] = { a, b };

    aks_sha256_pair_compress(a->h, b->h, p, blocks);
    for (size_t i = 0; i < 2; i++) {
        uint64_t bits = (uint64_t)both[i]->Nh << 32 | both[i]->Nl;

        bits += blocks * BLOCK_BITS;
        both[i]->Nl = (SHA_LONG)(bits & UINT32_MAX);
        both[i]->Nh = (SHA_LONG)(bits >> 32);
    }
}

#endif

void
aks_sha256_update_two(struct aks_sha256 *a, struct aks_sha256 *b, const void *data, size_t len)
{
    const uint8_t *p = data;

    AKS_CHECK(a != b);
#if AKS_CPU_X86_64
    if (a->state.num == b->state.num && aks_cpu_has(AKS_CPU_SHA)) {
        size_t head = (AKS_SHA256_BLOCK_BYTES - a->state.num) % AKS_SHA256_BLOCK_BYTES;

        if (len >= head + AKS_SHA256_BLOCK_BYTES) {
            size_t blocks = (len - head) / AKS_SHA256_BLOCK_BYTES;

            aks_sha256_update(a, p, head);
            aks_sha256_update(b, p, head);
            update_blocks(&a->state, &b->state, p + head, blocks);
            p += head + blocks * AKS_SHA256_BLOCK_BYTES;
            len -= head + blocks * AKS_SHA256_BLOCK_BYTES;
        }
    }
#endif
    aks_sha256_update(a, p, len);
    aks_sha256_update(b, p, len);
}

void
aks_sha256_final(struct aks_sha256 *sha, uint8_t ret_digest[AKS_SHA256_BYTES])
{
    AKS_CHECK(SHA256_Final(ret_digest, &sha->state) == 1);
    aks_sha256_reset(sha);
}

void
aks_sha256(const void *data, size_t len, uint8_t ret_digest[AKS_SHA256_BYTES])
{
    SHA256_CTX state;

    AKS_CHECK(SHA256_Init(&state) == 1);
    AKS_CHECK(SHA256_Update(&state, data, len) == 1);
    AKS_CHECK(SHA256_Final(ret_digest, &state) == 1);
    OPENSSL_cleanse(&state, sizeof(state));
}

/* The digest of ${key} with each byte changed by ${pad}, followed by ${data}. */
static void
hash_padded(const uint8_t key[AKS_SHA256_BLOCK_BYTES], uint8_t pad, const void *data, size_t len,
    uint8_t ret_digest[AKS_SHA256_BYTES])
{
    uint8_t padded[AKS_SHA256_BLOCK_BYTES];
    SHA256_CTX state;

    for (size_t i = 0; i < sizeof(padded); i++)
        padded[i] = key[i] ^ pad;
    AKS_CHECK(SHA256_Init(&state) == 1);
    AKS_CHECK(SHA256_Update(&state, padded, sizeof(padded)) == 1);
    AKS_CHECK(SHA256_Update(&state, data, len) == 1);
    AKS_CHECK(SHA256_Final(ret_digest, &state) == 1);
    OPENSSL_cleanse(padded, sizeof(padded));
    OPENSSL_cleanse(&state, sizeof(state));
}

void
aks_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t ret_mac[AKS_SHA256_BYTES])
{
    uint8_t block[AKS_SHA256_BLOCK_BYTES] = { 0 };
    uint8_t inner[AKS_SHA256_BYTES];

    if (key_len > sizeof(block))
        aks_sha256(key, key_len, block);
    else if (key_len > 0)
        memcpy(block, key, key_len);
    hash_padded(block, 0x36, data, len, inner);
    /* Only now: ${ret_mac} may be where the key or the data was. */
    hash_padded(block, 0x5c, inner, sizeof(inner), ret_mac);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(inner, sizeof(inner));
}
