/* settings.json: what it may say, and that everything else is refused. */
#include "engine/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct aks_notify_settings settings;
static struct aks_error err;

static enum aks_status
parse(const char *text)
{
    return aks_notify_parse(text, strlen(text), &settings, &err);
}

static void
settings_have_defaults_and_bounds(void **state)
{
    assert_int_equal(parse("{\"schema\": 1}"), AKS_OK);
    assert_string_equal(settings.command, "");
    assert_int_equal(parse("{\"schema\": 1, \"notify\": {\"command\": \"tell 'a b'\"}}"), AKS_OK);
    assert_string_equal(settings.command, "tell 'a b'");
    assert_int_equal(settings.after_hours, 24);
    assert_int_equal(settings.after_tries, 0);
    assert_int_equal(settings.every_hours, 24);
    assert_false(settings.names);
    assert_int_equal(parse("{\"schema\": 1, \"notify\": {\"command\": \"t\", \"after_hours\": 8760,"
        " \"after_tries\": 1, \"every_hours\": 1, \"names\": true}}"), AKS_OK);
    assert_int_equal(settings.after_hours, 8760);
    assert_int_equal(settings.after_tries, 1);
    assert_int_equal(settings.every_hours, 1);
    assert_true(settings.names);
}

static void
what_is_not_understood_is_refused(void **state)
{
    static const char *const wrong[] = { "", "{}", "[]", "{\"schema\": 2}", "{\"schema\": \"1\"}",
        "{\"schema\": 1, \"other\": 1}", "{\"schema\": 1, \"notify\": []}",
        "{\"schema\": 1, \"notify\": {}}",
        "{\"schema\": 1, \"notify\": {\"command\": 7}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"\"}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a | b\"}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\\u0000b\"}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\", \"after_hours\": 0}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\", \"after_hours\": 8761}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\", \"every_hours\": 1.5}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\", \"after_tries\": -1}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\", \"names\": 1}}",
        "{\"schema\": 1, \"notify\": {\"command\": \"a\", \"what\": 1}}",
        "{\"schema\": 1, \"notify\": {\"after_hours\": 3}}",
        "{\"schema\": 1, \"schema\": 1}" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (parse(wrong[i]) != AKS_SETTINGS)
            fail_msg("it was taken: %s", wrong[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_have_defaults_and_bounds),
        cmocka_unit_test(what_is_not_understood_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
