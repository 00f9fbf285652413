/* Makes a case that fails as small as it can: fewer faults, simpler ones, smaller files, shorter
 * time. Knows nothing of worlds: whoever asks says what fails. */
#ifndef AKS_TESTKIT_SHRINK_H
#define AKS_TESTKIT_SHRINK_H

#include "testkit/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_SHRINK_FILES_MAX 16
#define AKS_SHRINK_TRIES_MAX 400        /* cases that are tried, unless told otherwise */

struct aks_shrink_case {
    uint64_t seed;                      /* stays */
    struct aks_fault_rule rules[AKS_FAULT_RULES_MAX];   /* with what they counted when it failed */
    size_t rule_count;
    unsigned runs;                      /* from 1 */
    int64_t pause_ns;                   /* between runs */
    bool power;                         /* a death was a loss of power */
    int64_t file_bytes[AKS_SHRINK_FILES_MAX];   /* negative: cannot be made smaller */
    size_t file_count;
};

struct aks_shrink_options {
    /* Does it still fail, and in the same way? */
    bool (*fails)(void *ctx, const struct aks_shrink_case *candidate);
    bool (*stop)(void *ctx);            /* time is up; NULL: never */
    void *ctx;
    unsigned tries_max;                 /* 0: AKS_SHRINK_TRIES_MAX */
};

/** ${shrunk}, which fails, becomes smaller as long as it goes on to fail. Times stay whole
 * milliseconds, as they are printed. The number of cases that were tried. */
unsigned aks_shrink(const struct aks_shrink_options *options, struct aks_shrink_case *shrunk);

#endif
