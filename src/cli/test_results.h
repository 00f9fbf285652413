/* What the tests of a run came to, file by file. */
#ifndef AKS_CLI_TEST_RESULTS_H
#define AKS_CLI_TEST_RESULTS_H

#include "base/alloc.h"
#include "base/error.h"
#include "cli/test_coverage.h"
#include "cli/test_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_TEST_RESULTS_CASES_MAX 10000        /* tests of one file */
#define AKS_TEST_RESULTS_OUTPUT_BYTES (64 * 1024)       /* kept of what one test prints */

/* Texts are UTF-8 without control characters but tabs and, in message and output, line ends. */
struct aks_test_case {
    char *name;
    enum aks_suite_outcome outcome;
    char *message;                      /* never NULL */
    char *output;                       /* what it printed; never NULL */
    int64_t duration_ms;
};

struct aks_test_file {
    const char *path;                   /* borrowed */
    char *shown;                        /* the same as UTF-8 on one line */
    struct aks_test_case *cases;        /* in the order they ended in */
    size_t count;
    size_t capacity;
    char *running;                      /* the test that has begun and not ended, or NULL */
    struct aks_buf output;              /* printed by it so far */
    bool ended;                         /* the process said that it came to its end */
    struct aks_error error;             /* status AKS_OK unless the file itself could not be run */
};

struct aks_test_counts {
    size_t passed;
    size_t failed;                      /* with those in error */
    size_t errors;                      /* of those */
    size_t skipped;
    size_t broken;                      /* files that could not be run */
    int64_t duration_ms;                /* of the tests, added up */
};

struct aks_test_results {
    const struct aks_alloc *alloc;
    struct aks_test_file *files;
    size_t count;
    uint64_t seed;
    int64_t duration_ms;                /* of all, on the wall */
    bool covered;                       /* was coverage asked for? */
    bool filtered;                      /* may a file have no test that is wanted? */
    struct aks_test_coverage coverage;
};

/** Borrows ${paths}. Must be given back even after a failure. */
enum aks_status aks_test_results_init(struct aks_test_results *results,
    const struct aks_alloc *alloc, char *const *paths, size_t count, struct aks_error *err);
/** Fine on a zeroed struct. */
void aks_test_results_fini(struct aks_test_results *results);
/** Takes what the process of the file at ${index} said. */
enum aks_status aks_test_results_take(struct aks_test_results *results, size_t index,
    const struct aks_test_line *line, struct aks_error *err);
/** The process of the file at ${index} is gone before its end: the test that was running, or the
 * file where none was, is in error; ${why} says what happened. */
enum aks_status aks_test_results_lose(struct aks_test_results *results, size_t index,
    const char *why, struct aks_error *err);
/** Has the file a test of that name that has ended? */
bool aks_test_results_has(const struct aks_test_file *file, const char *name);
/** Of one file, or with NULL of all. */
struct aks_test_counts aks_test_results_count(const struct aks_test_results *results,
    const struct aks_test_file *file);
/** 0 all passed, 1 some failed, 2 there were none, 3 a file could not be run. */
int aks_test_results_code(const struct aks_test_results *results);

#endif
