/* Headers and blocks of a DuckDB file, as they come and with their checksums made right. */
#include "base/check.h"
#include "data/duckdb_blocks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define BLOCKS 3
#define BLOCK AKS_DUCKDB_BLOCK_BYTES_MIN

struct bytes {
    const uint8_t *data;
    size_t len;
};

static enum aks_status
read_bytes(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct bytes *bytes = ctx;
    size_t left = (uint64_t)offset < bytes->len ? bytes->len - (size_t)offset : 0;

    AKS_CHECK(offset >= 0);
    *ret_len = left < len ? left : len;
    if (*ret_len > 0)
        memcpy(data, bytes->data + offset, *ret_len);
    return AKS_OK;
}

static void
check(const struct aks_duckdb_file *file, const uint8_t *data, size_t len)
{
    struct bytes bytes = { data, len };
    struct aks_duckdb_blocks blocks = { aks_alloc_system(), file, read_bytes, &bytes };
    int64_t unknown;
    enum aks_status status = aks_duckdb_blocks_check(&blocks, &unknown, NULL);

    AKS_CHECK(status == AKS_OK || status == AKS_CORRUPT);
    AKS_CHECK(unknown >= 0 && unknown <= file->block_count);
}

static void
look(const uint8_t *data, size_t len)
{
    struct aks_duckdb_file file;
    struct aks_error err;
    enum aks_status status;

    aks_error_clear(&err);
    status = aks_duckdb_file_parse(data, len, &file, &err);
    AKS_CHECK(status == AKS_OK || status == AKS_CORRUPT);
    AKS_CHECK(status == err.status);
    if (status != AKS_OK)
        return;
    AKS_CHECK(aks_duckdb_file_is(data, len));
    AKS_CHECK(strlen(file.library) < sizeof(file.library));
    AKS_CHECK(file.encrypted == (file.active == 0));
    if (file.encrypted)
        return;
    AKS_CHECK(file.block_bytes >= AKS_DUCKDB_BLOCK_BYTES_MIN);
    AKS_CHECK(file.block_count >= 0);
    AKS_CHECK(file.bytes >= AKS_DUCKDB_HEADERS_BYTES);
    AKS_CHECK((file.bytes - AKS_DUCKDB_HEADERS_BYTES) / file.block_bytes == file.block_count);
    check(&file, data, len);
}

static void
seal(uint8_t *page, size_t len)
{
    uint64_t sum = aks_duckdb_file_checksum(page + 8, len - 8);

    for (int i = 0; i < 8; i++)
        page[i] = (uint8_t)(sum >> (8 * i));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t pages[AKS_DUCKDB_HEADERS_BYTES + BLOCKS * BLOCK];

    look(data, len);
    memset(pages, 0, sizeof(pages));
    memcpy(pages, data, len < sizeof(pages) ? len : sizeof(pages));
    memcpy(pages + 8, "DUCK", 4);
    for (size_t page = 0; page < 3; page++) {
        uint8_t *at = pages + page * AKS_DUCKDB_PAGE_BYTES;
        seal(at, AKS_DUCKDB_PAGE_BYTES);
    }
    for (size_t i = 0; i < BLOCKS && len > 0; i++) {
        if ((data[0] >> i & 1) == 0)
            seal(pages + AKS_DUCKDB_HEADERS_BYTES + i * BLOCK, BLOCK);
    }
    look(pages, sizeof(pages));
    return 0;
}
