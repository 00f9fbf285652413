#include "host/lua_host_values.h"

#include "engine/source.h"

#include <lauxlib.h>

#include <stdio.h>

const char *
host_text(lua_State *L, int index, const char *name, const char *otherwise)
{
    const char *text;

    lua_getfield(L, index, name);
    text = lua_isnil(L, -1) ? otherwise : luaL_checkstring(L, -1);
    lua_pop(L, 1);
    return text;
}

int64_t
host_integer(lua_State *L, int index, const char *name, int64_t otherwise)
{
    int64_t value;

    lua_getfield(L, index, name);
    value = luaL_optinteger(L, -1, otherwise);
    lua_pop(L, 1);
    return value;
}

double
host_number(lua_State *L, int index, const char *name, double otherwise)
{
    double value;

    lua_getfield(L, index, name);
    value = luaL_optnumber(L, -1, otherwise);
    lua_pop(L, 1);
    return value;
}

bool
host_boolean(lua_State *L, int index, const char *name, bool otherwise)
{
    bool value;

    lua_getfield(L, index, name);
    value = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

void
host_source(lua_State *L, int index, struct aks_source_facts *ret)
{
    ret->name = host_text(L, index, "name", "reflection.duckdb");
    ret->path = host_text(L, index, "path", "/home/me/reflection.duckdb");
    ret->kind = host_text(L, index, "kind", "duckdb");
    ret->bytes = host_integer(L, index, "bytes", 41693184);
    ret->age_ms = host_integer(L, index, "age_ms", 60000);
}

void
host_target(lua_State *L, int index, struct aks_target_facts *ret)
{
    ret->name = host_text(L, index, "name", "cloud");
    ret->kind = host_text(L, index, "kind", "s3");
    ret->healthy = host_boolean(L, index, "healthy", true);
    ret->last_success_ms = host_integer(L, index, "last_success_ms", -1);
    ret->rate = host_integer(L, index, "rate", -1);
    ret->budget_left = host_integer(L, index, "budget_left", -1);
    ret->tries_left = host_integer(L, index, "tries_left", -1);
}

static void
copy_text(lua_State *L, int index, const char *name, const char *otherwise, char *ret, size_t bytes)
{
    (void)snprintf(ret, bytes, "%s", host_text(L, index, name, otherwise));
}

static void
host_run(lua_State *L, int index, struct aks_history_facts *ret)
{
    ret->started_at_ms = host_integer(L, index, "started_at_ms", 0);
    copy_text(L, index, "outcome", "stored", ret->outcome, sizeof(ret->outcome));
    copy_text(L, index, "method", "", ret->method, sizeof(ret->method));
    copy_text(L, index, "target", "", ret->target, sizeof(ret->target));
    copy_text(L, index, "failure", "", ret->failure, sizeof(ret->failure));
    ret->duration_ms = host_integer(L, index, "duration_ms", -1);
    ret->sent_bytes = host_integer(L, index, "sent_bytes", -1);
}

void
host_now(lua_State *L, int index, struct aks_now_facts *ret)
{
    struct aks_clock_facts *clock = &ret->clock;

    ret->wall_ms = host_integer(L, index, "wall_ms", 0);
    clock->year = (int)host_integer(L, index, "year", 2026);
    clock->month = (int)host_integer(L, index, "month", 11);
    clock->day = (int)host_integer(L, index, "day", 26);
    clock->hour = (int)host_integer(L, index, "hour", 0);
    clock->minute = (int)host_integer(L, index, "minute", 0);
    clock->weekday = (int)host_integer(L, index, "weekday", 3);
    clock->utc_offset_s = (int32_t)host_integer(L, index, "utc_offset_s", 0);
    ret->history_count = 0;
    lua_getfield(L, index, "history");
    while (lua_istable(L, -1) && ret->history_count < AKS_HISTORY_MAX &&
        lua_rawgeti(L, -1, (lua_Integer)ret->history_count + 1) == LUA_TTABLE) {
        host_run(L, lua_gettop(L), &ret->history[ret->history_count++]);
        lua_pop(L, 1);
    }
    lua_settop(L, index);
}

void
host_failure(lua_State *L, int index, struct aks_failure_facts *ret)
{
    const char *failure = host_text(L, index, "failure", "throttled");

    ret->target = host_text(L, index, "target", "cloud");
    ret->operation = host_text(L, index, "operation", "part 2");
    ret->source = host_text(L, index, "source", NULL);
    if (!aks_status_from_name(failure, &ret->failure))
        luaL_error(L, "there is no failure '%s'", failure);
    ret->transient = host_boolean(L, index, "transient", aks_status_transient(ret->failure));
    ret->corrected = host_boolean(L, index, "corrected", false);
    ret->http_status = (int)host_integer(L, index, "http_status", 0);
    ret->retry_after_ms = host_integer(L, index, "retry_after_ms", -1);
    ret->attempt = (unsigned)host_integer(L, index, "attempt", 1);
    ret->elapsed_ms = host_integer(L, index, "elapsed_ms", 0);
}

/* Fields "source" and "target" of the facts at index 2, or empty tables, at 3 and 4. */
static void
push_source_and_target(lua_State *L)
{
    lua_settop(L, 2);
    lua_getfield(L, 2, "source");
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    lua_getfield(L, 2, "target");
    if (lua_isnil(L, 4)) {
        lua_newtable(L);
        lua_replace(L, 4);
    }
}

void
host_dedup(lua_State *L, struct aks_dedup_facts *ret)
{
    push_source_and_target(L);
    host_source(L, 3, &ret->source);
    host_target(L, 4, &ret->target);
    ret->unchanged = host_boolean(L, 2, "unchanged", false);
    ret->stored_ms = host_integer(L, 2, "stored_ms", -1);
}

void
host_compress(lua_State *L, struct aks_compress_facts *ret)
{
    push_source_and_target(L);
    host_source(L, 3, &ret->source);
    host_target(L, 4, &ret->target);
    ret->sample_ratio = host_number(L, 2, "sample_ratio", 2.0);
}

void
host_snapshot(lua_State *L, struct aks_snapshot_facts *ret)
{
    const char *failure = host_text(L, 2, "failure", "source_busy");

    push_source_and_target(L);
    host_source(L, 3, &ret->source);
    if (!aks_status_from_name(failure, &ret->failure))
        luaL_error(L, "there is no failure '%s'", failure);
    ret->why = host_text(L, 2, "why", "a writer holds it");
    ret->waited_ms = host_integer(L, 2, "waited_ms", 5000);
    ret->stored_ms = host_integer(L, 2, "stored_ms", -1);
    ret->older_ms = host_integer(L, 2, "older_ms", -1);
}

static json_t *
json_table(lua_State *L, int index)
{
    size_t len = lua_rawlen(L, index);
    json_t *json;

    /* Each level needs room of its own, which no sanitizer sees: Lua's stack is Lua's. */
    luaL_checkstack(L, 4, "JSON");
    if (len > 0) {
        json = json_array();
        for (size_t i = 1; i <= len; i++) {
            lua_rawgeti(L, index, (lua_Integer)i);
            (void)json_array_append_new(json, host_json(L, lua_gettop(L)));
            lua_pop(L, 1);
        }
        return json;
    }
    json = json_object();
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        (void)json_object_set_new(json, luaL_checkstring(L, -2), host_json(L, lua_gettop(L)));
        lua_pop(L, 1);
    }
    return json;
}

json_t *
host_json(lua_State *L, int index)
{
    int type = lua_type(L, index);

    if (type == LUA_TTABLE)
        return json_table(L, index);
    if (type == LUA_TSTRING)
        return json_string(lua_tostring(L, index));
    if (type == LUA_TBOOLEAN)
        return json_boolean(lua_toboolean(L, index));
    if (lua_isinteger(L, index))
        return json_integer(lua_tointeger(L, index));
    if (type == LUA_TNUMBER)
        return json_real(lua_tonumber(L, index));
    return json_null();     /* a light userdata: host.null */
}

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

void
host_push_compress(lua_State *L, const struct aks_compress_settings *compress)
{
    static const char *const codecs[] = { "none", "gzip", "zstd" };

    lua_newtable(L);
    put_text(L, "codec", codecs[compress->codec]);
    if (compress->level != AKS_CODEC_LEVEL_DEFAULT)
        put_integer(L, "level", compress->level);
    lua_pushboolean(L, compress->always);
    lua_setfield(L, -2, "always");
}

static void
put_budget(lua_State *L, const struct aks_budget *budget)
{
    if (!budget->set)
        return;
    lua_newtable(L);
    put_text(L, "per", aks_settings_period_name(budget->per));
    put_integer(L, "bytes", budget->bytes);
    put_integer(L, "tries", budget->tries);
    lua_setfield(L, -2, "budget");
}

static void
push_target(lua_State *L, const struct aks_target_settings *target)
{
    lua_newtable(L);
    put_budget(L, &target->budget);
    put_text(L, "name", target->name);
    put_text(L, "kind", aks_target_kind_name(target->kind));
    put_text(L, "ca", target->ca_file);
    put_text(L, "pin", target->pins);
    put_text(L, "token", target->token);
    put_text(L, "bucket", target->bucket);
    put_text(L, "region", target->region);
    put_text(L, "endpoint", target->endpoint);
    put_text(L, "prefix", target->prefix);
    put_text(L, "credentials", target->credentials);
    put_text(L, "url", target->url);
    put_text(L, "path", target->path);
    if (target->layout == AKS_LAYOUT_ORIGINAL)
        put_text(L, "layout", "original");
    if (target->no_markers) {
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "markers");
    }
    if (target->kind == AKS_TARGET_HTTP)
        put_integer(L, "tus", target->tus);
    if (target->kind == AKS_TARGET_S3) {
        put_integer(L, "path_style", target->path_style);
        put_text(L, "payload", target->payload == AKS_PAYLOAD_CRC64 ? "crc64nvme" : "signed");
    }
}

static void
push_retry(lua_State *L, const struct aks_retry_settings *retry)
{
    static const char *const jitters[] = { "none", "full", "equal" };

    lua_newtable(L);
    put_integer(L, "first_ms", retry->first_ms);
    put_integer(L, "cap_ms", retry->cap_ms);
    put_integer(L, "tries", retry->tries);
    put_text(L, "jitter", jitters[retry->jitter]);
    lua_pushnumber(L, retry->factor);
    lua_setfield(L, -2, "factor");
}

/* A plain path as it is; what says more as a table. */
static void
push_source(lua_State *L, const struct aks_source_settings *source)
{
    if (!source->glob && !source->kind_given && !source->compress_given &&
        !source->snapshot_given && source->priority == 0 && source->name == NULL) {
        lua_pushstring(L, source->path);
        return;
    }
    lua_newtable(L);
    put_text(L, source->glob ? "glob" : "path", source->path);
    put_text(L, "kind", source->kind_given ? aks_source_kind_name(source->kind) : NULL);
    put_text(L, "name", source->name);
    put_integer(L, "priority", source->priority);
    if (source->compress_given) {
        host_push_compress(L, &source->compress);
        lua_setfield(L, -2, "codec");
    }
    if (source->snapshot_given)
        host_push_snapshot(L, &source->snapshot);
}

static void
push_keep(lua_State *L, const struct aks_keep_settings *keep)
{
    lua_newtable(L);
    put_integer(L, "last", keep->last);
    put_integer(L, "daily", keep->daily);
    put_integer(L, "weekly", keep->weekly);
}

void
host_push_snapshot(lua_State *L, const struct aks_snapshot_settings *snapshot)
{
    put_text(L, "busy", aks_settings_busy_name(snapshot->busy));
    put_integer(L, "busy_wait_ms", snapshot->wait_ms);
}

void
host_push_settings(lua_State *L, const struct aks_settings *settings)
{
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < settings->source_count; i++) {
        push_source(L, &settings->sources[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sources");
    lua_newtable(L);
    for (size_t i = 0; i < settings->target_count; i++) {
        push_target(L, &settings->targets[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "targets");
    lua_newtable(L);
    for (size_t i = 0; i < settings->route.count; i++) {
        lua_pushstring(L, settings->targets[settings->route.targets[i]].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (settings->route.mirror)
        put_integer(L, "needed", (lua_Integer)settings->route.needed);
    lua_setfield(L, -2, "route");
    push_retry(L, &settings->retry);
    lua_setfield(L, -2, "retry");
    host_push_compress(L, &settings->compress);
    lua_setfield(L, -2, "compress");
    put_text(L, "dedup", settings->dedup == AKS_DEDUP_ALWAYS ? "always"
        : settings->dedup == AKS_DEDUP_NEVER ? "never" : "unchanged");
    host_push_snapshot(L, &settings->snapshot);
    put_text(L, "verify", settings->verify == AKS_VERIFY_READ_BACK ? "read_back" : "none");
    put_integer(L, "drill_ms", settings->drill_ms);
    if (settings->keep.set) {
        push_keep(L, &settings->keep);
        lua_setfield(L, -2, "keep");
    }
    put_integer(L, "part_bytes", settings->part_bytes);
    put_integer(L, "probe_ms", settings->probe_ms);
    if (settings->throttle_bytes_per_s > 0)
        put_integer(L, "throttle", settings->throttle_bytes_per_s);
    put_budget(L, &settings->budget);
    put_text(L, "system_id", settings->system_id);
    put_text(L, "policy_path", settings->policy_path);
    put_text(L, "policy_sha256", settings->policy_sha256);
}
