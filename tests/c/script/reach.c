#include "reach.h"

#include "script/sandbox.h"
#include "script/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#define VALUES_MAX 1000000
#define DEPTH_MAX 150                   /* values deeper than that are an error of the test */
#define SLOTS (1u << 21)                /* of the set of objects that were seen */

struct walk {
    lua_State *L;
    enum reach_how how;
    reach_seen *seen;
    void *ctx;
    const void **objects;               /* open addressing */
    size_t count;
    unsigned depth;
};

struct way {
    char text[REACH_PATH_BYTES];
};

static struct way
further(const struct way *way, const char *between, const char *name)
{
    struct way longer;

    (void)snprintf(longer.text, sizeof(longer.text), "%.400s%s%.80s", way->text, between, name);
    return longer;
}

static bool
is_new(struct walk *walk, const void *object)
{
    size_t at = ((uintptr_t)object >> 4) * 2654435761u % SLOTS;

    while (walk->objects[at] != NULL) {
        if (walk->objects[at] == object)
            return false;
        at = (at + 1) % SLOTS;
    }
    walk->objects[at] = object;
    return true;
}

static void visit(struct walk *walk, const struct way *way);

/* Pops the value on top, after a visit. */
static void
visit_top(struct walk *walk, const struct way *way)
{
    visit(walk, way);
    lua_pop(walk->L, 1);
}

static struct way
of_key(struct walk *walk, const struct way *way)
{
    char text[64];

    if (lua_type(walk->L, -2) == LUA_TSTRING)
        return further(way, ".", lua_tostring(walk->L, -2));
    if (lua_isinteger(walk->L, -2))
        (void)snprintf(text, sizeof(text), "[%lld]", (long long)lua_tointeger(walk->L, -2));
    else
        (void)snprintf(text, sizeof(text), "[%s]", luaL_typename(walk->L, -2));
    return further(way, "", text);
}

static void
visit_fields(struct walk *walk, const struct way *way)
{
    lua_State *L = walk->L;
    int table = lua_gettop(L);

    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        struct way field = of_key(walk, way);
        struct way key = further(&field, "", "<key>");

        visit_top(walk, &field);
        visit(walk, &key);
    }
}

/* A policy sees what getmetatable gives: nothing where __metatable says otherwise. Its own
 * functions may use what __index names all the same. */
static void
visit_metatable(struct walk *walk, const struct way *way)
{
    lua_State *L = walk->L;
    struct way meta = further(way, "", "<meta>");

    if (lua_getmetatable(L, -1) == 0)
        return;
    lua_pushliteral(L, "__metatable");
    if (walk->how == REACH_ALL || lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        visit_top(walk, &meta);
        return;
    }
    visit_top(walk, &meta);
    lua_pushliteral(L, "__index");
    (void)lua_rawget(L, -2);
    visit_top(walk, way);
    lua_pop(L, 1);
}

static void
visit_upvalues(struct walk *walk, const struct way *way)
{
    const char *name;

    for (int i = 1; walk->how == REACH_ALL &&
        (name = lua_getupvalue(walk->L, -1, i)) != NULL; i++) {
        struct way upvalue = further(way, "<upvalue>", name);

        visit_top(walk, &upvalue);
    }
}

static void
visit_user_values(struct walk *walk, const struct way *way)
{
    struct way value = further(way, "", "<user value>");

    for (int i = 1; walk->how == REACH_ALL; i++) {
        int type = lua_getiuservalue(walk->L, -1, i);

        visit_top(walk, &value);
        if (type == LUA_TNONE)
            return;
    }
}

/* What stands on the stack of a coroutine, and the locals of its functions. */
static void
visit_stack(struct walk *walk, const struct way *way)
{
    lua_State *co = lua_tothread(walk->L, -1);
    struct way value = further(way, "", "<stack>");
    lua_Debug frame;

    if (walk->how != REACH_ALL || co == walk->L)
        return;
    for (int level = 0; lua_getstack(co, level, &frame) != 0; level++) {
        for (int i = 1; lua_getlocal(co, &frame, i) != NULL; i++) {
            lua_xmove(co, walk->L, 1);
            visit_top(walk, &value);
        }
    }
    for (int i = 1; i <= lua_gettop(co) && lua_checkstack(co, 1) != 0; i++) {
        lua_pushvalue(co, i);
        lua_xmove(co, walk->L, 1);
        visit_top(walk, &value);
    }
}

static void
visit_parts(struct walk *walk, const struct way *way)
{
    int type = lua_type(walk->L, -1);

    if (type == LUA_TTABLE)
        visit_fields(walk, way);
    else if (type == LUA_TFUNCTION)
        visit_upvalues(walk, way);
    else if (type == LUA_TUSERDATA)
        visit_user_values(walk, way);
    else if (type == LUA_TTHREAD)
        visit_stack(walk, way);
    if (type == LUA_TTABLE || type == LUA_TUSERDATA)
        visit_metatable(walk, way);
}

/* The value on top, which stays there. */
static void
visit(struct walk *walk, const struct way *way)
{
    lua_State *L = walk->L;
    const void *object = lua_topointer(L, -1);
    int top = lua_gettop(L);

    if (lua_type(L, -1) == LUA_TNIL || lua_type(L, -1) == LUA_TNONE ||
        (object != NULL && !is_new(walk, object)))
        return;
    assert_true(++walk->count < VALUES_MAX);
    walk->seen(walk->ctx, L, top, way->text);
    assert_int_equal(lua_gettop(L), top);
    assert_true(++walk->depth < DEPTH_MAX);
    assert_true(lua_checkstack(L, 12));
    visit_parts(walk, way);
    walk->depth--;
    assert_int_equal(lua_gettop(L), top);
}

lua_State *
reach_vm(const struct aks_policy *policy)
{
    return ((struct aks_vm *)policy->decide.ctx)->L;
}

/* As `require "akosha"` finds it in a policy. */
static void
visit_library(struct walk *walk)
{
    static const struct way way = { "akosha" };
    lua_State *L = walk->L;

    lua_getfield(L, LUA_REGISTRYINDEX, AKS_SANDBOX_POLICY);
    (void)lua_getfield(L, -1, "require");
    lua_pushliteral(L, "akosha");
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        fail_msg("require \"akosha\": %s", lua_tostring(L, -1));
    visit_top(walk, &way);
    lua_pop(L, 1);
}

size_t
reach_walk(lua_State *L, enum reach_how how, reach_seen *seen, void *ctx)
{
    static const struct way registry = { "registry" };
    static const struct way globals = { "_G" };
    static const struct way strings = { "a string" };
    struct walk walk = { L, how, seen, ctx, NULL, 0, 0 };
    int top = lua_gettop(L);

    walk.objects = calloc(SLOTS, sizeof(*walk.objects));
    assert_non_null(walk.objects);
    assert_true(lua_checkstack(L, 12));
    lua_getfield(L, LUA_REGISTRYINDEX, AKS_SANDBOX_POLICY);
    visit_top(&walk, &globals);
    visit_library(&walk);
    lua_pushliteral(L, "");             /* strings have a metatable in common */
    visit_metatable(&walk, &strings);
    lua_pop(L, 1);
    if (how == REACH_ALL) {
        lua_pushvalue(L, LUA_REGISTRYINDEX);
        visit_top(&walk, &registry);
    }
    free(walk.objects);
    assert_int_equal(lua_gettop(L), top);
    return walk.count;
}

struct search {
    const char *planted;
    char path[REACH_PATH_BYTES];
};

static void
look(void *ctx, lua_State *L, int index, const char *path)
{
    struct search *search = ctx;
    const char *text;
    size_t len;

    if (lua_type(L, index) != LUA_TSTRING || search->path[0] != '\0')
        return;
    text = lua_tolstring(L, index, &len);
    if (memmem(text, len, search->planted, strlen(search->planted)) != NULL)
        (void)snprintf(search->path, sizeof(search->path), "%s", path);
}

const char *
reach_find(lua_State *L, enum reach_how how, const char *planted)
{
    static struct search search;

    search = (struct search) { planted, "" };
    assert_true(reach_walk(L, how, look, &search) > 0);
    return search.path[0] != '\0' ? search.path : NULL;
}
