#include "script/locate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char policy[] =
    "local akosha = require 'akosha'\n"                                     /* 1 */
    "local t = { retry = 1 }  -- akosha.policy { retry = 2\n"               /* 2 */
    "return akosha.policy {\n"                                              /* 3 */
    "  -- retry = 1,\n"                                                     /* 4 */
    "  --[==[ retry = 2, ]] ]==] api = 1,\n"                                /* 5 */
    "  note = 'retry = 3, }',\n"                                            /* 6 */
    "  long = [[\n"                                                         /* 7 */
    "    retry = 4 } ]],\n"                                                 /* 8 */
    "  route = function(source) if a then return 1, 2 end return {\n"       /* 9 */
    "      retry = 5 }, 6 end,\n"                                           /* 10 */
    "  sources = { '/a',\n"                                                 /* 11 */
    "    '/b' },\n"                                                         /* 12 */
    "  targets = { cloud = akosha.s3 { bucket = 'b' }, ['disk'] =\n"        /* 13 */
    "      akosha.dir {\n"                                                  /* 14 */
    "    path = 'x' } },\n"                                                 /* 15 */
    "  same = a == b,\n"                                                    /* 16 */
    "  retry = akosha.retry.exponential({ first = 2,\n"                     /* 17 */
    "    tries = 0 }),\n"                                                   /* 18 */
    "  retry = 2,\n"                                                        /* 19 */
    "}\n";

static int
find(int line, const char *builder, const char *name)
{
    struct aks_locate_step step = { name, 0 };

    return aks_locate_field(policy, strlen(policy), line, builder, &step, 1);
}

static void
a_field_is_found_behind_comments_strings_and_functions(void **state)
{
    assert_int_equal(find(3, "akosha.policy", "api"), 5);
    assert_int_equal(find(3, "akosha.policy", "sources"), 11);
    assert_int_equal(find(3, "akosha.policy", "same"), 16);
    assert_int_equal(find(13, "akosha.s3", "bucket"), 13);
    assert_int_equal(find(14, "akosha.dir", "path"), 15);
    assert_int_equal(find(17, "akosha.retry.exponential", "tries"), 18);
}

static void
of_two_fields_of_one_name_the_last_counts(void **state)
{
    assert_int_equal(find(3, "akosha.policy", "retry"), 19);
}

static void
what_is_not_certain_is_not_found(void **state)
{
    static const char two[] = "x = { akosha.dir {\n path = 1 }, akosha.dir {\n path = 2 } }\n"
        "return akosha.policy(settings)";
    static const char one_line[] = "x = { akosha.dir { path = 1 }, akosha.dir {\n path = 2 } }";
    struct aks_locate_step step = { "path", 0 };

    assert_int_equal(find(3, "akosha.policy", "b"), 0);
    assert_int_equal(find(2, "akosha.policy", "retry"), 0);
    assert_int_equal(find(1, "akosha.policy", "api"), 0);
    assert_int_equal(find(0, "akosha.policy", "api"), 0);
    assert_int_equal(aks_locate_field(two, strlen(two), 1, "akosha.dir", &step, 1), 2);
    assert_int_equal(aks_locate_field(two, strlen(two), 4, "akosha.policy", &step, 1), 0);
    assert_int_equal(aks_locate_field(one_line, strlen(one_line), 1, "akosha.dir", &step, 1), 0);
}

static void
a_step_leads_into_a_table(void **state)
{
    struct aks_locate_step source[] = { { "sources", 0 }, { NULL, 2 } };
    struct aks_locate_step target[] = { { "targets", 0 }, { "disk", 0 } };
    struct aks_locate_step elsewhere[] = { { "note", 0 }, { NULL, 1 } };

    assert_int_equal(aks_locate_field(policy, strlen(policy), 3, "akosha.policy", source, 2), 12);
    assert_int_equal(aks_locate_field(policy, strlen(policy), 3, "akosha.policy", target, 2), 13);
    /* What is no table: the line of the field. */
    assert_int_equal(aks_locate_field(policy, strlen(policy), 3, "akosha.policy", elsewhere, 2), 6);
}

static void
a_text_that_ends_anywhere_is_no_trouble(void **state)
{
    struct aks_locate_step step[] = { { "targets", 0 }, { "disk", 0 } };

    for (size_t len = 0; len < strlen(policy); len++) {
        /* A block of its own, so that a look beyond its end is seen. */
        char *text = test_malloc(len + 1);

        memcpy(text, policy, len);
        (void)aks_locate_field(text, len, 3, "akosha.policy", step, 2);
        (void)aks_locate_field(text, len, 17, "akosha.retry.exponential", step, 1);
        test_free(text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_found_behind_comments_strings_and_functions),
        cmocka_unit_test(of_two_fields_of_one_name_the_last_counts),
        cmocka_unit_test(what_is_not_certain_is_not_found),
        cmocka_unit_test(a_step_leads_into_a_table),
        cmocka_unit_test(a_text_that_ends_anywhere_is_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
