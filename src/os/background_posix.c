#include "os/background_posix.h"

#include "base/check.h"
#include "os/background_door.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOCK_NAME "worker.lock"
/* Above the numbers that a process with a seat finds its own at. */
#define ASIDE_FD 10
#define NICE 10
/* linux/ioprio.h, which libc does not wrap: one process, the class that gets what nobody wants. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

struct aks_seat {
    struct aks_background_posix *background;
    int lock;
    int door;                           /* -1: none could be had */
    void (*heard)(void *ctx, const void *message, size_t len);
    void *heard_ctx;
    char folder[];
};

/* One of the open file, so that it goes to the process that gets the descriptor. */
static int
lock(int fd)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int rc = fcntl(fd, F_OFD_SETLK, &whole);

    if (rc != 0 && errno == EINVAL)
        rc = flock(fd, LOCK_EX | LOCK_NB);
    return rc;
}

static struct aks_seat *
new_seat(struct aks_background_posix *background, const char *folder, int lock_fd, int door)
{
    size_t bytes = strlen(folder) + 1;
    struct aks_seat *seat = aks_mem_new(background->alloc, sizeof(*seat) + bytes);

    if (seat == NULL)
        return NULL;
    seat->background = background;
    seat->lock = lock_fd;
    seat->door = door;
    memcpy(seat->folder, folder, bytes);
    return seat;
}

static void
free_seat(struct aks_seat *seat)
{
    if (seat->door >= 0)
        (void)close(seat->door);
    (void)close(seat->lock);
    aks_mem_free(seat->background->alloc, seat);
}

/* What no seat could be made of: nobody would ever listen there. */
static void
give_back(const char *folder, int lock_fd, int door)
{
    aks_background_door_shut(folder);
    if (door >= 0)
        (void)close(door);
    (void)close(lock_fd);
}

static enum aks_status
lock_failure(const char *path, int number, struct aks_error *err)
{
    enum aks_status status = number == EAGAIN ? AKS_CONFLICT
        : number == ENOSPC || number == EDQUOT ? AKS_NO_SPACE
        : number == EACCES || number == EPERM || number == EROFS ? AKS_FORBIDDEN
        : number == EMFILE || number == ENFILE || number == ENOMEM ? AKS_LIMIT : AKS_STATE;

    if (status == AKS_CONFLICT)
        return aks_error_set(err, status, "there is a worker already: it has locked %s", path);
    return aks_error_set(err, status, "cannot lock %s: %s", path, strerror(number));
}

static enum aks_status
background_take(void *ctx, const char *folder, struct aks_seat **ret_seat, struct aks_error *err)
{
    struct aks_background_posix *background = ctx;
    char *path = aks_mem_printf(background->alloc, "%s/" LOCK_NAME, folder);
    enum aks_status status;
    int fd;
    int door;

    *ret_seat = NULL;
    if (path == NULL)
        return aks_error_memory(err, "looking for the worker");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0 || lock(fd) != 0) {
        status = lock_failure(path, errno == EACCES && fd >= 0 ? EAGAIN : errno, err);
        if (fd >= 0)
            (void)close(fd);
        aks_mem_free(background->alloc, path);
        return status;
    }
    aks_mem_free(background->alloc, path);
    door = aks_background_door_open(folder);
    *ret_seat = new_seat(background, folder, fd, door);
    if (*ret_seat == NULL) {
        give_back(folder, fd, door);
        return aks_error_memory(err, "looking for the worker");
    }
    return AKS_OK;
}

/* Whoever started us may have left anything at these numbers. */
static struct aks_seat *
background_inherited(void *ctx, const char *folder)
{
    struct aks_background_posix *background = ctx;
    char path[PATH_MAX];
    int door = aks_background_door_is(AKS_BACKGROUND_DOOR_FD) ? AKS_BACKGROUND_DOOR_FD : -1;
    struct aks_seat *seat = NULL;
    struct stat named;
    struct stat open_file;

    (void)snprintf(path, sizeof(path), "%s/" LOCK_NAME, folder);
    if (stat(path, &named) == 0 &&
        fstat(AKS_BACKGROUND_LOCK_FD, &open_file) == 0 && named.st_dev == open_file.st_dev &&
        named.st_ino == open_file.st_ino && lock(AKS_BACKGROUND_LOCK_FD) == 0) {
        (void)fcntl(AKS_BACKGROUND_LOCK_FD, F_SETFD, FD_CLOEXEC);
        if (door >= 0)
            (void)fcntl(door, F_SETFD, FD_CLOEXEC);
        seat = new_seat(background, folder, AKS_BACKGROUND_LOCK_FD, door);
        /* Or this process would keep it from itself. */
        if (seat == NULL)
            give_back(folder, AKS_BACKGROUND_LOCK_FD, door);
    }
    return seat;
}

/* Its own session; signals as a shell leaves them, whatever we ignore. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t usual;
    int rc = posix_spawnattr_setflags(attributes,
        POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGHUP);
    (void)sigaddset(&usual, SIGINT);
    (void)sigaddset(&usual, SIGTERM);
    (void)sigaddset(&usual, SIGPIPE);
    (void)sigaddset(&usual, SIGXFSZ);
    (void)sigaddset(&usual, SIGCHLD);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    return rc == 0 ? posix_spawnattr_setsigdefault(attributes, &usual) : rc;
}

/* The three on /dev/null, the seat's two behind them, and nothing else; in /. */
static int
set_actions(posix_spawn_file_actions_t *actions, int lock_fd, int door)
{
    int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);

    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDERR_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, lock_fd, AKS_BACKGROUND_LOCK_FD);
    if (rc == 0 && door >= 0)
        rc = posix_spawn_file_actions_adddup2(actions, door, AKS_BACKGROUND_DOOR_FD);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions,
            door >= 0 ? AKS_BACKGROUND_DOOR_FD + 1 : AKS_BACKGROUND_DOOR_FD);
    return rc == 0 ? posix_spawn_file_actions_addchdir_np(actions, "/") : rc;
}

/* 0, or why not. ${lock_fd} and ${door} are above the child's numbers. */
static int
spawn(const char *program, int lock_fd, int door, const char *const *argv, const char *const *env)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0)
        goto out;
    rc = set_actions(&actions, lock_fd, door);
    if (rc == 0)
        rc = set_attributes(&attributes);
    if (rc == 0)
        rc = posix_spawn(&pid, program, &actions, &attributes,
            (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    (void)posix_spawnattr_destroy(&attributes);
out:
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static enum aks_status
start_program(const char *program, const struct aks_seat *seat, const char *const *argv,
    const char *const *env, struct aks_error *err)
{
    int lock_fd = fcntl(seat->lock, F_DUPFD_CLOEXEC, ASIDE_FD);
    int door = seat->door >= 0 ? fcntl(seat->door, F_DUPFD_CLOEXEC, ASIDE_FD) : -1;
    int rc = lock_fd < 0 ? errno : spawn(program, lock_fd, door, argv, env);

    if (lock_fd >= 0)
        (void)close(lock_fd);
    if (door >= 0)
        (void)close(door);
    return rc == 0 ? AKS_OK
        : aks_error_set(err, AKS_LIMIT, "cannot start a worker: %s", strerror(rc));
}

static enum aks_status
background_start(void *ctx, struct aks_seat *seat, const char *const *argv,
    const char *const *env, struct aks_error *err)
{
    const struct aks_background_posix *background = ctx;
    /* This very program, also where another one has taken its name meanwhile. */
    char program[PATH_MAX] = "/proc/self/exe";
    enum aks_status status = background->program != NULL ? background->program(program, err)
        : AKS_OK;

    if (status == AKS_OK)
        status = start_program(program, seat, argv, env, err);
    if (status != AKS_OK)
        aks_background_door_shut(seat->folder);
    free_seat(seat);
    return status;
}

static enum aks_status
background_tell(void *ctx, const char *folder, const void *message, size_t len,
    struct aks_error *err)
{
    AKS_CHECK(len <= AKS_BACKGROUND_BYTES_MAX);
    return aks_background_door_tell(folder, message, len, err);
}

static void
hear(void *ctx)
{
    struct aks_seat *seat = ctx;

    aks_background_door_hear(seat->door, seat->background->alloc, seat->heard, seat->heard_ctx);
}

static void
background_listen(struct aks_seat *seat,
    void (*heard)(void *ctx, const void *message, size_t len), void *ctx)
{
    seat->heard = heard;
    seat->heard_ctx = ctx;
    if (seat->door >= 0)
        aks_events_posix_watch(seat->background->events, seat->door, hear, seat);
}

static void
background_leave(struct aks_seat *seat)
{
    if (seat == NULL)
        return;
    /* While the seat is ours: the next one makes a door of its own. */
    aks_background_door_shut(seat->folder);
    if (seat->heard != NULL && seat->door >= 0) {
        aks_events_posix_watch(seat->background->events, -1, NULL, NULL);
        hear(seat);
    }
    free_seat(seat);
}

void
aks_background_posix_give_way(void)
{
    if (getpriority(PRIO_PROCESS, 0) < NICE)
        (void)setpriority(PRIO_PROCESS, 0, NICE);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

void
aks_background_posix_init(struct aks_background_posix *background,
    const struct aks_alloc *alloc, struct aks_events_posix *events,
    struct aks_background *ret_port)
{
    background->alloc = alloc;
    background->events = events;
    background->program = NULL;
    ret_port->take = background_take;
    ret_port->inherited = background_inherited;
    ret_port->start = background_start;
    ret_port->tell = background_tell;
    ret_port->listen = background_listen;
    ret_port->leave = background_leave;
    ret_port->ctx = background;
}
