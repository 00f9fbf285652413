#include "engine/listing.h"

#include "base/check.h"
#include "engine/run.h"
#include "engine/text.h"
#include "wire/dates.h"
#include "wire/manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct lister {
    struct aks_engine *engine;
    const struct aks_settings *settings;
    struct aks_ask *ask;
    char system_id[AKS_SYSTEM_ID_BYTES];
    const struct aks_target_class *class;
    struct aks_target *target;
    json_t *ids;                        /* of the uploads of one target, in order */
    bool done;
    struct aks_outcome outcome;
    unsigned lingering;                 /* work that targets left behind */
};

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct lister *lister = ctx;

    lister->outcome = *outcome;
    lister->done = true;
}

static enum aks_status
wait_for(struct lister *lister, struct aks_error *err)
{
    while (!lister->done) {
        enum aks_status status;

        if (atomic_load(&lister->engine->interrupted) != 0)
            return aks_error_set(err, AKS_CANCELLED, "interrupted");
        status = aks_loop_turn(&lister->engine->loop, err);
        if (status != AKS_OK)
            return status;
    }
    lister->done = false;
    if (lister->outcome.status != AKS_OK)
        *err = lister->outcome.error;
    return lister->outcome.status;
}

static enum aks_status
note_upload(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    struct lister *lister = ctx;

    if (!is_folder)
        return AKS_OK;
    if (json_array_size(lister->ids) >= AKS_LISTING_UPLOADS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are over %d uploads", AKS_LISTING_UPLOADS_MAX);
    if (json_array_append_new(lister->ids, json_string(name)) != 0)
        return aks_error_memory(err, "listing uploads");
    return AKS_OK;
}

static json_t *
object_json(const struct aks_manifest_object *object)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:s}", "name", object->name, "key",
        object->key, "source_name", object->source_name, "kind", object->kind, "bytes",
        (json_int_t)object->bytes, "sha256", object->sha256, "codec", object->codec,
        "stored_bytes", (json_int_t)object->stored_bytes, "stored_sha256", object->stored_sha256);
}

static json_t *
manifest_json(const struct aks_manifest *manifest, const char *upload_id)
{
    json_t *objects = json_array();
    json_int_t bytes = 0;
    json_int_t stored = 0;
    char date[AKS_DATE_BYTES];

    for (size_t i = 0; i < manifest->object_count; i++) {
        bytes += manifest->objects[i].bytes;
        stored += manifest->objects[i].stored_bytes;
        (void)json_array_append_new(objects, object_json(&manifest->objects[i]));
    }
    return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:o}", "upload_id", upload_id, "uploaded_at",
        aks_date_iso(manifest->uploaded_at_ms, date), "complete", 1, "files",
        (json_int_t)manifest->object_count, "bytes", bytes, "stored_bytes", stored, "objects",
        objects);
}

/* One upload as its manifest tells; an upload without one, or with one that is damaged, says so. */
static enum aks_status
read_upload(struct lister *lister, const char *upload_id, json_t *uploads, struct aks_error *err)
{
    const struct aks_alloc *alloc = lister->engine->port->alloc;
    struct aks_manifest manifest;
    struct aks_error own;
    struct aks_buf text;
    char key[512];
    json_t *row = NULL;
    enum aks_status status;

    (void)snprintf(key, sizeof(key), "systems/%s/%s/%s", lister->system_id, upload_id,
        AKS_MANIFEST_NAME);
    aks_buf_init(&text, alloc, AKS_MANIFEST_BYTES_MAX);
    aks_manifest_init(&manifest, alloc);
    lister->class->get(lister->target, key, &text, call_done, lister);
    status = wait_for(lister, err);
    if (status == AKS_OK && aks_manifest_read(text.data, text.len, &manifest, &own) == AKS_OK)
        row = manifest_json(&manifest, upload_id);
    else if (status == AKS_OK || status == AKS_NOT_FOUND)
        row = json_pack("{s:s, s:b, s:s}", "upload_id", upload_id, "complete", 0, "reason",
            status == AKS_OK ? own.message : "it has no manifest: it was never finished");
    if (row != NULL) {
        status = AKS_OK;
        (void)json_array_append_new(uploads, row);
    }
    aks_manifest_fini(&manifest);
    aks_buf_fini(&text);
    return status;
}

static enum aks_status
read_uploads(struct lister *lister, json_t *uploads, struct aks_error *err)
{
    char folder[256];
    size_t i;
    json_t *id;
    enum aks_status status;

    (void)snprintf(folder, sizeof(folder), "systems/%s/", lister->system_id);
    json_array_clear(lister->ids);
    lister->class->list(lister->target, folder, note_upload, lister, call_done, lister);
    status = wait_for(lister, err);
    if (status == AKS_NOT_FOUND)
        return AKS_OK;
    json_array_foreach(lister->ids, i, id) {
        if (status == AKS_OK)
            status = read_upload(lister, json_string_value(id), uploads, err);
    }
    return status;
}

static enum aks_status
list_target(struct lister *lister, size_t index, json_t *uploads, struct aks_error *err)
{
    struct aks_target_options options = { 0 };
    enum aks_status status;

    options.port = lister->engine->port;
    options.loop = &lister->engine->loop;
    options.ask = lister->ask;
    options.log = lister->engine->log;
    options.state = lister->engine->state;
    options.settings = &lister->settings->targets[index];
    options.system_id = lister->system_id;
    options.upload_id = "none";
    options.scratch_folder = lister->engine->scratch_folder;
    options.probe_ms = lister->settings->probe_ms;
    options.lingering = &lister->lingering;
    lister->class = aks_target_class_of(options.settings->kind);
    if (!lister->class->can_list)
        return aks_error_set(err, AKS_SETTINGS,
            "target %s cannot be listed: an %s target only takes "
            "files", options.settings->name, aks_target_kind_name(options.settings->kind));
    status = lister->class->create(&options, &lister->target, err);
    if (status == AKS_OK) {
        lister->class->available(lister->target, call_done, lister);
        status = wait_for(lister, err);
    }
    if (status == AKS_OK)
        status = read_uploads(lister, uploads, err);
    if (lister->target != NULL)
        lister->class->free(lister->target);
    lister->target = NULL;
    return status;
}

static int
code_of(enum aks_status status)
{
    if (status == AKS_OK)
        return 0;
    if (status == AKS_SETTINGS || status == AKS_POLICY)
        return 3;
    if (status == AKS_AUTH_MISSING || status == AKS_AUTH_EXPIRED || status == AKS_AUTH_INVALID ||
        status == AKS_FORBIDDEN)
        return 6;
    return 1;
}

static json_t *
error_json(const struct aks_error *err)
{
    return json_pack("{s:s, s:o, s:o}", "failure", aks_status_name(err->status), "message",
        aks_text_json(err->message), "hint",
        err->hint[0] != '\0' ? aks_text_json(err->hint) : json_null());
}

/* All targets that are wanted; the first failure is the listing's own as well. */
static enum aks_status
list_targets(struct lister *lister, const char *wanted, json_t *listing, struct aks_error *err)
{
    json_t *targets = json_object_get(listing, "targets");
    enum aks_status first = AKS_OK;
    bool found = false;

    for (size_t i = 0; i < lister->settings->target_count; i++) {
        const struct aks_target_settings *settings = &lister->settings->targets[i];
        struct aks_error own;
        json_t *uploads;
        json_t *row;
        enum aks_status status;

        if (wanted != NULL ? strcmp(wanted, settings->name) != 0
                : !aks_target_class_of(settings->kind)->can_list)
            continue;
        found = true;
        uploads = json_array();
        row = json_pack("{s:s, s:s, s:o}", "name", settings->name, "kind",
            aks_target_kind_name(settings->kind), "uploads", uploads);
        if (row == NULL)
            return aks_error_memory(err, "listing uploads");
        status = list_target(lister, i, uploads, &own);
        (void)json_object_set_new(row, "error", status == AKS_OK ? json_null() : error_json(&own));
        (void)json_array_append_new(targets, row);
        if (status != AKS_OK && first == AKS_OK) {
            first = status;
            *err = own;
        }
    }
    if (!found)
        return aks_error_set(err, AKS_SETTINGS, wanted != NULL
            ? "--target %s: the policy has no target of that name"
            : "%s: no target of the policy can be listed", wanted != NULL ? wanted : "list");
    return first;
}

enum aks_status
aks_listing(struct aks_engine *engine, const struct aks_listing_options *options,
    json_t **ret_listing, struct aks_error *err)
{
    struct lister lister = { 0 };
    struct aks_ask ask = { 0 };
    struct aks_error own = { 0 };
    json_t *listing = NULL;
    enum aks_status status;

    *ret_listing = NULL;
    lister.engine = engine;
    lister.settings = options->policy->settings;
    lister.ask = &ask;
    aks_engine_system_id(engine->port, lister.settings, lister.system_id);
    status = aks_ask_init(&ask, &engine->loop, options->policy, engine->log, 1, err);
    if (status != AKS_OK)
        return status;
    lister.ids = json_array();
    listing = json_pack("{s:i, s:s, s:[]}", "schema", 1, "system_id", lister.system_id, "targets");
    if (listing == NULL || lister.ids == NULL) {
        status = aks_error_memory(err, "listing uploads");
        json_decref(listing);
        goto out;
    }
    status = list_targets(&lister, options->target, listing, &own);
    (void)json_object_set_new(listing, "error", status == AKS_OK ? json_null() : error_json(&own));
    (void)json_object_set_new(listing, "exit_code", json_integer(status == AKS_CANCELLED
        ? 128 + atomic_load(&engine->interrupted) : code_of(status)));
    *ret_listing = listing;
    status = AKS_OK;
out:
    while (lister.lingering > 0 && aks_loop_turn(&engine->loop, NULL) == AKS_OK)
        continue;
    json_decref(lister.ids);
    aks_ask_fini(&ask);
    return status;
}
