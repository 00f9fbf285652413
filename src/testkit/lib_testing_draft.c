/* One fault: what happens, how often, and when. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define TIME_S_MAX (100.0 * 366 * 86400)
#define SLOW_S_MAX (30.0 * 86400)

static const char *const network_verbs[] = { "name", "connect", "tls", "send", "serve", "reply",
    NULL };
static const char *const disk_failures[] = { "no_space", "state", "forbidden", "not_found",
    "conflict", "limit", NULL };
static const char *const network_failures[] = { "dns", "offline", "refused", "connect_timeout",
    "tls", "bad_reply", "stalled", "timeout", NULL };

static struct aks_testing_handle *
check_handle(lua_State *L)
{
    struct aks_testing_handle *handle = luaL_checkudata(L, 1, AKS_TESTING_DRAFT);

    if (handle->world->world == NULL)
        luaL_error(L, "this world is gone: it lived as long as the test that made it");
    if (handle->index >= handle->world->draft_count)
        luaL_error(L, "this plan was cleared");
    return handle;
}

static struct aks_testing_draft *
check_draft(lua_State *L)
{
    const struct aks_testing_handle *handle = check_handle(L);

    return &handle->world->drafts[handle->index];
}

/* Into the plan; counts stay. Returns the handle, for the next word. */
static int
keep(lua_State *L, struct aks_testing_draft *draft)
{
    const struct aks_testing_handle *handle = check_handle(L);
    struct aks_fault_plan *plan = aks_world_plan(handle->world->world);

    if (draft->place >= 0) {
        struct aks_fault_rule *rule = &plan->rules[draft->place];
        uint32_t matched = rule->matched;
        uint32_t struck = rule->struck;

        *rule = draft->rule;
        rule->matched = matched;
        rule->struck = struck;
    }
    lua_settop(L, 1);
    return 1;
}

/* The fault is of that kind; what was said of when and where stays. */
static struct aks_fault_rule *
decide(lua_State *L, struct aks_testing_draft *draft, enum aks_fault_kind kind)
{
    const struct aks_testing_handle *handle = check_handle(L);
    struct aks_fault_plan *plan = aks_world_plan(handle->world->world);
    struct aks_fault_rule before = draft->rule;
    struct aks_fault_rule *rule = &draft->rule;

    if (draft->place >= 0)
        luaL_error(L, "a fault does one thing: plan another one with :on");
    if (plan->count == AKS_FAULT_RULES_MAX)
        luaL_error(L, "a plan has %d faults at most", AKS_FAULT_RULES_MAX);
    draft->place = (int)plan->count;
    aks_fault_rule_init(rule, kind);
    (void)aks_fault_plan_add(plan, rule);
    rule->disk = before.disk;
    memcpy(rule->target, before.target, sizeof(rule->target));
    memcpy(rule->operation, before.operation, sizeof(rule->operation));
    if (before.verb[0] != '\0')
        memcpy(rule->verb, before.verb, sizeof(rule->verb));
    rule->nth = before.nth;
    rule->times = before.times;
    rule->rate = before.rate;
    rule->from_ns = before.from_ns;
    rule->until_ns = before.until_ns;
    rule->when = before.when;
    rule->when_ctx = before.when_ctx;
    return rule;
}

static void
network_only(lua_State *L, const struct aks_testing_draft *draft, const char *what)
{
    if (draft->rule.disk)
        luaL_error(L, ":%s is for the network: a disk can :fail, be :slow, or :dies", what);
}

void
aks_testing_draft_text(lua_State *L, char ret_text[AKS_FAULT_TEXT_BYTES], const char *text,
    const char *what)
{
    if (strlen(text) >= AKS_FAULT_TEXT_BYTES)
        luaL_error(L, "%s: %d bytes at most", what, AKS_FAULT_TEXT_BYTES - 1);
    (void)snprintf(ret_text, AKS_FAULT_TEXT_BYTES, "%s", text);
}

/* --- what happens ----------------------------------------------------------------------------- */

/* :reply { status =, code =, retry_after =, served = } */
static int
draft_reply(lua_State *L)
{
    static const char *const fields[] = { "status", "code", "retry_after", "served", NULL };
    struct aks_testing_draft *draft = check_draft(L);
    struct aks_fault_rule *rule;

    network_only(L, draft, "reply");
    aks_testing_fields(L, 2, ":reply", fields);
    rule = decide(L, draft, AKS_FAULT_REPLY);
    (void)lua_getfield(L, 2, "status");
    rule->http_status = (int)aks_testing_whole(L, -1, ":reply: status", 100, 599);
    if (lua_getfield(L, 2, "code") != LUA_TNIL)
        aks_testing_draft_text(L, rule->http_code, aks_testing_text(L, -1, ":reply: code"),
            ":reply: code");
    if (lua_getfield(L, 2, "retry_after") != LUA_TNIL)
        rule->retry_after_s = aks_testing_whole(L, -1, ":reply: retry_after", 0, 1000000);
    rule->served = aks_testing_boolean(L, 2, "served", false);
    return keep(L, draft);
}

/* :fail "refused" */
static int
draft_fail(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);
    const char *const *known = draft->rule.disk ? disk_failures : network_failures;
    const char *name = aks_testing_text(L, 2, ":fail");
    char verb[sizeof(draft->rule.verb)];
    enum aks_status status = AKS_INTERNAL;
    struct aks_fault_rule *rule;

    if (!aks_testing_known(name, known) || !aks_status_from_name(name, &status))
        aks_testing_unknown(L, ":fail", "failure", name, known);
    memcpy(verb, draft->rule.verb, sizeof(verb));
    rule = decide(L, draft, AKS_FAULT_FAIL);
    aks_fault_rule_status(rule, status);
    if (verb[0] != '\0')
        memcpy(rule->verb, verb, sizeof(verb));
    return keep(L, draft);
}

/* :silent() */
static int
draft_silent(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    network_only(L, draft, "silent");
    (void)decide(L, draft, AKS_FAULT_SILENT);
    return keep(L, draft);
}

/* :slow(seconds) */
static int
draft_slow(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);
    int64_t delay_ns = aks_testing_ns(L, 2, ":slow", SLOW_S_MAX);

    decide(L, draft, AKS_FAULT_SLOW)->delay_ns = delay_ns;
    return keep(L, draft);
}

/* :lost(): served, and the answer never comes */
static int
draft_lost(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    network_only(L, draft, "lost");
    (void)decide(L, draft, AKS_FAULT_LOST);
    return keep(L, draft);
}

/* :dies { served = true } */
static int
draft_dies(lua_State *L)
{
    static const char *const fields[] = { "served", NULL };
    struct aks_testing_draft *draft = check_draft(L);
    bool served = false;

    if (!lua_isnoneornil(L, 2)) {
        aks_testing_fields(L, 2, ":dies", fields);
        served = aks_testing_boolean(L, 2, "served", false);
    }
    decide(L, draft, AKS_FAULT_DIES)->served = served;
    return keep(L, draft);
}

/* :cut(bytes): the connection, or a write, ends after so many */
static int
draft_cut(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);
    int64_t bytes = aks_testing_whole(L, 2, ":cut", 0, INT64_MAX);
    struct aks_fault_rule *rule = decide(L, draft, AKS_FAULT_FAIL);

    if (draft->rule.disk)
        rule->status = AKS_STATE;
    else
        aks_fault_rule_status(rule, AKS_BAD_REPLY);
    rule->bytes = bytes;
    return keep(L, draft);
}

/* --- how often, when, where on the way -------------------------------------------------------- */

static int
draft_at(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);
    const char *verb = aks_testing_text(L, 2, ":at");

    network_only(L, draft, "at");
    if (!aks_testing_known(verb, network_verbs))
        aks_testing_unknown(L, ":at", "step", verb, network_verbs);
    (void)snprintf(draft->rule.verb, sizeof(draft->rule.verb), "%s", verb);
    return keep(L, draft);
}

static int
draft_served(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    network_only(L, draft, "served");
    draft->rule.served = true;
    return keep(L, draft);
}

static int
draft_after_bytes(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->rule.bytes = aks_testing_whole(L, 2, ":after_bytes", 0, INT64_MAX);
    return keep(L, draft);
}

static int
draft_once(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->rule.times = 1;
    return keep(L, draft);
}

static int
draft_times(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->rule.times = (uint32_t)aks_testing_whole(L, 2, ":times", 1, 1000000);
    return keep(L, draft);
}

static int
draft_nth(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->rule.nth = (uint32_t)aks_testing_whole(L, 2, ":nth", 1, 1000000);
    return keep(L, draft);
}

static int
draft_rate(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);
    double rate = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : 0;

    if (!(rate > 0 && rate <= 1))
        luaL_error(L, ":rate: expected a number above 0 and up to 1");
    draft->rule.rate = rate;
    return keep(L, draft);
}

static int
draft_from_time(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->rule.from_ns = aks_testing_ns(L, 2, ":from_time", TIME_S_MAX);
    return keep(L, draft);
}

static int
draft_until_time(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->rule.until_ns = aks_testing_ns(L, 2, ":until_time", TIME_S_MAX);
    return keep(L, draft);
}

/* :maybe(): fine if it does not happen */
static int
draft_maybe(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    draft->maybe = true;
    return keep(L, draft);
}

/* --- when ------------------------------------------------------------------------------------- */

struct asked {
    const struct aks_fault_step *step;
    struct aks_testing_draft *draft;
};

static void
set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* Calls the function of the plan with the step. Runs protected: the engine is below. */
static int
ask(lua_State *L)
{
    const struct asked *asked = lua_touserdata(L, 2);
    const struct aks_fault_step *step = asked->step;
    const struct aks_testing_draft *draft = asked->draft;

    (void)lua_rawgetp(L, 1, draft);
    lua_createtable(L, 0, 6);
    set_text(L, "target", draft->rule.disk ? "" : step->target);
    set_text(L, "operation", step->operation);
    set_text(L, "step", step->step->verb);
    set_text(L, "subject", step->step->subject);
    lua_pushnumber(L, (double)step->now_ns / (double)AKS_NS_PER_S);
    lua_setfield(L, -2, "now");
    lua_pushinteger(L, step->step->bytes);
    lua_setfield(L, -2, "bytes");
    lua_call(L, 1, 1);
    return 1;
}

/* A rule's `when`; ${ctx} is its draft. The world's functions lie where its run has put them. */
static bool
when(void *ctx, const struct aks_fault_step *step)
{
    struct asked asked = { step, ctx };
    struct aks_testing_world *world = asked.draft->world;
    lua_State *L = world->L;
    bool yes = false;
    int top;

    if (L == NULL || world->failed[0] != '\0' || !lua_checkstack(L, 6))
        return false;
    top = lua_gettop(L);
    lua_pushcfunction(L, ask);
    lua_pushvalue(L, world->functions);
    lua_pushlightuserdata(L, &asked);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK)
        yes = lua_toboolean(L, -1);
    else
        (void)snprintf(world->failed, sizeof(world->failed), "in :when: %.900s",
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error that is no message");
    lua_settop(L, top);
    return yes;
}

/* :when(function(step) -> does it happen?) */
static int
draft_when(lua_State *L)
{
    struct aks_testing_draft *draft = check_draft(L);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    (void)lua_getiuservalue(L, 1, 1);
    (void)lua_getiuservalue(L, -1, 1);
    lua_pushvalue(L, 2);
    lua_rawsetp(L, -2, draft);
    draft->rule.when = when;
    draft->rule.when_ctx = draft;
    return keep(L, draft);
}

void
aks_testing_draft_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "reply", draft_reply },
        { "fail", draft_fail },
        { "silent", draft_silent },
        { "slow", draft_slow },
        { "lost", draft_lost },
        { "dies", draft_dies },
        { "cut", draft_cut },
        { "at", draft_at },
        { "served", draft_served },
        { "after_bytes", draft_after_bytes },
        { "once", draft_once },
        { "times", draft_times },
        { "nth", draft_nth },
        { "rate", draft_rate },
        { "from_time", draft_from_time },
        { "until_time", draft_until_time },
        { "when", draft_when },
        { "maybe", draft_maybe },
        { NULL, NULL },
    };

    aks_testing_class(L, AKS_TESTING_DRAFT, methods, NULL);
}
