/* An S3 target whose credentials have to be asked for: it waits for them before it signs anything,
 * and sends again what was refused, and nothing else, when there are new ones. */
#include "engine/s3_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CREATE "POST " S3_SCRIPT_PATH "?uploads="
#define CREATED "<InitiateMultipartUploadResult><UploadId>id/1</UploadId>" \
    "</InitiateMultipartUploadResult>"
#define PART(n) "PUT " S3_SCRIPT_PATH "?partNumber=" #n "&uploadId=id%2F1"
#define CODE(code) "<Error><Code>" code "</Code><Message>m</Message></Error>"
#define HEAD "HEAD " S3_SCRIPT_MARKER
#define GET "GET " S3_SCRIPT_MARKER
#define TOLD(token) "{\"Version\": 1, \"AccessKeyId\": \"AKID" token "\", \"SecretAccessKey\": \"" \
    S3_SCRIPT_SECRET "\", \"SessionToken\": \"PLANTED" token "\"}"

static void
begin(struct s3_script *script)
{
    s3_script_begin(script, aks_alloc_system());
    scripted_set(&script->scripted, "AWS_ACCESS_KEY_ID=");
    scripted_set(&script->scripted, "AWS_SECRET_ACCESS_KEY=");
    scripted_set(&script->scripted, "AWS_SESSION_TOKEN=");
    scripted_file(&script->scripted, "/home/test/.aws/config",
        "[default]\ncredential_process = tool\n", 0600);
    script->scripted.program.output = TOLD("first");
    s3_script_create(script);
}

static const char *
token(const struct s3_script *script, size_t request)
{
    return scripted_header(&script->scripted, request, "x-amz-security-token");
}

static void
it_asks_for_them_first_and_once(void **state)
{
    struct s3_script script;

    begin(&script);
    assert_int_equal(script.scripted.program.runs, 0);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_string_equal(token(&script, 0), "PLANTEDfirst");
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    assert_int_equal(script.scripted.program.runs, 1);
    s3_script_end(&script);
}

static void
without_them_nothing_is_asked(void **state)
{
    struct s3_script script;

    begin(&script);
    script.scripted.program.exit_code = 3;
    assert_int_equal(s3_script_available(&script), AKS_AUTH_MISSING);
    assert_non_null(strstr(script.done.outcome.error.message,
        "cloud: credentials of profile default, credential_process: its command tool ended"));
    assert_int_equal(script.scripted.request_count, 0);
    /* No program is asked twice for one question: whoever waits has somewhere else to go. */
    assert_int_equal(script.scripted.program.runs, 1);
    s3_script_end(&script);
}

static void
only_what_was_refused_is_sent_again(void **state)
{
    struct s3_script script;

    begin(&script);
    s3_script_open(&script);
    scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&script.scripted, PART(1), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&script.scripted, PART(2), 400, NULL, CODE("ExpiredToken"));
    scripted_expect(&script.scripted, PART(3), 400, NULL, CODE("ExpiredToken"));
    for (uint32_t i = 1; i <= 3; i++)
        s3_script_send(&script, i, S3_SCRIPT_PART_BYTES, i == 3);
    assert_int_equal(s3_script_sent(&script, 1), AKS_OK);
    script.scripted.program.output = TOLD("second");
    scripted_expect(&script.scripted, PART(2), 200, "ETag: \"two\"\n", NULL);
    scripted_expect(&script.scripted, PART(3), 200, "ETag: \"three\"\n", NULL);
    assert_int_equal(s3_script_sent(&script, 2), AKS_OK);
    assert_int_equal(s3_script_sent(&script, 3), AKS_OK);
    assert_int_equal(script.scripted.request_count, 6);
    assert_string_equal(token(&script, 3), "PLANTEDfirst");
    assert_string_equal(token(&script, 4), "PLANTEDsecond");
    assert_string_equal(token(&script, 5), "PLANTEDsecond");
    assert_int_equal(script.scripted.program.runs, 2);
    s3_script_end(&script);
}

static void
new_ones_that_are_refused_as_well_are_the_end(void **state)
{
    struct s3_script script;

    begin(&script);
    for (int i = 0; i < 2; i++) {
        scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
        scripted_expect(&script.scripted, GET, 400, NULL, CODE("ExpiredToken"));
    }
    assert_int_equal(s3_script_available(&script), AKS_AUTH_EXPIRED);
    assert_int_equal(script.scripted.program.runs, 2);
    s3_script_end(&script);
}

static void
a_wrong_key_is_refused_once(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 403, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("SignatureDoesNotMatch"));
    assert_int_equal(s3_script_available(&script), AKS_AUTH_INVALID);
    assert_int_equal(script.scripted.program.runs, 1);
    s3_script_end(&script);
}

static void
a_renewal_that_fails_is_the_error_of_whoever_waits(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, HEAD, 200, NULL, NULL);
    assert_int_equal(s3_script_available(&script), AKS_OK);
    scripted_expect(&script.scripted, HEAD, 400, NULL, NULL);
    scripted_expect(&script.scripted, GET, 400, NULL, CODE("ExpiredToken"));
    script.scripted.program.exit_code = 1;
    assert_int_equal(s3_script_available(&script), AKS_AUTH_MISSING);
    assert_non_null(strstr(script.done.outcome.error.message, "ended with exit code 1"));
    s3_script_end(&script);
}

static void
a_target_may_go_while_it_waits(void **state)
{
    struct s3_script script;

    s3_script_begin(&script, aks_alloc_system());
    script.target_settings.credentials = (char *)(uintptr_t)"instance";
    s3_script_create(&script);
    scripted_expect(&script.scripted, "PUT /latest/api/token", 200, NULL, NULL)->silent = true;
    aks_target_s3.available(script.target, s3_script_done, &script.done);
    for (int i = 0; i < 3 && script.scripted.calls_under_way == 0; i++)
        assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    assert_int_equal(script.scripted.calls_under_way, 1);
    aks_target_s3.free(script.target);
    script.target = NULL;
    assert_int_equal(script.scripted.calls_under_way, 0);
    assert_int_equal(script.done.calls, 0);
    s3_script_end(&script);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_asks_for_them_first_and_once),
        cmocka_unit_test(without_them_nothing_is_asked),
        cmocka_unit_test(only_what_was_refused_is_sent_again),
        cmocka_unit_test(new_ones_that_are_refused_as_well_are_the_end),
        cmocka_unit_test(a_wrong_key_is_refused_once),
        cmocka_unit_test(a_renewal_that_fails_is_the_error_of_whoever_waits),
        cmocka_unit_test(a_target_may_go_while_it_waits),
    };

    return cmocka_run_group_tests_name("s3: credentials", tests, NULL, NULL);
}
