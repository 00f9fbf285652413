/* Shared by http_model.c (files) and http_model_tus.c (uploads in pieces). */
#ifndef AKS_TESTKIT_HTTP_MODEL_INTERNAL_H
#define AKS_TESTKIT_HTTP_MODEL_INTERNAL_H

#include "testkit/http_model.h"
#include "testkit/model_set.h"

#define HTTP_MODEL_CONTENT_TYPE_BYTES 256
#define HTTP_MODEL_KEY_BYTES 4096

struct http_file {
    const char *key;                    /* first: the set's */
    void *data;
    size_t len;
    int64_t stored_at_ms;
    char content_type[HTTP_MODEL_CONTENT_TYPE_BYTES];
};

struct aks_http_model {
    const struct aks_alloc *alloc;
    struct aks_http_model_options options;      /* its texts are ours */
    struct aks_model_set files;
    struct aks_model_set uploads;
    unsigned uploads_made;
};

/* One request on its way. */
struct http_model_call {
    struct aks_http_model *model;
    const struct aks_sim_request *request;
    struct aks_sim_reply *reply;
    int64_t wall_ms;
    char key[HTTP_MODEL_KEY_BYTES];     /* below the path; "" for the path itself */
};

void aks_http_model_answer(struct http_model_call *call, int status, const char *words);
/** Puts a file where there may be one. NULL without memory. */
struct http_file *aks_http_model_keep(struct aks_http_model *model, const char *key,
    const void *data, size_t len);

/* http_model_tus.c */

/** Answers what is tus; false if the request is none. */
bool aks_http_model_tus(struct http_model_call *call);

#endif
