/* Which snapshots there are, or may be, on the disk: an entry is made before the first byte of a
 * snapshot and goes after the last. All writes are durable. Failures as in engine/state.h. */
#ifndef AKS_ENGINE_STATE_SNAPSHOTS_H
#define AKS_ENGINE_STATE_SNAPSHOTS_H

#include "engine/snapshot.h"
#include "engine/state.h"

/* More than a machine has sources. */
#define AKS_STATE_SNAPSHOTS_MAX 10000

struct aks_snapshot_row {
    char *job;                          /* whose it is; may be NULL */
    bool taken;                         /* else it was only planned */
    struct aks_snapshot snapshot;
};

void aks_state_snapshot_row_fini(const struct aks_alloc *alloc, struct aks_snapshot_row *row);
/** Inserts or replaces, by snapshot->id. ${job} may be NULL. */
enum aks_status aks_state_snapshot_put(struct aks_state *state, const char *job,
    const struct aks_snapshot *snapshot, struct aks_error *err);
/** AKS_NOT_FOUND if there is none. */
enum aks_status aks_state_snapshot_get(struct aks_state *state, const char *id,
    struct aks_snapshot_row *ret_row, struct aks_error *err);
/** All, in order of their ids; array and rows owned by the caller (row_fini each, then
 * aks_mem_free of the array). */
enum aks_status aks_state_snapshots_all(struct aks_state *state,
    struct aks_snapshot_row **ret_rows, size_t *ret_count, struct aks_error *err);
/** Fine where there is none. */
enum aks_status aks_state_snapshot_forget(struct aks_state *state, const char *id,
    struct aks_error *err);

#endif
