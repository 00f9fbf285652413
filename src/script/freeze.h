/* Tables that can be read, walked and measured like any other, but not written to: facts,
 * libraries. */
#ifndef AKS_SCRIPT_FREEZE_H
#define AKS_SCRIPT_FREEZE_H

#include <lua.h>

#include <stdbool.h>

/** Replaces the table on top, which nobody else may hold, by a frozen view of it. [-1, +1,
 * raises] */
void aks_freeze(lua_State *L);
/** The same; reading a name that is not there raises "${what} has no ...", with the nearest name.
 * ${what} is static. [-1, +1, raises] */
void aks_freeze_strict(lua_State *L, const char *what);
/** As aks_freeze; the C function on top, above the table, is what tostring asks. [-2, +1,
 * raises] */
void aks_freeze_text(lua_State *L);
/** If the value at ${index} is frozen, replaces it by the table behind it, which must not reach a
 * policy. [-0, +0] */
bool aks_freeze_look_behind(lua_State *L, int index);

/* rawget, rawlen and rawset that know frozen tables, as lua_CFunction. */
int aks_freeze_rawget(lua_State *L);
int aks_freeze_rawlen(lua_State *L);
int aks_freeze_rawset(lua_State *L);

#endif
