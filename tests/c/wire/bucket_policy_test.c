#include "wire/bucket_policy.h"

#include "support/failing_alloc.h"
#include "wire/bucket_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define ARN "arn:aws:iam::123456789012:user/laptop-7"
#define OWN "arn:aws:s3:::my-memories/team/systems/laptop-7/*"

static const struct aks_bucket_policy plain = { "my-memories", "team", "laptop-7", NULL,
    AKS_BUCKET_IDENTITY, AKS_BUCKET_SYNC };

/* What is written for ${policy}, parsed. */
static json_t *
document(struct aks_bucket_policy policy)
{
    struct aks_error err = { 0 };
    struct aks_buf out;
    json_error_t error;
    json_t *json;

    aks_buf_init(&out, aks_alloc_system(), AKS_BUCKET_POLICY_BYTES_MAX);
    if (aks_bucket_policy_write(&policy, &out, &err) != AKS_OK)
        fail_msg("%s", err.message);
    json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL)
        fail_msg("%s: %s", error.text, out.data);
    aks_buf_fini(&out);
    return json;
}

static void
assert_written(struct aks_bucket_policy policy, const char *expected)
{
    json_t *json = document(policy);
    char *text = json_dumps(json, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

/* The statement of that name, borrowed; NULL if there is none. */
static const json_t *
statement(const json_t *json, const char *sid)
{
    const json_t *statements = json_object_get(json, "Statement");

    for (size_t i = 0; i < json_array_size(statements); i++) {
        const json_t *one = json_array_get(statements, i);

        if (strcmp(json_string_value(json_object_get(one, "Sid")), sid) == 0)
            return one;
    }
    return NULL;
}

static bool
names(const json_t *one, const char *action)
{
    const json_t *actions = json_object_get(one, "Action");

    for (size_t i = 0; i < json_array_size(actions); i++) {
        if (strcmp(json_string_value(json_array_get(actions, i)), action) == 0)
            return true;
    }
    return false;
}

static void
a_key_may_do_what_a_sync_needs(void **state)
{
    assert_written(plain, "{\"Version\":\"2012-10-17\",\"Statement\":["
        "{\"Sid\":\"OwnObjects\",\"Effect\":\"Allow\",\"Action\":[\"s3:PutObject\","
        "\"s3:GetObject\",\"s3:AbortMultipartUpload\",\"s3:ListMultipartUploadParts\"],"
        "\"Resource\":\"" OWN "\"},"
        "{\"Sid\":\"OwnNames\",\"Effect\":\"Allow\",\"Action\":[\"s3:ListBucket\"],"
        "\"Resource\":\"arn:aws:s3:::my-memories\","
        "\"Condition\":{\"StringLike\":{\"s3:prefix\":\"team/systems/laptop-7/*\"}}}]}");
}

static void
other_uses_may_less_or_else(void **state)
{
    struct aks_bucket_policy policy = plain;
    json_t *json;

    policy.use = AKS_BUCKET_RESTORE;
    json = document(policy);
    assert_int_equal(json_array_size(json_object_get(statement(json, "OwnObjects"), "Action")), 1);
    assert_true(names(statement(json, "OwnObjects"), "s3:GetObject"));
    json_decref(json);
    policy.use = AKS_BUCKET_PRUNE;
    json = document(policy);
    assert_int_equal(json_array_size(json_object_get(statement(json, "OwnObjects"), "Action")), 2);
    assert_true(names(statement(json, "OwnObjects"), "s3:GetObject"));
    assert_true(names(statement(json, "OwnObjects"), "s3:DeleteObject"));
    json_decref(json);
}

static void
a_bucket_tells_one_principal_what_it_may_and_everybody_how(void **state)
{
    struct aks_bucket_policy policy = plain;
    json_t *json;
    const json_t *one;

    policy.document = AKS_BUCKET_POLICY;
    json = document(policy);
    assert_int_equal(json_array_size(json_object_get(json, "Statement")), 2);
    assert_null(statement(json, "OwnObjects"));
    for (int i = 0; i < 2; i++) {
        one = statement(json, i == 0 ? "NoPlainTransport" : "NoOldTls");
        assert_string_equal(json_string_value(json_object_get(one, "Effect")), "Deny");
        assert_string_equal(json_string_value(json_object_get(one, "Principal")), "*");
    }
    json_decref(json);
    policy.principal = ARN;
    json = document(policy);
    assert_int_equal(json_array_size(json_object_get(json, "Statement")), 6);
    one = statement(json, "OwnObjects");
    assert_string_equal(json_string_value(json_object_get(json_object_get(one, "Principal"),
        "AWS")), ARN);
    assert_string_equal(json_string_value(json_object_get(one, "Resource")), OWN);
    one = statement(json, "NoMore");
    assert_string_equal(json_string_value(json_object_get(one, "Effect")), "Deny");
    assert_true(names(one, "s3:DeleteObject") && names(one, "s3:DeleteObjectVersion") &&
        names(one, "s3:PutLifecycleConfiguration") && names(one, "s3:PutBucketPolicy"));
    json_decref(json);
    policy.use = AKS_BUCKET_PRUNE;
    json = document(policy);
    assert_false(names(statement(json, "NoMore"), "s3:DeleteObject"));
    assert_true(names(statement(json, "NoMore"), "s3:DeleteObjectVersion"));
    json_decref(json);
}

static void
a_store_that_has_no_arns_gets_the_folder_itself_as_well(void **state)
{
    struct aks_bucket_policy policy = plain;
    const json_t *resource;
    json_t *json;

    policy.document = AKS_BUCKET_POLICY;
    policy.principal = "laptop7key";
    json = document(policy);
    resource = json_object_get(statement(json, "OwnObjects"), "Resource");
    assert_int_equal(json_array_size(resource), 2);
    assert_string_equal(json_string_value(json_array_get(resource, 0)), OWN);
    assert_string_equal(json_string_value(json_array_get(resource, 1)),
        "arn:aws:s3:::my-memories/team/systems/laptop-7");
    json_decref(json);
}

static void
a_partition_is_that_of_its_principal(void **state)
{
    struct aks_bucket_policy policy = plain;
    json_t *json;

    policy.document = AKS_BUCKET_POLICY;
    policy.principal = "arn:aws-cn:sts::123456789012:assumed-role/sync/laptop-7";
    json = document(policy);
    assert_string_equal(json_string_value(json_object_get(statement(json, "OwnObjects"),
        "Resource")), "arn:aws-cn:s3:::my-memories/team/systems/laptop-7/*");
    json_decref(json);
}

static void
what_is_the_buckets_own(void **state)
{
    struct aks_bucket_policy policy = plain;
    json_t *json;

    policy.document = AKS_BUCKET_LIFECYCLE;
    assert_written(policy, "{\"Rules\":[{\"ID\":\"akosha-sync-abandoned-uploads\","
        "\"Status\":\"Enabled\",\"Filter\":{\"Prefix\":\"team/systems/\"},"
        "\"AbortIncompleteMultipartUpload\":{\"DaysAfterInitiation\":7}}]}");
    policy.document = AKS_BUCKET_PUBLIC_ACCESS;
    assert_written(policy, "{\"BlockPublicAcls\":true,\"IgnorePublicAcls\":true,"
        "\"BlockPublicPolicy\":true,\"RestrictPublicBuckets\":true}");
    policy.document = AKS_BUCKET_ENCRYPTION;
    assert_written(policy, "{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":"
        "{\"SSEAlgorithm\":\"AES256\"}}]}");
    policy.document = AKS_BUCKET_ALL;
    json = document(policy);
    assert_int_equal(json_object_size(json), AKS_BUCKET_DOCUMENTS);
    for (int i = 0; i < AKS_BUCKET_DOCUMENTS; i++)
        assert_true(json_is_object(json_object_get(json,
            aks_bucket_policy_document_name((enum aks_bucket_document)i))));
    json_decref(json);
}

static void
a_prefix_is_the_same_with_and_without_its_end(void **state)
{
    static const char *const prefixes[] = { "a/b", "a/b/", "", NULL };
    static const char *const expected[] = { "a/b/systems/", "a/b/systems/", "systems/",
        "systems/" };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        struct aks_bucket_policy policy = plain;
        char text[64];
        json_t *json;

        policy.prefix = prefixes[i];
        json = document(policy);
        (void)snprintf(text, sizeof(text), "arn:aws:s3:::my-memories/%slaptop-7/*", expected[i]);
        assert_string_equal(json_string_value(json_object_get(statement(json, "OwnObjects"),
            "Resource")), text);
        json_decref(json);
    }
}

static const struct {
    const char *bucket;
    const char *prefix;
    const char *system_id;
    const char *principal;
    const char *why;
} bad[] = {
    { "*", "", "laptop", NULL, "bucket: " },
    { "my-*", "", "laptop", NULL, "bucket: " },
    { "my?bucket", "", "laptop", NULL, "bucket: " },
    { "My-Bucket", "", "laptop", NULL, "bucket: " },
    { "bucket/*", "", "laptop", NULL, "bucket: " },
    { "a\"b", "", "laptop", NULL, "bucket: " },
    { "192.168.0.1", "", "laptop", NULL, "bucket: " },
    { "ab", "", "laptop", NULL, "bucket: " },
    { "bucket", "*", "laptop", NULL, "prefix: " },
    { "bucket", "a*", "laptop", NULL, "prefix: " },
    { "bucket", "a?", "laptop", NULL, "prefix: " },
    { "bucket", "${aws:username}", "laptop", NULL, "prefix: " },
    { "bucket", "$", "laptop", NULL, "prefix: " },
    { "bucket", "/", "laptop", NULL, "prefix: " },
    { "bucket", "a//b", "laptop", NULL, "prefix: " },
    { "bucket", "a/../b", "laptop", NULL, "prefix: " },
    { "bucket", "a\"b", "laptop", NULL, "prefix: " },
    { "bucket", "a\\b", "laptop", NULL, "prefix: " },
    { "bucket", "a\nb", "laptop", NULL, "prefix: " },
    { "bucket", "\xc3\xa9", "laptop", NULL, "prefix: " },
    { "bucket", "", "", NULL, "system id: " },
    { "bucket", "", "*", NULL, "system id: " },
    { "bucket", "", "lap/top", NULL, "system id: " },
    { "bucket", "", "lap?", NULL, "system id: " },
    { "bucket", "", "lap.top", NULL, "system id: " },
    { "bucket", "", "laptop", "*", "principal: " },
    { "bucket", "", "laptop", "", "principal: " },
    { "bucket", "", "laptop", "ab", "principal: " },
    { "bucket", "", "laptop", "123456789012", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012:root", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012:user/*", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012:user/", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012:user/a/", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012:group/a", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::*:user/a", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam:us-east-1:123456789012:user/a", "principal: " },
    { "bucket", "", "laptop", "arn:aws:s3:::bucket", "principal: " },
    { "bucket", "", "laptop", "arn:*:iam::123456789012:user/a", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012:user/a\",\"x", "principal: " },
    { "bucket", "", "laptop", "arn:aws:iam::123456789012", "principal: " },
    { "bucket", "", "laptop", "arn:", "principal: " },
    { "bucket", "", "laptop", "key with blank", "principal: " },
};

static void
what_would_stand_for_more_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct aks_bucket_policy policy = { bad[i].bucket, bad[i].prefix, bad[i].system_id,
            bad[i].principal, AKS_BUCKET_POLICY, AKS_BUCKET_SYNC };
        struct aks_error err = { 0 };
        struct aks_buf out;

        aks_buf_init(&out, aks_alloc_system(), AKS_BUCKET_POLICY_BYTES_MAX);
        if (aks_bucket_policy_write(&policy, &out, &err) != AKS_SETTINGS)
            fail_msg("%zu: %s", i, out.data);
        if (strncmp(err.message, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("%zu: %s", i, err.message);
        assert_int_equal(out.len, 0);
        aks_buf_fini(&out);
    }
}

static void
principals_are_one_user_or_role(void **state)
{
    static const char *const good[] = { ARN, "arn:aws:iam::123456789012:role/a/b/sync@x",
        "arn:aws-us-gov:iam::123456789012:user/a+=,.@_-", "arn:aws:iam:::user/laptop",
        "arn:aws:sts::123456789012:assumed-role/sync/i-0123", "AKIDEXAMPLE", "laptop_7",
        "1234567890123" };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct aks_bucket_policy policy = plain;

        policy.document = AKS_BUCKET_POLICY;
        policy.principal = good[i];
        json_decref(document(policy));
    }
}

static void
a_document_of_a_key_names_no_principal(void **state)
{
    struct aks_bucket_policy policy = plain;
    struct aks_error err = { 0 };
    struct aks_buf out;

    policy.principal = ARN;
    aks_buf_init(&out, aks_alloc_system(), AKS_BUCKET_POLICY_BYTES_MAX);
    assert_int_equal(aks_bucket_policy_write(&policy, &out, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "names nobody"));
    aks_buf_fini(&out);
}

static void
the_longest_names_fit(void **state)
{
    char bucket[AKS_BUCKET_NAME_MAX + 1];
    char prefix[AKS_BUCKET_POLICY_PREFIX_MAX + 1];
    char principal[AKS_BUCKET_POLICY_PRINCIPAL_MAX + 1];
    struct aks_bucket_policy policy = { bucket, prefix, "laptop-7", principal, AKS_BUCKET_ALL,
        AKS_BUCKET_SYNC };

    memset(bucket, 'b', sizeof(bucket) - 1);
    memset(prefix, 'p', sizeof(prefix) - 1);
    memset(principal, 'u', sizeof(principal) - 1);
    memcpy(principal, "arn:aws:iam::123456789012:user/", 31);
    bucket[sizeof(bucket) - 1] = '\0';
    prefix[sizeof(prefix) - 1] = '\0';
    principal[sizeof(principal) - 1] = '\0';
    json_decref(document(policy));
}

static int
write_all(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_bucket_policy policy = plain;
    struct aks_error err = { 0 };
    struct aks_buf out;
    enum aks_status status;

    policy.document = AKS_BUCKET_ALL;
    policy.principal = ARN;
    aks_buf_init(&out, alloc, AKS_BUCKET_POLICY_BYTES_MAX);
    status = aks_bucket_policy_write(&policy, &out, &err);
    aks_buf_fini(&out);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
a_document_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(write_all, NULL, 100);
    failing_alloc_loop_lasting(write_all, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_may_do_what_a_sync_needs),
        cmocka_unit_test(other_uses_may_less_or_else),
        cmocka_unit_test(a_bucket_tells_one_principal_what_it_may_and_everybody_how),
        cmocka_unit_test(a_store_that_has_no_arns_gets_the_folder_itself_as_well),
        cmocka_unit_test(a_partition_is_that_of_its_principal),
        cmocka_unit_test(what_is_the_buckets_own),
        cmocka_unit_test(a_prefix_is_the_same_with_and_without_its_end),
        cmocka_unit_test(what_would_stand_for_more_is_refused),
        cmocka_unit_test(principals_are_one_user_or_role),
        cmocka_unit_test(a_document_of_a_key_names_no_principal),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(a_document_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("bucket_policy", tests, NULL, NULL);
}
