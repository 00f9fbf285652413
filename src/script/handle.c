#include "script/handle.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/decide_default.h"
#include "script/identity.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

#define DECISION "akosha.decision"
#define SCHEDULE "akosha.schedule"
#define TARGET "akosha.target"
#define MIRROR "akosha.mirror"
#define SECRET "akosha.secret"
#define BUDGET "akosha.budget"
#define BUSY "akosha.busy"
#define AGE "akosha.age"
#define POLICY "akosha.policy"

#define OPERATION_BYTES_MAX 200

void *
aks_handle_new(lua_State *L, size_t bytes, int user_values, const char *class)
{
    struct aks_identity *identity =
        lua_newuserdatauv(L, sizeof(*identity) + bytes, user_values);

    aks_identity_init(L, identity);
    luaL_setmetatable(L, class);
    return identity + 1;
}

void *
aks_handle_test(lua_State *L, int index, const char *class)
{
    struct aks_identity *identity = luaL_testudata(L, index, class);

    return identity != NULL ? identity + 1 : NULL;
}

static const void *
check_handle(lua_State *L, int index, const char *class)
{
    return (const struct aks_identity *)luaL_checkudata(L, index, class) + 1;
}

static const char *
verdict_name(enum aks_verdict verdict)
{
    static const char *const names[] = { "nothing", "wait", "next_target", "restart", "give_up" };

    AKS_CHECK((unsigned)verdict < sizeof(names) / sizeof(names[0]));
    return names[verdict];
}

void
aks_handle_push_decision(lua_State *L, const struct aks_retry_answer *answer)
{
    struct aks_retry_answer *own = aks_handle_new(L, sizeof(*own), 0, DECISION);

    *own = *answer;
}

const struct aks_retry_answer *
aks_handle_decision(lua_State *L, int index)
{
    return aks_handle_test(L, index, DECISION);
}

/* decision.kind, decision.seconds. */
static int
decision_index(lua_State *L)
{
    const struct aks_retry_answer *answer = check_handle(L, 1, DECISION);
    const char *key = luaL_checkstring(L, 2);

    if (strcmp(key, "kind") == 0)
        lua_pushstring(L, verdict_name(answer->verdict));
    else if (strcmp(key, "seconds") == 0 && answer->verdict == AKS_WAIT)
        lua_pushnumber(L, (lua_Number)answer->wait_ms / (lua_Number)AKS_MS_PER_S);
    else
        lua_pushnil(L);
    return 1;
}

static int
decision_tostring(lua_State *L)
{
    const struct aks_retry_answer *answer = check_handle(L, 1, DECISION);

    lua_pushstring(L, verdict_name(answer->verdict));
    if (answer->verdict == AKS_WAIT) {
        lua_pushfstring(L, " %f", (lua_Number)answer->wait_ms / (lua_Number)AKS_MS_PER_S);
        lua_concat(L, 2);
    }
    return 1;
}

void
aks_handle_push_schedule(lua_State *L, const struct aks_schedule *schedule)
{
    struct aks_schedule *own = aks_handle_new(L, sizeof(*own), 0, SCHEDULE);

    *own = *schedule;
}

void
aks_handle_push_by_failure(lua_State *L, const struct aks_schedule *const *each)
{
    const struct aks_schedule **own_each;
    struct aks_schedule *own = aks_handle_new(L,
        sizeof(*own) + AKS_STATUS_COUNT * sizeof(*own_each), 1, SCHEDULE);

    own_each = (const struct aks_schedule **)(own + 1);
    memset(own, 0, sizeof(*own));
    own->growth = AKS_GROWTH_BY_FAILURE;
    own->by_failure = own_each;
    for (size_t i = 0; i < AKS_STATUS_COUNT; i++) {
        AKS_CHECK(each[i]->growth < AKS_GROWTH_BY_FAILURE);
        own_each[i] = each[i];
    }
    lua_insert(L, -2);
    (void)lua_setiuservalue(L, -2, 1);
}

void
aks_handle_push_by_target(lua_State *L, const char *const *names,
    const struct aks_schedule *const *each, size_t count)
{
    const struct aks_schedule **own_each;
    const char **own_names;
    struct aks_schedule *own = aks_handle_new(L,
        sizeof(*own) + (count + 1) * sizeof(*own_each) + count * sizeof(*own_names), 1, SCHEDULE);

    own_each = (const struct aks_schedule **)(own + 1);
    own_names = (const char **)(own_each + count + 1);
    memset(own, 0, sizeof(*own));
    own->growth = AKS_GROWTH_BY_TARGET;
    own->by_target = own_each;
    own->targets = own_names;
    own->target_count = count;
    for (size_t i = 0; i <= count; i++) {
        AKS_CHECK(each[i]->growth != AKS_GROWTH_BY_TARGET);
        own_each[i] = each[i];
        if (i < count)
            own_names[i] = names[i];
    }
    lua_insert(L, -2);
    (void)lua_setiuservalue(L, -2, 1);
}

const struct aks_schedule *
aks_handle_schedule(lua_State *L, int index)
{
    return aks_handle_test(L, index, SCHEDULE);
}

/* AWS's "decorrelated jitter": a wait is anything from the first to factor times the one before. A
 * schedule keeps nothing between two questions, so the waits up to this one are drawn again. */
static int64_t
decorrelated_ms(const struct aks_retry_settings *settings, unsigned attempt, struct aks_rng *rng,
    int64_t *ret_most_ms)
{
    double first = (double)settings->first_ms;
    double cap = (double)settings->cap_ms;
    double wait = first;
    double most = first;

    for (unsigned i = 0; i < attempt && i < settings->tries; i++) {
        wait = first + (wait * settings->factor - first) * aks_rng_unit(rng);
        wait = wait > cap ? cap : wait;
        most = most * settings->factor > cap ? cap : most * settings->factor;
    }
    *ret_most_ms = (int64_t)most;
    return (int64_t)wait;
}

static const struct aks_schedule *
of_target(const struct aks_schedule *schedule, const char *target)
{
    size_t i = 0;

    while (i < schedule->target_count &&
        (target == NULL || strcmp(schedule->targets[i], target) != 0))
        i++;
    return schedule->by_target[i];
}

void
aks_handle_ask_schedule(const struct aks_schedule *schedule,
    const struct aks_failure_facts *facts, struct aks_rng *rng, struct aks_retry_answer *ret)
{
    struct aks_retry_settings settings;
    int64_t first_ms;
    int64_t most_ms = 0;

    if (schedule->growth == AKS_GROWTH_BY_TARGET)
        schedule = of_target(schedule, facts->target);
    if (schedule->growth == AKS_GROWTH_BY_FAILURE)
        schedule = schedule->by_failure[facts->failure];
    settings = schedule->settings;
    /* Neither product nor sum can overflow: a step is at most a day, an attempt 32 bits. */
    if (schedule->growth == AKS_GROWTH_LINEAR && facts->attempt > 1)
        settings.first_ms += schedule->step_ms * (int64_t)(facts->attempt - 1);
    first_ms = settings.first_ms;
    if (schedule->growth == AKS_GROWTH_DECORRELATED) {
        settings.first_ms = decorrelated_ms(&settings, facts->attempt, rng, &most_ms);
        settings.cap_ms = settings.first_ms;
    }
    aks_decide_default_retry(&settings, facts, rng, ret);
    if (schedule->growth == AKS_GROWTH_DECORRELATED && ret->verdict == AKS_WAIT &&
        !facts->corrected) {
        ret->least_ms = first_ms < facts->retry_after_ms ? facts->retry_after_ms : first_ms;
        ret->most_ms = most_ms < facts->retry_after_ms ? facts->retry_after_ms : most_ms;
    }
}

/* A field of the facts that a schedule is asked about, which may be the engine's or a table of the
 * policy's own. [-0, +1, raises] */
static void
push_fact(lua_State *L, const char *name, int type, const char *expected)
{
    int found = lua_getfield(L, 2, name);

    if (found != type && !(found == LUA_TNIL && type != LUA_TSTRING))
        aks_value_raise(L, "decide: expected the facts of a failure; their %s is no %s", name,
            expected);
}

/* schedule:decide(failure) -> decision */
static int
schedule_decide(lua_State *L)
{
    const struct aks_schedule *schedule = check_handle(L, 1, SCHEDULE);
    struct aks_failure_facts facts = { .attempt = 1, .retry_after_ms = -1 };
    struct aks_retry_answer answer;

    if (!lua_istable(L, 2))
        aks_value_expected(L, "decide", "the facts of a failure (schedule:decide(failure))", 2);
    push_fact(L, "name", LUA_TSTRING, "string");
    if (!aks_status_from_name(lua_tostring(L, -1), &facts.failure))
        aks_value_expected(L, "decide: failure.name", "the name of a failure", -1);
    push_fact(L, "operation", LUA_TSTRING, "string");
    facts.operation = aks_value_text(L, -1, "decide: failure.operation", OPERATION_BYTES_MAX);
    if (lua_getfield(L, 2, "target") == LUA_TSTRING)
        facts.target = lua_tostring(L, -1);
    push_fact(L, "transient", LUA_TBOOLEAN, "boolean");
    facts.transient = lua_toboolean(L, -1);
    push_fact(L, "corrected", LUA_TBOOLEAN, "boolean");
    facts.corrected = lua_toboolean(L, -1);
    push_fact(L, "attempt", LUA_TNUMBER, "number");
    if (!lua_isnil(L, -1))
        facts.attempt = (unsigned)aks_value_whole(L, -1, "decide: failure.attempt", "", 1,
            INT32_MAX);
    push_fact(L, "retry_after", LUA_TNUMBER, "number");
    if (!lua_isnil(L, -1))
        facts.retry_after_ms = aks_value_seconds(L, -1, "decide: failure.retry_after", 0,
            INT32_MAX * AKS_MS_PER_S);
    aks_handle_ask_schedule(schedule, &facts, &aks_vm_of(L)->rng, &answer);
    if (answer.wait_ms > AKS_RETRY_WAIT_MS_MAX)
        answer.wait_ms = AKS_RETRY_WAIT_MS_MAX;
    aks_handle_push_decision(L, &answer);
    return 1;
}

static int
schedule_index(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "decide") == 0)
        lua_pushcfunction(L, schedule_decide);
    else
        lua_pushnil(L);
    return 1;
}

void
aks_handle_push_target(lua_State *L, enum aks_target_kind kind)
{
    enum aks_target_kind *own = aks_handle_new(L, sizeof(*own), 1, TARGET);

    *own = kind;
    lua_insert(L, -2);
    (void)lua_setiuservalue(L, -2, 1);
}

bool
aks_handle_target(lua_State *L, int index, enum aks_target_kind *ret_kind)
{
    const enum aks_target_kind *own = aks_handle_test(L, index, TARGET);

    if (own == NULL)
        return false;
    *ret_kind = *own;
    (void)lua_getiuservalue(L, index, 1);
    return true;
}

void
aks_handle_push_mirror(lua_State *L, size_t needed)
{
    size_t *own = aks_handle_new(L, sizeof(*own), 1, MIRROR);

    *own = needed;
    lua_insert(L, -2);
    (void)lua_setiuservalue(L, -2, 1);
}

bool
aks_handle_is_mirror(lua_State *L, int index)
{
    return aks_handle_test(L, index, MIRROR) != NULL;
}

bool
aks_handle_mirror(lua_State *L, int index, size_t *ret_needed)
{
    const size_t *own = aks_handle_test(L, index, MIRROR);

    if (own == NULL)
        return false;
    *ret_needed = *own;
    (void)lua_getiuservalue(L, index, 1);
    return true;
}

void
aks_handle_push_secret(lua_State *L, const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *own = aks_handle_new(L, bytes, 0, SECRET);

    memcpy(own, name, bytes);
}

const char *
aks_handle_secret(lua_State *L, int index)
{
    return aks_handle_test(L, index, SECRET);
}

static int
secret_tostring(lua_State *L)
{
    const char *name = check_handle(L, 1, SECRET);

    (void)lua_pushfstring(L, "akosha.secret: %s", name);
    return 1;
}

void
aks_handle_push_budget(lua_State *L, const struct aks_budget *budget)
{
    struct aks_budget *own = aks_handle_new(L, sizeof(*own), 0, BUDGET);

    *own = *budget;
}

const struct aks_budget *
aks_handle_budget(lua_State *L, int index)
{
    return aks_handle_test(L, index, BUDGET);
}

void
aks_handle_push_busy(lua_State *L, const struct aks_snapshot_settings *snapshot)
{
    struct aks_snapshot_settings *own = aks_handle_new(L, sizeof(*own), 0, BUSY);

    *own = *snapshot;
}

const struct aks_snapshot_settings *
aks_handle_busy(lua_State *L, int index)
{
    return aks_handle_test(L, index, BUSY);
}

struct aks_spec_age *
aks_handle_push_age(lua_State *L)
{
    struct aks_spec_age *own = aks_handle_new(L, sizeof(*own), 0, AGE);

    memset(own, 0, sizeof(*own));
    return own;
}

const struct aks_spec_age *
aks_handle_age(lua_State *L, int index)
{
    return aks_handle_test(L, index, AGE);
}

void
aks_handle_push_policy(lua_State *L)
{
    (void)aks_handle_new(L, 0, 0, POLICY);
}

bool
aks_handle_is_policy(lua_State *L, int index)
{
    return aks_handle_test(L, index, POLICY) != NULL;
}

void
aks_handle_class(lua_State *L, const char *class, const luaL_Reg *list)
{
    if (luaL_newmetatable(L, class)) {
        luaL_setfuncs(L, list, 0);
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}

void
aks_handle_open(lua_State *L)
{
    static const luaL_Reg decision[] = {
        { "__index", decision_index },
        { "__tostring", decision_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg schedule[] = {
        { "__index", schedule_index },
        { NULL, NULL },
    };
    static const luaL_Reg secret[] = {
        { "__tostring", secret_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg nothing[] = { { NULL, NULL } };

    aks_handle_class(L, DECISION, decision);
    aks_handle_class(L, SCHEDULE, schedule);
    aks_handle_class(L, TARGET, nothing);
    aks_handle_class(L, MIRROR, nothing);
    aks_handle_class(L, SECRET, secret);
    aks_handle_class(L, BUDGET, nothing);
    aks_handle_class(L, BUSY, nothing);
    aks_handle_class(L, AGE, nothing);
    aks_handle_class(L, POLICY, nothing);
}
