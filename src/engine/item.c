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
    for (size_t i = 0; i < item->copy_count; i++)
        aks_stored_fini(alloc, &item->copies[i].row);
    aks_mem_free(alloc, item->copies);
    item->copies = NULL;
    item->copy_count = 0;
}

bool
aks_item_copy_holds(const struct aks_copy *copy)
{
    return (copy->state == AKS_COPY_STORED || copy->state == AKS_COPY_UNCHANGED) &&
        strcmp(copy->row.sha256, copy->item->sha256) == 0;
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

bool
aks_item_enough(const struct aks_item *item)
{
    size_t held = aks_item_held_count(item);
    size_t wanted = item->copy_count;

    for (size_t i = 0; i < item->copy_count; i++)
        wanted -= item->copies[i].state == AKS_COPY_SKIPPED;
    return held > 0 && held >= (item->needed < wanted ? item->needed : wanted);
}
