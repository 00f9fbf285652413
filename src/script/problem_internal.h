/* How script/problem.h is told. Without somebody who wants to know, everything raises as ever. */
#ifndef AKS_SCRIPT_PROBLEM_INTERNAL_H
#define AKS_SCRIPT_PROBLEM_INTERNAL_H

#include "base/error.h"
#include "script/vm.h"

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>

/* Takes one field; sees a copy of its caller's stack, from index 1. [-0, +any, raises] */
typedef void aks_problem_taker(lua_State *L, void *ctx);

/** Is the policy only checked? [-0, +0] */
bool aks_problem_collecting(lua_State *L);
/** Calls ${take} for the field ${name}, or entry ${place} (from 1) if that is NULL, of what is
 * being taken, or of ${builder}. What it raises is told where the policy is only checked. Leaves
 * the stack as it was. [-0, +0, raises] */
void aks_problem_take(lua_State *L, const char *builder, const char *name, size_t place,
    aks_problem_taker *take, void *ctx);
/** Tells ${message} of the field ${name} of ${builder}, or raises it. [-0, +0, raises] */
void aks_problem_tell(lua_State *L, const char *builder, const char *name, const char *message);

/** Forgets which fields were meant by unknown ones: another table is looked at. [-0, +0] */
void aks_problem_forget(lua_State *L);
/** Notes that an unknown field was probably meant to be ${name}, which is static. [-0, +0] */
void aks_problem_note_meant(lua_State *L, const char *name);
/** Was it? Then it is not missing as well. [-0, +0] */
bool aks_problem_meant(lua_State *L, const char *name);

/** Notes where akosha.policy is called, for warnings. [-0, +0] */
void aks_problem_note_policy(lua_State *L);
/** Tells what ended the load. ${err} is filled. */
void aks_problem_tell_failure(struct aks_vm *vm, const struct aks_error *err);
/** Tells a warning about the field ${name} of akosha.policy, its entry ${place}, or 0. */
void aks_problem_warn(struct aks_vm *vm, const char *name, size_t place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** Tells a warning about the call of ${builder} that goes on, where the policy is only checked.
 * [-0, +0] */
void aks_problem_warn_here(lua_State *L, const char *builder, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* problem_warn.c */

/** Looks for what is allowed and hardly meant. ${environment}: its HOME is what "~" stands for. */
void aks_problem_warn_all(struct aks_vm *vm, const struct aks_policy_environment *environment);

#endif
