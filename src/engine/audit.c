#include "engine/audit.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#define AKS_AUDIT_LOCK_MS 2000
/* Most last lines fit into one piece. */
#define TAIL_BYTES (4 * 1024)
/* Lines at the end that a crash may have spoilt: the record that was torn, and then the healing of
 * it, for as many crashes in a row. More than these is no crash. */
#define SPOILT_LINES_MAX 8
#define FIRST_PREV "0000000000000000000000000000000000000000000000000000000000000000"

struct aks_audit {
    const struct aks_port *port;
    char *folder;
    char *path;
};

/* The end of the log as it is found under the lock. */
struct tail {
    int64_t bytes;          /* of the whole log */
    int64_t seq;            /* of the last line that is a record; 0: there is none */
    int64_t line_bytes;     /* of the last line, without its line end */
    bool open;              /* the last line has no line end */
    bool spoilt;            /* it has none, or is no record */
    char prev[AKS_SHA256_HEX_BYTES];    /* of the last line, whatever it is */
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

/* Not AKS_STATE, by which callers here would take it for a failure of the file. */
static enum aks_status
damaged(const struct aks_audit *audit, const char *how, struct aks_error *err)
{
    return aks_error_set(err, AKS_CORRUPT, "%s: %s", audit->path, how);
}

/* Reads [offset, offset + len) in full: the log only grows while nobody has the lock. */
static enum aks_status
read_exactly(const struct aks_files *files, struct aks_file *file, int64_t offset, char *data,
    size_t len, struct aks_error *err)
{
    size_t done = 0;

    while (done < len) {
        size_t got = 0;
        enum aks_status status = files->read(file, offset + (int64_t)done, data + done, len - done,
            &got, err);

        if (status != AKS_OK)
            return status;
        if (got == 0)
            return aks_error_set(err, AKS_STATE, "it has become shorter while it was read");
        done += got;
    }
    return AKS_OK;
}

/* The line that ends before ${end} (its line end, if it has one, is at ${end}), without its line
 * end. Read backwards, a piece and then all that a line may be. */
static enum aks_status
read_line(const struct aks_audit *audit, struct aks_file *file, int64_t end, char *line,
    int64_t *ret_start, struct aks_error *err)
{
    static const int64_t windows[] = { TAIL_BYTES, AKS_AUDIT_RECORD_BYTES_MAX };

    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        int64_t len = end < windows[i] ? end : windows[i];
        const char *before;
        enum aks_status status = read_exactly(&audit->port->files, file, end - len, line,
            (size_t)len, err);

        if (status != AKS_OK)
            return status;
        before = memrchr(line, '\n', (size_t)len);
        if (before == NULL && len < end)
            continue;
        *ret_start = before != NULL ? end - len + (before + 1 - line) : 0;
        memmove(line, line + (*ret_start - (end - len)), (size_t)(end - *ret_start));
        return AKS_OK;
    }
    return damaged(audit, "a line at its end is too long to be a record", err);
}

/* The sequence number of a record; 0 if the line is none. */
static int64_t
record_seq(const char *line, size_t len)
{
    json_t *record = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    int64_t seq = json_integer_value(json_object_get(record, "seq"));
    const char *prev = json_string_value(json_object_get(record, "prev"));
    uint8_t digest[AKS_SHA256_BYTES];
    bool whole = seq > 0 && seq < INT64_MAX / 2 && prev != NULL &&
        strlen(prev) == 2 * AKS_SHA256_BYTES && aks_hex_decode(prev, digest, sizeof(digest));

    json_decref(record);
    return whole ? seq : 0;
}

static void
digest_line(const char *line, size_t len, char ret_hex[AKS_SHA256_HEX_BYTES])
{
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256(line, len, digest);
    aks_hex_encode(digest, sizeof(digest), ret_hex);
}

/* Goes back from the end to the last line that is a record. ${line} has room for a record. */
static enum aks_status
find_tail(const struct aks_audit *audit, struct aks_file *file, char *line, struct tail *tail,
    struct aks_error *err)
{
    int64_t end = tail->bytes;
    int64_t start = 0;
    enum aks_status status;

    for (int i = 0; i < SPOILT_LINES_MAX; i++) {
        if (!(i == 0 && tail->open))
            end--;                  /* the line end */
        status = read_line(audit, file, end, line, &start, err);
        if (status != AKS_OK)
            return status;
        tail->seq = record_seq(line, (size_t)(end - start));
        if (i == 0) {
            digest_line(line, (size_t)(end - start), tail->prev);
            tail->line_bytes = end - start;
            tail->spoilt = tail->open || tail->seq == 0;
        }
        if (tail->seq > 0 || start == 0)
            return AKS_OK;
        end = start;
    }
    return damaged(audit, "none of its last lines is a record", err);
}

static enum aks_status
read_tail(const struct aks_audit *audit, struct aks_file *file, struct tail *ret,
    struct aks_error *err)
{
    const struct aks_port *port = audit->port;
    struct aks_file_info info;
    char *line = NULL;
    char last = '\n';
    enum aks_status status = port->files.info(file, &info, err);

    memset(ret, 0, sizeof(*ret));
    memcpy(ret->prev, FIRST_PREV, sizeof(FIRST_PREV));
    if (status != AKS_OK || info.bytes == 0)
        return status;
    ret->bytes = info.bytes;
    status = read_exactly(&port->files, file, info.bytes - 1, &last, 1, err);
    if (status != AKS_OK)
        return status;
    ret->open = last != '\n';
    line = aks_mem_new(port->alloc, AKS_AUDIT_RECORD_BYTES_MAX);
    if (line == NULL)
        return aks_error_memory(err, "reading the audit log");
    status = find_tail(audit, file, line, ret, err);
    aks_mem_free(port->alloc, line);
    return status;
}

/* The log, locked. Every time anew: a lock is given back by closing. */
static enum aks_status
open_locked(const struct aks_audit *audit, struct aks_file **ret_file, struct aks_error *err)
{
    const struct aks_files *files = &audit->port->files;
    struct aks_file *file = NULL;
    enum aks_status status = files->open(files->ctx, audit->path, AKS_FILE_APPEND, &file, err);

    if (status == AKS_OK)
        status = files->lock_wait(file, AKS_AUDIT_LOCK_MS, err);
    if (status != AKS_OK) {
        files->close(file);
        return status;
    }
    *ret_file = file;
    return AKS_OK;
}

static int
append_piece(const char *piece, size_t len, void *ctx)
{
    struct aks_buf *out = ctx;

    aks_buf_append(out, piece, len);
    return out->failed == AKS_OK ? 0 : -1;
}

static enum aks_status
check_fields(const char *event, const json_t *fields, struct aks_error *err)
{
    static const char *const own[] = { "seq", "prev", "at", "event" };

    AKS_CHECK(fields == NULL || json_is_object(fields));
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (json_object_get(fields, own[i]) != NULL)
            return aks_error_set(err, AKS_INTERNAL, "cannot write the audit record \"%.64s\": a"
                " field is called \"%s\", as one of the log's own", event, own[i]);
    }
    return AKS_OK;
}

/* Appends one record and its line end to ${out}; ${prev} is then the digest of it. */
static enum aks_status
add_record(const struct aks_audit *audit, int64_t seq, char prev[AKS_SHA256_HEX_BYTES],
    const char *event, const json_t *fields, struct aks_buf *out, struct aks_error *err)
{
    const struct aks_clock *clock = &audit->port->clock;
    char at[AKS_DATE_BYTES];
    size_t before = out->len;
    json_t *copy = fields != NULL ? json_deep_copy(fields) : json_object();
    json_t *record = json_pack("{s:I, s:s, s:s, s:s}", "seq", (json_int_t)seq, "prev", prev, "at",
        aks_date_iso(clock->wall_ms(clock->ctx), at), "event", event);
    bool whole = copy != NULL && record != NULL && json_object_update(record, copy) == 0 &&
        json_dump_callback(record, append_piece, out, JSON_COMPACT) == 0;

    json_decref(copy);
    json_decref(record);
    if (!whole && out->failed == AKS_OK)
        return aks_error_memory(err, "writing an audit record");
    digest_line(out->data + before, out->len - before, prev);
    aks_buf_putc(out, '\n');
    if (out->failed == AKS_OK && out->len - before <= AKS_AUDIT_RECORD_BYTES_MAX)
        return AKS_OK;
    return aks_error_set(err, AKS_LIMIT, "cannot write the audit record \"%.64s\": out of memory,"
        " or over %d bytes", event, AKS_AUDIT_RECORD_BYTES_MAX);
}

/* What follows ${tail}: if its last line is spoilt, the end of that line and a record that tells
 * of it; then the record itself. */
static enum aks_status
compose(const struct aks_audit *audit, const struct tail *tail, const char *event,
    const json_t *fields, struct aks_buf *out, struct aks_error *err)
{
    char prev[AKS_SHA256_HEX_BYTES];
    int64_t seq = tail->seq;
    enum aks_status status = AKS_OK;
    json_t *torn;

    memcpy(prev, tail->prev, sizeof(prev));
    if (tail->spoilt) {
        torn = json_pack("{s:I}", "torn_bytes", (json_int_t)tail->line_bytes);
        if (torn == NULL)
            return aks_error_memory(err, "writing an audit record");
        if (tail->open)
            aks_buf_putc(out, '\n');
        status = add_record(audit, ++seq, prev, "healed", torn, out, err);
        json_decref(torn);
    }
    if (status != AKS_OK)
        return status;
    return add_record(audit, ++seq, prev, event, fields, out, err);
}

/* One write and one sync. What a failure has left of it is taken back, so that a record is there
 * if and only if that was said; where even this fails the next record heals it. */
static enum aks_status
write_out(const struct aks_audit *audit, struct aks_file *file, const struct tail *tail,
    const struct aks_buf *out, struct aks_error *err)
{
    const struct aks_files *files = &audit->port->files;
    enum aks_status status = files->write(file, tail->bytes, out->data, out->len, err);

    if (status == AKS_OK)
        status = files->sync(file, err);
    if (status == AKS_OK && tail->bytes == 0)
        status = files->sync_folder(files->ctx, audit->folder, err);
    if (status != AKS_OK)
        (void)files->truncate(file, tail->bytes, NULL);
    return status;
}

enum aks_status
aks_audit_append(struct aks_audit *audit, const char *event, const struct json_t *fields,
    struct aks_error *err)
{
    struct aks_file *file = NULL;
    struct tail tail;
    struct aks_buf out;
    struct aks_error why;
    enum aks_status status = check_fields(event, fields, err);

    if (status != AKS_OK)
        return status;
    /* Room for a line end, a short record and a long one. */
    aks_buf_init(&out, audit->port->alloc, 2 * AKS_AUDIT_RECORD_BYTES_MAX);
    status = open_locked(audit, &file, &why);
    if (status == AKS_OK)
        status = read_tail(audit, file, &tail, &why);
    if (status == AKS_OK) {
        status = compose(audit, &tail, event, fields, &out, err);
        if (status != AKS_OK)
            goto out;
        status = write_out(audit, file, &tail, &out, &why);
    }
    if (status != AKS_OK)
        status = audit_failure(audit, status, &why, err);
out:
    audit->port->files.close(file);
    aks_buf_fini(&out);
    return status;
}

enum aks_status
aks_audit_head(struct aks_audit *audit, char ret_hex[65], struct aks_error *err)
{
    struct aks_file *file = NULL;
    struct tail tail;
    struct aks_error why;
    enum aks_status status = open_locked(audit, &file, &why);

    if (status == AKS_OK)
        status = read_tail(audit, file, &tail, &why);
    audit->port->files.close(file);
    if (status != AKS_OK)
        return audit_failure(audit, status, &why, err);
    memcpy(ret_hex, tail.prev, sizeof(tail.prev));
    return AKS_OK;
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
    audit->folder = aks_mem_strdup(port->alloc, folder);
    audit->path = aks_mem_printf(port->alloc, "%s/audit.jsonl", folder);
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
