#include "os/publish_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum aks_status
failure(const char *path, int why, struct aks_error *err)
{
    enum aks_status status = AKS_STATE;

    if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        status = AKS_NO_SPACE;
    else if (why == EACCES || why == EPERM || why == EROFS)
        status = AKS_FORBIDDEN;
    else if (why == ENOENT || why == ENOTDIR)
        status = AKS_NOT_FOUND;
    return aks_error_set(err, status, "cannot write %s: %s", path, strerror(why));
}

static bool
write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        len -= (size_t)written;
    }
    return true;
}

enum aks_status
aks_publish_posix(const char *path, const char *text, size_t len, struct aks_error *err)
{
    char fresh[PATH_MAX];
    int length = snprintf(fresh, sizeof(fresh), "%s.new-%ld", path, (long)getpid());
    int why = 0;
    int fd;

    if (length < 0 || (size_t)length >= sizeof(fresh))
        return failure(path, ENAMETOOLONG, err);
    /* What a crash has left. */
    (void)unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failure(path, errno, err);
    if (!write_all(fd, text, len) || fchmod(fd, AKS_PUBLISH_POSIX_MODE) != 0)
        why = errno;
    if (close(fd) != 0 && why == 0)
        why = errno;
    if (why == 0 && rename(fresh, path) != 0)
        why = errno;
    if (why == 0)
        return AKS_OK;
    (void)unlink(fresh);
    return failure(path, why, err);
}
