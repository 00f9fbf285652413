/* Simulated programs: what each writes, how long it takes and how it ends. A name that is not
 * among them is no program. */
#ifndef AKS_SIM_PROCESS_SIM_H
#define AKS_SIM_PROCESS_SIM_H

#include "base/alloc.h"
#include "port/process.h"
#include "sim/agenda.h"

#include <stdint.h>

#define AKS_SIM_PROGRAMS_MAX 16

struct aks_sim_program {
    const char *name;                   /* argv[0] */
    const char *asked;                  /* one of that name which is meant only where this stands in
                                         * one of its other arguments; NULL: however it is asked */
    const char *output;
    const char *errors;                 /* for people; may be NULL */
    int exit_code;
    int64_t takes_ms;
};

struct aks_process_sim {
    const struct aks_alloc *alloc;
    struct aks_agenda *agenda;
    const bool *dead;                   /* nothing is started by a process that has died */
    struct {
        struct aks_sim_program program;
        char *name;
        char *asked;                    /* or NULL */
        char *output;
        char *errors;                   /* or NULL */
        unsigned starts;
    } programs[AKS_SIM_PROGRAMS_MAX];
    size_t count;
};

void aks_process_sim_init(struct aks_process_sim *process, const struct aks_alloc *alloc,
    struct aks_agenda *agenda, const bool *dead);
void aks_process_sim_fini(struct aks_process_sim *process);
/** Borrows ${process}. */
struct aks_process aks_process_sim_port(struct aks_process_sim *process);
/** Makes a program, or another one of one that is there: of the same name, asked for the same.
 * Texts are copied. The first that fits is run. */
enum aks_status aks_process_sim_set(struct aks_process_sim *process,
    const struct aks_sim_program *program, struct aks_error *err);
/** How often one of that name was started. */
unsigned aks_process_sim_starts(const struct aks_process_sim *process, const char *name);

#endif
