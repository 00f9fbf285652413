/* The rows of one snapshot, table by table, as memories in a scratch file. */
#include "engine/memories_internal.h"

#include "base/check.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

static const char doing[] = "making memories of rows";

const char *
aks_memories_skip_name(enum aks_memories_skip skip)
{
    static const char *const names[AKS_MEMORIES_SKIPS] = {
        [AKS_MEMORIES_TOO_LONG] = "too_long", [AKS_MEMORIES_NO_ID] = "no_id",
        [AKS_MEMORIES_NO_TEXT] = "no_text", [AKS_MEMORIES_EMBEDDING_LENGTH] = "embedding_length",
        [AKS_MEMORIES_EMBEDDING_NUMBER] = "embedding_number",
        [AKS_MEMORIES_STAMP] = "time_stamp",
    };

    AKS_CHECK((unsigned)skip < AKS_MEMORIES_SKIPS);
    return names[skip];
}

void
aks_memories_result_fini(struct aks_memories_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        aks_mem_free(result->alloc, result->tables[i].table);
        aks_memories_cursor_fini(result->alloc, &result->tables[i].after);
        aks_memories_cursor_fini(result->alloc, &result->tables[i].to);
    }
    memset(result, 0, sizeof(*result));
}

bool
aks_memories_all_due(const struct aks_memories_mark *mark, int64_t wall_ms)
{
    int64_t began_ms = mark == NULL ? 0 : mark->all_at_ms < 0 ? -mark->all_at_ms : mark->all_at_ms;

    /* A stamp that is as far ahead says nothing: the clock was wrong then, or is now. */
    return mark == NULL || mark->cursor.id == NULL || began_ms == 0 ||
        wall_ms - began_ms >= AKS_MEMORIES_ALL_MS || began_ms - wall_ms >= AKS_MEMORIES_ALL_MS;
}

int64_t
aks_memories_all_at(const struct aks_memories_mark *mark, bool beginning, bool more,
    int64_t wall_ms)
{
    int64_t began_ms = 0;

    if (mark != NULL && mark->all_at_ms < 0)
        began_ms = -mark->all_at_ms;
    else if (beginning)
        began_ms = wall_ms;
    return more ? -began_ms : began_ms;
}

bool
aks_memories_more(const struct aks_memories_taken *taken)
{
    /* Where the cursor stays, the next ones would be the same ones. */
    return taken->more && !aks_memories_cursor_equal(&taken->after, &taken->to);
}

bool
aks_memories_went_back(const struct aks_memories_mark *mark,
    const struct aks_memories_taken *taken)
{
    return mark != NULL && mark->cursor.id != NULL && taken->after.id == NULL;
}

/* --- one table -------------------------------------------------------------------------------- */

struct reading {
    struct aks_memories_making making;
    struct aks_memories_file *file;
    struct aks_memories_result *result;
    struct aks_memories_taken *taken;
    struct aks_buf row;
    struct aks_buf at;                  /* of the last row that moves the cursor: raw JSON */
    struct aks_buf id;
    int64_t ahead_ms;                   /* rows from there on are in the future */
    int64_t read;
    bool whole;                         /* it is a part of all rows: those of the future go too */
    bool ended;                         /* by us: the rest is in the future */
    bool timed;                         /* a row had a time stamp that can be read */
};

/* Is it no place for a cursor? One that is too long cannot be asked for. A time stamp that cannot
 * be read ("unknown", "infinity") may stand behind all that will ever come, where others can. */
static bool
no_place(const struct reading *reading, const struct aks_rows_value *values, const char *stamp)
{
    const struct aks_memories_columns *columns = reading->making.columns;
    const struct aks_rows_value *at = columns->at >= 0 ? &values[columns->at] : NULL;

    if (values[columns->id].len > AKS_ROWS_CURSOR_BYTES_MAX)
        return true;
    return at != NULL && (at->len > AKS_ROWS_CURSOR_BYTES_MAX || (reading->timed &&
        stamp != NULL && stamp[0] == '\0' && !aks_memories_value_is_null(at)));
}

/* The cursor stands behind this row. */
static void
move(struct reading *reading, const struct aks_rows_value *values)
{
    const struct aks_memories_columns *columns = reading->making.columns;

    aks_buf_reset(&reading->at);
    aks_buf_reset(&reading->id);
    if (columns->at >= 0)
        aks_buf_append(&reading->at, values[columns->at].data, values[columns->at].len);
    aks_buf_append(&reading->id, values[columns->id].data, values[columns->id].len);
}

static enum aks_status
each_row(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *err)
{
    struct reading *reading = ctx;
    struct aks_memories_result *result = reading->result;
    struct aks_memories_row row;
    enum aks_memories_skip why;
    enum aks_status status;
    bool ahead;

    why = len > AKS_MEMORIES_ROW_BYTES_MAX ? AKS_MEMORIES_TOO_LONG
        : aks_memories_row_read(&reading->making, values, result->skipped, &row);
    ahead = why == AKS_MEMORIES_SKIPS && row.stamp[0] != '\0' && row.at_ms > reading->ahead_ms;
    /* All rows are in order: what follows is in the future too. */
    if (ahead && !reading->whole) {
        reading->ended = true;
        return aks_error_set(err, AKS_CANCELLED, "rows of the future stay");
    }
    reading->read++;
    row.stays = ahead || no_place(reading, values, why == AKS_MEMORIES_TOO_LONG ? NULL : row.stamp);
    if (!row.stays && why != AKS_MEMORIES_NO_ID) {
        reading->timed |= why != AKS_MEMORIES_TOO_LONG && row.stamp[0] != '\0';
        move(reading, values);
    }
    if (why != AKS_MEMORIES_SKIPS) {
        result->skipped[why]++;
        return AKS_OK;
    }
    aks_buf_reset(&reading->row);
    aks_memories_row_write(&reading->making, &row, &reading->row);
    status = aks_buf_status(&reading->row, "a row", err);
    if (status == AKS_OK)
        status = aks_memories_file_add(reading->file, reading->row.data, reading->row.len, err);
    if (status != AKS_OK)
        return status;
    reading->taken->rows++;
    result->rows++;
    return AKS_OK;
}

static const struct aks_memories_mark *
mark_of(const struct aks_memories_options *options, const char *table)
{
    for (size_t i = 0; i < options->after_count; i++) {
        if (strcmp(options->after[i].table, table) == 0)
            return &options->after[i];
    }
    return NULL;
}

/* Where the cursor has come to. */
static enum aks_status
take_cursor(const struct aks_alloc *alloc, const struct reading *reading, struct aks_error *err)
{
    const struct aks_rows_value at = { reading->at.data, reading->at.len };
    const struct aks_rows_value id = { reading->id.data, reading->id.len };
    struct aks_memories_taken *taken = reading->taken;
    enum aks_status status = aks_buf_status(&reading->at, "a time stamp", err);

    if (status == AKS_OK)
        status = aks_buf_status(&reading->id, "an id", err);
    if (status != AKS_OK || id.len == 0)
        return status == AKS_OK ? aks_memories_cursor_copy(alloc, &taken->after, &taken->to, err)
            : status;
    if (at.len > 0)
        status = aks_memories_push_text(alloc, &at, &taken->to.at, err);
    if (status == AKS_OK)
        status = aks_memories_push_text(alloc, &id, &taken->to.id, err);
    return status;
}

/* The place of a cursor is a text, whatever it was in its row. */
static bool
is_timed(const char *at)
{
    char text[AKS_MEMORIES_STAMP_BYTES];
    char quoted[2 * AKS_MEMORIES_STAMP_BYTES];
    int len = snprintf(quoted, sizeof(quoted), "\"%s\"", at != NULL ? at : "");
    struct aks_rows_value value = { quoted, (size_t)len };
    struct aks_rows_value inner = { quoted + 1, (size_t)len - 2 };
    int64_t ms;

    return len < (int)sizeof(quoted) && (aks_memories_value_stamp(&value, text, &ms) ||
        aks_memories_value_stamp(&inner, text, &ms));
}

static enum aks_status
begin_taken(const struct aks_alloc *alloc, struct reading *reading, struct aks_error *err)
{
    const char *table = reading->making.shape->table;
    const struct aks_memories_mark *mark = mark_of(reading->making.options, table);
    struct aks_memories_taken *taken = reading->taken;

    reading->whole = mark == NULL || mark->cursor.id == NULL || mark->all_at_ms < 0;
    taken->table = aks_mem_strdup(alloc, table);
    if (taken->table == NULL)
        return aks_error_memory(err, doing);
    return mark == NULL ? AKS_OK : aks_memories_cursor_copy(alloc, &mark->cursor, &taken->after,
        err);
}

static enum aks_status
read_behind(struct aks_rows *rows, struct reading *reading, struct aks_error *err)
{
    const struct aks_memories_options *options = reading->making.options;
    const struct aks_memories_columns *columns = reading->making.columns;
    struct aks_memories_result *result = reading->result;
    struct aks_memories_taken *taken = reading->taken;
    struct aks_rows_query query = { 0 };
    enum aks_status status;

    query.table = reading->making.shape->table;
    query.columns = columns->names;
    query.column_count = columns->count;
    query.at = columns->at >= 0 ? columns->names[columns->at] : NULL;
    query.id = columns->names[columns->id];
    query.after.at = taken->after.at;
    query.after.id = taken->after.id;
    query.limit = options->rows_max - result->rows;
    reading->timed = is_timed(taken->after.at);
    status = aks_rows_read(rows, &query, each_row, reading, NULL, err);
    if (status == AKS_CANCELLED && reading->ended)
        status = AKS_OK;
    taken->more = reading->read == query.limit;
    return status;
}

/* Is it the cursor that a DuckDB cannot make a value of? There are no codes. */
static bool
does_not_fit(enum aks_status status, const struct aks_error *err)
{
    return status == AKS_NOT_FOUND && (strstr(err->message, "Conversion Error") != NULL ||
        strstr(err->message, "Cannot compare") != NULL);
}

/* A column that has got another type has no place for a cursor of before: all rows are new. */
static enum aks_status
read_rows(struct aks_rows *rows, struct reading *reading, struct aks_error *err)
{
    struct aks_error why;
    enum aks_status status = read_behind(rows, reading, &why);

    if (reading->taken->after.id != NULL && reading->read == 0 && does_not_fit(status, &why)) {
        aks_memories_cursor_fini(reading->result->alloc, &reading->taken->after);
        reading->whole = true;
        status = read_behind(rows, reading, &why);
    }
    if (status != AKS_OK && err != NULL)
        *err = why;
    return status;
}

static enum aks_status
export_table(struct aks_rows *rows, struct reading *reading, struct aks_error *err)
{
    const struct aks_alloc *alloc = reading->result->alloc;
    enum aks_status status = begin_taken(alloc, reading, err);

    aks_buf_init(&reading->row, alloc, AKS_MEMORIES_PUSH_BYTES_MAX);
    aks_buf_init(&reading->at, alloc, AKS_ROWS_CURSOR_BYTES_MAX);
    aks_buf_init(&reading->id, alloc, AKS_ROWS_CURSOR_BYTES_MAX);
    if (status == AKS_OK)
        status = read_rows(rows, reading, err);
    if (status == AKS_OK)
        status = take_cursor(alloc, reading, err);
    aks_buf_fini(&reading->row);
    aks_buf_fini(&reading->at);
    aks_buf_fini(&reading->id);
    return status;
}

/* Nothing was left of a reading of all rows that had been cut off: now it has come to its end. */
static bool
ends_all(const struct reading *reading)
{
    return reading->whole && reading->taken->after.id != NULL;
}

/* One table of the snapshot, if it is there and has room left. Its entry stays in the result if
 * there was something to it. */
static enum aks_status
consider_table(const struct aks_memories_options *options, struct aks_rows *rows,
    const struct aks_memories_shape *shape, struct aks_memories_file *file,
    struct aks_memories_result *result, struct aks_error *err)
{
    struct reading reading = { 0 };
    struct aks_memories_columns columns;
    struct aks_rows_table table;
    bool there = false;
    enum aks_status status;

    if (result->rows == options->rows_max)
        return AKS_OK;
    status = aks_rows_columns(rows, shape->table, &there, &table, err);
    if (status == AKS_OK && there && aks_memories_columns(shape, &table, &columns)) {
        reading.making.options = options;
        reading.making.shape = shape;
        reading.making.columns = &columns;
        reading.making.form = aks_memories_file_form(file);
        reading.file = file;
        reading.result = result;
        reading.taken = &result->tables[result->count++];
        reading.ahead_ms = options->wall_ms + AKS_MEMORIES_AHEAD_MS;
        status = export_table(rows, &reading, err);
        result->found++;
        if (status == AKS_OK && reading.read == 0 && !ends_all(&reading)) {
            result->count--;
            aks_mem_free(result->alloc, reading.taken->table);
            aks_memories_cursor_fini(result->alloc, &reading.taken->after);
            aks_memories_cursor_fini(result->alloc, &reading.taken->to);
            memset(reading.taken, 0, sizeof(*reading.taken));
        }
    }
    aks_rows_table_fini(&table);
    return status;
}

static enum aks_status
open_rows(const struct aks_memories_options *options, struct aks_rows **ret_rows,
    struct aks_error *err)
{
    struct aks_rows_options how;

    aks_rows_options_of(options->port, options->snapshot, options->scratch, &how);
    how.stopped = options->stopped;
    how.ctx = options->ctx;
    return aks_rows_open(&how, ret_rows, err);
}

enum aks_status
aks_memories_export(const struct aks_memories_options *options, struct aks_memories_file *file,
    struct aks_memories_result *ret_result, struct aks_error *err)
{
    struct aks_memories_place place = aks_memories_file_place(file);
    struct aks_memories_shape shapes[AKS_MEMORIES_TABLES_MAX];
    size_t count = aks_memories_shapes(options, shapes);
    struct aks_rows *rows = NULL;
    enum aks_status status;

    AKS_CHECK(options->rows_max > 0 && options->rows_max <= AKS_MEMORIES_ROWS_MAX);
    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->alloc = options->port->alloc;
    if (options->snapshot->kind == AKS_SOURCE_FILE)
        return AKS_OK;
    status = open_rows(options, &rows, err);
    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = consider_table(options, rows, &shapes[i], file, ret_result, err);
    if (status == AKS_OK)
        (void)snprintf(ret_result->reader, sizeof(ret_result->reader), "%s",
            aks_rows_reader(rows));
    aks_rows_close(rows);
    if (status != AKS_OK) {
        struct aks_error ignored;

        aks_memories_result_fini(ret_result);
        /* If that fails too, the file's end tells. */
        (void)aks_memories_file_back(file, &place, &ignored);
    }
    return status;
}
