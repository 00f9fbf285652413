#include "wire/s3_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    size_t count;
    struct aks_s3_listed_part last;
    char uploads[200];
    enum aks_status answer;
};

static struct aks_error err;

static enum aks_status
see_part(void *ctx, const struct aks_s3_listed_part *part, struct aks_error *error)
{
    struct seen *seen = ctx;

    seen->count++;
    seen->last = *part;
    return seen->answer == AKS_OK ? AKS_OK : aks_error_set(error, seen->answer, "enough");
}

static enum aks_status
see_upload(void *ctx, const char *key, const char *upload_id, struct aks_error *error)
{
    struct seen *seen = ctx;
    size_t len = strlen(seen->uploads);

    seen->count++;
    (void)snprintf(seen->uploads + len, sizeof(seen->uploads) - len, "%s=%s ", key, upload_id);
    return AKS_OK;
}

static enum aks_status
parts(const char *inside, uint32_t after, struct seen *seen, uint32_t *ret_after)
{
    char xml[4096];

    memset(seen, 0, sizeof(*seen));
    (void)snprintf(xml, sizeof(xml), "<ListPartsResult>%s</ListPartsResult>", inside);
    return aks_s3_xml_parts(xml, strlen(xml), after, see_part, seen, ret_after, &err);
}

#define PART(number, etag, size) "<Part><Size>" size "</Size><PartNumber>" number \
    "</PartNumber><ETag>" etag "</ETag></Part>"

static void
parts_have_number_size_etag_and_checksum(void **state)
{
    struct seen seen;
    uint32_t after = 9;

    assert_int_equal(parts("<Bucket>b</Bucket><IsTruncated>false</IsTruncated>"
        "<NextPartNumberMarker>2</NextPartNumberMarker>"
        "<Part><PartNumber>1</PartNumber><LastModified>x</LastModified><ETag>&quot;a-1&quot;</ETag>"
        "<Size>5242880</Size><ChecksumCRC64NVME>6WCE4W1xqkc=</ChecksumCRC64NVME></Part>", 0, &seen,
        &after), AKS_OK);
    assert_int_equal(after, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.number, 1);
    assert_int_equal(seen.last.bytes, 5242880);
    assert_string_equal(seen.last.etag, "a-1");
    assert_string_equal(seen.last.crc64nvme, "6WCE4W1xqkc=");
    assert_int_equal(parts("", 0, &seen, &after), AKS_OK);
    assert_int_equal(seen.count, 0);
    assert_int_equal(parts(PART("7", "plain", "0"), 6, &seen, &after), AKS_OK);
    assert_string_equal(seen.last.etag, "plain");
    assert_string_equal(seen.last.crc64nvme, "");
}

static void
pages_go_on_behind_their_last_part(void **state)
{
    struct seen seen;
    uint32_t after;

    assert_int_equal(parts("<IsTruncated>true</IsTruncated><NextPartNumberMarker>2"
        "</NextPartNumberMarker>" PART("1", "a", "1") PART("2", "b", "1"), 0, &seen, &after),
        AKS_OK);
    assert_int_equal(after, 2);
    assert_int_equal(parts("<IsTruncated>true</IsTruncated>" PART("8", "a", "1"), 2, &seen, &after),
        AKS_OK);
    assert_int_equal(after, 8);
}

static void
hostile_lists_are_refused(void **state)
{
    static const char *const lists[] = {
        "<IsTruncated>true</IsTruncated>",
        "<IsTruncated>true</IsTruncated><NextPartNumberMarker>3</NextPartNumberMarker>",
        "<IsTruncated>maybe</IsTruncated>",
        "<NextPartNumberMarker>-1</NextPartNumberMarker>",
        PART("3", "a", "1"),                    /* not above where the page begins */
        PART("5", "a", "1") PART("5", "a", "1"),
        PART("5", "a", "1") PART("4", "a", "1"),
        PART("0", "a", "1"), PART("x", "a", "1"), PART("", "a", "1"),
        PART("99999999999", "a", "1"),
        PART("4", "", "1"), PART("4", "&quot;&quot;", "1"), PART("4", "a b", "1"),
        PART("4", "\xc3\xa4", "1"),
        PART("4", "a", "-1"), PART("4", "a", "9999999999999999999"), PART("4", "a", ""),
        "<Part><PartNumber>4</PartNumber><ETag>a</ETag></Part>",
        "<Part><Size>1</Size><ETag>a</ETag></Part>",
        "<Part><PartNumber>4</PartNumber><Size>1</Size></Part>",
        "<Part/>",
    };
    struct seen seen;
    uint32_t after;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (parts(lists[i], 3, &seen, &after) != AKS_BAD_REPLY)
            fail_msg("%s", lists[i]);
        assert_int_equal(after, 0);
    }
    assert_int_equal(aks_s3_xml_parts("<Error/>", 8, 0, see_part, &seen, &after, &err),
        AKS_BAD_REPLY);
}

static void
a_page_has_a_thousand_parts_at_most_and_who_has_enough_ends_it(void **state)
{
    static const char part[] = PART("%d", "a", "1");
    struct seen seen = { 0 };
    uint32_t after;
    char *xml = malloc(1100 * sizeof(part));
    size_t len;

    assert_non_null(xml);
    len = (size_t)sprintf(xml, "<ListPartsResult>");
    for (int i = 1; i <= 1001; i++)
        len += (size_t)sprintf(xml + len, part, i);
    len += (size_t)sprintf(xml + len, "</ListPartsResult>");
    assert_int_equal(aks_s3_xml_parts(xml, len, 0, see_part, &seen, &after, &err), AKS_BAD_REPLY);
    assert_int_equal(seen.count, 1000);
    seen = (struct seen){ .answer = AKS_LIMIT };
    assert_int_equal(aks_s3_xml_parts(xml, len, 0, see_part, &seen, &after, &err), AKS_LIMIT);
    assert_int_equal(seen.count, 1);
    free(xml);
}

static void
uploads_have_key_and_id(void **state)
{
    static const char xml[] = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
        "<Upload><UploadId>u1</UploadId><Key>a&amp;b/c d</Key><Owner><ID>x</ID></Owner></Upload>"
        "<Upload><Key>only</Key></Upload><Upload><UploadId>only</UploadId></Upload>"
        "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes>"
        "<Upload><Key>k</Key><UploadId>u2</UploadId></Upload></ListMultipartUploadsResult>";
    static const char *const bad[] = {
        "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>a b</UploadId></Upload>"
            "</ListMultipartUploadsResult>",
        "<ListPartsResult/>", "<ListMultipartUploadsResult>", "",
    };
    struct seen seen = { 0 };

    assert_int_equal(aks_s3_xml_uploads(xml, strlen(xml), see_upload, &seen, &err), AKS_OK);
    assert_string_equal(seen.uploads, "a&b/c d=u1 k=u2 ");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(aks_s3_xml_uploads(bad[i], strlen(bad[i]), see_upload, &seen, &err),
            AKS_BAD_REPLY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_number_size_etag_and_checksum),
        cmocka_unit_test(pages_go_on_behind_their_last_part),
        cmocka_unit_test(hostile_lists_are_refused),
        cmocka_unit_test(a_page_has_a_thousand_parts_at_most_and_who_has_enough_ends_it),
        cmocka_unit_test(uploads_have_key_and_id),
    };

    return cmocka_run_group_tests_name("s3_xml_parts", tests, NULL, NULL);
}
