/* What the files of writers share: writer.c (the door), writer_duckdb.c (the model, act by act),
 * writer_duckdb_file.c (its files as bytes), writer_duckdb_state.c (reads a copy as DuckDB does),
 * writer_sqlite.c (SQLite itself). */
#ifndef AKS_TESTKIT_WRITER_INTERNAL_H
#define AKS_TESTKIT_WRITER_INTERNAL_H

#include "base/rng.h"
#include "testkit/writer.h"

struct writer_duckdb;
struct writer_sqlite;

struct aks_writer {
    struct aks_writer_options options;
    char *path;                         /* owned */
    char *wal_path;                     /* owned */
    struct aks_rng rng;
    uint64_t committed;
    uint64_t waited;
    struct writer_duckdb *duckdb;       /* one of the two */
    struct writer_sqlite *sqlite;
};

/* writer_duckdb.c */

enum aks_status aks_writer_duckdb_new(struct aks_writer *writer, struct aks_error *err);
void aks_writer_duckdb_free(struct aks_writer *writer);
enum aks_status aks_writer_duckdb_act(struct aks_writer *writer, struct aks_error *err);
enum aks_status aks_writer_duckdb_rest(struct aks_writer *writer, struct aks_error *err);
void aks_writer_duckdb_stop(struct aks_writer *writer);

/* writer_duckdb_state.c */

enum aks_status aks_writer_duckdb_state(const void *main, size_t main_len, const void *wal,
    size_t wal_len, uint64_t *ret_count, struct aks_error *err);

/* writer_sqlite.c */

enum aks_status aks_writer_sqlite_new(struct aks_writer *writer, struct aks_error *err);
void aks_writer_sqlite_free(struct aks_writer *writer);
enum aks_status aks_writer_sqlite_act(struct aks_writer *writer, struct aks_error *err);
enum aks_status aks_writer_sqlite_rest(struct aks_writer *writer, struct aks_error *err);
void aks_writer_sqlite_stop(struct aks_writer *writer);
enum aks_status aks_writer_sqlite_state(const struct aks_alloc *alloc, const void *main,
    size_t main_len, const void *wal, size_t wal_len, uint64_t *ret_count, struct aks_error *err);

#endif
