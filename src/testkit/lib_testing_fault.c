/* Plans of faults as tests write them: world.target.NAME:on(operation):reply { ... }:once(). What
 * aks_fault_rule_lua prints is read here. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "testkit/operation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PLACE "place of a world"
#define TARGETS "list of targets"
#define DRAW_RULES_MAX 16

/* Where a fault is: the network, a target's part of it, or the disk. */
struct place {
    struct aks_testing_world *world;
    bool disk;
    char target[AKS_TARGET_NAME_BYTES];
};

static const char *const disk_verbs[] = { "any", "open", "read", "write", "truncate", "sync",
    "info", "lock", "stat", "resolve", "rename", "unlink", "make_folder", "remove_folder",
    "sync_folder", "list", "free_bytes", NULL };
/* --- places ----------------------------------------------------------------------------------- */

size_t
aks_testing_fault_targets(struct aks_testing_world *world, const char **ret_names)
{
    size_t count = aks_world_target_count(world->world);
    size_t named = 0;

    for (int s3 = 1; s3 >= 0; s3--) {
        for (size_t i = 0; i < count; i++) {
            const struct aks_world_target *target = aks_world_target_at(world->world, i);

            if ((target->s3 != NULL) == (s3 == 1))
                ret_names[named++] = target->name;
        }
    }
    return named;
}

/* Pushes a userdata that keeps the world at ${world_index} alive. */
static void *
push_of_world(lua_State *L, int world_index, size_t bytes, const char *class)
{
    void *made;

    world_index = lua_absindex(L, world_index);
    made = lua_newuserdatauv(L, bytes, 1);
    memset(made, 0, bytes);
    lua_pushvalue(L, world_index);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, class);
    return made;
}

bool
aks_testing_fault_place(lua_State *L, int world_index, const char *key)
{
    bool targets = strcmp(key, "target") == 0;
    bool disk = strcmp(key, "disk") == 0;
    struct place *place;

    if (!targets && !disk && strcmp(key, "network") != 0)
        return false;
    place = push_of_world(L, world_index, sizeof(*place), targets ? TARGETS : PLACE);
    place->world = aks_testing_world_check(L, world_index);
    place->disk = disk;
    return true;
}

/* world.target.NAME */
static int
targets_index(lua_State *L)
{
    const struct place *targets = luaL_checkudata(L, 1, TARGETS);
    const char *name = aks_testing_text(L, 2, "world.target");
    const char *names[AKS_TARGETS_MAX + 1];
    const struct aks_world_target *target;
    struct place *place;

    (void)lua_getiuservalue(L, 1, 1);
    (void)aks_testing_world_check(L, -1);
    aks_testing_world_learn(L, targets->world);
    target = aks_world_target(targets->world->world, name);
    if (target == NULL) {
        names[aks_testing_fault_targets(targets->world, names)] = NULL;
        aks_testing_unknown(L, "world.target", "target", name, names);
    }
    if (target->kind == AKS_TARGET_DIR)
        luaL_error(L, "world.target: \"%s\" is a folder: what goes wrong there is world.disk's",
            name);
    place = push_of_world(L, -1, sizeof(*place), PLACE);
    place->world = targets->world;
    (void)snprintf(place->target, sizeof(place->target), "%s", name);
    return 1;
}

/* --- a fault ---------------------------------------------------------------------------------- */

static void
name_operation(lua_State *L, struct aks_fault_rule *rule)
{
    const char *operation = aks_testing_text(L, 2, ":on");

    if (strcmp(operation, "any") == 0)
        operation = "";
    if (!lua_isnoneornil(L, 3)) {
        if (strcmp(operation, "part") != 0)
            luaL_error(L, ":on: only parts have numbers; :nth(n) is the n-th of the others");
        operation = lua_pushfstring(L, "part %I",
            (LUAI_UACINT)aks_testing_whole(L, 3, ":on(\"part\", n)", 1, 1000000));
    }
    if (operation[0] != '\0' && !aks_operation_known(operation))
        aks_testing_unknown(L, ":on", "operation", operation, aks_operation_names());
    aks_testing_draft_text(L, rule->operation, operation, ":on");
}

static void
name_verb(lua_State *L, struct aks_fault_rule *rule)
{
    const char *verb = aks_testing_text(L, 2, ":on");

    if (verb[0] != '\0' && !aks_testing_known(verb, disk_verbs))
        aks_testing_unknown(L, "world.disk:on", "step", verb, disk_verbs);
    aks_testing_draft_text(L, rule->operation, strcmp(verb, "any") == 0 ? "" : verb, ":on");
    if (!lua_isnoneornil(L, 3))
        aks_testing_draft_text(L, rule->target,
            aks_testing_text(L, 3, "world.disk:on: end of the path"), ":on");
}

static void
note_line(lua_State *L, char *ret_text, size_t bytes)
{
    lua_Debug frame;

    ret_text[0] = '\0';
    if (lua_getstack(L, 1, &frame) == 1 && lua_getinfo(L, "Sl", &frame) != 0 &&
        frame.currentline > 0)
        (void)snprintf(ret_text, bytes, "%.80s:%d", frame.short_src, frame.currentline);
}

/* PLACE:on(operation, n), disk:on(step, end of the path) */
static int
place_on(lua_State *L)
{
    const struct place *place = luaL_checkudata(L, 1, PLACE);
    struct aks_testing_world *world = place->world;
    struct aks_testing_draft *draft;
    struct aks_testing_handle *handle;

    (void)lua_getiuservalue(L, 1, 1);
    (void)aks_testing_world_check(L, -1);
    lua_pop(L, 1);
    if (world->draft_count == AKS_FAULT_RULES_MAX)
        luaL_error(L, "a plan has %d faults at most", AKS_FAULT_RULES_MAX);
    draft = &world->drafts[world->draft_count];
    memset(draft, 0, sizeof(*draft));
    draft->world = world;
    aks_fault_rule_init(&draft->rule, AKS_FAULT_REPLY);
    draft->rule.verb[0] = '\0';         /* the kind's own */
    draft->rule.disk = place->disk;
    draft->place = -1;
    (void)snprintf(draft->rule.target, sizeof(draft->rule.target), "%s", place->target);
    if (place->disk)
        name_verb(L, &draft->rule);
    else
        name_operation(L, &draft->rule);
    note_line(L, draft->where, sizeof(draft->where));
    (void)lua_getiuservalue(L, 1, 1);
    handle = push_of_world(L, -1, sizeof(*handle), AKS_TESTING_DRAFT);
    handle->world = world;
    handle->index = world->draft_count++;
    return 1;
}

/* --- plans ------------------------------------------------------------------------------------ */

/* The place that says where the process dies: an operation, or { target, operation, served = }. */
static void
crash_rule(lua_State *L, struct aks_testing_world *world, int served_at,
    struct aks_fault_rule *rule)
{
    const char *names[AKS_TARGETS_MAX + 1];

    aks_fault_rule_init(rule, AKS_FAULT_DIES);
    rule->times = 1;
    if (lua_istable(L, 2)) {
        (void)lua_rawgeti(L, 2, 1);
        (void)lua_rawgeti(L, 2, 2);
        served_at = 2;
        if (lua_isnil(L, -1)) {         /* { "complete", served = true } */
            lua_pop(L, 1);
        } else {
            aks_testing_draft_text(L, rule->target,
                aks_testing_text(L, -2, "world:crash_at: target"), "world:crash_at");
            names[aks_testing_fault_targets(world, names)] = NULL;
            if (!aks_testing_known(rule->target, names))
                aks_testing_unknown(L, "world:crash_at", "target", rule->target, names);
        }
    } else {
        lua_pushvalue(L, 2);
    }
    aks_testing_draft_text(L, rule->operation,
        aks_testing_text(L, -1, "world:crash_at: operation"), "world:crash_at");
    if (!aks_operation_known(rule->operation))
        aks_testing_unknown(L, "world:crash_at", "operation", rule->operation,
            aks_operation_names());
    if (lua_istable(L, served_at))
        rule->served = aks_testing_boolean(L, served_at, "served", false);
}

/* world:crash_at(steps), (operation), { target, operation, served = true } */
int
aks_testing_fault_crash_at(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    struct aks_testing_draft *draft;

    lua_settop(L, 3);
    if (lua_isinteger(L, 2)) {
        aks_world_crash_at(world->world,
            (uint64_t)aks_testing_whole(L, 2, "world:crash_at", 1, INT64_MAX / 2));
        return 0;
    }
    aks_testing_world_learn(L, world);
    if (world->draft_count == AKS_FAULT_RULES_MAX)
        luaL_error(L, "a plan has %d faults at most", AKS_FAULT_RULES_MAX);
    draft = &world->drafts[world->draft_count];
    memset(draft, 0, sizeof(*draft));
    draft->world = world;
    crash_rule(L, world, 3, &draft->rule);
    note_line(L, draft->where, sizeof(draft->where));
    draft->place = (int)aks_world_plan(world->world)->count;
    if (aks_fault_plan_add(aks_world_plan(world->world), &draft->rule) == NULL)
        luaL_error(L, "a plan has %d faults at most", AKS_FAULT_RULES_MAX);
    world->draft_count++;
    return 0;
}

static void
free_text(void *thing)
{
    aks_buf_fini(thing);
}

void
aks_testing_fault_push(lua_State *L, const struct aks_fault_rule *rule, bool maybe)
{
    void **box = aks_testing_box(L, free_text);
    struct aks_buf text;

    aks_buf_init(&text, &aks_testing_of(L)->memory.alloc, AKS_ERROR_MESSAGE_BYTES);
    aks_fault_rule_lua(rule, &text);
    if (maybe)
        aks_buf_puts(&text, ":maybe()");
    *box = &text;
    lua_pushlstring(L, text.data, text.len);
    aks_testing_box_free(box);
    lua_remove(L, -2);
}

/* world:plan() -> the plan as lines of Lua */
int
aks_testing_fault_plan(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    const struct aks_fault_plan *plan = aks_world_plan(world->world);

    lua_newtable(L);
    for (size_t i = 0; i < plan->count; i++) {
        aks_testing_fault_push(L, &plan->rules[i], false);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void
aks_testing_fault_options(lua_State *L, int index, struct aks_fault_draw *ret_draw)
{
    static const char *const fields[] = { "rules_max", "crashes", "disk", "transient", NULL };

    memset(ret_draw, 0, sizeof(*ret_draw));
    ret_draw->rules_max = 4;
    ret_draw->crashes = true;
    ret_draw->disk = true;
    if (lua_isnoneornil(L, index))
        return;
    aks_testing_fields(L, index, "faults", fields);
    if (lua_getfield(L, index, "rules_max") != LUA_TNIL)
        ret_draw->rules_max =
            (unsigned)aks_testing_whole(L, -1, "faults: rules_max", 0, DRAW_RULES_MAX);
    lua_pop(L, 1);
    ret_draw->crashes = aks_testing_boolean(L, index, "crashes", false);
    ret_draw->disk = aks_testing_boolean(L, index, "disk", false);
    ret_draw->transient = aks_testing_boolean(L, index, "transient", false);
}

/* world:draw(seed, faults): adds to the plan what a seed brings; it may also not happen */
int
aks_testing_fault_draw(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);
    uint64_t seed = (uint64_t)aks_testing_whole(L, 2, "world:draw: seed", INT64_MIN, INT64_MAX);
    const char *names[AKS_TARGETS_MAX];
    struct aks_fault_draw draw;
    struct aks_rng rng;

    aks_testing_fault_options(L, 3, &draw);
    draw.targets = names;
    draw.target_count = aks_testing_fault_targets(world, names);
    aks_rng_init(&rng, seed);
    aks_fault_plan_draw(aks_world_plan(world->world), &draw, &rng);
    return 0;
}

/* world:clear_plan() */
int
aks_testing_fault_clear(lua_State *L)
{
    struct aks_testing_world *world = aks_testing_world_check(L, 1);

    aks_world_plan(world->world)->count = 0;
    world->draft_count = 0;
    aks_world_crash_at(world->world, 0);
    return 0;
}

static void
tell(const struct aks_testing_draft *draft, struct aks_testing_world *world, char *ret_text,
    size_t bytes)
{
    struct aks_buf text;

    aks_buf_init(&text, &world->testing->memory.alloc, AKS_ERROR_MESSAGE_BYTES);
    aks_fault_rule_lua(&draft->rule, &text);
    (void)snprintf(ret_text, bytes, "%s%s%.*s", draft->where, draft->where[0] != '\0' ? ": " : "",
        (int)bytes / 2, text.data);
    aks_buf_fini(&text);
}

bool
aks_testing_fault_idle(struct aks_testing_world *world, char *ret_text, size_t bytes)
{
    const struct aks_fault_plan *plan = aks_world_plan(world->world);

    for (size_t i = 0; i < world->draft_count; i++) {
        const struct aks_testing_draft *draft = &world->drafts[i];

        if (draft->place < 0) {
            (void)snprintf(ret_text, bytes, "%s: :on(\"%s\") says where, and not what (:fail, "
                ":reply, :slow ...)", draft->where, draft->rule.operation);
            return true;
        }
        if (plan->rules[draft->place].struck == 0 && !draft->maybe) {
            tell(draft, world, ret_text, bytes);
            return true;
        }
    }
    if (!aks_world_crash_due(world->world))
        return false;
    (void)snprintf(ret_text, bytes, "world:crash_at(...): the world came to its end before");
    return true;
}

void
aks_testing_fault_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "on", place_on },
        { NULL, NULL },
    };

    aks_testing_class(L, PLACE, methods, NULL);
    (void)luaL_newmetatable(L, TARGETS);
    lua_pushcfunction(L, targets_index);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    aks_testing_draft_open(L);
}
