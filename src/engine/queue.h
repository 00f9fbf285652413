/* Jobs: work that is owed. One job is one synced file, queue/<job id>.json, self-contained; it is
 * removed only when everything in it is delivered, superseded, vanished, or cancelled by a person.
 * No database is needed. */
#ifndef AKS_ENGINE_QUEUE_H
#define AKS_ENGINE_QUEUE_H

#include "base/alloc.h"
#include "base/error.h"
#include "engine/policy.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_QUEUE_JOBS_MAX 1000
#define AKS_JOB_BYTES_MAX (4 * 1024 * 1024)
/* No job waits longer for its next try, whatever a policy, a server or a budget says. */
#define AKS_JOB_WAIT_MS_MAX (INT64_C(32) * 24 * 3600 * 1000)
#define AKS_JOB_ID_BYTES 64             /* an upload id: YYYYMMDDTHHMMSSZ-hhhhhh */

/* All owned by the job. */
struct aks_job {
    const struct aks_alloc *alloc;
    char id[AKS_JOB_ID_BYTES];          /* also its upload id until an upload starts over */
    int64_t enqueued_at_ms;
    char **sources;                     /* absolute */
    size_t source_count;
    char *folder;                       /* absolute: what relative sources of the policy are
                                         * relative to, where source_count is 0 and the policy's
                                         * are meant; or NULL: the policy's own */
    struct aks_policy_text policy;
    struct aks_policy_environment environment;      /* what the policy may read */
    /* What the engine itself reads where it brings the job: AWS's variables but secrets, CA files,
     * proxies without users (engine/job_variables.h). Of those it has these or none; where they are
     * not known (a job of an older version), what the process has. */
    struct aks_policy_environment variables;
    bool variables_known;
    char **handed;                      /* names of variables that only the caller had, and whose
                                         * values are nowhere but in the memory of a worker */
    size_t handed_count;
    char **replaces;                    /* ids of older jobs that made way for it in a full queue,
                                         * and have not been told so */
    size_t replaces_count;
    char *target;                       /* forced, or NULL */
    bool no_fallback;
    bool mirror;                        /* what it owes is owed to several targets, as far as is
                                         * known */
    char *upload_id;                    /* of the upload that has been begun for it, or NULL */
    /* What became of the last try. */
    unsigned tries;
    unsigned rounds;                    /* of the policy's waits it is in */
    int64_t not_before_ms;              /* wall clock: when it is tried again; 0: at any time */
    int64_t wait_ms;                    /* how long that was when it was said: clocks may step */
    char *reason;                       /* failure name, or NULL */
    char *message;
};

/* How long any process has the queue for itself: a read, a write and a sync. */
#define AKS_QUEUE_LOCK_MS 5000

void aks_job_init(struct aks_job *job, const struct aks_alloc *alloc);
void aks_job_fini(struct aks_job *job);

/** Writes ${job} to ${folder} (made if missing) under a temporary name, syncs, renames, syncs the
 * folder: after AKS_OK it is durable. An existing job of that id is replaced. AKS_LIMIT if there
 * are AKS_QUEUE_JOBS_MAX others or it is over AKS_JOB_BYTES_MAX; AKS_NO_SPACE; AKS_STATE. */
enum aks_status aks_queue_put(const struct aks_port *port, const char *folder,
    const struct aks_job *job, struct aks_error *err);
/** As put, for who has listed the queue just now: ${others} jobs are there, and not this one. */
enum aks_status aks_queue_put_beside(const struct aks_port *port, const char *folder,
    const struct aks_job *job, size_t others, struct aks_error *err);
/** AKS_NOT_FOUND if there is none; AKS_STATE if the file is damaged (it is left where it is), or
 * cannot be read now. */
enum aks_status aks_queue_get(const struct aks_port *port, const char *folder, const char *id,
    struct aks_job *ret_job, struct aks_error *err);
/** The same; *ret_damaged tells the one from the other: what was read is no job. */
enum aks_status aks_queue_look(const struct aks_port *port, const char *folder, const char *id,
    struct aks_job *ret_job, bool *ret_damaged, struct aks_error *err);
/** Ids in order of age; array and strings owned by the caller. A missing folder is empty. */
enum aks_status aks_queue_list(const struct aks_port *port, const char *folder, char ***ret_ids,
    size_t *ret_count, struct aks_error *err);
/** As put, however many others there are: for a job after which those that it replaces are removed.
 */
enum aks_status aks_queue_put_instead(const struct aks_port *port, const char *folder,
    const struct aks_job *job, struct aks_error *err);
/** As put, for a job that is there already: AKS_NOT_FOUND, and nothing is written, if it is not any
 * more: somebody has cancelled it, or a newer one has taken its place. */
enum aks_status aks_queue_replace(const struct aks_port *port, const char *folder,
    const struct aks_job *job, struct aks_error *err);
/** Removes and syncs the folder. AKS_NOT_FOUND if it is not there. Ids of another form are
 * AKS_NOT_FOUND here and in get. */
enum aks_status aks_queue_remove(const struct aks_port *port, const char *folder, const char *id,
    struct aks_error *err);

#endif
