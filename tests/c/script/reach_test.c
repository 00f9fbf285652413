/* The walk itself: what is planted somewhere in a VM is found by one that may see it. */
#include "reach.h"

#include "script/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLANTED "planted-in-a-vm"
#define POLICY_END "return akosha.policy { api = 1, targets = { d = akosha.dir { path = '/d' } } }"

static struct aks_script_options options;

static struct aks_policy *
load(const char *text)
{
    static char path[] = "/home/me/policy.lua";
    struct aks_policy_text source = { .path = path, .text = (char *)(uintptr_t)text,
        .text_len = strlen(text) };
    struct aks_policy_environment environment = { NULL, 0 };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_error err;

    options.alloc = aks_alloc_system();
    aks_script_loader_init(&loader, &options);
    if (loader.load(loader.ctx, &source, &environment, &policy, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return policy;
}

/* Is what ${begin} puts somewhere found by a walk that may see it, and no other? */
static void
planted(const char *begin, bool reached, bool there)
{
    char text[1024];
    struct aks_policy *policy;
    const char *found;

    (void)snprintf(text, sizeof(text), "local akosha = require 'akosha' %s " POLICY_END, begin);
    policy = load(text);
    found = reach_find(reach_vm(policy), REACH_POLICY, PLANTED);
    if ((found != NULL) != reached)
        fail_msg("%s: %s", begin, found != NULL ? found : "not reached");
    found = reach_find(reach_vm(policy), REACH_ALL, PLANTED);
    if ((found != NULL) != there)
        fail_msg("%s: %s", begin, found != NULL ? found : "not there");
    policy->free(policy);
}

static void
what_is_planted_is_found(void **state)
{
    planted("", false, false);
    planted("x = '" PLANTED "'", true, true);
    planted("x = { { y = { 'more " PLANTED " more' } } }", true, true);
    planted("x = { ['" PLANTED "'] = true }", true, true);
    planted("x = setmetatable({}, { __index = { y = '" PLANTED "' } })", true, true);
    planted("x = setmetatable({}, { __metatable = false, __index = { '" PLANTED "' } })", true,
        true);
    planted("x = setmetatable({}, { __metatable = false, y = '" PLANTED "' })", false, true);
    planted("local y = '" PLANTED "' x = function() return y end", false, true);
    planted("x = coroutine.create(function() local y = '" PLANTED "' coroutine.yield(1) end)"
        " coroutine.resume(x)", false, true);
    planted("x = akosha.dir { path = '/" PLANTED "' }", false, true);
}

struct seen {
    bool rep;
    bool retry;
    bool real_index;
};

static void
note(void *ctx, lua_State *L, int index, const char *path)
{
    struct seen *seen = ctx;

    seen->rep = seen->rep || strcmp(path, "_G.string.rep") == 0;
    seen->retry = seen->retry || strcmp(path, "akosha.retry.exponential") == 0;
    seen->real_index = seen->real_index || strstr(path, "akosha.own_env") != NULL;
}

static void
paths_say_how_to_get_there(void **state)
{
    struct aks_policy *policy = load("local akosha = require 'akosha' " POLICY_END);
    struct seen seen = { 0 };
    size_t reached = reach_walk(reach_vm(policy), REACH_POLICY, note, &seen);

    assert_true(reached > 100 && seen.rep && seen.retry && !seen.real_index);
    assert_true(reach_walk(reach_vm(policy), REACH_ALL, note, &seen) > reached);
    policy->free(policy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_planted_is_found),
        cmocka_unit_test(paths_say_how_to_get_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
