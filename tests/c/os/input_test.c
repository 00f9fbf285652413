/* Standard input that is not waited for: pipes, files, nothing. */
#include "os/input_posix.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 60000

struct taken {
    char text[256];
    size_t len;
    size_t enough;                      /* it is whole then; 0: never */
};

static bool
take(void *ctx, const char *data, size_t len)
{
    struct taken *taken = ctx;

    for (size_t i = 0; i < len; i++) {
        if (taken->len < sizeof(taken->text))
            taken->text[taken->len] = data[i];
        taken->len++;
    }
    return taken->enough > 0 && taken->len >= taken->enough;
}

static void
test_reads_to_the_end_of_a_pipe(void **state)
{
    struct taken taken = { 0 };
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    close(ends[1]);
    aks_input_posix_read(ends[0], LONG_MS, 1000, take, &taken);
    assert_int_equal(taken.len, 5);
    assert_memory_equal(taken.text, "hello", 5);
    close(ends[0]);
}

/* It would hang here if it waited for more. */
static void
test_does_not_wait_for_the_end_of_what_is_whole(void **state)
{
    struct taken taken = { .enough = 5 };
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    aks_input_posix_read(ends[0], 1000 * LONG_MS, 1000, take, &taken);
    assert_int_equal(taken.len, 5);
    close(ends[0]);
    close(ends[1]);
}

static void
test_gives_up_on_a_pipe_that_says_nothing(void **state)
{
    struct taken taken = { 0 };
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    aks_input_posix_read(ends[0], 1, 1000, take, &taken);
    assert_int_equal(taken.len, 0);
    assert_int_equal(write(ends[1], "{", 1), 1);
    aks_input_posix_read(ends[0], 1, 1000, take, &taken);
    assert_int_equal(taken.len, 1);
    close(ends[0]);
    close(ends[1]);
}

static void
test_reads_no_more_than_it_may(void **state)
{
    struct taken taken = { 0 };
    int fd = open("/dev/zero", O_RDONLY);

    aks_input_posix_read(fd, LONG_MS, 100000, take, &taken);
    assert_int_equal(taken.len, 100000);
    close(fd);
}

static void
test_ends_although_there_is_always_more(void **state)
{
    struct taken taken = { 0 };
    int fd = open("/dev/zero", O_RDONLY);

    aks_input_posix_read(fd, 1, SIZE_MAX, take, &taken);
    assert_true(taken.len > 0);
    close(fd);
}

static void
test_has_nothing_of_what_cannot_be_read(void **state)
{
    struct taken taken = { 0 };
    int folder = open("/", O_RDONLY);
    int null = open("/dev/null", O_RDONLY);
    int writing = open("/dev/null", O_WRONLY);

    aks_input_posix_read(-1, LONG_MS, 100, take, &taken);
    aks_input_posix_read(4000, LONG_MS, 100, take, &taken);
    aks_input_posix_read(folder, LONG_MS, 100, take, &taken);
    aks_input_posix_read(null, LONG_MS, 100, take, &taken);
    aks_input_posix_read(writing, LONG_MS, 100, take, &taken);
    assert_int_equal(taken.len, 0);
    close(folder);
    close(null);
    close(writing);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_to_the_end_of_a_pipe),
        cmocka_unit_test(test_does_not_wait_for_the_end_of_what_is_whole),
        cmocka_unit_test(test_gives_up_on_a_pipe_that_says_nothing),
        cmocka_unit_test(test_reads_no_more_than_it_may),
        cmocka_unit_test(test_ends_although_there_is_always_more),
        cmocka_unit_test(test_has_nothing_of_what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
