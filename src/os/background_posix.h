/* port/background.h: a lock of an open file, a socket beside it, posix_spawn. */
#ifndef AKS_OS_BACKGROUND_POSIX_H
#define AKS_OS_BACKGROUND_POSIX_H

#include "base/alloc.h"
#include "os/events_posix.h"
#include "port/background.h"

#include <limits.h>

struct aks_background_posix {
    const struct aks_alloc *alloc;
    struct aks_events_posix *events;    /* where the door is watched */
    /* Where the program lies that a worker is; NULL: this very one. */
    enum aks_status (*program)(char ret_path[PATH_MAX], struct aks_error *err);
};

/* Of a process that was started with a seat: its lock, and its door. */
#define AKS_BACKGROUND_LOCK_FD 3
#define AKS_BACKGROUND_DOOR_FD 4

/** ${background} and ${events} are borrowed. A worker is this very program, unless
 * ${background}->program is set afterwards. */
void aks_background_posix_init(struct aks_background_posix *background,
    const struct aks_alloc *alloc, struct aks_events_posix *events,
    struct aks_background *ret_port);

/** This process gives way from now on where others want the processor or the disk. Before there are
 * threads. */
void aks_background_posix_give_way(void);

#endif
