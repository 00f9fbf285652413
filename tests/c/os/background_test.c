/* Seats that are taken, told and left without memory: none stays behind, nor a door. */
#include "os/background_posix.h"

#include "os/background_door.h"
#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGE "20261123T084512Z-3f9a2c\0NAME=value"
#define ROUNDS_MAX 500

static struct temp_folder *folder;
static struct aks_error err;

static int
set_up(void **state)
{
    folder = temp_folder_new();
    return 0;
}

static int
tear_down(void **state)
{
    temp_folder_free(folder);
    return 0;
}

static unsigned
open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static struct aks_background
seats(struct aks_background_posix *background, const struct aks_alloc *alloc)
{
    struct aks_background port;

    aks_background_posix_init(background, alloc, NULL, &port);
    return port;
}

/* A process with memory finds the seat free, and nobody at the door. */
static void
assert_free(void)
{
    struct aks_background_posix background;
    struct aks_background port = seats(&background, aks_alloc_system());
    struct aks_seat *seat = NULL;

    assert_int_equal(port.tell(port.ctx, temp_folder_path(folder), "", 0, &err), AKS_NOT_FOUND);
    if (port.take(port.ctx, temp_folder_path(folder), &seat, &err) != AKS_OK)
        fail_msg("%s", err.message);
    port.leave(seat);
}

static int
take_and_leave(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_background_posix background;
    struct aks_background port = seats(&background, alloc);
    struct aks_seat *seat = NULL;
    unsigned files = open_files();
    enum aks_status status;

    aks_error_clear(&err);
    status = port.take(port.ctx, temp_folder_path(folder), &seat, &err);
    assert_int_equal(status == AKS_OK, seat != NULL);
    if (status != AKS_OK) {
        assert_int_equal(status, AKS_LIMIT);
        assert_int_equal(err.status, AKS_LIMIT);
        assert_non_null(strstr(err.message, "out of memory"));
    }
    port.leave(seat);
    assert_int_equal(open_files(), files);
    assert_free();
    return 0;
}

static void
seat_that_cannot_be_taken_stays_free(void **state)
{
    failing_alloc_loop(take_and_leave, NULL, ROUNDS_MAX);
    failing_alloc_loop_lasting(take_and_leave, NULL, ROUNDS_MAX);
}

struct heard {
    unsigned whole;
    unsigned others;
};

static void
hear(void *ctx, const void *message, size_t len)
{
    struct heard *heard = ctx;

    if (len == sizeof(MESSAGE) && memcmp(message, MESSAGE, len) == 0)
        heard->whole++;
    else
        heard->others++;
}

/* Two messages: what cannot be heard is dropped, and never half of it is heard; who comes next is
 * heard all the same. */
static int
listen_and_leave(void *ctx, const struct aks_alloc *alloc)
{
    const char *path = temp_folder_path(folder);
    struct heard heard = { 0, 0 };
    struct aks_seat *seat = NULL;
    struct aks_os *os = NULL;
    unsigned files = open_files();

    if (aks_os_open(alloc, &os, &err) == AKS_OK) {
        const struct aks_background *port = &aks_os_port(os)->background;

        if (port->take(port->ctx, path, &seat, &err) == AKS_OK) {
            for (unsigned i = 0; i < 2; i++)
                assert_int_equal(port->tell(port->ctx, path, MESSAGE, sizeof(MESSAGE), &err),
                    AKS_OK);
            port->listen(seat, hear, &heard);
            port->leave(seat);
            assert_int_equal(heard.others, 0);
            assert_in_range(heard.whole, 1, 2);
        }
    }
    aks_os_close(os);
    assert_int_equal(open_files(), files);
    assert_free();
    return 0;
}

static void
worker_hears_whole_messages_or_none(void **state)
{
    failing_alloc_loop(listen_and_leave, NULL, ROUNDS_MAX);
}

/* As a process that start made: its seat at the numbers that it looks at. 0 if all is well. */
static int
inherit(const struct aks_alloc *alloc)
{
    const char *path = temp_folder_path(folder);
    struct aks_background_posix background;
    struct aks_background port = seats(&background, alloc);
    int lock = open(temp_folder_join(folder, "worker.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int door = aks_background_door_open(path);
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct aks_seat *seat = NULL;
    int result = 0;

    if (lock < 0 || door < 0 || fcntl(lock, F_OFD_SETLK, &whole) != 0)
        return 1;
    lock = fcntl(lock, F_DUPFD_CLOEXEC, 100);
    door = fcntl(door, F_DUPFD_CLOEXEC, 100);
    for (int fd = AKS_BACKGROUND_LOCK_FD; fd < 100; fd++)
        (void)close(fd);
    if (dup2(lock, AKS_BACKGROUND_LOCK_FD) < 0 || dup2(door, AKS_BACKGROUND_DOOR_FD) < 0)
        return 2;
    (void)close(lock);
    (void)close(door);
    seat = port.inherited(port.ctx, path);
    /* Without memory for it the process can still take it as anybody else would. */
    if (seat == NULL && port.take(port.ctx, path, &seat, &err) != AKS_OK)
        result = 3;
    port.leave(seat);
    if (result == 0 && (fcntl(AKS_BACKGROUND_LOCK_FD, F_GETFD) >= 0 ||
            fcntl(AKS_BACKGROUND_DOOR_FD, F_GETFD) >= 0))
        result = 4;
    return result;
}

static int
inherit_in_child(void *ctx, const struct aks_alloc *alloc)
{
    struct failing_alloc *failing = alloc->ctx;
    unsigned char told[2] = { 0 };
    int ends[2];
    int status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int end = fcntl(ends[1], F_DUPFD, 200);

        told[0] = (unsigned char)inherit(alloc);
        told[1] = (unsigned char)failing->seen;
        (void)!write(end, told, sizeof(told));
        _exit(0);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], told, sizeof(told)), (ssize_t)sizeof(told));
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    failing->seen = told[1];
    assert_free();
    return told[0];
}

static void
seat_that_was_left_to_a_process_is_not_lost_without_memory(void **state)
{
    failing_alloc_loop(inherit_in_child, NULL, ROUNDS_MAX);
}

int
main(void)
{
#define SEAT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SEAT_TEST(seat_that_cannot_be_taken_stays_free),
        SEAT_TEST(worker_hears_whole_messages_or_none),
        SEAT_TEST(seat_that_was_left_to_a_process_is_not_lost_without_memory),
    };

    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
