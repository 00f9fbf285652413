/* What the port does with open files. */
#include "sim/files_sim_internal.h"

#include "base/units.h"

#include <errno.h>
#include <string.h>

static bool
writes(enum aks_file_open how)
{
    return how != AKS_FILE_READ && how != AKS_FILE_READ_OWN;
}

static bool
follows(enum aks_file_open how)
{
    return how == AKS_FILE_READ || how == AKS_FILE_REPLACE;
}

static const char *
verb_of(enum aks_file_open how)
{
    return how == AKS_FILE_CREATE || how == AKS_FILE_REPLACE ? "create" : "open";
}

/* Makes the file that ${place} has none of. */
static int
create(struct aks_files_sim *files, struct aks_sim_spot *place)
{
    struct aks_sim_node *node;
    struct aks_sim_name *name;
    struct aks_sim_change *change;

    if (place->slash || place->folder == NULL)
        return EISDIR;
    if (place->folder->read_only)
        return EROFS;
    node = aks_files_sim_tree_node(files, AKS_FILE_REGULAR);
    if (node == NULL)
        return ENOMEM;
    name = aks_files_sim_tree_name(files, place->text, place->len, node);
    change = aks_mem_new(files->alloc, sizeof(*change));
    aks_files_sim_tree_unref(files, node);      /* the name's alone now, if there is one */
    if (name == NULL || change == NULL) {
        aks_files_sim_tree_name_free(files, name);
        aks_mem_free(files->alloc, change);
        return ENOMEM;
    }
    (void)aks_files_sim_undo_change(files, place->folder, change, 0, name, NULL, NULL);
    place->name = name;
    place->node = node;
    return 0;
}

/* Finds or makes what is to be opened. */
static int
reach(struct aks_files_sim *files, const char *path, enum aks_file_open how,
    struct aks_sim_node **ret_node)
{
    struct aks_sim_spot place;
    int number = aks_files_sim_tree_walk(files, path, follows(how), &place);

    if (number != 0)
        return number;
    if (place.node == NULL)
        number = !writes(how) ? ENOENT : create(files, &place);
    else if (how == AKS_FILE_CREATE)
        number = EEXIST;
    else if (place.node->type == AKS_FILE_LINK)
        number = ELOOP;
    else if (writes(how) && place.node->type == AKS_FILE_FOLDER)
        number = EISDIR;
    else if (writes(how) && place.node->read_only)
        number = EROFS;
    else if (how == AKS_FILE_REPLACE && place.node->len > 0)
        number = aks_files_sim_data_truncate(files, place.node, 0);
    if (number == 0)
        *ret_node = place.node;
    return number;
}

/* Will the opening change anything on the disk? */
static bool
open_changes(const struct aks_files_sim *files, const char *path, enum aks_file_open how)
{
    struct aks_sim_spot place;

    if (!writes(how))
        return false;
    if (how == AKS_FILE_CREATE || how == AKS_FILE_REPLACE)
        return true;
    return aks_files_sim_tree_walk(files, path, false, &place) == 0 && place.node == NULL;
}

static void
enlist(struct aks_files_sim *files, struct aks_file *file)
{
    file->next = files->opened;
    if (file->next != NULL)
        file->next->previous = file;
    files->opened = file;
    files->open_count++;
    aks_files_sim_tree_ref(file->node);
    aks_files_sim_tree_opened(files, file->node, 1);
}

static enum aks_status
port_open(void *ctx, const char *path, enum aks_file_open how, struct aks_file **ret_file,
    struct aks_error *err)
{
    struct aks_files_sim *files = ctx;
    struct aks_sim_step step = { .place = AKS_SIM_DISK, .verb = "open", .subject = path,
        .changes = open_changes(files, path, how) };
    size_t path_bytes = strlen(path) + 1;
    struct aks_file *file;
    int64_t took;
    enum aks_status status = aks_files_sim_ask(files, &step, verb_of(how), NULL, &took, err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    file = aks_mem_new(files->alloc, sizeof(*file) + path_bytes);
    if (file == NULL)
        return aks_error_memory(err, "opening a file");
    number = reach(files, path, how, &file->node);
    if (status != AKS_OK || number != 0) {
        aks_mem_free(files->alloc, file);
        if (status != AKS_OK)
            return status;
        status = aks_files_sim_fail(err, number, verb_of(how), path, NULL);
        if (number == ELOOP && !follows(how))
            aks_error_hint(err, "a symbolic link is not followed here");
        return status;
    }
    file->files = files;
    file->alloc = files->alloc;
    file->how = how;
    memcpy(file->path, path, path_bytes);
    enlist(files, file);
    *ret_file = file;
    return AKS_OK;
}

void
aks_files_sim_open_orphan(struct aks_file *file)
{
    struct aks_files_sim *files = file->files;

    if (file->previous != NULL)
        file->previous->next = file->next;
    else
        files->opened = file->next;
    if (file->next != NULL)
        file->next->previous = file->previous;
    files->open_count--;
    if (file->node->locked == file)
        file->node->locked = NULL;
    aks_files_sim_tree_opened(files, file->node, -1);
    aks_files_sim_tree_unref(files, file->node);
    file->files = NULL;
    file->node = NULL;
}

static void
port_close(struct aks_file *file)
{
    if (file == NULL)
        return;
    if (file->files != NULL)
        aks_files_sim_open_orphan(file);
    aks_mem_free(file->alloc, file);
}

static enum aks_status
gone(const struct aks_file *file, const char *verb, struct aks_error *err)
{
    return aks_error_set(err, AKS_STATE, "cannot %s %s: the process is gone", verb, file->path);
}

/* One step of an open file, named ${name}, that messages call ${verb}. */
static enum aks_status
ask(struct aks_file *file, const char *name, const char *verb, int64_t bytes, bool changes,
    int64_t *ret_took, struct aks_error *err)
{
    const struct aks_sim_step step = { .place = AKS_SIM_DISK, .verb = name, .subject = file->path,
        .bytes = bytes, .changes = changes };

    *ret_took = 0;
    if (file->files == NULL)
        return gone(file, verb, err);
    return aks_files_sim_ask(file->files, &step, verb, NULL, ret_took, err);
}

static enum aks_status
end(const struct aks_file *file, const char *verb, enum aks_status told, int number,
    struct aks_error *err)
{
    if (told != AKS_OK)
        return told;        /* and ${err} says it */
    return number == 0 ? AKS_OK : aks_files_sim_fail(err, number, verb, file->path, NULL);
}

static int
copy_out(const struct aks_sim_node *node, int64_t offset, void *data, size_t len, size_t *ret_len)
{
    *ret_len = 0;
    if (offset < 0)
        return EINVAL;
    if (node->type == AKS_FILE_FOLDER)
        return EISDIR;
    if ((uint64_t)offset >= node->len)
        return 0;
    *ret_len = node->len - (size_t)offset < len ? node->len - (size_t)offset : len;
    if (*ret_len > 0)
        memcpy(data, node->data + offset, *ret_len);
    return 0;
}

static enum aks_status
port_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    int64_t took;
    enum aks_status status;
    int number;

    if (file->files != NULL && file->files->read_max > 0 && len > file->files->read_max)
        len = file->files->read_max;
    status = ask(file, "read", "read", (int64_t)len, false, &took, err);
    if (status != AKS_OK && took == 0)
        return status;
    number = copy_out(file->node, offset, data, status == AKS_OK ? len : (size_t)took, ret_len);
    return end(file, "read", status, number, err);
}

static enum aks_status
port_write(struct aks_file *file, int64_t offset, const void *data, size_t len,
    struct aks_error *err)
{
    int64_t took;
    enum aks_status status;
    int number;

    if (len == 0)
        return AKS_OK;
    status = ask(file, "write", "write", (int64_t)len, true, &took, err);
    if (status != AKS_OK && took == 0)
        return status;
    if (file->how == AKS_FILE_APPEND)
        offset = (int64_t)file->node->len;
    if (offset < 0)
        number = EINVAL;
    else if (!writes(file->how))
        number = EBADF;
    else if (file->node->read_only)
        number = EROFS;
    else
        number = aks_files_sim_data_write(file->files, file->node, offset, data,
            status == AKS_OK ? len : (size_t)took);
    return end(file, "write", status, number, err);
}

static enum aks_status
port_truncate(struct aks_file *file, int64_t bytes, struct aks_error *err)
{
    int64_t took;
    enum aks_status status = ask(file, "truncate", "truncate", 0, true, &took, err);
    int number;

    if (status != AKS_OK && took == 0)
        return status;
    if (!writes(file->how))
        number = EINVAL;
    else if (file->node->read_only)
        number = EROFS;
    else
        number = aks_files_sim_data_truncate(file->files, file->node, bytes);
    return end(file, "truncate", status, number, err);
}

static enum aks_status
port_sync(struct aks_file *file, struct aks_error *err)
{
    int64_t took;
    enum aks_status status = ask(file, "sync", "sync", 0, true, &took, err);

    if (status != AKS_OK && took == 0)
        return status;
    if (file->node->type == AKS_FILE_FOLDER)
        aks_files_sim_undo_sync(file->files, file->node);
    else
        aks_files_sim_data_sync(file->files, file->node);
    return status;
}

static enum aks_status
port_info(struct aks_file *file, struct aks_file_info *ret_info, struct aks_error *err)
{
    int64_t took;
    enum aks_status status = ask(file, "info", "stat", 0, false, &took, err);

    if (status == AKS_OK)
        aks_files_sim_tree_info(file->node, ret_info);
    return status;
}

static enum aks_status
take_lock(struct aks_file *file, struct aks_error *err)
{
    struct aks_sim_node *node = file->node;

    if (!writes(file->how))
        return aks_files_sim_fail(err, EBADF, "lock", file->path, NULL);
    if (node->held || (node->locked != NULL && node->locked != file))
        return aks_error_set(err, AKS_CONFLICT, "cannot lock %s: it is locked already", file->path);
    node->locked = file;
    return AKS_OK;
}

static enum aks_status
port_lock(struct aks_file *file, struct aks_error *err)
{
    int64_t took;
    enum aks_status status = ask(file, "lock", "lock", 0, false, &took, err);

    return status == AKS_OK ? take_lock(file, err) : status;
}

/* Nobody in this process can let go meanwhile; whoever watches the time may. */
static enum aks_status
port_lock_wait(struct aks_file *file, int64_t timeout_ms, struct aks_error *err)
{
    int64_t took;
    enum aks_status status = ask(file, "lock", "lock", 0, false, &took, err);

    if (status != AKS_OK)
        return status;
    status = take_lock(file, err);
    if (status != AKS_CONFLICT || timeout_ms <= 0)
        return status;
    file->files->advance(file->files->advance_ctx, timeout_ms * AKS_NS_PER_MS);
    if (file->files == NULL)
        return gone(file, "lock", err);
    return take_lock(file, err);
}

/* Locks here are of whole files. That of another open file counts, as it does on a real disk. */
static bool
port_locked_by_writer(struct aks_file *file, int64_t start, int64_t len)
{
    const struct aks_sim_node *node = file->node;

    return node != NULL && (node->held || (node->locked != NULL && node->locked != file));
}

/* All bytes or none, as on a real disk; here they take room all the same. */
static bool
port_clone(struct aks_file *from, struct aks_file *to)
{
    int64_t took;

    if (from->files == NULL || !from->files->clones || from->node->type != AKS_FILE_REGULAR ||
        ask(to, "clone", "clone", 0, true, &took, NULL) != AKS_OK)
        return false;
    if (!writes(to->how) || to->node->read_only || to->node == from->node ||
        (int64_t)from->node->len > aks_files_sim_room(from->files))
        return false;
    return aks_files_sim_data_write(to->files, to->node, 0, from->node->data, from->node->len) == 0;
}

void
aks_files_sim_open_init(struct aks_files *ret_port)
{
    ret_port->open = port_open;
    ret_port->close = port_close;
    ret_port->read = port_read;
    ret_port->write = port_write;
    ret_port->truncate = port_truncate;
    ret_port->sync = port_sync;
    ret_port->info = port_info;
    ret_port->lock = port_lock;
    ret_port->lock_wait = port_lock_wait;
    ret_port->locked_by_writer = port_locked_by_writer;
    ret_port->clone = port_clone;
}
