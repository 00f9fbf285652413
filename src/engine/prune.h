/* Forgetting old uploads. */
#ifndef AKS_ENGINE_PRUNE_H
#define AKS_ENGINE_PRUNE_H

#include "base/units.h"
#include "engine/engine.h"
#include "engine/policy.h"

#include <stdbool.h>

struct json_t;

#define AKS_PRUNE_COUNT_MAX 100000      /* of each rule */
/* An upload without a manifest may be one that is on its way: by this machine, which knows, or by
 * another with the same system id, which would have ended or given up by then. */
#define AKS_PRUNE_INCOMPLETE_MS (7 * AKS_MS_PER_DAY)

/* What stays; 0: the rule keeps nothing. An upload that any of them keeps is kept. */
struct aks_prune_rules {
    unsigned last;                      /* the newest so many */
    unsigned daily;                     /* the newest of each of so many days that have any (UTC) */
    unsigned weekly;                    /* and of weeks, from Monday on */
};

struct aks_prune_options {
    const struct aks_policy *policy;
    struct aks_prune_rules rules;
    const char *target;                 /* NULL: every target of the policy that can be listed */
    const char *credentials;            /* instead of those of an s3 target, or NULL */
    bool apply;                         /* false: nothing is removed */
};

/** "last=3,daily=7": at least one rule, each once, with a number from 1 on. AKS_SETTINGS. */
enum aks_status aks_prune_rules(const char *text, struct aks_prune_rules *ret_rules,
    struct aks_error *err);
/** *ret_report, owned by the caller: docs/schema/prune.json. NULL only if there was no memory for
 * it. One that is interrupted goes on the next time. */
enum aks_status aks_prune(struct aks_engine *engine, const struct aks_prune_options *options,
    struct json_t **ret_report, struct aks_error *err);

#endif
