#include "engine/source_glob.h"

#include "engine/glob.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_FIRST 16

struct search {
    const struct aks_port *port;
    const char *pattern;
    size_t max;
    size_t *names_left;
    char **paths;
    size_t count;
    size_t room;
    bool full;              /* there are more than max: the rest is not looked for */
};

/* One component of the pattern with wildcards, in one folder. */
struct level {
    struct search *search;
    const char *folder;     /* "" is the root */
    const char *component;
    size_t len;
    const char *rest;       /* behind the component's '/', or NULL: it is the last */
};

/* DuckDB's and SQLite's own, which come and go with the database that they belong to. */
static bool
belongs_to_database(const char *name)
{
    static const char *const endings[] = { ".wal", ".wal.checkpoint", ".wal.recovery", ".tmp",
        "-wal", "-shm", "-journal" };
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);

        if (len >= ending && memcmp(name + len - ending, endings[i], ending) == 0)
            return true;
    }
    return false;
}

static enum aks_status
keep(struct search *search, const char *path, struct aks_error *err)
{
    const struct aks_alloc *alloc = search->port->alloc;
    char **paths = search->paths;

    if (search->count > search->max) {
        search->full = true;
        return AKS_OK;
    }
    if (search->count == search->room) {
        search->room = search->room > 0 ? 2 * search->room : PATHS_FIRST;
        paths = aks_mem_resize(alloc, paths, search->room * sizeof(*paths));
        if (paths == NULL)
            return aks_error_memory(err, "looking for sources");
        search->paths = paths;
    }
    paths[search->count] = aks_mem_strdup(alloc, path);
    if (paths[search->count] == NULL)
        return aks_error_memory(err, "looking for sources");
    search->count++;
    return AKS_OK;
}

/* What is at ${path}; of what cannot be told the source itself will tell why. */
static enum aks_file_type
type_of(const struct search *search, const char *path, enum aks_file_type unknown)
{
    const struct aks_files *files = &search->port->files;
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, path, true, &info, NULL);

    if (status == AKS_NOT_FOUND)
        return AKS_FILE_OTHER;
    return status == AKS_OK ? info.type : unknown;
}

static enum aks_status descend(struct search *search, const char *folder, const char *pattern,
    struct aks_error *err);

static enum aks_status
take_name(void *ctx, const char *name, struct aks_error *err)
{
    const struct level *level = ctx;
    struct search *search = level->search;
    char path[AKS_PATH_BYTES];
    int written;

    if (search->full)
        return AKS_OK;
    if (*search->names_left == 0)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: more than %d names would have "
            "to be looked at", search->pattern, AKS_SOURCE_GLOB_NAMES_MAX);
    (*search->names_left)--;
    if (belongs_to_database(name) || !aks_glob_match(level->component, level->len, name))
        return AKS_OK;
    written = snprintf(path, sizeof(path), "%s/%s", level->folder, name);
    if (written < 0 || (size_t)written >= sizeof(path))
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: there is a path of over %d "
            "bytes", search->pattern, AKS_PATH_BYTES - 1);
    if (level->rest != NULL)
        return type_of(search, path, AKS_FILE_OTHER) == AKS_FILE_FOLDER
            ? descend(search, path, level->rest, err) : AKS_OK;
    return type_of(search, path, AKS_FILE_REGULAR) == AKS_FILE_REGULAR ? keep(search, path, err)
        : AKS_OK;
}

static enum aks_status
list(struct level *level, struct aks_error *err)
{
    const struct aks_files *files = &level->search->port->files;
    const char *folder = level->folder[0] != '\0' ? level->folder : "/";
    char why[AKS_ERROR_MESSAGE_BYTES];
    enum aks_status status = files->list(files->ctx, folder, take_name, level, err);

    if (status == AKS_OK || status == AKS_NOT_FOUND)
        return AKS_OK;
    /* What a folder inside said is said; without memory nothing is wrong with the folder. */
    if (status == AKS_SOURCE_UNREADABLE || strncmp(err->message, "out of memory", 13) == 0)
        return status;
    (void)snprintf(why, sizeof(why), "%s", err->message);
    return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: %s", level->search->pattern, why);
}

/* Everything below ${folder} that ${pattern} stands for. The recursion is as deep as there are
 * components with wildcards: at most AKS_GLOB_WILD_MAX. */
static enum aks_status
descend(struct search *search, const char *folder, const char *pattern, struct aks_error *err)
{
    char path[AKS_PATH_BYTES];
    size_t len = strlen(folder);

    memcpy(path, folder, len + 1);
    for (;;) {
        size_t part = strcspn(pattern, "/");
        struct level level = { search, path, pattern, part,
            pattern[part] == '/' ? pattern + part + 1 : NULL };

        if (aks_glob_wild(pattern, part))
            return list(&level, err);
        if (part > 0) {
            if (len + part + 2 > sizeof(path))
                return AKS_OK;      /* nothing can be there */
            path[len++] = '/';
            memcpy(path + len, pattern, part);
            len += part;
            path[len] = '\0';
        }
        if (level.rest == NULL)
            return type_of(search, path, AKS_FILE_REGULAR) == AKS_FILE_REGULAR
                ? keep(search, path, err) : AKS_OK;
        pattern = level.rest;
    }
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum aks_status
aks_source_glob(const struct aks_port *port, const char *pattern, size_t max, size_t *names_left,
    char ***ret_paths, size_t *ret_count, struct aks_error *err)
{
    struct search search = { port, pattern, max, names_left, NULL, 0, 0, false };
    struct aks_error own;
    enum aks_status status = descend(&search, "", pattern, err != NULL ? err : &own);

    if (search.count > 1)
        qsort(search.paths, search.count, sizeof(*search.paths), by_bytes);
    *ret_paths = search.paths;
    *ret_count = search.count;
    return status;
}

void
aks_source_glob_free(const struct aks_alloc *alloc, char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, paths[i]);
    aks_mem_free(alloc, paths);
}
