/* A DuckDB of this machine opens what was restored, and reads its catalog: it knows more of a
 * database than we do. Nothing is written to it, and it is no reason to fail that there is none. */
#include "engine/restore_internal.h"

#include <stdio.h>
#include <string.h>

/* Who restores waits for it. */
#define READ_MS INT64_C(30000)

static bool
interrupted(void *ctx)
{
    const struct restore *restore = ctx;

    return atomic_load(&restore->reader.engine->interrupted) != 0;
}

enum aks_status
aks_restore_read(struct restore *restore, struct restore_item *item, struct aks_error *err)
{
    const struct restore_object *objects = item->objects;
    struct aks_rows_options options = { .port = restore->port, .kind = AKS_SOURCE_DUCKDB,
        .main = objects[RESTORE_MAIN].part, .scratch = restore->reader.engine->snapshot_folder,
        .timeout_ms = READ_MS, .stopped = interrupted, .ctx = restore };
    struct aks_rows *rows = NULL;
    struct aks_error why;
    enum aks_status status;

    item->read_by[0] = '\0';
    item->unread[0] = '\0';
    /* Empty: nothing was written to it yet. */
    if (objects[RESTORE_MAIN].of.bytes == 0)
        return AKS_OK;
    if (item->there[RESTORE_WAL])
        options.wal = objects[RESTORE_WAL].part;
    status = aks_rows_open(&options, &rows, &why);
    if (status == AKS_OK)
        (void)snprintf(item->read_by, sizeof(item->read_by), "%s", aks_rows_reader(rows));
    aks_rows_close(rows);
    if (status == AKS_CANCELLED)
        return aks_error_set(err, AKS_CANCELLED, "interrupted");
    if (status == AKS_CORRUPT) {
        (void)aks_error_set(err, AKS_CORRUPT, "%s is byte for byte what was stored, but: %s",
            objects[RESTORE_MAIN].of.name, why.message);
        aks_error_hint(err, "restore an older upload (--upload ID); what came is kept in %s",
            objects[RESTORE_MAIN].part);
        return AKS_CORRUPT;
    }
    if (status != AKS_OK)
        (void)snprintf(item->unread, sizeof(item->unread), "%s", why.message);
    return AKS_OK;
}
