/* The jobs of the queue as a worker knows them: when each is due, on the clock that no one sets. */
#ifndef AKS_ENGINE_WORKER_JOBS_H
#define AKS_ENGINE_WORKER_JOBS_H

#include "engine/queue.h"

/* A job whose file cannot be read now is looked at again, so often, the first time after so long;
 * that doubles each time. */
#define AKS_WORKER_READS_MAX 8
#define AKS_WORKER_READ_AGAIN_MS 1000

struct aks_worker_job {
    char id[AKS_JOB_ID_BYTES];
    struct aks_file_info info;          /* of its file when it was read */
    int64_t enqueued_at_ms;
    int64_t due_ns;                     /* of the clock's now_ns; unread: when it is read again */
    bool damaged;                       /* what was read is no job, and is left alone */
    unsigned unread;                    /* so often in a row it could not be read */
    bool tried;                         /* by this worker */
    bool expects;                       /* it is new, and has been handed over something */
    bool waited;                        /* for which this worker has waited */
    int exit_code;                      /* of its last try by this worker, or of reading it; 0:
                                         * none, or fine */
    char failure[64];
    char message[AKS_ERROR_MESSAGE_BYTES];
};

/* In order of their ids. */
struct aks_worker_jobs {
    const struct aks_alloc *alloc;
    struct aks_worker_job *jobs;
    size_t count;
};

void aks_worker_jobs_init(struct aks_worker_jobs *jobs, const struct aks_alloc *alloc);
void aks_worker_jobs_fini(struct aks_worker_jobs *jobs);
/** Looks at the queue ${folder}: reads what is new or has been written anew, and forgets what is
 * not there any more, of which it tells ${gone}. A job waits until its not_before, as the wall
 * clock stands when it is read, and never longer than it said it would: a clock that is set back
 * starves none, and one that is set forward lets each be tried once. */
enum aks_status aks_worker_jobs_scan(struct aks_worker_jobs *jobs, const struct aks_port *port,
    const char *folder, void (*gone)(void *ctx, const char *id), void *ctx, struct aks_error *err);
/** The newest one that is due, or NULL. ${once}: the newest that was not tried, due or not. */
struct aks_worker_job *aks_worker_jobs_next(struct aks_worker_jobs *jobs, int64_t now_ns,
    bool once);
/** When the next one is due, or is read again; INT64_MAX if none ever is. */
int64_t aks_worker_jobs_due_ns(const struct aks_worker_jobs *jobs);
/** How many are there that this worker can still do something about. */
size_t aks_worker_jobs_left(const struct aks_worker_jobs *jobs);
/** NULL if it is not known. */
struct aks_worker_job *aks_worker_jobs_find(struct aks_worker_jobs *jobs, const char *id);

#endif
