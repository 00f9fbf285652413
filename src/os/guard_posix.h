/* What a process that holds secrets does for them at its start. */
#ifndef AKS_OS_GUARD_POSIX_H
#define AKS_OS_GUARD_POSIX_H

#include "base/alloc.h"
#include "base/secret.h"

#define AKS_GUARD_POSIX_MAX 64
/* Shorter values of variables are words more often than secrets. */
#define AKS_GUARD_POSIX_BYTES_MIN 12

struct aks_guard_posix {
    struct aks_secret *secrets[AKS_GUARD_POSIX_MAX];
    unsigned count;
};

/** No core dump of this process, nor of what it starts; and no other process of this user reads its
 * memory, its environment or its descriptors through /proc, or traces it (prctl(2),
 * PR_SET_DUMPABLE). Reading what is our own there (/proc/self/fd, /proc/self/exe) goes on. exec
 * undoes the second: every program of ours does this first of all. */
void aks_guard_posix_close(void);
/** Takes the values of this process's variables whose names are secrets' for secrets, so that they
 * are told nowhere. Fills ${ret_guard}; without memory with fewer of them. */
void aks_guard_posix_environment(struct aks_guard_posix *ret_guard, const struct aks_alloc *alloc);
void aks_guard_posix_forget(struct aks_guard_posix *guard);

#endif
