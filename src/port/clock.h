/* Time, always asked for here. */
#ifndef AKS_PORT_CLOCK_H
#define AKS_PORT_CLOCK_H

#include <stdint.h>

struct aks_clock {
    /* Nanoseconds since boot, counting suspended time: for waits, deadlines and durations. */
    int64_t (*now_ns)(void *ctx);
    /* Milliseconds since 1970, UTC: for stamps that people and servers see. May step. */
    int64_t (*wall_ms)(void *ctx);
    /* How many seconds local time is ahead of UTC at ${wall_ms}, summer time included. NULL: local
     * time is UTC. */
    int32_t (*utc_offset_s)(void *ctx, int64_t wall_ms);
    /* Holds up its thread for about ${ms}: for workers, never on the loop's. */
    void (*pause_ms)(void *ctx, int64_t ms);
    /* How long the machine has slept since it was booted, in milliseconds. NULL: it never does. */
    int64_t (*slept_ms)(void *ctx);
    void *ctx;
};

/** utc_offset_s of ${clock}, between -AKS_UTC_OFFSET_S_MAX and AKS_UTC_OFFSET_S_MAX. */
int32_t aks_clock_utc_offset_s(const struct aks_clock *clock, int64_t wall_ms);

/** slept_ms of ${clock}, or 0. */
int64_t aks_clock_slept_ms(const struct aks_clock *clock);

/* Beyond every zone that there is or was: 26 hours lie between the first and the last. */
#define AKS_UTC_OFFSET_S_MAX (26 * 3600)

#endif
