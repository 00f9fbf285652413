/* The same results in every form that they can be written in, with texts that want escaping. */
#include "cli/test_json.h"
#include "cli/test_junit.h"
#include "cli/test_tap.h"
#include "cli/test_text.h"

#include "support/failing_alloc.h"

#include <expat.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOSTILE "x.lua:3: expected: \"<a>\" & 'b'\n  ]]> <!-- # \\ \xff \x01 \xef\xbf\xbe\n\nlast"

static char first_path[] = "t/a_test.lua";
static char second_path[] = "t/b#\xff_test.lua";
static char *const paths[] = { first_path, second_path };

struct world {
    struct aks_test_results results;
    struct aks_test_text text;
    struct aks_buf out;
    struct aks_error err;
};

static enum aks_status
say(struct aks_test_results *results, size_t file, struct aks_test_line line)
{
    struct aks_error err = { 0 };

    line.name = line.name != NULL ? line.name : "";
    line.text = line.text != NULL ? line.text : "";
    line.hint = line.hint != NULL ? line.hint : "";
    line.question = line.question != NULL ? line.question : "";
    line.failure = line.failure != NULL ? line.failure : "";
    return aks_test_results_take(results, file, &line, &err);
}

static enum aks_status
fill(struct aks_test_results *results)
{
    const struct aks_test_line lines[] = {
        { .kind = AKS_TEST_LINE_OUTPUT, .text = "I print <\n" },
        { .kind = AKS_TEST_LINE_RESULT, .name = "TestA.test_good", .number = 12 },
        { .kind = AKS_TEST_LINE_RESULT, .name = "TestA.test_bad", .text = HOSTILE,
            .outcome = AKS_SUITE_FAILED, .number = 1234 },
        { .kind = AKS_TEST_LINE_RESULT, .name = "TestA.test_#\xff", .text = "no <reason>",
            .outcome = AKS_SUITE_SKIPPED },
        { .kind = AKS_TEST_LINE_RESULT, .name = "alone", .text = "x", .outcome = AKS_SUITE_ERROR },
        { .kind = AKS_TEST_LINE_ACTIVE, .name = "p.lua", .text = "1-10" },
        { .kind = AKS_TEST_LINE_REACHED, .name = "p.lua", .text = "1-4,8" },
        { .kind = AKS_TEST_LINE_ACTIVE, .name = "helper.lua", .text = "1" },
        { .kind = AKS_TEST_LINE_REACHED, .name = "helper.lua", .text = "1" },
        { .kind = AKS_TEST_LINE_DECISION, .name = "p.lua", .question = "retry",
            .failure = "throttled", .number = 2 },
        { .kind = AKS_TEST_LINE_DECISION, .name = "p.lua", .question = "route", .number = 1 },
        { .kind = AKS_TEST_LINE_END, .number = 4 },
    };
    const struct aks_test_line broken = { .kind = AKS_TEST_LINE_END, .status = AKS_POLICY,
        .text = "t/b: broken & beyond", .hint = "mend it" };
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < sizeof(lines) / sizeof(lines[0]); i++)
        status = say(results, 0, lines[i]);
    return status == AKS_OK ? say(results, 1, broken) : status;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_test_results_init(&world->results, aks_alloc_system(), paths, 2,
        &world->err), AKS_OK);
    world->results.seed = 12345;
    world->results.duration_ms = 1500;
    world->results.covered = true;
    assert_int_equal(fill(&world->results), AKS_OK);
    aks_test_text_init(&world->text, &world->results, false, false);
    aks_buf_init(&world->out, aks_alloc_system(), 1000000);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_buf_fini(&world->out);
    aks_test_results_fini(&world->results);
    free(world);
    return 0;
}

static void
results_are_counted_and_have_an_exit_code(void **state)
{
    struct world *world = *state;
    struct aks_test_counts counts = aks_test_results_count(&world->results, NULL);

    assert_int_equal(counts.passed, 1);
    assert_int_equal(counts.failed, 3);
    assert_int_equal(counts.errors, 1);
    assert_int_equal(counts.skipped, 1);
    assert_int_equal(counts.broken, 1);
    assert_int_equal(aks_test_results_code(&world->results), 3);
    aks_error_clear(&world->results.files[1].error);
    assert_int_equal(aks_test_results_code(&world->results), 1);
}

static void
text_names_failures_and_closes_with_a_sum(void **state)
{
    struct world *world = *state;

    aks_test_text_file(&world->text, &world->results.files[0], &world->out);
    aks_test_text_file(&world->text, &world->results.files[1], &world->out);
    aks_test_text_failures(&world->text, &world->out);
    aks_test_text_seed(&world->text, &world->out);
    aks_test_text_closing(&world->text, &world->out);
    assert_string_equal(world->out.data,
        "t/a_test.lua    failed: 1 passed, 2 failed, 1 skipped\n"
        "t/b#?_test.lua  cannot be run\n"
        "\nFailed tests:\n-------------\n"
        "1) TestA.test_bad  (t/a_test.lua)\n"
        "x.lua:3: expected: \"<a>\" & 'b'\n  ]]> <!-- # \\ ? ? \xef\xbf\xbe\n\nlast\n\n"
        "2) alone  (t/a_test.lua)\nx\n\n"
        "seed 12345: repeat with --seed 12345\n"
        "1 passed, 3 failed, 1 skipped\n");
}

static void
verbose_text_has_every_test(void **state)
{
    struct world *world = *state;

    aks_test_text_init(&world->text, &world->results, true, true);
    aks_test_text_file(&world->text, &world->results.files[0], &world->out);
    assert_non_null(strstr(world->out.data, "\033[32mpassed\033[0m  TestA.test_good  0.01 s\n"));
    assert_non_null(strstr(world->out.data, "            | I print <\n"));
    assert_non_null(strstr(world->out.data, "\033[31mfailed\033[0m  TestA.test_bad  1.23 s\n"));
    assert_non_null(strstr(world->out.data, "            no <reason>\n"));
}

static void
coverage_says_what_was_never_tried(void **state)
{
    struct world *world = *state;

    aks_test_text_coverage(&world->text, &world->out);
    assert_string_equal(world->out.data,
        "\nCoverage:\n---------\n"
        "helper.lua: 1 of 1 lines, 100.0 %\n"
        "p.lua: 5 of 10 lines, 50.0 %\n"
        "    never reached    5-7, 9-10\n"
        "    asked            route 1, retry 2\n"
        "    never asked      dedup, compress, snapshot\n"
        "    failures tried   throttled 2\n"
        "    never tried      offline, dns, refused, connect_timeout, tls, timeout, stalled, "
        "server, clock_skew, auth_missing, auth_expired, auth_invalid, forbidden, not_found, "
        "conflict, too_large, bad_reply, corrupt\n\n");
}

static void
tap_is_what_a_harness_reads(void **state)
{
    struct world *world = *state;

    aks_test_tap_write(&world->results, &world->out);
    assert_string_equal(world->out.data,
        "TAP version 13\n1..5\n# seed 12345\n"
        "ok 1 - t/a_test.lua: TestA.test_good\n"
        "  ---\n  duration_ms: 12\n  output: |2\n    I print <\n  ...\n"
        "not ok 2 - t/a_test.lua: TestA.test_bad\n"
        "  ---\n  duration_ms: 1234\n  message: |2\n    x.lua:3: expected: \"<a>\" & 'b'\n"
        "      ]]> <!-- # \\ ? ? \xef\xbf\xbe\n\n    last\n  ...\n"
        "ok 3 - t/a_test.lua: TestA.test_\\#? # SKIP no <reason>\n"
        "  ---\n  duration_ms: 0\n  ...\n"
        "not ok 4 - t/a_test.lua: alone\n"
        "  ---\n  duration_ms: 0\n  message: |2\n    x\n  ...\n"
        "not ok 5 - t/b\\#?_test.lua\n"
        "  ---\n  message: |2\n    t/b: broken & beyond\n  hint: |2\n    mend it\n  ...\n");
}

struct seen {
    unsigned suites;
    unsigned cases;
    unsigned failures;
    unsigned errors;
    unsigned skipped;
    char classname[64];
    char text[512];
    bool in_failure;
};

static void
on_element(void *ctx, const char *name, const char **attributes)
{
    struct seen *seen = ctx;

    seen->suites += strcmp(name, "testsuite") == 0;
    seen->cases += strcmp(name, "testcase") == 0;
    seen->failures += strcmp(name, "failure") == 0;
    seen->errors += strcmp(name, "error") == 0;
    seen->skipped += strcmp(name, "skipped") == 0;
    seen->in_failure = strcmp(name, "failure") == 0;
    if (strcmp(name, "testcase") == 0 && seen->cases == 1)
        (void)snprintf(seen->classname, sizeof(seen->classname), "%s|%s", attributes[1],
            attributes[3]);
}

static void
on_end(void *ctx, const char *name)
{
    ((struct seen *)ctx)->in_failure = false;
}

static void
on_characters(void *ctx, const char *data, int len)
{
    struct seen *seen = ctx;
    size_t have = strlen(seen->text);

    if (seen->in_failure)
        (void)snprintf(seen->text + have, sizeof(seen->text) - have, "%.*s", len, data);
}

static void
junit_is_well_formed_and_loses_no_text(void **state)
{
    struct world *world = *state;
    XML_Parser parser = XML_ParserCreate(NULL);
    struct seen seen = { 0 };

    aks_test_junit_write(&world->results, &world->out);
    assert_int_equal(aks_buf_status(&world->out, "junit", &world->err), AKS_OK);
    XML_SetUserData(parser, &seen);
    XML_SetElementHandler(parser, on_element, on_end);
    XML_SetCharacterDataHandler(parser, on_characters);
    if (XML_Parse(parser, world->out.data, (int)world->out.len, 1) != XML_STATUS_OK)
        fail_msg("line %lu: %s\n%s", XML_GetCurrentLineNumber(parser),
            XML_ErrorString(XML_GetErrorCode(parser)), world->out.data);
    XML_ParserFree(parser);
    assert_int_equal(seen.suites, 2);
    assert_int_equal(seen.cases, 5);
    assert_int_equal(seen.failures, 1);
    assert_int_equal(seen.errors, 2);
    assert_int_equal(seen.skipped, 1);
    assert_string_equal(seen.classname, "TestA|test_good");
    assert_string_equal(seen.text,
        "x.lua:3: expected: \"<a>\" & 'b'\n  ]]> <!-- # \\ ? ? ?\n\nlast");
    assert_non_null(strstr(world->out.data, "<testsuites name=\"akosha-sync test\" tests=\"5\" "
        "failures=\"1\" errors=\"2\" skipped=\"1\" time=\"1.500\">"));
}

static void
json_is_one_document(void **state)
{
    struct world *world = *state;
    json_t *document;
    json_t *file;

    assert_int_equal(aks_test_json_write(&world->results, 3, false, &world->out, &world->err),
        AKS_OK);
    assert_ptr_equal(strchr(world->out.data, '\n'), world->out.data + world->out.len - 1);
    document = json_loads(world->out.data, 0, NULL);
    assert_non_null(document);
    assert_int_equal(json_integer_value(json_object_get(document, "seed")), 12345);
    assert_int_equal(json_integer_value(json_object_get(document, "exit_code")), 3);
    assert_true(json_is_false(json_object_get(document, "success")));
    file = json_array_get(json_object_get(document, "files"), 0);
    assert_int_equal(json_array_size(json_object_get(file, "tests")), 4);
    assert_true(json_is_null(json_object_get(file, "error")));
    file = json_array_get(json_object_get(document, "files"), 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(file, "error"),
        "failure")), "policy");
    file = json_array_get(json_object_get(document, "coverage"), 1);
    assert_string_equal(json_string_value(json_object_get(file, "never_reached")), "5-7,9-10");
    assert_int_equal(json_array_size(json_object_get(file, "failures_never_tried")), 18);
    json_decref(document);
}

static void
a_list_names_every_test(void **state)
{
    struct world *world = *state;

    aks_test_text_list(&world->text, &world->out);
    assert_non_null(strstr(world->out.data, "t/a_test.lua    TestA.test_bad\n"));
    aks_buf_reset(&world->out);
    assert_int_equal(aks_test_json_list(&world->results, 0, false, &world->out, &world->err),
        AKS_OK);
    assert_non_null(strstr(world->out.data, "{\"file\": \"t/a_test.lua\", \"name\": \"alone\"}"));
}

static int
reports_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_test_results results;
    struct aks_error err = { 0 };
    struct aks_buf out;

    aks_buf_init(&out, alloc, 1000000);
    if (aks_test_results_init(&results, alloc, paths, 2, &err) == AKS_OK &&
        fill(&results) == AKS_OK) {
        aks_test_junit_write(&results, &out);
        aks_test_tap_write(&results, &out);
        (void)aks_test_json_write(&results, 0, true, &out, &err);
    }
    aks_buf_fini(&out);
    aks_test_results_fini(&results);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    failing_alloc_loop(reports_in, NULL, 500);
}

int
main(void)
{
#define REPORT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        REPORT_TEST(results_are_counted_and_have_an_exit_code),
        REPORT_TEST(text_names_failures_and_closes_with_a_sum),
        REPORT_TEST(verbose_text_has_every_test),
        REPORT_TEST(coverage_says_what_was_never_tried),
        REPORT_TEST(tap_is_what_a_harness_reads),
        REPORT_TEST(junit_is_well_formed_and_loses_no_text),
        REPORT_TEST(json_is_one_document),
        REPORT_TEST(a_list_names_every_test),
        REPORT_TEST(any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("test_report", tests, NULL, NULL);
}
