/* What is printed loses what is secret on its way; read from files that stand for the streams. */
#include "cli/print.h"

#include "base/secret.h"
#include "cli/args.h"
#include "support/temp_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PLANTED "planted/value+of-a-test"

const struct aks_command aks_commands[] = { { 0 } };

struct streams {
    struct temp_folder *folder;
    struct aks_secret *secret;
    int kept[2];
};

static int
redirect(struct streams *streams, int fd, const char *name)
{
    int kept = dup(fd);
    int file = open(temp_folder_join(streams->folder, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(kept >= 0 && file >= 0);
    assert_int_equal(dup2(file, fd), fd);
    (void)close(file);
    return kept;
}

static void
begin(struct streams *streams)
{
    (void)fflush(stdout);
    streams->kept[0] = redirect(streams, STDOUT_FILENO, "out");
    streams->kept[1] = redirect(streams, STDERR_FILENO, "err");
}

static void
assert_told(struct streams *streams, const char *out, const char *err)
{
    char *said;

    (void)fflush(stdout);
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        assert_int_equal(dup2(streams->kept[fd - STDOUT_FILENO], fd), fd);
        (void)close(streams->kept[fd - STDOUT_FILENO]);
    }
    said = temp_folder_read(streams->folder, "out", NULL);
    assert_string_equal(said, out);
    free(said);
    said = temp_folder_read(streams->folder, "err", NULL);
    assert_string_equal(said, err);
    free(said);
}

static void
a_secret_that_is_printed_piece_by_piece(void **state)
{
    struct streams *streams = *state;

    begin(streams);
    aks_print_out("a %s ", "planted/value");
    aks_print_out("\n%s", "planted/value");
    aks_print_json_string("+of-a-test");
    aks_print_out("\n");
    for (const char *c = PLANTED; *c != '\0'; c++)
        aks_print_out("%c", *c);
    assert_int_equal(aks_print_flush(), 0);
    /* With a quote in between it is another text; without a line end it is written at the end. */
    assert_told(streams, "a planted/value \nplanted/value\"+of-a-test\"\n[redacted]", "");
}

static void
lines_are_there_when_they_are_whole(void **state)
{
    struct streams *streams = *state;

    begin(streams);
    aks_print_out("one\ntwo");
    aks_print_now();
    assert_told(streams, "one\n", "");
    begin(streams);
    assert_int_equal(aks_print_flush(), 0);
    assert_told(streams, "two", "");
}

static void
a_key_of_many_lines(void **state)
{
    struct streams *streams = *state;

    begin(streams);
    aks_print_out("before\n-----BEGIN PRIVATE KEY-----\n");
    aks_print_out("bWluZQ\n");
    aks_print_out("-----END PRIVATE KEY-----\nafter\n");
    assert_int_equal(aks_print_flush(), 0);
    assert_told(streams, "before\n[redacted]\nafter\n", "");
}

static void
errors_hints_notes_and_lines(void **state)
{
    struct streams *streams = *state;
    struct akosha_error error = { 1, "server", "it says " PLANTED, "without " PLANTED };
    char lines[] = "a " PLANTED "\nb\n";
    char drawn[] = PLANTED;

    begin(streams);
    aks_print_error("hint " PLANTED, "error %s", PLANTED);
    aks_print_note("note %s", PLANTED);
    aks_print_note("a\033[2Jb\xc2\x9b" "2Jc\xe2\x80\xaegpj.exe");
    aks_print_lines(lines);
    aks_print_drawn(drawn);
    assert_told(streams, "", "akosha-sync: error [redacted]\nhint: hint [redacted]\n"
        "note [redacted]\na?[2Jb??2Jc???gpj.exe\na [redacted]\nb\n\r[redacted]\033[K");
    begin(streams);
    aks_print_failure(true, &error);
    assert_int_equal(aks_print_flush(), 0);
    assert_told(streams, "{\"schema\": 1, \"success\": false, \"exit_code\": 1, \"error\": "
        "{\"failure\": \"server\", \"message\": \"it says [redacted]\", \"target\": null, "
        "\"hint\": \"without [redacted]\"}}\n",
        "akosha-sync: it says [redacted]\nhint: without [redacted]\n");
}

static void
an_error_that_is_cut_in_a_secret(void **state)
{
    struct streams *streams = *state;
    char filling[4096];
    char *said;

    memset(filling, 'x', sizeof(filling));
    filling[sizeof(filling) - 10] = '\0';
    begin(streams);
    aks_print_note("%s %s", filling, PLANTED);
    (void)fflush(stdout);
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        assert_int_equal(dup2(streams->kept[fd - STDOUT_FILENO], fd), fd);
    said = temp_folder_read(streams->folder, "err", NULL);
    assert_null(strstr(said, "plan"));
    free(said);
}

static int
open_streams(void **state)
{
    struct streams *streams = calloc(1, sizeof(*streams));

    streams->folder = temp_folder_new();
    streams->secret = aks_secret_new(aks_alloc_system(), "", PLANTED, strlen(PLANTED));
    *state = streams;
    return 0;
}

static int
close_streams(void **state)
{
    struct streams *streams = *state;

    aks_secret_free(streams->secret);
    temp_folder_free(streams->folder);
    free(streams);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_streams, close_streams)

/* A hook. */
static void
a_program_that_is_mute_keeps_its_first_error(void **state)
{
    struct streams *streams = *state;
    struct akosha_error error = { 2, "settings", "wrong: " PLANTED, "do" };

    begin(streams);
    aks_print_mute();
    aks_print_out("out\n");
    aks_print_note("note");
    aks_print_failure(true, &error);
    aks_print_error("hint", "second");
    assert_int_equal(aks_print_flush(), 0);
    assert_null(strstr(aks_print_muted(), PLANTED));
    assert_memory_equal(aks_print_muted(), "wrong: ", 7);
    aks_print_mute();
    assert_string_equal(aks_print_muted(), "");
    aks_print_error(NULL, "told");
    aks_print_unmute();
    aks_print_out("after\n");
    assert_int_equal(aks_print_flush(), 0);
    assert_told(streams, "after\n", "akosha-sync: told\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_secret_that_is_printed_piece_by_piece),
        CASE(lines_are_there_when_they_are_whole),
        CASE(a_key_of_many_lines),
        CASE(errors_hints_notes_and_lines),
        CASE(an_error_that_is_cut_in_a_secret),
        CASE(a_program_that_is_mute_keeps_its_first_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
