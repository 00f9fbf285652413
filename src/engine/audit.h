/* The audit log: audit.jsonl, append-only, each record with the SHA-256 of the line before
 * ("prev"; 64 zeros in the first). One record is one line, which is on the medium before the next
 * one is written. Several processes append under a lock. A torn last line (no line end) left by a
 * crash is closed and told by a record of its own.
 *
 * A file that has reached its bound becomes audit-<seq of its first record>.jsonl, and a new
 * audit.jsonl goes on with the same chain; the oldest of too many goes away, which a record of the
 * new file tells (docs/audit.md). */
#ifndef AKS_ENGINE_AUDIT_H
#define AKS_ENGINE_AUDIT_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/port.h"

#define AKS_AUDIT_RECORD_BYTES_MAX (64 * 1024)
#define AKS_AUDIT_DIGEST_BYTES 65       /* hex, with the NUL */
/* A file is gone on with until it has so many bytes. */
#define AKS_AUDIT_FILE_BYTES (INT64_C(16) * 1024 * 1024)
/* Files beside audit.jsonl that are kept. */
#define AKS_AUDIT_FILES_MAX 15
/* Records of one moment. */
#define AKS_AUDIT_EVENTS_MAX 64

struct aks_audit;
struct json_t;

/* One record to be. */
struct aks_audit_event {
    const char *event;
    const struct json_t *fields;        /* borrowed; an object, or NULL */
};

/* Where one record came to stand. */
struct aks_audit_mark {
    int64_t seq;                        /* 0: the log is empty */
    char digest[AKS_AUDIT_DIGEST_BYTES];
    int64_t found_seq;                  /* of the last record that was there before the call */
};

/** Opens ${folder}/audit.jsonl, making it if needed. Does not lock yet. */
enum aks_status aks_audit_open(const struct aks_port *port, const char *folder,
    struct aks_audit **ret_audit, struct aks_error *err);
void aks_audit_close(struct aks_audit *audit);
/** Other bounds than AKS_AUDIT_FILE_BYTES and AKS_AUDIT_FILES_MAX. */
void aks_audit_bound(struct aks_audit *audit, int64_t file_bytes, size_t files_max);
/* Remembers for good that the records up to ${removed} are about to go (its found_seq: the last
 * record of the log then), somewhere else than in the log. */
typedef enum aks_status (*aks_audit_remember)(void *ctx, const struct aks_audit_mark *removed);

/** Without it no file is ever removed, since nobody could prove later that it was. It is called
 * under the log's lock, after the record that tells of the removal was written and before a file
 * is removed; where it fails the files stay until another time. ${ctx} is borrowed. */
void aks_audit_memory(struct aks_audit *audit, aks_audit_remember remember, void *ctx);
/** Appends {"seq":, "prev":, "at":, "event":, ...fields of ${fields}}; borrows ${fields} (an
 * object, or NULL). Those of auth_success, auth_failure, upload_success and upload_failure have
 * "timestamp" and "event_type" too. Waits for the lock at most 2 s. After AKS_OK the record is on
 * the medium. */
enum aks_status aks_audit_append(struct aks_audit *audit, const char *event,
    const struct json_t *fields, struct aks_error *err);
/** The same with 1 to AKS_AUDIT_EVENTS_MAX records at once: all of them are there, or none.
 * ${ret_last} (may be NULL): the last of them. */
enum aks_status aks_audit_append_all(struct aks_audit *audit, const struct aks_audit_event *events,
    size_t count, struct aks_audit_mark *ret_last, struct aks_error *err);
/** Digest of the newest line, as the next record's "prev" would have it. */
enum aks_status aks_audit_head(struct aks_audit *audit, char ret_hex[AKS_AUDIT_DIGEST_BYTES],
    struct aks_error *err);

#endif
