/* An HTTP server that keeps what is put, after nginx 1.22 with http_dav_module, which was asked.
 * Unlike it, OPTIONS says what there is, and a folder goes with its last file. */
#include "testkit/http_model.h"

#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "testkit/http_model_internal.h"
#include "testkit/model_text.h"

#include <stdio.h>
#include <string.h>

#define FILES_MAX 1000000
#define DIGEST "sha-256=:"
#define BEARER "Bearer "

enum aks_status
aks_http_model_new(const struct aks_alloc *alloc, const struct aks_http_model_options *options,
    struct aks_http_model **ret_model, struct aks_error *err)
{
    struct aks_http_model *model = aks_mem_new(alloc, sizeof(*model));

    AKS_CHECK(options->path != NULL && (options->path[0] == '/' || options->path[0] == '\0'));
    *ret_model = NULL;
    if (model == NULL)
        return aks_error_memory(err, "making a model of an HTTP server");
    model->alloc = alloc;
    aks_model_set_init(&model->files, alloc);
    aks_model_set_init(&model->uploads, alloc);
    model->options = *options;
    model->options.path = aks_mem_strdup(alloc, options->path);
    model->options.token = aks_mem_strdup(alloc, options->token);
    if (model->options.path == NULL || (options->token != NULL && model->options.token == NULL)) {
        aks_http_model_free(model);
        return aks_error_memory(err, "making a model of an HTTP server");
    }
    *ret_model = model;
    return AKS_OK;
}

static void
free_file(void *ctx, void *item)
{
    const struct aks_http_model *model = ctx;
    struct http_file *file = item;

    aks_mem_free(model->alloc, (void *)(uintptr_t)file->key);
    aks_mem_free(model->alloc, file->data);
    aks_mem_free(model->alloc, file);
}

void
aks_http_model_free(struct aks_http_model *model)
{
    if (model == NULL)
        return;
    aks_http_model_expire(model);
    aks_model_set_fini(&model->uploads, NULL, NULL);
    aks_model_set_fini(&model->files, free_file, model);
    aks_mem_free(model->alloc, (void *)(uintptr_t)model->options.path);
    aks_mem_free(model->alloc, (void *)(uintptr_t)model->options.token);
    aks_mem_free(model->alloc, model);
}

struct http_file *
aks_http_model_keep(struct aks_http_model *model, const char *key, const void *data, size_t len)
{
    struct http_file *file = aks_mem_new(model->alloc, sizeof(*file));
    struct http_file *before;

    if (file == NULL)
        return NULL;
    file->key = aks_mem_strdup(model->alloc, key);
    file->data = aks_mem_resize(model->alloc, NULL, len + 1);
    if (file->key == NULL || file->data == NULL || model->files.count >= FILES_MAX ||
        !aks_model_set_reserve(&model->files)) {
        free_file(model, file);
        return NULL;
    }
    if (len > 0)
        memcpy(file->data, data, len);
    file->len = len;
    before = aks_model_set_take(&model->files, key);
    if (before != NULL)
        free_file(model, before);
    aks_model_set_add(&model->files, file);
    return file;
}

void
aks_http_model_answer(struct http_model_call *call, int status, const char *words)
{
    call->reply->status = status;
    if (strcmp(call->request->method, "HEAD") == 0)
        return;
    aks_buf_reset(&call->reply->body);
    aks_buf_printf(&call->reply->body, "<html>\r\n<head><title>%d %s</title></head>\r\n</html>\r\n",
        status, words);
    aks_sim_reply_header(call->reply, "Content-Type", "text/html");
}

/* The place below the path; false if it has answered. */
static bool
find_key(struct http_model_call *call)
{
    const char *base = call->model->options.path;
    const char *path = call->request->path;
    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/')
        len--;
    if (strncmp(path, base, len) != 0 || (path[len] != '/' && path[len] != '\0')) {
        aks_http_model_answer(call, 404, "Not Found");
        return false;
    }
    path += len;
    path += *path == '/';
    if (strlen(path) >= sizeof(call->key)) {
        aks_http_model_answer(call, 414, "Request-URI Too Large");
        return false;
    }
    if (!aks_model_text_percent_decode(path, strlen(path), call->key)) {
        aks_http_model_answer(call, 400, "Bad Request");
        return false;
    }
    return true;
}

static bool
may_ask(struct http_model_call *call)
{
    const char *given = aks_sim_request_header(call->request, "authorization");
    const char *token = call->model->options.token;

    if (token == NULL || (given != NULL && strncmp(given, BEARER, strlen(BEARER)) == 0 &&
            strcmp(given + strlen(BEARER), token) == 0))
        return true;
    aks_sim_reply_header(call->reply, "WWW-Authenticate", "Bearer");
    aks_http_model_answer(call, 401, "Authorization Required");
    return false;
}

/* Is anything kept below ${key}? */
static bool
is_folder(const struct aks_http_model *model, const char *key)
{
    char folder[HTTP_MODEL_KEY_BYTES + 1];
    size_t len = strlen(key);
    size_t at;

    (void)snprintf(folder, sizeof(folder), "%s%s", key,
        len > 0 && key[len - 1] == '/' ? "" : "/");
    if (len == 0)
        return true;
    at = aks_model_set_from(&model->files, folder);
    return at < model->files.count &&
        strncmp(((const struct http_file *)model->files.items[at])->key, folder,
            strlen(folder)) == 0;
}

/* Is a file where a folder is needed? */
static bool
is_below_a_file(const struct aks_http_model *model, const char *key)
{
    char folder[HTTP_MODEL_KEY_BYTES];

    (void)snprintf(folder, sizeof(folder), "%s", key);
    for (char *slash = strrchr(folder, '/'); slash != NULL; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if (aks_model_set_find(&model->files, folder) != NULL)
            return true;
    }
    return false;
}

/* Content-Digest (RFC 9530): what it says in SHA-256 is true, or it says nothing in it. */
static bool
digest_holds(const struct http_model_call *call)
{
    const char *text = aks_sim_request_header(call->request, "content-digest");
    const char *at = text != NULL ? strstr(text, DIGEST) : NULL;
    char base64[AKS_BASE64_BYTES(AKS_SHA256_BYTES)] = "";
    uint8_t claimed[AKS_SHA256_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    if (at == NULL)
        return text == NULL || strchr(text, '=') != NULL;
    at += strlen(DIGEST);
    if (strcspn(at, ":") != sizeof(base64) - 1)
        return false;
    memcpy(base64, at, sizeof(base64) - 1);
    if (at[sizeof(base64) - 1] != ':' ||
        !aks_model_text_base64_decode(base64, claimed, sizeof(claimed)))
        return false;
    aks_sha256(call->request->body, call->request->body_len, digest);
    return memcmp(digest, claimed, sizeof(digest)) == 0;
}

static bool
may_put(struct http_model_call *call, bool there)
{
    const char *condition = aks_sim_request_header(call->request, "if-none-match");
    size_t len = strlen(call->key);

    if (len == 0 || call->key[len - 1] == '/' || is_folder(call->model, call->key)) {
        aks_http_model_answer(call, 409, "Conflict");
        return false;
    }
    if (is_below_a_file(call->model, call->key)) {
        aks_http_model_answer(call, 500, "Internal Server Error");
        return false;
    }
    if (call->model->options.checks_digest && !digest_holds(call)) {
        aks_http_model_answer(call, 400, "Bad Request");
        return false;
    }
    if (call->model->options.conditional && there && condition != NULL &&
        strcmp(condition, "*") == 0) {
        aks_http_model_answer(call, 412, "Precondition Failed");
        return false;
    }
    return true;
}

static void
put(struct http_model_call *call)
{
    const struct aks_sim_request *request = call->request;
    const char *content_type = aks_sim_request_header(request, "content-type");
    bool there = aks_model_set_find(&call->model->files, call->key) != NULL;
    struct http_file *file;

    if (!may_put(call, there))
        return;
    file = aks_http_model_keep(call->model, call->key, request->body, request->body_len);
    if (file == NULL) {
        aks_http_model_answer(call, 500, "Internal Server Error");
        return;
    }
    file->stored_at_ms = call->wall_ms;
    (void)snprintf(file->content_type, sizeof(file->content_type), "%s",
        content_type != NULL ? content_type : "application/octet-stream");
    call->reply->status = there ? 204 : 201;
}

static void
tell_file(struct http_model_call *call, const struct http_file *file, size_t first, size_t len)
{
    char date[AKS_MODEL_DATE_BYTES];

    aks_sim_reply_header(call->reply, "Content-Type", "%s", file->content_type);
    aks_sim_reply_header(call->reply, "Content-Length", "%zu", len);
    aks_sim_reply_header(call->reply, "Last-Modified", "%s",
        aks_model_text_http_date(file->stored_at_ms, date));
    aks_sim_reply_header(call->reply, "ETag", "\"%llx-%zx\"",
        (unsigned long long)(file->stored_at_ms / 1000), file->len);
    aks_sim_reply_header(call->reply, "Accept-Ranges", "bytes");
    if (strcmp(call->request->method, "GET") == 0)
        aks_buf_append(&call->reply->body, (const char *)file->data + first, len);
}

/* GET and HEAD. */
static void
get(struct http_model_call *call)
{
    const struct http_file *file = aks_model_set_find(&call->model->files, call->key);
    size_t first;
    size_t len;
    enum aks_model_range range;

    if (!call->model->options.reads_back) {
        aks_http_model_answer(call, 405, "Not Allowed");
        return;
    }
    if (file == NULL) {
        if (is_folder(call->model, call->key))
            aks_http_model_answer(call, 403, "Forbidden");
        else
            aks_http_model_answer(call, 404, "Not Found");
        return;
    }
    range = aks_model_text_range(aks_sim_request_header(call->request, "range"), file->len, &first,
        &len);
    if (range == AKS_MODEL_RANGE_OUTSIDE) {
        aks_sim_reply_header(call->reply, "Content-Range", "bytes */%zu", file->len);
        aks_http_model_answer(call, 416, "Requested Range Not Satisfiable");
        return;
    }
    if (range == AKS_MODEL_RANGE_PART)
        aks_sim_reply_header(call->reply, "Content-Range", "bytes %zu-%zu/%zu", first,
            first + len - 1, file->len);
    call->reply->status = range == AKS_MODEL_RANGE_PART ? 206 : 200;
    tell_file(call, file, first, len);
}

static void
serve(struct http_model_call *call)
{
    const char *method = call->request->method;

    if (!may_ask(call) || !find_key(call))
        return;
    if (aks_http_model_tus(call))
        return;
    if (call->request->partial)
        return;
    if (strcmp(method, "PUT") == 0) {
        put(call);
    } else if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        get(call);
    } else if (strcmp(method, "DELETE") == 0) {
        if (aks_http_model_remove(call->model, call->key, NULL) == AKS_OK)
            call->reply->status = 204;
        else
            aks_http_model_answer(call, 404, "Not Found");
    } else if (strcmp(method, "OPTIONS") == 0) {
        aks_sim_reply_header(call->reply, "Allow", "%s", call->model->options.reads_back
            ? "GET, HEAD, PUT, DELETE, OPTIONS" : "PUT, DELETE, OPTIONS");
        call->reply->status = 204;
    } else {
        aks_http_model_answer(call, 405, "Not Allowed");
    }
}

static void
finish(struct http_model_call *call)
{
    struct aks_sim_reply *reply = call->reply;
    char date[AKS_MODEL_DATE_BYTES];
    bool told = false;

    if (reply->body.failed != AKS_OK) {
        aks_buf_reset(&reply->body);
        reply->header_count = 0;
        reply->status = 500;
    }
    for (size_t i = 0; i < reply->header_count; i++)
        told = told || strcmp(reply->headers[i].name, "Content-Length") == 0;
    if (!told && reply->status != 204)
        aks_sim_reply_header(reply, "Content-Length", "%zu", reply->body.len);
    aks_sim_reply_header(reply, "Server", "nginx");
    aks_sim_reply_header(reply, "Date", "%s", aks_model_text_http_date(call->wall_ms, date));
}

void
aks_http_model_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct http_model_call call = { .model = ctx, .request = request, .reply = reply,
        .wall_ms = wall_ms };

    serve(&call);
    finish(&call);
}

const void *
aks_http_model_object(struct aks_http_model *model, const char *key, size_t *ret_len)
{
    const struct http_file *file = aks_model_set_find(&model->files, key);

    *ret_len = file != NULL ? file->len : 0;
    return file != NULL ? file->data : NULL;
}

void
aks_http_model_each(struct aks_http_model *model,
    void (*each)(void *ctx, const char *key, const void *data, size_t len), void *ctx)
{
    for (size_t i = 0; i < model->files.count; i++) {
        const struct http_file *file = model->files.items[i];

        each(ctx, file->key, file->data, file->len);
    }
}

enum aks_status
aks_http_model_put(struct aks_http_model *model, const char *key, const void *data, size_t len,
    struct aks_error *err)
{
    struct http_file *file = aks_http_model_keep(model, key, data, len);

    if (file == NULL)
        return aks_error_memory(err, "putting a file into a model of an HTTP server");
    (void)snprintf(file->content_type, sizeof(file->content_type), "application/octet-stream");
    return AKS_OK;
}

enum aks_status
aks_http_model_remove(struct aks_http_model *model, const char *key, struct aks_error *err)
{
    struct http_file *file = aks_model_set_take(&model->files, key);

    if (file == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "the model of an HTTP server has no %s", key);
    free_file(model, file);
    return AKS_OK;
}
