#include "cli/mcp_lines.h"

#include <string.h>

void
aks_mcp_lines_init(struct aks_mcp_lines *lines, const struct aks_alloc *alloc, size_t bytes_max)
{
    memset(lines, 0, sizeof(*lines));
    aks_buf_init(&lines->line, alloc, bytes_max);
}

void
aks_mcp_lines_fini(struct aks_mcp_lines *lines)
{
    aks_buf_fini(&lines->line);
}

static void
tell(struct aks_mcp_lines *lines)
{
    struct aks_buf *line = &lines->line;

    if (line->len > 0 && line->data[line->len - 1] == '\r')
        line->data[--line->len] = '\0';
    if (!lines->passing_over && strspn(line->data, " \t\r") < line->len)
        lines->each(lines->ctx, AKS_MCP_LINE_WHOLE, line->data, line->len);
    lines->passing_over = false;
    aks_buf_reset(line);
}

static void
keep(struct aks_mcp_lines *lines, const char *data, size_t len)
{
    bool too_long = lines->line.bytes_max - lines->line.len < len;

    if (lines->passing_over)
        return;
    if (!too_long)
        aks_buf_append(&lines->line, data, len);
    if (!too_long && lines->line.failed == AKS_OK)
        return;
    lines->passing_over = true;
    aks_buf_reset(&lines->line);
    lines->each(lines->ctx, too_long ? AKS_MCP_LINE_TOO_LONG : AKS_MCP_LINE_NO_MEMORY, "", 0);
}

void
aks_mcp_lines_feed(struct aks_mcp_lines *lines, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t bytes = end != NULL ? (size_t)(end - data) : len;

        keep(lines, data, bytes);
        if (end == NULL)
            return;
        tell(lines);
        data += bytes + 1;
        len -= bytes + 1;
    }
}

void
aks_mcp_lines_end(struct aks_mcp_lines *lines)
{
    tell(lines);
}
