/* What the port does with paths. */
#include "sim/files_sim_internal.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One step on ${path}, named ${name}, that messages call ${verb}. */
static enum aks_status
ask(struct aks_files_sim *files, const char *name, const char *verb, const char *path,
    const char *from, bool changes, int64_t *ret_took, struct aks_error *err)
{
    const struct aks_sim_step step = { .place = AKS_SIM_DISK, .verb = name, .subject = path,
        .changes = changes };

    return aks_files_sim_ask(files, &step, verb, from, ret_took, err);
}

/* Finds what must be there. */
static int
find(const struct aks_files_sim *files, const char *path, bool follow,
    struct aks_sim_spot *ret_spot)
{
    int number = aks_files_sim_tree_walk(files, path, follow, ret_spot);

    return number == 0 && ret_spot->node == NULL ? ENOENT : number;
}

static int
find_folder(const struct aks_files_sim *files, const char *path, struct aks_sim_node **ret_folder)
{
    struct aks_sim_spot place;
    int number = find(files, path, true, &place);

    if (number == 0 && place.node->type != AKS_FILE_FOLDER)
        return ENOTDIR;
    *ret_folder = place.node;
    return number;
}

static enum aks_status
port_stat(void *ctx, const char *path, bool follow_links, struct aks_file_info *ret_info,
    struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    struct aks_sim_spot place;
    int64_t took;
    enum aks_status status = ask(files, "stat", "stat", path, NULL, false, &took, err);
    int number;

    if (status != AKS_OK)
        return status;
    number = find(files, path, follow_links, &place);
    if (number != 0)
        return aks_files_sim_fail(err, number, "stat", path, NULL);
    aks_files_sim_tree_info(place.node, ret_info);
    return AKS_OK;
}

/* Writes the path of ${place} from its end on; NULL: it is too long. */
static char *
spell(const struct aks_files_sim *files, const struct aks_sim_spot *place,
    char text[AKS_PATH_BYTES])
{
    const struct aks_sim_name *name = place->node->type == AKS_FILE_FOLDER ? place->node->place
        : place->name;
    char *at = text + AKS_PATH_BYTES - 1;

    *at = '\0';
    for (; name != NULL; name = name->folder->place) {
        if (name->len + 1 > (size_t)(at - text))
            return NULL;
        at -= name->len;
        memcpy(at, name->text, name->len);
        *--at = '/';
    }
    if (*at == '\0')
        *--at = '/';
    return at;
}

static enum aks_status
port_resolve(void *ctx, const char *path, const struct aks_alloc *alloc, char **ret_path,
    struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    struct aks_sim_spot place;
    char text[AKS_PATH_BYTES];
    const char *spelt = NULL;
    int64_t took;
    enum aks_status status = ask(files, "resolve", "resolve", path, NULL, false, &took, err);
    int number;

    if (status != AKS_OK)
        return status;
    number = find(files, path, true, &place);
    if (number == 0 && (spelt = spell(files, &place, text)) == NULL)
        number = ENAMETOOLONG;
    if (number != 0)
        return aks_files_sim_fail(err, number, "resolve", path, NULL);
    *ret_path = aks_mem_strdup(alloc, spelt);
    return *ret_path != NULL ? AKS_OK : aks_error_memory(err, "resolving a path");
}

/* Is ${folder} ${top}, or below it? */
static bool
below(const struct aks_files_sim *files, const struct aks_sim_node *folder,
    const struct aks_sim_node *top)
{
    while (folder != top && folder != files->root)
        folder = aks_files_sim_tree_parent(files, folder);
    return folder == top;
}

/* In the order in which Linux finds out. */
static int
judge_rename(const struct aks_files_sim *files, const struct aks_sim_spot *from,
    const struct aks_sim_spot *to)
{
    bool folder;

    if (from->folder == NULL || to->folder == NULL)
        return EBUSY;
    if (from->folder->read_only || to->folder->read_only)
        return EROFS;
    if (from->node == NULL)
        return ENOENT;
    folder = from->node->type == AKS_FILE_FOLDER;
    if (!folder && (from->slash || to->slash))
        return ENOTDIR;
    if (folder && below(files, to->folder, from->node))
        return EINVAL;
    if (to->node == NULL || to->node == from->node)
        return 0;
    if (to->node->type == AKS_FILE_FOLDER && below(files, from->folder, to->node))
        return ENOTEMPTY;
    if (folder && to->node->type != AKS_FILE_FOLDER)
        return ENOTDIR;
    if (!folder && to->node->type == AKS_FILE_FOLDER)
        return EISDIR;
    return to->node->entry_count > 0 ? ENOTEMPTY : 0;
}

/* One change within a folder; two halves of one between two folders. */
static int
move(struct aks_files_sim *files, const struct aks_sim_spot *from, const struct aks_sim_spot *to)
{
    bool halves = from->folder != to->folder;
    struct aks_sim_name *name = aks_files_sim_tree_name(files, to->text, to->len, from->node);
    struct aks_sim_change *change = aks_mem_new(files->alloc, sizeof(*change));
    struct aks_sim_change *other = halves ? aks_mem_new(files->alloc, sizeof(*other)) : NULL;
    uint64_t order;

    if (name == NULL || change == NULL || (halves && other == NULL)) {
        aks_files_sim_tree_name_free(files, name);
        aks_mem_free(files->alloc, change);
        aks_mem_free(files->alloc, other);
        return ENOMEM;
    }
    change->half = halves;
    from->node->ctime_ns = aks_files_sim_now_ns(files);
    if (!halves) {
        (void)aks_files_sim_undo_change(files, to->folder, change, 0, name, from->name, to->name);
        return 0;
    }
    other->half = true;
    order = aks_files_sim_undo_change(files, from->folder, other, 0, NULL, from->name, NULL);
    (void)aks_files_sim_undo_change(files, to->folder, change, order, name, to->name, NULL);
    return 0;
}

static enum aks_status
port_rename(void *ctx, const char *from, const char *to, struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    struct aks_sim_spot from_place;
    struct aks_sim_spot to_place;
    int64_t took;
    enum aks_status status = ask(files, "rename", "rename", to, from, true, &took, err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    number = aks_files_sim_tree_walk(files, from, false, &from_place);
    if (number == 0)
        number = aks_files_sim_tree_walk(files, to, false, &to_place);
    if (number == 0)
        number = judge_rename(files, &from_place, &to_place);
    if (number == 0 && from_place.node != to_place.node)
        number = move(files, &from_place, &to_place);
    if (status != AKS_OK || number == 0)
        return status;
    return aks_files_sim_fail(err, number, "rename", from, to);
}

static int
take_out(struct aks_files_sim *files, const char *path, bool is_folder)
{
    struct aks_sim_spot place;
    struct aks_sim_change *change;
    int number = find(files, path, false, &place);

    if (number != 0)
        return number;
    if (is_folder && place.node->type != AKS_FILE_FOLDER)
        return ENOTDIR;
    if (!is_folder && place.node->type == AKS_FILE_FOLDER)
        return EISDIR;
    if (is_folder && place.folder == NULL)
        return EBUSY;
    if (is_folder && place.node->entry_count > 0)
        return EEXIST;
    if (place.folder->read_only)
        return EROFS;
    change = aks_mem_new(files->alloc, sizeof(*change));
    if (change == NULL)
        return ENOMEM;
    place.node->ctime_ns = aks_files_sim_now_ns(files);
    (void)aks_files_sim_undo_change(files, place.folder, change, 0, NULL, place.name, NULL);
    return 0;
}

static enum aks_status
port_unlink(void *ctx, const char *path, struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    int64_t took;
    enum aks_status status = ask(files, "unlink", "remove", path, NULL, true, &took, err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    number = take_out(files, path, false);
    if (status != AKS_OK || number == 0)
        return status;
    return aks_files_sim_fail(err, number, "remove", path, NULL);
}

static enum aks_status
port_remove_folder(void *ctx, const char *path, struct aks_error *err)
{
    static const char verb[] = "remove the folder";
    struct aks_files_sim *files = ctx;
    int64_t took;
    enum aks_status status = ask(files, "remove_folder", verb, path, NULL, true, &took, err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    number = take_out(files, path, true);
    if (status != AKS_OK || number == 0)
        return status;
    return aks_files_sim_fail(err, number, verb, path, NULL);
}

static int
make(struct aks_files_sim *files, const char *path)
{
    struct aks_sim_spot place;
    struct aks_sim_node *node;
    struct aks_sim_name *name;
    struct aks_sim_change *change;
    int number = aks_files_sim_tree_walk(files, path, false, &place);

    if (number != 0)
        return number;
    if (place.node != NULL)
        return EEXIST;
    if (place.folder->read_only)
        return EROFS;
    node = aks_files_sim_tree_node(files, AKS_FILE_FOLDER);
    if (node == NULL)
        return ENOMEM;
    name = aks_files_sim_tree_name(files, place.text, place.len, node);
    change = aks_mem_new(files->alloc, sizeof(*change));
    aks_files_sim_tree_unref(files, node);      /* the name's alone now, if there is one */
    if (name == NULL || change == NULL) {
        aks_files_sim_tree_name_free(files, name);
        aks_mem_free(files->alloc, change);
        return ENOMEM;
    }
    (void)aks_files_sim_undo_change(files, place.folder, change, 0, name, NULL, NULL);
    return 0;
}

static enum aks_status
port_make_folder(void *ctx, const char *path, struct aks_error *err)
{
    static const char verb[] = "make the folder";
    struct aks_files_sim *files = ctx;
    int64_t took;
    enum aks_status status = ask(files, "make_folder", verb, path, NULL, true, &took, err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    number = make(files, path);
    if (status != AKS_OK || number == 0)
        return status;
    return aks_files_sim_fail(err, number, verb, path, NULL);
}

static enum aks_status
port_sync_folder(void *ctx, const char *path, struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    struct aks_sim_node *folder = NULL;
    int64_t took;
    enum aks_status status = ask(files, "sync_folder", "sync the folder", path, NULL, true, &took,
        err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    number = find_folder(files, path, &folder);
    if (number == 0)
        aks_files_sim_undo_sync(files, folder);
    if (status != AKS_OK || number == 0)
        return status;
    return aks_files_sim_fail(err, number, "open the folder", path, NULL);
}

static void
gather(void *ctx, struct aks_sim_name *name)
{
    struct aks_buf *names = ctx;

    aks_buf_append(names, name->text, name->len + 1);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* From a copy, since whoever is called may change the folder. The tree's order is not quite that
 * of plain bytes. */
static enum aks_status
call_sorted(struct aks_files_sim *files, const struct aks_sim_node *folder,
    enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
    void *each_ctx, struct aks_error *err)
{
    size_t count = folder->entry_count;
    const char **sorted = aks_mem_array(files->alloc, count, sizeof(*sorted));
    struct aks_buf names;
    enum aks_status status;
    const char *at;

    if (sorted == NULL)
        return aks_error_memory(err, "listing a folder");
    aks_buf_init(&names, files->alloc,
        (size_t)AKS_FILES_LIST_MAX * (AKS_FILES_SIM_NAME_BYTES + 1));
    aks_files_sim_tree_entries(folder, gather, &names);
    status = aks_buf_status(&names, "cannot list a folder", err);
    at = names.data;
    for (size_t i = 0; i < count && status == AKS_OK; i++) {
        sorted[i] = at;
        at += strlen(at) + 1;
    }
    if (status == AKS_OK)
        qsort(sorted, count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = each(each_ctx, sorted[i], err);
    aks_buf_fini(&names);
    aks_mem_free(files->alloc, sorted);
    return status;
}

static enum aks_status
port_list(void *ctx, const char *path,
    enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
    void *each_ctx, struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    struct aks_sim_node *folder = NULL;
    int64_t took;
    enum aks_status status = ask(files, "list", "list", path, NULL, false, &took, err);
    int number;

    if (status != AKS_OK)
        return status;
    number = find_folder(files, path, &folder);
    if (number != 0)
        return aks_files_sim_fail(err, number, "list", path, NULL);
    if (folder->entry_count > AKS_FILES_LIST_MAX)
        return aks_error_set(err, AKS_LIMIT, "cannot list %s: it has more than %d entries", path,
            AKS_FILES_LIST_MAX);
    return call_sorted(files, folder, each, each_ctx, err);
}

static enum aks_status
port_free_bytes(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    static const char verb[] = "ask for the free space of";
    struct aks_files_sim *files = ctx;
    struct aks_sim_spot place;
    int64_t took;
    enum aks_status status = ask(files, "free_bytes", verb, path, NULL, false, &took, err);
    int number;

    if (status != AKS_OK)
        return status;
    number = find(files, path, true, &place);
    if (number != 0)
        return aks_files_sim_fail(err, number, verb, path, NULL);
    *ret_bytes = aks_files_sim_room(files);
    return AKS_OK;
}

static bool
port_may_clone(void *ctx, const char *path)
{
    const struct aks_files_sim *files = ctx;

    return files->clones;
}

void
aks_files_sim_path_init(struct aks_files *ret_port)
{
    ret_port->stat = port_stat;
    ret_port->resolve = port_resolve;
    ret_port->rename = port_rename;
    ret_port->unlink = port_unlink;
    ret_port->make_folder = port_make_folder;
    ret_port->remove_folder = port_remove_folder;
    ret_port->sync_folder = port_sync_folder;
    ret_port->list = port_list;
    ret_port->free_bytes = port_free_bytes;
    ret_port->may_clone = port_may_clone;
    ret_port->uid = AKS_FILES_SIM_UID;
}
