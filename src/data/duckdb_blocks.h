/* Do the blocks of a DuckDB database hold? Every block that its header counts begins with a
 * checksum. One that is free need not hold: whoever was writing to it may have been cut off, and
 * DuckDB opens such a file and writes over the block some day. Which are free the free list tells,
 * which is read only if it is needed. It stands in metadata blocks, each of 64 parts:
 *
 *     u64 where it goes on (all ones: nowhere), then words: the number of free blocks, their ids
 *
 * A place is a block's id (56 bits) and the number of a part in it (8 bits). Source: duckdb/duckdb
 * src/storage/single_file_block_manager.cpp (LoadFreeList), src/storage/metadata; files of 1.5.6
 * and 2.0.0. */
#ifndef AKS_DATA_DUCKDB_BLOCKS_H
#define AKS_DATA_DUCKDB_BLOCKS_H

#include "base/alloc.h"
#include "data/duckdb_file.h"

struct aks_duckdb_blocks {
    const struct aks_alloc *alloc;
    const struct aks_duckdb_file *file;     /* not encrypted */
    /* ${len} bytes at ${offset} of the file into ${data}; fewer only where it ends. Its failures
     * are those of the check. */
    enum aks_status (*read)(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
        struct aks_error *err);
    void *ctx;
};

/** Reads every block, as far as the file goes: free ones at its end are cut off. AKS_CORRUPT
 * ("block 7 does not have its checksum", without the file's name) for one that is in use.
 * *ret_unknown: so many do not hold of which nobody can tell whether they are in use, since the
 * free list is none that is known here: they are no failure. Takes two blocks' memory, and a bit
 * for each block. */
enum aks_status aks_duckdb_blocks_check(const struct aks_duckdb_blocks *blocks,
    int64_t *ret_unknown, struct aks_error *err);

#endif
