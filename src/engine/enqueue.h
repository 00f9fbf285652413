/* Ending a session: the job is made durable, and a worker is there that will bring it. No database
 * is opened and no policy evaluated. */
#ifndef AKS_ENGINE_ENQUEUE_H
#define AKS_ENGINE_ENQUEUE_H

#include "engine/queue.h"

/* How often, and after how long, whoever finds a worker that cannot be told looks again: it is
 * about to end, or just beginning. */
#define AKS_ENQUEUE_TELLS_MAX 50
#define AKS_ENQUEUE_TELL_MS 2

/* Borrowed for the call. */
struct aks_enqueue_options {
    const struct aks_port *port;
    const char *state_folder;           /* absolute; made if missing */
    const char *policy;                 /* its file, or NULL: the built-in default */
    struct aks_policy_limits limits;
    const char *const *allow;           /* further variables that it may read */
    size_t allow_count;
    const char *const *sources;         /* relative ones are the working folder's; none: the
                                         * policy's */
    size_t source_count;
    const char *target;                 /* force this one, or NULL */
    bool no_fallback;
    bool no_worker;                     /* start none, and tell none */
};

enum aks_enqueue_worker { AKS_ENQUEUE_WORKER_NONE, AKS_ENQUEUE_WORKER_TOLD,
    AKS_ENQUEUE_WORKER_STARTED };

struct aks_enqueued {
    char id[AKS_JOB_ID_BYTES];
    enum aks_enqueue_worker worker;
    struct aks_error worker_error;      /* why there is none although one was wanted */
    size_t handed;                      /* values that only this process has: with no worker they
                                         * are gone when it ends */
};

/** After AKS_OK the job outlives a power cut. A full queue makes room by dropping older jobs that
 * this one does for as well, and tells its worker so; where there are none, AKS_LIMIT, and nothing
 * has changed. AKS_POLICY, AKS_SETTINGS (the policy's file cannot be taken along, a source has no
 * path), AKS_NO_SPACE, AKS_STATE. */
enum aks_status aks_enqueue(const struct aks_enqueue_options *options,
    struct aks_enqueued *ret_enqueued, struct aks_error *err);

#endif
