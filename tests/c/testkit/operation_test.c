#include "testkit/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OBJECT "https://s3.example.org/memories/systems/laptop-7/20261123T064500Z-aaaaaa/a.bin"

static void
requests_have_the_engine_s_names(void **state)
{
    static const struct {
        const char *method;
        const char *url;
        const char *name;
    } cases[] = {
        { "POST", OBJECT "?uploads", "create" },
        { "POST", OBJECT "?uploads=", "create" },
        { "GET", OBJECT "?uploads", "other" },
        { "PUT", OBJECT "?partNumber=2&uploadId=abc", "part 2" },
        { "PUT", OBJECT "?uploadId=abc&partNumber=10000", "part 10000" },
        { "POST", OBJECT "?uploadId=abc", "complete" },
        { "DELETE", OBJECT "?uploadId=abc", "abort" },
        { "GET", OBJECT "?uploadId=abc&max-parts=1000", "parts" },
        { "PUT", OBJECT, "put" },
        { "PUT", OBJECT "?x-id=PutObject", "put" },
        /* Of the name alone: what stands before it does not count. */
        { "PUT", OBJECT "?xuploadId=abc", "put" },
        { "PUT", "https://put.example.org/upload/systems/a/b/manifest.json", "manifest" },
        { "PUT", "https://put.example.org/upload/systems/a/b/xmanifest.json", "put" },
        { "PUT", "https://put.example.org/upload/systems/", "marker" },
        { "HEAD", "https://s3.example.org/memories", "probe" },
        { "GET", "https://put.example.org/upload/", "probe" },
        { "HEAD", "https://put.example.org/upload/systems/", "probe" },
        { "OPTIONS", "https://put.example.org/upload/", "options" },
        { "HEAD", OBJECT, "look" },
        { "GET", OBJECT, "get" },
        { "GET", "https://s3.example.org/memories?list-type=2&prefix=systems%2F", "list" },
        { "DELETE", OBJECT, "other" },
        { "POST", OBJECT, "push" },
        { "POST", "https://akosha.example.org/mcp", "push" },
        { "TRACE", OBJECT, "other" },
        { "POST", "https://put.example.org/upload/", "create" },
        { "PATCH", "https://put.example.org/upload/.uploads/24e5", "part" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[AKS_OPERATION_NAME_BYTES];
        const char *found = aks_operation_name(cases[i].method, cases[i].url, name);

        if (strcmp(found, cases[i].name) != 0)
            fail_msg("%s %s is %s, not %s", cases[i].method, cases[i].url, found, cases[i].name);
        assert_true(aks_operation_known(found));
    }
}

static void
number_of_a_part_may_be_anything(void **state)
{
    char name[AKS_OPERATION_NAME_BYTES];

    assert_string_equal(aks_operation_name("PUT", OBJECT "?partNumber=x&uploadId=a", name),
        "part 0");
    assert_string_equal(aks_operation_name("PUT", OBJECT
        "?uploadId=a&partNumber=99999999999999999999999", name), "part 18446744073709551615");
}

static void
patterns_match_by_name_and_part_matches_every_part(void **state)
{
    assert_true(aks_operation_matches("", "list"));
    assert_true(aks_operation_matches("part", "part 7"));
    assert_true(aks_operation_matches("part 7", "part 7"));
    assert_false(aks_operation_matches("part 7", "part 70"));
    assert_false(aks_operation_matches("part 70", "part 7"));
    assert_false(aks_operation_matches("part", "parts"));
    assert_true(aks_operation_matches("parts", "parts"));
    assert_false(aks_operation_matches("put", "puts"));
}

static void
patterns_that_match_nothing_are_unknown(void **state)
{
    static const char *const unknown[] = { "", "Part", "part ", "part x", "part 2 ", "part -1",
        "parts 2", "upload" };

    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_false(aks_operation_known(unknown[i]));
    assert_true(aks_operation_known("part 12"));
    for (const char *const *name = aks_operation_names(); *name != NULL; name++)
        assert_true(aks_operation_known(*name));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_have_the_engine_s_names),
        cmocka_unit_test(number_of_a_part_may_be_anything),
        cmocka_unit_test(patterns_match_by_name_and_part_matches_every_part),
        cmocka_unit_test(patterns_that_match_nothing_are_unknown),
    };

    return cmocka_run_group_tests_name("operations", tests, NULL, NULL);
}
