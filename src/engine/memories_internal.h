/* What the files of the memories share.
 *
 * memories.c         which tables, which columns, row by row; what came of it
 * memories_shape.c   the tables that are known, and those of a policy
 * memories_row.c     a row put together as a memory, in either form; its id
 * memories_value.c   single values: an embedding, a time stamp
 * memories_file.c    the scratch file
 * memories_push.c    a line of the form PUSH, read again
 * state_memories.c   cursors */
#ifndef AKS_ENGINE_MEMORIES_INTERNAL_H
#define AKS_ENGINE_MEMORIES_INTERNAL_H

#include "base/buf.h"
#include "engine/memories.h"
#include "engine/rows.h"
#include "wire/dates.h"

/* --- memories_shape.c ------------------------------------------------------------------------- */

/* Columns that go into the metadata of a memory under their own names. */
#define AKS_MEMORIES_META_MAX 24

/* How rows of one table become memories. All borrowed. */
struct aks_memories_shape {
    const char *table;
    const char *type;                   /* in the metadata */
    const char *source;                 /* where they come from, as Akosha shows it */
    const char *id;
    const char *text;
    const char *reasoning;              /* or NULL, as the next */
    const char *embedding;
    const char *at[2];                  /* the first of them that is there */
};

/** The tables that may be there, in order of their names; at most AKS_MEMORIES_TABLES_MAX. Returns
 * how many. Borrows from ${options}. */
size_t aks_memories_shapes(const struct aks_memories_options *options,
    struct aks_memories_shape ret_shapes[AKS_MEMORIES_TABLES_MAX]);

#define AKS_MEMORIES_COLUMNS_MAX (5 + AKS_MEMORIES_META_MAX)

/* What is asked of one table, and where it stands in a row: -1, where it is not there. */
struct aks_memories_columns {
    const char *names[AKS_MEMORIES_COLUMNS_MAX];
    size_t count;
    int id;
    int text;
    int reasoning;
    int embedding;
    int at;
    size_t meta;                        /* from here on: metadata */
};

/** Which of the columns that ${shape} wants are in ${table}; false if it has no id or no text, and
 * so no memories. Borrows from ${shape}. */
bool aks_memories_columns(const struct aks_memories_shape *shape,
    const struct aks_rows_table *table, struct aks_memories_columns *ret_columns);

/* --- memories_value.c: raw JSON, which is known to be JSON ------------------------------------ */

bool aks_memories_value_is_null(const struct aks_rows_value *value);
/** What is between the quotes of a string, escapes as they are; or the digits of a number. False if
 * it is neither. */
bool aks_memories_value_inner(const struct aks_rows_value *value, struct aks_rows_value *ret_inner);
/** AKS_MEMORIES_SKIPS: it is an array of AKS_MEMORIES_EMBEDDING numbers that a float can hold; else
 * what is wrong with it. */
enum aks_memories_skip aks_memories_value_embedding(const struct aks_rows_value *value);

#define AKS_MEMORIES_STAMP_BYTES 48

/** A time stamp as Python's fromisoformat takes it in every version: date, 'T', time with seconds,
 * six digits of fraction or none, an offset with a colon or none; UTC has none, as the database has
 * none. ${value} is such a text in any of its usual forms, or a number: seconds, milliseconds or
 * microseconds since 1970, by its size. False if it is anything else. *ret_ms: when that is. */
bool aks_memories_value_stamp(const struct aks_rows_value *value,
    char ret_stamp[AKS_MEMORIES_STAMP_BYTES], int64_t *ret_ms);

/* --- memories_row.c --------------------------------------------------------------------------- */

/* What rows of one table are put together with. Borrowed. */
struct aks_memories_making {
    const struct aks_memories_options *options;
    const struct aks_memories_shape *shape;
    const struct aks_memories_columns *columns;
    enum aks_memories_form form;
};

/* One row, looked at. */
struct aks_memories_row {
    const struct aks_rows_value *values;
    struct aks_rows_value id;           /* as aks_memories_value_inner has it, as the next three */
    struct aks_rows_value text;
    struct aks_rows_value reasoning;    /* len 0: none */
    const struct aks_rows_value *embedding;     /* NULL: left out, or none */
    char stamp[AKS_MEMORIES_STAMP_BYTES];       /* "": the same */
    int64_t at_ms;
    bool stays;                         /* the cursor does not move behind it */
};

/** Takes it apart. AKS_MEMORIES_SKIPS, or why it is no memory; what else is left out of it is
 * counted in ${skipped}. */
enum aks_memories_skip aks_memories_row_read(const struct aks_memories_making *making,
    const struct aks_rows_value *values, int64_t skipped[AKS_MEMORIES_SKIPS],
    struct aks_memories_row *ret_row);
/** Appends the element of a DOCUMENT, or the line (with its end) of a PUSH; of a row that stays
 * without its place. */
void aks_memories_row_write(const struct aks_memories_making *making,
    const struct aks_memories_row *row, struct aks_buf *out);
/** Appends what ${inner}, an id of ${table}, is called among the memories of all systems, without
 * quotes. What cannot be anybody else's stays: a UUID, a ULID, or 24 and more hexadecimal digits.
 * Everything else gets the system, the source and the table in front. */
void aks_memories_row_id(const struct aks_memories_options *options, const char *table,
    const struct aks_rows_value *inner, struct aks_buf *out);
/** Appends ${text} as the inside of a JSON string. */
void aks_memories_row_text(const char *text, struct aks_buf *out);

/* --- memories_file.c -------------------------------------------------------------------------- */

/** One element, or line. */
enum aks_status aks_memories_file_add(struct aks_memories_file *file, const char *data, size_t len,
    struct aks_error *err);
enum aks_memories_form aks_memories_file_form(const struct aks_memories_file *file);

struct aks_memories_place {
    int64_t bytes;
    int64_t elements;
};

/** Where it has come to, and back to there. */
struct aks_memories_place aks_memories_file_place(const struct aks_memories_file *file);
enum aks_status aks_memories_file_back(struct aks_memories_file *file,
    const struct aks_memories_place *place, struct aks_error *err);

/* --- memories_push.c -------------------------------------------------------------------------- */

/** The text of a string or number in a row, owned; NULL where it is null. AKS_CORRUPT: it is
 * neither, or has a NUL. */
enum aks_status aks_memories_push_text(const struct aks_alloc *alloc,
    const struct aks_rows_value *value, char **ret_text, struct aks_error *err);

#endif
