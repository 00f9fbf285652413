#include "port/clock.h"

#include <stddef.h>

int32_t
aks_clock_utc_offset_s(const struct aks_clock *clock, int64_t wall_ms)
{
    int32_t offset_s = clock->utc_offset_s != NULL ? clock->utc_offset_s(clock->ctx, wall_ms) : 0;

    if (offset_s < -AKS_UTC_OFFSET_S_MAX)
        return -AKS_UTC_OFFSET_S_MAX;
    return offset_s > AKS_UTC_OFFSET_S_MAX ? AKS_UTC_OFFSET_S_MAX : offset_s;
}

int64_t
aks_clock_slept_ms(const struct aks_clock *clock)
{
    return clock->slept_ms != NULL ? clock->slept_ms(clock->ctx) : 0;
}
