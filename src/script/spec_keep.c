/* What a policy says of uploads that are complete: whether they are read again, how often a restore
 * is tried out, and how many are kept. */
#include "script/spec.h"

#include "script/problem_internal.h"
#include "script/value.h"

#define POLICY "akosha.policy"
#define FIELDS 1        /* stack index of the policy's table */
#define KEEP 2          /* of the table `keep` in it */
#define DAY_MS (24 * 3600 * AKS_MS_PER_S)

void
aks_spec_verify(lua_State *L, void *ctx)
{
    /* In the order of enum aks_verify. */
    static const char *const names[] = { "none", "read_back", NULL };
    struct aks_settings *settings = ctx;

    if (aks_value_field(L, FIELDS, "verify") != LUA_TNIL)
        settings->verify = (enum aks_verify)aks_value_choice(L, -1, POLICY ": verify", names);
}

void
aks_spec_deliver(lua_State *L, void *ctx)
{
    static const char *const names[] = { "files", "any", "both", NULL };
    static const enum aks_deliver values[] = { AKS_DELIVER_FILES, AKS_DELIVER_ANY,
        AKS_DELIVER_BOTH };
    struct aks_settings *settings = ctx;

    if (aks_value_field(L, FIELDS, "deliver") != LUA_TNIL)
        settings->deliver = values[aks_value_choice(L, -1, POLICY ": deliver", names)];
}

void
aks_spec_drill(lua_State *L, void *ctx)
{
    static const char *const names[] = { "never", "daily", "weekly", "monthly", NULL };
    static const int64_t every_ms[] = { 0, DAY_MS, 7 * DAY_MS, 30 * DAY_MS };
    struct aks_settings *settings = ctx;
    int type = aks_value_field(L, FIELDS, "drill");

    if (type == LUA_TNIL)
        return;
    if (type == LUA_TNUMBER)
        settings->drill_ms = aks_value_seconds(L, -1, POLICY ": drill", AKS_DRILL_MS_MIN,
            AKS_DRILL_MS_MAX);
    else if (type == LUA_TSTRING)
        settings->drill_ms = every_ms[aks_value_choice(L, -1, POLICY ": drill", names)];
    else
        aks_value_expected(L, POLICY ": drill",
            "\"never\", \"daily\", \"weekly\", \"monthly\" or seconds", -1);
}

static int64_t
whole(lua_State *L, const char *name, const char *what)
{
    return aks_value_field(L, KEEP, name) == LUA_TNIL ? 0
        : aks_value_whole(L, -1, what, "", 0, AKS_KEEP_MAX);
}

static void
take_last(lua_State *L, void *ctx)
{
    struct aks_keep_settings *keep = ctx;

    keep->last = whole(L, "last", POLICY ": keep: last");
}

static void
take_daily(lua_State *L, void *ctx)
{
    struct aks_keep_settings *keep = ctx;

    keep->daily = whole(L, "daily", POLICY ": keep: daily");
}

static void
take_weekly(lua_State *L, void *ctx)
{
    struct aks_keep_settings *keep = ctx;

    keep->weekly = whole(L, "weekly", POLICY ": keep: weekly");
}

void
aks_spec_keep(lua_State *L, void *ctx)
{
    static const char *const names[] = { "last", "daily", "weekly", NULL };
    struct aks_settings *settings = ctx;
    struct aks_keep_settings keep = { .set = true };
    bool said = false;

    if (aks_value_field(L, FIELDS, "keep") == LUA_TNIL)
        return;
    if (!lua_istable(L, KEEP))
        aks_value_expected(L, POLICY ": keep", "a table ({ last = 10, daily = 30 })", KEEP);
    aks_value_fields(L, KEEP, POLICY ": keep", names);
    aks_problem_take(L, POLICY, "last", 0, take_last, &keep);
    aks_problem_take(L, POLICY, "daily", 0, take_daily, &keep);
    aks_problem_take(L, POLICY, "weekly", 0, take_weekly, &keep);
    for (size_t i = 0; names[i] != NULL; i++)
        said = aks_value_field(L, KEEP, names[i]) != LUA_TNIL || said;
    if (said && keep.last == 0 && keep.daily == 0 && keep.weekly == 0)
        aks_value_raise(L, POLICY ": keep: it keeps nothing");
    if (!said)
        aks_value_raise(L, POLICY ": keep: neither last nor daily nor weekly: it keeps nothing");
    settings->keep = keep;
}
