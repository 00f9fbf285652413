#include "engine/text.h"

#include "base/utf8.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* What is written, mended, and as a path. */
static const char *const cases[][3] = {
    { "", "", "" },
    { "plain %", "plain %", "plain %" },
    { "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
        "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "a\xff" "b%", "a?b%", "a%FFb%25" },
    { "cut \xe2\x82", "cut ??", "cut %E2%82" },
    { "\xc0\xaf", "??", "%C0%AF" },                     /* longer than need be */
    { "\xed\xa0\x80", "???", "%ED%A0%80" },             /* half of a pair of UTF-16 */
    { "\xf4\x90\x80\x80", "????", "%F4%90%80%80" },     /* past the last character */
};

static void
text_becomes_utf_8(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        json_t *json = aks_text_json(cases[i][0]);

        (void)snprintf(text, sizeof(text), "%s", cases[i][0]);
        aks_utf8_mend(text);
        assert_string_equal(text, cases[i][1]);
        assert_string_equal(json_string_value(json), cases[i][1]);
        json_decref(json);
    }
}

static void
path_keeps_every_byte(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = aks_text_path(aks_alloc_system(), cases[i][0]);

        assert_string_equal(path, cases[i][2]);
        aks_mem_free(aks_alloc_system(), path);
    }
}

static int
path_in(void *ctx, const struct aks_alloc *alloc)
{
    aks_mem_free(alloc, aks_text_path(alloc, "plain"));
    aks_mem_free(alloc, aks_text_path(alloc, "\xff"));
    return 0;
}

static void
path_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(path_in, NULL, 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_utf_8),
        cmocka_unit_test(path_keeps_every_byte),
        cmocka_unit_test(path_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
