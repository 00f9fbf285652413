/* A simulated worker's seat. There is one process at a time in a simulated machine: what start
 * starts is a promise that whoever drives the machine keeps by running a worker as the next
 * process, which then inherits the seat. */
#ifndef AKS_SIM_BACKGROUND_SIM_H
#define AKS_SIM_BACKGROUND_SIM_H

#include "base/alloc.h"
#include "port/background.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_SIM_MESSAGES_MAX 1024

enum aks_sim_seat { AKS_SIM_SEAT_FREE, AKS_SIM_SEAT_STARTED, AKS_SIM_SEAT_HELD };

struct aks_background_sim {
    const struct aks_alloc *alloc;
    const bool *dead;
    bool *woken;                        /* set when a message comes */
    enum aks_sim_seat seat;
    unsigned starts;
    struct {
        char *data;
        size_t len;
    } messages[AKS_SIM_MESSAGES_MAX];
    size_t count;
    struct aks_seat *listening;
};

void aks_background_sim_init(struct aks_background_sim *background, const struct aks_alloc *alloc,
    const bool *dead, bool *woken);
void aks_background_sim_fini(struct aks_background_sim *background);
/** Borrows ${background}. */
struct aks_background aks_background_sim_port(struct aks_background_sim *background);
/** Hands the messages that have come to who listens: from a wait. */
void aks_background_sim_deliver(struct aks_background_sim *background);
/** The process is gone, and with it the seat that it had; ${power}: and one that was only
 * promised. What nobody has heard goes with the seat. */
void aks_background_sim_crash(struct aks_background_sim *background, bool power);

#endif
