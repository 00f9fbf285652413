/* The line that a person sees while a run goes on: on a terminal that the test looks at. */
#include "cli/progress.h"

#include "cli/print.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#define CLEAR "\r\033[K"
#define MARK "\006"

struct terminal {
    int screen;                 /* what is written to the terminal is read here */
    int kept;                   /* standard error as it was */
    char seen[4096];
};

static int
set_up(void **state)
{
    struct terminal *terminal = calloc(1, sizeof(*terminal));
    int line;

    assert_non_null(terminal);
    terminal->screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->screen >= 0);
    assert_int_equal(grantpt(terminal->screen), 0);
    assert_int_equal(unlockpt(terminal->screen), 0);
    line = open(ptsname(terminal->screen), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(line >= 0);
    terminal->kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(terminal->kept >= 0);
    (void)fflush(stderr);
    assert_int_equal(dup2(line, STDERR_FILENO), STDERR_FILENO);
    (void)close(line);
    *state = terminal;
    return 0;
}

static int
tear_down(void **state)
{
    struct terminal *terminal = *state;

    aks_progress_clear();
    assert_int_equal(dup2(terminal->kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(terminal->kept);
    (void)close(terminal->screen);
    free(terminal);
    return 0;
}

/* What was drawn since it was last looked at: all that comes before a mark, as a terminal passes
 * it on when it has the time. */
static const char *
seen(struct terminal *terminal)
{
    size_t len = 0;

    (void)fputs(MARK, stderr);
    (void)fflush(stderr);
    do {
        ssize_t some = read(terminal->screen, terminal->seen + len,
            sizeof(terminal->seen) - 1 - len);

        assert_true(some > 0);
        len += (size_t)some;
    } while (terminal->seen[len - 1] != MARK[0]);
    terminal->seen[len - 1] = '\0';
    return terminal->seen;
}

/* What is drawn for ${progress} where nothing is shown yet: else it would have to be time again. */
static const char *
shown(struct terminal *terminal, const struct akosha_progress *progress)
{
    aks_progress_clear();
    (void)seen(terminal);
    aks_progress_show(NULL, progress);
    return seen(terminal);
}

static void
line_tells_how_far_it_is(void **state)
{
    struct akosha_progress progress = { "cloud", "a.db", 1, 3, 2000000, 4000000, -1, false, false };
    struct terminal *terminal = *state;
    const char *text;

    aks_progress_start(true);
    text = shown(terminal, &progress);
    assert_non_null(strstr(text, "\r[############............] 1/3 2.0 MB, 2.0 MB left, "));
    assert_non_null(strstr(text, "/s to cloud: a.db\033[K"));
    progress.reading = true;
    progress.source = NULL;
    progress.bytes_total = 0;
    progress.bytes_done = 0;
    text = shown(terminal, &progress);
    assert_non_null(strstr(text, "\r[........................] 1/3 0 B, "));
    assert_non_null(strstr(text, "/s from cloud\033[K"));
    progress.target = NULL;
    assert_string_equal(shown(terminal, &progress), "\rlooking at 3 files\033[K");
    progress.files_total = 1;
    assert_string_equal(shown(terminal, &progress), "\rlooking at 1 file\033[K");
    progress.waiting_ms = 40000;
    assert_non_null(strstr(shown(terminal, &progress), "\rwaiting 40"));
    assert_non_null(strstr(terminal->seen, " before the next try\033[K"));
    progress.blocked = true;
    assert_string_equal(shown(terminal, &progress),
        "\rwaiting for another akosha-sync that is delivering\033[K");
}

/* The first one stands until it is time for another, and goes before anything else is said. */
static void
line_is_drawn_once_in_a_while_and_goes_before_words(void **state)
{
    const struct akosha_progress progress = { NULL, NULL, 0, 3, 0, 0, -1, false, false };
    struct terminal *terminal = *state;

    aks_progress_start(true);
    aks_progress_text("1 of 2 files");
    assert_string_equal(seen(terminal), "\r1 of 2 files\033[K");
    for (int i = 0; i < 3; i++)
        aks_progress_show(NULL, &progress);
    aks_print_note("some words");
    assert_non_null(strstr(seen(terminal), CLEAR "some words\r\n"));
    aks_progress_clear();
    assert_string_equal(seen(terminal), "");
}

static void
line_is_no_longer_than_the_terminal(void **state)
{
    struct winsize size = { .ws_row = 24, .ws_col = 20 };
    struct terminal *terminal = *state;

    assert_int_equal(ioctl(terminal->screen, TIOCSWINSZ, &size), 0);
    aks_progress_start(true);
    aks_progress_text("a text of more than twenty columns");
    assert_string_equal(seen(terminal), "\ra text of more than\033[K");
    aks_progress_clear();
    (void)seen(terminal);
    size.ws_col = 60000;
    assert_int_equal(ioctl(terminal->screen, TIOCSWINSZ, &size), 0);
    aks_progress_text("a text of more than twenty columns");
    assert_string_equal(seen(terminal), "\ra text of more than twenty columns\033[K");
}

static void
nothing_is_drawn_where_nobody_wants_it(void **state)
{
    const struct akosha_progress progress = { NULL, NULL, 0, 3, 0, 0, -1, false, false };
    struct terminal *terminal = *state;

    aks_progress_start(false);
    aks_progress_show(NULL, &progress);
    aks_progress_text("1 of 2 files");
    aks_progress_clear();
    assert_string_equal(seen(terminal), "");
}

int
main(void)
{
#define PROGRESS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PROGRESS_TEST(line_tells_how_far_it_is),
        PROGRESS_TEST(line_is_drawn_once_in_a_while_and_goes_before_words),
        PROGRESS_TEST(line_is_no_longer_than_the_terminal),
        PROGRESS_TEST(nothing_is_drawn_where_nobody_wants_it),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
