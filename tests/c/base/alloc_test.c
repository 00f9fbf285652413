#include "base/alloc.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
new_memory_is_zeroed(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    unsigned char *bytes = aks_mem_array(alloc, 10, 100);

    assert_non_null(bytes);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    bytes[99] = 7;
    bytes = aks_mem_resize(alloc, bytes, 100);
    assert_int_equal(bytes[99], 7);
    aks_mem_free(alloc, bytes);
    aks_mem_free(alloc, NULL);
}

static void
array_that_overflows_is_no_memory(void **state)
{
    assert_null(aks_mem_array(aks_alloc_system(), SIZE_MAX / 2, 3));
    assert_null(aks_mem_array(aks_alloc_system(), 3, SIZE_MAX / 2));
}

static void
texts_are_copied(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    char *whole = aks_mem_strdup(alloc, "whole");
    char *part = aks_mem_strndup(alloc, "partial", 4);
    char *made = aks_mem_printf(alloc, "%s-%d", "n", 42);

    assert_string_equal(whole, "whole");
    assert_string_equal(part, "part");
    assert_string_equal(made, "n-42");
    assert_null(aks_mem_strdup(alloc, NULL));
    aks_mem_free(alloc, whole);
    aks_mem_free(alloc, part);
    aks_mem_free(alloc, made);
}

static int
copy_in(void *ctx, const struct aks_alloc *alloc)
{
    void *array = aks_mem_array(alloc, 3, 4);
    char *whole = aks_mem_strdup(alloc, "whole");
    char *part = aks_mem_strndup(alloc, "partial", 4);
    char *made = aks_mem_printf(alloc, "%s-%d", "n", 42);

    aks_mem_free(alloc, array);
    aks_mem_free(alloc, whole);
    aks_mem_free(alloc, part);
    aks_mem_free(alloc, made);
    return 0;
}

static void
copies_survive_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(copy_in, NULL, 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zeroed),
        cmocka_unit_test(array_that_overflows_is_no_memory),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(copies_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
