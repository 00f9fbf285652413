/* Runs one file of Lua tests: lua_host FILE. The file returns what LuaUnit's run returned. It
 * finds LuaUnit, all of Lua's libraries, and the module `host`:
 *
 *   host.load { text = | path = , env = {}, modules = {}, limits = {}, allow = {}, seed = ,
 *               clock_step_ms = 0, lines = true: somebody is told which lines run }
 *       -> policy, or nil, message, hint, status; the built-in default without text and path
 *   host.phases() -> { ["akosha.dir"] = { load = true } }: where each function may be called
 *   host.lines() -> what policies logged since the last load
 *   host.null    -> JSON's null in what policy:finished is given
 *   host.program, host.folder -> this program, and the folder of the tests
 *   policy:settings() -> table; policy:asks() -> which questions the engine would ask
 *   policy:route(source, targets), :retry(failure), :dedup(facts), :compress(facts),
 *   policy:finished(report), :throttle()
 *   policy:now { hour = , history = {} }: what it is told of the moment
 *       -> the answer, nil for no opinion; false, message, hint, status where the policy failed. */
#include "host/lua_host_values.h"
#include "os/clock_posix.h"
#include "script/load.h"
#include "script/phase.h"

#include <lauxlib.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE "host.policy"
#define LINES "host.lines"
#define NAMES_MAX 64
#define TARGETS_MAX AKS_TARGETS_MAX

struct handle {
    struct aks_policy *policy;
    struct aks_script_options options;
    struct aks_clock clock;
    struct aks_log log;
    lua_State *L;
    struct aks_now_facts now;
    int64_t now_ns;
    int64_t step_ns;
};

/* --- ports ------------------------------------------------------------------------------------ */

/* A clock that moves by itself whenever somebody looks, and by nothing else: how fast the machine
 * is must not tell which limit a policy meets first. */
static int64_t
stepping_now(void *ctx)
{
    struct handle *handle = ctx;

    handle->now_ns += handle->step_ns;
    return handle->now_ns;
}

static void
keep_line(void *ctx, enum aks_log_level level, const char *text)
{
    struct handle *handle = ctx;
    lua_State *L = handle->L;

    lua_getfield(L, LUA_REGISTRYINDEX, LINES);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

static void
ignore_line(void *ctx, const char *file, int line)
{
}

/* --- loading ---------------------------------------------------------------------------------- */

static int
push_failure(lua_State *L, enum aks_status status, const struct aks_error *err)
{
    lua_pushstring(L, err->message);
    lua_pushstring(L, err->hint);
    lua_pushstring(L, aks_status_name(status));
    return 3;
}

/* Leaves the file's text on the stack. */
static void
push_file(lua_State *L, const char *path)
{
    FILE *file = fopen(path, "rb");
    luaL_Buffer buffer;
    size_t n;

    if (file == NULL)
        luaL_error(L, "cannot open %s", path);
    luaL_buffinit(L, &buffer);
    do {
        n = fread(luaL_prepbuffer(&buffer), 1, LUAL_BUFFERSIZE, file);
        luaL_addsize(&buffer, n);
    } while (n > 0);
    (void)fclose(file);
    luaL_pushresult(&buffer);
}

/* "NAME=value" for each pair of the field's table; the strings stay on the stack. */
static size_t
take_environment(lua_State *L, char *pairs[NAMES_MAX])
{
    size_t count = 0;

    lua_getfield(L, 1, "env");
    if (!lua_istable(L, -1))
        return 0;
    lua_pushnil(L);
    while (lua_next(L, 3) != 0) {
        luaL_checkstack(L, 4, NULL);
        lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
        luaL_argcheck(L, count < NAMES_MAX, 1, "too many variables");
        pairs[count++] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_insert(L, 4);
        lua_pop(L, 1);
    }
    return count;
}

static size_t
take_modules(lua_State *L, struct aks_policy_module modules[NAMES_MAX])
{
    size_t count = 0;
    int table;

    lua_getfield(L, 1, "modules");
    table = lua_gettop(L);
    if (!lua_istable(L, table))
        return 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        luaL_argcheck(L, count < NAMES_MAX, 1, "too many modules");
        modules[count].name = (char *)(uintptr_t)lua_tostring(L, -2);
        modules[count].text = (char *)(uintptr_t)lua_tolstring(L, -1, &modules[count].text_len);
        count++;
        lua_pop(L, 1);
    }
    return count;
}

static size_t
take_allowed(lua_State *L, const char *names[NAMES_MAX])
{
    size_t count = 0;

    lua_getfield(L, 1, "allow");
    for (; lua_istable(L, -1) && count < NAMES_MAX && count < lua_rawlen(L, -1); count++) {
        lua_rawgeti(L, -1, (lua_Integer)count + 1);
        names[count] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return count;
}

static void
set_options(lua_State *L, struct handle *handle)
{
    static const struct aks_script_lines lines = { ignore_line, ignore_line, NULL };
    struct aks_policy_limits *limits = &handle->options.limits;

    handle->options.alloc = aks_alloc_system();
    aks_clock_posix_init(&handle->clock);
    handle->step_ns = host_integer(L, 1, "clock_step_ms", 0) * AKS_NS_PER_MS;
    handle->clock.now_ns = stepping_now;
    handle->clock.ctx = handle;
    handle->options.clock = &handle->clock;
    handle->L = L;
    handle->log.line = keep_line;
    handle->log.ctx = handle;
    handle->log.level = AKS_LOG_DEBUG;
    handle->options.log = &handle->log;
    handle->options.seed = (uint64_t)host_integer(L, 1, "seed", 0);
    if (host_boolean(L, 1, "lines", false))
        handle->options.lines = &lines;
    lua_getfield(L, 1, "limits");
    if (lua_istable(L, -1)) {
        int index = lua_gettop(L);

        limits->memory_bytes = host_integer(L, index, "memory_bytes", 0);
        limits->load_instructions = host_integer(L, index, "load_instructions", 0);
        limits->decision_instructions = host_integer(L, index, "decision_instructions", 0);
        limits->coroutines = host_integer(L, index, "coroutines", 0);
        limits->log_lines = host_integer(L, index, "log_lines", 0);
    }
    lua_pop(L, 1);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LINES);
}

static void
take_text(lua_State *L, struct aks_policy_text *text)
{
    const char *bytes;

    text->path = (char *)(uintptr_t)host_text(L, 1, "path", NULL);
    lua_getfield(L, 1, "text");
    if (lua_isnil(L, -1) && text->path != NULL)
        push_file(L, text->path);
    bytes = lua_tolstring(L, -1, &text->text_len);
    text->text = (char *)(uintptr_t)bytes;
    if (bytes != NULL && text->path == NULL)
        text->path = (char *)(uintptr_t)"/home/me/policy.lua";
}

static int
host_load(lua_State *L)
{
    char *pairs[NAMES_MAX];
    struct aks_policy_module modules[NAMES_MAX];
    const char *allowed[NAMES_MAX];
    struct aks_policy_environment environment = { pairs, 0 };
    struct aks_policy_text text = { 0 };
    struct aks_policy_loader loader;
    struct aks_error err;
    struct handle *handle;
    enum aks_status status;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    memset(handle, 0, sizeof(*handle));
    luaL_setmetatable(L, HANDLE);
    environment.count = take_environment(L, pairs);
    luaL_checkstack(L, 20, NULL);
    text.modules = modules;
    text.module_count = take_modules(L, modules);
    take_text(L, &text);
    set_options(L, handle);
    handle->options.allowed_names = allowed;
    handle->options.allowed_count = take_allowed(L, allowed);
    aks_script_loader_init(&loader, &handle->options);
    status = loader.load(loader.ctx, &text, &environment, &handle->policy, &err);
    handle->options.allowed_count = 0;      /* the names are this call's */
    if (status != AKS_OK) {
        lua_pushnil(L);
        return 1 + push_failure(L, status, &err);
    }
    lua_settop(L, 2);
    return 1;
}

static int
host_lines(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LINES);
    return 1;
}

static int
host_phases(lua_State *L)
{
    const struct aks_phase_rule *rule;

    lua_newtable(L);
    for (size_t i = 0; (rule = aks_phase_rule_at(i)) != NULL; i++) {
        lua_pushfstring(L, "%s.%s", rule->module, rule->name);
        lua_newtable(L);
        for (unsigned phase = 0; phase < AKS_PHASES; phase++) {
            if ((rule->legal & AKS_PHASE_IN(phase)) == 0)
                continue;
            lua_pushboolean(L, 1);
            lua_setfield(L, -2, aks_phase_name((enum aks_phase)phase));
        }
        lua_rawset(L, -3);
    }
    return 1;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct handle *
check_handle(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, HANDLE);

    luaL_argcheck(L, handle->policy != NULL, 1, "this policy was not loaded");
    handle->L = L;
    return handle;
}

static int
failed(lua_State *L, enum aks_status status, const struct aks_error *err)
{
    lua_pushboolean(L, 0);
    return 1 + push_failure(L, status, err);
}

static int
policy_settings(lua_State *L)
{
    host_push_settings(L, check_handle(L)->policy->settings);
    return 1;
}

static int
policy_asks(lua_State *L)
{
    const struct aks_decide *decide = &check_handle(L)->policy->decide;

    lua_newtable(L);
    lua_pushboolean(L, decide->route != NULL);
    lua_setfield(L, -2, "route");
    lua_pushboolean(L, decide->dedup != NULL);
    lua_setfield(L, -2, "dedup");
    lua_pushboolean(L, decide->compress != NULL);
    lua_setfield(L, -2, "compress");
    lua_pushboolean(L, decide->snapshot != NULL);
    lua_setfield(L, -2, "snapshot");
    lua_pushboolean(L, decide->retry != NULL);
    lua_setfield(L, -2, "retry");
    lua_pushboolean(L, decide->throttle != NULL);
    lua_setfield(L, -2, "throttle");
    lua_pushboolean(L, decide->finished != NULL);
    lua_setfield(L, -2, "finished");
    return 1;
}

/* The targets of the settings as facts, with what the table at index 3 says about each by name. */
static size_t
take_targets(lua_State *L, const struct aks_settings *settings,
    struct aks_target_facts targets[TARGETS_MAX])
{
    for (size_t i = 0; i < settings->target_count; i++) {
        lua_getfield(L, 3, settings->targets[i].name);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_newtable(L);
        }
        host_target(L, lua_gettop(L), &targets[i]);
        targets[i].name = settings->targets[i].name;
        targets[i].kind = aks_target_kind_name(settings->targets[i].kind);
        lua_pop(L, 1);
    }
    return settings->target_count;
}

static int
policy_route(lua_State *L)
{
    struct aks_policy *policy = check_handle(L)->policy;
    const struct aks_decide *decide = &policy->decide;
    struct aks_target_facts targets[TARGETS_MAX];
    struct aks_source_facts source;
    struct aks_route_answer answer;
    struct aks_error err;
    enum aks_status status;
    size_t count;

    lua_settop(L, 3);
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    host_source(L, 2, &source);
    count = take_targets(L, policy->settings, targets);
    status = decide->route(decide->ctx, &source, targets, count, &answer, &err);
    if (status != AKS_OK)
        return failed(L, status, &err);
    if (!answer.opinion)
        return 0;
    lua_newtable(L);
    for (size_t i = 0; i < answer.route.count; i++) {
        lua_pushstring(L, policy->settings->targets[answer.route.targets[i]].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (answer.route.mirror) {
        lua_pushinteger(L, (lua_Integer)answer.route.needed);
        lua_setfield(L, -2, "needed");
    }
    return 1;
}

static int
policy_retry(lua_State *L)
{
    static const char *const verdicts[] = { NULL, "wait", "next_target", "restart", "give_up" };
    const struct aks_decide *decide = &check_handle(L)->policy->decide;
    struct aks_failure_facts failure;
    struct aks_retry_answer answer;
    struct aks_error err;
    enum aks_status status;

    host_failure(L, 2, &failure);
    status = decide->retry(decide->ctx, &failure, &answer, &err);
    if (status != AKS_OK)
        return failed(L, status, &err);
    lua_pushstring(L, verdicts[answer.verdict]);
    lua_pushinteger(L, answer.wait_ms);
    return 2;
}

static int
policy_dedup(lua_State *L)
{
    static const char *const verdicts[] = { NULL, "upload", "reuse", "skip" };
    const struct aks_decide *decide = &check_handle(L)->policy->decide;
    struct aks_dedup_facts facts;
    enum aks_dedup_verdict verdict;
    struct aks_error err;
    enum aks_status status;

    host_dedup(L, &facts);
    status = decide->dedup(decide->ctx, &facts, &verdict, &err);
    if (status != AKS_OK)
        return failed(L, status, &err);
    lua_pushstring(L, verdicts[verdict]);
    return 1;
}

static int
policy_compress(lua_State *L)
{
    const struct aks_decide *decide = &check_handle(L)->policy->decide;
    struct aks_compress_facts facts;
    struct aks_compress_answer answer;
    struct aks_error err;
    enum aks_status status;

    host_compress(L, &facts);
    status = decide->compress(decide->ctx, &facts, &answer, &err);
    if (status != AKS_OK)
        return failed(L, status, &err);
    if (!answer.opinion)
        return 0;
    host_push_compress(L, &answer.compress);
    return 1;
}

static int
policy_snapshot(lua_State *L)
{
    const struct aks_decide *decide = &check_handle(L)->policy->decide;
    struct aks_snapshot_facts facts;
    struct aks_snapshot_answer answer;
    struct aks_error err;
    enum aks_status status;

    host_snapshot(L, &facts);
    status = decide->snapshot(decide->ctx, &facts, &answer, &err);
    if (status != AKS_OK)
        return failed(L, status, &err);
    if (!answer.opinion)
        return 0;
    lua_newtable(L);
    host_push_snapshot(L, &answer.snapshot);
    return 1;
}

static int
policy_finished(lua_State *L)
{
    const struct aks_decide *decide = &check_handle(L)->policy->decide;
    json_t *report = host_json(L, 2);
    struct aks_error err;
    enum aks_status status = decide->finished(decide->ctx, report, &err);

    json_decref(report);
    if (status != AKS_OK)
        return failed(L, status, &err);
    lua_pushboolean(L, 1);
    return 1;
}

static int
policy_throttle(lua_State *L)
{
    const struct aks_decide *decide = &check_handle(L)->policy->decide;
    struct aks_error err;
    int64_t bytes_per_s;
    enum aks_status status = decide->throttle(decide->ctx, &bytes_per_s, &err);

    if (status != AKS_OK)
        return failed(L, status, &err);
    lua_pushinteger(L, bytes_per_s);
    return 1;
}

static int
policy_now(lua_State *L)
{
    struct handle *handle = check_handle(L);
    const struct aks_decide *decide = &handle->policy->decide;

    lua_settop(L, 2);
    host_now(L, 2, &handle->now);
    if (decide->now != NULL)
        decide->now(decide->ctx, &handle->now);
    return 0;
}

static int
policy_gc(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, HANDLE);

    if (handle->policy != NULL)
        handle->policy->free(handle->policy);
    handle->policy = NULL;
    return 0;
}

/* --- the program ------------------------------------------------------------------------------ */

static const char *program;

static int
open_host(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "load", host_load },
        { "lines", host_lines },
        { "phases", host_phases },
        { NULL, NULL },
    };
    static const luaL_Reg methods[] = {
        { "settings", policy_settings },
        { "asks", policy_asks },
        { "route", policy_route },
        { "retry", policy_retry },
        { "dedup", policy_dedup },
        { "compress", policy_compress },
        { "snapshot", policy_snapshot },
        { "finished", policy_finished },
        { "now", policy_now },
        { "throttle", policy_throttle },
        { "free", policy_gc },
        { NULL, NULL },
    };

    (void)luaL_newmetatable(L, HANDLE);
    lua_pushcfunction(L, policy_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushstring(L, program);
    lua_setfield(L, -2, "program");
    lua_pushliteral(L, AKS_SOURCE_FOLDER "/tests/script");
    lua_setfield(L, -2, "folder");
    return 1;
}

static int
run(lua_State *L)
{
    const char *file = lua_touserdata(L, 1);

    luaL_openlibs(L);
    luaL_requiref(L, "host", open_host, 0);
    lua_getglobal(L, "package");
    /* LuaUnit is one file that any Lua 5 runs; some releases of the distribution stop at 5.3's
     * folder. */
    lua_pushliteral(L, "/usr/share/lua/5.4/?.lua;/usr/share/lua/5.3/?.lua;"
        AKS_SOURCE_FOLDER "/tests/script/?.lua");
    lua_setfield(L, -2, "path");
    lua_settop(L, 0);
    if (luaL_loadfilex(L, file, "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    if (!lua_isinteger(L, -1))
        return luaL_error(L, "%s: end with return lu.LuaUnit.run()", file);
    return 1;
}

int
main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    int code = EXIT_FAILURE;

    if (argc != 2 || L == NULL) {
        (void)fprintf(stderr, "usage: lua_host FILE\n");
        if (L != NULL)
            lua_close(L);
        return EXIT_FAILURE;
    }
    program = argv[0];
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, argv[1]);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        (void)fprintf(stderr, "lua_host: %s\n", lua_tostring(L, -1));
    else
        code = lua_tointeger(L, -1) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    lua_close(L);
    return code;
}
