/* Threads for pure byte work, as port/work.h. */
#ifndef AKS_OS_WORK_THREADS_H
#define AKS_OS_WORK_THREADS_H

#include "base/alloc.h"
#include "port/work.h"

struct aks_work_threads;

/** Starts no thread yet. ${wake_fd}: an eventfd that is written to when work has finished;
 * borrowed. */
enum aks_status aks_work_threads_new(const struct aks_alloc *alloc, int wake_fd,
    struct aks_work_threads **ret_work, struct aks_error *err);
/** Drops what has not begun and waits for what has; nobody is told. NULL is fine. */
void aks_work_threads_free(struct aks_work_threads *work);
void aks_work_threads_init(struct aks_work_threads *work, struct aks_work *ret_port);
/** Calls done for everything that has finished. */
void aks_work_threads_deliver(struct aks_work_threads *work);

#endif
