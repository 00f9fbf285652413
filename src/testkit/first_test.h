/* A first file of tests for a policy that has none: what the policy does in a few worlds is tried
 * here, and written down as tests that expect the same. */
#ifndef AKS_TESTKIT_FIRST_TEST_H
#define AKS_TESTKIT_FIRST_TEST_H

#include "base/buf.h"
#include "base/error.h"
#include "port/port.h"

#define AKS_FIRST_TEST_BYTES_MAX (64 * 1024)

/** Appends the tests of the policy at ${path}, relative to the working folder, as they will name
 * it. Of ${real} files are read, nothing else is used. AKS_POLICY or AKS_SETTINGS where the policy
 * does not load; AKS_LIMIT. */
enum aks_status aks_first_test_write(const struct aks_port *real, const char *path,
    struct aks_buf *out, struct aks_error *err);

#endif
