#include "os/input_posix.h"

#include "base/units.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES (16 * 1024)

static int64_t
now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * AKS_MS_PER_S + now.tv_nsec / AKS_NS_PER_MS;
}

/* Is there something to read, or an end, before the time is up? */
static bool
ready(int fd, int64_t until_ms)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    for (;;) {
        int64_t left_ms = until_ms - now_ms();
        int got = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);

        if (got > 0)
            return (wait.revents & POLLNVAL) == 0;
        if (got == 0 || errno != EINTR)
            return false;
    }
}

void
aks_input_posix_read(int fd, int64_t timeout_ms, size_t bytes_max,
    bool (*take)(void *ctx, const char *data, size_t len), void *ctx)
{
    int64_t until_ms = now_ms() + timeout_ms;
    char piece[PIECE_BYTES];

    /* poll() passes over a negative one, and waits. */
    if (fd < 0 || isatty(fd) == 1)
        return;
    while (bytes_max > 0 && ready(fd, until_ms)) {
        size_t wanted = bytes_max < sizeof(piece) ? bytes_max : sizeof(piece);
        ssize_t got = read(fd, piece, wanted);

        if (got < 0 && (errno == EINTR || errno == EAGAIN) && now_ms() < until_ms)
            continue;
        if (got <= 0 || take(ctx, piece, (size_t)got))
            return;
        bytes_max -= (size_t)got;
        /* Who writes without an end is always ready. */
        if (now_ms() >= until_ms)
            return;
    }
}
