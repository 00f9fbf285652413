/* One Lua state for the tests of one file, under a ceiling of memory and a limit of real time.
 * Wider than a policy's, and as little of the outside world in it: what is not read below the root
 * is not there (lua/testing/standard.lua). The limits guard against accidents, not mischief. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "script/embed.h"

#include <lualib.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Lua looks at the clock every so many instructions: some 0.1 ms. */
#define LOOK_INSTRUCTIONS 10000
#define FRAMES_MAX 200

_Static_assert(LUA_VERSION_NUM == 504, "5.5 changes lua_newstate and the hooks: look again");
_Static_assert(LUA_EXTRASPACE >= sizeof(struct aks_testing *), "the VM is found through it");

extern const struct aks_embedded aks_testing_lua[];

/* --- the state -------------------------------------------------------------------------------- */

/* The lua_Alloc. Lua counts on shrinking to go well. */
static void *
allocate(void *ctx, void *p, size_t old_bytes, size_t bytes)
{
    struct aks_testing *testing = ctx;
    void *moved;

    if (bytes == 0) {
        aks_mem_free(&testing->memory.alloc, p);
        return NULL;
    }
    moved = aks_mem_resize(&testing->memory.alloc, p, bytes);
    return moved == NULL && p != NULL && bytes <= old_bytes ? p : moved;
}

static int
panic(lua_State *L)
{
    aks_check_failed(__FILE__, __LINE__, "an error of Lua outside every protected call");
}

struct aks_testing *
aks_testing_of(lua_State *L)
{
    struct aks_testing *testing;

    memcpy(&testing, lua_getextraspace(L), sizeof(testing));
    return testing;
}

static enum aks_status
find_root(struct aks_testing *testing, struct aks_error *err)
{
    const struct aks_suite_options *options = testing->options;
    const struct aks_files *files = &options->real->files;

    AKS_CHECK(options->root != NULL && options->root[0] == '/');
    return files->resolve(files->ctx, options->root, options->alloc, &testing->root, err);
}

enum aks_status
aks_testing_new(const struct aks_suite_options *options, struct aks_testing **ret_testing,
    struct aks_error *err)
{
    struct aks_testing *testing = aks_mem_new(options->alloc, sizeof(*testing));
    enum aks_status status;

    *ret_testing = NULL;
    if (testing == NULL)
        return aks_error_memory(err, "starting a test VM");
    testing->options = options;
    testing->ms_max = options->test_ms_max > 0 ? options->test_ms_max
        : AKS_SUITE_SECONDS_MAX * AKS_MS_PER_S;
    aks_testing_memory_init(&testing->memory, options->alloc, AKS_SUITE_MEMORY_BYTES);
    status = find_root(testing, err);
    if (status == AKS_OK) {
        testing->L = lua_newstate(allocate, testing);
        if (testing->L == NULL)
            status = aks_error_memory(err, "starting a test VM");
    }
    if (status != AKS_OK) {
        aks_testing_free(testing);
        return status;
    }
    memcpy(lua_getextraspace(testing->L), &testing, sizeof(testing));
    (void)lua_atpanic(testing->L, panic);
    *ret_testing = testing;
    return AKS_OK;
}

void
aks_testing_close_worlds(struct aks_testing *testing)
{
    while (testing->worlds != NULL)
        aks_testing_world_close(testing->worlds);
}

void
aks_testing_free(struct aks_testing *testing)
{
    const struct aks_alloc *alloc;

    if (testing == NULL)
        return;
    alloc = testing->options->alloc;
    testing->armed = false;
    aks_testing_close_worlds(testing);
    if (testing->L != NULL)
        lua_close(testing->L);
    for (size_t i = 0; i < testing->policy_count; i++) {
        aks_mem_free(alloc, testing->policies[i].path);
        aks_policy_text_fini(testing->options->real->alloc, &testing->policies[i].text);
    }
    aks_mem_free(alloc, testing->root);
    aks_mem_free(alloc, testing);
}

/* --- limits ----------------------------------------------------------------------------------- */

static int64_t
now_ns(const struct aks_testing *testing)
{
    const struct aks_clock *clock = &testing->options->real->clock;

    return clock->now_ns(clock->ctx);
}

/* The innermost line that is neither ours nor LuaUnit's. */
static void
note_where(lua_State *L, struct aks_testing *testing)
{
    lua_Debug frame;

    testing->where[0] = '\0';
    for (int level = 0; level < FRAMES_MAX && lua_getstack(L, level, &frame) == 1; level++) {
        (void)lua_getinfo(L, "Sl", &frame);
        if (frame.source[0] != '@' || frame.currentline < 0 ||
            strstr(frame.source, "luaunit.lua") != NULL)
            continue;
        (void)snprintf(testing->where, sizeof(testing->where), "%s:%d: ", frame.source + 1,
            frame.currentline);
        return;
    }
}

static void
look(lua_State *L, struct aks_testing *testing)
{
    if (!testing->over && now_ns(testing) > testing->deadline_ns) {
        testing->over = true;
        note_where(L, testing);
    }
}

/* Once over, every instruction ends here: what a pcall of the test catches is raised again. */
static void
hook(lua_State *L, lua_Debug *ar)
{
    struct aks_testing *testing = aks_testing_of(L);

    if (!testing->armed)
        return;
    look(L, testing);
    if (!testing->over)
        return;
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    lua_sethook(testing->L, hook, LUA_MASKCOUNT, 1);
    luaL_error(L, "it runs for more than %d s", (int)(testing->ms_max / AKS_MS_PER_S));
}

void
aks_testing_look(lua_State *L)
{
    struct aks_testing *testing = aks_testing_of(L);

    if (testing->armed)
        look(L, testing);
    if (testing->over)
        luaL_error(L, "it runs for more than %d s", (int)(testing->ms_max / AKS_MS_PER_S));
}

/* [-1, +1] */
static void
explain(lua_State *L, struct aks_testing *testing, int code)
{
    char seconds[AKS_UNITS_TEXT_BYTES];

    if (testing->over) {
        (void)lua_pushfstring(L, "%sit runs for more than %s: is there a loop without an end?",
            testing->where, aks_units_duration(testing->ms_max, seconds));
    } else if (testing->memory.refused) {
        (void)lua_pushfstring(L, "it needs more than %d MiB of memory",
            (int)(AKS_SUITE_MEMORY_BYTES / AKS_MIB));
    } else if (code == LUA_ERRMEM) {
        lua_pushliteral(L, "out of memory");
    } else {
        (void)luaL_tolstring(L, -1, NULL);
    }
    lua_remove(L, -2);
}

int
aks_testing_guard(lua_State *L, int arg_count)
{
    struct aks_testing *testing = aks_testing_of(L);
    int base = lua_gettop(L) - arg_count - 1;
    int code;

    AKS_CHECK(!testing->armed);
    testing->over = false;
    testing->memory.refused = false;
    testing->deadline_ns = now_ns(testing) + testing->ms_max * AKS_NS_PER_MS;
    testing->armed = true;
    lua_sethook(testing->L, hook, LUA_MASKCOUNT, LOOK_INSTRUCTIONS);
    code = lua_pcall(L, arg_count, LUA_MULTRET, 0);
    lua_sethook(testing->L, NULL, 0, 0);
    testing->armed = false;
    /* Also where the error of the limit was caught. */
    if (code == LUA_OK && testing->over) {
        lua_settop(L, base);
        lua_pushnil(L);
        code = LUA_ERRRUN;
    }
    if (code != LUA_OK)
        explain(L, testing, code);
    testing->over = false;
    return code;
}

/* --- the run ---------------------------------------------------------------------------------- */

struct body {
    const char *text;
    size_t len;
};

/* What is plain Lua of the wider VM; lua/testing/standard.lua takes away and replaces. */
static void
open_libraries(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        { LUA_GNAME, luaopen_base },
        { LUA_LOADLIBNAME, luaopen_package },
        { LUA_COLIBNAME, luaopen_coroutine },
        { LUA_TABLIBNAME, luaopen_table },
        { LUA_STRLIBNAME, luaopen_string },
        { LUA_MATHLIBNAME, luaopen_math },
        { LUA_UTF8LIBNAME, luaopen_utf8 },
        { LUA_OSLIBNAME, luaopen_os },
        { LUA_IOLIBNAME, luaopen_io },
        { LUA_DBLIBNAME, luaopen_debug },
        { NULL, NULL },
    };

    for (const luaL_Reg *library = libraries; library->name != NULL; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
}

/* Pushes what the embedded file returns when it is called with the core. */
static void
run_embedded(lua_State *L, const char *name)
{
    const struct aks_embedded *file = aks_testing_lua;

    while (file->name != NULL && strcmp(file->name, name) != 0)
        file++;
    AKS_CHECK(file->name != NULL);
    if (luaL_loadbufferx(L, file->data, file->len, "=akosha.testing", "t") != LUA_OK)
        lua_error(L);
    (void)lua_getfield(L, LUA_REGISTRYINDEX, AKS_TESTING_CORE);
    lua_call(L, 1, 1);
}

static void
open_testing(lua_State *L)
{
    aks_testing_core_push(L);
    lua_setfield(L, LUA_REGISTRYINDEX, AKS_TESTING_CORE);
    aks_testing_bytes_open(L);
    aks_testing_fault_open(L);
    aks_testing_world_open(L);
    run_embedded(L, "testing/standard");
    lua_pop(L, 1);
    run_embedded(L, "testing/modules");
    lua_pop(L, 1);
    run_embedded(L, "testing/found");
    lua_setfield(L, LUA_REGISTRYINDEX, AKS_TESTING_FOUND);
}

static int
body(lua_State *L)
{
    const struct body *given = lua_touserdata(L, 1);

    open_libraries(L);
    open_testing(L);
    run_embedded(L, "testing/runner");
    lua_pushlstring(L, given->text, given->len);
    lua_call(L, 1, 0);
    return 0;
}

enum aks_status
aks_testing_run(struct aks_testing *testing, const char *text, size_t len, size_t *ret_count,
    struct aks_error *err)
{
    struct body given = { text, len };
    lua_State *L = testing->L;
    int code;

    /* Neither push allocates: before lua_pcall nothing can raise. */
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, &given);
    code = lua_pcall(L, 1, 0, 0);
    *ret_count = testing->test_count;
    if (testing->stopped.status != AKS_OK) {
        if (err != NULL)
            *err = testing->stopped;
        return testing->stopped.status;
    }
    if (code == LUA_OK)
        return AKS_OK;
    if (code == LUA_ERRMEM)
        return aks_error_memory(err, "running tests");
    return aks_error_set(err, AKS_INTERNAL, "running the tests of %s: %s", testing->options->file,
        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error that is no message");
}
