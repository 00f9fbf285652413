#include "os/clock_posix.h"

#include "base/check.h"
#include "base/units.h"

#include <time.h>

/* Boot time goes on while the machine sleeps, so a lid that was closed for nine hours counts. */
static int64_t
clock_now_ns(void *ctx)
{
    struct timespec now;

    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        AKS_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * AKS_NS_PER_S + now.tv_nsec;
}

static int64_t
clock_wall_ms(void *ctx)
{
    struct timespec now;

    AKS_CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * AKS_MS_PER_S + now.tv_nsec / AKS_NS_PER_MS;
}

void
aks_clock_posix_init(struct aks_clock *ret_clock)
{
    ret_clock->now_ns = clock_now_ns;
    ret_clock->wall_ms = clock_wall_ms;
    ret_clock->ctx = NULL;
}
