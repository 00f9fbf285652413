/* The outside of a DuckDB database file: three header pages, then blocks, each with a checksum.
 * Storage versions 64 to 69 (DuckDB 0.10 to 2.0) look alike from here. Little endian:
 *
 *        0  main header: u64 checksum of the rest of the page, "DUCK", u64 storage version, 4 u64
 *           flags (bit 0 of the first: encrypted), 32 bytes library version
 *     4096  database header 1: u64 checksum, iteration, meta block, free list, block count, block
 *     8192  database header 2  size, vector size, serialization version
 *    12288  block 0: u64 checksum, payload; block 1; ...
 *
 * Of the database headers the one with the higher iteration is active. Blocks that it uses are
 * never overwritten, and a checkpoint ends with the other header's page: while headers do not
 * change, the database does not. In an encrypted file the database headers and blocks cannot be
 * read. Source: duckdb/duckdb src/storage/single_file_block_manager.cpp, and files of 0.10 to 2.0.
 */
#ifndef AKS_DATA_DUCKDB_FILE_H
#define AKS_DATA_DUCKDB_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_DUCKDB_PAGE_BYTES 4096
#define AKS_DUCKDB_HEADERS_BYTES (3 * AKS_DUCKDB_PAGE_BYTES)
#define AKS_DUCKDB_BLOCK_BYTES_MIN (16 * 1024)
#define AKS_DUCKDB_BLOCK_BYTES_MAX (16 * 1024 * 1024)  /* DuckDB's own is 256 KiB */

struct aks_duckdb_file {
    uint64_t storage_version;           /* as written in the main header; 999 since 2.0 */
    char library[33];                   /* that made it, "v1.5.6"; harmless text, perhaps "" */
    bool encrypted;                     /* then nothing below is known: 0 */
    unsigned active;                    /* database header 1 or 2 */
    uint64_t iteration;
    int64_t block_count;
    int64_t block_bytes;
    uint64_t free_list;                 /* where it is: data/duckdb_blocks.h; all ones: nowhere */
    int64_t bytes;                      /* headers and blocks as they are counted. The file may be
                                         * longer, and shorter too: free blocks at its end are cut
                                         * off after the header is written (measured: 1.5, 2.0) */
};

/** Does a file that begins so claim to be one? ${len} may be anything. */
bool aks_duckdb_file_is(const void *head, size_t len);
/** Reads the header pages; ${len} bytes of them are there. AKS_CORRUPT with the reason, which says
 * "the headers ..." without the file's name. ${ret_file} is filled on AKS_OK only. */
enum aks_status aks_duckdb_file_parse(const void *head, size_t len,
    struct aks_duckdb_file *ret_file, struct aks_error *err);
/** DuckDB's checksum of ${len} bytes, of which whole words count. */
uint64_t aks_duckdb_file_checksum(const void *data, size_t len);
/** Does a page or block have the checksum that it begins with? ${len} is all of it, at least 8. */
bool aks_duckdb_file_holds(const void *block, size_t len);

#endif
