/* What `test` was asked for, out of the command line. */
#ifndef AKS_CLI_TEST_OPTIONS_H
#define AKS_CLI_TEST_OPTIONS_H

#include "cli/args.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_TEST_TIMEOUT_S_MAX 3600

enum aks_test_format { AKS_TEST_FORMAT_TEXT, AKS_TEST_FORMAT_TAP, AKS_TEST_FORMAT_JUNIT };

struct aks_test_options {
    enum aks_test_format format;
    enum aks_test_format report_format;     /* of --report: TAP or JUnit, by its name */
    bool seeded;
    uint64_t seed;
    size_t jobs;                            /* 0: as many as there are processors */
    int64_t test_ms_max;
};

/** -1, or the exit code of a wrong command line, which was told. */
int aks_test_options_read(const struct aks_args *args, struct aks_test_options *ret_options);

#endif
