/* The only way from C into Lua: one protected call of a C function that does all the pushing. */
#ifndef AKS_SCRIPT_CALL_H
#define AKS_SCRIPT_CALL_H

#include "base/error.h"
#include "script/vm.h"

#include <lua.h>

/** Calls ${body} with ${ctx} as a light userdata at index 1, under the load's budget if
 * ${question} is NULL, else under a decision's. ${body} may raise and returns no results; what
 * it finds goes through ${ctx}. On failure AKS_POLICY, or AKS_LIMIT for a budget or memory; the
 * message is "file:line: in QUESTION: why", the hint says how the policy got there. Leaves the
 * stack empty. */
enum aks_status aks_call(struct aks_vm *vm, const char *question, lua_CFunction body, void *ctx,
    struct aks_error *err);
/** The same for a turn of the policy's task: the phase is that of a task, and the lines that may be
 * logged are those of the whole task. */
enum aks_status aks_call_task(struct aks_vm *vm, const char *question, lua_CFunction body,
    void *ctx, struct aks_error *err);
/** What the message handler would have found out of the coroutine ${co}, which has died of the
 * error on top of its stack. [-0, +0, raises] */
void aks_call_describe_dead(lua_State *L, lua_State *co);
/** What is described, as an error. [-0, +0] */
enum aks_status aks_call_explain(struct aks_vm *vm, int code, struct aks_error *err);
/** The message handler of such a call, as lua_CFunction: fills the VM's failure. */
int aks_call_describe(lua_State *L);

#endif
