#include "base/heap.h"
#include "base/rng.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NODES 300

static void
heap_gives_keys_in_order_whatever_is_removed(void **state)
{
    struct aks_heap heap;
    struct aks_heap_node nodes[NODES] = { { 0 } };
    struct aks_rng rng;
    int64_t last = -1;
    size_t given = 0;

    aks_rng_init(&rng, 7);
    aks_heap_init(&heap, aks_alloc_system());
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(aks_heap_insert(&heap, &nodes[i], (int64_t)(aks_rng_next(&rng) % 50)),
            AKS_OK);
    for (size_t i = 0; i < NODES; i += 3)
        aks_heap_remove(&heap, &nodes[i]);
    while (aks_heap_first(&heap) != NULL) {
        struct aks_heap_node *node = aks_heap_first(&heap);

        assert_true(node->key >= last);
        last = node->key;
        aks_heap_remove(&heap, node);
        given++;
    }
    assert_int_equal(given, NODES - NODES / 3);
    aks_heap_fini(&heap);
}

static void
heap_keeps_equal_keys_in_order_of_insertion(void **state)
{
    struct aks_heap heap;
    struct aks_heap_node nodes[20] = { { 0 } };

    aks_heap_init(&heap, aks_alloc_system());
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(aks_heap_insert(&heap, &nodes[i], 5), AKS_OK);
    for (size_t i = 0; i < 20; i++) {
        assert_ptr_equal(aks_heap_first(&heap), &nodes[i]);
        aks_heap_remove(&heap, &nodes[i]);
    }
    aks_heap_fini(&heap);
}

static int
insert_many(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_heap heap;
    struct aks_heap_node nodes[40] = { { 0 } };

    aks_heap_init(&heap, alloc);
    for (size_t i = 0; i < 40; i++) {
        if (aks_heap_insert(&heap, &nodes[i], 1) != AKS_OK)
            break;
    }
    aks_heap_fini(&heap);
    return 0;
}

static void
heap_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(insert_many, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_gives_keys_in_order_whatever_is_removed),
        cmocka_unit_test(heap_keeps_equal_keys_in_order_of_insertion),
        cmocka_unit_test(heap_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
