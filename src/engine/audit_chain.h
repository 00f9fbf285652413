/* Is a log one chain? Fed line by line, in order; of the log only a few lines are held. */
#ifndef AKS_ENGINE_AUDIT_CHAIN_H
#define AKS_ENGINE_AUDIT_CHAIN_H

#include "data/digest.h"
#include "engine/audit_line.h"

#define AKS_AUDIT_FILE_NAME_BYTES 48
#define AKS_AUDIT_WHY_BYTES 320
/* Lines in a row that are no records and that a record may tell of. */
#define AKS_AUDIT_SPOILT_LINES_MAX 8

enum aks_audit_fault_kind {
    AKS_AUDIT_FITS,
    AKS_AUDIT_CHANGED,                  /* bytes of a line are not what they were */
    AKS_AUDIT_DROPPED,                  /* records are missing before the line */
    AKS_AUDIT_INSERTED,                 /* a line that was never written there */
    AKS_AUDIT_REORDERED,                /* a record stands before those that it follows */
    AKS_AUDIT_TRUNCATED,                /* records are missing behind the line */
    AKS_AUDIT_REWRITTEN,                /* one chain, and not the one that a witness knows */
    AKS_AUDIT_FAULTS
};

/* "changed", "dropped" and so on. */
const char *aks_audit_fault_name(enum aks_audit_fault_kind kind);

struct aks_audit_place {
    char file[AKS_AUDIT_FILE_NAME_BYTES];   /* name in the state folder */
    int64_t line;                       /* from 1 */
    int64_t seq;                        /* as it stands there; 0: the line is no record */
};

/* The first line that does not fit. */
struct aks_audit_fault {
    enum aks_audit_fault_kind kind;
    struct aks_audit_place place;
    char why[AKS_AUDIT_WHY_BYTES];
};

/* A line that was seen. */
struct aks_audit_seen {
    struct aks_audit_place place;
    enum aks_audit_line_kind kind;
    int64_t seq;
    char prev[AKS_AUDIT_DIGEST_BYTES];
    char digest[AKS_AUDIT_DIGEST_BYTES];
    bool ended;                         /* it has a line end */
    bool cut;                           /* it is spoilt, and was not written to its end, or has
                                         * zeros in it */
};

/* Lines that are no records, behind the last one that is. */
struct aks_audit_torn {
    int64_t lines;
    struct aks_audit_seen first;
    struct aks_audit_seen last;
    struct aks_sha256 *sha;             /* of all of them */
};

enum aks_audit_chain_phase {
    AKS_AUDIT_CHAIN_FOLLOWS,
    AKS_AUDIT_CHAIN_ODD,                /* a line did not fit: the next one is needed */
    AKS_AUDIT_CHAIN_SEARCHES,           /* is a record there that tells what happened? */
    AKS_AUDIT_CHAIN_DONE
};

/* What the state knows of records that rotation removed. */
struct aks_audit_removal {
    bool known;                         /* false: nothing, so the log's word is taken */
    int64_t seq;                        /* the last that may be gone; 0: none may */
    char digest[AKS_AUDIT_DIGEST_BYTES];
    int64_t since_seq;                  /* what records up to this one say is from before the state
                                         * remembers: it is believed */
};

/* Who says that the records before the first one were removed. */
enum aks_audit_told {
    AKS_AUDIT_TOLD_BY_NOBODY,
    AKS_AUDIT_TOLD_BY_LOG,              /* and the state cannot know it */
    AKS_AUDIT_TOLD_BY_STATE             /* and the log */
};

struct aks_audit_chain {
    const struct aks_alloc *alloc;
    enum aks_audit_chain_phase phase;
    struct aks_audit_mark witness;      /* seq 0: none; else a record that there once was */
    const char *witness_name;           /* for people */
    struct aks_audit_seen first;        /* record; seq 0: none yet */
    char first_before[AKS_AUDIT_DIGEST_BYTES];  /* digest of the record before it, as it says */
    bool begins_later;                  /* it is not the first that was ever written, */
    int64_t told_seq;                   /* and the first record that tells why; 0: none does */
    enum aks_audit_told told;           /* known at the end */
    struct aks_audit_removal removal;
    struct aks_audit_place cut;         /* of the first record that tells of a cut; seq 0: none, */
    int64_t cut_known;                  /* and what was known when it was written */
    struct aks_audit_seen last;         /* the last record that fits; seq 0: none */
    struct aks_audit_torn torn;
    struct aks_audit_seen odd;          /* the line that does not fit */
    struct aks_audit_line odd_line;
    int64_t wanted_seq;                 /* searched for, */
    char wanted_digest[AKS_AUDIT_DIGEST_BYTES]; /* or this, if it is not "" */
    struct aks_audit_fault found;       /* if it is there, */
    struct aks_audit_fault missing;     /* and if not */
    struct aks_audit_fault fault;
    int64_t lines;
    int64_t records;                    /* that fit */
    int64_t healed;
    int64_t torn_lines;                 /* that were healed */
    bool torn_end;                      /* known at the end: it ends with what a crash has left */
};

/** ${alloc} is borrowed. ${witness} (may be NULL): the record that ${witness_name} (borrowed)
 * knows to have been in the log, which then has it, or does not fit. */
enum aks_status aks_audit_chain_init(struct aks_audit_chain *chain, const struct aks_alloc *alloc,
    const struct aks_audit_mark *witness, const char *witness_name, struct aks_error *err);
void aks_audit_chain_fini(struct aks_audit_chain *chain);
/** The next line: number ${line_number} of ${file}. ${text} is NULL for one that is longer than a
 * record may be; ${ended}: it has a line end. *ret_line (may be NULL) is what was read of it;
 * ${ret_record} as in aks_audit_line_read. */
void aks_audit_chain_line(struct aks_audit_chain *chain, const char *file, int64_t line_number,
    const char *text, size_t len, bool ended, struct aks_audit_line *ret_line,
    struct json_t **ret_record);
/** To be asked for after the last line was read, since others remove records meanwhile, and before
 * aks_audit_chain_end. Without it the log's own word is taken for what was removed. */
void aks_audit_chain_removal(struct aks_audit_chain *chain,
    const struct aks_audit_removal *removal);
/** There are no more lines. chain->fault tells; AKS_AUDIT_FITS: none. */
void aks_audit_chain_end(struct aks_audit_chain *chain);
/** So far all fits: what was fed last belongs to the chain. */
bool aks_audit_chain_holds(const struct aks_audit_chain *chain);

#endif
