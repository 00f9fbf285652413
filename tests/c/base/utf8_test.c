#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What is written, and mended. */
static const char *const cases[][2] = {
    { "", "" },
    { "plain", "plain" },
    { "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "a\xff" "b", "a?b" },
    { "cut \xe2\x82", "cut ??" },
    { "\xc0\xaf", "??" },                   /* longer than need be */
    { "\xed\xa0\x80", "???" },              /* half of a pair of UTF-16 */
    { "\xf4\x90\x80\x80", "????" },         /* past the last character */
};

static void
bytes_that_are_no_character_are_mended(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "%s", cases[i][0]);
        assert_int_equal(aks_utf8_valid(text), strcmp(cases[i][0], cases[i][1]) == 0);
        aks_utf8_mend(text);
        assert_string_equal(text, cases[i][1]);
        assert_true(aks_utf8_valid(text));
    }
}

static void
characters_have_their_length(void **state)
{
    assert_int_equal(aks_utf8_length("a"), 1);
    assert_int_equal(aks_utf8_length(""), 1);
    assert_int_equal(aks_utf8_length("\xc3\xa9"), 2);
    assert_int_equal(aks_utf8_length("\xe2\x82\xac"), 3);
    assert_int_equal(aks_utf8_length("\xf0\x9f\x98\x80"), 4);
    assert_int_equal(aks_utf8_length("\x80"), 0);
}

static void
what_a_terminal_obeys_or_turns_about_is_tamed(void **state)
{
    static const char *const texts[][2] = {
        { "a\xc2\x80z", "a??z" }, { "a\xc2\x9fz", "a??z" }, { "a\xc2\xa0z", "a\xc2\xa0z" },
        { "\xd8\x9c\xd8\x9b", "??\xd8\x9b" },
        { "\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90", "??????\xe2\x80\x90" },
        { "\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf",
            "\xe2\x80\xa9??????\xe2\x80\xaf" },
        { "\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
            "\xe2\x81\xa5??????\xe2\x81\xaa" },
        { "\xe2\x80", "\xe2\x80" },
        { "gr\xc3\xbc\xc3\x9f \xd7\xa9", "gr\xc3\xbc\xc3\x9f \xd7\xa9" },
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "%s", texts[i][0]);
        aks_utf8_tame(text, strlen(text));
        assert_string_equal(text, texts[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_character_are_mended),
        cmocka_unit_test(what_a_terminal_obeys_or_turns_about_is_tamed),
        cmocka_unit_test(characters_have_their_length),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
