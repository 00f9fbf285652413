/* What builders in Lua (lua/akosha/retry.lua, route.lua, match.lua) have checked in C. */
#include "script/lib_akosha.h"

#include "base/check.h"
#include "script/handle.h"
#include "script/order.h"
#include "script/problem_internal.h"
#include "script/spec.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

/* In the registry: a list of { what the builder is called in messages, names of targets or a mirror
 * of them }. */
#define TARGETS "akosha.schedules"      /* of schedules by target: what each is called, its names */
#define NOTED "akosha.names"
/* The same: functions that are routes and answer with what builders were given. */
#define WHOLE "akosha.whole"

#define WHAT 1          /* stack indices of the builders' arguments */
#define GIVEN 2
#define DEFAULT 3
#define NEEDED 3
#define KEPT 4

#define ROUTE_EXPECTED "a name of a target, a list of names or a function"

/* expected(what, expected, value): raises "what: expected ..., got ...". */
int
aks_lib_expected(lua_State *L)
{
    aks_value_expected(L, luaL_checkstring(L, WHAT), luaL_checkstring(L, GIVEN), 3);
}

/* warn(what, message): tells of what is hardly meant. */
int
aks_lib_warn(lua_State *L)
{
    const char *what = luaL_checkstring(L, WHAT);

    aks_problem_warn_here(L, what, "%s: %s", what, luaL_checkstring(L, GIVEN));
    return 0;
}

/* rate(what, value): the value, if it is bytes per second. */
int
aks_lib_rate(lua_State *L)
{
    lua_settop(L, GIVEN);
    (void)aks_spec_rate(L, GIVEN, luaL_checkstring(L, WHAT));
    return 1;
}

/* --- schedules -------------------------------------------------------------------------------- */

/* The schedule of one failure, if the table at GIVEN has one, and its handle into KEPT. */
static void
take_one(lua_State *L, const char *name, const struct aks_schedule **slot)
{
    const struct aks_schedule *schedule;

    if (aks_value_field(L, GIVEN, name) != LUA_TNIL) {
        schedule = aks_handle_schedule(L, -1);
        if (schedule == NULL || schedule->growth >= AKS_GROWTH_BY_FAILURE) {
            (void)lua_pushfstring(L, "%s: %s", lua_tostring(L, WHAT), name);
            aks_value_expected(L, lua_tostring(L, -1),
                "a schedule (akosha.retry.exponential { ... })", -2);
        }
        *slot = schedule;
        lua_pushvalue(L, -1);
        lua_rawseti(L, KEPT, (lua_Integer)lua_rawlen(L, KEPT) + 1);
    }
    lua_pop(L, 1);
}

/* by_failure(what, { throttled = schedule, ... default = schedule }, default): of failures that
 * another try cannot mend, none. */
int
aks_lib_by_failure(lua_State *L)
{
    const struct aks_schedule *each[AKS_STATUS_COUNT];
    const struct aks_schedule *otherwise = aks_handle_schedule(L, DEFAULT);
    const char *names[AKS_STATUS_COUNT + 1];
    size_t count = 0;

    AKS_CHECK(otherwise != NULL);
    for (int i = 0; i < AKS_STATUS_COUNT; i++) {
        if (aks_status_transient((enum aks_status)i))
            names[count++] = aks_status_name((enum aks_status)i);
    }
    names[count++] = "default";
    names[count] = NULL;
    lua_settop(L, DEFAULT);
    aks_value_fields(L, GIVEN, luaL_checkstring(L, WHAT), names);
    lua_createtable(L, (int)count, 0);
    lua_pushvalue(L, DEFAULT);
    lua_rawseti(L, KEPT, 1);
    take_one(L, "default", &otherwise);
    for (int i = 0; i < AKS_STATUS_COUNT; i++) {
        each[i] = otherwise;
        if (aks_status_transient((enum aks_status)i))
            take_one(L, aks_status_name((enum aks_status)i), &each[i]);
    }
    aks_handle_push_by_failure(L, each);
    return 1;
}

/* One pair of the table, name and value on top, into the table at KEPT. */
static void
take_target(lua_State *L, const char **name, const struct aks_schedule **slot)
{
    *slot = aks_handle_schedule(L, -1);
    if (lua_type(L, -2) != LUA_TSTRING)
        aks_value_expected(L, lua_tostring(L, WHAT), "names of targets as keys", -2);
    if (*slot == NULL || (*slot)->growth == AKS_GROWTH_BY_TARGET) {
        (void)lua_pushfstring(L, "%s: %s", lua_tostring(L, WHAT), lua_tostring(L, -2));
        aks_value_expected(L, lua_tostring(L, -1), "a schedule that is not by target", -2);
    }
    *name = lua_tostring(L, -2);
    for (int i = -2; i <= -1; i++) {
        lua_pushvalue(L, -2);
        lua_rawseti(L, KEPT, (lua_Integer)lua_rawlen(L, KEPT) + 1);
    }
}

/* "akosha.targets of line 7": what an error is about that is known only later. [-0, +1, raises] */
static void
push_what_and_line(lua_State *L)
{
    lua_Debug frame = { 0 };
    int level;

    if (aks_value_policy_frame(L, 0, &level, &frame))
        (void)lua_pushfstring(L, "%s of line %d", lua_tostring(L, WHAT), frame.currentline);
    else
        lua_pushvalue(L, WHAT);
}

/* Which targets there are is known only when the policy is: until then they are noted. */
static void
note_targets(lua_State *L, const char *const *names, size_t count)
{
    const struct aks_vm *vm = aks_vm_of(L);
    struct aks_route route;

    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (vm->phase != AKS_PHASE_LOAD) {
        aks_spec_route(L, lua_gettop(L), lua_tostring(L, WHAT), &vm->settings, &route);
        lua_pop(L, 1);
        return;
    }
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, TARGETS);
    lua_insert(L, -2);
    push_what_and_line(L);
    lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

/* by_target(what, { cloud = schedule, ... default = schedule }, default) */
int
aks_lib_by_target(lua_State *L)
{
    const struct aks_schedule *each[AKS_TARGETS_MAX + 1];
    const char *names[AKS_TARGETS_MAX + 1];
    const struct aks_schedule *otherwise = aks_handle_schedule(L, DEFAULT);
    const char *what = luaL_checkstring(L, WHAT);
    size_t found = 0;
    size_t count;

    lua_settop(L, DEFAULT);
    if (!lua_istable(L, GIVEN) || lua_getmetatable(L, GIVEN))
        aks_value_expected(L, what, "a plain table of schedules by names of targets", GIVEN);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, DEFAULT);
    lua_rawseti(L, KEPT, 1);
    count = aks_order_keys(L, GIVEN);
    if (count > AKS_TARGETS_MAX + 1)
        aks_value_raise(L, "%s: at most %d targets", what, AKS_TARGETS_MAX);
    for (size_t i = 1; i <= count; i++) {
        aks_order_push_key(L, KEPT + 1, i);
        lua_pushvalue(L, -1);
        (void)lua_rawget(L, GIVEN);
        take_target(L, &names[found], &each[found]);
        if (strcmp(names[found], "default") == 0)
            otherwise = each[found];
        else
            found++;
        lua_settop(L, KEPT + 1);
    }
    AKS_CHECK(found <= AKS_TARGETS_MAX);
    each[found] = otherwise;
    lua_settop(L, KEPT);
    if (found > 0)
        note_targets(L, names, found);
    aks_handle_push_by_target(L, names, each, found);
    return 1;
}

void
aks_lib_check_schedules(lua_State *L, const struct aks_settings *settings)
{
    int top = lua_gettop(L);
    struct aks_route route;

    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, TARGETS);
    for (size_t i = 1; i < lua_rawlen(L, top + 1); i += 2) {
        (void)lua_rawgeti(L, top + 1, (lua_Integer)i);
        (void)lua_rawgeti(L, top + 1, (lua_Integer)i + 1);
        aks_spec_route(L, top + 3, lua_tostring(L, top + 2), settings, &route);
        lua_settop(L, top + 1);
    }
    lua_settop(L, top);
}

/* --- names of targets ------------------------------------------------------------------------- */

/* Replaces the string or list at GIVEN with a list of our own. [-0, +0, raises] */
static void
copy_names(lua_State *L, const char *what, const char *expected)
{
    bool one = lua_type(L, GIVEN) == LUA_TSTRING;
    size_t count = 1;

    if (!one && !lua_istable(L, GIVEN))
        aks_value_expected(L, what, expected, GIVEN);
    if (!one)
        count = aks_value_list(L, GIVEN, what, "a list of names of targets", AKS_TARGETS_MAX);
    if (count == 0)
        aks_value_raise(L, "%s: the list is empty", what);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        if (one)
            lua_pushvalue(L, GIVEN);
        else
            (void)lua_rawgeti(L, GIVEN, (lua_Integer)i);
        if (lua_type(L, -1) != LUA_TSTRING)
            aks_value_expected(L, what, "names of targets", -1);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
    lua_replace(L, GIVEN);
}

/* While a policy is loaded, what stands at GIVEN is noted for aks_lib_check_names: which targets
 * there are is known only then. Leaves it on top. [-any, +any, raises] */
static void
note_names(lua_State *L)
{
    lua_settop(L, GIVEN);
    if (aks_vm_of(L)->phase != AKS_PHASE_LOAD)
        return;
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, NOTED);
    lua_createtable(L, 2, 0);
    push_what_and_line(L);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, GIVEN);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_settop(L, GIVEN);
}

/* names(what, names): a copy of one name or a list of them as a list; a mirror as it is. */
int
aks_lib_names(lua_State *L)
{
    const char *what = luaL_checkstring(L, WHAT);

    lua_settop(L, GIVEN);
    if (aks_handle_is_mirror(L, GIVEN))
        return 1;       /* it was noted when it was made */
    copy_names(L, what, ROUTE_EXPECTED);
    note_names(L);
    return 1;
}

static void
warn_mirror(lua_State *L, const char *what, size_t needed, size_t count)
{
    if (count == 1)
        aks_problem_warn_here(L, what, "%s: a mirror of one target keeps no second copy", what);
    else if (needed == 1)
        aks_problem_warn_here(L, what, "%s: 1 of %zu is enough: one copy, and nobody is told that "
            "it is the only one", what, count);
}

static void
take_needed(lua_State *L, void *ctx)
{
    size_t *needed = ctx;

    *needed = (size_t)aks_value_whole(L, NEEDED, lua_tostring(L, WHAT), "", 1, (int64_t)*needed);
}

/* mirror(what, names [, needed]): as many of the targets as are needed, else all, have to hold a
 * source. */
int
aks_lib_mirror(lua_State *L)
{
    const char *what = luaL_checkstring(L, WHAT);
    bool all = lua_isnone(L, NEEDED);
    size_t needed;

    lua_settop(L, NEEDED);
    copy_names(L, what, "a list of names of targets");
    needed = lua_rawlen(L, GIVEN);
    if (!all)
        aks_problem_take(L, what, "needed", 0, take_needed, &needed);
    warn_mirror(L, what, needed, lua_rawlen(L, GIVEN));
    lua_settop(L, GIVEN);
    aks_handle_push_mirror(L, needed);      /* in the place of the list */
    note_names(L);
    return 1;
}

/* whole(route, ...): the function; noted as one that answers with what builders were given, if all
 * of the others are. */
int
aks_lib_whole(lua_State *L)
{
    int count = lua_gettop(L);
    bool whole = true;

    if (!aks_problem_collecting(L)) {
        lua_settop(L, 1);
        return 1;
    }
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, WHOLE);
    for (int i = 2; i <= count; i++) {
        lua_pushvalue(L, i);
        whole = lua_rawget(L, count + 1) != LUA_TNIL && whole;
        lua_settop(L, count + 1);
    }
    if (whole) {
        lua_pushvalue(L, 1);
        lua_pushboolean(L, true);
        lua_rawset(L, count + 1);
    }
    lua_settop(L, 1);
    return 1;
}

/* Does the function at ${index} answer with what builders were given and with nothing else? */
static bool
is_whole(lua_State *L, int index)
{
    int top = lua_gettop(L);
    bool whole;

    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, WHOLE);
    lua_pushvalue(L, index);
    whole = lua_rawget(L, -2) != LUA_TNIL;
    lua_settop(L, top);
    return whole;
}

void
aks_lib_check_names(lua_State *L, const struct aks_settings *settings)
{
    struct aks_vm *vm = aks_vm_of(L);
    int top = lua_gettop(L);
    struct aks_route route;

    vm->route_is_whole = aks_problem_collecting(L) && is_whole(L, top);
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, NOTED);
    for (size_t i = 1; i <= lua_rawlen(L, top + 1); i++) {
        (void)lua_rawgeti(L, top + 1, (lua_Integer)i);
        (void)lua_rawgeti(L, top + 2, 1);
        (void)lua_rawgeti(L, top + 2, 2);
        aks_spec_route(L, top + 4, lua_tostring(L, top + 3), settings, &route);
        for (size_t j = 0; j < route.count; j++)
            vm->led_to[route.targets[j]] = true;
        lua_settop(L, top + 1);
    }
    lua_settop(L, top);
}
