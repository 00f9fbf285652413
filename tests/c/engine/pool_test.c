#include "engine/pool.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PART (AKS_POOL_BYTES_MAX / 3)

static void
note(void *ctx)
{
    unsigned *calls = ctx;

    (*calls)++;
}

static void
pool_has_a_ceiling_and_tells_who_waits(void **state)
{
    unsigned calls = 0;
    struct aks_pool_waiter waiter = { note, &calls, NULL, NULL };
    struct aks_pool pool;
    uint8_t *parts[3];
    bool failed;

    aks_pool_init(&pool, aks_alloc_system(), PART);
    for (unsigned i = 0; i < 3; i++) {
        parts[i] = aks_pool_take(&pool, PART, &failed);
        assert_non_null(parts[i]);
    }
    assert_null(aks_pool_take(&pool, PART, &failed));
    assert_false(failed);
    aks_pool_wait(&pool, &waiter);
    aks_pool_give(&pool, parts[0], PART);
    assert_int_equal(calls, 1);
    aks_pool_give(&pool, parts[1], PART);
    assert_int_equal(calls, 1);
    aks_pool_wait(&pool, &waiter);
    aks_pool_leave(&waiter);
    aks_pool_leave(&waiter);
    aks_pool_give(&pool, parts[2], PART);
    assert_int_equal(calls, 1);
    aks_pool_fini(&pool);
}

/* Who waits, and what it does when there is room. */
struct comer {
    struct aks_pool_waiter waiter;
    struct aks_pool *pool;
    char **order;
    char name;
    bool again;
    struct comer *leaves;
};

static void
come(void *ctx)
{
    struct comer *comer = ctx;

    *(*comer->order)++ = comer->name;
    if (comer->again)
        aks_pool_wait(comer->pool, &comer->waiter);
    if (comer->leaves != NULL)
        aks_pool_leave(&comer->leaves->waiter);
}

static void
all_who_wait_are_told_in_their_order(void **state)
{
    struct aks_pool pool;
    char order[16] = "";
    char *at = order;
    struct comer comers[4];
    uint8_t *part;
    bool failed;

    aks_pool_init(&pool, aks_alloc_system(), PART);
    for (unsigned i = 0; i < 4; i++) {
        comers[i] = (struct comer) { { come, &comers[i], NULL, NULL }, &pool, &at,
            (char)('a' + i), false, NULL };
        aks_pool_wait(&pool, &comers[i].waiter);
        aks_pool_wait(&pool, &comers[i].waiter);
    }
    comers[0].again = true;
    comers[1].leaves = &comers[2];
    part = aks_pool_take(&pool, PART, &failed);
    aks_pool_give(&pool, part, PART);
    assert_string_equal(order, "abda");
    aks_pool_leave(&comers[0].waiter);
    part = aks_pool_take(&pool, PART, &failed);
    aks_pool_give(&pool, part, PART);
    assert_string_equal(order, "abda");
    aks_pool_fini(&pool);
}

static void
buffers_are_used_again_where_they_fit(void **state)
{
    struct failing_alloc counting;
    struct aks_pool pool;
    uint8_t *data;
    bool failed;

    failing_alloc_init(&counting);
    aks_pool_init(&pool, &counting.alloc, PART);
    for (unsigned i = 0; i < 5; i++) {
        data = aks_pool_take(&pool, 1000, &failed);
        aks_pool_give(&pool, data, 1000);
    }
    assert_int_equal(counting.seen, 1);
    /* What is kept counts to nobody, so buffers of another size go first. */
    data = aks_pool_take(&pool, 2000, &failed);
    assert_int_equal(counting.seen, 2);
    assert_int_equal(counting.outstanding, 1);
    aks_pool_give(&pool, data, 2000);
    aks_pool_fini(&pool);
    assert_int_equal(counting.outstanding, 0);
}

static void
two_large_parts_always_fit(void **state)
{
    struct aks_pool pool;
    bool failed;

    aks_pool_init(&pool, aks_alloc_system(), 2 * AKS_POOL_BYTES_MAX);
    assert_int_equal(pool.ceiling_bytes, 4 * AKS_POOL_BYTES_MAX);
    assert_null(aks_pool_take(&pool, 4 * AKS_POOL_BYTES_MAX + 1, &failed));
    aks_pool_fini(&pool);
}

static void
no_memory_is_told_apart_from_no_room(void **state)
{
    struct failing_alloc failing;
    struct aks_pool pool;
    bool failed = false;

    failing_alloc_init(&failing);
    failing.fail_at = 0;
    aks_pool_init(&pool, &failing.alloc, PART);
    assert_null(aks_pool_take(&pool, PART, &failed));
    assert_true(failed);
    assert_int_equal(pool.used_bytes, 0);
    aks_pool_fini(&pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_has_a_ceiling_and_tells_who_waits),
        cmocka_unit_test(all_who_wait_are_told_in_their_order),
        cmocka_unit_test(buffers_are_used_again_where_they_fit),
        cmocka_unit_test(two_large_parts_always_fit),
        cmocka_unit_test(no_memory_is_told_apart_from_no_room),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
