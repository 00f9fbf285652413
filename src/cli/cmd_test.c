#include "base/alloc.h"
#include "base/redact.h"
#include "cli/cmd_test.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/test_find.h"
#include "cli/test_json.h"
#include "cli/test_junit.h"
#include "cli/test_options.h"
#include "cli/test_pool.h"
#include "cli/test_tap.h"
#include "cli/test_text.h"
#include "os/os.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_BYTES_MAX (256 * 1024 * 1024)
#define SEED_BITS 32                    /* of a fresh seed: short enough to be typed again */

struct testing {
    const struct aks_args *args;
    struct aks_test_options options;
    struct aks_os *os;
    const struct aks_port *port;
    struct aks_test_find find;
    struct aks_test_results results;
    struct aks_test_text text;
    struct aks_file *report;
    struct aks_buf out;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
    stopped = number;
    (void)signal(number, SIG_DFL);      /* who asks twice does not want to wait */
}

static void
catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction old;

        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &action, NULL);
    }
}

int
aks_cmd_test_fail(const struct aks_args *args, int code, const struct aks_error *err)
{
    struct akosha_error error = { code, aks_status_name(err->status), "", "" };

    (void)snprintf(error.message, sizeof(error.message), "%s", err->message);
    (void)snprintf(error.hint, sizeof(error.hint), "%s", err->hint);
    aks_print_failure(args->json, &error);
    (void)aks_print_flush();
    return code;
}

static void
put(struct testing *testing)
{
    aks_print_out("%s", testing->out.data);
    aks_buf_reset(&testing->out);
}

static bool
in_text(const struct testing *testing)
{
    return !testing->args->json && testing->options.format == AKS_TEST_FORMAT_TEXT;
}

/* --- before the tests ------------------------------------------------------------------------- */

static enum aks_status
find_tests(struct testing *testing, struct aks_error *err)
{
    static const char *const usual[] = { AKS_TEST_FIND_FOLDER };
    const struct aks_environment *environment = &testing->port->environment;
    const char *here = environment->working_folder(environment->ctx);
    bool named = testing->args->operand_count > 0;

    if (here[0] == '\0')
        return aks_error_set(err, AKS_SETTINGS, "the working folder cannot be told");
    aks_test_find_init(&testing->find, aks_alloc_system(), &testing->port->files, here);
    return aks_test_find_add(&testing->find, named ? testing->args->operands : usual,
        named ? testing->args->operand_count : 1, err);
}

/* Opened before the tests run, so that nobody waits for a report that cannot be written. */
static enum aks_status
open_report(struct testing *testing, struct aks_error *err)
{
    const struct aks_files *files = &testing->port->files;
    enum aks_status status;
    char *path;

    if (testing->args->report == NULL)
        return AKS_OK;
    path = aks_test_find_absolute(&testing->find, testing->args->report);
    if (path == NULL)
        return aks_error_memory(err, "opening the report");
    status = files->open(files->ctx, path, AKS_FILE_REPLACE, &testing->report, err);
    aks_mem_free(aks_alloc_system(), path);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "the report");
    return status;
}

static enum aks_status
choose_seed(struct testing *testing, struct aks_error *err)
{
    const struct aks_entropy *entropy = &testing->port->entropy;
    uint64_t seed = 0;
    enum aks_status status = AKS_OK;

    if (!testing->options.seeded)
        status = entropy->fill(entropy->ctx, &seed, SEED_BITS / 8, err);
    testing->results.seed = testing->options.seeded ? testing->options.seed : seed;
    return status;
}

static int
prepare(struct testing *testing)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_error err = { 0 };
    enum aks_status status = aks_os_open(alloc, &testing->os, &err);

    aks_buf_init(&testing->out, alloc, OUTPUT_BYTES_MAX);
    if (status == AKS_OK) {
        testing->port = aks_os_port(testing->os);
        status = find_tests(testing, &err);
    }
    if (status == AKS_OK)
        status = open_report(testing, &err);
    if (status == AKS_OK)
        status = aks_test_results_init(&testing->results, alloc, testing->find.paths,
            testing->find.count, &err);
    if (status == AKS_OK)
        status = choose_seed(testing, &err);
    if (status != AKS_OK)
        return aks_cmd_test_fail(testing->args, AKOSHA_USAGE, &err);
    testing->results.covered = testing->args->coverage;
    testing->results.filtered = testing->args->filter != NULL;
    return -1;
}

/* --- while they run --------------------------------------------------------------------------- */

static void
on_done(void *ctx, const struct aks_test_file *file)
{
    struct testing *testing = ctx;

    if (!in_text(testing) || testing->args->quiet || testing->args->list)
        return;
    aks_test_text_file(&testing->text, file, &testing->out);
    put(testing);
    aks_print_now();
}

static void
on_progress(void *ctx, size_t ended)
{
    struct testing *testing = ctx;
    char text[80];

    (void)snprintf(text, sizeof(text), "%zu of %zu files", ended, testing->results.count);
    aks_progress_text(text);
}

static size_t
processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    if (count < 1)
        return 1;
    return count < AKS_TEST_POOL_JOBS_MAX ? (size_t)count : AKS_TEST_POOL_JOBS_MAX;
}

static int
run(struct testing *testing)
{
    const struct aks_environment *environment = &testing->port->environment;
    struct aks_test_pool_options pool = { 0 };
    struct aks_error err = { 0 };
    enum aks_status status;

    pool.alloc = aks_alloc_system();
    pool.real = testing->port;
    pool.here = testing->find.here;
    pool.jobs = testing->options.jobs > 0 ? testing->options.jobs : processors();
    pool.test_ms_max = testing->options.test_ms_max;
    pool.grace_ms = AKS_TEST_POOL_GRACE_MS;
    pool.filter = testing->args->filter;
    pool.list = testing->args->list;
    pool.stop = &stopped;
    pool.done = on_done;
    pool.progress = on_progress;
    pool.ctx = testing;
    aks_test_text_init(&testing->text, &testing->results, isatty(STDOUT_FILENO) == 1 &&
        environment->get(environment->ctx, "NO_COLOR") == NULL, testing->args->verbose);
    aks_progress_start(!testing->args->quiet);
    catch_signals();
    status = aks_test_pool_run(&pool, &testing->results, &err);
    aks_progress_clear();
    if (status == AKS_OK)
        return -1;
    return aks_cmd_test_fail(testing->args,
        status == AKS_CANCELLED ? 128 + (int)stopped : AKOSHA_USAGE, &err);
}

/* --- after them ------------------------------------------------------------------------------- */

/* Files that could not be run, each reason once: LuaUnit that is missing is missing for all. */
static void
tell_broken(const struct aks_test_results *results)
{
    const char *told = "";

    for (size_t i = 0; i < results->count; i++) {
        const struct aks_error *error = &results->files[i].error;

        if (error->status == AKS_OK || strcmp(error->message, told) == 0)
            continue;
        aks_print_error(error->hint, "%s", error->message);
        told = error->message;
    }
}

static enum aks_status
write_report(struct testing *testing, struct aks_error *err)
{
    const struct aks_files *files = &testing->port->files;
    enum aks_status status;

    if (testing->report == NULL)
        return AKS_OK;
    if (testing->options.report_format == AKS_TEST_FORMAT_TAP)
        aks_test_tap_write(&testing->results, &testing->out);
    else
        aks_test_junit_write(&testing->results, &testing->out);
    status = aks_buf_status(&testing->out, "the report", err);
    testing->out.len = aks_redact(testing->out.data, testing->out.len, 0);
    if (status == AKS_OK)
        status = files->write(testing->report, 0, testing->out.data, testing->out.len, err);
    aks_buf_reset(&testing->out);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "the report %s", testing->args->report);
    return status;
}

/* Results on standard output; what is none of them, where a program reads that, on the other. */
static enum aks_status
write_results(struct testing *testing, int code, struct aks_error *err)
{
    const struct aks_args *args = testing->args;
    bool pretty = isatty(STDOUT_FILENO) == 1;
    enum aks_status status = AKS_OK;

    if (args->list && args->json)
        status = aks_test_json_list(&testing->results, code, pretty, &testing->out, err);
    else if (args->list)
        aks_test_text_list(&testing->text, &testing->out);
    else if (args->json)
        status = aks_test_json_write(&testing->results, code, pretty, &testing->out, err);
    else if (testing->options.format == AKS_TEST_FORMAT_TAP)
        aks_test_tap_write(&testing->results, &testing->out);
    else if (testing->options.format == AKS_TEST_FORMAT_JUNIT)
        aks_test_junit_write(&testing->results, &testing->out);
    else
        aks_test_text_failures(&testing->text, &testing->out);
    if (status == AKS_OK)
        status = aks_buf_status(&testing->out, "the results", err);
    put(testing);
    return status;
}

static void
write_closing(struct testing *testing)
{
    bool quiet = testing->args->quiet;

    if (testing->args->list)
        return;
    if (testing->results.covered && !testing->args->json)
        aks_test_text_coverage(&testing->text, &testing->out);
    if (!quiet || aks_test_results_count(&testing->results, NULL).failed > 0)
        aks_test_text_seed(&testing->text, &testing->out);
    if (!quiet)
        aks_test_text_closing(&testing->text, &testing->out);
    if (in_text(testing)) {
        put(testing);
    } else {
        aks_print_lines(testing->out.data);
        aks_buf_reset(&testing->out);
    }
}

static enum aks_status
none_found(const struct testing *testing, struct aks_error *err)
{
    if (testing->args->filter == NULL)
        return aks_error_set(err, AKS_SETTINGS, "no tests in %zu files", testing->results.count);
    return aks_error_set(err, AKS_SETTINGS, "no tests: none of %zu file%s has one whose name "
        "contains \"%s\"", testing->results.count, testing->results.count == 1 ? "" : "s",
        testing->args->filter);
}

static int
finish(struct testing *testing)
{
    struct aks_error err = { 0 };
    int code = aks_test_results_code(&testing->results);

    if (code == AKOSHA_USAGE)
        return aks_cmd_test_fail(testing->args, code, (none_found(testing, &err), &err));
    if (write_results(testing, code, &err) != AKS_OK)
        return aks_cmd_test_fail(testing->args, AKOSHA_USAGE, &err);
    aks_print_now();
    tell_broken(&testing->results);
    write_closing(testing);
    if (write_report(testing, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        code = AKOSHA_USAGE;
    }
    return aks_print_flush() == 0 ? code : AKOSHA_USAGE;
}

int
aks_cmd_test(const struct aks_args *args)
{
    struct testing testing = { .args = args };
    int code = aks_test_options_read(args, &testing.options);

    if (code < 0 && args->new_test != NULL)
        return aks_cmd_test_new(args);
    if (code < 0)
        code = prepare(&testing);
    if (code < 0)
        code = run(&testing);
    if (code < 0)
        code = finish(&testing);
    aks_buf_fini(&testing.out);
    if (testing.report != NULL)
        testing.port->files.close(testing.report);
    aks_test_results_fini(&testing.results);
    if (testing.find.alloc != NULL)
        aks_test_find_fini(&testing.find);
    aks_os_close(testing.os);
    return code;
}
