/* What the files of the rows share.
 *
 * rows.c             opening, the columns, reading: what holds for both engines
 * rows_place.c       where the files lie that are read: copies, and names for main and log together
 * rows_sql.c         statements: the only place where names and values are put into one
 * rows_line.c        one line of JSON: is it a row, and where are its values
 * rows_sqlite.c      SQLite in this process
 * rows_sqlite_json.c its values as JSON
 * rows_duckdb.c      DuckDB: which reader it is, its catalog, its rows
 * rows_child.c       one run of a reader: its lines, and why it failed
 * rows_readers.c     what of DuckDB there is on this machine
 * rows_reader_run.c  how each kind of it is started */
#ifndef AKS_ENGINE_ROWS_INTERNAL_H
#define AKS_ENGINE_ROWS_INTERNAL_H

#include "base/buf.h"
#include "engine/rows.h"
#include "engine/rows_readers.h"

struct sqlite3;

#define AKS_ROWS_SQL_BYTES_MAX ((size_t)256 * 1024)
#define AKS_ROWS_CATALOG_COLUMNS_MAX 4096       /* of all tables of a database; further ones are not
                                                 * seen */

struct aks_rows {
    const struct aks_port *port;
    const struct aks_alloc *alloc;
    enum aks_source_kind kind;
    char *main;                         /* what is opened; a log, if there is one, lies beside */
    bool wal;
    char *folder;                       /* of copies of ours, or NULL */
    int64_t timeout_ms;
    bool (*stopped)(void *ctx);
    void *ctx;
    char reader[AKS_ROWS_READER_TEXT_BYTES];
    struct sqlite3 *sqlite;
    struct aks_rows_readers readers;    /* of a DuckDB */
    size_t current;                     /* the one that is asked */
    bool made_by_2;                     /* so an older reader knows nothing of damage */
    struct aks_rows_catalog {
        char *table;
        char *name;
        char *type;
    } *catalog;                         /* of a DuckDB; AKS_ROWS_CATALOG_COLUMNS_MAX */
    size_t catalog_count;
    int64_t until_ns;                   /* of what is going on */
};

/* A query whose names are known to be columns of its table. */
struct aks_rows_plan {
    enum aks_source_kind kind;
    const struct aks_rows_query *query;
    const struct aks_rows_column *columns[AKS_ROWS_WANTED_MAX];
    const struct aks_rows_column *at;   /* or NULL */
    const struct aks_rows_column *id;
};

/* rows.c */

bool aks_rows_stopped(const struct aks_rows *rows);
/** AKS_OK, or AKS_CANCELLED or AKS_TIMEOUT: what is going on is to end. */
enum aks_status aks_rows_check(const struct aks_rows *rows, struct aks_error *err);
/** Adds a column; AKS_LIMIT without memory. One over AKS_ROWS_COLUMNS_MAX is dropped. */
enum aks_status aks_rows_table_add(struct aks_rows_table *table, const char *name, size_t name_len,
    const char *type, size_t type_len, enum aks_rows_form form, struct aks_error *err);

/* rows_place.c */

/** Fills main, wal and folder. */
enum aks_status aks_rows_place(const struct aks_rows_options *options, struct aks_rows *rows,
    struct aks_error *err);
void aks_rows_place_remove(struct aks_rows *rows);

/* rows_sql.c: SQL text appended to a buffer. */

/** A name between double quotes, each of its own doubled (both engines). */
void aks_rows_sql_name(struct aks_buf *sql, const char *name);
/** A text between single quotes, each of its own doubled (both engines). */
void aks_rows_sql_text(struct aks_buf *sql, const char *text);
/** Of a DuckDB: what comes before all else. Spills into ${folder}. */
void aks_rows_sql_begin(struct aks_buf *sql, const char *folder);
/** Of a DuckDB: what begin copy up to end copy gives is written to standard output as lines. */
void aks_rows_sql_copy_begin(struct aks_buf *sql);
void aks_rows_sql_copy_end(struct aks_buf *sql);
/** Of a DuckDB: the columns of all its tables, each a row of AKS_ROWS_CATALOG_NAMES. */
void aks_rows_sql_catalog(struct aks_buf *sql);
/** The rows of a query, or how many there are. */
void aks_rows_sql_read(struct aks_buf *sql, const struct aks_rows_plan *plan);
/** Of a DuckDB: the first ${rows} rows of a query, ${page} at a time. The table has no column
 * "rowid". */
void aks_rows_sql_read_pages(struct aks_buf *sql, const struct aks_rows_plan *plan, int64_t rows,
    int64_t page);
void aks_rows_sql_count(struct aks_buf *sql, const struct aks_rows_plan *plan);
/** What a type of DuckDB looks like in a line. */
enum aks_rows_form aks_rows_sql_form(const char *type);

/* What the last line of a reader tells: how many rows stand before it. */
#define AKS_ROWS_END "akosha-sync rows"
#define AKS_ROWS_CATALOG_NAMES { "table", "name", "type" }
#define AKS_ROWS_CATALOG_COLUMNS 3

/* rows_line.c */

/** Is ${line} a JSON object of exactly ${count} members with those names, in that order? Fills
 * ${ret_values}. NaN, Infinity and -Infinity, which DuckDB writes, are taken for null: *ret_plain
 * false says that there are some, and aks_rows_line_mend makes another line of it. */
bool aks_rows_line_split(const char *line, size_t len, const char *const *names, size_t count,
    struct aks_rows_value *ret_values, bool *ret_plain);
/** ${line}, which was split, with null for what is no JSON. */
void aks_rows_line_mend(const char *line, size_t len, struct aks_buf *out);
/** The text of a JSON string, escapes undone; false if it is none, or holds what is no UTF-8. */
bool aks_rows_line_text(const struct aks_rows_value *value, struct aks_buf *out);

/* rows_sqlite.c */

enum aks_status aks_rows_sqlite_open(struct aks_rows *rows, struct aks_error *err);
void aks_rows_sqlite_close(struct aks_rows *rows);
enum aks_status aks_rows_sqlite_columns(struct aks_rows *rows, const char *table,
    struct aks_rows_table *table_out, struct aks_error *err);
enum aks_status aks_rows_sqlite_read(struct aks_rows *rows, const struct aks_rows_plan *plan,
    aks_rows_each *each, void *ctx, int64_t *ret_rows, struct aks_error *err);
enum aks_status aks_rows_sqlite_count(struct aks_rows *rows, const struct aks_rows_plan *plan,
    int64_t *ret_rows, struct aks_error *err);

/* rows_duckdb.c: as those of SQLite */

enum aks_status aks_rows_duckdb_open(struct aks_rows *rows, struct aks_error *err);
void aks_rows_duckdb_close(struct aks_rows *rows);
enum aks_status aks_rows_duckdb_columns(const struct aks_rows *rows, const char *table,
    struct aks_rows_table *table_out, struct aks_error *err);
enum aks_status aks_rows_duckdb_read(struct aks_rows *rows, const struct aks_rows_plan *plan,
    aks_rows_each *each, void *ctx, int64_t *ret_rows, struct aks_error *err);
enum aks_status aks_rows_duckdb_count(struct aks_rows *rows, const struct aks_rows_plan *plan,
    int64_t *ret_rows, struct aks_error *err);

/* rows_child.c */

/* Why a reader gave no rows; what to do about it. */
enum aks_rows_verdict {
    AKS_ROWS_DONE,
    AKS_ROWS_OURS,                      /* nobody else would fare better: ended by us, or by each */
    AKS_ROWS_REFUSED,                   /* this reader cannot: the next one may */
    AKS_ROWS_TOO_OLD,                   /* as refused, and a newer one could */
    AKS_ROWS_DAMAGED                    /* as refused, and it says that the database is damaged */
};

struct aks_rows_child {
    struct aks_rows *rows;
    const char *sql;                    /* ends with a row of AKS_ROWS_END */
    const char *const *names;           /* of each line before it */
    size_t count;
    int64_t timeout_ms;
    aks_rows_each *each;
    void (*forget)(void *ctx);          /* what each took, so that the next reader can begin anew;
                                         * NULL: it cannot be forgotten */
    void *ctx;
};

/** Runs the current reader. *ret_rows: what ${each} took. ${err} is filled but for DONE. */
enum aks_rows_verdict aks_rows_child_run(const struct aks_rows_child *child, int64_t *ret_rows,
    struct aks_error *err);
/** What its last words say of the database, and a line of them for people in ${ret_why}. */
enum aks_rows_verdict aks_rows_child_words(const char *words, char *ret_why, size_t bytes);

/* rows_sqlite_json.c */

struct sqlite3_stmt;

/** The value of a column of the row that stands there, as JSON. */
void aks_rows_sqlite_json(struct sqlite3_stmt *stmt, int column, struct aks_buf *out);
/** A text as a JSON string; what is no UTF-8 in it becomes U+FFFD. */
void aks_rows_json_text(const char *text, size_t len, struct aks_buf *out);

#endif
