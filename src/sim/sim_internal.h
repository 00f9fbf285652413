/* The parts of struct aks_sim, for sim.c alone, and the small ports that have no header of their
 * own. */
#ifndef AKS_SIM_SIM_INTERNAL_H
#define AKS_SIM_SIM_INTERNAL_H

#include "sim/background_sim.h"
#include "sim/environment_sim.h"
#include "sim/process_sim.h"
#include "sim/sim.h"
#include "sim/vfs_sim.h"
#include "sim/work_sim.h"

struct aks_sim {
    const struct aks_alloc *alloc;
    struct aks_sim_hook above;          /* who decides about faults */
    struct aks_sim_hook hook;           /* what the parts ask: sim.c */
    struct aks_rng entropy;
    struct aks_agenda agenda;
    struct aks_work_sim work;
    struct aks_environment_sim environment;
    struct aks_process_sim process;
    struct aks_background_sim background;
    struct aks_files_sim *files;
    struct aks_vfs_sim *vfs;
    struct aks_network_sim *network;
    struct aks_port port;
    int32_t utc_offset_s;
    bool dead;
    bool woken;
};

#endif
