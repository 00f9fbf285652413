/* The limits of a policy by their names, as whoever runs it sets them: "memory=64MiB". */
#ifndef AKS_ENGINE_POLICY_LIMITS_H
#define AKS_ENGINE_POLICY_LIMITS_H

#include "base/error.h"
#include "engine/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_POLICY_LIMIT_TEXT_BYTES 48

enum aks_policy_unit { AKS_POLICY_NUMBER, AKS_POLICY_BYTES, AKS_POLICY_MS };

/* One of the members of struct aks_policy_limits. */
struct aks_policy_limit {
    const char *name;           /* on the command line and in the policy: "load.time" */
    enum aks_policy_unit unit;
    int64_t least;
    int64_t most;               /* whoever sets it: the machine is not the policy's */
    bool policys;               /* a policy may tighten it itself */
    size_t offset;
};

/** The limit at ${place}, from 0; NULL behind the last. */
const struct aks_policy_limit *aks_policy_limit_at(size_t place);
/** The limit of that name, or NULL. */
const struct aks_policy_limit *aks_policy_limit_named(const char *name, size_t len);
int64_t *aks_policy_limit_of(struct aks_policy_limits *limits,
    const struct aks_policy_limit *limit);
/** "NAME=VALUE" into ${limits}; bytes with B, KiB, MiB, GiB, kB, MB, times with s, ms, min;
 * without, bytes and seconds. AKS_SETTINGS if it is none, or out of its bounds. */
enum aks_status aks_policy_limit_parse(const char *text, struct aks_policy_limits *limits,
    struct aks_error *err);
/** "64MiB", "1.5s", "1000": as aks_policy_limit_parse reads it. */
const char *aks_policy_limit_text(const struct aks_policy_limit *limit, int64_t value,
    char ret_text[AKS_POLICY_LIMIT_TEXT_BYTES]);

#endif
