/* An allocator that fails the n-th allocation, or all from the n-th on, and counts what is
 * outstanding. Thread-safe. */
#ifndef AKS_TESTS_FAILING_ALLOC_H
#define AKS_TESTS_FAILING_ALLOC_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>

struct failing_alloc {
    struct aks_alloc alloc;         /* hand this to the code under test */
    _Atomic int64_t fail_at;        /* the allocation that fails, from 0; negative: none */
    _Atomic bool lasting;           /* and all that follow: Lua asks twice */
    _Atomic int64_t seen;           /* allocations asked for */
    _Atomic int64_t outstanding;    /* blocks not given back */
};

void failing_alloc_init(struct failing_alloc *failing);

/* Runs ${body}(ctx, alloc) with allocation 0, 1, 2 ... failing,
    until it gets through without a failure.
 * ${body} returns 0 if it failed cleanly or succeeded, and must have given back everything either
 * way. Asserts that nothing leaks, and that it ends before ${rounds_max}. */
void failing_alloc_loop(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx,
    int64_t rounds_max);
/* The same with all allocations from 0, 1, 2 ... on failing. */
void failing_alloc_loop_lasting(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx,
    int64_t rounds_max);

#endif
