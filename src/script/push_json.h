/* A JSON document as Lua tables: objects by name, arrays from 1, null no field. */
#ifndef AKS_SCRIPT_PUSH_JSON_H
#define AKS_SCRIPT_PUSH_JSON_H

#include <lua.h>

struct json_t;

/* Nothing that the engine writes is nested as deep; each level takes one of the 200 C calls that
 * Lua allows where tables are frozen. */
#define AKS_PUSH_JSON_DEPTH_MAX 32

/* What to do with each table once it is filled: it is on top, and what is on top afterwards takes
 * its place. [-1, +1, raises] */
typedef void aks_push_json_filled_fn(lua_State *L);

/** ${json} is borrowed, NULL is null; ${filled} may be NULL: the tables are ordinary ones.
 * [-0, +1, raises] */
void aks_push_json(lua_State *L, const struct json_t *json, aks_push_json_filled_fn *filled);

#endif
