#include "testkit/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct aks_event
parsed(const char *text)
{
    struct aks_event event;
    struct aks_error err = { 0 };

    if (aks_event_parse(text, &event, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return event;
}

static void
refused(const char *text, const char *expected)
{
    struct aks_event event;
    struct aks_error err = { 0 };

    assert_int_equal(aks_event_parse(text, &event, &err), AKS_SETTINGS);
    if (strstr(err.message, expected) == NULL)
        fail_msg("expected %s in: %s", expected, err.message);
    assert_true(err.hint[0] != '\0');
}

static void
a_whole_event_is_taken_apart(void **state)
{
    struct aks_event event =
        parsed(" cloud : throttled  x3 , retry_after = 40, operation = part 2 ");

    assert_string_equal(event.target, "cloud");
    assert_int_equal(event.failure, AKS_THROTTLED);
    assert_int_equal(event.times, 3);
    assert_int_equal(event.retry_after_s, 40);
    assert_string_equal(event.operation, "part 2");
}

static void
a_failure_alone_strikes_every_target_each_time(void **state)
{
    struct aks_event event = parsed("offline");

    assert_string_equal(event.target, "");
    assert_int_equal(event.failure, AKS_OFFLINE);
    assert_int_equal(event.times, 0);
    assert_int_equal(event.retry_after_s, -1);
    assert_string_equal(event.operation, "");
}

static void
an_unknown_word_is_told_with_the_nearest_one(void **state)
{
    refused("cloud: throtled", "failure of a target \"throtled\"; did you mean \"throttled\"?");
    refused("source_missing", "there is no failure of a target \"source_missing\"");
    refused("server, retryafter=3", "unknown option \"retryafter\"; did you mean \"retry_after\"?");
    refused("server, operation=manifets", "operation \"manifets\"; did you mean \"manifest\"?");
}

static void
what_is_no_event_is_refused(void **state)
{
    char wide[500];

    memset(wide, 'a', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    refused("", "failure of a target \"\"");
    refused(": server", "name of a target");
    refused("server x0", "how often");
    refused("server x1001", "how often");
    refused("server x3x", "how often");
    refused("server 3", "how often");
    refused("server,", "expected name=value");
    refused("server, retry_after=-1", "whole seconds, got \"-1\"");
    refused("server, retry_after=", "whole seconds");
    refused("server, operation=", "there is no operation");
    refused("offline, retry_after=3", "nobody answers");
    refused(wide, "too long");
}

static void
a_reply_without_an_operation_does_not_strike_probes(void **state)
{
    struct aks_event event = parsed("throttled x2, retry_after=7");
    struct aks_fault_step probe = { NULL, "cloud", "probe", 0 };
    struct aks_fault_step put = { NULL, "cloud", "put", 0 };
    struct aks_fault_rule rule;

    aks_event_rule(&event, &rule);
    assert_int_equal(rule.kind, AKS_FAULT_REPLY);
    assert_int_equal(rule.http_status, 429);
    assert_int_equal(rule.times, 2);
    assert_int_equal(rule.retry_after_s, 7);
    assert_false(rule.when(NULL, &probe));
    assert_true(rule.when(NULL, &put));
    event = parsed("refused");
    aks_event_rule(&event, &rule);
    assert_int_equal(rule.kind, AKS_FAULT_FAIL);
    assert_int_equal(rule.status, AKS_REFUSED);
    assert_string_equal(rule.verb, "connect");
    assert_null(rule.when);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_event_is_taken_apart),
        cmocka_unit_test(a_failure_alone_strikes_every_target_each_time),
        cmocka_unit_test(an_unknown_word_is_told_with_the_nearest_one),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(a_reply_without_an_operation_does_not_strike_probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
