/* One ceiling over what a test holds: its Lua state, and the machines that it simulates. */
#include "testkit/lib_testing_internal.h"

#define HEADER_BYTES 16                 /* keeps what stands behind it aligned */

_Static_assert(HEADER_BYTES >= sizeof(int64_t), "a block's size stands in front of it");

static void *
resize(void *ctx, void *p, size_t bytes)
{
    struct aks_testing_memory *memory = ctx;
    char *block = p != NULL ? (char *)p - HEADER_BYTES : NULL;
    int64_t before = block != NULL ? *(int64_t *)(void *)block : 0;
    char *moved;

    if (bytes == 0) {
        memory->used -= before;
        aks_mem_free(memory->below, block);
        return NULL;
    }
    if (bytes > (size_t)memory->bytes_max ||
        (int64_t)bytes - before > memory->bytes_max - memory->used) {
        memory->refused = true;
        return NULL;
    }
    moved = aks_mem_resize(memory->below, block, HEADER_BYTES + bytes);
    if (moved == NULL)
        return NULL;
    *(int64_t *)(void *)moved = (int64_t)bytes;
    memory->used += (int64_t)bytes - before;
    return moved + HEADER_BYTES;
}

void
aks_testing_memory_init(struct aks_testing_memory *memory, const struct aks_alloc *below,
    int64_t bytes_max)
{
    memory->alloc = (struct aks_alloc) { resize, memory };
    memory->below = below;
    memory->used = 0;
    memory->bytes_max = bytes_max;
    memory->refused = false;
}
