/* An item is one source in one run: what is known of it, where it may go, and what became of it. */
#ifndef AKS_ENGINE_ITEM_H
#define AKS_ENGINE_ITEM_H

#include "engine/ask.h"
#include "engine/attempt.h"
#include "engine/source.h"
#include "engine/state.h"

#include <stdbool.h>

enum aks_item_state {
    AKS_ITEM_PENDING,           /* owed */
    AKS_ITEM_STORED,
    AKS_ITEM_UNCHANGED,         /* the target holds these bytes already */
    AKS_ITEM_SKIPPED,           /* the policy did not want it */
    AKS_ITEM_FAILED             /* not now: error tells why; it stays queued */
};

struct aks_item {
    struct aks_source source;
    enum aks_item_state state;
    size_t route[AKS_TARGETS_MAX];      /* indices of targets */
    size_t route_count;
    size_t place;                       /* in route: the next to be tried */
    bool considered;                    /* compared with what its next target holds */
    bool tried;                         /* some target was asked in this round */
    bool gave_up;                       /* the policy ended it */
    char sha256[65];                    /* of the plain bytes, once known; else "" */
    bool stored_here[AKS_TARGETS_MAX];  /* this run left it there, or found it */
    struct aks_stored row;              /* as stored, or as found unchanged; owned */
    const char *codec_reason;
    const char *reason;                 /* why skipped */
    struct aks_error error;             /* the last failure; status AKS_OK if there was none */
};

#endif
