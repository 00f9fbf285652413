/* Multipart uploads in the S3 model. */
#include "testkit/model_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_BYTES 64
#define LIST_BYTES 2048

/* Values of S3's documentation and of AWS's algorithms: 65536 and 1024 times 'a'. */
#define FIRST 65536
#define SECOND 1024

struct story {
    struct model_ask ask;
    char id[ID_BYTES];
    char etags[8][ID_BYTES];        /* of parts, by number */
    char list[LIST_BYTES];
};

static int
set_up(void **state)
{
    struct story *story = calloc(1, sizeof(*story));

    assert_non_null(story);
    model_ask_init(&story->ask, AKS_S3_STRICT);
    *state = story;
    return 0;
}

static int
tear_down(void **state)
{
    struct story *story = *state;

    model_ask_fini(&story->ask);
    free(story);
    return 0;
}

static void
begin(struct story *story, const char *headers)
{
    assert_int_equal(model_ask(&story->ask, "POST", "/bkt/key", "uploads", headers, ""), 200);
    (void)snprintf(story->id, sizeof(story->id), "%.60s",
        model_ask_text(&story->ask, "UploadId"));
    assert_int_equal(strlen(story->id), 32);
}

static int
send(struct story *story, unsigned number, const char *headers, char byte, size_t len)
{
    char *body = malloc(len + 1);
    char query[128];
    int status;

    assert_non_null(body);
    memset(body, byte, len);
    (void)snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, story->id);
    status = model_ask_bytes(&story->ask, "PUT", "/bkt/key", query, headers, body, len);
    if (number < 8)
        (void)snprintf(story->etags[number], ID_BYTES, "%.60s",
            model_ask_header(&story->ask, "ETag"));
    free(body);
    return status;
}

static void
list_begin(struct story *story)
{
    (void)snprintf(story->list, LIST_BYTES, "<CompleteMultipartUpload>");
}

/* ${sum}: an element to go with it, or "". */
static void
list_add(struct story *story, unsigned number, const char *etag, const char *sum)
{
    size_t len = strlen(story->list);

    (void)snprintf(story->list + len, LIST_BYTES - len,
        "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag>%s</Part>", number, etag, sum);
}

static int
complete(struct story *story, const char *headers)
{
    size_t len = strlen(story->list);
    char query[128];

    (void)snprintf(story->list + len, LIST_BYTES - len, "</CompleteMultipartUpload>");
    (void)snprintf(query, sizeof(query), "uploadId=%s", story->id);
    return model_ask(&story->ask, "POST", "/bkt/key", query, headers, story->list);
}

/* The list of parts 1 to ${count}. */
static void
list_all(struct story *story, unsigned count)
{
    list_begin(story);
    for (unsigned i = 1; i <= count; i++)
        list_add(story, i, story->etags[i], "");
}

static void
parts_become_one_object(void **state)
{
    struct story *story = *state;
    const struct aks_s3_object *object;

    begin(story, "x-amz-meta-colour: blue\nContent-Type: x/y");
    assert_int_equal(send(story, 2, "", 'a', SECOND), 200);
    assert_int_equal(send(story, 1, "", 'a', FIRST), 200);
    assert_int_equal(aks_s3_model_uploads_open(story->ask.model), 1);
    assert_null(aks_s3_model_object(story->ask.model, "key"));
    list_all(story, 2);
    assert_int_equal(complete(story, ""), 200);
    assert_string_equal(model_ask_text(&story->ask, "ETag"),
        "&#34;0b02658b99c76c13e6d9874280c89469-2&#34;");
    object = aks_s3_model_object(story->ask.model, "key");
    assert_non_null(object);
    assert_int_equal(object->len, FIRST + SECOND);
    assert_string_equal(object->etag, "\"0b02658b99c76c13e6d9874280c89469-2\"");
    assert_string_equal(object->content_type, "x/y");
    assert_int_equal(aks_s3_model_uploads_open(story->ask.model), 0);
    assert_int_equal(model_ask(&story->ask, "HEAD", "/bkt/key", "", "", NULL), 200);
    assert_string_equal(model_ask_header(&story->ask, "x-amz-meta-colour"), "blue");
}

static void
checksums_of_parts_and_whole_are_those_of_aws(void **state)
{
    static const struct {
        const char *algorithm;
        const char *type;
        const char *first;
        const char *second;
        const char *whole;
    } cases[] = {
        { "CRC32", "COMPOSITE", "wyCR/w==", "fFWXuQ==", "hctAwQ==-2" },
        { "CRC32", "FULL_OBJECT", "wyCR/w==", "fFWXuQ==", "sK4Y7A==" },
        { "CRC32C", "COMPOSITE", "TpXtPw==", "OrlqYg==", "2oP66A==-2" },
        { "CRC32C", "FULL_OBJECT", "TpXtPw==", "OrlqYg==", "sOO8/Q==" },
        { "CRC64NVME", "FULL_OBJECT", "XFY1fKkSG7U=", "p8jnstQU/6I=", "pRf+emrnL+A=" },
        { "SHA1", "COMPOSITE", "edtYiLXTjhCvvb0UoZzRyqkETGU=", "jspVRjHfnq0UUQ4acK5Ixw+bk4Q=",
            "M4yE98YmMVTuFHTkS3b/IoOYdLs=-2" },
        { "SHA256", "COMPOSITE", "v3GLb2U768GE4UefGTW42pdNcBuJOvz0nnAfPi+fnFo=",
            "LtyYaEfiCbQBbhQabchxbTIHNQ9BaWk4LUMVOb8pLko=",
            "lORMUgejMVuByJYaw85tDZohKWPeWMt2eZE7fax0JVk=-2" },
    };
    struct story *story = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char headers[256];
        char element[64];
        char sum[256];

        (void)snprintf(headers, sizeof(headers),
            "x-amz-checksum-algorithm: %s\nx-amz-checksum-type: %s", cases[i].algorithm,
            cases[i].type);
        begin(story, headers);
        (void)snprintf(headers, sizeof(headers), "x-amz-checksum-%s: %s", cases[i].algorithm,
            cases[i].first);
        assert_int_equal(send(story, 1, headers, 'a', FIRST), 200);
        /* Without one, with another's, and with a wrong one. */
        assert_int_equal(send(story, 2, "", 'a', SECOND), 400);
        assert_int_equal(send(story, 2, headers, 'a', SECOND), 400);
        (void)snprintf(headers, sizeof(headers), "x-amz-checksum-%s: %s", cases[i].algorithm,
            cases[i].second);
        assert_int_equal(send(story, 2, headers, 'b', SECOND), 400);
        assert_int_equal(send(story, 2, headers, 'a', SECOND), 200);
        (void)snprintf(element, sizeof(element), "Checksum%s", cases[i].algorithm);
        list_all(story, 2);
        complete(story, "");
        model_ask_is(&story->ask, 400, "InvalidRequest");
        list_begin(story);
        (void)snprintf(sum, sizeof(sum), "<%s>%s</%s>", element, cases[i].second, element);
        list_add(story, 1, story->etags[1], sum);
        complete(story, "");
        model_ask_is(&story->ask, 400, "InvalidPart");
        list_begin(story);
        (void)snprintf(sum, sizeof(sum), "<%s>%s</%s>", element, cases[i].first, element);
        list_add(story, 1, story->etags[1], sum);
        (void)snprintf(sum, sizeof(sum), "<%s>%s</%s>", element, cases[i].second, element);
        list_add(story, 2, story->etags[2], sum);
        assert_int_equal(complete(story, ""), 200);
        assert_string_equal(model_ask_text(&story->ask, element), cases[i].whole);
        assert_string_equal(model_ask_text(&story->ask, "ChecksumType"), cases[i].type);
    }
}

static void
whole_checksum_is_compared(void **state)
{
    struct story *story = *state;
    const char *sum = "<ChecksumCRC64NVME>XFY1fKkSG7U=</ChecksumCRC64NVME>";

    begin(story, "x-amz-checksum-algorithm: CRC64NVME");
    assert_int_equal(send(story, 1, "x-amz-checksum-crc64nvme: XFY1fKkSG7U=", 'a', FIRST), 200);
    list_begin(story);
    list_add(story, 1, story->etags[1], sum);
    complete(story, "x-amz-checksum-crc64nvme: pRf+emrnL+A=");
    model_ask_is(&story->ask, 400, "BadDigest");
    list_begin(story);
    list_add(story, 1, story->etags[1], sum);
    complete(story, "x-amz-checksum-type: COMPOSITE");
    model_ask_is(&story->ask, 400, "BadDigest");
    assert_null(aks_s3_model_object(story->ask.model, "key"));
    list_begin(story);
    list_add(story, 1, story->etags[1], sum);
    assert_int_equal(complete(story, "x-amz-checksum-crc64nvme: XFY1fKkSG7U=\n"
        "x-amz-checksum-type: FULL_OBJECT"), 200);
}

static void
kinds_of_checksums_that_do_not_exist_are_refused(void **state)
{
    static const char *const headers[] = {
        "x-amz-checksum-algorithm: MD4", "x-amz-checksum-type: FULL_OBJECT",
        "x-amz-checksum-algorithm: SHA256\nx-amz-checksum-type: FULL_OBJECT",
        "x-amz-checksum-algorithm: CRC64NVME\nx-amz-checksum-type: COMPOSITE",
        "x-amz-checksum-algorithm: CRC32\nx-amz-checksum-type: WHOLE",
    };
    struct story *story = *state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        model_ask(&story->ask, "POST", "/bkt/key", "uploads", headers[i], "");
        model_ask_is(&story->ask, 400, "InvalidRequest");
    }
    assert_int_equal(aks_s3_model_uploads_open(story->ask.model), 0);
}

static void
wrong_lists_are_refused_and_leave_the_upload_open(void **state)
{
    struct story *story = *state;

    begin(story, "");
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(send(story, i, "", (char)('a' + i), MODEL_ASK_PART), 200);
    list_begin(story);
    list_add(story, 2, story->etags[2], "");
    list_add(story, 1, story->etags[1], "");
    complete(story, "");
    model_ask_is(&story->ask, 400, "InvalidPartOrder");
    list_begin(story);
    list_add(story, 1, story->etags[1], "");
    list_add(story, 1, story->etags[1], "");
    complete(story, "");
    model_ask_is(&story->ask, 400, "InvalidPartOrder");
    list_begin(story);
    list_add(story, 1, story->etags[2], "");
    complete(story, "");
    model_ask_is(&story->ask, 400, "InvalidPart");
    list_begin(story);
    list_add(story, 4, story->etags[1], "");
    complete(story, "");
    model_ask_is(&story->ask, 400, "InvalidPart");
    list_begin(story);
    complete(story, "");
    model_ask_is(&story->ask, 400, "MalformedXML");
    list_all(story, 3);
    complete(story, "x-amz-mp-object-size: 2999");
    model_ask_is(&story->ask, 400, "InvalidRequest");
    (void)snprintf(story->list, LIST_BYTES, "<CompleteMultipartUpload><Part><PartNumber>x"
        "</PartNumber></Part>");
    complete(story, "");
    model_ask_is(&story->ask, 400, "MalformedXML");
    (void)snprintf(story->list, LIST_BYTES, "<Other/><!--");
    complete(story, "");
    model_ask_is(&story->ask, 400, "MalformedXML");
    assert_int_equal(aks_s3_model_uploads_open(story->ask.model), 1);
    list_begin(story);
    list_add(story, 1, story->etags[1], "");
    list_add(story, 3, story->etags[3], "");
    assert_int_equal(complete(story, "x-amz-mp-object-size: 2000"), 200);
    assert_int_equal(aks_s3_model_object(story->ask.model, "key")->len, 2000);
}

static void
sizes_of_parts_have_a_minimum_and_are_equal(void **state)
{
    struct story *story = *state;

    begin(story, "");
    assert_int_equal(send(story, 1, "", 'a', MODEL_ASK_PART - 1), 200);
    assert_int_equal(send(story, 2, "", 'b', 1), 200);
    list_all(story, 2);
    complete(story, "");
    model_ask_is(&story->ask, 400, "EntityTooSmall");
    assert_string_equal(model_ask_text(&story->ask, "MinSizeAllowed"), "1000");
    assert_int_equal(send(story, 1, "", 'a', MODEL_ASK_PART + 1), 200);
    assert_int_equal(send(story, 2, "", 'b', MODEL_ASK_PART), 200);
    assert_int_equal(send(story, 3, "", 'c', 1), 200);
    list_all(story, 3);
    complete(story, "");
    model_ask_is(&story->ask, 400, "InvalidPart");
    assert_int_equal(send(story, 3, "", 'c', MODEL_ASK_PART + 2), 200);
    assert_int_equal(send(story, 2, "", 'b', MODEL_ASK_PART + 1), 200);
    list_all(story, 3);
    complete(story, "");
    model_ask_is(&story->ask, 400, "InvalidPart");
    assert_int_equal(send(story, 3, "", 'c', 1), 200);
    list_all(story, 3);
    assert_int_equal(complete(story, ""), 200);
}

static void
part_numbers_have_limits(void **state)
{
    static const char *const wrong[] = { "partNumber=0", "partNumber=10001", "partNumber=-1",
        "partNumber=x", "partNumber=", "partNumber=99999999999999999999" };
    struct story *story = *state;

    begin(story, "");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char query[128];

        (void)snprintf(query, sizeof(query), "%s&uploadId=%s", wrong[i], story->id);
        model_ask(&story->ask, "PUT", "/bkt/key", query, "", "x");
        model_ask_is(&story->ask, 400, "InvalidArgument");
    }
    assert_int_equal(send(story, 10000, "", 'x', 1), 200);
}

static void
uploads_that_are_gone_are_gone(void **state)
{
    struct story *story = *state;
    char query[128];

    begin(story, "");
    (void)snprintf(query, sizeof(query), "uploadId=%s", story->id);
    assert_int_equal(model_ask(&story->ask, "DELETE", "/bkt/other", query, "", NULL), 404);
    assert_int_equal(model_ask(&story->ask, "DELETE", "/bkt/key", query, "", NULL), 204);
    model_ask(&story->ask, "DELETE", "/bkt/key", query, "", NULL);
    model_ask_is(&story->ask, 404, "NoSuchUpload");
    model_ask(&story->ask, "GET", "/bkt/key", query, "", NULL);
    model_ask_is(&story->ask, 404, "NoSuchUpload");
    assert_int_equal(send(story, 1, "", 'x', 1), 404);
    list_begin(story);
    list_add(story, 1, "x", "");
    complete(story, "");
    model_ask_is(&story->ask, 404, "NoSuchUpload");
}

static void
aws_answers_a_second_complete_as_the_first(void **state)
{
    struct story *story = *state;

    story->ask.options.profile = AKS_S3_AWS;
    begin(story, "");
    assert_int_equal(send(story, 1, "", 'a', 1), 200);
    list_all(story, 1);
    assert_int_equal(complete(story, ""), 200);
    list_all(story, 1);
    assert_int_equal(complete(story, ""), 200);
    list_begin(story);
    list_add(story, 1, "b7d8ed98d6c6d1f19bd4b1c5f4d7a57c", "");
    complete(story, "");
    model_ask_is(&story->ask, 404, "NoSuchUpload");
    assert_int_equal(aks_s3_model_uploads_open(story->ask.model), 0);
    /* Once somebody else's object is there, it is not ours that was completed. */
    assert_int_equal(aks_s3_model_put(story->ask.model, "key", "x", 1, 0, NULL), AKS_OK);
    list_all(story, 1);
    complete(story, "");
    model_ask_is(&story->ask, 404, "NoSuchUpload");
}

static void
only_so_many_completed_uploads_are_remembered(void **state)
{
    struct story *story = *state;
    char first[ID_BYTES];

    story->ask.options.profile = AKS_S3_VERSITYGW;
    for (unsigned i = 0; i < 300; i++) {
        begin(story, "");
        if (i == 0)
            memcpy(first, story->id, sizeof(first));
        assert_int_equal(send(story, 1, "", 'a', 1), 200);
        list_all(story, 1);
        assert_int_equal(complete(story, ""), 200);
    }
    list_all(story, 1);
    assert_int_equal(complete(story, ""), 200);
    memcpy(story->id, first, sizeof(first));
    list_all(story, 1);
    complete(story, "");
    model_ask_is(&story->ask, 404, "NoSuchUpload");
    assert_int_equal(aks_s3_model_uploads_open(story->ask.model), 0);
}

static void
conditions_hold_on_complete(void **state)
{
    struct story *story = *state;

    assert_int_equal(model_ask(&story->ask, "PUT", "/bkt/key", "", "", "there"), 200);
    begin(story, "If-None-Match: *");
    assert_int_equal(send(story, 1, "", 'a', 1), 200);
    list_all(story, 1);
    complete(story, "If-None-Match: *");
    model_ask_is(&story->ask, 412, "PreconditionFailed");
    assert_string_equal(model_ask_text(&story->ask, "Condition"), "If-None-Match");
    assert_int_equal(aks_s3_model_remove(story->ask.model, "key", NULL), AKS_OK);
    list_all(story, 1);
    complete(story, "If-Match: \"x\"");
    model_ask_is(&story->ask, 404, "NoSuchKey");
    list_all(story, 1);
    assert_int_equal(complete(story, "If-None-Match: *"), 200);
}

static void
complete_fails_inside_of_a_success_as_often_as_planned(void **state)
{
    struct story *story = *state;

    begin(story, "");
    assert_int_equal(send(story, 1, "", 'a', 1), 200);
    aks_s3_model_fail_inside(story->ask.model, "CompleteMultipartUpload", "InternalError", 2);
    for (int i = 0; i < 2; i++) {
        list_all(story, 1);
        complete(story, "");
        model_ask_is(&story->ask, 200, "InternalError");
        assert_null(aks_s3_model_object(story->ask.model, "key"));
    }
    list_all(story, 1);
    assert_int_equal(complete(story, ""), 200);
    model_ask_is(&story->ask, 200, "");
}

static void
parts_are_listed_in_pages(void **state)
{
    struct story *story = *state;
    char query[256];

    begin(story, "");
    for (unsigned i = 1; i <= 5; i += 2)
        assert_int_equal(send(story, i, "", 'a', i), 200);
    (void)snprintf(query, sizeof(query), "uploadId=%s&max-parts=2", story->id);
    assert_int_equal(model_ask(&story->ask, "GET", "/bkt/key", query, "", NULL), 200);
    assert_int_equal(model_ask_count(&story->ask, "Part"), 2);
    assert_string_equal(model_ask_text(&story->ask, "IsTruncated"), "true");
    assert_string_equal(model_ask_text(&story->ask, "NextPartNumberMarker"), "3");
    (void)snprintf(query, sizeof(query), "uploadId=%s&part-number-marker=3", story->id);
    assert_int_equal(model_ask(&story->ask, "GET", "/bkt/key", query, "", NULL), 200);
    assert_int_equal(model_ask_count(&story->ask, "Part"), 1);
    assert_string_equal(model_ask_text(&story->ask, "PartNumber"), "5");
    assert_string_equal(model_ask_text(&story->ask, "Size"), "5");
    assert_string_equal(model_ask_text(&story->ask, "IsTruncated"), "false");
}

static void
open_uploads_are_listed_by_key(void **state)
{
    struct model_ask *ask = &((struct story *)*state)->ask;

    assert_int_equal(model_ask(ask, "POST", "/bkt/b", "uploads", "", ""), 200);
    assert_int_equal(model_ask(ask, "POST", "/bkt/a", "uploads", "", ""), 200);
    assert_int_equal(model_ask(ask, "POST", "/bkt/b", "uploads", "", ""), 200);
    assert_int_equal(model_ask(ask, "GET", "/bkt", "uploads", "", NULL), 200);
    assert_int_equal(model_ask_count(ask, "Upload"), 3);
    assert_string_equal(model_ask_text(ask, "Key"), "a");
    assert_int_equal(model_ask(ask, "GET", "/bkt", "uploads&prefix=b&max-uploads=1", "", NULL),
        200);
    assert_int_equal(model_ask_count(ask, "Upload"), 1);
    assert_string_equal(model_ask_text(ask, "NextKeyMarker"), "b");
    assert_string_equal(model_ask_text(ask, "IsTruncated"), "true");
    assert_int_equal(model_ask(ask, "GET", "/bkt", "uploads&key-marker=a", "", NULL), 200);
    assert_int_equal(model_ask_count(ask, "Upload"), 2);
    model_ask(ask, "GET", "/bkt", "uploads&delimiter=/", "", NULL);
    model_ask_is(ask, 501, "NotImplemented");
}

static void
parts_are_copied_out_of_objects(void **state)
{
    static const struct {
        const char *headers;
        int status;
        const char *code;
    } wrong[] = {
        { "x-amz-copy-source: /bkt/none", 404, "NoSuchKey" },
        { "x-amz-copy-source: /other/from", 404, "NoSuchBucket" },
        { "x-amz-copy-source: bkt", 404, "NoSuchBucket" },
        { "x-amz-copy-source: /bkt/f%", 400, "InvalidArgument" },
        { "x-amz-copy-source: /bkt/a%20b\nx-amz-copy-source-range: bytes=0-10", 400,
            "InvalidArgument" },
        { "x-amz-copy-source: /bkt/a%20b\nx-amz-copy-source-range: bytes=0-", 400,
            "InvalidArgument" },
        { "x-amz-copy-source: /bkt/a%20b\nx-amz-copy-source-range: bytes=-3", 400,
            "InvalidArgument" },
        { "x-amz-copy-source: /bkt/a%20b\nx-amz-copy-source-range: 0-3", 400, "InvalidArgument" },
        { "x-amz-copy-source: /bkt/a%20b\nx-amz-copy-source-if-match: \"x\"", 412,
            "PreconditionFailed" },
        { "x-amz-copy-source: /bkt/a%20b\nx-amz-copy-source-if-none-match: "
            "781e5e245d69b566979b86e28d23f2c7", 412, "PreconditionFailed" },
    };
    struct story *story = *state;
    char query[128];

    assert_int_equal(model_ask(&story->ask, "PUT", "/bkt/a b", "", "", "0123456789"), 200);
    begin(story, "");
    (void)snprintf(query, sizeof(query), "partNumber=1&uploadId=%s", story->id);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        model_ask(&story->ask, "PUT", "/bkt/key", query, wrong[i].headers, NULL);
        model_ask_is(&story->ask, wrong[i].status, wrong[i].code);
    }
    assert_int_equal(model_ask(&story->ask, "PUT", "/bkt/key", query,
        "x-amz-copy-source: bkt/a%20b\nx-amz-copy-source-range: bytes=3-5", NULL), 200);
    assert_string_equal(model_ask_text(&story->ask, "ETag"),
        "&#34;d81f9c1be2e08964bf9f24b15f0e4900&#34;");
    list_begin(story);
    list_add(story, 1, "d81f9c1be2e08964bf9f24b15f0e4900", "");
    assert_int_equal(complete(story, ""), 200);
    assert_memory_equal(aks_s3_model_object(story->ask.model, "key")->data, "345", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_become_one_object),
        TEST(checksums_of_parts_and_whole_are_those_of_aws),
        TEST(whole_checksum_is_compared),
        TEST(kinds_of_checksums_that_do_not_exist_are_refused),
        TEST(wrong_lists_are_refused_and_leave_the_upload_open),
        TEST(sizes_of_parts_have_a_minimum_and_are_equal),
        TEST(part_numbers_have_limits),
        TEST(uploads_that_are_gone_are_gone),
        TEST(aws_answers_a_second_complete_as_the_first),
        TEST(only_so_many_completed_uploads_are_remembered),
        TEST(conditions_hold_on_complete),
        TEST(complete_fails_inside_of_a_success_as_often_as_planned),
        TEST(parts_are_listed_in_pages),
        TEST(open_uploads_are_listed_by_key),
        TEST(parts_are_copied_out_of_objects),
    };

    return cmocka_run_group_tests_name("s3_model_multipart", tests, NULL, NULL);
}
