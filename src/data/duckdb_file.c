#include "data/duckdb_file.h"

#include "base/check.h"

#include <endian.h>
#include <string.h>

#define MAGIC_AT 8
#define VERSION_AT 12
#define FLAGS_AT 20
#define LIBRARY_AT 52
#define ITERATION_AT 8
#define FREE_LIST_AT 24
#define BLOCK_COUNT_AT 32
#define BLOCK_BYTES_AT 40
#define ENCRYPTED_FLAG 1u
#define CHECKSUM_SEED UINT64_C(5381)
#define CHECKSUM_FACTOR UINT64_C(0xbf58476d1ce4e5b9)

static uint64_t
word(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

bool
aks_duckdb_file_is(const void *head, size_t len)
{
    return len >= MAGIC_AT + 4 && memcmp((const uint8_t *)head + MAGIC_AT, "DUCK", 4) == 0;
}

uint64_t
aks_duckdb_file_checksum(const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t sum = CHECKSUM_SEED;

    for (size_t i = 0; i + 8 <= len; i += 8)
        sum ^= word(at + i) * CHECKSUM_FACTOR;
    return sum;
}

bool
aks_duckdb_file_holds(const void *block, size_t len)
{
    const uint8_t *at = block;

    AKS_CHECK(len >= 8);
    return word(at) == aks_duckdb_file_checksum(at + 8, len - 8);
}

static void
copy_library(const uint8_t *from, char ret[33])
{
    size_t i = 0;

    while (i < 32 && from[i] > ' ' && from[i] < 127) {
        ret[i] = (char)from[i];
        i++;
    }
    ret[i] = '\0';
}

/* Geometry by which nobody can be led to read or ask for more than there is. */
static enum aks_status
read_active(const uint8_t *page, struct aks_duckdb_file *file, struct aks_error *err)
{
    uint64_t count = word(page + BLOCK_COUNT_AT);
    uint64_t bytes = word(page + BLOCK_BYTES_AT);

    if (bytes < AKS_DUCKDB_BLOCK_BYTES_MIN || bytes > AKS_DUCKDB_BLOCK_BYTES_MAX ||
        (bytes & (bytes - 1)) != 0)
        return aks_error_set(err, AKS_CORRUPT, "the headers tell an impossible size of blocks");
    if (count > ((uint64_t)INT64_MAX - AKS_DUCKDB_HEADERS_BYTES) / bytes)
        return aks_error_set(err, AKS_CORRUPT, "the headers tell an impossible number of blocks");
    file->iteration = word(page + ITERATION_AT);
    file->block_count = (int64_t)count;
    file->block_bytes = (int64_t)bytes;
    file->free_list = word(page + FREE_LIST_AT);
    file->bytes = AKS_DUCKDB_HEADERS_BYTES + file->block_count * file->block_bytes;
    return AKS_OK;
}

enum aks_status
aks_duckdb_file_parse(const void *head, size_t len, struct aks_duckdb_file *ret_file,
    struct aks_error *err)
{
    const uint8_t *page = head;
    struct aks_duckdb_file file = { 0 };
    enum aks_status status;

    if (!aks_duckdb_file_is(head, len))
        return aks_error_set(err, AKS_CORRUPT, "the headers are not those of a DuckDB database");
    if (len < AKS_DUCKDB_HEADERS_BYTES)
        return aks_error_set(err, AKS_CORRUPT, "the headers are cut off");
    if (!aks_duckdb_file_holds(page, AKS_DUCKDB_PAGE_BYTES))
        return aks_error_set(err, AKS_CORRUPT, "the headers do not have their checksum (page 0)");
    file.storage_version = word(page + VERSION_AT);
    copy_library(page + LIBRARY_AT, file.library);
    file.encrypted = (word(page + FLAGS_AT) & ENCRYPTED_FLAG) != 0;
    if (file.encrypted) {
        *ret_file = file;
        return AKS_OK;
    }
    for (unsigned i = 1; i <= 2; i++) {
        if (!aks_duckdb_file_holds(page + (size_t)i * AKS_DUCKDB_PAGE_BYTES, AKS_DUCKDB_PAGE_BYTES))
            return aks_error_set(err, AKS_CORRUPT,
                "the headers do not have their checksum (page %u)", i);
    }
    file.active = word(page + 2 * AKS_DUCKDB_PAGE_BYTES + ITERATION_AT) >
        word(page + AKS_DUCKDB_PAGE_BYTES + ITERATION_AT) ? 2 : 1;
    status = read_active(page + (size_t)file.active * AKS_DUCKDB_PAGE_BYTES, &file, err);
    if (status == AKS_OK)
        *ret_file = file;
    return status;
}
