/* A token bucket: so many bytes per second in all, whoever sends them. Pure: time is handed in.
 *
 * Bytes are asked for in grants, and a grant that has to wait is given at once with the time at
 * which it may be used. So those who wait are served in the order in which they asked, none is
 * overtaken until its server has lost patience, and nobody has to ask twice. */
#ifndef AKS_DATA_THROTTLE_H
#define AKS_DATA_THROTTLE_H

#include "base/units.h"

#include <stddef.h>
#include <stdint.h>

#define AKS_THROTTLE_BYTES_PER_S_MIN INT64_C(1024)
#define AKS_THROTTLE_BYTES_PER_S_MAX (1024 * AKS_GIB)
/* What was not used of the time before now may be used at once, up to so much: it covers clocks
 * and timers that are late. */
#define AKS_THROTTLE_BURST_NS INT64_C(100000000)
/* A grant is a tenth of a second's bytes within these bounds: so often a sender has to wait. */
#define AKS_THROTTLE_GRANT_MIN 512
#define AKS_THROTTLE_GRANT_MAX (64 * 1024)

/* In any time t no more than rate * (t + AKS_THROTTLE_BURST_NS) bytes and one grant are given. */
struct aks_throttle {
    int64_t bytes_per_s;                /* 0: no limit */
    int64_t next_ns;                    /* when the next grant may be used */
};

/** ${bytes_per_s} from ${now_ns} on: 0, or from the MIN to the MAX. What was granted keeps its
 * time. */
void aks_throttle_set(struct aks_throttle *throttle, int64_t bytes_per_s, int64_t now_ns);
/** How many of ${want} > 0 bytes are granted: at least one. They may be sent at *ret_at_ns, which
 * is ${now_ns} or later. */
size_t aks_throttle_take(struct aks_throttle *throttle, size_t want, int64_t now_ns,
    int64_t *ret_at_ns);

#endif
