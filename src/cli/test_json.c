#include "cli/test_json.h"

#include <jansson.h>
#include <stdlib.h>

#define RANGES_BYTES_MAX (256 * 1024)

static const char *const outcomes[] = { "passed", "failed", "error", "skipped" };

static double
seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* New references throughout; NULL if there is no memory. */

static json_t *
error_json(const struct aks_error *error)
{
    if (error->status == AKS_OK)
        return json_null();
    return json_pack("{s:s, s:s, s:o}", "failure", aks_status_name(error->status), "message",
        error->message, "hint",
        error->hint[0] != '\0' ? json_string(error->hint) : json_null());
}

static json_t *
file_json(const struct aks_test_results *results, const struct aks_test_file *file)
{
    struct aks_test_counts counts = aks_test_results_count(results, file);
    json_t *tests = json_array();

    for (size_t i = 0; i < file->count; i++) {
        const struct aks_test_case *one = &file->cases[i];
        json_t *test = json_pack("{s:s, s:s, s:f, s:s, s:s}", "name", one->name, "outcome",
            outcomes[one->outcome], "duration_s", seconds(one->duration_ms), "message",
            one->message, "output", one->output);

        if (json_array_append_new(tests, test) != 0) {
            json_decref(tests);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:o, s:o}", "file", file->shown, "outcome",
        counts.broken > 0 ? "error" : counts.failed > 0 ? "failed" : "passed", "error",
        error_json(&file->error), "tests", tests);
}

static json_t *
ranges_json(const struct aks_alloc *alloc, const struct aks_test_policy *policy)
{
    struct aks_buf ranges;
    json_t *text = NULL;

    aks_buf_init(&ranges, alloc, RANGES_BYTES_MAX);
    (void)aks_test_coverage_write(policy, AKS_TEST_ACTIVE | AKS_TEST_REACHED, AKS_TEST_ACTIVE,
        true, ",", 1, RANGES_BYTES_MAX, &ranges);
    if (aks_buf_status(&ranges, "ranges of lines", NULL) == AKS_OK)
        text = json_string(ranges.data);
    aks_buf_fini(&ranges);
    return text;
}

static json_t *
policy_json(const struct aks_alloc *alloc, const struct aks_test_policy *policy)
{
    json_t *asked = json_object();
    json_t *tried = json_object();
    json_t *missed = json_array();
    int active;
    int reached;

    aks_test_coverage_count(policy, &active, &reached);
    for (size_t i = 0; policy->asked_any && i < AKS_TEST_COVERAGE_QUESTIONS; i++)
        (void)json_object_set_new(asked, aks_test_coverage_questions[i],
            json_integer(policy->asked[i]));
    for (int i = 0; policy->asked_any && i < AKS_STATUS_COUNT; i++) {
        enum aks_status status = (enum aks_status)i;

        if (policy->tried[i] > 0)
            (void)json_object_set_new(tried, aks_status_name(status),
                json_integer(policy->tried[i]));
        else if (aks_test_coverage_expected(status))
            (void)json_array_append_new(missed, json_string(aks_status_name(status)));
    }
    return json_pack("{s:s, s:i, s:i, s:f, s:o, s:o, s:o, s:o}", "file", policy->file, "lines",
        active, "reached", reached, "percent", aks_test_coverage_percent(active, reached),
        "never_reached", ranges_json(alloc, policy), "asked", asked, "failures_tried", tried,
        "failures_never_tried", missed);
}

static json_t *
coverage_json(const struct aks_test_results *results)
{
    json_t *policies;

    if (!results->covered)
        return json_null();
    policies = json_array();
    for (size_t i = 0; i < results->coverage.count; i++) {
        if (json_array_append_new(policies, policy_json(results->alloc,
                &results->coverage.policies[i])) != 0) {
            json_decref(policies);
            return NULL;
        }
    }
    return policies;
}

static enum aks_status
put(json_t *document, bool pretty, struct aks_buf *out, struct aks_error *err)
{
    char *text = NULL;

    if (document != NULL)
        text = json_dumps(document, JSON_REAL_PRECISION(10) | (pretty ? JSON_INDENT(2) : 0));
    json_decref(document);
    if (text == NULL)
        return aks_error_memory(err, "writing results");
    aks_buf_printf(out, "%s\n", text);
    free(text);
    return aks_buf_status(out, "the results", err);
}

enum aks_status
aks_test_json_write(const struct aks_test_results *results, int code, bool pretty,
    struct aks_buf *out, struct aks_error *err)
{
    struct aks_test_counts counts = aks_test_results_count(results, NULL);
    json_t *files = json_array();

    for (size_t i = 0; i < results->count; i++) {
        if (json_array_append_new(files, file_json(results, &results->files[i])) != 0) {
            json_decref(files);
            return aks_error_memory(err, "writing results");
        }
    }
    return put(json_pack("{s:i, s:b, s:i, s:I, s:i, s:i, s:i, s:f, s:o, s:o}", "schema", 1,
            "success", code == 0, "exit_code", code, "seed", (json_int_t)results->seed, "passed",
            (int)counts.passed, "failed", (int)counts.failed, "skipped", (int)counts.skipped,
            "duration_s", seconds(results->duration_ms), "files", files, "coverage",
            coverage_json(results)), pretty, out, err);
}

enum aks_status
aks_test_json_list(const struct aks_test_results *results, int code, bool pretty,
    struct aks_buf *out, struct aks_error *err)
{
    json_t *tests = json_array();

    for (size_t i = 0; i < results->count; i++) {
        const struct aks_test_file *file = &results->files[i];

        for (size_t j = 0; j < file->count; j++)
            (void)json_array_append_new(tests, json_pack("{s:s, s:s}", "file", file->shown,
                "name", file->cases[j].name));
    }
    return put(json_pack("{s:i, s:b, s:i, s:o}", "schema", 1, "success", code == 0, "exit_code",
            code, "tests", tests), pretty, out, err);
}
