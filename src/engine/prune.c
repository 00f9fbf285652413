#include "engine/prune.h"

#include "base/check.h"
#include "engine/delivery.h"
#include "engine/prune_internal.h"
#include "engine/reader.h"
#include "engine/state_journal.h"
#include "engine/state_proofs.h"
#include "engine/target_key.h"
#include "engine/text.h"
#include "engine/upload_id.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Ids in one record of the audit log. */
#define NOTED_IDS_MAX 400

struct pruner {
    struct aks_reader reader;
    const struct aks_prune_options *options;
    struct aks_reader_names ids;        /* of one target */
    struct prune_upload *uploads;       /* as many */
    size_t objects;                     /* of all of them */
};

/* Looking */

static enum aks_status
note_objects(struct pruner *pruner, struct prune_upload *upload,
    const struct aks_manifest *manifest, struct aks_error *err)
{
    const struct aks_alloc *alloc = pruner->reader.engine->port->alloc;

    pruner->objects += manifest->object_count;
    if (pruner->objects > AKS_PRUNE_OBJECTS_MAX)
        return aks_error_set(err, AKS_LIMIT, "the uploads in %s have over %d objects",
            pruner->reader.own.name, AKS_PRUNE_OBJECTS_MAX);
    upload->objects = aks_mem_array(alloc, manifest->object_count + 1, sizeof(*upload->objects));
    if (upload->objects == NULL)
        return aks_error_memory(err, "looking at uploads");
    for (size_t i = 0; i < manifest->object_count; i++) {
        upload->objects[i].key = aks_mem_strdup(alloc, manifest->objects[i].key);
        upload->objects[i].stored_bytes = manifest->objects[i].stored_bytes;
        if (upload->objects[i].key == NULL)
            return aks_error_memory(err, "looking at uploads");
        upload->object_count++;
    }
    return AKS_OK;
}

/* null, or nothing, is none; whatever else stands there is looked at. */
static struct json_t *
memories_of(const struct aks_buf *text)
{
    json_t *root = json_loadb(text->data, text->len, 0, NULL);
    json_t *memories = json_object_get(root, "memories");

    if (memories == NULL || json_is_null(memories))
        memories = NULL;
    else
        memories = json_incref(memories);
    json_decref(root);
    return memories;
}

static enum aks_status
look_at(struct pruner *pruner, struct prune_upload *upload, struct aks_error *err)
{
    struct aks_reader *reader = &pruner->reader;
    struct aks_manifest manifest;
    struct aks_buf text;
    enum aks_status status;

    upload->at_ms = aks_upload_id_ms(upload->id);
    aks_buf_init(&text, reader->engine->port->alloc, AKS_MANIFEST_BYTES_MAX);
    aks_manifest_init(&manifest, reader->engine->port->alloc);
    status = aks_reader_manifest_text(reader, upload->id, &manifest, &text, err);
    if (status == AKS_OK) {
        upload->complete = true;
        upload->memories = memories_of(&text);
        if (upload->at_ms < 0)
            upload->at_ms = manifest.uploaded_at_ms;
        status = note_objects(pruner, upload, &manifest, err);
    } else if (status == AKS_CORRUPT || status == AKS_TOO_LARGE) {
        upload->damaged = true;
        status = AKS_OK;
    } else if (status == AKS_NOT_FOUND) {
        status = AKS_OK;
    }
    aks_manifest_fini(&manifest);
    aks_buf_fini(&text);
    if (status == AKS_OK)
        status = aks_state_prune_begun(reader->engine->state, reader->identity, upload->id,
            &upload->begun, err);
    return status;
}

/* Of what this machine still means to finish. */
static enum aks_status
note_open(struct pruner *pruner, struct aks_error *err)
{
    const struct aks_reader *reader = &pruner->reader;
    const struct aks_alloc *alloc = reader->engine->port->alloc;
    struct aks_journal_upload *open = NULL;
    size_t count = 0;
    enum aks_status status = aks_state_journal_uploads(reader->engine->state, reader->identity,
        &open, &count, err);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < pruner->ids.count; j++) {
            if (strcmp(open[i].upload_id, pruner->uploads[j].id) == 0)
                pruner->uploads[j].open = true;
        }
    }
    aks_mem_free(alloc, open);
    return status;
}

static enum aks_status
note_verified(struct pruner *pruner, struct aks_error *err)
{
    const struct aks_reader *reader = &pruner->reader;

    for (size_t i = pruner->ids.count; i > 0; i--) {
        struct aks_proof proof;
        enum aks_status status;

        if (!pruner->uploads[i - 1].complete)
            continue;
        status = aks_state_proof_last(reader->engine->state, reader->identity,
            pruner->uploads[i - 1].id, AKS_PROOF_READ, &proof, err);
        if (status != AKS_OK && status != AKS_NOT_FOUND)
            return status;
        if (status == AKS_OK) {
            pruner->uploads[i - 1].verified = true;
            break;
        }
    }
    return AKS_OK;
}

static enum aks_status
look(struct pruner *pruner, struct aks_error *err)
{
    const struct aks_alloc *alloc = pruner->reader.engine->port->alloc;
    enum aks_status status = aks_reader_uploads(&pruner->reader, &pruner->ids, err);

    if (status != AKS_OK)
        return status;
    pruner->uploads = aks_mem_array(alloc, pruner->ids.count + 1, sizeof(*pruner->uploads));
    if (pruner->uploads == NULL)
        return aks_error_memory(err, "looking at uploads");
    for (size_t i = 0; i < pruner->ids.count; i++)
        pruner->uploads[i].id = pruner->ids.names[i];
    for (size_t i = 0; i < pruner->ids.count && status == AKS_OK; i++)
        status = look_at(pruner, &pruner->uploads[i], err);
    if (status == AKS_OK)
        status = note_open(pruner, err);
    if (status == AKS_OK)
        status = note_verified(pruner, err);
    return status;
}

static void
forget(struct pruner *pruner)
{
    const struct aks_alloc *alloc = pruner->reader.engine->port->alloc;

    for (size_t i = 0; i < pruner->ids.count && pruner->uploads != NULL; i++) {
        struct prune_upload *upload = &pruner->uploads[i];

        for (size_t j = 0; j < upload->object_count; j++)
            aks_mem_free(alloc, upload->objects[j].key);
        aks_mem_free(alloc, upload->objects);
        json_decref(upload->memories);
    }
    aks_mem_free(alloc, pruner->uploads);
    pruner->uploads = NULL;
    pruner->objects = 0;
    aks_reader_names_fini(&pruner->ids);
}

/* Removing */

static enum aks_status
remove_key(struct pruner *pruner, const char *upload_id, const char *name, struct aks_error *err)
{
    struct aks_reader *reader = &pruner->reader;
    char key[1200];
    enum aks_status status;

    if (aks_target_key_upload(&reader->own, reader->system_id, upload_id, name, key,
            sizeof(key)) == 0)
        return aks_error_set(err, AKS_LIMIT, "%s: the name is too long", name);
    reader->class->remove(reader->target, key, aks_reader_done, reader);
    status = aks_reader_wait(reader, err);
    if (status == AKS_FORBIDDEN)
        aks_error_hint(err,
            "credentials that may upload often may not delete: --credentials names others");
    return status;
}

static enum aks_status
note_name(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    /* Nothing of ours is a folder in an upload. */
    return is_folder ? AKS_OK : aks_reader_names_add(ctx, name, err);
}

/* What is believed to be there is not any more: it would be uploaded again in time, but it would
 * be believed until then. */
static enum aks_status
forget_rows(struct pruner *pruner, const char *upload_id, struct aks_error *err)
{
    const struct aks_reader *reader = &pruner->reader;
    const struct aks_alloc *alloc = reader->engine->port->alloc;
    struct aks_stored *rows = NULL;
    size_t count = 0;
    char folder[256];
    size_t len = aks_target_key_upload(&reader->own, reader->system_id, upload_id, "", folder,
        sizeof(folder));
    enum aks_status status = aks_state_stored_all(reader->engine->state, reader->identity, &rows,
        &count, err);

    for (size_t i = 0; i < count; i++) {
        bool gone = (len > 0 && rows[i].key != NULL && strncmp(rows[i].key, folder, len) == 0) ||
            (len > 0 && rows[i].wal.key != NULL && strncmp(rows[i].wal.key, folder, len) == 0) ||
            (rows[i].upload_id != NULL && strcmp(rows[i].upload_id, upload_id) == 0);

        if (status == AKS_OK && gone)
            status = aks_state_stored_forget(reader->engine->state, reader->identity,
                rows[i].source, err);
        aks_stored_fini(alloc, &rows[i]);
    }
    aks_mem_free(alloc, rows);
    return status;
}

/* The manifest first: from then on nobody takes it for an upload. That it is being removed is
 * known before, so that what is left after a crash is removed the next time, whatever its age. */
static enum aks_status
remove_upload(struct pruner *pruner, const char *upload_id, struct aks_error *err)
{
    struct aks_reader *reader = &pruner->reader;
    const struct aks_port *port = reader->engine->port;
    struct aks_reader_names names;
    char folder[256];
    enum aks_status status;

    status = aks_state_prune_begin(reader->engine->state, reader->identity, upload_id,
        port->clock.wall_ms(port->clock.ctx), err);
    if (status == AKS_OK)
        status = forget_rows(pruner, upload_id, err);
    if (status == AKS_OK)
        status = remove_key(pruner, upload_id, AKS_MANIFEST_NAME, err);
    if (status != AKS_OK)
        return status;
    if (aks_target_key_upload(&reader->own, reader->system_id, upload_id, "", folder,
            sizeof(folder)) == 0)
        return aks_error_set(err, AKS_LIMIT, "%s: the name is too long", upload_id);
    aks_reader_names_init(&names, port->alloc);
    reader->class->list(reader->target, folder, note_name, &names, aks_reader_done, reader);
    status = aks_reader_wait(reader, err);
    if (status == AKS_NOT_FOUND)
        status = AKS_OK;
    for (size_t i = 0; i < names.count && status == AKS_OK; i++)
        status = remove_key(pruner, upload_id, names.names[i], err);
    aks_reader_names_fini(&names);
    if (status == AKS_OK)
        status = remove_key(pruner, upload_id, "", err);
    if (status == AKS_OK)
        status = aks_state_prune_end(reader->engine->state, reader->identity, upload_id, err);
    return status;
}

static json_t *
upload_json(const struct prune_upload *upload, const char *outcome)
{
    return json_pack("{s:o, s:b, s:s, s:s}", "upload_id", aks_text_json(upload->id), "complete",
        upload->complete, "outcome", outcome, "reason", upload->reason);
}

/* What is about to be removed is noted before: nothing is removed that nobody can read of later. */
static enum aks_status
note_begin(struct pruner *pruner, json_int_t *ret_count, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    size_t i = 0;

    *ret_count = 0;
    while (i < pruner->ids.count && status == AKS_OK) {
        json_t *ids = json_array();

        for (; i < pruner->ids.count && json_array_size(ids) < NOTED_IDS_MAX; i++) {
            if (!pruner->uploads[i].keep)
                (void)json_array_append_new(ids, aks_text_json(pruner->uploads[i].id));
        }
        *ret_count += (json_int_t)json_array_size(ids);
        if (json_array_size(ids) == 0)
            json_decref(ids);
        else
            status = aks_reader_note(&pruner->reader, "prune", json_pack("{s:o}", "upload_ids",
                ids), err);
    }
    return status;
}

static void
note_end(struct pruner *pruner, json_int_t wanted, json_int_t removed,
    const struct aks_error *failure)
{
    json_t *fields = json_pack("{s:I, s:I, s:s}", "uploads", wanted, "removed", removed, "outcome",
        failure == NULL ? "removed" : "failed");

    if (fields != NULL && failure != NULL) {
        (void)json_object_set_new(fields, "failure", json_string(aks_status_name(failure->status)));
        (void)json_object_set_new(fields, "message", aks_text_json(failure->message));
    }
    aks_reader_note_or_warn(&pruner->reader, "pruned", fields);
}

/* Oldest first, so that what an interrupted one leaves are the newer ones. */
static enum aks_status
remove_uploads(struct pruner *pruner, json_t *rows, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    json_int_t removed = 0;
    json_int_t wanted = 0;

    if (pruner->options->apply)
        status = note_begin(pruner, &wanted, err);
    for (size_t i = 0; i < pruner->ids.count; i++) {
        const struct prune_upload *upload = &pruner->uploads[i];
        const char *outcome = upload->keep ? "keep" : "remove";

        if (!upload->keep && pruner->options->apply && status == AKS_OK) {
            status = remove_upload(pruner, upload->id, err);
            outcome = status == AKS_OK ? "removed" : "failed";
            removed += status == AKS_OK;
        }
        (void)json_array_append_new(rows, upload_json(upload, outcome));
    }
    if (wanted > 0)
        note_end(pruner, wanted, removed, status != AKS_OK ? err : NULL);
    return status;
}

/* What stays, and how much is stored before and after. */
static enum aks_status
plan(struct pruner *pruner, json_t *row, struct aks_error *err)
{
    const struct aks_reader *reader = &pruner->reader;
    const struct aks_port *port = reader->engine->port;
    int64_t before = 0;
    int64_t after = 0;
    json_int_t kept = 0;
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    enum aks_status status;

    (void)aks_target_key_uploads(&reader->own, reader->system_id, folder);
    aks_prune_plan(&pruner->options->rules, folder, pruner->uploads, pruner->ids.count,
        port->clock.wall_ms(port->clock.ctx));
    for (size_t i = 0; i < pruner->ids.count; i++)
        kept += pruner->uploads[i].keep;
    status = aks_prune_bytes(port->alloc, pruner->uploads, pruner->ids.count, false, &before, err);
    if (status == AKS_OK)
        status = aks_prune_bytes(port->alloc, pruner->uploads, pruner->ids.count, true, &after,
            err);
    if (status == AKS_OK && (json_object_set_new(row, "kept", json_integer(kept)) != 0 ||
            json_object_set_new(row, "stored_bytes", json_integer(before)) != 0 ||
            json_object_set_new(row, "stored_bytes_after", json_integer(after)) != 0))
        status = aks_error_memory(err, "looking at uploads");
    return status;
}

static enum aks_status
prune_target(void *ctx, size_t index, json_t *row, struct aks_error *err)
{
    struct pruner *pruner = ctx;
    json_t *rows = json_array();
    enum aks_status status = json_object_set(row, "uploads", rows) != 0 ||
        json_object_update_new(row, json_pack("{s:i, s:i, s:i}", "kept", 0, "stored_bytes", 0,
            "stored_bytes_after", 0)) != 0 ? aks_error_memory(err, "looking at uploads")
        : aks_reader_open(&pruner->reader, index, err);

    if (status == AKS_OK)
        status = look(pruner, err);
    if (status == AKS_OK)
        status = plan(pruner, row, err);
    if (status == AKS_OK)
        status = remove_uploads(pruner, rows, err);
    forget(pruner);
    json_decref(rows);
    return status;
}

enum aks_status
aks_prune(struct aks_engine *engine, const struct aks_prune_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    struct pruner pruner = { .options = options };
    const struct aks_reader_each each = { options->target, "prune", prune_target, &pruner };
    struct aks_error own = { 0 };
    json_t *targets = json_array();
    enum aks_status status = aks_reader_init(&pruner.reader, engine, options->policy, err);

    *ret_report = NULL;
    if (status != AKS_OK) {
        json_decref(targets);
        return status;
    }
    pruner.reader.credentials = options->credentials;
    aks_reader_names_init(&pruner.ids, engine->port->alloc);
    /* A delivery that goes on might name, in its manifest, what is being removed. */
    status = options->apply ? aks_delivery_take(engine, &own) : AKS_OK;
    if (status == AKS_OK) {
        status = aks_reader_each(&pruner.reader, &each, targets, &own);
        if (options->apply)
            aks_delivery_give(engine);
    }
    *ret_report = json_pack("{s:i, s:b, s:s, s:b, s:o, s:o, s:i}", "schema", 1, "success",
        status == AKS_OK, "system_id", pruner.reader.system_id, "applied", options->apply,
        "targets", targets, "error", status == AKS_OK ? json_null()
        : aks_reader_error_json(&own), "exit_code", aks_reader_exit_code(engine, status));
    aks_reader_fini(&pruner.reader);
    return *ret_report != NULL ? AKS_OK : aks_error_memory(err, "writing the report");
}
