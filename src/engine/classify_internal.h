/* What S3's error codes mean; for classify.c and its test. */
#ifndef AKS_ENGINE_CLASSIFY_INTERNAL_H
#define AKS_ENGINE_CLASSIFY_INTERNAL_H

#include "base/error.h"

struct aks_s3_meaning {
    const char *code;
    enum aks_status status;
    const char *hint;           /* or NULL */
};

/** NULL for a code that is not known. */
const struct aks_s3_meaning *aks_classify_s3_code(const char *code);

#endif
