#include "engine/audit_read.h"

#include "engine/audit_internal.h"

#include <string.h>

#define PIECE_BYTES ((size_t)256 * 1024)

_Static_assert(PIECE_BYTES > AKS_AUDIT_RECORD_BYTES_MAX, "a line that is none too long fits");

/* The file that is read, and what of it is in memory. */
struct reading {
    struct aks_audit_read *read;
    const char *name;
    struct aks_file *file;
    int64_t bytes;                      /* of the file, as far as it is read */
    int64_t offset;                     /* of what comes after the piece */
    char *piece;
    size_t len;
    bool too_long;                      /* the line whose begin was passed over */
    int64_t number;                     /* of the last line that was given */
};

static enum aks_status
give(struct reading *reading, const char *text, size_t len, bool ended, struct aks_error *err)
{
    struct aks_audit_read *read = reading->read;
    bool too_long = reading->too_long || len >= AKS_AUDIT_RECORD_BYTES_MAX;

    reading->too_long = false;
    return read->line(read->ctx, reading->name, ++reading->number, too_long ? NULL : text,
        too_long ? 0 : len, ended, err);
}

/* Gives every line that the piece has whole, and keeps the rest. */
static enum aks_status
give_lines(struct reading *reading, struct aks_error *err)
{
    char *at = reading->piece;
    size_t left = reading->len;
    enum aks_status status = AKS_OK;

    while (status == AKS_OK && left > 0) {
        const char *end = memchr(at, '\n', left);

        if (end == NULL)
            break;
        status = give(reading, at, (size_t)(end - at), true, err);
        left -= (size_t)(end - at) + 1;
        at += end - at + 1;
    }
    if (left >= AKS_AUDIT_RECORD_BYTES_MAX) {
        reading->too_long = true;
        left = 0;
    }
    memmove(reading->piece, at, left);
    reading->len = left;
    return status;
}

static enum aks_status
read_pieces(struct reading *reading, struct aks_error *err)
{
    const struct aks_files *files = &reading->read->port->files;
    const atomic_int *interrupted = reading->read->interrupted;
    enum aks_status status = AKS_OK;

    while (status == AKS_OK && reading->offset < reading->bytes) {
        int64_t left = reading->bytes - reading->offset;
        size_t room = PIECE_BYTES - reading->len;
        size_t got = 0;

        if (interrupted != NULL && atomic_load(interrupted) != 0)
            return aks_error_set(err, AKS_CANCELLED, "interrupted");
        status = files->read(reading->file, reading->offset, reading->piece + reading->len,
            left < (int64_t)room ? (size_t)left : room, &got, err);
        if (status == AKS_OK && got == 0)
            break;
        reading->offset += (int64_t)got;
        reading->len += got;
        if (status == AKS_OK)
            status = give_lines(reading, err);
    }
    if (status == AKS_OK && (reading->len > 0 || reading->too_long))
        status = give(reading, reading->piece, reading->len, false, err);
    return status;
}

static enum aks_status
read_file(struct aks_audit_read *read, const char *name, struct aks_file *file, int64_t bytes,
    char *piece, struct aks_error *err)
{
    struct reading reading = { .read = read, .name = name, .file = file, .bytes = bytes,
        .piece = piece };
    enum aks_status status = read_pieces(&reading, err);

    read->files++;
    read->bytes += reading.offset;
    return status;
}

/* An older file; ${newest}: the one that is audit.jsonl, which may just have become an older
 * one. */
static enum aks_status
read_older(struct aks_audit_read *read, int64_t seq, const struct aks_file_info *newest,
    char *piece, struct aks_error *err)
{
    const struct aks_files *files = &read->port->files;
    char *path = aks_audit_files_path(read->port->alloc, read->folder, seq);
    char name[AUDIT_FILE_NAME_BYTES];
    struct aks_file *file = NULL;
    struct aks_file_info info;
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "reading the audit log");
    aks_audit_files_name(seq, name);
    status = files->open(files->ctx, path, AKS_FILE_READ_OWN, &file, err);
    if (status == AKS_NOT_FOUND)
        status = aks_error_set(err, AKS_CONFLICT, "%s has gone while the audit log was read: try"
            " again", path);
    if (status == AKS_OK)
        status = files->info(file, &info, err);
    if (status == AKS_OK && (newest == NULL || info.device != newest->device ||
            info.inode != newest->inode))
        status = read_file(read, name, file, info.bytes, piece, err);
    files->close(file);
    aks_mem_free(read->port->alloc, path);
    return status;
}

static enum aks_status
read_all(struct aks_audit_read *read, struct aks_file *newest, struct aks_audit_older *older,
    char *piece, struct aks_error *err)
{
    struct aks_file_info info;
    enum aks_status status = newest != NULL ? read->port->files.info(newest, &info, err) : AKS_OK;

    if (status == AKS_OK)
        status = aks_audit_files_list(read->port, read->folder, older, err);
    for (size_t i = 0; i < older->count && status == AKS_OK; i++)
        status = read_older(read, older->seqs[i], newest != NULL ? &info : NULL, piece, err);
    if (status == AKS_OK && newest != NULL)
        status = read_file(read, AUDIT_NAME, newest, info.bytes, piece, err);
    return status;
}

enum aks_status
aks_audit_read(struct aks_audit_read *read, struct aks_error *err)
{
    const struct aks_files *files = &read->port->files;
    const struct aks_alloc *alloc = read->port->alloc;
    struct aks_audit_older *older = aks_mem_new(alloc, sizeof(*older));
    char *path = aks_mem_printf(alloc, "%s/" AUDIT_NAME, read->folder);
    char *piece = aks_mem_new(alloc, PIECE_BYTES);
    struct aks_file *newest = NULL;
    enum aks_status status = AKS_OK;

    if (older == NULL || path == NULL || piece == NULL)
        status = aks_error_memory(err, "reading the audit log");
    if (status == AKS_OK)
        status = files->open(files->ctx, path, AKS_FILE_READ_OWN, &newest, err);
    if (status == AKS_OK || status == AKS_NOT_FOUND)
        status = read_all(read, newest, older, piece, err);
    files->close(newest);
    aks_mem_free(alloc, piece);
    aks_mem_free(alloc, path);
    aks_mem_free(alloc, older);
    if (status == AKS_FORBIDDEN || status == AKS_NOT_FOUND) {
        status = AKS_STATE;
        if (err != NULL)
            err->status = status;
    }
    return status;
}
