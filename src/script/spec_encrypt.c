/* akosha.age, and the field `encrypt`: whom everything is encrypted for before it leaves. */
#include "script/spec.h"

#include "script/handle.h"
#include "script/problem_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

#define WHAT "akosha.age"
#define OPTIONS 1       /* stack index of the builder's argument */

/* A key that was pasted into the wrong place may be a secret: it is not repeated. */
static void
take_recipient(lua_State *L, void *ctx)
{
    struct aks_spec_age *age = ctx;
    struct aks_error err;
    size_t len;
    const char *text;

    if (lua_type(L, -1) != LUA_TSTRING)
        aks_value_expected(L, WHAT ": recipients", "texts (\"age1...\")", -1);
    text = lua_tolstring(L, -1, &len);
    if (aks_age_recipients_add(&age->recipients, text, len, &err) != AKS_OK)
        aks_value_raise(L, WHAT ": a recipient is wrong: %s", err.message);
}

static void
take_recipients(lua_State *L, void *ctx)
{
    static const char what[] = WHAT ": recipients";
    size_t count;
    int list;

    if (aks_value_field(L, OPTIONS, "recipients") == LUA_TNIL)
        return;
    list = lua_gettop(L);
    if (lua_type(L, -1) == LUA_TSTRING) {
        take_recipient(L, ctx);
        return;
    }
    count = aks_value_list(L, list, what, "a list of recipients (\"age1...\")",
        AKS_AGE_RECIPIENTS_MAX);
    if (count == 0)
        aks_value_raise(L, "%s: the list is empty", what);
    for (size_t i = 1; i <= count; i++) {
        (void)lua_rawgeti(L, list, (lua_Integer)i);
        aks_problem_take(L, what, NULL, i, take_recipient, ctx);
        lua_pop(L, 1);
    }
}

static void
take_file(lua_State *L, void *ctx)
{
    struct aks_spec_age *age = ctx;
    const char *path;

    if (aks_value_field(L, OPTIONS, "recipients_file") == LUA_TNIL)
        return;
    path = aks_spec_push_path(L, lua_gettop(L), WHAT ": recipients_file");
    if (strlen(path) >= sizeof(age->recipients_file))
        aks_value_raise(L, WHAT ": recipients_file: the path is too long");
    memcpy(age->recipients_file, path, strlen(path) + 1);
}

static void
take_passphrase(lua_State *L, void *ctx)
{
    struct aks_spec_age *age = ctx;
    const char *name;

    if (aks_value_field(L, OPTIONS, "passphrase") == LUA_TNIL)
        return;
    name = aks_handle_secret(L, -1);
    /* It may be one: it is not repeated. */
    if (name == NULL)
        aks_value_raise(L, WHAT ": passphrase: expected akosha.secret \"name\": a policy has no "
            "values of secrets");
    memcpy(age->passphrase, name, strlen(name) + 1);
}

int
aks_spec_age(lua_State *L)
{
    static const char *const names[] = { "recipients", "recipients_file", "passphrase", NULL };
    struct aks_spec_age *age;
    bool any = false;

    lua_settop(L, OPTIONS);
    aks_value_fields(L, OPTIONS, WHAT, names);
    for (size_t i = 0; names[i] != NULL; i++) {
        any = aks_value_field(L, OPTIONS, names[i]) != LUA_TNIL || any;
        lua_pop(L, 1);
    }
    age = aks_handle_push_age(L);
    aks_problem_take(L, WHAT, "recipients", 0, take_recipients, age);
    aks_problem_take(L, WHAT, "recipients_file", 0, take_file, age);
    aks_problem_take(L, WHAT, "passphrase", 0, take_passphrase, age);
    if (!any && !aks_problem_meant(L, "recipients"))
        aks_value_raise(L, WHAT ": no recipients, no recipients_file and no passphrase: nobody "
            "could read it again");
    if (age->passphrase[0] != '\0' &&
        (age->recipients.count > 0 || age->recipients_file[0] != '\0'))
        aks_value_raise(L, WHAT ": a passphrase stands alone: what is encrypted with one has no "
            "recipients");
    return 1;
}

void
aks_spec_encrypt(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    struct aks_encrypt_settings *encrypt = &settings->encrypt;
    int type = aks_value_field(L, OPTIONS, "encrypt");
    const struct aks_spec_age *age = aks_handle_age(L, -1);

    if (type == LUA_TNIL)
        return;
    if (type == LUA_TFUNCTION)
        aks_value_raise(L, "akosha.policy: encrypt: a function decides nothing here: what leaves "
            "is encrypted whatever happens, or never");
    if (age == NULL)
        aks_value_expected(L, "akosha.policy: encrypt", "akosha.age { ... }", -1);
    encrypt->set = true;
    encrypt->recipients = age->recipients;
    if (age->recipients_file[0] != '\0' &&
        (encrypt->recipients_file = aks_mem_strdup(settings->alloc, age->recipients_file)) == NULL)
        aks_spec_no_memory(L);
    if (age->passphrase[0] != '\0' &&
        (encrypt->passphrase = aks_mem_strdup(settings->alloc, age->passphrase)) == NULL)
        aks_spec_no_memory(L);
}
