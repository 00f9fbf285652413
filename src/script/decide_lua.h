/* engine/decide.h answered by a policy's functions. */
#ifndef AKS_SCRIPT_DECIDE_LUA_H
#define AKS_SCRIPT_DECIDE_LUA_H

#include "engine/decide.h"
#include "script/vm.h"

/** Fills in the questions for which the loaded policy has a function; the others stay NULL, so that
 * the engine does not even ask. */
void aks_decide_lua_init(struct aks_decide *ret_decide, struct aks_vm *vm);

#endif
