/* string.find, match, gmatch and gsub over the matcher that counts its steps (script/match.h):
 * what a pattern takes is charged to the budget as it goes on. Results and messages are Lua's. */
#ifndef AKS_SCRIPT_PATTERNS_H
#define AKS_SCRIPT_PATTERNS_H

#include <lua.h>

/* A step takes some nanoseconds: about a quarter of an instruction under a count hook. */
#define AKS_PATTERNS_STEPS_PER_INSTRUCTION 4

int aks_patterns_find(lua_State *L);
int aks_patterns_match(lua_State *L);
int aks_patterns_gmatch(lua_State *L);
int aks_patterns_gsub(lua_State *L);

#endif
