/* The files of the audit log beside audit.jsonl. */
#include "engine/audit_internal.h"
#include "engine/audit_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "audit-"
#define SUFFIX ".jsonl"
#define DIGITS_MIN 12
#define DIGITS_MAX 18

void
aks_audit_files_name(int64_t seq, char ret_name[AUDIT_FILE_NAME_BYTES])
{
    (void)snprintf(ret_name, AUDIT_FILE_NAME_BYTES, PREFIX "%0*" PRId64 SUFFIX, DIGITS_MIN, seq);
}

char *
aks_audit_files_path(const struct aks_alloc *alloc, const char *folder, int64_t seq)
{
    char name[AUDIT_FILE_NAME_BYTES];

    aks_audit_files_name(seq, name);
    return aks_mem_printf(alloc, "%s/%s", folder, name);
}

/* The seq in a name that aks_audit_files_name has made, else 0. */
static int64_t
seq_of(const char *name)
{
    size_t prefix = sizeof(PREFIX) - 1;
    char again[AUDIT_FILE_NAME_BYTES];
    size_t digits;
    int64_t seq;

    if (strncmp(name, PREFIX, prefix) != 0)
        return 0;
    digits = strspn(name + prefix, "0123456789");
    if (digits < DIGITS_MIN || digits > DIGITS_MAX)
        return 0;
    seq = strtoll(name + prefix, NULL, 10);
    aks_audit_files_name(seq, again);
    return strcmp(name, again) == 0 ? seq : 0;
}

static enum aks_status
note_name(void *ctx, const char *name, struct aks_error *err)
{
    struct aks_audit_older *older = ctx;
    int64_t seq = seq_of(name);
    size_t at = older->count;

    if (seq == 0)
        return AKS_OK;
    if (older->count == AUDIT_FILES_LISTED_MAX)
        return aks_error_set(err, AKS_LIMIT, "the audit log has over %d files",
            AUDIT_FILES_LISTED_MAX);
    for (; at > 0 && older->seqs[at - 1] > seq; at--)
        older->seqs[at] = older->seqs[at - 1];
    older->seqs[at] = seq;
    older->count++;
    return AKS_OK;
}

enum aks_status
aks_audit_files_list(const struct aks_port *port, const char *folder, struct aks_audit_older *ret,
    struct aks_error *err)
{
    enum aks_status status;

    ret->count = 0;
    status = port->files.list(port->files.ctx, folder, note_name, ret, err);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

enum aks_status
aks_audit_files_tail(const struct aks_port *port, const char *folder, int64_t seq,
    struct aks_audit_tail *ret, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    char *path = aks_audit_files_path(port->alloc, folder, seq);
    struct aks_file *file = NULL;
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "reading the audit log");
    status = files->open(files->ctx, path, AKS_FILE_READ_OWN, &file, err);
    if (status == AKS_OK)
        status = aks_audit_tail_read(port, file, path, ret, err);
    if (status == AKS_OK && (ret->seq == 0 || ret->spoilt_lines > 0))
        status = aks_audit_tail_damaged(path, "it does not end with a record", err);
    files->close(file);
    aks_mem_free(port->alloc, path);
    return status;
}

/* The seq of the first line of ${text} that is a record; 0: none is. */
static int64_t
first_seq(const char *text, size_t len)
{
    for (int i = 0; i <= AUDIT_SPOILT_LINES_MAX && len > 0; i++) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end != NULL ? (size_t)(end - text) : len;
        struct aks_audit_line line;

        aks_audit_line_read(text, line_len, &line, NULL);
        if (line.kind == AKS_AUDIT_LINE_RECORD)
            return line.seq;
        if (end == NULL)
            break;
        len -= line_len + 1;
        text = end + 1;
    }
    return 0;
}

enum aks_status
aks_audit_files_first(const struct aks_port *port, struct aks_file *file, const char *path,
    int64_t *ret_seq, struct aks_error *err)
{
    const size_t most = (AUDIT_SPOILT_LINES_MAX + 1) * (size_t)AKS_AUDIT_RECORD_BYTES_MAX;
    struct aks_file_info info;
    char *text = NULL;
    size_t len;
    enum aks_status status = port->files.info(file, &info, err);

    if (status != AKS_OK)
        return status;
    len = info.bytes < (int64_t)most ? (size_t)info.bytes : most;
    text = aks_mem_new(port->alloc, len + 1);
    if (text == NULL)
        return aks_error_memory(err, "reading the audit log");
    status = aks_audit_tail_exactly(&port->files, file, 0, text, len, err);
    *ret_seq = status == AKS_OK ? first_seq(text, len) : 0;
    if (status == AKS_OK && *ret_seq == 0)
        status = aks_audit_tail_damaged(path, "none of its first lines is a record", err);
    aks_mem_free(port->alloc, text);
    return status;
}
