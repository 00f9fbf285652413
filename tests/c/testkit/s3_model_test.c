/* Objects in the S3 model, and what holds for every request. */
#include "testkit/model_ask.h"

#include "support/failing_alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_PROFILES(profile) \
    (enum aks_s3_profile profile = AKS_S3_STRICT; profile <= AKS_S3_SLOPPY; profile++)

static int
set_up(void **state)
{
    struct model_ask *ask = malloc(sizeof(*ask));

    assert_non_null(ask);
    model_ask_init(ask, AKS_S3_STRICT);
    *state = ask;
    return 0;
}

static int
tear_down(void **state)
{
    model_ask_fini(*state);
    free(*state);
    return 0;
}

static void
object_comes_back_as_it_was_put(void **state)
{
    struct model_ask *ask = *state;

    assert_int_equal(model_ask(ask, "PUT", "/bkt/a b/\xC3\xA4+c", "",
        "Content-Type: text/plain\nX-Amz-Meta-Colour: blue\nx-amz-meta-empty: ", "hello"), 200);
    assert_string_equal(model_ask_header(ask, "ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/a b/\xC3\xA4+c", "", "", NULL), 200);
    assert_string_equal(model_ask_header(ask, "Content-Length"), "5");
    assert_int_equal(ask->reply.body.len, 0);
    assert_int_equal(model_ask(ask, "GET", "/bkt/a b/\xC3\xA4+c", "", "", NULL), 200);
    assert_string_equal(ask->reply.body.data, "hello");
    assert_string_equal(model_ask_header(ask, "Content-Type"), "text/plain");
    assert_string_equal(model_ask_header(ask, "x-amz-meta-colour"), "blue");
    assert_string_equal(model_ask_header(ask, "x-amz-meta-empty"), "");
    assert_string_equal(model_ask_header(ask, "Last-Modified"), "Wed, 25 Nov 2026 22:47:47 GMT");
    assert_string_equal(model_ask_header(ask, "Date"), "Wed, 25 Nov 2026 22:47:47 GMT");
    assert_int_equal(strlen(model_ask_header(ask, "x-amz-request-id")), 16);
    assert_int_equal(model_ask(ask, "DELETE", "/bkt/a b/\xC3\xA4+c", "", "", NULL), 204);
    assert_int_equal(model_ask(ask, "DELETE", "/bkt/a b/\xC3\xA4+c", "", "", NULL), 204);
    model_ask(ask, "GET", "/bkt/a b/\xC3\xA4+c", "", "", NULL);
    model_ask_is(ask, 404, "NoSuchKey");
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/a b/\xC3\xA4+c", "", "", NULL), 404);
    assert_int_equal(ask->reply.body.len, 0);
}

static void
ranges_are_cut_out(void **state)
{
    static const struct {
        const char *range;
        int status;
        const char *content_range;
        const char *body;
    } cases[] = {
        { "Range: bytes=0-0", 206, "bytes 0-0/10", "0" },
        { "Range: bytes=3-5", 206, "bytes 3-5/10", "345" },
        { "Range: bytes=8-", 206, "bytes 8-9/10", "89" },
        { "Range: bytes=8-99", 206, "bytes 8-9/10", "89" },
        { "Range: bytes=-2", 206, "bytes 8-9/10", "89" },
        { "Range: bytes=-99", 206, "bytes 0-9/10", "0123456789" },
        { "Range: bytes=5-3", 200, "", "0123456789" },
        { "Range: lines=1-2", 200, "", "0123456789" },
        { "Range: bytes=x-2", 200, "", "0123456789" },
        { "Range: bytes=99999999999999999999-", 200, "", "0123456789" },
    };
    struct model_ask *ask = *state;

    model_ask(ask, "PUT", "/bkt/digits", "", "", "0123456789");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(model_ask(ask, "GET", "/bkt/digits", "", cases[i].range, NULL),
            cases[i].status);
        assert_string_equal(model_ask_header(ask, "Content-Range"), cases[i].content_range);
        assert_string_equal(ask->reply.body.data, cases[i].body);
    }
    model_ask(ask, "GET", "/bkt/digits", "", "Range: bytes=10-", NULL);
    model_ask_is(ask, 416, "InvalidRange");
    model_ask(ask, "GET", "/bkt/digits", "", "Range: bytes=-0", NULL);
    model_ask_is(ask, 416, "InvalidRange");
}

static void
conditions_hold_where_a_profile_has_them(void **state)
{
    for ALL_PROFILES(profile) {
        struct model_ask *ask = malloc(sizeof(*ask));
        bool sloppy = profile == AKS_S3_SLOPPY;
        char etag[64];

        assert_non_null(ask);
        model_ask_init(ask, profile);
        if (profile == AKS_S3_R2)
            ask->region = "auto";
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "If-None-Match: *", "one"), 200);
        (void)snprintf(etag, sizeof(etag), "If-Match: %.40s", model_ask_header(ask, "ETag"));
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "If-None-Match: *", "two"),
            sloppy ? 200 : 412);
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", etag, "three"), 200);
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", etag, "four"), sloppy ? 200 : 412);
        assert_int_equal(model_ask(ask, "PUT", "/bkt/none", "", etag, "five"), sloppy ? 200 : 404);
        model_ask_fini(ask);
        free(ask);
    }
    (void)state;
}

static void
damaged_bodies_are_refused(void **state)
{
    struct model_ask *ask = *state;

    ask->payload_hash = "00000000000000000000000000000000000000000000000000000000000000ff";
    model_ask(ask, "PUT", "/bkt/a", "", "", "hello");
    model_ask_is(ask, 400, "XAmzContentSHA256Mismatch");
    ask->payload_hash = "nonsense";
    model_ask(ask, "PUT", "/bkt/a", "", "", "hello");
    model_ask_is(ask, 400, "InvalidArgument");
    ask->payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    model_ask(ask, "PUT", "/bkt/a", "", "", "hello");
    model_ask_is(ask, 501, "NotImplemented");
    ask->payload_hash = "";
    model_ask(ask, "PUT", "/bkt/a", "", "", "hello");
    model_ask_is(ask, 400, "InvalidRequest");
    ask->payload_hash = NULL;
    model_ask(ask, "PUT", "/bkt/a", "", "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==", "hellp");
    model_ask_is(ask, 400, "BadDigest");
    model_ask(ask, "PUT", "/bkt/a", "", "Content-MD5: XUFAKrxLKna5cZ2REBfFkg", "hello");
    model_ask_is(ask, 400, "InvalidDigest");
    model_ask(ask, "PUT", "/bkt/a", "", "Content-Length: 6", "hello");
    model_ask_is(ask, 400, "IncompleteBody");
    model_ask(ask, "PUT", "/bkt/a", "", "Content-Length: 5368709121", "hello");
    model_ask_is(ask, 400, "EntityTooLarge");
    model_ask(ask, "PUT", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 411, "MissingContentLength");
    assert_null(aks_s3_model_object(ask->model, "a"));
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "",
        "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==", "hello"), 200);
}

static void
unsigned_bodies_need_tls(void **state)
{
    struct model_ask *ask = *state;

    ask->payload_hash = "UNSIGNED-PAYLOAD";
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "hello"), 200);
    ask->http = true;
    model_ask(ask, "PUT", "/bkt/a", "", "", "hello");
    model_ask_is(ask, 400, "InvalidRequest");
}

/* Values out of AWS's algorithms, of "123456789" (see also the parts' test). */
static void
checksums_are_verified_and_told(void **state)
{
    static const char *const headers[] = {
        "x-amz-checksum-crc32: y/Q5Jg==", "x-amz-checksum-crc32c: 4waSgw==",
        "x-amz-checksum-crc64nvme: rosUhgp5mIg=",
        "x-amz-checksum-sha1: 98O8HYCOBHMq32eZZczDTKeuNEE=",
        "x-amz-checksum-sha256: FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
    };
    struct model_ask *ask = *state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char name[64];
        const char *value = strchr(headers[i], ' ') + 1;

        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(headers[i], ":"), headers[i]);
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", headers[i], "123456789"), 200);
        assert_string_equal(model_ask_header(ask, name), value);
        model_ask(ask, "PUT", "/bkt/a", "", headers[i], "123456780");
        model_ask_is(ask, 400, "BadDigest");
        assert_int_equal(model_ask(ask, "HEAD", "/bkt/a", "", "", NULL), 200);
        assert_string_equal(model_ask_header(ask, name), "");
        assert_int_equal(model_ask(ask, "HEAD", "/bkt/a", "", "x-amz-checksum-mode: ENABLED",
            NULL), 200);
        assert_string_equal(model_ask_header(ask, name), value);
        assert_string_equal(model_ask_header(ask, "x-amz-checksum-type"), "FULL_OBJECT");
    }
    model_ask(ask, "PUT", "/bkt/a", "", "x-amz-checksum-crc32: y/Q5Jg=", "123456789");
    model_ask_is(ask, 400, "InvalidRequest");
    model_ask(ask, "PUT", "/bkt/a", "",
        "x-amz-checksum-crc32: y/Q5Jg==\nx-amz-checksum-crc32c: 4waSgw==", "123456789");
    model_ask_is(ask, 400, "InvalidRequest");
    model_ask(ask, "PUT", "/bkt/a", "", "x-amz-sdk-checksum-algorithm: CRC32", "123456789");
    model_ask_is(ask, 400, "InvalidRequest");
}

static void
cheap_stores_believe_everything(void **state)
{
    struct model_ask *ask = *state;

    ask->options.profile = AKS_S3_SLOPPY;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "",
        "x-amz-checksum-crc32: AAAAAA==\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==", "hello"), 200);
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/a", "", "x-amz-checksum-mode: ENABLED", NULL),
        200);
    assert_string_equal(model_ask_header(ask, "x-amz-checksum-crc32"), "");
}

static void
aws_adds_a_checksum_where_there_is_none(void **state)
{
    struct model_ask *ask = *state;

    ask->options.profile = AKS_S3_AWS;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "123456789"), 200);
    assert_string_equal(model_ask_header(ask, "x-amz-checksum-crc64nvme"), "rosUhgp5mIg=");
}

static void
names_have_limits(void **state)
{
    struct model_ask *ask = *state;
    char path[1200] = "/bkt/";
    char *meta = calloc(1, 4096);

    assert_non_null(meta);
    memset(path + 5, 'k', 1024);
    assert_int_equal(model_ask(ask, "PUT", path, "", "", "x"), 200);
    path[5 + 1024] = 'k';
    model_ask(ask, "PUT", path, "", "", "x");
    model_ask_is(ask, 400, "KeyTooLongError");
    (void)strcpy(meta, "x-amz-meta-long: ");
    memset(meta + strlen(meta), 'm', 1100);
    model_ask(ask, "PUT", "/bkt/a", "", meta, "x");
    model_ask_is(ask, 400, "MetadataTooLarge");
    meta[strlen(meta) - 100] = '\0';
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", meta, "x"), 200);
    free(meta);
}

static void
buckets_are_found_by_path_and_by_host(void **state)
{
    struct model_ask *ask = *state;

    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->host = "bkt.s3.example:9000";
    assert_int_equal(model_ask(ask, "GET", "/a", "", "", NULL), 200);
    assert_int_equal(model_ask(ask, "HEAD", "/", "", "", NULL), 200);
    assert_string_equal(model_ask_header(ask, "x-amz-bucket-region"), MODEL_ASK_REGION);
    ask->host = "s3.example";
    assert_int_equal(model_ask(ask, "HEAD", "/bkt", "", "", NULL), 200);
    assert_int_equal(model_ask(ask, "HEAD", "/other/", "", "", NULL), 404);
    model_ask(ask, "PUT", "/other/a", "", "", "x");
    model_ask_is(ask, 404, "NoSuchBucket");
    assert_int_equal(model_ask(ask, "GET", "/bkt", "location", "", NULL), 200);
    assert_non_null(strstr(ask->reply.body.data, ">" MODEL_ASK_REGION "</LocationConstraint>"));
}

static void
what_is_not_modelled_is_not_taken_for_something_else(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *query;
        const char *headers;
    } cases[] = {
        { "GET", "/bkt/a", "acl", "" }, { "PUT", "/bkt/a", "tagging", "" },
        { "GET", "/bkt/a", "versionId=1", "" }, { "GET", "/bkt", "", "" },
        { "POST", "/bkt", "delete", "" }, { "POST", "/bkt/a", "", "" },
        { "PUT", "/bkt", "", "" }, { "DELETE", "/bkt", "", "" }, { "GET", "/", "", "" },
        { "PUT", "/bkt/a", "", "x-amz-copy-source: /bkt/b" }, { "PATCH", "/bkt/a", "", "" },
        { "GET", "/bkt/a", "partNumber=1", "" },
    };
    struct model_ask *ask = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        model_ask(ask, cases[i].method, cases[i].path, cases[i].query, cases[i].headers, NULL);
        model_ask_is(ask, 501, "NotImplemented");
    }
}

static void
lists_come_in_pages_of_names_and_folders(void **state)
{
    static const char *const keys[] = { "a", "b/1", "b/2", "c", "c-d", "e&f" };
    struct model_ask *ask = *state;
    char token[128];
    char query[256];

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/bkt/%s", keys[i]);
        assert_int_equal(model_ask(ask, "PUT", path, "", "", "x"), 200);
    }
    assert_int_equal(model_ask(ask, "GET", "/bkt", "list-type=2", "", NULL), 200);
    assert_int_equal(model_ask_count(ask, "Key"), 6);
    assert_non_null(strstr(ask->reply.body.data, "<Key>e&amp;f</Key>"));
    assert_string_equal(model_ask_text(ask, "IsTruncated"), "false");
    assert_int_equal(model_ask(ask, "GET", "/bkt", "list-type=2&delimiter=/&max-keys=2", "", NULL),
        200);
    assert_string_equal(model_ask_text(ask, "KeyCount"), "2");
    assert_int_equal(model_ask_count(ask, "CommonPrefixes"), 1);
    assert_string_equal(model_ask_text(ask, "IsTruncated"), "true");
    (void)snprintf(token, sizeof(token), "%.100s", model_ask_text(ask, "NextContinuationToken"));
    (void)snprintf(query, sizeof(query),
        "list-type=2&delimiter=/&max-keys=3&continuation-token=%s", token);
    assert_int_equal(model_ask(ask, "GET", "/bkt", query, "", NULL), 200);
    assert_string_equal(model_ask_text(ask, "Key"), "c");
    assert_int_equal(model_ask_count(ask, "Key"), 3);
    assert_string_equal(model_ask_text(ask, "IsTruncated"), "false");
    assert_int_equal(model_ask(ask, "GET", "/bkt", "list-type=2&prefix=b/&start-after=b/1", "",
        NULL), 200);
    assert_string_equal(model_ask_text(ask, "Key"), "b/2");
    assert_int_equal(model_ask(ask, "GET", "/bkt", "list-type=2&prefix=e&encoding-type=url", "",
        NULL), 200);
    assert_string_equal(model_ask_text(ask, "Key"), "e%26f");
    model_ask(ask, "GET", "/bkt", "list-type=2&continuation-token=nonsense!", "", NULL);
    model_ask_is(ask, 400, "InvalidArgument");
    model_ask(ask, "GET", "/bkt", "list-type=1", "", NULL);
    model_ask_is(ask, 400, "InvalidArgument");
    model_ask(ask, "GET", "/bkt", "list-type=2&max-keys=-1", "", NULL);
    model_ask_is(ask, 400, "InvalidArgument");
}

static void
writes_beyond_the_rate_are_slowed_down(void **state)
{
    struct model_ask *ask = *state;

    ask->options.rate_per_s = 3;
    for (int i = 0; i < 3; i++)
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 503, "SlowDown");
    assert_int_equal(model_ask(ask, "GET", "/bkt/a", "", "", NULL), 200);
    ask->wall_ms += 334;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    model_ask(ask, "DELETE", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 503, "SlowDown");
    ask->wall_ms += 60000;      /* a long rest gives no more than a second's writes */
    for (int i = 0; i < 3; i++)
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 503);
}

static void
what_credentials_may_not_do_is_denied(void **state)
{
    struct model_ask *ask = *state;

    ask->options.credentials_allowed = "ListObjectsV2, DeleteObject";
    model_ask(ask, "GET", "/bkt", "list-type=2", "", NULL);
    model_ask_is(ask, 403, "AccessDenied");
    model_ask(ask, "DELETE", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 403, "AccessDenied");
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/a", "", "", NULL), 200);
    /* Whoever may not list is not told that there is nothing. */
    model_ask(ask, "GET", "/bkt/none", "", "", NULL);
    model_ask_is(ask, 403, "AccessDenied");
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/none", "", "", NULL), 403);
}

struct seen {
    char keys[256];
};

static void
see(void *ctx, const struct aks_s3_object *object)
{
    struct seen *seen = ctx;
    size_t len = strlen(seen->keys);

    (void)snprintf(seen->keys + len, sizeof(seen->keys) - len, "%s=%.*s ", object->key,
        (int)object->len, (const char *)object->data);
}

static void
a_test_sees_and_changes_what_is_there(void **state)
{
    struct model_ask *ask = *state;
    const struct aks_s3_object *object;
    struct seen seen = { "" };
    struct aks_error err;

    assert_int_equal(model_ask(ask, "PUT", "/bkt/b", "", "Content-Type: x/y", "two"), 200);
    assert_int_equal(aks_s3_model_put(ask->model, "c", "three", 5, 1000, NULL), AKS_OK);
    assert_int_equal(aks_s3_model_put(ask->model, "a", "", 0, 1000, NULL), AKS_OK);
    aks_s3_model_each(ask->model, see, &seen);
    assert_string_equal(seen.keys, "a= b=two c=three ");
    object = aks_s3_model_object(ask->model, "b");
    assert_non_null(object);
    assert_string_equal(object->content_type, "x/y");
    assert_string_equal(object->etag, "\"b8a9f715dbb64fd5c56e7783c6820a61\"");
    assert_int_equal(object->stored_at_ms, MODEL_ASK_MS);
    assert_int_equal(aks_s3_model_remove(ask->model, "b", NULL), AKS_OK);
    assert_int_equal(aks_s3_model_remove(ask->model, "b", &err), AKS_NOT_FOUND);
    assert_null(aks_s3_model_object(ask->model, "b"));
    assert_int_equal(model_ask(ask, "GET", "/bkt/c", "", "", NULL), 200);
    assert_string_equal(ask->reply.body.data, "three");
}

static void
operations_have_names(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *query;
        const char *name;
    } cases[] = {
        { "PUT", "/bkt/k%20y", "", "PutObject" }, { "GET", "/bkt/k%20y", "", "GetObject" },
        { "HEAD", "/bkt/k%20y", "", "HeadObject" }, { "DELETE", "/bkt/k%20y", "", "DeleteObject" },
        { "POST", "/bkt/k%20y", "uploads", "CreateMultipartUpload" },
        { "POST", "/bkt/k%20y", "uploads=", "CreateMultipartUpload" },
        { "PUT", "/bkt/k%20y", "partNumber=1&uploadId=x", "UploadPart" },
        { "POST", "/bkt/k%20y", "uploadId=x", "CompleteMultipartUpload" },
        { "DELETE", "/bkt/k%20y", "uploadId=x", "AbortMultipartUpload" },
        { "GET", "/bkt/k%20y", "uploadId=x", "ListParts" },
        { "PATCH", "/bkt/k%20y", "", "" },
    };
    struct model_ask *ask = *state;
    struct aks_sim_request request = { .host = "s3.example" };
    char key[AKS_SIM_REPLY_HEADER_BYTES];

    model_ask_begin(ask);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        request.method = cases[i].method;
        request.path = cases[i].path;
        request.query = cases[i].query;
        assert_string_equal(aks_s3_model_operation(ask->model, &request, key), cases[i].name);
        assert_string_equal(key, "k y");
    }
    request.method = "GET";
    request.path = "/bkt/";
    request.query = "list-type=2&prefix=uploads";
    assert_string_equal(aks_s3_model_operation(ask->model, &request, key), "ListObjectsV2");
    assert_string_equal(key, "");
    request.query = "uploads&prefix=x";
    assert_string_equal(aks_s3_model_operation(ask->model, &request, key), "ListMultipartUploads");
}

static void
hostile_paths_are_refused(void **state)
{
    static const char *const paths[] = { "/bkt/%", "/bkt/%4", "/bkt/%zz", "/bkt/%00", "bkt/a" };
    struct model_ask *ask = *state;

    model_ask_begin(ask);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct aks_sim_request request = { .method = "GET", .host = "h", .path = paths[i],
            .query = "" };

        aks_buf_fini(&ask->reply.body);
        memset(&ask->reply, 0, sizeof(ask->reply));
        aks_buf_init(&ask->reply.body, aks_alloc_system(), 65536);
        aks_s3_model_serve(ask->model, 0, &request, &ask->reply);
        model_ask_is(ask, 400, "InvalidURI");
    }
}

static int
make(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_s3_model_options options = ((const struct model_ask *)ctx)->options;
    struct aks_s3_model *model;
    enum aks_status status;

    options.session_token = "token";
    options.credentials_allowed = "";
    status = aks_s3_model_new(alloc, &options, &model, NULL);
    if (status == AKS_OK) {
        status = aks_s3_model_put(model, "key", "data", 4, 0, NULL);
        aks_s3_model_free(model);
    }
    return status == AKS_OK || status == AKS_LIMIT ? 0 : -1;
}

static void
model_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(make, *state, 50);
    aks_s3_model_free(NULL);
}

/* A whole conversation; each of its requests is either done or answered with 500. */
static int
converse(void *ctx, const struct aks_alloc *alloc)
{
    struct model_ask *ask = malloc(sizeof(*ask));
    char query[128];
    char list[256];

    (void)ctx;
    assert_non_null(ask);
    model_ask_init(ask, AKS_S3_VERSITYGW);
    if (aks_s3_model_new(alloc, &ask->options, &ask->model, NULL) != AKS_OK) {
        free(ask);
        return 0;
    }
    model_ask(ask, "PUT", "/bkt/a", "", "x-amz-meta-a: b", "hello");
    assert_true(ask->reply.status == 200 || ask->reply.status == 500);
    assert_int_equal(ask->reply.status == 200, aks_s3_model_object(ask->model, "a") != NULL);
    model_ask(ask, "POST", "/bkt/b", "uploads", "x-amz-checksum-algorithm: CRC32C", "");
    assert_true(ask->reply.status == 200 || ask->reply.status == 500);
    (void)snprintf(query, sizeof(query), "uploadId=%.60s&partNumber=1",
        model_ask_text(ask, "UploadId"));
    model_ask(ask, "PUT", "/bkt/b", query, "x-amz-checksum-crc32c: mnG7TA==", "hello");
    (void)snprintf(list, sizeof(list), "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
        "<ETag>5d41402abc4b2a76b9719d911017c592</ETag><ChecksumCRC32C>mnG7TA==</ChecksumCRC32C>"
        "</Part></CompleteMultipartUpload>");
    query[strcspn(query, "&")] = '\0';
    model_ask(ask, "GET", "/bkt/b", query, "", NULL);
    model_ask(ask, "POST", "/bkt/b", query, "", list);
    assert_int_equal(ask->reply.status == 200, aks_s3_model_object(ask->model, "b") != NULL);
    model_ask(ask, "GET", "/bkt", "list-type=2", "", NULL);
    model_ask(ask, "GET", "/bkt", "uploads", "", NULL);
    model_ask_fini(ask);
    free(ask);
    return 0;
}

static void
conversation_survives_any_allocation_that_fails(void **state)
{
    (void)state;
    failing_alloc_loop(converse, NULL, 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(object_comes_back_as_it_was_put),
        TEST(ranges_are_cut_out),
        TEST(conditions_hold_where_a_profile_has_them),
        TEST(damaged_bodies_are_refused),
        TEST(unsigned_bodies_need_tls),
        TEST(checksums_are_verified_and_told),
        TEST(cheap_stores_believe_everything),
        TEST(aws_adds_a_checksum_where_there_is_none),
        TEST(names_have_limits),
        TEST(buckets_are_found_by_path_and_by_host),
        TEST(what_is_not_modelled_is_not_taken_for_something_else),
        TEST(lists_come_in_pages_of_names_and_folders),
        TEST(writes_beyond_the_rate_are_slowed_down),
        TEST(what_credentials_may_not_do_is_denied),
        TEST(a_test_sees_and_changes_what_is_there),
        TEST(operations_have_names),
        TEST(hostile_paths_are_refused),
        TEST(model_survives_any_allocation_that_fails),
        TEST(conversation_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("s3_model", tests, NULL, NULL);
}
