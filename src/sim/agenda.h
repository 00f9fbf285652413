/* Virtual time, and what happens in it: entries with a due time, taken out one by one. Time moves
 * only here. Entries that are due at the same time come in a seeded order. */
#ifndef AKS_SIM_AGENDA_H
#define AKS_SIM_AGENDA_H

#include "base/heap.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

struct aks_agenda_entry {
    struct aks_heap_node node;          /* first; zeroed before the first use */
    void (*fire)(void *ctx);
    void *ctx;
};

struct aks_agenda {
    const struct aks_alloc *alloc;
    struct aks_heap heap;
    struct aks_rng rng;
    int64_t now_ns;                     /* since the world began; never goes back */
    int64_t slept_ns;                   /* of these the machine slept */
    int64_t wall_offset_ms;             /* the true wall clock at now_ns 0 */
    int64_t skew_ms;                    /* how far this machine's wall clock is off */
};

void aks_agenda_init(struct aks_agenda *agenda, const struct aks_alloc *alloc, uint64_t seed,
    int64_t wall_ms);
/** Forgets what is left; entries are their owners'. */
void aks_agenda_fini(struct aks_agenda *agenda);
/** ${entry} must not be entered already. Due ${delay_ns} >= 0 from now, or less than a microsecond
 * later: so far the seed tells apart what is due together. */
enum aks_status aks_agenda_enter(struct aks_agenda *agenda, struct aks_agenda_entry *entry,
    int64_t delay_ns, void (*fire)(void *ctx), void *ctx);
/** Fine on one that is not entered. */
void aks_agenda_remove(struct aks_agenda *agenda, struct aks_agenda_entry *entry);
/** Lets ${ns} >= 0 pass without anything happening: a slow disk, a lid closed. */
void aks_agenda_pass(struct aks_agenda *agenda, int64_t ns);
/** Goes to the next entry if it is due within ${limit_ns} (negative: no limit) and fires it; true.
 * Else lets ${limit_ns} pass; false. With nothing entered and no limit: false, no time passes. */
bool aks_agenda_step(struct aks_agenda *agenda, int64_t limit_ns);
/** Wall clock of the world, and of this machine (with its skew). */
int64_t aks_agenda_true_ms(const struct aks_agenda *agenda);
int64_t aks_agenda_wall_ms(const struct aks_agenda *agenda);

#endif
