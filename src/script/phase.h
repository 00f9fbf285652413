/* When a function of `akosha` may be called: one table of all of them (phase.c), asked wherever one
 * is called. A phase is the VM's, not a coroutine's: one that was made while the policy was loaded
 * and goes on in a decision is in the decision. */
#ifndef AKS_SCRIPT_PHASE_H
#define AKS_SCRIPT_PHASE_H

#include <lua.h>

#include <stddef.h>

enum aks_phase {
    AKS_PHASE_LOAD,         /* the policy's text runs */
    AKS_PHASE_DECIDE,       /* one of its functions answers a question */
    AKS_PHASE_TASK,         /* its task runs */
    AKS_PHASE_TEST,         /* a test of policies runs: in a state of its own (testkit/lib_testing),
                             * without `akosha`; here only what is legal nowhere else has it */
    AKS_PHASES
};

#define AKS_PHASE_IN(phase) (1u << (phase))
/* In every phase of a policy. */
#define AKS_PHASE_ANY                                                                              \
    (AKS_PHASE_IN(AKS_PHASE_LOAD) | AKS_PHASE_IN(AKS_PHASE_DECIDE) | AKS_PHASE_IN(AKS_PHASE_TASK))

struct aks_phase_rule {
    const char *module;     /* "akosha.retry" */
    const char *name;       /* "fixed" */
    unsigned legal;         /* AKS_PHASE_IN of each */
};

/** "load", "decide", "task", "test". */
const char *aks_phase_name(enum aks_phase phase);
/** The rule at ${place}, from 0; NULL behind the last. */
const struct aks_phase_rule *aks_phase_rule_at(size_t place);
/** The table on top is what our module ${module} gives to policies: of its functions, those that
 * are not legal everywhere become ones that look first. [-0, +0, raises] */
void aks_phase_guard(lua_State *L, const char *module);
/** Raises "${what}: only in a task; this is a decision (retry)" unless the VM is in a phase of
 * ${legal}. [-0, +0, raises] */
void aks_phase_check(lua_State *L, const char *what, unsigned legal);

#endif
