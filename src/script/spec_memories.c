/* The field `memories`: which rows of databases become memories beside their files, and which
 * tables of one's own hold some. */
#include "script/spec.h"

#include "base/check.h"
#include "script/problem_internal.h"
#include "script/value.h"

#include <string.h>

#define WHAT "akosha.policy: memories"
#define FIELDS 1        /* stack index of the policy's table */
#define EXPECTED "\"new\", \"all\", \"none\", or { table = \"...\", id = \"...\", text = \"...\" }"

/* In the order of enum aks_memories_mode. */
static const char *const modes[] = { "new", "all", "none", NULL };

struct taking {
    struct aks_settings *settings;
    int entry;                          /* stack index of its table */
};

/* The name of a table or a column, owned by the settings; NULL if it is not said. */
static char *
take_name(lua_State *L, const struct taking *taking, const char *field, const char *what,
    bool needed)
{
    char *own;

    if (aks_value_field(L, taking->entry, field) == LUA_TNIL && !needed)
        return NULL;
    own = aks_mem_strdup(taking->settings->alloc,
        aks_value_text(L, -1, what, AKS_MEMORIES_WORD_BYTES - 1));
    if (own == NULL)
        aks_spec_no_memory(L);
    lua_pop(L, 1);
    return own;
}

/* One mapping, whose table is on top. What is half taken belongs to the settings already. */
static void
take_map(lua_State *L, void *ctx)
{
    static const char *const names[] = { "mode", "table", "tables", "id", "text", "embedding",
        "at", NULL };
    struct taking taking = { ctx, lua_gettop(L) };
    struct aks_memories_settings *memories = &taking.settings->memories;
    struct aks_memories_map *map;

    if (!lua_istable(L, taking.entry))
        aks_value_expected(L, WHAT, "a table ({ table = \"...\", id = \"...\", text = \"...\" })",
            taking.entry);
    aks_value_fields(L, taking.entry, WHAT, names);
    /* A list is no longer, and a table beside a list was refused. */
    AKS_CHECK(memories->map_count < AKS_MEMORIES_MAPS_MAX);
    if (memories->maps == NULL)
        memories->maps = aks_mem_array(taking.settings->alloc, AKS_MEMORIES_MAPS_MAX,
            sizeof(*memories->maps));
    if (memories->maps == NULL)
        aks_spec_no_memory(L);
    map = &memories->maps[memories->map_count++];
    map->table = take_name(L, &taking, "table", WHAT ": table", true);
    map->id = take_name(L, &taking, "id", WHAT ": id", true);
    map->text = take_name(L, &taking, "text", WHAT ": text", true);
    map->embedding = take_name(L, &taking, "embedding", WHAT ": embedding", false);
    map->at = take_name(L, &taking, "at", WHAT ": at", false);
    for (size_t i = 0; i + 1 < memories->map_count; i++) {
        if (strcmp(memories->maps[i].table, map->table) == 0)
            aks_value_raise(L, WHAT ": table \"%s\" is there twice", map->table);
    }
}

/* The list on top. */
static void
take_list(lua_State *L, struct aks_settings *settings, const char *what)
{
    int list = lua_gettop(L);
    size_t count = aks_value_list(L, list, what,
        "a list of tables ({ { table = \"...\", id = \"...\", text = \"...\" } })",
        AKS_MEMORIES_MAPS_MAX);

    if (count == 0)
        aks_value_raise(L, "%s: the list is empty", what);
    for (size_t i = 1; i <= count; i++) {
        (void)lua_rawgeti(L, list, (lua_Integer)i);
        take_map(L, settings);
        lua_settop(L, list);
    }
}

static void
take_table(lua_State *L, struct aks_settings *settings)
{
    static const char *const names[] = { "mode", "table", "tables", "id", "text", "embedding",
        "at", NULL };
    int entry = lua_gettop(L);
    bool table;
    bool tables;

    aks_value_fields(L, entry, WHAT, names);
    if (aks_value_field(L, entry, "mode") != LUA_TNIL)
        settings->memories.mode = (enum aks_memories_mode)aks_value_choice(L, -1, WHAT ": mode",
            modes);
    lua_settop(L, entry);
    table = aks_value_field(L, entry, "table") != LUA_TNIL;
    lua_settop(L, entry);
    tables = aks_value_field(L, entry, "tables") != LUA_TNIL;
    if (tables && table)
        aks_value_raise(L, WHAT ": table and tables: all of them belong into the list");
    if (tables)
        take_list(L, settings, WHAT ": tables");
    lua_settop(L, entry);
    for (size_t i = 3; !table && names[i] != NULL; i++) {
        if (aks_value_field(L, entry, names[i]) != LUA_TNIL)
            aks_value_raise(L, WHAT ": %s: of which table? There is no table = \"...\"", names[i]);
        lua_settop(L, entry);
    }
    if (table)
        take_map(L, settings);
}

void
aks_spec_memories(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    int type = aks_value_field(L, FIELDS, "memories");

    if (type == LUA_TNIL)
        return;
    if (type == LUA_TFUNCTION)
        aks_value_raise(L, WHAT ": a function decides nothing here: expected " EXPECTED);
    if (type == LUA_TSTRING)
        settings->memories.mode = (enum aks_memories_mode)aks_value_choice(L, -1, WHAT, modes);
    else if (type != LUA_TTABLE)
        aks_value_expected(L, WHAT, EXPECTED, -1);
    else if (lua_rawlen(L, -1) > 0)
        take_list(L, settings, WHAT);
    else
        take_table(L, settings);
    settings->memories.set = true;
}
