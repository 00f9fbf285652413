#include "wire/manifest_memories.h"

#include "base/encode.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define TABLES_FIRST 8

static const char doing[] = "listing memories";

static void
table_fini(const struct aks_alloc *alloc, struct aks_manifest_table *table)
{
    aks_mem_free(alloc, table->source);
    aks_mem_free(alloc, table->table);
    aks_mem_free(alloc, table->after_at);
    aks_mem_free(alloc, table->after_id);
    aks_mem_free(alloc, table->to_at);
    aks_mem_free(alloc, table->to_id);
    memset(table, 0, sizeof(*table));
}

void
aks_manifest_memories_fini(const struct aks_alloc *alloc, struct aks_manifest_memories *memories)
{
    for (size_t i = 0; i < memories->count; i++)
        table_fini(alloc, &memories->tables[i]);
    aks_mem_free(alloc, memories->tables);
    aks_mem_free(alloc, memories->key);
    memset(memories, 0, sizeof(*memories));
}

/* The capacity follows from the count, as that of the objects. */
static bool
make_room(const struct aks_alloc *alloc, struct aks_manifest_memories *memories)
{
    size_t count = memories->count;
    size_t capacity = count == 0 ? TABLES_FIRST : 2 * count;
    struct aks_manifest_table *tables;

    if (count != 0 && (count < TABLES_FIRST || (count & (count - 1)) != 0))
        return true;
    tables = aks_mem_resize(alloc, memories->tables, capacity * sizeof(*tables));
    if (tables != NULL)
        memories->tables = tables;
    return tables != NULL;
}

/* *${ret} is a copy of ${text}, which may be NULL; false without memory. */
static bool
copy(const struct aks_alloc *alloc, const char *text, char **ret)
{
    *ret = aks_mem_strdup(alloc, text);
    return text == NULL || *ret != NULL;
}

enum aks_status
aks_manifest_memories_add(const struct aks_alloc *alloc, struct aks_manifest_memories *memories,
    const struct aks_manifest_table *table, struct aks_error *err)
{
    struct aks_manifest_table own = { .rows = table->rows, .complete = table->complete };

    if (memories->count == AKS_MANIFEST_TABLES_MAX)
        return aks_error_set(err, AKS_LIMIT, "manifest: memories of over %d tables",
            AKS_MANIFEST_TABLES_MAX);
    if (!make_room(alloc, memories) || !copy(alloc, table->source, &own.source) ||
        !copy(alloc, table->table, &own.table) || !copy(alloc, table->after_at, &own.after_at) ||
        !copy(alloc, table->after_id, &own.after_id) || !copy(alloc, table->to_at, &own.to_at) ||
        !copy(alloc, table->to_id, &own.to_id)) {
        table_fini(alloc, &own);
        return aks_error_memory(err, doing);
    }
    memories->tables[memories->count++] = own;
    memories->rows += own.rows;
    return AKS_OK;
}

bool
aks_manifest_memories_all(const struct aks_manifest_memories *memories)
{
    for (size_t i = 0; i < memories->count; i++) {
        if (memories->tables[i].after_id != NULL || !memories->tables[i].complete)
            return false;
    }
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *
cursor_json(const char *at, const char *id)
{
    return id == NULL ? json_null() : json_pack("{s:s?, s:s}", "at", at, "id", id);
}

static json_t *
table_json(const struct aks_manifest_table *table)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:I, s:b}", "source", table->source, "table",
        table->table, "after", cursor_json(table->after_at, table->after_id), "to",
        cursor_json(table->to_at, table->to_id), "rows", (json_int_t)table->rows, "complete",
        table->complete ? 1 : 0);
}

/* Its name, or the next that is free. */
static int
add_table(json_t *tables, const struct aks_manifest_table *table)
{
    const char *slash = strrchr(table->source, '/');
    char name[512];
    int number = 1;

    if (json_object_get(tables, table->table) == NULL)
        return json_object_set_new(tables, table->table, table_json(table));
    do
        (void)snprintf(name, sizeof(name), number == 1 ? "%.200s:%.200s" : "%.200s:%.200s:%d",
            slash != NULL ? slash + 1 : table->source, table->table, number);
    while (json_object_get(tables, name) != NULL && number++ < AKS_MANIFEST_TABLES_MAX);
    return json_object_set_new_nocheck(tables, name, table_json(table));
}

json_t *
aks_manifest_memories_json(const struct aks_manifest_memories *memories)
{
    json_t *tables;

    if (memories->key == NULL)
        return json_null();
    tables = json_object();
    for (size_t i = 0; tables != NULL && i < memories->count; i++) {
        if (add_table(tables, &memories->tables[i]) != 0) {
            json_decref(tables);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:{s:s, s:s, s:I, s:s}}", "mode",
        aks_manifest_memories_all(memories) ? "all" : "new", "tables", tables, "object", "name",
        AKS_MANIFEST_MEMORIES_NAME, "key", memories->key, "bytes", (json_int_t)memories->bytes,
        "sha256", memories->sha256);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Null, or an object with an id and perhaps a time. */
static bool
read_cursor(json_t *json, char **ret_at, char **ret_id)
{
    json_t *at = json_object_get(json, "at");
    json_t *id = json_object_get(json, "id");

    *ret_at = NULL;
    *ret_id = NULL;
    if (json_is_null(json))
        return true;
    if (!json_is_string(id) || (at != NULL && !json_is_string(at) && !json_is_null(at)))
        return false;
    /* Borrowed, from what is not changed. */
    *ret_at = (char *)(uintptr_t)json_string_value(at);
    *ret_id = (char *)(uintptr_t)json_string_value(id);
    return true;
}

static bool
read_table(const char *name, json_t *json, struct aks_manifest_table *ret_table)
{
    json_t *source = json_object_get(json, "source");
    json_t *table = json_object_get(json, "table");
    json_t *rows = json_object_get(json, "rows");

    memset(ret_table, 0, sizeof(*ret_table));
    if (!json_is_string(source) || !json_is_integer(rows) || json_integer_value(rows) < 0 ||
        json_integer_value(rows) > AKS_MANIFEST_ROWS_MAX)
        return false;
    ret_table->source = (char *)(uintptr_t)json_string_value(source);
    ret_table->table = (char *)(uintptr_t)(json_is_string(table) ? json_string_value(table)
        : name);
    ret_table->rows = json_integer_value(rows);
    ret_table->complete = json_is_true(json_object_get(json, "complete"));
    return read_cursor(json_object_get(json, "after"), &ret_table->after_at,
        &ret_table->after_id) && read_cursor(json_object_get(json, "to"), &ret_table->to_at,
        &ret_table->to_id);
}

/* The object, as it has to be for what is told of it to be of use. */
static bool
is_object(const json_t *object)
{
    const char *sha256 = json_string_value(json_object_get(object, "sha256"));
    const char *key = json_string_value(json_object_get(object, "key"));
    json_t *bytes = json_object_get(object, "bytes");
    uint8_t digest[32];

    return key != NULL && strstr(key, "..") == NULL && key[0] != '/' && sha256 != NULL &&
        strlen(sha256) == 64 && aks_hex_decode(sha256, digest, sizeof(digest)) &&
        json_is_integer(bytes) && json_integer_value(bytes) >= 0;
}

enum aks_status
aks_manifest_memories_read(const struct aks_alloc *alloc, const json_t *json,
    struct aks_manifest_memories *ret_memories, struct aks_error *err)
{
    json_t *tables = json_object_get(json, "tables");
    const json_t *object = json_object_get(json, "object");
    enum aks_status status = AKS_OK;
    const char *name;
    json_t *value;

    memset(ret_memories, 0, sizeof(*ret_memories));
    if (!json_is_object(tables) || !is_object(object))
        return AKS_OK;
    ret_memories->key = aks_mem_strdup(alloc, json_string_value(json_object_get(object, "key")));
    if (ret_memories->key == NULL)
        return aks_error_memory(err, doing);
    ret_memories->bytes = json_integer_value(json_object_get(object, "bytes"));
    (void)snprintf(ret_memories->sha256, sizeof(ret_memories->sha256), "%s",
        json_string_value(json_object_get(object, "sha256")));
    json_object_foreach(tables, name, value) {
        struct aks_manifest_table table;

        if (status == AKS_OK && read_table(name, value, &table) &&
            ret_memories->rows + table.rows <= AKS_MANIFEST_ROWS_MAX)
            status = aks_manifest_memories_add(alloc, ret_memories, &table, err);
    }
    return status;
}
