/* One object into a temporary file beside its place.
 *
 * Beside the part lies a record of how far it has got: "akosha-restore/1", written after a sync of
 * the part, at boundaries where a decoder can begin anew. It only saves work: what is believed in
 * the end is the digest of every byte of the part. */
#include "base/check.h"
#include "engine/restore_internal.h"
#include "engine/whole_file.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define RECORD_FORMAT "akosha-restore/1"
#define RECORD_BYTES_MAX 4096
#define RECORD_SUFFIX ".json"

struct receiver {
    struct restore *restore;
    struct restore_object *object;
    int64_t start;                      /* plain bytes before this object in the whole restore */
    int64_t recorded;                   /* plain bytes that the last record says */
    int64_t stored;                     /* the last boundary */
    int64_t plain;
    char etag[AKS_TARGET_ETAG_BYTES];
};

static bool
record_path(const struct restore_object *object, const char *more, char ret_path[AKS_PATH_BYTES])
{
    int len = snprintf(ret_path, AKS_PATH_BYTES, "%s" RECORD_SUFFIX "%s", object->part, more);

    return len > 0 && len < AKS_PATH_BYTES;
}

static bool
text_is(const json_t *record, const char *field, const char *text)
{
    const char *value = json_string_value(json_object_get(record, field));

    return value != NULL && strcmp(value, text) == 0;
}

/* What a record says of this very object; false: from the beginning. */
static bool
read_record(const struct receiver *receiver, int64_t *ret_stored, int64_t *ret_plain,
    char ret_etag[AKS_TARGET_ETAG_BYTES])
{
    const struct aks_port *port = receiver->restore->port;
    const struct aks_manifest_object *of = &receiver->object->of;
    char path[AKS_PATH_BYTES];
    char *text = NULL;
    size_t len = 0;
    json_t *record;
    bool fits;

    if (!record_path(receiver->object, "", path) || aks_whole_file_read(port, path,
        RECORD_BYTES_MAX, &text, &len, NULL) != AKS_OK)
        return false;
    record = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    aks_mem_free(port->alloc, text);
    fits = text_is(record, "format", RECORD_FORMAT) && text_is(record, "key", of->key) &&
        text_is(record, "stored_sha256", of->stored_sha256) &&
        text_is(record, "sha256", of->sha256);
    *ret_stored = json_integer_value(json_object_get(record, "stored"));
    *ret_plain = json_integer_value(json_object_get(record, "plain"));
    ret_etag[0] = '\0';
    if (fits)
        aks_target_etag(json_string_value(json_object_get(record, "etag")), ret_etag);
    json_decref(record);
    return fits && *ret_stored > 0 && *ret_stored <= of->stored_bytes && *ret_plain >= 0 &&
        *ret_plain <= of->bytes;
}

static enum aks_status
write_record_file(const struct aks_port *port, const char *path, const char *text,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *file = NULL;
    enum aks_status status;

    (void)files->unlink(files->ctx, path, NULL);
    status = files->open(files->ctx, path, AKS_FILE_CREATE, &file, err);
    if (status == AKS_OK)
        status = files->write(file, 0, text, strlen(text), err);
    files->close(file);
    return status;
}

/* The part is on the medium before the record says so. The record itself need not be: an old one
 * costs work and nothing else. */
static enum aks_status
write_record(struct receiver *receiver, struct aks_error *err)
{
    const struct aks_port *port = receiver->restore->port;
    const struct aks_manifest_object *of = &receiver->object->of;
    char path[AKS_PATH_BYTES];
    char temporary[AKS_PATH_BYTES];
    json_t *record;
    char *text;
    enum aks_status status = port->files.sync(receiver->object->file, err);

    if (status != AKS_OK || !record_path(receiver->object, "", path) ||
        !record_path(receiver->object, ".new", temporary))
        return status;
    record = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "format", RECORD_FORMAT, "key",
        of->key, "etag", receiver->etag, "sha256", of->sha256, "stored_sha256", of->stored_sha256,
        "stored", (json_int_t)receiver->stored, "plain", (json_int_t)receiver->plain);
    text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (text == NULL)
        return aks_error_memory(err, "recording a restore");
    status = write_record_file(port, temporary, text, err);
    if (status == AKS_OK)
        status = port->files.rename(port->files.ctx, temporary, path, err);
    free(text);
    if (status == AKS_OK)
        receiver->recorded = receiver->plain;
    return status;
}

static enum aks_status
write_plain(void *ctx, int64_t offset, const void *data, size_t len, struct aks_error *err)
{
    struct receiver *receiver = ctx;

    return receiver->restore->port->files.write(receiver->object->file, offset, data, len, err);
}

static void
show(const struct receiver *receiver, int64_t bytes)
{
    struct restore *restore = receiver->restore;
    const struct aks_engine *engine = restore->reader.engine;

    restore->progress.bytes_done = receiver->start + bytes;
    if (engine->progress != NULL)
        engine->progress(engine->progress_ctx, &restore->progress);
}

static enum aks_status
moved(void *ctx, const struct aks_fetch *fetch, struct aks_error *err)
{
    struct receiver *receiver = ctx;

    aks_fetch_boundary(fetch, &receiver->stored, &receiver->plain);
    (void)snprintf(receiver->etag, sizeof(receiver->etag), "%s", aks_fetch_etag(fetch));
    show(receiver, aks_fetch_bytes(fetch));
    if (receiver->plain - receiver->recorded < AKS_RESTORE_RECORD_BYTES)
        return AKS_OK;
    return write_record(receiver, err);
}

static enum aks_status
open_part(const struct restore *restore, struct restore_object *object, struct aks_error *err)
{
    const struct aks_files *files = &restore->port->files;
    struct aks_file_info info;
    enum aks_status status;

    if (object->file != NULL)
        return AKS_OK;
    status = files->open(files->ctx, object->part, AKS_FILE_LOCK, &object->file, err);
    if (status != AKS_OK)
        return status;
    status = files->info(object->file, &info, err);
    if (status == AKS_OK && info.type != AKS_FILE_REGULAR)
        status = aks_error_set(err, AKS_CONFLICT, "%s is no regular file", object->part);
    if (status != AKS_OK) {
        files->close(object->file);
        object->file = NULL;
    }
    return status;
}

void
aks_restore_part_close(struct restore *restore, struct restore_object *object, bool remove)
{
    const struct aks_files *files = &restore->port->files;
    char path[AKS_PATH_BYTES];

    if (object->file != NULL && remove) {
        (void)files->unlink(files->ctx, object->part, NULL);
        if (record_path(object, "", path))
            (void)files->unlink(files->ctx, path, NULL);
        if (record_path(object, ".new", path))
            (void)files->unlink(files->ctx, path, NULL);
    }
    files->close(object->file);
    object->file = NULL;
}

/* Where to go on: the place of the record, if the part is that long, with the digest up to it. */
static enum aks_status
resume(struct receiver *receiver, struct aks_fetch_options *options, struct aks_error *err)
{
    struct restore *restore = receiver->restore;
    const struct aks_files *files = &restore->port->files;
    struct restore_object *object = receiver->object;
    struct aks_file_info info;
    int64_t stored = 0;
    int64_t plain = 0;
    enum aks_status status = files->info(object->file, &info, err);

    object->resumed = 0;
    if (status != AKS_OK)
        return status;
    if (object->of.encryption != AKS_ENCRYPTION_NONE ||
        !read_record(receiver, &stored, &plain, receiver->etag) || info.bytes < plain)
        return files->truncate(object->file, 0, err);
    status = files->truncate(object->file, plain, err);
    if (status != AKS_OK)
        return status;
    options->sha = aks_sha256_new(restore->port->alloc);
    if (options->sha == NULL)
        return aks_error_memory(err, "going on with a restore");
    status = aks_restore_digest(restore, object->file, plain, options->sha, err);
    if (status != AKS_OK) {
        aks_sha256_free(options->sha);
        return status;
    }
    options->from_stored = stored;
    options->from_plain = plain;
    receiver->recorded = plain;
    receiver->stored = stored;
    receiver->plain = plain;
    object->resumed = plain;
    return AKS_OK;
}

/* One try: from the record's place, or from the beginning. */
static enum aks_status
receive(struct receiver *receiver, bool anew, struct aks_error *err)
{
    struct restore *restore = receiver->restore;
    struct aks_fetch_object object;
    struct aks_fetch_options options = { .object = &object, .write = write_plain, .moved = moved,
        .ctx = receiver };
    enum aks_status status = aks_reader_object(&receiver->object->of, &object, err);

    receiver->recorded = 0;
    receiver->stored = 0;
    receiver->plain = 0;
    receiver->etag[0] = '\0';
    if (status == AKS_OK && anew)
        status = restore->port->files.truncate(receiver->object->file, 0, err);
    else if (status == AKS_OK)
        status = resume(receiver, &options, err);
    if (anew)
        receiver->object->resumed = 0;
    if (status != AKS_OK)
        return status;
    options.etag = receiver->etag;
    status = aks_reader_fetch(&restore->reader, &options, err);
    if (status == AKS_OK)
        return restore->port->files.sync(receiver->object->file, err);
    /* What came is kept for another time; what does not verify is not. */
    if (status != AKS_CORRUPT && status != AKS_CONFLICT && receiver->plain > receiver->recorded)
        (void)write_record(receiver, NULL);
    return status;
}

enum aks_status
aks_restore_part(struct restore *restore, struct restore_item *item, int role,
    struct aks_error *err)
{
    struct restore_object *object = &item->objects[role];
    struct receiver receiver = { .restore = restore, .object = object,
        .start = restore->progress.bytes_done };
    enum aks_status status = open_part(restore, object, err);

    if (status == AKS_OK)
        status = receive(&receiver, false, err);
    /* Mangled on its way, or replaced since it was begun: once more from the beginning. */
    for (int i = 1; i < AKS_READER_TRIES && (status == AKS_CORRUPT || status == AKS_CONFLICT) &&
        object->file != NULL; i++) {
        aks_restore_note(restore, "%s is read once more: %s", object->of.name, err->message);
        status = receive(&receiver, true, err);
    }
    restore->progress.bytes_done = receiver.start + object->of.bytes;
    return status;
}

static enum aks_status
prove(struct receiver *receiver, struct aks_error *err)
{
    struct aks_fetch_object object;
    struct aks_fetch_options options = { .object = &object, .stored_only = true };
    enum aks_status status = aks_reader_object(&receiver->object->of, &object, err);

    return status == AKS_OK ? aks_reader_fetch(&receiver->restore->reader, &options, err) : status;
}

enum aks_status
aks_restore_part_prove(struct restore *restore, struct restore_item *item, int role,
    struct aks_error *err)
{
    struct receiver receiver = { .restore = restore, .object = &item->objects[role],
        .start = restore->progress.bytes_done };
    enum aks_status status = prove(&receiver, err);

    for (int i = 1; i < AKS_READER_TRIES && status == AKS_CORRUPT; i++)
        status = prove(&receiver, err);
    restore->progress.bytes_done = receiver.start + item->objects[role].of.bytes;
    show(&receiver, 0);
    return status;
}
