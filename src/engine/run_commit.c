/* The commit of an upload: what makes it exist for readers, and what remembers it. */
#include "base/units.h"
#include "engine/audit_note.h"
#include "engine/target_key.h"
#include "engine/text.h"
#include "engine/run_memories.h"
#include "engine/run_upload_internal.h"
#include "wire/manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A system's marker is put again after so long, in case somebody emptied the bucket. */
#define MARKER_AGE_MS (30 * AKS_MS_PER_DAY)
/* Copies of one audit record: with the longest names and digests, and a log each, they stay under
 * its 64 KiB. */
#define AUDIT_COPIES_MAX 32

_Static_assert(sizeof(AKS_MANIFEST_NAME) <= 16, "struct commit has room for so much");
_Static_assert(AKS_TARGET_KEY_FOLDER_BYTES <= PATH_BYTES, "struct commit has room for so much");

static void
audit_copy(const struct aks_copy *copy, json_t *files)
{
    const struct aks_stored *row = &copy->row;
    const struct aks_stored_wal *wal = &row->wal;

    (void)json_array_append_new(files,
        json_pack("{s:s, s:s, s:I, s:s, s:I, s:s}", "name", row->name, "key", row->key, "bytes",
            (json_int_t)row->bytes, "sha256", row->sha256, "stored_bytes",
            (json_int_t)row->stored_bytes, "stored_sha256", row->stored_sha256));
    if (wal->key != NULL)
        (void)json_array_append_new(files,
            json_pack("{s:o, s:s, s:I, s:s, s:I, s:s}", "name", json_sprintf("%s%s", row->name,
                aks_manifest_wal_suffix(row->kind)), "key", wal->key, "bytes",
                (json_int_t)wal->bytes, "sha256", wal->sha256, "stored_bytes",
                (json_int_t)wal->stored_bytes, "stored_sha256", wal->stored_sha256));
}

/* From copy *${at} on, at most as many as one record has room for; *${at} moves behind them. */
static json_t *
audit_files(const struct upload *upload, size_t *at)
{
    json_t *files = json_array();

    for (unsigned copies = 0; *at < upload->count && copies < AUDIT_COPIES_MAX; (*at)++) {
        if (upload->copies[*at]->state != AKS_COPY_STORED)
            continue;
        audit_copy(upload->copies[*at], files);
        copies++;
    }
    return files;
}

/* What every record of an upload has. */
static json_t *
audit_upload(const struct upload *upload)
{
    const struct aks_run *run = upload->run;

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "run_id", run->run_id, "upload_id",
        upload->upload_id, "system_id", run->system_id, "target", upload->settings->name, "method",
        aks_target_kind_method(upload->settings->kind), "policy_sha256",
        run->settings->policy_sha256);
}

/* Whether the target takes the credentials, the first time that it is known in a run, and each time
 * that it does not; NULL: nothing is to be said, or there is no memory. */
static json_t *
audit_auth(struct upload *upload, const struct aks_error *failure, const char **ret_event)
{
    struct aks_run *run = upload->run;
    struct aks_run_target *target = &run->targets[upload->index];
    bool refused = failure != NULL && aks_audit_note_is_auth(failure->status);

    if (upload->settings->kind == AKS_TARGET_DIR ||
        (upload->credentials[0] == '\0' && !refused))
        return NULL;
    if (failure == NULL)
        target->let_in = true;
    if (!refused && (!target->let_in || target->let_in_noted))
        return NULL;
    *ret_event = refused ? "auth_failure" : "auth_success";
    return aks_audit_note_auth(run->system_id, upload->settings, upload->credentials,
        refused ? failure : NULL);
}

/* One record; *${at}: the copy that its files begin with, then the one that the next one begins
 * with. */
static enum aks_status
audit_record(struct upload *upload, const char *event, const struct aks_error *failure, size_t *at,
    struct aks_error *err)
{
    struct aks_audit_event records[2] = { { NULL, NULL }, { event, NULL } };
    struct aks_audit_mark mark;
    json_t *fields = audit_upload(upload);
    json_t *auth = audit_auth(upload, failure, &records[0].event);
    enum aks_status status;

    if (fields == NULL) {
        json_decref(auth);
        return aks_error_memory(err, "writing the audit log");
    }
    if (failure != NULL) {
        (void)json_object_set_new(fields, "failure", json_string(aks_status_name(failure->status)));
        (void)json_object_set_new(fields, "message", aks_text_json(failure->message));
        *at = upload->count;
    } else {
        (void)json_object_set_new(fields, "files", audit_files(upload, at));
    }
    records[0].fields = auth;
    records[1].fields = fields;
    status = aks_audit_note_all(upload->run->engine, auth != NULL ? records : records + 1,
        auth != NULL ? 2 : 1, &mark, err);
    if (status == AKS_OK) {
        (void)snprintf(upload->audit_head, sizeof(upload->audit_head), "%s", mark.digest);
        if (auth != NULL && strcmp(records[0].event, "auth_success") == 0)
            upload->run->targets[upload->index].let_in_noted = true;
    }
    json_decref(auth);
    json_decref(fields);
    return status;
}

enum aks_status
aks_run_commit_audit(struct upload *upload, const char *event,
    const struct aks_error *failure, struct aks_error *err)
{
    size_t at = 0;
    enum aks_status status;

    do
        status = audit_record(upload, event, failure, &at, err);
    while (status == AKS_OK && at < upload->count);
    return status;
}

static void
object_of_row(const struct aks_stored *row, struct aks_manifest_object *object)
{
    static char role[] = "main";
    static char method[] = "identity";

    memset(object, 0, sizeof(*object));
    object->name = row->name;
    object->key = row->key;
    object->source_name = row->source;
    object->kind = row->kind;
    object->role = role;
    object->bytes = row->bytes;
    memcpy(object->sha256, row->sha256, sizeof(object->sha256));
    object->codec = row->codec;
    object->encryption = row->encryption;
    object->stored_bytes = row->stored_bytes;
    memcpy(object->stored_sha256, row->stored_sha256, sizeof(object->stored_sha256));
    object->part_bytes = row->part_bytes;
    object->parts = row->parts;
    object->snapshot_method = row->method != NULL ? row->method : method;
    object->snapshot_writer = row->writer;
    object->taken_at_ms = row->taken_at_ms;
}

/* The log of ${main}, which ${row} has. */
static void
wal_of_row(const struct aks_stored *row, const struct aks_manifest_object *main, char *name,
    struct aks_manifest_object *object)
{
    static char role[] = "wal";
    const struct aks_stored_wal *wal = &row->wal;

    *object = *main;
    object->name = name;
    object->key = wal->key;
    object->role = role;
    object->bytes = wal->bytes;
    memcpy(object->sha256, wal->sha256, sizeof(object->sha256));
    object->codec = wal->codec;
    object->encryption = wal->encryption;
    object->stored_bytes = wal->stored_bytes;
    memcpy(object->stored_sha256, wal->stored_sha256, sizeof(object->stored_sha256));
    object->part_bytes = wal->part_bytes;
    object->parts = wal->parts;
}

static bool
replaced(const struct upload *upload, const struct aks_stored *row)
{
    for (size_t i = 0; i < upload->count; i++) {
        if (upload->copies[i]->state == AKS_COPY_STORED &&
            strcmp(upload->copies[i]->row.source, row->source) == 0)
            return true;
    }
    return false;
}

/* What the target holds of one source, under ${name}. A manifest is UTF-8; a path need not be. */
static enum aks_status
add_row(const struct upload *upload, struct aks_manifest *manifest, const struct aks_stored *row,
    char *name, struct aks_error *err)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    char *source_name = aks_text_path(alloc, row->source);
    struct aks_manifest_object main;
    struct aks_manifest_object wal;
    char *wal_name = NULL;
    enum aks_status status;

    if (source_name == NULL)
        return aks_error_memory(err, "writing a manifest");
    object_of_row(row, &main);
    main.name = name;
    main.source_name = source_name;
    status = aks_manifest_add(manifest, &main, err);
    if (status == AKS_OK && row->wal.key != NULL) {
        wal_name = aks_mem_printf(alloc, "%s%s", name, aks_manifest_wal_suffix(row->kind));
        wal_of_row(row, &main, wal_name, &wal);
        status = wal_name == NULL ? aks_error_memory(err, "writing a manifest")
            : aks_manifest_add(manifest, &wal, err);
    }
    aks_mem_free(alloc, wal_name);
    aks_mem_free(alloc, source_name);
    return status;
}

/* Is the name of ${row}, or that of its log, one that ${object} has already? */
static bool
shares_name(const struct aks_manifest_object *object, const struct aks_stored *row)
{
    const char *suffix = row->wal.key != NULL ? aks_manifest_wal_suffix(row->kind) : NULL;
    size_t len = strlen(row->name);

    return strncmp(object->name, row->name, len) == 0 && (object->name[len] == '\0' ||
        (suffix != NULL && strcmp(object->name + len, suffix) == 0));
}

/* An earlier object whose name another source has now is listed under a name with its path's
 * digest. */
static enum aks_status
add_earlier(const struct upload *upload, struct aks_manifest *manifest,
    const struct aks_stored *row, struct aks_error *err)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    char *name = NULL;
    enum aks_status status;

    for (size_t i = 0; i < manifest->object_count && name == NULL; i++) {
        if (!shares_name(&manifest->objects[i], row))
            continue;
        name = aks_source_name_with_digest(alloc, row->name, row->source);
        if (name == NULL)
            return aks_error_memory(err, "writing a manifest");
    }
    status = add_row(upload, manifest, row, name != NULL ? name : row->name, err);
    aks_mem_free(alloc, name);
    return status;
}

/* Every source that the target holds: those of this upload, then earlier ones by their keys. */
static enum aks_status
add_objects(struct upload *upload, struct aks_manifest *manifest, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_stored *rows = NULL;
    size_t row_count = 0;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < upload->count && status == AKS_OK; i++) {
        if (upload->copies[i]->state != AKS_COPY_STORED)
            continue;
        status = add_row(upload, manifest, &upload->copies[i]->row, upload->copies[i]->row.name,
            err);
    }
    if (status == AKS_OK)
        status = aks_state_stored_all(run->engine->state, run->targets[upload->index].identity,
            &rows, &row_count, err);
    for (size_t i = 0; i < row_count; i++) {
        if (status == AKS_OK && !replaced(upload, &rows[i]))
            status = add_earlier(upload, manifest, &rows[i], err);
        aks_stored_fini(alloc, &rows[i]);
    }
    aks_mem_free(alloc, rows);
    return status;
}

static enum aks_status
write_manifest(struct upload *upload, struct aks_buf *text, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    const struct aks_port *port = run->engine->port;
    struct aks_manifest manifest;
    enum aks_status status;

    aks_manifest_init(&manifest, port->alloc);
    manifest.system_id = aks_mem_strdup(port->alloc, run->system_id);
    manifest.upload_id = aks_mem_strdup(port->alloc, upload->upload_id);
    manifest.uploader_version = aks_mem_strdup(port->alloc, AKS_VERSION);
    manifest.uploaded_at_ms = port->clock.wall_ms(port->clock.ctx);
    (void)snprintf(manifest.policy_sha256, sizeof(manifest.policy_sha256), "%s",
        run->settings->policy_sha256);
    (void)snprintf(manifest.audit_head, sizeof(manifest.audit_head), "%s", upload->audit_head);
    status = manifest.system_id == NULL || manifest.upload_id == NULL ||
        manifest.uploader_version == NULL ? aks_error_memory(err, "writing a manifest") : AKS_OK;
    if (status == AKS_OK)
        status = add_objects(upload, &manifest, err);
    if (status == AKS_OK)
        status = aks_run_memories_manifest(upload, &manifest, err);
    if (status == AKS_OK)
        status = aks_manifest_write(&manifest, text, err);
    aks_manifest_fini(&manifest);
    return status;
}

/* The rows of what was stored, in one transaction. */
static enum aks_status
record_rows(struct upload *upload, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_stored *rows = aks_mem_array(alloc, upload->count, sizeof(*rows));
    size_t count = 0;
    enum aks_status status;

    if (rows == NULL)
        return aks_error_memory(err, "recording an upload");
    for (size_t i = 0; i < upload->count; i++) {
        if (upload->copies[i]->state == AKS_COPY_STORED)
            rows[count++] = upload->copies[i]->row;
    }
    status = aks_state_stored_put(run->engine->state, run->targets[upload->index].identity, rows,
        count, err);
    aks_mem_free(alloc, rows);
    return status;
}

/* --- step by step ----------------------------------------------------------------------------- */

static void
put(struct upload *upload, const char *key, const char *content_type, bool create_only,
    aks_done *done)
{
    const struct aks_buf *text = &upload->commit.text;

    upload->class->put(upload->target, key, content_type, text->data, text->len,
        create_only, done, upload);
}

static void
end(struct upload *upload, const struct aks_outcome *outcome)
{
    aks_buf_fini(&upload->commit.text);
    upload->commit.done(upload->commit.ctx, outcome);
}

static void
end_failed(struct upload *upload, const struct aks_error *err)
{
    struct aks_outcome outcome;

    aks_outcome_failed(&outcome, err);
    outcome.verdict = AKS_GIVE_UP;
    end(upload, &outcome);
}

/* From here on it is delivered. What cannot be noted here costs a second upload, not the first. */
static void
complete(struct upload *upload)
{
    struct aks_run_target *target = &upload->run->targets[upload->index];
    struct aks_error err;

    upload->commit.manifest_there = false;
    (void)snprintf(target->upload_id, sizeof(target->upload_id), "%s", upload->upload_id);
    if (record_rows(upload, &err) != AKS_OK || aks_run_memories_moved(upload, &err) != AKS_OK ||
        aks_run_commit_audit(upload, "upload_success", NULL, &err) != AKS_OK)
        aks_log_write(upload->run->engine->log, AKS_LOG_WARNING,
            "%s: the upload is complete but could not be noted: %s", upload->settings->name,
            err.message);
}

static bool
puts_markers(const struct upload *upload)
{
    return upload->class->markers && !upload->settings->no_markers;
}

/* The commit is done; a lister that wants a folder gets one, and may miss it. */
static void
folder_put(void *ctx, const struct aks_outcome *outcome)
{
    struct upload *upload = ctx;
    struct aks_outcome ok;

    if (outcome->status != AKS_OK)
        aks_log_write(upload->run->engine->log, AKS_LOG_WARNING,
            "%s: the marker of the upload could not be put: %s", upload->settings->name,
            outcome->error.message);
    complete(upload);
    aks_outcome_ok(&ok);
    end(upload, &ok);
}

static void
manifest_put(void *ctx, const struct aks_outcome *outcome)
{
    struct upload *upload = ctx;

    aks_buf_fini(&upload->commit.text);
    if (outcome->status != AKS_OK) {
        end(upload, outcome);
        return;
    }
    upload->commit.manifest_there = true;
    if (puts_markers(upload))
        put(upload, upload->folder, "application/x-directory", false, folder_put);
    else
        folder_put(upload, outcome);
}

/* Where the journal does not know of it, and this process dies before it has noted what is stored:
 * the next upload is a later one, whatever the clock says. */
static enum aks_status
note_id(const struct upload *upload, struct aks_error *err)
{
    const struct aks_run *run = upload->run;
    const struct aks_port *port = run->engine->port;

    if (upload->journal.upload.id != 0)
        return AKS_OK;
    return aks_state_fact_keep(run->engine->state, run->targets[upload->index].identity,
        AKS_STATE_FACT_UPLOAD, upload->upload_id, port->clock.wall_ms(port->clock.ctx), err);
}

static void
put_manifest(struct upload *upload)
{
    struct aks_run_target *target = &upload->run->targets[upload->index];
    struct aks_error err;

    if (note_id(upload, &err) != AKS_OK ||
        aks_run_commit_audit(upload, "upload_sent", NULL, &err) != AKS_OK ||
        write_manifest(upload, &upload->commit.text, &err) != AKS_OK ||
        aks_run_memories_note(upload, &err) != AKS_OK) {
        end_failed(upload, &err);
        return;
    }
    (void)snprintf(upload->commit.key, sizeof(upload->commit.key), "%s%s", upload->folder,
        AKS_MANIFEST_NAME);
    (void)snprintf(target->manifest_id, sizeof(target->manifest_id), "%s", upload->upload_id);
    put(upload, upload->commit.key, "application/json", true, manifest_put);
}

static void
marker_put(void *ctx, const struct aks_outcome *outcome)
{
    struct upload *upload = ctx;
    struct aks_run *run = upload->run;
    const struct aks_port *port = run->engine->port;

    if (outcome->status != AKS_OK) {
        end(upload, outcome);
        return;
    }
    /* Only saves a request: without it the marker is put again. */
    (void)aks_state_fact_put(run->engine->state, run->targets[upload->index].identity, "marker",
        "yes", port->clock.wall_ms(port->clock.ctx), NULL);
    put_manifest(upload);
}

/* systems/<id>/: what a probe asks for, and what a flat lister finds systems by. */
static bool
wants_marker(const struct upload *upload)
{
    const struct aks_run *run = upload->run;
    const struct aks_port *port = run->engine->port;
    char value[8];

    return puts_markers(upload) && aks_state_fact_get(run->engine->state,
        run->targets[upload->index].identity, "marker", port->clock.wall_ms(port->clock.ctx),
        MARKER_AGE_MS, value, sizeof(value), NULL) != AKS_OK;
}

/* What is there was read again, or need not be. */
static void
read_back(void *ctx, const struct aks_outcome *outcome)
{
    struct upload *upload = ctx;

    if (outcome->status != AKS_OK) {
        end(upload, outcome);
        return;
    }
    if (!wants_marker(upload)) {
        put_manifest(upload);
        return;
    }
    (void)aks_target_key_system(upload->run->system_id, upload->commit.key);
    put(upload, upload->commit.key, "application/x-directory", false, marker_put);
}

/* The rows are there as well, or stay for the next time. */
static void
memories_sent(void *ctx, const struct aks_outcome *outcome)
{
    struct upload *upload = ctx;

    if (outcome->status != AKS_OK)
        end(upload, outcome);
    else if (upload->run->settings->verify == AKS_VERIFY_READ_BACK)
        aks_run_read_back_begin(upload, read_back);
    else
        read_back(upload, outcome);
}

void
aks_run_commit_begin(struct upload *upload, aks_done *done, void *ctx)
{
    upload->commit.done = done;
    upload->commit.ctx = ctx;
    upload->commit.manifest_there = false;
    aks_buf_init(&upload->commit.text, upload->run->engine->port->alloc, AKS_MANIFEST_BYTES_MAX);
    aks_run_memories_begin(upload, memories_sent);
}

bool
aks_run_commit_end(struct upload *upload)
{
    bool there = upload->commit.manifest_there;

    aks_run_read_back_end(upload);
    if (there)
        complete(upload);
    aks_run_memories_end(upload);
    aks_buf_fini(&upload->commit.text);
    return there;
}

enum aks_status
aks_run_commit(struct upload *upload)
{
    struct call call = { 0 };

    aks_run_commit_begin(upload, aks_run_upload_called, &call);
    if (aks_run_upload_wait(upload, &call) != AKS_OK && upload->commit.manifest_there) {
        (void)aks_run_commit_end(upload);
        aks_outcome_ok(&upload->outcome);
    }
    return upload->outcome.status;
}
