/* Questions about a bucket and a key: which are asked, how, and what is made of the answers. */
#include "engine/target_s3_inspect.h"

#include "engine/s3_script.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MARKER "/bucket/pre/systems/laptop-7/"
#define NONCE "abababababababababababababababab"
#define CODE(code) "<Error><Code>" code "</Code></Error>"
#define DENIED CODE("AccessDenied")

static const char *const lines[AKS_S3_QUESTIONS] = {
    [AKS_S3_ASK_PUT] = "PUT " MARKER,
    [AKS_S3_ASK_PUT_AGAIN] = "PUT " MARKER,
    [AKS_S3_ASK_LIST_OWN] =
        "GET /bucket?list-type=2&max-keys=1&prefix=pre%2Fsystems%2Flaptop-7%2F",
    [AKS_S3_ASK_LIST_ALL] = "GET /bucket?list-type=2&max-keys=1",
    [AKS_S3_ASK_READ_OWN] = "GET " MARKER ".doctor-" NONCE,
    [AKS_S3_ASK_READ_OTHER] = "GET /bucket/pre/systems/laptop-7-" NONCE "/x",
    [AKS_S3_ASK_DELETE] = "DELETE " MARKER ".doctor-" NONCE,
    [AKS_S3_ASK_DELETE_AGAIN] = "DELETE " MARKER ".doctor-" NONCE,
    [AKS_S3_ASK_STRANGER_LIST] = "GET /bucket?list-type=2&max-keys=1",
    [AKS_S3_ASK_STRANGER_READ] = "GET " MARKER,
    [AKS_S3_ASK_POLICY_STATUS] = "GET /bucket?policyStatus=",
    [AKS_S3_ASK_PUBLIC_ACCESS] = "GET /bucket?publicAccessBlock=",
    [AKS_S3_ASK_ENCRYPTION] = "GET /bucket?encryption=",
    [AKS_S3_ASK_VERSIONING] = "GET /bucket?versioning=",
    [AKS_S3_ASK_LIFECYCLE] = "GET /bucket?lifecycle=",
};

struct answer {
    int status;
    const char *headers;
    const char *body;
};

/* As a store would say to a key that may everything, but for one condition. */
static const struct answer open_store[AKS_S3_QUESTIONS] = {
    [AKS_S3_ASK_PUT] = { 200, "Date: Thu, 01 Jan 1970 01:00:00 GMT\n", NULL },
    [AKS_S3_ASK_PUT_AGAIN] = { 412, NULL, CODE("PreconditionFailed") },
    [AKS_S3_ASK_LIST_OWN] = { 200, NULL, NULL },
    [AKS_S3_ASK_LIST_ALL] = { 200, NULL, NULL },
    [AKS_S3_ASK_READ_OWN] = { 404, NULL, CODE("NoSuchKey") },
    [AKS_S3_ASK_READ_OTHER] = { 404, NULL, CODE("NoSuchKey") },
    [AKS_S3_ASK_DELETE] = { 403, NULL, DENIED },
    [AKS_S3_ASK_DELETE_AGAIN] = { 204, NULL, NULL },
    [AKS_S3_ASK_STRANGER_LIST] = { 200, NULL, NULL },
    [AKS_S3_ASK_STRANGER_READ] = { 403, NULL, DENIED },
    [AKS_S3_ASK_POLICY_STATUS] = { 200, NULL, "<PolicyStatus><IsPublic>true</IsPublic>"
        "</PolicyStatus>" },
    [AKS_S3_ASK_PUBLIC_ACCESS] = { 404, NULL, CODE("NoSuchPublicAccessBlockConfiguration") },
    [AKS_S3_ASK_ENCRYPTION] = { 200, NULL, "<ServerSideEncryptionConfiguration><Rule>"
        "<SSEAlgorithm>AES256</SSEAlgorithm></Rule></ServerSideEncryptionConfiguration>" },
    [AKS_S3_ASK_VERSIONING] = { 200, NULL, "<html>what</html>" },
    [AKS_S3_ASK_LIFECYCLE] = { 403, NULL, DENIED },
};

static enum aks_status
no_chance(void *ctx, void *data, size_t len, struct aks_error *err)
{
    memset(data, 0xab, len);
    return AKS_OK;
}

static void
begin(struct s3_script *script, const struct aks_alloc *alloc)
{
    s3_script_begin(script, alloc);
    script->scripted.port.entropy.fill = no_chance;
}

static void
expect(struct s3_script *script, enum aks_s3_question question, const struct answer *answer)
{
    scripted_expect(&script->scripted, lines[question], answer->status, answer->headers,
        answer->body);
}

static void
inspect(struct s3_script *script, const struct answer answers[AKS_S3_QUESTIONS],
    struct aks_s3_inspected *ret_told)
{
    for (int i = 0; i < AKS_S3_QUESTIONS; i++) {
        if (answers[i].status != 0)
            expect(script, (enum aks_s3_question)i, &answers[i]);
    }
    memset(&script->done, 0, sizeof(script->done));
    aks_s3_inspect(script->target, ret_told, s3_script_done, &script->done);
    assert_int_equal(s3_script_wait(script, &script->done), AKS_OK);
}

static void
every_question_is_asked_once_and_its_answer_kept(void **state)
{
    struct aks_s3_inspected told;
    struct s3_script script;

    begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, open_store, &told);
    for (int i = 0; i < AKS_S3_QUESTIONS; i++) {
        /* What is no answer of S3's is as if it had not been asked. */
        assert_int_equal(told.http[i], i == AKS_S3_ASK_VERSIONING ? 0 : open_store[i].status);
    }
    assert_string_equal(told.code[AKS_S3_ASK_LIFECYCLE], "AccessDenied");
    assert_true(told.bucket.is_public);
    assert_string_equal(told.bucket.encryption, "AES256");
    assert_int_equal(script.scripted.request_count, AKS_S3_QUESTIONS);
    assert_true(told.clock_known);
    assert_int_equal(told.clock_ahead_ms, 3600000 - script.scripted.wall_ms);
    s3_script_end(&script);
}

/* What is written is the marker, and what is removed is not there, and asked for under a condition
 * that nothing meets, as long as that tells enough. */
static void
nothing_is_done_to_what_is_stored(void **state)
{
    struct aks_s3_inspected told;
    struct s3_script script;

    begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, open_store, &told);
    for (size_t i = 0; i < script.scripted.request_count; i++) {
        const struct scripted_request *request = &script.scripted.requests[i];

        if (strncmp(request->line, "GET ", 4) == 0)
            continue;
        assert_int_equal(request->body_len, 0);
        if (strncmp(request->line, "PUT ", 4) == 0) {
            assert_string_equal(request->line, "PUT " MARKER);
            assert_string_equal(scripted_header(&script.scripted, i, "if-none-match"), "*");
        } else {
            assert_string_equal(request->line, lines[AKS_S3_ASK_DELETE]);
            if (i == AKS_S3_ASK_DELETE)
                assert_string_equal(scripted_header(&script.scripted, i, "if-match"),
                    "\"00000000000000000000000000000000\"");
        }
    }
    s3_script_end(&script);
}

static void
without_markers_none_is_put(void **state)
{
    struct answer answers[AKS_S3_QUESTIONS];
    struct aks_s3_inspected told;
    struct s3_script script;

    memcpy(answers, open_store, sizeof(answers));
    answers[AKS_S3_ASK_PUT].status = 0;
    answers[AKS_S3_ASK_PUT_AGAIN].status = 0;
    answers[AKS_S3_ASK_STRANGER_READ].status = 0;
    begin(&script, aks_alloc_system());
    script.target_settings.no_markers = true;
    s3_script_create(&script);
    inspect(&script, answers, &told);
    assert_int_equal(told.http[AKS_S3_ASK_PUT], 0);
    assert_int_equal(script.scripted.request_count, AKS_S3_QUESTIONS - 3);
    s3_script_end(&script);
}

static void
a_stranger_shows_no_key(void **state)
{
    struct aks_s3_inspected told;
    struct s3_script script;

    begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, open_store, &told);
    for (size_t i = 0; i < script.scripted.request_count; i++) {
        bool stranger = i == AKS_S3_ASK_STRANGER_LIST || i == AKS_S3_ASK_STRANGER_READ;
        const struct scripted_request *request = &script.scripted.requests[i];

        assert_int_equal(scripted_header(&script.scripted, i, "authorization") == NULL, stranger);
        assert_int_equal(scripted_header(&script.scripted, i, "x-amz-security-token") == NULL,
            stranger);
        if (stranger)
            assert_string_equal(request->headers, "");
        assert_null(strstr(request->url, "AKIDEXAMPLE"));
        assert_null(strstr(request->url, "PLANTED"));
    }
    s3_script_end(&script);
}

static void
what_is_clear_at_once_is_not_tried_again(void **state)
{
    struct answer answers[AKS_S3_QUESTIONS];
    struct aks_s3_inspected told;
    struct s3_script script;

    memcpy(answers, open_store, sizeof(answers));
    answers[AKS_S3_ASK_PUT].status = 412;
    answers[AKS_S3_ASK_PUT].body = CODE("PreconditionFailed");
    answers[AKS_S3_ASK_PUT_AGAIN].status = 0;
    answers[AKS_S3_ASK_DELETE].status = 412;
    answers[AKS_S3_ASK_DELETE_AGAIN].status = 0;
    begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, answers, &told);
    assert_int_equal(told.http[AKS_S3_ASK_PUT], 412);
    assert_int_equal(told.http[AKS_S3_ASK_PUT_AGAIN], 0);
    assert_int_equal(told.http[AKS_S3_ASK_DELETE_AGAIN], 0);
    s3_script_end(&script);
}

/* Whoever does not answer is not asked the rest, and nothing is taken for an answer. */
static void
without_an_answer_the_rest_stays_unknown(void **state)
{
    struct aks_s3_inspected told;
    struct s3_script script;

    begin(&script, aks_alloc_system());
    s3_script_create(&script);
    scripted_expect(&script.scripted, "PUT " MARKER, 412, NULL, NULL);
    scripted_fails(&script.scripted, lines[AKS_S3_ASK_LIST_OWN], AKS_TIMEOUT, AKS_HTTP_ANSWER);
    memset(&script.done, 0, sizeof(script.done));
    aks_s3_inspect(script.target, &told, s3_script_done, &script.done);
    assert_int_equal(s3_script_wait(&script, &script.done), AKS_OK);
    assert_int_equal(told.http[AKS_S3_ASK_PUT], 412);
    for (int i = AKS_S3_ASK_PUT + 1; i < AKS_S3_QUESTIONS; i++)
        assert_int_equal(told.http[i], 0);
    assert_false(told.clock_known);
    s3_script_end(&script);
}

static void
freeing_the_target_ends_it(void **state)
{
    struct aks_s3_inspected told;
    struct s3_script script;

    begin(&script, aks_alloc_system());
    s3_script_create(&script);
    scripted_expect(&script.scripted, "PUT " MARKER, 200, NULL, NULL)->silent = true;
    memset(&script.done, 0, sizeof(script.done));
    aks_s3_inspect(script.target, &told, s3_script_done, &script.done);
    while (script.scripted.request_count < 1)
        assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    aks_target_s3.free(script.target);
    script.target = NULL;
    assert_int_equal(script.scripted.cancelled, 1);
    assert_int_equal(script.done.calls, 0);
    s3_script_end(&script);
}

static void
told_or_not(void *ctx, const struct aks_outcome *outcome)
{
    struct s3_done *done = ctx;

    done->calls++;
}

static int
inspect_in(void *ctx, const struct aks_alloc *alloc)
{
    struct s3_script script;
    struct aks_s3_inspected told;

    begin(&script, alloc);
    for (int i = 0; i < AKS_S3_QUESTIONS; i++)
        expect(&script, (enum aks_s3_question)i, &open_store[i]);
    if (aks_target_s3.create(&script.options, &script.target, NULL) == AKS_OK) {
        memset(&script.done, 0, sizeof(script.done));
        aks_s3_inspect(script.target, &told, told_or_not, &script.done);
        for (int i = 0; i < 1000 && script.done.calls == 0; i++)
            (void)aks_loop_turn(&script.loop, NULL);
        assert_int_equal(script.done.calls, 1);
    }
    for (size_t i = 0; i < script.scripted.exchange_count; i++)
        script.scripted.exchanges[i].used = true;
    s3_script_end(&script);
    return 0;
}

static void
an_inspection_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(inspect_in, NULL, 2000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_is_asked_once_and_its_answer_kept),
        cmocka_unit_test(nothing_is_done_to_what_is_stored),
        cmocka_unit_test(without_markers_none_is_put),
        cmocka_unit_test(a_stranger_shows_no_key),
        cmocka_unit_test(what_is_clear_at_once_is_not_tried_again),
        cmocka_unit_test(without_an_answer_the_rest_stays_unknown),
        cmocka_unit_test(freeing_the_target_ends_it),
        cmocka_unit_test(an_inspection_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("target_s3_inspect", tests, NULL, NULL);
}
