/* What holds for every kind of target: the contract of engine/target.h as tests. A program of its
 * own for each kind gives it a place to work in and a way to look at that place that does not go
 * through the target. */
#ifndef AKS_TESTS_TARGET_CONFORMANCE_H
#define AKS_TESTS_TARGET_CONFORMANCE_H

#include "engine/target_drive.h"

/* Each takes a struct target_case * in *state. */
void target_takes_objects_of_every_size(void **state);
void target_takes_buffers_of_every_size(void **state);
void target_takes_parts_in_any_order_and_several_at_once(void **state);
void target_shows_an_object_only_when_it_is_finished(void **state);
void target_leaves_nothing_visible_after_an_abort(void **state);
void target_calls_nothing_after_an_object_is_freed(void **state);
void target_calls_nothing_after_it_is_freed(void **state);
void target_puts_and_gets_small_objects(void **state);
void target_does_not_replace_what_is_only_to_be_created(void **state);
void target_says_not_found_of_what_is_absent(void **state);
void target_takes_every_byte_that_keys_may_have(void **state);
void target_lists_one_level_or_says_that_it_cannot(void **state);
void target_gives_ranges_of_an_object(void **state);
void target_notices_that_an_object_was_replaced_while_it_is_read(void **state);
void target_removes_objects(void **state);
void target_reads_nothing_after_it_is_freed(void **state);
void target_survives_any_allocation_that_fails(void **state);

#define TARGET_CONFORMANCE_TEST(test, setup, teardown) \
    cmocka_unit_test_setup_teardown(test, setup, teardown)

/* The rows of a struct CMUnitTest array. ${setup} makes a new place for each test. */
#define TARGET_CONFORMANCE_TESTS(setup, teardown) \
    TARGET_CONFORMANCE_TEST(target_takes_objects_of_every_size, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_takes_buffers_of_every_size, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_takes_parts_in_any_order_and_several_at_once, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_shows_an_object_only_when_it_is_finished, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_leaves_nothing_visible_after_an_abort, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_calls_nothing_after_an_object_is_freed, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_calls_nothing_after_it_is_freed, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_puts_and_gets_small_objects, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_does_not_replace_what_is_only_to_be_created, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_says_not_found_of_what_is_absent, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_takes_every_byte_that_keys_may_have, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_lists_one_level_or_says_that_it_cannot, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_gives_ranges_of_an_object, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_notices_that_an_object_was_replaced_while_it_is_read, setup, \
        teardown), \
    TARGET_CONFORMANCE_TEST(target_removes_objects, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_reads_nothing_after_it_is_freed, setup, teardown), \
    TARGET_CONFORMANCE_TEST(target_survives_any_allocation_that_fails, setup, teardown)

#endif
