/* Statements. Names of tables and columns come from a policy or from a catalog, values of cursors
 * from rows: whatever stands in them, they are put in here, between quotes, and nowhere else. Both
 * engines end a quoted text at the next quote that is not doubled, and know no other escape there
 * (sqlite.org/lang_keywords.html, duckdb.org/docs/sql/dialect/keywords_and_identifiers). A NUL
 * cannot be in a C string.
 *
 * DuckDB's functions are called by their full names: macros of the database could have the same. */
#include "engine/rows_internal.h"
#include "engine/rows_reader_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
quoted(struct aks_buf *sql, const char *text, char quote)
{
    aks_buf_putc(sql, quote);
    while (text[0] != '\0') {
        const char *end = strchr(text, quote);
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text) + 1;

        aks_buf_append(sql, text, len);
        if (end != NULL)
            aks_buf_putc(sql, quote);
        text += len;
    }
    aks_buf_putc(sql, quote);
}

void
aks_rows_sql_name(struct aks_buf *sql, const char *name)
{
    quoted(sql, name, '"');
}

void
aks_rows_sql_text(struct aks_buf *sql, const char *text)
{
    quoted(sql, text, '\'');
}

/* One thread sorts as fast as two here, in half the memory. Nothing is fetched. A bar of progress
 * would go to standard output, into the midst of a row (measured: 2.0.0 of Python, after 2 s). */
void
aks_rows_sql_begin(struct aks_buf *sql, const char *folder)
{
    aks_buf_puts(sql, "SET enable_progress_bar=false; SET threads=1; "
        "SET memory_limit='" AKS_ROWS_READER_BUFFERS "'; "
        "SET autoinstall_known_extensions=false; SET autoload_known_extensions=false; "
        "SET temp_directory=");
    aks_rows_sql_text(sql, folder);
    aks_buf_puts(sql, "; ");
}

void
aks_rows_sql_copy_begin(struct aks_buf *sql)
{
    aks_buf_puts(sql, "COPY (");
}

void
aks_rows_sql_copy_end(struct aks_buf *sql)
{
    aks_buf_puts(sql, ") TO '/dev/stdout' (FORMAT JSON); ");
}

void
aks_rows_sql_catalog(struct aks_buf *sql)
{
    static const char from[] = "FROM system.main.duckdb_columns() c "
        "JOIN system.main.duckdb_tables() t "
        "ON c.table_oid = t.table_oid AND c.database_oid = t.database_oid "
        "WHERE t.schema_name = 'main' AND NOT t.internal AND NOT t.temporary";

    aks_rows_sql_copy_begin(sql);
    aks_buf_printf(sql, "SELECT t.table_name AS \"table\", c.column_name AS \"name\", "
        "c.data_type AS \"type\" %s ORDER BY t.table_name, c.column_index LIMIT %d", from,
        AKS_ROWS_CATALOG_COLUMNS_MAX);
    aks_rows_sql_copy_end(sql);
    aks_rows_sql_copy_begin(sql);
    aks_buf_printf(sql, "SELECT system.main.least(system.main.count(*), %d) AS \"" AKS_ROWS_END
        "\" %s", AKS_ROWS_CATALOG_COLUMNS_MAX, from);
    aks_rows_sql_copy_end(sql);
}

/* --- where ------------------------------------------------------------------------------------ */

/* Does the whole of ${text} say a number? */
static bool
is_number(const char *text)
{
    char *end;

    if (text[0] != '-' && (text[0] < '0' || text[0] > '9'))
        return false;
    return isfinite(strtod(text, &end)) && *end == '\0' && strpbrk(text, "xX") == NULL;
}

/* Does SQLite compare what is in such a column with a text as it is, and not by what the column is
 * for (affinity BLOB: sqlite.org/datatype3.html 3.1 and 4.2; ANY has it in strict tables)? */
static bool
is_loose(const char *type)
{
    static const char *const others[] = { "INT", "CHAR", "CLOB", "TEXT", NULL };

    for (const char *const *other = others; *other != NULL; other++)
        if (strcasestr(type, *other) != NULL)
            return false;
    return type[0] == '\0' || strcasestr(type, "BLOB") != NULL || strcasecmp(type, "ANY") == 0;
}

/* A cursor does not say whether its row had a number or a text, which are different values in such
 * a column: it was a text if there is still one. */
static void
loose_value(struct aks_buf *sql, const struct aks_rows_plan *plan,
    const struct aks_rows_column *column, const char *value)
{
    aks_buf_puts(sql, "CASE WHEN EXISTS (SELECT 1 FROM main.");
    aks_rows_sql_name(sql, plan->query->table);
    aks_buf_puts(sql, " WHERE ");
    aks_rows_sql_name(sql, column->name);
    aks_buf_puts(sql, " = ");
    aks_rows_sql_text(sql, value);
    aks_buf_puts(sql, ") THEN ");
    aks_rows_sql_text(sql, value);
    aks_buf_puts(sql, " ELSE CAST(");
    aks_rows_sql_text(sql, value);
    aks_buf_puts(sql, " AS NUMERIC) END");
}

static void
compare(struct aks_buf *sql, const struct aks_rows_plan *plan,
    const struct aks_rows_column *column, const char *sign, const char *value)
{
    aks_rows_sql_name(sql, column->name);
    aks_buf_printf(sql, " %s ", sign);
    if (plan->kind == AKS_SOURCE_SQLITE && is_loose(column->type) && is_number(value))
        loose_value(sql, plan, column, value);
    else
        aks_rows_sql_text(sql, value);
}

/* Beyond the cursor, seen in the direction of ${sign}, which is < or >; or, with "=" behind it, at
 * the cursor too. Rows without a time stand before all that have one. */
static void
beyond(struct aks_buf *sql, const struct aks_rows_plan *plan, const struct aks_rows_cursor *cursor,
    const char *strict, const char *sign)
{
    if (plan->at == NULL) {
        compare(sql, plan, plan->id, sign, cursor->id);
        return;
    }
    aks_buf_putc(sql, '(');
    if (cursor->at == NULL) {
        aks_rows_sql_name(sql, plan->at->name);
        aks_buf_puts(sql, " IS NULL AND ");
        compare(sql, plan, plan->id, sign, cursor->id);
        if (strict[0] == '>') {
            aks_buf_puts(sql, " OR ");
            aks_rows_sql_name(sql, plan->at->name);
            aks_buf_puts(sql, " IS NOT NULL");
        }
    } else {
        compare(sql, plan, plan->at, strict, cursor->at);
        aks_buf_puts(sql, " OR ");
        compare(sql, plan, plan->at, "=", cursor->at);
        aks_buf_puts(sql, " AND ");
        compare(sql, plan, plan->id, sign, cursor->id);
        if (strict[0] == '<') {
            aks_buf_puts(sql, " OR ");
            aks_rows_sql_name(sql, plan->at->name);
            aks_buf_puts(sql, " IS NULL");
        }
    }
    aks_buf_putc(sql, ')');
}

static void
from_where(struct aks_buf *sql, const struct aks_rows_plan *plan)
{
    aks_buf_puts(sql, " FROM main.");
    aks_rows_sql_name(sql, plan->query->table);
    aks_buf_puts(sql, " WHERE ");
    aks_rows_sql_name(sql, plan->id->name);
    aks_buf_puts(sql, " IS NOT NULL");
    if (plan->query->after.id != NULL) {
        aks_buf_puts(sql, " AND ");
        beyond(sql, plan, &plan->query->after, ">", ">");
    }
    if (plan->query->until.id != NULL) {
        aks_buf_puts(sql, " AND ");
        beyond(sql, plan, &plan->query->until, "<", "<=");
    }
}

/* --- what ------------------------------------------------------------------------------------- */

/* A zone is taken off by the cast, into the session's, which is UTC. */
static void
duckdb_value(struct aks_buf *sql, const struct aks_rows_column *column)
{
    bool zone = column->form == AKS_ROWS_TIME &&
        strcmp(column->type, "TIMESTAMP WITH TIME ZONE") == 0;

    if (column->form == AKS_ROWS_TIME) {
        aks_buf_puts(sql, "system.main.strftime(CAST(");
        aks_rows_sql_name(sql, column->name);
        aks_buf_printf(sql, " AS TIMESTAMP), '%%Y-%%m-%%dT%%H:%%M:%%S.%%f%s')", zone ? "+00:00"
            : "");
    } else if (column->form == AKS_ROWS_OTHER) {
        aks_buf_puts(sql, "CAST(");
        aks_rows_sql_name(sql, column->name);
        aks_buf_puts(sql, " AS VARCHAR)");
    } else {
        aks_rows_sql_name(sql, column->name);
    }
    aks_buf_puts(sql, " AS ");
    aks_rows_sql_name(sql, column->name);
}

static void
wanted(struct aks_buf *sql, const struct aks_rows_plan *plan)
{
    aks_buf_puts(sql, "SELECT ");
    for (size_t i = 0; i < plan->query->column_count; i++) {
        if (i > 0)
            aks_buf_puts(sql, ", ");
        if (plan->kind == AKS_SOURCE_DUCKDB)
            duckdb_value(sql, plan->columns[i]);
        else
            aks_rows_sql_name(sql, plan->columns[i]->name);
    }
}

static void
order(struct aks_buf *sql, const struct aks_rows_plan *plan)
{
    aks_buf_puts(sql, " ORDER BY ");
    /* The name alone would be the text that was made of it. */
    if (plan->at != NULL) {
        aks_buf_puts(sql, "main.");
        aks_rows_sql_name(sql, plan->query->table);
        aks_buf_putc(sql, '.');
        aks_rows_sql_name(sql, plan->at->name);
        aks_buf_puts(sql, " ASC NULLS FIRST, ");
    }
    aks_buf_puts(sql, "main.");
    aks_rows_sql_name(sql, plan->query->table);
    aks_buf_putc(sql, '.');
    aks_rows_sql_name(sql, plan->id->name);
}

void
aks_rows_sql_read(struct aks_buf *sql, const struct aks_rows_plan *plan)
{
    wanted(sql, plan);
    from_where(sql, plan);
    order(sql, plan);
    if (plan->query->limit > 0)
        aks_buf_printf(sql, " LIMIT %lld", (long long)plan->query->limit);
}

/* Sorting whole rows takes memory for all of them, whatever may be spilled (measured: 300 MB of
 * database fail within 256 MB). So numbers are sorted, and a page of rows at a time. */
void
aks_rows_sql_read_pages(struct aks_buf *sql, const struct aks_rows_plan *plan, int64_t rows,
    int64_t page)
{
    aks_buf_puts(sql, "CREATE TEMP TABLE \"akosha-sync order\" AS SELECT rowid AS r, "
        "row_number() OVER (");
    order(sql, plan);
    aks_buf_puts(sql, ") AS n");
    from_where(sql, plan);
    aks_buf_puts(sql, "; ");
    for (int64_t from = 0; from < rows; from += page) {
        aks_rows_sql_copy_begin(sql);
        wanted(sql, plan);
        aks_buf_puts(sql, " FROM main.");
        aks_rows_sql_name(sql, plan->query->table);
        aks_buf_printf(sql, " WHERE rowid IN (SELECT r FROM temp.main.\"akosha-sync order\" "
            "WHERE n > %lld AND n <= %lld)", (long long)from,
            (long long)(page < rows - from ? from + page : rows));
        order(sql, plan);
        aks_rows_sql_copy_end(sql);
    }
}

void
aks_rows_sql_count(struct aks_buf *sql, const struct aks_rows_plan *plan)
{
    int64_t limit = plan->query->limit;

    if (plan->kind == AKS_SOURCE_SQLITE)
        aks_buf_puts(sql, "SELECT count(*)");
    else if (limit > 0)
        aks_buf_printf(sql, "SELECT system.main.least(system.main.count(*), %lld)",
            (long long)limit);
    else
        aks_buf_puts(sql, "SELECT system.main.count(*)");
    aks_buf_puts(sql, " AS \"" AKS_ROWS_END "\"");
    from_where(sql, plan);
}

/* --- types ------------------------------------------------------------------------------------ */

static bool
starts(const char *type, const char *with)
{
    return strncmp(type, with, strlen(with)) == 0;
}

static bool
among(const char *type, const char *const *names)
{
    while (*names != NULL && strcmp(type, *names) != 0)
        names++;
    return *names != NULL;
}

/* "FLOAT[384]", "DOUBLE[]": of numbers, one level. */
static bool
vector(const char *type)
{
    const char *bracket = strchr(type, '[');

    return bracket != NULL && bracket[strcspn(bracket, "]") + 1] == '\0' &&
        (starts(type, "FLOAT[") || starts(type, "DOUBLE["));
}

enum aks_rows_form
aks_rows_sql_form(const char *type)
{
    static const char *const texts[] = { "VARCHAR", "UUID", NULL };
    static const char *const numbers[] = { "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
        "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", NULL };
    static const char *const times[] = { "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS",
        "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", NULL };
    size_t len = strlen(type);

    if (vector(type))
        return AKS_ROWS_VECTOR;
    if (len > 2 && type[len - 1] == ']')
        return starts(type, "VARCHAR[") ? AKS_ROWS_LIST : AKS_ROWS_OTHER;
    if (among(type, texts) || starts(type, "ENUM("))
        return AKS_ROWS_TEXT;
    if (among(type, times))
        return AKS_ROWS_TIME;
    if (among(type, numbers) || starts(type, "DECIMAL("))
        return AKS_ROWS_NUMBER;
    if (strcmp(type, "BOOLEAN") == 0)
        return AKS_ROWS_BOOL;
    return strcmp(type, "JSON") == 0 ? AKS_ROWS_JSON : AKS_ROWS_OTHER;
}
