/* What things are called in the folder that is restored to, and what may not be there. */
#include "base/check.h"
#include "base/encode.h"
#include "base/units.h"
#include "engine/restore_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* File systems take 255 bytes a name; logs of databases want some of them. */
#define NAME_MAX_BYTES 240
#define DIGEST_STEP ((size_t)1024 * 1024)
/* Digits of the digest by which a temporary name is known again. */
#define TEMPORARY_DIGITS 16

/* Is the file's own name one that can be given to a file here, and that says what it seems to? A
 * manifest's source_name is somebody's words; the object's name was checked. */
static bool
own_name_fits(const char *source_name, const char **ret_name)
{
    const char *slash = strrchr(source_name, '/');
    const char *name = slash != NULL ? slash + 1 : source_name;
    size_t len = strlen(name);

    *ret_name = name;
    if (len == 0 || len > NAME_MAX_BYTES || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strncmp(name, ".akosha-", 8) == 0 || strchr(source_name, '%') != NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    }
    return true;
}

struct by_name {
    const char *name;
    struct restore_item *item;
};

static int
compare_names(const void *a, const void *b)
{
    const struct by_name *left = a;
    const struct by_name *right = b;

    return strcmp(left->name, right->name);
}

static enum aks_status
set_name(const struct aks_alloc *alloc, struct restore_item *item, const char *name,
    struct aks_error *err)
{
    char *copy = aks_mem_strdup(alloc, name);

    if (copy == NULL)
        return aks_error_memory(err, "planning a restore");
    aks_mem_free(alloc, item->name);
    item->name = copy;
    return AKS_OK;
}

/* Where two files had one name in different folders, both get the names of their objects, of which
 * one says from where it is. */
static enum aks_status
part_twins(struct restore *restore, struct aks_error *err)
{
    const struct aks_alloc *alloc = restore->port->alloc;
    struct by_name *names = aks_mem_array(alloc, restore->item_count + 1, sizeof(*names));
    enum aks_status status = AKS_OK;

    if (names == NULL)
        return aks_error_memory(err, "planning a restore");
    for (size_t i = 0; i < restore->item_count; i++)
        names[i] = (struct by_name) { restore->items[i].name, &restore->items[i] };
    qsort(names, restore->item_count, sizeof(*names), compare_names);
    for (size_t i = 0; i < restore->item_count && status == AKS_OK; i++) {
        struct restore_item *item = names[i].item;
        item->twin = (i > 0 && strcmp(names[i - 1].name, names[i].name) == 0) ||
            (i + 1 < restore->item_count && strcmp(names[i + 1].name, names[i].name) == 0);
    }
    for (size_t i = 0; i < restore->item_count && status == AKS_OK; i++) {
        struct restore_item *item = &restore->items[i];

        if (item->twin)
            status = set_name(alloc, item, item->objects[RESTORE_MAIN].of.name, err);
    }
    aks_mem_free(alloc, names);
    return status;
}

static const char *
suffix_of(const struct restore_item *item)
{
    const char *suffix = aks_manifest_wal_suffix(item->objects[RESTORE_MAIN].of.kind);

    return suffix != NULL ? suffix : "";
}

static enum aks_status
set_paths(struct restore *restore, struct restore_item *item, struct aks_error *err)
{
    const struct aks_alloc *alloc = restore->port->alloc;
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256(item->name, strlen(item->name), digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    for (int role = 0; role < RESTORE_ROLES; role++) {
        struct restore_object *object = &item->objects[role];
        const char *suffix = role == RESTORE_WAL ? suffix_of(item) : "";

        if (!item->there[role])
            continue;
        object->path = aks_mem_printf(alloc, "%s/%s%s", restore->folder, item->name, suffix);
        object->part = aks_mem_printf(alloc, "%s/.akosha-%.*s.part%s", restore->folder,
            TEMPORARY_DIGITS, hex, suffix);
        if (object->path == NULL || object->part == NULL)
            return aks_error_memory(err, "planning a restore");
        if (strlen(object->part) + 16 >= AKS_PATH_BYTES ||
            strlen(object->path) + 16 >= AKS_PATH_BYTES)
            return aks_error_set(err, AKS_LIMIT, "%s: the path is too long", object->path);
    }
    return AKS_OK;
}

static enum aks_status
clash(const char *what, const char *path, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_CONFLICT, "%s %s", what, path);
    aks_error_hint(err, "name the one that is wanted, by its full path");
    return AKS_CONFLICT;
}

/* An engine would read as part of the database what a manifest calls another source: it would be
 * another database than the one that was checked. ${paths} are in order. */
static enum aks_status
check_companions(const struct restore_item *item, const struct by_name *paths, size_t count,
    struct aks_error *err)
{
    const char *log = item->there[RESTORE_WAL] ? item->objects[RESTORE_WAL].path : "";
    char path[AKS_PATH_BYTES];

    for (size_t i = 0; aks_restore_companion(item, i, path, sizeof(path)); i++) {
        const struct by_name wanted = { path, NULL };

        if (strcmp(path, log) != 0 &&
            bsearch(&wanted, paths, count, sizeof(*paths), compare_names) != NULL)
            return clash("a source would be restored as if it were a part of another one:", path,
                err);
    }
    return AKS_OK;
}

/* No two files of the restore have one path: neither main files nor logs, nor what an engine looks
 * for beside a database. */
static enum aks_status
check_unique(const struct restore *restore, struct aks_error *err)
{
    const struct aks_alloc *alloc = restore->port->alloc;
    struct by_name *paths = aks_mem_array(alloc, 2 * restore->item_count + 1, sizeof(*paths));
    enum aks_status status = AKS_OK;
    size_t count = 0;

    if (paths == NULL)
        return aks_error_memory(err, "planning a restore");
    for (size_t i = 0; i < restore->item_count; i++) {
        for (int role = 0; role < RESTORE_ROLES; role++) {
            if (restore->items[i].there[role])
                paths[count++].name = restore->items[i].objects[role].path;
        }
    }
    qsort(paths, count, sizeof(*paths), compare_names);
    for (size_t i = 1; i < count && status == AKS_OK; i++) {
        if (strcmp(paths[i - 1].name, paths[i].name) == 0)
            status = clash("two of the sources would be restored as", paths[i].name, err);
    }
    for (size_t i = 0; i < restore->item_count && status == AKS_OK; i++)
        status = check_companions(&restore->items[i], paths, count, err);
    aks_mem_free(alloc, paths);
    return status;
}

enum aks_status
aks_restore_names(struct restore *restore, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < restore->item_count && status == AKS_OK; i++) {
        struct restore_item *item = &restore->items[i];
        const struct aks_manifest_object *main = &item->objects[RESTORE_MAIN].of;
        const char *own;

        status = set_name(restore->port->alloc, item,
            own_name_fits(main->source_name, &own) ? own : main->name, err);
    }
    if (status == AKS_OK)
        status = part_twins(restore, err);
    for (size_t i = 0; i < restore->item_count && status == AKS_OK; i++)
        status = set_paths(restore, &restore->items[i], err);
    if (status == AKS_OK)
        status = check_unique(restore, err);
    return status;
}

/* What is there already */

enum aks_status
aks_restore_digest(struct restore *restore, struct aks_file *file, int64_t bytes,
    struct aks_sha256 *sha, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    char *data = aks_mem_resize(restore->port->alloc, NULL, DIGEST_STEP);
    int64_t done = 0;
    enum aks_status status = AKS_OK;

    if (data == NULL)
        return aks_error_memory(err, "reading what is there");
    while (done < bytes && status == AKS_OK) {
        int64_t left = bytes - done;
        size_t got = 0;

        if (atomic_load(&restore->reader.engine->interrupted) != 0) {
            status = aks_error_set(err, AKS_CANCELLED, "interrupted");
            break;
        }
        status = files->read(file, done, data, left < (int64_t)DIGEST_STEP ? (size_t)left
            : DIGEST_STEP, &got, err);
        if (status == AKS_OK && got == 0)
            status = aks_error_set(err, AKS_CORRUPT, "a file became shorter while it was read");
        if (status == AKS_OK)
            aks_sha256_update(sha, data, got);
        done += (int64_t)got;
    }
    aks_mem_free(restore->port->alloc, data);
    return status;
}

/* Is ${object} at its path already, byte for byte? */
static bool
same_there(struct restore *restore, const struct restore_object *object,
    const struct aks_file_info *info)
{
    const struct aks_files *files = &restore->port->files;
    struct aks_sha256 *sha = NULL;
    struct aks_file *file = NULL;
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES] = "";

    if (info->type != AKS_FILE_REGULAR || info->bytes != object->of.bytes)
        return false;
    sha = aks_sha256_new(restore->port->alloc);
    if (sha != NULL && files->open(files->ctx, object->path, AKS_FILE_READ, &file, NULL) ==
        AKS_OK && aks_restore_digest(restore, file, info->bytes, sha, NULL) == AKS_OK) {
        aks_sha256_final(sha, digest);
        aks_hex_encode(digest, sizeof(digest), hex);
    }
    files->close(file);
    aks_sha256_free(sha);
    return strcmp(hex, object->of.sha256) == 0;
}

static enum aks_status
is_there(const struct restore *restore, const char *path, bool *ret_there,
    struct aks_file_info *ret_info, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    enum aks_status status = files->stat(files->ctx, path, false, ret_info, err);

    *ret_there = status == AKS_OK;
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

/* The whole item is there if its files are, and no other log beside them. */
static enum aks_status
look(struct restore *restore, struct restore_item *item, const char **ret_blocking,
    char *ret_companion, bool *ret_same, struct aks_error *err)
{
    struct aks_file_info info;
    enum aks_status status = AKS_OK;
    bool there;

    *ret_blocking = NULL;
    *ret_same = true;
    for (int role = 0; role < RESTORE_ROLES && status == AKS_OK; role++) {
        const struct restore_object *object = &item->objects[role];

        if (!item->there[role])
            continue;
        status = is_there(restore, object->path, &there, &info, err);
        if (status == AKS_OK && there && *ret_blocking == NULL)
            *ret_blocking = object->path;
        *ret_same = *ret_same && status == AKS_OK && there && same_there(restore, object, &info);
    }
    for (size_t i = 0; status == AKS_OK && aks_restore_companion(item, i, ret_companion,
            AKS_PATH_BYTES); i++) {
        status = is_there(restore, ret_companion, &there, &info, err);
        if (status != AKS_OK || !there)
            continue;
        *ret_same = *ret_same && item->there[RESTORE_WAL] &&
            strcmp(ret_companion, item->objects[RESTORE_WAL].path) == 0;
        if (*ret_blocking == NULL)
            *ret_blocking = ret_companion;
        if (!*ret_same)
            break;
    }
    return status;
}

enum aks_status
aks_restore_names_free(struct restore *restore, struct restore_item *item, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    const struct restore_object *main = &item->objects[RESTORE_MAIN];
    char companion[AKS_PATH_BYTES];
    const char *blocking;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    bool same;
    enum aks_status status = look(restore, item, &blocking, companion, &same, err);

    if (status != AKS_OK || blocking == NULL)
        return status;
    if (same) {
        item->outcome = "present";
        return AKS_OK;
    }
    if (!restore->options->force) {
        status = aks_error_set(err, AKS_CONFLICT, "cannot restore %s: it is there already",
            blocking);
        aks_error_hint(err, "restore to another folder, or --force to replace what is there");
        return status;
    }
    status = AKS_OK;
    if (files->stat(files->ctx, main->path, false, &info, NULL) != AKS_OK)
        return AKS_OK;
    if (info.type == AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_CONFLICT, "cannot restore %s: there is a folder of that name",
            main->path);
    /* Whoever has it open goes on writing to what has no name any more. */
    if (info.type == AKS_FILE_REGULAR &&
        files->open(files->ctx, main->path, AKS_FILE_READ, &file, NULL) == AKS_OK &&
        files->locked_by_writer(file, 0, 0)) {
        status = aks_error_set(err, AKS_SOURCE_BUSY, "cannot restore %s: another program has it "
            "open for writing", main->path);
        aks_error_hint(err, "end that program first");
    }
    files->close(file);
    return status;
}

enum aks_status
aks_restore_room(const struct restore *restore, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    int64_t needed = AKS_RESTORE_SPARE_BYTES;
    int64_t free_bytes = 0;
    char wants[AKS_UNITS_TEXT_BYTES];
    char has[AKS_UNITS_TEXT_BYTES];
    enum aks_status status;

    for (size_t i = 0; i < restore->item_count; i++) {
        const struct restore_item *item = &restore->items[i];

        for (int role = 0; role < RESTORE_ROLES; role++) {
            const struct restore_object *object = &item->objects[role];
            struct aks_file_info info;
            int64_t bytes;

            if (!item->there[role] || item->outcome != NULL)
                continue;
            bytes = object->of.bytes;
            if (files->stat(files->ctx, object->part, false, &info, NULL) == AKS_OK &&
                info.type == AKS_FILE_REGULAR)
                bytes = info.bytes < bytes ? bytes - info.bytes : 0;
            if (__builtin_add_overflow(needed, bytes, &needed))
                needed = INT64_MAX;
        }
    }
    status = files->free_bytes(files->ctx, restore->folder, &free_bytes, err);
    if (status != AKS_OK || needed <= free_bytes)
        return status;
    return aks_error_set(err, AKS_NO_SPACE, "cannot restore to %s: %s are needed there, and %s are "
        "free", restore->folder, aks_units_bytes(needed, wants), aks_units_bytes(free_bytes, has));
}
