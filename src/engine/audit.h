/* The audit log: audit.jsonl, append-only, each record with the SHA-256 of the line before
 * ("prev"; 64 zeros in the first). One record is one line, written in one write and synced.
 * Several processes append under a lock. A torn last line (no line end) left by a crash is closed
 * and told by a record of its own. */
#ifndef AKS_ENGINE_AUDIT_H
#define AKS_ENGINE_AUDIT_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/port.h"

#define AKS_AUDIT_RECORD_BYTES_MAX (64 * 1024)

struct aks_audit;
struct json_t;

/** Opens ${folder}/audit.jsonl, making it if needed. Does not lock yet. */
enum aks_status aks_audit_open(const struct aks_port *port, const char *folder,
    struct aks_audit **ret_audit, struct aks_error *err);
void aks_audit_close(struct aks_audit *audit);
/** Appends {"seq":, "prev":, "at":, "event":, ...fields of ${fields}}; borrows ${fields} (an
 * object, or NULL). Waits for the lock at most 2 s. After AKS_OK the record is on the medium. */
enum aks_status aks_audit_append(struct aks_audit *audit, const char *event,
    const struct json_t *fields, struct aks_error *err);
/** Digest of the newest line, as the next record's "prev" would have it. */
enum aks_status aks_audit_head(struct aks_audit *audit, char ret_hex[65], struct aks_error *err);

#endif
