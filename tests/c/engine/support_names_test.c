/* Which names of a policy's text are found, in whichever way Lua lets them be written. */
#include "engine/support_names.h"

#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* What a policy says, and what leaves. */
static const struct {
    const char *text;
    const char *left;
} cases[] = {
    { "bucket = \"quokka-1\"", "bucket = \"[bucket]\"" },
    { "bucket='quokka-1'", "bucket='[bucket]'" },
    { "bucket\t=\n\t\"quokka-1\"", "bucket\t=\n\t\"[bucket]\"" },
    { "bucket = [[quokka-1]]", "bucket = [[[bucket]]]" },
    { "[\"bucket\"] = \"quokka-1\"", "[\"bucket\"] = \"[bucket]\"" },
    { "['prefix'] = 'quokka-1'", "['prefix'] = '[prefix]'" },
    { "local b = \"quokka-1\" x { bucket = b }", "local b = \"[bucket]\" x { bucket = b }" },
    { "local b\t= [[quokka-1]] x { bucket = b }", "local b\t= [[[bucket]]] x { bucket = b }" },
    { "my_bucket = \"quokka-1\"", "my_bucket = \"[bucket]\"" },
    /* Others stay. */
    { "sub = \"sqlite\" b = \"quokka-1\" bucket = b",
        "sub = \"sqlite\" b = \"[bucket]\" bucket = b" },
    { "bucket == \"quokka-1\"", "bucket == \"quokka-1\"" },
    { "bucket = [[quokka-1", "bucket = [[[bucket]" },
    { "bucket =", "bucket =" },
};

static void
names_are_found_however_they_are_written(void **state)
{
    struct aks_os *os = NULL;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *document = json_pack("{s:{s:s}}", "policy", "text", cases[i].text);
        const json_t *policy = json_object_get(document, "policy");

        assert_non_null(document);
        assert_int_equal(aks_support_names_remove(aks_os_port(os), document, NULL), AKS_OK);
        assert_string_equal(json_string_value(json_object_get(policy, "text")), cases[i].left);
        json_decref(document);
    }
    aks_os_close(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_however_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
