/* What an S3 target learns of its place: available, the causes it mends, the address it makes. */
#include "engine/s3_script.h"
#include "engine/state.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "HEAD " S3_SCRIPT_MARKER
#define GET "GET " S3_SCRIPT_MARKER
#define PUT "PUT " S3_SCRIPT_MARKER
#define PROBE S3_SCRIPT_MARKER ".probe"
#define CODE(code) "<Error><Code>" code "</Code><Message>why</Message></Error>"

static void
begin(struct s3_script *script)
{
    s3_script_begin(script, aks_alloc_system());
    s3_script_create(script);
}

static void
a_marker_that_is_there_costs_one_request(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_int_equal(script.scripted.requests[0].connect_timeout_ms, 1000);
    assert_int_equal(script.scripted.requests[0].answer_timeout_ms, 1000);
    s3_script_end(&script);
}

static void
a_marker_that_is_absent_is_asked_for_by_get(void **state)
{
    static const int heads[] = { 404, 403, 400, 301 };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct s3_script script;

        begin(&script);
        scripted_expect(&script.scripted, HEAD, heads[i], NULL, NULL);
        scripted_expect(&script.scripted, GET, 404, NULL, CODE("NoSuchKey"));
        assert_int_equal(s3_script_available(&script), AKS_OK);
        s3_script_end(&script);
    }
}

static void
a_get_that_is_denied_may_only_mean_absent(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("AccessDenied"));
    scripted_expect(&script.scripted, PUT, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_int_equal(scripted_last(&script.scripted)->body_len, 0);
    s3_script_end(&script);

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("AccessDenied"));
    scripted_expect(&script.scripted, PUT, 403, NULL, CODE("AccessDenied"));
    assert_int_equal(s3_script_available(&script), AKS_FORBIDDEN);
    assert_int_equal(script.done.outcome.verdict, AKS_NEXT_TARGET);
    s3_script_end(&script);
}

static void
what_a_get_says_is_what_is_told(void **state)
{
    static const struct {
        int http;
        const char *body;
        enum aks_status status;
    } rows[] = {
        { 404, CODE("NoSuchBucket"), AKS_NOT_FOUND }, { 404, NULL, AKS_NOT_FOUND },
        { 403, CODE("SignatureDoesNotMatch"), AKS_AUTH_INVALID },
        { 400, CODE("ExpiredToken"), AKS_AUTH_EXPIRED }, { 503, CODE("SlowDown"), AKS_THROTTLED },
        { 501, CODE("NotImplemented"), AKS_SETTINGS },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_script script;

        begin(&script);
        scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
        scripted_expect(&script.scripted, GET, rows[i].http, NULL, rows[i].body);
        assert_int_equal(s3_script_available(&script), rows[i].status);
        assert_int_equal(script.done.outcome.verdict, AKS_NEXT_TARGET);
        s3_script_end(&script);
    }
}

static void
a_failed_head_that_is_no_answer_to_us_ends_the_probe(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_fails(&script.scripted, HEAD, AKS_REFUSED, AKS_HTTP_CONNECT);
    assert_int_equal(s3_script_available(&script), AKS_REFUSED);
    scripted_expect(&script.scripted, HEAD, 503, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_SERVER);
    scripted_expect(&script.scripted, HEAD, 429, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_THROTTLED);
    s3_script_end(&script);
}

static void
a_server_that_stays_silent_is_left_in_time(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL)->silent = true;
    assert_int_equal(s3_script_available(&script), AKS_TIMEOUT);
    assert_true(script.scripted.now_ns <= INT64_C(1100000000));
    assert_int_equal(script.scripted.cancelled, 1);
    s3_script_end(&script);
}

static void
a_clock_that_is_wrong_is_put_right_once(void **state)
{
    const char *body = "<Error><Code>RequestTimeTooSkewed</Code>"
        "<ServerTime>2026-11-23T08:45:00Z</ServerTime></Error>";
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, body);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_string_equal(scripted_header(&script.scripted, 0, "x-amz-date"), "20261123T064500Z");
    assert_string_equal(scripted_header(&script.scripted, 2, "x-amz-date"), "20261123T084500Z");
    s3_script_end(&script);

    /* By the Date header; and a server that goes on complaining is believed. */
    begin(&script);
    for (int i = 0; i < 2; i++) {
        scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
        scripted_expect(&script.scripted, GET, 403,
            i == 0 ? "Date: Mon, 23 Nov 2026 05:00:00 GMT\n"
                : "Date: Mon, 23 Nov 2026 04:00:00 GMT\n",
            CODE("RequestTimeTooSkewed"));
    }
    assert_int_equal(s3_script_available(&script), AKS_CLOCK_SKEW);
    assert_string_equal(scripted_header(&script.scripted, 2, "x-amz-date"), "20261123T050000Z");
    s3_script_end(&script);
}

static void
a_region_that_a_reply_names_is_taken_once(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
    scripted_expect(&script.scripted, GET, 400, NULL,
        "<Error><Code>AuthorizationHeaderMalformed</Code><Region>garage</Region></Error>");
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_non_null(strstr(scripted_header(&script.scripted, 2, "authorization"), "/garage/s3/"));
    s3_script_end(&script);

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 301, "x-amz-bucket-region: eu-west-1\n", NULL);
    scripted_expect(&script.scripted, HEAD, 301, "x-amz-bucket-region: eu-west-2\n", NULL);
    scripted_expect(&script.scripted, GET, 301, "x-amz-bucket-region: eu-west-3\n", NULL);
    assert_int_equal(s3_script_available(&script), AKS_BAD_REPLY);
    s3_script_end(&script);

    /* A region is no way to get another host into the address. */
    begin(&script);
    scripted_expect(&script.scripted, HEAD, 400, "x-amz-bucket-region: a.evil.example/\n", NULL);
    scripted_expect(&script.scripted, GET, 404, NULL, CODE("NoSuchKey"));
    assert_int_equal(s3_script_available(&script), AKS_OK);
    s3_script_end(&script);
}

/* There is none, and none is put: whoever may not list is not told that. */
static void
without_markers_nothing_is_put(void **state)
{
    struct s3_script script;

    s3_script_begin(&script, aks_alloc_system());
    script.target_settings.no_markers = true;
    s3_script_create(&script);
    scripted_expect(&script.scripted, HEAD, 404, NULL, NULL);
    scripted_expect(&script.scripted, GET, 404, NULL, CODE("NoSuchKey"));
    assert_int_equal(s3_script_available(&script), AKS_OK);
    scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("AccessDenied"));
    assert_int_equal(s3_script_available(&script), AKS_OK);
    scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("SignatureDoesNotMatch"));
    assert_int_equal(s3_script_available(&script), AKS_AUTH_INVALID);
    scripted_expect(&script.scripted, HEAD, 404, NULL, NULL);
    scripted_expect(&script.scripted, GET, 404, NULL, CODE("NoSuchBucket"));
    assert_int_not_equal(s3_script_available(&script), AKS_OK);
    s3_script_end(&script);
}

static void
at_aws_a_region_changes_the_address(void **state)
{
    struct s3_script script;

    s3_script_begin(&script, aks_alloc_system());
    script.target_settings.endpoint = NULL;
    s3_script_create(&script);
    scripted_expect(&script.scripted, "HEAD /pre/systems/laptop-7/", 301,
        "x-amz-bucket-region: eu-central-1\n", NULL);
    scripted_expect(&script.scripted, "HEAD /pre/systems/laptop-7/", 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_string_equal(script.scripted.requests[0].url,
        "https://bucket.s3.us-east-1.amazonaws.com/pre/systems/laptop-7/");
    assert_string_equal(script.scripted.requests[1].url,
        "https://bucket.s3.eu-central-1.amazonaws.com/pre/systems/laptop-7/");
    s3_script_end(&script);
}

static void
credentials_that_were_renewed_meanwhile_are_read_again(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_set(&script.scripted, "AWS_SESSION_TOKEN=PLANTEDrenewed");
    scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
    scripted_expect(&script.scripted, GET, 400, NULL, CODE("ExpiredToken"));
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_string_equal(scripted_header(&script.scripted, 1, "x-amz-security-token"),
        S3_SCRIPT_TOKEN);
    assert_string_equal(scripted_header(&script.scripted, 2, "x-amz-security-token"),
        "PLANTEDrenewed");
    /* The same ones again would change nothing. */
    scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
    scripted_expect(&script.scripted, GET, 400, NULL, CODE("ExpiredToken"));
    assert_int_equal(s3_script_available(&script), AKS_AUTH_EXPIRED);
    s3_script_end(&script);
}

static void
a_server_that_repeats_a_secret_is_not_quoted(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, "<Error><Code>SignatureDoesNotMatch</Code>"
        "<Message>you sent " S3_SCRIPT_TOKEN "</Message></Error>");
    assert_int_equal(s3_script_available(&script), AKS_AUTH_INVALID);
    assert_non_null(strstr(script.done.outcome.error.message, "[redacted]"));
    s3_script_end(&script);
}

/* The probe for CRC64NVME: a wrong checksum must be refused, the right one taken. */
static void
crc_is_used_only_where_it_is_checked(void **state)
{
    static const struct {
        int wrong;
        int right;
        bool crc;
    } rows[] = {
        { 400, 200, true }, { 400, 400, false }, { 200, 0, false }, { 501, 0, false },
        { 503, 0, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_script script;

        s3_script_begin(&script, aks_alloc_system());
        script.target_settings.payload = AKS_PAYLOAD_CRC64;
        s3_script_create(&script);
        assert_int_equal(aks_target_s3.part_check(script.target), AKS_PART_SHA256);
        scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
        scripted_expect(&script.scripted, "PUT " PROBE, rows[i].wrong, NULL,
            rows[i].wrong == 400 ? CODE("BadDigest") : NULL);
        if (rows[i].right != 0)
            scripted_expect(&script.scripted, "PUT " PROBE, rows[i].right, NULL, NULL);
        if (rows[i].right == 200 || rows[i].wrong == 200)
            scripted_expect(&script.scripted, "DELETE " PROBE, 403, NULL, NULL);
        assert_int_equal(s3_script_available(&script), AKS_OK);
        assert_int_equal(aks_target_s3.part_check(script.target),
            rows[i].crc ? AKS_PART_CRC64NVME : AKS_PART_SHA256);
        assert_string_equal(scripted_header(&script.scripted, 1, "x-amz-content-sha256"),
            "UNSIGNED-PAYLOAD");
        s3_script_end(&script);
    }
}

static void
a_crc_probe_that_hangs_does_not_make_the_target_unavailable(void **state)
{
    struct s3_script script;

    s3_script_begin(&script, aks_alloc_system());
    script.target_settings.payload = AKS_PAYLOAD_CRC64;
    s3_script_create(&script);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    scripted_expect(&script.scripted, "PUT " PROBE, 400, NULL, NULL)->silent = true;
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_int_equal(aks_target_s3.part_check(script.target), AKS_PART_SHA256);
    s3_script_end(&script);
}

static void
parts_with_crc_are_completed_with_it(void **state)
{
    struct s3_script script;

    s3_script_begin(&script, aks_alloc_system());
    script.target_settings.payload = AKS_PAYLOAD_CRC64;
    s3_script_create(&script);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    scripted_expect(&script.scripted, "PUT " PROBE, 400, NULL, CODE("BadDigest"));
    scripted_expect(&script.scripted, "PUT " PROBE, 200, NULL, NULL);
    scripted_expect(&script.scripted, "DELETE " PROBE, 204, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    s3_script_open(&script);
    scripted_expect(&script.scripted, "POST " S3_SCRIPT_PATH "?uploads=", 200, NULL,
        "<InitiateMultipartUploadResult><UploadId>i</UploadId></InitiateMultipartUploadResult>");
    scripted_expect(&script.scripted, "PUT " S3_SCRIPT_PATH "?partNumber=1&uploadId=i", 200,
        "ETag: \"one\"\n", NULL);
    scripted_expect(&script.scripted, "PUT " S3_SCRIPT_PATH "?partNumber=2&uploadId=i", 200,
        "ETag: \"two\"\n", NULL);
    scripted_expect(&script.scripted, "POST " S3_SCRIPT_PATH "?uploadId=i", 200, NULL,
        "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>");
    scripted_expect(&script.scripted, "HEAD " S3_SCRIPT_PATH, 200, "Content-Length: 13\n", NULL);
    s3_script_send(&script, 1, 10, false);
    assert_int_equal(s3_script_sent(&script, 1), AKS_OK);
    s3_script_send(&script, 2, 3, true);
    assert_int_equal(s3_script_sent(&script, 2), AKS_OK);
    assert_int_equal(s3_script_finish(&script, 13), AKS_OK);
    assert_string_equal(scripted_header(&script.scripted, 4, "x-amz-checksum-algorithm"),
        "CRC64NVME");
    assert_string_equal(scripted_header(&script.scripted, 5, "x-amz-content-sha256"),
        "UNSIGNED-PAYLOAD");
    assert_non_null(scripted_header(&script.scripted, 5, "x-amz-checksum-crc64nvme"));
    /* CRC-64/NVME of thirteen p, big-endian, in base64. */
    assert_string_equal(scripted_header(&script.scripted, 7, "x-amz-checksum-crc64nvme"),
        "3k5rZtGBcgA=");
    assert_string_equal(scripted_header(&script.scripted, 7, "x-amz-checksum-type"), "FULL_OBJECT");
    assert_non_null(strstr(script.scripted.requests[7].body, "<ChecksumCRC64NVME>"));
    s3_script_end(&script);
}

static void
what_was_learnt_is_remembered(void **state)
{
    struct temp_folder *folder = temp_folder_new();
    struct aks_state *memory = NULL;
    struct aks_os *os = NULL;
    struct s3_script script;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    assert_int_equal(aks_state_open(aks_alloc_system(), &aks_os_port(os)->files,
        temp_folder_path(folder), &memory, NULL), AKS_OK);
    for (int again = 0; again < 2; again++) {
        s3_script_begin(&script, aks_alloc_system());
        script.options.state = memory;
        script.target_settings.payload = AKS_PAYLOAD_CRC64;
        s3_script_create(&script);
        if (!again) {
            scripted_expect(&script.scripted, HEAD, 400, "x-amz-bucket-region: eu-west-1\n", NULL);
            scripted_expect(&script.scripted, "PUT " PROBE, 400, NULL, CODE("BadDigest"));
            scripted_expect(&script.scripted, "PUT " PROBE, 200, NULL, NULL);
            scripted_expect(&script.scripted, "DELETE " PROBE, 204, NULL, NULL);
        }
        scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
        assert_int_equal(s3_script_available(&script), AKS_OK);
        assert_int_equal(aks_target_s3.part_check(script.target), AKS_PART_CRC64NVME);
        assert_non_null(strstr(scripted_header(&script.scripted,
            script.scripted.request_count - 1, "authorization"), "/eu-west-1/s3/"));
        s3_script_end(&script);
    }
    aks_state_close(memory);
    aks_os_close(os);
    temp_folder_free(folder);
}

struct address {
    const char *endpoint;
    const char *bucket;
    const char *region;
    int path_style;
    const char *variables[3];
    const char *url;                    /* of the bucket's list; NULL: AKS_SETTINGS */
    const char *scope;
};

static void
check_address(const struct address *row)
{
    struct aks_target_settings *settings;
    struct s3_script script;
    struct aks_error err;
    char bucket[64];
    char region[64];
    char endpoint[64];

    s3_script_begin(&script, aks_alloc_system());
    settings = &script.target_settings;
    (void)strcpy(bucket, row->bucket);
    (void)strcpy(region, row->region);
    settings->bucket = bucket;
    settings->region = region;
    settings->endpoint = row->endpoint != NULL ? strcpy(endpoint, row->endpoint) : NULL;
    settings->path_style = row->path_style;
    for (size_t i = 0; i < 3 && row->variables[i] != NULL; i++)
        scripted_set(&script.scripted, row->variables[i]);
    scripted_file(&script.scripted, "/home/test/.aws/config",
        "[default]\nregion=eu-west-3\n[profile bad]\nregion = a/b\n", 0600);
    if (row->url == NULL) {
        assert_int_equal(aks_target_s3.create(&script.options, &script.target, &err), AKS_SETTINGS);
        assert_non_null(strstr(err.message, "cloud"));
    } else {
        s3_script_create(&script);
        scripted_expect(&script.scripted, strchr(row->url, ' ') + 1, 200, NULL, NULL);
        assert_int_equal(s3_script_available(&script), AKS_OK);
        assert_memory_equal(scripted_last(&script.scripted)->url, row->url,
            (size_t)(strchr(row->url, ' ') - row->url));
        assert_non_null(strstr(scripted_header(&script.scripted, 0, "authorization"), row->scope));
    }
    s3_script_end(&script);
}

static void
addresses_are_made_as_settings_and_environment_say(void **state)
{
    static const struct address rows[] = {
        { NULL, "b", "auto", -1, { NULL },
            "https://b.s3.eu-west-3.amazonaws.com/ HEAD /pre/systems/laptop-7/", "/eu-west-3/" },
        { NULL, "b", "auto", -1, { "AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-2" },
            "https://b.s3.eu-west-2.amazonaws.com/ HEAD /pre/systems/laptop-7/", "/eu-west-2/" },
        { NULL, "b", "us-west-2", -1, { "AWS_REGION=eu-west-2" },
            "https://b.s3.us-west-2.amazonaws.com/ HEAD /pre/systems/laptop-7/", "/us-west-2/" },
        { NULL, "b", "cn-north-1", -1, { NULL },
            "https://b.s3.cn-north-1.amazonaws.com.cn/ HEAD /pre/systems/laptop-7/",
            "/cn-north-1/" },
        { NULL, "b.c", "eu-west-1", -1, { NULL },
            "https://s3.eu-west-1.amazonaws.com/b.c/ HEAD /b.c/pre/systems/laptop-7/",
            "/eu-west-1/" },
        { NULL, "b", "eu-west-1", 1, { NULL },
            "https://s3.eu-west-1.amazonaws.com/b/ HEAD /b/pre/systems/laptop-7/", "/eu-west-1/" },
        { "http://127.0.0.1:7070", "b", "auto", -1, { "AWS_REGION=eu-west-2" },
            "http://127.0.0.1:7070/b/ HEAD /b/pre/systems/laptop-7/", "/us-east-1/" },
        { "https://h.example/s3", "b", "auto", 0, { NULL },
            "https://b.h.example/s3/ HEAD /s3/pre/systems/laptop-7/", "/us-east-1/" },
        { NULL, "b", "auto", -1, { "AWS_ENDPOINT_URL=https://two.example",
            "AWS_ENDPOINT_URL_S3=https://one.example" },
            "https://one.example/b/ HEAD /b/pre/systems/laptop-7/", "/us-east-1/" },
        { NULL, "b", "eu-west-1", -1, { "AWS_ENDPOINT_URL=https://two.example",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE" },
            "https://b.s3.eu-west-1.amazonaws.com/ HEAD /pre/systems/laptop-7/", "/eu-west-1/" },
        { NULL, "b", "auto", -1, { "AWS_ENDPOINT_URL=http://two.example" }, NULL, NULL },
        { NULL, "b", "auto", -1, { "AWS_REGION=a/b" }, NULL, NULL },
        { NULL, "b", "auto", -1, { "AWS_PROFILE=bad" }, NULL, NULL },
        { NULL, "b", "a.b", -1, { NULL }, NULL, NULL },
        { "https://h.example/a%20b", "b", "auto", -1, { NULL }, NULL, NULL },
        { "http://127.0.0.1:1", "b", "auto", 0, { NULL }, NULL, NULL },
        { "ftp://h.example", "b", "auto", -1, { NULL }, NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_address(&rows[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_marker_that_is_there_costs_one_request),
        cmocka_unit_test(a_marker_that_is_absent_is_asked_for_by_get),
        cmocka_unit_test(a_get_that_is_denied_may_only_mean_absent),
        cmocka_unit_test(what_a_get_says_is_what_is_told),
        cmocka_unit_test(a_failed_head_that_is_no_answer_to_us_ends_the_probe),
        cmocka_unit_test(a_server_that_stays_silent_is_left_in_time),
        cmocka_unit_test(a_clock_that_is_wrong_is_put_right_once),
        cmocka_unit_test(a_region_that_a_reply_names_is_taken_once),
        cmocka_unit_test(without_markers_nothing_is_put),
        cmocka_unit_test(at_aws_a_region_changes_the_address),
        cmocka_unit_test(credentials_that_were_renewed_meanwhile_are_read_again),
        cmocka_unit_test(a_server_that_repeats_a_secret_is_not_quoted),
        cmocka_unit_test(crc_is_used_only_where_it_is_checked),
        cmocka_unit_test(a_crc_probe_that_hangs_does_not_make_the_target_unavailable),
        cmocka_unit_test(parts_with_crc_are_completed_with_it),
        cmocka_unit_test(what_was_learnt_is_remembered),
        cmocka_unit_test(addresses_are_made_as_settings_and_environment_say),
    };

    return cmocka_run_group_tests_name("target_s3_probe", tests, NULL, NULL);
}
