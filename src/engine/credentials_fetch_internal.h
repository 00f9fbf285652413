/* A fetch from inside: one request, or one program, at a time.
 *
 * credentials_fetch.c      from one step of the plan to the next; requests and their repetition
 * credentials_process.c    a program that tells keys
 * credentials_sts.c        STS: a role for a token, a role for other credentials
 * credentials_container.c  ECS's and EKS's endpoint
 * credentials_instance.c   EC2's metadata, version 2
 * credentials_answer.c     what all of them answer */
#ifndef AKS_ENGINE_CREDENTIALS_FETCH_INTERNAL_H
#define AKS_ENGINE_CREDENTIALS_FETCH_INTERNAL_H

#include "data/digest.h"
#include "engine/attempt.h"
#include "engine/credentials_answer.h"
#include "engine/credentials_fetch.h"
#include "engine/target_work.h"
#include "port/http.h"

#define AKS_CREDENTIALS_HEADERS_MAX 6
#define AKS_CREDENTIALS_ROLE_NAME_BYTES 129     /* IAM's limit is 64; some clouds put a path here */

typedef void aks_credentials_replied(struct aks_credentials_fetch *fetch,
    const struct aks_http_reply *reply);

struct aks_credentials_fetch {
    struct aks_credentials_fetch_options options;
    struct aks_credentials_plan plan;
    aks_credentials_fetched *done;
    void *ctx;
    struct aks_secret_wipe wipe;
    struct aks_credentials *have;       /* so far; NULL: nothing */
    size_t role;                        /* the next of the plan's roles */
    struct aks_timer timer;
    void (*again)(struct aks_credentials_fetch *fetch);    /* what the timer begins */
    unsigned tries;                     /* of this kind of request */
    int64_t clock_offset_ms;            /* STS's clock less ours, once that was in the way */
    bool read_again;                    /* the token's file was, after STS refused it */
    struct aks_secret *token;           /* of the web identity, container or metadata; sent */
    char role_name[AKS_CREDENTIALS_ROLE_NAME_BYTES];        /* of the instance */
    struct aks_target_work *work;       /* a program; NULL: none */
    /* The request under way. */
    struct aks_http_call *call;         /* NULL: none */
    struct aks_http_request request;
    struct aks_http_header headers[AKS_CREDENTIALS_HEADERS_MAX];
    size_t header_count;
    struct aks_buf url;
    struct aks_buf form;                /* the body; wiped */
    struct aks_buf authorization;       /* wiped */
    struct aks_body body;
    char date[17];
    char hash[AKS_SHA256_HEX_BYTES];
    aks_credentials_replied *replied;
};

/** Ends it. */
void aks_credentials_fetch_fail(struct aks_credentials_fetch *fetch, const struct aks_error *err);
/** These are what the step came to: takes them, and goes on. */
void aks_credentials_fetch_got(struct aks_credentials_fetch *fetch,
    struct aks_credentials *credentials);
/** Makes them out of ${answer}; ${reply} (or NULL) tells what time it is there. */
enum aks_status aks_credentials_fetch_make(struct aks_credentials_fetch *fetch,
    const struct aks_credentials_answer *answer, const char *where,
    const struct aks_http_reply *reply, struct aks_credentials **ret_credentials,
    struct aks_error *err);
/** Empties what a request is built of. */
void aks_credentials_fetch_clear(struct aks_credentials_fetch *fetch);
/** ${value} is borrowed until the reply. */
void aks_credentials_fetch_header(struct aks_credentials_fetch *fetch, const char *name,
    const char *value);
/** Sends fetch->form (if that is not empty) to fetch->url, with the headers that were added. A
 * request that cannot be sent fails the fetch. */
void aks_credentials_fetch_ask(struct aks_credentials_fetch *fetch, const char *method,
    int64_t connect_ms, int64_t answer_ms, aks_credentials_replied *replied);
/** Begins ${again} later, unless there were ${tries_max} already; false: then nothing was begun. */
bool aks_credentials_fetch_again(struct aks_credentials_fetch *fetch, unsigned tries_max,
    int64_t delay_ms, void (*again)(struct aks_credentials_fetch *fetch));
/** What a reply that is no success means, by its transport or its status; never AKS_OK. */
void aks_credentials_fetch_refusal(const struct aks_credentials_fetch *fetch,
    const struct aks_http_reply *reply, const char *what, struct aks_error *err);
/** Somebody else's words that repeat what was sent are taken out of ${err}. */
void aks_credentials_fetch_withhold(const struct aks_credentials_fetch *fetch, const char *what,
    struct aks_error *err);
/** Puts ${secret} in the place of the token that is there. */
void aks_credentials_fetch_token(struct aks_credentials_fetch *fetch, struct aks_secret *secret);
/** A token of the file at ${path}, without the line ends behind it. AKS_AUTH_MISSING,
 * AKS_FORBIDDEN (others can write it), AKS_SETTINGS (a line end or another control character is
 * in it). It may be readable by others: whoever puts it there, Kubernetes above all, decides
 * that. */
enum aks_status aks_credentials_fetch_token_file(struct aks_credentials_fetch *fetch,
    const char *path, struct aks_error *err);
/** The same of a text. */
enum aks_status aks_credentials_fetch_token_text(struct aks_credentials_fetch *fetch,
    const char *text, size_t len, const char *where, struct aks_error *err);

/* How each step begins; it ends with got or fail, now or later. */
void aks_credentials_process_begin(struct aks_credentials_fetch *fetch);
void aks_credentials_sts_web(struct aks_credentials_fetch *fetch);
void aks_credentials_sts_role(struct aks_credentials_fetch *fetch);
void aks_credentials_container_begin(struct aks_credentials_fetch *fetch);
void aks_credentials_instance_begin(struct aks_credentials_fetch *fetch);

#endif
