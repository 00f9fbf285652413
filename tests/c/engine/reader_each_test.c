/* One target after the other, without memory for what is told of it. */
#include "engine/reader.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int outstanding;
static int fail_in;                     /* so many allocations from now; 0: none fails */

static void *
dry_malloc(size_t bytes)
{
    if (fail_in > 0 && --fail_in == 0)
        return NULL;
    outstanding++;
    return malloc(bytes);
}

static void
dry_free(void *p)
{
    outstanding -= p != NULL;
    free(p);
}

static enum aks_status
look(void *ctx, size_t index, json_t *row, struct aks_error *err)
{
    fail_in = *(int *)ctx;
    return AKS_OK;
}

/* Nothing is left of a row that could not be finished. */
static void
a_row_that_cannot_be_finished_is_given_back(void **state)
{
    static char name[] = "here";
    struct aks_target_settings target = { .name = name, .kind = AKS_TARGET_DIR };
    struct aks_settings settings = { .targets = &target, .target_count = 1 };
    struct aks_reader reader = { .settings = &settings };
    int failed = 0;

    json_set_alloc_funcs(dry_malloc, dry_free);
    for (int nth = 0; nth < 4; nth++) {
        struct aks_reader_each each = { .doing = "looking", .look = look, .ctx = &nth };
        json_t *targets = json_array();
        struct aks_error err = { 0 };
        enum aks_status status = aks_reader_each(&reader, &each, targets, &err);

        fail_in = 0;
        failed += status == AKS_LIMIT;
        assert_int_equal(json_array_size(targets), status == AKS_OK);
        json_decref(targets);
        assert_int_equal(outstanding, 0);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(failed > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_cannot_be_finished_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
