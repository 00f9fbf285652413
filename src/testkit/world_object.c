/* Objects of a target, whichever kind it is. */
#include "testkit/world_internal.h"

#include <string.h>

struct walk {
    struct aks_world *world;
    const struct aks_world_target *target;
    void (*each)(void *ctx, const char *key, const void *data, size_t len);
    void *ctx;
};

const void *
aks_world_object(struct aks_world *world, const struct aks_world_target *target, const char *key,
    size_t *ret_len)
{
    /* Looking is no part of the world, which may be short of memory. */
    const struct aks_alloc *alloc = aks_alloc_system();
    const struct aks_s3_object *object;
    const void *found = NULL;
    char *whole;

    if (target->http != NULL)
        return aks_http_model_object(target->http, key, ret_len);
    if (target->mcp != NULL)
        return aks_mcp_model_memory(target->mcp, key, ret_len);
    whole = aks_mem_printf(alloc, "%s%s%s", target->s3 != NULL ? target->prefix
        : target->folder, target->s3 != NULL ? "" : "/", key);
    if (whole == NULL)
        return NULL;
    if (target->s3 != NULL) {
        object = aks_s3_model_object(target->s3, whole);
        if (object != NULL) {
            found = object->data;
            *ret_len = object->len;
        }
    } else {
        found = aks_files_sim_look(aks_sim_files(world->sim), whole, ret_len);
    }
    aks_mem_free(alloc, whole);
    return found;
}

static void
each_s3(void *ctx, const struct aks_s3_object *object)
{
    struct walk *walk = ctx;
    size_t prefix = strlen(walk->target->prefix);

    if (strncmp(object->key, walk->target->prefix, prefix) == 0)
        walk->each(walk->ctx, object->key + prefix, object->data, object->len);
}

static void
each_file(void *ctx, const char *path, int64_t bytes)
{
    struct walk *walk = ctx;
    size_t folder = strlen(walk->target->folder);
    const void *data;
    size_t len;

    if (strncmp(path, walk->target->folder, folder) != 0 || path[folder] != '/' ||
        path[strlen(path) - 1] == '/')
        return;
    data = aks_files_sim_look(aks_sim_files(walk->world->sim), path, &len);
    if (data != NULL)
        walk->each(walk->ctx, path + folder + 1, data, len);
}

void
aks_world_objects(struct aks_world *world, const struct aks_world_target *target,
    void (*each)(void *ctx, const char *key, const void *data, size_t len), void *ctx)
{
    struct walk walk = { world, target, each, ctx };

    if (target->s3 != NULL)
        aks_s3_model_each(target->s3, each_s3, &walk);
    else if (target->http != NULL)
        aks_http_model_each(target->http, each, ctx);
    else if (target->mcp != NULL)
        aks_mcp_model_each(target->mcp, each, ctx);
    else
        aks_files_sim_each(aks_sim_files(world->sim), each_file, &walk);
}
