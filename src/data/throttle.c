#include "data/throttle.h"

#include "base/check.h"

void
aks_throttle_set(struct aks_throttle *throttle, int64_t bytes_per_s, int64_t now_ns)
{
    AKS_CHECK(bytes_per_s == 0 || (bytes_per_s >= AKS_THROTTLE_BYTES_PER_S_MIN &&
        bytes_per_s <= AKS_THROTTLE_BYTES_PER_S_MAX));
    if (bytes_per_s == throttle->bytes_per_s)
        return;
    throttle->bytes_per_s = bytes_per_s;
    throttle->next_ns = now_ns;
}

static size_t
grant_bytes(int64_t bytes_per_s)
{
    int64_t bytes = bytes_per_s / 10;

    if (bytes < AKS_THROTTLE_GRANT_MIN)
        return AKS_THROTTLE_GRANT_MIN;
    return bytes > AKS_THROTTLE_GRANT_MAX ? AKS_THROTTLE_GRANT_MAX : (size_t)bytes;
}

size_t
aks_throttle_take(struct aks_throttle *throttle, size_t want, int64_t now_ns, int64_t *ret_at_ns)
{
    int64_t start_ns = throttle->next_ns;
    size_t bytes = want;

    AKS_CHECK(want > 0);
    *ret_at_ns = now_ns;
    if (throttle->bytes_per_s == 0)
        return want;
    if (bytes > grant_bytes(throttle->bytes_per_s))
        bytes = grant_bytes(throttle->bytes_per_s);
    if (start_ns < now_ns - AKS_THROTTLE_BURST_NS)
        start_ns = now_ns - AKS_THROTTLE_BURST_NS;
    if (start_ns > now_ns)
        *ret_at_ns = start_ns;
    /* Rounded up: a rate is never exceeded by what is lost in rounding. */
    throttle->next_ns = start_ns + ((int64_t)bytes * AKS_NS_PER_S + throttle->bytes_per_s - 1) /
        throttle->bytes_per_s;
    return bytes;
}
