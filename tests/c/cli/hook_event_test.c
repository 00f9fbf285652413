/* What an agent's hook says: the name of what happened, out of anything. */
#include "cli/hook_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *name;
    bool whole;
} cases[] = {
    { "", "", false },
    { " \r\n\t", "", false },
    { "{\"hook_event_name\":\"SessionEnd\"}", "SessionEnd", true },
    { "\n { \"session_id\" : \"a\", \"hook_event_name\" : \"Stop\" }\n", "Stop", true },
    { "{\"hook_event_name\":\"SubagentStop\",\"x\":[{\"hook_event_name\":\"End\"}]}",
        "SubagentStop", true },
    /* Not that of something inside. */
    { "{\"tool\":{\"hook_event_name\":\"Stop\"}}", "", true },
    { "{\"tool\":[\"hook_event_name\",\"Stop\"],\"a\":1}", "", true },
    { "{\"a\":\"hook_event_name\",\"b\":\"Stop\"}", "", true },
    { "{\"hook_event_name\":{\"a\":\"Stop\"},\"b\":\"Stop\"}", "", true },
    { "{\"hook_event_name\":[],\"b\":\"Stop\"}", "", true },
    { "{\"hook_event_name\":7,\"b\":\"Stop\"}", "", true },
    { "{\"hook_event_name\":null}", "", true },
    /* What is no name is none, and is not told to anybody. */
    { "{\"hook_event_name\":\"\"}", "", true },
    { "{\"hook_event_name\":\"St\\u006fp\"}", "", true },
    { "{\"hook_event_name\":\"a b; rm -rf ~\"}", "", true },
    { "{\"hook_event_name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "", true },
    { "{\"hook_event_name_of_another_length_that_is_long\":\"Stop\"}", "", true },
    { "{\"\\hook_event_name\":\"Stop\"}", "", true },
    /* The last one holds, as for whoever reads JSON. */
    { "{\"hook_event_name\":\"Stop\",\"hook_event_name\":\"SessionEnd\"}", "SessionEnd", true },
    { "{\"a\":\"}\\\"}\",\"hook_event_name\":\"Stop\"}", "Stop", true },
    { "{\"hook_event_name\":\"Stop\",\"transcript\":\"never ends", "Stop", false },
    /* No JSON: nothing more is waited for. */
    { "[1]", "", true },
    { "hello", "", true },
    { "}", "", true },
    { "\"hook_event_name\"", "", true },
    { "{}garbage{\"hook_event_name\":\"Stop\"}", "", true },
    { "{]{\"hook_event_name\":\"Stop\"}", "", true },
    { "{:::,,,}", "", true },
};

static void
test_names_what_happened(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_hook_event event = { 0 };

        assert_int_equal(aks_hook_event_feed(&event, cases[i].text, strlen(cases[i].text)),
            cases[i].whole);
        assert_string_equal(event.name, cases[i].name);
    }
}

static void
test_takes_it_in_any_pieces(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_hook_event event = { 0 };

        for (const char *c = cases[i].text; *c != '\0'; c++)
            (void)aks_hook_event_feed(&event, c, 1);
        assert_int_equal(event.whole, cases[i].whole);
        assert_string_equal(event.name, cases[i].name);
    }
}

static void
test_a_byte_of_nothing_is_no_json(void **state)
{
    struct aks_hook_event event = { 0 };

    assert_true(aks_hook_event_feed(&event, "\0", 1));
}

static void
test_knows_a_turn_from_a_session(void **state)
{
    struct aks_hook_event event = { 0 };

    assert_false(aks_hook_event_is_turn(&event));
    strcpy(event.name, "Stop");
    assert_true(aks_hook_event_is_turn(&event));
    strcpy(event.name, "SubagentStop");
    assert_true(aks_hook_event_is_turn(&event));
    strcpy(event.name, "SessionEnd");
    assert_false(aks_hook_event_is_turn(&event));
    strcpy(event.name, "Stopped");
    assert_false(aks_hook_event_is_turn(&event));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_what_happened),
        cmocka_unit_test(test_takes_it_in_any_pieces),
        cmocka_unit_test(test_a_byte_of_nothing_is_no_json),
        cmocka_unit_test(test_knows_a_turn_from_a_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
