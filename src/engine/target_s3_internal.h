/* The S3 target from inside: what its files share.
 *
 * target_s3.c            the target: create, free, how many parts at once
 * target_s3_place.c      where the bucket is
 * target_s3_request.c    one signed request and its reply
 * target_s3_mend.c       causes of failure that can be removed: clock, region, credentials
 * target_s3_probe.c      may it be used now, and does it check CRC64NVME
 * target_s3_object.c     an object in parts: open, send, free
 * target_s3_multipart.c  beginning and completing a multipart upload
 * target_s3_resume.c     going on with an object of an earlier process
 * target_s3_stray.c      uploads of ours whose ids were never heard
 * target_s3_abort.c      giving back what was sent
 * target_s3_small.c      put and get
 * target_s3_list.c       names
 * target_s3_absent.c     is what may not be read not there at all?
 * target_s3_read.c       what is there of an object, a part of its bytes; and taking it away
 *
 * Every request belongs to a struct aks_s3_step: an attempt, the request under way, and what
 * was mended for it. A try begins when there are credentials to sign with: where they have to be
 * fetched first, it waits for them before it asks anything. */
#ifndef AKS_ENGINE_TARGET_S3_INTERNAL_H
#define AKS_ENGINE_TARGET_S3_INTERNAL_H

#include "base/encode.h"
#include "engine/attempt.h"
#include "engine/credentials_chain.h"
#include "engine/target.h"
#include "engine/target_key.h"
#include "engine/target_s3_place.h"
#include "port/http.h"
#include "wire/s3_xml.h"
#include "wire/sigv4.h"

#include <stdbool.h>
#include <stdint.h>

/* Parts under way at once. Four fill a line without asking much of a server; more than eight
 * gain nothing that was ever measured, and each costs a buffer. */
#define AKS_S3_PARTS_START 4
#define AKS_S3_PARTS_MIN 1
#define AKS_S3_PARTS_MAX 8

#define AKS_S3_CONNECT_MS 10000
#define AKS_S3_STALL_MS 30000
#define AKS_S3_ANSWER_MS 60000
/* Putting ten thousand parts together may take minutes. */
#define AKS_S3_COMPLETE_MS 300000
/* Giving back should not keep a run that is over. */
#define AKS_S3_ABORT_MS 10000

/* Replies that carry nothing but XML of ours or an error. */
#define AKS_S3_REPLY_BYTES (256 * 1024)

#define AKS_S3_KEY_BYTES 1025               /* S3's own limit, with the NUL */
#define AKS_S3_HEADERS_MAX 20
#define AKS_S3_WHAT_BYTES 200
#define AKS_S3_NONCE_BYTES 33               /* 16 bytes in hex */

/* How long what was learnt of an endpoint is believed. */
#define AKS_S3_FACT_MS (30 * AKS_MS_PER_DAY)
#define AKS_S3_FACT_REGION "region"
#define AKS_S3_FACT_CRC64 "crc64nvme"
#define AKS_S3_FACT_CONDITIONAL "conditional_put"

/* Metadata by which an object of our own is known again. */
#define AKS_S3_META_UPLOAD "x-amz-meta-akosha-upload"
#define AKS_S3_META_NONCE "x-amz-meta-akosha-nonce"

#define AKS_S3_UNSIGNED "UNSIGNED-PAYLOAD"
#define AKS_S3_HEADER_CRC "x-amz-checksum-crc64nvme"
#define AKS_S3_CRC_TEXT_BYTES AKS_BASE64_BYTES(8)

struct aks_s3;
struct aks_s3_object;

/* What to ask. Borrowed for the call of aks_s3_step_ask, but for the body's bytes. */
struct aks_s3_request {
    const char *method;
    const char *key;                        /* below the prefix; NULL: the bucket */
    const struct aks_sigv4_pair *query;
    size_t query_count;
    const struct aks_sigv4_pair *headers;   /* beside host, date, digest and token */
    size_t header_count;
    const char *payload_hash;               /* hex, or "UNSIGNED-PAYLOAD"; NULL: of nothing */
    const struct aks_body *body;            /* or NULL; until answered */
    int64_t connect_ms;                     /* 0: the usual */
    int64_t answer_ms;                      /* 0: the usual */
    size_t reply_bytes_max;                 /* 0: the usual */
    bool fresh_connection;
    bool reply_is_data;                     /* a 2xx carries an object's bytes, not XML */
    const char *what;                       /* "PUT part 2 of x.duckdb" */
};

struct aks_s3_answer {
    struct aks_outcome outcome;             /* classified; corrected if mended */
    struct aks_s3_error s3;                 /* code "" if there was none */
    const struct aks_http_reply *reply;     /* NULL: nothing was sent */
};

/* From the loop; from inside aks_s3_step_ask only if the request could not be sent at all. */
typedef void aks_s3_answered(void *ctx, const struct aks_s3_answer *answer);

/* Causes that were mended for one operation: each once. */
enum aks_s3_cause { AKS_S3_CAUSE_CLOCK = 1, AKS_S3_CAUSE_REGION = 2, AKS_S3_CAUSE_CREDENTIALS = 4 };

struct aks_s3_step {
    struct aks_s3 *s3;
    struct aks_attempt attempt;
    unsigned mended;                        /* of enum aks_s3_cause */
    void (*start)(void *ctx);               /* one try of the attempt */
    void *start_ctx;
    struct aks_credentials_wait wait;       /* of a try that cannot be signed yet */
    /* The request under way. */
    struct aks_http_call *call;             /* NULL: none */
    struct aks_http_request request;
    struct aks_http_header headers[AKS_S3_HEADERS_MAX];
    struct aks_buf values;                  /* of the headers; wiped */
    struct aks_buf authorization;           /* wiped */
    struct aks_buf url;
    struct aks_credentials *used;           /* what it was signed with */
    unsigned generation;                    /* of s3 when it was signed */
    int64_t clock_offset_ms;                /* then */
    bool reply_is_data;
    aks_s3_answered *answered;
    void *ctx;
    char what[AKS_S3_WHAT_BYTES];
};

/* Bytes in memory as a body. */
struct aks_s3_bytes {
    const char *data;
    struct aks_body body;
    char sha256[AKS_SHA256_HEX_BYTES];
};

enum aks_s3_probe_stage {
    AKS_S3_PROBE_HEAD, AKS_S3_PROBE_GET, AKS_S3_PROBE_PUT, AKS_S3_PROBE_CRC_WRONG,
    AKS_S3_PROBE_CRC_RIGHT, AKS_S3_PROBE_CRC_CLEAN
};

struct aks_s3_probe {
    struct aks_s3_step step;
    struct aks_timer timer;                 /* the budget of one try is used up */
    enum aks_s3_probe_stage stage;
    bool go_on;                             /* the last try was mended: its budget goes on */
    int64_t deadline_ms;
    struct aks_s3_bytes bytes;
    char key[AKS_TARGET_KEY_FOLDER_BYTES + sizeof(".probe")];
};

/* A put, get or list; in s3's list until it is done. */
struct aks_s3_op {
    struct aks_s3_step step;
    struct aks_s3_op *next;
    struct aks_s3_op **link;
    void (*free)(struct aks_s3_op *op);     /* of what the kind holds, not of the op */
    aks_done *done;
    void *done_ctx;
    /* While it is looked whether a key is there that may not be read. */
    struct aks_outcome refused;
    char absent_key[AKS_S3_KEY_BYTES];      /* with the target's prefix */
};

struct aks_s3 {
    struct aks_target base;                 /* first */
    struct aks_target_options options;
    struct aks_secret_wipe wipe;
    struct aks_s3_place place;
    struct aks_credentials_chain *credentials;
    char identity[AKS_SHA256_HEX_BYTES];
    int64_t clock_offset_ms;                /* the server's clock less ours */
    unsigned generation;                    /* counts what was mended: clock, region */
    bool conditional_put;
    bool crc64;                             /* proven */
    bool crc64_open;                        /* wanted, and not known yet */
    unsigned parts_in_flight;
    unsigned parts_row;                     /* successes since it changed last */
    int64_t slowed_ms;                      /* loop time of the last halving */
    bool slowed;
    struct aks_s3_probe probe;
    struct aks_s3_op *ops;
    struct aks_s3_object *objects;
};

/* target_s3.c */
int64_t aks_s3_wall_ms(const struct aks_s3 *s3);    /* ours, uncorrected */
void aks_s3_remember(struct aks_s3 *s3, const char *fact, const char *value);
void aks_s3_part_stored(struct aks_s3 *s3);
void aks_s3_nonce(struct aks_s3 *s3, char ret_nonce[AKS_S3_NONCE_BYTES]);

/* target_s3_request.c */
void aks_s3_step_init(struct aks_s3_step *step, struct aks_s3 *s3);
/** Begins the step's attempt at ${operation}. */
void aks_s3_step_begin(struct aks_s3_step *step, const char *operation, const char *source,
    void (*start)(void *ctx), void *ctx, aks_done *done, void *done_ctx);
/** Signs and sends; no request of this step may be under way. */
void aks_s3_step_ask(struct aks_s3_step *step, const struct aks_s3_request *request,
    aks_s3_answered *answered, void *ctx);
/** Ends the request under way, if there is one, without an answer. */
void aks_s3_step_hang_up(struct aks_s3_step *step);
/** That and the attempt. */
void aks_s3_step_cancel(struct aks_s3_step *step);
/** The end of a try. */
void aks_s3_step_tried(struct aks_s3_step *step, const struct aks_outcome *outcome);
/** The end of a try that failed here. */
void aks_s3_step_failed(struct aks_s3_step *step, const struct aks_error *err);
/** ${data} is borrowed. */
void aks_s3_bytes_init(struct aks_s3_bytes *bytes, const void *data, size_t len);

/** AKS_SETTINGS or AKS_LIMIT for a key that must not be used. */
enum aks_status aks_s3_key_check(const struct aks_s3 *s3, const char *key, struct aks_error *err);
/** The value of AKS_S3_HEADER_CRC: base64 of the big-endian bytes. */
enum aks_status aks_s3_crc_text(const struct aks_s3 *s3, uint64_t crc,
    char ret_text[AKS_S3_CRC_TEXT_BYTES], struct aks_error *err);

/* target_s3_mend.c */
/** Removes the cause of a failure if that is possible and was not done before: then corrected
 * is set. */
void aks_s3_mend(struct aks_s3_step *step, struct aks_s3_answer *answer);

/* target_s3_probe.c */
void aks_s3_available(struct aks_target *target, aks_done *done, void *ctx);
void aks_s3_probe_cancel(struct aks_s3_probe *probe);

/* target_s3_object.c, target_s3_multipart.c, target_s3_abort.c: see target_s3_object.h */
enum aks_status aks_s3_open(struct aks_target *target, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err);
void aks_s3_send(struct aks_target_object *object, const struct aks_part *part, aks_done *done,
    void *ctx);
void aks_s3_finish(struct aks_target_object *object, const struct aks_object_digest *digest,
    aks_done *done, void *ctx);
void aks_s3_abort(struct aks_target_object *object, aks_done *done, void *ctx);
void aks_s3_object_free(struct aks_target_object *object);
/** The target goes first: cancels, and lets the object live on empty until it is freed. */
void aks_s3_object_orphan(struct aks_s3_object *object);

/* target_s3_small.c */
/** A new op of ${bytes} that begins with a struct aks_s3_op, in s3's list; NULL: no memory, and
 * ${done} was told. */
void *aks_s3_op_new(struct aks_s3 *s3, size_t bytes, void (*free)(struct aks_s3_op *op),
    aks_done *done, void *done_ctx);
/** An attempt's done: takes the op out of the list, frees it, and tells its owner. ${ctx} is
 * the op. */
void aks_s3_op_done(void *ctx, const struct aks_outcome *outcome);
void aks_s3_op_cancel(struct aks_s3_op *op);
void aks_s3_put(struct aks_target *target, const char *key, const char *content_type,
    const void *data, size_t len, bool create_only, aks_done *done, void *ctx);
void aks_s3_get(struct aks_target *target, const char *key, struct aks_buf *ret_data,
    aks_done *done, void *ctx);

/** An attempt's start for an op that found no memory for its key: fails. */
void aks_s3_op_no_memory(void *ctx);

/* target_s3_absent.c */
/** May it be that what was asked for is not there, rather than that it may not be read? */
bool aks_s3_may_be_absent(const struct aks_outcome *outcome);
/** Looks, and ends the try of ${op}'s step: with AKS_NOT_FOUND, or with ${refused}. */
void aks_s3_op_absent(struct aks_s3_op *op, const char *key, const struct aks_outcome *refused);

/* target_s3_read.c */
void aks_s3_stat(struct aks_target *target, const char *key, struct aks_target_stat *ret_stat,
    aks_done *done, void *ctx);
void aks_s3_get_range(struct aks_target *target, const char *key, const char *etag, int64_t offset,
    void *data, size_t len, aks_done *done, void *ctx);
void aks_s3_remove(struct aks_target *target, const char *key, aks_done *done, void *ctx);

/* target_s3_list.c */
void aks_s3_list(struct aks_target *target, const char *folder, aks_target_entry *each,
    void *each_ctx, aks_done *done, void *ctx);

#endif
