/* The heads that manifests hold: each is the digest of the record that said, before the manifest
 * was written, that its upload was sent. What a target holds nobody rewrites from here, so a log
 * that was rewritten disagrees with it. */
#ifndef AKS_ENGINE_AUDIT_HEADS_H
#define AKS_ENGINE_AUDIT_HEADS_H

#include "base/alloc.h"
#include "engine/audit_chain.h"

/* Of all targets together. */
#define AKS_AUDIT_HEADS_MAX 100000
#define AKS_AUDIT_UPLOAD_ID_BYTES 101

enum aks_audit_head_outcome {
    AKS_AUDIT_HEAD_FITS,
    AKS_AUDIT_HEAD_NONE,                /* the manifest holds none */
    AKS_AUDIT_HEAD_ELSEWHERE,           /* of another log: of another machine that uses this system
                                         * id, or one from before */
    AKS_AUDIT_HEAD_BEFORE,              /* older than anything in the log: it, or its begin, was
                                         * lost or removed */
    AKS_AUDIT_HEAD_MISSING,             /* the log does not know the upload, and nothing proves that
                                         * it never did */
    AKS_AUDIT_HEAD_REWRITTEN,           /* the upload was made from here, and the log tells
                                         * something else of it, or nothing */
    AKS_AUDIT_HEAD_OUTCOMES
};

struct aks_audit_head {
    size_t target;                      /* the caller's number for it */
    char upload_id[AKS_AUDIT_UPLOAD_ID_BYTES];
    int64_t uploaded_at_ms;             /* wall clock, as the manifest says */
    char digest[AKS_AUDIT_DIGEST_BYTES];    /* "": none */
    struct aks_audit_place place;       /* of its record; else of one that tells of the upload;
                                         * seq 0: none does */
    bool found;
    enum aks_audit_head_outcome outcome;    /* known after aks_audit_heads_judge */
};

struct aks_audit_heads {
    const struct aks_alloc *alloc;
    struct aks_audit_head *heads;       /* by upload_id once sorted */
    size_t count;
    size_t capacity;
};

/* What else is known when they are judged. */
struct aks_audit_heads_facts {
    int64_t first_at_ms;                /* of the log's first record; INT64_MAX: it has none */
    bool removed;                       /* what was before that one, rotation removed */
    bool proven_to_the_end;             /* another witness knows the log's end, and it fits */
    /* Was this upload made from here, as the state says? May be NULL. */
    bool (*stored)(void *ctx, const struct aks_audit_head *head);
    void *ctx;
};

/** "fits", "none", "elsewhere", "before", "missing", "rewritten". */
const char *aks_audit_head_outcome_name(enum aks_audit_head_outcome outcome);

void aks_audit_heads_init(struct aks_audit_heads *heads, const struct aks_alloc *alloc);
void aks_audit_heads_fini(struct aks_audit_heads *heads);
/** AKS_LIMIT over AKS_AUDIT_HEADS_MAX, or without memory. ${digest} may be "". */
enum aks_status aks_audit_heads_add(struct aks_audit_heads *heads, size_t target,
    const char *upload_id, int64_t uploaded_at_ms, const char *digest, struct aks_error *err);
/** After the last was added. */
void aks_audit_heads_sort(struct aks_audit_heads *heads);
/** A record of the log; others than upload_sent are of no matter. */
void aks_audit_heads_record(struct aks_audit_heads *heads, const struct aks_audit_place *place,
    const struct aks_audit_line *line, const struct json_t *record);
/** After the last record. */
void aks_audit_heads_judge(struct aks_audit_heads *heads,
    const struct aks_audit_heads_facts *facts);
/** The one that disagrees with the log and stands there first; NULL: none does. */
const struct aks_audit_head *aks_audit_heads_fault(const struct aks_audit_heads *heads);

#endif
