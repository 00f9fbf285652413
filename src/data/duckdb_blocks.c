#include "data/duckdb_blocks.h"

#include <endian.h>
#include <string.h>

#define PARTS 64                        /* of a metadata block */
#define NOWHERE UINT64_MAX
#define ID_BITS 56
/* Of more blocks no list is kept: 16 TiB of DuckDB's own size. */
#define BLOCKS_MAX ((int64_t)1 << 26)

enum known { NOT_ASKED, KNOWN, UNKNOWN };

struct check {
    const struct aks_duckdb_blocks *blocks;
    uint8_t *block;
    uint8_t *list;                      /* a block of the free list */
    uint8_t *free;                      /* a bit for each block */
    enum known known;
    int64_t unknown;
};

static uint64_t
word(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static size_t
block_bytes(const struct check *check)
{
    return (size_t)check->blocks->file->block_bytes;
}

static enum aks_status
read_block(const struct check *check, int64_t id, uint8_t *block, size_t *ret_len,
    struct aks_error *err)
{
    return check->blocks->read(check->blocks->ctx,
        AKS_DUCKDB_HEADERS_BYTES + id * check->blocks->file->block_bytes, block,
        block_bytes(check), ret_len, err);
}

static bool
holds(const struct check *check, const uint8_t *block, size_t len)
{
    return len == block_bytes(check) && aks_duckdb_file_holds(block, len);
}

/* The free list as it is read on: part after part, word after word. */
struct list {
    uint64_t place;                     /* where it goes on */
    size_t at;                          /* the next word of this part, in bytes of check->list */
    size_t end;
    uint64_t parts;                     /* so many were read */
};

static enum aks_status
damaged(uint64_t id, struct aks_error *err)
{
    return aks_error_set(err, AKS_CORRUPT, "block %llu does not have its checksum",
        (unsigned long long)id);
}

/* The next part; false if it is none that is known, or with a failure. */
static bool
next_part(const struct check *check, struct list *list, enum aks_status *status,
    struct aks_error *err)
{
    const struct aks_duckdb_file *file = check->blocks->file;
    uint64_t id = list->place & ((UINT64_C(1) << ID_BITS) - 1);
    size_t part_bytes = (block_bytes(check) - 8) / PARTS / 8 * 8;
    size_t begin = 8 + (size_t)(list->place >> ID_BITS) * part_bytes;
    size_t len = 0;

    /* More parts than there are would be a list that leads back into itself. */
    if (list->place == NOWHERE || id >= (uint64_t)file->block_count ||
        begin + part_bytes > block_bytes(check) ||
        list->parts++ >= (uint64_t)file->block_count * PARTS)
        return false;
    *status = read_block(check, (int64_t)id, check->list, &len, err);
    if (*status == AKS_OK && !holds(check, check->list, len))
        *status = damaged(id, err);
    if (*status != AKS_OK)
        return false;
    list->place = word(check->list + begin);
    list->at = begin + 8;
    list->end = begin + part_bytes;
    return true;
}

static bool
next_word(const struct check *check, struct list *list, uint64_t *ret, enum aks_status *status,
    struct aks_error *err)
{
    if (list->at == list->end && !next_part(check, list, status, err))
        return false;
    *ret = word(check->list + list->at);
    list->at += 8;
    return true;
}

/* Fills check->free and check->known. A failure is one of reading, or of the list's own blocks. */
static enum aks_status
load_free(struct check *check, struct aks_error *err)
{
    const struct aks_duckdb_file *file = check->blocks->file;
    struct list list = { .place = file->free_list };
    enum aks_status status = AKS_OK;
    uint64_t count = 0;
    uint64_t id;

    check->known = file->block_count <= BLOCKS_MAX ? KNOWN : UNKNOWN;
    if (file->free_list == NOWHERE || check->known == UNKNOWN)
        return AKS_OK;
    check->list = aks_mem_array(check->blocks->alloc, 1, block_bytes(check));
    check->free = aks_mem_array(check->blocks->alloc, (size_t)file->block_count / 8 + 1, 1);
    if (check->list == NULL || check->free == NULL)
        return aks_error_memory(err, "checking a database");
    if (!next_word(check, &list, &count, &status, err) || count > (uint64_t)file->block_count)
        check->known = UNKNOWN;
    for (uint64_t i = 0; i < count && check->known == KNOWN; i++) {
        if (!next_word(check, &list, &id, &status, err) || id >= (uint64_t)file->block_count)
            check->known = UNKNOWN;
        else
            check->free[id / 8] |= (uint8_t)(1u << (id % 8));
    }
    return status;
}

/* The block does not hold. Does that matter? */
static enum aks_status
judge(struct check *check, int64_t id, struct aks_error *err)
{
    enum aks_status status = check->known == NOT_ASKED ? load_free(check, err) : AKS_OK;

    if (status != AKS_OK)
        return status;
    if (check->known == UNKNOWN) {
        check->unknown++;
        return AKS_OK;
    }
    if (check->free != NULL && (check->free[id / 8] >> (id % 8) & 1) != 0)
        return AKS_OK;
    return damaged((uint64_t)id, err);
}

enum aks_status
aks_duckdb_blocks_check(const struct aks_duckdb_blocks *blocks, int64_t *ret_unknown,
    struct aks_error *err)
{
    struct check check = { .blocks = blocks };
    enum aks_status status = AKS_OK;

    check.block = aks_mem_resize(blocks->alloc, NULL, block_bytes(&check));
    if (check.block == NULL)
        return aks_error_memory(err, "checking a database");
    for (int64_t id = 0; id < blocks->file->block_count && status == AKS_OK; id++) {
        size_t len = 0;

        status = read_block(&check, id, check.block, &len, err);
        if (status == AKS_OK && len == 0)
            break;
        if (status == AKS_OK && !holds(&check, check.block, len))
            status = judge(&check, id, err);
    }
    *ret_unknown = check.unknown;
    aks_mem_free(blocks->alloc, check.block);
    aks_mem_free(blocks->alloc, check.list);
    aks_mem_free(blocks->alloc, check.free);
    return status;
}
