#include "engine/s3_server.h"

#include "base/encode.h"
#include "data/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define URL_BYTES 2048
#define PAGE_NAMES 2
#define HEADER_BYTES 100

struct aks_http_call {
    struct aks_http_call *next;
    struct s3_server *server;
    const struct aks_http_request *request;
    aks_http_done *done;
    void *done_ctx;
    char key[URL_BYTES];            /* decoded, without the bucket */
    char query[URL_BYTES];          /* as on the wire */
    char *body;
    size_t len;
};

struct answer {
    int status;
    struct aks_buf body;
    char etag[HEADER_BYTES];
    char length[HEADER_BYTES];
    char nonce[HEADER_BYTES];
};

static void
fail_with(struct answer *answer, int status, const char *code)
{
    answer->status = status;
    aks_buf_printf(&answer->body, "<Error><Code>%s</Code><Message>no</Message></Error>", code);
}

static const char *
header(const struct aks_http_call *call, const char *name)
{
    for (size_t i = 0; i < call->request->header_count; i++) {
        if (strcmp(call->request->headers[i].name, name) == 0)
            return call->request->headers[i].value;
    }
    return "";
}

/* The decoded value of a query parameter; false if there is none. */
static bool
parameter(const struct aks_http_call *call, const char *name, char value[URL_BYTES])
{
    size_t len = strlen(name);
    const char *at = call->query;
    size_t out = 0;

    while (*at != '\0' && !(strncmp(at, name, len) == 0 && at[len] == '=')) {
        at += strcspn(at, "&");
        at += *at == '&';
    }
    if (*at == '\0')
        return false;
    for (at += len + 1; *at != '\0' && *at != '&'; at++) {
        unsigned code = (unsigned char)*at;

        if (*at == '%') {
            assert_int_equal(sscanf(at, "%%%2X", &code), 1);
            at += 2;
        }
        value[out++] = (char)code;
    }
    value[out] = '\0';
    return true;
}

static struct s3_stored *
find(struct s3_stored *all, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (all[i].data != NULL && strcmp(all[i].key, key) == 0)
            return &all[i];
    }
    return NULL;
}

static void
drop(struct s3_stored *stored)
{
    if (stored == NULL)
        return;
    free(stored->data);
    memset(stored, 0, sizeof(*stored));
}

static struct s3_stored *
store(struct s3_stored *all, size_t count, const char *key, const void *data, size_t len)
{
    struct s3_stored *stored;

    drop(find(all, count, key));
    for (stored = all; stored < all + count && stored->data != NULL; stored++)
        continue;
    assert_true(stored < all + count);
    assert_true(snprintf(stored->key, sizeof(stored->key), "%s", key) < (int)sizeof(stored->key));
    stored->data = malloc(len + 1);
    assert_non_null(stored->data);
    memcpy(stored->data, data, len);
    stored->len = len;
    return stored;
}

static struct s3_stored *
object(struct s3_server *server, const char *key)
{
    return find(server->objects, S3_SERVER_OBJECTS_MAX, key);
}

const struct s3_stored *
s3_server_object(const struct s3_server *server, const char *key)
{
    return object((struct s3_server *)(uintptr_t)server, key);
}

static void
put_object(struct aks_http_call *call, struct answer *answer)
{
    struct s3_stored *stored;

    if (strcmp(header(call, "if-none-match"), "*") == 0 &&
        object(call->server, call->key) != NULL) {
        fail_with(answer, 412, "PreconditionFailed");
        return;
    }
    stored = store(call->server->objects, S3_SERVER_OBJECTS_MAX, call->key, call->body, call->len);
    (void)snprintf(stored->nonce, sizeof(stored->nonce), "%s",
        header(call, "x-amz-meta-akosha-nonce"));
    (void)strcpy(answer->etag, "\"single\"");
}

static void
put_part(struct aks_http_call *call, const char *upload, struct answer *answer)
{
    char number[URL_BYTES];
    char key[2 * URL_BYTES];

    assert_true(parameter(call, "partNumber", number));
    (void)snprintf(key, sizeof(key), "%s/%s", upload, number);
    (void)store(call->server->parts, S3_SERVER_PARTS_MAX, key, call->body, call->len);
    (void)snprintf(answer->etag, sizeof(answer->etag), "\"%.20s-%.5s\"", upload, number);
}

/* Its bit among the open ones; ids beyond them are not given. */
static uint64_t
upload_bit(const char *upload)
{
    unsigned long number = strtoul(upload + strlen("id"), NULL, 10);

    assert_true(number < 64);
    return UINT64_C(1) << number;
}

static void
drop_upload(struct s3_server *server, const char *upload)
{
    size_t len = strlen(upload);

    for (size_t i = 0; i < S3_SERVER_PARTS_MAX; i++) {
        if (strncmp(server->parts[i].key, upload, len) == 0 && server->parts[i].key[len] == '/')
            drop(&server->parts[i]);
    }
    server->uploads_open &= ~upload_bit(upload);
}

static void
complete(struct aks_http_call *call, const char *upload, struct answer *answer)
{
    struct s3_server *server = call->server;
    const char *at = call->body;
    struct aks_buf whole;

    aks_buf_init(&whole, aks_alloc_system(), (size_t)1 << 24);
    for (unsigned number = 1; (at = strstr(at, "<PartNumber>")) != NULL; number++) {
        const struct s3_stored *part;
        char key[URL_BYTES];
        char etag[URL_BYTES];

        (void)snprintf(key, sizeof(key), "%.20s/%u", upload, number);
        (void)snprintf(etag, sizeof(etag), "%.20s-%u", upload, number);
        assert_int_equal(strtoul(at + strlen("<PartNumber>"), NULL, 10), number);
        at = strstr(at, "<ETag>");
        part = find(server->parts, S3_SERVER_PARTS_MAX, key);
        if (part == NULL || at == NULL || strncmp(strpbrk(at, "-") - strlen(upload), etag,
                strlen(etag)) != 0) {
            fail_with(answer, 400, "InvalidPart");
            aks_buf_fini(&whole);
            return;
        }
        aks_buf_append(&whole, part->data, part->len);
    }
    (void)store(server->objects, S3_SERVER_OBJECTS_MAX, call->key, whole.data, whole.len);
    aks_buf_fini(&whole);
    drop_upload(server, upload);
    aks_buf_puts(&answer->body, "<CompleteMultipartUploadResult><ETag>\"w\"</ETag>"
        "</CompleteMultipartUploadResult>");
}

static void
get_object(struct aks_http_call *call, struct answer *answer)
{
    const struct s3_stored *stored = object(call->server, call->key);

    if (stored == NULL) {
        answer->status = 404;
        if (strcmp(call->request->method, "GET") == 0)
            fail_with(answer, 404, "NoSuchKey");
        return;
    }
    (void)snprintf(answer->length, sizeof(answer->length), "%zu", stored->len);
    (void)snprintf(answer->nonce, sizeof(answer->nonce), "%s", stored->nonce);
    if (strcmp(call->request->method, "GET") == 0)
        aks_buf_append(&answer->body, stored->data, stored->len);
}

/* The first name behind ${after} below ${prefix}, folded to its folder; NULL if there is none. */
static const struct s3_stored *
next_name(struct s3_server *server, const char *prefix, const char *after, char name[URL_BYTES])
{
    const struct s3_stored *best = NULL;

    for (size_t i = 0; i < S3_SERVER_OBJECTS_MAX; i++) {
        const struct s3_stored *stored = &server->objects[i];
        char folded[URL_BYTES];
        const char *slash;

        if (stored->data == NULL || strncmp(stored->key, prefix, strlen(prefix)) != 0)
            continue;
        (void)snprintf(folded, sizeof(folded), "%s", stored->key);
        slash = strchr(folded + strlen(prefix), '/');
        if (slash != NULL)
            folded[slash - folded + 1] = '\0';
        if (strcmp(folded, after) <= 0 || (best != NULL && strcmp(folded, name) >= 0))
            continue;
        best = stored;
        (void)strcpy(name, folded);
    }
    return best;
}

static void
list_names(struct aks_http_call *call, struct answer *answer)
{
    char prefix[URL_BYTES];
    char after[URL_BYTES] = "";
    char name[URL_BYTES];
    const struct s3_stored *stored;
    struct aks_buf *out = &answer->body;

    assert_true(parameter(call, "prefix", prefix));
    (void)parameter(call, "continuation-token", after);
    aks_buf_puts(out, "<ListBucketResult>");
    for (unsigned i = 0; i < PAGE_NAMES; i++) {
        stored = next_name(call->server, prefix, after, name);
        if (stored == NULL)
            break;
        if (strlen(name) > strlen(prefix) && name[strlen(name) - 1] == '/')
            aks_buf_printf(out, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", name);
        else
            aks_buf_printf(out, "<Contents><Key>%s</Key><Size>%zu</Size></Contents>", name,
                stored->len);
        (void)strcpy(after, name);
    }
    if (next_name(call->server, prefix, after, name) != NULL)
        aks_buf_printf(out, "<IsTruncated>true</IsTruncated><NextContinuationToken>%s"
            "</NextContinuationToken>", after);
    else
        aks_buf_puts(out, "<IsTruncated>false</IsTruncated>");
    aks_buf_puts(out, "</ListBucketResult>");
}

static void
serve_upload(struct aks_http_call *call, const char *upload, struct answer *answer)
{
    const char *method = call->request->method;

    if (strcmp(method, "PUT") == 0) {
        put_part(call, upload, answer);
    } else if (strcmp(method, "POST") == 0) {
        complete(call, upload, answer);
    } else {
        assert_string_equal(method, "DELETE");
        if ((call->server->uploads_open & upload_bit(upload)) == 0) {
            fail_with(answer, 404, "NoSuchUpload");
            return;
        }
        drop_upload(call->server, upload);
        answer->status = 204;
    }
}

static void
serve(struct aks_http_call *call, struct answer *answer)
{
    const char *method = call->request->method;
    char value[URL_BYTES];

    answer->status = 200;
    if (call->key[0] == '\0') {
        list_names(call, answer);
    } else if (parameter(call, "uploads", value)) {
        (void)snprintf(value, sizeof(value), "id%u", ++call->server->uploads);
        call->server->uploads_open |= upload_bit(value);
        aks_buf_printf(&answer->body, "<InitiateMultipartUploadResult><UploadId>%s</UploadId>"
            "</InitiateMultipartUploadResult>", value);
    } else if (parameter(call, "uploadId", value)) {
        serve_upload(call, value, answer);
    } else if (strcmp(method, "PUT") == 0) {
        put_object(call, answer);
    } else if (strcmp(method, "DELETE") == 0) {
        drop(object(call->server, call->key));
        answer->status = 204;
    } else {
        get_object(call, answer);
    }
}

static bool
digest_is_right(const struct aks_http_call *call)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256(call->body, call->len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    return strcmp(header(call, "x-amz-content-sha256"), hex) == 0;
}

/* Reads the body; what the source says if it cannot be read. */
static enum aks_status
receive(struct aks_http_call *call, struct aks_error *err)
{
    const struct aks_body *body = call->request->body;
    enum aks_status status = AKS_OK;
    size_t len = 0;

    call->len = body != NULL ? (size_t)body->bytes : 0;
    call->body = calloc(1, call->len + 1);
    assert_non_null(call->body);
    for (size_t offset = 0; status == AKS_OK && offset < call->len; offset += len)
        status = body->read(body->ctx, (int64_t)offset, call->body + offset, call->len - offset,
            &len, err);
    return status;
}

static void
take_out(struct aks_http_call *call)
{
    struct aks_http_call **link = &call->server->calls;

    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
}

bool
s3_server_deliver(void *ctx)
{
    struct s3_server *server = ctx;
    struct aks_http_call *call = server->calls;
    struct aks_http_reply reply = { 0 };
    struct answer answer = { 0 };
    struct aks_http_header headers[] = {
        { "ETag", answer.etag }, { "Content-Length", answer.length },
        { "x-amz-meta-akosha-nonce", answer.nonce },
    };

    if (call == NULL)
        return false;
    take_out(call);
    aks_buf_init(&answer.body, aks_alloc_system(), (size_t)1 << 24);
    reply.transport = receive(call, &reply.error);
    if (reply.transport == AKS_OK && digest_is_right(call))
        serve(call, &answer);
    else if (reply.transport == AKS_OK)
        fail_with(&answer, 400, "XAmzContentSHA256Mismatch");
    reply.status = answer.status;
    reply.phase = AKS_HTTP_DONE;
    reply.headers = headers;
    reply.header_count = sizeof(headers) / sizeof(headers[0]);
    reply.body = answer.body;
    if (reply.transport == AKS_OK && answer.body.len > call->request->reply_bytes_max)
        reply.transport = aks_error_set(&reply.error, AKS_TOO_LARGE, "a long reply");
    call->done(call->done_ctx, &reply);
    aks_buf_fini(&answer.body);
    free(call->body);
    free(call);
    return true;
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct s3_server *server = ctx;
    struct aks_http_call **last = &server->calls;
    struct aks_http_call *call = calloc(1, sizeof(*call));
    const char *bucket = strstr(request->url, "/" S3_SERVER_BUCKET);
    const char *key;

    assert_true(call != NULL && bucket != NULL);
    key = bucket + strlen("/" S3_SERVER_BUCKET);
    key += *key == '/';
    call->server = server;
    call->request = request;
    call->done = done;
    call->done_ctx = done_ctx;
    (void)snprintf(call->key, sizeof(call->key), "%.*s", (int)strcspn(key, "?"), key);
    if (strchr(key, '?') != NULL)
        (void)snprintf(call->query, sizeof(call->query), "%s", strchr(key, '?') + 1);
    while (*last != NULL)
        last = &(*last)->next;
    *last = call;
    *ret_call = call;
    return AKS_OK;
}

static void
cancel(void *ctx, struct aks_http_call *call)
{
    take_out(call);
    free(call);
}

void
s3_server_init(struct s3_server *server)
{
    memset(server, 0, sizeof(*server));
    server->http.submit = submit;
    server->http.cancel = cancel;
    server->http.ctx = server;
}

void
s3_server_fini(struct s3_server *server)
{
    assert_null(server->calls);
    for (size_t i = 0; i < S3_SERVER_OBJECTS_MAX; i++)
        drop(&server->objects[i]);
    for (size_t i = 0; i < S3_SERVER_PARTS_MAX; i++)
        drop(&server->parts[i]);
}
