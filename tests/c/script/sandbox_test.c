#include "script/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Every name of the library on top of the stack is on one of the two lists. */
static void
check_library(lua_State *L, const char *library)
{
    int names = 0;

    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        const char *name = lua_tostring(L, -2);

        if (aks_sandbox_verdict(library, name) == AKS_SANDBOX_UNLISTED)
            fail_msg("%s.%s is neither allowed nor denied", library, name);
        names++;
        lua_pop(L, 1);
    }
    assert_true(names > 0);
}

/* What this version of Lua has and the lists do not know would otherwise come in, or stay out,
 * unseen. */
static void
every_name_of_lua_is_allowed_or_denied(void **state)
{
    static const char *const libraries[] = { "coroutine", "math", "string", "table", "utf8" };
    lua_State *L = luaL_newstate();

    assert_non_null(L);
    luaL_openlibs(L);
    lua_pushglobaltable(L);
    check_library(L, "_G");
    lua_pop(L, 1);
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        lua_getglobal(L, libraries[i]);
        check_library(L, libraries[i]);
        lua_pop(L, 1);
    }
    lua_close(L);
}

/* Strings come with metamethods of their own; those of our sandbox are charged, one by one. */
static void
strings_have_no_other_metamethods(void **state)
{
    static const char known[] = " __index __add __div __idiv __mod __mul __pow __sub __unm ";
    lua_State *L = luaL_newstate();
    char name[32];

    assert_non_null(L);
    luaL_openlibs(L);
    lua_pushliteral(L, "");
    assert_true(lua_getmetatable(L, -1));
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        (void)snprintf(name, sizeof(name), " %s ", lua_tostring(L, -2));
        if (strstr(known, name) == NULL)
            fail_msg("strings have%sas well: see bound_arithmetic", name);
        lua_pop(L, 1);
    }
    lua_close(L);
}

static void
names_are_compared_whole(void **state)
{
    assert_int_equal(aks_sandbox_verdict("_G", "loadfile"), AKS_SANDBOX_DENIED);
    assert_int_equal(aks_sandbox_verdict("_G", "file"), AKS_SANDBOX_UNLISTED);
    assert_int_equal(aks_sandbox_verdict("_G", "pair"), AKS_SANDBOX_UNLISTED);
    assert_int_equal(aks_sandbox_verdict("_G", ""), AKS_SANDBOX_UNLISTED);
    assert_int_equal(aks_sandbox_verdict("string", "dump"), AKS_SANDBOX_DENIED);
    assert_int_equal(aks_sandbox_verdict("string", "rep"), AKS_SANDBOX_ALLOWED);
    assert_int_equal(aks_sandbox_verdict("strings", "rep"), AKS_SANDBOX_UNLISTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_lua_is_allowed_or_denied),
        cmocka_unit_test(strings_have_no_other_metamethods),
        cmocka_unit_test(names_are_compared_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
