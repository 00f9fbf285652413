#include "script/lib_akosha.h"

#include "base/units.h"
#include "script/handle.h"
#include "script/identity.h"
#include "script/problem_internal.h"
#include "script/spec.h"
#include "script/task.h"
#include "script/value.h"

#include <lauxlib.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 16        /* of options of one builder */

/* --- log -------------------------------------------------------------------------------------- */

static void
write_line(lua_State *L, const char *text, size_t len)
{
    struct aks_vm *vm = aks_vm_of(L);
    char line[AKS_LOG_LINE_BYTES];
    size_t shown = len < sizeof(line) ? len : sizeof(line) - 1;

    if (vm->log_lines > vm->log_lines_max)
        return;
    if (vm->log_lines++ == vm->log_lines_max) {
        aks_log_write(vm->log, AKS_LOG_WARNING, "policy: more than %" PRId64 " lines, the rest is "
            "dropped", vm->log_lines_max);
        return;
    }
    for (size_t i = 0; i < shown; i++)
        line[i] = iscntrl((unsigned char)text[i]) ? ' ' : text[i];
    line[shown] = '\0';
    aks_log_write(vm->log, AKS_LOG_INFO, "policy: %s", line);
}

/* All arguments as print writes them, joined by blanks. */
int
aks_lib_print(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    size_t len;
    const char *text;

    luaL_buffinit(L, &buffer);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&buffer, ' ');
        (void)aks_identity_push_text(L, i, NULL);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    text = lua_tolstring(L, -1, &len);
    write_line(L, text, len);
    return 0;
}

/* --- decisions and schedules ------------------------------------------------------------------ */

/* akosha.wait(seconds) */
static int
lib_wait(lua_State *L)
{
    struct aks_retry_answer answer = { .verdict = AKS_WAIT };

    answer.wait_ms = aks_value_seconds(L, 1, "akosha.wait", 0, AKS_RETRY_WAIT_MS_MAX);
    aks_handle_push_decision(L, &answer);
    return 1;
}

/* take(what, options, name...): a copy of a table of options that has no other fields than
 * these; nil is an empty one. For builders in Lua. */
static int
lib_take(lua_State *L)
{
    const char *names[NAMES_MAX + 1] = { NULL };
    const char *what = luaL_checkstring(L, 1);
    int count = lua_gettop(L) - 2;

    luaL_argcheck(L, count >= 0 && count <= NAMES_MAX, 3, "too many names");
    for (int i = 0; i < count; i++)
        names[i] = luaL_checkstring(L, i + 3);
    lua_createtable(L, 0, count);
    if (lua_isnil(L, 2))
        return 1;
    aks_value_fields(L, 2, what, names);
    for (int i = 0; i < count; i++) {
        (void)aks_value_field(L, 2, names[i]);
        lua_setfield(L, -2, names[i]);
    }
    return 1;
}

#define OPTIONS 3           /* stack index of the table of options */
#define OPTION 5            /* of the one that was fetched last */

/* Fetches an option to OPTION; returns what messages call it. [-any, +2, raises] */
static const char *
option(lua_State *L, const char *name)
{
    lua_settop(L, OPTIONS);
    (void)lua_pushfstring(L, "%s: %s", lua_tostring(L, 1), name);
    (void)aks_value_field(L, OPTIONS, name);
    return lua_tostring(L, OPTION - 1);
}

static void
take_first(lua_State *L, void *ctx)
{
    struct aks_schedule *schedule = ctx;

    schedule->settings.first_ms =
        aks_value_seconds(L, OPTION, option(L, "first"), 0, AKS_RETRY_WAIT_MS_MAX);
}

/* A cap that nobody named does not cut a first wait that somebody did. */
static void
take_cap(lua_State *L, void *ctx)
{
    struct aks_schedule *schedule = ctx;
    struct aks_retry_settings *settings = &schedule->settings;
    const char *what = option(L, "cap");

    settings->cap_ms = settings->first_ms > AKS_RETRY_CAP_MS_DEFAULT ? settings->first_ms
        : AKS_RETRY_CAP_MS_DEFAULT;
    if (lua_isnil(L, OPTION))
        return;
    settings->cap_ms = aks_value_seconds(L, OPTION, what, 0, AKS_RETRY_WAIT_MS_MAX);
    if (settings->cap_ms < settings->first_ms)
        aks_value_raise(L, "%s: cap is below first", lua_tostring(L, 1));
}

static void
take_jitter(lua_State *L, void *ctx)
{
    static const char *const jitters[] = { "none", "full", "equal", NULL };
    struct aks_schedule *schedule = ctx;

    schedule->settings.jitter =
        (enum aks_jitter)aks_value_choice(L, OPTION, option(L, "jitter"), jitters);
}

static void
take_tries(lua_State *L, void *ctx)
{
    struct aks_schedule *schedule = ctx;

    schedule->settings.tries = (unsigned)aks_value_whole(L, OPTION, option(L, "tries"), "", 1,
        AKS_RETRY_TRIES_MAX);
}

static void
take_step(lua_State *L, void *ctx)
{
    struct aks_schedule *schedule = ctx;

    schedule->step_ms = aks_value_seconds(L, OPTION, option(L, "step"), 0, AKS_RETRY_WAIT_MS_MAX);
}

static void
take_factor(lua_State *L, void *ctx)
{
    struct aks_schedule *schedule = ctx;
    const char *what = option(L, "factor");
    double factor = lua_tonumber(L, OPTION);

    if (lua_type(L, OPTION) != LUA_TNUMBER || !(factor >= 1 && factor <= AKS_SPEC_FACTOR_MAX))
        aks_value_expected(L, what, "a number from 1 to 100", OPTION);
    schedule->settings.factor = factor;
}

/* schedule(what, growth, { first, factor, step, cap, jitter, tries }): all fields that the
 * growth uses are given, but for cap. */
static int
lib_schedule(lua_State *L)
{
    static const char *const growths[] = { "none", "fixed", "exponential", "linear",
        "decorrelated", NULL };
    struct aks_schedule schedule = { .settings = { .first_ms = -1, .factor = 1, .tries = 1 } };
    const char *what = luaL_checkstring(L, 1);

    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    schedule.growth = (enum aks_growth)aks_value_choice(L, 2, "growth", growths);
    aks_problem_take(L, what, "first", 0, take_first, &schedule);
    aks_problem_take(L, what, "cap", 0, take_cap, &schedule);
    aks_problem_take(L, what, "jitter", 0, take_jitter, &schedule);
    aks_problem_take(L, what, "tries", 0, take_tries, &schedule);
    if (schedule.growth == AKS_GROWTH_LINEAR)
        aks_problem_take(L, what, "step", 0, take_step, &schedule);
    if (schedule.growth == AKS_GROWTH_EXPONENTIAL || schedule.growth == AKS_GROWTH_DECORRELATED)
        aks_problem_take(L, what, "factor", 0, take_factor, &schedule);
    aks_handle_push_schedule(L, &schedule);
    return 1;
}

void
aks_lib_push(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "age", aks_spec_age },
        { "budget", aks_spec_budget },
        { "by_failure", aks_lib_by_failure },
        { "by_target", aks_lib_by_target },
        { "dir", aks_spec_dir },
        { "env", aks_lib_env },
        { "expected", aks_lib_expected },
        { "http", aks_spec_http },
        { "mcp", aks_spec_mcp },
        { "log", aks_lib_print },
        { "mirror", aks_lib_mirror },
        { "names", aks_lib_names },
        { "policy", aks_spec_policy },
        { "rate", aks_lib_rate },
        { "s3", aks_spec_s3 },
        { "schedule", lib_schedule },
        { "secret", aks_spec_secret },
        { "snapshot", aks_spec_snapshot },
        { "take", lib_take },
        { "task", aks_spec_task },
        { "wait", lib_wait },
        { "warn", aks_lib_warn },
        { "whole", aks_lib_whole },
        { NULL, NULL },
    };
    static const struct {
        const char *name;
        enum aks_verdict verdict;
    } decisions[] = {
        { "next_target", AKS_NEXT_TARGET },
        { "restart", AKS_RESTART },
        { "give_up", AKS_GIVE_UP },
    };

    luaL_newlib(L, functions);
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
        struct aks_retry_answer answer = { .verdict = decisions[i].verdict };

        aks_handle_push_decision(L, &answer);
        lua_setfield(L, -2, decisions[i].name);
    }
}
