#include "os/events_posix.h"

#include "base/check.h"
#include "base/units.h"
#include "os/http_loader.h"
#include "os/work_threads.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct aks_events_posix {
    const struct aks_alloc *alloc;
    struct aks_work_threads *work;
    struct aks_http_loader *http;
    int fd;
    bool waiting;
    int both;                           /* an epoll of fd and of what is watched; -1: nothing is */
    void (*ready)(void *ctx);
    void *ready_ctx;
};

enum aks_status
aks_events_posix_new(const struct aks_alloc *alloc, struct aks_events_posix **ret_events,
    struct aks_error *err)
{
    struct aks_events_posix *events = aks_mem_new(alloc, sizeof(*events));

    if (events == NULL)
        return aks_error_memory(err, "opening the event loop");
    events->alloc = alloc;
    events->both = -1;
    events->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (events->fd < 0) {
        aks_mem_free(alloc, events);
        return aks_error_set(err, AKS_LIMIT, "cannot open an eventfd: %s", strerror(errno));
    }
    *ret_events = events;
    return AKS_OK;
}

void
aks_events_posix_free(struct aks_events_posix *events)
{
    if (events == NULL)
        return;
    if (events->both >= 0)
        (void)close(events->both);
    (void)close(events->fd);
    aks_mem_free(events->alloc, events);
}

int
aks_events_posix_fd(const struct aks_events_posix *events)
{
    return events->fd;
}

/* Where there can be no epoll, what is watched is looked at whenever something else happens. */
void
aks_events_posix_watch(struct aks_events_posix *events, int fd, void (*ready)(void *ctx),
    void *ctx)
{
    struct epoll_event readable = { .events = EPOLLIN };

    if (events->both >= 0)
        (void)close(events->both);
    events->both = fd >= 0 ? epoll_create1(EPOLL_CLOEXEC) : -1;
    events->ready = fd >= 0 ? ready : NULL;
    events->ready_ctx = ctx;
    if (events->both >= 0 && (epoll_ctl(events->both, EPOLL_CTL_ADD, events->fd, &readable) != 0 ||
            epoll_ctl(events->both, EPOLL_CTL_ADD, fd, &readable) != 0)) {
        (void)close(events->both);
        events->both = -1;
    }
}

/* Before the first request there is nothing to watch but the eventfd. */
static enum aks_status
wait_for_wake(int fd, int64_t timeout_ns, struct aks_error *err)
{
    struct pollfd wake = { .fd = fd, .events = POLLIN };
    struct timespec timeout = { 0 };

    if (timeout_ns > 0) {
        timeout.tv_sec = timeout_ns / AKS_NS_PER_S;
        timeout.tv_nsec = timeout_ns % AKS_NS_PER_S;
    }
    if (ppoll(&wake, 1, timeout_ns < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR)
        return aks_error_set(err, AKS_INTERNAL, "cannot wait for events: %s", strerror(errno));
    return AKS_OK;
}

static enum aks_status
events_wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct aks_events_posix *events = ctx;
    int fd = events->both >= 0 ? events->both : events->fd;
    enum aks_status status;
    uint64_t count;

    /* A completion that waits would be called by the loop that it is holding up. */
    AKS_CHECK(!events->waiting);
    events->waiting = true;
    if (aks_http_loader_loaded(events->http))
        status = aks_http_loader_turn(events->http, fd, timeout_ns, err);
    else
        status = wait_for_wake(fd, timeout_ns, err);
    /* Emptied before the finished work is taken: what finishes after that wakes the next wait. */
    if (read(events->fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        status = aks_error_set(err, AKS_INTERNAL, "cannot read an eventfd: %s", strerror(errno));
    aks_work_threads_deliver(events->work);
    if (events->ready != NULL)
        events->ready(events->ready_ctx);
    events->waiting = false;
    return status;
}

/* Nothing but a write and errno: signal handlers call it. A counter that is full wakes as well. */
static void
events_wake(void *ctx)
{
    const struct aks_events_posix *events = ctx;
    const uint64_t one = 1;
    int saved = errno;
    ssize_t written;

    do {
        written = write(events->fd, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
    errno = saved;
}

void
aks_events_posix_init(struct aks_events_posix *events, struct aks_work_threads *work,
    struct aks_http_loader *http, struct aks_events *ret_port)
{
    events->work = work;
    events->http = http;
    ret_port->wait = events_wait;
    ret_port->wake = events_wake;
    ret_port->ctx = events;
}
