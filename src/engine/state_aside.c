/* A state database that is damaged is set aside, never deleted: what it held are beliefs and
 * history, and a new one is made in its place. */
#include "engine/state_internal.h"

#include <string.h>

/* So many damaged ones are kept; whoever has as many has other things to mend first. */
#define ASIDE_MAX 100

/* Moves ${path}${ending} to ${aside}${ending}; that there is none is no failure. */
static enum aks_status
move(const struct aks_alloc *alloc, const struct aks_files *files, const char *path,
    const char *aside, const char *ending, struct aks_error *err)
{
    char *from = aks_mem_printf(alloc, "%s%s", path, ending);
    char *to = aks_mem_printf(alloc, "%s%s", aside, ending);
    enum aks_status status = from != NULL && to != NULL
        ? files->rename(files->ctx, from, to, err) : aks_error_memory(err, "setting a state aside");

    aks_mem_free(alloc, from);
    aks_mem_free(alloc, to);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

/* The first that nothing has, not even the log of one whose renaming was cut short. */
static enum aks_status
find_name(const struct aks_alloc *alloc, const struct aks_files *files, const char *path,
    char **ret_aside, struct aks_error *err)
{
    for (int i = 1; i <= ASIDE_MAX; i++) {
        char *aside = aks_mem_printf(alloc, "%s.damaged-%d", path, i);
        char *log = aks_mem_printf(alloc, "%s.damaged-%d-wal", path, i);
        struct aks_file_info info;
        bool is_free = aside != NULL && log != NULL &&
            files->stat(files->ctx, aside, false, &info, NULL) == AKS_NOT_FOUND &&
            files->stat(files->ctx, log, false, &info, NULL) == AKS_NOT_FOUND;
        bool memory = aside != NULL && log != NULL;

        aks_mem_free(alloc, log);
        if (is_free) {
            *ret_aside = aside;
            return AKS_OK;
        }
        aks_mem_free(alloc, aside);
        if (!memory)
            return aks_error_memory(err, "setting a state aside");
    }
    return aks_error_set(err, AKS_STATE, "cannot set %s aside: %d damaged ones lie there already",
        path, ASIDE_MAX);
}

enum aks_status
aks_state_set_aside(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, const char *path, char **ret_aside, struct aks_error *err)
{
    char *aside = NULL;
    enum aks_status status = find_name(alloc, files, path, &aside, err);

    /* The database first, and for good: without its log it would be an older one, and believed. */
    if (status == AKS_OK)
        status = move(alloc, files, path, aside, "", err);
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, folder, err);
    if (status == AKS_OK)
        status = move(alloc, files, path, aside, "-wal", err);
    if (status == AKS_OK)
        status = move(alloc, files, path, aside, "-shm", err);
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, folder, err);
    if (status != AKS_OK) {
        aks_mem_free(alloc, aside);
        return status;
    }
    *ret_aside = aside;
    return AKS_OK;
}

static bool
there(const struct aks_alloc *alloc, const struct aks_files *files, const char *path,
    const char *ending)
{
    char *whole = aks_mem_printf(alloc, "%s%s", path, ending);
    struct aks_file_info info;
    bool is_there = whole == NULL ||
        files->stat(files->ctx, whole, false, &info, NULL) != AKS_NOT_FOUND;

    aks_mem_free(alloc, whole);
    return is_there;
}

/* The one that was set aside last, which the rest belongs to; NULL: there is none, or no memory. */
static char *
last_aside(const struct aks_alloc *alloc, const struct aks_files *files, const char *path)
{
    int64_t last_ns = 0;
    char *last = NULL;

    for (int i = 1; i <= ASIDE_MAX; i++) {
        char *aside = aks_mem_printf(alloc, "%s.damaged-%d", path, i);
        struct aks_file_info info;

        if (aside == NULL || files->stat(files->ctx, aside, false, &info, NULL) != AKS_OK ||
            (last != NULL && info.ctime_ns < last_ns)) {
            aks_mem_free(alloc, aside);
            continue;
        }
        aks_mem_free(alloc, last);
        last = aside;
        last_ns = info.ctime_ns;
    }
    return last;
}

/* Where the rest goes: to the database that it is of, or to a name of its own. */
static enum aks_status
name_of_rest(const struct aks_alloc *alloc, const struct aks_files *files, const char *path,
    char **ret_aside, struct aks_error *err)
{
    *ret_aside = last_aside(alloc, files, path);
    if (*ret_aside != NULL && !(there(alloc, files, path, "-wal") &&
        there(alloc, files, *ret_aside, "-wal")))
        return AKS_OK;
    aks_mem_free(alloc, *ret_aside);
    *ret_aside = NULL;
    return find_name(alloc, files, path, ret_aside, err);
}

enum aks_status
aks_state_set_rest_aside(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, const char *path, bool empty, char **ret_aside, struct aks_error *err)
{
    char *aside = NULL;
    enum aks_status status;

    if (!there(alloc, files, path, "-wal") && !there(alloc, files, path, "-shm"))
        return AKS_OK;
    if (empty)
        return aks_state_set_aside(alloc, files, folder, path, ret_aside, err);
    status = name_of_rest(alloc, files, path, &aside, err);
    if (status == AKS_OK)
        status = move(alloc, files, path, aside, "-wal", err);
    if (status == AKS_OK)
        status = move(alloc, files, path, aside, "-shm", err);
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, folder, err);
    if (status != AKS_OK) {
        aks_mem_free(alloc, aside);
        return status;
    }
    *ret_aside = aside;
    return AKS_OK;
}
