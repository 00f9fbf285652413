/* Calls of tools: checked, carried out, cancelled, told of; and all of it without memory. */
#include "cli/mcp_talk.h"

#include "support/failing_alloc.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- calls ------------------------------------------------------------------------------------ */

static void
arguments_are_checked(void **state)
{
    static const struct {
        const char *tool;
        const char *arguments;
        const char *why;                /* NULL: they are fine */
    } cases[] = {
        { "sync_now", "{}", NULL },
        { "sync_now", "{\"target\":\"cloud\",\"dry_run\":true,\"details\":false}", NULL },
        { "sync_now", "{\"target\":\"\"}", "1 to 256 bytes" },
        { "sync_now", "{\"target\":1}", "1 to 256 bytes" },
        { "sync_now", "{\"dry_run\":\"yes\"}", "true or false" },
        { "sync_now", "{\"sources\":[\"/etc/passwd\"]}", "no argument" },
        { "sync_now", "{\"policy\":\"/tmp/p.lua\"}", "no argument" },
        { "sync_history", "{\"limit\":100,\"outcome\":\"queued\"}", NULL },
        { "sync_history", "{\"limit\":0}", "1 to 100" },
        { "sync_history", "{\"limit\":101}", "1 to 100" },
        { "sync_history", "{\"limit\":1.5}", "1 to 100" },
        { "sync_history", "{\"outcome\":\"fine\"}", "one of: stored" },
        { "sync_history", "{\"outcome\":\"stored unchanged\"}", "one of: stored" },
        { "explain_policy", "{\"events\":[\"cloud: throttled\"],\"at\":\"2026-11-27 22:00\"}",
          NULL },
        { "explain_policy", "{\"events\":\"cloud: throttled\"}", "an array" },
        { "explain_policy", "{\"events\":[1]}", "an array" },
        { "explain_policy", "{\"replay\":\"last\"}", NULL },
        { "explain_policy", "{\"replay\":\"20261123T084512Z-3f9a2c\"}", NULL },
        { "explain_policy", "{\"replay\":\"/etc/passwd\"}", "run_id" },
        { "explain_policy", "{\"replay\":\"last\",\"at\":\"x\"}", "excludes" },
    };
    struct talk talk;
    char more[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
        (void)snprintf(more, sizeof(more), ",\"arguments\":%s", cases[i].arguments);
        (void)talk_call(&talk, "1", cases[i].tool, more);
        assert_int_equal(talk.started, cases[i].why == NULL);
        if (cases[i].why != NULL) {
            assert_non_null(strstr(talk_last(&talk), "\"isError\":true"));
            assert_non_null(strstr(talk_last(&talk), cases[i].why));
        }
        talk_end(&talk);
        /* The protocol before took that for an error of its own. */
        talk_begin(&talk, TALK_INITIALIZE("2025-06-18"));
        (void)talk_call(&talk, "1", cases[i].tool, more);
        assert_int_equal(talk.started, cases[i].why == NULL);
        if (cases[i].why != NULL)
            assert_non_null(strstr(talk_last(&talk), "-32602"));
        talk_end(&talk);
    }
}

static void
what_there_is_not_cannot_be_called(void **state)
{
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    assert_non_null(strstr(talk_call(&talk, "1", "rm", ""), "-32602"));
    assert_non_null(strstr(talk_call(&talk, "1", "sync_now", ",\"arguments\":[]"), "-32602"));
    assert_non_null(strstr(talk_call(&talk, "1", "sync_now", ",\"_meta\":{\"progressToken\":{}}"),
        "-32602"));
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}",
        AKS_MCP_PARAMS, "1");
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\"}",
        AKS_MCP_PARAMS, "1");
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":"
        "{\"uri\":\"file:///etc/passwd\"}}", AKS_MCP_NO_RESOURCE, "1");
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\","
        "\"params\":{\"level\":\"loud\"}}", AKS_MCP_PARAMS, "1");
    assert_int_equal(talk.started, 0);
    assert_true(aks_mcp_server_idle(&talk.server));
    talk_end(&talk);
}

static void
progress_only_rises(void **state)
{
    static const char *const saids[] = { "p{\"done\":0,\"total\":10,\"message\":\"a\"}",
        "p{\"done\":5,\"total\":10,\"message\":\"b\"}",
        "p{\"done\":5,\"total\":10,\"message\":\"c\"}",
        "p{\"done\":3,\"total\":0,\"message\":\"d\"}", "p{\"done\":6,\"total\":4}" };
    double last = -1;
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now", ",\"_meta\":{\"progressToken\":\"t\"}");
    for (size_t i = 0; i < sizeof(saids) / sizeof(saids[0]); i++) {
        const json_t *params;

        talk_heard(&talk, 0, saids[i]);
        assert_int_equal(talk.count, i + 2);
        params = json_object_get(talk.said[talk.count - 1], "params");
        assert_string_equal(json_string_value(json_object_get(params, "progressToken")), "t");
        assert_true(json_number_value(json_object_get(params, "progress")) > last);
        last = json_number_value(json_object_get(params, "progress"));
    }
    talk_heard(&talk, 0, "r{\"content\":[]}");
    assert_non_null(strstr(talk_last(&talk), "\"id\":1,\"result\":{\"content\":[]}"));
    /* Nothing is said of what has been answered. */
    talk_heard(&talk, 0, saids[0]);
    talk_heard(&talk, 0, "r{}");
    assert_int_equal(talk.count, 7);
    /* Its id is free, though its process is there yet. */
    (void)talk_call(&talk, "1", "sync_status", "");
    assert_int_equal(talk.started, 2);
    talk_over(&talk, 0, "");
    talk_heard(&talk, 1, "r{}");
    talk_over(&talk, 1, "");
    assert_int_equal(talk.count, 8);
    talk_end(&talk);
}

static void
who_asked_for_no_progress_gets_none(void **state)
{
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now", "");
    talk_heard(&talk, 0, "p{\"done\":0,\"total\":10,\"message\":\"a\"}");
    talk_heard(&talk, 0, "l{\"level\":\"info\",\"text\":\"quiet\"}");
    assert_int_equal(talk.count, 1);
    talk_heard(&talk, 0, "l{\"level\":\"warning\",\"text\":\"loud\"}");
    assert_non_null(strstr(talk_last(&talk), "\"data\":\"loud\""));
    (void)talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"logging/setLevel\","
        "\"params\":{\"level\":\"debug\"}}");
    talk_heard(&talk, 0, "l{\"level\":\"info\",\"text\":\"quiet\"}");
    assert_non_null(strstr(talk_last(&talk), "notifications/message"));
    talk_over(&talk, 0, "");
    talk_end(&talk);
}

static void
a_process_that_dies_is_told_of(void **state)
{
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now", "");
    talk_over(&talk, 0, "signal 11: Segmentation fault");
    assert_non_null(strstr(talk_last(&talk), "-32603"));
    assert_non_null(strstr(talk_last(&talk), "signal 11"));
    (void)talk_call(&talk, "1", "sync_status", "");
    talk_heard(&talk, 0, "e{\"code\":-32002,\"message\":\"nothing has run yet\"}");
    assert_non_null(strstr(talk_last(&talk), "-32002"));
    talk_over(&talk, 0, "");
    talk.cannot_start = true;
    assert_non_null(strstr(talk_call(&talk, "1", "sync_status", ""), "no room"));
    assert_true(aks_mcp_server_idle(&talk.server));
    talk_end(&talk);
}

static void
a_cancelled_call_is_stopped_and_not_answered(void **state)
{
    static const char cancel[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
        "\"params\":{\"requestId\":%s}}";
    char line[256];
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now", ",\"_meta\":{\"progressToken\":9}");
    (void)talk_call(&talk, "2", "sync_now", "");
    (void)snprintf(line, sizeof(line), cancel, "\"1\"");    /* another id */
    (void)talk_ask(&talk, line);
    assert_int_equal(talk.stopped, 0);
    (void)snprintf(line, sizeof(line), cancel, "2");        /* which waits */
    (void)talk_ask(&talk, line);
    assert_int_equal(talk.stopped, 0);
    (void)snprintf(line, sizeof(line), cancel, "1");
    (void)talk_ask(&talk, line);
    (void)talk_ask(&talk, line);
    assert_int_equal(talk.stopped, 1);
    talk_heard(&talk, 0, "p{\"done\":1,\"total\":10,\"message\":\"a\"}");
    talk_heard(&talk, 0, "r{}");
    /* Its id may be used again, though its process is there yet. */
    (void)talk_call(&talk, "1", "sync_status", "");
    assert_int_equal(talk.started, 2);
    talk_over(&talk, 0, "");
    assert_int_equal(talk.count, 1);
    talk_over(&talk, 1, "");
    assert_int_equal(talk.count, 2);
    assert_true(aks_mcp_server_idle(&talk.server));
    talk_end(&talk);
}

static void
an_id_that_is_at_work_is_refused(void **state)
{
    char id[64];
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now", "");
    (void)talk_call(&talk, "1", "sync_status", "");
    assert_int_equal(talk_code(&talk, id), AKS_MCP_INVALID);
    assert_string_equal(id, "null");
    assert_int_equal(talk.started, 1);
    (void)talk_call(&talk, "\"1\"", "sync_status", "");
    assert_int_equal(talk.started, 2);
    talk_over(&talk, 0, "");
    talk_over(&talk, 1, "");
    talk_end(&talk);
}

static void
a_flood_is_bounded_and_pings_are_answered(void **state)
{
    char id[64];
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    for (unsigned i = 1; i <= 100; i++) {
        (void)snprintf(id, sizeof(id), "%u", i);
        (void)talk_call(&talk, id, i % 2 == 0 ? "sync_now" : "sync_history", "");
    }
    assert_int_equal(talk.started, AKS_MCP_RUNNING_MAX);
    assert_int_equal(talk.count, 1 + 100 - AKS_MCP_RUNNING_MAX - AKS_MCP_WAITING_MAX);
    assert_int_equal(talk_code(&talk, id), AKS_MCP_BUSY);
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"method\":\"ping\"}"),
        "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"result\":{}}");
    /* One sync at a time, and none is forgotten. */
    for (unsigned round = 0; !aks_mcp_server_idle(&talk.server); round++) {
        unsigned syncs = 0;
        size_t one = AKS_MCP_JOBS_MAX;

        for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
            syncs += talk.running[i] && talk.what[i] == AKS_MCP_SYNC;
            if (talk.running[i])
                one = i;
        }
        assert_true(syncs <= 1);
        assert_true(one < AKS_MCP_JOBS_MAX && round < 100);
        talk_over(&talk, one, "");
    }
    assert_int_equal(talk.started, AKS_MCP_RUNNING_MAX + AKS_MCP_WAITING_MAX);
    talk_end(&talk);
}

static void
what_takes_long_ends_with_the_client(void **state)
{
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now", "");
    (void)talk_call(&talk, "2", "sync_now", "");
    (void)talk_call(&talk, "3", "sync_status", "");
    aks_mcp_server_end(&talk.server, false);
    assert_int_equal(talk.stopped, 1);
    assert_non_null(strstr(talk_last(&talk), "\"id\":2,\"error\":{\"code\":-32000"));
    talk_over(&talk, 0, "");
    assert_int_equal(talk.started, 2);
    aks_mcp_server_end(&talk.server, true);
    assert_int_equal(talk.stopped, 2);
    talk_over(&talk, 2, "");
    assert_true(aks_mcp_server_idle(&talk.server));
    talk_end(&talk);
}

static void
no_secret_of_ours_and_no_shape_of_one_is_told_back(void **state)
{
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_call(&talk, "1", "sync_now",
        ",\"arguments\":{\"AKIAIOSFODNN7EXAMPLE password=abcdefghijkl\":1}");
    assert_null(strstr(talk_last(&talk), "abcdefghijkl"));
    talk_end(&talk);
}

/* --- memory ----------------------------------------------------------------------------------- */

static int
converse(void *ctx, const struct aks_alloc *alloc)
{
    struct talk talk;

    talk_begin_with(&talk, alloc, AKS_MCP_LINE_BYTES_MAX);
    (void)talk_ask(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    (void)talk_call(&talk, "1", "sync_now", ",\"_meta\":{\"progressToken\":9}");
    if (talk.running[0]) {
        talk_heard(&talk, 0, "p{\"done\":1,\"total\":10,\"message\":\"a\"}");
        talk_heard(&talk, 0, "r{}");
        talk_over(&talk, 0, "");
    }
    (void)talk_ask(&talk, "x");
    /* Whatever failed, each of the four was answered, and the conversation goes on. */
    assert_in_range(talk.count, 4, 5);
    talk_end(&talk);
    return 0;
}

static void
without_memory_a_call_is_answered_all_the_same(void **state)
{
    failing_alloc_loop(converse, NULL, 1000);
    failing_alloc_loop_lasting(converse, NULL, 1000);
}

static long fail_json_at;
static long json_seen;

static void *
json_malloc(size_t bytes)
{
    return json_seen++ == fail_json_at ? NULL : malloc(bytes);
}

static void
without_memory_for_json_as_well(void **state)
{
    json_set_alloc_funcs(json_malloc, free);
    for (fail_json_at = 0; fail_json_at < 400; fail_json_at++) {
        struct talk talk;

        json_seen = 0;
        talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
        (void)talk_ask(&talk, TALK_INITIALIZE("2025-11-25"));
        (void)talk_call(&talk, "1", "sync_now", ",\"arguments\":{\"target\":\"x\"}");
        (void)talk_call(&talk, "2", "sync_now", ",\"arguments\":{\"target\":1}");
        (void)talk_ask(&talk, TALK_PING);
        talk_end(&talk);
        assert_int_equal(talk.running[0] ? talk.started : 0, talk.started);
    }
    json_set_alloc_funcs(malloc, free);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(what_there_is_not_cannot_be_called),
        cmocka_unit_test(progress_only_rises),
        cmocka_unit_test(who_asked_for_no_progress_gets_none),
        cmocka_unit_test(a_process_that_dies_is_told_of),
        cmocka_unit_test(a_cancelled_call_is_stopped_and_not_answered),
        cmocka_unit_test(an_id_that_is_at_work_is_refused),
        cmocka_unit_test(a_flood_is_bounded_and_pings_are_answered),
        cmocka_unit_test(what_takes_long_ends_with_the_client),
        cmocka_unit_test(no_secret_of_ours_and_no_shape_of_one_is_told_back),
        cmocka_unit_test(without_memory_a_call_is_answered_all_the_same),
        cmocka_unit_test(without_memory_for_json_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
