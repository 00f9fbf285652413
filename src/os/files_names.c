#include "os/files_internal.h"

#include "base/buf.h"
#include "base/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REASON_BYTES 128

/* Not in every linux/magic.h. */
#define BCACHEFS_MAGIC 0xca451a4eu
#define ZFS_MAGIC 0x2fc12fc1u

static enum aks_status
status_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return AKS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return AKS_FORBIDDEN;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return AKS_NO_SPACE;
    case EEXIST:
        return AKS_CONFLICT;
    case ELOOP:
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
    case ENOMEM:
        return AKS_LIMIT;
    default:
        return AKS_STATE;
    }
}

enum aks_status
aks_files_names_fail(struct aks_error *err, int number, const char *verb, const char *path)
{
    char reason[REASON_BYTES];

    return aks_error_set(err, status_of(number), "cannot %s %s: %s", verb, path,
        strerror_r(number, reason, sizeof(reason)));
}

static enum aks_status
fail(struct aks_error *err, const char *verb, const char *path)
{
    return aks_files_names_fail(err, errno, verb, path);
}

static enum aks_file_type
type_of(mode_t mode)
{
    if (S_ISREG(mode))
        return AKS_FILE_REGULAR;
    if (S_ISDIR(mode))
        return AKS_FILE_FOLDER;
    return S_ISLNK(mode) ? AKS_FILE_LINK : AKS_FILE_OTHER;
}

static int64_t
ns_of(const struct timespec *time)
{
    return (int64_t)time->tv_sec * AKS_NS_PER_S + time->tv_nsec;
}

void
aks_files_names_info(const struct stat *from, struct aks_file_info *ret_info)
{
    ret_info->type = type_of(from->st_mode);
    ret_info->mode = from->st_mode & 07777;
    ret_info->uid = from->st_uid;
    ret_info->device = from->st_dev;
    ret_info->inode = from->st_ino;
    ret_info->bytes = from->st_size;
    ret_info->mtime_ns = ns_of(&from->st_mtim);
    ret_info->ctime_ns = ns_of(&from->st_ctim);
}

static enum aks_status
names_stat(void *ctx, const char *path, bool follow_links, struct aks_file_info *ret_info,
    struct aks_error *err)
{
    struct stat info;

    if ((follow_links ? stat(path, &info) : lstat(path, &info)) != 0)
        return fail(err, "stat", path);
    aks_files_names_info(&info, ret_info);
    return AKS_OK;
}

static enum aks_status
names_resolve(void *ctx, const char *path, const struct aks_alloc *alloc, char **ret_path,
    struct aks_error *err)
{
    char *resolved = realpath(path, NULL);
    char *copy;

    if (resolved == NULL)
        return fail(err, "resolve", path);
    copy = aks_mem_strdup(alloc, resolved);
    free(resolved);
    if (copy == NULL)
        return aks_error_memory(err, "resolving a path");
    *ret_path = copy;
    return AKS_OK;
}

/* Either name may be at fault, so both are told. */
static enum aks_status
names_rename(void *ctx, const char *from, const char *to, struct aks_error *err)
{
    char reason[REASON_BYTES];
    int number;

    if (rename(from, to) == 0)
        return AKS_OK;
    number = errno;
    return aks_error_set(err, status_of(number), "cannot rename %s to %s: %s", from, to,
        strerror_r(number, reason, sizeof(reason)));
}

static enum aks_status
names_unlink(void *ctx, const char *path, struct aks_error *err)
{
    return unlink(path) == 0 ? AKS_OK : fail(err, "remove", path);
}

static enum aks_status
names_make_folder(void *ctx, const char *path, struct aks_error *err)
{
    return mkdir(path, 0700) == 0 ? AKS_OK : fail(err, "make the folder", path);
}

/* POSIX lets a system choose between two words for a folder that is not empty. */
static enum aks_status
names_remove_folder(void *ctx, const char *path, struct aks_error *err)
{
    if (rmdir(path) == 0)
        return AKS_OK;
    if (errno == ENOTEMPTY)
        errno = EEXIST;
    return fail(err, "remove the folder", path);
}

static enum aks_status
names_sync_folder(void *ctx, const char *path, struct aks_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum aks_status status = AKS_OK;

    if (fd < 0)
        return fail(err, "open the folder", path);
    /* A file system that cannot sync folders keeps their names in its own way. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        status = fail(err, "sync the folder", path);
    (void)close(fd);
    return status;
}

/* Gathers the names of a folder, each followed by a NUL. */
static enum aks_status
gather(DIR *folder, const char *path, struct aks_buf *names, size_t *ret_count,
    struct aks_error *err)
{
    const struct dirent *entry;
    size_t count = 0;

    for (;;) {
        errno = 0;
        entry = readdir(folder);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (++count > AKS_FILES_LIST_MAX)
            return aks_error_set(err, AKS_LIMIT, "cannot list %s: it has more than %d entries",
                path, AKS_FILES_LIST_MAX);
        aks_buf_append(names, entry->d_name, strlen(entry->d_name) + 1);
    }
    if (errno != 0)
        return fail(err, "list", path);
    *ret_count = count;
    return aks_buf_status(names, "cannot list a folder", err);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum aks_status
call_sorted(const struct aks_alloc *alloc, const struct aks_buf *names, size_t count,
    enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
    void *each_ctx, struct aks_error *err)
{
    const char **sorted = aks_mem_array(alloc, count, sizeof(*sorted));
    enum aks_status status = AKS_OK;
    const char *at = names->data;

    if (sorted == NULL)
        return aks_error_memory(err, "listing a folder");
    for (size_t i = 0; i < count; i++) {
        sorted[i] = at;
        at += strlen(at) + 1;
    }
    qsort(sorted, count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = each(each_ctx, sorted[i], err);
    aks_mem_free(alloc, sorted);
    return status;
}

/* The folder is read to its end and closed before anybody is called, who may change it. */
static enum aks_status
names_list(void *ctx, const char *path,
    enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
    void *each_ctx, struct aks_error *err)
{
    const struct aks_alloc *alloc = ctx;
    DIR *folder = opendir(path);
    struct aks_buf names;
    enum aks_status status;
    size_t count = 0;

    if (folder == NULL)
        return fail(err, "list", path);
    aks_buf_init(&names, alloc, (size_t)AKS_FILES_LIST_MAX * (NAME_MAX + 1));
    status = gather(folder, path, &names, &count, err);
    (void)closedir(folder);
    if (status == AKS_OK)
        status = call_sorted(alloc, &names, count, each, each_ctx, err);
    aks_buf_fini(&names);
    return status;
}

static enum aks_status
names_free_bytes(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    struct statvfs info;
    uint64_t bytes;

    if (statvfs(path, &info) != 0)
        return fail(err, "ask for the free space of", path);
    if (__builtin_mul_overflow((uint64_t)info.f_bavail, (uint64_t)info.f_frsize, &bytes)
        || bytes > INT64_MAX)
        bytes = INT64_MAX;
    *ret_bytes = (int64_t)bytes;
    return AKS_OK;
}

/* By the kinds of file system whose files can share bytes: asking itself would take two files. */
static bool
names_may_clone(void *ctx, const char *path)
{
    static const uint32_t kinds[] = { BTRFS_SUPER_MAGIC, XFS_SUPER_MAGIC, BCACHEFS_MAGIC,
        OCFS2_SUPER_MAGIC, ZFS_MAGIC };
    struct statfs info;

    if (statfs(path, &info) != 0)
        return false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if ((uint32_t)info.f_type == kinds[i])
            return true;
    }
    return false;
}

void
aks_files_names_init(struct aks_files *ret_files)
{
    ret_files->stat = names_stat;
    ret_files->resolve = names_resolve;
    ret_files->rename = names_rename;
    ret_files->unlink = names_unlink;
    ret_files->make_folder = names_make_folder;
    ret_files->remove_folder = names_remove_folder;
    ret_files->sync_folder = names_sync_folder;
    ret_files->list = names_list;
    ret_files->free_bytes = names_free_bytes;
    ret_files->may_clone = names_may_clone;
}
