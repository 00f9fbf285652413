#include "script/push_json.h"

#include "script/value.h"

#include <lauxlib.h>

#include <jansson.h>

static void push(lua_State *L, const json_t *json, aks_push_json_filled_fn *filled, int depth);

static void
push_object(lua_State *L, const json_t *json, aks_push_json_filled_fn *filled, int depth)
{
    /* jansson's iterators want a pointer that is not const; they change nothing. */
    json_t *object = (json_t *)(uintptr_t)json;

    lua_createtable(L, 0, (int)json_object_size(json));
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        push(L, json_object_iter_value(at), filled, depth + 1);
        lua_setfield(L, -2, json_object_iter_key(at));
    }
    if (filled != NULL)
        filled(L);
}

static void
push_array(lua_State *L, const json_t *json, aks_push_json_filled_fn *filled, int depth)
{
    size_t count = json_array_size(json);

    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push(L, json_array_get(json, i), filled, depth + 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (filled != NULL)
        filled(L);
}

static void
push(lua_State *L, const json_t *json, aks_push_json_filled_fn *filled, int depth)
{
    if (depth > AKS_PUSH_JSON_DEPTH_MAX)
        aks_value_raise(L, "JSON is nested too deep");
    luaL_checkstack(L, 8, "JSON is nested too deep");
    switch (json != NULL ? json_typeof(json) : JSON_NULL) {
    case JSON_OBJECT:
        push_object(L, json, filled, depth);
        break;
    case JSON_ARRAY:
        push_array(L, json, filled, depth);
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(json));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(json));
        break;
    case JSON_NULL:
        lua_pushnil(L);
        break;
    }
}

void
aks_push_json(lua_State *L, const struct json_t *json, aks_push_json_filled_fn *filled)
{
    push(L, json, filled, 0);
}
