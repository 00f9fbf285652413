#include "script/facts.h"

#include "base/units.h"
#include "script/freeze.h"
#include "script/value.h"

#include <lauxlib.h>

#include <jansson.h>

/* Each puts a field into the table on top. [-0, +0, raises] */

static void
put_text(lua_State *L, const char *name, const char *text)
{
    if (text == NULL)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void
put_integer(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void
put_boolean(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* Negative means: not known. */
static void
put_seconds(lua_State *L, const char *name, int64_t ms)
{
    if (ms < 0)
        return;
    lua_pushnumber(L, (lua_Number)ms / (lua_Number)AKS_MS_PER_S);
    lua_setfield(L, -2, name);
}

void
aks_facts_push_source(lua_State *L, const struct aks_source_facts *source)
{
    lua_createtable(L, 0, 5);
    put_text(L, "name", source->name);
    put_text(L, "path", source->path);
    put_text(L, "kind", source->kind);
    put_integer(L, "size", source->bytes);
    put_seconds(L, "age", source->age_ms);
    aks_freeze(L);
}

void
aks_facts_push_target(lua_State *L, const struct aks_target_facts *target)
{
    lua_createtable(L, 0, 4);
    put_text(L, "name", target->name);
    put_text(L, "kind", target->kind);
    put_boolean(L, "healthy", target->healthy);
    put_seconds(L, "last_success", target->last_success_ms);
    aks_freeze(L);
}

void
aks_facts_push_targets(lua_State *L, const struct aks_target_facts *targets, size_t count)
{
    lua_createtable(L, (int)count, (int)count);
    for (size_t i = 0; i < count; i++) {
        aks_facts_push_target(L, &targets[i]);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (lua_Integer)i + 1);
        lua_setfield(L, -2, targets[i].name);
    }
    aks_freeze(L);
}

void
aks_facts_push_failure(lua_State *L, const struct aks_failure_facts *failure)
{
    lua_createtable(L, 0, 10);
    put_text(L, "target", failure->target);
    put_text(L, "operation", failure->operation);
    put_text(L, "source", failure->source);
    put_text(L, "name", aks_status_name(failure->failure));
    put_boolean(L, "transient", failure->transient);
    put_boolean(L, "corrected", failure->corrected);
    if (failure->http_status > 0)
        put_integer(L, "http_status", failure->http_status);
    put_seconds(L, "retry_after", failure->retry_after_ms);
    put_integer(L, "attempt", failure->attempt);
    put_seconds(L, "elapsed", failure->elapsed_ms);
    aks_freeze(L);
}

void
aks_facts_push_dedup(lua_State *L, const struct aks_dedup_facts *facts)
{
    lua_createtable(L, 0, 4);
    aks_facts_push_source(L, &facts->source);
    lua_setfield(L, -2, "source");
    aks_facts_push_target(L, &facts->target);
    lua_setfield(L, -2, "target");
    put_boolean(L, "unchanged", facts->unchanged);
    put_seconds(L, "stored", facts->stored_ms);
    aks_freeze(L);
}

void
aks_facts_push_compress(lua_State *L, const struct aks_compress_facts *facts)
{
    lua_createtable(L, 0, 3);
    aks_facts_push_source(L, &facts->source);
    lua_setfield(L, -2, "source");
    aks_facts_push_target(L, &facts->target);
    lua_setfield(L, -2, "target");
    lua_pushnumber(L, facts->sample_ratio);
    lua_setfield(L, -2, "sample_ratio");
    aks_freeze(L);
}
