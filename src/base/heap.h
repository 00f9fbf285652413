/* A binary min-heap of nodes that live in their owners: timers by due time. A node knows its place,
 * so it can be removed from the middle. */
#ifndef AKS_BASE_HEAP_H
#define AKS_BASE_HEAP_H

#include "base/alloc.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct aks_heap_node {
    int64_t key;            /* smallest first; equal keys in order of insertion */
    uint64_t order;
    size_t place;           /* 1-based; 0 = in no heap */
};

struct aks_heap {
    const struct aks_alloc *alloc;
    struct aks_heap_node **nodes;
    size_t count;
    size_t capacity;
    uint64_t inserted;
};

void aks_heap_init(struct aks_heap *heap, const struct aks_alloc *alloc);
/** Forgets all nodes; they are their owners'. */
void aks_heap_fini(struct aks_heap *heap);
/** ${node} must be in no heap. AKS_LIMIT if there is no memory. */
enum aks_status aks_heap_insert(struct aks_heap *heap, struct aks_heap_node *node, int64_t key);
/** A node that is in no heap is left alone. */
void aks_heap_remove(struct aks_heap *heap, struct aks_heap_node *node);
/** The smallest, or NULL. */
struct aks_heap_node *aks_heap_first(const struct aks_heap *heap);

#endif
