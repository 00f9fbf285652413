#include "wire/manifest.h"

#include "base/check.h"
#include "wire/dates.h"
#include "wire/json_shape.h"
#include "wire/manifest_internal.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#define WHERE_BYTES 48

/* The first failure sticks, so that an object is read with a row of calls and asked once. */
struct reader {
    const struct aks_alloc *alloc;
    struct aks_error *err;
    enum aks_status status;
    char where[WHERE_BYTES];        /* "objects[3]" */
};

static void
fail(struct reader *reader, const char *field, const char *why)
{
    const char *dot = reader->where[0] != '\0' && field[0] != '\0' ? "." : "";

    if (reader->status == AKS_OK)
        reader->status = aks_error_set(reader->err, AKS_CORRUPT, "manifest, %s%s%s: %s",
            reader->where, dot, field, why);
}

/* The field, if it is there and of ${type}; else NULL and a failure. */
static const json_t *
get(struct reader *reader, const json_t *object, const char *field, json_type type)
{
    static const char *const wanted[] = {
        [JSON_OBJECT] = "is no object", [JSON_ARRAY] = "is no list",
        [JSON_STRING] = "is no text", [JSON_INTEGER] = "is no whole number",
    };
    const json_t *value = json_object_get(object, field);

    if (value == NULL) {
        fail(reader, field, "is missing");
        return NULL;
    }
    if (json_typeof(value) != type) {
        fail(reader, field, wanted[type]);
        return NULL;
    }
    return value;
}

static char *
get_text(struct reader *reader, const json_t *object, const char *field)
{
    const json_t *value = get(reader, object, field, JSON_STRING);
    char *copy;

    if (value == NULL)
        return NULL;
    copy = aks_mem_strndup(reader->alloc, json_string_value(value), json_string_length(value));
    if (copy == NULL && reader->status == AKS_OK)
        reader->status = aks_error_memory(reader->err, "reading a manifest");
    return copy;
}

static int64_t
get_count(struct reader *reader, const json_t *object, const char *field)
{
    const json_t *value = get(reader, object, field, JSON_INTEGER);

    return value != NULL ? json_integer_value(value) : 0;
}

static int64_t
get_date(struct reader *reader, const json_t *object, const char *field)
{
    const json_t *value = get(reader, object, field, JSON_STRING);
    int64_t wall_ms = 0;

    if (value != NULL && !aks_date_parse_iso(json_string_value(value), json_string_length(value),
        &wall_ms))
        fail(reader, field, "is no date");
    return wall_ms;
}

/* Whether the digits are hex is checked with the other fields, once they are in lower case. */
static void
get_digest(struct reader *reader, const json_t *object, const char *field, char ret_digest[65])
{
    const json_t *value = get(reader, object, field, JSON_STRING);

    if (value == NULL)
        return;
    if (json_string_length(value) != AKS_MANIFEST_DIGEST_DIGITS) {
        fail(reader, field, "is no 64 hex digits");
        return;
    }
    for (size_t i = 0; i < AKS_MANIFEST_DIGEST_DIGITS; i++) {
        char c = json_string_value(value)[i];

        ret_digest[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    ret_digest[AKS_MANIFEST_DIGEST_DIGITS] = '\0';
}

static void
get_optional_digest(struct reader *reader, const json_t *object, const char *field,
    char ret_digest[65])
{
    const json_t *value = json_object_get(object, field);

    if (value != NULL && !json_is_null(value))
        get_digest(reader, object, field, ret_digest);
}

static void
read_snapshot(struct reader *reader, const json_t *json, struct aks_manifest_object *object)
{
    const json_t *snapshot = get(reader, json, "snapshot", JSON_OBJECT);
    size_t len = strlen(reader->where);
    const json_t *writer;

    if (snapshot == NULL)
        return;
    (void)snprintf(reader->where + len, sizeof(reader->where) - len, ".snapshot");
    object->snapshot_method = get_text(reader, snapshot, "method");
    object->taken_at_ms = get_date(reader, snapshot, "taken_at");
    writer = json_object_get(snapshot, "writer");
    if (!json_is_boolean(writer))
        fail(reader, "writer", "is neither true nor false");
    object->snapshot_writer = json_is_true(writer);
    reader->where[len] = '\0';
}

static void
read_object_fields(struct reader *reader, const json_t *json, struct aks_manifest_object *object)
{
    const json_t *encryption = json_object_get(json, "encryption");

    object->name = get_text(reader, json, "name");
    object->key = get_text(reader, json, "key");
    object->source_name = get_text(reader, json, "source_name");
    object->kind = get_text(reader, json, "kind");
    object->role = get_text(reader, json, "role");
    object->bytes = get_count(reader, json, "bytes");
    get_digest(reader, json, "sha256", object->sha256);
    object->codec = get_text(reader, json, "codec");
    if (json_is_string(encryption) &&
        strcmp(json_string_value(encryption), AKS_ENCRYPTION_AGE_NAME) == 0)
        object->encryption = AKS_ENCRYPTION_AGE;
    else if (encryption != NULL && !json_is_null(encryption))
        fail(reader, "encryption", "is not known to this version");
    object->stored_bytes = get_count(reader, json, "stored_bytes");
    get_digest(reader, json, "stored_sha256", object->stored_sha256);
    object->part_bytes = get_count(reader, json, "part_bytes");
    object->parts = get_count(reader, json, "parts");
    read_snapshot(reader, json, object);
}

static void
read_objects(struct reader *reader, const json_t *root, struct aks_manifest *manifest)
{
    const json_t *array = get(reader, root, "objects", JSON_ARRAY);
    size_t count = json_array_size(array);

    if (count > AKS_MANIFEST_OBJECTS_MAX)
        fail(reader, "objects", "are over 10000");
    for (size_t i = 0; reader->status == AKS_OK && i < count; i++) {
        const json_t *json = json_array_get(array, i);
        struct aks_manifest_object object = { 0 };

        (void)snprintf(reader->where, sizeof(reader->where), "objects[%zu]", i);
        if (!json_is_object(json))
            fail(reader, "", "is no object");
        else
            read_object_fields(reader, json, &object);
        if (reader->status == AKS_OK)
            reader->status = aks_manifest_take(manifest, &object, AKS_CORRUPT, reader->err);
        else
            aks_manifest_object_fini(reader->alloc, &object);
    }
    reader->where[0] = '\0';
}

static void
read_format(struct reader *reader, const json_t *root)
{
    const json_t *format = get(reader, root, "format", JSON_STRING);

    if (format == NULL || strcmp(json_string_value(format), AKS_MANIFEST_FORMAT) == 0)
        return;
    fail(reader, "format", "is not " AKS_MANIFEST_FORMAT);
    aks_error_hint(reader->err, "a later version of akosha-sync may have written it");
}

static enum aks_status
read_root(const json_t *root, struct aks_manifest *manifest, struct aks_error *err)
{
    struct reader reader = { .alloc = manifest->alloc, .err = err };
    const json_t *uploader;
    const char *field = NULL;
    const char *why;

    if (!json_is_object(root))
        return aks_error_set(err, AKS_CORRUPT, "manifest: is no JSON object");
    read_format(&reader, root);
    if (reader.status != AKS_OK)
        return reader.status;
    manifest->system_id = get_text(&reader, root, "system_id");
    manifest->upload_id = get_text(&reader, root, "upload_id");
    manifest->uploaded_at_ms = get_date(&reader, root, "uploaded_at");
    uploader = get(&reader, root, "uploader", JSON_OBJECT);
    if (uploader != NULL) {
        (void)snprintf(reader.where, sizeof(reader.where), "uploader");
        manifest->uploader_version = get_text(&reader, uploader, "version");
        reader.where[0] = '\0';
    }
    get_optional_digest(&reader, root, "policy_sha256", manifest->policy_sha256);
    get_optional_digest(&reader, root, "audit_head", manifest->audit_head);
    if (reader.status != AKS_OK)
        return reader.status;
    why = aks_manifest_check_head(manifest, &field);
    if (why != NULL)
        return aks_error_set(err, AKS_CORRUPT, "manifest, %s: %s", field, why);
    read_objects(&reader, root, manifest);
    if (reader.status == AKS_OK)
        reader.status = aks_manifest_memories_read(manifest->alloc,
            json_object_get(root, "memories"), &manifest->memories, err);
    return reader.status;
}

enum aks_status
aks_manifest_read(const char *json, size_t len, struct aks_manifest *ret_manifest,
    struct aks_error *err)
{
    /* Ours has four levels, two containers and some 20 values for each object; unknown fields may
     * have more. */
    static const struct aks_json_shape limits = { 32, 4 * AKS_MANIFEST_OBJECTS_MAX,
        50 * AKS_MANIFEST_OBJECTS_MAX };
    json_error_t json_error;
    enum aks_status status;
    const char *why;
    json_t *root;

    AKS_CHECK(ret_manifest->object_count == 0 && ret_manifest->system_id == NULL);
    if (len > AKS_MANIFEST_BYTES_MAX)
        return aks_error_set(err, AKS_CORRUPT, "manifest: is over %d bytes long",
            AKS_MANIFEST_BYTES_MAX);
    why = aks_json_shape(json, len, &limits);
    if (why != NULL)
        return aks_error_set(err, AKS_CORRUPT, "manifest: %s", why);
    root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &json_error);
    if (root == NULL && json_error_code(&json_error) == json_error_out_of_memory)
        return aks_error_memory(err, "reading a manifest");
    if (root == NULL)
        return aks_error_set(err, AKS_CORRUPT, "manifest: is no JSON (line %d, column %d)",
            json_error.line, json_error.column);
    status = read_root(root, ret_manifest, err);
    if (status == AKS_OK)
        status = aks_manifest_check_together(ret_manifest, AKS_CORRUPT, err);
    json_decref(root);
    return status;
}
