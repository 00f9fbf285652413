/* The field `limits` of akosha.policy: what a policy allows itself, never more than whoever runs it
 * allows. It holds from then on: for the rest of the load, and for every decision. */
#include "script/spec.h"

#include "engine/policy_limits.h"
#include "script/problem_internal.h"
#include "script/value.h"

#include <stdint.h>
#include <stdio.h>

#define POLICY "akosha.policy"
#define WHAT POLICY ": limits"
#define FIELDS 1        /* stack index of the policy's table */
#define LIMITS 2        /* of that of its limits */
#define NAMES_MAX 16
#define WHAT_BYTES 64

/* Of what is more than there is, the error says who can give it. */
static void
check_allowed(lua_State *L, const struct aks_policy_limit *limit, const char *what, int64_t value)
{
    struct aks_vm *vm = aks_vm_of(L);
    int64_t allowed = *aks_policy_limit_of(&vm->limits, limit);
    char asked_text[AKS_POLICY_LIMIT_TEXT_BYTES];
    char allowed_text[AKS_POLICY_LIMIT_TEXT_BYTES];

    if (value <= allowed)
        return;
    (void)aks_policy_limit_text(limit, value, asked_text);
    aks_value_raise(L, "%s: %s is over the limit of %s, which a policy can only lower; whoever "
        "runs it can raise it: --limit %s=%s", what, asked_text,
        aks_policy_limit_text(limit, allowed, allowed_text), limit->name, asked_text);
}

/* What is there already must have room. */
static void
check_memory(lua_State *L, const char *what, int64_t bytes)
{
    const struct aks_vm *vm = aks_vm_of(L);

    (void)lua_gc(L, LUA_GCCOLLECT);
    if (vm->memory_used > bytes)
        aks_value_raise(L, "%s: the policy itself takes %lld KiB", what,
            (long long)(vm->memory_used / 1024));
}

/* One limit, whose row is at ${ctx}. */
static void
take_limit(lua_State *L, void *ctx)
{
    const struct aks_policy_limit *limit = ctx;
    struct aks_vm *vm = aks_vm_of(L);
    char what[WHAT_BYTES];
    int64_t value;

    if (aks_value_field(L, LIMITS, limit->name) == LUA_TNIL)
        return;
    (void)snprintf(what, sizeof(what), "%s: %s", WHAT, limit->name);
    if (limit->unit == AKS_POLICY_MS)
        value = aks_value_seconds(L, -1, what, limit->least, limit->most);
    else
        value = aks_value_whole(L, -1, what, limit->unit == AKS_POLICY_BYTES ? "bytes" : "",
            limit->least, limit->most);
    check_allowed(L, limit, what, value);
    if (limit->unit == AKS_POLICY_BYTES)
        check_memory(L, what, value);
    *aks_policy_limit_of(&vm->limits, limit) = value;
}

void
aks_spec_limits(lua_State *L, void *ctx)
{
    const char *names[NAMES_MAX] = { NULL };
    const struct aks_policy_limit *limit;
    size_t count = 0;

    if (aks_value_field(L, FIELDS, "limits") == LUA_TNIL)
        return;
    for (size_t i = 0; (limit = aks_policy_limit_at(i)) != NULL && count + 1 < NAMES_MAX; i++) {
        if (limit->policys)
            names[count++] = limit->name;
    }
    aks_value_fields(L, LIMITS, WHAT, names);
    for (size_t i = 0; (limit = aks_policy_limit_at(i)) != NULL; i++) {
        if (limit->policys)
            aks_problem_take(L, POLICY, limit->name, 0, take_limit, (void *)(uintptr_t)limit);
    }
}
