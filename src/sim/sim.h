/* One simulated machine: every port on one virtual clock, out of one seed. What os/ is to a real
 * process, this is to a world. A process in it can die at any step and another one be started on
 * what it left: while dead, every step fails without effect, so that the code that was running
 * unwinds by itself and frees what it held. */
#ifndef AKS_SIM_SIM_H
#define AKS_SIM_SIM_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/port.h"
#include "sim/agenda.h"
#include "sim/fault.h"
#include "sim/files_sim.h"
#include "sim/network_sim.h"
#include "sim/process_sim.h"

#include <stdbool.h>
#include <stdint.h>

#define AKS_SIM_VARIABLES_MAX 256

struct aks_sim_options {
    const struct aks_alloc *alloc;
    uint64_t seed;
    int64_t wall_ms;                    /* true time at the beginning */
    int32_t utc_offset_s;               /* of local time; 0: UTC */
    struct aks_sim_hook hook;           /* asked at every step while the process lives; step may
                                         * be NULL */
    const char *host_name;
    const char *home;
    const char *working_folder;
    unsigned width;                     /* workers; 0: 2 */
};

struct aks_sim;

/** Texts are copied. The home and the working folder are made. */
enum aks_status aks_sim_new(const struct aks_sim_options *options, struct aks_sim **ret_sim,
    struct aks_error *err);
/** No engine may be open on it. NULL is fine. */
void aks_sim_free(struct aks_sim *sim);

/** Hand this to an engine. Lives as long as ${sim}. */
const struct aks_port *aks_sim_port(const struct aks_sim *sim);
struct aks_files_sim *aks_sim_files(struct aks_sim *sim);
struct aks_network_sim *aks_sim_network(struct aks_sim *sim);
struct aks_agenda *aks_sim_agenda(struct aks_sim *sim);

/** Pieces of work that have not completed. */
unsigned aks_sim_work_under_way(const struct aks_sim *sim);

/** Sets ("NAME", "value") or, with NULL, removes a variable; between processes only. */
enum aks_status aks_sim_variable(struct aks_sim *sim, const char *name, const char *value,
    struct aks_error *err);

/** Local time is ${utc_offset_s} ahead of UTC from now on: summer begins, or somebody travels. */
void aks_sim_utc_offset(struct aks_sim *sim, int32_t utc_offset_s);
/** Lets there be a program, or changes one; between processes only. */
enum aks_status aks_sim_program(struct aks_sim *sim, const struct aks_sim_program *program,
    struct aks_error *err);
/** How often it was started. */
unsigned aks_sim_program_starts(const struct aks_sim *sim, const char *name);

/** Has a process started a worker that nobody has run yet? It is then for whoever drives the
 * machine to run one (akosha_worker, with inherited). */
bool aks_sim_worker_started(const struct aks_sim *sim);
/** How often one was started. */
unsigned aks_sim_worker_starts(const struct aks_sim *sim);

/** The process dies now. It must unwind, and aks_sim_restart be called, before another lives. */
void aks_sim_kill(struct aks_sim *sim);
bool aks_sim_dead(const struct aks_sim *sim);
/** After everything that ran has unwound: what is left of the disk (${power}: it was cut off), and
 * nothing of the connections. A process may live again. Fine on one that did not die. */
void aks_sim_restart(struct aks_sim *sim, bool power);
/** Between processes: lets time pass and whatever is due in it happen. */
void aks_sim_pass(struct aks_sim *sim, int64_t ns);

#endif
