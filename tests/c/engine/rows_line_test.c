/* What a reader writes is a row, or it is not: somebody else's bytes. */
#include "engine/rows_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool
is_row(const char *line, bool *ret_plain)
{
    static const char *const names[] = { "a", "b" };
    struct aks_rows_value values[2];

    return aks_rows_line_split(line, strlen(line), names, 2, values, ret_plain);
}

static void
values_are_where_they_stand(void **state)
{
    static const char *const names[] = { "a", "t\"\xc3\xa9\xf0\x9f\x98\x80\n" };
    static const char line[] = "{\"a\":[1, {\"x\" : null}],"
        "\"t\\\"\\u00e9\\ud83d\\ude00\\n\":\"y\"}";
    struct aks_rows_value values[2];
    bool plain = false;

    assert_true(aks_rows_line_split(line, sizeof(line) - 1, names, 2, values, &plain));
    assert_true(plain);
    assert_int_equal(values[0].len, strlen("[1, {\"x\" : null}]"));
    assert_memory_equal(values[0].data, "[1, {\"x\" : null}]", values[0].len);
    assert_int_equal(values[1].len, 3);
    assert_memory_equal(values[1].data, "\"y\"", 3);
}

static void
every_value_of_json_is_one(void **state)
{
    static const char *const values[] = { "0", "-0", "-1.5e+10", "1E-7", "12", "true", "false",
        "null", "\"\"", "\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"", "[]", "{}", "[[],[1,2]]",
        "{\"k\":{\"l\":[true]}}", "\"\xe2\x82\xac\"", " 1" };
    char line[200];
    bool plain;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        (void)snprintf(line, sizeof(line), "{\"a\":%s,\"b\":%s}", values[i], values[i]);
        if (!is_row(line, &plain) || !plain)
            fail_msg("%s", line);
    }
}

static void
what_is_no_json_is_no_row(void **state)
{
    static const char *const values[] = { "", "01", "-", "1.", ".5", "1e", "1e+", "+1", "tru",
        "nul", "\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "\"\\", "\"\x01\"", "\"\xc3\"", "\"\xff\"", "[1", "[1 2]", "[,]", "{1:2}",
        "{\"k\" 1}", "{\"k\":}", "{\"k\":1,}", "Inf", "Na", "'x'", "1 2" };
    static const char *const lines[] = { "", "{}", "[]", "{\"a\":1}", "{\"b\":1,\"a\":1}",
        "{\"a\":1,\"b\":1", "{\"a\":1,\"b\":1}x", "{\"a\":1,\"b\":1,\"c\":1}", "{\"a\":1\"b\":1}",
        "{\"a\" 1,\"b\":1}", "{\"a\\u0062\":1,\"b\":1}", "{\"\\u0061" };
    char line[200];
    bool plain;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        (void)snprintf(line, sizeof(line), "{\"a\":1,\"b\":%s}", values[i]);
        if (is_row(line, &plain))
            fail_msg("%s", line);
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (is_row(lines[i], &plain))
            fail_msg("%s", lines[i]);
    }
}

static void
what_is_nested_too_deep_is_no_row(void **state)
{
    char line[20000] = "{\"a\":1,\"b\":";
    size_t len = strlen(line);
    bool plain;

    memset(line + len, '[', 9000);
    memset(line + len + 9000, ']', 9000);
    line[len + 18000] = '}';
    assert_false(is_row(line, &plain));
}

/* DuckDB has words for numbers that JSON has none for; in a text they are texts. */
static void
numbers_without_a_word_in_json_are_null(void **state)
{
    static const char line[] = "{\"a\":[NaN,-Infinity,Infinity,-1],\"b\":\"NaN \\\"Infinity\"}";
    struct aks_buf out;
    bool plain = true;

    assert_true(is_row(line, &plain));
    assert_false(plain);
    aks_buf_init(&out, aks_alloc_system(), 1000);
    aks_rows_line_mend(line, sizeof(line) - 1, &out);
    assert_string_equal(out.data, "{\"a\":[null,null,null,-1],\"b\":\"NaN \\\"Infinity\"}");
    aks_buf_fini(&out);
}

static void
text_has_its_escapes_undone(void **state)
{
    static const struct {
        const char *json;
        const char *text;               /* NULL: it is none */
    } cases[] = {
        { "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz" },
        { "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\"\xe2\x82\xac\"", "\xe2\x82\xac" }, { "\"\"", "" }, { "1", NULL }, { "\"a\"b", NULL },
        { "\"\\ud800x\"", NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_rows_value value = { cases[i].json, strlen(cases[i].json) };
        struct aks_buf text;

        aks_buf_init(&text, aks_alloc_system(), 100);
        aks_buf_puts(&text, "");
        assert_int_equal(aks_rows_line_text(&value, &text), cases[i].text != NULL);
        if (cases[i].text != NULL) {
            assert_int_equal(text.len, strlen(cases[i].text));
            assert_memory_equal(text.len > 0 ? text.data : "", cases[i].text, text.len);
        }
        aks_buf_fini(&text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_where_they_stand),
        cmocka_unit_test(every_value_of_json_is_one),
        cmocka_unit_test(what_is_no_json_is_no_row),
        cmocka_unit_test(what_is_nested_too_deep_is_no_row),
        cmocka_unit_test(numbers_without_a_word_in_json_are_null),
        cmocka_unit_test(text_has_its_escapes_undone),
    };

    return cmocka_run_group_tests_name("rows_line", tests, NULL, NULL);
}
