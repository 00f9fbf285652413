/* What a client of the MCP server may send, and what it is answered. */
#include "cli/mcp_talk.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- lines ------------------------------------------------------------------------------------ */

static void
lines_come_in_any_pieces(void **state)
{
    static const char text[] = TALK_PING "\n\n \t\r\n" TALK_PING "\r\n";
    struct talk talk;

    for (size_t piece = 1; piece < sizeof(text); piece++) {
        talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
        for (size_t at = 0; at < sizeof(text) - 1; at += piece)
            aks_mcp_lines_feed(&talk.lines, text + at,
                sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece);
        assert_int_equal(talk.count, 2);
        assert_string_equal(talk_last(&talk), TALK_PONG);
        talk_end(&talk);
    }
}

static void
half_a_line_at_the_end_is_one(void **state)
{
    struct talk talk;

    talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
    talk_feed(&talk, TALK_PING);
    assert_int_equal(talk.count, 0);
    aks_mcp_lines_end(&talk.lines);
    assert_string_equal(talk_last(&talk), TALK_PONG);
    talk_feed(&talk, "{\"jsonrpc\":\"2.0\",\"id\":2,");
    aks_mcp_lines_end(&talk.lines);
    assert_int_equal(talk.count, 2);
    assert_non_null(strstr(talk_last(&talk), "-32700"));
    aks_mcp_lines_end(&talk.lines);
    assert_int_equal(talk.count, 2);
    talk_end(&talk);
}

static void
a_long_line_is_answered_once_and_passed_over(void **state)
{
    struct talk talk;
    char id[64];

    talk_begin_with(&talk, aks_alloc_system(), 64);
    for (int i = 0; i < 1000; i++)
        talk_feed(&talk, "{\"jsonrpc\":\"2.0\",\"id\":7,");
    assert_int_equal(talk.count, 1);
    assert_int_equal(talk_code(&talk, id), AKS_MCP_INVALID);
    assert_string_equal(id, "null");
    talk_feed(&talk, "\n" TALK_PING "\n");
    assert_int_equal(talk.count, 2);
    assert_string_equal(talk_last(&talk), TALK_PONG);
    /* As long as it may be, and one byte more. */
    talk_feed(&talk, "                        " TALK_PING "\n");
    assert_string_equal(talk_last(&talk), TALK_PONG);
    assert_int_equal(talk.count, 3);
    talk_feed(&talk, "                         " TALK_PING "\n");
    assert_int_equal(talk.count, 4);
    assert_int_equal(talk_code(&talk, id), AKS_MCP_INVALID);
    talk_end(&talk);
}

/* --- messages --------------------------------------------------------------------------------- */

static void
what_is_no_message_is_refused(void **state)
{
    static const struct {
        const char *line;
        int code;
        const char *id;
    } wrong[] = {
        { "x", AKS_MCP_PARSE, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"", AKS_MCP_PARSE, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", AKS_MCP_PARSE, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", AKS_MCP_PARSE, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"ping\"}", AKS_MCP_PARSE,
          "null" },
        { "[]", AKS_MCP_INVALID, "null" },
        { "17", AKS_MCP_INVALID, "null" },
        { "null", AKS_MCP_INVALID, "null" },
        { "[" TALK_PING "," TALK_PING "]", AKS_MCP_INVALID, "null" },
        { "{}", AKS_MCP_INVALID, "null" },
        { "{\"id\":5,\"method\":\"ping\"}", AKS_MCP_INVALID, "5" },
        { "{\"jsonrpc\":\"1.0\",\"id\":5,\"method\":\"ping\"}", AKS_MCP_INVALID, "5" },
        { "{\"jsonrpc\":2.0,\"id\":5,\"method\":\"ping\"}", AKS_MCP_INVALID, "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":7}", AKS_MCP_INVALID, "\"a\"" },
        { "{\"jsonrpc\":\"2.0\",\"id\":\"a\"}", AKS_MCP_INVALID, "\"a\"" },
        { "{\"jsonrpc\":\"2.0\",\"method\":7}", AKS_MCP_INVALID, "null" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"params\":[]}", AKS_MCP_INVALID, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":[]}", AKS_MCP_PARAMS, "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":null}", AKS_MCP_PARAMS,
          "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"nothing\"}", AKS_MCP_METHOD, "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", AKS_MCP_INVALID, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}", AKS_MCP_INVALID, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", AKS_MCP_INVALID, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", AKS_MCP_INVALID, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", AKS_MCP_INVALID, "null" },
    };
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        talk_refused(&talk, wrong[i].line, wrong[i].code, wrong[i].id);
    talk_end(&talk);
}

static void
ids_come_back_as_they_were(void **state)
{
    static const char *const ids[] = { "0", "-1", "9223372036854775807", "\"\"", "\"1\"",
        "\"a \\\"b\\\" \\u0000 c\"", "\"\xc3\xa4\"" };
    char line[256];
    char id[64];
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        json_t *expected = json_loads(ids[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        (void)snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}",
            ids[i]);
        (void)talk_ask(&talk, line);
        if (strstr(ids[i], "u0000") != NULL)
            assert_int_equal(talk_code(&talk, id), AKS_MCP_PARSE);
        else
            assert_true(json_equal(json_object_get(talk.said[talk.count - 1], "id"), expected));
        json_decref(expected);
    }
    talk_end(&talk);
}

static void
an_id_has_a_length(void **state)
{
    static const char ping[] = "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"ping\"}";
    char id[AKS_MCP_ID_BYTES_MAX + 2];
    char line[512];
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    memset(id, 'x', sizeof(id));
    id[AKS_MCP_ID_BYTES_MAX + 1] = '\0';
    (void)snprintf(line, sizeof(line), ping, id);
    talk_refused(&talk, line, AKS_MCP_INVALID, "null");
    id[AKS_MCP_ID_BYTES_MAX] = '\0';
    (void)snprintf(line, sizeof(line), ping, id);
    assert_non_null(strstr(talk_ask(&talk, line), "\"result\":{}"));
    talk_end(&talk);
}

static void
what_wants_no_answer_gets_none(void **state)
{
    struct talk talk;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
        "initialized\"}"), "");
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"method\":\"strange\"}"), "");
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}"), "");
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"), "");
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}"), "");
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
        "cancelled\"}"), "");
    assert_string_equal(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
        "cancelled\",\"params\":{\"requestId\":{}}}"), "");
    talk_end(&talk);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void
versions_are_negotiated(void **state)
{
    struct talk talk;

    talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
    assert_non_null(strstr(talk_ask(&talk, TALK_INITIALIZE("2025-06-18")),
        "Version\":\"2025-06-18\""));
    talk_refused(&talk, TALK_INITIALIZE("2025-06-18"), AKS_MCP_INVALID, "0");
    talk_end(&talk);
    talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
    assert_non_null(strstr(talk_ask(&talk, TALK_INITIALIZE("2025-11-25")),
        "Version\":\"2025-11-25\""));
    talk_end(&talk);
    talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
    assert_non_null(strstr(talk_ask(&talk, TALK_INITIALIZE("1999-01-01")),
        "Version\":\"2025-11-25\""));
    talk_end(&talk);
}

static void
initialize_comes_first(void **state)
{
    struct talk talk;

    talk_begin_with(&talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
        AKS_MCP_INVALID, "1");
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
        "{\"name\":\"sync_now\"}}", AKS_MCP_INVALID, "1");
    assert_string_equal(talk_ask(&talk, TALK_PING), TALK_PONG);
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}",
        AKS_MCP_PARAMS, "1");
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":"
        "{\"protocolVersion\":1}}", AKS_MCP_PARAMS, "1");
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":"
        "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":1}}", AKS_MCP_PARAMS, "1");
    assert_int_equal(talk.started, 0);
    assert_non_null(strstr(talk_ask(&talk, TALK_INITIALIZE("2025-06-18")), "serverInfo"));
    talk_end(&talk);
}

static void
lists_are_whole(void **state)
{
    struct talk talk;
    const json_t *tools;
    const json_t *tool;
    size_t i;

    talk_begin(&talk, TALK_INITIALIZE("2025-11-25"));
    (void)talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    tools = json_object_get(json_object_get(talk.said[talk.count - 1], "result"), "tools");
    assert_int_equal(json_array_size(tools), AKS_MCP_TOOLS);
    json_array_foreach(tools, i, tool) {
        const char *name = json_string_value(json_object_get(tool, "name"));

        assert_int_equal(aks_mcp_tools_find(name), i);
        assert_true(json_is_string(json_object_get(tool, "title")));
        assert_true(json_is_string(json_object_get(tool, "description")));
        assert_true(json_is_object(json_object_get(tool, "inputSchema")));
        assert_true(json_is_object(json_object_get(tool, "outputSchema")));
        assert_int_equal(json_object_size(json_object_get(tool, "annotations")), 5);
    }
    (void)talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}");
    assert_int_equal(json_array_size(json_object_get(json_object_get(talk.said[talk.count - 1],
        "result"), "resources")), 2);
    assert_non_null(strstr(talk_ask(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/"
        "templates/list\"}"), "\"resourceTemplates\":[]"));
    talk_refused(&talk, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":"
        "{\"cursor\":\"x\"}}", AKS_MCP_PARAMS, "1");
    talk_end(&talk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_in_any_pieces),
        cmocka_unit_test(half_a_line_at_the_end_is_one),
        cmocka_unit_test(a_long_line_is_answered_once_and_passed_over),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(ids_come_back_as_they_were),
        cmocka_unit_test(an_id_has_a_length),
        cmocka_unit_test(what_wants_no_answer_gets_none),
        cmocka_unit_test(versions_are_negotiated),
        cmocka_unit_test(initialize_comes_first),
        cmocka_unit_test(lists_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
