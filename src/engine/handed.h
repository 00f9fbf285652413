/* Values of variables that only the caller of an enqueue had: what a worker was handed, by job. In
 * memory that is overwritten (base/secret.h), and nowhere else. */
#ifndef AKS_ENGINE_HANDED_H
#define AKS_ENGINE_HANDED_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/secret.h"
#include "engine/queue.h"

#include <stdbool.h>

/* The oldest make way: what they were for has most likely been superseded. */
#define AKS_HANDED_JOBS_MAX 256

/* A message: the job's id, a NUL, then "NAME=value" and a NUL each. */
struct aks_handed {
    const struct aks_alloc *alloc;
    struct aks_handed_job {
        char id[AKS_JOB_ID_BYTES];
        struct aks_secret *pairs;
    } jobs[AKS_HANDED_JOBS_MAX];
    size_t count;
};

void aks_handed_init(struct aks_handed *handed, const struct aks_alloc *alloc);
/** Overwrites everything. */
void aks_handed_fini(struct aks_handed *handed);
/** Keeps what ${message} brings; one that is none, or brings nothing, is passed over. */
void aks_handed_keep(struct aks_handed *handed, const void *message, size_t len);
/** Borrowed; NULL if ${job_id} was not handed a variable of that name. */
const char *aks_handed_get(const struct aks_handed *handed, const char *job_id, const char *name);
/** Was ${job_id} handed anything? */
bool aks_handed_has(const struct aks_handed *handed, const char *job_id);
/** The job has ended. */
void aks_handed_drop(struct aks_handed *handed, const char *job_id);
/** Each as it came, for another worker. */
void aks_handed_each(const struct aks_handed *handed,
    void (*each)(void *ctx, const void *message, size_t len), void *ctx);

#endif
