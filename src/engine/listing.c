#include "engine/listing.h"

#include "engine/reader.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <string.h>

static json_t *
object_json(const struct aks_manifest_object *object)
{
    char date[AKS_DATE_BYTES];

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s?, s:I, s:s, s:s, s:s, s:b}",
        "name",
        object->name, "key", object->key, "source_name", object->source_name, "kind",
        object->kind, "role", object->role, "bytes", (json_int_t)object->bytes, "sha256",
        object->sha256, "codec", object->codec, "encryption",
        object->encryption != AKS_ENCRYPTION_NONE ? AKS_ENCRYPTION_AGE_NAME : NULL,
        "stored_bytes", (json_int_t)object->stored_bytes, "stored_sha256",
        object->stored_sha256, "taken_at",
        aks_date_iso(object->taken_at_ms, date), "snapshot", object->snapshot_method, "writer",
        object->snapshot_writer);
}

/* Files are sources: a database and its log are one, of two objects. */
static json_t *
manifest_json(const struct aks_manifest *manifest, const char *upload_id)
{
    json_t *objects = json_array();
    json_int_t bytes = 0;
    json_int_t stored = 0;
    json_int_t files = 0;
    char date[AKS_DATE_BYTES];

    for (size_t i = 0; i < manifest->object_count; i++) {
        const struct aks_manifest_object *object = &manifest->objects[i];

        bytes += object->bytes;
        stored += object->stored_bytes;
        files += strcmp(object->role, "main") == 0;
        (void)json_array_append_new(objects, object_json(object));
    }
    return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:o}", "upload_id", upload_id, "uploaded_at",
        aks_date_iso(manifest->uploaded_at_ms, date), "complete", 1, "files", files, "bytes",
        bytes, "stored_bytes", stored, "objects", objects);
}

/* One upload as its manifest tells; an upload without one, or with one that is damaged, says so. */
static enum aks_status
read_upload(struct aks_reader *reader, const char *upload_id, json_t *uploads,
    struct aks_error *err)
{
    struct aks_manifest manifest;
    json_t *row = NULL;
    enum aks_status status;

    aks_manifest_init(&manifest, reader->engine->port->alloc);
    status = aks_reader_manifest(reader, upload_id, &manifest, err);
    if (status == AKS_OK)
        row = manifest_json(&manifest, upload_id);
    else if (status == AKS_CORRUPT || status == AKS_NOT_FOUND)
        row = json_pack("{s:o, s:b, s:o}", "upload_id", aks_text_json(upload_id), "complete", 0,
            "reason", status == AKS_CORRUPT ? aks_text_json(err->message)
            : json_string("it has no manifest: it was never finished"));
    aks_manifest_fini(&manifest);
    if (row == NULL)
        return status != AKS_OK ? status : aks_error_memory(err, "listing uploads");
    (void)json_array_append_new(uploads, row);
    return AKS_OK;
}

/* What could be read before a failure is told. */
static enum aks_status
list_target(void *ctx, size_t index, json_t *row, struct aks_error *err)
{
    struct aks_reader *reader = ctx;
    struct aks_reader_names ids;
    json_t *uploads = json_array();
    enum aks_status status = json_object_set(row, "uploads", uploads) == 0
        ? aks_reader_open(reader, index, err) : aks_error_memory(err, "listing uploads");

    if (status == AKS_OK) {
        aks_reader_names_init(&ids, reader->engine->port->alloc);
        status = aks_reader_uploads(reader, &ids, err);
        for (size_t i = 0; i < ids.count && status == AKS_OK; i++)
            status = read_upload(reader, ids.names[i], uploads, err);
        aks_reader_names_fini(&ids);
    }
    json_decref(uploads);
    return status;
}

/* A state folder that cannot be written is of no matter here: nothing is kept. */
static int
exit_code(const struct aks_engine *engine, enum aks_status status)
{
    int code = aks_reader_exit_code(engine, status);

    return code == 5 || code == 7 ? 1 : code;
}

enum aks_status
aks_listing(struct aks_engine *engine, const struct aks_listing_options *options,
    json_t **ret_listing, struct aks_error *err)
{
    struct aks_reader reader;
    const struct aks_reader_each each = { options->target, "list", list_target, &reader };
    struct aks_error own = { 0 };
    json_t *targets = json_array();
    enum aks_status status = aks_reader_init(&reader, engine, options->policy, err);

    *ret_listing = NULL;
    if (status != AKS_OK) {
        json_decref(targets);
        return status;
    }
    status = aks_reader_each(&reader, &each, targets, &own);
    *ret_listing = json_pack("{s:i, s:s, s:o, s:o, s:i}", "schema", 1, "system_id",
        reader.system_id, "targets", targets, "error", status == AKS_OK ? json_null()
        : aks_reader_error_json(&own), "exit_code", exit_code(engine, status));
    aks_reader_fini(&reader);
    return *ret_listing != NULL ? AKS_OK : aks_error_memory(err, "listing uploads");
}
