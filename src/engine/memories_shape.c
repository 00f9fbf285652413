/* Which tables hold memories, and which of their columns are wanted. Tables have grown over the
 * years: what is there is asked of the catalog, and what is not there is not missed. */
#include "engine/memories_internal.h"

#include <stdlib.h>
#include <string.h>

/* session-buddy's, as its own push sends them. */
static const struct aks_memories_shape known[] = {
    { "conversations_v2", "conversation", "session-buddy", "id", "content", "reasoning",
        "embedding", { "timestamp", "created_at" } },
    { "reflections_v2", "reflection", "session-buddy", "id", "content", NULL, "embedding",
        { "timestamp", "created_at" } },
};

static const char *const meta[] = {
    "category", "subcategory", "importance_score", "memory_tier", "source_type", "project",
    "namespace", "session_id", "user_id", "tags", "related_entities", "insight_type",
    "confidence_score",
};

_Static_assert(sizeof(meta) / sizeof(meta[0]) <= AKS_MEMORIES_META_MAX, "there is room for all");

static int
compare(const void *a, const void *b)
{
    const struct aks_memories_shape *left = a;
    const struct aks_memories_shape *right = b;

    return strcmp(left->table, right->table);
}

/* A mapping of a known table takes its place. */
static bool
mapped(const struct aks_memories_settings *settings, const char *table)
{
    for (size_t i = 0; settings != NULL && i < settings->map_count; i++) {
        if (strcmp(settings->maps[i].table, table) == 0)
            return true;
    }
    return false;
}

size_t
aks_memories_shapes(const struct aks_memories_options *options,
    struct aks_memories_shape ret_shapes[AKS_MEMORIES_TABLES_MAX])
{
    const struct aks_memories_settings *settings = options->settings;
    size_t count = 0;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!mapped(settings, known[i].table))
            ret_shapes[count++] = known[i];
    }
    for (size_t i = 0; settings != NULL && i < settings->map_count; i++) {
        const struct aks_memories_map *map = &settings->maps[i];
        struct aks_memories_shape shape = { map->table, map->table, options->source_name, map->id,
            map->text, NULL, map->embedding, { map->at, NULL } };

        ret_shapes[count++] = shape;
    }
    qsort(ret_shapes, count, sizeof(*ret_shapes), compare);
    return count;
}

/* Where ${name} stands among ${columns}, which it is added to; -1: the table has none, or it is not
 * wanted. */
static int
want(const struct aks_rows_table *table, const char *name, struct aks_memories_columns *columns)
{
    if (name == NULL || aks_rows_table_find(table, name) == NULL)
        return -1;
    for (size_t i = 0; i < columns->count; i++) {
        if (strcmp(columns->names[i], name) == 0)
            return (int)i;
    }
    columns->names[columns->count] = name;
    return (int)columns->count++;
}

bool
aks_memories_columns(const struct aks_memories_shape *shape, const struct aks_rows_table *table,
    struct aks_memories_columns *ret_columns)
{
    memset(ret_columns, 0, sizeof(*ret_columns));
    ret_columns->id = want(table, shape->id, ret_columns);
    ret_columns->text = want(table, shape->text, ret_columns);
    if (ret_columns->id < 0 || ret_columns->text < 0)
        return false;
    ret_columns->reasoning = want(table, shape->reasoning, ret_columns);
    ret_columns->embedding = want(table, shape->embedding, ret_columns);
    ret_columns->at = want(table, shape->at[0], ret_columns);
    if (ret_columns->at < 0)
        ret_columns->at = want(table, shape->at[1], ret_columns);
    ret_columns->meta = ret_columns->count;
    for (size_t i = 0; i < sizeof(meta) / sizeof(meta[0]); i++)
        (void)want(table, meta[i], ret_columns);
    return true;
}
