/* The restore drill: whether everything could be brought back is tried out from time to time, into
 * a private folder that is removed again. */
#ifndef AKS_ENGINE_DRILL_H
#define AKS_ENGINE_DRILL_H

#include "base/units.h"
#include "engine/engine.h"
#include "engine/policy.h"

#include <stdbool.h>

struct json_t;

/* One that could not be done (no network, nothing stored yet, no room) is tried again after this,
 * or after the policy's time where that is shorter. */
#define AKS_DRILL_AGAIN_MS (6 * INT64_C(3600) * AKS_MS_PER_S)
/* A person is warned when a drill is later than this beyond its time. */
#define AKS_DRILL_LATE_MS (2 * AKS_MS_PER_DAY)
#define AKS_DRILL_FOLDER "drill"        /* in the state folder */

/* How it stands with drills. */
struct aks_drill_state {
    bool wanted;                        /* the policy has them */
    bool due;                           /* one should be done now */
    bool late;                          /* nothing was proven by a drill for too long: warn */
    int64_t proven_at_ms;               /* the last that went well, or a restore; -1: none */
};

/** Looks; ${settings} are those of the policy. */
enum aks_status aks_drill_look(struct aks_engine *engine, const struct aks_settings *settings,
    struct aks_drill_state *ret_state, struct aks_error *err);
/** Does one now, whether it is due or not: restores the newest of every source into the private
 * folder, records what was proven, and removes it all. *ret_report as of aks_restore. What it took
 * place in is gone afterwards, also after a failure, and so is what a killed one has left. */
enum aks_status aks_drill(struct aks_engine *engine, const struct aks_policy *policy,
    struct json_t **ret_report, struct aks_error *err);
/** Warns, in the log, if the last drill or restore that went well is too long ago. */
void aks_drill_warn(struct aks_engine *engine, const struct aks_settings *settings);
/** The two together, for a worker: does one if it is due, and says in the log what came of it.
 * True if it was done. */
bool aks_drill_when_due(struct aks_engine *engine, const struct aks_policy *policy);

#endif
