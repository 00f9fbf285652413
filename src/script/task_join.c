/* What coroutines of a task may do with each other: wait for one's end, and nothing else. */
#include "base/check.h"
#include "script/handle.h"
#include "script/task_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

void *
aks_task_handle(lua_State *L, int index, const char *class, const char *what)
{
    const struct aks_tasker *tasker = aks_vm_of(L)->tasker;
    uint64_t *run = aks_handle_test(L, index, class);

    if (run != NULL && (tasker == NULL || *run != tasker->run))
        aks_value_raise(L, "%s: this %s is of an earlier run", what, class + strlen("akosha."));
    return run;
}

/* The coroutine at index 2 has ended: what it returned, or its error. */
static int
joined(lua_State *L, int status, lua_KContext ctx)
{
    struct aks_tasker *tasker = aks_vm_of(L)->tasker;
    const struct strand_handle *handle = aks_handle_test(L, 2, AKS_STRAND_CLASS);
    int count;

    AKS_CHECK(handle != NULL && handle->ended);
    (void)lua_getiuservalue(L, 2, 1);
    if (handle->failed) {
        if (tasker->unjoined.status != AKS_OK && tasker->unjoined_slot == handle->slot &&
            tasker->unjoined_generation == handle->generation)
            aks_error_clear(&tasker->unjoined);
        return lua_error(L);
    }
    count = (int)lua_rawlen(L, 3);
    (void)lua_getfield(L, 3, "n");
    count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    luaL_checkstack(L, count, "too many results to join");
    for (int i = 1; i <= count; i++)
        (void)lua_rawgeti(L, 3, i);
    return count;
}

int
aks_task_join(lua_State *L)
{
    static const char what[] = "ctx:join";
    struct aks_tasker *tasker = aks_task_running(L, what);
    const struct strand_handle *handle = aks_task_handle(L, 2, AKS_STRAND_CLASS, what);
    struct strand *strand;

    if (handle == NULL)
        aks_value_expected(L, what, "what ctx:spawn returned", 2);
    lua_settop(L, 2);
    if (handle->ended)
        return joined(L, LUA_OK, 0);
    strand = aks_task_waits(L, what);
    if (strand->slot == handle->slot && strand->generation == handle->generation)
        aks_value_raise(L, "%s: a coroutine cannot wait for itself", what);
    strand->joins = tasker->strands[handle->slot];
    strand->asked = true;
    return lua_yieldk(L, 0, 0, joined);
}

bool
aks_task_lua_owns(const struct aks_vm *vm, const lua_State *co)
{
    const struct aks_tasker *tasker = vm->tasker;
    unsigned i = 0;

    if (tasker == NULL || tasker->strands == NULL || co == NULL)
        return false;
    while (i < AKS_SCRIPT_TASK_COROUTINES && tasker->strands[i] != NULL) {
        if (tasker->strands[i]->state != STRAND_FREE && tasker->strands[i]->L == co)
            return true;
        i++;
    }
    return false;
}
