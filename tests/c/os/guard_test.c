#include "os/guard_posix.h"

#include "base/redact.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void
nothing_of_it_is_dumped(void **state)
{
    struct rlimit limit;
    struct stat info;

    aks_guard_posix_close();
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
    assert_int_equal(limit.rlim_max, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    assert_int_equal(stat("/proc/self/mem", &info), 0);
    assert_int_equal(info.st_uid, 0);
}

static void
what_is_ours_is_read_all_the_same(void **state)
{
    char text[4096];
    int fd = open("/proc/self/fd/0", O_PATH);

    aks_guard_posix_close();
    assert_true(readlink("/proc/self/exe", text, sizeof(text)) > 0);
    assert_true(readlink("/proc/self/fd/0", text, sizeof(text)) > 0);
    (void)close(fd);
    fd = open("/proc/self/maps", O_RDONLY);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void
variables_that_are_named_like_secrets_are_told_nowhere(void **state)
{
    struct aks_guard_posix guard;
    char text[256] = "value-one-of-a-token two-of-a-variable key/three+four/5678 /a/path/to/it"
        " short";

    assert_int_equal(setenv("SOME_TOKEN", "value-one-of-a-token", 1), 0);
    assert_int_equal(setenv("SOME_NAME", "two-of-a-variable", 1), 0);
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "key/three+four/5678", 1), 0);
    assert_int_equal(setenv("OTHER_PASSWORD", "/a/path/to/it", 1), 0);
    assert_int_equal(setenv("SHORT_SECRET", "short", 1), 0);
    aks_guard_posix_environment(&guard, aks_alloc_system());
    assert_string_equal(aks_redact_text(text, 0),
        "[redacted] two-of-a-variable [redacted] /a/path/to/it short");
    aks_guard_posix_forget(&guard);
    assert_int_equal(guard.count, 0);
    (void)snprintf(text, sizeof(text), "%s", "value-one-of-a-token");
    assert_string_equal(aks_redact_text(text, 0), "value-one-of-a-token");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_that_are_named_like_secrets_are_told_nowhere),
        cmocka_unit_test(nothing_of_it_is_dumped),
        cmocka_unit_test(what_is_ours_is_read_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
