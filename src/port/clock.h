/* Time, always asked for here. */
#ifndef AKS_PORT_CLOCK_H
#define AKS_PORT_CLOCK_H

#include <stdint.h>

struct aks_clock {
    /* Nanoseconds since boot, counting suspended time: for waits, deadlines and durations. */
    int64_t (*now_ns)(void *ctx);
    /* Milliseconds since 1970, UTC: for stamps that people and servers see. May step. */
    int64_t (*wall_ms)(void *ctx);
    void *ctx;
};

#endif
