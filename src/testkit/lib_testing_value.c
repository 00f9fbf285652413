/* Checks that say what was expected and what came, at the test's own line. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "script/nearest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BOX "akosha.testing.box"
#define MESSAGE_BYTES 1024

struct box {
    void *thing;                        /* first: what callers hold points at it */
    void (*free)(void *thing);
};

/* --- classes ---------------------------------------------------------------------------------- */

/* __index of a class: upvalues are its methods and its name. */
static int
find_method(lua_State *L)
{
    struct aks_nearest best = { NULL, 0 };
    const char *name = lua_tostring(L, 2);

    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "a %s has no fields", lua_tostring(L, lua_upvalueindex(2)));
    lua_pushnil(L);
    while (lua_next(L, lua_upvalueindex(1)) != 0) {
        aks_nearest_offer(&best, name, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    if (best.name != NULL)
        return luaL_error(L, "a %s has no \"%s\"; did you mean \"%s\"?",
            lua_tostring(L, lua_upvalueindex(2)), name, best.name);
    return luaL_error(L, "a %s has no \"%s\"", lua_tostring(L, lua_upvalueindex(2)), name);
}

void
aks_testing_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc)
{
    (void)luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushstring(L, name);
    lua_pushcclosure(L, find_method, 2);
    lua_setfield(L, -2, "__index");
    if (gc != NULL) {
        lua_pushcfunction(L, gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
}

void
aks_testing_box_free(void **thing)
{
    struct box *box = (struct box *)(void *)thing;

    if (box->thing != NULL)
        box->free(box->thing);
    box->thing = NULL;
}

static int
collect_box(lua_State *L)
{
    aks_testing_box_free(lua_touserdata(L, 1));
    return 0;
}

void **
aks_testing_box(lua_State *L, void (*free)(void *thing))
{
    struct box *box = lua_newuserdatauv(L, sizeof(*box), 0);

    box->thing = NULL;
    box->free = free;
    if (luaL_newmetatable(L, BOX)) {
        lua_pushcfunction(L, collect_box);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return &box->thing;
}

/* --- what is wrong ---------------------------------------------------------------------------- */

noreturn void
aks_testing_raise(lua_State *L, const struct aks_error *err)
{
    luaL_where(L, 1);
    if (err->hint[0] != '\0')
        (void)lua_pushfstring(L, "%s (%s)", err->message, err->hint);
    else
        lua_pushstring(L, err->message);
    lua_concat(L, 2);
    lua_error(L);
    aks_check_failed(__FILE__, __LINE__, "lua_error returned");
}

noreturn void
aks_testing_fail(lua_State *L, const char *format, ...)
{
    char message[MESSAGE_BYTES * 2];
    va_list args;

    va_start(args, format);
    if (vsnprintf(message, sizeof(message), format, args) < 0)
        message[0] = '\0';
    va_end(args);
    lua_pushstring(L, message);
    aks_testing_fail_with(L);
}

noreturn void
aks_testing_fail_with(lua_State *L)
{
    luaL_where(L, 1);
    if (lua_getfield(L, LUA_REGISTRYINDEX, AKS_TESTING_PREFIX) != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushliteral(L, "");
    }
    lua_pushvalue(L, -3);
    lua_concat(L, 3);
    lua_error(L);
    aks_check_failed(__FILE__, __LINE__, "lua_error returned");
}

bool
aks_testing_known(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

noreturn void
aks_testing_unknown(lua_State *L, const char *what, const char *kind, const char *name,
    const char *const *names)
{
    struct aks_nearest best = { NULL, 0 };
    char known[MESSAGE_BYTES];
    size_t len = 0;

    known[0] = '\0';
    for (size_t i = 0; names[i] != NULL; i++) {
        aks_nearest_offer(&best, name, names[i]);
        if (len < sizeof(known))
            len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? ", " : "",
                names[i]);
    }
    if (best.name != NULL)
        luaL_error(L, "%s: unknown %s \"%s\"; did you mean \"%s\"?", what, kind, name, best.name);
    luaL_error(L, "%s: unknown %s \"%s\"; known: %s", what, kind, name, known);
    aks_check_failed(__FILE__, __LINE__, "luaL_error returned");
}

/* Of several unknown fields, the first by name: not the first by chance. */
void
aks_testing_fields(lua_State *L, int index, const char *what, const char *const *names)
{
    const char *unknown = NULL;

    index = lua_absindex(L, index);
    if (!lua_istable(L, index))
        luaL_error(L, "%s: expected a table of fields, got %s", what, luaL_typename(L, index));
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "%s: expected names of fields as keys, got a %s", what,
                luaL_typename(L, -1));
        if (!aks_testing_known(lua_tostring(L, -1), names) &&
            (unknown == NULL || strcmp(lua_tostring(L, -1), unknown) < 0))
            unknown = lua_tostring(L, -1);
    }
    if (unknown != NULL)
        aks_testing_unknown(L, what, "field", unknown, names);
}

int64_t
aks_testing_whole(lua_State *L, int index, const char *what, int64_t min, int64_t max)
{
    int whole = 0;
    lua_Integer value = 0;

    if (lua_type(L, index) == LUA_TNUMBER)
        value = lua_tointegerx(L, index, &whole);
    if (!whole || value < min || value > max)
        luaL_error(L, "%s: expected a whole number from %I to %I, got %s", what, (LUAI_UACINT)min,
            (LUAI_UACINT)max, luaL_tolstring(L, index, NULL));
    return value;
}

int64_t
aks_testing_ns(lua_State *L, int index, const char *what, double max_s)
{
    double value = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;

    /* Written so that NaN fails. */
    if (!(value >= 0 && value <= max_s))
        luaL_error(L, "%s: expected seconds from 0 to %f, got %s", what, max_s,
            luaL_tolstring(L, index, NULL));
    return (int64_t)llround(value * (double)AKS_NS_PER_S);
}

const char *
aks_testing_text(lua_State *L, int index, const char *what)
{
    const char *text;
    size_t len;

    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "%s: expected a string, got %s", what, luaL_tolstring(L, index, NULL));
    text = lua_tolstring(L, index, &len);
    if (strlen(text) != len)
        luaL_error(L, "%s: the string holds a NUL", what);
    return text;
}

bool
aks_testing_boolean(lua_State *L, int index, const char *field, bool absent)
{
    int type = lua_getfield(L, index, field);
    bool value = type == LUA_TNIL ? absent : lua_toboolean(L, -1);

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        luaL_error(L, "%s: expected true or false, got %s", field, luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}
