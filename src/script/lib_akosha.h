/* The C half of `akosha`: what our own Lua modules are given and build on. */
#ifndef AKS_SCRIPT_LIB_AKOSHA_H
#define AKS_SCRIPT_LIB_AKOSHA_H

#include "engine/policy.h"
#include "engine/settings.h"

#include <lua.h>

/** Pushes the table that our own modules get as `...`. [-0, +1, raises] */
void aks_lib_push(lua_State *L);
/** Keeps a copy of the variables for akosha.env. [-0, +0, raises] */
void aks_lib_keep_environment(lua_State *L, const struct aks_policy_environment *environment);
/** akosha.env(name [, default]), as lua_CFunction: a variable that is empty counts as not set. */
int aks_lib_env(lua_State *L);
/** `print`, as lua_CFunction: goes where akosha.log goes. */
int aks_lib_print(lua_State *L);

/* For builders in Lua, as lua_CFunction (script/lib_builders.c). */
int aks_lib_expected(lua_State *L);
int aks_lib_by_failure(lua_State *L);
int aks_lib_by_target(lua_State *L);
int aks_lib_names(lua_State *L);
int aks_lib_mirror(lua_State *L);
int aks_lib_rate(lua_State *L);
int aks_lib_warn(lua_State *L);
int aks_lib_whole(lua_State *L);
/** Raises if a route that was built names a target that the settings do not have. Of a policy that
 * is only checked, notes where its route, the function on top, can lead. [-0, +0, raises] */
void aks_lib_check_names(lua_State *L, const struct aks_settings *settings);
/** The same of schedules by target. [-0, +0, raises] */
void aks_lib_check_schedules(lua_State *L, const struct aks_settings *settings);

#endif
