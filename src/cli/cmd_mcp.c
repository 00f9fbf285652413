/* akosha-sync mcp: the server's descriptors, processes and time; what is said is cli/mcp_server.h.
 *
 * One thread. Each call is done in a copy of this process that has one thread as well when it
 * begins: an engine belongs to its own, a policy that hangs or a crash takes no conversation with
 * it, a call can be ended within a time whatever it does, and the server itself never holds a
 * credential. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/mcp_child.h"
#include "cli/mcp_pipe.h"
#include "cli/mcp_server.h"
#include "cli/print.h"
#include "os/child_posix.h"
#include "os/os.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 65536
/* An engine ends within a second of being asked; what does not by then is ended. */
#define STOP_MS_MAX 3000
/* When the client says no more: what is quick may still be answered, and the answers read. */
#define END_MS_MAX 5000
#define NEVER INT64_MAX

struct serving;

/* The process of a call. Its index is that of the server's job. */
struct worker {
    struct serving *serving;
    struct aks_child_posix child;
    struct aks_mcp_lines lines;
    int64_t kill_ms;                    /* when it is ended by force */
};

struct serving {
    const struct aks_args *args;
    const struct aks_clock *clock;
    struct aks_mcp_server server;
    struct aks_mcp_lines lines;
    struct aks_mcp_pipe pipe;
    struct worker workers[AKS_MCP_JOBS_MAX];
    bool ended;                         /* the client says no more */
    int64_t end_ms;                     /* when all of it has to be over */
    int signal;                         /* that ended it; 0: none */
};

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
    caught = number;
}

static int64_t
now_ms(const struct serving *serving)
{
    return serving->clock->now_ns(serving->clock->ctx) / AKS_NS_PER_MS;
}

/* --- what the server has done ----------------------------------------------------------------- */

static void
heard(void *ctx, enum aks_mcp_line kind, const char *text, size_t len)
{
    struct worker *worker = ctx;
    struct serving *serving = worker->serving;

    if (kind == AKS_MCP_LINE_WHOLE)
        aks_mcp_server_heard(&serving->server, (size_t)(worker - serving->workers), text, len);
    else
        aks_child_posix_kill(&worker->child);
}

static enum aks_status
start(void *ctx, size_t job, enum aks_mcp_do what, const json_t *arguments, struct aks_error *err)
{
    struct serving *serving = ctx;
    struct worker *worker = &serving->workers[job];
    struct aks_mcp_child child = { serving->args, what, arguments };

    worker->serving = serving;
    worker->kill_ms = NEVER;
    aks_mcp_lines_init(&worker->lines, aks_alloc_system(), AKS_MCP_ANSWER_BYTES_MAX);
    worker->lines.each = heard;
    worker->lines.ctx = worker;
    return aks_child_posix_start(aks_mcp_child_run, &child, &worker->child, err);
}

static void
stop(void *ctx, size_t job)
{
    struct serving *serving = ctx;
    struct worker *worker = &serving->workers[job];

    if (worker->kill_ms != NEVER)
        return;
    worker->kill_ms = now_ms(serving) + STOP_MS_MAX;
    aks_child_posix_interrupt(&worker->child);
}

static void
say(void *ctx, char *text, size_t len, bool needed)
{
    struct serving *serving = ctx;

    aks_mcp_pipe_say(&serving->pipe, text, len, needed);
}

/* --- one turn --------------------------------------------------------------------------------- */

static bool
is_running(const struct worker *worker)
{
    return worker->child.pid > 0;
}

/* Where its answers are not read, no more is asked of it. */
static bool
is_backed_up(const struct serving *serving)
{
    return aks_mcp_pipe_waiting(&serving->pipe) >= AKS_MCP_PIPE_PAUSE_BYTES;
}

/* Standard input, standard output, then the workers; a negative descriptor is passed over. */
static void
wait_for(struct serving *serving, struct pollfd fds[2 + AKS_MCP_JOBS_MAX],
    const sigset_t *caught_in)
{
    int64_t until = serving->end_ms;
    struct timespec wait;
    int64_t ms;

    fds[0] = (struct pollfd){ serving->ended || is_backed_up(serving) ? -1 : STDIN_FILENO, POLLIN,
        0 };
    /* Asked for nothing it still tells that its reader has gone. */
    fds[1] = (struct pollfd){ serving->pipe.failed != 0 ? -1 : aks_mcp_pipe_fd(),
        aks_mcp_pipe_waiting(&serving->pipe) > 0 ? POLLOUT : 0, 0 };
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        const struct worker *worker = &serving->workers[i];

        fds[2 + i] = (struct pollfd){ is_running(worker) ? worker->child.fd : -1, POLLIN, 0 };
        if (is_running(worker) && worker->kill_ms < until)
            until = worker->kill_ms;
    }
    ms = until == NEVER ? 0 : until - now_ms(serving);
    if (ms < 0)
        ms = 0;
    wait.tv_sec = ms / AKS_MS_PER_S;
    wait.tv_nsec = ms % AKS_MS_PER_S * AKS_NS_PER_MS;
    if (ppoll(fds, 2 + AKS_MCP_JOBS_MAX, until == NEVER ? NULL : &wait, caught_in) < 0) {
        for (size_t i = 0; i < 2 + AKS_MCP_JOBS_MAX; i++)
            fds[i].revents = 0;
    }
}

static void
end(struct serving *serving, bool all)
{
    if (!serving->ended || all)
        aks_mcp_server_end(&serving->server, all);
    if (!serving->ended)
        serving->end_ms = now_ms(serving) + END_MS_MAX;
    serving->ended = true;
}

static void
read_client(struct serving *serving)
{
    char data[READ_BYTES];
    ssize_t n = read(STDIN_FILENO, data, sizeof(data));

    if (n > 0) {
        aks_mcp_lines_feed(&serving->lines, data, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        aks_mcp_lines_end(&serving->lines);
        /* What it still asked for begins, if it is quick. */
        end(serving, false);
    }
}

static void
read_worker(struct serving *serving, struct worker *worker)
{
    char data[READ_BYTES];
    char how[AKS_CHILD_POSIX_HOW_BYTES];
    size_t len;

    if (aks_child_posix_read(&worker->child, data, sizeof(data), &len)) {
        aks_mcp_lines_feed(&worker->lines, data, len);
        return;
    }
    (void)aks_child_posix_reap(&worker->child, how);
    aks_mcp_lines_fini(&worker->lines);
    aks_mcp_server_ended(&serving->server, (size_t)(worker - serving->workers), how);
}

static void
turn(struct serving *serving, const sigset_t *caught_in)
{
    struct pollfd fds[2 + AKS_MCP_JOBS_MAX];
    int64_t now;

    if (!is_backed_up(serving))
        aks_mcp_server_go_on(&serving->server);
    aks_mcp_pipe_write(&serving->pipe);
    wait_for(serving, fds, caught_in);
    if (caught != 0 && serving->signal == 0) {
        serving->signal = caught;
        end(serving, true);
    }
    if (fds[0].revents != 0)
        read_client(serving);
    if ((fds[1].revents & (POLLERR | POLLNVAL)) != 0 && serving->pipe.failed == 0)
        serving->pipe.failed = EPIPE;
    if (serving->pipe.failed != 0)
        end(serving, true);
    now = now_ms(serving);
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        if (fds[2 + i].revents != 0)
            read_worker(serving, &serving->workers[i]);
        if (is_running(&serving->workers[i]) && serving->workers[i].kill_ms <= now)
            aks_child_posix_kill(&serving->workers[i].child);
    }
}

static bool
is_over(const struct serving *serving)
{
    if (!serving->ended)
        return false;
    return now_ms(serving) >= serving->end_ms || (aks_mcp_server_idle(&serving->server) &&
        aks_mcp_pipe_waiting(&serving->pipe) == 0);
}

/* --- from the first to the last --------------------------------------------------------------- */

/* They are held back but for where they are waited for: one that comes just before it is not slept
 * through. */
static void
catch_signals(sigset_t *ret_caught_in)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action;
    sigset_t held;

    caught = 0;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&held);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction old;

        (void)sigaddset(&held, numbers[i]);
        if (sigaction(numbers[i], NULL, &old) != 0 || old.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &action, NULL);
    }
    (void)sigprocmask(SIG_BLOCK, &held, ret_caught_in);
}

static int
finish(struct serving *serving)
{
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        char how[AKS_CHILD_POSIX_HOW_BYTES];

        if (!is_running(&serving->workers[i]))
            continue;
        aks_child_posix_kill(&serving->workers[i].child);
        (void)aks_child_posix_reap(&serving->workers[i].child, how);
        aks_mcp_lines_fini(&serving->workers[i].lines);
    }
    if (serving->signal != 0)
        return 128 + serving->signal;
    if (serving->pipe.failed == 0)
        return AKOSHA_OK;
    aks_print_error(NULL, "cannot write to standard output: %s", strerror(serving->pipe.failed));
    return AKOSHA_USAGE;
}

static int
serve(struct serving *serving)
{
    static const struct aks_mcp_work template = { NULL, start, stop, say };
    struct aks_mcp_work work = template;
    const struct aks_alloc *alloc = aks_alloc_system();
    sigset_t caught_in;
    int code;

    work.ctx = serving;
    serving->end_ms = NEVER;
    aks_mcp_server_init(&serving->server, alloc, &work);
    aks_mcp_lines_init(&serving->lines, alloc, AKS_MCP_LINE_BYTES_MAX);
    serving->lines.each = aks_mcp_server_line;
    serving->lines.ctx = &serving->server;
    aks_mcp_pipe_init(&serving->pipe, alloc);
    catch_signals(&caught_in);
    while (!is_over(serving))
        turn(serving, &caught_in);
    code = finish(serving);
    aks_mcp_pipe_fini(&serving->pipe);
    aks_mcp_lines_fini(&serving->lines);
    aks_mcp_server_fini(&serving->server);
    return code;
}

int
aks_cmd_mcp(const struct aks_args *args)
{
    struct serving *serving = calloc(1, sizeof(*serving));
    struct aks_os *os = NULL;
    struct aks_error err = { 0 };
    int code = AKOSHA_NOT_KEPT;

    if (serving == NULL || aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", serving != NULL ? err.message : "out of memory");
    } else {
        serving->args = args;
        serving->clock = &aks_os_port(os)->clock;
        if (isatty(STDIN_FILENO) == 1 && !args->quiet)
            aks_print_note("this talks to a program, in the Model Context Protocol: docs/mcp.md");
        code = serve(serving);
    }
    aks_os_close(os);
    free(serving);
    return code;
}
