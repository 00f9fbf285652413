/* A table for people: cells are put down first, and printed when the widths are known. */
#ifndef AKS_CLI_TABLE_H
#define AKS_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define AKS_TABLE_COLUMNS_MAX 8
#define AKS_TABLE_CELL_BYTES 160        /* what is longer is cut */

struct aks_table {
    size_t columns;
    size_t rows;                        /* that are finished, with the heads */
    size_t rows_max;
    size_t widths[AKS_TABLE_COLUMNS_MAX];
    char (*cells)[AKS_TABLE_COLUMNS_MAX][AKS_TABLE_CELL_BYTES];
};

/** A table with room for ${rows_max} rows below the heads. False: no memory. */
bool aks_table_begin(struct aks_table *table, const char *const *heads, size_t columns,
    size_t rows_max);
/** A cell of the row that is being filled; bytes that a terminal would act upon become '?'. */
void aks_table_put(struct aks_table *table, size_t column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** The row is finished. False, and it is dropped, where there is no room. */
bool aks_table_next(struct aks_table *table);
/** Prints it and gives it back. Column ${right} is one of numbers. */
void aks_table_end(struct aks_table *table, size_t right);

#endif
