/* Questions about a bucket and a key: which are asked, how, and what is made of the answers. */
#include "engine/target_s3_inspect.h"

#include "engine/s3_answers.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
inspect(struct s3_script *script, const struct s3_answer answers[AKS_S3_QUESTIONS],
    struct aks_s3_inspected *ret_told)
{
    s3_answers_expect(script, answers);
    memset(&script->done, 0, sizeof(script->done));
    aks_s3_inspect(script->target, ret_told, s3_script_done, &script->done);
    assert_int_equal(s3_script_wait(script, &script->done), AKS_OK);
}

static void
every_question_is_asked_once_and_its_answer_kept(void **state)
{
    struct aks_s3_inspected told;
    struct s3_script script;

    s3_answers_begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, s3_answers_open, &told);
    for (int i = 0; i < AKS_S3_QUESTIONS; i++) {
        /* What is no answer of S3's is as if it had not been asked. */
        assert_int_equal(told.http[i], i == AKS_S3_ASK_VERSIONING ? 0 : s3_answers_open[i].status);
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

    s3_answers_begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, s3_answers_open, &told);
    for (size_t i = 0; i < script.scripted.request_count; i++) {
        const struct scripted_request *request = &script.scripted.requests[i];

        if (strncmp(request->line, "GET ", 4) == 0)
            continue;
        assert_int_equal(request->body_len, 0);
        if (strncmp(request->line, "PUT ", 4) == 0) {
            assert_string_equal(request->line, "PUT " S3_SCRIPT_MARKER);
            assert_string_equal(scripted_header(&script.scripted, i, "if-none-match"), "*");
        } else {
            assert_string_equal(request->line, s3_answers_lines[AKS_S3_ASK_DELETE]);
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
    struct s3_answer answers[AKS_S3_QUESTIONS];
    struct aks_s3_inspected told;
    struct s3_script script;

    memcpy(answers, s3_answers_open, sizeof(answers));
    answers[AKS_S3_ASK_PUT].status = 0;
    answers[AKS_S3_ASK_PUT_AGAIN].status = 0;
    answers[AKS_S3_ASK_STRANGER_READ].status = 0;
    s3_answers_begin(&script, aks_alloc_system());
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

    s3_answers_begin(&script, aks_alloc_system());
    s3_script_create(&script);
    inspect(&script, s3_answers_open, &told);
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
    struct s3_answer answers[AKS_S3_QUESTIONS];
    struct aks_s3_inspected told;
    struct s3_script script;

    memcpy(answers, s3_answers_open, sizeof(answers));
    answers[AKS_S3_ASK_PUT].status = 412;
    answers[AKS_S3_ASK_PUT].body = S3_ANSWERS_CODE("PreconditionFailed");
    answers[AKS_S3_ASK_PUT_AGAIN].status = 0;
    answers[AKS_S3_ASK_DELETE].status = 412;
    answers[AKS_S3_ASK_DELETE_AGAIN].status = 0;
    s3_answers_begin(&script, aks_alloc_system());
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

    s3_answers_begin(&script, aks_alloc_system());
    s3_script_create(&script);
    scripted_expect(&script.scripted, "PUT " S3_SCRIPT_MARKER, 412, NULL, NULL);
    scripted_fails(&script.scripted, s3_answers_lines[AKS_S3_ASK_LIST_OWN], AKS_TIMEOUT,
        AKS_HTTP_ANSWER);
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

    s3_answers_begin(&script, aks_alloc_system());
    s3_script_create(&script);
    scripted_expect(&script.scripted, "PUT " S3_SCRIPT_MARKER, 200, NULL, NULL)->silent = true;
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

    s3_answers_begin(&script, alloc);
    s3_answers_expect(&script, s3_answers_open);
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
