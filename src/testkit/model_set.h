/* What a model keeps under names, in byte order of the names: an array of pointers. */
#ifndef AKS_TESTKIT_MODEL_SET_H
#define AKS_TESTKIT_MODEL_SET_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>

/* Items are structs whose first member is their key: const char *. They are their owner's. */
struct aks_model_set {
    const struct aks_alloc *alloc;
    void **items;
    size_t count;
    size_t capacity;
};

void aks_model_set_init(struct aks_model_set *set, const struct aks_alloc *alloc);
/** Frees each item with ${free}. */
void aks_model_set_fini(struct aks_model_set *set, void (*free)(void *ctx, void *item), void *ctx);
/** Place of the first item whose key is not before ${key}; count if there is none. */
size_t aks_model_set_from(const struct aks_model_set *set, const char *key);
/** NULL if there is none. */
void *aks_model_set_find(const struct aks_model_set *set, const char *key);
/** Makes room for one more, so that the next aks_model_set_add cannot fail. */
bool aks_model_set_reserve(struct aks_model_set *set);
/** The key must not be there; room must be. */
void aks_model_set_add(struct aks_model_set *set, void *item);
/** Takes the item out; NULL if there is none. */
void *aks_model_set_take(struct aks_model_set *set, const char *key);

#endif
