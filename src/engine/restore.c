#include "engine/restore.h"

#include "base/check.h"
#include "engine/restore_internal.h"
#include "engine/state_proofs.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NOTE_BYTES 512
/* One manifest after another that cannot be read says no more than the first ones. */
#define NOTES_MAX 50

void
aks_restore_note(struct restore *restore, const char *format, ...)
{
    char text[NOTE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    aks_log_write(restore->reader.engine->log, AKS_LOG_WARNING, "%s", text);
    if (json_array_size(restore->notes) < NOTES_MAX)
        (void)json_array_append_new(restore->notes, aks_text_json(text));
}

enum aks_status
aks_restore_use(struct restore *restore, size_t index, struct aks_error *err)
{
    enum aks_status status;

    if (restore->opened == index + 1 && restore->reader.target != NULL)
        return AKS_OK;
    restore->opened = 0;
    status = aks_reader_open(&restore->reader, index, err);
    if (status == AKS_OK)
        restore->opened = index + 1;
    return status;
}

/* The folder, made if it is missing. What leads to it may be links, which are the person's own;
 * below it none is followed. */
static enum aks_status
open_folder(struct restore *restore, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    const char *to = restore->options->to;
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, to, true, &info, err);

    if (status == AKS_NOT_FOUND) {
        status = files->make_folder(files->ctx, to, err);
        if (status == AKS_OK)
            status = files->stat(files->ctx, to, true, &info, err);
    }
    if (status == AKS_OK && info.type != AKS_FILE_FOLDER)
        status = aks_error_set(err, AKS_CONFLICT, "%s is not a folder", to);
    if (status == AKS_OK)
        status = files->resolve(files->ctx, to, restore->port->alloc, &restore->folder, err);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "cannot restore to %s", to);
    return status;
}

static bool
lock_path(const struct restore *restore, char ret_path[AKS_PATH_BYTES])
{
    int len = snprintf(ret_path, AKS_PATH_BYTES, "%s/.akosha-restore.lock", restore->folder);

    return len > 0 && len < AKS_PATH_BYTES;
}

/* Two restores to one folder would write to the same parts. Not the parts are locked, since SQLite
 * has locks of its own for what it opens. */
static enum aks_status
lock_folder(struct restore *restore, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    char path[AKS_PATH_BYTES];
    enum aks_status status;

    if (!lock_path(restore, path))
        return aks_error_set(err, AKS_LIMIT, "%s: the path is too long", restore->folder);
    status = files->open(files->ctx, path, AKS_FILE_LOCK, &restore->lock, err);
    if (status == AKS_OK)
        status = files->lock(restore->lock, err);
    if (status == AKS_CONFLICT) {
        files->close(restore->lock);
        restore->lock = NULL;
        return aks_error_set(err, AKS_CONFLICT, "another process restores to %s just now",
            restore->folder);
    }
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "cannot restore to %s", restore->folder);
    return status;
}

static void
unlock_folder(struct restore *restore)
{
    const struct aks_files *files = &restore->port->files;
    char path[AKS_PATH_BYTES];

    if (restore->lock != NULL && lock_path(restore, path))
        (void)files->unlink(files->ctx, path, NULL);
    files->close(restore->lock);
    restore->lock = NULL;
}

/* An object that others put in the place of ours comes with a manifest of theirs. */
static void
tell_plain(struct restore *restore)
{
    char words[AKS_READER_WORDS_BYTES];
    const char *first = NULL;
    size_t count = 0;

    for (size_t i = 0; i < restore->item_count; i++) {
        const struct restore_item *item = &restore->items[i];

        for (int role = 0; role < RESTORE_ROLES; role++) {
            if (!item->there[role] || item->objects[role].of.encryption != AKS_ENCRYPTION_NONE)
                continue;
            if (count++ == 0)
                first = item->objects[role].of.name;
        }
    }
    if (count == 0 || !restore->options->policy->settings->encrypt.set)
        return;
    aks_reader_plain_words(first, count, words);
    aks_restore_note(restore, "%s", words);
}

static enum aks_status
prepare(struct restore *restore, struct aks_error *err)
{
    enum aks_status status = open_folder(restore, err);

    if (status == AKS_OK)
        status = lock_folder(restore, err);
    if (status == AKS_OK)
        status = aks_restore_names(restore, err);
    for (size_t i = 0; i < restore->item_count && status == AKS_OK; i++)
        status = aks_restore_names_free(restore, &restore->items[i], err);
    if (status == AKS_OK)
        status = aks_restore_room(restore, err);
    return status;
}

/* Of a drill: is it encrypted, and nothing here opens it? */
static bool
stays_sealed(const struct restore *restore, const struct restore_item *item)
{
    return restore->options->drill && !aks_unseal_any(&restore->unseal) &&
        (item->objects[RESTORE_MAIN].of.encryption != AKS_ENCRYPTION_NONE ||
            (item->there[RESTORE_WAL] &&
                item->objects[RESTORE_WAL].of.encryption != AKS_ENCRYPTION_NONE));
}

static enum aks_status
prove_item(struct restore *restore, struct restore_item *item, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (int role = 0; role < RESTORE_ROLES && status == AKS_OK; role++) {
        if (item->there[role])
            status = aks_restore_part_prove(restore, item, role, err);
    }
    if (status == AKS_OK)
        aks_restore_note(restore, "%s is encrypted: what is stored of it was read and is what was "
            "stored; its contents were not opened, as no identity is here", item->name);
    return status;
}

static enum aks_status
restore_item(struct restore *restore, struct restore_item *item, struct aks_error *err)
{
    enum aks_status status = aks_restore_use(restore, item->target, err);

    restore->progress.target = restore->reader.own.name;
    restore->progress.source = item->name;
    if (status == AKS_OK && stays_sealed(restore, item))
        return prove_item(restore, item, err);
    for (int role = 0; role < RESTORE_ROLES && status == AKS_OK; role++) {
        if (item->there[role])
            status = aks_restore_part(restore, item, role, err);
    }
    /* Both halves are what they should be from here on. */
    if (status == AKS_OK)
        status = aks_restore_open(restore, item, &item->opened, err);
    if (status == AKS_OK && strcmp(item->objects[RESTORE_MAIN].of.kind, "duckdb") == 0)
        status = aks_restore_read(restore, item, err);
    if (status == AKS_OK)
        status = aks_restore_place(restore, item, err);
    for (int role = 0; role < RESTORE_ROLES; role++)
        aks_restore_part_close(restore, &item->objects[role], false);
    return status;
}

static void
count_progress(struct restore *restore)
{
    restore->progress.reading = true;
    restore->progress.waiting_ms = -1;
    for (size_t i = 0; i < restore->item_count; i++) {
        const struct restore_item *item = &restore->items[i];

        if (item->outcome != NULL)
            continue;
        restore->progress.files_total++;
        for (int role = 0; role < RESTORE_ROLES; role++) {
            if (item->there[role])
                restore->progress.bytes_total += item->objects[role].of.bytes;
        }
    }
}

/* One that fails does not keep the others from being brought back, unless it would fail them all.
 * The first failure is the restore's; integrity before any other. */
static enum aks_status
restore_items(struct restore *restore, struct aks_error *err)
{
    enum aks_status first = AKS_OK;

    count_progress(restore);
    for (size_t i = 0; i < restore->item_count; i++) {
        struct restore_item *item = &restore->items[i];
        enum aks_status status;

        if (item->outcome != NULL)
            continue;
        status = restore_item(restore, item, &item->error);
        if (status == AKS_OK)
            aks_error_clear(&item->error);
        item->outcome = status != AKS_OK ? "failed" : stays_sealed(restore, item) ? "proven"
            : "restored";
        restore->progress.files_done++;
        if (status != AKS_OK && (first == AKS_OK || (status == AKS_CORRUPT &&
                first != AKS_CORRUPT))) {
            first = status;
            *err = item->error;
        }
        if (status == AKS_CANCELLED || status == AKS_NO_SPACE)
            break;
    }
    return first;
}

/* With which keys what is encrypted could be opened: those of identities by their recipients. */
static void
note_keys(json_t *fields, const struct aks_unseal *unseal)
{
    char recipient[AKS_AGE_RECIPIENT_TEXT_BYTES];
    json_t *keys = json_array();

    for (size_t i = 0; i < unseal->identities.count; i++) {
        aks_age_recipient_text(unseal->identities.each[i].point, recipient);
        (void)json_array_append_new(keys, json_string(recipient));
    }
    if (unseal->keys.passphrase != NULL)
        (void)json_array_append_new(keys, json_string("passphrase"));
    (void)json_object_set_new(fields, "keys", keys);
}

/* What came out of one upload, for the audit log. */
static void
note_restored(struct restore *restore, const struct restore_item *item,
    const struct aks_proof *proof)
{
    struct aks_reader *reader = &restore->reader;
    json_t *fields = json_pack("{s:s, s:o, s:I, s:I, s:s, s:b}", "upload_id", proof->upload_id,
        "to", aks_text_json(restore->folder), "objects", (json_int_t)proof->objects, "bytes",
        (json_int_t)proof->bytes, "outcome", proof->outcome == AKS_OK ? "restored" : "failed",
        "drill", restore->options->drill);

    if (fields != NULL && proof->outcome != AKS_OK)
        (void)json_object_set_new(fields, "failure",
            json_string(aks_status_name(proof->outcome)));
    if (fields != NULL && aks_unseal_any(&restore->unseal))
        note_keys(fields, &restore->unseal);
    reader->let_in = reader->let_in && restore->opened == item->target + 1;
    reader->own = reader->settings->targets[item->target];
    aks_reader_note_or_warn(reader, "restored", fields);
}

/* Each upload that something came out of is proven, or is not. */
static void
record_proofs(struct restore *restore)
{
    const struct aks_clock *clock = &restore->port->clock;
    const struct aks_environment *environment = &restore->port->environment;

    for (size_t i = 0; i < restore->item_count; i++) {
        const struct restore_item *item = &restore->items[i];
        struct aks_proof proof = { 0 };
        char identity[AKS_SHA256_HEX_BYTES];
        struct aks_error err;
        bool told = false;

        for (size_t j = 0; j < i && !told; j++)
            told = restore->items[j].target == item->target &&
                strcmp(restore->items[j].upload_id, item->upload_id) == 0;
        if (told || item->outcome == NULL || strcmp(item->outcome, "present") == 0)
            continue;
        (void)snprintf(proof.upload_id, sizeof(proof.upload_id), "%s", item->upload_id);
        aks_target_identity(&restore->reader.settings->targets[item->target],
            environment->home(environment->ctx), restore->reader.system_id, identity);
        proof.target = identity;
        proof.how = restore->options->drill ? AKS_PROOF_DRILL : AKS_PROOF_RESTORED;
        proof.at_ms = clock->wall_ms(clock->ctx);
        for (size_t j = i; j < restore->item_count; j++) {
            const struct restore_item *other = &restore->items[j];

            if (other->target != item->target || strcmp(other->upload_id, item->upload_id) != 0)
                continue;
            /* It was read, and no more. */
            if (other->outcome != NULL && strcmp(other->outcome, "proven") == 0)
                proof.how = AKS_PROOF_READ;
            if (proof.outcome == AKS_OK)
                proof.outcome = other->outcome == NULL ? AKS_CANCELLED : other->error.status;
            for (int role = 0; role < RESTORE_ROLES; role++) {
                proof.objects += other->there[role];
                proof.bytes += other->there[role] ? other->objects[role].of.bytes : 0;
            }
        }
        note_restored(restore, item, &proof);
        /* An upload of which a part was wanted is not proven by it. */
        if (proof.outcome == AKS_OK && (size_t)proof.objects < item->upload_objects)
            continue;
        if (aks_state_proof_put(restore->reader.engine->state, &proof, &err) != AKS_OK)
            aks_restore_note(restore, "what was proven could not be recorded: %s", err.message);
    }
}

/* The report */

static json_t *
text_or_null(const char *text)
{
    return text != NULL ? aks_text_json(text) : json_null();
}

static const char *
said(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static json_t *
object_json(const struct restore_object *object)
{
    char date[AKS_DATE_BYTES];

    return json_pack("{s:o, s:s, s:s, s:I, s:s, s:I, s:s, s:s?, s:s, s:I}", "path",
        text_or_null(object->path), "name", object->of.name, "key", object->of.key, "bytes",
        (json_int_t)object->of.bytes, "sha256", object->of.sha256, "stored_bytes",
        (json_int_t)object->of.stored_bytes, "codec", object->of.codec, "encryption",
        object->of.encryption != AKS_ENCRYPTION_NONE ? AKS_ENCRYPTION_AGE_NAME : NULL, "taken_at",
        aks_date_iso(object->of.taken_at_ms, date), "resumed_bytes",
        (json_int_t)object->resumed);
}

static json_t *
item_json(const struct restore *restore, const struct restore_item *item)
{
    const struct aks_manifest_object *main = &item->objects[RESTORE_MAIN].of;

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "source",
        main->source_name, "kind", main->kind, "target",
        restore->reader.settings->targets[item->target].name,
        "upload_id", item->upload_id, "outcome", item->outcome != NULL ? item->outcome
        : "not_begun", "opened", text_or_null(item->opened),
        "read_by", text_or_null(said(item->read_by)), "unread", text_or_null(said(item->unread)),
        "main",
        object_json(&item->objects[RESTORE_MAIN]), "wal", item->there[RESTORE_WAL]
        ? object_json(&item->objects[RESTORE_WAL]) : json_null(), "error",
        item->error.status != AKS_OK ? aks_reader_error_json(&item->error) : json_null());
}

static json_t *
report_json(const struct restore *restore, enum aks_status status, const struct aks_error *err,
    int64_t started_ns)
{
    const struct aks_clock *clock = &restore->port->clock;
    json_t *files = json_array();
    int64_t bytes = 0;

    for (size_t i = 0; i < restore->item_count; i++) {
        const struct restore_item *item = &restore->items[i];

        (void)json_array_append_new(files, item_json(restore, item));
        for (int role = 0; role < RESTORE_ROLES; role++) {
            if (item->there[role] && item->outcome != NULL && item->error.status == AKS_OK)
                bytes += item->objects[role].of.bytes;
        }
    }
    return json_pack("{s:i, s:b, s:s, s:o, s:o, s:I, s:f, s:O, s:o, s:i}", "schema", 1, "success",
        status == AKS_OK, "system_id", restore->reader.system_id, "to", aks_text_json(
        restore->folder != NULL ? restore->folder : restore->options->to), "files", files, "bytes",
        (json_int_t)bytes, "duration_s",
        (double)(clock->now_ns(clock->ctx) - started_ns) / (double)AKS_NS_PER_S, "notes",
        restore->notes, "error", status == AKS_OK ? json_null() : aks_reader_error_json(err),
        "exit_code", aks_reader_exit_code(restore->reader.engine, status));
}

enum aks_status
aks_restore(struct aks_engine *engine, const struct aks_restore_options *options,
    struct json_t **ret_report, struct aks_error *err)
{
    const struct aks_clock *clock = &engine->port->clock;
    struct restore restore = { .options = options, .port = engine->port };
    struct aks_error own = { 0 };
    int64_t started_ns = clock->now_ns(clock->ctx);
    enum aks_status status = aks_reader_init(&restore.reader, engine, options->policy, err);

    *ret_report = NULL;
    if (status != AKS_OK)
        return status;
    restore.notes = json_array();
    status = restore.notes != NULL ? aks_unseal_init(&restore.unseal, engine->port,
        &options->unseal, &options->policy->settings->encrypt, &own)
        : aks_error_memory(&own, "restoring");
    restore.reader.keys = &restore.unseal.keys;
    if (status == AKS_OK)
        status = aks_restore_plan(&restore, &own);
    if (status == AKS_OK)
        tell_plain(&restore);
    if (status == AKS_OK)
        status = prepare(&restore, &own);
    if (status == AKS_OK) {
        status = restore_items(&restore, &own);
        record_proofs(&restore);
    }
    unlock_folder(&restore);
    *ret_report = report_json(&restore, status, &own, started_ns);
    aks_reader_fini(&restore.reader);
    aks_unseal_fini(&restore.unseal);
    for (size_t i = 0; i < restore.item_count; i++)
        aks_restore_item_fini(engine->port->alloc, &restore.items[i]);
    aks_mem_free(engine->port->alloc, restore.items);
    aks_mem_free(engine->port->alloc, restore.folder);
    json_decref(restore.notes);
    return *ret_report != NULL ? AKS_OK : aks_error_memory(err, "writing the report");
}
