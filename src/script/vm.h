/* One Lua state under a memory ceiling and a budget, and what belongs to it. Internal to script/.
 *
 * Stack contracts of functions that take a lua_State are written [-pops, +pushes, raises?]. A
 * function that may raise leaves by longjmp: its callers own nothing that only C knows of. What
 * C must own sits in struct aks_vm. */
#ifndef AKS_SCRIPT_VM_H
#define AKS_SCRIPT_VM_H

#include "base/rng.h"
#include "data/digest.h"
#include "engine/decide.h"
#include "script/load.h"
#include "script/locate.h"
#include "script/phase.h"

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_VM_POSITION_BYTES 512
#define AKS_VM_TRACE_BYTES 320
#define AKS_VM_UNSET_BYTES 200

/* In the registry: the list of the names of the policy's chunks, as shown. */
#define AKS_CALL_CHUNKS "akosha.chunks"

/* Tables that next is called with are remembered, so many at a time (script/walk.c). */
#define AKS_VM_WALKS 4

/* A field within a field of what a policy says, where it is only checked (script/problem.h). */
#define AKS_VM_STEPS_MAX 3
#define AKS_VM_MEANT_MAX 8

/* Which limit ended the call. Once set it stays set until the next call from C begins. */
enum aks_vm_limit {
    AKS_VM_WITHIN, AKS_VM_WORK, AKS_VM_TIME,
    AKS_VM_MEMORY,      /* the ceiling */
    AKS_VM_STRING,      /* one string that is too long */
    AKS_VM_COROUTINES,
    AKS_VM_STACK,       /* calls that go too deep, or too many values at once */
    AKS_VM_NO_MEMORY    /* the machine has none */
};

enum aks_vm_question {
    AKS_VM_ROUTE, AKS_VM_DEDUP, AKS_VM_COMPRESS, AKS_VM_SNAPSHOT, AKS_VM_RETRY, AKS_VM_THROTTLE,
    AKS_VM_FINISHED,
    AKS_VM_RUN,         /* not asked, but begun */
    AKS_VM_QUESTIONS
};

/* How a schedule of akosha.retry grows. From linear on, the engine's settings cannot say it. */
enum aks_growth {
    AKS_GROWTH_NONE, AKS_GROWTH_FIXED, AKS_GROWTH_EXPONENTIAL, AKS_GROWTH_LINEAR,
    AKS_GROWTH_DECORRELATED,
    AKS_GROWTH_BY_FAILURE, AKS_GROWTH_BY_TARGET     /* no growth: other schedules */
};

struct aks_schedule {
    enum aks_growth growth;
    struct aks_retry_settings settings;
    int64_t step_ms;                    /* linear only */
    /* By failure only: one for each status, none of them by failure; the handle keeps them. */
    const struct aks_schedule *const *by_failure;
    /* By target only: the names, and one for each of them and then one for all others, none of them
     * by target; the handle keeps them. */
    const char *const *targets;
    const struct aks_schedule *const *by_target;
    size_t target_count;
};

/* What the message handler found out while the stack was still there. */
struct aks_vm_failure {
    char position[AKS_VM_POSITION_BYTES];   /* "policies/prod.lua:12", or empty */
    char message[AKS_ERROR_MESSAGE_BYTES];  /* without the position */
    char trace[AKS_VM_TRACE_BYTES];         /* the policy's frames above the first, or empty */
};

struct aks_vm_walk {
    const void *table;      /* NULL: free; else the registry holds it and its keys */
    size_t count;
    size_t at;              /* the key that was given last, from 1; 0 if none */
};

struct aks_tasker;

struct aks_vm {
    lua_State *L;
    const struct aks_alloc *alloc;
    const struct aks_clock *clock;
    const struct aks_log *log;
    const struct aks_script_options *options;
    struct aks_policy_limits limits;

    int64_t memory_used;            /* with what stands in front of each block */
    int64_t coroutines;             /* that there are */
    bool memory_refused;            /* a block was refused by the ceiling (Lua may have coped) */
    size_t refused_bytes;           /* of the block that was refused last, 0 after any other */
    bool no_memory;                 /* said by an error that reached us as an ordinary one */
    uint64_t objects_made;          /* see script/identity.h */
    uint32_t objects_shown;
    struct aks_vm_walk walks[AKS_VM_WALKS];
    size_t walks_begun;

    bool armed;                     /* a call is running and is charged */
    int64_t work;                   /* what the call may take, and its milliseconds */
    int64_t work_ms;
    int64_t work_left;              /* instructions, and what is charged as such */
    int64_t deadline_ns;            /* INT64_MAX: none */
    enum aks_vm_limit limit;

    enum aks_phase phase;
    const char *question;           /* "retry" and so on; NULL while loading */
    int64_t log_lines;
    int64_t log_lines_max;
    const char *builder_name;       /* "akosha.task" where that builds the policy, else NULL */
    struct aks_tasker *tasker;      /* of a policy that is a task, once it is loaded */
    struct aks_vm_failure failure;
    char unset[AKS_VM_UNSET_BYTES]; /* variables that the policy read and that are not set */

    const struct aks_policy_text *text;     /* while loading only */
    char sha256[AKS_SHA256_HEX_BYTES];      /* of the policy's text */
    uint64_t seed;                  /* its first eight bytes, and what the run brings to them */
    const char *path;               /* as shown: the file, or "built-in default" */
    struct aks_settings settings;   /* filled by akosha.policy */
    bool built;                     /* akosha.policy has succeeded */
    bool asks[AKS_VM_QUESTIONS];    /* the policy has a function for it, kept in the registry */
    bool retry_by_schedule;         /* retry is a schedule that the settings cannot express */
    struct aks_schedule schedule;
    const char *asked_source;       /* where the function that is asked was written, for errors */
    int asked_line;                 /* with no line of their own; NULL: not known */
    const char *line_source;        /* of the line that was told last, while the function runs */
    int line;                       /* 0: none was, or lines are not told */
    struct aks_policy_place answered;   /* where the last answer was made */
    char answered_file[AKS_VM_POSITION_BYTES];
    struct aks_rng rng;
    const struct aks_now_facts *now;    /* the engine's, or NULL */
    bool now_stale;                 /* the registry has the table of an earlier one */

    /* Where the policy is only checked. */
    const char *builder;            /* whose field is being taken */
    struct aks_locate_step steps[AKS_VM_STEPS_MAX];
    size_t step_count;
    const char *meant[AKS_VM_MEANT_MAX];    /* fields that unknown ones were meant to be */
    size_t meant_count;
    size_t problem_count;           /* errors */
    size_t problem_told;            /* and warnings */
    char policy_file[AKS_VM_POSITION_BYTES];    /* where akosha.policy was called */
    int policy_line;
    bool missing_said;              /* the policy has the field `missing` */
    bool route_is_whole;            /* its route is all builders', which lead to these targets */
    bool led_to[AKS_TARGETS_MAX];
};

/** AKS_LIMIT if there is no memory. The state is empty: script/sandbox.h furnishes it. */
enum aks_status aks_vm_new(const struct aks_script_options *options, struct aks_vm **ret_vm,
    struct aks_error *err);
/** Limits from now on: where ${text} has none, those of the options. */
void aks_vm_set_limits(struct aks_vm *vm, const struct aks_policy_limits *text);
void aks_vm_free(struct aks_vm *vm);
/** The VM that ${L}, main or coroutine, belongs to. */
struct aks_vm *aks_vm_of(lua_State *L);

#endif
