/* Is a source already where it should go, with its log? First by what stat tells, then by digests.
 */
#include "base/encode.h"
#include "base/units.h"

#include "engine/pipeline.h"
#include "engine/run.h"

#include <string.h>

/* Parts of a pass that only hashes: large enough to be cheap, small enough to be interrupted soon.
 */
#define COMPARE_PART_BYTES (8 * AKS_MIB)

struct comparison {
    struct aks_pipeline *pipeline;
    bool done;
};

static void
pipeline_changed(void *ctx)
{
    struct comparison *comparison = ctx;
    struct aks_part *part;

    while ((part = aks_pipeline_take(comparison->pipeline)) != NULL)
        aks_pipeline_give(comparison->pipeline, part);
    if (aks_pipeline_state(comparison->pipeline, NULL) != AKS_PIPELINE_RUNNING)
        comparison->done = true;
}

/* The digest of what ${view} shows, which is taken over. */
static enum aks_status
digest_view(struct aks_run *run, struct aks_view *view, char ret_sha256[AKS_SHA256_HEX_BYTES],
    struct aks_error *err)
{
    struct aks_pipeline_options options = { 0 };
    struct comparison comparison = { 0 };
    enum aks_status status;

    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.pool = &run->pool;
    options.codec = AKS_CODEC_NONE;
    options.part_bytes = COMPARE_PART_BYTES;
    options.check = AKS_PART_UNCHECKED;
    options.changed = pipeline_changed;
    options.ctx = &comparison;
    status = aks_pipeline_new(&options, view, &comparison.pipeline, err);
    if (status != AKS_OK)
        return status;
    status = aks_run_drive(run, &comparison.done, err);
    if (status == AKS_OK && aks_pipeline_state(comparison.pipeline, err) != AKS_PIPELINE_ENDED)
        status = err->status;
    if (status == AKS_OK)
        status = aks_view_check(aks_pipeline_view(comparison.pipeline), err);
    if (status == AKS_OK)
        aks_hex_encode(aks_pipeline_result(comparison.pipeline)->plain_sha256, AKS_SHA256_BYTES,
            ret_sha256);
    aks_pipeline_free(comparison.pipeline);
    return status;
}

/* Files that are read in place are digested when somebody asks. */
static enum aks_status
digest_files(struct aks_run *run, struct aks_snapshot *snapshot, struct aks_error *err)
{
    const struct aks_port *port = run->engine->port;
    enum aks_status status = AKS_OK;

    for (enum aks_snapshot_role role = 0; role < AKS_SNAPSHOT_ROLES && status == AKS_OK; role++) {
        char *sha256 = snapshot->files[role].sha256;
        struct aks_view view;

        if (!snapshot->files[role].there || sha256[0] != '\0')
            continue;
        status = aks_snapshot_open_view(port, snapshot, role, &view, err);
        if (status == AKS_OK)
            status = digest_view(run, &view, sha256, err);
    }
    if (status == AKS_OK && snapshot->in_place && !aks_snapshot_still(port, snapshot))
        status = aks_error_set(err, AKS_SOURCE_CHANGED, "source %s: changed while it was read",
            snapshot->source);
    return status;
}

/* What the source holds, and the stamps that belong to it, into ${item}. A file that changes while
 * it is read is copied, as it would be where it is sent. */
enum aks_status
aks_run_compare_digest(struct aks_run *run, struct aks_copy *copy, struct aks_error *err)
{
    struct aks_item *item = copy->item;
    enum aks_status status = AKS_SOURCE_CHANGED;

    for (int i = 0; i < 2 && status == AKS_SOURCE_CHANGED; i++) {
        status = aks_run_snapshot(run, copy, err);
        if (status != AKS_OK)
            return status;
        status = digest_files(run, item->snapshot, err);
        if (status == AKS_SOURCE_CHANGED)
            aks_run_snapshot_outrun(run, item);
    }
    if (status == AKS_OK)
        aks_item_seen(item, item->snapshot);
    return status;
}

/* Same bytes under new stamps: the next run need not read them again. */
static enum aks_status
compare_digest(struct aks_run *run, struct aks_copy *copy, struct aks_snapshot *seen,
    bool *ret_unchanged, struct aks_error *err)
{
    struct aks_item *item = copy->item;
    enum aks_status status = AKS_OK;

    if (run->options->dry_run) {
        /* It takes none. */
        status = digest_files(run, seen, err);
        if (status == AKS_OK)
            aks_item_seen(item, seen);
    } else {
        status = aks_run_compare_digest(run, copy, err);
    }
    if (status != AKS_OK || !aks_item_row_holds(item, &copy->row))
        return status;
    *ret_unchanged = true;
    if (run->options->dry_run)
        return AKS_OK;
    aks_item_stamp(item, &copy->row);
    return aks_state_stored_put(run->engine->state, run->targets[copy->target].identity,
        &copy->row, 1, err);
}

bool
aks_run_compare_stamps(const struct aks_stored *row, const struct aks_snapshot *now)
{
    return !row->info_racy && now->sources[AKS_SNAPSHOT_MAIN].there &&
        aks_source_same(&row->info, &now->sources[AKS_SNAPSHOT_MAIN].info) &&
        row->wal_there == now->sources[AKS_SNAPSHOT_WAL].there &&
        (!row->wal_there ||
            aks_source_same(&row->wal_info, &now->sources[AKS_SNAPSHOT_WAL].info));
}

bool
aks_run_compare_sizes(const struct aks_stored *row, const struct aks_snapshot *now)
{
    int64_t wal_bytes = now->sources[AKS_SNAPSHOT_WAL].there
        ? now->sources[AKS_SNAPSHOT_WAL].info.bytes : 0;

    return !now->sources[AKS_SNAPSHOT_MAIN].there ||
        (row->bytes == now->sources[AKS_SNAPSHOT_MAIN].info.bytes && row->wal.bytes == wal_bytes);
}

bool
aks_run_compare_encryption(const struct aks_run *run, const struct aks_stored *row)
{
    return aks_seal_of(&run->seal) == NULL || (row->encryption != AKS_ENCRYPTION_NONE &&
        (row->wal.key == NULL || row->wal.encryption != AKS_ENCRYPTION_NONE));
}

/* Where this run has seen other bytes since, stamps of before it prove nothing. */
static bool
same_stamps(const struct aks_copy *copy, const struct aks_snapshot *now)
{
    const struct aks_item *item = copy->item;

    return aks_run_compare_stamps(&copy->row, now) &&
        (item->sha256[0] == '\0' || aks_item_row_holds(item, &copy->row));
}

static enum aks_status
compare_row(struct aks_run *run, struct aks_copy *copy, struct aks_snapshot *seen,
    bool *ret_unchanged, struct aks_error *err)
{
    struct aks_item *item = copy->item;
    const struct aks_snapshot *now = item->snapshot != NULL ? item->snapshot : seen;

    if (same_stamps(copy, now)) {
        *ret_unchanged = true;
        if (item->sha256[0] == '\0')
            aks_item_learn(item, &copy->row);
        return AKS_OK;
    }
    if (!aks_run_compare_sizes(&copy->row, now))
        return AKS_OK;
    return compare_digest(run, copy, seen, ret_unchanged, err);
}

enum aks_status
aks_run_compare(struct aks_run *run, struct aks_copy *copy, bool *ret_unchanged,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_item *item = copy->item;
    struct aks_stored *row = &copy->row;
    struct aks_snapshot seen;
    enum aks_status status;

    *ret_unchanged = false;
    aks_stored_fini(alloc, row);
    copy->reusable = false;
    status = aks_state_stored_get(run->engine->state, run->targets[copy->target].identity,
        item->source.path, row, err);
    if (status == AKS_NOT_FOUND) {
        memset(row, 0, sizeof(*row));
        return AKS_OK;
    }
    if (status == AKS_OK && !copy->rows && !aks_run_compare_encryption(run, row))
        return AKS_OK;
    if (status == AKS_OK)
        status = aks_run_snapshot_look(run, item, &seen, err);
    if (status != AKS_OK)
        return status;
    status = compare_row(run, copy, &seen, ret_unchanged, err);
    aks_snapshot_fini(&seen);
    return status;
}
