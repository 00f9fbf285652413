#include "os/beside.h"

#include "base/buf.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "/proc/self/exe"

struct search {
    const char *verb;
    const char *file;
    char folder[PATH_MAX];              /* of what is running, ending in a slash */
    uid_t owner;                        /* of what is running */
};

/* Where the program lies; *ret_name is what its owner is asked of. */
static bool
find_program(char ret_path[PATH_MAX], const char **ret_name)
{
    ssize_t len = readlink(PROGRAM, ret_path, PATH_MAX - 1);

    *ret_name = PROGRAM;
    ret_path[len < 0 ? 0 : len] = '\0';
    return len >= 0;
}

/* Where the object lies that this very function is in. */
static bool
find_library(char ret_path[PATH_MAX], const char **ret_name)
{
    static const char inside;
    Dl_info info;

    *ret_name = ret_path;
    ret_path[0] = '\0';
    return dladdr(&inside, &info) != 0 && info.dli_fname != NULL
        && realpath(info.dli_fname, ret_path) != NULL;
}

static enum aks_status
find_folder(struct search *search, enum aks_beside beside, struct aks_error *err)
{
    const char *what = beside == AKS_BESIDE_PROGRAM ? PROGRAM : "the library's own path", *name;
    struct stat info;
    char *slash;

    if (!(beside == AKS_BESIDE_PROGRAM ? find_program : find_library)(search->folder, &name)
        || stat(name, &info) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot %s %s: cannot read %s: %s", search->verb,
            search->file, what, strerror(errno));
    slash = strrchr(search->folder, '/');
    if (slash == NULL)
        return aks_error_set(err, AKS_SETTINGS, "cannot %s %s: %s is \"%s\"", search->verb,
            search->file, what, search->folder);
    slash[1] = '\0';
    search->owner = info.st_uid;
    return AKS_OK;
}

/* "../" leads into folders that may be anybody's when the program stands in a shared place, so a
 * file counts only if it belongs to whom we trust already, and to them alone. */
static enum aks_status
check_owner(const struct search *search, const char *path, const struct stat *info,
    struct aks_error *err)
{
    if (!S_ISREG(info->st_mode))
        return aks_error_set(err, AKS_SETTINGS, "cannot %s %s: it is not a file", search->verb,
            path);
    if (info->st_uid != 0 && info->st_uid != search->owner && info->st_uid != geteuid())
        return aks_error_set(err, AKS_SETTINGS, "cannot %s %s: it belongs to somebody else "
            "(user %u)", search->verb, path, (unsigned)info->st_uid);
    if ((info->st_mode & S_IWOTH) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot %s %s: anybody may write to it",
            search->verb, path);
    return AKS_OK;
}

enum aks_status
aks_beside_find(const struct aks_alloc *alloc, enum aks_beside beside, const char *verb,
    const char *file, const char *const *places, size_t count, char ret_path[PATH_MAX],
    struct aks_error *err)
{
    struct search search = { .verb = verb, .file = file };
    struct aks_buf looked;
    enum aks_status status = find_folder(&search, beside, err);

    if (status != AKS_OK)
        return status;
    aks_buf_init(&looked, alloc, count * PATH_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        struct stat info;
        int len = snprintf(ret_path, PATH_MAX, "%s%s%s", search.folder, places[i], file);

        if (len < 0 || len >= PATH_MAX)
            continue;
        if (stat(ret_path, &info) == 0) {
            aks_buf_fini(&looked);
            return check_owner(&search, ret_path, &info, err);
        }
        aks_buf_printf(&looked, "%s%s", looked.len > 0 ? ", " : "", ret_path);
    }
    status = aks_error_set(err, AKS_SETTINGS, "cannot %s %s: it is not there (looked for %s)", verb,
        file, looked.data != NULL ? looked.data : "nothing");
    aks_buf_fini(&looked);
    return status;
}
