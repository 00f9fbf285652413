#include "base/secret.h"

#include "base/check.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct aks_secret {
    const struct aks_alloc *alloc;
    size_t len;
    size_t prefix_len;
    size_t room;                        /* whole pages that start at bytes */
    void *block;                        /* what was allocated; the pages lie in it */
    char *bytes;
};

/* Whole pages, as two secrets in one page would share its lock: giving back the one would put the
 * other within reach of swap. */
static bool
take_pages(struct aks_secret *secret)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t start;

    AKS_CHECK(page > 0 && (page & (page - 1)) == 0);
    if (secret->len > SIZE_MAX - 2 * page)
        return false;
    secret->room = (secret->len + 1 + page - 1) / page * page;
    if (secret->room > SIZE_MAX - page)
        return false;
    secret->block = aks_mem_new(secret->alloc, secret->room + page - 1);
    if (secret->block == NULL)
        return false;
    start = ((uintptr_t)secret->block + page - 1) & ~(uintptr_t)(page - 1);
    secret->bytes = (char *)secret->block + (start - (uintptr_t)secret->block);
    /* Limits and old kernels may forbid either: then it is wiped all the same. */
    (void)mlock(secret->bytes, secret->room);
    (void)madvise(secret->bytes, secret->room, MADV_DONTDUMP);
    return true;
}

struct aks_secret *
aks_secret_new(const struct aks_alloc *alloc, const char *prefix, const void *data, size_t len)
{
    size_t prefix_len = strlen(prefix);
    struct aks_secret *secret;

    if (len > SIZE_MAX - prefix_len)
        return NULL;
    secret = aks_mem_new(alloc, sizeof(*secret));
    if (secret == NULL)
        return NULL;
    secret->alloc = alloc;
    secret->len = prefix_len + len;
    secret->prefix_len = prefix_len;
    if (!take_pages(secret)) {
        aks_mem_free(alloc, secret);
        return NULL;
    }
    memcpy(secret->bytes, prefix, prefix_len);
    if (len > 0)
        memcpy(secret->bytes + prefix_len, data, len);
    return secret;
}

void
aks_secret_free(struct aks_secret *secret)
{
    if (secret == NULL)
        return;
    explicit_bzero(secret->bytes, secret->room);
    (void)madvise(secret->bytes, secret->room, MADV_DODUMP);
    (void)munlock(secret->bytes, secret->room);
    aks_mem_free(secret->alloc, secret->block);
    aks_mem_free(secret->alloc, secret);
}

const char *
aks_secret_reveal(const struct aks_secret *secret)
{
    return secret->bytes;
}

size_t
aks_secret_len(const struct aks_secret *secret)
{
    return secret->len;
}

bool
aks_secret_equal(const struct aks_secret *a, const struct aks_secret *b)
{
    volatile unsigned char differs = 0;

    if (a == NULL || b == NULL)
        return a == b;
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++)
        differs = (unsigned char)(differs | (a->bytes[i] ^ b->bytes[i]));
    return differs == 0;
}

bool
aks_secret_shows(const struct aks_secret *secret, const char *text)
{
    const char *value = secret->bytes + secret->prefix_len;
    size_t len = secret->len - secret->prefix_len;

    if (len > AKS_SECRET_SHOWN_BYTES)
        len = AKS_SECRET_SHOWN_BYTES;
    for (; len > 0 && *text != '\0'; text++) {
        if (strncmp(text, value, len) == 0)
            return true;
    }
    return false;
}

/* --- the allocator ---------------------------------------------------------------------------- */

/* In front of every block: how much there is to overwrite. Keeps the block aligned for anything. */
union prefix {
    size_t bytes;
    max_align_t align;
};

static void
give_back(const struct aks_secret_wipe *wipe, union prefix *block)
{
    explicit_bzero(block, sizeof(*block) + block->bytes);
    aks_mem_free(wipe->inner, block);
}

/* A block never grows in place: the inner allocator would leave the old bytes behind when it
 * moves. */
static void *
wiping_resize(void *ctx, void *p, size_t bytes)
{
    const struct aks_secret_wipe *wipe = ctx;
    union prefix *old = p != NULL ? (union prefix *)p - 1 : NULL;
    union prefix *block = NULL;

    if (bytes > 0) {
        if (bytes > SIZE_MAX - sizeof(*block))
            return NULL;
        block = aks_mem_new(wipe->inner, sizeof(*block) + bytes);
        if (block == NULL)
            return NULL;
        block->bytes = bytes;
        if (old != NULL)
            memcpy(block + 1, old + 1, old->bytes < bytes ? old->bytes : bytes);
    }
    if (old != NULL)
        give_back(wipe, old);
    return block != NULL ? block + 1 : NULL;
}

void
aks_secret_wipe_init(struct aks_secret_wipe *wipe, const struct aks_alloc *inner)
{
    wipe->inner = inner;
    wipe->alloc.resize = wiping_resize;
    wipe->alloc.ctx = wipe;
}
