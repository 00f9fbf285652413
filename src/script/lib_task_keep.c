/* The functions of ctx that wait for nothing. */
#include "base/units.h"
#include "script/facts.h"
#include "script/freeze.h"
#include "script/handle.h"
#include "script/order.h"
#include "script/task_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <ctype.h>
#include <math.h>
#include <string.h>

/* --- what there is ---------------------------------------------------------------------------- */

int
aks_lib_task_sources(lua_State *L)
{
    (void)aks_task_running(L, "ctx:sources");
    aks_lib_task_push_sources(L);
    return 1;
}

int
aks_lib_task_targets(lua_State *L)
{
    const struct aks_tasker *tasker = aks_task_running(L, "ctx:targets");
    struct aks_target_facts facts[AKS_TARGETS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < aks_task_target_count(tasker->task); i++) {
        if (aks_task_target_allowed(tasker->task, i))
            aks_task_target_facts(tasker->task, i, &facts[count++]);
    }
    aks_facts_push_targets(L, facts, count);
    return 1;
}

int
aks_lib_task_now(lua_State *L)
{
    const struct aks_tasker *tasker = aks_task_running(L, "ctx:now");

    lua_pushnumber(L, (lua_Number)aks_task_now_ms(tasker->task) / (lua_Number)AKS_MS_PER_S);
    return 1;
}

int
aks_lib_task_clock(lua_State *L)
{
    const struct aks_tasker *tasker = aks_task_running(L, "ctx:clock");

    aks_facts_push_clock(L, aks_task_clock(tasker->task));
    return 1;
}

int
aks_lib_task_skip(lua_State *L)
{
    static const char what[] = "ctx:skip";
    const struct aks_tasker *tasker = aks_task_running(L, what);
    size_t source = aks_lib_task_source(L, 2, what);
    struct aks_error err;

    if (lua_type(L, 3) != LUA_TSTRING)
        aks_value_expected(L, what, "a reason", 3);
    if (aks_task_skip(tasker->task, source, aks_value_text(L, 3, what, AKS_TASK_REASON_BYTES),
            &err) != AKS_OK)
        aks_value_raise(L, "%s: %s", what, err.message);
    return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool
is_key(const char *text, size_t len)
{
    if (len == 0 || len > AKS_TASK_STATE_KEY_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || (!isalnum((unsigned char)text[i]) && strchr("_-.", text[i]) == NULL))
            return false;
    }
    return true;
}

/* The value at ${index}; text is borrowed. [-0, +0, raises] */
static void
take_value(lua_State *L, int index, const char *what, size_t bytes_max,
    struct aks_task_value *ret_value)
{
    memset(ret_value, 0, sizeof(*ret_value));
    if (lua_isboolean(L, index)) {
        ret_value->type = AKS_TASK_BOOLEAN;
        ret_value->boolean = lua_toboolean(L, index);
    } else if (lua_isinteger(L, index)) {
        ret_value->type = AKS_TASK_INTEGER;
        ret_value->integer = lua_tointeger(L, index);
    } else if (lua_type(L, index) == LUA_TNUMBER && isfinite(lua_tonumber(L, index))) {
        ret_value->type = AKS_TASK_NUMBER;
        ret_value->number = lua_tonumber(L, index);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        ret_value->type = AKS_TASK_TEXT;
        ret_value->text = lua_tolstring(L, index, &ret_value->len);
        if (ret_value->len > bytes_max || memchr(ret_value->text, '\0', ret_value->len) != NULL)
            aks_value_raise(L, "%s: expected text of at most %zu bytes without zeros", what,
                bytes_max);
    } else {
        aks_value_expected(L, what, "a text, a finite number or a boolean", index);
    }
}

/* --- the state -------------------------------------------------------------------------------- */

static const char *
check_key(lua_State *L, const char *what)
{
    if (lua_type(L, 2) != LUA_TSTRING || !is_key(lua_tostring(L, 2), lua_rawlen(L, 2)))
        aks_value_expected(L, what, "a name of 1 to 64 letters, digits, '_', '-' and '.'", 2);
    return lua_tostring(L, 2);
}

static int
state_index(lua_State *L)
{
    static const char what[] = "ctx.state";
    const struct aks_tasker *tasker = aks_task_running(L, what);
    struct aks_task_value value;
    struct aks_error err;

    if (aks_task_state_get(tasker->task, check_key(L, what), &value, &err) != AKS_OK)
        aks_value_raise(L, "%s: %s", what, err.message);
    switch (value.type) {
    case AKS_TASK_NOTHING:
        lua_pushnil(L);
        break;
    case AKS_TASK_BOOLEAN:
        lua_pushboolean(L, value.boolean);
        break;
    case AKS_TASK_INTEGER:
        lua_pushinteger(L, value.integer);
        break;
    case AKS_TASK_NUMBER:
        lua_pushnumber(L, value.number);
        break;
    case AKS_TASK_TEXT:
        lua_pushlstring(L, value.text, value.len);
        break;
    }
    return 1;
}

static int
state_newindex(lua_State *L)
{
    static const char what[] = "ctx.state";
    const struct aks_tasker *tasker = aks_task_running(L, what);
    const char *key = check_key(L, what);
    struct aks_task_value value = { 0 };
    struct aks_error err;

    if (!lua_isnil(L, 3))
        take_value(L, 3, what, AKS_TASK_STATE_TEXT_BYTES, &value);
    if (aks_task_state_put(tasker->task, key, &value, &err) != AKS_OK)
        aks_value_raise(L, "%s: %s", what, err.message);
    return 0;
}

static int
state_next(lua_State *L)
{
    const struct aks_tasker *tasker = aks_task_running(L, "ctx.state");
    const char *key = aks_task_state_next(tasker->task, lua_tostring(L, 2));

    if (key == NULL)
        return 0;
    lua_settop(L, 1);
    lua_pushstring(L, key);
    lua_pushvalue(L, -1);
    (void)lua_gettable(L, 1);
    return 2;
}

static int
state_pairs(lua_State *L)
{
    lua_pushcfunction(L, state_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

void
aks_lib_task_open_state(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "__index", state_index },
        { "__newindex", state_newindex },
        { "__pairs", state_pairs },
        { NULL, NULL },
    };

    aks_handle_class(L, AKS_KEPT_CLASS, functions);
}

void
aks_lib_task_push_state(lua_State *L)
{
    (void)aks_handle_new(L, 0, 0, AKS_KEPT_CLASS);
}

/* --- the audit log ---------------------------------------------------------------------------- */

/* The fields of the table at 2, in order; their texts are borrowed. [-0, +any, raises] */
static size_t
take_fields(lua_State *L, const char *what, struct aks_task_value *fields)
{
    size_t count;

    if (!lua_istable(L, 2) || lua_getmetatable(L, 2))
        aks_value_expected(L, what, "a text, or a table of texts, numbers and booleans", 2);
    count = aks_order_keys(L, 2);
    if (count > AKS_TASK_AUDIT_FIELDS_MAX)
        aks_value_raise(L, "%s: more than %d fields", what, AKS_TASK_AUDIT_FIELDS_MAX);
    luaL_checkstack(L, 2 * (int)count + LUA_MINSTACK, what);
    for (size_t i = 0; i < count; i++) {
        aks_order_push_key(L, 3, i + 1);
        if (lua_type(L, -1) != LUA_TSTRING || !is_key(lua_tostring(L, -1), lua_rawlen(L, -1)))
            aks_value_expected(L, what, "names of 1 to 64 letters, digits, '_', '-' and '.'", -1);
        lua_pushvalue(L, -1);
        (void)lua_rawget(L, 2);
        take_value(L, lua_gettop(L), what, AKS_TASK_AUDIT_TEXT_BYTES, &fields[i]);
        fields[i].name = lua_tostring(L, -2);
    }
    return count;
}

/* ctx:audit(text), ctx:audit { name = value, ... } */
int
aks_lib_task_audit(lua_State *L)
{
    static const char what[] = "ctx:audit";
    const struct aks_tasker *tasker = aks_task_running(L, what);
    struct aks_task_value fields[AKS_TASK_AUDIT_FIELDS_MAX];
    struct aks_error err;
    size_t count = 1;

    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING) {
        take_value(L, 2, what, AKS_TASK_AUDIT_TEXT_BYTES, &fields[0]);
        fields[0].name = "text";
    } else {
        count = take_fields(L, what, fields);
    }
    if (aks_task_audit(tasker->task, fields, count, &err) != AKS_OK)
        aks_value_raise(L, "%s: %s", what, err.message);
    return 0;
}
