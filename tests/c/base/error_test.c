#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
every_status_has_a_name_of_its_own(void **state)
{
    for (unsigned i = 0; i < AKS_STATUS_COUNT; i++) {
        enum aks_status found = AKS_STATUS_COUNT;

        assert_true(aks_status_from_name(aks_status_name((enum aks_status)i), &found));
        assert_int_equal(found, i);
    }
}

static void
name_that_is_none_is_no_status(void **state)
{
    enum aks_status status = AKS_DNS;

    assert_false(aks_status_from_name("no_such_failure", &status));
    assert_false(aks_status_from_name("", &status));
    assert_int_equal(status, AKS_DNS);
}

static void
what_may_pass_is_transient(void **state)
{
    assert_true(aks_status_transient(AKS_THROTTLED));
    assert_true(aks_status_transient(AKS_NO_SPACE));
    assert_false(aks_status_transient(AKS_FORBIDDEN));
    assert_false(aks_status_transient(AKS_OK));
}

static void
error_is_set_wrapped_and_cleared(void **state)
{
    struct aks_error err;

    assert_int_equal(aks_error_set(&err, AKS_DNS, "host %s", "x"), AKS_DNS);
    aks_error_hint(&err, "look at %s", "it");
    assert_int_equal(aks_error_wrap(&err, "target %d", 1), AKS_DNS);
    assert_string_equal(err.message, "target 1: host x");
    assert_string_equal(err.hint, "look at it");
    assert_int_equal(aks_error_set(&err, AKS_TLS, "%s", "other"), AKS_TLS);
    assert_string_equal(err.hint, "");
    aks_error_clear(&err);
    assert_int_equal(err.status, AKS_OK);
    assert_string_equal(err.message, "");
    assert_int_equal(aks_error_memory(&err, "trying"), AKS_LIMIT);
    assert_string_equal(err.message, "out of memory while trying");
}

static void
nobody_needs_to_want_the_words(void **state)
{
    assert_int_equal(aks_error_set(NULL, AKS_DNS, "host"), AKS_DNS);
    assert_int_equal(aks_error_wrap(NULL, "target"), AKS_INTERNAL);
    assert_int_equal(aks_error_memory(NULL, "trying"), AKS_LIMIT);
    aks_error_hint(NULL, "hint");
    aks_error_clear(NULL);
}

static void
texts_that_are_too_long_are_cut(void **state)
{
    char text[2 * AKS_ERROR_MESSAGE_BYTES];
    struct aks_error err;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)aks_error_set(&err, AKS_DNS, "%s", text);
    aks_error_hint(&err, "%s", text);
    assert_int_equal(strlen(err.message), AKS_ERROR_MESSAGE_BYTES - 1);
    assert_string_equal(err.message + AKS_ERROR_MESSAGE_BYTES - 4, "...");
    assert_string_equal(err.hint + AKS_ERROR_HINT_BYTES - 4, "...");
    (void)aks_error_wrap(&err, "in front");
    assert_memory_equal(err.message, "in front: xxx", 13);
    assert_string_equal(err.message + AKS_ERROR_MESSAGE_BYTES - 4, "...");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(name_that_is_none_is_no_status),
        cmocka_unit_test(what_may_pass_is_transient),
        cmocka_unit_test(error_is_set_wrapped_and_cleared),
        cmocka_unit_test(nobody_needs_to_want_the_words),
        cmocka_unit_test(texts_that_are_too_long_are_cut),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
