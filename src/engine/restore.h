/* Bringing uploads back: into a folder, checked and opened before anything gets its name there. */
#ifndef AKS_ENGINE_RESTORE_H
#define AKS_ENGINE_RESTORE_H

#include "engine/engine.h"
#include "engine/policy.h"
#include "engine/unseal.h"

#include <stdbool.h>
#include <stddef.h>

struct json_t;

/* Manifests that are looked at in one target for the newest copy of every source. */
#define AKS_RESTORE_MANIFESTS_MAX 200

struct aks_restore_options {
    const struct aks_policy *policy;
    const char *to;                     /* absolute folder; made (0700) if it is missing, not what
                                         * is above it */
    const char *upload_id;              /* NULL: the newest of every source */
    const char *target;                 /* NULL: all of the policy, in its order */
    bool force;                         /* over what is there */
    const char *const *names;           /* of sources: their name in a target, their file's name,
                                         * or their path; NULL: all */
    size_t name_count;
    bool drill;                         /* recorded as such; what nothing here opens is read as it
                                         * is stored, and no more */
    struct aks_unseal_options unseal;   /* what opens encrypted objects */
};

/** Runs to the end; *ret_report, owned by the caller: docs/schema/restore.json. NULL only if there
 * was no memory for it. A restore that is interrupted or fails goes on where it was when it is
 * asked for again. */
enum aks_status aks_restore(struct aks_engine *engine, const struct aks_restore_options *options,
    struct json_t **ret_report, struct aks_error *err);

#endif
