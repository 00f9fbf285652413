#include "cli/mcp_message.h"

#include "base/redact.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

bool
aks_mcp_message_is_id(const json_t *value)
{
    return json_is_integer(value) ||
        (json_is_string(value) && json_string_length(value) <= AKS_MCP_ID_BYTES_MAX);
}

static void
wrong(struct aks_mcp_message *message, enum aks_mcp_code code, const char *why)
{
    message->kind = AKS_MCP_WRONG;
    message->code = code;
    message->why = why;
}

/* ${id} is there: null, too, is an id to JSON-RPC, and none to this protocol. */
static bool
take_id(struct aks_mcp_message *message, json_t *id)
{
    if (aks_mcp_message_is_id(id)) {
        message->id = id;
        return true;
    }
    wrong(message, AKS_MCP_INVALID, json_is_string(id) ? "the id is too long"
        : "the id is neither a string nor an integer");
    return false;
}

static void
classify(struct aks_mcp_message *message)
{
    json_t *document = message->document;
    json_t *id = json_object_get(document, "id");
    json_t *method = json_object_get(document, "method");
    json_t *params = json_object_get(document, "params");
    const char *version = json_string_value(json_object_get(document, "jsonrpc"));
    bool answers = json_object_get(document, "result") != NULL ||
        json_object_get(document, "error") != NULL;

    if (method == NULL && answers) {
        message->kind = AKS_MCP_RESPONSE;
        return;
    }
    if (id != NULL && !take_id(message, id))
        return;
    if (version == NULL || strcmp(version, "2.0") != 0)
        wrong(message, AKS_MCP_INVALID, "\"jsonrpc\" is not \"2.0\"");
    else if (!json_is_string(method))
        wrong(message, AKS_MCP_INVALID, "there is no method, or it is no string");
    else if (params != NULL && !json_is_object(params))
        wrong(message, id != NULL ? AKS_MCP_PARAMS : AKS_MCP_INVALID, "params is no object");
    else {
        message->kind = id != NULL ? AKS_MCP_REQUEST : AKS_MCP_NOTIFICATION;
        message->method = json_string_value(method);
        message->params = params;
    }
}

void
aks_mcp_message_read(const char *text, size_t len, struct aks_mcp_message *ret)
{
    json_error_t why;

    memset(ret, 0, sizeof(*ret));
    ret->method = "";
    ret->why = "";
    /* Two members of one name: the client and we might mean different ones. */
    ret->document = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (ret->document == NULL && json_error_code(&why) == json_error_out_of_memory)
        wrong(ret, AKS_MCP_INTERNAL, "out of memory");
    else if (ret->document == NULL)
        wrong(ret, AKS_MCP_PARSE, "this is no JSON, or no UTF-8, or names a member twice");
    else if (json_is_array(ret->document))
        wrong(ret, AKS_MCP_INVALID, "batches are no part of this protocol: one message a line");
    else
        classify(ret);
}

void
aks_mcp_message_fini(struct aks_mcp_message *message)
{
    json_decref(message->document);
    memset(message, 0, sizeof(*message));
}

/* --- writing ---------------------------------------------------------------------------------- */

static int
append(const char *data, size_t len, void *ctx)
{
    struct aks_buf *out = ctx;

    aks_buf_append(out, data, len);
    return out->failed == AKS_OK ? 0 : -1;
}

void
aks_mcp_message_json(struct aks_buf *out, const json_t *value)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(AKS_MCP_REAL_DIGITS);

    if (value == NULL || json_dump_callback(value, append, out, flags) != 0)
        out->failed = AKS_LIMIT;
}

static void
begin(struct aks_buf *out, const json_t *id)
{
    aks_buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id != NULL)
        aks_mcp_message_json(out, id);
    else
        aks_buf_puts(out, "null");
}

void
aks_mcp_message_error(struct aks_buf *out, const json_t *id, enum aks_mcp_code code,
    const char *why)
{
    char text[AKS_MCP_WHY_BYTES];
    json_t *told;

    (void)snprintf(text, sizeof(text), "%s", why);
    (void)aks_redact_text(text, strlen(why) >= sizeof(text) ? AKS_REDACT_CUT : 0);
    aks_utf8_mend(text);
    told = json_string(text);
    begin(out, id);
    aks_buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", (int)code);
    aks_mcp_message_json(out, told);
    aks_buf_puts(out, "}}\n");
    json_decref(told);
}

void
aks_mcp_message_result(struct aks_buf *out, const json_t *id, const char *result)
{
    begin(out, id);
    aks_buf_puts(out, ",\"result\":");
    aks_buf_puts(out, result);
    aks_buf_puts(out, "}\n");
}

void
aks_mcp_message_notify(struct aks_buf *out, const char *method, json_t *params)
{
    aks_buf_printf(out, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":", method);
    aks_mcp_message_json(out, params);
    aks_buf_puts(out, "}\n");
    json_decref(params);
}
