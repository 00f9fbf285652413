/* What a bucket says of itself. */
#include "wire/s3_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RULE(inside) "<LifecycleConfiguration><Rule>" inside "</Rule></LifecycleConfiguration>"
#define ON "<Status>Enabled</Status>"
#define ABORT "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>" \
    "</AbortIncompleteMultipartUpload>"
#define PREFIX(text) "<Filter><Prefix>" text "</Prefix></Filter>"

static struct aks_s3_bucket
bucket(const char *xml)
{
    struct aks_s3_bucket told = { 0 };
    struct aks_error err = { 0 };

    if (aks_s3_xml_bucket(xml, strlen(xml), "team/systems/laptop-7/", &told, &err) != AKS_OK)
        fail_msg("%s: %s", xml, err.message);
    return told;
}

static void
a_bucket_says_whether_it_is_public(void **state)
{
    assert_true(bucket("<PolicyStatus><IsPublic>TRUE</IsPublic></PolicyStatus>").is_public);
    assert_true(bucket("<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>").is_public);
    assert_false(bucket("<PolicyStatus><IsPublic>FALSE</IsPublic></PolicyStatus>").is_public);
    assert_false(bucket("<PolicyStatus/>").is_public);
    assert_int_equal(bucket("<PublicAccessBlockConfiguration><BlockPublicAcls>true"
        "</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false"
        "</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>"
        "</PublicAccessBlockConfiguration>").blocks, 3);
}

static void
a_bucket_says_how_it_keeps_things(void **state)
{
    assert_string_equal(bucket("<ServerSideEncryptionConfiguration><Rule>"
        "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>")
        .encryption, "aws:kms");
    assert_string_equal(bucket("<VersioningConfiguration><Status>Suspended</Status>"
        "</VersioningConfiguration>").versioning, "Suspended");
    assert_string_equal(bucket("<VersioningConfiguration/>").versioning, "");
    assert_string_equal(bucket("<VersioningConfiguration><Status>a b</Status>"
        "</VersioningConfiguration>").versioning, "");
    assert_string_equal(bucket("<VersioningConfiguration><Status>0123456789abcdef</Status>"
        "</VersioningConfiguration>").versioning, "");
}

static void
a_rule_drops_uploads_if_it_is_on_and_about_our_keys(void **state)
{
    static const char *const drops[] = { RULE(ON ABORT), RULE(ABORT PREFIX("team/systems/") ON),
        RULE(ON PREFIX("") ABORT), RULE("<Prefix>team/</Prefix>" ON ABORT),
        RULE(ON "</Rule><Rule>" ON ABORT) };
    static const char *const not[] = { RULE(ON), RULE(ABORT), RULE("<Status>Disabled</Status>"
        ABORT), RULE(ON ABORT PREFIX("logs/")), RULE(ON ABORT PREFIX("team/systems/laptop-7/x")),
        RULE(ON ABORT "<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>"),
        RULE(ON "</Rule><Rule>" ABORT), "<LifecycleConfiguration/>" };

    for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
        if (!bucket(drops[i]).drops_abandoned)
            fail_msg("%s", drops[i]);
    }
    for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
        if (bucket(not[i]).drops_abandoned)
            fail_msg("%s", not[i]);
    }
}

static void
anything_else_is_no_answer(void **state)
{
    static const char *const bad[] = { "", "no XML", "<html></html>", "<Error></Error>",
        "<PolicyStatus>", "<!DOCTYPE x><PolicyStatus/>" };
    struct aks_s3_bucket told = { 0 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(aks_s3_xml_bucket(bad[i], strlen(bad[i]), "", &told, NULL),
            AKS_BAD_REPLY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_says_whether_it_is_public),
        cmocka_unit_test(a_bucket_says_how_it_keeps_things),
        cmocka_unit_test(a_rule_drops_uploads_if_it_is_on_and_about_our_keys),
        cmocka_unit_test(anything_else_is_no_answer),
    };

    return cmocka_run_group_tests_name("s3_xml_bucket", tests, NULL, NULL);
}
