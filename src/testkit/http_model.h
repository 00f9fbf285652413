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

struct aks_http_model_options {
    const char *path;                   /* "/upload", "" */
    const char *token;                  /* that must come as Bearer; NULL: none is asked for */
    bool checks_digest;                 /* verifies Content-Digest (RFC 9530): 400 where it lies */
    bool conditional;                   /* honours If-None-Match: *; nginx does not */
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
/** Somebody else's hand. AKS_NOT_FOUND from remove. */
enum aks_status aks_http_model_put(struct aks_http_model *model, const char *key, const void *data,
    size_t len, struct aks_error *err);
enum aks_status aks_http_model_remove(struct aks_http_model *model, const char *key,
    struct aks_error *err);

#endif
