#include "testkit/writer.h"

#include "base/check.h"
#include "testkit/writer_internal.h"

#include <string.h>

char *
aks_writer_wal_path(const struct aks_alloc *alloc, enum aks_writer_kind kind, const char *path)
{
    return aks_mem_printf(alloc, "%s%s", path, kind == AKS_WRITER_DUCKDB ? ".wal" : "-wal");
}

enum aks_status
aks_writer_new(const struct aks_writer_options *options, struct aks_writer **ret_writer,
    struct aks_error *err)
{
    struct aks_writer *writer = aks_mem_new(options->alloc, sizeof(*writer));
    enum aks_status status;

    AKS_CHECK(options->path[0] == '/');
    if (writer == NULL)
        return aks_error_memory(err, "making a writer");
    writer->options = *options;
    aks_rng_init(&writer->rng, options->seed);
    writer->path = aks_mem_strdup(options->alloc, options->path);
    writer->wal_path = aks_writer_wal_path(options->alloc, options->kind, options->path);
    if (writer->path == NULL || writer->wal_path == NULL)
        status = aks_error_memory(err, "making a writer");
    else if (options->kind == AKS_WRITER_DUCKDB)
        status = aks_writer_duckdb_new(writer, err);
    else
        status = aks_writer_sqlite_new(writer, err);
    if (status != AKS_OK) {
        aks_writer_free(writer);
        return status;
    }
    *ret_writer = writer;
    return AKS_OK;
}

void
aks_writer_free(struct aks_writer *writer)
{
    if (writer == NULL)
        return;
    aks_writer_duckdb_free(writer);
    aks_writer_sqlite_free(writer);
    aks_mem_free(writer->options.alloc, writer->path);
    aks_mem_free(writer->options.alloc, writer->wal_path);
    aks_mem_free(writer->options.alloc, writer);
}

enum aks_status
aks_writer_act(struct aks_writer *writer, struct aks_error *err)
{
    if (writer->committed >= AKS_WRITER_TRANSACTIONS_MAX)
        return aks_writer_rest(writer, err);
    return writer->duckdb != NULL ? aks_writer_duckdb_act(writer, err)
        : aks_writer_sqlite_act(writer, err);
}

enum aks_status
aks_writer_rest(struct aks_writer *writer, struct aks_error *err)
{
    return writer->duckdb != NULL ? aks_writer_duckdb_rest(writer, err)
        : aks_writer_sqlite_rest(writer, err);
}

void
aks_writer_stop(struct aks_writer *writer)
{
    if (writer->duckdb != NULL)
        aks_writer_duckdb_stop(writer);
    else
        aks_writer_sqlite_stop(writer);
}

uint64_t
aks_writer_committed(const struct aks_writer *writer)
{
    return writer->committed;
}

uint64_t
aks_writer_waited(const struct aks_writer *writer)
{
    return writer->waited;
}

const char *
aks_writer_path(const struct aks_writer *writer)
{
    return writer->path;
}

enum aks_writer_kind
aks_writer_kind(const struct aks_writer *writer)
{
    return writer->options.kind;
}

enum aks_status
aks_writer_state(const struct aks_alloc *alloc, enum aks_writer_kind kind, const void *main,
    size_t main_len, const void *wal, size_t wal_len, uint64_t *ret_count, struct aks_error *err)
{
    *ret_count = 0;
    if (kind == AKS_WRITER_DUCKDB)
        return aks_writer_duckdb_state(main, main_len, wal, wal_len, ret_count, err);
    return aks_writer_sqlite_state(alloc, main, main_len, wal, wal_len, ret_count, err);
}
