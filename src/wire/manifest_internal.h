/* What a manifest may hold, in one place for writer and reader. Internal to wire/. */
#ifndef AKS_WIRE_MANIFEST_INTERNAL_H
#define AKS_WIRE_MANIFEST_INTERNAL_H

#include "base/error.h"
#include "wire/manifest.h"

#include <stdbool.h>
#include <stddef.h>

/* Akosha's limit on a name in `files`, for the stored name as well as for ours. */
#define AKS_MANIFEST_NAME_MAX 255
/* S3's limit. */
#define AKS_MANIFEST_KEY_MAX 1024
/* Akosha's limit on system_id and upload_id. */
#define AKS_MANIFEST_ID_MAX 100
/* A path of PATH_MAX bytes, each of them percent-encoded. */
#define AKS_MANIFEST_SOURCE_MAX (3 * 4096)
#define AKS_MANIFEST_WORD_MAX 32
#define AKS_MANIFEST_VERSION_MAX 64
#define AKS_MANIFEST_DIGEST_DIGITS 64

/** What is behind the last '/' of ${key}. */
const char *aks_manifest_check_stored_name(const char *key);
/** Returns why ${object} cannot stand in a manifest, with *ret_field the field's name; NULL if it
 * can. */
const char *aks_manifest_check_object(const struct aks_manifest_object *object,
    const char **ret_field);
/** The same of the fields beside the objects. */
const char *aks_manifest_check_head(const struct aks_manifest *manifest, const char **ret_field);
/** Frees the strings. */
void aks_manifest_object_fini(const struct aks_alloc *alloc,
    struct aks_manifest_object *object);
/** Moves ${object} with its strings to the end, or frees them: the caller owns nothing afterwards.
 * ${status} for an object that cannot stand in a manifest. */
enum aks_status aks_manifest_take(struct aks_manifest *manifest,
    struct aks_manifest_object *object, enum aks_status status, struct aks_error *err);
/** ${status} if two objects have one name, or one is a log without its database; AKS_LIMIT without
 * memory. */
enum aks_status aks_manifest_check_together(const struct aks_manifest *manifest,
    enum aks_status status, struct aks_error *err);

#endif
