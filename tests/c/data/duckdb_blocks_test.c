/* Blocks of DuckDB files that do not hold: used, free, and of which nobody can tell. */
#include "data/duckdb_blocks.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCK AKS_DUCKDB_BLOCK_BYTES_MIN
#define PART 248                        /* of a metadata block of that size */
#define COUNT 64
#define NOWHERE UINT64_MAX
#define AT(id) (AKS_DUCKDB_HEADERS_BYTES + (size_t)(id) * BLOCK)

/* A database of COUNT blocks, of which block 0 holds the free list. */
struct made {
    uint8_t bytes[AKS_DUCKDB_HEADERS_BYTES + (size_t)COUNT * BLOCK];
    size_t len;
    int64_t fails_at;                   /* reading from there on fails; 0: never does */
};

static struct made *made;
static struct aks_error err;

static void
put(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void
seal(uint8_t *page, size_t len)
{
    put(page, aks_duckdb_file_checksum(page + 8, len - 8));
}

static void
header(uint64_t free_list)
{
    memcpy(made->bytes + 8, "DUCK", 4);
    for (size_t i = 1; i <= 2; i++) {
        uint8_t *page = made->bytes + i * AKS_DUCKDB_PAGE_BYTES;

        put(page + 8, i);
        put(page + 24, free_list);
        put(page + 32, COUNT);
        put(page + 40, BLOCK);
        seal(page, AKS_DUCKDB_PAGE_BYTES);
    }
    seal(made->bytes, AKS_DUCKDB_PAGE_BYTES);
}

/* Blocks from ${first} on are free: their list begins in part 3 of block 0, and goes on behind. */
static void
list_free(uint64_t first)
{
    uint8_t *part = made->bytes + AT(0) + 8 + (size_t)3 * PART;
    size_t at = 16;

    put(part, NOWHERE);
    put(part + 8, COUNT - first);
    for (uint64_t id = first; id < COUNT; id++) {
        if (at == PART) {
            put(part, UINT64_C(4) << 56);
            part += PART;
            put(part, NOWHERE);
            at = 8;
        }
        put(part + at, id);
        at += 8;
    }
    seal(made->bytes + AT(0), BLOCK);
}

static int
setup(void **state)
{
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return -1;
    made->len = sizeof(made->bytes);
    header(UINT64_C(3) << 56);
    for (size_t i = 0; i < COUNT; i++) {
        memset(made->bytes + AT(i) + 8, (int)i + 1, BLOCK - 8);
        seal(made->bytes + AT(i), BLOCK);
    }
    list_free(20);
    return 0;
}

static int
teardown(void **state)
{
    free(made);
    return 0;
}

static enum aks_status
read_made(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *read_err)
{
    size_t left = (size_t)offset < made->len ? made->len - (size_t)offset : 0;

    if (made->fails_at != 0 && offset >= made->fails_at)
        return aks_error_set(read_err, AKS_SOURCE_UNREADABLE, "reading failed");
    *ret_len = left < len ? left : len;
    memcpy(data, made->bytes + (left > 0 ? offset : 0), *ret_len);
    return AKS_OK;
}

static enum aks_status
check_with(const struct aks_alloc *alloc, int64_t *ret_unknown)
{
    struct aks_duckdb_file file;
    struct aks_duckdb_blocks blocks = { alloc, &file, read_made, NULL };

    assert_int_equal(aks_duckdb_file_parse(made->bytes, AKS_DUCKDB_HEADERS_BYTES, &file, NULL),
        AKS_OK);
    *ret_unknown = -1;
    return aks_duckdb_blocks_check(&blocks, ret_unknown, &err);
}

static void
holds(int64_t wanted_unknown)
{
    int64_t unknown;

    if (check_with(aks_alloc_system(), &unknown) != AKS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(unknown, wanted_unknown);
}

static void
fails(enum aks_status status, const char *words)
{
    int64_t unknown;

    assert_int_equal(check_with(aks_alloc_system(), &unknown), status);
    assert_non_null(strstr(err.message, words));
}

static void
damage(size_t id)
{
    made->bytes[AT(id) + 5000] ^= 1;
}

static void
a_free_block_need_not_hold_and_a_used_one_must(void **state)
{
    holds(0);
    for (size_t id = 20; id < COUNT; id++)
        damage(id);
    holds(0);
    damage(19);
    fails(AKS_CORRUPT, "block 19 ");
}

static void
the_list_itself_must_hold(void **state)
{
    damage(0);
    fails(AKS_CORRUPT, "block 0 ");
}

static void
blocks_that_are_cut_off_at_the_end_are_free(void **state)
{
    made->len = AT(30);
    holds(0);
    made->len = AT(30) - 1;
    holds(0);
    made->len = AT(19) + 1;
    fails(AKS_CORRUPT, "block 19 ");
}

static void
without_a_list_every_block_is_in_use(void **state)
{
    header(NOWHERE);
    holds(0);
    damage(40);
    fails(AKS_CORRUPT, "block 40 ");
}

/* Another version's list, perhaps: nothing that DuckDB opens is refused for it. */
static void
a_list_that_is_none_leaves_open_what_does_not_hold(void **state)
{
    static const uint64_t places[] = { COUNT, UINT64_C(64) << 56, UINT64_C(255) << 56 | 3, 7,
        (UINT64_C(1) << 56) - 1 };

    damage(40);
    damage(12);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        header(places[i]);
        holds(2);
    }
    header(UINT64_C(3) << 56);
    put(made->bytes + AT(0) + 8 + (size_t)3 * PART + 16, COUNT);
    seal(made->bytes + AT(0), BLOCK);
    holds(2);
}

/* A list that leads back into itself, and never to its end. */
static void
a_list_without_an_end_is_none(void **state)
{
    uint8_t *part = made->bytes + AT(0) + 8 + (size_t)3 * PART;

    put(part + 8, COUNT);
    put(part, UINT64_C(3) << 56);
    seal(made->bytes + AT(0), BLOCK);
    damage(40);
    holds(1);
}

static void
a_file_that_cannot_be_read_says_so(void **state)
{
    made->fails_at = (int64_t)AT(50);
    fails(AKS_SOURCE_UNREADABLE, "reading failed");
    made->fails_at = 0;
    damage(10);
    made->fails_at = 1;
    fails(AKS_SOURCE_UNREADABLE, "reading failed");
}

static int
check_failing(void *ctx, const struct aks_alloc *alloc)
{
    int64_t unknown;
    enum aks_status status = check_with(alloc, &unknown);

    return status == AKS_OK || status == AKS_LIMIT ? 0 : -1;
}

static void
without_memory_nothing_is_said_of_it(void **state)
{
    damage(40);
    failing_alloc_loop(check_failing, NULL, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_free_block_need_not_hold_and_a_used_one_must),
        TEST(the_list_itself_must_hold),
        TEST(blocks_that_are_cut_off_at_the_end_are_free),
        TEST(without_a_list_every_block_is_in_use),
        TEST(a_list_that_is_none_leaves_open_what_does_not_hold),
        TEST(a_list_without_an_end_is_none),
        TEST(a_file_that_cannot_be_read_says_so),
        TEST(without_memory_nothing_is_said_of_it),
    };

    return cmocka_run_group_tests_name("duckdb_blocks", tests, NULL, NULL);
}
