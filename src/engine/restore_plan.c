/* Which copy of which source is restored, out of which upload of which target. */
#include "base/check.h"
#include "engine/restore_internal.h"
#include "engine/target_key.h"
#include "engine/upload_id.h"

#include <stdio.h>
#include <string.h>

static const char *
base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool
names_it(const char *name, const struct aks_manifest_object *object)
{
    return strcmp(name, object->name) == 0 || strcmp(name, object->source_name) == 0 ||
        strcmp(name, base_of(object->source_name)) == 0;
}

static bool
wanted(const struct restore *restore, const struct aks_manifest_object *object)
{
    const struct aks_restore_options *options = restore->options;

    for (size_t i = 0; i < options->name_count; i++) {
        if (names_it(options->names[i], object))
            return true;
    }
    return options->name_count == 0;
}

static void
object_fini(const struct aks_alloc *alloc, struct restore_object *object)
{
    AKS_CHECK(object->file == NULL);
    aks_mem_free(alloc, object->of.name);
    aks_mem_free(alloc, object->of.key);
    aks_mem_free(alloc, object->of.source_name);
    aks_mem_free(alloc, object->of.kind);
    aks_mem_free(alloc, object->of.role);
    aks_mem_free(alloc, object->of.codec);
    aks_mem_free(alloc, object->of.snapshot_method);
    aks_mem_free(alloc, object->path);
    aks_mem_free(alloc, object->part);
    memset(object, 0, sizeof(*object));
}

void
aks_restore_item_fini(const struct aks_alloc *alloc, struct restore_item *item)
{
    for (int role = 0; role < RESTORE_ROLES; role++)
        object_fini(alloc, &item->objects[role]);
    aks_mem_free(alloc, item->name);
    memset(item, 0, sizeof(*item));
}

static enum aks_status
copy_object(const struct aks_alloc *alloc, const struct aks_manifest_object *from,
    struct restore_object *ret_object, struct aks_error *err)
{
    struct aks_manifest_object *to = &ret_object->of;

    *to = *from;
    to->name = aks_mem_strdup(alloc, from->name);
    to->key = aks_mem_strdup(alloc, from->key);
    to->source_name = aks_mem_strdup(alloc, from->source_name);
    to->kind = aks_mem_strdup(alloc, from->kind);
    to->role = aks_mem_strdup(alloc, from->role);
    to->codec = aks_mem_strdup(alloc, from->codec);
    to->snapshot_method = aks_mem_strdup(alloc, from->snapshot_method);
    if (to->name == NULL || to->key == NULL || to->source_name == NULL || to->kind == NULL ||
        to->role == NULL || to->codec == NULL || to->snapshot_method == NULL)
        return aks_error_memory(err, "planning a restore");
    return AKS_OK;
}

/* A manifest is words of whoever can write to the target. Its keys stay within this system, and its
 * sizes have to fit each other. */
static enum aks_status
check_object(const struct restore *restore, const struct aks_manifest_object *object,
    struct aks_error *err)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    size_t len = aks_target_key_system(restore->reader.system_id, folder);

    if (!aks_target_key_valid(object->key) || strncmp(object->key, folder, len) != 0)
        return aks_error_set(err, AKS_CORRUPT, "the manifest names %s, which is no object of "
            "system %s", object->key, restore->reader.system_id);
    if (strcmp(object->codec, "none") == 0 && object->encryption == AKS_ENCRYPTION_NONE &&
        object->bytes != object->stored_bytes)
        return aks_error_set(err, AKS_CORRUPT, "the manifest says that %s has %lld bytes, and is "
            "stored as it is in %lld", object->key, (long long)object->bytes,
            (long long)object->stored_bytes);
    return AKS_OK;
}

static const struct aks_manifest_object *
find_wal(const struct aks_manifest *manifest, const struct aks_manifest_object *main)
{
    const char *suffix = aks_manifest_wal_suffix(main->kind);
    size_t len = strlen(main->name);

    for (size_t i = 0; i < manifest->object_count && suffix != NULL; i++) {
        const struct aks_manifest_object *object = &manifest->objects[i];

        if (strcmp(object->role, "wal") == 0 && strncmp(object->name, main->name, len) == 0 &&
            strcmp(object->name + len, suffix) == 0)
            return object;
    }
    return NULL;
}

static enum aks_status
fill_item(const struct restore *restore, size_t target, const struct aks_manifest *manifest,
    const struct aks_manifest_object *main, struct restore_item *item, struct aks_error *err)
{
    const struct aks_manifest_object *objects[RESTORE_ROLES] = { main, find_wal(manifest, main) };
    enum aks_status status = AKS_OK;

    item->target = target;
    item->upload_objects = manifest->object_count;
    (void)snprintf(item->upload_id, sizeof(item->upload_id), "%s", manifest->upload_id);
    for (int role = 0; role < RESTORE_ROLES && status == AKS_OK; role++) {
        item->there[role] = objects[role] != NULL;
        if (objects[role] != NULL)
            status = copy_object(restore->port->alloc, objects[role], &item->objects[role], err);
    }
    return status;
}

static struct restore_item *
find_item(const struct restore *restore, const char *source_name)
{
    for (size_t i = 0; i < restore->item_count; i++) {
        if (strcmp(restore->items[i].objects[RESTORE_MAIN].of.source_name, source_name) == 0)
            return &restore->items[i];
    }
    return NULL;
}

static enum aks_status
grow(struct restore *restore, struct aks_error *err)
{
    size_t capacity = restore->item_capacity > 0 ? 2 * restore->item_capacity : 16;
    struct restore_item *grown;

    if (restore->item_count < restore->item_capacity)
        return AKS_OK;
    if (restore->item_count >= AKS_MANIFEST_OBJECTS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are over %d sources to restore",
            AKS_MANIFEST_OBJECTS_MAX);
    grown = aks_mem_resize(restore->port->alloc, restore->items, capacity * sizeof(*grown));
    if (grown == NULL)
        return aks_error_memory(err, "planning a restore");
    restore->items = grown;
    restore->item_capacity = capacity;
    return AKS_OK;
}

/* The upload that brought what was written last of a copy: "" if it cannot be told. */
static void
brought_by(const struct aks_manifest_object *main, const struct aks_manifest_object *wal,
    char ret_id[AKS_UPLOAD_ID_BYTES])
{
    char other[AKS_UPLOAD_ID_BYTES] = "";

    aks_upload_id_of_key(main->key, ret_id);
    if (wal != NULL)
        aks_upload_id_of_key(wal->key, other);
    if (strcmp(other, ret_id) > 0)
        memcpy(ret_id, other, sizeof(other));
}

/* Is the copy of ${main} that ${manifest} names newer than what is planned? Ids of uploads tell,
 * for they are in order whatever the clock did; a manifest that was written later may name an older
 * copy, of a target that was passed over meanwhile. Within one upload the clock tells. */
static bool
newer(const struct aks_manifest *manifest, const struct aks_manifest_object *main,
    const struct restore_item *there)
{
    const struct aks_manifest_object *planned = &there->objects[RESTORE_MAIN].of;
    char own[AKS_UPLOAD_ID_BYTES];
    char other[AKS_UPLOAD_ID_BYTES];
    int order;

    brought_by(main, find_wal(manifest, main), own);
    brought_by(planned, there->there[RESTORE_WAL] ? &there->objects[RESTORE_WAL].of : NULL, other);
    order = strcmp(own, other);
    return order > 0 || (order == 0 && main->taken_at_ms > planned->taken_at_ms);
}

/* Takes the source ${main} of a manifest, unless a newer copy of it is planned. */
static enum aks_status
take(struct restore *restore, size_t target, const struct aks_manifest *manifest,
    const struct aks_manifest_object *main, struct aks_error *err)
{
    struct restore_item *there = find_item(restore, main->source_name);
    struct restore_item item = { 0 };
    enum aks_status status;

    if (there != NULL && !newer(manifest, main, there))
        return AKS_OK;
    status = fill_item(restore, target, manifest, main, &item, err);
    if (status == AKS_OK && there == NULL)
        status = grow(restore, err);
    if (status != AKS_OK) {
        aks_restore_item_fini(restore->port->alloc, &item);
        return status;
    }
    if (there != NULL)
        aks_restore_item_fini(restore->port->alloc, there);
    else
        there = &restore->items[restore->item_count++];
    *there = item;
    return AKS_OK;
}

/* All of it before anything of it is taken. */
static enum aks_status
check_manifest(const struct restore *restore, const struct aks_manifest *manifest,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < manifest->object_count && status == AKS_OK; i++) {
        const struct aks_manifest_object *object = &manifest->objects[i];

        status = check_object(restore, object, err);
        for (size_t j = 0; j < i && status == AKS_OK; j++) {
            if (strcmp(manifest->objects[j].source_name, object->source_name) == 0 &&
                strcmp(manifest->objects[j].role, object->role) == 0)
                status = aks_error_set(err, AKS_CORRUPT, "the manifest has %s twice",
                    object->source_name);
        }
    }
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "upload %s in %s", manifest->upload_id,
            restore->reader.own.name);
    return status;
}

static enum aks_status
take_manifest(struct restore *restore, size_t target, const struct aks_manifest *manifest,
    struct aks_error *err)
{
    enum aks_status status = check_manifest(restore, manifest, err);

    for (size_t i = 0; i < manifest->object_count && status == AKS_OK; i++) {
        const struct aks_manifest_object *object = &manifest->objects[i];

        if (strcmp(object->role, "main") == 0 && wanted(restore, object))
            status = take(restore, target, manifest, object, err);
    }
    return status;
}

/* Is every name that was given found? */
static const char *
missing_name(const struct restore *restore)
{
    for (size_t i = 0; i < restore->options->name_count; i++) {
        bool found = false;

        for (size_t j = 0; j < restore->item_count && !found; j++)
            found = names_it(restore->options->names[i],
                &restore->items[j].objects[RESTORE_MAIN].of);
        if (!found)
            return restore->options->names[i];
    }
    return NULL;
}

static enum aks_status
one_upload(struct restore *restore, size_t target, const char *upload_id, struct aks_error *err)
{
    struct aks_manifest manifest;
    enum aks_status status;

    aks_manifest_init(&manifest, restore->port->alloc);
    status = aks_reader_manifest(&restore->reader, upload_id, &manifest, err);
    if (status == AKS_OK)
        status = take_manifest(restore, target, &manifest, err);
    aks_manifest_fini(&manifest);
    return status;
}

/* From the newest manifest to older ones: a source that left the policy is in older ones only. An
 * upload that was never finished is passed over, and one that is damaged is told. */
static enum aks_status
newest(struct restore *restore, size_t target, struct aks_error *err)
{
    struct aks_reader_names ids;
    size_t looked = 0;
    enum aks_status status;

    aks_reader_names_init(&ids, restore->port->alloc);
    status = aks_reader_uploads(&restore->reader, &ids, err);
    for (size_t i = ids.count; i > 0 && status == AKS_OK; i--) {
        if (looked == AKS_RESTORE_MANIFESTS_MAX) {
            aks_restore_note(restore, "%s: the newest %zu of %zu uploads were looked at; --upload "
                "names an older one", restore->reader.own.name, looked, ids.count);
            break;
        }
        status = one_upload(restore, target, ids.names[i - 1], err);
        looked += status == AKS_OK;
        if (status == AKS_CORRUPT)
            aks_restore_note(restore, "%s is passed over", err->message);
        if (status == AKS_CORRUPT || status == AKS_NOT_FOUND)
            status = AKS_OK;
        if (restore->options->name_count > 0 && missing_name(restore) == NULL)
            break;
    }
    aks_reader_names_fini(&ids);
    return status;
}

static enum aks_status
one_target(struct restore *restore, size_t index, struct aks_error *err)
{
    enum aks_status status = aks_restore_use(restore, index, err);

    if (status != AKS_OK)
        return status;
    if (restore->options->upload_id == NULL)
        return newest(restore, index, err);
    status = one_upload(restore, index, restore->options->upload_id, err);
    if (status == AKS_NOT_FOUND)
        return aks_error_set(err, AKS_NOT_FOUND, "%s holds no complete upload %s",
            restore->reader.own.name, restore->options->upload_id);
    return status;
}

/* What one target does not tell, another may; but a manifest that was asked for and is damaged is
 * the answer. */
static enum aks_status
every_target(struct restore *restore, struct aks_error *err)
{
    struct aks_error first = { 0 };

    for (size_t i = 0; i < restore->reader.settings->target_count; i++) {
        enum aks_status status;

        if (aks_target_delivers_rows(restore->reader.settings->targets[i].kind))
            continue;
        status = one_target(restore, i, err);
        if (status == AKS_OK && restore->options->upload_id != NULL)
            return AKS_OK;
        if (status == AKS_CANCELLED || status == AKS_LIMIT || status == AKS_CORRUPT)
            return status;
        if (status == AKS_OK)
            continue;
        if (status != AKS_NOT_FOUND)
            aks_restore_note(restore, "%s was not looked at: %s",
                restore->reader.settings->targets[i].name, err->message);
        if (first.status == AKS_OK || first.status == AKS_NOT_FOUND)
            first = *err;
    }
    if (restore->item_count > 0 || first.status == AKS_OK)
        return AKS_OK;
    *err = first;
    return first.status;
}

enum aks_status
aks_restore_plan(struct restore *restore, struct aks_error *err)
{
    size_t index;
    enum aks_status status;

    if (restore->options->target != NULL) {
        status = aks_reader_find(&restore->reader, restore->options->target, &index, err);
        if (status == AKS_OK)
            status = one_target(restore, index, err);
    } else {
        status = aks_reader_holds_files(&restore->reader, "restore", err);
        if (status == AKS_OK)
            status = every_target(restore, err);
    }
    if (status != AKS_OK)
        return status;
    if (missing_name(restore) != NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "no upload of system %s that was looked at has "
            "%s", restore->reader.system_id, missing_name(restore));
    if (restore->item_count == 0)
        return aks_error_set(err, AKS_NOT_FOUND, "there is nothing to restore: no upload of "
            "system %s was found", restore->reader.system_id);
    return AKS_OK;
}
