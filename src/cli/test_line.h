/* What a test process tells its parent: one JSON object a line. The parent trusts none of it: what
 * writes there has run somebody's tests, and may have been killed in the middle of a line. */
#ifndef AKS_CLI_TEST_LINE_H
#define AKS_CLI_TEST_LINE_H

#include "base/buf.h"
#include "base/error.h"
#include "testkit/suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

#define AKS_TEST_LINE_TEXT_MAX (32 * 1024)      /* longer messages are cut */
#define AKS_TEST_LINE_BYTES_MAX (6 * AKS_TEST_LINE_TEXT_MAX + 64 * 1024)
#define AKS_TEST_LINE_NAME_MAX 1024

enum aks_test_line_kind {
    AKS_TEST_LINE_BEGIN,            /* name */
    AKS_TEST_LINE_RESULT,           /* name, outcome, text (message), number (ms) */
    AKS_TEST_LINE_OUTPUT,           /* text */
    AKS_TEST_LINE_ACTIVE,           /* name (file), text (ranges) */
    AKS_TEST_LINE_REACHED,          /* the same */
    AKS_TEST_LINE_DECISION,         /* name (policy), question, failure, number (times) */
    AKS_TEST_LINE_END,              /* number (tests); of a file that did not run: status, text,
                                     * hint */
    AKS_TEST_LINE_KINDS
};

struct aks_test_line {
    enum aks_test_line_kind kind;
    const char *name;               /* never NULL after reading; NULL is "" in writing */
    const char *text;
    const char *hint;
    const char *question;
    const char *failure;
    enum aks_suite_outcome outcome;
    enum aks_status status;
    int64_t number;
};

/** Appends the line and its end. Bytes that are no UTF-8 become '?'; texts that are too long are
 * cut, and say so. */
void aks_test_line_write(const struct aks_test_line *line, struct aks_buf *out);
/** Reads a line without its end. Strings live as long as *ret_document, which the caller gives back
 * with json_decref. AKS_BAD_REPLY if it is no such line. */
enum aks_status aks_test_line_read(const char *data, size_t len, struct aks_test_line *ret_line,
    struct json_t **ret_document, struct aks_error *err);

/* Bytes as they come out of a pipe, until a line is whole. */
struct aks_test_lines {
    struct aks_buf buf;
};

void aks_test_lines_init(struct aks_test_lines *lines, const struct aks_alloc *alloc);
void aks_test_lines_fini(struct aks_test_lines *lines);
/** Calls ${each} with each line that is whole now. Its status, or AKS_BAD_REPLY for a line longer
 * than AKS_TEST_LINE_BYTES_MAX. */
enum aks_status aks_test_lines_feed(struct aks_test_lines *lines, const char *data, size_t len,
    enum aks_status (*each)(void *ctx, const struct aks_test_line *line, struct aks_error *err),
    void *ctx, struct aks_error *err);

#endif
