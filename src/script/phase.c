#include "script/phase.h"

#include "base/check.h"
#include "script/value.h"

#include <lauxlib.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 64
#define LEGAL_BYTES 128

/* What defines the policy is for its load; what only makes a value, for everywhere. */
static const struct aks_phase_rule rules[] = {
    { "akosha", "age", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "budget", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "dir", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "env", AKS_PHASE_ANY },
    { "akosha", "http", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "mcp", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "log", AKS_PHASE_ANY },
    { "akosha", "policy", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "s3", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "secret", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "snapshot", AKS_PHASE_ANY },
    { "akosha", "task", AKS_PHASE_IN(AKS_PHASE_LOAD) },
    { "akosha", "wait", AKS_PHASE_ANY },
    { "akosha", "window", AKS_PHASE_ANY },
    { "akosha.match", "age", AKS_PHASE_ANY },
    { "akosha.match", "kind", AKS_PHASE_ANY },
    { "akosha.match", "name", AKS_PHASE_ANY },
    { "akosha.match", "size", AKS_PHASE_ANY },
    { "akosha.retry", "by_failure", AKS_PHASE_ANY },
    { "akosha.retry", "by_target", AKS_PHASE_ANY },
    { "akosha.retry", "decorrelated", AKS_PHASE_ANY },
    { "akosha.retry", "exponential", AKS_PHASE_ANY },
    { "akosha.retry", "fixed", AKS_PHASE_ANY },
    { "akosha.retry", "linear", AKS_PHASE_ANY },
    { "akosha.retry", "none", AKS_PHASE_ANY },
    { "akosha.route", "all", AKS_PHASE_ANY },
    { "akosha.route", "by_kind", AKS_PHASE_ANY },
    { "akosha.route", "first", AKS_PHASE_ANY },
    { "akosha.route", "quorum", AKS_PHASE_ANY },
    { "akosha.route", "when", AKS_PHASE_ANY },
    { "akosha.throttle", "when", AKS_PHASE_ANY },
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

const char *
aks_phase_name(enum aks_phase phase)
{
    static const char *const names[] = { "load", "decide", "task", "test" };

    AKS_CHECK((unsigned)phase < sizeof(names) / sizeof(names[0]));
    return names[phase];
}

const struct aks_phase_rule *
aks_phase_rule_at(size_t place)
{
    return place < RULE_COUNT ? &rules[place] : NULL;
}

/* "while the policy is loaded or in a task" */
static const char *
legal_text(unsigned legal, char ret_text[LEGAL_BYTES])
{
    static const char *const names[] = { "while the policy is loaded", "in a decision", "in a task",
        "in a test" };
    size_t len = 0;

    ret_text[0] = '\0';
    for (unsigned i = 0; i < AKS_PHASES && len < LEGAL_BYTES; i++) {
        if ((legal & AKS_PHASE_IN(i)) != 0)
            len += (size_t)snprintf(ret_text + len, LEGAL_BYTES - len, "%s%s",
                len > 0 ? " or " : "", names[i]);
    }
    return ret_text;
}

void
aks_phase_check(lua_State *L, const char *what, unsigned legal)
{
    const struct aks_vm *vm = aks_vm_of(L);
    static const char *const here[] = { "the policy is being loaded", "this is a decision",
        "this is a task", "this is a test" };
    char text[LEGAL_BYTES];

    if ((legal & AKS_PHASE_IN(vm->phase)) != 0)
        return;
    aks_value_raise(L, "%s: only %s; %s%s%s%s", what, legal_text(legal, text), here[vm->phase],
        vm->question != NULL ? " (" : "", vm->question != NULL ? vm->question : "",
        vm->question != NULL ? ")" : "");
}

/* Upvalue 1: the function; upvalue 2: its rule. A C function, which has no upvalues, runs in this
 * frame, so that its own checks and messages stay right. */
static int
guarded(lua_State *L)
{
    const struct aks_phase_rule *rule = lua_touserdata(L, lua_upvalueindex(2));
    lua_CFunction function = lua_tocfunction(L, lua_upvalueindex(1));
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof(name), "%s.%s", rule->module, rule->name);
    aks_phase_check(L, name, rule->legal);
    if (function != NULL)
        return function(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void
aks_phase_guard(lua_State *L, const char *module)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (strcmp(rules[i].module, module) != 0 || rules[i].legal == AKS_PHASE_ANY)
            continue;
        AKS_CHECK(aks_value_field(L, lua_gettop(L), rules[i].name) == LUA_TFUNCTION);
        lua_pushlightuserdata(L, (void *)(uintptr_t)&rules[i]);
        lua_pushcclosure(L, guarded, 2);
        lua_setfield(L, -2, rules[i].name);
    }
}
