/* Results in the Test Anything Protocol, version 13 (testanything.org): what reads 14 reads it, and
 * much reads no later one. */
#ifndef AKS_CLI_TEST_TAP_H
#define AKS_CLI_TEST_TAP_H

#include "base/buf.h"
#include "cli/test_results.h"

void aks_test_tap_write(const struct aks_test_results *results, struct aks_buf *out);

#endif
