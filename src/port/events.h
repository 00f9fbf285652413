/* Where the loop waits. Completions of http and work are delivered here and nowhere else. */
#ifndef AKS_PORT_EVENTS_H
#define AKS_PORT_EVENTS_H

#include "base/error.h"

#include <stdint.h>

struct aks_events {
    /* Waits until something has completed, wake was called, or ${timeout_ns} have passed (negative:
     * no limit), delivers every completion that is there, and returns. May return early. */
    enum aks_status (*wait)(void *ctx, int64_t timeout_ns, struct aks_error *err);
    /* Ends a wait that is going on, or the next one. From any thread; safe in a signal handler. */
    void (*wake)(void *ctx);
    void *ctx;
};

#endif
