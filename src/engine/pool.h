/* The part pool: buffers behind tickets, with a hard ceiling. Who gets no buffer does not read, so
 * memory pressure stops the disk and not the process. One pipeline holds at most one buffer that is
 * not full, and full ones are on their way to a target, which gives them back: so the pool can
 * never wait for itself. */
#ifndef AKS_ENGINE_POOL_H
#define AKS_ENGINE_POOL_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Three parts of the smallest size: two on their way and one being filled. A fourth makes nothing
 * faster and the process larger than 40 MiB. More only for larger parts, of which two must fit. */
#define AKS_POOL_BYTES_MAX (INT64_C(15) * 1024 * 1024)
#define AKS_POOL_IDLE_MAX 3             /* buffers kept for the next taker */

/* Who wants to hear of the next buffer that comes back. One pipeline reads as a rule; a transfer
 * that begins anew does so beside the one that reads now. Owned by who waits, zeroed before. */
struct aks_pool_waiter {
    void (*room)(void *ctx);
    void *ctx;
    struct aks_pool_waiter *next;
    struct aks_pool_waiter **link;      /* NULL: it does not wait */
};

struct aks_pool {
    const struct aks_alloc *alloc;
    int64_t ceiling_bytes;
    int64_t used_bytes;                 /* of buffers that are taken */
    unsigned taken;
    unsigned lingering;                 /* pipelines that wait for a worker before they can go */
    struct aks_pool_waiter *waiters;    /* in the order of their coming */
    struct aks_pool_idle {
        uint8_t *data;
        int64_t bytes;
    } idle[AKS_POOL_IDLE_MAX];
};

/** ${part_bytes}: the largest part that will be asked for. */
void aks_pool_init(struct aks_pool *pool, const struct aks_alloc *alloc, int64_t part_bytes);
/** All buffers must have been given back. */
void aks_pool_fini(struct aks_pool *pool);
/** A buffer of ${bytes}, or NULL: try again when one has been given back. *ret_failed tells that
 * there is no memory at all, and that waiting will not help. */
uint8_t *aks_pool_take(struct aks_pool *pool, int64_t bytes, bool *ret_failed);
/** Calls all who wait, in the order of their coming, and forgets them: each tries to take, as they
 * may want other sizes. */
void aks_pool_give(struct aks_pool *pool, uint8_t *data, int64_t bytes);
/** ${waiter}->room is called once, from inside the next give, and may take, wait again or leave.
 * Who waits already, waits. */
void aks_pool_wait(struct aks_pool *pool, struct aks_pool_waiter *waiter);
/** It does not wait any more. Who does not wait is left alone. */
void aks_pool_leave(struct aks_pool_waiter *waiter);

#endif
