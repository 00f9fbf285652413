/* What the two halves of `test` share. */
#ifndef AKS_CLI_CMD_TEST_H
#define AKS_CLI_CMD_TEST_H

#include "base/error.h"
#include "cli/args.h"

/** Tells ${err} on standard error and, with --json, as a document; returns ${code}. */
int aks_cmd_test_fail(const struct aks_args *args, int code, const struct aks_error *err);
/** test --new: writes a first test of a policy. The exit code. */
int aks_cmd_test_new(const struct aks_args *args);

#endif
