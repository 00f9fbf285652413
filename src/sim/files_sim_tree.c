/* Nodes and names. A folder's names are a treap: all in one sorted tree, whose shape comes from
 * drawn priorities, so that it is shallow whatever the order they were made in, and taking a name
 * out or putting it back needs no memory. */
#include "sim/files_sim_internal.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

#define DEVICE 0x51                     /* of every file here */

void
aks_files_sim_tree_ref(struct aks_sim_node *node)
{
    node->refs++;
}

struct aks_sim_node *
aks_files_sim_tree_node(struct aks_files_sim *files, enum aks_file_type type)
{
    struct aks_sim_node *node = aks_mem_new(files->alloc, sizeof(*node));

    if (node == NULL)
        return NULL;
    node->type = type;
    node->refs = 1;
    node->inode = ++files->inode;
    node->mtime_ns = aks_files_sim_now_ns(files);
    node->ctime_ns = node->mtime_ns;
    node->synced_mtime_ns = node->mtime_ns;
    node->synced_ctime_ns = node->mtime_ns;
    node->previous = files->last_node;
    if (files->last_node != NULL)
        files->last_node->next = node;
    else
        files->first_node = node;
    files->last_node = node;
    return node;
}

static void
unlist(struct aks_files_sim *files, struct aks_sim_node *node)
{
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        files->first_node = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    else
        files->last_node = node->previous;
}

static bool
reachable(const struct aks_sim_node *node)
{
    return node->names + node->opened > 0;
}

/* Counts names and openings, and the room of what can be reached. */
static void
count(struct aks_files_sim *files, struct aks_sim_node *node, unsigned *counter, int by)
{
    bool before = reachable(node);

    AKS_CHECK(by > 0 || *counter > 0);
    *counter += (unsigned)by;
    if (reachable(node) == before || node->type != AKS_FILE_REGULAR)
        return;
    files->used += before ? -(int64_t)node->len : (int64_t)node->len;
}

void
aks_files_sim_tree_opened(struct aks_files_sim *files, struct aks_sim_node *node, int by)
{
    count(files, node, &node->opened, by);
}

/* Takes one reference off; a node that has none left goes to ${dead}. */
static void
let_go(struct aks_files_sim *files, struct aks_sim_node *node, struct aks_sim_node **dead)
{
    AKS_CHECK(node->refs > 0);
    if (--node->refs > 0)
        return;
    unlist(files, node);
    node->next = *dead;
    *dead = node;
}

static void
bury_name(struct aks_files_sim *files, struct aks_sim_name *name, struct aks_sim_node **dead)
{
    if (name->node->place == name)
        name->node->place = NULL;
    let_go(files, name->node, dead);
    aks_mem_free(files->alloc, name);
}

/* Names of a folder that is no more, whose nodes may be in other folders by now. */
static void
bury_entries(struct aks_files_sim *files, struct aks_sim_node *folder, struct aks_sim_node **dead)
{
    while (folder->entries != NULL) {
        struct aks_sim_name *name = folder->entries;

        aks_files_sim_tree_detach(files, name);
        bury_name(files, name, dead);
    }
}

/* Without recursion: a tree may be as deep as somebody likes. */
static void
bury(struct aks_files_sim *files, struct aks_sim_node *dead)
{
    while (dead != NULL) {
        struct aks_sim_node *node = dead;

        dead = node->next;
        bury_entries(files, node, &dead);
        for (struct aks_sim_change *change = node->first_change; change != NULL;) {
            struct aks_sim_change *next = change->next;

            for (size_t i = 0; i < 2; i++) {
                if (change->removed[i] != NULL)
                    bury_name(files, change->removed[i], &dead);
            }
            aks_mem_free(files->alloc, change);
            change = next;
        }
        aks_files_sim_data_sync(files, node);
        aks_mem_free(files->alloc, node->data);
        aks_mem_free(files->alloc, node);
    }
}

void
aks_files_sim_tree_unref(struct aks_files_sim *files, struct aks_sim_node *node)
{
    struct aks_sim_node *dead = NULL;

    if (node == NULL)
        return;
    let_go(files, node, &dead);
    bury(files, dead);
}

struct aks_sim_name *
aks_files_sim_tree_name(struct aks_files_sim *files, const char *text, size_t len,
    struct aks_sim_node *node)
{
    struct aks_sim_name *name = aks_mem_new(files->alloc, sizeof(*name) + len + 1);

    if (name == NULL)
        return NULL;
    name->priority = aks_rng_next(&files->shape);
    name->node = node;
    name->len = len;
    memcpy(name->text, text, len);
    aks_files_sim_tree_ref(node);
    return name;
}

void
aks_files_sim_tree_name_free(struct aks_files_sim *files, struct aks_sim_name *name)
{
    struct aks_sim_node *dead = NULL;

    if (name == NULL)
        return;
    bury_name(files, name, &dead);
    bury(files, dead);
}

/* A folder's name counts as if it ended in '/', so that the paths of a whole tree come in byte
 * order. */
static char
end_of(const struct aks_sim_node *node)
{
    return node->type == AKS_FILE_FOLDER ? '/' : '\0';
}

static int
compare(const struct aks_sim_name *name, const char *text, size_t len, char end)
{
    size_t common = name->len < len ? name->len : len;
    int order = memcmp(name->text, text, common);

    if (order != 0)
        return order;
    if (name->len == len)
        return (unsigned char)end_of(name->node) - (unsigned char)end;
    return name->len < len ? (unsigned char)end_of(name->node) - (unsigned char)text[common]
        : (unsigned char)name->text[common] - (unsigned char)end;
}

static struct aks_sim_name *
find_ending(const struct aks_sim_node *folder, const char *text, size_t len, char end)
{
    struct aks_sim_name *name = folder->entries;
    int order;

    while (name != NULL && (order = compare(name, text, len, end)) != 0)
        name = order < 0 ? name->right : name->left;
    return name;
}

struct aks_sim_name *
aks_files_sim_tree_find(const struct aks_sim_node *folder, const char *text, size_t len)
{
    struct aks_sim_name *name = find_ending(folder, text, len, '/');

    return name != NULL ? name : find_ending(folder, text, len, '\0');
}

void
aks_files_sim_tree_attach(struct aks_files_sim *files, struct aks_sim_node *folder,
    struct aks_sim_name *name)
{
    struct aks_sim_name **at = &folder->entries;
    struct aks_sim_name **left = &name->left;
    struct aks_sim_name **right = &name->right;
    struct aks_sim_name *rest;
    char end = end_of(name->node);

    while (*at != NULL && (*at)->priority >= name->priority)
        at = compare(*at, name->text, name->len, end) < 0 ? &(*at)->right : &(*at)->left;
    /* What is below is split into what comes before the name and what comes after. */
    rest = *at;
    *at = name;
    while (rest != NULL) {
        if (compare(rest, name->text, name->len, end) < 0) {
            *left = rest;
            left = &rest->right;
            rest = rest->right;
        } else {
            *right = rest;
            right = &rest->left;
            rest = rest->left;
        }
    }
    *left = NULL;
    *right = NULL;
    folder->entry_count++;
    name->folder = folder;
    if (name->node->type == AKS_FILE_FOLDER)
        name->node->place = name;
    count(files, name->node, &name->node->names, 1);
}

void
aks_files_sim_tree_detach(struct aks_files_sim *files, struct aks_sim_name *name)
{
    struct aks_sim_node *folder = name->folder;
    struct aks_sim_name **at = &folder->entries;
    struct aks_sim_name *left = name->left;
    struct aks_sim_name *right = name->right;
    char end = end_of(name->node);

    while (*at != name) {
        AKS_CHECK(*at != NULL);
        at = compare(*at, name->text, name->len, end) < 0 ? &(*at)->right : &(*at)->left;
    }
    while (left != NULL && right != NULL) {
        if (left->priority >= right->priority) {
            *at = left;
            at = &left->right;
            left = left->right;
        } else {
            *at = right;
            at = &right->left;
            right = right->left;
        }
    }
    *at = left != NULL ? left : right;
    folder->entry_count--;
    name->folder = NULL;
    if (name->node->place == name)
        name->node->place = NULL;
    count(files, name->node, &name->node->names, -1);
}

/* As deep as the treap, which is shallow. */
static void
each_below(struct aks_sim_name *name, void (*each)(void *ctx, struct aks_sim_name *name),
    void *ctx)
{
    if (name == NULL)
        return;
    each_below(name->left, each, ctx);
    each(ctx, name);
    each_below(name->right, each, ctx);
}

void
aks_files_sim_tree_entries(const struct aks_sim_node *folder,
    void (*each)(void *ctx, struct aks_sim_name *name), void *ctx)
{
    each_below(folder->entries, each, ctx);
}

struct aks_sim_node *
aks_files_sim_tree_parent(const struct aks_files_sim *files, const struct aks_sim_node *folder)
{
    return folder->place != NULL ? folder->place->folder : files->root;
}

struct walk {
    const struct aks_files_sim *files;
    unsigned links;                     /* followed so far */
};

static int walk_from(struct walk *walk, struct aks_sim_node *start, const char *path, bool follow,
    struct aks_sim_spot *at);

/* One name further. */
static int
step(struct walk *walk, const char *text, size_t len, bool follow, struct aks_sim_spot *at)
{
    struct aks_sim_node *folder = at->node;
    bool dot = len == 1 && text[0] == '.';
    bool dots = len == 2 && text[0] == '.' && text[1] == '.';

    if (folder == NULL)
        return ENOENT;
    if (folder->type != AKS_FILE_FOLDER)
        return ENOTDIR;
    if (len > AKS_FILES_SIM_NAME_BYTES)
        return ENAMETOOLONG;
    at->text = text;
    at->len = len;
    at->name = NULL;
    at->folder = dot || dots ? NULL : folder;
    if (dot)
        return 0;
    if (dots) {
        at->node = aks_files_sim_tree_parent(walk->files, folder);
        return 0;
    }
    at->name = aks_files_sim_tree_find(folder, text, len);
    at->node = at->name != NULL ? at->name->node : NULL;
    if (at->node == NULL || at->node->type != AKS_FILE_LINK || !follow)
        return 0;
    if (++walk->links > AKS_FILES_SIM_LINKS_MAX)
        return ELOOP;
    return walk_from(walk, folder, (const char *)at->node->data, true, at);
}

static int
walk_from(struct walk *walk, struct aks_sim_node *start, const char *path, bool follow,
    struct aks_sim_spot *at)
{
    bool slash = path[0] == '/';

    memset(at, 0, sizeof(*at));
    at->node = slash ? walk->files->root : start;
    at->text = "";
    path += strspn(path, "/");
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        size_t slashes = strspn(path + len, "/");
        /* Whatever has a '/' behind it is followed. */
        int number = step(walk, path, len, follow || slashes > 0, at);

        if (number != 0)
            return number;
        slash = slashes > 0;
        path += len + slashes;
    }
    if (slash && at->node != NULL && at->node->type != AKS_FILE_FOLDER)
        return ENOTDIR;
    at->slash = at->slash || slash;
    return 0;
}

int
aks_files_sim_tree_walk(const struct aks_files_sim *files, const char *path, bool follow,
    struct aks_sim_spot *ret_spot)
{
    struct walk walk = { files, 0 };

    memset(ret_spot, 0, sizeof(*ret_spot));
    if (path[0] != '/')
        return ENOENT;
    if (strnlen(path, AKS_PATH_BYTES) >= AKS_PATH_BYTES)
        return ENAMETOOLONG;
    return walk_from(&walk, files->root, path, follow, ret_spot);
}

static void
mark_name(void *ctx, struct aks_sim_name *name)
{
    (void)ctx;
    name->node->read_only = true;
    if (name->node->type == AKS_FILE_FOLDER)
        aks_files_sim_tree_entries(name->node, mark_name, NULL);
}

void
aks_files_sim_tree_mark(struct aks_files_sim *files)
{
    for (struct aks_sim_node *node = files->first_node; node != NULL; node = node->next)
        node->read_only = false;
    if (files->read_only == NULL)
        return;
    files->read_only->read_only = true;
    if (files->read_only->type == AKS_FILE_FOLDER)
        aks_files_sim_tree_entries(files->read_only, mark_name, NULL);
}

void
aks_files_sim_tree_info(const struct aks_sim_node *node, struct aks_file_info *ret_info)
{
    memset(ret_info, 0, sizeof(*ret_info));
    ret_info->type = node->type;
    ret_info->mode = node->type == AKS_FILE_REGULAR ? 0600
        : node->type == AKS_FILE_FOLDER ? 0700 : 0777;
    ret_info->uid = AKS_FILES_SIM_UID;
    ret_info->device = DEVICE;
    ret_info->inode = node->inode;
    ret_info->bytes = node->type == AKS_FILE_FOLDER ? 4096 : (int64_t)node->len;
    ret_info->mtime_ns = node->mtime_ns;
    ret_info->ctime_ns = node->ctime_ns;
}
