/* What is no database: read as it lies there, with what stat tells before and after; or copied, in
 * a moment in which nobody writes to it. */
#include "engine/snapshot_internal.h"

static enum aks_status
copy(struct aks_snapshot_take *take, const struct aks_snapshot_open *main, struct aks_error *err)
{
    const char *path = take->snapshot->source;
    enum aks_status status = aks_snapshot_place(take, main->file, err);

    if (status == AKS_OK) {
        aks_snapshot_note(take, &main->info, false, NULL);
        status = aks_snapshot_copy(take, main->file, AKS_SNAPSHOT_MAIN, main->info.bytes, err);
    }
    if (status != AKS_OK)
        return status;
    if (!aks_snapshot_source_same(take, main) ||
        take->snapshot->files[AKS_SNAPSHOT_MAIN].bytes != main->info.bytes)
        return aks_error_set(err, AKS_SOURCE_CHANGED, "source %s: changed while it was copied",
            path);
    return AKS_OK;
}

static enum aks_status
attempt(struct aks_snapshot_take *take, struct aks_error *err)
{
    struct aks_snapshot_open main;
    enum aks_status status = aks_snapshot_source(take, &main, err);

    if (status != AKS_OK)
        return status;
    if (!aks_snapshot_settled(take, &main.info))
        status = aks_snapshot_busy(take, err, "is written to all the time");
    else if (take->options->copy)
        status = copy(take, &main, err);
    else
        status = aks_snapshot_in_place(take, &main, false, NULL, err);
    /* Better read where it lies than not at all. */
    if (status == AKS_NO_SPACE)
        status = aks_snapshot_in_place(take, &main, false, NULL, err);
    take->files->close(main.file);
    return status;
}

enum aks_status
aks_snapshot_file(struct aks_snapshot_take *take, struct aks_error *err)
{
    enum aks_status status;

    do {
        status = attempt(take, err);
    } while (status != AKS_OK && aks_snapshot_again(take, &status, err));
    return status;
}
