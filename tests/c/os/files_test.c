#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct aks_os *os;
    const struct aks_files *files;
    struct temp_folder *folder;
    struct aks_error err;
};

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, &world->err), AKS_OK);
    world->files = &aks_os_port(world->os)->files;
    world->folder = temp_folder_new();
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    temp_folder_free(world->folder);
    aks_os_close(world->os);
    free(world);
    return 0;
}

static enum aks_status
try_open(struct world *world, const char *path, enum aks_file_open how, struct aks_file **ret_file)
{
    return world->files->open(world->files->ctx, path, how, ret_file, &world->err);
}

static struct aks_file *
open_file(struct world *world, const char *path, enum aks_file_open how)
{
    struct aks_file *file = NULL;

    assert_int_equal(try_open(world, path, how, &file), AKS_OK);
    assert_non_null(file);
    return file;
}

/* Runs ${body} in another process and returns what it returned. */
static int
in_child(int (*body)(struct world *world, const char *path), struct world *world, const char *path)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0)
        _exit(body(world, path));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
file_reads_back_what_was_written_at_any_offset(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *path = temp_folder_join(world->folder, "a");
    struct aks_file *file = open_file(world, path, AKS_FILE_CREATE);
    struct aks_file_info info;
    char text[16] = { 0 };
    size_t len = 99;

    assert_int_equal(files->write(file, 3, "def", 3, &world->err), AKS_OK);
    assert_int_equal(files->write(file, 0, "abc", 3, &world->err), AKS_OK);
    assert_int_equal(files->sync(file, &world->err), AKS_OK);
    assert_int_equal(files->read(file, 1, text, 4, &len, &world->err), AKS_OK);
    assert_int_equal(len, 4);
    assert_string_equal(text, "bcde");
    assert_int_equal(files->read(file, 6, text, sizeof(text), &len, &world->err), AKS_OK);
    assert_int_equal(len, 0);
    assert_int_equal(files->truncate(file, 2, &world->err), AKS_OK);
    assert_int_equal(files->info(file, &info, &world->err), AKS_OK);
    assert_int_equal(info.bytes, 2);
    assert_int_equal(info.type, AKS_FILE_REGULAR);
    assert_int_equal(info.mode, 0600);
    assert_int_equal(info.uid, geteuid());
    files->close(file);
    files->close(NULL);
}

static void
file_that_is_created_must_not_exist(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "a", "old", 3);
    struct aks_file *file = NULL;

    assert_int_equal(try_open(world, path, AKS_FILE_CREATE, &file), AKS_CONFLICT);
    assert_null(file);
    assert_non_null(strstr(world->err.message, "cannot create /"));
    assert_non_null(strstr(world->err.message, "/a: File exists"));
}

static void
file_that_is_replaced_is_empty(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "a", "old", 3);
    struct aks_file *file = open_file(world, path, AKS_FILE_REPLACE);
    struct aks_file_info info;

    assert_int_equal(world->files->info(file, &info, &world->err), AKS_OK);
    assert_int_equal(info.bytes, 0);
    world->files->close(file);
}

static void
file_that_is_appended_to_grows_at_its_end_whatever_the_offset(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_join(world->folder, "log");
    struct aks_file *one = open_file(world, path, AKS_FILE_APPEND);
    struct aks_file *two = open_file(world, path, AKS_FILE_APPEND);
    char *text;

    assert_int_equal(world->files->write(one, 0, "one\n", 4, &world->err), AKS_OK);
    assert_int_equal(world->files->write(two, 0, "two\n", 4, &world->err), AKS_OK);
    assert_int_equal(world->files->write(one, 0, "three\n", 6, &world->err), AKS_OK);
    world->files->close(one);
    world->files->close(two);
    text = temp_folder_read(world->folder, "log", NULL);
    assert_string_equal(text, "one\ntwo\nthree\n");
    free(text);
}

static void
links_are_followed_for_reading_only(void **state)
{
    struct world *world = *state;
    const char *target = temp_folder_write(world->folder, "target", "x", 1);
    const char *link = temp_folder_join(world->folder, "link");
    const char *dangling = temp_folder_join(world->folder, "dangling");
    struct aks_file *file = NULL;

    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(symlink("nowhere", dangling), 0);
    world->files->close(open_file(world, link, AKS_FILE_READ));
    assert_int_equal(try_open(world, link, AKS_FILE_READ_OWN, &file), AKS_LIMIT);
    assert_string_equal(world->err.hint, "a symbolic link is not followed here");
    world->files->close(open_file(world, target, AKS_FILE_READ_OWN));
    assert_int_equal(try_open(world, link, AKS_FILE_APPEND, &file), AKS_LIMIT);
    assert_string_equal(world->err.hint, "a symbolic link is not followed here");
    assert_int_equal(try_open(world, link, AKS_FILE_LOCK, &file), AKS_LIMIT);
    assert_int_equal(try_open(world, link, AKS_FILE_CREATE, &file), AKS_CONFLICT);
    assert_int_equal(try_open(world, dangling, AKS_FILE_CREATE, &file), AKS_CONFLICT);
    assert_int_equal(try_open(world, dangling, AKS_FILE_READ, &file), AKS_NOT_FOUND);
    assert_null(file);
}

static void
every_kind_of_failure_has_its_status(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *loop = temp_folder_join(world->folder, "loop");
    const char *file_path = temp_folder_write(world->folder, "f", "x", 1);
    const char *below_file = temp_folder_join(world->folder, "f/g");
    const char *missing = temp_folder_join(world->folder, "missing");
    char name[400];
    struct aks_file_info info;
    struct aks_file *file = NULL;
    char *resolved = NULL;

    assert_int_equal(symlink("loop", loop), 0);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(try_open(world, loop, AKS_FILE_READ, &file), AKS_LIMIT);
    assert_int_equal(files->resolve(files->ctx, loop, aks_alloc_system(), &resolved, &world->err),
        AKS_LIMIT);
    assert_int_equal(files->stat(files->ctx, loop, true, &info, &world->err), AKS_LIMIT);
    assert_int_equal(files->stat(files->ctx, loop, false, &info, &world->err), AKS_OK);
    assert_int_equal(info.type, AKS_FILE_LINK);
    assert_int_equal(try_open(world, missing, AKS_FILE_READ, &file), AKS_NOT_FOUND);
    assert_int_equal(try_open(world, below_file, AKS_FILE_READ, &file), AKS_NOT_FOUND);
    assert_int_equal(try_open(world, temp_folder_join(world->folder, name), AKS_FILE_CREATE, &file),
        AKS_LIMIT);
    assert_int_equal(files->make_folder(files->ctx, file_path, &world->err), AKS_CONFLICT);
    assert_int_equal(files->unlink(files->ctx, missing, &world->err), AKS_NOT_FOUND);
    assert_int_equal(files->rename(files->ctx, missing, file_path, &world->err), AKS_NOT_FOUND);
    assert_non_null(strstr(world->err.message, "cannot rename /"));
    assert_int_equal(files->sync_folder(files->ctx, file_path, &world->err), AKS_NOT_FOUND);
    assert_int_equal(try_open(world, temp_folder_path(world->folder), AKS_FILE_REPLACE, &file),
        AKS_STATE);
    assert_null(file);
    assert_null(resolved);
}

static int
open_without_rights(struct world *world, const char *path)
{
    struct aks_file *file = NULL;

    if (geteuid() == 0 && setuid(65534) != 0)
        return 99;
    return (int)try_open(world, path, AKS_FILE_READ, &file);
}

static void
file_without_rights_is_forbidden(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "secret", "x", 1);

    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(in_child(open_without_rights, world, path), AKS_FORBIDDEN);
}

static void
full_device_is_no_space(void **state)
{
    struct world *world = *state;
    struct aks_file *file = open_file(world, "/dev/full", AKS_FILE_REPLACE);

    assert_int_equal(world->files->write(file, 0, "x", 1, &world->err), AKS_NO_SPACE);
    assert_string_equal(world->err.message, "cannot write /dev/full: No space left on device");
    world->files->close(file);
}

static int
write_over_limit(struct world *world, const char *path)
{
    const struct rlimit limit = { 4096, 4096 };
    struct aks_file *file = NULL;
    char *block = calloc(1, 8192);
    enum aks_status status;

    if (block == NULL || setrlimit(RLIMIT_FSIZE, &limit) != 0
        || try_open(world, path, AKS_FILE_CREATE, &file) != AKS_OK)
        return 99;
    status = world->files->write(file, 0, block, 8192, &world->err);
    world->files->close(file);
    free(block);
    return (int)status;
}

static void
file_over_the_size_limit_is_no_space_and_no_signal(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_join(world->folder, "big");

    assert_int_equal(in_child(write_over_limit, world, path), AKS_NO_SPACE);
}

static int
run_out_of_descriptors(struct world *world, const char *path)
{
    const struct rlimit limit = { 3, 3 };
    struct aks_file *file = NULL;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 99;
    return (int)try_open(world, path, AKS_FILE_READ, &file);
}

static void
too_many_open_files_is_a_limit(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "f", "x", 1);

    assert_int_equal(in_child(run_out_of_descriptors, world, path), AKS_LIMIT);
}

static void
fifo_is_opened_without_waiting_for_its_other_end(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_join(world->folder, "fifo");
    struct aks_file_info info;
    struct aks_file *file;
    char byte;
    size_t len;

    assert_int_equal(mkfifo(path, 0600), 0);
    file = open_file(world, path, AKS_FILE_READ);
    assert_int_equal(world->files->info(file, &info, &world->err), AKS_OK);
    assert_int_equal(info.type, AKS_FILE_OTHER);
    assert_int_equal(world->files->read(file, 0, &byte, 1, &len, &world->err), AKS_STATE);
    world->files->close(file);
}

struct listing {
    char text[256];
    unsigned count;
    unsigned stop_at;
};

static enum aks_status
add_name(void *ctx, const char *name, struct aks_error *err)
{
    struct listing *listing = ctx;
    size_t len = strlen(listing->text);

    (void)snprintf(listing->text + len, sizeof(listing->text) - len, "%s ", name);
    listing->count++;
    if (listing->count == listing->stop_at)
        return aks_error_set(err, AKS_CANCELLED, "enough");
    return AKS_OK;
}

static void
folder_is_listed_in_byte_order(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *folder = temp_folder_path(world->folder);
    struct listing listing = { .stop_at = 0 };
    struct listing stopped = { .stop_at = 2 };

    (void)temp_folder_write(world->folder, "b", "", 0);
    (void)temp_folder_write(world->folder, "\xc3\xa4", "", 0);
    (void)temp_folder_write(world->folder, "B", "", 0);
    (void)temp_folder_write(world->folder, ".hidden", "", 0);
    (void)temp_folder_write(world->folder, "ab", "", 0);
    assert_int_equal(files->list(files->ctx, folder, add_name, &listing, &world->err), AKS_OK);
    assert_string_equal(listing.text, ".hidden B ab b \xc3\xa4 ");
    assert_int_equal(files->list(files->ctx, folder, add_name, &stopped, &world->err),
        AKS_CANCELLED);
    assert_int_equal(stopped.count, 2);
    assert_string_equal(world->err.message, "enough");
    assert_int_equal(files->list(files->ctx, temp_folder_join(world->folder, "none"), add_name,
        &listing, &world->err), AKS_NOT_FOUND);
}

static void
empty_folder_has_no_names(void **state)
{
    struct world *world = *state;
    struct listing listing = { .stop_at = 0 };

    assert_int_equal(world->files->list(world->files->ctx, temp_folder_path(world->folder),
        add_name, &listing, &world->err), AKS_OK);
    assert_int_equal(listing.count, 0);
}

static void
folder_is_made_private_synced_and_told_its_free_space(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *path = temp_folder_join(world->folder, "inner");
    struct aks_file_info info;
    int64_t bytes = -1;

    assert_int_equal(files->make_folder(files->ctx, path, &world->err), AKS_OK);
    assert_int_equal(files->stat(files->ctx, path, true, &info, &world->err), AKS_OK);
    assert_int_equal(info.type, AKS_FILE_FOLDER);
    assert_int_equal(info.mode, 0700);
    assert_int_equal(files->sync_folder(files->ctx, path, &world->err), AKS_OK);
    assert_int_equal(files->free_bytes(files->ctx, path, &bytes, &world->err), AKS_OK);
    assert_true(bytes >= 0);
    assert_int_equal(files->free_bytes(files->ctx, "/no/such/place", &bytes, &world->err),
        AKS_NOT_FOUND);
}

static void
rename_replaces_and_unlink_removes(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *from = temp_folder_write(world->folder, "from", "new", 3);
    const char *to = temp_folder_write(world->folder, "to", "old", 3);
    struct aks_file_info info;
    char *text;

    assert_int_equal(files->rename(files->ctx, from, to, &world->err), AKS_OK);
    text = temp_folder_read(world->folder, "to", NULL);
    assert_string_equal(text, "new");
    free(text);
    assert_int_equal(files->stat(files->ctx, from, true, &info, &world->err), AKS_NOT_FOUND);
    assert_int_equal(files->unlink(files->ctx, to, &world->err), AKS_OK);
    assert_int_equal(files->stat(files->ctx, to, true, &info, &world->err), AKS_NOT_FOUND);
}

static void
only_an_empty_folder_is_removed(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *folder = temp_folder_join(world->folder, "folder");
    const char *file = temp_folder_join(world->folder, "folder/file");
    struct aks_file *handle;
    struct aks_file_info info;

    assert_int_equal(files->make_folder(files->ctx, folder, &world->err), AKS_OK);
    assert_int_equal(files->open(files->ctx, file, AKS_FILE_CREATE, &handle, &world->err), AKS_OK);
    files->close(handle);
    assert_int_equal(files->remove_folder(files->ctx, folder, &world->err), AKS_CONFLICT);
    assert_int_equal(files->remove_folder(files->ctx, file, &world->err), AKS_NOT_FOUND);
    assert_int_equal(files->unlink(files->ctx, file, &world->err), AKS_OK);
    assert_int_equal(files->remove_folder(files->ctx, folder, &world->err), AKS_OK);
    assert_int_equal(files->stat(files->ctx, folder, true, &info, &world->err), AKS_NOT_FOUND);
}

static void
resolve_leads_through_links(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    const char *target = temp_folder_write(world->folder, "target", "x", 1);
    const char *link = temp_folder_join(world->folder, "link");
    char *resolved = NULL;

    assert_int_equal(symlink("./target", link), 0);
    assert_int_equal(files->resolve(files->ctx, link, aks_alloc_system(), &resolved, &world->err),
        AKS_OK);
    assert_string_equal(resolved, target);
    aks_mem_free(aks_alloc_system(), resolved);
}

#define DESCRIPTORS 64

static void
descriptors_do_not_reach_a_child_program(void **state)
{
    struct world *world = *state;
    const enum aks_file_open ways[] = { AKS_FILE_REPLACE, AKS_FILE_READ, AKS_FILE_APPEND,
        AKS_FILE_LOCK };
    const char *path = temp_folder_join(world->folder, "a");
    bool before[DESCRIPTORS];
    struct aks_file *files[4];
    struct aks_os *os = NULL;
    unsigned opened = 0;

    for (int fd = 0; fd < DESCRIPTORS; fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (unsigned i = 0; i < 4; i++)
        files[i] = open_file(world, path, ways[i]);
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (before[fd] || flags < 0)
            continue;
        assert_true((flags & FD_CLOEXEC) != 0);
        opened++;
    }
    assert_int_equal(opened, 5);
    for (unsigned i = 0; i < 4; i++)
        world->files->close(files[i]);
    aks_os_close(os);
}

static int
use_files(void *ctx, const struct aks_alloc *alloc)
{
    struct world *world = ctx;
    const char *path = temp_folder_join(world->folder, "f");
    struct listing listing = { .stop_at = 0 };
    struct aks_error err;
    struct aks_os *os = NULL;
    const struct aks_files *files;
    struct aks_file *file = NULL;
    char *resolved = NULL;

    if (aks_os_open(alloc, &os, &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    files = &aks_os_port(os)->files;
    if (files->open(files->ctx, path, AKS_FILE_REPLACE, &file, &err) == AKS_OK
        && files->resolve(files->ctx, path, alloc, &resolved, &err) == AKS_OK)
        (void)files->list(files->ctx, temp_folder_path(world->folder), add_name, &listing, &err);
    aks_mem_free(alloc, resolved);
    files->close(file);
    aks_os_close(os);
    return 0;
}

static void
files_survive_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(use_files, *state, 100);
}

/* Whether it can be done is the file system's: the copy has all bytes, or is as empty as it was. */
static void
clone_shares_all_bytes_or_does_nothing(void **state)
{
    struct world *world = *state;
    const struct aks_files *files = world->files;
    struct aks_file *from = open_file(world, temp_folder_write(world->folder, "a", "hello", 5),
        AKS_FILE_READ);
    struct aks_file *to = open_file(world, temp_folder_join(world->folder, "b"), AKS_FILE_CREATE);
    bool cloned = files->clone(from, to);
    struct aks_file_info info;

    assert_int_equal(files->info(to, &info, &world->err), AKS_OK);
    assert_int_equal(info.bytes, cloned ? 5 : 0);
    /* Who says that it is not worth while is not asked to. */
    if (cloned)
        assert_true(files->may_clone(files->ctx, temp_folder_path(world->folder)));
    assert_false(files->may_clone(files->ctx, temp_folder_join(world->folder, "missing")));
    assert_false(files->clone(from, from));
    files->close(to);
    files->close(from);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(file_reads_back_what_was_written_at_any_offset),
        TEST(file_that_is_created_must_not_exist),
        TEST(file_that_is_replaced_is_empty),
        TEST(file_that_is_appended_to_grows_at_its_end_whatever_the_offset),
        TEST(links_are_followed_for_reading_only),
        TEST(every_kind_of_failure_has_its_status),
        TEST(file_without_rights_is_forbidden),
        TEST(full_device_is_no_space),
        TEST(file_over_the_size_limit_is_no_space_and_no_signal),
        TEST(too_many_open_files_is_a_limit),
        TEST(fifo_is_opened_without_waiting_for_its_other_end),
        TEST(folder_is_listed_in_byte_order),
        TEST(empty_folder_has_no_names),
        TEST(folder_is_made_private_synced_and_told_its_free_space),
        TEST(rename_replaces_and_unlink_removes),
        TEST(only_an_empty_folder_is_removed),
        TEST(resolve_leads_through_links),
        TEST(clone_shares_all_bytes_or_does_nothing),
        TEST(descriptors_do_not_reach_a_child_program),
        TEST(files_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
