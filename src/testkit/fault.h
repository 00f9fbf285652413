/* Plans of faults: rules that say what goes wrong, where, when and how often. A plan is what a test
 * writes, what a seed draws, and what is made smaller until only the guilty rules are left. */
#ifndef AKS_TESTKIT_FAULT_H
#define AKS_TESTKIT_FAULT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/rng.h"
#include "sim/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_FAULT_RULES_MAX 64
#define AKS_FAULT_TEXT_BYTES 64
#define AKS_FAULT_STRIKES_MAX 8
#define AKS_FAULT_ANY_TARGET ""

/* A step as rules see it: with the target's name and the operation's. */
struct aks_fault_step {
    const struct aks_sim_step *step;
    const char *target;                     /* network: a name of the policy; "" for no target */
    const char *operation;                  /* network; disk: the verb */
    int64_t now_ns;                         /* since the world began */
};

enum aks_fault_kind {
    AKS_FAULT_REPLY,        /* another answer, with http_status; served or not */
    AKS_FAULT_FAIL,         /* the step fails with status */
    AKS_FAULT_SILENT,       /* nothing is heard any more */
    AKS_FAULT_SLOW,         /* delay_ns passes first */
    AKS_FAULT_LOST,         /* served, and the answer is lost */
    AKS_FAULT_DIES          /* the process dies at the step */
};

struct aks_fault_rule {
    enum aks_fault_kind kind;
    bool disk;
    char target[AKS_FAULT_TEXT_BYTES];      /* "": any. Disk: the path ends so; "": any */
    char operation[AKS_FAULT_TEXT_BYTES];   /* "": any; "part" is every part */
    char verb[16];                          /* network: the step that it strikes; filled by init */
    uint32_t nth;                           /* only the nth that matches, from 1; 0: each */
    uint32_t times;                         /* at most so often; 0: no limit */
    double rate;                            /* of those, by chance; 1: all */
    int64_t from_ns;
    int64_t until_ns;                       /* INT64_MAX: for ever */
    bool (*when)(void *ctx, const struct aks_fault_step *step);    /* NULL: always */
    void *when_ctx;
    /* What happens. */
    enum aks_status status;
    int64_t delay_ns;
    int64_t bytes;                          /* of the step that took place before it failed */
    int http_status;
    char http_code[AKS_FAULT_TEXT_BYTES];   /* S3's error code, "" for none */
    int64_t retry_after_s;                  /* -1: none */
    bool served;
    /* Counted by the plan. */
    uint32_t matched;
    uint32_t struck;
    uint32_t strikes[AKS_FAULT_STRIKES_MAX];    /* at which match it struck: the first ones */
};

struct aks_fault_plan {
    struct aks_fault_rule rules[AKS_FAULT_RULES_MAX];
    size_t count;
    struct aks_rng rng;
};

void aks_fault_plan_init(struct aks_fault_plan *plan, uint64_t seed);
/** A rule of ${kind} with its usual step: replies and losses strike "serve", failures and silence
 * the step that their status belongs to ("name" for dns, "connect" for refused ...). */
void aks_fault_rule_init(struct aks_fault_rule *rule, enum aks_fault_kind kind);
/** For AKS_FAULT_FAIL: sets status and the step that it strikes. */
void aks_fault_rule_status(struct aks_fault_rule *rule, enum aks_status status);
/** A copy; the place of it in the plan, or NULL when there are AKS_FAULT_RULES_MAX. */
struct aks_fault_rule *aks_fault_plan_add(struct aks_fault_plan *plan,
    const struct aks_fault_rule *rule);
/** The first rule that strikes at ${step} fills ${ret_fault}; it, or NULL. Every rule that matches
 * counts. */
const struct aks_fault_rule *aks_fault_plan_ask(struct aks_fault_plan *plan,
    const struct aks_fault_step *step, struct aks_sim_fault *ret_fault);
/** The first rule that never struck, or NULL. */
const struct aks_fault_rule *aks_fault_plan_idle(const struct aks_fault_plan *plan);
/** Counts from the beginning again. */
void aks_fault_plan_rewind(struct aks_fault_plan *plan, uint64_t seed);

/* What may be drawn by chance. */
struct aks_fault_draw {
    const char *const *targets;             /* names; s3 ones first where there are any */
    size_t target_count;
    unsigned rules_max;
    bool crashes;                           /* may the process die? */
    bool disk;
    bool transient;                         /* only faults that a retry can outlast */
};

/** Adds 0 to rules_max rules out of ${rng}. */
void aks_fault_plan_draw(struct aks_fault_plan *plan, const struct aks_fault_draw *draw,
    struct aks_rng *rng);
/** The rule as a line of a test in Lua, without a line end. */
void aks_fault_rule_lua(const struct aks_fault_rule *rule, struct aks_buf *out);

#endif
