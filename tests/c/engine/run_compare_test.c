/* When the stamps of a source and of its log prove that they are what is stored. */
#include "engine/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct aks_stored row;
static struct aks_snapshot now;

static int
setup(void **state)
{
    memset(&row, 0, sizeof(row));
    memset(&now, 0, sizeof(now));
    row.info.type = AKS_FILE_REGULAR;
    row.info.bytes = 4096;
    row.info.mtime_ns = 1000;
    row.info.ctime_ns = 1000;
    row.wal_there = true;
    row.wal_info = row.info;
    row.wal_info.mtime_ns = 2000;
    now.sources[AKS_SNAPSHOT_MAIN].there = true;
    now.sources[AKS_SNAPSHOT_MAIN].info = row.info;
    now.sources[AKS_SNAPSHOT_WAL].there = true;
    now.sources[AKS_SNAPSHOT_WAL].info = row.wal_info;
    return 0;
}

static void
same_stamps_of_both_are_the_same(void **state)
{
    assert_true(aks_run_compare_stamps(&row, &now));
    row.wal_there = now.sources[AKS_SNAPSHOT_WAL].there = false;
    assert_true(aks_run_compare_stamps(&row, &now));
}

static void
stamps_that_were_too_fresh_prove_nothing(void **state)
{
    row.info_racy = true;
    assert_false(aks_run_compare_stamps(&row, &now));
}

static void
main_file_that_was_written_or_is_gone_is_another(void **state)
{
    now.sources[AKS_SNAPSHOT_MAIN].info.mtime_ns++;
    assert_false(aks_run_compare_stamps(&row, &now));
    now.sources[AKS_SNAPSHOT_MAIN].info = row.info;
    now.sources[AKS_SNAPSHOT_MAIN].there = false;
    assert_false(aks_run_compare_stamps(&row, &now));
}

/* SQLite begins its log anew without cutting it off: neither the main file nor any size changes. */
static void
log_that_was_written_over_in_its_size_is_another(void **state)
{
    now.sources[AKS_SNAPSHOT_WAL].info.mtime_ns++;
    assert_false(aks_run_compare_stamps(&row, &now));
}

static void
log_that_came_or_went_is_a_change(void **state)
{
    now.sources[AKS_SNAPSHOT_WAL].there = false;
    assert_false(aks_run_compare_stamps(&row, &now));
    row.wal_there = false;
    now.sources[AKS_SNAPSHOT_WAL].there = true;
    assert_false(aks_run_compare_stamps(&row, &now));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(same_stamps_of_both_are_the_same),
        TEST(stamps_that_were_too_fresh_prove_nothing),
        TEST(main_file_that_was_written_or_is_gone_is_another),
        TEST(log_that_was_written_over_in_its_size_is_another),
        TEST(log_that_came_or_went_is_a_change),
    };

    return cmocka_run_group_tests_name("run_compare", tests, NULL, NULL);
}
