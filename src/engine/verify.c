#include "engine/verify.h"

#include "base/check.h"
#include "engine/reader.h"
#include "engine/state_proofs.h"
#include "engine/text.h"
#include "engine/verify_read.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct verifier {
    struct aks_reader reader;
    struct aks_unseal unseal;
    const struct aks_verify_options *options;
    struct aks_verify_read read;        /* zeroed: only sizes are looked at */
    json_t *notes;                      /* what a person should know beside */
    struct aks_progress progress;
    int64_t before;                     /* bytes of the objects that are done */
};

static enum aks_status
moved(void *ctx, const struct aks_fetch *fetch, struct aks_error *err)
{
    struct verifier *verifier = ctx;
    const struct aks_engine *engine = verifier->reader.engine;

    verifier->progress.bytes_done = verifier->before + aks_fetch_bytes(fetch);
    if (engine->progress != NULL)
        engine->progress(engine->progress_ctx, &verifier->progress);
    return AKS_OK;
}

/* A target that tells no sizes proves nothing by a look; that it is there is all that is known. */
static enum aks_status
look(struct verifier *verifier, const struct aks_manifest_object *object, struct aks_error *err)
{
    struct aks_reader *reader = &verifier->reader;
    struct aks_target_stat stat = { 0 };
    enum aks_status status;

    reader->class->stat(reader->target, object->key, &stat, aks_reader_done, reader);
    status = aks_reader_wait(reader, err);
    if (status == AKS_OK && stat.bytes >= 0 && stat.bytes != object->stored_bytes)
        return aks_error_set(err, AKS_CORRUPT, "%s of %s: %lld bytes are stored there, and not the "
            "%lld that were", object->key, reader->own.name, (long long)stat.bytes,
            (long long)object->stored_bytes);
    return status;
}

/* Are its contents looked at, or only what is stored? */
static bool
opens(const struct verifier *verifier, const struct aks_manifest_object *object)
{
    return !verifier->options->quick && (object->encryption == AKS_ENCRYPTION_NONE ||
        aks_unseal_any(&verifier->unseal));
}

static enum aks_status
take_bytes(void *ctx, int64_t offset, const void *data, size_t len, struct aks_error *err)
{
    aks_verify_read_bytes(&((struct verifier *)ctx)->read, offset, data, len);
    return AKS_OK;
}

static enum aks_status
read_object(struct verifier *verifier, const struct aks_manifest *manifest, size_t index,
    struct aks_error *err)
{
    const struct aks_manifest_object *object = &manifest->objects[index];
    struct aks_fetch_object wanted;
    struct aks_fetch_options options = { .object = &wanted, .moved = moved, .ctx = verifier };
    enum aks_status status = aks_reader_object(object, &wanted, err);

    options.stored_only = !opens(verifier, object);
    for (int i = 0; i < AKS_READER_TRIES; i++) {
        aks_verify_read_object(&verifier->read, manifest, index);
        options.write = verifier->read.file != NULL ? take_bytes : NULL;
        if (status == AKS_OK || i > 0)
            status = aks_reader_fetch(&verifier->reader, &options, err);
        if (status != AKS_CORRUPT)
            break;
    }
    aks_verify_read_close(&verifier->read, manifest, index, status == AKS_OK);
    return status;
}

/* What a manifest names and is not there is a loss, however the other side words it. */
static enum aks_status
verify_object(struct verifier *verifier, const struct aks_manifest *manifest, size_t index,
    struct aks_error *err)
{
    const struct aks_manifest_object *object = &manifest->objects[index];
    enum aks_status status;

    verifier->progress.source = object->name;
    status = verifier->options->quick ? look(verifier, object, err)
        : read_object(verifier, manifest, index, err);
    if (status == AKS_NOT_FOUND)
        status = aks_error_set(err, AKS_CORRUPT, "%s of %s is not there any more", object->key,
            verifier->reader.own.name);
    verifier->before += object->bytes;
    verifier->progress.files_done++;
    return status;
}

static json_t *
object_json(const struct verifier *verifier, const struct aks_manifest_object *object,
    enum aks_status status, const struct aks_error *err)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?, s:b, s:n, s:n, s:s, s:o}", "name",
        object->name, "key", object->key, "role", object->role, "bytes",
        (json_int_t)object->bytes, "stored_bytes", (json_int_t)object->stored_bytes, "encryption",
        object->encryption != AKS_ENCRYPTION_NONE ? AKS_ENCRYPTION_AGE_NAME : NULL, "opened",
        status == AKS_OK && opens(verifier, object), "read_by", "unread", "outcome",
        status == AKS_OK ? "proven"
        : status == AKS_CORRUPT ? "corrupt" : "unknown", "error", status == AKS_OK ? json_null()
        : aks_reader_error_json(err));
}

static void
take_worse(enum aks_status status, const struct aks_error *own, enum aks_status *first,
    struct aks_error *err)
{
    if (status != AKS_OK && (*first == AKS_OK || (status == AKS_CORRUPT &&
            *first != AKS_CORRUPT))) {
        *first = status;
        *err = *own;
    }
}

/* All that was to come has come: a database and its log. */
static enum aks_status
read_databases(struct verifier *verifier, const struct aks_manifest *manifest, json_t *objects,
    struct aks_error *err)
{
    enum aks_status first = AKS_OK;

    for (size_t i = 0; i < json_array_size(objects) && first != AKS_CANCELLED; i++) {
        json_t *object = json_array_get(objects, i);
        struct aks_verify_read_verdict verdict;
        struct aks_error own = { 0 };
        enum aks_status status;

        if (!aks_verify_read_wanted(manifest, i) ||
            !json_is_null(json_object_get(object, "error")))
            continue;
        status = aks_verify_read_database(&verifier->read, manifest, i, &verdict, &own);
        if (verdict.read_by[0] != '\0')
            (void)json_object_set_new(object, "read_by", aks_text_json(verdict.read_by));
        if (verdict.unread[0] != '\0')
            (void)json_object_set_new(object, "unread", aks_text_json(verdict.unread));
        if (status == AKS_CORRUPT) {
            (void)json_object_set_new(object, "outcome", json_string("corrupt"));
            (void)json_object_set_new(object, "error", aks_reader_error_json(&own));
        }
        take_worse(status, &own, &first, err);
    }
    return first;
}

/* The first failure is the upload's, but what is corrupt comes before what could not be asked. */
static enum aks_status
verify_objects(struct verifier *verifier, const struct aks_manifest *manifest, json_t *objects,
    struct aks_error *err)
{
    enum aks_status first = AKS_OK;

    verifier->before = 0;
    memset(&verifier->progress, 0, sizeof(verifier->progress));
    verifier->progress.target = verifier->reader.own.name;
    verifier->progress.waiting_ms = -1;
    verifier->progress.reading = true;
    verifier->progress.files_total = (unsigned)manifest->object_count;
    for (size_t i = 0; i < manifest->object_count; i++)
        verifier->progress.bytes_total += manifest->objects[i].bytes;
    for (size_t i = 0; i < manifest->object_count; i++) {
        struct aks_error own;
        enum aks_status status = verify_object(verifier, manifest, i, &own);

        (void)json_array_append_new(objects, object_json(verifier, &manifest->objects[i], status,
            &own));
        take_worse(status, &own, &first, err);
        if (status == AKS_CANCELLED || verifier->reader.target == NULL)
            break;
    }
    if (!verifier->options->quick && first != AKS_CANCELLED) {
        struct aks_error own;

        take_worse(read_databases(verifier, manifest, objects, &own), &own, &first, err);
    }
    return first;
}

static void
tell_plain(struct verifier *verifier, const struct aks_manifest *manifest)
{
    char words[AKS_READER_WORDS_BYTES];
    const char *first = NULL;
    size_t count = 0;

    for (size_t i = 0; i < manifest->object_count; i++) {
        if (manifest->objects[i].encryption == AKS_ENCRYPTION_NONE && count++ == 0)
            first = manifest->objects[i].key;
    }
    if (count == 0 || !verifier->reader.settings->encrypt.set)
        return;
    aks_reader_plain_words(first, count, words);
    aks_log_write(verifier->reader.engine->log, AKS_LOG_WARNING, "%s", words);
    (void)json_array_append_new(verifier->notes, aks_text_json(words));
}

static void
note(struct verifier *verifier, const struct aks_manifest *manifest, enum aks_status status,
    const struct aks_error *err)
{
    json_t *fields = json_pack("{s:s, s:s, s:b, s:I}", "upload_id", manifest->upload_id, "outcome",
        status == AKS_OK ? "proven" : status == AKS_CORRUPT ? "corrupt" : "unknown", "quick",
        verifier->options->quick, "objects", (json_int_t)manifest->object_count);

    if (fields != NULL && status != AKS_OK) {
        (void)json_object_set_new(fields, "failure", json_string(aks_status_name(status)));
        (void)json_object_set_new(fields, "message", aks_text_json(err->message));
    }
    aks_reader_note_or_warn(&verifier->reader, "verified", fields);
}

static void
record(struct verifier *verifier, const struct aks_manifest *manifest, enum aks_status status)
{
    const struct aks_engine *engine = verifier->reader.engine;
    const struct aks_clock *clock = &engine->port->clock;
    struct aks_proof proof = { 0 };
    struct aks_error err;

    /* That the network was away says nothing of the upload. */
    if (status != AKS_OK && status != AKS_CORRUPT)
        return;
    proof.target = verifier->reader.identity;
    (void)snprintf(proof.upload_id, sizeof(proof.upload_id), "%s", manifest->upload_id);
    proof.how = verifier->options->quick ? AKS_PROOF_LOOKED : AKS_PROOF_READ;
    proof.at_ms = clock->wall_ms(clock->ctx);
    proof.outcome = status;
    proof.objects = (int64_t)manifest->object_count;
    proof.bytes = verifier->before;
    if (aks_state_proof_put(engine->state, &proof, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "what was proven could not be recorded: %s",
            err.message);
}

/* The upload that was asked for, or the newest that has a manifest. */
static enum aks_status
find_manifest(struct verifier *verifier, struct aks_manifest *ret_manifest, struct aks_error *err)
{
    struct aks_reader *reader = &verifier->reader;
    struct aks_reader_names ids;
    enum aks_status status;

    if (verifier->options->upload_id != NULL) {
        status = aks_reader_manifest(reader, verifier->options->upload_id, ret_manifest, err);
        if (status == AKS_NOT_FOUND)
            status = aks_error_set(err, AKS_NOT_FOUND, "%s holds no complete upload %s",
                reader->own.name, verifier->options->upload_id);
        return status;
    }
    aks_reader_names_init(&ids, reader->engine->port->alloc);
    status = aks_reader_uploads(reader, &ids, err);
    if (status == AKS_OK)
        status = aks_error_set(err, AKS_NOT_FOUND, "%s holds no complete upload of %s",
            reader->own.name, reader->system_id);
    for (size_t i = ids.count; i > 0 && status == AKS_NOT_FOUND; i--)
        status = aks_reader_manifest(reader, ids.names[i - 1], ret_manifest, err);
    aks_reader_names_fini(&ids);
    return status;
}

static enum aks_status
verify_target(struct verifier *verifier, size_t index, json_t *targets, struct aks_error *err)
{
    struct aks_reader *reader = &verifier->reader;
    const struct aks_target_settings *settings = &reader->settings->targets[index];
    json_t *objects = json_array();
    json_t *id = json_null();
    struct aks_manifest manifest;
    enum aks_status status = aks_reader_open(reader, index, err);

    aks_manifest_init(&manifest, reader->engine->port->alloc);
    if (status == AKS_OK)
        status = find_manifest(verifier, &manifest, err);
    if (status == AKS_OK) {
        id = json_string(manifest.upload_id);
        tell_plain(verifier, &manifest);
        if (!verifier->options->quick)
            aks_verify_read_begin(reader->engine, &verifier->read);
        status = verify_objects(verifier, &manifest, objects, err);
        aks_verify_read_end(&verifier->read);
        record(verifier, &manifest, status);
        note(verifier, &manifest, status, err);
    }
    aks_manifest_fini(&manifest);
    (void)json_array_append_new(targets, json_pack("{s:s, s:s, s:o, s:b, s:o, s:o}", "name",
        settings->name, "kind", aks_target_kind_name(settings->kind), "upload_id", id, "success",
        status == AKS_OK, "objects", objects, "error", status == AKS_OK ? json_null()
        : aks_reader_error_json(err)));
    return status;
}

/* Without a name: every target of files; one that holds nothing is no failure if another holds
 * something. */
static enum aks_status
verify_targets(struct verifier *verifier, json_t *targets, struct aks_error *err)
{
    const char *wanted = verifier->options->target;
    enum aks_status first = AKS_OK;
    bool proven = false;
    size_t index;

    first = wanted != NULL ? aks_reader_find(&verifier->reader, wanted, &index, err)
        : aks_reader_holds_files(&verifier->reader, "verify", err);
    if (first != AKS_OK)
        return first;
    for (size_t i = 0; i < verifier->reader.settings->target_count; i++) {
        struct aks_error own;
        enum aks_status status;

        if (wanted != NULL ? i != index
                : aks_target_delivers_rows(verifier->reader.settings->targets[i].kind))
            continue;
        status = verify_target(verifier, i, targets, &own);
        proven = proven || status == AKS_OK;
        if (status != AKS_OK && (first == AKS_OK || first == AKS_NOT_FOUND ||
                (status == AKS_CORRUPT && first != AKS_CORRUPT))) {
            first = status;
            *err = own;
        }
        if (status == AKS_CANCELLED)
            break;
    }
    return first == AKS_NOT_FOUND && proven ? AKS_OK : first;
}

enum aks_status
aks_verify(struct aks_engine *engine, const struct aks_verify_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    struct verifier verifier = { .options = options, .notes = json_array() };
    struct aks_error own = { 0 };
    json_t *targets = json_array();
    enum aks_status status = aks_reader_init(&verifier.reader, engine, options->policy, err);

    *ret_report = NULL;
    if (status != AKS_OK) {
        json_decref(targets);
        json_decref(verifier.notes);
        return status;
    }
    status = aks_unseal_init(&verifier.unseal, engine->port, &options->unseal,
        &options->policy->settings->encrypt, &own);
    verifier.reader.keys = &verifier.unseal.keys;
    if (status == AKS_OK)
        status = verify_targets(&verifier, targets, &own);
    *ret_report = json_pack("{s:i, s:b, s:s, s:b, s:o, s:o, s:o, s:i}", "schema", 1, "success",
        status == AKS_OK, "system_id", verifier.reader.system_id, "quick", options->quick,
        "targets", targets, "notes", verifier.notes, "error", status == AKS_OK ? json_null()
        : aks_reader_error_json(&own),
        "exit_code", aks_reader_exit_code(engine, status));
    aks_reader_fini(&verifier.reader);
    aks_unseal_fini(&verifier.unseal);
    return *ret_report != NULL ? AKS_OK : aks_error_memory(err, "writing the report");
}
