/* The outside of DuckDB files: real ones, and ones that lie. */
#include "data/duckdb_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct file {
    uint8_t *data;
    size_t len;
};

static struct file
load(const char *name)
{
    char path[512];
    struct file file = { NULL, 0 };
    FILE *from;

    (void)snprintf(path, sizeof(path), "%s/databases/%s", AKS_TEST_DATA, name);
    from = fopen(path, "rb");
    assert_non_null(from);
    file.data = malloc(16u << 20);
    assert_non_null(file.data);
    file.len = fread(file.data, 1, 16u << 20, from);
    (void)fclose(from);
    return file;
}

static void
put_word(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void
seal(uint8_t *page)
{
    put_word(page, aks_duckdb_file_checksum(page + 8, AKS_DUCKDB_PAGE_BYTES - 8));
}

static void
real_files_are_read_and_their_blocks_hold(void **state)
{
    static const char *const names[] = { "reflection.duckdb", "knowledge_graph.duckdb" };

    for (size_t i = 0; i < 2; i++) {
        struct file file = load(names[i]);
        struct aks_duckdb_file read;

        assert_true(aks_duckdb_file_is(file.data, file.len));
        assert_int_equal(aks_duckdb_file_parse(file.data, file.len, &read, NULL), AKS_OK);
        assert_int_equal(read.storage_version, 64);
        assert_string_equal(read.library, "v1.5.6");
        assert_false(read.encrypted);
        assert_int_equal(read.block_bytes, 262144);
        assert_true(read.block_count > 0 && read.bytes <= (int64_t)file.len);
        for (int64_t block = 0; block < read.block_count; block++)
            assert_true(aks_duckdb_file_holds(file.data + AKS_DUCKDB_HEADERS_BYTES +
                block * read.block_bytes, (size_t)read.block_bytes));
        file.data[AKS_DUCKDB_HEADERS_BYTES + 1000] ^= 1;
        assert_false(aks_duckdb_file_holds(file.data + AKS_DUCKDB_HEADERS_BYTES, 262144));
        free(file.data);
    }
}

static void
the_header_with_the_higher_iteration_counts(void **state)
{
    struct file file = load("knowledge_graph.duckdb");
    struct aks_duckdb_file first;
    struct aks_duckdb_file read;
    uint8_t *other;

    assert_int_equal(aks_duckdb_file_parse(file.data, file.len, &first, NULL), AKS_OK);
    other = file.data + (size_t)(3 - first.active) * AKS_DUCKDB_PAGE_BYTES;
    put_word(other + 8, first.iteration + 1);
    put_word(other + 32, 3);
    put_word(other + 40, 16384);
    seal(other);
    assert_int_equal(aks_duckdb_file_parse(file.data, file.len, &read, NULL), AKS_OK);
    assert_int_equal(read.active, 3 - first.active);
    assert_int_equal(read.bytes, AKS_DUCKDB_HEADERS_BYTES + 3 * 16384);
    /* 2.0 writes another number there, and that says nothing. */
    put_word(file.data + 12, 999);
    seal(file.data);
    assert_int_equal(aks_duckdb_file_parse(file.data, file.len, &read, NULL), AKS_OK);
    assert_int_equal(read.storage_version, 999);
    free(file.data);
}

static void
of_an_encrypted_file_only_the_first_page_is_read(void **state)
{
    struct file file = load("knowledge_graph.duckdb");
    struct aks_duckdb_file read;

    file.data[20] |= 1;
    seal(file.data);
    memset(file.data + AKS_DUCKDB_PAGE_BYTES, 0x5a, 2 * AKS_DUCKDB_PAGE_BYTES);
    assert_int_equal(aks_duckdb_file_parse(file.data, file.len, &read, NULL), AKS_OK);
    assert_true(read.encrypted);
    assert_int_equal(read.bytes, 0);
    assert_int_equal(read.active, 0);
    free(file.data);
}

static void
refused(const uint8_t *data, size_t len, const char *why)
{
    struct aks_duckdb_file read;
    struct aks_error err;

    assert_int_equal(aks_duckdb_file_parse(data, len, &read, &err), AKS_CORRUPT);
    if (strstr(err.message, why) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err.message, why);
}

static void
whatever_lies_is_refused(void **state)
{
    static const uint64_t sizes[] = { 0, 1, 8192, 262143, 262145, UINT64_C(1) << 25,
        UINT64_C(1) << 63 };
    struct file file = load("knowledge_graph.duckdb");
    struct aks_duckdb_file read;
    uint8_t *active;

    assert_int_equal(aks_duckdb_file_parse(file.data, file.len, &read, NULL), AKS_OK);
    active = file.data + (size_t)read.active * AKS_DUCKDB_PAGE_BYTES;
    assert_false(aks_duckdb_file_is(file.data, 11));
    refused(file.data, 0, "not those of a DuckDB");
    refused(file.data, AKS_DUCKDB_HEADERS_BYTES - 1, "cut off");
    for (unsigned page = 0; page < 3; page++) {
        char why[20];

        file.data[page * AKS_DUCKDB_PAGE_BYTES + 3000] ^= 4;
        (void)snprintf(why, sizeof(why), "(page %u)", page);
        refused(file.data, file.len, why);
        file.data[page * AKS_DUCKDB_PAGE_BYTES + 3000] ^= 4;
    }
    put_word(active + 32, UINT64_MAX);
    seal(active);
    refused(file.data, file.len, "number of blocks");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put_word(active + 40, sizes[i]);
        seal(active);
        refused(file.data, file.len, "size of blocks");
    }
    free(file.data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files_are_read_and_their_blocks_hold),
        cmocka_unit_test(the_header_with_the_higher_iteration_counts),
        cmocka_unit_test(of_an_encrypted_file_only_the_first_page_is_read),
        cmocka_unit_test(whatever_lies_is_refused),
    };

    return cmocka_run_group_tests_name("duckdb_file", tests, NULL, NULL);
}
