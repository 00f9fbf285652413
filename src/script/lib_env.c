/* akosha.env: variables that were handed in, and the rule about the others. */
#include "script/lib_akosha.h"

#include "engine/policy_text.h"
#include "script/value.h"

#include <stdio.h>
#include <string.h>

#define ENVIRONMENT "akosha.environment"    /* registry: name -> value */
#define NAME_BYTES_MAX 128

void
aks_lib_keep_environment(lua_State *L, const struct aks_policy_environment *environment)
{
    lua_newtable(L);
    for (size_t i = 0; environment != NULL && i < environment->count; i++) {
        const char *pair = environment->pairs[i];
        const char *equals = strchr(pair, '=');

        if (equals == NULL || aks_policy_environment_secret(pair, (size_t)(equals - pair)))
            continue;
        lua_pushlstring(L, pair, (size_t)(equals - pair));
        lua_pushstring(L, equals + 1);
        lua_rawset(L, -3);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
}

/* Could the variable have been handed in, had it been set? As aks_policy_environment_collect
 * decides. */
static bool
may_be_read(const struct aks_script_options *options, const char *name)
{
    for (size_t i = 0; i < options->allowed_count; i++) {
        if (strcmp(name, options->allowed_names[i]) == 0)
            return true;
    }
    return aks_policy_environment_open(name, strlen(name));
}

/* For the hint of an error about a setting that is missing. */
static void
note_unset(struct aks_vm *vm, const char *name)
{
    size_t len = strlen(vm->unset);
    int written;

    if (strstr(vm->unset, name) != NULL)
        return;
    written = snprintf(vm->unset + len, sizeof(vm->unset) - len, "%s%s", len > 0 ? ", " : "", name);
    if (written < 0 || (size_t)written >= sizeof(vm->unset) - len)
        vm->unset[len] = '\0';
}

int
aks_lib_env(lua_State *L)
{
    struct aks_vm *vm = aks_vm_of(L);
    const char *name = aks_value_text(L, 1, "akosha.env: name", NAME_BYTES_MAX);

    if (aks_policy_environment_secret(name, strlen(name)))
        aks_value_raise(L, "akosha.env: %s looks like a secret's name, and no policy may read those"
            " (*SECRET*, *TOKEN*, *PASS*, *KEY*, *CREDENTIAL*)", name);
    lua_settop(L, 2);
    lua_getfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) == LUA_TSTRING && lua_rawlen(L, -1) > 0)
        return 1;
    if (lua_isnil(L, -1) && !may_be_read(vm->options, name))
        aks_value_raise(L, "akosha.env: %s is not a variable that a policy may read (AKOSHA_*,"
            " SESSION_BUDDY_AKOSHA_*, HOME, USER, HOSTNAME, TZ, LANG, XDG_*, and what --allow-env"
            " adds)", name);
    if (lua_isnil(L, 2))
        note_unset(vm, name);
    lua_pushvalue(L, 2);
    return 1;
}
