#include "support/temp_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PREFIX "akosha-test-"
/* Deeper than any test builds; a bound so that removal ends whatever it meets. */
#define DEPTH_MAX 64

struct joined {
    struct joined *next;
    char path[];
};

struct temp_folder {
    char path[PATH_MAX];
    struct joined *joined;      /* paths handed out, freed with the folder */
};

struct temp_folder *
temp_folder_new(void)
{
    struct temp_folder *folder = calloc(1, sizeof(*folder));
    const char *base = getenv("TMPDIR");
    char pattern[PATH_MAX];
    int len;

    assert_non_null(folder);
    if (base == NULL || base[0] != '/')
        base = "/tmp";
    len = snprintf(pattern, sizeof(pattern), "%s/" PREFIX "XXXXXX", base);
    assert_true(len > 0 && (size_t)len < sizeof(pattern));
    if (mkdtemp(pattern) == NULL)
        fail_msg("cannot make %s: %s", pattern, strerror(errno));
    assert_non_null(realpath(pattern, folder->path));
    return folder;
}

/* Removes what is in the folder ${fd}, which it closes. Names are taken relative to open folders,
 * so that nothing that is swapped under way leads outside. */
static bool
remove_entries(int fd, dev_t device, unsigned depth)
{
    DIR *dir = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool fine = true;

    if (dir == NULL) {
        (void)close(fd);
        return false;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat info;
        int inner;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            fine = false;
            continue;
        }
        if (!S_ISDIR(info.st_mode)) {
            fine = unlinkat(dirfd(dir), entry->d_name, 0) == 0 && fine;
            continue;
        }
        if (info.st_dev != device) {
            fine = false;
            continue;
        }
        /* A test may have taken its own rights away. */
        fine = fchmodat(dirfd(dir), entry->d_name, 0700, 0) == 0 && fine;
        inner = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        fine = inner >= 0 && remove_entries(inner, device, depth + 1) && fine;
        fine = unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) == 0 && fine;
    }
    (void)closedir(dir);
    return fine;
}

void
temp_folder_free(struct temp_folder *folder)
{
    struct stat info;
    bool fine;
    int fd;

    if (folder == NULL)
        return;
    assert_non_null(strstr(folder->path, "/" PREFIX));
    (void)chmod(folder->path, 0700);
    fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    fine = fd >= 0 && fstat(fd, &info) == 0 && remove_entries(fd, info.st_dev, 0);
    fine = rmdir(folder->path) == 0 && fine;
    if (!fine)
        fail_msg("cannot remove %s", folder->path);
    while (folder->joined != NULL) {
        struct joined *joined = folder->joined;

        folder->joined = joined->next;
        free(joined);
    }
    free(folder);
}

const char *
temp_folder_path(const struct temp_folder *folder)
{
    return folder->path;
}

const char *
temp_folder_join(struct temp_folder *folder, const char *name)
{
    size_t bytes = strlen(folder->path) + 1 + strlen(name) + 1;
    struct joined *joined = malloc(sizeof(*joined) + bytes);

    assert_non_null(joined);
    (void)snprintf(joined->path, bytes, "%s/%s", folder->path, name);
    joined->next = folder->joined;
    folder->joined = joined;
    return joined->path;
}

const char *
temp_folder_write(struct temp_folder *folder, const char *name, const void *data, size_t len)
{
    const char *path = temp_folder_join(folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t done = 0;

    if (fd < 0)
        fail_msg("cannot create %s: %s", path, strerror(errno));
    while (done < len) {
        ssize_t n = write(fd, (const char *)data + done, len - done);

        if (n < 0)
            fail_msg("cannot write %s: %s", path, strerror(errno));
        done += (size_t)n;
    }
    assert_int_equal(close(fd), 0);
    return path;
}

char *
temp_folder_read(struct temp_folder *folder, const char *name, size_t *ret_len)
{
    const char *path = temp_folder_join(folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    size_t done = 0;
    char *data;

    if (fd < 0)
        fail_msg("cannot open %s: %s", path, strerror(errno));
    assert_int_equal(fstat(fd, &info), 0);
    data = malloc((size_t)info.st_size + 1);
    assert_non_null(data);
    while (done < (size_t)info.st_size) {
        ssize_t n = read(fd, data + done, (size_t)info.st_size - done);

        if (n < 0)
            fail_msg("cannot read %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        done += (size_t)n;
    }
    assert_int_equal(close(fd), 0);
    data[done] = '\0';
    if (ret_len != NULL)
        *ret_len = done;
    return data;
}
