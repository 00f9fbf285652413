/* akosha_policy_check: what an embedder is told of a policy, without an engine. */
#include "akosha/akosha.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_MAX 20000

static const char broken[] = "local akosha = require 'akosha'\n"
    "return akosha.policy { retyr = 1,\n"
    "  api = 2,\n"
    "  targets = { a = akosha.dir { path = '/a' },\n"
    "    b = akosha.dir { paht = '/b' } } }\n";
static const char fine[] = "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, route = 'a',\n"
    "  targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/b' } } }\n";

struct told {
    char text[2048];        /* "LINE FIELD\n" each */
};

static void
note(void *ctx, const struct akosha_problem *problem)
{
    struct told *told = ctx;
    size_t len = strlen(told->text);

    (void)snprintf(told->text + len, sizeof(told->text) - len, "%d %s%s\n", problem->line,
        problem->warning ? "warning " : "", problem->field);
}

static int
check(struct aks_os *os, const char *path, struct told *told, struct akosha_checked *checked,
    struct akosha_error *error)
{
    struct akosha_check_options options = { 0 };

    memset(told, 0, sizeof(*told));
    memset(error, 0, sizeof(*error));
    options.port = aks_os_port(os);
    options.path = path;
    options.problem = note;
    options.ctx = told;
    return akosha_policy_check(&options, checked, error);
}

static void
problems_come_in_the_order_of_their_lines(void **state)
{
    struct temp_folder *folder = temp_folder_new();
    const char *path = temp_folder_write(folder, "p.lua", broken, strlen(broken));
    struct akosha_checked checked;
    struct akosha_error error;
    struct aks_os *os = NULL;
    struct told told;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    assert_int_equal(check(os, path, &told, &checked, &error), AKOSHA_SETTINGS);
    assert_string_equal(told.text, "2 retyr\n3 api\n5 paht\n");
    assert_int_equal(checked.errors, 3);
    assert_int_equal(strlen(checked.sha256), 64);
    assert_string_equal(checked.path, path);
    assert_string_equal(error.failure, "policy");
    aks_os_close(os);
    temp_folder_free(folder);
}

static void
a_warning_leaves_a_policy_usable(void **state)
{
    struct temp_folder *folder = temp_folder_new();
    const char *path = temp_folder_write(folder, "p.lua", fine, strlen(fine));
    struct akosha_checked checked;
    struct akosha_error error;
    struct aks_os *os = NULL;
    struct told told;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    assert_int_equal(check(os, path, &told, &checked, &error), AKOSHA_OK);
    assert_string_equal(told.text, "2 warning route\n");
    assert_int_equal(checked.errors, 0);
    assert_int_equal(checked.warnings, 1);
    assert_int_equal(check(os, "/nowhere.lua", &told, &checked, &error), AKOSHA_SETTINGS);
    assert_string_equal(told.text, "");
    assert_string_equal(checked.sha256, "");
    aks_os_close(os);
    temp_folder_free(folder);
}

/* What is known of secrets is this machine's: the policy is fine all the same. */
static void
a_secret_that_nobody_gave_is_a_warning(void **state)
{
    static const char policy[] = "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, targets = { web = akosha.http {\n"
        "  url = 'https://h:8682/up', token = akosha.secret 'akosha-token' } } }\n";
    static const char *const hosts[] = { "h:8682", "other" };
    struct akosha_secret secret = { .name = "akosha-token", .from = AKOSHA_SECRET_ENV,
        .where = "THE_TOKEN", .hosts = hosts + 1, .host_count = 1 };
    struct temp_folder *folder = temp_folder_new();
    const char *path = temp_folder_write(folder, "p.lua", policy, strlen(policy));
    struct akosha_checked checked;
    struct akosha_error error;
    struct aks_os *os = NULL;
    struct told told;

    assert_int_equal(setenv("XDG_CONFIG_HOME", temp_folder_path(folder), 1), 0);
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(check(os, path, &told, &checked, &error), AKOSHA_OK);
        assert_string_equal(told.text, round < 2 ? "0 warning targets.web\n" : "");
        assert_int_equal(checked.warnings, round < 2);
        secret.hosts = round == 0 ? hosts + 1 : hosts;
        assert_int_equal(akosha_secret_add(aks_os_port(os), temp_folder_path(folder), &secret,
            true, &error, &error), AKOSHA_OK);
    }
    aks_os_close(os);
    (void)unsetenv("XDG_CONFIG_HOME");
    temp_folder_free(folder);
}

static int
check_both(void *ctx, const struct aks_alloc *alloc)
{
    const char *const *paths = ctx;
    struct akosha_checked checked;
    struct akosha_error error;
    struct aks_os *os = NULL;
    struct told told;
    int bad = 0;

    if (aks_os_open(alloc, &os, NULL) != AKS_OK)
        return 0;
    if (check(os, paths[0], &told, &checked, &error) == AKOSHA_OK)
        bad = 1;
    (void)check(os, paths[1], &told, &checked, &error);
    aks_os_close(os);
    return bad;
}

static void
checking_survives_every_failure_to_allocate(void **state)
{
    struct temp_folder *folder = temp_folder_new();
    const char *paths[] = { temp_folder_write(folder, "p.lua", broken, strlen(broken)),
        temp_folder_write(folder, "q.lua", fine, strlen(fine)) };

    failing_alloc_loop(check_both, paths, ROUNDS_MAX);
    temp_folder_free(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_come_in_the_order_of_their_lines),
        cmocka_unit_test(a_warning_leaves_a_policy_usable),
        cmocka_unit_test(a_secret_that_nobody_gave_is_a_warning),
        cmocka_unit_test(checking_survives_every_failure_to_allocate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
