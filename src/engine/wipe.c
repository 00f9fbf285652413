#include "engine/wipe.h"

#include <stdint.h>
#include <string.h>

/* In front of every block: how much there is to overwrite. Keeps the block aligned for anything. */
union prefix {
    size_t bytes;
    max_align_t align;
};

static void
give_back(const struct aks_wipe *wipe, union prefix *block)
{
    explicit_bzero(block, sizeof(*block) + block->bytes);
    aks_mem_free(wipe->inner, block);
}

/* A block never grows in place: the inner allocator would leave the old bytes behind when it
 * moves. */
static void *
wiping_resize(void *ctx, void *p, size_t bytes)
{
    const struct aks_wipe *wipe = ctx;
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
aks_wipe_init(struct aks_wipe *wipe, const struct aks_alloc *inner)
{
    wipe->inner = inner;
    wipe->alloc.resize = wiping_resize;
    wipe->alloc.ctx = wipe;
}
