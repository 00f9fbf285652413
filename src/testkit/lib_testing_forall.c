/* sim.forall: plans out of seeds, the laws and the test's own check after each run, and what is
 * found made small enough to be read. */
#include "testkit/lib_testing_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "testkit/shrink.h"

#include <stdio.h>
#include <string.h>

#define SEEDS 1000
#define SEEDS_MAX 10000000
#define RUNS 2
#define RUNS_MAX 100
#define PAUSE_NS (60 * AKS_NS_PER_S)
#define PAUSE_S_MAX (366.0 * 86400)
#define KIND_BYTES 64
/* Of a test's time, so much is left for the message when making it smaller has to stop. */
#define TIME_LEFT 4

static const char *const world_fields[] = { "policy", "policy_text", "modules", "files", "env",
    "small", "profile", "tus", "latency", "bandwidth", "start", "utc_offset", "limits", NULL };
static const char *const fields[] = { "seeds", "first_seed", "faults", "runs", "pause", "check",
    "policy", "policy_text", "modules", "files", "env", "small", "profile", "tus", "latency",
    "bandwidth", "start", "utc_offset", "limits", NULL };

/* Stack of the running sim.forall. */
enum { OPTIONS = 1, WORLD_OPTIONS, CHECK };

struct forall {
    lua_State *L;
    struct aks_fault_draw draw;
    uint64_t first_seed;
    int64_t seeds;
    unsigned runs;
    int64_t pause_ns;
    char kind[KIND_BYTES];              /* of the failure that is being made smaller */
};

/* One case, tried. */
struct trial {
    struct forall *forall;
    struct aks_shrink_case *tried;
    bool drawn;                         /* else it is still to be drawn, by its seed */
    char kind[KIND_BYTES];              /* "": all is well */
};

/* --- one case --------------------------------------------------------------------------------- */

static void
draw_case(struct trial *trial, struct aks_testing_world *world)
{
    struct aks_shrink_case *drawn = trial->tried;
    const char *names[AKS_TARGETS_MAX];
    struct aks_fault_draw draw = trial->forall->draw;
    struct aks_fault_plan *plan = aks_world_plan(world->world);
    struct aks_rng rng;

    draw.targets = names;
    draw.target_count = aks_testing_fault_targets(world, names);
    aks_rng_init(&rng, drawn->seed);
    (void)aks_rng_next(&rng);           /* not the very numbers that the world draws */
    drawn->power = aks_rng_next(&rng) % 2 == 0;
    aks_fault_plan_draw(plan, &draw, &rng);
    drawn->rule_count = plan->count;
    memcpy(drawn->rules, plan->rules, plan->count * sizeof(plan->rules[0]));
}

static void
add_rules(const struct trial *trial, struct aks_testing_world *world)
{
    for (size_t i = 0; i < trial->tried->rule_count; i++)
        (void)aks_fault_plan_add(aks_world_plan(world->world), &trial->tried->rules[i]);
}

static void
broke(lua_State *L, struct trial *trial, const struct aks_error *broken)
{
    (void)snprintf(trial->kind, sizeof(trial->kind), "law: %.*s",
        (int)strcspn(broken->message, ":"), broken->message);
    (void)lua_pushfstring(L, "law broken: %s", broken->message);
}

/* One run, and what is said of it. True: it fails, and why is pushed. */
static bool
run_fails(lua_State *L, struct trial *trial, int world_index, int check)
{
    struct aks_testing_world *world = aks_testing_world_check(L, world_index);
    struct aks_error broken = { 0 };
    enum aks_status law = aks_testing_world_run(L, world_index, NULL, &broken);

    if (law == AKS_OK && aks_world_died(world->world))
        law = aks_testing_world_restart(world, trial->tried->power, &broken);
    if (law != AKS_OK) {
        broke(L, trial, &broken);
        return true;
    }
    if (!lua_isnil(L, check)) {
        lua_pushvalue(L, check);
        lua_pushvalue(L, world_index);
        lua_pushvalue(L, -3);
        if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
            aks_testing_look(L);
            (void)snprintf(trial->kind, sizeof(trial->kind), "check");
            (void)luaL_tolstring(L, -1, NULL);
            return true;
        }
    }
    lua_pop(L, 1);
    return false;
}

/* A trial as a function of Lua: (trial, options of the world, check) -> why it fails, or nothing.
 */
static int
try_case(lua_State *L)
{
    struct trial *trial = lua_touserdata(L, 1);
    struct aks_testing_world *world =
        aks_testing_make(L, 2, &trial->tried->seed, trial->tried->file_bytes);
    int world_index = lua_gettop(L);
    bool failed = false;

    if (trial->drawn)
        add_rules(trial, world);
    else
        draw_case(trial, world);
    for (unsigned run = 0; run < trial->tried->runs && !failed; run++) {
        if (run > 0)
            aks_world_advance(world->world, trial->tried->pause_ns);
        failed = run_fails(L, trial, world_index, 3);
    }
    memcpy(trial->tried->rules, aks_world_plan(world->world)->rules,
        trial->tried->rule_count * sizeof(trial->tried->rules[0]));
    aks_testing_world_close(world);
    return failed ? 1 : 0;
}

/* Pushes why it fails, or nil. */
static void
run_trial(struct trial *trial)
{
    lua_State *L = trial->forall->L;

    trial->kind[0] = '\0';
    lua_pushcfunction(L, try_case);
    lua_pushlightuserdata(L, trial);
    lua_pushvalue(L, WORLD_OPTIONS);
    lua_pushvalue(L, CHECK);
    lua_call(L, 3, 1);
    aks_testing_look(L);
}

/* --- smaller ---------------------------------------------------------------------------------- */

static bool
still_fails(void *ctx, const struct aks_shrink_case *candidate)
{
    struct forall *forall = ctx;
    struct aks_shrink_case copy = *candidate;
    struct trial trial = { .forall = forall, .tried = &copy, .drawn = true };

    run_trial(&trial);
    lua_pop(forall->L, 1);
    return strcmp(trial.kind, forall->kind) == 0;
}

static bool
time_is_up(void *ctx)
{
    const struct forall *forall = ctx;
    const struct aks_testing *testing = aks_testing_of(forall->L);
    const struct aks_clock *clock = &testing->options->real->clock;

    return clock->now_ns(clock->ctx) >
        testing->deadline_ns - testing->ms_max * AKS_NS_PER_MS / TIME_LEFT;
}

/* Pushes { seed, runs, power, pause, sizes = {}, rules = {} }, for lua/testing/found.lua. */
static void
push_case(lua_State *L, const struct aks_shrink_case *found)
{
    lua_createtable(L, 0, 6);
    lua_pushinteger(L, (lua_Integer)found->seed);
    lua_setfield(L, -2, "seed");
    lua_pushinteger(L, found->runs);
    lua_setfield(L, -2, "runs");
    lua_pushboolean(L, found->power);
    lua_setfield(L, -2, "power");
    lua_pushinteger(L, found->pause_ns / AKS_NS_PER_S);
    lua_setfield(L, -2, "pause");
    lua_createtable(L, (int)found->file_count, 0);
    for (size_t i = 0; i < found->file_count; i++) {
        lua_pushinteger(L, found->file_bytes[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sizes");
    lua_createtable(L, (int)found->rule_count, 0);
    for (size_t i = 0; i < found->rule_count; i++) {
        aks_testing_fault_push(L, &found->rules[i], found->rules[i].struck == 0);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "rules");
}

/* ${first} failed, and why is on top. Makes it small and raises what was found. */
static int
report(struct forall *forall, struct trial *first, int64_t tried)
{
    lua_State *L = forall->L;
    struct aks_shrink_options options = { still_fails, time_is_up, forall, 0 };
    struct aks_shrink_case *found = first->tried;
    size_t rules = found->rule_count;
    unsigned tries;

    (void)snprintf(forall->kind, sizeof(forall->kind), "%s", first->kind);
    tries = aks_shrink(&options, found);
    /* Once more, for what it says and which rules it needs. */
    first->drawn = true;
    run_trial(first);
    if (lua_isnil(L, -1))
        luaL_error(L, "sim.forall: seed %I failed once and not again: does the test use something "
            "that is not in its world?", (LUAI_UACINT)found->seed);
    (void)lua_getfield(L, LUA_REGISTRYINDEX, AKS_TESTING_FOUND);
    lua_pushvalue(L, WORLD_OPTIONS);
    push_case(L, found);
    lua_pushvalue(L, -4);
    lua_pushvalue(L, CHECK);
    (void)lua_pushfstring(L, "seed %I, number %I of %I; %d faults made %d in %d tries",
        (LUAI_UACINT)found->seed, (LUAI_UACINT)tried, (LUAI_UACINT)forall->seeds, (int)rules,
        (int)found->rule_count, (int)tries);
    lua_call(L, 5, 1);
    aks_testing_fail_with(L);
}

/* --- the property ----------------------------------------------------------------------------- */

static int64_t
number(lua_State *L, const char *field, int64_t absent, int64_t min, int64_t max)
{
    int64_t value = absent;

    if (lua_getfield(L, OPTIONS, field) != LUA_TNIL) {
        (void)lua_pushfstring(L, "sim.forall: %s", field);
        value = aks_testing_whole(L, -2, lua_tostring(L, -1), min, max);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return value;
}

/* The fields that are a world's, in a table of their own. */
static void
push_world_options(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; world_fields[i] != NULL; i++) {
        (void)lua_getfield(L, OPTIONS, world_fields[i]);
        lua_setfield(L, -2, world_fields[i]);
    }
    if (lua_getfield(L, -1, "small") == LUA_TNIL) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -3, "small");
    }
    lua_pop(L, 1);
}

static void
read_forall(lua_State *L, struct forall *forall)
{
    lua_settop(L, OPTIONS);
    aks_testing_fields(L, OPTIONS, "sim.forall", fields);
    forall->L = L;
    forall->seeds = number(L, "seeds", SEEDS, 1, SEEDS_MAX);
    forall->first_seed = (uint64_t)number(L, "first_seed",
        (int64_t)(aks_testing_of(L)->test_seed >> 40), 0, INT64_MAX / 2);
    forall->runs = (unsigned)number(L, "runs", RUNS, 1, RUNS_MAX);
    forall->pause_ns = PAUSE_NS;
    if (lua_getfield(L, OPTIONS, "pause") != LUA_TNIL)
        forall->pause_ns = aks_testing_ns(L, -1, "sim.forall: pause", PAUSE_S_MAX) / AKS_NS_PER_S *
            AKS_NS_PER_S;
    (void)lua_getfield(L, OPTIONS, "faults");
    aks_testing_fault_options(L, lua_gettop(L), &forall->draw);
    lua_settop(L, OPTIONS);
    push_world_options(L);
    if (lua_getfield(L, OPTIONS, "check") != LUA_TNIL && !lua_isfunction(L, CHECK))
        luaL_error(L, "sim.forall: check: expected a function(world, report)");
}

/* sim.forall { seeds =, first_seed =, faults =, runs =, pause =, check =, and a world's fields } */
int
aks_testing_forall(lua_State *L)
{
    struct aks_shrink_case *drawn;
    struct forall forall = { 0 };

    read_forall(L, &forall);
    drawn = lua_newuserdatauv(L, sizeof(*drawn), 0);
    for (int64_t i = 0; i < forall.seeds; i++) {
        struct trial trial = { .forall = &forall, .tried = drawn };

        memset(drawn, 0, sizeof(*drawn));
        drawn->seed = forall.first_seed + (uint64_t)i;
        drawn->runs = forall.runs;
        drawn->pause_ns = forall.pause_ns;
        drawn->file_count = aks_testing_make_sizes(L, WORLD_OPTIONS, drawn->file_bytes,
            AKS_SHRINK_FILES_MAX);
        run_trial(&trial);
        if (!lua_isnil(L, -1))
            return report(&forall, &trial, i + 1);
        lua_pop(L, 1);
    }
    return 0;
}
