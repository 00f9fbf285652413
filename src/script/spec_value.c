/* The forms of values that a policy writes in its table and answers in its functions alike. */
#include "script/spec.h"

#include "data/throttle.h"
#include "script/handle.h"
#include "script/lib_akosha.h"
#include "script/modules.h"
#include "script/nearest.h"
#include "script/problem_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

noreturn void
aks_spec_no_memory(lua_State *L)
{
    aks_vm_of(L)->no_memory = true;
    aks_value_raise(L, "out of memory");
}

const void *
aks_spec_function_key(enum aks_vm_question question)
{
    static const char keys[AKS_VM_QUESTIONS];

    return &keys[question];
}

const char *
aks_spec_push_path(lua_State *L, int index, const char *what)
{
    const char *path;

    index = lua_absindex(L, index);
    path = aks_value_text(L, index, what, AKS_SPEC_PATH_BYTES_MAX);
    if (path[0] == '/' || (path[0] == '~' && path[1] == '/')) {
        lua_pushvalue(L, index);
        return path;
    }
    if (path[0] == '~')
        aks_value_raise(L, "%s: only \"~/\" can begin with '~'", what);
    path = aks_modules_push_beside(L, path);
    if (path == NULL || path[0] != '/')
        aks_value_expected(L, what, "an absolute path, or one that begins with \"~/\"", index);
    return path;
}

static int
codec_level(lua_State *L, int index, const char *what, enum aks_codec codec)
{
    int64_t level = 0;

    switch (codec) {
    case AKS_CODEC_NONE:
        aks_value_raise(L, "%s: codec \"none\" has no level", what);
    case AKS_CODEC_GZIP:
        level = aks_value_whole(L, index, what, "", AKS_CODEC_GZIP_LEVEL_MIN,
            AKS_CODEC_GZIP_LEVEL_MAX);
        break;
    case AKS_CODEC_ZSTD:
        level = aks_value_whole(L, index, what, "", AKS_CODEC_ZSTD_LEVEL_MIN,
            AKS_CODEC_ZSTD_LEVEL_MAX);
        if (level == 0)
            aks_value_raise(L, "%s: zstd has no level 0", what);
        break;
    }
    return (int)level;
}

void
aks_spec_compress(lua_State *L, int index, const char *what,
    struct aks_compress_settings *ret_compress)
{
    /* In the order of enum aks_codec. */
    static const char *const codecs[] = { "none", "gzip", "zstd", NULL };
    static const char *const names[] = { "codec", "level", "always", NULL };
    int top = lua_gettop(L);
    int value = top + 2;        /* stack index of a field, above what messages call it */

    ret_compress->level = AKS_CODEC_LEVEL_DEFAULT;
    ret_compress->always = false;
    if (!lua_istable(L, index)) {
        ret_compress->codec = (enum aks_codec)aks_value_choice(L, index, what, codecs);
        return;
    }
    aks_value_fields(L, index, what, names);
    (void)lua_pushfstring(L, "%s: codec", what);
    (void)aks_value_field(L, index, "codec");
    ret_compress->codec =
        (enum aks_codec)aks_value_choice(L, value, lua_tostring(L, value - 1), codecs);
    lua_settop(L, top);
    (void)lua_pushfstring(L, "%s: level", what);
    if (aks_value_field(L, index, "level") != LUA_TNIL)
        ret_compress->level =
            codec_level(L, value, lua_tostring(L, value - 1), ret_compress->codec);
    lua_settop(L, top);
    (void)lua_pushfstring(L, "%s: always", what);
    (void)aks_value_field(L, index, "always");
    if (!lua_isnil(L, value) && !lua_isboolean(L, value))
        aks_value_expected(L, lua_tostring(L, value - 1), "true or false", value);
    ret_compress->always = lua_toboolean(L, value);
    lua_settop(L, top);
}

/* The index of the target that the string at ${index} names. */
static size_t
find_target(lua_State *L, int index, const char *what, const struct aks_settings *settings)
{
    struct aks_nearest best = { NULL, 0 };
    char shown[AKS_VALUE_SHOWN_BYTES];
    const char *name;

    if (lua_type(L, index) != LUA_TSTRING)
        aks_value_expected(L, what, "names of targets", index);
    name = lua_tostring(L, index);
    for (size_t i = 0; i < settings->target_count; i++) {
        if (strcmp(settings->targets[i].name, name) == 0 && strlen(name) == lua_rawlen(L, index))
            return i;
        aks_nearest_offer(&best, name, settings->targets[i].name);
    }
    (void)aks_value_shown(L, index, shown);
    if (best.name != NULL)
        aks_value_raise(L, "%s: there is no target %s; did you mean \"%s\"?", what,
            shown + strlen("string "), best.name);
    aks_value_raise(L, "%s: there is no target %s", what, shown + strlen("string "));
}

struct routing {
    const char *what;
    const struct aks_settings *settings;
    struct aks_route *route;
};

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
aks_spec_same_place(const struct aks_target_settings *a, const struct aks_target_settings *b)
{
    /* Of targets that lack the field that says where, nobody knows. */
    if (a->bucket == NULL && a->url == NULL && a->path == NULL)
        return false;
    return a->kind == b->kind && same_text(a->bucket, b->bucket) &&
        same_text(a->endpoint, b->endpoint) && same_text(a->region, b->region) &&
        same_text(a->prefix, b->prefix) && same_text(a->credentials, b->credentials) &&
        same_text(a->ca_file, b->ca_file) && same_text(a->url, b->url) &&
        same_text(a->path, b->path) && a->path_style == b->path_style && a->payload == b->payload &&
        a->layout == b->layout;
}

/* One name of the list, on top. */
static void
take_hop(lua_State *L, void *ctx)
{
    struct routing *routing = ctx;
    struct aks_route *route = routing->route;
    const struct aks_target_settings *targets = routing->settings->targets;
    size_t target = find_target(L, -1, routing->what, routing->settings);

    for (size_t i = 0; i < route->count; i++) {
        const struct aks_target_settings *earlier = &targets[route->targets[i]];

        if (route->targets[i] == target)
            aks_value_raise(L, "%s: target \"%s\" is named twice", routing->what, earlier->name);
        /* Two names of one place would count one copy twice. */
        if (route->mirror && aks_spec_same_place(earlier, &targets[target]))
            aks_value_raise(L, "%s: \"%s\" is the same place as \"%s\": two names of it are one "
                "copy", routing->what, targets[target].name, earlier->name);
    }
    route->targets[route->count++] = target;
}

void
aks_spec_route(lua_State *L, int index, const char *what, const struct aks_settings *settings,
    struct aks_route *ret_route)
{
    struct routing routing = { what, settings, ret_route };
    size_t count;

    memset(ret_route, 0, sizeof(*ret_route));
    if (lua_type(L, index) == LUA_TSTRING) {
        ret_route->targets[ret_route->count++] = find_target(L, index, what, settings);
        return;
    }
    if (aks_handle_mirror(L, index, &ret_route->needed)) {
        ret_route->mirror = true;
        index = lua_gettop(L);
    }
    count = aks_value_list(L, index, what, "a list of names of targets", AKS_TARGETS_MAX);
    if (count == 0)
        aks_value_raise(L, "%s: the list is empty", what);
    for (size_t i = 1; i <= count; i++) {
        (void)lua_rawgeti(L, index, (lua_Integer)i);
        aks_problem_take(L, what, NULL, i, take_hop, &routing);
        lua_pop(L, 1);
    }
    if (ret_route->mirror)
        lua_pop(L, 1);
}

int64_t
aks_spec_rate(lua_State *L, int index, const char *what)
{
    return aks_value_whole(L, index, what, "bytes per second", AKS_THROTTLE_BYTES_PER_S_MIN,
        AKS_THROTTLE_BYTES_PER_S_MAX);
}
