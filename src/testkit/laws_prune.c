/* Nothing forgotten that is needed: what complete uploads held before a prune, and after it. */
#include "testkit/laws_internal.h"

#include <jansson.h>
#include <string.h>

static const char law[] = "nothing forgotten that is needed";

/* What is taken down of one target: {"uploads": {ID: true}, "memories": {ID: true}}. */
struct look {
    struct aks_world *world;
    const struct aks_world_target *target;
    json_t *uploads;
    json_t *memories;
    bool failed;
};

static void
look_at_memories(struct look *look, const char *key)
{
    size_t len = 0;
    const void *data = aks_world_object(look->world, look->target, key, &len);
    json_t *root = data != NULL ? json_loadb(data, len, 0, NULL) : NULL;
    const json_t *memory;
    size_t i;

    json_array_foreach(json_object_get(root, "conversations"), i, memory) {
        const char *id = json_string_value(json_object_get(memory, "id"));

        if (id == NULL || json_object_set_new(look->memories, id, json_true()) != 0)
            look->failed = true;
    }
    json_decref(root);
}

static void
look_at_object(void *ctx, const char *key, const void *data, size_t len)
{
    struct look *look = ctx;
    struct aks_manifest manifest;

    if (!aks_laws_is_manifest(key))
        return;
    aks_manifest_init(&manifest, aks_laws_alloc());
    if (aks_manifest_read(data, len, &manifest, NULL) == AKS_OK) {
        if (json_object_set_new(look->uploads, manifest.upload_id, json_true()) != 0)
            look->failed = true;
        if (manifest.memories.key != NULL)
            look_at_memories(look, manifest.memories.key);
    }
    aks_manifest_fini(&manifest);
}

struct json_t *
aks_laws_before_prune(struct aks_world *world)
{
    json_t *all = json_object();
    bool failed = all == NULL;

    for (size_t i = 0; i < world->target_count && !failed; i++) {
        struct look look = { world, &world->targets[i], json_object(), json_object(), false };

        aks_world_objects(world, look.target, look_at_object, &look);
        failed = look.failed || json_object_set_new(all, look.target->name,
            json_pack("{s:o, s:o}", "uploads", look.uploads, "memories", look.memories)) != 0;
    }
    if (!failed)
        return all;
    json_decref(all);
    return NULL;
}

static const char *
newest_of(const json_t *uploads)
{
    const char *newest = NULL;
    const char *id;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)uploads, id, value) {
        if (newest == NULL || strcmp(id, newest) > 0)
            newest = id;
    }
    return newest;
}

static enum aks_status
check_target(const char *name, const json_t *before, const json_t *now, const char *verified,
    struct aks_error *err)
{
    json_t *had = json_object_get(before, "uploads");
    json_t *has = json_object_get(now, "uploads");
    const char *newest = newest_of(had);
    const char *id;
    json_t *value;

    if (newest != NULL && json_object_get(has, newest) == NULL)
        return aks_laws_broken(err, law, "%s: %s was the newest upload, and is gone", name, newest);
    if (verified != NULL && json_object_get(had, verified) != NULL &&
        json_object_get(has, verified) == NULL)
        return aks_laws_broken(err, law, "%s: %s was the newest that was verified, and is gone",
            name, verified);
    json_object_foreach(json_object_get(before, "memories"), id, value) {
        if (json_object_get(json_object_get(now, "memories"), id) == NULL)
            return aks_laws_broken(err, law, "%s: memory %s is in no upload any more", name, id);
    }
    json_object_foreach(has, id, value) {
        if (json_object_get(had, id) == NULL)
            return aks_laws_broken(err, law, "%s: %s was no complete upload before", name, id);
    }
    return AKS_OK;
}

enum aks_status
aks_laws_pruned(struct aks_world *world, const struct json_t *before, const char *verified,
    struct aks_error *err)
{
    json_t *now = aks_laws_before_prune(world);
    enum aks_status status = before != NULL && now != NULL ? AKS_OK
        : aks_error_memory(err, "looking at what is kept");
    const char *name;
    json_t *target;

    json_object_foreach((json_t *)(uintptr_t)before, name, target) {
        if (status == AKS_OK)
            status = check_target(name, target, json_object_get(now, name), verified, err);
    }
    json_decref(now);
    return status;
}
