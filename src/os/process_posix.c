#include "os/process_posix.h"

#include "base/check.h"
#include "os/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 100                     /* how often is asked whether to stop */
#define END_MS 5                        /* and whether one that has closed its output has ended */
#define CHUNK_BYTES 4096
/* Of one that writes much: fewer turns of two processes. */
#define STREAM_BYTES ((size_t)64 * 1024)
#define PIPE_BYTES (1024 * 1024)

struct running {
    const struct aks_process_spec *spec;
    pid_t pid;
    int fd;                             /* its output is read here */
    int errors_fd;                      /* and its words to people; -1: those are not for us */
    int64_t until_ms;
    char *stream;                       /* STREAM_BYTES, where output goes on as it comes */
};

static int64_t
monotonic_ms(void)
{
    struct timespec now;

    AKS_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A process group of its own, so that what it starts ends with it; signals as a shell leaves them,
 * though we ignore some and our workers block all. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t usual;
    int rc;

    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    (void)sigaddset(&usual, SIGXFSZ);
    (void)sigaddset(&usual, SIGINT);
    (void)sigaddset(&usual, SIGTERM);
    (void)sigaddset(&usual, SIGHUP);
    (void)sigaddset(&usual, SIGCHLD);
    rc = posix_spawnattr_setflags(attributes,
        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attributes, 0);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    return rc == 0 ? posix_spawnattr_setsigdefault(attributes, &usual) : rc;
}

/* 0, or why not. Every descriptor but the three is closed, also what our caller left open. */
static int
spawn(const struct aks_process_spec *spec, int output, int errors, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0)
        goto out;
    rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (rc == 0 && errors >= 0)
        rc = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (rc == 0)
        rc = set_attributes(&attributes);
    if (rc == 0)
        rc = posix_spawnp(ret_pid, spec->argv[0], &actions, &attributes,
            (char *const *)(uintptr_t)spec->argv, (char *const *)(uintptr_t)spec->env);
    (void)posix_spawnattr_destroy(&attributes);
out:
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static enum aks_status
fail_start(const char *name, int rc, struct aks_error *err)
{
    return aks_error_set(err, rc == ENOENT || rc == ENOTDIR ? AKS_NOT_FOUND
        : rc == EACCES || rc == EPERM || rc == ENOEXEC ? AKS_FORBIDDEN : AKS_LIMIT,
        "cannot run %s: %s", name, strerror(rc));
}

static void
close_both(const int ends[2])
{
    if (ends[0] >= 0)
        (void)close(ends[0]);
    if (ends[1] >= 0)
        (void)close(ends[1]);
}

/* What the spec holds it to. It may have begun already, so it is held to that from now on: what it
 * can do in a moment is little. */
static int
limit(pid_t pid, const struct aks_process_spec *spec)
{
    const struct rlimit none = { 0, 0 };
    const struct rlimit memory = { (rlim_t)spec->memory_max, (rlim_t)spec->memory_max };
    const struct rlimit cpu = { (rlim_t)spec->cpu_s_max, (rlim_t)spec->cpu_s_max + 1 };
    int rc = 0;

    if (spec->memory_max == 0 && spec->cpu_s_max == 0)
        return 0;
    if (spec->memory_max > 0)
        rc = prlimit(pid, RLIMIT_DATA, &memory, NULL);
    if (rc == 0 && spec->cpu_s_max > 0)
        rc = prlimit(pid, RLIMIT_CPU, &cpu, NULL);
    if (rc == 0)
        rc = prlimit(pid, RLIMIT_CORE, &none, NULL);
    return rc == 0 ? 0 : errno;
}

static enum aks_status
start(struct running *running, struct aks_error *err)
{
    int output[2] = { -1, -1 };
    int errors[2] = { -1, -1 };
    int rc;

    if (pipe2(output, O_CLOEXEC) != 0 ||
        (running->spec->errors != NULL && pipe2(errors, O_CLOEXEC) != 0)) {
        rc = errno;
        close_both(output);
        return aks_error_set(err, AKS_LIMIT, "cannot make a pipe: %s", strerror(rc));
    }
    rc = spawn(running->spec, output[1], errors[1], &running->pid);
    if (rc != 0) {
        close_both(output);
        close_both(errors);
        return fail_start(running->spec->argv[0], rc, err);
    }
    (void)close(output[1]);
    (void)fcntl(output[0], F_SETFL, O_NONBLOCK);
    if (running->stream != NULL)
        (void)fcntl(output[0], F_SETPIPE_SZ, PIPE_BYTES);
    running->fd = output[0];
    running->errors_fd = errors[0];
    if (errors[0] >= 0) {
        (void)close(errors[1]);
        (void)fcntl(errors[0], F_SETFL, O_NONBLOCK);
    }
    rc = limit(running->pid, running->spec);
    return rc == 0 ? AKS_OK : aks_error_set(err, AKS_LIMIT, "cannot limit %s: %s",
        running->spec->argv[0], strerror(rc));
}

/* Takes what has come of its words to people, so that it never waits for us to read them. What is
 * over the ceiling is dropped. */
static void
drain_errors(struct running *running)
{
    struct aks_buf *errors = running->spec->errors;
    char chunk[CHUNK_BYTES];
    ssize_t n = 1;

    while (running->errors_fd >= 0 && n > 0) {
        size_t room = errors->bytes_max - errors->len;

        n = read(running->errors_fd, chunk, sizeof(chunk));
        if (n > 0)
            aks_buf_append(errors, chunk, (size_t)n < room ? (size_t)n : room);
        if (n == 0) {
            (void)close(running->errors_fd);
            running->errors_fd = -1;
        }
    }
    explicit_bzero(chunk, sizeof(chunk));
}

/* May it go on? */
static enum aks_status
check_end(const struct running *running, struct aks_error *err)
{
    const struct aks_process_spec *spec = running->spec;

    if (spec->stopped != NULL && spec->stopped(spec->stopped_ctx))
        return aks_error_set(err, AKS_CANCELLED, "%s was stopped", spec->argv[0]);
    if (monotonic_ms() >= running->until_ms)
        return aks_error_set(err, AKS_TIMEOUT, "%s has not ended within %lld ms", spec->argv[0],
            (long long)spec->timeout_ms);
    return AKS_OK;
}

/* What has been written up to now; *ret_end: and no more will be. */
static enum aks_status
read_some(const struct running *running, struct aks_buf *output, bool *ret_end,
    struct aks_error *err)
{
    char chunk[CHUNK_BYTES];
    enum aks_status status = AKS_OK;
    ssize_t n;

    *ret_end = false;
    do {
        n = read(running->fd, chunk, sizeof(chunk));
        if (n > 0)
            aks_buf_append(output, chunk, (size_t)n);
        if (output->failed != AKS_OK && output->len + (size_t)n > output->bytes_max)
            status = aks_error_set(err, AKS_TOO_LARGE, "%s wrote more than %zu bytes",
                running->spec->argv[0], output->bytes_max);
        else if (output->failed != AKS_OK)
            status = aks_error_memory(err, "reading what a program writes");
    } while (status == AKS_OK && (n > 0 || (n < 0 && errno == EINTR)));
    *ret_end = n == 0 || (n < 0 && errno != EAGAIN);
    explicit_bzero(chunk, sizeof(chunk));
    return status;
}

/* The same, once around, for one whose output goes on as it comes: time is looked at in between. */
static enum aks_status
stream_some(const struct running *running, bool *ret_end, struct aks_error *err)
{
    const struct aks_process_spec *spec = running->spec;
    ssize_t n = read(running->fd, running->stream, STREAM_BYTES);

    *ret_end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    return n > 0 ? spec->output(spec->output_ctx, running->stream, (size_t)n, err) : AKS_OK;
}

static enum aks_status
read_all(struct running *running, struct aks_buf *output, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    bool end = false;

    while (status == AKS_OK && !end) {
        /* A descriptor of -1 is passed over. */
        struct pollfd wanted[2] = { { .fd = running->fd, .events = POLLIN },
            { .fd = running->errors_fd, .events = POLLIN } };

        (void)poll(wanted, 2, LOOK_MS);
        drain_errors(running);
        status = running->stream != NULL ? stream_some(running, &end, err)
            : read_some(running, output, &end, err);
        if (status == AKS_OK && !end)
            status = check_end(running, err);
    }
    return status;
}

/* Closing its output is not its end. */
static enum aks_status
wait_end(struct running *running, int *ret_exit, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    int how = 0;
    pid_t pid;

    while (status == AKS_OK) {
        drain_errors(running);
        pid = waitpid(running->pid, &how, WNOHANG);
        if (pid == running->pid)
            break;
        if (pid < 0 && errno != EINTR) {
            /* It is no child any more: its number may be somebody else's. */
            running->pid = 0;
            return aks_error_set(err, AKS_LIMIT, "cannot wait for %s: %s",
                running->spec->argv[0], strerror(errno));
        }
        status = check_end(running, err);
        if (status == AKS_OK)
            (void)poll(NULL, 0, END_MS);
    }
    if (status != AKS_OK)
        return status;
    running->pid = 0;
    drain_errors(running);
    *ret_exit = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
    return AKS_OK;
}

static void
end(const struct running *running)
{
    int rc;

    (void)kill(-running->pid, SIGKILL);
    do {
        rc = (int)waitpid(running->pid, NULL, 0);
    } while (rc < 0 && errno == EINTR);
}

static enum aks_status
process_run(void *ctx, const struct aks_process_spec *spec, struct aks_buf *ret_output,
    int *ret_exit, struct aks_error *err)
{
    const struct aks_alloc *alloc = ctx;
    struct running running = { .spec = spec, .fd = -1, .errors_fd = -1 };
    enum aks_status status;

    AKS_CHECK(spec->argv[0] != NULL && spec->timeout_ms > 0);
    AKS_CHECK((ret_output == NULL) == (spec->output != NULL));
    running.until_ms = monotonic_ms() + spec->timeout_ms;
    if (spec->output != NULL) {
        running.stream = aks_mem_new(alloc, STREAM_BYTES);
        if (running.stream == NULL)
            return aks_error_memory(err, "running a program");
    }
    status = start(&running, err);
    if (status == AKS_OK)
        status = read_all(&running, ret_output, err);
    if (status == AKS_OK)
        status = wait_end(&running, ret_exit, err);
    if (running.pid != 0)
        end(&running);
    if (running.fd >= 0)
        (void)close(running.fd);
    if (running.errors_fd >= 0)
        (void)close(running.errors_fd);
    aks_mem_free(alloc, running.stream);
    return status;
}

static enum aks_status
find_own(enum aks_beside beside, const char *name, const struct aks_alloc *alloc,
    const char *const *places, size_t count, char **ret_path, struct aks_error *err)
{
    char path[PATH_MAX];
    enum aks_status status = aks_beside_find(alloc, beside, "run", name, places, count, path, err);

    *ret_path = NULL;
    if (status != AKS_OK)
        return status;
    *ret_path = aks_mem_strdup(alloc, path);
    return *ret_path == NULL ? aks_error_memory(err, "looking for a program") : AKS_OK;
}

/* Beside the full program, where it is installed and in a build; and for a program in the folder of
 * the front one, or of a build's tests. */
static enum aks_status
process_own(void *ctx, const char *name, const struct aks_alloc *alloc, char **ret_path,
    struct aks_error *err)
{
    static const char *const places[] = { "", "libexec/",
        "../" AKS_INSTALL_LIBDIR "/akosha-sync/", "../libexec/" };

    return find_own(AKS_BESIDE_PROGRAM, name, alloc, places, sizeof(places) / sizeof(places[0]),
        ret_path, err);
}

static enum aks_status
library_own(void *ctx, const char *name, const struct aks_alloc *alloc, char **ret_path,
    struct aks_error *err)
{
    static const char *const places[] = { "libexec/", "akosha-sync/" };

    return find_own(AKS_BESIDE_LIBRARY, name, alloc, places, sizeof(places) / sizeof(places[0]),
        ret_path, err);
}

void
aks_process_posix_of_library(struct aks_process *process)
{
    process->own = library_own;
}

void
aks_process_posix_init(const struct aks_alloc *alloc, struct aks_process *ret_process)
{
    ret_process->run = process_run;
    ret_process->own = process_own;
    ret_process->ctx = (void *)(uintptr_t)alloc;
}
