/* JSON as Lua sees it. */
#include "testkit/lib_testing_internal.h"

#define DEPTH_MAX 64

static void
push(lua_State *L, const json_t *json, int depth)
{
    const char *name;
    const json_t *value;
    size_t i;

    if (depth > DEPTH_MAX)
        luaL_error(L, "JSON of more than %d levels", DEPTH_MAX);
    luaL_checkstack(L, 4, "JSON");
    switch (json != NULL ? json_typeof(json) : JSON_NULL) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(json));
        json_object_foreach((json_t *)(uintptr_t)json, name, value) {
            push(L, value, depth + 1);
            lua_setfield(L, -2, name);
        }
        break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(json), 0);
        json_array_foreach(json, i, value) {
            push(L, value, depth + 1);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
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
aks_testing_json_push(lua_State *L, const json_t *json)
{
    push(L, json, 0);
}

static void
let_go(void *thing)
{
    json_decref(thing);
}

void
aks_testing_json_text(lua_State *L, const char *text, size_t len)
{
    void **box = aks_testing_box(L, let_go);

    *box = json_loadb(text, len, 0, NULL);
    push(L, *box, 0);
    aks_testing_box_free(box);
    lua_remove(L, -2);
}
