/* Where the files lie that an engine opens. It finds a log by the name of the main file, and may
 * make files beside: so both lie in a folder of ours, under names that belong together. */
#include "engine/rows_internal.h"

#include "base/encode.h"
#include "engine/snapshot_internal.h"
#include "engine/source.h"

#include <string.h>

#define RANDOM_BYTES 8
#define CHUNK_BYTES ((size_t)256 * 1024)

static enum aks_status
copy_bytes(const struct aks_rows *rows, struct aks_file *from, struct aks_file *to,
    struct aks_error *err)
{
    const struct aks_files *files = &rows->port->files;
    enum aks_status status = AKS_OK;
    int64_t offset = 0;
    size_t got = 1;
    char *chunk;

    if (files->clone(from, to))
        return AKS_OK;
    chunk = aks_mem_new(rows->alloc, CHUNK_BYTES);
    if (chunk == NULL)
        return aks_error_memory(err, "copying a database");
    while (status == AKS_OK && got > 0) {
        status = files->read(from, offset, chunk, CHUNK_BYTES, &got, err);
        if (status == AKS_OK && got > 0)
            status = files->write(to, offset, chunk, got, err);
        if (status == AKS_OK)
            status = aks_rows_check(rows, err);
        offset += (int64_t)got;
    }
    aks_mem_free(rows->alloc, chunk);
    return status;
}

/* A file that changed meanwhile is no copy of anything. */
static enum aks_status
copy(const struct aks_rows *rows, const char *path, const char *to_path, struct aks_error *err)
{
    const struct aks_files *files = &rows->port->files;
    struct aks_file *from = NULL;
    struct aks_file *to = NULL;
    struct aks_file_info before;
    struct aks_file_info after;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_READ, &from, err);

    if (status == AKS_OK)
        status = files->info(from, &before, err);
    if (status == AKS_OK)
        status = files->open(files->ctx, to_path, AKS_FILE_REPLACE, &to, err);
    if (status == AKS_OK)
        status = copy_bytes(rows, from, to, err);
    if (status == AKS_OK)
        status = files->stat(files->ctx, path, true, &after, err);
    if (status == AKS_OK && !aks_source_same(&before, &after))
        status = aks_error_set(err, AKS_SOURCE_CHANGED, "%s changed while it was copied", path);
    files->close(to);
    files->close(from);
    return status;
}

static enum aks_status
random_name(const struct aks_rows *rows, char ret_hex[2 * RANDOM_BYTES + 1], struct aks_error *err)
{
    const struct aks_entropy *entropy = &rows->port->entropy;
    unsigned char bytes[RANDOM_BYTES];
    enum aks_status status = entropy->fill(entropy->ctx, bytes, sizeof(bytes), err);

    aks_hex_encode(bytes, sizeof(bytes), ret_hex);
    return status;
}

static enum aks_status
make_folder(const struct aks_rows_options *options, struct aks_rows *rows, struct aks_error *err)
{
    const struct aks_files *files = &rows->port->files;
    char hex[2 * RANDOM_BYTES + 1];
    enum aks_status status = random_name(rows, hex, err);
    char *path;

    if (status != AKS_OK)
        return status;
    path = aks_mem_printf(rows->alloc, "%s/rows-%s", options->scratch, hex);
    if (path == NULL)
        return aks_error_memory(err, "making a folder for rows");
    status = aks_snapshot_place_folder(files, options->scratch, err);
    if (status == AKS_OK)
        status = files->make_folder(files->ctx, path, err);
    if (status == AKS_OK)
        rows->folder = path;
    else
        aks_mem_free(rows->alloc, path);
    return status;
}

/* The log first: of a database that grows meanwhile that is the moment that holds. */
static enum aks_status
copy_both(const struct aks_rows_options *options, struct aks_rows *rows, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    char *wal;

    rows->main = aks_mem_printf(rows->alloc, "%s/main", rows->folder);
    wal = rows->main == NULL ? NULL : aks_mem_printf(rows->alloc, "%s%s", rows->main,
        aks_source_wal_suffix(rows->kind));
    if (wal == NULL)
        status = aks_error_memory(err, "copying a database");
    if (status == AKS_OK && rows->wal)
        status = copy(rows, options->wal, wal, err);
    if (status == AKS_OK)
        status = copy(rows, options->main, rows->main, err);
    aks_mem_free(rows->alloc, wal);
    return status;
}

/* A copy of the log under the name that an engine looks for. It is the same whoever makes it, and
 * goes with the snapshot's folder. */
static enum aks_status
log_beside(const struct aks_rows *rows, const char *wal, const char *wanted, struct aks_error *err)
{
    const struct aks_files *files = &rows->port->files;
    char hex[2 * RANDOM_BYTES + 1];
    enum aks_status status = random_name(rows, hex, err);
    char *path;

    if (status != AKS_OK)
        return status;
    path = aks_mem_printf(rows->alloc, "%s-%s", wanted, hex);
    if (path == NULL)
        return aks_error_memory(err, "copying a log");
    status = copy(rows, wal, path, err);
    if (status == AKS_OK)
        status = files->rename(files->ctx, path, wanted, err);
    if (status != AKS_OK)
        (void)files->unlink(files->ctx, path, NULL);
    aks_mem_free(rows->alloc, path);
    return status;
}

enum aks_status
aks_rows_place(const struct aks_rows_options *options, struct aks_rows *rows, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    char *wanted;

    rows->wal = options->wal != NULL;
    /* A DuckDB spills there, and has it as its home. */
    if (options->in_place || rows->kind == AKS_SOURCE_DUCKDB)
        status = make_folder(options, rows, err);
    if (status != AKS_OK)
        return status;
    if (options->in_place)
        return copy_both(options, rows, err);
    rows->main = aks_mem_strdup(rows->alloc, options->main);
    wanted = aks_mem_printf(rows->alloc, "%s%s", options->main, aks_source_wal_suffix(rows->kind));
    if (rows->main == NULL || wanted == NULL)
        status = aks_error_memory(err, "opening a database");
    else if (rows->wal && strcmp(wanted, options->wal) != 0)
        status = log_beside(rows, options->wal, wanted, err);
    aks_mem_free(rows->alloc, wanted);
    return status;
}

void
aks_rows_place_remove(struct aks_rows *rows)
{
    if (rows->folder != NULL)
        (void)aks_snapshot_place_remove(&rows->port->files, rows->alloc, rows->folder, NULL);
    aks_mem_free(rows->alloc, rows->folder);
    rows->folder = NULL;
}
