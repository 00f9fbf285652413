#include "script/value.h"

#include "base/check.h"
#include "script/nearest.h"
#include "script/order.h"
#include "script/problem_internal.h"

#include <lauxlib.h>

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 768
#define STRING_SHOWN_BYTES 48
#define FRAMES_MAX 200      /* Lua's own limit on C frames; the policy's line is nearer than that */

bool
aks_value_policy_frame(lua_State *L, int level, int *ret_level, lua_Debug *ret_frame)
{
    for (int i = level; i < level + FRAMES_MAX && lua_getstack(L, i, ret_frame) == 1; i++) {
        (void)lua_getinfo(L, "Sl", ret_frame);
        if (ret_frame->source[0] != '@' || ret_frame->currentline < 0)
            continue;
        (void)lua_getinfo(L, "n", ret_frame);
        *ret_level = i;
        return true;
    }
    return false;
}

/* The fields of a task are taken by the code that takes a policy's. */
static void
rename_builder(const struct aks_vm *vm, char message[MESSAGE_BYTES])
{
    static const char policy[] = "akosha.policy";
    size_t len = vm->builder_name != NULL ? strlen(vm->builder_name) : 0;

    /* What takes its place is no longer. */
    if (len == 0 || len >= sizeof(policy) || strncmp(message, policy, sizeof(policy) - 1) != 0)
        return;
    memcpy(message, vm->builder_name, len);
    memmove(message + len, message + sizeof(policy) - 1, strlen(message + sizeof(policy) - 1) + 1);
}

noreturn void
aks_value_raise(lua_State *L, const char *format, ...)
{
    const struct aks_vm *vm = aks_vm_of(L);
    char message[MESSAGE_BYTES];
    lua_Debug frame;
    va_list args;
    int level;

    va_start(args, format);
    if (vsnprintf(message, sizeof(message), format, args) < 0)
        message[0] = '\0';
    va_end(args);
    rename_builder(vm, message);
    if (aks_value_policy_frame(L, 0, &level, &frame))
        lua_pushfstring(L, "%s:%d: %s", frame.source + 1, frame.currentline, message);
    else if (vm->asked_source != NULL)
        lua_pushfstring(L, "%s:%d: %s", vm->asked_source, vm->asked_line, message);
    else
        lua_pushstring(L, message);
    lua_error(L);
    aks_check_failed(__FILE__, __LINE__, "lua_error returned");
}

static void
show_string(const char *text, size_t len, char ret_text[AKS_VALUE_SHOWN_BYTES])
{
    size_t shown = len < STRING_SHOWN_BYTES ? len : STRING_SHOWN_BYTES;
    char copy[STRING_SHOWN_BYTES + 1];

    for (size_t i = 0; i < shown; i++)
        copy[i] = iscntrl((unsigned char)text[i]) ? '?' : text[i];
    copy[shown] = '\0';
    (void)snprintf(ret_text, AKS_VALUE_SHOWN_BYTES, "string \"%s\"%s", copy,
        shown < len ? "..." : "");
}

const char *
aks_value_shown(lua_State *L, int index, char ret_text[AKS_VALUE_SHOWN_BYTES])
{
    int type = lua_type(L, index);
    const char *text;
    size_t len;

    if (type == LUA_TSTRING) {
        text = lua_tolstring(L, index, &len);
        show_string(text, len, ret_text);
    } else if (type == LUA_TNUMBER && lua_isinteger(L, index)) {
        (void)snprintf(ret_text, AKS_VALUE_SHOWN_BYTES, "number %lld",
            (long long)lua_tointeger(L, index));
    } else if (type == LUA_TNUMBER) {
        (void)snprintf(ret_text, AKS_VALUE_SHOWN_BYTES, "number %.14g", lua_tonumber(L, index));
    } else if (type == LUA_TBOOLEAN) {
        (void)snprintf(ret_text, AKS_VALUE_SHOWN_BYTES, "%s",
            lua_toboolean(L, index) ? "true" : "false");
    } else if (type == LUA_TNIL || type == LUA_TNONE) {
        (void)snprintf(ret_text, AKS_VALUE_SHOWN_BYTES, "nothing");
    } else {
        (void)snprintf(ret_text, AKS_VALUE_SHOWN_BYTES, "a %s", lua_typename(L, type));
    }
    return ret_text;
}

noreturn void
aks_value_expected(lua_State *L, const char *what, const char *expected, int index)
{
    char shown[AKS_VALUE_SHOWN_BYTES];

    aks_value_raise(L, "%s: expected %s, got %s", what, expected,
        aks_value_shown(L, index, shown));
}

static void
check_plain(lua_State *L, int index, const char *what, const char *expected)
{
    if (!lua_istable(L, index))
        aks_value_expected(L, what, expected, index);
    if (lua_getmetatable(L, index))
        aks_value_raise(L, "%s: expected a plain table, got one with a metatable", what);
}

/* Of the key on top: "did you mean" where there is something near, else all that is known. */
static void
tell_unknown(lua_State *L, const char *what, const char *key, const char *const *names)
{
    struct aks_nearest best = { NULL, 0 };
    char message[MESSAGE_BYTES];
    char known[MESSAGE_BYTES / 2];
    char shown[AKS_VALUE_SHOWN_BYTES];
    size_t len = 0;

    known[0] = '\0';
    for (size_t i = 0; names[i] != NULL; i++) {
        aks_nearest_offer(&best, key, names[i]);
        if (len < sizeof(known))
            len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? ", " : "",
                names[i]);
    }
    (void)aks_value_shown(L, -1, shown);
    if (best.name != NULL) {
        (void)snprintf(message, sizeof(message), "%s: unknown field %s; did you mean \"%s\"?", what,
            shown + strlen("string "), best.name);
        aks_problem_note_meant(L, best.name);
    } else if (names[0] == NULL) {
        (void)snprintf(message, sizeof(message), "%s: unknown field %s: it takes none", what,
            shown + strlen("string "));
    } else {
        (void)snprintf(message, sizeof(message), "%s: unknown field %s; known: %s", what,
            shown + strlen("string "), known);
    }
    aks_problem_tell(L, what, key, message);
}

/* Is the string at ${index} ${name}? No zero byte ends it early. [-0, +0] */
static bool
is_name(lua_State *L, int index, const char *name)
{
    size_t len;
    const char *text = lua_tolstring(L, index, &len);

    return len == strlen(name) && memcmp(text, name, len) == 0;
}

/* Of several fields that are wrong, the first in their order, unless all are to be told. */
void
aks_value_fields(lua_State *L, int index, const char *what, const char *const *names)
{
    char shown[AKS_VALUE_SHOWN_BYTES];
    size_t count;

    aks_problem_forget(L);
    index = lua_absindex(L, index);
    check_plain(L, index, what, "a table of fields");
    count = aks_order_keys(L, index);
    for (size_t place = 1; place <= count; place++) {
        const char *key;
        size_t i;

        aks_order_push_key(L, lua_gettop(L), place);
        if (lua_type(L, -1) != LUA_TSTRING)
            aks_value_raise(L, "%s: expected names of fields as keys, got %s", what,
                aks_value_shown(L, -1, shown));
        key = lua_tostring(L, -1);
        for (i = 0; names[i] != NULL && !is_name(L, -1, names[i]); i++)
            continue;
        if (names[i] == NULL)
            tell_unknown(L, what, key, names);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

int
aks_value_field(lua_State *L, int index, const char *name)
{
    AKS_CHECK(index > 0);
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

const char *
aks_value_text(lua_State *L, int index, const char *what, size_t bytes_max)
{
    const char *text;
    size_t len;

    if (lua_type(L, index) != LUA_TSTRING)
        aks_value_expected(L, what, "a string", index);
    text = lua_tolstring(L, index, &len);
    if (len == 0)
        aks_value_raise(L, "%s: the string is empty", what);
    if (len > bytes_max)
        aks_value_raise(L, "%s: the string is longer than %zu bytes", what, bytes_max);
    for (size_t i = 0; i < len; i++) {
        if (iscntrl((unsigned char)text[i]))
            aks_value_raise(L, "%s: the string has a control character at byte %zu", what, i + 1);
    }
    return text;
}

int64_t
aks_value_seconds(lua_State *L, int index, const char *what, int64_t min_ms, int64_t max_ms)
{
    double min_s = (double)min_ms / (double)AKS_MS_PER_S;
    double max_s = (double)max_ms / (double)AKS_MS_PER_S;
    char expected[AKS_VALUE_SHOWN_BYTES];
    double value;

    (void)snprintf(expected, sizeof(expected), "seconds from %g to %.14g", min_s, max_s);
    if (lua_type(L, index) != LUA_TNUMBER)
        aks_value_expected(L, what, expected, index);
    value = lua_tonumber(L, index);
    /* Written so that NaN fails. */
    if (!(value >= min_s && value <= max_s))
        aks_value_expected(L, what, expected, index);
    return (int64_t)llround(value * (double)AKS_MS_PER_S);
}

int64_t
aks_value_whole(lua_State *L, int index, const char *what, const char *unit, int64_t min,
    int64_t max)
{
    char expected[AKS_VALUE_SHOWN_BYTES];
    lua_Integer value = 0;
    int whole = 0;

    (void)snprintf(expected, sizeof(expected), "a whole number%s%s from %" PRId64 " to %" PRId64,
        unit[0] != '\0' ? " of " : "", unit, min, max);
    if (lua_type(L, index) == LUA_TNUMBER)
        value = lua_tointegerx(L, index, &whole);
    if (!whole || value < min || value > max)
        aks_value_expected(L, what, expected, index);
    return value;
}

int
aks_value_choice(lua_State *L, int index, const char *what, const char *const *names)
{
    char expected[MESSAGE_BYTES / 2];
    size_t len = 0;

    expected[0] = '\0';
    for (int i = 0; names[i] != NULL; i++) {
        if (lua_type(L, index) == LUA_TSTRING && is_name(L, index, names[i]))
            return i;
        if (len < sizeof(expected))
            len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s\"%s\"",
                i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ", names[i]);
    }
    aks_value_expected(L, what, expected, index);
}

size_t
aks_value_list(lua_State *L, int index, const char *what, const char *expected, size_t count_max)
{
    char shown[AKS_VALUE_SHOWN_BYTES];
    size_t len;

    index = lua_absindex(L, index);
    check_plain(L, index, what, expected);
    len = aks_order_keys(L, index);
    for (size_t place = 1; place <= len; place++) {
        lua_Integer key;

        aks_order_push_key(L, lua_gettop(L), place);
        key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        if (key < 1)
            aks_value_raise(L, "%s: expected %s without gaps, got one with the key %s", what,
                expected, aks_value_shown(L, -1, shown));
        if ((size_t)key != place)
            aks_value_raise(L, "%s: expected %s without gaps, got one with a gap", what, expected);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (len > count_max)
        aks_value_raise(L, "%s: at most %zu entries, got %zu", what, count_max, len);
    return len;
}
