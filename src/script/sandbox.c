#include "script/sandbox.h"

#include "base/check.h"
#include "script/budget.h"
#include "script/freeze.h"
#include "script/lines_internal.h"
#include "script/modules.h"
#include "script/stand_in.h"
#include "script/vm.h"

#include <lauxlib.h>
#include <lualib.h>

#include <stdbool.h>
#include <string.h>

/* --- the lists -------------------------------------------------------------------------------- */

static const struct {
    const char *library;
    const char *allowed;        /* names between blanks */
    const char *denied;
} lists[] = {
    { "_G",
        " _G _VERSION assert error getmetatable ipairs next pairs pcall print"
        " rawequal rawget rawlen rawset require select setmetatable tonumber tostring type xpcall"
        " coroutine math string table utf8 ",
        " collectgarbage debug dofile io load loadfile os package warn " },
    { "coroutine", " close create isyieldable resume running status wrap yield ", " " },
    /* The generator is seeded once, for the run. */
    { "math",
        " abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger"
        " modf pi rad random sin sqrt tan tointeger type ult ",
        " randomseed atan2 cosh frexp ldexp log10 pow sinh tanh " },
    { "string",
        " byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack"
        " upper ",
        " dump " },
    { "table", " concat insert move pack remove sort unpack ", " " },
    { "utf8", " char charpattern codepoint codes len offset ", " " },
};

/* ${list} begins and ends with a blank. */
static bool
holds(const char *list, const char *name)
{
    size_t len = strlen(name);

    if (len == 0)
        return false;
    for (const char *at = strstr(list + 1, name); at != NULL; at = strstr(at + 1, name)) {
        if (at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

enum aks_sandbox_verdict
aks_sandbox_verdict(const char *library, const char *name)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strcmp(lists[i].library, library) != 0)
            continue;
        if (holds(lists[i].allowed, name))
            return AKS_SANDBOX_ALLOWED;
        if (holds(lists[i].denied, name))
            return AKS_SANDBOX_DENIED;
    }
    return AKS_SANDBOX_UNLISTED;
}

/* --- building --------------------------------------------------------------------------------- */

#define NAME_BYTES 32

/* The next name of a list; false at its end. */
static bool
take_name(const char **list, char ret_name[NAME_BYTES])
{
    size_t len;

    *list += strspn(*list, " ");
    len = strcspn(*list, " ");
    AKS_CHECK(len < NAME_BYTES);
    memcpy(ret_name, *list, len);
    ret_name[len] = '\0';
    *list += len;
    return len > 0;
}

/* Opens one of Lua's libraries and pushes a table with what is allowed of it: in the order of the
 * list, because functions of ours are objects, and objects are numbered. [-0, +1, raises] */
static void
open_library(lua_State *L, const char *library, lua_CFunction open)
{
    const char *allowed = NULL;
    char name[NAME_BYTES];

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strcmp(lists[i].library, library) == 0)
            allowed = lists[i].allowed;
    }
    AKS_CHECK(allowed != NULL);
    lua_newtable(L);
    lua_pushcfunction(L, open);
    lua_pushstring(L, library);
    lua_call(L, 1, 1);
    while (take_name(&allowed, name)) {
        if (lua_getfield(L, -1, name) == LUA_TNIL) {
            lua_pop(L, 1);
            continue;
        }
        aks_stand_in(L, library, name);
        lua_setfield(L, -3, name);
    }
    lua_pop(L, 1);
}

/* math.random's numbers follow from the policy's text and the seed of the run. [-0, +0, raises] */
static void
seed_random(lua_State *L)
{
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)aks_vm_of(L)->seed);
    lua_call(L, 1, 0);
}

static int
open_math(lua_State *L)
{
    (void)luaopen_math(L);
    seed_random(L);
    return 1;
}

/* [-0, +0, raises]: a copy of the table on top as the registry's ${field}, with itself as _G. */
static void
register_environment(lua_State *L, const char *field)
{
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    lua_setfield(L, LUA_REGISTRYINDEX, field);
}

/* What a string does where it is used as a number, in the metatable on top: as the library's
 * functions. [-0, +0, raises] */
static void
bound_arithmetic(lua_State *L)
{
    static const char *const names[] = { "__add", "__div", "__idiv", "__mod", "__mul", "__pow",
        "__sub", "__unm" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (lua_getfield(L, -1, names[i]) == LUA_TNIL) {
            lua_pop(L, 1);
            continue;
        }
        aks_stand_in(L, "string", names[i]);
        lua_setfield(L, -2, names[i]);
    }
}

void
aks_sandbox_open(lua_State *L)
{
    static const struct {
        const char *name;
        lua_CFunction open;
    } libraries[] = {
        { "coroutine", luaopen_coroutine },
        { "math", open_math },
        { "string", luaopen_string },
        { "table", luaopen_table },
        { "utf8", luaopen_utf8 },
    };

    open_library(L, "_G", luaopen_base);
    /* `require` is ours, so luaopen_package, whose it is, is not even opened. */
    lua_pushcfunction(L, aks_modules_require);
    lua_setfield(L, -2, "require");
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        open_library(L, libraries[i].name, libraries[i].open);
        aks_freeze(L);
        lua_setfield(L, -2, libraries[i].name);
    }
    /* ("text"):rep(n) finds the same functions as string.rep. */
    lua_pushliteral(L, "");
    (void)lua_getmetatable(L, -1);
    lua_getfield(L, -3, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    bound_arithmetic(L);
    lua_pop(L, 2);
    register_environment(L, AKS_SANDBOX_POLICY);
    register_environment(L, AKS_SANDBOX_OWN);
    lua_pop(L, 1);
}

/* Skips a byte order mark and a first line that begins with '#', but not that line's end: lines
 * keep their numbers. */
static size_t
source_begin(const char *text, size_t len)
{
    size_t at = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    if (at < len && text[at] == '#') {
        while (at < len && text[at] != '\n')
            at++;
    }
    return at;
}

/* A text is read in pieces, with a look at the limits before each: a condition of 50,000 times "or"
 * takes Lua's compiler 3 s. */
#define PIECE_BYTES 1024
#define BYTES_PER_INSTRUCTION 16

struct source {
    const char *text;       /* what is not read yet */
    size_t len;
};

/* The lua_Reader. [-0, +0, raises] */
static const char *
read_piece(lua_State *L, void *ctx, size_t *ret_len)
{
    struct source *source = ctx;
    const char *piece = source->text;

    *ret_len = source->len < PIECE_BYTES ? source->len : PIECE_BYTES;
    aks_budget_charge(L, (int64_t)(*ret_len / BYTES_PER_INSTRUCTION));
    source->text += *ret_len;
    source->len -= *ret_len;
    return *ret_len > 0 ? piece : NULL;
}

void
aks_sandbox_compile(lua_State *L, const char *text, size_t len, const char *chunk,
    const char *environment)
{
    size_t begin = source_begin(text, len);
    struct source source = { text + begin, len - begin };
    int code;

    if (len > begin && text[begin] == LUA_SIGNATURE[0]) {
        lua_pushfstring(L, "%s:1: this is compiled Lua (bytecode);"
            " a policy is given as source text", chunk + 1);
        lua_error(L);
    }
    code = lua_load(L, read_piece, &source, chunk, "t");
    if (code == LUA_ERRMEM)
        aks_vm_of(L)->no_memory = true;
    if (code != LUA_OK)
        lua_error(L);
    aks_lines_tell_active(L, text, len, chunk);
    lua_getfield(L, LUA_REGISTRYINDEX, environment);
    (void)lua_setupvalue(L, -2, 1);
}
