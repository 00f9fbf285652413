/* One line of an audit log, as far as it is understood. Foreign bytes: whoever checks a log does
 * not trust it. */
#ifndef AKS_ENGINE_AUDIT_LINE_H
#define AKS_ENGINE_AUDIT_LINE_H

#include "engine/audit.h"

#include <stdbool.h>

#define AKS_AUDIT_EVENT_BYTES 64

enum aks_audit_line_kind {
    AKS_AUDIT_LINE_RECORD,
    AKS_AUDIT_LINE_SPOILT,              /* no JSON: a crash may have left it */
    AKS_AUDIT_LINE_FOREIGN              /* JSON and no record, which no crash leaves; or longer than
                                         * a record may be */
};

struct aks_audit_line {
    enum aks_audit_line_kind kind;
    char digest[AKS_AUDIT_DIGEST_BYTES];    /* of its bytes without the line end */
    bool cut;                           /* of a spoilt one: JSON that was not written to its end, or
                                         * not everywhere */
    /* Of a record: */
    int64_t seq;                        /* from 1 */
    char prev[AKS_AUDIT_DIGEST_BYTES];
    int64_t at_ms;                      /* wall clock */
    char event[AKS_AUDIT_EVENT_BYTES];
    /* "healed": what it says of the lines between it and the record before it. */
    bool healed;
    char before[AKS_AUDIT_DIGEST_BYTES];    /* that record's digest; "" unless healed */
    char torn_sha256[AKS_AUDIT_DIGEST_BYTES];
    int64_t torn_lines;
    /* "rotated": records up to this one were removed; 0: none were. */
    int64_t removed_seq;
    char removed_head[AKS_AUDIT_DIGEST_BYTES];  /* its digest */
    /* "log_cut": the log did not have this record any more; 0: it says nothing of the kind. */
    int64_t known_seq;
};

/** Reads ${len} bytes, without a line end. ${ret_record} (may be NULL): the record, owned, or
 * NULL where it is none. */
void aks_audit_line_read(const char *text, size_t len, struct aks_audit_line *ret,
    struct json_t **ret_record);
/** 64 small hex digits? */
bool aks_audit_line_is_digest(const char *text);

#endif
