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
aks_facts_push_clock(lua_State *L, const struct aks_clock_facts *clock)
{
    static const char *const weekdays[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

    lua_createtable(L, 0, 7);
    put_integer(L, "year", clock->year);
    put_integer(L, "month", clock->month);
    put_integer(L, "day", clock->day);
    put_integer(L, "hour", clock->hour);
    put_integer(L, "minute", clock->minute);
    put_text(L, "weekday", weekdays[clock->weekday]);
    put_integer(L, "utc_offset", clock->utc_offset_s);
    aks_freeze(L);
}

/* Of what is not known an empty text. */
static void
put_known(lua_State *L, const char *name, const char *text)
{
    put_text(L, name, text[0] != '\0' ? text : NULL);
}

static void
push_run(lua_State *L, const struct aks_history_facts *run, int64_t wall_ms)
{
    int64_t ago_ms = wall_ms - run->started_at_ms;

    lua_createtable(L, 0, 7);
    put_text(L, "outcome", run->outcome);
    put_seconds(L, "ago", ago_ms > 0 ? ago_ms : 0);
    put_seconds(L, "duration", run->duration_ms);
    if (run->sent_bytes >= 0)
        put_integer(L, "sent", run->sent_bytes);
    put_known(L, "method", run->method);
    put_known(L, "target", run->target);
    put_known(L, "failure", run->failure);
    aks_freeze(L);
}

void
aks_facts_push_now(lua_State *L, const struct aks_now_facts *now)
{
    lua_createtable(L, 0, 2);
    aks_facts_push_clock(L, &now->clock);
    lua_setfield(L, -2, "clock");
    lua_createtable(L, (int)now->history_count, 0);
    for (size_t i = 0; i < now->history_count; i++) {
        push_run(L, &now->history[i], now->wall_ms);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    aks_freeze(L);
    lua_setfield(L, -2, "history");
    aks_freeze(L);
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
    lua_createtable(L, 0, 7);
    put_text(L, "name", target->name);
    put_text(L, "kind", target->kind);
    put_boolean(L, "healthy", target->healthy);
    put_seconds(L, "last_success", target->last_success_ms);
    if (target->rate >= 0)
        put_integer(L, "rate", target->rate);
    if (target->budget_left >= 0)
        put_integer(L, "budget_left", target->budget_left);
    if (target->tries_left >= 0)
        put_integer(L, "tries_left", target->tries_left);
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
    if (facts->unchanged)
        put_integer(L, "changed", 0);   /* else nobody has counted */
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

void
aks_facts_push_snapshot(lua_State *L, const struct aks_snapshot_facts *facts)
{
    lua_createtable(L, 0, 6);
    aks_facts_push_source(L, &facts->source);
    lua_setfield(L, -2, "source");
    put_text(L, "name", aks_status_name(facts->failure));
    put_text(L, "why", facts->why);
    put_seconds(L, "waited", facts->waited_ms);
    put_seconds(L, "stored", facts->stored_ms);
    put_seconds(L, "older", facts->older_ms);
    aks_freeze(L);
}
