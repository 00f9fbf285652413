/* What crashes left: known to the state database, or lying in the folder of snapshots. */
#include "engine/snapshot_internal.h"

#include "engine/state_snapshots.h"

#include <string.h>

struct sweep {
    const struct aks_port *port;
    struct aks_state *state;
    const char *folder;
    bool (*keep)(void *ctx, const char *id, const char *job);
    void *ctx;
    unsigned left;
};

static enum aks_status
sweep_row(struct sweep *sweep, const struct aks_snapshot_row *row, struct aks_error *err)
{
    const struct aks_snapshot *snapshot = &row->snapshot;

    if (sweep->keep != NULL && sweep->keep(sweep->ctx, snapshot->id, row->job))
        return AKS_OK;
    if (aks_snapshot_remove(sweep->port, snapshot, NULL) != AKS_OK) {
        sweep->left++;
        return AKS_OK;
    }
    return aks_state_snapshot_forget(sweep->state, snapshot->id, err);
}

/* A folder that nobody knows: the state database was lost. */
static enum aks_status
sweep_name(void *ctx, const char *name, struct aks_error *err)
{
    struct sweep *sweep = ctx;
    const struct aks_alloc *alloc = sweep->port->alloc;
    struct aks_snapshot_row row;
    enum aks_status status = aks_state_snapshot_get(sweep->state, name, &row, err);
    char *path;

    if (status == AKS_OK)
        aks_state_snapshot_row_fini(alloc, &row);
    if (status != AKS_NOT_FOUND)
        return status;
    path = aks_mem_printf(alloc, "%s/%s", sweep->folder, name);
    if (path == NULL)
        return aks_error_memory(err, "removing snapshots");
    if (aks_snapshot_place_remove(&sweep->port->files, alloc, path, NULL) != AKS_OK)
        sweep->left++;
    aks_mem_free(alloc, path);
    return AKS_OK;
}

enum aks_status
aks_snapshot_sweep(const struct aks_port *port, struct aks_state *state, const char *folder,
    bool (*keep)(void *ctx, const char *id, const char *job), void *ctx, unsigned *ret_left,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct sweep sweep = { .port = port, .state = state, .folder = folder, .keep = keep,
        .ctx = ctx };
    struct aks_snapshot_row *rows = NULL;
    size_t count = 0;
    enum aks_status status = aks_state_snapshots_all(state, &rows, &count, err);

    for (size_t i = 0; i < count; i++) {
        if (status == AKS_OK)
            status = sweep_row(&sweep, &rows[i], err);
        aks_state_snapshot_row_fini(port->alloc, &rows[i]);
    }
    aks_mem_free(port->alloc, rows);
    if (status == AKS_OK) {
        status = files->list(files->ctx, folder, sweep_name, &sweep, err);
        if (status == AKS_NOT_FOUND)
            status = AKS_OK;
    }
    *ret_left = sweep.left;
    return status;
}
