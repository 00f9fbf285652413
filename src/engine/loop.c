#include "engine/loop.h"

#include "base/check.h"
#include "base/units.h"

#include <string.h>

/* A turn fires at most so many timers before it looks at completions, so that a timer that sets
 * itself again at once cannot starve them. */
#define AKS_LOOP_TIMERS_A_TURN 256

void
aks_loop_init(struct aks_loop *loop, const struct aks_port *port)
{
    memset(loop, 0, sizeof(*loop));
    loop->port = port;
    aks_heap_init(&loop->timers, port->alloc);
    loop->now_ns = port->clock.now_ns(port->clock.ctx);
}

void
aks_loop_fini(struct aks_loop *loop)
{
    AKS_CHECK(loop->timers.count == 0);
    aks_heap_fini(&loop->timers);
}

enum aks_status
aks_loop_set(struct aks_loop *loop, struct aks_timer *timer, int64_t delay_ms,
    void (*fire)(void *ctx), void *ctx, struct aks_error *err)
{
    int64_t now_ns = loop->port->clock.now_ns(loop->port->clock.ctx);

    AKS_CHECK(delay_ms >= 0 && delay_ms <= INT64_MAX / 2 / AKS_NS_PER_MS);
    AKS_CHECK(fire != NULL);
    timer->fire = fire;
    timer->ctx = ctx;
    if (aks_heap_insert(&loop->timers, &timer->node, now_ns + delay_ms * AKS_NS_PER_MS) != AKS_OK)
        return aks_error_memory(err, "setting a timer");
    return AKS_OK;
}

void
aks_loop_clear(struct aks_loop *loop, struct aks_timer *timer)
{
    aks_heap_remove(&loop->timers, &timer->node);
}

/* Fires what is due; true if anything was. */
static bool
fire_due(struct aks_loop *loop)
{
    unsigned fired = 0;

    while (fired < AKS_LOOP_TIMERS_A_TURN) {
        struct aks_heap_node *node = aks_heap_first(&loop->timers);
        struct aks_timer *timer = (struct aks_timer *)node;

        if (node == NULL || node->key > loop->now_ns)
            break;
        aks_heap_remove(&loop->timers, node);
        timer->fire(timer->ctx);
        fired++;
    }
    return fired > 0;
}

enum aks_status
aks_loop_turn(struct aks_loop *loop, struct aks_error *err)
{
    const struct aks_events *events = &loop->port->events;
    const struct aks_heap_node *next;
    int64_t wait_ns = -1;
    enum aks_status status;

    loop->now_ns = loop->port->clock.now_ns(loop->port->clock.ctx);
    if (fire_due(loop)) {
        wait_ns = 0;
    } else {
        next = aks_heap_first(&loop->timers);
        if (next != NULL)
            wait_ns = next->key > loop->now_ns ? next->key - loop->now_ns : 0;
    }
    status = events->wait(events->ctx, wait_ns, err);
    loop->now_ns = loop->port->clock.now_ns(loop->port->clock.ctx);
    return status;
}

int64_t
aks_loop_now_ms(const struct aks_loop *loop)
{
    return loop->port->clock.now_ns(loop->port->clock.ctx) / AKS_NS_PER_MS;
}
