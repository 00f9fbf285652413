#include "testkit/lib_testing_internal.h"

int
aks_testing_forall(lua_State *L)
{
    return luaL_error(L, "not yet");
}
