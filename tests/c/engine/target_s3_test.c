#include "engine/s3_script.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CREATE "POST " S3_SCRIPT_PATH "?uploads="
#define CREATED "<InitiateMultipartUploadResult><UploadId>id/1</UploadId>" \
    "</InitiateMultipartUploadResult>"
#define PART(n) "PUT " S3_SCRIPT_PATH "?partNumber=" #n "&uploadId=id%2F1"
#define COMPLETE "POST " S3_SCRIPT_PATH "?uploadId=id%2F1"
#define COMPLETED "<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag>" \
    "</CompleteMultipartUploadResult>"
#define HEAD "HEAD " S3_SCRIPT_PATH
#define ABORT "DELETE " S3_SCRIPT_PATH "?uploadId=id%2F1"
#define CODE(code) "<Error><Code>" code "</Code><Message>why</Message></Error>"

static void
begin(struct s3_script *script)
{
    s3_script_begin(script, aks_alloc_system());
    s3_script_create(script);
    s3_script_open(script);
}

/* Two parts that are sent and stored. */
static void
send_two(struct s3_script *script)
{
    scripted_expect(&script->scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&script->scripted, PART(1), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&script->scripted, PART(2), 200, "ETag: \"two\"\n", NULL);
    s3_script_send(script, 1, 10, false);
    s3_script_send(script, 2, 3, true);
    assert_int_equal(s3_script_sent(script, 1), AKS_OK);
    assert_int_equal(s3_script_sent(script, 2), AKS_OK);
}

static void
a_part_that_is_all_goes_as_one_put(void **state)
{
    struct s3_script script;
    const struct scripted_request *put;

    begin(&script);
    scripted_expect(&script.scripted, "PUT " S3_SCRIPT_PATH, 200, "ETag: \"one\"\n", NULL);
    s3_script_send(&script, 1, 4, true);
    assert_int_equal(s3_script_sent(&script, 1), AKS_OK);
    assert_int_equal(s3_script_finish(&script, 4), AKS_OK);
    put = scripted_last(&script.scripted);
    assert_string_equal(put->url, "https://s3.example:9000" S3_SCRIPT_PATH);
    assert_string_equal(put->body, "pppp");
    /* SHA-256 of four p. */
    assert_string_equal(scripted_header(&script.scripted, 0, "x-amz-content-sha256"),
        "7cbccda65959a4fe629dbdf546ae3ddea9328ae5a53498785f4a27394fe26515");
    assert_string_equal(scripted_header(&script.scripted, 0, "x-amz-date"), "20261123T064500Z");
    assert_string_equal(scripted_header(&script.scripted, 0, "x-amz-security-token"),
        S3_SCRIPT_TOKEN);
    assert_string_equal(scripted_header(&script.scripted, 0, "x-amz-meta-akosha-upload"), "up");
    assert_non_null(strstr(scripted_header(&script.scripted, 0, "authorization"),
        "Credential=AKIDEXAMPLE/20261123/us-east-1/s3/aws4_request, SignedHeaders=content-type;"
        "host;x-amz-content-sha256;x-amz-date;x-amz-meta-akosha-nonce;x-amz-meta-akosha-upload;"
        "x-amz-security-token, Signature="));
    assert_int_equal(put->stall_timeout_ms, 30000);
    assert_int_equal(put->connect_timeout_ms, 10000);
    s3_script_end(&script);
}

static void
parts_wait_for_the_upload_and_go_side_by_side(void **state)
{
    struct s3_script script;

    begin(&script);
    send_two(&script);
    assert_int_equal(script.scripted.calls_most, 2);
    assert_true(script.scripted.requests[0].fresh_connection);
    scripted_expect(&script.scripted, COMPLETE, 200, NULL, "\n   " COMPLETED);
    scripted_expect(&script.scripted, HEAD, 200, "Content-Length: 13\n", NULL);
    assert_int_equal(s3_script_finish(&script, 13), AKS_OK);
    assert_string_equal(script.scripted.requests[3].line, COMPLETE);
    assert_non_null(strstr(script.scripted.requests[3].body, "<PartNumber>1</PartNumber>"));
    assert_non_null(strstr(script.scripted.requests[3].body, "two"));
    assert_int_equal(script.scripted.requests[3].answer_timeout_ms, 300000);
    assert_int_equal(script.scripted.requests[3].stall_timeout_ms, 300000);
    assert_null(scripted_header(&script.scripted, 3, "x-amz-mp-object-size"));
    s3_script_end(&script);
}

static void
parts_that_do_not_add_up_are_not_completed(void **state)
{
    struct s3_script script;

    begin(&script);
    script.settings.retry.tries = 1;
    send_two(&script);
    assert_int_equal(s3_script_finish(&script, 14), AKS_CORRUPT);
    s3_script_end(&script);
}

static void
a_size_that_differs_is_no_success_but_who_may_not_look_trusts(void **state)
{
    static const struct {
        int http;
        const char *headers;
        enum aks_status status;
    } rows[] = {
        { 200, "Content-Length: 12\n", AKS_CORRUPT }, { 404, NULL, AKS_CORRUPT },
        { 403, NULL, AKS_OK }, { 500, NULL, AKS_OK }, { 200, NULL, AKS_OK },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_script script;

        begin(&script);
        script.settings.retry.tries = 1;
        send_two(&script);
        scripted_expect(&script.scripted, COMPLETE, 200, NULL, COMPLETED);
        scripted_expect(&script.scripted, HEAD, rows[i].http, rows[i].headers, NULL);
        assert_int_equal(s3_script_finish(&script, 13), rows[i].status);
        s3_script_end(&script);
    }
}

/* Headers of an object with the nonce that Create was given. */
static const char *
own_headers(const struct s3_script *script, const char *bytes)
{
    static char text[200];

    strcpy(text, "Content-Length: ");
    strcat(text, bytes);
    strcat(text, "\n" S3_SCRIPT_NONCE ": ");
    strcat(text, scripted_header(&script->scripted, 0, S3_SCRIPT_NONCE));
    return strcat(text, "\n");
}

static void
a_lost_answer_to_complete_is_settled_by_looking(void **state)
{
    static const struct {
        enum aks_status transport;
        int http;
        const char *body;
    } rows[] = {
        { AKS_TIMEOUT, 0, NULL }, { AKS_STALLED, 0, NULL }, { AKS_BAD_REPLY, 200, "<Comp" },
        { AKS_OK, 200, "<Compl" }, { AKS_OK, 500, CODE("InternalError") }, { AKS_OK, 502, NULL },
        { AKS_OK, 200, CODE("InternalError") }, { AKS_OK, 404, CODE("NoSuchUpload") },
        { AKS_OK, 412, CODE("PreconditionFailed") },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scripted_exchange *complete;
        struct s3_script script;

        begin(&script);
        send_two(&script);
        complete = scripted_expect(&script.scripted, COMPLETE, rows[i].http, NULL, rows[i].body);
        complete->transport = rows[i].transport;
        scripted_expect(&script.scripted, HEAD, 200, own_headers(&script, "13"), NULL);
        assert_int_equal(s3_script_finish(&script, 13), AKS_OK);
        s3_script_end(&script);
    }
}

static void
what_is_there_from_somebody_else_is_not_taken_for_ours(void **state)
{
    static const char *const headers[] = {
        "Content-Length: 13\n", "Content-Length: 13\n" S3_SCRIPT_NONCE ": other\n"
    };
    struct s3_script script;

    for (size_t i = 0; i < 3; i++) {
        begin(&script);
        send_two(&script);
        scripted_expect(&script.scripted, COMPLETE, 404, NULL, CODE("NoSuchUpload"));
        scripted_expect(&script.scripted, HEAD, 200,
            i < 2 ? headers[i] : own_headers(&script, "12"), NULL);
        assert_int_equal(s3_script_finish(&script, 13), AKS_NOT_FOUND);
        assert_int_equal(script.done.outcome.verdict, AKS_RESTART);
        s3_script_end(&script);
    }
}

static void
an_error_inside_a_success_of_complete_is_tried_again(void **state)
{
    struct s3_script script;

    begin(&script);
    send_two(&script);
    scripted_expect(&script.scripted, COMPLETE, 200, NULL, "  \n" CODE("InternalError"));
    scripted_expect(&script.scripted, HEAD, 404, NULL, NULL);
    scripted_expect(&script.scripted, COMPLETE, 200, NULL, COMPLETED);
    scripted_expect(&script.scripted, HEAD, 200, "Content-Length: 13\n", NULL);
    assert_int_equal(s3_script_finish(&script, 13), AKS_OK);
    s3_script_end(&script);
}

static void
a_part_that_is_gone_needs_a_new_upload(void **state)
{
    struct s3_script script;

    begin(&script);
    send_two(&script);
    scripted_expect(&script.scripted, COMPLETE, 400, NULL, CODE("InvalidPart"));
    scripted_expect(&script.scripted, HEAD, 404, NULL, NULL);
    assert_int_equal(s3_script_finish(&script, 13), AKS_CONFLICT);
    assert_int_equal(script.done.outcome.verdict, AKS_RESTART);
    s3_script_end(&script);
}

static void
an_upload_that_cannot_begin_fails_every_part_that_waits(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, CREATE, 403, NULL, CODE("AccessDenied"));
    s3_script_send(&script, 1, 10, false);
    s3_script_send(&script, 2, 10, false);
    s3_script_send(&script, 3, 3, true);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(s3_script_sent(&script, i), AKS_FORBIDDEN);
        assert_int_equal(script.parts[i].outcome.verdict, AKS_NEXT_TARGET);
    }
    s3_script_end(&script);
}

static void
a_part_is_sent_again_and_signed_anew(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&script.scripted, PART(1), 503, "Retry-After: 40\n", CODE("SlowDown"));
    scripted_expect(&script.scripted, PART(1), 200, "ETag: \"one\"\n", NULL);
    s3_script_send(&script, 1, 10, false);
    assert_int_equal(s3_script_sent(&script, 1), AKS_OK);
    assert_string_equal(scripted_header(&script.scripted, 1, "x-amz-date"), "20261123T064500Z");
    assert_string_equal(scripted_header(&script.scripted, 2, "x-amz-date"), "20261123T064540Z");
    scripted_expect(&script.scripted, PART(2), 200, NULL, NULL);
    scripted_expect(&script.scripted, PART(2), 200, "ETag: two\n", NULL);
    s3_script_send(&script, 2, 3, true);
    assert_int_equal(s3_script_sent(&script, 2), AKS_OK);
    s3_script_end(&script);
}

static void
a_source_that_changed_is_told_from_bytes_that_were_damaged(void **state)
{
    struct s3_script script;

    begin(&script);
    script.settings.retry.tries = 1;
    for (int changed = 0; changed < 2; changed++) {
        struct aks_part part = { 0 };

        scripted_expect(&script.scripted, "PUT " S3_SCRIPT_PATH, 400, NULL,
            CODE("XAmzContentSHA256Mismatch"));
        part.number = 1;
        part.last = true;
        part.body.bytes = 0;
        if (!changed)
            aks_sha256("", 0, part.sha256);
        memset(&script.parts[1], 0, sizeof(script.parts[1]));
        aks_target_s3.send(script.object, &part, s3_script_done, &script.parts[1]);
        assert_int_equal(s3_script_sent(&script, 1), changed ? AKS_SOURCE_CHANGED : AKS_CORRUPT);
    }
    s3_script_end(&script);
}

static void
abort_gives_back_and_cancels_what_is_under_way(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&script.scripted, PART(1), 200, NULL, NULL)->silent = true;
    /* The cut part may get through after the first: the second makes sure. */
    scripted_expect(&script.scripted, ABORT, 204, NULL, NULL);
    scripted_expect(&script.scripted, ABORT, 404, NULL, CODE("NoSuchUpload"));
    s3_script_send(&script, 1, 10, false);
    while (script.scripted.request_count < 2)
        assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    assert_int_equal(s3_script_abort(&script), AKS_OK);
    assert_int_equal(script.scripted.cancelled, 1);
    assert_int_equal(script.parts[1].calls, 0);
    s3_script_end(&script);
}

static void
abort_tells_whether_the_other_side_is_clean(void **state)
{
    static const struct {
        int http;
        const char *body;
        enum aks_status status;
        int asked;
    } rows[] = {
        { 204, NULL, AKS_OK, 1 }, { 404, CODE("NoSuchUpload"), AKS_OK, 1 },
        { 404, CODE("NoSuchBucket"), AKS_NOT_FOUND, 1 },
        { 403, CODE("AccessDenied"), AKS_FORBIDDEN, 1 }, { 500, NULL, AKS_SERVER, 4 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_script script;

        begin(&script);
        send_two(&script);
        for (int asked = 0; asked < rows[i].asked; asked++)
            scripted_expect(&script.scripted, ABORT, rows[i].http, NULL, rows[i].body);
        assert_int_equal(s3_script_abort(&script), rows[i].status);
        s3_script_end(&script);
    }
}

static void
abort_of_what_was_not_sent_asks_nothing_and_of_a_put_deletes_it(void **state)
{
    struct s3_script script;

    begin(&script);
    assert_int_equal(s3_script_abort(&script), AKS_OK);
    aks_target_s3.object_free(script.object);
    s3_script_open(&script);
    scripted_expect(&script.scripted, "PUT " S3_SCRIPT_PATH, 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&script.scripted, "DELETE " S3_SCRIPT_PATH, 204, NULL, NULL);
    s3_script_send(&script, 1, 4, true);
    assert_int_equal(s3_script_sent(&script, 1), AKS_OK);
    assert_int_equal(s3_script_abort(&script), AKS_OK);
    s3_script_end(&script);
}

static void
abort_waits_a_little_for_the_id_of_an_upload_that_just_begins(void **state)
{
    struct scripted_exchange *create;
    struct s3_script script;

    for (int silent = 0; silent < 2; silent++) {
        begin(&script);
        create = scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED);
        create->silent = true;
        s3_script_send(&script, 1, 10, false);
        while (script.scripted.request_count < 1)
            assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
        create->silent = silent;
        if (!silent)
            scripted_expect(&script.scripted, ABORT, 204, NULL, NULL);
        assert_int_equal(s3_script_abort(&script), silent ? AKS_TIMEOUT : AKS_OK);
        assert_int_equal(script.parts[1].calls, 0);
        s3_script_end(&script);
    }
}

static void
an_upload_whose_id_was_lost_is_told_by_abort(void **state)
{
    struct s3_script script;

    begin(&script);
    script.settings.retry.tries = 1;
    scripted_fails(&script.scripted, CREATE, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    s3_script_send(&script, 1, 10, false);
    assert_int_equal(s3_script_sent(&script, 1), AKS_TIMEOUT);
    assert_int_equal(s3_script_abort(&script), AKS_TIMEOUT);
    assert_non_null(strstr(script.done.outcome.error.hint, "lifecycle"));
    s3_script_end(&script);
}

static void
fewer_parts_go_at_once_when_the_server_asks_for_it(void **state)
{
    struct s3_script script;

    begin(&script);
    assert_int_equal(aks_target_s3.parts_in_flight(script.target), 4);
    scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&script.scripted, PART(1), 503, NULL, CODE("SlowDown"));
    scripted_expect(&script.scripted, PART(2), 503, NULL, CODE("SlowDown"));
    scripted_expect(&script.scripted, PART(1), 200, "ETag: \"one\"\n", NULL);
    scripted_fails(&script.scripted, PART(2), AKS_STALLED, AKS_HTTP_SEND);
    scripted_expect(&script.scripted, PART(2), 200, "ETag: \"two\"\n", NULL);
    s3_script_send(&script, 1, 10, false);
    s3_script_send(&script, 2, 3, false);
    while (script.scripted.request_count < 4)
        assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    /* Both were told within the same second. */
    assert_int_equal(aks_target_s3.parts_in_flight(script.target), 2);
    assert_int_equal(s3_script_sent(&script, 1), AKS_OK);
    assert_int_equal(s3_script_sent(&script, 2), AKS_OK);
    assert_int_equal(aks_target_s3.parts_in_flight(script.target), 1);
    for (unsigned i = 0; i < 9; i++) {
        scripted_expect(&script.scripted, PART(3), 200, "ETag: \"three\"\n", NULL);
        s3_script_send(&script, 3, 3, false);
        assert_int_equal(s3_script_sent(&script, 3), AKS_OK);
    }
    assert_int_equal(aks_target_s3.parts_in_flight(script.target), 2);
    s3_script_end(&script);
}

static void
the_target_may_go_before_its_object(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED)->silent = true;
    s3_script_send(&script, 1, 10, false);
    assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    aks_target_s3.free(script.target);
    script.target = NULL;
    assert_int_equal(script.scripted.cancelled, 1);
    s3_script_end(&script);
}

static void
a_request_that_cannot_be_sent_fails_its_try(void **state)
{
    struct s3_script script;

    begin(&script);
    script.scripted.refuse_submit = true;
    s3_script_send(&script, 1, 10, true);
    assert_int_equal(s3_script_sent(&script, 1), AKS_LIMIT);
    assert_string_equal(script.parts[1].outcome.error.message,
        "cloud: PUT of part 1 of x.duckdb: no more connections");
    s3_script_end(&script);
}

static void
objects_that_cannot_be_are_refused_at_once(void **state)
{
    struct aks_object_spec spec = { 0 };
    struct aks_target_object *object = NULL;
    struct s3_script script;
    char longest[1100];

    begin(&script);
    spec.content_type = "x/y";
    spec.source = "x";
    spec.part_bytes = 10;
    spec.bytes = 100001;
    spec.key = "a/b";
    assert_int_equal(aks_target_s3.open(script.target, &spec, &object, NULL), AKS_LIMIT);
    spec.bytes = 5;
    spec.key = "a/../b";
    assert_int_equal(aks_target_s3.open(script.target, &spec, &object, NULL), AKS_SETTINGS);
    memset(longest, 'k', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    spec.key = longest;
    assert_int_equal(aks_target_s3.open(script.target, &spec, &object, NULL), AKS_LIMIT);
    assert_null(object);
    s3_script_end(&script);
}

static int
upload_in(void *ctx, const struct aks_alloc *alloc)
{
    struct s3_script script;

    s3_script_begin(&script, alloc);
    if (aks_target_s3.create(&script.options, &script.target, NULL) == AKS_OK) {
        struct aks_object_spec spec = { .key = S3_SCRIPT_KEY, .content_type = "x/y",
        .source = "x", .bytes = -1, .part_bytes = 10 };

        (void)aks_target_s3.open(script.target, &spec, &script.object, NULL);
    }
    s3_script_end(&script);
    return 0;
}

/* A whole upload; what fails for want of memory may fail, but nothing is lost or told twice. */
static int
send_in(void *ctx, const struct aks_alloc *alloc)
{
    struct s3_script script;

    s3_script_begin(&script, alloc);
    for (int i = 0; i < 3; i++) {
        scripted_expect(&script.scripted, CREATE, 200, NULL, CREATED);
        scripted_expect(&script.scripted, PART(1), 200, "ETag: \"one\"\n", NULL);
        scripted_expect(&script.scripted, PART(2), 200, "ETag: \"two\"\n", NULL);
        scripted_expect(&script.scripted, COMPLETE, 200, NULL, COMPLETED);
        scripted_expect(&script.scripted, HEAD, 200, "Content-Length: 13\n", NULL);
    }
    scripted_expect(&script.scripted, ABORT, 204, NULL, NULL);
    if (aks_target_s3.create(&script.options, &script.target, NULL) == AKS_OK) {
        struct aks_object_spec spec = { .key = S3_SCRIPT_KEY, .content_type = "x/y",
        .source = "x", .bytes = -1, .part_bytes = 10 };

        if (aks_target_s3.open(script.target, &spec, &script.object, NULL) == AKS_OK)
            s3_script_upload(&script);
    }
    for (size_t i = 0; i < script.scripted.exchange_count; i++)
        script.scripted.exchanges[i].used = true;
    s3_script_end(&script);
    return 0;
}

static void
an_upload_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(send_in, NULL, 1000);
}

static void
making_a_target_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(upload_in, NULL, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_that_is_all_goes_as_one_put),
        cmocka_unit_test(parts_wait_for_the_upload_and_go_side_by_side),
        cmocka_unit_test(parts_that_do_not_add_up_are_not_completed),
        cmocka_unit_test(a_size_that_differs_is_no_success_but_who_may_not_look_trusts),
        cmocka_unit_test(a_lost_answer_to_complete_is_settled_by_looking),
        cmocka_unit_test(what_is_there_from_somebody_else_is_not_taken_for_ours),
        cmocka_unit_test(an_error_inside_a_success_of_complete_is_tried_again),
        cmocka_unit_test(a_part_that_is_gone_needs_a_new_upload),
        cmocka_unit_test(an_upload_that_cannot_begin_fails_every_part_that_waits),
        cmocka_unit_test(a_part_is_sent_again_and_signed_anew),
        cmocka_unit_test(a_source_that_changed_is_told_from_bytes_that_were_damaged),
        cmocka_unit_test(abort_gives_back_and_cancels_what_is_under_way),
        cmocka_unit_test(abort_tells_whether_the_other_side_is_clean),
        cmocka_unit_test(abort_of_what_was_not_sent_asks_nothing_and_of_a_put_deletes_it),
        cmocka_unit_test(abort_waits_a_little_for_the_id_of_an_upload_that_just_begins),
        cmocka_unit_test(an_upload_whose_id_was_lost_is_told_by_abort),
        cmocka_unit_test(fewer_parts_go_at_once_when_the_server_asks_for_it),
        cmocka_unit_test(the_target_may_go_before_its_object),
        cmocka_unit_test(a_request_that_cannot_be_sent_fails_its_try),
        cmocka_unit_test(objects_that_cannot_be_are_refused_at_once),
        cmocka_unit_test(an_upload_survives_any_allocation_that_fails),
        cmocka_unit_test(making_a_target_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("target_s3", tests, NULL, NULL);
}
