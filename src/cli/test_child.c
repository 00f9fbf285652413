#include "cli/test_child.h"

#include "os/child_posix.h"

#include <stdlib.h>
#include <string.h>

#define RANGES_BYTES_MAX (AKS_TEST_LINE_TEXT_MAX - 64)

struct telling {
    const struct aks_test_child *child;
    int fd;
    bool lost;                          /* the parent does not read any more */
    struct aks_buf line;
    struct aks_test_coverage coverage;
};

static void
tell(struct telling *telling, const struct aks_test_line *line)
{
    aks_buf_reset(&telling->line);
    aks_test_line_write(line, &telling->line);
    if (aks_buf_status(&telling->line, "a line", NULL) != AKS_OK ||
        !aks_child_posix_write(telling->fd, telling->line.data, telling->line.len))
        telling->lost = true;
}

static bool
on_wanted(void *ctx, const char *name)
{
    struct telling *telling = ctx;
    struct aks_test_line line = { .kind = AKS_TEST_LINE_RESULT, .name = name,
        .outcome = AKS_SUITE_SKIPPED };

    if (telling->child->list)
        tell(telling, &line);
    return !telling->child->list && !telling->lost &&
        !aks_test_results_has(telling->child->file, name);
}

static void
on_begin(void *ctx, const char *name)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_BEGIN, .name = name };

    tell(ctx, &line);
}

static void
on_result(void *ctx, const struct aks_suite_result *result)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_RESULT, .name = result->name,
        .text = result->message, .outcome = result->outcome, .number = result->duration_ms };

    tell(ctx, &line);
}

static void
on_output(void *ctx, const char *text)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_OUTPUT, .text = text };

    tell(ctx, &line);
}

/* Coverage that cannot be measured ends the file: half of it would be a lie. */
static void
check(struct telling *telling, enum aks_status status)
{
    if (status != AKS_OK)
        telling->lost = true;
}

static void
on_line(void *ctx, const char *file, int line)
{
    struct telling *telling = ctx;

    check(telling, aks_test_coverage_line(&telling->coverage, file, line, AKS_TEST_REACHED,
        NULL));
}

static void
on_active(void *ctx, const char *file, int line)
{
    struct telling *telling = ctx;

    check(telling, aks_test_coverage_line(&telling->coverage, file, line, AKS_TEST_ACTIVE, NULL));
}

static void
on_decision(void *ctx, const struct aks_suite_decision *decision)
{
    struct telling *telling = ctx;

    check(telling, aks_test_coverage_decision(&telling->coverage, decision->policy,
        decision->question, decision->failure, 1, NULL));
}

static void
tell_marks(struct telling *telling, const struct aks_test_policy *policy,
    enum aks_test_line_kind kind, enum aks_test_mark mark)
{
    struct aks_test_line line = { .kind = kind, .name = policy->file };
    struct aks_buf ranges;
    int from = 1;

    aks_buf_init(&ranges, telling->child->alloc, AKS_TEST_LINE_TEXT_MAX);
    while (from > 0) {
        aks_buf_reset(&ranges);
        from = aks_test_coverage_write(policy, mark, mark, false, ",", from, RANGES_BYTES_MAX,
            &ranges);
        check(telling, aks_buf_status(&ranges, "ranges of lines", NULL));
        line.text = ranges.data;
        if (ranges.len > 0)
            tell(telling, &line);
    }
    aks_buf_fini(&ranges);
}

static void
tell_question(struct telling *telling, const struct aks_test_policy *policy, size_t question,
    const char *failure, int64_t times)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_DECISION, .name = policy->file,
        .question = aks_test_coverage_questions[question], .failure = failure };

    line.number = times;
    if (times > 0)
        tell(telling, &line);
}

static void
tell_decisions(struct telling *telling, const struct aks_test_policy *policy)
{
    for (size_t i = 0; i < AKS_TEST_COVERAGE_QUESTIONS; i++) {
        int64_t named = 0;

        for (int status = 0; strcmp(aks_test_coverage_questions[i], "retry") == 0 &&
            status < AKS_STATUS_COUNT; status++) {
            tell_question(telling, policy, i, aks_status_name((enum aks_status)status),
                policy->tried[status]);
            named += policy->tried[status];
        }
        tell_question(telling, policy, i, "", policy->asked[i] - named);
    }
}

static void
tell_end(struct telling *telling, enum aks_status status, size_t count,
    const struct aks_error *err)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_END, .status = status,
        .number = (int64_t)count };

    for (size_t i = 0; i < telling->coverage.count; i++) {
        tell_marks(telling, &telling->coverage.policies[i], AKS_TEST_LINE_ACTIVE, AKS_TEST_ACTIVE);
        tell_marks(telling, &telling->coverage.policies[i], AKS_TEST_LINE_REACHED,
            AKS_TEST_REACHED);
        tell_decisions(telling, &telling->coverage.policies[i]);
    }
    if (status != AKS_OK) {
        line.text = err->message;
        line.hint = err->hint;
    }
    if (!telling->lost)
        tell(telling, &line);
}

int
aks_test_child_run(void *ctx, int fd)
{
    const struct aks_test_child *child = ctx;
    struct telling telling = { .child = child, .fd = fd };
    struct aks_suite_options options = { 0 };
    struct aks_error err = { 0 };
    enum aks_status status;
    size_t count = 0;

    aks_buf_init(&telling.line, child->alloc, AKS_TEST_LINE_BYTES_MAX);
    aks_test_coverage_init(&telling.coverage, child->alloc);
    options.alloc = child->alloc;
    options.real = child->real;
    options.file = child->file->path;
    options.root = child->root;
    options.filter = child->filter;
    options.seed = child->seed;
    options.test_ms_max = child->test_ms_max;
    options.wanted = on_wanted;
    options.begin = on_begin;
    options.result = on_result;
    options.output = on_output;
    if (child->covered) {
        options.decision = on_decision;
        options.line = on_line;
        options.active = on_active;
    }
    options.ctx = &telling;
    status = aks_suite_run(&options, &count, &err);
    tell_end(&telling, status, count, &err);
    aks_test_coverage_fini(&telling.coverage);
    aks_buf_fini(&telling.line);
    return telling.lost ? EXIT_FAILURE : EXIT_SUCCESS;
}
