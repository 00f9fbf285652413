/* Instructions and wall time of one call from C into Lua, and the work of C functions that Lua
 * calls.
 *
 * A count hook looks every AKS_BUDGET_INTERVAL instructions. Once over, the hook fires at every
 * instruction, so that no pcall of the policy can go on. The hook does not run inside C
 * functions: those that may take long are bounded and charged by script/bounded.c, or, over
 * patterns, by script/patterns.c. */
#ifndef AKS_SCRIPT_BUDGET_H
#define AKS_SCRIPT_BUDGET_H

#include "script/vm.h"

/* Short enough that so many of the slowest single instructions (joining strings of megabytes)
 * end soon. Any count hook makes the tightest loop take 2 to 3 times as long; looking ten times
 * less often saves nothing that could be measured. */
#define AKS_BUDGET_INTERVAL 100

/** Begins to charge the call that is about to be made. [-0, +0] */
void aks_budget_arm(struct aks_vm *vm, int64_t instructions, int64_t ms);
/** Ends it; the limit that was hit stays readable. [-0, +0] */
void aks_budget_disarm(struct aks_vm *vm);
/** Charges a coroutine that is about to be made; raises where there are too many. [-0, +0,
 * raises] */
void aks_budget_coroutine(lua_State *L);
/** Charges ${instructions} for work that no hook sees and looks at the clock. [-0, +0, raises] */
void aks_budget_charge(lua_State *L, int64_t instructions);

#endif
