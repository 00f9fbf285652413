#include "cli/test_line.h"

#include "base/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[AKS_TEST_LINE_KINDS] = {
    "begin", "result", "output", "active", "reached", "decision", "end",
};

static const char *const outcomes[] = { "passed", "failed", "error", "skipped" };

/* ${text} as JSON, of ${len} bytes at most; on one line unless it may have ${lines}. */
static void
write_string(const char *name, const char *text, size_t len, bool lines, struct aks_buf *out)
{
    bool cut = strlen(text) > len;
    char *copy = aks_mem_strndup(out->alloc, text, cut ? len : strlen(text));

    if (copy == NULL) {
        out->failed = AKS_LIMIT;
        return;
    }
    /* What a cut leaves of a character is mended as well. */
    aks_utf8_mend(copy);
    aks_buf_printf(out, ", \"%s\": \"", name);
    for (const char *c = copy; *c != '\0'; c++) {
        if (!lines && ((unsigned char)*c < ' ' || *c == 0x7f))
            aks_buf_putc(out, '?');
        else if (*c == '"' || *c == '\\')
            aks_buf_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ')
            aks_buf_printf(out, "\\u%04x", (unsigned)*c);
        else
            aks_buf_putc(out, *c);
    }
    aks_buf_puts(out, cut && lines ? "\\n... (cut)\"" : "\"");
    aks_mem_free(out->alloc, copy);
}

void
aks_test_line_write(const struct aks_test_line *line, struct aks_buf *out)
{
    aks_buf_printf(out, "{\"kind\": \"%s\", \"number\": %lld", kinds[line->kind],
        (long long)line->number);
    if (line->kind == AKS_TEST_LINE_RESULT)
        aks_buf_printf(out, ", \"outcome\": \"%s\"", outcomes[line->outcome]);
    if (line->kind == AKS_TEST_LINE_END)
        aks_buf_printf(out, ", \"status\": \"%s\"", aks_status_name(line->status));
    if (line->name != NULL)
        write_string("name", line->name, AKS_TEST_LINE_NAME_MAX, false, out);
    if (line->text != NULL)
        write_string("text", line->text, AKS_TEST_LINE_TEXT_MAX, true, out);
    if (line->hint != NULL)
        write_string("hint", line->hint, AKS_ERROR_HINT_BYTES, true, out);
    if (line->question != NULL)
        write_string("question", line->question, AKS_TEST_LINE_NAME_MAX, false, out);
    if (line->failure != NULL)
        write_string("failure", line->failure, AKS_TEST_LINE_NAME_MAX, false, out);
    aks_buf_puts(out, "}\n");
}

/* The index of ${word} in ${words}, or ${count}. */
static size_t
index_of(const char *word, const char *const *words, size_t count)
{
    size_t i = 0;

    while (i < count && strcmp(word, words[i]) != 0)
        i++;
    return i;
}

static const char *
string_of(const json_t *document, const char *name)
{
    const char *text = json_string_value(json_object_get(document, name));

    return text != NULL ? text : "";
}

/* A name ends up in one line of what people and programs read. */
static bool
is_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    }
    return text[0] != '\0' && strlen(text) <= AKS_TEST_LINE_NAME_MAX;
}

static bool
fill(const json_t *document, struct aks_test_line *line)
{
    size_t kind = index_of(string_of(document, "kind"), kinds, AKS_TEST_LINE_KINDS);
    size_t outcome = index_of(string_of(document, "outcome"), outcomes, 4);

    memset(line, 0, sizeof(*line));
    line->name = string_of(document, "name");
    line->text = string_of(document, "text");
    line->hint = string_of(document, "hint");
    line->question = string_of(document, "question");
    line->failure = string_of(document, "failure");
    line->number = json_integer_value(json_object_get(document, "number"));
    if (kind == AKS_TEST_LINE_KINDS || line->number < 0)
        return false;
    line->kind = (enum aks_test_line_kind)kind;
    if (line->kind == AKS_TEST_LINE_RESULT) {
        if (outcome == 4)
            return false;
        line->outcome = (enum aks_suite_outcome)outcome;
    }
    if (line->kind == AKS_TEST_LINE_END)
        return aks_status_from_name(string_of(document, "status"), &line->status);
    return line->kind == AKS_TEST_LINE_OUTPUT || is_name(line->name);
}

enum aks_status
aks_test_line_read(const char *data, size_t len, struct aks_test_line *ret_line,
    struct json_t **ret_document, struct aks_error *err)
{
    json_t *document = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(document) || !fill(document, ret_line)) {
        json_decref(document);
        return aks_error_set(err, AKS_BAD_REPLY, "the test process said what nobody understands");
    }
    *ret_document = document;
    return AKS_OK;
}

void
aks_test_lines_init(struct aks_test_lines *lines, const struct aks_alloc *alloc)
{
    aks_buf_init(&lines->buf, alloc, AKS_TEST_LINE_BYTES_MAX);
}

void
aks_test_lines_fini(struct aks_test_lines *lines)
{
    aks_buf_fini(&lines->buf);
}

static enum aks_status
hand_over(struct aks_test_lines *lines,
    enum aks_status (*each)(void *ctx, const struct aks_test_line *line, struct aks_error *err),
    void *ctx, struct aks_error *err)
{
    struct aks_test_line line;
    json_t *document;
    enum aks_status status = aks_buf_status(&lines->buf, "a line of a test process", err);

    if (status == AKS_OK)
        status = aks_test_line_read(lines->buf.data, lines->buf.len, &line, &document, err);
    if (status != AKS_OK)
        return status;
    status = each(ctx, &line, err);
    json_decref(document);
    aks_buf_reset(&lines->buf);
    return status;
}

enum aks_status
aks_test_lines_feed(struct aks_test_lines *lines, const char *data, size_t len,
    enum aks_status (*each)(void *ctx, const struct aks_test_line *line, struct aks_error *err),
    void *ctx, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    while (status == AKS_OK && len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end != NULL ? (size_t)(end - data) : len;

        if (lines->buf.len + part > AKS_TEST_LINE_BYTES_MAX)
            return aks_error_set(err, AKS_BAD_REPLY,
                "the test process said a line longer than %d bytes", AKS_TEST_LINE_BYTES_MAX);
        aks_buf_append(&lines->buf, data, part);
        if (end == NULL)
            return aks_buf_status(&lines->buf, "a line of a test process", err);
        status = hand_over(lines, each, ctx, err);
        data += part + 1;
        len -= part + 1;
    }
    return status;
}
