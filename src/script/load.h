/* The policy layer's door: turns a policy's text into settings and answers for the engine.
 *
 * Nothing here touches the world: the text, the modules beside it and the environment are handed
 * in. One load is one Lua state with limits of its own; what goes over a limit fails and stays
 * failed. A loaded policy is used on one thread at a time. */
#ifndef AKS_SCRIPT_LOAD_H
#define AKS_SCRIPT_LOAD_H

#include "base/alloc.h"
#include "base/log.h"
#include "base/units.h"
#include "engine/policy.h"
#include "port/clock.h"
#include "port/entropy.h"
#include "script/lines.h"
#include "script/problem.h"

#include <stddef.h>
#include <stdint.h>

/* Loading prod.lua takes 60 KiB and, with what is charged for memory, 1,000 instructions; the
 * rest is room for tables of rules. */
#define AKS_SCRIPT_MEMORY_BYTES (32 * AKS_MIB)
/* One string: single instructions compare or read the whole of it, and no limit is looked at
 * meanwhile. */
#define AKS_SCRIPT_STRING_BYTES (4 * AKS_MIB)
/* Values on the stack of one coroutine. A table that is its own __call is asked for its __call
 * until the stack is full, with all values moved each time, and no instruction is counted: 0.2 s
 * for these, 150 s for the million that Lua allows. */
#define AKS_SCRIPT_STACK_VALUES 65536
#define AKS_SCRIPT_LOAD_INSTRUCTIONS INT64_C(10000000)      /* about 0.1 s */
#define AKS_SCRIPT_DECISION_INSTRUCTIONS INT64_C(1000000)   /* about 10 ms */
#define AKS_SCRIPT_LOAD_MS (5 * AKS_MS_PER_S)
#define AKS_SCRIPT_DECISION_MS (1 * AKS_MS_PER_S)
/* Lines that a policy may log while it is loaded, or in one decision; later ones are dropped. */
#define AKS_SCRIPT_LOG_LINES 100
/* Coroutines that there are at once, those of a task among them. Each takes about 1 KiB. */
#define AKS_SCRIPT_COROUTINES 1024

/* So many times as many for a whole task. */
#define AKS_SCRIPT_TASK_LOG_TIMES 10
/* Of a task: how long it may go on, waiting included; coroutines that live at once; and turns, each
 * of which is a decision's limits of work: a loop that never really waits ends here. */
#define AKS_SCRIPT_TASK_MS (6 * 3600 * AKS_MS_PER_S)
#define AKS_SCRIPT_TASK_COROUTINES 1000
#define AKS_SCRIPT_TASK_TURNS INT64_C(1000000)
/* Turns before the engine looks at what else there is: those that begin each other would never let
 * it. As long as the limit of instructions lets each be, they take 0.2 s. */
#define AKS_SCRIPT_TASK_TURNS_AT_ONCE 16

/* Everything is borrowed, and must outlive the loader and every policy that it loads. */
struct aks_script_options {
    const struct aks_alloc *alloc;
    const struct aks_clock *clock;      /* NULL: wall time is not limited, only instructions are */
    const struct aks_log *log;          /* where akosha.log and print go; may be NULL */
    /* math.random, and the jitter of schedules that a policy asks, are seeded by the policy's text,
     * by this, and by what the entropy gives at each load; it may be NULL. */
    uint64_t seed;
    const struct aks_entropy *entropy;
    const struct aks_script_lines *lines;   /* who is told which lines run; NULL: nobody */
    /* Who is told all that is wrong; NULL: the first error ends the load. */
    const struct aks_script_problems *problems;
    const char *const *allowed_names;   /* variables beyond the allow list (--allow-env) */
    size_t allowed_count;
    unsigned part_divisor;              /* of what the policy says of part sizes; 0: 1 */
    struct aks_policy_limits limits;    /* where the text to load has none of its own */
};

/** A loader over ${options}. A text whose text is NULL means the built-in default policy. */
void aks_script_loader_init(struct aks_policy_loader *ret_loader,
    struct aks_script_options *options);

#endif
