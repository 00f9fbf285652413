/* What a test process says, and what it might say. */
#include "cli/test_line.h"

#include "support/failing_alloc.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Writes ${line}, and reads it back; the document keeps the strings. */
static json_t *
round_trip(const struct aks_test_line *line, struct aks_test_line *ret)
{
    struct aks_buf out;
    struct aks_error err = { 0 };
    json_t *document = NULL;

    aks_buf_init(&out, aks_alloc_system(), AKS_TEST_LINE_BYTES_MAX);
    aks_test_line_write(line, &out);
    assert_int_equal(aks_buf_status(&out, "a line", &err), AKS_OK);
    assert_int_equal(out.data[out.len - 1], '\n');
    assert_ptr_equal(memchr(out.data, '\n', out.len), out.data + out.len - 1);
    assert_int_equal(aks_test_line_read(out.data, out.len - 1, ret, &document, &err), AKS_OK);
    aks_buf_fini(&out);
    return document;
}

static void
every_kind_comes_back_as_it_was(void **state)
{
    for (int kind = 0; kind < AKS_TEST_LINE_KINDS; kind++) {
        struct aks_test_line line = { .kind = (enum aks_test_line_kind)kind,
            .name = "TestA.test_b", .text = "a \"b\"\\\n\tc\x01", .hint = "h", .question = "retry",
            .failure = "throttled", .outcome = AKS_SUITE_ERROR, .status = AKS_POLICY,
            .number = 12 };
        struct aks_test_line back;
        json_t *document = round_trip(&line, &back);

        assert_int_equal(back.kind, kind);
        assert_string_equal(back.name, line.name);
        assert_string_equal(back.text, line.text);
        assert_string_equal(back.hint, line.hint);
        assert_string_equal(back.question, line.question);
        assert_string_equal(back.failure, line.failure);
        assert_int_equal(back.number, 12);
        if (kind == AKS_TEST_LINE_RESULT)
            assert_int_equal(back.outcome, AKS_SUITE_ERROR);
        if (kind == AKS_TEST_LINE_END)
            assert_int_equal(back.status, AKS_POLICY);
        json_decref(document);
    }
}

static void
bytes_that_are_no_text_are_mended(void **state)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_RESULT, .name = "a\xff\nb\033c",
        .text = "\xc3\xa9 \xc0" };
    struct aks_test_line back;
    json_t *document = round_trip(&line, &back);

    assert_string_equal(back.name, "a??b?c");
    assert_string_equal(back.text, "\xc3\xa9 ?");
    json_decref(document);
}

static void
long_texts_are_cut_and_say_so(void **state)
{
    char *text = malloc(2 * AKS_TEST_LINE_TEXT_MAX + 1);
    struct aks_test_line line = { .kind = AKS_TEST_LINE_RESULT, .name = text, .text = text };
    struct aks_test_line back;
    json_t *document;

    assert_non_null(text);
    /* The longest that JSON can make of bytes, and a character across the cut of the name. */
    memset(text, 1, 2 * AKS_TEST_LINE_TEXT_MAX);
    memcpy(text + AKS_TEST_LINE_NAME_MAX - 1, "\xc3\xa9", 2);
    text[2 * AKS_TEST_LINE_TEXT_MAX] = '\0';
    document = round_trip(&line, &back);
    assert_int_equal(strlen(back.name), AKS_TEST_LINE_NAME_MAX);
    assert_int_equal(strlen(back.text), AKS_TEST_LINE_TEXT_MAX + strlen("\n... (cut)"));
    assert_string_equal(back.text + AKS_TEST_LINE_TEXT_MAX, "\n... (cut)");
    json_decref(document);
    free(text);
}

static void
hostile_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "", " ", "{", "[]", "null", "12", "\"begin\"", "{}", "{\"kind\": 1}",
        "{\"kind\": \"other\", \"name\": \"a\"}",
        "{\"kind\": \"begin\"}",
        "{\"kind\": \"begin\", \"name\": \"\"}",
        "{\"kind\": \"begin\", \"name\": [\"a\"]}",
        "{\"kind\": \"begin\", \"name\": \"a\\nb\"}",
        "{\"kind\": \"begin\", \"name\": \"a\\u001b[2J\"}",
        "{\"kind\": \"begin\", \"name\": \"a\\u0000b\"}",
        "{\"kind\": \"begin\", \"name\": \"a\", \"name\": \"b\"}",
        "{\"kind\": \"begin\", \"name\": \"a\"} trailing",
        "{\"kind\": \"begin\", \"name\": \"a\", \"number\": -1}",
        "{\"kind\": \"begin\", \"name\": \"a\", \"number\": 99999999999999999999}",
        "{\"kind\": \"begin\", \"name\": \"\xff\"}",
        "{\"kind\": \"result\", \"name\": \"a\"}",
        "{\"kind\": \"result\", \"name\": \"a\", \"outcome\": \"fine\"}",
        "{\"kind\": \"end\"}", "{\"kind\": \"end\", \"status\": \"none such\"}",
        "{\"kind\": \"result\", \"name\": \"a\", \"outcome\": \"pas",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct aks_test_line line;
        struct aks_error err = { 0 };
        json_t *document = NULL;

        if (aks_test_line_read(lines[i], strlen(lines[i]), &line, &document, &err) == AKS_OK)
            fail_msg("taken: %s", lines[i]);
        assert_int_equal(err.status, AKS_BAD_REPLY);
        assert_null(document);
    }
}

struct heard {
    char names[256];
    unsigned count;
    enum aks_status answer;
};

static enum aks_status
hear(void *ctx, const struct aks_test_line *line, struct aks_error *err)
{
    struct heard *heard = ctx;

    heard->count++;
    (void)strncat(heard->names, line->name, sizeof(heard->names) - strlen(heard->names) - 1);
    return heard->answer;
}

static const char stream[] =
    "{\"kind\": \"begin\", \"name\": \"a\"}\n"
    "{\"kind\": \"result\", \"name\": \"b\", \"outcome\": \"passed\"}\n"
    "{\"kind\": \"begin\", \"name\": \"c\"}\n"
    "{\"kind\": \"begin\", \"na";

static void
lines_are_the_same_in_whatever_pieces_they_come(void **state)
{
    for (size_t piece = 1; piece <= strlen(stream); piece++) {
        struct heard heard = { "", 0, AKS_OK };
        struct aks_test_lines lines;
        struct aks_error err = { 0 };

        aks_test_lines_init(&lines, aks_alloc_system());
        for (size_t at = 0; at < strlen(stream); at += piece) {
            size_t len = strlen(stream) - at < piece ? strlen(stream) - at : piece;

            assert_int_equal(aks_test_lines_feed(&lines, stream + at, len, hear, &heard, &err),
                AKS_OK);
        }
        assert_string_equal(heard.names, "abc");
        aks_test_lines_fini(&lines);
    }
}

static void
a_line_without_end_is_refused(void **state)
{
    struct heard heard = { "", 0, AKS_OK };
    struct aks_test_lines lines;
    struct aks_error err = { 0 };
    enum aks_status status = AKS_OK;
    char piece[1000];
    int pieces = 0;

    memset(piece, 'x', sizeof(piece));
    aks_test_lines_init(&lines, aks_alloc_system());
    while (status == AKS_OK && pieces++ < 1000)
        status = aks_test_lines_feed(&lines, piece, sizeof(piece), hear, &heard, &err);
    assert_int_equal(status, AKS_BAD_REPLY);
    assert_non_null(strstr(err.message, "a line longer than"));
    assert_int_equal(pieces, AKS_TEST_LINE_BYTES_MAX / 1000 + 1);
    aks_test_lines_fini(&lines);
}

static void
what_the_listener_refuses_ends_the_listening(void **state)
{
    struct heard heard = { "", 0, AKS_LIMIT };
    struct aks_test_lines lines;
    struct aks_error err = { 0 };

    aks_test_lines_init(&lines, aks_alloc_system());
    assert_int_equal(aks_test_lines_feed(&lines, stream, strlen(stream), hear, &heard, &err),
        AKS_LIMIT);
    assert_int_equal(heard.count, 1);
    aks_test_lines_fini(&lines);
}

static int
lines_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_test_line line = { .kind = AKS_TEST_LINE_RESULT, .name = "a", .text = "b" };
    struct heard heard = { "", 0, AKS_OK };
    struct aks_test_lines lines;
    struct aks_error err = { 0 };
    struct aks_buf out;

    aks_buf_init(&out, alloc, AKS_TEST_LINE_BYTES_MAX);
    aks_test_line_write(&line, &out);
    aks_test_lines_init(&lines, alloc);
    if (aks_buf_status(&out, "a line", &err) == AKS_OK &&
        aks_test_lines_feed(&lines, out.data, out.len, hear, &heard, &err) == AKS_OK)
        assert_string_equal(heard.names, "a");
    aks_test_lines_fini(&lines);
    aks_buf_fini(&out);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    failing_alloc_loop(lines_in, NULL, 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_as_it_was),
        cmocka_unit_test(bytes_that_are_no_text_are_mended),
        cmocka_unit_test(long_texts_are_cut_and_say_so),
        cmocka_unit_test(hostile_lines_are_refused),
        cmocka_unit_test(lines_are_the_same_in_whatever_pieces_they_come),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(what_the_listener_refuses_ends_the_listening),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("test_line", tests, NULL, NULL);
}
