#include "testkit/model_set.h"

#include "base/check.h"

#include <string.h>

#define FIRST_CAPACITY 16

static const char *
key_of(const void *item)
{
    const char *const *key = item;

    return *key;
}

void
aks_model_set_init(struct aks_model_set *set, const struct aks_alloc *alloc)
{
    memset(set, 0, sizeof(*set));
    set->alloc = alloc;
}

void
aks_model_set_fini(struct aks_model_set *set, void (*free)(void *ctx, void *item), void *ctx)
{
    for (size_t i = 0; i < set->count; i++)
        free(ctx, set->items[i]);
    aks_mem_free(set->alloc, set->items);
    aks_model_set_init(set, set->alloc);
}

size_t
aks_model_set_from(const struct aks_model_set *set, const char *key)
{
    size_t first = 0;
    size_t end = set->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (strcmp(key_of(set->items[middle]), key) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static bool
is_at(const struct aks_model_set *set, size_t at, const char *key)
{
    return at < set->count && strcmp(key_of(set->items[at]), key) == 0;
}

void *
aks_model_set_find(const struct aks_model_set *set, const char *key)
{
    size_t at = aks_model_set_from(set, key);

    return is_at(set, at, key) ? set->items[at] : NULL;
}

bool
aks_model_set_reserve(struct aks_model_set *set)
{
    size_t capacity = set->capacity > 0 ? 2 * set->capacity : FIRST_CAPACITY;
    void **items;

    if (set->count < set->capacity)
        return true;
    items = aks_mem_resize(set->alloc, set->items, capacity * sizeof(*items));
    if (items == NULL)
        return false;
    set->items = items;
    set->capacity = capacity;
    return true;
}

void
aks_model_set_add(struct aks_model_set *set, void *item)
{
    size_t at = aks_model_set_from(set, key_of(item));

    AKS_CHECK(set->count < set->capacity);
    AKS_CHECK(!is_at(set, at, key_of(item)));
    memmove(set->items + at + 1, set->items + at, (set->count - at) * sizeof(*set->items));
    set->items[at] = item;
    set->count++;
}

void *
aks_model_set_take(struct aks_model_set *set, const char *key)
{
    size_t at = aks_model_set_from(set, key);
    void *item;

    if (!is_at(set, at, key))
        return NULL;
    item = set->items[at];
    set->count--;
    memmove(set->items + at, set->items + at + 1, (set->count - at) * sizeof(*set->items));
    return item;
}
