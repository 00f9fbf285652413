/* Do two jobs want the same done? Then the newer one does for both. */
#ifndef AKS_ENGINE_JOB_COMPARE_H
#define AKS_ENGINE_JOB_COMPARE_H

#include "engine/queue.h"

/* What a job is brought under; borrowed. */
struct aks_job_terms {
    const struct aks_policy_text *policy;
    const struct aks_policy_environment *environment;
    const char *folder;                 /* of relative sources, or NULL */
    const char *target;                 /* or NULL */
    bool no_fallback;
};

/** Is ${job} under the same terms: policy, target, and variables but those of a session? ${folder}:
 * and does the folder count? It does not where all sources are named. */
bool aks_job_same_terms(const struct aks_job *job, const struct aks_job_terms *terms, bool folder);
/** Is everything that ${older} is about in ${newer}, under the same terms? Only where that can be
 * told without a look at their policies. */
bool aks_job_covers(const struct aks_job *newer, const struct aks_job *older);

#endif
