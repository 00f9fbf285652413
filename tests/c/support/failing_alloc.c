#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void *
failing_resize(void *ctx, void *p, size_t bytes)
{
    struct failing_alloc *failing = ctx;
    int64_t seen;

    if (bytes == 0) {
        if (p != NULL)
            failing->outstanding--;
        free(p);
        return NULL;
    }
    seen = failing->seen++;
    if (seen == failing->fail_at || (failing->lasting && seen > failing->fail_at))
        return NULL;
    if (p == NULL)
        failing->outstanding++;
    return realloc(p, bytes);
}

void
failing_alloc_init(struct failing_alloc *failing)
{
    failing->alloc.resize = failing_resize;
    failing->alloc.ctx = failing;
    failing->fail_at = -1;
    failing->lasting = false;
    failing->seen = 0;
    failing->outstanding = 0;
}

static void
loop(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx, int64_t rounds_max,
    bool lasting)
{
    for (int64_t round = 0; round < rounds_max; round++) {
        struct failing_alloc failing;

        failing_alloc_init(&failing);
        failing.fail_at = round;
        failing.lasting = lasting;
        assert_int_equal(body(ctx, &failing.alloc), 0);
        assert_int_equal(failing.outstanding, 0);
        if (failing.seen <= round)
            return;
    }
    fail_msg("still allocating after %lld rounds", (long long)rounds_max);
}

void
failing_alloc_loop(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx,
    int64_t rounds_max)
{
    loop(body, ctx, rounds_max, false);
}

void
failing_alloc_loop_lasting(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx,
    int64_t rounds_max)
{
    loop(body, ctx, rounds_max, true);
}
