/* SQLite, in this process: read only, nothing in it trusted, one row at a time. */
#include "engine/rows_internal.h"

#include "base/encode.h"
#include "base/units.h"
#include "engine/snapshot_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* So many steps of SQLite's machine go by until it is asked whether it should end. */
#define STEPS 20000

static int
asked(void *ctx)
{
    return aks_rows_check(ctx, NULL) != AKS_OK;
}

static enum aks_status
failed(const struct aks_rows *rows, int rc, struct aks_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_INTERRUPT:
        if (aks_rows_check(rows, err) != AKS_OK)
            return aks_rows_check(rows, err);
        return aks_error_set(err, AKS_CANCELLED, "reading rows was interrupted");
    case SQLITE_NOMEM:
        return aks_error_memory(err, "reading rows of a SQLite database");
    case SQLITE_TOOBIG:
        return aks_error_set(err, AKS_TOO_LARGE, "a row is longer than %zu bytes",
            AKS_ROWS_LINE_BYTES_MAX);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return aks_error_set(err, AKS_CORRUPT, "SQLite finds that the database is damaged: %s",
            sqlite3_errmsg(rows->sqlite));
    default:
        return aks_error_set(err, AKS_BAD_REPLY, "SQLite cannot read the rows: %s",
            rows->sqlite == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(rows->sqlite));
    }
}

/* With a log SQLite needs its index beside it; without one nothing is made there. */
static enum aks_status
uri_of(const struct aks_rows *rows, struct aks_buf *uri, struct aks_error *err)
{
    aks_buf_puts(uri, "file:");
    aks_percent_encode(rows->main, strlen(rows->main), true, uri);
    aks_buf_puts(uri, rows->wal ? "?mode=ro" : "?mode=ro&immutable=1");
    return aks_buf_status(uri, "a path", err);
}

enum aks_status
aks_rows_sqlite_open(struct aks_rows *rows, struct aks_error *err)
{
    enum aks_status status;
    struct aks_buf uri;
    int persist = 1;
    int rc;

    aks_buf_init(&uri, rows->alloc, 4 * AKS_PATH_BYTES);
    status = uri_of(rows, &uri, err);
    if (status == AKS_OK) {
        rc = sqlite3_open_v2(uri.data, &rows->sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI |
            SQLITE_OPEN_NOMUTEX, rows->port->files.sqlite_vfs);
        if (rc == SQLITE_OK)
            rc = aks_snapshot_sqlite_distrust(rows->sqlite);
        if (rc == SQLITE_OK) {
            (void)sqlite3_limit(rows->sqlite, SQLITE_LIMIT_LENGTH, (int)AKS_ROWS_LINE_BYTES_MAX);
            (void)sqlite3_file_control(rows->sqlite, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
            sqlite3_progress_handler(rows->sqlite, STEPS, asked, rows);
            rc = sqlite3_exec(rows->sqlite, "PRAGMA schema_version", NULL, NULL, NULL);
        }
        if (rc != SQLITE_OK)
            status = failed(rows, rc, err);
    }
    aks_buf_fini(&uri);
    if (status == AKS_OK)
        (void)snprintf(rows->reader, sizeof(rows->reader), "SQLite %s", sqlite3_libversion());
    return status;
}

void
aks_rows_sqlite_close(struct aks_rows *rows)
{
    (void)sqlite3_close(rows->sqlite);
    rows->sqlite = NULL;
}

/* --- columns ---------------------------------------------------------------------------------- */

/* As SQLite derives an affinity (sqlite.org/datatype3.html 3.1), and what stands beside it. */
static enum aks_rows_form
form_of(const char *type)
{
    static const struct {
        const char *part;
        enum aks_rows_form form;
    } forms[] = { { "%TIME%", AKS_ROWS_TIME }, { "%DATE%", AKS_ROWS_TIME },
        { "%INT%", AKS_ROWS_NUMBER }, { "%CHAR%", AKS_ROWS_TEXT }, { "%CLOB%", AKS_ROWS_TEXT },
        { "%TEXT%", AKS_ROWS_TEXT }, { "%BLOB%", AKS_ROWS_VECTOR }, { "%REAL%", AKS_ROWS_NUMBER },
        { "%FLOA%", AKS_ROWS_NUMBER }, { "%DOUB%", AKS_ROWS_NUMBER },
        { "%BOOL%", AKS_ROWS_NUMBER }, { "%NUM%", AKS_ROWS_NUMBER },
        { "%DEC%", AKS_ROWS_NUMBER }, { "%JSON%", AKS_ROWS_TEXT } };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (sqlite3_strlike(forms[i].part, type, 0) == 0)
            return forms[i].form;
    return AKS_ROWS_OTHER;
}

static enum aks_status
add_column(struct aks_rows_table *table, sqlite3_stmt *stmt, struct aks_error *err)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const char *type = (const char *)sqlite3_column_text(stmt, 1);

    if (name == NULL || type == NULL)
        return aks_error_memory(err, "reading the columns of a table");
    return aks_rows_table_add(table, name, strlen(name), type, strlen(type), form_of(type), err);
}

enum aks_status
aks_rows_sqlite_columns(struct aks_rows *rows, const char *table, struct aks_rows_table *table_out,
    struct aks_error *err)
{
    /* Hidden 1 is a column that is asked for alone; 2 and 3 are computed. */
    static const char sql[] = "SELECT x.name, x.type FROM sqlite_master m, "
        "pragma_table_xinfo(m.name) x WHERE m.type = 'table' AND m.name = ?1 AND x.hidden <> 1 "
        "ORDER BY x.cid";
    enum aks_status status = AKS_OK;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(rows->sqlite, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    while (rc == SQLITE_ROW && status == AKS_OK) {
        status = add_column(table_out, stmt, err);
        if (status == AKS_OK)
            rc = sqlite3_step(stmt);
    }
    if (status == AKS_OK && rc != SQLITE_DONE)
        status = failed(rows, rc, err);
    (void)sqlite3_finalize(stmt);
    return status;
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum aks_status
prepare(struct aks_rows *rows, const struct aks_rows_plan *plan, bool count, sqlite3_stmt **ret,
    struct aks_error *err)
{
    enum aks_status status;
    struct aks_buf sql;
    int rc;

    aks_buf_init(&sql, rows->alloc, AKS_ROWS_SQL_BYTES_MAX);
    if (count)
        aks_rows_sql_count(&sql, plan);
    else
        aks_rows_sql_read(&sql, plan);
    status = aks_buf_status(&sql, "a query", err);
    if (status == AKS_OK) {
        rc = sqlite3_prepare_v2(rows->sqlite, sql.data, (int)sql.len, ret, NULL);
        if (rc != SQLITE_OK)
            status = failed(rows, rc, err);
    }
    aks_buf_fini(&sql);
    return status;
}

static enum aks_status
give(struct aks_rows *rows, const struct aks_rows_plan *plan, sqlite3_stmt *stmt,
    struct aks_buf *line, aks_rows_each *each, void *ctx, struct aks_error *err)
{
    struct aks_rows_value values[AKS_ROWS_WANTED_MAX];
    size_t starts[AKS_ROWS_WANTED_MAX];

    aks_buf_reset(line);
    for (size_t i = 0; i < plan->query->column_count; i++) {
        const char *name = plan->columns[i]->name;

        aks_buf_putc(line, i == 0 ? '{' : ',');
        aks_rows_json_text(name, strlen(name), line);
        aks_buf_putc(line, ':');
        starts[i] = line->len;
        aks_rows_sqlite_json(stmt, (int)i, line);
        values[i].len = line->len - starts[i];
    }
    aks_buf_putc(line, '}');
    if (line->failed != AKS_OK)
        return line->len + 1 < line->bytes_max / 2 ? aks_error_memory(err, "reading a row")
            : failed(rows, SQLITE_TOOBIG, err);
    for (size_t i = 0; i < plan->query->column_count; i++)
        values[i].data = line->data + starts[i];
    return each(ctx, line->data, line->len, values, err);
}

enum aks_status
aks_rows_sqlite_read(struct aks_rows *rows, const struct aks_rows_plan *plan, aks_rows_each *each,
    void *ctx, int64_t *ret_rows, struct aks_error *err)
{
    sqlite3_stmt *stmt = NULL;
    enum aks_status status = prepare(rows, plan, false, &stmt, err);
    struct aks_buf line;
    int rc = SQLITE_ROW;

    aks_buf_init(&line, rows->alloc, AKS_ROWS_LINE_BYTES_MAX);
    while (status == AKS_OK && rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            status = give(rows, plan, stmt, &line, each, ctx, err);
        else if (rc != SQLITE_DONE)
            status = failed(rows, rc, err);
        if (rc == SQLITE_ROW && status == AKS_OK)
            ++*ret_rows;
    }
    aks_buf_fini(&line);
    (void)sqlite3_finalize(stmt);
    return status;
}

enum aks_status
aks_rows_sqlite_count(struct aks_rows *rows, const struct aks_rows_plan *plan, int64_t *ret_rows,
    struct aks_error *err)
{
    sqlite3_stmt *stmt = NULL;
    enum aks_status status = prepare(rows, plan, true, &stmt, err);
    int rc;

    if (status == AKS_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            *ret_rows = sqlite3_column_int64(stmt, 0);
        else
            status = failed(rows, rc, err);
    }
    (void)sqlite3_finalize(stmt);
    return status;
}
