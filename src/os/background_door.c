#include "os/background_door.h"

#include "base/buf.h"
#include "base/secret.h"
#include "port/background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "worker.sock"
/* As many as ever start at once; the kernel lowers it to what it allows. */
#define WAITING_MAX 4096
/* Who has come through the door speaks at once: a process of the same user that does not is not
 * waited for longer. */
#define SPEAK_MS 1000
/* Who has something to say waits no longer for a place at the door, or for room in the socket: it
 * ends a person's session. Where that many stand there already, they wake the worker. */
#define TELL_MS 20
#define CHUNK_BYTES 4096
/* Heard in one turn; the others have the next one. */
#define HEARD_MAX 1024

/* A path of any length has to fit into a socket's address: through the folder's descriptor it does.
 * Returns that descriptor, or -1. */
static int
address_of(const char *folder, struct sockaddr_un *ret_address)
{
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    if (fd >= 0)
        (void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
            "/proc/self/fd/%d/" NAME, fd);
    return fd;
}

int
aks_background_door_open(const char *folder)
{
    struct sockaddr_un address;
    int folder_fd = address_of(folder, &address);
    int fd = -1;

    if (folder_fd < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlinkat(folder_fd, NAME, 0);
    /* Private from the first instant on, whatever the umask. */
    if (fd >= 0 && (fchmod(fd, 0600) != 0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
            listen(fd, WAITING_MAX) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    (void)close(folder_fd);
    return fd;
}

bool
aks_background_door_is(int fd)
{
    int domain = 0;
    int listens = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX &&
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens == 1;
}

void
aks_background_door_shut(const char *folder)
{
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (folder_fd < 0)
        return;
    (void)unlinkat(folder_fd, NAME, 0);
    (void)close(folder_fd);
}

/* Is it a process of ours at the other end? Of a socket that listens: who made it listen. */
static bool
ours(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

static void
limit_time(int fd, int ms)
{
    const struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* All that is said, until the other side has done; false if that is too much or cut short. */
static bool
read_message(int fd, struct aks_buf *message)
{
    char chunk[CHUNK_BYTES];
    ssize_t n;

    do {
        n = recv(fd, chunk, sizeof(chunk), 0);
        if (n > 0)
            aks_buf_append(message, chunk, (size_t)n);
    } while (message->failed == AKS_OK && (n > 0 || (n < 0 && errno == EINTR)));
    explicit_bzero(chunk, sizeof(chunk));
    return n == 0 && message->failed == AKS_OK;
}

void
aks_background_door_hear(int fd, const struct aks_alloc *alloc,
    void (*heard)(void *ctx, const void *message, size_t len), void *ctx)
{
    struct aks_secret_wipe wipe;

    aks_secret_wipe_init(&wipe, alloc);
    for (unsigned i = 0; i < HEARD_MAX; i++) {
        int other = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        struct aks_buf message;

        if (other < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (other < 0)
            return;
        aks_buf_init(&message, &wipe.alloc, AKS_BACKGROUND_BYTES_MAX);
        limit_time(other, SPEAK_MS);
        if (ours(other) && read_message(other, &message))
            heard(ctx, message.data, message.len);
        aks_buf_fini(&message);
        (void)close(other);
    }
}

static enum aks_status
fail(const char *folder, int number, struct aks_error *err)
{
    enum aks_status status = number == ECONNREFUSED || number == ENOENT ? AKS_NOT_FOUND
        : number == EACCES || number == EPERM ? AKS_FORBIDDEN
        : number == EMFILE || number == ENFILE || number == ENOMEM || number == EAGAIN ? AKS_LIMIT
        : AKS_STATE;

    return aks_error_set(err, status, "cannot reach the worker of %s: %s", folder,
        strerror(number));
}

/* To connect follows a link, and what is told may be secret. */
static bool
leads_away(int folder_fd)
{
    struct stat info;

    return fstatat(folder_fd, NAME, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

static bool
send_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

enum aks_status
aks_background_door_tell(const char *folder, const void *message, size_t len,
    struct aks_error *err)
{
    struct sockaddr_un address;
    int folder_fd = address_of(folder, &address);
    enum aks_status status = AKS_OK;
    int fd;

    if (folder_fd < 0)
        return fail(folder, errno, err);
    if (leads_away(folder_fd)) {
        (void)close(folder_fd);
        return aks_error_set(err, AKS_FORBIDDEN, "cannot reach the worker of %s: its " NAME
            " is a link", folder);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        limit_time(fd, TELL_MS);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        status = fail(folder, errno, err);
    else if (!ours(fd))
        status = aks_error_set(err, AKS_FORBIDDEN,
            "cannot reach the worker of %s: who listens there is another user", folder);
    else if (!send_all(fd, message, len))
        status = fail(folder, errno, err);
    if (fd >= 0)
        (void)close(fd);
    (void)close(folder_fd);
    return status;
}
