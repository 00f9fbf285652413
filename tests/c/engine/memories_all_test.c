/* When all rows of a table are to go again, and what is noted of that. */
#include "engine/memories.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW INT64_C(1795000000000)      /* 2026-11-18 */

static char id[] = "a";

static void
all_rows_go_once_in_thirty_days(void **state)
{
    struct aks_memories_mark mark = { .cursor = { NULL, id }, .all_at_ms = NOW };

    assert_true(aks_memories_all_due(NULL, NOW));
    assert_false(aks_memories_all_due(&mark, NOW));
    assert_false(aks_memories_all_due(&mark, NOW + AKS_MEMORIES_ALL_MS - 1));
    assert_true(aks_memories_all_due(&mark, NOW + AKS_MEMORIES_ALL_MS));
    /* A clock that is set back says nothing, unless it is by as much. */
    assert_false(aks_memories_all_due(&mark, NOW - 1));
    assert_true(aks_memories_all_due(&mark, NOW - AKS_MEMORIES_ALL_MS));
    /* One that is under way is not begun anew before that. */
    mark.all_at_ms = -NOW;
    assert_false(aks_memories_all_due(&mark, NOW + AKS_MEMORIES_ALL_MS - 1));
    assert_true(aks_memories_all_due(&mark, NOW + AKS_MEMORIES_ALL_MS));
    mark.all_at_ms = 0;
    assert_true(aks_memories_all_due(&mark, NOW));
    mark.all_at_ms = NOW;
    mark.cursor.id = NULL;
    assert_true(aks_memories_all_due(&mark, NOW));
}

static void
a_reading_of_all_rows_is_noted_as_of_its_beginning(void **state)
{
    struct aks_memories_mark mark = { .cursor = { NULL, id }, .all_at_ms = 5 };

    assert_int_equal(aks_memories_all_at(NULL, true, false, NOW), NOW);
    assert_int_equal(aks_memories_all_at(NULL, true, true, NOW), -NOW);
    assert_int_equal(aks_memories_all_at(&mark, false, false, NOW), 0);
    assert_int_equal(aks_memories_all_at(&mark, false, true, NOW), 0);
    mark.all_at_ms = -7;
    assert_int_equal(aks_memories_all_at(&mark, false, true, NOW), -7);
    assert_int_equal(aks_memories_all_at(&mark, false, false, NOW), 7);
    assert_int_equal(aks_memories_all_at(&mark, true, true, NOW), -7);
}

/* A place that the reader can make no value of is none: the same rows would come for ever. */
static void
a_reading_that_begins_anew_behind_a_cursor_went_back(void **state)
{
    struct aks_memories_mark mark = { .cursor = { NULL, id } };
    struct aks_memories_taken taken = { .more = true };

    assert_true(aks_memories_went_back(&mark, &taken));
    assert_false(aks_memories_went_back(NULL, &taken));
    taken.after.id = id;
    assert_false(aks_memories_went_back(&mark, &taken));
    taken.after.id = NULL;
    mark.cursor.id = NULL;
    assert_false(aks_memories_went_back(&mark, &taken));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_go_once_in_thirty_days),
        cmocka_unit_test(a_reading_of_all_rows_is_noted_as_of_its_beginning),
        cmocka_unit_test(a_reading_that_begins_anew_behind_a_cursor_went_back),
    };

    return cmocka_run_group_tests_name("memories_all", tests, NULL, NULL);
}
