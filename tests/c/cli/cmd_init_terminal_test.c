/* A person who is asked by init, at a terminal. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define POLICY "home/.config/akosha-sync/policy.lua"
#define SETTINGS "home/.claude/settings.json"
#define SAID_BYTES 65536
#define CANNOT_BEGIN 99                 /* an exit code that no command has */

/* Types the next of ${answers} whenever what was said so far ends in a question. */
static void
type(int terminal, const char *const *answers, char said[SAID_BYTES])
{
    size_t len = 0;
    ssize_t n;

    while (len < SAID_BYTES - 2 &&
        (n = read(terminal, said + len, SAID_BYTES - 2 - len)) > 0) {
        len += (size_t)n;
        said[len] = '\0';
        if (len < 3 || strcmp(said + len - 3, "]: ") != 0 || *answers == NULL)
            continue;
        assert_true(write(terminal, *answers, strlen(*answers)) >= 0);
        assert_int_equal(write(terminal, "\n", 1), 1);
        said[len++] = '\n';
        answers++;
    }
    said[len] = '\0';
}

/* A terminal is a session's, so that init is called in a process that begins one. */
static int
init_at_terminal(struct command_testing *testing, const char *const *answers,
    char said[SAID_BYTES])
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    const char *name;
    pid_t pid;
    int status = 0;

    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal), 0);
    assert_int_equal(unlockpt(terminal), 0);
    name = ptsname(terminal);
    assert_non_null(name);
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int its_own = setsid() > 0 ? open(name, O_RDWR) : -1;

        (void)close(terminal);
        /* An assertion that fails here ends this process, and runs no test in it. */
        if (its_own < 0 || setenv("CMOCKA_TEST_ABORT", "1", 1) != 0)
            _exit(CANNOT_BEGIN);
        testing->in = name;
        command_run(testing, "init", "--quiet", NULL);
        (void)close(its_own);
        /* Not _exit: what was covered is noted at the end. */
        exit(testing->code);
    }
    assert_true(pid > 0);
    type(terminal, answers, said);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(terminal);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), CANNOT_BEGIN);
    return WEXITSTATUS(status);
}

static void
a_person_is_asked_for_what_no_option_says(void **state)
{
    static const char *const answers[] = { "memories", "", "profile:sync", "yes", NULL };
    struct command_testing *testing = *state;
    static char said[SAID_BYTES];
    char *policy;

    (void)command_write(testing, "home/.aws/config", "[default]\nregion = x\n[profile sync]\n"
        "[sso-session mine]\n[services s3]\n[]\n[cut\n[default]\n");
    (void)command_write(testing, "home/.aws/credentials",
        "[sync]\naws_secret_access_key = planted\n[other]\n");
    /* Nobody is at that bucket: doctor says so. */
    command_set(testing, "AKOSHA_CLOUD_ENDPOINT", "http://127.0.0.1:9");
    assert_int_not_equal(init_at_terminal(testing, answers, said), AKOSHA_OK);
    assert_non_null(strstr(said, "Bucket (without one: a folder) [none]: "));
    assert_non_null(strstr(said, "Address of the store (none: AWS) [http://127.0.0.1:9]: "));
    assert_non_null(strstr(said, "Keys: \"profile:NAME\" of default, sync, other, or \"auto\" "
        "[none]: "));
    assert_null(strstr(said, "planted"));
    policy = temp_folder_read(testing->folder, POLICY, NULL);
    assert_non_null(strstr(policy, "cloud = akosha.s3 { bucket = \"memories\", endpoint = "
        "\"http://127.0.0.1:9\", credentials = \"profile:sync\" },"));
    free(policy);
    assert_true(command_has(testing, SETTINGS));
}

static void
a_person_who_does_not_say_yes_changes_nothing(void **state)
{
    static const char *const answers[] = { "", "no", NULL };
    struct command_testing *testing = *state;
    static char said[SAID_BYTES];

    assert_int_equal(init_at_terminal(testing, answers, said), AKOSHA_USAGE);
    assert_non_null(strstr(said, "Write this? [y/N]: "));
    assert_false(command_has(testing, POLICY));
    assert_false(command_has(testing, SETTINGS));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_person_is_asked_for_what_no_option_says, command_set_up,
            command_tear_down),
        cmocka_unit_test_setup_teardown(a_person_who_does_not_say_yes_changes_nothing,
            command_set_up, command_tear_down),
    };

    return cmocka_run_group_tests_name("init at a terminal", tests, NULL, NULL);
}
