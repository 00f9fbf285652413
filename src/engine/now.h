/* What time it is, and what the last runs did: the facts that do not belong to one question. */
#ifndef AKS_ENGINE_NOW_H
#define AKS_ENGINE_NOW_H

#include "base/error.h"
#include "engine/decide.h"
#include "port/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct aks_state;
struct json_t;

#define AKS_NOW_TEXT_BYTES 32

struct aks_now {
    struct aks_now_facts facts;
    int64_t minute;             /* of ${facts}, since 1970; meaningless unless known */
    bool known;
};

/** The last AKS_HISTORY_MAX runs that ended, out of the state database. */
enum aks_status aks_now_load(struct aks_now *now, struct aks_state *state, struct aks_error *err);
/** Looks at the clock; true if the minute is another one than before, or the first. */
bool aks_now_look(struct aks_now *now, const struct aks_clock *clock);
/** "2026-11-26T02:03+01:00". Returns ${ret_text}. */
const char *aks_now_text(const struct aks_clock_facts *clock, char ret_text[AKS_NOW_TEXT_BYTES]);
/** The history as in a report, the caller's; NULL without memory. */
struct json_t *aks_now_history_json(const struct aks_now *now);

#endif
