/* The bucket that all machines write to. */
#include "base/units.h"
#include "testkit/fleet_internal.h"

#include <string.h>

static void
limit_init(struct fleet_limit *limit, int64_t per_s)
{
    limit->per_s = per_s;
    limit->level = per_s * AKS_NS_PER_S;
}

void
aks_fleet_bucket_init(struct fleet_bucket *bucket, const struct aks_fleet_options *options)
{
    memset(bucket, 0, sizeof(*bucket));
    limit_init(&bucket->writes, options->writes_per_s);
    limit_init(&bucket->reads, options->reads_per_s);
    bucket->pace = options->pace;
}

/* As the model of S3 has it: one second's requests may come at once, then as many as time brings.
 */
static bool
takes(struct fleet_limit *limit, int64_t now_ns)
{
    int64_t passed_ns = now_ns - limit->at_ns;

    if (limit->per_s == 0)
        return true;
    if (passed_ns > AKS_NS_PER_S)
        passed_ns = AKS_NS_PER_S;
    limit->at_ns = now_ns;
    limit->level += passed_ns * limit->per_s;
    if (limit->level > limit->per_s * AKS_NS_PER_S)
        limit->level = limit->per_s * AKS_NS_PER_S;
    if (limit->level < AKS_NS_PER_S)
        return false;
    limit->level -= AKS_NS_PER_S;
    return true;
}

/* Each refusal gets the time behind the last one's. */
static int64_t
next_slot_s(struct fleet_limit *limit, int64_t now_ns)
{
    if (limit->slot_ns < now_ns)
        limit->slot_ns = now_ns;
    limit->slot_ns += AKS_NS_PER_S / limit->per_s;
    return (limit->slot_ns - now_ns + AKS_NS_PER_S - 1) / AKS_NS_PER_S;
}

void
aks_fleet_bucket_serve(struct fleet_bucket *bucket, const struct aks_fleet_request *request,
    struct aks_fleet_answer *ret_answer)
{
    bool reads = strcmp(request->method, "HEAD") == 0 || strcmp(request->method, "GET") == 0;
    struct fleet_limit *limit = reads ? &bucket->reads : &bucket->writes;

    ret_answer->refused = !takes(limit, request->now_ns);
    if (!ret_answer->refused)
        return;
    switch (bucket->pace) {
    case AKS_FLEET_PACE_SILENT:
        break;
    case AKS_FLEET_PACE_SECOND:
        ret_answer->retry_after_s = 1;
        break;
    case AKS_FLEET_PACE_SLOT:
        ret_answer->retry_after_s = next_slot_s(limit, request->now_ns);
        break;
    }
}

static uint64_t
newest(const struct fleet_burst *burst, int64_t count)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < count && i <= burst->bin; i++)
        sum += burst->bins[(burst->bin - i) % FLEET_BINS];
    return sum;
}

static void
count(struct fleet_burst *burst, int64_t now_ns)
{
    int64_t bin = now_ns / FLEET_BIN_NS;
    uint64_t sum;

    if (bin - burst->bin >= FLEET_BINS) {
        memset(burst->bins, 0, sizeof(burst->bins));
        burst->bin = bin;
    }
    while (burst->bin < bin)
        burst->bins[++burst->bin % FLEET_BINS] = 0;
    burst->bins[bin % FLEET_BINS]++;
    sum = newest(burst, FLEET_BINS_SHORT);
    if (sum > burst->most_100ms)
        burst->most_100ms = sum;
    sum = newest(burst, FLEET_BINS);
    if (sum > burst->most_1s)
        burst->most_1s = sum;
}

void
aks_fleet_bucket_count(struct fleet_bucket *bucket, int64_t now_ns, bool again)
{
    count(&bucket->all, now_ns);
    if (again)
        count(&bucket->again, now_ns);
}
