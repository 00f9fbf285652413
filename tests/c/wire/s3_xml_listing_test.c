#include "wire/s3_xml.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

static enum aks_status
read_listing(const char *inside, struct aks_s3_listing *ret_listing, struct aks_error *err)
{
    char xml[8192] = DECLARATION "<ListBucketResult" NS ">";

    put(xml, sizeof(xml), inside);
    put(xml, sizeof(xml), "</ListBucketResult>");
    return aks_s3_xml_listing(aks_alloc_system(), xml, strlen(xml), ret_listing, err);
}

static void
listing_gives_keys_sizes_and_prefixes(void **state)
{
    struct aks_s3_listing listing;
    struct aks_error err = { 0 };

    assert_int_equal(read_listing("<Name>b</Name><Prefix>systems/</Prefix><KeyCount>3</KeyCount>"
        "<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J=</NextContinuationToken>"
        "<Contents><Key>systems/a&amp;b/\xC3\xA4 %20</Key><LastModified>x</LastModified>"
        "<ETag>&quot;e&quot;</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass>"
        "<Owner><ID>o</ID><DisplayName>d</DisplayName></Owner></Contents>"
        "<Contents><Size>0</Size><Key>systems/</Key></Contents>"
        "<CommonPrefixes><Prefix>systems/x/</Prefix></CommonPrefixes>"
        "<CommonPrefixes><Prefix>systems/y/</Prefix></CommonPrefixes>", &listing, &err), AKS_OK);
    assert_int_equal(listing.key_count, 2);
    assert_string_equal(listing.keys[0], "systems/a&b/\xC3\xA4 %20");
    assert_int_equal(listing.sizes[0], 434234);
    assert_string_equal(listing.keys[1], "systems/");
    assert_int_equal(listing.sizes[1], 0);
    assert_int_equal(listing.prefix_count, 2);
    assert_string_equal(listing.prefixes[0], "systems/x/");
    assert_string_equal(listing.prefixes[1], "systems/y/");
    assert_true(listing.truncated);
    assert_string_equal(listing.continuation, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J=");
    aks_s3_listing_fini(&listing);
    aks_s3_listing_fini(&listing);
}

static void
listing_may_be_empty_or_the_last_page(void **state)
{
    struct aks_s3_listing listing;
    struct aks_error err = { 0 };

    assert_int_equal(read_listing("", &listing, &err), AKS_OK);
    assert_int_equal(listing.key_count, 0);
    assert_false(listing.truncated);
    assert_null(listing.continuation);
    aks_s3_listing_fini(&listing);
    assert_int_equal(read_listing("<IsTruncated>false</IsTruncated><EncodingType/>"
        "<NextContinuationToken/>", &listing, &err), AKS_OK);
    assert_null(listing.continuation);
    aks_s3_listing_fini(&listing);
    assert_int_equal(read_listing("<IsTruncated>false</IsTruncated>"
        "<NextContinuationToken>left over</NextContinuationToken>", &listing, &err), AKS_OK);
    assert_null(listing.continuation);
    aks_s3_listing_fini(&listing);
}

static void
listing_refuses_what_would_mislead(void **state)
{
    static const struct {
        const char *inside;
        const char *why;
    } bad[] = {
        { "<Contents><Key>a</Key></Contents>", "without <Key> or <Size>" },
        { "<Contents><Size>1</Size></Contents>", "without <Key> or <Size>" },
        { "<Contents/>", "without <Key> or <Size>" },
        { "<Contents><Key>a</Key><Size>1</Size></Contents><Contents><Key>b</Key></Contents>",
            "without <Key> or <Size>" },
        { "<Contents><Key></Key><Size>1</Size></Contents>", "is empty" },
        { "<Contents><Key>a</Key><Size>-1</Size></Contents>", "no number" },
        { "<Contents><Key>a</Key><Size>1.5</Size></Contents>", "no number" },
        { "<Contents><Key>a</Key><Size></Size></Contents>", "no number" },
        { "<Contents><Key>a</Key><Size>9999999999999999999</Size></Contents>", "no number" },
        { "<CommonPrefixes><Prefix/></CommonPrefixes>", "is empty" },
        { "<IsTruncated>yes</IsTruncated>", "neither true nor false" },
        { "<IsTruncated>true</IsTruncated>", "no <NextContinuationToken>" },
        { "<EncodingType>url</EncodingType>", "not asked for" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct aks_s3_listing listing;
        struct aks_error err = { 0 };

        assert_int_equal(read_listing(bad[i].inside, &listing, &err), AKS_BAD_REPLY);
        if (strstr(err.message, bad[i].why) == NULL)
            fail_msg("%s: %s", bad[i].inside, err.message);
        aks_s3_listing_fini(&listing);
    }
}

static void
listing_of_another_root_is_refused(void **state)
{
    struct aks_s3_listing listing;
    struct aks_error err = { 0 };

    assert_int_equal(aks_s3_xml_listing(aks_alloc_system(), "<Error/>", 8, &listing, &err),
        AKS_BAD_REPLY);
    assert_string_equal(err.message, "list objects: the answer is no <ListBucketResult>");
    aks_s3_listing_fini(&listing);
}

/* ${count} keys or prefixes; the last key has ${key_bytes}. */
static char *
long_listing(int count, bool prefixes, size_t key_bytes)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 1 << 20);
    aks_buf_puts(&out, "<ListBucketResult>");
    for (int i = 0; i < count; i++) {
        if (prefixes)
            aks_buf_printf(&out, "<CommonPrefixes><Prefix>%d/</Prefix></CommonPrefixes>", i);
        else
            aks_buf_printf(&out, "<Contents><Key>%0*d</Key><Size>%d</Size></Contents>",
                i == count - 1 ? (int)key_bytes : 1, i, i);
    }
    aks_buf_puts(&out, "</ListBucketResult>");
    return aks_buf_take(&out);
}

static void
check_long_listing(int count, bool prefixes, size_t key_bytes, enum aks_status status)
{
    char *xml = long_listing(count, prefixes, key_bytes);
    struct aks_s3_listing listing;

    assert_non_null(xml);
    assert_int_equal(aks_s3_xml_listing(aks_alloc_system(), xml, strlen(xml), &listing, NULL),
        status);
    if (status == AKS_OK) {
        assert_int_equal(prefixes ? listing.prefix_count : listing.key_count, count);
        for (int i = 0; !prefixes && i < count; i++)
            assert_int_equal(listing.sizes[i], i);
    }
    aks_s3_listing_fini(&listing);
    aks_mem_free(aks_alloc_system(), xml);
}

static void
listing_has_limits_on_counts_and_keys(void **state)
{
    check_long_listing(AKS_S3_LISTING_MAX, false, 3, AKS_OK);
    check_long_listing(AKS_S3_LISTING_MAX + 1, false, 4, AKS_BAD_REPLY);
    check_long_listing(AKS_S3_LISTING_MAX, true, 0, AKS_OK);
    check_long_listing(AKS_S3_LISTING_MAX + 1, true, 0, AKS_BAD_REPLY);
    check_long_listing(1, false, AKS_S3_KEY_MAX, AKS_OK);
    check_long_listing(1, false, AKS_S3_KEY_MAX + 1, AKS_BAD_REPLY);
    check_long_listing(1, false, AKS_S3_XML_TEXT_MAX + 1, AKS_BAD_REPLY);
}

static int
read_page(void *ctx, const struct aks_alloc *alloc)
{
    const char *xml = ctx;
    struct aks_s3_listing listing;
    enum aks_status status;

    status = aks_s3_xml_listing(alloc, xml, strlen(xml), &listing, NULL);
    aks_s3_listing_fini(&listing);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
listing_survives_any_allocation_that_fails(void **state)
{
    struct aks_buf xml;

    aks_buf_init(&xml, aks_alloc_system(), 1 << 20);
    aks_buf_puts(&xml, "<ListBucketResult><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>t</NextContinuationToken>");
    for (int i = 0; i < 40; i++)
        aks_buf_printf(&xml, "<Contents><Key>k%d</Key><Size>%d</Size></Contents>"
            "<CommonPrefixes><Prefix>p%d</Prefix></CommonPrefixes>", i, i, i);
    aks_buf_puts(&xml, "</ListBucketResult>");
    failing_alloc_loop(read_page, xml.data, 400);
    aks_buf_fini(&xml);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing_gives_keys_sizes_and_prefixes),
        cmocka_unit_test(listing_may_be_empty_or_the_last_page),
        cmocka_unit_test(listing_refuses_what_would_mislead),
        cmocka_unit_test(listing_of_another_root_is_refused),
        cmocka_unit_test(listing_has_limits_on_counts_and_keys),
        cmocka_unit_test(listing_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("s3_xml_listing", tests, NULL, NULL);
}
