#include "os/files_posix.h"

#include "base/check.h"
#include "os/files_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Private from the first instant on, whatever the umask. */
#define MODE 0600

/* Nobody stands in line for such a lock, so whoever asks seldom is passed over by those who give it
 * back and take it again at once. */
#define LOCK_PAUSE_NS 1000000L

struct aks_file {
    const struct aks_alloc *alloc;
    int fd;
    bool appends;
    char path[];            /* for messages */
};

static enum aks_status
fail(const struct aks_file *file, const char *verb, struct aks_error *err)
{
    return aks_files_names_fail(err, errno, verb, file->path);
}

/* Without O_NONBLOCK the opening of a FIFO waits for its other end. It stays on: files and folders
 * do not heed it, and whatever does is not read with offsets. */
static int
flags_of(enum aks_file_open how)
{
    const int always = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    switch (how) {
    case AKS_FILE_READ:
        return always | O_RDONLY;
    case AKS_FILE_READ_OWN:
        return always | O_RDONLY | O_NOFOLLOW;
    case AKS_FILE_CREATE:
        return always | O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    case AKS_FILE_REPLACE:
        return always | O_RDWR | O_CREAT | O_TRUNC;
    case AKS_FILE_APPEND:
        return always | O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW;
    case AKS_FILE_LOCK:
        return always | O_RDWR | O_CREAT | O_NOFOLLOW;
    }
    aks_check_failed(__FILE__, __LINE__, "an unknown way to open a file");
}

static const char *
verb_of(enum aks_file_open how)
{
    return how == AKS_FILE_CREATE || how == AKS_FILE_REPLACE ? "create" : "open";
}

static enum aks_status
files_open(void *ctx, const char *path, enum aks_file_open how, struct aks_file **ret_file,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = ctx;
    size_t path_bytes = strlen(path) + 1;
    struct aks_file *file = aks_mem_new(alloc, sizeof(*file) + path_bytes);
    enum aks_status status;
    int number;

    if (file == NULL)
        return aks_error_memory(err, "opening a file");
    file->alloc = alloc;
    file->appends = how == AKS_FILE_APPEND;
    memcpy(file->path, path, path_bytes);
    do {
        file->fd = open(path, flags_of(how), MODE);
    } while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0) {
        number = errno;
        status = fail(file, verb_of(how), err);
        if (number == ELOOP && how != AKS_FILE_READ && how != AKS_FILE_REPLACE)
            aks_error_hint(err, "a symbolic link is not followed here");
        aks_mem_free(alloc, file);
        return status;
    }
    *ret_file = file;
    return AKS_OK;
}

static void
files_close(struct aks_file *file)
{
    if (file == NULL)
        return;
    (void)close(file->fd);
    aks_mem_free(file->alloc, file);
}

static enum aks_status
files_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    ssize_t n;

    do {
        n = pread(file->fd, data, len, offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail(file, "read", err);
    *ret_len = (size_t)n;
    return AKS_OK;
}

static enum aks_status
files_write(struct aks_file *file, int64_t offset, const void *data, size_t len,
    struct aks_error *err)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = file->appends ? write(file->fd, at, len) : pwrite(file->fd, at, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, "write", err);
        at += n;
        len -= (size_t)n;
        offset += n;
    }
    return AKS_OK;
}

static enum aks_status
files_truncate(struct aks_file *file, int64_t bytes, struct aks_error *err)
{
    int rc;

    do {
        rc = ftruncate(file->fd, bytes);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? AKS_OK : fail(file, "truncate", err);
}

static enum aks_status
files_sync(struct aks_file *file, struct aks_error *err)
{
    return fdatasync(file->fd) == 0 ? AKS_OK : fail(file, "sync", err);
}

static enum aks_status
files_info(struct aks_file *file, struct aks_file_info *ret_info, struct aks_error *err)
{
    struct stat info;

    if (fstat(file->fd, &info) != 0)
        return fail(file, "stat", err);
    aks_files_names_info(&info, ret_info);
    return AKS_OK;
}

/* A lock of the open file, not of the process: a classic one would be lost as soon as anything in
 * the process closed another descriptor of the file. Where the system has no such locks, flock's
 * belong to the open file as well. */
static enum aks_status
files_lock(struct aks_file *file, struct aks_error *err)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int rc = fcntl(file->fd, F_OFD_SETLK, &whole);

    if (rc != 0 && errno == EINVAL)
        rc = flock(file->fd, LOCK_EX | LOCK_NB);
    if (rc == 0)
        return AKS_OK;
    if (errno == EAGAIN || errno == EACCES)
        return aks_error_set(err, AKS_CONFLICT, "cannot lock %s: it is locked already", file->path);
    return fail(file, "lock", err);
}

static int64_t
monotonic_ms(void)
{
    struct timespec now;

    AKS_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By asking again and again: a lock that is waited for in the kernel can only be given up by a
 * signal. */
static enum aks_status
files_lock_wait(struct aks_file *file, int64_t timeout_ms, struct aks_error *err)
{
    static const struct timespec pause = { 0, LOCK_PAUSE_NS };
    int64_t until_ms = monotonic_ms() + timeout_ms;
    enum aks_status status;

    while ((status = files_lock(file, err)) == AKS_CONFLICT && monotonic_ms() < until_ms)
        (void)nanosleep(&pause, NULL);
    return status;
}

/* Sees the classic locks of DuckDB and SQLite as well as those of open files, whose owner shows as
 * -1. */
static bool
files_locked_by_writer(struct aks_file *file, int64_t start, int64_t len)
{
    struct flock wanted = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = start,
        .l_len = len };
    struct flock found = wanted;
    int rc = fcntl(file->fd, F_OFD_GETLK, &found);

    if (rc != 0 && errno == EINVAL) {
        found = wanted;
        rc = fcntl(file->fd, F_GETLK, &found);
    }
    return rc == 0 && found.l_type != F_UNLCK && found.l_pid != getpid();
}

static bool
files_clone(struct aks_file *from, struct aks_file *to)
{
    return ioctl(to->fd, FICLONE, from->fd) == 0;
}

void
aks_files_posix_init(struct aks_files *ret_files, const struct aks_alloc *alloc)
{
    memset(ret_files, 0, sizeof(*ret_files));
    ret_files->open = files_open;
    ret_files->close = files_close;
    ret_files->read = files_read;
    ret_files->write = files_write;
    ret_files->truncate = files_truncate;
    ret_files->sync = files_sync;
    ret_files->info = files_info;
    ret_files->lock = files_lock;
    ret_files->lock_wait = files_lock_wait;
    ret_files->locked_by_writer = files_locked_by_writer;
    ret_files->clone = files_clone;
    ret_files->uid = geteuid();
    /* The port is a table of functions; the allocator is the one thing that they share. */
    ret_files->ctx = (void *)(uintptr_t)alloc;
    aks_files_names_init(ret_files);
}
