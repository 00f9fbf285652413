/* The one place where the loop waits, as port/events.h: an eventfd that workers and signal handlers
 * write to, and, once a request was made, the sockets of libcurl beside it. */
#ifndef AKS_OS_EVENTS_POSIX_H
#define AKS_OS_EVENTS_POSIX_H

#include "base/alloc.h"
#include "port/events.h"

struct aks_events_posix;
struct aks_http_loader;
struct aks_work_threads;

enum aks_status aks_events_posix_new(const struct aks_alloc *alloc,
    struct aks_events_posix **ret_events, struct aks_error *err);
/** NULL is fine. */
void aks_events_posix_free(struct aks_events_posix *events);
/** What workers write to when they have finished something. */
int aks_events_posix_fd(const struct aks_events_posix *events);
/** Calls ${ready} from a wait whenever ${fd} can be read, until another one is watched; -1: none.
 * One at a time. */
void aks_events_posix_watch(struct aks_events_posix *events, int fd, void (*ready)(void *ctx),
    void *ctx);
/** Borrows ${work} and ${http}, whose completions it delivers. */
void aks_events_posix_init(struct aks_events_posix *events, struct aks_work_threads *work,
    struct aks_http_loader *http, struct aks_events *ret_port);

#endif
