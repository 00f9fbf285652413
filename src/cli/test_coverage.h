/* What tests reached of policies: lines, and decisions. A child gathers it and tells it as lines of
 * JSON (test_line.h); the parent puts the children's together. */
#ifndef AKS_CLI_TEST_COVERAGE_H
#define AKS_CLI_TEST_COVERAGE_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_TEST_COVERAGE_FILES_MAX 256
#define AKS_TEST_COVERAGE_LINES_MAX 20000
#define AKS_TEST_COVERAGE_QUESTIONS 5

/* The questions that a policy may be asked, in the order of engine/decide.h; "finished" is none: it
 * is told, and nothing comes of it. */
extern const char *const aks_test_coverage_questions[AKS_TEST_COVERAGE_QUESTIONS];

enum aks_test_mark { AKS_TEST_ACTIVE = 1, AKS_TEST_REACHED = 2 };

/* A policy, or a file that one requires (which is asked nothing). */
struct aks_test_policy {
    char *file;
    unsigned char *marks;               /* by line, from 1 */
    int line_count;                     /* of marks, less 1 */
    bool asked_any;
    int64_t asked[AKS_TEST_COVERAGE_QUESTIONS];
    int64_t tried[AKS_STATUS_COUNT];    /* failures that "retry" was asked about */
};

struct aks_test_coverage {
    const struct aks_alloc *alloc;
    struct aks_test_policy *policies;   /* in the order of their names */
    size_t count;
    size_t capacity;
    size_t last;                        /* the one that was marked last */
};

void aks_test_coverage_init(struct aks_test_coverage *coverage, const struct aks_alloc *alloc);
void aks_test_coverage_fini(struct aks_test_coverage *coverage);
/** Lines beyond AKS_TEST_COVERAGE_LINES_MAX are passed over; AKS_LIMIT for more files than
 * AKS_TEST_COVERAGE_FILES_MAX, and without memory. */
enum aks_status aks_test_coverage_line(struct aks_test_coverage *coverage, const char *file,
    int line, enum aks_test_mark mark, struct aks_error *err);
/** Unknown questions and failures are passed over. */
enum aks_status aks_test_coverage_decision(struct aks_test_coverage *coverage, const char *policy,
    const char *question, const char *failure, int64_t times, struct aks_error *err);
/** Marks lines out of ${ranges}, "1-4,7". AKS_BAD_REPLY for anything else. */
enum aks_status aks_test_coverage_ranges(struct aks_test_coverage *coverage, const char *file,
    const char *ranges, enum aks_test_mark mark, struct aks_error *err);

/* What a person wants to know of one policy. */

/** Lines that can run, and those of them that ran. */
void aks_test_coverage_count(const struct aks_test_policy *policy, int *ret_active,
    int *ret_reached);
/** Of 100, rounded down, so that 100 means all; 100 if no line can run. */
double aks_test_coverage_percent(int active, int reached);
/** Appends the lines whose marks under ${mask} are ${marks}, as "1-4${separator}7", beginning with
 * line ${from} and ending before ${bytes_max} bytes; the line to go on with, or 0. A line that
 * cannot run neither ends a range nor stands in one alone when ${skip_inactive}. */
int aks_test_coverage_write(const struct aks_test_policy *policy, unsigned mask, unsigned marks,
    bool skip_inactive, const char *separator, int from, size_t bytes_max, struct aks_buf *out);
/** May a policy meet ${status} in "retry" through no fault of its own machine: is it a failure of
 * the way to a target or of the target? */
bool aks_test_coverage_expected(enum aks_status status);

#endif
