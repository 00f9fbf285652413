#include "testkit/writer_duckdb.h"

#include "base/check.h"

#include <string.h>

#define BLOCK_FIXED 4                   /* words before a block's filler */
#define TABLE_FIXED 6
#define ENTRY_FIXED 7
#define ENTRY_BYTES_MAX 65536
/* The free list stands in the block of the table, in parts from this one on. */
#define FREE_PART UINT64_C(32)
#define PART_BYTES (((DUCKDB_BLOCK_BYTES - 8) / 64) & ~7)

static uint64_t
get(const uint8_t *at)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static void
put(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
checksum(const uint8_t *data, size_t len)
{
    uint64_t sum = 5381;

    for (size_t i = 0; i + 8 <= len; i += 8)
        sum ^= get(data + i) * UINT64_C(0xbf58476d1ce4e5b9);
    return sum;
}

static void
seal(uint8_t *page, size_t len)
{
    put(page, checksum(page + 8, len - 8));
}

bool
aks_duckdb_model_page_holds(const uint8_t *page, size_t len)
{
    return get(page) == checksum(page + 8, len - 8);
}

/* Whatever the order of the blocks. */
uint64_t
aks_duckdb_model_sum(const struct duckdb_table *table)
{
    uint64_t sum = table->count * UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < table->block_count; i++)
        sum += (table->blocks[i].id * 31 + table->blocks[i].tag) * UINT64_C(0xbf58476d1ce4e5b9);
    return sum;
}

static bool
drop(const struct duckdb_block *block, struct duckdb_table *table)
{
    for (size_t i = 0; i < table->block_count; i++) {
        if (table->blocks[i].id == block->id && table->blocks[i].tag == block->tag) {
            table->blocks[i] = table->blocks[--table->block_count];
            return true;
        }
    }
    return false;
}

bool
aks_duckdb_model_apply(const struct duckdb_entry *entry, struct duckdb_table *table)
{
    if (entry->count != table->count + 1)
        return false;
    table->count = entry->count;
    for (size_t i = 0; i < entry->adds; i++) {
        if (table->block_count == DUCKDB_BLOCKS_MAX)
            return false;
        table->blocks[table->block_count++] = entry->blocks[i];
    }
    for (size_t i = 0; i < entry->drops; i++) {
        if (!drop(&entry->blocks[entry->adds + i], table))
            return false;
    }
    return aks_duckdb_model_sum(table) == entry->sum;
}

void
aks_duckdb_model_main_page(uint8_t ret_page[DUCKDB_PAGE_BYTES])
{
    memset(ret_page, 0, DUCKDB_PAGE_BYTES);
    memcpy(ret_page + 8, "DUCK", 4);
    put(ret_page + 12, 64);
    memcpy(ret_page + 52, "v1.5.6", 6);
    memcpy(ret_page + 84, "0123456789", 10);
    seal(ret_page, DUCKDB_PAGE_BYTES);
}

void
aks_duckdb_model_header_page(const struct duckdb_header *header,
    uint8_t ret_page[DUCKDB_PAGE_BYTES])
{
    memset(ret_page, 0, DUCKDB_PAGE_BYTES);
    put(ret_page + 8, header->iteration);
    put(ret_page + 16, header->table);
    put(ret_page + 24, header->table == DUCKDB_NONE ? DUCKDB_NONE
        : header->table | FREE_PART << 56);
    put(ret_page + 32, header->block_count);
    put(ret_page + 40, DUCKDB_BLOCK_BYTES);
    put(ret_page + 48, 2048);
    put(ret_page + 56, 64);
    seal(ret_page, DUCKDB_PAGE_BYTES);
}

bool
aks_duckdb_model_read_header(const uint8_t page[DUCKDB_PAGE_BYTES],
    struct duckdb_header *ret_header)
{
    ret_header->iteration = get(page + 8);
    ret_header->table = get(page + 16);
    ret_header->block_count = get(page + 32);
    return aks_duckdb_model_page_holds(page, DUCKDB_PAGE_BYTES);
}

static void
begin_block(uint8_t *bytes, enum duckdb_block_kind kind, uint64_t id, uint64_t tag)
{
    uint64_t word = id * 1000003 + tag;

    for (size_t at = 0; at < DUCKDB_BLOCK_BYTES; at += 8)
        put(bytes + at, at < 2048 ? (word = word * UINT64_C(6364136223846793005) + 1) : 0);
    put(bytes + 8, kind);
    put(bytes + 16, id);
    put(bytes + 24, tag);
}

void
aks_duckdb_model_block(const struct duckdb_block *block, uint8_t ret_bytes[DUCKDB_BLOCK_BYTES])
{
    begin_block(ret_bytes, DUCKDB_DATA, block->id, block->tag);
    /* At both ends, so that half a block is seen to be one. */
    put(ret_bytes + DUCKDB_BLOCK_BYTES - 8, block->tag);
    seal(ret_bytes, DUCKDB_BLOCK_BYTES);
}

bool
aks_duckdb_model_is_block(const struct duckdb_block *block,
    const uint8_t bytes[DUCKDB_BLOCK_BYTES])
{
    uint8_t right[DUCKDB_BLOCK_BYTES];

    aks_duckdb_model_block(block, right);
    return memcmp(right, bytes, sizeof(right)) == 0;
}

static bool
is_used(uint64_t id, uint64_t table_id, const struct duckdb_table *table)
{
    bool used = id == table_id;

    for (size_t i = 0; i < table->block_count && !used; i++)
        used = table->blocks[i].id == id;
    return used;
}

/* As DuckDB writes it: each part begins with where it goes on; then the number of free blocks and
 * their ids. */
static void
put_free(uint64_t id, const struct duckdb_table *table, uint64_t block_count, uint8_t *bytes)
{
    uint64_t part = FREE_PART;
    size_t begin = 8 + (size_t)part * PART_BYTES;
    size_t at = begin + 16;
    uint64_t count = 0;

    put(bytes + begin, DUCKDB_NONE);
    for (uint64_t block = 0; block < block_count; block++) {
        if (is_used(block, id, table))
            continue;
        if (at == begin + PART_BYTES) {
            part++;
            put(bytes + begin, id | part << 56);
            begin += PART_BYTES;
            put(bytes + begin, DUCKDB_NONE);
            at = begin + 8;
        }
        AKS_CHECK(part < 64);
        put(bytes + at, block);
        at += 8;
        count++;
    }
    put(bytes + 8 + (size_t)FREE_PART * PART_BYTES + 8, count);
}

void
aks_duckdb_model_table(uint64_t id, const struct duckdb_table *table, uint64_t block_count,
    uint8_t ret_bytes[DUCKDB_BLOCK_BYTES])
{
    begin_block(ret_bytes, DUCKDB_TABLE, id, table->count);
    put(ret_bytes + 32, table->block_count);
    put(ret_bytes + 40, aks_duckdb_model_sum(table));
    for (size_t i = 0; i < table->block_count; i++) {
        put(ret_bytes + (TABLE_FIXED + 2 * i) * 8, table->blocks[i].id);
        put(ret_bytes + (TABLE_FIXED + 2 * i + 1) * 8, table->blocks[i].tag);
    }
    put_free(id, table, block_count, ret_bytes);
    seal(ret_bytes, DUCKDB_BLOCK_BYTES);
}

bool
aks_duckdb_model_read_table(uint64_t id, const uint8_t bytes[DUCKDB_BLOCK_BYTES],
    struct duckdb_table *ret_table)
{
    memset(ret_table, 0, sizeof(*ret_table));
    if (!aks_duckdb_model_page_holds(bytes, DUCKDB_BLOCK_BYTES) ||
        get(bytes + 8) != DUCKDB_TABLE || get(bytes + 16) != id ||
        get(bytes + 32) > DUCKDB_BLOCKS_MAX)
        return false;
    ret_table->count = get(bytes + 24);
    ret_table->block_count = (size_t)get(bytes + 32);
    for (size_t i = 0; i < ret_table->block_count; i++) {
        ret_table->blocks[i].id = get(bytes + (TABLE_FIXED + 2 * i) * 8);
        ret_table->blocks[i].tag = get(bytes + (TABLE_FIXED + 2 * i + 1) * 8);
    }
    return aks_duckdb_model_sum(ret_table) == get(bytes + 40);
}

void
aks_duckdb_model_entry(const struct duckdb_entry *entry, size_t padding, struct aks_buf *out)
{
    uint8_t words[(ENTRY_FIXED + 2 * DUCKDB_BLOCKS_MAX) * 8];
    size_t blocks = entry->adds + entry->drops;
    size_t len = (ENTRY_FIXED + 2 * blocks) * 8;
    size_t begin = out->len;

    AKS_CHECK(blocks <= DUCKDB_BLOCKS_MAX);
    padding &= ~(size_t)7;
    put(words, len + padding);
    put(words + 16, entry->kind);
    put(words + 24, entry->count);
    put(words + 32, entry->adds);
    put(words + 40, entry->drops);
    put(words + 48, entry->sum);
    for (size_t i = 0; i < blocks; i++) {
        put(words + (ENTRY_FIXED + 2 * i) * 8, entry->blocks[i].id);
        put(words + (ENTRY_FIXED + 2 * i + 1) * 8, entry->blocks[i].tag);
    }
    aks_buf_append(out, words, len);
    for (size_t i = 0; i < padding; i++)
        aks_buf_putc(out, (char)('a' + (entry->count + i) % 26));
    if (out->failed != AKS_OK)
        return;
    put((uint8_t *)out->data + begin + 8,
        checksum((uint8_t *)out->data + begin + 16, len + padding - 16));
}

size_t
aks_duckdb_model_read_entry(const uint8_t *data, size_t len, struct duckdb_entry *ret_entry,
    bool *ret_good)
{
    size_t bytes = len >= (size_t)ENTRY_FIXED * 8 ? (size_t)get(data) : 0;
    size_t blocks;

    *ret_good = false;
    if (bytes == 0 || bytes > len)
        return 0;
    if (bytes < (size_t)ENTRY_FIXED * 8 || bytes > ENTRY_BYTES_MAX ||
        get(data + 8) != checksum(data + 16, bytes - 16) ||
        get(data + 32) > DUCKDB_BLOCKS_MAX || get(data + 40) > DUCKDB_BLOCKS_MAX)
        return bytes;
    ret_entry->kind = (enum duckdb_entry_kind)get(data + 16);
    ret_entry->count = get(data + 24);
    ret_entry->adds = (size_t)get(data + 32);
    ret_entry->drops = (size_t)get(data + 40);
    ret_entry->sum = get(data + 48);
    blocks = ret_entry->adds + ret_entry->drops;
    if (blocks > DUCKDB_BLOCKS_MAX || (ENTRY_FIXED + 2 * blocks) * 8 > bytes)
        return bytes;
    for (size_t i = 0; i < blocks; i++) {
        ret_entry->blocks[i].id = get(data + (ENTRY_FIXED + 2 * i) * 8);
        ret_entry->blocks[i].tag = get(data + (ENTRY_FIXED + 2 * i + 1) * 8);
    }
    *ret_good = true;
    return bytes;
}
