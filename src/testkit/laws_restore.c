/* Nothing lost, by its proof: what was restored is what the sources were when they were put into
 * the queue, or later. */
#include "base/encode.h"
#include "data/digest.h"
#include "engine/snapshot.h"
#include "testkit/laws_internal.h"

#include <stdio.h>
#include <string.h>

static const char law[] = "nothing lost";

static const void *
look(struct aks_world *world, const char *folder, const char *name, const char *ending,
    size_t *ret_len)
{
    char path[AKS_PATH_BYTES];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s%s", folder, name, ending) >= sizeof(path))
        return NULL;
    return aks_files_sim_look(aks_sim_files(world->sim), path, ret_len);
}

static enum aks_status
check_database(struct aks_world *world, const struct world_writer *own, const char *folder,
    const char *name, struct aks_error *err)
{
    bool duckdb = aks_writer_kind(own->writer) == AKS_WRITER_DUCKDB;
    struct aks_error why = { 0 };
    uint64_t count = 0;
    size_t main_len = 0;
    size_t wal_len = 0;
    const void *main = look(world, folder, name, "", &main_len);
    const void *wal = look(world, folder, name, duckdb ? ".wal" : "-wal", &wal_len);

    if (main == NULL)
        return aks_laws_broken(err, law, "%s was not restored", name);
    if (aks_writer_state(aks_laws_alloc(), aks_writer_kind(own->writer), main, main_len, wal,
            wal_len, &count, &why) != AKS_OK)
        return aks_laws_broken(err, law, "%s came back as %s", name, why.message);
    if (count < own->owed)
        return aks_laws_broken(err, law, "%s came back as of transaction %llu, and %llu were there "
            "when it was put into the queue", name, (unsigned long long)count,
            (unsigned long long)own->owed);
    return AKS_OK;
}

/* Any version that it had since. */
static bool
had_since(const struct aks_world *world, const char *path, const char *sha256)
{
    for (size_t i = 0; i < world->version_count; i++) {
        const struct world_version *version = &world->versions[i];

        if (strcmp(version->path, path) == 0 && strcmp(version->sha256, sha256) == 0 &&
            !version->outdated)
            return true;
    }
    return false;
}

static enum aks_status
check_file(struct aks_world *world, const char *path, const char *folder, const char *name,
    struct aks_error *err)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];
    size_t len = 0;
    const void *data = look(world, folder, name, "", &len);

    if (data == NULL)
        return aks_laws_broken(err, law, "%s was not restored", name);
    aks_sha256(data, len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    if (!had_since(world, path, hex))
        return aks_laws_broken(err, law, "%s came back with other bytes than it had when it was "
            "put into the queue, or since", name);
    return AKS_OK;
}

enum aks_status
aks_laws_restored(struct aks_world *world, const char *folder, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    const char *path;

    for (size_t i = 0; status == AKS_OK && (path = aks_world_source(world, i)) != NULL; i++) {
        const char *slash = strrchr(path, '/');
        const struct world_writer *own = NULL;

        for (size_t j = 0; j < world->writer_count; j++) {
            if (strcmp(aks_writer_path(world->writers[j].writer), path) == 0)
                own = &world->writers[j];
        }
        status = own != NULL ? check_database(world, own, folder, slash + 1, err)
            : check_file(world, path, folder, slash + 1, err);
    }
    return status;
}

static void
look_for_copy(void *ctx, const char *path, int64_t bytes)
{
    static const char folder[] = AKS_WORLD_STATE "/snapshots/";
    char *found = ctx;
    size_t len = strlen(path);

    if (path[len - 1] != '/' && found[0] == '\0' &&
        (strncmp(path, folder, sizeof(folder) - 1) == 0 ||
            strstr(path, "/" AKS_SNAPSHOT_BESIDE_PREFIX) != NULL))
        (void)snprintf(found, AKS_PATH_BYTES, "%s", path);
}

enum aks_status
aks_laws_no_snapshots(struct aks_world *world, struct aks_error *err)
{
    char found[AKS_PATH_BYTES] = "";

    aks_files_sim_each(aks_sim_files(world->sim), look_for_copy, found);
    return found[0] == '\0' ? AKS_OK : aks_laws_broken(err, "nothing kept", "a copy of a source is "
        "left: %.300s", found);
}

enum aks_status
aks_laws_nothing_open(struct aks_world *world, bool unheard, struct aks_error *err)
{
    unsigned left = unheard ? world->again.unheard : 0;

    for (size_t i = 0; i < world->target_count; i++) {
        const struct aks_world_target *target = &world->targets[i];
        unsigned open = target->s3 != NULL ? aks_s3_model_uploads_open(target->s3) : 0;

        if (open > left)
            return aks_laws_broken(err, "nothing half-seen", "%s: %u uploads are left open",
                target->name, open);
        left -= open;
    }
    return AKS_OK;
}
