#include "engine/classify.h"
#include "wire/dates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WALL_MS INT64_C(1795416300000)

struct reply {
    struct aks_http_reply reply;
    struct aks_http_header headers[4];
};

static void
make(struct reply *made, int status, const char *body)
{
    memset(made, 0, sizeof(*made));
    made->reply.status = status;
    made->reply.phase = AKS_HTTP_DONE;
    made->reply.headers = made->headers;
    aks_buf_init(&made->reply.body, aks_alloc_system(), 1 << 20);
    if (body != NULL)
        aks_buf_puts(&made->reply.body, body);
}

static void
add(struct reply *made, const char *name, const char *value)
{
    made->headers[made->reply.header_count].name = name;
    made->headers[made->reply.header_count++].value = value;
}

static enum aks_status
classify(enum aks_dialect dialect, struct reply *made, struct aks_outcome *ret_outcome)
{
    aks_classify(dialect, &made->reply, "cloud: PUT of x", WALL_MS, ret_outcome, NULL);
    aks_buf_fini(&made->reply.body);
    assert_int_equal(ret_outcome->error.status, ret_outcome->status);
    assert_true(ret_outcome->status == AKS_OK ||
        strncmp(ret_outcome->error.message, "cloud: PUT of x: ", 17) == 0);
    return ret_outcome->status;
}

static const struct {
    const char *code;
    int http;
    enum aks_status status;
} s3_codes[] = {
    { "SlowDown", 503, AKS_THROTTLED }, { "SlowDownRead", 503, AKS_THROTTLED },
    { "SlowDownWrite", 503, AKS_THROTTLED }, { "TooManyRequests", 429, AKS_THROTTLED },
    { "ErrTooManyRequest", 503, AKS_THROTTLED }, { "ThrottlingException", 400, AKS_THROTTLED },
    { "Throttling", 400, AKS_THROTTLED }, { "RequestLimitExceeded", 503, AKS_THROTTLED },
    { "BandwidthLimitExceeded", 503, AKS_THROTTLED },
    { "RequestThrottled", 400, AKS_THROTTLED },
    { "KMS.ThrottlingException", 400, AKS_THROTTLED },
    { "ServiceUnavailable", 503, AKS_SERVER }, { "ServerBusy", 503, AKS_SERVER },
    { "InternalError", 500, AKS_SERVER }, { "InternalError", 200, AKS_SERVER },
    { "SomethingNew", 200, AKS_SERVER }, { "PriorRequestNotComplete", 400, AKS_SERVER },
    { "OperationAborted", 409, AKS_SERVER }, { "XMinioServerNotInitialized", 503, AKS_SERVER },
    { "IDPCommunicationError", 400, AKS_SERVER }, { "ClientDisconnect", 400, AKS_SERVER },
    { "RequestTimeout", 400, AKS_TIMEOUT }, { "RequestTimeout", 503, AKS_TIMEOUT },
    { "BadDigest", 400, AKS_CORRUPT }, { "XAmzContentSHA256Mismatch", 400, AKS_CORRUPT },
    { "XAmzContentChecksumMismatch", 400, AKS_CORRUPT }, { "IncompleteBody", 400, AKS_CORRUPT },
    { "RequestTimeTooSkewed", 403, AKS_CLOCK_SKEW }, { "RequestExpired", 400, AKS_CLOCK_SKEW },
    { "ExpiredRequest", 400, AKS_CLOCK_SKEW }, { "ExpiredToken", 400, AKS_AUTH_EXPIRED },
    { "ExpiredTokenException", 400, AKS_AUTH_EXPIRED },
    { "TokenRefreshRequired", 400, AKS_AUTH_EXPIRED },
    { "InvalidToken", 400, AKS_AUTH_INVALID },
    { "InvalidTokenId", 403, AKS_AUTH_INVALID },
    { "XAdminUserNotFound", 404, AKS_AUTH_INVALID },
    { "InvalidAccessKeyId", 403, AKS_AUTH_INVALID },
    { "SignatureDoesNotMatch", 403, AKS_AUTH_INVALID },
    { "Unauthorized", 401, AKS_AUTH_INVALID },
    { "AccessDenied", 403, AKS_FORBIDDEN }, { "AllAccessDisabled", 403, AKS_FORBIDDEN },
    { "AccountProblem", 403, AKS_FORBIDDEN }, { "NotSignedUp", 403, AKS_FORBIDDEN },
    { "NotEntitled", 403, AKS_FORBIDDEN }, { "InvalidObjectState", 403, AKS_FORBIDDEN },
    { "ObjectLockedByBucketPolicy", 403, AKS_FORBIDDEN },
    { "KMS.DisabledException", 400, AKS_FORBIDDEN },
    { "NoSuchBucket", 404, AKS_NOT_FOUND }, { "NoSuchKey", 404, AKS_NOT_FOUND },
    { "NoSuchUpload", 404, AKS_NOT_FOUND }, { "PreconditionFailed", 412, AKS_CONFLICT },
    { "ConditionalRequestConflict", 409, AKS_CONFLICT }, { "InvalidPart", 400, AKS_CONFLICT },
    { "ObjectParentIsFile", 409, AKS_CONFLICT },
    { "ExistingObjectIsDirectory", 409, AKS_CONFLICT },
    { "EntityTooLarge", 400, AKS_TOO_LARGE },
    { "MaxMessageLengthExceeded", 400, AKS_TOO_LARGE },
    { "QuotaExceeded", 403, AKS_NO_SPACE }, { "InsufficientStorage", 507, AKS_NO_SPACE },
    { "XMinioStorageFull", 507, AKS_NO_SPACE }, { "PermanentRedirect", 301, AKS_SETTINGS },
    { "TemporaryRedirect", 307, AKS_BAD_REPLY },
    { "AuthorizationHeaderMalformed", 400, AKS_SETTINGS },
    { "IllegalLocationConstraintException", 400, AKS_SETTINGS },
    { "InvalidBucketName", 400, AKS_SETTINGS }, { "KeyTooLongError", 400, AKS_SETTINGS },
    { "InvalidURI", 400, AKS_SETTINGS }, { "EntityTooSmall", 400, AKS_SETTINGS },
    { "NotImplemented", 501, AKS_SETTINGS }, { "MethodNotAllowed", 405, AKS_SETTINGS },
    { "InvalidArgument", 400, AKS_SETTINGS }, { "InvalidRequest", 400, AKS_SETTINGS },
    { "InvalidDigest", 400, AKS_SETTINGS }, { "InvalidPartOrder", 400, AKS_SETTINGS },
    { "InvalidRange", 416, AKS_SETTINGS }, { "MalformedXML", 400, AKS_SETTINGS },
    { "MalformedTrailerError", 400, AKS_SETTINGS },
    { "InvalidChunkSizeError", 400, AKS_SETTINGS },
    { "MetadataTooLarge", 400, AKS_SETTINGS }, { "MissingContentLength", 411, AKS_SETTINGS },
    { "SomethingNew", 403, AKS_FORBIDDEN }, { "SomethingNew", 500, AKS_SERVER },
};

static void
every_code_of_s3_means_one_failure(void **state)
{
    for (size_t i = 0; i < sizeof(s3_codes) / sizeof(s3_codes[0]); i++) {
        struct aks_outcome outcome;
        struct reply made;
        char body[256];

        (void)snprintf(body, sizeof(body), "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code>"
            "<Message>why</Message><RequestId>R1</RequestId></Error>", s3_codes[i].code);
        make(&made, s3_codes[i].http, body);
        if (classify(AKS_DIALECT_S3, &made, &outcome) != s3_codes[i].status)
            fail_msg("%s is %s", s3_codes[i].code, aks_status_name(outcome.status));
        assert_int_equal(outcome.http_status, s3_codes[i].http);
        assert_int_equal(outcome.retry_after_ms, -1);
        assert_non_null(strstr(outcome.error.message, s3_codes[i].code));
        assert_non_null(strstr(outcome.error.message, ": why (HTTP "));
        assert_non_null(strstr(outcome.error.message, "request R1"));
    }
}

static void
a_status_alone_means_one_failure_in_both_dialects(void **state)
{
    static const struct {
        int http;
        enum aks_status status;
    } rows[] = {
        { 200, AKS_OK }, { 201, AKS_OK }, { 204, AKS_OK }, { 100, AKS_BAD_REPLY },
        { 301, AKS_BAD_REPLY }, { 302, AKS_BAD_REPLY }, { 307, AKS_BAD_REPLY },
        { 308, AKS_BAD_REPLY },
        { 304, AKS_BAD_REPLY }, { 400, AKS_SETTINGS }, { 401, AKS_AUTH_INVALID },
        { 403, AKS_FORBIDDEN },
        { 404, AKS_NOT_FOUND }, { 405, AKS_SETTINGS }, { 407, AKS_AUTH_INVALID },
        { 408, AKS_TIMEOUT },
        { 409, AKS_CONFLICT }, { 410, AKS_NOT_FOUND }, { 412, AKS_CONFLICT },
        { 413, AKS_TOO_LARGE },
        { 415, AKS_SETTINGS }, { 425, AKS_SERVER }, { 429, AKS_THROTTLED }, { 500, AKS_SERVER },
        { 501, AKS_SETTINGS }, { 502, AKS_SERVER }, { 503, AKS_SERVER }, { 504, AKS_SERVER },
        { 507, AKS_NO_SPACE }, { 509, AKS_THROTTLED }, { 511, AKS_OFFLINE }, { 522, AKS_SERVER },
        { 524, AKS_SERVER }, { 600, AKS_BAD_REPLY },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int dialect = AKS_DIALECT_S3; dialect <= AKS_DIALECT_HTTP; dialect++) {
            struct aks_outcome outcome;
            struct reply made;

            make(&made, rows[i].http, i % 2 == 0 ? NULL : "<html><body>proxy</body></html>");
            assert_int_equal(classify((enum aks_dialect)dialect, &made, &outcome), rows[i].status);
            assert_int_equal(outcome.http_status, rows[i].http);
        }
    }
}

static void
redirects_are_told_and_not_followed(void **state)
{
    struct aks_outcome outcome;
    struct reply made;

    make(&made, 302, NULL);
    add(&made, "Location", "https://elsewhere.example/?token=secret");
    assert_int_equal(classify(AKS_DIALECT_HTTP, &made, &outcome), AKS_BAD_REPLY);
    assert_non_null(strstr(outcome.error.message, "which is not followed"));
    assert_null(strstr(outcome.error.message, "secret"));
}

static void
an_error_inside_a_success_is_an_error_in_s3_only(void **state)
{
    const char *body = "\n  <Error><Code>InternalError</Code></Error>";
    struct aks_outcome outcome;
    struct reply made;

    make(&made, 200, body);
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_SERVER);
    make(&made, 200, body);
    assert_int_equal(classify(AKS_DIALECT_HTTP, &made, &outcome), AKS_OK);
    make(&made, 200, "{\"Error\": 1}");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_OK);
    make(&made, 200, "<Errors><Code>x</Code></Errors>");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_OK);
}

static void
retry_after_is_read_in_all_its_forms(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        int64_t ms;
    } rows[] = {
        { "Retry-After", "40", 40000 }, { "retry-after", "0", 0 },
        { "Retry-After", "Mon, 23 Nov 2026 06:46:00 GMT", 60000 },
        { "Retry-After", "Mon, 23 Nov 2026 06:00:00 GMT", 0 }, { "Retry-After", "soon", -1 },
        { "Retry-After", "99999999999", AKS_RETRY_AFTER_MS_MAX },
        { "x-amz-retry-after", "1500", 1500 },
        { "x-amz-retry-after", "99999999999999999999", AKS_RETRY_AFTER_MS_MAX },
        { "x-amz-retry-after", "1.5", -1 }, { "x-amz-retry-after", "-1", -1 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aks_outcome outcome;
        struct reply made;

        make(&made, 503, NULL);
        add(&made, rows[i].name, rows[i].value);
        assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome),
            rows[i].ms >= 0 ? AKS_THROTTLED : AKS_SERVER);
        assert_int_equal(outcome.retry_after_ms, rows[i].ms);
    }
}

static void
a_broken_transport_is_what_it_is_unless_the_server_had_refused(void **state)
{
    static const struct {
        enum aks_status transport;
        int http;
        enum aks_status status;
    } rows[] = {
        { AKS_DNS, 0, AKS_DNS }, { AKS_REFUSED, 0, AKS_REFUSED }, { AKS_OFFLINE, 0, AKS_OFFLINE },
        { AKS_CONNECT_TIMEOUT, 0, AKS_CONNECT_TIMEOUT }, { AKS_TLS, 0, AKS_TLS },
        { AKS_TIMEOUT, 0, AKS_TIMEOUT }, { AKS_STALLED, 0, AKS_STALLED },
        { AKS_BAD_REPLY, 0, AKS_BAD_REPLY }, { AKS_BAD_REPLY, 200, AKS_BAD_REPLY },
        { AKS_BAD_REPLY, 403, AKS_FORBIDDEN }, { AKS_STALLED, 503, AKS_SERVER },
        { AKS_TOO_LARGE, 404, AKS_NOT_FOUND }, { AKS_TOO_LARGE, 200, AKS_TOO_LARGE },
        { AKS_SOURCE_CHANGED, 0, AKS_SOURCE_CHANGED },
        { AKS_SOURCE_CHANGED, 403, AKS_SOURCE_CHANGED },
        { AKS_INTERNAL, 0, AKS_BAD_REPLY },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aks_outcome outcome;
        struct reply made;

        make(&made, rows[i].http, NULL);
        made.reply.transport = rows[i].transport;
        (void)aks_error_set(&made.reply.error, rows[i].transport, "why\nso");
        assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), rows[i].status);
        assert_int_equal(outcome.http_status, rows[i].http);
        assert_null(strchr(outcome.error.message, '\n'));
    }
}

static void
people_get_a_hint_and_one_clean_line(void **state)
{
    struct aks_outcome outcome;
    struct reply made;

    make(&made, 404, "<Error><Code>NoSuchBucket</Code><Message>no\nsuch\tbucket</Message></Error>");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_NOT_FOUND);
    assert_string_equal(outcome.error.message,
        "cloud: PUT of x: NoSuchBucket: no such bucket (HTTP 404)");
    assert_non_null(strstr(outcome.error.hint, "create the bucket"));
    make(&made, 400, "<Error><Code>AuthorizationHeaderMalformed</Code>"
        "<Region>eu-west-1</Region></Error>");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_SETTINGS);
    assert_string_equal(outcome.error.hint, "set `region` of this target to \"eu-west-1\"");
    make(&made, 403, "<Error><Code>AccessDenied</Code>"
        "<Message>Request has expired</Message></Error>");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_CLOCK_SKEW);
    make(&made, 403, NULL);
    add(&made, "x-amz-request-id", "ABC\r");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_FORBIDDEN);
    assert_non_null(strstr(outcome.error.message, "request ABC )"));
    /* What some terminals obey: one byte, and the same as UTF-8. */
    make(&made, 403, NULL);
    add(&made, "x-amz-request-id", "A\x9b" "31mB\xc2\x9b" "31m\xc3\xa4");
    assert_int_equal(classify(AKS_DIALECT_S3, &made, &outcome), AKS_FORBIDDEN);
    assert_non_null(strstr(outcome.error.message, "request A?31mB  31m\xc3\xa4)"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_of_s3_means_one_failure),
        cmocka_unit_test(a_status_alone_means_one_failure_in_both_dialects),
        cmocka_unit_test(redirects_are_told_and_not_followed),
        cmocka_unit_test(an_error_inside_a_success_is_an_error_in_s3_only),
        cmocka_unit_test(retry_after_is_read_in_all_its_forms),
        cmocka_unit_test(a_broken_transport_is_what_it_is_unless_the_server_had_refused),
        cmocka_unit_test(people_get_a_hint_and_one_clean_line),
    };

    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
