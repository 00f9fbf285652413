/* What is asked of a server of the Model Context Protocol, and what may come back. */
#include "wire/jsonrpc.h"
#include "wire/store_answer.h"

#include "base/alloc.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RESULT(text) "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":" text "}"
#define TOOL(value) "{\"content\":[],\"structuredContent\":" value ",\"isError\":false}"

static void
requests_are_written_as_the_protocol_has_them(void **state)
{
    struct aks_buf buf;

    aks_buf_init(&buf, aks_alloc_system(), 4096);
    aks_jsonrpc_initialize(&buf, 1, "akosha-sync", "1.2.3");
    assert_string_equal(buf.data, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
        "\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":"
        "{\"name\":\"akosha-sync\",\"version\":\"1.2.3\"}}}");
    aks_buf_reset(&buf);
    aks_jsonrpc_notify(&buf, "notifications/initialized");
    assert_string_equal(buf.data,
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    aks_buf_reset(&buf);
    aks_jsonrpc_call_begin(&buf, 9, "batch_store_memories", "memories");
    aks_buf_puts(&buf, "{\"memory_id\":\"a\"},{\"memory_id\":\"b\"}");
    aks_jsonrpc_call_end(&buf);
    assert_string_equal(buf.data, "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\","
        "\"params\":{\"name\":\"batch_store_memories\",\"arguments\":{\"memories\":"
        "[{\"memory_id\":\"a\"},{\"memory_id\":\"b\"}]}}}");
    aks_buf_fini(&buf);
}

static void
messages_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum aks_jsonrpc_kind kind;
        bool failed;
        const char *words;
    } cases[] = {
        { RESULT("{}"), AKS_JSONRPC_ANSWER, false, "" },
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32602,\"message\":\"no\\nway\"}}",
            AKS_JSONRPC_ANSWER, true, "no way" },
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse\"}}",
            AKS_JSONRPC_ANSWER, true, "Parse" },
        { "{\"jsonrpc\":\"2.0\",\"id\":\"server-error\",\"error\":{\"code\":-32600}}",
            AKS_JSONRPC_ANSWER, true, "an error without words" },
        { "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}", AKS_JSONRPC_OTHER, false, "" },
        { "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{}}", AKS_JSONRPC_OTHER, false, "" },
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}", AKS_JSONRPC_OTHER, false, "" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}",
            AKS_JSONRPC_OTHER, false, "" },
        { "{\"id\":7,\"result\":{}}", AKS_JSONRPC_BAD, false, "is no message" },
        { "{\"jsonrpc\":\"2.0\",\"id\":7}", AKS_JSONRPC_BAD, false, "neither a result" },
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}", AKS_JSONRPC_BAD, false, "neither" },
        { "[]", AKS_JSONRPC_BAD, false, "is no message" },
        { "<html>", AKS_JSONRPC_BAD, false, "is no JSON" },
        { "", AKS_JSONRPC_BAD, false, "is no JSON" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_jsonrpc_answer answer;
        struct aks_error err;
        enum aks_jsonrpc_kind kind;

        aks_error_clear(&err);
        kind = aks_jsonrpc_read(cases[i].text, strlen(cases[i].text), 7, &answer, &err);
        if (kind != cases[i].kind || answer.failed != cases[i].failed ||
            strstr(kind == AKS_JSONRPC_BAD ? err.message : answer.words, cases[i].words) == NULL)
            fail_msg("%s: %d, %s, %s", cases[i].text, kind, answer.words, err.message);
        assert_int_equal(answer.result != NULL, kind == AKS_JSONRPC_ANSWER && !answer.failed);
        aks_jsonrpc_answer_fini(&answer);
    }
}

static void
messages_that_would_cost_too_much_are_not_parsed(void **state)
{
    size_t len = AKS_JSONRPC_BYTES_MAX + 1;
    char *text = malloc(len);
    struct aks_jsonrpc_answer answer;
    struct aks_error err;

    memset(text, ' ', len);
    assert_int_equal(aks_jsonrpc_read(text, len, 1, &answer, &err), AKS_JSONRPC_BAD);
    assert_non_null(strstr(err.message, "bytes long"));
    memset(text, '[', 1000);
    assert_int_equal(aks_jsonrpc_read(text, 1000, 1, &answer, &err), AKS_JSONRPC_BAD);
    assert_non_null(strstr(err.message, "nested too deeply"));
    memset(text, ',', len - 1);
    assert_int_equal(aks_jsonrpc_read(text, len - 1, 1, &answer, &err), AKS_JSONRPC_BAD);
    assert_non_null(strstr(err.message, "too many values"));
    free(text);
}

static void
version_of_the_protocol_has_to_be_a_known_one(void **state)
{
    static const char *const known[] = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };
    char protocol[AKS_JSONRPC_PROTOCOL_BYTES];
    struct aks_error err;
    json_t *result;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        result = json_pack("{s:s}", "protocolVersion", known[i]);
        assert_int_equal(aks_jsonrpc_protocol(result, protocol, NULL), AKS_OK);
        assert_string_equal(protocol, known[i]);
        json_decref(result);
    }
    result = json_pack("{s:s}", "protocolVersion", "2099-01-01\r\nx: y");
    assert_int_equal(aks_jsonrpc_protocol(result, protocol, &err), AKS_BAD_REPLY);
    assert_null(strchr(err.message, '\n'));
    json_decref(result);
    result = json_object();
    assert_int_equal(aks_jsonrpc_protocol(result, protocol, &err), AKS_BAD_REPLY);
    json_decref(result);
}

/* The tool's value in ${result}; NULL if it failed. */
static json_t *
unwrap(const char *result, struct aks_jsonrpc_tool *tool, struct aks_error *err)
{
    json_t *root = json_loads(result, 0, NULL);
    enum aks_status status;

    assert_non_null(root);
    aks_error_clear(err);
    status = aks_jsonrpc_tool(root, tool, err);
    json_decref(root);
    return status == AKS_OK ? tool->value : NULL;
}

static void
wrapping_of_a_tools_result_is_taken_off(void **state)
{
    struct aks_jsonrpc_tool tool;
    struct aks_error err;

    assert_non_null(unwrap(TOOL("{\"status\":\"a\"}"), &tool, &err));
    assert_string_equal(json_string_value(json_object_get(tool.value, "status")), "a");
    aks_jsonrpc_tool_fini(&tool);
    assert_non_null(unwrap("{\"content\":[{\"type\":\"image\"},{\"type\":\"text\",\"text\":"
        "\"{\\\"status\\\":\\\"b\\\"}\"}]}", &tool, &err));
    assert_string_equal(json_string_value(json_object_get(tool.value, "status")), "b");
    aks_jsonrpc_tool_fini(&tool);
    assert_null(unwrap("{\"content\":[{\"type\":\"text\",\"text\":\"Unknown tool: x\"}],"
        "\"isError\":true}", &tool, &err));
    assert_true(tool.failed);
    assert_string_equal(tool.words, "Unknown tool: x");
    assert_null(unwrap("{\"content\":[]}", &tool, &err));
    assert_int_equal(err.status, AKS_BAD_REPLY);
    assert_null(unwrap("{\"content\":[{\"type\":\"text\",\"text\":\"[1]\"}]}", &tool, &err));
    assert_non_null(strstr(err.message, "is no object"));
    assert_null(unwrap("{\"content\":[{\"type\":\"text\",\"text\":\"fine\"}]}", &tool, &err));
    assert_non_null(strstr(err.message, "is no JSON"));
}

/* --- what the tool says of a batch ------------------------------------------------------------ */

static enum aks_status
read_batch(const char *value, struct aks_store_memory memories[3], struct aks_store_answer *answer,
    struct aks_error *err)
{
    static const char *const ids[] = { "a", "b", "c" };
    json_t *root = json_loads(value, 0, NULL);
    enum aks_status status;

    assert_non_null(root);
    for (size_t i = 0; i < 3; i++)
        memories[i] = (struct aks_store_memory) { .id = ids[i] };
    status = aks_store_answer_read(root, memories, 3, answer, err);
    json_decref(root);
    return status;
}

static void
every_memory_that_no_error_names_is_stored(void **state)
{
    struct aks_store_memory memories[3];
    struct aks_store_answer answer;
    struct aks_error err;

    assert_int_equal(read_batch("{\"status\":\"completed\",\"total\":3,\"stored\":3,\"failed\":0,"
        "\"errors\":[],\"stored_at\":\"2026\"}", memories, &answer, &err), AKS_OK);
    assert_int_equal(answer.stored, 3);
    assert_int_equal(answer.there, 0);
    assert_int_equal(read_batch("{\"status\":\"partial\",\"total\":3,\"stored\":1,\"failed\":2,"
        "\"errors\":[{\"memory_id\":\"a\",\"error\":\"Constraint Error: Duplicate key "
        "\\\"memory_id: a\\\" violates primary key constraint.\"},{\"memory_id\":\"c\",\"error\":"
        "\"Conversion Error: Cannot cast list with length 3 to array with length 384\"}]}",
        memories, &answer, &err), AKS_OK);
    assert_int_equal(answer.stored, 2);
    assert_int_equal(answer.there, 1);
    assert_int_equal(answer.refused, 1);
    assert_int_equal(memories[0].fate, AKS_STORE_THERE);
    assert_int_equal(memories[1].fate, AKS_STORE_STORED);
    assert_int_equal(memories[2].fate, AKS_STORE_REFUSED);
    assert_non_null(strstr(memories[2].words, "length 384"));
    assert_int_equal(read_batch("{\"status\":\"failed\",\"errors\":[{\"memory_id\":\"b\","
        "\"error\":\"IO Error: No space left on device\"}]}", memories, &answer, &err), AKS_OK);
    assert_int_equal(answer.failed, 1);
    assert_int_equal(memories[1].fate, AKS_STORE_FAILED);
}

static void
answer_that_cannot_be_true_is_not_believed(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{\"status\":\"fine\"}",
        "{\"status\":\"completed\",\"total\":2,\"stored\":2,\"failed\":0,\"errors\":[]}",
        "{\"status\":\"completed\",\"total\":3,\"stored\":2,\"failed\":0,\"errors\":[]}",
        "{\"status\":\"completed\",\"total\":3,\"stored\":3,\"failed\":1,\"errors\":[]}",
        "{\"status\":\"partial\",\"total\":3,\"stored\":3,\"failed\":0,\"errors\":"
            "[{\"memory_id\":\"a\",\"error\":\"x\"}]}",
        "{\"status\":\"partial\",\"errors\":[{\"memory_id\":\"z\",\"error\":\"x\"}]}",
        "{\"status\":\"partial\",\"errors\":[{\"error\":\"x\"}]}",
        "{\"status\":\"partial\",\"errors\":[{\"memory_id\":\"a\",\"error\":\"x\"},"
            "{\"memory_id\":\"a\",\"error\":\"x\"}]}",
        "{\"status\":\"failed\",\"errors\":[1,2,3,4]}",
    };
    struct aks_store_memory memories[3];
    struct aks_store_answer answer;
    struct aks_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (read_batch(cases[i], memories, &answer, &err) != AKS_BAD_REPLY)
            fail_msg("%s", cases[i]);
    }
    assert_int_equal(read_batch("{\"status\":\"failed\",\"total\":3,\"stored\":0,\"failed\":3,"
        "\"error\":\"store is closed\"}", memories, &answer, &err), AKS_SERVER);
    assert_string_equal(err.message, "the tool failed: store is closed");
}

static void
an_id_may_stand_in_a_batch_twice(void **state)
{
    struct aks_store_memory memories[2] = { { .id = "a" }, { .id = "a" } };
    struct aks_store_answer answer;
    struct aks_error err;
    json_t *root = json_loads("{\"status\":\"failed\",\"errors\":[{\"memory_id\":\"a\","
        "\"error\":\"Duplicate key\"},{\"memory_id\":\"a\",\"error\":\"Duplicate key\"}]}", 0,
        NULL);

    assert_int_equal(aks_store_answer_read(root, memories, 2, &answer, &err), AKS_OK);
    assert_int_equal(answer.there, 2);
    assert_int_equal(memories[1].fate, AKS_STORE_THERE);
    json_decref(root);
}

static void
words_tell_whether_a_memory_is_ever_taken(void **state)
{
    assert_int_equal(aks_store_fate_of("Duplicate key \"x\""), AKS_STORE_THERE);
    assert_int_equal(aks_store_fate_of("violates PRIMARY KEY CONSTRAINT"), AKS_STORE_THERE);
    assert_int_equal(aks_store_fate_of("memory_id cannot be empty"), AKS_STORE_REFUSED);
    assert_int_equal(aks_store_fate_of("Mismatch Type Error: type mismatch"), AKS_STORE_REFUSED);
    assert_int_equal(aks_store_fate_of("Out of Memory Error: failed to allocate"),
        AKS_STORE_FAILED);
    assert_int_equal(aks_store_fate_of("Connection Error: Connection already closed"),
        AKS_STORE_FAILED);
    assert_int_equal(aks_store_fate_of("FATAL Error: Failed: database has been invalidated because "
        "of a previous fatal error. The database must be restarted prior to being used again.\n"
        "Original error: \"Duplicate key violates primary key constraint\""), AKS_STORE_FAILED);
    assert_int_equal(aks_store_fate_of("Authentication required"), AKS_STORE_FAILED);
    assert_int_equal(aks_store_fate_of("1 validation error for call: memories.0.text "
        "[input_value='a fatal error of a duplicate key']"), AKS_STORE_REFUSED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written_as_the_protocol_has_them),
        cmocka_unit_test(messages_are_told_apart),
        cmocka_unit_test(messages_that_would_cost_too_much_are_not_parsed),
        cmocka_unit_test(version_of_the_protocol_has_to_be_a_known_one),
        cmocka_unit_test(wrapping_of_a_tools_result_is_taken_off),
        cmocka_unit_test(every_memory_that_no_error_names_is_stored),
        cmocka_unit_test(answer_that_cannot_be_true_is_not_believed),
        cmocka_unit_test(an_id_may_stand_in_a_batch_twice),
        cmocka_unit_test(words_tell_whether_a_memory_is_ever_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
