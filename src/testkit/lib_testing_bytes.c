/* sim.bytes(n, seed): bytes that cost nothing until they are put into a world. */
#include "testkit/lib_testing_internal.h"

#include "base/rng.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (1 * AKS_GIB)

struct handle {
    int64_t bytes;
    bool seeded;                        /* else the path of the file seeds it */
    uint64_t seed;
};

/* Bytes on their way into a world. */
struct filling {
    const struct aks_alloc *alloc;
    char data[];
};

static void
free_filling(void *thing)
{
    struct filling *filling = thing;

    aks_mem_free(filling->alloc, filling);
}

int
aks_testing_bytes(lua_State *L)
{
    int64_t bytes = aks_testing_whole(L, 1, "sim.bytes", 0, BYTES_MAX);
    bool seeded = !lua_isnoneornil(L, 2);
    uint64_t seed = seeded
        ? (uint64_t)aks_testing_whole(L, 2, "sim.bytes: seed", INT64_MIN, INT64_MAX) : 0;
    struct handle *handle = lua_newuserdatauv(L, sizeof(*handle), 0);

    handle->bytes = bytes;
    handle->seeded = seeded;
    handle->seed = seed;
    luaL_setmetatable(L, AKS_TESTING_BYTES);
    return 1;
}

static void
fill(char *data, size_t len, uint64_t seed)
{
    struct aks_rng rng;

    aks_rng_init(&rng, seed);
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t next = aks_rng_next(&rng);

        memcpy(data + at, &next, len - at < sizeof(next) ? len - at : sizeof(next));
    }
}

static uint64_t
seed_of(const struct handle *handle, const char *path)
{
    uint64_t seed = UINT64_C(14695981039346656037);

    if (handle->seeded)
        return handle->seed;
    for (; *path != '\0'; path++)
        seed = (seed ^ (unsigned char)*path) * UINT64_C(1099511628211);
    return seed;
}

/* Raises where there is no room. The box is pushed. */
static struct filling *
make(lua_State *L, size_t len, uint64_t seed, void ***ret_box)
{
    struct aks_testing *testing = aks_testing_of(L);
    void **box = aks_testing_box(L, free_filling);
    struct filling *filling =
        aks_mem_resize(&testing->memory.alloc, NULL, sizeof(*filling) + len + 1);

    if (filling == NULL)
        luaL_error(L, "sim.bytes: a test has %d MiB of memory",
            (int)(AKS_SUITE_MEMORY_BYTES / AKS_MIB));
    filling->alloc = &testing->memory.alloc;
    *box = filling;
    *ret_box = box;
    fill(filling->data, len, seed);
    return filling;
}

int64_t
aks_testing_bytes_length(lua_State *L, int index)
{
    const struct handle *handle = luaL_testudata(L, index, AKS_TESTING_BYTES);
    size_t len;

    if (handle != NULL)
        return handle->bytes;
    if (lua_type(L, index) != LUA_TSTRING)
        return -1;
    (void)lua_tolstring(L, index, &len);
    return (int64_t)len;
}

void
aks_testing_bytes_put(lua_State *L, int index, struct aks_world *world, const char *path,
    int64_t bytes_max)
{
    const struct handle *handle = luaL_testudata(L, index, AKS_TESTING_BYTES);
    void **box = NULL;
    struct aks_error err;
    const char *data;
    size_t len = 0;
    int top = lua_gettop(L);

    if (handle != NULL) {
        len = (size_t)(handle->bytes < bytes_max ? handle->bytes : bytes_max);
        data = make(L, len, seed_of(handle, path), &box)->data;
    } else {
        data = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
    }
    if (data == NULL)
        luaL_error(L, "%s: expected a string or sim.bytes(n), got a %s", path,
            luaL_typename(L, index));
    if (aks_world_put(world, path, data, len, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    if (box != NULL)
        aks_testing_box_free(box);
    lua_settop(L, top);
}

static int
bytes_length(lua_State *L)
{
    const struct handle *handle = luaL_checkudata(L, 1, AKS_TESTING_BYTES);

    lua_pushinteger(L, handle->bytes);
    return 1;
}

/* bytes:text(): as a string; what has no seed has that of the empty path */
static int
bytes_text(lua_State *L)
{
    const struct handle *handle = luaL_checkudata(L, 1, AKS_TESTING_BYTES);
    void **box;
    struct filling *filling = make(L, (size_t)handle->bytes, seed_of(handle, ""), &box);

    lua_pushlstring(L, filling->data, (size_t)handle->bytes);
    aks_testing_box_free(box);
    return 1;
}

/* tostring: as it is written in a test */
static int
bytes_shown(lua_State *L)
{
    const struct handle *handle = luaL_checkudata(L, 1, AKS_TESTING_BYTES);

    if (handle->seeded)
        (void)lua_pushfstring(L, "sim.bytes(%I, %I)", (LUAI_UACINT)handle->bytes,
            (LUAI_UACINT)handle->seed);
    else
        (void)lua_pushfstring(L, "sim.bytes(%I)", (LUAI_UACINT)handle->bytes);
    return 1;
}

void
aks_testing_bytes_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "length", bytes_length },
        { "text", bytes_text },
        { NULL, NULL },
    };

    aks_testing_class(L, AKS_TESTING_BYTES, methods, NULL);
    (void)luaL_getmetatable(L, AKS_TESTING_BYTES);
    lua_pushcfunction(L, bytes_length);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, bytes_shown);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}
