/* akosha.budget, and the field of that name: how much may be sent in an hour, a day or a month. */
#include "script/spec.h"

#include "script/handle.h"
#include "script/nearest.h"
#include "script/order.h"
#include "script/problem_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

#define WHAT "akosha.budget"
#define FIELD "akosha.policy: budget"
#define OPTIONS 1       /* stack index of the builder's argument */
#define BYTES_MAX (1024 * 1024 * AKS_GIB)
#define TRIES_MAX 1000000

static void
take_bytes(lua_State *L, void *ctx)
{
    struct aks_budget *budget = ctx;

    if (aks_value_field(L, OPTIONS, "bytes") != LUA_TNIL)
        budget->bytes = aks_value_whole(L, -1, WHAT ": bytes", "bytes", 1, BYTES_MAX);
}

static void
take_tries(lua_State *L, void *ctx)
{
    struct aks_budget *budget = ctx;

    if (aks_value_field(L, OPTIONS, "tries") != LUA_TNIL)
        budget->tries = aks_value_whole(L, -1, WHAT ": tries", "", 1, TRIES_MAX);
}

static void
take_per(lua_State *L, void *ctx)
{
    /* In the order of enum aks_budget_period. */
    static const char *const periods[] = { "hour", "day", "month", NULL };
    struct aks_budget *budget = ctx;

    if (aks_value_field(L, OPTIONS, "per") != LUA_TNIL)
        budget->per = (enum aks_budget_period)aks_value_choice(L, -1, WHAT ": per", periods);
}

int
aks_spec_budget(lua_State *L)
{
    static const char *const names[] = { "bytes", "tries", "per", NULL };
    struct aks_budget budget = { .set = true, .per = AKS_BUDGET_DAY, .bytes = -1, .tries = -1 };

    lua_settop(L, OPTIONS);
    aks_value_fields(L, OPTIONS, WHAT, names);
    aks_problem_take(L, WHAT, "bytes", 0, take_bytes, &budget);
    aks_problem_take(L, WHAT, "tries", 0, take_tries, &budget);
    aks_problem_take(L, WHAT, "per", 0, take_per, &budget);
    if (aks_value_field(L, OPTIONS, "bytes") == LUA_TNIL &&
        aks_value_field(L, OPTIONS, "tries") == LUA_TNIL)
        aks_value_raise(L, "%s: neither bytes nor tries: it bounds nothing", WHAT);
    aks_handle_push_budget(L, &budget);
    return 1;
}

/* One pair of the table of budgets: the name at -2, the value at -1. */
static void
take_own(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    struct aks_nearest nearest = { NULL, 0 };
    const struct aks_budget *budget = aks_handle_budget(L, -1);
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    struct aks_target_settings *target = NULL;
    char shown[AKS_VALUE_SHOWN_BYTES];

    for (size_t i = 0; i < settings->target_count; i++) {
        if (strcmp(settings->targets[i].name, name) == 0)
            target = &settings->targets[i];
        aks_nearest_offer(&nearest, name, settings->targets[i].name);
    }
    if (target == NULL && nearest.name != NULL)
        aks_value_raise(L, FIELD ": there is no target \"%s\"; did you mean \"%s\"?", name,
            nearest.name);
    if (target == NULL)
        aks_value_raise(L, FIELD ": expected names of targets as keys, got %s",
            aks_value_shown(L, -2, shown));
    if (target->kind == AKS_TARGET_DIR)
        aks_value_raise(L, FIELD ": %s is a folder, and what goes there is not counted", name);
    if (budget == NULL) {
        (void)lua_pushfstring(L, FIELD ": %s", name);
        aks_value_expected(L, lua_tostring(L, -1), "akosha.budget { ... }", -2);
    }
    target->budget = *budget;
}

void
aks_spec_take_budget(lua_State *L, int index, struct aks_settings *settings)
{
    const struct aks_budget *budget = aks_handle_budget(L, index);
    size_t count;

    if (budget != NULL) {
        settings->budget = *budget;
        return;
    }
    if (!lua_istable(L, index) || lua_getmetatable(L, index))
        aks_value_expected(L, FIELD, "akosha.budget { ... } or a table of those by target", index);
    count = aks_order_keys(L, index);
    for (size_t i = 1; i <= count; i++) {
        const char *name;

        aks_order_push_key(L, index + 1, i);
        lua_pushvalue(L, -1);
        (void)lua_rawget(L, index);
        name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        aks_problem_take(L, "akosha.policy", name, 0, take_own, settings);
        lua_pop(L, 2);
    }
}
