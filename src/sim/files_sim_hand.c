/* The outside world's hand: no hook, no way back. What it touches is synced on the way, with what
 * the process had not synced of it: as when another process syncs the same file. */
#include "sim/files_sim_internal.h"

#include <errno.h>
#include <string.h>

static int
find(const struct aks_files_sim *files, const char *path, bool follow,
    struct aks_sim_spot *ret_spot)
{
    int number = aks_files_sim_tree_walk(files, path, follow, ret_spot);

    return number == 0 && ret_spot->node == NULL ? ENOENT : number;
}

/* Puts ${node} where ${place} says, instead of what is there. Takes the caller's reference. */
static int
put_node(struct aks_files_sim *files, const struct aks_sim_spot *place, struct aks_sim_node *node)
{
    struct aks_sim_name *name = aks_files_sim_tree_name(files, place->text, place->len, node);

    aks_files_sim_tree_unref(files, node);
    if (name == NULL)
        return ENOMEM;
    aks_files_sim_undo_sync_above(files, place->folder);
    if (place->name != NULL) {
        aks_files_sim_tree_detach(files, place->name);
        aks_files_sim_tree_name_free(files, place->name);
    }
    aks_files_sim_tree_attach(files, place->folder, name);
    node->read_only = place->folder->read_only;
    place->folder->mtime_ns = aks_files_sim_now_ns(files);
    place->folder->ctime_ns = place->folder->mtime_ns;
    return 0;
}

static int
make_folder(struct aks_files_sim *files, const char *path)
{
    struct aks_sim_spot place;
    struct aks_sim_node *node;
    int number = aks_files_sim_tree_walk(files, path, true, &place);

    if (number != 0)
        return number;
    if (place.node != NULL) {
        if (place.node->type != AKS_FILE_FOLDER)
            return ENOTDIR;
        aks_files_sim_undo_sync_above(files, aks_files_sim_tree_parent(files, place.node));
        return 0;
    }
    node = aks_files_sim_tree_node(files, AKS_FILE_FOLDER);
    return node == NULL ? ENOMEM : put_node(files, &place, node);
}

/* Every folder on the way to the ${len} first bytes of ${path}. */
static int
make_folders(struct aks_files_sim *files, const char *path, size_t len)
{
    char part[AKS_PATH_BYTES];
    int number = 0;

    if (path[0] != '/')
        return ENOENT;
    if (len >= sizeof(part))
        return ENAMETOOLONG;
    for (size_t at = 1; at <= len && number == 0; at++) {
        if (at < len && path[at] != '/')
            continue;
        memcpy(part, path, at);
        part[at] = '\0';
        number = make_folder(files, part);
    }
    return number;
}

static size_t
folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (size_t)(slash - path) : 0;
}

static enum aks_status
end(int number, const char *verb, const char *path, struct aks_error *err)
{
    return number == 0 ? AKS_OK : aks_files_sim_fail(err, number, verb, path, NULL);
}

enum aks_status
aks_files_sim_make_folders(struct aks_files_sim *files, const char *path, struct aks_error *err)
{
    return end(make_folders(files, path, strnlen(path, AKS_PATH_BYTES)), "make the folder", path,
        err);
}

/* A new node that holds ${data}; NULL: no memory. */
static struct aks_sim_node *
node_of(struct aks_files_sim *files, enum aks_file_type type, const void *data, size_t len,
    size_t room)
{
    struct aks_sim_node *node = aks_files_sim_tree_node(files, type);

    if (node == NULL || room == 0)
        return node;
    node->data = aks_mem_resize(files->alloc, NULL, room);
    if (node->data == NULL) {
        aks_files_sim_tree_unref(files, node);
        return NULL;
    }
    memcpy(node->data, data, len);
    node->len = len;
    node->capacity = room;
    return node;
}

static int
put(struct aks_files_sim *files, const char *path, const void *data, size_t len, int64_t mtime_ns)
{
    struct aks_sim_spot place;
    struct aks_sim_node *node;
    int number = make_folders(files, path, folder_len(path));

    if (number == 0)
        number = aks_files_sim_tree_walk(files, path, true, &place);
    if (number != 0)
        return number;
    if (place.folder == NULL || place.slash ||
        (place.node != NULL && place.node->type == AKS_FILE_FOLDER))
        return EISDIR;
    if (len > (size_t)AKS_FILES_SIM_FILE_BYTES_MAX)
        return EFBIG;
    node = node_of(files, AKS_FILE_REGULAR, data, len, len);
    if (node == NULL)
        return ENOMEM;
    if (mtime_ns != 0)
        node->mtime_ns = mtime_ns;
    node->synced_mtime_ns = node->mtime_ns;
    return put_node(files, &place, node);
}

enum aks_status
aks_files_sim_put(struct aks_files_sim *files, const char *path, const void *data, size_t len,
    int64_t mtime_ns, struct aks_error *err)
{
    return end(put(files, path, data, len, mtime_ns), "put", path, err);
}

static int
link_to(struct aks_files_sim *files, const char *path, const char *target)
{
    struct aks_sim_spot place;
    struct aks_sim_node *node;
    size_t len = strnlen(target, AKS_PATH_BYTES);
    int number = make_folders(files, path, folder_len(path));

    if (number == 0)
        number = aks_files_sim_tree_walk(files, path, false, &place);
    if (number != 0)
        return number;
    if (place.node != NULL || place.slash)
        return EEXIST;
    if (len == 0 || len >= AKS_PATH_BYTES)
        return len == 0 ? ENOENT : ENAMETOOLONG;
    node = node_of(files, AKS_FILE_LINK, target, len, len + 1);
    if (node == NULL)
        return ENOMEM;
    node->data[len] = '\0';
    return put_node(files, &place, node);
}

enum aks_status
aks_files_sim_link(struct aks_files_sim *files, const char *path, const char *target,
    struct aks_error *err)
{
    return end(link_to(files, path, target), "link", path, err);
}

static int
edit(struct aks_files_sim *files, const char *path, int64_t offset, const void *data, size_t len)
{
    struct aks_sim_spot place;
    struct aks_sim_node *node;
    int number = find(files, path, true, &place);

    if (number != 0)
        return number;
    node = place.node;
    if (node->type == AKS_FILE_FOLDER)
        return EISDIR;
    if (offset < 0)
        return EINVAL;
    if (offset > AKS_FILES_SIM_FILE_BYTES_MAX ||
        len > (size_t)(AKS_FILES_SIM_FILE_BYTES_MAX - offset))
        return EFBIG;
    if (!aks_files_sim_data_grow(files, node, (size_t)offset + len))
        return ENOMEM;
    if (len > 0)
        memcpy(node->data + offset, data, len);
    node->mtime_ns = aks_files_sim_now_ns(files);
    node->ctime_ns = node->mtime_ns;
    aks_files_sim_data_sync(files, node);
    aks_files_sim_undo_sync_above(files, place.folder);
    return 0;
}

enum aks_status
aks_files_sim_edit(struct aks_files_sim *files, const char *path, int64_t offset,
    const void *data, size_t len, struct aks_error *err)
{
    return end(edit(files, path, offset, data, len), "edit", path, err);
}

static int
cut(struct aks_files_sim *files, const char *path, int64_t bytes)
{
    struct aks_sim_spot place;
    int number = find(files, path, true, &place);

    if (number != 0)
        return number;
    if (place.node->type == AKS_FILE_FOLDER)
        return EISDIR;
    if (bytes < 0)
        return EINVAL;
    number = aks_files_sim_data_truncate(files, place.node, bytes);
    if (number != 0)
        return number;
    aks_files_sim_data_sync(files, place.node);
    aks_files_sim_undo_sync_above(files, place.folder);
    return 0;
}

enum aks_status
aks_files_sim_cut(struct aks_files_sim *files, const char *path, int64_t bytes,
    struct aks_error *err)
{
    return end(cut(files, path, bytes), "cut", path, err);
}

enum aks_status
aks_files_sim_remove(struct aks_files_sim *files, const char *path, struct aks_error *err)
{
    struct aks_sim_spot place;
    int number = find(files, path, false, &place);

    if (number == 0 && place.folder == NULL)
        number = EBUSY;
    if (number != 0)
        return end(number, "remove", path, err);
    aks_files_sim_undo_sync_above(files, place.folder);
    aks_files_sim_tree_detach(files, place.name);
    aks_files_sim_tree_name_free(files, place.name);
    place.folder->mtime_ns = aks_files_sim_now_ns(files);
    place.folder->ctime_ns = place.folder->mtime_ns;
    return AKS_OK;
}

const void *
aks_files_sim_look(struct aks_files_sim *files, const char *path, size_t *ret_len)
{
    struct aks_sim_spot place;

    *ret_len = 0;
    if (find(files, path, true, &place) != 0 || place.node->type != AKS_FILE_REGULAR)
        return NULL;
    *ret_len = place.node->len;
    return place.node->data != NULL ? place.node->data : (const void *)"";
}

struct visit {
    void (*each)(void *ctx, const char *path, int64_t bytes);
    void *ctx;
    char path[AKS_PATH_BYTES];
    size_t len;
};

/* What no path can name is not told. */
static void
visit_name(void *ctx, struct aks_sim_name *name)
{
    struct visit *visit = ctx;
    size_t before = visit->len;
    bool folder = name->node->type == AKS_FILE_FOLDER;

    if (before + name->len + 2 > sizeof(visit->path))
        return;
    memcpy(visit->path + before, name->text, name->len);
    visit->len = before + name->len;
    if (folder)
        visit->path[visit->len++] = '/';
    visit->path[visit->len] = '\0';
    visit->each(visit->ctx, visit->path, folder ? 0 : (int64_t)name->node->len);
    if (folder)
        aks_files_sim_tree_entries(name->node, visit_name, visit);
    visit->len = before;
}

void
aks_files_sim_each(struct aks_files_sim *files,
    void (*each)(void *ctx, const char *path, int64_t bytes), void *ctx)
{
    struct visit visit = { .each = each, .ctx = ctx, .path = "/", .len = 1 };

    each(ctx, "/", 0);
    aks_files_sim_tree_entries(files->root, visit_name, &visit);
}

void
aks_files_sim_set_room(struct aks_files_sim *files, int64_t bytes)
{
    files->used_max = bytes >= 0 ? files->used + bytes : -1;
}

void
aks_files_sim_set_read_max(struct aks_files_sim *files, size_t bytes)
{
    files->read_max = bytes;
}

void
aks_files_sim_set_clones(struct aks_files_sim *files, bool clones)
{
    files->clones = clones;
}

enum aks_status
aks_files_sim_set_read_only(struct aks_files_sim *files, const char *path, struct aks_error *err)
{
    struct aks_sim_spot place = { .node = NULL };
    int number = path != NULL ? find(files, path, true, &place) : 0;

    if (number != 0)
        return end(number, "make read-only", path, err);
    if (place.node != NULL)
        aks_files_sim_tree_ref(place.node);
    aks_files_sim_tree_unref(files, files->read_only);
    files->read_only = place.node;
    aks_files_sim_tree_mark(files);
    return AKS_OK;
}

enum aks_status
aks_files_sim_set_locked(struct aks_files_sim *files, const char *path, bool locked,
    struct aks_error *err)
{
    struct aks_sim_spot place;
    int number = find(files, path, true, &place);

    if (number == 0)
        place.node->held = locked;
    return end(number, "lock", path, err);
}

bool
aks_files_sim_is_locked(struct aks_files_sim *files, const char *path)
{
    struct aks_sim_spot place;

    return find(files, path, true, &place) == 0 && place.node->locked != NULL;
}
