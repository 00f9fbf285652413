/* Runs files of tests in processes, several at a time, and ends those that hang. */
#ifndef AKS_CLI_TEST_POOL_H
#define AKS_CLI_TEST_POOL_H

#include "cli/test_results.h"
#include "port/port.h"

#include <signal.h>

#define AKS_TEST_POOL_JOBS_MAX 16
/* Real time beyond a test's own limit, after which its process is killed: the limit stops Lua, this
 * stops what does not listen to it. */
#define AKS_TEST_POOL_GRACE_MS 5000
#define AKS_TEST_POOL_BYTES_MAX (INT64_C(256) * 1024 * 1024)    /* that one process may say */
#define AKS_TEST_POOL_DEATHS_MAX 8      /* processes of one file that may be lost */

struct aks_test_pool_options {
    const struct aks_alloc *alloc;
    const struct aks_port *real;        /* clock, files */
    const char *here;                   /* the working folder, absolute */
    size_t jobs;                        /* 1 to AKS_TEST_POOL_JOBS_MAX processes */
    int64_t test_ms_max;
    int64_t grace_ms;
    const char *filter;
    bool list;
    const volatile sig_atomic_t *stop;  /* not 0: everything ends */
    /* As the files end, in their order, whichever was first. */
    void (*done)(void *ctx, const struct aks_test_file *file);
    /* As anything happens; ${ended}: files that have. */
    void (*progress)(void *ctx, size_t ended);
    void *ctx;
};

/** Runs all files of ${results}, which says with what seed and whether with coverage. A process
 * that is lost is a test in error (aks_test_results_lose), and the tests after it run in another.
 * AKS_CANCELLED after ${stop}; AKS_LIMIT where no process can be started, or no memory is left. */
enum aks_status aks_test_pool_run(const struct aks_test_pool_options *options,
    struct aks_test_results *results, struct aks_error *err);

#endif
