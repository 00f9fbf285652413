/* What holds for every kind of target: the contract of engine/target.h as tests. A program of its own for each kind
 * gives it a place to work in and a way to look at that place that does not go through the target. */
#ifndef AKS_TESTS_TARGET_CONFORMANCE_H
#define AKS_TESTS_TARGET_CONFORMANCE_H

#include "engine/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct target_case {
    const struct aks_target_class *class;
    const struct aks_target_options *options;
    const char *folder;             /* "systems/<id>/<upload>/"; nothing is in it yet */
    int64_t part_bytes;
    bool create_only_holds;         /* the other side can tell that something is there already */
    /* The bytes of an object as another reader of the place finds them; AKS_NOT_FOUND if there is none. */
    enum aks_status (*read)(void *ctx, const char *key, struct aks_buf *ret_data,
        struct aks_error *err);
    void *ctx;
};

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
    TARGET_CONFORMANCE_TEST(target_survives_any_allocation_that_fails, setup, teardown)

/* For the tests of one kind: driving a target, with the same checks on every done. */

struct target_call {
    struct target_drive *drive;
    unsigned calls;                 /* of done */
    struct aks_outcome outcome;
};

struct target_drive {
    const struct target_case *at;
    struct aks_target *target;
    bool inside;                    /* a call of the target is going on */
};

/** Creates the target. */
void target_drive_begin(struct target_drive *drive, const struct target_case *at);
/** Frees it and delivers whatever is still on its way. */
void target_drive_end(struct target_drive *drive);
/** The done of a call: ctx is its struct target_call. Not from inside a call, and once. */
void target_drive_done(void *ctx, const struct aks_outcome *outcome);
/** Turns the loop until ${call} is done, once; returns its status. */
enum aks_status target_drive_wait(struct target_call *call);
/** Turns the loop for a while: what should not be called would be called now. */
void target_drive_settle(const struct target_drive *drive);

enum aks_status target_drive_available(struct target_drive *drive, struct aks_outcome *ret_outcome);
enum aks_status target_drive_put(struct target_drive *drive, const char *key, const char *text,
    bool create_only, struct aks_outcome *ret_outcome);
/** ${ret_text} is emptied first. */
enum aks_status target_drive_get(struct target_drive *drive, const char *key,
    struct aks_buf *ret_data, struct aks_outcome *ret_outcome);
/** A whole object of ${bytes} seeded bytes: open, send, finish. ${ret_outcome}: of the first thing that failed, or
 * of finish. */
enum aks_status target_drive_upload(struct target_drive *drive, const char *key, int64_t bytes,
    bool in_memory, struct aks_outcome *ret_outcome);
/** Byte number ${offset} of what target_drive_upload sends. */
unsigned char target_drive_byte(int64_t offset);
/** Fails the test if the object is not those bytes. */
void target_drive_check(struct target_drive *drive, const char *key, int64_t bytes);

#endif
