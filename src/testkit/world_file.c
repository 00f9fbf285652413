/* Files that a test puts and changes, and what they once were: an engine may store any of it, and
 * nothing else. */
#include "base/encode.h"
#include "data/digest.h"
#include "engine/text.h"
#include "testkit/world_internal.h"

#include <string.h>

void
aks_world_files_fini(struct aks_world *world)
{
    for (size_t i = 0; i < world->version_count; i++)
        aks_mem_free(world->alloc, world->versions[i].path);
    aks_mem_free(world->alloc, world->versions);
    world->versions = NULL;
    world->version_count = 0;
}

/* ${path} as it stands in reports, owned. */
static char *
whole_path(const struct aks_world *world, const char *path)
{
    if (path[0] == '/')
        return aks_mem_strdup(world->alloc, path);
    return aks_mem_printf(world->alloc, "%s/%s", AKS_WORLD_HOME, path);
}

/* Takes ${path}. */
static enum aks_status
remember(struct aks_world *world, char *path, struct aks_error *err)
{
    uint8_t digest[AKS_SHA256_BYTES];
    struct world_version *version;
    size_t len = 0;
    const void *data = aks_files_sim_look(aks_sim_files(world->sim), path, &len);

    if (world->versions == NULL)
        world->versions = aks_mem_array(world->alloc, AKS_WORLD_VERSIONS_MAX,
            sizeof(*world->versions));
    if (world->versions == NULL || world->version_count == AKS_WORLD_VERSIONS_MAX) {
        aks_mem_free(world->alloc, path);
        return aks_error_set(err, AKS_LIMIT, "a world remembers %d versions of files",
            AKS_WORLD_VERSIONS_MAX);
    }
    version = &world->versions[world->version_count++];
    version->path = path;
    aks_sha256(data, len, digest);
    aks_hex_encode(digest, sizeof(digest), version->sha256);
    return AKS_OK;
}

enum aks_status
aks_world_put(struct aks_world *world, const char *path, const void *data, size_t len,
    struct aks_error *err)
{
    char *whole = whole_path(world, path);
    size_t path_len = strlen(path);
    enum aks_status status;

    if (path_len >= 4 && strcmp(path + path_len - 4, ".lua") == 0)
        world->learnt = false;
    if (whole == NULL)
        return aks_error_memory(err, "putting a file");
    status = aks_files_sim_put(aks_sim_files(world->sim), whole, data, len, 0, err);
    if (status == AKS_OK)
        return remember(world, whole, err);
    aks_mem_free(world->alloc, whole);
    return status;
}

enum aks_status
aks_world_edit(struct aks_world *world, const char *path, int64_t offset, const void *data,
    size_t len, struct aks_error *err)
{
    char *whole = whole_path(world, path);
    enum aks_status status;

    if (whole == NULL)
        return aks_error_memory(err, "editing a file");
    status = aks_files_sim_edit(aks_sim_files(world->sim), whole, offset, data, len, err);
    if (status == AKS_OK)
        return remember(world, whole, err);
    aks_mem_free(world->alloc, whole);
    return status;
}

static void
owe_file(struct aks_world *world, const char *path)
{
    struct world_version *newest = NULL;

    for (size_t i = 0; i < world->version_count; i++) {
        struct world_version *version = &world->versions[i];

        if (strcmp(version->path, path) != 0)
            continue;
        if (newest != NULL)
            newest->outdated = true;
        newest = version;
    }
    for (size_t i = 0; i < world->writer_count; i++) {
        if (strcmp(aks_writer_path(world->writers[i].writer), path) == 0)
            world->writers[i].owed = world->writers[i].since;
    }
}

void
aks_world_owe(struct aks_world *world, const struct aks_world_run_options *options)
{
    const char *path;

    if (options != NULL && options->sources != NULL) {
        for (size_t i = 0; i < options->source_count; i++)
            owe_file(world, options->sources[i]);
        return;
    }
    for (size_t i = 0; (path = aks_world_source(world, i)) != NULL; i++)
        owe_file(world, path);
}

void
aks_world_room(struct aks_world *world, int64_t bytes)
{
    world->full = bytes >= 0;
    aks_files_sim_set_room(aks_sim_files(world->sim), bytes);
}

/* Bytes that are no text are told percent-encoded (engine/text.h). */
bool
aks_world_told_as(const char *path, const char *told)
{
    char *text = aks_text_path(aks_alloc_system(), path);
    bool same = text != NULL && strcmp(text, told) == 0;

    aks_mem_free(aks_alloc_system(), text);
    return same;
}

bool
aks_world_had(const struct aks_world *world, const char *path, const char *sha256)
{
    for (size_t i = 0; i < world->version_count; i++) {
        if (aks_world_told_as(world->versions[i].path, path) &&
            strcmp(world->versions[i].sha256, sha256) == 0)
            return true;
    }
    return false;
}
