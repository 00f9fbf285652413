#include "script/freeze.h"

#include "script/nearest.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

/* A frozen table is an empty one whose metatable leads to the real one. The metatable holds the
 * real one under this key as well, which no script can name. */
static const char behind;

bool
aks_freeze_look_behind(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    if (lua_rawgetp(L, -1, &behind) != LUA_TTABLE) {
        lua_pop(L, 2);
        return false;
    }
    lua_replace(L, index);
    lua_pop(L, 1);
    return true;
}

static int
refuse_write(lua_State *L)
{
    char shown[AKS_VALUE_SHOWN_BYTES];

    aks_value_raise(L, "this table cannot be written to (field %s)",
        aks_value_shown(L, 2, shown));
}

static int
frozen_len(lua_State *L)
{
    lua_settop(L, 1);
    (void)aks_freeze_look_behind(L, 1);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
}

int
aks_freeze_rawget(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    (void)aks_freeze_look_behind(L, 1);
    lua_rawget(L, 1);
    return 1;
}

int
aks_freeze_rawlen(lua_State *L)
{
    int type = lua_type(L, 1);

    luaL_argexpected(L, type == LUA_TTABLE || type == LUA_TSTRING, 1, "table or string");
    lua_settop(L, 1);
    (void)aks_freeze_look_behind(L, 1);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
}

int
aks_freeze_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    lua_pushvalue(L, 1);
    if (aks_freeze_look_behind(L, -1))
        return refuse_write(L);
    lua_pop(L, 1);
    lua_rawset(L, 1);
    return 1;
}

void
aks_freeze(lua_State *L)
{
    lua_createtable(L, 0, 0);               /* real, view */
    lua_createtable(L, 0, 5);               /* real, view, meta */
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, frozen_len);
    lua_setfield(L, -2, "__len");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");     /* what getmetatable shows, and setmetatable refuses */
    lua_pushvalue(L, -3);
    lua_rawsetp(L, -2, &behind);
    lua_setmetatable(L, -2);                /* real, view */
    lua_remove(L, -2);
}

void
aks_freeze_text(lua_State *L)
{
    lua_insert(L, -2);
    aks_freeze(L);                          /* function, view */
    (void)lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    lua_remove(L, -2);
}

/* Upvalue 1: what the table is called. */
static int
raise_missing(lua_State *L)
{
    const char *what = lua_tostring(L, lua_upvalueindex(1));
    char shown[AKS_VALUE_SHOWN_BYTES];
    struct aks_nearest best = { NULL, 0 };

    if (lua_type(L, 2) != LUA_TSTRING)
        aks_value_raise(L, "%s has no field %s", what, aks_value_shown(L, 2, shown));
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING)
            aks_nearest_offer(&best, lua_tostring(L, 2), lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    (void)aks_value_shown(L, 2, shown);
    if (best.name != NULL)
        aks_value_raise(L, "%s has no %s; did you mean \"%s\"?", what, shown + strlen("string "),
            best.name);
    aks_value_raise(L, "%s has no %s", what, shown + strlen("string "));
}

void
aks_freeze_strict(lua_State *L, const char *what)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, what);
    lua_pushcclosure(L, raise_missing, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    aks_freeze(L);
}
