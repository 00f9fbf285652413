/* A row as a memory. Values are copied as they are, from JSON to JSON; all that is put together
 * anew is text out of two texts, and an id. */
#include "engine/memories_internal.h"

#include <string.h>

/* --- reading ---------------------------------------------------------------------------------- */

/* The inside of a value that may be missing, or null; len 0 then. */
static struct aks_rows_value
inner_of(const struct aks_rows_value *values, int column)
{
    struct aks_rows_value inner = { "", 0 };

    if (column < 0 || values[column].data[0] != '"' ||
        !aks_memories_value_inner(&values[column], &inner)) {
        inner.data = "";
        inner.len = 0;
    }
    return inner;
}

/* A NUL, which texts in C and many servers end at. */
static bool
has_nul(const struct aks_rows_value *inner)
{
    return memmem(inner->data, inner->len, "\\u0000", 6) != NULL;
}

static void
read_embedding(const struct aks_memories_making *making, int64_t *skipped,
    struct aks_memories_row *row)
{
    const struct aks_rows_value *value;
    enum aks_memories_skip why;

    if (making->columns->embedding < 0)
        return;
    value = &row->values[making->columns->embedding];
    if (aks_memories_value_is_null(value))
        return;
    why = aks_memories_value_embedding(value);
    if (why == AKS_MEMORIES_SKIPS)
        row->embedding = value;
    else
        skipped[why]++;
}

static void
read_stamp(const struct aks_memories_making *making, int64_t *skipped,
    struct aks_memories_row *row)
{
    const struct aks_rows_value *value;

    if (making->columns->at < 0)
        return;
    value = &row->values[making->columns->at];
    if (!aks_memories_value_is_null(value) &&
        !aks_memories_value_stamp(value, row->stamp, &row->at_ms))
        skipped[AKS_MEMORIES_STAMP]++;
}

enum aks_memories_skip
aks_memories_row_read(const struct aks_memories_making *making,
    const struct aks_rows_value *values, int64_t skipped[AKS_MEMORIES_SKIPS],
    struct aks_memories_row *ret_row)
{
    const struct aks_memories_columns *columns = making->columns;

    memset(ret_row, 0, sizeof(*ret_row));
    ret_row->values = values;
    read_stamp(making, skipped, ret_row);
    if (!aks_memories_value_inner(&values[columns->id], &ret_row->id) || ret_row->id.len == 0 ||
        ret_row->id.len > AKS_ROWS_CURSOR_BYTES_MAX - 2 || has_nul(&ret_row->id))
        return AKS_MEMORIES_NO_ID;
    ret_row->text = inner_of(values, columns->text);
    if (ret_row->text.len == 0)
        return AKS_MEMORIES_NO_TEXT;
    ret_row->reasoning = inner_of(values, columns->reasoning);
    read_embedding(making, skipped, ret_row);
    return AKS_MEMORIES_SKIPS;
}

/* --- ids -------------------------------------------------------------------------------------- */

static bool
among(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

/* 8-4-4-4-12 hexadecimal digits (RFC 9562). */
static bool
is_uuid(const struct aks_rows_value *id)
{
    if (id->len != 36)
        return false;
    for (size_t i = 0; i < id->len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? id->data[i] != '-' : !among(id->data[i], "0123456789abcdefABCDEF"))
            return false;
    }
    return true;
}

/* 26 of Crockford's 32 digits, 128 bits of them: a time and 80 bits of randomness
 * (github.com/ulid/spec). */
static bool
is_ulid(const struct aks_rows_value *id)
{
    if (id->len != 26 || id->data[0] < '0' || id->data[0] > '7')
        return false;
    for (size_t i = 0; i < id->len; i++) {
        if (!among(id->data[i], "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"))
            return false;
    }
    return true;
}

/* A digest, or an id of as many random bits. Without a letter it is a number. */
static bool
is_digest(const struct aks_rows_value *id)
{
    bool letter = false;

    if (id->len < 24)
        return false;
    for (size_t i = 0; i < id->len; i++) {
        if (!among(id->data[i], "0123456789abcdefABCDEF"))
            return false;
        letter = letter || id->data[i] > '9';
    }
    return letter;
}

void
aks_memories_row_text(const char *text, struct aks_buf *out)
{
    for (; text[0] != '\0'; text++) {
        if (text[0] == '"' || text[0] == '\\')
            aks_buf_putc(out, '\\');
        if ((unsigned char)text[0] < 0x20)
            aks_buf_printf(out, "\\u%04x", (unsigned)text[0]);
        else
            aks_buf_putc(out, text[0]);
    }
}

void
aks_memories_row_id(const struct aks_memories_options *options, const char *table,
    const struct aks_rows_value *inner, struct aks_buf *out)
{
    if (!is_uuid(inner) && !is_ulid(inner) && !is_digest(inner)) {
        aks_buf_puts(out, options->system_id);
        aks_buf_putc(out, '/');
        aks_memories_row_text(options->source_name, out);
        aks_buf_putc(out, '/');
        aks_memories_row_text(table, out);
        aks_buf_putc(out, '/');
    }
    aks_buf_append(out, inner->data, inner->len);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
put_value(struct aks_buf *out, const struct aks_rows_value *value)
{
    aks_buf_append(out, value->data, value->len);
}

/* ,"name":"text" */
static void
put_pair(struct aks_buf *out, const char *name, const char *text)
{
    aks_buf_printf(out, ",\"%s\":\"", name);
    aks_memories_row_text(text, out);
    aks_buf_putc(out, '"');
}

static void
put_text(const struct aks_memories_row *row, struct aks_buf *out)
{
    aks_buf_putc(out, '"');
    put_value(out, &row->text);
    if (row->reasoning.len > 0) {
        aks_buf_puts(out, "\\n\\nReasoning: ");
        put_value(out, &row->reasoning);
    }
    aks_buf_putc(out, '"');
}

/* As the original's push has it, without what is null. */
static void
put_metadata(const struct aks_memories_making *making, const struct aks_memories_row *row,
    struct aks_buf *out)
{
    const struct aks_memories_columns *columns = making->columns;

    aks_buf_puts(out, "{\"source\":\"");
    aks_memories_row_text(making->options->system_id, out);
    aks_buf_puts(out, "\",\"original_id\":");
    put_value(out, &row->values[columns->id]);
    put_pair(out, "type", making->shape->type);
    for (size_t i = columns->meta; i < columns->count; i++) {
        if (aks_memories_value_is_null(&row->values[i]))
            continue;
        aks_buf_printf(out, ",\"%s\":", columns->names[i]);
        put_value(out, &row->values[i]);
    }
    if (row->stamp[0] != '\0')
        put_pair(out, "created_at", row->stamp);
    put_pair(out, "ingestion_method",
        making->form == AKS_MEMORIES_PUSH ? "http_push" : "file_upload");
    aks_buf_putc(out, '}');
}

static void
put_id(const struct aks_memories_making *making, const struct aks_memories_row *row,
    struct aks_buf *out)
{
    aks_buf_putc(out, '"');
    aks_memories_row_id(making->options, making->shape->table, &row->id, out);
    aks_buf_putc(out, '"');
}

static void
write_element(const struct aks_memories_making *making, const struct aks_memories_row *row,
    struct aks_buf *out)
{
    aks_buf_puts(out, "{\"id\":");
    put_id(making, row, out);
    aks_buf_puts(out, ",\"content\":");
    put_text(row, out);
    if (row->embedding != NULL) {
        aks_buf_puts(out, ",\"embedding\":");
        put_value(out, row->embedding);
    }
    if (row->stamp[0] != '\0')
        put_pair(out, "timestamp", row->stamp);
    put_pair(out, "source", making->shape->source);
    aks_buf_puts(out, ",\"metadata\":");
    put_metadata(making, row, out);
    aks_buf_putc(out, '}');
}

/* Akosha stores zeros where a file has no embedding, and refuses what is pushed without one. */
static void
put_zeros(struct aks_buf *out)
{
    for (unsigned i = 0; i < AKS_MEMORIES_EMBEDDING; i++)
        aks_buf_puts(out, i == 0 ? "[0" : ",0");
    aks_buf_putc(out, ']');
}

/* ["table","at","id","memory_id"], a tab, the memory: what is in front is small, so that it can be
 * taken apart with no thought of what is behind. Of a row that stays, at and id are null. */
static void
write_line(const struct aks_memories_making *making, const struct aks_memories_row *row,
    struct aks_buf *out)
{
    struct aks_rows_value at = { "", 0 };

    aks_buf_puts(out, "[\"");
    aks_memories_row_text(making->shape->table, out);
    aks_buf_puts(out, "\",");
    if (!row->stays && making->columns->at >= 0 &&
        aks_memories_value_inner(&row->values[making->columns->at], &at)) {
        aks_buf_putc(out, '"');
        put_value(out, &at);
        aks_buf_puts(out, "\",");
    } else {
        aks_buf_puts(out, "null,");
    }
    if (row->stays) {
        aks_buf_puts(out, "null,");
    } else {
        aks_buf_putc(out, '"');
        put_value(out, &row->id);
        aks_buf_puts(out, "\",");
    }
    put_id(making, row, out);
    aks_buf_puts(out, "]\t{\"memory_id\":");
    put_id(making, row, out);
    aks_buf_puts(out, ",\"text\":");
    put_text(row, out);
    aks_buf_puts(out, ",\"embedding\":");
    if (row->embedding != NULL)
        put_value(out, row->embedding);
    else
        put_zeros(out);
    aks_buf_puts(out, ",\"metadata\":");
    put_metadata(making, row, out);
    aks_buf_puts(out, "}\n");
}

void
aks_memories_row_write(const struct aks_memories_making *making,
    const struct aks_memories_row *row, struct aks_buf *out)
{
    if (making->form == AKS_MEMORIES_PUSH)
        write_line(making, row, out);
    else
        write_element(making, row, out);
}
