/* Jobs: work that is owed. One job is one synced file, queue/<job id>.json, self-contained; it is
 * removed only when everything in it is delivered, superseded, vanished, or cancelled by a person.
 * No database is needed. */
#ifndef AKS_ENGINE_QUEUE_H
#define AKS_ENGINE_QUEUE_H

#include "base/alloc.h"
#include "base/error.h"
#include "engine/policy.h"
#include "port/port.h"

#include <stddef.h>
#include <stdint.h>

#define AKS_QUEUE_JOBS_MAX 1000
#define AKS_JOB_BYTES_MAX (4 * 1024 * 1024)
#define AKS_JOB_ID_BYTES 64             /* an upload id: YYYYMMDDTHHMMSSZ-hhhhhh */

/* All owned by the job. */
struct aks_job {
    const struct aks_alloc *alloc;
    char id[AKS_JOB_ID_BYTES];          /* also its upload id until an upload starts over */
    int64_t enqueued_at_ms;
    char **sources;                     /* absolute */
    size_t source_count;
    struct aks_policy_text policy;
    struct aks_policy_environment environment;
    char *target;                       /* forced, or NULL */
    bool no_fallback;
    bool mirror;                        /* what it owes is owed to several targets, as far as is
                                         * known */
    /* What became of the last try. */
    unsigned tries;
    char *reason;                       /* failure name, or NULL */
    char *message;
};

void aks_job_init(struct aks_job *job, const struct aks_alloc *alloc);
void aks_job_fini(struct aks_job *job);

/** Writes ${job} to ${folder} (made if missing) under a temporary name, syncs, renames, syncs the
 * folder: after AKS_OK it is durable. An existing job of that id is replaced. AKS_LIMIT if there
 * are AKS_QUEUE_JOBS_MAX others or it is over AKS_JOB_BYTES_MAX; AKS_NO_SPACE; AKS_STATE. */
enum aks_status aks_queue_put(const struct aks_port *port, const char *folder,
    const struct aks_job *job, struct aks_error *err);
/** AKS_NOT_FOUND if there is none; AKS_STATE if the file is damaged (it is left where it is). */
enum aks_status aks_queue_get(const struct aks_port *port, const char *folder, const char *id,
    struct aks_job *ret_job, struct aks_error *err);
/** Ids in order of age; array and strings owned by the caller. A missing folder is empty. */
enum aks_status aks_queue_list(const struct aks_port *port, const char *folder, char ***ret_ids,
    size_t *ret_count, struct aks_error *err);
/** Removes and syncs the folder. AKS_NOT_FOUND if it is not there. Ids of another form are
 * AKS_NOT_FOUND here and in get. */
enum aks_status aks_queue_remove(const struct aks_port *port, const char *folder, const char *id,
    struct aks_error *err);

#endif
