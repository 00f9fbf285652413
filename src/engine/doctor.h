/* What can be found out about how this machine is set up, and what cannot: targets, the keys to
 * them, the clock, the state folder, room, what waits. Bounded in time, and without harm. */
#ifndef AKS_ENGINE_DOCTOR_H
#define AKS_ENGINE_DOCTOR_H

#include "engine/engine.h"
#include "engine/policy.h"

struct json_t;

struct aks_doctor_options {
    const struct aks_policy *policy;        /* NULL: it cannot be loaded, */
    const struct aks_error *policy_error;   /* for this reason; else not looked at */
    const char *folder;                     /* absolute: what relative sources of the policy are
                                             * relative to */
    const char *target;                     /* only this one, or NULL */
};

/** *ret_report, owned by the caller: docs/schema/doctor.json. NULL only if there was no memory for
 * it. AKS_SETTINGS if there is no target of that name. */
enum aks_status aks_doctor(struct aks_engine *engine, const struct aks_doctor_options *options,
    struct json_t **ret_report, struct aks_error *err);

#endif
