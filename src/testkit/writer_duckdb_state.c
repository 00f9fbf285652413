/* Reads a main file and a log as DuckDB opens them. */
#include "testkit/writer_duckdb.h"
#include "testkit/writer_internal.h"

#define ENTRIES_MAX 100000

struct copy {
    const uint8_t *main;
    size_t main_len;
    const uint8_t *wal;
    size_t wal_len;
    struct duckdb_header active;
    struct duckdb_table table;
};

static enum aks_status
wrong(struct aks_error *err, const char *why)
{
    return aks_error_set(err, AKS_CORRUPT, "no state of the database: %s", why);
}

static const uint8_t *
block_at(const struct copy *copy, uint64_t id)
{
    uint64_t blocks = (copy->main_len - DUCKDB_HEADER_BYTES) / DUCKDB_BLOCK_BYTES;

    return id < blocks ? copy->main + DUCKDB_HEADER_BYTES + id * DUCKDB_BLOCK_BYTES : NULL;
}

static enum aks_status
read_main(struct copy *copy, struct aks_error *err)
{
    struct duckdb_header headers[2];
    const uint8_t *table;

    if (copy->main_len < DUCKDB_HEADER_BYTES)
        return wrong(err, "the main file ends within its headers");
    if (!aks_duckdb_model_page_holds(copy->main, DUCKDB_PAGE_BYTES))
        return wrong(err, "the checksum of the first page does not hold");
    for (int i = 0; i < 2; i++) {
        if (!aks_duckdb_model_read_header(
                copy->main + DUCKDB_PAGE_BYTES * (size_t)(1 + i), &headers[i]))
            return wrong(err, "the checksum of a header does not hold");
    }
    copy->active = headers[headers[1].iteration > headers[0].iteration];
    if (copy->active.block_count > 0 && block_at(copy, copy->active.block_count - 1) == NULL)
        return wrong(err, "the main file is shorter than its header says");
    if (copy->active.table == DUCKDB_NONE)
        return AKS_OK;
    table = block_at(copy, copy->active.table);
    if (table == NULL || !aks_duckdb_model_read_table(copy->active.table, table, &copy->table))
        return wrong(err, "the header's table is not there");
    return AKS_OK;
}

/* A log that ends with a checkpoint which the main file has is over: nothing of it is applied. */
static bool
is_over(const struct copy *copy)
{
    struct duckdb_entry entry;
    bool good = true;
    bool over = false;
    size_t at = 0;
    size_t bytes;

    for (unsigned i = 0; i < ENTRIES_MAX && good; i++) {
        bytes = aks_duckdb_model_read_entry(copy->wal + at, copy->wal_len - at, &entry, &good);
        if (bytes == 0)
            break;
        at += bytes;
        over = over || (good && entry.kind == DUCKDB_CHECKPOINT &&
            entry.count == copy->active.table && entry.sum == copy->active.iteration);
    }
    return over;
}

static enum aks_status
replay(struct copy *copy, struct aks_error *err)
{
    size_t at = 0;

    if (copy->wal == NULL || is_over(copy))
        return AKS_OK;
    for (unsigned i = 0; i < ENTRIES_MAX; i++) {
        struct duckdb_entry entry;
        bool good;
        size_t bytes = aks_duckdb_model_read_entry(copy->wal + at, copy->wal_len - at, &entry,
            &good);

        if (bytes == 0)
            return AKS_OK;
        if (!good)
            return wrong(err, "an entry of the log has another checksum than it says");
        at += bytes;
        if (entry.kind == DUCKDB_CHECKPOINT)
            continue;
        if (entry.count <= copy->table.count)
            return wrong(err, "the log holds what the main file has already: applied twice");
        if (!aks_duckdb_model_apply(&entry, &copy->table))
            return wrong(err, "the log is not one that follows the main file");
    }
    return wrong(err, "the log has no end");
}

enum aks_status
aks_writer_duckdb_state(const void *main, size_t main_len, const void *wal, size_t wal_len,
    uint64_t *ret_count, struct aks_error *err)
{
    struct copy copy = { .main = main, .main_len = main_len, .wal = wal, .wal_len = wal_len };
    enum aks_status status = read_main(&copy, err);

    if (status == AKS_OK)
        status = replay(&copy, err);
    for (size_t i = 0; status == AKS_OK && i < copy.table.block_count; i++) {
        const uint8_t *bytes = block_at(&copy, copy.table.blocks[i].id);

        if (bytes == NULL)
            status = wrong(err, "a block that the log or the table names is not in the main file");
        else if (!aks_duckdb_model_is_block(&copy.table.blocks[i], bytes))
            status = wrong(err, "a block holds other rows than the state that it belongs to");
    }
    if (status == AKS_OK)
        *ret_count = copy.table.count;
    return status;
}
