/* What a request asks for. */
#include "testkit/s3_model_internal.h"

#include "testkit/model_text.h"

#include <string.h>

static const struct {
    const char *name;
    bool writes;
} operations[] = {
    [AKS_S3_NO_OPERATION] = { "", false },
    [AKS_S3_PUT_OBJECT] = { "PutObject", true },
    [AKS_S3_GET_OBJECT] = { "GetObject", false },
    [AKS_S3_HEAD_OBJECT] = { "HeadObject", false },
    [AKS_S3_DELETE_OBJECT] = { "DeleteObject", true },
    [AKS_S3_CREATE_UPLOAD] = { "CreateMultipartUpload", true },
    [AKS_S3_UPLOAD_PART] = { "UploadPart", true },
    [AKS_S3_UPLOAD_PART_COPY] = { "UploadPartCopy", true },
    [AKS_S3_COMPLETE_UPLOAD] = { "CompleteMultipartUpload", true },
    [AKS_S3_ABORT_UPLOAD] = { "AbortMultipartUpload", true },
    [AKS_S3_LIST_PARTS] = { "ListParts", false },
    [AKS_S3_LIST_OBJECTS] = { "ListObjectsV2", false },
    [AKS_S3_LIST_UPLOADS] = { "ListMultipartUploads", false },
    [AKS_S3_HEAD_BUCKET] = { "HeadBucket", false },
    [AKS_S3_BUCKET_LOCATION] = { "GetBucketLocation", false },
};

/* A place in a request's path that is not decoded yet. */
struct place {
    const char *bucket;
    size_t bucket_len;
    const char *key;
};

const char *
aks_s3_model_request_name(enum aks_s3_operation operation)
{
    return operations[operation].name;
}

bool
aks_s3_model_request_writes(enum aks_s3_operation operation)
{
    return operations[operation].writes;
}

const char *
aks_s3_model_request_header(const struct aks_s3_call *call, const char *name)
{
    return aks_sim_request_header(call->request, name);
}

const char *
aks_s3_model_request_parameter(const struct aks_s3_call *call, const char *name)
{
    for (size_t i = 0; i < call->query_count; i++) {
        if (strcmp(call->query[i].name, name) == 0)
            return call->query[i].value;
    }
    return NULL;
}

/* "bucket.host" has the bucket in front; any other host has it in the path. */
static void
find_place(const struct aks_s3_model *model, const struct aks_sim_request *request,
    struct place *ret_place)
{
    size_t len = strlen(model->options.bucket);
    const char *path = request->path + (request->path[0] == '/');

    if (strncmp(request->host, model->options.bucket, len) == 0 && request->host[len] == '.') {
        ret_place->bucket = model->options.bucket;
        ret_place->bucket_len = len;
        ret_place->key = path;
        return;
    }
    ret_place->bucket = path;
    ret_place->bucket_len = strcspn(path, "/");
    ret_place->key = path + ret_place->bucket_len;
    ret_place->key += *ret_place->key == '/';
}

/* Is there a parameter of that name? None of the names that decide is ever encoded. */
static bool
has(const struct aks_sim_request *request, const char *name)
{
    size_t len = strlen(name);
    const char *at = request->query;

    while (*at != '\0') {
        size_t pair = strcspn(at, "&");

        if (pair >= len && memcmp(at, name, len) == 0 && (pair == len || at[len] == '='))
            return true;
        at += pair;
        at += *at == '&';
    }
    return false;
}

/* Parts of S3 that are not modelled; taking them for something else would be a lie. */
static bool
is_beyond(const struct aks_sim_request *request)
{
    static const char *const names[] = { "acl", "attributes", "cors", "delete", "legal-hold",
        "lifecycle", "partNumber", "policy", "restore", "retention", "select", "tagging",
        "torrent", "versionId", "versioning", "versions", "X-Amz-Signature" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (has(request, names[i]) && !(strcmp(names[i], "partNumber") == 0 &&
                has(request, "uploadId")))
            return true;
    }
    return false;
}

static enum aks_s3_operation
object_operation(const struct aks_sim_request *request)
{
    bool upload = has(request, "uploadId");
    bool copy = aks_sim_request_header(request, "x-amz-copy-source") != NULL;

    if (strcmp(request->method, "PUT") == 0) {
        if (upload)
            return copy ? AKS_S3_UPLOAD_PART_COPY : AKS_S3_UPLOAD_PART;
        return copy ? AKS_S3_NO_OPERATION : AKS_S3_PUT_OBJECT;
    }
    if (strcmp(request->method, "GET") == 0)
        return upload ? AKS_S3_LIST_PARTS : AKS_S3_GET_OBJECT;
    if (strcmp(request->method, "HEAD") == 0)
        return AKS_S3_HEAD_OBJECT;
    if (strcmp(request->method, "DELETE") == 0)
        return upload ? AKS_S3_ABORT_UPLOAD : AKS_S3_DELETE_OBJECT;
    if (strcmp(request->method, "POST") != 0)
        return AKS_S3_NO_OPERATION;
    if (upload)
        return AKS_S3_COMPLETE_UPLOAD;
    return has(request, "uploads") ? AKS_S3_CREATE_UPLOAD : AKS_S3_NO_OPERATION;
}

static enum aks_s3_operation
bucket_operation(const struct aks_sim_request *request)
{
    if (strcmp(request->method, "HEAD") == 0)
        return AKS_S3_HEAD_BUCKET;
    if (strcmp(request->method, "GET") != 0)
        return AKS_S3_NO_OPERATION;
    if (has(request, "location"))
        return AKS_S3_BUCKET_LOCATION;
    if (has(request, "uploads"))
        return AKS_S3_LIST_UPLOADS;
    return has(request, "list-type") ? AKS_S3_LIST_OBJECTS : AKS_S3_NO_OPERATION;
}

enum aks_s3_operation
aks_s3_model_request_operation(const struct aks_s3_model *model,
    const struct aks_sim_request *request)
{
    struct place place;

    find_place(model, request, &place);
    if (place.bucket_len == 0 || is_beyond(request))
        return AKS_S3_NO_OPERATION;
    return place.key[0] != '\0' ? object_operation(request) : bucket_operation(request);
}

const char *
aks_s3_model_operation(const struct aks_s3_model *model, const struct aks_sim_request *request,
    char *ret_key)
{
    struct place place;
    size_t len;

    find_place(model, request, &place);
    len = strlen(place.key);
    if (len >= AKS_SIM_REPLY_HEADER_BYTES)
        len = AKS_SIM_REPLY_HEADER_BYTES - 1;
    if (!aks_model_text_percent_decode(place.key, len, ret_key))
        ret_key[0] = '\0';
    return aks_s3_model_request_name(aks_s3_model_request_operation(model, request));
}

/* Room in model->text for everything of a request, decoded. */
static char *
reserve_text(struct aks_s3_call *call)
{
    struct aks_s3_model *model = call->model;
    /* The path twice, once with the bucket cut off; a NUL behind each text. */
    size_t bytes = 2 * strlen(call->request->path) + strlen(call->request->query) +
        2 * AKS_S3_MODEL_QUERY_MAX + 8;
    char *text;

    if (bytes <= model->text_bytes)
        return model->text;
    text = aks_mem_resize(model->alloc, model->text, bytes);
    if (text == NULL)
        return NULL;
    model->text = text;
    model->text_bytes = bytes;
    return text;
}

/* Decodes ${len} bytes at *${text}, which moves behind them; NULL if they cannot be. */
static const char *
decode(const char *from, size_t len, char **text)
{
    char *at = *text;

    if (!aks_model_text_percent_decode(from, len, at))
        return NULL;
    *text += strlen(at) + 1;
    return at;
}

static bool
read_query(struct aks_s3_call *call, char **text)
{
    const char *at = call->request->query;

    while (*at != '\0') {
        size_t pair_len = strcspn(at, "&");
        size_t name_len = strcspn(at, "=&");
        struct aks_sigv4_pair *pair = &call->query[call->query_count];

        if (call->query_count == AKS_S3_MODEL_QUERY_MAX)
            return false;
        pair->name = decode(at, name_len, text);
        pair->value = decode(name_len < pair_len ? at + name_len + 1 : "",
            name_len < pair_len ? pair_len - name_len - 1 : 0, text);
        if (pair->name == NULL || pair->value == NULL)
            return false;
        call->query_count++;
        at += pair_len;
        at += *at == '&';
    }
    return true;
}

bool
aks_s3_model_request_read(struct aks_s3_call *call)
{
    const struct aks_sim_request *request = call->request;
    char *text = reserve_text(call);
    struct place place;

    if (text == NULL) {
        aks_s3_model_reply_full(call);
        return false;
    }
    find_place(call->model, request, &place);
    call->path = decode(request->path, strlen(request->path), &text);
    call->bucket = decode(place.bucket, place.bucket_len, &text);
    call->key = decode(place.key, strlen(place.key), &text);
    if (request->path[0] != '/' || call->path == NULL || call->bucket == NULL ||
        call->key == NULL || !read_query(call, &text)) {
        aks_s3_model_reply_error(call, "InvalidURI");
        return false;
    }
    call->operation = aks_s3_model_request_operation(call->model, request);
    return true;
}
