#include "sim/agenda.h"

#include "base/check.h"
#include "base/units.h"

#include <string.h>

/* Entries that are due together are told apart by so much, which is nothing to anybody else. */
#define SHUFFLE_NS 1000

void
aks_agenda_init(struct aks_agenda *agenda, const struct aks_alloc *alloc, uint64_t seed,
    int64_t wall_ms)
{
    memset(agenda, 0, sizeof(*agenda));
    agenda->alloc = alloc;
    aks_heap_init(&agenda->heap, alloc);
    aks_rng_init(&agenda->rng, seed);
    agenda->wall_offset_ms = wall_ms;
}

void
aks_agenda_fini(struct aks_agenda *agenda)
{
    aks_heap_fini(&agenda->heap);
}

enum aks_status
aks_agenda_enter(struct aks_agenda *agenda, struct aks_agenda_entry *entry, int64_t delay_ns,
    void (*fire)(void *ctx), void *ctx)
{
    int64_t shuffle_ns = (int64_t)(aks_rng_next(&agenda->rng) % SHUFFLE_NS);

    AKS_CHECK(delay_ns >= 0);
    AKS_CHECK(entry->node.place == 0);
    if (delay_ns > INT64_MAX - agenda->now_ns - shuffle_ns)
        delay_ns = INT64_MAX - agenda->now_ns - shuffle_ns;
    entry->fire = fire;
    entry->ctx = ctx;
    return aks_heap_insert(&agenda->heap, &entry->node, agenda->now_ns + delay_ns + shuffle_ns);
}

void
aks_agenda_remove(struct aks_agenda *agenda, struct aks_agenda_entry *entry)
{
    aks_heap_remove(&agenda->heap, &entry->node);
}

void
aks_agenda_pass(struct aks_agenda *agenda, int64_t ns)
{
    AKS_CHECK(ns >= 0);
    agenda->now_ns = ns > INT64_MAX - agenda->now_ns ? INT64_MAX : agenda->now_ns + ns;
}

bool
aks_agenda_step(struct aks_agenda *agenda, int64_t limit_ns)
{
    struct aks_heap_node *node = aks_heap_first(&agenda->heap);
    struct aks_agenda_entry *entry = (struct aks_agenda_entry *)node;

    if (node == NULL || (limit_ns >= 0 && node->key - agenda->now_ns > limit_ns)) {
        if (limit_ns > 0)
            aks_agenda_pass(agenda, limit_ns);
        return false;
    }
    if (node->key > agenda->now_ns)
        agenda->now_ns = node->key;
    aks_heap_remove(&agenda->heap, node);
    entry->fire(entry->ctx);
    return true;
}

int64_t
aks_agenda_true_ms(const struct aks_agenda *agenda)
{
    return agenda->wall_offset_ms + agenda->now_ns / AKS_NS_PER_MS;
}

int64_t
aks_agenda_wall_ms(const struct aks_agenda *agenda)
{
    return aks_agenda_true_ms(agenda) + agenda->skew_ms;
}
