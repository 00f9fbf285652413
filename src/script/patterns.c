#include "script/patterns.h"

#include "base/check.h"
#include "script/budget.h"
#include "script/match.h"

#include <lauxlib.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <string.h>

/* What is done besides matching, in steps: a value made for Lua takes some tens of nanoseconds. */
#define STEPS_PER_VALUE 8
#define BYTES_PER_STEP 64

/* One call of a function over a pattern. It sits on C's stack, and owns nothing. */
struct run {
    lua_State *L;
    const char *text;
    size_t text_len;
    struct aks_match match;
};

/* --- charging --------------------------------------------------------------------------------- */

/* An aks_match_charge. [-0, +0, raises] */
static bool
charge(void *ctx, size_t steps)
{
    struct run *run = ctx;

    aks_budget_charge(run->L, (int64_t)(steps / AKS_PATTERNS_STEPS_PER_INSTRUCTION) + 1);
    return true;
}

/* Begins a run over strings that Lua keeps. The pattern's length counts, because it has been read
 * for what is special in it. [-0, +0, raises] */
static void
begin_run(struct run *run, lua_State *L, const char *text, size_t text_len, const char *pattern,
    size_t pattern_len)
{
    run->L = L;
    run->text = text;
    run->text_len = text_len;
    aks_match_init(&run->match, text, text_len, pattern, pattern_len, charge, run);
    (void)aks_match_spend(&run->match, 1 + pattern_len / BYTES_PER_STEP);
}

/* What was done until now is charged first: whoever catches the error has not got it for nothing.
 * [-0, +0, raises] */
noreturn static void
raise(struct run *run, const char *format, ...)
{
    va_list args;

    (void)aks_match_settle(&run->match);
    luaL_where(run->L, 1);
    va_start(args, format);
    (void)lua_pushvfstring(run->L, format, args);
    va_end(args);
    lua_concat(run->L, 2);
    lua_error(run->L);
    aks_check_failed(__FILE__, __LINE__, "lua_error returned");
}

/* [-0, +0, raises] */
noreturn static void
raise_fault(struct run *run)
{
    switch (run->match.fault) {
    case AKS_MATCH_ENDS_IN_ESCAPE:
        raise(run, "malformed pattern (ends with '%%')");
    case AKS_MATCH_SET_NOT_CLOSED:
        raise(run, "malformed pattern (missing ']')");
    case AKS_MATCH_BALANCE_CUT:
        raise(run, "malformed pattern (missing arguments to '%%b')");
    case AKS_MATCH_FRONTIER_CUT:
        raise(run, "missing '[' after '%%f' in pattern");
    case AKS_MATCH_NOT_OPENED:
        raise(run, "invalid pattern capture");
    case AKS_MATCH_NO_SUCH_CAPTURE:
        raise(run, "invalid capture index %%%d", run->match.fault_index);
    case AKS_MATCH_MANY_CAPTURES:
        raise(run, "too many captures");
    case AKS_MATCH_TOO_COMPLEX:
        break;
    }
    raise(run, "pattern too complex");
}

/* Was it found? Raises what is wrong with the pattern. [-0, +0, raises] */
static bool
found(struct run *run, enum aks_match_result result)
{
    if (result == AKS_MATCH_FAULT)
        raise_fault(run);
    return result == AKS_MATCH_YES;
}

/* --- captures --------------------------------------------------------------------------------- */

/* Finds the bytes of capture ${i}, from 0; the whole match is the first of a pattern without
 * captures. False if it is a position, which is then ${ret_begin}. [-0, +0, raises] */
static bool
find_capture(struct run *run, size_t i, size_t from, size_t end, size_t *ret_begin, size_t *ret_len)
{
    const struct aks_match_capture *capture = &run->match.captures[i];

    *ret_begin = from;
    *ret_len = end - from;
    if (i < run->match.capture_count) {
        *ret_begin = capture->begin;
        *ret_len = capture->len;
        if (capture->kind == AKS_MATCH_OPEN)
            raise(run, "unfinished capture");
    } else if (i > 0) {
        raise(run, "invalid capture index %%%d", (int)i + 1);
    }
    (void)aks_match_spend(&run->match, STEPS_PER_VALUE + *ret_len / BYTES_PER_STEP);
    return i >= run->match.capture_count || capture->kind == AKS_MATCH_CLOSED;
}

/* [-0, +1, raises] */
static void
push_capture(struct run *run, size_t i, size_t from, size_t end)
{
    size_t begin;
    size_t len;

    if (find_capture(run, i, from, end, &begin, &len))
        lua_pushlstring(run->L, run->text + begin, len);
    else
        lua_pushinteger(run->L, (lua_Integer)begin + 1);
}

/* [-0, +count, raises] */
static int
push_captures(struct run *run, size_t count, size_t from, size_t end)
{
    luaL_checkstack(run->L, (int)count, "too many captures");
    for (size_t i = 0; i < count; i++)
        push_capture(run, i, from, end);
    return (int)count;
}

/* All captures, or the whole match where there is none. [-0, +count, raises] */
static int
push_match(struct run *run, size_t from, size_t end)
{
    size_t count = run->match.capture_count;

    return push_captures(run, count > 0 ? count : 1, from, end);
}

/* --- find, match ------------------------------------------------------------------------------ */

/* Where to begin, from 0; beyond the text if there is nothing to look at. [-0, +0, raises] */
static size_t
take_init(lua_State *L, size_t text_len)
{
    lua_Integer init = luaL_optinteger(L, 3, 1);

    if (init > 0)
        return (lua_Unsigned)init - 1 > text_len ? text_len + 1 : (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)text_len)
        return 0;
    return text_len - (size_t)-init;
}

static bool
is_plain(const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (pattern[i] != '\0' && strchr("^$*+?.([%-", pattern[i]) != NULL)
            return false;
    }
    return true;
}

static int
find_plain(struct run *run, size_t init)
{
    size_t len = (size_t)(run->match.pattern_end - run->match.pattern);
    size_t from;
    bool is_there = found(run, aks_match_plain(&run->match, init, &from));

    (void)aks_match_settle(&run->match);
    if (!is_there) {
        luaL_pushfail(run->L);
        return 1;
    }
    lua_pushinteger(run->L, (lua_Integer)from + 1);
    lua_pushinteger(run->L, (lua_Integer)(from + len));
    return 2;
}

static int
find_pattern(struct run *run, size_t init, bool anchored, bool find)
{
    size_t from = init;
    size_t end;
    int pushed = 0;
    bool is_there;

    if (anchored)
        is_there = found(run, aks_match_at(&run->match, init, &end));
    else
        is_there = found(run, aks_match_next(&run->match, init, SIZE_MAX, &from, &end));
    if (!is_there) {
        luaL_pushfail(run->L);
        pushed = 1;
    } else if (find) {
        lua_pushinteger(run->L, (lua_Integer)from + 1);
        lua_pushinteger(run->L, (lua_Integer)end);
        pushed = 2 + push_captures(run, run->match.capture_count, from, end);
    } else {
        pushed = push_match(run, from, end);
    }
    (void)aks_match_settle(&run->match);
    return pushed;
}

/* string.find and string.match */
static int
find_or_match(lua_State *L, bool find)
{
    size_t text_len;
    size_t pattern_len;
    const char *text = luaL_checklstring(L, 1, &text_len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    size_t init = take_init(L, text_len);
    bool anchored = pattern_len > 0 && pattern[0] == '^';
    struct run run;

    if (init > text_len) {
        luaL_pushfail(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || is_plain(pattern, pattern_len))) {
        begin_run(&run, L, text, text_len, pattern, pattern_len);
        return find_plain(&run, init);
    }
    begin_run(&run, L, text, text_len, pattern + anchored, pattern_len - anchored);
    return find_pattern(&run, init, anchored, find);
}

int
aks_patterns_find(lua_State *L)
{
    return find_or_match(L, true);
}

int
aks_patterns_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* --- gmatch ----------------------------------------------------------------------------------- */

/* Upvalues of the iterator: */
#define TEXT lua_upvalueindex(1)
#define PATTERN lua_upvalueindex(2)
#define FROM lua_upvalueindex(3)        /* where it goes on, from 0 */
#define LAST_END lua_upvalueindex(4)    /* of the match before; -1: none */

/* An empty match where the one before ended is none. */
static int
next_match(lua_State *L)
{
    size_t text_len;
    size_t pattern_len;
    const char *text = lua_tolstring(L, TEXT, &text_len);
    const char *pattern = lua_tolstring(L, PATTERN, &pattern_len);
    size_t from = (size_t)lua_tointeger(L, FROM);
    lua_Integer last_end = lua_tointeger(L, LAST_END);
    size_t end;
    struct run run;
    int pushed = 0;

    begin_run(&run, L, text, text_len, pattern, pattern_len);
    if (found(&run, aks_match_next(&run.match, from, last_end < 0 ? SIZE_MAX : (size_t)last_end,
        &from, &end))) {
        lua_pushinteger(L, (lua_Integer)end);
        lua_pushvalue(L, -1);
        lua_replace(L, FROM);
        lua_replace(L, LAST_END);
        pushed = push_match(&run, from, end);
    }
    (void)aks_match_settle(&run.match);
    return pushed;
}

/* "^" is no anchor here, as in Lua: nothing would be left to go on with. */
int
aks_patterns_gmatch(lua_State *L)
{
    size_t text_len;
    size_t init;

    (void)luaL_checklstring(L, 1, &text_len);
    (void)luaL_checkstring(L, 2);
    init = take_init(L, text_len);
    lua_settop(L, 2);
    aks_budget_charge(L, 1);
    lua_pushinteger(L, (lua_Integer)init);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

/* --- gsub ------------------------------------------------------------------------------------- */

#define REPLACEMENT 3   /* stack index */

/* [-0, +0, raises; the buffer's] */
static void
add_capture(struct run *run, luaL_Buffer *buffer, size_t i, size_t from, size_t end)
{
    size_t begin;
    size_t len;

    if (find_capture(run, i, from, end, &begin, &len)) {
        luaL_addlstring(buffer, run->text + begin, len);
        return;
    }
    lua_pushinteger(run->L, (lua_Integer)begin + 1);
    luaL_addvalue(buffer);
}

/* Adds the replacement string with its "%1". [-0, +0, raises; the buffer's] */
static void
add_string(struct run *run, luaL_Buffer *buffer, size_t from, size_t end)
{
    size_t len;
    const char *p = lua_tolstring(run->L, REPLACEMENT, &len);
    const char *stop = p + len;

    while (p < stop) {
        const char *escape = memchr(p, '%', (size_t)(stop - p));
        const char *piece_end = escape != NULL ? escape : stop;
        char which;

        (void)aks_match_spend(&run->match, 1 + (size_t)(piece_end - p) / BYTES_PER_STEP);
        luaL_addlstring(buffer, p, (size_t)(piece_end - p));
        if (escape == NULL)
            return;
        which = stop - escape > 1 ? escape[1] : '\0';
        if (which == '%')
            luaL_addchar(buffer, '%');
        else if (which == '0')
            luaL_addlstring(buffer, run->text + from, end - from);
        else if (which >= '1' && which <= '9')
            add_capture(run, buffer, (size_t)(which - '1'), from, end);
        else
            raise(run, "invalid use of '%%' in replacement string");
        p = escape + 2;
    }
}

/* Adds what the function or the table says, or what was there where it says nothing; was anything
 * changed? Steps are charged first: the function may raise. [-0, +0, raises; the buffer's] */
static bool
add_answer(struct run *run, luaL_Buffer *buffer, size_t from, size_t end)
{
    lua_State *L = run->L;

    if (lua_isfunction(L, REPLACEMENT)) {
        int count;

        lua_pushvalue(L, REPLACEMENT);
        count = push_match(run, from, end);
        (void)aks_match_settle(&run->match);
        lua_call(L, count, 1);
    } else {
        push_capture(run, 0, from, end);
        (void)aks_match_settle(&run->match);
        (void)lua_gettable(L, REPLACEMENT);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(buffer, run->text + from, end - from);
        return false;
    }
    if (!lua_isstring(L, -1))
        raise(run, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(buffer);
    return true;
}

/* Replaces up to ${count_max} matches into the buffer; how many there were. [-0, +0, raises; the
 * buffer's] */
static lua_Integer
replace(struct run *run, luaL_Buffer *buffer, bool anchored, lua_Integer count_max,
    bool *ret_changed)
{
    bool text = lua_isstring(run->L, REPLACEMENT);
    size_t at = 0;
    size_t last_end = SIZE_MAX;
    lua_Integer count = 0;

    *ret_changed = false;
    while (count < count_max) {
        size_t from = 0;
        size_t end = 0;
        enum aks_match_result result = anchored ? aks_match_at(&run->match, 0, &end) :
            aks_match_next(&run->match, at, last_end, &from, &end);

        if (!found(run, result))
            break;
        count++;
        (void)aks_match_spend(&run->match, 1 + (from - at) / BYTES_PER_STEP);
        luaL_addlstring(buffer, run->text + at, from - at);
        if (text)
            add_string(run, buffer, from, end);
        if (text || add_answer(run, buffer, from, end))
            *ret_changed = true;
        at = last_end = end;
        if (anchored)
            break;
    }
    if (*ret_changed)
        luaL_addlstring(buffer, run->text + at, run->text_len - at);
    (void)aks_match_settle(&run->match);
    return count;
}

int
aks_patterns_gsub(lua_State *L)
{
    size_t text_len;
    size_t pattern_len;
    const char *text = luaL_checklstring(L, 1, &text_len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    int type = lua_type(L, REPLACEMENT);
    lua_Integer count_max = luaL_optinteger(L, 4, (lua_Integer)text_len + 1);
    bool anchored = pattern_len > 0 && pattern[0] == '^';
    bool changed;
    lua_Integer count;
    luaL_Buffer buffer;
    struct run run;

    luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE ||
        type == LUA_TFUNCTION, REPLACEMENT, "string/function/table");
    begin_run(&run, L, text, text_len, pattern + anchored, pattern_len - anchored);
    luaL_buffinit(L, &buffer);
    count = replace(&run, &buffer, anchored, count_max, &changed);
    if (changed)
        luaL_pushresult(&buffer);
    else
        lua_pushvalue(L, 1);
    lua_pushinteger(L, count);
    return 2;
}
