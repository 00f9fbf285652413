/* Shared by target_akosha.c (class, probe), target_akosha_session.c (a session: beginning it,
 * leaving it), target_akosha_push.c (a batch of memories) and target_akosha_call.c (one operation:
 * its tries, each of them one or more requests, and what is read of their answers). */
#ifndef AKS_ENGINE_TARGET_AKOSHA_INTERNAL_H
#define AKS_ENGINE_TARGET_AKOSHA_INTERNAL_H

#include "base/secret.h"
#include "base/units.h"
#include "engine/target.h"
#include "engine/target_work.h"
#include "wire/jsonrpc.h"
#include "wire/sse.h"

#define AKS_AKOSHA_CONNECT_MS (10 * AKS_MS_PER_S)
/* Until the first byte of an answer, and from byte to byte of a stream: pings count for nothing, so
 * a batch has to be stored within that. 500 memories take Akosha half a minute on an idle machine
 * (70 ms each, measured with DuckDB's Python module, which binds a list so slowly). */
#define AKS_AKOSHA_ANSWER_MS (300 * AKS_MS_PER_S)
#define AKS_AKOSHA_STALL_MS (300 * AKS_MS_PER_S)
/* An answer tells of 500 memories at most, each with an error of a few hundred bytes, twice over:
 * as text and structured. */
#define AKS_AKOSHA_REPLY_BYTES_MAX (AKS_JSONRPC_BYTES_MAX + 64 * 1024)
#define AKS_AKOSHA_HEADERS_MAX 6
/* Of a session's name: visible ASCII. */
#define AKS_AKOSHA_SESSION_BYTES 256
/* What a probe's answer says is for nobody. */
#define AKS_AKOSHA_HEALTH_BYTES_MAX (64 * 1024)

#define AKS_AKOSHA_TOOL "batch_store_memories"

struct akosha_target;
struct akosha_call;

/* What came of a request: the reply, and of one that has an id its answer, where ${outcome} is
 * AKS_OK. */
typedef void akosha_answered(struct akosha_call *call, const struct aks_http_reply *reply,
    struct aks_outcome *outcome);

/* One operation; a target has one at a time. */
struct akosha_call {
    struct akosha_target *target;
    struct aks_attempt attempt;
    void (*start)(struct akosha_call *call);
    aks_done *done;
    void *ctx;
    bool busy;
    bool attempts;                      /* its tries are the attempt's; else there is one try */
    /* What is under way. */
    struct aks_timer deadline;
    struct aks_target_work *work;
    struct aks_http_call *request;
    struct aks_http_request spec;
    struct aks_http_header headers[AKS_AKOSHA_HEADERS_MAX];
    akosha_answered *answered;
    const char *what;                   /* "initialize", for messages */
    int64_t id;                         /* of the request; 0: it has none */
    struct aks_body body;
    struct aks_buf text;                /* the body, or what stands in front of the items */
    struct aks_sse sse;
    bool found;                         /* the answer has come in the stream */
    struct aks_error stream_error;      /* why there can be none in it; */
    struct aks_error event_error;       /* why one of its events was none */
    struct aks_jsonrpc_answer answer;
    void (*then)(struct akosha_call *call);     /* once there is a session */
    int64_t leave_ms;
    bool restarted;                     /* the session was begun anew in this operation */
    bool renewed;                       /* the token was looked for once more */
    struct aks_outcome refused;         /* why */
    /* Of a push; borrowed until done. */
    const struct aks_rows_batch *batch;
    struct aks_rows_result *ret_result;
};

struct akosha_target {
    struct aks_target base;             /* first */
    struct aks_target_options options;
    const struct aks_port *port;
    const char *ca_file;                /* or NULL: the system's */
    char *health;                       /* address of the probe, owned */
    struct aks_secret *token;           /* NULL: none, or not looked for yet */
    bool ready;                         /* there is a session, */
    char session[AKS_AKOSHA_SESSION_BYTES];     /* of this name; "": the server wants none */
    char protocol[AKS_JSONRPC_PROTOCOL_BYTES];
    int64_t last_id;
    struct akosha_call call;
};

/* target_akosha_call.c */

/** The target's call, cleared, for the next operation. */
struct akosha_call *aks_akosha_call_new(struct aks_target *target);
/** Begins the tries: each calls ${start} once there is a token if one is wanted, and ends with
 * aks_akosha_call_tried. */
void aks_akosha_call_begin(struct akosha_call *call, void (*start)(struct akosha_call *call),
    const char *operation, const char *source, aks_done *done, void *ctx);
/** One try, of which nobody is asked. ${start} is called in a later turn. */
void aks_akosha_call_once(struct akosha_call *call, void (*start)(struct akosha_call *call),
    aks_done *done, void *ctx);
void aks_akosha_call_tried(struct akosha_call *call, const struct aks_outcome *outcome);
/** The same, with ${err} as the outcome; AKS_OK is success. */
void aks_akosha_call_ended(struct akosha_call *call, const struct aks_error *err);
/** Does ${words} of the server repeat the token? */
bool aks_akosha_repeats(const struct akosha_call *call, const char *words);
/** Ends it without done. Fine if it is not under way. */
void aks_akosha_call_cancel(struct akosha_call *call);
/** call->spec and its headers with the usual times, for the endpoint. */
void aks_akosha_plain(struct akosha_call *call);
void aks_akosha_header(struct akosha_call *call, const char *name, const char *value);
/** POST of call->body, a message of JSON-RPC; ${id} 0: a notification. */
void aks_akosha_post(struct akosha_call *call, const char *what, int64_t id,
    akosha_answered *answered);
/** Sends call->spec. A failure to do so ends the try. */
void aks_akosha_request(struct akosha_call *call, const char *method, const char *what,
    akosha_answered *answered);
/** call->body is call->text. */
void aks_akosha_body(struct akosha_call *call);
/** ${err} with "initialize of NAME" in front, as an outcome. */
void aks_akosha_failed(const struct akosha_call *call, struct aks_error *err,
    struct aks_outcome *ret_outcome);

/* target_akosha_session.c */

/** Begins a session if there is none, then calls ${then}. */
void aks_akosha_session(struct akosha_call *call, void (*then)(struct akosha_call *call));
void aks_akosha_leave(struct aks_target *target, int64_t deadline_ms, aks_done *done, void *ctx);

/* target_akosha_push.c */

void aks_akosha_push(struct aks_target *target, const struct aks_rows_batch *batch,
    struct aks_rows_result *ret_result, aks_done *done, void *ctx);

#endif
