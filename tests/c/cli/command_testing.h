/* Commands as a person calls them, in this process: a home, a state folder and a working folder of
 * the test's own, an environment that holds nothing else, and what the command wrote. Whatever
 * cannot be done fails the running test.
 *
 *     static void
 *     a_job_that_nobody_knows_is_told(void **state)
 *     {
 *         struct command_testing *testing = *state;
 *
 *         command_run(testing, "cancel", "20261123T084512Z-3f9a2c", NULL);
 *         assert_int_equal(testing->code, AKOSHA_USAGE);
 *         assert_string_equal(testing->out, "");
 *         command_tells(testing, "there is no job 20261123T084512Z-3f9a2c");
 *     }
 *
 * with cmocka_unit_test_setup_teardown(that, command_set_up, command_tear_down). No worker does
 * anything (the program is not where enqueue looks for it), so jobs stay in the queue. */
#ifndef AKS_TESTS_COMMAND_TESTING_H
#define AKS_TESTS_COMMAND_TESTING_H

#include "support/temp_folder.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define COMMAND_WORDS_MAX 64

struct command_testing {
    struct temp_folder *folder;         /* with the three that follow in it, and nothing else */
    const char *home;                   /* $HOME; $XDG_*_HOME are not set */
    const char *state;                  /* ~/.local/state/akosha-sync, made when it is needed */
    const char *work;                   /* where commands are called */

    /* What the next calls get; to be put back by whoever changes it. */
    const char *in;                     /* standard input, a path; NULL: /dev/null */
    const char *to;                     /* standard output, such as /dev/full; NULL: caught */

    /* Of the last call. */
    int code;                           /* the exit code */
    char *out;                          /* what it wrote to standard output, "" if nothing */
    char *err;                          /* and to standard error */

    struct command_kept *kept;          /* what is put back at the end */
};

int command_set_up(void **state);
int command_tear_down(void **state);

/** Calls "akosha-sync WORD...", the words up to a NULL, and waits for its end. */
void command_run(struct command_testing *testing, ...) __attribute__((sentinel));
/** A variable of the commands that follow; NULL takes it away. */
void command_set(struct command_testing *testing, const char *name, const char *value);
/** Writes ${text} to the file ${name} of the temporary folder ("home/.claude/settings.json"), with
 * the folders above it, and returns its path; lives as long as the test. */
const char *command_write(struct command_testing *testing, const char *name, const char *text);
/** Its path, whether it is there or not. */
const char *command_path(struct command_testing *testing, const char *name);
/** Is there a file, or a folder, of that name? */
bool command_has(struct command_testing *testing, const char *name);
/** Asserts that the file ${name} holds ${text} and nothing else. */
void command_holds(struct command_testing *testing, const char *name, const char *text);
/** Asserts that standard error of the last call has ${text} in it; NULL: that it is empty. */
void command_tells(const struct command_testing *testing, const char *text);
/** Asserts that standard output has ${text} in it; NULL: that it is empty. */
void command_prints(const struct command_testing *testing, const char *text);
/** Standard output of the last call as JSON: asserts that it is one document and nothing else. The
 * caller gives it back (json_decref). */
json_t *command_json(const struct command_testing *testing);
/** The value at ${path} ("files.0.outcome") of ${document}; NULL where there is none. Borrowed. */
const json_t *command_at(const json_t *document, const char *path);
/** The text there; "" where there is none. */
const char *command_text(const json_t *document, const char *path);

#endif
