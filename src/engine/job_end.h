/* A job leaves the queue: what became of it is told, in the state database and in the audit log,
 * before its file goes. */
#ifndef AKS_ENGINE_JOB_END_H
#define AKS_ENGINE_JOB_END_H

#include "engine/engine.h"
#include "engine/queue.h"

/* Borrowed for the call. */
struct aks_job_ending {
    const char *id;
    int64_t enqueued_at_ms;             /* 0: not known */
    unsigned tries;
    const char *outcome;                /* as struct aks_job_end has them */
    const char *by;                     /* a job, or NULL */
    const char *run_id;                 /* or NULL */
    const char *reason;                 /* name of a failure, or NULL */
};

/** Failing to is told in the log alone: the job has ended all the same. */
void aks_job_end_tell(struct aks_engine *engine, const struct aks_job_ending *ending);
/** Tells of the jobs that ${job} replaces, which made way for it before anybody could be told. */
void aks_job_end_replaced(struct aks_engine *engine, const struct aks_job *job);

#endif
