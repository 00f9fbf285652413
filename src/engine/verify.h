/* Is an upload what its manifest says? */
#ifndef AKS_ENGINE_VERIFY_H
#define AKS_ENGINE_VERIFY_H

#include "engine/engine.h"
#include "engine/policy.h"
#include "engine/unseal.h"

#include <stdbool.h>

struct json_t;
struct aks_fetch_object;
struct aks_target;

struct aks_verify_options {
    const struct aks_policy *policy;
    const char *upload_id;              /* NULL: the newest complete one of each target */
    const char *target;                 /* NULL: every target of the policy that can be asked */
    bool quick;                         /* sizes only, as the other side tells them */
    struct aks_unseal_options unseal;   /* what opens encrypted objects; of what it does not, the
                                         * stored bytes are verified */
};

/** *ret_report, owned by the caller: docs/schema/verify.json. What was found is recorded as a proof
 * (engine/state_proofs.h). NULL only if there was no memory for it. */
enum aks_status aks_verify(struct aks_engine *engine, const struct aks_verify_options *options,
    struct json_t **ret_report, struct aks_error *err);

#endif
