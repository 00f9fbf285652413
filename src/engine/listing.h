/* What a target holds: the uploads of one system, by their manifests. */
#ifndef AKS_ENGINE_LISTING_H
#define AKS_ENGINE_LISTING_H

#include "engine/engine.h"
#include "engine/policy.h"

struct json_t;

struct aks_listing_options {
    const struct aks_policy *policy;
    const char *target;             /* NULL: every target of the policy that can list */
};

/** *ret_listing, owned by the caller: {"schema": 1, "system_id", "targets": [{"name", "kind",
 * "uploads": [{"upload_id", "uploaded_at", "complete", "files", "bytes", "stored_bytes", "objects":
 * [...]}], "error"}], "error", "exit_code"}: docs/schema/list.json. Files are sources: a database
 * and its log count once. Uploads without a manifest are incomplete and say so.
 * NULL only if there was no memory. */
enum aks_status aks_listing(struct aks_engine *engine, const struct aks_listing_options *options,
    struct json_t **ret_listing, struct aks_error *err);

#endif
