#include "engine/policy_text.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct aks_os *os;
static struct aks_port port;
static struct temp_folder *folder;
static struct aks_error err;
static struct aks_policy_text text;

static int
setup(void **state)
{
    folder = temp_folder_new();
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK)
        return -1;
    port = *aks_os_port(os);
    return 0;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    temp_folder_free(folder);
    return 0;
}

static const char *
put_file(const char *name, const char *bytes)
{
    return temp_folder_write(folder, name, bytes, strlen(bytes));
}

static void
assert_fails(const char *path, enum aks_status status, const char *words)
{
    memset(&text, 0x55, sizeof(text));
    assert_int_equal(aks_policy_text_read(&port, path, &text, &err), status);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, err.message);
    assert_null(text.text);
    assert_null(text.modules);
    assert_int_equal(text.module_count, 0);
}

static void
policy_comes_with_the_modules_beside_it(void **state)
{
    const char *path = temp_folder_write(folder, "policy.lua", "a\0b", 3);
    struct aks_policy_text copy;

    (void)put_file("b.lua", "return 'b'");
    (void)put_file("a.lua", "");
    (void)put_file("a.txt", "x");
    (void)put_file(".hidden.lua", "x");
    (void)put_file(".lua", "x");
    (void)put_file("lua", "x");
    (void)put_file("c.luac", "x");
    assert_int_equal(mkdir(temp_folder_join(folder, "folder.lua"), 0700), 0);
    assert_int_equal(mkfifo(temp_folder_join(folder, "pipe.lua"), 0600), 0);
    assert_int_equal(symlink("loop.lua", temp_folder_join(folder, "loop.lua")), 0);
    assert_int_equal(symlink("b.lua", temp_folder_join(folder, "link.lua")), 0);
    (void)put_file("a-name-of-sixty-four-bytes-is-just-one-byte-too-long-for-a-module.lua", "x");

    assert_int_equal(aks_policy_text_read(&port, path, &text, &err), AKS_OK);
    assert_string_equal(text.path, path);
    assert_int_equal(text.text_len, 3);
    assert_memory_equal(text.text, "a\0b", 4);
    assert_int_equal(text.module_count, 3);
    assert_string_equal(text.modules[0].name, "a");
    assert_int_equal(text.modules[0].text_len, 0);
    assert_string_equal(text.modules[1].name, "b");
    assert_string_equal(text.modules[1].text, "return 'b'");
    assert_string_equal(text.modules[2].name, "link");
    assert_string_equal(text.modules[2].text, "return 'b'");

    assert_int_equal(aks_policy_text_copy(aks_alloc_system(), &text, &copy, &err), AKS_OK);
    aks_policy_text_fini(aks_alloc_system(), &text);
    assert_string_equal(copy.path, path);
    assert_memory_equal(copy.text, "a\0b", 4);
    assert_int_equal(copy.module_count, 3);
    assert_string_equal(copy.modules[2].text, "return 'b'");
    aks_policy_text_fini(aks_alloc_system(), &copy);
    aks_policy_text_fini(aks_alloc_system(), &copy);

    assert_int_equal(aks_policy_text_copy(aks_alloc_system(), &copy, &text, &err), AKS_OK);
    assert_null(text.text);
}

static void
policy_may_be_named_from_the_working_folder(void **state)
{
    char before[4096];
    char path[4200];

    (void)put_file("policy.lua", "x");
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(temp_folder_path(folder)), 0);
    assert_int_equal(aks_policy_text_read(&port, "policy.lua", &text, &err), AKS_OK);
    assert_int_equal(chdir(before), 0);
    (void)snprintf(path, sizeof(path), "%s/policy.lua", temp_folder_path(folder));
    assert_string_equal(text.path, path);
    assert_int_equal(text.module_count, 0);
    aks_policy_text_fini(aks_alloc_system(), &text);
}

static void
policy_that_cannot_be_read_is_told_in_one_line(void **state)
{
    char *big = malloc(AKS_POLICY_BYTES_MAX + 2);

    assert_fails("", AKS_POLICY, "empty");
    assert_fails(temp_folder_join(folder, "none.lua"), AKS_POLICY, "no such file");
    assert_non_null(strstr(err.message, "none.lua"));
    assert_true(strlen(err.hint) > 0);
    assert_fails(temp_folder_join(folder, "no/such.lua"), AKS_POLICY, "no such file");
    assert_fails(temp_folder_path(folder), AKS_POLICY, "is a folder");
    assert_true(strlen(err.hint) > 0);
    assert_int_equal(mkfifo(temp_folder_join(folder, "pipe"), 0600), 0);
    assert_fails(temp_folder_join(folder, "pipe"), AKS_POLICY, "no regular file");
    assert_fails("/dev/null", AKS_POLICY, "no regular file");
    assert_int_equal(symlink("loop", temp_folder_join(folder, "loop")), 0);
    assert_fails(temp_folder_join(folder, "loop"), AKS_POLICY, "loop");

    assert_non_null(big);
    memset(big, 'x', AKS_POLICY_BYTES_MAX + 1);
    big[AKS_POLICY_BYTES_MAX + 1] = '\0';
    assert_fails(put_file("big", big), AKS_POLICY, "over 262144 bytes");
    big[AKS_POLICY_BYTES_MAX] = '\0';
    assert_int_equal(aks_policy_text_read(&port, put_file("big", big), &text, &err), AKS_OK);
    assert_int_equal(text.text_len, AKS_POLICY_BYTES_MAX);
    aks_policy_text_fini(aks_alloc_system(), &text);
    free(big);
}

static void
modules_over_their_bounds_are_named(void **state)
{
    const char *path = put_file("policy.lua", "x");
    char *big = malloc(AKS_POLICY_BYTES_MAX + 2);
    char name[32];

    assert_non_null(big);
    memset(big, 'x', AKS_POLICY_BYTES_MAX + 1);
    big[AKS_POLICY_BYTES_MAX + 1] = '\0';
    (void)put_file("m.lua", big);
    assert_fails(path, AKS_LIMIT, "/m.lua: it is over 262144 bytes");
    big[AKS_POLICY_BYTES_MAX] = '\0';
    for (char c = 'm'; c < 'q'; c++) {
        (void)snprintf(name, sizeof(name), "%c.lua", c);
        (void)put_file(name, big);
    }
    (void)put_file("z.lua", "");
    assert_int_equal(aks_policy_text_read(&port, path, &text, &err), AKS_OK);
    assert_int_equal(text.module_count, 5);
    aks_policy_text_fini(aks_alloc_system(), &text);
    (void)put_file("z.lua", "x");
    assert_fails(path, AKS_LIMIT,
        "/z.lua: the *.lua files beside the policy are over 1048576 bytes");
    assert_true(strlen(err.hint) > 0);
    free(big);

    for (char c = 'm'; c < 'q'; c++) {
        (void)snprintf(name, sizeof(name), "%c.lua", c);
        (void)put_file(name, "");
    }
    for (int i = 5; i < AKS_POLICY_FILES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%02d.lua", i);
        (void)put_file(name, "");
    }
    assert_int_equal(aks_policy_text_read(&port, path, &text, &err), AKS_OK);
    assert_int_equal(text.module_count, AKS_POLICY_FILES_MAX);
    aks_policy_text_fini(aks_alloc_system(), &text);
    (void)put_file("n99.lua", "");
    assert_fails(path, AKS_LIMIT, "more than 64");
}

/* A policy in a folder that may not be listed, or beside files that may not be read, is a policy
 * all the same; one that may not be read itself is none. */
static void
policy_without_readable_modules_is_read_alone(void **state)
{
    const char *path = put_file("policy.lua", "x");
    struct faulty_files faulty;
    struct aks_port failing = port;
    int read = 0;

    (void)put_file("a.lua", "x");
    faulty_files_init(&faulty, &port.files, AKS_FORBIDDEN);
    failing.files = faulty.files;
    for (int64_t call = 0; call < 12; call++) {
        faulty_files_arm(&faulty, call, false);
        if (aks_policy_text_read(&failing, path, &text, &err) == AKS_OK) {
            assert_int_equal(text.text_len, 1);
            assert_in_range(text.module_count, 0, 1);
            read += text.module_count == 0;
            aks_policy_text_fini(aks_alloc_system(), &text);
        } else {
            assert_int_equal(err.status, AKS_POLICY);
            assert_non_null(strstr(err.message, "cannot read the policy"));
        }
    }
    /* The list, and stat, open, info and both reads of the module. */
    assert_int_equal(read, 6);
}

/* An environment that a test makes up. */
static const char *const *variables;

static const char *
variable_at(void *ctx, unsigned i)
{
    return variables[i];
}

static enum aks_status
collect(const char *const *pairs, const char *const *allow, size_t allow_count,
    struct aks_policy_environment *ret)
{
    struct aks_port made_up = port;

    variables = pairs;
    made_up.environment.at = variable_at;
    return aks_policy_environment_collect(&made_up, allow, allow_count, ret, &err);
}

static void
environment_holds_what_a_policy_may_read(void **state)
{
    static const char *const pairs[] = { "XDG_STATE_HOME=/s", "AKOSHA_CLOUD_BUCKET=b=c",
        "PATH=/bin", "HOME=/home/a", "AKOSHA_CLOUD_BUCKET=second", "AKOSHA_API_TOKEN=t",
        "AKOSHA_Secret_X=s", "SESSION_BUDDY_AKOSHA_CLOUD_ENDPOINT=", "SESSION_BUDDY_X=1", "LANG=C",
        "LANGUAGE=de", "TZ=UTC", "USER=a", "HOSTNAME=h", "HOMEPAGE=x", "PROJECT=p", "PROJECTS=q",
        "AKOSHA_=empty", "AKOSHA_CLOUD=x", "nonsense", "=x", "SSH_AUTH_SOCK=/x",
        "XDG_PASSWORD=x", "AKOSHA_CREDENTIALS=x", "AKOSHA_apikey=x", NULL };
    static const char *const wanted[] = { "AKOSHA_=empty", "AKOSHA_CLOUD=x",
        "AKOSHA_CLOUD_BUCKET=b=c", "HOME=/home/a", "HOSTNAME=h", "LANG=C", "PROJECT=p",
        "SESSION_BUDDY_AKOSHA_CLOUD_ENDPOINT=", "TZ=UTC", "USER=a", "XDG_STATE_HOME=/s" };
    static const char *const allow[] = { "PROJECT", "NOT_SET" };
    struct aks_policy_environment environment;
    struct aks_policy_environment copy;

    assert_int_equal(collect(pairs, allow, 2, &environment), AKS_OK);
    assert_int_equal(environment.count, sizeof(wanted) / sizeof(wanted[0]));
    for (size_t i = 0; i < environment.count; i++)
        assert_string_equal(environment.pairs[i], wanted[i]);
    assert_int_equal(aks_policy_environment_copy(aks_alloc_system(), &environment, &copy, &err),
        AKS_OK);
    aks_policy_environment_fini(aks_alloc_system(), &environment);
    assert_int_equal(copy.count, sizeof(wanted) / sizeof(wanted[0]));
    assert_string_equal(aks_policy_environment_get(&copy, "AKOSHA_CLOUD_BUCKET"), "b=c");
    assert_string_equal(aks_policy_environment_get(&copy, "AKOSHA_CLOUD"), "x");
    assert_string_equal(aks_policy_environment_get(&copy, "SESSION_BUDDY_AKOSHA_CLOUD_ENDPOINT"),
        "");
    assert_null(aks_policy_environment_get(&copy, "PATH"));
    assert_null(aks_policy_environment_get(&copy, "HOME=/home"));
    aks_policy_environment_fini(aks_alloc_system(), &copy);
    assert_null(aks_policy_environment_get(&copy, "HOME"));
    assert_int_equal(aks_policy_environment_copy(aks_alloc_system(), &copy, &environment, &err),
        AKS_OK);
    assert_int_equal(environment.count, 0);
}

static void
environment_never_allows_a_secret(void **state)
{
    static const char *const names[] = { "AWS_SECRET_ACCESS", "GITHUB_TOKEN", "DbPass", "SSH_key",
        "my_credential_x", "KEY" };
    static const char *const bad[] = { "", "A=B", "=" };
    static const char *const none[] = { NULL };
    struct aks_policy_environment environment;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(collect(none, &names[i], 1, &environment), AKS_SETTINGS);
        assert_non_null(strstr(err.message, names[i]));
        assert_true(strlen(err.hint) > 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(collect(none, &bad[i], 1, &environment), AKS_SETTINGS);
    assert_false(aks_policy_environment_secret("KEEP", 4));
    assert_false(aks_policy_environment_secret("KEY", 2));
    assert_true(aks_policy_environment_secret("XkeyX", 5));
}

static void
environment_is_bounded(void **state)
{
    static char texts[AKS_POLICY_VARIABLES_MAX + 1][32];
    static const char *pairs[AKS_POLICY_VARIABLES_MAX + 2];
    char *big = malloc(AKS_POLICY_VARIABLE_BYTES_MAX + 2);
    struct aks_policy_environment environment;

    for (int i = 0; i <= AKS_POLICY_VARIABLES_MAX; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "AKOSHA_%04d=x", i);
        pairs[i] = texts[i];
    }
    assert_int_equal(collect(pairs, NULL, 0, &environment), AKS_LIMIT);
    assert_non_null(strstr(err.message, "AKOSHA_0256"));
    assert_int_equal(environment.count, 0);
    pairs[AKS_POLICY_VARIABLES_MAX] = NULL;
    assert_int_equal(collect(pairs, NULL, 0, &environment), AKS_OK);
    assert_int_equal(environment.count, AKS_POLICY_VARIABLES_MAX);
    aks_policy_environment_fini(aks_alloc_system(), &environment);

    assert_non_null(big);
    memset(big, 'x', AKS_POLICY_VARIABLE_BYTES_MAX + 1);
    memcpy(big, "AKOSHA_BIG=", 11);
    big[AKS_POLICY_VARIABLE_BYTES_MAX + 1] = '\0';
    pairs[0] = big;
    pairs[1] = NULL;
    assert_int_equal(collect(pairs, NULL, 0, &environment), AKS_LIMIT);
    assert_non_null(strstr(err.message, "AKOSHA_BIG"));
    big[AKS_POLICY_VARIABLE_BYTES_MAX] = '\0';
    assert_int_equal(collect(pairs, NULL, 0, &environment), AKS_OK);
    aks_policy_environment_fini(aks_alloc_system(), &environment);
    free(big);
}

static int
read_and_copy(void *ctx, const struct aks_alloc *alloc)
{
    static const char *const pairs[] = { "HOME=/a", "USER=b", NULL };
    struct aks_policy_environment environment;
    struct aks_policy_environment environment_copy;
    struct aks_policy_text read;
    struct aks_policy_text copy;
    struct aks_port failing = port;

    failing.alloc = alloc;
    failing.environment.at = variable_at;
    variables = pairs;
    if (aks_policy_text_read(&failing, ctx, &read, &err) == AKS_OK) {
        if (aks_policy_text_copy(alloc, &read, &copy, &err) == AKS_OK)
            aks_policy_text_fini(alloc, &copy);
        aks_policy_text_fini(alloc, &read);
    }
    if (aks_policy_environment_collect(&failing, NULL, 0, &environment, &err) == AKS_OK) {
        if (aks_policy_environment_copy(alloc, &environment, &environment_copy, &err) == AKS_OK)
            aks_policy_environment_fini(alloc, &environment_copy);
        aks_policy_environment_fini(alloc, &environment);
    }
    return 0;
}

static void
policy_survives_any_allocation_that_fails(void **state)
{
    char path[4200];

    (void)put_file("policy.lua", "x");
    (void)put_file("a.lua", "x");
    (void)put_file("b.lua", "x");
    (void)snprintf(path, sizeof(path), "%s/policy.lua", temp_folder_path(folder));
    failing_alloc_loop(read_and_copy, path, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policy_comes_with_the_modules_beside_it),
        TEST(policy_may_be_named_from_the_working_folder),
        TEST(policy_that_cannot_be_read_is_told_in_one_line),
        TEST(modules_over_their_bounds_are_named),
        TEST(policy_without_readable_modules_is_read_alone),
        TEST(environment_holds_what_a_policy_may_read),
        TEST(environment_never_allows_a_secret),
        TEST(environment_is_bounded),
        TEST(policy_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("policy_text", tests, NULL, NULL);
}
