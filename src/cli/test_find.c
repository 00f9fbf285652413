#include "cli/test_find.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One folder that was named, while it is walked through. */
struct walk {
    struct aks_test_find *find;
    const char *folder;             /* absolute; with links resolved */
    const char *shown;              /* of the folder that is being listed */
    unsigned depth;
};

void
aks_test_find_init(struct aks_test_find *find, const struct aks_alloc *alloc,
    const struct aks_files *files, const char *here)
{
    memset(find, 0, sizeof(*find));
    find->alloc = alloc;
    find->files = files;
    find->here = here;
}

void
aks_test_find_fini(struct aks_test_find *find)
{
    for (size_t i = 0; i < find->count; i++)
        aks_mem_free(find->alloc, find->paths[i]);
    aks_mem_free(find->alloc, find->paths);
    memset(find, 0, sizeof(*find));
}

char *
aks_test_find_absolute(const struct aks_test_find *find, const char *path)
{
    if (path[0] == '/')
        return aks_mem_strdup(find->alloc, path);
    return aks_mem_printf(find->alloc, "%s/%s", strcmp(find->here, "/") == 0 ? "" : find->here,
        path);
}

static enum aks_status
add_file(struct aks_test_find *find, const char *shown, struct aks_error *err)
{
    char *copy;

    if (find->count == AKS_TEST_FIND_FILES_MAX)
        return aks_error_set(err, AKS_LIMIT, "more than %d files of tests",
            AKS_TEST_FIND_FILES_MAX);
    if (find->count == find->capacity) {
        size_t capacity = find->capacity > 0 ? 2 * find->capacity : 16;
        char **paths = aks_mem_resize(find->alloc, find->paths, capacity * sizeof(*paths));

        if (paths == NULL)
            return aks_error_memory(err, "looking for tests");
        find->paths = paths;
        find->capacity = capacity;
    }
    copy = aks_mem_strdup(find->alloc, shown);
    if (copy == NULL)
        return aks_error_memory(err, "looking for tests");
    find->paths[find->count++] = copy;
    return AKS_OK;
}

static bool
is_test(const char *name)
{
    size_t len = strlen(name);
    size_t suffix = strlen(AKS_TEST_FIND_SUFFIX);

    return len > suffix && strcmp(name + len - suffix, AKS_TEST_FIND_SUFFIX) == 0;
}

/* Does the link at ${path} lead to a file that lies in the folder that is walked through? */
static bool
stays_inside(const struct walk *walk, const char *path)
{
    const struct aks_files *files = walk->find->files;
    size_t len = strlen(walk->folder);
    struct aks_file_info info;
    char *real = NULL;
    bool inside;

    if (files->stat(files->ctx, path, true, &info, NULL) != AKS_OK ||
        info.type != AKS_FILE_REGULAR)
        return false;
    if (files->resolve(files->ctx, path, walk->find->alloc, &real, NULL) != AKS_OK)
        return false;
    inside = strncmp(real, walk->folder, len) == 0 && (real[len] == '/' || len == 1);
    aks_mem_free(walk->find->alloc, real);
    return inside;
}

static enum aks_status each_name(void *ctx, const char *name, struct aks_error *err);

static enum aks_status
walk_folder(struct walk *walk, const char *shown, struct aks_error *err)
{
    const struct aks_files *files = walk->find->files;
    const char *outer = walk->shown;
    enum aks_status status;
    char *path;

    if (walk->depth == AKS_TEST_FIND_DEPTH_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: more than %d folders within each other", shown,
            AKS_TEST_FIND_DEPTH_MAX);
    path = aks_test_find_absolute(walk->find, shown);
    if (path == NULL)
        return aks_error_memory(err, "looking for tests");
    walk->depth++;
    walk->shown = shown;
    status = files->list(files->ctx, path, each_name, walk, err);
    walk->shown = outer;
    walk->depth--;
    aks_mem_free(walk->find->alloc, path);
    return status;
}

static enum aks_status
each_name(void *ctx, const char *name, struct aks_error *err)
{
    struct walk *walk = ctx;
    const struct aks_files *files = walk->find->files;
    struct aks_file_info info;
    enum aks_status status = AKS_OK;
    size_t len = strlen(walk->shown);
    char *shown;
    char *path = NULL;

    if (name[0] == '.')
        return AKS_OK;
    shown = aks_mem_printf(walk->find->alloc, "%s%s%s", walk->shown,
        walk->shown[len - 1] == '/' ? "" : "/", name);
    if (shown != NULL)
        path = aks_test_find_absolute(walk->find, shown);
    if (path == NULL)
        status = aks_error_memory(err, "looking for tests");
    else
        status = files->stat(files->ctx, path, false, &info, err);
    if (status == AKS_OK && info.type == AKS_FILE_FOLDER)
        status = walk_folder(walk, shown, err);
    else if (status == AKS_OK && is_test(name) && (info.type == AKS_FILE_REGULAR ||
            (info.type == AKS_FILE_LINK && stays_inside(walk, path))))
        status = add_file(walk->find, shown, err);
    aks_mem_free(walk->find->alloc, path);
    aks_mem_free(walk->find->alloc, shown);
    return status;
}

static enum aks_status
add_folder(struct aks_test_find *find, const char *path, const char *shown, struct aks_error *err)
{
    struct walk walk = { find, NULL, NULL, 0 };
    size_t before = find->count;
    enum aks_status status;
    char *folder = NULL;

    status = find->files->resolve(find->files->ctx, path, find->alloc, &folder, err);
    if (status != AKS_OK)
        return status;
    walk.folder = folder;
    status = walk_folder(&walk, shown, err);
    aks_mem_free(find->alloc, folder);
    if (status == AKS_OK && find->count == before) {
        status = aks_error_set(err, AKS_SETTINGS, "no tests: no *%s in %s", AKS_TEST_FIND_SUFFIX,
            shown);
        aks_error_hint(err, "akosha-sync test --new POLICY writes a first one");
    }
    return status;
}

static enum aks_status
add_path(struct aks_test_find *find, const char *shown, struct aks_error *err)
{
    struct aks_file_info info;
    enum aks_status status;
    char *path = aks_test_find_absolute(find, shown);

    if (path == NULL)
        return aks_error_memory(err, "looking for tests");
    status = find->files->stat(find->files->ctx, path, true, &info, err);
    if (status == AKS_NOT_FOUND) {
        status = aks_error_set(err, AKS_SETTINGS, "no tests: there is no %s", shown);
        aks_error_hint(err, "akosha-sync test --new POLICY writes a first one");
    } else if (status == AKS_OK && info.type == AKS_FILE_FOLDER) {
        status = add_folder(find, path, shown, err);
    } else if (status == AKS_OK && info.type == AKS_FILE_REGULAR) {
        status = add_file(find, shown, err);
    } else if (status == AKS_OK) {
        status = aks_error_set(err, AKS_SETTINGS, "%s: neither a file nor a folder", shown);
    }
    aks_mem_free(find->alloc, path);
    return status;
}

static int
by_bytes(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

enum aks_status
aks_test_find_add(struct aks_test_find *find, const char *const *paths, size_t count,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    size_t kept = 0;

    for (size_t i = 0; status == AKS_OK && i < count; i++) {
        const char *path = paths[i];

        while (strncmp(path, "./", 2) == 0 && path[2] != '\0' && path[2] != '/')
            path += 2;
        status = path[0] != '\0' ? add_path(find, path, err)
            : aks_error_set(err, AKS_SETTINGS, "no tests: an empty path");
    }
    if (find->count > 1)
        qsort(find->paths, find->count, sizeof(*find->paths), by_bytes);
    for (size_t i = 0; i < find->count; i++) {
        if (kept > 0 && strcmp(find->paths[kept - 1], find->paths[i]) == 0)
            aks_mem_free(find->alloc, find->paths[i]);
        else
            find->paths[kept++] = find->paths[i];
    }
    find->count = kept;
    return status;
}
