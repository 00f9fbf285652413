/* What the Lua side of the test VM (lua/testing) is built on. Tests never get hold of it. */
#include "testkit/lib_testing_internal.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

/* --- files ------------------------------------------------------------------------------------ */

struct open_file {
    const struct aks_files *files;
    const struct aks_alloc *alloc;
    struct aks_file *file;
    char *resolved;
};

static void
close_file(void *thing)
{
    struct open_file *file = thing;

    file->files->close(file->file);
    aks_mem_free(file->alloc, file->resolved);
    aks_mem_free(file->alloc, file);
}

static bool
below(const char *root, const char *path)
{
    size_t len = strlen(root);

    if (len > 0 && root[len - 1] == '/')
        len--;
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Absolute; false where it is too long. */
static bool
make_absolute(const struct aks_testing *testing, const char *path, char ret_path[AKS_PATH_BYTES])
{
    const struct aks_environment *env = &testing->options->real->environment;
    int len = path[0] == '/' ? snprintf(ret_path, AKS_PATH_BYTES, "%s", path)
        : snprintf(ret_path, AKS_PATH_BYTES, "%s/%s", env->working_folder(env->ctx), path);

    return len >= 0 && len < AKS_PATH_BYTES;
}

bool
aks_testing_core_inside(struct aks_testing *testing, const char *path)
{
    const struct aks_files *files = &testing->options->real->files;
    char whole[AKS_PATH_BYTES];
    char *resolved = NULL;
    bool inside = make_absolute(testing, path, whole) &&
        files->resolve(files->ctx, whole, testing->options->alloc, &resolved, NULL) == AKS_OK &&
        below(testing->root, resolved);

    aks_mem_free(testing->options->alloc, resolved);
    return inside;
}

static void
push_why(lua_State *L, enum aks_status status, const struct aks_error *err)
{
    lua_pushnil(L);
    if (status == AKS_NOT_FOUND)
        lua_pushliteral(L, "missing");
    else
        lua_pushstring(L, err->message);
}

/* Pushes the bytes; the file is in a box. */
static void
push_bytes(lua_State *L, struct open_file *open, int64_t bytes)
{
    struct aks_error err;
    luaL_Buffer buffer;
    int64_t at = 0;
    size_t n = 1;

    luaL_buffinit(L, &buffer);
    while (at < bytes && n > 0) {
        char *room = luaL_prepbuffer(&buffer);

        if (open->files->read(open->file, at, room, LUAL_BUFFERSIZE, &n, &err) != AKS_OK)
            luaL_error(L, "%s", err.message);
        luaL_addsize(&buffer, n);
        at += (int64_t)n;
    }
    luaL_pushresult(&buffer);
}

static enum aks_status
open_at(struct aks_testing *testing, struct open_file *open, const char *path,
    struct aks_file_info *info, struct aks_error *err)
{
    char whole[AKS_PATH_BYTES];
    enum aks_status status;

    if (!make_absolute(testing, path, whole))
        return aks_error_set(err, AKS_LIMIT, "a path has %d bytes at most", AKS_PATH_BYTES - 1);
    status = open->files->resolve(open->files->ctx, whole, open->alloc, &open->resolved, err);
    if (status == AKS_OK)
        status = open->files->open(open->files->ctx, open->resolved, AKS_FILE_READ, &open->file,
            err);
    if (status == AKS_OK)
        status = open->files->info(open->file, info, err);
    if (status == AKS_OK && info->type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_STATE, "%s is no file", path);
    if (status == AKS_OK && info->bytes > AKS_TESTING_FILE_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: a test reads files of 64 MiB at most", path);
    return status;
}

void
aks_testing_core_read(lua_State *L, const char *path, bool anywhere)
{
    struct aks_testing *testing = aks_testing_of(L);
    struct aks_file_info info = { 0 };
    struct aks_error err;
    struct open_file *open;
    void **box;
    enum aks_status status;
    int top = lua_gettop(L);

    box = aks_testing_box(L, close_file);
    open = aks_mem_new(testing->options->alloc, sizeof(*open));
    if (open == NULL)
        luaL_error(L, "out of memory");
    open->files = &testing->options->real->files;
    open->alloc = testing->options->alloc;
    *box = open;
    status = open_at(testing, open, path, &info, &err);
    if (open->resolved != NULL && !anywhere && !below(testing->root, open->resolved)) {
        lua_pushnil(L);
        lua_pushliteral(L, "outside");
    } else if (status != AKS_OK) {
        push_why(L, status, &err);
    } else {
        push_bytes(L, open, info.bytes);
        lua_pushnil(L);
    }
    aks_testing_box_free(box);
    lua_remove(L, top + 1);
}

/* read(path, anywhere) -> text, or nil and why */
static int
core_read(lua_State *L)
{
    aks_testing_core_read(L, luaL_checkstring(L, 1), lua_toboolean(L, 2));
    return 2;
}

/* --- the runner's ----------------------------------------------------------------------------- */

static uint64_t
hash(uint64_t seed, const char *text)
{
    struct aks_rng rng;
    uint64_t mixed = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        mixed = (mixed ^ (unsigned char)*text) * UINT64_C(1099511628211);
    aks_rng_init(&rng, seed ^ mixed);
    return aks_rng_next(&rng);
}

static int64_t
now_ns(const struct aks_testing *testing)
{
    const struct aks_clock *clock = &testing->options->real->clock;

    return clock->now_ns(clock->ctx);
}

/* write(text): what tests print */
static int
core_write(lua_State *L)
{
    const struct aks_suite_options *options = aks_testing_of(L)->options;

    if (options->output != NULL)
        options->output(options->ctx, luaL_checkstring(L, 1));
    return 0;
}

/* guard(f, ...) -> true and results, or false and why */
static int
core_guard(lua_State *L)
{
    int code = aks_testing_guard(L, lua_gettop(L) - 1);

    lua_pushboolean(L, code == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/* wanted(name): do the filter and the caller let it through? */
static int
core_wanted(lua_State *L)
{
    const struct aks_suite_options *options = aks_testing_of(L)->options;
    const char *name = luaL_checkstring(L, 1);

    lua_pushboolean(L, (options->filter == NULL || strstr(name, options->filter) != NULL) &&
        (options->wanted == NULL || options->wanted(options->ctx, name)));
    return 1;
}

/* begin(name) -> two numbers to seed math.random with; "" is the file itself */
static int
core_begin(lua_State *L)
{
    struct aks_testing *testing = aks_testing_of(L);
    const struct aks_suite_options *options = testing->options;
    const char *name = luaL_checkstring(L, 1);

    if (options->begin != NULL && name[0] != '\0')
        options->begin(options->ctx, name);
    testing->test_seed = hash(options->seed, name);
    testing->test_began_ns = now_ns(testing);
    testing->worlds_made = 0;
    testing->idle[0] = '\0';
    testing->unrun[0] = '\0';
    lua_pushinteger(L, (lua_Integer)testing->test_seed);
    lua_pushinteger(L, (lua_Integer)hash(testing->test_seed, "random"));
    return 2;
}

/* finish() -> what was planned and did not happen, or nil; why a run did not begin, or nil */
static int
core_finish(lua_State *L)
{
    struct aks_testing *testing = aks_testing_of(L);

    aks_testing_close_worlds(testing);
    lua_pushstring(L, testing->idle[0] != '\0' ? testing->idle : NULL);
    lua_pushstring(L, testing->unrun[0] != '\0' ? testing->unrun : NULL);
    return 2;
}

/* result(name, outcome, message) */
static int
core_result(lua_State *L)
{
    static const char *const outcomes[] = { "passed", "failed", "error", "skipped", NULL };
    struct aks_testing *testing = aks_testing_of(L);
    const struct aks_suite_options *options = testing->options;
    struct aks_suite_result result = { 0 };

    result.file = options->file;
    result.name = luaL_checkstring(L, 1);
    result.outcome = (enum aks_suite_outcome)luaL_checkoption(L, 2, NULL, outcomes);
    result.message = luaL_checkstring(L, 3);
    result.duration_ms = (now_ns(testing) - testing->test_began_ns) / AKS_NS_PER_MS;
    result.seed = options->seed;
    testing->test_count++;
    options->result(options->ctx, &result);
    return 0;
}

/* stop(failure, message, hint): the file cannot go on */
static int
core_stop(lua_State *L)
{
    struct aks_testing *testing = aks_testing_of(L);
    enum aks_status status = AKS_INTERNAL;
    const char *hint = luaL_optstring(L, 3, "");

    (void)aks_status_from_name(luaL_checkstring(L, 1), &status);
    (void)aks_error_set(&testing->stopped, status, "%s", luaL_checkstring(L, 2));
    if (hint[0] != '\0')
        aks_error_hint(&testing->stopped, "%s", hint);
    return luaL_error(L, "stopped");
}

/* prefix(text): what LuaUnit knows a failure by */
static int
core_prefix(lua_State *L)
{
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, AKS_TESTING_PREFIX);
    return 0;
}

void
aks_testing_core_push(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "read", core_read },
        { "write", core_write },
        { "guard", core_guard },
        { "wanted", core_wanted },
        { "begin", core_begin },
        { "finish", core_finish },
        { "result", core_result },
        { "stop", core_stop },
        { "prefix", core_prefix },
        { NULL, NULL },
    };
    static const luaL_Reg sim[] = {
        { "bytes", aks_testing_bytes },
        { "world", aks_testing_make_world },
        { "forall", aks_testing_forall },
        { NULL, NULL },
    };
    const struct aks_testing *testing = aks_testing_of(L);

    luaL_newlib(L, functions);
    luaL_newlib(L, sim);
    lua_setfield(L, -2, "sim");
    lua_pushstring(L, testing->options->file);
    lua_setfield(L, -2, "file");
    lua_pushstring(L, testing->root);
    lua_setfield(L, -2, "root");
    lua_pushinteger(L, AKS_WORLD_WALL_MS / AKS_MS_PER_S);
    lua_setfield(L, -2, "epoch");
}
