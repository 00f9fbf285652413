#include "os/replace_posix.h"

#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define NEW_MODE 0600

static enum aks_status
failed(const char *verb, const char *path, struct aks_error *err)
{
    int number = errno;
    enum aks_status status = number == ENOSPC || number == EDQUOT ? AKS_NO_SPACE
        : number == EACCES || number == EPERM || number == EROFS ? AKS_FORBIDDEN : AKS_STATE;

    return aks_error_set(err, status, "cannot %s %s: %s", verb, path, strerror(number));
}

static enum aks_status
refused(const char *path, const char *why, const char *hint, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_SETTINGS, "%s is left alone: %s", path, why);
    aks_error_hint(err, "%s", hint);
    return AKS_SETTINGS;
}

static int64_t
mtime_ns(const struct stat *info)
{
    return (int64_t)info->st_mtim.tv_sec * AKS_MS_PER_S * AKS_NS_PER_MS + info->st_mtim.tv_nsec;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum aks_status
check(const char *path, const struct stat *info, size_t bytes_max, struct aks_error *err)
{
    if (S_ISLNK(info->st_mode))
        return refused(path, "it is a link", "name the file that it leads to: --settings FILE",
            err);
    if (!S_ISREG(info->st_mode))
        return refused(path, "it is no file", "", err);
    if (info->st_uid != geteuid())
        return refused(path, "it belongs to somebody else", "", err);
    if ((info->st_mode & S_IWUSR) == 0)
        return refused(path, "it is read-only", "chmod u+w, if you want it changed", err);
    if (info->st_size > (off_t)bytes_max)
        return refused(path, "it is too large", "", err);
    return AKS_OK;
}

static enum aks_status
read_text(const struct aks_alloc *alloc, int fd, const char *path, struct aks_replace_posix *file,
    struct aks_error *err)
{
    size_t bytes = file->len;

    file->text = aks_mem_new(alloc, bytes + 1);
    if (file->text == NULL)
        return aks_error_memory(err, "reading a file");
    file->len = 0;
    while (file->len < bytes) {
        ssize_t got = read(fd, file->text + file->len, bytes - file->len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed("read", path, err);
        if (got == 0)
            break;
        file->len += (size_t)got;
    }
    return AKS_OK;
}

enum aks_status
aks_replace_posix_read(const struct aks_alloc *alloc, const char *path, size_t bytes_max,
    struct aks_replace_posix *ret_file, struct aks_error *err)
{
    struct stat info;
    enum aks_status status;
    int fd;

    memset(ret_file, 0, sizeof(*ret_file));
    ret_file->mode = NEW_MODE;
    if (lstat(path, &info) != 0) {
        ret_file->nowhere = errno == ENOTDIR;
        if (errno != ENOENT)
            return failed("look at", path, err);
        ret_file->text = aks_mem_new(alloc, 1);
        return ret_file->text != NULL ? AKS_OK : aks_error_memory(err, "reading a file");
    }
    status = check(path, &info, bytes_max, err);
    if (status != AKS_OK)
        return status;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        status = failed("open", path, err);
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    /* What is open now is what counts. */
    status = check(path, &info, bytes_max, err);
    ret_file->exists = true;
    ret_file->len = (size_t)info.st_size;
    ret_file->mode = info.st_mode & 07777;
    ret_file->gid = info.st_gid;
    ret_file->device = info.st_dev;
    ret_file->inode = info.st_ino;
    ret_file->mtime_ns = mtime_ns(&info);
    if (status == AKS_OK)
        status = read_text(alloc, fd, path, ret_file, err);
    (void)close(fd);
    if (status != AKS_OK)
        aks_replace_posix_free(alloc, ret_file);
    return status;
}

void
aks_replace_posix_free(const struct aks_alloc *alloc, struct aks_replace_posix *file)
{
    if (file->text != NULL)
        aks_mem_free(alloc, file->text);
    memset(file, 0, sizeof(*file));
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum aks_status
check_seen(const char *path, const struct aks_replace_posix *seen, struct aks_error *err)
{
    struct stat info;
    bool exists = lstat(path, &info) == 0;

    if (exists == seen->exists && (!exists || ((uint64_t)info.st_dev == seen->device &&
            (uint64_t)info.st_ino == seen->inode && (size_t)info.st_size == seen->len &&
            mtime_ns(&info) == seen->mtime_ns)))
        return AKS_OK;
    (void)aks_error_set(err, AKS_CONFLICT, "%s was changed by somebody else meanwhile, and is left "
        "alone", path);
    aks_error_hint(err, "try it again");
    return AKS_CONFLICT;
}

static enum aks_status
write_all(int fd, const char *path, const char *text, size_t len, struct aks_error *err)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed("write", path, err);
        text += put;
        len -= (size_t)put;
    }
    return fsync(fd) == 0 ? AKS_OK : failed("sync", path, err);
}

static void
sync_folder(const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int fd;

    (void)snprintf(folder, sizeof(folder), "%.*s", slash > path ? (int)(slash - path) : 1, path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

enum aks_status
aks_replace_posix_write(const char *path, const struct aks_replace_posix *seen, const char *text,
    size_t len, struct aks_error *err)
{
    char fresh[PATH_BYTES];
    int fd;
    enum aks_status status;

    if (snprintf(fresh, sizeof(fresh), "%s.akosha-sync.fresh", path) >= (int)sizeof(fresh))
        return aks_error_set(err, AKS_LIMIT, "the path %.60s... is too long", path);
    (void)unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, NEW_MODE);
    if (fd < 0)
        return failed("write", path, err);
    status = write_all(fd, path, text, len, err);
    if (status == AKS_OK && seen->exists) {
        /* A group that is not ours to give is no reason to fail. */
        (void)!fchown(fd, (uid_t)-1, seen->gid);
        if (fchmod(fd, seen->mode) != 0)
            status = failed("give its mode to", path, err);
    }
    (void)close(fd);
    if (status == AKS_OK)
        status = check_seen(path, seen, err);
    if (status == AKS_OK && rename(fresh, path) != 0)
        status = failed("replace", path, err);
    if (status != AKS_OK) {
        (void)unlink(fresh);
        return status;
    }
    sync_folder(path);
    return AKS_OK;
}

enum aks_status
aks_replace_posix_remove(const char *path, const struct aks_replace_posix *seen,
    struct aks_error *err)
{
    enum aks_status status = check_seen(path, seen, err);

    if (status == AKS_OK && unlink(path) != 0)
        status = failed("remove", path, err);
    return status;
}
