/* What a key may do, and what its bucket is like, found out without harm: questions that S3 answers
 * or refuses. Nothing that is stored is changed but our own marker, which is put anew. */
#ifndef AKS_ENGINE_TARGET_S3_INSPECT_H
#define AKS_ENGINE_TARGET_S3_INSPECT_H

#include "engine/target.h"
#include "wire/s3_xml.h"

#include <stdbool.h>
#include <stdint.h>

/* All questions together; what is not asked by then stays unknown. */
#define AKS_S3_INSPECT_MS 8000
/* One of them. */
#define AKS_S3_INSPECT_ANSWER_MS 2000

enum aks_s3_question {
    /* What the machine needs. */
    AKS_S3_ASK_PUT,                 /* the marker, under the condition that it is not there */
    AKS_S3_ASK_PUT_AGAIN,           /* only where the first one was taken: it is there now */
    AKS_S3_ASK_LIST_OWN,
    /* What it does not. */
    AKS_S3_ASK_LIST_ALL,
    AKS_S3_ASK_READ_OWN,            /* an own object that there is not: is absence told? */
    AKS_S3_ASK_READ_OTHER,          /* an object of a system that there is not */
    AKS_S3_ASK_DELETE,              /* an own object that there is not, under a condition */
    AKS_S3_ASK_DELETE_AGAIN,        /* without one, where it was refused: that may be of the
                                     * condition, which has to be looked at */
    /* What strangers get. */
    AKS_S3_ASK_STRANGER_LIST,       /* without a key */
    AKS_S3_ASK_STRANGER_READ,       /* the marker, without a key */
    /* What the bucket says. */
    AKS_S3_ASK_POLICY_STATUS,
    AKS_S3_ASK_PUBLIC_ACCESS,
    AKS_S3_ASK_ENCRYPTION,
    AKS_S3_ASK_VERSIONING,
    AKS_S3_ASK_LIFECYCLE,
    AKS_S3_QUESTIONS
};

struct aks_s3_inspected {
    /* HTTP status; 0: not asked, or no answer. */
    int http[AKS_S3_QUESTIONS];
    char code[AKS_S3_QUESTIONS][64];        /* of an error, or "" */
    struct aks_s3_bucket bucket;            /* as far as it was told */
    bool clock_known;
    int64_t clock_ahead_ms;                 /* the server's less ours; its clock has seconds */
};

/* What is known of a target without asking. Strings are borrowed from it. */
struct aks_s3_known {
    const char *credentials;                /* where they come from */
    int64_t expires_ms;                     /* wall clock; -1: they do not, or nobody says */
    const char *server;                     /* "s3.example.org:9000" */
    const char *region;
    bool tls;
    bool own_server;                        /* no AWS */
};

/** Fills ${ret_inspected} by asking, one after the other; done tells AKS_OK also where nothing was
 * answered any more. After available. ${target} is of class aks_target_s3. */
void aks_s3_inspect(struct aks_target *target, struct aks_s3_inspected *ret_inspected,
    aks_done *done, void *ctx);
void aks_s3_known(const struct aks_target *target, struct aks_s3_known *ret_known);

#endif
