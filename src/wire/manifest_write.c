#include "wire/manifest.h"

#include "wire/dates.h"
#include "wire/manifest_internal.h"

#include <string.h>

#include <jansson.h>

/* Akosha refuses a manifest that tells more, and takes one that tells nothing. */
#define TOTAL_BYTES_MAX INT64_C(100000000000)

/* Where jansson's text goes. */
struct sink {
    struct aks_buf *out;
    size_t limit;           /* on out->len */
};

static int
write_to_sink(const char *text, size_t len, void *ctx)
{
    struct sink *sink = ctx;

    if (len > sink->limit - sink->out->len)
        return -1;
    aks_buf_append(sink->out, text, len);
    return sink->out->failed == AKS_OK ? 0 : -1;
}

static json_t *
total_bytes(const struct aks_manifest *manifest)
{
    int64_t total = manifest->memories.bytes;

    if (total > TOTAL_BYTES_MAX)
        return json_null();
    for (size_t i = 0; i < manifest->object_count; i++) {
        if (manifest->objects[i].stored_bytes > TOTAL_BYTES_MAX - total)
            return json_null();
        total += manifest->objects[i].stored_bytes;
    }
    return json_integer(total);
}

static size_t
count_codec(const struct aks_manifest *manifest, const char *codec)
{
    size_t count = 0;

    for (size_t i = 0; i < manifest->object_count; i++)
        count += strcmp(manifest->objects[i].codec, codec) == 0;
    return count;
}

/* Akosha has one format for a whole upload, which it never uses: the one that most objects have,
 * zstd if there are as many of each. NULL if nothing is compressed. The truth is in
 * objects[].codec. */
static const char *
compression_format(const struct aks_manifest *manifest)
{
    size_t gzip = count_codec(manifest, "gzip");
    size_t zstd = count_codec(manifest, "zstd");

    if (gzip == 0 && zstd == 0)
        return NULL;
    return gzip > zstd ? "gzip" : "zstd";
}

/* The functions below return NULL without memory: all else has been checked. */

static json_t *
object_to_json(const struct aks_manifest_object *object)
{
    char taken_at[AKS_DATE_BYTES];

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s?, s:I, s:s, s:I, s:I,"
        " s:{s:s, s:b, s:s}}",
        "name", object->name,
        "key", object->key,
        "source_name", object->source_name,
        "kind", object->kind,
        "role", object->role,
        "bytes", (json_int_t)object->bytes,
        "sha256", object->sha256,
        "codec", object->codec,
        "encryption", object->encryption == AKS_ENCRYPTION_AGE ? AKS_ENCRYPTION_AGE_NAME : NULL,
        "stored_bytes", (json_int_t)object->stored_bytes,
        "stored_sha256", object->stored_sha256,
        "part_bytes", (json_int_t)object->part_bytes,
        "parts", (json_int_t)object->parts,
        "snapshot",
        "method", object->snapshot_method,
        "writer", object->snapshot_writer ? 1 : 0,
        "taken_at", aks_date_iso(object->taken_at_ms, taken_at));
}

static json_t *
objects_to_json(const struct aks_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < manifest->object_count; i++) {
        if (json_array_append_new(array, object_to_json(&manifest->objects[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* The names under which the objects are stored: Akosha takes names alone, no keys. */
static json_t *
files_to_json(const struct aks_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < manifest->object_count; i++) {
        const char *name = aks_manifest_check_stored_name(manifest->objects[i].key);

        if (json_array_append_new(array, json_string(name)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    if (array != NULL && manifest->memories.key != NULL &&
        json_array_append_new(array, json_string(AKS_MANIFEST_MEMORIES_NAME)) != 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static const char *
null_if_empty(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* Akosha's fields first, then ours. */
static json_t *
manifest_to_json(const struct aks_manifest *manifest)
{
    char uploaded_at[AKS_DATE_BYTES];
    const char *format = compression_format(manifest);

    return json_pack("{s:s, s:I, s:o, s:s, s:b, s:s?, s:o, s:{s:s, s:s},"
        " s:s, s:s, s:s, s:{s:s, s:s}, s:o, s:o, s:s?, s:s?}",
        "uploaded_at", aks_date_iso(manifest->uploaded_at_ms, uploaded_at),
        "conversation_count", (json_int_t)manifest->memories.rows,
        "total_size_bytes", total_bytes(manifest),
        "version", "1.0",
        "compressed", format != NULL ? 1 : 0,
        "compression_format", format,
        "files", files_to_json(manifest),
        "metadata", "uploader", "akosha-sync", "uploader_version", manifest->uploader_version,
        "format", AKS_MANIFEST_FORMAT,
        "system_id", manifest->system_id,
        "upload_id", manifest->upload_id,
        "uploader", "name", "akosha-sync", "version", manifest->uploader_version,
        "objects", objects_to_json(manifest),
        "memories", aks_manifest_memories_json(&manifest->memories),
        "policy_sha256", null_if_empty(manifest->policy_sha256),
        "audit_head", null_if_empty(manifest->audit_head));
}

enum aks_status
aks_manifest_write(const struct aks_manifest *manifest, struct aks_buf *out,
    struct aks_error *err)
{
    struct sink sink = { out, out->len + AKS_MANIFEST_BYTES_MAX };
    const char *field = NULL;
    const char *why = aks_manifest_check_head(manifest, &field);
    enum aks_status status;
    json_t *root;

    if (why != NULL)
        return aks_error_set(err, AKS_INTERNAL, "manifest, %s: %s", field, why);
    status = aks_manifest_check_together(manifest, AKS_INTERNAL, err);
    if (status != AKS_OK)
        return status;
    root = manifest_to_json(manifest);
    if (root == NULL)
        return aks_error_memory(err, "writing a manifest");
    if (json_dump_callback(root, write_to_sink, &sink, JSON_INDENT(2)) != 0 ||
        write_to_sink("\n", 1, &sink) != 0)
        status = aks_error_set(err, AKS_LIMIT,
            "write a manifest: out of memory, or over %d bytes", AKS_MANIFEST_BYTES_MAX);
    json_decref(root);
    return status;
}
