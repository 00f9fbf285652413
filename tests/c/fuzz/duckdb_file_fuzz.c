/* Header pages of a DuckDB file, as they come and with their checksums made right. */
#include "base/check.h"
#include "data/duckdb_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t pages[AKS_DUCKDB_HEADERS_BYTES] = { 0 };

    look(data, len);
    memcpy(pages, data, len < sizeof(pages) ? len : sizeof(pages));
    memcpy(pages + 8, "DUCK", 4);
    for (size_t page = 0; page < 3; page++) {
        uint8_t *at = pages + page * AKS_DUCKDB_PAGE_BYTES;
        uint64_t sum = aks_duckdb_file_checksum(at + 8, AKS_DUCKDB_PAGE_BYTES - 8);

        for (int i = 0; i < 8; i++)
            at[i] = (uint8_t)(sum >> (8 * i));
    }
    look(pages, sizeof(pages));
    return 0;
}
