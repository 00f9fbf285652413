#include "engine/secret_store.h"

#include "engine/engine.h"
#include "engine/private_file.h"
#include "engine/private_folder.h"
#include "engine/secret_json.h"

#include <string.h>

#define FILE_NAME "/secrets.json"

/* The paths of one change. */
struct place {
    const struct aks_port *port;
    char *folder;
    char *path;
    char *fresh;                        /* what is renamed to path */
    char *lock;
};

char *
aks_secret_store_path(const struct aks_port *port)
{
    char *folder = aks_engine_xdg_folder(port, "XDG_CONFIG_HOME", ".config");
    char *path = folder != NULL ? aks_mem_printf(port->alloc, "%s" FILE_NAME, folder) : NULL;

    aks_mem_free(port->alloc, folder);
    return path;
}

static enum aks_status
load(const struct aks_port *port, const char *path, struct aks_secret_list *list,
    struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, port->alloc, AKS_SECRET_JSON_BYTES_MAX);
    status = aks_private_file_read_settings(port, path, &text, err);
    if (status == AKS_NOT_FOUND) {
        aks_buf_fini(&text);
        return AKS_OK;
    }
    if (status == AKS_OK) {
        status = aks_secret_json_read(text.data, text.len, list, err);
        if (status != AKS_OK)
            (void)aks_error_wrap(err, "cannot read %s", path);
    }
    aks_buf_fini(&text);
    return status;
}

enum aks_status
aks_secret_store_load(const struct aks_port *port, struct aks_secret_list *list,
    struct aks_error *err)
{
    char *path = aks_secret_store_path(port);
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "reading where secrets are");
    status = load(port, path, list, err);
    aks_mem_free(port->alloc, path);
    return status;
}

/* Whoever may change names in the folder could put a file of their own there. */
static enum aks_status
check_folder(const struct place *place, struct aks_error *err)
{
    const struct aks_files *files = &place->port->files;
    struct aks_file_info info;
    enum aks_status status = aks_engine_make_folders(place->port, place->folder, err);

    if (status == AKS_OK)
        status = aks_private_folder_check_settings(place->port, place->folder, err);
    if (status == AKS_OK)
        status = files->stat(files->ctx, place->folder, true, &info, err);
    if (status != AKS_OK || (info.mode & 022) == 0)
        return status;
    status = aks_error_set(err, AKS_FORBIDDEN, "%s: can be written by others (mode %04o)",
        place->folder, (unsigned)(info.mode & 07777));
    aks_error_hint(err, "chmod 700 '%s'", place->folder);
    return status;
}

static enum aks_status
write_fresh(const struct place *place, const struct aks_buf *text, struct aks_error *err)
{
    const struct aks_files *files = &place->port->files;
    struct aks_file *file = NULL;
    enum aks_status status;

    /* What a crash has left. */
    (void)files->unlink(files->ctx, place->fresh, NULL);
    status = files->open(files->ctx, place->fresh, AKS_FILE_CREATE, &file, err);
    if (status != AKS_OK)
        return status;
    status = files->write(file, 0, text->data, text->len, err);
    if (status == AKS_OK)
        status = files->sync(file, err);
    files->close(file);
    if (status == AKS_OK)
        status = files->rename(files->ctx, place->fresh, place->path, err);
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, place->folder, err);
    else
        (void)files->unlink(files->ctx, place->fresh, NULL);
    return status;
}

static enum aks_status
save(const struct place *place, const struct aks_secret_list *list, struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, place->port->alloc, AKS_SECRET_JSON_BYTES_MAX);
    status = aks_secret_json_write(list, &text, err);
    if (status == AKS_OK)
        status = write_fresh(place, &text, err);
    aks_buf_fini(&text);
    return status;
}

static enum aks_status
change_locked(const struct place *place,
    enum aks_status (*change)(void *ctx, struct aks_secret_list *list, struct aks_error *err),
    void *ctx, struct aks_error *err)
{
    struct aks_secret_list list;
    enum aks_status status;

    aks_secret_list_init(&list, place->port->alloc);
    status = load(place->port, place->path, &list, err);
    if (status == AKS_OK)
        status = change(ctx, &list, err);
    if (status == AKS_OK)
        status = save(place, &list, err);
    aks_secret_list_fini(&list);
    return status;
}

static enum aks_status
find_place(const struct aks_port *port, struct place *place, struct aks_error *err)
{
    const struct aks_alloc *alloc = port->alloc;

    place->port = port;
    place->folder = aks_engine_xdg_folder(port, "XDG_CONFIG_HOME", ".config");
    if (place->folder != NULL) {
        place->path = aks_mem_printf(alloc, "%s" FILE_NAME, place->folder);
        place->fresh = aks_mem_printf(alloc, "%s" FILE_NAME ".new", place->folder);
        place->lock = aks_mem_printf(alloc, "%s" FILE_NAME ".lock", place->folder);
    }
    if (place->path == NULL || place->fresh == NULL || place->lock == NULL)
        return aks_error_memory(err, "changing where secrets are");
    return check_folder(place, err);
}

enum aks_status
aks_secret_store_change(const struct aks_port *port,
    enum aks_status (*change)(void *ctx, struct aks_secret_list *list, struct aks_error *err),
    void *ctx, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct place place = { 0 };
    struct aks_file *lock = NULL;
    enum aks_status status = find_place(port, &place, err);

    if (status == AKS_OK)
        status = files->open(files->ctx, place.lock, AKS_FILE_LOCK, &lock, err);
    if (status == AKS_OK)
        status = files->lock_wait(lock, AKS_SECRET_STORE_LOCK_MS, err);
    if (status == AKS_OK)
        status = change_locked(&place, change, ctx, err);
    files->close(lock);
    aks_mem_free(port->alloc, place.folder);
    aks_mem_free(port->alloc, place.path);
    aks_mem_free(port->alloc, place.fresh);
    aks_mem_free(port->alloc, place.lock);
    return status;
}
