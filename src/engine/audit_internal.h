/* What the files of the audit log share: audit.c (appending), audit_tail.c (where a file ends) and
 * audit_files.c (its files). */
#ifndef AKS_ENGINE_AUDIT_INTERNAL_H
#define AKS_ENGINE_AUDIT_INTERNAL_H

#include "engine/audit.h"

#include <stdbool.h>

#define AUDIT_NAME "audit.jsonl"
#define AUDIT_FIRST_PREV "0000000000000000000000000000000000000000000000000000000000000000"
/* Lines at the end that a crash may have spoilt: the record that was torn, and then the healing of
 * it, for as many crashes in a row. More than these is no crash. */
#define AUDIT_SPOILT_LINES_MAX 8
/* Older files that are looked at: far more than are kept. */
#define AUDIT_FILES_LISTED_MAX 1000
#define AUDIT_FILE_NAME_BYTES 48

struct aks_audit {
    const struct aks_port *port;
    char *folder;
    char *path;
    int64_t file_bytes;
    size_t files_max;
    aks_audit_remember remember;        /* NULL: no file is removed */
    void *remember_ctx;
    int64_t synced_bytes;               /* of the file, when it was last synced from here */
};

/* The end of a file as it is found under the lock. */
struct aks_audit_tail {
    int64_t bytes;                      /* of the whole file */
    int64_t seq;                        /* of the last line that is a record; 0: there is none */
    char record[AKS_AUDIT_DIGEST_BYTES];    /* digest of that one; zeros if there is none */
    char prev[AKS_AUDIT_DIGEST_BYTES];  /* of the last line, whatever it is */
    bool open;                          /* the last line has no line end */
    int64_t spoilt_at;                  /* where what is behind the last record begins, */
    int64_t spoilt_bytes;               /* without the last line's end, */
    unsigned spoilt_lines;              /* and how many lines it is; 0: none */
};

/* Not AKS_STATE, by which callers here would take it for a failure of the file. */
enum aks_status aks_audit_tail_damaged(const char *path, const char *how, struct aks_error *err);
/** Reads [offset, offset + len) in full: a log only grows while nobody has the lock. */
enum aks_status aks_audit_tail_exactly(const struct aks_files *files, struct aks_file *file,
    int64_t offset, char *data, size_t len, struct aks_error *err);
/** The end of ${file}, whose path is ${path}. AKS_CORRUPT where it has none that a crash may have
 * left. */
enum aks_status aks_audit_tail_read(const struct aks_port *port, struct aks_file *file,
    const char *path, struct aks_audit_tail *ret, struct aks_error *err);
/** SHA-256 of what is behind the last record. */
enum aks_status aks_audit_tail_spoilt(const struct aks_port *port, struct aks_file *file,
    const struct aks_audit_tail *tail, char ret_hex[AKS_AUDIT_DIGEST_BYTES],
    struct aks_error *err);

/* The older files, each by the seq of its first record; ascending. */
struct aks_audit_older {
    int64_t seqs[AUDIT_FILES_LISTED_MAX];
    size_t count;
};

/** "audit-000000000042.jsonl". */
void aks_audit_files_name(int64_t seq, char ret_name[AUDIT_FILE_NAME_BYTES]);
/** Owned; NULL without memory. */
char *aks_audit_files_path(const struct aks_alloc *alloc, const char *folder, int64_t seq);
/** A folder that is not there has none. AKS_LIMIT over AUDIT_FILES_LISTED_MAX. */
enum aks_status aks_audit_files_list(const struct aks_port *port, const char *folder,
    struct aks_audit_older *ret, struct aks_error *err);
/** Where the newest of ${older} (at least one) ends. */
enum aks_status aks_audit_files_tail(const struct aks_port *port, const char *folder, int64_t seq,
    struct aks_audit_tail *ret, struct aks_error *err);
/** The seq of the first record of ${file}, within its first lines. AKS_CORRUPT: there is none. */
enum aks_status aks_audit_files_first(const struct aks_port *port, struct aks_file *file,
    const char *path, int64_t *ret_seq, struct aks_error *err);

#endif
