#include "testkit/mcp_model.h"

#include "base/check.h"
#include "testkit/model_set.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_BYTES 40
#define TOOL "batch_store_memories"

struct memory {
    const char *id;                     /* first: the set's */
    char *data;
    size_t len;
    unsigned batch;                     /* that it came in last */
    int64_t again_ms;                   /* when it came once more; 0: never */
    bool unsure;                        /* nothing followed that batch in its session */
};

struct session {
    const char *name;                   /* first: the set's */
    bool used;                          /* a batch came in it */
};

struct aks_mcp_model {
    const struct aks_alloc *alloc;
    struct aks_mcp_model_options options;       /* its texts are ours */
    struct aks_model_set memories;
    struct aks_model_set sessions;
    unsigned sessions_made;
    unsigned batches;
    size_t repeated;
    int64_t wall_ms;                    /* of the request that is served */
    int64_t first_ms;                   /* of the first batch; 0: there was none */
};

/* One request on its way. */
struct call {
    struct aks_mcp_model *model;
    const struct aks_sim_request *request;
    struct aks_sim_reply *reply;
    json_t *id;                         /* borrowed */
};

static void
free_memory(void *ctx, void *item)
{
    const struct aks_mcp_model *model = ctx;
    struct memory *memory = item;

    aks_mem_free(model->alloc, (void *)(uintptr_t)memory->id);
    aks_mem_free(model->alloc, memory->data);
    aks_mem_free(model->alloc, memory);
}

static void
free_session(void *ctx, void *item)
{
    const struct aks_mcp_model *model = ctx;
    struct session *session = item;

    aks_mem_free(model->alloc, (void *)(uintptr_t)session->name);
    aks_mem_free(model->alloc, session);
}

enum aks_status
aks_mcp_model_new(const struct aks_alloc *alloc, const struct aks_mcp_model_options *options,
    struct aks_mcp_model **ret_model, struct aks_error *err)
{
    struct aks_mcp_model *model = aks_mem_new(alloc, sizeof(*model));

    *ret_model = NULL;
    if (model == NULL)
        return aks_error_memory(err, "making a model of Akosha");
    model->alloc = alloc;
    model->options = *options;
    aks_model_set_init(&model->memories, alloc);
    aks_model_set_init(&model->sessions, alloc);
    model->options.path = aks_mem_strdup(alloc, options->path);
    model->options.endpoint = aks_mem_strdup(alloc, options->endpoint);
    model->options.token = options->token != NULL ? aks_mem_strdup(alloc, options->token) : NULL;
    if (model->options.path == NULL || model->options.endpoint == NULL ||
        (options->token != NULL && model->options.token == NULL)) {
        aks_mcp_model_free(model);
        return aks_error_memory(err, "making a model of Akosha");
    }
    *ret_model = model;
    return AKS_OK;
}

void
aks_mcp_model_restart(struct aks_mcp_model *model)
{
    aks_model_set_fini(&model->sessions, free_session, model);
    aks_model_set_init(&model->sessions, model->alloc);
}

void
aks_mcp_model_free(struct aks_mcp_model *model)
{
    if (model == NULL)
        return;
    aks_model_set_fini(&model->sessions, free_session, model);
    aks_model_set_fini(&model->memories, free_memory, model);
    aks_mem_free(model->alloc, (void *)(uintptr_t)model->options.path);
    aks_mem_free(model->alloc, (void *)(uintptr_t)model->options.endpoint);
    aks_mem_free(model->alloc, (void *)(uintptr_t)model->options.token);
    aks_mem_free(model->alloc, model);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void
answer_status(struct call *call, int status)
{
    call->reply->status = status;
}

/* Takes ${body}, an answer of JSON-RPC. */
static void
answer(struct call *call, json_t *body)
{
    const struct aks_mcp_model_options *options = &call->model->options;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    if (text == NULL) {
        answer_status(call, 500);
        return;
    }
    call->reply->status = 200;
    aks_sim_reply_header(call->reply, "Content-Type", "%s",
        options->json ? "application/json" : "text/event-stream");
    call->reply->open = !options->json && options->open;
    aks_buf_printf(&call->reply->body, options->json ? "%s"
        : ": ping\r\n\r\nevent: message\r\ndata: %s\r\n\r\n", text);
    free(text);
}

static void
answer_error(struct call *call, int code, const char *message)
{
    answer(call, json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", call->id, "error",
        "code", code, "message", message));
}

/* --- sessions --------------------------------------------------------------------------------- */

static void
initialize(struct call *call)
{
    struct aks_mcp_model *model = call->model;
    struct session *session = aks_mem_new(model->alloc, sizeof(*session));
    char *name = aks_mem_printf(model->alloc, "session-%u", ++model->sessions_made);

    if (session == NULL || name == NULL || !aks_model_set_reserve(&model->sessions)) {
        aks_mem_free(model->alloc, session);
        aks_mem_free(model->alloc, name);
        answer_status(call, 500);
        return;
    }
    session->name = name;
    aks_model_set_add(&model->sessions, session);
    answer(call, json_pack("{s:s, s:O, s:{s:s, s:{}, s:{s:s, s:s}}}", "jsonrpc", "2.0", "id",
        call->id, "result", "protocolVersion", "2025-06-18", "capabilities", "serverInfo", "name",
        "akosha", "version", "0"));
    aks_sim_reply_header(call->reply, "mcp-session-id", "%s", name);
}

static bool
has_session(const struct call *call)
{
    const char *name = aks_sim_request_header(call->request, "mcp-session-id");

    return name != NULL && aks_model_set_find(&call->model->sessions, name) != NULL;
}

static void
end_session(struct call *call)
{
    const char *name = aks_sim_request_header(call->request, "mcp-session-id");
    struct session *session = name != NULL ? aks_model_set_take(&call->model->sessions, name)
        : NULL;

    if (session != NULL)
        free_session(call->model, session);
    answer_status(call, session != NULL ? 200 : 404);
}

/* --- memories --------------------------------------------------------------------------------- */

static void
come_again(struct aks_mcp_model *model, struct memory *memory)
{
    if (model->wall_ms - model->first_ms < AKS_MCP_MODEL_ALL_MS ||
        model->wall_ms - memory->again_ms < AKS_MCP_MODEL_ALL_MS)
        model->repeated++;
    memory->again_ms = model->wall_ms;
}

/* NULL, or why it is not stored. */
static const char *
store(struct aks_mcp_model *model, const json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "memory_id"));
    const char *text = json_string_value(json_object_get(item, "text"));
    struct memory *memory;

    if (id == NULL || id[0] == '\0')
        return "memory_id cannot be empty";
    if (text == NULL || text[0] == '\0')
        return "text cannot be empty";
    memory = aks_model_set_find(&model->memories, id);
    if (memory != NULL) {
        if (memory->batch + 1 < model->batches && !memory->unsure)
            come_again(model, memory);
        memory->batch = model->batches;
        memory->unsure = false;
        return "Constraint Error: Duplicate key violates primary key constraint";
    }
    if (json_array_size(json_object_get(item, "embedding")) != 384)
        return "Conversion Error: Cannot cast list to array with length 384";
    memory = aks_mem_new(model->alloc, sizeof(*memory));
    if (memory == NULL || !aks_model_set_reserve(&model->memories)) {
        aks_mem_free(model->alloc, memory);
        return "Out of Memory Error";
    }
    memory->id = aks_mem_strdup(model->alloc, id);
    memory->data = aks_mem_strdup(model->alloc, text);
    memory->len = strlen(text);
    memory->batch = model->batches;
    if (memory->id == NULL || memory->data == NULL) {
        free_memory(model, memory);
        return "Out of Memory Error";
    }
    aks_model_set_add(&model->memories, memory);
    return NULL;
}

/* The first batch of a session: whoever sent the one before may not have heard of it. */
static void
begin_batches(struct call *call)
{
    struct aks_mcp_model *model = call->model;
    struct session *session = aks_model_set_find(&model->sessions,
        aks_sim_request_header(call->request, "mcp-session-id"));

    for (size_t i = 0; i < model->memories.count && !session->used; i++) {
        struct memory *memory = model->memories.items[i];

        memory->unsure = memory->unsure || memory->batch == model->batches;
    }
    session->used = true;
}

static void
store_batch(struct call *call, const json_t *memories)
{
    json_t *errors = json_array();
    size_t total = json_array_size(memories);
    size_t failed;
    const char *status;
    json_t *value;

    begin_batches(call);
    if (call->model->batches++ == 0)
        call->model->first_ms = call->model->wall_ms;
    for (size_t i = 0; i < total; i++) {
        const json_t *item = json_array_get(memories, i);
        const char *why = store(call->model, item);

        if (why != NULL)
            (void)json_array_append_new(errors, json_pack("{s:O?, s:s}", "memory_id",
                json_object_get(item, "memory_id"), "error", why));
    }
    failed = json_array_size(errors);
    status = failed == 0 ? "completed" : failed == total ? "failed" : "partial";
    value = json_pack("{s:s, s:I, s:I, s:I, s:o}", "status", status, "total", (json_int_t)total,
        "stored", (json_int_t)(total - failed), "failed", (json_int_t)failed, "errors", errors);
    answer(call, json_pack("{s:s, s:O, s:{s:[], s:o, s:b}}", "jsonrpc", "2.0", "id", call->id,
        "result", "content", "structuredContent", value, "isError", 0));
}

static void
call_tool(struct call *call, const json_t *params)
{
    const char *name = json_string_value(json_object_get(params, "name"));
    const json_t *arguments = json_object_get(params, "arguments");
    const json_t *memories = json_object_get(arguments, "memories");

    if (name == NULL || strcmp(name, TOOL) != 0)
        answer_error(call, -32602, "Unknown tool");
    else if (!json_is_array(memories) || json_array_size(memories) > AKS_MCP_MODEL_BATCH_MAX)
        answer_error(call, -32602, "Invalid request parameters");
    else
        store_batch(call, memories);
}

/* --- requests --------------------------------------------------------------------------------- */

static void
serve_message(struct call *call, const json_t *message)
{
    const char *method = json_string_value(json_object_get(message, "method"));

    call->id = json_object_get(message, "id");
    if (method == NULL)
        answer_status(call, 400);
    else if (strcmp(method, "initialize") == 0)
        initialize(call);
    else if (!has_session(call))
        answer_status(call, 404);
    else if (call->id == NULL)
        answer_status(call, 202);
    else if (strcmp(method, "tools/call") == 0)
        call_tool(call, json_object_get(message, "params"));
    else
        answer_error(call, -32601, "Method not found");
}

static void
serve_post(struct call *call)
{
    const struct aks_sim_request *request = call->request;
    const char *accept = aks_sim_request_header(request, "Accept");
    const char *type = aks_sim_request_header(request, "Content-Type");
    json_t *message;

    if (accept == NULL || strstr(accept, "application/json") == NULL ||
        strstr(accept, "text/event-stream") == NULL) {
        answer_status(call, 406);
    } else if (type == NULL || strcmp(type, "application/json") != 0) {
        answer_status(call, 415);
    } else if (request->body_len > AKS_MCP_MODEL_BODY_MAX) {
        answer_status(call, 413);
    } else {
        message = json_loadb((const char *)request->body, request->body_len, 0, NULL);
        if (message == NULL)
            answer_status(call, 400);
        else
            serve_message(call, message);
        json_decref(message);
    }
}

static void
answer_health(struct call *call)
{
    answer_status(call, 200);
    aks_sim_reply_header(call->reply, "Content-Type", "application/json");
    aks_buf_puts(&call->reply->body, "{\"status\":\"ok\",\"service\":\"akosha\"}");
}

static bool
is_let_in(const struct call *call)
{
    const char *token = call->model->options.token;
    const char *given = aks_sim_request_header(call->request, "Authorization");

    return token == NULL || (given != NULL && strncmp(given, "Bearer ", 7) == 0 &&
        strcmp(given + 7, token) == 0);
}

void
aks_mcp_model_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct aks_mcp_model *model = ctx;
    struct call call = { model, request, reply, NULL };
    size_t len = strlen(model->options.path);
    const char *name = strncmp(request->path, model->options.path, len) == 0 &&
        request->path[len] == '/' ? request->path + len + 1 : "";

    model->wall_ms = wall_ms;
    if (!is_let_in(&call))
        answer_status(&call, 401);
    else if (strcmp(name, "health") == 0 && strcmp(request->method, "GET") == 0)
        answer_health(&call);
    else if (strcmp(name, model->options.endpoint) != 0)
        answer_status(&call, 404);
    else if (strcmp(request->method, "POST") == 0)
        serve_post(&call);
    else if (strcmp(request->method, "DELETE") == 0)
        end_session(&call);
    else
        answer_status(&call, 405);
}

/* --- looking ---------------------------------------------------------------------------------- */

const void *
aks_mcp_model_memory(struct aks_mcp_model *model, const char *id, size_t *ret_len)
{
    const struct memory *memory = aks_model_set_find(&model->memories, id);

    if (memory == NULL)
        return NULL;
    *ret_len = memory->len;
    return memory->data;
}

void
aks_mcp_model_each(struct aks_mcp_model *model,
    void (*each)(void *ctx, const char *id, const void *data, size_t len), void *ctx)
{
    for (size_t i = 0; i < model->memories.count; i++) {
        const struct memory *memory = model->memories.items[i];

        each(ctx, memory->id, memory->data, memory->len);
    }
}

size_t
aks_mcp_model_repeated(const struct aks_mcp_model *model)
{
    return model->repeated;
}

size_t
aks_mcp_model_sessions(const struct aks_mcp_model *model)
{
    return model->sessions.count;
}
