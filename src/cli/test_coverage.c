#include "cli/test_coverage.h"

#include "base/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LINES_FIRST 255
#define RANGE_BYTES_MAX 32

const char *const aks_test_coverage_questions[AKS_TEST_COVERAGE_QUESTIONS] = {
    "route", "dedup", "compress", "snapshot", "retry",
};

void
aks_test_coverage_init(struct aks_test_coverage *coverage, const struct aks_alloc *alloc)
{
    memset(coverage, 0, sizeof(*coverage));
    coverage->alloc = alloc;
}

void
aks_test_coverage_fini(struct aks_test_coverage *coverage)
{
    for (size_t i = 0; i < coverage->count; i++) {
        aks_mem_free(coverage->alloc, coverage->policies[i].file);
        aks_mem_free(coverage->alloc, coverage->policies[i].marks);
    }
    aks_mem_free(coverage->alloc, coverage->policies);
    memset(coverage, 0, sizeof(*coverage));
}

static enum aks_status
make_room(struct aks_test_coverage *coverage, struct aks_error *err)
{
    size_t capacity = coverage->capacity > 0 ? 2 * coverage->capacity : 8;
    struct aks_test_policy *policies;

    if (coverage->count < coverage->capacity)
        return AKS_OK;
    if (coverage->count == AKS_TEST_COVERAGE_FILES_MAX)
        return aks_error_set(err, AKS_LIMIT, "coverage of more than %d files",
            AKS_TEST_COVERAGE_FILES_MAX);
    policies = aks_mem_resize(coverage->alloc, coverage->policies, capacity * sizeof(*policies));
    if (policies == NULL)
        return aks_error_memory(err, "measuring coverage");
    coverage->policies = policies;
    coverage->capacity = capacity;
    return AKS_OK;
}

/* The policy of that name, made if need be. */
static enum aks_status
policy_of(struct aks_test_coverage *coverage, const char *file, struct aks_test_policy **ret,
    struct aks_error *err)
{
    enum aks_status status;
    size_t at = 0;
    char *copy;

    if (coverage->last < coverage->count &&
        strcmp(coverage->policies[coverage->last].file, file) == 0) {
        *ret = &coverage->policies[coverage->last];
        return AKS_OK;
    }
    while (at < coverage->count && strcmp(coverage->policies[at].file, file) < 0)
        at++;
    if (at == coverage->count || strcmp(coverage->policies[at].file, file) != 0) {
        status = make_room(coverage, err);
        if (status != AKS_OK)
            return status;
        copy = aks_mem_strdup(coverage->alloc, file);
        if (copy == NULL)
            return aks_error_memory(err, "measuring coverage");
        memmove(&coverage->policies[at + 1], &coverage->policies[at],
            (coverage->count - at) * sizeof(coverage->policies[0]));
        memset(&coverage->policies[at], 0, sizeof(coverage->policies[at]));
        coverage->policies[at].file = copy;
        coverage->count++;
    }
    coverage->last = at;
    *ret = &coverage->policies[at];
    return AKS_OK;
}

static enum aks_status
reach(const struct aks_test_coverage *coverage, struct aks_test_policy *policy, int line,
    struct aks_error *err)
{
    int count = policy->line_count > 0 ? policy->line_count : LINES_FIRST;
    unsigned char *marks;

    if (line <= policy->line_count)
        return AKS_OK;
    while (count < line)
        count = 2 * count + 1;
    marks = aks_mem_resize(coverage->alloc, policy->marks, (size_t)count + 1);
    if (marks == NULL)
        return aks_error_memory(err, "measuring coverage");
    if (policy->line_count == 0)
        marks[0] = 0;
    memset(marks + policy->line_count + 1, 0, (size_t)(count - policy->line_count));
    policy->marks = marks;
    policy->line_count = count;
    return AKS_OK;
}

enum aks_status
aks_test_coverage_line(struct aks_test_coverage *coverage, const char *file, int line,
    enum aks_test_mark mark, struct aks_error *err)
{
    struct aks_test_policy *policy;
    enum aks_status status = policy_of(coverage, file, &policy, err);

    if (status != AKS_OK || line < 1 || line > AKS_TEST_COVERAGE_LINES_MAX)
        return status;
    status = reach(coverage, policy, line, err);
    if (status == AKS_OK)
        policy->marks[line] |= (unsigned char)mark;
    return status;
}

enum aks_status
aks_test_coverage_decision(struct aks_test_coverage *coverage, const char *policy,
    const char *question, const char *failure, int64_t times, struct aks_error *err)
{
    struct aks_test_policy *asked;
    enum aks_status status = policy_of(coverage, policy, &asked, err);
    enum aks_status tried;

    if (status != AKS_OK)
        return status;
    asked->asked_any = true;
    for (size_t i = 0; i < AKS_TEST_COVERAGE_QUESTIONS; i++) {
        if (strcmp(question, aks_test_coverage_questions[i]) == 0)
            asked->asked[i] += times;
    }
    if (strcmp(question, "retry") == 0 && aks_status_from_name(failure, &tried))
        asked->tried[tried] += times;
    return AKS_OK;
}

/* A line's number at *${at}, which moves past it; 0 if there is none. */
static int
read_number(const char **at)
{
    int number = 0;

    for (; isdigit((unsigned char)**at); (*at)++) {
        number = 10 * number + (**at - '0');
        if (number > AKS_TEST_COVERAGE_LINES_MAX)
            return 0;
    }
    return number;
}

enum aks_status
aks_test_coverage_ranges(struct aks_test_coverage *coverage, const char *file, const char *ranges,
    enum aks_test_mark mark, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    const char *at = ranges;

    while (status == AKS_OK) {
        int first = read_number(&at);
        int last = first;

        if (*at == '-') {
            at++;
            last = read_number(&at);
        }
        if (first == 0 || last < first || (*at != ',' && *at != '\0'))
            return aks_error_set(err, AKS_BAD_REPLY, "these are no ranges of lines: %.40s",
                ranges);
        for (int line = first; status == AKS_OK && line <= last; line++)
            status = aks_test_coverage_line(coverage, file, line, mark, err);
        if (*at == '\0')
            break;
        at++;
    }
    return status;
}

void
aks_test_coverage_count(const struct aks_test_policy *policy, int *ret_active, int *ret_reached)
{
    *ret_active = 0;
    *ret_reached = 0;
    for (int line = 1; line <= policy->line_count; line++) {
        if ((policy->marks[line] & AKS_TEST_ACTIVE) == 0)
            continue;
        (*ret_active)++;
        *ret_reached += (policy->marks[line] & AKS_TEST_REACHED) != 0;
    }
}

double
aks_test_coverage_percent(int active, int reached)
{
    AKS_CHECK(reached <= active);
    return active == 0 ? 100 : (double)((int64_t)reached * 1000 / active) / 10;
}

int
aks_test_coverage_write(const struct aks_test_policy *policy, unsigned mask, unsigned marks,
    bool skip_inactive, const char *separator, int from, size_t bytes_max, struct aks_buf *out)
{
    size_t began = out->len;
    int line = from;

    while (line <= policy->line_count) {
        int last = line;

        if ((policy->marks[line] & mask) != marks) {
            line++;
            continue;
        }
        if (out->len - began + RANGE_BYTES_MAX > bytes_max)
            return line;
        for (int next = line + 1; next <= policy->line_count; next++) {
            if ((policy->marks[next] & mask) == marks)
                last = next;
            else if (!skip_inactive || (policy->marks[next] & AKS_TEST_ACTIVE) != 0)
                break;
        }
        aks_buf_printf(out, "%s%d", out->len > began ? separator : "", line);
        if (last > line)
            aks_buf_printf(out, "-%d", last);
        line = last + 1;
    }
    return 0;
}

bool
aks_test_coverage_expected(enum aks_status status)
{
    return status >= AKS_OFFLINE && status <= AKS_CORRUPT;
}
