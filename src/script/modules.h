/* `require`: our own modules out of the binary, and those of the policy that were read
 * beforehand. No file is opened here. */
#ifndef AKS_SCRIPT_MODULES_H
#define AKS_SCRIPT_MODULES_H

#include <lua.h>

/* `require`, as lua_CFunction. */
int aks_modules_require(lua_State *L);
/** Prepares the lists in the registry; the value on top is what our own modules are given as `...`.
 * [-1, +0, raises] */
void aks_modules_open(lua_State *L);
/** Runs the policy's own text, or the built-in default, and pushes what it returns. [-0, +1,
 * raises] */
void aks_modules_run_policy(lua_State *L);
/** ${name} in the folder of the policy, or NULL pushed as nil where the policy has no folder.
 * [-0, +1, raises] */
const char *aks_modules_push_beside(lua_State *L, const char *name);

#endif
