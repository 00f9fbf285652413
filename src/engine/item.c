#include "engine/item.h"

#include "base/check.h"

#include <string.h>

enum aks_status
aks_item_route(const struct aks_alloc *alloc, struct aks_item *item, const struct aks_route *route,
    struct aks_error *err)
{
    AKS_CHECK(item->copies == NULL && route->count <= AKS_TARGETS_MAX);
    item->copies = aks_mem_array(alloc, route->count, sizeof(*item->copies));
    if (item->copies == NULL)
        return aks_error_memory(err, "asking for a route");
    item->copy_count = route->count;
    item->mirror = route->mirror;
    item->needed = route->mirror ? route->needed : 1;
    for (size_t i = 0; i < route->count; i++) {
        item->copies[i].item = item;
        item->copies[i].target = route->targets[i];
    }
    return AKS_OK;
}

void
aks_item_fini(const struct aks_alloc *alloc, struct aks_item *item)
{
    aks_source_fini(alloc, &item->source);
    for (size_t i = 0; i < item->copy_count; i++) {
        aks_stored_fini(alloc, &item->copies[i].row);
        aks_stored_fini(alloc, &item->copies[i].next);
    }
    aks_mem_free(alloc, item->copies);
    item->copies = NULL;
    item->copy_count = 0;
}

bool
aks_item_row_holds(const struct aks_item *item, const struct aks_stored *row)
{
    return strcmp(row->sha256, item->sha256) == 0 &&
        strcmp(row->wal.sha256, item->wal_sha256) == 0;
}

bool
aks_item_copy_holds(const struct aks_copy *copy)
{
    return (copy->state == AKS_COPY_STORED || copy->state == AKS_COPY_UNCHANGED) &&
        aks_item_row_holds(copy->item, &copy->row);
}

bool
aks_item_copy_owed(const struct aks_copy *copy)
{
    return copy->state != AKS_COPY_SKIPPED && !aks_item_copy_holds(copy);
}

const struct aks_copy *
aks_item_copy(const struct aks_item *item, size_t target)
{
    for (size_t i = 0; i < item->copy_count; i++) {
        if (item->copies[i].target == target)
            return &item->copies[i];
    }
    return NULL;
}

const struct aks_copy *
aks_item_held(const struct aks_item *item, size_t target)
{
    const struct aks_copy *copy = aks_item_copy(item, target);

    return copy != NULL && aks_item_copy_holds(copy) ? copy : NULL;
}

size_t
aks_item_held_count(const struct aks_item *item)
{
    size_t count = 0;

    for (size_t i = 0; i < item->copy_count; i++)
        count += aks_item_copy_holds(&item->copies[i]);
    return count;
}

/* Copies of one kind: how many hold, and how many are wanted at all. */
static void
count_kind(const struct aks_item *item, bool rows, size_t *ret_held, size_t *ret_wanted)
{
    *ret_held = 0;
    *ret_wanted = 0;
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (copy->rows != rows)
            continue;
        *ret_held += aks_item_copy_holds(copy);
        *ret_wanted += copy->state != AKS_COPY_SKIPPED;
    }
}

static size_t
at_most(size_t needed, size_t wanted)
{
    return needed < wanted ? needed : wanted;
}

/* Of all copies that have to hold it, rows are some; of a number, only as far as they count. */
bool
aks_item_enough(const struct aks_item *item)
{
    bool all = item->mirror && item->needed == item->copy_count;
    size_t files;
    size_t files_wanted;
    size_t rows;
    size_t rows_wanted;

    count_kind(item, false, &files, &files_wanted);
    count_kind(item, true, &rows, &rows_wanted);
    switch (item->deliver) {
    case AKS_DELIVER_FILES:
        return files > 0 && files >= at_most(item->needed, files_wanted) &&
            (!all || rows >= rows_wanted);
    case AKS_DELIVER_BOTH:
        return files + rows > 0 && files >= at_most(item->needed, files_wanted) &&
            rows >= at_most(item->needed, rows_wanted);
    case AKS_DELIVER_DEFAULT:
    case AKS_DELIVER_ANY:
        break;
    }
    return files + rows > 0 && files + rows >= at_most(item->needed, files_wanted + rows_wanted);
}

bool
aks_item_counts(const struct aks_copy *copy)
{
    return !copy->rows || copy->item->deliver != AKS_DELIVER_FILES;
}

void
aks_item_learn(struct aks_item *item, const struct aks_stored *row)
{
    memcpy(item->sha256, row->sha256, sizeof(item->sha256));
    memcpy(item->wal_sha256, row->wal.sha256, sizeof(item->wal_sha256));
    item->info = row->info;
    item->info_racy = row->info_racy;
    item->wal_there = row->wal_there;
    item->wal_info = row->wal_info;
}

void
aks_item_seen(struct aks_item *item, const struct aks_snapshot *snapshot)
{
    AKS_CHECK(snapshot->files[AKS_SNAPSHOT_MAIN].sha256[0] != '\0');
    memcpy(item->sha256, snapshot->files[AKS_SNAPSHOT_MAIN].sha256, sizeof(item->sha256));
    memcpy(item->wal_sha256, snapshot->files[AKS_SNAPSHOT_WAL].sha256, sizeof(item->wal_sha256));
    item->info = snapshot->sources[AKS_SNAPSHOT_MAIN].info;
    item->info_racy = snapshot->racy;
    item->wal_there = snapshot->sources[AKS_SNAPSHOT_WAL].there;
    item->wal_info = snapshot->sources[AKS_SNAPSHOT_WAL].info;
}

void
aks_item_stamp(const struct aks_item *item, struct aks_stored *row)
{
    row->info = item->info;
    row->info_racy = item->info_racy;
    row->wal_there = item->wal_there;
    row->wal_info = item->wal_info;
}
