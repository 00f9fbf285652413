/* Pruning from inside: prune.c asks and removes, prune_plan.c decides; deciding touches nothing. */
#ifndef AKS_ENGINE_PRUNE_INTERNAL_H
#define AKS_ENGINE_PRUNE_INTERNAL_H

#include "engine/prune.h"

#include <stddef.h>
#include <stdint.h>

/* Objects that all manifests of one target name together. */
#define AKS_PRUNE_OBJECTS_MAX 1000000

struct prune_object {
    char *key;                          /* owned */
    int64_t stored_bytes;
};

struct prune_upload {
    const char *id;                     /* borrowed */
    int64_t at_ms;                      /* as its id says, else its manifest; -1: neither */
    bool complete;
    bool damaged;                       /* it has a manifest that cannot be read */
    bool begun;                         /* its removal has begun already */
    bool open;                          /* this machine's journal goes on with it */
    bool verified;                      /* the newest that was proven */
    struct json_t *memories;            /* of its manifest, or NULL; owned */
    struct prune_object *objects;       /* owned */
    size_t object_count;
    bool keep;
    const char *reason;                 /* static */
};

/** Decides for all ${uploads} of one target, in the order of their ids, whose folders lie in
 * ${folder} ("systems/laptop/"): sets keep and reason. */
void aks_prune_plan(const struct aks_prune_rules *rules, const char *folder,
    struct prune_upload *uploads, size_t count, int64_t wall_ms);
/** Bytes that are stored for all complete uploads, or for those that are kept: each key once.
 * AKS_LIMIT without memory. */
enum aks_status aks_prune_bytes(const struct aks_alloc *alloc, const struct prune_upload *uploads,
    size_t count, bool kept_only, int64_t *ret_bytes, struct aks_error *err);

#endif
