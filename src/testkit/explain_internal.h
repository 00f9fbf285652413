/* What the files of explain share: explain.c (the policy and its worlds), explain_tell.c (what
 * their reports say, as one document). */
#ifndef AKS_TESTKIT_EXPLAIN_INTERNAL_H
#define AKS_TESTKIT_EXPLAIN_INTERNAL_H

#include "engine/policy.h"
#include "testkit/event.h"
#include "testkit/explain.h"
#include "testkit/world.h"

#include <jansson.h>

struct aks_explain_source {
    char *shown;            /* as the policy or the command line has it */
    char *real;             /* absolute */
    char *world;            /* where it lies in the world */
    int64_t bytes;          /* -1: not there */
    int64_t simulated;      /* bytes of it in the world */
};

struct aks_explain {
    const struct aks_explain_options *options;
    const struct aks_alloc *alloc;
    struct aks_event events[AKS_EXPLAIN_EVENTS_MAX];
    struct aks_policy_text text;
    struct aks_policy_environment environment;
    struct aks_policy *policy;
    struct aks_explain_source sources[AKS_EXPLAIN_SOURCES_MAX];
    size_t source_count;
    bool assumed;           /* none of the sources is there */
};

/* explain_tell.c; each is NULL without memory. */

json_t *aks_explain_tell_policy(const struct aks_explain *explain);
/** ${first}: the report of a calm run, ${again}: that of a second one, nothing changed. */
json_t *aks_explain_tell_plan(const struct aks_explain *explain, const json_t *first,
    const json_t *again);
/** The line of the policy that made a decision: in its function, or that of its field; null where
 * the function had no answer, or it cannot be found. */
json_t *aks_explain_tell_line(const struct aks_explain *explain, const json_t *decision);
/** The decisions of a run that are worth telling, each with its line. */
json_t *aks_explain_tell_decisions(const struct aks_explain *explain, const json_t *report);
/** How a run ended. */
json_t *aks_explain_tell_end(const json_t *report, const struct aks_error *err);

#endif
