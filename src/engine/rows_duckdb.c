/* DuckDB, by whichever reader can: its catalog is read when it is opened, its rows when they are
 * asked for. A reader that fails is followed by the next one, as long as nobody has been given a
 * row of the first. */
#include "engine/rows_internal.h"

#include "base/units.h"
#include "data/duckdb_file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Of one reader, for the catalog. A sound one takes a tenth of a second. */
#define OPEN_MS (20 * AKS_MS_PER_S)
#define REASONS_BYTES 800
/* Of a database that is larger, rows are sorted by pages: as many rows as that, or, of very many,
 * as many pages (a statement is an argument, and has 128 KiB). */
#define LARGE_BYTES (INT64_C(64) * 1024 * 1024)
#define PAGE_ROWS INT64_C(16384)
#define PAGES_MAX 32
/* The last storage version that DuckDB 1.x writes. */
#define STORAGE_OF_1 68

struct attempts {
    struct aks_rows *rows;
    char reasons[REASONS_BYTES];
    bool too_old;
    bool damaged;
};

static void
name_reader(struct aks_rows *rows)
{
    static const char *const what[] = { "command", "library", "Python module of" };
    const struct aks_rows_reader *reader = &rows->readers.list[rows->current];

    (void)snprintf(rows->reader, sizeof(rows->reader), "DuckDB %s (%s %s)", reader->version,
        what[reader->kind], reader->path);
}

static void
note(struct attempts *attempts, enum aks_rows_verdict verdict, const struct aks_error *why)
{
    const struct aks_rows_reader *reader =
        &attempts->rows->readers.list[attempts->rows->current];
    size_t len = strlen(attempts->reasons);

    (void)snprintf(attempts->reasons + len, sizeof(attempts->reasons) - len, "%s%s: %s",
        len > 0 ? "; " : "", attempts->rows->reader, why->message);
    attempts->too_old |= verdict == AKS_ROWS_TOO_OLD;
    attempts->damaged |= verdict == AKS_ROWS_DAMAGED && (reader->reads_2 ||
        !attempts->rows->made_by_2);
}

/* Nobody could. What is damaged was found so by one that could have read it. */
static enum aks_status
nobody(const struct attempts *attempts, struct aks_error *err)
{
    const struct aks_rows *rows = attempts->rows;
    const char *told = rows->readers.told;
    enum aks_status status;

    if (attempts->damaged) {
        return aks_error_set(err, AKS_CORRUPT, "DuckDB finds that the database is damaged: %s",
            attempts->reasons);
    }
    if (rows->readers.off)
        status = aks_error_set(err, AKS_NOT_FOUND, "rows of DuckDB databases are not read: "
            AKS_ROWS_READER_VARIABLE " is none");
    else if (rows->readers.count == 0)
        status = aks_error_set(err, AKS_NOT_FOUND, "there is no DuckDB on this machine to read the "
            "rows%s%s", told[0] == '\0' ? "" : ": ", told);
    else
        status = aks_error_set(err, AKS_NOT_FOUND, "no DuckDB on this machine can read the rows: "
            "%s", attempts->reasons);
    aks_rows_readers_hint(&rows->readers, attempts->too_old, err);
    return status;
}

/* Of what is left for the whole: half, where somebody else is to have a chance after it. */
static int64_t
time_for(const struct aks_rows *rows, int64_t most_ms)
{
    const struct aks_clock *clock = &rows->port->clock;
    int64_t left_ms = (rows->until_ns - clock->now_ns(clock->ctx)) / AKS_NS_PER_MS;

    if (rows->current + 1 < rows->readers.count)
        left_ms /= 2;
    return left_ms > most_ms ? most_ms : left_ms > 1 ? left_ms : 1;
}

/* From the current reader on. */
static enum aks_status
try_each(struct aks_rows_child *child, int64_t most_ms, int64_t *ret_rows, struct aks_error *err)
{
    struct aks_rows *rows = child->rows;
    struct attempts attempts = { .rows = rows };
    struct aks_error why;
    enum aks_rows_verdict verdict;
    enum aks_status status;

    for (; rows->current < rows->readers.count; rows->current++) {
        name_reader(rows);
        child->timeout_ms = time_for(rows, most_ms);
        verdict = aks_rows_child_run(child, ret_rows, &why);
        if (verdict == AKS_ROWS_DONE)
            return AKS_OK;
        if (verdict == AKS_ROWS_OURS) {
            if (err != NULL)
                *err = why;
            return why.status;
        }
        note(&attempts, verdict, &why);
        if (child->forget != NULL)
            child->forget(child->ctx);
        else if (*ret_rows > 0)
            return aks_error_set(err, why.status, "reading broke off after %lld rows: %s",
                (long long)*ret_rows, attempts.reasons);
        status = aks_rows_check(rows, err);
        if (status != AKS_OK && rows->current + 1 < rows->readers.count)
            return status == AKS_CANCELLED ? status : aks_error_set(err, status, "no rows "
                "came in time: %s", attempts.reasons);
    }
    rows->current = 0;
    return nobody(&attempts, err);
}

/* --- the catalog ------------------------------------------------------------------------------ */

/* *ret_text NULL: it cannot be a C string. */
static enum aks_status
text_of(const struct aks_rows *rows, const struct aks_rows_value *value, char **ret_text,
    struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status = AKS_OK;

    *ret_text = NULL;
    aks_buf_init(&text, rows->alloc, AKS_ROWS_LINE_BYTES_MAX);
    if (aks_rows_line_text(value, &text) && strlen(text.data) == text.len) {
        *ret_text = aks_mem_strdup(rows->alloc, text.data);
        if (*ret_text == NULL)
            status = aks_error_memory(err, "reading a catalog");
    } else if (text.failed != AKS_OK) {
        status = aks_error_memory(err, "reading a catalog");
    }
    aks_buf_fini(&text);
    return status;
}

static void
forget_catalog(void *ctx)
{
    struct aks_rows *rows = ctx;

    for (size_t i = 0; i < rows->catalog_count; i++) {
        aks_mem_free(rows->alloc, rows->catalog[i].table);
        aks_mem_free(rows->alloc, rows->catalog[i].name);
        aks_mem_free(rows->alloc, rows->catalog[i].type);
    }
    rows->catalog_count = 0;
}

/* A column whose name or type cannot be a C string is not seen. */
static enum aks_status
take_column(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *err)
{
    struct aks_rows *rows = ctx;
    struct aks_rows_catalog column = { NULL, NULL, NULL };
    char **const texts[] = { &column.table, &column.name, &column.type };
    enum aks_status status = AKS_OK;

    if (rows->catalog_count == AKS_ROWS_CATALOG_COLUMNS_MAX)
        return AKS_OK;
    for (size_t i = 0; i < AKS_ROWS_CATALOG_COLUMNS && status == AKS_OK; i++)
        status = text_of(rows, &values[i], texts[i], err);
    if (status == AKS_OK && column.table != NULL && column.name != NULL && column.type != NULL) {
        rows->catalog[rows->catalog_count++] = column;
        return AKS_OK;
    }
    for (size_t i = 0; i < AKS_ROWS_CATALOG_COLUMNS; i++)
        aks_mem_free(rows->alloc, *texts[i]);
    return status;
}

static enum aks_status
read_catalog(struct aks_rows *rows, struct aks_error *err)
{
    static const char *const names[] = AKS_ROWS_CATALOG_NAMES;
    struct aks_rows_child child = { .rows = rows, .names = names,
        .count = AKS_ROWS_CATALOG_COLUMNS, .each = take_column, .forget = forget_catalog,
        .ctx = rows };
    enum aks_status status;
    struct aks_buf sql;
    int64_t count = 0;

    aks_buf_init(&sql, rows->alloc, AKS_ROWS_SQL_BYTES_MAX);
    aks_rows_sql_begin(&sql, rows->folder);
    aks_rows_sql_catalog(&sql);
    child.sql = sql.data;
    status = aks_buf_status(&sql, "a query", err);
    if (status == AKS_OK)
        status = try_each(&child, OPEN_MS, &count, err);
    aks_buf_fini(&sql);
    return status;
}

static bool
made_by_2(const struct aks_rows *rows)
{
    const struct aks_files *files = &rows->port->files;
    struct aks_file *file = NULL;
    uint8_t head[AKS_DUCKDB_HEADERS_BYTES];
    struct aks_duckdb_file duckdb;
    size_t len = 0;

    if (files->open(files->ctx, rows->main, AKS_FILE_READ, &file, NULL) != AKS_OK)
        return false;
    if (files->read(file, 0, head, sizeof(head), &len, NULL) != AKS_OK)
        len = 0;
    files->close(file);
    return aks_duckdb_file_parse(head, len, &duckdb, NULL) == AKS_OK &&
        duckdb.storage_version > STORAGE_OF_1;
}

enum aks_status
aks_rows_duckdb_open(struct aks_rows *rows, struct aks_error *err)
{
    enum aks_status status = aks_rows_readers_find(rows->port, rows->stopped, rows->ctx,
        &rows->readers, err);

    if (status != AKS_OK)
        return status;
    rows->made_by_2 = made_by_2(rows);
    rows->catalog = aks_mem_array(rows->alloc, AKS_ROWS_CATALOG_COLUMNS_MAX,
        sizeof(*rows->catalog));
    if (rows->catalog == NULL)
        return aks_error_memory(err, "opening a database");
    return read_catalog(rows, err);
}

void
aks_rows_duckdb_close(struct aks_rows *rows)
{
    forget_catalog(rows);
    aks_mem_free(rows->alloc, rows->catalog);
    rows->catalog = NULL;
    aks_rows_readers_fini(&rows->readers);
}

enum aks_status
aks_rows_duckdb_columns(const struct aks_rows *rows, const char *table,
    struct aks_rows_table *table_out, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < rows->catalog_count && status == AKS_OK; i++) {
        const struct aks_rows_catalog *column = &rows->catalog[i];

        if (strcmp(column->table, table) == 0)
            status = aks_rows_table_add(table_out, column->name, strlen(column->name),
                column->type, strlen(column->type), aks_rows_sql_form(column->type), err);
    }
    return status;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Is it too large to be sorted at once? A column of that name would stand for another number. */
static bool
needs_pages(const struct aks_rows *rows, const struct aks_rows_plan *plan)
{
    const struct aks_files *files = &rows->port->files;
    struct aks_file_info info;

    for (size_t i = 0; i < rows->catalog_count; i++)
        if (strcmp(rows->catalog[i].table, plan->query->table) == 0 &&
            strcasecmp(rows->catalog[i].name, "rowid") == 0)
            return false;
    return files->stat(files->ctx, rows->main, true, &info, NULL) == AKS_OK &&
        info.bytes >= LARGE_BYTES;
}

/* The statement of the rows; how many pages that takes, only a count tells. */
static enum aks_status
read_sql(struct aks_rows *rows, const struct aks_rows_plan *plan, struct aks_buf *sql,
    struct aks_error *err)
{
    int64_t page = PAGE_ROWS;
    int64_t count = 0;
    enum aks_status status = AKS_OK;

    if (needs_pages(rows, plan))
        status = aks_rows_duckdb_count(rows, plan, &count, err);
    if (status != AKS_OK)
        return status;
    if (count > PAGE_ROWS * PAGES_MAX)
        page = (count + PAGES_MAX - 1) / PAGES_MAX;
    aks_rows_sql_begin(sql, rows->folder);
    if (count > page) {
        aks_rows_sql_read_pages(sql, plan, count, page);
    } else {
        aks_rows_sql_copy_begin(sql);
        aks_rows_sql_read(sql, plan);
        aks_rows_sql_copy_end(sql);
    }
    aks_rows_sql_copy_begin(sql);
    aks_rows_sql_count(sql, plan);
    aks_rows_sql_copy_end(sql);
    return aks_buf_status(sql, "a query", err);
}

enum aks_status
aks_rows_duckdb_read(struct aks_rows *rows, const struct aks_rows_plan *plan, aks_rows_each *each,
    void *ctx, int64_t *ret_rows, struct aks_error *err)
{
    struct aks_rows_child child = { .rows = rows, .names = plan->query->columns,
        .count = plan->query->column_count, .each = each, .ctx = ctx };
    enum aks_status status;
    struct aks_buf sql;

    aks_buf_init(&sql, rows->alloc, AKS_ROWS_SQL_BYTES_MAX);
    status = read_sql(rows, plan, &sql, err);
    child.sql = sql.data;
    if (status == AKS_OK)
        status = try_each(&child, INT64_MAX, ret_rows, err);
    aks_buf_fini(&sql);
    return status;
}

static enum aks_status
take_count(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *err)
{
    int64_t *count = ctx;

    *count = 0;
    for (size_t i = 0; i < values[0].len && values[0].data[i] >= '0' && values[0].data[i] <= '9' &&
        *count < INT64_MAX / 100; i++)
        *count = *count * 10 + (values[0].data[i] - '0');
    return AKS_OK;
}

enum aks_status
aks_rows_duckdb_count(struct aks_rows *rows, const struct aks_rows_plan *plan, int64_t *ret_rows,
    struct aks_error *err)
{
    static const char *const names[] = { "n" };
    struct aks_rows_child child = { .rows = rows, .names = names, .count = 1, .each = take_count,
        .ctx = ret_rows };
    enum aks_status status;
    struct aks_buf sql;
    int64_t lines = 0;

    aks_buf_init(&sql, rows->alloc, AKS_ROWS_SQL_BYTES_MAX);
    aks_rows_sql_begin(&sql, rows->folder);
    aks_rows_sql_copy_begin(&sql);
    aks_buf_puts(&sql, "SELECT \"" AKS_ROWS_END "\" AS n FROM (");
    aks_rows_sql_count(&sql, plan);
    aks_buf_puts(&sql, ")");
    aks_rows_sql_copy_end(&sql);
    aks_rows_sql_copy_begin(&sql);
    aks_buf_puts(&sql, "SELECT 1 AS \"" AKS_ROWS_END "\"");
    aks_rows_sql_copy_end(&sql);
    child.sql = sql.data;
    status = aks_buf_status(&sql, "a query", err);
    if (status == AKS_OK)
        status = try_each(&child, INT64_MAX, &lines, err);
    aks_buf_fini(&sql);
    return status;
}
