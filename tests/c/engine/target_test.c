#include "engine/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOME "/home/ada"

static char s3_bucket[] = "memories";
static char other[] = "other";
static char prefix[] = "a/";
static char endpoint[] = "https://s3.example:9000";
static char url[] = "https://files.example/up";
static char path[] = "~/backup";

static struct aks_target_settings
settings_of(enum aks_target_kind kind)
{
    struct aks_target_settings settings = { 0 };

    settings.kind = kind;
    settings.name = other;
    settings.bucket = s3_bucket;
    settings.prefix = prefix;
    settings.endpoint = endpoint;
    settings.url = url;
    settings.path = path;
    return settings;
}

/* Do both name the same place for this system? */
static bool
same_place(const struct aks_target_settings *a, const struct aks_target_settings *b)
{
    char first[AKS_SHA256_HEX_BYTES];
    char second[AKS_SHA256_HEX_BYTES];

    aks_target_identity(a, HOME, "laptop-7", first);
    aks_target_identity(b, HOME, "laptop-7", second);
    assert_int_equal(strlen(first), 64);
    assert_int_equal(strspn(first, "0123456789abcdef"), 64);
    return strcmp(first, second) == 0;
}

static void
class_is_that_of_the_kind(void **state)
{
    assert_ptr_equal(aks_target_class_of(AKS_TARGET_S3), &aks_target_s3);
    assert_ptr_equal(aks_target_class_of(AKS_TARGET_HTTP), &aks_target_http);
    assert_ptr_equal(aks_target_class_of(AKS_TARGET_DIR), &aks_target_dir);
    assert_true(aks_target_s3.markers && aks_target_s3.can_list);
    assert_true(!aks_target_dir.markers && aks_target_dir.can_list);
    assert_true(!aks_target_http.markers && !aks_target_http.can_list);
}

static void
identity_is_of_the_place_and_the_system(void **state)
{
    struct aks_target_settings a = settings_of(AKS_TARGET_S3);
    struct aks_target_settings b = settings_of(AKS_TARGET_HTTP);
    char first[AKS_SHA256_HEX_BYTES];
    char second[AKS_SHA256_HEX_BYTES];

    assert_true(same_place(&a, &a));
    assert_false(same_place(&a, &b));
    b.kind = AKS_TARGET_DIR;
    assert_false(same_place(&a, &b));
    aks_target_identity(&a, HOME, "laptop-7", first);
    aks_target_identity(&a, HOME, "laptop-8", second);
    assert_string_not_equal(first, second);
}

static void
identity_does_not_hang_on_names_and_rights(void **state)
{
    struct aks_target_settings a = settings_of(AKS_TARGET_S3);
    struct aks_target_settings b = settings_of(AKS_TARGET_S3);

    b.name = prefix;
    b.region = other;
    b.credentials = other;
    b.ca_file = other;
    b.path_style = 1;
    b.url = other;
    b.path = other;
    assert_true(same_place(&a, &b));
}

static void
identity_of_a_bucket_hangs_on_all_that_names_it(void **state)
{
    static char joined[] = "memoriesa/";
    static char none[] = "";
    struct aks_target_settings a = settings_of(AKS_TARGET_S3);
    struct aks_target_settings b = settings_of(AKS_TARGET_S3);

    b.bucket = other;
    assert_false(same_place(&a, &b));
    b = settings_of(AKS_TARGET_S3);
    b.prefix = none;
    assert_false(same_place(&a, &b));
    b = settings_of(AKS_TARGET_S3);
    b.endpoint = NULL;
    assert_false(same_place(&a, &b));
    /* The fields do not run together. */
    b = settings_of(AKS_TARGET_S3);
    b.bucket = joined;
    b.prefix = none;
    assert_false(same_place(&a, &b));
}

/* What is believed of uploads in one layout is not true of the other. */
static void
identity_hangs_on_the_layout(void **state)
{
    static const enum aks_target_kind kinds[] = { AKS_TARGET_S3, AKS_TARGET_HTTP,
        AKS_TARGET_DIR };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct aks_target_settings a = settings_of(kinds[i]);
        struct aks_target_settings b = settings_of(kinds[i]);

        b.layout = AKS_LAYOUT_ORIGINAL;
        assert_false(same_place(&a, &b));
        a.layout = AKS_LAYOUT_ORIGINAL;
        b.no_markers = true;
        assert_true(same_place(&a, &b));
    }
}

static void
identity_sees_through_ways_of_writing(void **state)
{
    static char loud[] = "HTTPS://Files.EXAMPLE:443/up";
    static char deeper[] = "https://files.example/up/x";
    static char absolute[] = HOME "/backup/";
    static char elsewhere[] = "~/backup2";
    struct aks_target_settings a = settings_of(AKS_TARGET_HTTP);
    struct aks_target_settings b = settings_of(AKS_TARGET_HTTP);

    b.url = loud;
    assert_true(same_place(&a, &b));
    b.url = deeper;
    assert_false(same_place(&a, &b));
    a = settings_of(AKS_TARGET_DIR);
    b = settings_of(AKS_TARGET_DIR);
    b.path = absolute;
    assert_true(same_place(&a, &b));
    b.path = elsewhere;
    assert_false(same_place(&a, &b));
}

static void
keys_are_told_from_what_is_none(void **state)
{
    static const char *const keys[] = { "a", "systems/x/u/manifest.json", ".hidden", "a..b", "...",
        "-/_/.x" };
    static const char *const others[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/..",
        "../a", "a/../b", "./a", "a b", "a%b", "a\\b", "\xc3\xa4", "a\n" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_true(aks_target_key_valid(keys[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(aks_target_key_valid(others[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_is_that_of_the_kind),
        cmocka_unit_test(identity_is_of_the_place_and_the_system),
        cmocka_unit_test(identity_does_not_hang_on_names_and_rights),
        cmocka_unit_test(identity_of_a_bucket_hangs_on_all_that_names_it),
        cmocka_unit_test(identity_hangs_on_the_layout),
        cmocka_unit_test(identity_sees_through_ways_of_writing),
        cmocka_unit_test(keys_are_told_from_what_is_none),
    };

    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
