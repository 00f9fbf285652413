#include "script/decide_lua.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/now.h"
#include "script/call.h"
#include "script/facts.h"
#include "script/freeze.h"
#include "script/handle.h"
#include "script/push_json.h"
#include "script/spec.h"
#include "script/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUESTION 1      /* stack index: the question, as light userdata */
#define FUNCTION 2      /* the policy's function */
#define ANSWER 3

/* Its address is where the registry keeps the table of this minute. */
static const char now_key;

/* What one call carries into Lua and back. */
struct question {
    const void *facts;
    const struct aks_target_facts *targets;     /* route */
    size_t target_count;
    void *ret;
};

/* --- in Lua, protected ------------------------------------------------------------------------ */

/* Pushes the policy's function twice: one to call, one to find its place by. [-0, +2, raises] */
static void
push_function(lua_State *L, enum aks_vm_question question)
{
    aks_vm_of(L)->asked_source = NULL;
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, aks_spec_function_key(question));
    lua_pushvalue(L, -1);
}

/* What every function gets last: the table of this minute, the same one until the next. Nothing
 * where nobody told the time. [-0, +1, raises] */
static void
push_now(lua_State *L)
{
    struct aks_vm *vm = aks_vm_of(L);

    if (vm->now == NULL) {
        lua_pushnil(L);
        return;
    }
    if (!vm->now_stale) {
        (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &now_key);
        return;
    }
    aks_facts_push_now(L, vm->now);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &now_key);
    vm->now_stale = false;
}

/* Calls it with the ${count} facts on top and leaves the answer at ANSWER. From here on, errors
 * name the line where the function begins, where none of the policy's is running: a builder that is
 * called last has taken the function's place. */
static void
ask(lua_State *L, int count)
{
    struct aks_vm *vm = aks_vm_of(L);
    lua_Debug where;

    vm->line = 0;
    memset(&vm->answered, 0, sizeof(vm->answered));
    lua_pushvalue(L, FUNCTION);
    (void)lua_getinfo(L, ">S", &where);
    if (where.source[0] == '@') {
        vm->asked_source = where.source + 1;    /* lives as long as the function does */
        vm->asked_line = where.linedefined;
    }
    lua_call(L, count, 1);
    AKS_CHECK(lua_gettop(L) == ANSWER);
    vm->answered.file = vm->asked_source;
    vm->answered.line = vm->asked_source != NULL ? vm->asked_line : 0;
    if (vm->line > 0) {
        (void)snprintf(vm->answered_file, sizeof(vm->answered_file), "%s", vm->line_source);
        vm->answered.file = vm->answered_file;
        vm->answered.line = vm->line;
    }
}

static int
ask_route(lua_State *L)
{
    const struct question *question = lua_touserdata(L, QUESTION);
    struct aks_route_answer *ret = question->ret;

    push_function(L, AKS_VM_ROUTE);
    aks_facts_push_source(L, question->facts);
    aks_facts_push_targets(L, question->targets, question->target_count);
    push_now(L);
    ask(L, 3);
    if (lua_isnil(L, ANSWER))
        return 0;
    if (lua_type(L, ANSWER) != LUA_TSTRING && !lua_istable(L, ANSWER) &&
        !aks_handle_is_mirror(L, ANSWER))
        aks_value_expected(L, "the answer", "names of targets or nil", ANSWER);
    aks_spec_route(L, ANSWER, "the answer", &aks_vm_of(L)->settings, &ret->route);
    ret->opinion = true;
    return 0;
}

static int
ask_dedup(lua_State *L)
{
    /* In the order of enum aks_dedup_verdict, without "no opinion". */
    static const char *const answers[] = { "upload", "reuse", "skip", NULL };
    const struct question *question = lua_touserdata(L, QUESTION);
    enum aks_dedup_verdict *ret = question->ret;

    push_function(L, AKS_VM_DEDUP);
    aks_facts_push_dedup(L, question->facts);
    push_now(L);
    ask(L, 2);
    if (!lua_isnil(L, ANSWER))
        *ret = (enum aks_dedup_verdict)(AKS_DEDUP_UPLOAD +
            aks_value_choice(L, ANSWER, "the answer", answers));
    return 0;
}

static int
ask_compress(lua_State *L)
{
    const struct question *question = lua_touserdata(L, QUESTION);
    struct aks_compress_answer *ret = question->ret;

    push_function(L, AKS_VM_COMPRESS);
    aks_facts_push_compress(L, question->facts);
    push_now(L);
    ask(L, 2);
    if (lua_isnil(L, ANSWER))
        return 0;
    if (lua_type(L, ANSWER) != LUA_TSTRING && !lua_istable(L, ANSWER))
        aks_value_expected(L, "the answer",
            "\"none\", \"gzip\", \"zstd\", a table with codec and level, or nil", ANSWER);
    aks_spec_compress(L, ANSWER, "the answer", &ret->compress);
    ret->opinion = true;
    return 0;
}

static int
ask_snapshot(lua_State *L)
{
    const struct question *question = lua_touserdata(L, QUESTION);
    struct aks_snapshot_answer *ret = question->ret;

    push_function(L, AKS_VM_SNAPSHOT);
    aks_facts_push_snapshot(L, question->facts);
    push_now(L);
    ask(L, 2);
    if (lua_isnil(L, ANSWER))
        return 0;
    if (lua_type(L, ANSWER) != LUA_TSTRING && aks_handle_busy(L, ANSWER) == NULL)
        aks_value_expected(L, "the answer",
            "\"queue\", \"skip\", \"older\", akosha.snapshot { ... } or nil", ANSWER);
    aks_spec_busy(L, ANSWER, "the answer", 0, &ret->snapshot);
    ret->opinion = true;
    return 0;
}

static int
ask_retry(lua_State *L)
{
    const struct question *question = lua_touserdata(L, QUESTION);
    struct aks_retry_answer *ret = question->ret;
    const struct aks_retry_answer *decision;
    const struct aks_schedule *schedule;

    push_function(L, AKS_VM_RETRY);
    aks_facts_push_failure(L, question->facts);
    push_now(L);
    ask(L, 2);
    if (lua_isnil(L, ANSWER))
        return 0;
    decision = aks_handle_decision(L, ANSWER);
    schedule = aks_handle_schedule(L, ANSWER);
    if (decision != NULL)
        *ret = *decision;
    else if (schedule != NULL)
        aks_handle_ask_schedule(schedule, question->facts, &aks_vm_of(L)->rng, ret);
    else
        aks_value_expected(L, "the answer", "akosha.wait(seconds), akosha.next_target,"
            " akosha.restart, akosha.give_up, a schedule of akosha.retry, or nil", ANSWER);
    return 0;
}

static int
ask_throttle(lua_State *L)
{
    const struct question *question = lua_touserdata(L, QUESTION);
    int64_t *ret = question->ret;

    push_function(L, AKS_VM_THROTTLE);
    push_now(L);
    ask(L, 1);
    if (!lua_isnil(L, ANSWER))
        *ret = aks_spec_rate(L, ANSWER, "the answer");
    return 0;
}

static int
ask_finished(lua_State *L)
{
    const struct question *question = lua_touserdata(L, QUESTION);

    push_function(L, AKS_VM_FINISHED);
    aks_push_json(L, question->facts, aks_freeze);
    ask(L, 1);
    return 0;
}

/* --- from C ----------------------------------------------------------------------------------- */

/* A policy's error tells the facts that it was asked about, then how it got there. */
static void
add_facts(struct aks_error *err, const char *facts)
{
    char trace[AKS_ERROR_HINT_BYTES];

    if (err == NULL)
        return;
    memcpy(trace, err->hint, sizeof(trace));
    aks_error_hint(err, "asked about %s%s%s", facts, trace[0] != '\0' ? "; " : "", trace);
}

static enum aks_status
lua_route(void *ctx, const struct aks_source_facts *source, const struct aks_target_facts *targets,
    size_t target_count, struct aks_route_answer *ret, struct aks_error *err)
{
    struct question question = { source, targets, target_count, ret };
    char facts[AKS_ERROR_HINT_BYTES];
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    status = aks_call(ctx, "route", ask_route, &question, err);
    if (status != AKS_OK) {
        ret->opinion = false;
        (void)snprintf(facts, sizeof(facts), "source %s (%s, %" PRId64 " bytes)", source->name,
            source->kind, source->bytes);
        add_facts(err, facts);
    }
    return status;
}

static enum aks_status
lua_dedup(void *ctx, const struct aks_dedup_facts *dedup, enum aks_dedup_verdict *ret,
    struct aks_error *err)
{
    struct question question = { dedup, NULL, 0, ret };
    char facts[AKS_ERROR_HINT_BYTES];
    enum aks_status status;

    *ret = AKS_DEDUP_NO_OPINION;
    status = aks_call(ctx, "dedup", ask_dedup, &question, err);
    if (status != AKS_OK) {
        (void)snprintf(facts, sizeof(facts), "source %s, target %s, %s", dedup->source.name,
            dedup->target.name, dedup->unchanged ? "unchanged" : "changed");
        add_facts(err, facts);
    }
    return status;
}

static enum aks_status
lua_compress(void *ctx, const struct aks_compress_facts *compress, struct aks_compress_answer *ret,
    struct aks_error *err)
{
    struct question question = { compress, NULL, 0, ret };
    char facts[AKS_ERROR_HINT_BYTES];
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    status = aks_call(ctx, "compress", ask_compress, &question, err);
    if (status != AKS_OK) {
        (void)snprintf(facts, sizeof(facts), "source %s, target %s, sample ratio %.2f",
            compress->source.name, compress->target.name, compress->sample_ratio);
        add_facts(err, facts);
    }
    return status;
}

static enum aks_status
lua_snapshot(void *ctx, const struct aks_snapshot_facts *snapshot, struct aks_snapshot_answer *ret,
    struct aks_error *err)
{
    struct question question = { snapshot, NULL, 0, ret };
    char facts[AKS_ERROR_HINT_BYTES];
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    status = aks_call(ctx, "snapshot", ask_snapshot, &question, err);
    if (status != AKS_OK) {
        ret->opinion = false;
        (void)snprintf(facts, sizeof(facts), "source %s: %s, waited %.1f s", snapshot->source.name,
            aks_status_name(snapshot->failure),
            (double)snapshot->waited_ms / (double)AKS_MS_PER_S);
        add_facts(err, facts);
    }
    return status;
}

static enum aks_status
lua_retry(void *ctx, const struct aks_failure_facts *failure, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    struct question question = { failure, NULL, 0, ret };
    char facts[AKS_ERROR_HINT_BYTES];
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    status = aks_call(ctx, "retry", ask_retry, &question, err);
    if (status != AKS_OK) {
        ret->verdict = AKS_NO_OPINION;
        (void)snprintf(facts, sizeof(facts), "target %s, %s: %s, attempt %u", failure->target,
            failure->operation, aks_status_name(failure->failure), failure->attempt);
        add_facts(err, facts);
    }
    return status;
}

static enum aks_status
lua_throttle(void *ctx, int64_t *ret_bytes_per_s, struct aks_error *err)
{
    struct question question = { NULL, NULL, 0, ret_bytes_per_s };
    char facts[AKS_NOW_TEXT_BYTES] = "no clock";
    struct aks_vm *vm = ctx;
    enum aks_status status;

    *ret_bytes_per_s = 0;
    status = aks_call(vm, "throttle", ask_throttle, &question, err);
    if (status != AKS_OK) {
        if (vm->now != NULL)
            (void)aks_now_text(&vm->now->clock, facts);
        add_facts(err, facts);
    }
    return status;
}

/* A schedule that the settings cannot express; no Lua is run. */
static enum aks_status
schedule_retry(void *ctx, const struct aks_failure_facts *failure, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    struct aks_vm *vm = ctx;

    vm->answered.line = 0;
    aks_handle_ask_schedule(&vm->schedule, failure, &vm->rng, ret);
    return AKS_OK;
}

static enum aks_status
lua_finished(void *ctx, const struct json_t *report, struct aks_error *err)
{
    struct question question = { report, NULL, 0, NULL };

    return aks_call(ctx, "finished", ask_finished, &question, err);
}

static void
lua_now(void *ctx, const struct aks_now_facts *now)
{
    struct aks_vm *vm = ctx;

    vm->now = now;
    vm->now_stale = true;
}

void
aks_decide_lua_init(struct aks_decide *ret_decide, struct aks_vm *vm)
{
    memset(ret_decide, 0, sizeof(*ret_decide));
    ret_decide->ctx = vm;
    if (vm->asks[AKS_VM_ROUTE])
        ret_decide->route = lua_route;
    if (vm->asks[AKS_VM_DEDUP])
        ret_decide->dedup = lua_dedup;
    if (vm->asks[AKS_VM_COMPRESS])
        ret_decide->compress = lua_compress;
    if (vm->asks[AKS_VM_SNAPSHOT])
        ret_decide->snapshot = lua_snapshot;
    if (vm->asks[AKS_VM_RETRY])
        ret_decide->retry = lua_retry;
    else if (vm->retry_by_schedule)
        ret_decide->retry = schedule_retry;
    if (vm->asks[AKS_VM_ROUTE] || vm->asks[AKS_VM_DEDUP] || vm->asks[AKS_VM_COMPRESS] ||
        vm->asks[AKS_VM_SNAPSHOT] || vm->asks[AKS_VM_RETRY] || vm->asks[AKS_VM_THROTTLE])
        ret_decide->now = lua_now;
    if (vm->asks[AKS_VM_THROTTLE])
        ret_decide->throttle = lua_throttle;
    if (vm->asks[AKS_VM_FINISHED])
        ret_decide->finished = lua_finished;
}
