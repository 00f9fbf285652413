#include "wire/s3_xml.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

/* Appends to a text in an array of ${bytes}. */
static void
put(char *text, size_t bytes, const char *more)
{
    size_t len = strlen(text);

    assert_true(len + strlen(more) < bytes);
    memcpy(text + len, more, strlen(more) + 1);
}

/* <Error> */

static enum aks_status
read_error(const char *xml, struct aks_s3_error *ret_error, struct aks_error *err)
{
    memset(ret_error, 'x', sizeof(*ret_error));
    return aks_s3_xml_error(xml, strlen(xml), ret_error, err);
}

static void
error_gives_its_fields(void **state)
{
    static const char xml[] = DECLARATION
        "<Error><Code>RequestTimeTooSkewed</Code>"
        "<Message>The difference &lt;is&gt; large.</Message>"
        "<RequestTime>20130524T000000Z</RequestTime><ServerTime>2013-05-24T01:00:00Z</ServerTime>"
        "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>"
        "<Region>eu-west-1</Region><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint>"
        "<Bucket>b</Bucket><RequestId>4442587FB7D0A2F9</RequestId><HostId>x</HostId></Error>";
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    assert_int_equal(read_error(xml, &error, &err), AKS_OK);
    assert_string_equal(error.code, "RequestTimeTooSkewed");
    assert_string_equal(error.message, "The difference <is> large.");
    assert_string_equal(error.server_time, "2013-05-24T01:00:00Z");
    assert_int_equal(error.max_allowed_skew_ms, 900000);
    assert_string_equal(error.region, "eu-west-1");
    assert_string_equal(error.endpoint, "b.s3.eu-west-1.amazonaws.com");
    assert_string_equal(error.bucket, "b");
    assert_string_equal(error.request_id, "4442587FB7D0A2F9");
}

static void
error_leaves_empty_what_is_missing(void **state)
{
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    assert_int_equal(read_error("<Error/>", &error, &err), AKS_OK);
    assert_string_equal(error.code, "");
    assert_string_equal(error.message, "");
    assert_string_equal(error.region, "");
    assert_string_equal(error.endpoint, "");
    assert_string_equal(error.bucket, "");
    assert_string_equal(error.request_id, "");
    assert_string_equal(error.server_time, "");
    assert_int_equal(error.max_allowed_skew_ms, -1);
    assert_int_equal(read_error("<Error><MaxAllowedSkewMilliseconds>9e9"
        "</MaxAllowedSkewMilliseconds></Error>", &error, &err), AKS_OK);
    assert_int_equal(error.max_allowed_skew_ms, -1);
}

static void
error_looks_at_local_names_and_its_own_children_alone(void **state)
{
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    assert_int_equal(read_error("<s3:Error xmlns:s3=\"u\"><s3:Code>A</s3:Code></s3:Error>", &error,
        &err), AKS_OK);
    assert_string_equal(error.code, "A");
    assert_int_equal(read_error("<Error" NS "><X><Code>Inner</Code></X><Code>B</Code>"
        "<Code>C</Code><Message>m<b/>n</Message></Error>", &error, &err), AKS_OK);
    assert_string_equal(error.code, "B");
    assert_string_equal(error.message, "");
}

static void
error_is_found_behind_white_space_that_kept_a_connection_alive(void **state)
{
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    assert_int_equal(read_error("  \n\n \t\r\n" DECLARATION "\n<Error><Code>InternalError</Code>"
        "</Error>\n", &error, &err), AKS_OK);
    assert_string_equal(error.code, "InternalError");
}

static void
error_tells_another_root_from_no_xml(void **state)
{
    static const char *const no_xml[] = { "", "   ", "\n", "Bad gateway", "<Error>",
        "<Error><Code>",
        "<Error></Code></Error>", "<Error/><Error/>", "<Error/>x", "<Error>&nbsp;</Error>",
        "<Error>\x01</Error>", "<Error>\xFF</Error>", "{\"code\": 1}", "<", "<!-- x -->",
        "<CompleteMultipartUploadResult><ETag>x</ETag>" };
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    assert_int_equal(read_error("<ListBucketResult/>", &error, &err), AKS_NOT_FOUND);
    assert_int_equal(read_error("<error/>", &error, &err), AKS_NOT_FOUND);
    assert_int_equal(read_error("<R><Error><Code>x</Code></Error></R>", &error, &err),
        AKS_NOT_FOUND);
    assert_string_equal(error.code, "");
    for (size_t i = 0; i < sizeof(no_xml) / sizeof(no_xml[0]); i++) {
        if (read_error(no_xml[i], &error, &err) != AKS_BAD_REPLY)
            fail_msg("not refused: %s", no_xml[i]);
    }
}

static void
error_refuses_doctypes_and_entities(void **state)
{
    static const char *const hostile[] = {
        "<!DOCTYPE html><html><body>502</body></html>",
        "<!DOCTYPE Error SYSTEM \"file:///etc/passwd\"><Error/>",
        "<!DOCTYPE Error [<!ENTITY x \"y\">]><Error><Code>&x;</Code></Error>",
        "<!DOCTYPE Error [<!ENTITY % p SYSTEM \"http://127.0.0.1/x\">%p;]><Error/>",
        "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">]>"
        "<Error><Code>&d;&d;&d;&d;</Code></Error>",
    };
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_int_equal(read_error(hostile[i], &error, &err), AKS_BAD_REPLY);
        assert_non_null(strstr(err.message, "DOCTYPE"));
    }
}

static void
error_cuts_long_texts_between_characters_and_blanks_out_controls(void **state)
{
    char xml[8192] = "<Error><Code>";
    struct aks_s3_error error;
    struct aks_error err = { 0 };
    size_t len;

    memset(xml + strlen(xml), 'c', 62);
    put(xml, sizeof(xml), "\xC3\xA4</Code><Message>");
    len = strlen(xml);
    memset(xml + len, 'm', 6000);
    put(xml, sizeof(xml), "</Message><Region>a\nb\tc\xC2\x85" "d\xC2\xA0" "e\x7f</Region></Error>");
    assert_int_equal(read_error(xml, &error, &err), AKS_OK);
    assert_int_equal(strlen(error.code), 62);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
    assert_string_equal(error.region, "a b c  d\xC2\xA0" "e ");
}

static char *
nested(int depth)
{
    char *xml = calloc(1, (size_t)depth * 7 + 16);

    assert_non_null(xml);
    for (int i = 0; i < depth; i++)
        memcpy(xml + 3 * i, "<a>", 3);
    for (int i = 0; i < depth; i++)
        memcpy(xml + 3 * depth + 4 * i, "</a>", 4);
    return xml;
}

static void
xml_has_limits_on_depth_elements_and_bytes(void **state)
{
    struct aks_s3_error error;
    struct aks_error err = { 0 };
    char *xml = nested(AKS_S3_XML_DEPTH_MAX);

    assert_int_equal(read_error(xml, &error, &err), AKS_NOT_FOUND);
    free(xml);
    xml = nested(AKS_S3_XML_DEPTH_MAX + 1);
    assert_int_equal(read_error(xml, &error, &err), AKS_BAD_REPLY);
    assert_non_null(strstr(err.message, "too deeply"));
    free(xml);

    xml = calloc(1, AKS_S3_XML_BYTES_MAX + 2);
    assert_non_null(xml);
    memcpy(xml, "<a>", 3);
    for (int i = 0; i < 70000; i++)
        memcpy(xml + 3 + 4 * i, "<b/>", 4);
    memcpy(xml + 3 + 4 * 70000, "</a>", 5);
    assert_int_equal(read_error(xml, &error, &err), AKS_BAD_REPLY);
    assert_non_null(strstr(err.message, "too many elements"));

    memset(xml, ' ', AKS_S3_XML_BYTES_MAX);
    memcpy(xml, "<a>", 3);
    memcpy(xml + AKS_S3_XML_BYTES_MAX - 4, "</a>", 5);
    assert_int_equal(read_error(xml, &error, &err), AKS_NOT_FOUND);
    memcpy(xml + AKS_S3_XML_BYTES_MAX - 4, " </a>", 6);
    assert_int_equal(read_error(xml, &error, &err), AKS_BAD_REPLY);
    assert_non_null(strstr(err.message, "over 4194304 bytes"));
    free(xml);
}

static void
xml_may_have_long_names_and_many_attributes(void **state)
{
    char xml[4096] = "<Error ";
    struct aks_s3_error error;
    struct aks_error err = { 0 };

    for (int i = 0; i < 100; i++) {
        char attribute[16] = "aXX=\"1\" ";

        attribute[1] = (char)('a' + i / 10);
        attribute[2] = (char)('a' + i % 10);
        put(xml, sizeof(xml), attribute);
    }
    put(xml, sizeof(xml), "><");
    memset(xml + strlen(xml), 'n', 500);
    put(xml, sizeof(xml), "/><Code>X</Code></Error>");
    assert_int_equal(read_error(xml, &error, &err), AKS_OK);
    assert_string_equal(error.code, "X");
}

/* CreateMultipartUpload */

static enum aks_status
read_id(const char *xml, char **ret_id, struct aks_error *err)
{
    return aks_s3_xml_upload_id(aks_alloc_system(), xml, strlen(xml), ret_id, err);
}

static void
upload_id_is_read(void **state)
{
    struct aks_error err = { 0 };
    char *id = NULL;

    assert_int_equal(read_id(DECLARATION "<InitiateMultipartUploadResult" NS "><Bucket>b</Bucket>"
        "<Key>UploadId</Key><UploadId>VXBsb2FkIElE.a-b_c~d+/=%&amp;</UploadId>"
        "</InitiateMultipartUploadResult>", &id, &err), AKS_OK);
    assert_string_equal(id, "VXBsb2FkIElE.a-b_c~d+/=%&");
    aks_mem_free(aks_alloc_system(), id);
}

static void
upload_id_is_refused_if_it_could_not_be_used(void **state)
{
    static const struct {
        const char *inside;
        const char *why;
    } bad[] = {
        { "", "has no <UploadId>" },
        { "<UploadId/>", "has no <UploadId>" },
        { "<UploadId></UploadId>", "has no <UploadId>" },
        { "<X><UploadId>a</UploadId></X>", "has no <UploadId>" },
        { "<UploadId><a/>x</UploadId>", "has no <UploadId>" },
        { "<UploadId>a&#13;&#10;X: y</UploadId>", "control characters" },
        { "<UploadId>a\tb</UploadId>", "control characters" },
        { "<UploadId>a b</UploadId>", "blanks" },
        { "<UploadId>\xC3\xA4</UploadId>", "outside of ASCII" },
        { "<UploadId>&#127;</UploadId>", "control characters" },
        { "<UploadId>a</UploadId><UploadId>b</UploadId>", "comes twice" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char xml[512] = "<InitiateMultipartUploadResult>";
        struct aks_error err = { 0 };
        char *id = NULL;

        put(xml, sizeof(xml), bad[i].inside);
        put(xml, sizeof(xml), "</InitiateMultipartUploadResult>");
        assert_int_equal(read_id(xml, &id, &err), AKS_BAD_REPLY);
        assert_null(id);
        if (strstr(err.message, bad[i].why) == NULL)
            fail_msg("%s: %s", bad[i].inside, err.message);
    }
}

static void
upload_id_has_a_length(void **state)
{
    char xml[8192] = "<InitiateMultipartUploadResult><UploadId>";
    size_t start = strlen(xml);
    struct aks_error err = { 0 };
    char *id = NULL;

    memset(xml + start, 'i', AKS_S3_UPLOAD_ID_MAX);
    put(xml, sizeof(xml), "</UploadId></InitiateMultipartUploadResult>");
    assert_int_equal(read_id(xml, &id, &err), AKS_OK);
    assert_int_equal(strlen(id), AKS_S3_UPLOAD_ID_MAX);
    aks_mem_free(aks_alloc_system(), id);
    for (size_t len = AKS_S3_UPLOAD_ID_MAX + 1; len < 5000; len += 2500) {
        memset(xml + start, 0, sizeof(xml) - start);
        memset(xml + start, 'i', len);
        put(xml, sizeof(xml), "</UploadId></InitiateMultipartUploadResult>");
        assert_int_equal(read_id(xml, &id, &err), AKS_BAD_REPLY);
        assert_non_null(strstr(err.message, "over 2048 bytes"));
    }
}

static void
answers_of_another_kind_are_named(void **state)
{
    struct aks_error err = { 0 };
    char etag[64];
    char *id = NULL;

    assert_int_equal(read_id("<Error><Code>x</Code></Error>", &id, &err), AKS_BAD_REPLY);
    assert_string_equal(err.message, "begin a multipart upload: the answer is <Error>, not "
        "<InitiateMultipartUploadResult>");
    assert_int_equal(aks_s3_xml_complete("<Error/>", 8, etag, sizeof(etag), &err), AKS_BAD_REPLY);
    assert_string_equal(err.message, "complete a multipart upload: the answer is <Error>, not "
        "<CompleteMultipartUploadResult>");
    assert_int_equal(read_id("<InitiateMultipartUploadResult><UploadId>x</UploadId>", &id, &err),
        AKS_BAD_REPLY);
    assert_null(id);
    assert_int_equal(read_id("", &id, NULL), AKS_BAD_REPLY);
}

/* CompleteMultipartUpload */

static enum aks_status
read_etag(const char *inside, char *ret_etag, size_t bytes, struct aks_error *err)
{
    char xml[8192] = "   \n" DECLARATION "<CompleteMultipartUploadResult" NS "><Key>k</Key><ETag>";

    put(xml, sizeof(xml), inside);
    put(xml, sizeof(xml), "</ETag></CompleteMultipartUploadResult>");
    return aks_s3_xml_complete(xml, strlen(xml), ret_etag, bytes, err);
}

static void
complete_gives_the_etag_without_quotes(void **state)
{
    struct aks_error err = { 0 };
    char etag[64];

    assert_int_equal(read_etag("&quot;3858f62230ac3c915f300c664312c11f-9&quot;", etag, sizeof(etag),
        &err), AKS_OK);
    assert_string_equal(etag, "3858f62230ac3c915f300c664312c11f-9");
    assert_int_equal(read_etag("\"a\"", etag, sizeof(etag), &err), AKS_OK);
    assert_string_equal(etag, "a");
    assert_int_equal(read_etag("plain", etag, sizeof(etag), &err), AKS_OK);
    assert_string_equal(etag, "plain");
    assert_int_equal(read_etag("\"open", etag, sizeof(etag), &err), AKS_OK);
    assert_string_equal(etag, "\"open");
    assert_int_equal(read_etag("\"0123456789\"", etag, 5, &err), AKS_OK);
    assert_string_equal(etag, "0123");
}

static void
complete_refuses_etags_that_are_none(void **state)
{
    char etag[512] = "x";
    char longer[AKS_S3_ETAG_MAX + 2] = { 0 };
    struct aks_error err = { 0 };

    assert_int_equal(read_etag("", etag, sizeof(etag), &err), AKS_BAD_REPLY);
    assert_string_equal(etag, "");
    assert_int_equal(read_etag("\"\"", etag, sizeof(etag), &err), AKS_BAD_REPLY);
    assert_int_equal(read_etag("a&#10;b", etag, sizeof(etag), &err), AKS_BAD_REPLY);
    memset(longer, 'e', AKS_S3_ETAG_MAX);
    assert_int_equal(read_etag(longer, etag, sizeof(etag), &err), AKS_OK);
    longer[AKS_S3_ETAG_MAX] = 'e';
    assert_int_equal(read_etag(longer, etag, sizeof(etag), &err), AKS_BAD_REPLY);
}

static void
complete_body_lists_the_parts(void **state)
{
    static const struct aks_s3_part_tag parts[] = {
        { 1, "a54357aff0632cce46d942af68356b38", NULL },
        { 2, "x<&>\"", "rosUhgp5mIg=" },
        { 10000, "0c78aef83f66abc1fa1e8477f296d394", NULL },
    };
    struct aks_buf out;
    struct aks_s3_error error;

    aks_buf_init(&out, aks_alloc_system(), 4096);
    aks_s3_xml_complete_body(parts, 3, &out);
    assert_string_equal(out.data, "<CompleteMultipartUpload" NS ">"
        "<Part><PartNumber>1</PartNumber>"
        "<ETag>&quot;a54357aff0632cce46d942af68356b38&quot;</ETag></Part>"
        "<Part><PartNumber>2</PartNumber><ETag>&quot;x&lt;&amp;&gt;&quot;&quot;</ETag>"
        "<ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME></Part>"
        "<Part><PartNumber>10000</PartNumber>"
        "<ETag>&quot;0c78aef83f66abc1fa1e8477f296d394&quot;</ETag></Part>"
        "</CompleteMultipartUpload>");
    assert_int_equal(aks_s3_xml_error(out.data, out.len, &error, NULL), AKS_NOT_FOUND);
    aks_buf_fini(&out);
}

static int
read_upload_id(void *ctx, const struct aks_alloc *alloc)
{
    static const char xml[] = "<InitiateMultipartUploadResult><UploadId>x</UploadId>"
        "</InitiateMultipartUploadResult>";
    enum aks_status status;
    char *id = NULL;

    (void)ctx;
    status = aks_s3_xml_upload_id(alloc, xml, sizeof(xml) - 1, &id, NULL);
    aks_mem_free(alloc, id);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
upload_id_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(read_upload_id, NULL, 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_gives_its_fields),
        cmocka_unit_test(error_leaves_empty_what_is_missing),
        cmocka_unit_test(error_looks_at_local_names_and_its_own_children_alone),
        cmocka_unit_test(error_is_found_behind_white_space_that_kept_a_connection_alive),
        cmocka_unit_test(error_tells_another_root_from_no_xml),
        cmocka_unit_test(error_refuses_doctypes_and_entities),
        cmocka_unit_test(error_cuts_long_texts_between_characters_and_blanks_out_controls),
        cmocka_unit_test(xml_has_limits_on_depth_elements_and_bytes),
        cmocka_unit_test(xml_may_have_long_names_and_many_attributes),
        cmocka_unit_test(upload_id_is_read),
        cmocka_unit_test(upload_id_is_refused_if_it_could_not_be_used),
        cmocka_unit_test(upload_id_has_a_length),
        cmocka_unit_test(answers_of_another_kind_are_named),
        cmocka_unit_test(complete_gives_the_etag_without_quotes),
        cmocka_unit_test(complete_refuses_etags_that_are_none),
        cmocka_unit_test(complete_body_lists_the_parts),
        cmocka_unit_test(upload_id_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("s3_xml", tests, NULL, NULL);
}
