/* Runs files of tests as `akosha-sync test` does, one after the other:
 * lua_suite [-v] [-f FILTER] [-s SEED] FILE...
 * Tells what failed (-v: everything); the exit code says whether something did. */
#include "os/os.h"
#include "testkit/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned failures;
static bool telling;

static void
on_result(void *ctx, const struct aks_suite_result *result)
{
    static const char *const names[] = { "ok", "FAILED", "ERROR", "skipped" };

    if (result->outcome == AKS_SUITE_FAILED || result->outcome == AKS_SUITE_ERROR)
        failures++;
    if (telling || result->outcome != AKS_SUITE_PASSED)
        (void)printf("%s  %s  %" PRId64 " ms\n%s%s", names[result->outcome], result->name,
            result->duration_ms, result->message, result->message[0] != '\0' ? "\n" : "");
}

static void
on_output(void *ctx, const char *text)
{
    (void)fputs(text, stdout);
}

static int
run(const struct aks_port *port, const char *file, const char *filter, uint64_t seed)
{
    struct aks_suite_options options = { 0 };
    struct aks_error err;
    size_t count = 0;

    options.alloc = aks_alloc_system();
    options.real = port;
    options.file = file;
    options.root = port->environment.working_folder(port->environment.ctx);
    options.filter = filter;
    options.seed = seed;
    options.result = on_result;
    options.output = on_output;
    if (aks_suite_run(&options, &count, &err) != AKS_OK) {
        (void)printf("%s (%s)\n", err.message, err.hint);
        return 1;
    }
    (void)printf("%s: %zu tests\n", file, count);
    return count > 0 || filter != NULL ? 0 : 1;
}

int
main(int argc, char **argv)
{
    const char *filter = NULL;
    uint64_t seed = 1;
    struct aks_os *os = NULL;
    struct aks_error err;
    int code = 0;
    int option;

    while ((option = getopt(argc, argv, "vf:s:")) != -1) {
        if (option == 'f')
            filter = optarg;
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else
            telling = option == 'v';
    }
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    for (; optind < argc; optind++)
        code |= run(aks_os_port(os), argv[optind], filter, seed);
    aks_os_close(os);
    return code != 0 || failures > 0;
}
