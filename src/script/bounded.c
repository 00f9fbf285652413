#include "script/bounded.h"

#include "script/budget.h"
#include "script/freeze.h"
#include "script/order.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

/* One instruction takes about as long as looking at so many bytes, or moving so many entries. An
 * entry takes longer where a metamethod in C is asked about it: no instruction is counted there. */
#define BYTES_PER_INSTRUCTION 64
#define ENTRIES_PER_INSTRUCTION 2
#define INSTRUCTIONS_PER_ASKED_ENTRY 8

/* The wrapped function runs in the frame of its wrapper, so that its own checks and messages
 * stay right. Those of the libraries that are wrapped use no upvalues. */
static int
call_wrapped(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Of all arguments: where a number is wanted, a string is read as one from end to end. */
static int64_t
cost_of_arguments(lua_State *L)
{
    int count = lua_gettop(L);
    int64_t bytes = 0;

    for (int i = 1; i <= count; i++) {
        if (lua_type(L, i) == LUA_TSTRING)
            bytes += (int64_t)lua_rawlen(L, i);
    }
    return bytes / BYTES_PER_INSTRUCTION + count / ENTRIES_PER_INSTRUCTION;
}

/* Of ${count} entries of the table at ${index}. [-0, +0] */
static int64_t
cost_of_entries(lua_State *L, int index, lua_Integer count)
{
    if (count <= 0)
        return 0;
    if (!lua_getmetatable(L, index))
        return count / ENTRIES_PER_INSTRUCTION;
    lua_pop(L, 1);
    return count < AKS_BOUNDED_TABLE_ENTRIES ? count * INSTRUCTIONS_PER_ASKED_ENTRY : count;
}

/* Functions over strings and numbers: linear in their arguments. */
static int
bounded_plain(lua_State *L)
{
    aks_budget_charge(L, cost_of_arguments(L));
    return call_wrapped(L);
}

/* How many there are from the one to the other. */
static lua_Integer
range(lua_Integer first, lua_Integer last)
{
    uint64_t gap = (uint64_t)last - (uint64_t)first;

    if (last < first)
        return 0;
    return gap < (uint64_t)LUA_MAXINTEGER ? (lua_Integer)gap + 1 : LUA_MAXINTEGER;
}

/* string.byte and utf8.codepoint, string.unpack: as many results as table.unpack may have. [-0, +0,
 * raises] */
static void
check_results(lua_State *L, const char *what, lua_Integer count)
{
    if (count > AKS_BOUNDED_TABLE_ENTRIES)
        aks_value_raise(L, "%s: at most %d results", what, AKS_BOUNDED_TABLE_ENTRIES);
}

/* From one place in the string at index 1 to another, both counted from its end where they are
 * negative; by default only one. */
static lua_Integer
count_places(lua_State *L)
{
    lua_Integer len = lua_type(L, 1) == LUA_TSTRING ? (lua_Integer)lua_rawlen(L, 1) : 0;
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_optinteger(L, 3, first);

    first = first < 0 ? len + first + 1 : first;
    last = last < 0 ? len + last + 1 : last;
    return range(first < 1 ? 1 : first, last < len ? last : len);
}

static int
bounded_byte(lua_State *L)
{
    check_results(L, "string.byte", count_places(L));
    return bounded_plain(L);
}

static int
bounded_codepoint(lua_State *L)
{
    check_results(L, "utf8.codepoint", count_places(L));
    return bounded_plain(L);
}

static int
bounded_string_unpack(lua_State *L)
{
    check_results(L, "string.unpack",
        lua_type(L, 1) == LUA_TSTRING ? (lua_Integer)lua_rawlen(L, 1) : 0);
    return bounded_plain(L);
}

/* Upvalue 1 is what utf8.codes gave. From one character to the next there may be megabytes that
 * belong to none. */
static int
bounded_code(lua_State *L)
{
    lua_Integer from = lua_tointeger(L, 2);
    int results = call_wrapped(L);
    lua_Integer to = results == 2 ? lua_tointeger(L, -2) : (lua_Integer)lua_rawlen(L, 1);

    aks_budget_charge(L, to > from ? (to - from) / BYTES_PER_INSTRUCTION : 0);
    return results;
}

static int
bounded_codes(lua_State *L)
{
    int results;

    aks_budget_charge(L, cost_of_arguments(L));
    results = call_wrapped(L);
    lua_pushvalue(L, -results);
    lua_pushcclosure(L, bounded_code, 1);
    lua_replace(L, -results - 1);
    return results;
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
    aks_budget_charge(L, cost_of_arguments(L) + (count > 0 ? count / ENTRIES_PER_INSTRUCTION : 0));
    return call_wrapped(L);
}

/* --- tables ----------------------------------------------------------------------------------- */

/* How many entries the table at index 1 has; 0 if it is none, which the function will refuse. A
 * length that a metamethod makes up would make it run for ever. [-0, +0, raises] */
static lua_Integer
count_entries(lua_State *L)
{
    lua_Integer count;

    if (!lua_istable(L, 1))
        return 0;
    lua_pushvalue(L, 1);
    if (!aks_freeze_look_behind(L, -1) && luaL_getmetafield(L, -1, "__len") != LUA_TNIL)
        aks_value_raise(L, "this function takes no table with a __len of its own");
    count = (lua_Integer)lua_rawlen(L, -1);
    lua_pop(L, 1);
    return count;
}

/* concat and unpack: from one entry to another, by default all. */
static void
charge_for_range(lua_State *L, int first, int last, const char *name, lua_Integer count_max)
{
    lua_Integer entries = count_entries(L);
    lua_Integer count = range(luaL_optinteger(L, first, 1), luaL_optinteger(L, last, entries));

    if (count > count_max)
        aks_value_raise(L, "table.%s: at most %d entries", name, (int)count_max);
    aks_budget_charge(L, cost_of_arguments(L) + cost_of_entries(L, 1, count));
}

static int
bounded_concat(lua_State *L)
{
    charge_for_range(L, 3, 4, "concat", AKS_BOUNDED_CONCAT_ENTRIES);
    return call_wrapped(L);
}

static int
bounded_unpack(lua_State *L)
{
    charge_for_range(L, 2, 3, "unpack", AKS_BOUNDED_TABLE_ENTRIES);
    return call_wrapped(L);
}

static int
bounded_move(lua_State *L)
{
    lua_Integer count = range(luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));

    if (count > AKS_BOUNDED_TABLE_ENTRIES)
        aks_value_raise(L, "table.move: at most %d entries", AKS_BOUNDED_TABLE_ENTRIES);
    aks_budget_charge(L, cost_of_entries(L, 1, count) +
        cost_of_entries(L, lua_isnoneornil(L, 5) ? 1 : 5, count));
    return call_wrapped(L);
}

/* insert and remove, whose place is the second argument if there is one: what stands behind it is
 * moved. */
static void
charge_for_place(lua_State *L, bool placed)
{
    lua_Integer count = count_entries(L);
    lua_Integer behind = placed ? range(luaL_checkinteger(L, 2), count) : 0;

    aks_budget_charge(L, cost_of_entries(L, 1, behind < count ? behind : count));
}

static int
bounded_insert(lua_State *L)
{
    charge_for_place(L, lua_gettop(L) == 3);
    return call_wrapped(L);
}

static int
bounded_remove(lua_State *L)
{
    charge_for_place(L, lua_gettop(L) > 1);
    return call_wrapped(L);
}

static int
bounded_sort(lua_State *L)
{
    (void)count_entries(L);
    return aks_order_sort(L);
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    const char *library;
    const char *name;       /* NULL: every other function of the library */
    lua_CFunction wrapper;  /* NULL: none */
} wrappers[] = {
    { "_G", "tonumber", bounded_plain },
    { "math", "random", NULL },     /* has upvalues, and two arguments at most */
    { "math", NULL, bounded_plain },
    { "string", "byte", bounded_byte },
    { "string", "rep", bounded_rep },
    { "string", "unpack", bounded_string_unpack },
    { "string", NULL, bounded_plain },
    { "table", "concat", bounded_concat },
    { "table", "insert", bounded_insert },
    { "table", "move", bounded_move },
    { "table", "remove", bounded_remove },
    { "table", "sort", bounded_sort },
    { "table", "unpack", bounded_unpack },
    { "table", NULL, bounded_plain },
    { "utf8", "codepoint", bounded_codepoint },
    { "utf8", "codes", bounded_codes },
    { "utf8", NULL, bounded_plain },
};

void
aks_bounded_wrap(lua_State *L, const char *library, const char *name)
{
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
        if (strcmp(wrappers[i].library, library) == 0 &&
            (wrappers[i].name == NULL || strcmp(wrappers[i].name, name) == 0)) {
            if (wrappers[i].wrapper != NULL)
                lua_pushcclosure(L, wrappers[i].wrapper, 1);
            return;
        }
    }
}
