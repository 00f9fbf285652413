/* What is read back of a world. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define MANIFEST "/manifest.json"
#define QUEUE AKS_WORLD_STATE "/queue/"

/* The target that the string at index 2 names; with one target alone it may be left out. */
static struct aks_world_target *
check_target(lua_State *L, struct aks_testing_world *world, int index, const char *what)
{
    const char *names[AKS_TARGETS_MAX + 1];
    struct aks_world_target *target;
    size_t count;

    aks_testing_world_learn(L, world);
    count = aks_world_target_count(world->world);
    if (lua_isnoneornil(L, index) && count == 1)
        return aks_world_target_at(world->world, 0);
    target = aks_world_target(world->world, aks_testing_text(L, index, what));
    if (target != NULL)
        return target;
    names[aks_testing_fault_targets(world, names)] = NULL;
    aks_testing_unknown(L, what, "target", lua_tostring(L, index), names);
}

/* Reads below must not raise from inside of a walk: keys and places are collected first. */
struct found {
    const char *key;
    const void *data;
    size_t len;
};

struct list {
    const struct aks_alloc *alloc;
    struct found *items;
    size_t count;
    size_t room;
    bool failed;
    const char *end;                    /* only keys that end so; "": all */
};

static void
free_list(void *thing)
{
    struct list *list = thing;

    for (size_t i = 0; i < list->count; i++)
        aks_mem_free(list->alloc, (void *)(uintptr_t)list->items[i].key);
    aks_mem_free(list->alloc, list->items);
    aks_mem_free(list->alloc, list);
}

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void
keep(void *ctx, const char *key, const void *data, size_t len)
{
    struct list *list = ctx;
    struct found *items = list->items;
    char *copy;

    if (list->failed || !ends_with(key, list->end))
        return;
    if (list->count == list->room) {
        list->room = list->room > 0 ? list->room * 2 : 16;
        items = aks_mem_resize(list->alloc, items, list->room * sizeof(*items));
    }
    copy = aks_mem_strdup(list->alloc, key);
    if (items == NULL || copy == NULL) {
        aks_mem_free(list->alloc, copy);
        list->failed = true;
        return;
    }
    list->items = items;
    list->items[list->count++] = (struct found) { copy, data, len };
}

/* Pushes the box that it is in. */
static struct list *
collect(lua_State *L, struct aks_testing_world *world, const struct aks_world_target *target,
    const char *end)
{
    void **box = aks_testing_box(L, free_list);
    struct list *list = aks_mem_new(&world->testing->memory.alloc, sizeof(*list));

    if (list == NULL)
        luaL_error(L, "out of memory");
    list->alloc = &world->testing->memory.alloc;
    list->end = end;
    *box = list;
    aks_world_objects(world->world, target, keep, list);
    if (list->failed)
        luaL_error(L, "out of memory");
    return list;
}

/* world:objects(target) -> { [key] = bytes } */
static int
read_objects(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const struct aks_world_target *target = check_target(L, world, 2, "world:objects");
    const struct list *list = collect(L, world, target, "");

    lua_createtable(L, 0, (int)list->count);
    for (size_t i = 0; i < list->count; i++) {
        lua_pushinteger(L, (lua_Integer)list->items[i].len);
        lua_setfield(L, -2, list->items[i].key);
    }
    return 1;
}

/* world:object(target, key) -> its bytes, or nil */
static int
read_object(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const struct aks_world_target *target = check_target(L, world, 2, "world:object");
    size_t len = 0;
    const void *data = aks_world_object(world->world, target,
        aks_testing_text(L, 3, "world:object: key"), &len);

    if (data == NULL)
        return 0;
    lua_pushlstring(L, data, len);
    return 1;
}

/* world:manifests(target) -> decoded, by key, each with its "key" */
static int
read_manifests(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const struct aks_world_target *target = check_target(L, world, 2, "world:manifests");
    const struct list *list = collect(L, world, target, MANIFEST);

    lua_createtable(L, (int)list->count, 0);
    for (size_t i = 0; i < list->count; i++) {
        aks_testing_json_text(L, list->items[i].data, list->items[i].len);
        if (!lua_istable(L, -1)) {
            lua_pop(L, 1);
            lua_newtable(L);
        }
        lua_pushstring(L, list->items[i].key);
        lua_setfield(L, -2, "key");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* "uploaded_at" of the manifest on top, or "". The string is the manifest's. */
static const char *
uploaded_at(lua_State *L)
{
    const char *at = lua_getfield(L, -1, "uploaded_at") == LUA_TSTRING ? lua_tostring(L, -1) : "";

    lua_pop(L, 1);
    return at;
}

/* world:manifest(target) -> the newest by what it says of itself, or nil */
static int
read_manifest(lua_State *L)
{
    size_t count;
    size_t newest = 1;
    const char *latest = "";

    (void)read_manifests(L);
    count = lua_rawlen(L, -1);
    for (size_t i = 1; i <= count; i++) {
        const char *at;

        (void)lua_rawgeti(L, -1, (lua_Integer)i);
        at = uploaded_at(L);
        if (strcmp(at, latest) >= 0) {
            newest = i;
            latest = at;
        }
        lua_pop(L, 1);
    }
    (void)lua_rawgeti(L, -1, (lua_Integer)newest);
    return 1;
}

static const void *
look(const struct aks_testing_world *world, const char *path, size_t *ret_len)
{
    return aks_files_sim_look(aks_sim_files(aks_world_sim(world->world)), path, ret_len);
}

/* world:audit() -> records; what is no JSON is left as the text that it is */
static int
read_audit(lua_State *L)
{
    const struct aks_testing_world *world = aks_testing_world_check(L, 1);
    size_t len = 0;
    const char *at = look(world, AKS_WORLD_STATE "/audit.jsonl", &len);
    const char *end = at + (at != NULL ? len : 0);

    lua_newtable(L);
    while (at != NULL && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((stop != NULL ? stop : end) - at);

        aks_testing_json_text(L, at, line);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushlstring(L, at, line);
        }
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        at += line + 1;
    }
    return 1;
}

static void
keep_job(void *ctx, const char *path, int64_t bytes)
{
    if (strncmp(path, QUEUE, sizeof(QUEUE) - 1) == 0 && path[strlen(path) - 1] != '/')
        keep(ctx, path, NULL, 0);
}

/* world:state() -> { targets = { NAME = { stored, breaker } }, last_run } */
static int
read_state(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *text;
    struct aks_error err;

    if (aks_world_state(world->world, &text, &err) != AKS_OK)
        return luaL_error(L, "world:state: %s", err.message);
    aks_testing_json_text(L, text, strlen(text));
    return 1;
}

/* world:queue() -> jobs, the oldest first */
static int
read_queue(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    void **box = aks_testing_box(L, free_list);
    struct list *list = aks_mem_new(&world->testing->memory.alloc, sizeof(*list));

    if (list == NULL)
        luaL_error(L, "out of memory");
    list->alloc = &world->testing->memory.alloc;
    list->end = ".json";
    *box = list;
    aks_files_sim_each(aks_sim_files(aks_world_sim(world->world)), keep_job, list);
    lua_newtable(L);
    for (size_t i = 0; i < list->count; i++) {
        size_t len = 0;
        const void *data = look(world, list->items[i].key, &len);

        AKS_CHECK(data != NULL);
        aks_testing_json_text(L, data, len);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    return 1;
}

static void
push_lines(lua_State *L, const char *text)
{
    lua_newtable(L);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        lua_pushlstring(L, text, len);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        text += len + (text[len] == '\n');
    }
}

/* world:story "events" -> lines */
static int
read_story(lua_State *L)
{
    static const char *const names[] = { "events", "requests", "decisions", NULL };
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *name = aks_testing_text(L, 2, "world:story");

    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            push_lines(L, aks_world_story(world->world, (enum aks_world_story)i));
            return 1;
        }
    }
    aks_testing_unknown(L, "world:story", "story", name, names);
}

/* world:log() -> lines */
static int
read_log(lua_State *L)
{
    push_lines(L, aks_world_log(aks_testing_world_check(L, 1)->world));
    return 1;
}

/* world:file(name) -> its bytes, or nil */
static int
read_file(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *path = aks_testing_make_path(L, world, aks_testing_text(L, 2, "world:file"));
    size_t len = 0;
    const void *data = look(world, path, &len);

    if (data == NULL)
        return 0;
    lua_pushlstring(L, data, len);
    return 1;
}

const luaL_Reg aks_testing_read_methods[] = {
    { "objects", read_objects },
    { "object", read_object },
    { "manifests", read_manifests },
    { "manifest", read_manifest },
    { "audit", read_audit },
    { "queue", read_queue },
    { "state", read_state },
    { "story", read_story },
    { "log", read_log },
    { "file", read_file },
    { NULL, NULL },
};
