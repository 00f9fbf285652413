/* Whatever a client sends: what is said back is lines of JSON-RPC, and what is asked for begins and
 * ends. A byte 1 stands for a turn of the server, 2 for a process that answers, 3 for one that
 * dies, 4 for the end of input. */
#include "base/check.h"
#include "cli/mcp_server.h"

#include <stdint.h>
#include <string.h>

#define LINE_BYTES 4096

struct talk {
    struct aks_mcp_server server;
    bool running[AKS_MCP_JOBS_MAX];
    unsigned running_count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum aks_status
start(void *ctx, size_t job, enum aks_mcp_do what, const json_t *arguments, struct aks_error *err)
{
    struct talk *talk = ctx;

    (void)err;
    AKS_CHECK(what < AKS_MCP_NOTHING);
    AKS_CHECK(arguments == NULL || json_is_object(arguments));
    AKS_CHECK(!talk->running[job]);
    talk->running[job] = true;
    AKS_CHECK(++talk->running_count <= AKS_MCP_RUNNING_MAX);
    return AKS_OK;
}

static void
stop(void *ctx, size_t job)
{
    AKS_CHECK(((struct talk *)ctx)->running[job]);
}

static void
say(void *ctx, char *text, size_t len, bool needed)
{
    json_t *message = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *id = json_object_get(message, "id");

    (void)ctx;
    (void)needed;
    AKS_CHECK(message != NULL);
    AKS_CHECK(memchr(text, '\n', len) == text + len - 1);
    AKS_CHECK(strcmp(json_string_value(json_object_get(message, "jsonrpc")), "2.0") == 0);
    if (json_object_get(message, "method") == NULL) {
        AKS_CHECK(id != NULL);
        AKS_CHECK((json_object_get(message, "result") != NULL) !=
            (json_object_get(message, "error") != NULL));
    }
    json_decref(message);
}

static void
end_one(struct talk *talk, bool answers)
{
    static const char said[] = "r{\"content\":[]}";

    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        if (!talk->running[i])
            continue;
        if (answers)
            aks_mcp_server_heard(&talk->server, i, said, sizeof(said) - 1);
        talk->running[i] = false;
        talk->running_count--;
        aks_mcp_server_ended(&talk->server, i, answers ? "" : "signal 9: Killed");
        return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct talk talk;
    struct aks_mcp_work work = { &talk, start, stop, say };
    struct aks_mcp_lines lines;

    memset(&talk, 0, sizeof(talk));
    aks_mcp_server_init(&talk.server, aks_alloc_system(), &work);
    aks_mcp_lines_init(&lines, aks_alloc_system(), LINE_BYTES);
    lines.each = aks_mcp_server_line;
    lines.ctx = &talk.server;
    for (size_t i = 0; i < len; i++) {
        if (data[i] == 1)
            aks_mcp_server_go_on(&talk.server);
        else if (data[i] == 2 || data[i] == 3)
            end_one(&talk, data[i] == 2);
        else if (data[i] == 4)
            aks_mcp_server_end(&talk.server, i % 2 == 0);
        else
            aks_mcp_lines_feed(&lines, (const char *)data + i, 1);
    }
    aks_mcp_lines_end(&lines);
    while (!aks_mcp_server_idle(&talk.server)) {
        aks_mcp_server_go_on(&talk.server);
        end_one(&talk, true);
    }
    aks_mcp_lines_fini(&lines);
    aks_mcp_server_fini(&talk.server);
    return 0;
}
