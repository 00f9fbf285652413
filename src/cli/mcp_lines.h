/* Bytes into lines, however they come: a line that is too long is told as such, and its rest is
 * passed over. */
#ifndef AKS_CLI_MCP_LINES_H
#define AKS_CLI_MCP_LINES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum aks_mcp_line {
    AKS_MCP_LINE_WHOLE,
    AKS_MCP_LINE_TOO_LONG,          /* told once, when it has become too long */
    AKS_MCP_LINE_NO_MEMORY          /* the same where it cannot be kept */
};

struct aks_mcp_lines {
    struct aks_buf line;            /* what has come of the line that is not at its end */
    bool passing_over;
    /* ${text}: a whole line without its end, followed by a NUL that is not counted; else "". It is
     * not told of lines with nothing but blanks. */
    void (*each)(void *ctx, enum aks_mcp_line kind, const char *text, size_t len);
    void *ctx;
};

/** ${bytes_max}: of a line without its end. The caller sets `each` and `ctx`. */
void aks_mcp_lines_init(struct aks_mcp_lines *lines, const struct aks_alloc *alloc,
    size_t bytes_max);
void aks_mcp_lines_fini(struct aks_mcp_lines *lines);
void aks_mcp_lines_feed(struct aks_mcp_lines *lines, const char *data, size_t len);
/** No more comes: what is left is a line as well. */
void aks_mcp_lines_end(struct aks_mcp_lines *lines);

#endif
