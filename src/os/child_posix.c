#include "os/child_posix.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 64

/* What a test prints past us is not to be read by anyone who waits for our results. */
static void
silence(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return;
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)close(null);
}

static void
go_on_as_child(int (*body)(void *ctx, int fd), void *ctx, int fd, int parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        exit(EXIT_FAILURE);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    silence();
    exit(body(ctx, fd));
}

enum aks_status
aks_child_posix_start(int (*body)(void *ctx, int fd), void *ctx, struct aks_child_posix *ret_child,
    struct aks_error *err)
{
    int parent = (int)getpid();
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return aks_error_set(err, AKS_LIMIT, "cannot make a pipe: %s", strerror(errno));
    (void)fflush(NULL);     /* else both would write what is buffered */
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        go_on_as_child(body, ctx, ends[1], parent);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return aks_error_set(err, AKS_LIMIT, "cannot start a process: %s", strerror(errno));
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ret_child->pid = (int)pid;
    ret_child->fd = ends[0];
    return AKS_OK;
}

void
aks_child_posix_wait(const struct aks_child_posix *children, size_t count, int timeout_ms)
{
    struct pollfd fds[CHILDREN_MAX];
    nfds_t fd_count = 0;

    AKS_CHECK(count <= CHILDREN_MAX);
    for (size_t i = 0; i < count; i++) {
        if (children[i].pid == 0 || children[i].fd < 0)
            continue;
        fds[fd_count].fd = children[i].fd;
        fds[fd_count].events = POLLIN;
        fd_count++;
    }
    (void)poll(fds, fd_count, timeout_ms);
}

bool
aks_child_posix_read(struct aks_child_posix *child, void *data, size_t len, size_t *ret_len)
{
    ssize_t n;

    AKS_CHECK(len > 0);
    *ret_len = 0;
    if (child->fd < 0)
        return false;
    n = read(child->fd, data, len);
    if (n > 0)
        *ret_len = (size_t)n;
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return true;
    (void)close(child->fd);
    child->fd = -1;
    return false;
}

void
aks_child_posix_interrupt(const struct aks_child_posix *child)
{
    if (child->pid > 0)
        (void)kill(child->pid, SIGTERM);
}

void
aks_child_posix_kill(const struct aks_child_posix *child)
{
    if (child->pid > 0)
        (void)kill(child->pid, SIGKILL);
}

bool
aks_child_posix_reap(struct aks_child_posix *child, char ret_how[AKS_CHILD_POSIX_HOW_BYTES])
{
    int status = 0;
    pid_t pid;

    AKS_CHECK(child->pid > 0);
    do
        pid = waitpid(child->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    if (child->fd >= 0)
        (void)close(child->fd);
    child->fd = -1;
    child->pid = 0;
    ret_how[0] = '\0';
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (pid > 0 && WIFSIGNALED(status))
        (void)snprintf(ret_how, AKS_CHILD_POSIX_HOW_BYTES, "signal %d: %s", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    else
        (void)snprintf(ret_how, AKS_CHILD_POSIX_HOW_BYTES, "exit code %d",
            pid > 0 ? WEXITSTATUS(status) : -1);
    return false;
}

bool
aks_child_posix_write(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}
