#include "script/load.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "local akosha = require 'akosha'\n"
#define TARGETS "targets = { a = akosha.dir { path = '/a' } }"

struct told {
    char text[8192];        /* "LINE FIELD: message\n" each; "warning " in front of warnings */
    int count;
    enum aks_status status;
    char error[AKS_ERROR_MESSAGE_BYTES];
};

static void
note(void *ctx, const struct aks_script_problem *problem)
{
    struct told *told = ctx;
    size_t len = strlen(told->text);

    told->count++;
    (void)snprintf(told->text + len, sizeof(told->text) - len, "%s%d %s: %s\n",
        problem->warning ? "warning " : "", problem->line, problem->field, problem->message);
    assert_string_equal(problem->file, "/home/me/policy.lua");
}

static char path[] = "/home/me/policy.lua";
static char home[] = "HOME=/home/me";
static char *variables[] = { home };
static const struct aks_policy_environment environment = { variables, 1 };

static void
check_with(const struct aks_alloc *alloc, const char *policy, struct told *told)
{
    const struct aks_script_problems problems = { note, told };
    struct aks_script_options options = { .alloc = alloc, .problems = &problems };
    struct aks_policy_text text = { .path = path };
    struct aks_policy_loader loader;
    struct aks_policy *loaded = NULL;
    struct aks_error err = { 0 };

    memset(told, 0, sizeof(*told));
    text.text = (char *)(uintptr_t)policy;
    text.text_len = strlen(policy);
    aks_script_loader_init(&loader, &options);
    told->status = loader.load(loader.ctx, &text, &environment, &loaded, &err);
    assert_int_equal(told->status == AKS_OK, loaded != NULL);
    (void)snprintf(told->error, sizeof(told->error), "%s", err.message);
    if (loaded != NULL)
        loaded->free(loaded);
}

static struct told *
check(const char *policy)
{
    static struct told told;

    check_with(aks_alloc_system(), policy, &told);
    return &told;
}

static const char five[] = HEAD
    "return akosha.policy {\n"                                              /* 2 */
    "  api = 1, sources = { '/a',\n"
    "    7 },\n"                                                            /* 4 */
    "  targets = {\n"
    "    cloud = akosha.s3 {\n"
    "      bukcet = 'memories',\n"                                          /* 7 */
    "    },\n"
    "    disk = 5,\n"                                                       /* 9 */
    "  },\n"
    "  route = { 'cloud', 'disk' },\n"
    "  retry = akosha.retry.exponential {\n"
    "    tries = 0,\n"                                                      /* 13 */
    "  },\n"
    "  dedupe = 'always',\n"                                                /* 15 */
    "}\n";

static void
every_mistake_is_told_once_with_its_line(void **state)
{
    const struct told *told = check(five);

    assert_int_equal(told->count, 5);
    assert_int_equal(told->status, AKS_POLICY);
    assert_non_null(strstr(told->text, "4 sources[2]: akosha.policy: sources: expected a path"));
    assert_non_null(strstr(told->text, "7 bukcet: akosha.s3: unknown field \"bukcet\"; did you mean"
        " \"bucket\"?"));
    assert_non_null(strstr(told->text, "9 targets.disk: akosha.policy: targets: disk: expected"));
    assert_non_null(strstr(told->text, "13 tries: akosha.retry.exponential: tries: expected"));
    assert_non_null(strstr(told->text, "15 dedupe: akosha.policy: unknown field \"dedupe\"; did "
        "you mean \"dedup\"?"));
    assert_string_equal(told->error, "/home/me/policy.lua: 5 errors");
}

static void
what_ends_the_load_is_told_after_what_was_found_before(void **state)
{
    const struct told *told = check(HEAD "local a = akosha.dir { pth = 1 }\nerror 'no'\n");

    assert_string_equal(told->text, "2 pth: akosha.dir: unknown field \"pth\"; did you mean "
        "\"path\"?\n3 : no\n");
    told = check(HEAD "return {\n");
    assert_int_equal(told->count, 1);
    assert_int_equal(told->status, AKS_POLICY);
    told = check("while true do end");
    assert_int_equal(told->status, AKS_LIMIT);
    assert_int_equal(told->count, 1);
    told = check("local function f() return 1 + f() end return f()");
    assert_string_equal(told->text, "0 : it calls too deep, or takes more than 65536 values at"
        " once\n");
}

static void
a_limit_inside_a_field_ends_the_load(void **state)
{
    const struct told *told = check(HEAD "while true do akosha.dir { path = 'x' } end");

    assert_int_equal(told->status, AKS_LIMIT);
    told = check(HEAD "while true do akosha.dir { pth = 'x' } end");
    assert_int_equal(told->status, AKS_LIMIT);
    assert_true(told->count <= AKS_PROBLEM_TOLD_MAX);
}

static void
several_wrong_names_in_a_route_are_all_told(void **state)
{
    const struct told *told = check(HEAD "return akosha.policy { api = 1,\n" TARGETS ",\n"
        "route = { 'x',\n'a',\n'aa' } }");

    assert_int_equal(told->count, 2);
    assert_non_null(strstr(told->text, "4 route[1]: "));
    assert_non_null(strstr(told->text, "6 route[3]: "));
    told = check(HEAD "return akosha.policy { api = 1,\n"
        "targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/a' } },\n"
        "route = akosha.route.by_kind { file = akosha.route.quorum(3, { 'a', 'x' }),\n"
        "default = akosha.route.all { 'a', 'b', 'aa' } } }");
    assert_int_equal(told->status, AKS_POLICY);
    assert_non_null(strstr(told->text, "akosha.route.quorum: expected a whole number from 1 to 2"));
    assert_non_null(strstr(told->text, "there is no target \"x\""));
    assert_non_null(strstr(told->text, "\"b\" is the same place as \"a\""));
    assert_non_null(strstr(told->text, "there is no target \"aa\""));
    assert_non_null(strstr(told->text, "did you mean \"a\"?"));
}

static void
a_field_that_was_meant_is_not_missing_as_well(void **state)
{
    const struct told *told = check(HEAD "return akosha.policy { apy = 1,\n"
        "target = { a = akosha.dir { paht = '/a' } } }");

    assert_int_equal(told->count, 3);
    assert_null(strstr(told->text, "no api"));
    told = check(HEAD "return akosha.policy {}");
    assert_int_equal(told->count, 2);
}

static void
a_policy_that_is_fine_has_nothing_told(void **state)
{
    const struct told *told = check(HEAD "return akosha.policy { api = 1, sources = { '~/a', 'b' },"
        TARGETS ", missing = 'skip', retry = akosha.retry.fixed { first = 36, tries = 100 } }");

    assert_string_equal(told->text, "");
    assert_int_equal(told->status, AKS_OK);
}

/* The policy is fine, and told of by one warning, of that line. */
static void
warns(const char *fields, const char *expected)
{
    char policy[1024];
    const struct told *told;

    (void)snprintf(policy, sizeof(policy), HEAD "return akosha.policy { api = 1,\n%s }", fields);
    told = check(policy);
    assert_int_equal(told->status, AKS_OK);
    if (told->count != 1)
        fail_msg("expected %s alone, got: %s", expected, told->text);
    if (strstr(told->text, expected) == NULL)
        fail_msg("expected %s in: %s", expected, told->text);
}

static void
what_is_hardly_meant_is_a_warning(void **state)
{
    warns("targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/b' } },\n"
        "route = 'a'", "warning 4 route: akosha.policy: route: no route leads to the target \"b\"");
    warns("targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/a' } },\n"
        "route = { 'a',\n'b' }", "warning 5 route[2]: akosha.policy: route: \"b\" is the "
        "same place");
    warns("targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/b' } },\n"
        "route = akosha.route.quorum(1, { 'a', 'b' })", "warning 4 : akosha.route.quorum: 1 of 2 "
        "is enough");
    warns("targets = { a = akosha.dir { path = '/a' } },\n"
        "route = akosha.route.when(akosha.match.size '> 1 MiB',\nakosha.route.all { 'a' }, 'a')",
        "warning 5 : akosha.route.all: a mirror of one target keeps no second copy");
    warns(TARGETS ",\nretry = akosha.retry.fixed { first = 37, tries = 100 }",
        "warning 4 retry: akosha.policy: retry: all 100 tries of one step can wait 3663 s in all, "
        "1.0 hours");
    warns(TARGETS ",\nretry = akosha.retry.linear { first = 0, step = 60, cap = 7200, tries = 13 }",
        "can wait 3960 s in all, 1.1 hours");
    warns(TARGETS ",\nretry = akosha.retry.by_failure { no_space = akosha.retry.fixed {\n"
        "first = 3600 } }", "warning 4 retry: akosha.policy: retry: no_space: all 3 tries of one "
        "step can wait 7200 s in all, 2.0 hours");
    warns(TARGETS ",\nretry = akosha.retry.by_failure { default = akosha.retry.fixed {\n"
        "first = 3600 } }", "retry: default: all 3 tries of one step can wait 7200 s");
    warns(TARGETS ",\nretry = akosha.retry.by_failure { throttled = akosha.retry.none() }",
        "warning 4 retry: akosha.policy: retry: throttled: all targets are folders, and none of "
        "them ever says so");
    warns(TARGETS ",\nretry = akosha.retry.by_failure { source_changed = akosha.retry.none() }",
        "warning 4 retry: akosha.policy: retry: source_changed: an upload whose source has changed "
        "begins anew at once");
    warns("targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/b' } },\n"
        "route = akosha.route.when(akosha.match.kind 'file', 'a', { 'a' })",
        "warning 4 route: akosha.policy: route: no route leads to the target \"b\"");
    warns("targets = { a = akosha.dir { path = '/a' }, b = akosha.dir { path = '/b' } },\n"
        "route = akosha.route.by_kind { file = 'b', default = akosha.route.first 'b' }",
        "no route leads to the target \"a\"");
    warns(TARGETS ",\nroute = akosha.route.when(akosha.match.size '> 2 MiB' &\n"
        "akosha.match.name '*' & akosha.match.size '< 1 MiB', 'a', 'a')", "warning 5 : "
        "akosha.match: no source has both: its size cannot be so");
    warns(TARGETS ",\nroute = akosha.route.when(akosha.match.size '> 1 MiB' &\n"
        "akosha.match.size '<= 1 MiB', 'a', 'a')", "its size cannot be so");
    warns(TARGETS ",\nroute = akosha.route.when(akosha.match.age '>= 1 h' &\n"
        "akosha.match.age '< 60 min', 'a', 'a')", "its age cannot be so");
    warns(TARGETS ",\nroute = akosha.route.when(akosha.match.kind 'file' & akosha.match.kind "
        "'duckdb', 'a', 'a')", "its kind cannot be so");
    warns(TARGETS ",\nretry = akosha.retry.by_target { a = akosha.retry.fixed { first = 3600, "
        "tries = 9 } }", "warning 4 retry: akosha.policy: retry: a: all 9 tries");
    warns(TARGETS ",\nsources = { '~/a',\n'/home/me//./a' }", "warning 5 sources[2]: "
        "akosha.policy: sources: \"/home/me//./a\" is the same file as \"~/a\"");
    warns(TARGETS ",\nsources = { '/home/me/x',\n'./x' }", "warning 5 sources[2]: ");
    warns(TARGETS ",\nsources = { '~/a/*.db',\n{ glob = '/home/me/a/*.db' } }",
        "warning 5 sources[2]: akosha.policy: sources: \"/home/me/a/*.db\" is the same file as "
        "\"~/a/*.db\"");
    warns(TARGETS ",\nsources = { '~/a/*.db', '/home/me/a/x.txt',\n'/home/me/a/x.db' }",
        "warning 5 sources[3]: akosha.policy: sources: \"/home/me/a/x.db\" is found by "
        "\"~/a/*.db\" as well");
    warns(TARGETS ",\nthrottle = 2048", "warning 4 throttle: akosha.policy: throttle: all targets "
        "are folders");
    warns(TARGETS ",\nbudget = akosha.budget { tries = 1 }", "warning 4 budget: akosha.policy: "
        "budget: all targets are folders");
    warns(TARGETS ",\nthrottle = function() end", "warning 4 throttle: akosha.policy: throttle: ");
    warns("targets = { a = akosha.s3 { bucket = 'memories' } },\nthrottle = 1024", "warning 4 "
        "throttle: akosha.policy: throttle: at 1024 bytes per second a part of 5 MiB takes 1.4 "
        "hours");
    warns(TARGETS ",\nmissing = 'skip'", "warning 4 missing: akosha.policy: missing: the policy "
        "has no sources");
}

static int
checks(void *ctx, const struct aks_alloc *alloc)
{
    struct told told;

    check_with(alloc, ctx, &told);
    return told.status == AKS_OK || told.status == AKS_POLICY || told.status == AKS_LIMIT ? 0 : 1;
}

static void
checking_survives_every_failure_to_allocate(void **state)
{
    static char fine[] = HEAD "return akosha.policy { api = 1, missing = 'skip', " TARGETS " }";

    failing_alloc_loop(checks, (void *)(uintptr_t)five, 20000);
    failing_alloc_loop(checks, fine, 20000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_told_once_with_its_line),
        cmocka_unit_test(what_ends_the_load_is_told_after_what_was_found_before),
        cmocka_unit_test(a_limit_inside_a_field_ends_the_load),
        cmocka_unit_test(several_wrong_names_in_a_route_are_all_told),
        cmocka_unit_test(a_field_that_was_meant_is_not_missing_as_well),
        cmocka_unit_test(a_policy_that_is_fine_has_nothing_told),
        cmocka_unit_test(what_is_hardly_meant_is_a_warning),
        cmocka_unit_test(checking_survives_every_failure_to_allocate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
