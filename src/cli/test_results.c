#include "cli/test_results.h"

#include "akosha/akosha.h"
#include "base/check.h"
#include "base/utf8.h"

#include <string.h>

#define FILE_ITSELF "(the whole file)"

/* A copy that moves no cursor: control characters but tabs, and line ends unless they may stay, are
 * shown as '?'. */
static char *
plain(const struct aks_alloc *alloc, const char *text, bool lines)
{
    char *copy = aks_mem_strdup(alloc, text);

    for (char *c = copy; c != NULL && *c != '\0'; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t' && !(lines && *c == '\n')) || *c == 0x7f)
            *c = '?';
    }
    if (copy != NULL) {
        aks_utf8_tame(copy, strlen(copy));
        aks_utf8_mend(copy);
    }
    return copy;
}

enum aks_status
aks_test_results_init(struct aks_test_results *results, const struct aks_alloc *alloc,
    char *const *paths, size_t count, struct aks_error *err)
{
    AKS_CHECK(count > 0);
    memset(results, 0, sizeof(*results));
    results->alloc = alloc;
    aks_test_coverage_init(&results->coverage, alloc);
    results->files = aks_mem_array(alloc, count, sizeof(*results->files));
    if (results->files == NULL)
        return aks_error_memory(err, "making room for results");
    results->count = count;
    for (size_t i = 0; i < count; i++) {
        results->files[i].path = paths[i];
        results->files[i].shown = plain(alloc, paths[i], false);
        if (results->files[i].shown == NULL)
            return aks_error_memory(err, "making room for results");
        aks_buf_init(&results->files[i].output, alloc, AKS_TEST_RESULTS_OUTPUT_BYTES + 1);
    }
    return AKS_OK;
}

static void
file_fini(const struct aks_alloc *alloc, struct aks_test_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        aks_mem_free(alloc, file->cases[i].name);
        aks_mem_free(alloc, file->cases[i].message);
        aks_mem_free(alloc, file->cases[i].output);
    }
    aks_mem_free(alloc, file->cases);
    aks_mem_free(alloc, file->running);
    aks_mem_free(alloc, file->shown);
    aks_buf_fini(&file->output);
}

void
aks_test_results_fini(struct aks_test_results *results)
{
    if (results->alloc == NULL)
        return;
    for (size_t i = 0; i < results->count; i++)
        file_fini(results->alloc, &results->files[i]);
    aks_mem_free(results->alloc, results->files);
    aks_test_coverage_fini(&results->coverage);
    memset(results, 0, sizeof(*results));
}

static enum aks_status
make_room(const struct aks_alloc *alloc, struct aks_test_file *file, struct aks_error *err)
{
    size_t capacity = file->capacity > 0 ? 2 * file->capacity : 16;
    struct aks_test_case *cases;

    if (file->count == AKS_TEST_RESULTS_CASES_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: more than %d tests", file->path,
            AKS_TEST_RESULTS_CASES_MAX);
    if (file->count < file->capacity)
        return AKS_OK;
    cases = aks_mem_resize(alloc, file->cases, capacity * sizeof(*cases));
    if (cases == NULL)
        return aks_error_memory(err, "keeping results");
    file->cases = cases;
    file->capacity = capacity;
    return AKS_OK;
}

static void
forget_running(const struct aks_alloc *alloc, struct aks_test_file *file)
{
    aks_mem_free(alloc, file->running);
    file->running = NULL;
    aks_buf_reset(&file->output);
}

static enum aks_status
add_case(const struct aks_alloc *alloc, struct aks_test_file *file, const char *name,
    enum aks_suite_outcome outcome, const char *message, int64_t duration_ms,
    struct aks_error *err)
{
    struct aks_test_case one = { 0 };
    enum aks_status status = make_room(alloc, file, err);

    if (status != AKS_OK)
        return status;
    one.outcome = outcome;
    one.duration_ms = duration_ms;
    one.name = plain(alloc, name, false);
    one.message = plain(alloc, message, true);
    one.output = plain(alloc, file->output.data, true);
    if (one.name == NULL || one.message == NULL || one.output == NULL) {
        aks_mem_free(alloc, one.name);
        aks_mem_free(alloc, one.message);
        aks_mem_free(alloc, one.output);
        return aks_error_memory(err, "keeping results");
    }
    file->cases[file->count++] = one;
    forget_running(alloc, file);
    return AKS_OK;
}

/* What is too much is left out; the first bytes of a long output say most. */
static void
add_output(struct aks_test_file *file, const char *text)
{
    size_t room = AKS_TEST_RESULTS_OUTPUT_BYTES - file->output.len;
    size_t len = strlen(text);

    aks_buf_append(&file->output, text, len < room ? len : room);
}

/* A file in which nothing was found to run is most likely one whose names are misspelt. */
static enum aks_status
take_end(const struct aks_test_results *results, struct aks_test_file *file,
    const struct aks_test_line *line)
{
    file->ended = true;
    if (line->status == AKS_OK && file->count == 0 && !results->filtered) {
        (void)aks_error_set(&file->error, AKS_SETTINGS, "%s: no tests in this file", file->shown);
        aks_error_hint(&file->error,
            "LuaUnit runs functions named test... of global tables named Test...");
    }
    if (line->status == AKS_OK)
        return AKS_OK;
    (void)aks_error_set(&file->error, line->status, "%s", line->text);
    if (line->hint[0] != '\0')
        aks_error_hint(&file->error, "%s", line->hint);
    return AKS_OK;
}

enum aks_status
aks_test_results_take(struct aks_test_results *results, size_t index,
    const struct aks_test_line *line, struct aks_error *err)
{
    struct aks_test_file *file = &results->files[index];
    const struct aks_alloc *alloc = results->alloc;

    AKS_CHECK(index < results->count);
    switch (line->kind) {
    case AKS_TEST_LINE_BEGIN:
        forget_running(alloc, file);
        file->running = aks_mem_strdup(alloc, line->name);
        return file->running != NULL ? AKS_OK : aks_error_memory(err, "keeping results");
    case AKS_TEST_LINE_RESULT:
        return add_case(alloc, file, line->name, line->outcome, line->text, line->number, err);
    case AKS_TEST_LINE_OUTPUT:
        add_output(file, line->text);
        return AKS_OK;
    case AKS_TEST_LINE_ACTIVE:
        return aks_test_coverage_ranges(&results->coverage, line->name, line->text,
            AKS_TEST_ACTIVE, err);
    case AKS_TEST_LINE_REACHED:
        return aks_test_coverage_ranges(&results->coverage, line->name, line->text,
            AKS_TEST_REACHED, err);
    case AKS_TEST_LINE_DECISION:
        return aks_test_coverage_decision(&results->coverage, line->name, line->question,
            line->failure, line->number, err);
    case AKS_TEST_LINE_END:
        return take_end(results, file, line);
    case AKS_TEST_LINE_KINDS:
        break;
    }
    return aks_error_set(err, AKS_INTERNAL, "a kind of line that is never read");
}

enum aks_status
aks_test_results_lose(struct aks_test_results *results, size_t index, const char *why,
    struct aks_error *err)
{
    struct aks_test_file *file = &results->files[index];

    AKS_CHECK(index < results->count);
    return add_case(results->alloc, file, file->running != NULL ? file->running : FILE_ITSELF,
        AKS_SUITE_ERROR, why, 0, err);
}

bool
aks_test_results_has(const struct aks_test_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->cases[i].name, name) == 0)
            return true;
    }
    return false;
}

static void
count_file(const struct aks_test_file *file, struct aks_test_counts *counts)
{
    counts->broken += file->error.status != AKS_OK;
    counts->failed += file->error.status != AKS_OK;
    for (size_t i = 0; i < file->count; i++) {
        enum aks_suite_outcome outcome = file->cases[i].outcome;

        counts->passed += outcome == AKS_SUITE_PASSED;
        counts->failed += outcome == AKS_SUITE_FAILED || outcome == AKS_SUITE_ERROR;
        counts->errors += outcome == AKS_SUITE_ERROR;
        counts->skipped += outcome == AKS_SUITE_SKIPPED;
        counts->duration_ms += file->cases[i].duration_ms;
    }
}

struct aks_test_counts
aks_test_results_count(const struct aks_test_results *results, const struct aks_test_file *file)
{
    struct aks_test_counts counts = { 0 };

    if (file != NULL)
        count_file(file, &counts);
    for (size_t i = 0; file == NULL && i < results->count; i++)
        count_file(&results->files[i], &counts);
    return counts;
}

int
aks_test_results_code(const struct aks_test_results *results)
{
    struct aks_test_counts counts = aks_test_results_count(results, NULL);

    if (counts.broken > 0)
        return AKOSHA_SETTINGS;
    if (counts.failed > 0)
        return AKOSHA_QUEUED;
    return counts.passed + counts.skipped > 0 ? AKOSHA_OK : AKOSHA_USAGE;
}
