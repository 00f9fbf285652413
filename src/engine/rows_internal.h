/* What the files of the rows share.
 *
 * rows.c             opening, the columns, reading: what holds for both engines
 * rows_place.c       where the files lie that are read: copies, and names for main and log together
 * rows_sql.c         statements: the only place where names and values are put into one
 * rows_line.c        one line of JSON: is it a row, and where are its values
 * rows_sqlite.c      SQLite in this process
 * rows_sqlite_json.c its values as JSON */
#ifndef AKS_ENGINE_ROWS_INTERNAL_H
#define AKS_ENGINE_ROWS_INTERNAL_H

#include "base/buf.h"
#include "engine/rows.h"

struct sqlite3;

#define AKS_ROWS_SQL_BYTES_MAX ((size_t)256 * 1024)
#define AKS_ROWS_READER_BYTES 512

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
    char reader[AKS_ROWS_READER_BYTES];
    struct sqlite3 *sqlite;
    int64_t until_ns;                   /* of what is going on */
};

/* A query whose names are known to be columns of its table. */
struct aks_rows_plan {
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
/** Of a DuckDB: its columns, each a row of name and type. */
void aks_rows_sql_columns(struct aks_buf *sql, const char *table);
/** The rows of a query, or how many there are. */
void aks_rows_sql_read(struct aks_buf *sql, enum aks_source_kind kind,
    const struct aks_rows_plan *plan);
void aks_rows_sql_count(struct aks_buf *sql, enum aks_source_kind kind,
    const struct aks_rows_plan *plan);
/** What a type of DuckDB looks like in a line. */
enum aks_rows_form aks_rows_sql_form(const char *type);

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

/* rows_sqlite_json.c */

struct sqlite3_stmt;

/** The value of a column of the row that stands there, as JSON. */
void aks_rows_sqlite_json(struct sqlite3_stmt *stmt, int column, struct aks_buf *out);
/** A text as a JSON string; what is no UTF-8 in it becomes U+FFFD. */
void aks_rows_json_text(const char *text, size_t len, struct aks_buf *out);

#endif
