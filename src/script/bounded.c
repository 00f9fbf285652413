#include "script/bounded.h"

#include "script/budget.h"
#include "script/freeze.h"
#include "script/order.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

/* One instruction takes about as long as looking at this many bytes, or moving an eighth as many
 * entries. */
#define BYTES_PER_INSTRUCTION 64
#define ENTRIES_PER_INSTRUCTION 8

/* The wrapped function runs in the frame of its wrapper, so that its own checks and messages
 * stay right. Those of the libraries that are wrapped use no upvalues. */
static int
call_wrapped(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void
charge_for(lua_State *L, int index)
{
    int type = lua_type(L, index);

    if (type == LUA_TSTRING)
        aks_budget_charge(L, (int64_t)(lua_rawlen(L, index) / BYTES_PER_INSTRUCTION));
    else if (type == LUA_TTABLE)
        aks_budget_charge(L, (int64_t)(lua_rawlen(L, index) / ENTRIES_PER_INSTRUCTION));
    else
        aks_budget_charge(L, 0);
}

/* Functions over a string: linear in their first argument. */
static int
bounded_string(lua_State *L)
{
    charge_for(L, 1);
    return call_wrapped(L);
}

/* A length that a metamethod makes up would make functions over a table run for ever. [-0, +0,
 * raises] */
static void
charge_for_table(lua_State *L)
{
    if (!lua_istable(L, 1))
        return;
    lua_pushvalue(L, 1);
    if (!aks_freeze_look_behind(L, -1) && luaL_getmetafield(L, -1, "__len") != LUA_TNIL)
        aks_value_raise(L, "this function takes no table with a __len of its own");
    charge_for(L, -1);
    lua_pop(L, 1);
}

static int
bounded_table(lua_State *L)
{
    charge_for_table(L);
    return call_wrapped(L);
}

static int
bounded_sort(lua_State *L)
{
    charge_for_table(L);
    return aks_order_sort(L);
}

static int
bounded_move(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);

    if (last >= first && (lua_Unsigned)last - (lua_Unsigned)first >= AKS_BOUNDED_TABLE_ENTRIES)
        aks_value_raise(L, "table.move: at most %d entries", AKS_BOUNDED_TABLE_ENTRIES);
    aks_budget_charge(L, last >= first ? (last - first) / ENTRIES_PER_INSTRUCTION : 0);
    return call_wrapped(L);
}

static int
bounded_rep(lua_State *L)
{
    size_t len;
    size_t separator_len;
    lua_Integer count = luaL_checkinteger(L, 2);

    (void)luaL_checklstring(L, 1, &len);
    (void)luaL_optlstring(L, 3, "", &separator_len);
    /* The count is bounded by itself as well: an empty string takes no room, but each round
     * takes time. */
    if (count > AKS_BOUNDED_REP_BYTES || len + separator_len > AKS_BOUNDED_REP_BYTES ||
        (count > 0 && (len + separator_len) * (size_t)count > AKS_BOUNDED_REP_BYTES))
        aks_value_raise(L, "string.rep: the result would be longer than %d bytes",
            AKS_BOUNDED_REP_BYTES);
    charge_for(L, 1);
    return call_wrapped(L);
}

static const struct {
    const char *library;
    const char *name;       /* NULL: every other function of the library */
    lua_CFunction wrapper;
} wrappers[] = {
    { "string", "rep", bounded_rep },
    { "string", NULL, bounded_string },
    { "utf8", NULL, bounded_string },
    { "table", "sort", bounded_sort },
    { "table", "move", bounded_move },
    { "table", NULL, bounded_table },
};

void
aks_bounded_wrap(lua_State *L, const char *library, const char *name)
{
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
        if (strcmp(wrappers[i].library, library) == 0 &&
            (wrappers[i].name == NULL || strcmp(wrappers[i].name, name) == 0)) {
            lua_pushcclosure(L, wrappers[i].wrapper, 1);
            return;
        }
    }
}
