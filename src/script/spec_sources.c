/* The field `sources` of akosha.policy: paths, globs, and tables that say more of either. */
#include "script/spec.h"

#include "engine/glob.h"
#include "engine/source.h"
#include "script/handle.h"
#include "script/problem_internal.h"
#include "script/value.h"

#include <string.h>

#define POLICY "akosha.policy"
#define WHAT POLICY ": sources"
#define FIELDS 1        /* stack index of the policy's table */

/* An entry of the list, on the stack while it is taken. */
struct taking {
    struct aks_settings *settings;
    struct aks_source_settings source;  /* what is checked so far; its strings are the entry's */
    int entry;                          /* stack index */
};

/* --- fields of a table ------------------------------------------------------------------------ */

static void
take_glob(lua_State *L, struct taking *taking, const char *what)
{
    const char *glob = aks_value_text(L, -1, what, AKS_SPEC_PATH_BYTES_MAX);
    struct aks_error err;

    if (aks_glob_check(glob, &err) != AKS_OK)
        aks_value_raise(L, "%s: \"%s\": %s", what, glob, err.message);
    taking->source.path = (char *)(uintptr_t)glob;
    taking->source.glob = true;
}

/* path or glob, and not both. */
static void
take_place(lua_State *L, void *ctx)
{
    struct taking *taking = ctx;
    bool path = aks_value_field(L, taking->entry, "path") != LUA_TNIL;
    bool glob = aks_value_field(L, taking->entry, "glob") != LUA_TNIL;

    if (path && glob)
        aks_value_raise(L, "%s: path and glob: a source is one of them", WHAT);
    if (glob)
        take_glob(L, taking, WHAT ": glob");
    else if (path)
        taking->source.path = (char *)(uintptr_t)aks_value_text(L, -2, WHAT ": path",
            AKS_SPEC_PATH_BYTES_MAX);
    else if (!aks_problem_meant(L, "path") && !aks_problem_meant(L, "glob"))
        aks_value_raise(L, "%s: no path, and no glob", WHAT);
}

static void
take_kind(lua_State *L, void *ctx)
{
    struct taking *taking = ctx;
    /* In the order of enum aks_source_kind. */
    static const char *const kinds[] = { "file", "duckdb", "sqlite", NULL };

    if (aks_value_field(L, taking->entry, "kind") == LUA_TNIL)
        return;
    taking->source.kind = (enum aks_source_kind)aks_value_choice(L, -1, WHAT ": kind", kinds);
    taking->source.kind_given = true;
}

static void
take_codec(lua_State *L, void *ctx)
{
    struct taking *taking = ctx;
    int type = aks_value_field(L, taking->entry, "codec");

    if (type == LUA_TNIL)
        return;
    if (type != LUA_TSTRING && type != LUA_TTABLE)
        aks_value_expected(L, WHAT ": codec",
            "\"none\", \"gzip\", \"zstd\" or a table with codec and level", -1);
    aks_spec_compress(L, lua_gettop(L), WHAT ": codec", &taking->source.compress);
    taking->source.compress_given = true;
}

static void
take_snapshot(lua_State *L, void *ctx)
{
    struct taking *taking = ctx;
    int type = aks_value_field(L, taking->entry, "snapshot");

    if (type == LUA_TNIL)
        return;
    if (type != LUA_TSTRING && aks_handle_busy(L, -1) == NULL)
        aks_value_expected(L, WHAT ": snapshot",
            "\"queue\", \"skip\", \"older\" or akosha.snapshot { ... }", -1);
    aks_spec_busy(L, lua_gettop(L), WHAT ": snapshot", AKS_SNAPSHOT_WAIT_MS_DEFAULT,
        &taking->source.snapshot);
    taking->source.snapshot_given = true;
}

static void
take_priority(lua_State *L, void *ctx)
{
    struct taking *taking = ctx;
    if (aks_value_field(L, taking->entry, "priority") != LUA_TNIL)
        taking->source.priority = (int)aks_value_whole(L, -1, WHAT ": priority", "",
            -AKS_SOURCE_PRIORITY_MAX, AKS_SOURCE_PRIORITY_MAX);
}

/* Would the engine leave the name as it is? */
static bool
is_harmless(const char *name)
{
    size_t len = strlen(name);

    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len
        && strstr(name, "..") == NULL && name[0] != '.' && name[len - 1] != '.';
}

static void
take_name(lua_State *L, void *ctx)
{
    struct taking *taking = ctx;
    static const char what[] = WHAT ": name";
    const struct aks_settings *settings = taking->settings;
    const char *name;

    if (aks_value_field(L, taking->entry, "name") == LUA_TNIL)
        return;
    name = aks_value_text(L, -1, what, AKS_SOURCE_NAME_BYTES);
    if (!is_harmless(name))
        aks_value_expected(L, what,
            "letters, digits, '.', '_' and '-' with no '.' at an end or beside another", -1);
    if (aks_source_name_taken(name))
        aks_value_raise(L, "%s: \"%s\" stands beside the sources in a target already", what, name);
    if (taking->source.glob)
        aks_value_raise(L, "%s: a glob may stand for several files, which need names of their own",
            what);
    for (size_t i = 0; i < settings->source_count; i++) {
        if (settings->sources[i].name != NULL &&
            aks_source_names_collide(settings->sources[i].name, name))
            aks_value_raise(L, "%s: \"%s\" and \"%s\" would be one object", what,
                settings->sources[i].name, name);
    }
    taking->source.name = (char *)(uintptr_t)name;
}

/* --- entries ---------------------------------------------------------------------------------- */

/* Copies what was checked; the settings own it from now on. */
static void
keep(lua_State *L, struct taking *taking)
{
    struct aks_settings *settings = taking->settings;
    const struct aks_source_settings *source = &taking->source;
    struct aks_source_settings *own = &settings->sources[settings->source_count];

    for (size_t i = 0; i < settings->source_count; i++) {
        if (settings->sources[i].glob == source->glob &&
            strcmp(settings->sources[i].path, source->path) == 0)
            aks_value_raise(L, "%s: \"%s\" is there twice", WHAT, source->path);
    }
    *own = *source;
    own->name = NULL;
    own->path = aks_mem_strdup(settings->alloc, source->path);
    if (own->path == NULL)
        aks_spec_no_memory(L);
    settings->source_count++;
    if (source->name == NULL)
        return;
    own->name = aks_mem_strdup(settings->alloc, source->name);
    if (own->name == NULL)
        aks_spec_no_memory(L);
}

static void
take_table(lua_State *L, struct taking *taking)
{
    static const struct {
        const char *name;
        aks_problem_taker *take;
    } fields[] = {
        { "path", take_place },
        { "kind", take_kind },
        { "codec", take_codec },
        { "snapshot", take_snapshot },
        { "priority", take_priority },
        { "name", take_name },
    };
    static const char *const names[] = { "path", "glob", "kind", "codec", "snapshot",
        "priority", "name", NULL };

    aks_value_fields(L, taking->entry, WHAT, names);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        aks_problem_take(L, POLICY, fields[i].name, 0, fields[i].take, taking);
}

/* One entry of the list, on top. */
static void
take_source(lua_State *L, void *ctx)
{
    struct taking taking = { .settings = ctx, .entry = lua_gettop(L) };
    int type = lua_type(L, -1);

    if (type != LUA_TSTRING && type != LUA_TTABLE)
        aks_value_expected(L, WHAT,
            "a path, a glob, or a table ({ path = \"...\", kind = \"duckdb\" })", -1);
    if (type == LUA_TTABLE)
        take_table(L, &taking);
    else if (aks_glob_wild(lua_tostring(L, -1), lua_rawlen(L, -1)))
        take_glob(L, &taking, WHAT);
    else
        taking.source.path = (char *)(uintptr_t)aks_value_text(L, -1, WHAT,
            AKS_SPEC_PATH_BYTES_MAX);
    /* What is wrong with it was told. */
    if (taking.source.path != NULL)
        keep(L, &taking);
}

void
aks_spec_sources(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    size_t count;

    if (aks_value_field(L, FIELDS, "sources") == LUA_TNIL)
        return;
    count = aks_value_list(L, -1, WHAT, "a list of paths", AKS_SOURCES_MAX);
    if (count == 0)
        return;
    settings->sources = aks_mem_array(settings->alloc, count, sizeof(*settings->sources));
    if (settings->sources == NULL)
        aks_spec_no_memory(L);
    for (size_t i = 1; i <= count; i++) {
        (void)lua_rawgeti(L, -1, (lua_Integer)i);
        aks_problem_take(L, POLICY, NULL, i, take_source, settings);
        lua_pop(L, 1);
    }
}
