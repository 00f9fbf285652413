/* Worlds out of a table: sim.world { ... }. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/policy_limits.h"
#include "testkit/shrink.h"
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

#define LATENCY_S_MAX 3600
#define BYTES_PER_S_MAX (1024 * AKS_GIB)
#define FILES_MAX 256
/* A source that the policy names and the test says nothing of. */
#define SOURCE_BYTES 1024
/* Collected by hand, as Lua cannot know what a world weighs. */
#define OPEN_MAX 64
/* The default's path, as the engine shows it. */
#define BUILT_IN "built-in default"

static const char *const fields[] = { "seed", "policy", "policy_text", "modules", "files", "env",
    "secrets", "small", "profile", "tus", "latency", "bandwidth", "start", "utc_offset", "limits",
    NULL };

/* --- the machine ------------------------------------------------------------------------------ */

static enum aks_s3_profile
profile(lua_State *L, int index)
{
    static const char *const names[] = { "strict", "aws", "r2", "minio", "versitygw", "sloppy",
        NULL };
    const char *name;
    int found = 0;

    if (lua_getfield(L, index, "profile") != LUA_TNIL) {
        name = aks_testing_text(L, -1, "sim.world: profile");
        while (names[found] != NULL && strcmp(names[found], name) != 0)
            found++;
        if (names[found] == NULL)
            aks_testing_unknown(L, "sim.world", "profile", name, names);
    }
    lua_pop(L, 1);
    return (enum aks_s3_profile)found;
}

static enum aks_http_model_tus
tus(lua_State *L, int index)
{
    static const char *const names[] = { "none", "key", "elsewhere", "lost", NULL };
    const char *name;
    int found = 0;

    if (lua_getfield(L, index, "tus") != LUA_TNIL) {
        name = aks_testing_text(L, -1, "sim.world: tus");
        while (names[found] != NULL && strcmp(names[found], name) != 0)
            found++;
        if (names[found] == NULL)
            aks_testing_unknown(L, "sim.world", "tus", name, names);
    }
    lua_pop(L, 1);
    return (enum aks_http_model_tus)found;
}

int32_t
aks_testing_make_utc_offset(lua_State *L, int index, const char *what)
{
    return (int32_t)aks_testing_whole(L, index, what, -AKS_UTC_OFFSET_S_MAX, AKS_UTC_OFFSET_S_MAX);
}

/* Local time of the world's beginning, "2026-11-27 22:00". */
static int64_t
start_ms(lua_State *L, int index, int32_t utc_offset_s)
{
    const char *text = aks_testing_text(L, index, "sim.world: start");
    char iso[] = "2026-11-27T22:00Z";
    int64_t wall_ms = -1;

    if (strlen(text) == sizeof(iso) - 2 && (text[10] == ' ' || text[10] == 'T')) {
        memcpy(iso, text, sizeof(iso) - 2);
        iso[10] = 'T';
        if (!aks_date_parse_iso(iso, sizeof(iso) - 1, &wall_ms))
            wall_ms = -1;
    }
    wall_ms -= utc_offset_s * AKS_MS_PER_S;
    if (wall_ms <= 0)
        luaL_error(L, "sim.world: start: expected local time like \"2026-11-27 22:00\", got \"%s\"",
            text);
    return wall_ms;
}

/* limits = { memory = "64MiB" }: as --limit memory=64MiB. */
static void
read_limits(lua_State *L, int index, struct aks_policy_limits *limits)
{
    struct aks_error err;

    if (lua_getfield(L, index, "limits") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            const char *text;

            if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
                luaL_error(L, "sim.world: limits: expected { memory = \"64MiB\" }");
            text = lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
            if (aks_policy_limit_parse(text, limits, &err) != AKS_OK)
                aks_testing_raise(L, &err);
            lua_pop(L, 2);
        }
    }
    lua_pop(L, 1);
}

static void
read_options(lua_State *L, int index, struct aks_world_options *options)
{
    options->small = aks_testing_boolean(L, index, "small", false);
    options->profile = profile(L, index);
    options->tus = tus(L, index);
    if (lua_getfield(L, index, "latency") != LUA_TNIL)
        options->latency_ns = aks_testing_ns(L, -1, "sim.world: latency", LATENCY_S_MAX);
    if (lua_getfield(L, index, "bandwidth") != LUA_TNIL)
        options->up_bytes_per_s = aks_testing_whole(L, -1, "sim.world: bandwidth", 1,
            BYTES_PER_S_MAX);
    if (lua_getfield(L, index, "utc_offset") != LUA_TNIL)
        options->utc_offset_s = aks_testing_make_utc_offset(L, -1, "sim.world: utc_offset");
    if (lua_getfield(L, index, "start") != LUA_TNIL)
        options->start_ms = start_ms(L, -1, options->utc_offset_s);
    lua_pop(L, 4);
    read_limits(L, index, &options->limits);
}

static uint64_t
read_seed(lua_State *L, int index, struct aks_testing *testing, const uint64_t *seed)
{
    struct aks_rng rng;
    uint64_t found;

    if (seed != NULL)
        return *seed;
    if (lua_getfield(L, index, "seed") != LUA_TNIL) {
        found = (uint64_t)aks_testing_whole(L, -1, "sim.world: seed", INT64_MIN, INT64_MAX);
    } else {
        aks_rng_init(&rng, testing->test_seed + testing->worlds_made);
        found = aks_rng_next(&rng) >> 33;   /* short enough to be written down */
    }
    lua_pop(L, 1);
    return found;
}

/* --- lines of the policy ---------------------------------------------------------------------- */

/* The policy lies in the home of the world: told is where the test has it. */
static const char *
told_file(const struct aks_testing_world *world, const char *file, char ret_path[AKS_PATH_BYTES])
{
    const char *slash = strrchr(world->policy, '/');

    if (strcmp(file, AKS_WORLD_POLICY) == 0 || strcmp(file, BUILT_IN) == 0)
        return world->policy;
    if (strncmp(file, AKS_WORLD_HOME "/", sizeof(AKS_WORLD_HOME)) != 0 ||
        snprintf(ret_path, AKS_PATH_BYTES, "%.*s%s",
            slash != NULL ? (int)(slash - world->policy) + 1 : 0, world->policy,
            file + sizeof(AKS_WORLD_HOME)) >= AKS_PATH_BYTES)
        return file;
    return ret_path;
}

static void
on_line(void *ctx, const char *file, int line)
{
    const struct aks_testing_world *world = ctx;
    const struct aks_suite_options *options = world->testing->options;
    char path[AKS_PATH_BYTES];

    if (options->line != NULL)
        options->line(options->ctx, told_file(world, file, path), line);
}

static void
on_active(void *ctx, const char *file, int line)
{
    const struct aks_testing_world *world = ctx;
    const struct aks_suite_options *options = world->testing->options;
    char path[AKS_PATH_BYTES];

    if (options->active != NULL)
        options->active(options->ctx, told_file(world, file, path), line);
}

/* --- the policy ------------------------------------------------------------------------------- */

static void
put(lua_State *L, struct aks_testing_world *world, const char *path, const char *text, size_t len)
{
    struct aks_error err;

    if (aks_world_put(world->world, path, text, len, &err) != AKS_OK)
        aks_testing_raise(L, &err);
}

/* The text at ${path}, kept for the next world. */
static const struct aks_policy_text *
policy_text(lua_State *L, struct aks_testing *testing, const char *path)
{
    const struct aks_port *real = testing->options->real;
    struct aks_testing_policy *kept;
    struct aks_error err;
    bool inside;

    for (size_t i = 0; i < testing->policy_count; i++) {
        if (strcmp(testing->policies[i].path, path) == 0)
            return &testing->policies[i].text;
    }
    if (testing->policy_count == AKS_TESTING_POLICIES_MAX)
        luaL_error(L, "sim.world: a file tests %d policies at most", AKS_TESTING_POLICIES_MAX);
    kept = &testing->policies[testing->policy_count];
    if (aks_policy_text_read(real, path, &kept->text, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    inside = aks_testing_core_inside(testing, path);
    kept->path = inside ? aks_mem_strdup(testing->options->alloc, path) : NULL;
    if (kept->path == NULL)
        aks_policy_text_fini(real->alloc, &kept->text);
    if (!inside)
        luaL_error(L, "sim.world: policy: %s lies outside %s, and tests read below that folder "
            "only", path, testing->root);
    if (kept->path == NULL)
        luaL_error(L, "out of memory");
    testing->policy_count++;
    return &kept->text;
}

static void
put_modules(lua_State *L, int index, struct aks_testing_world *world)
{
    if (lua_getfield(L, index, "modules") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            luaL_error(L, "sim.world: modules: expected { name = text }");
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            size_t len;
            const char *text;

            if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
                luaL_error(L, "sim.world: modules: expected { name = text }");
            text = lua_tolstring(L, -1, &len);
            (void)lua_pushfstring(L, AKS_WORLD_HOME "/%s.lua", lua_tostring(L, -2));
            put(L, world, lua_tostring(L, -1), text, len);
            lua_pop(L, 2);
        }
    }
    lua_pop(L, 1);
}

static void
put_policy(lua_State *L, int index, struct aks_testing_world *world)
{
    const struct aks_policy_text *text;
    const char *given;
    size_t len;
    bool named = lua_getfield(L, index, "policy") != LUA_TNIL;

    if (lua_getfield(L, index, "policy_text") != LUA_TNIL) {
        given = aks_testing_text(L, -1, "sim.world: policy_text");
        if (named)
            luaL_error(L, "sim.world: a policy has either a file or a text");
        (void)lua_tolstring(L, -1, &len);
        (void)snprintf(world->policy, sizeof(world->policy), "policy_text");
        put(L, world, AKS_WORLD_POLICY, given, len);
    } else if (named) {
        given = aks_testing_text(L, -2, "sim.world: policy");
        if (strlen(given) >= sizeof(world->policy))
            luaL_error(L, "sim.world: policy: the path is too long");
        (void)snprintf(world->policy, sizeof(world->policy), "%s", given);
        text = policy_text(L, world->testing, given);
        put(L, world, AKS_WORLD_POLICY, text->text, text->text_len);
        for (size_t i = 0; i < text->module_count; i++) {
            (void)lua_pushfstring(L, AKS_WORLD_HOME "/%s.lua", text->modules[i].name);
            if (strcmp(lua_tostring(L, -1), AKS_WORLD_POLICY) != 0)
                put(L, world, lua_tostring(L, -1), text->modules[i].text,
                    text->modules[i].text_len);
            lua_pop(L, 1);
        }
    } else {
        (void)snprintf(world->policy, sizeof(world->policy), "default");
    }
    lua_pop(L, 2);
    put_modules(L, index, world);
}

/* --- environment ------------------------------------------------------------------------------ */

static void
put_environment(lua_State *L, int index, struct aks_testing_world *world)
{
    struct aks_error err;

    if (aks_world_usual_variables(world->world, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    if (lua_getfield(L, index, "env") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            luaL_error(L, "sim.world: env: expected { NAME = value, OTHER = false }");
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            const char *name;
            const char *value = NULL;

            if (lua_type(L, -2) != LUA_TSTRING)
                luaL_error(L, "sim.world: env: expected { NAME = value, OTHER = false }");
            name = aks_testing_text(L, -2, "sim.world: env");
            if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1))
                value = aks_testing_text(L, -1, name);
            if (aks_world_variable(world->world, name, value, &err) != AKS_OK)
                aks_testing_raise(L, &err);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* --- secrets ---------------------------------------------------------------------------------- */

static const char secrets_expected[] = "sim.world: secrets: expected { [\"name\"] = { \"host\", "
    "... } }, or false for one that is not there";

/* The list of hosts on top. */
static void
put_secret(lua_State *L, struct aks_testing_world *world, const char *name)
{
    const char *hosts[AKS_SECRET_HOSTS_MAX];
    struct aks_secret_entry entry = { name, AKS_SECRET_ENV, AKS_WORLD_TOKEN_VARIABLE, hosts, 0 };
    struct aks_error err;
    int list = lua_gettop(L);

    if (!lua_istable(L, list) || lua_rawlen(L, list) > AKS_SECRET_HOSTS_MAX)
        luaL_error(L, "%s", secrets_expected);
    luaL_checkstack(L, AKS_SECRET_HOSTS_MAX, NULL);
    for (; entry.host_count < lua_rawlen(L, list); entry.host_count++) {
        if (lua_rawgeti(L, list, (lua_Integer)entry.host_count + 1) != LUA_TSTRING)
            luaL_error(L, "%s", secrets_expected);
        hosts[entry.host_count] = lua_tostring(L, -1);
    }
    if (aks_world_secret(world->world, name, &entry, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    lua_settop(L, list);
}

static void
put_secrets(lua_State *L, int index, struct aks_testing_world *world)
{
    struct aks_error err;

    if (lua_getfield(L, index, "secrets") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            luaL_error(L, "%s", secrets_expected);
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            if (lua_type(L, -2) != LUA_TSTRING)
                luaL_error(L, "%s", secrets_expected);
            if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1))
                put_secret(L, world, lua_tostring(L, -2));
            else if (aks_world_secret(world->world, lua_tostring(L, -2), NULL, &err) != AKS_OK)
                aks_testing_raise(L, &err);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* --- files ------------------------------------------------------------------------------------ */

/* The source of the policy that is called so, or NULL. */
static const char *
source_named(const struct aks_testing_world *world, const char *name)
{
    const char *source;

    for (size_t i = 0; (source = aks_world_source(world->world, i)) != NULL; i++) {
        if (strcmp(strrchr(source, '/') + 1, name) == 0)
            return source;
    }
    return NULL;
}

const char *
aks_testing_make_path(lua_State *L, struct aks_testing_world *world, const char *name)
{
    const char *source = strchr(name, '/') == NULL ? source_named(world, name) : NULL;

    if (name[0] == '\0')
        luaL_error(L, "a file needs a name");
    if (source != NULL || name[0] == '/')
        lua_pushstring(L, source != NULL ? source : name);
    else
        (void)lua_pushfstring(L, AKS_WORLD_HOME "/%s", strncmp(name, "~/", 2) == 0 ? name + 2
            : name);
    return lua_tostring(L, -1);
}

/* Pushes the names of the table's fields, in order. */
static size_t
sorted_names(lua_State *L, int index)
{
    size_t count = 0;

    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        size_t at = count;

        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "sim.world: files: expected { [\"name\"] = bytes }");
        if (count == FILES_MAX)
            luaL_error(L, "sim.world: %d files at most", FILES_MAX);
        lua_pop(L, 1);
        for (; at > 0; at--) {
            (void)lua_rawgeti(L, -2, (lua_Integer)at);
            if (strcmp(lua_tostring(L, -1), lua_tostring(L, -2)) < 0) {
                lua_pop(L, 1);
                break;
            }
            lua_rawseti(L, -3, (lua_Integer)at + 1);
        }
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (lua_Integer)at + 1);
        count++;
    }
    return count;
}

/* Sources of the policy that the test says nothing of are there: who wants one to be missing says
 * so (name = false). */
static void
put_sources(lua_State *L, struct aks_testing_world *world, int mentioned)
{
    const char *source;

    for (size_t i = 0; (source = aks_world_source(world->world, i)) != NULL; i++) {
        bool silent = lua_getfield(L, mentioned, source) == LUA_TNIL;

        lua_pop(L, 1);
        if (!silent)
            continue;
        lua_pushcfunction(L, aks_testing_bytes);
        lua_pushinteger(L, SOURCE_BYTES);
        lua_call(L, 1, 1);
        aks_testing_bytes_put(L, lua_gettop(L), world->world, source, SOURCE_BYTES);
        lua_pop(L, 1);
    }
}

static void
put_files(lua_State *L, int index, struct aks_testing_world *world, const int64_t *bytes_max)
{
    int top = lua_gettop(L);
    int files = top + 1;
    int mentioned = top + 2;
    size_t count = 0;

    if (lua_getfield(L, index, "files") != LUA_TNIL && !lua_istable(L, -1))
        luaL_error(L, "sim.world: files: expected { [\"name\"] = bytes }");
    lua_newtable(L);
    if (lua_istable(L, files))
        count = sorted_names(L, files);
    for (size_t i = 0; i < count; i++) {
        const char *name;
        const char *path;

        (void)lua_rawgeti(L, mentioned + 1, (lua_Integer)i + 1);
        name = aks_testing_text(L, -1, "sim.world: files");
        (void)lua_getfield(L, files, name);
        path = aks_testing_make_path(L, world, name);
        if (lua_type(L, -2) != LUA_TBOOLEAN || lua_toboolean(L, -2))
            aks_testing_bytes_put(L, lua_gettop(L) - 1, world->world, path,
                bytes_max != NULL && i < AKS_SHRINK_FILES_MAX && bytes_max[i] >= 0 ? bytes_max[i]
                    : INT64_MAX);
        lua_pushboolean(L, 1);
        lua_setfield(L, mentioned, path);
        lua_pop(L, 3);
    }
    put_sources(L, world, mentioned);
    lua_settop(L, top);
}

size_t
aks_testing_make_sizes(lua_State *L, int index, int64_t *ret_bytes, size_t count_max)
{
    int top = lua_gettop(L);
    size_t count;

    if (lua_getfield(L, index, "files") != LUA_TTABLE) {
        lua_settop(L, top);
        return 0;
    }
    count = sorted_names(L, top + 1);
    for (size_t i = 0; i < count && i < count_max; i++) {
        (void)lua_rawgeti(L, top + 2, (lua_Integer)i + 1);
        (void)lua_rawget(L, top + 1);
        ret_bytes[i] = lua_type(L, -1) == LUA_TUSERDATA ? aks_testing_bytes_length(L, -1) : -1;
        lua_pop(L, 1);
    }
    lua_settop(L, top);
    return count < count_max ? count : count_max;
}

/* --- the world -------------------------------------------------------------------------------- */

static struct aks_testing_world *
new_world(lua_State *L, struct aks_testing *testing)
{
    struct aks_testing_world *world;

    if (testing->worlds_open >= OPEN_MAX)
        lua_gc(L, LUA_GCCOLLECT);
    world = lua_newuserdatauv(L, sizeof(*world), 1);
    memset(world, 0, sizeof(*world));
    world->testing = testing;
    luaL_setmetatable(L, AKS_TESTING_WORLD);
    lua_newtable(L);                    /* functions of the plan */
    lua_setiuservalue(L, -2, 1);
    return world;
}

struct aks_testing_world *
aks_testing_make(lua_State *L, int index, const uint64_t *seed, const int64_t *file_bytes)
{
    struct aks_testing *testing = aks_testing_of(L);
    struct aks_world_options options = { 0 };
    struct aks_testing_world *world;
    struct aks_error err;

    index = lua_absindex(L, index);
    read_options(L, index, &options);
    world = new_world(L, testing);
    world->seed = read_seed(L, index, testing, seed);
    world->small = options.small;
    world->lines = (struct aks_script_lines) { on_line, on_active, world };
    options.alloc = &testing->memory.alloc;
    options.seed = world->seed;
    if (testing->options->line != NULL || testing->options->active != NULL)
        options.lines = &world->lines;
    if (aks_world_new(&options, &world->world, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    world->next = testing->worlds;
    testing->worlds = world;
    testing->worlds_open++;
    testing->worlds_made++;
    put_policy(L, index, world);
    put_environment(L, index, world);
    put_secrets(L, index, world);
    /* A policy that does not load is for the run to tell. */
    (void)aks_world_learn(world->world, &err);
    put_files(L, index, world, file_bytes);
    return world;
}

int
aks_testing_make_world(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    aks_testing_fields(L, 1, "sim.world", fields);
    (void)aks_testing_make(L, 1, NULL, NULL);
    return 1;
}
