/* What is no database: read as it lies there, with what stat tells before and after; or copied, in
 * a moment in which nobody writes to it. */
#include "engine/snapshot_internal.h"

#include "base/units.h"

/* Stamps of this very tick of the file system's clock would not tell another write from the last
 * one. */
static bool
settled(const struct aks_snapshot_take *take, const struct aks_file_info *info)
{
    const struct aks_clock *clock = &take->options->port->clock;
    int64_t stamp_ns = info->mtime_ns > info->ctime_ns ? info->mtime_ns : info->ctime_ns;
    int64_t age_ms = clock->wall_ms(clock->ctx) - stamp_ns / AKS_NS_PER_MS;

    /* A stamp far from this clock is another machine's, or a person's: it says nothing of now. */
    return age_ms >= AKS_VIEW_TICK_MS || age_ms < -AKS_VIEW_TICK_MS;
}

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
    if (!settled(take, &main.info))
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
