/* The field `memories` of a manifest: what memories.json of its upload holds, as how far the rows
 * of each table have come with it. Who has lost what was known of a place knows it again from
 * there. */
#ifndef AKS_WIRE_MANIFEST_MEMORIES_H
#define AKS_WIRE_MANIFEST_MEMORIES_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_MANIFEST_MEMORIES_NAME "memories.json"
/* Of all sources of an upload. */
#define AKS_MANIFEST_TABLES_MAX 10000
/* Akosha refuses a manifest that counts more. */
#define AKS_MANIFEST_ROWS_MAX INT64_C(1000000)

struct json_t;

/* Rows of one table of one source. Texts are owned by what holds them, and UTF-8. */
struct aks_manifest_table {
    char *source;           /* its source_name */
    char *table;
    char *after_at;         /* cursors: the rows behind this one, which may be none (both NULL); a
                             * row without time stamp has no at */
    char *after_id;
    char *to_at;            /* up to this one */
    char *to_id;
    int64_t rows;
    bool complete;          /* with the ones that were sent before, these are all that there were */
};

struct aks_manifest_memories {
    char *key;              /* of the object; NULL: there are none, and nothing else is set */
    int64_t bytes;
    char sha256[65];
    int64_t rows;           /* of all tables: at most AKS_MANIFEST_ROWS_MAX */
    struct aks_manifest_table *tables;
    size_t count;
};

/** Fine on a zeroed struct. */
void aks_manifest_memories_fini(const struct aks_alloc *alloc,
    struct aks_manifest_memories *memories);
/** Copies ${table} to the end, and counts its rows. */
enum aks_status aks_manifest_memories_add(const struct aks_alloc *alloc,
    struct aks_manifest_memories *memories, const struct aks_manifest_table *table,
    struct aks_error *err);
/** Are all rows of each table in it, by itself? */
bool aks_manifest_memories_all(const struct aks_manifest_memories *memories);
/** As it stands in a manifest, owned (json_decref); null where there are none. NULL without memory.
 * A table is called by its name, or, where two sources have one of that name, by the source's last
 * name in front of it. */
struct json_t *aks_manifest_memories_json(const struct aks_manifest_memories *memories);
/** Hostile input. What is not understood is left out: it costs rows that are sent again, no more.
 * AKS_LIMIT without memory. ${ret_memories} is to be given to fini either way. */
enum aks_status aks_manifest_memories_read(const struct aks_alloc *alloc, const struct json_t *json,
    struct aks_manifest_memories *ret_memories, struct aks_error *err);

#endif
