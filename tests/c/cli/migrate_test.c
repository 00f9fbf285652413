/* session-buddy's settings, out of YAML and variables, and the policy that they come to. */
#include "cli/migrate_settings.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_NAME "session-buddy.yaml"

struct given {
    struct aks_migrate_settings settings;
    struct aks_init_draft draft;
    struct aks_error err;
};

static enum aks_status
read_given(struct given *given, const struct aks_alloc *alloc, const char *yaml,
    const char *variable)
{
    enum aks_status status = aks_migrate_settings_init(&given->settings, alloc, &given->err);

    if (status == AKS_OK)
        status = aks_migrate_settings_file(&given->settings, FILE_NAME, yaml, strlen(yaml),
            &given->err);
    if (status == AKS_OK && variable != NULL)
        status = aks_migrate_settings_variable(&given->settings, variable, &given->err);
    if (status == AKS_OK)
        status = aks_migrate_settings_draft(&given->settings, NULL, &given->draft, &given->err);
    return status;
}

static void
assert_means(const char *yaml, const char *variable, const char *policy_has)
{
    struct given given;
    struct aks_buf text;

    assert_int_equal(read_given(&given, aks_alloc_system(), yaml, variable), AKS_OK);
    aks_buf_init(&text, aks_alloc_system(), AKS_INIT_DRAFT_BYTES_MAX);
    aks_init_draft_write(&given.draft, &text);
    if (strstr(text.data, policy_has) == NULL)
        fail_msg("%s: the policy has no %s:\n%s", yaml, policy_has, text.data);
    aks_buf_fini(&text);
    aks_migrate_settings_fini(&given.settings);
}

/* { what was said in the file, in a variable, what the policy has } */
static const struct {
    const char *yaml;
    const char *variable;
    const char *has;
} meant[] = {
    { "", NULL, "[\"local\"] = akosha.dir { path = \"~/.local/share/akosha-sync\" }" },
    { "# nothing\n", NULL, "tries = 3, first = 2, factor = 2, cap = 4" },
    { "---\nakosha_cloud_bucket: mine\n", NULL,
      "cloud = akosha.s3 { bucket = \"mine\", region = \"auto\" }" },
    { "akosha_cloud_bucket: mine\nakosha_cloud_endpoint: https://s3.example.org\n", NULL,
      "endpoint = \"https://s3.example.org\"" },
    { "akosha_cloud_bucket: 'mi\"ne'\n", NULL, "bucket = \"mi\\\"ne\"" },
    { "akosha_cloud_bucket: \"a\\nb\\\\\"\n", NULL, "bucket = \"a\\010b\\\\\"" },
    { "akosha_cloud_bucket:\n", "SESSION_BUDDY_AKOSHA_CLOUD_BUCKET=env", "bucket = \"env\"" },
    { "akosha_cloud_bucket: mine\n", "SESSION_BUDDY_AKOSHA_CLOUD_BUCKET=env",
      "bucket = \"env\"" },
    { "akosha_cloud_bucket: mine\n", "SESSION_BUDDY_AKOSHA_CLOUD_BUCKET=", "bucket = \"mine\"" },
    { "akosha_cloud_bucket: ~\nother: {a: [1, {b: 2}]}\n", NULL, "akosha.dir" },
    { "akosha_system_id: laptop.my.net\n", NULL, "system_id = \"laptop-my-net\"" },
    { "akosha_chunk_size_mb: 1\n", NULL, "part_size = 5 * akosha.MiB" },
    { "akosha_chunk_size_mb: 4\n", NULL, "part_size = 5 * akosha.MiB" },
    { "akosha_chunk_size_mb: 6\n", NULL, "part_size = 6 * akosha.MiB" },
    { "akosha_chunk_size_mb: 100\n", NULL, "part_size = 100 * akosha.MiB" },
    { "akosha_max_retries: 0\n", NULL, "tries = 1, first = 2, factor = 2, cap = 2" },
    { "akosha_max_retries: 10\nakosha_retry_backoff_seconds: 60\n", NULL,
      "tries = 10, first = 60, factor = 2, cap = 3600" },
    { "akosha_retry_backoff_seconds: 0.1\n", NULL, "first = 0.1, factor = 2, cap = 0.2" },
    { "akosha_enable_compression: No\n", NULL, "compress = \"none\"" },
    { "akosha_enable_compression: 'on'\n", NULL, "compress = \"zstd\"" },
    { "akosha_enable_deduplication: false\n", NULL, "dedup = \"always\"" },
    { "akosha_enable_deduplication: false\n", "SESSION_BUDDY_AKOSHA_ENABLE_DEDUPLICATION=1",
      "dedup = \"unchanged\"" },
    { "akosha_cloud_bucket: mine\nakosha_enable_fallback: false\n", NULL,
      "route = { \"cloud\" }" },
    { "akosha_enable_fallback: false\n", NULL, "route = { \"local\" }" },
    { "akosha_cloud_bucket: mine\nakosha_force_method: cloud\n", NULL, "route = { \"cloud\" }" },
    { "akosha_cloud_bucket: mine\nakosha_force_method: http\n", NULL, "route = { \"akosha\" }" },
    { "akosha_force_method: http\n", NULL,
      "akosha = akosha.mcp { url = \"" AKS_MIGRATE_ADDRESS "\" }" },
};

static void
test_each_setting_becomes_what_it_means(void **state)
{
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
        assert_means(meant[i].yaml, meant[i].variable, meant[i].has);
    }
}

/* { what is wrong, what is said of it } */
static const struct {
    const char *yaml;
    const char *variable;
    const char *says;
} wrong[] = {
    { "akosha_chunk_size_mb: 0\n", NULL, "line 1): expected a whole number from 1 to 100" },
    { "akosha_chunk_size_mb: 101\n", NULL, "a whole number from 1 to 100, got \"101\"" },
    { "akosha_chunk_size_mb: 5.5\n", NULL, "a whole number" },
    { "a: b\n\nakosha_chunk_size_mb: five\n", NULL, FILE_NAME ", line 3" },
    { "akosha_max_retries: 11\n", NULL, "from 0 to 10" },
    { "akosha_max_retries: -1\n", NULL, "from 0 to 10" },
    { "akosha_retry_backoff_seconds: 0.09\n", NULL, "a number from 0.1 to 60" },
    { "akosha_retry_backoff_seconds: 61\n", NULL, "a number from 0.1 to 60" },
    { "akosha_retry_backoff_seconds: nan\n", NULL, "a number from 0.1 to 60" },
    { "akosha_retry_backoff_seconds: 0x2\n", NULL, "a number from 0.1 to 60" },
    { "akosha_upload_timeout_seconds: 29\n", NULL, "from 30 to 3600" },
    { "akosha_upload_timeout_seconds: 3601\n", NULL, "from 30 to 3600" },
    { "akosha_enable_fallback: maybe\n", NULL, "expected true or false" },
    { "akosha_upload_on_session_end: 2\n", NULL, "expected true or false" },
    { "akosha_enable_compression: \"\"\n", NULL, "expected true or false" },
    { "akosha_force_method: ftp\n", NULL, "expected auto, cloud or http" },
    { "akosha_force_method: cloud\n", NULL, "there is no akosha_cloud_bucket" },
    { "", "SESSION_BUDDY_AKOSHA_MAX_RETRIES=many",
      "(SESSION_BUDDY_AKOSHA_MAX_RETRIES): expected" },
    { "akosha_cloud_bucket: [a]\n", NULL, "line 1: akosha_cloud_bucket has one value" },
    { "akosha_cloud_bucket: {a: b}\n", NULL, "has one value, not several" },
    { "akosha_cloud_bucket: a\nakosha_cloud_bucket: b\n", NULL, "line 2: akosha_cloud_bucket "
      "stands here a second time" },
    { "a: &x 1\nb: *x\n", NULL, "line 2: an alias" },
    { "- a\n", NULL, "a mapping of names to values" },
    { "text\n", NULL, "a mapping of names to values" },
    { "a: b\n---\nc: d\n", NULL, "a second document" },
    { "? [a]\n: b\n", NULL, "a name that is no single word" },
    { "a: [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]\n", NULL, "deeper than a settings file" },
    { "a: \"\\0\"\n", NULL, "a control character" },
    { "akosha_system_id: \"a\\e[2Jb\"\n", NULL, "line 1: a control character" },
    { "\"akosha_\\e]0;x\\a\": b\n", NULL, "line 1: a control character" },
    { "akosha_cloud_bucket: \"a\\x7f\"\n", NULL, "line 1: a control character" },
    { "a: b\n c\n\td: e\n  - f: [", NULL, "no YAML" },
    { "a: 'b\n", NULL, "no YAML" },
    { "\xff\xfe\xfd", NULL, "line 1" },
    { "{a: b", NULL, "no YAML" },
};

static void
test_what_is_wrong_is_told_with_its_place(void **state)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct given given;

        assert_int_equal(read_given(&given, aks_alloc_system(), wrong[i].yaml, wrong[i].variable),
            AKS_SETTINGS);
        if (strstr(given.err.message, wrong[i].says) == NULL)
            fail_msg("%s: says %s", wrong[i].yaml, given.err.message);
        aks_migrate_settings_fini(&given.settings);
    }
}

static void
test_what_is_not_known_is_told_and_left_out(void **state)
{
    struct given given;

    assert_int_equal(read_given(&given, aks_alloc_system(),
        "log_level: INFO\nakosha_url: http://x\nsearch: {deep: [1]}\nakosha_new: [1, 2]\n",
        "SESSION_BUDDY_AKOSHA_ENABLED=true"), AKS_OK);
    assert_int_equal(given.settings.others, 2);
    assert_int_equal(given.settings.unknown_count, 3);
    assert_string_equal(given.settings.unknown[0].name, "akosha_url");
    assert_non_null(given.settings.unknown[0].why);
    assert_string_equal(given.settings.unknown[1].name, "akosha_new");
    assert_int_equal(given.settings.unknown[1].line, 4);
    assert_null(given.settings.unknown[1].why);
    assert_string_equal(given.settings.unknown[2].from, "SESSION_BUDDY_AKOSHA_ENABLED");
    assert_string_equal(given.settings.unknown[2].why, "never read");
    for (size_t i = 0; i < AKS_MIGRATE_KEYS; i++)
        assert_true(given.settings.list[i].becomes[0] != '\0');
    aks_migrate_settings_fini(&given.settings);
}

static void
test_too_much_is_no_settings_file(void **state)
{
    static char text[AKS_MIGRATE_YAML_BYTES_MAX + 2];
    struct given given;
    size_t at = 0;

    memset(text, '#', AKS_MIGRATE_YAML_BYTES_MAX + 1);
    assert_int_equal(read_given(&given, aks_alloc_system(), text, NULL), AKS_SETTINGS);
    assert_non_null(strstr(given.err.message, "longer than a settings file is"));
    aks_migrate_settings_fini(&given.settings);
    memset(text, 0, sizeof(text));
    while (at < sizeof(text) - 32)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "a%zu: b\n", at);
    assert_int_equal(read_given(&given, aks_alloc_system(), text, NULL), AKS_SETTINGS);
    assert_non_null(strstr(given.err.message, "more than a settings file has"));
    aks_migrate_settings_fini(&given.settings);
}

static int
try_without_memory(void *ctx, const struct aks_alloc *alloc)
{
    struct given given;
    struct aks_buf text;

    if (read_given(&given, alloc, "akosha_cloud_bucket: a\nakosha_x: 1\nakosha_system_id: b.c\n",
        "SESSION_BUDDY_AKOSHA_CLOUD_REGION=r") == AKS_OK) {
        aks_buf_init(&text, alloc, AKS_INIT_DRAFT_BYTES_MAX);
        aks_init_draft_write(&given.draft, &text);
        aks_buf_fini(&text);
    }
    aks_migrate_settings_fini(&given.settings);
    return 0;
}

static void
test_lives_without_memory(void **state)
{
    failing_alloc_loop(try_without_memory, NULL, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_setting_becomes_what_it_means),
        cmocka_unit_test(test_what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(test_what_is_not_known_is_told_and_left_out),
        cmocka_unit_test(test_too_much_is_no_settings_file),
        cmocka_unit_test(test_lives_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
