/* What the state knows, as a bug report tells it. */
#ifndef AKS_ENGINE_STATE_SUPPORT_H
#define AKS_ENGINE_STATE_SUPPORT_H

#include "engine/state.h"

struct json_t;

/** The reports of the last ${max} runs, the newest first, as JSON; those over ${bytes_max} are left
 * out. */
enum aks_status aks_state_support_runs(struct aks_state *state, size_t max, size_t bytes_max,
    struct json_t *ret_runs, struct aks_error *err);
/** Every fact about targets, up to ${max}: {"target", "fact", "value"}. */
enum aks_status aks_state_support_facts(struct aks_state *state, size_t max,
    struct json_t *ret_facts, struct aks_error *err);

#endif
