/* Pure byte work elsewhere: no port is called from it, but for the body and file reads that its
 * owner gave it, and for finding a secret (files, variables, a program). No Lua, no shared state.
 */
#ifndef AKS_PORT_WORK_H
#define AKS_PORT_WORK_H

#include "base/error.h"

/* Runs on some thread. */
typedef void aks_work_fn(void *arg);
/* Runs on the loop's thread, from aks_events.wait, after fn has returned; never from submit. */
typedef void aks_work_done(void *arg);

#define AKS_WORK_QUEUE_MAX 1024

struct aks_work {
    /* ${arg} must live until done was called. There is no cancelling: work is short, or asks
     * its owner. AKS_LIMIT if AKS_WORK_QUEUE_MAX jobs are under way or no thread can be had. */
    enum aks_status (*submit)(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg,
        struct aks_error *err);
    /* How many jobs can run side by side; at least 1. */
    unsigned (*width)(void *ctx);
    void *ctx;
};

#endif
