/* An allocator whose blocks are overwritten before they are given back: for secrets. */
#ifndef AKS_ENGINE_WIPE_H
#define AKS_ENGINE_WIPE_H

#include "base/alloc.h"

struct aks_wipe {
    struct aks_alloc alloc;             /* hand this out; it points into the struct */
    const struct aks_alloc *inner;
};

/** Takes memory from ${inner}, which is borrowed. ${wipe} must stay where it is. */
void aks_wipe_init(struct aks_wipe *wipe, const struct aks_alloc *inner);

#endif
