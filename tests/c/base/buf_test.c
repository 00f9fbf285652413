#include "base/buf.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
appends_are_joined_and_end_in_a_nul(void **state)
{
    struct aks_buf buf;

    aks_buf_init(&buf, aks_alloc_system(), 1000);
    assert_string_equal(buf.data, "");
    aks_buf_puts(&buf, "one");
    aks_buf_putc(&buf, ' ');
    aks_buf_append(&buf, "two\0", 4);
    aks_buf_printf(&buf, " %d", 3);
    aks_buf_append(&buf, "", 0);
    assert_int_equal(buf.len, 10);
    assert_memory_equal(buf.data, "one two\0 3", 11);
    assert_int_equal(aks_buf_status(&buf, "it", NULL), AKS_OK);
    aks_buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    aks_buf_fini(&buf);
    aks_buf_fini(&buf);
}

static void
bytes_grow_beyond_the_first_room(void **state)
{
    struct aks_buf buf;

    aks_buf_init(&buf, aks_alloc_system(), 5000);
    for (int i = 0; i < 5000; i++)
        aks_buf_putc(&buf, (char)('a' + i % 26));
    assert_int_equal(buf.len, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    assert_int_equal(strlen(buf.data), 5000);
    aks_buf_fini(&buf);
}

static void
ceiling_is_exact_and_failure_stays(void **state)
{
    struct aks_error err;
    struct aks_buf buf;

    aks_buf_init(&buf, aks_alloc_system(), 4);
    aks_buf_puts(&buf, "1234");
    assert_int_equal(aks_buf_status(&buf, "it", NULL), AKS_OK);
    aks_buf_putc(&buf, '5');
    aks_buf_reset(&buf);
    assert_int_equal(aks_buf_status(&buf, "it", NULL), AKS_OK);
    aks_buf_printf(&buf, "%d", 12345);
    aks_buf_puts(&buf, "1");
    assert_int_equal(buf.len, 0);
    assert_int_equal(aks_buf_status(&buf, "this text", &err), AKS_LIMIT);
    assert_non_null(strstr(err.message, "this text"));
    assert_null(aks_buf_take(&buf));
    aks_buf_fini(&buf);
}

static void
bytes_are_handed_over(void **state)
{
    struct aks_buf buf;
    char *data;

    aks_buf_init(&buf, aks_alloc_system(), 100);
    data = aks_buf_take(&buf);
    assert_string_equal(data, "");
    aks_mem_free(aks_alloc_system(), data);
    aks_buf_puts(&buf, "text");
    data = aks_buf_take(&buf);
    assert_string_equal(data, "text");
    assert_string_equal(buf.data, "");
    aks_buf_puts(&buf, "more");
    assert_string_equal(buf.data, "more");
    assert_string_equal(data, "text");
    aks_mem_free(aks_alloc_system(), data);
    aks_buf_fini(&buf);
}

static int
build_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_buf buf;
    char *data;

    aks_buf_init(&buf, alloc, 10000);
    for (int i = 0; i < 1000; i++)
        aks_buf_printf(&buf, "%d", i);
    data = aks_buf_take(&buf);
    assert_true((data != NULL) == (buf.failed == AKS_OK));
    aks_mem_free(alloc, data);
    aks_buf_fini(&buf);
    aks_mem_free(alloc, aks_buf_take(&buf));
    return 0;
}

static void
buffer_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(build_in, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_are_joined_and_end_in_a_nul),
        cmocka_unit_test(bytes_grow_beyond_the_first_room),
        cmocka_unit_test(ceiling_is_exact_and_failure_stays),
        cmocka_unit_test(bytes_are_handed_over),
        cmocka_unit_test(buffer_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
