#include "base/heap.h"

#include "base/check.h"

#include <stdbool.h>
#include <string.h>

void
aks_heap_init(struct aks_heap *heap, const struct aks_alloc *alloc)
{
    memset(heap, 0, sizeof(*heap));
    heap->alloc = alloc;
}

void
aks_heap_fini(struct aks_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        heap->nodes[i]->place = 0;
    aks_mem_free(heap->alloc, heap->nodes);
    heap->nodes = NULL;
    heap->count = 0;
    heap->capacity = 0;
}

static bool
before(const struct aks_heap_node *a, const struct aks_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void
put(struct aks_heap *heap, size_t index, struct aks_heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void
sift_up(struct aks_heap *heap, size_t index, struct aks_heap_node *node)
{
    while (index > 0 && before(node, heap->nodes[(index - 1) / 2])) {
        put(heap, index, heap->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(heap, index, node);
}

static void
sift_down(struct aks_heap *heap, size_t index, struct aks_heap_node *node)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!before(heap->nodes[child], node))
            break;
        put(heap, index, heap->nodes[child]);
        index = child;
    }
    put(heap, index, node);
}

enum aks_status
aks_heap_insert(struct aks_heap *heap, struct aks_heap_node *node, int64_t key)
{
    AKS_CHECK(node->place == 0);
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity > 0 ? 2 * heap->capacity : 16;
        struct aks_heap_node **nodes =
            aks_mem_resize(heap->alloc, heap->nodes, capacity * sizeof(struct aks_heap_node *));

        if (nodes == NULL)
            return AKS_LIMIT;
        heap->nodes = nodes;
        heap->capacity = capacity;
    }
    node->key = key;
    node->order = heap->inserted++;
    heap->count++;
    sift_up(heap, heap->count - 1, node);
    return AKS_OK;
}

void
aks_heap_remove(struct aks_heap *heap, struct aks_heap_node *node)
{
    struct aks_heap_node *last;
    size_t index;

    if (node->place == 0)
        return;
    index = node->place - 1;
    AKS_CHECK(index < heap->count && heap->nodes[index] == node);
    node->place = 0;
    last = heap->nodes[--heap->count];
    if (last == node)
        return;
    if (index > 0 && before(last, heap->nodes[(index - 1) / 2]))
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

struct aks_heap_node *
aks_heap_first(const struct aks_heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}
