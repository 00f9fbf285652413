#include "cli/command_testing.h"

#include "cli/begin.h"
#include "cli/print.h"
#include "support/json_look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define VARIABLES_MAX 1024

/* Its workers are started from the full program, which does not lie where it is looked for. */
const bool aks_begin_front = true;

/* The full program's workers are itself, which is this test: it must not begin anew. */
__attribute__((constructor)) static void
end_workers(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--inherited") == 0)
            _exit(0);
    }
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

struct command_kept {
    char *variables[VARIABLES_MAX + 1];
    mode_t mask;
    int work;                           /* the folder that the test was started in */
    char *words[COMMAND_WORDS_MAX + 1];
};

/* --- around a test ---------------------------------------------------------------------------- */

/* What makes tests run, and coverage and sanitizers work. */
static bool
is_passed_on(const char *variable)
{
    static const char *const names[] = { "PATH=", "TMPDIR=", "LANG=", "GCOV_", "ASAN_", "UBSAN_",
        "LSAN_", "TSAN_" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static void
set_variables(char *const *variables, bool all)
{
    (void)clearenv();
    for (size_t i = 0; variables[i] != NULL; i++) {
        char name[256];
        size_t len = strcspn(variables[i], "=");

        if (len >= sizeof(name) || (!all && !is_passed_on(variables[i])))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, variables[i]);
        (void)setenv(name, variables[i] + len + (variables[i][len] == '='), 1);
    }
}

static const char *
make_folder(struct command_testing *testing, const char *name)
{
    const char *path = command_path(testing, name);

    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

int
command_set_up(void **state)
{
    struct command_testing *testing = calloc(1, sizeof(*testing));
    struct command_kept *kept = calloc(1, sizeof(*kept));

    assert_non_null(testing);
    assert_non_null(kept);
    testing->kept = kept;
    testing->folder = temp_folder_new();
    testing->home = make_folder(testing, "home");
    testing->work = make_folder(testing, "work");
    testing->state = command_path(testing, "home/.local/state/akosha-sync");
    testing->out = strdup("");
    testing->err = strdup("");
    for (size_t i = 0; environ[i] != NULL && i < VARIABLES_MAX; i++)
        assert_non_null(kept->variables[i] = strdup(environ[i]));
    set_variables(kept->variables, false);
    command_set(testing, "HOME", testing->home);
    kept->mask = umask(077);
    kept->work = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(kept->work >= 0);
    assert_int_equal(chdir(testing->work), 0);
    *state = testing;
    return 0;
}

static void
forget_words(struct command_kept *kept)
{
    for (size_t i = 0; i < COMMAND_WORDS_MAX; i++) {
        free(kept->words[i]);
        kept->words[i] = NULL;
    }
}

int
command_tear_down(void **state)
{
    struct command_testing *testing = *state;
    struct command_kept *kept = testing->kept;

    assert_int_equal(fchdir(kept->work), 0);
    (void)close(kept->work);
    (void)umask(kept->mask);
    set_variables(kept->variables, true);
    for (size_t i = 0; i < VARIABLES_MAX; i++)
        free(kept->variables[i]);
    forget_words(kept);
    temp_folder_free(testing->folder);
    free(testing->out);
    free(testing->err);
    free(kept);
    free(testing);
    return 0;
}

void
command_set(struct command_testing *testing, const char *name, const char *value)
{
    assert_non_null(testing);
    assert_int_equal(value != NULL ? setenv(name, value, 1) : unsetenv(name), 0);
}

/* --- files ------------------------------------------------------------------------------------ */

const char *
command_path(struct command_testing *testing, const char *name)
{
    return temp_folder_join(testing->folder, name);
}

const char *
command_write(struct command_testing *testing, const char *name, const char *text)
{
    char above[PATH_MAX];

    (void)snprintf(above, sizeof(above), "%s", command_path(testing, name));
    for (char *at = above + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(above, 0700) != 0)
            assert_int_equal(errno, EEXIST);
        *at = '/';
    }
    return temp_folder_write(testing->folder, name, text, strlen(text));
}

bool
command_has(struct command_testing *testing, const char *name)
{
    return access(command_path(testing, name), F_OK) == 0;
}

void
command_holds(struct command_testing *testing, const char *name, const char *text)
{
    char *held = temp_folder_read(testing->folder, name, NULL);

    assert_string_equal(held, text);
    free(held);
}

/* --- a call ----------------------------------------------------------------------------------- */

/* The descriptors and signals that a command changes, or has of its own. */
struct call {
    int fds[3];
    struct sigaction actions[SIGNALS];
    sigset_t held;
};

static int
redirect(int fd, const char *path, int flags)
{
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    int file = open(path, flags | O_CLOEXEC, 0600);

    assert_true(kept >= 0);
    if (file < 0)
        fail_msg("cannot open %s: %s", path, strerror(errno));
    assert_int_equal(dup2(file, fd), fd);
    (void)close(file);
    return kept;
}

static void
begin(const struct command_testing *testing, const char *out, const char *err, struct call *call)
{
    (void)fflush(NULL);
    call->fds[0] = redirect(STDIN_FILENO, testing->in != NULL ? testing->in : "/dev/null",
        O_RDONLY);
    call->fds[1] = redirect(STDOUT_FILENO, testing->to != NULL ? testing->to : out,
        O_WRONLY | O_CREAT | O_TRUNC);
    call->fds[2] = redirect(STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC);
    for (size_t i = 0; i < SIGNALS; i++)
        (void)sigaction(signals[i], NULL, &call->actions[i]);
    (void)sigprocmask(SIG_SETMASK, NULL, &call->held);
}

static void
end(const struct call *call)
{
    (void)fflush(stderr);
    /* What could not be written goes to nobody else. */
    if (fflush(stdout) != 0)
        __fpurge(stdout);
    clearerr(stdout);
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(call->fds[fd], fd);
        (void)close(call->fds[fd]);
    }
    for (size_t i = 0; i < SIGNALS; i++)
        (void)sigaction(signals[i], &call->actions[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &call->held, NULL);
    /* A hook is silent to its end, and a process that is guarded cannot look for its leaks. */
    aks_print_mute();
    aks_print_unmute();
    (void)prctl(PR_SET_DUMPABLE, 1);
}

static void
call_command(struct command_testing *testing, int argc)
{
    const char *out = command_path(testing, "standard-output");
    const char *err = command_path(testing, "standard-error");
    struct call call;
    char *argv[COMMAND_WORDS_MAX + 1];

    /* It is put into another order; the words are given back as they are. */
    memcpy(argv, testing->kept->words, sizeof(argv));
    begin(testing, out, err, &call);
    testing->code = aks_begin(argc, argv);
    end(&call);
    free(testing->out);
    free(testing->err);
    testing->out = testing->to == NULL ? temp_folder_read(testing->folder, "standard-output", NULL)
        : strdup("");
    testing->err = temp_folder_read(testing->folder, "standard-error", NULL);
    (void)unlink(out);
    (void)unlink(err);
}

void
command_run(struct command_testing *testing, ...)
{
    char **words = testing->kept->words;
    const char *word = "akosha-sync";
    va_list list;
    int argc = 0;

    forget_words(testing->kept);
    va_start(list, testing);
    for (; word != NULL; word = va_arg(list, const char *)) {
        assert_true(argc < COMMAND_WORDS_MAX);
        assert_non_null(words[argc++] = strdup(word));
    }
    va_end(list);
    call_command(testing, argc);
}

/* --- what it said ----------------------------------------------------------------------------- */

static void
has(const char *where, const char *all, const char *text)
{
    if (text == NULL && all[0] != '\0')
        fail_msg("standard %s is not empty: %s", where, all);
    if (text != NULL && strstr(all, text) == NULL)
        fail_msg("standard %s has no \"%s\" in it: %s", where, text, all);
}

void
command_tells(const struct command_testing *testing, const char *text)
{
    has("error", testing->err, text);
}

void
command_prints(const struct command_testing *testing, const char *text)
{
    has("output", testing->out, text);
}

json_t *
command_json(const struct command_testing *testing)
{
    json_error_t error;
    json_t *document = json_loads(testing->out, 0, &error);

    if (document == NULL)
        fail_msg("no JSON: %s: %s", error.text, testing->out);
    return document;
}

const json_t *
command_at(const json_t *document, const char *path)
{
    return json_look(document, path);
}

const char *
command_text(const json_t *document, const char *path)
{
    const char *text = json_string_value(command_at(document, path));

    return text != NULL ? text : "";
}
