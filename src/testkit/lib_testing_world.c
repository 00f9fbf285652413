/* What happens in a world, as tests see it. */
#include "testkit/lib_testing_internal.h"

#include "api/api_internal.h"
#include "base/check.h"
#include "base/units.h"
#include "script/push_json.h"
#include "testkit/laws.h"

#include <stdio.h>
#include <string.h>

#define ADVANCE_S_MAX (366.0 * 86400)
#define SKEW_S_MAX (100.0 * 366 * 86400)

struct aks_testing_world *
aks_testing_world_check(lua_State *L, int index)
{
    struct aks_testing_world *world = luaL_checkudata(L, index, AKS_TESTING_WORLD);

    if (world->world == NULL)
        luaL_error(L, "this world is gone: it lived as long as the test that made it");
    return world;
}

/* For what would pull the ground from under a run that goes on. */
static struct aks_testing_world *
check_still(lua_State *L, const char *what)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);

    if (world->L != NULL)
        luaL_error(L, "world:%s while the world runs", what);
    return world;
}

/* The policy lies in the world's home; a test knows it by its own path. */
static void
push_message(lua_State *L, const struct aks_testing_world *world, const char *message)
{
    if (strncmp(message, AKS_WORLD_POLICY, sizeof(AKS_WORLD_POLICY) - 1) == 0)
        (void)lua_pushfstring(L, "%s%s", world->policy, message + sizeof(AKS_WORLD_POLICY) - 1);
    else
        lua_pushstring(L, message);
}

void
aks_testing_world_learn(lua_State *L, struct aks_testing_world *world)
{
    struct aks_error err;

    if (aks_world_learn(world->world, &err) == AKS_OK)
        return;
    luaL_where(L, 1);
    push_message(L, world, err.message);
    if (err.hint[0] != '\0')
        (void)lua_pushfstring(L, " (%s)", err.hint);
    else
        lua_pushliteral(L, "");
    lua_concat(L, 3);
    lua_error(L);
}

/* --- its end ---------------------------------------------------------------------------------- */

static void
note_idle(struct aks_testing_world *world)
{
    struct aks_testing *testing = world->testing;
    char text[AKS_TESTING_SHOWN_BYTES];

    if (testing->idle[0] != '\0' || !aks_testing_fault_idle(world, text, sizeof(text)))
        return;
    (void)snprintf(testing->idle, sizeof(testing->idle), "planned but did not happen: %s", text);
}

void
aks_testing_world_close(struct aks_testing_world *world)
{
    struct aks_testing_world **link = &world->testing->worlds;

    if (world->world == NULL)
        return;
    note_idle(world);
    while (*link != NULL && *link != world)
        link = &(*link)->next;
    if (*link == world) {
        *link = world->next;
        world->testing->worlds_open--;
    }
    aks_world_free(world->world);
    world->world = NULL;
}

static int
world_collect(lua_State *L)
{
    struct aks_testing_world *world = luaL_checkudata(L, 1, AKS_TESTING_WORLD);

    aks_testing_world_close(world);
    return 0;
}

/* --- runs ------------------------------------------------------------------------------------- */

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void
tell_decisions(const struct aks_testing_world *world, const json_t *report)
{
    const struct aks_suite_options *options = world->testing->options;
    const json_t *decision;
    size_t i;

    if (options->decision == NULL)
        return;
    json_array_foreach(json_object_get(report, "decisions"), i, decision) {
        struct aks_suite_decision told = { 0 };

        told.policy = world->policy;
        told.question = text_of(decision, "question");
        told.failure = text_of(json_object_get(decision, "facts"), "failure");
        told.answer = text_of(decision, "answer");
        told.by_policy = strcmp(text_of(decision, "by"), "policy") == 0;
        options->decision(options->ctx, &told);
    }
}

/* A run that did not begin, as a report. */
static void
push_failed(lua_State *L, const struct aks_testing_world *world, const struct aks_error *err)
{
    struct akosha_error told;

    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "failed");
    lua_setfield(L, -2, "outcome");
    lua_pushinteger(L, akosha_api_error(err, &told));
    lua_setfield(L, -2, "exit_code");
    lua_createtable(L, 0, 3);
    lua_pushstring(L, aks_status_name(err->status));
    lua_setfield(L, -2, "failure");
    push_message(L, world, err->message);
    (void)snprintf(world->testing->unrun, sizeof(world->testing->unrun), "%s",
        lua_tostring(L, -1));
    lua_setfield(L, -2, "message");
    lua_pushstring(L, err->hint);
    lua_setfield(L, -2, "hint");
    lua_setfield(L, -2, "error");
}

static void
free_json(void *thing)
{
    json_decref(thing);
}

enum aks_status
aks_testing_world_process(lua_State *L, int index, aks_testing_act *act, const void *options,
    struct aks_error *ret_broken)
{
    struct aks_testing_world *world = aks_testing_world_check(L, index);
    void **box = aks_testing_box(L, free_json);
    json_t *report = NULL;
    struct aks_error err = { 0 };
    enum aks_status status;
    enum aks_status law;

    (void)lua_getiuservalue(L, index, 1);
    world->functions = lua_gettop(L);
    world->failed[0] = '\0';
    world->testing->unrun[0] = '\0';
    world->L = L;
    status = act(world->world, options, &report, &err);
    world->L = NULL;
    *box = report;
    aks_testing_look(L);
    if (world->failed[0] != '\0')
        luaL_error(L, "%s", world->failed);
    if (world->testing->memory.refused)
        luaL_error(L, "worlds and tests together have %d MiB of memory",
            (int)(AKS_SUITE_MEMORY_BYTES / AKS_MIB));
    law = aks_laws_check(world->world, report, ret_broken);
    if (status != AKS_OK && report == NULL) {
        push_failed(L, world, &err);
    } else if (report == NULL) {
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "crashed");
        lua_setfield(L, -2, "outcome");
    } else {
        tell_decisions(world, report);
        aks_push_json(L, report, NULL);
    }
    aks_testing_box_free(box);
    lua_replace(L, -3);                 /* the box */
    lua_pop(L, 1);
    return law;
}

static enum aks_status
act_run(struct aks_world *world, const void *options, json_t **ret_report, struct aks_error *err)
{
    return aks_world_run(world, options, ret_report, err);
}

enum aks_status
aks_testing_world_run(lua_State *L, int index, const struct aks_world_run_options *options,
    struct aks_error *ret_broken)
{
    return aks_testing_world_process(L, index, act_run, options, ret_broken);
}

/* What a law's failure says besides: how to see it again. */
void
aks_testing_world_broken(lua_State *L, int index, const struct aks_error *broken)
{
    const struct aks_testing_world *world = aks_testing_world_check(L, index);

    aks_testing_fail(L, "law broken: %s (in the world of seed %lld)", broken->message,
        (long long)world->seed);
}

size_t
aks_testing_world_sources(lua_State *L, struct aks_testing_world *world, const char *what,
    const char **ret_sources)
{
    size_t count = 0;

    if (lua_getfield(L, 2, "sources") == LUA_TNIL)
        return 0;
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: sources: expected a list of names", what);
    while (lua_rawgeti(L, 3, (lua_Integer)count + 1) != LUA_TNIL) {
        if (count == AKS_TESTING_SOURCES_MAX)
            luaL_error(L, "%s: %d sources at most", what, AKS_TESTING_SOURCES_MAX);
        luaL_checkstack(L, 4, NULL);
        ret_sources[count++] =
            aks_testing_make_path(L, world, aks_testing_text(L, -1, what));
    }
    return count;
}

/* world:run { sources =, target =, no_fallback =, dry_run = } -> report */
static int
world_run(lua_State *L)
{
    static const char *const fields[] = { "sources", "target", "no_fallback", "dry_run", NULL };
    struct aks_testing_world *world = check_still(L, "run");
    struct aks_world_run_options options = { 0 };
    const char *sources[AKS_TESTING_SOURCES_MAX];
    struct aks_error broken = { 0 };

    lua_settop(L, 2);
    if (aks_world_died(world->world))
        luaL_error(L, "world:run: the machine is down; world:restart {} first");
    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:run", fields);
        options.source_count = aks_testing_world_sources(L, world, "world:run", sources);
        options.sources = options.source_count > 0 ? sources : NULL;
        if (lua_getfield(L, 2, "target") != LUA_TNIL)
            options.target = aks_testing_text(L, -1, "world:run: target");
        options.no_fallback = aks_testing_boolean(L, 2, "no_fallback", false);
        options.dry_run = aks_testing_boolean(L, 2, "dry_run", false);
    }
    if (aks_testing_world_run(L, 1, &options, &broken) != AKS_OK)
        aks_testing_world_broken(L, 1, &broken);
    return 1;
}

enum aks_status
aks_testing_world_restart(struct aks_testing_world *world, bool power,
    struct aks_error *ret_broken)
{
    aks_world_restart(world->world, power);
    return aks_laws_check(world->world, NULL, ret_broken);
}

/* world:restart { power = true } */
static int
world_restart(lua_State *L)
{
    static const char *const fields[] = { "power", NULL };
    struct aks_testing_world *world = check_still(L, "restart");
    struct aks_error broken = { 0 };
    bool power = false;

    if (!lua_isnoneornil(L, 2)) {
        aks_testing_fields(L, 2, "world:restart", fields);
        power = aks_testing_boolean(L, 2, "power", false);
    }
    if (aks_testing_world_restart(world, power, &broken) != AKS_OK)
        aks_testing_world_broken(L, 1, &broken);
    return 0;
}

/* --- time ------------------------------------------------------------------------------------- */

/* world:advance(seconds) */
static int
world_advance(lua_State *L)
{
    struct aks_testing_world *world = check_still(L, "advance");

    aks_world_advance(world->world, aks_testing_ns(L, 2, "world:advance", ADVANCE_S_MAX));
    return 0;
}

/* world:sleep(seconds) */
static int
world_sleep(lua_State *L)
{
    struct aks_testing_world *world = check_still(L, "sleep");

    aks_world_sleep(world->world, aks_testing_ns(L, 2, "world:sleep", ADVANCE_S_MAX));
    return 0;
}

/* world:set_clock(seconds that it is ahead) or { at = seconds since 1970, utc_offset = seconds } */
static int
world_set_clock(lua_State *L)
{
    static const char *const fields[] = { "at", "utc_offset", NULL };
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    struct aks_agenda *agenda = aks_sim_agenda(aks_world_sim(world->world));
    bool absolute = lua_istable(L, 2);
    double seconds;

    if (absolute) {
        aks_testing_fields(L, 2, "world:set_clock", fields);
        if (lua_getfield(L, 2, "utc_offset") != LUA_TNIL) {
            aks_sim_utc_offset(aks_world_sim(world->world),
                aks_testing_make_utc_offset(L, -1, "world:set_clock: utc_offset"));
            if (lua_getfield(L, 2, "at") == LUA_TNIL)
                return 0;
        }
        (void)lua_getfield(L, 2, "at");
        lua_replace(L, 2);
    }
    seconds = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : 2 * SKEW_S_MAX;
    if (!(seconds >= -SKEW_S_MAX && seconds <= SKEW_S_MAX))
        luaL_error(L, "world:set_clock: expected the seconds that the clock is ahead, or { at = "
            "seconds since 1970, utc_offset = seconds }");
    agenda->skew_ms = (int64_t)(seconds * (double)AKS_MS_PER_S);
    if (absolute)
        agenda->skew_ms -= aks_agenda_true_ms(agenda);
    return 0;
}

/* world:now() -> seconds since the world began */
static int
world_now(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);

    lua_pushnumber(L, (double)aks_sim_agenda(aks_world_sim(world->world))->now_ns /
        (double)AKS_NS_PER_S);
    return 1;
}

/* world:calm(yes): no fault of the plan happens any more, or again */
static int
world_calm(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);

    aks_world_calm(world->world, lua_isnoneornil(L, 2) || lua_toboolean(L, 2));
    return 0;
}

/* --- files and variables ---------------------------------------------------------------------- */

/* world:put_file(name, bytes) */
static int
world_put_file(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *path = aks_testing_make_path(L, world, aks_testing_text(L, 2, "world:put_file"));

    aks_testing_bytes_put(L, 3, world->world, path, INT64_MAX);
    return 0;
}

/* world:edit_file(name, bytes or function(bytes) -> bytes) */
static int
world_edit_file(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *path;
    const void *data;
    size_t len;

    lua_settop(L, 3);
    path = aks_testing_make_path(L, world, aks_testing_text(L, 2, "world:edit_file"));
    data = aks_files_sim_look(aks_sim_files(aks_world_sim(world->world)), path, &len);
    if (data == NULL)
        luaL_error(L, "world:edit_file: there is no file %s", path);
    if (lua_isfunction(L, 3)) {
        lua_pushvalue(L, 3);
        lua_pushlstring(L, data, len);
        lua_call(L, 1, 1);
        lua_replace(L, 3);
    }
    aks_testing_bytes_put(L, 3, world->world, path, INT64_MAX);
    return 0;
}

/* world:remove_file(name) */
static int
world_remove_file(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *path =
        aks_testing_make_path(L, world, aks_testing_text(L, 2, "world:remove_file"));
    struct aks_error err;

    if (aks_files_sim_remove(aks_sim_files(aks_world_sim(world->world)), path, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    return 0;
}

/* world:env(name, value): nil or false takes it away */
static int
world_env(lua_State *L)
{
    struct aks_testing_world *world = check_still(L, "env");
    const char *name = aks_testing_text(L, 2, "world:env");
    const char *value = lua_toboolean(L, 3) ? aks_testing_text(L, 3, "world:env") : NULL;
    struct aks_error err;

    if (aks_world_variable(world->world, name, value, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    return 0;
}

/* --- the class -------------------------------------------------------------------------------- */

/* world.target, world.network, world.disk, world.seed; else a method. */
static int
world_index(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *key = lua_tostring(L, 2);

        if (strcmp(key, "seed") == 0) {
            lua_pushinteger(L, (lua_Integer)aks_testing_world_check(L, 1)->seed);
            return 1;
        }
        if (aks_testing_fault_place(L, 1, key))
            return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

void
aks_testing_world_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "run", world_run },
        { "restart", world_restart },
        { "advance", world_advance },
        { "sleep", world_sleep },
        { "set_clock", world_set_clock },
        { "now", world_now },
        { "calm", world_calm },
        { "put_file", world_put_file },
        { "edit_file", world_edit_file },
        { "remove_file", world_remove_file },
        { "env", world_env },
        { "crash_at", aks_testing_fault_crash_at },
        { "plan", aks_testing_fault_plan },
        { "draw", aks_testing_fault_draw },
        { "clear_plan", aks_testing_fault_clear },
        { NULL, NULL },
    };

    aks_testing_class(L, AKS_TESTING_WORLD, methods, world_collect);
    (void)luaL_getmetatable(L, AKS_TESTING_WORLD);
    (void)lua_getfield(L, -1, "__index");
    (void)lua_getupvalue(L, -1, 1);
    luaL_setfuncs(L, aks_testing_read_methods, 0);
    luaL_setfuncs(L, aks_testing_background_methods, 0);
    lua_pop(L, 1);
    lua_pushcclosure(L, world_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
