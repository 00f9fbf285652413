#include "cli/mcp_pipe.h"

#include "base/redact.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void
aks_mcp_pipe_init(struct aks_mcp_pipe *pipe, const struct aks_alloc *alloc)
{
    struct stat info;

    memset(pipe, 0, sizeof(*pipe));
    aks_buf_init(&pipe->out, alloc, AKS_MCP_PIPE_BYTES_MAX);
    pipe->is_socket = fstat(STDOUT_FILENO, &info) == 0 && S_ISSOCK(info.st_mode);
}

void
aks_mcp_pipe_fini(struct aks_mcp_pipe *pipe)
{
    aks_buf_fini(&pipe->out);
}

size_t
aks_mcp_pipe_waiting(const struct aks_mcp_pipe *pipe)
{
    return pipe->failed == 0 ? pipe->out.len - pipe->written : 0;
}

int
aks_mcp_pipe_fd(void)
{
    return STDOUT_FILENO;
}

void
aks_mcp_pipe_say(struct aks_mcp_pipe *pipe, char *text, size_t len, bool needed)
{
    if (pipe->failed != 0 || (!needed && aks_mcp_pipe_waiting(pipe) > AKS_MCP_PIPE_SPARE_BYTES))
        return;
    /* Values alone: to look for shapes here would find a secret in every "progressToken". What of
     * others' words is in a message has lost them before. */
    len = aks_redact(text, len, AKS_REDACT_VALUES);
    aks_buf_append(&pipe->out, text, len);
    if (pipe->out.failed != AKS_OK)
        pipe->failed = ENOMEM;
}

/* Takes away what is written, where that is most of it: not after every write. */
static void
close_up(struct aks_mcp_pipe *pipe)
{
    size_t left = pipe->out.len - pipe->written;

    if (pipe->written < left)
        return;
    memmove(pipe->out.data, pipe->out.data + pipe->written, left);
    pipe->out.len = left;
    pipe->written = 0;
}

/* POLLOUT promises a pipe room for PIPE_BUF bytes. The descriptor is not made non-blocking: it may
 * be others' as well, such as a terminal's. */
static ssize_t
write_some(const struct aks_mcp_pipe *pipe, const char *at, size_t len)
{
    if (pipe->is_socket)
        return send(STDOUT_FILENO, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(STDOUT_FILENO, at, len < PIPE_BUF ? len : PIPE_BUF);
}

void
aks_mcp_pipe_write(struct aks_mcp_pipe *pipe)
{
    while (aks_mcp_pipe_waiting(pipe) > 0) {
        struct pollfd ready = { STDOUT_FILENO, POLLOUT, 0 };
        ssize_t n;

        if (poll(&ready, 1, 0) <= 0)
            break;
        n = write_some(pipe, pipe->out.data + pipe->written, aks_mcp_pipe_waiting(pipe));
        if (n > 0)
            pipe->written += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        else
            pipe->failed = n < 0 ? errno : EPIPE;
    }
    close_up(pipe);
}
