/* Names for what was checked.
 *
 * A database and its log are two names, and whoever opens the one takes the other for granted. So
 * at no moment, whatever is cut off in between, may a main file stand beside another's log: first
 * what was there goes aside, main before log, then the new log gets its name, then the new main;
 * with the folder synced between the steps, since names may come to the medium in any order. */
#include "base/check.h"
#include "engine/restore_internal.h"

#include <stdio.h>
#include <string.h>

/* What an engine would read beside a database of this kind as part of it. */
static const char *const duckdb_companions[] = { ".wal", ".wal.checkpoint", ".wal.recovery", NULL };
static const char *const sqlite_companions[] = { "-wal", "-journal", "-shm", NULL };
static const char *const no_companions[] = { NULL };

static const char *const *
companions_of(const struct restore_item *item)
{
    const char *kind = item->objects[RESTORE_MAIN].of.kind;

    if (strcmp(kind, "duckdb") == 0)
        return duckdb_companions;
    return strcmp(kind, "sqlite") == 0 ? sqlite_companions : no_companions;
}

bool
aks_restore_companion(const struct restore_item *item, size_t i, char *ret_path, size_t path_bytes)
{
    const char *const *suffixes = companions_of(item);
    int len;

    for (size_t j = 0; j <= i; j++) {
        if (suffixes[j] == NULL)
            return false;
    }
    len = snprintf(ret_path, path_bytes, "%s%s", item->objects[RESTORE_MAIN].path, suffixes[i]);
    return len > 0 && (size_t)len < path_bytes;
}

/* Where ${suffix} of what was there goes: ".akosha-<digits>.old-wal". */
static bool
aside_path(const struct restore_item *item, const char *suffix, char ret_path[AKS_PATH_BYTES])
{
    const char *part = item->objects[RESTORE_MAIN].part;
    size_t stem = strlen(part) - strlen(".part");
    int len = snprintf(ret_path, AKS_PATH_BYTES, "%.*s.old%s", (int)stem, part, suffix);

    return len > 0 && len < AKS_PATH_BYTES;
}

static enum aks_status
sync_names(const struct restore *restore, struct aks_error *err)
{
    return restore->port->files.sync_folder(restore->port->files.ctx, restore->folder, err);
}

/* Moves what is at the item's path and ${suffix} aside; nothing there is fine. */
static enum aks_status
set_aside(const struct restore *restore, const struct restore_item *item, const char *suffix,
    struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    char from[AKS_PATH_BYTES];
    char to[AKS_PATH_BYTES];
    struct aks_file_info info;
    int len = snprintf(from, sizeof(from), "%s%s", item->objects[RESTORE_MAIN].path, suffix);
    enum aks_status status;

    if (len < 0 || (size_t)len >= sizeof(from) || !aside_path(item, suffix, to))
        return aks_error_set(err, AKS_LIMIT, "%s: the path is too long",
            item->objects[RESTORE_MAIN].path);
    status = files->stat(files->ctx, from, false, &info, err);
    if (status == AKS_NOT_FOUND)
        return AKS_OK;
    if (status == AKS_OK && info.type == AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_CONFLICT, "%s is a folder", from);
    if (status == AKS_OK && !restore->options->force)
        return aks_error_set(err, AKS_CONFLICT, "cannot restore %s: it has appeared meanwhile",
            from);
    if (status == AKS_OK)
        status = files->rename(files->ctx, from, to, err);
    if (status == AKS_OK)
        status = sync_names(restore, err);
    return status;
}

/* The main file first: a main without its log is not what it was, a log without a main is
 * nothing. */
static enum aks_status
clear_place(const struct restore *restore, const struct restore_item *item, struct aks_error *err)
{
    const char *const *suffixes = companions_of(item);
    enum aks_status status = set_aside(restore, item, "", err);

    for (size_t i = 0; suffixes[i] != NULL && status == AKS_OK; i++)
        status = set_aside(restore, item, suffixes[i], err);
    return status;
}

/* What was moved aside, by this process or one that was killed. With ${back} it gets its names
 * again, as far as they are free: the log first. */
static void
settle_asides(const struct restore *restore, const struct restore_item *item, bool back)
{
    const struct aks_files *files = &restore->port->files;
    const char *const *suffixes = companions_of(item);
    char from[AKS_PATH_BYTES];
    char to[AKS_PATH_BYTES];
    struct aks_file_info info;
    size_t count = 0;

    while (suffixes[count] != NULL)
        count++;
    for (size_t i = count + 1; i > 0; i--) {
        const char *suffix = i == 1 ? "" : suffixes[i - 2];
        int len = snprintf(to, sizeof(to), "%s%s", item->objects[RESTORE_MAIN].path, suffix);

        if (!aside_path(item, suffix, from) || len < 0 || (size_t)len >= sizeof(to))
            continue;
        if (!back)
            (void)files->unlink(files->ctx, from, NULL);
        else if (files->stat(files->ctx, to, false, &info, NULL) == AKS_NOT_FOUND)
            (void)files->rename(files->ctx, from, to, NULL);
    }
    (void)sync_names(restore, NULL);
}

static enum aks_status
give_name(const struct restore *restore, const struct restore_object *object,
    struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    enum aks_status status = files->rename(files->ctx, object->part, object->path, err);

    return status == AKS_OK ? sync_names(restore, err) : status;
}

enum aks_status
aks_restore_place(struct restore *restore, struct restore_item *item, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    enum aks_status status = clear_place(restore, item, err);

    if (status == AKS_OK && item->there[RESTORE_WAL])
        status = give_name(restore, &item->objects[RESTORE_WAL], err);
    if (status == AKS_OK) {
        status = give_name(restore, &item->objects[RESTORE_MAIN], err);
        /* A new log beside no main is in nobody's way but ours. */
        if (status != AKS_OK && item->there[RESTORE_WAL])
            (void)files->rename(files->ctx, item->objects[RESTORE_WAL].path,
                item->objects[RESTORE_WAL].part, NULL);
    }
    settle_asides(restore, item, status != AKS_OK);
    for (int role = 0; role < RESTORE_ROLES; role++) {
        if (item->there[role] && status == AKS_OK)
            aks_restore_part_close(restore, &item->objects[role], true);
    }
    return status;
}
