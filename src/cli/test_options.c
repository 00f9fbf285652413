#include "cli/test_options.h"

#include "base/units.h"
#include "cli/test_pool.h"
#include "testkit/suite.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A whole number without a sign, from ${min} to ${max}. */
static bool
read_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    int64_t number = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (!isdigit((unsigned char)*c) || number > (INT64_MAX - (*c - '0')) / 10)
            return false;
        number = 10 * number + (*c - '0');
    }
    *ret = number;
    return text[0] != '\0' && number >= min && number <= max;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static bool
read_format(const char *text, enum aks_test_format *ret)
{
    static const char *const names[] = { "text", "tap", "junit" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum aks_test_format)i;
            return true;
        }
    }
    return false;
}

/* Options that make no sense together; -1, or the exit code. */
static int
check_fit(const struct aks_args *args)
{
    if (args->json && args->format != NULL)
        return aks_args_wrong(args, "--json and --format exclude each other", "");
    if (args->list && (args->report != NULL || args->format != NULL || args->coverage))
        return aks_args_wrong(args, "--list runs nothing: no --report, --format or --coverage",
            "");
    if (args->new_test != NULL && (args->list || args->coverage || args->report != NULL ||
            args->format != NULL || args->filter != NULL || args->seed != NULL))
        return aks_args_wrong(args, "--new runs nothing: it goes with a folder only", "");
    if (args->new_test != NULL && args->operand_count > 1)
        return aks_args_wrong(args, "--new takes one folder to write to: ", args->operands[1]);
    return -1;
}

int
aks_test_options_read(const struct aks_args *args, struct aks_test_options *ret_options)
{
    struct aks_test_options *options = ret_options;
    int64_t number;

    memset(options, 0, sizeof(*options));
    options->test_ms_max = AKS_SUITE_SECONDS_MAX * AKS_MS_PER_S;
    if (args->seed != NULL) {
        if (!read_number(args->seed, 0, INT64_MAX, &number))
            return aks_args_wrong(args, "--seed takes a whole number, not ", args->seed);
        options->seeded = true;
        options->seed = (uint64_t)number;
    }
    if (args->jobs != NULL) {
        if (!read_number(args->jobs, 1, AKS_TEST_POOL_JOBS_MAX, &number))
            return aks_args_wrong(args, "--jobs takes a number from 1 to 16, not ", args->jobs);
        options->jobs = (size_t)number;
    }
    if (args->timeout != NULL) {
        if (!read_number(args->timeout, 1, AKS_TEST_TIMEOUT_S_MAX, &number))
            return aks_args_wrong(args, "--timeout takes seconds from 1 to 3600, not ",
                args->timeout);
        options->test_ms_max = number * AKS_MS_PER_S;
    }
    if (args->format != NULL && !read_format(args->format, &options->format))
        return aks_args_wrong(args, "--format takes text, tap or junit, not ", args->format);
    if (args->report != NULL)
        options->report_format = ends_with(args->report, ".tap") ? AKS_TEST_FORMAT_TAP
            : AKS_TEST_FORMAT_JUNIT;
    return check_fit(args);
}
