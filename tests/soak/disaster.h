/* A bad day out of a seed: a policy, some sources, a plan of faults, deaths, power cuts, full
 * disks, wrong clocks, somebody who writes meanwhile; then everything is well again and one last
 * run must bring all of it home. */
#ifndef AKS_SOAK_DISASTER_H
#define AKS_SOAK_DISASTER_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISASTER_MASK_ALL UINT64_MAX

struct disaster_options {
    uint64_t seed;
    bool real_geometry;         /* 20 MiB in parts of 5 MiB, instead of 20 KiB in parts of 5 KiB */
    uint64_t mask;              /* bit i: rule i of the plan is in force; bit 32 + i: so is the
                                 * trouble of round i */
};

struct disaster_figures {
    unsigned runs;
    unsigned deaths;
    unsigned jobs;              /* enqueued */
    unsigned rules;             /* in the plan */
    unsigned rounds;
    unsigned struck;            /* rules that did something */
    uint64_t steps;
    int64_t virtual_ns;
};

/** AKS_OK, or what law was broken. ${story} gets everything that happened (NULL: not wanted). */
enum aks_status disaster_run(const struct disaster_options *options, struct aks_buf *story,
    struct disaster_figures *ret_figures, struct aks_error *err);
/** Says in words what a seed holds, with ${mask}. */
void disaster_describe(const struct disaster_options *options, struct aks_buf *out);

#endif
