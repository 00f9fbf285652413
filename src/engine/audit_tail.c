/* Where a file of the audit log ends: its last record, and what a crash has left behind it. */
#include "data/digest.h"
#include "base/encode.h"
#include "engine/audit_internal.h"
#include "engine/audit_line.h"

#include <string.h>

/* Most last lines fit into one piece. */
#define TAIL_BYTES (4 * 1024)

enum aks_status
aks_audit_tail_damaged(const char *path, const char *how, struct aks_error *err)
{
    return aks_error_set(err, AKS_CORRUPT, "%s: %s", path, how);
}

enum aks_status
aks_audit_tail_exactly(const struct aks_files *files, struct aks_file *file, int64_t offset,
    char *data, size_t len, struct aks_error *err)
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

/* What is read backwards, line by line. */
struct back {
    const struct aks_files *files;
    struct aks_file *file;
    const char *path;
    char *line;                         /* room for a record */
    int64_t start;                      /* of the line that was read */
};

/* The line that ends before ${end} (its line end, if it has one, is at ${end}), without its line
 * end. A piece, and then all that a line may be. */
static enum aks_status
read_line(struct back *back, int64_t end, struct aks_error *err)
{
    static const int64_t windows[] = { TAIL_BYTES, AKS_AUDIT_RECORD_BYTES_MAX };

    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        int64_t len = end < windows[i] ? end : windows[i];
        const char *before;
        enum aks_status status = aks_audit_tail_exactly(back->files, back->file, end - len,
            back->line, (size_t)len, err);

        if (status != AKS_OK)
            return status;
        before = memrchr(back->line, '\n', (size_t)len);
        if (before == NULL && len < end)
            continue;
        back->start = before != NULL ? end - len + (before + 1 - back->line) : 0;
        memmove(back->line, back->line + (back->start - (end - len)), (size_t)(end - back->start));
        return AKS_OK;
    }
    return aks_audit_tail_damaged(back->path, "a line at its end is too long to be a record", err);
}

/* Goes back from the end to the last line that is a record. */
static enum aks_status
find_record(struct back *back, struct aks_audit_tail *tail, struct aks_error *err)
{
    int64_t end = tail->open ? tail->bytes : tail->bytes - 1;
    int64_t last = end;

    for (int i = 0; i < AUDIT_SPOILT_LINES_MAX; i++) {
        struct aks_audit_line line;
        enum aks_status status = read_line(back, end, err);

        if (status != AKS_OK)
            return status;
        aks_audit_line_read(back->line, (size_t)(end - back->start), &line, NULL);
        if (i == 0)
            memcpy(tail->prev, line.digest, sizeof(tail->prev));
        if (line.kind == AKS_AUDIT_LINE_RECORD) {
            tail->seq = line.seq;
            memcpy(tail->record, line.digest, sizeof(tail->record));
            return AKS_OK;
        }
        tail->spoilt_lines++;
        tail->spoilt_at = back->start;
        tail->spoilt_bytes = last - back->start;
        if (back->start == 0)
            return AKS_OK;
        end = back->start - 1;
    }
    return aks_audit_tail_damaged(back->path, "none of its last lines is a record", err);
}

enum aks_status
aks_audit_tail_read(const struct aks_port *port, struct aks_file *file, const char *path,
    struct aks_audit_tail *ret, struct aks_error *err)
{
    struct back back = { &port->files, file, path, NULL, 0 };
    struct aks_file_info info;
    char last = '\n';
    enum aks_status status = port->files.info(file, &info, err);

    memset(ret, 0, sizeof(*ret));
    memcpy(ret->prev, AUDIT_FIRST_PREV, sizeof(AUDIT_FIRST_PREV));
    memcpy(ret->record, AUDIT_FIRST_PREV, sizeof(AUDIT_FIRST_PREV));
    if (status != AKS_OK || info.bytes == 0)
        return status;
    ret->bytes = info.bytes;
    status = aks_audit_tail_exactly(&port->files, file, info.bytes - 1, &last, 1, err);
    if (status != AKS_OK)
        return status;
    ret->open = last != '\n';
    back.line = aks_mem_new(port->alloc, AKS_AUDIT_RECORD_BYTES_MAX);
    if (back.line == NULL)
        return aks_error_memory(err, "reading the audit log");
    status = find_record(&back, ret, err);
    aks_mem_free(port->alloc, back.line);
    return status;
}

enum aks_status
aks_audit_tail_spoilt(const struct aks_port *port, struct aks_file *file,
    const struct aks_audit_tail *tail, char ret_hex[AKS_AUDIT_DIGEST_BYTES],
    struct aks_error *err)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char *text = aks_mem_new(port->alloc, (size_t)tail->spoilt_bytes + 1);
    enum aks_status status;

    if (text == NULL)
        return aks_error_memory(err, "reading the audit log");
    status = aks_audit_tail_exactly(&port->files, file, tail->spoilt_at, text,
        (size_t)tail->spoilt_bytes, err);
    aks_sha256(text, (size_t)tail->spoilt_bytes, digest);
    aks_hex_encode(digest, sizeof(digest), ret_hex);
    aks_mem_free(port->alloc, text);
    return status;
}
