/* JSON as Lua sees it. */
#include "testkit/lib_testing_internal.h"

#include "script/push_json.h"

static void
let_go(void *thing)
{
    json_decref(thing);
}

void
aks_testing_json_text(lua_State *L, const char *text, size_t len)
{
    void **box = aks_testing_box(L, let_go);

    *box = json_loadb(text, len, 0, NULL);
    aks_push_json(L, *box, NULL);
    aks_testing_box_free(box);
    lua_remove(L, -2);
}
