/* Standard output as a server writes it: messages wait until their reader takes them, and nobody
 * here waits for it. Each loses the values of secrets before it is kept. */
#ifndef AKS_CLI_MCP_PIPE_H
#define AKS_CLI_MCP_PIPE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* More is never kept: who does not read is left. */
#define AKS_MCP_PIPE_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* From here on messages that are not needed are left out, */
#define AKS_MCP_PIPE_SPARE_BYTES ((size_t)256 * 1024)
/* and from here on nothing new is to be begun. */
#define AKS_MCP_PIPE_PAUSE_BYTES ((size_t)8 * 1024 * 1024)

struct aks_mcp_pipe {
    struct aks_buf out;
    size_t written;                     /* of what is in it */
    bool is_socket;
    int failed;                         /* errno, once nobody reads any more; else 0 */
};

void aks_mcp_pipe_init(struct aks_mcp_pipe *pipe, const struct aks_alloc *alloc);
void aks_mcp_pipe_fini(struct aks_mcp_pipe *pipe);
/** One message; ${text} is changed in place. */
void aks_mcp_pipe_say(struct aks_mcp_pipe *pipe, char *text, size_t len, bool needed);
/** How many bytes wait. */
size_t aks_mcp_pipe_waiting(const struct aks_mcp_pipe *pipe);
/** The descriptor, to wait for. */
int aks_mcp_pipe_fd(void);
/** Writes what goes without waiting. */
void aks_mcp_pipe_write(struct aks_mcp_pipe *pipe);

#endif
