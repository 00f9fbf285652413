/* What a death leaves of simulated files. A loss of power is drawn from the seed, so each test
 * looks at many: what must hold, and that all that may happen does. */
#include "base/rng.h"
#include "sim/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 600
#define SECTOR AKS_FILES_SIM_SECTOR_BYTES

static void
begin(struct disk *disk, uint64_t seed)
{
    disk_init(disk, aks_alloc_system(), seed);
    assert_int_equal(aks_files_sim_make_folders(disk->sim, "/home/state", &disk->err), AKS_OK);
}

/* A file that lasts, with its name. */
static struct aks_file *
lasting(struct disk *disk, const char *path, const char *text)
{
    assert_int_equal(aks_files_sim_put(disk->sim, path, text, strlen(text), 0, &disk->err),
        AKS_OK);
    return disk_open(disk, path, AKS_FILE_LOCK);
}

static void
end(struct disk *disk, struct aks_file *file)
{
    disk->files->close(file);
    disk_fini(disk);
}

static void
killed_process_loses_nothing_that_was_written(void **state)
{
    struct disk disk;
    struct aks_file *file;

    begin(&disk, 1);
    file = disk_open(&disk, "/home/f", AKS_FILE_CREATE);
    disk_write(&disk, file, 0, "abc", 3);
    aks_files_sim_crash(disk.sim, false);
    assert_true(disk_holds(&disk, "/home/f", "abc", 3));
    end(&disk, file);
}

static void
what_was_synced_stands(void **state)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk disk;
        struct aks_file *file;

        begin(&disk, seed);
        file = disk_open(&disk, "/home/f", AKS_FILE_CREATE);
        disk_write(&disk, file, 0, "abc", 3);
        disk_write(&disk, file, 1, "B", 1);
        assert_int_equal(disk.files->sync(file, &disk.err), AKS_OK);
        assert_int_equal(disk.files->sync_folder(disk.files->ctx, "/home", &disk.err), AKS_OK);
        aks_files_sim_crash(disk.sim, true);
        assert_true(disk_holds(&disk, "/home/f", "aBc", 3));
        end(&disk, file);
    }
}

/* Writes that are not synced, each of its own value over all of one file. */
static void
each_byte_is_of_a_write_since_the_sync_or_as_it_was_synced(void **state)
{
    enum { BYTES = 8 * SECTOR, WRITES = 20 };
    static bool possible[BYTES][WRITES + 2];

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static char bytes[BYTES];
        struct aks_rng rng;
        struct disk disk;
        struct aks_file *file;
        const char *left;
        size_t len;

        begin(&disk, seed);
        aks_rng_init(&rng, seed);
        memset(possible, 0, sizeof(possible));
        file = lasting(&disk, "/home/f", "");
        for (char value = 1; value <= WRITES; value++) {
            size_t offset = aks_rng_next(&rng) % BYTES;
            size_t count = 1 + aks_rng_next(&rng) % (BYTES - offset);

            memset(bytes, value, count);
            disk_write(&disk, file, (int64_t)offset, bytes, count);
            for (size_t i = offset; i < offset + count; i++)
                possible[i][(int)value] = true;
            if (value != WRITES / 2)
                continue;
            assert_int_equal(disk.files->sync(file, &disk.err), AKS_OK);
            left = aks_files_sim_look(disk.sim, "/home/f", &len);
            memset(possible, 0, sizeof(possible));
            for (size_t i = 0; i < BYTES; i++)
                possible[i][i < len ? (int)left[i] : 0] = true;
        }
        aks_files_sim_crash(disk.sim, true);
        left = aks_files_sim_look(disk.sim, "/home/f", &len);
        for (size_t i = 0; i < len; i++)
            assert_true(possible[i][(int)left[i]]);
        end(&disk, file);
    }
}

/* How often each came about. */
struct seen {
    unsigned whole;
    unsigned none;
    unsigned beginning;
    unsigned finish;
    unsigned mixed;
};

static void
one_write_is_whole_or_lost_or_torn_between_sectors(void **state)
{
    enum { FIRST = 100, LAST = 5 * SECTOR + 50, BYTES = 6 * SECTOR };
    struct seen seen = { 0, 0, 0, 0, 0 };

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static char old[BYTES + 1];
        static char new[BYTES];
        struct disk disk;
        struct aks_file *file;
        const char *left;
        unsigned sectors = 0;
        size_t len;

        begin(&disk, seed);
        memset(old, 'o', BYTES);
        memset(new, 'n', sizeof(new));
        file = lasting(&disk, "/home/f", old);
        disk_write(&disk, file, FIRST, new, LAST - FIRST);
        aks_files_sim_crash(disk.sim, true);
        left = aks_files_sim_look(disk.sim, "/home/f", &len);
        assert_int_equal(len, BYTES);
        for (size_t i = 0; i < BYTES; i++) {
            bool inside = i >= FIRST && i < LAST;

            assert_true(left[i] == 'o' || (inside && left[i] == 'n'));
            if (inside && i % SECTOR != 0 && i > FIRST)
                assert_int_equal(left[i], left[i - 1]);
        }
        for (unsigned i = 0; i < 6; i++)
            sectors |= (left[i * SECTOR + FIRST % SECTOR - (i == 5 ? 51 : 0)] == 'n') << i;
        if (sectors == 0x3f)
            seen.whole++;
        else if (sectors == 0)
            seen.none++;
        else if ((sectors & (sectors + 1)) == 0)
            seen.beginning++;
        else if (((sectors ^ 0x3f) & ((sectors ^ 0x3f) + 1)) == 0)
            seen.finish++;
        else
            seen.mixed++;
        end(&disk, file);
    }
    assert_true(seen.whole > SEEDS / 10 && seen.none > SEEDS / 10);
    assert_true(seen.beginning > 5 && seen.finish > 5 && seen.mixed > 5);
}

static void
a_later_write_may_be_left_where_an_earlier_one_is_lost(void **state)
{
    unsigned holes = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk disk;
        struct aks_file *file;

        begin(&disk, seed);
        file = lasting(&disk, "/home/f", "");
        disk_write(&disk, file, 0, "a", 1);
        disk_write(&disk, file, 1, "b", 1);
        aks_files_sim_crash(disk.sim, true);
        holes += disk_holds(&disk, "/home/f", "\0b", 2);
        end(&disk, file);
    }
    assert_true(holes > 20);
}

static void
file_that_is_emptied_and_written_anew_is_old_or_new_and_no_mixture(void **state)
{
    unsigned old = 0;
    unsigned empty = 0;
    unsigned new = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk disk;
        struct aks_file *file;

        begin(&disk, seed);
        disk.files->close(lasting(&disk, "/home/f", "old text"));
        file = disk_open(&disk, "/home/f", AKS_FILE_REPLACE);
        disk_write(&disk, file, 0, "new", 3);
        aks_files_sim_crash(disk.sim, true);
        if (disk_holds(&disk, "/home/f", "old text", 8))
            old++;
        else if (disk_holds(&disk, "/home/f", "", 0))
            empty++;
        else if (disk_holds(&disk, "/home/f", "new", 3))
            new++;
        else
            fail_msg("seed %llu leaves a mixture", (unsigned long long)seed);
        end(&disk, file);
    }
    assert_true(old > 20 && empty > 20 && new > 20);
}

static void
a_prefix_of_the_changes_of_a_folder_is_left(void **state)
{
    enum { FILES = 5 };
    unsigned counts[FILES + 2] = { 0 };

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk disk;
        unsigned left = 0;
        char path[32];

        begin(&disk, seed);
        for (unsigned i = 0; i < FILES; i++) {
            (void)snprintf(path, sizeof(path), "/home/%u", i);
            disk.files->close(disk_open(&disk, path, AKS_FILE_CREATE));
        }
        assert_int_equal(disk.files->unlink(disk.files->ctx, "/home/0", &disk.err), AKS_OK);
        aks_files_sim_crash(disk.sim, true);
        for (unsigned i = 1; i < FILES; i++) {
            (void)snprintf(path, sizeof(path), "/home/%u", i);
            if (disk_has(&disk, path)) {
                assert_int_equal(left, i - 1);
                left++;
            }
        }
        /* The first is there after the first change and gone after the last. */
        if (left < FILES - 1)
            counts[left + disk_has(&disk, "/home/0")]++;
        else
            counts[disk_has(&disk, "/home/0") ? FILES : FILES + 1]++;
        end(&disk, NULL);
    }
    for (unsigned i = 0; i < FILES + 2; i++)
        assert_true(counts[i] > 10);
}

static void
rename_is_done_or_not_and_in_one_place_only(void **state)
{
    static const char *const targets[] = { "/home/g", "/home/state/g" };
    static const char *const folders[] = { "/home", "/home/state" };

    for (size_t i = 0; i < 6; i++) {
        unsigned done = 0;

        for (uint64_t seed = 0; seed < SEEDS / 2; seed++) {
            const char *target = targets[i % 2];
            struct disk disk;
            struct aks_file *file;
            bool synced = i >= 2;

            begin(&disk, seed);
            disk.files->close(lasting(&disk, target, "old"));
            file = lasting(&disk, "/home/f", "new");
            assert_int_equal(disk.files->rename(disk.files->ctx, "/home/f", target, &disk.err),
                AKS_OK);
            /* Either folder carries both halves, since they are one change. */
            if (synced)
                assert_int_equal(disk.files->sync_folder(disk.files->ctx,
                    folders[i % 2 == 0 ? 0 : i / 2 - 1], &disk.err), AKS_OK);
            aks_files_sim_crash(disk.sim, true);
            if (disk_has(&disk, "/home/f")) {
                assert_false(synced);
                assert_true(disk_holds(&disk, "/home/f", "new", 3));
                assert_true(disk_holds(&disk, target, "old", 3));
            } else {
                assert_true(disk_holds(&disk, target, "new", 3));
                done++;
            }
            end(&disk, file);
        }
        assert_true(i >= 2 ? done == SEEDS / 2 : done > 20 && done < SEEDS / 2 - 20);
    }
}

/* What a program gets that renames without a sync before. */
static void
rename_of_what_was_not_synced_may_leave_an_empty_or_torn_file(void **state)
{
    unsigned empty = 0;
    unsigned torn = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static char new[4 * SECTOR];
        struct disk disk;
        struct aks_file *file;
        size_t len;

        begin(&disk, seed);
        memset(new, 'n', sizeof(new));
        disk.files->close(lasting(&disk, "/home/f", "old"));
        file = disk_open(&disk, "/home/.new", AKS_FILE_CREATE);
        disk_write(&disk, file, 0, new, sizeof(new));
        assert_int_equal(disk.files->rename(disk.files->ctx, "/home/.new", "/home/f", &disk.err),
            AKS_OK);
        assert_int_equal(disk.files->sync_folder(disk.files->ctx, "/home", &disk.err), AKS_OK);
        aks_files_sim_crash(disk.sim, true);
        assert_false(disk_holds(&disk, "/home/f", "old", 3));
        (void)aks_files_sim_look(disk.sim, "/home/f", &len);
        empty += len == 0;
        torn += len > 0 && !disk_holds(&disk, "/home/f", new, sizeof(new));
        end(&disk, file);
    }
    assert_true(empty > 20 && torn > 20);
}

static void
file_whose_name_was_not_synced_may_be_gone_with_its_folder(void **state)
{
    unsigned gone = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk disk;
        struct aks_file *file;

        begin(&disk, seed);
        assert_int_equal(disk.files->make_folder(disk.files->ctx, "/home/q", &disk.err), AKS_OK);
        file = disk_open(&disk, "/home/q/f", AKS_FILE_CREATE);
        disk_write(&disk, file, 0, "abc", 3);
        assert_int_equal(disk.files->sync(file, &disk.err), AKS_OK);
        assert_int_equal(disk.files->sync_folder(disk.files->ctx, "/home/q", &disk.err), AKS_OK);
        aks_files_sim_crash(disk.sim, true);
        assert_int_equal(disk_has(&disk, "/home/q"),
            disk_holds(&disk, "/home/q/f", "abc", 3));
        gone += !disk_has(&disk, "/home/q");
        end(&disk, file);
    }
    assert_true(gone > 20 && gone < SEEDS - 20);
}

static void
what_the_outside_does_stands_at_once(void **state)
{
    for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
        struct disk disk;
        struct aks_file *file;

        begin(&disk, seed);
        file = lasting(&disk, "/home/f", "abc");
        disk_write(&disk, file, 0, "x", 1);
        assert_int_equal(aks_files_sim_edit(disk.sim, "/home/f", 1, "yz", 2, &disk.err), AKS_OK);
        assert_int_equal(aks_files_sim_put(disk.sim, "/home/new/g", "1", 1, 0, &disk.err), AKS_OK);
        assert_int_equal(aks_files_sim_set_locked(disk.sim, "/home/f", true, &disk.err), AKS_OK);
        aks_files_sim_crash(disk.sim, true);
        assert_true(disk_holds(&disk, "/home/f", "xyz", 3));
        assert_true(disk_holds(&disk, "/home/new/g", "1", 1));
        disk.files->close(file);
        file = disk_open(&disk, "/home/f", AKS_FILE_LOCK);
        assert_int_equal(disk.files->lock(file, &disk.err), AKS_OK);    /* that one died too */
        end(&disk, file);
    }
}

/* Anything, on few names: mostly that nothing is counted wrong when it comes back. */
static void
do_anything(struct disk *disk, struct aks_rng *rng, unsigned steps)
{
    static const char *const names[] = { "/home/a", "/home/b", "/home/d", "/home/e", "/home/d/a",
        "/home/d/b", "/home/e/a", "/home/e/d", "/home/d/e" };
    static char bytes[3 * SECTOR];
    const struct aks_files *files = disk->files;
    struct aks_file *file = NULL;

    for (unsigned i = 0; i < steps; i++) {
        const char *path = names[aks_rng_next(rng) % 9];
        const char *to = names[aks_rng_next(rng) % 9];
        size_t len = aks_rng_next(rng) % sizeof(bytes);

        memset(bytes, 'a' + (int)(i % 26), len);
        switch (aks_rng_next(rng) % 12) {
        case 0:
        case 1:
            files->close(file);
            file = NULL;
            (void)files->open(files->ctx, path, AKS_FILE_APPEND, &file, NULL);
            break;
        case 2:
        case 3:
        case 4:
            if (file != NULL)
                (void)files->write(file, 0, bytes, len, NULL);
            break;
        case 5:
            if (file != NULL)
                (void)files->truncate(file, (int64_t)len, NULL);
            break;
        case 6:
            if (file != NULL && len % 2 == 0)
                (void)files->sync(file, NULL);
            break;
        case 7:
            (void)files->make_folder(files->ctx, path, NULL);
            break;
        case 8:
            (void)files->unlink(files->ctx, path, NULL);
            break;
        case 9:
            (void)files->sync_folder(files->ctx, len % 2 == 0 ? "/home" : path, NULL);
            break;
        default:
            (void)files->rename(files->ctx, path, to, NULL);
            break;
        }
    }
    files->close(file);
}

struct picture {
    char text[2048];
    int64_t bytes;
};

static void
add_to_picture(void *ctx, const char *path, int64_t bytes)
{
    struct picture *picture = ctx;
    size_t len = strlen(picture->text);

    (void)snprintf(picture->text + len, sizeof(picture->text) - len, "%s %lld\n", path,
        (long long)bytes);
    picture->bytes += bytes;
}

static void
run_and_crash(uint64_t seed, struct picture *ret_picture)
{
    struct disk disk;
    struct aks_rng rng;

    begin(&disk, seed);
    aks_rng_init(&rng, seed);
    for (unsigned i = 0; i < 4; i++) {
        struct picture picture = { "", 0 };
        int64_t room;

        do_anything(&disk, &rng, 60);
        aks_files_sim_crash(disk.sim, i != 1);
        aks_files_sim_each(disk.sim, add_to_picture, &picture);
        aks_files_sim_set_room(disk.sim, 1000000);
        assert_int_equal(aks_files_sim_remove(disk.sim, "/home", &disk.err), AKS_OK);
        assert_int_equal(disk.files->free_bytes(disk.files->ctx, "/", &room, &disk.err), AKS_OK);
        assert_int_equal(room, 1000000 + picture.bytes);
        aks_files_sim_set_room(disk.sim, -1);
        assert_int_equal(aks_files_sim_make_folders(disk.sim, "/home", &disk.err), AKS_OK);
        *ret_picture = picture;
    }
    disk_fini(&disk);
}

static void
same_seed_has_the_same_outcome_and_no_byte_is_counted_wrong(void **state)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static struct picture one;
        static struct picture two;

        run_and_crash(seed, &one);
        run_and_crash(seed, &two);
        assert_string_equal(one.text, two.text);
    }
}

static void
too_many_writes_without_a_sync_are_taken_for_synced(void **state)
{
    struct disk disk;
    struct aks_file *file;
    const char *left;
    size_t len;

    begin(&disk, 3);
    file = lasting(&disk, "/home/f", "");
    for (int64_t i = 0; i <= AKS_FILES_SIM_PENDING_MAX; i++)
        disk_write(&disk, file, i, "x", 1);
    aks_files_sim_crash(disk.sim, true);
    left = aks_files_sim_look(disk.sim, "/home/f", &len);
    assert_true(len >= AKS_FILES_SIM_PENDING_MAX);
    assert_int_equal(left[0], 'x');
    assert_int_equal(left[AKS_FILES_SIM_PENDING_MAX - 1], 'x');
    end(&disk, file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_process_loses_nothing_that_was_written),
        cmocka_unit_test(what_was_synced_stands),
        cmocka_unit_test(each_byte_is_of_a_write_since_the_sync_or_as_it_was_synced),
        cmocka_unit_test(one_write_is_whole_or_lost_or_torn_between_sectors),
        cmocka_unit_test(a_later_write_may_be_left_where_an_earlier_one_is_lost),
        cmocka_unit_test(file_that_is_emptied_and_written_anew_is_old_or_new_and_no_mixture),
        cmocka_unit_test(a_prefix_of_the_changes_of_a_folder_is_left),
        cmocka_unit_test(rename_is_done_or_not_and_in_one_place_only),
        cmocka_unit_test(rename_of_what_was_not_synced_may_leave_an_empty_or_torn_file),
        cmocka_unit_test(file_whose_name_was_not_synced_may_be_gone_with_its_folder),
        cmocka_unit_test(what_the_outside_does_stands_at_once),
        cmocka_unit_test(same_seed_has_the_same_outcome_and_no_byte_is_counted_wrong),
        cmocka_unit_test(too_many_writes_without_a_sync_are_taken_for_synced),
    };

    return cmocka_run_group_tests_name("simulated files and death", tests, NULL, NULL);
}
