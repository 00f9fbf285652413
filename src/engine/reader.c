#include "engine/reader.h"

#include "base/check.h"
#include "engine/audit_note.h"
#include "engine/target_key.h"
#include "engine/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

void
aks_reader_plain_words(const char *name, size_t count, char ret_words[AKS_READER_WORDS_BYTES])
{
    char more[32] = "";

    if (count > 1)
        (void)snprintf(more, sizeof(more), " and %zu more", count - 1);
    (void)snprintf(ret_words, AKS_READER_WORDS_BYTES, "%.200s%s %s not encrypted, though the "
        "policy encrypts: %s may be older than that, or somebody else's; nothing here proves "
        "who wrote %s",
        name, more, count > 1 ? "were" : "was", count > 1 ? "they" : "it",
        count > 1 ? "them" : "it");
}

void
aks_reader_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_reader *reader = ctx;

    reader->outcome = *outcome;
    reader->done = true;
}

enum aks_status
aks_reader_wait(struct aks_reader *reader, struct aks_error *err)
{
    while (!reader->done) {
        enum aks_status status;

        if (atomic_load(&reader->engine->interrupted) != 0)
            status = aks_error_set(err, AKS_CANCELLED, "interrupted");
        else
            status = aks_loop_turn(&reader->engine->loop, err);
        if (status != AKS_OK) {
            aks_reader_close(reader);
            return status;
        }
    }
    reader->done = false;
    if (reader->outcome.status != AKS_OK && err != NULL)
        *err = reader->outcome.error;
    return reader->outcome.status;
}

enum aks_status
aks_reader_init(struct aks_reader *reader, struct aks_engine *engine,
    const struct aks_policy *policy, struct aks_error *err)
{
    memset(reader, 0, sizeof(*reader));
    reader->settings = policy->settings;
    aks_engine_system_id(engine->port, reader->settings, reader->system_id);
    reader->engine = engine;
    return aks_ask_init(&reader->ask, &engine->loop, policy, engine->log, 1, err);
}

void
aks_reader_fini(struct aks_reader *reader)
{
    if (reader->engine == NULL)
        return;
    aks_reader_close(reader);
    while (reader->lingering > 0 && aks_loop_turn(&reader->engine->loop, NULL) == AKS_OK)
        continue;
    aks_ask_fini(&reader->ask);
    reader->engine = NULL;
}

void
aks_reader_close(struct aks_reader *reader)
{
    if (reader->target != NULL)
        reader->class->free(reader->target);
    reader->target = NULL;
    reader->done = false;
}

/* The policy's settings, with what the command line put in their place. */
static enum aks_status
own_settings(struct aks_reader *reader, size_t index, struct aks_error *err)
{
    reader->own = reader->settings->targets[index];
    if (aks_target_delivers_rows(reader->own.kind)) {
        (void)aks_error_set(err, AKS_SETTINGS, "target %s takes memories, row by row, and holds no "
            "files", reader->own.name);
        aks_error_hint(err, "name a target that holds files");
        return AKS_SETTINGS;
    }
    if (reader->credentials == NULL)
        return AKS_OK;
    if (reader->own.kind != AKS_TARGET_S3)
        return aks_error_set(err, AKS_SETTINGS,
            "--credentials: target %s has none that could be chosen: only s3 targets have",
            reader->own.name);
    reader->own.credentials = (char *)(uintptr_t)reader->credentials;
    return AKS_OK;
}

enum aks_status
aks_reader_open(struct aks_reader *reader, size_t index, struct aks_error *err)
{
    const struct aks_environment *environment = &reader->engine->port->environment;
    struct aks_target_options options = { 0 };
    enum aks_status status;

    AKS_CHECK(index < reader->settings->target_count);
    aks_reader_close(reader);
    status = own_settings(reader, index, err);
    if (status != AKS_OK)
        return status;
    options.port = reader->engine->port;
    options.loop = &reader->engine->loop;
    options.ask = &reader->ask;
    options.log = reader->engine->log;
    options.state = reader->engine->state;
    options.settings = &reader->own;
    options.system_id = reader->system_id;
    options.upload_id = "none";
    options.scratch_folder = reader->engine->scratch_folder;
    options.probe_ms = reader->settings->probe_ms;
    options.lingering = &reader->lingering;
    aks_target_identity(&reader->own, environment->home(environment->ctx), reader->system_id,
        reader->identity);
    reader->class = aks_target_class_of(reader->own.kind);
    reader->source[0] = '\0';
    reader->let_in = false;
    status = reader->class->create(&options, &reader->target, err);
    if (status == AKS_OK) {
        reader->class->credentials(reader->target, reader->source);
        reader->class->available(reader->target, aks_reader_done, reader);
        status = aks_reader_wait(reader, err);
        if (reader->target != NULL)
            reader->class->credentials(reader->target, reader->source);
    }
    reader->let_in = status == AKS_OK && reader->source[0] != '\0';
    if (aks_audit_note_is_auth(status) && err != NULL && reader->own.kind != AKS_TARGET_DIR)
        aks_audit_note_or_warn(reader->engine, "auth_failure", aks_audit_note_auth(
            reader->system_id, &reader->own, reader->source, err));
    if (status != AKS_OK)
        aks_reader_close(reader);
    return status;
}

enum aks_status
aks_reader_note(struct aks_reader *reader, const char *event, json_t *fields,
    struct aks_error *err)
{
    struct aks_audit_event records[2] = { { "auth_success", NULL }, { event, fields } };
    json_t *auth = reader->let_in ? aks_audit_note_auth(reader->system_id, &reader->own,
        reader->source, NULL) : NULL;
    enum aks_status status;

    if (fields == NULL || json_object_update_new(fields, json_pack("{s:s, s:s, s:s, s:s}",
            "system_id", reader->system_id, "target", reader->own.name, "method",
            aks_target_kind_method(reader->own.kind), "policy_sha256",
            reader->settings->policy_sha256)) != 0) {
        status = aks_error_memory(err, "writing an audit record");
    } else {
        records[0].fields = auth;
        status = aks_audit_note_all(reader->engine, auth != NULL ? records : records + 1,
            auth != NULL ? 2 : 1, NULL, err);
        reader->let_in = reader->let_in && status != AKS_OK;
    }
    json_decref(auth);
    json_decref(fields);
    return status;
}

void
aks_reader_note_or_warn(struct aks_reader *reader, const char *event, json_t *fields)
{
    struct aks_error err;

    if (aks_reader_note(reader, event, fields, &err) != AKS_OK)
        aks_log_write(reader->engine->log, AKS_LOG_WARNING, "%s could not be noted: %s", event,
            err.message);
}

enum aks_status
aks_reader_find(const struct aks_reader *reader, const char *name, size_t *ret_index,
    struct aks_error *err)
{
    for (size_t i = 0; i < reader->settings->target_count; i++) {
        if (strcmp(reader->settings->targets[i].name, name) == 0) {
            *ret_index = i;
            return AKS_OK;
        }
    }
    return aks_error_set(err, AKS_SETTINGS, "--target %s: the policy has no target of that name",
        name);
}

/* Names */

void
aks_reader_names_init(struct aks_reader_names *names, const struct aks_alloc *alloc)
{
    memset(names, 0, sizeof(*names));
    names->alloc = alloc;
}

void
aks_reader_names_fini(struct aks_reader_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        aks_mem_free(names->alloc, names->names[i]);
    aks_mem_free(names->alloc, names->names);
    names->names = NULL;
    names->count = 0;
    names->capacity = 0;
}

enum aks_status
aks_reader_names_add(struct aks_reader_names *names, const char *name, struct aks_error *err)
{
    if (names->count == AKS_READER_UPLOADS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are over %d names", AKS_READER_UPLOADS_MAX);
    if (names->count == names->capacity) {
        size_t capacity = names->capacity > 0 ? 2 * names->capacity : 64;
        char **grown = aks_mem_resize(names->alloc, names->names, capacity * sizeof(*grown));

        if (grown == NULL)
            return aks_error_memory(err, "listing uploads");
        names->names = grown;
        names->capacity = capacity;
    }
    names->names[names->count] = aks_mem_strdup(names->alloc, name);
    if (names->names[names->count] == NULL)
        return aks_error_memory(err, "listing uploads");
    names->count++;
    return AKS_OK;
}

static enum aks_status
note_upload(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    const struct aks_reader_names *names = ctx;

    /* They come in order; a server that tells one twice means one. Beside uploads there may be the
     * folder of another layout's. */
    if (!is_folder || strcmp(name, AKS_TARGET_KEY_LEVEL) == 0 ||
        (names->count > 0 && strcmp(names->names[names->count - 1], name) == 0))
        return AKS_OK;
    return aks_reader_names_add(ctx, name, err);
}

/* Where nothing can be listed, what was stored from here is known, newest or not. */
static enum aks_status
known_uploads(struct aks_reader *reader, struct aks_reader_names *names, struct aks_error *err)
{
    const struct aks_alloc *alloc = reader->engine->port->alloc;
    struct aks_stored *rows = NULL;
    size_t count = 0;
    enum aks_status status = aks_state_stored_all(reader->engine->state, reader->identity, &rows,
        &count, err);

    for (size_t i = 0; i < count; i++) {
        bool there = false;

        for (size_t j = 0; j < names->count && !there; j++)
            there = strcmp(names->names[j], rows[i].upload_id) == 0;
        if (status == AKS_OK && !there)
            status = aks_reader_names_add(names, rows[i].upload_id, err);
        aks_stored_fini(alloc, &rows[i]);
    }
    aks_mem_free(alloc, rows);
    for (size_t i = 1; i < names->count; i++) {
        for (size_t j = i; j > 0 && strcmp(names->names[j - 1], names->names[j]) > 0; j--) {
            char *swapped = names->names[j];

            names->names[j] = names->names[j - 1];
            names->names[j - 1] = swapped;
        }
    }
    return status;
}

enum aks_status
aks_reader_uploads(struct aks_reader *reader, struct aks_reader_names *ret_names,
    struct aks_error *err)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    enum aks_status status;

    if (!reader->class->can_list)
        return known_uploads(reader, ret_names, err);
    (void)aks_target_key_uploads(&reader->own, reader->system_id, folder);
    reader->class->list(reader->target, folder, note_upload, ret_names, aks_reader_done, reader);
    status = aks_reader_wait(reader, err);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

/* Manifests */

enum aks_status
aks_reader_manifest_text(struct aks_reader *reader, const char *upload_id,
    struct aks_manifest *ret_manifest, struct aks_buf *ret_text, struct aks_error *err)
{
    char key[512];
    size_t len = aks_target_key_upload(&reader->own, reader->system_id, upload_id,
        AKS_MANIFEST_NAME, key, sizeof(key));
    enum aks_status status;

    if (len == 0 || !aks_target_key_valid(key) ||
        strchr(upload_id, '/') != NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no upload \"%.100s\": this is no "
            "upload's id", upload_id);
    reader->class->get(reader->target, key, ret_text, aks_reader_done, reader);
    status = aks_reader_wait(reader, err);
    if (status != AKS_OK)
        return status;
    status = aks_manifest_read(ret_text->data, ret_text->len, ret_manifest, err);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "upload %s in %s", upload_id, reader->own.name);
        return status;
    }
    /* Whoever could put another's manifest in its place would have it restored as ours. */
    if (strcmp(ret_manifest->upload_id, upload_id) != 0 ||
        strcmp(ret_manifest->system_id, reader->system_id) != 0)
        return aks_error_set(err, AKS_CORRUPT, "upload %s in %s: its manifest is that of upload %s "
            "of %s", upload_id, reader->own.name, ret_manifest->upload_id,
            ret_manifest->system_id);
    return AKS_OK;
}

enum aks_status
aks_reader_manifest(struct aks_reader *reader, const char *upload_id,
    struct aks_manifest *ret_manifest, struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, reader->engine->port->alloc, AKS_MANIFEST_BYTES_MAX);
    status = aks_reader_manifest_text(reader, upload_id, ret_manifest, &text, err);
    aks_buf_fini(&text);
    return status;
}

/* Objects */

enum aks_status
aks_reader_object(const struct aks_manifest_object *object, struct aks_fetch_object *ret_object,
    struct aks_error *err)
{
    memset(ret_object, 0, sizeof(*ret_object));
    if (!aks_codec_from_name(object->codec, &ret_object->codec))
        return aks_error_set(err, AKS_CORRUPT, "%s: the codec %s is not known", object->key,
            object->codec);
    ret_object->key = object->key;
    ret_object->encryption = object->encryption;
    ret_object->bytes = object->bytes;
    ret_object->sha256 = object->sha256;
    ret_object->stored_bytes = object->stored_bytes;
    ret_object->stored_sha256 = object->stored_sha256;
    return AKS_OK;
}

enum aks_status
aks_reader_fetch(struct aks_reader *reader, const struct aks_fetch_options *options,
    struct aks_error *err)
{
    struct aks_fetch_options own = *options;
    struct aks_fetch *fetch = NULL;
    enum aks_status status;

    own.loop = &reader->engine->loop;
    own.target = reader->target;
    own.keys = reader->keys;
    status = aks_fetch_begin(&own, aks_reader_done, reader, &fetch, err);
    if (status == AKS_OK)
        status = aks_reader_wait(reader, err);
    aks_fetch_free(fetch);
    return status;
}

struct json_t *
aks_reader_error_json(const struct aks_error *err)
{
    return json_pack("{s:s, s:o, s:o}", "failure", aks_status_name(err->status), "message",
        aks_text_json(err->message), "hint",
        err->hint[0] != '\0' ? aks_text_json(err->hint) : json_null());
}

int
aks_reader_exit_code(const struct aks_engine *engine, enum aks_status status)
{
    if (status == AKS_OK)
        return 0;
    if (status == AKS_SETTINGS || status == AKS_POLICY)
        return 3;
    if (status == AKS_CORRUPT)
        return 5;
    if (status == AKS_AUTH_MISSING || status == AKS_AUTH_EXPIRED || status == AKS_AUTH_INVALID ||
        status == AKS_FORBIDDEN)
        return 6;
    if (status == AKS_NO_SPACE || status == AKS_STATE)
        return 7;
    return status == AKS_CANCELLED ? 128 + atomic_load(&engine->interrupted) : 1;
}
