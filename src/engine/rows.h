/* The rows of a database: which columns a table has, and its rows in an order of their own, each as
 * one line of JSON. SQLite is read in this process, DuckDB by whichever DuckDB the machine has, in
 * a child with little memory and little time.
 *
 * Always of a snapshot, never of the person's own file: what was read in place is copied first.
 * Everything here blocks, is called from work, and belongs to one thread at a time. Nothing of it
 * is fatal to whoever brings the bytes: each failure says which reader, why, and what to do. */
#ifndef AKS_ENGINE_ROWS_H
#define AKS_ENGINE_ROWS_H

#include "base/error.h"
#include "engine/settings.h"
#include "engine/snapshot.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_ROWS_COLUMNS_MAX 128        /* of a table; further ones are not seen */
#define AKS_ROWS_WANTED_MAX 64          /* of a query */
#define AKS_ROWS_NAME_BYTES_MAX 255     /* of a table or column */
#define AKS_ROWS_CURSOR_BYTES_MAX 4096  /* of one value of a cursor */
#define AKS_ROWS_LINE_BYTES_MAX ((size_t)16 * 1024 * 1024)      /* of one row; a longer one is told
                                         * by AKS_TOO_LARGE */
/* How long opening, asking for columns, or one read may take, where the caller has no wish. */
#define AKS_ROWS_TIMEOUT_MS INT64_C(300000)

#define AKS_ROWS_READER_TEXT_BYTES 512

struct aks_rows;

struct aks_rows_options {
    const struct aks_port *port;
    enum aks_source_kind kind;          /* AKS_SOURCE_DUCKDB or AKS_SOURCE_SQLITE */
    const char *main;                   /* absolute */
    const char *wal;                    /* absolute, or NULL: it has none */
    bool in_place;                      /* these are the person's own files */
    const char *scratch;                /* absolute; a folder of ours for copies, each in a folder
                                         * "rows-..." of its own: the one of snapshots, whose sweep
                                         * takes what a crash left */
    int64_t timeout_ms;                 /* 0: AKS_ROWS_TIMEOUT_MS */
    bool (*stopped)(void *ctx);         /* is it not wanted any more? May be NULL */
    void *ctx;
};

/** Those of a snapshot that was taken; the rest is 0 or NULL. Borrows from ${snapshot}. */
void aks_rows_options_of(const struct aks_port *port, const struct aks_snapshot *snapshot,
    const char *scratch, struct aks_rows_options *ret_options);

/** Finds a reader that can open it, the newest first; copies what must be copied. AKS_NOT_FOUND:
 * there is no reader on this machine, or none is new enough or well (the hint says what to
 * install); AKS_CORRUPT: the database itself is damaged; AKS_NO_SPACE, AKS_TIMEOUT, AKS_CANCELLED,
 * AKS_LIMIT. ${options} and what it points to are copied, but for port and stopped. */
enum aks_status aks_rows_open(const struct aks_rows_options *options, struct aks_rows **ret_rows,
    struct aks_error *err);
/** Frees, and removes its copies. NULL is fine. */
void aks_rows_close(struct aks_rows *rows);

/** What reads it, for reports: "DuckDB 2.0.0 (command /usr/bin/duckdb)", "SQLite 3.40.1". Valid as
 * long as ${rows}; another one after a read that went on with the next reader. */
const char *aks_rows_reader(const struct aks_rows *rows);

/* What the values of a column look like in a line. */
enum aks_rows_form {
    AKS_ROWS_TEXT,                      /* a string */
    AKS_ROWS_NUMBER,                    /* a number, as exact as the engine has it */
    AKS_ROWS_BOOL,                      /* true or false */
    AKS_ROWS_TIME,                      /* a string: 2026-11-23T08:45:12.345678, of a type with a
                                         * zone in UTC and followed by +00:00 */
    AKS_ROWS_VECTOR,                    /* an array of numbers */
    AKS_ROWS_LIST,                      /* another array */
    AKS_ROWS_JSON,                      /* any JSON, as it is in a column of that type */
    AKS_ROWS_OTHER                      /* cast to text by the engine */
};

struct aks_rows_column {
    char *name;
    char *type;                         /* as the catalog writes it */
    enum aks_rows_form form;            /* SQLite's are what is declared; each value may differ: a
                                         * BLOB is an array of float32 if its length is a multiple
                                         * of 4, else null */
};

struct aks_rows_table {
    const struct aks_alloc *alloc;
    struct aks_rows_column *columns;    /* in the table's order */
    size_t count;
};

/** Columns of ${table}, a table of the main schema, by its exact name. *ret_there false: there is
 * none, which is no failure. A view counts as none: what it says to do was written by whoever wrote
 * the database. ${ret_table} is to be given to fini either way. */
enum aks_status aks_rows_columns(struct aks_rows *rows, const char *table, bool *ret_there,
    struct aks_rows_table *ret_table, struct aks_error *err);
void aks_rows_table_fini(struct aks_rows_table *table);
/** NULL if there is none. */
const struct aks_rows_column *aks_rows_table_find(const struct aks_rows_table *table,
    const char *name);

/* A place in the order. Both are what the line of a row had there: a string's characters (escapes
 * undone), a number's digits. */
struct aks_rows_cursor {
    const char *at;                     /* NULL: before the first of those that have a time, or no
                                         * column orders by time */
    const char *id;                     /* NULL: no such place */
};

/* In the order of (at, id); rows whose at is null come first. A row whose id is null is not read.
 * Names are taken as they are: quoting is done within. */
struct aks_rows_query {
    const char *table;
    const char *const *columns;         /* to be in a line, in this order, none twice; at and id are
                                         * among them if they are wanted */
    size_t column_count;                /* 1 to AKS_ROWS_WANTED_MAX */
    const char *at;                     /* column; NULL: ordered by id alone */
    const char *id;                     /* column */
    struct aks_rows_cursor after;       /* {NULL, NULL}: from the beginning */
    struct aks_rows_cursor until;       /* the last one that is read; {NULL, NULL}: to the end */
    int64_t limit;                      /* rows; 0: all */
};

/* A value in a line: raw JSON. */
struct aks_rows_value {
    const char *data;
    size_t len;
};

/* One row. ${line} is an object with exactly the wanted columns in their order, without white space
 * around it or a newline, and has been checked to be JSON (numbers that JSON has no word for are
 * null); ${values} lie in it, one for each column. Valid for the call. Another status than AKS_OK
 * ends the read with it. */
typedef enum aks_status aks_rows_each(void *ctx, const char *line, size_t len,
    const struct aks_rows_value *values, struct aks_error *err);

/** Reads. Bounded memory whatever there is. *ret_rows, which may be NULL, counts those that
 * ${each} took, also where it failed. AKS_NOT_FOUND (no such table or column, or no reader is left
 * that can), AKS_TOO_LARGE (a row), AKS_TIMEOUT, AKS_BAD_REPLY (what a reader wrote is no such
 * row), AKS_CORRUPT, AKS_CANCELLED, AKS_LIMIT; what ${each} said. A reader that fails before its
 * first row was given is followed by the next one; later its failure is told. */
enum aks_status aks_rows_read(struct aks_rows *rows, const struct aks_rows_query *query,
    aks_rows_each *each, void *ctx, int64_t *ret_rows, struct aks_error *err);
/** How many rows a read of ${query} (its columns and limit do not count) would give. */
enum aks_status aks_rows_count(struct aks_rows *rows, const struct aks_rows_query *query,
    int64_t *ret_rows, struct aks_error *err);

#endif
