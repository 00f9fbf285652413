/* Simulated files: what the outside does to them, and each way in which a step goes wrong. What
 * they do when all is well is held against the real ones in files_sim_trace_test.c; what a loss of
 * power leaves is in files_sim_crash_test.c. */
#include "base/units.h"
#include "sim/disk.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int
setup(void **state)
{
    struct disk *disk = calloc(1, sizeof(*disk));

    assert_non_null(disk);
    disk_init(disk, aks_alloc_system(), 7);
    assert_int_equal(aks_files_sim_make_folders(disk->sim, "/home/state", &disk->err), AKS_OK);
    *state = disk;
    return 0;
}

static int
teardown(void **state)
{
    disk_fini(*state);
    free(*state);
    return 0;
}

static enum aks_status
put(struct disk *disk, const char *path, const char *text)
{
    return aks_files_sim_put(disk->sim, path, text, strlen(text), 0, &disk->err);
}

static void
write_that_is_cut_has_written_so_much_and_fails(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file *file = disk_open(disk, "/home/f", AKS_FILE_CREATE);

    disk_arm(disk, "write", 1, (struct aks_sim_fault){ .status = AKS_NO_SPACE, .bytes = 3 });
    disk_write(disk, file, 0, "abc", 3);
    assert_int_equal(files->write(file, 3, "defghi", 6, &disk->err), AKS_NO_SPACE);
    assert_string_equal(disk->err.message, "cannot write /home/f: No space left on device");
    assert_true(disk_holds(disk, "/home/f", "abcdef", 6));
    disk_write(disk, file, 6, "x", 1);
    assert_true(disk_holds(disk, "/home/f", "abcdefx", 7));
    files->close(file);
}

static void
read_that_is_cut_fails(void **state)
{
    struct disk *disk = *state;
    struct aks_file *file;
    char text[8];
    size_t len = 0;

    assert_int_equal(put(disk, "/home/f", "abcdef"), AKS_OK);
    file = disk_open(disk, "/home/f", AKS_FILE_READ);
    disk_arm(disk, "read", 0, (struct aks_sim_fault){ .status = AKS_STATE, .bytes = 2 });
    assert_int_equal(disk->files->read(file, 0, text, 6, &len, &disk->err), AKS_STATE);
    assert_string_equal(disk->err.message, "cannot read /home/f: Input/output error");
    assert_int_equal(len, 2);
    assert_int_equal(disk->files->read(file, 0, text, 6, &len, &disk->err), AKS_OK);
    assert_int_equal(len, 6);
    disk->files->close(file);
}

static enum aks_status
no_name(void *ctx, const char *name, struct aks_error *err)
{
    return AKS_OK;
}

/* Does everything that is a step, one of each, on a file and a folder. Returns the first that
 * fails, whose name is then ${ret_verb}. */
static enum aks_status
do_step(struct disk *disk, unsigned which, struct aks_file *file, const char **ret_verb)
{
    static const char *const verbs[] = { "open", "read", "write", "truncate", "sync", "info",
        "lock", "lock", "stat", "resolve", "rename", "unlink", "make_folder", "sync_folder",
        "list", "free_bytes" };
    const struct aks_files *files = disk->files;
    struct aks_file *other = NULL;
    struct aks_file_info info;
    char *path = NULL;
    char text[4];
    int64_t bytes;
    size_t len;
    enum aks_status status;

    *ret_verb = verbs[which];
    switch (which) {
    case 0:
        status = files->open(files->ctx, "/home/new", AKS_FILE_CREATE, &other, &disk->err);
        files->close(other);
        return status;
    case 1:
        return files->read(file, 0, text, 3, &len, &disk->err);
    case 2:
        return files->write(file, 0, "xyz", 3, &disk->err);
    case 3:
        return files->truncate(file, 1, &disk->err);
    case 4:
        return files->sync(file, &disk->err);
    case 5:
        return files->info(file, &info, &disk->err);
    case 6:
        return files->lock(file, &disk->err);
    case 7:
        return files->lock_wait(file, 10, &disk->err);
    case 8:
        return files->stat(files->ctx, "/home/f", true, &info, &disk->err);
    case 9:
        status = files->resolve(files->ctx, "/home/f", aks_alloc_system(), &path, &disk->err);
        aks_mem_free(aks_alloc_system(), path);
        return status;
    case 10:
        return files->rename(files->ctx, "/home/f", "/home/g", &disk->err);
    case 11:
        return files->unlink(files->ctx, "/home/f", &disk->err);
    case 12:
        return files->make_folder(files->ctx, "/home/h", &disk->err);
    case 13:
        return files->sync_folder(files->ctx, "/home", &disk->err);
    case 14:
        return files->list(files->ctx, "/home", no_name, NULL, &disk->err);
    default:
        return files->free_bytes(files->ctx, "/home", &bytes, &disk->err);
    }
}

#define VERBS 16

struct count {
    char text[1024];
};

static void
add_path(void *ctx, const char *path, int64_t bytes)
{
    struct count *count = ctx;
    size_t len = strlen(count->text);

    (void)snprintf(count->text + len, sizeof(count->text) - len, "%s %lld\n", path,
        (long long)bytes);
}

static void
step_that_fails_has_no_effect_and_its_status(void **state)
{
    struct disk *disk = *state;
    struct aks_file *file;

    assert_int_equal(put(disk, "/home/f", "abc"), AKS_OK);
    file = disk_open(disk, "/home/f", AKS_FILE_APPEND);
    for (unsigned which = 0; which < VERBS; which++) {
        static const enum aks_status statuses[] = { AKS_STATE, AKS_FORBIDDEN, AKS_NO_SPACE,
            AKS_LIMIT };
        struct count before = { "" };
        struct count after = { "" };
        const char *verb;

        aks_files_sim_each(disk->sim, add_path, &before);
        for (size_t i = 0; i < 4; i++) {
            disk_arm(disk, NULL, 0, (struct aks_sim_fault){ .status = statuses[i] });
            disk->err.message[0] = '\0';
            assert_int_equal(do_step(disk, which, file, &verb), statuses[i]);
            assert_string_equal(disk->last.verb, verb);
            assert_memory_equal(disk->err.message, "cannot ", 7);
            assert_int_equal(disk->fault_in, -1);
        }
        aks_files_sim_each(disk->sim, add_path, &after);
        assert_string_equal(before.text, after.text);
        assert_true(disk_holds(disk, "/home/f", "abc", 3));
    }
    disk->files->close(file);
}

static void
steps_tell_the_hook_what_they_are_about(void **state)
{
    static const bool changes[VERBS] = { true, false, true, true, true, false, false, false, false,
        false, true, true, true, true, false, false };
    static const int64_t bytes[VERBS] = { 0, 3, 3 };
    struct disk *disk = *state;
    const char *verb;

    for (unsigned which = 0; which < VERBS; which++) {
        struct aks_file *file;
        int64_t steps;

        assert_int_equal(put(disk, "/home/f", "abc"), AKS_OK);
        file = disk_open(disk, "/home/f", AKS_FILE_LOCK);
        assert_false(disk->last.changes);
        steps = disk->steps;
        assert_int_equal(do_step(disk, which, file, &verb), AKS_OK);
        assert_int_equal(disk->steps, steps + 1);
        assert_string_equal(disk->last.verb, verb);
        assert_int_equal(disk->last.changes, changes[which]);
        assert_int_equal(disk->last.bytes, bytes[which]);
        disk->files->close(file);
    }
    disk->files->close(disk_open(disk, "/home/missing", AKS_FILE_APPEND));
    assert_true(disk->last.changes);
}

static void
slow_step_lets_time_pass(void **state)
{
    struct disk *disk = *state;
    struct aks_file *file = disk_open(disk, "/home/f", AKS_FILE_CREATE);
    struct aks_file_info info;

    disk_arm(disk, "write", 0, (struct aks_sim_fault){ .delay_ns = 3 * AKS_NS_PER_S });
    disk_write(disk, file, 0, "abc", 3);
    assert_int_equal(disk->now_ns, 3 * AKS_NS_PER_S);
    assert_int_equal(disk->files->info(file, &info, &disk->err), AKS_OK);
    assert_int_equal(info.mtime_ns, DISK_WALL_MS * AKS_NS_PER_MS + 3 * AKS_NS_PER_S);
    disk->files->close(file);
}

static void
clock_that_is_set_back_repeats_no_stamp(void **state)
{
    struct disk *disk = *state;
    struct aks_file *file = disk_open(disk, "/home/f", AKS_FILE_CREATE);
    struct aks_file_info first;
    struct aks_file_info info;

    disk_write(disk, file, 0, "abc", 3);
    assert_int_equal(disk->files->info(file, &first, &disk->err), AKS_OK);
    disk->now_ns += AKS_NS_PER_S;
    disk_write(disk, file, 0, "abd", 3);
    disk->now_ns -= AKS_NS_PER_S;
    disk_write(disk, file, 0, "abe", 3);
    assert_int_equal(disk->files->info(file, &info, &disk->err), AKS_OK);
    assert_true(info.mtime_ns != first.mtime_ns && info.ctime_ns != first.ctime_ns);
    disk->files->close(file);
}

static void
process_that_died_does_nothing_more_and_what_it_wrote_is_there(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file *file = disk_open(disk, "/home/f", AKS_FILE_LOCK);
    struct aks_file *again;
    const char *verb;
    int64_t steps;

    assert_int_equal(files->lock(file, &disk->err), AKS_OK);
    disk_die(disk, 0, 2);
    assert_int_equal(files->write(file, 0, "abcdef", 6, &disk->err), AKS_STATE);
    assert_string_equal(disk->err.message, "cannot write /home/f: the process has died");
    steps = disk->steps;
    for (unsigned which = 0; which < VERBS; which++)
        assert_int_equal(do_step(disk, which, file, &verb), AKS_STATE);
    assert_int_equal(disk->steps, steps);
    assert_int_equal(aks_files_sim_open_count(disk->sim), 1);
    aks_files_sim_crash(disk->sim, false);
    assert_int_equal(aks_files_sim_open_count(disk->sim), 0);
    assert_true(disk_holds(disk, "/home/f", "ab", 2));
    again = disk_open(disk, "/home/f", AKS_FILE_LOCK);
    assert_int_equal(files->lock(again, &disk->err), AKS_OK);
    assert_int_equal(files->write(file, 0, "x", 1, &disk->err), AKS_STATE);
    assert_string_equal(disk->err.message, "cannot write /home/f: the process is gone");
    assert_false(files->locked_by_writer(file, 0, 0));
    files->close(file);
    files->close(again);
    assert_true(disk_holds(disk, "/home/f", "ab", 2));
}

static void
process_may_die_before_or_after_a_change_of_names(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;

    assert_int_equal(put(disk, "/home/f", "abc"), AKS_OK);
    disk_die(disk, 0, 0);
    assert_int_equal(files->rename(files->ctx, "/home/f", "/home/g", &disk->err), AKS_STATE);
    assert_string_equal(disk->err.message,
        "cannot rename /home/f to /home/g: the process has died");
    assert_true(disk_has(disk, "/home/f"));
    aks_files_sim_crash(disk->sim, false);
    disk_die(disk, 0, 1);
    assert_int_equal(files->rename(files->ctx, "/home/f", "/home/g", &disk->err), AKS_STATE);
    assert_false(disk_has(disk, "/home/f"));
    assert_true(disk_has(disk, "/home/g"));
}

static void
full_disk_takes_what_there_is_room_for(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file *file = disk_open(disk, "/home/f", AKS_FILE_CREATE);
    int64_t bytes = -1;

    assert_int_equal(put(disk, "/home/old", "0123456789"), AKS_OK);
    aks_files_sim_set_room(disk->sim, 4);
    assert_int_equal(files->free_bytes(files->ctx, "/home", &bytes, &disk->err), AKS_OK);
    assert_int_equal(bytes, 4);
    assert_int_equal(files->write(file, 0, "abcdef", 6, &disk->err), AKS_NO_SPACE);
    assert_string_equal(disk->err.message, "cannot write /home/f: No space left on device");
    assert_true(disk_holds(disk, "/home/f", "abcd", 4));
    assert_int_equal(files->write(file, 4, "e", 1, &disk->err), AKS_NO_SPACE);
    disk_write(disk, file, 1, "BCD", 3);        /* over what is there it needs none */
    assert_int_equal(files->unlink(files->ctx, "/home/old", &disk->err), AKS_OK);
    assert_int_equal(files->free_bytes(files->ctx, "/home", &bytes, &disk->err), AKS_OK);
    assert_int_equal(bytes, 10);
    disk_write(disk, file, 4, "efghij", 6);
    assert_int_equal(files->truncate(file, 1, &disk->err), AKS_OK);
    assert_int_equal(files->free_bytes(files->ctx, "/home", &bytes, &disk->err), AKS_OK);
    assert_int_equal(bytes, 13);
    aks_files_sim_set_room(disk->sim, -1);
    assert_int_equal(files->free_bytes(files->ctx, "/home", &bytes, &disk->err), AKS_OK);
    assert_true(bytes > AKS_GIB);
    files->close(file);
}

static void
file_that_is_unlinked_gives_its_room_back_once_it_is_closed(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file *file = disk_open(disk, "/home/f", AKS_FILE_CREATE);
    int64_t bytes = -1;

    aks_files_sim_set_room(disk->sim, 100);
    disk_write(disk, file, 0, "abcdef", 6);
    assert_int_equal(files->unlink(files->ctx, "/home/f", &disk->err), AKS_OK);
    (void)files->free_bytes(files->ctx, "/home", &bytes, &disk->err);
    assert_int_equal(bytes, 94);
    files->close(file);
    (void)files->free_bytes(files->ctx, "/home", &bytes, &disk->err);
    assert_int_equal(bytes, 100);
}

static void
nothing_changes_below_a_read_only_folder(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    static const unsigned forbidden[] = { 0, 2, 3, 10, 11, 12 };
    struct aks_file *file;
    const char *verb;

    assert_int_equal(put(disk, "/home/f", "abc"), AKS_OK);
    assert_int_equal(put(disk, "/tmp/f", "abc"), AKS_OK);
    file = disk_open(disk, "/home/f", AKS_FILE_LOCK);
    assert_int_equal(aks_files_sim_set_read_only(disk->sim, "/home", &disk->err), AKS_OK);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        assert_int_equal(do_step(disk, forbidden[i], file, &verb), AKS_FORBIDDEN);
        assert_non_null(strstr(disk->err.message, ": Read-only file system"));
    }
    assert_int_equal(do_step(disk, 1, file, &verb), AKS_OK);
    files->close(file);
    file = NULL;
    assert_int_equal(files->open(files->ctx, "/home/f", AKS_FILE_APPEND, &file, &disk->err),
        AKS_FORBIDDEN);
    assert_int_equal(files->rename(files->ctx, "/tmp/f", "/home/state/f", &disk->err),
        AKS_FORBIDDEN);
    assert_int_equal(files->rename(files->ctx, "/tmp/f", "/tmp/g", &disk->err), AKS_OK);
    assert_int_equal(put(disk, "/home/new/f", "1"), AKS_OK);    /* the outside may */
    assert_int_equal(files->open(files->ctx, "/home/new/f", AKS_FILE_LOCK, &file, &disk->err),
        AKS_FORBIDDEN);
    assert_int_equal(aks_files_sim_set_read_only(disk->sim, "/nowhere", &disk->err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_files_sim_set_read_only(disk->sim, NULL, &disk->err), AKS_OK);
    assert_int_equal(files->unlink(files->ctx, "/home/f", &disk->err), AKS_OK);
}

static void
lock_that_is_waited_for_takes_its_time(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file *one = disk_open(disk, "/home/lock", AKS_FILE_LOCK);
    struct aks_file *two = disk_open(disk, "/home/lock", AKS_FILE_LOCK);

    assert_int_equal(files->lock_wait(one, 1000, &disk->err), AKS_OK);
    assert_int_equal(disk->now_ns, 0);
    assert_true(files->locked_by_writer(two, 0, 0));
    assert_false(files->locked_by_writer(one, 0, 0));
    assert_int_equal(files->lock_wait(two, 1000, &disk->err), AKS_CONFLICT);
    assert_string_equal(disk->err.message, "cannot lock /home/lock: it is locked already");
    assert_int_equal(disk->now_ns, AKS_NS_PER_S);
    files->close(one);
    assert_int_equal(files->lock(two, &disk->err), AKS_OK);
    files->close(two);
    assert_int_equal(aks_files_sim_set_locked(disk->sim, "/home/lock", true, &disk->err), AKS_OK);
    one = disk_open(disk, "/home/lock", AKS_FILE_LOCK);
    assert_true(files->locked_by_writer(one, 5, 1));
    assert_int_equal(files->lock(one, &disk->err), AKS_CONFLICT);
    assert_int_equal(aks_files_sim_set_locked(disk->sim, "/home/lock", false, &disk->err), AKS_OK);
    assert_int_equal(files->lock(one, &disk->err), AKS_OK);
    files->close(one);
}

static void
outside_puts_edits_and_removes_while_files_are_open(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file_info before;
    struct aks_file_info after;
    struct aks_file *file;
    char text[8];
    size_t len;

    assert_int_equal(aks_files_sim_put(disk->sim, "/src/db", "abcdef", 6, 42, &disk->err), AKS_OK);
    file = disk_open(disk, "/src/db", AKS_FILE_READ);
    assert_int_equal(files->info(file, &before, &disk->err), AKS_OK);
    assert_int_equal(before.mtime_ns, 42);
    disk->now_ns += AKS_NS_PER_S;
    assert_int_equal(aks_files_sim_edit(disk->sim, "/src/db", 4, "EFGH", 4, &disk->err), AKS_OK);
    assert_int_equal(files->read(file, 0, text, 8, &len, &disk->err), AKS_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(text, "abcdEFGH", 8);
    assert_int_equal(files->info(file, &after, &disk->err), AKS_OK);
    assert_true(after.mtime_ns > before.mtime_ns && after.ctime_ns > before.ctime_ns);
    assert_int_equal(after.inode, before.inode);
    /* Whoever replaces a file leaves the old one to those who have it open. */
    assert_int_equal(put(disk, "/src/db", "new"), AKS_OK);
    assert_int_equal(files->read(file, 0, text, 8, &len, &disk->err), AKS_OK);
    assert_memory_equal(text, "abcdEFGH", 8);
    assert_int_equal(files->stat(files->ctx, "/src/db", true, &after, &disk->err), AKS_OK);
    assert_true(after.inode != before.inode);
    assert_int_equal(aks_files_sim_remove(disk->sim, "/src", &disk->err), AKS_OK);
    assert_false(disk_has(disk, "/src"));
    assert_int_equal(files->read(file, 0, text, 8, &len, &disk->err), AKS_OK);
    assert_int_equal(len, 8);
    files->close(file);
}

static void
what_the_outside_cannot_do_it_is_told(void **state)
{
    struct disk *disk = *state;
    size_t len;

    assert_int_equal(put(disk, "/home/f", "abc"), AKS_OK);
    assert_int_equal(put(disk, "/home", "abc"), AKS_STATE);
    assert_int_equal(put(disk, "/home/f/g", "abc"), AKS_NOT_FOUND);
    assert_int_equal(put(disk, "relative", "abc"), AKS_NOT_FOUND);
    assert_int_equal(aks_files_sim_edit(disk->sim, "/home/g", 0, "x", 1, &disk->err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_files_sim_edit(disk->sim, "/home", 0, "x", 1, &disk->err), AKS_STATE);
    assert_int_equal(aks_files_sim_edit(disk->sim, "/home/f", -1, "x", 1, &disk->err), AKS_STATE);
    assert_int_equal(aks_files_sim_remove(disk->sim, "/home/g", &disk->err), AKS_NOT_FOUND);
    assert_int_equal(aks_files_sim_remove(disk->sim, "/", &disk->err), AKS_STATE);
    assert_int_equal(aks_files_sim_make_folders(disk->sim, "/home/f/x", &disk->err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_files_sim_link(disk->sim, "/home/f", "x", &disk->err), AKS_CONFLICT);
    assert_null(aks_files_sim_look(disk->sim, "/home", &len));
    assert_null(aks_files_sim_look(disk->sim, "/nowhere", &len));
    assert_int_equal(put(disk, "/home/empty", ""), AKS_OK);
    assert_non_null(aks_files_sim_look(disk->sim, "/home/empty", &len));
    assert_int_equal(len, 0);
}

static void
every_path_comes_in_byte_order(void **state)
{
    struct disk *disk = *state;
    struct count count = { "" };

    assert_int_equal(put(disk, "/a/x", "1"), AKS_OK);
    assert_int_equal(put(disk, "/a-b", "12"), AKS_OK);
    assert_int_equal(put(disk, "/a0", "123"), AKS_OK);
    assert_int_equal(put(disk, "/a/b/c", ""), AKS_OK);
    aks_files_sim_each(disk->sim, add_path, &count);
    assert_string_equal(count.text, "/ 0\n/a-b 2\n/a/ 0\n/a/b/ 0\n/a/b/c 0\n/a/x 1\n/a0 3\n"
        "/home/ 0\n/home/state/ 0\n");
}

static void
many_names_are_found_again(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file_info info;
    char path[64];

    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(path, sizeof(path), "/home/state/%u", i * 7919 % 3000);
        files->close(disk_open(disk, path, AKS_FILE_CREATE));
    }
    for (unsigned i = 0; i < 3000; i += 2) {
        (void)snprintf(path, sizeof(path), "/home/state/%u", i);
        assert_int_equal(files->unlink(files->ctx, path, &disk->err), AKS_OK);
    }
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(path, sizeof(path), "/home/state/%u", i);
        assert_int_equal(files->stat(files->ctx, path, false, &info, NULL),
            i % 2 == 0 ? AKS_NOT_FOUND : AKS_OK);
    }
}

static int
use_disk(void *ctx, const struct aks_alloc *alloc)
{
    struct disk disk;
    struct aks_file *file = NULL;
    const char *verb;

    if (disk_try(&disk, alloc, 1) != AKS_OK)
        return disk.err.status == AKS_LIMIT ? 0 : 1;
    (void)aks_files_sim_link(disk.sim, "/home/link", "f", &disk.err);
    if (aks_files_sim_put(disk.sim, "/home/f", "abc", 3, 0, &disk.err) == AKS_OK &&
        disk.files->open(disk.files->ctx, "/home/f", AKS_FILE_LOCK, &file, &disk.err) == AKS_OK) {
        for (unsigned which = 0; which < VERBS; which++) {
            if (do_step(&disk, which, file, &verb) != AKS_OK && disk.err.status != AKS_LIMIT &&
                disk.err.status != AKS_NOT_FOUND)
                return 1;
        }
        (void)aks_files_sim_edit(disk.sim, "/home/g", 10, "abc", 3, &disk.err);
        (void)disk.files->write(file, 1, "later", 5, &disk.err);
        (void)disk.files->rename(disk.files->ctx, "/home/g", "/home/h/g", &disk.err);
    }
    aks_files_sim_crash(disk.sim, true);
    disk.files->close(file);
    disk_fini(&disk);
    return 0;
}

static void
disk_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(use_disk, NULL, 200);
}

static void
clone_copies_all_at_one_step_where_files_can_share_bytes(void **state)
{
    struct disk *disk = *state;
    const struct aks_files *files = disk->files;
    struct aks_file_info info;
    struct aks_file *from;
    struct aks_file *to;

    assert_int_equal(put(disk, "/home/a", "hello"), AKS_OK);
    from = disk_open(disk, "/home/a", AKS_FILE_READ);
    to = disk_open(disk, "/home/b", AKS_FILE_CREATE);
    assert_false(files->may_clone(files->ctx, "/home"));
    assert_false(files->clone(from, to));
    aks_files_sim_set_clones(disk->sim, true);
    assert_true(files->may_clone(files->ctx, "/home"));
    disk_arm(disk, "clone", 0, (struct aks_sim_fault){ .status = AKS_NO_SPACE });
    assert_false(files->clone(from, to));
    aks_files_sim_set_room(disk->sim, 4);
    assert_false(files->clone(from, to));
    assert_int_equal(files->info(to, &info, &disk->err), AKS_OK);
    assert_int_equal(info.bytes, 0);
    aks_files_sim_set_room(disk->sim, -1);
    assert_true(files->clone(from, to));
    assert_true(disk_holds(disk, "/home/b", "hello", 5));
    files->close(to);
    files->close(from);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(write_that_is_cut_has_written_so_much_and_fails),
        TEST(read_that_is_cut_fails),
        TEST(step_that_fails_has_no_effect_and_its_status),
        TEST(steps_tell_the_hook_what_they_are_about),
        TEST(slow_step_lets_time_pass),
        TEST(clock_that_is_set_back_repeats_no_stamp),
        TEST(clone_copies_all_at_one_step_where_files_can_share_bytes),
        TEST(process_that_died_does_nothing_more_and_what_it_wrote_is_there),
        TEST(process_may_die_before_or_after_a_change_of_names),
        TEST(full_disk_takes_what_there_is_room_for),
        TEST(file_that_is_unlinked_gives_its_room_back_once_it_is_closed),
        TEST(nothing_changes_below_a_read_only_folder),
        TEST(lock_that_is_waited_for_takes_its_time),
        TEST(outside_puts_edits_and_removes_while_files_are_open),
        TEST(what_the_outside_cannot_do_it_is_told),
        TEST(every_path_comes_in_byte_order),
        TEST(many_names_are_found_again),
        cmocka_unit_test(disk_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("simulated files", tests, NULL, NULL);
}
