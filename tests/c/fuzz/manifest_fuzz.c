/* Manifests. What is read can be written, and what is written reads alike. */
#include "base/check.h"
#include "wire/manifest.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_objects(const struct aks_manifest *manifest)
{
    AKS_CHECK(manifest->object_count <= AKS_MANIFEST_OBJECTS_MAX);
    for (size_t i = 0; i < manifest->object_count; i++) {
        const struct aks_manifest_object *object = &manifest->objects[i];

        AKS_CHECK(strchr(object->name, '/') == NULL && strlen(object->name) <= 255);
        AKS_CHECK(object->key[0] != '/' && strstr(object->key, "..") == NULL);
        AKS_CHECK(object->bytes >= 0 && object->stored_bytes >= 0);
        AKS_CHECK(strlen(object->sha256) == 64 && strlen(object->stored_sha256) == 64);
    }
}

static void
check_round_trip(const struct aks_manifest *manifest)
{
    struct aks_manifest again;
    struct aks_buf first;
    struct aks_buf second;

    aks_buf_init(&first, aks_alloc_system(), AKS_MANIFEST_BYTES_MAX);
    aks_buf_init(&second, aks_alloc_system(), AKS_MANIFEST_BYTES_MAX);
    aks_manifest_init(&again, aks_alloc_system());
    AKS_CHECK(aks_manifest_write(manifest, &first, NULL) == AKS_OK);
    AKS_CHECK(aks_manifest_read(first.data, first.len, &again, NULL) == AKS_OK);
    AKS_CHECK(aks_manifest_write(&again, &second, NULL) == AKS_OK);
    AKS_CHECK(strcmp(first.data, second.data) == 0);
    aks_manifest_fini(&again);
    aks_buf_fini(&second);
    aks_buf_fini(&first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_manifest manifest;
    struct aks_error err;
    enum aks_status status;

    aks_error_clear(&err);
    aks_manifest_init(&manifest, aks_alloc_system());
    status = aks_manifest_read((const char *)data, len, &manifest, &err);
    AKS_CHECK(status == AKS_OK || status == AKS_CORRUPT);
    AKS_CHECK(err.status == status);
    check_objects(&manifest);
    if (status == AKS_OK)
        check_round_trip(&manifest);
    aks_manifest_fini(&manifest);
    return 0;
}
