/* A person's file is replaced as a whole or not at all, and only as it was read. */
#include "os/replace_posix.h"

#include "base/alloc.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_MAX 64
#define FRESH ".akosha-sync.fresh"

static int
set_up(void **state)
{
    *state = temp_folder_new();
    return 0;
}

static int
tear_down(void **state)
{
    temp_folder_free(*state);
    return 0;
}

static void
holds(struct temp_folder *folder, const char *name, const char *text)
{
    char *held = temp_folder_read(folder, name, NULL);

    assert_string_equal(held, text);
    free(held);
}

static struct aks_replace_posix
read_it(const char *path)
{
    struct aks_replace_posix seen;
    struct aks_error err = { 0 };

    assert_int_equal(aks_replace_posix_read(aks_alloc_system(), path, BYTES_MAX, &seen, &err),
        AKS_OK);
    return seen;
}

static enum aks_status
write_it(const char *path, const struct aks_replace_posix *seen, const char *text,
    struct aks_error *err)
{
    memset(err, 0, sizeof(*err));
    return aks_replace_posix_write(path, seen, text, strlen(text), err);
}

static void
a_file_keeps_its_mode_and_is_whole(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_write(folder, "a", "before", 6);
    struct aks_replace_posix seen;
    struct aks_error err;
    struct stat info;

    assert_int_equal(chmod(path, 0644), 0);
    seen = read_it(path);
    assert_true(seen.exists);
    assert_string_equal(seen.text, "before");
    assert_int_equal(write_it(path, &seen, "after, and longer", &err), AKS_OK);
    holds(folder, "a", "after, and longer");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_not_equal(access(temp_folder_join(folder, "a" FRESH), F_OK), 0);
    aks_replace_posix_free(aks_alloc_system(), &seen);
}

static void
a_file_that_was_not_there_is_private(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_join(folder, "new");
    struct aks_replace_posix seen = read_it(path);
    struct aks_error err;
    struct stat info;

    assert_false(seen.exists);
    assert_string_equal(seen.text, "");
    assert_int_equal(write_it(path, &seen, "text", &err), AKS_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    /* It was not there when it was read: it is somebody else's now. */
    assert_int_equal(write_it(path, &seen, "again", &err), AKS_CONFLICT);
    assert_non_null(strstr(err.message, "was changed by somebody else meanwhile"));
    holds(folder, "new", "text");
    aks_replace_posix_free(aks_alloc_system(), &seen);
}

static void
what_others_changed_meanwhile_is_left_alone(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_write(folder, "a", "before", 6);
    struct aks_replace_posix seen = read_it(path);
    struct aks_error err;

    (void)temp_folder_write(folder, "a", "theirs, newer", 13);
    assert_int_equal(write_it(path, &seen, "ours", &err), AKS_CONFLICT);
    assert_int_equal(aks_replace_posix_remove(path, &seen, &err), AKS_CONFLICT);
    holds(folder, "a", "theirs, newer");
    /* Another file under its name, of the same length. */
    aks_replace_posix_free(aks_alloc_system(), &seen);
    seen = read_it(path);
    (void)temp_folder_write(folder, "b", "theirs, other", 13);
    assert_int_equal(rename(temp_folder_join(folder, "b"), path), 0);
    assert_int_equal(write_it(path, &seen, "ours", &err), AKS_CONFLICT);
    holds(folder, "a", "theirs, other");
    assert_int_not_equal(access(temp_folder_join(folder, "a" FRESH), F_OK), 0);
    aks_replace_posix_free(aks_alloc_system(), &seen);
}

static void
a_removal_takes_only_what_was_read(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_write(folder, "a", "before", 6);
    struct aks_replace_posix seen = read_it(path);
    struct aks_error err = { 0 };

    assert_int_equal(aks_replace_posix_remove(path, &seen, &err), AKS_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(aks_replace_posix_remove(path, &seen, &err), AKS_CONFLICT);
    aks_replace_posix_free(aks_alloc_system(), &seen);
}

static void
refuses(const char *path, const char *why)
{
    struct aks_replace_posix seen;
    struct aks_error err = { 0 };

    assert_int_equal(aks_replace_posix_read(aks_alloc_system(), path, BYTES_MAX, &seen, &err),
        AKS_SETTINGS);
    if (strstr(err.message, why) == NULL)
        fail_msg("\"%s\" has no \"%s\" in it", err.message, why);
}

static void
what_is_not_to_be_changed_is_told(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_write(folder, "a", "before", 6);
    char text[BYTES_MAX + 2];

    assert_int_equal(symlink(path, temp_folder_join(folder, "link")), 0);
    refuses(temp_folder_join(folder, "link"), "link is left alone: it is a link");
    assert_int_equal(mkdir(temp_folder_join(folder, "folder"), 0700), 0);
    refuses(temp_folder_join(folder, "folder"), "it is no file");
    assert_int_equal(mkfifo(temp_folder_join(folder, "pipe"), 0600), 0);
    refuses(temp_folder_join(folder, "pipe"), "it is no file");
    assert_int_equal(chmod(path, 0400), 0);
    refuses(path, "it is read-only");
    memset(text, 'x', sizeof(text));
    refuses(temp_folder_write(folder, "large", text, BYTES_MAX + 1), "it is too large");
}

static void
a_path_that_leads_nowhere_is_an_error(void **state)
{
    struct temp_folder *folder = *state;
    struct aks_replace_posix seen = { 0 };
    struct aks_error err = { 0 };
    char longest[PATH_MAX];
    const char *path;

    (void)temp_folder_write(folder, "a", "", 0);
    path = temp_folder_join(folder, "a/b");
    assert_int_equal(aks_replace_posix_read(aks_alloc_system(), path, BYTES_MAX, &seen, &err),
        AKS_STATE);
    assert_non_null(strstr(err.message, "cannot look at "));
    assert_int_equal(write_it(path, &seen, "text", &err), AKS_STATE);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(write_it(longest, &seen, "text", &err), AKS_LIMIT);
}

static void
a_disk_that_is_full_leaves_what_was_there(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_write(folder, "a", "before", 6);
    struct aks_replace_posix seen = read_it(path);
    struct rlimit before;
    struct rlimit little;
    struct aks_error err;
    enum aks_status status;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    /* The nearest to it that any user can have. */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = before;
    little.rlim_cur = 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    status = write_it(path, &seen, "after", &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_not_equal(status, AKS_OK);
    assert_non_null(strstr(err.message, "cannot write "));
    holds(folder, "a", "before");
    assert_int_not_equal(access(temp_folder_join(folder, "a" FRESH), F_OK), 0);
    aks_replace_posix_free(aks_alloc_system(), &seen);
}

static void
what_stopped_on_the_way_is_in_nobodys_way(void **state)
{
    struct temp_folder *folder = *state;
    const char *path = temp_folder_write(folder, "a", "before", 6);
    struct aks_replace_posix seen = read_it(path);
    struct aks_error err;

    /* Of a process that was ended, or a link that somebody has put there. */
    (void)temp_folder_write(folder, "elsewhere", "theirs", 6);
    assert_int_equal(symlink(temp_folder_join(folder, "elsewhere"),
        temp_folder_join(folder, "a" FRESH)), 0);
    assert_int_equal(write_it(path, &seen, "after", &err), AKS_OK);
    holds(folder, "a", "after");
    holds(folder, "elsewhere", "theirs");
    aks_replace_posix_free(aks_alloc_system(), &seen);
}

static int
read_with(void *ctx, const struct aks_alloc *alloc)
{
    const char *const *paths = ctx;
    struct aks_replace_posix seen;
    struct aks_error err = { 0 };

    for (size_t i = 0; i < 2; i++) {
        enum aks_status status = aks_replace_posix_read(alloc, paths[i], BYTES_MAX, &seen, &err);

        if (status != AKS_OK && status != AKS_LIMIT)
            return 1;
        if (status == AKS_OK)
            aks_replace_posix_free(alloc, &seen);
    }
    return 0;
}

static void
no_memory_is_told(void **state)
{
    struct temp_folder *folder = *state;
    const char *paths[] = { temp_folder_write(folder, "a", "before", 6),
        temp_folder_join(folder, "none") };

    failing_alloc_loop(read_with, paths, 8);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_keeps_its_mode_and_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_not_there_is_private, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_changed_meanwhile_is_left_alone, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_removal_takes_only_what_was_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_to_be_changed_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_leads_nowhere_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_leaves_what_was_there, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(what_stopped_on_the_way_is_in_nobodys_way, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
