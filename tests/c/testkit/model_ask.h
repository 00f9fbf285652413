/* Asking the S3 model as a client does: each request is signed. */
#ifndef AKS_TESTS_MODEL_ASK_H
#define AKS_TESTS_MODEL_ASK_H

#include "testkit/s3_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MODEL_ASK_BUCKET "bkt"
#define MODEL_ASK_REGION "eu-north-1"
#define MODEL_ASK_PART 1000                 /* part_bytes_min */
#define MODEL_ASK_MS INT64_C(1795646867000) /* 2026-11-25T22:47:47Z */

struct model_ask {
    struct aks_s3_model_options options;    /* of the model, to be changed before it is made */
    struct aks_s3_model *model;
    /* Of the client. */
    int64_t wall_ms;                /* of the server, too */
    int64_t skew_ms;                /* how far the client is ahead */
    bool http;                      /* without TLS */
    const char *host;
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    const char *region;
    const char *payload_hash;       /* instead of the right one; "" sends none */
    const char *unsigned_name;      /* a header behind the signature's back, or NULL */
    struct aks_sim_reply reply;     /* the last one */
    char text[4096];                /* what model_ask_text found */
};

/** A client and a model that suit each other, which is not made yet. */
void model_ask_init(struct model_ask *ask, enum aks_s3_profile profile);
/** Makes it if there is none yet, which model_ask does by itself. */
void model_ask_begin(struct model_ask *ask);
void model_ask_fini(struct model_ask *ask);
/** Returns the status. ${path} and ${query} are decoded; ${query} is "name=value&name" or "".
 * ${headers} is "Name: value\nName: value" or "". ${body} is text, or NULL: none. */
int model_ask(struct model_ask *ask, const char *method, const char *path, const char *query,
    const char *headers, const char *body);
int model_ask_bytes(struct model_ask *ask, const char *method, const char *path,
    const char *query, const char *headers, const void *body, size_t len);
/** The text of the first element of that name in the last reply; "" if there is none. Valid until
 * the next call. */
const char *model_ask_text(struct model_ask *ask, const char *element);
/** How many there are. */
unsigned model_ask_count(const struct model_ask *ask, const char *element);
/** "" if there is none. */
const char *model_ask_header(const struct model_ask *ask, const char *name);

/** Fails the test unless the last reply has that status and code ("" for none). */
#define model_ask_is(ask, want_status, want_code) do { \
        assert_string_equal(model_ask_text(ask, "Code"), want_code); \
        assert_int_equal((ask)->reply.status, want_status); \
    } while (0)

#endif
