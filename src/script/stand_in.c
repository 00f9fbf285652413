#include "script/stand_in.h"

#include "script/bounded.h"
#include "script/budget.h"
#include "script/freeze.h"
#include "script/identity.h"
#include "script/lib_akosha.h"
#include "script/modules.h"
#include "script/patterns.h"
#include "script/task.h"
#include "script/value.h"
#include "script/vm.h"
#include "script/walk.h"

#include <lauxlib.h>

#include <string.h>

/* --- base ------------------------------------------------------------------------------------- */

/* No hook runs inside a finalizer: one that loops could not be stopped. When a weak table loses its
 * fields is not the same in every run. */
static int
safe_setmetatable(lua_State *L)
{
    static const char *const refused[] = { "__gc", "__mode" };

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    lua_settop(L, 2);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && lua_istable(L, 2); i++) {
        lua_pushstring(L, refused[i]);
        if (lua_rawget(L, 2) != LUA_TNIL)
            aks_value_raise(L, "setmetatable: a metatable with %s is not allowed", refused[i]);
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        aks_value_raise(L, "setmetatable: the metatable is protected");
    lua_setmetatable(L, 1);
    return 1;
}

/* Upvalue 1: the policy's message handler. Where the count hook raises, Lua calls the handler
 * inside the hook, in which no hook runs: one that loops could not be stopped. So it is not
 * called. */
static int
guarded_handler(lua_State *L)
{
    if (aks_vm_of(L)->limit != AKS_VM_WITHIN)
        return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Upvalue 1: xpcall itself, which has no upvalues. It runs in this frame. */
static int
safe_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* --- coroutines ------------------------------------------------------------------------------- */

/* Upvalue 1: coroutine.create itself. */
static int
counted_create(lua_State *L)
{
    aks_budget_coroutine(L);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* What ctx:spawn began is the engine's to go on with. [-0, +0, raises] */
static void
refuse_tasks(lua_State *L, const char *what)
{
    if (aks_task_lua_owns(aks_vm_of(L), lua_tothread(L, 1)))
        aks_value_raise(L, "%s: this coroutine is a task's; only the engine goes on with it", what);
}

/* Upvalue 1: coroutine.resume itself. */
static int
safe_resume(lua_State *L)
{
    refuse_tasks(L, "coroutine.resume");
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Upvalue 1: coroutine.close itself. Closing a coroutine that the hook ended would run its __close
 * handlers without a hook; the charge raises first. */
static int
safe_close(lua_State *L)
{
    refuse_tasks(L, "coroutine.close");
    aks_budget_charge(L, 2 * AKS_BUDGET_INTERVAL);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Upvalue 1: the coroutine. As coroutine.wrap's function, but for a coroutine that went over a
 * limit: that one is not closed, for the same reason. */
static int
resume_wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int count = lua_gettop(L);
    int results = 0;
    int status;

    if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
        return luaL_error(L, "cannot resume dead coroutine");
    if (!lua_checkstack(co, count))
        return luaL_error(L, "too many arguments to resume");
    lua_xmove(L, co, count);
    status = lua_resume(co, L, count, &results);
    if (status == LUA_OK || status == LUA_YIELD) {
        luaL_checkstack(L, results, "too many results to resume");
        lua_xmove(co, L, results);
        return results;
    }
    /* A coroutine that was not even resumed (it is running, or resumes this one) is not to be
     * closed. */
    if (aks_vm_of(L)->limit == AKS_VM_WITHIN && lua_status(co) == status)
        (void)lua_resetthread(co);
    lua_xmove(co, L, 1);
    return lua_error(L);
}

static int
safe_wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    aks_budget_coroutine(L);
    lua_settop(L, 1);
    (void)lua_newthread(L);
    lua_insert(L, 1);
    lua_xmove(L, lua_tothread(L, 1), 1);
    lua_pushcclosure(L, resume_wrapped, 1);
    return 1;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    const char *library;
    const char *name;
    lua_CFunction function;
    bool wraps;             /* the original is its first upvalue */
} stand_ins[] = {
    { "_G", "next", aks_walk_next, false },
    { "_G", "pairs", aks_walk_pairs, false },
    { "_G", "print", aks_lib_print, false },
    { "_G", "rawget", aks_freeze_rawget, false },
    { "_G", "rawlen", aks_freeze_rawlen, false },
    { "_G", "rawset", aks_freeze_rawset, false },
    { "_G", "require", aks_modules_require, false },
    { "_G", "setmetatable", safe_setmetatable, false },
    { "_G", "tostring", aks_identity_tostring, false },
    { "_G", "xpcall", safe_xpcall, true },
    { "coroutine", "close", safe_close, true },
    { "coroutine", "create", counted_create, true },
    { "coroutine", "resume", safe_resume, true },
    { "coroutine", "wrap", safe_wrap, false },
    { "string", "find", aks_patterns_find, false },
    { "string", "format", aks_identity_format, true },
    { "string", "gmatch", aks_patterns_gmatch, false },
    { "string", "gsub", aks_patterns_gsub, false },
    { "string", "match", aks_patterns_match, false },
};

void
aks_stand_in(lua_State *L, const char *library, const char *name)
{
    for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++) {
        if (strcmp(stand_ins[i].library, library) != 0 || strcmp(stand_ins[i].name, name) != 0)
            continue;
        if (stand_ins[i].wraps) {
            lua_pushcclosure(L, stand_ins[i].function, 1);
        } else {
            lua_pop(L, 1);
            lua_pushcfunction(L, stand_ins[i].function);
        }
        return;
    }
    if (lua_iscfunction(L, -1))
        aks_bounded_wrap(L, library, name);
}
