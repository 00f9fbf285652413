/* What a request is for, in the engine's words: the same that policies see in their facts and
 * people in reports. */
#ifndef AKS_TESTKIT_OPERATION_H
#define AKS_TESTKIT_OPERATION_H

#include "port/http.h"

#define AKS_OPERATION_NAME_BYTES 32

/** "probe" "create" "part 2" "complete" "abort" "parts" "put" "manifest" "marker" "get" "list"
 * "look" "other". ${ret_name} has AKS_OPERATION_NAME_BYTES; returned. */
const char *aks_operation_name(const char *method, const char *url,
    char ret_name[AKS_OPERATION_NAME_BYTES]);
/** Is ${pattern} ("part 2", "part", "") what ${name} is called by? */
bool aks_operation_matches(const char *pattern, const char *name);
/** Is it a pattern that any operation matches? */
bool aks_operation_known(const char *pattern);
/** All of them, "part" without its number; NULL behind the last. For "did you mean". */
const char *const *aks_operation_names(void);

#endif
