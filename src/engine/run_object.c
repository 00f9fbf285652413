/* What a copy consists of in its target, as its objects come to be there: the row of the index that
 * is made of them. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/run_upload_internal.h"

#include <string.h>

/* The target has the bytes of the main file already, by an earlier key: a log grows, and its
 * database does not change. */
static bool
reuses_main(const struct upload *upload, const struct aks_copy *copy,
    const struct aks_snapshot *snapshot)
{
    return copy->reusable && copy->row.key != NULL &&
        aks_run_compare_encryption(upload->run, &copy->row) &&
        snapshot->files[AKS_SNAPSHOT_MAIN].sha256[0] != '\0' &&
        strcmp(copy->row.sha256, snapshot->files[AKS_SNAPSHOT_MAIN].sha256) == 0;
}

static enum aks_status
reuse_main(const struct aks_alloc *alloc, struct aks_copy *copy, struct aks_error *err)
{
    const struct aks_stored *row = &copy->row;
    struct aks_stored *next = &copy->next;

    next->key = aks_mem_strdup(alloc, row->key);
    next->codec = aks_mem_strdup(alloc, row->codec);
    if (next->key == NULL || next->codec == NULL)
        return aks_error_memory(err, "recording an upload");
    next->encryption = row->encryption;
    next->bytes = row->bytes;
    memcpy(next->sha256, row->sha256, sizeof(next->sha256));
    next->stored_bytes = row->stored_bytes;
    memcpy(next->stored_sha256, row->stored_sha256, sizeof(next->stored_sha256));
    next->part_bytes = row->part_bytes;
    next->parts = row->parts;
    return AKS_OK;
}

enum aks_status
aks_run_object_begin(struct upload *upload, struct aks_copy *copy,
    const struct aks_snapshot *snapshot, struct aks_error *err)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    const struct aks_item *item = copy->item;
    struct aks_stored *next = &copy->next;
    bool reuses = reuses_main(upload, copy, snapshot);

    aks_stored_fini(alloc, next);
    next->source = aks_mem_strdup(alloc, item->source.path);
    next->name = aks_mem_strdup(alloc, item->source.name);
    next->kind = aks_mem_strdup(alloc, aks_source_kind_name(item->source.kind));
    next->upload_id = aks_mem_strdup(alloc, upload->upload_id);
    next->method = aks_mem_strdup(alloc, snapshot->method);
    if (next->source == NULL || next->name == NULL || next->kind == NULL ||
        next->upload_id == NULL || next->method == NULL)
        return aks_error_memory(err, "recording an upload");
    next->writer = snapshot->writer;
    next->taken_at_ms = snapshot->taken_at_ms;
    next->info = snapshot->sources[AKS_SNAPSHOT_MAIN].info;
    next->info_racy = snapshot->racy;
    next->wal_there = snapshot->sources[AKS_SNAPSHOT_WAL].there;
    next->wal_info = snapshot->sources[AKS_SNAPSHOT_WAL].info;
    copy->codec_reason = NULL;
    memset(copy->sent, 0, sizeof(copy->sent));
    return reuses ? reuse_main(alloc, copy, err) : AKS_OK;
}

bool
aks_run_object_wanted(const struct aks_copy *copy, const struct aks_snapshot *snapshot,
    enum aks_snapshot_role role)
{
    if (role == AKS_SNAPSHOT_MAIN)
        return copy->next.key == NULL;
    return snapshot->files[role].there && copy->next.wal.key == NULL;
}

static enum aks_status
add_wal(const struct aks_alloc *alloc, struct aks_stored_wal *wal,
    const struct aks_transfer_result *result, struct aks_error *err)
{
    wal->key = aks_mem_strdup(alloc, result->key);
    wal->codec = aks_mem_strdup(alloc, aks_codec_name(result->codec));
    if (wal->key == NULL || wal->codec == NULL)
        return aks_error_memory(err, "recording an upload");
    wal->encryption = result->encryption;
    wal->bytes = result->bytes.plain_bytes;
    aks_hex_encode(result->bytes.plain_sha256, AKS_SHA256_BYTES, wal->sha256);
    wal->stored_bytes = result->bytes.stored_bytes;
    aks_hex_encode(result->bytes.stored_sha256, AKS_SHA256_BYTES, wal->stored_sha256);
    wal->part_bytes = result->part_bytes;
    wal->parts = result->bytes.parts;
    return AKS_OK;
}

static enum aks_status
add_main(const struct aks_alloc *alloc, struct aks_copy *copy,
    const struct aks_transfer_result *result, struct aks_error *err)
{
    struct aks_stored *next = &copy->next;

    next->key = aks_mem_strdup(alloc, result->key);
    next->codec = aks_mem_strdup(alloc, aks_codec_name(result->codec));
    if (next->key == NULL || next->codec == NULL)
        return aks_error_memory(err, "recording an upload");
    next->encryption = result->encryption;
    next->bytes = result->bytes.plain_bytes;
    aks_hex_encode(result->bytes.plain_sha256, AKS_SHA256_BYTES, next->sha256);
    next->stored_bytes = result->bytes.stored_bytes;
    aks_hex_encode(result->bytes.stored_sha256, AKS_SHA256_BYTES, next->stored_sha256);
    next->part_bytes = result->part_bytes;
    next->parts = result->bytes.parts;
    copy->codec_reason = result->codec_reason;
    return AKS_OK;
}

enum aks_status
aks_run_object_add(struct upload *upload, struct aks_copy *copy, struct aks_snapshot *snapshot,
    enum aks_snapshot_role role, const struct aks_transfer_result *result, struct aks_error *err)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    char *sha256 = snapshot->files[role].sha256;
    enum aks_status status;

    status = role == AKS_SNAPSHOT_WAL ? add_wal(alloc, &copy->next.wal, result, err)
        : add_main(alloc, copy, result, err);
    if (status != AKS_OK)
        return status;
    copy->sent[role] = true;
    /* What is read in place is known once it was read. */
    if (sha256[0] == '\0')
        aks_hex_encode(result->bytes.plain_sha256, AKS_SHA256_BYTES, sha256);
    return AKS_OK;
}

void
aks_run_object_end(struct upload *upload, struct aks_copy *copy)
{
    const struct aks_port *port = upload->run->engine->port;

    AKS_CHECK(copy->next.key != NULL);
    copy->next.stored_at_ms = port->clock.wall_ms(port->clock.ctx);
    copy->next.checked_at_ms = copy->next.stored_at_ms;
    aks_stored_fini(port->alloc, &copy->row);
    copy->row = copy->next;
    memset(&copy->next, 0, sizeof(copy->next));
    copy->state = AKS_COPY_STORED;
}
