/* pairs and next in the order of script/order.h.
 *
 * A walk of pairs goes over the keys that the table had when it began: one that is set to nil
 * meanwhile is left out, one that is new is not met. next(t, key) is the first key after ${key},
 * whether ${key} is still there or not; it may meet keys that are new, the same in each run. */
#ifndef AKS_SCRIPT_WALK_H
#define AKS_SCRIPT_WALK_H

#include "script/vm.h"

#include <lua.h>

/* As lua_CFunction. */
int aks_walk_next(lua_State *L);
int aks_walk_pairs(lua_State *L);

/** Lets go of the tables that next was called with. [-0, +0] */
void aks_walk_forget(struct aks_vm *vm);

#endif
