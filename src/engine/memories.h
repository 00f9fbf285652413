/* Memories: what Akosha takes of a database, made out of its rows.
 *
 * Of a snapshot the rows of known tables are read (engine/rows.h) and written to a scratch file, in
 * one of two forms: a DOCUMENT is the memories.json that Akosha's worker reads beside a manifest;
 * PUSH is one line for each row, for a target that takes rows. A memory has the same id in both, so
 * that what went one way and then the other is there once. docs/memories.md.
 *
 * Rows pass as bytes: nothing is made of a value but what is looked at. Memory does not depend on
 * how many rows there are: one at a time, and a buffer. Everything here blocks: for a worker. */
#ifndef AKS_ENGINE_MEMORIES_H
#define AKS_ENGINE_MEMORIES_H

#include "base/alloc.h"
#include "base/error.h"
#include "engine/settings.h"
#include "engine/snapshot.h"
#include "engine/state_memories.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_MEMORIES_NAME "memories.json"
/* Akosha takes no more in a manifest's conversation_count: what is over that goes with the next
 * upload. */
#define AKS_MEMORIES_ROWS_MAX INT64_C(1000000)
/* Numbers in an embedding. */
#define AKS_MEMORIES_EMBEDDING 384
/* How old the last upload of all rows may become: what was sent before can be pruned after the
 * next. */
#define AKS_MEMORIES_ALL_MS (30 * AKS_MS_PER_DAY)
/* A row whose time stamp is further ahead than that (zones included) is left for the next time that
 * all are sent: a cursor behind it would hide all that comes. */
#define AKS_MEMORIES_AHEAD_MS (2 * AKS_MS_PER_DAY)
/* Known tables, and those that a policy maps. */
#define AKS_MEMORIES_TABLES_MAX (AKS_MEMORIES_MAPS_MAX + 2)
/* Longer rows are left out. */
#define AKS_MEMORIES_ROW_BYTES_MAX ((size_t)3 * 1024 * 1024)

#define AKS_MEMORIES_READER_BYTES 128

enum aks_memories_form { AKS_MEMORIES_DOCUMENT, AKS_MEMORIES_PUSH };

/* Why a row, or what of it, was left out. */
enum aks_memories_skip {
    AKS_MEMORIES_TOO_LONG,              /* over AKS_MEMORIES_ROW_BYTES_MAX */
    AKS_MEMORIES_NO_ID,                 /* or one that is no text and no number */
    AKS_MEMORIES_NO_TEXT,
    AKS_MEMORIES_ROW_SKIPS,             /* up to here the row was; from here on only */
    AKS_MEMORIES_EMBEDDING_LENGTH = AKS_MEMORIES_ROW_SKIPS,     /* its embedding: not 384 numbers */
    AKS_MEMORIES_EMBEDDING_NUMBER,      /* the same: one is not finite, or no number */
    AKS_MEMORIES_STAMP,                 /* its time stamp: no ISO 8601 */
    AKS_MEMORIES_SKIPS
};

/** "too_long", "no_id", "no_text", "embedding_length", "embedding_number", "time_stamp". */
const char *aks_memories_skip_name(enum aks_memories_skip skip);

/* A scratch file while memories are written to it. */
struct aks_memories_file;

/** Makes ${path}, which does not exist yet. */
enum aks_status aks_memories_file_new(const struct aks_port *port, const char *path,
    enum aks_memories_form form, struct aks_memories_file **ret_file, struct aks_error *err);
/** Nothing more is written: what is missing of the form, and of its buffer, goes into the file.
 * Fails also where what a failed export left could not be taken back. */
enum aks_status aks_memories_file_end(struct aks_memories_file *file, int64_t *ret_bytes,
    struct aks_error *err);
/** Closes; the file stays. NULL is fine. */
void aks_memories_file_free(struct aks_memories_file *file);

/* What is to be read of one snapshot; all borrowed. */
struct aks_memories_options {
    const struct aks_port *port;
    const char *scratch;                /* as engine/rows.h wants it */
    const struct aks_snapshot *snapshot;
    const char *source_name;            /* as stored: "reflection.duckdb" */
    const char *system_id;
    const struct aks_memories_settings *settings;   /* the mappings; not the mode */
    /* How far each table has come, by name: rows behind these are written. A table that is not in
     * it is written from its beginning. */
    const struct aks_memories_mark *after;
    size_t after_count;
    int64_t wall_ms;                    /* now */
    int64_t rows_max;                   /* that are written; 1 to AKS_MEMORIES_ROWS_MAX */
    bool (*stopped)(void *ctx);         /* is it not wanted any more? May be NULL */
    void *ctx;
};

/* One table of which rows were written. */
struct aks_memories_taken {
    char *table;
    struct aks_memories_cursor after;   /* from here (without it) */
    struct aks_memories_cursor to;      /* to here (with it) */
    int64_t rows;                       /* that were written: what was skipped does not count */
    bool more;                          /* rows_max ended it: there are more behind ${to} */
};

struct aks_memories_result {
    const struct aks_alloc *alloc;
    struct aks_memories_taken tables[AKS_MEMORIES_TABLES_MAX];
    size_t count;                       /* in order of their names; without those that had nothing
                                         * new, unless they end an earlier reading of all */
    int64_t rows;
    int64_t skipped[AKS_MEMORIES_SKIPS];
    char reader[AKS_MEMORIES_READER_BYTES];     /* what read them, for people; "" */
    size_t found;                       /* tables that memories come from, empty ones too; those
                                         * that rows_max left no room for do not count */
};

/** Appends to ${file} what is new in ${options}->snapshot. A source that is no database, and one
 * without any of the tables, give nothing. After a failure ${file} is as it was before, and can be
 * gone on with, or its end fails. Failures: those of a reader (with what to install, as a hint),
 * AKS_NO_SPACE, AKS_CANCELLED (stopped), AKS_LIMIT. ${ret_result} is filled after AKS_OK only; to
 * be given to fini. */
enum aks_status aks_memories_export(const struct aks_memories_options *options,
    struct aks_memories_file *file, struct aks_memories_result *ret_result, struct aks_error *err);
/** Fine on a zeroed struct. */
void aks_memories_result_fini(struct aks_memories_result *result);

/** Should all rows of a table be sent that has come as far as ${mark} (NULL: nothing is known)? So
 * that older uploads can go, and that rows come which have appeared in front of the cursor. */
bool aks_memories_all_due(const struct aks_memories_mark *mark, int64_t wall_ms);
/** The all_at_ms (engine/state_memories.h) of a cursor that has moved on from ${mark} (NULL: none;
 * 0 is what leaves it as it is there). ${beginning}: it was read from the beginning; ${more}: not
 * to the end. */
int64_t aks_memories_all_at(const struct aks_memories_mark *mark, bool beginning, bool more,
    int64_t wall_ms);
/** Are there more rows than ${taken} holds, that can be asked for? */
bool aks_memories_more(const struct aks_memories_taken *taken);
/** Was ${taken} read from the first row on, although ${mark} (may be NULL) had a place to go on
 * from? The reader could make no value of it: then the next part would be the same one. */
bool aks_memories_went_back(const struct aks_memories_mark *mark,
    const struct aks_memories_taken *taken);

/* A line of the form PUSH. */
struct aks_memories_push {
    char *table;
    struct aks_memories_cursor cursor;  /* behind this row; id NULL: it does not move there */
    char *memory_id;
    const char *memory;                 /* {"memory_id", "text", "embedding", "metadata"} as JSON,
                                         * in the line */
    size_t memory_bytes;
};

/* No line of that form is longer, its line end included. */
#define AKS_MEMORIES_PUSH_BYTES_MAX (2 * AKS_MEMORIES_ROW_BYTES_MAX)

/** Reads ${len} bytes at ${line}, with or without a line end; memory points into it. AKS_CORRUPT if
 * it is none, AKS_LIMIT without memory; then there is nothing to be given to fini. */
enum aks_status aks_memories_push_read(const struct aks_alloc *alloc, const char *line, size_t len,
    struct aks_memories_push *ret_push, struct aks_error *err);
void aks_memories_push_fini(const struct aks_alloc *alloc, struct aks_memories_push *push);

#endif
