#include "engine/verify_read.h"

#include "base/encode.h"
#include "engine/snapshot_internal.h"

#include <stdio.h>
#include <string.h>

#define RANDOM_BYTES 8
/* Who verifies waits for it. */
#define READ_MS INT64_C(30000)

static bool
interrupted(void *ctx)
{
    const struct aks_engine *engine = ctx;

    return atomic_load(&engine->interrupted) != 0;
}

static void
make_folder(struct aks_verify_read *read)
{
    const struct aks_port *port = read->engine->port;
    const struct aks_files *files = &port->files;
    unsigned char bytes[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];

    if (port->entropy.fill(port->entropy.ctx, bytes, sizeof(bytes), NULL) != AKS_OK)
        return;
    aks_hex_encode(bytes, sizeof(bytes), hex);
    read->folder = aks_mem_printf(port->alloc, "%s/rows-%s", read->engine->snapshot_folder, hex);
    if (read->folder == NULL ||
        (aks_snapshot_place_folder(files, read->engine->snapshot_folder, NULL) == AKS_OK &&
        files->make_folder(files->ctx, read->folder, NULL) == AKS_OK))
        return;
    aks_mem_free(port->alloc, read->folder);
    read->folder = NULL;
}

void
aks_verify_read_begin(const struct aks_engine *engine, struct aks_verify_read *ret_read)
{
    memset(ret_read, 0, sizeof(*ret_read));
    ret_read->engine = engine;
    if (aks_rows_readers_find(engine->port, interrupted, (void *)(uintptr_t)engine,
        &ret_read->readers, NULL) == AKS_OK && ret_read->readers.count > 0)
        make_folder(ret_read);
}

void
aks_verify_read_end(struct aks_verify_read *read)
{
    const struct aks_port *port;

    if (read->engine == NULL)
        return;
    port = read->engine->port;
    port->files.close(read->file);
    if (read->folder != NULL)
        (void)aks_snapshot_place_remove(&port->files, port->alloc, read->folder, NULL);
    aks_mem_free(port->alloc, read->folder);
    aks_rows_readers_fini(&read->readers);
    memset(read, 0, sizeof(*read));
}

/* --- objects ---------------------------------------------------------------------------------- */

static bool
plain_duckdb(const struct aks_manifest_object *object)
{
    return object->encryption == AKS_ENCRYPTION_NONE && strcmp(object->kind, "duckdb") == 0;
}

bool
aks_verify_read_wanted(const struct aks_manifest *manifest, size_t index)
{
    return plain_duckdb(&manifest->objects[index]) && manifest->objects[index].bytes > 0 &&
        strcmp(manifest->objects[index].role, "main") == 0;
}

/* A log beside its database, under the name that DuckDB looks for. */
static bool
path_of(const struct aks_verify_read *read, const struct aks_manifest *manifest, size_t index,
    char ret_path[AKS_PATH_BYTES])
{
    const struct aks_manifest_object *object = &manifest->objects[index];
    bool wal = strcmp(object->role, "wal") == 0;
    size_t main = 0;

    if (read->folder == NULL || !plain_duckdb(object))
        return false;
    while (main < manifest->object_count && !(strcmp(manifest->objects[main].role, "main") == 0 &&
        strcmp(manifest->objects[main].source_name, object->source_name) == 0))
        main++;
    return main < manifest->object_count && snprintf(ret_path, AKS_PATH_BYTES, "%s/%zu%s",
        read->folder, main, wal ? ".wal" : "") < AKS_PATH_BYTES;
}

void
aks_verify_read_object(struct aks_verify_read *read, const struct aks_manifest *manifest,
    size_t index)
{
    const struct aks_files *files = &read->engine->port->files;
    char path[AKS_PATH_BYTES];

    files->close(read->file);
    read->file = NULL;
    read->failed = !path_of(read, manifest, index, path) || files->open(files->ctx, path,
        AKS_FILE_REPLACE, &read->file, NULL) != AKS_OK;
}

void
aks_verify_read_bytes(struct aks_verify_read *read, int64_t offset, const void *data, size_t len)
{
    if (!read->failed)
        read->failed = read->engine->port->files.write(read->file, offset, data, len, NULL) !=
            AKS_OK;
}

void
aks_verify_read_close(struct aks_verify_read *read, const struct aks_manifest *manifest,
    size_t index, bool whole)
{
    const struct aks_files *files = &read->engine->port->files;
    char path[AKS_PATH_BYTES];

    files->close(read->file);
    read->file = NULL;
    if ((read->failed || !whole) && path_of(read, manifest, index, path))
        (void)files->unlink(files->ctx, path, NULL);
}

/* --- databases -------------------------------------------------------------------------------- */

static bool
there(const struct aks_files *files, const char *path)
{
    struct aks_file_info info;

    return files->stat(files->ctx, path, false, &info, NULL) == AKS_OK;
}

/* *ret_wal: there is a log that belongs to it. False: one of the two did not come whole. */
static bool
whole(const struct aks_verify_read *read, const struct aks_manifest *manifest, size_t index,
    char main[AKS_PATH_BYTES], char wal[AKS_PATH_BYTES], bool *ret_wal)
{
    const struct aks_files *files = &read->engine->port->files;

    *ret_wal = false;
    for (size_t i = 0; i < manifest->object_count && !*ret_wal; i++)
        *ret_wal = strcmp(manifest->objects[i].role, "wal") == 0 && strcmp(
            manifest->objects[i].source_name, manifest->objects[index].source_name) == 0;
    return path_of(read, manifest, index, main) && there(files, main) &&
        snprintf(wal, AKS_PATH_BYTES, "%s.wal", main) < AKS_PATH_BYTES &&
        there(files, wal) == *ret_wal;
}

enum aks_status
aks_verify_read_database(struct aks_verify_read *read, const struct aks_manifest *manifest,
    size_t index, struct aks_verify_read_verdict *ret_verdict, struct aks_error *err)
{
    const struct aks_engine *engine = read->engine;
    struct aks_rows_options options = { .port = engine->port, .kind = AKS_SOURCE_DUCKDB,
        .scratch = engine->snapshot_folder, .timeout_ms = READ_MS, .stopped = interrupted,
        .ctx = (void *)(uintptr_t)engine };
    struct aks_rows *rows = NULL;
    char main[AKS_PATH_BYTES];
    char wal[AKS_PATH_BYTES];
    struct aks_error why;
    enum aks_status status;
    bool has_wal;

    memset(ret_verdict, 0, sizeof(*ret_verdict));
    if (read->folder == NULL || !whole(read, manifest, index, main, wal, &has_wal)) {
        (void)snprintf(ret_verdict->unread, sizeof(ret_verdict->unread), "%s",
            read->readers.count == 0 ? "there is no DuckDB on this machine to open it"
            : "there was no room, or no way, for a copy to be opened");
        return AKS_OK;
    }
    options.main = main;
    options.wal = has_wal ? wal : NULL;
    status = aks_rows_open(&options, &rows, &why);
    if (status == AKS_OK)
        (void)snprintf(ret_verdict->read_by, sizeof(ret_verdict->read_by), "%s",
            aks_rows_reader(rows));
    aks_rows_close(rows);
    if (status == AKS_CANCELLED)
        return aks_error_set(err, AKS_CANCELLED, "interrupted");
    if (status == AKS_CORRUPT)
        return aks_error_set(err, AKS_CORRUPT, "%s is byte for byte what was stored, but: %s",
            manifest->objects[index].key, why.message);
    if (status != AKS_OK)
        (void)snprintf(ret_verdict->unread, sizeof(ret_verdict->unread), "%s", why.message);
    return AKS_OK;
}
