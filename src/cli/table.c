#include "cli/table.h"

#include "base/utf8.h"
#include "cli/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
aks_table_begin(struct aks_table *table, const char *const *heads, size_t columns,
    size_t rows_max)
{
    memset(table, 0, sizeof(*table));
    table->columns = columns;
    table->rows_max = rows_max + 1;
    /* One more, so that there is always a row to fill. */
    table->cells = calloc(table->rows_max + 1, sizeof(*table->cells));
    if (table->cells == NULL)
        return false;
    for (size_t i = 0; i < columns; i++)
        aks_table_put(table, i, "%s", heads[i]);
    return aks_table_next(table);
}

void
aks_table_put(struct aks_table *table, size_t column, const char *format, ...)
{
    char *cell = table->cells[table->rows][column];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(cell, AKS_TABLE_CELL_BYTES, format, args);
    va_end(args);
    for (char *c = cell; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    aks_utf8_tame(cell, strlen(cell));
}

bool
aks_table_next(struct aks_table *table)
{
    if (table->rows == table->rows_max)
        return false;
    for (size_t i = 0; i < table->columns; i++) {
        size_t len = strlen(table->cells[table->rows][i]);

        if (len > table->widths[i])
            table->widths[i] = len;
    }
    table->rows++;
    return true;
}

void
aks_table_end(struct aks_table *table, size_t right)
{
    for (size_t i = 0; i < table->rows; i++) {
        aks_print_out(" ");
        for (size_t j = 0; j < table->columns; j++) {
            const char *cell = table->cells[i][j];
            int width = (int)table->widths[j];

            if (j + 1 == table->columns)
                aks_print_out(" %s", cell);
            else
                aks_print_out(" %*s", j == right ? width : -width, cell);
            if (j + 1 < table->columns)
                aks_print_out(" ");
        }
        aks_print_out("\n");
    }
    free(table->cells);
    table->cells = NULL;
}
