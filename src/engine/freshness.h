/* How fresh each system's uploads in a bucket are, by their manifests: for whoever looks after a
 * whole fleet. */
#ifndef AKS_ENGINE_FRESHNESS_H
#define AKS_ENGINE_FRESHNESS_H

#include "engine/engine.h"
#include "engine/policy.h"

struct json_t;

/* Systems of one target. */
#define AKS_FRESHNESS_SYSTEMS_MAX 1000
/* So many of a system's newest uploads are looked at until one is complete: what is being sent, or
 * was never finished, is passed over. */
#define AKS_FRESHNESS_LOOKS_MAX 5
#define AKS_FRESHNESS_STALE_MS (2 * AKS_MS_PER_DAY)

struct aks_freshness_options {
    const struct aks_policy *policy;
    const char *target;                 /* NULL: every target of the policy that can list */
    int64_t stale_ms;                   /* a system is stale whose newest upload is older */
};

/** *ret_report, owned: docs/schema/fleet.json: {"schema", "stale_after_s", "targets": [{"name",
 * "kind", "systems": [{"system_id", "upload_id", "uploaded_at", "age_s", "bytes", "stored_bytes",
 * "files", "uploads", "stale", "reason"}], "error"}], "systems", "stale", "error", "exit_code"}.
 * The exit code is 1 where a system is stale. The credentials must be allowed to list "systems/".
 * NULL only if there was no memory. */
enum aks_status aks_freshness(struct aks_engine *engine,
    const struct aks_freshness_options *options, struct json_t **ret_report,
    struct aks_error *err);
/** "90m", "36h", "2d": minutes, hours or days, at most ten years. AKS_SETTINGS for all else. */
enum aks_status aks_freshness_parse(const char *text, int64_t *ret_ms, struct aks_error *err);

#endif
