#include "os/usage_posix.h"

#include <stddef.h>
#include <sys/resource.h>

#define KIB 1024

static int64_t
memory_peak(void *ctx)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (int64_t)usage.ru_maxrss * KIB;
}

void
aks_usage_posix_init(struct aks_usage *ret_usage)
{
    ret_usage->memory_peak = memory_peak;
    ret_usage->ctx = NULL;
}
