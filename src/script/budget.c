#include "script/budget.h"

#include "base/check.h"
#include "base/units.h"
#include "script/lines_internal.h"
#include "script/value.h"

#include <inttypes.h>

/* What a coroutine costs besides its instructions: about 300 ns to make and collect, and up to
 * an interval of instructions that its own hook does not count. */
#define COROUTINE_INSTRUCTIONS (2 * AKS_BUDGET_INTERVAL)
/* Looking for garbage takes about as long as filling what is looked at. */
#define BYTES_PER_INSTRUCTION 64

static void hook(lua_State *L, lua_Debug *ar);

/* Lua has one hook: whoever wants to know the lines shares it. */
static int
events(const struct aks_vm *vm)
{
    return vm->options->lines != NULL ? LUA_MASKCOUNT | LUA_MASKLINE : LUA_MASKCOUNT;
}

/* From now on every instruction of both threads ends in the hook: what pcall catches is raised
 * again by the next instruction. */
static void
stay_over(struct aks_vm *vm, lua_State *L)
{
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    lua_sethook(vm->L, hook, LUA_MASKCOUNT, 1);
}

static void
look(lua_State *L)
{
    struct aks_vm *vm = aks_vm_of(L);

    if (vm->limit == AKS_VM_WITHIN && vm->work_left < 0)
        vm->limit = AKS_VM_WORK;
    if (vm->limit == AKS_VM_WITHIN && vm->clock != NULL &&
        vm->clock->now_ns(vm->clock->ctx) > vm->deadline_ns)
        vm->limit = AKS_VM_TIME;
    switch (vm->limit) {
    case AKS_VM_WITHIN:
        return;
    case AKS_VM_MEMORY:
    case AKS_VM_STRING:
    case AKS_VM_STACK:
    case AKS_VM_NO_MEMORY:
        stay_over(vm, L);
        aks_value_raise(L, "over the limit of memory");
    case AKS_VM_COROUTINES:
        stay_over(vm, L);
        aks_value_raise(L, "over the limit of %" PRId64 " coroutines at once",
            vm->limits.coroutines);
    case AKS_VM_WORK:
        stay_over(vm, L);
        aks_value_raise(L, "over the limit of %" PRId64 " instructions", vm->work);
    case AKS_VM_TIME:
        stay_over(vm, L);
        aks_value_raise(L, "over the limit of %" PRId64 " ms", vm->work_ms);
    }
}

static void
hook(lua_State *L, lua_Debug *ar)
{
    struct aks_vm *vm = aks_vm_of(L);

    if (!vm->armed)
        return;
    if (ar->event == LUA_HOOKLINE) {
        aks_lines_tell(L, ar);
        return;
    }
    vm->work_left -= AKS_BUDGET_INTERVAL;
    look(L);
}

void
aks_budget_arm(struct aks_vm *vm, int64_t instructions, int64_t ms)
{
    AKS_CHECK(!vm->armed);
    AKS_CHECK(instructions > 0);
    vm->limit = AKS_VM_WITHIN;
    vm->memory_refused = false;
    vm->refused_bytes = 0;
    vm->work = instructions;
    vm->work_ms = ms;
    vm->work_left = instructions;
    vm->deadline_ns = INT64_MAX;
    if (vm->clock != NULL)
        vm->deadline_ns = vm->clock->now_ns(vm->clock->ctx) + ms * AKS_NS_PER_MS;
    vm->armed = true;
    lua_sethook(vm->L, hook, events(vm), AKS_BUDGET_INTERVAL);
}

void
aks_budget_disarm(struct aks_vm *vm)
{
    vm->armed = false;
}

void
aks_budget_charge(lua_State *L, int64_t instructions)
{
    struct aks_vm *vm = aks_vm_of(L);

    vm->work_left -= instructions;
    look(L);
}

/* Those that have ended and are garbage make room first. (The allocator has the same limit, for
 * whoever does not come by here: its error has no line.) */
void
aks_budget_coroutine(lua_State *L)
{
    struct aks_vm *vm = aks_vm_of(L);

    aks_budget_charge(L, COROUTINE_INSTRUCTIONS);
    if (vm->coroutines < vm->limits.coroutines)
        return;
    aks_budget_charge(L, vm->memory_used / BYTES_PER_INSTRUCTION);
    (void)lua_gc(L, LUA_GCCOLLECT);
    if (vm->coroutines < vm->limits.coroutines)
        return;
    vm->limit = AKS_VM_COROUTINES;
    look(L);
}
