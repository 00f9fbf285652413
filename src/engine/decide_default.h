/* What the engine does where no policy has an opinion: CONTRACT's fixed defaults, out of the
 * settings. */
#ifndef AKS_ENGINE_DECIDE_DEFAULT_H
#define AKS_ENGINE_DECIDE_DEFAULT_H

#include "base/rng.h"
#include "engine/decide.h"

/* The operation whose failure means: every target of the route was tried. */
#define AKS_OPERATION_ROUTE "route"
#define AKS_OPERATION_PROBE "probe"

/** A failed probe means the next target at once; a mended cause is tried again at once; what is not
 * transient goes to the next target; what concerns one upload's own state starts it over; else
 * waits by the schedule, never shorter than the server asked, until the tries are used up. */
void aks_decide_default_retry(const struct aks_retry_settings *settings,
    const struct aks_failure_facts *facts, struct aks_rng *rng, struct aks_retry_answer *ret);

/** A busy source is waited for as long as ${settings} say, what was waited included, and then it is
 * as they say; an older copy that is not there leaves it queued. */
void aks_decide_default_snapshot(const struct aks_snapshot_settings *settings,
    const struct aks_snapshot_facts *facts, enum aks_busy *ret_busy, int64_t *ret_more_ms);

#endif
