/* MD5 by OpenSSL's low-level functions, for the same reason as in digest_sha256.c. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/check.h"
#include "data/digest.h"

#include <openssl/md5.h>

_Static_assert(MD5_DIGEST_LENGTH == AKS_MD5_BYTES, "an MD5 has 16 bytes");

struct aks_md5 {
    MD5_CTX state;
    const struct aks_alloc *alloc;
};

struct aks_md5 *
aks_md5_new(const struct aks_alloc *alloc)
{
    struct aks_md5 *md5 = aks_mem_new(alloc, sizeof(*md5));

    if (md5 == NULL)
        return NULL;
    md5->alloc = alloc;
    AKS_CHECK(MD5_Init(&md5->state) == 1);
    return md5;
}

void
aks_md5_free(struct aks_md5 *md5)
{
    if (md5 != NULL)
        aks_mem_free(md5->alloc, md5);
}

void
aks_md5_update(struct aks_md5 *md5, const void *data, size_t len)
{
    AKS_CHECK(MD5_Update(&md5->state, data, len) == 1);
}

void
aks_md5_final(struct aks_md5 *md5, uint8_t ret_digest[AKS_MD5_BYTES])
{
    AKS_CHECK(MD5_Final(ret_digest, &md5->state) == 1);
    AKS_CHECK(MD5_Init(&md5->state) == 1);
}
