/* The test VM's door, for suite.c: nothing of Lua is seen here. */
#ifndef AKS_TESTKIT_LIB_TESTING_H
#define AKS_TESTKIT_LIB_TESTING_H

#include "base/error.h"
#include "testkit/suite.h"

#include <stddef.h>

struct aks_testing;

/** A Lua state for the tests of one file; LuaUnit is not looked for yet. ${options} is borrowed for
 * its life. Failures: AKS_NOT_FOUND (no such root folder), AKS_LIMIT. */
enum aks_status aks_testing_new(const struct aks_suite_options *options,
    struct aks_testing **ret_testing, struct aks_error *err);
void aks_testing_free(struct aks_testing *testing);
/** Loads the text of the file, which ${options} names, and runs its tests. As aks_suite_run. */
enum aks_status aks_testing_run(struct aks_testing *testing, const char *text, size_t len,
    size_t *ret_count, struct aks_error *err);

#endif
