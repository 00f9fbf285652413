/* akosha.s3, akosha.http, akosha.mcp, akosha.dir: each checks its table and returns a target whose
 * fields are a private copy in the form that the engine takes. And akosha.secret, for a field of
 * theirs. */
#include "script/spec.h"

#include "engine/credentials_plan.h"
#include "engine/secret_list.h"
#include "port/http.h"
#include "script/handle.h"
#include "script/lib_akosha.h"
#include "script/problem_internal.h"
#include "script/value.h"
#include "wire/bucket_name.h"
#include "wire/url.h"

#include <lauxlib.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FIELDS 1        /* stack index of the builder's argument */
#define OUT 2           /* of the checked copy */

#define REGION_BYTES_MAX 63

/* Checks the argument and leaves it and an empty table on the stack. [-all, +2, raises] */
static void
begin(lua_State *L, const char *what, const char *const *names)
{
    lua_settop(L, 1);
    aks_value_fields(L, FIELDS, what, names);
    lua_newtable(L);
}

/* Pushes a field that must be there: nil and "" are what an unset variable gives. False where an
 * unknown field was meant to be it, which was told. [-0, +1, raises] */
static bool
push_needed(lua_State *L, const char *what, const char *name)
{
    int type = aks_value_field(L, FIELDS, name);

    if (type == LUA_TNIL && aks_problem_meant(L, name))
        return false;
    if (type == LUA_TNIL || (type == LUA_TSTRING && lua_rawlen(L, -1) == 0))
        aks_value_raise(L, "%s: no %s", what, name);
    return true;
}

static void
take_bucket(lua_State *L, void *ctx)
{
    char shown[AKS_VALUE_SHOWN_BYTES];
    const char *fault;

    if (!push_needed(L, "akosha.s3", "bucket"))
        return;
    if (lua_type(L, -1) != LUA_TSTRING)
        aks_value_expected(L, "akosha.s3: bucket", "a string", -1);
    fault = aks_bucket_name_fault(lua_tostring(L, -1), lua_rawlen(L, -1));
    if (fault != NULL)
        aks_value_raise(L, "akosha.s3: bucket: %s, got %s", fault, aks_value_shown(L, -1, shown));
    lua_setfield(L, OUT, "bucket");
}

static void
take_region(lua_State *L, void *ctx)
{
    const char *region;

    if (aks_value_field(L, FIELDS, "region") == LUA_TNIL) {
        lua_pushliteral(L, "auto");
        lua_replace(L, -2);
    }
    region = aks_value_text(L, -1, "akosha.s3: region", REGION_BYTES_MAX);
    for (; *region != '\0'; region++) {
        if (!isalnum((unsigned char)*region) && *region != '-' && *region != '_')
            aks_value_expected(L, "akosha.s3: region", "letters, digits and '-' only", -1);
    }
    lua_setfield(L, OUT, "region");
}

/* Checks the URL on top and puts it into the copy, without a '/' at its end. The text itself is
 * in no message: it may hold a password. [-1, +0, raises] */
static void
check_url(lua_State *L, const char *what, const char *name)
{
    struct aks_url url;
    struct aks_error err;
    const char *text;
    size_t len;

    (void)lua_pushfstring(L, "%s: %s", what, name);
    text = aks_value_text(L, -2, lua_tostring(L, -1), AKS_URL_BYTES_MAX - 1);
    lua_pop(L, 1);
    if (aks_url_parse(text, &url, &err) != AKS_OK)
        aks_value_raise(L, "%s: %s: %s", what, name, err.message);
    len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        len--;
    lua_pushlstring(L, text, len);
    lua_setfield(L, OUT, name);
    lua_pop(L, 1);
}

static void
take_endpoint(lua_State *L, void *ctx)
{
    if (aks_value_field(L, FIELDS, "endpoint") != LUA_TNIL)
        check_url(L, "akosha.s3", "endpoint");
}

static void
take_url(lua_State *L, void *ctx)
{
    if (push_needed(L, ctx, "url"))
        check_url(L, ctx, "url");
}

static void
take_path(lua_State *L, void *ctx)
{
    if (!push_needed(L, "akosha.dir", "path"))
        return;
    (void)aks_spec_push_path(L, -1, "akosha.dir: path");
    lua_setfield(L, OUT, "path");
}

/* "a/b" or "a/b/" becomes "a/b/". */
static void
take_prefix(lua_State *L, void *ctx)
{
    static const char what[] = "akosha.s3: prefix";
    int type = aks_value_field(L, FIELDS, "prefix");
    const char *prefix;
    size_t len;

    if (type == LUA_TNIL || (type == LUA_TSTRING && lua_rawlen(L, -1) == 0))
        return;
    prefix = aks_value_text(L, -1, what, AKS_SPEC_PREFIX_BYTES_MAX);
    len = strlen(prefix);
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)prefix[i]) && strchr("._/-", prefix[i]) == NULL)
            aks_value_expected(L, what, "letters, digits, '.', '_', '-' and '/' only", -1);
    }
    if (prefix[0] == '/' || strstr(prefix, "//") != NULL || strstr(prefix, "..") != NULL)
        aks_value_expected(L, what, "one without '/' in front, '//' and '..'", -1);
    if (prefix[len - 1] != '/') {
        lua_pushliteral(L, "/");
        lua_concat(L, 2);
    }
    lua_setfield(L, OUT, "prefix");
}

static void
take_credentials(lua_State *L, void *ctx)
{
    static const char what[] = "akosha.s3: credentials";
    static const char expected[] = AKS_CREDENTIALS_HOW_EXPECTED;
    const char *text;

    if (aks_value_field(L, FIELDS, "credentials") == LUA_TNIL) {
        lua_pushliteral(L, "auto");
        lua_replace(L, -2);
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        aks_value_expected(L, what, expected, -1);
    text = aks_value_text(L, -1, what, AKS_SPEC_CREDENTIALS_BYTES_MAX);
    /* What was written instead may be a secret, by mistake: it is not repeated. */
    if (!aks_credentials_how_valid(text))
        aks_value_raise(L, "%s: expected %s, got another string", what, expected);
    lua_setfield(L, OUT, "credentials");
}

static void
take_ca(lua_State *L, void *ctx)
{
    const char *what = ctx;

    if (aks_value_field(L, FIELDS, "ca") == LUA_TNIL)
        return;
    (void)lua_pushfstring(L, "%s: ca", what);
    (void)aks_spec_push_path(L, -2, lua_tostring(L, -1));
    lua_setfield(L, OUT, "ca");
}

/* The pin on top, behind those before it. [-0, +0, raises] */
static void
add_pin(lua_State *L, const char *what, char pins[AKS_HTTP_PINS_BYTES])
{
    const char *pin = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    size_t len = strlen(pins);

    if (lua_rawlen(L, -1) != AKS_HTTP_PIN_BYTES - 1 || !aks_http_pins_valid(pin))
        aks_value_expected(L, what,
            "\"sha256//\" and the base64 of the SHA-256 of a public key, or a list of such", -1);
    (void)snprintf(pins + len, AKS_HTTP_PINS_BYTES - len, "%s%s", len > 0 ? ";" : "", pin);
}

/* Is the address that was taken as ${name} one without TLS? [-0, +0, raises] */
static bool
is_plain(lua_State *L, const char *name)
{
    bool plain = aks_value_field(L, OUT, name) == LUA_TSTRING &&
        strncasecmp(lua_tostring(L, -1), "http:", 5) == 0;

    lua_pop(L, 1);
    return plain;
}

/* One, or a list: the server's key may be any of these. */
static void
take_pin(lua_State *L, void *ctx)
{
    char pins[AKS_HTTP_PINS_BYTES] = "";
    int type = aks_value_field(L, FIELDS, "pin");
    const char *what;

    if (type == LUA_TNIL)
        return;
    what = lua_pushfstring(L, "%s: pin", (const char *)ctx);
    lua_insert(L, -2);
    if (type != LUA_TTABLE)
        add_pin(L, what, pins);
    else if (aks_value_list(L, -1, what, "a list of pins", AKS_HTTP_PINS_MAX) == 0)
        aks_value_raise(L, "%s: the list is empty", what);
    for (lua_Integer i = 1; type == LUA_TTABLE && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        add_pin(L, what, pins);
        lua_pop(L, 1);
    }
    if (is_plain(L, "endpoint") || is_plain(L, "url"))
        aks_value_raise(L, "%s: a server without TLS has no key that could be pinned", what);
    lua_pushstring(L, pins);
    lua_setfield(L, OUT, "pin");
}

/* What was written instead may be the token itself: it is not repeated. */
static void
take_token(lua_State *L, void *ctx)
{
    const char *name;

    if (aks_value_field(L, FIELDS, "token") == LUA_TNIL)
        return;
    name = aks_handle_secret(L, -1);
    if (name == NULL)
        aks_value_raise(L, "%s: token: expected akosha.secret \"NAME\", got a %s",
            (const char *)ctx, luaL_typename(L, -1));
    lua_pushstring(L, name);
    lua_setfield(L, OUT, "token");
}

static void
take_path_style(lua_State *L, void *ctx)
{
    int type = aks_value_field(L, FIELDS, "path_style");

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        aks_value_expected(L, "akosha.s3: path_style", "true or false", -1);
    lua_setfield(L, OUT, "path_style");
}

static void
take_tus(lua_State *L, void *ctx)
{
    int type = aks_value_field(L, FIELDS, "tus");

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        aks_value_expected(L, "akosha.http: tus", "true or false", -1);
    lua_setfield(L, OUT, "tus");
}

static void
take_payload(lua_State *L, void *ctx)
{
    static const char *const payloads[] = { "signed", "crc64nvme", NULL };

    if (aks_value_field(L, FIELDS, "payload") != LUA_TNIL)
        (void)aks_value_choice(L, -1, "akosha.s3: payload", payloads);
    lua_setfield(L, OUT, "payload");
}

static void
take_layout(lua_State *L, void *ctx)
{
    static const char *const layouts[] = { "akosha", "original", NULL };

    if (aks_value_field(L, FIELDS, "layout") != LUA_TNIL) {
        (void)lua_pushfstring(L, "%s: layout", (const char *)ctx);
        (void)aks_value_choice(L, -2, lua_tostring(L, -1), layouts);
        lua_pop(L, 1);
    }
    lua_setfield(L, OUT, "layout");
}

static void
take_markers(lua_State *L, void *ctx)
{
    int type = aks_value_field(L, FIELDS, "markers");

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        aks_value_expected(L, "akosha.s3: markers", "true or false", -1);
    lua_setfield(L, OUT, "markers");
}

/* Takes the field ${name} of ${what}. [-0, +0, raises] */
static void
take(lua_State *L, const char *what, const char *name, aks_problem_taker *taker)
{
    aks_problem_take(L, what, name, 0, taker, (void *)(uintptr_t)what);
}

int
aks_spec_s3(lua_State *L)
{
    static const char what[] = "akosha.s3";
    static const char *const names[] = { "bucket", "region", "endpoint", "prefix", "path_style",
        "credentials", "ca", "pin", "payload", "layout", "markers", NULL };

    begin(L, what, names);
    take(L, what, "bucket", take_bucket);
    take(L, what, "region", take_region);
    take(L, what, "endpoint", take_endpoint);
    take(L, what, "prefix", take_prefix);
    take(L, what, "path_style", take_path_style);
    take(L, what, "credentials", take_credentials);
    take(L, what, "ca", take_ca);
    take(L, what, "pin", take_pin);
    take(L, what, "payload", take_payload);
    take(L, what, "layout", take_layout);
    take(L, what, "markers", take_markers);
    aks_handle_push_target(L, AKS_TARGET_S3);
    return 1;
}

int
aks_spec_http(lua_State *L)
{
    static const char what[] = "akosha.http";
    static const char *const names[] = { "url", "token", "ca", "pin", "tus", "layout",
        NULL };

    begin(L, what, names);
    take(L, what, "url", take_url);
    take(L, what, "token", take_token);
    take(L, what, "ca", take_ca);
    take(L, what, "pin", take_pin);
    take(L, what, "tus", take_tus);
    take(L, what, "layout", take_layout);
    aks_handle_push_target(L, AKS_TARGET_HTTP);
    return 1;
}

int
aks_spec_mcp(lua_State *L)
{
    static const char what[] = "akosha.mcp";
    static const char *const names[] = { "url", "token", "ca", "pin", NULL };

    begin(L, what, names);
    take(L, what, "url", take_url);
    take(L, what, "token", take_token);
    take(L, what, "ca", take_ca);
    take(L, what, "pin", take_pin);
    aks_handle_push_target(L, AKS_TARGET_AKOSHA);
    return 1;
}

/* akosha.secret(name). A name that cannot be one may be a value that was pasted: it is not
 * repeated. */
int
aks_spec_secret(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING)
        aks_value_expected(L, "akosha.secret", "the name of a secret", 1);
    if (lua_rawlen(L, 1) != strlen(lua_tostring(L, 1)) ||
        !aks_secret_name_valid(lua_tostring(L, 1)))
        aks_value_raise(L, "akosha.secret: a name has 1 to %d letters, digits, '_' and '-'",
            AKS_SECRET_NAME_BYTES - 1);
    aks_handle_push_secret(L, lua_tostring(L, 1));
    return 1;
}

int
aks_spec_dir(lua_State *L)
{
    static const char what[] = "akosha.dir";
    static const char *const names[] = { "path", "layout", NULL };

    begin(L, what, names);
    take(L, what, "path", take_path);
    take(L, what, "layout", take_layout);
    aks_handle_push_target(L, AKS_TARGET_DIR);
    return 1;
}
