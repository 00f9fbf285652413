/* Is the audit log what it was? Its chain, the record that the state remembers, and the heads that
 * a policy's targets hold. */
#ifndef AKS_ENGINE_AUDIT_VERIFY_H
#define AKS_ENGINE_AUDIT_VERIFY_H

#include "engine/engine.h"
#include "engine/policy.h"

struct json_t;

struct aks_audit_verify_options {
    const struct aks_policy *policy;    /* NULL: no target is asked */
    const char *target;                 /* NULL: every target of the policy */
};

/* Heads that are told one by one in a report: those that do not fit. */
#define AKS_AUDIT_VERIFY_HEADS_MAX 100

/** *ret_report, owned by the caller: docs/schema/audit_verify.json. Nothing is changed, and memory
 * does not depend on the length of the log. NULL only if there was no memory for it. */
enum aks_status aks_audit_verify(struct aks_engine *engine,
    const struct aks_audit_verify_options *options, struct json_t **ret_report,
    struct aks_error *err);

#endif
