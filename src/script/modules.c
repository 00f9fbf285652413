#include "script/modules.h"

#include "base/check.h"
#include "script/embed.h"
#include "script/freeze.h"
#include "script/phase.h"
#include "script/sandbox.h"
#include "script/value.h"
#include "script/vm.h"

#include <lauxlib.h>

#include <stdio.h>
#include <string.h>

#define LOADED "akosha.loaded"      /* registry: name -> module */
#define GIVEN "akosha.given"        /* registry: what our own modules are given */
#define FILE_NAME_BYTES 64
#define DEFAULT_POLICY "policies/default"

/* In place of a module that is being loaded. */
static const char loading;

const char *
aks_modules_push_beside(lua_State *L, const char *name)
{
    const struct aks_policy_text *text = aks_vm_of(L)->text;
    const char *slash = text->path != NULL && text->text != NULL ? strrchr(text->path, '/') : NULL;

    if (slash == NULL) {
        lua_pushnil(L);
        return NULL;
    }
    lua_pushlstring(L, text->path, (size_t)(slash - text->path) + 1);
    lua_pushstring(L, name);
    lua_concat(L, 2);
    return lua_tostring(L, -1);
}

/* Notes the chunk's name, without its '@', for whoever explains errors. */
static void
note_chunk(lua_State *L, const char *chunk)
{
    lua_getfield(L, LUA_REGISTRYINDEX, AKS_CALL_CHUNKS);
    lua_pushstring(L, chunk + 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

/* [-0, +1, raises] */
static void
load_own(lua_State *L, const char *name, const struct aks_embedded *file)
{
    const char *chunk = lua_pushfstring(L, "=%s", file->name);

    aks_sandbox_compile(L, file->data, file->len, chunk, AKS_SANDBOX_OWN);
    lua_getfield(L, LUA_REGISTRYINDEX, GIVEN);
    lua_call(L, 1, 1);
    aks_phase_guard(L, name);
    aks_freeze_strict(L, name);
    lua_remove(L, -2);
}

/* [-0, +1, raises] */
static void
load_beside(lua_State *L, const char *name, const struct aks_policy_module *module)
{
    const char *chunk;

    if (aks_modules_push_beside(L, name) == NULL)
        lua_pushstring(L, name);
    chunk = lua_pushfstring(L, "@%s.lua", lua_tostring(L, -1));
    note_chunk(L, chunk);
    aks_sandbox_compile(L, module->text, module->text_len, chunk, AKS_SANDBOX_POLICY);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static const struct aks_embedded *
find_own(const char *name)
{
    char file[FILE_NAME_BYTES];

    if (strcmp(name, "akosha") == 0)
        return aks_embedded_find("akosha/init");
    if (strncmp(name, "akosha.", 7) != 0 || strcmp(name, "akosha.init") == 0 ||
        strlen(name) >= sizeof(file))
        return NULL;
    (void)snprintf(file, sizeof(file), "akosha/%s", name + 7);
    return aks_embedded_find(file);
}

/* What is not loaded yet is loaded with the policy: its text is not kept. Tests have a module of
 * their own. [-0, +0, raises] */
static void
check_phase(lua_State *L, const char *name)
{
    bool testing = strcmp(name, "akosha.testing") == 0;
    char shown[AKS_VALUE_SHOWN_BYTES];
    char what[AKS_VALUE_SHOWN_BYTES + 16];

    (void)snprintf(what, sizeof(what), "require %s",
        aks_value_shown(L, 1, shown) + strlen("string "));
    aks_phase_check(L, what, AKS_PHASE_IN(testing ? AKS_PHASE_TEST : AKS_PHASE_LOAD));
}

static const struct aks_policy_module *
find_beside(lua_State *L, const char *name)
{
    const struct aks_vm *vm = aks_vm_of(L);

    check_phase(L, name);
    for (size_t i = 0; i < vm->text->module_count; i++) {
        if (strcmp(vm->text->modules[i].name, name) == 0)
            return &vm->text->modules[i];
    }
    return NULL;
}

/* Also the way of a name that tries to get out of the folder: there is nothing of that name. */
noreturn static void
raise_not_found(lua_State *L)
{
    char shown[AKS_VALUE_SHOWN_BYTES];

    aks_value_raise(L, "require: there is no module %s: a policy can require akosha, akosha.match,"
        " akosha.retry, akosha.route, akosha.throttle,"
        " akosha.units and the *.lua files beside it, by name",
        aks_value_shown(L, 1, shown) + strlen("string "));
}

int
aks_modules_require(lua_State *L)
{
    const struct aks_policy_module *beside = NULL;
    const struct aks_embedded *own;
    const char *name;

    if (lua_type(L, 1) != LUA_TSTRING)
        aks_value_expected(L, "require", "the name of a module", 1);
    name = lua_tostring(L, 1);
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LOADED);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 2) == LUA_TLIGHTUSERDATA)
        aks_value_raise(L, "require \"%s\": it requires itself, or has failed before", name);
    if (!lua_isnil(L, 3))
        return 1;
    /* A name that a zero byte ends early would be the same module under another name. */
    if (strlen(name) != lua_rawlen(L, 1))
        raise_not_found(L);
    own = find_own(name);
    if (own == NULL)
        beside = find_beside(L, name);
    if (own == NULL && beside == NULL)
        raise_not_found(L);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, (void *)(uintptr_t)&loading);
    lua_rawset(L, 2);
    if (own != NULL)
        load_own(L, name, own);
    else
        load_beside(L, name, beside);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
    return 1;
}

void
aks_modules_open(lua_State *L)
{
    lua_setfield(L, LUA_REGISTRYINDEX, GIVEN);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LOADED);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, AKS_CALL_CHUNKS);
}

void
aks_modules_run_policy(lua_State *L)
{
    const struct aks_vm *vm = aks_vm_of(L);
    const struct aks_embedded *built_in = aks_embedded_find(DEFAULT_POLICY);
    bool own = vm->text->text == NULL;
    const char *chunk = lua_pushfstring(L, "@%s", vm->path);

    AKS_CHECK(built_in != NULL);
    note_chunk(L, chunk);
    aks_sandbox_compile(L, own ? built_in->data : vm->text->text,
        own ? built_in->len : vm->text->text_len, chunk, AKS_SANDBOX_POLICY);
    lua_call(L, 0, 1);
    lua_remove(L, -2);
}
