/* Results as JUnit's XML, as Jenkins, GitLab and the others read it: a testsuite for each file. */
#ifndef AKS_CLI_TEST_JUNIT_H
#define AKS_CLI_TEST_JUNIT_H

#include "base/buf.h"
#include "cli/test_results.h"

void aks_test_junit_write(const struct aks_test_results *results, struct aks_buf *out);

#endif
