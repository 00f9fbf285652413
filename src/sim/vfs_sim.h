/* SQLite on simulated files: a VFS over any struct aks_files, so that the state database meets the
 * same crashes, full disks and slow syncs as everything else. Shared memory for WAL is this
 * process's memory and goes with it; locks are kept here (one process at a time lives in a world).
 * Time and randomness of SQLite are the world's. https://www.sqlite.org/vfs.html */
#ifndef AKS_SIM_VFS_SIM_H
#define AKS_SIM_VFS_SIM_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/clock.h"
#include "port/files.h"

#include <stdint.h>

struct aks_vfs_sim;

/** Registers a VFS of a name of its own and sets files->sqlite_vfs to it. ${files}, ${clock} and
 * ${alloc} are borrowed. */
enum aks_status aks_vfs_sim_new(const struct aks_alloc *alloc, struct aks_files *files,
    const struct aks_clock *clock, uint64_t seed, struct aks_vfs_sim **ret_vfs,
    struct aks_error *err);
/** Unregisters; no database may be open on it. NULL is fine. */
void aks_vfs_sim_free(struct aks_vfs_sim *vfs);

#endif
