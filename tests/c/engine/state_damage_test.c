/* A state database that is damaged, and what became of jobs. */
#include "state_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* How many damaged ones lie there; they are removed. */
static unsigned
clear_asides(void)
{
    unsigned count = 0;
    char name[64];

    for (unsigned i = 1; i <= 100; i++) {
        (void)snprintf(name, sizeof(name), "state.db.damaged-%u", i);
        count += unlink(temp_folder_join(folder, name)) == 0;
    }
    return count;
}

static void
state_that_is_damaged_is_set_aside_and_a_new_one_made(void **state)
{
    static const char garbage[] = "This is not the database that you are looking for, is it?";
    struct aks_state *opened = open_state();
    struct aks_stored row;
    char *whole;
    size_t len;

    assert_null(aks_state_aside(opened));
    aks_state_close(opened);
    (void)unlink(temp_folder_join(folder, "state.db-wal"));
    (void)temp_folder_write(folder, "state.db", garbage, sizeof(garbage));
    opened = open_state();
    assert_string_equal(strrchr(aks_state_aside(opened), '/'), "/state.db.damaged-1");
    assert_int_equal(aks_state_stored_get(opened, T, "/a", &row, &err), AKS_NOT_FOUND);
    aks_state_close(opened);
    whole = temp_folder_read(folder, "state.db.damaged-1", &len);
    assert_int_equal(len, sizeof(garbage));
    assert_memory_equal(whole, garbage, len);
    free(whole);
    opened = open_state();
    assert_null(aks_state_aside(opened));
    aks_state_close(opened);
    assert_int_equal(clear_asides(), 1);

    (void)raw("PRAGMA wal_checkpoint(TRUNCATE)");
    whole = temp_folder_read(folder, "state.db", &len);
    assert_true(len > 8192);
    /* Cut anywhere: set aside or, where SQLite sees nothing missing yet, usable; never a crash. */
    for (size_t cut = 0; cut < len; cut += cut < 128 ? 1 : 512) {
        (void)unlink(temp_folder_join(folder, "state.db-wal"));
        (void)temp_folder_write(folder, "state.db", whole, cut);
        if (try_open(&opened) == AKS_OK) {
            enum aks_status status = aks_state_stored_get(opened, T, "/a", &row, &err);

            assert_true(status == AKS_NOT_FOUND || status == AKS_STATE);
            aks_state_close(opened);
        } else {
            assert_int_equal(err.status, AKS_STATE);
        }
    }
    (void)clear_asides();
    memset(whole + 100, 0x5a, 4000);
    (void)unlink(temp_folder_join(folder, "state.db-wal"));
    (void)temp_folder_write(folder, "state.db", whole, len);
    free(whole);
    opened = open_state();
    assert_non_null(aks_state_aside(opened));
    assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", "{}", &err), AKS_OK);
    aks_state_close(opened);
    assert_int_equal(clear_asides(), 1);
}

static void
what_became_of_a_job_is_kept_and_told_anew(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_job_end end = { .id = "20260101T000000Z-000001", .enqueued_at_ms = 1,
        .ended_at_ms = 2, .outcome = "superseded", .by = "20260101T000000Z-000002", .tries = 3 };
    struct aks_job_end got;

    assert_int_equal(aks_state_job_get(opened, end.id, &got, &err), AKS_NOT_FOUND);
    assert_int_equal(aks_state_job_ended(opened, &end, &err), AKS_OK);
    (void)snprintf(end.outcome, sizeof(end.outcome), "stored");
    assert_int_equal(aks_state_job_ended(opened, &end, &err), AKS_OK);
    aks_state_close(opened);
    opened = open_state();
    assert_int_equal(aks_state_job_get(opened, end.id, &got, &err), AKS_OK);
    assert_string_equal(got.outcome, "stored");
    assert_string_equal(got.by, end.by);
    assert_string_equal(got.reason, "");
    assert_int_equal(got.tries, 3);
    assert_int_equal(raw("SELECT count(*) FROM jobs"), 1);
    aks_state_close(opened);
}

static void
state_is_read_where_it_may_not_be_written_and_not_made_where_it_is_not(void **state)
{
    struct aks_state *opened = NULL;
    int64_t stored_ms = -1;

    assert_int_equal(aks_state_open_reading(aks_alloc_system(), &port->files,
        temp_folder_path(folder), &opened, &err), AKS_NOT_FOUND);
    assert_int_equal(access(temp_folder_join(folder, "state.db"), F_OK), -1);
    aks_state_close(open_state());
    assert_int_equal(aks_state_open_reading(aks_alloc_system(), &port->files,
        temp_folder_path(folder), &opened, &err), AKS_OK);
    assert_int_equal(aks_state_last_stored_ms(opened, &stored_ms, &err), AKS_OK);
    assert_int_equal(stored_ms, 0);
    aks_state_close(opened);
    (void)raw("PRAGMA user_version = 99");
    assert_int_equal(aks_state_open_reading(aks_alloc_system(), &port->files,
        temp_folder_path(folder), &opened, &err), AKS_STATE);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(state_that_is_damaged_is_set_aside_and_a_new_one_made),
        TEST(what_became_of_a_job_is_kept_and_told_anew),
        TEST(state_is_read_where_it_may_not_be_written_and_not_made_where_it_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
