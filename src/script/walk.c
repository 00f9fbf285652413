#include "script/walk.h"

#include "script/budget.h"
#include "script/freeze.h"
#include "script/order.h"
#include "script/value.h"

#include <lauxlib.h>

/* next over a table of so many keys looks at all of them; over a larger one it keeps them. */
#define SMALL 16
/* A key that is gone takes as long to leave out. */
#define INSTRUCTIONS_PER_GONE 2

/* In the registry: the table and the keys of each walk of next, two by two. */
static const char walks;

/* --- along a list of keys --------------------------------------------------------------------- */

/* Pushes the first key after the ${at}-th that is still in the table at ${table}, and its value;
 * returns its place, or 0 and pushes nil at the end. All indices are absolute. [-0, +1/2, raises]
 */
static size_t
push_after(lua_State *L, int table, int keys, size_t count, size_t at)
{
    size_t begin = at;

    while (at < count) {
        at++;
        aks_order_push_key(L, keys, at);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, table) != LUA_TNIL) {
            if (at - begin > 1)
                aks_budget_charge(L, (int64_t)(at - begin) * INSTRUCTIONS_PER_GONE);
            return at;
        }
        lua_pop(L, 2);
    }
    aks_budget_charge(L, (int64_t)(at - begin) * INSTRUCTIONS_PER_GONE);
    lua_pushnil(L);
    return 0;
}

/* Is the value at ${index} the ${at}-th key? [-0, +0] */
static bool
stands_at(lua_State *L, int keys, size_t at, int index)
{
    bool same;

    aks_order_push_key(L, keys, at);
    same = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return same;
}

/* How many of the keys do not come after the value at ${index}. [-0, +0] */
static size_t
place_of(lua_State *L, int keys, size_t count, int index)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool after;

        aks_order_push_key(L, keys, middle + 1);
        after = aks_order_before(L, index, lua_gettop(L));
        lua_pop(L, 1);
        if (after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* --- next ------------------------------------------------------------------------------------- */

#define TABLE 1         /* stack indices */
#define KEY 2
#define KEYS 3

static void
forget(lua_State *L, struct aks_vm_walk *walk, size_t slot)
{
    walk->table = NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &walks) == LUA_TTABLE) {
        for (size_t i = 1; i <= 2; i++) {
            lua_pushnil(L);
            lua_rawseti(L, -2, (lua_Integer)(2 * slot + i));
        }
    }
    lua_pop(L, 1);
}

void
aks_walk_forget(struct aks_vm *vm)
{
    for (size_t i = 0; i < AKS_VM_WALKS; i++) {
        if (vm->walks[i].table != NULL)
            forget(vm->L, &vm->walks[i], i);
    }
}

/* The walk over the table at TABLE, or NULL. */
static struct aks_vm_walk *
find_walk(lua_State *L, size_t *ret_slot)
{
    struct aks_vm *vm = aks_vm_of(L);
    const void *table = lua_topointer(L, TABLE);

    for (size_t i = 0; i < AKS_VM_WALKS; i++) {
        if (vm->walks[i].table == table) {
            *ret_slot = i;
            return &vm->walks[i];
        }
    }
    return NULL;
}

/* Keeps the keys of the table for the calls to come, in place of the walk that is the oldest. Pops
 * what aks_order_push_after has pushed and leaves the keys at KEYS. [-any, +1, raises] */
static struct aks_vm_walk *
begin_walk(lua_State *L, size_t *ret_slot)
{
    struct aks_vm *vm = aks_vm_of(L);
    size_t slot = vm->walks_begun % AKS_VM_WALKS;
    struct aks_vm_walk *walk = &vm->walks[slot];
    size_t count;

    lua_settop(L, KEY);
    count = aks_order_keys(L, TABLE);
    walk->table = NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &walks) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 2 * AKS_VM_WALKS, 0);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &walks);
    }
    lua_pushvalue(L, TABLE);
    lua_rawseti(L, -2, (lua_Integer)(2 * slot + 1));
    lua_pushvalue(L, KEYS);
    lua_rawseti(L, -2, (lua_Integer)(2 * slot + 2));
    lua_pop(L, 1);
    walk->table = lua_topointer(L, TABLE);
    walk->count = count;
    walk->at = 0;
    vm->walks_begun++;
    *ret_slot = slot;
    return walk;
}

/* Leaves the keys of a walk that was found at KEYS. [-0, +1] */
static void
push_keys(lua_State *L, size_t slot)
{
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &walks);
    (void)lua_rawgeti(L, -1, (lua_Integer)(2 * slot + 2));
    lua_remove(L, -2);
}

int
aks_walk_next(lua_State *L)
{
    struct aks_vm_walk *walk;
    size_t slot;

    luaL_checktype(L, TABLE, LUA_TTABLE);
    lua_settop(L, KEY);
    (void)aks_freeze_look_behind(L, TABLE);
    /* NaN is no key. */
    if (!lua_isnil(L, KEY) && !lua_rawequal(L, KEY, KEY))
        return luaL_error(L, "invalid key to 'next'");
    walk = find_walk(L, &slot);
    if (walk != NULL && lua_isnil(L, KEY)) {
        forget(L, walk, slot);
        walk = NULL;
    }
    if (walk == NULL) {
        if (aks_order_push_after(L, TABLE, KEY) <= SMALL || lua_isnil(L, KEY))
            return lua_gettop(L) - KEY;
        walk = begin_walk(L, &slot);
    } else {
        push_keys(L, slot);
    }
    if (walk->at == 0 || !stands_at(L, KEYS, walk->at, KEY))
        walk->at = place_of(L, KEYS, walk->count, KEY);
    walk->at = push_after(L, TABLE, KEYS, walk->count, walk->at);
    if (walk->at > 0)
        return 2;
    forget(L, walk, slot);
    return 1;
}

/* --- pairs ------------------------------------------------------------------------------------ */

/* Upvalues of a walk of pairs. */
#define VIEW 1          /* the table as the policy knows it */
#define REAL 2          /* the one that holds the fields */
#define LIST 3
#define COUNT 4
#define AT 5

/* As next, but knows what comes after the key that it gave last. */
static int
step(lua_State *L)
{
    size_t at = (size_t)lua_tointeger(L, lua_upvalueindex(AT));
    size_t count = (size_t)lua_tointeger(L, lua_upvalueindex(COUNT));

    lua_settop(L, KEY);
    if (!lua_rawequal(L, TABLE, lua_upvalueindex(VIEW)) || at > count ||
        (at == 0 ? !lua_isnil(L, KEY) : !stands_at(L, lua_upvalueindex(LIST), at, KEY)))
        return aks_walk_next(L);
    at = push_after(L, lua_upvalueindex(REAL), lua_upvalueindex(LIST), count, at);
    lua_pushinteger(L, (lua_Integer)(at > 0 ? at : count + 1));
    lua_replace(L, lua_upvalueindex(AT));
    return at > 0 ? 2 : 1;
}

static int
have_called(lua_State *L, int status, lua_KContext ctx)
{
    return 3;
}

int
aks_walk_pairs(lua_State *L)
{
    size_t count;

    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    if (!aks_freeze_look_behind(L, 2) && luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_callk(L, 1, 3, 0, have_called);
        return have_called(L, LUA_OK, 0);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    count = aks_order_keys(L, 2);
    lua_pushinteger(L, (lua_Integer)count);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, step, 5);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}
