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

/* TZ, or the machine's own zone. Looked up anew each time: a worker may be older than the zone that
 * its machine has been moved to. */
static int32_t
clock_utc_offset_s(void *ctx, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / AKS_MS_PER_S);
    struct tm local;

    tzset();
    return localtime_r(&seconds, &local) != NULL ? (int32_t)local.tm_gmtoff : 0;
}

/* What is left of it after a signal is not waited for: whoever pauses looks up often. */
static void
clock_pause_ms(void *ctx, int64_t ms)
{
    const struct timespec pause = { ms / AKS_MS_PER_S, ms % AKS_MS_PER_S * AKS_NS_PER_MS };

    (void)nanosleep(&pause, NULL);
}

/* What boot time counts, and the other clock does not. */
static int64_t
clock_slept_ms(void *ctx)
{
    struct timespec awake;
    int64_t boot_ns = clock_now_ns(ctx);
    int64_t slept_ns;

    AKS_CHECK(clock_gettime(CLOCK_MONOTONIC, &awake) == 0);
    slept_ns = boot_ns - ((int64_t)awake.tv_sec * AKS_NS_PER_S + awake.tv_nsec);
    return slept_ns > 0 ? slept_ns / AKS_NS_PER_MS : 0;
}

void
aks_clock_posix_init(struct aks_clock *ret_clock)
{
    ret_clock->now_ns = clock_now_ns;
    ret_clock->wall_ms = clock_wall_ms;
    ret_clock->utc_offset_s = clock_utc_offset_s;
    ret_clock->pause_ms = clock_pause_ms;
    ret_clock->slept_ms = clock_slept_ms;
    ret_clock->ctx = NULL;
}
