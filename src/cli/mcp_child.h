/* What one call comes to: done in a process of its own, which tells the server through a pipe. */
#ifndef AKS_CLI_MCP_CHILD_H
#define AKS_CLI_MCP_CHILD_H

#include "cli/args.h"
#include "cli/mcp_server.h"

struct aks_mcp_child {
    const struct aks_args *args;
    enum aks_mcp_do what;
    const json_t *arguments;            /* checked; or NULL */
};

/** Says lines as aks_mcp_server_heard reads them. The exit code: 0. ${ctx} is a struct
 * aks_mcp_child. */
int aks_mcp_child_run(void *ctx, int fd);

#endif
