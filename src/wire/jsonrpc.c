#include "wire/jsonrpc.h"

#include "base/check.h"
#include "base/utf8.h"
#include "wire/json_shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

/* --- writing ---------------------------------------------------------------------------------- */

void
aks_jsonrpc_initialize(struct aks_buf *buf, int64_t id, const char *client, const char *version)
{
    aks_buf_printf(buf, "{\"jsonrpc\":\"2.0\",\"id\":%" PRId64 ",\"method\":\"initialize\","
        "\"params\":{\"protocolVersion\":\"" AKS_JSONRPC_PROTOCOL "\",\"capabilities\":{},"
        "\"clientInfo\":{\"name\":\"%s\",\"version\":\"%s\"}}}", id, client, version);
}

void
aks_jsonrpc_notify(struct aks_buf *buf, const char *method)
{
    aks_buf_printf(buf, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\"}", method);
}

void
aks_jsonrpc_call_begin(struct aks_buf *buf, int64_t id, const char *tool, const char *argument)
{
    aks_buf_printf(buf, "{\"jsonrpc\":\"2.0\",\"id\":%" PRId64 ",\"method\":\"tools/call\","
        "\"params\":{\"name\":\"%s\",\"arguments\":{\"%s\":[", id, tool, argument);
}

void
aks_jsonrpc_call_end(struct aks_buf *buf)
{
    aks_buf_puts(buf, "]}}}");
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Of what terminals obey, U+0080 to U+009F are two bytes. */
void
aks_jsonrpc_words(const char *text, char ret_words[AKS_JSONRPC_WORDS_BYTES])
{
    int len = snprintf(ret_words, AKS_JSONRPC_WORDS_BYTES, "%s", text);

    if (len >= AKS_JSONRPC_WORDS_BYTES)
        memcpy(ret_words + AKS_JSONRPC_WORDS_BYTES - sizeof("..."), "...", sizeof("..."));
    aks_utf8_mend(ret_words);
    for (unsigned char *c = (unsigned char *)ret_words; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = ' ';
        else if (*c == 0xc2 && c[1] < 0xa0)
            c[0] = c[1] = ' ';
    }
}

/* NULL, and why. */
static json_t *
parse(const char *text, size_t len, struct aks_error *err)
{
    static const struct aks_json_shape limits = { AKS_JSONRPC_DEPTH_MAX, AKS_JSONRPC_CONTAINERS_MAX,
        AKS_JSONRPC_VALUES_MAX };
    json_error_t json_error;
    const char *why;
    json_t *root;

    if (len > AKS_JSONRPC_BYTES_MAX) {
        (void)aks_error_set(err, AKS_BAD_REPLY, "the answer is over %zu bytes long",
            AKS_JSONRPC_BYTES_MAX);
        return NULL;
    }
    why = aks_json_shape(text, len, &limits);
    if (why != NULL) {
        (void)aks_error_set(err, AKS_BAD_REPLY, "the answer %s", why);
        return NULL;
    }
    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &json_error);
    if (root == NULL && json_error_code(&json_error) == json_error_out_of_memory)
        (void)aks_error_memory(err, "reading an answer");
    else if (root == NULL)
        (void)aks_error_set(err, AKS_BAD_REPLY, "the answer is no JSON (line %d, column %d)",
            json_error.line, json_error.column);
    return root;
}

/* Is it an answer to that request? Servers that could not read a request answer with the id null,
 * or with a text. */
static bool
is_ours(const json_t *root, int64_t id)
{
    const json_t *of = json_object_get(root, "id");

    if (json_is_integer(of))
        return json_integer_value(of) == id;
    return json_object_get(root, "error") != NULL && (json_is_null(of) || json_is_string(of));
}

static void
read_error(const json_t *error, struct aks_jsonrpc_answer *answer)
{
    const char *message = json_string_value(json_object_get(error, "message"));

    answer->failed = true;
    answer->code = json_integer_value(json_object_get(error, "code"));
    aks_jsonrpc_words(message != NULL ? message : "an error without words", answer->words);
}

enum aks_jsonrpc_kind
aks_jsonrpc_read(const char *text, size_t len, int64_t id, struct aks_jsonrpc_answer *ret_answer,
    struct aks_error *err)
{
    enum aks_jsonrpc_kind kind = AKS_JSONRPC_OTHER;
    json_t *root = parse(text, len, err);
    const char *version;
    json_t *result;

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (root == NULL)
        return AKS_JSONRPC_BAD;
    version = json_string_value(json_object_get(root, "jsonrpc"));
    result = json_object_get(root, "result");
    if (version == NULL || strcmp(version, "2.0") != 0) {
        (void)aks_error_set(err, AKS_BAD_REPLY, "the answer is no message of JSON-RPC 2.0");
        kind = AKS_JSONRPC_BAD;
    } else if (json_object_get(root, "method") == NULL && is_ours(root, id)) {
        kind = AKS_JSONRPC_ANSWER;
        if (json_is_object(json_object_get(root, "error"))) {
            read_error(json_object_get(root, "error"), ret_answer);
        } else if (json_is_object(result)) {
            ret_answer->result = json_incref(result);
        } else {
            (void)aks_error_set(err, AKS_BAD_REPLY, "the answer has neither a result nor an error");
            kind = AKS_JSONRPC_BAD;
        }
    }
    json_decref(root);
    return kind;
}

void
aks_jsonrpc_answer_fini(struct aks_jsonrpc_answer *answer)
{
    json_decref(answer->result);
    answer->result = NULL;
}

enum aks_status
aks_jsonrpc_protocol(const json_t *result, char ret_protocol[AKS_JSONRPC_PROTOCOL_BYTES],
    struct aks_error *err)
{
    static const char *const known[] = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };
    const char *protocol = json_string_value(json_object_get(result, "protocolVersion"));
    char words[AKS_JSONRPC_WORDS_BYTES];

    for (size_t i = 0; protocol != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(protocol, known[i]) == 0) {
            (void)snprintf(ret_protocol, AKS_JSONRPC_PROTOCOL_BYTES, "%s", protocol);
            return AKS_OK;
        }
    }
    if (protocol == NULL)
        return aks_error_set(err, AKS_BAD_REPLY, "the server does not say which version of the "
            "protocol it speaks");
    aks_jsonrpc_words(protocol, words);
    return aks_error_set(err, AKS_BAD_REPLY, "the server speaks a version of the protocol that is "
        "not known here: %.32s", words);
}

/* The first text of its content, or NULL. */
static const char *
first_text(const json_t *result)
{
    const json_t *content = json_object_get(result, "content");

    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *item = json_array_get(content, i);
        const char *type = json_string_value(json_object_get(item, "type"));

        if (type != NULL && strcmp(type, "text") == 0)
            return json_string_value(json_object_get(item, "text"));
    }
    return NULL;
}

enum aks_status
aks_jsonrpc_tool(const json_t *result, struct aks_jsonrpc_tool *ret_tool, struct aks_error *err)
{
    json_t *value = json_object_get(result, "structuredContent");
    const char *text = first_text(result);

    memset(ret_tool, 0, sizeof(*ret_tool));
    if (json_is_true(json_object_get(result, "isError"))) {
        ret_tool->failed = true;
        aks_jsonrpc_words(text != NULL ? text : "an error without words", ret_tool->words);
        return AKS_OK;
    }
    if (json_is_object(value)) {
        ret_tool->value = json_incref(value);
        return AKS_OK;
    }
    if (text == NULL)
        return aks_error_set(err, AKS_BAD_REPLY, "the tool's result holds nothing");
    value = parse(text, strlen(text), err);
    if (value == NULL)
        return err != NULL ? err->status : AKS_BAD_REPLY;
    if (!json_is_object(value)) {
        json_decref(value);
        return aks_error_set(err, AKS_BAD_REPLY, "the tool's result is no object");
    }
    ret_tool->value = value;
    return AKS_OK;
}

void
aks_jsonrpc_tool_fini(struct aks_jsonrpc_tool *tool)
{
    json_decref(tool->value);
    tool->value = NULL;
}
