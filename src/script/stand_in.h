/* What a policy gets in place of functions of Lua's own that could stall it or let it escape. */
#ifndef AKS_SCRIPT_STAND_IN_H
#define AKS_SCRIPT_STAND_IN_H

#include <lua.h>

/** Replaces the value on top, which is ${library}.${name}, by what stands in for it, if anything
 * does. [-1, +1, raises] */
void aks_stand_in(lua_State *L, const char *library, const char *name);

#endif
