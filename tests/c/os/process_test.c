#include "os/process_posix.h"

#include "base/units.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_MAX 1000

struct ran {
    struct aks_buf output;
    struct aks_error error;
    enum aks_status status;
    int code;
};

static bool
never(void *ctx)
{
    return false;
}

/* On the third question. */
static bool
third(void *ctx)
{
    int *asked = ctx;

    return ++*asked >= 3;
}

static struct ran
run_with(const char *const *argv, int64_t timeout_ms, bool (*stopped)(void *ctx), void *ctx)
{
    static const char *const env[] = { "PATH=/usr/bin:/bin", "ONLY=this", NULL };
    struct aks_process_spec spec = { .argv = argv, .env = env, .timeout_ms = timeout_ms,
        .stopped = stopped, .stopped_ctx = ctx };
    struct aks_process process;
    struct ran ran = { .code = -1 };

    aks_process_posix_init(aks_alloc_system(), &process);
    aks_buf_init(&ran.output, aks_alloc_system(), OUTPUT_MAX);
    ran.status = process.run(process.ctx, &spec, &ran.output, &ran.code, &ran.error);
    return ran;
}

static struct ran
shell(const char *text)
{
    const char *argv[] = { "sh", "-c", text, NULL };

    return run_with(argv, 60 * AKS_MS_PER_S, never, NULL);
}

/* What it says to people is read beside, whatever there is of it. */
static void
words_to_people_are_kept_apart(void **state)
{
    static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
    const char *argv[] = { "sh", "-c", "i=0; while [ $i -lt 9000 ]; do echo 0123456789 >&2; "
        "i=$((i+1)); done; echo out; exec >&-; echo last >&2; exit 3", NULL };
    struct aks_process_spec spec = { .argv = argv, .env = env, .timeout_ms = 60 * AKS_MS_PER_S };
    struct aks_process process;
    struct aks_buf output;
    struct aks_buf errors;
    int code = -1;

    aks_process_posix_init(aks_alloc_system(), &process);
    aks_buf_init(&output, aks_alloc_system(), OUTPUT_MAX);
    aks_buf_init(&errors, aks_alloc_system(), 100);
    spec.errors = &errors;
    assert_int_equal(process.run(process.ctx, &spec, &output, &code, NULL), AKS_OK);
    assert_int_equal(code, 3);
    assert_string_equal(output.data, "out\n");
    assert_int_equal(errors.len, 100);
    assert_memory_equal(errors.data, "0123456789\n0123456789\n", 22);
    aks_buf_fini(&errors);
    aks_buf_fini(&output);
}

static void
ended(struct ran ran, int code, const char *output)
{
    if (ran.status != AKS_OK)
        fail_msg("%s", ran.error.message);
    assert_int_equal(ran.code, code);
    assert_string_equal(ran.output.data, output);
    aks_buf_fini(&ran.output);
}

static void
failed(struct ran ran, enum aks_status status, const char *message)
{
    assert_int_equal(ran.status, status);
    assert_int_equal(ran.error.status, status);
    assert_string_equal(ran.error.message, message);
    aks_buf_fini(&ran.output);
}

static void
a_program_tells_by_output_and_code(void **state)
{
    ended(shell("echo one; echo two"), 0, "one\ntwo\n");
    ended(shell("printf half; exit 3"), 3, "half");
    ended(shell("kill -9 $$"), 128 + SIGKILL, "");
    ended(shell("exec >&-; sleep 0.1; exit 7"), 7, "");
    ended(shell("cat; echo read nothing"), 0, "read nothing\n");
    ended(shell("echo \"$ONLY,$HOME,$AKS_TEST_TOKEN\""), 0, "this,,\n");
}

struct heard {
    size_t bytes;
    size_t bytes_max;                   /* more is refused */
};

static enum aks_status
hear(void *ctx, const char *data, size_t len, struct aks_error *err)
{
    struct heard *heard = ctx;

    assert_int_equal(data[0], 'y');
    heard->bytes += len;
    return heard->bytes <= heard->bytes_max ? AKS_OK
        : aks_error_set(err, AKS_BAD_REPLY, "that is enough");
}

static enum aks_status
stream(const char *text, struct heard *heard, int64_t timeout_ms, int64_t memory_max,
    int64_t cpu_s_max, int *ret_code, struct aks_error *err)
{
    static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
    const char *argv[] = { "sh", "-c", text, NULL };
    struct aks_process_spec spec = { .argv = argv, .env = env, .timeout_ms = timeout_ms,
        .output = hear, .output_ctx = heard, .memory_max = memory_max, .cpu_s_max = cpu_s_max };
    struct aks_process process;

    aks_process_posix_init(aks_alloc_system(), &process);
    return process.run(process.ctx, &spec, NULL, ret_code, err);
}

static void
much_output_goes_on_as_it_comes(void **state)
{
    struct heard heard = { 0, SIZE_MAX };
    struct aks_error err;
    int code = -1;

    assert_int_equal(stream("yes yyyyyyy | head -c 5000000; exit 3", &heard, 60000, 0, 0, &code,
        &err), AKS_OK);
    assert_int_equal(code, 3);
    assert_int_equal(heard.bytes, 5000000);
}

static void
whoever_hears_it_may_end_it(void **state)
{
    struct heard heard = { 0, 100000 };
    struct aks_error err;
    int code = -1;

    assert_int_equal(stream("yes", &heard, 60000, 0, 0, &code, &err), AKS_BAD_REPLY);
    assert_string_equal(err.message, "that is enough");
    assert_int_equal(code, -1);
}

/* However much it writes. */
static void
a_flood_ends_when_time_is_over(void **state)
{
    struct heard heard = { 0, SIZE_MAX };
    struct aks_error err;
    int code = -1;

    assert_int_equal(stream("yes", &heard, 200, 0, 0, &code, &err), AKS_TIMEOUT);
    assert_true(heard.bytes > 0);
}

static void
memory_and_work_are_held_to_limits(void **state)
{
    struct heard heard = { 0, 1000 };
    struct aks_error err;
    int code = -1;

    /* As much as that, and a hundredfold. */
    assert_int_equal(stream("x=y; i=0; while [ $i -lt 12 ]; do x=$x$x; i=$((i+1)); done; echo yes",
        &heard, 60000, 16 * 1024 * 1024, 0, &code, &err), AKS_OK);
    assert_int_equal(code, 0);
    assert_int_equal(heard.bytes, 4);
    heard.bytes = 0;
    assert_int_equal(stream("x=y; i=0; while [ $i -lt 30 ]; do x=$x$x; i=$((i+1)); done; echo yes",
        &heard, 60000, 16 * 1024 * 1024, 0, &code, &err), AKS_OK);
    assert_int_not_equal(code, 0);
    assert_int_equal(heard.bytes, 0);
    assert_int_equal(stream("while :; do :; done", &heard, 60000, 0, 1, &code, &err), AKS_OK);
    assert_int_equal(code, 128 + SIGXCPU);
}

static void
signals_are_as_a_shell_has_them(void **state)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);

    ended(shell("kill -PIPE $$; echo still here"), 128 + SIGPIPE, "");
    (void)signal(SIGPIPE, before);
}

/* As a caller may leave it to us: its children vanish, and their exit codes with them. */
static void
where_children_are_not_waited_for_that_is_told(void **state)
{
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);

    failed(shell("echo $$"), AKS_LIMIT, "cannot wait for sh: No child processes");
    (void)signal(SIGCHLD, SIG_DFL);
    /* It waits for its own. */
    ended(shell("(exit 5); echo $?"), 0, "5\n");
    (void)signal(SIGCHLD, before);
}

static void
what_cannot_be_run_is_told(void **state)
{
    const char *missing[] = { "akosha-no-such-program", "planted", NULL };
    const char *folder[] = { "/tmp", NULL };

    failed(run_with(missing, 1000, NULL, NULL), AKS_NOT_FOUND,
        "cannot run akosha-no-such-program: No such file or directory");
    failed(run_with(folder, 1000, NULL, NULL), AKS_FORBIDDEN,
        "cannot run /tmp: Permission denied");
}

static void
too_much_output_ends_it(void **state)
{
    failed(shell("yes planted"), AKS_TOO_LARGE, "sh wrote more than 1000 bytes");
}

/* Whether a process of that number lives; a child of ours that is dead and not waited for would. */
static void
assert_gone(const struct aks_buf *output)
{
    pid_t pid = (pid_t)atoi(output->data);

    assert_true(pid > 1);
    for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
        (void)usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
}

static void
it_ends_with_all_that_it_started_when_time_is_over(void **state)
{
    const char *argv[] = { "sh", "-c", "sleep 3600 & echo $!; wait", NULL };
    struct ran ran = run_with(argv, 300, never, NULL);

    assert_int_equal(ran.status, AKS_TIMEOUT);
    assert_string_equal(ran.error.message, "sh has not ended within 300 ms");
    assert_gone(&ran.output);
    aks_buf_fini(&ran.output);
}

static void
it_ends_when_nobody_waits_any_more(void **state)
{
    const char *argv[] = { "sh", "-c", "echo $$; exec sleep 3600", NULL };
    const char *closed[] = { "sh", "-c", "echo $$; exec >&-; sleep 3600", NULL };
    int asked = 0;
    struct ran ran = run_with(argv, 3600 * AKS_MS_PER_S, third, &asked);

    assert_int_equal(ran.status, AKS_CANCELLED);
    assert_int_equal(asked, 3);
    assert_gone(&ran.output);
    aks_buf_fini(&ran.output);
    asked = 0;
    ran = run_with(closed, 3600 * AKS_MS_PER_S, third, &asked);
    assert_int_equal(ran.status, AKS_CANCELLED);
    assert_gone(&ran.output);
    aks_buf_fini(&ran.output);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_to_people_are_kept_apart),
        cmocka_unit_test(a_program_tells_by_output_and_code),
        cmocka_unit_test(much_output_goes_on_as_it_comes),
        cmocka_unit_test(whoever_hears_it_may_end_it),
        cmocka_unit_test(a_flood_ends_when_time_is_over),
        cmocka_unit_test(memory_and_work_are_held_to_limits),
        cmocka_unit_test(signals_are_as_a_shell_has_them),
        cmocka_unit_test(where_children_are_not_waited_for_that_is_told),
        cmocka_unit_test(what_cannot_be_run_is_told),
        cmocka_unit_test(too_much_output_ends_it),
        cmocka_unit_test(it_ends_with_all_that_it_started_when_time_is_over),
        cmocka_unit_test(it_ends_when_nobody_waits_any_more),
    };

    (void)setenv("AKS_TEST_TOKEN", "planted", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
