/* What this process has taken of the machine, for figures; nothing is decided by it. */
#ifndef AKS_PORT_USAGE_H
#define AKS_PORT_USAGE_H

#include <stdint.h>

struct aks_usage {
    /* The most bytes of memory that this process has had at once since it began (ru_maxrss of
     * getrusage); 0 if that cannot be told. NULL where nobody knows, as in a simulated world. */
    int64_t (*memory_peak)(void *ctx);
    void *ctx;
};

#endif
