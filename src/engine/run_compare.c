/* Is a source already where it should go? First by what stat tells, then by its digest. */
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

/* Does the digest that is known belong to what ${view} sees? */
static bool
known(const struct aks_item *item, const struct aks_view *view)
{
    return item->sha256[0] != '\0' && !item->info_racy &&
        aks_source_same(&item->info, &view->info);
}

/* The digest of what the source holds now, and the stamps that belong to it, into ${item}. */
static enum aks_status
digest_source(struct aks_run *run, struct aks_item *item, struct aks_error *err)
{
    struct aks_pipeline_options options = { 0 };
    struct comparison comparison = { 0 };
    struct aks_view view;
    enum aks_status status;

    status = aks_view_take(run->engine->port, &item->source, &view, err);
    if (status != AKS_OK)
        return status;
    if (known(item, &view)) {
        aks_view_close(&view);
        return AKS_OK;
    }
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.pool = &run->pool;
    options.codec = AKS_CODEC_NONE;
    options.part_bytes = COMPARE_PART_BYTES;
    options.check = AKS_PART_UNCHECKED;
    options.changed = pipeline_changed;
    options.ctx = &comparison;
    status = aks_pipeline_new(&options, &view, &comparison.pipeline, err);
    if (status != AKS_OK)
        return status;
    status = aks_run_drive(run, &comparison.done, err);
    if (status == AKS_OK && aks_pipeline_state(comparison.pipeline, err) != AKS_PIPELINE_ENDED)
        status = err->status;
    if (status == AKS_OK)
        status = aks_view_check(aks_pipeline_view(comparison.pipeline), err);
    if (status == AKS_OK) {
        aks_hex_encode(aks_pipeline_result(comparison.pipeline)->plain_sha256, AKS_SHA256_BYTES,
            item->sha256);
        item->info = aks_pipeline_view(comparison.pipeline)->source_info;
        item->info_racy = aks_view_racy(aks_pipeline_view(comparison.pipeline));
    }
    aks_pipeline_free(comparison.pipeline);
    return status;
}

/* Same bytes under new stamps: the next run need not read them again. */
static enum aks_status
compare_digest(struct aks_run *run, struct aks_copy *copy, bool *ret_unchanged,
    struct aks_error *err)
{
    struct aks_item *item = copy->item;
    enum aks_status status = digest_source(run, item, err);

    if (status != AKS_OK)
        return status;
    if (strcmp(item->sha256, copy->row.sha256) != 0)
        return AKS_OK;
    *ret_unchanged = true;
    copy->row.info = item->info;
    copy->row.info_racy = item->info_racy;
    if (run->options->dry_run)
        return AKS_OK;
    return aks_state_stored_put(run->engine->state, run->targets[copy->target].identity,
        &copy->row, 1, err);
}

/* Where this run has seen other bytes since, stamps of before it prove nothing. */
static bool
same_stamps(const struct aks_copy *copy)
{
    const struct aks_item *item = copy->item;

    return !copy->row.info_racy && aks_source_same(&copy->row.info, &item->source.info) &&
        (item->sha256[0] == '\0' || strcmp(item->sha256, copy->row.sha256) == 0);
}

enum aks_status
aks_run_compare(struct aks_run *run, struct aks_copy *copy, bool *ret_unchanged,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_item *item = copy->item;
    struct aks_stored *row = &copy->row;
    enum aks_status status;

    *ret_unchanged = false;
    aks_stored_fini(alloc, row);
    status = aks_state_stored_get(run->engine->state, run->targets[copy->target].identity,
        item->source.path, row, err);
    if (status == AKS_NOT_FOUND) {
        memset(row, 0, sizeof(*row));
        return AKS_OK;
    }
    if (status != AKS_OK)
        return status;
    if (same_stamps(copy)) {
        *ret_unchanged = true;
        if (item->sha256[0] == '\0') {
            memcpy(item->sha256, row->sha256, sizeof(item->sha256));
            item->info = row->info;
            item->info_racy = row->info_racy;
        }
        return AKS_OK;
    }
    /* Another size is another content; the same size may be. */
    if (row->bytes != item->source.info.bytes)
        return AKS_OK;
    return compare_digest(run, copy, ret_unchanged, err);
}
