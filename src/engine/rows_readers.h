/* What of DuckDB there is on this machine: the command, Python's module, the library. Each is asked
 * for its version; which of them can read a file is known only by trying it. docs/readers.md. */
#ifndef AKS_ENGINE_ROWS_READERS_H
#define AKS_ENGINE_ROWS_READERS_H

#include "base/error.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_ROWS_READERS_MAX 8
#define AKS_ROWS_VERSION_BYTES 32
#define AKS_ROWS_TOLD_BYTES 512
/* Names the one that is to be asked, or "none". */
#define AKS_ROWS_READER_VARIABLE "AKOSHA_DUCKDB"

enum aks_rows_reader_kind { AKS_ROWS_COMMAND, AKS_ROWS_LIBRARY, AKS_ROWS_PYTHON };

struct aks_rows_reader {
    enum aks_rows_reader_kind kind;
    char *path;                         /* of the command, Python, or library */
    char *module;                       /* of Python: the folder that it is imported from; else
                                         * NULL */
    char version[AKS_ROWS_VERSION_BYTES];       /* "1.5.6" */
    int64_t order;                      /* greater is newer */
    bool reads_2;                       /* new enough for files that DuckDB 2.0 made */
};

struct aks_rows_readers {
    const struct aks_alloc *alloc;
    struct aks_rows_reader list[AKS_ROWS_READERS_MAX];  /* the newest first */
    size_t count;
    bool off;                           /* the variable says "none" */
    bool chosen;                        /* the variable names one */
    char told[AKS_ROWS_TOLD_BYTES];     /* of those that could not say their version: why; or "" */
};

/** "command", "library", "python". */
const char *aks_rows_reader_kind_name(enum aks_rows_reader_kind kind);

/** Starts each that is found, for a moment: for work. Finding none is no failure. AKS_CANCELLED,
 * AKS_LIMIT (no memory). ${ret_readers} is to be given to fini either way. */
enum aks_status aks_rows_readers_find(const struct aks_port *port, bool (*stopped)(void *ctx),
    void *ctx, struct aks_rows_readers *ret_readers, struct aks_error *err);
void aks_rows_readers_fini(struct aks_rows_readers *readers);

/** Runs ${sql} (several statements are fine) on the database ${main}, which is only read. What it
 * writes goes where ${spec} says; its arguments and environment are filled in here. ${folder} is a
 * private, existing one: its home. As aks_process.run. */
enum aks_status aks_rows_reader_run(const struct aks_port *port,
    const struct aks_rows_reader *reader, const char *folder, const char *main, const char *sql,
    struct aks_process_spec *spec, int *ret_exit, struct aks_error *err);

/** What to do where there is none, or none is new enough. */
void aks_rows_readers_hint(const struct aks_rows_readers *readers, bool newer,
    struct aks_error *err);

#endif
