/* A state database that is set aside, by whom and when, and what is left where that was cut
 * short. */
#include "engine/state_internal.h"
#include "engine/state_snapshots.h"
#include "engine/status.h"
#include "state_fixture.h"
#include "support/faulty_files.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define PAGE_BYTES 4096

static const char rotten[] = "UPDATE stored SET key = 'Z' || key WHERE source = CAST('/b' AS BLOB)";

static bool
lies_there(const char *name)
{
    return access(temp_folder_join(folder, name), F_OK) == 0;
}

static void
clear_folder(void)
{
    static const char *const names[] = { "state.db", "state.db.damaged-1", "state.db.damaged-2" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];

        (void)unlink(temp_folder_join(folder, names[i]));
        (void)snprintf(name, sizeof(name), "%s-wal", names[i]);
        (void)unlink(temp_folder_join(folder, name));
        (void)snprintf(name, sizeof(name), "%s-shm", names[i]);
        (void)unlink(temp_folder_join(folder, name));
    }
}

/* "/a" in the database; "/b", which is not what was written, in its log alone. */
static void
leave_rotten(void)
{
    struct aks_state *opened = open_state();

    put_source(opened, "/a");
    (void)raw("PRAGMA wal_checkpoint(TRUNCATE)");
    put_source(opened, "/b");
    (void)raw(rotten);
    aks_state_close(opened);
}

static void
take_away(void)
{
    char *aside = NULL;

    assert_int_equal(aks_state_set_aside(aks_alloc_system(), &port->files,
        temp_folder_path(folder), temp_folder_join(folder, "state.db"), &aside, &err), AKS_OK);
    aks_mem_free(aks_alloc_system(), aside);
}

static int64_t
rows_aside(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t rows = -1;

    assert_int_equal(sqlite3_open(temp_folder_join(folder, "state.db.damaged-1"), &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM stored", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        rows = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return rows;
}

/* The database without its log would be an older one, and believed; its log without it is the new
 * one's to nobody. */
static void
setting_aside_that_is_cut_short_anywhere_is_brought_to_its_end(void **state)
{
    struct faulty_files faulty;
    int64_t cut = 0;

    faulty_files_init(&faulty, &port->files, AKS_FORBIDDEN);
    do {
        struct aks_state *opened = NULL;

        leave_rotten();
        faulty_files_arm(&faulty, cut, true);
        if (aks_state_open(aks_alloc_system(), &faulty.files, temp_folder_path(folder), &opened,
                &err) == AKS_OK)
            aks_state_close(opened);
        opened = open_state();
        assert_int_equal(has_source(opened, "/a"), AKS_NOT_FOUND);
        assert_int_equal(has_source(opened, "/b"), AKS_NOT_FOUND);
        put_source(opened, "/c");
        aks_state_close(opened);
        assert_true(lies_there("state.db.damaged-1"));
        assert_true(lies_there("state.db.damaged-1-wal"));
        assert_false(lies_there("state.db.damaged-2"));
        assert_false(lies_there("state.db.damaged-2-wal"));
        assert_int_equal(rows_aside(), 2);
        opened = open_state();
        assert_int_equal(has_source(opened, "/c"), AKS_OK);
        aks_state_close(opened);
        clear_folder();
        cut++;
    } while (faulty.seen > cut - 1 && cut < 100);
    assert_in_range(cut, 10, 99);
}

static void
remove_database(void)
{
    assert_int_equal(unlink(temp_folder_join(folder, "state.db")), 0);
}

static void
empty_database(void)
{
    (void)temp_folder_write(folder, "state.db", "", 0);
}

/* Whose database was taken away by hand, or emptied, which SQLite would take for a new one: its log
 * is of no use to that, and no waste either. */
static void
log_that_has_lost_its_database_is_kept(void **state)
{
    static void (*const losses[])(void) = { remove_database, empty_database };

    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        struct aks_state *opened;
        char *whole;
        char *kept;
        size_t kept_len;
        size_t len;

        leave_rotten();
        whole = temp_folder_read(folder, "state.db-wal", &len);
        losses[i]();
        opened = open_state();
        assert_non_null(aks_state_aside(opened));
        assert_int_equal(has_source(opened, "/a"), AKS_NOT_FOUND);
        put_source(opened, "/c");
        aks_state_close(opened);
        kept = temp_folder_read(folder, "state.db.damaged-1-wal", &kept_len);
        assert_int_equal(kept_len, len);
        assert_memory_equal(kept, whole, len);
        assert_true(lies_there("state.db.damaged-1-shm"));
        free(kept);
        free(whole);
        clear_folder();
    }
}

/* Not even who only looks. */
static void
log_of_a_database_that_was_emptied_outlives_a_look(void **state)
{
    struct aks_state *opened = NULL;

    leave_rotten();
    empty_database();
    assert_int_equal(aks_state_open_reading(aks_alloc_system(), &port->files,
        temp_folder_path(folder), &opened, &err), AKS_NOT_FOUND);
    assert_true(lies_there("state.db-wal"));
}

/* What has been deleted by hand of those that were set aside leaves gaps. */
static void
rest_goes_to_the_one_that_was_set_aside_last(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        aks_state_close(open_state());
        take_away();
    }
    assert_int_equal(unlink(temp_folder_join(folder, "state.db.damaged-1")), 0);
    assert_int_equal(unlink(temp_folder_join(folder, "state.db.damaged-1-wal")), 0);
    leave_rotten();
    /* As where it was cut short after its first step. */
    assert_int_equal(rename(temp_folder_join(folder, "state.db"), temp_folder_join(folder,
        "state.db.damaged-1")), 0);
    aks_state_close(open_state());
    assert_int_equal(rows_aside(), 2);
    assert_false(lies_there("state.db.damaged-3-wal"));
}

/* What happens at a step of an open: by somebody else. */
static struct aks_files hooked;
static void (*on_stat)(unsigned number);
static unsigned stats;

static enum aks_status
hooked_stat(void *ctx, const char *path, bool follow_links, struct aks_file_info *ret_info,
    struct aks_error *error)
{
    void (*hook)(unsigned number) = on_stat;

    on_stat = NULL;
    if (hook != NULL && strcmp(strrchr(path, '/'), "/state.db") == 0)
        hook(stats++);
    on_stat = hook;
    return port->files.stat(ctx, path, follow_links, ret_info, error);
}

static struct aks_state *
open_hooked(void (*hook)(unsigned number))
{
    struct aks_state *opened = NULL;

    hooked = port->files;
    hooked.stat = hooked_stat;
    on_stat = hook;
    stats = 0;
    if (aks_state_open(aks_alloc_system(), &hooked, temp_folder_path(folder), &opened, &err)
        != AKS_OK)
        fail_msg("%s", err.message);
    on_stat = NULL;
    return opened;
}

static void
take_away_at_first(unsigned number)
{
    if (number == 1)
        take_away();
}

static void
make_at_last(unsigned number)
{
    if (number == 1)
        take_away();
    if (number == 2)
        aks_state_close(open_state());
}

static void
state_that_goes_while_it_is_opened_is_made(void **state)
{
    struct aks_state *opened;

    aks_state_close(open_state());
    opened = open_hooked(take_away_at_first);
    put_source(opened, "/c");
    aks_state_close(opened);
    opened = open_hooked(make_at_last);
    put_source(opened, "/d");
    aks_state_close(opened);
    opened = open_state();
    assert_int_equal(has_source(opened, "/c"), AKS_NOT_FOUND);
    assert_int_equal(has_source(opened, "/d"), AKS_OK);
    aks_state_close(opened);
}

/* Before each look after; who has the lock is alone. */
static void
replace_again(unsigned number)
{
    if (number % 2 == 0 && number > 0 && number <= 6) {
        take_away();
        aks_state_close(open_state());
    }
}

static void
state_that_is_open_is_the_one_that_is_there(void **state)
{
    struct aks_state *opened;
    struct aks_state *another;

    aks_state_close(open_state());
    opened = open_hooked(replace_again);
    assert_true(stats > 7);
    assert_true(lies_there("state.db.damaged-3"));
    assert_true(aks_state_current(opened, &port->files));
    put_source(opened, "/c");
    another = open_state();
    assert_int_equal(has_source(another, "/c"), AKS_OK);
    aks_state_close(another);
    aks_state_close(opened);
}

static unsigned waits;

/* Somebody takes the lock's file away, and somebody else mends it all with a new one. */
static enum aks_status
wait_for_another(struct aks_file *file, int64_t timeout_ms, struct aks_error *error)
{
    struct aks_state *another;

    if (waits++ == 0) {
        assert_int_equal(unlink(temp_folder_join(folder, "state.lock")), 0);
        another = open_state();
        assert_non_null(aks_state_aside(another));
        put_source(another, "/c");
        aks_state_close(another);
    }
    return port->files.lock_wait(file, timeout_ms, error);
}

static void
lock_that_is_not_there_any_more_is_none(void **state)
{
    struct aks_state *opened = NULL;

    leave_rotten();
    hooked = port->files;
    hooked.lock_wait = wait_for_another;
    waits = 0;
    assert_int_equal(aks_state_open(aks_alloc_system(), &hooked, temp_folder_path(folder), &opened,
        &err), AKS_OK);
    assert_int_equal(waits, 2);
    assert_int_equal(has_source(opened, "/c"), AKS_OK);
    aks_state_close(opened);
    assert_false(lies_there("state.db.damaged-2"));
}

/* Makes a state, does ${damage}, and opens it: what is damaged is not read at once. */
static struct aks_state *
open_damaged(void (*damage)(void))
{
    struct aks_state *opened = open_state();

    put_source(opened, "/a");
    aks_state_close(opened);
    (void)raw("PRAGMA wal_checkpoint(TRUNCATE)");
    damage();
    opened = open_state();
    assert_null(aks_state_aside(opened));
    return opened;
}

static struct aks_state *
reopen(struct aks_state *before)
{
    struct aks_state *opened = NULL;

    assert_int_equal(aks_state_reopen(aks_alloc_system(), &port->files, temp_folder_path(folder),
        before, &opened, &err), AKS_OK);
    aks_state_close(before);
    return opened;
}

/* The page that runs begin on. */
static void
damage_page(void)
{
    int64_t page = raw("SELECT rootpage FROM sqlite_schema WHERE name = 'runs'");
    size_t len;
    char *whole = temp_folder_read(folder, "state.db", &len);

    assert_true(page > 1 && (size_t)page * PAGE_BYTES <= len);
    memset(whole + (page - 1) * PAGE_BYTES, 0x5a, PAGE_BYTES);
    (void)temp_folder_write(folder, "state.db", whole, len);
    free(whole);
}

static void
page_that_is_damaged_and_read_late_has_the_next_one_look_at_all(void **state)
{
    struct aks_state *opened = open_damaged(damage_page);
    struct aks_state *reader = open_state();

    assert_null(aks_state_aside(reader));
    aks_state_close(reader);
    assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", "{}", &err), AKS_STATE);
    assert_true(aks_state_damaged(opened));
    opened = reopen(opened);
    assert_non_null(aks_state_aside(opened));
    assert_false(aks_state_damaged(opened));
    assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", "{}", &err), AKS_OK);
    aks_state_close(opened);
}

/* As a release before left it, with a page of those that are free damaged: only who makes a table
 * takes one. */
static void
leave_old_and_damaged(void)
{
    unsigned char *whole;
    size_t page;
    size_t len;

    aks_state_close(open_state());
    drop_sums();
    (void)raw("DROP TABLE figures");
    (void)raw("DROP TABLE sums");
    (void)raw("PRAGMA user_version = 4");
    (void)raw("PRAGMA wal_checkpoint(TRUNCATE)");
    whole = (unsigned char *)temp_folder_read(folder, "state.db", &len);
    page = (size_t)whole[34] << 8 | whole[35];          /* the first of the list, in the header */
    assert_true(page > 1 && page * PAGE_BYTES <= len);
    memset(whole + (page - 1) * PAGE_BYTES, 0xaa, PAGE_BYTES);
    (void)temp_folder_write(folder, "state.db", whole, len);
    free(whole);
}

static void
damage_that_an_upgrade_meets_is_set_aside(void **state)
{
    struct aks_state *opened;

    leave_old_and_damaged();
    opened = open_state();
    assert_non_null(aks_state_aside(opened));
    put_source(opened, "/c");
    aks_state_close(opened);
    opened = open_state();
    assert_null(aks_state_aside(opened));
    assert_int_equal(has_source(opened, "/c"), AKS_OK);
    aks_state_close(opened);
}

static json_t *
status_of(const char *member)
{
    json_t *report = NULL;
    json_t *value;

    assert_int_equal(aks_status_report(port, temp_folder_path(folder), &report, &err), AKS_OK);
    value = json_incref(json_object_get(report, member));
    json_decref(report);
    return value;
}

/* What cannot be read is not what never was. */
static void
status_tells_of_what_it_cannot_read(void **state)
{
    json_t *value;

    aks_state_close(open_damaged(damage_page));
    value = status_of("last_run");
    assert_true(json_is_null(value));
    json_decref(value);
    value = status_of("error");
    assert_string_equal(json_string_value(json_object_get(value, "failure")), "state");
    assert_non_null(strstr(json_string_value(json_object_get(value, "hint")), "sets it aside"));
    json_decref(value);
}

static void
damage_snapshot(void)
{
    (void)raw("INSERT INTO snapshots VALUES ('s', NULL, CAST('/a' AS BLOB), 'file', 'copy', NULL,"
        " NULL, 0, 0, 0, 1, 1, 0)");
    (void)raw("INSERT INTO snapshot_files VALUES ('s', 0, 1, CAST('/a' AS BLOB), 1, 'no digest', 1,"
        " 0, 0, 0, 0, 0, 0, 0, 0)");
}

/* SQLite finds nothing wrong with it. */
static void
row_that_makes_no_sense_is_enough(void **state)
{
    struct aks_state *opened = open_damaged(damage_snapshot);
    struct aks_snapshot_row row;

    assert_int_equal(aks_state_check(opened, &err), AKS_OK);
    assert_int_equal(aks_state_snapshot_get(opened, "s", &row, &err), AKS_STATE);
    opened = reopen(opened);
    assert_non_null(aks_state_aside(opened));
    assert_int_equal(aks_state_snapshot_get(opened, "s", &row, &err), AKS_NOT_FOUND);
    aks_state_close(opened);
}

/* Somebody else has it open, and one of both was faster. */
static void
state_that_was_replaced_already_is_not_set_aside_again(void **state)
{
    struct aks_state *first = open_damaged(damage_snapshot);
    struct aks_state *second = open_state();
    struct aks_snapshot_row row;

    assert_int_equal(aks_state_snapshot_get(first, "s", &row, &err), AKS_STATE);
    assert_int_equal(aks_state_snapshot_get(second, "s", &row, &err), AKS_STATE);
    first = reopen(first);
    put_source(first, "/c");
    second = reopen(second);
    assert_null(aks_state_aside(second));
    assert_int_equal(has_source(second, "/c"), AKS_OK);
    assert_false(lies_there("state.db.damaged-2"));
    aks_state_close(first);
    aks_state_close(second);
}

static char good[16 * PAGE_BYTES * 16];
static size_t good_len;

static void
damage_page_for_now(void)
{
    char *whole = temp_folder_read(folder, "state.db", &good_len);

    assert_true(good_len <= sizeof(good));
    memcpy(good, whole, good_len);
    free(whole);
    damage_page();
}

/* A medium may read what it has not: what is whole when all of it is read stays. */
static void
damage_that_is_gone_was_none(void **state)
{
    struct aks_state *opened = open_damaged(damage_page_for_now);
    FILE *file;

    assert_int_equal(aks_state_run_put(opened, "run", NOW, "stored", "{}", &err), AKS_STATE);
    file = fopen(temp_folder_join(folder, "state.db"), "r+");
    assert_non_null(file);
    assert_int_equal(fwrite(good, 1, good_len, file), good_len);
    assert_int_equal(fclose(file), 0);
    opened = reopen(opened);
    assert_null(aks_state_aside(opened));
    assert_false(aks_state_damaged(opened));
    assert_int_equal(has_source(opened, "/a"), AKS_OK);
    aks_state_close(opened);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(setting_aside_that_is_cut_short_anywhere_is_brought_to_its_end),
        TEST(log_that_has_lost_its_database_is_kept),
        TEST(rest_goes_to_the_one_that_was_set_aside_last),
        TEST(state_that_goes_while_it_is_opened_is_made),
        TEST(state_that_is_open_is_the_one_that_is_there),
        TEST(lock_that_is_not_there_any_more_is_none),
        TEST(log_of_a_database_that_was_emptied_outlives_a_look),
        TEST(damage_that_an_upgrade_meets_is_set_aside),
        TEST(status_tells_of_what_it_cannot_read),
        TEST(page_that_is_damaged_and_read_late_has_the_next_one_look_at_all),
        TEST(row_that_makes_no_sense_is_enough),
        TEST(state_that_was_replaced_already_is_not_set_aside_again),
        TEST(damage_that_is_gone_was_none),
    };

    return cmocka_run_group_tests_name("state_aside", tests, NULL, NULL);
}
