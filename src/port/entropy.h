/* Randomness from the system. */
#ifndef AKS_PORT_ENTROPY_H
#define AKS_PORT_ENTROPY_H

#include "base/error.h"

#include <stddef.h>

struct aks_entropy {
    enum aks_status (*fill)(void *ctx, void *data, size_t len, struct aks_error *err);
    void *ctx;
};

#endif
