/* The files of the DuckDB model as bytes. Layout of pages, checksums and file names as measured on
 * files of DuckDB 1.5.6; what stands in blocks and in entries of the log is the model's own. The
 * checksum is written down a second time here on purpose: the engine's is held against it.
 *
 *   block     u64 checksum, kind, id, tag, then filler out of (id, tag)
 *   table     a block of kind TABLE: count, n, sum, then n times (id, tag); in its second half the
 *             list of free blocks, as DuckDB has it
 *   log       entries: u64 bytes, checksum, kind, count, adds, drops, sum, (id, tag)...
 *
 * count says how many transactions a state holds, sum is of the blocks that it consists of. */
#ifndef AKS_TESTKIT_WRITER_DUCKDB_H
#define AKS_TESTKIT_WRITER_DUCKDB_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUCKDB_PAGE_BYTES 4096
#define DUCKDB_HEADER_BYTES 12288
#define DUCKDB_BLOCK_BYTES 16384        /* the smallest that there is */
#define DUCKDB_BLOCKS_MAX 64            /* of one state */
#define DUCKDB_NONE UINT64_MAX

enum duckdb_block_kind { DUCKDB_DATA = 0x41544144, DUCKDB_TABLE = 0x4c424154 };
enum duckdb_entry_kind { DUCKDB_COMMIT = 1, DUCKDB_CHECKPOINT = 2 };

struct duckdb_block {
    uint64_t id;
    uint64_t tag;                       /* the transaction or checkpoint that wrote it */
};

/* A committed state. */
struct duckdb_table {
    uint64_t count;
    size_t block_count;
    struct duckdb_block blocks[DUCKDB_BLOCKS_MAX];
};

/* A database header. */
struct duckdb_header {
    uint64_t iteration;
    uint64_t table;                     /* the block with the table; DUCKDB_NONE: empty */
    uint64_t block_count;
};

struct duckdb_entry {
    enum duckdb_entry_kind kind;
    uint64_t count;                     /* a checkpoint: its table's block */
    size_t adds;
    size_t drops;
    uint64_t sum;                       /* afterwards; a checkpoint: its iteration */
    struct duckdb_block blocks[DUCKDB_BLOCKS_MAX];      /* added, then dropped */
};

uint64_t aks_duckdb_model_sum(const struct duckdb_table *table);
/** Adds and drops what ${entry} says; false if that cannot be. */
bool aks_duckdb_model_apply(const struct duckdb_entry *entry, struct duckdb_table *table);

void aks_duckdb_model_main_page(uint8_t ret_page[DUCKDB_PAGE_BYTES]);
void aks_duckdb_model_header_page(const struct duckdb_header *header,
    uint8_t ret_page[DUCKDB_PAGE_BYTES]);
void aks_duckdb_model_block(const struct duckdb_block *block,
    uint8_t ret_bytes[DUCKDB_BLOCK_BYTES]);
/** Of ${block_count} blocks in all those that it does not use are free. */
void aks_duckdb_model_table(uint64_t id, const struct duckdb_table *table, uint64_t block_count,
    uint8_t ret_bytes[DUCKDB_BLOCK_BYTES]);
/** Appends. ${padding} bytes of rows go with it. */
void aks_duckdb_model_entry(const struct duckdb_entry *entry, size_t padding, struct aks_buf *out);

bool aks_duckdb_model_page_holds(const uint8_t *page, size_t len);
bool aks_duckdb_model_read_header(const uint8_t page[DUCKDB_PAGE_BYTES],
    struct duckdb_header *ret_header);
bool aks_duckdb_model_is_block(const struct duckdb_block *block,
    const uint8_t bytes[DUCKDB_BLOCK_BYTES]);
bool aks_duckdb_model_read_table(uint64_t id, const uint8_t bytes[DUCKDB_BLOCK_BYTES],
    struct duckdb_table *ret_table);
/** How many bytes the entry at ${data} has; 0: it is not whole. *ret_good: its checksum holds. */
size_t aks_duckdb_model_read_entry(const uint8_t *data, size_t len, struct duckdb_entry *ret_entry,
    bool *ret_good);

#endif
