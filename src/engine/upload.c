/* An upload: one run's sources to one target under one upload id. It exists for readers once its manifest is
 * written, after everything else. */
#include "base/check.h"
#include "base/encode.h"
#include "base/units.h"
#include "engine/audit.h"
#include "engine/run.h"
#include "engine/transfer.h"
#include "wire/dates.h"
#include "wire/manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Transfers that may be under way at once. One reads at a time; the others send their last parts. */
#define TRANSFERS_MAX 4
/* A system's marker is put again after so long, in case somebody emptied the bucket. */
#define MARKER_AGE_MS (30 * AKS_MS_PER_DAY)
#define PATH_BYTES 512

struct upload {
    struct aks_run *run;
    size_t index;
    const struct aks_target_settings *settings;
    const struct aks_target_class *class;
    struct aks_target *target;
    struct aks_target_facts facts;
    char folder[PATH_BYTES];            /* "systems/<id>/<upload>/" */
    struct aks_item **items;
    size_t count;
    size_t next;                        /* item to be begun */
    bool reading;
    size_t under_way;
    struct slot {
        struct upload *upload;
        struct aks_transfer *transfer;
        struct aks_item *item;
    } slots[TRANSFERS_MAX];
    struct aks_transfer *transfers[TRANSFERS_MAX];     /* the same, for progress */
    bool condemned;                     /* the target itself failed: no more of it */
    bool done;
    struct aks_outcome outcome;
    char audit_head[65];
};

/* One call of the target that is waited for. */
struct call {
    bool done;
    struct aks_outcome outcome;
};

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct call *call = ctx;

    call->outcome = *outcome;
    call->done = true;
}

/* Waits for ${call}; its outcome, or what ended the run meanwhile. */
static enum aks_status
wait_for(struct upload *upload, struct call *call)
{
    struct aks_error err;

    if (aks_run_drive(upload->run, &call->done, &err) != AKS_OK) {
        aks_outcome_failed(&upload->outcome, &err);
        upload->outcome.verdict = AKS_GIVE_UP;
    } else {
        upload->outcome = call->outcome;
    }
    return upload->outcome.status;
}

static enum aks_status
failed(struct upload *upload, const struct aks_error *err, enum aks_verdict verdict)
{
    aks_outcome_failed(&upload->outcome, err);
    upload->outcome.verdict = verdict;
    return err->status;
}

/* Failures that say something of one source only; all others condemn the target. */
static bool
concerns_source(enum aks_status status)
{
    return status == AKS_SOURCE_MISSING || status == AKS_SOURCE_BUSY ||
        status == AKS_SOURCE_CHANGED || status == AKS_SOURCE_UNREADABLE ||
        status == AKS_TOO_LARGE || status == AKS_CONFLICT;
}

/* The row of the index that a stored item makes. */
static enum aks_status
fill_row(struct upload *upload, struct aks_item *item, const struct aks_transfer_result *result,
    struct aks_error *err)
{
    const struct aks_port *port = upload->run->engine->port;
    struct aks_stored *row = &item->row;

    aks_stored_fini(port->alloc, row);
    memset(row, 0, sizeof(*row));
    row->source = aks_mem_strdup(port->alloc, item->source.path);
    row->name = aks_mem_strdup(port->alloc, item->source.name);
    row->kind = aks_mem_strdup(port->alloc, aks_source_kind_name(item->source.kind));
    row->key = aks_mem_strdup(port->alloc, result->key);
    row->upload_id = aks_mem_strdup(port->alloc, upload->run->upload_id);
    row->codec = aks_mem_strdup(port->alloc, aks_codec_name(result->codec));
    if (row->source == NULL || row->name == NULL || row->kind == NULL || row->key == NULL ||
        row->upload_id == NULL || row->codec == NULL)
        return aks_error_memory(err, "recording an upload");
    row->bytes = result->bytes.plain_bytes;
    aks_hex_encode(result->bytes.plain_sha256, AKS_SHA256_BYTES, row->sha256);
    row->stored_bytes = result->bytes.stored_bytes;
    aks_hex_encode(result->bytes.stored_sha256, AKS_SHA256_BYTES, row->stored_sha256);
    row->part_bytes = result->part_bytes;
    row->parts = result->bytes.parts;
    row->taken_at_ms = result->taken_at_ms;
    row->stored_at_ms = port->clock.wall_ms(port->clock.ctx);
    row->checked_at_ms = row->stored_at_ms;
    row->info = result->info;
    row->info_racy = result->info_racy;
    memcpy(item->sha256, row->sha256, sizeof(item->sha256));
    item->codec_reason = result->codec_reason;
    return AKS_OK;
}

static void start_transfers(struct upload *upload);

static void
transfer_read(void *ctx)
{
    struct slot *slot = ctx;

    slot->upload->reading = false;
    start_transfers(slot->upload);
}

static void
cancel_all(struct upload *upload)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (upload->slots[i].transfer != NULL)
            aks_transfer_cancel(upload->slots[i].transfer);
    }
}

static void
condemn(struct upload *upload, const struct aks_outcome *outcome)
{
    if (upload->condemned)
        return;
    upload->condemned = true;
    upload->outcome = *outcome;
    cancel_all(upload);
}

static void
transfer_done(void *ctx)
{
    struct slot *slot = ctx;
    struct upload *upload = slot->upload;
    struct aks_item *item = slot->item;
    const struct aks_outcome *outcome = aks_transfer_outcome(slot->transfer);
    struct aks_error err;

    if (outcome->status == AKS_OK) {
        const struct aks_transfer_result *result = aks_transfer_result(slot->transfer);

        upload->run->sent_bytes += result->bytes.stored_bytes;
        if (fill_row(upload, item, result, &err) == AKS_OK) {
            item->stored_here[upload->index] = true;
            upload->run->progress.files_done++;
            upload->run->progress.bytes_done += result->bytes.plain_bytes;
        } else {
            aks_run_item_failed(item, &err);
        }
    } else {
        if (outcome->status != AKS_CANCELLED || item->error.status == AKS_OK)
            aks_run_item_failed(item, &outcome->error);
        item->gave_up = outcome->verdict == AKS_GIVE_UP && outcome->status != AKS_CANCELLED;
        if (!concerns_source(outcome->status) && outcome->status != AKS_CANCELLED)
            condemn(upload, outcome);
    }
    aks_transfer_free(slot->transfer);
    slot->transfer = NULL;
    upload->transfers[slot - upload->slots] = NULL;
    upload->under_way--;
    start_transfers(upload);
}

static void
start_transfer(struct upload *upload, struct slot *slot, struct aks_item *item)
{
    struct aks_transfer_options options = { 0 };
    struct aks_run *run = upload->run;
    struct aks_error err;

    slot->upload = upload;
    slot->item = item;
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.pool = &run->pool;
    options.target = upload->target;
    options.target_facts = &upload->facts;
    options.source = &item->source;
    options.folder = upload->folder;
    options.read = transfer_read;
    options.done = transfer_done;
    options.ctx = slot;
    if (aks_transfer_new(&options, &slot->transfer, &err) != AKS_OK) {
        aks_run_item_failed(item, &err);
        return;
    }
    upload->transfers[slot - upload->slots] = slot->transfer;
    upload->under_way++;
    upload->reading = true;
    run->progress.source = item->source.name;
}

static void
start_transfers(struct upload *upload)
{
    for (size_t i = 0; i < TRANSFERS_MAX && !upload->reading && !upload->condemned; i++) {
        if (upload->slots[i].transfer == NULL && upload->next < upload->count)
            start_transfer(upload, &upload->slots[i], upload->items[upload->next++]);
    }
    if (upload->under_way == 0 && (upload->next == upload->count || upload->condemned))
        upload->done = true;
}

/* All items, side by side as far as memory allows. */
static enum aks_status
send_items(struct upload *upload)
{
    struct aks_run *run = upload->run;
    struct aks_error err;
    enum aks_status status;

    aks_outcome_ok(&upload->outcome);
    run->transfers = upload->transfers;
    run->transfer_count = TRANSFERS_MAX;
    start_transfers(upload);
    status = aks_run_drive(run, &upload->done, &err);
    if (status != AKS_OK) {
        struct aks_outcome outcome;

        /* The run ends: every transfer cleans up within its limit, which is waited for here. */
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        condemn(upload, &outcome);
        start_transfers(upload);
        while (!upload->done) {
            if (aks_loop_turn(&run->engine->loop, &err) != AKS_OK)
                break;
        }
        upload->outcome = outcome;
    }
    run->transfers = NULL;
    run->transfer_count = 0;
    run->progress.source = NULL;
    return upload->outcome.status;
}

static enum aks_status
put(struct upload *upload, const char *key, const char *content_type, const char *data, size_t len,
    bool create_only)
{
    struct call call = { 0 };

    upload->class->put(upload->target, key, content_type, data, len, create_only, call_done, &call);
    return wait_for(upload, &call);
}

/* systems/<id>/: what a probe asks for, and what a flat lister finds systems by. */
static enum aks_status
put_system_marker(struct upload *upload)
{
    struct aks_run *run = upload->run;
    const struct aks_port *port = run->engine->port;
    int64_t now_ms = port->clock.wall_ms(port->clock.ctx);
    const char *identity = run->targets[upload->index].identity;
    char key[PATH_BYTES];
    char value[8];

    if (!upload->class->markers)
        return AKS_OK;
    if (aks_state_fact_get(run->engine->state, identity, "marker", now_ms, MARKER_AGE_MS, value,
            sizeof(value), NULL) == AKS_OK)
        return AKS_OK;
    (void)snprintf(key, sizeof(key), "systems/%s/", run->system_id);
    if (put(upload, key, "application/x-directory", "", 0, false) != AKS_OK)
        return upload->outcome.status;
    /* Only saves a request: without it the marker is put again. */
    (void)aks_state_fact_put(run->engine->state, identity, "marker", "yes", now_ms, NULL);
    return AKS_OK;
}

static json_t *
audit_files(const struct upload *upload)
{
    json_t *files = json_array();

    for (size_t i = 0; i < upload->count; i++) {
        const struct aks_stored *row = &upload->items[i]->row;

        if (!upload->items[i]->stored_here[upload->index])
            continue;
        (void)json_array_append_new(files,
            json_pack("{s:s, s:s, s:I, s:s, s:I, s:s}", "name", row->name, "key", row->key, "bytes",
                (json_int_t)row->bytes, "sha256", row->sha256, "stored_bytes",
                (json_int_t)row->stored_bytes, "stored_sha256", row->stored_sha256));
    }
    return files;
}

/* One record of this upload. ${failure}: NULL unless it failed. */
static enum aks_status
audit(struct upload *upload, const char *event, const struct aks_error *failure,
    struct aks_error *err)
{
    struct aks_run *run = upload->run;
    struct aks_audit *log;
    json_t *fields;
    enum aks_status status = aks_engine_audit(run->engine, &log, err);

    if (status != AKS_OK)
        return status;
    fields = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "run_id", run->run_id, "upload_id",
        run->upload_id, "system_id", run->system_id, "target", upload->settings->name, "method",
        aks_target_kind_method(upload->settings->kind), "policy_sha256",
        run->settings->policy_sha256, "event_type", event);
    if (fields == NULL)
        return aks_error_memory(err, "writing the audit log");
    if (failure != NULL)
        (void)json_object_set_new(fields, "failure", json_string(aks_status_name(failure->status)));
    else
        (void)json_object_set_new(fields, "files", audit_files(upload));
    status = aks_audit_append(log, event, fields, err);
    if (status == AKS_OK)
        status = aks_audit_head(log, upload->audit_head, err);
    json_decref(fields);
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
    object->stored_bytes = row->stored_bytes;
    memcpy(object->stored_sha256, row->stored_sha256, sizeof(object->stored_sha256));
    object->part_bytes = row->part_bytes;
    object->parts = row->parts;
    object->snapshot_method = method;
    object->taken_at_ms = row->taken_at_ms;
}

static bool
replaced(const struct upload *upload, const struct aks_stored *row)
{
    for (size_t i = 0; i < upload->count; i++) {
        if (upload->items[i]->stored_here[upload->index] &&
            strcmp(upload->items[i]->source.path, row->source) == 0)
            return true;
    }
    return false;
}

/* An earlier object whose name another source has now is listed under a name with its path's digest. */
static enum aks_status
add_earlier(const struct upload *upload, struct aks_manifest *manifest, struct aks_stored *row,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    struct aks_manifest_object object;
    char *name = NULL;
    enum aks_status status;

    object_of_row(row, &object);
    for (size_t i = 0; i < manifest->object_count; i++) {
        if (strcmp(manifest->objects[i].name, row->name) != 0)
            continue;
        name = aks_source_name_with_digest(alloc, row->name, row->source);
        if (name == NULL)
            return aks_error_memory(err, "writing a manifest");
        object.name = name;
        break;
    }
    status = aks_manifest_add(manifest, &object, err);
    aks_mem_free(alloc, name);
    return status;
}

/* Every source that the target holds: those of this upload, then earlier ones by their keys. */
static enum aks_status
add_objects(struct upload *upload, struct aks_manifest *manifest, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_manifest_object object;
    struct aks_stored *rows = NULL;
    size_t row_count = 0;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < upload->count && status == AKS_OK; i++) {
        if (!upload->items[i]->stored_here[upload->index])
            continue;
        object_of_row(&upload->items[i]->row, &object);
        status = aks_manifest_add(manifest, &object, err);
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
    manifest.upload_id = aks_mem_strdup(port->alloc, run->upload_id);
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
        status = aks_manifest_write(&manifest, text, err);
    aks_manifest_fini(&manifest);
    return status;
}

static enum aks_status
put_manifest(struct upload *upload)
{
    struct aks_buf text;
    struct aks_error err;
    char key[PATH_BYTES + sizeof(AKS_MANIFEST_NAME)];
    enum aks_status status;

    aks_buf_init(&text, upload->run->engine->port->alloc, AKS_MANIFEST_BYTES_MAX);
    status = write_manifest(upload, &text, &err);
    if (status != AKS_OK) {
        status = failed(upload, &err, AKS_GIVE_UP);
    } else {
        (void)snprintf(key, sizeof(key), "%s%s", upload->folder, AKS_MANIFEST_NAME);
        status = put(upload, key, "application/json", text.data, text.len, true);
    }
    if (status == AKS_OK && upload->class->markers) {
        /* The commit is done; a lister that wants a folder gets one, and may miss it. */
        if (put(upload, upload->folder, "application/x-directory", "", 0, false) != AKS_OK)
            aks_log_write(upload->run->engine->log, AKS_LOG_WARNING,
                "%s: the marker of the upload could not be put: %s", upload->settings->name,
                upload->outcome.error.message);
    }
    aks_buf_fini(&text);
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
        if (upload->items[i]->stored_here[upload->index])
            rows[count++] = upload->items[i]->row;
    }
    status = aks_state_stored_put(run->engine->state, run->targets[upload->index].identity, rows,
        count, err);
    aks_mem_free(alloc, rows);
    return status;
}

static size_t
stored_count(const struct upload *upload)
{
    size_t count = 0;

    for (size_t i = 0; i < upload->count; i++)
        count += upload->items[i]->stored_here[upload->index];
    return count;
}

/* Everything is there: marker, audit, manifest, in this order. */
static enum aks_status
commit(struct upload *upload)
{
    struct aks_error err;

    if (put_system_marker(upload) != AKS_OK)
        return upload->outcome.status;
    if (audit(upload, "upload_sent", NULL, &err) != AKS_OK)
        return failed(upload, &err, AKS_GIVE_UP);
    if (put_manifest(upload) != AKS_OK)
        return upload->outcome.status;
    aks_outcome_ok(&upload->outcome);
    (void)snprintf(upload->run->targets[upload->index].upload_id,
        sizeof(upload->run->targets[upload->index].upload_id), "%s", upload->run->upload_id);
    /* From here on it is delivered. What cannot be noted here costs a second upload, not the first. */
    if (record_rows(upload, &err) != AKS_OK || audit(upload, "upload_success", NULL, &err) != AKS_OK)
        aks_log_write(upload->run->engine->log, AKS_LOG_WARNING,
            "%s: the upload is complete but could not be noted: %s", upload->settings->name,
            err.message);
    return AKS_OK;
}

static enum aks_status
make_target(struct upload *upload, struct aks_target_options *options)
{
    struct aks_run *run = upload->run;
    struct aks_error err;

    options->port = run->engine->port;
    options->loop = &run->engine->loop;
    options->ask = &run->ask;
    options->log = run->engine->log;
    options->state = run->engine->state;
    options->settings = upload->settings;
    options->system_id = run->system_id;
    options->upload_id = run->upload_id;
    options->scratch_folder = run->engine->scratch_folder;
    options->probe_ms = run->settings->probe_ms;
    if (upload->class->create(options, &upload->target, &err) != AKS_OK)
        return failed(upload, &err, AKS_NEXT_TARGET);
    return AKS_OK;
}

static enum aks_status
available(struct upload *upload)
{
    struct call call = { 0 };

    upload->class->available(upload->target, call_done, &call);
    return wait_for(upload, &call);
}

enum aks_status
aks_run_upload(struct aks_run *run, size_t index, struct aks_item **items, size_t count,
    struct aks_outcome *outcome)
{
    struct aks_target_options options = { 0 };
    struct upload upload = { 0 };
    enum aks_status status;

    upload.run = run;
    upload.index = index;
    upload.settings = &run->settings->targets[index];
    upload.class = aks_target_class_of(upload.settings->kind);
    upload.items = items;
    upload.count = count;
    aks_run_target_facts(run, index, &upload.facts);
    (void)snprintf(upload.folder, sizeof(upload.folder), "systems/%s/%s/", run->system_id,
        run->upload_id);
    run->progress.target = upload.settings->name;
    run->targets[index].used = true;

    status = make_target(&upload, &options);
    if (status == AKS_OK)
        status = available(&upload);
    if (status == AKS_OK)
        status = send_items(&upload);
    if (status == AKS_OK && stored_count(&upload) > 0)
        status = commit(&upload);
    if (status != AKS_OK) {
        struct aks_error ignored;

        for (size_t i = 0; i < count; i++)
            items[i]->stored_here[index] = false;
        /* A log that cannot be written must not hide why the upload failed. */
        (void)audit(&upload, "upload_failure", &upload.outcome.error, &ignored);
    }
    if (upload.target != NULL)
        upload.class->free(upload.target);
    run->progress.target = NULL;
    *outcome = upload.outcome;
    return status;
}
