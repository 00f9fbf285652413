/* Simulated workers: work runs on the loop's thread, in a seeded order, some while after it was
 * submitted. What needs real threads to go wrong is for ThreadSanitizer to see. */
#ifndef AKS_SIM_WORK_SIM_H
#define AKS_SIM_WORK_SIM_H

#include "base/alloc.h"
#include "base/rng.h"
#include "port/work.h"
#include "sim/agenda.h"

struct aks_work_sim_job;

struct aks_work_sim {
    const struct aks_alloc *alloc;
    struct aks_agenda *agenda;
    struct aks_rng rng;
    unsigned width;
    unsigned under_way;
    struct aks_work_sim_job *jobs;
};

void aks_work_sim_init(struct aks_work_sim *work, const struct aks_alloc *alloc,
    struct aks_agenda *agenda, uint64_t seed, unsigned width);
/** Jobs that are under way are dropped. */
void aks_work_sim_fini(struct aks_work_sim *work);
/** Borrows ${work}. */
struct aks_work aks_work_sim_port(struct aks_work_sim *work);
/** Runs and completes everything that is under way, and what that submits, now. */
void aks_work_sim_drain(struct aks_work_sim *work);

#endif
