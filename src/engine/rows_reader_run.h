/* How each kind of reader is started. */
#ifndef AKS_ENGINE_ROWS_READER_RUN_H
#define AKS_ENGINE_ROWS_READER_RUN_H

#include "engine/rows_readers.h"

/* Each statement may have as much; DuckDB itself keeps below AKS_ROWS_READER_BUFFERS and puts the
 * rest into files. Measured: 42 MB of database, 16,343 rows sorted: 234 MiB with the command, 282
 * with Python, whose address space alone is over 1 GiB. So what is limited is what it may write to
 * (RLIMIT_DATA). */
#define AKS_ROWS_READER_MEMORY (INT64_C(1024) * 1024 * 1024)
#define AKS_ROWS_READER_BUFFERS "256MB"

/** Its version on the first line of ${output}; of Python on the next one the folder that the module
 * is imported from. As aks_process.run. */
enum aks_status aks_rows_reader_ask(const struct aks_port *port,
    const struct aks_rows_reader *reader, struct aks_process_spec *spec, struct aks_buf *output,
    int *ret_exit, struct aks_error *err);

#endif
