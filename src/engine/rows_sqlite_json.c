/* Values of SQLite as JSON. */
#include "engine/rows_internal.h"

#include "base/utf8.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 40

void
aks_rows_json_text(const char *text, size_t len, struct aks_buf *out)
{
    size_t at = 0;

    aks_buf_putc(out, '"');
    while (at < len) {
        size_t from = at;
        size_t char_len = 1;

        while (at < len && (unsigned char)text[at] >= 0x20 && text[at] != '"' && text[at] != '\\' &&
            char_len > 0) {
            char_len = (unsigned char)text[at] < 0x80 ? 1 : aks_utf8_length(text + at);
            if (char_len > len - at)
                char_len = 0;
            at += char_len;
        }
        aks_buf_append(out, text + from, at - from);
        if (at == len)
            break;
        if (char_len == 0)
            aks_buf_puts(out, "\xef\xbf\xbd");
        else if (text[at] == '"' || text[at] == '\\')
            aks_buf_printf(out, "\\%c", text[at]);
        else
            aks_buf_printf(out, "\\u%04x", (unsigned char)text[at]);
        at++;
    }
    aks_buf_putc(out, '"');
}

/* The shortest of three that is read back as the same. */
static void
put_double(double number, struct aks_buf *out)
{
    char text[NUMBER_BYTES];

    if (!isfinite(number)) {
        aks_buf_puts(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    aks_buf_puts(out, text);
}

/* Little endian, as every one of these agents writes them. */
static void
put_vector(const unsigned char *data, size_t len, struct aks_buf *out)
{
    char text[NUMBER_BYTES];

    aks_buf_putc(out, '[');
    for (size_t i = 0; i < len; i += 4) {
        uint32_t bits = (uint32_t)data[i] | (uint32_t)data[i + 1] << 8 |
            (uint32_t)data[i + 2] << 16 | (uint32_t)data[i + 3] << 24;
        float number;
        int n;

        memcpy(&number, &bits, sizeof(number));
        n = isfinite(number) ? snprintf(text, sizeof(text), "%.9g", (double)number)
            : snprintf(text, sizeof(text), "null");
        if (i > 0)
            aks_buf_putc(out, ',');
        aks_buf_append(out, text, (size_t)n);
    }
    aks_buf_putc(out, ']');
}

void
aks_rows_sqlite_json(struct sqlite3_stmt *stmt, int column, struct aks_buf *out)
{
    const void *data;
    size_t len;

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        aks_buf_printf(out, "%lld", (long long)sqlite3_column_int64(stmt, column));
        break;
    case SQLITE_FLOAT:
        put_double(sqlite3_column_double(stmt, column), out);
        break;
    case SQLITE_TEXT:
        data = sqlite3_column_text(stmt, column);
        len = (size_t)sqlite3_column_bytes(stmt, column);
        aks_rows_json_text(data == NULL ? "" : data, data == NULL ? 0 : len, out);
        break;
    case SQLITE_BLOB:
        data = sqlite3_column_blob(stmt, column);
        len = (size_t)sqlite3_column_bytes(stmt, column);
        if (data != NULL && len % 4 == 0)
            put_vector(data, len, out);
        else
            aks_buf_puts(out, "null");
        break;
    default:
        aks_buf_puts(out, "null");
    }
}
