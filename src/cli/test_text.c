#include "cli/test_text.h"

#include "base/units.h"

#include <inttypes.h>
#include <string.h>

#define PATH_COLUMNS_MAX 60
#define RANGES_BYTES_MAX 4096
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static const char *const outcomes[] = { "passed", "failed", "error", "skipped" };

void
aks_test_text_init(struct aks_test_text *text, const struct aks_test_results *results, bool colour,
    bool verbose)
{
    text->results = results;
    text->colour = colour;
    text->verbose = verbose;
    text->path_columns = 0;
    for (size_t i = 0; i < results->count; i++) {
        size_t len = strlen(results->files[i].shown);

        if (len <= PATH_COLUMNS_MAX && (int)len > text->path_columns)
            text->path_columns = (int)len;
    }
}

static void
put_coloured(const struct aks_test_text *text, const char *colour, const char *what,
    struct aks_buf *out)
{
    aks_buf_printf(out, "%s%s%s", text->colour ? colour : "", what, text->colour ? PLAIN : "");
}

static void
put_counts(const struct aks_test_counts *counts, struct aks_buf *out)
{
    aks_buf_printf(out, "%zu passed, %zu failed", counts->passed, counts->failed);
    if (counts->skipped > 0)
        aks_buf_printf(out, ", %zu skipped", counts->skipped);
}

/* Every line of ${what} behind ${before}. */
static void
put_lines(const char *before, const char *what, struct aks_buf *out)
{
    while (*what != '\0') {
        size_t len = strcspn(what, "\n");

        aks_buf_puts(out, before);
        aks_buf_append(out, what, len);
        aks_buf_putc(out, '\n');
        what += len + (what[len] == '\n');
    }
}

static void
put_case(const struct aks_test_text *text, const struct aks_test_case *one, struct aks_buf *out)
{
    bool good = one->outcome == AKS_SUITE_PASSED || one->outcome == AKS_SUITE_SKIPPED;
    char took[AKS_UNITS_TEXT_BYTES];

    aks_buf_puts(out, "    ");
    put_coloured(text, good ? GREEN : RED, outcomes[one->outcome], out);
    aks_buf_printf(out, "%*s %s  %s\n", 7 - (int)strlen(outcomes[one->outcome]), "", one->name,
        aks_units_duration(one->duration_ms, took));
    if (one->outcome == AKS_SUITE_SKIPPED)
        put_lines("            ", one->message, out);
    put_lines("            | ", one->output, out);
}

void
aks_test_text_file(const struct aks_test_text *text, const struct aks_test_file *file,
    struct aks_buf *out)
{
    struct aks_test_counts counts = aks_test_results_count(text->results, file);

    if (counts.passed + counts.failed + counts.skipped == 0)
        return;                         /* the filter wants none of it */
    aks_buf_printf(out, "%-*s  ", text->path_columns, file->shown);
    if (counts.broken > 0)
        put_coloured(text, RED, "cannot be run", out);
    else if (counts.failed > 0)
        put_coloured(text, RED, "failed", out);
    else
        put_coloured(text, GREEN, "ok", out);
    if (counts.broken == 0) {
        aks_buf_puts(out, ": ");
        put_counts(&counts, out);
    }
    aks_buf_putc(out, '\n');
    for (size_t i = 0; text->verbose && i < file->count; i++)
        put_case(text, &file->cases[i], out);
}

static void
put_failure(const struct aks_test_text *text, const struct aks_test_file *file,
    const struct aks_test_case *one, size_t number, struct aks_buf *out)
{
    aks_buf_printf(out, "%zu) ", number);
    put_coloured(text, RED, one->name, out);
    aks_buf_printf(out, "  (%s)\n", file->shown);
    put_lines("", one->message, out);
    if (one->output[0] != '\0' && !text->verbose) {
        aks_buf_puts(out, "printed by it:\n");
        put_lines("  | ", one->output, out);
    }
    aks_buf_putc(out, '\n');
}

void
aks_test_text_failures(const struct aks_test_text *text, struct aks_buf *out)
{
    size_t number = 0;

    for (size_t i = 0; i < text->results->count; i++) {
        const struct aks_test_file *file = &text->results->files[i];

        for (size_t j = 0; j < file->count; j++) {
            if (file->cases[j].outcome != AKS_SUITE_FAILED &&
                file->cases[j].outcome != AKS_SUITE_ERROR)
                continue;
            if (number == 0)
                aks_buf_puts(out, "\nFailed tests:\n-------------\n");
            put_failure(text, file, &file->cases[j], ++number, out);
        }
    }
}

void
aks_test_text_seed(const struct aks_test_text *text, struct aks_buf *out)
{
    aks_buf_printf(out, "seed %" PRIu64 ": repeat with --seed %" PRIu64 "\n", text->results->seed,
        text->results->seed);
}

void
aks_test_text_closing(const struct aks_test_text *text, struct aks_buf *out)
{
    struct aks_test_counts counts = aks_test_results_count(text->results, NULL);

    put_counts(&counts, out);
    aks_buf_putc(out, '\n');
}

static void
put_questions(const struct aks_test_policy *policy, bool asked, struct aks_buf *out)
{
    const char *separator = "";

    for (size_t i = 0; i < AKS_TEST_COVERAGE_QUESTIONS; i++) {
        if ((policy->asked[i] > 0) != asked)
            continue;
        aks_buf_printf(out, "%s%s", separator, aks_test_coverage_questions[i]);
        if (asked)
            aks_buf_printf(out, " %" PRId64, policy->asked[i]);
        separator = ", ";
    }
    aks_buf_puts(out, separator[0] == '\0' ? "none\n" : "\n");
}

static void
put_failures_tried(const struct aks_test_policy *policy, bool tried, struct aks_buf *out)
{
    const char *separator = "";

    for (int i = 0; i < AKS_STATUS_COUNT; i++) {
        enum aks_status status = (enum aks_status)i;

        if ((policy->tried[i] > 0) != tried || (!tried && !aks_test_coverage_expected(status)))
            continue;
        aks_buf_printf(out, "%s%s", separator, aks_status_name(status));
        if (tried)
            aks_buf_printf(out, " %" PRId64, policy->tried[i]);
        separator = ", ";
    }
    aks_buf_puts(out, separator[0] == '\0' ? "none\n" : "\n");
}

static void
put_policy(const struct aks_test_policy *policy, struct aks_buf *out)
{
    int active;
    int reached;

    aks_test_coverage_count(policy, &active, &reached);
    if (active > 0)
        aks_buf_printf(out, "%s: %d of %d lines, %.1f %%\n", policy->file, reached, active,
            aks_test_coverage_percent(active, reached));
    else
        aks_buf_printf(out, "%s: no lines to reach\n", policy->file);
    if (reached < active) {
        aks_buf_puts(out, "    never reached    ");
        if (aks_test_coverage_write(policy, AKS_TEST_ACTIVE | AKS_TEST_REACHED, AKS_TEST_ACTIVE,
                true, ", ", 1, RANGES_BYTES_MAX, out) != 0)
            aks_buf_puts(out, ", ...");
        aks_buf_putc(out, '\n');
    }
    if (!policy->asked_any)
        return;
    aks_buf_puts(out, "    asked            ");
    put_questions(policy, true, out);
    aks_buf_puts(out, "    never asked      ");
    put_questions(policy, false, out);
    aks_buf_puts(out, "    failures tried   ");
    put_failures_tried(policy, true, out);
    aks_buf_puts(out, "    never tried      ");
    put_failures_tried(policy, false, out);
}

void
aks_test_text_coverage(const struct aks_test_text *text, struct aks_buf *out)
{
    const struct aks_test_coverage *coverage = &text->results->coverage;

    aks_buf_puts(out, "\nCoverage:\n---------\n");
    for (size_t i = 0; i < coverage->count; i++)
        put_policy(&coverage->policies[i], out);
    if (coverage->count == 0)
        aks_buf_puts(out, "no policy was loaded\n");
    aks_buf_putc(out, '\n');
}

void
aks_test_text_list(const struct aks_test_text *text, struct aks_buf *out)
{
    for (size_t i = 0; i < text->results->count; i++) {
        const struct aks_test_file *file = &text->results->files[i];

        for (size_t j = 0; j < file->count; j++)
            aks_buf_printf(out, "%-*s  %s\n", text->path_columns, file->shown,
                file->cases[j].name);
    }
}
