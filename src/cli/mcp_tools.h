/* What the server can do for an agent: the tools and resources as they are told, and whether a call
 * of one is as it should be. Pure. */
#ifndef AKS_CLI_MCP_TOOLS_H
#define AKS_CLI_MCP_TOOLS_H

#include "base/buf.h"
#include "cli/mcp_message.h"

#include <jansson.h>
#include <stdbool.h>

#define AKS_MCP_TEXT_BYTES_MAX 256      /* an argument that is a string */
#define AKS_MCP_EVENTS_MAX 32
#define AKS_MCP_REPORT_URI "akosha-sync://report/last"
#define AKS_MCP_POLICY_URI "akosha-sync://policy"

/* What is done for a call, each in a process of its own. */
enum aks_mcp_do {
    AKS_MCP_SYNC,
    AKS_MCP_STATUS,
    AKS_MCP_HISTORY,
    AKS_MCP_VERIFY,
    AKS_MCP_EXPLAIN,
    AKS_MCP_TOOLS,                      /* those above are tools */
    AKS_MCP_REPORT = AKS_MCP_TOOLS,
    AKS_MCP_POLICY,
    AKS_MCP_ENQUEUE,                    /* of sync_now: in the background */
    AKS_MCP_NOTHING
};

/** Which tool ${name} is; AKS_MCP_NOTHING if it is none. */
enum aks_mcp_do aks_mcp_tools_find(const char *name);
/** What a call of ${tool} with ${arguments}, which are checked, comes to. */
enum aks_mcp_do aks_mcp_tools_call(enum aks_mcp_do tool, const json_t *arguments);
/** Is the answer to it that of a tool? */
bool aks_mcp_tools_is_tool(enum aks_mcp_do what);
/** Which resource ${uri} is; AKS_MCP_NOTHING if it is none. */
enum aks_mcp_do aks_mcp_tools_resource(const char *uri);
/** Are ${arguments} (an object, or NULL: none) what ${tool} takes? Else ${ret_why} says what is
 * wrong, for whoever is to call it better. */
bool aks_mcp_tools_check(enum aks_mcp_do tool, const json_t *arguments,
    char ret_why[AKS_MCP_WHY_BYTES]);
/** The answer to tools/list, as JSON. */
void aks_mcp_tools_list(struct aks_buf *out);
/** The answer to resources/list, as JSON. */
void aks_mcp_tools_resources(struct aks_buf *out);

#endif
