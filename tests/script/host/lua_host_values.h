/* Values between the tests' Lua and the structs of the engine. */
#ifndef AKS_TESTS_LUA_HOST_VALUES_H
#define AKS_TESTS_LUA_HOST_VALUES_H

#include "engine/decide.h"
#include "engine/settings.h"

#include <lua.h>

#include <jansson.h>

/* Fields of the table at ${index}, or what is given where there is none. Strings live as long as
 * the table. */
const char *host_text(lua_State *L, int index, const char *name, const char *otherwise);
int64_t host_integer(lua_State *L, int index, const char *name, int64_t otherwise);
double host_number(lua_State *L, int index, const char *name, double otherwise);
bool host_boolean(lua_State *L, int index, const char *name, bool otherwise);

/* Facts out of tables with the fields of the C structs, all of them optional. */
void host_source(lua_State *L, int index, struct aks_source_facts *ret);
void host_target(lua_State *L, int index, struct aks_target_facts *ret);
void host_now(lua_State *L, int index, struct aks_now_facts *ret);
void host_failure(lua_State *L, int index, struct aks_failure_facts *ret);
/* Of the facts at index 2; leaves those of source and target at 3 and 4. */
void host_dedup(lua_State *L, struct aks_dedup_facts *ret);
void host_compress(lua_State *L, struct aks_compress_facts *ret);
void host_snapshot(lua_State *L, struct aks_snapshot_facts *ret);
/* A new reference. */
json_t *host_json(lua_State *L, int index);

void host_push_compress(lua_State *L, const struct aks_compress_settings *compress);
/* Fields of the table on top. */
void host_push_snapshot(lua_State *L, const struct aks_snapshot_settings *snapshot);
void host_push_settings(lua_State *L, const struct aks_settings *settings);

#endif
