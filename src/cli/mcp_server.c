#include "cli/mcp_server.h"

#include "akosha/akosha.h"
#include "base/redact.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define NEWEST "2025-11-25"
#define BEFORE "2025-06-18"

#define CAPABILITIES "{\"logging\":{},\"resources\":{\"listChanged\":false,\"subscribe\":false}," \
    "\"tools\":{\"listChanged\":false}}"
#define INSTRUCTIONS "Brings the databases that an agent's memory is kept in to storage, under a " \
    "policy that the person wrote. sync_now delivers; sync_status says what is owed and why. " \
    "Whatever cannot be delivered is kept and tried again, so a failed sync is no reason to call " \
    "it in a loop: tell the person what its error and hint say."

/* Where the client has not asked for a level. */
#define LEVEL_AT_FIRST "warning"

void
aks_mcp_server_init(struct aks_mcp_server *server, const struct aks_alloc *alloc,
    const struct aks_mcp_work *work)
{
    memset(server, 0, sizeof(*server));
    server->work = work;
    server->log_level = (unsigned)aks_mcp_server_level(LEVEL_AT_FIRST);
    aks_buf_init(&server->out, alloc, AKS_MCP_ANSWER_BYTES_MAX + AKS_MCP_LINE_BYTES_MAX);
}

void
aks_mcp_server_fini(struct aks_mcp_server *server)
{
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        json_decref(server->jobs[i].id);
        json_decref(server->jobs[i].token);
        json_decref(server->jobs[i].arguments);
    }
    aks_buf_fini(&server->out);
    memset(server, 0, sizeof(*server));
}

void
aks_mcp_server_say(struct aks_mcp_server *server, const json_t *id, bool needed)
{
    struct aks_buf *out = &server->out;
    char nothing[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,\"message\":"
        "\"out of memory\"}}\n";

    if (out->failed != AKS_OK && needed) {
        aks_buf_reset(out);
        aks_mcp_message_error(out, id, AKS_MCP_INTERNAL, "out of memory");
    }
    if (out->failed == AKS_OK)
        server->work->say(server->work->ctx, out->data, out->len, needed);
    else if (needed)
        server->work->say(server->work->ctx, nothing, sizeof(nothing) - 1, true);
    aks_buf_reset(out);
}

void
aks_mcp_server_fail(struct aks_mcp_server *server, const json_t *id, enum aks_mcp_code code,
    const char *why)
{
    aks_mcp_message_error(&server->out, id, code, why);
    aks_mcp_server_say(server, id, true);
}

/* ${result} is the text of an object. */
static void
answer(struct aks_mcp_server *server, const json_t *id, const char *result)
{
    aks_mcp_message_result(&server->out, id, result);
    aks_mcp_server_say(server, id, true);
}

/* The result that ${put} writes. */
static void
answer_with(struct aks_mcp_server *server, const json_t *id, void (*put)(struct aks_buf *out))
{
    struct aks_buf result;

    aks_buf_init(&result, server->out.alloc, AKS_MCP_ANSWER_BYTES_MAX);
    put(&result);
    if (result.failed == AKS_OK)
        aks_mcp_message_result(&server->out, id, result.data);
    else
        server->out.failed = result.failed;
    aks_mcp_server_say(server, id, true);
    aks_buf_fini(&result);
}

/* --- the methods ------------------------------------------------------------------------------ */

static bool
is_object_or_absent(const json_t *params, const char *name)
{
    const json_t *value = json_object_get(params, name);

    return value == NULL || json_is_object(value);
}

static void
on_initialize(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    const char *asked = json_string_value(json_object_get(message->params, "protocolVersion"));
    char result[2048];

    if (server->version != NULL) {
        aks_mcp_server_fail(server, message->id, AKS_MCP_INVALID, "this is initialized already");
        return;
    }
    if (asked == NULL || !is_object_or_absent(message->params, "capabilities") ||
        !is_object_or_absent(message->params, "clientInfo")) {
        aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "initialize needs a "
            "protocolVersion, and its capabilities and clientInfo are objects");
        return;
    }
    server->version = strcmp(asked, BEFORE) == 0 ? BEFORE : NEWEST;
    (void)snprintf(result, sizeof(result), "{\"protocolVersion\":\"%s\",\"capabilities\":"
        CAPABILITIES ",\"serverInfo\":{\"name\":\"akosha-sync\",\"title\":\"akosha-sync\","
        "\"version\":\"%s\"},\"instructions\":\"" INSTRUCTIONS "\"}", server->version,
        akosha_version());
    answer(server, message->id, result);
}

static void
on_ping(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    answer(server, message->id, "{}");
}

/* Lists have one page, so that no cursor was ever handed out. */
static bool
has_cursor(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    if (json_object_get(message->params, "cursor") == NULL)
        return false;
    aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "there is no such cursor");
    return true;
}

static void
on_tools_list(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    if (!has_cursor(server, message))
        answer_with(server, message->id, aks_mcp_tools_list);
}

static void
on_resources_list(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    if (!has_cursor(server, message))
        answer_with(server, message->id, aks_mcp_tools_resources);
}

static void
on_templates_list(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    if (!has_cursor(server, message))
        answer(server, message->id, "{\"resourceTemplates\":[]}");
}

/* From 2025-11-25 on wrong arguments are the tool's answer, so that a model sees what is wrong. */
static void
refuse_arguments(struct aks_mcp_server *server, const json_t *id, char *why)
{
    struct aks_buf *out = &server->out;
    json_t *text;

    /* It may name what the client sent, cut anywhere. */
    (void)aks_redact_text(why, AKS_REDACT_CUT);
    aks_utf8_mend(why);
    if (strcmp(server->version, BEFORE) == 0) {
        aks_mcp_server_fail(server, id, AKS_MCP_PARAMS, why);
        return;
    }
    text = json_pack("{s:[{s:s, s:s}], s:b}", "content", "type", "text", "text", why, "isError", 1);
    aks_buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    aks_mcp_message_json(out, id);
    aks_buf_puts(out, ",\"result\":");
    aks_mcp_message_json(out, text);
    aks_buf_puts(out, "}\n");
    aks_mcp_server_say(server, id, true);
    json_decref(text);
}

static void
on_tools_call(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    const char *name = json_string_value(json_object_get(message->params, "name"));
    const json_t *arguments = json_object_get(message->params, "arguments");
    enum aks_mcp_do tool = name != NULL ? aks_mcp_tools_find(name) : AKS_MCP_NOTHING;
    char why[AKS_MCP_WHY_BYTES];

    if (name == NULL)
        aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "the tool has no name");
    else if (tool == AKS_MCP_NOTHING)
        aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "there is no such tool");
    else if (!is_object_or_absent(message->params, "arguments"))
        aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "arguments is no object");
    else if (!aks_mcp_tools_check(tool, arguments, why))
        refuse_arguments(server, message->id, why);
    else
        aks_mcp_server_add(server, message->id, aks_mcp_tools_call(tool, arguments),
            message->params);
}

static void
on_resources_read(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    const char *uri = json_string_value(json_object_get(message->params, "uri"));
    enum aks_mcp_do what = uri != NULL ? aks_mcp_tools_resource(uri) : AKS_MCP_NOTHING;

    if (uri == NULL)
        aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "the resource has no uri");
    else if (what == AKS_MCP_NOTHING)
        aks_mcp_server_fail(server, message->id, AKS_MCP_NO_RESOURCE, "there is no such resource");
    else
        aks_mcp_server_add(server, message->id, what, message->params);
}

static void
on_set_level(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    const char *name = json_string_value(json_object_get(message->params, "level"));
    int level = name != NULL ? aks_mcp_server_level(name) : -1;

    if (level < 0) {
        aks_mcp_server_fail(server, message->id, AKS_MCP_PARAMS, "there is no such level");
        return;
    }
    server->log_level = (unsigned)level;
    answer(server, message->id, "{}");
}

static const struct {
    const char *name;
    void (*run)(struct aks_mcp_server *server, const struct aks_mcp_message *message);
    bool before;                        /* also before initialize */
} methods[] = {
    { "ping", on_ping, true },
    { "initialize", on_initialize, true },
    { "tools/list", on_tools_list, false },
    { "tools/call", on_tools_call, false },
    { "resources/list", on_resources_list, false },
    { "resources/templates/list", on_templates_list, false },
    { "resources/read", on_resources_read, false },
    { "logging/setLevel", on_set_level, false },
};

static void
on_request(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    if (aks_mcp_server_knows(server, message->id)) {
        /* An answer under that id would be taken for the other one's. */
        aks_mcp_server_fail(server, NULL, AKS_MCP_INVALID, "a request with this id is at work");
        return;
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i].name, message->method) != 0)
            continue;
        if (server->version == NULL && !methods[i].before)
            aks_mcp_server_fail(server, message->id, AKS_MCP_INVALID, "initialize comes first");
        else
            methods[i].run(server, message);
        return;
    }
    aks_mcp_server_fail(server, message->id, AKS_MCP_METHOD, "there is no such method");
}

/* --- what comes in ---------------------------------------------------------------------------- */

static void
on_message(struct aks_mcp_server *server, const struct aks_mcp_message *message)
{
    switch (message->kind) {
    case AKS_MCP_REQUEST:
        on_request(server, message);
        break;
    case AKS_MCP_NOTIFICATION:
        if (strcmp(message->method, "notifications/cancelled") == 0)
            aks_mcp_server_cancel(server, json_object_get(message->params, "requestId"));
        break;
    case AKS_MCP_RESPONSE:
        break;
    case AKS_MCP_WRONG:
        aks_mcp_server_fail(server, message->id, message->code, message->why);
        break;
    }
}

void
aks_mcp_server_line(void *ctx, enum aks_mcp_line kind, const char *text, size_t len)
{
    struct aks_mcp_server *server = ctx;
    struct aks_mcp_message message;
    char why[96];

    switch (kind) {
    case AKS_MCP_LINE_WHOLE:
        aks_mcp_message_read(text, len, &message);
        on_message(server, &message);
        aks_mcp_message_fini(&message);
        break;
    case AKS_MCP_LINE_TOO_LONG:
        (void)snprintf(why, sizeof(why), "this line is longer than %zu bytes: its rest is passed "
            "over", AKS_MCP_LINE_BYTES_MAX);
        aks_mcp_server_fail(server, NULL, AKS_MCP_INVALID, why);
        break;
    case AKS_MCP_LINE_NO_MEMORY:
        aks_mcp_server_fail(server, NULL, AKS_MCP_INTERNAL, "out of memory");
        break;
    }
}
