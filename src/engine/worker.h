/* The worker: brings the jobs of the queue, the newest first, each when it is due. */
#ifndef AKS_ENGINE_WORKER_H
#define AKS_ENGINE_WORKER_H

#include "engine/engine.h"

struct json_t;

/* How often the queue is looked at while nothing happens: whoever enqueues wakes the worker, but
 * others may put jobs there too. Without a door, as often as AKS_WORKER_LOOK_MS. */
#define AKS_WORKER_SCAN_MS 60000
#define AKS_WORKER_LOOK_MS 1000
/* Who enqueues hands its credentials over a moment after its job is there: so long a new job is
 * left alone at most that has not got what it was handed. */
#define AKS_WORKER_HANDED_MS 1000
/* Between two jobs, so that whoever waits for a turn gets one (engine/delivery.h). */
#define AKS_WORKER_PAUSE_MS 120

struct aks_worker_options {
    bool once;                  /* each job that is there is tried once, due or not; then it ends */
    bool until_empty;           /* it ends when nothing is left that could ever be brought */
    bool inherited;             /* it may have been started with the seat (port/background.h) */
    int64_t for_ms;             /* it ends after so long whatever is left; 0: it does not */
};

/** Works until it is done or interrupted. *ret_report is {"schema", "success", "exit_code",
 * "outcome", "jobs", "error"}, owned: outcome is "done" (nothing is left), "waiting" (something
 * is), "interrupted", or "busy" (there is a worker already; nothing was done). NULL only without
 * memory. */
enum aks_status aks_worker(struct aks_engine *engine, const struct aks_worker_options *options,
    struct json_t **ret_report, struct aks_error *err);

#endif
