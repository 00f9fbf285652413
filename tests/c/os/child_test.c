/* Children that say something, nothing, too much, and end in every way. */
#include "os/child_posix.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_BYTES 1000000
#define WAIT_MS 60000           /* far longer than anything here takes: nobody waits for it */

static int
behave(void *ctx, int fd)
{
    const char *how = ctx;
    char block[1000];

    memset(block, 'x', sizeof(block));
    if (strcmp(how, "long") == 0) {
        for (size_t i = 0; i < LONG_BYTES; i += sizeof(block))
            (void)aks_child_posix_write(fd, block, sizeof(block));
        return 0;
    }
    if (strcmp(how, "prints") == 0) {
        (void)printf("this goes nowhere\n");
        return getchar() == EOF ? 0 : 1;
    }
    (void)aks_child_posix_write(fd, how, strlen(how));
    if (strcmp(how, "killed") == 0)
        (void)raise(SIGKILL);
    while (strcmp(how, "waits") == 0)
        (void)pause();
    return strcmp(how, "seven") == 0 ? 7 : 0;
}

static struct aks_child_posix
start(const char *how)
{
    static char copy[32];
    struct aks_child_posix child = { 0, -1 };
    struct aks_error err = { 0 };

    (void)snprintf(copy, sizeof(copy), "%s", how);
    assert_int_equal(aks_child_posix_start(behave, copy, &child, &err), AKS_OK);
    return child;
}

/* Reads to the end; the number of bytes. */
static size_t
read_all(struct aks_child_posix *child, char *ret, size_t room)
{
    char data[4096];
    size_t total = 0;
    size_t len;

    aks_child_posix_wait(child, 1, WAIT_MS);
    while (aks_child_posix_read(child, data, sizeof(data), &len)) {
        if (len == 0)
            aks_child_posix_wait(child, 1, WAIT_MS);
        for (size_t i = 0; i < len && total + i + 1 < room; i++)
            ret[total + i] = data[i];
        total += len;
    }
    ret[total < room ? total : room - 1] = '\0';
    return total;
}

static void
ends_are_told_apart(void **state)
{
    static const char *const hows[][2] = { { "well", "" }, { "seven", "exit code 7" },
        { "killed", "signal 9: Killed" } };

    for (size_t i = 0; i < 3; i++) {
        struct aks_child_posix child = start(hows[i][0]);
        char said[64];
        char how[AKS_CHILD_POSIX_HOW_BYTES];

        (void)read_all(&child, said, sizeof(said));
        assert_string_equal(said, hows[i][0]);
        assert_int_equal(aks_child_posix_reap(&child, how), i == 0);
        assert_string_equal(how, hows[i][1]);
        assert_int_equal(child.pid, 0);
    }
}

static void
what_is_long_arrives_whole(void **state)
{
    struct aks_child_posix child = start("long");
    char said[64];
    char how[AKS_CHILD_POSIX_HOW_BYTES];

    assert_int_equal(read_all(&child, said, sizeof(said)), LONG_BYTES);
    assert_true(aks_child_posix_reap(&child, how));
}

static void
standard_streams_lead_nowhere(void **state)
{
    struct aks_child_posix child = start("prints");
    char said[64];
    char how[AKS_CHILD_POSIX_HOW_BYTES];

    assert_int_equal(read_all(&child, said, sizeof(said)), 0);
    assert_true(aks_child_posix_reap(&child, how));
}

static void
a_child_that_waits_is_killed(void **state)
{
    struct aks_child_posix child = start("waits");
    char said[64];
    char how[AKS_CHILD_POSIX_HOW_BYTES];

    aks_child_posix_kill(&child);
    (void)read_all(&child, said, sizeof(said));
    assert_false(aks_child_posix_reap(&child, how));
    assert_non_null(strstr(how, "signal 9"));
}

static void
nobody_who_listens_is_told(void **state)
{
    struct aks_child_posix child = start("long");
    char how[AKS_CHILD_POSIX_HOW_BYTES];
    struct sigaction old;
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    (void)sigaction(SIGPIPE, &ignore, &old);
    assert_int_equal(close(child.fd), 0);
    child.fd = -1;
    (void)aks_child_posix_reap(&child, how);
    (void)sigaction(SIGPIPE, &old, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_told_apart),
        cmocka_unit_test(what_is_long_arrives_whole),
        cmocka_unit_test(standard_streams_lead_nowhere),
        cmocka_unit_test(a_child_that_waits_is_killed),
        cmocka_unit_test(nobody_who_listens_is_told),
    };

    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
