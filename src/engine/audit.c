#include "engine/audit_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "engine/audit_line.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#define AKS_AUDIT_LOCK_MS 2000
/* A log that was renamed between its opening and its lock is opened again, so often. */
#define OPEN_TRIES_MAX 100

/* What is appended, and what of the log it follows. */
struct writing {
    struct aks_audit *audit;
    struct aks_file *file;
    struct aks_audit_tail tail;
    struct aks_audit_older *older;      /* NULL: not looked for, since the file has records */
    size_t removed;                     /* of these, so many go away */
    int64_t removed_seq;                /* the last record in them */
    char removed_head[AKS_AUDIT_DIGEST_BYTES];
    struct aks_audit_mark mark;         /* the last record so far */
    char prev[AKS_AUDIT_DIGEST_BYTES];  /* of the last line so far */
    struct aks_buf out;
};

static enum aks_status
audit_failure(const struct aks_audit *audit, enum aks_status status, const struct aks_error *why,
    struct aks_error *err)
{
    if (status == AKS_CONFLICT) {
        (void)aks_error_set(err, AKS_STATE, "cannot write the audit log %s: another process has"
            " kept it locked for %d ms", audit->path, AKS_AUDIT_LOCK_MS);
        return AKS_STATE;
    }
    if (status == AKS_CORRUPT) {
        (void)aks_error_set(err, AKS_STATE, "cannot write the audit log: it is damaged: %s",
            why->message);
        aks_error_hint(err, "move it away: a new one is begun, and the old one can still be read");
        return AKS_STATE;
    }
    if (status != AKS_NO_SPACE && status != AKS_LIMIT)
        status = AKS_STATE;
    (void)aks_error_set(err, status, "cannot write the audit log: %s", why->message);
    if (status == AKS_NO_SPACE)
        aks_error_hint(err, "free some space on the file system of the state folder");
    else if (status == AKS_STATE)
        aks_error_hint(err, "this user must be able to write it; --state DIR names another folder");
    return status;
}

/* Does ${audit}->path still lead to ${file}? */
static bool
is_the_log(const struct aks_audit *audit, struct aks_file *file)
{
    const struct aks_files *files = &audit->port->files;
    struct aks_file_info there;
    struct aks_file_info own;

    return files->info(file, &own, NULL) == AKS_OK &&
        files->stat(files->ctx, audit->path, false, &there, NULL) == AKS_OK &&
        own.device == there.device && own.inode == there.inode;
}

/* The log, locked. Every time anew: a lock is given back by closing. Whoever waited for the lock
 * may have got that of a file that has meanwhile become an older one. */
static enum aks_status
open_locked(const struct aks_audit *audit, struct aks_file **ret_file, struct aks_error *err)
{
    const struct aks_files *files = &audit->port->files;
    enum aks_status status = AKS_OK;

    *ret_file = NULL;
    for (int i = 0; i < OPEN_TRIES_MAX && status == AKS_OK; i++) {
        struct aks_file *file = NULL;

        status = files->open(files->ctx, audit->path, AKS_FILE_APPEND, &file, err);
        if (status == AKS_OK)
            status = files->lock_wait(file, AKS_AUDIT_LOCK_MS, err);
        if (status == AKS_OK && is_the_log(audit, file)) {
            *ret_file = file;
            return AKS_OK;
        }
        files->close(file);
    }
    return status != AKS_OK ? status
        : aks_error_set(err, AKS_STATE, "%s does not stay where it is", audit->path);
}

/* Where the log ends: in its file, or, where that has no record yet, in the newest older one. */
static enum aks_status
find_end(struct writing *writing, struct aks_error *err)
{
    const struct aks_audit *audit = writing->audit;
    struct aks_audit_tail *tail = &writing->tail;
    struct aks_audit_tail older;
    enum aks_status status = aks_audit_tail_read(audit->port, writing->file, audit->path, tail,
        err);

    if (status != AKS_OK || tail->seq > 0)
        return status;
    writing->older = aks_mem_new(audit->port->alloc, sizeof(*writing->older));
    if (writing->older == NULL)
        return aks_error_memory(err, "reading the audit log");
    status = aks_audit_files_list(audit->port, audit->folder, writing->older, err);
    if (status != AKS_OK || writing->older->count == 0)
        return status;
    status = aks_audit_files_tail(audit->port, audit->folder,
        writing->older->seqs[writing->older->count - 1], &older, err);
    if (status != AKS_OK)
        return status;
    tail->seq = older.seq;
    memcpy(tail->record, older.record, sizeof(tail->record));
    if (tail->spoilt_lines == 0)
        memcpy(tail->prev, older.record, sizeof(tail->prev));
    return AKS_OK;
}

/* Which older files are too many, and what is lost with them. One that cannot be read stays, and is
 * for `audit verify` to tell. */
static void
find_removed(struct writing *writing)
{
    const struct aks_audit *audit = writing->audit;
    const struct aks_audit_older *older = writing->older;
    struct aks_audit_tail last;
    size_t too_many;

    if (older == NULL || older->count <= audit->files_max || audit->remember == NULL)
        return;
    too_many = older->count - audit->files_max;
    if (aks_audit_files_tail(audit->port, audit->folder, older->seqs[too_many - 1], &last,
            NULL) != AKS_OK)
        return;
    writing->removed = too_many;
    writing->removed_seq = last.seq;
    memcpy(writing->removed_head, last.record, sizeof(writing->removed_head));
}

static int
append_piece(const char *piece, size_t len, void *ctx)
{
    struct aks_buf *out = ctx;

    aks_buf_append(out, piece, len);
    return out->failed == AKS_OK ? 0 : -1;
}

static enum aks_status
check_fields(const struct aks_audit_event *event, struct aks_error *err)
{
    static const char *const own[] = { "seq", "prev", "at", "event", "timestamp", "event_type" };

    AKS_CHECK(event->fields == NULL || json_is_object(event->fields));
    AKS_CHECK(event->event[0] != '\0' && strlen(event->event) < AKS_AUDIT_EVENT_BYTES);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (json_object_get(event->fields, own[i]) != NULL)
            return aks_error_set(err, AKS_INTERNAL, "cannot write the audit record \"%.64s\": a"
                " field is called \"%s\", as one of the log's own", event->event, own[i]);
    }
    return AKS_OK;
}

/* What the original calls security events: they have its fields too. */
static bool
is_security_event(const char *event)
{
    return strcmp(event, "auth_success") == 0 || strcmp(event, "auth_failure") == 0 ||
        strcmp(event, "upload_success") == 0 || strcmp(event, "upload_failure") == 0;
}

static json_t *
record_json(const struct writing *writing, const struct aks_audit_event *event)
{
    const struct aks_clock *clock = &writing->audit->port->clock;
    char at[AKS_DATE_BYTES];
    json_t *copy = event->fields != NULL ? json_deep_copy(event->fields) : json_object();
    json_t *record = json_pack("{s:I, s:s, s:s, s:s}", "seq", (json_int_t)writing->mark.seq + 1,
        "prev", writing->prev, "at", aks_date_iso(clock->wall_ms(clock->ctx), at), "event",
        event->event);
    bool whole = copy != NULL && record != NULL;

    if (whole && is_security_event(event->event))
        whole = json_object_set_new(record, "timestamp", json_string(at)) == 0 &&
            json_object_set_new(record, "event_type", json_string(event->event)) == 0;
    /* What was decided and what a server said are others' words. */
    whole = whole && aks_text_redact(copy, 0) && json_object_update(record, copy) == 0;
    json_decref(copy);
    if (!whole) {
        json_decref(record);
        return NULL;
    }
    return record;
}

/* Appends one record and its line end to what is written. */
static enum aks_status
add_record(struct writing *writing, const struct aks_audit_event *event, struct aks_error *err)
{
    struct aks_buf *out = &writing->out;
    size_t before = out->len;
    json_t *record = record_json(writing, event);
    bool whole = record != NULL && json_dump_callback(record, append_piece, out,
        JSON_COMPACT) == 0;
    uint8_t digest[AKS_SHA256_BYTES];

    json_decref(record);
    if (!whole && out->failed == AKS_OK)
        return aks_error_memory(err, "writing an audit record");
    aks_sha256(out->data + before, out->len - before, digest);
    aks_hex_encode(digest, sizeof(digest), writing->prev);
    aks_buf_putc(out, '\n');
    if (out->failed != AKS_OK || out->len - before > AKS_AUDIT_RECORD_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "cannot write the audit record \"%.64s\": out of"
            " memory, or over %d bytes", event->event, AKS_AUDIT_RECORD_BYTES_MAX);
    writing->mark.seq++;
    memcpy(writing->mark.digest, writing->prev, sizeof(writing->mark.digest));
    return AKS_OK;
}

/* The record that tells of what a crash has left behind the last one: it holds both. */
static enum aks_status
add_healed(struct writing *writing, struct aks_error *err)
{
    const struct aks_audit_tail *tail = &writing->tail;
    struct aks_audit_event healed = { "healed", NULL };
    char torn[AKS_AUDIT_DIGEST_BYTES];
    json_t *fields;
    enum aks_status status = aks_audit_tail_spoilt(writing->audit->port, writing->file, tail, torn,
        err);

    if (status != AKS_OK)
        return status;
    fields = json_pack("{s:s, s:I, s:I, s:s}", "before", tail->record, "torn_lines",
        (json_int_t)tail->spoilt_lines, "torn_bytes", (json_int_t)tail->spoilt_bytes,
        "torn_sha256", torn);
    if (fields == NULL)
        return aks_error_memory(err, "writing an audit record");
    healed.fields = fields;
    status = add_record(writing, &healed, err);
    json_decref(fields);
    return status;
}

/* The first record of a file that is not the first. */
static enum aks_status
add_rotated(struct writing *writing, struct aks_error *err)
{
    struct aks_audit_event rotated = { "rotated", NULL };
    char name[AUDIT_FILE_NAME_BYTES];
    json_t *fields;
    enum aks_status status;

    aks_audit_files_name(writing->older->seqs[writing->older->count - 1], name);
    fields = json_pack("{s:s}", "follows", name);
    if (fields != NULL && writing->removed > 0)
        (void)json_object_update_new(fields, json_pack("{s:I, s:s}", "removed_seq",
            (json_int_t)writing->removed_seq, "removed_head", writing->removed_head));
    if (fields == NULL)
        return aks_error_memory(err, "writing an audit record");
    rotated.fields = fields;
    status = add_record(writing, &rotated, err);
    json_decref(fields);
    return status;
}

/* What follows the end of the log: if its last lines are spoilt, the end of the last and a record
 * that tells of them; if the file is a new one, a record that says so; then what is asked for. */
static enum aks_status
compose(struct writing *writing, const struct aks_audit_event *events, size_t count,
    struct aks_error *err)
{
    const struct aks_audit_tail *tail = &writing->tail;
    enum aks_status status = AKS_OK;

    writing->mark.seq = tail->seq;
    writing->mark.found_seq = tail->seq;
    memcpy(writing->mark.digest, tail->record, sizeof(tail->record));
    memcpy(writing->prev, tail->prev, sizeof(tail->prev));
    if (tail->open)
        aks_buf_putc(&writing->out, '\n');
    if (tail->spoilt_lines > 0)
        status = add_healed(writing, err);
    if (status == AKS_OK && writing->older != NULL && writing->older->count > 0) {
        find_removed(writing);
        status = add_rotated(writing, err);
    }
    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = add_record(writing, &events[i], err);
    return status;
}

/* How much of what is at ${data} is written at once: a record with its line end, and before it the
 * line end that another one lacks. */
static size_t
piece_len(const char *data, size_t len)
{
    const char *end = memchr(data + 1, '\n', len - 1);

    return end != NULL ? (size_t)(end - data) + 1 : len;
}

/* Each record is made to last before the next one is written, also what another process has written
 * and may not have come to sync: or the power could take a record and leave the one behind it. What
 * a failure has left of it is taken back, so that all of it is there if and only if that was said;
 * where even this fails the next record heals it. */
static enum aks_status
write_out(const struct writing *writing, struct aks_error *err)
{
    struct aks_audit *audit = writing->audit;
    const struct aks_files *files = &audit->port->files;
    const struct aks_buf *out = &writing->out;
    int64_t bytes = writing->tail.bytes;
    enum aks_status status = AKS_OK;

    if (bytes != audit->synced_bytes)
        status = files->sync(writing->file, err);
    if (status != AKS_OK)
        return status;
    for (size_t at = 0; at < out->len && status == AKS_OK; ) {
        size_t len = piece_len(out->data + at, out->len - at);

        status = files->write(writing->file, bytes + (int64_t)at, out->data + at, len, err);
        if (status == AKS_OK)
            status = files->sync(writing->file, err);
        at += len;
    }
    if (status == AKS_OK && bytes == 0)
        status = files->sync_folder(files->ctx, audit->folder, err);
    if (status != AKS_OK)
        (void)files->truncate(writing->file, bytes, NULL);
    else
        audit->synced_bytes = bytes + (int64_t)out->len;
    return status;
}

/* After the record that tells of it is on the medium, and is remembered elsewhere. What cannot be
 * removed now is removed the next time. */
static void
remove_older(const struct writing *writing)
{
    const struct aks_audit *audit = writing->audit;
    const struct aks_files *files = &audit->port->files;
    struct aks_audit_mark removed = { .seq = writing->removed_seq,
        .found_seq = writing->mark.found_seq };

    memcpy(removed.digest, writing->removed_head, sizeof(removed.digest));
    if (writing->removed == 0 || audit->remember(audit->remember_ctx, &removed) != AKS_OK)
        return;
    for (size_t i = 0; i < writing->removed; i++) {
        char *path = aks_audit_files_path(audit->port->alloc, audit->folder,
            writing->older->seqs[i]);

        if (path != NULL)
            (void)files->unlink(files->ctx, path, NULL);
        aks_mem_free(audit->port->alloc, path);
    }
}

/* A file that has reached its bound becomes an older one; *ret_rotated tells. From then on until
 * the first record is written there is none, or an empty one, and whoever appends goes on from the
 * newest older one: so a crash in between needs no healing. A file that ends with something spoilt
 * is healed first, and where the name is taken the log stays as it is. */
static enum aks_status
rotate(struct writing *writing, bool *ret_rotated, struct aks_error *err)
{
    const struct aks_audit *audit = writing->audit;
    const struct aks_files *files = &audit->port->files;
    struct aks_file_info info;
    char *path;
    int64_t seq;
    enum aks_status status;

    *ret_rotated = false;
    if (writing->tail.bytes < audit->file_bytes || writing->tail.open ||
        writing->tail.spoilt_lines > 0)
        return AKS_OK;
    status = aks_audit_files_first(audit->port, writing->file, audit->path, &seq, err);
    if (status != AKS_OK)
        return status == AKS_CORRUPT ? AKS_OK : status;
    path = aks_audit_files_path(audit->port->alloc, audit->folder, seq);
    if (path == NULL)
        return aks_error_memory(err, "writing an audit record");
    if (files->stat(files->ctx, path, false, &info, NULL) == AKS_NOT_FOUND) {
        status = files->rename(files->ctx, audit->path, path, err);
        if (status == AKS_OK)
            status = files->sync_folder(files->ctx, audit->folder, err);
        *ret_rotated = status == AKS_OK;
    }
    aks_mem_free(audit->port->alloc, path);
    return status;
}

static void
release(struct writing *writing)
{
    const struct aks_port *port = writing->audit->port;

    port->files.close(writing->file);
    writing->file = NULL;
    aks_mem_free(port->alloc, writing->older);
    writing->older = NULL;
}

/* Opens, locks, and finds the end, in a new file if it is time for one. */
static enum aks_status
begin(struct writing *writing, struct aks_error *err)
{
    bool rotated = false;
    enum aks_status status = open_locked(writing->audit, &writing->file, err);

    if (status == AKS_OK)
        status = find_end(writing, err);
    if (status == AKS_OK)
        status = rotate(writing, &rotated, err);
    if (status != AKS_OK || !rotated)
        return status;
    release(writing);
    status = open_locked(writing->audit, &writing->file, err);
    return status == AKS_OK ? find_end(writing, err) : status;
}

enum aks_status
aks_audit_append_all(struct aks_audit *audit, const struct aks_audit_event *events, size_t count,
    struct aks_audit_mark *ret_last, struct aks_error *err)
{
    struct writing writing = { .audit = audit };
    struct aks_error why;
    enum aks_status status = AKS_OK;

    AKS_CHECK(count > 0 && count <= AKS_AUDIT_EVENTS_MAX);
    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = check_fields(&events[i], err);
    if (status != AKS_OK)
        return status;
    /* Room for a line end and two short records too. */
    aks_buf_init(&writing.out, audit->port->alloc, (count + 1) * AKS_AUDIT_RECORD_BYTES_MAX);
    status = begin(&writing, &why);
    if (status == AKS_OK) {
        status = compose(&writing, events, count, err);
        if (status != AKS_OK)
            goto out;
        status = write_out(&writing, &why);
    }
    if (status != AKS_OK) {
        status = audit_failure(audit, status, &why, err);
        goto out;
    }
    remove_older(&writing);
    if (ret_last != NULL)
        *ret_last = writing.mark;
out:
    release(&writing);
    aks_buf_fini(&writing.out);
    return status;
}

enum aks_status
aks_audit_append(struct aks_audit *audit, const char *event, const struct json_t *fields,
    struct aks_error *err)
{
    struct aks_audit_event one = { event, fields };

    return aks_audit_append_all(audit, &one, 1, NULL, err);
}

enum aks_status
aks_audit_head(struct aks_audit *audit, char ret_hex[AKS_AUDIT_DIGEST_BYTES],
    struct aks_error *err)
{
    struct writing writing = { .audit = audit };
    struct aks_error why;
    enum aks_status status = open_locked(audit, &writing.file, &why);

    if (status == AKS_OK)
        status = find_end(&writing, &why);
    release(&writing);
    if (status != AKS_OK)
        return audit_failure(audit, status, &why, err);
    memcpy(ret_hex, writing.tail.prev, sizeof(writing.tail.prev));
    return AKS_OK;
}

void
aks_audit_bound(struct aks_audit *audit, int64_t file_bytes, size_t files_max)
{
    AKS_CHECK(file_bytes > 0);
    audit->file_bytes = file_bytes;
    audit->files_max = files_max;
}

void
aks_audit_memory(struct aks_audit *audit, aks_audit_remember remember, void *ctx)
{
    audit->remember = remember;
    audit->remember_ctx = ctx;
}

/* Makes the log, and sees that it is one. */
static enum aks_status
try_open(const struct aks_audit *audit, struct aks_error *err)
{
    const struct aks_files *files = &audit->port->files;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, audit->path, false, &info, err);

    if (status == AKS_OK && info.type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_STATE, "%s is %s", audit->path,
            info.type == AKS_FILE_LINK ? "a symbolic link" : "no regular file");
    if (status == AKS_OK || status == AKS_NOT_FOUND)
        status = files->open(files->ctx, audit->path, AKS_FILE_APPEND, &file, err);
    files->close(file);
    return status;
}

enum aks_status
aks_audit_open(const struct aks_port *port, const char *folder, struct aks_audit **ret_audit,
    struct aks_error *err)
{
    struct aks_audit *audit = aks_mem_new(port->alloc, sizeof(*audit));
    struct aks_error why;
    enum aks_status status;

    *ret_audit = NULL;
    if (audit == NULL)
        return aks_error_memory(err, "opening the audit log");
    audit->port = port;
    audit->file_bytes = AKS_AUDIT_FILE_BYTES;
    audit->files_max = AKS_AUDIT_FILES_MAX;
    audit->folder = aks_mem_strdup(port->alloc, folder);
    audit->path = aks_mem_printf(port->alloc, "%s/" AUDIT_NAME, folder);
    if (audit->folder == NULL || audit->path == NULL) {
        status = aks_error_memory(err, "opening the audit log");
        goto out;
    }
    status = try_open(audit, &why);
    if (status != AKS_OK) {
        status = audit_failure(audit, status, &why, err);
        goto out;
    }
    *ret_audit = audit;
    audit = NULL;
out:
    aks_audit_close(audit);
    return status;
}

void
aks_audit_close(struct aks_audit *audit)
{
    if (audit == NULL)
        return;
    aks_mem_free(audit->port->alloc, audit->folder);
    aks_mem_free(audit->port->alloc, audit->path);
    aks_mem_free(audit->port->alloc, audit);
}
