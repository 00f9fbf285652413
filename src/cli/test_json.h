/* Results as one JSON document: docs/testing.md says what stands where. */
#ifndef AKS_CLI_TEST_JSON_H
#define AKS_CLI_TEST_JSON_H

#include "base/buf.h"
#include "cli/test_results.h"

/** AKS_LIMIT without memory. */
enum aks_status aks_test_json_write(const struct aks_test_results *results, int code, bool pretty,
    struct aks_buf *out, struct aks_error *err);
/** Of --list: what tests there are. */
enum aks_status aks_test_json_list(const struct aks_test_results *results, int code, bool pretty,
    struct aks_buf *out, struct aks_error *err);

#endif
