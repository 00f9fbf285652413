/* A model of an HTTP server that takes PUT, as nginx's dav module or an upload service does: PUT,
 * GET, HEAD, DELETE, OPTIONS below a path. */
#ifndef AKS_TESTKIT_HTTP_MODEL_H
#define AKS_TESTKIT_HTTP_MODEL_H

#include "base/alloc.h"
#include "base/error.h"
#include "sim/network_sim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* tus 1.0.0 beside PUT, as tusd has it: creation and termination. */
enum aks_http_model_tus {
    AKS_HTTP_MODEL_TUS_NONE,
    AKS_HTTP_MODEL_TUS_KEY,             /* an upload's address is that of the file it becomes */
    AKS_HTTP_MODEL_TUS_ELSEWHERE,       /* it has one of its own, and becomes the file that
                                         * Upload-Metadata names */
    AKS_HTTP_MODEL_TUS_LOST             /* the same, but it becomes none */
};

struct aks_http_model_options {
    const char *path;                   /* "/upload", "" */
    const char *token;                  /* that must come as Bearer; NULL: none is asked for */
    bool checks_digest;                 /* verifies Content-Digest (RFC 9530): 400 where it lies */
    bool conditional;                   /* honours If-None-Match: *; nginx does not */
    enum aks_http_model_tus tus;
    bool checks_pieces;                 /* looks at Upload-Checksum in SHA-256 */
    bool reads_back;                    /* answers HEAD and GET; else 405 */
};

struct aks_http_model;

enum aks_status aks_http_model_new(const struct aks_alloc *alloc,
    const struct aks_http_model_options *options, struct aks_http_model **ret_model,
    struct aks_error *err);
void aks_http_model_free(struct aks_http_model *model);
/** An aks_sim_serve; ${ctx} is the model. */
void aks_http_model_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply);
/** The bytes below the path ("systems/..."), or NULL. Borrowed until the model serves again. */
const void *aks_http_model_object(struct aks_http_model *model, const char *key, size_t *ret_len);
/** In byte order of keys. */
void aks_http_model_each(struct aks_http_model *model,
    void (*each)(void *ctx, const char *key, const void *data, size_t len), void *ctx);
/** Uploads by tus that have begun and are not done. */
size_t aks_http_model_uploads(const struct aks_http_model *model);
/** Forgets them all, as a server does in the end. */
void aks_http_model_expire(struct aks_http_model *model);
/** Somebody else's hand. AKS_NOT_FOUND from remove. */
enum aks_status aks_http_model_put(struct aks_http_model *model, const char *key, const void *data,
    size_t len, struct aks_error *err);
enum aks_status aks_http_model_remove(struct aks_http_model *model, const char *key,
    struct aks_error *err);

#endif
