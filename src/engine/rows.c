#include "engine/rows_internal.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/source.h"

#include <string.h>

/* --- time ------------------------------------------------------------------------------------- */

bool
aks_rows_stopped(const struct aks_rows *rows)
{
    return rows->stopped != NULL && rows->stopped(rows->ctx);
}

enum aks_status
aks_rows_check(const struct aks_rows *rows, struct aks_error *err)
{
    const struct aks_clock *clock = &rows->port->clock;

    if (aks_rows_stopped(rows))
        return aks_error_set(err, AKS_CANCELLED, "the rows are not wanted any more");
    if (clock->now_ns(clock->ctx) >= rows->until_ns)
        return aks_error_set(err, AKS_TIMEOUT, "the rows have not come within %lld ms",
            (long long)rows->timeout_ms);
    return AKS_OK;
}

static void
begin(struct aks_rows *rows)
{
    const struct aks_clock *clock = &rows->port->clock;

    rows->until_ns = clock->now_ns(clock->ctx) + rows->timeout_ms * AKS_NS_PER_MS;
}

/* --- opening ---------------------------------------------------------------------------------- */

void
aks_rows_options_of(const struct aks_port *port, const struct aks_snapshot *snapshot,
    const char *scratch, struct aks_rows_options *ret_options)
{
    memset(ret_options, 0, sizeof(*ret_options));
    ret_options->port = port;
    ret_options->kind = snapshot->kind;
    ret_options->main = snapshot->files[AKS_SNAPSHOT_MAIN].path;
    if (snapshot->files[AKS_SNAPSHOT_WAL].there)
        ret_options->wal = snapshot->files[AKS_SNAPSHOT_WAL].path;
    ret_options->in_place = snapshot->in_place;
    ret_options->scratch = scratch;
}

static enum aks_status
open_engine(struct aks_rows *rows, struct aks_error *err)
{
    return rows->kind == AKS_SOURCE_SQLITE ? aks_rows_sqlite_open(rows, err)
        : aks_rows_duckdb_open(rows, err);
}

enum aks_status
aks_rows_open(const struct aks_rows_options *options, struct aks_rows **ret_rows,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct aks_rows *rows = aks_mem_new(alloc, sizeof(*rows));
    enum aks_status status;

    AKS_CHECK(options->kind != AKS_SOURCE_FILE && options->main[0] == '/');
    *ret_rows = NULL;
    if (rows == NULL)
        return aks_error_memory(err, "opening a database");
    rows->port = options->port;
    rows->alloc = alloc;
    rows->kind = options->kind;
    rows->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : AKS_ROWS_TIMEOUT_MS;
    rows->stopped = options->stopped;
    rows->ctx = options->ctx;
    begin(rows);
    status = aks_rows_place(options, rows, err);
    if (status == AKS_OK)
        status = open_engine(rows, err);
    if (status != AKS_OK) {
        aks_rows_close(rows);
        return status;
    }
    *ret_rows = rows;
    return AKS_OK;
}

void
aks_rows_close(struct aks_rows *rows)
{
    if (rows == NULL)
        return;
    aks_rows_sqlite_close(rows);
    aks_rows_duckdb_close(rows);
    aks_rows_place_remove(rows);
    aks_mem_free(rows->alloc, rows->main);
    aks_mem_free(rows->alloc, rows);
}

const char *
aks_rows_reader(const struct aks_rows *rows)
{
    return rows->reader;
}

/* --- columns ---------------------------------------------------------------------------------- */

enum aks_status
aks_rows_table_add(struct aks_rows_table *table, const char *name, size_t name_len,
    const char *type, size_t type_len, enum aks_rows_form form, struct aks_error *err)
{
    struct aks_rows_column *column;

    if (table->count == AKS_ROWS_COLUMNS_MAX || name_len > AKS_ROWS_NAME_BYTES_MAX)
        return AKS_OK;
    if (table->columns == NULL)
        table->columns = aks_mem_array(table->alloc, AKS_ROWS_COLUMNS_MAX, sizeof(*column));
    if (table->columns == NULL)
        return aks_error_memory(err, "reading the columns of a table");
    column = &table->columns[table->count++];
    column->name = aks_mem_strndup(table->alloc, name, name_len);
    column->type = aks_mem_strndup(table->alloc, type, type_len);
    column->form = form;
    return column->name != NULL && column->type != NULL ? AKS_OK
        : aks_error_memory(err, "reading the columns of a table");
}

static enum aks_status
read_columns(struct aks_rows *rows, const char *table, struct aks_rows_table *table_out,
    struct aks_error *err)
{
    memset(table_out, 0, sizeof(*table_out));
    table_out->alloc = rows->alloc;
    return rows->kind == AKS_SOURCE_SQLITE ? aks_rows_sqlite_columns(rows, table, table_out, err)
        : aks_rows_duckdb_columns(rows, table, table_out, err);
}

enum aks_status
aks_rows_columns(struct aks_rows *rows, const char *table, bool *ret_there,
    struct aks_rows_table *ret_table, struct aks_error *err)
{
    enum aks_status status;

    begin(rows);
    status = read_columns(rows, table, ret_table, err);
    *ret_there = status == AKS_OK && ret_table->count > 0;
    return status;
}

void
aks_rows_table_fini(struct aks_rows_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        aks_mem_free(table->alloc, table->columns[i].name);
        aks_mem_free(table->alloc, table->columns[i].type);
    }
    if (table->columns != NULL)
        aks_mem_free(table->alloc, table->columns);
    table->columns = NULL;
    table->count = 0;
}

const struct aks_rows_column *
aks_rows_table_find(const struct aks_rows_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum aks_status
find(const struct aks_rows_table *table, const char *table_name, const char *name,
    const struct aks_rows_column **ret, struct aks_error *err)
{
    *ret = aks_rows_table_find(table, name);
    if (*ret != NULL)
        return AKS_OK;
    if (table->count == 0)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no table %s", table_name);
    return aks_error_set(err, AKS_NOT_FOUND, "table %s has no column %s", table_name, name);
}

static enum aks_status
make_plan(const struct aks_rows_query *query, const struct aks_rows_table *table,
    struct aks_rows_plan *plan, struct aks_error *err)
{
    enum aks_status status = find(table, query->table, query->id, &plan->id, err);

    plan->query = query;
    plan->at = NULL;
    if (status == AKS_OK && query->at != NULL)
        status = find(table, query->table, query->at, &plan->at, err);
    for (size_t i = 0; i < query->column_count && status == AKS_OK; i++)
        status = find(table, query->table, query->columns[i], &plan->columns[i], err);
    return status;
}

static bool
short_enough(const struct aks_rows_cursor *cursor)
{
    return (cursor->at == NULL || strlen(cursor->at) <= AKS_ROWS_CURSOR_BYTES_MAX) &&
        (cursor->id == NULL || strlen(cursor->id) <= AKS_ROWS_CURSOR_BYTES_MAX);
}

static enum aks_status
plan_of(struct aks_rows *rows, const struct aks_rows_query *query, struct aks_rows_table *table,
    struct aks_rows_plan *plan, struct aks_error *err)
{
    enum aks_status status;

    AKS_CHECK(query->column_count > 0 && query->column_count <= AKS_ROWS_WANTED_MAX);
    begin(rows);
    status = read_columns(rows, query->table, table, err);
    plan->kind = rows->kind;
    if (status == AKS_OK)
        status = make_plan(query, table, plan, err);
    if (status == AKS_OK && (!short_enough(&query->after) || !short_enough(&query->until)))
        status = aks_error_set(err, AKS_LIMIT, "a cursor of table %s is longer than %d bytes",
            query->table, AKS_ROWS_CURSOR_BYTES_MAX);
    return status;
}

enum aks_status
aks_rows_read(struct aks_rows *rows, const struct aks_rows_query *query, aks_rows_each *each,
    void *ctx, int64_t *ret_rows, struct aks_error *err)
{
    struct aks_rows_table table;
    struct aks_rows_plan plan;
    int64_t count = 0;
    enum aks_status status = plan_of(rows, query, &table, &plan, err);

    if (status == AKS_OK)
        status = rows->kind == AKS_SOURCE_SQLITE
            ? aks_rows_sqlite_read(rows, &plan, each, ctx, &count, err)
            : aks_rows_duckdb_read(rows, &plan, each, ctx, &count, err);
    aks_rows_table_fini(&table);
    if (ret_rows != NULL)
        *ret_rows = count;
    return status;
}

enum aks_status
aks_rows_count(struct aks_rows *rows, const struct aks_rows_query *query, int64_t *ret_rows,
    struct aks_error *err)
{
    struct aks_rows_query whole = *query;
    struct aks_rows_table table;
    struct aks_rows_plan plan;
    enum aks_status status;

    whole.limit = 0;
    status = plan_of(rows, &whole, &table, &plan, err);
    *ret_rows = 0;
    if (status == AKS_OK)
        status = rows->kind == AKS_SOURCE_SQLITE
            ? aks_rows_sqlite_count(rows, &plan, ret_rows, err)
            : aks_rows_duckdb_count(rows, &plan, ret_rows, err);
    aks_rows_table_fini(&table);
    return status;
}
