/* The one loop: timers, and the ports' completions. One thread. */
#ifndef AKS_ENGINE_LOOP_H
#define AKS_ENGINE_LOOP_H

#include "base/error.h"
#include "base/heap.h"
#include "port/port.h"

#include <stdbool.h>

struct aks_timer {
    struct aks_heap_node node;          /* first: the heap hands it back */
    void (*fire)(void *ctx);
    void *ctx;
};

struct aks_loop {
    const struct aks_port *port;
    struct aks_heap timers;
    int64_t now_ns;                     /* of this turn */
};

void aks_loop_init(struct aks_loop *loop, const struct aks_port *port);
/** No timer may be set any more. */
void aks_loop_fini(struct aks_loop *loop);
/** Calls ${fire} from a later turn, ${delay_ms} >= 0 from now. ${timer} must not be set; zeroed is
 * fine. */
enum aks_status aks_loop_set(struct aks_loop *loop, struct aks_timer *timer, int64_t delay_ms,
    void (*fire)(void *ctx), void *ctx, struct aks_error *err);
/** Not set is fine. */
void aks_loop_clear(struct aks_loop *loop, struct aks_timer *timer);
/** One turn: due timers, or else wait (until the next timer at most) and deliver completions. */
enum aks_status aks_loop_turn(struct aks_loop *loop, struct aks_error *err);
int64_t aks_loop_now_ms(const struct aks_loop *loop);

#endif
