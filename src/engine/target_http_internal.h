/* Shared by target_http.c (class, probe, put, get), target_http_object.c (objects),
 * target_http_tus*.c (objects that go on where they stopped), target_http_read.c (stat, get_range,
 * remove), target_http_call.c (one operation: its tries, each of them one or more requests) and
 * target_http_token.c (who asks). */
#ifndef AKS_ENGINE_TARGET_HTTP_INTERNAL_H
#define AKS_ENGINE_TARGET_HTTP_INTERNAL_H

#include "base/encode.h"
#include "base/secret.h"
#include "base/units.h"
#include "engine/target.h"
#include "engine/target_work.h"
#include "wire/tus.h"

#define AKS_TARGET_HTTP_CONNECT_MS (10 * AKS_MS_PER_S)
#define AKS_TARGET_HTTP_STALL_MS (30 * AKS_MS_PER_S)
/* A receiver may sync, scan or forward a whole file before it answers. */
#define AKS_TARGET_HTTP_ANSWER_MS (120 * AKS_MS_PER_S)
/* What a server says about a PUT is for people; nobody reads more. */
#define AKS_TARGET_HTTP_REPLY_BYTES_MAX ((size_t)1024 * 1024)
/* Parts that are written to a scratch file side by side. */
#define AKS_TARGET_HTTP_PARTS_MAX 2
/* Of available, put and get: how many may be under way at once on one target. */
#define AKS_TARGET_HTTP_CALLS_MAX 8
#define AKS_TARGET_HTTP_HEADERS_MAX 6
/* Of one PATCH: what a line that breaks costs, and what is in memory of a proxy that keeps whole
 * requests. */
#define AKS_TARGET_HTTP_TUS_PIECE_MAX ((int64_t)16 * 1024 * 1024)
/* So often a server may lose what it had, or say what cannot be, before the object goes by PUT. */
#define AKS_TARGET_HTTP_TUS_SETBACKS_MAX 5
/* What OPTIONS said is asked again after a day. */
#define AKS_TARGET_HTTP_FACT_MS (24 * 3600 * AKS_MS_PER_S)
/* "sha-256=:" and ":" around the base64. */
#define AKS_TARGET_HTTP_DIGEST_BYTES (AKS_BASE64_BYTES(AKS_SHA256_BYTES) + 10)

struct http_call;
struct http_object;

typedef void http_answered(struct http_call *call, const struct aks_http_reply *reply);

/* What goes into Authorization. Requests borrow it until they end, whatever was found since. */
struct http_token {
    struct aks_secret *header;          /* "Bearer " and the secret */
    unsigned users;
};

/* The object that was last read as a whole, of a server that gives no ranges. */
#define AKS_TARGET_HTTP_WHOLE_BYTES ((size_t)64 * 1024 * 1024)

struct http_whole {
    char *key;                          /* NULL: none */
    char etag[AKS_TARGET_ETAG_BYTES];   /* as it was asked for */
    struct aks_buf body;
};

/* What is known of the server's tus. */
struct http_tus_server {
    bool known;
    bool offered;
    struct aks_tus_server says;         /* where it is offered */
};

struct http_target {
    struct aks_target base;             /* first */
    struct aks_target_options options;
    const struct aks_port *port;
    const char *ca_file;                /* or NULL: the system's */
    struct http_token *token;           /* NULL: none, or not looked for yet */
    char identity[AKS_SHA256_HEX_BYTES];    /* what is remembered is kept under it */
    struct http_tus_server tus;
    bool no_range;                      /* the server gives whole objects only */
    struct http_whole whole;
    struct http_call *calls;            /* AKS_TARGET_HTTP_CALLS_MAX */
};

/* One operation. A try is one request after another, each of which says in its answered what
 * comes next, until aks_target_http_call_tried. Or it is a job on a worker. */
struct http_call {
    struct http_target *target;
    struct http_object *object;         /* or NULL */
    struct aks_attempt attempt;
    void (*start)(struct http_call *call);
    aks_done *done;
    void *ctx;
    bool busy;
    /* What is under way. */
    struct aks_timer deadline;
    struct aks_target_work *work;
    struct aks_http_call *request;
    struct aks_http_request spec;
    struct aks_http_header headers[AKS_TARGET_HTTP_HEADERS_MAX];
    http_answered *answered;
    struct http_token *token;           /* that the last request went with, or NULL */
    bool renewed;                       /* the target's was looked for once more */
    struct aks_outcome refused;         /* why */
    unsigned unknown;                   /* PUTs that were begun and not refused */
    char digest[AKS_TARGET_HTTP_DIGEST_BYTES];
    char *url;                          /* owned, as long as the call is busy */
    /* What it is about; borrowed until done. */
    const char *key;
    const char *content_type;
    struct aks_body body;
    uint8_t sha256[AKS_SHA256_BYTES];   /* of body */
    bool create_only;
    const char *content;                /* of put */
    struct aks_buf *ret_data;
    struct aks_part part;
    struct aks_target_stat *ret_stat;
    char etag[AKS_TARGET_ETAG_BYTES];
    char range[64];                     /* a header's value */
    int64_t offset;
    size_t range_len;
    char *ret_bytes;
};

/* An object on its way by tus. */
struct http_tus {
    char *location;                     /* the upload's address, owned; NULL: there is none */
    char *metadata;                     /* of its creation, owned */
    int64_t offset;                     /* the bytes that the server has, */
    bool sure;                          /* if it has said so since the last thing that failed */
    int64_t reached;                    /* from here on no byte was ever sent */
    unsigned setbacks;
    bool doomed;                        /* it is of no use, and is given back */
    /* Of an upload that an earlier process has begun: what it was begun for. */
    bool reopened;
    int64_t bytes;
    uint8_t sha256[AKS_SHA256_BYTES];
    aks_done *done;
    void *ctx;
};

struct http_object {
    struct aks_target_object base;      /* first */
    struct http_target *target;
    char *key;
    char *content_type;
    char *source;
    int64_t piece_bytes;                /* of one PATCH */
    const struct aks_object_journal *journal;   /* the caller's, or NULL */
    struct aks_target_file *scratch;    /* has no name any more; or NULL */
    struct aks_body content;            /* from finish on: all of it */
    uint8_t sha256[AKS_SHA256_BYTES];   /* of content */
    bool left;                          /* what failed may have got through, or is not given back */
    struct http_tus tus;
    struct http_call parts[AKS_TARGET_HTTP_PARTS_MAX];
    struct http_call closing;           /* finish or abort */
};

/* target_http_call.c */

/** A place for one more operation. */
struct http_call *aks_target_http_call_new(struct http_target *target);
/** Zeroes ${call} but for what it belongs to. */
void aks_target_http_call_init(struct http_call *call, struct http_target *target,
    struct http_object *object);
/** Begins the tries: each one calls ${start}, and ends with aks_target_http_call_tried. */
void aks_target_http_call_begin(struct http_call *call, void (*start)(struct http_call *call),
    const char *operation, const char *source, aks_done *done, void *ctx);
/** The try under way has ended with ${outcome}. */
void aks_target_http_call_tried(struct http_call *call, const struct aks_outcome *outcome);
/** The same, with ${err} as the outcome; AKS_OK is success. */
void aks_target_http_call_ended(struct http_call *call, const struct aks_error *err);
/** Ends it without done. Fine if it is not under way. */
void aks_target_http_call_cancel(struct http_call *call);
/** Sends call->spec (method, headers, body and times as the caller has set them) to the key's
 * address. */
void aks_target_http_request(struct http_call *call, const char *method, http_answered *answered);
/** The same, without a try that it ends: what it fails with is returned. */
enum aks_status aks_target_http_submit(struct http_call *call, const char *method,
    http_answered *answered, struct aks_error *err);
/** Asks with HEAD what arrived under the key: an answer that contradicts ends the try in failure,
 * any other in success. */
void aks_target_http_look(struct http_call *call);
/** call->spec with the usual times and nothing else. */
void aks_target_http_plain(struct http_call *call);
/** PUT of call->body, then a look at what arrived. The end of a try. */
void aks_target_http_store(struct http_call *call);
/** What ${reply} means, with "PUT of KEY to NAME" before the words. */
void aks_target_http_judge(const struct http_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *ret_outcome);

/* target_http_read.c */

void aks_target_http_stat(struct aks_target *target, const char *key,
    struct aks_target_stat *ret_stat, aks_done *done, void *ctx);
void aks_target_http_get_range(struct aks_target *target, const char *key, const char *etag,
    int64_t offset, void *data, size_t len, aks_done *done, void *ctx);
void aks_target_http_remove(struct aks_target *target, const char *key, aks_done *done, void *ctx);
/** Gives its memory back. */
void aks_target_http_whole_forget(struct http_target *target);

/* target_http_token.c */

/** Begins a try: call->start, once there is a token if the target wants one. */
void aks_target_http_token_start(struct http_call *call);
/** The server does not know the token that the request went with: looks for it once in the life of
 * ${call}, and then lets the attempt know, with the outcome corrected if there is another one.
 * False if there is nothing to be done. */
bool aks_target_http_token_renew(struct http_call *call, const struct aks_outcome *outcome);
/** One more user; NULL is fine. */
struct http_token *aks_target_http_token_use(struct http_token *token);
/** One less; without any it is wiped. NULL is fine. */
void aks_target_http_token_drop(const struct aks_alloc *alloc, struct http_token *token);

/* target_http_tus.c */

/** Is the object one that goes by tus, as far as is known? */
bool aks_target_http_tus_wanted(const struct http_object *object);
/** Takes up what an earlier process told as its token; a text that is none is passed over. */
void aks_target_http_tus_reopen(struct http_object *object, const char *token);
/** Sends object->content; at last by PUT, where tus leads nowhere. */
void aks_target_http_tus_begin(struct http_object *object, aks_done *done, void *ctx);
/** Gives the upload back, as far as the server lets it; object->left says whether it may be there
 * still. There is one. */
void aks_target_http_tus_abort(struct http_object *object, aks_done *done, void *ctx);
/** Frees what it holds. */
void aks_target_http_tus_fini(struct http_object *object);

/* target_http_object.c */

/** object->closing, about the whole object. */
void aks_target_http_closing(struct http_object *object);

enum aks_status aks_target_http_open(struct aks_target *target, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err);
void aks_target_http_send(struct aks_target_object *object, const struct aks_part *part,
    aks_done *done, void *ctx);
void aks_target_http_finish(struct aks_target_object *object,
    const struct aks_object_digest *digest, aks_done *done, void *ctx);
void aks_target_http_abort(struct aks_target_object *object, aks_done *done, void *ctx);
void aks_target_http_object_free(struct aks_target_object *object);

#endif
