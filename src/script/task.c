#include "script/task.h"

#include "base/check.h"
#include "base/units.h"
#include "script/budget.h"
#include "script/call.h"
#include "script/handle.h"
#include "script/spec.h"
#include "script/task_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In the registry: coroutines and their handles, by slot from 1, while they live. */
#define THREADS "akosha.task.threads"
#define HANDLES "akosha.task.handles"

#define QUESTION "run"

/* --- lines ------------------------------------------------------------------------------------ */

static void
make_ready(struct strand *strand)
{
    struct aks_tasker *tasker = strand->tasker;

    AKS_CHECK(strand->state == STRAND_WAITING || strand->state == STRAND_JOINING ||
        strand->state == STRAND_FREE);
    strand->state = STRAND_READY;
    strand->next = NULL;
    *tasker->ready_last = strand;
    tasker->ready_last = &strand->next;
}

static struct strand *
take_ready(struct aks_tasker *tasker)
{
    struct strand *strand = tasker->ready;

    if (strand == NULL)
        return NULL;
    tasker->ready = strand->next;
    if (tasker->ready == NULL)
        tasker->ready_last = &tasker->ready;
    return strand;
}

/* The engine's word. A coroutine that does not wait for it any more does not hear it. */
static void
request_done(void *ctx)
{
    struct strand *strand = ctx;

    AKS_CHECK(strand->state == STRAND_WAITING);
    make_ready(strand);
}

/* --- from within Lua -------------------------------------------------------------------------- */

struct aks_tasker *
aks_task_running(lua_State *L, const char *what)
{
    struct aks_tasker *tasker = aks_vm_of(L)->tasker;

    aks_phase_check(L, what, AKS_PHASE_IN(AKS_PHASE_TASK));
    AKS_CHECK(tasker != NULL && tasker->task != NULL);
    return tasker;
}

struct strand *
aks_task_waits(lua_State *L, const char *what)
{
    struct aks_tasker *tasker = aks_task_running(L, what);
    struct strand *strand = tasker->current;

    AKS_CHECK(strand != NULL);
    if (strand->L != L)
        aks_value_raise(L, "%s: it waits, and only what ctx:spawn began may wait; this is a"
            " coroutine of the policy's own", what);
    if (!lua_isyieldable(L))
        aks_value_raise(L, "%s: it waits, and nothing may wait here: a function of Lua's own"
            " (table.sort, string.gsub ...), or the end of a coroutine, is in between", what);
    memset(&strand->request, 0, sizeof(strand->request));
    return strand;
}

int
aks_task_ask(lua_State *L, struct strand *strand, lua_KFunction then)
{
    strand->asks = true;
    strand->asked = true;
    return lua_yieldk(L, 0, 0, then);
}

struct strand *
aks_task_asked(lua_State *L)
{
    struct strand *strand = aks_vm_of(L)->tasker->current;

    AKS_CHECK(strand != NULL && strand->L == L);
    return strand;
}

/* A strand in a free slot; NULL if there are too many, or there is no memory. */
static struct strand *
new_strand(struct aks_tasker *tasker)
{
    for (unsigned i = 0; i < AKS_SCRIPT_TASK_COROUTINES; i++) {
        struct strand *strand = tasker->strands[i];

        if (strand == NULL) {
            strand = aks_mem_new(tasker->vm->alloc, sizeof(*strand));
            if (strand == NULL)
                return NULL;
            strand->tasker = tasker;
            strand->slot = i;
            tasker->strands[i] = strand;
        }
        if (strand->state == STRAND_FREE)
            return strand;
    }
    return NULL;
}

/* registry[${table}][slot] = the value on top. [-1, +0, raises] */
static void
keep(lua_State *L, const char *table, const struct strand *strand)
{
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, table);
    lua_insert(L, -2);
    lua_rawseti(L, -2, (lua_Integer)strand->slot + 1);
    lua_pop(L, 1);
}

/* [-0, +1, raises] */
static void
push_kept(lua_State *L, const char *table, const struct strand *strand)
{
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, table);
    (void)lua_rawgeti(L, -1, (lua_Integer)strand->slot + 1);
    lua_remove(L, -2);
}

/* A coroutine of the function and its ${count} arguments on top, ready to run; its handle takes
 * their place. [-(count + 1), +1, raises] */
static struct strand *
begin_strand(lua_State *L, struct aks_tasker *tasker, int count)
{
    struct strand *strand;
    struct strand_handle *handle;
    lua_State *co;

    if (tasker->alive == AKS_SCRIPT_TASK_COROUTINES)
        aks_value_raise(L, "ctx:spawn: more than %d coroutines at once",
            AKS_SCRIPT_TASK_COROUTINES);
    aks_budget_charge(L, 2 * AKS_BUDGET_INTERVAL);
    handle = aks_handle_new(L, sizeof(*handle), 1, AKS_STRAND_CLASS);
    lua_insert(L, -(count + 2));
    co = lua_newthread(L);
    lua_insert(L, -(count + 2));
    if (!lua_checkstack(co, count + 1))
        aks_value_raise(L, "ctx:spawn: too many arguments");
    strand = new_strand(tasker);
    if (strand == NULL)
        aks_spec_no_memory(L);
    lua_pushvalue(L, -(count + 3));
    keep(L, HANDLES, strand);
    lua_pushvalue(L, -(count + 2));
    keep(L, THREADS, strand);
    lua_xmove(L, co, count + 1);
    lua_pop(L, 1);
    handle->run = tasker->run;
    handle->slot = strand->slot;
    handle->generation = ++strand->generation;
    handle->ended = handle->failed = false;
    strand->L = co;
    strand->arguments = count;
    strand->main = strand->asks = strand->asked = false;
    strand->joins = NULL;
    tasker->alive++;
    make_ready(strand);
    return strand;
}

int
aks_task_spawn(lua_State *L)
{
    struct aks_tasker *tasker = aks_task_running(L, "ctx:spawn");

    if (lua_type(L, 2) != LUA_TFUNCTION)
        aks_value_expected(L, "ctx:spawn", "a function", 2);
    (void)begin_strand(L, tasker, lua_gettop(L) - 2);
    return 1;
}

/* --- one turn of one coroutine ---------------------------------------------------------------- */

static void
wake_joiners(const struct strand *strand)
{
    struct aks_tasker *tasker = strand->tasker;

    for (unsigned i = 0; i < AKS_SCRIPT_TASK_COROUTINES && tasker->strands[i] != NULL; i++) {
        struct strand *other = tasker->strands[i];

        if (other->state != STRAND_JOINING || other->joins != strand)
            continue;
        other->joins = NULL;
        make_ready(other);
    }
}

static bool
is_joined(const struct strand *strand)
{
    const struct aks_tasker *tasker = strand->tasker;

    for (unsigned i = 0; i < AKS_SCRIPT_TASK_COROUTINES && tasker->strands[i] != NULL; i++) {
        if (tasker->strands[i]->state == STRAND_JOINING && tasker->strands[i]->joins == strand)
            return true;
    }
    return false;
}

/* It has ended; the value on top is its results or its error. [-1, +0, raises] */
static void
end_strand(lua_State *L, struct strand *strand, bool failed)
{
    struct strand_handle *handle;

    push_kept(L, HANDLES, strand);
    handle = aks_handle_test(L, -1, AKS_STRAND_CLASS);
    AKS_CHECK(handle != NULL);
    lua_insert(L, -2);
    (void)lua_setiuservalue(L, -2, 1);
    handle->ended = true;
    handle->failed = failed;
    lua_pop(L, 1);
    lua_pushnil(L);
    keep(L, HANDLES, strand);
    lua_pushnil(L);
    keep(L, THREADS, strand);
    strand->state = STRAND_FREE;
    strand->L = NULL;
    strand->tasker->alive--;
    wake_joiners(strand);
}

/* The ${count} results on top of the coroutine's stack as a table on ours. [-0, +1, raises] */
static void
take_results(lua_State *L, lua_State *co, int count)
{
    lua_createtable(L, count, 1);
    luaL_checkstack(L, count + 2, "too many results of a coroutine");
    lua_xmove(co, L, count);
    for (int i = count; i >= 1; i--)
        lua_rawseti(L, -(i + 1), i);
    lua_pushinteger(L, count);
    lua_setfield(L, -2, "n");
}

struct turn {
    struct strand *strand;
    enum aks_status status;             /* of a coroutine whose failure is the task's */
    struct aks_error error;
};

/* Its error value is on top of its stack. What nobody waits for is kept until it is joined. */
static void
fail_strand(lua_State *L, struct turn *turn, int code)
{
    struct strand *strand = turn->strand;
    struct aks_tasker *tasker = strand->tasker;
    struct aks_vm *vm = tasker->vm;
    lua_State *co = strand->L;

    aks_call_describe_dead(L, co);
    turn->status = aks_call_explain(vm, code, &turn->error);
    /* Over a limit, no function of the policy is called any more. */
    if (vm->limit != AKS_VM_WITHIN || turn->status != AKS_POLICY)
        return;
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    /* Its variables are closed; what they raise replaces its error. */
    if (lua_resetthread(co) != LUA_OK && lua_gettop(co) > 0) {
        lua_pop(L, 1);
        lua_xmove(co, L, 1);
    }
    if (strand->main)
        return;
    if (!is_joined(strand) && tasker->unjoined.status == AKS_OK) {
        tasker->unjoined = turn->error;
        tasker->unjoined_slot = strand->slot;
        tasker->unjoined_generation = strand->generation;
    }
    turn->status = AKS_OK;
    end_strand(L, strand, true);
}

/* Only functions of ctx may yield to us. */
static void
refuse_yield(lua_State *L, struct turn *turn, int count)
{
    lua_State *co = turn->strand->L;
    lua_Debug frame;
    int level;

    lua_pop(co, count);
    if (aks_value_policy_frame(co, 0, &level, &frame))
        (void)lua_pushfstring(L, "%s:%d: coroutine.yield: nobody resumes a task but the engine;"
            " use ctx:sleep(0)", frame.source + 1, frame.currentline);
    else
        lua_pushliteral(L, "coroutine.yield: nobody resumes a task but the engine");
    lua_xmove(L, co, 1);
    fail_strand(L, turn, LUA_ERRRUN);
}

/* Protected: the strand goes on until it waits, or ends. */
static int
run_turn(lua_State *L)
{
    struct turn *turn = lua_touserdata(L, 1);
    struct strand *strand = turn->strand;
    lua_State *co = strand->L;
    int arguments = strand->arguments;
    int count = 0;
    int code;

    strand->arguments = 0;
    strand->asks = strand->asked = false;
    code = lua_resume(co, L, arguments, &count);
    if (code == LUA_YIELD) {
        if (strand->asked)
            strand->state = strand->joins != NULL ? STRAND_JOINING : STRAND_WAITING;
        else
            refuse_yield(L, turn, count);
    } else if (code == LUA_OK) {
        take_results(L, co, count);
        end_strand(L, strand, false);
    } else {
        fail_strand(L, turn, code);
    }
    return 0;
}

/* Protected: the first coroutine is `run`. */
static int
begin_run(lua_State *L)
{
    struct aks_tasker *tasker = lua_touserdata(L, 1);

    aks_lib_task_open_handles(L);
    aks_lib_task_open_state(L);
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, aks_spec_function_key(AKS_VM_RUN));
    aks_lib_task_push_context(L);
    begin_strand(L, tasker, 1)->main = true;
    return 0;
}

/* --- the engine's side ------------------------------------------------------------------------ */

static enum aks_status
take_turn(struct aks_tasker *tasker, struct strand *strand, struct aks_error *err)
{
    struct aks_vm *vm = tasker->vm;
    struct turn turn = { .strand = strand, .status = AKS_OK };
    enum aks_status status;

    if (++tasker->turns > vm->limits.task_turns)
        return aks_error_set(err, AKS_LIMIT, "%s: in %s: it goes on more than %" PRId64 " times",
            vm->path, QUESTION, vm->limits.task_turns);
    tasker->current = strand;
    status = aks_call_task(vm, QUESTION, run_turn, &turn, err);
    tasker->current = NULL;
    if (status == AKS_OK && turn.status != AKS_OK) {
        *err = turn.error;
        status = turn.status;
    }
    for (unsigned i = 0; i < tasker->drop_count; i++)
        aks_task_drop(tasker->task, tasker->drops[i]);
    tasker->drop_count = 0;
    if (status != AKS_OK || !strand->asks || strand->state != STRAND_WAITING)
        return status;
    strand->request.done = request_done;
    strand->request.ctx = strand;
    strand->since_ms = aks_task_now_ms(tasker->task);
    aks_task_begin(tasker->task, &strand->request);
    return AKS_OK;
}

static enum aks_status
begin(struct aks_tasker *tasker, struct aks_task *task, struct aks_error *err)
{
    struct aks_vm *vm = tasker->vm;

    tasker->begun = true;
    tasker->run++;
    tasker->task = task;
    tasker->turns = 0;
    tasker->ready_last = &tasker->ready;
    vm->log_lines = 0;
    aks_error_clear(&tasker->unjoined);
    if (tasker->strands == NULL)
        tasker->strands = aks_mem_array(vm->alloc, AKS_SCRIPT_TASK_COROUTINES,
            sizeof(struct strand *));
    if (tasker->strands == NULL)
        return aks_error_memory(err, "beginning a task");
    return aks_call_task(vm, QUESTION, begin_run, tasker, err);
}

/* Everybody waits for somebody who waits. */
static enum aks_status
deadlock(const struct aks_tasker *tasker, struct aks_error *err)
{
    lua_Debug frame = { 0 };
    int level;

    for (unsigned i = 0; i < AKS_SCRIPT_TASK_COROUTINES && tasker->strands[i] != NULL; i++) {
        const struct strand *strand = tasker->strands[i];

        if (strand->state == STRAND_WAITING)
            return AKS_OK;
        if (strand->state == STRAND_JOINING && frame.source == NULL &&
            !aks_value_policy_frame(strand->L, 0, &level, &frame))
            frame.source = NULL;
    }
    if (frame.source == NULL)
        return aks_error_set(err, AKS_POLICY, "%s: in %s: every coroutine waits for another one",
            tasker->vm->path, QUESTION);
    return aks_error_set(err, AKS_POLICY,
        "%s:%d: in %s: ctx:join: every coroutine waits for another one", frame.source + 1,
        frame.currentline, QUESTION);
}

static void
paused(void *ctx)
{
    struct aks_tasker *tasker = ctx;

    tasker->pauses = false;
}

/* Others are ready, and are heard of again in the engine's next turn. */
static void
pause_turns(struct aks_tasker *tasker)
{
    if (tasker->pauses)
        return;
    memset(&tasker->pause, 0, sizeof(tasker->pause));
    tasker->pause.operation = AKS_TASK_SLEEP;
    tasker->pause.done = paused;
    tasker->pause.ctx = tasker;
    tasker->pauses = true;
    aks_task_begin(tasker->task, &tasker->pause);
}

static enum aks_status
step(void *ctx, struct aks_task *task, bool *ret_ended, struct aks_error *err)
{
    struct aks_tasker *tasker = ctx;
    struct strand *strand;
    enum aks_status status = AKS_OK;
    unsigned turns = 0;

    *ret_ended = false;
    if (!tasker->begun)
        status = begin(tasker, task, err);
    while (status == AKS_OK && turns++ < AKS_SCRIPT_TASK_TURNS_AT_ONCE &&
        (strand = take_ready(tasker)) != NULL)
        status = take_turn(tasker, strand, err);
    if (status != AKS_OK)
        return status;
    if (tasker->ready != NULL) {
        pause_turns(tasker);
        return AKS_OK;
    }
    if (tasker->alive > 0)
        return deadlock(tasker, err);
    *ret_ended = true;
    if (tasker->unjoined.status != AKS_OK) {
        *err = tasker->unjoined;
        return err->status;
    }
    return AKS_OK;
}

/* A later run of the same policy begins anew. */
static void
end(void *ctx)
{
    struct aks_tasker *tasker = ctx;

    for (unsigned i = 0; tasker->strands != NULL && i < AKS_SCRIPT_TASK_COROUTINES; i++) {
        if (tasker->strands[i] != NULL)
            tasker->strands[i]->state = STRAND_FREE;
    }
    tasker->task = NULL;
    tasker->begun = false;
    tasker->alive = 0;
    tasker->ready = NULL;
    tasker->drop_count = 0;
    tasker->pauses = false;
}

struct aks_tasker *
aks_task_lua_new(struct aks_vm *vm)
{
    struct aks_tasker *tasker = aks_mem_new(vm->alloc, sizeof(*tasker));

    if (tasker == NULL)
        return NULL;
    tasker->vm = vm;
    tasker->ready_last = &tasker->ready;
    tasker->policy.limit_ms = vm->limits.task_ms;
    tasker->policy.step = step;
    tasker->policy.end = end;
    tasker->policy.ctx = tasker;
    vm->tasker = tasker;
    return tasker;
}

void
aks_task_lua_free(struct aks_tasker *tasker)
{
    const struct aks_alloc *alloc;

    if (tasker == NULL)
        return;
    alloc = tasker->vm->alloc;
    for (unsigned i = 0; tasker->strands != NULL && i < AKS_SCRIPT_TASK_COROUTINES; i++)
        aks_mem_free(alloc, tasker->strands[i]);
    aks_mem_free(alloc, tasker->strands);
    tasker->vm->tasker = NULL;
    aks_mem_free(alloc, tasker);
}

const struct aks_policy_task *
aks_task_lua_policy(const struct aks_tasker *tasker)
{
    return &tasker->policy;
}
