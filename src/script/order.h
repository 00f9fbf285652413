/* An order of all keys of a table that depends on nothing but what they are: numbers, strings,
 * booleans, then objects (tables, functions, coroutines, handles) as they were made.
 *
 * Lua's own order follows addresses and a seed that differs from run to run. */
#ifndef AKS_SCRIPT_ORDER_H
#define AKS_SCRIPT_ORDER_H

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>

/** Pushes the keys of the table at ${index} as a list in their order, or nil if they are 1 to n
 * anyway; n. No metamethod is asked. Charges for its work first, and raises for two functions of
 * the library, which have no order. [-0, +1, raises] */
size_t aks_order_keys(lua_State *L, int index);
/** Pushes key ${i}, from 1, of the list or nil at ${keys}, which aks_order_keys has pushed. [-0,
 * +1] */
void aks_order_push_key(lua_State *L, int keys, size_t i);
/** Looks at all keys of the table at ${index}; pushes the first that comes after the one at ${key},
 * or the first of all if that is nil, and its value, or nil alone if there is none; returns how
 * many keys there are. Charges and raises as above. [-0, +1/2, raises] */
size_t aks_order_push_after(lua_State *L, int index, int key);
/** Does the value at ${a} come before the one at ${b}? None of them is nil or NaN. [-0, +0] */
bool aks_order_before(lua_State *L, int a, int b);

/* table.sort, as lua_CFunction: stable, and the same comparisons in every run. Lua's own looks at
 * the time of day where a list is hard to sort. */
int aks_order_sort(lua_State *L);

#endif
