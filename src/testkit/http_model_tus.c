/* tus 1.0.0 in the model of an HTTP server, after tusd 2.9.1, which was asked. */
#include "base/encode.h"
#include "data/digest.h"
#include "testkit/http_model_internal.h"
#include "testkit/model_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION "1.0.0"
#define UPLOADS_MAX 10000
#define BYTES_MAX ((int64_t)1024 * 1024 * 1024)
#define CHECKSUM "sha256 "

struct upload {
    const char *key;                    /* first: its address below the path */
    char *name;                         /* of the file that it becomes */
    char *data;
    int64_t length;
    int64_t offset;
};

static void
free_upload(const struct aks_http_model *model, struct upload *upload)
{
    aks_mem_free(model->alloc, (void *)(uintptr_t)upload->key);
    aks_mem_free(model->alloc, upload->name);
    aks_mem_free(model->alloc, upload->data);
    aks_mem_free(model->alloc, upload);
}

/* The value of ${name} in Upload-Metadata, decoded; false if it is not there. */
static bool
metadata(const struct aks_sim_request *request, const char *name, char *ret_text, size_t bytes)
{
    const char *at = aks_sim_request_header(request, "upload-metadata");
    size_t name_len = strlen(name);

    while (at != NULL) {
        char base64[2048];
        size_t len = strcspn(at, ",");

        if (strncmp(at, name, name_len) == 0 && at[name_len] == ' ' &&
            len - name_len - 1 < sizeof(base64)) {
            size_t text_len;

            (void)snprintf(base64, sizeof(base64), "%.*s", (int)(len - name_len - 1),
                at + name_len + 1);
            text_len = strlen(base64) / 4 * 3;
            for (size_t i = strlen(base64); i > 0 && base64[i - 1] == '='; i--)
                text_len--;
            if (text_len >= bytes ||
                !aks_model_text_base64_decode(base64, (uint8_t *)ret_text, text_len))
                return false;
            ret_text[text_len] = '\0';
            return true;
        }
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    return false;
}

static struct upload *
new_upload(struct aks_http_model *model, const char *name, int64_t length)
{
    struct upload *upload = aks_mem_new(model->alloc, sizeof(*upload));
    struct upload *before;

    if (upload == NULL)
        return NULL;
    upload->key = model->options.tus == AKS_HTTP_MODEL_TUS_KEY
        ? aks_mem_strdup(model->alloc, name)
        : aks_mem_printf(model->alloc, ".uploads/%u", ++model->uploads_made);
    upload->name = aks_mem_strdup(model->alloc, name);
    upload->data = aks_mem_resize(model->alloc, NULL, (size_t)length + 1);
    upload->length = length;
    if (upload->key == NULL || upload->name == NULL || upload->data == NULL ||
        model->uploads.count >= UPLOADS_MAX || !aks_model_set_reserve(&model->uploads)) {
        free_upload(model, upload);
        return NULL;
    }
    before = aks_model_set_take(&model->uploads, upload->key);
    if (before != NULL)
        free_upload(model, before);
    aks_model_set_add(&model->uploads, upload);
    return upload;
}

static void
create(struct http_model_call *call)
{
    const char *text = aks_sim_request_header(call->request, "upload-length");
    struct aks_http_model *model = call->model;
    char name[HTTP_MODEL_KEY_BYTES];
    struct upload *upload;
    int64_t length;

    if (text == NULL || !aks_model_text_number(text, INT64_MAX, &length) ||
        !metadata(call->request, "filename", name, sizeof(name))) {
        aks_http_model_answer(call, 400, "Bad Request");
        return;
    }
    upload = length <= BYTES_MAX ? new_upload(model, name, length) : NULL;
    if (upload == NULL) {
        aks_http_model_answer(call, length <= BYTES_MAX ? 500 : 413, "No Upload");
        return;
    }
    call->reply->status = 201;
    aks_sim_reply_header(call->reply, "Location", "%s/%s", model->options.path, upload->key);
}

static void
tell_offset(struct http_model_call *call, const struct upload *upload, int status)
{
    call->reply->status = status;
    aks_sim_reply_header(call->reply, "Upload-Offset", "%" PRId64, upload->offset);
    if (status == 200) {
        aks_sim_reply_header(call->reply, "Upload-Length", "%" PRId64, upload->length);
        aks_sim_reply_header(call->reply, "Cache-Control", "no-store");
    }
}

/* Upload-Checksum is true, or there is none. */
static bool
checksum_holds(const struct http_model_call *call)
{
    const char *text = aks_sim_request_header(call->request, "upload-checksum");
    uint8_t claimed[AKS_SHA256_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    if (text == NULL || !call->model->options.checks_pieces)
        return true;
    aks_sha256(call->request->body, call->request->body_len, digest);
    return strncmp(text, CHECKSUM, strlen(CHECKSUM)) == 0 &&
        aks_model_text_base64_decode(text + strlen(CHECKSUM), claimed, sizeof(claimed)) &&
        memcmp(digest, claimed, sizeof(digest)) == 0;
}

/* What is whole becomes a file, and is no upload any more. */
static void
become_file(struct http_model_call *call, struct upload *upload)
{
    struct aks_http_model *model = call->model;
    struct http_file *file;

    if (upload->offset < upload->length)
        return;
    (void)aks_model_set_take(&model->uploads, upload->key);
    if (model->options.tus != AKS_HTTP_MODEL_TUS_LOST) {
        file = aks_http_model_keep(model, upload->name, upload->data, (size_t)upload->length);
        if (file != NULL) {
            file->stored_at_ms = call->wall_ms;
            (void)snprintf(file->content_type, sizeof(file->content_type), "%s",
                "application/octet-stream");
        }
    }
    free_upload(model, upload);
}

static void
patch(struct http_model_call *call, struct upload *upload)
{
    const struct aks_sim_request *request = call->request;
    const char *type = aks_sim_request_header(request, "content-type");
    const char *text = aks_sim_request_header(request, "upload-offset");
    int64_t offset;

    if (type == NULL || strcmp(type, "application/offset+octet-stream") != 0) {
        aks_http_model_answer(call, 415, "Unsupported Media Type");
    } else if (text == NULL || !aks_model_text_number(text, INT64_MAX, &offset) ||
        offset != upload->offset) {
        aks_http_model_answer(call, 409, "Conflict");
    } else if ((int64_t)request->body_len > upload->length - upload->offset) {
        aks_http_model_answer(call, 413, "Request Entity Too Large");
    } else if (!checksum_holds(call)) {
        aks_http_model_answer(call, 460, "Checksum Mismatch");
    } else {
        /* Of a piece that is checked, a part says nothing. */
        if (!(request->partial && call->model->options.checks_pieces)) {
            memcpy(upload->data + upload->offset, request->body, request->body_len);
            upload->offset += (int64_t)request->body_len;
        }
        tell_offset(call, upload, 204);
        become_file(call, upload);
    }
}

/* HEAD of what has become a file tells that nothing is missing. */
static void
tell_whole(struct http_model_call *call, const struct http_file *file)
{
    call->reply->status = 200;
    aks_sim_reply_header(call->reply, "Upload-Offset", "%zu", file->len);
    aks_sim_reply_header(call->reply, "Upload-Length", "%zu", file->len);
}

static void
options(struct http_model_call *call)
{
    call->reply->status = 204;
    aks_sim_reply_header(call->reply, "Tus-Version", VERSION);
    aks_sim_reply_header(call->reply, "Tus-Extension", "creation,termination%s",
        call->model->options.checks_pieces ? ",checksum" : "");
    aks_sim_reply_header(call->reply, "Tus-Max-Size", "%" PRId64, BYTES_MAX);
    if (call->model->options.checks_pieces)
        aks_sim_reply_header(call->reply, "Tus-Checksum-Algorithm", "sha1,sha256");
}

static void
of_upload(struct http_model_call *call, struct upload *upload)
{
    const char *method = call->request->method;
    const struct http_file *file = aks_model_set_find(&call->model->files, call->key);

    if (upload == NULL && strcmp(method, "HEAD") == 0 && file != NULL) {
        tell_whole(call, file);
    } else if (upload == NULL) {
        aks_http_model_answer(call, 404, "Not Found");
    } else if (strcmp(method, "HEAD") == 0) {
        tell_offset(call, upload, 200);
    } else if (strcmp(method, "PATCH") == 0) {
        patch(call, upload);
    } else {
        (void)aks_model_set_take(&call->model->uploads, upload->key);
        free_upload(call->model, upload);
        call->reply->status = 204;
    }
}

bool
aks_http_model_tus(struct http_model_call *call)
{
    const char *version = aks_sim_request_header(call->request, "tus-resumable");
    const char *method = call->request->method;

    if (call->model->options.tus == AKS_HTTP_MODEL_TUS_NONE)
        return false;
    if (strcmp(method, "OPTIONS") == 0) {
        options(call);
        return true;
    }
    if (version == NULL)
        return false;
    aks_sim_reply_header(call->reply, "Tus-Resumable", VERSION);
    if (strcmp(version, VERSION) != 0)
        aks_http_model_answer(call, 412, "Precondition Failed");
    else if (strcmp(method, "POST") == 0)
        create(call);
    else if (strcmp(method, "HEAD") == 0 || strcmp(method, "PATCH") == 0 ||
        strcmp(method, "DELETE") == 0)
        of_upload(call, aks_model_set_find(&call->model->uploads, call->key));
    else
        return false;
    return true;
}

size_t
aks_http_model_uploads(const struct aks_http_model *model)
{
    return model->uploads.count;
}

void
aks_http_model_expire(struct aks_http_model *model)
{
    for (size_t i = 0; i < model->uploads.count; i++)
        free_upload(model, model->uploads.items[i]);
    model->uploads.count = 0;
}
