#include "base/encode.h"
#include "data/digest.h"
#include "testkit/laws_internal.h"
#include "testkit/unpack.h"

#include <stdio.h>
#include <string.h>

static const char law[] = "nothing half-seen";

static void
hex_digest(const void *data, size_t len, char ret_hex[AKS_SHA256_HEX_BYTES])
{
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256(data, len, digest);
    aks_hex_encode(digest, sizeof(digest), ret_hex);
}

static enum aks_status
check_plain(const struct aks_manifest_object *object, const void *data, size_t len,
    struct aks_error *err)
{
    char hex[AKS_SHA256_HEX_BYTES];
    struct aks_buf plain;
    enum aks_status status;

    /* Nobody in a world has an identity: that it is a file of age is what can be seen. */
    if (object->encryption == AKS_ENCRYPTION_AGE)
        return len > strlen(AKS_AGE_VERSION_LINE) &&
            memcmp(data, AKS_AGE_VERSION_LINE, strlen(AKS_AGE_VERSION_LINE)) == 0 ? AKS_OK
            : aks_laws_broken(err, law, "%s is to be encrypted and is no file of age",
            object->key);
    if (strcmp(object->codec, "none") == 0)
        return strcmp(object->sha256, object->stored_sha256) == 0 &&
            object->bytes == object->stored_bytes ? AKS_OK : aks_laws_broken(err, law, "%s is not "
            "encoded, and its manifest gives it two digests", object->key);
    aks_buf_init(&plain, aks_laws_alloc(), AKS_LAWS_PLAIN_BYTES_MAX);
    status = aks_unpack(object->codec, data, len, &plain, err);
    if (status == AKS_OK) {
        hex_digest(plain.data, plain.len, hex);
        if ((int64_t)plain.len != object->bytes || strcmp(hex, object->sha256) != 0)
            status = aks_laws_broken(err, law, "%s unpacks to other bytes than its manifest says",
                object->key);
    } else {
        status = aks_laws_broken(err, law, "%s does not unpack", object->key);
    }
    aks_buf_fini(&plain);
    return status;
}

static enum aks_status
check_object(struct aks_world *world, const struct aks_world_target *target,
    const struct aks_manifest_object *object, const char *manifest_key, struct aks_error *err)
{
    char hex[AKS_SHA256_HEX_BYTES];
    size_t len = 0;
    const void *data = aks_world_object(world, target, object->key, &len);

    if (data == NULL)
        return aks_laws_broken(err, law, "%s: %s names %s, which is not there", target->name,
            manifest_key, object->key);
    if ((int64_t)len != object->stored_bytes)
        return aks_laws_broken(err, law, "%s: %s has %zu bytes, its manifest says %lld",
            target->name, object->key, len, (long long)object->stored_bytes);
    hex_digest(data, len, hex);
    if (strcmp(hex, object->stored_sha256) != 0)
        return aks_laws_broken(err, law, "%s: %s has other bytes than its manifest says",
            target->name, object->key);
    return check_plain(object, data, len, err);
}

/* What a reader takes memories from. */
static enum aks_status
check_memories(struct aks_world *world, const struct aks_world_target *target,
    const struct aks_manifest_memories *memories, const char *manifest_key, struct aks_error *err)
{
    char hex[AKS_SHA256_HEX_BYTES];
    size_t len = 0;
    const void *data = memories->key != NULL
        ? aks_world_object(world, target, memories->key, &len) : NULL;

    if (memories->key == NULL)
        return AKS_OK;
    if (data == NULL)
        return aks_laws_broken(err, law, "%s: %s names %s, which is not there", target->name,
            manifest_key, memories->key);
    hex_digest(data, len, hex);
    if ((int64_t)len != memories->bytes || strcmp(hex, memories->sha256) != 0)
        return aks_laws_broken(err, law, "%s: %s has other bytes than its manifest says",
            target->name, memories->key);
    return AKS_OK;
}

enum aks_status
aks_laws_manifest(struct aks_world *world, const struct aks_world_target *target, const char *key,
    const void *data, size_t len, struct aks_error *err)
{
    struct aks_manifest manifest;
    struct aks_error why;
    enum aks_status status;

    aks_manifest_init(&manifest, aks_laws_alloc());
    status = aks_manifest_read(data, len, &manifest, &why);
    if (status != AKS_OK)
        status = aks_laws_broken(err, law, "%s: %s cannot be read: %.200s", target->name, key,
            why.message);
    for (size_t i = 0; status == AKS_OK && i < manifest.object_count; i++)
        status = check_object(world, target, &manifest.objects[i], key, err);
    if (status == AKS_OK)
        status = check_memories(world, target, &manifest.memories, key, err);
    if (status == AKS_OK)
        status = aks_laws_writer_manifest(world, target, &manifest, err);
    aks_manifest_fini(&manifest);
    return status;
}

struct walk {
    struct aks_world *world;
    const struct aks_world_target *target;
    struct aks_error *err;
    enum aks_status status;
    /* of names */
    const char *key;
    const char *sha256;
    bool found;
};

bool
aks_laws_is_manifest(const char *key)
{
    static const char end[] = "/" AKS_MANIFEST_NAME;
    size_t len = strlen(key);

    return len >= sizeof(end) - 1 && strcmp(key + len - (sizeof(end) - 1), end) == 0;
}

static void
check_one(void *ctx, const char *key, const void *data, size_t len)
{
    struct walk *walk = ctx;

    if (walk->status == AKS_OK && aks_laws_is_manifest(key))
        walk->status = aks_laws_manifest(walk->world, walk->target, key, data, len, walk->err);
}

enum aks_status
aks_laws_manifests(struct aks_world *world, struct aks_error *err)
{
    struct walk walk = { world, NULL, err, AKS_OK, NULL, NULL, false };

    for (size_t i = 0; i < world->target_count; i++) {
        walk.target = &world->targets[i];
        aks_world_objects(world, walk.target, check_one, &walk);
    }
    return walk.status;
}

static void
look_for(void *ctx, const char *key, const void *data, size_t len)
{
    struct walk *walk = ctx;
    struct aks_manifest manifest;

    if (walk->found || !aks_laws_is_manifest(key))
        return;
    aks_manifest_init(&manifest, aks_laws_alloc());
    if (aks_manifest_read(data, len, &manifest, NULL) == AKS_OK) {
        for (size_t i = 0; i < manifest.object_count; i++) {
            if (strcmp(manifest.objects[i].key, walk->key) == 0 &&
                strcmp(manifest.objects[i].sha256, walk->sha256) == 0)
                walk->found = true;
        }
    }
    aks_manifest_fini(&manifest);
}

bool
aks_laws_manifest_names(struct aks_world *world, const struct aks_world_target *target,
    const char *key, const char *sha256)
{
    struct walk walk = { world, target, NULL, AKS_OK, key, sha256, false };

    aks_world_objects(world, target, look_for, &walk);
    return walk.found;
}
