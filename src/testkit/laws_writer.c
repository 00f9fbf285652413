/* A database that somebody writes meanwhile: what a manifest holds of it is one committed state. */
#include "testkit/laws_internal.h"
#include "testkit/unpack.h"

#include <string.h>

static const char law[] = "one committed state";

static const struct aks_manifest_object *
find(const struct aks_manifest *manifest, const char *source, const char *role)
{
    for (size_t i = 0; i < manifest->object_count; i++) {
        if (strcmp(manifest->objects[i].source_name, source) == 0 &&
            strcmp(manifest->objects[i].role, role) == 0)
            return &manifest->objects[i];
    }
    return NULL;
}

/* Into ${plain}; what cannot be had is another law's business. */
static bool
fetch(struct aks_world *world, const struct aks_world_target *target,
    const struct aks_manifest_object *object, struct aks_buf *plain)
{
    size_t len = 0;
    const void *data = object != NULL ? aks_world_object(world, target, object->key, &len) : NULL;

    if (data == NULL)
        return false;
    if (strcmp(object->codec, "none") != 0)
        return aks_unpack(object->codec, data, len, plain, NULL) == AKS_OK;
    aks_buf_append(plain, data, len);
    return plain->failed == AKS_OK;
}

static enum aks_status
check_pair(struct aks_world *world, const struct aks_world_target *target,
    const struct aks_manifest *manifest, const struct aks_writer *writer, const char *source,
    uint64_t *ret_count, struct aks_error *err)
{
    const struct aks_manifest_object *log = find(manifest, source, "wal");
    struct aks_buf main;
    struct aks_buf wal;
    struct aks_error why = { 0 };
    enum aks_status status = AKS_OK;

    *ret_count = 0;
    aks_buf_init(&main, aks_laws_alloc(), AKS_LAWS_PLAIN_BYTES_MAX);
    aks_buf_init(&wal, aks_laws_alloc(), AKS_LAWS_PLAIN_BYTES_MAX);
    if (fetch(world, target, find(manifest, source, "main"), &main) &&
        (log == NULL || fetch(world, target, log, &wal))) {
        status = aks_writer_state(aks_laws_alloc(), aks_writer_kind(writer), main.data, main.len,
            log != NULL ? wal.data : NULL, wal.len, ret_count, &why);
        if (status != AKS_OK)
            status = aks_laws_broken(err, law, "%s: what upload %s holds of %s is %s",
                target->name, manifest->upload_id, source, why.message);
        else if (*ret_count > aks_writer_committed(writer))
            status = aks_laws_broken(err, law, "%s: upload %s holds %s as it never was",
                target->name, manifest->upload_id, source);
    }
    aks_buf_fini(&main);
    aks_buf_fini(&wal);
    return status;
}

enum aks_status
aks_laws_writer_manifest(struct aks_world *world, const struct aks_world_target *target,
    const struct aks_manifest *manifest, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    uint64_t count;

    for (size_t i = 0; status == AKS_OK && i < manifest->object_count; i++) {
        const struct aks_manifest_object *object = &manifest->objects[i];
        const struct aks_writer *writer = aks_world_writer_of(world, object->source_name);

        if (writer != NULL && strcmp(object->role, "main") == 0)
            status = check_pair(world, target, manifest, writer, object->source_name, &count, err);
        else if (writer != NULL && find(manifest, object->source_name, "main") == NULL)
            status = aks_laws_broken(err, law, "%s: upload %s holds the log of %s and not the "
                "database", target->name, manifest->upload_id, object->source_name);
    }
    return status;
}

struct search {
    struct aks_world *world;
    const struct aks_world_target *target;
    const struct aks_writer *writer;
    const char *source;
    const char *key;
    uint64_t count;                     /* the newest that was found */
};

static void
look_for(void *ctx, const char *key, const void *data, size_t len)
{
    struct search *search = ctx;
    struct aks_manifest manifest;
    const struct aks_manifest_object *object;
    uint64_t count = 0;

    if (!aks_laws_is_manifest(key))
        return;
    aks_manifest_init(&manifest, aks_laws_alloc());
    if (aks_manifest_read(data, len, &manifest, NULL) == AKS_OK) {
        object = find(&manifest, search->source, "main");
        if (object != NULL && strcmp(object->key, search->key) == 0 &&
            check_pair(search->world, search->target, &manifest, search->writer, search->source,
                &count, NULL) == AKS_OK && count > search->count)
            search->count = count;
    }
    aks_manifest_fini(&manifest);
}

uint64_t
aks_laws_writer_held(struct aks_world *world, const struct aks_world_target *target,
    const char *source, const char *key)
{
    struct search search = { world, target, aks_world_writer_of(world, source), source, key, 0 };

    if (search.writer != NULL)
        aks_world_objects(world, target, look_for, &search);
    return search.count;
}
