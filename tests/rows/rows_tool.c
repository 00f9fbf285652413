/* rows_tool KIND MAIN WAL SCRATCH IN_PLACE TIMEOUT_MS TABLE AT ID COLUMN...: the rows of a database
 * as the engine reads them, on standard output; on standard error "reader: ...", "rows: ...",
 * "count: ..." or "failed: STATUS: ..." and "hint: ...". "-" stands for nothing. */
#include "engine/rows.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS 10

static const char *
given(const char *text)
{
    return strcmp(text, "-") == 0 ? NULL : text;
}

static enum aks_status
print(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *err)
{
    (void)fwrite(line, 1, len, stdout);
    (void)fputc('\n', stdout);
    return AKS_OK;
}

static int
told(enum aks_status status, const struct aks_error *err)
{
    if (status == AKS_OK)
        return 0;
    (void)fprintf(stderr, "failed: %s: %s\nhint: %s\n", aks_status_name(status), err->message,
        err->hint);
    return 1;
}

static enum aks_status
read_all(struct aks_rows *rows, const struct aks_rows_query *query, struct aks_error *err)
{
    int64_t count = 0;
    enum aks_status status = aks_rows_read(rows, query, print, NULL, &count, err);

    (void)fprintf(stderr, "reader: %s\nrows: %lld\n", aks_rows_reader(rows), (long long)count);
    if (status == AKS_OK)
        status = aks_rows_count(rows, query, &count, err);
    if (status == AKS_OK)
        (void)fprintf(stderr, "count: %lld\n", (long long)count);
    return status;
}

int
main(int argc, char **argv)
{
    struct aks_error err = { .status = AKS_OK };
    struct aks_rows_options options = { 0 };
    struct aks_rows *rows = NULL;
    struct aks_os *os = NULL;
    enum aks_status status;

    if (argc <= ARGUMENTS || aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK)
        return 2;
    options.port = aks_os_port(os);
    options.kind = strcmp(argv[1], "sqlite") == 0 ? AKS_SOURCE_SQLITE : AKS_SOURCE_DUCKDB;
    options.main = argv[2];
    options.wal = given(argv[3]);
    options.scratch = argv[4];
    options.in_place = strcmp(argv[5], "1") == 0;
    options.timeout_ms = strtoll(argv[6], NULL, 10);
    status = aks_rows_open(&options, &rows, &err);
    if (status == AKS_OK) {
        const struct aks_rows_query query = { .table = argv[7], .at = given(argv[8]),
            .id = argv[9], .columns = (const char *const *)&argv[ARGUMENTS],
            .column_count = (size_t)(argc - ARGUMENTS) };

        status = read_all(rows, &query, &err);
    }
    aks_rows_close(rows);
    aks_os_close(os);
    return told(status, &err);
}
