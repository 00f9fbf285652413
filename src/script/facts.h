/* What the engine knows, as frozen Lua tables: seconds and bytes, names instead of enums, and no
 * field for what is not known. docs/policy.md lists them. */
#ifndef AKS_SCRIPT_FACTS_H
#define AKS_SCRIPT_FACTS_H

#include "engine/decide.h"

#include <lua.h>

/* Each [-0, +1, raises]. */
void aks_facts_push_source(lua_State *L, const struct aks_source_facts *source);
void aks_facts_push_target(lua_State *L, const struct aks_target_facts *target);
void aks_facts_push_clock(lua_State *L, const struct aks_clock_facts *clock);
/** The clock and the history. */
void aks_facts_push_now(lua_State *L, const struct aks_now_facts *now);
/** A list, and by name as well. */
void aks_facts_push_targets(lua_State *L, const struct aks_target_facts *targets, size_t count);
void aks_facts_push_failure(lua_State *L, const struct aks_failure_facts *failure);
void aks_facts_push_dedup(lua_State *L, const struct aks_dedup_facts *facts);
void aks_facts_push_compress(lua_State *L, const struct aks_compress_facts *facts);
void aks_facts_push_snapshot(lua_State *L, const struct aks_snapshot_facts *facts);

#endif
