/* Locks, against other open files and other processes. */
#include "os/os.h"
#include "support/temp_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

static int
try_lock(struct world *world, const char *path)
{
    struct aks_file *file = open_file(world, path, AKS_FILE_LOCK);

    return (int)world->files->lock(file, &world->err);
}

static void
lock_keeps_others_out_until_closed(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_join(world->folder, "lock");
    struct aks_file *first = open_file(world, path, AKS_FILE_LOCK);
    struct aks_file *second = open_file(world, path, AKS_FILE_LOCK);

    assert_int_equal(world->files->lock(first, &world->err), AKS_OK);
    assert_int_equal(world->files->lock(first, &world->err), AKS_OK);
    assert_int_equal(world->files->lock(second, &world->err), AKS_CONFLICT);
    assert_non_null(strstr(world->err.message, "cannot lock /"));
    assert_int_equal(in_child(try_lock, world, path), AKS_CONFLICT);
    world->files->close(first);
    assert_int_equal(world->files->lock(second, &world->err), AKS_OK);
    world->files->close(second);
    assert_int_equal(in_child(try_lock, world, path), AKS_OK);
}

static void
lock_that_is_waited_for_in_vain_is_a_conflict(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_join(world->folder, "lock");
    struct aks_file *first = open_file(world, path, AKS_FILE_LOCK);
    struct aks_file *second = open_file(world, path, AKS_FILE_LOCK);

    assert_int_equal(world->files->lock_wait(first, 0, &world->err), AKS_OK);
    assert_int_equal(world->files->lock_wait(second, 0, &world->err), AKS_CONFLICT);
    assert_int_equal(world->files->lock_wait(second, 5, &world->err), AKS_CONFLICT);
    assert_non_null(strstr(world->err.message, "cannot lock /"));
    world->files->close(first);
    assert_int_equal(world->files->lock_wait(second, 0, &world->err), AKS_OK);
    world->files->close(second);
}

/* What another process has locked, with classic locks as databases take them, until it is told to
 * end by closing the pipe ${release}. */
static pid_t
lock_in_child(const char *path, short type, int64_t start, int64_t len, int *ret_release)
{
    int ready[2];
    int release[2];
    char byte = 0;
    pid_t child;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(release, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start,
            .l_len = len };
        int fd = open(path, O_RDWR | O_CLOEXEC);

        (void)close(release[1]);
        if (fcntl(fd, F_SETLK, &lock) != 0 || write(ready[1], &byte, 1) != 1)
            _exit(1);
        (void)!read(release[0], &byte, 1);
        _exit(0);
    }
    (void)close(release[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    *ret_release = release[1];
    return child;
}

static void
release_child(pid_t child, int release)
{
    int status = 0;

    (void)close(release);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
writer_in_another_process_is_seen_and_a_reader_is_not(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "db", "0123456789", 10);
    struct aks_file *file = open_file(world, path, AKS_FILE_READ);
    int release;
    pid_t child;

    assert_false(world->files->locked_by_writer(file, 0, 0));
    child = lock_in_child(path, F_WRLCK, 4, 2, &release);
    assert_true(world->files->locked_by_writer(file, 0, 0));
    assert_true(world->files->locked_by_writer(file, 5, 1));
    assert_false(world->files->locked_by_writer(file, 0, 4));
    assert_false(world->files->locked_by_writer(file, 6, 0));
    release_child(child, release);
    assert_false(world->files->locked_by_writer(file, 0, 0));
    child = lock_in_child(path, F_RDLCK, 0, 0, &release);
    assert_false(world->files->locked_by_writer(file, 0, 0));
    release_child(child, release);
    world->files->close(file);
}

static void
lock_is_had_once_its_holder_lets_go(void **state)
{
    struct world *world = *state;
    const char *path = temp_folder_write(world->folder, "lock", "0", 1);
    struct aks_file *file = open_file(world, path, AKS_FILE_LOCK);
    int release;
    pid_t child = lock_in_child(path, F_WRLCK, 0, 0, &release);
    const int64_t minute_ms = 60 * 1000;
    int status = 0;

    assert_int_equal(world->files->lock(file, &world->err), AKS_CONFLICT);
    /* The child ends, and its lock with it, at some time after this. */
    (void)close(release);
    assert_int_equal(world->files->lock_wait(file, minute_ms, &world->err), AKS_OK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    world->files->close(file);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(lock_keeps_others_out_until_closed),
        TEST(lock_that_is_waited_for_in_vain_is_a_conflict),
        TEST(lock_is_had_once_its_holder_lets_go),
        TEST(writer_in_another_process_is_seen_and_a_reader_is_not),
    };

    return cmocka_run_group_tests_name("file locks", tests, NULL, NULL);
}
