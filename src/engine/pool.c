#include "engine/pool.h"

#include "base/check.h"

#include <string.h>

void
aks_pool_init(struct aks_pool *pool, const struct aks_alloc *alloc, int64_t part_bytes)
{
    memset(pool, 0, sizeof(*pool));
    pool->alloc = alloc;
    pool->ceiling_bytes = 2 * part_bytes > AKS_POOL_BYTES_MAX ? 2 * part_bytes : AKS_POOL_BYTES_MAX;
}

void
aks_pool_fini(struct aks_pool *pool)
{
    AKS_CHECK(pool->taken == 0 && pool->used_bytes == 0);
    AKS_CHECK(pool->lingering == 0 && pool->waiters == NULL);
    for (size_t i = 0; i < AKS_POOL_IDLE_MAX; i++)
        aks_mem_free(pool->alloc, pool->idle[i].data);
    memset(pool->idle, 0, sizeof(pool->idle));
}

/* An idle buffer of just that size, or NULL. Others are freed: the ceiling counts what is there. */
static uint8_t *
take_idle(struct aks_pool *pool, int64_t bytes)
{
    uint8_t *data = NULL;

    for (size_t i = 0; i < AKS_POOL_IDLE_MAX; i++) {
        struct aks_pool_idle *idle = &pool->idle[i];

        if (idle->data == NULL)
            continue;
        if (idle->bytes == bytes) {
            if (data == NULL) {
                data = idle->data;
                idle->data = NULL;
            }
            continue;
        }
        aks_mem_free(pool->alloc, idle->data);
        idle->data = NULL;
    }
    return data;
}

uint8_t *
aks_pool_take(struct aks_pool *pool, int64_t bytes, bool *ret_failed)
{
    uint8_t *data;

    AKS_CHECK(bytes > 0);
    *ret_failed = false;
    if (pool->used_bytes + bytes > pool->ceiling_bytes)
        return NULL;
    data = take_idle(pool, bytes);
    if (data == NULL)
        data = aks_mem_resize(pool->alloc, NULL, (size_t)bytes);
    if (data == NULL) {
        *ret_failed = true;
        return NULL;
    }
    pool->used_bytes += bytes;
    pool->taken++;
    return data;
}

void
aks_pool_wait(struct aks_pool *pool, struct aks_pool_waiter *waiter)
{
    struct aks_pool_waiter **last = &pool->waiters;

    if (waiter->link != NULL)
        return;
    while (*last != NULL)
        last = &(*last)->next;
    waiter->next = NULL;
    waiter->link = last;
    *last = waiter;
}

void
aks_pool_leave(struct aks_pool_waiter *waiter)
{
    if (waiter->link == NULL)
        return;
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    waiter->link = NULL;
}

static void
keep_or_free(struct aks_pool *pool, uint8_t *data, int64_t bytes)
{
    for (size_t i = 0; i < AKS_POOL_IDLE_MAX; i++) {
        if (pool->idle[i].data == NULL) {
            pool->idle[i].data = data;
            pool->idle[i].bytes = bytes;
            return;
        }
    }
    aks_mem_free(pool->alloc, data);
}

void
aks_pool_give(struct aks_pool *pool, uint8_t *data, int64_t bytes)
{
    size_t waiting = 0;

    AKS_CHECK(data != NULL);
    AKS_CHECK(pool->taken > 0 && pool->used_bytes >= bytes);
    pool->used_bytes -= bytes;
    pool->taken--;
    keep_or_free(pool, data, bytes);
    for (const struct aks_pool_waiter *at = pool->waiters; at != NULL; at = at->next)
        waiting++;
    /* Any of them may wait anew, or make others leave. */
    for (; waiting > 0 && pool->waiters != NULL; waiting--) {
        struct aks_pool_waiter *waiter = pool->waiters;

        aks_pool_leave(waiter);
        waiter->room(waiter->ctx);
    }
}
