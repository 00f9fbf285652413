/* Processes of a world besides runs, as tests see them: enqueue, worker, restore, verify, prune,
 * list, fleet; and databases that somebody writes meanwhile. */
#include "testkit/lib_testing_internal.h"

#include "base/units.h"

#include <string.h>

#define SECONDS_MAX (366.0 * 86400)
#define STEP_MAX 2000000
#define ACTS_MAX 100000

static struct aks_testing_world *
check_up(lua_State *L, const char *what)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);

    if (world->L != NULL)
        luaL_error(L, "world:%s while the world runs", what);
    if (aks_world_died(world->world))
        luaL_error(L, "world:%s: the machine is down; world:restart {} first", what);
    lua_settop(L, 2);
    return world;
}

/* Stays on the stack, so that it lasts. */
static const char *
text_field(lua_State *L, int index, const char *name, const char *what)
{
    return lua_getfield(L, index, name) != LUA_TNIL ? aks_testing_text(L, -1, what) : NULL;
}

static int
process(lua_State *L, aks_testing_act *act, const void *options)
{
    struct aks_error broken = { 0 };

    if (aks_testing_world_process(L, 1, act, options, &broken) != AKS_OK)
        aks_testing_world_broken(L, 1, &broken);
    return 1;
}

static enum aks_status
act_enqueue(struct aks_world *world, const void *options, json_t **ret_report,
    struct aks_error *err)
{
    char job_id[AKS_WORLD_JOB_ID_BYTES];
    enum aks_status status = aks_world_enqueue(world, options, job_id, err);

    if (status == AKS_OK && job_id[0] != '\0')
        *ret_report = json_pack("{s:s, s:s}", "outcome", "enqueued", "job_id", job_id);
    return status;
}

/* world:enqueue { sources =, target =, no_fallback = } -> { outcome = "enqueued", job_id = } */
static int
world_enqueue(lua_State *L)
{
    static const char *const fields[] = { "sources", "target", "no_fallback", NULL };
    struct aks_testing_world *world = check_up(L, "enqueue");
    struct aks_world_run_options options = { 0 };
    const char *sources[AKS_TESTING_SOURCES_MAX];

    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:enqueue", fields);
        options.source_count = aks_testing_world_sources(L, world, "world:enqueue", sources);
        options.sources = options.source_count > 0 ? sources : NULL;
        options.target = text_field(L, 2, "target", "world:enqueue: target");
        options.no_fallback = aks_testing_boolean(L, 2, "no_fallback", false);
    }
    return process(L, act_enqueue, &options);
}

static enum aks_status
act_worker(struct aks_world *world, const void *options, json_t **ret_report,
    struct aks_error *err)
{
    return aks_world_worker(world, options, ret_report, err);
}

/* world:worker { once =, seconds = } -> report */
static int
world_worker(lua_State *L)
{
    static const char *const fields[] = { "once", "seconds", NULL };
    struct aks_world_worker_options options = { 0 };

    (void)check_up(L, "worker");
    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:worker", fields);
        options.once = aks_testing_boolean(L, 2, "once", false);
        if (lua_getfield(L, 2, "seconds") != LUA_TNIL)
            options.for_ms = aks_testing_ns(L, -1, "world:worker: seconds", SECONDS_MAX) /
                AKS_NS_PER_MS;
    }
    return process(L, act_worker, &options);
}

static enum aks_status
act_restore(struct aks_world *world, const void *options, json_t **ret_report,
    struct aks_error *err)
{
    return aks_world_restore(world, options, ret_report, err);
}

/* world:restore { to =, upload =, target =, force = } -> report */
static int
world_restore(lua_State *L)
{
    static const char *const fields[] = { "to", "upload", "target", "force", NULL };
    struct aks_testing_world *world = check_up(L, "restore");
    struct aks_world_restore_options options = { .to = AKS_WORLD_HOME "/restored" };

    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:restore", fields);
        options.upload_id = text_field(L, 2, "upload", "world:restore: upload");
        options.target = text_field(L, 2, "target", "world:restore: target");
        options.force = aks_testing_boolean(L, 2, "force", false);
        if (lua_getfield(L, 2, "to") != LUA_TNIL)
            options.to = aks_testing_make_path(L, world,
                aks_testing_text(L, -1, "world:restore: to"));
    }
    return process(L, act_restore, &options);
}

static enum aks_status
act_verify(struct aks_world *world, const void *options, json_t **ret_report,
    struct aks_error *err)
{
    return aks_world_verify(world, options, ret_report, err);
}

/* world:verify { upload =, target = } -> report */
static int
world_verify(lua_State *L)
{
    static const char *const fields[] = { "upload", "target", NULL };
    struct aks_world_restore_options options = { 0 };

    (void)check_up(L, "verify");
    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:verify", fields);
        options.upload_id = text_field(L, 2, "upload", "world:verify: upload");
        options.target = text_field(L, 2, "target", "world:verify: target");
    }
    return process(L, act_verify, &options);
}

static enum aks_status
act_prune(struct aks_world *world, const void *options, json_t **ret_report,
    struct aks_error *err)
{
    return aks_world_prune(world, options, ret_report, err);
}

/* world:prune { keep =, target =, apply = } -> report */
static int
world_prune(lua_State *L)
{
    static const char *const fields[] = { "keep", "target", "apply", NULL };
    struct aks_world_prune_options options = { 0 };

    (void)check_up(L, "prune");
    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:prune", fields);
        options.keep = text_field(L, 2, "keep", "world:prune: keep");
        options.target = text_field(L, 2, "target", "world:prune: target");
        options.apply = aks_testing_boolean(L, 2, "apply", false);
    }
    return process(L, act_prune, &options);
}

static enum aks_status
act_list(struct aks_world *world, const void *options, json_t **ret_report, struct aks_error *err)
{
    return aks_world_list(world, options, ret_report, err);
}

/* world:list { target = } -> report */
static int
world_list(lua_State *L)
{
    static const char *const fields[] = { "target", NULL };
    const char *target = NULL;

    (void)check_up(L, "list");
    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:list", fields);
        target = text_field(L, 2, "target", "world:list: target");
    }
    return process(L, act_list, target);
}

static enum aks_status
act_fleet(struct aks_world *world, const void *options, json_t **ret_report,
    struct aks_error *err)
{
    return aks_world_fleet(world, options, ret_report, err);
}

/* world:fleet { target =, stale = } -> report */
static int
world_fleet(lua_State *L)
{
    static const char *const fields[] = { "target", "stale", NULL };
    struct aks_world_fleet_options options = { 0 };

    (void)check_up(L, "fleet");
    if (!lua_isnil(L, 2)) {
        aks_testing_fields(L, 2, "world:fleet", fields);
        options.target = text_field(L, 2, "target", "world:fleet: target");
        options.stale = text_field(L, 2, "stale", "world:fleet: stale");
    }
    return process(L, act_fleet, &options);
}

/* --- writers ---------------------------------------------------------------------------------- */

#define WRITER_TABLE 3                  /* where the table is that describes one */

static enum aks_writer_kind
read_kind(lua_State *L)
{
    static const char *const names[] = { "duckdb", "sqlite", "sqlite_journal", NULL };
    const char *name = text_field(L, WRITER_TABLE, "kind", "world:writer: kind");

    for (int i = 0; name != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum aks_writer_kind)i;
    }
    if (name != NULL)
        aks_testing_unknown(L, "world:writer", "kind", name, names);
    return AKS_WRITER_DUCKDB;
}

static uint64_t
whole_field(lua_State *L, const char *name, int64_t max, uint64_t absent)
{
    return lua_getfield(L, WRITER_TABLE, name) == LUA_TNIL ? absent
        : (uint64_t)aks_testing_whole(L, -1, name, 0, max);
}

/* Who writes ${path}; false if nobody does. */
static bool
find_writer(const struct aks_testing_world *world, const char *path, size_t *ret_index)
{
    const struct aks_writer *writer;

    for (size_t i = 0; (writer = aks_world_writer_at(world->world, i)) != NULL; i++) {
        if (strcmp(aks_writer_path(writer), path) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* world:writer(name, { kind =, seed =, session =, from =, every =, acts = }): makes the database,
 * and somebody who writes it; of one that is there the pace alone changes. */
static int
world_writer(lua_State *L)
{
    static const char *const fields[] = { "kind", "seed", "session", "from", "every", "acts",
        NULL };
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    struct aks_world_writer writer = { 0 };
    struct aks_error err;
    size_t index;

    lua_settop(L, WRITER_TABLE);
    if (lua_isnil(L, WRITER_TABLE)) {
        lua_newtable(L);
        lua_replace(L, WRITER_TABLE);
    }
    aks_testing_fields(L, WRITER_TABLE, "world:writer", fields);
    writer.path = aks_testing_make_path(L, world, aks_testing_text(L, 2, "world:writer"));
    writer.kind = read_kind(L);
    writer.seed = whole_field(L, "seed", INT64_MAX, world->seed);
    writer.session = (unsigned)whole_field(L, "session", ACTS_MAX, 0);
    writer.pace.first = whole_field(L, "from", STEP_MAX, 1);
    writer.pace.every = whole_field(L, "every", STEP_MAX, 10);
    writer.pace.acts = (unsigned)whole_field(L, "acts", ACTS_MAX, 1);
    if (find_writer(world, writer.path, &index))
        aks_world_writer_pace(world->world, index, &writer.pace);
    else if (aks_world_writer(world->world, &writer, NULL, &err) != AKS_OK)
        aks_testing_raise(L, &err);
    return 0;
}

/* world:write(name, acts) -> how many transactions are committed: it acts now, so often; or, with
 * no number, commits what it has begun, makes a checkpoint and closes the database. */
static int
world_write(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const char *path;
    struct aks_error err;
    enum aks_status status;
    size_t index;

    lua_settop(L, 3);
    path = aks_testing_make_path(L, world, aks_testing_text(L, 2, "world:write"));
    if (!find_writer(world, path, &index))
        luaL_error(L, "world:write: nobody writes %s; world:writer first", path);
    if (lua_isnil(L, 3))
        status = aks_world_writers_rest(world->world, &err);
    else
        status = aks_world_writer_acts(world->world, index,
            (unsigned)aks_testing_whole(L, 3, "world:write", 0, ACTS_MAX), &err);
    if (status != AKS_OK)
        aks_testing_raise(L, &err);
    lua_pushinteger(L, (lua_Integer)aks_writer_committed(aks_world_writer_at(world->world,
        index)));
    return 1;
}

const luaL_Reg aks_testing_background_methods[] = {
    { "enqueue", world_enqueue },
    { "worker", world_worker },
    { "restore", world_restore },
    { "verify", world_verify },
    { "prune", world_prune },
    { "list", world_list },
    { "fleet", world_fleet },
    { "writer", world_writer },
    { "write", world_write },
    { NULL, NULL },
};
