#include "script/identity.h"

#include "script/budget.h"
#include "script/vm.h"

#include <lauxlib.h>

#include <stddef.h>
#include <string.h>

#define BYTES_PER_INSTRUCTION 64

_Static_assert(sizeof(struct aks_identity) % _Alignof(max_align_t) == 0,
    "what follows it in a block is aligned for anything");

/* A C function without upvalues is no object of Lua's but an address of the program. */
static bool
is_object(lua_State *L, int index)
{
    int type = lua_type(L, index);

    if (type == LUA_TFUNCTION && lua_iscfunction(L, index)) {
        if (lua_getupvalue(L, index, 1) == NULL)
            return false;
        lua_pop(L, 1);
        return true;
    }
    return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TTHREAD ||
        type == LUA_TUSERDATA;
}

/* NULL for what is no object. Lua puts tables and functions at the beginning of their block, a
 * coroutine behind its extra space; the fuzzer of programs would find it if that changed. */
static struct aks_identity *
identity_of(lua_State *L, int index)
{
    const void *block;

    if (!is_object(L, index))
        return NULL;
    if (lua_type(L, index) == LUA_TUSERDATA)
        return lua_touserdata(L, index);
    if (lua_type(L, index) == LUA_TTHREAD)
        block = lua_getextraspace(lua_tothread(L, index));
    else
        block = lua_topointer(L, index);
    return (struct aks_identity *)(uintptr_t)block - 1;
}

void
aks_identity_init(lua_State *L, struct aks_identity *identity)
{
    identity->made = ++aks_vm_of(L)->objects_made;
    identity->shown = 0;
}

uint64_t
aks_identity_made(lua_State *L, int index)
{
    const struct aks_identity *identity = identity_of(L, index);

    return identity != NULL ? identity->made : 0;
}

/* "table: 1", whatever the metatable says about its text. [-0, +1, raises] */
static void
push_name(lua_State *L, int index)
{
    struct aks_identity *identity = identity_of(L, index);
    const char *kind = luaL_typename(L, index);

    if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING)
        kind = lua_tostring(L, -1);
    else
        lua_pushstring(L, kind);
    if (identity == NULL) {
        lua_pushfstring(L, "%s: builtin", kind);
    } else {
        if (identity->shown == 0)
            identity->shown = ++aks_vm_of(L)->objects_shown;
        lua_pushfstring(L, "%s: %I", kind, (LUAI_UACINT)identity->shown);
    }
    lua_remove(L, -2);
}

/* Values that are shown by what they are, not by which one they are. */
static bool
is_plain(lua_State *L, int index)
{
    int type = lua_type(L, index);

    return type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING;
}

const char *
aks_identity_push_text(lua_State *L, int index, size_t *ret_len)
{
    index = lua_absindex(L, index);
    if (is_plain(L, index))
        return luaL_tolstring(L, index, ret_len);
    if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        return luaL_tolstring(L, index, ret_len);
    }
    push_name(L, index);
    return lua_tolstring(L, -1, ret_len);
}

int
aks_identity_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    (void)aks_identity_push_text(L, 1, NULL);
    return 1;
}

/* "%p" becomes "%s" at ${at} of the format at index 1, and its argument its name: what has no
 * address in Lua has none here, and neither has a string. [-0, +0, raises] */
static void
name_pointer(lua_State *L, size_t at, int argument)
{
    size_t len;
    const char *format = lua_tolstring(L, 1, &len);

    lua_pushlstring(L, format, at);
    lua_pushliteral(L, "s");
    lua_pushlstring(L, format + at + 1, len - at - 1);
    lua_concat(L, 3);
    lua_replace(L, 1);
    if (is_plain(L, argument))
        lua_pushliteral(L, "(null)");
    else
        push_name(L, argument);
    lua_replace(L, argument);
}

/* Arguments of "%s" and "%p" become texts of ours before the original sees them. */
int
aks_identity_format(lua_State *L)
{
    int count = lua_gettop(L);
    int argument = 1;
    size_t bytes = 0;
    size_t len;
    const char *format = luaL_checklstring(L, 1, &len);

    for (int i = 1; i <= count; i++) {
        if (lua_type(L, i) == LUA_TSTRING)
            bytes += lua_rawlen(L, i);
    }
    aks_budget_charge(L, (int64_t)(bytes / BYTES_PER_INSTRUCTION));
    for (size_t i = 0; i < len; i++) {
        if (format[i] != '%' || format[++i] == '%' || ++argument > count)
            continue;
        while (i < len && memchr("-+ #.0123456789", format[i], 15) != NULL)
            i++;
        if (i < len && format[i] == 'p') {
            name_pointer(L, i, argument);
            format = lua_tostring(L, 1);
        } else if (i < len && format[i] == 's') {
            (void)aks_identity_push_text(L, argument, NULL);
            lua_replace(L, argument);
        }
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}
