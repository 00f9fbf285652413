/* Policies that steer by themselves: akosha.task { run = function(ctx) ... end }.
 *
 * `run`, and what it spawns, are coroutines of one scheduler. What waits (a request to the engine,
 * a join) suspends the coroutine that asked, by one yield; the engine tells that it is done, and
 * the coroutine goes on in its turn. The scheduler is called by the engine between two turns of its
 * loop, so that Lua never runs inside a completion, and the engine never inside Lua. */
#ifndef AKS_SCRIPT_TASK_H
#define AKS_SCRIPT_TASK_H

#include "engine/policy.h"
#include "script/vm.h"

#include <lua.h>

#include <stdbool.h>

/** akosha.task, as lua_CFunction: fields and settings as of akosha.policy (script/spec.c). */
int aks_spec_task(lua_State *L);

/** The loaded task as the engine runs it; NULL: no memory. */
struct aks_tasker *aks_task_lua_new(struct aks_vm *vm);
/** Is ${co} one of the scheduler's? Whoever else resumes or closes it takes its turn away. */
bool aks_task_lua_owns(const struct aks_vm *vm, const lua_State *co);
/** NULL is fine. */
void aks_task_lua_free(struct aks_tasker *tasker);
const struct aks_policy_task *aks_task_lua_policy(const struct aks_tasker *tasker);

#endif
