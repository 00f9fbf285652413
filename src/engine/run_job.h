/* A job of the queue is taken up: by a run that finds it, or by a worker. */
#ifndef AKS_ENGINE_RUN_JOB_H
#define AKS_ENGINE_RUN_JOB_H

#include "engine/engine.h"
#include "engine/handed.h"

struct json_t;

struct aks_run_job_options {
    const struct aks_handed *handed;    /* values that are nowhere else, or NULL */
    bool park;                          /* as aks_run_options */
};

/** Waits for its turn, reads the job ${id} and runs it under its own policy and environment. What
 * is still owed of it stays in the queue, with when it is tried again. *ret_report is the run's, or
 * NULL: where there is no such job any more (AKS_NOT_FOUND), where it cannot be read (AKS_STATE: it
 * stays), where its policy cannot be loaded (it stays, and waits), when interrupted, or without
 * memory. */
enum aks_status aks_run_job(struct aks_engine *engine, const char *id,
    const struct aks_run_job_options *options, struct json_t **ret_report, struct aks_error *err);
/** Adds {"job_id", "outcome", "reason"} to ${report}["jobs"], up to AKS_QUEUE_JOBS_MAX: what became
 * of ${id}, as ${own}, the run's report or NULL, and ${err} say. */
void aks_run_job_note(struct json_t *report, const char *id, const struct json_t *own,
    const struct aks_error *err);
/** Takes up every other job of the queue and notes it in ${report}. Failures are told there; an
 * interrupt ends it. */
void aks_run_leftovers(struct aks_engine *engine, struct json_t *report);

#endif
