#include "wire/manifest.h"

#include "wire/manifest_internal.h"

#include <string.h>

#define OBJECTS_FIRST 8

void
aks_manifest_init(struct aks_manifest *manifest, const struct aks_alloc *alloc)
{
    memset(manifest, 0, sizeof(*manifest));
    manifest->alloc = alloc;
}

void
aks_manifest_object_fini(const struct aks_alloc *alloc, struct aks_manifest_object *object)
{
    aks_mem_free(alloc, object->name);
    aks_mem_free(alloc, object->key);
    aks_mem_free(alloc, object->source_name);
    aks_mem_free(alloc, object->kind);
    aks_mem_free(alloc, object->role);
    aks_mem_free(alloc, object->codec);
    aks_mem_free(alloc, object->snapshot_method);
}

void
aks_manifest_fini(struct aks_manifest *manifest)
{
    const struct aks_alloc *alloc = manifest->alloc;

    for (size_t i = 0; i < manifest->object_count; i++)
        aks_manifest_object_fini(alloc, &manifest->objects[i]);
    aks_mem_free(alloc, manifest->objects);
    aks_manifest_memories_fini(alloc, &manifest->memories);
    aks_mem_free(alloc, manifest->system_id);
    aks_mem_free(alloc, manifest->upload_id);
    aks_mem_free(alloc, manifest->uploader_version);
    memset(manifest, 0, sizeof(*manifest));
    manifest->alloc = alloc;
}

/* The capacity follows from the count: it is OBJECTS_FIRST, then each power of two above it. */
static enum aks_status
make_room(struct aks_manifest *manifest, struct aks_error *err)
{
    size_t count = manifest->object_count;
    size_t capacity = count == 0 ? OBJECTS_FIRST : 2 * count;
    struct aks_manifest_object *objects;

    if (count == AKS_MANIFEST_OBJECTS_MAX)
        return aks_error_set(err, AKS_LIMIT, "manifest: over %d objects",
            AKS_MANIFEST_OBJECTS_MAX);
    if (count != 0 && (count < OBJECTS_FIRST || (count & (count - 1)) != 0))
        return AKS_OK;
    objects = aks_mem_resize(manifest->alloc, manifest->objects, capacity * sizeof(*objects));
    if (objects == NULL)
        return aks_error_memory(err, "adding an object to a manifest");
    manifest->objects = objects;
    return AKS_OK;
}

enum aks_status
aks_manifest_take(struct aks_manifest *manifest, struct aks_manifest_object *object,
    enum aks_status status, struct aks_error *err)
{
    const char *field = NULL;
    const char *why = aks_manifest_check_object(object, &field);
    enum aks_status failed;

    if (why != NULL)
        failed = aks_error_set(err, status, "manifest, objects[%zu].%s: %s",
            manifest->object_count, field, why);
    else
        failed = make_room(manifest, err);
    if (failed == AKS_OK)
        manifest->objects[manifest->object_count++] = *object;
    else
        aks_manifest_object_fini(manifest->alloc, object);
    memset(object, 0, sizeof(*object));
    return failed;
}

enum aks_status
aks_manifest_add(struct aks_manifest *manifest, const struct aks_manifest_object *object,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = manifest->alloc;
    struct aks_manifest_object copy = *object;

    copy.name = aks_mem_strdup(alloc, object->name);
    copy.key = aks_mem_strdup(alloc, object->key);
    copy.source_name = aks_mem_strdup(alloc, object->source_name);
    copy.kind = aks_mem_strdup(alloc, object->kind);
    copy.role = aks_mem_strdup(alloc, object->role);
    copy.codec = aks_mem_strdup(alloc, object->codec);
    copy.snapshot_method = aks_mem_strdup(alloc, object->snapshot_method);
    if (copy.name == NULL || copy.key == NULL || copy.source_name == NULL || copy.kind == NULL ||
        copy.role == NULL || copy.codec == NULL || copy.snapshot_method == NULL) {
        aks_manifest_object_fini(alloc, &copy);
        return aks_error_memory(err, "adding an object to a manifest");
    }
    return aks_manifest_take(manifest, &copy, AKS_INTERNAL, err);
}
