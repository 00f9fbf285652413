#include "os/terminal_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3

/* One line, a byte at a time: what comes after it is for whoever reads next. */
static enum aks_status
read_line(int fd, char *line, size_t *ret_len, struct aks_error *err)
{
    size_t len = 0;
    char c;

    for (;;) {
        ssize_t got = read(fd, &c, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || c == '\n' || c == '\r')
            break;
        if (c == CTRL_C)
            return aks_error_set(err, AKS_CANCELLED, "interrupted");
        if (len == AKS_TERMINAL_BYTES_MAX)
            return aks_error_set(err, AKS_SETTINGS, "what was typed is longer than %d bytes",
                AKS_TERMINAL_BYTES_MAX);
        line[len++] = c;
    }
    *ret_len = len;
    return len > 0 ? AKS_OK : aks_error_set(err, AKS_AUTH_MISSING, "nothing was typed");
}

enum aks_status
aks_terminal_posix_line(const char *prompt, char ret_line[AKS_TERMINAL_BYTES_MAX],
    struct aks_error *err)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    char line[AKS_TERMINAL_BYTES_MAX];
    size_t len = 0;
    enum aks_status status;

    ret_line[0] = '\0';
    if (fd < 0)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no terminal to ask at");
    (void)!write(fd, prompt, strlen(prompt));
    status = read_line(fd, line, &len, err);
    (void)close(fd);
    if (status == AKS_AUTH_MISSING)
        return AKS_OK;
    if (status == AKS_OK && len == sizeof(line))
        status = aks_error_set(err, AKS_SETTINGS, "what was typed is too long");
    if (status == AKS_OK) {
        memcpy(ret_line, line, len);
        ret_line[len] = '\0';
    }
    return status;
}

enum aks_status
aks_terminal_posix_ask(const struct aks_alloc *alloc, const char *prompt,
    struct aks_secret **ret_secret, struct aks_error *err)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    char line[AKS_TERMINAL_BYTES_MAX];
    struct termios before;
    struct termios quiet;
    size_t len = 0;
    enum aks_status status;

    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return aks_error_set(err, AKS_AUTH_MISSING, "there is no terminal to ask at");
    }
    quiet = before;
    /* Signals would end the program with a terminal that shows nothing any more. */
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    (void)!write(fd, prompt, strlen(prompt));
    status = read_line(fd, line, &len, err);
    (void)!write(fd, "\n", 1);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    (void)close(fd);
    if (status == AKS_OK) {
        *ret_secret = aks_secret_new(alloc, "", line, len);
        if (*ret_secret == NULL)
            status = aks_error_memory(err, "reading a passphrase");
    }
    explicit_bzero(line, sizeof(line));
    return status;
}
