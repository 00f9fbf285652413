/* The command line, with two commands of the test's own; what is told of it goes to files. */
#include "cli/args.h"

#include "akosha/akosha.h"
#include "cli/print.h"
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

#define WORDS_MAX 100

static int
do_nothing(const struct aks_args *args)
{
    return 0;
}

const struct aks_command aks_commands[] = {
    { "run", "run [SOURCE]...", "Syncs.", "", "  akosha-sync a.db",
        "policy dry-run allow-env limit", 0, -1, do_nothing },
    { "cancel", "cancel JOB", "Drops a job.", "More of it.", "  akosha-sync cancel x", "", 1, 1,
        do_nothing },
    { NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};

struct world {
    struct temp_folder *folder;
    struct aks_args args;
    int code;
    char *out;
    char *told;                     /* on standard error */
};

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    free(world->out);
    free(world->told);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static int
redirect(int fd, const char *path)
{
    int kept = dup(fd);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(kept >= 0 && file >= 0);
    assert_int_equal(dup2(file, fd), fd);
    (void)close(file);
    return kept;
}

static void
restore(int fd, int kept)
{
    (void)fflush(stdout);
    assert_int_equal(dup2(kept, fd), fd);
    (void)close(kept);
}

/* Takes the blank-separated ${line} apart. */
static void
parse(struct world *world, const char *line)
{
    const char *out_path = temp_folder_join(world->folder, "out");
    const char *err_path = temp_folder_join(world->folder, "err");
    char program[] = "akosha-sync";
    char *argv[WORDS_MAX + 1] = { program };
    char *words = strdup(line);
    char *rest = NULL;
    int argc = 1;
    int out;
    int err;

    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = strcmp(word, "EMPTY") == 0 ? word + 5 : word;
    free(world->out);
    free(world->told);
    (void)fflush(stdout);
    out = redirect(STDOUT_FILENO, out_path);
    err = redirect(STDERR_FILENO, err_path);
    aks_args_parse(argc, argv, &world->args, &world->code);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, err);
    world->out = temp_folder_read(world->folder, "out", NULL);
    world->told = temp_folder_read(world->folder, "err", NULL);
    /* What the arguments point to is looked at through copies only. */
    world->args.policy = world->args.policy != NULL ? "given" : NULL;
    world->args.operands = NULL;
    free(words);
}

static void
assert_wrong(struct world *world, const char *line, const char *says)
{
    parse(world, line);
    assert_int_equal(world->code, AKOSHA_USAGE);
    assert_string_equal(world->out, "");
    assert_non_null(strstr(world->told, says));
    assert_non_null(strstr(world->told, "hint: "));
}

static void
right_command_lines_are_taken_apart(void **state)
{
    struct world *world = *state;

    parse(world, "");
    assert_int_equal(world->code, -1);
    assert_string_equal(world->args.command->name, "run");
    assert_int_equal(world->args.operand_count, 0);
    parse(world, "a.db --policy p.lua b.db --dry-run --json --verbose");
    assert_int_equal(world->code, -1);
    assert_int_equal(world->args.operand_count, 2);
    assert_string_equal(world->args.policy, "given");
    assert_true(world->args.dry_run && world->args.json && world->args.verbose);
    assert_false(world->args.quiet);
    parse(world, "run --policy=p.lua --allow-env A --allow-env=B -- --json -x");
    assert_int_equal(world->code, -1);
    assert_int_equal(world->args.allow_count, 2);
    assert_int_equal(world->args.operand_count, 2);
    assert_false(world->args.json);
    parse(world, "run cancle");
    assert_int_equal(world->code, -1);
    parse(world, "--policy p.lua cancle");
    assert_int_equal(world->code, -1);
    parse(world, "./cancle notes");
    assert_int_equal(world->code, -1);
    parse(world, "etc");
    assert_int_equal(world->code, AKOSHA_USAGE);
    parse(world, "run --limit memory=64MiB --limit=load.time=10s");
    assert_int_equal(world->code, -1);
    assert_int_equal(world->args.limit_count, 2);
    parse(world, "cancel job --state dir --quiet");
    assert_int_equal(world->code, -1);
    assert_string_equal(world->args.command->name, "cancel");
    assert_true(world->args.quiet);
}

static void
wrong_command_lines_are_told(void **state)
{
    struct world *world = *state;

    assert_wrong(world, "--limit memory=2GiB",
        "usage: --limit memory=2GiB: memory is from 64KiB to 1024MiB");
    assert_wrong(world, "--limit memory=64mib", "memory is a number with B, KiB, MiB, GiB, kB, MB");
    assert_wrong(world, "--limit time=-1s", "time is a number with ms, s, min, h or nothing");
    assert_wrong(world, "--limit log=1e3", "log is a number in digits, from 1 to 100000");
    assert_wrong(world, "run --limit memry=1MiB", "expected NAME=VALUE with one of memory,");
    assert_wrong(world, "cancel x --limit time=1", "this command does not take --limit");
    assert_wrong(world, "--polcy x", "unknown option --polcy");
    assert_wrong(world, "-p x", "unknown option -p");
    assert_wrong(world, "--json=yes", "takes no value");
    assert_wrong(world, "--policy", "needs a value");
    assert_wrong(world, "--policy=", "needs a value");
    assert_wrong(world, "--policy EMPTY", "needs a value");
    assert_wrong(world, "cancel", "an argument is missing");
    assert_wrong(world, "cancle job", "neither a command nor a file here with the name cancle");
    assert_wrong(world, "session-end", "neither a command nor a file here");
    assert_wrong(world, "cancel a b", "one argument too many: b");
    assert_wrong(world, "cancel a --policy p", "does not take --policy");
    assert_wrong(world, "--quiet --verbose", "exclude each other");
    assert_wrong(world, "--bad\033[2J", "--bad?[2J");
    assert_wrong(world, "--bad\xff", "--bad?");
}

static void
too_many_allowed_names_are_told(void **state)
{
    struct world *world = *state;
    char line[20 * (AKS_ARGS_ALLOW_MAX + 1)] = "";

    for (unsigned i = 0; i <= AKS_ARGS_ALLOW_MAX; i++)
        (void)strncat(line, " --allow-env=A", sizeof(line) - strlen(line) - 1);
    assert_wrong(world, line, "too often");
}

static void
wrong_command_line_is_told_in_json_where_json_is_wanted(void **state)
{
    struct world *world = *state;

    parse(world, "--pol\"icy --json");
    assert_int_equal(world->code, AKOSHA_USAGE);
    assert_non_null(strstr(world->out, "\"exit_code\": 2"));
    assert_non_null(strstr(world->out, "--pol\\\"icy"));
    assert_int_equal(world->out[strlen(world->out) - 1], '\n');
}

static void
help_and_version_go_to_standard_output(void **state)
{
    struct world *world = *state;

    parse(world, "--help");
    assert_int_equal(world->code, 0);
    assert_non_null(strstr(world->out, "cancel   Drops a job."));
    assert_string_equal(world->told, "");
    parse(world, "cancel --help");
    assert_int_equal(world->code, 0);
    assert_non_null(strstr(world->out, "usage: akosha-sync cancel JOB"));
    assert_non_null(strstr(world->out, "More of it."));
    assert_null(strstr(world->out, "--dry-run"));
    parse(world, "--version");
    assert_int_equal(world->code, 0);
    assert_non_null(strstr(world->out, akosha_version()));
}

static void
control_characters_move_no_cursor(void **state)
{
    static const struct akosha_error error = { AKOSHA_QUEUED, "server", "a\nb\033c", "d\re" };
    struct world *world = *state;
    int out;
    int err;

    (void)fflush(stdout);
    out = redirect(STDOUT_FILENO, temp_folder_join(world->folder, "out"));
    err = redirect(STDERR_FILENO, temp_folder_join(world->folder, "err"));
    aks_print_failure(true, &error);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, err);
    world->out = temp_folder_read(world->folder, "out", NULL);
    world->told = temp_folder_read(world->folder, "err", NULL);
    assert_string_equal(world->told, "akosha-sync: a?b?c\nhint: d?e\n");
    assert_non_null(strstr(world->out, "a\\u000ab\\u001bc"));
}

int
main(void)
{
#define ARGS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ARGS_TEST(right_command_lines_are_taken_apart),
        ARGS_TEST(wrong_command_lines_are_told),
        ARGS_TEST(too_many_allowed_names_are_told),
        ARGS_TEST(wrong_command_line_is_told_in_json_where_json_is_wanted),
        ARGS_TEST(help_and_version_go_to_standard_output),
        ARGS_TEST(control_characters_move_no_cursor),
    };

    return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
