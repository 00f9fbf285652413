/* Runs one file of tests in a process of its own, and tells the parent of it through a pipe. */
#ifndef AKS_CLI_TEST_CHILD_H
#define AKS_CLI_TEST_CHILD_H

#include "cli/test_results.h"
#include "port/port.h"

struct aks_test_child {
    const struct aks_alloc *alloc;
    const struct aks_port *real;
    const char *root;                   /* tests read below it only */
    const char *filter;                 /* or NULL */
    uint64_t seed;
    int64_t test_ms_max;
    bool list;                          /* run none, only say what there is */
    bool covered;
    /* The parent's copy of the file's results: tests that have ended before (an earlier process of
     * this file was lost) are not run again. */
    const struct aks_test_file *file;
};

/** The exit code: 0, or 1 when the parent could not be told. ${ctx} is a struct aks_test_child. */
int aks_test_child_run(void *ctx, int fd);

#endif
